//! The error functions.
//!
//! `erf` up to 1 is `x` times a polynomial in `x^2`, beyond it is `1 - exp(polynomial)`. `erfc` from 0.8 on is
//! `exp(-x^2)`, taken of a pair, times `(1 + 2x) exp(x^2) erfc(x)`, which is nearly constant (M. M. Shepherd,
//! J. G. Laframboise, Math. Comp. 36, 1981): a polynomial in `(x - 3.5) / (x + 3.5)`. Coefficients: weighted minimax
//! (`tests/oracle/math_fit.py`).

use super::exp::exp_parts;
use super::pair::{Pair, fast_two_sum, poly, quotient, two_prod};
use crate::numerics::lanes::{Lanes, either};

/// `erf(x) / x` in `x^2` up to 1: the first coefficient as a pair.
const SMALL: ((f64, f64), [f64; 12]) = (
    (std::f64::consts::FRAC_2_SQRT_PI, 1.52087629434526e-17),
    [
        -0.3761263890318375,
        0.11283791670954887,
        -0.026866170645078343,
        0.005223977624832359,
        -0.0008548326981625267,
        0.0001205533113952449,
        -1.492559591659664e-05,
        1.646101062117945e-06,
        -1.6350417431550633e-07,
        1.466046280506824e-08,
        -1.137544565101175e-09,
        5.961472410705303e-11,
    ],
);
/// `-log erfc(x)` in `x - 1` for x from 1 to 6; the absolute error of `erfc` is below 2^-57.
const TAIL: ((f64, f64), [f64; 17]) = (
    (1.8496055099332482, 5.385554717829615e-17),
    [
        2.6389675142347757,
        0.8431072563594132,
        0.041561098025084876,
        -0.010033825179203412,
        0.0019779012162902195,
        -0.0002373164365178995,
        -2.62963226955105e-05,
        2.719896563022783e-05,
        -9.671369000231042e-06,
        2.131933927799614e-06,
        -2.048093949296979e-07,
        -5.8011873340354024e-08,
        3.339091548254405e-08,
        -8.518552611435515e-09,
        1.319040737541679e-09,
        -1.193168855660641e-10,
        4.864482602636747e-12,
    ],
);
/// `(1 + 2x) exp(x^2) erfc(x)` in `(x - 3.5) / (x + 3.5)` for x from 1/2 to 28.
const MIDDLE: ((f64, f64), [f64; 21]) = (
    (1.2423492448711544, -1.0510441478580664e-17),
    [
        -0.14000918013761943,
        -0.010555596332218318,
        0.09751909515325922,
        -0.11508959816019011,
        0.08798315382484544,
        -0.048823325827943,
        0.01909933094276089,
        -0.004215019907414226,
        -0.0003022678814064066,
        0.0005643844166037265,
        -0.00012151239323426508,
        -4.278223501361352e-05,
        2.426081105300933e-05,
        2.328341866042589e-06,
        -3.814070671148327e-06,
        -4.432006774177499e-08,
        5.996807486247456e-07,
        -7.838995583691696e-09,
        -9.262837259761518e-08,
        5.347108800474943e-10,
        1.0264271549529632e-08,
    ],
);

/// `erf(x)` as a pair for `|x| <= 1`.
#[inline(always)]
fn erf_small<L: Lanes>(l: &L, x: L::F) -> Pair<L> {
    let ((first, first_low), [second, terms @ ..]) = SMALL;
    let (z, z_low) = two_prod(l, x, x);
    // The first three sums are pairs: up to 1 the terms are nearly as large as the result.
    let (slope, slope_low) = fast_two_sum(l, l.f(second), l.mul(z, poly(l, z, terms)));
    let (tail, tail_low) = two_prod(l, z, slope);
    let tail_low = l.fma(z, slope_low, l.fma(z_low, slope, tail_low));
    let (sum, sum_low) = fast_two_sum(l, l.f(first), tail);
    let sum_low = l.add(sum_low, l.add(tail_low, l.f(first_low)));
    let (value, low) = two_prod(l, x, sum);
    (value, l.fma(x, sum_low, low))
}

/// `erf(x)` for `x` from 1 on.
#[inline(always)]
fn erf_tail<L: Lanes>(l: &L, x: L::F) -> L::F {
    let ((first, first_low), terms) = TAIL;
    let t = l.sub(l.min(l.f(6.0), x), l.f(1.0));
    let power = l.mul(t, poly(l, t, terms));
    let (power, low) = fast_two_sum(l, l.f(-first), l.neg(power));
    let ((hi, lo), n) = exp_parts(l, power, l.sub(low, l.f(first_low)));
    l.fnma(l.add(hi, lo), l.power_of_two(n), l.f(1.0))
}

/// `erfc(x)` for `x` from 0.8 on.
#[inline(always)]
fn erfc_tail<L: Lanes>(l: &L, x: L::F) -> L::F {
    let ((first, first_low), terms) = MIDDLE;
    let x = l.min(l.f(28.0), x);
    let t = l.div(l.sub(x, l.f(3.5)), l.add(x, l.f(3.5)));
    let (factor, factor_low) = fast_two_sum(l, l.f(first), l.mul(t, poly(l, t, terms)));
    let below = fast_two_sum(l, l.add(x, x), l.f(1.0));
    let (factor, factor_low) = quotient(l, (factor, l.add(factor_low, l.f(first_low))), below);
    let (square, square_low) = two_prod(l, x, x);
    let ((hi, lo), n) = exp_parts(l, l.neg(square), l.neg(square_low));
    let (hi, lo) = fast_two_sum(l, hi, lo);
    let (value, low) = two_prod(l, hi, factor);
    let low = l.fma(hi, factor_low, l.fma(lo, factor, low));
    l.scale(l.add(value, low), n)
}

/// Error function. At most 0.85 ULP.
#[inline(always)]
pub(super) fn erf<L: Lanes>(l: &L, x: L::F) -> L::F {
    let size = l.abs(x);
    let value = either!(l, l.le(size, l.f(1.0)), erf_small_sum(l, size), erf_tail(l, size));
    l.with_sign(value, x)
}

/// The sum of [`erf_small`].
#[inline(always)]
fn erf_small_sum<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (hi, lo) = erf_small(l, x);
    l.add(hi, lo)
}

/// `1 - erf(x)` for `|x| <= 0.8`.
#[inline(always)]
fn erfc_small<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (hi, lo) = erf_small(l, x);
    let (sum, error) = fast_two_sum(l, l.f(1.0), l.neg(hi));
    l.add(sum, l.sub(error, lo))
}

/// `erfc(x)` for `|x| >= 0.8`, on the left from that of the opposite number.
#[inline(always)]
fn erfc_both<L: Lanes>(l: &L, x: L::F) -> L::F {
    let value = erfc_tail(l, l.abs(x));
    l.select(l.lt(x, l.f(0.0)), l.sub(l.f(2.0), value), value)
}

/// `1 - erf(x)`. At most 0.82 ULP.
#[inline(always)]
pub(super) fn erfc<L: Lanes>(l: &L, x: L::F) -> L::F {
    either!(l, l.le(l.abs(x), l.f(0.8)), erfc_small(l, x), erfc_both(l, x))
}
