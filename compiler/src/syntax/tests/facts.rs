//! What the tree says besides its shape: places, names, documentation, tokens.

use super::super::ast::{ExprKind, StmtKind};
use super::super::{parse, print};
use crate::base::Code;

#[test]
fn tokens() {
    let source = "if x: # c\n\ty = (1,\n  'a')\n\nz=1_0j;w\n";
    let expected = "\
1:1 If \"if\"
1:4 Name \"x\"
1:5 Colon \":\"
1:10 Newline
2:1 Indent
2:2 Name \"y\"
2:4 Assign \"=\"
2:6 LParen \"(\"
2:7 Int \"1\"
2:8 Comma \",\"
3:3 Str \"'a'\"
3:6 RParen \")\"
3:7 Newline
5:1 Dedent
5:1 Name \"z\"
5:2 Assign \"=\"
5:3 Imaginary \"1_0j\"
5:7 Semicolon \";\"
5:8 Name \"w\"
5:9 Newline
6:1 Eof
";
    assert_eq!(print::print_tokens(source), expected);
}

#[test]
fn spans_of_expressions() {
    for (text, expected) in [
        ("(a + b) * c", vec!["a", "b", "a + b", "c", "(a + b) * c"]),
        ("f((x), y = 2)", vec!["f", "x", "2", "f((x), y = 2)"]),
        ("(a, b), c", vec!["a", "b", "(a, b)", "c", "(a, b), c"]),
        ("x[1:, (2)]", vec!["x", "1", "1:", "2", "x[1:, (2)]"]),
        ("not (a) < b", vec!["a", "b", "(a) < b", "not (a) < b"]),
        ("a if (b) else c", vec!["a", "b", "c", "a if (b) else c"]),
        ("'a' 'b'", vec!["'a' 'b'"]),
        ("f'{x + 1:>3} {y}'", vec!["x", "1", "x + 1", "y", "f'{x + 1:>3} {y}'"]),
    ] {
        let source = format!("def f():\n    return {text}\n");
        let (ast, diagnostics) = parse(&source);
        assert!(diagnostics.is_empty(), "{text}");
        let found: Vec<&str> = ast.exprs.values().map(|expr| expr.span.text(&source)).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn spans_of_functions_and_statements() {
    let source = "@njit(\n  parallel=True)\ndef f(x,\n      y) -> f64:\n    if x:\n        return y  # why\n    else: x = 1; y = 2\n\n# end\n\ndef g(): pass\n";
    let (ast, _) = parse(source);
    let f = &ast.functions[0];
    assert_eq!(f.head_span.text(source), "def f(x,\n      y) -> f64");
    assert!(f.span.text(source).starts_with("@njit("));
    assert!(f.span.text(source).ends_with("y = 2"));
    assert_eq!(f.name.span.text(source), "f");
    assert_eq!(f.body[0].span.text(source), "if x");
    let StmtKind::If { body, orelse, .. } = &f.body[0].kind else { panic!("an if") };
    assert_eq!(body[0].span.text(source), "return y");
    assert_eq!(orelse[1].span.text(source), "y = 2");
    assert_eq!(ast.functions[1].span.text(source), "def g(): pass");
}

/// Every statement has a number of its own, below the count.
#[test]
fn statement_numbers() {
    let (ast, _) = parse(
        "def f(x):\n    if x: return 1\n    elif x: return 2\n    else:\n        pass\n    x = 1; x = 2\n",
    );
    assert_eq!(ast.stmt_count, 7);
    let mut ids = Vec::new();
    let mut open: Vec<_> = ast.functions[0].body.iter().collect();
    while let Some(stmt) = open.pop() {
        ids.push(stmt.id.as_u32());
        if let StmtKind::If { body, orelse, .. } = &stmt.kind {
            open.extend(body.iter().chain(orelse));
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn byte_order_mark_and_line_ends() {
    let (ast, diagnostics) = parse("\u{FEFF}def f(x):\r\n    '''a\r\n    b'''\r\n    return x\r\n");
    assert!(diagnostics.is_empty());
    assert_eq!(ast.functions[0].doc.as_deref(), Some("a\nb"));
    assert_eq!(ast.functions[0].span.start, 3);
    let (ast, diagnostics) = parse("def f(x):\r    return x\r");
    assert!(diagnostics.is_empty() && ast.functions[0].body.len() == 1);
}

/// The micro sign is the Greek letter, as in Python, which compares names in normal form NFKC.
#[test]
fn micro_sign() {
    let (ast, diagnostics) = parse("\u{B5} = 1\n\u{3BC}x = \u{B5}\n");
    assert!(diagnostics.is_empty());
    assert_eq!(ast.constants[0].name.name, "\u{3BC}");
    assert!(matches!(&ast.exprs[ast.constants[1].value].kind, ExprKind::Name(name) if name == "\u{3BC}"));
}

#[test]
fn source_too_large() {
    let codes = |source: &str| parse(source).1.iter().map(|d| d.code).collect::<Vec<_>>();
    let limit = super::super::parse::MAX_SOURCE_BYTES;
    assert_eq!(codes(&" ".repeat(limit)), []);
    assert_eq!(codes(&" ".repeat(limit + 1)), [Code::K011]);
}

#[test]
fn main_guard_is_skipped() {
    for guard in ["if __name__ == '__main__':", "if (__name__ == \"__main__\"):"] {
        let source = format!(
            "{guard}\n    with open('x') as f:\n        print([y for y in f])\nelse:\n    lambda: 1\nx = 1\n"
        );
        let (ast, diagnostics) = parse(&source);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!(ast.constants.len(), 1);
    }
}

/// `match` and `type` are names where no statement of theirs begins.
#[test]
fn soft_keywords() {
    let source = "def f(match, type):\n    match = type[match]\n    match(match)\n    match[0] = -match\n    type: i64 = 1\n    print = 2\n    return match - type\n";
    assert_eq!(parse(source).1, []);
}
