//! The gamma function and its logarithm, on pairs of numbers over lanes (M. Abramowitz, I. Stegun, 6.1.15, 6.1.17, 6.1.33, 6.1.40).
//!
//! ```text
//! gamma(x)     = gamma(x + 8) / (x (x + 1) ... (x + 7))                      below 8; four factors of x (x + 7)
//!              = -pi / (x sin(pi x) gamma(-x))                              below -1/2
//! log gamma(x) = (x - 1/2) log x - x + log(2 pi) / 2 + series               from 8 on (Stirling)
//!              = log gamma(2 + t) + log of (x - 1) ... or of 1 / x ...      below 8, t up to 1/2 in size: the series in zeta values
//! ```
//!
//! A multiple of log 2 in Stirling's formula is taken off exactly, because 170 times the error of a logarithm would count. Near its zeros below -2
//! the logarithm has Taylor polynomials of its own. Coefficients: weighted minimax (`tests/oracle/math_fit.py`).

use super::exp::{LN2, exp_parts};
use super::gamma_zeros::{ZERO_HIGH, ZERO_LOW, ZERO_SLOPE, ZERO_SLOPE_LOW, ZERO_TERMS};
use super::log::{log_pair, log_pair_of_any};
use super::pair::{Pair, fast_two_sum, mul_const, poly, quotient, two_prod, two_sum};
use crate::numerics::lanes::Lanes;

/// log(2 pi) / 2.
const HALF_LOG_2PI: (f64, f64) = (0.9189385332046728, -3.8782941580672414e-17);
const PI: (f64, f64) = (std::f64::consts::PI, 1.224_646_799_147_353_2e-16);
const LOG_PI: (f64, f64) = (1.1447298858494002, 1.0265951162707826e-17);
/// Below that the function is 1/x.
const TINY: f64 = 1.183_052_186_166_774_7e-271;
/// From here on Stirling's series serves.
const STIRLING_FROM: f64 = 8.0;

/// What is left of Stirling's formula, times x, in 1/x^2, for x from 7.5 on: absolute error 2^-64.1.
const STIRLING: [f64; 8] = [
    0.08333333333333333,
    -0.002777777777770843,
    0.0007936507900670591,
    -0.000595237196500621,
    0.000841625982813263,
    -0.0019073964903940607,
    0.005928501519305634,
    -0.016657518469313275,
];

/// `(log gamma(2 + t) - FIRST t - SECOND t^2) / t^3`, for t up to 1/2 in size; relative error of the logarithm 2^-63.9.
const NEAR_TWO: [f64; 19] = [
    -0.06735230105319809,
    0.020580808427784585,
    -0.007385551028674918,
    0.0028905103307369532,
    -0.0011927539116568808,
    0.0005096695249549712,
    -0.00022315475964203364,
    9.945750774968754e-05,
    -4.492621884367723e-05,
    2.0507282169482057e-05,
    -9.439656829547848e-06,
    4.374279477317692e-06,
    -2.0381979886698944e-06,
    9.582285254100506e-07,
    -4.53159796055142e-07,
    2.023027004901263e-07,
    -9.1281921712397e-08,
    6.443258345949702e-08,
    -3.4225022065155525e-08,
];
const FIRST: (f64, f64) = (0.42278433509846713, 4.942915152430645e-18);
const SECOND: (f64, f64) = (0.3224670334241132, 1.520336175199238e-17);

/// The terms of `sin(r) / r` from `z^2 = r^4` on, for r up to pi/4; relative error 2^-68. Before them come 1 and -1/6.
const SIN: [f64; 6] = [
    0.00833333333333333,
    -0.000198412698412617,
    2.755731921716293e-06,
    -2.5052105596620642e-08,
    1.6058445190592195e-10,
    -7.582250409653624e-13,
];
const SIXTH: (f64, f64) = (-0.16666666666666666, -9.25185853854297e-18);
/// The terms of `cos(r)` from `z^3` on, relative error 2^-63. Before them come 1, -1/2 and 1/24.
const COS: [f64; 5] = [
    -0.0013888888888884247,
    2.4801587295124915e-05,
    -2.7557315833393167e-07,
    2.087590857712153e-09,
    -1.1368567099498971e-11,
];
const TWENTY_FOURTH: (f64, f64) = (0.041666666666666664, 2.3129646346357427e-18);

/// The product of two pairs, not normalised.
#[inline(always)]
fn mul<L: Lanes>(l: &L, a: Pair<L>, b: Pair<L>) -> Pair<L> {
    let (hi, lo) = two_prod(l, a.0, b.0);
    (hi, l.fma(a.0, b.1, l.fma(a.1, b.0, lo)))
}

