//! Programs in text form; expected values from closed forms, CPython and NumPy.

use super::*;
use crate::ir::text::parse_program;

const TRAPS: &str =
    "trap0 = K701 IndexError \"index {i64} of {i64}\"\ntrap1 = K704 MemoryError \"no memory\"\n";

struct Run {
    outcome: Outcome,
    lines: Vec<String>,
}

#[track_caller]
fn run_with(text: &str, args: &[Value], buffers: Vec<Vec<u8>>, limits: &Limits) -> Run {
    let program = parse_program(&format!("{TRAPS}{text}")).unwrap_or_else(|error| panic!("{error}"));
    let mut host = Collector::default();
    let outcome = run(&program, args, Memory::new(buffers), &mut host, limits);
    Run { outcome, lines: host.lines }
}

#[track_caller]
fn run_text(text: &str, args: &[Value]) -> Run {
    run_with(text, args, Vec::new(), &Limits::default())
}

fn int(value: i64) -> Value {
    Value::Scalar(value as u64)
}

fn real(value: f64) -> Value {
    Value::Scalar(value.to_bits())
}

fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn vector(buffer: u32, first: i64, count: i64, step: i64) -> Value {
    Value::Array(ArrayArg {
        buffer: BufferId(buffer),
        offset: 8 * first,
        shape: vec![count],
        strides: vec![8 * step],
    })
}

fn reals(memory: &Memory, buffer: u32) -> Vec<f64> {
    let words = memory.bytes(BufferId(buffer)).as_chunks::<8>().0;
    words.iter().map(|&word| f64::from_le_bytes(word)).collect()
}

#[track_caller]
fn result(text: &str, args: &[Value]) -> Vec<Value> {
    run_text(text, args).outcome.result.unwrap_or_else(|failure| panic!("{failure:?}"))
}

#[track_caller]
fn fails_internally(text: &str, args: &[Value], buffers: Vec<Vec<u8>>, words: &str) {
    match run_with(text, args, buffers, &Limits::default()).outcome.result {
        Err(Failure::Internal(found)) => assert!(found.contains(words), "{found}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn counted_loops_run_up_and_down() {
    let text = "func f(n: i64) -> i64, i64 {
  s: i64 = 0
  for i in 0 .. n {
    s = s + i
  }
  t: i64 = 0
  for i.2 in 10 .. 0 step -3 {
    t = 100 * t + i.2
  }
  return s, t
}";
    // 0 + ... + 99; 10, 7, 4, 1.
    assert_eq!(result(text, &[int(100)]), [int(4950), int(10_070_401)]);
    assert_eq!(result(text, &[int(-5)])[0], int(0));
}

#[test]
fn jumps_leave_the_innermost_loop() {
    let text = "func f(n: i64) -> i64 {
  s: i64 = 0
  k: i64 = 0
  while {
    %go: bool = k < n
  } test %go {
    k = k + 1
    if k % 2 == 0 {
      continue
    }
    for j in 0 .. 100 {
      if j == k {
        break
      }
      s = s + 1
    }
    if k > 8 {
      break
    }
  }
  return s
}";
    assert_eq!(result(text, &[int(1000)]), [int(1 + 3 + 5 + 7 + 9)]);
}

#[test]
fn stores_reach_the_callers_memory() {
    let text = "func axpy(a: f64, x: f64[:] read, y: f64[:]) {
  for i in 0 .. dim(x, 0) {
    check index(i, y, 0) else trap0(i, dim(y, 0))
    y[i] += a * x[i]
  }
}";
    let args = [real(2.0), vector(0, 0, 3, 1), vector(1, 2, 3, -1)];
    let run =
        run_with(text, &args, vec![bytes(&[1.0, 2.0, 3.0]), bytes(&[10.0, 20.0, 30.0])], &Limits::default());
    assert_eq!(run.outcome.result, Ok(Vec::new()));
    assert_eq!(reals(&run.outcome.memory, 1), [16.0, 24.0, 32.0]);
}

