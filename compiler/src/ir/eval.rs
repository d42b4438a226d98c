//! What operators do to the bits of constants: used by the interpreter and by constant folding, so that both agree.
//!
//! Words are those of [`super::Const`]. The numbers themselves come from [`crate::numerics`]. Every function is total;
//! for a type that the operator does not have (the verifier refuses it) the result is 0.

use super::expr::{BinaryOp, CompareOp, UnaryOp};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::numerics::{cast as casts, float, int};
use crate::types::DType;
use crate::types::dtype::Kind;

fn f64_of(bits: u64) -> f64 {
    f64::from_bits(bits)
}

fn f32_of(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn f32_bits(value: f32) -> u64 {
    u64::from(value.to_bits())
}

/// `op a` at that type.
#[must_use]
pub fn unary(op: UnaryOp, ty: DType, a: u64) -> u64 {
    match (op, ty) {
        (UnaryOp::Neg, DType::F64) => (-f64_of(a)).to_bits(),
        (UnaryOp::Neg, DType::F32) => f32_bits(-f32_of(a)),
        (UnaryOp::Neg, _) => a.wrapping_neg(),
        (UnaryOp::Not, _) => u64::from(a == 0),
        (UnaryOp::Invert, _) => !a,
        (UnaryOp::Abs, DType::F64) => f64_of(a).abs().to_bits(),
        (UnaryOp::Abs, DType::F32) => f32_bits(f32_of(a).abs()),
        (UnaryOp::Abs, _) => (a as i64).wrapping_abs() as u64,
    }
}

/// `a op b` for the words of floats of one width.
macro_rules! float_binary {
    ($op:ident, $a:ident, $b:ident, $float_of:path, $word_of:path, $floordiv:path, $mod:path) => {{
        let (x, y) = ($float_of($a), $float_of($b));
        match $op {
            BinaryOp::Add => $word_of(x + y),
            BinaryOp::Sub => $word_of(x - y),
            BinaryOp::Mul => $word_of(x * y),
            BinaryOp::Div => $word_of(x / y),
            BinaryOp::FloorDiv => $word_of($floordiv(x, y)),
            BinaryOp::Mod => $word_of($mod(x, y)),
            BinaryOp::Min if y < x => $b,
            BinaryOp::Max if y > x => $b,
            BinaryOp::Min | BinaryOp::Max => $a,
            BinaryOp::IntPow
            | BinaryOp::MulHigh
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr => 0,
        }
    }};
}

/// `a op b` at that type (the type of `a`; a shift's `b` is an `i64`).
#[must_use]
pub fn binary(op: BinaryOp, ty: DType, a: u64, b: u64) -> u64 {
    match ty {
        DType::F64 => float_binary!(op, a, b, f64_of, f64::to_bits, float::floordiv_f64, float::mod_f64),
        DType::F32 => float_binary!(op, a, b, f32_of, f32_bits, float::floordiv_f32, float::mod_f32),
        DType::U64 => match op {
            BinaryOp::Add => a.wrapping_add(b),
            BinaryOp::Sub => a.wrapping_sub(b),
            BinaryOp::Mul => a.wrapping_mul(b),
            BinaryOp::FloorDiv => int::floordiv_u64(a, b),
            BinaryOp::Mod => int::mod_u64(a, b),
            BinaryOp::IntPow => int::pow_u64(a, b),
            BinaryOp::And => a & b,
            BinaryOp::Or => a | b,
            BinaryOp::Xor => a ^ b,
            BinaryOp::Shl => int::shl_i64(a as i64, b as i64) as u64,
            BinaryOp::Shr => int::shr_u64(a, b as i64),
            BinaryOp::Min => a.min(b),
            BinaryOp::Max => a.max(b),
            BinaryOp::MulHigh => ((u128::from(a) * u128::from(b)) >> 64) as u64,
            BinaryOp::Div => 0,
        },
        DType::I64 | DType::Bool => {
            let (x, y) = (a as i64, b as i64);
            let value = match op {
                BinaryOp::Add => x.wrapping_add(y),
                BinaryOp::Sub => x.wrapping_sub(y),
                BinaryOp::Mul => x.wrapping_mul(y),
                BinaryOp::FloorDiv => int::floordiv_i64(x, y),
                BinaryOp::Mod => int::mod_i64(x, y),
                BinaryOp::IntPow => int::pow_i64(x, y),
                BinaryOp::And => x & y,
                BinaryOp::Or => x | y,
                BinaryOp::Xor => x ^ y,
                BinaryOp::Shl => int::shl_i64(x, y),
                BinaryOp::Shr => int::shr_i64(x, y),
                BinaryOp::Min => x.min(y),
                BinaryOp::Max => x.max(y),
                BinaryOp::Div | BinaryOp::MulHigh => 0,
            };
            value as u64
        }
        DType::I8
        | DType::I16
        | DType::I32
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::C64
        | DType::C128 => 0,
    }
}

/// Does a signed sum, difference, product or negation not fit into 64 bits? Other operators never say so.
#[must_use]
pub fn overflows(op: BinaryOp, ty: DType, a: u64, b: u64) -> bool {
    let (x, y) = (a as i64, b as i64);
    ty == DType::I64
        && match op {
            BinaryOp::Add => x.checked_add(y).is_none(),
            BinaryOp::Sub => x.checked_sub(y).is_none(),
            BinaryOp::Mul => x.checked_mul(y).is_none(),
            BinaryOp::Div
            | BinaryOp::MulHigh
            | BinaryOp::FloorDiv
            | BinaryOp::Mod
            | BinaryOp::IntPow
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr
            | BinaryOp::Min
            | BinaryOp::Max => false,
        }
}

/// `a op b` for two values of that type.
#[must_use]
pub fn compare(op: CompareOp, ty: DType, a: u64, b: u64) -> bool {
    fn of<T: PartialOrd + Copy>(op: CompareOp, a: T, b: T) -> bool {
        match op {
            CompareOp::Eq => a == b,
            CompareOp::Ne => a != b,
            CompareOp::Lt => a < b,
            CompareOp::Le => a <= b,
            CompareOp::Gt => a > b,
            CompareOp::Ge => a >= b,
        }
    }
    match ty.kind() {
        Kind::Float if ty == DType::F32 => of(op, f32_of(a), f32_of(b)),
        Kind::Float => of(op, f64_of(a), f64_of(b)),
        Kind::Signed => of(op, a as i64, b as i64),
        Kind::Unsigned | Kind::Bool => of(op, a, b),
        Kind::Complex => false,
    }
}

/// The value of type `from` as one of type `to`.
///
/// ```
/// use kjit_compiler::{ir::eval::cast, types::DType};
/// assert_eq!(cast(DType::F64, DType::I8, 200.7_f64.to_bits()) as i64, -56);
/// assert_eq!(cast(DType::F64, DType::Bool, f64::NAN.to_bits()), 1);
/// assert_eq!(cast(DType::U64, DType::F64, u64::MAX), 18446744073709551615.0_f64.to_bits());
/// ```
#[must_use]
pub fn cast(from: DType, to: DType, bits: u64) -> u64 {
    if from.is_float() {
        let value = if from == DType::F32 { f64::from(f32_of(bits)) } else { f64_of(bits) };
        return match to {
            DType::Bool => u64::from(value != 0.0),
            DType::U64 => casts::f64_to_u64(value),
            DType::F32 if from == DType::F32 => bits,
            DType::F64 if from == DType::F64 => bits,
            DType::F32 => f32_bits(value as f32),
            DType::F64 => value.to_bits(),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 => {
                narrow(to, casts::f64_to_i64(value) as u64)
            }
            DType::C64 | DType::C128 => 0,
        };
    }
    let is_signed = from.kind() == Kind::Signed;
    match to {
        DType::F64 if is_signed => (bits as i64 as f64).to_bits(),
        DType::F64 => (bits as f64).to_bits(),
        DType::F32 if is_signed => f32_bits(bits as i64 as f32),
        DType::F32 => f32_bits(bits as f32),
        DType::Bool
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64 => narrow(to, bits),
        DType::C64 | DType::C128 => 0,
    }
}

/// An integer's bits as a narrower integer: wrapped, then extended again; `bool` is `!= 0`. Floats stay.
#[must_use]
pub fn narrow(to: DType, bits: u64) -> u64 {
    let width = 8 * to.size_bytes() as u32;
    match to.kind() {
        Kind::Bool => u64::from(bits != 0),
        Kind::Signed => casts::wrap_signed(bits as i64, width) as u64,
        Kind::Unsigned => casts::wrap_unsigned(bits, width),
        Kind::Float | Kind::Complex => bits,
    }
}

/// A function of one argument at `f64` or `f32`.
#[must_use]
pub fn math1(function: MathFn1, ty: DType, a: u64) -> u64 {
    match ty {
        DType::F32 => f32_bits(function.eval_f32(f32_of(a))),
        _ => function.eval_f64(f64_of(a)).to_bits(),
    }
}

/// A function of two arguments at `f64` or `f32`.
#[must_use]
pub fn math2(function: MathFn2, ty: DType, a: u64, b: u64) -> u64 {
    match ty {
        DType::F32 => f32_bits(function.eval_f32(f32_of(a), f32_of(b))),
        _ => function.eval_f64(f64_of(a), f64_of(b)).to_bits(),
    }
}

/// `a * b + c` in one rounding.
#[must_use]
pub fn fma(ty: DType, a: u64, b: u64, c: u64) -> u64 {
    match ty {
        DType::F32 => f32_bits(libm::fmaf(f32_of(a), f32_of(b), f32_of(c))),
        _ => libm::fma(f64_of(a), f64_of(b), f64_of(c)).to_bits(),
    }
}

/// `index + extent` if the index is negative.
#[must_use]
pub fn wrap(index: u64, extent: u64) -> u64 {
    if (index as i64) < 0 { index.wrapping_add(extent) } else { index }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_and_say_so() {
        let (max, one) = (i64::MAX as u64, 1);
        assert_eq!(binary(BinaryOp::Add, DType::I64, max, one) as i64, i64::MIN);
        assert!(overflows(BinaryOp::Add, DType::I64, max, one));
        assert!(!overflows(BinaryOp::Add, DType::U64, u64::MAX, one));
        assert_eq!(binary(BinaryOp::FloorDiv, DType::I64, i64::MIN as u64, u64::MAX) as i64, i64::MIN);
        assert_eq!(binary(BinaryOp::Shr, DType::U64, u64::MAX, 63), 1);
    }

    #[test]
    fn minimum_is_pythons() {
        let (nan, one) = (f64::NAN.to_bits(), 1.0_f64.to_bits());
        // `min(nan, 1.0)` is nan, `min(1.0, nan)` is 1.0 in CPython.
        assert_eq!(binary(BinaryOp::Min, DType::F64, nan, one), nan);
        assert_eq!(binary(BinaryOp::Min, DType::F64, one, nan), one);
    }

    #[test]
    fn casts_keep_words_canonical() {
        assert_eq!(cast(DType::I64, DType::I8, 200) as i64, -56);
        assert_eq!(cast(DType::I64, DType::U8, (-1_i64) as u64), 255);
        assert_eq!(cast(DType::I8, DType::U64, (-1_i64) as u64), u64::MAX);
        assert_eq!(cast(DType::F64, DType::I32, 1e300_f64.to_bits()), 0);
        assert_eq!(cast(DType::I64, DType::F32, 16_777_217), f32_bits(16_777_216.0));
        assert_eq!(cast(DType::F32, DType::F64, f32_bits(0.5)), 0.5_f64.to_bits());
    }
}
