//! The expressions that statements own and those they are made of, in order of evaluation.

use smallvec::SmallVec;

use super::{Exprs, for_each_stmt};
use crate::ir::expr::{Expr, ExprId, ExprKind};
use crate::ir::func::LocalId;
use crate::ir::stmt::{ArrayValue, Check, Operand, Stmt, ViewAxis};

/// Calls `visit` on each expression that the statement itself owns, in order of evaluation; not on those of nested
/// statements (the condition of a `while` belongs to it, its head does not).
pub fn for_each_expr_root(stmt: &Stmt, visit: &mut dyn FnMut(ExprId)) {
    match stmt {
        Stmt::Set { value, .. } => visit(*value),
        Stmt::Store { place, value, .. } | Stmt::Accumulate { place, value, .. } => {
            place.for_each_operand(&mut *visit);
            visit(*value);
        }
        Stmt::SetArray { value, .. } => match value {
            ArrayValue::Same(_) | ArrayValue::Transpose { .. } | ArrayValue::Part { .. } => {}
            ArrayValue::View { axes, .. } => {
                for axis in axes {
                    match axis {
                        ViewAxis::Index(index) => visit(*index),
                        ViewAxis::Slice { start, len, step } => {
                            [start, len, step].into_iter().for_each(|&e| visit(e));
                        }
                        ViewAxis::Whole | ViewAxis::New => {}
                    }
                }
            }
            ArrayValue::Reshape { shape, .. } | ArrayValue::Alloc { shape, .. } => {
                shape.iter().for_each(|&extent| visit(extent));
            }
        },
        Stmt::If { cond, .. } | Stmt::While { cond, .. } => visit(*cond),
        Stmt::Loop(l) => {
            visit(l.lo);
            visit(l.hi);
            if let Some(plan) = &l.strip {
                visit(plan.guard);
                plan.args.iter().for_each(|&(_, arg)| visit(arg));
            }
        }
        Stmt::Parallel(call) => {
            for operand in &call.captures {
                if let Operand::Scalar(value) = operand {
                    visit(*value);
                }
            }
            visit(call.trip);
            visit(call.cost_ns);
        }
        Stmt::Call { args: operands, .. }
        | Stmt::Runtime { args: operands, .. }
        | Stmt::Device { args: operands, .. }
        | Stmt::Launch { args: operands, .. }
        | Stmt::Return { values: operands } => {
            for operand in operands {
                if let Operand::Scalar(value) = operand {
                    visit(*value);
                }
            }
        }
        Stmt::Check { check, args, .. } => {
            match check {
                Check::Cond(cond) => visit(*cond),
                Check::Index { index, .. } => visit(*index),
            }
            args.iter().for_each(|&arg| visit(arg));
        }
        Stmt::Raise { args, .. } | Stmt::Print { args, .. } => args.iter().for_each(|&arg| visit(arg)),
        Stmt::Fill { lanes, .. } => lanes.iter().for_each(|&lane| visit(lane)),
        Stmt::Release { .. } | Stmt::CopyElements { .. } | Stmt::Break | Stmt::Continue => {}
    }
}

