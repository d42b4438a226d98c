//! Reductions of whole arrays to one number.
//!
//! Floats are summed in NumPy's pairwise order over all elements in C order. These are NumPy's bits for an array without
//! gaps in C order; any other is summed as its copy in that order would be. Everything else runs in C order, one by one.

use super::context::{Context, Res, helper_id};
use super::pairwise::pairwise_sum;
use super::value::Value;
use crate::base::Code;
use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, CompareOp, ExprId, ExprKind, FuncId, LocalId, Operand, Ownership, Stmt,
    Target, UnaryOp,
};
use crate::types::builtins::Builtin;
use crate::types::{ArrayTy, DType, Layout};

/// A pairwise sum: which part of the elements, at which type, into which variable.
#[derive(Clone, Copy)]
struct Sum {
    lane: u8,
    at: DType,
    total: LocalId,
}

impl Context<'_, '_> {
    /// A reduction of an array or of a tuple.
    pub(super) fn reduction(&mut self, builtin: Builtin, value: Value, result: DType) -> Res<Value> {
        let array = match value {
            Value::Array(array) => array,
            Value::Tuple(items) => return self.reduce_items(builtin, items, result),
            number => return self.reduce_items(builtin, vec![number], result),
        };
        match builtin {
            Builtin::Sum => self.sum(array, result),
            Builtin::Mean => self.mean(array, result),
            Builtin::Prod => self.product(array, result),
            Builtin::AMin | Builtin::AMax => {
                self.extreme(array, builtin == Builtin::AMax, result).map(Value::Real)
            }
            Builtin::Argmin | Builtin::Argmax => {
                self.extreme_position(array, builtin == Builtin::Argmax).map(Value::Real)
            }
            Builtin::Any | Builtin::All => self.any_all(array, builtin == Builtin::All).map(Value::Real),
            _ => Err(self.bug("not a reduction")),
        }
    }

    fn reduce_items(&mut self, builtin: Builtin, items: Vec<Value>, result: DType) -> Res<Value> {
        let count = items.len();
        let mut total: Option<Value> = None;
        for item in items {
            let item = match builtin {
                Builtin::Any | Builtin::All => Value::Real(self.truth(item)?),
                _ => self.with_dtype(item, result)?,
            };
            total = Some(match total {
                None => item,
                Some(total) => match (builtin, total, item) {
                    (Builtin::Sum | Builtin::Mean, Value::Real(a), Value::Real(b)) => {
                        Value::Real(self.add(a, b))
                    }
                    (Builtin::Sum | Builtin::Mean, Value::Complex(a, b), Value::Complex(c, d)) => {
                        let re = self.add(a, c);
                        Value::Complex(re, self.add(b, d))
                    }
                    (Builtin::Prod, Value::Real(a), Value::Real(b)) => Value::Real(self.mul(a, b)),
                    (Builtin::AMin, Value::Real(a), Value::Real(b)) => {
                        Value::Real(self.binary(BinaryOp::Min, a, b))
                    }
                    (Builtin::AMax, Value::Real(a), Value::Real(b)) => {
                        Value::Real(self.binary(BinaryOp::Max, a, b))
                    }
                    (Builtin::Any, Value::Real(a), Value::Real(b)) => Value::Real(self.either(a, b)),
                    (Builtin::All, Value::Real(a), Value::Real(b)) => Value::Real(self.both(a, b)),
                    _ => return Err(self.bug("a reduction of these values")),
                },
            });
        }
        let total = match total {
            Some(total) => total,
            None => {
                let start = if matches!(builtin, Builtin::Prod | Builtin::All) { 1.0 } else { 0.0 };
                let start = Value::Real(self.number(start, result.part()));
                self.with_dtype(start, result)?
            }
        };
        if builtin == Builtin::Mean
            && let Value::Real(total) = total
        {
            let ty = self.ty(total);
            let count = self.number(count as f64, ty);
            return Ok(Value::Real(self.binary(BinaryOp::Div, total, count)));
        }
        Ok(total)
    }

    // Sums.

    fn sum(&mut self, array: ArrayId, result: DType) -> Res<Value> {
        let dtype = self.array_ty(array).dtype;
        let part = result.part();
        if dtype.is_complex() && dtype == result {
            let re = self.pairwise(array, 0, part)?;
            return Ok(Value::Complex(re, self.pairwise(array, 1, part)?));
        }
        if dtype.is_float() && dtype == result {
            return self.float_sum(array).map(Value::Real);
        }
        self.lane_sum(array, 0, part).map(Value::Real)
    }

