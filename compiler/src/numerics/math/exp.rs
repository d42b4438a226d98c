//! The exponential: `x = n log 2 + r` with `|r| <= log(2) / 2`, a polynomial on `r`, a shift of the exponent.
//!
//! The rounding errors of `r` and of `1 + r` are carried along, so that about 60 bits are good before the last rounding.
//! Coefficients: weighted minimax, rounded one at a time (`tests/oracle/math_fit.py`).

use super::pair::{Pair, fast_two_sum, poly};
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
    l.fma(l.mul(r, r), poly(l, r, TAIL), rest)
}

/// `x + low = n log 2 + r + rest`, as `(n, r, rest)` with `rest` below the last bit of `r`, for `|x|` up to 2^10.
#[inline(always)]
fn reduce<L: Lanes>(l: &L, x: L::F, low: L::F) -> (L::F, L::F, L::F) {
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

/// `e^x`. At most 0.7 ULP.
#[inline(always)]
pub(super) fn exp<L: Lanes>(l: &L, x: L::F) -> L::F {
    // The second operand wins if one is NaN. Beyond these ends the result is 0 or infinite.
    let x = l.min(l.f(710.0), l.max(l.f(-746.0), x));
    let ((hi, lo), n) = exp_parts(l, x, l.f(0.0));
    l.scale(l.add(hi, lo), n)
}

/// `e^(x + low)` for any `x` and for `low` up to the last bit of `x`, which counts only where `|x| < 800`.
#[inline(always)]
pub(super) fn exp_of_pair<L: Lanes>(l: &L, x: L::F, low: L::F) -> L::F {
    let low = l.select(l.lt(l.abs(x), l.f(800.0)), low, l.f(0.0));
    let x = l.min(l.f(710.0), l.max(l.f(-746.0), x));
    let ((hi, lo), n) = exp_parts(l, x, low);
    l.scale(l.add(hi, lo), n)
}
