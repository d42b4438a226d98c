//! What is said about samples: medians, smallest values, ratios taken round by round.
//!
//! The machine is never quiet. A round takes one sample of every variant, one after the other; ratios are taken within a
//! round and their median is reported, so that what slows a whole round down cancels out.

use serde::Serialize;

/// The middle value; NaN for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The smallest value; NaN for none.
pub(crate) fn min(values: &[f64]) -> f64 {
    values.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)
}

/// Geometric mean of the finite values; NaN for none.
pub(crate) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).map(f64::ln).collect();
    if logs.is_empty() { f64::NAN } else { (logs.iter().sum::<f64>() / logs.len() as f64).exp() }
}

/// Median over the rounds of `ours / theirs`.
pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let rounds: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
    median(&rounds)
}

/// Samples in short.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// The middle value.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// Number of samples.
    pub samples: usize,
}

impl Summary {
    /// Of these samples.
    pub(crate) fn of(samples: &[f64]) -> Summary {
        Summary { median: median(samples), min: min(samples), samples: samples.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_means() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(min(&[3.0, 1.0, 2.0]), 1.0);
        assert!((geometric_mean([1.0, 4.0, f64::NAN]) - 2.0).abs() < 1e-12);
        assert_eq!(ratio(&[2.0, 30.0, 4.0], &[1.0, 10.0, 2.0]), 2.0, "of 2, 3, 2");
        assert!(median(&[]).is_nan());
    }
}
