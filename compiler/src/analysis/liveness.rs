//! Which variables are read before they are written again: backwards over the tree of statements.
//!
//! Facts only. Loops are walked twice, which reaches the fixed point: what a body reads first is found by the first
//! walk and flows around by the second.

use rustc_hash::FxHashMap;

use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{ArrayId, Check, Func, LocalId, LoopId, Operand, Stmt, Target};

/// Variables whose value may still be read.
#[derive(Clone, Default)]
pub struct Live {
    /// Scalars.
    pub locals: LocalSet,
    /// Arrays.
    pub arrays: ArraySet,
}

impl Live {
    fn join(&mut self, other: &Live) {
        self.locals.extend(other.locals.iter());
        self.arrays.extend(other.arrays.iter());
    }

    fn write_local(&mut self, local: LocalId) {
        self.locals.remove(local);
    }

    fn write_array(&mut self, array: ArrayId) {
        self.arrays.remove(array);
    }
}

/// For each loop: what is live after it.
pub type LiveAfter = FxHashMap<LoopId, Live>;

/// What is live after each loop of the function.
#[must_use]
pub fn after_loops(func: &Func) -> LiveAfter {
    let mut walker = Walker { func, after: LiveAfter::default(), breaks: Vec::new(), continues: Vec::new() };
    let mut live = Live::default();
    walker.block(&func.body, &mut live);
    walker.after
}

/// What one run of a loop's body reads before it writes it.
#[must_use]
pub fn read_first(func: &Func, body: &[Stmt]) -> Live {
    let mut walker = Walker {
        func,
        after: LiveAfter::default(),
        breaks: vec![Live::default()],
        continues: vec![Live::default()],
    };
    let mut live = Live::default();
    walker.block(body, &mut live);
    live
}

struct Walker<'a> {
    func: &'a Func,
    after: LiveAfter,
    /// Live at the target of `break`, for the loops around.
    breaks: Vec<Live>,
    /// Live at the target of `continue`.
    continues: Vec<Live>,
}

impl Walker<'_> {
    fn block(&mut self, block: &[Stmt], live: &mut Live) {
        for stmt in block.iter().rev() {
            self.stmt(stmt, live);
        }
    }

    fn stmt(&mut self, stmt: &Stmt, live: &mut Live) {
        match stmt {
            Stmt::If { then, orelse, .. } => {
                let mut other = live.clone();
                self.block(then, live);
                self.block(orelse, &mut other);
                live.join(&other);
                self.reads(stmt, live);
            }
            Stmt::While { id, head, body, .. } => {
                let after = live.clone();
                for _ in 0..2 {
                    self.breaks.push(after.clone());
                    self.continues.push(live.clone());
                    self.block(body, live);
                    self.breaks.pop();
                    self.continues.pop();
                    live.join(&after);
                    self.reads(stmt, live);
                    self.block(head, live);
                }
                self.after.insert(*id, after);
            }
            Stmt::Loop(l) => {
                let after = live.clone();
                for _ in 0..2 {
                    self.breaks.push(after.clone());
                    self.continues.push(live.clone());
                    self.block(&l.body, live);
                    self.breaks.pop();
                    self.continues.pop();
                    live.write_local(l.var);
                    live.join(&after);
                }
                self.after.insert(l.id, after);
                self.reads(stmt, live);
            }
            Stmt::Break => *live = self.breaks.last().cloned().unwrap_or_default(),
            Stmt::Continue => *live = self.continues.last().cloned().unwrap_or_default(),
            Stmt::Raise { .. } | Stmt::Return { .. } => {
                *live = Live::default();
                self.reads(stmt, live);
            }
            Stmt::SetArray { array, .. } => {
                live.write_array(*array);
                self.reads(stmt, live);
            }
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                for result in results {
                    match result {
                        Target::Local(local) => live.write_local(*local),
                        Target::Array(array) => live.write_array(*array),
                    }
                }
                self.reads(stmt, live);
            }
            Stmt::Set { local, .. } => {
                live.write_local(*local);
                self.reads(stmt, live);
            }
            Stmt::Parallel(call) => {
                // Outputs keep their values if the loop does not run.
                live.locals.extend(call.outputs.iter().map(|&(local, _)| local));
                self.reads(stmt, live);
            }
            // Dropping a reference reads no element.
            Stmt::Release { .. } => {}
            Stmt::Store { .. }
            | Stmt::Accumulate { .. }
            | Stmt::Launch { .. }
            | Stmt::Check { .. }
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. } => self.reads(stmt, live),
        }
    }

    /// What the statement itself reads.
    fn reads(&self, stmt: &Stmt, live: &mut Live) {
        walk::for_each_expr_root(stmt, &mut |root| {
            walk::for_each_expr(&self.func.exprs, root, &mut |_, expr| {
                if let crate::ir::ExprKind::Local(local) = expr.kind {
                    live.locals.insert(local);
                }
                walk::for_each_array_of_expr_mut(&mut expr.kind.clone(), &mut |array| {
                    live.arrays.insert(*array);
                });
            });
        });
        let mut operands = |operands: &[Operand]| {
            live.arrays.extend(operands.iter().filter_map(|operand| match operand {
                Operand::Array(array) => Some(*array),
                Operand::Scalar(_) => None,
            }));
        };
        match stmt {
            Stmt::Call { args, .. }
            | Stmt::Runtime { args, .. }
            | Stmt::Device { args, .. }
            | Stmt::Launch { args, .. } => operands(args),
            Stmt::Return { values } => operands(values),
            Stmt::Parallel(call) => operands(&call.captures),
            Stmt::Store { array, .. }
            | Stmt::Accumulate { array, .. }
            | Stmt::Fill { array, .. }
            | Stmt::Check { check: Check::Index { array, .. }, .. } => {
                live.arrays.insert(*array);
            }
            Stmt::SetArray { value, .. } => {
                let mut value =
                    Stmt::SetArray { array: cranelift_entity::EntityRef::new(0), value: value.clone() };
                let mut bases = Vec::new();
                walk::for_each_array_mut(&mut value, &mut |array| bases.push(*array));
                // The bound variable comes last.
                bases.pop();
                live.arrays.extend(bases);
            }
            Stmt::CopyElements { to, from } => {
                live.arrays.insert(*to);
                live.arrays.insert(*from);
            }
            _ => {}
        }
    }
}

