//! Text to tree: tokens, indentation, a parser that recovers. Knows nothing of types.

pub mod ast;
