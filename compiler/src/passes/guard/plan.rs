//! What is to be tested in front of which loop: facts only, nothing is edited here.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Condition, Plan};
use crate::analysis::affine::{Atom, AtomId, Poly, Side};
use crate::analysis::values::{Factor, Source, Sum, Values, Walk, branches};
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{ArrayId, Check, ExprId, ExprKind, Func, Loop, LoopId, Remark, RemarkKind, Stmt};

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
    /// One or two iterations at the ends of a ring: not worth a copy.
    is_end: bool,
}

/// Checks of a branch that are looked for in the other one, at most.
const MOST_JOINED: usize = 16;

/// A check that was not proven.
struct OpenCheck {
    id: ExprId,
    kind: OpenKind,
    frame: Option<usize>,
    depth: u32,
    span: Span,
}

enum OpenKind {
    /// An index that must not be negative so that it need not be wrapped.
    Wrap {
        index: Poly,
    },
    Index {
        index: Poly,
        dim: Poly,
        array: ArrayId,
        axis: u8,
        is_nonneg: bool,
        is_below: bool,
    },
    Cond,
}

struct OpenWrap {
    id: ExprId,
    index: Poly,
    frame: Option<usize>,
    depth: u32,
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
    /// How many checks there were at the ends of the branches walked last.
    branch_ends: Vec<usize>,
    /// Loops over the ends of rings.
    ring_ends: FxHashSet<LoopId>,
    plan: Plan,
}

/// Plans for a function; `None` if there is nothing in it to guard.
pub(super) fn plan(func: &Func) -> Option<Plan> {
    let (mut has_checks, mut has_wraps) = (false, false);
    walk::for_each_stmt(&func.body, &mut |stmt| {
        has_checks |= matches!(stmt, Stmt::Check { .. });
        walk::for_each_expr_root(stmt, &mut |root| {
            has_wraps |=
                walk::any_expr(&func.exprs, root, &mut |expr| matches!(expr.kind, ExprKind::Wrap { .. }));
        });
    });
    if !has_checks && !has_wraps {
        return None;
    }
    let mut planner = Planner {
        values: Values::new(func),
        frames: Vec::new(),
        frame: None,
        depth: 0,
        firsts: FxHashMap::default(),
        checks: Vec::new(),
        wraps: Vec::new(),
        branch_ends: Vec::new(),
        ring_ends: FxHashSet::default(),
        plan: Plan::default(),
    };
    planner.block(&func.body);
    if !has_checks {
        // Without checks (`boundscheck=False`) it is the wraps that want a condition.
        planner.check_wraps();
    }
    planner.hoist();
    Some(planner.plan)
}

