//! Traversals of functions: every statement, every block, every expression; which variables they write and read; and
//! copies of code within a function and from one function into another.
//!
//! Reads and edits, decides nothing: no aliasing, no purity beyond what a single node says. Orders are those of the
//! text: statements before what follows them, expressions in the order in which they are evaluated.

mod copy;

use smallvec::SmallVec;

use super::expr::{Expr, ExprId, ExprKind};
use super::func::{ArrayId, Func, LocalId, LoopId};
use super::stmt::{ArrayValue, Block, Check, Operand, Stmt, Target, ViewAxis};
use crate::base::PrimaryMap;

pub use copy::{Renaming, clone_block, clone_place, copy_block_into, copy_expr_into};

/// Scalar variables of one function.
pub type LocalSet = crate::base::EntitySet<LocalId>;
/// Array variables of one function.
pub type ArraySet = crate::base::EntitySet<ArrayId>;
/// The expressions of one function.
pub type Exprs = PrimaryMap<ExprId, Expr>;

// Statements and blocks.

impl Stmt {
    /// The blocks directly inside, in the order of the text.
    #[must_use]
    pub fn blocks(&self) -> SmallVec<[&Block; 2]> {
        match self {
            Stmt::If { then, orelse, .. } => SmallVec::from_slice(&[then, orelse]),
            Stmt::While { head, body, .. } => SmallVec::from_slice(&[head, body]),
            Stmt::Loop(l) => SmallVec::from_iter([&l.body]),
            Stmt::Set { .. }
            | Stmt::Store { .. }
            | Stmt::Accumulate { .. }
            | Stmt::SetArray { .. }
            | Stmt::Release { .. }
            | Stmt::Parallel(_)
            | Stmt::Call { .. }
            | Stmt::Runtime { .. }
            | Stmt::Device { .. }
            | Stmt::Launch { .. }
            | Stmt::Check { .. }
            | Stmt::Raise { .. }
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return { .. } => SmallVec::new(),
        }
    }

    /// The same, to be changed.
    pub fn blocks_mut(&mut self) -> SmallVec<[&mut Block; 2]> {
        match self {
            Stmt::If { then, orelse, .. } => SmallVec::from_iter([then, orelse]),
            Stmt::While { head, body, .. } => SmallVec::from_iter([head, body]),
            Stmt::Loop(l) => SmallVec::from_iter([&mut l.body]),
            Stmt::Set { .. }
            | Stmt::Store { .. }
            | Stmt::Accumulate { .. }
            | Stmt::SetArray { .. }
            | Stmt::Release { .. }
            | Stmt::Parallel(_)
            | Stmt::Call { .. }
            | Stmt::Runtime { .. }
            | Stmt::Device { .. }
            | Stmt::Launch { .. }
            | Stmt::Check { .. }
            | Stmt::Raise { .. }
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return { .. } => SmallVec::new(),
        }
    }

    /// The loop's id, if it is one (`Loop`, `While`, `Parallel`).
    #[must_use]
    pub fn loop_id(&self) -> Option<LoopId> {
        match self {
            Stmt::Loop(l) => Some(l.id),
            Stmt::While { id, .. } => Some(*id),
            Stmt::Parallel(call) => Some(call.id),
            _ => None,
        }
    }

    /// Does control never reach what follows it in its block?
    #[must_use]
    pub fn is_jump(&self) -> bool {
        matches!(self, Stmt::Raise { .. } | Stmt::Break | Stmt::Continue | Stmt::Return { .. })
    }
}

/// Calls `visit` on every statement, nested ones after the one they are in.
pub fn for_each_stmt<'a>(block: &'a [Stmt], visit: &mut dyn FnMut(&'a Stmt)) {
    for stmt in block {
        visit(stmt);
        for inner in stmt.blocks() {
            for_each_stmt(inner, visit);
        }
    }
}

/// Calls `visit` on every statement so that it may be changed; then on the statements that are in it by now.
pub fn for_each_stmt_mut(block: &mut [Stmt], visit: &mut dyn FnMut(&mut Stmt)) {
    for stmt in block {
        visit(stmt);
        for inner in stmt.blocks_mut() {
            for_each_stmt_mut(inner, visit);
        }
    }
}

/// Calls `visit` on this block and every block in it, innermost first.
pub fn for_each_block<'a>(block: &'a Block, visit: &mut dyn FnMut(&'a Block)) {
    for stmt in block {
        for inner in stmt.blocks() {
            for_each_block(inner, visit);
        }
    }
    visit(block);
}

/// Calls `visit` on this block and every block in it, innermost first, so that statements may be added and removed.
pub fn for_each_block_mut(block: &mut Block, visit: &mut dyn FnMut(&mut Block)) {
    for stmt in block.iter_mut() {
        for inner in stmt.blocks_mut() {
            for_each_block_mut(inner, visit);
        }
    }
    visit(block);
}

