//! `a[i, j]`: elements with their checks; items of tuples.
//!
//! An element's index is checked as Python means it, from `-size` up, and wrapped where the element is read or written, unless it is
//! known not to be negative. A chain `a[i][j]` of whole numbers is one access.

use super::context::{Context, Res, hole};
use super::scan::const_int;
use super::value::Value;
use crate::base::{Code, Span};
use crate::infer::Resolution;
use crate::ir::{ArrayId, Check, CompareOp, ExprId, ExprKind, Piece, Place, Stmt};
use crate::syntax::ast::{ExprId as AstId, ExprKind as AstKind};
use crate::types::{DType, Ty};

/// An element of an array whose indices have been checked and wrapped.
pub(super) struct Element {
    pub(super) array: ArrayId,
    /// One per axis; copied at each use.
    indices: Vec<ExprId>,
}

impl Context<'_, '_> {
    /// `base[indices]` as a value.
    pub(super) fn index_expr(
        &mut self,
        base: AstId,
        indices: &[AstId],
        ty: &Ty,
        dest: Option<ArrayId>,
    ) -> Res<Value> {
        match self.ty_of(base)? {
            Ty::Tuple(_) => self.tuple_item(base, indices, ty),
            Ty::Array(_) => match ty {
                Ty::Scalar(_) => {
                    let element = self.element(base, indices)?;
                    let value = self.load(&element);
                    self.convert(value, ty)
                }
                Ty::Array(result) => self.view(base, indices, *result, dest).map(Value::Array),
                _ => Err(self.bug("an index with a strange result")),
            },
            _ => Err(self.bug("an index of a value that has none")),
        }
    }

    // Elements.

    /// Evaluates base and indices of an element, and checks them.
    pub(super) fn element(&mut self, base: AstId, indices: &[AstId]) -> Res<Element> {
        let mut groups: Vec<&[AstId]> = vec![indices];
        let mut root = base;
        while let AstKind::Index { base: inner, indices } = &self.node(root).kind
            && matches!(self.ty_of(*inner)?, Ty::Array(_))
            && indices.iter().all(|&index| self.is_number(index))
        {
            groups.push(indices);
            root = *inner;
        }
        let array = match self.value(root)? {
            Value::Array(array) => array,
            other => return Err(self.bug(format!("an element of {other:?}"))),
        };
        let name = self.array_name(root);
        let mut wrapped = Vec::new();
        for group in groups.into_iter().rev() {
            let mut raw = Vec::with_capacity(group.len());
            for &index in group {
                self.index_values(index, &mut raw)?;
            }
            for (index, span) in raw {
                let axis = wrapped.len() as u8;
                wrapped.push(self.at(span, |cx| cx.checked_index(index, array, axis, &name)));
            }
        }
        if wrapped.len() != usize::from(self.array_ty(array).rank) {
            return Err(self.bug("an element needs one index per axis"));
        }
        Ok(Element { array, indices: wrapped })
    }

    /// Is the index a whole number (not a slice, `None`, `...`)?
    fn is_number(&self, index: AstId) -> bool {
        self.instance.exprs.get(&index).is_some_and(|info| info.ty.scalar().is_some_and(DType::is_int))
    }

    /// Evaluates one index; a tuple stands for several.
    pub(super) fn index_values(&mut self, index: AstId, to: &mut Vec<(ExprId, Span)>) -> Res<()> {
        // `a[()]`: no index at all.
        if matches!(&self.node(index).kind, AstKind::Tuple(items) if items.is_empty()) {
            return Ok(());
        }
        let span = self.node(index).span;
        let items = match self.value(index)? {
            Value::Tuple(items) => items,
            other => vec![other],
        };
        for item in items {
            let expr = self.real(item, DType::I64)?;
            to.push((self.pin_index(expr), span));
        }
        Ok(())
    }

