//! Expressions: pure, total, typed trees of real numbers.

use smallvec::SmallVec;

use super::func::{ArrayId, LocalId};
use crate::base::Span;
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

crate::define_id!(
    /// An expression of a function.
    ExprId, "v"
);

/// A node with its type and place.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type; never complex (invariant E1).
    pub ty: DType,
    /// Where it came from.
    pub span: Span,
}

/// A constant as the bits of its type: integers sign- or zero-extended to 64 bits, `bool` 0 or 1, `f32` in the low half.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Const(pub u64);

/// Which element of an array.
#[derive(Clone, PartialEq, Debug)]
pub enum Place {
    /// One `i64` index per axis, each in `0 .. dim` (checked before, or proven).
    Index(SmallVec<[ExprId; 2]>),
    /// A byte address (`i64`) plus a constant number of bytes. Made by the pass `addresses`; the array stays named
    /// for alias analysis. The address points into the array's memory.
    Address {
        /// The variable part.
        address: ExprId,
        /// The constant part in bytes.
        disp_bytes: i32,
    },
}

/// The kinds of expressions. Operand types are given at each; violations are found by `verify`.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// A constant of the expression's type.
    Const(Const),
    /// The value of a local, same type.
    Local(LocalId),
    /// An element. For arrays of complex numbers `lane` 0 is the real part, 1 the imaginary part; else 0. The
    /// expression's type is `dtype.part()`.
    Load {
        /// From where.
        array: ArrayId,
        /// Which element.
        place: Place,
        /// Which part.
        lane: u8,
    },
    /// Extent of an axis in elements; `i64`, never negative.
    Dim {
        /// Of which array.
        array: ArrayId,
        /// 0-based axis.
        axis: u8,
    },
    /// Distance of neighbours along an axis in bytes; `i64`, may be negative or 0.
    Stride {
        /// Of which array.
        array: ArrayId,
        /// 0-based axis.
        axis: u8,
    },
    /// Address of the element with all indices 0; `i64`. Only after the pass `addresses`.
    Base {
        /// Of which array.
        array: ArrayId,
    },
    /// Do the memory ranges of two arrays intersect? `bool`; used in guards. Empty arrays intersect nothing.
    Overlaps {
        /// One array.
        a: ArrayId,
        /// The other.
        b: ArrayId,
    },
    /// `op arg`; same type.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        arg: ExprId,
    },
    /// `left op right`; all three of the same type, except shifts, whose count is `i64`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: ExprId,
        /// Right operand.
        right: ExprId,
    },
    /// `left op right`; operands of one type (any), result `bool`. NaN compares unequal to everything.
    Compare {
        /// The operator.
        op: CompareOp,
        /// Left operand.
        left: ExprId,
        /// Right operand.
        right: ExprId,
    },
    /// `then if cond else orelse`; both sides are evaluated.
    Select {
        /// `bool`.
        cond: ExprId,
        /// If true.
        then: ExprId,
        /// If false.
        orelse: ExprId,
    },
    /// Conversion to the expression's type by the rules of [`crate::numerics::int`]: float to integer truncates (NaN and out of range give
    /// `i64::MIN`, then narrowed), integers wrap, anything to `bool` is `!= 0`.
    Cast {
        /// Of any type.
        arg: ExprId,
    },
    /// `index + extent if index < 0 else index`: Python's negative indices; all `i64`.
    Wrap {
        /// An index in `-extent .. extent`.
        index: ExprId,
        /// The extent of the axis.
        extent: ExprId,
    },
    /// A function of one argument; `f64` or `f32`, same type.
    Math1 {
        /// Which.
        function: MathFn1,
        /// The argument.
        arg: ExprId,
    },
    /// A function of two arguments; `f64` or `f32`, all the same type.
    Math2 {
        /// Which.
        function: MathFn2,
        /// First argument.
        left: ExprId,
        /// Second argument.
        right: ExprId,
    },
    /// `a * b + c` in one rounding; only made where `fastmath` allows contraction.
    Fma {
        /// Factor.
        a: ExprId,
        /// Factor.
        b: ExprId,
        /// Addend.
        c: ExprId,
    },
    /// Was the call interrupted? `bool`, read anew each time. Made by the pass `polls`.
    Interrupted,
}

/// Operators of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// `-x`: `i64 u64` (wrapping) `f32 f64`.
    Neg,
    /// `not x`: `bool`.
    Not,
    /// `~x`: `i64 u64`.
    Invert,
    /// `abs(x)`: `i64` (wrapping) `f32 f64`.
    Abs,
}

