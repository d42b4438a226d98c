//! What a `for` runs over: `range`, `prange`, arrays, tuples, `enumerate`, `zip`, `reversed`.
//!
//! The table says of the iterated expression the type of one item, and for calls the built-in with its plan. `range` always
//! has three entries: start, stop, step.

use super::env::join_tys;
use super::function::{FnCtx, Val};
use super::{ArgSource, CallPlan, ConstValue, Resolution, messages};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{ExprId, ExprKind, Name};
use crate::types::builtins::{self, Builtin};
use crate::types::{ArrayTy, DType, Layout, Ty};

/// The items of an iteration.
pub(super) enum Items {
    /// There are none: an empty tuple.
    None,
    /// Of that type.
    Some(Val),
}

impl FnCtx<'_, '_> {
    /// Types what a `for` runs over; `None` after an error.
    pub(super) fn iterate(&mut self, id: ExprId) -> Option<Items> {
        let ast = self.ast;
        let span = self.span(id);
        let value = match &ast.exprs[id].kind {
            ExprKind::Call { callee, args, keywords } => {
                let builtin = self.path(*callee).and_then(|path| builtins::lookup(&path));
                match builtin {
                    Some(builtin @ (Builtin::Range | Builtin::Prange)) => {
                        return self.range(id, builtin, args, keywords);
                    }
                    Some(Builtin::Enumerate) => return self.enumerate(id, args, keywords),
                    Some(Builtin::Zip) => return self.zip(id, args, keywords),
                    Some(Builtin::Reversed) => {
                        self.no_keywords("reversed", keywords);
                        let [arg] = args.as_slice() else {
                            self.diags.push(messages::arg_count(span, "reversed", 1, 1, args.len()));
                            return None;
                        };
                        let items = self.iterate(*arg)?;
                        return self.iterated(id, Builtin::Reversed, &[*arg], items);
                    }
                    _ => self.expr(id),
                }
            }
            ExprKind::List(items) => self.list_as_tuple(id, items),
            _ => self.expr(id),
        };
        let ty = value.ty?;
        match &ty {
            Ty::Array(array) => match array.rank {
                0 => {
                    let name = self.render(id);
                    self.diags.push(
                        Diagnostic::error(Code::K404, span, format!("`{name}` has no axes to run over"))
                            .primary(format!("this is `{ty}`"))
                            .help(format!("its one element is `{name}.item()`")),
                    );
                    None
                }
                1 => Some(Items::Some(Val::scalar(array.dtype))),
                rank => {
                    let layout = if array.layout == Layout::C { Layout::C } else { Layout::Strided };
                    // A row of a column-major matrix has steps; nothing of it is contiguous.
                    Some(Items::Some(Val::of(Ty::Array(ArrayTy { rank: rank - 1, layout, ..*array }))))
                }
            },
            Ty::Tuple(items) => {
                let Some(first) = items.first() else { return Some(Items::None) };
                let mut all = first.clone();
                for item in items.iter() {
                    match join_tys(&all, item) {
                        Some(ty) => all = ty,
                        None => {
                            self.diags.push(
                                Diagnostic::error(
                                    Code::K302,
                                    span,
                                    "the items of this tuple have types that do not go together",
                                )
                                .primary(format!("this is `{ty}`"))
                                .help("write the statements for each item, without a loop"),
                            );
                            return None;
                        }
                    }
                }
                Some(Items::Some(Val::of(all)))
            }
            Ty::Scalar(dtype) => {
                let name = self.render(id);
                let diag = Diagnostic::error(
                    Code::K303,
                    span,
                    format!("`for` cannot run over a number of type `{dtype}`"),
                )
                .primary("a number");
                self.diags.push(diag.help(if dtype.is_int() {
                    format!("count up to it: `range({name})`")
                } else {
                    "count with an integer: `range(n)`".to_owned()
                }));
                None
            }
            Ty::None | Ty::Str(_) | Ty::Rng | Ty::Event => {
                self.diags.push(
                    Diagnostic::error(Code::K303, span, format!("`for` cannot run over `{ty}`")).help(
                        "run over `range(n)`, `prange(n)`, an array, a tuple, `enumerate(x)` or `zip(a, b)`",
                    ),
                );
                None
            }
        }
    }