#[test]
fn a_check_fails_with_its_values_after_the_stores_before_it() {
    let text = "func f(y: f64[::1]) {
  for i in 0 .. 5 {
    check index(i, y, 0) else trap0(i, dim(y, 0))
    y[i] = 1.0
  }
}";
    let run = run_with(text, &[vector(0, 0, 3, 1)], vec![bytes(&[0.0; 4])], &Limits::default());
    let trap = crate::ir::TrapId::from_u32(0);
    assert_eq!(run.outcome.result, Err(Failure::Trap { trap, args: vec![3, 3], detail: None }));
    assert_eq!(reals(&run.outcome.memory, 0), [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn negative_indices_wrap() {
    let text = "func f(x: f64[::1], i: i64) -> f64 {
  check index(i, x, 0) else trap0(i, dim(x, 0))
  return x[wrap(i, dim(x, 0))]
}";
    let run =
        |i| run_with(text, &[vector(0, 0, 3, 1), int(i)], vec![bytes(&[1.0, 2.0, 3.0])], &Limits::default());
    assert_eq!(run(-1).outcome.result, Ok(vec![real(3.0)]));
    assert_eq!(run(-3).outcome.result, Ok(vec![real(1.0)]));
    assert!(matches!(run(-4).outcome.result, Err(Failure::Trap { .. })));
}

#[test]
fn a_missing_check_is_our_error() {
    let x = vec![bytes(&[1.0, 2.0, 3.0])];
    let text = "func f(x: f64[:], i: i64) -> f64 {\n  return x[i]\n}";
    // The element exists in the buffer, but not in the array.
    fails_internally(text, &[vector(0, 0, 2, 1), int(2)], x.clone(), "index 2 of 2");
    let text = "func f(x: f64[:], i: i64) -> f64 {\n  return x@[base(x) + i, 8]\n}";
    fails_internally(text, &[vector(0, 0, 3, 1), int(16)], x.clone(), "outside buffer 0");
    fails_internally(text, &[vector(0, 0, 3, 1), int(1 << 40)], x, "outside buffer 0");
}

#[test]
fn addresses_reach_elements() {
    let text = "func f(x: f64[:], i: i64) -> f64 {\n  return x@[base(x) + i * stride(x, 0), -8]\n}";
    let run =
        run_with(text, &[vector(0, 0, 3, 1), int(2)], vec![bytes(&[1.0, 2.0, 3.0])], &Limits::default());
    assert_eq!(run.outcome.result, Ok(vec![real(2.0)]));
}

#[test]
fn views_and_copies_share_memory() {
    let text = "func f(x: f64[:]) {
  to: f64[:] borrowed = view x[slice(1, 3, 1)]
  from: f64[:] borrowed = view x[slice(0, 3, 1)]
  copy to = from
  back: f64[:] borrowed = view x[slice(3, 2, -3)]
  back[1] = 9.0
}";
    let run = run_with(text, &[vector(0, 0, 4, 1)], vec![bytes(&[1.0, 2.0, 3.0, 4.0])], &Limits::default());
    assert_eq!(run.outcome.result, Ok(Vec::new()));
    // NumPy: x[1:] = x[:-1]; x[3::-3][1] = 9
    assert_eq!(reals(&run.outcome.memory, 0), [9.0, 1.0, 2.0, 3.0]);
}

#[test]
fn layouts_are_held_to() {
    let text = "func f(x: f64[::1]) {\n}";
    fails_internally(text, &[vector(0, 0, 2, 2)], vec![bytes(&[0.0; 4])], "does not lie in memory");
    let text = "func f(x: f64[:]) {\n}";
    fails_internally(text, &[vector(0, 1, 4, 1)], vec![bytes(&[0.0; 4])], "outside its buffer");
}

