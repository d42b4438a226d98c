//! Scalars of a parallel loop: private to the iteration, reduced, kept from the last iteration, or carried (an error).
//!
//! ```text
//! t = x[i] * 2          private: written before it is read
//! s = s + t             reduction; also -, *, min, max, &, |, ^, through ifs and inner loops, in several places
//! if t < best:          minimum with companions: best, where
//!     best = t
//!     where = i
//! if t < lo:            no reductions: what the branches do, or whether they run, depends on what `lo` is at the time
//!     lo = t
//! elif t > hi:
//!     hi = t
//! p = p * 0.5 + t       carried: K501
//! print(s)              a reduction that is read inside: K507
//! ```

use crate::analysis::liveness::{self, LiveAfter};
use crate::base::{Diagnostic, Span};
use crate::ir::walk::{self, LocalSet};
use crate::ir::{
    BinaryOp, Check, CompareOp, ExprId, ExprKind, Func, LocalId, ReduceOp, Reduction, Stmt, UnaryOp,
};
use crate::types::DType;
use crate::types::dtype::Kind;

use super::Region;
use super::report;

/// What became of the scalars.
#[derive(Default)]
pub(super) struct Scalars {
    pub(super) reductions: Vec<Reduction>,
    pub(super) last_values: Vec<LocalId>,
    /// One of the last values that a `break` may leave as the iteration before wrote it.
    pub(super) left_before: Option<LocalId>,
    pub(super) flags: Vec<(LocalId, bool)>,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

pub(super) fn check(func: &Func, region: &Region<'_>, live_after: &LiveAfter) -> Scalars {
    let body = &region.l.body;
    let mut result = Scalars::default();
    let read_first = liveness::read_first(func, body);
    let assigned = walk::assigned_locals(body);
    let always_written = liveness::always_written(body);
    let nothing = liveness::Live::default();
    let after = live_after.get(&region.l.id).unwrap_or(&nothing);

    // Variables that need an explanation: what an iteration reads or leaves behind that it did not surely write.
    let mut open = LocalSet::new();
    for local in assigned.iter() {
        if read_first.locals.contains(local) {
            open.insert(local);
        } else if after.locals.contains(local) {
            if always_written.contains(local) {
                result.last_values.push(local);
            } else {
                open.insert(local);
            }
        }
    }
    let before_breaks = liveness::written_before_breaks(body);
    let may_run_again = before_breaks.is_some();
    result.left_before = before_breaks
        .and_then(|written| result.last_values.iter().copied().find(|&local| !written.contains(local)));
    let uses = Uses::collect(func, region, &open, &after.locals, may_run_again);
    let mut companions_of_others = LocalSet::new();
    let mut failed = Vec::new();
    for local in open.iter() {
        match uses.of(local).reduction() {
            Some(op) if is_suited(op, func.locals[local].dtype) => {
                let companions = match uses.companions(local, &open, &read_first.locals) {
                    Ok(companions) => companions,
                    Err(()) => {
                        failed.push(local);
                        continue;
                    }
                };
                companions_of_others.extend(companions.iter().copied());
                result.reductions.push(Reduction { local, op, companions });
            }
            _ => failed.push(local),
        }
    }
    for local in failed {
        if companions_of_others.contains(local) {
            continue;
        }
        let use_of = uses.of(local);
        if !read_first.locals.contains(local) {
            match use_of.only_constant {
                // Set to one constant by some iterations: `found = True`.
                Some(value) if func.locals[local].dtype == DType::Bool && use_of.reads.is_empty() => {
                    let op = if value { ReduceOp::Or } else { ReduceOp::And };
                    result.flags.push((local, value));
                    result.reductions.push(Reduction { local, op, companions: Vec::new() });
                }
                _ => result.warnings.push(report::conditional_last_value(
                    func,
                    region,
                    local,
                    use_of.write_span(),
                )),
            }
        } else if !func.locals[local].is_user
            && !func.locals[local].dtype.is_float()
            && use_of.reads.is_empty()
        {
            result.warnings.push(report::conditional_last_value(func, region, local, use_of.write_span()));
        } else {
            result.errors.push(report::carried(func, region, local, use_of));
        }
    }
    for array in liveness::carried_arrays(body, &read_first) {
        result.errors.push(report::carried_array(func, region, array));
    }
    for array in walk::assigned_arrays(body).iter() {
        if after.arrays.contains(array) && result.errors.is_empty() {
            result.warnings.push(report::array_leaves(func, region, array));
        }
    }
    result
}

fn is_suited(op: ReduceOp, dtype: DType) -> bool {
    match op {
        ReduceOp::Add | ReduceOp::Mul | ReduceOp::Min | ReduceOp::Max => dtype != DType::Bool,
        ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => !dtype.is_float(),
    }
}

/// Every read and write of one variable in the loop.
#[derive(Clone, Default, Debug)]
pub(super) struct Use {
    /// Writes of the form `x = x op e`, with the reads of `x` that belong to them.
    pub(super) updates: Vec<(ReduceOp, Span)>,
    /// Reads that belong to no update.
    pub(super) reads: Vec<Span>,
    /// Writes that are no update.
    pub(super) writes: Vec<Span>,
    /// All writes are of this constant (of a `bool`).
    only_constant: Option<bool>,
    /// For each `if e < x: x = e`.
    branches: Vec<Branch>,
}

/// The branch of `if e < x: x = e`.
#[derive(Clone, Debug)]
struct Branch {
    written: LocalSet,
    /// By every way through it.
    always_written: LocalSet,
    /// Of equal values the first stays.
    is_strict: bool,
}

impl Use {
    /// The operation if the variable is only ever combined by it.
    pub(super) fn reduction(&self) -> Option<ReduceOp> {
        let (op, _) = *self.updates.first()?;
        let is_one = self.updates.iter().all(|&(other, _)| other == op);
        (is_one && self.reads.is_empty() && self.writes.is_empty()).then_some(op)
    }

