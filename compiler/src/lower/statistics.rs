//! Statistics and products of arrays, running totals, and arrays with a pattern.
//!
//! Float sums are pairwise, as in `reduce.rs`: `dot` is the pairwise sum of the products, a variance that of the squares.

use super::context::{Context, Res, helper_id, hole};
use super::pairwise::pairwise_dot;
use super::value::Value;
use crate::base::Code;
use crate::ir::{ArrayId, BinaryOp, CompareOp, ExprId, FuncId, Operand, Piece, Stmt, Target};
use crate::numerics::math::MathFn1;
use crate::types::{ArrayTy, DType};

impl Context<'_, '_> {
    /// `np.var(x, ddof)`: mean first, then the squares of the distances from it.
    pub(super) fn variance(&mut self, array: ArrayId, ddof: Value, result: DType) -> Res<ExprId> {
        let mean = self.mean(array, result)?;
        let mean = self.real(mean, result)?;
        let mean = self.hold(mean);
        let shape = self.shape_of(array);
        let squares = self.alloc(ArrayTy::new(result, shape.len() as u8), shape, false, None);
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let value = cx.load(&element);
            let value = cx.real(value, result)?;
            let mean = cx.dup(mean);
            let distance = cx.sub(value, mean);
            let distance = cx.hold(distance);
            let copy = cx.dup(distance);
            let square = cx.mul(distance, copy);
            let target = cx.element_of(squares, vars);
            cx.store(&target, Value::Real(square))
        })?;
        let total = self.float_sum(squares)?;
        let count = self.size(array);
        let count = self.cast(count, DType::F64);
        let ddof = self.real(ddof, DType::F64)?;
        let divisor = self.sub(count, ddof);
        let zero = self.number(0.0, DType::F64);
        let divisor = self.binary(BinaryOp::Max, divisor, zero);
        let divisor = self.cast(divisor, result);
        Ok(self.binary(BinaryOp::Div, total, divisor))
    }

    /// `np.count_nonzero(x)`.
    pub(super) fn count_nonzero(&mut self, array: ArrayId) -> Res<ExprId> {
        let total = self.temp("count", DType::I64);
        let zero = self.int(0);
        self.set(total, zero);
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let value = cx.load(&element);
            let truth = cx.truth(value)?;
            let one = cx.cast(truth, DType::I64);
            let old = cx.read(total);
            let next = cx.add(old, one);
            cx.set(total, next);
            Ok(())
        })?;
        Ok(self.read(total))
    }

    /// `np.dot(x, y)` of arrays of one axis.
    pub(super) fn dot(&mut self, x: ArrayId, y: ArrayId, result: DType) -> Res<ExprId> {
        if x != y {
            let (a, b, c, d) = (self.dim(x, 0), self.dim(y, 0), self.dim(x, 0), self.dim(y, 0));
            let cond = self.compare(CompareOp::Eq, a, b);
            let text = |text: &str| Piece::Text(text.into());
            let pieces = vec![
                text("shapes ("),
                hole(DType::I64),
                text(",) and ("),
                hole(DType::I64),
                text(",) not aligned"),
            ];
            self.check_with(cond, Code::K703, "ValueError", pieces, vec![c, d]);
        }
        let (left, right) = (self.array_ty(x), self.array_ty(y));
        if result.is_float() && left.dtype == result && right.dtype == result {
            let callee = self.dot_helper(left, right);
            let total = self.temp("dot", result);
            let lo = self.int(0);
            let count = self.dim(x, 0);
            let span = self.span;
            let args =
                vec![Operand::Array(x), Operand::Array(y), Operand::Scalar(lo), Operand::Scalar(count)];
            self.emit(Stmt::Call { callee, args, results: vec![Target::Local(total)], span });
            // The sum of nothing is +0.0, as `np.sum` has it.
            let (start, total) = (self.number(0.0, result), self.read(total));
            return Ok(self.add(start, total));
        }
        if result.is_float() {
            let extent = self.dim(x, 0);
            let products = self.alloc(ArrayTy::new(result, 1), vec![extent], false, None);
            self.for_all(x, &mut |cx, vars| {
                let product = cx.product_at(x, y, vars, result)?;
                let target = cx.element_of(products, vars);
                cx.store(&target, Value::Real(product))
            })?;
            return self.float_sum(products);
        }
        let total = self.temp("dot", result);
        let zero = self.number(0.0, result);
        self.set(total, zero);
        self.for_all(x, &mut |cx, vars| {
            let product = cx.product_at(x, y, vars, result)?;
            let old = cx.read(total);
            let next = cx.add(old, product);
            cx.set(total, next);
            Ok(())
        })?;
        Ok(self.read(total))
    }

    fn product_at(&mut self, x: ArrayId, y: ArrayId, vars: &[crate::ir::LocalId], at: DType) -> Res<ExprId> {
        let (a, b) = (self.element_of(x, vars), self.element_of(y, vars));
        let (a, b) = (self.load(&a), self.load(&b));
        let (a, b) = (self.real(a, at)?, self.real(b, at)?);
        Ok(self.mul(a, b))
    }

    /// `np.linalg.norm(x)` of an array of one axis.
    pub(super) fn norm(&mut self, array: ArrayId, result: DType) -> Res<ExprId> {
        let square = self.dot(array, array, result)?;
        Ok(self.math1(MathFn1::Sqrt, square))
    }

    fn dot_helper(&mut self, x: ArrayTy, y: ArrayTy) -> FuncId {
        let (x, y) = (ArrayTy { is_writable: false, ..x }, ArrayTy { is_writable: false, ..y });
        if let Some(&id) = self.shared.dot_helpers.get(&(x, y)) {
            return id;
        }
        let id = helper_id(self.shared);
        let func = pairwise_dot(x, y, id, self.func.fastmath, self.function.head_span);
        self.shared.helpers.push(func);
        self.shared.dot_helpers.insert((x, y), id);
        id
    }

    /// `np.cumsum(x)`, `np.cumprod(x)` of an array of one axis, in order.
    pub(super) fn running(
        &mut self,
        is_sum: bool,
        from: ArrayId,
        ty: ArrayTy,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let extent = self.dim(from, 0);
        let array = self.alloc(ty, vec![extent], false, dest);
        let total = self.temp("total", ty.dtype);
        let start = self.number(if is_sum { 0.0 } else { 1.0 }, ty.dtype);
        self.set(total, start);
        self.for_all(from, &mut |cx, vars| {
            let element = cx.element_of(from, vars);
            let value = cx.load(&element);
            let value = cx.real(value, ty.dtype)?;
            let old = cx.read(total);
            let next = if is_sum { cx.add(old, value) } else { cx.mul(old, value) };
            cx.set(total, next);
            let next = cx.read(total);
            let target = cx.element_of(array, vars);
            cx.store(&target, Value::Real(next))
        })?;
        Ok(array)
    }

    /// `np.eye(n, m)`.
    pub(super) fn eye(
        &mut self,
        ty: ArrayTy,
        rows: Value,
        columns: Option<Value>,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let rows = self.pin_value(rows);
        let columns = match columns {
            Some(columns) => columns,
            None => self.dup_value(&rows),
        };
        let shape = self.shape(Value::Tuple(vec![rows, columns]))?;
        let array = self.alloc(ty, shape, true, dest);
        let (lo, a, b) = (self.int(0), self.dim(array, 0), self.dim(array, 1));
        let hi = self.binary(BinaryOp::Min, a, b);
        self.internal_loop(lo, hi, |cx, var| {
            let element = cx.element_of(array, &[var, var]);
            let one = cx.int(1);
            cx.store(&element, Value::Real(one))
        })?;
        Ok(array)
    }

    /// `x.flatten()`: all elements in C order.
    pub(super) fn flattened(&mut self, ty: ArrayTy, from: ArrayId, dest: Option<ArrayId>) -> Res<ArrayId> {
        let extent = self.size(from);
        let array = self.alloc(ty, vec![extent], false, dest);
        self.fill_flat(array, from)?;
        Ok(array)
    }

    /// Copies all elements in C order into an array with one axis.
    pub(super) fn fill_flat(&mut self, array: ArrayId, from: ArrayId) -> Res<()> {
        let count = self.temp("count", DType::I64);
        let zero = self.int(0);
        self.set(count, zero);
        self.for_all(from, &mut |cx, vars| {
            let element = cx.element_of(from, vars);
            let value = cx.load(&element);
            let target = cx.element_of(array, &[count]);
            cx.store(&target, value)?;
            let (old, one) = (cx.read(count), cx.int(1));
            let next = cx.add(old, one);
            cx.set(count, next);
            Ok(())
        })
    }
}
