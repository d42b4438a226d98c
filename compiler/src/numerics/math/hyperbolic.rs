//! Hyperbolic functions and their inverses.
//!
//! With `|x| = n log 2 + r`, `sinh` and `cosh` come from polynomials for `sinh r` and `cosh r`, so that nothing cancels near
//! 0. The inverse functions are logarithms of pairs.

use super::exp::{Decay, decay_near, reduce};
use super::log::{atanh_series, log_of_pair};
use super::pair::{Pair, fast_two_sum, poly, quotient, two_prod, two_sum};
use crate::numerics::lanes::{Lanes, either};

/// `(sinh r - r) / r^3` in `r^2`, for `|r| <= log(2) / 2`.
const SINH: [f64; 5] = [
    0.16666666666666677,
    0.00833333333332144,
    0.0001984126988657606,
    2.755724377892359e-06,
    2.510918138106978e-08,
];
/// `(cosh r - 1) / r^2` in `r^2`.
const COSH: [f64; 5] = [
    0.5000000000000013,
    0.04166666666651143,
    0.0013888888947930233,
    2.480148908525703e-05,
    2.763156339007002e-07,
];

/// What `sinh` and `cosh` of `|x|` are made of.
struct Parts<L: Lanes> {
    /// `|x| = n log 2 + r + rest`.
    r: L::F,
    /// `sinh r - r`, and `rest`.
    sinh_tail: L::F,
    /// `cosh r - 1`.
    cosh_tail: L::F,
    /// `(2^n - 2^-n) / 4` as a pair.
    difference: Pair<L>,
    /// `(2^n + 2^-n) / 4` as a pair.
    sum: Pair<L>,
}

#[inline(always)]
fn parts<L: Lanes>(l: &L, x: L::F) -> Parts<L> {
    let size = l.min(l.f(710.6), l.abs(x));
    let (n, r, rest) = reduce(l, size, l.f(0.0));
    let z = l.mul(r, r);
    let sinh_tail = l.fma(l.mul(r, z), poly(l, z, SINH), rest);
    let cosh_tail = l.mul(z, poly(l, z, COSH));
    let large = l.power_of_two(l.sub(n, l.f(2.0)));
    let small = l.power_of_two(l.max(l.f(-1000.0), l.sub(l.f(-2.0), n)));
    let difference = fast_two_sum(l, large, l.neg(small));
    let sum = fast_two_sum(l, large, small);
    Parts { r, sinh_tail, cosh_tail, difference, sum }
}

/// `2 (a cosh r + b sinh r)`.
#[inline(always)]
fn combine<L: Lanes>(l: &L, parts: &Parts<L>, a: Pair<L>, b: Pair<L>) -> L::F {
    let (product, product_low) = two_prod(l, b.0, parts.r);
    let (sum, error) = fast_two_sum(l, a.0, product);
    let low = l.fma(a.0, parts.cosh_tail, l.mul(b.0, parts.sinh_tail));
    let low = l.add(low, l.fma(b.1, parts.r, l.add(product_low, a.1)));
    let half = l.add(sum, l.add(error, low));
    l.add(half, half)
}

/// Hyperbolic sine. At most 0.92 ULP.
#[inline(always)]
pub(super) fn sinh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let parts = parts(l, x);
    let value = combine(l, &parts, parts.difference, parts.sum);
    // A subnormal number would lose its last bits on the way.
    l.select(l.lt(l.abs(x), l.f(1e-9)), x, l.with_sign(l.abs(value), x))
}

/// Hyperbolic cosine. At most 0.78 ULP.
#[inline(always)]
pub(super) fn cosh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let parts = parts(l, x);
    combine(l, &parts, parts.sum, parts.difference)
}

/// Hyperbolic tangent: `(1 - e^-2x) / (1 + e^-2x)` on pairs. At most 0.77 ULP.
#[inline(always)]
pub(super) fn tanh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let one = l.f(1.0);
    let size = l.min(l.f(22.0), l.abs(x));
    let Decay { part, part_low, count, .. } = decay_near(l, l.add(size, size), l.f(0.0));
    // e^-2x is scale + scale (part + part_low), and 1 - scale has one bit too many for x above 18.5.
    let scale = l.times_inverse_power(one, count);
    let rest = l.sub(one, scale);
    let rest_low = l.sub(l.sub(one, rest), scale);
    let (above, above_error) = fast_two_sum(l, rest, l.neg(l.mul(scale, part)));
    let above_low = l.fnma(scale, part_low, l.add(above_error, rest_low));
    // The denominator is what is missing to 2.
    let (below, below_error) = fast_two_sum(l, l.f(2.0), l.neg(above));
    let below_low = l.sub(below_error, above_low);
    let (hi, lo) = quotient(l, (above, above_low), (below, below_low));
    l.with_sign(l.add(hi, lo), x)
}

