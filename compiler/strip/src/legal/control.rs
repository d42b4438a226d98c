//! Blocks: the function around the body, loops and branches in it, faults.

use regalloc2::VReg;

use super::ints::Linear;
use super::reps::{Rep, size_of};
use super::stages::Cut;
use super::streams::Around;
use super::{Active, BlockState, Lower, Parts};
use crate::emit::{Addr, BlockId, Src, Term, VEC};
use crate::encode::{Cond, F, G, Width};
use crate::ir::{Branch, Elem, Inst, Loop, Op, Place, Region, Step, Value};

impl Lower<'_> {
    /// Lowers everything; says whether a first block aligns the stores.
    pub(super) fn function(&mut self) -> bool {
        let strip = self.strip;
        let (frame, n) = self.func.args();
        self.frame = frame;
        for carried in &strip.carried {
            self.linear[carried.param] = Linear::default();
        }
        self.analyse_ints(&strip.setup, true);
        self.analyse_ints(&strip.body, false);
        self.left = self.plan.uses.clone();
        self.region(&strip.setup);
        let inits: Vec<VReg> = strip
            .carried
            .iter()
            .flat_map(
                |c| if c.combine.is_in_order() { vec![self.reg(c.init, 0)] } else { self.carry(c.init) },
            )
            .collect();
        let lanes = self.plan.lanes;
        let limit = self.func.lea(Addr::reg(n).plus(-(lanes as i32)));
        let zero = self.func.imm(0);

        let check = self.func.block();
        let (check_first, check_carried) = self.block_params(check);
        let masked = self.func.block();
        let exit = self.func.block();

        // The entry stays open to what is hoisted, so that nothing may depend on its flags.
        let start = self.func.block();
        self.func.jump(start, vec![]);
        self.func.begin(start);
        let (masked_first, masked_carried) = self.block_params(masked);
        let stop = self.func.param(masked, regalloc2::RegClass::Int);
        let single = self.plan.single;
        let repeatable = self.strip.repeatable;
        if repeatable {
            self.func.cmp_imm(n, self.plan.masked_lanes as i32);
            let enough = self.func.block();
            let too_few = (exit, with(zero, &inits, None));
            self.func.end(Term::Cond(Cond::L, too_few, (enough, vec![])));
            self.func.begin(enough);
        }
        if let Some(cut) = self.plan.cut.take() {
            self.in_stages(&cut, n, zero, exit);
            self.finish(exit);
            return false;
        }
        let head = !single && self.head(n, zero, &inits, check, masked);
        if !head {
            self.func.jump(check, with(zero, &inits, None));
        }

        if single {
            self.func.begin(check);
            let (at, stop) = self.last_block(n, check_first);
            self.func.g_flags(G::Cmp, check_first, n);
            let to_masked = (masked, with(at, &check_carried, Some(stop)));
            let to_exit = (exit, with(n, &check_carried, None));
            self.func.end(Term::Cond(Cond::L, to_masked, to_exit));
        } else {
            self.unmasked(n, limit, check, check_first, &check_carried, masked, exit);
        }

        if self.only_full() {
            self.finish(exit);
            return head;
        }
        self.func.begin(masked);
        self.lanes = self.plan.masked_lanes;
        let mut nexts = self.body(masked_first, 0, &masked_carried, exit, (!repeatable).then_some(stop));
        let mut done = self.lanes;
        // Each lane keeps its carried values: those of pinned lanes go on in other registers.
        while self.strip.lanes.is_some() && done < lanes {
            let reached = self.func.lea(Addr::reg(masked_first).plus(done as i32));
            self.func.g_flags(G::Cmp, reached, stop);
            let more = self.func.block();
            self.func.end(Term::Cond(Cond::L, (more, vec![]), (exit, with(n, &nexts, None))));
            self.func.begin(more);
            nexts = self.body(masked_first, done, &nexts, exit, Some(stop));
            done += self.lanes;
        }
        // A first block may stop before the store is aligned: narrow elements of wide lanes want more iterations than it does.
        let after = self.func.lea(Addr::reg(masked_first).plus(done as i32));
        self.func.g_flags(G::Cmp, stop, after);
        let first = self.func.g_rr(G::CmovL, after, stop);
        self.func.g_flags(G::Cmp, first, n);
        let again = (check, with(first, &nexts, None));
        let to_exit = (exit, with(n, &nexts, None));
        self.func.end(Term::Cond(Cond::L, again, to_exit));

        self.finish(exit);
        head
    }

    /// The block at the end.
    fn finish(&mut self, exit: BlockId) {
        self.lanes = self.plan.lanes;
        let (done, exit_carried) = self.block_params(exit);
        self.func.begin(exit);
        self.block = None;
        self.outputs(&exit_carried);
        self.func.end(Term::Ret(done));
    }

    /// A round does the second stage of a block and the first one of the next.
    fn in_stages(&mut self, cut: &Cut, n: VReg, zero: VReg, exit: BlockId) {
        let strip = self.strip;
        self.lanes = self.plan.lanes;
        let latest = self.before_end(n, self.lanes);
        let round = self.func.block();
        // The number of the block whose first stage it is, as if there were no end; and the block whose second stage it is.
        let at = self.func.param(round, regalloc2::RegClass::Int);
        let second = self.func.param(round, regalloc2::RegClass::Int);
        let crossing: Vec<Vec<VReg>> =
            cut.crossing.iter().map(|&value| self.params(round, self.ty(value))).collect();
        let mut args = vec![zero, zero];
        let nothing = self.func.zero();
        for reg in crossing.iter().flatten() {
            args.push(match reg.class() {
                VEC => nothing,
                class => self.func.rm_class(F::KmovwG, Width::X, class, zero, None, None),
            });
        }
        self.func.jump(round, args);
        self.func.begin(round);
        self.func.blocks[round.0 as usize].aligned = true;
        self.func.g_flags(G::Cmp, at, latest);
        let first = self.func.g_rr(G::CmovL, latest, at);
        self.left = self.plan.uses.clone();
        self.origins.clear();
        self.active = None;
        self.block = Some(BlockState { first, offset: 0, done: second, exit, carried: vec![] });
        self.region(&strip.body[..cut.first]);
        self.flush_pending();
        let passed: Vec<VReg> = cut.crossing.iter().flat_map(|&value| self.carry(value)).collect();
        // Of the first stage the second one knows nothing else.
        self.origins.clear();
        for inst in &strip.body[..cut.first] {
            let mut forget = |value: Value| {
                if self.ty(value) != crate::ir::Ty::Int {
                    self.reps[value] = Rep::None;
                    self.defs[value] = None;
                }
            };
            match inst {
                Inst::Let { value, .. } => forget(*value),
                Inst::Branch(branch) => branch.results.iter().for_each(|&(result, _, _)| forget(result)),
                Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } | Inst::Loop(_) => {}
            }
        }
        for (&value, regs) in cut.crossing.iter().zip(&crossing) {
            self.bind(value, regs);
        }
        self.block = Some(BlockState { first: second, offset: 0, done: second, exit, carried: vec![] });
        for inst in &strip.body[..cut.first] {
            if let Inst::Let { value, op } = inst
                && self.ty(*value) == crate::ir::Ty::Int
            {
                self.define_int(*value, op);
            }
        }
        let (stores, rest): (Vec<Inst>, Vec<Inst>) =
            strip.body[cut.first..].iter().cloned().partition(|inst| matches!(inst, Inst::Store { .. }));
        debug_assert!(!rest.iter().any(|inst| matches!(inst, Inst::Update { .. })));
        self.region(&rest);
        self.flush_pending();
        let store = self.func.block();
        let after = self.func.block();
        self.func.usual(store);
        self.func.cmp_imm(at, 0);
        self.func.end(Term::Cond(Cond::E, (after, vec![]), (store, vec![])));
        self.func.begin(store);
        self.region(&stores);
        self.func.jump(after, vec![]);
        self.func.begin(after);
        let next = self.func.lea(Addr::reg(at).plus(self.lanes as i32));
        self.func.g_flags(G::Cmp, at, n);
        let mut args = vec![next, first];
        args.extend(passed);
        self.func.end(Term::Cond(Cond::L, (round, args), (exit, vec![n])));
    }

    /// Blocks without a mask, from `check` on, and the way from them to the masked one.
    fn unmasked(
        &mut self,
        n: VReg,
        limit: VReg,
        check: BlockId,
        check_first: VReg,
        check_carried: &[VReg],
        masked: BlockId,
        exit: BlockId,
    ) {
        let lanes = self.plan.lanes;
        let full = self.func.block();
        let tail = self.func.block();
        self.func.begin(check);
        let (full_first, full_carried) = self.block_params(full);
        let (tail_first, tail_carried) = self.block_params(tail);
        self.func.g_flags(G::Cmp, check_first, limit);
        let at_check = with(check_first, check_carried, None);
        let streams = self.streams().map(|streams| (self.func.block(), streams));
        let to_full = match &streams {
            Some((which, _)) => (*which, vec![]),
            None => (full, at_check.clone()),
        };
        self.func.end(Term::Cond(Cond::Le, to_full, (tail, at_check.clone())));
        let streams = streams.map(|(which, streams)| {
            self.func.begin(which);
            (self.which(&streams, n, &at_check, full), streams)
        });

        self.func.begin(full);
        self.func.blocks[full.0 as usize].aligned = true;
        self.lanes = self.plan.full_lanes;
        let mut nexts = full_carried;
        for offset in (0..lanes).step_by(self.lanes as usize) {
            nexts = self.body(full_first, offset, &nexts, exit, None);
        }
        let first = self.func.g_ri(G::AddI, full_first, lanes as i32);
        self.func.g_flags(G::Cmp, first, limit);
        let again = (full, with(first, &nexts, None));
        let to_tail = (tail, with(first, &nexts, None));
        self.func.end(Term::Cond(Cond::Le, again, to_tail));

        self.func.begin(tail);
        let (mut last_first, mut last_carried) = (tail_first, tail_carried);
        if self.plan.rest {
            let lanes = self.plan.masked_lanes;
            let rest_limit = self.before_end(n, lanes);
            let rest = self.func.block();
            let last = self.func.block();
            let (rest_first, rest_carried) = self.block_params(rest);
            let (first, carried) = self.block_params(last);
            self.func.g_flags(G::Cmp, last_first, rest_limit);
            let to_rest = (rest, with(last_first, &last_carried, None));
            let to_last = (last, with(last_first, &last_carried, None));
            self.func.end(Term::Cond(Cond::Le, to_rest, to_last));
            self.func.begin(rest);
            self.lanes = lanes;
            let nexts = self.body(rest_first, 0, &rest_carried, exit, None);
            let next = self.func.g_ri(G::AddI, rest_first, lanes as i32);
            self.func.g_flags(G::Cmp, next, rest_limit);
            let again = (rest, with(next, &nexts, None));
            let to_last = (last, with(next, &nexts, None));
            self.func.end(Term::Cond(Cond::Le, again, to_last));
            self.func.begin(last);
            (last_first, last_carried) = (first, carried);
        }
        if self.only_full() {
            self.func.jump(exit, with(last_first, &last_carried, None));
            return;
        }
        let (at, stop) = self.last_block(n, last_first);
        self.func.g_flags(G::Cmp, last_first, n);
        let to_masked = (masked, with(at, &last_carried, Some(stop)));
        let to_exit = (exit, with(n, &last_carried, None));
        self.func.end(Term::Cond(Cond::L, to_masked, to_exit));
        if let Some((place, streams)) = streams {
            let around = Around { full, tail, masked, exit };
            self.stream(&streams, place, check_first, check_carried, limit, &around);
        }
    }

    /// Is there no block that does fewer iterations than a register has lanes? There are no masks for lanes of 8 and 16 bits; the scalar loop
    /// does the rest.
    fn only_full(&self) -> bool {
        self.plan.small > 0 && !self.strip.repeatable
    }

    /// Where the masked block goes on from `first`, and where it stops. One that may do iterations again does a whole register of
    /// them, and starts earlier if need be.
    fn last_block(&mut self, n: VReg, first: VReg) -> (VReg, VReg) {
        if !self.strip.repeatable {
            return (first, n);
        }
        let lanes = self.plan.masked_lanes;
        let latest = self.before_end(n, lanes);
        self.func.g_flags(G::Cmp, first, latest);
        let at = self.func.g_rr(G::CmovL, latest, first);
        (at, self.func.lea(Addr::reg(at).plus(lanes as i32)))
    }

    /// `n - lanes`.
    fn before_end(&mut self, n: VReg, lanes: u32) -> VReg {
        self.func.lea(Addr::reg(n).plus(-(lanes as i32)))
    }

    /// Parameters for the number of the first iteration and the carried values.
    pub(super) fn block_params(&mut self, block: BlockId) -> (VReg, Vec<VReg>) {
        let lanes = std::mem::replace(&mut self.lanes, self.plan.lanes);
        let first = self.func.param(block, regalloc2::RegClass::Int);
        let strip = self.strip;
        let carried = strip
            .carried
            .iter()
            .flat_map(|c| match c.combine.is_in_order() {
                true => vec![self.func.param(block, VEC)],
                false => self.params(block, self.ty(c.param)),
            })
            .collect();
        self.lanes = lanes;
        (first, carried)
    }

    /// The first block: as many iterations as it takes until the first store is aligned. True if the block was ended here.
    fn head(&mut self, n: VReg, zero: VReg, inits: &[VReg], check: BlockId, masked: BlockId) -> bool {
        if self.strip.lanes.is_some() {
            return false;
        }
        let Some((address, disp, bytes)) = self.first_store() else { return false };
        let registers = self.reg_bytes as i32;
        let addr = self.address_at(zero, address, disp);
        // Bytes to the next multiple of the register size, as elements.
        let missing = self.func.g_rm(G::Mov, Src::Reg(addr));
        let missing = self.func.g_rr(G::Sub, zero, missing);
        let missing = self.func.g_ri(G::AndI, missing, registers - 1);
        let count = self.func.g_ri(G::ShrI, missing, bytes.trailing_zeros() as i32);
        let wanted = self.func.block();
        self.func.cmp_imm(n, 8 * self.plan.lanes as i32);
        let (plain, plain_again) = (with(zero, inits, None), with(zero, inits, None));
        self.func.end(Term::Cond(Cond::L, (check, plain), (wanted, vec![])));
        self.func.begin(wanted);
        self.func.cmp_imm(count, 0);
        self.func.end(Term::Cond(Cond::Ne, (masked, with(zero, inits, Some(count))), (check, plain_again)));
        true
    }

    /// Address, displacement and element size of the first contiguous store that goes with the iterations.
    pub(super) fn first_store(&self) -> Option<(Value, i32, u32)> {
        self.strip.body.iter().find_map(|inst| match *inst {
            Inst::Store { elem, place: Place::Line { address, disp, step: Step::One }, .. } => {
                let bytes = elem.bytes();
                (self.goes_with_iterations(address, bytes) && bytes >= 4 && elem != Elem::Bool)
                    .then_some((address, disp, bytes))
            }
            _ => None,
        })
    }

    /// Is it an address that nothing but the number of the iteration changes, by so many bytes each?
    pub(super) fn goes_with_iterations(&self, address: Value, bytes: u32) -> bool {
        let linear = &self.linear[address];
        linear.first == i64::from(bytes) && linear.terms.iter().all(|&(v, _)| self.in_setup[v])
    }

    /// Such an address in a block that starts at `first`, in a register.
    pub(super) fn address_at(&mut self, first: VReg, address: Value, disp: i32) -> VReg {
        let state = BlockState { first, offset: 0, done: first, exit: BlockId(0), carried: vec![] };
        let block = self.block.replace(state);
        let addr = self.address(address, disp);
        self.block = block;
        self.func.lea(addr)
    }

    /// The body for the lanes from an offset on: returns the carried values after it.
    pub(super) fn body(
        &mut self,
        first: VReg,
        offset: u32,
        carried: &[VReg],
        exit: BlockId,
        stop: Option<VReg>,
    ) -> Vec<VReg> {
        let strip = self.strip;
        self.block = Some(BlockState { first, offset, done: first, exit, carried: carried.to_vec() });
        self.left = self.plan.uses.clone();
        self.origins.clear();
        self.active = stop.map(|stop| self.active_lanes(first, offset, stop));
        let mut at = 0;
        let mut starts = vec![];
        for c in &strip.carried {
            if c.combine.is_in_order() {
                starts.push(at);
                at += 1;
                continue;
            }
            let (all, skipped) = self.carried_parts(c.param, offset);
            self.bind(c.param, &carried[at + skipped..at + all]);
            starts.push(at + skipped);
            at += all;
        }
        self.region(&strip.body);
        let mut nexts = carried.to_vec();
        for (c, start) in strip.carried.iter().zip(starts) {
            if c.combine.is_in_order() {
                nexts[start] = self.in_order(carried[start], c.next, c.combine);
                continue;
            }
            for (part, new) in self.carry(c.next).into_iter().enumerate() {
                let old = carried[start + part];
                nexts[start + part] = self.keep_inactive(c.param, old, new, part);
            }
        }
        nexts
    }

    /// Parts of a carried value in all, and before the lane with that number.
    fn carried_parts(&self, value: Value, lane: u32) -> (usize, usize) {
        let size = match self.ty(value) {
            crate::ir::Ty::Mask => self.mask_grain,
            ty => size_of(ty),
        };
        let per_part = self.plan.lanes.min(self.reg_bytes / u32::from(size.max(1)));
        ((self.plan.lanes / per_part) as usize, (lane / per_part) as usize)
    }

    /// Which lanes are active: those with a number below `stop - first`.
    fn active_lanes(&mut self, first: VReg, offset: u32, stop: VReg) -> Active {
        let mut count = self.func.g_rr(G::Sub, stop, first);
        if offset > 0 {
            count = self.func.lea(Addr::reg(count).plus(-(offset as i32)));
        }
        if self.plan.single {
            // What makes masks of it reads only the low bits.
            let lanes = self.func.imm(i64::from(self.lanes));
            self.func.g_flags(G::Cmp, lanes, count);
            count = self.func.g_rr(G::CmovL, count, lanes);
        }
        let mut active = Active { eight: Parts::new(), four: Parts::new(), count };
        for (size, wanted) in [(8, self.plan.wide), (4, self.plan.narrow)] {
            if !wanted {
                continue;
            }
            let parts =
                if self.evex { self.active_bits(count, size) } else { self.active_vectors(count, size) };
            match size {
                8 => active.eight = parts,
                _ => active.four = parts,
            }
        }
        active
    }

    fn active_bits(&mut self, count: VReg, size: u8) -> Parts {
        let ones = self.func.imm(-1);
        let bits = self.func.bzhi(ones, count);
        let lanes = self.per_part(size);
        (0..self.count(size))
            .map(|part| {
                let bits = match part {
                    0 => bits,
                    _ => self.func.g_ri(G::ShrI, bits, (part as u32 * lanes) as i32),
                };
                self.func.rm_class(F::KmovwG, Width::X, self.mask_class(), bits, None, None)
            })
            .collect()
    }

    fn active_vectors(&mut self, count: VReg, size: u8) -> Parts {
        let (mov, broadcast, greater) = match size {
            8 => (F::VmovqG, F::Vpbroadcastq, F::Vpcmpgtq),
            _ => (F::VmovdG, F::Vpbroadcastd, F::Vpcmpgtd),
        };
        let width = self.width(size);
        let low = self.func.rm(mov, Width::X, count);
        let all = self.func.rm(broadcast, width, low);
        (0..self.count(size))
            .map(|part| {
                let numbers = self.number_addr(size, part);
                self.func.rvm(greater, width, all, Src::Mem(numbers))
            })
            .collect()
    }

    /// Lowers instructions in order.
    pub(super) fn region(&mut self, region: &[Inst]) {
        for inst in region {
            if self.failed.is_some() {
                return;
            }
            match inst {
                Inst::Let { value, op } => {
                    self.depth_of[*value] = self.depth;
                    self.operation(*value, op);
                    op.for_each_operand(|v| self.used(v));
                }
                Inst::Store { elem, place, value, mask } => {
                    self.store(*elem, place, *value, *mask);
                    place.for_each_operand(|v| self.used(v));
                    self.used(*value);
                    mask.iter().for_each(|&mask| self.used(mask));
                }
                Inst::Update { elem, place, op, value, mask } => {
                    self.update(*elem, place, *op, *value, *mask);
                    place.for_each_operand(|v| self.used(v));
                    self.used(*value);
                    mask.iter().for_each(|&mask| self.used(mask));
                }
                Inst::Fault { mask } => {
                    self.fault(*mask);
                    self.used(*mask);
                }
                Inst::Loop(inner) => {
                    self.flush_pending();
                    self.origins.clear();
                    self.inner_loop(inner);
                    self.origins.clear();
                }
                Inst::Branch(branch) => {
                    self.flush_pending();
                    self.origins.clear();
                    self.branch(branch);
                    self.origins.clear();
                }
            }
        }
    }

    pub(super) fn used(&mut self, value: Value) {
        self.left[value] = self.left[value].saturating_sub(1);
        // A load that has become part of an instruction is done.
        if self.left[value] == 0
            && let Rep::Pending(_) = self.reps[value]
        {
            self.reps[value] = Rep::None;
        }
    }

    fn fault(&mut self, mask: Value) {
        if let Rep::MaskConst(false) = self.reps[mask] {
            return;
        }
        let Some(block) = self.block.clone() else {
            self.fail("a fault in the setup");
            return;
        };
        let cond = self.any_flags(mask);
        let leave = self.func.block();
        self.func.blocks[leave.0 as usize].cold = true;
        let go_on = self.func.block();
        self.func.usual(go_on);
        self.func.end(Term::Cond(cond, (leave, vec![]), (go_on, vec![])));
        self.func.begin(leave);
        let done = match block.offset {
            0 => block.done,
            offset => self.func.lea(Addr::reg(block.done).plus(offset as i32)),
        };
        self.func.jump(block.exit, with(done, &block.carried, None));
        self.func.begin(go_on);
    }

    fn inner_loop(&mut self, inner: &Loop) {
        let inits: Vec<VReg> = inner.carried.iter().flat_map(|phi| self.carry(phi.init)).collect();
        inner.carried.iter().for_each(|phi| self.used(phi.init));
        let head = self.func.block();
        let body = self.func.block();
        let after = self.func.block();
        self.depth += 1;
        let mut bound = vec![];
        for phi in &inner.carried {
            let regs = self.params(head, self.ty(phi.param));
            self.bind(phi.param, &regs);
            bound.push(regs);
        }
        self.func.jump(head, inits);
        self.func.begin(head);
        self.region(&inner.head);
        self.flush_pending();
        let mut checks = vec![head];
        let mut cond = inner.cond;
        if let Rep::Both(first, second) = self.reps[cond] {
            let next = self.func.block();
            let goes_on = self.test_flags(first);
            self.func.end(Term::Cond(goes_on, (next, vec![]), (after, vec![])));
            self.func.begin(next);
            checks.push(next);
            cond = second;
        }
        let cond = self.test_flags(cond);
        self.used(inner.cond);
        self.func.end(Term::Cond(cond, (body, vec![]), (after, vec![])));
        self.func.begin(body);
        self.func.blocks[body.0 as usize].aligned = true;
        self.region(&inner.body);
        self.flush_pending();
        let nexts: Vec<VReg> = inner.carried.iter().flat_map(|phi| self.carry(phi.next)).collect();
        inner.carried.iter().for_each(|phi| self.used(phi.next));
        let mut last = self.func.at;
        self.func.jump(head, nexts);
        // The condition at the bottom: one jump per round and test. Only if the head has no other blocks.
        if !has_control(&inner.head) {
            for check in checks {
                self.func.blocks[check.0 as usize].after = Some(last);
                last = check;
            }
        }
        self.depth -= 1;
        self.func.begin(after);
        for (phi, regs) in inner.carried.iter().zip(bound) {
            self.bind(phi.result, &regs);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        let cond = self.test_flags(branch.cond);
        self.used(branch.cond);
        let then = self.func.block();
        let orelse = self.func.block();
        let join = self.func.block();
        if branch.orelse.is_empty() {
            self.func.usual(join);
        }
        self.func.end(Term::Cond(cond, (then, vec![]), (orelse, vec![])));
        for (block, region, side) in [(then, &branch.then, 0), (orelse, &branch.orelse, 1)] {
            self.func.begin(block);
            self.depth += 1;
            self.region(region);
            self.flush_pending();
            let args = branch
                .results
                .iter()
                .flat_map(|&(_, a, b)| self.carry(if side == 0 { a } else { b }))
                .collect();
            self.depth -= 1;
            self.func.jump(join, args);
        }
        for &(result, a, b) in &branch.results {
            self.used(a);
            self.used(b);
            let regs = self.params(join, self.ty(result));
            self.bind(result, &regs);
        }
        self.func.begin(join);
    }

    /// The numbers of the lanes and other operations that need the block.
    pub(super) fn operation(&mut self, value: Value, op: &Op) {
        let rep = match op {
            Op::Word(_) | Op::Int(_) | Op::IntBinary(..) | Op::IntLoad { .. } | Op::First => {
                self.define_int(value, op);
                return;
            }
            Op::IntCompare(op, a, b) => Rep::Compared(*op, *a, *b),
            Op::Any(mask) => Rep::Any(*mask),
            Op::Const(bits) => match self.ty(value) {
                crate::ir::Ty::Mask => Rep::MaskConst(*bits & 1 != 0),
                _ => Rep::Const(*bits),
            },
            Op::WordLanes(word) => self.word_lanes(value, *word),
            Op::Broadcast(int) => {
                let int = self.int(*int);
                Rep::Uniform(match size_of(self.ty(value)) {
                    8 => self.broadcast_int(int),
                    size => self.broadcast_low(int, size),
                })
            }
            Op::TestLanes(test) => self.test_lanes(*test),
            Op::LaneNumber => Rep::Number,
            Op::Active => self.active_mask(),
            Op::Load { elem, place, mask } => self.load(value, *elem, place, *mask),
            Op::Lookup { table, index } => self.lookup(value, *table, *index),
            Op::Unary(op, a) => self.unary(value, *op, *a),
            Op::Binary(op, a, b) => self.binary(value, *op, *a, *b),
            Op::Shift(op, a, count) => self.shift(value, *op, *a, *count),
            Op::Fma(kind, a, b, c) => self.fma(value, *kind, *a, *b, *c),
            Op::Compare(op, a, b) => self.compare(*op, *a, *b),
            Op::Select { mask, then, orelse } => self.select(value, *mask, *then, *orelse),
            Op::Convert(op, a) => self.convert(value, *op, *a),
        };
        if let Rep::Pending(_) = rep {
            self.pending.push(value);
        }
        self.reps[value] = rep;
    }

    /// A word of the frame in every lane.
    fn word_lanes(&mut self, value: Value, word: u32) -> Rep {
        let width = self.full_width();
        let addr = Addr::reg(self.frame).plus(word as i32 * 8);
        let f = broadcast_form(size_of(self.ty(value)));
        Rep::Uniform(self.func.rm(f, width, Src::Mem(addr)))
    }

    /// The low bytes of a general register in every lane of that size.
    pub(super) fn broadcast_low(&mut self, int: VReg, size: u8) -> VReg {
        let low = self.func.rm(F::VmovdG, Width::X, int);
        let width = self.full_width();
        self.func.rm(broadcast_form(size), width, low)
    }

    /// A general register in every lane of 8 bytes.
    pub(super) fn broadcast_int(&mut self, int: VReg) -> VReg {
        let width = self.full_width();
        if self.evex {
            return self.func.rm_class(F::VpbroadcastqG, width, VEC, int, None, None);
        }
        let low = self.func.rm(F::VmovqG, Width::X, int);
        self.func.rm(F::Vpbroadcastq, width, low)
    }
}

/// The instruction that puts the lowest lane of that size, or an element, in all lanes.
pub(super) fn broadcast_form(size: u8) -> F {
    match size {
        8 => F::Vpbroadcastq,
        2 => F::Vpbroadcastw,
        1 => F::Vpbroadcastb,
        _ => F::Vpbroadcastd,
    }
}

/// The arguments of a block: first, the carried values, one more.
pub(super) fn with(first: VReg, carried: &[VReg], last: Option<VReg>) -> Vec<VReg> {
    let mut args = Vec::with_capacity(carried.len() + 2);
    args.push(first);
    args.extend_from_slice(carried);
    args.extend(last);
    args
}

/// More than one block?
fn has_control(region: &Region) -> bool {
    region.iter().any(|inst| matches!(inst, Inst::Loop(_) | Inst::Branch(_) | Inst::Fault { .. }))
}
