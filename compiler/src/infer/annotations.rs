//! Type annotations: every spelling of kjit, NumPy and Numba.

use super::{ArgTy, Ctx, messages};
use crate::base::{Code, Diagnostic, Options, Span};
use crate::syntax::ast::{Ast, ExprId, ExprKind, Literal, Param};
use crate::types::builtins::{self, Builtin};
use crate::types::dtype::Kind;
use crate::types::ty::MAX_RANK;
use crate::types::{ArrayTy, DType, Layout, Ty};

/// Reads an annotation: `f64`, `np.float64`, `f64[:, ::1]`, `tuple[f64, f64]`, `"f64[:]"`. `None`: says nothing about the type
/// (`np.ndarray`).
///
/// # Errors
/// K305 with the place of the part that is no type.
pub fn parse_annotation(ast: &Ast, annotation: ExprId) -> Result<Option<Ty>, Box<Diagnostic>> {
    let options = Options::default();
    Ctx::new(ast, &options, &super::NoHost).annotation(annotation)
}

/// The signature that the annotations of a function give; parameters with a default and no annotation have the type of the default.
///
/// # Errors
/// K104 if there is no such function, K305 if an annotation is no type or is missing.
pub fn annotated_signature(ast: &Ast, function: &str) -> Result<Vec<ArgTy>, Vec<Diagnostic>> {
    let options = Options::default();
    let ctx = Ctx::new(ast, &options, &super::NoHost);
    let Some(&index) = ctx.functions.get(function) else {
        return Err(vec![messages::unknown_entry(ast, function)]);
    };
    let def = &ast.functions[index];
    let mut diags = Vec::new();
    let explicit = ctx.decorator_signature(def);
    let mut args = Vec::new();
    for (at, param) in def.params.iter().enumerate() {
        let before = diags.len();
        match ctx.param_annotation(param, &mut diags) {
            Some(ty) => args.push(ArgTy::Given(ty)),
            None if diags.len() > before => {}
            None if param.default.is_some() => args.push(ArgTy::Omitted),
            None => match explicit.as_ref().and_then(|tys| tys.get(at)) {
                Some(ty) => args.push(ArgTy::Given(ty.clone())),
                None => diags.push(messages::needs_annotation(param)),
            },
        }
    }
    if diags.iter().any(Diagnostic::is_error) { Err(diags) } else { Ok(args) }
}

/// The type of a value where an annotation asks for a type: the value's own if it fits, the annotated one if it is a number that
/// can be converted without loss of meaning. `None` if neither.
pub(super) fn convert(ty: &Ty, annotation: Option<&Ty>) -> Option<Ty> {
    let Some(annotation) = annotation else { return Some(ty.clone()) };
    match (ty, annotation) {
        (Ty::Scalar(from), Ty::Scalar(to)) => {
            let is_safe = match (from.kind(), to.kind()) {
                (Kind::Bool, _) => *to == DType::Bool || to.kind() > Kind::Bool,
                (Kind::Signed | Kind::Unsigned, Kind::Bool) => false,
                (Kind::Signed | Kind::Unsigned, _) => true,
                (Kind::Float, Kind::Float | Kind::Complex) => true,
                (Kind::Complex, Kind::Complex) => true,
                (Kind::Float | Kind::Complex, _) => false,
            };
            is_safe.then_some(Ty::Scalar(*to))
        }
        (Ty::Array(from), Ty::Array(to)) => {
            let is_layout = match to.layout {
                Layout::Strided => true,
                Layout::C => from.layout == Layout::C,
                Layout::F => from.layout == Layout::F || (from.rank <= 1 && from.layout == Layout::C),
            };
            (from.dtype == to.dtype && from.rank == to.rank && is_layout).then_some(Ty::Array(*from))
        }
        (Ty::Tuple(from), Ty::Tuple(to)) if from.len() == to.len() => {
            let items: Option<Vec<Ty>> =
                from.iter().zip(to.iter()).map(|(a, b)| convert(a, Some(b))).collect();
            items.map(|items| Ty::Tuple(items.into()))
        }
        // `x: f64 = None`: the annotation is for the value that is given.
        (Ty::None, _) => Some(Ty::None),
        (a, b) if a == b => Some(a.clone()),
        _ => None,
    }
}

