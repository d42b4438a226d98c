//! Results of the mathematical functions for checks by hand, which take too long for the tests.
//!
//! ```text
//! RUSTFLAGS="-C target-feature=+fma" cargo run --release -p kjit-compiler --example math_points -- exp 10000000 | ./math_ulp exp
//! RUSTFLAGS="-C target-feature=+fma" cargo run --release -p kjit-compiler --example math_points -- f32 exp
//! ```
//!
//! The first form writes triples of `f64` (x, y, result) for `tests/oracle/math_ulp.c`; with two more numbers (`exp 1000000 0.4 0.6`)
//! the arguments lie evenly between those. The second compares all 2^32 arguments of an `f32` function with the `f64` function of the
//! crate `libm`.

// A tool, not a part of the compiler: it has a command line.
#![allow(clippy::disallowed_methods)]

use std::io::Write;

use kjit_compiler::numerics::math::{MathFn1, MathFn2};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match words[..] {
        ["f32", name] => writeln!(out, "{}", all_narrow(name)),
        [name, count, ref interval @ ..] if matches!(interval, [] | [_, _]) => {
            let count: u64 = count.parse().expect("a count");
            let interval: Vec<f64> = interval.iter().map(|end| end.parse().expect("a number")).collect();
            let mut random = Random(0x9e37_79b9_7f4a_7c15);
            for _ in 0..count {
                let (x, y, value) = if let Some(function) = MathFn1::from_name(name) {
                    let x = match interval[..] {
                        [low, high] => random.between(low, high),
                        _ => random.argument(name),
                    };
                    (x, 0.0, function.eval_f64(x))
                } else {
                    let (x, y) = random.pair(name);
                    (x, y, MathFn2::from_name(name).expect("a function").eval_f64(x, y))
                };
                for number in [x, y, value] {
                    out.write_all(&number.to_le_bytes())?;
                }
            }
            Ok(())
        }
        _ => panic!("usage: math_points NAME COUNT [LOW HIGH], or math_points f32 NAME"),
    }
}

/// Every `f32` argument of a function: the largest error, and how many results differ from the rounded reference.
fn all_narrow(name: &str) -> String {
    let function = MathFn1::from_name(name).expect("a function");
    let reference = reference(name);
    let (mut worst, mut place, mut differ) = (0.0, 0.0, 0);
    for bits in 0..=u32::MAX {
        let x = f32::from_bits(bits);
        let (exact, value) = (reference(f64::from(x)), function.eval_f32(x));
        let rounded = exact as f32;
        if rounded.is_nan() && value.is_nan() || rounded.is_infinite() && rounded == value {
            continue;
        }
        differ += u64::from(rounded.to_bits() != value.to_bits());
        let exponent = if exact == 0.0 { -126 } else { (exact.abs().log2().floor() as i32).clamp(-126, 127) };
        let error = ((f64::from(value) - exact) / 2f64.powi(exponent - 23)).abs();
        if error.is_nan() || error > worst {
            (worst, place) = (error, x);
        }
    }
    format!(
        "{name}: at most {worst:.6} ULP, at {place:e}; {differ} results differ from the rounded reference"
    )
}

fn reference(name: &str) -> fn(f64) -> f64 {
    match name {
        "exp" => libm::exp,
        "exp2" => libm::exp2,
        "expm1" => libm::expm1,
        "log" => libm::log,
        "log2" => libm::log2,
        "log10" => libm::log10,
        "log1p" => libm::log1p,
        "sin" => libm::sin,
        "cos" => libm::cos,
        "tan" => libm::tan,
        "asin" => libm::asin,
        "acos" => libm::acos,
        "atan" => libm::atan,
        "sinh" => libm::sinh,
        "cosh" => libm::cosh,
        "tanh" => libm::tanh,
        "asinh" => libm::asinh,
        "acosh" => libm::acosh,
        "atanh" => libm::atanh,
        "cbrt" => libm::cbrt,
        "erf" => libm::erf,
        "erfc" => libm::erfc,
        "gamma" => libm::tgamma,
        "lgamma" => libm::lgamma,
        _ => panic!("no reference for {name}"),
    }
}

