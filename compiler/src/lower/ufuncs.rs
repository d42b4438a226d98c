//! NumPy's functions of numbers: `np.add`, `np.less`, `np.where`. A zero divisor is no error in them.

use super::builtins::Args;
use super::context::{Context, Res};
use super::value::Value;
use crate::ir::{BinaryOp, CompareOp, ExprId, UnaryOp};
use crate::numerics::math::MathFn2;
use crate::syntax::ast::{BinaryOp as AstOp, CompareOp as AstCompare};
use crate::types::ufunc::Ufunc;
use crate::types::{DType, Ty, promote};

impl Context<'_, '_> {
    /// A call of one of them; `weak` says which of the first two arguments are literals.
    pub(super) fn ufunc(
        &mut self,
        function: Ufunc,
        mut args: Args,
        weak: (bool, bool),
        result: DType,
    ) -> Res<Value> {
        let ty = Ty::Scalar(result);
        let first = args.next(self)?;
        let expr = match function {
            Ufunc::Add
            | Ufunc::Subtract
            | Ufunc::Multiply
            | Ufunc::BitwiseAnd
            | Ufunc::BitwiseOr
            | Ufunc::BitwiseXor
            | Ufunc::LeftShift
            | Ufunc::RightShift => {
                let second = args.next(self)?;
                return self.binary_values(operator(function), first, second, weak, &ty);
            }
            Ufunc::Divide if result.is_complex() => {
                let second = args.next(self)?;
                return self.complex_binary(AstOp::Div, first, second, result);
            }
            Ufunc::Divide | Ufunc::FloorDivide | Ufunc::Remainder => {
                let second = args.next(self)?;
                let (Value::Real(a), Value::Real(b)) = (first, second) else {
                    return Err(self.bug("a quotient of what is no number"));
                };
                let (x, y) = (self.ty(a), self.ty(b));
                let (at, op) = match function {
                    Ufunc::Divide => (promote::division(x, weak.0, y, weak.1), BinaryOp::Div),
                    Ufunc::FloorDivide => (promote::scalars(x, weak.0, y, weak.1), BinaryOp::FloorDiv),
                    _ => (promote::scalars(x, weak.0, y, weak.1), BinaryOp::Mod),
                };
                let (a, b) = (self.cast(a, at), self.cast(b, at));
                self.binary(op, a, b)
            }
            Ufunc::Negative | Ufunc::Positive => match self.with_dtype(first, result)? {
                value if function == Ufunc::Positive => return Ok(value),
                Value::Complex(re, im) => {
                    let re = self.unary(UnaryOp::Neg, re);
                    return Ok(Value::Complex(re, self.unary(UnaryOp::Neg, im)));
                }
                value => {
                    let value = self.real(value, result)?;
                    self.unary(UnaryOp::Neg, value)
                }
            },
            Ufunc::Invert if result == DType::Bool => {
                let truth = self.truth(first)?;
                self.unary(UnaryOp::Not, truth)
            }
            Ufunc::Invert => {
                let value = self.real(first, result)?;
                self.unary(UnaryOp::Invert, value)
            }
            Ufunc::LogicalNot => {
                let truth = self.truth(first)?;
                self.unary(UnaryOp::Not, truth)
            }
            Ufunc::LogicalAnd | Ufunc::LogicalOr | Ufunc::LogicalXor => {
                let second = args.next(self)?;
                let (a, b) = (self.truth(first)?, self.truth(second)?);
                let op = match function {
                    Ufunc::LogicalAnd => BinaryOp::And,
                    Ufunc::LogicalOr => BinaryOp::Or,
                    _ => BinaryOp::Xor,
                };
                self.binary(op, a, b)
            }
            Ufunc::Equal
            | Ufunc::NotEqual
            | Ufunc::Less
            | Ufunc::LessEqual
            | Ufunc::Greater
            | Ufunc::GreaterEqual => {
                let second = args.next(self)?;
                self.compare_values(comparison(function), first, second, weak)?
            }
            Ufunc::Fmax | Ufunc::Fmin => {
                let second = args.next(self)?;
                let (a, b) = (self.real(first, result)?, self.real(second, result)?);
                self.number_extreme(function == Ufunc::Fmax, a, b)
            }
            Ufunc::Clip => {
                let mut value = self.real(first, result)?;
                for is_max in [true, false] {
                    match args.next_or_none() {
                        None | Some(Value::None) => {}
                        Some(bound) => {
                            let bound = self.real(bound, result)?;
                            value = self.nan_extreme(is_max, value, bound);
                        }
                    }
                }
                value
            }
            Ufunc::Where => {
                let (x, y) = (args.next(self)?, args.next(self)?);
                let cond = self.truth(first)?;
                if result.is_complex() {
                    let (a, b) = self.parts(x, result)?;
                    let (c, d) = self.parts(y, result)?;
                    let cond = self.pin(cond);
                    let copy = self.dup(cond);
                    let re = self.select(cond, a, c);
                    return Ok(Value::Complex(re, self.select(copy, b, d)));
                }
                let (x, y) = (self.real(x, result)?, self.real(y, result)?);
                self.select(cond, x, y)
            }
            Ufunc::IsClose | Ufunc::IsCloseMath => {
                let mut parts = Vec::with_capacity(4);
                let rest = [args.next(self)?, args.next(self)?, args.next(self)?];
                for value in std::iter::once(first).chain(rest) {
                    let part = self.real(value, DType::F64)?;
                    parts.push(self.pin(part));
                }
                self.is_close(function == Ufunc::IsCloseMath, &parts)
            }
            Ufunc::Reciprocal => {
                let value = self.real(first, result)?;
                if result.is_float() {
                    let one = self.number(1.0, result);
                    self.binary(BinaryOp::Div, one, value)
                } else {
                    // 1 and -1 are their own; of all others nothing is left.
                    let value = self.pin(value);
                    let (a, b) = (self.dup(value), self.absolute(value));
                    let one = self.number(1.0, result);
                    let is_unit = self.compare(CompareOp::Eq, b, one);
                    let zero = self.number(0.0, result);
                    self.select(is_unit, a, zero)
                }
            }
            Ufunc::Signbit => {
                let Value::Real(value) = first else { return Err(self.bug("the sign of what is no number")) };
                let at = self.ty(value).widened();
                let value = self.cast(value, at);
                let one = self.number(1.0, at);
                let value = if at.is_float() { self.math2(MathFn2::Copysign, one, value) } else { value };
                let zero = self.number(0.0, at);
                self.compare(CompareOp::Lt, value, zero)
            }
            Ufunc::Heaviside => {
                let second = args.next(self)?;
                let x = self.real(first, result)?;
                let x = self.pin(x);
                let at_zero = self.real(second, result)?;
                let (a, b, c) = (self.dup(x), self.dup(x), self.dup(x));
                let zeros = [0; 4].map(|_| self.number(0.0, result));
                let one = self.number(1.0, result);
                let is_above = self.compare(CompareOp::Gt, a, zeros[0]);
                let is_below = self.compare(CompareOp::Lt, b, zeros[1]);
                let is_zero = self.compare(CompareOp::Eq, c, zeros[2]);
                // NaN stays.
                let rest = self.select(is_zero, at_zero, x);
                let rest = self.select(is_below, zeros[3], rest);
                self.select(is_above, one, rest)
            }
        };
        Ok(Value::Real(self.cast(expr, result)))
    }

