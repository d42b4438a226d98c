//! One lane that holds a number: the implementation that the interpreter and the runtime's table of functions use.

use super::{Lanes, TINY};

/// One lane. `fma` is exact everywhere; it is one instruction where the calling function has the target feature.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Lanes for Scalar {
    type F = f64;
    type I = i64;
    type M = bool;

    #[inline(always)]
    fn f(&self, value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn i(&self, value: i64) -> i64 {
        value
    }
    #[inline(always)]
    fn add(&self, a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn sub(&self, a: f64, b: f64) -> f64 {
        a - b
    }
    #[inline(always)]
    fn mul(&self, a: f64, b: f64) -> f64 {
        a * b
    }
    #[inline(always)]
    fn div(&self, a: f64, b: f64) -> f64 {
        a / b
    }
    #[inline(always)]
    fn sqrt(&self, a: f64) -> f64 {
        a.sqrt()
    }
    #[inline(always)]
    fn fma(&self, a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn min(&self, a: f64, b: f64) -> f64 {
        if a < b { a } else { b }
    }
    #[inline(always)]
    fn max(&self, a: f64, b: f64) -> f64 {
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn round(&self, a: f64) -> f64 {
        a.round_ties_even()
    }
    #[inline(always)]
    fn floor(&self, a: f64) -> f64 {
        a.floor()
    }
    #[inline(always)]
    fn ceil(&self, a: f64) -> f64 {
        a.ceil()
    }
    #[inline(always)]
    fn trunc(&self, a: f64) -> f64 {
        a.trunc()
    }
    #[inline(always)]
    fn lt(&self, a: f64, b: f64) -> bool {
        a < b
    }
    #[inline(always)]
    fn le(&self, a: f64, b: f64) -> bool {
        a <= b
    }
    #[inline(always)]
    fn eq(&self, a: f64, b: f64) -> bool {
        a == b
    }
    #[inline(always)]
    fn both(&self, a: bool, b: bool) -> bool {
        a & b
    }
    #[inline(always)]
    fn any_of(&self, a: bool, b: bool) -> bool {
        a | b
    }
    #[inline(always)]
    fn not(&self, a: bool) -> bool {
        !a
    }
    #[inline(always)]
    fn select(&self, mask: bool, a: f64, b: f64) -> f64 {
        if mask { a } else { b }
    }
    #[inline(always)]
    fn bits(&self, a: f64) -> i64 {
        a.to_bits() as i64
    }
    #[inline(always)]
    fn from_bits(&self, a: i64) -> f64 {
        f64::from_bits(a as u64)
    }
    #[inline(always)]
    fn iadd(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn isub(&self, a: i64, b: i64) -> i64 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    fn and(&self, a: i64, b: i64) -> i64 {
        a & b
    }
    #[inline(always)]
    fn or(&self, a: i64, b: i64) -> i64 {
        a | b
    }
    #[inline(always)]
    fn xor(&self, a: i64, b: i64) -> i64 {
        a ^ b
    }
    #[inline(always)]
    fn shl(&self, a: i64, by: u32) -> i64 {
        a << by
    }
    #[inline(always)]
    fn shr(&self, a: i64, by: u32) -> i64 {
        ((a as u64) >> by) as i64
    }
    #[inline(always)]
    fn test_bit(&self, a: i64, bit: u32) -> bool {
        a & (1 << bit) != 0
    }
    #[inline(always)]
    fn lookup(&self, table: &'static [f64], index: i64) -> f64 {
        // The mask keeps the index in range, and lets the compiler see it where the length is a constant.
        table[index as usize & (table.len() - 1)]
    }

    #[inline(always)]
    fn rare<const N: usize>(&self, mask: bool, usual: [f64; N], slow: impl FnOnce() -> [f64; N]) -> [f64; N] {
        if mask {
            std::hint::cold_path();
            slow()
        } else {
            usual
        }
    }

    #[inline(always)]
    fn known(&self, mask: bool) -> Option<bool> {
        Some(mask)
    }

    #[inline(always)]
    fn fnma(&self, a: f64, b: f64, c: f64) -> f64 {
        (-a).mul_add(b, c)
    }

    #[inline(always)]
    fn scale(&self, a: f64, n: f64) -> f64 {
        // One factor where it is in range; the product is then exact unless it overflows.
        if (-900.0..=900.0).contains(&n) {
            return a * f64::from_bits(((n as i64 + 1023) as u64) << 52);
        }
        let half = (n * 0.5).round_ties_even();
        let power = |n: f64| f64::from_bits(((n as i64 + 1023) as u64) << 52);
        a * power(half) * power(n - half)
    }

    #[inline(always)]
    fn split(&self, a: f64) -> (f64, f64) {
        if a < TINY {
            let (m, n) = self.split_normal(a * 18_014_398_509_481_984.0);
            return (m, n - 54.0);
        }
        self.split_normal(a)
    }
}