/// The square root of a positive pair.
#[inline(always)]
fn sqrt_pair<L: Lanes>(l: &L, a: Pair<L>) -> Pair<L> {
    let root = l.sqrt(a.0);
    // Of 0 the remainder is 0, and this keeps the quotient finite.
    let inverse = l.div(l.f(0.5), l.max(l.f(1e-200), root));
    (root, l.mul(l.add(l.fnma(root, root, a.0), a.1), inverse))
}

/// From here on the square of x is all that counts beside 1.
const LARGE: f64 = 1e10;

/// Inverse hyperbolic sine: `log(x + sqrt(x^2 + 1))`. At most 0.74 ULP.
#[inline(always)]
pub(super) fn asinh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (zero, size) = (l.f(0.0), l.abs(x));
    let is_large = l.lt(l.f(LARGE), size);
    let bounded = l.select(is_large, zero, size);
    let (square, square_low) = two_prod(l, bounded, bounded);
    let (below_root, error) = two_sum(l, square, l.f(1.0));
    let (root, root_low) = sqrt_pair(l, (below_root, l.add(error, square_low)));
    let (sum, error) = two_sum(l, root, bounded);
    // For large x the logarithm of 2x.
    let sum = l.select(is_large, size, sum);
    let low = l.select(is_large, zero, l.add(error, root_low));
    let value = log_of_pair(l, sum, low, l.select(is_large, l.f(1.0), zero));
    let value = l.select(l.lt(size, l.f(f64::INFINITY)), value, size);
    l.with_sign(value, x)
}

/// Inverse hyperbolic cosine: `log(x + sqrt(x^2 - 1))`; NaN below 1. At most 0.74 ULP.
#[inline(always)]
pub(super) fn acosh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (zero, one) = (l.f(0.0), l.f(1.0));
    let is_large = l.lt(l.f(LARGE), x);
    let bounded = l.select(is_large, one, x);
    let (square, square_low) = two_prod(l, bounded, bounded);
    let (below_root, error) = fast_two_sum(l, square, l.f(-1.0));
    let below_root = fast_two_sum(l, below_root, l.add(error, square_low));
    let (root, root_low) = sqrt_pair(l, below_root);
    let (sum, error) = fast_two_sum(l, bounded, root);
    let sum = l.select(is_large, x, sum);
    let low = l.select(is_large, zero, l.add(error, root_low));
    let value = log_of_pair(l, sum, low, l.select(is_large, one, zero));
    let value = l.select(l.lt(x, l.f(f64::INFINITY)), value, x);
    l.select(l.le(one, x), value, l.f(f64::NAN))
}

/// Inverse hyperbolic tangent: half the logarithm of `(1 + x) / (1 - x)`, near 0 the series of that; NaN outside
/// [-1, 1]. At most 0.55 ULP.
#[inline(always)]
pub(super) fn atanh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (one, size) = (l.f(1.0), l.abs(x));
    let is_small = l.lt(size, l.f(0.2));
    let value = either!(l, is_small, atanh_series(l, size), atanh_quotient(l, size));
    let end = l.select(l.eq(size, one), l.f(f64::INFINITY), l.f(f64::NAN));
    l.with_sign(l.select(l.lt(size, one), value, end), x)
}

/// The same for `x` from 0.2 to 1.
#[inline(always)]
fn atanh_quotient<L: Lanes>(l: &L, x: L::F) -> L::F {
    let one = l.f(1.0);
    let (hi, lo) = quotient(l, fast_two_sum(l, one, x), fast_two_sum(l, one, l.neg(x)));
    let (hi, lo) = fast_two_sum(l, hi, lo);
    l.mul(log_of_pair(l, hi, lo, l.f(0.0)), l.f(0.5))
}
