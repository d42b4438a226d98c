//! Calls: which function is meant, and which argument goes to which parameter.

use super::builtin_calls::is_elementwise;
use super::device::Role;
use super::function::{FnCtx, Val};
use super::{
    ArgSource, CallPlan, ConstValue, Resolution, annotations, constants, device, device_host, messages,
};
use crate::base::{Code, Diagnostic, Span, Symbol};
use crate::syntax::ast::{ExprId, ExprKind, Name};
use crate::types::builtins::{self, Builtin};
use crate::types::{DType, Ty};

/// A call, as written.
#[derive(Clone, Copy)]
pub(super) struct CallSite<'s> {
    pub(super) id: ExprId,
    /// The name for messages: `np.zeros`, `x.sum`.
    pub(super) name: &'s str,
    pub(super) args: &'s [ExprId],
    pub(super) keywords: &'s [(Name, ExprId)],
    /// The value before the dot of a method.
    pub(super) receiver: Option<ExprId>,
    /// The array expression that the call would be a part of.
    pub(super) root: Option<ExprId>,
}

impl FnCtx<'_, '_> {
    /// The value of `callee(args, keywords)`.
    pub(super) fn call(
        &mut self,
        id: ExprId,
        root: Option<ExprId>,
        callee: ExprId,
        args: &[ExprId],
        keywords: &[(Name, ExprId)],
    ) -> Val {
        let ast = self.ast;
        let callee_span = self.span(callee);
        let name = self.render(callee);
        let site = CallSite { id, name: &name, args, keywords, receiver: None, root };
        match &ast.exprs[callee].kind {
            ExprKind::Name(callee_name) => {
                if let Some(&var) = self.var_ids.get(callee_name) {
                    // A variable that holds a type: `dtype = x.dtype; dtype(0)`.
                    let val = self.read(callee, var);
                    return match val.ty {
                        Some(Ty::Str(text)) if let Some(dtype) = builtins::dtype_string(&text) => {
                            self.builtin(site, Builtin::Type(dtype))
                        }
                        None => {
                            self.untyped_args(site);
                            Val::ERROR
                        }
                        Some(ty) => {
                            self.untyped_args(site);
                            self.report(
                                Diagnostic::error(
                                    Code::K310,
                                    callee_span,
                                    format!("`{callee_name}` cannot be called"),
                                )
                                .primary(format!("this is `{ty}`"))
                                .help(
                                    if matches!(ty, Ty::Array(_) | Ty::Tuple(_)) {
                                        format!(
                                            "elements are taken with square brackets: `{callee_name}[...]`"
                                        )
                                    } else {
                                        "the name of a variable hides a function; rename the variable"
                                            .to_owned()
                                    },
                                ),
                            )
                        }
                    };
                }
                if let Some(&function) = self.ctx.functions.get(callee_name) {
                    if !self.may_call(site, function) {
                        self.untyped_args(site);
                        return Val::ERROR;
                    }
                    return self.called(site, function);
                }
                if let Some(constant) = self.ctx.constants.get(callee_name) {
                    return match constant {
                        Ok(constant) => match constant.value {
                            ConstValue::DType(dtype) => self.builtin(site, Builtin::Type(dtype)),
                            _ => {
                                let ty = constants::ty(&constant.value);
                                self.untyped_args(site);
                                self.report(
                                    Diagnostic::error(
                                        Code::K310,
                                        callee_span,
                                        format!("`{callee_name}` cannot be called"),
                                    )
                                    .primary(format!("a constant of type `{ty}`")),
                                )
                            }
                        },
                        Err(diag) => {
                            let diag = diag.clone().label(callee_span, "used here");
                            self.untyped_args(site);
                            self.report(diag)
                        }
                    };
                }
                let Some(path) = self.ctx.path(callee) else { return Val::ERROR };
                if let Some(val) = self.call_of_path(site, callee_span, &path) {
                    return val;
                }
                self.untyped_args(site);
                let diag = if let Some(diag) = messages::known_python(callee_span, &path) {
                    diag
                } else if self.ctx.imports.contains_key(callee_name) {
                    messages::unknown_path(callee_span, &path)
                } else {
                    self.unknown_function(callee, callee_name)
                };
                self.report(diag)
            }
            ExprKind::Attribute { base, name: method } => {
                if let Some(path) = self.path(callee) {
                    if let Some(val) = self.call_of_path(site, callee_span, &path) {
                        return val;
                    }
                    if self.is_module_root(callee) {
                        self.untyped_args(site);
                        let diag = messages::known_python(callee_span, &path)
                            .unwrap_or_else(|| messages::unknown_path(callee_span, &path));
                        return self.report(diag);
                    }
                }
                let base = *base;
                let value = self.expr(base);
                // `x.dtype.type(0)` is a cast.
                if let (Some(ConstValue::DType(dtype)), "type") = (&value.konst, method.name.as_str()) {
                    return self.builtin(site, Builtin::Type(*dtype));
                }
                let Some(ty) = value.ty else {
                    self.untyped_args(site);
                    return Val::ERROR;
                };
                let site = CallSite { receiver: Some(base), ..site };
                // Work of streams ends when its results are needed.
                if ty == Ty::None && method.name == "synchronize" {
                    self.untyped_args(site);
                    return self.done_constant(id, ConstValue::None);
                }
                let builtin = match &ty {
                    Ty::Rng => builtins::generator_method(&method.name),
                    Ty::Array(_) => builtins::method(&method.name),
                    Ty::Scalar(_) => builtins::method(&method.name)
                        .filter(|b| matches!(b, Builtin::Conj | Builtin::Item | Builtin::Astype)),
                    Ty::Event => return self.event_method(site, method),
                    Ty::None | Ty::Tuple(_) | Ty::Str(_) => None,
                };
                match builtin {
                    Some(builtin) => self.builtin(site, builtin),
                    None => {
                        self.untyped_args(site);
                        let base = self.render(base);
                        let diag = messages::unknown_method(method, &base, &ty);
                        self.report(diag)
                    }
                }
            }
            ExprKind::Error => {
                self.untyped_args(site);
                Val::ERROR
            }
            _ => {
                if let Some(val) = self.launch(site, callee) {
                    return val;
                }
                self.untyped_args(site);
                let diag = Diagnostic::error(Code::K310, callee_span, "this cannot be called");
                let is_number = matches!(
                    &ast.exprs[callee].kind,
                    ExprKind::Literal(_) | ExprKind::Binary { .. } | ExprKind::Tuple(_)
                );
                self.report(match site.args {
                    [arg] if is_number => diag
                        .primary("a number before a bracket")
                        .help(format!("a product needs its operator: `{name} * ({})`", self.render(*arg))),
                    _ => diag.help("only functions, types and methods can be called"),
                })
            }
        }
    }

