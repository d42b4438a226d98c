//! What is written out parses to the same tree.

use super::super::{parse, print::print_ast, unparse::unparse};
use super::robust::{PROGRAMS, Random};

fn check(source: &str) {
    let (ast, diagnostics) = parse(source);
    assert!(diagnostics.is_empty(), "{source}\n{diagnostics:?}");
    let written = unparse(&ast);
    let (again, diagnostics) = parse(&written);
    assert!(diagnostics.is_empty(), "{source}\n{written}\n{diagnostics:?}");
    assert_eq!(print_ast(&again), print_ast(&ast), "{source}\n{written}");
    assert_eq!(unparse(&again), written, "{source}");
}

#[test]
fn programs() {
    PROGRAMS.iter().for_each(|source| check(source));
    for part in include_str!("trees.txt").split("--- source\n").skip(1) {
        check(part.split_once("--- tree\n").expect("a tree after the source").0);
    }
}

/// Random expressions in which every operator stands next to every other, with and without brackets.
#[test]
fn random_expressions() {
    let mut random = Random(0xFEED_5EED_0BAD_CAFE);
    for _ in 0..3_000 {
        let mut source = String::from("def f():\n    return ");
        write_expr(&mut random, 4, &mut source);
        source.push('\n');
        check(&source);
    }
}

fn write_expr(random: &mut Random, depth: u32, out: &mut String) {
    const ATOMS: &[&str] = &[
        "x",
        "y.z",
        "f(x, k=2)",
        "x[0]",
        "x[1:2, ::3]",
        "x[(1, 2)]",
        "7",
        "2.5",
        "1e300",
        "3j",
        "'s\"'",
        "()",
        "(1,)",
        "[x]",
        "None",
        "True",
        "...",
        "f'{x!r:>3}{{'",
        "f\"{f('a')}{x:.2f}\"",
    ];
    const INFIX: &[&str] = &[
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "@",
        "**",
        "&",
        "|",
        "^",
        "<<",
        ">>",
        "and",
        "or",
        "<",
        "==",
        "is not",
        "in",
        "not in",
        "if c else",
    ];
    match if depth == 0 { 0 } else { random.below(8) } {
        0 => out.push_str(ATOMS[random.below(ATOMS.len())]),
        1 => {
            out.push_str(["-", "~", "+", "not "][random.below(3)]);
            write_expr(random, 0, out);
        }
        2 | 3 => {
            out.push('(');
            write_expr(random, depth - 1, out);
            out.push(')');
        }
        4 => {
            out.push_str("(not ");
            write_expr(random, depth - 1, out);
            out.push(')');
        }
        _ => {
            write_expr(random, depth - 1, out);
            out.push_str(&format!(" {} ", INFIX[random.below(INFIX.len())]));
            write_expr(random, depth - 1, out);
        }
    }
}
