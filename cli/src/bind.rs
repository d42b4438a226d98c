//! `NAME=VALUE` arguments bound to the parameters of a function.

use kjit::{Arg, ArgTy, DynArray, Engine, Kernel, Module, Scalar, Ty, Value};
use kjit_compiler::infer::{self, suggest};
use kjit_compiler::numerics::random::Pcg64;
use kjit_compiler::syntax::ast::{Expr, ExprKind};
use kjit_compiler::types::DType;

use crate::commands::Session;
use crate::exit::Failure;
use crate::literal::{self, Spec};
use crate::{files, generate, summary};

/// A value for one parameter.
#[derive(Debug)]
pub(crate) enum Bound {
    Scalar(Scalar),
    Array(DynArray),
    Str(String),
    None,
    Omitted,
}

/// Values in the order of the parameters, with their names.
pub(crate) type Bindings = Vec<(String, Bound)>;

impl Bound {
    /// The same value in memory of its own.
    pub(crate) fn fresh(&self) -> Result<Bound, Failure> {
        Ok(match self {
            Bound::Scalar(scalar) => Bound::Scalar(*scalar),
            Bound::Array(array) => Bound::Array(array.try_clone()?),
            Bound::Str(text) => Bound::Str(text.clone()),
            Bound::None => Bound::None,
            Bound::Omitted => Bound::Omitted,
        })
    }

    /// As an argument of a call; arrays may be written.
    pub(crate) fn as_arg(&mut self) -> Result<Arg<'_>, Failure> {
        Ok(match self {
            Bound::Scalar(scalar) => Arg::Scalar(*scalar),
            Bound::Array(array) => Arg::InOut(
                array
                    .view_mut()
                    .ok_or_else(|| Failure::data("two arguments share one array; give each its own"))?,
            ),
            Bound::Str(text) => Arg::Str(text.clone()),
            Bound::None => Arg::None,
            Bound::Omitted => Arg::Omitted,
        })
    }
}

/// The arguments of a call.
pub(crate) fn args(bindings: &mut Bindings) -> Result<Vec<Arg<'_>>, Failure> {
    bindings.iter_mut().map(|(_, bound)| bound.as_arg()).collect()
}

/// Copies of all values in memory of their own.
pub(crate) fn fresh(bindings: &Bindings) -> Result<Bindings, Failure> {
    bindings.iter().map(|(name, bound)| Ok((name.clone(), bound.fresh()?))).collect()
}

/// Binds the values of the command line.
pub(crate) fn bind(session: &Session, values: &[String], seed: u64) -> Result<Bindings, Failure> {
    let Session { kernel, .. } = session;
    let mut given = given(session, values, seed)?;
    let mut bindings = Bindings::new();
    let mut missing = Vec::new();
    for (name, has_default) in kernel.params() {
        match given.iter().position(|(known, _)| *known == name) {
            Some(at) => bindings.push(given.swap_remove(at)),
            None if has_default => bindings.push((name, Bound::Omitted)),
            None => missing.push(name),
        }
    }
    if missing.is_empty() { Ok(bindings) } else { Err(are_missing(&missing, session)) }
}

/// Binds for types alone: a parameter without a value has the type of its annotation, if it has one.
pub(crate) fn bind_for_types(
    session: &Session,
    values: &[String],
    seed: u64,
) -> Result<(Bindings, Vec<Option<ArgTy>>), Failure> {
    let Session { module, kernel, .. } = session;
    let mut given = given(session, values, seed)?;
    let annotations = annotations(module, kernel);
    let (mut bindings, mut types, mut missing) = (Bindings::new(), Vec::new(), Vec::new());
    for ((name, has_default), annotation) in kernel.params().into_iter().zip(annotations) {
        match (given.iter().position(|(known, _)| *known == name), annotation) {
            (Some(at), _) => {
                bindings.push(given.swap_remove(at));
                types.push(None);
            }
            (None, Some(ty)) => {
                bindings.push((name, Bound::Omitted));
                types.push(Some(ArgTy::Given(ty)));
            }
            (None, None) if has_default => {
                bindings.push((name, Bound::Omitted));
                types.push(None);
            }
            (None, None) => missing.push(name),
        }
    }
    if missing.is_empty() { Ok((bindings, types)) } else { Err(are_missing(&missing, session)) }
}