/// A pair or another one.
#[inline(always)]
fn select<L: Lanes>(l: &L, mask: L::M, a: Pair<L>, b: Pair<L>) -> Pair<L> {
    (l.select(mask, a.0, b.0), l.select(mask, a.1, b.1))
}

/// `log(x + low) = pair + k log 2`, for positive, finite, not subnormal `x`; the pair is at most log(2) / 2 in size.
#[inline(always)]
fn log_and_exponent<L: Lanes>(l: &L, x: L::F, low: L::F, inverse: L::F) -> (Pair<L>, L::F) {
    let (m, k) = l.split_normal_from(x, std::f64::consts::FRAC_1_SQRT_2);
    let (log, log_low) = log_pair(l, m, None);
    ((log, l.fma(low, inverse, log_low)), k)
}

/// What is left of Stirling's formula.
#[inline(always)]
fn series<L: Lanes>(l: &L, inverse: L::F) -> L::F {
    l.mul(inverse, poly(l, l.mul(inverse, inverse), STIRLING))
}

/// `|sin(pi y)|` for positive `y` below 2^50, with an error relative to it.
#[inline(always)]
fn sin_of_pi_times<L: Lanes>(l: &L, y: L::F) -> Pair<L> {
    let (halves, count) = l.whole(y, 2.0);
    let t = l.abs(l.fnma(halves, l.f(0.5), y));
    let (r, r_low) = mul_const(l, (t, l.f(0.0)), PI);
    let z = l.mul(r, r);
    let z_low = l.fma(l.add(r, r), r_low, l.fms(r, r, z));
    // first + z (...), on pairs.
    let above = |first: (f64, f64), rest: Pair<L>| {
        let (hi, lo) = fast_two_sum(l, l.f(first.0), rest.0);
        (hi, l.add(lo, l.add(rest.1, l.f(first.1))))
    };
    let times = |a: Pair<L>| mul(l, (z, z_low), a);
    let sixth = above(SIXTH, (l.mul(z, poly(l, z, SIN)), l.f(0.0)));
    let sin = mul(l, (r, r_low), above((1.0, 0.0), times(sixth)));
    let part = above(TWENTY_FOURTH, (l.mul(z, poly(l, z, COS)), l.f(0.0)));
    let cos = above((1.0, 0.0), times(above((-0.5, 0.0), times(part))));
    select(l, l.test_bit(count, 0), cos, sin)
}

/// Gamma function. At most 0.79 ULP; 0.65 where the result is not subnormal.
#[inline(always)]
pub(super) fn gamma<L: Lanes>(l: &L, x: L::F) -> L::F {
    let is_reflected = l.lt(x, l.f(-0.5));
    // A NaN stays one. From there on the result is infinite, or 0 on the left.
    let y = l.min(l.f(200.25), l.select(is_reflected, l.neg(x), x));
    let is_small = l.lt(y, l.f(STIRLING_FROM));
    // y (y + 1) ... (y + 7).
    let (sum, sum_low) = two_sum(l, y, l.f(7.0));
    let (z, z_low) = mul(l, (y, l.f(0.0)), (sum, sum_low));
    let factor = |more: f64| {
        let (hi, lo) = two_sum(l, z, l.f(more));
        (hi, l.add(lo, z_low))
    };
    let product = mul(l, mul(l, (z, z_low), factor(6.0)), mul(l, factor(10.0), factor(12.0)));
    let (high, low) = fast_two_sum(l, product.0, product.1);
    let product = select(l, is_small, (high, low), (l.f(1.0), l.f(0.0)));
    // gamma(s) = power 2^n by Stirling's formula.
    let (s, s_low) = select(l, is_small, two_sum(l, y, l.f(8.0)), (y, l.f(0.0)));
    let inverse = l.div(l.f(1.0), s);
    let ((log, log_low), k) = log_and_exponent(l, s, s_low, inverse);
    // Exact.
    let h = l.sub(s, l.f(0.5));
    let (main, main_low) = mul(l, (h, s_low), (log, log_low));
    let (exponent, exponent_low) = two_prod(l, h, k);
    let n = l.round(exponent);
    let fraction = (l.sub(exponent, n), l.fma(s_low, k, exponent_low));
    let (rest, rest_low) = mul_const(l, fraction, LN2);
    let (sum, error) = two_sum(l, main, l.neg(s));
    let (sum, error_2) = two_sum(l, sum, rest);
    let (sum, error_3) = two_sum(l, sum, l.f(HALF_LOG_2PI.0));
    let (sum, error_4) = two_sum(l, sum, series(l, inverse));
    let errors = l.add(l.add(error, error_2), l.add(error_3, error_4));
    let lows = l.add(l.add(main_low, rest_low), l.sub(l.f(HALF_LOG_2PI.1), s_low));
    let (sum, low) = fast_two_sum(l, sum, l.add(errors, lows));
    let ((power, power_low), more) = exp_parts(l, sum, low);
    let power = fast_two_sum(l, power, power_low);
    let n = l.add(n, more);
    let (value, value_low) = quotient(l, power, product);
    let value = l.add(value, value_low);
    let usual = l.times_power(value, l.bits(l.add(n, l.f(6_755_399_441_055_744.0))));
    let is_normal = l.both(l.le(l.f(TINY), l.abs(x)), l.le(x, l.f(171.0)));
    let is_usual = l.both(is_normal, l.le(l.f(-0.5), x));
    l.rare(l.not(is_usual), [usual], || {
        let reflected = reflect(l, x, y, power, product, n);
        let value = l.select(l.lt(l.abs(x), l.f(TINY)), l.div(l.f(1.0), x), l.scale(value, n));
        [l.select(is_reflected, reflected, value)]
    })[0]
}

