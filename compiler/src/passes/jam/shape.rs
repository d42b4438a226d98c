//! Which nests are looked at: their form, and whether there is anything to gain.

use super::{Nest, Way};
use crate::ir::walk::{self, LocalSet};
use crate::ir::{ArrayId, BinaryOp, Check, ExprId, ExprKind, Func, LocalId, Loop, LoopKind, Place, Stmt};
use crate::types::{DType, Layout};

/// Expressions in the bodies, up to which four iterations go side by side, and two.
const MOST_FOR_FOUR: usize = 60;
const MOST_FOR_TWO: usize = 120;
/// Inner loops that are known to be shorter than that are left alone.
const SHORTEST: u64 = 16;

/// The nest that the loop is the outer loop of.
pub(super) fn shape(func: &Func, l: &Loop) -> Option<Nest> {
    let (Stmt::Loop(inner), before) = l.body.split_last()? else { return None };
    let is_plain = |l: &Loop| {
        l.kind == LoopKind::Serial
            && l.reductions.is_empty()
            && l.strip.is_none()
            && !func.loops[l.id].is_slow_copy
    };
    if !is_plain(l) || !is_plain(inner) || l.step != 1 || before.iter().any(|s| !s.blocks().is_empty()) {
        return None;
    }
    let factor = factor(func, l, inner)?;
    let varying = walk::assigned_locals(&l.body);
    let scope = Scope { func, outer: l, inner, varying };
    if scope.varies(inner.lo) || scope.varies(inner.hi) || !scope.is_simple() || !scope.is_along_memory() {
        return None;
    }
    let mut nest = Nest {
        outer: l.id,
        inner: inner.id,
        way: Way::Rows,
        factor,
        before: before.len(),
        shared: Vec::new(),
        stored: None,
        read: Vec::new(),
    };
    if let Some(place) = scope.same_place() {
        nest.way = Way::Sums;
        nest.stored = Some(place.0);
        nest.read = scope.read_beside(&place)?;
        let is_pure = before.iter().all(|stmt| matches!(stmt, Stmt::Set { .. }));
        return is_pure.then_some(nest);
    }
    nest.shared = scope.shared();
    (!nest.shared.is_empty() && scope.fails_for_all_or_none(before)).then_some(nest)
}

/// How many iterations go side by side.
fn factor(func: &Func, l: &Loop, inner: &Loop) -> Option<u32> {
    let mut size = 0;
    walk::for_each_expr_in(&func.exprs, &l.body, &mut |_, _| size += 1);
    let factor = if size <= MOST_FOR_FOUR { 4 } else { 2 };
    if size > MOST_FOR_TWO {
        return None;
    }
    let is_short = |l: &Loop, least: u64| l.constant_trip(&func.exprs).is_some_and(|trips| trips < least);
    (!is_short(l, u64::from(factor)) && !is_short(inner, SHORTEST)).then_some(factor)
}

struct Scope<'a> {
    func: &'a Func,
    outer: &'a Loop,
    inner: &'a Loop,
    /// What the outer body assigns, the inner loop's variable included.
    varying: LocalSet,
}

/// An element that a nest stores to.
type Stored<'a> = (ArrayId, &'a Place);

impl<'a> Scope<'a> {
    /// Does it depend on the iteration of the outer or of the inner loop? What is loaded may.
    fn varies(&self, id: ExprId) -> bool {
        self.varies_but_for(id, None)
    }

    /// The same, but for one variable.
    fn varies_but_for(&self, id: ExprId, but: Option<LocalId>) -> bool {
        walk::any_expr(&self.func.exprs, id, &mut |expr| match expr.kind {
            ExprKind::Local(local) => {
                Some(local) != but && (local == self.outer.var || self.varying.contains(local))
            }
            ExprKind::Load { .. } | ExprKind::Interrupted => true,
            _ => false,
        })
    }