fn are_missing(missing: &[String], session: &Session) -> Failure {
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let plural = if missing.len() == 1 { "argument" } else { "arguments" };
    Failure::usage(format!("missing {plural} {}{}", names.join(", "), usage_of(session)))
}

/// The values that are there, in their order on the command line.
fn given(session: &Session, values: &[String], seed: u64) -> Result<Bindings, Failure> {
    let Session { engine, module, kernel, .. } = session;
    if values.is_empty() {
        return Ok(Bindings::new());
    }
    let params = kernel.params();
    let annotations = annotations(module, kernel);
    let mut given = Bindings::new();
    let mut source = Pcg64::new(seed);
    for text in values {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Failure::usage(format!(
                "`{text}` is not of the form NAME=VALUE{}",
                usage_of(session)
            )));
        };
        let Some(position) = params.iter().position(|(param, _)| param == name) else {
            return Err(Failure::usage(unknown(name, session)));
        };
        if given.iter().any(|(known, _)| known == name) {
            return Err(Failure::usage(format!("`{name}` is given twice")));
        }
        let wanted = annotations.get(position).and_then(Option::as_ref);
        let bound = value_of(engine, value, wanted, &given, &mut source)
            .and_then(|bound| check(bound, wanted))
            .map_err(|line| Failure::data(format!("{name}: {line}")))?;
        given.push((name.to_owned(), bound));
    }
    Ok(given)
}

/// Types that the parameters' annotations ask for, where there are any.
fn annotations(module: &Module, kernel: &Kernel) -> Vec<Option<Ty>> {
    let Some(function) = module.ast().function(kernel.name()) else { return Vec::new() };
    function
        .params
        .iter()
        .map(|param| infer::parse_annotation(module.ast(), param.annotation?).ok().flatten())
        .collect()
}

fn value_of(
    engine: &Engine,
    text: &str,
    wanted: Option<&Ty>,
    given: &[(String, Bound)],
    source: &mut Pcg64,
) -> Result<Bound, String> {
    let wanted_array = wanted.and_then(Ty::array);
    Ok(match literal::parse(text)? {
        Spec::None => Bound::None,
        Spec::Scalar { value, is_typed } => match wanted.and_then(Ty::scalar) {
            // `n=1e6` for an integer and `a=2` for a float are what people write.
            Some(dtype) if !is_typed => Bound::Scalar(literal::convert(value, dtype)?),
            _ if wanted_array.is_some() => {
                return Err("the parameter is an array: write `1,2,3`, `@file.npy` or `zeros:10`".into());
            }
            _ => Bound::Scalar(value),
        },
        Spec::Array { rows, is_matrix, dtype } => {
            let elements = rows.concat();
            let dtype = dtype.or(wanted_array.map(|array| array.dtype)).unwrap_or_else(|| common(&elements));
            let shape = if is_matrix { vec![rows.len(), rows[0].len()] } else { vec![elements.len()] };
            Bound::Array(generate::from_scalars(elements.into_iter(), dtype, &shape)?)
        }
        Spec::File { path, member } => {
            let array = files::load(&path, member.as_deref())?;
            match summary::only_element(&array) {
                // What `-o` writes of a number is a number again.
                Some(value) if wanted_array.is_none() => Bound::Scalar(value),
                _ => Bound::Array(array),
            }
        }
        Spec::Generate { generator, dtype } => {
            let dtype = dtype.or(wanted_array.map(|array| array.dtype));
            Bound::Array(generate::generate(&generator, dtype, source)?)
        }
        Spec::Like(name) => match given.iter().find(|(known, _)| *known == name) {
            Some((_, Bound::Array(array))) => Bound::Array(
                DynArray::zeros(array.dtype(), array.shape()).map_err(|error| error.to_string())?,
            ),
            Some(_) => return Err(format!("`{name}` is not an array")),
            None => return Err(format!("`like:{name}` must come after `{name}=...`")),
        },
        Spec::Text(text) if is_expression(&text) => evaluate(engine, &text)?,
        Spec::Text(text) => Bound::Str(text),
    })
}

