//! Every `f32` argument of the mathematical functions, by hand: a minute or two per function.
//!
//! ```text
//! RUSTFLAGS="-C target-cpu=native" cargo run --release -p kjit-compiler --example math_singles -- exp log
//! RUSTFLAGS="-C target-cpu=native" cargo run --release -p kjit-compiler --example math_singles -- 61 exp log
//! ```
//!
//! The second line takes every 61st block of eight only.
//! Runs the functions for `f32` on eight lanes at once, rounds, and compares with the functions for `f64` on the same lanes, whose own
//! error, 1 ULP of `f64`, is 2^-29 of one of `f32`. Without names: all functions of one argument that have lanes.

// A tool, not a part of the compiler: it has a command line.
#![allow(clippy::disallowed_methods)]

use std::io::Write;

use kjit_compiler::numerics::lanes::Lanes;
use kjit_compiler::numerics::math::{MathFn1, one_narrow_on_lanes, one_on_lanes};

/// Lanes at once.
const N: usize = 8;

fn main() -> std::io::Result<()> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let stride = names.first().and_then(|word| word.parse().ok());
    if stride.is_some() {
        names.remove(0);
    }
    let stride = stride.unwrap_or(1);
    let mut out = std::io::stdout().lock();
    macro_rules! each {
        ($($function:ident)*) => {
            $(
                let name = MathFn1::$function.name();
                if names.is_empty() || names.iter().any(|wanted| wanted == name) {
                    let narrow = |x| one_narrow_on_lanes(&Eight, MathFn1::$function, x).unwrap_or([f64::NAN; N]);
                    let wide = |x| one_on_lanes(&Eight, MathFn1::$function, x).unwrap_or([f64::NAN; N]);
                    writeln!(out, "{name:6} {}", all(stride, narrow, wide))?;
                    out.flush()?;
                }
            )*
        };
    }
    each!(Exp Exp2 Expm1 Log Log2 Log10 Log1p Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Cbrt Erf Erfc Sqrt);
    Ok(())
}

/// The largest error of `narrow`, rounded to `f32`, and where; how many results are not what `wide` rounds to.
fn all(stride: usize, narrow: impl Fn([f64; N]) -> [f64; N], wide: impl Fn([f64; N]) -> [f64; N]) -> String {
    let (mut worst, mut place, mut differ) = (0.0, 0.0, 0_u64);
    for first in (0..=u32::MAX).step_by(N * stride) {
        let singles: [f32; N] = std::array::from_fn(|lane| f32::from_bits(first + lane as u32));
        let x = singles.map(f64::from);
        let (values, exact) = (narrow(x).map(|value| value as f32), wide(x));
        let errors: [f64; N] = std::array::from_fn(|lane| error(values[lane], exact[lane]));
        let rounded = exact.map(|exact| exact as f32);
        for lane in 0..N {
            differ += u64::from(rounded[lane].to_bits() != values[lane].to_bits() && !rounded[lane].is_nan());
        }
        if errors.iter().any(|&error| error > worst) {
            for lane in 0..N {
                if errors[lane] > worst {
                    (worst, place) = (errors[lane], singles[lane]);
                }
            }
        }
    }
    format!("at most {worst:.6} ULP, at {place:e}; {differ} results are not correctly rounded")
}

/// The distance in units of the last place of the true value; huge where only one is NaN or of the other sign.
fn error(value: f32, exact: f64) -> f64 {
    let exponent = ((exact.to_bits() >> 52 & 0x7ff) as i64 - 1023).clamp(-126, 127);
    let unit = f64::from_bits((1023 + 23 - exponent).cast_unsigned() << 52);
    let largest = 2.0 * f64::from_bits((1023_u64 + 127) << 52);
    // Infinity stands for 2^128, which is where rounding leads to it.
    let value_bounded = f64::from(value).clamp(-largest, largest);
    let distance = (value_bounded - exact.clamp(-largest, largest)).abs() * unit;
    let is_wrong = value.is_nan() != exact.is_nan()
        || (exact.is_sign_negative() != value.is_sign_negative() && !exact.is_nan());
    if is_wrong {
        1e9
    } else if exact.is_nan() {
        0.0
    } else {
        distance
    }
}

