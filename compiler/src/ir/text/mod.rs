//! The text form of the IR, out and in: what dumps show and what tests are written in.
//!
//! The text is complete but for spans, remarks and declarations that nothing uses: `print(parse(text)) == text` for every
//! printed text. The grammar is in `docs/ir.md`.

mod lex;
mod names;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use parse::{ParseError, parse_program};
pub use print::{print_func, print_program};

/// Words that begin statements or stand for constants: a variable of that name prints with a number.
const RESERVED: &[&str] = &[
    "alloc",
    "break",
    "call",
    "check",
    "continue",
    "copy",
    "else",
    "fill",
    "for",
    "fork",
    "grid",
    "if",
    "inf",
    "inf_f32",
    "nan",
    "nan_f32",
    "new",
    "parallel",
    "part",
    "print",
    "raise",
    "release",
    "return",
    "runtime",
    "same",
    "true",
    "false",
    "not",
    "test",
    "transpose",
    "var",
    "vector",
    "view",
    "while",
    "step",
    "reduce",
    "accumulate",
    "last",
    "origin",
    "with",
];
