//! Abstract operations on lanes: the language in which the mathematical functions are written once.
//!
//! ```text
//! fn half_of_exp<L: Lanes>(l: &L, x: L::F) -> L::F { l.mul(l.f(0.5), exp(l, x)) }
//!
//! half_of_exp(&Scalar, 1.0)          computes a number
//! half_of_exp(&builder, value)       appends the same operations to a vector function under construction
//! ```
//!
//! A value of type `F`, `I` or `M` stands for any number of lanes, each an `f64`, an `i64` or a truth value. Every operation
//! is lane-wise and exact or rounded once to nearest, ties to even, so that all implementations give the same bits; only the
//! sign and payload of a NaN are not specified. The **required** methods are what AVX2 with FMA and AVX-512 have as one to
//! three instructions. The **provided** ones are made of them and may be replaced where a target has something better
//! with the same bits (`getexp`, `scalef`, `fnmadd`).
//!
//! Methods take `&self`, so that calls nest; a builder keeps its state in a `RefCell`. Nothing here branches on data except
//! [`Lanes::rare`] and, for one lane, the macro `either!`.

#[cfg(test)]
pub(crate) mod probes;
mod scalar;

pub use scalar::Scalar;

/// The first value where the mask is set, else the second; both happen often. Vectors compute both, one lane the one
/// that counts.
macro_rules! either {
    ($l:expr, $mask:expr, $a:expr, $b:expr) => {{
        let mask = $mask;
        match $l.known(mask) {
            Some(true) => $a,
            Some(false) => $b,
            None => $l.select(mask, $a, $b),
        }
    }};
}
pub(crate) use either;

/// 1.5 * 2^52: adding it to a number below 2^51 in size leaves the nearest whole number in the low bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// 2^-1022, the smallest normal number.
const TINY: f64 = f64::MIN_POSITIVE;

/// Lane-wise operations on `f64`, `i64` and truth values.
// `self` is where the operations happen, not what is converted.
#[allow(clippy::wrong_self_convention)]
pub trait Lanes {
    /// Lanes of `f64`.
    type F: Copy;
    /// Lanes of `i64`.
    type I: Copy;
    /// Lanes of truth values.
    type M: Copy;

    /// The same number in every lane, bit for bit (`-0.0` and NaN included).
    fn f(&self, value: f64) -> Self::F;
    /// The same whole number in every lane.
    fn i(&self, value: i64) -> Self::I;

