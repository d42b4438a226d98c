//! The values that case files write: `3`, `2.5:f32`, `1-2j`, `True`, `[[1, 2], [3, 4]]:u8`, `(1, 2.0)`, `None`, `"text"`.
//!
//! In: the text after a call's bracket or after `==`. Out: a [`Literal`]. Types are those that are written; a caller may
//! have a better idea ([`Literal::with_dtype`]).

use kjit_compiler::types::DType;

/// One number as written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// `True`.
    Bool(bool),
    /// `3`.
    Int(i128),
    /// `3.0`, `nan`, `inf`.
    Float(f64),
    /// `1+2j`.
    Complex(f64, f64),
}

/// A value as written.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// `None`.
    None,
    /// A number and the type after its colon.
    Number(Number, Option<DType>),
    /// Nested lists: shape, elements in C order, the type after the colon.
    List(Vec<usize>, Vec<Number>, Option<DType>),
    /// `(1, 2)`.
    Tuple(Vec<Literal>),
    /// `"text"`.
    Text(String),
    /// A name that the test bound before.
    Name(String),
}

/// An expression of a call line: a function's name with its arguments, or a bound name.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The function.
    pub function: String,
    /// Positional arguments.
    pub args: Vec<Literal>,
    /// Arguments by name.
    pub keywords: Vec<(String, Literal)>,
}

impl Number {
    /// The type of a number without a written one.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Number::Bool(_) => DType::Bool,
            Number::Int(_) => DType::I64,
            Number::Float(_) => DType::F64,
            Number::Complex(..) => DType::C128,
        }
    }

    fn real(self) -> f64 {
        match self {
            Number::Bool(b) => f64::from(u8::from(b)),
            Number::Int(i) => i as f64,
            Number::Float(x) | Number::Complex(x, _) => x,
        }
    }

    fn integer(self) -> i128 {
        match self {
            Number::Bool(b) => i128::from(b),
            Number::Int(i) => i,
            Number::Float(x) | Number::Complex(x, _) => x as i128,
        }
    }

    /// Its bytes as an element of that type, little-endian.
    #[must_use]
    pub fn bytes(self, dtype: DType) -> Vec<u8> {
        let imaginary = if let Number::Complex(_, imaginary) = self { imaginary } else { 0.0 };
        match dtype {
            DType::Bool => vec![u8::from(self.real() != 0.0)],
            DType::I8
            | DType::U8
            | DType::I16
            | DType::U16
            | DType::I32
            | DType::U32
            | DType::I64
            | DType::U64 => self.integer().to_le_bytes()[..dtype.size_bytes()].to_vec(),
            DType::F32 => (self.real() as f32).to_le_bytes().to_vec(),
            DType::F64 => self.real().to_le_bytes().to_vec(),
            DType::C64 => [(self.real() as f32).to_le_bytes(), (imaginary as f32).to_le_bytes()].concat(),
            DType::C128 => [self.real().to_le_bytes(), imaginary.to_le_bytes()].concat(),
        }
    }
}

impl Literal {
    /// The same value with that element type, if none was written.
    #[must_use]
    pub fn with_dtype(self, dtype: DType) -> Literal {
        match self {
            Literal::Number(number, None) => Literal::Number(number, Some(dtype)),
            Literal::List(shape, items, None) => Literal::List(shape, items, Some(dtype)),
            other => other,
        }
    }

    /// The element type of a number or list: as written, else that of its widest element (`f64` for an empty list).
    #[must_use]
    pub fn dtype(&self) -> Option<DType> {
        match self {
            Literal::Number(number, dtype) => Some(dtype.unwrap_or(number.dtype())),
            Literal::List(_, items, dtype) => {
                let widest = items.iter().map(|item| item.dtype()).max().unwrap_or(DType::F64);
                Some(dtype.unwrap_or(widest))
            }
            Literal::None | Literal::Tuple(_) | Literal::Text(_) | Literal::Name(_) => None,
        }
    }
}

/// Element type of that name, as case files write it.
#[must_use]
pub fn dtype_named(name: &str) -> Option<DType> {
    DType::ALL.into_iter().find(|dtype| dtype.name() == name)
}

/// Reads one value; everything must be used up.
///
/// # Errors
/// A sentence.
pub fn parse_value(text: &str) -> Result<Literal, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

