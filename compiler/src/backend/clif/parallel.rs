//! Parallel loops: the captures as words, a call of the body or of the runtime, the outputs back into locals.
//!
//! ```text
//!   brif trip * cost < context.serial_below, short, asked
//! short:
//!   brif 1 <= trip < MAX_TRIPS, whole, asked
//! whole:                                                        one chunk
//!   call body(ctx, env, 0, trip, outputs)
//! asked:
//!   call runtime(ctx, number, env, trip, cost, outputs)
//! ```

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types as clif};

use super::func::Emitter;
use crate::ir::abi::{context, dtype_code, table};
use crate::ir::artifact::{ArrayReductionSlot, CapturedArray, LaunchSite};
use crate::ir::parallel::MAX_TRIPS;
use crate::ir::{EntryPoint, FuncId, Operand, ParallelBody, ParallelCall};

impl Emitter<'_> {
    /// `Parallel`.
    pub(super) fn parallel(&mut self, call: &ParallelCall) {
        let (trip, cost) = (self.expr(call.trip), self.expr(call.cost_ns));
        let env_words = self.operand_words(&call.captures);
        let env = self.area(0, env_words);
        self.store_operands(&call.captures, env);
        let outputs = self.area(1, call.outputs.len());
        for (k, (local, _)) in call.outputs.iter().enumerate() {
            let value = self.read_local(*local);
            self.store_word(self.func.locals[*local].dtype, value, outputs, 8 * k as i32);
        }
        let number = self.unit.parallels.len() as u32;
        let array_reductions = call
            .array_reductions
            .iter()
            .filter_map(|&(capture, op)| {
                let Operand::Array(array) = *call.captures.get(capture)? else { return None };
                let ty = self.func.arrays[array].ty;
                let env_word = self.operand_words(&call.captures[..capture]) as u32;
                Some(ArrayReductionSlot { env_word, dtype: ty.dtype, rank: ty.rank, op })
            })
            .collect();
        let captured = |capture: usize| {
            let Operand::Array(array) = *call.captures.get(capture)? else { return None };
            let ty = self.func.arrays[array].ty;
            let env_word = self.operand_words(&call.captures[..capture]) as u32;
            Some(CapturedArray { env_word, code: dtype_code(ty.dtype) | u32::from(ty.rank) << 8 })
        };
        let disjoint =
            call.disjoint.iter().filter_map(|&(a, b)| Some((captured(a)?, captured(b)?))).collect();
        let body = ParallelBody {
            entry: EntryPoint { offset: 0 },
            func: call.body.as_u32(),
            env_words: env_words as u32,
            outputs: call
                .outputs
                .iter()
                .map(|&(local, combine)| (self.func.locals[local].dtype, combine))
                .collect(),
            array_reductions,
            disjoint,
            uses_random: call.uses_random,
            runs_in_lanes: call.runs_in_lanes(self.program, self.func),
        };
        self.unit.parallels.push((call.body, body));
        self.fork(call.body, number, [env, trip, cost, outputs]);
        for (k, (local, _)) in call.outputs.iter().enumerate() {
            let value = self.load_word(self.func.locals[*local].dtype, self.words, outputs, 8 * k as i32);
            self.set_local(*local, value);
        }
    }

    /// Runs a loop whose captures and outputs are in place: the body at once if it is one chunk, else the runtime decides.
    fn fork(&mut self, body: FuncId, number: u32, [env, trip, cost, outputs]: [Value; 4]) {
        let (short, whole) = (self.b.create_block(), self.b.create_block());
        let (asked, next) = (self.b.create_block(), self.b.create_block());
        // The estimate first: in front of the branches it is computed once for all that read it.
        let trips = self.b.ins().fcvt_from_sint(clif::F64, trip);
        let total = self.b.ins().fmul(trips, cost);
        let limit = self.b.ins().load(clif::F64, self.words, self.ctx, context::SERIAL_BELOW_NS);
        let is_short = self.b.ins().fcmp(FloatCC::LessThan, total, limit);
        self.b.ins().brif(is_short, short, &[], asked, &[]);

        self.start(short);
        let above = self.iadd_imm(trip, -1);
        let is_some = self.icmp_imm(IntCC::UnsignedLessThan, above, MAX_TRIPS as i64 - 1);
        self.b.ins().brif(is_some, whole, &[], asked, &[]);

        self.start(whole);
        let function = self.callee(body);
        let first = self.int(clif::I64, 0);
        let call = self.b.ins().call(function, &[self.ctx, env, first, trip, outputs]);
        let status = self.b.inst_results(call)[0];
        self.propagate(status);
        self.b.ins().jump(next, &[]);

        self.start(asked);
        let number = self.int(clif::I32, i64::from(number));
        let args = [self.ctx, number, env, trip, cost, outputs];
        if let Some(status) = self.call_table(table::PARALLEL, "iwiidi>w", &args) {
            self.propagate(status);
        }
        self.b.ins().jump(next, &[]);
        self.start(next);
    }

    /// A launch of a kernel: the runtime sees to it.
    pub(super) fn launch(&mut self, kernel: FuncId, args: &[Operand]) {
        let env_words = self.operand_words(args);
        let env = self.area(0, env_words);
        self.store_operands(args, env);
        let number = self.unit.launches.len() as u32;
        self.unit.launches.push(LaunchSite { func: kernel.as_u32(), env_words: env_words as u32 });
        let number = self.int(clif::I32, i64::from(number));
        if let Some(status) = self.call_table(table::LAUNCH, "iwi>w", &[self.ctx, number, env]) {
            self.propagate(status);
        }
    }
}
