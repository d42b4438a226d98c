//! How types combine: one definition for inference, which says the type, and `lower`, which inserts the casts.

use super::DType;
use super::dtype::Kind;

/// The type of arithmetic (`+ - * // % & | ^`, comparison) between two scalars.
///
/// Scalars are at least 64 bits wide: `bool` and narrow integers widen to `i64` first. `i64` with `u64` gives `i64`. An integer
/// with a float gives `f64`, except that `f32` absorbs narrow integers (`i8 i16 u8 u16 bool`) as in NumPy. A weak operand
/// (a literal) takes the type of the other one if its kind allows: `2.0 * x` is `f32` for an `f32` `x`.
///
/// ```
/// use kjit_compiler::types::{DType, promote::scalars};
/// assert_eq!(scalars(DType::I32, false, DType::I8, false), DType::I64);
/// assert_eq!(scalars(DType::F32, false, DType::F64, true), DType::F32);
/// assert_eq!(scalars(DType::F32, false, DType::I64, false), DType::F64);
/// assert_eq!(scalars(DType::I64, false, DType::U64, false), DType::I64);
/// assert_eq!(scalars(DType::U8, false, DType::U8, false), DType::I64);
/// ```
#[must_use]
pub fn scalars(left: DType, is_left_weak: bool, right: DType, is_right_weak: bool) -> DType {
    if is_left_weak != is_right_weak {
        let (weak, strong) = if is_left_weak { (left, right) } else { (right, left) };
        let (weak_kind, strong_kind) = (rank(weak.kind()), rank(strong.kind()));
        if weak_kind <= strong_kind {
            return strong.widened();
        }
        // A weak complex number with an f32 keeps the narrow width.
        if weak.is_complex() && strong == DType::F32 {
            return DType::C64;
        }
    }
    let (wide, narrow) = if rank(left.kind()) >= rank(right.kind()) { (left, right) } else { (right, left) };
    match wide.kind() {
        Kind::Bool | Kind::Signed | Kind::Unsigned => match (left, right) {
            (DType::U64, DType::U64 | DType::Bool) | (DType::Bool, DType::U64) => DType::U64,
            _ => DType::I64,
        },
        Kind::Float | Kind::Complex => {
            let is_single = fits_single(wide) && fits_single(narrow);
            match (wide.is_complex(), is_single) {
                (false, true) => DType::F32,
                (false, false) => DType::F64,
                (true, true) => DType::C64,
                (true, false) => DType::C128,
            }
        }
    }
}

/// The type of `left / right`: true division gives a float.
#[must_use]
pub fn division(left: DType, is_left_weak: bool, right: DType, is_right_weak: bool) -> DType {
    let both = scalars(left, is_left_weak, right, is_right_weak);
    if both.is_float() || both.is_complex() { both } else { DType::F64 }
}

/// The type of `left & right`, `|`, `^` between two scalars: truth values stay truth values.
#[must_use]
pub fn bitwise(left: DType, is_left_weak: bool, right: DType, is_right_weak: bool) -> DType {
    if left == DType::Bool && right == DType::Bool {
        return DType::Bool;
    }
    scalars(left, is_left_weak, right, is_right_weak)
}

/// The type of `left << right` and `left >> right` of integers: the left operand's, at least 64 bits wide.
#[must_use]
pub fn shift(left: DType) -> DType {
    left.widened()
}

/// The type of `left ** right`: as arithmetic, but an integer to a negative constant is a float.
#[must_use]
pub fn power(
    left: DType,
    is_left_weak: bool,
    right: DType,
    is_right_weak: bool,
    is_right_negative_const: bool,
) -> DType {
    let both = scalars(left, is_left_weak, right, is_right_weak);
    if is_right_negative_const && !both.is_float() && !both.is_complex() { DType::F64 } else { both }
}

/// The type of a variable where two paths join, or `None` if there is none that keeps both values meaningful.
#[must_use]
pub fn join(a: DType, b: DType) -> Option<DType> {
    if a == b {
        return Some(a);
    }
    // A truth value is not a number: mixing them is a mistake more often than not.
    if (a == DType::Bool) != (b == DType::Bool) {
        return None;
    }
    Some(scalars(a, false, b, false))
}

/// The dtype of a math function of a float: integers become `f64`.
#[must_use]
pub fn float_of(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Bool | Kind::Signed | Kind::Unsigned => DType::F64,
        Kind::Float | Kind::Complex => dtype,
    }
}

fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => 0,
        Kind::Signed | Kind::Unsigned => 1,
        Kind::Float => 2,
        Kind::Complex => 3,
    }
}

/// Can `f32` hold every value, or nearly (as in NumPy's promotion)?
fn fits_single(dtype: DType) -> bool {
    match dtype {
        DType::Bool | DType::I8 | DType::I16 | DType::U8 | DType::U16 | DType::F32 | DType::C64 => true,
        DType::I32 | DType::I64 | DType::U32 | DType::U64 | DType::F64 | DType::C128 => false,
    }
}