    /// Only variables are set, elements stored to, and nothing is left early. Branches only in the inner loop.
    fn is_simple(&self) -> bool {
        let is_real = |array: ArrayId| !self.func.arrays[array].ty.dtype.is_complex();
        let is_assignment = |stmt: &Stmt| match stmt {
            Stmt::Set { .. } => true,
            Stmt::Store { array, .. } | Stmt::Accumulate { array, .. } => is_real(*array),
            _ => false,
        };
        let before = &self.outer.body[..self.outer.body.len() - 1];
        let mut is_simple =
            before.iter().all(|stmt| is_assignment(stmt) || matches!(stmt, Stmt::Check { .. }));
        walk::for_each_stmt(&self.inner.body, &mut |stmt| {
            is_simple &= is_assignment(stmt) || matches!(stmt, Stmt::If { .. });
        });
        walk::for_each_expr_in(&self.func.exprs, &self.outer.body, &mut |_, expr| {
            if let ExprKind::Load { array, place, .. } = &expr.kind {
                is_simple &= is_real(*array) && matches!(place, Place::Index(_));
            }
        });
        is_simple
    }

    /// Do all elements of the inner body that depend on its variable lie next to each other?
    fn is_along_memory(&self) -> bool {
        let (mut is_along, mut lines) = (true, 0);
        let mut visit = |array: ArrayId, place: &Place| {
            let Place::Index(indices) = place else { return };
            let ty = self.func.arrays[array].ty;
            let fast = if ty.layout == Layout::F { 0 } else { indices.len().saturating_sub(1) };
            for (axis, &index) in indices.iter().enumerate() {
                if walk::reads_local(&self.func.exprs, index, self.inner.var) {
                    is_along &= axis == fast && self.is_shifted(index);
                    lines += 1;
                }
            }
        };
        walk::for_each_stmt(&self.inner.body, &mut |stmt| {
            if let Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. } = stmt {
                visit(*array, place);
            }
        });
        walk::for_each_expr_in(&self.func.exprs, &self.inner.body, &mut |_, expr| {
            if let ExprKind::Load { array, place, .. } = &expr.kind {
                visit(*array, place);
            }
        });
        is_along && lines > 0
    }

    /// Is it the inner loop's variable plus or minus something?
    fn is_shifted(&self, index: ExprId) -> bool {
        let exprs = &self.func.exprs;
        let var = self.inner.var;
        let is_var = |id: ExprId| exprs[id].kind == ExprKind::Local(var);
        match exprs[index].kind {
            ExprKind::Local(_) => true,
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                is_var(left) && !walk::reads_local(exprs, right, var)
                    || is_var(right) && !walk::reads_local(exprs, left, var)
            }
            ExprKind::Binary { op: BinaryOp::Sub, left, right } => {
                is_var(left) && !walk::reads_local(exprs, right, var)
            }
            _ => false,
        }
    }

    /// The element, if the inner body stores to one only, at its end in any case, that is the same one for all iterations of the outer loop.
    fn same_place(&self) -> Option<Stored<'a>> {
        let mut found: Option<Stored<'a>> = None;
        let mut is_one = true;
        walk::for_each_stmt(&self.inner.body, &mut |stmt| {
            if let Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. } = stmt {
                match found {
                    Some(known) => is_one &= self.is_place(known, *array, place),
                    None => found = Some((*array, place)),
                }
            }
        });
        let (array, place) = found?;
        let is_fixed = |index: ExprId| !self.varies_but_for(index, Some(self.inner.var));
        let mut is_same = is_one;
        place.for_each_operand(|index| is_same &= is_fixed(index));
        is_same.then_some((array, place))
    }

    fn is_place(&self, (array, place): Stored<'_>, other: ArrayId, other_place: &Place) -> bool {
        same_place(self.func, array, place, other, other_place)
    }

    /// What is read beside the element that the iterations combine. `None` if that one does not stay in a variable.
    fn read_beside(&self, stored: &Stored<'a>) -> Option<Vec<ArrayId>> {
        let dtype = self.func.arrays[stored.0].ty.dtype;
        // At these types an element and a variable are the same thing.
        if !matches!(dtype, DType::F64 | DType::F32 | DType::I64 | DType::U64) {
            return None;
        }
        let mut is_hidden = false;
        for stmt in &self.inner.body {
            for block in stmt.blocks() {
                walk::for_each_stmt(block, &mut |stmt| is_hidden |= is_store(stmt));
            }
        }
        let mut is_read = self.inner.body.iter().any(|stmt| matches!(stmt, Stmt::Accumulate { .. }));
        let mut read = Vec::new();
        walk::for_each_expr_in(&self.func.exprs, &self.outer.body, &mut |_, expr| {
            if let ExprKind::Load { array, place, .. } = &expr.kind {
                if self.is_place(*stored, *array, place) {
                    is_read = true;
                } else if !read.contains(array) {
                    read.push(*array);
                }
            }
        });
        (is_read && !is_hidden && !read.contains(&stored.0)).then_some(read)
    }

    /// Loads of the inner body that are the same for every iteration of the outer loop, but not of the inner one. They are made in any
    /// case, whatever the branches.
    fn shared(&self) -> Vec<ExprId> {
        let mut found: Vec<ExprId> = Vec::new();
        let exprs = &self.func.exprs;
        for stmt in &self.inner.body {
            walk::for_each_expr_root(stmt, &mut |root| {
                walk::for_each_expr(exprs, root, &mut |id, expr| {
                    if let ExprKind::Load { place, .. } = &expr.kind {
                        let (mut is_fixed, mut is_along) = (true, false);
                        place.for_each_operand(|index| {
                            is_fixed &= !self.varies_but_for(index, Some(self.inner.var));
                            is_along |= walk::reads_local(exprs, index, self.inner.var);
                        });
                        if is_fixed
                            && is_along
                            && !found.iter().any(|&known| walk::same_expr(exprs, known, id))
                        {
                            found.push(id);
                        }
                    }
                });
            });
        }
        found
    }

    /// Do the checks in front of the inner loop come out the same for all iterations, before anything is stored? If the iterations are
    /// independent, what all of them read is stored to by none.
    fn fails_for_all_or_none(&self, before: &[Stmt]) -> bool {
        let mut fixed = LocalSet::new();
        let mut has_stored = false;
        let is_fixed = |id: ExprId, fixed: &LocalSet| {
            !walk::any_expr(&self.func.exprs, id, &mut |expr| match expr.kind {
                ExprKind::Local(local) => {
                    (local == self.outer.var || self.varying.contains(local)) && !fixed.contains(local)
                }
                ExprKind::Interrupted => true,
                _ => false,
            })
        };
        let mut is_right = true;
        for stmt in before {
            match stmt {
                Stmt::Set { local, value } => {
                    let mut times = 0;
                    walk::for_each_stmt(&self.outer.body, &mut |stmt| {
                        walk::for_each_local_written(stmt, &mut |other| times += u32::from(other == *local));
                    });
                    if times == 1 && is_fixed(*value, &fixed) {
                        fixed.insert(*local);
                    }
                }
                Stmt::Check { check: Check::Cond(id) | Check::Index { index: id, .. }, .. } => {
                    is_right &= !has_stored && is_fixed(*id, &fixed);
                }
                _ => has_stored = true,
            }
        }
        is_right
    }
}

pub(super) fn is_store(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Store { .. } | Stmt::Accumulate { .. })
}

/// Is it the same element of the same array?
pub(super) fn same_place(
    func: &Func,
    array: ArrayId,
    place: &Place,
    other: ArrayId,
    other_place: &Place,
) -> bool {
    let (Place::Index(left), Place::Index(right)) = (place, other_place) else { return false };
    array == other
        && left.len() == right.len()
        && left.iter().zip(right).all(|(&left, &right)| walk::same_expr(&func.exprs, left, right))
}
