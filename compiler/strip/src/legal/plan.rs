//! How many lanes a block gets, and which constants get a register.
//!
//! The largest number of lanes for which everything that is alive at once still fits in the registers: a value of `N` lanes takes
//! `N` times its size of them, a constant none (it is a memory operand), a value that is equal in all lanes one. More registers
//! in flight hide the latency of each other; that is all the unrolling there is.

use cranelift_entity::SecondaryMap;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Strip;
use crate::ir::{Inst, Op, Place, Region, Step, Ty, Value};
use crate::walk::for_each_inst;

/// What decides.
pub(crate) struct Plan {
    /// `N`.
    pub(crate) lanes: u32,
    /// Lanes that go through the body at once in a full block, a fraction of `N`.
    pub(crate) full_lanes: u32,
    /// The same in a masked block.
    pub(crate) masked_lanes: u32,
    /// Whole registers of the rest are worth a body of their own.
    pub(crate) rest: bool,
    /// The body is so long that it is there only once, under the mask.
    pub(crate) single: bool,
    /// That body goes in two stages.
    pub(crate) cut: Option<super::stages::Cut>,
    /// There is a loop inside the block.
    pub(crate) has_loop: bool,
    /// Uses of each value.
    pub(crate) uses: SecondaryMap<Value, u32>,
    /// Constants that stay in registers, by bits and size of the lane.
    pub(crate) resident: FxHashSet<(u64, u8)>,
    /// Lanes of 4 bytes appear.
    pub(crate) narrow: bool,
    /// Lanes of 8 bytes appear.
    pub(crate) wide: bool,
    /// Bytes of lanes of 8 or 16 bits, which are then the only ones, or 0.
    pub(crate) small: u8,
}

impl Plan {
    /// Bytes of a lane of the widest type.
    pub(crate) fn grain(&self) -> u8 {
        match self.small {
            0 if self.wide => 8,
            0 => 4,
            small => small,
        }
    }
}

/// A body of so many operations is not cut in two.
const MOST_WHOLE: u32 = 40;
/// The longer stage takes at most that share of what the whole body takes, in hundredths.
const SHORTER: u32 = 75;

/// Three vectors of so many values that go from round to round leave three registers for what a round computes.
const MOST_CARRIED: usize = 4;
/// Operations of a round that are still few; more have enough work of their own that does not wait.
const LIGHT_ROUND: u32 = 20;

/// Which bodies go in two stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stages {
    /// Those that gain by it.
    WhereGood,
    /// All that can; for tests.
    WherePossible,
}

/// One value's life, in positions of the text.
struct Life {
    start: u32,
    end: u32,
    /// In registers, at the number of lanes of one register of doubles.
    weight: f32,
}

struct Scan<'a> {
    strip: &'a Strip,
    position: u32,
    /// Its life: one more than the number in `all`; 0 for what needs no register.
    lives: SecondaryMap<Value, u32>,
    all: Vec<Life>,
    /// Which values are constants of lanes.
    constant: SecondaryMap<Value, Option<(u64, u8)>>,
    /// How often each constant is read, loops counted several times.
    consts: FxHashMap<(u64, u8), u32>,
    uses: SecondaryMap<Value, u32>,
    ops: u32,
    memory: u32,
    /// All elements in memory have 8 bytes.
    only_eights: bool,
    /// Rounds of loops do little and carry little.
    light_rounds: bool,
    has_loop: bool,
    depth: u32,
    uniform: u32,
    mask_bytes: u8,
}

/// Size in bytes of a lane; `mask` for masks, 0 for what is no lane.
pub(crate) fn lane_bytes(ty: Ty, mask: u8) -> u8 {
    match ty {
        Ty::F64 | Ty::I64 => 8,
        Ty::F32 | Ty::I32 => 4,
        Ty::I16 => 2,
        Ty::I8 => 1,
        Ty::Mask => mask,
        Ty::Int | Ty::Test => 0,
    }
}

