//! Reductions: which of them lanes may compute apart from each other and combine at the end, bit for bit.
//!
//! Integers and truth values: all. The smallest or largest float: if an element is taken only where it compares as better, so
//! that a NaN is never taken. Of zeros of both signs the first one counts, which lanes do not know; so the result may not be a
//! zero, unless no negative zero takes part ([`Extremum::zero_is_open`]). With the loop's variable as a companion
//! (`if x[i] < best: best = x[i]; at = i`) the lanes know which came first.

use crate::ir::{BinaryOp, CompareOp, ExprId, ExprKind, Func, LocalId, Loop, ReduceOp, Stmt, UnaryOp, walk};
use crate::numerics::math::MathFn1;

/// What is known of the smallest or largest float.
pub(super) struct Extremum {
    /// May zeros of both signs take part?
    pub zero_is_open: bool,
}

/// Is the local only ever replaced by what compares as better?
pub(super) fn extremum(func: &Func, l: &Loop, local: LocalId, op: ReduceOp) -> Option<Extremum> {
    let mut updates = Updates { func, l, local, op, is_fine: true, zero_is_open: false };
    updates.block(&l.body, None);
    updates.is_fine.then_some(Extremum { zero_is_open: updates.zero_is_open })
}

/// Is the companion the loop's variable, of the first of equal values?
pub(super) fn is_position(func: &Func, l: &Loop, local: LocalId, companion: LocalId, op: ReduceOp) -> bool {
    let mut is_position = l.step > 0;
    let mut visit = |cond: Option<ExprId>, value: ExprId| {
        let is_var = func.exprs[value].kind == ExprKind::Local(l.var);
        let is_strict =
            cond.is_some_and(|cond| better(func, cond, local, op).is_some_and(|(_, is_strict)| is_strict));
        is_position &= is_var && is_strict;
    };
    for_each_update(func, &l.body, companion, None, &mut visit);
    is_position
}

/// Calls `visit` on each value that the local may take, with the condition under which it does.
fn for_each_update(
    func: &Func,
    block: &[Stmt],
    local: LocalId,
    around: Option<ExprId>,
    visit: &mut dyn FnMut(Option<ExprId>, ExprId),
) {
    for stmt in block {
        match stmt {
            Stmt::Set { local: set, value } if *set == local => match func.exprs[*value].kind {
                ExprKind::Select { cond, then, orelse }
                    if func.exprs[orelse].kind == ExprKind::Local(local) =>
                {
                    visit(Some(cond), then);
                }
                _ => visit(around, *value),
            },
            Stmt::If { cond, then, orelse } => {
                for_each_update(func, then, local, Some(*cond), visit);
                for_each_update(func, orelse, local, None, visit);
            }
            other => {
                for inner in other.blocks() {
                    for_each_update(func, inner, local, None, visit);
                }
            }
        }
    }
}

/// `e < local` (for the smallest) in any way of writing it: the element, and is the comparison strict?
fn better(func: &Func, cond: ExprId, local: LocalId, wanted: ReduceOp) -> Option<(ExprId, bool)> {
    let ExprKind::Compare { op, left, right } = func.exprs[cond].kind else { return None };
    let is_local = |id: ExprId| func.exprs[id].kind == ExprKind::Local(local);
    let (element, is_left) = match (is_local(left), is_local(right)) {
        (false, true) => (left, true),
        (true, false) => (right, false),
        _ => return None,
    };
    let (is_less, is_strict) = match op {
        CompareOp::Lt => (true, true),
        CompareOp::Le => (true, false),
        CompareOp::Gt => (false, true),
        CompareOp::Ge => (false, false),
        CompareOp::Eq | CompareOp::Ne => return None,
    };
    let found = if is_less == is_left { ReduceOp::Min } else { ReduceOp::Max };
    (found == wanted).then_some((element, is_strict))
}

struct Updates<'a> {
    func: &'a Func,
    l: &'a Loop,
    local: LocalId,
    op: ReduceOp,
    is_fine: bool,
    zero_is_open: bool,
}

impl Updates<'_> {
    fn block(&mut self, block: &[Stmt], around: Option<ExprId>) {
        for stmt in block {
            match stmt {
                Stmt::Set { local, value } if *local == self.local => self.update(*value, around),
                Stmt::If { cond, then, orelse } => {
                    self.block(then, Some(*cond));
                    self.block(orelse, None);
                }
                other => {
                    for inner in other.blocks() {
                        self.block(inner, None);
                    }
                }
            }
        }
    }

    fn update(&mut self, value: ExprId, around: Option<ExprId>) {
        let func = self.func;
        let element = match func.exprs[value].kind {
            ExprKind::Binary { op: BinaryOp::Min, left, right } if self.op == ReduceOp::Min => {
                self.is_local(left).then_some(right)
            }
            ExprKind::Binary { op: BinaryOp::Max, left, right } if self.op == ReduceOp::Max => {
                self.is_local(left).then_some(right)
            }
            ExprKind::Select { cond, then, orelse } if self.is_local(orelse) => self.taken(cond, then),
            _ => around.and_then(|cond| self.taken(cond, value)),
        };
        match element {
            Some(element) => self.zero_is_open |= !self.is_without_negative_zero(element),
            None => self.is_fine = false,
        }
    }

    /// The element, if it is what was compared.
    fn taken(&self, cond: ExprId, value: ExprId) -> Option<ExprId> {
        let (element, _) = better(self.func, cond, self.local, self.op)?;
        walk::same_expr(&self.func.exprs, element, value).then_some(element)
    }

    fn is_local(&self, id: ExprId) -> bool {
        self.func.exprs[id].kind == ExprKind::Local(self.local)
    }

    fn is_without_negative_zero(&self, id: ExprId) -> bool {
        let exprs = &self.func.exprs;
        match &exprs[id].kind {
            ExprKind::Unary { op: UnaryOp::Abs, .. } | ExprKind::Math1 { function: MathFn1::Fabs, .. } => {
                true
            }
            ExprKind::Binary { op: BinaryOp::Mul, left, right } => walk::same_expr(exprs, *left, *right),
            ExprKind::Local(local) => {
                // The one value it is set to.
                let (mut count, mut found) = (0, None);
                walk::for_each_stmt(&self.l.body, &mut |stmt| {
                    walk::for_each_local_written(stmt, &mut |written| count += u32::from(written == *local));
                    if let Stmt::Set { local: set, value } = stmt
                        && set == local
                    {
                        found = Some(*value);
                    }
                });
                count == 1 && found.is_some_and(|value| self.is_without_negative_zero(value))
            }
            _ => false,
        }
    }
}
