//! The logarithm: `x = m 2^k` with `m` in 0.75..1.5, then with `f = m - 1` and `s = f / (2 + f)`
//! `log m = 2 artanh s = f - f^2/2 + s (f^2/2 + R(s^2))`, so that near 1 the error is relative to the result.
//!
//! Coefficients: weighted minimax, rounded one at a time (`tests/oracle/math_fit.py`).

use super::pair::{Pair, fast_two_sum, mul_const, poly, two_sum};
use crate::numerics::lanes::Lanes;

/// log 2 as a multiple of 2^-42 and the rest, so that the multiples of the first part are exact.
const LN2: (f64, f64) = (0.693_147_180_559_890_3, 5.497_923_018_708_371e-14);

/// `R(z) / z`, for z up to 0.0401.
const SERIES: [f64; 8] = [
    0.666666666666666,
    0.4000000000005672,
    0.285714285558125,
    0.22222224298712082,
    0.18181665721445253,
    0.15391117475979438,
    0.13173499913516845,
    0.13843747307424556,
];

/// `value`, or what a logarithm is where `x` is not positive and finite.
#[inline(always)]
pub(super) fn fix_ends<L: Lanes>(l: &L, x: L::F, value: L::F) -> L::F {
    let zero = l.f(0.0);
    // NaN comes out of the last comparison.
    let value = l.select(l.eq(x, l.f(f64::INFINITY)), x, value);
    let below = l.select(l.eq(x, zero), l.f(f64::NEG_INFINITY), l.f(f64::NAN));
    l.select(l.lt(zero, x), value, below)
}

/// Natural logarithm. At most 0.9 ULP.
#[inline(always)]
pub(super) fn log<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (m, k) = l.split(x);
    let f = l.sub(m, l.f(1.0));
    let s = l.div(f, l.add(m, l.f(1.0)));
    let z = l.mul(s, s);
    let half_square = l.mul(l.mul(f, l.f(0.5)), f);
    let rest = l.mul(s, l.fma(z, poly(l, z, SERIES), half_square));
    let small = l.sub(half_square, l.fma(k, l.f(LN2.1), rest));
    fix_ends(l, x, l.fma(k, l.f(LN2.0), l.sub(f, small)))
}

/// `(R(z) / z)` with the first coefficient as a pair: absolute error of `R` 2^-68.4.
const SERIES_PAIR: (f64, [f64; 9]) = (
    4.5036188390411e-17,
    [
        0.6666666666666666,
        0.399999999999992,
        0.28571428571704083,
        0.22222222175929177,
        0.1818182257575959,
        0.15384364015053922,
        0.1334216126956223,
        0.11579201646099031,
        0.12642717919474697,
    ],
);

/// `log((1 + f + f_low) 2^k)` as a normalised pair, relative error about 2^-64. `f` is -0.25..0.5.
#[inline(always)]
pub(super) fn log_parts<L: Lanes>(l: &L, f: L::F, f_low: L::F, k: L::F) -> Pair<L> {
    // s = f / (2 + f) as a pair; the sum is exact as a pair, too.
    let (d, d_low) = fast_two_sum(l, l.f(2.0), f);
    let inverse = l.div(l.f(1.0), d);
    let s = l.mul(f, inverse);
    let rest = l.fnma(s, l.add(d_low, f_low), l.add(l.fnma(s, d, f), f_low));
    let s_low = l.mul(rest, inverse);
    let twice = l.add(s, s);
    let z = l.mul(s, s);
    let z_low = l.fma(twice, s_low, l.fms(s, s, z));
    // R / z as a pair, then s R.
    let (first_low, terms) = SERIES_PAIR;
    let [first, upper @ ..] = terms;
    let tail = poly(l, z, upper);
    let upper = l.mul(z, tail);
    let (ratio, ratio_low) = fast_two_sum(l, l.f(first), upper);
    let upper_low = l.fma(z_low, tail, l.fms(z, tail, upper));
    let ratio_low = l.add(ratio_low, l.add(upper_low, l.f(first_low)));
    let r = l.mul(ratio, z);
    let r_low = l.fma(ratio_low, z, l.fma(ratio, z_low, l.fms(ratio, z, r)));
    let t = l.mul(s, r);
    let t_low = l.fma(s_low, r, l.fma(s, r_low, l.fms(s, r, t)));
    let (sum, error) = fast_two_sum(l, l.mul(k, l.f(LN2.0)), twice);
    let (sum, error_2) = fast_two_sum(l, sum, t);
    let low = l.fma(k, l.f(LN2.1), l.add(error, error_2));
    fast_two_sum(l, sum, l.add(low, l.fma(l.f(2.0), s_low, t_low)))
}

