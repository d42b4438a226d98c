//! The functions that have no form for lanes, written in C after `numerics/math/{dd,explog,gamma}.rs`: the same operations in
//! the same order. Products that must not be fused with a sum are `__dmul_rn`.

use std::collections::BTreeSet;

use super::print::array;
use super::{MathUse, name1, name2};
use crate::numerics::math::{GAMMA_ZEROS, MathFn1, MathFn2, POWERS_OF_TWO, RECIPROCALS_AND_LOGS};
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
    /// Stirling's series and the recurrence.
    GammaSeries,
}

impl Part {
    fn needs(self) -> &'static [Part] {
        match self {
            Part::Pairs => &[],
            Part::ExpLog => &[Part::Pairs],
            Part::LogOfSum | Part::GammaSeries => &[Part::ExpLog],
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
            Part::GammaSeries => {
                let zeros: Vec<f64> = GAMMA_ZEROS
                    .iter()
                    .flat_map(|((zero, zero_low), (slope, slope_low), terms)| {
                        [*zero, *zero_low, *slope, *slope_low].into_iter().chain(terms.iter().copied())
                    })
                    .collect();
                array("kj_gamma_zeros", &zeros) + GAMMA_SERIES
            }
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

/// The function of lanes that a function by hand calls.
pub(super) fn callee(of: MathUse) -> Option<MathUse> {
    match of {
        MathUse::One(MathFn1::Lgamma, _) => Some(MathUse::One(MathFn1::Sin, DType::F64)),
        MathUse::One(..) | MathUse::Two(..) => None,
    }
}

/// A function; what it needs is noted.
pub(super) fn function(of: MathUse, parts: &mut BTreeSet<Part>) -> String {
    let (name, params, narrow_params, ty, part, body) = match of {
        MathUse::One(function, ty) => {
            let (part, body) = match function {
                MathFn1::Gamma => (Some(Part::GammaSeries), GAMMA),
                MathFn1::Lgamma => (Some(Part::GammaSeries), LGAMMA),
                // All others have a form for lanes.
                _ => (None, "    return x;\n"),
            };
            (name1(function, ty), "f64 x", "f32 x", ty, part, body)
        }
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

static __device__ __forceinline__ kj_pair kj_pair_neg(kj_pair a) { return {-a.hi, -a.lo}; }

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

static __device__ kj_pair kj_pair_div(kj_pair a, kj_pair b)
{
    const f64 quotient = __ddiv_rn(a.hi, b.hi);
    const kj_pair product = kj_two_prod(quotient, b.hi);
    const f64 rest = ((a.hi - product.hi) - product.lo) + (a.lo - __dmul_rn(quotient, b.lo));
    return kj_fast_two_sum(quotient, __ddiv_rn(rest, b.hi));
}

";

const EXP_LOG: &str = "static __device__ __forceinline__ kj_pair kj_ln2() { return {0.6931471805599453, 2.3190468138462996e-17}; }

static __device__ __forceinline__ f64 kj_pow2(i64 exponent) { return __longlong_as_double((i64)((u64)(exponent + 1023) << 52)); }

// value * 2^exponent, rounded once also where the result is subnormal.
static __device__ f64 kj_scale(kj_pair value, i64 exponent)
{
    if (exponent > 900) return __dmul_rn(__dmul_rn(value.hi + value.lo, kj_pow2(900)), kj_pow2(exponent - 900));
    if (exponent < -1120) return 0.0;
    if (exponent >= -1022) {
        const f64 result = __dmul_rn(value.hi + value.lo, kj_pow2(exponent));
        if (fabs(result) >= 2.2250738585072014e-308) return result;
    }
    const f64 shift = copysign(kj_pow2(-1022 - exponent), value.hi);
    const kj_pair sum = kj_two_sum(shift, value.hi);
    const f64 kept = (sum.hi + (sum.lo + value.lo)) - shift;
    return __dmul_rn(__dmul_rn(kept, kj_pow2(-900)), kj_pow2(exponent + 900));
}

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

const GAMMA_SERIES: &str = "// log gamma(x) for x from 14 to 1e100.
static __device__ kj_pair kj_stirling(kj_pair x)
{
    const f64 terms[8] = {1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0,
                          1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0, -3617.0 / 122400.0};
    const f64 inverse = __ddiv_rn(1.0, x.hi);
    const f64 square = __dmul_rn(inverse, inverse);
    f64 sum = 0.0;
    for (i32 k = 7; k >= 0; k--) sum = __dmul_rn(sum, square) + terms[k];
    const f64 series = __dmul_rn(inverse, sum);
    const kj_pair main = kj_pair_add(kj_pair_mul(kj_pair_add1(x, -0.5), kj_log_pair(x)), kj_pair_neg(x));
    return kj_pair_add1(kj_pair_add(main, {0.9189385332046728, -3.8782941580672414e-17}), series);
}

// x + n, at least 14, and x (x + 1) ... (x + n - 1) as a number near 1 and an exponent of two.
static __device__ kj_pair kj_shift_up(f64 x, kj_pair* product, i64* exponent)
{
    const f64 steps = ceil(14.0 - x);
    kj_pair so_far = {x, 0.0};
    i64 power = 0;
    for (f64 step = 1.0; step < steps; step += 1.0) {
        so_far = kj_pair_mul(so_far, kj_two_sum(x, step));
        const i64 own = (i64)(((u64)__double_as_longlong(so_far.hi) >> 52) & 0x7ff) - 1023;
        so_far = kj_pair_scale(so_far, kj_pow2(-own));
        power += own;
    }
    *product = so_far;
    *exponent = power;
    return kj_two_sum(x, steps);
}

// log gamma(2 + t) for |t| <= 1/2.
static __device__ kj_pair kj_gamma_near_two(f64 t)
{
    const f64 terms[25] = {
        -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
        -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05,
        -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06, 4.374866789907488e-06,
        -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554665e-07,
        -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
        -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09, 5.731367241678862e-10,
        -2.7595228851242334e-10};
    f64 tail = 0.0;
    for (i32 k = 24; k >= 0; k--) tail = __dmul_rn(tail, t) + terms[k];
    kj_pair sum = kj_pair_add1({0.3224670334241132, 1.520336175199238e-17}, __dmul_rn(t, tail));
    sum = kj_pair_add(kj_pair_mul1(sum, t), {0.42278433509846713, 4.942915152430645e-18});
    return kj_pair_mul1(sum, t);
}

// log |gamma(x)| through the recurrence.
static __device__ f64 kj_gamma_shifted(f64 x)
{
    kj_pair product;
    i64 exponent;
    const kj_pair shifted = kj_shift_up(x, &product, &exponent);
    const kj_pair size = product.hi < 0.0 ? kj_pair_neg(product) : product;
    const kj_pair log_product = kj_pair_add(kj_log_pair(size), kj_pair_mul1(kj_ln2(), (f64)exponent));
    const kj_pair sum = kj_pair_add(kj_stirling(shifted), kj_pair_neg(log_product));
    return sum.hi + sum.lo;
}

";

const GAMMA: &str = "    const f64 infinity = __longlong_as_double(0x7ff0000000000000LL);
    if (x != x || x == infinity) return x;
    if (x == 0.0) return copysign(infinity, x);
    if (x == -infinity || (x < 0.0 && trunc(x) == x)) return __longlong_as_double(0x7ff8000000000000LL);
    if (x > 172.0) return infinity;
    if (fabs(x) < 1e-17) return __ddiv_rn(1.0, x);
    if (x < -184.5) return fmod(floor(x), 2.0) == 0.0 ? 0.0 : -0.0;
    i64 power;
    if (x >= 14.0) {
        const kj_pair log = kj_stirling({x, 0.0});
        if (log.hi > 710.0) return infinity;
        if (log.hi < -746.0) return 0.0;
        const kj_pair value = kj_exp_parts(log, &power);
        return kj_scale(value, power);
    }
    kj_pair product;
    i64 exponent;
    const kj_pair shifted = kj_shift_up(x, &product, &exponent);
    const kj_pair value = kj_exp_parts(kj_stirling(shifted), &power);
    const kj_pair quotient = kj_pair_div(value, product);
    const f64 sign = quotient.hi < 0.0 ? -1.0 : 1.0;
    return __dmul_rn(sign, kj_scale(kj_pair_scale(quotient, sign), power - exponent));
";

const LGAMMA: &str = "    const f64 infinity = __longlong_as_double(0x7ff0000000000000LL);
    if (x != x) return x;
    if (isinf(x) || (x <= 0.0 && trunc(x) == x)) return infinity;
    kj_pair sum;
    if (x >= 1e100) {
        sum = kj_pair_mul1(kj_pair_add1(kj_log_pair({x, 0.0}), -1.0), __dmul_rn(x, kj_pow2(-200)));
        return __dmul_rn(sum.hi + sum.lo, kj_pow2(200));
    }
    if (x >= 14.0) {
        sum = kj_stirling({x, 0.0});
    } else if (x >= 2.5) {
        return kj_gamma_shifted(x);
    } else if (x >= 1.5) {
        sum = kj_gamma_near_two(x - 2.0);
    } else if (x >= 0.5) {
        sum = kj_pair_add(kj_gamma_near_two(x - 1.0), kj_pair_neg(kj_log_pair({x, 0.0})));
    } else if (fabs(x) < 1e-17) {
        sum = kj_pair_neg(kj_log_pair({fabs(x), 0.0}));
    } else if (x > 0.0) {
        sum = kj_pair_add(kj_gamma_near_two(x), kj_pair_neg(kj_log_pair(kj_pair_mul1(kj_two_sum(1.0, x), x))));
    } else if (x >= -20.0) {
        for (i32 k = 0; k < 34; k++) {
            const f64* row = kj_gamma_zeros + 19 * k;
            if (__dmul_rn(fabs(x - row[0]), fabs(row[2])) < 0.04) {
                const kj_pair distance = kj_fast_two_sum(x - row[0], -row[1]);
                f64 tail = 0.0;
                for (i32 power = 18; power >= 4; power--) tail = __dmul_rn(tail, distance.hi) + row[power];
                tail = __dmul_rn(__dmul_rn(distance.hi, distance.hi), tail);
                sum = kj_pair_add1(kj_pair_mul(distance, {row[2], row[3]}), tail);
                return sum.hi + sum.lo;
            }
        }
        return kj_gamma_shifted(x);
    } else {
        const f64 size = -x;
        const f64 sine = fabs(kj_sin(__dmul_rn(3.141592653589793, size - rint(size))));
        const kj_pair reflected =
            kj_pair_add(kj_log_pair({__ddiv_rn(3.141592653589793, sine), 0.0}), kj_pair_neg(kj_log_pair({size, 0.0})));
        sum = kj_pair_add(reflected, kj_pair_neg(kj_stirling({size, 0.0})));
    }
    return sum.hi + sum.lo;
";
