//! Arithmetic on numbers: operators with their checks and conversions.
//!
//! Arithmetic happens at 64-bit integers, `f32` and `f64`; which, says [`promote`]. A zero divisor is an error unless the function
//! asks for NumPy's error model. `i ** j` of integers is an integer: a negative `j` known at compile time gives a float, one found at run
//! time is an error, as in NumPy.

use super::context::{Context, Res};
use super::value::Value;
use crate::base::{Code, ErrorModel};
use crate::ir::{BinaryOp, CompareOp, ExprId, UnaryOp};
use crate::numerics::math::MathFn2;
use crate::syntax::ast::{self, BinaryOp as AstOp, ExprId as AstId};
use crate::types::{DType, Ty, promote};

impl Context<'_, '_> {
    /// `left op right`.
    pub(super) fn binary_expr(&mut self, op: AstOp, left: AstId, right: AstId, ty: &Ty) -> Res<Value> {
        let weak = (self.info(left)?.is_weak, self.info(right)?.is_weak);
        let (left, right) = self.pair(left, right)?;
        self.binary_values(op, left, right, weak, ty)
    }

    /// `left op right` of two values; `weak` says which are literals, `ty` what inference says of the result.
    pub(super) fn binary_values(
        &mut self,
        op: AstOp,
        left: Value,
        right: Value,
        weak: (bool, bool),
        ty: &Ty,
    ) -> Res<Value> {
        let Ty::Scalar(result) = *ty else { return self.tuple_operator(op, left, right, ty) };
        if result.is_complex() {
            return self.complex_binary(op, left, right, result);
        }
        let (Value::Real(left), Value::Real(right)) = (left, right) else {
            return Err(self.bug("an operator on values that are not numbers"));
        };
        let (a, b) = (self.ty(left), self.ty(right));
        Ok(Value::Real(match op {
            AstOp::Add | AstOp::Sub | AstOp::Mul | AstOp::FloorDiv | AstOp::Mod => {
                let at = promote::scalars(a, weak.0, b, weak.1);
                let (left, right) = (self.cast(left, at), self.cast(right, at));
                let value = self.arithmetic(op, left, right);
                self.cast(value, result)
            }
            AstOp::Div => {
                let at = promote::division(a, weak.0, b, weak.1);
                let is_int = !a.is_float() && !b.is_float();
                let (left, right) = (self.cast(left, at), self.cast(right, at));
                let text = if is_int { "division by zero" } else { "float division by zero" };
                let right = self.check_divisor(right, text);
                let value = self.binary(BinaryOp::Div, left, right);
                self.cast(value, result)
            }
            AstOp::Pow => {
                if result.is_float() {
                    let (left, right) = (self.cast(left, result), self.cast(right, result));
                    self.float_power(left, right)
                } else {
                    let (left, right) = (self.cast(left, result), self.cast(right, result));
                    self.int_power(left, right)
                }
            }
            AstOp::BitAnd | AstOp::BitOr | AstOp::BitXor => {
                let (left, right) = (self.cast(left, result), self.cast(right, result));
                let op = match op {
                    AstOp::BitAnd => BinaryOp::And,
                    AstOp::BitOr => BinaryOp::Or,
                    _ => BinaryOp::Xor,
                };
                self.binary(op, left, right)
            }
            AstOp::Shl | AstOp::Shr => {
                let left = self.cast(left, result);
                let count = self.cast(right, DType::I64);
                let count = self.check_not_negative(count, "negative shift count");
                self.binary(if op == AstOp::Shl { BinaryOp::Shl } else { BinaryOp::Shr }, left, count)
            }
            AstOp::MatMul => return Err(self.bug("`@` of numbers")),
        }))
    }

    /// `+ - * // %` of two numbers of one type.
    pub(super) fn arithmetic(&mut self, op: AstOp, left: ExprId, right: ExprId) -> ExprId {
        let is_float = self.ty(left).is_float();
        match op {
            AstOp::Sub => self.sub(left, right),
            AstOp::Mul => self.mul(left, right),
            AstOp::FloorDiv => {
                let text = if is_float {
                    "float floor division by zero"
                } else {
                    "integer division or modulo by zero"
                };
                let right = self.check_divisor(right, text);
                self.binary(BinaryOp::FloorDiv, left, right)
            }
            AstOp::Mod => {
                let right = self
                    .check_divisor(right, if is_float { "float modulo" } else { "integer modulo by zero" });
                self.binary(BinaryOp::Mod, left, right)
            }
            _ => self.add(left, right),
        }
    }

    /// Fails if the divisor is 0, unless NumPy's error model or the divisor itself says that this is not needed.
    pub(super) fn check_divisor(&mut self, divisor: ExprId, text: &str) -> ExprId {
        if self.instance.options.error_model == ErrorModel::Numpy {
            return divisor;
        }
        let ty = self.ty(divisor);
        if let Some(bits) = self.as_const(divisor) {
            let is_zero = match ty {
                DType::F64 => bits.as_f64() == 0.0,
                DType::F32 => bits.as_f32() == 0.0,
                _ => bits.0 == 0,
            };
            if !is_zero {
                return divisor;
            }
        }
        let divisor = self.pin_index(divisor);
        let copy = self.dup(divisor);
        let zero = self.number(0.0, ty);
        let cond = self.compare(CompareOp::Ne, copy, zero);
        self.check(cond, Code::K702, "ZeroDivisionError", text);
        divisor
    }

