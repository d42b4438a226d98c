//! A file with five mistakes shows five errors: no more, no fewer, at the right lines.

use super::super::parse;

/// Every line with a mistake ends with the comment `# error`, or `# error K123` for one with a certain code.
fn check(source: &str) {
    let (_, diagnostics) = parse(source);
    let found: Vec<String> =
        diagnostics.iter().map(|d| format!("{} {}", d.primary.span.line_column(source).0, d.code)).collect();
    let expected: Vec<String> = source
        .lines()
        .enumerate()
        .filter_map(|(number, line)| Some(format!("{} {}", number + 1, line.split_once("# error ")?.1)))
        .collect();
    assert_eq!(found, expected, "{source}\n{diagnostics:#?}");
}

#[test]
fn five_in_one_function() {
    check(
        "\
def f(x, y):
    a = x +  # error K004
    if x = 1:  # error K004
        return a
    else:
        b = [i for i in x]  # error K202
        c = (b + 1  # error K002
        d = c
    g(1) = 2  # error K006
    return d
",
    );
}

#[test]
fn five_heads() {
    check(
        "\
def f(x)  # error K004
    while x > 0  # error K004
        x -= 1
        if x == 2:
            break
    for i in  # error K004
        continue
    return x

def g(a, a):  # error K009
    return a

def h(a, *args):  # error K208
    return a
",
    );
}

#[test]
fn five_of_indentation_and_brackets() {
    check(
        "\
def f(x):
    y = 1
      z = 2  # error K003
    if x:  # error K003
    y = 2
    y = [1, 2)  # error K002
    y = x]  # error K004
    if y:
        z = 1
      y = 3  # error K003
    return y
",
    );
}

#[test]
fn five_at_module_level() {
    check(
        "\
import numpy as np
from math import *  # error K204
N = 3 +  # error K004
print(N)  # error K201
class A:  # error K201
    def f(self):
        return self

for i in range(3):  # error K201
    print(i)

def f(x):
    return x
",
    );
}

#[test]
fn five_in_the_manner_of_c() {
    check(
        "\
def f(x, y) {  # error K004
    if (x > 0 && y > 0) {  # error K004
        x++  # error K004
    } else {  # error K004
        return !x  # error K004
    }
}

def g(x):
    return x
",
    );
}

#[test]
fn five_that_kernels_do_not_have() {
    check(
        "\
def f(x):
    try:  # error K201
        y = lambda z: z  # error K202
    except ValueError:
        y = {}  # error K202
    finally:
        pass
    with x:  # error K201
        def g():  # error K201
            return [break]
    return y
",
    );
}

#[test]
fn open_brackets() {
    check(
        "\
def f(a: f64[:,  # error K002
      b):
    x = g(a,  # error K002
          b
    y = [1, 2  # error K002
    while (x:  # error K002
        x = h((1, 2)  # error K002
    return x

def g(a, b):
    return {  # error K002
",
    );
}

#[test]
fn branches_of_wrong_heads() {
    check(
        "\
def f(x):
    if x ==:  # error K004
        y = 1
    elif:  # error K004
        y = 2
    else if x:  # error K004
        y = 3
    else  # error K004
        y = 4
    else:  # error K004
        y = 5
    return y
",
    );
}

#[test]
fn an_unclosed_string_takes_one_line() {
    check(
        "\
def f(x):
    print('a, x)  # error K002
    print(\"it's\", x)
    print(f\"{x\")  # error K002
    print(x)
",
    );
}

/// What is understood stays: functions after mistakes, statements around them.
#[test]
fn the_tree_stays() {
    let source =
        "def f(x):\n    y = 1 +\n    return y\n\ndef g(x:\n    return x\n\ndef h(x):\n    return x\n";
    let (ast, diagnostics) = parse(source);
    assert_eq!(diagnostics.len(), 2);
    let names: Vec<&str> = ast.functions.iter().map(|function| function.name.name.as_str()).collect();
    assert_eq!(names, ["f", "g", "h"]);
    assert_eq!(ast.function("f").map(|f| f.body.len()), Some(2));
    assert_eq!(ast.function("h").map(|f| f.body.len()), Some(1));
}

#[test]
fn number_of_errors_is_limited() {
    let (_, diagnostics) = parse(&"x = $\n".repeat(1000));
    assert_eq!(diagnostics.len(), super::super::lexer::MAX_ERRORS);
    let (_, diagnostics) = parse(&"x = = 1\n".repeat(1000));
    assert_eq!(diagnostics.len(), super::super::lexer::MAX_ERRORS);
}
