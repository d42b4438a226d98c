//! One lane of each operation, on the bits of its type (zero-extended to 64).

use crate::ir::{Binary, Combine, Compare, Convert, Elem, FmaKind, IntOp, Shift, Ty, Unary};

fn f64_of(bits: u64) -> f64 {
    f64::from_bits(bits)
}

fn f32_of(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn bits_of_f32(value: f32) -> u64 {
    u64::from(value.to_bits())
}

/// The bits of an integer type as a number.
fn signed(ty: Ty, bits: u64) -> i64 {
    match ty {
        Ty::I32 => i64::from(bits as i32),
        Ty::I16 => i64::from(bits as i16),
        Ty::I8 => i64::from(bits as i8),
        Ty::Int | Ty::Test | Ty::F64 | Ty::F32 | Ty::I64 | Ty::Mask => bits as i64,
    }
}

/// The low bits, for types that have no more.
pub(super) fn low(ty: Ty, word: u64) -> u64 {
    match ty {
        Ty::F32 | Ty::I32 => word & u64::from(u32::MAX),
        Ty::I16 => word & u64::from(u16::MAX),
        Ty::I8 => word & u64::from(u8::MAX),
        Ty::Int | Ty::Test | Ty::F64 | Ty::I64 | Ty::Mask => word,
    }
}

/// An element as a lane of the type.
pub(super) fn extend(elem: Elem, word: u64, ty: Ty) -> u64 {
    let wide = match elem {
        Elem::Bool => u64::from(word != 0),
        Elem::I8 => i64::from(word as i8) as u64,
        Elem::I16 => i64::from(word as i16) as u64,
        Elem::I32 => i64::from(word as i32) as u64,
        Elem::U8 | Elem::U16 | Elem::U32 | Elem::I64 | Elem::U64 | Elem::F32 | Elem::F64 => word,
    };
    low(ty, wide)
}

pub(super) fn int_binary(op: IntOp, a: u64, b: u64) -> u64 {
    let (signed_a, signed_b) = (a as i64, b as i64);
    match op {
        IntOp::Add => a.wrapping_add(b),
        IntOp::Sub => a.wrapping_sub(b),
        IntOp::Mul => a.wrapping_mul(b),
        IntOp::Min => signed_a.min(signed_b) as u64,
        IntOp::Max => signed_a.max(signed_b) as u64,
        IntOp::And => a & b,
        IntOp::Or => a | b,
        IntOp::Xor => a ^ b,
        IntOp::Shl => a.wrapping_shl(b as u32),
        IntOp::Sar => signed_a.wrapping_shr(b as u32) as u64,
    }
}

pub(super) fn compare(op: Compare, ty: Ty, a: u64, b: u64) -> bool {
    fn ordered<T: PartialOrd + Copy>(op: Compare, a: T, b: T) -> bool {
        match op {
            Compare::Eq => a == b,
            Compare::Ne => a != b,
            Compare::Lt => a < b,
            Compare::Le => a <= b,
            Compare::Gt => a > b,
            Compare::Ge => a >= b,
        }
    }
    match ty {
        Ty::F64 => ordered(op, f64_of(a), f64_of(b)),
        Ty::F32 => ordered(op, f32_of(a), f32_of(b)),
        Ty::I32 | Ty::I16 | Ty::I8 | Ty::Int | Ty::I64 | Ty::Test | Ty::Mask => {
            ordered(op, signed(ty, a), signed(ty, b))
        }
    }
}

pub(super) fn unary(op: Unary, ty: Ty, a: u64) -> u64 {
    let (wide, single) = (f64_of(a), f32_of(a));
    match (op, ty) {
        (Unary::Neg, Ty::F64) => a ^ (1 << 63),
        (Unary::Neg, Ty::F32) => a ^ (1 << 31),
        (Unary::Neg, _) => low(ty, a.wrapping_neg()),
        (Unary::Abs, Ty::F64) => a & !(1 << 63),
        (Unary::Abs, Ty::F32) => a & !(1 << 31),
        (Unary::Abs, _) => low(ty, signed(ty, a).wrapping_abs() as u64),
        (Unary::Not, Ty::Mask) => a ^ 1,
        (Unary::Not, _) => low(ty, !a),
        (Unary::Sqrt, Ty::F32) => bits_of_f32(single.sqrt()),
        (Unary::Sqrt, _) => wide.sqrt().to_bits(),
        (Unary::RoundEven, Ty::F32) => bits_of_f32(single.round_ties_even()),
        (Unary::RoundEven, _) => wide.round_ties_even().to_bits(),
        (Unary::Floor, Ty::F32) => bits_of_f32(single.floor()),
        (Unary::Floor, _) => wide.floor().to_bits(),
        (Unary::Ceil, Ty::F32) => bits_of_f32(single.ceil()),
        (Unary::Ceil, _) => wide.ceil().to_bits(),
        (Unary::Trunc, Ty::F32) => bits_of_f32(single.trunc()),
        (Unary::Trunc, _) => wide.trunc().to_bits(),
    }
}

pub(super) fn binary(op: Binary, ty: Ty, a: u64, b: u64) -> u64 {
    match ty {
        Ty::F64 => float_binary(op, f64_of(a), f64_of(b)).map_or(0, f64::to_bits),
        Ty::F32 => float_binary(op, f32_of(a), f32_of(b)).map_or(0, bits_of_f32),
        Ty::I32 => low(ty, int_lanes(op, signed(ty, a), signed(ty, b), 32)),
        Ty::I16 => low(ty, int_lanes(op, signed(ty, a), signed(ty, b), 16)),
        Ty::I8 => low(ty, int_lanes(op, signed(ty, a), signed(ty, b), 8)),
        Ty::Mask => int_lanes(op, a as i64, b as i64, 64),
        Ty::Int | Ty::Test | Ty::I64 => int_lanes(op, a as i64, b as i64, 64),
    }
}

/// Nothing for what floats do not have.
fn float_binary<T>(op: Binary, a: T, b: T) -> Option<T>
where
    T: PartialOrd
        + Copy
        + std::ops::Add<Output = T>
        + std::ops::Sub<Output = T>
        + std::ops::Mul<Output = T>
        + std::ops::Div<Output = T>,
{
    match op {
        Binary::Add => Some(a + b),
        Binary::Sub => Some(a - b),
        Binary::Mul => Some(a * b),
        Binary::Div => Some(a / b),
        Binary::Min => Some(if a < b { a } else { b }),
        Binary::Max => Some(if a > b { a } else { b }),
        Binary::And
        | Binary::Or
        | Binary::Xor
        | Binary::AndNot
        | Binary::Shl
        | Binary::Shr
        | Binary::Sar
        | Binary::MulHigh
        | Binary::MinUnsigned
        | Binary::MaxUnsigned
        | Binary::Average => None,
    }
}

/// Operands extended by sign; the caller cuts the result to the width.
fn int_lanes(op: Binary, a: i64, b: i64, width: u32) -> u64 {
    // A negative count is outside too: as an unsigned number it is large.
    let count = u32::try_from(b).ok().filter(|&count| count < width);
    let (unsigned, other) =
        ((a as u64) << (64 - width) >> (64 - width), (b as u64) << (64 - width) >> (64 - width));
    match op {
        Binary::Add => a.wrapping_add(b) as u64,
        Binary::Sub => a.wrapping_sub(b) as u64,
        Binary::Mul => a.wrapping_mul(b) as u64,
        Binary::Div => 0, // For floats only.
        Binary::Min => a.min(b) as u64,
        Binary::Max => a.max(b) as u64,
        Binary::And => (a & b) as u64,
        Binary::Or => (a | b) as u64,
        Binary::Xor => (a ^ b) as u64,
        Binary::AndNot => (a & !b) as u64,
        Binary::Shl => count.map_or(0, |count| (a as u64) << count),
        Binary::Shr => count.map_or(0, |count| unsigned >> count),
        Binary::Sar => (a >> count.unwrap_or(63)) as u64,
        // Of 64 bits there is none.
        Binary::MulHigh => unsigned.wrapping_mul(other) >> (width % 64),
        Binary::MinUnsigned => unsigned.min(other),
        Binary::MaxUnsigned => unsigned.max(other),
        Binary::Average => unsigned.wrapping_add(other).wrapping_add(1) >> 1,
    }
}

pub(super) fn shift(op: Shift, ty: Ty, a: u64, count: u8) -> u64 {
    let op = match op {
        Shift::Shl => Binary::Shl,
        Shift::Shr => Binary::Shr,
        Shift::Sar => Binary::Sar,
    };
    binary(op, ty, a, u64::from(count))
}

pub(super) fn fma(kind: FmaKind, ty: Ty, a: u64, b: u64, c: u64) -> u64 {
    if ty == Ty::F32 {
        let (a, b, c) = (f32_of(a), f32_of(b), f32_of(c));
        return bits_of_f32(match kind {
            FmaKind::MulAdd => a.mul_add(b, c),
            FmaKind::MulSub => a.mul_add(b, -c),
            FmaKind::NegMulAdd => (-a).mul_add(b, c),
        });
    }
    let (a, b, c) = (f64_of(a), f64_of(b), f64_of(c));
    let result = match kind {
        FmaKind::MulAdd => a.mul_add(b, c),
        FmaKind::MulSub => a.mul_add(b, -c),
        FmaKind::NegMulAdd => (-a).mul_add(b, c),
    };
    result.to_bits()
}

pub(super) fn convert(convert: Convert, from: Ty, to: Ty, a: u64) -> u64 {
    match convert {
        Convert::Widen => f64::from(f32_of(a)).to_bits(),
        Convert::Narrow => bits_of_f32(f64_of(a) as f32),
        Convert::IntToFloat => {
            let value = if from == Ty::I32 { i64::from(a as i32) } else { a as i64 };
            if to == Ty::F32 { bits_of_f32(value as f32) } else { (value as f64).to_bits() }
        }
        Convert::SmallToFloat => (a as i64 as f64).to_bits(),
        Convert::FloatToInt | Convert::WholeToInt => {
            let value = if from == Ty::F32 { f64::from(f32_of(a)) } else { f64_of(a) };
            let limit = -(i64::MIN as f64);
            // A NaN fails both comparisons.
            if value >= -limit && value < limit { value as i64 as u64 } else { i64::MIN as u64 }
        }
        Convert::SignExtend => i64::from(a as i32) as u64,
        Convert::ZeroExtend | Convert::Bits | Convert::MaskToInt => a,
        Convert::Truncate => low(Ty::I32, a),
    }
}

/// Two lanes of a carried value, the lower one on the left.
pub(super) fn combine(combine: Combine, ty: Ty, a: u64, b: u64) -> u64 {
    match combine {
        Combine::Add => binary(Binary::Add, ty, a, b),
        Combine::Mul => binary(Binary::Mul, ty, a, b),
        Combine::Min => {
            if compare(Compare::Lt, ty, b, a) {
                b
            } else {
                a
            }
        }
        Combine::Max => {
            if compare(Compare::Gt, ty, b, a) {
                b
            } else {
                a
            }
        }
        Combine::And => a & b,
        Combine::Or => a | b,
        Combine::Xor => a ^ b,
        Combine::ArgMin { .. } | Combine::ArgMax { .. } | Combine::Companion => a, // See `better`.
        Combine::AddInOrder | Combine::MulInOrder | Combine::Each => a,            // Not combined.
    }
}

/// Of two lanes, each a value with its companion, the one that wins.
pub(super) fn better(combine: Combine, ty: Ty, a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    let op = if matches!(combine, Combine::ArgMax { .. }) { Compare::Gt } else { Compare::Lt };
    let b_wins = compare(op, ty, b.0, a.0) || !compare(op, ty, a.0, b.0) && (b.1 as i64) < (a.1 as i64);
    if b_wins { b } else { a }
}
