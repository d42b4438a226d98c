//! The error functions.
//!
//! `erf` is `1 - exp(-x Q(x))`, where `Q` is a polynomial and the exponential comes without its 1, so that nothing cancels near 0.
//! `erfc` is `exp(-x^2)`, taken of a pair, times `exp(x^2) erfc(x)`, which times `x + 0.84` is nearly constant (after M. M. Shepherd,
//! J. G. Laframboise, Math. Comp. 36, 1981): a polynomial in `t = (x - 3.5) / (x + 3.5)`. With 0.84 its slope at 0 is
//! small, where `t` is not exact. Coefficients: weighted minimax (`tests/oracle/math_fit.py`).

use super::exp::{Decay, decay, decay_near};
use super::pair::{Pair, fast_two_sum, poly, two_prod};
use crate::numerics::lanes::Lanes;

/// `-log(erfc(x)) / x` for x from 0 to 6; relative error of `erf` 2^-57.5.
const EXPONENT: ((f64, f64), [f64; 24]) = (
    (std::f64::consts::FRAC_2_SQRT_PI, 9.746775950198679e-18),
    [
        0.6366197723675836,
        0.10277260330178915,
        -0.019128447005078868,
        -0.00020919469474632205,
        0.001696206385086547,
        -0.0005901255498964388,
        2.587859465916186e-05,
        6.449188353113659e-05,
        -2.9724086608428026e-05,
        3.407321220280043e-06,
        2.835080116210745e-06,
        -1.741496298612763e-06,
        3.3633012582182495e-07,
        1.3720059049580233e-07,
        -1.4176980050416105e-07,
        6.573613676876895e-08,
        -2.0963360807139865e-08,
        4.9978545017325036e-09,
        -9.082478375695435e-10,
        1.2484427737045934e-10,
        -1.261133027547568e-11,
        8.845817855403404e-13,
        -3.8506431458422114e-14,
        7.834458905523765e-16,
    ],
);
/// What is added to `x` in the next one.
pub(super) const SHIFT: f64 = 0.84375;
/// `(x + SHIFT) exp(x^2) erfc(x)` in `(x - 3.5) / (x + 3.5)` for x from 0 to 28, relative error 2^-58.3.
const FACTOR: ((f64, f64), [f64; 23]) = (
    (0.6745568165511346, -3.868285853988401e-17),
    [
        -0.1694394492300735,
        0.0748608048839777,
        -0.006700570311170217,
        -0.025085240455101587,
        0.02837269025557285,
        -0.018575901342799777,
        0.008091395950593615,
        -0.002015596340750286,
        -5.194308304912034e-05,
        0.00024503814245769337,
        -6.23627896978382e-05,
        -1.6803774096443075e-05,
        1.1570672175428276e-05,
        6.432479849493991e-07,
        -1.7802254935608143e-06,
        4.125075747495909e-08,
        2.797038451179164e-07,
        -1.037656844544081e-08,
        -4.466937227976632e-08,
        -5.455099759455808e-10,
        5.780872305161571e-09,
        5.378581120036533e-10,
        -2.7485877750704334e-10,
    ],
);

/// `FACTOR`'s slope in `t` times `(1 - t) / 7`, to within a few hundredths: for what rounding left out of `t`.
const SLOPE: [f64; 4] = [-0.0409, 0.0673, 0.0403, -0.0834];

/// `first + x rest` as a pair, if it is between half and twice `first`; else only nearly so.
#[inline(always)]
fn first_plus<L: Lanes>(l: &L, first: (f64, f64), x: L::F, rest: L::F) -> Pair<L> {
    let sum = l.fma(x, rest, l.f(first.0));
    let error = l.fma(x, rest, l.sub(l.f(first.0), sum));
    (sum, l.add(error, l.f(first.1)))
}

/// Error function. At most 0.98 ULP.
#[inline(always)]
pub(super) fn erf<L: Lanes>(l: &L, x: L::F) -> L::F {
    let ((first, first_low), terms) = EXPONENT;
    let size = l.min(l.f(6.0), l.abs(x));
    let (slope, slope_low) = first_plus(l, (first, first_low), size, poly(l, size, terms));
    let (power, power_low) = two_prod(l, size, slope);
    let power_low = l.fma(size, slope_low, power_low);
    let Decay { part, count, .. } = decay_near(l, power, power_low);
    let scale = l.times_inverse_power(l.f(1.0), count);
    l.with_sign(l.fnma(scale, part, l.sub(l.f(1.0), scale)), x)
}

/// `1 - erf(x)`. At most 0.97 ULP.
#[inline(always)]
pub(super) fn erfc<L: Lanes>(l: &L, x: L::F) -> L::F {
    let ((first, first_low), terms) = FACTOR;
    let size = l.min(l.f(28.0), l.abs(x));
    let t = l.div(l.sub(size, l.f(3.5)), l.add(size, l.f(3.5)));
    // Exact as a pair, because SHIFT has few bits.
    let (below, below_low) = fast_two_sum(l, l.f(SHIFT), size);
    let inverse = l.div(l.f(1.0), below);
    // The exponential comes before the polynomial, which waits for the division.
    let (square, square_low) = two_prod(l, size, size);
    let Decay { part, part_low, n, count } = decay(l, square, square_low);
    let (factor, factor_low) = first_plus(l, (first, first_low), t, poly(l, t, terms));
    // `t` was rounded three times, and the factor's slope makes up to 0.4 units in the last place of that. `x - 3.5 - t (x + 3.5)`
    // is what is left of it times `x + 3.5`, and that is `7 / (1 - t)`.
    let left = l.sub(l.fnma(size, t, size), l.fma(t, l.f(3.5), l.f(3.5)));
    let factor_low = l.fma(left, poly(l, t, SLOPE), factor_low);
    // The product of the factor and the exponential as a pair.
    let product = l.fma(factor, part, factor);
    let error = l.fma(factor, part, l.sub(factor, product));
    let product_low = l.add(error, l.fma(factor, part_low, l.fma(factor_low, part, factor_low)));
    let quotient = l.mul(product, inverse);
    let rest = l.add(l.fnma(quotient, below, product), l.fnma(quotient, below_low, product_low));
    let value = l.fma(rest, inverse, quotient);
    // From 26 on it may be subnormal.
    let is_usual = l.le(size, l.f(26.0));
    let usual = l.times_inverse_power(value, count);
    let [value] = l.rare(l.not(is_usual), [usual], || [l.scale(value, l.neg(n))]);
    l.select(l.lt(x, l.f(0.0)), l.sub(l.f(2.0), value), value)
}
