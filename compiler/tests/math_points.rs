//! The mathematical functions against correctly rounded results: `math_points.txt`, made by MPFR
//! (`tests/oracle/math_points.py` says what a line is).

use kjit_compiler::numerics::math::{MathFn1, MathFn2};

/// The documented bounds, in units of the last place of the true result (`docs/numerics.md`).
const BOUNDS: [(&str, f64); 27] = [
    ("exp", 0.87),
    ("exp2", 0.8),
    ("expm1", 0.75),
    ("log", 0.92),
    ("log2", 0.83),
    ("log10", 0.87),
    ("log1p", 0.75),
    ("sin", 0.8),
    ("cos", 0.8),
    ("tan", 0.95),
    ("asin", 0.7),
    ("acos", 0.7),
    ("atan", 0.8),
    ("sinh", 0.95),
    ("cosh", 0.8),
    ("tanh", 0.78),
    ("asinh", 0.75),
    ("acosh", 0.75),
    ("atanh", 0.6),
    ("cbrt", 0.501),
    ("erf", 0.98),
    ("erfc", 0.97),
    ("gamma", 0.79),
    ("lgamma", 0.8),
    ("pow", 0.93),
    ("atan2", 0.89),
    ("hypot", 0.76),
];

fn number(text: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(text, 16).expect("bits"))
}

/// The distance between a number and the next one, for numbers with this many fraction bits and this least exponent.
fn last_place(x: f64, fraction_bits: i32, least_exponent: i32) -> f64 {
    let exponent = if x.abs() < f64::MIN_POSITIVE { -1022 } else { (x.abs().to_bits() >> 52) as i32 - 1023 };
    // Two factors, since the smallest subnormal is not a power that `powi` reaches.
    2f64.powi(exponent.max(least_exponent)) * 2f64.powi(-fraction_bits)
}

#[test]
fn results_are_within_their_bounds() {
    let mut counts = std::collections::BTreeMap::new();
    for line in include_str!("math_points.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, ref args @ .., rounded, missing] = words[..] else { panic!("{line}") };
        let args: Vec<f64> = args.iter().map(|word| number(word)).collect();
        let (rounded, missing) = (number(rounded), missing.parse::<f64>().expect("thousandths") / 1000.0);
        let narrow: Vec<f32> = args.iter().map(|&x| x as f32).collect();
        let is_narrow = narrow.iter().zip(&args).all(|(&a, &b)| f64::from(a) == b);
        let (wide_result, narrow_result) = match args[..] {
            [x] => {
                let function = MathFn1::from_name(name).expect("a function");
                (function.eval_f64(x), function.eval_f32(narrow[0]))
            }
            [x, y] => {
                let function = MathFn2::from_name(name).expect("a function");
                (function.eval_f64(x, y), function.eval_f32(narrow[0], narrow[1]))
            }
            _ => panic!("{line}"),
        };
        let bound = BOUNDS.iter().find(|(known, _)| *known == name).expect("a bound").1;
        let unit = last_place(rounded, 52, -1022);
        let error = ((wide_result - rounded) / unit - missing).abs();
        assert!(error <= bound, "{name}{args:?} = {wide_result:e}, {error:.3} ULP from {rounded:e}");
        let exact = rounded + missing * unit;
        if is_narrow && exact.abs() < f64::from(f32::MAX) {
            let error = ((f64::from(narrow_result) - exact) / last_place(exact, 23, -126)).abs();
            assert!(error <= 0.502, "{name}{narrow:?} = {narrow_result:e}, {error:.3} ULP from {exact:e}");
        }
        *counts.entry(name).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), BOUNDS.len());
    assert!(counts.values().all(|&count| count > 80), "{counts:?}");
}
