//! Expressions: one function per kind that is not big enough for a file of its own.

use super::env::join_tys;
use super::function::{FnCtx, Val};
use super::{CallPlan, ConstValue, Ctx, MAX_DEPTH, Resolution, array_messages, constants, device, messages};
use crate::base::{Code, Diagnostic};
use crate::syntax::ast::{BinaryOp, BoolOp, ExprId, ExprKind, Literal, Name, UnaryOp};
use crate::types::builtins::{self, Builtin};
use crate::types::{DType, Layout, Ty};

impl<'a> FnCtx<'_, 'a> {
    /// The type of an expression's value.
    pub(super) fn expr(&mut self, id: ExprId) -> Val {
        self.ctx.depth += 1;
        let val = if self.ctx.depth > MAX_DEPTH {
            let span = self.span(id);
            self.report(messages::too_deep(span, self.function.name.name.as_str()))
        } else {
            self.expr_kind(id)
        };
        self.ctx.depth -= 1;
        self.is_incomplete |= val.ty.is_none();
        val
    }

    fn expr_kind(&mut self, id: ExprId) -> Val {
        let ast = self.ast;
        let expr = &ast.exprs[id];
        match &expr.kind {
            ExprKind::Name(name) => self.name(id, name),
            ExprKind::Literal(literal) => match constants::literal(literal) {
                Some((value, is_weak)) => {
                    let val = Val { is_weak, ..Val::constant(value) };
                    self.done(id, val, Resolution::Plain)
                }
                None => self.report(
                    Diagnostic::error(Code::K202, expr.span, "`...` outside an index")
                        .help("`...` stands for all axes that are not written: `a[..., 0]`"),
                ),
            },
            ExprKind::FString(pieces) => {
                let val = self.fstring(id, pieces);
                if val.ty.is_some() && val.konst.is_none() {
                    return self.report(
                        Diagnostic::error(
                            Code::K202,
                            expr.span,
                            "text with values exists only in messages and `print`",
                        )
                        .primary("used as a value")
                        .help("write it where it is shown: `print(f\"...\")`, `raise ValueError(f\"...\")`"),
                    );
                }
                val
            }
            ExprKind::Binary { op, left, right } => {
                self.in_array_root(id, |f| f.binary(id, *op, *left, *right))
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => match self.cond(*operand) {
                Some(value) => self.done_constant(id, ConstValue::Bool(!value)),
                None => self.done(id, Val::of(Ty::BOOL), Resolution::Plain),
            },
            ExprKind::Unary { op, operand } => self.in_array_root(id, |f| f.unary(id, *op, *operand)),
            ExprKind::Bool { op, values } => self.bool_value(id, *op, values),
            ExprKind::Compare { first, rest } => self.in_array_root(id, |f| f.compare(id, *first, rest)),
            ExprKind::IfElse { cond, body, orelse } => self.if_else(id, *cond, *body, *orelse),
            ExprKind::Call { callee, args, keywords } => {
                let root = self.array_root.take();
                let val = self.call(id, root, *callee, args, keywords);
                self.array_root = root;
                val
            }
            ExprKind::Attribute { base, name } => self.attribute(id, *base, name),
            ExprKind::Index { base, indices } => {
                let root = self.array_root.take();
                let val = self.index(id, *base, indices);
                self.array_root = root;
                val
            }
            ExprKind::Slice { .. } => self.report(
                Diagnostic::error(Code::K202, expr.span, "a slice outside an index")
                    .help("slices stand in square brackets: `x[1:3]`"),
            ),
            ExprKind::Tuple(items) => self.tuple(id, items),
            ExprKind::List(items) => {
                for &item in items {
                    self.expr(item);
                }
                self.report(
                    Diagnostic::error(Code::K202, expr.span, "lists are not supported yet")
                        .primary("a list")
                        .help(if items.is_empty() {
                            "make an array that is large enough: `x = np.empty(n)`, and count its elements"
                        } else {
                            "write a tuple `(...)`, or an array: `x = np.empty(n)` and one assignment per element"
                        }),
                )
            }
            ExprKind::Error => {
                self.ctx.has_syntax_error = true;
                Val::ERROR
            }
        }
    }

    /// Remembers the outermost expression that could be an array expression. If it is one, this is reported at the end, when
    /// all its parts have types, so that the message can show the loop.
    pub(super) fn in_array_root(&mut self, id: ExprId, walk: impl FnOnce(&mut Self) -> Val) -> Val {
        if self.array_root.is_some() {
            return walk(self);
        }
        self.array_root = Some(id);
        let outer = std::mem::take(&mut self.is_array_expr);
        let val = walk(self);
        let is_array_expr = std::mem::replace(&mut self.is_array_expr, outer);
        if is_array_expr {
            let diag = array_messages::array_expr(self, self.span(id));
            self.diags.push(diag);
        }
        self.array_root = None;
        val
    }

    /// Types an expression whose parent has words of its own for array expressions. Was it one?
    pub(super) fn outside_array_root(&mut self, id: ExprId) -> (Val, bool) {
        if self.array_root.is_some() {
            return (self.expr(id), false);
        }
        self.array_root = Some(id);
        let outer = std::mem::take(&mut self.is_array_expr);
        let val = self.expr(id);
        let is_array_expr = std::mem::replace(&mut self.is_array_expr, outer);
        self.array_root = None;
        (val, is_array_expr)
    }

    /// An operation on whole arrays.
    pub(super) fn array_operation(&mut self, span: crate::base::Span) -> Val {
        if self.array_root.is_some() {
            self.is_array_expr = true;
            return Val::ERROR;
        }
        let diag = array_messages::array_expr(self, span);
        self.report(diag)
    }

    fn tuple(&mut self, id: ExprId, items: &[ExprId]) -> Val {
        let root = self.array_root.take();
        let items: Vec<Val> = items.iter().map(|&item| self.expr(item)).collect();
        self.array_root = root;
        let tys: Option<Vec<Ty>> = items.iter().map(|item| item.ty.clone()).collect();
        let Some(tys) = tys else { return Val::ERROR };
        let values: Option<Vec<ConstValue>> = items.iter().map(|item| item.konst.clone()).collect();
        let val = Val { konst: values.map(ConstValue::Tuple), ..Val::of(Ty::Tuple(tys.into())) };
        self.done(id, val, Resolution::Plain)
    }

    /// A condition: anything with a truth value. Gives its value if it is known at compile time.
    pub(super) fn cond(&mut self, id: ExprId) -> Option<bool> {
        if let ExprKind::Bool { op, values } = &self.ast.exprs[id].kind {
            return self.bool_cond(id, *op, values);
        }
        let (val, is_array_expr) = self.outside_array_root(id);
        if is_array_expr {
            let diag = array_messages::array_condition(self, id);
            self.diags.push(diag);
            return None;
        }
        let span = self.span(id);
        match (&val.ty, &val.konst) {
            (None, _) => None,
            // A call that returns nothing is false too, but has to be made.
            (Some(Ty::None), _) => self.is_quiet(id).then_some(false),
            (Some(Ty::Scalar(_) | Ty::Str(_)), Some(value)) => {
                self.settle(id, value);
                Some(value.truth())
            }
            (Some(Ty::Scalar(_)), None) => None,
            (Some(Ty::Str(text)), None) => Some(!text.is_empty()),
            (Some(Ty::Tuple(items)), _) => Some(!items.is_empty()),
            (Some(ty @ Ty::Array(array)), _) => {
                let name = self.render(id);
                let help = if array.dtype == DType::Bool || array.rank == 0 {
                    format!("say which elements count: `{name}.any()` or `{name}.all()`")
                } else {
                    format!("ask for what you mean: `{name}.size > 0`, or `{name}.any()`")
                };
                self.diags.push(
                    Diagnostic::error(Code::K308, span, "an array is no condition")
                        .primary(format!("this is `{ty}`"))
                        .help(help),
                );
                None
            }
            (Some(Ty::Event), _) => {
                self.diags.push(
                    Diagnostic::error(Code::K308, span, "an event is no condition")
                        .help("compare the time between two: `start.elapsed_time(end) < 1.0`"),
                );
                None
            }
            (Some(Ty::Rng), _) => {
                self.diags.push(
                    Diagnostic::error(Code::K308, span, "a generator is no condition")
                        .help("draw a number: `rng.random() < 0.5`"),
                );
                None
            }
        }
    }

    /// Has the expression surely no effect? A name or a literal.
    fn is_quiet(&self, id: ExprId) -> bool {
        matches!(self.ast.exprs[id].kind, ExprKind::Name(_) | ExprKind::Literal(_))
    }

    /// An operand was left out because of this value: `lower` must know it too.
    fn settle(&mut self, id: ExprId, value: &ConstValue) {
        if let Some(info) = self.exprs.get_mut(&id)
            && matches!(info.ty, Ty::Scalar(_))
        {
            info.resolution = Resolution::Constant(value.clone());
        }
    }

    /// `and`, `or` where only the truth of the result matters.
    fn bool_cond(&mut self, id: ExprId, op: BoolOp, values: &[ExprId]) -> Option<bool> {
        let decides = op == BoolOp::Or;
        let mut is_all_known = true;
        for &value in values {
            match self.cond(value) {
                // Operands after one that decides never run and have no types.
                Some(truth) if truth == decides => {
                    if is_all_known {
                        self.done_constant(id, ConstValue::Bool(decides));
                        return Some(decides);
                    }
                    self.done(id, Val::of(Ty::BOOL), Resolution::Plain);
                    return None;
                }
                Some(_) => {}
                None => is_all_known = false,
            }
        }
        if is_all_known {
            self.done_constant(id, ConstValue::Bool(!decides));
            return Some(!decides);
        }
        self.done(id, Val::of(Ty::BOOL), Resolution::Plain);
        None
    }

    /// `and`, `or` as a value: one of the operands.
    fn bool_value(&mut self, id: ExprId, op: BoolOp, values: &[ExprId]) -> Val {
        let decides = op == BoolOp::Or;
        let mut result: Option<Ty> = None;
        let mut is_known = true;
        let mut is_error = false;
        for (at, &value_id) in values.iter().enumerate() {
            let val = self.expr(value_id);
            let Some(ty) = &val.ty else {
                // An error, or a recursive call whose type is not known yet: the others tell the type.
                is_known = false;
                continue;
            };
            let known = match (&val.konst, ty) {
                (Some(value), _) => {
                    self.settle(value_id, value);
                    Some(value.truth())
                }
                (None, Ty::None) => self.is_quiet(value_id).then_some(false),
                (None, Ty::Tuple(items)) => Some(!items.is_empty()),
                (None, _) => None,
            };
            let is_last = at + 1 == values.len();
            if let Some(truth) = known {
                if truth == decides || is_last {
                    if is_known && let Some(konst) = &val.konst {
                        // Everything before was known and is not the result.
                        return self.done_constant(id, konst.clone());
                    }
                } else if is_known {
                    continue;
                }
            }
            is_known = false;
            if matches!(ty, Ty::Array(_)) && !is_last {
                let ty = ty.clone();
                let span = self.span(value_id);
                let word = if op == BoolOp::And { "and" } else { "or" };
                is_error = true;
                self.diags.push(
                    Diagnostic::error(Code::K308, span, format!("an array is no operand of `{word}`"))
                        .primary(format!("this is `{ty}`"))
                        .help("combine elements in a loop, one by one"),
                );
                continue;
            }
            result = match result {
                None => Some(ty.clone()),
                Some(first) => match join_tys(&first, ty) {
                    Some(ty) => Some(ty),
                    None => {
                        let diag = messages::bool_operands(
                            self.span(values[0]),
                            &first,
                            self.span(value_id),
                            ty,
                            op,
                        );
                        is_error = true;
                        self.diags.push(diag);
                        Some(first)
                    }
                },
            };
            if known == Some(decides) {
                break;
            }
        }
        match result {
            Some(ty) if !is_error => self.done(id, Val::of(ty), Resolution::Plain),
            _ => Val::ERROR,
        }
    }

    fn if_else(&mut self, id: ExprId, cond: ExprId, body: ExprId, orelse: ExprId) -> Val {
        let root = self.array_root.take();
        let known = self.cond(cond);
        let val = match known {
            Some(truth) => {
                let live = self.expr(if truth { body } else { orelse });
                // A constant is written down as one: `lower` must know what was decided here.
                let resolution = match &live.konst {
                    Some(value @ (ConstValue::Bool(_) | ConstValue::Int(..) | ConstValue::Float(..))) => {
                        Resolution::Constant(value.clone())
                    }
                    _ => Resolution::Plain,
                };
                match &live.ty {
                    Some(_) => self.done(id, live, resolution),
                    None => Val::ERROR,
                }
            }
            None => {
                let (a, b) = (self.expr(body), self.expr(orelse));
                match (&a.ty, &b.ty) {
                    (Some(x), Some(y)) => match self.join_weak((x, a.is_weak), (y, b.is_weak)) {
                        Some(ty) => {
                            let val = Val { is_weak: a.is_weak && b.is_weak, ..Val::of(ty) };
                            self.done(id, val, Resolution::Plain)
                        }
                        None => {
                            let diag = messages::branches(self.span(body), x, self.span(orelse), y);
                            self.report(diag)
                        }
                    },
                    // The other one has an error, or is a recursive call whose type is not known yet.
                    (Some(ty), None) | (None, Some(ty)) => Val::of(ty.clone()),
                    (None, None) => Val::ERROR,
                }
            }
        };
        self.array_root = root;
        val
    }

    /// As `join_tys`, where a literal takes the other one's type.
    fn join_weak(&self, a: (&Ty, bool), b: (&Ty, bool)) -> Option<Ty> {
        match (a.0, b.0) {
            (Ty::Scalar(x), Ty::Scalar(y))
                if x != y && (*x == DType::Bool) == (*y == DType::Bool) && a.1 != b.1 =>
            {
                Some(Ty::Scalar(crate::types::promote::scalars(*x, a.1, *y, b.1)))
            }
            (x, y) => join_tys(x, y),
        }
    }

    /// `base.name`: a path of a module, a constant of an array's type, or a builtin of a value.
    fn attribute(&mut self, id: ExprId, base: ExprId, name: &Name) -> Val {
        let span = self.span(id);
        if let Some(path) = self.path(id) {
            if let Some(rest) = device::cuda_path(&path)
                && let Some(val) = self.cuda_attribute(id, rest)
            {
                return val;
            }
            if let Some((value, is_weak)) = Ctx::path_constant(&path) {
                let val = Val { is_weak, ..Val::constant(value.clone()) };
                return self.done(id, val, Resolution::Constant(value));
            }
            if builtins::lookup(&path).is_some() {
                let text = self.render(id);
                return self.report(
                    Diagnostic::error(Code::K202, span, format!("the function `{text}` is used as a value"))
                        .primary("not called")
                        .help(format!("call it: `{text}(...)`")),
                );
            }
            if path.contains('.') && self.is_module_root(id) {
                return self.report(messages::unknown_path(span, &path));
            }
        }
        if let Some((value, is_weak)) = self.limit_of(base, name) {
            let val = Val { is_weak, ..Val::constant(value.clone()) };
            return self.done(id, val, Resolution::Constant(value));
        }
        let value = self.expr(base);
        let Some(ty) = value.ty.clone() else { return Val::ERROR };
        self.attribute_of(id, base, &ty, name)
    }

    /// `np.finfo(t).eps` and the like, where `t` may be the `dtype` of a value.
    fn limit_of(&mut self, base: ExprId, name: &Name) -> Option<(ConstValue, bool)> {
        let ExprKind::Call { callee, args, keywords } = &self.ast.exprs[base].kind else { return None };
        let path = self.path(*callee)?;
        let ([arg], []) = (args.as_slice(), keywords.as_slice()) else { return None };
        if !matches!(path.as_str(), "numpy.finfo" | "numpy.iinfo") {
            return None;
        }
        let val = self.expr(*arg);
        let dtype = match (&val.konst, &val.ty) {
            (Some(ConstValue::DType(dtype)), _) => *dtype,
            (_, Some(Ty::Str(text))) => builtins::dtype_string(text)?,
            (_, Some(Ty::Scalar(dtype))) => *dtype,
            _ => return None,
        };
        super::more_calls::limit(&path, dtype, &name.name)
    }

    /// Is the leftmost name one of a module?
    pub(super) fn is_module_root(&self, id: ExprId) -> bool {
        let mut root = id;
        while let ExprKind::Attribute { base, .. } = &self.ast.exprs[root].kind {
            root = *base;
        }
        let ExprKind::Name(name) = &self.ast.exprs[root].kind else { return false };
        self.ctx.imports.contains_key(name)
            || self.ctx.path(root).is_some_and(|path| super::names::MODULES.contains(&path.as_str()))
    }

    fn attribute_of(&mut self, id: ExprId, base: ExprId, ty: &Ty, name: &Name) -> Val {
        let plan = CallPlan { args: vec![super::ArgSource::Expr(base)] };
        match (ty, name.name.as_str()) {
            (Ty::Array(array), "ndim") if self.is_pure(base) => {
                return self.done_constant(id, ConstValue::Int(i64::from(array.rank), DType::I64));
            }
            (Ty::Array(array), "dtype") if self.is_pure(base) => {
                return self.done_constant(id, ConstValue::DType(array.dtype));
            }
            (Ty::Scalar(dtype), "dtype") if self.is_pure(base) => {
                return self.done_constant(id, ConstValue::DType(*dtype));
            }
            (Ty::Str(text), "itemsize") => {
                if let Some(dtype) = builtins::dtype_string(text) {
                    return self.done_constant(id, ConstValue::Int(dtype.size_bytes() as i64, DType::I64));
                }
            }
            _ => {}
        }
        let builtin = builtins::attribute(&name.name);
        let result = match (builtin, ty) {
            (Some(Builtin::Shape | Builtin::Strides), Ty::Array(array)) => {
                Some(Ty::Tuple(vec![Ty::I64; usize::from(array.rank)].into()))
            }
            (Some(Builtin::Size | Builtin::Itemsize | Builtin::Nbytes), Ty::Array(_)) => Some(Ty::I64),
            (Some(Builtin::Transpose), Ty::Array(array)) => Some(Ty::Array(super::index::transposed(*array))),
            (Some(Builtin::Real | Builtin::Imag), Ty::Scalar(dtype)) => Some(Ty::Scalar(dtype.part())),
            (Some(Builtin::Real | Builtin::Imag), Ty::Array(array)) if array.dtype.is_complex() => {
                let array =
                    crate::types::ArrayTy { dtype: array.dtype.part(), layout: Layout::Strided, ..*array };
                Some(Ty::Array(array))
            }
            _ => None,
        };
        match (builtin, result) {
            (Some(builtin), Some(ty)) => self.done(id, Val::of(ty), Resolution::Builtin(builtin, plan)),
            _ => {
                let is_method = match ty {
                    Ty::Rng => builtins::generator_method(&name.name).is_some(),
                    Ty::Event => super::device_host::is_event_method(&name.name),
                    _ => builtins::method(&name.name).is_some(),
                };
                let base = self.render(base);
                self.report(messages::unknown_attribute(name, &base, ty, is_method))
            }
        }
    }

    /// Can the expression be left out, because reading it does nothing?
    pub(super) fn is_pure(&self, id: ExprId) -> bool {
        let mut id = id;
        loop {
            match &self.ast.exprs[id].kind {
                ExprKind::Name(_) | ExprKind::Literal(_) => return true,
                ExprKind::Attribute { base, .. } => id = *base,
                ExprKind::Index { base, indices } => {
                    // An index can fail; slices and constants into tuples cannot.
                    let is_safe = |&index: &ExprId| match &self.ast.exprs[index].kind {
                        ExprKind::Slice { start, stop, step } => {
                            step.is_none()
                                && [start, stop].iter().all(|part| part.is_none_or(|p| self.is_pure(p)))
                        }
                        ExprKind::Literal(Literal::Ellipsis | Literal::None) => true,
                        _ => matches!(self.exprs.get(base).map(|info| &info.ty), Some(Ty::Tuple(_))),
                    };
                    if !indices.iter().all(is_safe) {
                        return false;
                    }
                    id = *base;
                }
                _ => return false,
            }
        }
    }

    /// One element of `x[1:]` as `x[i + 1]`: of slices without steps that begin at a number from 0.
    fn render_sliced(&self, base: ExprId, indices: &[ExprId], names: &str, rank: u8) -> Option<String> {
        let all: Vec<&str> = names.split(", ").collect();
        let mut names = all.get(all.len().checked_sub(usize::from(rank))?..)?.iter();
        let mut parts = Vec::with_capacity(indices.len());
        for &index in indices {
            parts.push(match &self.ast.exprs[index].kind {
                ExprKind::Slice { start, step: None, .. } => {
                    let name = names.next()?;
                    match start.map(|start| &self.ast.exprs[start].kind) {
                        None | Some(ExprKind::Literal(Literal::Int(0))) => (*name).to_owned(),
                        Some(ExprKind::Literal(Literal::Int(start))) => format!("{name} + {start}"),
                        Some(_) => return None,
                    }
                }
                ExprKind::Slice { .. } => return None,
                ExprKind::Literal(_) | ExprKind::Name(_)
                    if self.exprs.get(&index).and_then(|info| info.ty.scalar()).is_some() =>
                {
                    self.render(index)
                }
                _ => return None,
            });
        }
        parts.extend(names.map(|name| (*name).to_owned()));
        Some(format!("{}[{}]", self.render(base), parts.join(", ")))
    }

    /// The expression as text, for messages: names, numbers and simple operators.
    pub(super) fn render(&self, id: ExprId) -> String {
        self.render_with(id, None)
    }

    /// As `render`; with an index, arrays are followed by it: what stands for one element.
    pub(super) fn render_with(&self, id: ExprId, index: Option<(&str, u8)>) -> String {
        let ty = self.exprs.get(&id).map(|info| &info.ty);
        let element = |text: String| match (index, ty) {
            (Some((index, rank)), Some(Ty::Array(array))) if array.rank > 0 => {
                // A smaller array is repeated along the first axes.
                let skip = usize::from(rank.saturating_sub(array.rank));
                let names: Vec<&str> = index.split(", ").skip(skip).collect();
                format!("{text}[{}]", names.join(", "))
            }
            _ => text,
        };
        match &self.ast.exprs[id].kind {
            ExprKind::Name(name) => element(name.to_string()),
            ExprKind::Literal(literal) => match literal {
                Literal::None => "None".to_owned(),
                Literal::Bool(true) => "True".to_owned(),
                Literal::Bool(false) => "False".to_owned(),
                Literal::Int(value) => value.to_string(),
                Literal::Float(value) => format!("{value:?}"),
                Literal::Imaginary(value) => format!("{value}j"),
                Literal::Str(text) => format!("{text:?}"),
                Literal::Ellipsis => "...".to_owned(),
            },
            ExprKind::Binary { op, left, right } => {
                let wrap = |id: ExprId| {
                    let text = self.render_with(id, index);
                    match &self.ast.exprs[id].kind {
                        ExprKind::Binary { op: inner, .. } if precedence(*inner) <= precedence(*op) => {
                            format!("({text})")
                        }
                        ExprKind::IfElse { .. } | ExprKind::Bool { .. } | ExprKind::Compare { .. } => {
                            format!("({text})")
                        }
                        _ => text,
                    }
                };
                // `a + b + c` needs no parentheses on the left.
                let left_text = match &self.ast.exprs[*left].kind {
                    ExprKind::Binary { op: inner, .. }
                        if precedence(*inner) == precedence(*op) && *op != BinaryOp::Pow =>
                    {
                        self.render_with(*left, index)
                    }
                    _ => wrap(*left),
                };
                format!("{left_text} {} {}", op.symbol(), wrap(*right))
            }
            ExprKind::Unary { op, operand } => {
                let symbol = match op {
                    UnaryOp::Neg => "-",
                    UnaryOp::Pos => "+",
                    UnaryOp::Invert => "~",
                    UnaryOp::Not => "not ",
                };
                format!("{symbol}{}", self.render_with(*operand, index))
            }
            ExprKind::Compare { first, rest } => {
                let mut text = self.render_with(*first, index);
                for (op, right) in rest {
                    text.push_str(&format!(
                        " {} {}",
                        messages::compare_symbol(*op),
                        self.render_with(*right, index)
                    ));
                }
                text
            }
            ExprKind::Attribute { base, name } => format!("{}.{}", self.render(*base), name.name),
            ExprKind::Index { base, indices } => {
                if let (Some((names, _)), Some(Ty::Array(array))) = (index, ty)
                    && let Some(text) = self.render_sliced(*base, indices, names, array.rank)
                {
                    return text;
                }
                let indices: Vec<String> = indices.iter().map(|&i| self.render(i)).collect();
                element(format!("{}[{}]", self.render(*base), indices.join(", ")))
            }
            ExprKind::Slice { start, stop, step } => {
                let part = |id: &Option<ExprId>| id.map(|id| self.render(id)).unwrap_or_default();
                let step = step.map(|id| format!(":{}", self.render(id))).unwrap_or_default();
                format!("{}:{}{step}", part(start), part(stop))
            }
            ExprKind::Call { callee, args, .. } => {
                // A reduction is of the whole array.
                let index = if matches!(ty, Some(Ty::Scalar(_))) { None } else { index };
                let args: Vec<String> = args.iter().map(|&a| self.render_with(a, index)).collect();
                format!("{}({})", self.render(*callee), args.join(", "))
            }
            ExprKind::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|&i| self.render(i)).collect();
                format!("({})", items.join(", "))
            }
            ExprKind::FString(_)
            | ExprKind::Bool { .. }
            | ExprKind::IfElse { .. }
            | ExprKind::List(_)
            | ExprKind::Error => "...".to_owned(),
        }
    }
}

fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::BitOr => 1,
        BinaryOp::BitXor => 2,
        BinaryOp::BitAnd => 3,
        BinaryOp::Shl | BinaryOp::Shr => 4,
        BinaryOp::Add | BinaryOp::Sub => 5,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::MatMul => 6,
        BinaryOp::Pow => 7,
    }
}
