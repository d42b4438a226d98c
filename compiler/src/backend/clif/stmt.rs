//! Statements and control flow.
//!
//! Loops are rotated: the test stands at the bottom, and once before the loop where it is not known to hold.
//!
//! ```text
//!   brif lo < hi, body(lo), exit          one test before
//! body(i):
//!   ...
//!   next = i + step
//!   brif next < hi, body(next), exit      one test per iteration
//! ```
//!
//! For steps other than 1 and -1 the test is `i < hi - step`, which cannot overflow inside the loop.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, InstructionData, Opcode, Value, types as clif};
use cranelift_entity::packed_option::PackedOption;
use smallvec::{SmallVec, smallvec};

use super::arrays::Word;
use super::func::{Emitter, LoopFrame};
use super::partials::Order;
use crate::ir::parallel::regroups;
use crate::ir::{
    ArrayId, BinaryOp, Check, Const, ExprId, ExprKind, LocalId, Loop, Place, ReduceOp, Stmt, TrapId, UnaryOp,
};
use crate::types::DType;
use crate::types::dtype::Kind;

/// Statements in the head of a `while` up to which the head is emitted twice, so that the loop is rotated.
const ROTATED_HEAD: usize = 3;

impl Emitter<'_> {
    /// Emits statements in order; can control reach the end?
    pub(super) fn block(&mut self, stmts: &[Stmt]) -> Result<bool, String> {
        for stmt in stmts {
            if !self.stmt(stmt)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Emits a branch: what it learns of indices is not known after it.
    fn branch_block(&mut self, stmts: &[Stmt]) -> Result<bool, String> {
        self.branch_depth += 1;
        let outside = self.known.len();
        let falls_through = self.block(stmts);
        self.forget(outside);
        self.branch_depth -= 1;
        let depth = self.branch_depth;
        self.wraps.retain(|wrap| wrap.branch_depth <= depth);
        falls_through
    }

    /// Leaves a block: the values of locals that it assigned are no longer known.
    fn forget(&mut self, outside: usize) {
        for local in self.known.drain(outside..) {
            self.values[local] = None.into();
        }
    }

    /// Emits the body of a loop, which knows nothing of what earlier iterations assigned.
    fn loop_body(&mut self, stmts: &[Stmt], exit: Block, latch: Block) -> Result<(bool, LoopFrame), String> {
        self.wraps.clear();
        self.loops.push(LoopFrame { exit, latch, is_latch_used: false });
        let outside = self.known.len();
        let falls_through = self.block(stmts)?;
        self.forget(outside);
        let frame = self.loops.pop().ok_or("loops do not nest")?;
        self.wraps.clear();
        Ok((falls_through, frame))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<bool, String> {
        match stmt {
            Stmt::Set { local, value } => {
                let value = self.expr(*value);
                self.set_local(*local, value);
            }
            Stmt::Store { array, place, lane, value } => self.store(*array, place, *lane, *value),
            Stmt::Accumulate { array, place, lane, op, value } => {
                self.accumulate(*array, place, *lane, *op, *value);
            }
            Stmt::SetArray { array, value } => self.set_array(*array, value),
            Stmt::Release { array } => {
                self.release(*array);
                self.set_owner_zero(*array);
            }
            Stmt::If { cond, then, orelse } => return self.if_else(*cond, then, orelse),
            Stmt::While { head, cond, body, .. } => return self.while_loop(head, *cond, body),
            Stmt::Loop(l) => return self.counted_loop(l),
            Stmt::Parallel(call) => self.parallel(call),
            Stmt::Call { callee, args, results, span } => {
                self.at(*span);
                self.call(*callee, args, results);
            }
            Stmt::Runtime { function, args, results, trap } => self.runtime(*function, args, results, *trap),
            Stmt::Device { .. } => return Err("a device function in code for the processor".into()),
            Stmt::Launch { kernel, args, .. } => self.launch(*kernel, args),
            Stmt::Check { check, trap, args } => self.check(check, *trap, args),
            Stmt::Raise { trap, args } => {
                self.emit_raise(*trap, args);
                return Ok(false);
            }
            Stmt::Print { message, args } => self.print(*message, args),
            Stmt::Fill { array, lanes } => self.fill(*array, lanes),
            Stmt::CopyElements { to, from } => self.copy_elements(*to, *from),
            Stmt::Break => {
                let frame = self.loops.last().ok_or("`break` outside a loop")?;
                let exit = frame.exit;
                self.b.ins().jump(exit, &[]);
                return Ok(false);
            }
            Stmt::Continue => {
                let frame = self.loops.last_mut().ok_or("`continue` outside a loop")?;
                frame.is_latch_used = true;
                let latch = frame.latch;
                self.b.ins().jump(latch, &[]);
                return Ok(false);
            }
            Stmt::Return { values } => {
                self.emit_return(values);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes on in a block that has all its predecessors.
    pub(super) fn start(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.seal_block(block);
    }

    // Elements.

    fn store(&mut self, array: ArrayId, place: &Place, lane: u8, value: ExprId) {
        let dtype = self.func.arrays[array].ty.dtype.part();
        // A cast that only narrows an integer is done by the store.
        let value = match self.func.exprs[value].kind {
            ExprKind::Cast { arg }
                if dtype.is_int() && dtype.size_bytes() < 8 && self.func.exprs[arg].ty.is_int() =>
            {
                arg
            }
            _ => value,
        };
        let value = self.expr(value);
        let (address, disp) = self.address(array, place, lane);
        self.store_element(dtype, value, address, disp);
    }

    fn accumulate(&mut self, array: ArrayId, place: &Place, lane: u8, op: ReduceOp, value: ExprId) {
        let dtype = self.func.arrays[array].ty.dtype.part();
        let wide = dtype.widened();
        // `x -= v` comes as `x += -v`.
        let (value, subtracts) = match self.func.exprs[value].kind {
            ExprKind::Unary { op: UnaryOp::Neg, arg } if op == ReduceOp::Add => (arg, true),
            _ => (value, false),
        };
        let value = self.expr(value);
        let (address, disp) = self.address(array, place, lane);
        let before = self.load_element(dtype, address, disp);
        let before = self.cast(before, dtype, wide);
        let op = if subtracts { BinaryOp::Sub } else { op.operator() };
        let after = self.binary_values(op, before, value, wide);
        // The store cuts integers to their width; a truth value needs the test.
        let after = if dtype.kind() == Kind::Bool { self.cast(after, wide, DType::Bool) } else { after };
        self.store_element(dtype, after, address, disp);
    }

    fn check(&mut self, check: &Check, trap: TrapId, args: &[ExprId]) {
        match check {
            Check::Cond(cond) => {
                let next = self.b.create_block();
                let target = self.trap_block(trap, args);
                self.at(self.func.exprs[*cond].span);
                self.branch_unless(*cond, target.block, next);
                self.fill_trap(target, trap, args);
                self.start(next);
            }
            Check::Index { index, array, axis } => self.check_index(*index, *array, *axis, trap, args),
        }
    }

    // Control flow.

    fn if_else(&mut self, cond: ExprId, then: &[Stmt], orelse: &[Stmt]) -> Result<bool, String> {
        if let ExprKind::Const(value) = self.func.exprs[cond].kind {
            return self.block(if value.0 & 1 == 1 { then } else { orelse });
        }
        if then.is_empty() && orelse.is_empty() {
            return Ok(true);
        }
        let then_block = self.b.create_block();
        let merge = self.b.create_block();
        let else_block = if orelse.is_empty() { merge } else { self.b.create_block() };
        if let [Stmt::Call { callee, .. }] = orelse
            && self.program.funcs[*callee].is_cold
        {
            self.b.set_cold_block(else_block);
        }
        self.branch(cond, then_block, else_block);
        let mut is_merge_reached = orelse.is_empty();
        self.start(then_block);
        if self.branch_block(then)? {
            self.b.ins().jump(merge, &[]);
            is_merge_reached = true;
        }
        if !orelse.is_empty() {
            self.start(else_block);
            if self.branch_block(orelse)? {
                self.b.ins().jump(merge, &[]);
                is_merge_reached = true;
            }
        }
        if is_merge_reached {
            self.start(merge);
        }
        Ok(is_merge_reached)
    }

    fn while_loop(&mut self, head: &[Stmt], cond: ExprId, body: &[Stmt]) -> Result<bool, String> {
        let is_rotated = head.len() <= ROTATED_HEAD && head.iter().all(|stmt| stmt.blocks().is_empty());
        let is_endless = matches!(self.func.exprs[cond].kind, ExprKind::Const(value) if value.0 & 1 == 1);
        let (header, exit) = (self.b.create_block(), self.b.create_block());
        if is_rotated && !is_endless {
            // head; if cond { do { body; latch: head } while cond }
            if !self.block(head)? {
                return Ok(false);
            }
            self.branch(cond, header, exit);
            self.b.switch_to_block(header);
            let latch = self.b.create_block();
            let (falls_through, frame) = self.loop_body(body, exit, latch)?;
            if frame.is_latch_used {
                if falls_through {
                    self.b.ins().jump(latch, &[]);
                }
                self.start(latch);
            }
            if (falls_through || frame.is_latch_used) && self.block(head)? {
                self.branch(cond, header, exit);
            }
            self.wraps.clear();
            self.b.seal_block(header);
            self.start(exit);
            return Ok(true);
        }
        self.b.ins().jump(header, &[]);
        self.b.switch_to_block(header);
        self.wraps.clear();
        if !self.block(head)? {
            self.b.seal_block(header);
            return Ok(false);
        }
        if !is_endless {
            let body_block = self.b.create_block();
            self.branch(cond, body_block, exit);
            self.start(body_block);
        }
        let (falls_through, _) = self.loop_body(body, exit, header)?;
        if falls_through {
            self.b.ins().jump(header, &[]);
        }
        self.b.seal_block(header);
        // An endless loop without `break` leaves the exit without predecessors.
        let is_exit_reached = !is_endless || breaks(body);
        if is_exit_reached {
            self.start(exit);
        }
        Ok(is_exit_reached)
    }

    fn counted_loop(&mut self, l: &Loop) -> Result<bool, String> {
        if l.step == 0 {
            return Err("loop with step 0".to_string());
        }
        let (lo, hi) = (self.expr(l.lo), self.expr(l.hi));
        let hi = self.pinned(hi);
        if !l.may_regroup() {
            return self.iterations(l, lo, hi, Order::Kept);
        }
        if let Some(trip) = l.constant_trip(&self.func.exprs) {
            let order = if regroups(trip) { Order::Regrouped } else { Order::Kept };
            return self.iterations(l, lo, hi, order);
        }
        let is_short = self.is_too_short(l, lo, hi);
        if l.strip.is_none() {
            return self.iterations(l, lo, hi, Order::Either { is_short });
        }
        // if few { in order } else { strip, or partial results }
        let (short, long, merge) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().brif(is_short, short, &[], long, &[]);
        let mut is_merge_reached = false;
        for (block, order) in [(short, Order::Kept), (long, Order::Regrouped)] {
            self.start(block);
            self.branch_depth += 1;
            let outside = self.known.len();
            let falls_through = self.iterations(l, lo, hi, order)?;
            self.forget(outside);
            self.branch_depth -= 1;
            let depth = self.branch_depth;
            self.wraps.retain(|wrap| wrap.branch_depth <= depth);
            if falls_through {
                self.b.ins().jump(merge, &[]);
                is_merge_reached = true;
            }
        }
        if is_merge_reached {
            self.start(merge);
        }
        Ok(is_merge_reached)
    }

    /// The loop between bounds that have been computed.
    fn iterations(&mut self, l: &Loop, mut lo: Value, hi: Value, order: Order) -> Result<bool, String> {
        let (const_lo, const_hi) = (self.const_int(l.lo), self.const_int(l.hi));
        let is_up = l.step > 0;
        let code = if is_up { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
        let (body, exit) = (self.b.create_block(), self.b.create_block());
        let var = self.b.append_block_param(body, clif::I64);
        let mut is_entered = match (const_lo, const_hi) {
            (Some(lo), Some(hi)) => Some(if is_up { lo < hi } else { lo > hi }),
            _ => None,
        };
        if is_entered == Some(false) {
            return Ok(true);
        }
        let partials = self.start_partials(l, order);
        let (mut first_offset, mut done) = (None, None);
        // The strip of a sum that may be regrouped regroups it.
        let has_strip = !(l.may_regroup() && matches!(order, Order::Kept));
        if has_strip && let Some(from) = self.strip(l, lo, hi, &partials) {
            (lo, is_entered) = (from.lo, None);
            first_offset = Some(from.offset);
            done = from.done;
        } else {
            self.fill_partials(&partials);
        }
        let held = self.hold(l);
        let offset = (!partials.is_empty()).then(|| self.b.append_block_param(body, clif::I64));
        let mut first: SmallVec<[BlockArg; 2]> = smallvec![lo.into()];
        if offset.is_some() {
            let offset = first_offset.unwrap_or_else(|| self.int(clif::I64, 0));
            first.push(offset.into());
        }
        match is_entered {
            Some(_) => {
                self.b.ins().jump(body, &first);
            }
            None => {
                let is_some = self.b.ins().icmp(code, lo, hi);
                self.b.ins().brif(is_some, body, &first, exit, &[]);
            }
        }
        self.b.switch_to_block(body);
        self.values[l.var] = var.into();
        if let Some(offset) = offset {
            self.load_partials(&partials, offset);
        }
        let latch = self.b.create_block();
        let (falls_through, frame) = self.loop_body(&l.body, exit, latch)?;
        self.let_go(held);
        let is_latch_reached = falls_through || frame.is_latch_used;
        if frame.is_latch_used {
            if falls_through {
                self.b.ins().jump(latch, &[]);
            }
            self.start(latch);
        }
        if is_latch_reached {
            let next = self.iadd_imm(var, l.step);
            let goes_on = self.goes_on(l.step, code, var, next, hi, const_hi);
            let mut following: SmallVec<[BlockArg; 2]> = smallvec![next.into()];
            if let Some(offset) = offset {
                following.push(self.store_partials(&partials, offset).into());
            }
            self.b.ins().brif(goes_on, body, &following, exit, &[]);
        }
        self.b.seal_block(body);
        self.values[l.var] = None.into();
        let is_exit_reached = is_latch_reached || is_entered.is_none() || breaks(&l.body);
        if is_exit_reached {
            self.start(exit);
            self.combine_partials(&partials);
            if let Some(done) = done {
                self.b.ins().jump(done, &[]);
                self.start(done);
            }
        }
        Ok(is_exit_reached)
    }

    /// Gives what an innermost loop reads names of its own, each in a register; what they were before.
    fn hold(&mut self, l: &Loop) -> Outside {
        let mut outside = Outside::default();
        let facts = self.facts;
        let Some(held) = facts.held.iter().find(|held| held.id == l.id) else { return outside };
        if !held.floats.is_empty() && self.unit.abilities.has_cheap_vector_constants {
            let all = self.loaded_constant(Const(u64::MAX));
            for &local in &held.floats {
                outside.locals.push((local, self.values[local]));
                let value = self.read_local(local);
                self.values[local] = self.b.ins().band(value, all).into();
            }
        }
        for &local in &held.ints {
            let value = self.read_local(local);
            if self.known_int(value).is_none() {
                outside.locals.push((local, self.values[local]));
                self.values[local] = self.held_int(value).into();
            }
        }
        for &array in &held.arrays {
            let data = self.rep(array).data;
            let value = self.word(data);
            outside.data.push((array, data));
            self.arrays[array.as_u32() as usize].data = Word::Value(self.held_int(value));
        }
        outside
    }

    /// An operation with two results stays where it stands.
    fn held_int(&mut self, value: Value) -> Value {
        let zero = self.int(clif::I64, 0);
        self.b.ins().uadd_overflow(value, zero).0
    }

    fn let_go(&mut self, outside: Outside) {
        for (local, value) in outside.locals {
            self.values[local] = value;
        }
        for (array, data) in outside.data {
            self.arrays[array.as_u32() as usize].data = data;
        }
    }

    /// The same number in a form that stays in its register: Cranelift computes sums with constants again in every
    /// block that uses them, and a loop's bound is used at its end. An operation with two results is left alone.
    fn pinned(&mut self, value: Value) -> Value {
        let dfg = &self.b.func.dfg;
        let Some(inst) = dfg.value_def(dfg.resolve_aliases(value)).inst() else { return value };
        let InstructionData::Binary { opcode, args } = dfg.insts[inst] else { return value };
        if args.iter().all(|&arg| self.known_int(arg).is_none()) {
            return value;
        }
        match opcode {
            Opcode::Iadd => self.b.ins().uadd_overflow(args[0], args[1]).0,
            Opcode::Isub => self.b.ins().usub_overflow(args[0], args[1]).0,
            _ => value,
        }
    }

    /// Is there an iteration after this one?
    fn goes_on(
        &mut self,
        step: i64,
        code: IntCC,
        var: Value,
        next: Value,
        hi: Value,
        const_hi: Option<i64>,
    ) -> Value {
        if step == 1 || step == -1 {
            return self.b.ins().icmp(code, next, hi);
        }
        // `var < hi - step`; where that bound is below all numbers there is no next iteration.
        if let Some(hi) = const_hi {
            return self.icmp_imm(code, var, hi.saturating_sub(step));
        }
        let bound = self.iadd_imm(hi, step.wrapping_neg());
        let (extreme, nearest) = if step > 0 {
            (i64::MIN, i64::MIN.wrapping_add(step))
        } else {
            (i64::MAX, i64::MAX.wrapping_add(step))
        };
        let overflows = self.icmp_imm(code, hi, nearest);
        let extreme = self.int(clif::I64, extreme);
        let bound = self.b.ins().select(overflows, extreme, bound);
        self.b.ins().icmp(code, var, bound)
    }
}

/// What names meant before a loop held them.
#[derive(Default)]
struct Outside {
    locals: Vec<(LocalId, PackedOption<Value>)>,
    data: Vec<(ArrayId, Word)>,
}

/// Does a `break` of this loop stand in its body?
fn breaks(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Break => true,
        Stmt::If { then, orelse, .. } => breaks(then) || breaks(orelse),
        _ => false,
    })
}