    /// The sum of one lane in C order, at another type.
    fn lane_sum(&mut self, array: ArrayId, lane: u8, at: DType) -> Res<ExprId> {
        let at = at.widened();
        let total = self.accumulator("sum", 0.0, at);
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let place = cx.place(&element);
            let dtype = cx.array_ty(array).dtype.part();
            let value = cx.expr(ExprKind::Load { array, place, lane }, dtype);
            let value = cx.cast(value, at);
            let old = cx.read(total);
            let sum = cx.add(old, value);
            cx.set(total, sum);
            Ok(())
        })?;
        Ok(self.read(total))
    }

    /// A variable that starts with a number.
    fn accumulator(&mut self, name: &str, start: f64, ty: DType) -> LocalId {
        let local = self.temp(name, ty);
        let start = self.number(start, ty);
        self.set(local, start);
        local
    }

    /// The pairwise sum of all elements of an array of floats.
    pub(super) fn float_sum(&mut self, array: ArrayId) -> Res<ExprId> {
        self.pairwise(array, 0, self.array_ty(array).dtype)
    }

    /// The pairwise sum of one part of all elements.
    fn pairwise(&mut self, array: ArrayId, lane: u8, at: DType) -> Res<ExprId> {
        let ty = self.array_ty(array);
        if ty.rank == 0 {
            let element = self.element_at(array, Vec::new());
            let place = self.place(&element);
            let value = self.expr(ExprKind::Load { array, place, lane }, ty.dtype.part());
            return Ok(self.cast(value, at));
        }
        let total = self.accumulator("sum", 0.0, at);
        let sum = Sum { lane, at, total };
        if ty.rank == 1 {
            self.add_sum(array, sum)?;
            return Ok(self.read(total));
        }
        match self.is_contiguous(array) {
            None => self.add_flat(array, sum)?,
            Some(cond) => {
                let (then, ()) = self.block(|cx| cx.add_flat(array, sum))?;
                let (orelse, ()) = self.block(|cx| cx.add_copied(array, sum))?;
                self.effects += 1;
                self.emit(Stmt::If { cond, then, orelse });
            }
        }
        Ok(self.read(total))
    }

    /// Adds the sum of an array without gaps.
    fn add_flat(&mut self, array: ArrayId, sum: Sum) -> Res<()> {
        let ty = self.array_ty(array);
        let ty = ArrayTy { rank: 1, layout: Layout::C, is_writable: false, ..ty };
        let flat = self.array_var("flat", ty, Ownership::Borrowed);
        let shape = vec![self.size(array)];
        self.emit(Stmt::SetArray { array: flat, value: ArrayValue::Reshape { base: array, shape } });
        self.add_sum(flat, sum)
    }

    /// Adds the sum of any other array: that of a copy without gaps.
    fn add_copied(&mut self, array: ArrayId, sum: Sum) -> Res<()> {
        let ty = ArrayTy::new(self.array_ty(array).dtype, 1);
        let flat = self.array_var("flat", ty, Ownership::Owned);
        let shape = vec![self.size(array)];
        self.alloc(ty, shape, false, Some(flat));
        self.fill_flat(flat, array)?;
        self.add_sum(flat, sum)?;
        self.emit(Stmt::Release { array: flat });
        Ok(())
    }

    /// Adds the pairwise sum of an array with one axis; where elements are converted, in pieces as long as NumPy's buffer.
    fn add_sum(&mut self, array: ArrayId, sum: Sum) -> Res<()> {
        const BUFFER: i64 = 8192;
        let callee = self.sum_helper(self.array_ty(array), sum);
        if self.array_ty(array).dtype.part() == sum.at {
            let (lo, count) = (self.int(0), self.dim(array, 0));
            self.add_part(callee, array, lo, count, sum);
            return Ok(());
        }
        let (size, more, divisor) = (self.dim(array, 0), self.int(BUFFER - 1), self.int(BUFFER));
        let size = self.add(size, more);
        let pieces = self.binary(BinaryOp::FloorDiv, size, divisor);
        let zero = self.int(0);
        self.internal_loop(zero, pieces, |cx, var| {
            let (piece, length) = (cx.read(var), cx.int(BUFFER));
            let lo = cx.mul(piece, length);
            let lo = cx.hold(lo);
            let (size, copy, most) = (cx.dim(array, 0), cx.dup(lo), cx.int(BUFFER));
            let left = cx.sub(size, copy);
            let count = cx.binary(BinaryOp::Min, left, most);
            cx.add_part(callee, array, lo, count, sum);
            Ok(())
        })
    }

    fn add_part(&mut self, callee: FuncId, array: ArrayId, lo: ExprId, count: ExprId, sum: Sum) {
        let part = self.temp("sum", sum.at);
        let span = self.span;
        let args = vec![Operand::Array(array), Operand::Scalar(lo), Operand::Scalar(count)];
        self.emit(Stmt::Call { callee, args, results: vec![Target::Local(part)], span });
        let (old, part) = (self.read(sum.total), self.read(part));
        let value = self.add(old, part);
        self.set(sum.total, value);
    }

    /// The function that sums a range of an array of one axis in NumPy's order.
    fn sum_helper(&mut self, ty: ArrayTy, sum: Sum) -> FuncId {
        let ty = ArrayTy { is_writable: false, ..ty };
        let key = (ty, sum.lane, sum.at);
        if let Some(&id) = self.shared.sum_helpers.get(&key) {
            return id;
        }
        let id = helper_id(self.shared);
        let func = pairwise_sum(ty, sum.lane, sum.at, id, self.func.fastmath, self.function.head_span);
        self.shared.helpers.push(func);
        self.shared.sum_helpers.insert(key, id);
        id
    }

    pub(super) fn mean(&mut self, array: ArrayId, result: DType) -> Res<Value> {
        let total = if self.array_ty(array).dtype.is_complex() || self.array_ty(array).dtype == result {
            self.sum(array, result)?
        } else {
            Value::Real(self.pairwise(array, 0, result)?)
        };
        let count = self.size(array);
        let count = self.cast(count, result.part());
        let count = self.pin(count);
        Ok(match total {
            // NumPy multiplies complex numbers by the reciprocal of the divisor.
            Value::Complex(re, im) => {
                let one = self.number(1.0, result.part());
                let scale = self.binary(BinaryOp::Div, one, count);
                let scale = self.pin(scale);
                let copy = self.dup(scale);
                let re = self.mul(re, copy);
                Value::Complex(re, self.mul(im, scale))
            }
            total => {
                let total = self.real(total, result)?;
                Value::Real(self.binary(BinaryOp::Div, total, count))
            }
        })
    }

    fn product(&mut self, array: ArrayId, result: DType) -> Res<Value> {
        if result.is_complex() {
            let re = self.accumulator("prod", 1.0, result.part());
            let im = self.accumulator("prod", 0.0, result.part());
            self.for_all(array, &mut |cx, vars| {
                let element = cx.element_of(array, vars);
                let value = cx.load(&element);
                let old_re = cx.read(re);
                let old = Value::Complex(old_re, cx.read(im));
                let product = cx.complex_binary(crate::syntax::ast::BinaryOp::Mul, old, value, result)?;
                let (x, y) = cx.parts(product, result)?;
                let y = cx.hold(y);
                cx.set(re, x);
                cx.set(im, y);
                Ok(())
            })?;
            let re = self.read(re);
            return Ok(Value::Complex(re, self.read(im)));
        }
        let at = result.widened();
        let total = self.accumulator("prod", 1.0, at);
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let value = cx.load(&element);
            let value = cx.real(value, at)?;
            let old = cx.read(total);
            let product = cx.mul(old, value);
            cx.set(total, product);
            Ok(())
        })?;
        Ok(Value::Real(self.read(total)))
    }

    // Extremes.

    fn check_not_empty(&mut self, array: ArrayId, text: &str) {
        if self.array_ty(array).rank == 0 {
            return;
        }
        let size = self.size(array);
        let zero = self.int(0);
        let cond = self.compare(CompareOp::Gt, size, zero);
        self.check(cond, Code::K709, "ValueError", text);
    }

    fn first_element(&mut self, array: ArrayId, at: DType) -> Res<ExprId> {
        let indices = (0..self.array_ty(array).rank).map(|_| self.int(0)).collect();
        let element = self.element_at(array, indices);
        let value = self.load(&element);
        self.real(value, at)
    }

    /// Does `x` take the place of `best`? NaN does, and stays.
    fn beats(&mut self, x: ExprId, best: ExprId, is_max: bool) -> ExprId {
        let op = if is_max { CompareOp::Gt } else { CompareOp::Lt };
        let is_float = self.ty(x).is_float();
        let (a, b) = (self.dup(x), self.dup(best));
        let wins = self.compare(op, a, b);
        if !is_float {
            return wins;
        }
        let (a, b) = (self.dup(x), self.dup(x));
        let is_nan = self.compare(CompareOp::Ne, a, b);
        self.either(wins, is_nan)
    }

    fn extreme(&mut self, array: ArrayId, is_max: bool, result: DType) -> Res<ExprId> {
        let name = if is_max { "maximum" } else { "minimum" };
        let text = format!("zero-size array to reduction operation {name} which has no identity");
        self.check_not_empty(array, &text);
        let at = result.widened();
        let best = self.temp("best", at);
        let first = self.first_element(array, at)?;
        self.set(best, first);
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let value = cx.load(&element);
            let value = cx.real(value, at)?;
            let old = cx.read(best);
            if at.is_float() {
                let value = cx.hold(value);
                let wins = cx.beats(value, old, is_max);
                let new = cx.select(wins, value, old);
                cx.set(best, new);
            } else {
                let op = if is_max { BinaryOp::Max } else { BinaryOp::Min };
                let new = cx.binary(op, old, value);
                cx.set(best, new);
            }
            Ok(())
        })?;
        let best = self.read(best);
        Ok(self.cast(best, result))
    }

    fn extreme_position(&mut self, array: ArrayId, is_max: bool) -> Res<ExprId> {
        let name = if is_max { "argmax" } else { "argmin" };
        self.check_not_empty(array, &format!("attempt to get {name} of an empty sequence"));
        let at = self.array_ty(array).dtype.widened();
        let best = self.temp("best", at);
        let first = self.first_element(array, at)?;
        self.set(best, first);
        let place = self.accumulator("place", 0.0, DType::I64);
        let rank = self.array_ty(array).rank;
        // Arrays of one axis count by the loop itself.
        let counter = (rank != 1).then(|| self.accumulator("count", 0.0, DType::I64));
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let value = cx.load(&element);
            let value = cx.real(value, at)?;
            let value = cx.hold(value);
            let old = cx.read(best);
            let mut wins = cx.beats(value, old, is_max);
            if at.is_float() {
                // The first NaN stays where it was found.
                let (a, b) = (cx.read(best), cx.read(best));
                let is_number = cx.compare(CompareOp::Eq, a, b);
                wins = cx.both(wins, is_number);
            }
            let here = match counter {
                Some(counter) => counter,
                None => vars[0],
            };
            let (then, ()) = cx.block(|cx| {
                let copy = cx.dup(value);
                cx.set(best, copy);
                let here = cx.read(here);
                cx.set(place, here);
                Ok(())
            })?;
            cx.emit(Stmt::If { cond: wins, then, orelse: Vec::new() });
            if let Some(counter) = counter {
                let old = cx.read(counter);
                let one = cx.int(1);
                let next = cx.add(old, one);
                cx.set(counter, next);
            }
            Ok(())
        })?;
        Ok(self.read(place))
    }

    fn any_all(&mut self, array: ArrayId, is_all: bool) -> Res<ExprId> {
        let result = self.temp(if is_all { "all" } else { "any" }, DType::Bool);
        let start = self.boolean(is_all);
        self.set(result, start);
        let rank = self.array_ty(array).rank;
        self.for_all(array, &mut |cx, vars| {
            let element = cx.element_of(array, vars);
            let value = cx.load(&element);
            let truth = cx.truth(value)?;
            let decides = if is_all { cx.unary(UnaryOp::Not, truth) } else { truth };
            let (then, ()) = cx.block(|cx| {
                let value = cx.boolean(!is_all);
                cx.set(result, value);
                if rank == 1 {
                    cx.emit(Stmt::Break);
                }
                Ok(())
            })?;
            cx.emit(Stmt::If { cond: decides, then, orelse: Vec::new() });
            Ok(())
        })?;
        Ok(self.read(result))
    }
}
