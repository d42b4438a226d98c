//! The exponential: `x = n log 2 + r` with `|r| <= log(2) / 2`, a polynomial on `r`, a shift of the exponent.
//!
//! The rounding errors of `r` and of `1 + r` are carried along, so that about 60 bits are good before the last rounding.
//! Coefficients: weighted minimax, rounded one at a time (`tests/oracle/math_fit.py`).

use super::pair::{Pair, fast_two_sum, mul_const, poly, two_sum};
use crate::numerics::lanes::Lanes;

/// log 2 as a pair.
pub(super) const LN2: (f64, f64) = (std::f64::consts::LN_2, 2.319_046_813_846_3e-17);
/// 1 / log 2 as a pair.
pub(super) const LOG2_E: (f64, f64) = (std::f64::consts::LOG2_E, 2.035_527_374_093_103_3e-17);

/// `(e^r - 1 - r) / r^2` for `|r| <= log(2) / 2`, relative error of `e^r` 2^-57.9.
const TAIL: [f64; 10] = [
    0.5000000000000013,
    0.16666666666666685,
    0.04166666666651136,
    0.008333333333315356,
    0.0013888888947952787,
    0.00019841269900894957,
    2.480148906365448e-05,
    2.7557230244385532e-06,
    2.763156963131383e-07,
    2.5113641830497796e-08,
];

/// `e^(r + rest) - 1 - r` for `|r| <= log(2) / 2` and `rest` below the last bit of `r`.
#[inline(always)]
fn tail<L: Lanes>(l: &L, r: L::F, rest: L::F) -> L::F {
    l.fma(l.mul(r, r), poly(l, r, TAIL), l.fma(r, rest, rest))
}

/// `(e^-r - 1 + r) / r^2` for `|r| <= log(2) / 2`, relative error of `e^-r - 1` 2^-61.5.
const TAIL_OF_NEGATIVE: [f64; 11] = [
    0.5,
    -0.16666666666666677,
    0.04166666666666661,
    -0.008333333333321457,
    0.0013888888888923877,
    -0.0001984126988650916,
    2.4801587237366676e-05,
    -2.7557243860001714e-06,
    2.755735302274556e-07,
    -2.5109150109705803e-08,
    2.088946187604423e-09,
];

/// `e^-(x + low)` for `x` from 0 to 2^10.
pub(super) struct Decay<L: Lanes> {
    /// `e^-(x + low)` times 2 to the `n`th, less 1, good to its last bit.
    pub part: L::F,
    /// What was rounded off it.
    pub part_low: L::F,
    /// `n`, a whole number.
    pub n: L::F,
    /// The same for [`Lanes::times_inverse_power`].
    pub count: L::I,
}

/// The exponential of a pair with the other sign.
#[inline(always)]
pub(super) fn decay<L: Lanes>(l: &L, x: L::F, low: L::F) -> Decay<L> {
    let (n, count) = l.whole(x, LOG2_E.0);
    // Exact, as in `reduce`.
    let first = l.fnma(n, l.f(LN2.0), x);
    let low = l.fnma(n, l.f(LN2.1), low);
    let r = l.add(first, low);
    let rest = l.fms(l.mul(r, r), poly(l, r, TAIL_OF_NEGATIVE), low);
    let part = l.sub(rest, first);
    Decay { part, part_low: l.sub(rest, l.add(first, part)), n, count }
}

/// The same for `x` up to 64, with the error relative to `part`.
#[inline(always)]
pub(super) fn decay_near<L: Lanes>(l: &L, x: L::F, low: L::F) -> Decay<L> {
    let (n, count) = l.whole(x, LOG2_E.0);
    let r = l.fnma(n, l.f(LN2.0), x);
    let low = l.fnma(n, l.f(LN2.1), low);
    // The slope at what is left out is `e^-r`, near enough `1 - r`.
    let low = l.fnma(low, r, low);
    let rest = l.fms(l.mul(r, r), poly(l, r, TAIL_OF_NEGATIVE), low);
    let part = l.sub(rest, r);
    Decay { part, part_low: l.sub(rest, l.add(r, part)), n, count }
}

/// `x + low = n log 2 + r + rest`, as `(n, r, rest)` with `rest` below the last bit of `r`, for `|x|` up to 2^10.
#[inline(always)]
pub(super) fn reduce<L: Lanes>(l: &L, x: L::F, low: L::F) -> (L::F, L::F, L::F) {
    let (n, _) = l.whole(x, LOG2_E.0);
    // Exact: both sides are multiples of 2^-54, and the difference is below 1/2.
    let first = l.fnma(n, l.f(LN2.0), x);
    let (r, rest) = fast_two_sum(l, first, l.fnma(n, l.f(LN2.1), low));
    (n, r, rest)
}

/// `e^(x + low)` as `(pair, n)`: the pair, 0.7 to 1.42, times 2^n; relative error about 2^-57.5. For `|x|` up to 2^10.
#[inline(always)]
pub(super) fn exp_parts<L: Lanes>(l: &L, x: L::F, low: L::F) -> (Pair<L>, L::F) {
    let (n, r, rest) = reduce(l, x, low);
    let (sum, error) = fast_two_sum(l, l.f(1.0), r);
    ((sum, l.add(tail(l, r, rest), error)), n)
}

/// `e^r` without its 1, for `x = n log 2 + r`: the number, good to its last bit, and the whole number `n` as
/// [`Lanes::whole`] gives it. For `|x|` up to 2^10.
#[inline(always)]
fn exp_less_one<L: Lanes>(l: &L, x: L::F) -> (L::F, L::F, L::I) {
    let (n, count) = l.whole(x, LOG2_E.0);
    // Exact, as in `reduce`; what is left out of it counts in the small terms only.
    let first = l.fnma(n, l.f(LN2.0), x);
    let low = l.mul(n, l.f(-LN2.1));
    let r = l.add(first, low);
    (l.add(first, l.fma(l.mul(r, r), poly(l, r, TAIL), low)), n, count)
}

