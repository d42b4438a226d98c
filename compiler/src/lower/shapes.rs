//! Shapes at run time: do two fit, does an array lie in C order without gaps, the same elements with other extents.

use super::context::{Context, Res, hole};
use super::value::Value;
use crate::base::Code;
use crate::ir::trap::MAX_TRAP_ARGS;
use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, CompareOp, ExprId, ExprKind, Ownership, Piece, Stmt, ViewAxis,
};
use crate::types::{ArrayTy, DType, Layout};

impl Context<'_, '_> {
    /// `(3, 4)` as pieces of a message; `(...)` if that is too much for one.
    fn shape_text(
        &mut self,
        extents: Vec<ExprId>,
        is_shown: bool,
        pieces: &mut Vec<Piece>,
        args: &mut Vec<ExprId>,
    ) {
        if !is_shown {
            return pieces.push(Piece::Text("(...)".into()));
        }
        let rank = extents.len();
        pieces.push(Piece::Text("(".into()));
        for (axis, extent) in extents.into_iter().enumerate() {
            if axis > 0 {
                pieces.push(Piece::Text(",".into()));
            }
            pieces.push(hole(DType::I64));
            args.push(extent);
        }
        pieces.push(Piece::Text(if rank == 1 { ",)".into() } else { ")".into() }));
    }

    // Copies.

    /// `to[...] = from`: extents are equal, or the source's is 1 or missing and is repeated.
    pub(super) fn assign_array(&mut self, to: ArrayId, from: ArrayId) -> Res<()> {
        let (to_rank, from_rank) = (self.array_ty(to).rank, self.array_ty(from).rank);
        if to_rank == 0 {
            return self.copy_elements(to, from);
        }
        if from_rank < to_rank {
            self.check_broadcast(to, from);
            return self.copy_repeated(to, from);
        }
        let same = self.fit(to, from, false);
        let (then, ()) = self.block(|cx| cx.copy_elements(to, from))?;
        let (orelse, ()) = self.block(|cx| {
            cx.check_broadcast(to, from);
            cx.copy_repeated(to, from)
        })?;
        self.effects += 1;
        self.emit(Stmt::If { cond: same, then, orelse });
        Ok(())
    }

    /// Are the extents equal, counted from the last axis? With `repeats`, one of the source may be 1.
    fn fit(&mut self, to: ArrayId, from: ArrayId, repeats: bool) -> ExprId {
        let (to_rank, from_rank) = (self.array_ty(to).rank, self.array_ty(from).rank);
        let mut fit = None;
        for axis in 0..from_rank {
            let (a, b) = (self.dim(to, axis + to_rank - from_rank), self.dim(from, axis));
            let mut fits = self.compare(CompareOp::Eq, a, b);
            if repeats {
                let (b, one) = (self.dim(from, axis), self.int(1));
                let is_one = self.compare(CompareOp::Eq, b, one);
                fits = self.either(fits, is_one);
            }
            fit = Some(match fit {
                None => fits,
                Some(before) => self.both(before, fits),
            });
        }
        fit.unwrap_or_else(|| self.boolean(true))
    }

    fn check_broadcast(&mut self, to: ArrayId, from: ArrayId) {
        let fits = self.fit(to, from, true);
        let mut pieces = vec![Piece::Text("could not broadcast input array from shape ".into())];
        let mut args = Vec::new();
        let count = usize::from(self.array_ty(to).rank + self.array_ty(from).rank);
        let is_shown = count <= MAX_TRAP_ARGS;
        let extents = self.shape_of(from);
        self.shape_text(extents, is_shown, &mut pieces, &mut args);
        pieces.push(Piece::Text(" into shape ".into()));
        let extents = self.shape_of(to);
        self.shape_text(extents, is_shown, &mut pieces, &mut args);
        self.check_with(fits, Code::K703, "ValueError", pieces, args);
    }

    /// Copies from a view of the source that has the target's extents: where it has one element, its step is 0.
    fn copy_repeated(&mut self, to: ArrayId, from: ArrayId) -> Res<()> {
        let ty = ArrayTy { layout: Layout::Strided, is_writable: false, ..self.array_ty(from) };
        let rank = self.array_ty(to).rank;
        let missing = rank - ty.rank;
        let mut wide = from;
        if missing > 0 {
            wide = self.array_var("wide", ArrayTy { rank, ..ty }, Ownership::Borrowed);
            let mut axes = vec![ViewAxis::New; usize::from(missing)];
            axes.resize(usize::from(rank), ViewAxis::Whole);
            self.emit(Stmt::SetArray { array: wide, value: ArrayValue::View { base: from, axes } });
        }
        let mut axes = Vec::new();
        for axis in 0..rank {
            let (len, own, wanted) = (self.dim(to, axis), self.dim(wide, axis), self.dim(to, axis));
            let is_same = self.compare(CompareOp::Eq, own, wanted);
            let step = self.cast(is_same, DType::I64);
            axes.push(ViewAxis::Slice { start: self.int(0), len, step });
        }
        let repeated = self.array_var("repeated", ArrayTy { rank, ..ty }, Ownership::Borrowed);
        self.emit(Stmt::SetArray { array: repeated, value: ArrayValue::View { base: wide, axes } });
        self.copy_elements(to, repeated)
    }

    // Contiguity.

