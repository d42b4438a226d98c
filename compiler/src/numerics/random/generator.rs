//! The distributions of `np.random.Generator`, which `default_rng` makes.
//!
//! The tails take `log1p` from the `libm` crate, which has the algorithm of the C library that NumPy calls, and not from
//! `math`, whose rounding is closer to the true value.

use super::BitSource;
use super::ziggurat_tables::{EXP_F, EXP_K, EXP_W, NORMAL_F, NORMAL_K, NORMAL_W};
use crate::numerics::math::MathFn1;

/// Where the tail of the normal curve begins, and its reciprocal.
const NORMAL_TAIL: f64 = 3.654152885361009;
const NORMAL_TAIL_INVERSE: f64 = 0.2736612373297583;
/// Where the tail of the exponential curve begins.
const EXP_TAIL: f64 = 7.69711747013105;

/// Uniform in [low, high): `low + (high - low) * u`.
pub fn uniform(source: &mut impl BitSource, low: f64, high: f64) -> f64 {
    let range = high - low;
    low + range * source.next_f64()
}

/// Uniform whole number in [low, high), for `low < high` (checked before; otherwise `low`), by D. Lemire's
/// multiplication (ACM TOMACS 29(1), 2019), 32 bits at a time where that is enough.
pub fn integers(source: &mut impl BitSource, low: i64, high: i64) -> i64 {
    if low >= high {
        return low;
    }
    let range = (high as u64).wrapping_sub(low as u64).wrapping_sub(1);
    let offset = match range {
        0 => 0,
        0xffff_ffff => u64::from(source.next_u32()),
        u64::MAX => source.next_u64(),
        1..=0xffff_fffe => u64::from(below_u32(source, range as u32 + 1)),
        _ => below_u64(source, range + 1),
    };
    (low as u64).wrapping_add(offset) as i64
}

/// Uniform in 0..count.
fn below_u32(source: &mut impl BitSource, count: u32) -> u32 {
    let mut product = u64::from(source.next_u32()) * u64::from(count);
    if (product as u32) < count {
        let threshold = count.wrapping_neg() % count;
        while (product as u32) < threshold {
            product = u64::from(source.next_u32()) * u64::from(count);
        }
    }
    (product >> 32) as u32
}

/// Uniform in 0..count.
fn below_u64(source: &mut impl BitSource, count: u64) -> u64 {
    let mut product = u128::from(source.next_u64()) * u128::from(count);
    if (product as u64) < count {
        let threshold = count.wrapping_neg() % count;
        while (product as u64) < threshold {
            product = u128::from(source.next_u64()) * u128::from(count);
        }
    }
    (product >> 64) as u64
}

/// Standard normal by the ziggurat method.
pub fn standard_normal(source: &mut impl BitSource) -> f64 {
    loop {
        let bits = source.next_u64();
        let layer = (bits & 0xff) as usize;
        let is_negative = bits & 0x100 != 0;
        let size = (bits >> 9) & 0x000f_ffff_ffff_ffff;
        let x = size as f64 * NORMAL_W[layer];
        let signed = if is_negative { -x } else { x };
        if size < NORMAL_K[layer] {
            return signed;
        }
        if layer == 0 {
            let distance = normal_tail(source);
            return if (size >> 8) & 1 == 1 { -distance } else { distance };
        }
        let height = (NORMAL_F[layer - 1] - NORMAL_F[layer]) * source.next_f64() + NORMAL_F[layer];
        if height < MathFn1::Exp.eval_f64(-0.5 * x * x) {
            return signed;
        }
    }
}

/// The distance of a draw from the tail beyond `NORMAL_TAIL`.
fn normal_tail(source: &mut impl BitSource) -> f64 {
    loop {
        let x = -NORMAL_TAIL_INVERSE * libm::log1p(-source.next_f64());
        let y = -libm::log1p(-source.next_f64());
        if y + y > x * x {
            return NORMAL_TAIL + x;
        }
    }
}

/// Normal with this mean and deviation.
pub fn normal(source: &mut impl BitSource, mean: f64, deviation: f64) -> f64 {
    mean + deviation * standard_normal(source)
}

/// Exponential with mean 1, by the ziggurat method.
pub fn standard_exponential(source: &mut impl BitSource) -> f64 {
    loop {
        let bits = source.next_u64() >> 3;
        let layer = (bits & 0xff) as usize;
        let size = bits >> 8;
        let x = size as f64 * EXP_W[layer];
        if size < EXP_K[layer] {
            return x;
        }
        if layer == 0 {
            return EXP_TAIL - libm::log1p(-source.next_f64());
        }
        let height = (EXP_F[layer - 1] - EXP_F[layer]) * source.next_f64() + EXP_F[layer];
        if height < MathFn1::Exp.eval_f64(-x) {
            return x;
        }
    }
}
