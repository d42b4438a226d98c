//! Values on the command line: `2.5`, `3:u32`, `1,2,3:f32`, `@data.npy`, `zeros:100x100:f32`, `rand:1e6`, `like:x`.
//!
//! Text in, a [`Spec`] out; nothing is read or generated here. Every form is safe in a shell without quotes.

use kjit::{DType, Scalar};
use num_complex::Complex;

/// What a value's text asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Spec {
    /// `None`.
    None,
    /// One number; `is_typed` if the type was written.
    Scalar { value: Scalar, is_typed: bool },
    /// `1,2,3` or `1,2;3,4` (rows).
    Array { rows: Vec<Vec<Scalar>>, is_matrix: bool, dtype: Option<DType> },
    /// `@file.npy`, `@file.npz#name`.
    File { path: String, member: Option<String> },
    /// `zeros:SHAPE[:TYPE]` and so on.
    Generate { generator: Generator, dtype: Option<DType> },
    /// `like:NAME`: zeros of the same shape and type.
    Like(String),
    /// Text that is not one of the above: a string argument or an expression of the language.
    Text(String),
}

/// How elements are made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Generator {
    Full { shape: Vec<usize>, value: Scalar },
    Arange { start: f64, stop: f64, step: f64, is_integer: bool },
    Linspace { start: f64, stop: f64, count: usize },
    Random { shape: Vec<usize> },
    Normal { shape: Vec<usize> },
    Integers { low: i64, high: i64, shape: Vec<usize> },
}

/// Reads a value's text.
///
/// # Errors
/// A sentence that says what is wrong and shows the form.
pub(crate) fn parse(text: &str) -> Result<Spec, String> {
    if let Some(rest) = text.strip_prefix('@') {
        let (path, member) = match rest.rsplit_once('#') {
            Some((path, member)) => (path, Some(member.to_owned())),
            None => (rest, None),
        };
        if path.is_empty() {
            return Err("`@` needs a file: `x=@data.npy`".into());
        }
        return Ok(Spec::File { path: path.to_owned(), member });
    }
    if text == "None" {
        return Ok(Spec::None);
    }
    if let Some((head, rest)) = text.split_once(':')
        && let Some(spec) = generator(head, rest)
    {
        return spec;
    }
    let (body, dtype) = split_type(text);
    if body.contains([',', ';'])
        && let Some(rows) = rows(body)
    {
        let is_matrix = body.contains(';');
        if rows.iter().any(|row| row.len() != rows[0].len()) {
            return Err(format!("the rows of `{text}` have different lengths"));
        }
        return Ok(Spec::Array { rows, is_matrix, dtype });
    }
    match (number(body), dtype) {
        (Some(value), Some(dtype)) => Ok(Spec::Scalar { value: convert(value, dtype)?, is_typed: true }),
        (Some(value), None) => Ok(Spec::Scalar { value, is_typed: false }),
        (None, _) => Ok(Spec::Text(text.to_owned())),
    }
}

/// `3:u32` into `3` and the type, if what follows the last colon names one.
fn split_type(text: &str) -> (&str, Option<DType>) {
    match text.rsplit_once(':') {
        Some((body, name)) if DType::from_name(name).is_some() => (body, DType::from_name(name)),
        _ => (text, None),
    }
}

fn rows(body: &str) -> Option<Vec<Vec<Scalar>>> {
    // `1,` is an array of one element, as in Python.
    let row =
        |row: &str| row.strip_suffix(',').unwrap_or(row).split(',').map(|item| number(item.trim())).collect();
    body.split(';').map(row).collect()
}

