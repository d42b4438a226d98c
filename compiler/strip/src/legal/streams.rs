//! Stores around the caches, for arrays that are larger than they are.
//!
//! ```text
//!   check: n - first >= N ? which : tail
//!   which: n >= the word of the frame ? place : full                    the full blocks of before
//!   place: is the first store aligned to a line? the others too : stream
//!          else masked, until it is                                     at most twice
//!  ┌> stream: the body of N lanes, its stores around the caches
//!  └────── again while first <= n - N
//!   done:  sfence -> tail                                               so after a fault, too
//! ```
//!
//! A store of a whole line that goes around them does not read the line first: of the traffic of `a = b + s * c` that is a quarter. Lines must
//! be whole, or it is slower by half. What is read again soon had better stay in a cache, so it is the caller who decides, by the size
//! of the array and what the program does with it.

use regalloc2::VReg;

use super::Lower;
use super::control::with;
use crate::Strip;
use crate::emit::{Addr, BlockId, Src, Term};
use crate::encode::{Cond, G};
use crate::ir::{Elem, Inst, Op, Place, Step, Ty, Value};

/// Bytes of a line of the caches.
const LINE: u32 = 64;

/// The stores of a strip that may go around the caches.
pub(super) struct Streams {
    /// Fewest iterations for that: a word of the frame.
    word: u32,
    /// Address, displacement and size of an element.
    stores: Vec<(Value, i32, u32)>,
}

/// The blocks around.
pub(super) struct Around {
    pub(super) full: BlockId,
    pub(super) tail: BlockId,
    pub(super) masked: BlockId,
    pub(super) exit: BlockId,
}

/// Is there code for stores around the caches? Of strips that may do iterations again, move much memory for what they compute, and store whole
/// lanes to neighbours only.
#[must_use]
pub fn may_stream(strip: &Strip) -> bool {
    if !strip.repeatable || strip.small_bytes() > 0 {
        return false;
    }
    let (mut ops, mut accesses, mut stores) = (0, 0, 0);
    for inst in &strip.body {
        match inst {
            Inst::Let { value, op } => match op {
                Op::Load { place, .. } => {
                    accesses += 1;
                    if !super::plan::is_contiguous(place) {
                        return false;
                    }
                }
                Op::Const(_) => {}
                _ => ops += u32::from(!matches!(strip.values[*value], Ty::Int | Ty::Test)),
            },
            Inst::Store { elem, place: Place::Line { step: Step::One, .. }, mask: None, .. } => {
                (accesses, stores) = (accesses + 1, stores + 1);
                if elem.bytes() < 4 || *elem == Elem::Bool {
                    return false;
                }
            }
            Inst::Fault { .. } => {}
            Inst::Store { .. } | Inst::Update { .. } | Inst::Loop(_) | Inst::Branch(_) => return false,
        }
    }
    stores > 0 && ops <= 3 * accesses + 8
}