    fn range(
        &mut self,
        id: ExprId,
        builtin: Builtin,
        args: &[ExprId],
        keywords: &[(Name, ExprId)],
    ) -> Option<Items> {
        let name = if builtin == Builtin::Range { "range" } else { "prange" };
        self.no_keywords(name, keywords);
        let span = self.span(id);
        if args.is_empty() || args.len() > 3 {
            self.diags.push(messages::arg_count(span, name, 1, 3, args.len()));
            return None;
        }
        let mut is_error = false;
        for &arg in args {
            let val = self.expr(arg);
            match &val.ty {
                Some(Ty::Scalar(dtype)) if dtype.is_int() || *dtype == DType::Bool => {}
                None => is_error = true,
                Some(ty) => {
                    let text = self.render(arg);
                    let help = match ty {
                        Ty::Scalar(_) => {
                            format!("convert it: `int({text})`; for a whole quotient write `//`")
                        }
                        Ty::Array(_) => format!("its length is `len({text})`"),
                        _ => "give an integer".to_owned(),
                    };
                    self.diags.push(
                        Diagnostic::error(
                            Code::K303,
                            self.span(arg),
                            format!("`{name}` needs integers, not `{ty}`"),
                        )
                        .primary(format!("this is `{ty}`"))
                        .help(help),
                    );
                    is_error = true;
                }
            }
        }
        let constant = |value| ArgSource::Const(ConstValue::Int(value, DType::I64));
        let plan = match *args {
            [stop] => vec![constant(0), ArgSource::Expr(stop), constant(1)],
            [start, stop] => vec![ArgSource::Expr(start), ArgSource::Expr(stop), constant(1)],
            [start, stop, step] => vec![ArgSource::Expr(start), ArgSource::Expr(stop), ArgSource::Expr(step)],
            _ => return None,
        };
        let item = Val::of(Ty::I64);
        self.done(id, item.clone(), Resolution::Builtin(builtin, CallPlan { args: plan }));
        // The loop variable is an integer even if a bound is wrong.
        let _ = is_error;
        Some(Items::Some(item))
    }

    fn enumerate(&mut self, id: ExprId, args: &[ExprId], keywords: &[(Name, ExprId)]) -> Option<Items> {
        let start = match keywords {
            [] => args.get(1).copied(),
            [(name, value)] if name.name == "start" => Some(*value),
            [(name, _), ..] => {
                self.diags.push(messages::unknown_keyword("enumerate", name, &["start"]));
                None
            }
        };
        let span = self.span(id);
        let Some(&over) = args.first() else {
            self.diags.push(messages::arg_count(span, "enumerate", 1, 2, 0));
            return None;
        };
        let items = self.iterate(over)?;
        let mut plan = vec![ArgSource::Expr(over)];
        plan.push(match start {
            None => ArgSource::Const(ConstValue::Int(0, DType::I64)),
            Some(start) => {
                self.int_arg("enumerate", start);
                ArgSource::Expr(start)
            }
        });
        match items {
            Items::None => Some(Items::None),
            Items::Some(val) => {
                let ty = Ty::Tuple(vec![Ty::I64, val.ty?].into());
                let val = self.done(
                    id,
                    Val::of(ty),
                    Resolution::Builtin(Builtin::Enumerate, CallPlan { args: plan }),
                );
                Some(Items::Some(val))
            }
        }
    }

    fn zip(&mut self, id: ExprId, args: &[ExprId], keywords: &[(Name, ExprId)]) -> Option<Items> {
        self.no_keywords("zip", keywords);
        let span = self.span(id);
        if args.is_empty() {
            self.diags.push(messages::arg_count(span, "zip", 1, 9, 0));
            return None;
        }
        let items: Vec<Option<Items>> = args.iter().map(|&arg| self.iterate(arg)).collect();
        let mut tys = Vec::new();
        for item in items {
            match item? {
                Items::None => return Some(Items::None),
                Items::Some(val) => tys.push(val.ty?),
            }
        }
        self.iterated(id, Builtin::Zip, args, Items::Some(Val::of(Ty::Tuple(tys.into()))))
    }

    fn iterated(&mut self, id: ExprId, builtin: Builtin, args: &[ExprId], items: Items) -> Option<Items> {
        match items {
            Items::None => Some(Items::None),
            Items::Some(val) => {
                let plan = CallPlan { args: args.iter().map(|&arg| ArgSource::Expr(arg)).collect() };
                Some(Items::Some(self.done(id, val, Resolution::Builtin(builtin, plan))))
            }
        }
    }

    /// Reports keywords of a function that has none.
    pub(super) fn no_keywords(&mut self, function: &str, keywords: &[(Name, ExprId)]) {
        if let Some((name, _)) = keywords.first() {
            self.diags.push(messages::unknown_keyword(function, name, &[]));
        }
    }

    /// Types an argument that must be an integer.
    pub(super) fn int_arg(&mut self, function: &str, arg: ExprId) -> Val {
        let val = self.expr(arg);
        if let Some(ty) = &val.ty
            && !matches!(ty, Ty::Scalar(dtype) if dtype.is_int() || *dtype == DType::Bool)
        {
            let span: Span = self.span(arg);
            let diag = messages::arg_ty(span, function, "an integer", ty);
            let help = if matches!(ty, Ty::Scalar(_)) {
                Some(format!("convert it: `int({})`", self.render(arg)))
            } else {
                None
            };
            return self.report(match help {
                Some(help) => diag.help(help),
                None => diag,
            });
        }
        val
    }
}
