//! Puts the index checks of a loop nest into one condition in front of it.
//!
//! ```text
//! for i in lo .. hi {                   if lo >= 0 & hi <= dim(x, 0) {
//!   check index(i, x, 0) else index       for i in lo .. hi { x[i] = 0.0 }
//!   x[wrap(i, dim(x, 0))] = 0.0   ==>   } else {
//! }                                       the loop as it was, so that the error is exact
//!                                       }
//! ```
//!
//! A check goes to the outermost loop in front of which the range of its index can be computed; what is proven without a
//! test is dropped. In the fast copy no index is negative, so nothing wraps. Checks of conditions that do not change in the
//! loop (a divisor is not 0) are hoisted likewise.
//!
//! Conservative: which error is raised, and after which stores, does not change. Conditions are exact in 64 bits: values
//! that they multiply or add are first tested to be small; extents are below 2^48. A check under a branch adds no
//! condition of its own. Indices that are data stay checked.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{PassReport, build};
use crate::analysis::affine::{Atom, AtomId, Poly, Side};
use crate::analysis::values::{Factor, Source, Sum, Values};
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{
    ArrayId, BinaryOp, Block, Check, CompareOp, ExprId, ExprKind, Func, Loop, LoopId, Program, Remark,
    RemarkKind, Stmt,
};
use crate::types::DType;

/// Guards the loops of every function.
pub fn guard(program: &mut Program, report: &mut PassReport) {
    let mut remarks = Vec::new();
    for func in program.funcs.values_mut() {
        let mut has_checks = false;
        walk::for_each_stmt(&func.body, &mut |stmt| has_checks |= matches!(stmt, Stmt::Check { .. }));
        if !has_checks {
            continue;
        }
        let plan = plan(func);
        report.add(plan.proven.len() + plan.guards.values().map(|g| g.checks.len()).sum::<usize>());
        remarks.extend(plan.remarks.iter().cloned());
        apply(func, &plan);
    }
    program.remarks.extend(remarks);
}

/// What is to be done.
#[derive(Default)]
struct Plan {
    /// Checks (by their condition or index) that always hold.
    proven: FxHashSet<ExprId>,
    /// `Wrap`s that never wrap.
    unwrapped: FxHashSet<ExprId>,
    guards: FxHashMap<LoopId, Guard>,
    remarks: Vec<Remark>,
}

/// What is tested in front of a loop.
#[derive(Default)]
struct Guard {
    conditions: Vec<Condition>,
    checks: Vec<ExprId>,
    wraps: Vec<ExprId>,
}

#[derive(Clone, PartialEq)]
enum Condition {
    /// `left >= right`.
    AtLeast(Sum, Sum),
    /// Below 2^bits in size.
    Small(Factor, u32),
    /// Something that does not change in the loop.
    Holds(ExprId),
}

/// A loop on the way to a check.
struct Frame {
    id: LoopId,
    mark: AtomId,
    sources: FxHashMap<AtomId, Source>,
    /// Branches around it.
    depth: u32,
    parent: Option<usize>,
    /// What its body assigns.
    locals: walk::LocalSet,
    arrays: walk::ArraySet,
}

/// A check that was not proven.
struct OpenCheck {
    id: ExprId,
    kind: OpenKind,
    frame: Option<usize>,
    depth: u32,
    span: Span,
}

enum OpenKind {
    Index { index: Poly, dim: Poly, array: ArrayId, is_nonneg: bool, is_below: bool },
    Cond,
}

struct OpenWrap {
    id: ExprId,
    index: Poly,
    frame: Option<usize>,
}

struct Planner<'a> {
    values: Values<'a>,
    frames: Vec<Frame>,
    frame: Option<usize>,
    depth: u32,
    /// First values of loop variables, by counter.
    firsts: FxHashMap<AtomId, Poly>,
    checks: Vec<OpenCheck>,
    wraps: Vec<OpenWrap>,
    plan: Plan,
}

fn plan(func: &Func) -> Plan {
    let mut planner = Planner {
        values: Values::new(func),
        frames: Vec::new(),
        frame: None,
        depth: 0,
        firsts: FxHashMap::default(),
        checks: Vec::new(),
        wraps: Vec::new(),
        plan: Plan::default(),
    };
    planner.block(&func.body);
    planner.hoist();
    planner.plan
}