/// Gamma of `x` below -1/2, where that of `y`, which is `-x` or 200.25 if that is smaller, is `power 2^n / product`.
#[inline(always)]
fn reflect<L: Lanes>(l: &L, x: L::F, y: L::F, power: Pair<L>, product: Pair<L>, n: L::F) -> L::F {
    let above = mul_const(l, product, PI);
    let sine = sin_of_pi_times(l, y);
    let below = mul(l, mul(l, sine, (y, l.f(0.0))), power);
    let (hi, lo) = quotient(l, above, fast_two_sum(l, below.0, below.1));
    let value = l.scale(l.add(hi, lo), l.neg(n));
    // Negative between -1 and 0, and between the poles by turns.
    let floor = l.floor(x);
    let half = l.mul(floor, l.f(0.5));
    let value = l.select(l.eq(l.round(half), half), value, l.neg(value));
    l.select(l.eq(floor, x), l.f(f64::NAN), value)
}

/// log |gamma(x)|. At most 0.8 ULP.
#[inline(always)]
pub(super) fn lgamma<L: Lanes>(l: &L, x: L::F) -> L::F {
    let y = l.select(l.lt(x, l.f(-0.5)), l.neg(x), x);
    let (hi, lo) = log_gamma(l, y);
    let is_near = l.both(l.le(l.f(TINY), l.abs(x)), l.le(x, l.f(1.0 / TINY)));
    let is_usual = l.both(is_near, l.le(l.f(-0.5), x));
    l.rare(l.not(is_usual), [l.add(hi, lo)], || [log_gamma_far(l, x, y, (hi, lo))])[0]
}

/// The logarithm for `y` from -1/2 to 2^900 and at least 2^-900 in size; anything for others.
#[inline(always)]
fn log_gamma<L: Lanes>(l: &L, y: L::F) -> Pair<L> {
    let (zero, one) = (l.f(0.0), l.f(1.0));
    let is_large = l.le(l.f(STIRLING_FROM), y);
    // Up to 1/2 from 2: by the product of what lies between. All differences are exact.
    let near = l.round(y);
    let t = l.sub(y, near);
    let mut product = (l.sub(y, one), zero);
    for step in 2..=6 {
        let factor = l.sub(y, l.f(f64::from(step)));
        let (hi, lo) = two_prod(l, product.0, factor);
        let next = (hi, l.fma(product.1, factor, lo));
        product = select(l, l.le(l.f(f64::from(step + 2)), near), next, product);
    }
    let (above, above_low) = two_sum(l, one, y);
    let (small, small_low) = mul(l, (y, zero), (above, above_low));
    let below_two = select(l, l.lt(near, l.f(0.5)), (l.abs(small), l.flip_sign(small_low, small)), (y, zero));
    product = select(l, l.lt(near, l.f(2.5)), (one, zero), product);
    let is_below = l.lt(near, l.f(1.5));
    product = select(l, is_below, below_two, product);
    let (v, v_low) = select(l, is_large, (y, zero), product);
    let ((log, log_low), k) = log_and_exponent(l, v, v_low, l.div(one, v));
    // The factor of the logarithm.
    let sign = (l.select(is_below, l.f(-1.0), one), zero);
    let (h, h_low) = select(l, is_large, two_sum(l, y, l.f(-0.5)), sign);
    let (main, main_low) = mul(l, (h, h_low), (log, log_low));
    let (exponent, exponent_low) = two_prod(l, h, k);
    let (rest, rest_low) = mul_const(l, (exponent, l.fma(h_low, k, exponent_low)), LN2);
    // What is added to it.
    let (far, far_low) = two_sum(l, l.neg(y), l.f(HALF_LOG_2PI.0));
    let far = (far, l.add(far_low, l.add(l.f(HALF_LOG_2PI.1), series(l, l.div(one, y)))));
    let (other, other_low) = select(l, is_large, far, log_gamma_near_two(l, t));
    let (sum, error) = two_sum(l, rest, other);
    let (sum, error_2) = two_sum(l, sum, main);
    let lows = l.add(l.add(main_low, rest_low), other_low);
    fast_two_sum(l, sum, l.add(l.add(error, error_2), lows))
}

