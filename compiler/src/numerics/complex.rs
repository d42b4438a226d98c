//! Complex arithmetic and functions on pairs `(real, imaginary)`, named as in Python's `cmath`.
//!
//! Multiplication is the textbook formula and division is Smith's algorithm, both as in CPython. The functions
//! follow W. Kahan, "Branch cuts for complex elementary functions" (1987), in the form of CPython's
//! `cmathmodule.c`: branch cuts lie as there, the sign of a zero chooses the side. The distance from the true
//! value is at most 3 ULP of the result's absolute value (`tan` and `tanh` 6), measured; for `pow` it grows with the
//! size of `b * log(a)`. Where `cmath` raises
//! an error the result is infinite or NaN, as in NumPy. `c64` computes here and rounds each part once.

use super::math::{MathFn1, MathFn2, log_hypot};
use std::f64::consts::{FRAC_PI_2, LN_2, LN_10, LOG2_E};

/// Real and imaginary part.
pub type Complex = (f64, f64);

/// From here on squares would overflow: a quarter of the largest number.
const LARGE: f64 = f64::MAX / 4.0;

/// The sum.
#[inline]
pub fn add(a: Complex, b: Complex) -> Complex {
    (a.0 + b.0, a.1 + b.1)
}

/// The difference.
#[inline]
pub fn sub(a: Complex, b: Complex) -> Complex {
    (a.0 - b.0, a.1 - b.1)
}

