//! Each invariant is broken once, in text form where the text can say it.

use super::*;
use crate::ir::expr::{Const, ExprKind};
use crate::ir::func::Func;
use crate::ir::stmt::Stmt;
use crate::ir::text::parse_program;

const HEAD: &str = "trap0 = K701 IndexError \"index {i64}\"\ntrap1 = K704 MemoryError \"no memory\"\n\
                    message0 = \"{c128} {i32}\"\n";

fn rules(program: &Program) -> Vec<&'static str> {
    verify(program).err().unwrap_or_default().iter().map(|violation| violation.rule).collect()
}

/// Breaks these rules, and no others.
#[track_caller]
fn breaks(text: &str, expected: &[&str]) {
    let program = parse_program(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let found = verify(&program).err().unwrap_or_default();
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found.iter().map(|violation| violation.rule).collect::<Vec<_>>(),
        expected,
        "{texts:#?}\n{text}"
    );
}

/// A function with parameters of many types, around the statements.
#[track_caller]
fn body_breaks(stmts: &str, expected: &[&str]) {
    let params =
        "x: f64[:], c: f64[:, ::1], r: f64[::1] read, z: c128[:, ::1], n: i64, s: f64, b: bool, u: u64";
    let callee = "func g(x: f64[::1], n: i64) -> f64, f64[::1] {\n  a: f64[::1] owned = alloc[n] else trap1\n  return 0.0, a\n}\n";
    breaks(&format!("{callee}entry func f({params}) {{\n{stmts}\n}}\n"), expected);
}

#[test]
fn a_sound_program_has_no_violations() {
    body_breaks("s = s + f64(n) * x[n]", &[]);
    body_breaks("for i in 0 .. n {\n  if b {\n    break\n  }\n  continue\n}", &[]);
    body_breaks(
        "v: f64[::1] borrowed = view c[n, :]\nw: f64[::1] read borrowed = view c[n, slice(0, n, 1)]",
        &[],
    );
    body_breaks(
        "v: f64[::1, :] borrowed = transpose c[1, 0]\nw: f64[:, ::1] borrowed = transpose v[1, 0]",
        &[],
    );
    body_breaks("t: f64, a: f64[:] owned = call g(r, n)", &["A3"]);
    body_breaks("t: c128[::1] owned = alloc[3] else trap1\nfill t = s, s\nt[0].im += s", &[]);
}

#[test]
fn types_of_operands() {
    body_breaks("s = f64(n) + s - n", &["E2"]);
    body_breaks("b = s < 1", &["E2"]);
    body_breaks("n = sqrt(n)", &["E2"]);
    body_breaks("s = x[u]", &["E3"]);
    body_breaks("s = c[n]", &["E3"]);
    body_breaks("s = x@[u, 0]", &["E3"]);
    body_breaks("if n {\n}", &["E4"]);
    body_breaks("n = n << u", &["E2"]);
    body_breaks("u = u / u", &["E2"]);
    body_breaks("x[n] = n", &["E2"]);
    body_breaks("z[n, n].re += n", &["E2"]);
    body_breaks("fill z = s", &["E2"]);
    body_breaks("n = dim(x, 1)", &["P1"]);
}

#[test]
fn loops() {
    body_breaks("for i in 0 .. n {\n  i = 3\n}", &["L1"]);
    body_breaks("for n in 0 .. 3 {\n}", &["L1"]);
    body_breaks("for i in 0 .. n {\n  for i in 0 .. n {\n  }\n}", &["L1"]);
    body_breaks("for i in 0 .. n {\n}\nfor i in 0 .. n {\n}", &[]);
    body_breaks("for i in 0 .. n step 0 {\n}", &["L2"]);
    body_breaks("break", &["L3"]);
    body_breaks("parallel i in 0 .. n {\n  break\n}", &["L3"]);
    body_breaks("parallel i in 0 .. n {\n  return\n}", &["L3"]);
    body_breaks("parallel i in 0 .. n {\n  while b {\n    break\n  }\n  continue\n}", &[]);
    body_breaks("for i in 0 .. n reduce(s +) {\n}", &[]);
    body_breaks("for i in 0 .. n reduce(s min) {\n}", &["L5"]);
    body_breaks("for i in 0 .. n reduce(s +) {\n  if b {\n    break\n  }\n}", &["L5"]);
    body_breaks("parallel i in 0 .. n reduce(s &) {\n}", &["L5"]);
    body_breaks("parallel i in 0 .. n reduce(s + with n) {\n}", &["L5"]);
    body_breaks("z[n, n].re *= s", &["L5"]);
}