    /// The first write.
    pub(super) fn write_span(&self) -> Span {
        let updates = self.updates.iter().map(|&(_, span)| span);
        updates.chain(self.writes.iter().copied()).min().unwrap_or_default()
    }
}

/// Branches that depend on a variable which they update.
#[derive(Clone, Copy)]
enum Branches<'s> {
    /// Of `if e < x: x = e; ...`, with the other branch.
    Extreme(&'s [Stmt], &'s [Stmt]),
    /// Of `if x: ...; x = e`.
    Flag(&'s [Stmt]),
}

struct Uses<'a> {
    /// Reads of each local in the whole body.
    all_reads: rustc_hash::FxHashMap<LocalId, usize>,
    /// Unaccounted for.
    open: &'a LocalSet,
    /// Read after the loop.
    after: &'a LocalSet,
    is_lockstep: bool,
    /// May an iteration run once more, after the others have come together? Behind a `break` the one before it does.
    may_run_again: bool,
    by_local: rustc_hash::FxHashMap<LocalId, Use>,
    nothing: Use,
    /// Number of writes of each variable.
    writes: rustc_hash::FxHashMap<LocalId, usize>,
}

impl<'a> Uses<'a> {
    fn of(&self, local: LocalId) -> &Use {
        self.by_local.get(&local).unwrap_or(&self.nothing)
    }

