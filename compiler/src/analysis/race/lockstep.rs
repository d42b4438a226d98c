//! May the iterations of a serial loop run in lockstep? The same question as for a `prange`, asked of any loop, at any stage of the
//! passes; who asks wants facts, not errors.
//!
//! What is carried from one iteration to the next only by a recognised reduction is no obstacle, nor is a `break` or a
//! `return`: who runs several iterations at once sees to it that none after the exit has an effect.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Access, RaceReport, Region, Requirement, Walker, arrays, scalars};
use crate::analysis::liveness::LiveAfter;
use crate::base::{Diagnostic, Span};
use crate::ir::{ArrayReduction, Func, FuncId, LocalId, Loop, LoopId, Program, Reduction, Stmt, walk};

/// What was found out about one loop.
#[derive(Debug)]
pub struct Lockstep {
    /// Scalars that are only combined.
    pub reductions: Vec<Reduction>,
    /// Scalars that every iteration writes and that are read after the loop.
    pub last_values: Vec<LocalId>,
    /// One of them that a `break` may leave as the iteration before wrote it.
    pub left_before: Option<LocalId>,
    /// Arrays of which iterations may combine the same element; nothing else happens to their memory. Iterations must do that one after the other.
    pub collisions: Vec<ArrayReduction>,
    /// What must hold in front of the loop.
    pub requirements: Vec<Requirement>,
    /// Why not.
    pub obstacle: Option<Obstacle>,
}

/// What stands in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// Where.
    pub span: Span,
    /// One sentence; lower case, no full stop.
    pub text: String,
}

/// Loops to look at, and what was found.
pub(crate) struct Search {
    wanted: FxHashSet<(FuncId, LoopId)>,
    /// Statement by statement, or in any order at all?
    is_lockstep: bool,
    /// Do second copies of loops not matter?
    skips_copies: bool,
    /// Functions that others call, so that all they do counts.
    called: FxHashSet<FuncId>,
    found: FxHashMap<(FuncId, LoopId), Lockstep>,
    /// What is live after the loops of the functions that were looked at.
    pub(super) live_after: FxHashMap<FuncId, Rc<LiveAfter>>,
}

/// Looks at serial loops of the program; and what is live after the loops of the functions that have some.
#[must_use]
pub fn lockstep(
    program: &Program,
    wanted: FxHashSet<(FuncId, LoopId)>,
) -> (FxHashMap<(FuncId, LoopId), Lockstep>, FxHashMap<FuncId, Rc<LiveAfter>>) {
    let search = search(program, wanted, true, true);
    (search.found, search.live_after)
}

/// Looks at serial loops of the program: might their iterations run in any order, as those of a `prange`?
#[must_use]
pub fn independent(
    program: &Program,
    wanted: FxHashSet<(FuncId, LoopId)>,
) -> FxHashMap<(FuncId, LoopId), Lockstep> {
    search(program, wanted, false, false).found
}

/// The same of loops none of which is in a second copy of a loop.
#[must_use]
pub fn independent_in_first_copies(
    program: &Program,
    wanted: FxHashSet<(FuncId, LoopId)>,
) -> FxHashMap<(FuncId, LoopId), Lockstep> {
    search(program, wanted, false, true).found
}

fn search(
    program: &Program,
    wanted: FxHashSet<(FuncId, LoopId)>,
    is_lockstep: bool,
    skips_copies: bool,
) -> Search {
    let (needed, called) = needed(program, &wanted);
    let (found, live_after) = (FxHashMap::default(), FxHashMap::default());
    let mut search = Search { wanted, is_lockstep, skips_copies, called, found, live_after };
    super::walk_functions(program, &mut RaceReport::default(), Some(&mut search), &|func| {
        needed.contains(&func)
    });
    search
}

