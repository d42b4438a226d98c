//! The functions that have no form for lanes, written in C after `numerics/math/{dd,explog}.rs`: the same operations in
//! the same order. Products that must not be fused with a sum are `__dmul_rn`.

use std::collections::BTreeSet;

use super::print::array;
use super::{MathUse, name1, name2};
use crate::numerics::math::{MathFn2, POWERS_OF_TWO, RECIPROCALS_AND_LOGS};
use crate::types::DType;

/// What several functions share, in the order in which it must stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Part {
    /// Numbers as sums of two.
    Pairs,
    /// Exponential and logarithm of such numbers.
    ExpLog,
    /// `logaddexp` to any base.
    LogOfSum,
}

impl Part {
    fn needs(self) -> &'static [Part] {
        match self {
            Part::Pairs => &[],
            Part::ExpLog => &[Part::Pairs],
            Part::LogOfSum => &[Part::ExpLog],
        }
    }

    fn text(self) -> String {
        match self {
            Part::Pairs => PAIRS.to_owned(),
            Part::ExpLog => {
                let powers: Vec<f64> = POWERS_OF_TWO.iter().flat_map(|&(hi, lo)| [hi, lo]).collect();
                let logs: Vec<f64> =
                    RECIPROCALS_AND_LOGS.iter().flat_map(|&(c, hi, lo)| [c, hi, lo]).collect();
                array("kj_powers", &powers) + &array("kj_logs", &logs) + EXP_LOG
            }
            Part::LogOfSum => LOG_OF_SUM.to_owned(),
        }
    }
}

/// What these parts and those that they need look like.
pub(super) fn parts(wanted: &BTreeSet<Part>) -> String {
    let mut all = BTreeSet::new();
    let mut open: Vec<Part> = wanted.iter().copied().collect();
    while let Some(part) = open.pop() {
        if all.insert(part) {
            open.extend(part.needs());
        }
    }
    all.iter().map(|part| part.text()).collect()
}

/// A function; what it needs is noted.
pub(super) fn function(of: MathUse, parts: &mut BTreeSet<Part>) -> String {
    let (name, params, narrow_params, ty, part, body) = match of {
        // All of one argument have a form for lanes.
        MathUse::One(function, ty) => (name1(function, ty), "f64 x", "f32 x", ty, None, "    return x;\n"),
        MathUse::Two(function, ty) => {
            let (part, body) = match (function, ty) {
                (MathFn2::Fmod, _) => (None, "    return fmod(x, y);\n"),
                (MathFn2::Nextafter, DType::F32) => {
                    let name = name2(function, ty);
                    return format!(
                        "static __device__ __forceinline__ f32 {name}(f32 x, f32 y) {{ return nextafterf(x, y); }}\n\n"
                    );
                }
                (MathFn2::Nextafter, _) => (None, "    return nextafter(x, y);\n"),
                (MathFn2::Ldexp, _) => (None, LDEXP),
                (MathFn2::Remainder, _) => (None, "    return remainder(x, y);\n"),
                (MathFn2::Logaddexp, _) => {
                    (Some(Part::LogOfSum), "    return kj_log_of_sum(x, y, {1.0, 0.0});\n")
                }
                (MathFn2::Logaddexp2, _) => {
                    (Some(Part::LogOfSum), "    return kj_log_of_sum(x, y, kj_ln2());\n")
                }
                _ => (None, "    return x;\n"),
            };
            (name2(function, ty), "f64 x, f64 y", "f32 x, f32 y", ty, part, body)
        }
    };
    parts.extend(part);
    if ty == DType::F32 {
        let wide = format!("{name}_wide");
        let args = if narrow_params.contains('y') { "(f64)x, (f64)y" } else { "(f64)x" };
        return format!(
            "static __device__ f64 {wide}({params})\n{{\n{body}}}\n\n\
             static __device__ f32 {name}({narrow_params}) {{ return (f32){wide}({args}); }}\n\n"
        );
    }
    format!("static __device__ f64 {name}({params})\n{{\n{body}}}\n\n")
}

const LDEXP: &str = "    // Truncated; what does not fit is the nearest, and NaN is 0.
    const i32 n = y != y ? 0 : y >= 2147483647.0 ? 2147483647 : y <= -2147483648.0 ? (-2147483647 - 1) : (i32)y;
    return ldexp(x, n < -5000 ? -5000 : n > 5000 ? 5000 : n);
