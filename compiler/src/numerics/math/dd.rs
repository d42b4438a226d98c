//! Numbers as an unevaluated sum of two `f64` (about 106 bits), for intermediate results.
//!
//! No fused multiply-add, so that a machine without one gives the same bits: products are made exact by
//! splitting (T. J. Dekker, Numerische Mathematik 18, 1971; D. E. Knuth, TAOCP 2, 4.2.2). Arguments of products
//! must stay below 2^996; all callers reduce their arguments first.

/// `hi + lo` with `|lo|` at most half a unit in the last place of `hi`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dd {
    pub(super) hi: f64,
    pub(super) lo: f64,
}

/// The exact sum, for `|a| >= |b|` or `a == 0`.
#[inline(always)]
pub(super) fn fast_two_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    Dd { hi, lo: b - (hi - a) }
}

/// The exact sum.
#[inline(always)]
pub(super) fn two_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    let part = hi - a;
    Dd { hi, lo: (a - (hi - part)) + (b - part) }
}

/// The upper 26 bits of the significand and the rest.
#[inline(always)]
pub(super) fn split(a: f64) -> (f64, f64) {
    let scaled = 134_217_729.0 * a;
    let hi = scaled - (scaled - a);
    (hi, a - hi)
}

/// The exact product, if it neither overflows nor underflows.
#[inline(always)]
pub(super) fn two_prod(a: f64, b: f64) -> Dd {
    let hi = a * b;
    let (ah, al) = split(a);
    let (bh, bl) = split(b);
    Dd { hi, lo: ((ah * bh - hi) + ah * bl + al * bh) + al * bl }
}

impl Dd {
    /// An `f64` as it is.
    #[inline(always)]
    pub(super) const fn from(hi: f64) -> Dd {
        Dd { hi, lo: 0.0 }
    }

    /// Rounded to `f64`.
    #[inline(always)]
    pub(super) fn round(self) -> f64 {
        self.hi + self.lo
    }

    /// The sum; relative error at most 2^-104 where the signs agree.
    #[inline(always)]
    pub(super) fn add(self, other: Dd) -> Dd {
        let high = two_sum(self.hi, other.hi);
        let low = two_sum(self.lo, other.lo);
        let sum = fast_two_sum(high.hi, high.lo + low.hi);
        fast_two_sum(sum.hi, sum.lo + low.lo)
    }

    /// The sum with an `f64`.
    #[inline(always)]
    pub(super) fn add_f64(self, other: f64) -> Dd {
        let high = two_sum(self.hi, other);
        fast_two_sum(high.hi, high.lo + self.lo)
    }

    /// The product; relative error about 2^-103.
    #[inline(always)]
    pub(super) fn mul(self, other: Dd) -> Dd {
        let product = two_prod(self.hi, other.hi);
        fast_two_sum(product.hi, product.lo + (self.hi * other.lo + self.lo * other.hi))
    }

    /// The product with an `f64`.
    #[inline(always)]
    pub(super) fn mul_f64(self, other: f64) -> Dd {
        let product = two_prod(self.hi, other);
        fast_two_sum(product.hi, product.lo + self.lo * other)
    }

    /// Times a power of two, exact.
    #[inline(always)]
    pub(super) fn scale(self, power: f64) -> Dd {
        Dd { hi: self.hi * power, lo: self.lo * power }
    }
}
