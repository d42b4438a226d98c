//! What the arguments of built-in functions must be; functions with any number of arguments, and those that touch the world.

use super::calls::CallSite;
use super::function::{FnCtx, Val};
use super::{ArgSource, CallPlan, ConstValue, Resolution, formats, messages};
use crate::base::{Code, Diagnostic};
use crate::syntax::ast::{ExprId, ExprKind};
use crate::types::builtins::{self, Builtin};
use crate::types::dtype::Kind;
use crate::types::ty::MAX_RANK;
use crate::types::{ArrayTy, DType, Ty, promote};

impl FnCtx<'_, '_> {
    pub(super) fn arg_span(&self, site: CallSite<'_>, slot: Option<ExprId>) -> crate::base::Span {
        self.span(slot.unwrap_or(site.id))
    }

    /// The type of an argument that must be a number, of a kind up to `most`.
    pub(super) fn number(
        &mut self,
        site: CallSite<'_>,
        slot: Option<ExprId>,
        val: &Val,
        most: Kind,
    ) -> Option<DType> {
        let ty = val.ty.as_ref()?;
        let span = self.arg_span(site, slot);
        match ty {
            Ty::Scalar(dtype) if dtype.kind() <= most => Some(*dtype),
            _ => {
                let what = match most {
                    Kind::Complex => "a number",
                    Kind::Float => "a real number",
                    Kind::Bool | Kind::Signed | Kind::Unsigned => "an integer",
                };
                let text = slot.map(|arg| self.render(arg)).unwrap_or_default();
                let mut diag = messages::arg_ty(span, site.name, what, ty);
                diag = match ty {
                    Ty::Scalar(dtype) if dtype.is_complex() => diag.help(format!(
                        "take its real part, `{text}.real`, or its absolute value, `abs({text})`"
                    )),
                    Ty::Scalar(_) => diag.help(format!("convert it: `int({text})`")),
                    Ty::Array(_) => diag.help(format!("give one element: `{text}[i]`")),
                    _ => diag,
                };
                self.diags.push(diag);
                None
            }
        }
    }

    pub(super) fn array_arg(
        &mut self,
        site: CallSite<'_>,
        slot: Option<ExprId>,
        val: &Val,
    ) -> Option<ArrayTy> {
        match val.ty.as_ref()? {
            Ty::Array(array) => Some(*array),
            ty => {
                let mut diag = messages::arg_ty(self.arg_span(site, slot), site.name, "an array", ty);
                if let (Ty::Scalar(_), Some(arg)) = (ty, slot) {
                    let text = self.render(arg);
                    diag = diag.help(format!("this is one number: give an array, or write `{text}` alone"));
                }
                self.diags.push(diag);
                None
            }
        }
    }

    /// The common type of a tuple of numbers, at least one of them for an extreme.
    pub(super) fn tuple_dtype(
        &mut self,
        site: CallSite<'_>,
        slot: Option<ExprId>,
        val: &Val,
    ) -> Option<DType> {
        let Some(Ty::Tuple(items)) = &val.ty else { return None };
        let mut dtype: Option<DType> = None;
        for item in items.iter() {
            let Ty::Scalar(next) = item else {
                let span = self.arg_span(site, slot);
                let diag = messages::arg_ty(
                    span,
                    site.name,
                    "an array or a tuple of numbers",
                    &Ty::Tuple(items.clone()),
                );
                self.diags.push(diag);
                return None;
            };
            dtype = Some(match dtype {
                None => *next,
                Some(before) => promote::scalars(before, false, *next, false),
            });
        }
        let is_extreme = site.name.ends_with("min") || site.name.ends_with("max");
        if is_extreme && (items.is_empty() || dtype.is_some_and(DType::is_complex)) {
            let span = self.arg_span(site, slot);
            let diag =
                messages::arg_ty(span, site.name, "a tuple of real numbers", &Ty::Tuple(items.clone()));
            self.diags.push(diag);
            return None;
        }
        Some(dtype.unwrap_or(DType::I64))
    }

