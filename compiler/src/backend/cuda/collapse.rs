//! Makes one two-dimensional loop of threads of two nested loops, if the inner one's iterations are independent too.
//!
//! ```text
//! grid i in 1 .. n - 1 {                       grid i in 1 .. n - 1 {           y
//!   row = 2 * i                       ==>        row = 2 * i                    every thread for itself
//!   for j in 1 .. m - 1 { out[i, j] = ... }      grid j in 1 .. m - 1 { ... }   x
//! }                                            }
//! ```
//!
//! What stands beside the inner loop is done by every thread of a row, so only assignments of numbers and checks may; what they
//! load must not be stored in the inner loop (the host compares the arrays). The range of the inner loop must be the same
//! for every row, and known to the host. Neighbouring threads run along the loop whose variable is the fastest index more often.

use rustc_hash::{FxHashMap, FxHashSet};

use super::host::{Env, definitions};
use super::writer::Collapse;
use crate::analysis::race::Requirement;
use crate::analysis::race::lockstep::{Lockstep, independent};
use crate::ir::grid::HostExpr;
use crate::ir::walk;
use crate::ir::{
    ArrayId, Combine, ExprKind, Func, FuncId, LocalId, Loop, LoopId, LoopKind, ParallelCall, Place, Program,
    Stmt,
};
use crate::types::Layout;

/// Two loops as one.
pub(super) struct Nest {
    pub(super) collapse: Collapse,
    /// Number of iterations of the inner loop.
    pub(super) inner_trip: HostExpr,
    /// Arrays that must share no memory.
    pub(super) disjoint: Vec<(ArrayId, ArrayId)>,
}

/// Looks at a parallel loop's body and marks the inner loops that become loops of threads.
pub(super) fn collapse(
    program: &mut Program,
    id: FuncId,
    call: &ParallelCall,
    outputs: &[LocalId],
) -> Option<Nest> {
    if call.outputs.iter().any(|(_, combine)| *combine == Combine::Last) || !call.array_reductions.is_empty()
    {
        return None;
    }
    let func = &program.funcs[id];
    let env = Env::new(func, call)?;
    let defs = definitions(func);
    let mut outer_loops: Vec<&Loop> = Vec::new();
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::Loop(l) = stmt
            && l.kind == LoopKind::Grid
        {
            outer_loops.push(l);
        }
    });
    // By outer loop: its inner loops.
    let none = walk::ArraySet::new();
    let candidates: Vec<Vec<&Loop>> =
        outer_loops.iter().map(|outer| inner_loops(func, outer, &none).unwrap_or_default()).collect();
    let wanted: FxHashSet<(FuncId, LoopId)> = candidates.iter().flatten().map(|l| (id, l.id)).collect();
    if candidates.first().is_none_or(Vec::is_empty) {
        return None;
    }
    let found = independent(program, wanted);
    let mut nest: Option<Nest> = None;
    let mut marked: Vec<LoopId> = Vec::new();
    for (outer, inner) in outer_loops.iter().zip(&candidates) {
        let fitting = inner
            .iter()
            .map(|l| fits(func, &env, &defs, call, outputs, outer, l, found.get(&(id, l.id))?, false))
            .collect::<Option<Vec<(HostExpr, Vec<(ArrayId, ArrayId)>)>>>()
            .filter(|all| !all.is_empty() && all.iter().all(|(trip, _)| *trip == all[0].0));
        match (fitting, &mut nest) {
            (Some(all), None) => {
                let collapse = Collapse { inner_is_x: runs_along_inner(func, outer, inner[0]) };
                nest = Some(Nest { collapse, inner_trip: all[0].0.clone(), disjoint: Vec::new() });
                nest.as_mut()?.disjoint.extend(all.into_iter().flat_map(|(_, pairs)| pairs));
            }
            (Some(all), Some(nest)) if all[0].0 == nest.inner_trip => {
                nest.disjoint.extend(all.into_iter().flat_map(|(_, pairs)| pairs));
            }
            // The first copy is the fast one: it decides.
            (_, None) => return None,
            (_, Some(_)) => continue,
        }
        marked.extend(inner.iter().map(|l| l.id));
    }
    walk::for_each_stmt_mut(&mut program.funcs[id].body, &mut |stmt| {
        if let Stmt::Loop(l) = stmt
            && marked.contains(&l.id)
        {
            l.kind = LoopKind::Grid;
        }
    });
    nest
}

