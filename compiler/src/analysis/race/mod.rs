//! Is every `prange` what it claims to be? Runs on the IR straight out of `lower`, before any pass.
//!
//! For each parallel loop the iterations may run at once only if no scalar travels between them, except by a recognised
//! reduction (`scalars`), and no two of them touch the same element, unless both read or both accumulate
//! (`arrays`). What cannot be true is an error with both places (K501, K502, K503, K505, K507); what cannot be proved
//! runs serially, exactly, with a warning (K504, K508). Some proofs rest on what is known only at run time (two
//! arguments are not the same memory; `i - 1` is no negative index): those become [`Requirement`]s, which
//! `passes/parallelize` tests in front of the loop.
//!
//! Facts only; the decisions are carried out by `passes/parallelize`.

mod arrays;
mod calls;
pub mod lockstep;
mod report;
mod scalars;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::affine::{AtomId, Poly};
use super::liveness::{self, LiveAfter};
use super::values::{RootAxis, RootId, Source, Sum, Values, Walk, branches, likely_branch};
use crate::base::{Diagnostic, Span};
use crate::ir::runtime_fn::RuntimeFn;
use crate::ir::walk;
use crate::ir::{
    ArrayId, ArrayReduction, Check, Expr, ExprId, ExprKind, FuncId, LocalId, Loop, LoopId, LoopKind,
    LoopOrigin, Operand, Place, Program, ReduceOp, Reduction, Remark, RemarkKind, Stmt, Target,
};
use calls::Summary;

/// What the check found.
#[derive(Debug, Default)]
pub struct RaceReport {
    /// Errors and warnings, in the order in which they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// One per `prange`.
    pub decisions: Vec<Decision>,
}

/// What is to be done with one parallel loop.
#[derive(Debug)]
pub struct Decision {
    /// The function it is in.
    pub func: FuncId,
    /// The loop.
    pub id: LoopId,
    /// May it run in parallel, if the requirements hold? Else it becomes serial.
    pub is_parallel: bool,
    /// Scalars that are only combined.
    pub reductions: Vec<Reduction>,
    /// Arrays that are only accumulated into.
    pub array_reductions: Vec<ArrayReduction>,
    /// Scalars whose last value is used after the loop.
    pub last_values: Vec<LocalId>,
    /// `bool`s that iterations only ever set to this constant: reductions once `x = c` is written `x = x or c`.
    pub flags: Vec<(LocalId, bool)>,
    /// What must hold in front of the loop; else it runs serially.
    pub requirements: Vec<Requirement>,
    /// For the user.
    pub remark: Remark,
}

/// A condition that is tested in front of the loop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// The two arrays do not share memory.
    Disjoint(ArrayId, ArrayId),
    /// The sum is at least 0.
    AtLeastZero(Sum),
}

/// How an element is touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AccessKind {
    Read,
    Write,
    Accumulate(ReduceOp),
}

/// One access to elements of an array.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    root: RootId,
    /// The variable that was bound in front of the outermost parallel loop.
    via: ArrayId,
    /// By axis of the root; `None`: any element.
    index: Option<SmallVec<[Poly; 2]>>,
    /// Indices that must not be negative for `index` to be right.
    assumed: SmallVec<[Poly; 1]>,
    kind: AccessKind,
    span: Span,
    /// How many branches it is under.
    depth: u32,
    /// Its position in the text.
    order: u32,
    /// How many loops are around it.
    loops: u32,
}

/// Checks every parallel loop of the program.
#[must_use]
pub fn check(program: &Program) -> RaceReport {
    let mut report = RaceReport::default();
    let has_prange = program.funcs.values().any(|func| {
        let mut found = false;
        walk::for_each_stmt(&func.body, &mut |stmt| {
            found |= matches!(stmt, Stmt::Loop(l) if l.kind == LoopKind::Parallel);
        });
        found
    });
    if !has_prange {
        return report;
    }
    walk_functions(program, &mut report, None, &|_| true);
    report
}

/// Walks through the functions that are wanted, each after those it calls.
fn walk_functions(
    program: &Program,
    report: &mut RaceReport,
    mut lockstep: Option<&mut lockstep::Search>,
    is_wanted: &dyn Fn(FuncId) -> bool,
) {
    let mut summaries: FxHashMap<FuncId, Summary<'_>> = FxHashMap::default();
    for func in calls::callees_first(program).into_iter().filter(|&func| is_wanted(func)) {
        let body = &program.funcs[func];
        let live_after = Rc::new(liveness::after_loops(body));
        if let Some(search) = &mut lockstep {
            search.live_after.insert(func, Rc::clone(&live_after));
        }
        let mut walker = Walker {
            program,
            func,
            values: Values::new(body),
            live_after,
            summaries: &summaries,
            log: Vec::new(),
            depth: 0,
            parallel_depth: 0,
            loops: 0,
            prints: false,
            fresh_rets: vec![true; body.rets.len()],
            report: &mut *report,
            lockstep: lockstep.as_deref_mut(),
        };
        walker.block(&body.body);
        let summary = Summary::new(walker);
        summaries.insert(func, summary);
    }
}

