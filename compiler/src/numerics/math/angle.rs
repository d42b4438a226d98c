//! `atan` and `atan2` on pairs of numbers: the quotient is kept as a pair, so that no rounding before the last
//! one counts. Method: table of `atan(i/64)` and the addition theorem.

use super::dd::{Dd, fast_two_sum, split, two_sum};
use super::explog::pow2;
use super::tables;

const PI: Dd = Dd { hi: std::f64::consts::PI, lo: 1.2246467991473532e-16 };
const HALF_PI: Dd = Dd { hi: std::f64::consts::FRAC_PI_2, lo: 6.123233995736766e-17 };

/// atan(small / large), both between 2^-900 and 2^900 with `small <= large`, relative error about 2^-65.
fn atan_quotient(small: f64, large: f64) -> Dd {
    let index = (small / large * 64.0 + 0.5) as usize & 127;
    let middle = index as f64 / 64.0;
    // The addition theorem: atan(s/l) = atan(m) + atan((s - m l) / (l + m s)).
    let t = if index == 0 {
        Dd::from(small).div(Dd::from(large))
    } else {
        // The products of the halves are exact, since the middle has 7 bits.
        let (large_hi, large_lo) = split(large);
        let (small_hi, small_lo) = split(small);
        let above = two_sum(small, -middle * large_hi);
        let below = fast_two_sum(large, middle * small_hi);
        let above = two_sum(above.hi, above.lo - middle * large_lo);
        above.div(Dd { hi: below.hi, lo: below.lo + middle * small_lo })
    };
    let square = t.hi * t.hi;
    let poly =
        -1.0 / 3.0 + square * (0.2 + square * (-1.0 / 7.0 + square * (1.0 / 9.0 + square * (-1.0 / 11.0))));
    let t = fast_two_sum(t.hi, t.lo + t.hi * (square * poly));
    let (hi, lo) = tables::ATAN[index];
    if index == 0 { t } else { Dd { hi, lo }.add(t) }
}

/// The angle of the point (x, y).
pub(super) fn atan2(y: f64, x: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let (mut width, mut height) = (x.abs(), y.abs());
    if width.is_infinite() && height.is_infinite() {
        (width, height) = (1.0, 1.0);
    }
    let is_left = x.is_sign_negative();
    if height == 0.0 || width.is_infinite() {
        return if is_left { PI.hi } else { 0.0f64 }.copysign(y);
    }
    if width == 0.0 || height.is_infinite() {
        return HALF_PI.hi.copysign(y);
    }
    // Differ the exponents by this much, then the angle is a multiple of pi/2, or y/x.
    let distance = exponent(height) - exponent(width);
    if distance > 70 {
        return HALF_PI.hi.copysign(y);
    }
    if distance < -70 {
        return if is_left { PI.hi } else { height / width }.copysign(y);
    }
    // Powers of two are exact; both numbers keep away from overflow and underflow.
    let shift = match exponent(width) {
        700.. => pow2(-300),
        ..-700 => pow2(500),
        _ => 1.0,
    };
    let (width, height) = (width * shift, height * shift);
    let angle = if height <= width {
        let angle = atan_quotient(height, width);
        if is_left { PI.sub(angle) } else { angle }
    } else {
        let angle = atan_quotient(width, height);
        if is_left { HALF_PI.add(angle) } else { HALF_PI.sub(angle) }
    };
    angle.round().copysign(y)
}

/// The exponent of two, at least -1023.
fn exponent(x: f64) -> i64 {
    (x.to_bits() >> 52) as i64 - 1023
}
