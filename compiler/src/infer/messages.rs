//! The words of errors that are said in more than one place, or need more than a line.

use super::{EvalError, annotations, index, suggest};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{Ast, BoolOp, CompareOp, Function, Name, Param, Plain, UnaryOp};
use crate::types::builtins;
use crate::types::{ArrayTy, DType, Ty};

/// Sorts by place; of names that are unknown or unassigned at several places the first remains.
pub(super) fn sort(diags: &mut Vec<Diagnostic>) {
    diags.sort_by_key(|diag| (diag.primary.span, diag.code));
    let mut seen = rustc_hash::FxHashSet::default();
    diags.retain(|diag| {
        let place = match diag.code {
            Code::K101 => Span::default(),
            _ => diag.primary.span,
        };
        seen.insert((diag.code, place, diag.message.clone()))
    });
}

pub(super) fn internal(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error(Code::K901, span, format!("internal error in type inference: {text}"))
        .help("please report this with the source")
}

pub(super) fn unknown_entry(ast: &Ast, name: &str) -> Diagnostic {
    if let Some(plain) = ast.plain(name) {
        return plain.why.clone();
    }
    let names = || ast.functions.iter().map(|f| f.name.name.as_str());
    let diag = Diagnostic::error(Code::K104, Span::default(), format!("there is no function `{name}`"));
    match suggest::nearest(name, names()) {
        Some(near) => diag.help(format!("did you mean `{near}`?")),
        None if ast.functions.is_empty() => diag.help("the file defines no functions"),
        None => diag.help(format!("the file defines {}", list(names()))),
    }
}

/// Something of the file that only Python runs.
pub(super) fn plain_python(span: Span, plain: &Plain) -> Diagnostic {
    let why = &plain.why;
    let diag =
        Diagnostic::error(why.code, span, format!("`{}` is plain Python, not for kernels", plain.name.name))
            .primary("used here")
            .label(why.primary.span, why.message.clone());
    match &why.help {
        Some(help) => diag.help(help.clone()),
        None => diag,
    }
}

/// `a`, `b`, `c`, at most twelve.
fn list<'s>(names: impl Iterator<Item = &'s str>) -> String {
    let mut all: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if all.len() > 12 {
        all.truncate(12);
        all.push("...".to_owned());
    }
    all.join(", ")
}

pub(super) fn defined_twice(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::error(Code::K105, name.span, format!("`{}` is defined twice", name.name))
        .primary("defined again here")
        .label(first, "defined here")
        .help("give one of the two another name")
}

pub(super) fn constant(name: &Name, e: &EvalError) -> Diagnostic {
    Diagnostic::error(e.code, e.span, format!("the module constant `{}` cannot be evaluated", name.name))
        .primary(e.text.clone())
        .help(if e.text == IS_ARRAY {
            "pass it to the function as an argument, or write a tuple: `(1.0, 2.0)`"
        } else {
            "constants are numbers, strings, types, tuples and arithmetic on them; compute others in a function"
        })
}

/// Says that a module constant is an array.
pub(super) const IS_ARRAY: &str = "arrays at module level are no constants";

pub(super) fn default_value(param: &Param, e: &EvalError) -> Diagnostic {
    Diagnostic::error(e.code, e.span, format!("the default of `{}` is not a constant", param.name.name))
        .primary(e.text.clone())
        .help("use `None` as the default and compute the value in the function")
}

pub(super) fn too_deep(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(Code::K008, span, "nested too deeply")
        .primary(format!("while typing `{name}`"))
        .help("split the expression, or call fewer functions within each other")
}

pub(super) fn untyped_recursion(name: &Name) -> Diagnostic {
    Diagnostic::error(Code::K309, name.span, format!("`{}` calls itself on every path", name.name))
        .primary("the type of its result cannot be found")
        .help(format!(
            "return a value without calling `{}` on one path, or annotate the result: `-> f64`",
            name.name
        ))
}