    fn collect(
        func: &Func,
        region: &Region<'_>,
        open: &'a LocalSet,
        after: &'a LocalSet,
        may_run_again: bool,
    ) -> Uses<'a> {
        let body = &region.l.body;
        let mut uses = Uses {
            all_reads: if open.is_empty() { rustc_hash::FxHashMap::default() } else { reads_in(func, body) },
            open,
            after,
            is_lockstep: region.is_lockstep,
            may_run_again,
            by_local: open.iter().map(|local| (local, Use::default())).collect(),
            nothing: Use::default(),
            writes: rustc_hash::FxHashMap::default(),
        };
        uses.block(func, body);
        for (local, use_of) in &mut uses.by_local {
            use_of.only_constant = only_constant(func, body, *local);
        }
        uses
    }

    fn block(&mut self, func: &Func, block: &[Stmt]) {
        for stmt in block {
            self.stmt(func, stmt);
        }
    }

    fn stmt(&mut self, func: &Func, stmt: &Stmt) {
        match stmt {
            Stmt::Set { local, value } if self.by_local.contains_key(local) => {
                let span = func.exprs[*value].span;
                match update_op(func, *local, *value) {
                    Some(op) => {
                        self.update(*local, op, span);
                        self.reads_except(func, stmt, *local);
                    }
                    None => {
                        self.reads_of(func, stmt);
                        self.write(*local, span);
                    }
                }
            }
            Stmt::If { cond, then, .. }
                if let Some((local, op)) = short_circuit(func, stmt)
                    && self.by_local.contains_key(&local)
                    && self.only_updates(func, local, Branches::Flag(then)) =>
            {
                self.update(local, op, func.exprs[*cond].span);
                self.reads_except(func, stmt, local);
                if let Some((last, others)) = then.split_last() {
                    self.block(func, others);
                    self.reads_of(func, last);
                }
            }
            Stmt::If { cond, then, orelse } => {
                if let Some((local, op, is_strict)) = extreme(func, *cond, then)
                    && self.by_local.contains_key(&local)
                    && self.only_updates(func, local, Branches::Extreme(then, orelse))
                {
                    self.update(local, op, func.exprs[*cond].span);
                    self.reads_except(func, stmt, local);
                    let written = walk::assigned_locals(then);
                    let always_written = liveness::always_written(then);
                    if let Some(use_of) = self.by_local.get_mut(&local) {
                        use_of.branches.push(Branch { written, always_written, is_strict });
                    }
                    for inner in then {
                        // The write of the extreme itself was counted.
                        if matches!(inner, Stmt::Set { local: l, .. } if *l == local) {
                            self.reads_of(func, inner);
                        } else {
                            self.stmt(func, inner);
                        }
                    }
                    self.block(func, orelse);
                    return;
                }
                self.reads_of(func, stmt);
                self.block(func, then);
                self.block(func, orelse);
            }
            _ => {
                self.reads_of(func, stmt);
                walk::for_each_local_written(stmt, &mut |local| {
                    let mut span = Span::default();
                    walk::for_each_expr_root(stmt, &mut |root| span = func.exprs[root].span);
                    self.write(local, span);
                });
                for inner in stmt.blocks() {
                    self.block(func, inner);
                }
            }
        }
    }

    /// Whether a branch runs depends on a variable that the branch updates. A part of the iterations, which starts from the
    /// operation's neutral element, takes such branches at other times: does that change nothing but the variable and what
    /// travels with it?
    fn only_updates(&self, func: &Func, updated: LocalId, branches: Branches<'_>) -> bool {
        let (then, orelse, is_flag) = match branches {
            Branches::Extreme(then, orelse) => (then, orelse, false),
            Branches::Flag(then) => (then, &[][..], true),
        };
        let mut is_pure = true;
        let mut look = |stmt: &Stmt| {
            is_pure &= match stmt {
                Stmt::Set { .. } | Stmt::If { .. } | Stmt::Check { check: Check::Index { .. }, .. } => true,
                // Lanes that fail leave to the loop, which knows better. What stands behind `and` or `or` is evaluated by each part.
                Stmt::Check { .. } => self.is_lockstep || is_flag,
                _ => false,
            };
        };
        walk::for_each_stmt(then, &mut look);
        walk::for_each_stmt(orelse, &mut look);
        if !is_pure {
            return false;
        }
        let is_other = |local: &LocalId| *local != updated && self.open.contains(*local);
        let mut written = walk::assigned_locals(then);
        // Those of an extreme are looked at as its companions.
        if is_flag && written.iter().any(|local| is_other(&local)) {
            return false;
        }
        let otherwise = walk::assigned_locals(orelse);
        if otherwise.contains(updated) || otherwise.iter().any(|local| is_other(&local)) {
            return false;
        }
        written.extend(otherwise.iter());
        let others: Vec<LocalId> =
            written.iter().filter(|&local| local != updated && !self.open.contains(local)).collect();
        if others.is_empty() {
            return true;
        }
        let (in_then, in_orelse) = (reads_in(func, then), reads_in(func, orelse));
        let count =
            |reads: &rustc_hash::FxHashMap<LocalId, usize>, local| reads.get(&local).copied().unwrap_or(0);
        // The last iteration runs by itself in lockstep, and after the others have come together.
        others.iter().all(|&local| {
            count(&self.all_reads, local) == count(&in_then, local) + count(&in_orelse, local)
                && (self.is_lockstep && !self.may_run_again || !self.after.contains(local))
        })
    }

    fn update(&mut self, local: LocalId, op: ReduceOp, span: Span) {
        *self.writes.entry(local).or_default() += 1;
        if let Some(use_of) = self.by_local.get_mut(&local) {
            use_of.updates.push((op, span));
        }
    }

    fn write(&mut self, local: LocalId, span: Span) {
        *self.writes.entry(local).or_default() += 1;
        if let Some(use_of) = self.by_local.get_mut(&local) {
            use_of.writes.push(span);
        }
    }

    fn reads_of(&mut self, func: &Func, stmt: &Stmt) {
        self.count_reads(func, stmt, None);
    }

    /// Reads of all variables but one.
    fn reads_except(&mut self, func: &Func, stmt: &Stmt, except: LocalId) {
        self.count_reads(func, stmt, Some(except));
    }

    fn count_reads(&mut self, func: &Func, stmt: &Stmt, except: Option<LocalId>) {
        walk::for_each_expr_root(stmt, &mut |root| {
            walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
                if let ExprKind::Local(local) = expr.kind
                    && Some(local) != except
                    && let Some(use_of) = self.by_local.get_mut(&local)
                {
                    use_of.reads.push(expr.span);
                }
            });
        });
    }

    /// What travels with a minimum or maximum.
    fn companions(&self, local: LocalId, open: &LocalSet, read_first: &LocalSet) -> Result<Vec<LocalId>, ()> {
        let branches = &self.of(local).branches;
        let mut companions = LocalSet::new();
        for branch in branches {
            companions.extend(branch.written.iter().filter(|&other| other != local && open.contains(other)));
        }
        let companions: Vec<LocalId> = companions.iter().collect();
        if companions.is_empty() {
            return Ok(companions);
        }
        let use_of = self.of(local);
        let all_strict = branches.iter().all(|branch| branch.is_strict);
        let is_complete = companions.iter().all(|&companion| {
            branches.iter().all(|branch| branch.always_written.contains(companion))
                && self.writes.get(&companion) == Some(&branches.len())
                && !read_first.contains(companion)
        });
        if all_strict && is_complete && branches.len() == use_of.updates.len() {
            Ok(companions)
        } else {
            Err(())
        }
    }
}

