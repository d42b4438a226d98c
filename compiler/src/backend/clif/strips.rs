//! Loops with strips: a test, a frame of words on the stack, a call of the strip's code, and the scalar loop for the rest.
//!
//! ```text
//!   brif lo < hi, count, scalar(lo)
//! count:
//!   n = hi - lo
//!   brif n worth a call & guard, vector, scalar(lo)
//! vector:
//!   frame = words
//!   done = call strip(frame, n)
//!   outputs into locals
//!   jump scalar(lo + done)
//! scalar(from):
//!   the loop from there
//! ```
//!
//! The strip's code comes from `kjit_strip`, or for 128-bit vectors from `strip128`, and stands behind the functions in the image.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, ExtFuncData, ExternalName, InstBuilder, Signature, StackSlotData,
    StackSlotKind, UserExternalName, Value, types as clif,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::Variable;
use kjit_strip::ir::Combine;

use super::func::{Emitter, machine_type};
use super::image::{STRIPS, Said, Vectors};
use super::jobs::StripSource;
use super::partials::Regrouped;
use super::strip128;
use crate::base::target::{Target, Tier};
use crate::ir::abi::context;
use crate::ir::{ArrayId, Loop, ReduceOp, StripPlan};

/// Iterations from which on a call pays: it takes about as long as these take one by one.
const MIN_TRIP: i64 = 8;
/// Longer loops than this are not counted in vectors: no array is that long.
const MAX_TRIP: i64 = 1 << 47;

/// Bytes that a strip must store for stores around the caches to pay: it waits for them at the end, and its first and last lines are not whole. Measured: rows of
/// 4 kB gain with two arrays read, of 16 kB with none.
const LEAST_STREAM_BYTES: i64 = 8192;

/// How strips become code for a target.
pub(super) fn vectors(target: &Target) -> Vectors {
    let is_x64 = target.triple.starts_with("x86_64");
    match target.tier {
        Tier::Scalar => Vectors::None,
        Tier::Avx2 if is_x64 => Vectors::Wide(kjit_strip::Tier::Avx2),
        Tier::Avx512 if is_x64 => Vectors::Wide(kjit_strip::Tier::Avx512),
        Tier::V128 | Tier::Avx2 | Tier::Avx512 => Vectors::Narrow(target.features.clone()),
    }
}

/// What is left of a loop after its strip.
pub(super) struct Rest {
    /// The first value of its variable.
    pub lo: Value,
    /// The offset of the next partial result.
    pub offset: Value,
    /// Behind the loop, if the strip may have done all of it.
    pub done: Option<Block>,
}