pub(super) fn too_many_entry_args(function: &Function, given: usize) -> Diagnostic {
    let name = &function.name.name;
    arg_count(function.head_span, name, function.params.len(), function.params.len(), given)
}

pub(super) fn missing_entry_arg(function: &Function, param: &Param) -> Diagnostic {
    Diagnostic::error(
        Code::K304,
        param.name.span,
        format!("`{}` needs a value for `{}`", function.name.name, param.name.name),
    )
    .primary("has no default")
    .help(format!("give one: `{}=...`", param.name.name))
}

pub(super) fn entry_annotation(ast: &Ast, param: &Param, ty: &Ty) -> Diagnostic {
    let place = annotations::place(ast, param);
    Diagnostic::error(
        Code::K306,
        place,
        format!("`{}` is annotated with another type than `{ty}`", param.name.name),
    )
    .primary(format!("given `{ty}`"))
    .help("pass a value of the annotated type, or leave the annotation out")
}

pub(super) fn needs_annotation(param: &Param) -> Diagnostic {
    let name = &param.name.name;
    Diagnostic::error(Code::K305, param.name.span, format!("the type of `{name}` is not known"))
        .primary("no annotation")
        .help(format!("annotate it: `{name}: f64`, `{name}: f64[:]`, or give it a default"))
}

pub(super) fn annotation(
    span: Span,
    ty: &Ty,
    param: &Param,
    place: Span,
    annotated: Option<&Ty>,
) -> Diagnostic {
    let annotated_text = annotated.map(ToString::to_string).unwrap_or_default();
    let diag = Diagnostic::error(
        Code::K306,
        span,
        format!("`{}` is annotated with `{annotated_text}`, given `{ty}`", param.name.name),
    )
    .primary(format!("this is `{ty}`"))
    .label(place, "annotated here");
    match (ty, annotated) {
        (Ty::Scalar(_), Some(Ty::Scalar(to))) => diag.help(format!("convert it: `{to}(...)`")),
        (Ty::Array(from), Some(Ty::Array(to))) if from.dtype != to.dtype && from.rank == to.rank => {
            diag.help(format!("convert its elements: `.astype(np.{})`", to.dtype.numpy_name()))
        }
        (Ty::Array(from), Some(Ty::Array(to))) if from.dtype == to.dtype && from.rank == to.rank => diag
            .help(format!(
                "pass a contiguous copy, or annotate with `{}`",
                ArrayTy { layout: crate::types::Layout::Strided, ..*to }
            )),
        _ => diag.help(format!("annotate the parameter with `{ty}`, or leave the annotation out")),
    }
}

pub(super) fn local_annotation(span: Span, name: &str, ty: &Ty, annotated: &Ty) -> Diagnostic {
    Diagnostic::error(Code::K306, span, format!("`{name}` is annotated with `{annotated}`, assigned `{ty}`"))
        .primary(format!("this is `{ty}`"))
        .help(match annotated {
            Ty::Scalar(to) if matches!(ty, Ty::Scalar(_)) => format!("convert it: `{to}(...)`"),
            _ => "leave the annotation out".to_owned(),
        })
}

pub(super) fn return_annotation(span: Span, ty: &Ty, annotated: Option<Span>, annotation: &Ty) -> Diagnostic {
    let diag = Diagnostic::error(Code::K306, span, format!("returns `{ty}`, annotated with `{annotation}`"))
        .primary(format!("this is `{ty}`"))
        .help(match annotation {
            Ty::Scalar(to) if matches!(ty, Ty::Scalar(_)) => format!("convert it: `{to}(...)`"),
            _ => format!("annotate the function with `-> {ty}`"),
        });
    match annotated {
        Some(place) => diag.label(place, "annotated here"),
        None => diag,
    }
}