#[test]
fn complex_elements_have_two_lanes() {
    let text = "func f() -> f64 {
  z: c128[:, ::1] owned = alloc[2, 2] else trap1
  fill z = 1.5, -2.0
  z[1, 0].im += 5.0
  t: c128[::1, :] borrowed = transpose z[1, 0]
  im: f64[:, :] borrowed = part t.im
  return 10.0 * im[0, 1] + z[0, 1].re
}";
    assert_eq!(result(text, &[]), [real(31.5)]);
}

#[test]
fn arrays_are_returned_and_counted() {
    let text = "func make(n: i64) -> f64[::1] {
  a: f64[::1] owned = alloc[n] zeroed else trap1
  return a
}
entry func f(n: i64) -> f64[::1], i64 {
  count: i64 = 0
  last: f64[::1] owned = call make(2)
  for i in 0 .. n {
    last = call make(i)
    copy: f64[::1] owned = last
    count = count + dim(copy, 0)
  }
  return last, count
}";
    let run = run_text(&text.replace("copy", "other"), &[int(100)]);
    let results = run.outcome.result.unwrap();
    assert_eq!(results[1], int(4950));
    let Value::Array(array) = &results[0] else { panic!() };
    assert_eq!((array.shape.as_slice(), run.outcome.memory.live_allocations()), (&[99_i64][..], 1));
}

#[test]
fn ownership_is_checked() {
    let text = "func f(n: i64) -> f64 {
  a: f64[::1] owned = alloc[n] zeroed else trap1
  v: f64[:] borrowed = view a[slice(0, 1, 1)]
  release a
  return v[0]
}";
    fails_internally(text, &[int(3)], Vec::new(), "used after its release");
    let text = "func f(n: i64) -> f64 {
  a: f64[::1] owned = alloc[n] zeroed else trap1
  release a
  return a[0]
}";
    fails_internally(text, &[int(3)], Vec::new(), "not bound");
    // A view that owns keeps the memory alive.
    let text = "func f(n: i64) -> f64 {
  a: f64[::1] owned = alloc[n] zeroed else trap1
  v: f64[:] owned = view a[slice(0, 1, 1)]
  release a
  return v[0]
}";
    assert_eq!(result(text, &[int(3)]), [real(0.0)]);
}

#[test]
fn allocations_fail_with_their_trap() {
    let text = "func f(n: i64, m: i64) {\n  a: f64[:, ::1] owned = alloc[n, m] zeroed else trap1\n}";
    let huge = [int(1 << 40), int(1 << 40)];
    assert!(matches!(run_text(text, &huge).outcome.result, Err(Failure::Trap { .. })));
    // Without elements no memory is needed, but the passes rely on the limit of extents.
    assert_eq!(result(text, &[int((1 << 48) - 1), int(0)]), []);
    assert!(matches!(run_text(text, &[int(1 << 48), int(0)]).outcome.result, Err(Failure::Trap { .. })));
    let limits = Limits { memory_bytes: 1000, ..Limits::default() };
    let run = run_with(text, &[int(20), int(10)], Vec::new(), &limits);
    assert!(matches!(run.outcome.result, Err(Failure::Trap { .. })));
}

#[test]
fn uninitialised_reads_and_overflow_are_warnings() {
    let text = "func f(n: i64) -> i64 {
  a: i64[::1] owned = alloc[3] else trap1
  a[1] = n
  if a[1] > 0 {
    return a[1] + n
  }
  return select(a[0] == a[2], 1, 0)
}";
    let codes = |n| run_text(text, &[int(n)]).outcome.warnings.iter().map(|w| w.code).collect::<Vec<_>>();
    assert_eq!(codes(3), []);
    assert_eq!(codes(i64::MAX), [Code::K714]);
    assert_eq!(codes(-1), [Code::K713]);
    assert_eq!(result(text, &[int(i64::MAX)]), [int(-2)]);
}

