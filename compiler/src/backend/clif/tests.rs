//! What can be told from the code without running it: that everything compiles, relocates to nothing, and that inner
//! loops are as short as they should be. The tests that run code are the runtime's.

use super::*;
use crate::base::target::Tier;
use crate::ir::text::parse_program;
use crate::ir::verify;
use crate::types::Ty;

fn host_like() -> Target {
    let features = ["has_avx", "has_avx2", "has_fma", "has_sse3", "has_sse41", "has_sse42", "has_ssse3"];
    Target {
        triple: "x86_64-unknown-linux-gnu".into(),
        features: features.map(String::from).to_vec(),
        tier: Tier::Scalar,
    }
}

fn baseline() -> Target {
    Target { triple: "x86_64-unknown-linux-gnu".into(), features: Vec::new(), tier: Tier::Scalar }
}

fn compile_text(text: &str, target: &Target) -> Artifact {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(verify(&program), Ok(()));
    let signature = Signature {
        name: "f".into(),
        params: Vec::new(),
        ret: Ty::None,
        writes: Vec::new(),
        ret_names: Vec::new(),
    };
    compile(&program, signature, target, &mut Scratch::new()).unwrap_or_else(|error| panic!("{error}"))
}

const EVERYTHING: &str = r#"trap0 = K701 IndexError "index {i64} is out of bounds for axis {i64} with size {i64}"
trap1 = K704 MemoryError "no memory"
trap2 = K705 RecursionError "too deep"
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

entry func main(x: f64[:], z: c128[:, ::1], w: f32[:, ::1], n: i64, b: bool, e: f32, k: u64) -> f64, f64[::1] fastmath(reassoc, contract) recursion trap2 {
  var best: i64
  s: f64 = -0.0
  t: i64 = n * (n + 1) - -3 // 2 % 7 - (1 - 2)
  t = -(3) + ~t + (-t) ** 2 + abs(t) << 2 >> 1
  k = k & 3_u64 | 255_u64 ^ 1_u64
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
    c: bool = late > 0
  } test c {
    late = late - 1
  }
  while late != stride(x, 0) origin internal {
  }
  parallel j in 0 .. n reduce(s +, best max with late) accumulate(u +) last(t) {
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

#[test]
fn every_construct_compiles_on_every_tier() {
    for target in [host_like(), baseline()] {
        let artifact = compile_text(EVERYTHING, &target);
        assert_eq!(artifact.parallels.len(), 1);
        assert_eq!(artifact.parallels[0].env_words, 4 + 1 + 4);
        assert_eq!(artifact.parallels[0].array_reductions[0].env_word, 5);
        assert!(artifact.is_recursive);
    }
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let program = parse_program(EVERYTHING).unwrap();
    let mut scratch = Scratch::new();
    let mut compile = || {
        let signature = compile_text(EVERYTHING, &host_like()).signature;
        compile(&program, signature, &host_like(), &mut scratch).unwrap().code
    };
    assert_eq!(compile(), compile());
}

#[test]
fn an_error_leaves_the_scratch_usable() {
    let mut scratch = Scratch::new();
    let good = parse_program("func f(n: i64) -> i64 {\n  return n\n}\n").unwrap();
    let bad = parse_program("func f(n: i64) -> i64 {\n  n = n + 1\n}\n").unwrap();
    let signature = compile_text(EVERYTHING, &host_like()).signature;
    assert!(compile(&bad, signature.clone(), &host_like(), &mut scratch).is_err());
    assert!(compile(&good, signature.clone(), &host_like(), &mut scratch).is_ok());
    let unknown = Target {
        triple: "x86_64-unknown-linux-gnu".into(),
        features: vec!["has_magic".into()],
        tier: Tier::Scalar,
    };
    assert!(compile(&good, signature.clone(), &unknown, &mut scratch).unwrap_err().contains("has_magic"));
    let unknown = Target { triple: "abacus".into(), features: Vec::new(), tier: Tier::Scalar };
    assert!(compile(&good, signature, &unknown, &mut scratch).is_err());
}

#[test]
fn lines_name_places() {
    let program = parse_program("func f(n: i64) -> i64 {\n  return n * n\n}\n").unwrap();
    let signature = compile_text(EVERYTHING, &host_like()).signature;
    let options = CodegenOptions { lines: true, frame_pointers: true };
    let (artifact, lines) =
        compile_with(&program, signature, &host_like(), &mut Scratch::new(), options).unwrap();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|&(at, _)| (at as usize) < artifact.code.len()));
}

#[test]
fn clif_text_names_functions() {
    let text = print_clif(&parse_program(EVERYTHING).unwrap(), &host_like());
    for part in ["; main (entry)\n", "; body\n", "; pair\n", "brif", "call_indirect"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("error"));
}
