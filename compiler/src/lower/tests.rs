//! What the IR of short programs looks like, and what the host is told. Values are tested in `tests/lower.rs`.

use super::lower;
use crate::backend::interp::{self, ArrayArg, Collector, Limits, Memory, Outcome, Value};
use crate::base::Options;
use crate::infer::{ArgTy, NoHost, annotated_signature, infer};
use crate::ir::text::print_program;
use crate::ir::{Program, Signature, verify::verify};
use crate::syntax::parse;

/// Lowers `f`, whose parameters are annotated or have defaults.
fn compile(source: &str) -> (Program, Signature) {
    let (ast, errors) = parse(source);
    assert!(errors.is_empty(), "{errors:?}");
    let args: Vec<ArgTy> = annotated_signature(&ast, "f").expect("annotations");
    let (inferred, _) = infer(&ast, "f", &args, &Options::default(), &NoHost).expect("types");
    let (program, signature) = lower(&ast, &inferred, source).expect("no internal error");
    assert_eq!(verify(&program), Ok(()), "{}", print_program(&program));
    (program, signature)
}

/// The body of `f` as text, without indentation.
fn body(source: &str) -> Vec<String> {
    let text = print_program(&compile(source).0);
    let start = text.find("entry func f").expect("the entry");
    text[start..].lines().skip(1).take_while(|line| *line != "}").map(|line| line.trim().to_owned()).collect()
}

/// Is there a line that starts like this?
fn has(lines: &[String], start: &str) -> bool {
    lines.iter().any(|line| line.starts_with(start))
}

/// Runs `f` on numbers and arrays of doubles.
fn run(source: &str, scalars: &[u64], arrays: &[&[f64]]) -> (Outcome, Vec<String>) {
    let (program, _) = compile(source);
    let memory = Memory::new(
        arrays.iter().map(|array| array.iter().flat_map(|x| x.to_le_bytes()).collect()).collect(),
    );
    let mut args: Vec<Value> = scalars.iter().map(|&word| Value::Scalar(word)).collect();
    for (i, array) in arrays.iter().enumerate() {
        args.push(Value::Array(ArrayArg {
            buffer: crate::backend::interp::BufferId(i as u32),
            offset: 0,
            shape: vec![array.len() as i64],
            strides: vec![8],
        }));
    }
    let mut host = Collector::default();
    let outcome = interp::run(&program, &args, memory, &mut host, &Limits::default());
    (outcome, host.lines)
}

#[test]
fn the_counter_of_a_loop_needs_no_wrapping() {
    let lines = body("def f(x: f64[:], n: i64):\n    for i in range(n):\n        x[i] = x[i - 1]\n");
    assert!(has(&lines, "x[i] = x[wrap(i - 1, dim(x, 0))]"), "{lines:#?}");
    // A variable that is assigned elsewhere may be negative.
    let lines =
        body("def f(x: f64[:], n: i64):\n    for i in range(n):\n        i -= 1\n        x[i] = 0.0\n");
    assert!(has(&lines, "x[wrap(i, dim(x, 0))] = 0.0"), "{lines:#?}");
}

#[test]
fn literals_take_the_type_of_the_other_operand() {
    let lines = body("def f(x: f32[:]):\n    x[0] = 2 * x[1] + 0.5\n");
    assert!(has(&lines, "x[0] = 2.0_f32 * x[1] + 0.5_f32"), "{lines:#?}");
}

#[test]
fn conditions_nest_where_operands_need_checks() {
    let source = "\
def f(x: f64[:], i: i64):
    while i > 0 and i < 9 and x[i] > 0.0:
        i -= 1
    if i > 0 and x[i] < 1.0 and i < 5:
        x[i] = 2.0
";
    let lines = body(source);
    assert!(has(&lines, "while i > 0 & i < 9") || has(&lines, "while (i > 0) & (i < 9)"), "{lines:#?}");
    assert!(!has(&lines, "cond"), "no temporaries: {lines:#?}");
}

#[test]
fn an_augmented_store_is_an_accumulation() {
    let lines = body("def f(h: i64[:], x: f32[:], i: i64, v: f64):\n    h[i] += 1\n    x[i] -= v\n");
    assert!(has(&lines, "h[wrap(i, dim(h, 0))] += 1"), "{lines:#?}");
    // At f64 the sum is rounded once, to f32: not an accumulation at f32.
    assert!(has(&lines, "x[wrap(i, dim(x, 0))] = "), "{lines:#?}");
}

#[test]
fn views_of_parameters_hold_no_reference() {
    let source =
        "def f(m: f64[:, :]):\n    for i in range(m.shape[0]):\n        row = m[i]\n        row[0] = 1.0\n";
    assert!(has(&body(source), "row: f64[:] borrowed = view m["), "{:#?}", body(source));
    let source = "def f(n: i64):\n    for i in range(n):\n        a = np.zeros(n)\n        b = a[1:]\n        b[0] = 1.0\n";
    assert!(has(&body(source), "b: f64[::1] owned = view a["), "{:#?}", body(source));
}

