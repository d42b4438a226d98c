//! Whole arrays: creation, copies, fills, and the loops over all elements that they need.

use super::context::{Context, Res};
use super::index::Element;
use super::value::Value;
use crate::base::Code;
use crate::ir::{
    ArrayId, ArrayValue, CompareOp, ExprId, ExprKind, LocalId, Loop, LoopKind, LoopOrigin, Stmt, UnaryOp,
};
use crate::types::{ArrayTy, DType};

impl Context<'_, '_> {
    // Loops over elements.

    /// `for var in lo .. hi`.
    pub(super) fn internal_loop(
        &mut self,
        lo: ExprId,
        hi: ExprId,
        build: impl FnOnce(&mut Self, LocalId) -> Res<()>,
    ) -> Res<()> {
        let id = self.loop_id(LoopOrigin::Internal);
        let var = self.temp("k", DType::I64);
        let (body, ()) = self.block(|cx| build(cx, var))?;
        self.effects += 1;
        self.emit(Stmt::Loop(Box::new(Loop::new(id, LoopKind::Serial, var, [lo, hi], 1, body))));
        Ok(())
    }

    /// Visits all positions of an array's shape in C order.
    pub(super) fn for_all(
        &mut self,
        array: ArrayId,
        build: &mut dyn FnMut(&mut Self, &[LocalId]) -> Res<()>,
    ) -> Res<()> {
        self.for_axes(array, &mut Vec::new(), build)
    }

    fn for_axes(
        &mut self,
        array: ArrayId,
        vars: &mut Vec<LocalId>,
        build: &mut dyn FnMut(&mut Self, &[LocalId]) -> Res<()>,
    ) -> Res<()> {
        let rank = usize::from(self.array_ty(array).rank);
        if vars.len() == rank {
            return build(self, vars);
        }
        let lo = self.int(0);
        let hi = self.dim(array, vars.len() as u8);
        self.internal_loop(lo, hi, |cx, var| {
            vars.push(var);
            let result = cx.for_axes(array, vars, build);
            vars.pop();
            result
        })
    }

    /// The element at positions given by loop variables.
    pub(super) fn element_of(&mut self, array: ArrayId, vars: &[LocalId]) -> Element {
        let indices = vars.iter().map(|&var| self.read(var)).collect();
        self.element_at(array, indices)
    }

    // Assignment to whole arrays and views.

    /// `to[...] = value`.
    pub(super) fn assign_elements(&mut self, to: ArrayId, value: Value) -> Res<()> {
        match value {
            Value::Array(from) => self.assign_array(to, from),
            value => self.fill(to, value),
        }
    }

    /// Sets all elements to a number.
    pub(super) fn fill(&mut self, array: ArrayId, value: Value) -> Res<()> {
        let dtype = self.array_ty(array).dtype;
        let lanes = match self.with_dtype(value, dtype)? {
            Value::Real(value) => vec![value],
            Value::Complex(re, im) => vec![re, im],
            other => return Err(self.bug(format!("{other:?} as an element"))),
        };
        // The value is computed before the first element is set.
        let lanes =
            lanes.into_iter().map(|lane| if self.has_load(lane) { self.hold(lane) } else { lane }).collect();
        self.emit_effect(Stmt::Fill { array, lanes });
        Ok(())
    }

    /// Copies elements between arrays of one shape, converting them if the types differ.
    pub(super) fn copy_elements(&mut self, to: ArrayId, from: ArrayId) -> Res<()> {
        if self.array_ty(to).dtype == self.array_ty(from).dtype {
            self.emit_effect(Stmt::CopyElements { to, from });
            return Ok(());
        }
        self.for_all(to, &mut |cx, vars| {
            let source = cx.element_of(from, vars);
            let value = cx.load(&source);
            let target = cx.element_of(to, vars);
            cx.store(&target, value)
        })
    }

    // Creation.

    /// Extents from a shape: an integer or a tuple of them; fails if one is negative.
    pub(super) fn shape(&mut self, value: Value) -> Res<Vec<ExprId>> {
        let items = match value {
            Value::Tuple(items) => items,
            other => vec![other],
        };
        let mut shape = Vec::with_capacity(items.len());
        for item in items {
            let extent = self.real(item, DType::I64)?;
            let is_known = self.as_int(extent).is_some_and(|extent| extent >= 0)
                || matches!(self.func.exprs[extent].kind, ExprKind::Dim { .. });
            if is_known {
                shape.push(extent);
                continue;
            }
            let extent = self.pin(extent);
            let copy = self.dup(extent);
            let zero = self.int(0);
            let cond = self.compare(CompareOp::Ge, copy, zero);
            self.check(cond, Code::K710, "ValueError", "negative dimensions are not allowed");
            shape.push(extent);
        }
        Ok(shape)
    }

    /// The extents of an array.
    pub(super) fn shape_of(&mut self, array: ArrayId) -> Vec<ExprId> {
        (0..self.array_ty(array).rank).map(|axis| self.dim(array, axis)).collect()
    }

    /// New memory.
    pub(super) fn alloc(
        &mut self,
        ty: ArrayTy,
        shape: Vec<ExprId>,
        is_zeroed: bool,
        dest: Option<ArrayId>,
    ) -> ArrayId {
        let array = self.new_array(ty, dest);
        let trap = self.trap_text(Code::K704, "MemoryError", "out of memory");
        self.emit_effect(Stmt::SetArray { array, value: ArrayValue::Alloc { shape, is_zeroed, trap } });
        array
    }

    /// A new array with all elements set.
    pub(super) fn alloc_filled(
        &mut self,
        ty: ArrayTy,
        shape: Vec<ExprId>,
        value: Value,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let value = self.pin_value(value);
        let array = self.alloc(ty, shape, false, dest);
        self.fill(array, value)?;
        Ok(array)
    }

    /// A new array with the elements of another.
    pub(super) fn copied(&mut self, ty: ArrayTy, from: ArrayId, dest: Option<ArrayId>) -> Res<ArrayId> {
        let shape = self.shape_of(from);
        let array = self.alloc(ty, shape, false, dest);
        self.copy_elements(array, from)?;
        Ok(array)
    }

    /// A new array of the items of a tuple.
    pub(super) fn array_of_items(
        &mut self,
        ty: ArrayTy,
        items: Vec<Value>,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let mut held = Vec::with_capacity(items.len());
        for item in items {
            held.push(self.pin_value(item));
        }
        let mut shape = vec![self.int(held.len() as i64)];
        if let Some(Value::Tuple(first)) = held.first() {
            shape.push(self.int(first.len() as i64));
        }
        let array = self.alloc(ty, shape, false, dest);
        for (i, item) in held.into_iter().enumerate() {
            let row = self.int(i as i64);
            match item {
                Value::Tuple(items) => {
                    for (j, item) in items.into_iter().enumerate() {
                        let (row, column) = (self.dup(row), self.int(j as i64));
                        let element = self.element_at(array, vec![row, column]);
                        self.store(&element, item)?;
                    }
                }
                item => {
                    let element = self.element_at(array, vec![row]);
                    self.store(&element, item)?;
                }
            }
        }
        Ok(array)
    }

    /// `-x` where `x` is negative.
    pub(super) fn absolute(&mut self, expr: ExprId) -> ExprId {
        match self.ty(expr) {
            DType::U64 => expr,
            _ => self.unary(UnaryOp::Abs, expr),
        }
    }
}