#[test]
fn arrays() {
    body_breaks("v: f64[::1] borrowed = x", &["A2"]);
    body_breaks("v: f64[::1] borrowed = view c[:, n]", &["A2"]);
    body_breaks("v: f64[::1] borrowed = view c[n, slice(0, n, 2)]", &["A2"]);
    body_breaks("v: f64[:, ::1] borrowed = view c[:, slice(0, n, 1)]", &["A2"]);
    body_breaks("v: f64[:] borrowed = view c[n, n]", &["A5"]);
    body_breaks("v: f64[:] borrowed = r", &["A3"]);
    body_breaks("r[n] = s", &["A3"]);
    body_breaks("v: f64[::1] borrowed = alloc[n] else trap1", &["A4"]);
    body_breaks("v: f64[:] owned = alloc[n] else trap1", &["A5"]);
    body_breaks("v: f64[:, :] borrowed = transpose c[0, 0]", &["A5"]);
    body_breaks("v: f64[:] borrowed = part x.re", &["A5"]);
    body_breaks("x = x", &["F3"]);
    body_breaks("release x", &["F3"]);
    body_breaks("copy c = x", &["A5"]);
}

#[test]
fn calls_and_messages() {
    body_breaks("call g(x, n)", &["A2", "C1"]);
    body_breaks("s = call g(r, n)", &["A3", "C1"]);
    body_breaks("check b else trap0", &["M1"]);
    body_breaks("check b else trap0(s)", &["M1"]);
    body_breaks("check b else trap7", &["P1"]);
    body_breaks("print message0(s, s, i32(n))", &[]);
    body_breaks("print message0(s, n)", &["M1", "M1"]);
    body_breaks("s = runtime random_f64(n)", &["C2"]);
    body_breaks("n = runtime random_f64()", &["C2"]);
    body_breaks("a: f64[::1] borrowed = runtime load(0, 10, 1)", &["A4"]);
}

#[test]
fn parallel_calls() {
    let with = |call: &str| {
        format!(
            "func body(x: f64[:], s: f64, at: i64, lo: i64, hi: i64) -> f64, i64 {{\n  return s, at\n}}\n\
             entry func f(x: f64[:], r: f64[:] read, s: f64, at: i64, n: i64) {{\n  {call}\n}}\n"
        )
    };
    breaks(&with("s, at = fork body(x) trip n cost 1.0 combine(max, with 0)"), &[]);
    breaks(&with("s, at = fork body(x) trip n cost 1.0 combine(+, with 0)"), &["C3"]);
    breaks(&with("s, at = fork body(x) trip n cost 1.0 combine(&, last)"), &["L5"]);
    breaks(&with("s, at = fork body(r) trip n cost 1.0 combine(+, last)"), &["A3"]);
    breaks(&with("s = fork body(x) trip n cost 1.0 combine(+)"), &["C3", "C3"]);
    breaks(&with("s, at = fork body(x, n) trip n cost 1.0 combine(+, last)"), &["C3", "C3"]);
    breaks(&with("s, at = fork body(x) trip n cost 1.0 combine(+, last) accumulate(1 +)"), &["C3"]);
}

#[test]
fn functions_with_results_return() {
    breaks("func f() -> i64 {\n}\n", &["F4"]);
    breaks("func f() -> i64 {\n  return 1.0\n}\n", &["F4"]);
    breaks("func f(b: bool) -> i64 {\n  if b {\n    return 1\n  }\n}\n", &["F4"]);
    breaks("func f(b: bool) -> i64 {\n  if b {\n    return 1\n  } else {\n    raise trap1\n  }\n}\n", &[]);
    breaks("func f() -> i64 {\n  while true {\n  }\n}\n", &[]);
    breaks("func f(x: f64[:] owned) {\n}\n", &["F3"]);
}

#[test]
fn what_the_text_cannot_say() {
    let sound = parse_program("func f(n: i64) -> i64 {\n  m: i64 = n + 1\n  return m\n}\n").unwrap();
    assert_eq!(rules(&sound), Vec::<&str>::new());
    let broken = |edit: &dyn Fn(&mut Func)| {
        let mut program = sound.clone();
        edit(&mut program.funcs[crate::ir::FuncId::from_u32(0)]);
        rules(&program)
    };
    let user = |func: &mut Func, value| {
        let Stmt::Set { local, .. } = func.body[0] else { panic!() };
        func.body.insert(1, Stmt::Set { local, value });
    };
    let first = ExprId::from_u32(0);
    assert_eq!(broken(&|func| user(func, first)), ["F1"]);
    assert_eq!(broken(&|func| user(func, ExprId::from_u32(99))), ["P1"]);
    assert_eq!(broken(&|func| func.params.push(func.params[0])), ["F2"]);
    assert_eq!(broken(&|func| func.locals[LocalId::from_u32(1)].dtype = DType::C64), ["E1", "E2", "E2"]);
    let constant = broken(&|func| {
        let value = func.expr(ExprKind::Const(Const(0)), DType::C128, crate::base::Span::default());
        user(func, value);
    });
    assert_eq!(constant, ["E1", "E2"]);
}
