//! The inverse trigonometric functions: reduction to `|q| <= 1/2`, an odd polynomial, and constants as pairs.

use super::pair::{Pair, fast_two_sum, poly, quotient};
use crate::numerics::lanes::Lanes;

/// `(atan q / q - 1) / q^2` in `q^2` up to 1/4.
const ATAN: [f64; 13] = [
    -0.33333333333333315,
    0.1999999999999384,
    -0.1428571428500854,
    0.11111111070626979,
    -0.09090907723350265,
    0.07692277979441343,
    -0.0666622917039999,
    0.05877850330595616,
    -0.0523024224515677,
    0.045902773483032136,
    -0.037138194487069384,
    0.023681720254762596,
    -0.00838194462285984,
];
/// `(asin q / q - 1) / q^2` in `q^2` up to 1/4.
const ASIN: [f64; 13] = [
    0.16666666666666763,
    0.07499999999970146,
    0.04464285717523492,
    0.03038194267785967,
    0.022372215831096897,
    0.01735159687302838,
    0.01398100176945945,
    0.011397432552062776,
    0.010788527088981006,
    0.0036752272868971372,
    0.02178314822348171,
    -0.021105980035245216,
    0.0326953726872349,
];
const PI: (f64, f64) = (std::f64::consts::PI, 1.224_646_799_147_353_2e-16);
const HALF_PI: (f64, f64) = (std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17);
/// 2^900 and 2^-200.
const POW_900: f64 = f64::from_bits((1023 + 900) << 52);
const POW_MINUS_200: f64 = f64::from_bits((1023 - 200) << 52);
const QUARTER_PI: (f64, f64) = (std::f64::consts::FRAC_PI_4, 3.061_616_997_868_383e-17);

/// `base + atan(q)` for a pair `|q| <= 1/2`; the base is 0 or at least as large as the angle.
#[inline(always)]
fn atan_from<L: Lanes>(l: &L, base: Pair<L>, q: Pair<L>) -> L::F {
    let z = l.mul(q.0, q.0);
    let tail = l.fma(l.mul(q.0, z), poly(l, z, ATAN), q.1);
    let (sum, error) = fast_two_sum(l, base.0, q.0);
    l.add(sum, l.add(error, l.add(base.1, tail)))
}

/// Inverse tangent. At most 0.78 ULP.
#[inline(always)]
pub(super) fn atan<L: Lanes>(l: &L, x: L::F) -> L::F {
    let (zero, one) = (l.f(0.0), l.f(1.0));
    let size = l.min(l.f(1e100), l.abs(x));
    // atan t = pi/4 + atan((t - 1) / (t + 1)) = pi/2 - atan(1 / t).
    let (is_above, is_large) = (l.lt(l.f(0.5), size), l.lt(l.f(2.0), size));
    let (sum, sum_low) = fast_two_sum(l, one, size);
    let above = l.select(is_above, l.select(is_large, l.f(-1.0), l.sub(size, one)), size);
    let below = l.select(is_above, l.select(is_large, size, sum), one);
    let below_low = l.select(is_above, l.select(is_large, zero, sum_low), zero);
    let q = quotient(l, (above, zero), (below, below_low));
    let base =
        |large: f64, middle: f64| l.select(is_above, l.select(is_large, l.f(large), l.f(middle)), zero);
    l.with_sign(atan_from(l, (base(HALF_PI.0, QUARTER_PI.0), base(HALF_PI.1, QUARTER_PI.1)), q), x)
}

