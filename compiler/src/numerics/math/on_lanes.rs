//! The functions over abstract lanes: what vector code builds itself from, with the bits of the scalar functions.

use super::{MathFn1, MathFn2, exp, log, pow, trig};
use crate::numerics::lanes::Lanes;

/// Appends a function of one argument to the lanes' program; nothing is appended if the function has no form for lanes.
///
/// For `f32` the argument is widened, and the result rounded to `f32`.
pub fn one_on_lanes<L: Lanes>(l: &L, function: MathFn1, x: L::F) -> Option<L::F> {
    Some(match function {
        MathFn1::Sqrt => l.sqrt(x),
        MathFn1::Exp => exp::exp(l, x),
        MathFn1::Log => log::log(l, x),
        MathFn1::Sin => trig::sin(l, x),
        MathFn1::Cos => trig::cos(l, x),
        MathFn1::Tan => trig::tan(l, x),
        MathFn1::Floor => l.floor(x),
        MathFn1::Ceil => l.ceil(x),
        MathFn1::Trunc => l.trunc(x),
        MathFn1::Rint => l.round(x),
        MathFn1::Fabs => l.abs(x),
        MathFn1::Degrees => l.mul(x, l.f(180.0 / std::f64::consts::PI)),
        MathFn1::Radians => l.mul(x, l.f(std::f64::consts::PI / 180.0)),
        MathFn1::Exp2
        | MathFn1::Expm1
        | MathFn1::Log2
        | MathFn1::Log10
        | MathFn1::Log1p
        | MathFn1::Asin
        | MathFn1::Acos
        | MathFn1::Atan
        | MathFn1::Sinh
        | MathFn1::Cosh
        | MathFn1::Tanh
        | MathFn1::Asinh
        | MathFn1::Acosh
        | MathFn1::Atanh
        | MathFn1::Cbrt
        | MathFn1::Erf
        | MathFn1::Erfc
        | MathFn1::Gamma
        | MathFn1::Lgamma => return None,
    })
}

/// Appends a function of two arguments to the lanes' program; nothing is appended if the function has no form for lanes.
///
/// For `f32` the arguments are widened, and the result rounded to `f32`.
pub fn two_on_lanes<L: Lanes>(l: &L, function: MathFn2, x: L::F, y: L::F) -> Option<L::F> {
    Some(match function {
        MathFn2::Pow => pow::pow(l, x, y),
        MathFn2::Copysign => l.with_sign(l.abs(x), y),
        MathFn2::Atan2
        | MathFn2::Hypot
        | MathFn2::Fmod
        | MathFn2::Nextafter
        | MathFn2::Ldexp
        | MathFn2::Remainder
        | MathFn2::Logaddexp
        | MathFn2::Logaddexp2 => return None,
    })
}