pub(super) fn unknown_type(span: Span, text: &str) -> Diagnostic {
    let short = text.rsplit('.').next().unwrap_or(text);
    let message =
        if text.is_empty() { "unknown type annotation".to_owned() } else { format!("unknown type `{text}`") };
    let diag = Diagnostic::error(Code::K305, span, message).primary("not a type");
    let near = suggest::nearest(
        short,
        DType::ALL.iter().map(|d| d.name()).chain(DType::ALL.iter().map(|d| d.numpy_name())),
    );
    diag.help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write `f64`, `i64`, `bool`, `f64[:]`, or leave the annotation out".to_owned(),
    })
}

/// `first` is the place of the first assignment, `near` a variable with a similar name.
pub(super) fn unassigned(
    span: Span,
    name: &str,
    first: Span,
    deleted: Span,
    near: Option<&str>,
) -> Diagnostic {
    let diag =
        Diagnostic::error(Code::K102, span, format!("`{name}` has no value here")).primary("read here");
    if deleted != Span::default() {
        return diag.label(deleted, "deleted here").help("use it before `del`, or leave the `del` out");
    }
    let diag = if first.start > span.start {
        diag.label(first, "assigned here, later")
    } else if first == span {
        // `totl += x`: nothing else assigns it.
        diag
    } else {
        diag.label(first, "assigned here, on another path")
    };
    diag.help(match near {
        Some(near) if first == span => format!("did you mean `{near}`?"),
        None if first == span => {
            format!("give it a value first: `{name} = 0.0`, before the loop if there is one")
        }
        _ => format!("assign `{name}` before it is read"),
    })
}

pub(super) fn maybe_unassigned(span: Span, name: &str, place: Span) -> Diagnostic {
    Diagnostic::error(Code::K102, span, format!("`{name}` may have no value here"))
        .primary("read here")
        .label(place, "assigned only on some paths")
        .help(format!("give `{name}` a value before the `if`, or in its `else`"))
}

pub(super) fn two_types(span: Span, name: &str, places: &((Ty, Span), (Ty, Span))) -> Diagnostic {
    let ((a, first), (b, second)) = places;
    Diagnostic::error(Code::K302, span, format!("`{name}` is `{a}` on one path and `{b}` on another"))
        .primary("read here")
        .label(*first, format!("`{a}` assigned here"))
        .label(*second, format!("`{b}` assigned here"))
        .help(match (a, b) {
            (Ty::None, other) | (other, Ty::None) => match nothing(other) {
                Some(text) => format!("for `no value yet` use a value of the same type: `{name} = {text}`"),
                None => "use two variables, or convert one of the values".to_owned(),
            },
            _ => "use two variables, or convert one of the values".to_owned(),
        })
}

/// A value of a type that can stand for none.
fn nothing(ty: &Ty) -> Option<String> {
    match ty {
        Ty::Scalar(dtype) if dtype.is_float() => Some("np.nan".to_owned()),
        Ty::Scalar(dtype) if dtype.is_int() => Some("-1".to_owned()),
        Ty::Array(array) => Some(format!(
            "np.zeros({}0{})",
            "(".repeat(usize::from(array.rank > 1)),
            match array.rank {
                0 | 1 => String::new(),
                rank => format!("{})", ", 0".repeat(usize::from(rank) - 1)),
            }
        )),
        Ty::Tuple(items) => {
            let items: Option<Vec<String>> = items.iter().map(nothing).collect();
            items.filter(|items| items.len() > 1).map(|items| format!("({})", items.join(", ")))
        }
        Ty::Scalar(_) | Ty::None | Ty::Str(_) | Ty::Rng | Ty::Event => None,
    }
}

pub(super) fn returns(span: Span, ty: &Ty, first_place: Span, first: &Ty) -> Diagnostic {
    Diagnostic::error(Code::K307, span, format!("returns `{ty}` here and `{first}` elsewhere"))
        .primary(format!("this is `{ty}`"))
        .label(first_place, format!("this is `{first}`"))
        .help(match (ty, first) {
            (Ty::None, other) | (other, Ty::None) => match nothing(other) {
                Some(text) => format!("for `no result` return a value of the same type, such as `{text}`"),
                None => "return the same type on every path".to_owned(),
            },
            _ => "return the same type on every path".to_owned(),
        })
}