/// Eight numbers, and loops over them that compilers make vectors of.
struct Eight;

fn each<A: Copy, R>(a: [A; N], op: impl Fn(A) -> R) -> [R; N] {
    std::array::from_fn(|lane| op(a[lane]))
}

fn both<A: Copy, B: Copy, R>(a: [A; N], b: [B; N], op: impl Fn(A, B) -> R) -> [R; N] {
    std::array::from_fn(|lane| op(a[lane], b[lane]))
}

macro_rules! lanes {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $result:ty = $value:expr;)*) => {
        $(
            #[inline(always)]
            fn $name(&self, $($arg: [$ty; N]),*) -> [$result; N] {
                std::array::from_fn(|lane| {
                    $(let $arg = $arg[lane];)*
                    $value
                })
            }
        )*
    };
}

impl Lanes for Eight {
    type F = [f64; N];
    type I = [i64; N];
    type M = [bool; N];

    lanes! {
        add(a: f64, b: f64) -> f64 = a + b;
        sub(a: f64, b: f64) -> f64 = a - b;
        mul(a: f64, b: f64) -> f64 = a * b;
        div(a: f64, b: f64) -> f64 = a / b;
        sqrt(a: f64) -> f64 = a.sqrt();
        fma(a: f64, b: f64, c: f64) -> f64 = a.mul_add(b, c);
        min(a: f64, b: f64) -> f64 = if a < b { a } else { b };
        max(a: f64, b: f64) -> f64 = if a > b { a } else { b };
        round(a: f64) -> f64 = a.round_ties_even();
        floor(a: f64) -> f64 = a.floor();
        ceil(a: f64) -> f64 = a.ceil();
        trunc(a: f64) -> f64 = a.trunc();
        lt(a: f64, b: f64) -> bool = a < b;
        le(a: f64, b: f64) -> bool = a <= b;
        eq(a: f64, b: f64) -> bool = a == b;
        both(a: bool, b: bool) -> bool = a & b;
        any_of(a: bool, b: bool) -> bool = a | b;
        not(a: bool) -> bool = !a;
        select(mask: bool, a: f64, b: f64) -> f64 = if mask { a } else { b };
        bits(a: f64) -> i64 = a.to_bits().cast_signed();
        from_bits(a: i64) -> f64 = f64::from_bits(a.cast_unsigned());
        iadd(a: i64, b: i64) -> i64 = a.wrapping_add(b);
        isub(a: i64, b: i64) -> i64 = a.wrapping_sub(b);
        and(a: i64, b: i64) -> i64 = a & b;
        or(a: i64, b: i64) -> i64 = a | b;
        xor(a: i64, b: i64) -> i64 = a ^ b;
    }

    #[inline(always)]
    fn f(&self, value: f64) -> [f64; N] {
        [value; N]
    }
    #[inline(always)]
    fn i(&self, value: i64) -> [i64; N] {
        [value; N]
    }
    #[inline(always)]
    fn shl(&self, a: [i64; N], by: u32) -> [i64; N] {
        each(a, |a| a << by)
    }
    #[inline(always)]
    fn shr(&self, a: [i64; N], by: u32) -> [i64; N] {
        each(a, |a| (a.cast_unsigned() >> by).cast_signed())
    }
    #[inline(always)]
    fn test_bit(&self, a: [i64; N], bit: u32) -> [bool; N] {
        each(a, |a| a >> bit & 1 == 1)
    }
    #[inline(always)]
    fn lookup(&self, table: &'static [f64], index: [i64; N]) -> [f64; N] {
        each(index, |index| table[index as usize & (table.len() - 1)])
    }
    #[inline(always)]
    fn rare<const K: usize>(
        &self,
        mask: [bool; N],
        usual: [[f64; N]; K],
        slow: impl FnOnce() -> [[f64; N]; K],
    ) -> [[f64; N]; K] {
        if mask.contains(&true) {
            let slow = slow();
            std::array::from_fn(|at| {
                both(usual[at], both(mask, slow[at], |mask, slow| (mask, slow)), |usual, (mask, slow)| {
                    if mask { slow } else { usual }
                })
            })
        } else {
            usual
        }
    }
}
