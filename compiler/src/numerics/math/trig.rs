//! Sine, cosine, tangent: `x = k pi/2 + r` with `r` as a pair, then polynomials for sine and cosine of `|r| <= pi/4`.
//!
//! Up to 2^32 the multiple of pi/2 is subtracted in three parts (W. J. Cody, W. Waite, 1980), beyond that `x` is multiplied
//! with the bits of 2/pi that count (M. Payne, R. Hanek, 1983). Coefficients: weighted minimax (`tests/oracle/math_fit.py`).

use super::pair::{Pair, fast_two_sum, poly, quotient, two_prod, two_sum};
use super::two_over_pi;
use crate::numerics::lanes::Lanes;

/// pi/2 in three parts.
pub(super) const HALF_PI: [f64; 3] =
    [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
/// Up to this the three parts are enough.
pub(super) const MEDIUM: f64 = 4_294_967_296.0;

/// `(sin(r) - r) / r^3` as a polynomial in `r^2`, relative error of the sine 2^-58.
const SIN: [f64; 6] = [
    -0.16666666666666632,
    0.008333333333322493,
    -0.00019841269829860855,
    2.755731370790234e-06,
    -2.5050760344161927e-08,
    1.5896912756160773e-10,
];
/// `(cos(r) - 1 + r^2/2) / r^4` as a polynomial in `r^2`.
const COS: [f64; 6] = [
    0.0416666666666666,
    -0.0013888888888874485,
    2.480158728968108e-05,
    -2.75573144040997e-07,
    2.087572970965779e-09,
    -1.1359956197551363e-11,
];

/// `x = k pi/2 + r + low`, as `(r, low, k mod 4 in the low bits)`; `r` is NaN for infinite `x`.
#[inline(always)]
fn reduce<L: Lanes>(l: &L, x: L::F) -> (L::F, L::F, L::I) {
    let (k, count) = l.whole(x, std::f64::consts::FRAC_2_PI);
    // Exact: both sides are multiples of 2^-53, and the difference is below 1.
    let first = l.fnma(k, l.f(HALF_PI[0]), x);
    let (product, product_low) = two_prod(l, k, l.f(HALF_PI[1]));
    // Exact, because `first` is a multiple of the last bit of the product.
    let (r, error) = fast_two_sum(l, first, l.neg(product));
    let low = l.fnma(k, l.f(HALF_PI[2]), l.sub(error, product_low));
    let is_huge = l.not(l.le(l.abs(x), l.f(MEDIUM)));
    let [r, low, count] = l.rare(is_huge, [r, low, l.from_bits(count)], || reduce_huge(l, x));
    (r, low, l.bits(count))
}

/// The same for `|x| >= 2^32`.
#[inline(never)]
pub(super) fn reduce_huge<L: Lanes>(l: &L, x: L::F) -> [L::F; 3] {
    // Row (exponent - 32) / 8 of the table: 2/pi without the bits whose product with x is a multiple of 4.
    let exponent = l.and(l.shr(l.bits(x), 52), l.i(0x7ff));
    let row = l.shr(l.isub(exponent, l.i(1023 + 32)), 3);
    let x = l.mul(x, l.f(two_over_pi::SCALE));
    let term = |part: usize| two_prod(l, x, l.lookup(&two_over_pi::ROWS[part], row));
    let modulo_4 = |a: L::F| l.fnma(l.round(l.mul(a, l.f(0.25))), l.f(4.0), a);
    let ((a, a_low), (b, b_low), (c, c_low), (d, _)) = (term(0), term(1), term(2), term(3));
    let (sum, error) = two_sum(l, modulo_4(a), modulo_4(a_low));
    let (sum, error_2) = two_sum(l, sum, modulo_4(b));
    let k = l.round(sum);
    let sum = l.sub(sum, k);
    // The fraction may cancel down to 2^-62, so everything down to 2^-125 counts.
    let (sum, low_1) = two_sum(l, sum, error);
    let (sum, low_2) = two_sum(l, sum, error_2);
    let (tail, low_3) = two_sum(l, b_low, c);
    let (sum, low_4) = two_sum(l, sum, tail);
    let low = l.add(l.add(l.add(low_1, low_2), low_4), l.add(low_3, l.add(c_low, d)));
    let (sum, low) = two_sum(l, sum, low);
    // From quarter turns to radians.
    let (r, r_low) = two_prod(l, sum, l.f(HALF_PI[0]));
    let r_low = l.fma(sum, l.f(HALF_PI[1]), l.fma(low, l.f(HALF_PI[0]), r_low));
    let (r, r_low) = fast_two_sum(l, r, r_low);
    [r, r_low, l.from_bits(l.to_int(k))]
}

/// `sin(r + low)` as `r` and a smaller part.
#[inline(always)]
fn sin_part<L: Lanes>(l: &L, r: L::F, low: L::F, z: L::F, half_z: L::F) -> Pair<L> {
    (r, l.fma(l.mul(r, z), poly(l, z, SIN), l.fnma(half_z, low, low)))
}

/// `cos(r + low)` as a number and a smaller part.
#[inline(always)]
fn cos_part<L: Lanes>(l: &L, r: L::F, low: L::F, z: L::F, half_z: L::F) -> Pair<L> {
    let one = l.f(1.0);
    let main = l.sub(one, half_z);
    let error = l.sub(l.sub(one, main), half_z);
    (main, l.add(error, l.fma(l.mul(z, z), poly(l, z, COS), l.neg(l.mul(r, low)))))
}

/// The sine or cosine of `r`, according to the number of quarter turns.
#[inline(always)]
fn quarter<L: Lanes>(l: &L, r: L::F, low: L::F, turns: L::I) -> L::F {
    let z = l.mul(r, r);
    let half_z = l.mul(z, l.f(0.5));
    let (sin, sin_low) = sin_part(l, r, low, z, half_z);
    let (cos, cos_low) = cos_part(l, r, low, z, half_z);
    let is_odd = l.test_bit(turns, 0);
    let value = l.add(l.select(is_odd, cos, sin), l.select(is_odd, cos_low, sin_low));
    l.from_bits(l.xor(l.bits(value), l.shl(l.and(turns, l.i(2)), 62)))
}

/// Sine of radians. At most 0.79 ULP.
#[inline(always)]
pub(super) fn sin<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (r, low, turns) = reduce(l, x);
    // The zero keeps its sign.
    l.select(l.eq(x, l.f(0.0)), x, quarter(l, r, low, turns))
}

