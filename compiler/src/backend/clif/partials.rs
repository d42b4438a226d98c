//! Sums and products that may be regrouped, in partial ones that lie on the stack while their loop runs
//! ([`crate::ir::parallel::partials`]).

use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types as clif};
use cranelift_frontend::Variable;

use super::func::{Emitter, machine_type};
use crate::ir::parallel::partials;
use crate::ir::{LocalId, Loop, LoopKind, ReduceOp};
use crate::types::DType;

/// Distance of partial results in memory.
const BYTES: i32 = 8;

/// One regrouped local.
pub(super) struct Regrouped {
    local: LocalId,
    op: ReduceOp,
    dtype: DType,
    /// How many partial results there are.
    pub(super) count: i32,
    /// Address of the first partial result.
    pub(super) base: Value,
    /// The local before the loop.
    before: Value,
}

impl Emitter<'_> {
    /// Before the loop: the locals' values are put aside.
    pub(super) fn start_partials(&mut self, l: &Loop) -> Vec<Regrouped> {
        if l.kind != LoopKind::Serial {
            return Vec::new();
        }
        let mut all = Vec::with_capacity(l.reductions.len());
        for reduction in &l.reductions {
            let (local, op) = (reduction.local, reduction.op);
            let dtype = self.func.locals[local].dtype;
            let before = self.read_local(local);
            self.values[local] = None.into();
            let count = partials(l.reductions.len()) as i32;
            let size = count as u32 * BYTES as u32;
            let slot =
                self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3));
            let base = self.b.ins().stack_addr(clif::I64, slot, 0);
            all.push(Regrouped { local, op, dtype, count, base, before });
        }
        all
    }

    /// All partial results become the identity.
    pub(super) fn fill_partials(&mut self, all: &[Regrouped]) {
        for one in all {
            let identity = self.int(clif::I64, one.op.identity(one.dtype) as i64);
            let two = self.b.ins().splat(clif::I64X2, identity);
            for k in (0..one.count).step_by(2) {
                self.b.ins().store(self.words, two, one.base, k * BYTES);
            }
        }
    }

    /// After a strip that did the whole loop: what was before combined with the tree, which the strip has computed.
    pub(super) fn take_totals(&mut self, all: &[Regrouped], words: Value, totals: &[u32]) {
        for (one, &word) in all.iter().zip(totals) {
            let ty = machine_type(one.dtype);
            let total = self.b.ins().load(ty, self.words, words, BYTES * word as i32);
            let total = self.combined(one.op, one.before, total);
            self.b.def_var(Variable::from_u32(one.local.as_u32()), total);
        }
    }

    /// At the start of an iteration: the locals are the partial results at `offset`.
    pub(super) fn load_partials(&mut self, all: &[Regrouped], offset: Value) {
        for one in all {
            let address = self.b.ins().iadd(one.base, offset);
            let value = self.b.ins().load(machine_type(one.dtype), self.words, address, 0);
            self.b.def_var(Variable::from_u32(one.local.as_u32()), value);
        }
    }

    /// At its end: back to memory; the offset of the next iteration.
    pub(super) fn store_partials(&mut self, all: &[Regrouped], offset: Value) -> Value {
        for one in all {
            let value = self.read_local(one.local);
            let address = self.b.ins().iadd(one.base, offset);
            self.b.ins().store(self.words, value, address, 0);
        }
        let next = self.iadd_imm(offset, i64::from(BYTES));
        let count = all.first().map_or(1, |one| one.count);
        self.band_imm(next, i64::from((count - 1) * BYTES))
    }

    /// After the loop: what was before combined with the tree of the partial results.
    pub(super) fn combine_partials(&mut self, all: &[Regrouped]) {
        for one in all {
            // Two at a time; floats of four bytes have zeros between them.
            let (ty, second) = match one.dtype {
                DType::F32 => (clif::F32X4, 2),
                _ => (clif::F64X2, 1),
            };
            let mut values: Vec<Value> = (0..one.count)
                .step_by(2)
                .map(|k| self.b.ins().load(ty, self.words, one.base, k * BYTES))
                .collect();
            while values.len() > 1 {
                let half = values.split_off(values.len() / 2);
                for (left, right) in values.iter_mut().zip(half) {
                    *left = self.combined(one.op, *left, right);
                }
            }
            let left = self.b.ins().extractlane(values[0], 0);
            let right = self.b.ins().extractlane(values[0], second);
            let total = self.combined(one.op, left, right);
            let total = self.combined(one.op, one.before, total);
            self.b.def_var(Variable::from_u32(one.local.as_u32()), total);
        }
    }

    fn combined(&mut self, op: ReduceOp, left: Value, right: Value) -> Value {
        match op {
            ReduceOp::Mul => self.b.ins().fmul(left, right),
            // The verifier lets no others come here.
            _ => self.b.ins().fadd(left, right),
        }
    }
}
