//! Round trips: a printed text, read and printed again, is the same text.

use super::*;
use crate::ir::verify;

/// Uses every statement and every kind of expression.
const EVERYTHING: &str = include_str!("everything.ir");

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