/// Cosine of radians. At most 0.8 ULP.
#[inline(always)]
pub(super) fn cos<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (r, low, turns) = reduce(l, x);
    quarter(l, r, low, l.iadd(turns, l.i(1)))
}

/// Tangent of radians. At most 0.92 ULP.
#[inline(always)]
pub(super) fn tan<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (r, low, turns) = reduce(l, x);
    let z = l.mul(r, r);
    let half_z = l.mul(z, l.f(0.5));
    let (sin, sin_low) = sin_part(l, r, low, z, half_z);
    let (sin, sin_low) = fast_two_sum(l, sin, sin_low);
    let (cos, cos_low) = cos_part(l, r, low, z, half_z);
    // Here the rounding error of z/2 counts, too.
    let (cos, cos_low) = fast_two_sum(l, cos, l.fnma(l.fms(r, r, z), l.f(0.5), cos_low));
    let is_odd = l.test_bit(turns, 0);
    let above = (l.select(is_odd, cos, sin), l.select(is_odd, cos_low, sin_low));
    let below = (l.select(is_odd, sin, cos), l.select(is_odd, sin_low, cos_low));
    let (hi, lo) = quotient(l, above, below);
    let value = l.add(hi, lo);
    let value = l.from_bits(l.xor(l.bits(value), l.shl(turns, 63)));
    l.select(l.eq(x, l.f(0.0)), x, value)
}
