//! `x^y = exp(y log x)`, the logarithm and the product as pairs.

use super::exp::{exp_of_near_pair, exp_of_pair};
use super::log::{log_pair, log_pair_of_any};
use super::pair::{Pair, two_prod};
use crate::numerics::lanes::{Lanes, Scalar};

/// `x^y` with the special cases of C99 Annex F. At most 0.93 ULP.
#[inline(always)]
pub(super) fn pow<L: Lanes>(l: &L, x: L::F, y: L::F) -> L::F {
    pow_of(l, x, log_pair(l, x, None), y)
}

/// What `pow` computes of its base alone, for processors with AVX2 and FMA: most of the work, and worth keeping where many powers
/// have one base.
///
/// # Safety
/// Code without these features may call it only on a processor that has them; code with them needs no `unsafe`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
pub fn log_of_base(x: f64) -> (f64, f64) {
    log_pair(&Scalar, x, None)
}

/// `x^y`, given [`log_of_base`] of `x`: the bits of `pow`.
///
/// # Safety
/// As for [`log_of_base`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
pub fn power_of_base(x: f64, log: (f64, f64), y: f64) -> f64 {
    pow_of(&Scalar, x, log, y)
}

/// `x^y`, given what [`log_pair`] says of `x`, which counts only where `x` is positive, finite and not subnormal.
#[inline(always)]
fn pow_of<L: Lanes>(l: &L, x: L::F, (log, log_low): Pair<L>, y: L::F) -> L::F {
    let (product, product_low) = two_prod(l, y, log);
    let value = exp_of_near_pair(l, product, l.fma(y, log_low, product_low));
    let is_normal = l.both(l.le(l.f(f64::MIN_POSITIVE), x), l.le(x, l.f(f64::MAX)));
    let is_usual = l.both(is_normal, l.le(l.abs(product), l.f(707.0)));
    l.rare(l.not(is_usual), [value], || [pow_of_any(l, x, y)])[0]
}

/// The same for any numbers.
#[inline(always)]
fn pow_of_any<L: Lanes>(l: &L, x: L::F, y: L::F) -> L::F {
    let (zero, size) = (l.f(0.0), l.abs(x));
    let (log, log_low) = log_pair_of_any(l, size);
    let log = fix_log(l, size, log);
    let (product, product_low) = two_prod(l, y, log);
    // 1 to any power is 1, NaN and infinity included.
    let is_one = l.eq(log, zero);
    let product = l.select(is_one, zero, product);
    let product_low = l.select(is_one, zero, l.fma(y, log_low, product_low));
    fix_power(l, x, y, exp_of_pair(l, product, product_low))
}

/// The logarithm of a number that is not negative, given that of a positive finite one.
#[inline(always)]
pub(super) fn fix_log<L: Lanes>(l: &L, size: L::F, log: L::F) -> L::F {
    // Infinity and NaN are their own logarithms.
    let log = l.select(l.lt(size, l.f(f64::INFINITY)), log, size);
    l.select(l.eq(size, l.f(0.0)), l.f(f64::NEG_INFINITY), log)
}

/// `x^y`, given `|x|^y`.
#[inline(always)]
pub(super) fn fix_power<L: Lanes>(l: &L, x: L::F, y: L::F, value: L::F) -> L::F {
    let zero = l.f(0.0);
    let half = l.mul(y, l.f(0.5));
    let y_is_whole = l.eq(l.round(y), y);
    let y_is_odd = l.both(y_is_whole, l.not(l.eq(l.round(half), half)));
    let value = l.flip_sign(value, l.select(y_is_odd, x, zero));
    // Of a negative finite number there are whole powers only.
    let is_negative = l.both(l.lt(x, zero), l.lt(l.f(f64::NEG_INFINITY), x));
    let value = l.select(l.both(is_negative, l.not(y_is_whole)), l.f(f64::NAN), value);
    l.select(l.eq(y, zero), l.f(1.0), value)
}
