//! `a[1:, ::2]`: views, with slices by the rules of Python's `slice.indices`.

use super::context::{Context, Res};
use super::value::Value;
use crate::base::{Code, Span};
use crate::ir::{ArrayId, ArrayValue, BinaryOp, CompareOp, ExprId, Ownership, Stmt, UnaryOp, ViewAxis};
use crate::syntax::ast::{ExprId as AstId, ExprKind as AstKind, Literal};
use crate::types::{ArrayTy, DType, Ty};

/// An entry of an index.
enum Entry {
    /// A number, with its place for the error.
    At(ExprId, Span),
    /// `start:stop:step`.
    Slice(Option<ExprId>, Option<ExprId>, Option<ExprId>),
    /// `None`.
    New,
    /// `...`.
    Ellipsis,
}

impl Context<'_, '_> {
    /// `base[indices]` as a view.
    pub(super) fn view(
        &mut self,
        base: AstId,
        indices: &[AstId],
        ty: ArrayTy,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let array = match self.value(base)? {
            Value::Array(array) => array,
            other => return Err(self.bug(format!("a view of {other:?}"))),
        };
        let mut entries = Vec::with_capacity(indices.len());
        for &index in indices {
            self.entry(index, &mut entries)?;
        }
        let name = self.array_name(base);
        let axes = self.view_axes(array, entries, &name)?;
        Ok(self.bind_view(ty, ArrayValue::View { base: array, axes }, dest))
    }

    /// Binds a view to the destination or to a temporary.
    pub(super) fn bind_view(&mut self, ty: ArrayTy, value: ArrayValue, dest: Option<ArrayId>) -> ArrayId {
        let array = match dest {
            Some(dest) => dest,
            None if self.owns_views => self.new_array(ty, None),
            // What it views lives until the end of the statement.
            None => self.array_var("t", ty, Ownership::Borrowed),
        };
        self.emit(Stmt::SetArray { array, value });
        array
    }

    fn entry(&mut self, index: AstId, entries: &mut Vec<Entry>) -> Res<()> {
        match &self.node(index).kind {
            AstKind::Slice { start, stop, step } => {
                let start = self.slice_part(*start)?;
                let stop = self.slice_part(*stop)?;
                // A step that is written as 1 is none: the view is as contiguous as inference takes it to be.
                let is_one = |step: AstId| matches!(self.node(step).kind, AstKind::Literal(Literal::Int(1)));
                let step = self.slice_part(step.filter(|&step| !is_one(step)))?;
                entries.push(Entry::Slice(start, stop, step));
            }
            AstKind::Literal(Literal::Ellipsis) => entries.push(Entry::Ellipsis),
            AstKind::Literal(Literal::None) => entries.push(Entry::New),
            _ if self.instance.exprs.get(&index).is_some_and(|info| info.ty == Ty::None) => {
                entries.push(Entry::New);
            }
            _ => {
                let mut values = Vec::new();
                self.index_values(index, &mut values)?;
                entries.extend(values.into_iter().map(|(value, span)| Entry::At(value, span)));
            }
        }
        Ok(())
    }

    /// A part of a slice; `None` if it is not given.
    fn slice_part(&mut self, part: Option<AstId>) -> Res<Option<ExprId>> {
        let Some(part) = part else { return Ok(None) };
        match self.value(part)? {
            Value::None => Ok(None),
            value => {
                let expr = self.real(value, DType::I64)?;
                Ok(Some(self.pin_index(expr)))
            }
        }
    }

    fn view_axes(&mut self, array: ArrayId, entries: Vec<Entry>, name: &str) -> Res<Vec<ViewAxis>> {
        let rank = usize::from(self.array_ty(array).rank);
        let used = entries.iter().filter(|entry| matches!(entry, Entry::At(..) | Entry::Slice(..))).count();
        let Some(missing) = rank.checked_sub(used) else { return Err(self.bug("too many indices")) };
        let has_ellipsis = entries.iter().any(|entry| matches!(entry, Entry::Ellipsis));
        let mut axes = Vec::with_capacity(rank);
        let mut axis = 0u8;
        for entry in entries {
            match entry {
                Entry::At(index, span) => {
                    let index = self.at(span, |cx| cx.checked_index(index, array, axis, name));
                    axes.push(ViewAxis::Index(index));
                    axis += 1;
                }
                Entry::Slice(None, None, None) => {
                    axes.push(ViewAxis::Whole);
                    axis += 1;
                }
                Entry::Slice(start, stop, step) => {
                    let slice = self.slice(array, axis, start, stop, step);
                    axes.push(slice);
                    axis += 1;
                }
                Entry::New => axes.push(ViewAxis::New),
                Entry::Ellipsis => {
                    axes.extend(std::iter::repeat_n(ViewAxis::Whole, missing));
                    axis += missing as u8;
                }
            }
        }
        if !has_ellipsis {
            axes.extend(std::iter::repeat_n(ViewAxis::Whole, missing));
        }
        Ok(axes)
    }

    /// `start:stop:step` by the rules of Python's `slice.indices`.
    fn slice(
        &mut self,
        array: ArrayId,
        axis: u8,
        start: Option<ExprId>,
        stop: Option<ExprId>,
        step: Option<ExprId>,
    ) -> ViewAxis {
        let step = step.unwrap_or_else(|| self.int(1));
        match self.as_int(step) {
            Some(0) | None => self.slice_any_step(array, axis, start, stop, step),
            Some(known) if known > 0 => {
                let start = self.clamped_up(array, axis, start, 0);
                let stop = match stop {
                    Some(stop) => self.clamped_up(array, axis, Some(stop), 0),
                    None => self.dim(array, axis),
                };
                let start = self.pin_index(start);
                let copy = self.dup(start);
                let distance = self.sub(stop, copy);
                let len = self.slice_len(distance, known);
                ViewAxis::Slice { start, len, step }
            }
            Some(known) => {
                let start = self.clamped_down(array, axis, start, false);
                let stop = self.clamped_down(array, axis, stop, true);
                let start = self.pin(start);
                let copy = self.dup(start);
                let distance = self.sub(copy, stop);
                let len = self.slice_len(distance, known.wrapping_neg().max(1));
                ViewAxis::Slice { start, len, step }
            }
        }
    }