pub(super) fn falls_off(function: &Function, ty: &Ty, place: Span) -> Diagnostic {
    Diagnostic::error(
        Code::K307,
        function.name.span,
        format!("`{}` ends without `return` on some path", function.name.name),
    )
    .primary("gives `None` there")
    .label(place, format!("gives `{ty}` here"))
    .help("end the function with a `return` of the same type, or with `raise`")
}

pub(super) fn nothing_returned(span: Span) -> Diagnostic {
    Diagnostic::warning(Code::K307, span, "this function returns nothing")
        .primary("gives `None`")
        .help("call it without assigning its result")
}

pub(super) fn unpack(span: Span, targets: usize, value: Span, values: usize) -> Diagnostic {
    let names = if targets == 1 { "1 name".to_owned() } else { format!("{targets} names") };
    let values = if values == 1 { "1 value".to_owned() } else { format!("{values} values") };
    Diagnostic::error(Code::K312, span, format!("{names} for {values}"))
        .primary(names)
        .label(value, values)
        .help("give one name per value; `_` for those that are not needed")
}

pub(super) fn branches(a_span: Span, a: &Ty, b_span: Span, b: &Ty) -> Diagnostic {
    Diagnostic::error(Code::K302, b_span, format!("this expression is `{a}` or `{b}`"))
        .primary(format!("this is `{b}`"))
        .label(a_span, format!("this is `{a}`"))
        .help(mixing_help(a, b))
}

pub(super) fn bool_operands(a_span: Span, a: &Ty, b_span: Span, b: &Ty, op: BoolOp) -> Diagnostic {
    let word = if op == BoolOp::And { "and" } else { "or" };
    Diagnostic::error(
        Code::K301,
        b_span,
        format!("`{word}` gives one of its operands, which are `{a}` and `{b}`"),
    )
    .primary(format!("this is `{b}`"))
    .label(a_span, format!("this is `{a}`"))
    .help(mixing_help(a, b))
}

fn mixing_help(a: &Ty, b: &Ty) -> &'static str {
    match (a, b) {
        (Ty::Scalar(DType::Bool), Ty::Scalar(_)) | (Ty::Scalar(_), Ty::Scalar(DType::Bool)) => {
            "compare the number, such as `n != 0`, so that both are truth values"
        }
        _ => "make both the same type",
    }
}

pub(super) fn compare_symbol(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
        CompareOp::Is => "is",
        CompareOp::IsNot => "is not",
        CompareOp::In => "in",
        CompareOp::NotIn => "not in",
    }
}

pub(super) fn operands(span: Span, symbol: &str, a: (Span, &Ty), b: (Span, &Ty)) -> Diagnostic {
    let diag =
        Diagnostic::error(Code::K301, span, format!("`{symbol}` does not go with `{}` and `{}`", a.1, b.1))
            .label(a.0, format!("this is `{}`", a.1))
            .label(b.0, format!("this is `{}`", b.1));
    match (a.1, b.1) {
        (Ty::None, _) | (_, Ty::None) => {
            diag.help("test for `None` first: `if x is None:`; a function without `return` gives `None` too")
        }
        (Ty::Str(_), _) | (_, Ty::Str(_)) => {
            diag.help("strings are for messages, modes and paths; put values into them with f\"...\"")
        }
        (Ty::Tuple(_), _) | (_, Ty::Tuple(_)) => {
            diag.help("take the items: `t[0]`, or unpack them: `a, b = t`")
        }
        _ => diag,
    }
}

pub(super) fn operand(span: Span, op: UnaryOp, at: Span, ty: &Ty) -> Diagnostic {
    let symbol = match op {
        UnaryOp::Neg => "-",
        UnaryOp::Pos => "+",
        UnaryOp::Invert => "~",
        UnaryOp::Not => "not",
    };
    Diagnostic::error(Code::K301, span, format!("`{symbol}` does not go with `{ty}`"))
        .label(at, format!("this is `{ty}`"))
}

