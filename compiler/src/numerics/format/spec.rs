//! The format specification of f-strings: `[[fill]align][sign][z][#][0][width][,|_][.precision][type]`.
//!
//! Written once from CPython 3.11 (`Python/formatter_unicode.c`), messages included; `n` is `d` or `g`, since there
//! is no locale.

use super::{exponent_text, repr_bool, repr_complex, repr_f64};

/// Widths and precisions above this are refused.
const MAX_WIDTH: usize = 1_000_000;
/// No `f64` has more digits after the point than this.
const MAX_DIGITS: usize = 1100;

/// A parsed specification, ready to format values of any type.
///
/// ```
/// use kjit_compiler::numerics::format::FormatSpec;
/// let spec = FormatSpec::parse(">10,.2f")?;
/// assert_eq!(spec.format_f64(12345.678)?, " 12,345.68");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatSpec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    coerces_negative_zero: bool,
    is_alternate: bool,
    has_zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    ty: Option<char>,
}

impl FormatSpec {
    /// Parses the text after the colon.
    ///
    /// # Errors
    /// CPython's message for what it cannot read. Whether the type letter fits the value is checked when formatting.
    pub fn parse(text: &str) -> Result<FormatSpec, String> {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '=' | '^'));
        let (mut fill, mut align) = (None, None);
        if is_align(chars.get(1)) {
            (fill, align, at) = (Some(chars[0]), Some(chars[1]), 2);
        } else if is_align(chars.first()) {
            (align, at) = (Some(chars[0]), 1);
        }
        let mut take = |accepted: &[char]| {
            let found = chars.get(at).copied().filter(|c| accepted.contains(c));
            at += usize::from(found.is_some());
            found
        };
        let sign = take(&['+', '-', ' ']);
        let coerces_negative_zero = take(&['z']).is_some();
        let is_alternate = take(&['#']).is_some();
        let has_zero = fill.is_none() && take(&['0']).is_some();
        let width = number(&chars, &mut at)?.unwrap_or(0);
        let grouping = chars.get(at).copied().filter(|c| matches!(c, ',' | '_'));
        if let Some(first) = grouping {
            at += 1;
            match chars.get(at) {
                Some(&second @ (',' | '_')) if second != first => {
                    return Err("Cannot specify both ',' and '_'.".to_owned());
                }
                Some(second @ (',' | '_')) => {
                    return Err(format!("Cannot specify '{first}' with '{second}'."));
                }
                _ => {}
            }
        }
        let mut precision = None;
        if chars.get(at) == Some(&'.') {
            at += 1;
            precision = number(&chars, &mut at)?;
            if precision.is_none() {
                return Err("Format specifier missing precision".to_owned());
            }
        }
        let ty = chars.get(at).copied();
        if chars.len() > at + 1 {
            return Err("Invalid format specifier".to_owned());
        }
        let is_decimal = matches!(ty, None | Some('d' | 'e' | 'f' | 'g' | 'E' | 'F' | 'G' | '%'));
        let allows_grouping =
            is_decimal || (grouping == Some('_') && matches!(ty, Some('b' | 'o' | 'x' | 'X')));
        if let (false, Some(grouping), Some(ty)) = (allows_grouping, grouping, ty) {
            return Err(format!("Cannot specify '{grouping}' with '{ty}'."));
        }
        Ok(FormatSpec {
            fill,
            align,
            sign,
            coerces_negative_zero,
            is_alternate,
            has_zero,
            width,
            grouping,
            precision,
            ty,
        })
    }

    /// Is nothing specified, so that the value is written as by `str`?
    pub fn is_empty(&self) -> bool {
        *self == FormatSpec::parse("").unwrap_or_else(|_| self.clone())
    }

    /// Formats an integer of any type.
    ///
    /// # Errors
    /// CPython's message if the type letter or an option is not for integers.
    pub fn format_int(&self, value: i128) -> Result<String, String> {
        match self.ty {
            Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return self.format_f64(value as f64),
            None | Some('b' | 'c' | 'd' | 'n' | 'o' | 'x' | 'X') => {}
            Some(ty) => return Err(unknown_code(ty, "int")),
        }
        if self.precision.is_some() {
            return Err("Precision not allowed in integer format specifier".to_owned());
        }
        if self.coerces_negative_zero {
            return Err("Negative zero coercion (z) not allowed in integer format specifier".to_owned());
        }
        let size = value.unsigned_abs();
        let (prefix, digits) = match self.ty {
            Some('b') => ("0b", format!("{size:b}")),
            Some('o') => ("0o", format!("{size:o}")),
            Some('x') => ("0x", format!("{size:x}")),
            Some('X') => ("0X", format!("{size:X}")),
            Some('c') => return self.format_char(value),
            _ => ("", size.to_string()),
        };
        let prefix = if self.is_alternate { prefix } else { "" };
        Ok(self.assemble(value < 0, prefix, &digits, ""))
    }

    /// Formats `True` or `False`: as text without a type letter and options, else as 1 or 0.
    ///
    /// # Errors
    /// As [`FormatSpec::format_int`].
    pub fn format_bool(&self, value: bool) -> Result<String, String> {
        if self.is_empty() { Ok(repr_bool(value).to_owned()) } else { self.format_int(i128::from(value)) }
    }

    /// Formats a float. An `f32` is converted first, as NumPy does.
    ///
    /// # Errors
    /// CPython's message if the type letter is not for floats.
    pub fn format_f64(&self, value: f64) -> Result<String, String> {
        let (is_negative, body) = self.float_body(value, true)?;
        let (whole, rest) = split_number(&body);
        Ok(self.assemble(is_negative, "", whole, rest))
    }

    /// Formats a complex number; without a type letter in parentheses.
    ///
    /// # Errors
    /// CPython's message if the type letter or an option is not for complex numbers.
    pub fn format_complex(&self, real: f64, imaginary: f64) -> Result<String, String> {
        if self.is_empty() {
            return Ok(repr_complex(real, imaginary));
        }
        if let Some(ty) = self.ty.filter(|ty| !matches!(ty, 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n')) {
            return Err(unknown_code(ty, "complex"));
        }
        if self.has_zero || self.fill == Some('0') {
            return Err("Zero padding is not allowed in complex format specifier".to_owned());
        }
        if self.align == Some('=') {
            return Err("'=' alignment flag is not allowed in complex format specifier".to_owned());
        }
        let inner = FormatSpec { fill: None, align: None, width: 0, ..self.clone() };
        let shows_real = self.ty.is_some() || real != 0.0 || real.is_sign_negative();
        let part = |spec: &FormatSpec, value: f64| -> Result<String, String> {
            let (is_negative, body) = spec.float_body(value, false)?;
            // Without a type letter the parts have no `.0`.
            let cut = match spec.ty {
                None if spec.precision.is_none() && body.ends_with(".0") => {
                    2 - usize::from(spec.is_alternate)
                }
                _ => 0,
            };
            let body = &body[..body.len() - cut];
            let (whole, rest) = split_number(body);
            Ok(spec.assemble(is_negative, "", whole, rest))
        };
        let text = if shows_real {
            let first = part(&inner, real)?;
            let second = part(&FormatSpec { sign: Some('+'), ..inner }, imaginary)?;
            if self.ty.is_none() { format!("({first}{second}j)") } else { format!("{first}{second}j") }
        } else {
            format!("{}j", part(&inner, imaginary)?)
        };
        Ok(self.pad(&text, '>'))
    }

    /// Formats a string; the precision cuts it.
    ///
    /// # Errors
    /// CPython's message if the type letter or an option is not for strings.
    pub fn format_str(&self, value: &str) -> Result<String, String> {
        if let Some(ty) = self.ty.filter(|&ty| ty != 's') {
            return Err(unknown_code(ty, "str"));
        }
        if let Some(grouping) = self.grouping {
            return Err(format!("Cannot specify '{grouping}' with 's'."));
        }
        let refused = if self.sign == Some(' ') {
            "Space not allowed in string format specifier"
        } else if self.sign.is_some() {
            "Sign not allowed in string format specifier"
        } else if self.coerces_negative_zero {
            "Negative zero coercion (z) not allowed in string format specifier"
        } else if self.is_alternate {
            "Alternate form (#) not allowed in string format specifier"
        } else if self.align == Some('=') {
            "'=' alignment not allowed in string format specifier"
        } else {
            let kept: String = value.chars().take(self.precision.unwrap_or(usize::MAX)).collect();
            return Ok(self.pad(&kept, '<'));
        };
        Err(refused.to_owned())
    }

    /// Type letter `c`.
    fn format_char(&self, value: i128) -> Result<String, String> {
        if self.sign.is_some() {
            return Err("Sign not allowed with integer format specifier 'c'".to_owned());
        }
        if self.is_alternate {
            return Err("Alternate form (#) not allowed with integer format specifier 'c'".to_owned());
        }
        let character = u32::try_from(value).ok().and_then(char::from_u32);
        let character = character.ok_or("%c arg not in range(0x110000)")?;
        Ok(self.pad(&character.to_string(), '>'))
    }

    /// The sign and the text after it, without padding and grouping. Parts of complex numbers get no `.0`.
    fn float_body(&self, value: f64, is_real: bool) -> Result<(bool, String), String> {
        let ty = match self.ty {
            None => None,
            Some(ty @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%')) => Some(ty),
            Some(ty) => return Err(unknown_code(ty, if is_real { "float" } else { "complex" })),
        };
        let value = if ty == Some('%') { value * 100.0 } else { value };
        let size = value.abs();
        let percent = if ty == Some('%') { "%" } else { "" };
        let is_upper = ty.is_some_and(|ty| ty.is_ascii_uppercase());
        let mut body = if size.is_nan() {
            "nan".to_owned()
        } else if size.is_infinite() {
            "inf".to_owned()
        } else {
            match (ty, self.precision) {
                (None, None) => self.with_point(repr_f64(size)),
                (None, Some(precision)) => self.general(size, precision, is_real),
                (Some('e' | 'E'), precision) => self.with_point(scientific(size, precision.unwrap_or(6))),
                (Some('f' | 'F' | '%'), precision) => self.with_point(fixed(size, precision.unwrap_or(6))),
                (Some(_), precision) => self.general(size, precision.unwrap_or(6), false),
            }
        };
        if is_upper {
            body = body.to_uppercase();
        }
        let is_zero = !body.contains(|c: char| matches!(c, '1'..='9' | 'n' | 'N'));
        let is_negative =
            value.is_sign_negative() && !value.is_nan() && !(self.coerces_negative_zero && is_zero);
        Ok((is_negative, body + percent))
    }

    /// Type letter `g`: so many significant digits, the shorter of the two notations, no trailing zeros.
    fn general(&self, size: f64, precision: usize, is_untyped: bool) -> String {
        let precision = precision.max(1);
        let text = scientific(size, precision - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        // Without a type letter there is room for the `.0`.
        let limit = precision as i64 - i64::from(is_untyped);
        let is_fixed = exponent >= -4 && i64::from(exponent) < limit;
        let digits = mantissa.replace('.', "");
        let mut body = if !is_fixed {
            mantissa.to_owned()
        } else if exponent < 0 {
            format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize))
        } else {
            let (whole, fraction) = digits.split_at((exponent as usize + 1).min(digits.len()));
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
        };
        if self.is_alternate {
            if !body.contains('.') {
                body.push('.');
            }
        } else if body.contains('.') {
            body.truncate(body.trim_end_matches('0').trim_end_matches('.').len());
        }
        if is_fixed && is_untyped && !body.contains('.') {
            body.push_str(".0");
        }
        if is_fixed { body } else { body + &exponent_text(exponent) }
    }

    /// `#` keeps the point of a number without a fraction.
    fn with_point(&self, text: String) -> String {
        if !self.is_alternate || text.contains('.') {
            return text;
        }
        match text.split_once('e') {
            Some((mantissa, exponent)) => format!("{mantissa}.e{exponent}"),
            None => text + ".",
        }
    }

    /// Sign, prefix, grouped digits and the rest, padded.
    fn assemble(&self, is_negative: bool, prefix: &str, digits: &str, rest: &str) -> String {
        let sign = match (is_negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        };
        let fill = self.fill_char();
        let align = self.align.unwrap_or(if self.has_zero { '=' } else { '>' });
        let taken = sign.len() + prefix.len() + rest.chars().count();
        let zeros_until = if fill == '0' && align == '=' { self.width.saturating_sub(taken) } else { 0 };
        let digits = self.group(digits, zeros_until);
        if align == '=' {
            let missing = self.width.saturating_sub(taken + digits.chars().count());
            let padding: String = std::iter::repeat_n(fill, missing).collect();
            return format!("{sign}{prefix}{padding}{digits}{rest}");
        }
        self.pad(&format!("{sign}{prefix}{digits}{rest}"), '>')
    }

    /// Inserts separators, and zeros in front up to the width; a separator is never first.
    fn group(&self, digits: &str, width: usize) -> String {
        let is_number = digits.starts_with(|c: char| c.is_ascii_hexdigit()) && digits != "inf";
        let Some(separator) = self.grouping.filter(|_| is_number) else {
            let missing = width.saturating_sub(digits.len());
            return format!("{}{digits}", "0".repeat(missing));
        };
        let size = if matches!(self.ty, Some('b' | 'o' | 'x' | 'X')) { 4 } else { 3 };
        let mut reversed: Vec<char> = Vec::new();
        let mut source = digits.chars().rev().fuse();
        let mut count = 0;
        loop {
            let next = source.next();
            let is_padding = next.is_none();
            if is_padding && reversed.len() >= width {
                break;
            }
            if count > 0 && count % size == 0 {
                reversed.push(separator);
            }
            reversed.push(next.unwrap_or('0'));
            count += 1;
        }
        reversed.into_iter().rev().collect()
    }

    fn fill_char(&self) -> char {
        self.fill.unwrap_or(if self.has_zero { '0' } else { ' ' })
    }

    /// Fills up to the width.
    fn pad(&self, text: &str, default_align: char) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        let left = match self.align.unwrap_or(default_align) {
            '<' => 0,
            '^' => missing / 2,
            _ => missing,
        };
        let fill = |count: usize| std::iter::repeat_n(self.fill_char(), count).collect::<String>();
        format!("{}{text}{}", fill(left), fill(missing - left))
    }
}