impl<'a> Walk<'a> for Planner<'a> {
    fn values(&mut self) -> &mut Values<'a> {
        &mut self.values
    }

    fn walk(&mut self, block: &'a [Stmt]) {
        self.block(block);
        self.branch_ends.push(self.checks.len());
    }
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
                let first = self.checks.len();
                self.ring_ends.extend(ring_end(self.values.func, then, orelse));
                self.depth += 1;
                branches(self, *cond, then, orelse);
                self.depth -= 1;
                self.branch_ends.pop();
                if let Some(middle) = self.branch_ends.pop() {
                    self.join_checks(first, middle);
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

    /// What both branches check is checked in any case: as if it stood before the branch.
    fn join_checks(&mut self, first: usize, middle: usize) {
        let inner = self.depth + 1;
        let (then, orelse) = self.checks.split_at_mut(middle);
        for one in then[first..].iter_mut().take(MOST_JOINED).filter(|check| check.depth == inner) {
            let same = |other: &&mut OpenCheck| match (&one.kind, &other.kind) {
                (
                    OpenKind::Index { index: a, dim: m, array: x, .. },
                    OpenKind::Index { index: b, dim: n, array: y, .. },
                ) => other.depth == inner && one.frame == other.frame && x == y && a == b && m == n,
                _ => false,
            };
            if let Some(other) = orelse.iter_mut().take(MOST_JOINED).find(same) {
                one.depth -= 1;
                other.depth -= 1;
            }
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
            is_end: self.ring_ends.contains(&l.id),
        });
        let frame = self.frames.len() - 1;
        self.frames[frame].locals.insert(l.var);
        self.frame = Some(frame);
        self.values.atoms.value(None, None);
        if let Some(counter) = self.values.enter_loop(l, &lo, &hi) {
            self.firsts.insert(counter, lo.clone());
        }
        // That `-n <= j - 1` in a loop from 0 to n. (From a chunk's first iteration on, a test for `j - 1 >= 0` is better.)
        if l.step > 0 && lo.as_int().is_some() {
            self.values.assume_entered(&lo, &hi);
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
                self.wraps.push(OpenWrap { id, index, frame: self.frame, depth: self.depth });
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
                let kind = OpenKind::Index { index, dim, array, axis, is_nonneg, is_below };
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
        let is_exact = atoms.is_exact(poly, known);
        if (is_plain || is_exact) && atoms.is_nonneg(poly) {
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
                || (is_exact
                    && atoms.is_exact(fact, known)
                    && poly.sub(fact).is_some_and(|rest| atoms.is_nonneg(&rest)))
        })
    }

    /// Makes every wrap of an integer something to find a loop for.
    fn check_wraps(&mut self) {
        for wrap in &self.wraps {
            self.checks.push(OpenCheck {
                id: wrap.id,
                kind: OpenKind::Wrap { index: wrap.index.clone() },
                frame: wrap.frame,
                depth: wrap.depth,
                span: Span::default(),
            });
        }
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
            let found =
                chain.iter().rev().filter(|&&frame| !self.frames[frame].is_end).copied().collect::<Vec<_>>();
            let found = found.into_iter().find_map(|frame| {
                let conditions = self.conditions(check, frame).or_else(|| self.where_it_is(check, frame));
                self.values.atoms.assumed.clear();
                conditions.map(|c| (frame, c))
            });
            match found {
                Some((frame, conditions)) => {
                    let id = self.frames[frame].id;
                    let guard = self.plan.guards.entry(id).or_default();
                    let exprs = &self.values.func.exprs;
                    let mut is_within = false;
                    for condition in conditions {
                        is_within |= matches!(condition, Condition::Within { .. });
                        if !guard.conditions.iter().any(|other| is_same(exprs, other, &condition)) {
                            guard.conditions.push(condition);
                        }
                    }
                    if !matches!(check.kind, OpenKind::Wrap { .. }) {
                        guard.checks.push(check.id);
                    }
                    if let OpenKind::Index { index, .. } | OpenKind::Wrap { index } = &check.kind
                        && !is_within
                        && !self.wraps_outside(check)
                    {
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
            if guard.checks.is_empty() {
                continue;
            }
            let text = format!("{} checks are one test before the loop", guard.checks.len());
            self.plan.remarks.push(Remark { span, kind: RemarkKind::Checks, is_done: true, text, at: None });
        }
        self.plan.remarks.sort_by_key(|remark| remark.span);
    }

    /// The check itself as a condition, if the loop does not change its index.
    fn where_it_is(&self, check: &OpenCheck, frame: usize) -> Option<Vec<Condition>> {
        let OpenKind::Index { array, axis, is_nonneg, .. } = check.kind else { return None };
        let frame = &self.frames[frame];
        let is_fixed =
            check.depth <= frame.depth && !frame.arrays.contains(array) && self.is_invariant(check.id, frame);
        is_fixed.then(|| vec![Condition::Within { index: check.id, array, axis, is_nonneg }])
    }

    fn remark_stays(&mut self, check: &OpenCheck, chain: &[usize]) {
        if chain.is_empty() {
            return;
        }
        let text = match &check.kind {
            OpenKind::Index { array, .. } => {
                let name = &self.values.func.arrays[*array].name;
                let loop_depth = check.frame.map_or(0, |frame| self.frames[frame].depth);
                let why = if check.depth > loop_depth {
                    "a branch decides whether it is reached"
                } else {
                    "its range is not known before the loop"
                };
                format!("the index of `{name}` is checked in every iteration: {why}")
            }
            OpenKind::Wrap { .. } => return,
            OpenKind::Cond => "checked in every iteration: it depends on the iteration".to_owned(),
        };
        self.plan.remarks.push(Remark {
            span: check.span,
            kind: RemarkKind::Checks,
            is_done: false,
            text,
            at: None,
        });
    }

    /// What makes the check hold for the whole loop.
    fn conditions(&mut self, check: &OpenCheck, frame_number: usize) -> Option<Vec<Condition>> {
        let Planner { values, frames, .. } = self;
        let frame = &frames[frame_number];
        let mut assumptions = Vec::new();
        if let OpenKind::Index { index, .. } | OpenKind::Wrap { index } = &check.kind {
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
            OpenKind::Wrap { index } => {
                let is_new = |atom: AtomId| self.values.atoms.is_newer(atom, frame.mark);
                let mut conditions = assumptions;
                if !self.values.atoms.is_exact(index, None) && !self.is_loop_variable(index, frame) {
                    self.all_small(index, &Poly::int(0), frame, &mut conditions)?;
                }
                let lowest = self.values.atoms.bounds(index, Side::Lower, &is_new);
                conditions.extend(lowest.iter().find_map(|p| self.at_least_zero(p, frame, None))?);
                conditions
            }
            OpenKind::Index { index, dim, is_nonneg, is_below, .. } => {
                let is_new = |atom: AtomId| self.values.atoms.is_newer(atom, frame.mark);
                // An extent that the loop itself brings may be 0, and then no index is below it: a loop further inside knows it.
                let is_unknown =
                    |atom: AtomId| is_new(atom) && matches!(self.values.atoms.atom(atom), Atom::Value);
                if !is_below && dim.atoms().any(is_unknown) {
                    return None;
                }
                let known = dim.as_atom();
                let mut conditions = assumptions;
                let is_exact = atoms_exact(&self.values, index, dim, known);
                if !is_exact && !self.is_loop_variable(index, frame) {
                    self.all_small(index, dim, frame, &mut conditions)?;
                }
                if !is_nonneg {
                    let least = if self.wraps_outside(check) { index.add(dim)? } else { index.clone() };
                    let lowest = self.values.atoms.bounds(&least, Side::Lower, &is_new);
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

    /// Is it an index like `i - 1` that the loop around its element does not change? Then it may be negative and wrap: that is done
    /// in front of the loop, and the first row is none of its own.
    fn wraps_outside(&self, check: &OpenCheck) -> bool {
        let (Some(frame), OpenKind::Index { index, .. }) = (check.frame, &check.kind) else { return false };
        let mark = self.frames[frame].mark;
        index.constant() < 0 && !index.atoms().any(|atom| self.values.atoms.is_newer(atom, mark))
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
        // The index is the last and comes off first.
        let mut open = vec![dim.clone(), index.clone()];
        let mut leaves: Vec<AtomId> = Vec::new();
        let mut seen: FxHashSet<AtomId> = FxHashSet::default();
        let mut degree = 1;
        // Large factors, such as the length of a block, are for the index alone: first and number of a block have it.
        let (mut large, mut products) = (0, 0);
        let mut is_inner = false;
        // The largest constant that what is multiplied is computed from.
        let mut inner_constant = 0;
        while let Some(poly) = open.pop() {
            for (monomial, factor) in poly.terms() {
                let limit = if monomial.is_empty() { 1 << 40 } else { LARGE_FACTOR };
                if factor.unsigned_abs() >= limit {
                    return None;
                }
                if monomial.is_empty() {
                    if is_inner {
                        inner_constant = inner_constant.max(factor.unsigned_abs());
                    }
                } else {
                    large += u32::from(factor.unsigned_abs() >= SMALL_FACTOR);
                    products += u32::from(is_inner && factor.unsigned_abs() > 1 || monomial.len() > 1);
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
            is_inner = true;
        }
        if large > 2 || (large > 0 && products > 0) {
            return None;
        }
        let bits = small_bits(degree);
        if degree > 1 && inner_constant >= 1 << bits {
            return None;
        }
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
            let is_plain = |factors: &[Factor]| matches!(factors, [Factor::Local(_) | Factor::Dim(..)]);
            for sum in [&left, &right] {
                let is_short =
                    sum.terms.len() <= 3 && sum.terms.iter().all(|(_, f)| f.is_empty() || is_plain(f));
                if sum.terms.iter().any(|(factor, factors)| {
                    let limit = if factors.is_empty() {
                        1 << 40
                    } else if is_short {
                        LARGE_FACTOR as i64
                    } else {
                        SMALL_FACTOR as i64
                    };
                    *factor >= limit
                }) {
                    return None;
                }
                small_factors(sum, degree, bits, &mut conditions)?;
            }
        }
        conditions.push(Condition::AtLeast(left, right));
        Some(conditions)
    }
}

/// Do two conditions say the same?
fn is_same(exprs: &walk::Exprs, a: &Condition, b: &Condition) -> bool {
    match (a, b) {
        (
            Condition::Within { index: i, array: x, axis: m, .. },
            Condition::Within { index: j, array: y, axis: n, .. },
        ) => x == y && m == n && walk::same_expr(exprs, *i, *j),
        _ => a == b,
    }
}

/// The second of two branches that are the middle of a ring and its ends (pass `peel`): each a loop that was one loop.
fn ring_end(func: &Func, then: &[Stmt], orelse: &[Stmt]) -> Option<LoopId> {
    match (then, orelse) {
        ([Stmt::Loop(middle)], [Stmt::Loop(end)])
            if func.loops[middle.id].span == func.loops[end.id].span =>
        {
            Some(end.id)
        }
        _ => None,
    }
}

/// Factors below this do no harm in sums of products.
const SMALL_FACTOR: u64 = 1 << 10;
/// Times an extent (below 2^48) it leaves room for a few more terms.
const LARGE_FACTOR: u64 = 1 << 13;

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

/// The tests that make a sum of such a degree free of overflow; `None` if a constant inside an operation is too large for
/// any. Extents need none in linear sums.
fn small_factors(sum: &Sum, degree: usize, bits: u32, conditions: &mut Vec<Condition>) -> Option<()> {
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
                    let (degree, bits) = (degree.max(2), bits.min(26));
                    for operand in [left, right] {
                        let is_small = operand.terms.iter().all(|(factor, factors)| {
                            let limit = if factors.is_empty() { 1 << bits } else { SMALL_FACTOR };
                            factor.unsigned_abs() < limit
                        });
                        if !is_small {
                            return None;
                        }
                        small_factors(operand, degree, bits, conditions)?;
                    }
                }
            }
        }
    }
    Some(())
}