/// The angle of the point (x, y). At most 0.89 ULP.
#[inline(always)]
pub(super) fn atan2<L: Lanes>(l: &L, y: L::F, x: L::F) -> L::F {
    let (zero, one, infinity) = (l.f(0.0), l.f(1.0), l.f(f64::INFINITY));
    let (width, height) = (l.abs(x), l.abs(y));
    let (small, large) = (l.min(width, height), l.max(width, height));
    // The origin is like (1, 0); an infinite side is 1, and the other one nothing beside it, unless infinite, too.
    let is_infinite = l.eq(large, infinity);
    let small = l.select(is_infinite, l.select(l.eq(small, infinity), one, zero), small);
    let large = l.select(l.any_of(is_infinite, l.eq(large, zero)), one, large);
    // Both times a power of two, so that the larger is near 1; or 2^200 more for the smaller if it would underflow.
    let is_tiny = l.lt(l.mul(small, l.f(POW_900)), large);
    let (large, k) = l.split(large);
    let small = l.scale(small, l.sub(l.select(is_tiny, l.f(200.0), zero), k));
    let is_middle = l.lt(l.mul(large, l.f(0.5)), small);
    let (sum, sum_low) = fast_two_sum(l, large, small);
    let above = l.select(is_middle, l.sub(small, large), small);
    let below = (l.select(is_middle, sum, large), l.select(is_middle, sum_low, zero));
    let (q, q_low) = quotient(l, (above, zero), below);
    // The angle in eighths of a turn, plus or minus the inverse tangent.
    let is_left = l.test_bit(l.bits(x), 63);
    let is_steep = l.lt(width, height);
    let middle = l.select(is_left, l.f(3.0), one);
    let outer = l.select(is_steep, l.f(2.0), l.select(is_left, l.f(4.0), zero));
    let eighths = l.select(is_middle, middle, outer);
    let turn = l.mul(eighths, l.f(QUARTER_PI.0));
    let turn_low = l.fma(eighths, l.f(QUARTER_PI.1), l.fms(eighths, l.f(QUARTER_PI.0), turn));
    let is_backwards = l.both(l.any_of(is_left, is_steep), l.not(l.both(is_left, is_steep)));
    let sign = l.select(is_backwards, l.f(-0.0), zero);
    let angle = atan_from(l, (turn, turn_low), (l.flip_sign(q, sign), l.flip_sign(q_low, sign)));
    let is_scaled = l.both(is_tiny, l.eq(eighths, zero));
    let angle = l.mul(angle, l.select(is_scaled, l.f(POW_MINUS_200), one));
    let is_number = l.both(l.eq(x, x), l.eq(y, y));
    l.select(is_number, l.with_sign(l.abs(angle), y), l.f(f64::NAN))
}

/// What `asin` and `acos` are made of, for `|x| <= 1`; NaN beyond.
struct Arc<L: Lanes> {
    is_large: L::M,
    /// `|x|` up to 1/2, else `sqrt((1 - |x|) / 2)`.
    q: L::F,
    /// `asin(q) - q`, and the rounding error of `q`.
    tail: L::F,
}

#[inline(always)]
fn arc<L: Lanes>(l: &L, x: L::F) -> Arc<L> {
    let size = l.abs(x);
    let is_large = l.lt(l.f(0.5), size);
    let below_root = l.fnma(size, l.f(0.5), l.f(0.5));
    let root = l.sqrt(below_root);
    let root_low = l.mul(l.fnma(root, root, below_root), l.div(l.f(0.5), l.max(l.f(1e-200), root)));
    let z = l.select(is_large, below_root, l.mul(x, x));
    let q = l.select(is_large, root, size);
    let tail = l.fma(l.mul(q, z), poly(l, z, ASIN), l.select(is_large, root_low, l.f(0.0)));
    Arc { is_large, q, tail }
}

/// Inverse sine; NaN outside [-1, 1]. At most 0.65 ULP.
#[inline(always)]
pub(super) fn asin<L: Lanes>(l: &L, x: L::F) -> L::F {
    let Arc { is_large, q, tail } = arc(l, x);
    // asin x = pi/2 - 2 asin(sqrt((1 - x) / 2)).
    let zero = l.f(0.0);
    let factor = l.select(is_large, l.f(-2.0), l.f(1.0));
    let (base, base_low) =
        (l.select(is_large, l.f(HALF_PI.0), zero), l.select(is_large, l.f(HALF_PI.1), zero));
    let (sum, error) = fast_two_sum(l, base, l.mul(q, factor));
    let value = l.add(sum, l.add(error, l.fma(tail, factor, base_low)));
    l.with_sign(l.abs(value), x)
}

/// Inverse cosine; NaN outside [-1, 1]. At most 0.64 ULP.
#[inline(always)]
pub(super) fn acos<L: Lanes>(l: &L, x: L::F) -> L::F {
    let Arc { is_large, q, tail } = arc(l, x);
    let zero = l.f(0.0);
    let is_negative = l.lt(x, zero);
    // pi/2 - asin x, or 2 asin(root), or pi - 2 asin(root).
    let positive_or = |large: f64| l.select(is_negative, l.f(large), zero);
    let base = l.select(is_large, positive_or(PI.0), l.f(HALF_PI.0));
    let base_low = l.select(is_large, positive_or(PI.1), l.f(HALF_PI.1));
    let outer = l.select(is_negative, l.f(-2.0), l.f(2.0));
    let inner = l.select(is_negative, l.f(1.0), l.f(-1.0));
    let factor = l.select(is_large, outer, inner);
    let (sum, error) = fast_two_sum(l, base, l.mul(q, factor));
    l.add(sum, l.add(error, l.fma(tail, factor, base_low)))
}
