//! Conversions: between types, to truth values, from compile-time constants.

use super::context::{Context, Res};
use super::value::Value;
use crate::infer::ConstValue;
use crate::ir::{ArrayValue, CompareOp, Const, ExprId, ExprKind, Ownership, Stmt};
use crate::types::{DType, Ty};

impl Context<'_, '_> {
    /// The value in another type. Arrays of a looser layout become another variable for the same elements.
    pub(super) fn convert(&mut self, value: Value, to: &Ty) -> Res<Value> {
        Ok(match (value, to) {
            (value @ (Value::Real(_) | Value::Complex(..)), Ty::Scalar(dtype)) => {
                self.with_dtype(value, *dtype)?
            }
            (Value::Array(array), Ty::Array(ty)) => {
                let from = self.array_ty(array);
                if from == *ty {
                    Value::Array(array)
                } else if from.dtype == ty.dtype && from.rank == ty.rank {
                    let view = self.array_var("t", *ty, Ownership::Owned);
                    self.temps.push(view);
                    self.emit(Stmt::SetArray { array: view, value: ArrayValue::Same(array) });
                    Value::Array(view)
                } else {
                    return Err(self.bug(format!("an array {from} where {ty} is needed")));
                }
            }
            (Value::Tuple(items), Ty::Tuple(types)) if items.len() == types.len() => {
                let items: Res<Vec<Value>> =
                    items.into_iter().zip(types.iter()).map(|(item, ty)| self.convert(item, ty)).collect();
                Value::Tuple(items?)
            }
            (value @ Value::Rng(_), Ty::Rng) | (value @ Value::Real(_), Ty::Event) => value,
            (_, Ty::None) => Value::None,
            (_, Ty::Str(text)) => Value::Str(text.clone()),
            (value, to) => return Err(self.bug(format!("{value:?} where {to} is needed"))),
        })
    }

    /// A number in another type. A complex number becomes real by losing its imaginary part.
    pub(super) fn with_dtype(&mut self, value: Value, to: DType) -> Res<Value> {
        Ok(match value {
            Value::Real(expr) if to.is_complex() => {
                let re = self.cast(expr, to.part());
                Value::Complex(re, self.number(0.0, to.part()))
            }
            Value::Real(expr) => Value::Real(self.cast(expr, to)),
            Value::Complex(re, im) if to.is_complex() => {
                let re = self.cast(re, to.part());
                Value::Complex(re, self.cast(im, to.part()))
            }
            Value::Complex(re, im) if to == DType::Bool => {
                let re = self.nonzero(re);
                let im = self.nonzero(im);
                Value::Real(self.either(re, im))
            }
            Value::Complex(re, _) => Value::Real(self.cast(re, to)),
            other => return Err(self.bug(format!("{other:?} where a number is needed"))),
        })
    }

    /// A real number of that type.
    pub(super) fn real(&mut self, value: Value, to: DType) -> Res<ExprId> {
        match self.with_dtype(value, to)? {
            Value::Real(expr) => Ok(expr),
            other => Err(self.bug(format!("{other:?} where a real number is needed"))),
        }
    }

    /// The parts of a complex number of that type.
    pub(super) fn parts(&mut self, value: Value, to: DType) -> Res<(ExprId, ExprId)> {
        match self.with_dtype(value, to)? {
            Value::Complex(re, im) => Ok((re, im)),
            other => Err(self.bug(format!("{other:?} where a complex number is needed"))),
        }
    }

    /// `expr != 0`.
    pub(super) fn nonzero(&mut self, expr: ExprId) -> ExprId {
        let ty = self.ty(expr);
        if ty == DType::Bool {
            return expr;
        }
        if self.as_const(expr).is_some() {
            return self.cast(expr, DType::Bool);
        }
        let zero = self.number(0.0, ty);
        self.compare(CompareOp::Ne, expr, zero)
    }

    /// Is the value true, as Python sees it?
    pub(super) fn truth(&mut self, value: Value) -> Res<ExprId> {
        Ok(match value {
            Value::None => self.boolean(false),
            Value::Str(text) => self.boolean(!text.is_empty()),
            Value::Tuple(items) => self.boolean(!items.is_empty()),
            Value::Rng(_) => self.boolean(true),
            Value::Real(_) | Value::Complex(..) => {
                self.real(value, DType::Bool).map(|expr| self.tidy_truth(expr))?
            }
            Value::Array(array) => {
                let element = self.only_element(array);
                return self.truth(element);
            }
        })
    }

    /// Writes a cast to `bool` as the comparison that it is.
    fn tidy_truth(&mut self, expr: ExprId) -> ExprId {
        match self.func.exprs[expr].kind {
            ExprKind::Cast { arg } => self.nonzero(arg),
            _ => expr,
        }
    }

    /// A value known at compile time.
    pub(super) fn constant(&mut self, value: &ConstValue) -> Res<Value> {
        Ok(match value {
            ConstValue::None => Value::None,
            // Printed as NumPy prints a dtype; nothing else at run time can be done with it.
            ConstValue::DType(dtype) => Value::Str(dtype.numpy_name().into()),
            ConstValue::Bool(value) => Value::Real(self.boolean(*value)),
            ConstValue::Int(value, dtype) => {
                Value::Real(self.expr(ExprKind::Const(Const::int(*value)), *dtype))
            }
            ConstValue::Float(value, dtype) => Value::Real(self.number(*value, *dtype)),
            ConstValue::Complex(re, im, dtype) => {
                let re = self.number(*re, dtype.part());
                Value::Complex(re, self.number(*im, dtype.part()))
            }
            ConstValue::Str(text) => Value::Str(text.clone()),
            ConstValue::Tuple(items) => {
                let items: Res<Vec<Value>> = items.iter().map(|item| self.constant(item)).collect();
                Value::Tuple(items?)
            }
        })
    }
}