/// Is the second branch a copy of loops of the first, for the case that something is wrong? `guard` and `peel` make such branches and mark them.
#[must_use]
pub fn is_second_copy(func: &Func, then: &[Stmt], orelse: &[Stmt]) -> bool {
    let loops = walk::loops_innermost_first(orelse);
    !then.is_empty() && !loops.is_empty() && loops.iter().all(|id| func.loops[*id].is_slow_copy)
}

/// Functions with wanted loops and what they call; and those that are called.
fn needed(program: &Program, wanted: &FxHashSet<(FuncId, LoopId)>) -> (FxHashSet<FuncId>, FxHashSet<FuncId>) {
    let mut open: Vec<FuncId> = wanted.iter().map(|&(func, _)| func).collect();
    let (mut needed, mut called) = (FxHashSet::default(), FxHashSet::default());
    while let Some(func) = open.pop() {
        if needed.insert(func) {
            walk::for_each_stmt(&program.funcs[func].body, &mut |stmt| {
                if let Stmt::Call { callee, .. } = stmt {
                    open.push(*callee);
                    called.insert(*callee);
                }
            });
        }
    }
    (needed, called)
}

impl<'a> Walker<'a, '_> {
    /// Is the loop to be looked at as if it were parallel?
    pub(super) fn is_wanted(&self, l: &Loop) -> bool {
        self.lockstep.as_ref().is_some_and(|search| search.wanted.contains(&(self.func, l.id)))
    }

    /// Do iterations of wanted loops go on statement by statement?
    pub(super) fn is_lockstep(&self, l: &Loop) -> bool {
        self.is_wanted(l) && self.lockstep.as_ref().is_some_and(|search| search.is_lockstep)
    }

    /// Need only the first branch be looked at? In front of all loops that are looked at it does not matter what a second copy
    /// does, unless a caller asks.
    pub(super) fn is_likely_enough(&self, then: &[Stmt], orelse: &[Stmt]) -> bool {
        self.parallel_depth == 0
            && self.lockstep.as_ref().is_some_and(|s| s.skips_copies && !s.called.contains(&self.func))
            && is_second_copy(self.values.func, then, orelse)
    }

    /// The same proof as for a `prange`.
    pub(super) fn decide_lockstep(&mut self, region: &Region<'a>, accesses: &[Access]) {
        let scalars = scalars::check(self.values.func, region, &self.live_after);
        // One obstacle is enough.
        let is_refused = region.is_lockstep && !(scalars.errors.is_empty() && scalars.warnings.is_empty());
        let accesses = if is_refused { &[] } else { accesses };
        let arrays = arrays::check(&self.values, region, accesses);
        let mut doubts =
            scalars.errors.iter().chain(&arrays.errors).chain(&scalars.warnings).chain(&arrays.warnings);
        let mut obstacle = doubts
            .next()
            .map(|diagnostic| Obstacle { span: diagnostic.primary.span, text: told_of_serial(diagnostic) });
        let info_span = region.info.span;
        if self.prints {
            obstacle
                .get_or_insert(Obstacle { span: info_span, text: "it prints, loads or saves".to_owned() });
        }
        if let Some(reduction) = arrays.reductions.first()
            && !region.is_lockstep
        {
            let name = &self.values.func.arrays[reduction.array].name;
            let text = format!("iterations may combine the same element of `{name}`");
            obstacle.get_or_insert(Obstacle { span: info_span, text });
        }
        let key = (self.func, region.l.id);
        let found = Lockstep {
            reductions: scalars.reductions,
            last_values: scalars.last_values,
            left_before: scalars.left_before,
            collisions: arrays.reductions,
            requirements: arrays.requirements,
            obstacle,
        };
        if let Some(search) = &mut self.lockstep {
            search.found.insert(key, found);
        }
    }
}

/// The sentence of an error about a parallel loop, for one that claims nothing.
fn told_of_serial(diagnostic: &Diagnostic) -> String {
    diagnostic
        .message
        .replace(" in a parallel loop", "")
        .replace(" of a parallel loop", "")
        .replace("parallel ", "")
}
