//! Which variables, scalars and arrays, statements and expressions name, write and read.

use super::{ArraySet, Exprs, LocalSet, for_each_expr_in, for_each_stmt, head_of};
use crate::ir::expr::ExprKind;
use crate::ir::func::{ArrayId, Func, LocalId};
use crate::ir::stmt::{ArrayValue, Check, Operand, Stmt, Target};

/// Calls `visit` on each scalar variable that the statement itself writes.
pub fn for_each_local_written(stmt: &Stmt, visit: &mut dyn FnMut(LocalId)) {
    match stmt {
        Stmt::Set { local, .. } => visit(*local),
        Stmt::Loop(l) => visit(l.var),
        Stmt::Parallel(call) => call.outputs.iter().for_each(|&(local, _)| visit(local)),
        Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
            for result in results {
                if let Target::Local(local) = result {
                    visit(*local);
                }
            }
        }
        _ => {}
    }
}

/// Scalars that the block may write, loop variables included.
#[must_use]
pub fn assigned_locals(block: &[Stmt]) -> LocalSet {
    let mut set = LocalSet::new();
    for_each_stmt(block, &mut |stmt| {
        for_each_local_written(stmt, &mut |local| {
            set.insert(local);
        });
    });
    set
}

/// Scalars that the block may read: in expressions, as initial values of a parallel loop's outputs, as reductions.
#[must_use]
pub fn read_locals(exprs: &Exprs, block: &[Stmt]) -> LocalSet {
    let mut set = LocalSet::new();
    for_each_expr_in(exprs, block, &mut |_, expr| {
        if let ExprKind::Local(local) = expr.kind {
            set.insert(local);
        }
    });
    for_each_stmt(block, &mut |stmt| match stmt {
        Stmt::Parallel(call) => set.extend(call.outputs.iter().map(|&(local, _)| local)),
        Stmt::Loop(l) => {
            for reduction in &l.reductions {
                set.insert(reduction.local);
                set.extend(reduction.companions.iter().copied());
            }
            set.extend(l.last_values.iter().copied());
        }
        _ => {}
    });
    set
}

/// Array variables that the block may bind or release (their address, extents, strides change).
#[must_use]
pub fn assigned_arrays(block: &[Stmt]) -> ArraySet {
    let mut set = ArraySet::new();
    for_each_stmt(block, &mut |stmt| match stmt {
        Stmt::SetArray { array, .. } | Stmt::Release { array } => {
            set.insert(*array);
        }
        Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
            for result in results {
                if let Target::Array(array) = result {
                    set.insert(*array);
                }
            }
        }
        _ => {}
    });
    set
}

/// Array variables through which the block may store to elements. Arrays passed to calls, services and outlined
/// bodies count if they are writable; other variables that share the memory are not listed.
#[must_use]
pub fn stored_arrays(func: &Func, block: &[Stmt]) -> ArraySet {
    let mut set = ArraySet::new();
    for_each_stmt(block, &mut |stmt| match stmt {
        Stmt::Store { array, .. }
        | Stmt::Accumulate { array, .. }
        | Stmt::Fill { array, .. }
        | Stmt::CopyElements { to: array, .. } => {
            set.insert(*array);
        }
        // Other threads may have written to anything.
        Stmt::Device { function, .. } if function.orders_memory() => set.extend(func.arrays.keys()),
        Stmt::Call { args: operands, .. }
        | Stmt::Runtime { args: operands, .. }
        | Stmt::Launch { args: operands, .. } => {
            set.extend(operand_arrays(operands).filter(|&array| func.arrays[array].ty.is_writable));
        }
        Stmt::Parallel(call) => {
            set.extend(operand_arrays(&call.captures).filter(|&array| func.arrays[array].ty.is_writable));
        }
        _ => {}
    });
    set
}

/// Array variables that the block mentions in any way.
#[must_use]
pub fn used_arrays(func: &Func, block: &[Stmt]) -> ArraySet {
    let mut set = ArraySet::new();
    for_each_stmt(block, &mut |stmt| {
        for_each_array_mut(&mut head_of(stmt), &mut |array| {
            set.insert(*array);
        });
    });
    for_each_expr_in(&func.exprs, block, &mut |_, expr| {
        for_each_array_of_expr(&expr.kind, &mut |array| {
            set.insert(array);
        });
    });
    set
}

fn operand_arrays(operands: &[Operand]) -> impl Iterator<Item = ArrayId> {
    operands.iter().filter_map(|operand| match operand {
        Operand::Scalar(_) => None,
        Operand::Array(array) => Some(*array),
    })
}

