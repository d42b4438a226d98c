//! Results in words: name, type, shape, extremes, mean, first values.

use std::time::Duration;

use kjit::{ArrayRef, DType, DynArray, Scalar, Signature, Ty, Value};
use kjit_compiler::numerics::format;
use serde_json::{Value as Json, json};

/// How many values of an array are shown.
const SHOWN: usize = 6;

/// A result with the name it goes by.
#[derive(Clone)]
pub(crate) struct Named<'a> {
    pub(crate) name: String,
    pub(crate) part: Part<'a>,
}

/// A number or an array.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Scalar(Scalar),
    Array(&'a DynArray),
}

/// The parts of a returned value: `return`, or `return0`, `return1`, ... by position; `return0_1` within a part.
pub(crate) fn parts_of<'a>(
    value: &'a Value,
    name: &str,
    names: &[Option<String>],
    parts: &mut Vec<Named<'a>>,
) {
    match value {
        Value::None => {}
        Value::Scalar(scalar) => parts.push(Named { name: name.to_owned(), part: Part::Scalar(*scalar) }),
        Value::Array(array) => parts.push(Named { name: name.to_owned(), part: Part::Array(array) }),
        Value::Tuple(items) => {
            for (k, item) in items.iter().enumerate() {
                let own = names.get(k).cloned().flatten().unwrap_or_else(|| part_name(name, k));
                parts_of(item, &own, &[], parts);
            }
        }
    }
}

/// The name of a part by its position.
fn part_name(whole: &str, position: usize) -> String {
    let separator = if whole == "return" { "" } else { "_" };
    format!("{whole}{separator}{position}")
}

/// The names that the parts of a result of that type will have.
pub(crate) fn part_names(ty: &Ty, name: &str, names: &mut Vec<String>) {
    match ty {
        Ty::None | Ty::Str(_) => {}
        Ty::Scalar(_) | Ty::Array(_) | Ty::Rng | Ty::Event => names.push(name.to_owned()),
        Ty::Tuple(items) => {
            for (k, item) in items.iter().enumerate() {
                part_names(item, &part_name(name, k), names);
            }
        }
    }
}

/// A number as Python prints it.
pub(crate) fn scalar(value: Scalar) -> String {
    match value {
        Scalar::Bool(x) => {
            if x {
                "True".into()
            } else {
                "False".into()
            }
        }
        Scalar::I8(x) => x.to_string(),
        Scalar::I16(x) => x.to_string(),
        Scalar::I32(x) => x.to_string(),
        Scalar::I64(x) => x.to_string(),
        Scalar::U8(x) => x.to_string(),
        Scalar::U16(x) => x.to_string(),
        Scalar::U32(x) => x.to_string(),
        Scalar::U64(x) => x.to_string(),
        Scalar::F32(x) => format::repr_f32(x),
        Scalar::F64(x) => format::repr_f64(x),
        Scalar::C64(z) => format::repr_complex(f64::from(z.re), f64::from(z.im)),
        Scalar::C128(z) => format::repr_complex(z.re, z.im),
    }
}

/// A signature as annotations write it.
pub(crate) fn signature(signature: &Signature) -> String {
    let params: Vec<String> = signature.params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    format!("{}({}) -> {}", signature.name, params.join(", "), signature.ret)
}

/// A time for people, three digits.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "us"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// One line for a result.
pub(crate) fn line(named: &Named<'_>) -> String {
    match &named.part {
        Part::Scalar(value) => format!("{} = {}", named.name, scalar(*value)),
        Part::Array(array) => {
            let shape: Vec<String> = array.shape().iter().map(ToString::to_string).collect();
            let head = format!("{}: {}[{}]", named.name, array.dtype(), shape.join(" x "));
            match statistics(array) {
                Some(s) => {
                    let dtype = array.dtype();
                    let (min, max, mean) = (extreme(s.min, dtype), extreme(s.max, dtype), number(s.mean));
                    let nans = if s.nans > 0 { format!(", {} nan", s.nans) } else { String::new() };
                    format!("{head}  min {min}  max {max}  mean {mean}{nans}  {}", first(array))
                }
                None => format!("{head}  {}", first(array)),
            }
        }
    }
}