pub(super) fn index_ty(span: Span, text: &str, ty: &Ty) -> Diagnostic {
    let diag = Diagnostic::error(Code::K402, span, format!("an index must be an integer, not `{ty}`"))
        .primary(format!("this is `{ty}`"));
    match ty {
        Ty::Scalar(dtype) if dtype.is_float() => {
            diag.help(format!("convert it: `int({text})`; for a whole quotient write `//`"))
        }
        Ty::Scalar(DType::Bool) => diag.help(format!("convert it: `int({text})`")),
        Ty::Tuple(_) => diag.help("write the indices one by one: `x[i, j]`"),
        _ => diag.help("index with integers, slices, `...` or `None`"),
    }
}

pub(super) fn too_many_indices(
    span: Span,
    name: &str,
    base: Span,
    array: ArrayTy,
    count: usize,
) -> Diagnostic {
    Diagnostic::error(
        Code::K401,
        span,
        format!("{count} indices for `{name}`, which has {}", index::axes_text(array.rank)),
    )
    .label(base, format!("this is `{array}`"))
    .help(if array.rank == 0 {
        "an array without axes has one element: `x[()]`"
    } else {
        "give at most one index per axis"
    })
}

pub(super) fn arg_count(span: Span, name: &str, least: usize, most: usize, given: usize) -> Diagnostic {
    let wanted = match (least, most) {
        (_, 0) => "no arguments".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{most} arguments"),
        (least, 99) => format!("{least} or more arguments"),
        (0, most) => format!("at most {most} argument{}", if most == 1 { "" } else { "s" }),
        (least, most) => format!("{least} to {most} arguments"),
    };
    Diagnostic::error(Code::K304, span, format!("`{name}` takes {wanted}, given {given}"))
        .primary(if given > most { "too many" } else { "too few" })
        .help(if most == 0 { format!("write `{name}()`") } else { format!("give `{name}` {wanted}") })
}

pub(super) fn unknown_keyword(function: &str, name: &Name, known: &[&str]) -> Diagnostic {
    let diag =
        Diagnostic::error(Code::K207, name.span, format!("`{function}` has no argument `{}`", name.name));
    match suggest::nearest(&name.name, known.iter().copied()) {
        Some(near) => diag.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => diag.help("give the values in order, without names"),
        None => diag.help(format!("it has {}", list(known.iter().copied()))),
    }
}

/// An argument of a type that the function cannot work with. The help is the best guess; callers that know more replace it.
pub(super) fn arg_ty(span: Span, function: &str, wanted: &str, ty: &Ty) -> Diagnostic {
    Diagnostic::error(Code::K303, span, format!("`{function}` needs {wanted}, not `{ty}`"))
        .primary(format!("this is `{ty}`"))
        .help(match ty {
            Ty::None => "test for `None` first: `if x is not None:`".to_owned(),
            Ty::Str(text) if text.trim().parse::<f64>().is_ok() => {
                format!("write the number without quotes: `{}`", text.trim())
            }
            Ty::Str(_) => "strings are for messages, modes and paths".to_owned(),
            Ty::Tuple(_) => "take one item: `t[0]`".to_owned(),
            Ty::Rng => "draw a number: `rng.random()`".to_owned(),
            Ty::Event => "take the time between two: `start.elapsed_time(end)`".to_owned(),
            Ty::Scalar(_) | Ty::Array(_) => format!("give {wanted}"),
        })
}

pub(super) fn not_constant(span: Span, function: &str, argument: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error(Code::K313, span, format!("`{argument}` of `{function}` must be known at compile time"))
        .primary("has its value only at run time")
        .help(format!("write {wanted}"))
}