/// Reads `f(1, x, n=3)`.
///
/// # Errors
/// A sentence.
pub fn parse_call(text: &str) -> Result<Call, String> {
    let mut reader = Reader { text, at: 0 };
    let function = reader.word().ok_or("a function's name is missing")?;
    reader.expect("(")?;
    let mut call = Call { function, args: Vec::new(), keywords: Vec::new() };
    while !reader.take(")") {
        let start = reader.at;
        match reader.word() {
            Some(name) if reader.rest().starts_with('=') && !reader.rest().starts_with("==") => {
                reader.expect("=")?;
                call.keywords.push((name, reader.value()?));
            }
            _ => {
                reader.at = start;
                call.args.push(reader.value()?);
            }
        }
        if !reader.take(",") && !reader.rest().starts_with(')') {
            return Err(format!("`,` or `)` expected at `{}`", reader.rest()));
        }
    }
    reader.end()?;
    Ok(call)
}

/// Nested lists being read.
enum Nested {
    Number(Number),
    List(Vec<Nested>),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("`{token}` expected at `{}`", self.rest())) }
    }

    fn end(&mut self) -> Result<(), String> {
        if self.rest().is_empty() { Ok(()) } else { Err(format!("unexpected `{}`", self.rest())) }
    }

    fn word(&mut self) -> Option<String> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        Some(rest[..end].to_owned())
    }

    fn value(&mut self) -> Result<Literal, String> {
        let rest = self.rest();
        if rest.starts_with('[') {
            let nested = self.nested()?;
            let (mut shape, mut items) = (Vec::new(), Vec::new());
            shape_of(&nested, &mut shape);
            flatten(&nested, &shape, &mut items)?;
            let dtype = self.suffix()?;
            return Ok(Literal::List(shape, items, dtype));
        }
        if rest.starts_with('(') {
            return self.bracketed();
        }
        if let Some(quote) = rest.chars().next().filter(|c| *c == '"' || *c == '\'') {
            let end = rest[1..].find(quote).ok_or("a string without its end")?;
            self.at += end + 2;
            return Ok(Literal::Text(rest[1..=end].to_owned()));
        }
        if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let start = self.at;
            let word = self.word().unwrap_or_default();
            if word == "None" {
                return Ok(Literal::None);
            }
            if !is_number_word(&word) {
                return Ok(Literal::Name(word));
            }
            self.at = start;
        }
        let number = self.sum()?;
        let dtype = self.suffix()?;
        Ok(Literal::Number(number, dtype))
    }

    /// A tuple, or a complex number as Python prints it: `(1+2j)`.
    fn bracketed(&mut self) -> Result<Literal, String> {
        self.expect("(")?;
        let mut items = Vec::new();
        let mut is_tuple = false;
        while !self.take(")") {
            items.push(self.value()?);
            if self.take(",") {
                is_tuple = true;
            } else if !self.rest().starts_with(')') {
                return Err(format!("`,` or `)` expected at `{}`", self.rest()));
            }
        }
        if is_tuple || items.is_empty() {
            return Ok(Literal::Tuple(items));
        }
        let only = items.remove(0);
        Ok(match self.suffix()? {
            Some(dtype) => only.with_dtype(dtype),
            None => only,
        })
    }

    fn suffix(&mut self) -> Result<Option<DType>, String> {
        if !self.take(":") {
            return Ok(None);
        }
        let name = self.word().ok_or("a type is missing after `:`")?;
        dtype_named(&name).map(Some).ok_or(format!("`{name}` is no element type"))
    }

    fn nested(&mut self) -> Result<Nested, String> {
        if !self.take("[") {
            // Elements may be complex numbers in brackets.
            if self.take("(") {
                let number = self.sum()?;
                self.expect(")")?;
                return Ok(Nested::Number(number));
            }
            return Ok(Nested::Number(self.sum()?));
        }
        let mut items = Vec::new();
        while !self.take("]") {
            items.push(self.nested()?);
            if !self.take(",") && !self.rest().starts_with(']') {
                return Err(format!("`,` or `]` expected at `{}`", self.rest()));
            }
        }
        Ok(Nested::List(items))
    }

    /// A number, or a real and an imaginary part.
    fn sum(&mut self) -> Result<Number, String> {
        let first = self.number()?;
        let rest = self.rest();
        if rest.starts_with(['+', '-']) && !matches!(first, Number::Complex(..)) {
            let Number::Complex(_, imaginary) = self.number()? else {
                return Err(format!("an imaginary part expected at `{rest}`"));
            };
            return Ok(Number::Complex(first.real(), imaginary));
        }
        Ok(first)
    }

    fn number(&mut self) -> Result<Number, String> {
        let is_negative = self.take("-");
        if !is_negative {
            self.take("+");
        }
        let rest = self.rest();
        for (word, value) in [("True", true), ("False", false)] {
            if self.take(word) {
                return Ok(Number::Bool(value));
            }
        }
        for (word, value) in [("nan", f64::NAN), ("inf", f64::INFINITY)] {
            if self.take(word) {
                let value = if is_negative { -value } else { value };
                let is_imaginary = self.take("j");
                return Ok(if is_imaginary { Number::Complex(0.0, value) } else { Number::Float(value) });
            }
        }
        if let Some(hex) = rest.strip_prefix("0x") {
            let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
            self.at += 2 + end;
            let value = i128::from_str_radix(&hex[..end], 16).map_err(|error| error.to_string())?;
            return Ok(Number::Int(if is_negative { -value } else { value }));
        }
        let mut end = 0;
        let bytes = rest.as_bytes();
        while end < bytes.len()
            && (bytes[end].is_ascii_digit()
                || matches!(bytes[end], b'.' | b'e' | b'E' | b'_')
                || (matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E')))
        {
            end += 1;
        }
        let digits = rest[..end].replace('_', "");
        if digits.is_empty() {
            return Err(format!("a number expected at `{rest}`"));
        }
        self.at += end;
        let is_imaginary = self.take("j");
        let sign = if is_negative { -1.0 } else { 1.0 };
        if is_imaginary || digits.contains(['.', 'e', 'E']) {
            let value: f64 = digits.parse().map_err(|_| format!("`{digits}` is no number"))?;
            return Ok(if is_imaginary {
                Number::Complex(0.0, sign * value)
            } else {
                Number::Float(sign * value)
            });
        }
        let value: i128 = digits.parse().map_err(|_| format!("`{digits}` is no number"))?;
        Ok(Number::Int(if is_negative { -value } else { value }))
    }
}

fn is_number_word(word: &str) -> bool {
    matches!(word, "True" | "False" | "nan" | "inf" | "nanj" | "infj")
}

fn shape_of(nested: &Nested, shape: &mut Vec<usize>) {
    if let Nested::List(items) = nested {
        shape.push(items.len());
        if let Some(first) = items.first() {
            shape_of(first, shape);
        }
    }
}

fn flatten(nested: &Nested, shape: &[usize], items: &mut Vec<Number>) -> Result<(), String> {
    match (nested, shape) {
        (Nested::Number(number), []) => {
            items.push(*number);
            Ok(())
        }
        (Nested::List(list), [extent, rest @ ..]) if list.len() == *extent => {
            list.iter().try_for_each(|item| flatten(item, rest, items))
        }
        _ => Err("the lists of an array differ in length".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        assert_eq!(parse_value("-3:u8"), Ok(Literal::Number(Number::Int(-3), Some(DType::U8))));
        assert_eq!(parse_value("(1.5-2j)"), Ok(Literal::Number(Number::Complex(1.5, -2.0), None)));
        let two = vec![Number::Int(1), Number::Int(2)];
        assert_eq!(parse_value("[[1], [2]]:f32"), Ok(Literal::List(vec![2, 1], two, Some(DType::F32))));
        let tuple = Literal::Tuple(vec![Literal::None, Literal::Number(Number::Float(f64::INFINITY), None)]);
        assert_eq!(parse_value("(None, inf)"), Ok(tuple));
        assert!(parse_value("[[1], 2]").is_err());
    }

    #[test]
    fn calls_are_read() {
        let call = parse_call("f(x, 1e-3, n=2)").expect("a call");
        assert_eq!(call.function, "f");
        assert_eq!(call.args, [Literal::Name("x".into()), Literal::Number(Number::Float(1e-3), None)]);
        assert_eq!(call.keywords, [("n".into(), Literal::Number(Number::Int(2), None))]);
    }

    #[test]
    fn bytes_are_those_of_the_type() {
        assert_eq!(Number::Int(-1).bytes(DType::U16), [255, 255]);
        assert_eq!(Number::Int(1).bytes(DType::F64), 1.0_f64.to_le_bytes());
    }
}
