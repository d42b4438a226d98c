//! From a strip to instructions over virtual registers: every value becomes parts of one register each.
//!
//! ```text
//!        entry: arguments, setup, what does not change       N = 16 doubles on AVX2: 4 parts
//!               (count of iterations until the stores are aligned -> masked)
//!  ┌───> check: n - first >= N ? full : tail
//!  │     full:  body of N lanes, no mask; first += N; again while first <= n - N (or the same around the caches: [`streams`])
//!  │     tail:  rest: body of one register per value, no mask, while first <= n - lanes (only if that is short)
//!  │     last:  first < n ? masked : exit
//!  └──── masked: body of one register per value, under `lane < stop - first`; first += lanes
//!        exit:  lanes of carried values combined, stored to the frame; returns the iterations done
//! ```
//!
//! A long body is there only once, masked, for all blocks. A fault jumps to `exit` with the carried values as at the start of the block. What a tier has no instruction for is expanded
//! ([`ops`], [`convert`]); constants are memory operands unless registers are left ([`plan`]).

mod combine;
mod control;
mod convert;
mod ints;
mod masks;
mod memory;
mod ops;
mod pack;
mod plan;
mod reps;
mod reverse;
mod serial;
mod stages;
mod streams;

use cranelift_entity::{EntitySet, SecondaryMap};
use regalloc2::VReg;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::Strip;
use crate::emit::{Func, Tier, Unsupported};
use crate::encode::Width;
use crate::ir::{Inst, Op, Ty, Value};

use ints::Linear;
use plan::Plan;
pub(crate) use plan::Stages;
use reps::Rep;
pub use streams::may_stream;

/// The registers of a value.
pub(crate) type Parts = SmallVec<[VReg; 4]>;

/// A strip as instructions.
pub(crate) struct Lowered {
    /// The function.
    pub(crate) func: Func,
    /// Lanes of a full block.
    pub(crate) lanes: u32,
    /// Lanes that go through the body at once.
    pub(crate) at_once: u32,
    /// Registers of a value of the widest type.
    pub(crate) unroll: u32,
    /// The widest type of lanes, and how many of them a register has.
    pub(crate) ty: Ty,
    pub(crate) per_register: u32,
    /// Does a first block align the stores?
    pub(crate) head: bool,
    /// Does the body go in two stages?
    pub(crate) staged: bool,
    /// Is there code for stores around the caches?
    pub(crate) streams: bool,
    /// How often the body is there without a mask.
    pub(crate) copies: u32,
    /// Is there a loop inside a block?
    pub(crate) has_loop: bool,
    /// Fewer lanes are possible.
    pub(crate) divisible: bool,
}

/// Lowers; at most so many lanes go through the body at once.
pub(crate) fn lower(strip: &Strip, tier: Tier, at_most: u32, stages: Stages) -> Result<Lowered, Unsupported> {
    // Lanes of 8 and 16 bits are code of AVX2 everywhere.
    let small = strip.small_bytes();
    let evex = tier == Tier::Avx512 && small == 0;
    let reg_bytes = if evex { 64 } else { 32 };
    let plan = plan::plan(strip, reg_bytes, at_most, stages);
    if plan.lanes > 128 {
        return Err(Unsupported::new("more than 128 lanes"));
    }
    let mut lower = Lower {
        strip,
        evex,
        reg_bytes,
        lanes: plan.lanes,
        func: Func::new(evex),
        reps: SecondaryMap::new(),
        linear: SecondaryMap::new(),
        in_setup: SecondaryMap::new(),
        left: SecondaryMap::new(),
        depth_of: SecondaryMap::new(),
        depth: 0,
        pending: vec![],
        spread: vec![],
        defs: SecondaryMap::new(),
        origins: vec![],
        offset_uses: SecondaryMap::new(),
        nowhere: None,
        bases: FxHashMap::default(),
        mask_grain: plan.grain(),
        only_bytes: small == 2 && has_only_bytes(strip),
        bytes: if small == 2 { crate::narrow::bytes(strip) } else { EntitySet::new() },
        hoisted: FxHashMap::default(),
        consts: FxHashMap::default(),
        active: None,
        block: None,
        is_streaming: false,
        can_stream: false,
        frame: VReg::invalid(),
        failed: None,
        plan,
    };
    let staged = lower.plan.cut.is_some();
    let head = lower.function();
    if let Some(reason) = lower.failed {
        return Err(Unsupported::new(reason));
    }
    let unit = reg_bytes / u32::from(lower.plan.grain());
    let at_once = lower.plan.full_lanes;
    let smallest = reg_bytes
        / match small {
            0 if lower.plan.narrow => 4,
            0 => 8,
            small => u32::from(small),
        };
    Ok(Lowered {
        func: lower.func,
        lanes: lower.plan.lanes,
        at_once,
        unroll: (at_once / unit).max(1),
        ty: widest(strip),
        per_register: unit,
        head,
        staged,
        streams: lower.can_stream,
        copies: lower.plan.lanes / at_once,
        has_loop: lower.plan.has_loop,
        divisible: at_once > smallest,
    })
}