/// A number as Python writes it.
fn number(text: &str) -> Option<Scalar> {
    match text {
        "True" | "true" => return Some(Scalar::Bool(true)),
        "False" | "false" => return Some(Scalar::Bool(false)),
        _ => {}
    }
    let digits = text.replace('_', "");
    if let Ok(value) = digits.parse::<i64>() {
        return Some(Scalar::I64(value));
    }
    if let Ok(value) = digits.parse::<u64>() {
        return Some(Scalar::U64(value));
    }
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok().map(Scalar::I64);
    }
    if let Some(value) = float(&digits) {
        return Some(Scalar::F64(value));
    }
    complex(&digits).map(Scalar::C128)
}

fn float(text: &str) -> Option<f64> {
    // Rust also reads `infinity` and `nan` in any case, as Python's `float` does; but a bare word must stay a word.
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_word = matches!(unsigned, "inf" | "nan");
    (is_word || unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        .then(|| text.parse().ok())
        .flatten()
}

fn complex(text: &str) -> Option<Complex<f64>> {
    let body = text.trim_matches(['(', ')']).strip_suffix(['j', 'J'])?;
    // The sign between the parts is the last one that is neither first nor in an exponent.
    let split = body.char_indices().rfind(|&(at, c)| {
        at > 0 && matches!(c, '+' | '-') && !matches!(body.as_bytes()[at - 1], b'e' | b'E')
    });
    let (re, im) = match split {
        Some((at, _)) => (float(&body[..at])?, &body[at..]),
        None => (0.0, body),
    };
    let im = match im {
        "+" | "" => 1.0,
        "-" => -1.0,
        im => float(im)?,
    };
    Some(Complex::new(re, im))
}

/// The generator of that name, or `None` if there is none.
fn generator(head: &str, rest: &str) -> Option<Result<Spec, String>> {
    let usage = match head {
        "like" => return Some(Ok(Spec::Like(rest.to_owned()))),
        "zeros" | "ones" | "empty" => "SHAPE[:TYPE]",
        "full" => "SHAPE:VALUE[:TYPE]",
        "arange" => "STOP or START:STOP[:STEP][:TYPE]",
        "linspace" => "START:STOP:COUNT[:TYPE]",
        "rand" | "randn" => "SHAPE[:TYPE]",
        "randint" => "LOW:HIGH:SHAPE[:TYPE]",
        _ => return None,
    };
    let (body, dtype) = split_type(rest);
    let parts: Vec<&str> = body.split(':').collect();
    let made = make(head, &parts);
    Some(made.map(|generator| Spec::Generate { generator, dtype }).ok_or_else(|| {
        format!("`{head}:{rest}` is not of the form `{head}:{usage}`, such as `{}`", example(head))
    }))
}

fn example(head: &str) -> &'static str {
    match head {
        "zeros" => "zeros:1000x1000:f32",
        "ones" => "ones:1e6",
        "empty" => "empty:100",
        "full" => "full:100x3:0.5",
        "arange" => "arange:0:10:0.5",
        "linspace" => "linspace:0:1:101",
        "rand" => "rand:1e6",
        "randn" => "randn:1000x3",
        _ => "randint:0:256:1e6:u8",
    }
}

fn make(head: &str, parts: &[&str]) -> Option<Generator> {
    Some(match (head, parts) {
        ("zeros" | "empty", [shape]) => {
            Generator::Full { shape: parse_shape(shape)?, value: Scalar::F64(0.0) }
        }
        ("ones", [shape]) => Generator::Full { shape: parse_shape(shape)?, value: Scalar::F64(1.0) },
        ("full", [shape, value]) => Generator::Full { shape: parse_shape(shape)?, value: number(value)? },
        ("arange", numbers) => {
            let values: Vec<Scalar> = numbers.iter().map(|text| number(text)).collect::<Option<_>>()?;
            let is_integer = values.iter().all(|value| matches!(value, Scalar::I64(_)));
            let value = |k: usize| values.get(k).map(|value| value.as_f64());
            let (start, stop) = if values.len() == 1 { (0.0, value(0)?) } else { (value(0)?, value(1)?) };
            let step = value(2).unwrap_or(1.0);
            if values.len() > 3 || step == 0.0 {
                return None;
            }
            Generator::Arange { start, stop, step, is_integer }
        }
        ("linspace", [start, stop, count]) => {
            Generator::Linspace { start: float(start)?, stop: float(stop)?, count: parse_extent(count)? }
        }
        ("rand", [shape]) => Generator::Random { shape: parse_shape(shape)? },
        ("randn", [shape]) => Generator::Normal { shape: parse_shape(shape)? },
        ("randint", [low, high, shape]) => {
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            if low >= high {
                return None;
            }
            Generator::Integers { low, high, shape: parse_shape(shape)? }
        }
        _ => return None,
    })
}

