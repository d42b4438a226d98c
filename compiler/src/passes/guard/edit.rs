//! Carries a plan out: proven checks go, loops get a condition and a copy with every check.

use rustc_hash::FxHashSet;

use super::{Condition, Plan};
use crate::analysis::values::Sum;
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{BinaryOp, Block, Check, CompareOp, ExprId, ExprKind, Func, Stmt};
use crate::passes::build;
use crate::types::DType;

pub(super) fn apply(func: &mut Func, plan: &Plan) {
    let mut body = std::mem::take(&mut func.body);
    walk::for_each_block_mut(&mut body, &mut |block| {
        block.retain(|stmt| check_id(stmt).is_none_or(|id| !plan.proven.contains(&id)));
    });
    for &wrap in &plan.unwrapped {
        unwrap(func, wrap);
    }
    insert_guards(func, &mut body, plan);
    func.body = body;
}

fn check_id(stmt: &Stmt) -> Option<ExprId> {
    match stmt {
        Stmt::Check { check: Check::Cond(id) | Check::Index { index: id, .. }, .. } => Some(*id),
        _ => None,
    }
}

fn unwrap(func: &mut Func, wrap: ExprId) {
    if let ExprKind::Wrap { index, .. } = func.exprs[wrap].kind {
        func.exprs[wrap].kind = func.exprs[index].kind.clone();
    }
}

fn insert_guards(func: &mut Func, block: &mut Block, plan: &Plan) {
    for stmt in block.iter_mut() {
        let guard = match stmt {
            Stmt::Loop(l) => plan.guards.get(&l.id),
            _ => None,
        };
        if let Some(guard) = guard {
            let span = match stmt {
                Stmt::Loop(l) => func.loops[l.id].span,
                _ => Span::default(),
            };
            // The copy has expressions of its own: what follows changes the original only.
            let slow = if guard.conditions.is_empty() {
                Vec::new()
            } else {
                let copy = walk::clone_block(func, std::slice::from_ref(stmt));
                for id in walk::loops_innermost_first(&copy) {
                    func.loops[id].is_slow_copy = true;
                    func.loops[id].is_fallback = true;
                }
                copy
            };
            let conditions: Vec<ExprId> = guard.conditions.iter().map(|c| condition(func, c, span)).collect();
            let checks: FxHashSet<ExprId> = guard.checks.iter().copied().collect();
            for inner in stmt.blocks_mut() {
                walk::for_each_block_mut(inner, &mut |block| {
                    block.retain(|stmt| check_id(stmt).is_none_or(|id| !checks.contains(&id)));
                });
            }
            for &wrap in &guard.wraps {
                unwrap(func, wrap);
            }
            for inner in stmt.blocks_mut() {
                insert_guards(func, inner, plan);
            }
            if let Some(cond) = build::all_of(func, &conditions, span) {
                let fast = std::mem::replace(stmt, Stmt::Break);
                *stmt = Stmt::If { cond, then: vec![fast], orelse: slow };
            }
        } else {
            for inner in stmt.blocks_mut() {
                insert_guards(func, inner, plan);
            }
        }
    }
}

fn condition(func: &mut Func, condition: &Condition, span: Span) -> ExprId {
    match condition {
        Condition::AtLeast(left, right) => {
            let (left, right) = (build::sum(func, left, span), build::sum(func, right, span));
            build::compare(func, CompareOp::Ge, left, right, span)
        }
        Condition::Small(factor, bits) => {
            // -2^bits <= x < 2^bits as one unsigned comparison.
            let value = build::sum(func, &Sum { terms: vec![(1, vec![factor.clone()])] }, span);
            let shift = func.int(1 << bits, span);
            let shifted = build::int_binary(func, BinaryOp::Add, value, shift, span);
            let unsigned = func.expr(ExprKind::Cast { arg: shifted }, DType::U64, span);
            let limit = func.expr(ExprKind::Const(crate::ir::Const::int(2 << bits)), DType::U64, span);
            build::compare(func, CompareOp::Lt, unsigned, limit, span)
        }
        Condition::Holds(expr) => func.clone_expr(*expr),
        &Condition::Within { index, array, axis, is_nonneg } => {
            let dim = |func: &mut Func| func.expr(ExprKind::Dim { array, axis }, DType::I64, span);
            let (value, extent) = (func.clone_expr(index), dim(func));
            let below = build::compare(func, CompareOp::Lt, value, extent, span);
            if is_nonneg {
                return below;
            }
            let (value, zero, extent) = (func.clone_expr(index), func.int(0, span), dim(func));
            let least = build::int_binary(func, BinaryOp::Sub, zero, extent, span);
            let above = build::compare(func, CompareOp::Ge, value, least, span);
            func.expr(ExprKind::Binary { op: BinaryOp::And, left: below, right: above }, DType::Bool, span)
        }
    }
}