pub(super) fn unknown_name(span: Span, name: &str, near: Option<&str>) -> Diagnostic {
    let diag = Diagnostic::error(Code::K101, span, format!("unknown name `{name}`")).primary("not found");
    if let Some((_, help)) = FOREIGN_NAMES.iter().find(|(other, _)| *other == name) {
        return diag.help(*help);
    }
    diag.help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("define `{name}`, or make it a parameter"),
    })
}

/// Names of other languages, of classes and of NumPy without its module.
const FOREIGN_NAMES: &[(&str, &str)] = &[
    ("true", "write `True`"),
    ("false", "write `False`"),
    ("TRUE", "write `True`"),
    ("FALSE", "write `False`"),
    ("null", "write `None`"),
    ("NULL", "write `None`"),
    ("nil", "write `None`"),
    ("none", "write `None`"),
    ("self", "kernels are functions without a class: pass the value as a parameter"),
    ("this", "kernels are functions without a class: pass the value as a parameter"),
    ("nan", "write `np.nan`"),
    ("NaN", "write `np.nan`"),
    ("inf", "write `np.inf`"),
    ("Inf", "write `np.inf`"),
    ("infinity", "write `np.inf`"),
    ("pi", "write `math.pi`"),
    ("PI", "write `math.pi`"),
];

/// What to write for modules whose names lead nowhere.
fn module_help(path: &str) -> Option<&'static str> {
    let is_in =
        |module: &str| path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if is_in("numba.typed.List") {
        return Some("make an array that is large enough: `x = np.empty(n)`, and count its elements");
    }
    if is_in("numba.typed.Dict") {
        return Some("use an array, indexed by a number");
    }
    if is_in("numba.cuda") {
        return Some("write the loop over the threads: `for i in prange(n):`");
    }
    if matches!(path, "numpy.finfo" | "numpy.iinfo") {
        return Some("name the limit and a type: `np.finfo(np.float64).eps`, `np.iinfo(np.int64).max`");
    }
    if matches!(path, "numba.get_num_threads" | "numba.set_num_threads" | "numba.get_thread_id") {
        return Some("leave it out: results do not depend on threads, whose number is set outside");
    }
    let root = path.split('.').next().unwrap_or(path);
    let is_known = super::names::MODULES.contains(&root);
    (!is_known).then_some("do it outside the kernel, and pass its result as an argument")
}

/// A path of a known module that leads nowhere.
pub(super) fn unknown_path(span: Span, path: &str) -> Diagnostic {
    let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
    let shown = match module {
        "numpy" => "np".to_owned(),
        other => other.replace("numpy.", "np."),
    };
    let diag = Diagnostic::error(Code::K205, span, format!("kernels have no `{shown}.{name}`"))
        .primary("not supported");
    if let Some(text) = replacement(name) {
        return diag.help(text);
    }
    if let Some(text) = module_help(path).filter(|_| module.starts_with("numba.")) {
        return diag.help(text);
    }
    if let Some(near) = suggest::nearest(name, builtins::names(module)) {
        return diag.help(format!("did you mean `{shown}.{near}`?"));
    }
    let other = ["math", "numpy", "cmath", "numpy.random"]
        .iter()
        .find(|other| **other != module && builtins::lookup(&format!("{other}.{name}")).is_some());
    match other {
        Some(other) => diag.help(format!("write `{}.{name}`", if *other == "numpy" { "np" } else { other })),
        None if let Some(help) = module_help(path) => diag.help(help),
        None => diag.help("write it as a loop, or as a function of your own"),
    }
}

/// What to write for well-known functions that are not there.
fn replacement(name: &str) -> Option<&'static str> {
    Some(match name {
        "matmul" => "write the loops: `c[i, j] += a[i, k] * b[k, j]` for `i`, `k`, `j`",
        "append" | "concatenate" | "hstack" | "vstack" | "stack" => {
            "make an array that is large enough and assign its parts: `out[:n] = a`"
        }
        "diff" => "write the loop: `out[i] = x[i + 1] - x[i]`",
        "sort" | "argsort" => "sort before the call, or write the loops",
        "median" | "percentile" | "quantile" => "compute it outside the kernel",
        "shuffle" | "permutation" | "choice" => "draw positions with `np.random.randint` in a loop",
        "fsum" => "write the loop, or `np.sum`",
        "dist" => "write `math.sqrt` of the sum of squares",
        _ => return None,
    })
}