/// `log x` as a pair for positive finite `x`, else anything.
#[inline(always)]
pub(super) fn log_pair<L: Lanes>(l: &L, x: L::F) -> Pair<L> {
    let (m, k) = l.split(x);
    log_parts(l, l.sub(m, l.f(1.0)), l.f(0.0), k)
}

/// `1 / log 2` and `1 / log 10` as pairs.
const LOG2_E: (f64, f64) = super::exp::LOG2_E;
const LOG10_E: (f64, f64) = (std::f64::consts::LOG10_E, 1.098_319_650_216_765e-17);
/// `log10 2` as a multiple of 2^-44 and the rest.
const LOG10_2: (f64, f64) = (0.301_029_995_663_952_83, 2.836_339_455_104_496_4e-14);

/// `log(1 + f + f_low)` as a normalised pair, relative error about 2^-56, for `f` in -0.25..0.5.
#[inline(always)]
fn log1p_parts<L: Lanes>(l: &L, f: L::F, f_low: L::F) -> Pair<L> {
    let s = l.div(f, l.add(f, l.f(2.0)));
    let z = l.mul(s, s);
    let half = l.mul(f, l.f(0.5));
    let half_square = l.mul(half, f);
    let rest = l.mul(s, l.fma(z, poly(l, z, SERIES), half_square));
    let (hi, error) = fast_two_sum(l, f, l.neg(half_square));
    let low = l.sub(error, l.fms(half, f, half_square));
    // The slope is 1 / (1 + f), near enough 1 - f + f^2.
    let f_low = l.fma(f_low, l.fms(f, f, f), f_low);
    fast_two_sum(l, hi, l.add(l.add(low, f_low), rest))
}

/// `(f + f_low, k)` with `x + low = (1 + f + f_low) 2^k`, for positive finite `x` and small `low`.
#[inline(always)]
fn reduce_pair<L: Lanes>(l: &L, x: L::F, low: L::F) -> (Pair<L>, L::F) {
    let (m, k) = l.split(x);
    let low = l.mul(low, l.power_of_two(l.max(l.f(-1023.0), l.neg(k))));
    (fast_two_sum(l, l.sub(m, l.f(1.0)), low), k)
}

/// `log(x + low) + k log 2` rounded, relative error about 2^-56 before, also near 1.
#[inline(always)]
pub(super) fn log_of_pair<L: Lanes>(l: &L, x: L::F, low: L::F, more: L::F) -> L::F {
    let ((f, f_low), k) = reduce_pair(l, x, low);
    let (hi, lo) = log1p_parts(l, f, f_low);
    let k = l.add(k, more);
    let (sum, error) = fast_two_sum(l, l.mul(k, l.f(LN2.0)), hi);
    l.add(sum, l.add(l.fma(k, l.f(LN2.1), lo), error))
}

/// Logarithm to base 2, exact for powers of two. At most 0.78 ULP.
#[inline(always)]
pub(super) fn log2<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (m, k) = l.split(x);
    let (hi, lo) = mul_const(l, log1p_parts(l, l.sub(m, l.f(1.0)), l.f(0.0)), LOG2_E);
    let (sum, error) = fast_two_sum(l, k, hi);
    fix_ends(l, x, l.add(sum, l.add(error, lo)))
}

/// Logarithm to base 10, exact for powers of ten. At most 0.74 ULP.
#[inline(always)]
pub(super) fn log10<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (m, k) = l.split(x);
    let (hi, lo) = mul_const(l, log1p_parts(l, l.sub(m, l.f(1.0)), l.f(0.0)), LOG10_E);
    let (sum, error) = fast_two_sum(l, l.mul(k, l.f(LOG10_2.0)), hi);
    fix_ends(l, x, l.add(sum, l.add(l.fma(k, l.f(LOG10_2.1), lo), error)))
}

/// `log(1 + x)` without cancellation. At most 0.69 ULP.
#[inline(always)]
pub(super) fn log1p<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (sum, low) = two_sum(l, l.f(1.0), x);
    let value = log_of_pair(l, sum, low, l.f(0.0));
    // The zero keeps its sign.
    l.select(l.eq(x, l.f(0.0)), x, fix_ends(l, sum, value))
}

/// `artanh s` for `|s| <= 0.2`.
#[inline(always)]
pub(super) fn atanh_series<L: Lanes>(l: &L, s: L::F) -> L::F {
    let z = l.mul(s, s);
    l.fma(l.mul(l.mul(s, l.f(0.5)), z), poly(l, z, SERIES), s)
}
