//! The functions of complex numbers, in C after `numerics/complex.rs`: the same operations in the same order. They call the real
//! functions of this module.

use std::collections::BTreeSet;

use super::by_hand::Part;
use super::{MathUse, name1, name2};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

/// A function of complex numbers, computed on `c128`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ComplexUse {
    /// Of one; those of [`crate::numerics::complex::eval_one`].
    One(MathFn1),
    /// `a ** b`.
    Pow,
}

/// What the function is called in the text.
#[must_use]
pub fn complex_name(of: ComplexUse) -> String {
    match of {
        ComplexUse::One(function) => format!("kj_complex_{}", function.name()),
        ComplexUse::Pow => "kj_complex_pow".to_owned(),
    }
}

/// The definitions of these functions, callees first; the type `c128` comes before them.
pub(super) fn text(uses: &BTreeSet<ComplexUse>) -> String {
    let mut wanted: BTreeSet<String> = uses.iter().map(|&one| complex_name(one)).collect();
    let mut kept = Vec::new();
    // From the last to the first, because functions call those before them.
    for &(name, definition) in FUNCTIONS.iter().rev() {
        if wanted.contains(name) {
            for (other, _) in FUNCTIONS {
                if *other != name && definition.contains(&format!("{other}(")) {
                    wanted.insert((*other).to_owned());
                }
            }
            kept.push(definition);
        }
    }
    kept.into_iter().rev().collect()
}

/// The real functions that a text calls.
pub(super) fn needed(text: &str) -> (BTreeSet<MathUse>, BTreeSet<Part>) {
    let calls = |name: String| text.contains(&format!("{name}("));
    let one = MathFn1::ALL.iter().map(|&f| MathUse::One(f, DType::F64));
    let two = MathFn2::ALL.iter().map(|&f| MathUse::Two(f, DType::F64));
    let uses = one
        .chain(two)
        .filter(|&one| {
            calls(match one {
                MathUse::One(function, ty) => name1(function, ty),
                MathUse::Two(function, ty) => name2(function, ty),
            })
        })
        .collect();
    let parts = text.contains("kj_log_pair(").then_some(Part::ExpLog).into_iter().collect();
    (uses, parts)
}

