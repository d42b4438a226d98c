//! Hyperbolic functions and their inverses, from the pairs of `explog.rs`; near 0 from their series.

use super::dd::{Dd, two_prod, two_sum};
use super::explog::{LN2_PAIR, exp_dd, exp_parts, log_dd, scale};

/// `x + x * (a1 x^2 + a2 x^4 + ...)`, for small x.
#[inline(always)]
fn odd_series(x: f64, terms: &[f64]) -> f64 {
    if x.abs() < 1e-9 {
        return x; // A zero keeps its sign.
    }
    let square = x * x;
    x + x * (square * terms.iter().rev().fold(0.0, |sum, term| sum * square + term))
}

/// Hyperbolic sine.
pub(super) fn sinh(x: f64) -> f64 {
    const TERMS: [f64; 7] = [
        1.0 / 6.0,
        1.0 / 120.0,
        1.0 / 5040.0,
        1.0 / 362880.0,
        1.0 / 39916800.0,
        1.0 / 6227020800.0,
        1.0 / 1307674368000.0,
    ];
    let size = x.abs();
    if size < 0.3 {
        return odd_series(x, &TERMS);
    }
    if size > 711.0 || size.is_nan() {
        return x + x;
    }
    let value = if size > 40.0 {
        let (value, exponent) = exp_parts(Dd::from(size));
        scale(value, exponent - 1)
    } else {
        exp_dd(Dd::from(size)).sub(exp_dd(Dd::from(-size))).round() * 0.5
    };
    value.copysign(x)
}

/// Hyperbolic cosine.
pub(super) fn cosh(x: f64) -> f64 {
    let size = x.abs();
    if size > 711.0 || size.is_nan() {
        return size + size;
    }
    if size > 40.0 {
        let (value, exponent) = exp_parts(Dd::from(size));
        return scale(value, exponent - 1);
    }
    exp_dd(Dd::from(size)).add(exp_dd(Dd::from(-size))).round() * 0.5
}

/// Hyperbolic tangent: `(e^2x - 1) / (e^2x + 1)`.
pub(super) fn tanh(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        -1.0 / 3.0,
        2.0 / 15.0,
        -17.0 / 315.0,
        62.0 / 2835.0,
        -1382.0 / 155925.0,
        21844.0 / 6081075.0,
        -929569.0 / 638512875.0,
        6404582.0 / 10854718875.0,
        -443861162.0 / 1856156927625.0,
        18888466084.0 / 194896477400625.0,
    ];
    let size = x.abs();
    if size < 0.15 {
        return odd_series(x, &TERMS);
    }
    if size > 20.0 {
        return 1.0f64.copysign(x);
    }
    if x.is_nan() {
        return x;
    }
    let power = exp_dd(Dd::from(2.0 * size));
    power.add_f64(-1.0).div(power.add_f64(1.0)).round().copysign(x)
}

/// Inverse hyperbolic sine: `log(x + sqrt(x^2 + 1))`.
pub(super) fn asinh(x: f64) -> f64 {
    let size = x.abs();
    if size < 1e-4 {
        return odd_series(x, &[-1.0 / 6.0, 3.0 / 40.0, -5.0 / 112.0]);
    }
    if !size.is_finite() {
        return x;
    }
    let value = if size > 1e10 {
        log_of_double(size)
    } else {
        log_dd(two_prod(size, size).add_f64(1.0).sqrt().add_f64(size)).round()
    };
    value.copysign(x)
}

/// Inverse hyperbolic cosine: `log(x + sqrt((x - 1)(x + 1)))`.
pub(super) fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        return f64::NAN;
    }
    if !x.is_finite() {
        return x;
    }
    if x > 1e10 {
        return log_of_double(x);
    }
    log_dd(two_sum(x, -1.0).mul(two_sum(x, 1.0)).sqrt().add_f64(x)).round()
}

/// Inverse hyperbolic tangent: half the logarithm of `(1 + x) / (1 - x)`.
pub(super) fn atanh(x: f64) -> f64 {
    let size = x.abs();
    if size < 1e-4 {
        return odd_series(x, &[1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0]);
    }
    if size == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    if size > 1.0 || size.is_nan() {
        return f64::NAN;
    }
    (log_dd(two_sum(1.0, size).div(two_sum(1.0, -size))).round() * 0.5).copysign(x)
}

/// log(2x) for large x; the terms left out of the inverse functions are below 2^-66.
fn log_of_double(x: f64) -> f64 {
    log_dd(Dd::from(x)).add(LN2_PAIR).round()
}