    /// `max(0, ceil(distance / step))` for a positive step.
    fn slice_len(&mut self, distance: ExprId, step: i64) -> ExprId {
        let zero = self.int(0);
        let distance = self.binary(BinaryOp::Max, distance, zero);
        if step == 1 {
            return distance;
        }
        let more = self.int(step - 1);
        let rounded = self.add(distance, more);
        let step = self.int(step);
        self.binary(BinaryOp::FloorDiv, rounded, step)
    }

    /// An end of a slice that goes up: in `0 ..= dim`.
    fn clamped_up(&mut self, array: ArrayId, axis: u8, part: Option<ExprId>, default: i64) -> ExprId {
        let Some(part) = part else { return self.int(default) };
        match self.as_int(part) {
            Some(0) => part,
            Some(known) if known > 0 => {
                let extent = self.dim(array, axis);
                self.binary(BinaryOp::Min, part, extent)
            }
            Some(_) => {
                let extent = self.dim(array, axis);
                let counted_from_end = self.add(extent, part);
                let zero = self.int(0);
                self.binary(BinaryOp::Max, counted_from_end, zero)
            }
            None => {
                let wrapped = self.counted_from_end(array, axis, part);
                let zero = self.int(0);
                let low = self.binary(BinaryOp::Max, wrapped, zero);
                let extent = self.dim(array, axis);
                self.binary(BinaryOp::Min, low, extent)
            }
        }
    }

    /// An end of a slice that goes down: in `-1 .. dim`.
    fn clamped_down(&mut self, array: ArrayId, axis: u8, part: Option<ExprId>, is_stop: bool) -> ExprId {
        let minus_one = self.int(-1);
        match part {
            None if is_stop => minus_one,
            None => {
                let extent = self.dim(array, axis);
                self.add(extent, minus_one)
            }
            Some(part) => {
                let wrapped = self.counted_from_end(array, axis, part);
                let low = self.binary(BinaryOp::Max, wrapped, minus_one);
                let extent = self.dim(array, axis);
                let one = self.int(1);
                let last = self.sub(extent, one);
                self.binary(BinaryOp::Min, low, last)
            }
        }
    }

    /// `part + dim if part < 0 else part`.
    fn counted_from_end(&mut self, array: ArrayId, axis: u8, part: ExprId) -> ExprId {
        let (test, sum) = (self.dup(part), self.dup(part));
        let zero = self.int(0);
        let is_negative = self.compare(CompareOp::Lt, test, zero);
        let extent = self.dim(array, axis);
        let counted_from_end = self.add(sum, extent);
        self.select(is_negative, counted_from_end, part)
    }

    /// A slice whose step is known only at run time.
    fn slice_any_step(
        &mut self,
        array: ArrayId,
        axis: u8,
        start: Option<ExprId>,
        stop: Option<ExprId>,
        step: ExprId,
    ) -> ViewAxis {
        let step = self.pin(step);
        let copy = self.dup(step);
        let zero = self.int(0);
        let cond = self.compare(CompareOp::Ne, copy, zero);
        self.check(cond, Code::K708, "ValueError", "slice step cannot be zero");
        let end = |cx: &mut Self, part: Option<ExprId>, is_stop| {
            let part = part.map(|part| cx.pin(part));
            let copy = part.map(|part| cx.dup(part));
            let default_up = cx.dim(array, axis);
            let up = match part {
                None if is_stop => default_up,
                part => cx.clamped_up(array, axis, part, 0),
            };
            let down = cx.clamped_down(array, axis, copy, is_stop);
            let is_up = cx.is_positive(step);
            cx.select(is_up, up, down)
        };
        let start = end(self, start, false);
        let start = self.hold(start);
        let stop = end(self, stop, true);
        let first = self.dup(start);
        let len = self.trip_count(first, stop, step);
        ViewAxis::Slice { start, len, step }
    }

    fn is_positive(&mut self, step: ExprId) -> ExprId {
        let copy = self.dup(step);
        let zero = self.int(0);
        self.compare(CompareOp::Gt, copy, zero)
    }

    /// How many of `start`, `start + step`, ... come before `stop`; the step is pinned and not 0.
    pub(super) fn trip_count(&mut self, start: ExprId, stop: ExprId, step: ExprId) -> ExprId {
        let (start, stop) = (self.pin(start), self.pin(stop));
        // Counted upwards from the smaller end.
        let is_up = self.is_positive(step);
        let (a, b) = (self.dup(start), self.dup(stop));
        let up = self.sub(b, a);
        let down = self.sub(start, stop);
        let distance = self.select(is_up, up, down);
        let size = self.dup(step);
        let size = self.unary(UnaryOp::Abs, size);
        let size = self.pin(size);
        let zero = self.int(0);
        let distance = self.binary(BinaryOp::Max, distance, zero);
        let copy = self.dup(size);
        let one = self.int(1);
        let more = self.sub(copy, one);
        let rounded = self.add(distance, more);
        self.binary(BinaryOp::FloorDiv, rounded, size)
    }
}