/// The state of the walk through one function.
pub(crate) struct Walker<'a, 's> {
    program: &'a Program,
    func: FuncId,
    values: Values<'a>,
    live_after: Rc<LiveAfter>,
    summaries: &'s FxHashMap<FuncId, Summary<'a>>,
    /// Every access so far.
    log: Vec<Access>,
    /// Branches around.
    depth: u32,
    /// Parallel loops around.
    parallel_depth: u32,
    /// Loops around.
    loops: u32,
    /// Was there a print or another effect whose order shows?
    prints: bool,
    /// Is that result always new memory?
    fresh_rets: Vec<bool>,
    report: &'s mut RaceReport,
    /// Serial loops that are looked at as if they were parallel, and what was found.
    lockstep: Option<&'s mut lockstep::Search>,
}

impl<'a> Walk<'a> for Walker<'a, '_> {
    fn values(&mut self) -> &mut Values<'a> {
        &mut self.values
    }

    fn walk(&mut self, block: &'a [Stmt]) {
        self.block(block);
    }
}

impl<'a> Walker<'a, '_> {
    fn block(&mut self, block: &'a [Stmt]) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        if !matches!(stmt, Stmt::While { .. }) {
            self.log_loads_of(stmt);
        }
        match stmt {
            Stmt::If { cond, then, orelse } => {
                self.depth += 1;
                if self.is_likely_enough(then, orelse) {
                    likely_branch(self, *cond, then, orelse);
                } else {
                    branches(self, *cond, then, orelse);
                }
                self.depth -= 1;
                // What follows a branch that may leave the iteration is conditional itself.
                if walk::contains_exit(then) || walk::contains_exit(orelse) {
                    self.depth += 1;
                }
            }
            Stmt::While { head, cond: _, body, .. } => {
                let (facts, depth) = (self.values.facts.len(), self.depth);
                self.values.leave_loop(&[head, body]);
                self.loops += 1;
                self.block(head);
                self.log_loads_of(stmt);
                self.depth += 1;
                self.block(body);
                self.depth = depth;
                self.loops -= 1;
                self.values.facts.truncate(facts);
                self.values.leave_loop(&[head, body]);
            }
            Stmt::Loop(l) if l.kind == LoopKind::Parallel || self.is_wanted(l) => self.parallel_loop(l),
            Stmt::Loop(l) => {
                let (facts, depth) = (self.values.facts.len(), self.depth);
                let (lo, hi) = self.values.range(l);
                self.values.enter_loop(l, &lo, &hi);
                self.loops += 1;
                self.block(&l.body);
                self.loops -= 1;
                self.depth = depth;
                self.values.facts.truncate(facts);
                self.values.leave_loop(&[&l.body]);
            }
            Stmt::Store { array, place, value, .. } => {
                let span = self.place_span(place, *value);
                self.log_place(*array, place, AccessKind::Write, span);
            }
            Stmt::Accumulate { array, place, op, value, .. } => {
                let span = self.place_span(place, *value);
                self.log_place(*array, place, AccessKind::Accumulate(*op), span);
            }
            Stmt::Fill { array, lanes } => {
                let span = lanes.first().map_or_else(Span::default, |&lane| self.expr(lane).span);
                self.log_whole(*array, AccessKind::Write, span);
            }
            Stmt::CopyElements { to, from } => {
                let span = self.values.func.arrays[*to].span;
                self.log_whole(*from, AccessKind::Read, span);
                self.log_whole(*to, AccessKind::Write, span);
            }
            Stmt::Call { callee, args, results, span } => {
                self.log_call(*callee, args, *span);
                self.values.step(stmt);
                self.bind_results(*callee, results);
            }
            Stmt::Runtime { function, args, .. } => {
                for array in Values::operand_arrays(args) {
                    let kind =
                        if *function == RuntimeFn::Save { AccessKind::Read } else { AccessKind::Write };
                    let span = self.values.func.arrays[array].span;
                    self.log_whole(array, kind, span);
                }
                self.prints |= matches!(
                    function,
                    RuntimeFn::Save
                        | RuntimeFn::Load
                        | RuntimeFn::EventNew
                        | RuntimeFn::EventRecord
                        | RuntimeFn::EventElapsed
                );
                self.values.step(stmt);
            }
            Stmt::Device { args, .. } => {
                for array in Values::operand_arrays(args) {
                    self.log_whole(array, AccessKind::Write, self.values.func.arrays[array].span);
                }
                self.values.step(stmt);
            }
            // The order of launches can be seen, as that of lines can.
            Stmt::Launch { args, span, .. } => {
                for array in Values::operand_arrays(args) {
                    self.log_whole(array, AccessKind::Write, *span);
                }
                self.prints = true;
            }
            Stmt::Print { .. } => self.prints = true,
            Stmt::Return { values } => {
                for (position, value) in values.iter().enumerate() {
                    if let Operand::Array(array) = value {
                        let root = self.values.array(*array).root;
                        let is_new = self.values.root(root).kind == super::values::RootKind::Alloc;
                        if let Some(fresh) = self.fresh_rets.get_mut(position) {
                            *fresh &= is_new;
                        }
                    }
                }
            }
            Stmt::Set { .. }
            | Stmt::SetArray { .. }
            | Stmt::Release { .. }
            | Stmt::Parallel(_)
            | Stmt::Check { .. }
            | Stmt::Raise { .. }
            | Stmt::Break
            | Stmt::Continue => self.values.step(stmt),
        }
    }

    fn bind_results(&mut self, callee: FuncId, results: &[Target]) {
        let Some(summary) = self.summaries.get(&callee) else { return };
        for (position, result) in results.iter().enumerate() {
            if let Target::Array(array) = result
                && summary.fresh_rets.get(position) == Some(&true)
            {
                self.values.bind_new(*array);
            }
        }
    }

    fn expr(&self, id: ExprId) -> &'a Expr {
        &self.values.func.exprs[id]
    }

    /// The source text of a place, as far as it is known.
    fn place_span(&self, place: &Place, value: ExprId) -> Span {
        let mut span: Option<Span> = None;
        place.for_each_operand(|index| {
            let s = self.expr(index).span;
            if s != Span::default() {
                span = Some(span.map_or(s, |all| all.to(s)));
            }
        });
        span.unwrap_or(self.expr(value).span)
    }

    fn log_loads_of(&mut self, stmt: &'a Stmt) {
        let mut loads: Vec<(ArrayId, &'a Place, Span)> = Vec::new();
        let exprs = &self.values.func.exprs;
        let mut cond_of_check = None;
        if let Stmt::Check { check: Check::Cond(cond), .. } = stmt {
            cond_of_check = Some(*cond);
        }
        let mut visit = |root: ExprId| {
            walk::for_each_expr(exprs, root, &mut |_, expr| {
                if let ExprKind::Load { array, place, .. } = &expr.kind {
                    loads.push((*array, place, expr.span));
                }
            });
        };
        match stmt {
            // Arguments of a message are read only when the check fails.
            Stmt::Check { .. } => cond_of_check.into_iter().for_each(&mut visit),
            _ => walk::for_each_expr_root(stmt, &mut visit),
        }
        for (array, place, span) in loads {
            self.log_place(array, place, AccessKind::Read, span);
        }
    }

    /// Notes an access to one element.
    fn log_place(&mut self, array: ArrayId, place: &Place, kind: AccessKind, span: Span) {
        let Place::Index(indices) = place else { return };
        let mut assumed = SmallVec::new();
        let mut polys: SmallVec<[Poly; 2]> = SmallVec::new();
        for &index in indices {
            let (value, before_wrap) = self.values.eval_index(index);
            assumed.extend(before_wrap.clone());
            polys.push(before_wrap.unwrap_or(value));
        }
        self.log_element(array, &polys, assumed, kind, span);
    }

    /// Notes an access to the element at these indices of a variable.
    fn log_element(
        &mut self,
        array: ArrayId,
        indices: &[Poly],
        mut assumed: SmallVec<[Poly; 1]>,
        kind: AccessKind,
        span: Span,
    ) {
        let sym = self.values.array(array);
        let index = sym.axes.as_ref().and_then(|axes| {
            axes.iter()
                .map(|root_axis| match root_axis {
                    RootAxis::Fixed(index) => Some(index.clone()),
                    RootAxis::Strided { start, step, axis } => {
                        start.add(&step.mul(indices.get(*axis as usize)?)?)
                    }
                })
                .collect()
        });
        assumed.extend(sym.assumed);
        let (root, via, depth, order) = (sym.root, sym.via, self.depth, self.log.len() as u32);
        let loops = self.loops;
        self.log.push(Access { root, via, index, assumed, kind, span, depth, order, loops });
    }

    /// Notes an access to every element.
    fn log_whole(&mut self, array: ArrayId, kind: AccessKind, span: Span) {
        let dims = self.values.array(array).dims;
        let indices: SmallVec<[Poly; 2]> = dims
            .iter()
            .map(|dim| Poly::atom(self.values.atoms.counter(dim.plus(-1).into_iter().collect(), 1)))
            .collect();
        self.log_element(array, &indices, SmallVec::new(), kind, span);
    }

    fn parallel_loop(&mut self, l: &'a Loop) {
        let (facts, depth, prints) = (self.values.facts.len(), self.depth, self.prints);
        let (lo, hi) = self.values.range(l);
        if self.parallel_depth == 0 {
            self.values.set_via();
        }
        let region = Region {
            l,
            mark: self.values.atoms.mark(),
            counter: None,
            last: if l.step > 0 { hi.sub(&lo) } else { lo.sub(&hi) }.and_then(|p| p.plus(-1)),
            depth,
            facts,
            sources: self.values.sources(),
            info: &self.values.func.loops[l.id],
            is_lockstep: self.is_lockstep(l),
            loops: self.loops,
        };
        let (first_access, first_decision) = (self.log.len(), self.report.decisions.len());
        // Roots made from here on are private to an iteration.
        self.values.atoms.value(None, None);
        let counter = self.values.enter_loop(l, &lo, &hi);
        let region = Region { counter, ..region };
        self.parallel_depth += 1;
        self.loops += 1;
        self.prints = false;
        self.block(&l.body);
        self.parallel_depth -= 1;
        self.loops -= 1;
        self.depth = depth;
        let log = std::mem::take(&mut self.log);
        if self.is_wanted(l) {
            self.decide_lockstep(&region, &log[first_access..]);
        } else {
            self.decide(&region, &log[first_access..], first_decision);
        }
        self.log = log;
        self.prints |= prints;
        self.values.facts.truncate(facts);
        self.values.leave_loop(&[&l.body]);
    }

    fn decide(&mut self, region: &Region<'a>, accesses: &[Access], first_decision: usize) {
        let l = region.l;
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        let exits = walk::exits(&l.body);
        if exits.breaks || exits.returns {
            errors.push(report::exit_from_loop(region, exits.returns));
        }
        let scalars = scalars::check(self.values.func, region, &self.live_after);
        errors.extend(scalars.errors);
        warnings.extend(scalars.warnings);
        let arrays = arrays::check(&self.values, region, accesses);
        errors.extend(arrays.errors);
        let is_trusted = region.info.origin == LoopOrigin::UncheckedPrange;
        if !is_trusted {
            warnings.extend(arrays.warnings);
        }
        if self.prints {
            warnings.push(report::effects_in_order(region));
        }
        let is_without_errors = errors.is_empty();
        let is_parallel = is_without_errors && warnings.is_empty();
        let mut array_reductions = arrays.reductions;
        if is_parallel {
            // Loops inside run within the iterations.
            for inner in &mut self.report.decisions[first_decision..] {
                inner.is_parallel = false;
                inner.remark.text = "runs inside the iterations of a parallel loop".to_owned();
            }
        } else {
            array_reductions.clear();
        }
        let reason = errors.first().or(warnings.first()).map(|d: &Diagnostic| d.message.clone());
        let text = match reason {
            Some(reason) => format!("runs serially: {reason}"),
            None => {
                report::proven(self.values.func, &scalars.reductions, &array_reductions, &arrays.requirements)
            }
        };
        self.report.decisions.push(Decision {
            func: self.func,
            id: l.id,
            is_parallel,
            reductions: scalars.reductions,
            array_reductions,
            last_values: scalars.last_values,
            flags: scalars.flags,
            requirements: arrays.requirements,
            remark: Remark {
                span: region.info.span,
                kind: RemarkKind::Parallel,
                is_done: is_parallel,
                text,
                at: None,
            },
        });
        self.report.diagnostics.extend(errors);
        // A loop inside a parallel loop is serial anyway; its own doubts do not matter.
        if self.parallel_depth == 0 && is_without_errors {
            self.report.diagnostics.extend(warnings.into_iter().take(1));
        }
    }
}

/// A parallel loop under the check.
pub(crate) struct Region<'a> {
    l: &'a Loop,
    /// Atoms from here on may differ between iterations.
    mark: AtomId,
    /// The distance of the loop variable from its first value.
    counter: Option<AtomId>,
    /// Largest value of the counter.
    last: Option<Poly>,
    /// Branches around the loop.
    depth: u32,
    /// Facts known in front of it.
    facts: usize,
    /// What can be read in front of it.
    sources: FxHashMap<AtomId, Source>,
    info: &'a crate::ir::LoopInfo,
    /// Do the iterations run in lockstep, statement by statement?
    is_lockstep: bool,
    /// Loops around it.
    loops: u32,
}