/// The inner loops, if nothing else in the outer one has an effect but to combine elements of those arrays.
pub(super) fn inner_loops<'a>(
    func: &'a Func,
    outer: &'a Loop,
    combined: &walk::ArraySet,
) -> Option<Vec<&'a Loop>> {
    fn visit<'a>(
        func: &'a Func,
        block: &'a [Stmt],
        combined: &walk::ArraySet,
        found: &mut Vec<&'a Loop>,
    ) -> bool {
        let Some((last, before)) = block.split_last() else { return true };
        let is_harmless = |stmt: &Stmt| match stmt {
            Stmt::Set { .. } | Stmt::Check { .. } => true,
            Stmt::Accumulate { array, .. } => combined.contains(*array),
            _ => false,
        };
        let are_harmless = before.iter().all(|stmt| is_harmless(stmt) && loads(func, stmt).is_some());
        are_harmless
            && match last {
                Stmt::Loop(l) => {
                    found.push(l);
                    true
                }
                Stmt::If { then, orelse, .. } => {
                    visit(func, then, combined, found) && visit(func, orelse, combined, found)
                }
                last => is_harmless(last),
            }
    }
    let mut found = Vec::new();
    (visit(func, &outer.body, combined, &mut found)
        && found.iter().all(|l| {
            l.step == 1
                && !{
                    let exits = walk::exits(&l.body);
                    exits.breaks || exits.returns
                }
        }))
    .then_some(found)
}

/// Arrays that a statement itself loads from; `None` if they are not parameters.
fn loads(func: &Func, stmt: &Stmt) -> Option<Vec<ArrayId>> {
    let mut found = Vec::new();
    walk::for_each_expr_root(stmt, &mut |root| {
        walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
            if let ExprKind::Load { array, .. } = expr.kind {
                found.push(array);
            }
        });
    });
    let is_param = |array: &ArrayId| func.params.contains(&crate::ir::Param::Array(*array));
    found.iter().all(is_param).then_some(found)
}

/// Number of iterations of the inner loop and pairs of arrays that must be apart, if the loops may be one. `are_apart` says that the
/// caller has seen that no two iterations touch an element that one of them stores to.
#[allow(clippy::too_many_arguments)]
pub(super) fn fits(
    func: &Func,
    env: &Env,
    defs: &FxHashMap<LocalId, crate::ir::ExprId>,
    call: &ParallelCall,
    outputs: &[LocalId],
    outer: &Loop,
    inner: &Loop,
    found: &Lockstep,
    are_apart: bool,
) -> Option<(HostExpr, Vec<(ArrayId, ArrayId)>)> {
    if found.obstacle.is_some() || !found.last_values.is_empty() || !inner.array_reductions.is_empty() {
        return None;
    }
    for reduction in &found.reductions {
        let position = outputs.iter().position(|&local| local == reduction.local)?;
        if call.outputs[position].1 != Combine::Reduce(reduction.op) {
            return None;
        }
        for companion in &reduction.companions {
            let place = outputs.iter().position(|local| local == companion)?;
            if call.outputs[place].1 != Combine::With(position as u32) {
                return None;
            }
        }
    }
    let mut pairs = Vec::new();
    for requirement in &found.requirements {
        let Requirement::Disjoint(a, b) = requirement else {
            if are_apart {
                continue;
            }
            return None;
        };
        if !env.arrays.contains_key(a) || !env.arrays.contains_key(b) {
            return None;
        }
        pairs.push((*a, *b));
    }
    // What rows load for themselves must not change meanwhile.
    let mut stored = walk::stored_arrays(func, &inner.body);
    super::device::close_over_views(func, &mut stored);
    let mut loaded = Vec::new();
    collect_loads(func, &outer.body, &mut loaded)?;
    for array in loaded {
        for other in stored.iter() {
            if other == array {
                return None;
            }
            if env.arrays.contains_key(&other) {
                pairs.push((array, other));
            }
        }
    }
    let (lo, hi) = (env.number(func, defs, inner.lo)?, env.number(func, defs, inner.hi)?);
    let trip = if lo == HostExpr::Const(0) { hi } else { HostExpr::Sub(Box::new(hi), Box::new(lo)) };
    Some((trip, pairs))
}

/// Arrays that statements beside inner loops load from.
fn collect_loads(func: &Func, block: &[Stmt], found: &mut Vec<ArrayId>) -> Option<()> {
    for stmt in block {
        if !matches!(stmt, Stmt::Loop(_)) {
            found.extend(loads(func, stmt)?);
            for inner in stmt.blocks() {
                collect_loads(func, inner, found)?;
            }
        }
    }
    Some(())
}

/// Is the fastest index the inner loop's more often than the outer one's?
fn runs_along_inner(func: &Func, outer: &Loop, inner: &Loop) -> bool {
    let (mut along_inner, mut along_outer) = (0, 0);
    let mut count = |array: ArrayId, place: &Place| {
        let Place::Index(indices) = place else { return };
        let fastest = match func.arrays[array].ty.layout {
            Layout::F => indices.first(),
            Layout::C | Layout::Strided => indices.last(),
        };
        if let Some(&index) = fastest {
            along_inner += u32::from(walk::reads_local(&func.exprs, index, inner.var));
            along_outer += u32::from(walk::reads_local(&func.exprs, index, outer.var));
        }
    };
    walk::for_each_expr_in(&func.exprs, &inner.body, &mut |_, expr| {
        if let ExprKind::Load { array, place, .. } = &expr.kind {
            count(*array, place);
        }
    });
    walk::for_each_stmt(&inner.body, &mut |stmt| {
        if let Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. } = stmt {
            count(*array, place);
        }
    });
    along_inner >= along_outer
}
