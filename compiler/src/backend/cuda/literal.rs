//! Constants as C: exactly the bits.

use super::expr::{Text, level};
use crate::ir::Const;
use crate::types::DType;

/// The constant. Whole numbers that fit 31 bits are plain, and may stand for an `index_t`.
pub(super) fn literal(ty: DType, value: Const) -> Text {
    match ty {
        DType::Bool => Text::atom(if value.0 != 0 { "true" } else { "false" }),
        DType::F64 => {
            let number = value.as_f64();
            if number.is_finite() {
                signed(format!("{number:?}"))
            } else {
                Text::atom(format!("f64_bits(0x{:016x}ULL)", value.0))
            }
        }
        DType::F32 => {
            let number = value.as_f32();
            if number.is_finite() {
                signed(format!("{number:?}f"))
            } else {
                Text::atom(format!("f32_bits(0x{:08x}u)", value.0 as u32))
            }
        }
        DType::I64 => match value.as_int() {
            i64::MIN => Text::atom("(-9223372036854775807LL - 1)"),
            number if number.unsigned_abs() < 1 << 30 => {
                Text { is_index: true, ..signed(number.to_string()) }
            }
            number => signed(format!("{number}LL")),
        },
        DType::U64 => Text::atom(format!("{}ULL", value.0)),
        DType::U32 => Text::atom(format!("{}u", value.0 as u32)),
        DType::I8 | DType::I16 | DType::I32 => match value.as_int() {
            number if number == i64::from(i32::MIN) => Text::atom("(-2147483647 - 1)"),
            number => signed(number.to_string()),
        },
        DType::U8 | DType::U16 => signed(value.as_int().to_string()),
        // There are none in the IR.
        DType::C64 | DType::C128 => Text::atom("0"),
    }
}

fn signed(code: String) -> Text {
    let level = if code.starts_with('-') { level::UNARY } else { level::ATOM };
    Text::new(code, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_exact() {
        let code = |ty, value| literal(ty, value).code;
        assert_eq!(code(DType::F64, Const::f64(0.1)), "0.1");
        assert_eq!(code(DType::F64, Const::f64(-0.0)), "-0.0");
        assert_eq!(code(DType::F64, Const::f64(1e300)), "1e300");
        assert_eq!(code(DType::F64, Const::f64(f64::INFINITY)), "f64_bits(0x7ff0000000000000ULL)");
        assert_eq!(code(DType::F32, Const::f32(0.1)), "0.1f");
        assert_eq!(code(DType::F32, Const::f32(f32::NAN)), "f32_bits(0x7fc00000u)");
        assert_eq!(code(DType::I64, Const::int(-3)), "-3");
        assert_eq!(code(DType::I64, Const::int(1 << 40)), "1099511627776LL");
        assert_eq!(code(DType::I64, Const::int(i64::MIN)), "(-9223372036854775807LL - 1)");
        assert_eq!(code(DType::U64, Const(u64::MAX)), "18446744073709551615ULL");
    }
}