impl Ctx<'_> {
    /// The annotation of a parameter; errors go to `diags`.
    pub(super) fn param_annotation(&self, param: &Param, diags: &mut Vec<Diagnostic>) -> Option<Ty> {
        match self.annotation(param.annotation?) {
            Ok(ty) => ty,
            Err(diag) => {
                diags.push(*diag);
                None
            }
        }
    }

    /// Reads an annotation.
    pub(super) fn annotation(&self, id: ExprId) -> Result<Option<Ty>, Box<Diagnostic>> {
        let expr = &self.ast.exprs[id];
        match &expr.kind {
            ExprKind::Literal(Literal::None) => Ok(Some(Ty::None)),
            ExprKind::Literal(Literal::Str(text)) => match TypeText::parse(self, text) {
                Some(ty) => Ok(ty),
                None => Err(Box::new(messages::unknown_type(expr.span, text))),
            },
            ExprKind::Name(_) | ExprKind::Attribute { .. } => self.named(id),
            ExprKind::Index { base, indices } => {
                if let Some(path) = self.path(*base)
                    && matches!(
                        path.as_str(),
                        "tuple" | "typing.Tuple" | "Tuple" | "kjit.tuple" | "kjit.Tuple" | "builtins.tuple"
                    )
                {
                    let items: Result<Vec<Option<Ty>>, _> =
                        indices.iter().map(|&i| self.annotation(i)).collect();
                    let items: Option<Vec<Ty>> = items?.into_iter().collect();
                    return Ok(items.map(|items| Ty::Tuple(items.into())));
                }
                if let Some(path) = self.path(*base)
                    && matches!(path.as_str(), "typing.Optional" | "Optional")
                    && let [only] = indices.as_slice()
                {
                    return self.annotation(*only);
                }
                if let Some(path) = self.path(*base)
                    && NO_CONSTRAINT.contains(&path.as_str())
                {
                    return Ok(None);
                }
                match self.annotation(*base)? {
                    Some(Ty::Scalar(dtype)) => match self.axes(indices) {
                        Some((rank, layout)) => Ok(Some(Ty::Array(array(dtype, rank, layout)))),
                        None => Err(Box::new(
                            Diagnostic::error(Code::K305, expr.span, "axes of an array type are written with colons")
                                .help(format!("write `{dtype}[:]` for one axis, `{dtype}[:, :]` for two, `{dtype}[:, ::1]` for C order")),
                        )),
                    },
                    _ => Err(Box::new(
                        Diagnostic::error(Code::K305, expr.span, "this is not a type").help("write `f64[:, :]` for an array with two axes"),
                    )),
                }
            }
            // `f64 | None`.
            ExprKind::Binary { left, right, .. } => match (self.annotation(*left)?, self.annotation(*right)?)
            {
                (Some(Ty::None), other) | (other, Some(Ty::None)) => Ok(other),
                _ => Err(Box::new(Diagnostic::error(Code::K305, expr.span, "a choice of types").help(
                    "leave the annotation out: a function is compiled for every type it is called with",
                ))),
            },
            ExprKind::Tuple(items) => {
                let items: Result<Vec<Option<Ty>>, _> = items.iter().map(|&i| self.annotation(i)).collect();
                let items: Option<Vec<Ty>> = items?.into_iter().collect();
                Ok(items.map(|items| Ty::Tuple(items.into())))
            }
            ExprKind::Call { callee, .. } => {
                // `numba.typeof(x)` and the like say nothing here; `float64(float64)` is a signature.
                let _ = callee;
                Ok(None)
            }
            ExprKind::Error => Ok(None),
            _ => Err(Box::new(
                Diagnostic::error(Code::K305, expr.span, "this is not a type")
                    .help("write `f64`, `i64`, `bool`, `f64[:]`, or leave the annotation out"),
            )),
        }
    }

    fn named(&self, id: ExprId) -> Result<Option<Ty>, Box<Diagnostic>> {
        let span = self.ast.exprs[id].span;
        let Some(path) = self.path(id) else {
            // A module constant that holds a type, or a function.
            if let ExprKind::Name(name) = &self.ast.exprs[id].kind
                && let Some(Ok(constant)) = self.constants.get(name)
                && let super::ConstValue::DType(dtype) = constant.value
            {
                return Ok(Some(Ty::Scalar(dtype)));
            }
            return Err(Box::new(messages::unknown_type(span, "this name")));
        };
        named_path(&path).ok_or_else(|| Box::new(messages::unknown_type(span, &path)))
    }

    /// `:`, `::1` between commas.
    fn axes(&self, indices: &[ExprId]) -> Option<(u8, Layout)> {
        let mut units = Vec::new();
        for &index in indices {
            match &self.ast.exprs[index].kind {
                ExprKind::Slice { start: None, stop: None, step } => units.push(match step {
                    None => false,
                    Some(step) => match &self.ast.exprs[*step].kind {
                        ExprKind::Literal(Literal::Int(1)) => true,
                        _ => return None,
                    },
                }),
                ExprKind::Literal(Literal::Ellipsis) => return None,
                ExprKind::Tuple(items) if items.is_empty() => {}
                _ => return None,
            }
        }
        layout_of(&units)
    }
}

/// Annotations that say nothing that types need.
const NO_CONSTRAINT: &[&str] = &[
    "numpy.ndarray",
    "numpy.typing.NDArray",
    "numpy.typing.ArrayLike",
    "typing.Any",
    "Any",
    "object",
    "numpy.random.Generator",
    "npt.NDArray",
    "npt.ArrayLike",
    "str",
    "kjit.ndarray",
    "kjit.array",
    "ndarray",
    "NDArray",
    "Callable",
    "typing.Callable",
    "list",
    "tuple",
    "numpy.number",
    "numpy.generic",
];

