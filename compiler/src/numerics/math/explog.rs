//! The exponential and the logarithm with about 60 to 67 good bits, and what is made from one of them:
//! `exp`, `expm1`, `log`, `log2`, `log10`, `log1p`, `pow`.
//!
//! Method: table-driven reduction (P. T. P. Tang, ACM TOMS 15(2), 1989, and 16(4), 1990; S. Gal) with
//! 128 entries and a short Taylor polynomial; the high-order terms are kept as pairs of numbers, so that
//! only the last rounding counts.

use super::dd::{Dd, fast_two_sum, two_prod, two_sum};
use super::tables;

/// 128 / log 2.
const PER_STEP: f64 = 184.664_965_233_787_3;
/// log(2) / 128 in three parts; the first two have 35 bits, so that their multiples are exact.
const STEP: [f64; 3] = [0.005415212347998022, 1.2655086083012853e-13, 3.1258479278239995e-24];
/// log 2 as a multiple of 2^-42 and the rest.
const LN2: (f64, f64) = (0.6931471805598903, 5.497923018708371e-14);
/// log 2 as a pair.
pub(super) const LN2_PAIR: Dd = Dd { hi: std::f64::consts::LN_2, lo: 2.3190468138462996e-17 };
/// 1 / log 2.
const LOG2_E: Dd = Dd { hi: std::f64::consts::LOG2_E, lo: 2.0355273740931033e-17 };

/// 2^exponent for an exponent of a normal number.
#[inline(always)]
pub(super) fn pow2(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// `e^(x.hi + x.lo)` as `(pair in 0.99..2, exponent of two)`, relative error about 2^-61. For `|x|` up to 1000.
#[inline(always)]
pub(super) fn exp_parts(x: Dd) -> (Dd, i64) {
    // Adding 1.5 * 2^52 rounds to a whole number, ties to even, and leaves it in the low bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    let shifted = x.hi * PER_STEP + SHIFT;
    let steps = shifted - SHIFT;
    let index = shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i64;
    let first = x.hi - steps * STEP[0];
    let r = two_sum(first, -(steps * STEP[1]));
    let r = fast_two_sum(r.hi, r.lo + (x.lo - steps * STEP[2]));
    let t = r.hi;
    let poly =
        r.lo + t * t * (0.5 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0)))));
    let (hi, lo) = tables::EXP2[(index & 127) as usize];
    (fast_two_sum(hi, lo + (hi * poly + hi * t)), index >> 7)
}

/// `e^x` as a pair of numbers, for `|x|` up to 700.
#[inline(always)]
pub(super) fn exp_dd(x: Dd) -> Dd {
    let (value, exponent) = exp_parts(x);
    value.scale(pow2(exponent))
}

/// A positive number as `2^exponent * (z_hi + z_lo)`; `-log(c)` and the exponent give `whole + rest`.
struct Reduced {
    exponent: i64,
    c: f64,
    /// The significand rounded to 23 bits: the product with `c` (10 bits) is exact, and minus 1 has 26 bits.
    z_hi: f64,
    z_lo: f64,
    whole: f64,
    rest: f64,
}

/// Looks up the interval of the table.
#[inline(always)]
fn reduce(x: f64) -> Reduced {
    const OFFSET: u64 = 0x3fe6_9000_0000_0000;
    let (bits, extra) = if x < f64::MIN_POSITIVE { ((x * pow2(54)).to_bits(), 54) } else { (x.to_bits(), 0) };
    let offset = bits.wrapping_sub(OFFSET);
    let exponent = (offset as i64) >> 52;
    let (c, log_hi, log_lo) = tables::LOG[((offset >> 45) & 127) as usize];
    let z_bits = bits.wrapping_sub((exponent as u64) << 52);
    // Rounded, so that below 1 the parts do not cancel.
    let z_hi = f64::from_bits((z_bits + 0x2000_0000) & !0x3fff_ffff);
    let z_lo = f64::from_bits(z_bits) - z_hi;
    let exponent = exponent - extra;
    let k = exponent as f64;
    Reduced { exponent, c, z_hi, z_lo, whole: k * LN2.0 + log_hi, rest: k * LN2.1 + log_lo }
}

