//! The functions of `f32` that are used most: `f64` lanes that hold `f32` numbers, and polynomials that are just good enough
//! for one rounding to `f32` at the end (relative error below 2^-33, so at most 0.502 ULP). Half the operations of their
//! `f64` relatives, whose methods they share; `f64` has range and digits to spare, so that nothing is kept as a pair.

use super::erf::SHIFT;
use super::log::fix_ends;
use super::pair::poly;
use super::pow::{fix_log, fix_power};
use super::trig;
use crate::numerics::lanes::Lanes;

const LN_2: f64 = std::f64::consts::LN_2;
const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// `(e^r - 1 - r) / r^2`, relative error of `e^r` 2^-34.3.
const EXP: [f64; 6] = [
    0.500000007879,
    0.1666666682964775,
    0.04166626781418628,
    0.00833327110836343,
    0.0013946195784431221,
    0.00019914863293352692,
];
/// The same with the relative error of `e^r - 1` 2^-37.5.
const EXPM1: [f64; 7] = [
    0.49999999999736777,
    0.16666666754669907,
    0.041666666955793116,
    0.008333288908579276,
    0.0013888809183482335,
    0.00019904996528079122,
    2.488255273243752e-05,
];
/// `2 (artanh s - s) / s^3` in `s^2`, error of the logarithm 2^-35.
const LOG: [f64; 4] = [0.6666666306050958, 0.4000086723098983, 0.2850680366927097, 0.24103356892129443];
/// The same, error 2^-49.
const LOG_FOR_POW: [f64; 6] = [
    0.6666666666613983,
    0.4000000025400509,
    0.2857138782903908,
    0.2222522015303335,
    0.18070826759730077,
    0.1738100997410456,
];
/// `(sin r - r) / r^3` and `(cos r - 1 + r^2/2) / r^4` in `r^2`.
const SIN: [f64; 4] =
    [-0.166666666416152, 0.00833332938441087, -0.0001983933432108874, 2.718306283265701e-06];
const COS: [f64; 4] =
    [0.041666666622773615, -0.0013888883749459408, 2.479951910027786e-05, -2.7210170390327397e-07];
/// `-log(erfc(x)) / x` for x from 0 to 4.
const EXPONENT: [f64; 12] = [
    1.1283791669861576,
    0.6366197887915245,
    0.10277220636805623,
    -0.019124784412148998,
    -0.00022625751876269683,
    0.001742122893569952,
    -0.0006668203917152809,
    0.0001080441142148165,
    8.499601601453368e-06,
    -7.860778794591053e-06,
    1.509545648041776e-06,
    -1.0574375121626478e-07,
];
/// `(x + SHIFT) exp(x^2) erfc(x)` in `(x - 3) / (x + 3)` for x from 0 to 10.3.
const ERFC: [f64; 13] = [
    0.6880356748524762,
    -0.1799533397704184,
    0.06064515983601902,
    0.013220250172598763,
    -0.035001694109478856,
    0.0257687238005328,
    -0.010418023014268769,
    0.0015102768248192993,
    0.0007419795871433682,
    -0.0003800459744178195,
    -4.158120452503415e-05,
    5.981275023468273e-05,
    1.4161826065296328e-05,
];

/// `e^x`; beyond the clamps `f32` has 0 and infinity.
#[inline(always)]
pub(super) fn exp<L: Lanes>(l: &L, x: L::F) -> L::F {
    // The second operand wins if one is NaN.
    let x = l.min(l.f(110.0), l.max(l.f(-110.0), x));
    let (n, _) = l.whole(x, LOG2_E);
    exp_reduced(l, l.fnma(n, l.f(LN_2), x), n)
}

/// `2^x`.
#[inline(always)]
pub(super) fn exp2<L: Lanes>(l: &L, x: L::F) -> L::F {
    let x = l.min(l.f(160.0), l.max(l.f(-160.0), x));
    let (n, _) = l.whole(x, 1.0);
    exp_reduced(l, l.mul(l.sub(x, n), l.f(LN_2)), n)
}

/// `e^r 2^n`.
#[inline(always)]
fn exp_reduced<L: Lanes>(l: &L, r: L::F, n: L::F) -> L::F {
    let power = l.fma(l.mul(r, r), poly(l, r, EXP), l.add(r, l.f(1.0)));
    l.mul(power, l.power_of_two(n))
}

/// `log m` and `k` with `x = m 2^k`, for positive finite `x` that is not subnormal, which no `f32` is here.
#[inline(always)]
fn log_parts<L: Lanes, const N: usize>(l: &L, x: L::F, terms: [f64; N]) -> (L::F, L::F) {
    let (m, k) = l.split_normal(x);
    let s = l.div(l.sub(m, l.f(1.0)), l.add(m, l.f(1.0)));
    let z = l.mul(s, s);
    (l.fma(l.mul(s, z), poly(l, z, terms), l.add(s, s)), k)
}

/// Natural logarithm.
#[inline(always)]
pub(super) fn log<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (log, k) = log_parts(l, x, LOG);
    fix_if_end(l, x, l.fma(k, l.f(LN_2), log))
}

/// [`fix_ends`] where a lane has such an end.
#[inline(always)]
fn fix_if_end<L: Lanes>(l: &L, x: L::F, value: L::F) -> L::F {
    let is_usual = l.both(l.lt(l.f(0.0), x), l.le(x, l.f(f64::MAX)));
    l.rare(l.not(is_usual), [value], || [fix_ends(l, x, value)])[0]
}