/// Chooses, at most so many lanes unless the strip pins them.
pub(crate) fn plan(strip: &Strip, reg_bytes: u32, at_most: u32, stages: Stages) -> Plan {
    let evex = reg_bytes == 64;
    let (mut narrow, mut wide) = (false, false);
    for &ty in strip.values.values() {
        narrow |= matches!(ty, Ty::F32 | Ty::I32);
        wide |= matches!(ty, Ty::F64 | Ty::I64);
    }
    let small = strip.small_bytes();
    if !narrow && !wide && small == 0 {
        narrow = true;
    }
    let mut scan = Scan {
        strip,
        position: 1,
        lives: SecondaryMap::new(),
        all: vec![],
        constant: SecondaryMap::new(),
        consts: FxHashMap::default(),
        uses: SecondaryMap::new(),
        ops: 0,
        memory: 0,
        only_eights: true,
        light_rounds: true,
        has_loop: false,
        depth: 0,
        uniform: 0,
        mask_bytes: match (evex, wide) {
            (true, _) => 0,
            (false, true) => 8,
            (false, false) if small > 0 => small,
            (false, false) => 4,
        },
    };
    scan.count_uses();
    scan.setup();
    for carried in &strip.carried {
        if carried.combine.is_in_order() {
            scan.uniform += 1;
        } else {
            scan.define(carried.param);
        }
    }
    scan.region(&strip.body);
    for carried in &strip.carried {
        scan.read(carried.next);
        scan.extend(carried.param);
    }
    let registers: f32 = if evex { 32.0 } else { 16.0 };
    let peak = scan.peak().max(0.25);
    let double_lanes = reg_bytes / 8;
    let unit = match small {
        0 if wide => double_lanes,
        0 => double_lanes * 2,
        small => reg_bytes / u32::from(small),
    };
    let per_unit = peak * unit as f32 / double_lanes as f32;
    let free = registers - 1.0 - scan.uniform as f32;
    let streaming = !scan.has_loop && scan.ops <= 3 * scan.memory.max(1) + 8;
    let mut unroll: u32 = match scan.ops {
        _ if streaming || scan.has_loop => 4,
        0..=60 => 4,
        // Longer bodies have enough work of their own that does not wait.
        61..=250 => 2,
        _ => 1,
    };
    while unroll > 1 && unroll as f32 * per_unit > free {
        unroll /= 2;
    }
    if small > 0 && scan.ops > 12 {
        // So many iterations at once are few blocks, and many registers in the rest of a short row.
        unroll = unroll.min(2);
    }
    if scan.has_loop {
        // Rounds wait for each other: a second vector hides that even if some values are spilled.
        unroll = unroll.max(2);
        // A third one where rounds are short: what does not change from round to round may lie in memory. Not where lanes meet or have other sizes.
        let is_plain =
            wide && !narrow && scan.only_eights && strip.carried.is_empty() && strip.lanes.is_none();
        if unroll == 2 && scan.light_rounds && is_plain {
            unroll = 3;
        }
    }
    if stages == Stages::WherePossible {
        unroll = 1;
    }
    let wanted = unit * unroll;
    let unit = if narrow { double_lanes * 2 } else { unit };
    let wanted = if wanted > at_most { (at_most / unit).max(1) * unit } else { wanted.max(unit) };
    // A strip that pins its lanes may still go through the body in pieces: lanes do not know of each other.
    let lanes = strip.lanes.unwrap_or(wanted);
    let full_lanes = wanted.min(lanes);
    // Long bodies are there less often.
    let masked_lanes = if strip.lanes.is_some() && scan.ops > 30 { full_lanes } else { unit.min(lanes) };
    let used = full_lanes as f32 / double_lanes as f32 * peak;
    let spare = (registers - 1.0 - scan.uniform as f32 - used).max(0.0) as usize;
    if small == 2 {
        // What bytes are taken apart with.
        *scan.consts.entry((0xff, 2)).or_default() += 1 << 8;
    }
    let mut consts: Vec<((u64, u8), u32)> = scan.consts.into_iter().collect();
    consts.sort_by_key(|&(key, weight)| (std::cmp::Reverse(weight), key));
    let resident = consts.into_iter().take(spare).map(|(key, _)| key).collect();
    let alone = full_lanes == lanes && masked_lanes == lanes;
    let cut = match stages {
        Stages::WherePossible if alone => super::stages::cut(strip, u32::MAX),
        Stages::WhereGood if alone && !streaming && scan.ops > MOST_WHOLE => {
            super::stages::cut(strip, SHORTER)
        }
        Stages::WherePossible | Stages::WhereGood => None,
    };
    // Small lanes have no masked blocks: full ones, registers of the rest, and the scalar loop does what is left.
    let only_full = small > 0 && !strip.repeatable;
    let single = alone && scan.ops > 120 && !only_full || cut.is_some();
    let rest = strip.lanes.is_none()
        && !strip.repeatable
        && masked_lanes < lanes
        && !scan.has_loop
        && (scan.ops <= 40 || only_full);
    Plan {
        single,
        cut,
        has_loop: scan.has_loop,
        lanes,
        full_lanes,
        masked_lanes,
        rest,
        uses: scan.uses,
        resident,
        narrow,
        wide,
        small,
    }
}

