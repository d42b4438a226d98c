//! Comparisons: chains, tuples, `in`.

use super::context::{Context, Res};
use super::value::Value;
use crate::ir::{CompareOp, ExprId, Stmt, UnaryOp};
use crate::syntax::ast::{self, ExprId as AstId};
use crate::types::{DType, promote};

impl Context<'_, '_> {
    /// `a < b <= c`: each operand is evaluated once, and only if the comparisons before hold.
    pub(super) fn compare_expr(&mut self, first: AstId, rest: &[(ast::CompareOp, AstId)]) -> Res<ExprId> {
        let left = self.value(first)?;
        self.compare_chain(first, left, rest)
    }

    fn compare_chain(
        &mut self,
        left_expr: AstId,
        left: Value,
        rest: &[(ast::CompareOp, AstId)],
    ) -> Res<ExprId> {
        let Some((&(op, right_expr), rest)) = rest.split_first() else {
            return Err(self.bug("a comparison without a right side"));
        };
        let mark = self.mark();
        let right = self.value(right_expr)?;
        let left = self.order(mark, left);
        let weak = (self.info(left_expr)?.is_weak, self.info(right_expr)?.is_weak);
        if rest.is_empty() {
            return self.compare_values(op, left, right, weak);
        }
        let right = self.pin_value(right);
        let copy = self.dup_value(&right);
        let holds = self.compare_values(op, left, copy, weak)?;
        let (block, more) = self.block(|cx| cx.compare_chain(right_expr, right, rest))?;
        if block.is_empty() && self.is_cheap(more) {
            return Ok(self.both(holds, more));
        }
        let temp = self.temp("cond", DType::Bool);
        self.set(temp, holds);
        let cond = self.read(temp);
        let mut then = block;
        then.push(Stmt::Set { local: temp, value: more });
        self.emit(Stmt::If { cond, then, orelse: Vec::new() });
        Ok(self.read(temp))
    }

    /// `left op right` of two values; `weak` says which are literals.
    pub(super) fn compare_values(
        &mut self,
        op: ast::CompareOp,
        left: Value,
        right: Value,
        weak: (bool, bool),
    ) -> Res<ExprId> {
        use ast::CompareOp as Op;
        let ir_op = match op {
            Op::Eq | Op::Is => CompareOp::Eq,
            Op::Ne | Op::IsNot => CompareOp::Ne,
            Op::Lt => CompareOp::Lt,
            Op::Le => CompareOp::Le,
            Op::Gt => CompareOp::Gt,
            Op::Ge => CompareOp::Ge,
            Op::In | Op::NotIn => return self.membership(op, left, right, weak.0),
        };
        match (left, right) {
            (Value::Tuple(left), Value::Tuple(right)) => self.compare_tuples(ir_op, left, right),
            (Value::Str(a), Value::Str(b)) => Ok(self.boolean(match ir_op {
                CompareOp::Eq => a == b,
                CompareOp::Ne => a != b,
                CompareOp::Lt => a < b,
                CompareOp::Le => a <= b,
                CompareOp::Gt => a > b,
                CompareOp::Ge => a >= b,
            })),
            (Value::None, Value::None) => Ok(self.boolean(ir_op == CompareOp::Eq)),
            (Value::Real(left), Value::Real(right)) => Ok(self.compare_reals(ir_op, left, right, weak)),
            (left @ (Value::Real(_) | Value::Complex(..)), right @ (Value::Real(_) | Value::Complex(..))) => {
                let (a, b) = self.parts(left, DType::C128)?;
                let (c, d) = self.parts(right, DType::C128)?;
                let re = self.compare(ir_op, a, c);
                let im = self.compare(ir_op, b, d);
                Ok(if ir_op == CompareOp::Eq { self.both(re, im) } else { self.either(re, im) })
            }
            // Values of different kinds are never equal.
            _ => Ok(self.boolean(ir_op == CompareOp::Ne)),
        }
    }

    fn compare_reals(&mut self, op: CompareOp, left: ExprId, right: ExprId, weak: (bool, bool)) -> ExprId {
        let (from, to) = (self.ty(left), self.ty(right));
        let ty = if from == DType::Bool && to == DType::Bool {
            DType::Bool
        } else {
            promote::scalars(from, weak.0, to, weak.1)
        };
        let left = self.cast(left, ty);
        let right = self.cast(right, ty);
        self.compare(op, left, right)
    }

    /// Tuples compare item by item.
    fn compare_tuples(&mut self, op: CompareOp, left: Vec<Value>, right: Vec<Value>) -> Res<ExprId> {
        if matches!(op, CompareOp::Eq | CompareOp::Ne) {
            if left.len() != right.len() {
                return Ok(self.boolean(op == CompareOp::Ne));
            }
            let mut all = self.boolean(true);
            for (i, (a, b)) in left.into_iter().zip(right).enumerate() {
                let equal = self.compare_values(ast::CompareOp::Eq, a, b, (false, false))?;
                all = if i == 0 { equal } else { self.both(all, equal) };
            }
            return Ok(if op == CompareOp::Eq { all } else { self.unary(UnaryOp::Not, all) });
        }
        // From the last item back: `a < b`, or equal and the rest decides.
        let (shorter, is_strict) = (left.len().min(right.len()), matches!(op, CompareOp::Lt | CompareOp::Gt));
        let by_length = match op {
            CompareOp::Lt | CompareOp::Le => left.len() < right.len(),
            _ => left.len() > right.len(),
        };
        let is_same_length = left.len() == right.len();
        let mut result = self.boolean(if is_same_length { !is_strict } else { by_length });
        let strict = match op {
            CompareOp::Lt | CompareOp::Le => ast::CompareOp::Lt,
            _ => ast::CompareOp::Gt,
        };
        let pairs: Vec<(Value, Value)> = left.into_iter().zip(right).take(shorter).collect();
        for (a, b) in pairs.into_iter().rev() {
            let (a, b) = (self.pin_value(a), self.pin_value(b));
            let (a2, b2) = (self.dup_value(&a), self.dup_value(&b));
            let less = self.compare_values(strict, a, b, (false, false))?;
            let equal = self.compare_values(ast::CompareOp::Eq, a2, b2, (false, false))?;
            let tail = self.both(equal, result);
            result = self.either(less, tail);
        }
        Ok(result)
    }

    /// `x in (a, b, c)`.
    fn membership(&mut self, op: ast::CompareOp, left: Value, right: Value, is_weak: bool) -> Res<ExprId> {
        let Value::Tuple(items) = right else { return Err(self.bug("`in` needs a tuple")) };
        let left = self.pin_value(left);
        let mut any = self.boolean(false);
        for (i, item) in items.into_iter().enumerate() {
            let copy = self.dup_value(&left);
            let equal = self.compare_values(ast::CompareOp::Eq, copy, item, (is_weak, false))?;
            any = if i == 0 { equal } else { self.either(any, equal) };
        }
        Ok(if op == ast::CompareOp::In { any } else { self.unary(UnaryOp::Not, any) })
    }
}
