//! Sums and products that may be regrouped, in partial ones that lie on the stack while their loop runs
//! ([`crate::ir::parallel::PARTIALS`]).

use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types as clif};
use cranelift_frontend::Variable;

use super::func::{Emitter, machine_type};
use crate::ir::parallel::PARTIALS;
use crate::ir::{Const, LocalId, Loop, LoopKind, ReduceOp};
use crate::types::DType;

/// Distance of partial results in memory.
const BYTES: i32 = 8;

/// One regrouped local.
pub(super) struct Regrouped {
    local: LocalId,
    op: ReduceOp,
    dtype: DType,
    /// Address of the first partial result.
    pub(super) base: Value,
    /// The local before the loop.
    before: Value,
}

impl Emitter<'_> {
    /// Before the loop: all partial results are the identity.
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
            let size = PARTIALS as u32 * BYTES as u32;
            let slot =
                self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3));
            let base = self.b.ins().stack_addr(clif::I64, slot, 0);
            let identity = self.constant(Const(op.identity(dtype)), dtype);
            for k in 0..PARTIALS as i32 {
                self.b.ins().store(self.words, identity, base, k * BYTES);
            }
            all.push(Regrouped { local, op, dtype, base, before });
        }
        all
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
        let next = self.b.ins().iadd_imm_s(offset, i64::from(BYTES));
        self.b.ins().band_imm_s(next, (PARTIALS as i64 - 1) * i64::from(BYTES))
    }

    /// After the loop: what was before combined with the tree of the partial results.
    pub(super) fn combine_partials(&mut self, all: &[Regrouped]) {
        for one in all {
            let ty = machine_type(one.dtype);
            let mut values: Vec<Value> = (0..PARTIALS as i32)
                .map(|k| self.b.ins().load(ty, self.words, one.base, k * BYTES))
                .collect();
            while values.len() > 1 {
                let half = values.split_off(values.len() / 2);
                for (left, right) in values.iter_mut().zip(half) {
                    *left = self.combined(one.op, *left, right);
                }
            }
            let total = self.combined(one.op, one.before, values[0]);
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
