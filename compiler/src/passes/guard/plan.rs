//! What is to be tested in front of which loop: facts only, nothing is edited here. The conditions themselves are found by `conditions`.

use rustc_hash::{FxHashMap, FxHashSet};

use super::conditions::is_same;
use super::{Condition, Plan};
use crate::analysis::affine::{Atom, AtomId, Poly};
use crate::analysis::values::{Source, Values, Walk, branches};
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{ArrayId, Check, ExprId, ExprKind, Func, Loop, LoopId, Remark, RemarkKind, Stmt};

/// A loop on the way to a check.
pub(super) struct Frame {
    pub(super) id: LoopId,
    pub(super) mark: AtomId,
    pub(super) sources: FxHashMap<AtomId, Source>,
    /// Branches around it.
    pub(super) depth: u32,
    parent: Option<usize>,
    /// What its body assigns.
    pub(super) locals: walk::LocalSet,
    pub(super) arrays: walk::ArraySet,
    /// One or two iterations at the ends of a ring: not worth a copy.
    is_end: bool,
}

/// Checks of a branch that are looked for in the other one, at most.
const MOST_JOINED: usize = 16;

/// A check that was not proven.
pub(super) struct OpenCheck {
    pub(super) id: ExprId,
    pub(super) kind: OpenKind,
    pub(super) frame: Option<usize>,
    pub(super) depth: u32,
    span: Span,
}

/// What it asks.
pub(super) enum OpenKind {
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

/// The walk over a function.
pub(super) struct Planner<'a> {
    pub(super) values: Values<'a>,
    pub(super) frames: Vec<Frame>,
    frame: Option<usize>,
    depth: u32,
    /// First values of loop variables, by counter.
    pub(super) firsts: FxHashMap<AtomId, Poly>,
    checks: Vec<OpenCheck>,
    wraps: Vec<OpenWrap>,
    /// How many checks there were at the ends of the branches walked last.
    branch_ends: Vec<usize>,
    /// Loops over the ends of rings.
    ring_ends: FxHashSet<LoopId>,
    pub(super) plan: Plan,
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