fn named_path(path: &str) -> Option<Option<Ty>> {
    if NO_CONSTRAINT.contains(&path) {
        return Some(None);
    }
    match path {
        "None" | "numba.void" | "numba.none" | "numba.types.void" | "kjit.void" => {
            return Some(Some(Ty::None));
        }
        _ => {}
    }
    match builtins::lookup(path) {
        Some(Builtin::Type(dtype)) => Some(Some(Ty::Scalar(dtype))),
        Some(Builtin::Complex) => Some(Some(Ty::Scalar(DType::C128))),
        _ => None,
    }
}

fn array(dtype: DType, rank: u8, layout: Layout) -> ArrayTy {
    ArrayTy { dtype, rank, layout, is_writable: true }
}

fn layout_of(units: &[bool]) -> Option<(u8, Layout)> {
    if units.len() > usize::from(MAX_RANK) {
        return None;
    }
    let rank = units.len() as u8;
    let count = units.iter().filter(|is_unit| **is_unit).count();
    match (count, units.first(), units.last()) {
        (0, _, _) => Some((rank, if rank == 0 { Layout::C } else { Layout::Strided })),
        (1, _, Some(true)) => Some((rank, Layout::C)),
        (1, Some(true), _) => Some((rank, Layout::F)),
        _ => None,
    }
}

/// Types written in strings: forward annotations and Numba's signatures.
pub(super) struct TypeText<'t> {
    rest: &'t str,
    is_numba: bool,
}

impl<'t> TypeText<'t> {
    /// A type in an annotation string: names mean what they mean in the file.
    fn parse(ctx: &Ctx<'_>, text: &'t str) -> Option<Option<Ty>> {
        let mut parser = TypeText { rest: text, is_numba: false };
        let ty = parser.ty(Some(ctx))?;
        parser.is_end().then_some(ty)
    }

    /// The argument types of a signature such as `f8(f8[:], i8)`, in Numba's names.
    pub(super) fn signature(text: &'t str) -> Option<Vec<Ty>> {
        let mut parser = TypeText { rest: text, is_numba: true };
        let mut args = Vec::new();
        if !parser.rest.trim_start().starts_with('(') {
            parser.ty(None)?;
        }
        if !parser.eat("(") {
            return None;
        }
        while !parser.eat(")") {
            args.push(parser.ty(None)??);
            if !parser.eat(",") && !parser.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        parser.is_end().then_some(args)
    }

    fn is_end(&self) -> bool {
        self.rest.trim().is_empty()
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        if let Some(after) = rest.strip_prefix(token) {
            self.rest = after;
            return true;
        }
        false
    }

    fn ty(&mut self, ctx: Option<&Ctx<'_>>) -> Option<Option<Ty>> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        self.rest = after;
        if name.is_empty() {
            return None;
        }
        if matches!(name, "tuple" | "Tuple" | "typing.Tuple") && (self.eat("[") || self.eat("((")) {
            let mut items = Vec::new();
            loop {
                items.push(self.ty(ctx)??);
                if self.eat("]") || self.eat("))") {
                    return Some(Some(Ty::Tuple(items.into())));
                }
                if !self.eat(",") || items.len() > 64 {
                    return None;
                }
            }
        }
        let path = self.path(ctx, name);
        let ty = named_path(&path)?;
        let Some(Ty::Scalar(dtype)) = ty else { return Some(ty) };
        if !self.eat("[") {
            return Some(Some(Ty::Scalar(dtype)));
        }
        let mut units = Vec::new();
        loop {
            units.push(if self.eat("::1") {
                true
            } else if self.eat(":") {
                false
            } else {
                return None;
            });
            if self.eat("]") {
                let (rank, layout) = layout_of(&units)?;
                return Some(Some(Ty::Array(array(dtype, rank, layout))));
            }
            if !self.eat(",") || units.len() > usize::from(MAX_RANK) {
                return None;
            }
        }
    }

    fn path(&self, ctx: Option<&Ctx<'_>>, name: &str) -> String {
        if self.is_numba {
            let name = name.rsplit('.').next().unwrap_or(name);
            return format!("numba.{name}");
        }
        let (root, rest) = name.split_once('.').map_or((name, None), |(root, rest)| (root, Some(rest)));
        let root = match ctx.and_then(|ctx| ctx.imports.get(root)) {
            Some(path) => path.to_string(),
            None => match root {
                "np" => "numpy".to_owned(),
                "nb" => "numba".to_owned(),
                "float" | "int" | "bool" | "complex" => root.to_owned(),
                _ if rest.is_none() && DType::from_name(root).is_some() => format!("kjit.{root}"),
                _ => root.to_owned(),
            },
        };
        match rest {
            Some(rest) => format!("{root}.{rest}"),
            None => root,
        }
    }
}

/// The place of a parameter's annotation, or of its name.
pub(super) fn place(ast: &Ast, param: &Param) -> Span {
    param.annotation.map_or(param.name.span, |id| ast.exprs[id].span)
}