impl Emitter<'_> {
    /// What the strip does of a loop; what is left of it.
    pub(super) fn strip(&mut self, l: &Loop, lo: Value, hi: Value, partials: &[Regrouped]) -> Option<Rest> {
        let plan = l.strip.as_deref()?;
        let number = self.number(l, plan)?;
        // What does not do the last block under a mask leaves partial results.
        let is_whole = !plan.totals.is_empty() && matches!(self.unit.vectors, Vectors::Wide(_));
        if !is_whole {
            self.fill_partials(partials);
        }

        let (count, worth, vector, scalar) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block(), self.b.create_block());
        let not_worth = self.b.create_block();
        let from = Rest {
            lo: self.b.append_block_param(scalar, clif::I64),
            offset: self.b.append_block_param(scalar, clif::I64),
            done: is_whole.then(|| self.b.create_block()),
        };
        let zero = self.int(clif::I64, 0);
        let whole: [BlockArg; 2] = [lo.into(), zero.into()];
        // Partial results mean that there are many iterations.
        if partials.is_empty() {
            let up = if l.step > 0 { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
            let is_some = self.b.ins().icmp(up, lo, hi);
            self.b.ins().brif(is_some, count, &[], scalar, &whole);
        } else {
            self.b.ins().jump(count, &[]);
        }
        self.start(count);
        let n = self.trip(l, lo, hi);
        let n = if plan.keeps_last { self.iadd_imm(n, -1) } else { n };
        let above = self.iadd_imm(n, -MIN_TRIP);
        let is_worth = self.icmp_imm(IntCC::UnsignedLessThan, above, MAX_TRIP);
        self.b.ins().brif(is_worth, worth, &[], scalar, &whole);
        self.start(worth);
        self.branch(plan.guard, vector, not_worth);
        self.start(not_worth);
        self.b.ins().jump(scalar, &whole);
        self.start(vector);
        let done = self.call_strip(plan, number, n);
        self.redo_if_zero(plan, scalar, &whole);
        self.take_outputs(plan);
        if let Some(behind) = from.done {
            let words = self.frame_words(plan);
            self.take_totals(partials, words, &plan.totals);
            self.b.ins().jump(behind, &[]);
            self.start(scalar);
            self.fill_partials(partials);
            return Some(from);
        }
        let offset = self.take_partials(plan, partials, done);
        let done = if plan.redoes_last { self.one_less(done) } else { done };
        let passed = if l.step == 1 { done } else { self.imul_imm(done, l.step) };
        let next = self.b.ins().iadd(lo, passed);
        self.b.ins().jump(scalar, &[next.into(), offset.into()]);
        self.start(scalar);
        Some(from)
    }

    /// A number of iterations without the last of them, if there are any.
    fn one_less(&mut self, done: Value) -> Value {
        let is_some = self.icmp_imm(IntCC::NotEqual, done, 0);
        let one = self.b.ins().uextend(clif::I64, is_some);
        self.b.ins().isub(done, one)
    }

    /// The strip's number; nothing if it has no code. What it will be made from goes to the unit.
    fn number(&mut self, l: &Loop, plan: &StripPlan) -> Option<u32> {
        let number = self.unit.said.len() as u32;
        let source = match self.unit.refused.get(&number) {
            Some(reason) => Err(reason.clone()),
            None => self.source(plan),
        };
        let span = self.func.loops[l.id].span;
        let (is_done, text) = match &source {
            // The job will say more.
            Ok(_) => (true, String::new()),
            Err(reason) => (false, reason.clone()),
        };
        self.unit.said.push(Said { span, is_done, text });
        self.unit.strips.push((number, source.ok()?));
        Some(number)
    }

    /// What the strip's code will be made from, or why there will be none.
    fn source(&self, plan: &StripPlan) -> Result<StripSource, String> {
        match &self.unit.vectors {
            Vectors::None => Err("not vectorised: not for this processor".to_owned()),
            Vectors::Wide(tier) => {
                let first_store = plan.first_store.map(|array| self.func.arrays[array].name.clone());
                Ok(StripSource::Wide { strip: plan.strip.clone(), tier: *tier, first_store })
            }
            Vectors::Narrow(features) => {
                let mut strip = kjit_strip::narrow_most(&plan.strip);
                for carried in strip.carried.iter_mut().filter(|c| plan.totals.contains(&c.word)) {
                    carried.combine = Combine::Each;
                }
                let lanes = strip128::lanes(&strip, &self.unit.abilities, features)
                    .ok_or("not vectorised: 128-bit vectors lack what it takes")?;
                Ok(StripSource::Narrow(strip, lanes))
            }
        }
    }

    /// Number of iterations of a range that is not empty.
    fn trip(&mut self, l: &Loop, lo: Value, hi: Value) -> Value {
        let (from, to) = if l.step > 0 { (lo, hi) } else { (hi, lo) };
        let length = self.b.ins().isub(to, from);
        match l.step.unsigned_abs() {
            1 => length,
            step => {
                let length = self.iadd_imm(length, -1);
                let step = self.int(clif::I64, step as i64);
                let steps = self.b.ins().udiv(length, step);
                self.iadd_imm(steps, 1)
            }
        }
    }

    /// The number of iterations that were done. The frame stays where it is for the outputs.
    fn call_strip(&mut self, plan: &StripPlan, number: u32, n: Value) -> Value {
        let words = self.frame_words(plan);
        for &(word, arg) in &plan.args {
            let dtype = self.func.exprs[arg].ty;
            let value = self.expr(arg);
            self.store_word(dtype, value, words, 8 * word as i32);
        }
        if let (Some(word), Some(array)) = (plan.strip.streams, plan.streams) {
            let least = self.least_to_stream(array);
            self.b.ins().store(self.words, least, words, 8 * word as i32);
        }
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params.extend([AbiParam::new(clif::I64), AbiParam::new(clif::I64)]);
        signature.returns.push(AbiParam::new(clif::I64));
        let signature = self.b.import_signature(signature);
        let name = UserExternalName::new(STRIPS, number);
        let name = self.b.func.declare_imported_user_function(name);
        let function = self.b.import_function(ExtFuncData {
            name: ExternalName::User(name),
            signature,
            colocated: true,
            patchable: false,
        });
        let call = self.b.ins().call(function, &[words, n]);
        self.b.inst_results(call)[0]
    }

    /// From how many iterations on an array that is stored to goes around the caches: never, if they can hold it.
    fn least_to_stream(&mut self, array: ArrayId) -> Value {
        let ty = self.func.arrays[array].ty;
        let item = ty.dtype.part().size_bytes() as i64;
        let mut bytes = self.int(clif::I64, ty.dtype.size_bytes() as i64);
        for axis in 0..ty.rank {
            let dim = self.dim(array, axis);
            bytes = self.b.ins().imul(bytes, dim);
        }
        let limit = self.b.ins().load(clif::I64, self.readonly, self.ctx, context::STREAM_BYTES);
        let is_large = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, bytes, limit);
        let least = self.int(clif::I64, LEAST_STREAM_BYTES / item);
        let never = self.int(clif::I64, i64::MAX);
        self.b.ins().select(is_large, least, never)
    }

    fn frame_words(&mut self, plan: &StripPlan) -> Value {
        let size = 8 * plan.strip.words.max(1);
        let slot = *self.strip_slot.get_or_insert_with(|| {
            self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3))
        });
        let info = &mut self.b.func.sized_stack_slots[slot];
        info.size = info.size.max(size);
        self.b.ins().stack_addr(clif::I64, slot, 0)
    }

    /// Partial results go to where the loop has them; the offset of the next one.
    fn take_partials(&mut self, plan: &StripPlan, partials: &[Regrouped], done: Value) -> Value {
        if partials.is_empty() {
            return self.int(clif::I64, 0);
        }
        let words = self.frame_words(plan);
        for (regrouped, &first) in partials.iter().zip(plan.partials.iter().chain(&plan.totals)) {
            for k in 0..regrouped.count {
                let word = self.b.ins().load(clif::I64, self.words, words, 8 * (first as i32 + k));
                self.b.ins().store(self.words, word, regrouped.base, 8 * k);
            }
        }
        let number = self.band_imm(done, i64::from(partials[0].count) - 1);
        self.ishl_imm(number, 3)
    }

    /// Where the sign of a zero is not known, the loop finds it out.
    fn redo_if_zero(&mut self, plan: &StripPlan, scalar: Block, whole: &[BlockArg]) {
        for output in plan.outputs.iter().filter(|output| output.zero_is_open) {
            let words = self.frame_words(plan);
            let ty = machine_type(self.func.locals[output.local].dtype);
            let value = self.b.ins().load(ty, self.words, words, 8 * output.word as i32);
            let zero = self.zero(ty);
            let is_zero = self.b.ins().fcmp(FloatCC::Equal, value, zero);
            let next = self.b.create_block();
            self.b.ins().brif(is_zero, scalar, whole, next, &[]);
            self.start(next);
        }
    }

    /// What leaves the strip is combined with the locals.
    fn take_outputs(&mut self, plan: &StripPlan) {
        if plan.outputs.is_empty() {
            return;
        }
        let words = self.frame_words(plan);
        for output in &plan.outputs {
            let dtype = self.func.locals[output.local].dtype;
            let before = self.read_local(output.local);
            let value = self.b.ins().load(machine_type(dtype), self.words, words, 8 * output.word as i32);
            if output.replaces {
                self.b.def_var(Variable::from_u32(output.local.as_u32()), value);
                continue;
            }
            if let Some((companion, word)) = output.companion {
                let is_min = output.op == ReduceOp::Min;
                let takes = if dtype.is_float() {
                    let code = if is_min { FloatCC::LessThan } else { FloatCC::GreaterThan };
                    self.b.ins().fcmp(code, value, before)
                } else {
                    let code = if is_min { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
                    self.b.ins().icmp(code, value, before)
                };
                let old = self.read_local(companion);
                let new = self.b.ins().load(clif::I64, self.words, words, 8 * word as i32);
                let new = self.b.ins().select(takes, new, old);
                self.b.def_var(Variable::from_u32(companion.as_u32()), new);
            }
            let op = output.op.operator();
            let value = self.binary_values(op, before, value, dtype);
            self.b.def_var(Variable::from_u32(output.local.as_u32()), value);
        }
    }
}