#[test]
fn checks_can_be_turned_off_and_divisors_can_follow_numpy() {
    let source = "@njit(boundscheck=False, error_model=\"numpy\")\ndef f(x: f64[:], n: i64):\n    x[n] = 1 / x[0] + n // n\n";
    let lines = body(source);
    assert!(!lines.iter().any(|line| line.starts_with("check")), "{lines:#?}");
    assert!(has(&lines, "x[wrap(n, dim(x, 0))] = "), "{lines:#?}");
    let (outcome, _) = run(
        "@njit(error_model=\"numpy\")\ndef f(a: f64, b: f64, n: i64):\n    return a / b, a % b, n // 0, n % (n - n)\n",
        &[1f64.to_bits(), 0, 7],
        &[],
    );
    let words: Vec<u64> = outcome
        .result
        .expect("no error")
        .iter()
        .map(|value| match value {
            Value::Scalar(word) => *word,
            Value::Array(_) => 0,
        })
        .collect();
    assert_eq!(f64::from_bits(words[0]), f64::INFINITY);
    assert!(f64::from_bits(words[1]).is_nan());
    assert_eq!(&words[2..], [0, 0]);
}

#[test]
fn the_host_learns_what_is_written() {
    let source = "\
def put(a, v):
    b = a[1:]
    b[0] = v

def same(a):
    return a

def f(x: f64[:], y: f64[:], z: f64[:], k: f64, n: i64 = 3):
    put(y, x[0])
    w = same(z)
    w[0] = k
    return y, k
";
    let (_, signature) = compile(source);
    assert_eq!(signature.name, "f");
    let names: Vec<&str> = signature.params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x", "y", "z", "k", "n"]);
    assert_eq!(signature.writes, [false, true, true, false, false]);
    assert_eq!(signature.ret_names, [Some("y".into()), Some("k".into())]);
}

#[test]
fn the_signature_of_an_expression_has_no_names() {
    let (_, signature) =
        compile("def f(x: f64[:]):\n    if x[0] > 0:\n        return x[0]\n    return x[1] + 1\n");
    assert_eq!(signature.ret_names, [None]);
    let (_, signature) = compile("def f(x: f64[:]):\n    x[0] = 1\n");
    assert!(signature.ret_names.is_empty());
}

#[test]
fn a_zero_divisor_is_tested_only_where_it_can_be() {
    let lines = body("def f(a: f64, n: i64):\n    return a / 2.0, n // 8, n % 3, a // 0.5\n");
    assert!(!lines.iter().any(|line| line.starts_with("check")), "{lines:#?}");
    let lines = body("def f(a: f64, n: i64):\n    return a / n\n");
    assert!(lines.iter().any(|line| line.starts_with("check")), "{lines:#?}");
}

#[test]
fn small_powers_are_products() {
    let lines = body("def f(a: f64, n: i64):\n    return a ** 2, n ** 3, 2 ** n, a ** 3\n");
    let text = lines.join("\n");
    assert!(text.contains("a * a"), "{text}");
    assert!(text.contains("1 << n"), "{text}");
    assert!(text.contains("pow(a, 3.0)"), "{text}");
}

#[test]
fn errors_name_the_narrowest_place() {
    let source = "def f(x: f64[:], i: i64, j: i64):\n    x[i] = 1.0 / x[j + 1]\n";
    let (program, _) = compile(source);
    let shown: Vec<(&str, &str)> =
        program.traps.values().map(|trap| (trap.exception.as_str(), trap.span.text(source))).collect();
    assert_eq!(
        shown,
        [("IndexError", "j + 1"), ("ZeroDivisionError", "1.0 / x[j + 1]"), ("IndexError", "i")]
    );
}

#[test]
fn prange_is_parallel_only_at_the_outside() {
    let source = "def f(x: f64[:, :]):\n    for i in prange(3):\n        for j in prange(4):\n            x[i, j] = 1.0\n";
    let lines = body(source);
    assert_eq!(lines.iter().filter(|line| line.starts_with("parallel")).count(), 1, "{lines:#?}");
    let source = format!("@njit(parallel=False)\n{source}");
    assert!(!has(&body(&source), "parallel"), "{:#?}", body(&source));
}

#[test]
fn a_drawing_iteration_has_a_stream_of_its_own() {
    let source = "\
def draw():
    return np.random.random()

def f(x: f64[:]):
    for i in prange(len(x)):
        x[i] = draw()
    for i in prange(len(x)):
        x[i] += np.random.random()
    return np.random.random()
";
    let lines = body(source);
    assert_eq!(lines.iter().filter(|line| line.contains("random_iteration")).count(), 2, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("random_loop_end")).count(), 2, "{lines:#?}");
    let (first, _) = run(source, &[], &[&[0.0; 4]]);
    let (again, _) = run(source, &[], &[&[0.0; 4]]);
    assert_eq!(first.result, again.result);
    let words = |outcome: &Outcome| outcome.memory.bytes(crate::backend::interp::BufferId(0)).to_vec();
    assert_eq!(words(&first), words(&again));
    assert_ne!(words(&first)[..8], words(&first)[8..16], "iterations differ");
}

#[test]
fn arrays_of_any_layout_go_where_any_is_taken() {
    let source = "\
def total(x: f64[:]):
    return x.sum()

def f(x: f64[::1]):
    y = x
    for i in range(2):
        y = y[::2]
    return total(x) + total(y) + total(x[::3])
";
    let (outcome, _) = run(source, &[], &[&[1.0, 2.0, 4.0, 8.0, 16.0]]);
    // 31 + (1 + 16) + (1 + 8)
    assert_eq!(outcome.result, Ok(vec![Value::Scalar(57f64.to_bits())]));
}