    /// A call of what a path from the imports names, if kjit knows it: `cuda.grid`, `np.sqrt`.
    fn call_of_path(&mut self, site: CallSite<'_>, callee: Span, path: &str) -> Option<Val> {
        if let Some(rest) = device::cuda_path(path) {
            return Some(self.cuda_call(site, rest).unwrap_or_else(|| {
                self.untyped_args(site);
                self.report(device_host::unknown(callee, rest))
            }));
        }
        builtins::lookup(path).map(|builtin| self.builtin(site, builtin))
    }

    /// Types the arguments of a call that has an error, for errors of their own.
    pub(super) fn untyped_args(&mut self, site: CallSite<'_>) {
        for &arg in site.args.iter().chain(site.keywords.iter().map(|(_, value)| value)) {
            self.expr(arg);
        }
    }

    fn unknown_function(&self, callee: ExprId, name: &Symbol) -> Diagnostic {
        if let Some(plain) = self.ctx.ast.plain(name) {
            return messages::plain_python(self.span(callee), plain);
        }
        let functions = self.ctx.functions.keys().map(Symbol::as_str);
        let near =
            super::suggest::nearest(name, functions.chain(builtins::names("").map(|name| name as &str)));
        // The same name in a module, with the module in front.
        let qualified = ["math", "numpy", "numpy.random"]
            .iter()
            .find(|module| builtins::lookup(&format!("{module}.{name}")).is_some());
        match (near, qualified) {
            (None, Some(module)) => {
                let module = if *module == "numpy" { "np" } else { module };
                messages::unknown_name(self.span(callee), name, None).help(format!("write `{module}.{name}`"))
            }
            _ => messages::unknown_name(self.span(callee), name, near),
        }
    }