/// log gamma(2 + t) for |t| up to 1/2.
#[inline(always)]
fn log_gamma_near_two<L: Lanes>(l: &L, t: L::F) -> Pair<L> {
    let (second, second_low) = fast_two_sum(l, l.f(SECOND.0), l.mul(t, poly(l, t, NEAR_TWO)));
    let (hi, lo) = mul(l, (t, l.f(0.0)), (second, l.add(second_low, l.f(SECOND.1))));
    let (first, first_low) = fast_two_sum(l, l.f(FIRST.0), hi);
    mul(l, (t, l.f(0.0)), (first, l.add(first_low, l.add(lo, l.f(FIRST.1)))))
}

/// The logarithm where `x` is below -1/2, next to 0, very large, or no number; `y` is its size, `log` the logarithm for that.
#[inline(always)]
fn log_gamma_far<L: Lanes>(l: &L, x: L::F, y: L::F, log: Pair<L>) -> L::F {
    let infinity = l.f(f64::INFINITY);
    // log(pi / (y sin(pi y))) - log gamma(y). From 2^50 on the sine hardly counts; from 2^52 on there are poles only.
    let sine = sin_of_pi_times(l, l.min(y, l.f(1e15 + 0.25)));
    let (below, below_low) = mul(l, sine, (y, l.f(0.0)));
    let ((log_below, log_below_low), k) = log_and_exponent(l, below, below_low, l.div(l.f(1.0), below));
    let (multiple, multiple_low) = mul_const(l, (k, l.f(0.0)), LN2);
    let (sum, error) = two_sum(l, l.f(LOG_PI.0), l.neg(multiple));
    let (sum, error_2) = two_sum(l, sum, l.neg(log_below));
    let (sum, error_3) = two_sum(l, sum, l.neg(log.0));
    let lows = l.sub(l.sub(l.f(LOG_PI.1), multiple_low), l.add(log_below_low, log.1));
    let reflected = l.add(sum, l.add(l.add(error, error_2), l.add(error_3, lows)));
    // Near a zero.
    let floor = l.floor(y);
    let is_second = l.lt(l.f(0.6), l.sub(y, floor));
    let number = l.add(l.add(floor, l.f(-4.0)), l.add(floor, l.select(is_second, l.f(1.0), l.f(0.0))));
    let index = l.to_int(l.max(l.f(-4.0), l.min(l.f(36.0), number)));
    let (slope, distance) = (l.lookup(&ZERO_SLOPE, index), l.sub(x, l.lookup(&ZERO_HIGH, index)));
    let (t, t_low) = fast_two_sum(l, distance, l.neg(l.lookup(&ZERO_LOW, index)));
    let mut tail = l.lookup(&ZERO_TERMS[ZERO_TERMS.len() - 1], index);
    for terms in ZERO_TERMS[..ZERO_TERMS.len() - 1].iter().rev() {
        tail = l.fma(tail, t, l.lookup(terms, index));
    }
    let (hi, lo) = mul(l, (t, t_low), (slope, l.lookup(&ZERO_SLOPE_LOW, index)));
    let near_zero = l.add(hi, l.fma(l.mul(t, t), tail, lo));
    let is_near_zero = l.lt(l.abs(l.mul(t, slope)), l.f(0.04));
    let reflected = l.select(is_near_zero, near_zero, reflected);
    let reflected = l.select(l.eq(floor, y), infinity, reflected);
    // Next to 0 it is -log |x|.
    let size = l.abs(x);
    let (hi, lo) = log_pair_of_any(l, size);
    let tiny = l.select(l.eq(size, l.f(0.0)), infinity, l.neg(l.add(hi, lo)));
    // The smaller terms do not count; scaled so that the exact product stays in range.
    let (less, less_low) = two_sum(l, hi, l.f(-1.0));
    let scaled = l.mul(size, l.f(TINY));
    let (large, large_low) = mul(l, (less, l.add(less_low, lo)), (scaled, l.f(0.0)));
    let large = l.mul(l.add(large, large_low), l.f(1.0 / TINY));
    let value = l.select(l.lt(size, l.f(TINY)), tiny, large);
    let value = l.select(l.lt(x, l.f(-0.5)), reflected, value);
    l.select(l.lt(size, infinity), value, l.mul(x, x))
}
