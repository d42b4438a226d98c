//! Conversions between number types.
//!
//! A float becomes an integer as the x86 instruction `cvttsd2si` does it, on every machine: truncated towards
//! zero; NaN and what does not fit in 64 bits give `i64::MIN`. Narrower integers are the low bits of the
//! 64-bit result. An integer becomes the nearest float, ties to even (Rust's `as`).

/// 2^63.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// `f64` to `i64`: truncated; `i64::MIN` for NaN and everything out of range.
///
/// ```
/// assert_eq!(kjit_compiler::numerics::cast::f64_to_i64(-2.9), -2);
/// assert_eq!(kjit_compiler::numerics::cast::f64_to_i64(1e300), i64::MIN);
/// ```
#[inline]
pub fn f64_to_i64(x: f64) -> i64 {
    // False for NaN. Below -2^63 the saturating cast gives the wanted value by itself.
    if x < TWO_63 { x as i64 } else { i64::MIN }
}

/// `f64` to `u64`: truncated; negative numbers wrap through `i64`; NaN gives 2^63; 2^64 and above give 0.
#[inline]
pub fn f64_to_u64(x: f64) -> u64 {
    if x >= TWO_63 { (f64_to_i64(x - TWO_63) as u64) ^ (1 << 63) } else { f64_to_i64(x) as u64 }
}

/// `f32` to `i64`, as [`f64_to_i64`].
#[inline]
pub fn f32_to_i64(x: f32) -> i64 {
    f64_to_i64(f64::from(x))
}

/// `f32` to `u64`, as [`f64_to_u64`].
#[inline]
pub fn f32_to_u64(x: f32) -> u64 {
    f64_to_u64(f64::from(x))
}

/// Keeps the low `bits` (8, 16, 32 or 64) and extends the sign.
#[inline]
pub fn wrap_signed(x: i64, bits: u32) -> i64 {
    let unused = 64 - bits.clamp(1, 64);
    (x << unused) >> unused
}

/// Keeps the low `bits` (8, 16, 32 or 64) and extends with zeros.
#[inline]
pub fn wrap_unsigned(x: u64, bits: u32) -> u64 {
    let unused = 64 - bits.clamp(1, 64);
    (x << unused) >> unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_truncate() {
        assert_eq!((f64_to_i64(2.9), f64_to_i64(-2.9), f64_to_i64(-0.0)), (2, -2, 0));
        assert_eq!(f64_to_i64(9.223372036854775e18), 9223372036854774784);
        assert_eq!(f64_to_i64(i64::MIN as f64), i64::MIN);
        assert_eq!(f32_to_i64(16777216.0), 16777216);
    }

    #[test]
    fn what_does_not_fit_is_the_minimum() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, TWO_63, -1e19, 1e300] {
            assert_eq!(f64_to_i64(x), i64::MIN, "{x}");
        }
        assert_eq!(f32_to_i64(f32::NAN), i64::MIN);
    }

    #[test]
    fn unsigned_uses_all_bits() {
        assert_eq!(f64_to_u64(1.844674407370955e19), 18446744073709549568);
        assert_eq!(f64_to_u64(9.3e18), 9300000000000000000);
        assert_eq!(f64_to_u64(-1.0), u64::MAX);
        assert_eq!((f64_to_u64(f64::NAN), f64_to_u64(f64::INFINITY), f64_to_u64(2e19)), (1 << 63, 0, 0));
    }

    #[test]
    fn narrow_types_keep_the_low_bits() {
        assert_eq!((wrap_signed(200, 8), wrap_signed(-129, 8), wrap_signed(-5, 64)), (-56, 127, -5));
        assert_eq!((wrap_unsigned(300, 8), wrap_unsigned(u64::MAX, 32)), (44, 0xffff_ffff));
    }
}