#[test]
fn recursion_ends_at_the_limit() {
    let text = "trap2 = K705 RecursionError \"too deep\"
func f(n: i64) -> i64 recursion trap2 {
  if n == 0 {
    return 0
  }
  r: i64 = call f(n - 1)
  return r + 1
}";
    // f(n) makes n + 1 entries.
    assert_eq!(result(text, &[int(9_999)]), [int(9_999)]);
    assert!(matches!(run_text(text, &[int(10_000)]).outcome.result, Err(Failure::Trap { .. })));
}

#[test]
fn the_step_limit_ends_endless_loops() {
    let text = "func f() {\n  while true {\n  }\n}";
    let limits = Limits { steps: 10_000, ..Limits::default() };
    assert_eq!(run_with(text, &[], Vec::new(), &limits).outcome.result, Err(Failure::StepLimit));
}

#[test]
fn lines_are_printed_as_in_python() {
    let text = "message0 = \"x {f64:.3f} {f64} {i32:>5} {bool} {c128}\"
func f(x: f64) {
  print message0(x, 1e16, -7_i32, x > 0.0, x, -0.0)
}";
    assert_eq!(run_text(text, &[real(2.5)]).lines, ["x 2.500 1e+16    -7 True (2.5-0j)"]);
}

const SUM: &str = "func body(x: f64[:], s: f64, first: i64, end: i64) -> f64 {
  for i in first .. end {
    s = s + x[i]
  }
  return s
}
entry func f(x: f64[:], s: f64) -> f64 {
  s = fork body(x) trip dim(x, 0) cost COST combine(+)
  return s
}";

#[test]
fn chunks_of_a_sum_are_added_in_order() {
    let values: Vec<f64> = (0..1000).map(|i| 1.0 / f64::from(i + 1)).collect();
    let sum = |cost: &str| {
        let args = [vector(0, 0, 1000, 1), real(0.25)];
        let run = run_with(&SUM.replace("COST", cost), &args, vec![bytes(&values)], &Limits::default());
        run.outcome.result.unwrap()
    };
    // One chunk: the serial sum.
    assert_eq!(sum("1.0"), [real(values.iter().fold(0.25, |s, x| s + x))]);
    // 20 us are five chunks of 200.
    let partial = |k: usize| values[200 * k..200 * (k + 1)].iter().fold(-0.0, |s: f64, x| s + x);
    let first = values[..200].iter().fold(0.25, |s, x| s + x);
    assert_eq!(sum("20.0"), [real((1..5).fold(first, |s, k| s + partial(k)))]);
}

#[test]
fn the_place_of_the_maximum_travels_with_it() {
    let text = "func body(x: f64[:], best: f64, at: i64, seen: i64, first: i64, end: i64) -> f64, i64, i64 {
  for i in first .. end {
    if x[i] > best {
      best = x[i]
      at = i
    }
    seen = i
  }
  return best, at, seen
}
entry func f(x: f64[:]) -> f64, i64, i64 {
  best: f64 = -inf
  at: i64 = -1
  seen: i64 = -1
  best, at, seen = fork body(x) trip dim(x, 0) cost 1000.0 combine(max, with 0, last)
  return best, at, seen
}";
    // The maximum is at 130 and again at 770, in another chunk: the first one counts.
    let mut values = vec![0.0; 1000];
    (values[130], values[770]) = (5.0, 5.0);
    let run = run_with(text, &[vector(0, 0, 1000, 1)], vec![bytes(&values)], &Limits::default());
    assert_eq!(run.outcome.result, Ok(vec![real(5.0), int(130), int(999)]));
}