/// Does a value fit what the annotation asks for? Inference would say so too, but of the program, not of the data.
fn check(bound: Bound, wanted: Option<&Ty>) -> Result<Bound, String> {
    match (&bound, wanted) {
        (Bound::Array(array), Some(Ty::Array(ty))) => {
            let (rank, wanted_rank) = (array.shape().len(), usize::from(ty.rank));
            if array.dtype() != ty.dtype {
                return Err(format!(
                    "its elements are {}, the parameter is annotated `{ty}`; save it as {}, or leave the annotation out",
                    array.dtype(),
                    ty.dtype
                ));
            }
            if rank != wanted_rank {
                let axes = |count| if count == 1 { "1 axis".to_owned() } else { format!("{count} axes") };
                let (has, wants) = (axes(rank), axes(wanted_rank));
                return Err(format!("it has {has}, the parameter is annotated `{ty}` with {wants}"));
            }
            Ok(bound)
        }
        (Bound::Scalar(value), Some(Ty::Scalar(dtype))) if loses(value.dtype(), *dtype) => Err(format!(
            "a number of type {} does not go into a parameter annotated `{dtype}`",
            value.dtype()
        )),
        (Bound::Array(_), Some(Ty::Scalar(dtype))) => {
            Err(format!("it is an array, the parameter is annotated `{dtype}`"))
        }
        (Bound::Str(text), Some(Ty::Scalar(_) | Ty::Array(_))) => {
            Err(format!("`{text}` is not a number (the forms of values are in `kjit run --help`)"))
        }
        _ => Ok(bound),
    }
}

/// Is a number of one type more than another type holds? Integers of all widths are tried by their values.
fn loses(from: DType, to: DType) -> bool {
    let level = |dtype: DType| match dtype {
        DType::Bool => 0,
        dtype if dtype.is_int() => 1,
        dtype if dtype.is_float() => 2,
        _ => 3,
    };
    level(from) > level(to)
}

/// The type of a list of numbers without one.
fn common(elements: &[Scalar]) -> DType {
    let has = |dtype| elements.iter().any(|element| element.dtype() == dtype);
    [DType::C128, DType::F64, DType::U64, DType::I64]
        .into_iter()
        .find(|&dtype| has(dtype))
        .unwrap_or(if elements.is_empty() { DType::F64 } else { DType::Bool })
}

/// Is it more than a word or a path?
fn is_expression(text: &str) -> bool {
    let is_arithmetic = || text.chars().all(|c| c.is_ascii_digit() || "+-*/%().eEjJ_ ".contains(c));
    let is_call = || text.contains(['(', '*', '+']) && !text.contains('/');
    let is_constant = || text.starts_with("np.") || text.starts_with("math.");
    text.starts_with(|c: char| c.is_ascii_digit() || c == '(') && is_arithmetic()
        || is_call()
        || is_constant()
}

/// Evaluates an expression of the language, in a function of its own.
fn evaluate(engine: &Engine, text: &str) -> Result<Bound, String> {
    let source = format!("import math\nimport numpy as np\ndef main():\n    return {text}\n");
    let explain = |error: kjit::Error| format!("`{text}` is not a value: {error}");
    let module = Module::from_source(engine, "<argument>", &source).map_err(explain)?;
    let value = module.kernel("main").and_then(|main| main.call(&mut [])).map_err(explain)?;
    match value {
        Value::Scalar(scalar) => Ok(Bound::Scalar(scalar)),
        Value::Array(array) => Ok(Bound::Array(array)),
        Value::None | Value::Tuple(_) => Err(format!("`{text}` is neither a number nor an array")),
    }
}

fn unknown(name: &str, session: &Session) -> String {
    let kernel = &session.kernel;
    let params: Vec<String> = kernel.params().into_iter().map(|(name, _)| name).collect();
    let hint = nearest(name, &params).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("`{}` has no parameter `{name}`{hint}{}", kernel.name(), usage_of(session))
}

