//! The text form of strips: what dumps show and tests are written in. `docs/strip.md` explains it.
//!
//! ```text
//! strip "scale" words 3 {
//!   setup {
//!     v0: int = word 0
//!     v1: int = word 1
//!     v2: f64 = word 2
//!     v3: int = 3
//!   }
//!   body {
//!     v4: int = first
//!     v5: int = v4 << v3
//!     v6: int = v0 + v5
//!     v7: f64 = load f64 [v6]
//!     v8: f64 = v2 * v7
//!     v9: int = v1 + v5
//!     store f64 [v9] = v8
//!   }
//! }
//! ```
//!
//! What is printed parses to an equal strip, if every value has a definition.

mod lex;
mod names;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use parse::{ParseError, parse_strip};
pub use print::print_strip;