/// `1000x1000`, `1e6`.
fn parse_shape(text: &str) -> Option<Vec<usize>> {
    let shape: Vec<usize> = text.split('x').map(parse_extent).collect::<Option<_>>()?;
    (shape.len() <= 8).then_some(shape)
}

fn parse_extent(text: &str) -> Option<usize> {
    if let Ok(extent) = text.replace('_', "").parse() {
        return Some(extent);
    }
    let value = float(text)?;
    (value >= 0.0 && value.fract() == 0.0 && value < 9e15).then_some(value as usize)
}

/// A number as another type.
///
/// # Errors
/// If it does not fit.
pub(crate) fn convert(value: Scalar, to: DType) -> Result<Scalar, String> {
    let misfit = || format!("{} does not fit in {to}", show(value));
    let integer = || -> Result<i128, String> {
        match value {
            Scalar::Bool(x) => Ok(x.into()),
            Scalar::I64(x) => Ok(x.into()),
            Scalar::U64(x) => Ok(x.into()),
            // `1e6:i64` is a natural way to write a size.
            Scalar::F64(x) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(x as i128),
            _ => Err(misfit()),
        }
    };
    fn fit<T: TryFrom<i128>>(value: i128, misfit: impl Fn() -> String) -> Result<T, String> {
        T::try_from(value).map_err(|_| misfit())
    }
    Ok(match to {
        DType::Bool => match integer()? {
            0 => Scalar::Bool(false),
            1 => Scalar::Bool(true),
            _ => return Err(misfit()),
        },
        DType::I8 => Scalar::I8(fit(integer()?, misfit)?),
        DType::I16 => Scalar::I16(fit(integer()?, misfit)?),
        DType::I32 => Scalar::I32(fit(integer()?, misfit)?),
        DType::I64 => Scalar::I64(fit(integer()?, misfit)?),
        DType::U8 => Scalar::U8(fit(integer()?, misfit)?),
        DType::U16 => Scalar::U16(fit(integer()?, misfit)?),
        DType::U32 => Scalar::U32(fit(integer()?, misfit)?),
        DType::U64 => Scalar::U64(fit(integer()?, misfit)?),
        DType::F32 if !value.dtype().is_complex() => Scalar::F32(value.as_f64() as f32),
        DType::F64 if !value.dtype().is_complex() => Scalar::F64(value.as_f64()),
        DType::F32 | DType::F64 => return Err(misfit()),
        DType::C64 | DType::C128 => {
            let z = match value {
                Scalar::C128(z) => z,
                other => Complex::new(other.as_f64(), 0.0),
            };
            if to == DType::C64 {
                Scalar::C64(Complex::new(z.re as f32, z.im as f32))
            } else {
                Scalar::C128(z)
            }
        }
    })
}