impl Lower<'_> {
    /// What may go around the caches; nothing if there is to be no code for it.
    pub(super) fn streams(&self) -> Option<Streams> {
        let word = self.strip.streams?;
        let plan = &self.plan;
        if plan.single || plan.full_lanes != plan.lanes || !may_stream(self.strip) {
            return None;
        }
        let mut stores = vec![];
        for inst in &self.strip.body {
            let Inst::Store { elem, place, value, .. } = inst else { continue };
            let Place::Line { address, disp, .. } = *place else { return None };
            let bytes = elem.bytes();
            // A part is a whole register then, and a block whole lines.
            let is_plain = super::plan::lane_bytes(self.ty(*value), 0) == bytes as u8;
            if !is_plain
                || !self.goes_with_iterations(address, bytes)
                || !(plan.lanes * bytes).is_multiple_of(LINE)
            {
                return None;
            }
            stores.push((address, disp, bytes));
        }
        Some(Streams { word, stores })
    }

    /// Where the full blocks begin: here or with stores around the caches. Ends the current block; the blocks behind come by
    /// [`Lower::stream`].
    pub(super) fn which(&mut self, streams: &Streams, n: VReg, args: &[VReg], full: BlockId) -> BlockId {
        let place = self.func.block();
        let least = self.func.g_rm(G::Mov, Src::Mem(Addr::reg(self.frame).plus(streams.word as i32 * 8)));
        self.func.g_flags(G::Cmp, n, least);
        self.func.end(Term::Cond(Cond::L, (full, args.to_vec()), (place, vec![])));
        place
    }

    /// Blocks with stores around the caches, from iteration `first` on.
    pub(super) fn stream(
        &mut self,
        streams: &Streams,
        place: BlockId,
        first: VReg,
        carried: &[VReg],
        limit: VReg,
        around: &Around,
    ) {
        let lanes = self.plan.lanes;
        let stream = self.func.block();
        let (stream_first, stream_carried) = self.block_params(stream);
        let done = self.func.block();
        let (done_first, done_carried) = self.block_params(done);

        self.func.begin(place);
        let plain = || (around.full, with(first, carried, None));
        let missing = self.missing(streams.stores[0], first);
        let count = self.func.g_ri(G::ShrI, missing, streams.stores[0].2.trailing_zeros() as i32);
        let (unaligned, aligned) = (self.func.block(), self.func.block());
        self.func.cmp_imm(missing, 0);
        self.func.end(Term::Cond(Cond::E, (aligned, vec![]), (unaligned, vec![])));
        self.func.begin(unaligned);
        let stop = self.func.lea(Addr { index: Some((count, 0)), ..Addr::reg(first) });
        // An address between elements is never aligned.
        self.func.cmp_imm(count, 0);
        let to_masked = (around.masked, with(first, carried, Some(stop)));
        self.func.end(Term::Cond(Cond::E, plain(), to_masked));
        self.func.begin(aligned);
        let mut others = None;
        for &store in &streams.stores[1..] {
            let missing = self.missing(store, first);
            others = Some(others.map_or(missing, |others| self.func.g_rr(G::Or, others, missing)));
        }
        let to_stream = (stream, with(first, carried, None));
        match others {
            None => self.func.end(Term::Jmp(to_stream.0, to_stream.1)),
            Some(others) => {
                self.func.cmp_imm(others, 0);
                self.func.end(Term::Cond(Cond::Ne, plain(), to_stream));
            }
        }

        self.can_stream = true;
        let has_fault = self.strip.body.iter().any(|inst| matches!(inst, Inst::Fault { .. }));
        let exit = if has_fault { self.func.block() } else { around.exit };
        let exit_params = has_fault.then(|| self.block_params(exit));
        self.func.begin(stream);
        self.func.blocks[stream.0 as usize].aligned = true;
        self.lanes = lanes;
        self.is_streaming = true;
        let nexts = self.body(stream_first, 0, &stream_carried, exit, None);
        self.is_streaming = false;
        let next = self.func.g_ri(G::AddI, stream_first, lanes as i32);
        self.func.g_flags(G::Cmp, next, limit);
        let again = (stream, with(next, &nexts, None));
        self.func.end(Term::Cond(Cond::Le, again, (done, with(next, &nexts, None))));

        self.func.begin(done);
        self.func.fence();
        self.func.jump(around.tail, with(done_first, &done_carried, None));
        if let Some((first, carried)) = exit_params {
            self.func.begin(exit);
            self.func.blocks[exit.0 as usize].cold = true;
            self.func.fence();
            self.func.jump(around.exit, with(first, &carried, None));
        }
    }

    /// Bytes from a store's first element to the next line.
    fn missing(&mut self, (address, disp, _): (Value, i32, u32), first: VReg) -> VReg {
        let addr = self.address_at(first, address, disp);
        let zero = self.func.imm(0);
        let missing = self.func.g_rr(G::Sub, zero, addr);
        self.func.g_ri(G::AndI, missing, LINE as i32 - 1)
    }
}