";

const PAIRS: &str = "// A number as the sum of a large and a small part.
struct kj_pair { f64 hi, lo; };

static __device__ __forceinline__ kj_pair kj_fast_two_sum(f64 a, f64 b)
{
    const f64 hi = a + b;
    return {hi, b - (hi - a)};
}

static __device__ __forceinline__ kj_pair kj_two_sum(f64 a, f64 b)
{
    const f64 hi = a + b;
    const f64 part = hi - a;
    return {hi, (a - (hi - part)) + (b - part)};
}

static __device__ __forceinline__ kj_pair kj_halves(f64 a)
{
    const f64 scaled = __dmul_rn(134217729.0, a);
    const f64 hi = scaled - (scaled - a);
    return {hi, a - hi};
}

static __device__ __forceinline__ kj_pair kj_two_prod(f64 a, f64 b)
{
    const f64 hi = __dmul_rn(a, b);
    const kj_pair x = kj_halves(a), y = kj_halves(b);
    return {hi, ((__dmul_rn(x.hi, y.hi) - hi) + __dmul_rn(x.hi, y.lo) + __dmul_rn(x.lo, y.hi)) + __dmul_rn(x.lo, y.lo)};
}

static __device__ kj_pair kj_pair_add(kj_pair a, kj_pair b)
{
    const kj_pair high = kj_two_sum(a.hi, b.hi), low = kj_two_sum(a.lo, b.lo);
    const kj_pair sum = kj_fast_two_sum(high.hi, high.lo + low.hi);
    return kj_fast_two_sum(sum.hi, sum.lo + low.lo);
}

static __device__ kj_pair kj_pair_add1(kj_pair a, f64 b)
{
    const kj_pair high = kj_two_sum(a.hi, b);
    return kj_fast_two_sum(high.hi, high.lo + a.lo);
}

static __device__ kj_pair kj_pair_mul(kj_pair a, kj_pair b)
{
    const kj_pair product = kj_two_prod(a.hi, b.hi);
    return kj_fast_two_sum(product.hi, product.lo + (__dmul_rn(a.hi, b.lo) + __dmul_rn(a.lo, b.hi)));
}

static __device__ kj_pair kj_pair_mul1(kj_pair a, f64 b)
{
    const kj_pair product = kj_two_prod(a.hi, b);
    return kj_fast_two_sum(product.hi, product.lo + __dmul_rn(a.lo, b));
}

static __device__ __forceinline__ kj_pair kj_pair_scale(kj_pair a, f64 power)
{
    return {__dmul_rn(a.hi, power), __dmul_rn(a.lo, power)};
}

";

const EXP_LOG: &str = "static __device__ __forceinline__ kj_pair kj_ln2() { return {0.6931471805599453, 2.3190468138462996e-17}; }

static __device__ __forceinline__ f64 kj_pow2(i64 exponent) { return __longlong_as_double((i64)((u64)(exponent + 1023) << 52)); }

// e^x as a pair in 0.99..2 and an exponent of two.
static __device__ kj_pair kj_exp_parts(kj_pair x, i64* exponent)
{
    const f64 shift = 6755399441055744.0;
    const f64 shifted = __dmul_rn(x.hi, 184.6649652337873) + shift;
    const f64 steps = shifted - shift;
    const i64 index = (i64)((u64)__double_as_longlong(shifted) - (u64)__double_as_longlong(shift));
    const f64 first = x.hi - __dmul_rn(steps, 0.005415212347998022);
    kj_pair r = kj_two_sum(first, -__dmul_rn(steps, 1.2655086083012853e-13));
    r = kj_fast_two_sum(r.hi, r.lo + (x.lo - __dmul_rn(steps, 3.1258479278239995e-24)));
    const f64 t = r.hi;
    f64 poly = 1.0 / 120.0 + __dmul_rn(t, 1.0 / 720.0);
    poly = 1.0 / 24.0 + __dmul_rn(t, poly);
    poly = 1.0 / 6.0 + __dmul_rn(t, poly);
    poly = 0.5 + __dmul_rn(t, poly);
    poly = r.lo + __dmul_rn(__dmul_rn(t, t), poly);
    const f64 hi = kj_powers[2 * (index & 127)], lo = kj_powers[2 * (index & 127) + 1];
    *exponent = index >> 7;
    return kj_fast_two_sum(hi, lo + (__dmul_rn(hi, poly) + __dmul_rn(hi, t)));
}