/// The known name that a misspelt one is near to.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    suggest::nearest(name, known.iter().map(String::as_str))
}

/// The signature and a command that would work.
fn usage_of(session: &Session) -> String {
    let Session { module, kernel, verb, .. } = session;
    let params = kernel.head();
    let required: Vec<String> =
        kernel.params().into_iter().filter(|(_, has_default)| !has_default).map(|(name, _)| name).collect();
    let types = annotations(module, kernel);
    let values: Vec<String> = kernel
        .params()
        .iter()
        .zip(types.iter().map(Option::as_ref).chain(std::iter::repeat(None)))
        .filter(|((name, _), _)| required.contains(name))
        .map(|((name, _), ty)| format!(" {name}={}", example_of(ty, &use_of(module, kernel, name))))
        .collect();
    let function = if kernel.name() == "main" { String::new() } else { format!(" --fn {}", kernel.name()) };
    format!(
        "\n  signature: {params}\n  for example: kjit {verb} {}{function}{}",
        kernel.file(),
        values.concat()
    )
}

/// What the text of a function shows of a parameter without an annotation.
enum Use {
    /// An array of that many axes at least.
    Array(usize),
    /// A count: what `range` runs to.
    Count,
    Unknown,
}

fn use_of(module: &Module, kernel: &Kernel, param: &str) -> Use {
    let ast = module.ast();
    let Some(function) = ast.function(kernel.name()) else { return Use::Unknown };
    let is_param = |id| matches!(&ast.exprs[id].kind, ExprKind::Name(name) if name == param);
    let (mut rank, mut is_count) = (0, false);
    let inside =
        |expr: &&Expr| expr.span.start >= function.head_span.end && expr.span.end <= function.span.end;
    for expr in ast.exprs.values().filter(inside) {
        match &expr.kind {
            ExprKind::Index { base, indices } if is_param(*base) => rank = rank.max(indices.len().max(1)),
            ExprKind::Attribute { base, .. } if is_param(*base) => rank = rank.max(1),
            ExprKind::Call { callee, args, .. } => {
                let called = match &ast.exprs[*callee].kind {
                    ExprKind::Name(name) => name.as_str(),
                    _ => "",
                };
                let takes = args.iter().any(|&arg| is_param(arg));
                rank = rank.max(usize::from(takes && called == "len"));
                is_count |= takes && matches!(called, "range" | "prange");
            }
            _ => {}
        }
    }
    match rank {
        0 if is_count => Use::Count,
        0 => Use::Unknown,
        rank => Use::Array(rank),
    }
}

fn example_of(annotation: Option<&Ty>, seen: &Use) -> String {
    let shape = |rank: usize| vec!["100"; rank.max(1)].join("x");
    match (annotation, seen) {
        (Some(Ty::Array(ty)), _) if ty.dtype.is_float() => format!("rand:{}", shape(usize::from(ty.rank))),
        (Some(Ty::Array(ty)), _) if ty.dtype == DType::Bool || ty.dtype.is_complex() => {
            format!("zeros:{}", shape(usize::from(ty.rank)))
        }
        (Some(Ty::Array(ty)), _) => format!("randint:0:10:{}", shape(usize::from(ty.rank))),
        (Some(Ty::Scalar(DType::Bool)), _) => "True".into(),
        (Some(Ty::Scalar(dtype)), _) if dtype.is_float() => "1.0".into(),
        (Some(Ty::Scalar(dtype)), _) if dtype.is_complex() => "1+2j".into(),
        (Some(Ty::Scalar(_)), _) | (None, Use::Count) => "10".into(),
        (None, Use::Array(rank)) => format!("rand:{}", shape(*rank)),
        (Some(_), _) | (None, Use::Unknown) => "1.0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_and_words() {
        for text in ["2*3", "2/3", "np.pi", "math.e", "np.sqrt(2)", "(1+2)*3", "np.zeros((2,3))"] {
            assert!(is_expression(text), "{text}");
        }
        for text in ["fast", "a/b", "data/x.npy", "some-mode", "x.npy"] {
            assert!(!is_expression(text), "{text}");
        }
    }
}
