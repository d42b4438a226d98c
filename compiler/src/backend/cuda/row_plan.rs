//! Which loops of threads are done a few rows to a warp ([`super::rows`]): what stands in them, what inner loops load along a row, how many rows
//! and how much of each come at once. Looks only.

use super::rows::{Along, Inner, RowForm};
use super::writer::{Role, Writer};
use crate::ir::parallel::{REGROUPED_FROM, partials};
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, ExprId, ExprKind, Func, Loop, LoopKind, Param, Place, Stmt, ViewAxis,
};
use crate::types::Layout;

/// Shared memory of a warp, but for what keeps rows apart.
const WARP_BYTES: u32 = 8192;
/// Elements of a row that are worth coming together.
const LEAST_WIDTH: u32 = 32;
/// More are not needed for any memory.
const MOST_WIDTH: u32 = 256;
/// Iterations of an inner loop without which lanes are not worth their sums.
const LEAST_PARTS: u32 = 32;
/// Operations of an inner loop's body with which four threads may do the same: memory takes longer.
const CHEAP_WORK: u32 = 10;

impl Writer<'_, '_> {
    pub(super) fn plan_rows(&self, l: &Loop, own: &(LocalSet, ArraySet)) -> Option<(RowForm, Vec<Inner>)> {
        let Role::Kernel(role) = &self.role else { return None };
        let is_plain = role.collapse.is_none()
            && role.ordered.is_none()
            && !role.is_explicit
            && !role.has_barriers
            && role.outputs.is_empty()
            && role.atomics.iter().next().is_none()
            && l.step == 1;
        if !is_plain {
            return None;
        }
        let loops: Vec<&Loop> = l
            .body
            .iter()
            .filter_map(|stmt| match stmt {
                Stmt::Loop(inner) => Some(&**inner),
                _ => None,
            })
            .collect();
        let last = l.body.iter().rposition(|stmt| matches!(stmt, Stmt::Loop(_)))?;
        let are_plain = l.body.iter().enumerate().all(|(at, stmt)| {
            matches!(stmt, Stmt::Loop(_)) || self.is_beside(stmt, at > last) && !self.reads_written(stmt)
        });
        if !are_plain {
            return None;
        }
        let is_regrouped = !loops[0].reductions.is_empty();
        let mut all: Vec<(&Loop, Vec<Along>, u32)> = Vec::new();
        for inner in loops {
            let (loads, work) = self.along(inner, l, own)?;
            if inner.reductions.is_empty() == is_regrouped {
                return None;
            }
            all.push((inner, loads, work));
        }
        let inner = |inner: &Loop, width, least, work: u32| {
            let is_cheap = work <= CHEAP_WORK;
            Inner { id: inner.id, lo: inner.lo, hi: inner.hi, width, least, is_cheap }
        };
        if is_regrouped {
            let parts = partials(all[0].0.reductions.len());
            for (one, loads, _) in &all {
                let is_private = self.keeps_to_itself(one, l);
                let runs_along =
                    loads.iter().any(|load| load.is_fastest) && loads.iter().all(|load| load.is_fastest);
                if partials(one.reductions.len()) != parts || !is_private || !runs_along {
                    return None;
                }
            }
            let parts = parts as u32;
            let least = LEAST_PARTS.max(REGROUPED_FROM as u32);
            let inners = all.iter().map(|(one, _, work)| inner(one, parts, least, *work)).collect();
            return Some((RowForm { per_warp: 32 / parts, is_regrouped, is_for_few: false }, inners));
        }
        let is_for_few = all.iter().all(|(_, loads, _)| loads.iter().all(|load| !load.is_fastest));
        let is_mixed = all.iter().any(|(_, loads, _)| loads.iter().any(|load| load.is_fastest))
            && all.iter().any(|(_, loads, _)| loads.iter().any(|load| !load.is_fastest));
        if is_mixed {
            return None;
        }
        let bytes = |loads: &[Along]| -> u32 {
            loads.iter().map(|load| self.func.arrays[load.array].ty.dtype.size_bytes() as u32).sum()
        };
        let width = |rows: u32, loads: &[Along]| -> u32 {
            let most = (WARP_BYTES / (rows * bytes(loads))).min(MOST_WIDTH);
            if most == 0 { 0 } else { 1 << most.ilog2() }
        };
        let is_cheap = all.iter().all(|(.., work)| *work <= CHEAP_WORK);
        let smallest = |loads: &[Along]| {
            loads
                .iter()
                .map(|load| self.func.arrays[load.array].ty.dtype.size_bytes() as u32)
                .min()
                .unwrap_or(1)
        };
        let mut rows: u32 = match (is_cheap, is_for_few) {
            (false, _) => 32,
            (true, false) => 8,
            // Pieces of 32 bytes at least, which is what memory gives.
            (true, true) => {
                all.iter().map(|(_, loads, _)| 32 / smallest(loads)).max().unwrap_or(8).clamp(8, 32)
            }
        };
        while rows > 8 && all.iter().any(|(_, loads, _)| width(rows, loads) < LEAST_WIDTH) {
            rows /= 2;
        }
        let mut inners = Vec::new();
        for (one, loads, work) in &all {
            let width = width(rows, loads);
            // Every thread loads whole pieces of 16 bytes, the same number.
            if width < LEAST_WIDTH || !(rows * width * smallest(loads)).is_multiple_of(512) {
                return None;
            }
            inners.push(inner(one, width, width / 2, *work));
        }
        Some((RowForm { per_warp: rows, is_regrouped, is_for_few }, inners))
    }