    /// Fails if the integer is negative.
    fn check_not_negative(&mut self, count: ExprId, text: &str) -> ExprId {
        if self.as_int(count).is_some_and(|count| count >= 0) {
            return count;
        }
        let count = self.pin_index(count);
        let copy = self.dup(count);
        let zero = self.int(0);
        let cond = self.compare(CompareOp::Ge, copy, zero);
        self.check(cond, Code::K715, "ValueError", text);
        count
    }

    /// `x ** y` of floats. The square is a product, which rounds as `pow` does; other exponents are left to `pow`.
    pub(super) fn float_power(&mut self, base: ExprId, exponent: ExprId) -> ExprId {
        let known = self.as_const(exponent).map(|bits| match self.ty(exponent) {
            DType::F32 => f64::from(bits.as_f32()),
            _ => bits.as_f64(),
        });
        match known {
            Some(1.0) => base,
            Some(2.0) => {
                let base = self.pin(base);
                let copy = self.dup(base);
                self.mul(base, copy)
            }
            _ => self.math2(MathFn2::Pow, base, exponent),
        }
    }

    /// `i ** j` of integers.
    fn int_power(&mut self, base: ExprId, exponent: ExprId) -> ExprId {
        let is_signed = self.ty(base) == DType::I64;
        match self.as_int(exponent) {
            Some(known @ 1..=8) => return self.small_power(base, known),
            Some(0) => return self.number(1.0, self.ty(base)),
            _ => {}
        }
        let exponent = if is_signed {
            self.check_not_negative(exponent, "Integers to negative integer powers are not allowed.")
        } else {
            exponent
        };
        if self.as_int(base) == Some(2) {
            let one = self.number(1.0, self.ty(base));
            let count = self.cast(exponent, DType::I64);
            return self.binary(BinaryOp::Shl, one, count);
        }
        self.binary(BinaryOp::IntPow, base, exponent)
    }

    fn small_power(&mut self, base: ExprId, exponent: i64) -> ExprId {
        if exponent == 1 {
            return base;
        }
        let base = self.pin(base);
        let half = {
            let copy = self.dup(base);
            self.small_power(copy, exponent / 2)
        };
        let half = self.pin(half);
        let copy = self.dup(half);
        let square = self.mul(half, copy);
        if exponent % 2 == 1 { self.mul(square, base) } else { square }
    }

    /// `op operand`.
    pub(super) fn unary_expr(&mut self, op: ast::UnaryOp, operand: AstId, ty: &Ty) -> Res<Value> {
        let value = self.value(operand)?;
        if op == ast::UnaryOp::Not {
            let truth = self.truth(value)?;
            return Ok(Value::Real(self.unary(UnaryOp::Not, truth)));
        }
        let Ty::Scalar(result) = *ty else {
            return Err(self.bug("an operator on a value that is no number"));
        };
        if result.is_complex() {
            let (re, im) = self.parts(value, result)?;
            return Ok(if op == ast::UnaryOp::Neg {
                let re = self.unary(UnaryOp::Neg, re);
                Value::Complex(re, self.unary(UnaryOp::Neg, im))
            } else {
                Value::Complex(re, im)
            });
        }
        if op == ast::UnaryOp::Invert && result == DType::Bool {
            let truth = self.truth(value)?;
            return Ok(Value::Real(self.unary(UnaryOp::Not, truth)));
        }
        let at = result.widened();
        let expr = self.real(value, at)?;
        let expr = match op {
            ast::UnaryOp::Neg => self.unary(UnaryOp::Neg, expr),
            ast::UnaryOp::Invert => self.unary(UnaryOp::Invert, expr),
            ast::UnaryOp::Pos | ast::UnaryOp::Not => expr,
        };
        Ok(Value::Real(self.cast(expr, result)))
    }

    /// `a + b` and `a * 2` of tuples.
    fn tuple_operator(&mut self, op: AstOp, left: Value, right: Value, ty: &Ty) -> Res<Value> {
        match (op, left, right) {
            (AstOp::Add, Value::Tuple(mut left), Value::Tuple(right)) => {
                left.extend(right);
                Ok(Value::Tuple(left))
            }
            (AstOp::Add, Value::Str(left), Value::Str(right)) => {
                Ok(Value::Str(format!("{left}{right}").into()))
            }
            (AstOp::Mul, Value::Tuple(items), _) | (AstOp::Mul, _, Value::Tuple(items)) => {
                let Ty::Tuple(types) = ty else { return Err(self.bug("a repeated tuple that is none")) };
                let items: Vec<Value> = items.into_iter().map(|item| self.pin_value(item)).collect();
                let mut all = Vec::with_capacity(types.len());
                while all.len() < types.len() && !items.is_empty() {
                    for item in &items {
                        all.push(self.dup_value(item));
                    }
                }
                Ok(Value::Tuple(all))
            }
            _ => Err(self.bug(format!("operator {} of values that have none", op.symbol()))),
        }
    }
}
