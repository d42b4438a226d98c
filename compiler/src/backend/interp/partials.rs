//! Sums and products that may be regrouped, in partial ones ([`partials`]).

use crate::base::EntityRef;
use crate::ir::func::Func;
use crate::ir::parallel::{combine_partials, partials};
use crate::ir::stmt::Loop;

/// Those of one loop while it runs.
pub(super) struct Partials {
    /// Which one the iteration works on.
    current: usize,
    /// One row per reduction.
    values: Vec<Vec<u64>>,
    /// The locals before the loop.
    before: Vec<u64>,
}

impl Partials {
    /// Before the first iteration: the locals become the first partial results.
    pub(super) fn start(func: &Func, l: &Loop, locals: &mut [u64]) -> Partials {
        let count = partials(l.reductions.len());
        let mut partials = Partials { current: 0, values: Vec::new(), before: Vec::new() };
        for reduction in &l.reductions {
            let identity = reduction.op.identity(func.locals[reduction.local].dtype);
            partials.before.push(std::mem::replace(&mut locals[reduction.local.index()], identity));
            partials.values.push(vec![identity; count]);
        }
        partials
    }

    /// After an iteration: the locals become the next partial results, or the totals.
    pub(super) fn next(&mut self, func: &Func, l: &Loop, locals: &mut [u64], is_last: bool) {
        let after = (self.current + 1) % partials(l.reductions.len());
        for ((reduction, values), &before) in l.reductions.iter().zip(&mut self.values).zip(&self.before) {
            let (op, dtype) = (reduction.op, func.locals[reduction.local].dtype);
            let local = &mut locals[reduction.local.index()];
            values[self.current] = *local;
            *local = if is_last {
                op.combine(dtype, before, combine_partials(op, dtype, values)).0
            } else {
                values[after]
            };
        }
        self.current = after;
    }

    /// After `done` iterations that left these partial results: the locals become the next ones.
    pub(super) fn resume(l: &Loop, locals: &mut [u64], values: Vec<Vec<u64>>, done: u64) -> Partials {
        let current = (done % partials(l.reductions.len()) as u64) as usize;
        let mut before = Vec::new();
        for (reduction, values) in l.reductions.iter().zip(&values) {
            before.push(std::mem::replace(&mut locals[reduction.local.index()], values[current]));
        }
        Partials { current, values, before }
    }

    /// Nothing is left to do: the locals become the totals.
    pub(super) fn finish(&self, func: &Func, l: &Loop, locals: &mut [u64]) {
        for ((reduction, values), &before) in l.reductions.iter().zip(&self.values).zip(&self.before) {
            let (op, dtype) = (reduction.op, func.locals[reduction.local].dtype);
            locals[reduction.local.index()] =
                op.combine(dtype, before, combine_partials(op, dtype, values)).0;
        }
    }
}