/// The operation if `value` is `local op e`, however the operands are grouped, and `e` does not read the local.
fn update_op(func: &Func, local: LocalId, value: ExprId) -> Option<ReduceOp> {
    let mut count = 0;
    walk::for_each_expr(&func.exprs, value, &mut |_, expr| {
        count += usize::from(expr.kind == ExprKind::Local(local));
    });
    if let ExprKind::Select { cond, then, orelse } = func.exprs[value].kind
        && count == 2
    {
        // `e if e < x else x`
        // `x op e if c else x`
        let conditional = |arm| {
            if walk::reads_local(&func.exprs, cond, local) { None } else { update_op(func, local, arm) }
        };
        return match (is_local(func, then, local), is_local(func, orelse, local)) {
            (false, true) => match extreme_of(func, cond, local, then) {
                Some((op, _)) => Some(op),
                None => conditional(then),
            },
            (true, false) => match extreme_of(func, cond, local, orelse) {
                Some((ReduceOp::Min, _)) => Some(ReduceOp::Max),
                Some(_) => Some(ReduceOp::Min),
                None => conditional(orelse),
            },
            _ => None,
        };
    }
    if count != 1 {
        return None;
    }
    let (mut at, mut op) = (value, None);
    let dtype = func.locals[local].dtype;
    // Is an integer cut to the variable's type, and do the other operands fit into it?
    let (mut is_cut, mut fits) = (false, true);
    loop {
        match func.exprs[at].kind {
            ExprKind::Local(_) => {
                // A cut does not keep the order.
                let is_ordered = matches!(op, Some(ReduceOp::Min | ReduceOp::Max));
                return op.filter(|_| !is_cut || !is_ordered || fits);
            }
            ExprKind::Cast { arg }
                if op.is_none()
                    && func.exprs[arg].ty.is_int()
                    && func.exprs[at].ty.is_int()
                    && func.exprs[arg].ty.widened() == func.exprs[arg].ty =>
            {
                is_cut = true;
                at = arg;
            }
            ExprKind::Binary { op: binary, left, right } => {
                let is_left = walk::reads_local(&func.exprs, left, local);
                let this = match binary {
                    BinaryOp::Add => ReduceOp::Add,
                    BinaryOp::Sub if is_left => ReduceOp::Add,
                    BinaryOp::Mul => ReduceOp::Mul,
                    BinaryOp::Min => ReduceOp::Min,
                    BinaryOp::Max => ReduceOp::Max,
                    BinaryOp::And => ReduceOp::And,
                    BinaryOp::Or => ReduceOp::Or,
                    BinaryOp::Xor => ReduceOp::Xor,
                    _ => return None,
                };
                if *op.get_or_insert(this) != this {
                    return None;
                }
                let other = if is_left { right } else { left };
                fits = fits && (!is_cut || is_within(func, other, dtype));
                at = if is_left { left } else { right };
            }
            // A product is added in one rounding (pass `contract`).
            ExprKind::Fma { c, .. }
                if walk::reads_local(&func.exprs, c, local) && op.is_none_or(|op| op == ReduceOp::Add) =>
            {
                op = Some(ReduceOp::Add);
                at = c;
            }
            // The arithmetic of narrow integers is wide: the variable is cast up on the way.
            ExprKind::Cast { arg }
                if is_local(func, arg, local) && dtype.is_int() && func.exprs[at].ty == dtype.widened() =>
            {
                at = arg;
            }
            _ => return None,
        }
    }
}