    /// May the statement stand beside inner loops? Errors end a row, which they may only if no loop follows.
    fn is_beside(&self, stmt: &Stmt, may_fail: bool) -> bool {
        match stmt {
            Stmt::Set { .. } | Stmt::Store { .. } | Stmt::Accumulate { .. } => true,
            Stmt::SetArray { value, .. } => !matches!(value, ArrayValue::Alloc { .. }),
            Stmt::Release { .. } => true,
            Stmt::If { then, orelse, .. } => then.iter().chain(orelse).all(|inner| {
                !matches!(inner, Stmt::SetArray { .. } | Stmt::Release { .. })
                    && self.is_beside(inner, may_fail)
            }),
            Stmt::Check { .. } | Stmt::Raise { .. } => may_fail,
            _ => false,
        }
    }

    /// Does a thread that stores nothing load what others store?
    fn reads_written(&self, stmt: &Stmt) -> bool {
        if matches!(stmt, Stmt::Store { .. } | Stmt::Accumulate { .. }) {
            return false;
        }
        let mut found = false;
        walk::for_each_expr_root(stmt, &mut |root| {
            found |= walk::any_expr(
                &self.func.exprs,
                root,
                &mut |expr| matches!(expr.kind, ExprKind::Load { array, .. } if self.written.contains(array)),
            );
        });
        found || stmt.blocks().iter().any(|block| block.iter().any(|inner| self.reads_written(inner)))
    }

    /// What an inner loop loads along itself, and what an iteration costs; `None` if it is not for rows. `own` are variables that
    /// differ from row to row.
    fn along(
        &self,
        l: &Loop,
        row: &Loop,
        (own, own_arrays): &(LocalSet, ArraySet),
    ) -> Option<(Vec<Along>, u32)> {
        let is_same = |id: ExprId| {
            !walk::any_expr(&self.func.exprs, id, &mut |expr| match &expr.kind {
                ExprKind::Local(local) => own.contains(*local),
                ExprKind::Load { .. } => true,
                ExprKind::Dim { array, .. } => own_arrays.contains(*array),
                _ => false,
            })
        };
        // The length of a view, if it is that of what it is a view of.
        let is_same_end = |id: ExprId| is_same(id) || early_dim(self.func, id, &row.body, 0).is_some();
        let is_fit = l.kind == LoopKind::Serial
            && l.step == 1
            && self.sizes.is_index(l.var)
            && is_same(l.lo)
            && is_same_end(l.hi)
            && only_assigns(&l.body)
            && !l.body.iter().any(|stmt| self.reads_written(stmt));
        if !is_fit {
            return None;
        }
        let mut work = 0;
        walk::for_each_expr_in(&self.func.exprs, &l.body, &mut |_, expr| match &expr.kind {
            ExprKind::Const(_) | ExprKind::Local(_) | ExprKind::Wrap { .. } => {}
            ExprKind::Math1 { .. } | ExprKind::Math2 { .. } => work += 2 * CHEAP_WORK,
            ExprKind::Binary {
                op: BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::IntPow,
                ..
            } => {
                work += CHEAP_WORK;
            }
            _ => work += 1,
        });
        let loads = self.loads_along(l, own, own_arrays);
        if loads.is_empty() { None } else { Some((loads, work)) }
    }

