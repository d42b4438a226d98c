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

/// `R(z) / z`, for z up to 0.0295.
const SHORT_SERIES: [f64; 7] = [
    0.6666666666666735,
    0.3999999999940965,
    0.28571428743567534,
    0.2222219844611244,
    0.18183571218730854,
    0.15313867312599638,
    0.14797848377312242,
];
/// The root of 1/2.
const LEAST: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Natural logarithm. At most 0.92 ULP.
#[inline(always)]
pub(super) fn log<L: Lanes>(l: &L, x: L::F) -> L::F {
    let value = log_of_normal(l, x, None);
    let is_usual = l.both(l.le(l.f(f64::MIN_POSITIVE), x), l.le(x, l.f(f64::MAX)));
    l.rare(l.not(is_usual), [value], || [log_far(l, x)])[0]
}

/// `log x + more log 2`, for positive, finite, not subnormal `x`; else anything. With `m` from the root of 1/2 on, which keeps
/// `s` small, the simpler `f - s (f - R(s^2))` is good enough.
#[inline(always)]
fn log_of_normal<L: Lanes>(l: &L, x: L::F, more: Option<L::F>) -> L::F {
    let (m, k) = l.split_normal_from(x, LEAST);
    let k = more.map_or(k, |more| l.add(k, more));
    let f = l.sub(m, l.f(1.0));
    let s = l.div(f, l.add(m, l.f(1.0)));
    let z = l.mul(s, s);
    let rest = l.fnma(z, poly(l, z, SHORT_SERIES), f);
    let small = l.fms(s, rest, l.mul(k, l.f(LN2.1)));
    l.fma(k, l.f(LN2.0), l.sub(f, small))
}

/// The logarithm of any number.
#[inline(always)]
fn log_far<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (scaled, more) = lift(l, x);
    fix_ends(l, x, log_of_normal(l, scaled, Some(more)))
}

/// `R(z) / z` for z up to 0.0295, the first coefficient as a pair: absolute error of `R` 2^-65.7.
const SERIES_PAIR: ((f64, f64), [f64; 7]) = (
    (0.6666666666666666, -2.0320462971570378e-17),
    [
        0.40000000000006286,
        0.2857142856907333,
        0.2222222264869881,
        0.18181775512161663,
        0.15387097512904999,
        0.1324996472958129,
        0.13252733319489549,
    ],
);

/// `log x` as a normalised pair for positive, finite, not subnormal `x`, else anything; relative error about 2^-63. More is added to
/// the exponent of `x`.
#[inline(always)]
pub(super) fn log_pair<L: Lanes>(l: &L, x: L::F, more: Option<L::F>) -> Pair<L> {
    let (m, k) = l.split_normal_from(x, LEAST);
    let k = more.map_or(k, |more| l.add(k, more));
    // s = f / (2 + f) as a pair.
    let f = l.sub(m, l.f(1.0));
    let (d, d_low) = fast_two_sum(l, l.f(2.0), f);
    let inverse = l.div(l.f(1.0), d);
    let s = l.mul(f, inverse);
    let s_low = l.mul(l.fnma(s, d_low, l.fnma(s, d, f)), inverse);
    let z = l.mul(s, s);
    let z_low = l.fma(l.add(s, s), s_low, l.fms(s, s, z));
    // R as a pair, f - R, and s times that.
    let ((first, first_low), terms) = SERIES_PAIR;
    let upper = l.mul(z, poly(l, z, terms));
    let r = l.mul(z, l.f(first));
    let slope = l.fma(l.f(2.0), upper, l.f(first));
    let r_low = l.fma(z_low, slope, l.fma(z, l.f(first_low), l.fms(z, l.f(first), r)));
    let r_low = l.fma(z, upper, r_low);
    let (g, g_error) = fast_two_sum(l, f, l.neg(r));
    let h = l.mul(s, g);
    let h_low = l.fma(s_low, g, l.fma(s, l.sub(g_error, r_low), l.fms(s, g, h)));
    let (sum, error) = fast_two_sum(l, l.mul(k, l.f(LN2.0)), f);
    let (sum, error_2) = fast_two_sum(l, sum, l.neg(h));
    fast_two_sum(l, sum, l.sub(l.fma(k, l.f(LN2.1), l.add(error, error_2)), h_low))
}

/// The same for any positive finite `x`.
#[inline(always)]
pub(super) fn log_pair_of_any<L: Lanes>(l: &L, x: L::F) -> Pair<L> {
    let (scaled, more) = lift(l, x);
    log_pair(l, scaled, Some(more))
}

/// A positive number as one that is not subnormal times a power of two.
#[inline(always)]
fn lift<L: Lanes>(l: &L, x: L::F) -> Pair<L> {
    let is_subnormal = l.lt(x, l.f(f64::MIN_POSITIVE));
    let scaled = l.select(is_subnormal, l.mul(x, l.f(18_014_398_509_481_984.0)), x);
    (scaled, l.select(is_subnormal, l.f(-54.0), l.f(0.0)))
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

/// Logarithm to base 2, exact for powers of two. At most 0.83 ULP.
#[inline(always)]
pub(super) fn log2<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (m, k) = l.split(x);
    let (hi, lo) = mul_const(l, log1p_parts(l, l.sub(m, l.f(1.0)), l.f(0.0)), LOG2_E);
    let (sum, error) = fast_two_sum(l, k, hi);
    fix_ends(l, x, l.add(sum, l.add(error, lo)))
}

/// Logarithm to base 10, exact for powers of ten. At most 0.87 ULP.
#[inline(always)]
pub(super) fn log10<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (m, k) = l.split(x);
    let (hi, lo) = mul_const(l, log1p_parts(l, l.sub(m, l.f(1.0)), l.f(0.0)), LOG10_E);
    let (sum, error) = fast_two_sum(l, l.mul(k, l.f(LOG10_2.0)), hi);
    fix_ends(l, x, l.add(sum, l.add(l.fma(k, l.f(LOG10_2.1), lo), error)))
}

/// `log(1 + x)` without cancellation. At most 0.74 ULP.
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