    /// Which argument goes to which parameter; `None` after an error.
    pub(super) fn match_args(
        &mut self,
        site: CallSite<'_>,
        names: &[&str],
        required: usize,
        keyword_only_from: usize,
        definition: Option<(crate::base::Span, usize)>,
        unknown: Code,
    ) -> Option<Vec<Option<ExprId>>> {
        let (definition, definition_required) = definition.unzip();
        let mut slots: Vec<Option<ExprId>> = vec![None; names.len()];
        let offset = usize::from(site.receiver.is_some());
        if offset == 1 && !slots.is_empty() {
            slots[0] = site.receiver;
        }
        let mut is_error = false;
        let most = keyword_only_from.min(names.len()) - offset.min(names.len());
        if site.args.len() > most {
            let span = self.span(site.args[most]).to(self.span(site.args[site.args.len() - 1]));
            // A user's function says below which of its arguments is missing.
            let required = definition_required.unwrap_or(required);
            let least = required.saturating_sub(offset);
            let mut diag = messages::arg_count(span, site.name, least.min(most), most, site.args.len());
            if let Some(definition) = definition {
                diag = diag.label(definition, "defined here");
            }
            self.diags.push(diag);
            is_error = true;
        }
        for (slot, &arg) in slots[offset.min(names.len())..].iter_mut().zip(site.args) {
            *slot = Some(arg);
        }
        for (name, value) in site.keywords {
            match names.iter().position(|n| *n == name.name.as_str()) {
                Some(at) if slots[at].is_some() => {
                    self.diags.push(
                        Diagnostic::error(Code::K304, name.span, format!("`{}` is given twice", name.name))
                            .help("leave one of the two values out"),
                    );
                    is_error = true;
                }
                Some(at) => slots[at] = Some(*value),
                None => {
                    let mut diag =
                        messages::unknown_keyword(site.name, name, &names[offset.min(names.len())..]);
                    diag.code = unknown;
                    self.diags.push(diag);
                    is_error = true;
                }
            }
        }
        if !is_error && let Some(at) = slots[..required.min(slots.len())].iter().position(Option::is_none) {
            let span = self.span(site.id);
            let given = site.args.len() + site.keywords.len();
            let mut diag = Diagnostic::error(
                Code::K304,
                span,
                format!("`{}` needs a value for `{}`", site.name, names[at]),
            )
            .primary(if given == 1 {
                "1 argument".to_owned()
            } else {
                format!("{given} arguments")
            });
            if let Some(definition) = definition {
                diag = diag.label(definition, "defined here");
            }
            self.diags.push(diag.help(format!(
                "write `{}({})`",
                site.name,
                names[offset.min(names.len())..].join(", ")
            )));
            is_error = true;
        }
        if is_error {
            self.untyped_args(site);
            return None;
        }
        Some(slots)
    }

