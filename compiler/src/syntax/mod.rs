//! Text to tree: tokens, indentation, a parser that recovers. Knows nothing of types.

pub mod ast;
pub mod lexer;
pub mod parse;
pub mod print;
mod strings;
pub mod token;
pub mod unparse;

pub use parse::parse;

#[cfg(test)]
mod tests;