/// The number at this position, if there is one.
fn number(chars: &[char], at: &mut usize) -> Result<Option<usize>, String> {
    let mut value = None;
    while let Some(digit) = chars.get(*at).and_then(|c| c.to_digit(10)) {
        let next = value.unwrap_or(0usize).saturating_mul(10).saturating_add(digit as usize);
        if next > MAX_WIDTH {
            return Err("Too many decimal digits in format string".to_owned());
        }
        value = Some(next);
        *at += 1;
    }
    Ok(value)
}

fn unknown_code(ty: char, type_name: &str) -> String {
    format!("Unknown format code '{ty}' for object of type '{type_name}'")
}

/// The digits before the point, and everything after them.
fn split_number(body: &str) -> (&str, &str) {
    if body.starts_with(|c: char| c.is_ascii_digit()) {
        let whole = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
        body.split_at(whole)
    } else {
        (body, "")
    }
}

/// Correctly rounded digits after the point.
fn fixed(size: f64, precision: usize) -> String {
    let kept = precision.min(MAX_DIGITS);
    format!("{size:.kept$}{}", "0".repeat(precision - kept))
}

/// One digit before the point, so many after it, and the exponent.
fn scientific(size: f64, precision: usize) -> String {
    let kept = precision.min(MAX_DIGITS);
    let text = format!("{size:.kept$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let zeros = "0".repeat(precision - kept);
    format!("{mantissa}{zeros}{}", exponent_text(exponent.parse().unwrap_or(0)))
}
