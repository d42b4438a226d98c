//! Carries it out: the loop with several iterations side by side, and behind it the one that was there.

use rustc_hash::FxHashMap;

use super::shape::{is_store, same_place};
use super::{Nest, Way};
use crate::analysis::race::Requirement;
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{ArrayId, BinaryOp, Block, CompareOp, ExprId, ExprKind, Func, LocalId, Loop, Place, Stmt};
use crate::passes::{build, parallelize};
use crate::types::DType;

/// Puts the unrolled loop in front of the nest.
pub(super) fn apply(func: &mut Func, nest: &Nest, requirements: &[Requirement]) {
    let mut body = std::mem::take(&mut func.body);
    if let Some((block, position)) = walk::find_loop_mut(&mut body, nest.outer)
        && let Stmt::Loop(mut outer) = std::mem::replace(&mut block[position], Stmt::Break)
    {
        let mut front = Vec::new();
        let unrolled = unrolled(func, nest, &mut outer, requirements, &mut front);
        front.extend(unrolled);
        front.push(Stmt::Loop(outer));
        block.splice(position..=position, front);
    }
    func.body = body;
}

/// The unrolled loop under its conditions; the nest goes on where it ends.
fn unrolled(
    func: &mut Func,
    nest: &Nest,
    outer: &mut Loop,
    requirements: &[Requirement],
    front: &mut Block,
) -> Option<Stmt> {
    let span = func.loops[outer.id].span;
    let (lo, hi) = (once(func, outer.lo, "first", front), once(func, outer.hi, "end", front));
    let factor = i64::from(nest.factor);
    let is_from_zero = matches!(func.exprs[lo].kind, ExprKind::Const(value) if value.as_int() == 0);
    let length = |func: &mut Func| {
        let hi = func.clone_expr(hi);
        if is_from_zero {
            return hi;
        }
        let lo = func.clone_expr(lo);
        build::int_binary(func, BinaryOp::Sub, hi, lo, span)
    };
    // If `lo < hi`, a difference that is not negative has not wrapped around.
    let (least, length_here) = (func.int(factor, span), length(func));
    let mut conditions = vec![build::compare(func, CompareOp::Ge, length_here, least, span)];
    if !is_from_zero {
        let (lo, hi) = (func.clone_expr(lo), func.clone_expr(hi));
        conditions.push(build::compare(func, CompareOp::Lt, lo, hi, span));
    }
    conditions.extend(requirements.iter().map(|r| parallelize::condition(func, r, span)));
    let cond = build::all_of(func, &conditions, span)?;

    let (mask, length_here) = (func.int(factor - 1, span), length(func));
    let left = build::int_binary(func, BinaryOp::And, length_here, mask, span);
    let hi_here = func.clone_expr(hi);
    let middle = build::int_binary(func, BinaryOp::Sub, hi_here, left, span);
    let from = func.temp("from", DType::I64, span);
    front.push(Stmt::Set { local: from, value: func.clone_expr(lo) });

    let main = side_by_side(func, nest, outer, lo, middle)?;
    outer.lo = func.read(from, span);
    outer.hi = func.clone_expr(hi);
    let next = func.clone_expr(main.hi);
    let then = vec![Stmt::Loop(Box::new(main)), Stmt::Set { local: from, value: next }];
    Some(Stmt::If { cond, then, orelse: Vec::new() })
}

/// A bound that may be read again: constants, and variables set in front.
fn once(func: &mut Func, bound: ExprId, name: &str, front: &mut Block) -> ExprId {
    if matches!(func.exprs[bound].kind, ExprKind::Const(_) | ExprKind::Dim { .. }) {
        return bound;
    }
    let span = func.exprs[bound].span;
    let local = func.temp(name, DType::I64, span);
    front.push(Stmt::Set { local, value: bound });
    func.read(local, span)
}

