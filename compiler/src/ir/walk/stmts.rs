//! Statements and blocks in the order of the text, the loops among them, and the ways out of a block.

use smallvec::SmallVec;

use crate::ir::func::{Func, LoopId};
use crate::ir::stmt::{ArrayValue, Block, Loop, Stmt};

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

/// A copy of the statement without the blocks in it.
#[must_use]
pub fn head_of(stmt: &Stmt) -> Stmt {
    match stmt {
        Stmt::If { cond, .. } => Stmt::If { cond: *cond, then: Vec::new(), orelse: Vec::new() },
        Stmt::While { id, cond, .. } => {
            Stmt::While { id: *id, head: Vec::new(), cond: *cond, body: Vec::new() }
        }
        Stmt::Loop(l) => Stmt::Loop(Box::new(Loop {
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
