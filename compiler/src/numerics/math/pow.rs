//! `x^y = exp(y log x)`, the logarithm and the product as pairs.

use super::exp::exp_of_pair;
use super::log::log_pair;
use super::pair::two_prod;
use crate::numerics::lanes::Lanes;

/// `x^y` with the special cases of C99 Annex F. At most 0.9 ULP.
#[inline(always)]
pub(super) fn pow<L: Lanes>(l: &L, x: L::F, y: L::F) -> L::F {
    let (zero, one, infinity) = (l.f(0.0), l.f(1.0), l.f(f64::INFINITY));
    let size = l.abs(x);
    let (log, log_low) = log_pair(l, size);
    // Infinity and NaN are their own logarithms.
    let log = l.select(l.lt(size, infinity), log, size);
    let log = l.select(l.eq(size, zero), l.f(f64::NEG_INFINITY), log);
    let (product, product_low) = two_prod(l, y, log);
    // 1 to any power is 1, NaN and infinity included.
    let is_one = l.eq(log, zero);
    let product = l.select(is_one, zero, product);
    let product_low = l.select(is_one, zero, l.fma(y, log_low, product_low));
    let value = exp_of_pair(l, product, product_low);
    let half = l.mul(y, l.f(0.5));
    let y_is_whole = l.eq(l.round(y), y);
    let y_is_odd = l.both(y_is_whole, l.not(l.eq(l.round(half), half)));
    let value = l.flip_sign(value, l.select(y_is_odd, x, zero));
    // Of a negative finite number there are whole powers only.
    let is_negative = l.both(l.lt(x, zero), l.lt(size, infinity));
    let value = l.select(l.both(is_negative, l.not(y_is_whole)), l.f(f64::NAN), value);
    l.select(l.eq(y, zero), one, value)
}