impl Scan<'_> {
    fn count_uses(&mut self) {
        let strip = self.strip;
        for carried in &strip.carried {
            self.uses[carried.next] += 1;
            self.uses[carried.init] += 1;
        }
        for region in [&strip.setup, &strip.body] {
            for_each_inst(region, &mut |inst| {
                let mut used = |value: Value| self.uses[value] += 1;
                match inst {
                    Inst::Let { op, .. } => op.for_each_operand(used),
                    Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
                        place.for_each_operand(&mut used);
                        used(*value);
                        mask.iter().for_each(|&mask| used(mask));
                    }
                    Inst::Fault { mask } => used(*mask),
                    Inst::Loop(inner) => {
                        used(inner.cond);
                        inner.carried.iter().for_each(|phi| {
                            used(phi.init);
                            used(phi.next);
                        });
                    }
                    Inst::Branch(branch) => {
                        used(branch.cond);
                        branch.results.iter().for_each(|&(_, a, b)| {
                            used(a);
                            used(b);
                        });
                    }
                }
            });
        }
    }

    fn setup(&mut self) {
        for inst in &self.strip.setup {
            if let Inst::Let { value, op } = inst {
                if let Op::Const(bits) = op {
                    self.constant(*value, *bits);
                } else if lane_bytes(self.strip.values[*value], 1) > 0 {
                    self.uniform += 1;
                }
            }
        }
    }

    fn define(&mut self, value: Value) {
        let weight = f32::from(lane_bytes(self.strip.values[value], self.mask_bytes)) / 8.0;
        self.all.push(Life { start: self.position, end: self.position, weight });
        self.lives[value] = self.all.len() as u32;
    }

    fn constant(&mut self, value: Value, bits: u64) {
        let size = lane_bytes(self.strip.values[value], 0);
        if size > 0 {
            self.constant[value] = Some((bits, size));
        }
    }

    fn read(&mut self, value: Value) {
        if let Some(key) = self.constant[value] {
            *self.consts.entry(key).or_default() += 1 << (2 * self.depth.min(8));
        }
        self.extend(value);
    }

    fn extend(&mut self, value: Value) {
        if let Some(life) = self.lives[value].checked_sub(1) {
            let life = &mut self.all[life as usize];
            life.end = life.end.max(self.position);
        }
    }

    fn region(&mut self, region: &Region) {
        for inst in region {
            self.position += 1;
            match inst {
                Inst::Let { value, op } => self.operation(*value, op),
                Inst::Store { elem, place, value, mask } => {
                    self.memory += 1;
                    self.only_eights &= elem.bytes() == 8;
                    place.for_each_operand(|v| self.read(v));
                    self.read(*value);
                    mask.iter().for_each(|&mask| self.read(mask));
                }
                Inst::Update { elem, place, op: _, value, mask } => {
                    self.memory += 1;
                    self.only_eights &= elem.bytes() == 8;
                    // Lane by lane; what follows waits for nothing of it.
                    self.ops += 8;
                    place.for_each_operand(|v| self.read(v));
                    self.read(*value);
                    mask.iter().for_each(|&mask| self.read(mask));
                }
                Inst::Fault { mask } => self.read(*mask),
                Inst::Loop(inner) => {
                    self.has_loop = true;
                    self.depth += 1;
                    let (start, ops) = (self.position, self.ops);
                    let types = inner.carried.iter().map(|phi| self.strip.values[phi.param]);
                    let carried = types.filter(|&ty| lane_bytes(ty, 1) > 0).count();
                    let has_control =
                        inner.body.iter().any(|inst| matches!(inst, Inst::Loop(_) | Inst::Branch(_)));
                    for phi in &inner.carried {
                        self.read(phi.init);
                        self.define(phi.param);
                    }
                    self.position += 1;
                    self.region(&inner.head);
                    self.read(inner.cond);
                    self.region(&inner.body);
                    inner.carried.iter().for_each(|phi| self.read(phi.next));
                    self.position += 1;
                    let end = self.position;
                    // What comes from outside and is read inside lives as long as the loop; so do the parameters.
                    for life in &mut self.all {
                        if life.start <= start && life.end > start {
                            life.end = life.end.max(end);
                        }
                    }
                    for phi in &inner.carried {
                        self.extend(phi.param);
                        self.define(phi.result);
                    }
                    self.depth -= 1;
                    self.light_rounds &= carried <= MOST_CARRIED && !has_control;
                    self.light_rounds &= self.ops - ops <= LIGHT_ROUND;
                }
                Inst::Branch(branch) => {
                    self.read(branch.cond);
                    // What is skipped as a rule has no say in how much work there is.
                    let (ops, memory) = (self.ops, self.memory);
                    self.region(&branch.then);
                    if branch.orelse.is_empty() {
                        (self.ops, self.memory) = (ops, memory);
                    }
                    self.region(&branch.orelse);
                    for &(result, a, b) in &branch.results {
                        self.read(a);
                        self.read(b);
                        self.define(result);
                    }
                }
            }
        }
    }

    fn operation(&mut self, value: Value, op: &Op) {
        op.for_each_operand(|v| self.read(v));
        let ty = self.strip.values[value];
        self.ops += u32::from(lane_bytes(ty, 1) > 0);
        match op {
            Op::Const(bits) => self.constant(value, *bits),
            Op::Load { elem, place, .. } => {
                self.memory += 1;
                self.only_eights &= elem.bytes() == 8;
                // One that is read once is an operand of what reads it.
                let is_operand = is_contiguous(place) && self.uses[value] == 1;
                if !is_operand {
                    self.define(value);
                }
                if !is_contiguous(place) {
                    self.ops += 4;
                }
            }
            _ => self.define(value),
        }
    }

    /// Most registers alive at once, in units of one register of doubles.
    fn peak(&self) -> f32 {
        let mut change = vec![0.0f32; self.position as usize + 2];
        for life in &self.all {
            if life.end > life.start {
                change[life.start as usize] += life.weight;
                change[life.end as usize] -= life.weight;
            }
        }
        let (mut now, mut peak) = (0.0f32, 0.0f32);
        for delta in change {
            now += delta;
            peak = peak.max(now);
        }
        peak
    }
}

/// One load or store for all lanes?
pub(crate) fn is_contiguous(place: &Place) -> bool {
    match place {
        Place::Line { step, .. } => !matches!(step, Step::Bytes(_)),
        Place::Scattered { .. } => false,
    }
}
