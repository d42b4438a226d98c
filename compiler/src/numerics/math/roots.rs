//! Cube root and hypotenuse.

use super::pair::{fast_two_sum, poly, two_prod};
use crate::numerics::lanes::Lanes;

/// The cube root from 0.75 to 1.5, relative error 2^-16.7.
const CBRT: [f64; 5] = [
    0.46062480382475945,
    0.8699683500651365,
    -0.48553485443456407,
    0.18539719297958562,
    -0.03044656267266034,
];
/// 2^(-1/3) and 2^(1/3).
const CBRT_HALF: f64 = 0.793_700_525_984_099_8;
const CBRT_TWO: f64 = 1.259_921_049_894_873_2;

/// Real cube root. At most 0.501 ULP.
#[inline(always)]
pub(super) fn cbrt<L: Lanes>(l: &L, x: L::F) -> L::F {
    let size = l.abs(x);
    let (m, k) = l.split(size);
    let (third, _) = l.whole(k, 1.0 / 3.0);
    let rest = l.fnma(third, l.f(3.0), k);
    let (is_below, is_above) = (l.lt(rest, l.f(0.0)), l.lt(l.f(0.0), rest));
    let times = |low: f64, high: f64| l.select(is_below, l.f(low), l.select(is_above, l.f(high), l.f(1.0)));
    let v = l.mul(m, times(0.5, 2.0));
    let y = l.mul(poly(l, m, CBRT), times(CBRT_HALF, CBRT_TWO));
    // y (1 + w)^(1/3) with w = (v - y^3) / y^3, about 2^-15.
    let (square, square_low) = two_prod(l, y, y);
    let distance = l.fnma(y, square_low, l.fnma(y, square, v));
    let w = l.div(distance, l.mul(y, square));
    let series = poly(l, w, [1.0 / 3.0, -1.0 / 9.0, 5.0 / 81.0, -10.0 / 243.0]);
    let root = l.fma(l.mul(y, w), series, y);
    let root = l.mul(root, l.power_of_two(third));
    // Zeros, infinities and NaN are their own roots.
    let is_usual = l.both(l.lt(l.f(0.0), size), l.lt(size, l.f(f64::INFINITY)));
    l.select(is_usual, l.with_sign(root, x), x)
}

/// `sqrt(x^2 + y^2)` without overflow. At most 0.76 ULP.
#[inline(always)]
pub(super) fn hypot<L: Lanes>(l: &L, x: L::F, y: L::F) -> L::F {
    let (zero, infinity) = (l.f(0.0), l.f(f64::INFINITY));
    let (width, height) = (l.abs(x), l.abs(y));
    let (small, large) = (l.min(width, height), l.max(width, height));
    let (a, k) = l.split(large);
    let b = l.scale(small, l.neg(k));
    let ((a, a_low), (b, b_low)) = (two_prod(l, a, a), two_prod(l, b, b));
    let (sum, error) = fast_two_sum(l, a, b);
    let root = l.sqrt(sum);
    let rest = l.add(l.fnma(root, root, sum), l.add(error, l.add(a_low, b_low)));
    let root = l.add(root, l.mul(rest, l.div(l.f(0.5), root)));
    let value = l.select(l.lt(zero, large), l.scale(root, k), zero);
    let value = l.select(l.both(l.eq(x, x), l.eq(y, y)), value, l.f(f64::NAN));
    l.select(l.any_of(l.eq(width, infinity), l.eq(height, infinity)), infinity, value)
}