    /// A call of a user's function.
    pub(super) fn called(&mut self, site: CallSite<'_>, index: usize) -> Val {
        let ast = self.ast;
        let function = &ast.functions[index];
        let names: Vec<&str> = function.params.iter().map(|param| param.name.name.as_str()).collect();
        let keyword_only = function.params.iter().position(|p| p.is_keyword_only).unwrap_or(names.len());
        let required = function.params.iter().filter(|param| param.default.is_none()).count();
        let definition = Some((function.head_span, required));
        let Some(slots) = self.match_args(site, &names, 0, keyword_only, definition, Code::K304) else {
            return Val::ERROR;
        };
        // Arguments are typed in the order in which they are evaluated.
        let mut vals: Vec<(ExprId, Val)> = Vec::with_capacity(slots.len());
        for &arg in site.args.iter().chain(site.keywords.iter().map(|(_, value)| value)) {
            let val = self.expr(arg);
            vals.push((arg, val));
        }
        let mut params = Vec::with_capacity(slots.len());
        let mut plan = Vec::with_capacity(slots.len());
        let mut is_error = false;
        for (param, slot) in function.params.iter().zip(slots) {
            let mut diags = Vec::new();
            // Errors of the annotation itself are reported where the function is typed.
            let annotation = self.ctx.param_annotation(param, &mut diags);
            if diags.iter().any(Diagnostic::is_error) {
                self.diags.append(&mut diags);
                is_error = true;
                continue;
            }
            let ty = match (slot, param.default) {
                (Some(arg), _) => {
                    let Some(ty) = vals.iter().find(|(id, _)| *id == arg).and_then(|(_, val)| val.ty.clone())
                    else {
                        is_error = true;
                        continue;
                    };
                    plan.push(ArgSource::Expr(arg));
                    match annotations::convert(&ty, annotation.as_ref()) {
                        Some(ty) => ty,
                        None => {
                            let diag = messages::annotation(
                                self.span(arg),
                                &ty,
                                param,
                                self.span_of_annotation(param),
                                annotation.as_ref(),
                            );
                            self.diags.push(diag);
                            is_error = true;
                            continue;
                        }
                    }
                }
                (None, Some(default)) => match self.ctx.eval_constant(default) {
                    Ok(constant) => {
                        let value = constants::convert(constant.value, annotation.as_ref());
                        let ty = constants::ty(&value);
                        plan.push(ArgSource::Const(value));
                        ty
                    }
                    Err(e) => {
                        let diag =
                            messages::default_value(param, &e).label(self.span(site.id), "used by this call");
                        self.diags.push(diag);
                        is_error = true;
                        continue;
                    }
                },
                (None, None) => {
                    let span = self.span(site.id);
                    self.diags.push(
                        Diagnostic::error(
                            Code::K304,
                            span,
                            format!("`{}` needs a value for `{}`", site.name, param.name.name),
                        )
                        .primary("not given here")
                        .label(function.head_span, "defined here")
                        .help(format!("write `{}({})`", site.name, names.join(", "))),
                    );
                    is_error = true;
                    continue;
                }
            };
            params.push((param.name.name.clone(), ty));
        }
        if is_error {
            return Val::ERROR;
        }
        let call_span = self.span(site.id);
        let slot = self.ctx.instantiate(index, &params, &Default::default(), Some(call_span));
        self.calls.insert(site.id, slot);
        let callee = &mut self.ctx.slots[slot];
        if !callee.is_done {
            callee.is_asked = true;
        }
        let Some(ret) = callee.ret.clone() else {
            return Val::ERROR;
        };
        // The instance's number is put in when all are known.
        let target = super::InstanceId::from_u32(0);
        self.done(site.id, Val::of(ret), Resolution::User(target, CallPlan { args: plan }))
    }

    fn span_of_annotation(&self, param: &crate::syntax::ast::Param) -> crate::base::Span {
        param.annotation.map_or(param.name.span, |id| self.span(id))
    }

    /// A call of a built-in function, method or type.
    pub(super) fn builtin(&mut self, site: CallSite<'_>, builtin: Builtin) -> Val {
        if let Builtin::Type(dtype) = builtin {
            return self.cast(site, dtype);
        }
        let builtin = match builtin {
            Builtin::Round if site.args.len() + site.keywords.len() > 1 => Builtin::RoundDigits,
            other => other,
        };
        if is_elementwise(builtin) {
            // Array expressions go on through functions of elements.
            self.array_root = site.root;
            return self.in_array_root(site.id, |f| f.matched_builtin(site, builtin));
        }
        self.matched_builtin(site, builtin)
    }

    fn matched_builtin(&mut self, site: CallSite<'_>, builtin: Builtin) -> Val {
        if self.role != Role::Plain && builtin.is_host_only() {
            self.untyped_args(site);
            let diag = self.host_only(self.span(site.id), site.name).help(device_host::instead(builtin));
            return self.report(diag);
        }
        let signature = builtin.signature();
        if let Some(diag) = self.argument_of_later(site, builtin) {
            return self.report(diag);
        }
        if signature.is_variadic {
            return self.variadic(site, builtin);
        }
        if builtin == Builtin::Reshape {
            return self.reshape(site);
        }
        let Some(slots) =
            self.match_args(site, signature.names, signature.required, usize::MAX, None, Code::K207)
        else {
            return Val::ERROR;
        };
        self.typed_builtin(site, builtin, &slots)
    }

