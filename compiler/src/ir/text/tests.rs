//! Round trips: a printed text, read and printed again, is the same text.

use super::*;
use crate::ir::verify;

/// Uses every statement and every kind of expression.
const EVERYTHING: &str = r#"trap0 = K701 IndexError "index {i64} is out of bounds for axis {i64} with size {i64}"
trap1 = K704 MemoryError "no memory"
trap2 = K705 RecursionError "too deep \"{{}}\" {f64:.3f} {c128}"
message0 = "x is {f64:.3f}, y is {i32}\n"
path0 = "data.npy"

func body(x: f64[:], first: f64, h: f64[::1], s: f64, best: i64, at: i64, lo: i64, hi: i64) -> f64, i64, i64 {
  for i in lo .. hi {
    h[i] += x[i]
    s = s + x[i] * first
  }
  return s, best, at
}

func pair(n: i64) -> f64, f64[::1] recursion trap2 {
  a: f64[::1] owned = alloc[n] zeroed else trap1
  return 0.5, a
}

entry func main(x: f64[:] read, z: c128[:, ::1], w: f32[:, ::1], n: i64, b: bool, e: f32, check.1: u64) -> f64, f64[::1] fastmath(reassoc, contract) recursion trap2 {
  var best: i64
  s: f64 = -0.0
  %t: i64 = n * (n + 1) - -3 // 2 % 7 - (1 - 2)
  %t = -(3) + ~%t + (-%t) ** 2 + abs(%t) << 2 >> 1
  check.1 = check.1 & 3_u64 | 255_u64 ^ 1_u64
  u: f64[::1] owned = alloc[n] else trap1
  v: f64[:] borrowed = view x[slice(0, n, 2)]
  r: c128[::1] borrowed = view z[n - 1, :]
  q: c128[::1, :] borrowed = transpose z[1, 0]
  p: f64[:, :] borrowed = part z.im
  m: f64[:, :] borrowed = view v[new, :]
  u = u
  fill u = 0.5
  fill r = 0.0, 1.0
  copy u = v
  release u
  z[0, 1].im = z[0, 0].re + r[n].im
  u@[base(u) + 8 * n, -16] = x@[base(x), 8]
  u[n] min= 2.5
  u[wrap(n, dim(u, 0))] *= select(b, nan, -inf)
  check index(n, x, 0) else trap0(n, 0, dim(x, 0))
  check not b & (n < 3) else trap1
  for i in 0 .. n step -2 origin internal {
    if b {
      continue
    } else if overlaps(x, u) {
      late: i64 = i
      break
    } else {
      raise trap1
    }
  }
  while {
    %k: bool = late > 0
  } test %k {
    late = late - 1
  }
  while late != stride(x, 0) origin internal {
  }
  parallel j in 0 .. n reduce(s +, best max with late) accumulate(u +) last(%t) {
    s = s + x[j]
  }
  vector j.2 in 0 .. 4 {
    u[j.2] = f64(fma(w[0, j.2], 1.5_f32, e)) + sqrt(s) + pow(s, 2.0) + f64(0x7fc00001_f32) + f64(inf_f32)
  }
  s, best, late = fork body(x, s, u) trip n cost 2.5 combine(+, max, with 1) accumulate(2 +) random
  g: f64, y: f64[::1] owned = call pair(n)
  runtime random_seed(3)
  g = runtime random_f64()
  lo: f64[:, :] owned = runtime load(0, 10, 2) else trap1
  print message0(min(g, s), i32(n))
  if interrupted() {
    return s, u
  }
  return g / s, y
}
"#;

#[track_caller]
fn round_trip(text: &str) {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(print_program(&program), text);
}

#[test]
fn everything_comes_back() {
    round_trip(EVERYTHING);
}

#[test]
fn names_that_look_the_same_get_numbers() {
    let text =
        "func f(x: i64) -> i64 {\n  %x: i64 = x\n  x.2: i64 = %x\n  nan.1: i64 = x.2\n  return nan.1\n}\n";
    let program = parse_program(text).unwrap();
    assert_eq!(print_program(&program), format!("entry {text}"));
    let names: Vec<_> =
        program.funcs.values().next().unwrap().locals.values().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["x", "x", "x", "nan"]);
    assert_eq!(verify(&program), Ok(()));
}

#[test]
fn errors_name_the_line() {
    let error = |text: &str| parse_program(text).unwrap_err().to_string();
    assert_eq!(error("func f() {\n  x = 3\n}\n"), "line 2: unknown variable `x`");
    assert_eq!(error("func f() {\n  call g()\n}\n"), "line 2: unknown function `g`");
    assert_eq!(error("func f() {\n  return (1\n}\n"), "line 3: expected `)`, found Punct(\"}\")");
    assert_eq!(error(""), "line 1: no function");
}