/// Calls `visit` on each expression that the statement itself owns so that it may be replaced.
pub fn for_each_expr_root_mut(stmt: &mut Stmt, visit: &mut dyn FnMut(&mut ExprId)) {
    match stmt {
        Stmt::Set { value, .. } => visit(value),
        Stmt::Store { place, value, .. } | Stmt::Accumulate { place, value, .. } => {
            place.for_each_operand_mut(&mut *visit);
            visit(value);
        }
        Stmt::SetArray { value, .. } => match value {
            ArrayValue::Same(_) | ArrayValue::Transpose { .. } | ArrayValue::Part { .. } => {}
            ArrayValue::View { axes, .. } => {
                for axis in axes {
                    match axis {
                        ViewAxis::Index(index) => visit(index),
                        ViewAxis::Slice { start, len, step } => {
                            [start, len, step].into_iter().for_each(&mut *visit);
                        }
                        ViewAxis::Whole | ViewAxis::New => {}
                    }
                }
            }
            ArrayValue::Reshape { shape, .. } | ArrayValue::Alloc { shape, .. } => {
                shape.iter_mut().for_each(visit);
            }
        },
        Stmt::If { cond, .. } | Stmt::While { cond, .. } => visit(cond),
        Stmt::Loop(l) => {
            visit(&mut l.lo);
            visit(&mut l.hi);
            if let Some(plan) = &mut l.strip {
                visit(&mut plan.guard);
                plan.args.iter_mut().for_each(|(_, arg)| visit(arg));
            }
        }
        Stmt::Parallel(call) => {
            for operand in &mut call.captures {
                if let Operand::Scalar(value) = operand {
                    visit(value);
                }
            }
            visit(&mut call.trip);
            visit(&mut call.cost_ns);
        }
        Stmt::Call { args: operands, .. }
        | Stmt::Runtime { args: operands, .. }
        | Stmt::Device { args: operands, .. }
        | Stmt::Launch { args: operands, .. }
        | Stmt::Return { values: operands } => {
            for operand in operands {
                if let Operand::Scalar(value) = operand {
                    visit(value);
                }
            }
        }
        Stmt::Check { check, args, .. } => {
            match check {
                Check::Cond(cond) => visit(cond),
                Check::Index { index, .. } => visit(index),
            }
            args.iter_mut().for_each(visit);
        }
        Stmt::Raise { args, .. } | Stmt::Print { args, .. } => args.iter_mut().for_each(visit),
        Stmt::Fill { lanes, .. } => lanes.iter_mut().for_each(visit),
        Stmt::Release { .. } | Stmt::CopyElements { .. } | Stmt::Break | Stmt::Continue => {}
    }
}

/// Calls `visit` on an expression and all its operands, parents first.
pub fn for_each_expr<'a>(exprs: &'a Exprs, root: ExprId, visit: &mut dyn FnMut(ExprId, &'a Expr)) {
    let expr = &exprs[root];
    visit(root, expr);
    expr.kind.for_each_operand(|operand| for_each_expr(exprs, operand, visit));
}

/// Calls `visit` on every expression of a block, nested statements included, statement by statement, parents first.
pub fn for_each_expr_in<'a>(exprs: &'a Exprs, block: &[Stmt], visit: &mut dyn FnMut(ExprId, &'a Expr)) {
    for_each_stmt(block, &mut |stmt| for_each_expr_root(stmt, &mut |root| for_each_expr(exprs, root, visit)));
}

/// Is the claim true of the expression or of one of its operands, however deep?
#[must_use]
pub fn any_expr(exprs: &Exprs, root: ExprId, claim: &mut dyn FnMut(&Expr) -> bool) -> bool {
    let expr = &exprs[root];
    if claim(expr) {
        return true;
    }
    let mut found = false;
    expr.kind.for_each_operand(|operand| found = found || any_expr(exprs, operand, claim));
    found
}

/// Does the expression read the local?
#[must_use]
pub fn reads_local(exprs: &Exprs, root: ExprId, local: LocalId) -> bool {
    any_expr(exprs, root, &mut |expr| expr.kind == ExprKind::Local(local))
}

/// Are two expressions of one function the same tree, spans aside?
#[must_use]
pub fn same_expr(exprs: &Exprs, a: ExprId, b: ExprId) -> bool {
    if a == b {
        return true;
    }
    let (x, y) = (&exprs[a], &exprs[b]);
    if x.ty != y.ty {
        return false;
    }
    let (mut left, mut right) = (x.kind.clone(), y.kind.clone());
    let (mut x_operands, mut y_operands) = (SmallVec::<[ExprId; 4]>::new(), SmallVec::<[ExprId; 4]>::new());
    // With the operands blanked, equality of the rest is that of the kinds.
    left.for_each_operand_mut(|operand| {
        x_operands.push(std::mem::replace(operand, ExprId::from_u32(0)));
    });
    right.for_each_operand_mut(|operand| {
        y_operands.push(std::mem::replace(operand, ExprId::from_u32(0)));
    });
    left == right && x_operands.iter().zip(&y_operands).all(|(&x, &y)| same_expr(exprs, x, y))
}