    /// Loads of a loop at places that its variable counts along one axis, and that begin elsewhere for every row: each once.
    pub(super) fn loads_along(&self, l: &Loop, own: &LocalSet, own_arrays: &ArraySet) -> Vec<Along> {
        let assigned = walk::assigned_locals(&l.body);
        let mut found: Vec<Along> = Vec::new();
        walk::for_each_expr_in(&self.func.exprs, &l.body, &mut |_, expr| {
            let ExprKind::Load { array, place, .. } = &expr.kind else { return };
            let Place::Index(indices) = place else { return };
            let ty = self.func.arrays[*array].ty;
            let fastest = match ty.layout {
                Layout::C => ty.rank.wrapping_sub(1),
                Layout::F => 0,
                Layout::Strided => return,
            };
            // A view is one of the row's.
            let is_view = own_arrays.contains(*array);
            let source = if is_view { self.source_of(*array) } else { Some(*array) };
            let Some(source) = source.filter(|&source| {
                !ty.dtype.is_complex()
                    && self.func.params.contains(&Param::Array(source))
                    && self.func.arrays[source].ty.dtype == ty.dtype
                    && !self.written.contains(*array)
                    && !self.written.contains(source)
            }) else {
                return;
            };
            // Known before the loop.
            let is_early = |id: ExprId| {
                !walk::any_expr(&self.func.exprs, id, &mut |expr| match &expr.kind {
                    ExprKind::Local(local) => *local == l.var || assigned.contains(*local),
                    ExprKind::Load { .. } => true,
                    _ => false,
                })
            };
            let mut along = None;
            for (axis, &index) in indices.iter().enumerate() {
                if is_early(index) {
                    continue;
                }
                if along.is_some() || !self.counts(index, l.var, &is_early) {
                    return;
                }
                along = Some(axis as u8);
            }
            let Some(axis) = along else { return };
            let depends = is_view || indices.iter().any(|&index| {
                walk::any_expr(&self.func.exprs, index, &mut |expr| {
                    matches!(expr.kind, ExprKind::Local(local) if own.contains(local) && local != l.var)
                })
            });
            if !depends {
                return;
            }
            if !found.iter().any(|known| known.array == *array && self.is_same_place(&known.place, place)) {
                let is_fastest = axis == fastest;
                found.push(Along { array: *array, source, place: place.clone(), axis, is_fastest });
            }
        });
        found
    }

    /// Is it the variable, or the variable and something that is the same in all iterations?
    fn counts(&self, id: ExprId, var: crate::ir::LocalId, is_early: &dyn Fn(ExprId) -> bool) -> bool {
        match self.func.exprs[id].kind {
            ExprKind::Local(local) => local == var,
            ExprKind::Wrap { index, .. } => {
                self.sizes.is_natural(self.func, index) && self.counts(index, var, is_early)
            }
            ExprKind::Binary { op: BinaryOp::Add, left, right } if self.sizes.fits(self.func, id) => {
                self.counts(left, var, is_early) && is_early(right)
                    || is_early(left) && self.counts(right, var, is_early)
            }
            ExprKind::Binary { op: BinaryOp::Sub, left, right } if self.sizes.fits(self.func, id) => {
                self.counts(left, var, is_early) && is_early(right)
            }
            _ => false,
        }
    }

    /// Is nothing of the inner loop's body read elsewhere in the row but its sums?
    fn keeps_to_itself(&self, inner: &Loop, row: &Loop) -> bool {
        let mut private = LocalSet::new();
        for local in walk::assigned_locals(&inner.body).iter() {
            if inner.reductions.iter().all(|reduction| reduction.local != local) {
                private.insert(local);
            }
        }
        let mut is_kept = true;
        for stmt in &row.body {
            if matches!(stmt, Stmt::Loop(l) if l.id == inner.id) {
                continue;
            }
            let read = walk::read_locals(&self.func.exprs, std::slice::from_ref(stmt));
            is_kept &= private.iter().all(|local| !read.contains(local));
        }
        // An iteration must not read what an earlier one left.
        is_kept
            && crate::analysis::liveness::read_first(self.func, &inner.body)
                .locals
                .iter()
                .all(|local| !private.contains(local))
    }
}

/// An extent of a parameter that the extent of a view in these statements is.
pub(super) fn early_dim(func: &Func, id: ExprId, block: &[Stmt], depth: u32) -> Option<(ArrayId, u8)> {
    let ExprKind::Dim { array, axis } = func.exprs[id].kind else { return None };
    view_dim(func, array, axis, block, depth)
}

fn view_dim(func: &Func, array: ArrayId, axis: u8, block: &[Stmt], depth: u32) -> Option<(ArrayId, u8)> {
    if func.params.contains(&Param::Array(array)) {
        return Some((array, axis));
    }
    let mut bound = block.iter().filter_map(|stmt| match stmt {
        Stmt::SetArray { array: target, value } if *target == array => Some(value),
        _ => None,
    });
    let (value, None) = (bound.next()?, bound.next()) else { return None };
    if depth > 8 {
        return None;
    }
    match value {
        ArrayValue::Same(base) => view_dim(func, *base, axis, block, depth + 1),
        ArrayValue::View { base, axes } => {
            let (mut of_base, mut of_view) = (0, 0);
            for item in axes {
                match item {
                    ViewAxis::Index(_) => of_base += 1,
                    ViewAxis::Whole if of_view == axis => {
                        return view_dim(func, *base, of_base, block, depth + 1);
                    }
                    ViewAxis::Whole | ViewAxis::Slice { .. } => {
                        (of_base, of_view) = (of_base + 1, of_view + 1);
                    }
                    ViewAxis::New => of_view += 1,
                }
            }
            None
        }
        _ => None,
    }
}

/// Are there only assignments and branches?
fn only_assigns(block: &[Stmt]) -> bool {
    block.iter().all(|stmt| match stmt {
        Stmt::Set { .. } => true,
        Stmt::If { then, orelse, .. } => only_assigns(then) && only_assigns(orelse),
        _ => false,
    })
}
