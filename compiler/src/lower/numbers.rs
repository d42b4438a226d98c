//! Built-in functions of numbers that are more than one node of the IR.

use super::builtins::Args;
use super::context::{Context, Res};
use super::scan::const_int;
use super::value::Value;
use crate::infer::ConstValue;
use crate::infer::table::{ArgSource, CallPlan};
use crate::ir::{BinaryOp, CompareOp, ExprId, Operand, RuntimeFn, Stmt, Target, UnaryOp};
use crate::numerics::math::MathFn1;
use crate::syntax::ast::{ExprId as AstId, ExprKind as AstKind};
use crate::types::builtins::Builtin;
use crate::types::{DType, promote};

impl Context<'_, '_> {
    /// `min(a, b, ...)`, `max(...)`: of the arguments or of the items of a tuple.
    pub(super) fn min_max(&mut self, is_max: bool, args: Args, result: DType) -> Res<Value> {
        let mut items: Vec<Value> = args.values.flatten().collect();
        if items.len() == 1
            && let Some(Value::Tuple(inner)) = items.first_mut()
        {
            items = std::mem::take(inner);
        }
        let op = if is_max { BinaryOp::Max } else { BinaryOp::Min };
        let at = result.widened();
        let mut best = None;
        for item in items {
            let item = self.real(item, at)?;
            best = Some(match best {
                None => item,
                Some(best) => self.binary(op, best, item),
            });
        }
        match best {
            Some(best) => Ok(Value::Real(best)),
            None => Err(self.bug("an extreme of nothing")),
        }
    }

    /// `np.minimum`, `np.maximum`: the first argument if it is NaN or wins, else the second.
    pub(super) fn nan_extreme(&mut self, is_max: bool, a: ExprId, b: ExprId) -> ExprId {
        if !self.ty(a).is_float() {
            return self.binary(if is_max { BinaryOp::Max } else { BinaryOp::Min }, a, b);
        }
        let (a, b) = (self.pin(a), self.pin(b));
        let (a1, b1, a2, a3) = (self.dup(a), self.dup(b), self.dup(a), self.dup(a));
        let wins = self.compare(if is_max { CompareOp::Ge } else { CompareOp::Le }, a1, b1);
        let is_nan = self.compare(CompareOp::Ne, a2, a3);
        let cond = self.either(wins, is_nan);
        self.select(cond, a, b)
    }

    /// A whole number by `round`, `floor`, `ceil` or `trunc`.
    pub(super) fn rounded_to_int(&mut self, function: MathFn1, value: &Value, result: DType) -> Res<ExprId> {
        let Value::Real(expr) = *value else { return Err(self.bug("rounding what is no number")) };
        if !self.ty(expr).is_float() {
            return Ok(self.cast(expr, result));
        }
        let whole = self.math1(function, expr);
        Ok(self.cast(whole, result))
    }

    /// `round(x, digits)` is exact; `np.round` scales, rounds and scales back.
    pub(super) fn round_digits(
        &mut self,
        expr: AstId,
        plan: &CallPlan,
        value: Value,
        digits: Option<Value>,
        result: DType,
    ) -> Res<Value> {
        let Some(digits) = digits else {
            let value = self.real(value, result)?;
            return Ok(Value::Real(if result.is_float() { self.math1(MathFn1::Rint, value) } else { value }));
        };
        let known = match plan.args.get(1) {
            Some(ArgSource::Expr(digits)) => const_int(self.ast, self.instance, *digits),
            Some(ArgSource::Const(ConstValue::Int(digits, _))) => Some(*digits),
            _ => None,
        };
        let is_numpy = match &self.node(expr).kind {
            AstKind::Call { callee, .. } => !matches!(self.node(*callee).kind, AstKind::Name(_)),
            _ => false,
        };
        if !result.is_float() && known.is_some_and(|digits| digits >= 0) {
            return self.with_dtype(value, result);
        }
        if is_numpy
            && result.is_float()
            && let Some(digits) = known
            && digits.abs() <= 22
        {
            let value = self.real(value, result)?;
            let scale = 10f64.powi(digits.unsigned_abs() as i32);
            let (up, down) =
                if digits >= 0 { (BinaryOp::Mul, BinaryOp::Div) } else { (BinaryOp::Div, BinaryOp::Mul) };
            let factor = self.number(scale, result);
            let scaled = self.binary(up, value, factor);
            let whole = self.math1(MathFn1::Rint, scaled);
            let factor = self.number(scale, result);
            return Ok(Value::Real(self.binary(down, whole, factor)));
        }
        let value = self.real(value, DType::F64)?;
        let digits = self.real(digits, DType::I64)?;
        let to = self.temp("rounded", DType::F64);
        self.emit(Stmt::Runtime {
            function: RuntimeFn::RoundDigits,
            args: vec![Operand::Scalar(value), Operand::Scalar(digits)],
            results: vec![Target::Local(to)],
            trap: None,
        });
        let rounded = self.read(to);
        Ok(Value::Real(self.cast(rounded, result)))
    }