    /// Checks an index and wraps it.
    pub(super) fn checked_index(&mut self, index: ExprId, array: ArrayId, axis: u8, name: &str) -> ExprId {
        if self.instance.options.boundscheck {
            let pieces = vec![
                Piece::Text("index ".into()),
                hole(DType::I64),
                Piece::Text(format!(" is out of range for axis {axis} of {name} with size ").into()),
                hole(DType::I64),
            ];
            let trap = self.trap(Code::K701, "IndexError", pieces);
            let (checked, shown) = (self.dup(index), self.dup(index));
            let args = vec![shown, self.dim(array, axis)];
            self.emit(Stmt::Check { check: Check::Index { index: checked, array, axis }, trap, args });
        }
        self.wrapped(index, array, axis)
    }

    fn wrapped(&mut self, index: ExprId, array: ArrayId, axis: u8) -> ExprId {
        let is_known = match self.func.exprs[index].kind {
            ExprKind::Const(bits) => bits.as_int() >= 0,
            ExprKind::Local(local) => self.vars.counters.contains(&local),
            _ => false,
        };
        if is_known {
            return index;
        }
        let extent = self.dim(array, axis);
        self.expr(ExprKind::Wrap { index, extent }, DType::I64)
    }

    /// What messages call an array.
    pub(super) fn array_name(&self, expr: AstId) -> String {
        let text = self.node(expr).span.text(self.shared.source);
        if text.is_empty() || text.len() > 40 || text.contains('\n') {
            "the array".into()
        } else {
            format!("`{text}`")
        }
    }

    /// The place of an element; may be asked for more than once.
    pub(super) fn place(&mut self, element: &Element) -> Place {
        Place::Index(element.indices.iter().map(|&index| self.func.clone_expr(index)).collect())
    }

    /// Reads an element.
    pub(super) fn load(&mut self, element: &Element) -> Value {
        let dtype = self.array_ty(element.array).dtype;
        let lane = |cx: &mut Self, lane| {
            let place = cx.place(element);
            cx.expr(ExprKind::Load { array: element.array, place, lane }, dtype.part())
        };
        if dtype.is_complex() {
            let re = lane(self, 0);
            Value::Complex(re, lane(self, 1))
        } else {
            Value::Real(lane(self, 0))
        }
    }

    /// Writes an element; the value is converted.
    pub(super) fn store(&mut self, element: &Element, value: Value) -> Res<()> {
        let array = element.array;
        let dtype = self.array_ty(array).dtype;
        match self.with_dtype(value, dtype)? {
            Value::Real(value) => {
                let place = self.place(element);
                self.emit_effect(Stmt::Store { array, place, lane: 0, value });
            }
            Value::Complex(re, im) => {
                // The imaginary part may read the element whose real part is written first.
                let im = if self.has_load(im) { self.hold(im) } else { im };
                for (lane, value) in [(0, re), (1, im)] {
                    let place = self.place(element);
                    self.emit_effect(Stmt::Store { array, place, lane, value });
                }
            }
            other => return Err(self.bug(format!("a store of {other:?}"))),
        }
        Ok(())
    }

    /// The element at indices that are known to be in range.
    pub(super) fn element_at(&self, array: ArrayId, indices: Vec<ExprId>) -> Element {
        Element { array, indices }
    }

    /// The element of an array that has only one.
    pub(super) fn only_element(&mut self, array: ArrayId) -> Value {
        let rank = self.array_ty(array).rank;
        if rank > 0 {
            let size = self.size(array);
            let one = self.int(1);
            let cond = self.compare(CompareOp::Eq, size, one);
            let text = "can only convert an array of size 1 to a Python scalar";
            self.check(cond, Code::K709, "ValueError", text);
        }
        let indices = (0..rank).map(|_| self.int(0)).collect();
        let element = self.element_at(array, indices);
        self.load(&element)
    }

    /// Number of elements.
    pub(super) fn size(&mut self, array: ArrayId) -> ExprId {
        let rank = self.array_ty(array).rank;
        let mut size = self.int(1);
        for axis in 0..rank {
            let extent = self.dim(array, axis);
            size = self.mul(size, extent);
        }
        size
    }

    // Tuples.

