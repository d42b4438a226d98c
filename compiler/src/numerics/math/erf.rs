//! The error functions. Up to 1.25 they are libm's; beyond, the exponential is taken of a pair, which removes
//! the two ULP that rounding `x*x` costs. From 0.25 to 3 `erfc` has a table of its own.
//!
//! Rational approximations: FreeBSD msun `s_erf.c`, Copyright (C) 1993 by Sun Microsystems, Inc. All rights
//! reserved. Permission to use, copy, modify, and distribute this software is freely granted, provided that
//! this notice is preserved.

use super::dd::{Dd, fast_two_sum, two_prod};
use super::explog::{exp_parts, scale};
use super::tables;

/// Error function.
pub(super) fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size < 1.25 || size.is_nan() {
        return libm::erf(x);
    }
    if size >= 6.0 {
        return 1.0f64.copysign(x);
    }
    (1.0 - erfc_positive(size)).copysign(x)
}

/// 1 - erf(x).
pub(super) fn erfc(x: f64) -> f64 {
    let size = x.abs();
    // Also true for NaN.
    if !(x >= 0.25 || size >= 1.25) {
        return libm::erfc(x);
    }
    if x < 0.0 {
        return if size >= 6.0 { 2.0 } else { 2.0 - erfc_positive(size) };
    }
    if x >= 28.0 { 0.0 } else { erfc_positive(x) }
}

/// erfc(x) for x from 0.25 to 28. The table takes half the time of the tail.
fn erfc_positive(x: f64) -> f64 {
    if x < 3.0 { erfc_middle(x) } else { erfc_tail(x) }
}

/// erfc(x) for x from 0.25 to 3: exp(-x^2) times a Taylor polynomial about the nearest point of a table.
fn erfc_middle(x: f64) -> f64 {
    let index = ((x - 0.25) * 8.0) as usize;
    let (hi, lo, terms) = tables::ERFCX[index.min(21)];
    let t = x - (index as f64 * 0.125 + 0.3125);
    let slope = terms.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let (power, exponent) = exp_parts(two_prod(x, x).neg());
    scale(power.mul(fast_two_sum(hi, lo + t * slope)), exponent)
}

/// erfc(x) for x from 1.25 to 28, relative error about 1 ULP below 2 and less beyond.
fn erfc_tail(x: f64) -> f64 {
    const RA: [f64; 8] = [
        -0.009864944034847148,
        -0.6938585727071818,
        -10.558626225323291,
        -62.375332450326006,
        -162.39666946257347,
        -184.60509290671104,
        -81.2874355063066,
        -9.814329344169145,
    ];
    const SA: [f64; 9] = [
        1.0,
        19.651271667439257,
        137.65775414351904,
        434.56587747522923,
        645.3872717332679,
        429.00814002756783,
        108.63500554177944,
        6.570249770319282,
        -0.0604244152148581,
    ];
    const RB: [f64; 7] = [
        -0.0098649429247001,
        -0.799283237680523,
        -17.757954917754752,
        -160.63638485582192,
        -637.5664433683896,
        -1025.0951316110772,
        -483.5191916086514,
    ];
    const SB: [f64; 8] = [
        1.0,
        30.33806074348246,
        325.7925129965739,
        1536.729586084437,
        3199.8582195085955,
        2553.0504064331644,
        474.52854120695537,
        -22.44095244658582,
    ];
    let s = 1.0 / (x * x);
    let poly = |terms: &[f64]| terms.iter().rev().fold(0.0, |sum, term| sum * s + term);
    let ratio = if x < 1.0 / 0.35 { poly(&RA) / poly(&SA) } else { poly(&RB) / poly(&SB) };
    let power = two_prod(x, x).neg().add_f64(-0.5625).add_f64(ratio);
    let (value, exponent) = exp_parts(power);
    scale(value.div(Dd::from(x)), exponent)
}