// The logarithm of a positive finite number.
static __device__ kj_pair kj_log_pair(kj_pair x)
{
    const bool is_subnormal = x.hi < 2.2250738585072014e-308;
    const u64 bits = (u64)__double_as_longlong(is_subnormal ? __dmul_rn(x.hi, 18014398509481984.0) : x.hi);
    const u64 offset = bits - 0x3fe6900000000000ULL;
    const i64 raw = (i64)offset >> 52;
    const i64 row = 3 * (i64)((offset >> 45) & 127);
    const f64 c = kj_logs[row];
    const u64 z = bits - ((u64)raw << 52);
    const f64 z_hi = __longlong_as_double((i64)((z + 0x20000000ULL) & ~0x3fffffffULL));
    const f64 z_lo = __longlong_as_double((i64)z) - z_hi;
    const i64 exponent = raw - (is_subnormal ? 54 : 0);
    const f64 k = (f64)exponent;
    const f64 whole = __dmul_rn(k, 0.6931471805598903) + kj_logs[row + 1];
    const f64 rest_of_whole = __dmul_rn(k, 5.497923018708371e-14) + kj_logs[row + 2];
    const f64 upper = __dmul_rn(z_hi, c) - 1.0;
    f64 lower = __dmul_rn(z_lo, c);
    kj_pair r = kj_two_sum(upper, lower);
    if (x.lo != 0.0) {
        const i64 half = exponent / 2;
        const f64 low = __dmul_rn(__dmul_rn(x.lo, kj_pow2(-half)), kj_pow2(half - exponent));
        r = kj_two_sum(r.hi, r.lo + __dmul_rn(low, c));
        lower = lower + __dmul_rn(low, c);
    }
    const f64 t = r.hi;
    const f64 square = __dmul_rn(upper, upper);
    const f64 square_rest = __dmul_rn(lower, upper + t);
    const kj_pair first = kj_two_sum(whole, t);
    const kj_pair second = kj_two_sum(first.hi, __dmul_rn(-0.5, square));
    const f64 tt = __dmul_rn(t, t);
    const f64 low_terms = (1.0 / 3.0 - __dmul_rn(0.25, t)) + __dmul_rn(tt, 0.2 - __dmul_rn(t, 1.0 / 6.0));
    const f64 high_terms = (1.0 / 7.0 - __dmul_rn(0.125, t)) + __dmul_rn(tt, 1.0 / 9.0 - __dmul_rn(0.1, t));
    const f64 tail = low_terms + __dmul_rn(__dmul_rn(tt, tt), high_terms);
    const f64 rest = rest_of_whole + r.lo - __dmul_rn(0.5, square_rest) + __dmul_rn(__dmul_rn(t, square + square_rest), tail);
    return kj_fast_two_sum(second.hi, second.lo + (first.lo + rest));
}

";

const LOG_OF_SUM: &str = "// log(base^x + base^y) / log(base).
static __device__ f64 kj_log_of_sum(f64 x, f64 y, kj_pair log_base)
{
    const f64 large = x >= y ? x : y, small = x >= y ? y : x;
    if ((x == y && isinf(x)) || x != x || y != y) return x + y;
    const kj_pair difference = kj_two_sum(small, -large);
    if (difference.hi <= -1100.0 || difference.hi != difference.hi) return large;
    const kj_pair exponent = kj_pair_mul(difference, log_base);
    if (exponent.hi < -700.0) return large;
    i64 power;
    const kj_pair parts = kj_exp_parts(exponent, &power);
    kj_pair correction = kj_log_pair(kj_pair_add1(kj_pair_scale(parts, kj_pow2(power)), 1.0));
    if (log_base.hi != 1.0) correction = kj_pair_mul(correction, {1.4426950408889634, 2.0355273740931033e-17});
    const kj_pair sum = kj_pair_add1(correction, large);
    return sum.hi + sum.lo;
}

";
