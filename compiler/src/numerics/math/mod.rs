//! The mathematical functions of one and of two arguments: their names and one evaluator for each width.
//!
//! `f64` results are at most 1 ULP from the true value. The bound at each function is the largest distance measured on some
//! 10^6 arguments (`docs/numerics.md`), rounded up. `f32` results are computed in `f64` and rounded once, at most
//! 0.502 ULP. An argument outside the domain gives NaN or an infinity as in NumPy, never an error. The sign and payload
//! of a NaN are not specified.
//!
//! Most functions are written once, over abstract lanes (`on_lanes.rs` has the list), so that scalar and vector code have the
//! same bits.

mod arc;
mod dd;
mod erf;
mod eval;
mod exp;
mod explog;
mod gamma;
mod gamma_zeros;
mod hyperbolic;
mod log;
mod narrow;
mod on_lanes;
mod pair;
mod pow;
mod roots;
mod simple;
mod tables;
mod trig;
mod two_over_pi;

pub(super) use explog::log_hypot;
// For device code, which has the same algorithms in another language.
pub(crate) use tables::{EXP2 as POWERS_OF_TWO, LOG as RECIPROCALS_AND_LOGS};

#[cfg(target_arch = "x86_64")]
pub use on_lanes::{FastOne, FastTwo, fast_one, fast_two};
pub use on_lanes::{one_narrow_on_lanes, one_on_lanes, two_narrow_on_lanes, two_on_lanes};
#[cfg(target_arch = "x86_64")]
pub use pow::{log_of_base, power_of_base};
pub use simple::fmod_of_near;

macro_rules! functions {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $text:literal $doc:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = $doc] $variant,)*
        }

        impl $name {
            /// Every function, in declaration order: `ALL[f as usize] == f`.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The canonical name, which is `math.NAME` or `np.NAME` in kernels.
            pub const fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            /// The function with this canonical name.
            pub fn from_name(name: &str) -> Option<$name> {
                match name {
                    $($text => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    /// A function of one floating-point argument.
    MathFn1 {
        Sqrt "sqrt" "Square root, correctly rounded; NaN below zero.",
        Exp "exp" "e^x. At most 0.87 ULP.",
        Exp2 "exp2" "2^x. At most 0.78 ULP.",
        Expm1 "expm1" "e^x - 1 without cancellation. At most 0.71 ULP.",
        Log "log" "Natural logarithm; -inf at 0, NaN below. At most 0.92 ULP.",
        Log2 "log2" "Logarithm to base 2, exact for powers of two. At most 0.83 ULP.",
        Log10 "log10" "Logarithm to base 10. At most 0.87 ULP.",
        Log1p "log1p" "log(1 + x) without cancellation. At most 0.74 ULP.",
        Sin "sin" "Sine of radians, with full range reduction. At most 0.79 ULP.",
        Cos "cos" "Cosine of radians, with full range reduction. At most 0.8 ULP.",
        Tan "tan" "Tangent of radians, with full range reduction. At most 0.92 ULP.",
        Asin "asin" "Inverse sine in [-pi/2, pi/2]. At most 0.65 ULP.",
        Acos "acos" "Inverse cosine in [0, pi]. At most 0.64 ULP.",
        Atan "atan" "Inverse tangent in [-pi/2, pi/2]. At most 0.78 ULP.",
        Sinh "sinh" "Hyperbolic sine. At most 0.92 ULP.",
        Cosh "cosh" "Hyperbolic cosine. At most 0.78 ULP.",
        Tanh "tanh" "Hyperbolic tangent. At most 0.77 ULP.",
        Asinh "asinh" "Inverse hyperbolic sine. At most 0.74 ULP.",
        Acosh "acosh" "Inverse hyperbolic cosine; NaN below 1. At most 0.74 ULP.",
        Atanh "atanh" "Inverse hyperbolic tangent; NaN outside [-1, 1]. At most 0.55 ULP.",
        Cbrt "cbrt" "Real cube root. At most 0.501 ULP.",
        Erf "erf" "Error function. At most 0.98 ULP.",
        Erfc "erfc" "1 - erf(x) without cancellation. At most 0.97 ULP.",
        Gamma "gamma" "Gamma function; NaN at negative integers. At most 0.79 ULP.",
        Lgamma "lgamma" "log |gamma(x)|; inf at 0 and negative integers. At most 0.8 ULP.",
        Floor "floor" "Largest whole number that is not above x. Exact.",
        Ceil "ceil" "Smallest whole number that is not below x. Exact.",
        Trunc "trunc" "The whole part of x. Exact.",
        Rint "rint" "Nearest whole number, ties to even: `np.rint`, and Python's `round(x)`. Exact.",
        Fabs "fabs" "Absolute value. Exact.",
        Degrees "degrees" "Radians to degrees: x * (180 / pi). At most 0.82 ULP.",
        Radians "radians" "Degrees to radians: x * (pi / 180). At most 0.66 ULP.",
    }
}

functions! {
    /// A function of two floating-point arguments.
    MathFn2 {
        Pow "pow" "x^y as in C; NaN for negative x with a y that is not whole. At most 0.93 ULP.",
        Atan2 "atan2" "The angle of the point (second, first argument): atan2(y, x). At most 0.89 ULP.",
        Hypot "hypot" "sqrt(x^2 + y^2) without overflow. At most 0.76 ULP.",
        Fmod "fmod" "Remainder with the sign of x, exact.",
        Copysign "copysign" "The magnitude of x with the sign of y. Exact.",
        Nextafter "nextafter" "The next number after x towards y. Exact.",
        Ldexp "ldexp" "x * 2^y, rounded once; y is truncated to a whole number.",
        Remainder "remainder" "IEEE remainder: x - n*y with n the nearest whole number to x/y, exact.",
        Logaddexp "logaddexp" "log(e^x + e^y) without overflow. At most 0.51 ULP, away from where the result vanishes.",
        Logaddexp2 "logaddexp2" "log2(2^x + 2^y) without overflow. At most 0.51 ULP, away from where the result vanishes.",
    }
}

impl MathFn1 {
    /// The value for an `f64` argument.
    #[inline]
    pub fn eval_f64(self, x: f64) -> f64 {
        eval::one(self, x)
    }

    /// The value for an `f32` argument: computed in `f64` and rounded once.
    #[inline]
    pub fn eval_f32(self, x: f32) -> f32 {
        eval::one_narrow(self, f64::from(x)) as f32
    }
}

impl MathFn2 {
    /// The value for `f64` arguments.
    #[inline]
    pub fn eval_f64(self, x: f64, y: f64) -> f64 {
        eval::two(self, x, y)
    }

    /// The value for `f32` arguments: computed in `f64` and rounded once, except that `nextafter` steps in `f32`.
    #[inline]
    pub fn eval_f32(self, x: f32, y: f32) -> f32 {
        match self {
            MathFn2::Nextafter => libm::nextafterf(x, y),
            _ => eval::two_narrow(self, f64::from(x), f64::from(y)) as f32,
        }
    }
}

#[cfg(test)]
mod tests;
