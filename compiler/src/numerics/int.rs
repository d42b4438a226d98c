//! Integer operations as Python and NumPy define them, on 64 bits.
//!
//! Narrower types compute here too, extended to 64 bits, and keep the low bits of the result: that equals
//! NumPy's wrapping in the narrow type. Everything wraps; nothing panics. Zero divisors give 0 as in
//! NumPy's arrays: where the language raises an error, the check stands before the operation.

/// `a // b`, rounded towards minus infinity; `i64::MIN // -1` wraps to `i64::MIN`, and `a // 0` is 0.
///
/// ```
/// assert_eq!(kjit_compiler::numerics::int::floordiv_i64(-7, 2), -4);
/// ```
#[inline]
pub fn floordiv_i64(a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let quotient = a.wrapping_div(b);
    let rest = a.wrapping_rem(b);
    quotient - i64::from(rest != 0 && (rest < 0) != (b < 0))
}

/// `a % b` with the sign of `b`; `a % 0` is 0.
#[inline]
pub fn mod_i64(a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

/// `a // b` for unsigned numbers; `a // 0` is 0.
#[inline]
pub fn floordiv_u64(a: u64, b: u64) -> u64 {
    a.checked_div(b).unwrap_or(0)
}

/// `a % b` for unsigned numbers; `a % 0` is 0.
#[inline]
pub fn mod_u64(a: u64, b: u64) -> u64 {
    a.checked_rem(b).unwrap_or(0)
}

/// C's remainder with the sign of `a` (`np.fmod` on integers); `a fmod 0` is 0.
#[inline]
pub fn fmod_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

/// `base ** exponent`, wrapping, by squaring. A negative exponent gives the whole part of the true value,
/// so 0 except for the bases 1 and -1 (and 0 for base 0): the language's check stands before.
///
/// The same bits serve `u64`, except for negative exponents.
#[inline]
pub fn pow_i64(base: i64, exponent: i64) -> i64 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 => 1 - 2 * (exponent & 1),
            _ => 0,
        };
    }
    pow_u64(base as u64, exponent as u64) as i64
}

