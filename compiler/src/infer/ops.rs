//! Operators: arithmetic, bits, comparison.

use super::function::{FnCtx, Val};
use super::{ConstValue, Resolution, array_messages, constants, messages};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{BinaryOp, CompareOp, ExprId, ExprKind, UnaryOp};
use crate::types::dtype::Kind;
use crate::types::{DType, Ty, promote};

impl FnCtx<'_, '_> {
    pub(super) fn binary(&mut self, id: ExprId, op: BinaryOp, left: ExprId, right: ExprId) -> Val {
        if op == BinaryOp::Mul
            && let ExprKind::List(items) = &self.ast.exprs[left].kind
            && let [item] = items.as_slice()
        {
            // `[0.0] * n`, as one makes an array without NumPy.
            self.expr(*item);
            self.expr(right);
            let (value, count) = (self.render(*item), self.render(right));
            return self.report(
                Diagnostic::error(Code::K202, self.span(id), "lists are not supported yet")
                    .primary("a list")
                    .help(format!("make an array: `np.full({count}, {value})`")),
            );
        }
        let (a, b) = (self.expr(left), self.expr(right));
        let span = self.span(id);
        let val = self.binary_types(span, op, (left, &a), (right, &b));
        self.done(id, val, Resolution::Plain)
    }

