//! Which implementation each function uses for one number.

use super::{MathFn1, MathFn2, explog, on_lanes};

/// The value of a function of one argument. Inlined, so that a constant function costs no dispatch.
#[inline]
pub(super) fn one(function: MathFn1, x: f64) -> f64 {
    // All functions of one argument have a form for lanes.
    on_lanes::one(function, x).unwrap_or(f64::NAN)
}

/// The value for an `f32` number, to be rounded to `f32`.
#[inline]
pub(super) fn one_narrow(function: MathFn1, x: f64) -> f64 {
    on_lanes::one_narrow(function, x).unwrap_or(f64::NAN)
}

/// The value of a function of two arguments.
#[inline]
pub(super) fn two(function: MathFn2, x: f64, y: f64) -> f64 {
    on_lanes::two(function, x, y).unwrap_or_else(|| two_numbers(function, x, y))
}

/// The value for `f32` numbers, to be rounded to `f32`.
#[inline]
pub(super) fn two_narrow(function: MathFn2, x: f64, y: f64) -> f64 {
    on_lanes::two_narrow(function, x, y).unwrap_or_else(|| two_numbers(function, x, y))
}

/// The functions of two arguments that have no form for lanes.
fn two_numbers(function: MathFn2, x: f64, y: f64) -> f64 {
    match function {
        MathFn2::Fmod => x % y,
        MathFn2::Nextafter => libm::nextafter(x, y),
        MathFn2::Ldexp => libm::ldexp(x, y as i32),
        MathFn2::Remainder => libm::remainder(x, y),
        MathFn2::Logaddexp => explog::logaddexp(x, y),
        MathFn2::Logaddexp2 => explog::logaddexp2(x, y),
        _ => f64::NAN,
    }
}
