//! Errors at run time and printed lines, as text with holes.

use serde::{Deserialize, Serialize};

use crate::base::{Code, Span, Symbol};
use crate::numerics::format::{self, FormatSpec};
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
    /// Printed without the end of the line: what is printed next goes on behind it. Of a trap never.
    pub is_open: bool,
}

impl Message {
    /// A text with holes that ends its line.
    #[must_use]
    pub fn line(pieces: Vec<Piece>) -> Message {
        Message { pieces, is_open: false }
    }
}

/// What was printed of a line that goes on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenLine(String);

impl OpenLine {
    /// Adds what a `print` shows; the whole line if it ends here.
    #[must_use]
    pub fn add(&mut self, text: String, is_open: bool) -> Option<String> {
        if self.0.is_empty() && !is_open {
            return Some(text);
        }
        self.0.push_str(&text);
        if is_open { None } else { Some(std::mem::take(&mut self.0)) }
    }

    /// What is left at the end of a call, if anything.
    #[inline]
    #[must_use]
    pub fn rest(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| std::mem::take(&mut self.0))
    }
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
        /// Python's format specification; empty for `str()`. With the type `s` it formats the text of `str()`.
        spec: Symbol,
    },
}

/// The text of a message with its values, as words, in place of the holes.
///
/// ```
/// use kjit_compiler::ir::trap::{Message, Piece, format_message};
/// use kjit_compiler::types::DType;
/// let value = Piece::Value { dtype: DType::I64, spec: "".into() };
/// let message = Message::line(vec![Piece::Text("index ".into()), value]);
/// assert_eq!(format_message(&message, &[(-3_i64) as u64]), "index -3");
/// ```
///
/// A missing value is 0; a specification that does not fit (inference refuses those) counts as empty.
#[must_use]
pub fn format_message(message: &Message, args: &[u64]) -> String {
    let mut text = String::new();
    let mut args = args.iter().copied();
    for piece in &message.pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Value { dtype, spec } => {
                let first = args.next().unwrap_or(0);
                let second = if dtype.is_complex() { args.next().unwrap_or(0) } else { 0 };
                text.push_str(&format_value(*dtype, spec, first, second));
            }
        }
    }
    text
}

fn format_value(dtype: DType, spec: &str, first: u64, second: u64) -> String {
    let single = |bits: u64| f32::from_bits(bits as u32);
    if spec.ends_with('s')
        && let Ok(formatted) =
            FormatSpec::parse(spec).and_then(|spec| spec.format_str(&format_value(dtype, "", first, second)))
    {
        return formatted;
    }
    if !spec.is_empty() {
        let formatted = FormatSpec::parse(spec).and_then(|spec| match dtype {
            DType::Bool => spec.format_bool(first != 0),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => spec.format_int(i128::from(first as i64)),
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => spec.format_int(i128::from(first)),
            DType::F32 => spec.format_f64(f64::from(single(first))),
            DType::F64 => spec.format_f64(f64::from_bits(first)),
            DType::C64 => spec.format_complex(f64::from(single(first)), f64::from(single(second))),
            DType::C128 => spec.format_complex(f64::from_bits(first), f64::from_bits(second)),
        });
        if let Ok(text) = formatted {
            return text;
        }
    }
    match dtype {
        DType::Bool => format::repr_bool(first != 0).to_string(),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => (first as i64).to_string(),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => first.to_string(),
        DType::F32 => format::repr_f32(single(first)),
        DType::F64 => format::repr_f64(f64::from_bits(first)),
        DType::C64 => format::repr_complex_f32(single(first), single(second)),
        DType::C128 => format::repr_complex(f64::from_bits(first), f64::from_bits(second)),
    }
}