/// The product, `(ac - bd, ad + bc)`.
#[inline]
pub fn mul(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

/// The quotient by Smith's algorithm (R. L. Smith, CACM 5, 1962); division by zero gives infinities or NaN.
#[inline]
pub fn div(a: Complex, b: Complex) -> Complex {
    if b.0.abs() >= b.1.abs() {
        if b.0 == 0.0 {
            return (a.0 / b.0.abs(), a.1 / b.0.abs());
        }
        let ratio = b.1 / b.0;
        let denominator = b.0 + b.1 * ratio;
        ((a.0 + a.1 * ratio) / denominator, (a.1 - a.0 * ratio) / denominator)
    } else {
        let ratio = b.0 / b.1;
        let denominator = b.0 * ratio + b.1;
        ((a.0 * ratio + a.1) / denominator, (a.1 * ratio - a.0) / denominator)
    }
}

/// The absolute value, without overflow: `hypot`.
#[inline]
pub fn abs(z: Complex) -> f64 {
    MathFn2::Hypot.eval_f64(z.0, z.1)
}

/// The angle in [-pi, pi] (`cmath.phase`, `np.angle`).
#[inline]
pub fn phase(z: Complex) -> f64 {
    MathFn2::Atan2.eval_f64(z.1, z.0)
}

/// The number with the opposite imaginary part.
#[inline]
pub fn conj(z: Complex) -> Complex {
    (z.0, -z.1)
}

/// The number with this absolute value and angle (`cmath.rect`).
pub fn rect(radius: f64, angle: f64) -> Complex {
    let (sine, cosine) = sin_cos(angle);
    // An angle of zero keeps the zero, so that an infinite radius does not give NaN.
    (radius * cosine, if angle == 0.0 { angle } else { radius * sine })
}

/// A function of the table that is defined for complex numbers; `None` for the others.
pub fn eval_one(function: MathFn1, z: Complex) -> Option<Complex> {
    let z = (without_sign_of_nan(z.0), without_sign_of_nan(z.1));
    Some(match function {
        MathFn1::Sqrt => sqrt(z),
        MathFn1::Exp => exp(z),
        MathFn1::Log => log(z),
        MathFn1::Log2 => log2(z),
        MathFn1::Log10 => log10(z),
        MathFn1::Sin => sin(z),
        MathFn1::Cos => cos(z),
        MathFn1::Tan => tan(z),
        MathFn1::Asin => asin(z),
        MathFn1::Acos => acos(z),
        MathFn1::Atan => atan(z),
        MathFn1::Sinh => sinh(z),
        MathFn1::Cosh => cosh(z),
        MathFn1::Tanh => tanh(z),
        MathFn1::Asinh => asinh(z),
        MathFn1::Acosh => acosh(z),
        MathFn1::Atanh => atanh(z),
        MathFn1::Exp2
        | MathFn1::Expm1
        | MathFn1::Log1p
        | MathFn1::Cbrt
        | MathFn1::Erf
        | MathFn1::Erfc
        | MathFn1::Gamma
        | MathFn1::Lgamma
        | MathFn1::Floor
        | MathFn1::Ceil
        | MathFn1::Trunc
        | MathFn1::Rint
        | MathFn1::Fabs
        | MathFn1::Degrees
        | MathFn1::Radians => return None,
    })
}

/// The sign of a NaN is what the processor and the order of operands made it: it may not become that of an infinity.
fn without_sign_of_nan(x: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { x }
}

/// The root with a real part that is not negative; the cut is the negative real axis.
pub fn sqrt(z: Complex) -> Complex {
    let (x, y) = z;
    if x == 0.0 && y == 0.0 {
        return (0.0, y);
    }
    if y.is_infinite() {
        return (f64::INFINITY, y);
    }
    if x.is_infinite() {
        let small = if y.is_nan() { y } else { 0.0 };
        return if x > 0.0 { (x, small.copysign(y)) } else { (small, f64::INFINITY.copysign(y)) };
    }
    let (width, height) = (x.abs(), y.abs());
    let root = if width < f64::MIN_POSITIVE && height < f64::MIN_POSITIVE {
        // Subnormal: scaled by 2^53, and halved, so by 2^-27 after the root.
        let (width, height) = (width * 9_007_199_254_740_992.0, height * 9_007_199_254_740_992.0);
        (width + abs((width, height))).sqrt() / 134_217_728.0
    } else {
        2.0 * (width / 8.0 + abs((width / 8.0, height / 8.0))).sqrt()
    };
    let other = height / (2.0 * root);
    if x >= 0.0 { (root, other.copysign(y)) } else { (other, root.copysign(y)) }
}

/// e^z.
pub fn exp(z: Complex) -> Complex {
    let (x, y) = z;
    if y == 0.0 {
        return (real(MathFn1::Exp, x), y);
    }
    if x == f64::NEG_INFINITY && !y.is_finite() {
        return (0.0, 0.0);
    }
    if x == f64::INFINITY && !y.is_finite() {
        return (x, f64::NAN);
    }
    let (sine, cosine) = sin_cos(y);
    if x > 709.0 && x < 1500.0 {
        // e^x may overflow where the product does not.
        let part = real(MathFn1::Exp, x - 709.0);
        let rest = real(MathFn1::Exp, 709.0);
        return (rest * cosine * part, rest * sine * part);
    }
    let size = real(MathFn1::Exp, x);
    (size * cosine, size * sine)
}

/// The logarithm with an imaginary part in [-pi, pi]; the cut is the negative real axis.
pub fn log(z: Complex) -> Complex {
    (log_hypot(z.0, z.1), phase(z))
}

/// The logarithm to base 2.
pub fn log2(z: Complex) -> Complex {
    let (x, y) = log(z);
    (x * LOG2_E, y * LOG2_E)
}

/// The logarithm to base 10.
pub fn log10(z: Complex) -> Complex {
    let (x, y) = log(z);
    (x / LN_10, y / LN_10)
}

/// a^b. Whole exponents up to 100 by repeated squaring, as in CPython; `0 ** b` is 0, or NaN unless the real part
/// of `b` is positive; `a ** 0` is 1.
pub fn pow(a: Complex, b: Complex) -> Complex {
    let [a, b] = [a, b].map(|(re, im)| (without_sign_of_nan(re), without_sign_of_nan(im)));
    if b == (0.0, 0.0) {
        return (1.0, 0.0);
    }
    if a == (0.0, 0.0) {
        return if b.0 > 0.0 && b.1 == 0.0 { (0.0, 0.0) } else { (f64::NAN, f64::NAN) };
    }
    if b.1 == 0.0 && b.0.trunc() == b.0 && b.0.abs() <= 100.0 {
        let power = pow_whole(a, b.0.abs() as u32);
        return if b.0 > 0.0 { power } else { div((1.0, 0.0), power) };
    }
    let size = abs(a);
    let angle = phase(a);
    let mut radius = MathFn2::Pow.eval_f64(size, b.0);
    let mut turn = angle * b.0;
    if b.1 != 0.0 {
        radius *= real(MathFn1::Exp, -(angle * b.1));
        turn += b.1 * log_hypot(a.0, a.1);
    }
    rect(radius, turn)
}

/// a^exponent by squaring, in the order of CPython's `c_powu`.
fn pow_whole(a: Complex, exponent: u32) -> Complex {
    let (mut result, mut power, mut rest) = ((1.0, 0.0), a, exponent);
    loop {
        if rest & 1 == 1 {
            result = mul(result, power);
        }
        rest >>= 1;
        if rest == 0 {
            return result;
        }
        power = mul(power, power);
    }
}

/// Sine.
pub fn sin(z: Complex) -> Complex {
    let (x, y) = sinh((-z.1, z.0));
    (y, -x)
}

/// Cosine.
pub fn cos(z: Complex) -> Complex {
    cosh((-z.1, z.0))
}

/// Tangent.
pub fn tan(z: Complex) -> Complex {
    let (x, y) = tanh((-z.1, z.0));
    (y, -x)
}

/// Hyperbolic sine.
pub fn sinh(z: Complex) -> Complex {
    let (x, y) = z;
    if y == 0.0 {
        return (real(MathFn1::Sinh, x), y);
    }
    let (sine, cosine) = sin_cos(y);
    if x.abs() > 709.0 {
        let (a, b) = exp((x.abs() - LN_2, y));
        return (a.abs().copysign(cosine) * x.signum(), b);
    }
    (real(MathFn1::Sinh, x) * cosine, real(MathFn1::Cosh, x) * sine)
}

/// Hyperbolic cosine.
pub fn cosh(z: Complex) -> Complex {
    let (x, y) = z;
    if y == 0.0 {
        return (real(MathFn1::Cosh, x), if x.is_sign_negative() { -y } else { y });
    }
    let (sine, cosine) = sin_cos(y);
    if x.abs() > 709.0 {
        let (a, b) = exp((x.abs() - LN_2, y));
        return (a, b * x.signum());
    }
    (real(MathFn1::Cosh, x) * cosine, real(MathFn1::Sinh, x) * sine)
}

/// Hyperbolic tangent.
pub fn tanh(z: Complex) -> Complex {
    let (x, y) = z;
    if y == 0.0 {
        return (real(MathFn1::Tanh, x), y);
    }
    let (sine, cosine) = sin_cos(y);
    if x.abs() > 350.0 {
        let small = 4.0 * sine * cosine * real(MathFn1::Exp, -2.0 * x.abs());
        return (1.0f64.copysign(x), if y.is_infinite() { 0.0 } else { small });
    }
    let (tx, ty, cx) = (real(MathFn1::Tanh, x), real(MathFn1::Tan, y), 1.0 / real(MathFn1::Cosh, x));
    let product = tx * ty;
    let denominator = 1.0 + product * product;
    (tx * (1.0 + ty * ty) / denominator, ty / denominator * cx * cx)
}

/// Inverse sine; the cuts are the real axis outside [-1, 1].
pub fn asin(z: Complex) -> Complex {
    let (x, y) = asinh((-z.1, z.0));
    (y, -x)
}

/// Inverse cosine; the cuts are the real axis outside [-1, 1].
pub fn acos(z: Complex) -> Complex {
    let (x, y) = z;
    if x.abs() > LARGE || y.abs() > LARGE {
        let size = log_of_large(z);
        return (MathFn2::Atan2.eval_f64(y.abs(), x), -size.copysign(y));
    }
    let (a, b) = (sqrt((1.0 - x, -y)), sqrt((1.0 + x, y)));
    (2.0 * MathFn2::Atan2.eval_f64(a.0, b.0), real(MathFn1::Asinh, b.0 * a.1 - b.1 * a.0))
}

/// Inverse tangent; the cuts are the imaginary axis outside [-i, i].
pub fn atan(z: Complex) -> Complex {
    let (x, y) = atanh((-z.1, z.0));
    (y, -x)
}

/// Inverse hyperbolic sine; the cuts are the imaginary axis outside [-i, i].
pub fn asinh(z: Complex) -> Complex {
    let (x, y) = z;
    if x.abs() > LARGE || y.abs() > LARGE {
        return (log_of_large(z).copysign(x), MathFn2::Atan2.eval_f64(y, x.abs()));
    }
    let (a, b) = (sqrt((1.0 + y, -x)), sqrt((1.0 - y, x)));
    (real(MathFn1::Asinh, a.0 * b.1 - b.0 * a.1), MathFn2::Atan2.eval_f64(y, a.0 * b.0 - a.1 * b.1))
}

/// Inverse hyperbolic cosine; the cut is the real axis below 1.
pub fn acosh(z: Complex) -> Complex {
    let (x, y) = z;
    if x.abs() > LARGE || y.abs() > LARGE {
        return (log_of_large(z), phase(z));
    }
    let (a, b) = (sqrt((x - 1.0, y)), sqrt((x + 1.0, y)));
    (real(MathFn1::Asinh, a.0 * b.0 + a.1 * b.1), 2.0 * MathFn2::Atan2.eval_f64(a.1, b.0))
}

/// Inverse hyperbolic tangent; the cuts are the real axis outside [-1, 1].
pub fn atanh(z: Complex) -> Complex {
    const SQRT_LARGE: f64 = 6.7e153;
    let (x, y) = z;
    if x.is_sign_negative() && !x.is_nan() {
        let (a, b) = atanh((-x, -y));
        return (-a, -b);
    }
    let height = y.abs();
    if x > SQRT_LARGE || height > SQRT_LARGE {
        let half = abs((x / 2.0, y / 2.0));
        let small = if half.is_infinite() { 0.0 } else { x / 4.0 / half / half };
        return (small, FRAC_PI_2.copysign(y));
    }
    if x == 1.0 && height < 1.5e-154 {
        if height == 0.0 {
            return (f64::INFINITY, y);
        }
        let size = -real(MathFn1::Log, height.sqrt() / abs((height, 2.0)).sqrt());
        return (size, (MathFn2::Atan2.eval_f64(2.0, -height) / 2.0).copysign(y));
    }
    let gap = 1.0 - x;
    (
        real(MathFn1::Log1p, 4.0 * x / (gap * gap + height * height)) / 4.0,
        -MathFn2::Atan2.eval_f64(-2.0 * y, gap * (1.0 + x) - height * height) / 2.0,
    )
}

/// log(2 |z|) for large z.
fn log_of_large(z: Complex) -> f64 {
    log_hypot(z.0 / 2.0, z.1 / 2.0) + 2.0 * LN_2
}

fn real(function: MathFn1, x: f64) -> f64 {
    function.eval_f64(x)
}

fn sin_cos(x: f64) -> (f64, f64) {
    (real(MathFn1::Sin, x), real(MathFn1::Cos, x))
}

#[cfg(test)]
#[path = "complex_tests.rs"]
mod tests;