    /// `(a // b, a % b)`.
    pub(super) fn divmod(&mut self, a: Value, b: Value, weak: (bool, bool)) -> Res<Value> {
        let (Value::Real(a), Value::Real(b)) = (a, b) else {
            return Err(self.bug("`divmod` of what is no number"));
        };
        let at = promote::scalars(self.ty(a), weak.0, self.ty(b), weak.1);
        let (a, b) = (self.cast(a, at), self.cast(b, at));
        let text = if at.is_float() { "float divmod()" } else { "integer division or modulo by zero" };
        let (a, b) = (self.pin(a), self.pin(b));
        let b = self.check_divisor(b, text);
        let (a2, b2) = (self.dup(a), self.dup(b));
        let quotient = self.binary(BinaryOp::FloorDiv, a, b);
        Ok(Value::Tuple(vec![Value::Real(quotient), Value::Real(self.binary(BinaryOp::Mod, a2, b2))]))
    }

    /// `isnan`, `isinf`, `isfinite`; of a complex number: of either part, `isfinite` of both.
    pub(super) fn classify(&mut self, builtin: Builtin, value: Value) -> Res<ExprId> {
        match value {
            Value::Complex(re, im) => {
                let re = self.classify(builtin, Value::Real(re))?;
                let im = self.classify(builtin, Value::Real(im))?;
                Ok(if builtin == Builtin::IsFinite { self.both(re, im) } else { self.either(re, im) })
            }
            Value::Real(expr) if !self.ty(expr).is_float() => Ok(self.boolean(builtin == Builtin::IsFinite)),
            Value::Real(expr) if builtin == Builtin::IsNan => {
                let expr = self.pin(expr);
                let copy = self.dup(expr);
                Ok(self.compare(CompareOp::Ne, expr, copy))
            }
            Value::Real(expr) => {
                let ty = self.ty(expr);
                let size = self.unary(UnaryOp::Abs, expr);
                let infinity = self.number(f64::INFINITY, ty);
                let op = if builtin == Builtin::IsInf { CompareOp::Eq } else { CompareOp::Lt };
                Ok(self.compare(op, size, infinity))
            }
            other => Err(self.bug(format!("{other:?} where a number is needed"))),
        }
    }

    /// Euclid's algorithm, inline.
    pub(super) fn gcd(&mut self, a: ExprId, b: ExprId) -> Res<ExprId> {
        let ty = self.ty(a);
        let (a, b) = (self.absolute(a), self.absolute(b));
        let (x, y) = (self.temp("x", ty), self.temp("y", ty));
        self.set(x, a);
        self.set(y, b);
        let id = self.loop_id(crate::ir::LoopOrigin::Internal);
        let rest = self.read(y);
        let cond = self.nonzero(rest);
        let (body, ()) = self.block(|cx| {
            let (a, b) = (cx.read(x), cx.read(y));
            let rest = cx.binary(BinaryOp::Mod, a, b);
            let rest = cx.hold(rest);
            let b = cx.read(y);
            cx.set(x, b);
            cx.set(y, rest);
            Ok(())
        })?;
        self.emit(Stmt::While { id, head: Vec::new(), cond, body });
        Ok(self.read(x))
    }

    /// `np.sign`: NaN stays.
    pub(super) fn sign(&mut self, value: ExprId) -> ExprId {
        let ty = self.ty(value);
        let value = self.pin(value);
        let (a, b) = (self.dup(value), self.dup(value));
        let zero = self.number(0.0, ty);
        let is_positive = self.compare(CompareOp::Gt, a, zero);
        let one = self.number(1.0, ty);
        if ty == DType::U64 {
            let zero = self.number(0.0, ty);
            return self.select(is_positive, one, zero);
        }
        let zero = self.number(0.0, ty);
        let is_negative = self.compare(CompareOp::Lt, b, zero);
        let minus_one = self.number(-1.0, ty);
        // Neither: zero or NaN. The sign of a zero is lost.
        let rest = if ty.is_float() {
            let zero = self.number(0.0, ty);
            self.add(value, zero)
        } else {
            self.number(0.0, ty)
        };
        let rest = self.select(is_negative, minus_one, rest);
        self.select(is_positive, one, rest)
    }
}