    /// The larger or smaller number; NaN loses.
    fn number_extreme(&mut self, is_max: bool, a: ExprId, b: ExprId) -> ExprId {
        if !self.ty(a).is_float() {
            return self.binary(if is_max { BinaryOp::Max } else { BinaryOp::Min }, a, b);
        }
        let (a, b) = (self.pin(a), self.pin(b));
        let (a1, b1, b2, b3) = (self.dup(a), self.dup(b), self.dup(b), self.dup(b));
        let wins = self.compare(if is_max { CompareOp::Ge } else { CompareOp::Le }, a1, b1);
        let is_nan = self.compare(CompareOp::Ne, b2, b3);
        let cond = self.either(wins, is_nan);
        self.select(cond, a, b)
    }

    /// Of two numbers and two tolerances, all pinned.
    fn is_close(&mut self, is_math: bool, parts: &[ExprId]) -> ExprId {
        let [a, b, relative, absolute] = [0, 1, 2, 3].map(|at| parts[at]);
        let size = |cx: &mut Self, x| {
            let x = cx.dup(x);
            cx.unary(UnaryOp::Abs, x)
        };
        let (x, y) = (self.dup(a), self.dup(b));
        let distance = self.sub(x, y);
        let distance = self.unary(UnaryOp::Abs, distance);
        let (size_a, size_b) = (size(self, a), size(self, b));
        let infinity = self.number(f64::INFINITY, DType::F64);
        let is_finite = self.compare(CompareOp::Lt, size_b, infinity);
        let bound = if is_math {
            let size_b = size(self, b);
            let larger = self.binary(BinaryOp::Max, size_a, size_b);
            let infinity = self.number(f64::INFINITY, DType::F64);
            let size_a = size(self, a);
            let is_a_finite = self.compare(CompareOp::Lt, size_a, infinity);
            let is_finite = self.both(is_finite, is_a_finite);
            let relative = self.mul(relative, larger);
            let bound = self.binary(BinaryOp::Max, relative, absolute);
            (bound, is_finite)
        } else {
            let size_b = size(self, b);
            let relative = self.mul(relative, size_b);
            (self.add(absolute, relative), is_finite)
        };
        let is_near = self.compare(CompareOp::Le, distance, bound.0);
        let is_near = self.both(is_near, bound.1);
        let equal = self.compare(CompareOp::Eq, a, b);
        self.either(is_near, equal)
    }
}

fn operator(function: Ufunc) -> AstOp {
    match function {
        Ufunc::Subtract => AstOp::Sub,
        Ufunc::Multiply => AstOp::Mul,
        Ufunc::BitwiseAnd => AstOp::BitAnd,
        Ufunc::BitwiseOr => AstOp::BitOr,
        Ufunc::BitwiseXor => AstOp::BitXor,
        Ufunc::LeftShift => AstOp::Shl,
        Ufunc::RightShift => AstOp::Shr,
        _ => AstOp::Add,
    }
}

fn comparison(function: Ufunc) -> AstCompare {
    match function {
        Ufunc::NotEqual => AstCompare::Ne,
        Ufunc::Less => AstCompare::Lt,
        Ufunc::LessEqual => AstCompare::Le,
        Ufunc::Greater => AstCompare::Gt,
        Ufunc::GreaterEqual => AstCompare::Ge,
        _ => AstCompare::Eq,
    }
}
