//! Element types.

use serde::{Deserialize, Serialize};

/// The type of one number, as NumPy names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    /// Two `f32`: real, imaginary.
    C64,
    /// Two `f64`: real, imaginary.
    C128,
}

/// What sort of number a type holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
    Complex,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 13] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
    ];

    /// kjit's name: `f64`, `i32`, `bool`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "i8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::U16 => "u16",
            DType::U32 => "u32",
            DType::U64 => "u64",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::C64 => "c64",
            DType::C128 => "c128",
        }
    }

    /// NumPy's name: `float64`, `int32`, `bool`.
    #[must_use]
    pub fn numpy_name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
        }
    }

    /// Reads kjit's, NumPy's and Numba's names: `f64`, `float64`, `f8`, `double`, `int_`, `intp`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<DType> {
        Some(match name {
            "bool" | "bool_" | "boolean" | "b1" => DType::Bool,
            "i8" | "int8" | "byte" => DType::I8,
            "i16" | "int16" | "i2" | "short" => DType::I16,
            "i32" | "int32" | "i4" | "intc" => DType::I32,
            "i64" | "int64" | "int" | "int_" | "intp" | "longlong" | "long" => DType::I64,
            "u8" | "uint8" | "u1" | "ubyte" => DType::U8,
            "u16" | "uint16" | "u2" | "ushort" => DType::U16,
            "u32" | "uint32" | "u4" | "uintc" => DType::U32,
            "u64" | "uint64" | "uint" | "uintp" | "ulonglong" => DType::U64,
            "f32" | "float32" | "f4" | "single" | "float_32" => DType::F32,
            "f64" | "float64" | "float" | "f8" | "double" | "float_" => DType::F64,
            "c64" | "complex64" | "c8" | "csingle" => DType::C64,
            "c128" | "complex128" | "complex" | "c16" | "cdouble" | "complex_" => DType::C128,
            _ => return None,
        })
    }

    /// Bytes of one element.
    #[must_use]
    pub fn size_bytes(self) -> usize {
        match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// What sort of number it holds.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            DType::Bool => Kind::Bool,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => Kind::Signed,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Kind::Unsigned,
            DType::F32 | DType::F64 => Kind::Float,
            DType::C64 | DType::C128 => Kind::Complex,
        }
    }

    /// A signed or unsigned integer (not `bool`)?
    #[must_use]
    pub fn is_int(self) -> bool {
        matches!(self.kind(), Kind::Signed | Kind::Unsigned)
    }

    /// A real floating point number?
    #[must_use]
    pub fn is_float(self) -> bool {
        self.kind() == Kind::Float
    }

    /// A complex number?
    #[must_use]
    pub fn is_complex(self) -> bool {
        self.kind() == Kind::Complex
    }

    /// How many real numbers one element is made of: 2 for complex, else 1.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self {
            DType::C64 | DType::C128 => 2,
            DType::Bool
            | DType::I8
            | DType::I16
            | DType::I32
            | DType::I64
            | DType::U8
            | DType::U16
            | DType::U32
            | DType::U64
            | DType::F32
            | DType::F64 => 1,
        }
    }

    /// The type of the real and of the imaginary part; any other type is its own part.
    #[must_use]
    pub fn part(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            other => other,
        }
    }

    /// The type of arithmetic on it: `bool` and integers narrower than 64 bits become `i64`, which holds all their values.
    #[must_use]
    pub fn widened(self) -> DType {
        match self {
            DType::Bool | DType::I8 | DType::I16 | DType::I32 | DType::I64 => DType::I64,
            DType::U8 | DType::U16 | DType::U32 => DType::I64,
            DType::U64 => DType::U64,
            DType::F32 | DType::F64 | DType::C64 | DType::C128 => self,
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
