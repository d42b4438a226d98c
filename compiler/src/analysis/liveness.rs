//! Which variables are read before they are written again: backwards over the tree of statements.
//!
//! Facts only. What is live at the start of a loop is known after one walk: a block makes `read first | (live - written)` of what is
//! live at its end, and doing that again to what it gave changes nothing. What is live after the loops *inside* depends on what flows
//! around, so loops with loops are walked a second time, if anybody asks for that.

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
    let mut walker = Walker::new(func, true);
    let mut live = Live::default();
    walker.block(&func.body, &mut live);
    walker.after
}

/// What one run of a loop's body reads before it writes it.
#[must_use]
pub fn read_first(func: &Func, body: &[Stmt]) -> Live {
    let mut walker = Walker::new(func, false);
    walker.breaks.push(Live::default());
    walker.continues.push(Live::default());
    let mut live = Live::default();
    walker.block(body, &mut live);
    live
}

struct Walker<'a> {
    func: &'a Func,
    after: LiveAfter,
    /// Is `after` wanted?
    records: bool,
    /// Loops walked so far.
    loops: usize,
    /// Live at the target of `break`, for the loops around.
    breaks: Vec<Live>,
    /// Live at the target of `continue`.
    continues: Vec<Live>,
}

impl<'a> Walker<'a> {
    fn new(func: &'a Func, records: bool) -> Walker<'a> {
        let after = LiveAfter::default();
        Walker { func, after, records, loops: 0, breaks: Vec::new(), continues: Vec::new() }
    }

    /// Walks a loop by `round`, which goes once around; a second time if there are loops inside whose `after` is wanted.
    fn around(
        &mut self,
        id: LoopId,
        after: Live,
        live: &mut Live,
        round: &mut dyn FnMut(&mut Self, &Live, &mut Live),
    ) {
        let (records, loops) = (self.records, self.loops);
        self.records = false;
        let mut walk = |walker: &mut Self, live: &mut Live| {
            walker.breaks.push(after.clone());
            walker.continues.push(live.clone());
            round(walker, &after, live);
        };
        walk(self, live);
        self.records = records;
        if records && self.loops > loops {
            walk(self, live);
        }
        self.loops += 1;
        if records {
            self.after.insert(id, after);
        }
    }

    /// The body of a loop is behind us.
    fn leave_body(&mut self) {
        self.breaks.pop();
        self.continues.pop();
    }

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
                self.around(*id, after, live, &mut |walker, after, live| {
                    walker.block(body, live);
                    walker.leave_body();
                    live.join(after);
                    walker.reads(stmt, live);
                    walker.block(head, live);
                });
            }
            Stmt::Loop(l) => {
                let after = live.clone();
                self.around(l.id, after, live, &mut |walker, after, live| {
                    walker.block(&l.body, live);
                    walker.leave_body();
                    live.write_local(l.var);
                    live.join(after);
                });
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
                walk::for_each_array_of_expr(&expr.kind, &mut |array| {
                    live.arrays.insert(array);
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
    let mut jumps = Jumps::default();
    let at_end = written_by(body, LocalSet::new(), true, &mut jumps);
    in_all(jumps.continues.into_iter().chain(at_end)).unwrap_or_default()
}

/// Locals that every way through the body of a loop to a `break` of that loop writes; nothing if there is none.
#[must_use]
pub fn written_before_breaks(body: &[Stmt]) -> Option<LocalSet> {
    let mut jumps = Jumps::default();
    let _ = written_by(body, LocalSet::new(), true, &mut jumps);
    in_all(jumps.breaks)
}

/// What is written where the outermost loop is left, or its iteration.
#[derive(Default)]
struct Jumps {
    continues: Vec<LocalSet>,
    breaks: Vec<LocalSet>,
}

fn in_all(sets: impl IntoIterator<Item = LocalSet>) -> Option<LocalSet> {
    sets.into_iter().reduce(|a, b| intersection(&a, &b))
}

/// `None` if the end is not reached.
fn written_by(block: &[Stmt], mut set: LocalSet, is_outer: bool, jumps: &mut Jumps) -> Option<LocalSet> {
    for stmt in block {
        match stmt {
            Stmt::If { then, orelse, .. } => {
                let then = written_by(then, set.clone(), is_outer, jumps);
                let orelse = written_by(orelse, set.clone(), is_outer, jumps);
                set = match (then, orelse) {
                    (Some(a), Some(b)) => intersection(&a, &b),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => return None,
                };
            }
            // What the head writes before it may leave is written; jumps inside belong to the loop.
            Stmt::While { head, .. } => {
                if !walk::contains_exit(head)
                    && let Some(after_head) = written_by(head, set.clone(), false, &mut Jumps::default())
                {
                    set = after_head;
                }
            }
            Stmt::Loop(_) => {}
            Stmt::Continue => {
                if is_outer {
                    jumps.continues.push(set);
                }
                return None;
            }
            Stmt::Break => {
                if is_outer {
                    jumps.breaks.push(set);
                }
                return None;
            }
            Stmt::Return { .. } | Stmt::Raise { .. } => return None,
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
pub fn carried_arrays(body: &[Stmt], read_first: &Live) -> Vec<ArrayId> {
    walk::assigned_arrays(body).iter().filter(|&array| read_first.arrays.contains(array)).collect()
}