    /// The number of axes that a shape asks for.
    pub(super) fn shape_arg(&mut self, site: CallSite<'_>, slot: Option<ExprId>, val: &Val) -> Option<u8> {
        let ty = val.ty.as_ref()?;
        let is_int = |ty: &Ty| matches!(ty, Ty::Scalar(dtype) if dtype.is_int());
        match ty {
            ty if is_int(ty) => Some(1),
            Ty::Tuple(items) if items.iter().all(is_int) && items.len() <= usize::from(MAX_RANK) => {
                Some(items.len() as u8)
            }
            _ => {
                let span = self.arg_span(site, slot);
                let text = slot.map(|arg| self.render(arg)).unwrap_or_default();
                let diag = Diagnostic::error(
                    Code::K406,
                    span,
                    format!("the shape for `{}` is not a tuple of integers", site.name),
                )
                .primary(format!("this is `{ty}`"));
                self.diags.push(match ty {
                    Ty::Scalar(_) => {
                        diag.help(format!("convert it: `int({text})`; for a whole quotient write `//`"))
                    }
                    Ty::Array(_) => diag.help(format!("its shape is `{text}.shape`")),
                    Ty::Tuple(items) if items.len() > usize::from(MAX_RANK) => {
                        diag.help(format!("arrays have at most {MAX_RANK} axes"))
                    }
                    _ => diag.help("write `(n, m)` with integers"),
                });
                None
            }
        }
    }

    /// A `dtype` argument, which is always known at compile time.
    pub(super) fn dtype_arg(
        &mut self,
        site: CallSite<'_>,
        slot: Option<ExprId>,
        val: &Val,
        default: DType,
    ) -> Option<DType> {
        let Some(arg) = slot else { return Some(default) };
        let found = match (&val.konst, &val.ty) {
            (Some(ConstValue::DType(dtype)), _) => Some(*dtype),
            (_, Some(Ty::Str(text))) => builtins::dtype_string(text),
            (Some(ConstValue::None), _) => Some(default),
            _ => None,
        };
        if found.is_none() {
            let span = self.span(arg);
            let ty = val.ty.as_ref().map(|ty| format!("this is `{ty}`")).unwrap_or_default();
            let is_size = matches!(&val.ty, Some(Ty::Scalar(dtype)) if dtype.is_int());
            let names = DType::ALL.iter().map(|dtype| dtype.numpy_name());
            let near = match &val.ty {
                Some(Ty::Str(text)) => super::suggest::nearest(text, names),
                _ => None,
            };
            let help = match (near, slot.filter(|_| is_size), site.args.first()) {
                (Some(near), ..) => format!("did you mean `\"{near}\"`?"),
                (None, Some(size), Some(first)) if site.receiver.is_none() && *first != size => {
                    let (first, size) = (self.render(*first), self.render(size));
                    format!("write several sizes as a tuple: `{}(({first}, {size}))`", site.name)
                }
                _ => "write one: `np.float64`, `np.int32`, `\"f4\"`, or `x.dtype`".to_owned(),
            };
            self.diags.push(
                Diagnostic::error(
                    Code::K313,
                    span,
                    format!("`{}` needs an element type that is known at compile time", site.name),
                )
                .primary(ty)
                .help(help),
            );
        }
        found
    }

    pub(super) fn only_in_for(&mut self, site: CallSite<'_>) -> Val {
        let span = self.span(site.id);
        self.report(
            Diagnostic::error(Code::K202, span, format!("`{}` outside the head of a `for`", site.name))
                .primary("has no value of its own")
                .help(if site.name.ends_with("range") {
                    "for an array of numbers write `np.arange(...)`".to_owned()
                } else {
                    format!("write `for ... in {}(...):`", site.name)
                }),
        )
    }

