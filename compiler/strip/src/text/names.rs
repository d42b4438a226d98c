//! How things are called in the text: one table per enum, read by printer and parser.

use crate::ir::{Binary, Combine, Compare, Convert, Elem, FmaKind, IntOp, Shift, Ty, Unary, UpdateOp};

pub(super) const TYPES: &[(Ty, &str)] = &[
    (Ty::Int, "int"),
    (Ty::Test, "test"),
    (Ty::F64, "f64"),
    (Ty::F32, "f32"),
    (Ty::I64, "i64"),
    (Ty::I32, "i32"),
    (Ty::I16, "i16"),
    (Ty::I8, "i8"),
    (Ty::Mask, "mask"),
];

pub(super) const ELEMS: &[(Elem, &str)] = &[
    (Elem::Bool, "bool"),
    (Elem::I8, "i8"),
    (Elem::U8, "u8"),
    (Elem::I16, "i16"),
    (Elem::U16, "u16"),
    (Elem::I32, "i32"),
    (Elem::U32, "u32"),
    (Elem::I64, "i64"),
    (Elem::U64, "u64"),
    (Elem::F32, "f32"),
    (Elem::F64, "f64"),
];

/// Written between their operands, but for `min` and `max`.
pub(super) const INT_OPS: &[(IntOp, &str)] = &[
    (IntOp::Add, "+"),
    (IntOp::Sub, "-"),
    (IntOp::Mul, "*"),
    (IntOp::Min, "min"),
    (IntOp::Max, "max"),
    (IntOp::And, "&"),
    (IntOp::Or, "|"),
    (IntOp::Xor, "^"),
    (IntOp::Shl, "<<"),
    (IntOp::Sar, ">>"),
];

/// The same.
pub(super) const BINARIES: &[(Binary, &str)] = &[
    (Binary::Add, "+"),
    (Binary::Sub, "-"),
    (Binary::Mul, "*"),
    (Binary::Div, "/"),
    (Binary::Min, "min"),
    (Binary::Max, "max"),
    (Binary::And, "&"),
    (Binary::Or, "|"),
    (Binary::Xor, "^"),
    (Binary::AndNot, "&~"),
    (Binary::Shl, "<<"),
    (Binary::Shr, ">>>"),
    (Binary::Sar, ">>"),
    (Binary::MulHigh, "mul_high"),
    (Binary::MinUnsigned, "min_unsigned"),
    (Binary::MaxUnsigned, "max_unsigned"),
    (Binary::Average, "average"),
];

pub(super) const SHIFTS: &[(Shift, &str)] = &[(Shift::Shl, "<<"), (Shift::Shr, ">>>"), (Shift::Sar, ">>")];

pub(super) const COMPARES: &[(Compare, &str)] = &[
    (Compare::Eq, "=="),
    (Compare::Ne, "!="),
    (Compare::Lt, "<"),
    (Compare::Le, "<="),
    (Compare::Gt, ">"),
    (Compare::Ge, ">="),
];

/// `-` and `~` stand before the operand, the others are written as calls.
pub(super) const UNARIES: &[(Unary, &str)] = &[
    (Unary::Neg, "-"),
    (Unary::Not, "~"),
    (Unary::Abs, "abs"),
    (Unary::Sqrt, "sqrt"),
    (Unary::RoundEven, "round_even"),
    (Unary::Floor, "floor"),
    (Unary::Ceil, "ceil"),
    (Unary::Trunc, "trunc"),
];

pub(super) const FMAS: &[(FmaKind, &str)] =
    &[(FmaKind::MulAdd, "mul_add"), (FmaKind::MulSub, "mul_sub"), (FmaKind::NegMulAdd, "neg_mul_add")];

pub(super) const CONVERTS: &[(Convert, &str)] = &[
    (Convert::Widen, "widen"),
    (Convert::Narrow, "narrow"),
    (Convert::IntToFloat, "int_to_float"),
    (Convert::SmallToFloat, "small_to_float"),
    (Convert::FloatToInt, "float_to_int"),
    (Convert::WholeToInt, "whole_to_int"),
    (Convert::SignExtend, "sign_extend"),
    (Convert::ZeroExtend, "zero_extend"),
    (Convert::Truncate, "truncate"),
    (Convert::Bits, "bits"),
    (Convert::MaskToInt, "mask_to_int"),
];

/// Those without a companion.
pub(super) const COMBINES: &[(Combine, &str)] = &[
    (Combine::Add, "add"),
    (Combine::Mul, "mul"),
    (Combine::Min, "min"),
    (Combine::Max, "max"),
    (Combine::And, "and"),
    (Combine::Or, "or"),
    (Combine::Xor, "xor"),
    (Combine::AddInOrder, "add_in_order"),
    (Combine::MulInOrder, "mul_in_order"),
    (Combine::Companion, "companion"),
    (Combine::Each, "each"),
];

pub(super) const UPDATES: &[(UpdateOp, &str)] = &[
    (UpdateOp::Add, "add"),
    (UpdateOp::Mul, "mul"),
    (UpdateOp::Min, "min"),
    (UpdateOp::Max, "max"),
    (UpdateOp::And, "and"),
    (UpdateOp::Or, "or"),
    (UpdateOp::Xor, "xor"),
];

/// What a thing is called; each table is complete.
pub(super) fn name_of<T: PartialEq + Copy>(table: &[(T, &'static str)], thing: T) -> &'static str {
    table.iter().find(|(known, _)| *known == thing).map_or("?", |&(_, name)| name)
}

/// What has this name.
pub(super) fn named<T: Copy>(table: &[(T, &'static str)], name: &str) -> Option<T> {
    table.iter().find(|(_, known)| *known == name).map(|&(thing, _)| thing)
}

impl std::fmt::Display for Ty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(name_of(TYPES, *self))
    }
}

impl std::fmt::Display for Elem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(name_of(ELEMS, *self))
    }
}