/// The unrolled loop.
fn side_by_side(func: &mut Func, nest: &Nest, outer: &Loop, lo: ExprId, hi: ExprId) -> Option<Loop> {
    let (Stmt::Loop(inner), before) = outer.body.split_last()? else { return None };
    let assigned = walk::assigned_locals(&outer.body);
    let read = walk::read_locals(&func.exprs, &outer.body);
    let mut copies: Vec<Copy> = Vec::new();
    for number in 0..nest.factor {
        let mut names = FxHashMap::default();
        // Variables are those of the last iteration afterwards.
        for local in assigned.iter().filter(|&local| number + 1 < nest.factor && local != inner.var) {
            let renamed = func.locals[local].clone();
            names.insert(local, func.locals.push(renamed));
        }
        copies.push(Copy { var: outer.var, number, names, kept: Vec::new() });
    }
    let is_unread = |stmt: &Stmt| matches!(stmt, Stmt::Set { local, .. } if !read.contains(*local));
    let mut body = Block::new();
    for stmt in before {
        // Checks come out the same for all iterations.
        let is_check = matches!(stmt, Stmt::Check { .. });
        let last = if is_check { 1 } else { copies.len() };
        // What only the code behind the loop reads is for the last one to set.
        for copy in &copies[if is_unread(stmt) { last - 1 } else { 0 }..last] {
            body.push(copy.stmt(func, stmt));
        }
    }
    let mut inside = Block::new();
    let mut end = None;
    match nest.way {
        Way::Rows => {
            for &load in &nest.shared {
                let ExprKind::Load { array, place, .. } = func.exprs[load].kind.clone() else { continue };
                let value = func.clone_expr(load);
                let kept = keep(func, array, &place, value, &mut copies, "shared");
                inside.push(kept);
            }
        }
        Way::Sums => {
            let stored = inner.body.iter().find(|stmt| is_store(stmt));
            let (Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. }) = stored? else {
                return None;
            };
            let span = func.arrays[*array].span;
            let (dtype, from) = (func.arrays[*array].ty.dtype, walk::clone_place(func, place));
            let value = func.expr(ExprKind::Load { array: *array, place: from, lane: 0 }, dtype, span);
            let kept = keep(func, *array, place, value, &mut copies, "kept");
            if let Stmt::Set { local, .. } = kept {
                let (to, value) = (walk::clone_place(func, place), func.read(local, span));
                end = Some(Stmt::Store { array: *array, place: to, lane: 0, value });
            }
            inside.push(kept);
        }
    }
    for copy in &copies {
        for stmt in &inner.body {
            if !is_unread(stmt) || copy.number + 1 == nest.factor {
                inside.push(copy.stmt(func, stmt));
            }
        }
    }
    inside.extend(end);
    let (inner_lo, inner_hi) = (func.clone_expr(inner.lo), func.clone_expr(inner.hi));
    let inner = like(func, inner, inner_lo, inner_hi, inside);
    body.push(Stmt::Loop(Box::new(inner)));
    let lo = func.clone_expr(lo);
    let mut main = like(func, outer, lo, hi, body);
    main.step = i64::from(nest.factor);
    Some(main)
}

/// Another loop that is told of like this one.
fn like(func: &mut Func, l: &Loop, lo: ExprId, hi: ExprId, body: Block) -> Loop {
    let info = func.loops[l.id].clone();
    Loop::new(func.loops.push(info), l.kind, l.var, [lo, hi], l.step, body)
}

/// Sets a new variable to an element, and lets all copies read that one instead.
fn keep(
    func: &mut Func,
    array: ArrayId,
    place: &Place,
    value: ExprId,
    copies: &mut [Copy],
    name: &str,
) -> Stmt {
    let (dtype, span) = (func.exprs[value].ty, func.exprs[value].span);
    let local = func.temp(name, dtype, span);
    for copy in copies {
        copy.kept.push((array, place.clone(), local));
    }
    Stmt::Set { local, value }
}

/// One of the iterations that go side by side.
struct Copy {
    /// The outer loop's variable.
    var: LocalId,
    /// What is added to it.
    number: u32,
    /// Variables of its own.
    names: FxHashMap<LocalId, LocalId>,
    /// Elements that are in variables.
    kept: Vec<(ArrayId, Place, LocalId)>,
}

impl Copy {
    fn stmt(&self, func: &mut Func, stmt: &Stmt) -> Stmt {
        if let Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. } = stmt
            && let Some(local) = self.kept(func, *array, place)
        {
            return self.assignment(func, stmt, local);
        }
        let mut copy = stmt.clone();
        walk::for_each_stmt_mut(std::slice::from_mut(&mut copy), &mut |stmt| {
            walk::for_each_expr_root_mut(stmt, &mut |root| *root = self.expr(func, *root));
            walk::for_each_local_mut(stmt, &mut |local| {
                *local = self.names.get(local).copied().unwrap_or(*local);
            });
        });
        copy
    }

    /// The store as one to the variable that holds the element.
    fn assignment(&self, func: &mut Func, stmt: &Stmt, local: LocalId) -> Stmt {
        let value = match stmt {
            Stmt::Store { value, .. } => self.expr(func, *value),
            Stmt::Accumulate { op, value, .. } => {
                let op = op.operator();
                let (ty, span) = (func.exprs[*value].ty, func.exprs[*value].span);
                let (left, right) = (func.read(local, span), self.expr(func, *value));
                func.expr(ExprKind::Binary { op, left, right }, ty, span)
            }
            _ => func.read(local, Span::default()),
        };
        Stmt::Set { local, value }
    }

    fn expr(&self, func: &mut Func, id: ExprId) -> ExprId {
        let mut expr = func.exprs[id].clone();
        match &mut expr.kind {
            ExprKind::Local(local) if *local == self.var => {
                let span = expr.span;
                let var = func.read(self.var, span);
                if self.number == 0 {
                    return var;
                }
                let number = func.int(i64::from(self.number), span);
                return build::int_binary(func, BinaryOp::Add, var, number, span);
            }
            ExprKind::Local(local) => *local = self.names.get(local).copied().unwrap_or(*local),
            ExprKind::Load { array, place, .. } => {
                if let Some(local) = self.kept(func, *array, place) {
                    return func.read(local, expr.span);
                }
                expr.kind.for_each_operand_mut(|operand| *operand = self.expr(func, *operand));
            }
            kind => kind.for_each_operand_mut(|operand| *operand = self.expr(func, *operand)),
        }
        func.exprs.push(expr)
    }

    fn kept(&self, func: &Func, array: ArrayId, place: &Place) -> Option<LocalId> {
        let known = self.kept.iter().find(|(other, at, _)| same_place(func, array, place, *other, at));
        known.map(|&(_, _, local)| local)
    }
}