/// `base ** exponent` for unsigned numbers, wrapping, by squaring.
#[inline]
pub fn pow_u64(mut base: u64, mut exponent: u64) -> u64 {
    let mut power: u64 = 1;
    while exponent != 0 {
        if exponent & 1 == 1 {
            power = power.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    power
}

/// `a << count`: 0 for counts outside `0..64`, as in NumPy. The same bits serve `u64`.
#[inline]
pub fn shl_i64(a: i64, count: i64) -> i64 {
    if (0..64).contains(&count) { a << count } else { 0 }
}

/// `a >> count`, keeping the sign: 0 or -1 for counts outside `0..64`, as in NumPy.
#[inline]
pub fn shr_i64(a: i64, count: i64) -> i64 {
    if (0..64).contains(&count) { a >> count } else { a >> 63 }
}

/// `a >> count` for unsigned numbers: 0 for counts outside `0..64`.
#[inline]
pub fn shr_u64(a: u64, count: i64) -> u64 {
    if (0..64).contains(&count) { a >> count } else { 0 }
}

/// The greatest common divisor, never negative, except that 2^63 wraps to `i64::MIN`; `gcd(0, 0)` is 0.
#[inline]
pub fn gcd_i64(a: i64, b: i64) -> i64 {
    gcd_u64(a.unsigned_abs(), b.unsigned_abs()) as i64
}

/// The greatest common divisor of unsigned numbers.
pub fn gcd_u64(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The least common multiple, wrapping; 0 if one number is 0.
#[inline]
pub fn lcm_i64(a: i64, b: i64) -> i64 {
    lcm_u64(a.unsigned_abs(), b.unsigned_abs()) as i64
}

/// The least common multiple of unsigned numbers, wrapping; 0 if one number is 0.
#[inline]
pub fn lcm_u64(a: u64, b: u64) -> u64 {
    if a == 0 || b == 0 { 0 } else { (a / gcd_u64(a, b)).wrapping_mul(b) }
}

/// The whole part of the square root (`math.isqrt`); 0 for negative numbers.
pub fn isqrt_i64(a: i64) -> i64 {
    if a <= 0 { 0 } else { a.isqrt() }
}

/// -1, 0 or 1 (`np.sign`).
#[inline]
pub fn sign_i64(a: i64) -> i64 {
    a.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a, b, a // b, a % b` as CPython gives them.
    const DIVISIONS: [(i64, i64, i64, i64); 12] = [
        (7, 2, 3, 1),
        (-7, 2, -4, 1),
        (7, -2, -4, -1),
        (-7, -2, 3, -1),
        (6, 3, 2, 0),
        (-6, 3, -2, 0),
        (6, -3, -2, 0),
        (0, -5, 0, 0),
        (i64::MIN, 10, -922337203685477581, 2),
        (i64::MAX, -10, -922337203685477581, -3),
        (-1, i64::MAX, -1, 9223372036854775806),
        (1, i64::MIN, -1, -9223372036854775807),
    ];

    #[test]
    fn division_has_pythons_signs() {
        for (a, b, quotient, rest) in DIVISIONS {
            assert_eq!(floordiv_i64(a, b), quotient, "{a} // {b}");
            assert_eq!(mod_i64(a, b), rest, "{a} % {b}");
        }
    }

    #[test]
    fn division_at_the_edges_does_not_panic() {
        assert_eq!(floordiv_i64(i64::MIN, -1), i64::MIN);
        assert_eq!(mod_i64(i64::MIN, -1), 0);
        assert_eq!((floordiv_i64(5, 0), mod_i64(5, 0), fmod_i64(5, 0)), (0, 0, 0));
        assert_eq!((floordiv_u64(5, 0), mod_u64(5, 0)), (0, 0));
        assert_eq!((floordiv_u64(u64::MAX, 10), mod_u64(u64::MAX, 10)), (1844674407370955161, 5));
        assert_eq!(fmod_i64(-7, 2), -1);
    }

    #[test]
    fn powers_wrap() {
        assert_eq!(pow_i64(3, 4), 81);
        assert_eq!(pow_i64(-3, 3), -27);
        assert_eq!(pow_i64(0, 0), 1);
        assert_eq!(pow_i64(2, 63), i64::MIN);
        assert_eq!(pow_i64(2, 64), 0);
        assert_eq!(pow_i64(7, 40), -6212923193149656639);
        assert_eq!(pow_u64(3, 41), 18026252303461234787);
        assert_eq!((pow_i64(-1, -3), pow_i64(-1, -4), pow_i64(2, -1), pow_i64(1, -9)), (-1, 1, 0, 1));
    }

    #[test]
    fn shifts_beyond_the_width() {
        assert_eq!((shl_i64(1, 63), shl_i64(1, 64), shl_i64(1, -1)), (i64::MIN, 0, 0));
        assert_eq!((shr_i64(-8, 1), shr_i64(-8, 64), shr_i64(8, 200), shr_i64(-8, -1)), (-4, -1, 0, -1));
        assert_eq!((shr_u64(u64::MAX, 63), shr_u64(u64::MAX, 64)), (1, 0));
    }

    #[test]
    fn common_divisors() {
        assert_eq!((gcd_i64(-12, 18), gcd_i64(0, -5), gcd_i64(0, 0)), (6, 5, 0));
        assert_eq!(gcd_i64(i64::MIN, 0), i64::MIN);
        assert_eq!((lcm_i64(-4, 6), lcm_i64(0, 3)), (12, 0));
        assert_eq!((isqrt_i64(99), isqrt_i64(i64::MAX), isqrt_i64(-1)), (9, 3037000499, 0));
    }
}