/// Locals that every way through the block to its end (or to a `continue` of the loop whose body it is) writes.
#[must_use]
pub fn always_written(body: &[Stmt]) -> LocalSet {
    let mut ends = Vec::new();
    let mut at_end = written_by(body, LocalSet::new(), true, &mut ends);
    for end in ends {
        at_end = match at_end {
            None => Some(end),
            Some(set) => Some(intersection(&set, &end)),
        };
    }
    at_end.unwrap_or_default()
}

/// `None` if the end is not reached. `ends` collects the sets at each `continue` of the outermost loop.
fn written_by(
    block: &[Stmt],
    mut set: LocalSet,
    is_outer: bool,
    ends: &mut Vec<LocalSet>,
) -> Option<LocalSet> {
    for stmt in block {
        match stmt {
            Stmt::If { then, orelse, .. } => {
                let then = written_by(then, set.clone(), is_outer, ends);
                let orelse = written_by(orelse, set.clone(), is_outer, ends);
                set = match (then, orelse) {
                    (Some(a), Some(b)) => intersection(&a, &b),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => return None,
                };
            }
            // What the head writes before it may leave is written; jumps inside belong to the loop.
            Stmt::While { head, .. } => {
                if !walk::contains_exit(head)
                    && let Some(after_head) = written_by(head, set.clone(), false, &mut Vec::new())
                {
                    set = after_head;
                }
            }
            Stmt::Loop(_) => {}
            Stmt::Continue => {
                if is_outer {
                    ends.push(set);
                }
                return None;
            }
            Stmt::Break | Stmt::Return { .. } | Stmt::Raise { .. } => return None,
            other => walk::for_each_local_written(other, &mut |local| {
                set.insert(local);
            }),
        }
    }
    Some(set)
}

fn intersection(a: &LocalSet, b: &LocalSet) -> LocalSet {
    let mut set = LocalSet::new();
    set.extend(a.iter().filter(|&local: &LocalId| b.contains(local)));
    set
}

/// Array variables that a body binds, and reads before it binds them: their binding travels between iterations.
#[must_use]
pub fn carried_arrays(func: &Func, body: &[Stmt]) -> Vec<ArrayId> {
    let first = read_first(func, body);
    walk::assigned_arrays(body).iter().filter(|&array| first.arrays.contains(array)).collect()
}