/// `(log(1 + t) - t + t^2/2) / t^3` for |t| < 2^-7.7.
#[inline(always)]
fn log_tail(t: f64) -> f64 {
    let square = t * t;
    let low = (1.0 / 3.0 - 0.25 * t) + square * (0.2 - t * (1.0 / 6.0));
    let high = (1.0 / 7.0 - 0.125 * t) + square * (1.0 / 9.0 - 0.1 * t);
    low + square * square * high
}

/// The natural logarithm of a positive finite number, relative error about 2^-66, also near 1.
pub(super) fn log_dd(x: Dd) -> Dd {
    let parts = reduce(x.hi);
    if x.lo == 0.0 {
        return log_reduced::<false>(&parts, 0.0);
    }
    // Two factors, since one may be out of range; bits lost to underflow do not count.
    let half = parts.exponent / 2;
    log_reduced::<true>(&parts, x.lo * pow2(-half) * pow2(half - parts.exponent))
}

/// The logarithm of a reduced number plus `low`, which is 0 unless it is said to count.
#[inline(always)]
fn log_reduced<const HAS_LOW: bool>(parts: &Reduced, low: f64) -> Dd {
    let upper = parts.z_hi * parts.c - 1.0;
    let mut lower = parts.z_lo * parts.c;
    let mut r = two_sum(upper, lower);
    if HAS_LOW {
        r = two_sum(r.hi, r.lo + low * parts.c);
        lower += low * parts.c;
    }
    let t = r.hi;
    // The square of the upper part is exact, of the rest only the first digits count.
    let square = upper * upper;
    let square_rest = lower * (upper + t);
    let first = two_sum(parts.whole, t);
    let second = two_sum(first.hi, -0.5 * square);
    let rest = parts.rest + r.lo - 0.5 * square_rest + t * (square + square_rest) * log_tail(t);
    fast_two_sum(second.hi, second.lo + (first.lo + rest))
}

/// log(sqrt(x^2 + y^2)) with about 60 good bits, also where the root is near 1.
pub(in crate::numerics) fn log_hypot(x: f64, y: f64) -> f64 {
    if x.is_infinite() || y.is_infinite() {
        return f64::INFINITY;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let (large, small) = if x.abs() >= y.abs() { (x.abs(), y.abs()) } else { (y.abs(), x.abs()) };
    if large == 0.0 {
        return f64::NEG_INFINITY;
    }
    // The squares of everything between stay in range.
    let shift: i64 = match large {
        1e120.. => 600,
        ..1e-120 => -600,
        _ => 0,
    };
    let (large, small) = (large * pow2(-shift), small * pow2(-shift));
    let half_log = log_dd(two_prod(large, large).add(two_prod(small, small))).scale(0.5);
    if shift == 0 { half_log.round() } else { half_log.add(LN2_PAIR.mul_f64(shift as f64)).round() }
}

/// log(e^x + e^y): the larger argument plus `log(1 + e^-difference)`, on pairs, since the two may cancel.
pub(super) fn logaddexp(x: f64, y: f64) -> f64 {
    log_of_sum(x, y, Dd::from(1.0))
}

/// log2(2^x + 2^y), the same way.
pub(super) fn logaddexp2(x: f64, y: f64) -> f64 {
    log_of_sum(x, y, LN2_PAIR)
}

/// The logarithm of the sum of the powers of a base with this natural logarithm.
fn log_of_sum(x: f64, y: f64, log_base: Dd) -> f64 {
    let (large, small) = if x >= y { (x, y) } else { (y, x) };
    if x == y && x.is_infinite() || x.is_nan() || y.is_nan() {
        return x + y;
    }
    let difference = two_sum(small, -large);
    if difference.hi <= -1100.0 || difference.hi.is_nan() {
        return large;
    }
    let exponent = difference.mul(log_base);
    if exponent.hi < -700.0 {
        return large;
    }
    let correction = log_dd(exp_dd(exponent).add_f64(1.0));
    let correction = if log_base.hi == 1.0 { correction } else { correction.mul(LOG2_E) };
    correction.add_f64(large).round()
}