    /// `axis` of a reduction and `size` of a draw, which come with array expressions.
    fn argument_of_later(&self, site: CallSite<'_>, builtin: Builtin) -> Option<Diagnostic> {
        let keyword =
            |text: &str| site.keywords.iter().find(|(name, _)| name.name == text).map(|(name, _)| name.span);
        let names = builtin.signature().names;
        let most = names.len() - usize::from(site.receiver.is_some()).min(names.len());
        let place = |text: &str| keyword(text).or_else(|| Some(self.span(*site.args.get(most)?)));
        match builtin {
            Builtin::Sum
            | Builtin::Prod
            | Builtin::AMin
            | Builtin::AMax
            | Builtin::Mean
            | Builtin::Argmin
            | Builtin::Argmax
            | Builtin::Any
            | Builtin::All
            | Builtin::CountNonzero
            | Builtin::Cumsum
            | Builtin::Cumprod => {
                let method = site.name.rsplit('.').next().unwrap_or(site.name);
                let diag = Diagnostic::error(Code::K207, place("axis")?, "`axis` is not supported yet")
                    .primary("reductions are of the whole array");
                let array = site.receiver.or(site.args.first().copied());
                let array = array.map_or("x".to_owned(), |array| self.render(array));
                Some(diag.help(format!("reduce parts in a loop: `out[j] = {array}[:, j].{method}()`")))
            }
            Builtin::Random
            | Builtin::RandomUniform
            | Builtin::RandomNormal
            | Builtin::RandomStandardNormal
            | Builtin::RandomInt
            | Builtin::GeneratorRandom
            | Builtin::GeneratorUniform
            | Builtin::GeneratorNormal
            | Builtin::GeneratorStandardNormal
            | Builtin::GeneratorIntegers => {
                let message = format!("`{}` gives one number", site.name);
                let diag = Diagnostic::error(Code::K207, place("size")?, message)
                    .primary("arrays of random numbers are not supported yet");
                Some(diag.help(format!("fill an array in a loop: `x[i] = {}(...)`", site.name)))
            }
            _ => None,
        }
    }

    /// `f32(x)`, `int(x)`, `np.int32(x)`, `bool(x)`.
    fn cast(&mut self, site: CallSite<'_>, dtype: DType) -> Val {
        self.no_keywords(site.name, site.keywords);
        let span = self.span(site.id);
        let [arg] = site.args else {
            if dtype.is_complex() && site.args.len() == 2 {
                return self.builtin(site, Builtin::Complex);
            }
            self.untyped_args(site);
            return self.report(
                messages::arg_count(span, site.name, 1, 1, site.args.len())
                    .help(format!("write `{}(x)`", site.name)),
            );
        };
        let val = self.expr(*arg);
        let Some(ty) = &val.ty else { return Val::ERROR };
        match ty {
            Ty::Scalar(from) => {
                if from.is_complex() && !dtype.is_complex() && dtype != DType::Bool {
                    let text = self.render(*arg);
                    return self.report(
                        Diagnostic::error(
                            Code::K311,
                            span,
                            format!("a complex number has no value as `{dtype}`"),
                        )
                        .label(self.span(*arg), format!("this is `{from}`"))
                        .help(format!("take a part: `{text}.real`, or the absolute value: `abs({text})`")),
                    );
                }
                let konst = val.konst.as_ref().and_then(|value| constants::cast(value, dtype));
                let result = Val { konst, ..Val::scalar(dtype) };
                if let Some(value) = result.konst.clone() {
                    // A branch may have been decided by it, so `lower` takes it as it is.
                    return self.done(site.id, result, Resolution::Constant(value));
                }
                let plan = CallPlan { args: vec![ArgSource::Expr(*arg)] };
                self.done(site.id, result, Resolution::Cast(dtype, plan))
            }
            // `float("inf")`.
            Ty::Str(text) if dtype.is_float() => match text.trim().to_ascii_lowercase().parse::<f64>() {
                Ok(value) => self.done_constant(site.id, ConstValue::Float(value, dtype)),
                Err(_) => self.report(
                    Diagnostic::error(Code::K303, self.span(*arg), format!("{text:?} is not a number"))
                        .help("write a number, \"inf\", \"-inf\" or \"nan\""),
                ),
            },
            Ty::Array(array) => {
                let text = self.render(*arg);
                let (ty, help) = (
                    ty.clone(),
                    if array.rank == 0 {
                        format!("take its element: `{text}.item()`")
                    } else {
                        format!("convert its elements: `{text}.astype(np.{})`", dtype.numpy_name())
                    },
                );
                self.report(
                    Diagnostic::error(
                        Code::K303,
                        self.span(*arg),
                        format!("`{}` converts numbers, not arrays", site.name),
                    )
                    .primary(format!("this is `{ty}`"))
                    .help(help),
                )
            }
            Ty::None | Ty::Tuple(_) | Ty::Str(_) | Ty::Rng | Ty::Event => {
                let diag = messages::arg_ty(self.span(*arg), site.name, "a number", ty);
                self.report(diag)
            }
        }
    }
}