/// Xorshift, and arguments where the function has values.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / 9_007_199_254_740_992.0)
    }

    /// Evenly from some intervals, or evenly in the exponent.
    fn argument(&mut self, name: &str) -> f64 {
        let (intervals, exponents): (&[(f64, f64)], (f64, f64)) = match name {
            "exp" | "expm1" | "sinh" | "cosh" => {
                (&[(-746.0, 711.0), (-1.0, 1.0), (-40.0, 40.0), (-745.2, -708.0)], (-60.0, 9.4))
            }
            "exp2" => (&[(-1076.0, 1025.0), (-1.0, 1.0), (-1075.0, -1020.0)], (-60.0, 10.0)),
            "log" | "log2" | "log10" => {
                (&[(0.0, 10.0), (0.5, 2.0), (0.99, 1.01), (0.70, 0.76), (1.4, 1.55)], (-1074.0, 1024.0))
            }
            "log1p" => (&[(-1.0, 10.0), (-0.5, 0.6), (-0.01, 0.01)], (-1074.0, 1024.0)),
            "sin" | "cos" | "tan" => {
                (&[(-1.0, 1.0), (-4.0, 4.0), (-100.0, 100.0), (-1e5, 1e5), (-1e12, 1e12)], (-1074.0, 1024.0))
            }
            "asin" | "acos" | "atanh" => (&[(-1.0, 1.0), (-0.6, 0.6), (0.98, 1.0)], (-100.0, 0.0)),
            "tanh" => (&[(-1.0, 1.0), (-0.4, 0.4), (-4.0, 4.0), (-22.0, 22.0)], (-200.0, 5.0)),
            "acosh" => (&[(1.0, 2.0), (1.0, 100.0), (1.0, 1.01)], (0.0, 1024.0)),
            "erf" => (&[(-1.0, 1.0), (-3.0, 3.0), (-6.5, 6.5)], (-1074.0, 3.0)),
            "erfc" => (&[(-1.0, 1.0), (-3.0, 3.0), (-6.5, 28.0), (26.0, 27.3)], (-60.0, 5.0)),
            "gamma" => (&[(0.0, 5.0), (-5.0, 5.0), (-30.0, 30.0), (-180.0, 172.0)], (-1023.0, 7.5)),
            "lgamma" => {
                (&[(0.0, 5.0), (-5.0, 5.0), (-30.0, 30.0), (0.9, 1.1), (1.9, 2.1)], (-1023.0, 1000.0))
            }
            _ => (&[(-1.0, 1.0), (-4.0, 4.0), (-100.0, 100.0)], (-1074.0, 1024.0)),
        };
        match intervals.get((self.bits() % (intervals.len() as u64 + 1)) as usize) {
            Some(&(low, high)) => self.between(low, high),
            None => {
                let x = self.between(exponents.0, exponents.1).exp2();
                if matches!(name, "log" | "log2" | "log10" | "acosh") || self.bits() & 1 == 0 {
                    x
                } else {
                    -x
                }
            }
        }
    }

    fn pair(&mut self, name: &str) -> (f64, f64) {
        let kind = self.bits() % 4;
        if name != "pow" {
            let x = if kind == 0 { f64::from_bits(self.bits()) } else { self.between(-10.0, 10.0) };
            return (x, x * self.between(-30.0, 30.0).exp2() * if kind < 3 { 1.0 } else { -1.0 });
        }
        match kind {
            0 => (self.between(0.0, 10.0), self.between(-10.0, 10.0)),
            1 => (-((self.bits() % 1000) as f64), (self.bits() % 200) as f64 - 100.0),
            _ => {
                let x = if kind == 2 { self.between(-1000.0, 1000.0).exp2() } else { self.between(0.7, 1.6) };
                (x, self.between(-750.0, 750.0) / x.ln())
            }
        }
    }
}