/// Operators of two operands. Integer arithmetic exists at `i64` and `u64` only and wraps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    /// `+`: `i64 u64 f32 f64`.
    Add,
    /// `-`: `i64 u64 f32 f64`.
    Sub,
    /// `*`: `i64 u64 f32 f64`.
    Mul,
    /// The high half of the product of 128 bits: `u64`. Made by the pass `draws`.
    MulHigh,
    /// True division: `f32 f64`, IEEE.
    Div,
    /// Python's `//`: `i64 u64 f32 f64`; an integer divided by 0 gives 0 here (the check comes before), `MIN // -1` wraps.
    FloorDiv,
    /// Python's `%`, sign of the divisor: `i64 u64 f32 f64`; an integer modulo 0 gives 0 here.
    Mod,
    /// Integer power: `i64 u64`, wrapping; a negative exponent gives 0 here.
    IntPow,
    /// `&`: `bool i64 u64`.
    And,
    /// `|`: `bool i64 u64`.
    Or,
    /// `^`: `bool i64 u64`.
    Xor,
    /// `<<`: `i64 u64`; a count of 64 or more gives 0; negative counts are checked before.
    Shl,
    /// `>>`: arithmetic for `i64`, logical for `u64`; a count of 64 or more gives 0 or -1.
    Shr,
    /// `right if right < left else left`, as Python's `min(left, right)`: `i64 u64 f32 f64`.
    Min,
    /// `right if right > left else left`, as Python's `max(left, right)`: `i64 u64 f32 f64`.
    Max,
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Const {
    /// An `i64` (or any signed integer).
    #[must_use]
    pub fn int(value: i64) -> Const {
        Const(value as u64)
    }

    /// A double.
    #[must_use]
    pub fn f64(value: f64) -> Const {
        Const(value.to_bits())
    }

    /// A single.
    #[must_use]
    pub fn f32(value: f32) -> Const {
        Const(u64::from(value.to_bits()))
    }

    /// As signed integer.
    #[must_use]
    pub fn as_int(self) -> i64 {
        self.0 as i64
    }

    /// As double (of an `f64` constant).
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// As single (of an `f32` constant).
    #[must_use]
    pub fn as_f32(self) -> f32 {
        f32::from_bits(self.0 as u32)
    }
}

impl ExprKind {
    /// Calls `visit` on each direct operand in order of evaluation.
    pub fn for_each_operand(&self, mut visit: impl FnMut(ExprId)) {
        match self {
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Interrupted => {}
            ExprKind::Load { place, .. } => place.for_each_operand(visit),
            ExprKind::Unary { arg, .. } | ExprKind::Cast { arg } | ExprKind::Math1 { arg, .. } => visit(*arg),
            ExprKind::Binary { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Math2 { left, right, .. }
            | ExprKind::Wrap { index: left, extent: right } => {
                visit(*left);
                visit(*right);
            }
            ExprKind::Select { cond: a, then: b, orelse: c } | ExprKind::Fma { a, b, c } => {
                visit(*a);
                visit(*b);
                visit(*c);
            }
        }
    }

    /// Calls `visit` on each direct operand so that it may be replaced.
    pub fn for_each_operand_mut(&mut self, mut visit: impl FnMut(&mut ExprId)) {
        match self {
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Interrupted => {}
            ExprKind::Load { place, .. } => place.for_each_operand_mut(visit),
            ExprKind::Unary { arg, .. } | ExprKind::Cast { arg } | ExprKind::Math1 { arg, .. } => visit(arg),
            ExprKind::Binary { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Math2 { left, right, .. }
            | ExprKind::Wrap { index: left, extent: right } => {
                visit(left);
                visit(right);
            }
            ExprKind::Select { cond: a, then: b, orelse: c } | ExprKind::Fma { a, b, c } => {
                visit(a);
                visit(b);
                visit(c);
            }
        }
    }
}

impl Place {
    /// Calls `visit` on each expression of the place.
    pub fn for_each_operand(&self, mut visit: impl FnMut(ExprId)) {
        match self {
            Place::Index(indices) => indices.iter().for_each(|&index| visit(index)),
            Place::Address { address, .. } => visit(*address),
        }
    }

    /// Calls `visit` on each expression of the place so that it may be replaced.
    pub fn for_each_operand_mut(&mut self, mut visit: impl FnMut(&mut ExprId)) {
        match self {
            Place::Index(indices) => indices.iter_mut().for_each(visit),
            Place::Address { address, .. } => visit(address),
        }
    }
}
