//! The functions that are written over abstract lanes, and their instances: for vector code, for one number, and for one
//! number on a processor with fused multiply-add. All have the same bits.

use super::{MathFn1, MathFn2, arc, erf, exp, hyperbolic, log, pow, roots, simple, trig};
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
    (fast $path:path, ($($x:ident)*)) => {{
        #[target_feature(enable = "avx2,fma")]
        extern "C" fn wide($($x: f64),*) -> f64 {
            $path(&Scalar, $($x),*)
        }
        #[target_feature(enable = "avx2,fma")]
        extern "C" fn narrow($($x: f32),*) -> f32 {
            $path(&Scalar, $(f64::from($x)),*) as f32
        }
        Some((wide, narrow))
    }};
}

/// `$params` is the list of arguments once more, for the macro above.
macro_rules! functions {
    ($enum:ident ($($x:ident)*) $params:tt on $on_lanes:ident, scalar $scalar:ident, fast $fast:ident $fast_type:ident;
     $($variant:ident $path:path,)* ; $($other:ident)|*) => {
        /// Appends a function to the lanes' program; `None`, and nothing appended, if it has no form for lanes.
        ///
        /// For `f32` the arguments are widened, and the result rounded to `f32`.
        pub fn $on_lanes<L: Lanes>(l: &L, function: $enum, $($x: L::F),*) -> Option<L::F> {
            match function {
                $($enum::$variant => instance!(abstract l, $path, $params),)*
                $($enum::$other)|* => None,
            }
        }

        /// The value for numbers, with `fma` of the C library unless the whole crate is built for a processor that has it.
        #[inline]
        pub(super) fn $scalar(function: $enum, $($x: f64),*) -> Option<f64> {
            match function {
                $($enum::$variant => instance!(scalar $path, $params),)*
                $($enum::$other)|* => None,
            }
        }

        /// The function for a processor with AVX2 and FMA, which the caller must know to be there.
        #[cfg(target_arch = "x86_64")]
        pub fn $fast(function: $enum) -> Option<$fast_type> {
            match function {
                $($enum::$variant => instance!(fast $path, $params),)*
                $($enum::$other)|* => None,
            }
        }
    };
}

functions! {
    MathFn1 (x) (x) on one_on_lanes, scalar one, fast fast_one FastOne;
    Sqrt simple::sqrt,
    Exp exp::exp,
    Exp2 exp::exp2,
    Expm1 exp::expm1,
    Log log::log,
    Log2 log::log2,
    Log10 log::log10,
    Log1p log::log1p,
    Sin trig::sin,
    Cos trig::cos,
    Tan trig::tan,
    Asin arc::asin,
    Acos arc::acos,
    Atan arc::atan,
    Sinh hyperbolic::sinh,
    Cosh hyperbolic::cosh,
    Tanh hyperbolic::tanh,
    Asinh hyperbolic::asinh,
    Acosh hyperbolic::acosh,
    Atanh hyperbolic::atanh,
    Cbrt roots::cbrt,
    Erf erf::erf,
    Erfc erf::erfc,
    Floor simple::floor,
    Ceil simple::ceil,
    Trunc simple::trunc,
    Rint simple::round,
    Fabs simple::abs,
    Degrees simple::degrees,
    Radians simple::radians,
    ; Gamma | Lgamma
}

functions! {
    MathFn2 (x y) (x y) on two_on_lanes, scalar two, fast fast_two FastTwo;
    Pow pow::pow,
    Atan2 arc::atan2,
    Hypot roots::hypot,
    Copysign simple::copysign,
    ; Fmod | Nextafter | Ldexp | Remainder | Logaddexp | Logaddexp2
}