/// Logarithm to base 2, exact for powers of two.
#[inline(always)]
pub(super) fn log2<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (log, k) = log_parts(l, x, LOG);
    fix_if_end(l, x, l.fma(log, l.f(LOG2_E), k))
}

/// Logarithm to base 10, exact for powers of ten.
#[inline(always)]
pub(super) fn log10<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (log, k) = log_parts(l, x, LOG);
    fix_if_end(l, x, l.fma(log, l.f(std::f64::consts::LOG10_E), l.mul(k, l.f(std::f64::consts::LOG10_2))))
}

/// The sine and the cosine of the rest, and the number of quarter turns.
#[inline(always)]
fn sin_cos<L: Lanes>(l: &L, x: L::F) -> (L::F, L::F, L::I) {
    let (k, count) = l.whole(x, std::f64::consts::FRAC_2_PI);
    let r = l.fnma(k, l.f(trig::HALF_PI[1]), l.fnma(k, l.f(trig::HALF_PI[0]), x));
    let is_huge = l.not(l.le(l.abs(x), l.f(trig::MEDIUM)));
    let [r, count] = l.rare(is_huge, [r, l.from_bits(count)], || {
        let [r, _, count] = trig::reduce_huge(l, x);
        [r, count]
    });
    let z = l.mul(r, r);
    let sin = l.fma(l.mul(r, z), poly(l, z, SIN), r);
    let cos = l.fma(l.mul(z, z), poly(l, z, COS), l.fnma(z, l.f(0.5), l.f(1.0)));
    (sin, cos, l.bits(count))
}

/// The sine after some quarter turns.
#[inline(always)]
fn turned<L: Lanes>(l: &L, sin: L::F, cos: L::F, turns: L::I) -> L::F {
    let value = l.select(l.test_bit(turns, 0), cos, sin);
    l.from_bits(l.xor(l.bits(value), l.shl(l.and(turns, l.i(2)), 62)))
}

/// Sine of radians.
#[inline(always)]
pub(super) fn sin<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (sin, cos, turns) = sin_cos(l, x);
    // The zero keeps its sign.
    l.select(l.eq(x, l.f(0.0)), x, turned(l, sin, cos, turns))
}

/// Cosine of radians.
#[inline(always)]
pub(super) fn cos<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (sin, cos, turns) = sin_cos(l, x);
    turned(l, sin, cos, l.iadd(turns, l.i(1)))
}

/// Tangent of radians.
#[inline(always)]
pub(super) fn tan<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (sin, cos, turns) = sin_cos(l, x);
    let is_odd = l.test_bit(turns, 0);
    let value = l.div(l.select(is_odd, cos, sin), l.select(is_odd, sin, cos));
    let value = l.from_bits(l.xor(l.bits(value), l.shl(turns, 63)));
    l.select(l.eq(x, l.f(0.0)), x, value)
}

/// Hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh<L: Lanes>(l: &L, x: L::F) -> L::F {
    let twice = l.min(l.f(40.0), l.mul(l.abs(x), l.f(2.0)));
    let (n, _) = l.whole(twice, LOG2_E);
    let r = l.fnma(n, l.f(LN_2), twice);
    let power = l.power_of_two(n);
    let expm1 = l.fma(l.mul(r, r), poly(l, r, EXPM1), r);
    let expm1 = l.fma(expm1, power, l.sub(power, l.f(1.0)));
    l.with_sign(l.div(expm1, l.add(expm1, l.f(2.0))), x)
}

/// `x^y`.
#[inline(always)]
pub(super) fn pow<L: Lanes>(l: &L, x: L::F, y: L::F) -> L::F {
    let size = l.abs(x);
    let (log, k) = log_parts(l, size, LOG_FOR_POW);
    let log = fix_log(l, size, l.fma(k, l.f(LN_2), log));
    // 1 to any power is 1, NaN and infinity included.
    let zero = l.f(0.0);
    let product = l.select(l.eq(log, zero), zero, l.mul(y, log));
    fix_power(l, x, y, exp(l, product))
}

/// `e^-x` without its 1, times 2 to the `n`th, and `n` as [`Lanes::whole`] gives it, for `x` from 0 to 200.
#[inline(always)]
fn decay<L: Lanes>(l: &L, x: L::F) -> (L::F, L::I) {
    let (n, count) = l.whole(x, LOG2_E);
    let r = l.fnma(n, l.f(-LN_2), l.neg(x));
    (l.fma(l.mul(r, r), poly(l, r, EXPM1), r), count)
}

/// Error function.
#[inline(always)]
pub(super) fn erf<L: Lanes>(l: &L, x: L::F) -> L::F {
    let one = l.f(1.0);
    let size = l.min(l.f(4.0), l.abs(x));
    let (part, count) = decay(l, l.mul(size, poly(l, size, EXPONENT)));
    let scale = l.times_inverse_power(one, count);
    l.with_sign(l.fnma(scale, part, l.sub(one, scale)), x)
}

/// `1 - erf(x)`.
#[inline(always)]
pub(super) fn erfc<L: Lanes>(l: &L, x: L::F) -> L::F {
    let size = l.min(l.f(10.3), l.abs(x));
    let t = l.div(l.sub(size, l.f(3.0)), l.add(size, l.f(3.0)));
    let factor = l.div(poly(l, t, ERFC), l.add(size, l.f(SHIFT)));
    let (part, count) = decay(l, l.mul(size, size));
    // NaN stays one.
    let value = l.mul(l.fma(factor, part, factor), l.times_inverse_power(l.f(1.0), count));
    l.select(l.lt(x, l.f(0.0)), l.sub(l.f(2.0), value), value)
}