/// By name, callees first.
const FUNCTIONS: &[(&str, &str)] = &[
    ("kj_complex_mul", "static __device__ __forceinline__ c128 kj_complex_mul(c128 a, c128 b)
{
    return {__dmul_rn(a.re, b.re) - __dmul_rn(a.im, b.im), __dmul_rn(a.re, b.im) + __dmul_rn(a.im, b.re)};
}

"),
    ("kj_complex_reciprocal", "// 1 / b, by Smith's algorithm.
static __device__ c128 kj_complex_reciprocal(c128 b)
{
    if (fabs(b.re) >= fabs(b.im)) {
        if (b.re == 0.0) return {1.0 / fabs(b.re), 0.0 / fabs(b.re)};
        const f64 ratio = b.im / b.re;
        const f64 denominator = b.re + __dmul_rn(b.im, ratio);
        return {(1.0 + __dmul_rn(0.0, ratio)) / denominator, (0.0 - ratio) / denominator};
    }
    const f64 ratio = b.re / b.im;
    const f64 denominator = __dmul_rn(b.re, ratio) + b.im;
    return {(ratio + 0.0) / denominator, (__dmul_rn(0.0, ratio) - 1.0) / denominator};
}

"),
    ("kj_log_hypot", "// The logarithm of the absolute value.
static __device__ f64 kj_log_hypot(f64 x, f64 y)
{
    const f64 infinity = __longlong_as_double(0x7ff0000000000000LL);
    if (fabs(x) == infinity || fabs(y) == infinity) return infinity;
    if (x != x || y != y) return x + y;
    const bool is_wide = fabs(x) >= fabs(y);
    f64 large = is_wide ? fabs(x) : fabs(y), small = is_wide ? fabs(y) : fabs(x);
    if (large == 0.0) return -infinity;
    // The squares of everything between stay in range.
    const i64 shift = large >= 1e120 ? 600 : large < 1e-120 ? -600 : 0;
    large = __dmul_rn(large, kj_pow2(-shift));
    small = __dmul_rn(small, kj_pow2(-shift));
    const kj_pair squares = kj_pair_add(kj_two_prod(large, large), kj_two_prod(small, small));
    kj_pair half = kj_pair_scale(kj_log_pair(squares), 0.5);
    if (shift != 0) half = kj_pair_add(half, kj_pair_mul1(kj_ln2(), (f64)shift));
    return half.hi + half.lo;
}

"),
    ("kj_log_of_large", "// log(2 |z|) for large z.
static __device__ f64 kj_log_of_large(c128 z)
{
    return kj_log_hypot(z.re / 2.0, z.im / 2.0) + 2.0 * 0.6931471805599453;
}

"),
    ("kj_is_large", "static __device__ __forceinline__ bool kj_is_large(c128 z)
{
    return fabs(z.re) > 4.4942328371557893e307 || fabs(z.im) > 4.4942328371557893e307;
}

"),
    ("kj_complex_sqrt", "static __device__ c128 kj_complex_sqrt(c128 z)
{
    const f64 infinity = __longlong_as_double(0x7ff0000000000000LL);
    const f64 x = z.re, y = z.im;
    if (x == 0.0 && y == 0.0) return {0.0, y};
    if (fabs(y) == infinity) return {infinity, y};
    if (fabs(x) == infinity) {
        const f64 small = y != y ? y : 0.0;
        if (x > 0.0) return {x, copysign(small, y)};
        return {small, y != y ? infinity : copysign(infinity, y)};
    }
    f64 width = fabs(x), height = fabs(y), root;
    if (width < 2.2250738585072014e-308 && height < 2.2250738585072014e-308) {
        // Subnormal: scaled by 2^53, and halved, so by 2^-27 after the root.
        const f64 wide = width * 9007199254740992.0, high = height * 9007199254740992.0;
        root = sqrt(wide + kj_hypot(wide, high)) / 134217728.0;
    } else {
        root = 2.0 * sqrt(width / 8.0 + kj_hypot(width / 8.0, height / 8.0));
    }
    const f64 other = height / (2.0 * root);
    if (x >= 0.0) return {root, copysign(other, y)};
    return {other, copysign(root, y)};
}

"),
    ("kj_complex_exp", "static __device__ c128 kj_complex_exp(c128 z)
{
    const f64 infinity = __longlong_as_double(0x7ff0000000000000LL);
    const f64 x = z.re, y = z.im;
    const bool is_finite = fabs(y) < infinity;
    if (y == 0.0) return {kj_exp(x), y};
    if (x == -infinity && !is_finite) return {0.0, 0.0};
    if (x == infinity && !is_finite) return {x, __longlong_as_double(0x7ff8000000000000LL)};
    const f64 sine = kj_sin(y), cosine = kj_cos(y);
    if (x > 709.0 && x < 1500.0) {
        // e^x may overflow where the product does not.
        const f64 part = kj_exp(x - 709.0), rest = kj_exp(709.0);
        return {rest * cosine * part, rest * sine * part};
    }
    const f64 size = kj_exp(x);
    return {size * cosine, size * sine};
}

"),
    ("kj_complex_log", "static __device__ c128 kj_complex_log(c128 z) { return {kj_log_hypot(z.re, z.im), kj_atan2(z.im, z.re)}; }

"),
    ("kj_complex_log2", "static __device__ c128 kj_complex_log2(c128 z)
{
    const c128 w = kj_complex_log(z);
    return {w.re * 1.4426950408889634, w.im * 1.4426950408889634};
}

"),
    ("kj_complex_log10", "static __device__ c128 kj_complex_log10(c128 z)
{
    const c128 w = kj_complex_log(z);
    return {w.re / 2.302585092994046, w.im / 2.302585092994046};
}

"),
    ("kj_complex_pow", "static __device__ c128 kj_complex_pow(c128 a, c128 b)
{
    if (b.re == 0.0 && b.im == 0.0) return {1.0, 0.0};
    if (a.re == 0.0 && a.im == 0.0) {
        const f64 value = b.re > 0.0 && b.im == 0.0 ? 0.0 : __longlong_as_double(0x7ff8000000000000LL);
        return {value, value};
    }
    if (b.im == 0.0 && trunc(b.re) == b.re && fabs(b.re) <= 100.0) {
        c128 result = {1.0, 0.0}, power = a;
        for (u32 rest = (u32)fabs(b.re);;) {
            if (rest & 1) result = kj_complex_mul(result, power);
            rest >>= 1;
            if (rest == 0) break;
            power = kj_complex_mul(power, power);
        }
        return b.re > 0.0 ? result : kj_complex_reciprocal(result);
    }
    const f64 angle = kj_atan2(a.im, a.re);
    f64 radius = kj_pow(kj_hypot(a.re, a.im), b.re), turn = __dmul_rn(angle, b.re);
    if (b.im != 0.0) {
        radius *= kj_exp(-__dmul_rn(angle, b.im));
        turn += __dmul_rn(b.im, kj_log_hypot(a.re, a.im));
    }
    // An angle of zero keeps the zero, so that an infinite radius does not give NaN.
    return {radius * kj_cos(turn), turn == 0.0 ? turn : radius * kj_sin(turn)};
}

"),
    ("kj_complex_sinh", "static __device__ c128 kj_complex_sinh(c128 z)
{
    const f64 x = z.re, y = z.im;
    if (y == 0.0) return {kj_sinh(x), y};
    const f64 sine = kj_sin(y), cosine = kj_cos(y);
    if (fabs(x) > 709.0) {
        const c128 w = kj_complex_exp({fabs(x) - 0.6931471805599453, y});
        return {copysign(fabs(w.re), cosine) * copysign(1.0, x), w.im};
    }
    return {kj_sinh(x) * cosine, kj_cosh(x) * sine};
}

"),
    ("kj_complex_cosh", "static __device__ c128 kj_complex_cosh(c128 z)
{
    const f64 x = z.re, y = z.im;
    if (y == 0.0) return {kj_cosh(x), copysign(1.0, x) < 0.0 ? -y : y};
    const f64 sine = kj_sin(y), cosine = kj_cos(y);
    if (fabs(x) > 709.0) {
        const c128 w = kj_complex_exp({fabs(x) - 0.6931471805599453, y});
        return {w.re, w.im * copysign(1.0, x)};
    }
    return {kj_cosh(x) * cosine, kj_sinh(x) * sine};
}

"),
    ("kj_complex_tanh", "static __device__ c128 kj_complex_tanh(c128 z)
{
    const f64 x = z.re, y = z.im;
    if (y == 0.0) return {kj_tanh(x), y};
    const f64 sine = kj_sin(y), cosine = kj_cos(y);
    if (fabs(x) > 350.0) {
        const f64 small = 4.0 * sine * cosine * kj_exp(-2.0 * fabs(x));
        return {copysign(1.0, x), fabs(y) == __longlong_as_double(0x7ff0000000000000LL) ? 0.0 : small};
    }
    const f64 tx = kj_tanh(x), ty = kj_tan(y), cx = 1.0 / kj_cosh(x);
    const f64 product = tx * ty;
    const f64 denominator = 1.0 + __dmul_rn(product, product);
    return {tx * (1.0 + __dmul_rn(ty, ty)) / denominator, ty / denominator * cx * cx};
}

"),
    ("kj_complex_sin", "static __device__ c128 kj_complex_sin(c128 z)
{
    const c128 w = kj_complex_sinh({-z.im, z.re});
    return {w.im, -w.re};
}

"),
    ("kj_complex_cos", "static __device__ c128 kj_complex_cos(c128 z) { return kj_complex_cosh({-z.im, z.re}); }

"),
    ("kj_complex_tan", "static __device__ c128 kj_complex_tan(c128 z)
{
    const c128 w = kj_complex_tanh({-z.im, z.re});
    return {w.im, -w.re};
}

"),
    ("kj_complex_asinh", "static __device__ c128 kj_complex_asinh(c128 z)
{
    const f64 x = z.re, y = z.im;
    if (kj_is_large(z)) return {copysign(kj_log_of_large(z), x), kj_atan2(y, fabs(x))};
    const c128 a = kj_complex_sqrt({1.0 + y, -x}), b = kj_complex_sqrt({1.0 - y, x});
    return {kj_asinh(__dmul_rn(a.re, b.im) - __dmul_rn(b.re, a.im)),
            kj_atan2(y, __dmul_rn(a.re, b.re) - __dmul_rn(a.im, b.im))};
}

"),
    ("kj_complex_acosh", "static __device__ c128 kj_complex_acosh(c128 z)
{
    const f64 x = z.re, y = z.im;
    if (kj_is_large(z)) return {kj_log_of_large(z), kj_atan2(y, x)};
    const c128 a = kj_complex_sqrt({x - 1.0, y}), b = kj_complex_sqrt({x + 1.0, y});
    return {kj_asinh(__dmul_rn(a.re, b.re) + __dmul_rn(a.im, b.im)), 2.0 * kj_atan2(a.im, b.re)};
}

"),
    ("kj_complex_half_atanh", "// Where the real part has no sign.
static __device__ c128 kj_complex_half_atanh(c128 z)
{
    const f64 x = z.re, y = z.im, height = fabs(y);
    if (x > 6.7e153 || height > 6.7e153) {
        const f64 half = kj_hypot(x / 2.0, y / 2.0);
        const bool is_infinite = half == __longlong_as_double(0x7ff0000000000000LL);
        return {is_infinite ? 0.0 : x / 4.0 / half / half, copysign(1.5707963267948966, y)};
    }
    if (x == 1.0 && height < 1.5e-154) {
        if (height == 0.0) return {__longlong_as_double(0x7ff0000000000000LL), y};
        const f64 size = -kj_log(sqrt(height) / sqrt(kj_hypot(height, 2.0)));
        return {size, copysign(kj_atan2(2.0, -height) / 2.0, y)};
    }
    const f64 gap = 1.0 - x;
    return {kj_log1p(4.0 * x / (__dmul_rn(gap, gap) + __dmul_rn(height, height))) / 4.0,
            -kj_atan2(-2.0 * y, __dmul_rn(gap, 1.0 + x) - __dmul_rn(height, height)) / 2.0};
}

"),
    ("kj_complex_atanh", "static __device__ c128 kj_complex_atanh(c128 z)
{
    if (copysign(1.0, z.re) < 0.0 && z.re == z.re) {
        const c128 w = kj_complex_half_atanh({-z.re, -z.im});
        return {-w.re, -w.im};
    }
    return kj_complex_half_atanh(z);
}

"),
    ("kj_complex_asin", "static __device__ c128 kj_complex_asin(c128 z)
{
    const c128 w = kj_complex_asinh({-z.im, z.re});
    return {w.im, -w.re};
}

"),
    ("kj_complex_acos", "static __device__ c128 kj_complex_acos(c128 z)
{
    const f64 x = z.re, y = z.im;
    if (kj_is_large(z)) return {kj_atan2(fabs(y), x), -copysign(kj_log_of_large(z), y)};
    const c128 a = kj_complex_sqrt({1.0 - x, -y}), b = kj_complex_sqrt({1.0 + x, y});
    return {2.0 * kj_atan2(a.re, b.re), kj_asinh(__dmul_rn(b.re, a.im) - __dmul_rn(b.im, a.re))};
}

"),
    ("kj_complex_atan", "static __device__ c128 kj_complex_atan(c128 z)
{
    const c128 w = kj_complex_atanh({-z.im, z.re});
    return {w.im, -w.re};
}

"),
];