    /// Does the array lie in C order without gaps? `None` if its type says so.
    pub(super) fn is_contiguous(&mut self, array: ArrayId) -> Option<ExprId> {
        let ty = self.array_ty(array);
        if ty.layout == Layout::C || ty.rank == 0 {
            return None;
        }
        let mut expected = self.int(ty.dtype.size_bytes() as i64);
        let mut all: Option<ExprId> = None;
        for axis in (0..ty.rank).rev() {
            let stride = self.expr(ExprKind::Stride { array, axis }, DType::I64);
            let copy = self.dup(expected);
            let fits = self.compare(CompareOp::Eq, stride, copy);
            let (extent, one) = (self.dim(array, axis), self.int(1));
            let is_short = self.compare(CompareOp::Le, extent, one);
            let fits = self.either(fits, is_short);
            all = Some(match all {
                None => fits,
                Some(before) => self.both(before, fits),
            });
            let extent = self.dim(array, axis);
            expected = self.mul(expected, extent);
        }
        let (size, zero) = (self.size(array), self.int(0));
        let is_empty = self.compare(CompareOp::Eq, size, zero);
        all.map(|all| self.either(is_empty, all))
    }

    /// Fails if another shape would need a copy.
    pub(super) fn check_contiguous(&mut self, array: ArrayId, what: &str) {
        if let Some(cond) = self.is_contiguous(array) {
            let text = format!("`{what}` of an array with gaps or in another order would need a copy");
            self.check(cond, Code::K703, "ValueError", &text);
        }
    }

    /// `x.reshape(...)`.
    ///
    /// The size is divided by one extent after the other, so that no product can overflow; -1 takes what is left.
    pub(super) fn reshaped(
        &mut self,
        ty: ArrayTy,
        base: ArrayId,
        items: Vec<Value>,
        dest: Option<ArrayId>,
    ) -> Res<ArrayId> {
        let mut extents = Vec::with_capacity(items.len());
        for item in items {
            let extent = self.real(item, DType::I64)?;
            extents.push(self.pin(extent));
        }
        let size = self.size(base);
        let size = self.hold(size);
        let left = self.temp("left", DType::I64);
        let copy = self.dup(size);
        self.set(left, copy);
        let unknowns = self.temp("unknowns", DType::I64);
        let zero = self.int(0);
        self.set(unknowns, zero);
        // Of an array without elements any other extent will do, if one is 0.
        let (fits, has_zero) = (self.temp("fits", DType::Bool), self.temp("has_zero", DType::Bool));
        for (local, start) in [(fits, true), (has_zero, false)] {
            let start = self.boolean(start);
            self.set(local, start);
        }
        let mut is_unknown = Vec::new();
        for &extent in &extents {
            let (copy, minus) = (self.dup(extent), self.int(-1));
            let unknown = self.compare(CompareOp::Eq, copy, minus);
            let unknown = self.hold(unknown);
            is_unknown.push(unknown);
            let (old, copy) = (self.read(unknowns), self.dup(unknown));
            let one = self.cast(copy, DType::I64);
            let count = self.add(old, one);
            self.set(unknowns, count);
            let (copy, one, own) = (self.dup(unknown), self.int(1), self.dup(extent));
            let divisor = self.select(copy, one, own);
            let divisor = self.hold(divisor);
            let (a, b) = (self.read(left), self.dup(divisor));
            let rest = self.binary(BinaryOp::Mod, a, b);
            let zero = self.int(0);
            let divides = self.compare(CompareOp::Eq, rest, zero);
            let (copy, zero) = (self.dup(divisor), self.int(0));
            let is_legal = self.compare(CompareOp::Ge, copy, zero);
            let fit = self.both(divides, is_legal);
            let old = self.read(fits);
            let fit = self.both(old, fit);
            self.set(fits, fit);
            let (copy, zero) = (self.dup(divisor), self.int(0));
            let is_zero = self.compare(CompareOp::Eq, copy, zero);
            let old = self.read(has_zero);
            let either = self.either(old, is_zero);
            self.set(has_zero, either);
            let a = self.read(left);
            let quotient = self.binary(BinaryOp::FloorDiv, a, divisor);
            self.set(left, quotient);
        }
        let (count, one) = (self.read(unknowns), self.int(1));
        let cond = self.compare(CompareOp::Le, count, one);
        self.check(cond, Code::K703, "ValueError", "can only specify one unknown dimension");
        // One unknown: the others are not 0. None: nothing is left over, or there are no elements at all.
        let (count, zero) = (self.read(unknowns), self.int(0));
        let is_known = self.compare(CompareOp::Eq, count, zero);
        let (rest, one) = (self.read(left), self.int(1));
        let is_used_up = self.compare(CompareOp::Eq, rest, one);
        let (copy, zero) = (self.dup(size), self.int(0));
        let is_empty = self.compare(CompareOp::Eq, copy, zero);
        let has = self.read(has_zero);
        let is_empty = self.both(is_empty, has);
        let known_fits = self.either(is_used_up, is_empty);
        let has = self.read(has_zero);
        let has_none = self.unary(crate::ir::UnaryOp::Not, has);
        let last = self.select(is_known, known_fits, has_none);
        let fit = self.read(fits);
        let cond = self.both(fit, last);
        let mut pieces = vec![Piece::Text("cannot reshape array of size ".into()), hole(DType::I64)];
        let mut args = vec![size];
        pieces.push(Piece::Text(" into shape ".into()));
        let shown = extents.iter().map(|&extent| self.dup(extent)).collect();
        self.shape_text(shown, extents.len() < MAX_TRAP_ARGS, &mut pieces, &mut args);
        self.check_with(cond, Code::K703, "ValueError", pieces, args);
        self.check_contiguous(base, "reshape");
        let mut shape = Vec::new();
        for (extent, unknown) in extents.into_iter().zip(is_unknown) {
            let left = self.read(left);
            let extent = self.select(unknown, left, extent);
            shape.push(self.hold(extent));
        }
        Ok(self.bind_view(ty, ArrayValue::Reshape { base, shape }, dest))
    }
}
