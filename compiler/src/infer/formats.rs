//! Values as text: which can be shown, and which format specifications fit them.

use crate::base::{Code, Diagnostic, Span};
use crate::numerics::format::FormatSpec;
use crate::types::{DType, Ty};

/// A value that cannot become text.
pub(super) fn unprintable(span: Span, text: &str, ty: &Ty) -> Option<Diagnostic> {
    match ty {
        Ty::None | Ty::Scalar(_) | Ty::Str(_) => None,
        Ty::Tuple(items) => items.iter().find_map(|item| unprintable(span, text, item)),
        Ty::Array(_) | Ty::Rng | Ty::Event => Some(
            Diagnostic::error(Code::K303, span, format!("a value of type `{ty}` cannot be printed"))
                .primary(format!("this is `{ty}`"))
                .help(match ty {
                    Ty::Array(_) => format!("print elements, `{text}[0]`, or a summary, `{text}.sum()`"),
                    Ty::Event => "print the time between two: `start.elapsed_time(end)`".to_owned(),
                    _ => "print the numbers that it draws".to_owned(),
                }),
        ),
    }
}

/// K314 if the format specification is wrong, or wrong for the type; K303 if the value cannot be text at all.
pub(super) fn format_spec(span: Span, ty: &Ty, spec: &str) -> Option<Diagnostic> {
    if let Some(diag) = unprintable(span, "x", ty) {
        return Some(diag);
    }
    if spec.is_empty() {
        return None;
    }
    let what = match ty {
        Ty::Str(_) => "this is text".to_owned(),
        ty => format!("this is `{ty}`"),
    };
    let wrong = |text: String| Some(Diagnostic::error(Code::K314, span, text).primary(what.clone()));
    let Some(kind) = format_kind(spec) else {
        return wrong(format!("the format {spec:?} cannot be read"))
            .map(|d| d.help("write a width and digits, such as `{x:8.3f}`"));
    };
    let (allowed, help) = match ty {
        Ty::Scalar(dtype) if dtype.is_float() => {
            ("eEfFgGn%", "numbers have the formats `f`, `e`, `g` and `%`")
        }
        Ty::Scalar(dtype) if dtype.is_complex() => {
            ("eEfFgGn", "complex numbers have the formats `f`, `e` and `g`")
        }
        Ty::Scalar(_) => {
            ("bcdeEfFgGnoxX%", "integers have the formats `d`, `x`, `o`, `b`, `f`, `e`, `g` and `%`")
        }
        Ty::Str(_) => ("s", "strings have the format `s`"),
        Ty::None | Ty::Tuple(_) | Ty::Array(_) | Ty::Rng | Ty::Event => {
            return wrong(format!("a value of type `{ty}` has no formats"))
                .map(|d| d.help("leave the format out"));
        }
    };
    let is_int = matches!(ty, Ty::Scalar(dtype) if dtype.is_int() || *dtype == DType::Bool);
    if let Some(kind) = kind.0
        && !allowed.contains(kind)
    {
        let what = if matches!(ty, Ty::Str(_)) { "text".to_owned() } else { format!("`{ty}`") };
        return wrong(format!("the format `{kind}` does not fit {what}")).map(|d| d.help(help));
    }
    // Digits after the point are not for whole numbers in whole formats.
    if is_int && kind.1 && kind.0.is_none_or(|kind| "bcdnoxX".contains(kind)) {
        return wrong("digits after the point do not fit an integer".to_owned())
            .map(|d| d.help("write the format of a float: `{x:.3f}`"));
    }
    // What is left are parts that do not go together.
    let trial = FormatSpec::parse(spec).and_then(|spec| match ty {
        Ty::Scalar(dtype) if dtype.is_float() => spec.format_f64(0.0),
        Ty::Scalar(dtype) if dtype.is_complex() => spec.format_complex(0.0, 0.0),
        Ty::Scalar(_) => spec.format_int(0),
        _ => spec.format_str(""),
    });
    let error = trial.err()?;
    let text = format!("the format {spec:?} does not fit: {}", error.trim_end_matches('.').to_lowercase());
    wrong(text).map(|d| d.help(help))
}

/// Reads `[[fill]align][sign][z][#][0][width][,_][.digits][type]`: its type, and whether it has digits.
fn format_kind(spec: &str) -> Option<(Option<char>, bool)> {
    let chars: Vec<char> = spec.chars().collect();
    let mut at = 0;
    let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '=' | '^'));
    if is_align(chars.get(1)) {
        at = 2;
    } else if is_align(chars.first()) {
        at = 1;
    }
    let mut skip = |set: &str, is_many: bool| {
        let start = at;
        while chars.get(at).is_some_and(|c| set.contains(*c)) {
            at += 1;
            if !is_many {
                break;
            }
        }
        at - start
    };
    skip("+- ", false);
    skip("z", false);
    skip("#", false);
    let width = skip("0123456789", true);
    skip(",_", false);
    let has_digits = skip(".", false) == 1;
    let digits = if has_digits { skip("0123456789", true) } else { 0 };
    if (has_digits && digits == 0) || digits > 3 || width > 4 {
        return None;
    }
    match &chars[at..] {
        [] => Some((None, has_digits)),
        [kind] if kind.is_ascii_alphabetic() || *kind == '%' => Some((Some(*kind), has_digits)),
        _ => None,
    }
}
