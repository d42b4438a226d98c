//! Numbers as text, as Python's `str`, `print` and f-strings write them.

mod spec;

pub use spec::FormatSpec;

/// `repr(x)`: the shortest digits that read back as the same number; `1.0`, `1e-05`, `1e+16`, `inf`, `nan`.
///
/// ```
/// assert_eq!(kjit_compiler::numerics::format::repr_f64(1e22), "1e+22");
/// ```
pub fn repr_f64(x: f64) -> String {
    digits_f64(x).repr(true)
}

/// `str(np.float32(x))`: the shortest digits that read back as the same `f32`. (An f-string converts to `f64` first,
/// as NumPy does: `f"{x}"` of 0.1 is `0.10000000149011612`.)
pub fn repr_f32(x: f32) -> String {
    digits_f32(x).repr(true)
}

/// `str(z)` of a complex number: `(1+2j)`, `2j`, `(-0-infj)`.
pub fn repr_complex(real: f64, imaginary: f64) -> String {
    join_complex(&digits_f64(real), &digits_f64(imaginary))
}

/// `str(np.complex64(z))`.
pub fn repr_complex_f32(real: f32, imaginary: f32) -> String {
    join_complex(&digits_f32(real), &digits_f32(imaginary))
}

/// `True` or `False`.
pub fn repr_bool(x: bool) -> &'static str {
    if x { "True" } else { "False" }
}

/// The shortest decimal form of a number.
struct Digits {
    is_negative: bool,
    /// Significant digits without leading or trailing zeros (`0` for zero), or `inf`, `nan`.
    digits: String,
    /// The power of ten of the first digit; `None` for what is not finite.
    exponent: Option<i32>,
    /// Is it of a size that is written without an exponent?
    is_plain: bool,
}

fn digits_f64(x: f64) -> Digits {
    let size = x.abs();
    digits(
        x,
        size == 0.0 || (1e-4..1e16).contains(&size),
        &nearest(&format!("{size:e}"), |n| format!("{size:.n$e}")),
    )
}

/// NumPy writes an exponent from 10^6 on, since an `f32` has no more than seven digits.
fn digits_f32(x: f32) -> Digits {
    let size = x.abs();
    digits(
        f64::from(x),
        size == 0.0 || (1e-4..1e6).contains(&f64::from(size)),
        &nearest(&format!("{size:e}"), |n| format!("{size:.n$e}")),
    )
}

/// The number with as many digits as its shortest form. Rust's shortest digits round a tie up, Python's to even.
fn nearest(shortest: &str, with_decimals: impl Fn(usize) -> String) -> String {
    let digits = shortest.split('e').next().map_or(0, |digits| digits.replace('.', "").len());
    with_decimals(digits.saturating_sub(1))
}

/// From Rust's `1.25e-7`.
fn digits(x: f64, is_plain: bool, text: &str) -> Digits {
    let is_negative = x.is_sign_negative() && !x.is_nan();
    if !x.is_finite() {
        let digits = if x.is_nan() { "nan" } else { "inf" };
        return Digits { is_negative, digits: digits.to_owned(), exponent: None, is_plain };
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    Digits {
        is_negative,
        digits: digits.replace('.', ""),
        exponent: Some(exponent.parse().unwrap_or(0)),
        is_plain,
    }
}

impl Digits {
    /// Python's choice between `123.0` and `1.23e+20`; complex parts leave out the `.0`.
    fn repr(&self, adds_point_zero: bool) -> String {
        let sign = if self.is_negative { "-" } else { "" };
        let digits = &self.digits;
        let Some(exponent) = self.exponent else { return format!("{sign}{digits}") };
        if !self.is_plain {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return format!("{sign}{first}{point}{rest}{}", exponent_text(exponent));
        }
        if exponent < 0 {
            return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
        }
        let whole = exponent as usize + 1;
        if digits.len() > whole {
            let (whole, fraction) = digits.split_at(whole);
            return format!("{sign}{whole}.{fraction}");
        }
        format!("{sign}{digits:0<whole$}{}", if adds_point_zero { ".0" } else { "" })
    }
}

/// `e+05`, with two digits at least.
fn exponent_text(exponent: i32) -> String {
    format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}

fn join_complex(real: &Digits, imaginary: &Digits) -> String {
    let second = imaginary.repr(false);
    if real.digits == "0" && !real.is_negative {
        return format!("{second}j");
    }
    let plus = if imaginary.is_negative { "" } else { "+" };
    format!("({}{plus}{second}j)", real.repr(false))
}

#[cfg(test)]
mod tests;