    /// `min`, `max`, `print`, `zip`: any number of arguments.
    pub(super) fn variadic(&mut self, site: CallSite<'_>, builtin: Builtin) -> Val {
        if builtin == Builtin::Zip {
            for &arg in site.args {
                self.expr(arg);
            }
            return self.only_in_for(site);
        }
        if builtin == Builtin::Print {
            return self.print(site);
        }
        self.no_keywords(site.name, site.keywords);
        let vals: Vec<Val> = site.args.iter().map(|&arg| self.expr(arg)).collect();
        if vals.iter().any(|val| val.ty.is_none()) {
            return Val::ERROR;
        }
        let span = self.span(site.id);
        match (site.args, vals.as_slice()) {
            ([], _) => self.report(messages::arg_count(span, site.name, 1, 99, 0)),
            ([arg], [val]) => match &val.ty {
                Some(Ty::Array(_)) => {
                    let whole = if builtin == Builtin::Min { Builtin::AMin } else { Builtin::AMax };
                    self.typed_builtin(site, whole, &[Some(*arg)])
                }
                Some(Ty::Tuple(items)) if !items.is_empty() => {
                    let mut dtype: Option<DType> = None;
                    for item in items.iter() {
                        match item {
                            Ty::Scalar(next) if !next.is_complex() => {
                                dtype =
                                    Some(dtype.map_or(next.widened(), |d| {
                                        promote::scalars(d, false, *next, false)
                                    }));
                            }
                            _ => {
                                let diag = messages::arg_ty(
                                    self.span(*arg),
                                    site.name,
                                    "a tuple of real numbers",
                                    &Ty::Tuple(items.clone()),
                                );
                                return self.report(diag);
                            }
                        }
                    }
                    let ty = Ty::Scalar(dtype.unwrap_or(DType::I64));
                    let plan = CallPlan { args: vec![ArgSource::Expr(*arg)] };
                    self.done(site.id, Val::of(ty), Resolution::Builtin(builtin, plan))
                }
                Some(ty) => {
                    let text = self.render(*arg);
                    let diag =
                        messages::arg_ty(self.span(*arg), site.name, "two numbers, an array or a tuple", ty);
                    self.report(diag.help(format!("give the other number too: `{}({text}, ...)`", site.name)))
                }
                None => Val::ERROR,
            },
            (args, vals) => {
                let mut result: Option<(DType, bool)> = None;
                for (&arg, val) in args.iter().zip(vals) {
                    let dtype = match &val.ty {
                        Some(Ty::Scalar(dtype)) if !dtype.is_complex() => *dtype,
                        Some(Ty::Array(_)) => {
                            let name = if builtin == Builtin::Min { "minimum" } else { "maximum" };
                            let text = self.render(arg);
                            let span = self.span(arg);
                            return self.report(
                                Diagnostic::error(Code::K303, span, format!("`{}` of several values is for numbers", site.name))
                                    .primary("an array")
                                    .help(format!("compare elements in a loop: `{}({text}[i], ...)` (`np.{name}` comes later)", site.name)),
                            );
                        }
                        Some(ty) => {
                            let diag = messages::arg_ty(self.span(arg), site.name, "real numbers", ty);
                            return self.report(diag);
                        }
                        None => return Val::ERROR,
                    };
                    result = Some(match result {
                        None => (dtype, val.is_weak),
                        Some((before, is_weak)) => {
                            (promote::scalars(before, is_weak, dtype, val.is_weak), is_weak && val.is_weak)
                        }
                    });
                }
                let dtype = result.map_or(DType::I64, |(dtype, _)| dtype);
                let plan = CallPlan { args: args.iter().map(|&arg| ArgSource::Expr(arg)).collect() };
                self.done(site.id, Val::scalar(dtype), Resolution::Builtin(builtin, plan))
            }
        }
    }