/// A number as Python prints it, near enough for messages.
pub(crate) fn show(value: Scalar) -> String {
    match value {
        Scalar::Bool(x) => {
            if x {
                "True".into()
            } else {
                "False".into()
            }
        }
        Scalar::I64(x) => x.to_string(),
        Scalar::U64(x) => x.to_string(),
        Scalar::C64(z) => z.to_string(),
        Scalar::C128(z) => z.to_string(),
        other => other.as_f64().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str) -> Scalar {
        match parse(text) {
            Ok(Spec::Scalar { value, .. }) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn numbers_are_python_s() {
        assert_eq!(scalar("2"), Scalar::I64(2));
        assert_eq!(scalar("-1_000"), Scalar::I64(-1000));
        assert_eq!(scalar("2.5"), Scalar::F64(2.5));
        assert_eq!(scalar("1e6"), Scalar::F64(1e6));
        assert_eq!(scalar("inf"), Scalar::F64(f64::INFINITY));
        assert_eq!(scalar("True"), Scalar::Bool(true));
        assert_eq!(scalar("3:u32"), Scalar::U32(3));
        assert_eq!(scalar("18446744073709551615"), Scalar::U64(u64::MAX));
        assert_eq!(scalar("1+2j"), Scalar::C128(Complex::new(1.0, 2.0)));
        assert_eq!(scalar("1e-3-2.5e+2j:c128"), Scalar::C128(Complex::new(1e-3, -250.0)));
        assert_eq!(scalar("-1j"), Scalar::C128(Complex::new(0.0, -1.0)));
        assert_eq!(scalar("0xff:u8"), Scalar::U8(255));
        assert!(parse("300:u8").unwrap_err().contains("does not fit in u8"));
        assert!(parse("1.5:i32").unwrap_err().contains("does not fit"));
        assert_eq!(parse("banana"), Ok(Spec::Text("banana".into())));
    }

    #[test]
    fn arrays_and_generators() {
        let Ok(Spec::Array { rows, is_matrix, dtype }) = parse("1,2,3:f32") else { panic!() };
        assert_eq!((rows[0].len(), is_matrix, dtype), (3, false, Some(DType::F32)));
        let Ok(Spec::Array { rows, is_matrix, .. }) = parse("1,2;3,4") else { panic!() };
        assert_eq!((rows.len(), is_matrix), (2, true));
        let Ok(Spec::Array { rows, .. }) = parse("7,") else { panic!() };
        assert_eq!(rows, [[Scalar::I64(7)]]);
        assert!(parse("1,2;3").unwrap_err().contains("different lengths"));
        assert_eq!(
            parse("zeros:10x20:f32"),
            Ok(Spec::Generate {
                generator: Generator::Full { shape: vec![10, 20], value: Scalar::F64(0.0) },
                dtype: Some(DType::F32)
            })
        );
        assert!(matches!(
            parse("rand:1e6"),
            Ok(Spec::Generate { generator: Generator::Random { shape }, dtype: None }) if shape == [1_000_000]
        ));
        assert!(matches!(
            parse("arange:0:10:0.5"),
            Ok(Spec::Generate { generator: Generator::Arange { is_integer: false, .. }, .. })
        ));
        assert_eq!(parse("@d.npz#x"), Ok(Spec::File { path: "d.npz".into(), member: Some("x".into()) }));
        assert_eq!(parse("like:x"), Ok(Spec::Like("x".into())));
        for wrong in ["zeros:ten", "randint:5:5:10", "linspace:0:1", "arange:0:1:0", "full:10"] {
            assert!(parse(wrong).unwrap_err().contains("is not of the form"), "{wrong}");
        }
    }

    /// Any text is a value or an error.
    #[test]
    fn no_text_panics() {
        let pieces = [
            "1",
            "9",
            "-",
            "+",
            ".",
            "e",
            "j",
            ",",
            ";",
            ":",
            "x",
            "@",
            "#",
            "(",
            "_",
            "0x",
            "inf",
            "nan",
            "like:",
            "zeros:",
            "rand:",
            "arange:",
            "randint:",
            "linspace:",
            "full:",
            "f32",
            "i64",
            "c128",
            "u8",
            "bool",
            "\u{e9}",
            " ",
            "None",
            "1e999",
            "18446744073709551616",
        ];
        let mut random = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..=(random >> 60) {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text += pieces[(random >> 33) as usize % pieces.len()];
            }
            let _ = parse(&text);
        }
    }
}
