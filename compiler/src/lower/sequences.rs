//! `np.arange` and `np.linspace`, by NumPy's formulas.

use super::context::{Context, Res, hole};
use super::value::Value;
use crate::base::Code;
use crate::ir::{ArrayId, BinaryOp, CompareOp, Piece, Stmt};
use crate::numerics::math::MathFn1;
use crate::types::{ArrayTy, DType};

impl Context<'_, '_> {
    /// `np.arange(start, stop, step)`. As in NumPy, the second element is `start + step` rounded to the element type, and
    /// further ones count from the difference of the first two.
    pub(super) fn arange(
        &mut self,
        ty: ArrayTy,
        [start, stop, step]: [Value; 3],
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let at = [&start, &stop, &step]
            .into_iter()
            .filter_map(|value| self.value_ty(value).scalar())
            .find(|dtype| dtype.is_float())
            .map_or(DType::I64, |_| DType::F64);
        let mut parts = Vec::with_capacity(3);
        for value in [start, stop, step] {
            let expr = self.real(value, at)?;
            parts.push(self.pin(expr));
        }
        let (start, stop, step) = (parts[0], parts[1], parts[2]);
        let copy = self.dup(step);
        let is_nonzero = self.nonzero(copy);
        self.check(is_nonzero, Code::K702, "ZeroDivisionError", "division by zero");
        let first = self.dup(start);
        let count = if at == DType::I64 {
            self.trip_count(first, stop, step)
        } else {
            let copy = self.dup(step);
            let distance = self.sub(stop, first);
            let quotient = self.binary(BinaryOp::Div, distance, copy);
            let whole = self.math1(MathFn1::Ceil, quotient);
            let count = self.cast(whole, DType::I64);
            let zero = self.int(0);
            self.binary(BinaryOp::Max, count, zero)
        };
        let count = self.pin(count);
        let extent = self.dup(count);
        let array = self.alloc(ty, vec![extent], false, dest);
        let wide = ty.dtype.widened();
        // First and second element.
        let copy = self.dup(start);
        let sum = self.add(copy, step);
        let first = self.cast(start, ty.dtype);
        let first = self.cast(first, wide);
        let first = self.pin(first);
        let second = self.cast(sum, ty.dtype);
        let second = self.cast(second, wide);
        let second = self.pin(second);
        let (a, b) = (self.dup(second), self.dup(first));
        let delta = self.sub(a, b);
        let delta = self.pin(delta);
        if !ty.dtype.is_float() {
            let (lo, hi) = (self.int(0), self.dup(count));
            self.internal_loop(lo, hi, |cx, var| {
                let k = cx.read(var);
                let k = cx.cast(k, wide);
                let offset = cx.mul(k, delta);
                let value = cx.add(first, offset);
                let element = cx.element_of(array, &[var]);
                cx.store(&element, Value::Real(value))
            })?;
            return Ok(array);
        }
        for (i, value) in [(0, first), (1, second)] {
            let number = self.int(i);
            let copy = self.dup(count);
            let cond = self.compare(CompareOp::Gt, copy, number);
            let value = self.dup(value);
            let (then, ()) = self.block(|cx| {
                let index = cx.int(i);
                let element = cx.element_at(array, vec![index]);
                cx.store(&element, Value::Real(value))
            })?;
            self.emit(Stmt::If { cond, then, orelse: Vec::new() });
        }
        let (lo, hi) = (self.int(2), self.dup(count));
        self.internal_loop(lo, hi, |cx, var| {
            let k = cx.read(var);
            let k = cx.cast(k, wide);
            let offset = cx.mul(k, delta);
            let value = cx.add(first, offset);
            let element = cx.element_of(array, &[var]);
            cx.store(&element, Value::Real(value))
        })?;
        Ok(array)
    }

    /// `np.linspace(start, stop, num)`: `i * step + start`, and exactly `stop` at the end.
    pub(super) fn linspace(
        &mut self,
        ty: ArrayTy,
        start: Value,
        stop: Value,
        num: Value,
        has_endpoint: bool,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let start = self.real(start, DType::F64)?;
        let start = self.pin(start);
        let stop = self.real(stop, DType::F64)?;
        let stop = self.pin(stop);
        let num = self.real(num, DType::I64)?;
        let num = self.pin(num);
        if self.as_int(num).is_none_or(|num| num < 0) {
            let (copy, shown) = (self.dup(num), self.dup(num));
            let zero = self.int(0);
            let cond = self.compare(CompareOp::Ge, copy, zero);
            let pieces = vec![
                Piece::Text("Number of samples, ".into()),
                hole(DType::I64),
                Piece::Text(", must be non-negative.".into()),
            ];
            self.check_with(cond, Code::K710, "ValueError", pieces, vec![shown]);
        }
        let extent = self.dup(num);
        let array = self.alloc(ty, vec![extent], false, dest);
        let copy = self.dup(num);
        let one = self.int(1);
        let div = if has_endpoint { self.sub(copy, one) } else { copy };
        let div = self.cast(div, DType::F64);
        let div = self.pin(div);
        let (a, b) = (self.dup(stop), self.dup(start));
        let delta = self.sub(a, b);
        let delta = self.pin(delta);
        let (a, b) = (self.dup(delta), self.dup(div));
        let step = self.binary(BinaryOp::Div, a, b);
        let step = self.hold(step);
        // A single sample is `start`, and a step that is 0 only because it is too small is divided late.
        let (lo, hi) = (self.int(0), self.dup(num));
        self.internal_loop(lo, hi, |cx, var| {
            let k = cx.read(var);
            let k = cx.cast(k, DType::F64);
            let k = cx.hold(k);
            let (k2, s2) = (cx.dup(k), cx.dup(step));
            let usual = cx.mul(k2, s2);
            let (k3, div2, delta2) = (cx.dup(k), cx.dup(div), cx.dup(delta));
            let fraction = cx.binary(BinaryOp::Div, k3, div2);
            let late = cx.mul(fraction, delta2);
            let s3 = cx.dup(step);
            let is_usual = cx.nonzero(s3);
            let offset = cx.select(is_usual, usual, late);
            let (div3, delta3) = (cx.dup(div), cx.dup(delta));
            let zero = cx.number(0.0, DType::F64);
            let is_single = cx.compare(CompareOp::Le, div3, zero);
            let scaled = cx.mul(k, delta3);
            let offset = cx.select(is_single, scaled, offset);
            let base = cx.dup(start);
            let value = cx.add(offset, base);
            let element = cx.element_of(array, &[var]);
            cx.store(&element, Value::Real(value))
        })?;
        if has_endpoint {
            let copy = self.dup(num);
            let one = self.int(1);
            let cond = self.compare(CompareOp::Gt, copy, one);
            let (then, ()) = self.block(|cx| {
                let copy = cx.dup(num);
                let one = cx.int(1);
                let last = cx.sub(copy, one);
                let element = cx.element_at(array, vec![last]);
                let stop = cx.dup(stop);
                cx.store(&element, Value::Real(stop))
            })?;
            self.emit(Stmt::If { cond, then, orelse: Vec::new() });
        }
        Ok(array)
    }
}