    pub(super) fn print(&mut self, site: CallSite<'_>) -> Val {
        for (name, value) in site.keywords {
            let is_known = match name.name.as_str() {
                "sep" | "end" => {
                    let span = self.span(*value);
                    match self.expr(*value) {
                        Val { konst: Some(ConstValue::Str(_) | ConstValue::None), .. }
                        | Val { ty: None, .. } => {}
                        Val { ty: Some(ty), .. } => self.diags.push(
                            Diagnostic::error(
                                Code::K207,
                                span,
                                format!("`{}` of `print` must be known at compile time", name.name),
                            )
                            .primary(format!("this is `{ty}`"))
                            .help("write a string: `print(a, b, sep=\", \", end=\"\")`"),
                        ),
                    }
                    true
                }
                // Lines are handed over as soon as they end.
                "flush" => true,
                _ => false,
            };
            if !is_known {
                self.diags.push(
                    Diagnostic::error(Code::K207, name.span, format!("`print` has no `{}` here", name.name))
                        .help("put everything into one f-string: `print(f\"{a}, {b}\")`"),
                );
            }
        }
        let mut is_error = false;
        for &arg in site.args {
            is_error |= !self.printable(arg);
        }
        if is_error {
            return Val::ERROR;
        }
        let plan = CallPlan { args: site.args.iter().map(|&arg| ArgSource::Expr(arg)).collect() };
        self.done(site.id, Val::of(Ty::None), Resolution::Builtin(Builtin::Print, plan))
    }

    /// Types a value that becomes text: in `print` and in messages.
    pub(super) fn printable(&mut self, id: ExprId) -> bool {
        let val = match &self.ast.exprs[id].kind {
            ExprKind::FString(pieces) => return self.fstring(id, pieces).ty.is_some(),
            _ => self.expr(id),
        };
        let Some(ty) = val.ty else { return false };
        if let Some(diag) = formats::unprintable(self.span(id), &self.render(id), &ty) {
            self.diags.push(diag);
            return false;
        }
        true
    }

    /// `np.load(path)`, `np.save(path, x)`.
    pub(super) fn file_call(
        &mut self,
        site: CallSite<'_>,
        builtin: Builtin,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Val {
        let span = self.span(site.id);
        if self.function.name.name != "main" {
            return self.report(
                Diagnostic::error(Code::K207, span, format!("`{}` outside `main`", site.name))
                    .primary("files are read and written in `main` only")
                    .help("pass the array as an argument"),
            );
        }
        let path = match &vals[0].ty {
            Some(Ty::Str(path)) => path.clone(),
            Some(ty) => {
                let span = self.arg_span(site, slots[0]);
                return self.report(
                    Diagnostic::error(
                        Code::K407,
                        span,
                        format!("`{}` needs a path that is known at compile time", site.name),
                    )
                    .primary(format!("this is `{ty}`"))
                    .help("write the path as a string: `\"data.npy\"`"),
                );
            }
            None => return Val::ERROR,
        };
        let plan: Vec<ArgSource> =
            slots.iter().map(|slot| slot.map_or(ArgSource::Absent, ArgSource::Expr)).collect();
        let ty = if builtin == Builtin::Save {
            if self.array_arg(site, slots[1], &vals[1]).is_none() {
                return Val::ERROR;
            }
            Ty::None
        } else {
            match self.ctx.host.npy_type(&path) {
                Some(array) => Ty::Array(ArrayTy { is_writable: true, ..array }),
                None => {
                    let at = self.arg_span(site, slots[0]);
                    return self.report(
                        Diagnostic::error(Code::K716, at, format!("no array can be read from {path:?}"))
                            .primary("its type is needed to compile")
                            .help("give the path of a `.npy` file that exists, seen from where kjit runs"),
                    );
                }
            }
        };
        self.done(site.id, Val::of(ty), Resolution::Builtin(builtin, CallPlan { args: plan }))
    }
}