    /// `a + b`.
    fn add(&self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(&self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    fn mul(&self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    fn div(&self, a: Self::F, b: Self::F) -> Self::F;
    /// The square root, rounded correctly; NaN below zero.
    fn sqrt(&self, a: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn fma(&self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a < b ? a : b` as `minpd` has it: `b` if either is NaN, and if both are zeros.
    fn min(&self, a: Self::F, b: Self::F) -> Self::F;
    /// `a > b ? a : b` as `maxpd` has it: `b` if either is NaN, and if both are zeros.
    fn max(&self, a: Self::F, b: Self::F) -> Self::F;
    /// The nearest whole number, ties to even; the zero keeps its sign. So do `floor`, `ceil`, `trunc`.
    fn round(&self, a: Self::F) -> Self::F;
    /// The largest whole number not above.
    fn floor(&self, a: Self::F) -> Self::F;
    /// The smallest whole number not below.
    fn ceil(&self, a: Self::F) -> Self::F;
    /// The whole part.
    fn trunc(&self, a: Self::F) -> Self::F;

    /// `a < b`; false if either is NaN.
    fn lt(&self, a: Self::F, b: Self::F) -> Self::M;
    /// `a <= b`; false if either is NaN.
    fn le(&self, a: Self::F, b: Self::F) -> Self::M;
    /// `a == b`; false if either is NaN.
    fn eq(&self, a: Self::F, b: Self::F) -> Self::M;
    /// Both.
    fn both(&self, a: Self::M, b: Self::M) -> Self::M;
    /// At least one.
    fn any_of(&self, a: Self::M, b: Self::M) -> Self::M;
    /// The opposite.
    fn not(&self, a: Self::M) -> Self::M;
    /// `a` where the mask is set, else `b`.
    fn select(&self, mask: Self::M, a: Self::F, b: Self::F) -> Self::F;

    /// The bits of the floats.
    fn bits(&self, a: Self::F) -> Self::I;
    /// The floats with these bits.
    fn from_bits(&self, a: Self::I) -> Self::F;
    /// `a + b`, wrapping.
    fn iadd(&self, a: Self::I, b: Self::I) -> Self::I;
    /// `a - b`, wrapping.
    fn isub(&self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise and.
    fn and(&self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise or.
    fn or(&self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise exclusive or.
    fn xor(&self, a: Self::I, b: Self::I) -> Self::I;
    /// Shift to the left by a constant below 64.
    fn shl(&self, a: Self::I, by: u32) -> Self::I;
    /// Logical shift to the right by a constant below 64.
    fn shr(&self, a: Self::I, by: u32) -> Self::I;
    /// Is bit `bit` (0 the lowest) set? (AVX2: shift it to the top and blend by sign.)
    fn test_bit(&self, a: Self::I, bit: u32) -> Self::M;

    /// `table[index]`, the index taken modulo the length, which is a power of two. Only on paths that few lanes take, and in
    /// functions that say so.
    fn lookup(&self, table: &'static [f64], index: Self::I) -> Self::F;

    /// `slow()` where the mask is set, else `usual`. Few lanes have it set: a vector implementation computes the slow side
    /// only if some lane has, and only once where the mask and the usual values are the same: they say what `slow` gives.
    fn rare<const N: usize>(
        &self,
        mask: Self::M,
        usual: [Self::F; N],
        slow: impl FnOnce() -> [Self::F; N],
    ) -> [Self::F; N];

    /// What the mask is, where that is known while the program is made: for one lane always, for vectors never.
    /// The macro `either!` asks.
    #[inline(always)]
    fn known(&self, _mask: Self::M) -> Option<bool> {
        None
    }

    /// `-a`, by the sign bit.
    #[inline(always)]
    fn neg(&self, a: Self::F) -> Self::F {
        self.from_bits(self.xor(self.bits(a), self.i(i64::MIN)))
    }

    /// `|a|`, by the sign bit.
    #[inline(always)]
    fn abs(&self, a: Self::F) -> Self::F {
        self.from_bits(self.and(self.bits(a), self.i(i64::MAX)))
    }

    /// The sign bit of `a`, all other bits 0.
    #[inline(always)]
    fn sign_bit(&self, a: Self::F) -> Self::I {
        self.and(self.bits(a), self.i(i64::MIN))
    }

    /// `a`, which is not negative, with the sign of `sign`.
    #[inline(always)]
    fn with_sign(&self, a: Self::F, sign: Self::F) -> Self::F {
        self.from_bits(self.or(self.bits(a), self.sign_bit(sign)))
    }

    /// `a` with its sign changed where `sign` is negative.
    #[inline(always)]
    fn flip_sign(&self, a: Self::F, sign: Self::F) -> Self::F {
        self.from_bits(self.xor(self.bits(a), self.sign_bit(sign)))
    }

    /// `a * b - c`, rounded once.
    #[inline(always)]
    fn fms(&self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        self.fma(a, b, self.neg(c))
    }

    /// `c - a * b`, rounded once.
    #[inline(always)]
    fn fnma(&self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        self.fma(self.neg(a), b, c)
    }

    /// A whole number below 2^51 in size as an integer.
    #[inline(always)]
    fn to_int(&self, a: Self::F) -> Self::I {
        self.isub(self.bits(self.add(a, self.f(WHOLE))), self.i(WHOLE.to_bits() as i64))
    }

    /// An integer below 2^51 in size as a float.
    #[inline(always)]
    fn to_float(&self, a: Self::I) -> Self::F {
        self.sub(self.from_bits(self.iadd(a, self.i(WHOLE.to_bits() as i64))), self.f(WHOLE))
    }

    /// The whole number nearest to `a * factor` (rounded once), for results below 2^51 in size: as a float, and as an
    /// integer whose low 32 bits count. A NaN stays one, and any integer comes with it.
    #[inline(always)]
    fn whole(&self, a: Self::F, factor: f64) -> (Self::F, Self::I) {
        let shifted = self.fma(a, self.f(factor), self.f(WHOLE));
        (self.sub(shifted, self.f(WHOLE)), self.bits(shifted))
    }

    /// `2^n` for whole `n` from -1022 to 1023, and 0 for -1023.
    #[inline(always)]
    fn power_of_two(&self, n: Self::F) -> Self::F {
        // The low bits of the shifted number are a biased exponent.
        self.from_bits(self.shl(self.bits(self.add(n, self.f(WHOLE + 1023.0))), 52))
    }

    /// `a * 2^n` for the integer `n` that [`Lanes::whole`] gave, by addition to the exponent: for normal `a` and results.
    #[inline(always)]
    fn times_power(&self, a: Self::F, n: Self::I) -> Self::F {
        self.from_bits(self.iadd(self.bits(a), self.shl(n, 52)))
    }

    /// `a * 2^-n` in the same way.
    #[inline(always)]
    fn times_inverse_power(&self, a: Self::F, n: Self::I) -> Self::F {
        self.from_bits(self.isub(self.bits(a), self.shl(n, 52)))
    }

    /// `a * 2^n`, rounded once, for whole `n` up to 2000 in size and `a` that is 0, NaN, or between 2^-80 and 2^80 in size
    /// (`vscalefpd`).
    #[inline(always)]
    fn scale(&self, a: Self::F, n: Self::F) -> Self::F {
        scale(self, a, n)
    }

    /// `a = m * 2^n` with `m` in 0.75..1.5, as `(m, n)`, for `a` positive, finite, not subnormal; else anything
    /// (`vgetmantpd` with interval 3, and the difference of two `vgetexppd`).
    #[inline(always)]
    fn split_normal(&self, a: Self::F) -> (Self::F, Self::F) {
        self.split_normal_from(a, 0.75)
    }

    /// The same with `m` from `least`, which is between 1/2 and 1, to twice that.
    #[inline(always)]
    fn split_normal_from(&self, a: Self::F, least: f64) -> (Self::F, Self::F) {
        const ONE: i64 = 0x3ff0_0000_0000_0000;
        const POW_52: f64 = 4_503_599_627_370_496.0;
        let least = least.to_bits() as i64;
        let shifted = self.iadd(self.bits(a), self.i(ONE - least));
        let biased = self.or(self.shr(shifted, 52), self.i(POW_52.to_bits() as i64));
        let n = self.sub(self.from_bits(biased), self.f(POW_52 + 1023.0));
        let m = self.iadd(self.and(shifted, self.i((1 << 52) - 1)), self.i(least));
        (self.from_bits(m), n)
    }

    /// `a = m * 2^n` with `m` in 0.75..1.5, as `(m, n)`, for `a` positive and finite; else anything.
    #[inline(always)]
    fn split(&self, a: Self::F) -> (Self::F, Self::F) {
        split(self, a)
    }
}

/// [`Lanes::scale`] from the required methods.
#[inline(always)]
fn scale<L: Lanes + ?Sized>(l: &L, a: L::F, n: L::F) -> L::F {
    // Two factors, since one may be out of range.
    let shifted = l.fma(n, l.f(0.5), l.f(WHOLE + 1023.0));
    let half = l.sub(shifted, l.f(WHOLE + 1023.0));
    let first = l.from_bits(l.shl(l.bits(shifted), 52));
    l.mul(l.mul(a, first), l.power_of_two(l.sub(n, half)))
}

/// [`Lanes::split`] from the required methods.
#[inline(always)]
fn split<L: Lanes + ?Sized>(l: &L, a: L::F) -> (L::F, L::F) {
    let is_subnormal = l.lt(a, l.f(TINY));
    let scaled = l.mul(a, l.f(18_014_398_509_481_984.0));
    let (m, n) = l.split_normal(l.select(is_subnormal, scaled, a));
    (m, l.add(n, l.select(is_subnormal, l.f(-54.0), l.f(0.0))))
}