/// `e^x`. At most 0.87 ULP.
#[inline(always)]
pub(super) fn exp<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (part, _, count) = exp_less_one(l, x);
    let value = l.times_power(l.add(part, l.f(1.0)), count);
    // NaN is among the others.
    let is_usual = l.le(l.abs(x), l.f(707.0));
    l.rare(l.not(is_usual), [value], || [exp_far(l, x)])[0]
}

/// `e^x` where that is infinite, 0 or subnormal, too.
#[inline(always)]
fn exp_far<L: Lanes>(l: &L, x: L::F) -> L::F {
    // The second operand wins if one is NaN. Beyond these ends the result is 0 or infinite.
    let x = l.min(l.f(710.0), l.max(l.f(-746.0), x));
    let (part, n, _) = exp_less_one(l, x);
    l.scale(l.add(part, l.f(1.0)), n)
}

/// `e^(x + low)` for any `x` and for `low` up to the last bit of `x`, which counts only where `|x| < 800`.
#[inline(always)]
pub(super) fn exp_of_pair<L: Lanes>(l: &L, x: L::F, low: L::F) -> L::F {
    let low = l.select(l.lt(l.abs(x), l.f(800.0)), low, l.f(0.0));
    let x = l.min(l.f(710.0), l.max(l.f(-746.0), x));
    let ((hi, lo), n) = exp_parts(l, x, low);
    l.scale(l.add(hi, lo), n)
}

/// `e^(x + low)` for `|x|` up to 707 and `low` up to the last bit of it, relative error about 2^-57 before the last rounding.
#[inline(always)]
pub(super) fn exp_of_near_pair<L: Lanes>(l: &L, x: L::F, low: L::F) -> L::F {
    let (n, count) = l.whole(x, LOG2_E.0);
    // Exact, as in `reduce`.
    let first = l.fnma(n, l.f(LN2.0), x);
    let low = l.fnma(n, l.f(LN2.1), low);
    let r = l.add(first, low);
    let (sum, error) = fast_two_sum(l, l.f(1.0), first);
    let rest = l.add(l.fma(l.mul(r, r), poly(l, r, TAIL), low), error);
    l.times_power(l.add(sum, rest), count)
}

/// `2^x`. At most 0.78 ULP.
#[inline(always)]
pub(super) fn exp2<L: Lanes>(l: &L, x: L::F) -> L::F {
    let x = l.min(l.f(1025.0), l.max(l.f(-1077.0), x));
    let (n, _) = l.whole(x, 1.0);
    // The difference is exact; its product with log 2 is a pair.
    let (r, rest) = mul_const(l, (l.sub(x, n), l.f(0.0)), LN2);
    let (sum, error) = fast_two_sum(l, l.f(1.0), r);
    l.scale(l.add(sum, l.add(tail(l, r, rest), error)), n)
}

/// `(e^r - 1 - r - r^2/2) / r^3` for `|r| <= 0.42`, relative error of `e^r - 1` 2^-63.2.
const TAIL_OF_EXPM1: [f64; 11] = [
    0.16666666666666666,
    0.041666666666666755,
    0.008333333333333944,
    0.0013888888888832001,
    0.00019841269839852401,
    2.4801587430401758e-05,
    2.75573207379865e-06,
    2.755718668571602e-07,
    2.5051332846933643e-08,
    2.094019535847839e-09,
    1.6226265307957174e-10,
];

/// `e^x - 1` as a normalised pair that is to be multiplied by 2 to the third number, for `x` from -40 to 710.
/// Up to 0.42 nothing is split off, so that the error is relative to the result.
#[inline(always)]
pub(super) fn expm1_parts<L: Lanes>(l: &L, x: L::F) -> (L::F, L::F, L::F) {
    let zero = l.f(0.0);
    let (n, r, rest) = reduce(l, x, zero);
    let is_small = l.lt(l.abs(x), l.f(0.42));
    let n = l.select(is_small, zero, n);
    let (r, rest) = (l.select(is_small, x, r), l.select(is_small, zero, rest));
    let half = l.mul(r, l.f(0.5));
    let half_square = l.mul(half, r);
    let tail = l.mul(l.mul(half_square, l.f(2.0)), l.mul(r, poly(l, r, TAIL_OF_EXPM1)));
    let tail = l.add(tail, l.add(l.fms(half, r, half_square), l.fma(r, rest, rest)));
    // 2^n ((1 - 2^-n) + r + tail); 2^-n does not count where it would be out of range.
    let inverse = l.power_of_two(l.max(l.f(-1000.0), l.neg(n)));
    let (one, one_low) = fast_two_sum(l, l.f(1.0), l.neg(inverse));
    let (sum, error) = two_sum(l, one, r);
    let (sum, error_2) = fast_two_sum(l, sum, half_square);
    let (hi, lo) = fast_two_sum(l, sum, l.add(l.add(l.add(error, error_2), one_low), tail));
    (hi, lo, n)
}

/// `e^x - 1` without cancellation. At most 0.71 ULP.
#[inline(always)]
pub(super) fn expm1<L: Lanes>(l: &L, x: L::F) -> L::F {
    let bounded = l.min(l.f(710.0), l.max(l.f(-40.0), x));
    let (value, _, n) = expm1_parts(l, bounded);
    // Half of 2^n, since that may be out of range.
    let value = l.mul(value, l.power_of_two(l.sub(n, l.f(1.0))));
    // The zero keeps its sign.
    l.select(l.lt(l.abs(x), l.f(1e-17)), x, l.add(value, value))
}
