//! Types of values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::DType;
use crate::base::Symbol;

/// Where the elements of an array lie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Layout {
    /// Contiguous, last axis fastest.
    C,
    /// Contiguous, first axis fastest.
    F,
    /// Anything else: strides are read at run time.
    Strided,
}

/// The type of an array: all but its shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ArrayTy {
    /// Of the elements.
    pub dtype: DType,
    /// Number of axes, 0 to [`MAX_RANK`].
    pub rank: u8,
    /// Where the elements lie. Arrays of rank 0 and contiguous ones of rank 1 are `C`.
    pub layout: Layout,
    /// May it be stored to?
    pub is_writable: bool,
}

/// The largest number of axes.
pub const MAX_RANK: u8 = 8;

/// The type of a value in the language.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Ty {
    /// Only the value `None`.
    None,
    /// One number.
    Scalar(DType),
    /// An array.
    Array(ArrayTy),
    /// A fixed number of values.
    Tuple(Arc<[Ty]>),
    /// A string known at compile time: messages, modes, paths.
    Str(Symbol),
    /// A generator made by `np.random.default_rng`.
    Rng,
    /// A moment in the work of a stream, made by `cuda.event`: its number in the call.
    Event,
}

impl Ty {
    /// 64-bit integer.
    pub const I64: Ty = Ty::Scalar(DType::I64);
    /// Double.
    pub const F64: Ty = Ty::Scalar(DType::F64);
    /// Truth value.
    pub const BOOL: Ty = Ty::Scalar(DType::Bool);

    /// The element type, if it is one number.
    #[must_use]
    pub fn scalar(&self) -> Option<DType> {
        match self {
            Ty::Scalar(dtype) => Some(*dtype),
            Ty::None | Ty::Array(_) | Ty::Tuple(_) | Ty::Str(_) | Ty::Rng | Ty::Event => None,
        }
    }

    /// The array type, if it is one.
    #[must_use]
    pub fn array(&self) -> Option<ArrayTy> {
        match self {
            Ty::Array(array) => Some(*array),
            Ty::None | Ty::Scalar(_) | Ty::Tuple(_) | Ty::Str(_) | Ty::Rng | Ty::Event => None,
        }
    }
}

impl ArrayTy {
    /// A writable C-contiguous array, as the creation functions make it.
    #[must_use]
    pub fn new(dtype: DType, rank: u8) -> ArrayTy {
        ArrayTy { dtype, rank, layout: Layout::C, is_writable: true }
    }
}

impl std::fmt::Display for ArrayTy {
    /// As in annotations: `f64[:, :]` any layout, `f64[:, ::1]` C, `f64[::1, :]` F.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for axis in 0..self.rank {
            let is_unit = match self.layout {
                Layout::C => axis + 1 == self.rank,
                Layout::F => axis == 0,
                Layout::Strided => false,
            };
            write!(f, "{}{}", if axis > 0 { ", " } else { "" }, if is_unit { "::1" } else { ":" })?;
        }
        f.write_str("]")
    }
}

impl std::fmt::Display for Ty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ty::None => f.write_str("None"),
            Ty::Scalar(dtype) => dtype.fmt(f),
            Ty::Array(array) => array.fmt(f),
            Ty::Tuple(items) => {
                f.write_str("(")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(if items.len() == 1 { ",)" } else { ")" })
            }
            Ty::Str(text) => write!(f, "str {text:?}"),
            Ty::Rng => f.write_str("generator"),
            Ty::Event => f.write_str("event"),
        }
    }
}