/// All elements, one row of the last axis per line.
pub(crate) fn full(named: &Named<'_>) -> String {
    let Part::Array(array) = &named.part else { return line(named) };
    let row = array.shape().last().copied().unwrap_or(1).max(1);
    let elements = elements(array, usize::MAX);
    let mut text = format!("{} =", named.name);
    for values in elements.chunks(row) {
        text.push_str("\n  ");
        text.push_str(&values.join(" "));
    }
    text
}

/// The same facts as data. Scalars in full; complex numbers as a pair.
pub(crate) fn as_json(named: &Named<'_>) -> Json {
    match &named.part {
        Part::Scalar(value) => {
            json!({ "name": named.name, "type": value.dtype().name(), "shape": [], "value": json_scalar(*value) })
        }
        Part::Array(array) => {
            let summary = statistics(array).map(|s| {
                let (min, max) = (json_extreme(s.min, array.dtype()), json_extreme(s.max, array.dtype()));
                json!({ "min": min, "max": max, "mean": json_f64(s.mean), "nan": s.nans })
            });
            json!({
                "name": named.name,
                "type": array.dtype().name(),
                "shape": array.shape(),
                "summary": summary,
                "first": scalars(array, SHOWN).into_iter().map(json_scalar).collect::<Vec<_>>(),
            })
        }
    }
}

/// JSON has no infinities; they are strings as Python writes them.
fn json_f64(x: f64) -> Json {
    if x.is_finite() { json!(x) } else { json!(format::repr_f64(x)) }
}

fn json_scalar(value: Scalar) -> Json {
    match value {
        Scalar::Bool(x) => json!(x),
        Scalar::F32(x) => json_f64(f64::from(x)),
        Scalar::F64(x) => json_f64(x),
        Scalar::C64(z) => json!([json_f64(f64::from(z.re)), json_f64(f64::from(z.im))]),
        Scalar::C128(z) => json!([json_f64(z.re), json_f64(z.im)]),
        Scalar::U64(x) => json!(x),
        other => scalar(other).parse::<i64>().map_or(Json::Null, |x| json!(x)),
    }
}

struct Statistics {
    min: f64,
    max: f64,
    mean: f64,
    nans: usize,
}

/// Extremes and mean of what is a number; `None` for complex numbers and where there is none.
fn statistics(array: &DynArray) -> Option<Statistics> {
    macro_rules! widened {
        ($ty:ty, |$x:ident| $wide:expr) => {
            match array.as_slice::<$ty>() {
                Some(elements) => fold(elements, |$x| $wide),
                None => fold(&array.to_vec::<$ty>()?, |$x| $wide),
            }
        };
    }
    match array.dtype() {
        DType::Bool => widened!(bool, |x| f64::from(u8::from(x))),
        DType::I8 => widened!(i8, |x| f64::from(x)),
        DType::I16 => widened!(i16, |x| f64::from(x)),
        DType::I32 => widened!(i32, |x| f64::from(x)),
        DType::I64 => widened!(i64, |x| x as f64),
        DType::U8 => widened!(u8, |x| f64::from(x)),
        DType::U16 => widened!(u16, |x| f64::from(x)),
        DType::U32 => widened!(u32, |x| f64::from(x)),
        DType::U64 => widened!(u64, |x| x as f64),
        DType::F32 => widened!(f32, |x| f64::from(x)),
        DType::F64 => widened!(f64, |x| x),
        DType::C64 | DType::C128 => None,
    }
}

/// One pass in eight lanes, because results of a million elements are common and programs short.
fn fold<T: Copy>(elements: &[T], widen: impl Fn(T) -> f64) -> Option<Statistics> {
    const LANES: usize = 8;
    let (mut min, mut max) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (mut sum, mut nans) = ([0.0; LANES], [0_usize; LANES]);
    for chunk in elements.chunks(LANES) {
        for (lane, &element) in chunk.iter().enumerate() {
            let x = widen(element);
            min[lane] = if x < min[lane] { x } else { min[lane] };
            max[lane] = if x > max[lane] { x } else { max[lane] };
            sum[lane] += if x.is_nan() { 0.0 } else { x };
            nans[lane] += usize::from(x.is_nan());
        }
    }
    let nans: usize = nans.iter().sum();
    let count = elements.len() - nans;
    (count > 0).then(|| Statistics {
        min: min.into_iter().fold(f64::INFINITY, f64::min),
        max: max.into_iter().fold(f64::NEG_INFINITY, f64::max),
        mean: sum.iter().sum::<f64>() / count as f64,
        nans,
    })
}