impl<'a> Planner<'a> {
    fn block(&mut self, block: &'a [Stmt]) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        if !matches!(stmt, Stmt::While { .. }) {
            self.note_wraps(stmt);
        }
        match stmt {
            Stmt::If { cond, then, orelse } => {
                let (before, facts) = (self.values.state.clone(), self.values.facts.len());
                self.depth += 1;
                self.values.assume(*cond, true);
                self.block(then);
                let after_then = std::mem::replace(&mut self.values.state, before);
                self.values.facts.truncate(facts);
                self.values.assume(*cond, false);
                self.block(orelse);
                self.values.facts.truncate(facts);
                self.depth -= 1;
                let after_orelse = self.values.state.clone();
                let ends = |block: &[Stmt]| block.last().is_some_and(Stmt::is_jump);
                match (ends(then), ends(orelse)) {
                    (true, false) => self.values.assume(*cond, false),
                    (false, true) => {
                        self.values.state = after_then;
                        self.values.assume(*cond, true);
                    }
                    (true, true) | (false, false) => self.values.merge(&after_then, &after_orelse),
                }
                if walk::contains_exit(then) || walk::contains_exit(orelse) {
                    self.depth += 1;
                }
            }
            Stmt::While { head, cond, body, .. } => {
                let (facts, depth) = (self.values.facts.len(), self.depth);
                self.values.leave_loop(&[head, body]);
                self.depth += 1;
                self.block(head);
                self.note_wraps(stmt);
                self.values.assume(*cond, true);
                self.block(body);
                self.depth = depth;
                self.values.facts.truncate(facts);
                self.values.leave_loop(&[head, body]);
            }
            Stmt::Loop(l) => self.counted_loop(l),
            Stmt::Check { check, .. } => {
                self.check(check);
                self.values.step(stmt);
            }
            _ => self.values.step(stmt),
        }
    }

    fn counted_loop(&mut self, l: &'a Loop) {
        let (facts, depth, outer) = (self.values.facts.len(), self.depth, self.frame);
        let (lo, hi) = self.values.range(l);
        self.frames.push(Frame {
            id: l.id,
            mark: self.values.atoms.mark(),
            sources: self.values.sources(),
            depth,
            parent: outer,
            locals: walk::assigned_locals(&l.body),
            arrays: walk::assigned_arrays(&l.body),
        });
        let frame = self.frames.len() - 1;
        self.frames[frame].locals.insert(l.var);
        self.frame = Some(frame);
        self.values.atoms.value(None, None);
        if let Some(counter) = self.values.enter_loop(l, &lo, &hi) {
            self.firsts.insert(counter, lo);
        }
        self.block(&l.body);
        self.frame = outer;
        self.depth = depth;
        self.values.facts.truncate(facts);
        self.values.leave_loop(&[&l.body]);
    }

    fn note_wraps(&mut self, stmt: &'a Stmt) {
        let mut found = Vec::new();
        let exprs = &self.values.func.exprs;
        walk::for_each_expr_root(stmt, &mut |root| {
            walk::for_each_expr(exprs, root, &mut |id, expr| {
                if let ExprKind::Wrap { index, extent } = expr.kind {
                    found.push((id, index, extent));
                }
            });
        });
        for (id, index, extent) in found {
            let (index, extent) = (self.values.eval(index), self.values.eval(extent));
            if self.is_proven(&index, &index, extent.as_atom()) {
                self.plan.unwrapped.insert(id);
            } else {
                self.wraps.push(OpenWrap { id, index, frame: self.frame });
            }
        }
    }

    fn check(&mut self, check: &Check) {
        let exprs = &self.values.func.exprs;
        match *check {
            Check::Cond(cond) => self.checks.push(OpenCheck {
                id: cond,
                kind: OpenKind::Cond,
                frame: self.frame,
                depth: self.depth,
                span: exprs[cond].span,
            }),
            Check::Index { index: id, array, axis } => {
                let span = exprs[id].span;
                let (index, dim) = (self.values.eval(id), self.values.dim(array, axis));
                let below = dim.sub(&index).and_then(|p| p.plus(-1));
                let known = dim.as_atom();
                let is_nonneg = self.is_proven(&index, &index, known);
                let is_below = below.is_some_and(|p| self.is_proven(&p, &index, known));
                // A negative index down to -dim is as good.
                let is_above =
                    is_nonneg || index.add(&dim).is_some_and(|p| self.is_proven(&p, &index, known));
                if is_above && is_below {
                    self.plan.proven.insert(id);
                    return;
                }
                let kind = OpenKind::Index { index, dim, array, is_nonneg, is_below };
                self.checks.push(OpenCheck { id, kind, frame: self.frame, depth: self.depth, span });
            }
        }
    }

    /// Is `poly`, which says something of `index`, surely at least 0, in 64-bit arithmetic too? `known` is an atom that is an
    /// extent here.
    fn is_proven(&self, poly: &Poly, index: &Poly, known: Option<AtomId>) -> bool {
        let atoms = &self.values.atoms;
        // A single variable that is not negative is so whatever its size.
        let is_plain = poly.as_atom().is_some_and(|atom| matches!(atoms.atom(atom), Atom::Value));
        if (is_plain || atoms.is_exact(poly, known)) && atoms.is_nonneg(poly) {
            return true;
        }
        // `i < n` says that `i + 1 <= n`; but `a >= b` does not say that `a - b` does not overflow.
        let is_simple = match index.terms() {
            [(monomial, factor)] => *factor == 1 && monomial.len() == 1,
            [(constant, _), (monomial, factor)] => constant.is_empty() && *factor == 1 && monomial.len() == 1,
            _ => false,
        };
        self.values.facts.iter().rev().take(16).any(|fact| {
            (is_simple && fact == poly)
                || (atoms.is_exact(poly, known)
                    && atoms.is_exact(fact, known)
                    && poly.sub(fact).is_some_and(|rest| atoms.is_nonneg(&rest)))
        })
    }

    /// Finds a loop for each open check: unconditional ones first, since they bring the conditions.
    fn hoist(&mut self) {
        let mut checks = std::mem::take(&mut self.checks);
        checks.sort_by_key(|check| {
            let depth = check.frame.map_or(0, |f| self.frames[f].depth);
            check.depth > depth
        });
        // What is not negative in the fast copy of a loop.
        let mut nonneg: FxHashSet<(LoopId, Poly)> = FxHashSet::default();
        for check in &checks {
            let mut chain = Vec::new();
            let mut at = check.frame;
            while let Some(frame) = at {
                chain.push(frame);
                at = self.frames[frame].parent;
            }
            let found = chain.iter().rev().find_map(|&frame| {
                let conditions = self.conditions(check, frame);
                self.values.atoms.assumed.clear();
                conditions.map(|c| (frame, c))
            });
            match found {
                Some((frame, conditions)) => {
                    let id = self.frames[frame].id;
                    let guard = self.plan.guards.entry(id).or_default();
                    for condition in conditions {
                        if !guard.conditions.contains(&condition) {
                            guard.conditions.push(condition);
                        }
                    }
                    guard.checks.push(check.id);
                    if let OpenKind::Index { index, .. } = &check.kind {
                        nonneg.insert((id, index.clone()));
                    }
                }
                None => self.remark_stays(check, &chain),
            }
        }
        for wrap in std::mem::take(&mut self.wraps) {
            let mut at = wrap.frame;
            while let Some(frame) = at {
                let id = self.frames[frame].id;
                if nonneg.contains(&(id, wrap.index.clone())) {
                    if let Some(guard) = self.plan.guards.get_mut(&id) {
                        guard.wraps.push(wrap.id);
                    }
                    break;
                }
                at = self.frames[frame].parent;
            }
        }
        for (id, guard) in &self.plan.guards {
            let span = self.values.func.loops[*id].span;
            let text = format!("{} checks are one test before the loop", guard.checks.len());
            self.plan.remarks.push(Remark { span, kind: RemarkKind::Checks, is_done: true, text });
        }
        self.plan.remarks.sort_by_key(|remark| remark.span);
    }

    fn remark_stays(&mut self, check: &OpenCheck, chain: &[usize]) {
        if chain.is_empty() {
            return;
        }
        let text = match &check.kind {
            OpenKind::Index { array, .. } => {
                let name = &self.values.func.arrays[*array].name;
                format!(
                    "the index of `{name}` is checked in every iteration: its range is not known before the loop"
                )
            }
            OpenKind::Cond => "checked in every iteration: it depends on the iteration".to_owned(),
        };
        self.plan.remarks.push(Remark { span: check.span, kind: RemarkKind::Checks, is_done: false, text });
    }

    /// What makes the check hold for the whole loop.
    fn conditions(&mut self, check: &OpenCheck, frame_number: usize) -> Option<Vec<Condition>> {
        let Planner { values, frames, .. } = self;
        let frame = &frames[frame_number];
        let mut assumptions = Vec::new();
        if let OpenKind::Index { index, .. } = &check.kind {
            // What multiplies a counter is tested not to be negative.
            for (monomial, _) in index.terms() {
                if monomial.len() > 1 && monomial.iter().any(|&a| values.atoms.is_newer(a, frame.mark)) {
                    for &atom in monomial {
                        let is_open = values.atoms.constant_bounds(atom).0.is_none_or(|lo| lo < 0);
                        if is_open
                            && !values.atoms.is_newer(atom, frame.mark)
                            && values.atoms.assumed.insert(atom)
                        {
                            assumptions.push(Condition::AtLeast(
                                values.readable(&Poly::atom(atom), &frame.sources)?,
                                Sum::default(),
                            ));
                        }
                    }
                }
            }
        }
        let frame = &self.frames[frame_number];
        let is_conditional = check.depth > frame.depth;
        let conditions = match &check.kind {
            OpenKind::Cond => {
                if is_conditional || !self.is_invariant(check.id, frame) {
                    return None;
                }
                vec![Condition::Holds(check.id)]
            }
            OpenKind::Index { index, dim, is_nonneg, is_below, .. } => {
                let is_new = |atom: AtomId| self.values.atoms.is_newer(atom, frame.mark);
                let known = dim.as_atom();
                let mut conditions = assumptions;
                let is_exact = atoms_exact(&self.values, index, dim, known);
                if !is_exact && !self.is_loop_variable(index, frame) {
                    self.all_small(index, dim, frame, &mut conditions)?;
                }
                if !is_nonneg {
                    let lowest = self.values.atoms.bounds(index, Side::Lower, &is_new);
                    conditions.extend(lowest.iter().find_map(|p| self.at_least_zero(p, frame, known))?);
                }
                if !is_below {
                    let gap = dim.sub(index)?.plus(-1)?;
                    let smallest = self.values.atoms.bounds(&gap, Side::Lower, &is_new);
                    conditions.extend(smallest.iter().find_map(|p| self.at_least_zero(p, frame, known))?);
                }
                conditions
            }
        };
        if is_conditional {
            // Only if the loop is guarded by all of it anyway.
            let guard = self.plan.guards.get(&frame.id);
            let is_there = |c: &Condition| guard.is_some_and(|g| g.conditions.contains(c));
            if !conditions.iter().all(is_there) {
                return None;
            }
        }
        Some(conditions)
    }

    /// Is the index a loop variable plus a small constant? Then it is within the loop's bounds as they were computed.
    fn is_loop_variable(&self, index: &Poly, frame: &Frame) -> bool {
        let Some(counter) = index.newest(&|atom| self.values.atoms.is_newer(atom, frame.mark)) else {
            return true;
        };
        let Some((factor, rest)) = index.split(counter) else { return false };
        let offset = self.firsts.get(&counter).and_then(|first| rest.sub(first)).and_then(|p| p.as_int());
        matches!(factor.as_int(), Some(1 | -1)) && offset.is_some_and(|k| k.unsigned_abs() < 1 << 40)
    }

    /// Tests that everything the index is computed from is small enough for arithmetic not to overflow.
    fn all_small(
        &self,
        index: &Poly,
        dim: &Poly,
        frame: &Frame,
        conditions: &mut Vec<Condition>,
    ) -> Option<()> {
        let atoms = &self.values.atoms;
        let mut open = vec![index.clone(), dim.clone()];
        let mut leaves: Vec<AtomId> = Vec::new();
        let mut seen: FxHashSet<AtomId> = FxHashSet::default();
        let mut degree = 1;
        while let Some(poly) = open.pop() {
            for (monomial, factor) in poly.terms() {
                let limit = if monomial.is_empty() { 1 << 40 } else { 1 << 10 };
                if factor.unsigned_abs() >= limit {
                    return None;
                }
                degree = degree.max(monomial.len());
                for &atom in monomial {
                    if !seen.insert(atom) {
                        continue;
                    }
                    match atoms.atom(atom) {
                        Atom::Counter { upper, .. } => {
                            open.extend(upper.iter().cloned());
                            open.extend(self.firsts.get(&atom).cloned());
                        }
                        Atom::Op { left, right, .. } => open.extend([left.clone(), right.clone()]),
                        Atom::Value => leaves.push(atom),
                    }
                }
            }
        }
        let bits = small_bits(degree);
        for atom in leaves {
            if atoms.is_small(atom, None) && degree <= 1 {
                continue;
            }
            if atoms.is_newer(atom, frame.mark) {
                // Data of the iteration: only if its type bounds it.
                if atoms.is_small(atom, None) { continue } else { return None }
            }
            let factor = match frame.sources.get(&atom)? {
                Source::Local(local) => Factor::Local(*local),
                Source::Dim(array, axis) => Factor::Dim(*array, *axis),
            };
            let condition = Condition::Small(factor, bits);
            if !conditions.contains(&condition) {
                conditions.push(condition);
            }
        }
        Some(())
    }

    fn is_invariant(&self, root: ExprId, frame: &Frame) -> bool {
        !walk::any_expr(&self.values.func.exprs, root, &mut |expr| match &expr.kind {
            ExprKind::Local(local) => frame.locals.contains(*local),
            ExprKind::Load { .. } | ExprKind::Interrupted => true,
            ExprKind::Dim { array, .. } | ExprKind::Stride { array, .. } | ExprKind::Base { array } => {
                frame.arrays.contains(*array)
            }
            ExprKind::Overlaps { a, b } => frame.arrays.contains(*a) || frame.arrays.contains(*b),
            _ => false,
        })
    }

    /// `poly >= 0` as conditions on what can be read in front of the loop; `None` if it cannot hold or be read.
    fn at_least_zero(&self, poly: &Poly, frame: &Frame, known: Option<AtomId>) -> Option<Vec<Condition>> {
        let atoms = &self.values.atoms;
        if let Some(value) = poly.as_int() {
            return (value >= 0).then(Vec::new);
        }
        let sum = self.values.readable(poly, &frame.sources)?;
        let (mut left, mut right) = (Sum::default(), Sum::default());
        let mut degree = 1;
        for (factor, factors) in sum.terms {
            degree = degree.max(factors.len());
            if factor > 0 {
                left.terms.push((factor, factors));
            } else {
                right.terms.push((factor.checked_neg()?, factors));
            }
        }
        let mut conditions = Vec::new();
        let is_single = |sum: &Sum| {
            sum.terms.len() <= 1
                && sum.terms.iter().all(|(factor, factors)| {
                    factors.is_empty()
                        || (*factor == 1
                            && matches!(factors.as_slice(), [Factor::Local(_) | Factor::Dim(..)]))
                })
        };
        // Two plain values are compared as they are; sums and products must not overflow.
        let is_exact = (is_single(&left) && is_single(&right)) || atoms.is_exact(poly, known);
        if !is_exact {
            let bits = small_bits(degree);
            for sum in [&left, &right] {
                if sum.terms.iter().any(|(factor, factors)| {
                    let limit = if factors.is_empty() { 1 << 40 } else { 1 << 10 };
                    *factor >= limit
                }) {
                    return None;
                }
                small_factors(sum, degree, bits, &mut conditions);
            }
        }
        conditions.push(Condition::AtLeast(left, right));
        Some(conditions)
    }
}