#[test]
fn histograms_are_private_and_added() {
    let text = "func body(h: i64[:, :], first: i64, end: i64) {
  for i in first .. end {
    h[i % 3, 0] += 1
    h[0, 1] max= i
  }
}
entry func f(n: i64) -> i64, i64, i64, i64 {
  h: i64[:, ::1] owned = alloc[3, 2] zeroed else trap1
  h[2, 0] = 100
  fork body(h) trip n cost 1000.0 accumulate(0 ACC)
  return h[0, 0], h[1, 0], h[2, 0], h[0, 1]
}";
    let only_add = text.replace("    h[0, 1] max= i\n", "").replace("ACC", "+");
    assert_eq!(result(&only_add, &[int(1000)]), [int(334), int(333), int(433), int(0)]);
}

#[test]
fn the_lowest_failing_chunk_wins() {
    let text = "func body(x: f64[:], first: i64, end: i64) {
  for i in first .. end {
    check i % 300 < 250 else trap0(i, 0)
    x[i] = 1.0
  }
}
entry func f(x: f64[:]) {
  fork body(x) trip dim(x, 0) cost 1000.0
}";
    let run = run_with(text, &[vector(0, 0, 1000, 1)], vec![bytes(&[0.0; 1000])], &Limits::default());
    assert!(matches!(run.outcome.result, Err(Failure::Trap { args, .. }) if args == [250, 0]));
    assert_eq!(reals(&run.outcome.memory, 0).iter().sum::<f64>(), 250.0);
}

#[test]
fn random_numbers_are_numpys() {
    let text = "func f() -> f64, f64, f64, i64 {
  runtime random_seed(42)
  a: f64 = runtime random_f64()
  b: f64 = runtime random_f64()
  g: u64[::1] owned = alloc[6] zeroed else trap1
  runtime generator_seed(g, 42)
  c: f64 = runtime generator_f64(g)
  d: i64 = runtime generator_int(g, 0, 10) else trap1
  return a, b, c, d
}";
    let found = result(text, &[]);
    // np.random.seed(42); np.random.random() twice. r = np.random.default_rng(42); r.random(); r.integers(0, 10)
    let expected = [real(0.3745401188473625), real(0.9507143064099162), real(0.7739560485559633)];
    assert_eq!(found[..3], expected);
}

#[test]
fn iterations_draw_the_same_numbers_in_any_chunks() {
    let text = |cost: &str| {
        format!(
            "func body(x: f64[:], first: i64, end: i64) {{
  for i in first .. end {{
    runtime random_iteration(7_u64, i)
    v: f64 = runtime random_f64()
    x[i] = v
  }}
}}
entry func f(x: f64[:]) -> f64 {{
  fork body(x) trip dim(x, 0) cost {cost} random
  runtime random_loop_end(7_u64)
  v: f64 = runtime random_f64()
  return v
}}"
        )
    };
    let run = |cost| {
        let run =
            run_with(&text(cost), &[vector(0, 0, 500, 1)], vec![bytes(&[0.0; 500])], &Limits::default());
        (run.outcome.result.unwrap(), reals(&run.outcome.memory, 0))
    };
    assert_eq!(run("1.0"), run("1000.0"));
}

#[test]
fn a_loop_without_iterations_changes_nothing() {
    let args = [vector(0, 0, 0, 1), real(-0.0)];
    let run = run_with(&SUM.replace("COST", "1.0"), &args, vec![Vec::new()], &Limits::default());
    assert_eq!(run.outcome.result, Ok(vec![real(-0.0)]));
}

#[test]
fn private_copies_keep_the_layout() {
    let text = "func body(h: f64[::1, :], first: i64, end: i64) {
  for i in first .. end {
    h[i % 2, i % 3] += 1.0
  }
}
entry func f(n: i64) -> f64, f64 {
  h: f64[:, ::1] owned = alloc[3, 2] zeroed else trap1
  t: f64[::1, :] borrowed = transpose h[1, 0]
  fork body(t) trip n cost 1000.0 accumulate(0 +)
  return h[0, 0], h[2, 1]
}";
    // i % 6 is 0, and 5.
    assert_eq!(result(text, &[int(601)]), [real(101.0), real(100.0)]);
}
