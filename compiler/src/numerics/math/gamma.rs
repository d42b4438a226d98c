//! The gamma function and its logarithm: Stirling's series from 14 on, the recurrence below it, the series in
//! zeta values near 1 and 2 (M. Abramowitz, I. Stegun, 6.1.15, 6.1.33, 6.1.40), on pairs of numbers.

use super::dd::{Dd, fast_two_sum, two_sum};
use super::explog::{LN2_PAIR, exp_of, exp_parts, log_dd, pow2, scale};
use super::{gamma_zeros, trig};
use crate::numerics::lanes::Scalar;

/// From here on Stirling's series has an error below 2^-66.
const STIRLING_FROM: f64 = 14.0;
/// log(2 pi) / 2.
const HALF_LOG_2PI: Dd = Dd { hi: 0.9189385332046728, lo: -3.8782941580672414e-17 };

/// Gamma function.
pub(super) fn gamma(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x == 0.0 {
        return f64::INFINITY.copysign(x);
    }
    if x == f64::NEG_INFINITY || (x < 0.0 && x.trunc() == x) {
        return f64::NAN;
    }
    if x > 172.0 {
        return f64::INFINITY;
    }
    if x.abs() < 1e-17 {
        return 1.0 / x;
    }
    if x < -184.5 {
        // Underflows; the sign alternates between the poles.
        return if x.floor() % 2.0 == 0.0 { 0.0 } else { -0.0 };
    }
    if x >= STIRLING_FROM {
        return exp_of(log_gamma_stirling(Dd::from(x)));
    }
    let (shifted, product, exponent) = shift_up(x);
    let (value, power) = exp_parts(log_gamma_stirling(shifted));
    let quotient = value.div(product);
    let sign = if quotient.hi < 0.0 { -1.0 } else { 1.0 };
    sign * scale(quotient.scale(sign), power - exponent)
}

/// log |gamma(x)|.
pub(super) fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.is_infinite() || (x <= 0.0 && x.trunc() == x) {
        return f64::INFINITY;
    }
    if x >= 1e100 {
        // The smaller terms do not count; scaled so that the exact product stays in range.
        return log_dd(Dd::from(x)).add_f64(-1.0).mul_f64(x * pow2(-200)).round() * pow2(200);
    }
    if x >= STIRLING_FROM {
        return log_gamma_stirling(Dd::from(x)).round();
    }
    if x >= 2.5 {
        return log_gamma_shifted(x);
    }
    if x >= 1.5 {
        return log_gamma_near_two(x - 2.0).round();
    }
    if x >= 0.5 {
        return log_gamma_near_two(x - 1.0).sub(log_dd(Dd::from(x))).round();
    }
    if x.abs() < 1e-17 {
        return log_dd(Dd::from(x.abs())).neg().round();
    }
    if x > 0.0 {
        return log_gamma_near_two(x).sub(log_dd(two_sum(1.0, x).mul_f64(x))).round();
    }
    if x >= -20.0 {
        return log_gamma_near_zero(x).unwrap_or_else(|| log_gamma_shifted(x));
    }
    // Reflection; no zeros here, so the logarithm of pi / |x sin(pi x)| needs no extra bits.
    let size = -x;
    let sine = trig::sin(&Scalar, std::f64::consts::PI * (size - size.round_ties_even())).abs();
    let reflected = log_dd(Dd::from(std::f64::consts::PI / sine)).sub(log_dd(Dd::from(size)));
    // Above 2^52 every number is whole, so the series is in its range.
    reflected.sub(log_gamma_stirling(Dd::from(size))).round()
}

/// The Taylor polynomial about a zero of log |gamma| where the value is below 0.04: the recurrence has absolute
/// precision only.
fn log_gamma_near_zero(x: f64) -> Option<f64> {
    let ((zero, zero_low), (slope, slope_low), terms) =
        gamma_zeros::ZEROS.iter().find(|((zero, _), (slope, _), _)| (x - zero).abs() * slope.abs() < 0.04)?;
    let distance = fast_two_sum(x - zero, -zero_low);
    let t = distance.hi;
    let tail = t * t * terms.iter().rev().fold(0.0, |sum, term| sum * t + term);
    Some(distance.mul(Dd { hi: *slope, lo: *slope_low }).add_f64(tail).round())
}

/// `x + n`, at least 14, and the product `x (x + 1) ... (x + n - 1)` as a number near 1 and an exponent of two.
fn shift_up(x: f64) -> (Dd, Dd, i64) {
    let steps = (STIRLING_FROM - x).ceil();
    let (mut product, mut exponent) = (Dd::from(x), 0);
    let mut step = 1.0;
    while step < steps {
        product = product.mul(two_sum(x, step));
        let power = ((product.hi.to_bits() >> 52) & 0x7ff) as i64 - 1023;
        product = product.scale(pow2(-power));
        exponent += power;
        step += 1.0;
    }
    (two_sum(x, steps), product, exponent)
}

/// log |gamma(x)| through the recurrence; absolute error about 2^-60 times its largest term.
fn log_gamma_shifted(x: f64) -> f64 {
    let (shifted, product, exponent) = shift_up(x);
    let size = if product.hi < 0.0 { product.neg() } else { product };
    let log_product = log_dd(size).add(LN2_PAIR.mul_f64(exponent as f64));
    log_gamma_stirling(shifted).sub(log_product).round()
}

/// log gamma(x) for x from 14 to 1e100.
fn log_gamma_stirling(x: Dd) -> Dd {
    const TERMS: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360360.0,
        1.0 / 156.0,
        -3617.0 / 122400.0,
    ];
    let inverse = 1.0 / x.hi;
    let square = inverse * inverse;
    let series = inverse * TERMS.iter().rev().fold(0.0, |sum, term| sum * square + term);
    let main = x.add_f64(-0.5).mul(log_dd(x)).sub(x);
    main.add(HALF_LOG_2PI).add_f64(series)
}

/// log gamma(2 + t) for |t| <= 1/2: `t (1 - euler) + sum (-t)^k (zeta(k) - 1) / k`.
fn log_gamma_near_two(t: f64) -> Dd {
    const FIRST: Dd = Dd { hi: 0.42278433509846713, lo: 4.942915152430645e-18 };
    const SECOND: Dd = Dd { hi: 0.3224670334241132, lo: 1.520336175199238e-17 };
    const TERMS: [f64; 25] = [
        -0.0673523010531981,
        0.020580808427784546,
        -0.007385551028673986,
        0.0028905103307415234,
        -0.001192753911703261,
        0.0005096695247430425,
        -0.00022315475845357939,
        9.945751278180853e-05,
        -4.492623673813314e-05,
        2.050721277567069e-05,
        -9.439488275268397e-06,
        4.374866789907488e-06,
        -2.039215753801366e-06,
        9.55141213040742e-07,
        -4.492469198764566e-07,
        2.1207184805554665e-07,
        -1.0043224823968099e-07,
        4.7698101693639804e-08,
        -2.2711094608943164e-08,
        1.0838659214896955e-08,
        -5.183475041970047e-09,
        2.4836745438024785e-09,
        -1.1921401405860912e-09,
        5.731367241678862e-10,
        -2.7595228851242334e-10,
    ];
    let tail = TERMS.iter().rev().fold(0.0, |sum, term| sum * t + term);
    SECOND.add_f64(t * tail).mul_f64(t).add(FIRST).mul_f64(t)
}
