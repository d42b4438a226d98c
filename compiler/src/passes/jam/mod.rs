//! Does several iterations of an outer loop side by side, in one inner loop.
//!
//! ```text
//! for k in 0 .. p {                             for k in 0 .. (p rounded down) step 4 {
//!   x = a[i, k]                                   x0 = a[i, k]; x1 = a[i, k + 1]; x2 = ...; x3 = ...
//!   for j in 0 .. n {                  ==>        for j in 0 .. n {
//!     c[i, j] += x * b[k, j]                        t = c[i, j]
//!   }                                               t = t + x0 * b[k, j]; t = t + x1 * b[k + 1, j]; ...
//! }                                                 c[i, j] = t
//!                                                 }
//!                                               }
//!                                               the loop as it was, for what is left
//! ```
//!
//! The inner loop is entered less often, and what its iterations have in common is loaded (and stored) once: the elements that all
//! iterations of the outer loop combine with something (`Way::Sums`), or those that they all read (`Way::Rows`, a row that is taken from
//! the others). Every element sees the same operations in the same order, so the bits are the same.
//!
//! That it is right is what the analysis of parallel loops proves, of one of two loops. `Rows`: the iterations of the outer
//! loop are independent. `Sums`: those of the inner loop are, once it is put around the outer one; that loop, cut up along its body, is the nest as it was. What the proof
//! requires is tested in front, with the number of iterations.
//!
//! Conservative: an inner loop without loops that walks along memory, at the end of the outer one's body; nothing in either that can
//! fail, unless it is the same for all iterations of the outer one; step 1; bodies of moderate size. Comes behind `guard`, so that checks are gone, and leaves the slow copies alone.

mod edit;
mod shape;
#[cfg(test)]
mod tests;

use rustc_hash::{FxHashMap, FxHashSet};

use super::PassReport;
use crate::analysis::alias::Aliases;
use crate::analysis::race::Requirement;
use crate::analysis::race::lockstep::{self, Lockstep};
use crate::ir::walk;
use crate::ir::{ArrayId, Block, ExprId, Func, FuncId, LoopId, Program, Remark, RemarkKind, Stmt};
use shape::shape;

/// Looks at the nests of every function.
pub fn jam(program: &mut Program, report: &mut PassReport) {
    let mut nests: Vec<(FuncId, Nest)> = Vec::new();
    for (id, func) in program.funcs.iter().filter(|(_, func)| !func.is_kernel) {
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt
                && let Some(nest) = shape(func, l)
            {
                nests.push((id, nest));
            }
        });
    }
    if nests.is_empty() {
        return;
    }
    // For the proof the loops of sums change places.
    let mut wanted: FxHashSet<(FuncId, LoopId)> = FxHashSet::default();
    for (id, nest) in &nests {
        if nest.way == Way::Sums {
            exchange(&mut program.funcs[*id].body, nest);
        } else {
            wanted.insert((*id, nest.outer));
        }
        wanted.insert((*id, nest.inner));
    }
    let facts = lockstep::independent_in_first_copies(program, wanted);
    for (id, nest) in &nests {
        if nest.way == Way::Sums {
            exchange_back(&mut program.funcs[*id].body, nest);
        }
    }
    for (id, nest) in nests {
        let func = &mut program.funcs[id];
        let Some(requirements) = requirements(func, id, &nest, &facts) else { continue };
        let span = func.loops[nest.outer].span;
        edit::apply(func, &nest, &requirements);
        report.add(1);
        let text = format!("unrolled {}, and the loops inside are one", nest.factor);
        program.remarks.push(Remark { span, kind: RemarkKind::Loop, is_done: true, text, at: None });
    }
}

/// How iterations of the outer loop go side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// They are independent, and read the same.
    Rows,
    /// They combine the same elements, one after the other.
    Sums,
}

/// A loop to be unrolled and the one inside.
struct Nest {
    outer: LoopId,
    inner: LoopId,
    way: Way,
    /// How many iterations go side by side.
    factor: u32,
    /// Statements of the outer body in front of the inner loop.
    before: usize,
    /// `Rows`: loads of the inner body that are the same for every iteration of the outer loop.
    shared: Vec<ExprId>,
    /// `Sums`: the array that is stored to.
    stored: Option<ArrayId>,
    /// Arrays that are read, without what goes from iteration to iteration in a variable.
    read: Vec<ArrayId>,
}

/// Puts the inner loop around the outer one.
fn exchange(body: &mut Block, nest: &Nest) {
    let Some((block, position)) = walk::find_loop_mut(body, nest.outer) else { return };
    let Stmt::Loop(outer) = &mut block[position] else { return };
    let Some(Stmt::Loop(mut inner)) = outer.body.pop() else { return };
    outer.body.append(&mut inner.body);
    let outer = std::mem::replace(&mut block[position], Stmt::Break);
    inner.body.push(outer);
    block[position] = Stmt::Loop(inner);
}

/// Undoes [`exchange`].
fn exchange_back(body: &mut Block, nest: &Nest) {
    let Some((block, position)) = walk::find_loop_mut(body, nest.inner) else { return };
    let Stmt::Loop(inner) = &mut block[position] else { return };
    let Some(Stmt::Loop(mut outer)) = inner.body.pop() else { return };
    inner.body = outer.body.split_off(nest.before);
    let inner = std::mem::replace(&mut block[position], Stmt::Break);
    outer.body.push(inner);
    block[position] = Stmt::Loop(outer);
}

/// What has to be tested, if the proof holds.
fn requirements(
    func: &Func,
    id: FuncId,
    nest: &Nest,
    facts: &FxHashMap<(FuncId, LoopId), Lockstep>,
) -> Option<Vec<Requirement>> {
    let clean = |id: LoopId, facts: Option<&Lockstep>| {
        facts.is_some_and(|f| f.obstacle.is_none() && f.reductions.is_empty()) && !func.loops[id].is_slow_copy
    };
    let inner = facts.get(&(id, nest.inner));
    if !clean(nest.inner, inner) {
        return None;
    }
    if nest.way == Way::Rows {
        let outer = facts.get(&(id, nest.outer));
        return clean(nest.outer, outer).then(|| outer.map(|f| f.requirements.clone()).unwrap_or_default());
    }
    let mut requirements = inner?.requirements.clone();
    // What is stored stays in a variable meanwhile: nothing may show the same elements.
    let stored = nest.stored?;
    let aliases = Aliases::new(func);
    for &read in &nest.read {
        let disjoint = Requirement::Disjoint(read.min(stored), read.max(stored));
        if aliases.may_alias(read, stored) && !requirements.contains(&disjoint) {
            requirements.push(disjoint);
        }
    }
    Some(requirements)
}