/// Of elements of that type: integers in full.
fn extreme(x: f64, dtype: DType) -> String {
    if dtype.is_int() && x.abs() < EXACT { format!("{x:.0}") } else { number(x) }
}

fn json_extreme(x: f64, dtype: DType) -> Json {
    if dtype.is_int() && x.abs() < EXACT { json!(x as i64) } else { json_f64(x) }
}

/// Integers up to here are doubles.
const EXACT: f64 = (1_u64 << 53) as f64;

/// Six significant digits are enough to recognise a number.
fn number(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    let text = format::repr_f64(rounded);
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

fn first(array: &DynArray) -> String {
    let shown = elements(array, SHOWN);
    let more = if array.len() > SHOWN { ", ..." } else { "" };
    format!("[{}{more}]", shown.join(", "))
}

fn elements(array: &DynArray, limit: usize) -> Vec<String> {
    scalars(array, limit).into_iter().map(scalar).collect()
}

/// The number in an array of rank 0.
pub(crate) fn only_element(array: &DynArray) -> Option<Scalar> {
    if array.shape().is_empty() { element(&array.view(), &[]) } else { None }
}

/// The first elements in C order.
fn scalars(array: &DynArray, limit: usize) -> Vec<Scalar> {
    let view = array.view();
    let shape = array.shape();
    let mut index = vec![0; shape.len()];
    let mut found = Vec::new();
    for _ in 0..array.len().min(limit) {
        found.extend(element(&view, &index));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    found
}

fn element(view: &ArrayRef<'_>, index: &[usize]) -> Option<Scalar> {
    Some(match view.dtype() {
        DType::Bool => Scalar::Bool(view.get(index)?),
        DType::I8 => Scalar::I8(view.get(index)?),
        DType::I16 => Scalar::I16(view.get(index)?),
        DType::I32 => Scalar::I32(view.get(index)?),
        DType::I64 => Scalar::I64(view.get(index)?),
        DType::U8 => Scalar::U8(view.get(index)?),
        DType::U16 => Scalar::U16(view.get(index)?),
        DType::U32 => Scalar::U32(view.get(index)?),
        DType::U64 => Scalar::U64(view.get(index)?),
        DType::F32 => Scalar::F32(view.get(index)?),
        DType::F64 => Scalar::F64(view.get(index)?),
        DType::C64 => Scalar::C64(view.get(index)?),
        DType::C128 => Scalar::C128(view.get(index)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summarised() {
        let array = DynArray::from_slice(&[1.0, 2.0, f64::NAN, 4.5, 0.25, 7.0, 8.0, 9.0], &[2, 4]).unwrap();
        let named = Named { name: "x".into(), part: Part::Array(&array) };
        assert_eq!(
            line(&named),
            "x: f64[2 x 4]  min 0.25  max 9  mean 4.53571, 1 nan  [1.0, 2.0, nan, 4.5, 0.25, 7.0, ...]"
        );
        assert_eq!(full(&named), "x =\n  1.0 2.0 nan 4.5\n  0.25 7.0 8.0 9.0");
        assert_eq!(as_json(&named)["summary"]["nan"], 1);
        assert_eq!(as_json(&named)["first"][2], "nan");
        let counts = DynArray::from_slice(&[1_234_567_i64, 1, 2], &[3]).unwrap();
        let counts = Named { name: "n".into(), part: Part::Array(&counts) };
        assert_eq!(line(&counts), "n: i64[3]  min 1  max 1234567  mean 411523  [1234567, 1, 2]");
        assert_eq!(as_json(&counts)["summary"]["max"], 1_234_567);
        let empty = DynArray::zeros(DType::I32, &[0]).unwrap();
        assert_eq!(line(&Named { name: "e".into(), part: Part::Array(&empty) }), "e: i32[0]  []");
        assert_eq!(line(&Named { name: "s".into(), part: Part::Scalar(Scalar::I64(3)) }), "s = 3");
    }
}
