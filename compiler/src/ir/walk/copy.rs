//! Copies of code within a function and from one function into another.

use rustc_hash::FxHashMap;

use super::{
    for_each_array_mut, for_each_array_of_expr_mut, for_each_expr_root_mut, for_each_local_mut,
    for_each_stmt_mut,
};
use crate::ir::expr::{ExprId, ExprKind, Place};
use crate::ir::func::{ArrayId, Func, LocalId, LoopId};
use crate::ir::stmt::{Block, Stmt};

/// Copies a place with its expressions, so that a second statement can use it.
pub fn clone_place(func: &mut Func, place: &Place) -> Place {
    let mut copy = place.clone();
    copy.for_each_operand_mut(|operand| *operand = func.clone_expr(*operand));
    copy
}

/// Copies a block of the function: expressions and loop ids are new, variables stay the same.
pub fn clone_block(func: &mut Func, block: &[Stmt]) -> Block {
    let mut copy = block.to_vec();
    for_each_stmt_mut(&mut copy, &mut |stmt| {
        for_each_expr_root_mut(stmt, &mut |root| *root = func.clone_expr(*root));
        if let Some(id) = loop_id_mut(stmt) {
            let info = func.loops[*id].clone();
            *id = func.loops.push(info);
        }
    });
    copy
}

/// What the variables of one function are called in another.
#[derive(Clone, Debug, Default)]
pub struct Renaming {
    /// Scalars. One that is missing when it is met is declared anew in the target, and entered.
    pub locals: FxHashMap<LocalId, LocalId>,
    /// Arrays, likewise.
    pub arrays: FxHashMap<ArrayId, ArrayId>,
}

impl Renaming {
    /// The scalar's name in `target`, declared there if it has none yet.
    pub fn local(&mut self, source: &Func, target: &mut Func, local: LocalId) -> LocalId {
        *self.locals.entry(local).or_insert_with(|| target.locals.push(source.locals[local].clone()))
    }

    /// The array's name in `target`, declared there if it has none yet.
    pub fn array(&mut self, source: &Func, target: &mut Func, array: ArrayId) -> ArrayId {
        *self.arrays.entry(array).or_insert_with(|| target.arrays.push(source.arrays[array].clone()))
    }
}

/// Copies an expression from one function into another.
pub fn copy_expr_into(source: &Func, root: ExprId, target: &mut Func, names: &mut Renaming) -> ExprId {
    let mut expr = source.exprs[root].clone();
    expr.kind.for_each_operand_mut(|operand| *operand = copy_expr_into(source, *operand, target, names));
    for_each_array_of_expr_mut(&mut expr.kind, &mut |array| *array = names.array(source, target, *array));
    if let ExprKind::Local(local) = &mut expr.kind {
        *local = names.local(source, target, *local);
    }
    target.exprs.push(expr)
}

/// Copies a block from one function of the program into another: for inlining and outlining. Loops get new ids; what to
/// do with a `return` is the caller's business.
pub fn copy_block_into(source: &Func, block: &[Stmt], target: &mut Func, names: &mut Renaming) -> Block {
    let mut copy = block.to_vec();
    for_each_stmt_mut(&mut copy, &mut |stmt| {
        for_each_expr_root_mut(stmt, &mut |root| *root = copy_expr_into(source, *root, target, names));
        for_each_local_mut(stmt, &mut |local| *local = names.local(source, target, *local));
        for_each_array_mut(stmt, &mut |array| *array = names.array(source, target, *array));
        if let Some(id) = loop_id_mut(stmt) {
            *id = target.loops.push(source.loops[*id].clone());
        }
    });
    copy
}

fn loop_id_mut(stmt: &mut Stmt) -> Option<&mut LoopId> {
    match stmt {
        Stmt::Loop(l) => Some(&mut l.id),
        Stmt::While { id, .. } => Some(id),
        Stmt::Parallel(call) => Some(&mut call.id),
        _ => None,
    }
}