    /// The type of `left op right`.
    pub(super) fn binary_types(
        &mut self,
        span: Span,
        op: BinaryOp,
        (left_id, left): (ExprId, &Val),
        (right_id, right): (ExprId, &Val),
    ) -> Val {
        let (Some(a), Some(b)) = (&left.ty, &right.ty) else { return Val::ERROR };
        let (x, y) = match (a, b) {
            (Ty::Scalar(x), Ty::Scalar(y)) => (*x, *y),
            (Ty::Array(_), Ty::Array(_) | Ty::Scalar(_)) | (Ty::Scalar(_), Ty::Array(_)) => {
                if op == BinaryOp::MatMul {
                    let diag = array_messages::matmul(self, span, left_id, right_id);
                    return self.report(diag);
                }
                return self.array_operation(span);
            }
            (Ty::Tuple(x), Ty::Tuple(y)) if op == BinaryOp::Add => {
                let items: Vec<Ty> = x.iter().chain(y.iter()).cloned().collect();
                return Val::of(Ty::Tuple(items.into()));
            }
            (Ty::Tuple(items), Ty::Scalar(by)) | (Ty::Scalar(by), Ty::Tuple(items))
                if op == BinaryOp::Mul && by.is_int() =>
            {
                let count = if matches!(a, Ty::Tuple(_)) { &right.konst } else { &left.konst };
                let Some(ConstValue::Int(count, _)) = count else {
                    return self.report(
                        Diagnostic::error(
                            Code::K313,
                            span,
                            "how often a tuple is repeated must be known at compile time",
                        )
                        .help("write a number, or make an array: `np.full(n, value)`"),
                    );
                };
                let length = usize::try_from(*count).unwrap_or(0).saturating_mul(items.len());
                if length > 1000 {
                    return self.report(
                        Diagnostic::error(Code::K313, span, format!("a tuple of {length} items is too long"))
                            .help("make an array: `np.full(n, value)`"),
                    );
                }
                let items: Vec<Ty> = items.iter().cycle().take(length).cloned().collect();
                return Val::of(Ty::Tuple(items.into()));
            }
            _ => {
                let diag =
                    messages::operands(span, op.symbol(), (self.span(left_id), a), (self.span(right_id), b));
                return self.report(diag);
            }
        };
        let kind = x.kind().max(y.kind());
        let fail = |f: &mut Self, help: &str| {
            let diag = messages::operands(span, op.symbol(), (f.span(left_id), a), (f.span(right_id), b));
            f.report(diag.help(help))
        };
        let dtype = match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
                promote::scalars(x, left.is_weak, y, right.is_weak)
            }
            BinaryOp::FloorDiv | BinaryOp::Mod => {
                if kind == Kind::Complex {
                    return fail(self, "complex numbers have no floor division; use `/`");
                }
                promote::scalars(x, left.is_weak, y, right.is_weak)
            }
            BinaryOp::Div => promote::division(x, left.is_weak, y, right.is_weak),
            BinaryOp::Pow => {
                let is_negative = right.konst.as_ref().is_some_and(constants::is_negative);
                promote::power(x, left.is_weak, y, right.is_weak, is_negative)
            }
            BinaryOp::MatMul => return fail(self, "`@` is for arrays; use `*`"),
            BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor => {
                if kind >= Kind::Float {
                    return fail(
                        self,
                        match op {
                            BinaryOp::BitXor => "bit operators are for integers; a power is `**`",
                            BinaryOp::BitAnd => "bit operators are for integers; for conditions write `and`",
                            _ => "bit operators are for integers; for conditions write `or`",
                        },
                    );
                }
                promote::bitwise(x, left.is_weak, y, right.is_weak)
            }
            BinaryOp::Shl | BinaryOp::Shr => {
                if kind >= Kind::Float {
                    return fail(self, "bits of integers only can be shifted; multiply by a power of two");
                }
                promote::shift(x)
            }
        };
        let is_division = matches!(op, BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod);
        if is_division
            && right.konst.as_ref().is_some_and(|value| !value.truth())
            && self.options.error_model == crate::base::ErrorModel::Python
        {
            self.diags.push(
                Diagnostic::warning(Code::K702, span, "this divides by zero whenever it runs")
                    .label(self.span(right_id), "always zero")
                    .help("divide by something else, or test for zero before: `if d != 0:`"),
            );
        }
        let konst = match (&left.konst, &right.konst) {
            (Some(p), Some(q)) => constants::binary(op, (p, left.is_weak), (q, right.is_weak))
                .filter(|value| constants::ty(value) == Ty::Scalar(dtype)),
            _ => None,
        };
        Val { ty: Some(Ty::Scalar(dtype)), is_weak: left.is_weak && right.is_weak, konst }
    }

    /// `-x`, `+x`, `~x`.
    pub(super) fn unary(&mut self, id: ExprId, op: UnaryOp, operand: ExprId) -> Val {
        let val = self.expr(operand);
        let span = self.span(id);
        let Some(ty) = &val.ty else { return Val::ERROR };
        let dtype = match ty {
            Ty::Scalar(dtype) => *dtype,
            Ty::Array(_) => {
                return self.array_operation(span);
            }
            Ty::None | Ty::Tuple(_) | Ty::Str(_) | Ty::Rng | Ty::Event => {
                let diag = messages::operand(span, op, self.span(operand), ty);
                return self.report(diag);
            }
        };
        if op == UnaryOp::Invert && (dtype == DType::Bool || !dtype.is_int()) {
            let diag = messages::operand(span, op, self.span(operand), ty);
            return self.report(diag.help(if dtype == DType::Bool {
                "write `not`: `~True` is -2 in Python"
            } else {
                "`~` is for integers"
            }));
        }
        let konst = val.konst.as_ref().and_then(|value| constants::unary(op, value));
        let dtype = dtype.widened();
        let konst = konst.filter(|value| constants::ty(value) == Ty::Scalar(dtype));
        let val = Val { ty: Some(Ty::Scalar(dtype)), is_weak: val.is_weak, konst };
        self.done(id, val, Resolution::Plain)
    }

    /// `a < b <= c`, `x is None`, `k in (1, 2)`.
    pub(super) fn compare(&mut self, id: ExprId, first: ExprId, rest: &[(CompareOp, ExprId)]) -> Val {
        let mut left_id = first;
        let mut left = self.expr(first);
        let mut known = Some(true);
        let mut is_error = false;
        for &(op, right_id) in rest {
            let right = match op {
                CompareOp::In | CompareOp::NotIn => match &self.ast.exprs[right_id].kind {
                    ExprKind::List(items) => self.list_as_tuple(right_id, items),
                    _ => self.expr(right_id),
                },
                _ => self.expr(right_id),
            };
            match self.compare_two(op, (left_id, &left), (right_id, &right)) {
                Ok(truth) => {
                    known = match (known, truth) {
                        (Some(a), Some(b)) => Some(a && b),
                        _ => None,
                    };
                }
                Err(()) => is_error = true,
            }
            (left_id, left) = (right_id, right);
        }
        if is_error {
            return Val::ERROR;
        }
        match known {
            Some(value) => self.done_constant(id, ConstValue::Bool(value)),
            None => self.done(id, Val::of(Ty::BOOL), Resolution::Plain),
        }
    }

    /// `[a, b]` where a list is as good as a tuple.
    pub(super) fn list_as_tuple(&mut self, id: ExprId, items: &[ExprId]) -> Val {
        let items: Vec<Val> = items.iter().map(|&item| self.expr(item)).collect();
        let tys: Option<Vec<Ty>> = items.iter().map(|item| item.ty.clone()).collect();
        let Some(tys) = tys else { return Val::ERROR };
        let values: Option<Vec<ConstValue>> = items.iter().map(|item| item.konst.clone()).collect();
        let val = Val { konst: values.map(ConstValue::Tuple), ..Val::of(Ty::Tuple(tys.into())) };
        self.done(id, val, Resolution::Plain)
    }

    /// One comparison: its value if known at compile time; `Err` if an error was reported.
    fn compare_two(
        &mut self,
        op: CompareOp,
        (left_id, left): (ExprId, &Val),
        (right_id, right): (ExprId, &Val),
    ) -> Result<Option<bool>, ()> {
        let (Some(a), Some(b)) = (&left.ty, &right.ty) else { return Err(()) };
        let span = self.span(left_id).to(self.span(right_id));
        let is_equal_op = matches!(op, CompareOp::Eq | CompareOp::Is);
        let is_equality = matches!(op, CompareOp::Eq | CompareOp::Ne | CompareOp::Is | CompareOp::IsNot);
        if is_equality && (*a == Ty::None || *b == Ty::None) {
            let is_effect_free = |f: &Self, id| f.is_none_literal(id) || f.is_pure(id);
            if !is_effect_free(self, left_id) || !is_effect_free(self, right_id) {
                self.diags.push(
                    Diagnostic::error(Code::K202, span, "the result of a call is compared with `None`")
                        .help("assign it to a variable first, then compare the variable"),
                );
                return Err(());
            }
            return Ok(Some((a == b) == is_equal_op));
        }
        if matches!(op, CompareOp::In | CompareOp::NotIn) {
            return self.contains(op == CompareOp::NotIn, (left_id, left), (right_id, right));
        }
        if matches!(op, CompareOp::Is | CompareOp::IsNot) {
            self.diags.push(
                Diagnostic::error(Code::K301, span, "`is` compares with `None` only")
                    .primary(format!("`{a}` and `{b}`"))
                    .help(if op == CompareOp::Is { "write `==`" } else { "write `!=`" }),
            );
            return Err(());
        }
        match (a, b) {
            (Ty::Scalar(x), Ty::Scalar(y)) => {
                if (x.is_complex() || y.is_complex()) && !is_equality {
                    let diag = messages::operands(
                        span,
                        messages::compare_symbol(op),
                        (self.span(left_id), a),
                        (self.span(right_id), b),
                    );
                    self.diags.push(diag.help("complex numbers have no order; compare `abs(z)` or `z.real`"));
                    return Err(());
                }
                match (&left.konst, &right.konst) {
                    (Some(p), Some(q)) => Ok(constants::compare(op, p, q)),
                    _ => Ok(None),
                }
            }
            (Ty::Str(p), Ty::Str(q)) => {
                let p = left.konst.clone().unwrap_or_else(|| ConstValue::Str(p.clone()));
                let q = right.konst.clone().unwrap_or_else(|| ConstValue::Str(q.clone()));
                Ok(constants::compare(op, &p, &q))
            }
            // Values of different sorts are not equal, as in Python.
            (Ty::Str(_), _) | (_, Ty::Str(_)) if is_equality => Ok(Some(op == CompareOp::Ne)),
            (Ty::Tuple(x), Ty::Tuple(y)) => {
                let is_numeric = x.iter().chain(y.iter()).all(|ty| is_comparable(ty, is_equality));
                if is_numeric {
                    return Ok(None);
                }
                let diag = messages::operands(
                    span,
                    messages::compare_symbol(op),
                    (self.span(left_id), a),
                    (self.span(right_id), b),
                );
                self.diags.push(diag.help("only tuples of numbers can be compared"));
                Err(())
            }
            (Ty::Array(_), Ty::Array(_) | Ty::Scalar(_)) | (Ty::Scalar(_), Ty::Array(_)) => {
                self.array_operation(span);
                Err(())
            }
            _ => {
                let diag = messages::operands(
                    span,
                    messages::compare_symbol(op),
                    (self.span(left_id), a),
                    (self.span(right_id), b),
                );
                self.diags.push(diag);
                Err(())
            }
        }
    }

    fn contains(
        &mut self,
        is_not: bool,
        (left_id, left): (ExprId, &Val),
        (right_id, right): (ExprId, &Val),
    ) -> Result<Option<bool>, ()> {
        let (Some(a), Some(b)) = (&left.ty, &right.ty) else { return Err(()) };
        let span = self.span(left_id).to(self.span(right_id));
        if let Ty::Tuple(items) = b {
            if let (Some(value), Some(ConstValue::Tuple(items))) = (&left.konst, &right.konst) {
                let found =
                    items.iter().any(|item| constants::compare(CompareOp::Eq, value, item) == Some(true));
                return Ok(Some(found != is_not));
            }
            if matches!(a, Ty::Scalar(_)) && items.iter().all(|item| matches!(item, Ty::Scalar(_))) {
                return Ok(None);
            }
        }
        self.diags.push(
            Diagnostic::error(
                Code::K202,
                span,
                format!("`in` is for a number and a tuple of numbers, not `{a}` in `{b}`"),
            )
            .primary("cannot be searched")
            .help(if matches!(b, Ty::Array(_)) {
                "search the array in a loop"
            } else {
                "write a tuple: `k in (1, 2, 3)`"
            }),
        );
        Err(())
    }
}

/// Can a value of the type be compared as an item of a tuple?
fn is_comparable(ty: &Ty, is_equality: bool) -> bool {
    match ty {
        Ty::Scalar(dtype) => is_equality || !dtype.is_complex(),
        Ty::Tuple(items) => items.iter().all(|item| is_comparable(item, is_equality)),
        Ty::None | Ty::Array(_) | Ty::Str(_) | Ty::Rng | Ty::Event => false,
    }
}
