//! Whatever the text, the parser returns: no panic, no overflow, no hang.

use super::super::{parse, print, unparse};

/// Valid programs that use the whole grammar.
pub(super) const PROGRAMS: &[&str] = &[
    r#"'''Doc.'''
import numpy as np, math
from numba import njit, prange as p
from math import (sqrt as s, exp,)

N: int = 3
A, (B, C) = 1, (2.5e3, 3j)

@njit(parallel=True, fastmath="x" if False else True)
def step(u: f64[:, ::1], out, k=0.1, *, flag: bool = True) -> f64[:]:
    """Doc
    of step."""
    for i, (a, b) in enumerate(zip(u, out)):
        if not a < b <= 3 and u[i, 1:-1:2, ..., None] == 4 or flag is not None:
            out[i] += k * (u[i - 1] + u[i + 1] ** -2 // 3 % 4 @ u) if k else ~1 << 2
        elif i in (1, 2): continue
        else:
            x = y = a, b = 1, 2; del x, y
            assert x, f"{x!r:>10} {{}} {y=} {np.sin(x)[0]:.3f}"
    else:
        pass
    while True:
        z: i64 = 0x1F + 0b1 + 0o7 + 1_000
        raise ValueError("bad", z)
        break
    return (
        u.sum(axis=0)[::2],  # comment
        "a" 'b' r"\c" "\x41\u03b1\n"
    )

if __name__ == "__main__":
    with open("x") as f: [q for q in f]
"#,
    "def f(x):\r\n\tif x:\r\n\t\treturn 1\r\n\telse:\r\n\t\treturn \\\r\n\t\t\t2\r\n",
];

/// Xorshift.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Parses, prints, and checks that every span lies on character boundaries inside the source.
fn survives(source: &str) {
    let (ast, diagnostics) = parse(source);
    let _ = print::print_ast(&ast);
    let _ = print::print_tokens(source);
    for diagnostic in &diagnostics {
        let span = diagnostic.primary.span;
        let range = span.start as usize..span.end as usize;
        assert!(source.get(range).is_some(), "{span:?} of {diagnostic:?} in {source:?}");
    }
    for expr in ast.exprs.values() {
        let range = expr.span.start as usize..expr.span.end as usize;
        assert!(source.get(range).is_some(), "{expr:?} in {source:?}");
    }
    for (id, function) in ast.functions.iter().enumerate() {
        assert!(function.span.start <= function.head_span.start, "function {id} in {source:?}");
    }
}

#[test]
fn truncations() {
    for program in PROGRAMS {
        for (end, _) in program.char_indices() {
            survives(&program[..end]);
            survives(&program[end..]);
        }
    }
}

#[test]
fn single_byte_mutations() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for program in PROGRAMS {
        for at in 0..program.len() {
            for byte in *b"({'\n " {
                let mut bytes = program.as_bytes().to_vec();
                bytes[at] = byte;
                let _ = parse(&String::from_utf8_lossy(&bytes));
            }
            let mut bytes = program.as_bytes().to_vec();
            bytes[at] = random.next() as u8;
            survives(&String::from_utf8_lossy(&bytes));
            bytes.remove(at);
            survives(&String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn random_bytes() {
    let mut random = Random(0xDEAD_BEEF_1234_5678);
    for _ in 0..3_000 {
        let length = random.below(80);
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        survives(&String::from_utf8_lossy(&bytes));
        let ascii: String = (0..length).map(|_| (random.below(96) as u8 + 32) as char).collect();
        survives(&ascii);
    }
}

#[test]
fn random_token_soup() {
    const WORDS: &[&str] = &[
        "def ",
        "f",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "\n",
        "\n    ",
        "\n        ",
        "\n\t",
        "if ",
        "else",
        "elif ",
        "for ",
        "in ",
        "while ",
        "return ",
        "=",
        "==",
        "+",
        "**",
        "-",
        "not ",
        "and ",
        "or ",
        "lambda ",
        "x",
        "1",
        "2.5",
        "'s'",
        "f'{x}'",
        "f'{",
        "}'",
        "\"\"\"",
        "'",
        "@",
        ".",
        "...",
        ";",
        "\\\n",
        "#c",
        "class ",
        "with ",
        "try",
        "except ",
        "import ",
        "from ",
        "as ",
        "*",
        "!",
        "é",
        "−",
        "yield ",
        "async ",
        "match ",
        "print ",
        "break",
        "pass",
        "del ",
        "assert ",
        "raise ",
        ":=",
        "->",
        "None",
        "\r\n",
        "global ",
        " ",
        "if __name__ ==",
    ];
    let mut random = Random(0x0123_4567_89AB_CDEF);
    for _ in 0..10_000 {
        let length = random.below(40);
        let soup: String = (0..length).map(|_| WORDS[random.below(WORDS.len())]).collect();
        survives(&soup);
    }
}

/// Deep nesting of every kind gets K008 in a thread with a small stack.
#[test]
fn deep_nesting() {
    let deep = |open: &str, middle: &str, close: &str| {
        let n = 5_000;
        format!("x = {}{middle}{}\n", open.repeat(n), close.repeat(n))
    };
    let blocks = |head: &str| {
        let mut source = String::from("def f(x):\n");
        for depth in 1..3_000 {
            source.push_str(&" ".repeat(depth));
            source.push_str(head);
            source.push('\n');
        }
        source.push_str(&" ".repeat(3_000));
        source.push_str("pass\n");
        source
    };
    let sources = [
        deep("(", "1", ")"),
        deep("[", "1", "]"),
        deep("f(", "1", ")"),
        deep("x[", "1", "]"),
        deep("1 + (", "1", ")"),
        deep("a or b and not c < d | e ^ f & g << h + i * -(", "1", ")"),
        deep("1 if x else (", "1", ")"),
        deep("-", "1", ""),
        deep("not ", "1", ""),
        deep("2 ** ", "1", ""),
        deep("1 + ", "1", ""),
        deep("1 if x else ", "1", ""),
        deep("x", "", ".a"),
        deep("x", "", "[0]"),
        deep("x", "", "()"),
        deep("(", "", ""),
        deep("[(", "", ""),
        deep("f'{", "1", "}'"),
        deep("f\"{", "1", "}\""),
        deep("f'''{f\"{", "1", "}\"}'''"),
        blocks("if x:"),
        blocks("while x:"),
        blocks("for i in x:"),
        blocks("with x:"),
        blocks("try:"),
        format!("def f(x):\n    if x: pass\n{}", "    elif x: pass\n".repeat(5_000)),
        format!("def f(x):\n    if x:\n        pass\n{}", "    elif x:\n        pass\n".repeat(5_000)),
        format!("def f(x):\n    for {}a{} in x: pass\n", "(".repeat(5_000), ",)".repeat(5_000)),
        format!("{}x = 1\n", "if x: ".repeat(5_000)),
        format!("def f(x): {}return 1\n", "if x: ".repeat(5_000)),
    ];
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for source in &sources {
            let (ast, diagnostics) = parse(source);
            assert!(!diagnostics.is_empty(), "{}", &source[..40]);
            let _ = print::print_ast(&ast);
        }
    });
    thread.expect("a thread").join().expect("no panic");
}

/// Forms that would make a careless parser quadratic: a hundred kilobytes of each take a moment, not minutes.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test measures time")]
fn linear_time() {
    let size = 120_000;
    for unit in [
        "(\n",
        "x = (\n",
        "f'{'",
        "f'{'\n",
        "f\"{'''\n",
        "f'''{\n",
        "'''",
        "{\n",
        "if x {\n",
        "}",
        "match x\n",
        "([",
        ")",
        "a−",
        "é",
        "if x:\n (\n",
        "def f(:\n",
        "\"\"\" ",
        "1.",
        "\\\n",
        "x;",
        "@",
        "f'{x}' ",
        "if a:pass\n",
        "(]",
        "[(}",
        "else:",
        "a=",
        "def f():\n  x=(1\n",
        "#\n",
        " \n",
        "\t",
        "x\n y\n",
    ] {
        let source = unit.repeat(size / unit.len());
        let begin = std::time::Instant::now();
        let _ = parse(&source);
        assert!(begin.elapsed().as_secs() < 10, "{unit:?} took {:?}", begin.elapsed());
    }
}

/// The deepest programs that are accepted can be walked in a small stack too.
#[test]
fn deepest_accepted() {
    let mut blocks = String::from("def f(x):\n");
    for depth in 1..190 {
        blocks.push_str(&format!("{}if x:\n", "    ".repeat(depth)));
    }
    blocks.push_str(&format!("{}return {}1\n", "    ".repeat(190), "x + ".repeat(290)));
    let elifs = format!("def f(x):\n    if x: pass\n{}", "    elif x: pass\n".repeat(190));
    let brackets = format!("def f(x):\n    return {}x{}\n", "(".repeat(190), ")".repeat(190));
    let unary = format!("def f(x):\n    return {}x\n", "-".repeat(190));
    let calls = format!("def f(x):\n    return {}x{}\n", "f(".repeat(190), ")".repeat(190));
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for source in [blocks, elifs, brackets, unary, calls] {
            let (ast, diagnostics) = parse(&source);
            assert_eq!(diagnostics, []);
            let (again, diagnostics) = parse(&unparse::unparse(&ast));
            assert_eq!(diagnostics, []);
            assert_eq!(print::print_ast(&again), print::print_ast(&ast));
        }
    });
    thread.expect("a thread").join().expect("no panic");
}
