//! Errors at run time and printed lines, as text with holes.

use serde::{Deserialize, Serialize};

use crate::base::{Code, Span, Symbol};
use crate::types::DType;

crate::define_id!(
    /// An error that a function of the program can end with. The status that generated code returns is its number plus 1.
    TrapId, "trap"
);
crate::define_id!(
    /// A text that the program prints.
    MessageId, "message"
);

/// Words of arguments that a trap can carry.
pub const MAX_TRAP_ARGS: usize = 8;

/// One way for the program to fail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trap {
    /// The kind.
    pub code: Code,
    /// Where in the source.
    pub span: Span,
    /// Python's name of the exception: `IndexError`.
    pub exception: Symbol,
    /// What the user reads.
    pub message: Message,
}

/// Text with holes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Message {
    /// In order.
    pub pieces: Vec<Piece>,
}

/// A part of a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Piece {
    /// As it is.
    Text(Symbol),
    /// The next argument (two words, real and imaginary, for complex types), formatted as Python would.
    Value {
        /// How to read its bits.
        dtype: DType,
        /// Python's format specification; empty for `str()`.
        spec: Symbol,
    },
}