/// Values below 2^bits in size can be multiplied that often and added.
fn small_bits(degree: usize) -> u32 {
    match degree {
        0 | 1 => 40,
        2 => 26,
        3 => 16,
        _ => 12,
    }
}

/// Are an index and its extent computed without overflow, whatever the variables hold?
fn atoms_exact(values: &Values<'_>, index: &Poly, dim: &Poly, known: Option<AtomId>) -> bool {
    values.atoms.is_exact(index, known) && values.atoms.is_exact(dim, known)
}

/// The tests that make a sum of such a degree free of overflow. Extents need none in linear sums.
fn small_factors(sum: &Sum, degree: usize, bits: u32, conditions: &mut Vec<Condition>) {
    for (_, factors) in &sum.terms {
        for factor in factors {
            match factor {
                Factor::Dim(..) if degree <= 1 => {}
                Factor::Local(_) | Factor::Dim(..) => {
                    let condition = Condition::Small(factor.clone(), bits);
                    if !conditions.contains(&condition) {
                        conditions.push(condition);
                    }
                }
                Factor::Op(_, left, right) => {
                    small_factors(left, degree.max(2), bits.min(26), conditions);
                    small_factors(right, degree.max(2), bits.min(26), conditions);
                }
            }
        }
    }
}

fn apply(func: &mut Func, plan: &Plan) {
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
                walk::clone_block(func, std::slice::from_ref(stmt))
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn guarded(body: &str) -> String {
        let head = "trap0 = K701 IndexError \"bad\"\n\nentry func f(x: f64[:], a: f64[:, :], p: i64[:], lo: i64, hi: i64, n: i64) {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap_or_else(|e| panic!("{e}"));
        guard(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn a_range_is_tested_once() {
        let slow = "    for i in lo .. hi {\n      check index(i, x, 0) else trap0\n      x[wrap(i, dim(x, 0))] = 0.0\n    }\n";
        let body = "  for i in lo .. hi {\n    check index(i, x, 0) else trap0\n    x[wrap(i, dim(x, 0))] = 0.0\n  }\n";
        let fast = "    for i in lo .. hi {\n      x[i] = 0.0\n    }\n";
        assert_eq!(
            guarded(body),
            format!("  if (lo >= 0) & (dim(x, 0) >= hi) {{\n{fast}  }} else {{\n{slow}  }}\n}}\n")
        );
    }

    #[test]
    fn whole_ranges_need_no_test() {
        let body = "  for i in 1 .. dim(a, 0) - 1 {\n    for j in 0 .. dim(a, 1) {\n      check index(i - 1, a, 0) else trap0\n      \
                    check index(j, a, 1) else trap0\n      a[wrap(i - 1, dim(a, 0)), j] = 0.0\n    }\n  }\n";
        let after = "  for i in 1 .. dim(a, 0) - 1 {\n    for j in 0 .. dim(a, 1) {\n      a[i - 1, j] = 0.0\n    }\n  }\n}\n";
        assert_eq!(guarded(body), after);
    }

    #[test]
    fn data_dependent_bounds_are_tested_before_the_inner_loop() {
        let body = "  for i in 0 .. dim(p, 0) - 1 {\n    for k in p[i] .. p[i + 1] {\n      check index(k, x, 0) else trap0\n      x[k] = 0.0\n    }\n  }\n";
        assert!(!guarded(body).contains("if"), "a load cannot be read before it is loaded");
        let body = "  for i in 0 .. dim(p, 0) - 1 {\n    %b: i64 = p[i]\n    %e: i64 = p[i + 1]\n    for k in %b .. %e {\n      check index(k, x, 0) else trap0\n      x[k] = 0.0\n    }\n  }\n";
        assert!(guarded(body).contains(
            "    if (%b >= 0) & (dim(x, 0) >= %e) {\n      for k in %b .. %e {\n        x[k] = 0.0\n"
        ));
    }

    #[test]
    fn products_are_tested_to_be_small() {
        let body = "  for i in 0 .. n {\n    check index(i * n, x, 0) else trap0\n    x[i * n] = 0.0\n  }\n";
        let text = guarded(body);
        assert!(text.contains("u64(n + 67108864) < 134217728_u64"), "{text}");
    }

    #[test]
    fn branches_bring_facts_but_no_conditions() {
        let body = "  for i in 0 .. dim(x, 0) {\n    if i > 0 {\n      check index(i - 1, x, 0) else trap0\n      x[wrap(i - 1, dim(x, 0))] = 0.0\n    }\n  }\n";
        assert_eq!(
            guarded(body),
            "  for i in 0 .. dim(x, 0) {\n    if i > 0 {\n      x[i - 1] = 0.0\n    }\n  }\n}\n"
        );
        let body = "  for i in 0 .. n {\n    if p[0] > 0 {\n      check index(i, x, 0) else trap0\n      x[i] = 0.0\n    }\n  }\n";
        assert!(guarded(body).contains("check"));
    }

    #[test]
    fn conditions_of_while_loops_prove_indices() {
        let body = "  var i: i64\n  i = 0\n  while i < dim(x, 0) {\n    check index(i, x, 0) else trap0\n    x[wrap(i, dim(x, 0))] = 0.0\n    i = i + 1\n  }\n";
        let text = guarded(body);
        assert!(!text.contains("check") && text.contains("x[i] = 0.0"), "{text}");
    }

    #[test]
    fn a_second_check_of_the_same_index_goes() {
        let body = "  check index(n, x, 0) else trap0\n  x[wrap(n, dim(x, 0))] = 1.0\n  check index(n, x, 0) else trap0\n  x[wrap(n, dim(x, 0))] = 2.0\n";
        assert_eq!(guarded(body).matches("check").count(), 1);
    }
}