/// Are all values of the integer expression values of the type?
fn is_within(func: &Func, expr: ExprId, dtype: DType) -> bool {
    let range = |dtype: DType| {
        let bits = 8 * dtype.size_bytes() as u32;
        match dtype.kind() {
            Kind::Signed => Some((-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)),
            Kind::Unsigned => Some((0, (1i128 << bits) - 1)),
            Kind::Bool => Some((0, 1)),
            Kind::Float | Kind::Complex => None,
        }
    };
    let contains = |outer: DType, inner: DType| match (range(outer), range(inner)) {
        (Some(outer), Some(inner)) => outer.0 <= inner.0 && inner.1 <= outer.1,
        _ => false,
    };
    let ty = func.exprs[expr].ty;
    match func.exprs[expr].kind {
        ExprKind::Const(value) if ty.kind() == Kind::Signed => range(dtype)
            .is_some_and(|(lowest, highest)| (lowest..=highest).contains(&i128::from(value.as_int()))),
        ExprKind::Cast { arg } if contains(ty, func.exprs[arg].ty) => is_within(func, arg, dtype),
        _ => contains(dtype, ty),
    }
}

/// How often the block reads each local.
fn reads_in(func: &Func, block: &[Stmt]) -> rustc_hash::FxHashMap<LocalId, usize> {
    let mut reads = rustc_hash::FxHashMap::default();
    walk::for_each_expr_in(&func.exprs, block, &mut |_, expr| {
        if let ExprKind::Local(local) = expr.kind {
            *reads.entry(local).or_default() += 1;
        }
    });
    reads
}

fn is_local(func: &Func, expr: ExprId, local: LocalId) -> bool {
    func.exprs[expr].kind == ExprKind::Local(local)
}