/// Are all elements in memory bytes?
fn has_only_bytes(strip: &Strip) -> bool {
    let mut all = true;
    crate::walk::for_each_inst(&strip.body, &mut |inst| match inst {
        Inst::Let { op: Op::Load { elem, .. }, .. } | Inst::Store { elem, .. } => all &= elem.bytes() == 1,
        _ => {}
    });
    all
}

/// The type of lane that decides how many there are.
fn widest(strip: &Strip) -> Ty {
    let has = |wanted| strip.values.values().any(|&ty| ty == wanted);
    [Ty::F64, Ty::I64, Ty::F32, Ty::I16, Ty::I8].into_iter().find(|&ty| has(ty)).unwrap_or(Ty::I32)
}

/// The masks of the lanes that are active, by size of lane.
#[derive(Clone)]
struct Active {
    eight: Parts,
    four: Parts,
    /// How many they are, if not all. At least one.
    count: VReg,
}

/// The block being lowered.
#[derive(Clone)]
struct BlockState {
    /// Number of its first iteration.
    first: VReg,
    /// Added to it.
    offset: u32,
    /// What is done if a fault fires.
    done: VReg,
    /// Where a fault goes, and the carried values then.
    exit: crate::emit::BlockId,
    carried: Vec<VReg>,
}

struct Lower<'a> {
    strip: &'a Strip,
    plan: Plan,
    evex: bool,
    reg_bytes: u32,
    /// Lanes of the block being lowered.
    lanes: u32,
    func: Func,
    reps: SecondaryMap<Value, Rep>,
    linear: SecondaryMap<Value, Linear>,
    in_setup: SecondaryMap<Value, bool>,
    /// Uses still to come.
    left: SecondaryMap<Value, u32>,
    depth_of: SecondaryMap<Value, u32>,
    /// Loops and branches around.
    depth: u32,
    /// Values whose loads wait to be part of an instruction.
    pending: Vec<Value>,
    /// `Int`s of the setup in every lane, made in the entry.
    spread: Vec<(Value, VReg)>,
    /// How each value is computed.
    defs: SecondaryMap<Value, Option<&'a Op>>,
    /// Where values in registers were loaded from, since the last store.
    origins: Vec<(Value, reps::Waiting)>,
    /// Uses as an offset of a load.
    offset_uses: SecondaryMap<Value, u32>,
    /// Addresses below the stack pointer, one for each lane, made in the entry.
    nowhere: Option<VReg>,
    /// Bases of scattered places in every lane, made in the entry.
    bases: FxHashMap<(Value, i32), VReg>,
    /// Lane size of masks that nothing else decides.
    mask_grain: u8,
    /// Values of 16-bit lanes from 0 to 255.
    bytes: EntitySet<Value>,
    /// The lanes have 16 bits, all elements 8.
    only_bytes: bool,
    /// Sums of what does not change, computed in the entry.
    hoisted: FxHashMap<ints::Sum, VReg>,
    /// Constants in registers, defined in the entry.
    consts: FxHashMap<(u64, u8), VReg>,
    /// `None` in a full block.
    active: Option<Active>,
    block: Option<BlockState>,
    /// Do stores go around the caches?
    is_streaming: bool,
    /// Is there code where they do?
    can_stream: bool,
    frame: VReg,
    /// Why the strip cannot be lowered.
    failed: Option<&'static str>,
}

impl Lower<'_> {
    /// Width of the whole registers.
    fn full_width(&self) -> Width {
        if self.evex { Width::Z } else { Width::Y }
    }

    /// Width of a part of a value with lanes of that size.
    fn width(&self, size: u8) -> Width {
        match (self.lanes * u32::from(size)).min(self.reg_bytes) {
            0..=16 => Width::X,
            17..=32 => Width::Y,
            _ => Width::Z,
        }
    }

    /// Lanes of a part.
    fn per_part(&self, size: u8) -> u32 {
        self.lanes.min(self.reg_bytes / u32::from(size))
    }

    /// Parts of a value.
    fn count(&self, size: u8) -> usize {
        (self.lanes / self.per_part(size)) as usize
    }

    /// Are the bytes of a register lanes of two, those at even places and those at odd ones? That takes no shuffles, of which a processor does one
    /// or two in a cycle. What happens in a lane does not depend on its place, and the next block may have another order.
    fn is_split(&self) -> bool {
        self.only_bytes && self.count(2).is_multiple_of(2)
    }

    /// Gives up on the strip.
    fn fail(&mut self, reason: &'static str) {
        self.failed.get_or_insert(reason);
    }
}
