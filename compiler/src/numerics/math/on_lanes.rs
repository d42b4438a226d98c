//! The functions that are written over abstract lanes, and their instances: for vector code, for one number, and for one
//! number on a processor with fused multiply-add. All have the same bits.

use super::{MathFn1, MathFn2, arc, erf, exp, gamma, hyperbolic, log, narrow, pow, roots, simple, trig};
use crate::numerics::lanes::{Lanes, Scalar};

/// The entry points of a function for `f64` and for `f32`, for processors with AVX2 and FMA. They are unsafe to call
/// elsewhere.
#[cfg(target_arch = "x86_64")]
pub type FastOne = (unsafe extern "C" fn(f64) -> f64, unsafe extern "C" fn(f32) -> f32);
/// The same for a function of two arguments.
#[cfg(target_arch = "x86_64")]
pub type FastTwo = (unsafe extern "C" fn(f64, f64) -> f64, unsafe extern "C" fn(f32, f32) -> f32);

/// The instances of one function.
macro_rules! instance {
    (abstract $l:ident, $path:path, ($($x:ident)*)) => {
        Some($path($l, $($x),*))
    };
    (scalar $path:path, ($($x:ident)*)) => {{
        fn instance($($x: f64),*) -> f64 {
            $path(&Scalar, $($x),*)
        }
        Some(instance($($x),*))
    }};
    (fast $path:path, $narrow:path, ($($x:ident)*)) => {{
        #[target_feature(enable = "avx2,fma")]
        extern "C" fn wide($($x: f64),*) -> f64 {
            $path(&Scalar, $($x),*)
        }
        #[target_feature(enable = "avx2,fma")]
        extern "C" fn narrow($($x: f32),*) -> f32 {
            $narrow(&Scalar, $(f64::from($x)),*) as f32
        }
        Some((wide, narrow))
    }};
}

/// `$params` is the list of arguments once more, for the macro above.
macro_rules! functions {
    ($enum:ident ($($x:ident)*) $params:tt on $on_lanes:ident $narrow_on_lanes:ident, scalar $scalar:ident $scalar_narrow:ident, fast $fast:ident $fast_type:ident;
     $($variant:ident $path:path, $narrow:path;)* ; $($other:ident)|*) => {
        /// Appends a function of `f64` to the lanes' program; `None`, and nothing appended, if it has no form for lanes.
        pub fn $on_lanes<L: Lanes>(l: &L, function: $enum, $($x: L::F),*) -> Option<L::F> {
            match function {
                $($enum::$variant => instance!(abstract l, $path, $params),)*
                $($enum::$other => None,)*
            }
        }

        /// The same for `f32`: the lanes hold `f32` numbers, widened, and the result is to be rounded to `f32`.
        pub fn $narrow_on_lanes<L: Lanes>(l: &L, function: $enum, $($x: L::F),*) -> Option<L::F> {
            match function {
                $($enum::$variant => instance!(abstract l, $narrow, $params),)*
                $($enum::$other => None,)*
            }
        }

        /// The value for `f32` numbers, to be rounded to `f32`.
        #[inline]
        pub(super) fn $scalar_narrow(function: $enum, $($x: f64),*) -> Option<f64> {
            match function {
                $($enum::$variant => instance!(scalar $narrow, $params),)*
                $($enum::$other => None,)*
            }
        }

        /// The value for numbers, with `fma` of the C library unless the whole crate is built for a processor that has it.
        #[inline]
        pub(super) fn $scalar(function: $enum, $($x: f64),*) -> Option<f64> {
            match function {
                $($enum::$variant => instance!(scalar $path, $params),)*
                $($enum::$other => None,)*
            }
        }

        /// The function for a processor with AVX2 and FMA, which the caller must know to be there.
        #[cfg(target_arch = "x86_64")]
        pub fn $fast(function: $enum) -> Option<$fast_type> {
            match function {
                $($enum::$variant => instance!(fast $path, $narrow, $params),)*
                $($enum::$other => None,)*
            }
        }
    };
}

functions! {
    MathFn1 (x) (x) on one_on_lanes one_narrow_on_lanes, scalar one one_narrow, fast fast_one FastOne;
    Sqrt simple::sqrt, simple::sqrt;
    Exp exp::exp, narrow::exp;
    Exp2 exp::exp2, narrow::exp2;
    Expm1 exp::expm1, exp::expm1;
    Log log::log, narrow::log;
    Log2 log::log2, narrow::log2;
    Log10 log::log10, narrow::log10;
    Log1p log::log1p, log::log1p;
    Sin trig::sin, narrow::sin;
    Cos trig::cos, narrow::cos;
    Tan trig::tan, narrow::tan;
    Asin arc::asin, arc::asin;
    Acos arc::acos, arc::acos;
    Atan arc::atan, arc::atan;
    Sinh hyperbolic::sinh, hyperbolic::sinh;
    Cosh hyperbolic::cosh, hyperbolic::cosh;
    Tanh hyperbolic::tanh, narrow::tanh;
    Asinh hyperbolic::asinh, hyperbolic::asinh;
    Acosh hyperbolic::acosh, hyperbolic::acosh;
    Atanh hyperbolic::atanh, hyperbolic::atanh;
    Cbrt roots::cbrt, roots::cbrt;
    Erf erf::erf, narrow::erf;
    Erfc erf::erfc, narrow::erfc;
    Gamma gamma::gamma, gamma::gamma;
    Lgamma gamma::lgamma, gamma::lgamma;
    Floor simple::floor, simple::floor;
    Ceil simple::ceil, simple::ceil;
    Trunc simple::trunc, simple::trunc;
    Rint simple::round, simple::round;
    Fabs simple::abs, simple::abs;
    Degrees simple::degrees, simple::degrees;
    Radians simple::radians, simple::radians;
    ;
}

functions! {
    MathFn2 (x y) (x y) on two_on_lanes two_narrow_on_lanes, scalar two two_narrow, fast fast_two FastTwo;
    Pow pow::pow, narrow::pow;
    Atan2 arc::atan2, arc::atan2;
    Hypot roots::hypot, roots::hypot;
    Copysign simple::copysign, simple::copysign;
    ; Fmod | Nextafter | Ldexp | Remainder | Logaddexp | Logaddexp2
}