/// Calls `visit` on every scalar variable that the statement itself names (not its expressions, not nested statements).
pub fn for_each_local_mut(stmt: &mut Stmt, visit: &mut dyn FnMut(&mut LocalId)) {
    match stmt {
        Stmt::Set { local, .. } => visit(local),
        Stmt::Loop(l) => {
            visit(&mut l.var);
            for reduction in &mut l.reductions {
                visit(&mut reduction.local);
                reduction.companions.iter_mut().for_each(&mut *visit);
            }
            l.last_values.iter_mut().for_each(&mut *visit);
            if let Some(plan) = &mut l.strip {
                for output in &mut plan.outputs {
                    visit(&mut output.local);
                    if let Some((companion, _)) = &mut output.companion {
                        visit(companion);
                    }
                }
            }
        }
        Stmt::Parallel(call) => call.outputs.iter_mut().for_each(|(local, _)| visit(local)),
        Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
            for result in results {
                match result {
                    Target::Local(local) => visit(local),
                    Target::Array(_) => {}
                }
            }
        }
        Stmt::Store { .. }
        | Stmt::Accumulate { .. }
        | Stmt::SetArray { .. }
        | Stmt::Release { .. }
        | Stmt::If { .. }
        | Stmt::While { .. }
        | Stmt::Launch { .. }
        | Stmt::Check { .. }
        | Stmt::Raise { .. }
        | Stmt::Print { .. }
        | Stmt::Fill { .. }
        | Stmt::CopyElements { .. }
        | Stmt::Break
        | Stmt::Continue
        | Stmt::Return { .. } => {}
    }
}

/// Calls `visit` on every array variable that the statement itself names (not its expressions, not nested statements).
pub fn for_each_array_mut(stmt: &mut Stmt, visit: &mut dyn FnMut(&mut ArrayId)) {
    fn operands(operands: &mut [Operand], visit: &mut dyn FnMut(&mut ArrayId)) {
        for operand in operands {
            match operand {
                Operand::Scalar(_) => {}
                Operand::Array(array) => visit(array),
            }
        }
    }
    match stmt {
        Stmt::Store { array, .. }
        | Stmt::Accumulate { array, .. }
        | Stmt::Release { array }
        | Stmt::Fill { array, .. }
        | Stmt::Check { check: Check::Index { array, .. }, .. } => visit(array),
        Stmt::SetArray { array, value } => {
            match value {
                ArrayValue::Same(base)
                | ArrayValue::View { base, .. }
                | ArrayValue::Transpose { base, .. }
                | ArrayValue::Part { base, .. }
                | ArrayValue::Reshape { base, .. } => visit(base),
                ArrayValue::Alloc { .. } => {}
            }
            visit(array);
        }
        Stmt::CopyElements { to, from } => {
            visit(from);
            visit(to);
        }
        Stmt::Loop(l) => l.array_reductions.iter_mut().for_each(|reduction| visit(&mut reduction.array)),
        Stmt::Parallel(call) => operands(&mut call.captures, visit),
        Stmt::Return { values } => operands(values, visit),
        Stmt::Launch { args, .. } => operands(args, visit),
        Stmt::Call { args, results, .. }
        | Stmt::Runtime { args, results, .. }
        | Stmt::Device { args, results, .. } => {
            operands(args, visit);
            for result in results {
                match result {
                    Target::Local(_) => {}
                    Target::Array(array) => visit(array),
                }
            }
        }
        Stmt::Set { .. }
        | Stmt::If { .. }
        | Stmt::While { .. }
        | Stmt::Check { check: Check::Cond(_), .. }
        | Stmt::Raise { .. }
        | Stmt::Print { .. }
        | Stmt::Break
        | Stmt::Continue => {}
    }
}

/// Does the expression itself (not its operands) name one of these variables?
#[must_use]
pub fn names_any(kind: &ExprKind, locals: &LocalSet, arrays: &ArraySet) -> bool {
    let mut is_found = matches!(kind, ExprKind::Local(local) if locals.contains(*local));
    for_each_array_of_expr(kind, &mut |array| is_found |= arrays.contains(array));
    is_found
}

/// Calls `visit` on every array variable that the expression itself names (not its operands).
pub fn for_each_array_of_expr(kind: &ExprKind, visit: &mut dyn FnMut(ArrayId)) {
    match kind {
        ExprKind::Load { array, .. }
        | ExprKind::Dim { array, .. }
        | ExprKind::Stride { array, .. }
        | ExprKind::Base { array } => visit(*array),
        ExprKind::Overlaps { a, b } => {
            visit(*a);
            visit(*b);
        }
        ExprKind::Const(_)
        | ExprKind::Local(_)
        | ExprKind::Unary { .. }
        | ExprKind::Binary { .. }
        | ExprKind::Compare { .. }
        | ExprKind::Select { .. }
        | ExprKind::Cast { .. }
        | ExprKind::Wrap { .. }
        | ExprKind::Math1 { .. }
        | ExprKind::Math2 { .. }
        | ExprKind::Fma { .. }
        | ExprKind::Interrupted => {}
    }
}

/// The same, to change them.
pub fn for_each_array_of_expr_mut(kind: &mut ExprKind, visit: &mut dyn FnMut(&mut ArrayId)) {
    match kind {
        ExprKind::Load { array, .. }
        | ExprKind::Dim { array, .. }
        | ExprKind::Stride { array, .. }
        | ExprKind::Base { array } => visit(array),
        ExprKind::Overlaps { a, b } => {
            visit(a);
            visit(b);
        }
        ExprKind::Const(_)
        | ExprKind::Local(_)
        | ExprKind::Unary { .. }
        | ExprKind::Binary { .. }
        | ExprKind::Compare { .. }
        | ExprKind::Select { .. }
        | ExprKind::Cast { .. }
        | ExprKind::Wrap { .. }
        | ExprKind::Math1 { .. }
        | ExprKind::Math2 { .. }
        | ExprKind::Fma { .. }
        | ExprKind::Interrupted => {}
    }
}