    fn tuple_item(&mut self, base: AstId, indices: &[AstId], ty: &Ty) -> Res<Value> {
        let [index] = *indices else { return Err(self.bug("a tuple has one index")) };
        if let AstKind::Slice { start, stop, step } = &self.node(index).kind {
            let mut bounds = [None; 3];
            for (bound, part) in bounds.iter_mut().zip([start, stop, step]) {
                let Some(part) = part else { continue };
                if *self.ty_of(*part)? != Ty::None {
                    let known = const_int(self.ast, self.instance, *part);
                    *bound =
                        Some(known.ok_or_else(|| self.bug("a bound of a tuple's slice that is not known"))?);
                }
            }
            let items = self.tuple_value(base)?;
            let picked = crate::infer::tuple_slice(bounds, items.len());
            let items: Vec<Option<Value>> = items.into_iter().map(Some).collect();
            let mut items = items;
            let picked: Option<Vec<Value>> =
                picked.into_iter().map(|i| items.get_mut(i).and_then(Option::take)).collect();
            return picked.map(Value::Tuple).ok_or_else(|| self.bug("a slice beyond its tuple"));
        }
        if let Some(known) = const_int(self.ast, self.instance, index) {
            // The shape of an array is asked for axis by axis.
            if let Resolution::Builtin(crate::types::builtins::Builtin::Shape, plan) =
                &self.info(base)?.resolution
                && let Some(crate::infer::table::ArgSource::Expr(array)) = plan.args.first()
                && let Value::Array(array) = self.value(*array)?
            {
                let rank = i64::from(self.array_ty(array).rank);
                let axis = if known < 0 { known + rank } else { known };
                return Ok(Value::Real(self.dim(array, axis as u8)));
            }
            let items = self.tuple_value(base)?;
            let position = if known < 0 { known + items.len() as i64 } else { known };
            let item = usize::try_from(position).ok().and_then(|position| items.into_iter().nth(position));
            let item = item.ok_or_else(|| self.bug("an index beyond its tuple"))?;
            return self.convert(item, ty);
        }
        // An index known at run time: all items have one type.
        let items = self.tuple_value(base)?;
        let count = items.len() as i64;
        let index = self.value(index)?;
        let index = self.real(index, DType::I64)?;
        let index = self.pin(index);
        let low = self.int(-count);
        let high = self.int(count);
        let (a, b) = (self.dup(index), self.dup(index));
        let low = self.compare(CompareOp::Ge, a, low);
        let high = self.compare(CompareOp::Lt, b, high);
        let cond = self.both(low, high);
        self.check(cond, Code::K701, "IndexError", "tuple index out of range");
        let extent = self.int(count);
        let wrapped = self.expr(ExprKind::Wrap { index, extent }, DType::I64);
        let wrapped = self.hold(wrapped);
        let mut result: Option<Value> = None;
        for (i, item) in items.into_iter().enumerate().rev() {
            let item = self.convert(item, ty)?;
            result = Some(match (item, result) {
                (item, None) => item,
                (Value::Real(item), Some(Value::Real(rest))) => {
                    let number = self.int(i as i64);
                    let copy = self.dup(wrapped);
                    let cond = self.compare(CompareOp::Eq, copy, number);
                    Value::Real(self.select(cond, item, rest))
                }
                (Value::Complex(re, im), Some(Value::Complex(re2, im2))) => {
                    let mut pick = |a, b| {
                        let number = self.int(i as i64);
                        let copy = self.dup(wrapped);
                        let cond = self.compare(CompareOp::Eq, copy, number);
                        self.select(cond, a, b)
                    };
                    let re = pick(re, re2);
                    Value::Complex(re, pick(im, im2))
                }
                _ => return Err(self.bug("an item that cannot be picked at run time")),
            });
        }
        result.ok_or_else(|| self.bug("an item of an empty tuple"))
    }

    fn tuple_value(&mut self, base: AstId) -> Res<Vec<Value>> {
        match self.value(base)? {
            Value::Tuple(items) => Ok(items),
            other => Err(self.bug(format!("an item of {other:?}"))),
        }
    }
}