/// Calls `visit` on every block of the function, innermost first, with the rest of the function at hand for new
/// expressions and temporaries. `func.body` is empty meanwhile.
pub fn rewrite_blocks(func: &mut Func, visit: &mut dyn FnMut(&mut Func, &mut Block)) {
    let mut body = std::mem::take(&mut func.body);
    for_each_block_mut(&mut body, &mut |block| visit(func, block));
    func.body = body;
}

/// Every loop (`Loop`, `While`, `Parallel`), inner loops before the ones they are in.
#[must_use]
pub fn loops_innermost_first(block: &[Stmt]) -> Vec<LoopId> {
    fn collect(block: &[Stmt], found: &mut Vec<LoopId>) {
        for stmt in block {
            for inner in stmt.blocks() {
                collect(inner, found);
            }
            found.extend(stmt.loop_id());
        }
    }
    let mut found = Vec::new();
    collect(block, &mut found);
    found
}

/// The loop's statement.
#[must_use]
pub fn find_loop(block: &[Stmt], id: LoopId) -> Option<&Stmt> {
    block.iter().find_map(|stmt| {
        if stmt.loop_id() == Some(id) {
            return Some(stmt);
        }
        stmt.blocks().into_iter().find_map(|inner| find_loop(inner, id))
    })
}

/// The block that a loop's statement is in, and its position there: for code before and after the loop.
pub fn find_loop_mut(block: &mut Block, id: LoopId) -> Option<(&mut Block, usize)> {
    if let Some(position) = block.iter().position(|stmt| stmt.loop_id() == Some(id)) {
        return Some((block, position));
    }
    block.iter_mut().find_map(|stmt| stmt.blocks_mut().into_iter().find_map(|inner| find_loop_mut(inner, id)))
}

/// How control may leave a block other than by reaching its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exits {
    /// By a `break` of the loop whose body this is.
    pub breaks: bool,
    /// By a `continue` of the loop whose body this is.
    pub continues: bool,
    /// By a `return`.
    pub returns: bool,
    /// By a check, a raise, a call, an allocation or a service that fails.
    pub fails: bool,
}

/// How control may leave the body of a loop. Jumps of loops inside do not count.
#[must_use]
pub fn exits(body: &[Stmt]) -> Exits {
    fn collect(block: &[Stmt], is_directly_in: bool, found: &mut Exits) {
        for stmt in block {
            match stmt {
                Stmt::Break => found.breaks |= is_directly_in,
                Stmt::Continue => found.continues |= is_directly_in,
                Stmt::Return { .. } => found.returns = true,
                Stmt::Check { .. }
                | Stmt::Raise { .. }
                | Stmt::Call { .. }
                | Stmt::Parallel(_)
                | Stmt::Runtime { trap: Some(_), .. }
                | Stmt::Launch { .. }
                | Stmt::SetArray { value: ArrayValue::Alloc { .. }, .. } => found.fails = true,
                Stmt::Set { .. }
                | Stmt::Store { .. }
                | Stmt::Accumulate { .. }
                | Stmt::SetArray { .. }
                | Stmt::Release { .. }
                | Stmt::If { .. }
                | Stmt::While { .. }
                | Stmt::Loop(_)
                | Stmt::Runtime { .. }
                | Stmt::Device { .. }
                | Stmt::Print { .. }
                | Stmt::Fill { .. }
                | Stmt::CopyElements { .. } => {}
            }
            let is_loop = matches!(stmt, Stmt::While { .. } | Stmt::Loop(_));
            for inner in stmt.blocks() {
                collect(inner, is_directly_in && !is_loop, found);
            }
        }
    }
    let mut found = Exits::default();
    collect(body, true, &mut found);
    found
}

/// Does a `break` or `continue` of the loop whose body this is, or a `return`, leave it?
#[must_use]
pub fn contains_exit(body: &[Stmt]) -> bool {
    let found = exits(body);
    found.breaks || found.continues || found.returns
}

// Expressions.

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

// Variables.

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

/// A copy of the statement without the blocks in it.
#[must_use]
pub fn head_of(stmt: &Stmt) -> Stmt {
    match stmt {
        Stmt::If { cond, .. } => Stmt::If { cond: *cond, then: Vec::new(), orelse: Vec::new() },
        Stmt::While { id, cond, .. } => {
            Stmt::While { id: *id, head: Vec::new(), cond: *cond, body: Vec::new() }
        }
        Stmt::Loop(l) => Stmt::Loop(Box::new(super::stmt::Loop {
            id: l.id,
            kind: l.kind,
            var: l.var,
            lo: l.lo,
            hi: l.hi,
            step: l.step,
            reductions: l.reductions.clone(),
            array_reductions: l.array_reductions.clone(),
            last_values: l.last_values.clone(),
            body: Vec::new(),
            strip: None,
        })),
        other => other.clone(),
    }
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
