//! Sums and products that may be regrouped, in partial ones that lie on the stack while their loop runs
//! ([`crate::ir::parallel::partials`]).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types as clif};
use cranelift_frontend::Variable;

use super::func::{Emitter, machine_type};
use crate::ir::parallel::{REGROUPED_FROM, partials};
use crate::ir::{Const, LocalId, Loop, ReduceOp};
use crate::types::DType;

/// Distance of partial results in memory.
const BYTES: i32 = 8;

/// In which order a loop combines what it declares.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// Its own.
    Kept,
    /// Partial results in turn.
    Regrouped,
    /// Its own if this holds, else partial results in turn: smaller than both, and slower for short loops.
    Either { is_short: Value },
}

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
    /// If this holds there is one result, which starts from the value before.
    is_short: Option<Value>,
}

impl Emitter<'_> {
    /// Has the loop too few iterations for partial results?
    pub(super) fn is_too_short(&mut self, l: &Loop, lo: Value, hi: Value) -> Value {
        // Without iterations the distance is negative; where it overflows there are more than can ever be done.
        let (from, to) = if l.step > 0 { (lo, hi) } else { (hi, lo) };
        let distance = self.b.ins().isub(to, from);
        let longest = (REGROUPED_FROM - 1).saturating_mul(l.step.unsigned_abs());
        let longest = i64::try_from(longest).unwrap_or(i64::MAX);
        self.b.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, distance, longest)
    }

    /// Before the loop: the locals' values are put aside.
    pub(super) fn start_partials(&mut self, l: &Loop, order: Order) -> Vec<Regrouped> {
        let is_short = match order {
            Order::Kept => return Vec::new(),
            Order::Regrouped => None,
            Order::Either { is_short } => Some(is_short),
        };
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
            all.push(Regrouped { local, op, dtype, count, base, before, is_short });
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
            if let Some(is_short) = one.is_short {
                let identity = self.constant(Const(one.op.identity(one.dtype)), one.dtype);
                let first = self.b.ins().select(is_short, one.before, identity);
                self.b.ins().store(self.words, first, one.base, 0);
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
        let Some(&Regrouped { count, is_short, .. }) = all.first() else { return next };
        let within = i64::from((count - 1) * BYTES);
        let Some(is_short) = is_short else { return self.band_imm(next, within) };
        let within = self.b.ins().iconst(clif::I64, within);
        let zero = self.b.ins().iconst(clif::I64, 0);
        let within = self.b.ins().select(is_short, zero, within);
        self.b.ins().band(next, within)
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
            let mut total = self.combined(one.op, one.before, total);
            if let Some(is_short) = one.is_short {
                let first = self.b.ins().load(machine_type(one.dtype), self.words, one.base, 0);
                total = self.b.ins().select(is_short, first, total);
            }
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