/// `if e < x: x = e; ...`: the variable, the operation, and is the comparison strict?
fn extreme(func: &Func, cond: ExprId, then: &[Stmt]) -> Option<(LocalId, ReduceOp, bool)> {
    let ExprKind::Compare { left, right, .. } = func.exprs[cond].kind else { return None };
    let written = walk::assigned_locals(then);
    for (side, other) in [(left, right), (right, left)] {
        let ExprKind::Local(local) = func.exprs[side].kind else { continue };
        if walk::reads_local(&func.exprs, other, local) || !written.contains(local) {
            continue;
        }
        let mut sets = Vec::new();
        let mut total = 0;
        walk::for_each_stmt(then, &mut |stmt| {
            walk::for_each_local_written(stmt, &mut |l| total += usize::from(l == local));
        });
        for stmt in then {
            if let Stmt::Set { local: l, value } = stmt
                && *l == local
            {
                sets.push(*value);
            }
        }
        // The value must be what was compared, and what it reads unchanged in between.
        let is_stable = |expr: ExprId| {
            !walk::any_expr(
                &func.exprs,
                expr,
                &mut |e| matches!(e.kind, ExprKind::Local(l) if written.contains(l)),
            )
        };
        if let [value] = sets[..]
            && total == 1
            && walk::same_expr(&func.exprs, value, other)
            && is_stable(other)
        {
            let (op, is_strict) = extreme_of(func, cond, local, other)?;
            return Some((local, op, is_strict));
        }
    }
    None
}

/// What `x` becomes by taking `other` where the comparison holds.
fn extreme_of(func: &Func, cond: ExprId, local: LocalId, other: ExprId) -> Option<(ReduceOp, bool)> {
    let ExprKind::Compare { op, left, right } = func.exprs[cond].kind else { return None };
    let other_is_left = is_local(func, right, local) && walk::same_expr(&func.exprs, left, other);
    let other_is_right = is_local(func, left, local) && walk::same_expr(&func.exprs, right, other);
    if !other_is_left && !other_is_right {
        return None;
    }
    let (is_less, is_strict) = match op {
        CompareOp::Lt => (true, true),
        CompareOp::Le => (true, false),
        CompareOp::Gt => (false, true),
        CompareOp::Ge => (false, false),
        CompareOp::Eq | CompareOp::Ne => return None,
    };
    Some((if is_less == other_is_left { ReduceOp::Min } else { ReduceOp::Max }, is_strict))
}

/// `if x: ...; x = e`, what `x = x and e` becomes when `e` has effects, and likewise for `or`: the variable and the operation.
fn short_circuit(func: &Func, stmt: &Stmt) -> Option<(LocalId, ReduceOp)> {
    let Stmt::If { cond, then, orelse } = stmt else { return None };
    let (read, op) = match func.exprs[*cond].kind {
        ExprKind::Unary { op: UnaryOp::Not, arg } => (arg, ReduceOp::Or),
        _ => (*cond, ReduceOp::And),
    };
    let ExprKind::Local(local) = func.exprs[read].kind else { return None };
    let Some((Stmt::Set { local: set, .. }, others)) = then.split_last() else { return None };
    let mut is_read = false;
    walk::for_each_expr_in(&func.exprs, then, &mut |_, expr| is_read |= expr.kind == ExprKind::Local(local));
    let holds = *set == local && func.locals[local].dtype == DType::Bool && orelse.is_empty();
    (holds && !is_read && !walk::assigned_locals(others).contains(local)).then_some((local, op))
}

/// The constant that all writes of a `bool` write.
fn only_constant(func: &Func, body: &[Stmt], local: LocalId) -> Option<bool> {
    let mut constants = Vec::new();
    walk::for_each_stmt(body, &mut |stmt| {
        walk::for_each_local_written(stmt, &mut |written| {
            if written == local {
                constants.push(match stmt {
                    Stmt::Set { value, .. } => match func.exprs[*value].kind {
                        ExprKind::Const(value) => Some(value.as_int() != 0),
                        _ => None,
                    },
                    _ => None,
                });
            }
        });
    });
    let first = *constants.first()?;
    if constants.iter().all(|&c| c == first) { first } else { None }
}
