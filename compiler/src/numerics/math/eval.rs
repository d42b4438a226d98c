//! Which implementation each function uses.

use super::{MathFn1, MathFn2, angle, erf, explog, gamma, hyperbolic};

/// The value of a function of one argument. Inlined, so that a constant function costs no dispatch.
#[inline]
pub(super) fn one(function: MathFn1, x: f64) -> f64 {
    match function {
        MathFn1::Sqrt => x.sqrt(),
        MathFn1::Exp => explog::exp(x),
        MathFn1::Exp2 => libm::exp2(x),
        MathFn1::Expm1 => explog::expm1(x),
        MathFn1::Log => explog::log(x),
        MathFn1::Log2 => explog::log2(x),
        MathFn1::Log10 => explog::log10(x),
        MathFn1::Log1p => explog::log1p(x),
        MathFn1::Sin => libm::sin(x),
        MathFn1::Cos => libm::cos(x),
        MathFn1::Tan => libm::tan(x),
        MathFn1::Asin => libm::asin(x),
        MathFn1::Acos => libm::acos(x),
        MathFn1::Atan => libm::atan(x),
        MathFn1::Sinh => hyperbolic::sinh(x),
        MathFn1::Cosh => hyperbolic::cosh(x),
        MathFn1::Tanh => hyperbolic::tanh(x),
        MathFn1::Asinh => hyperbolic::asinh(x),
        MathFn1::Acosh => hyperbolic::acosh(x),
        MathFn1::Atanh => hyperbolic::atanh(x),
        MathFn1::Cbrt => libm::cbrt(x),
        MathFn1::Erf => erf::erf(x),
        MathFn1::Erfc => erf::erfc(x),
        MathFn1::Gamma => gamma::gamma(x),
        MathFn1::Lgamma => gamma::lgamma(x),
        MathFn1::Floor => x.floor(),
        MathFn1::Ceil => x.ceil(),
        MathFn1::Trunc => x.trunc(),
        MathFn1::Rint => x.round_ties_even(),
        MathFn1::Fabs => x.abs(),
        MathFn1::Degrees => x * (180.0 / std::f64::consts::PI),
        MathFn1::Radians => x * (std::f64::consts::PI / 180.0),
    }
}

/// The value of a function of two arguments.
#[inline]
pub(super) fn two(function: MathFn2, x: f64, y: f64) -> f64 {
    match function {
        MathFn2::Pow => explog::pow(x, y),
        MathFn2::Atan2 => angle::atan2(x, y),
        MathFn2::Hypot => libm::hypot(x, y),
        MathFn2::Fmod => x % y,
        MathFn2::Copysign => x.copysign(y),
        MathFn2::Nextafter => libm::nextafter(x, y),
        MathFn2::Ldexp => libm::ldexp(x, y as i32),
        MathFn2::Remainder => libm::remainder(x, y),
        MathFn2::Logaddexp => explog::logaddexp(x, y),
        MathFn2::Logaddexp2 => explog::logaddexp2(x, y),
    }
}
