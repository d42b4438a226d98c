//! The distributions of `np.random.*` (`RandomState`): frozen by NumPy, so that old seeds keep their numbers.

use super::{BitSource, c_log};

/// Uniform in [low, high): `low + (high - low) * u`.
pub fn uniform(source: &mut impl BitSource, low: f64, high: f64) -> f64 {
    let range = high - low;
    low + range * source.next_f64()
}

/// Standard normal by Marsaglia's polar method, which makes two numbers; `kept` holds the second for the next call
/// and belongs to the stream.
pub fn standard_normal(source: &mut impl BitSource, kept: &mut Option<f64>) -> f64 {
    if let Some(value) = kept.take() {
        return value;
    }
    loop {
        let x = 2.0 * source.next_f64() - 1.0;
        let y = 2.0 * source.next_f64() - 1.0;
        let square = x * x + y * y;
        if square < 1.0 && square != 0.0 {
            let factor = (-2.0 * c_log::log(square) / square).sqrt();
            *kept = Some(factor * x);
            return factor * y;
        }
    }
}

/// Normal with this mean and deviation.
pub fn normal(source: &mut impl BitSource, kept: &mut Option<f64>, mean: f64, deviation: f64) -> f64 {
    mean + deviation * standard_normal(source, kept)
}

/// Exponential with mean 1: `-log(1 - u)`.
pub fn standard_exponential(source: &mut impl BitSource) -> f64 {
    -c_log::log(1.0 - source.next_f64())
}

/// Uniform whole number in [low, high), for `low < high` (checked before; otherwise `low`): bits under the smallest
/// mask that covers the range are drawn until they fit, 32 at a time where that is enough.
pub fn randint(source: &mut impl BitSource, low: i64, high: i64) -> i64 {
    if low >= high {
        return low;
    }
    let range = (high as u64).wrapping_sub(low as u64).wrapping_sub(1);
    let mask = u64::MAX.checked_shr(range.leading_zeros()).unwrap_or(0);
    let offset = match range {
        0 => 0,
        1..=0xffff_ffff => loop {
            let bits = u64::from(source.next_u32()) & mask;
            if bits <= range {
                break bits;
            }
        },
        _ => loop {
            let bits = source.next_u64() & mask;
            if bits <= range {
                break bits;
            }
        },
    };
    (low as u64).wrapping_add(offset) as i64
}