/// Functions of Python that kernels do not have, with what to write.
pub(super) fn known_python(span: Span, path: &str) -> Option<Diagnostic> {
    let help = match path {
        "isinstance" | "type" | "hasattr" | "getattr" => {
            "types are known at compile time; compare `x.dtype` or `x.ndim`"
        }
        "sorted" => "sort before the call, or write the loops",
        "list" | "dict" | "set" | "frozenset" | "bytearray" => "use an array: `np.empty(n)`",
        "map" | "filter" | "iter" | "next" => "write a loop",
        "open" | "input" | "exec" | "eval" | "globals" | "locals" => "do it outside the kernel",
        "str" | "repr" | "format" => "put the value into an f-string: f\"{x}\"",
        "tuple" => "write the items: `(a, b)`",
        "slice" => "write the slice in the index: `x[a:b]`",
        "chr" | "ord" | "hex" | "bin" | "oct" | "id" | "hash" | "super" | "vars" | "dir" | "callable" => {
            "kernels work on numbers and arrays; do it outside"
        }
        _ => return None,
    };
    Some(
        Diagnostic::error(Code::K205, span, format!("kernels have no `{path}`"))
            .primary("not supported")
            .help(help),
    )
}

pub(super) fn unknown_attribute(name: &Name, base: &str, ty: &Ty, is_method: bool) -> Diagnostic {
    let diag = Diagnostic::error(Code::K103, name.span, format!("`{base}` has no attribute `{}`", name.name))
        .primary(format!("`{base}` is `{ty}`"));
    if is_method {
        return diag.help(format!("`{}` is a method; call it: `{base}.{}(...)`", name.name, name.name));
    }
    if let (Ty::Array(_) | Ty::Tuple(_), "len" | "length") = (ty, name.name.as_str()) {
        return diag.help(format!("write `len({base})`"));
    }
    near_member(diag, name, base, ty)
}

pub(super) fn unknown_method(name: &Name, base: &str, ty: &Ty) -> Diagnostic {
    let diag = Diagnostic::error(Code::K103, name.span, format!("`{base}` has no method `{}`", name.name))
        .primary(format!("`{base}` is `{ty}`"));
    if let (Ty::Tuple(_), "append") | (Ty::Array(_), "append" | "extend" | "insert") =
        (ty, name.name.as_str())
    {
        return diag.help("make an array that is large enough, and count its elements");
    }
    if let (Ty::Array(_) | Ty::Tuple(_), "len" | "length" | "count") = (ty, name.name.as_str()) {
        return diag.help(format!("write `len({base})`"));
    }
    near_member(diag, name, base, ty)
}

fn near_member(diag: Diagnostic, name: &Name, base: &str, ty: &Ty) -> Diagnostic {
    let table = match ty {
        Ty::Array(_) => "array",
        Ty::Rng => "generator",
        Ty::None | Ty::Scalar(_) | Ty::Tuple(_) | Ty::Str(_) | Ty::Event => {
            return diag.help(match ty {
                Ty::Event => "events have `record`, `synchronize`, `wait` and `elapsed_time`",
                Ty::Scalar(_) => "numbers have `real` and `imag`",
                _ => "only arrays, numbers and generators have attributes",
            });
        }
    };
    if let Some(text) = replacement(&name.name) {
        return diag.help(text);
    }
    match suggest::nearest(&name.name, builtins::names(table)) {
        Some(near) => diag.help(format!("did you mean `{base}.{near}`?")),
        None => diag.help(format!("it has {}", list(builtins::names(table)))),
    }
}
