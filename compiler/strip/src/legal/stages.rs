//! Long bodies in two stages: the second half of a block stands beside the first half of the next one.
//!
//! ```text
//!   loop:  a = load x[k]                      loop:  a' = load x[k']      k' = the block after k
//!          b = slow(a)                  ==>          b' = slow(a')        these two do not wait for each other
//!          c = slower(b)                             c  = slower(b)
//!          store y[k] = c; next k                    store y[k] = c; k = k'; b = b'
//! ```
//!
//! A block whose operations wait for each other, one after the other, takes as long as all of them. Processors look ahead by about a hundred
//! instructions, not by a whole body; with two half blocks side by side they need not. The code is there once: in the first round the second
//! half computes with zeros and stores nothing, in the last one the first half does the last block again.
//!
//! Only for strips whose iterations may be done again and that carry nothing. Stores are all in the second half, at the end of the round. Faults are all in
//! the first half: if one fires, the block before it is not stored yet, and the strip ends there.

use cranelift_entity::SecondaryMap;

use crate::Strip;
use crate::ir::{Binary, Inst, Op, Region, Ty, Unary, Value};

/// Where a body is cut.
pub(crate) struct Cut {
    /// Instructions of the first stage.
    pub(crate) first: usize,
    /// What goes from one stage to the other.
    pub(crate) crossing: Vec<Value>,
}

/// A value that goes across costs that many cycles.
const CROSSING: u32 = 4;

/// What is known of a value of the body.
#[derive(Clone, Copy, Default)]
struct Known {
    /// One more than the instruction that defines it.
    def: u32,
    /// The last instruction that reads it.
    last: u32,
    /// Cycles until it is there.
    depth: u32,
    /// Cycles from its first use to the end.
    height: u32,
}

/// The best cut, if the longer stage takes at most so many hundredths of the whole.
pub(crate) fn cut(strip: &Strip, shorter: u32) -> Option<Cut> {
    let count = strip.body.len();
    if !strip.repeatable || !strip.carried.is_empty() || strip.lanes.is_some() || count < 2 {
        return None;
    }
    let mut known: SecondaryMap<Value, Known> = SecondaryMap::new();
    // Not before this instruction, and not behind that one.
    let (mut least, mut most) = (1, count - 1);
    let mut defined: Vec<Value> = vec![];
    let mut depths = vec![0; count];
    for (at, inst) in strip.body.iter().enumerate() {
        let mut depth = 0;
        read(inst, &mut |value| {
            let known = &mut known[value];
            known.last = at as u32;
            depth = depth.max(known.depth);
        });
        depth += latency(inst);
        depths[at] = depth;
        let mut define = |value: Value, depth: u32| {
            known[value] = Known { def: at as u32 + 1, last: at as u32, depth, height: 0 };
            defined.push(value);
        };
        match inst {
            Inst::Let { value, .. } => define(*value, depth),
            Inst::Branch(branch) => {
                if has_access(&branch.then) || has_access(&branch.orelse) {
                    return None;
                }
                for &(result, _, _) in &branch.results {
                    define(result, depth);
                }
            }
            Inst::Fault { .. } => least = at + 1,
            Inst::Store { .. } => most = most.min(at),
            // It is not done again.
            Inst::Update { .. } | Inst::Loop(_) => return None,
        }
    }
    let whole = depths.iter().copied().max()?;
    // The longest way from each instruction to the end.
    let mut heights = vec![0; count + 1];
    for (at, inst) in strip.body.iter().enumerate().rev() {
        let mut below = 0;
        match inst {
            Inst::Let { value, .. } => below = known[*value].height,
            Inst::Branch(branch) => {
                branch.results.iter().for_each(|&(result, _, _)| below = below.max(known[result].height));
            }
            Inst::Fault { .. } | Inst::Store { .. } | Inst::Update { .. } | Inst::Loop(_) => {}
        }
        let height = below + latency(inst);
        heights[at] = height.max(heights[at + 1]);
        read(inst, &mut |value| known[value].height = known[value].height.max(height));
    }
    let mut best: Option<(u32, usize)> = None;
    let mut before = 0;
    for at in 1..=most {
        before = before.max(depths[at - 1]);
        if at < least {
            continue;
        }
        let mut across = 0;
        let mut allowed = true;
        for &value in &defined {
            let Known { def, last, .. } = known[value];
            if (def as usize) <= at && last as usize >= at {
                match strip.values[value] {
                    // Computed again.
                    Ty::Int => allowed &= matches!(strip.body[def as usize - 1], Inst::Let { .. }),
                    Ty::Test => allowed = false,
                    Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Mask => across += 1,
                }
            }
        }
        let cost = before.max(heights[at]) + CROSSING * across;
        if allowed && best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, at));
        }
    }
    let (cost, first) = best?;
    if u64::from(cost) * 100 > u64::from(whole) * u64::from(shorter) {
        return None;
    }
    let is_across = |value: &Value| {
        let Known { def, last, .. } = known[*value];
        def as usize <= first && last as usize >= first && strip.values[*value] != Ty::Int
    };
    Some(Cut { first, crossing: defined.into_iter().filter(is_across).collect() })
}

/// Does it store, or might it fault?
fn has_access(region: &Region) -> bool {
    let mut found = false;
    crate::walk::for_each_inst(region, &mut |inst| {
        found |= !matches!(inst, Inst::Let { .. } | Inst::Branch(_));
    });
    found
}

/// What an instruction reads, with all that is in it.
fn read(inst: &Inst, f: &mut impl FnMut(Value)) {
    match inst {
        Inst::Let { op, .. } => op.for_each_operand(f),
        Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
            place.for_each_operand(&mut *f);
            f(*value);
            mask.iter().for_each(|&mask| f(mask));
        }
        Inst::Fault { mask } => f(*mask),
        Inst::Loop(_) => {}
        Inst::Branch(branch) => {
            f(branch.cond);
            for region in [&branch.then, &branch.orelse] {
                for inst in region {
                    read(inst, &mut *f);
                }
            }
            branch.results.iter().for_each(|&(_, a, b)| {
                f(a);
                f(b);
            });
        }
    }
}

/// Cycles, roughly.
fn latency(inst: &Inst) -> u32 {
    match inst {
        Inst::Let { op, .. } => match op {
            Op::Binary(Binary::Div, ..) => 13,
            Op::Unary(Unary::Sqrt, _) => 20,
            Op::Fma(..) => 4,
            Op::Binary(Binary::Add | Binary::Sub | Binary::Mul, ..) => 3,
            Op::Unary(Unary::RoundEven | Unary::Floor | Unary::Ceil | Unary::Trunc, _) => 3,
            Op::Lookup { .. } => 12,
            Op::Load { .. } => 6,
            Op::Convert(..)
            | Op::Binary(..)
            | Op::Unary(..)
            | Op::Shift(..)
            | Op::Compare(..)
            | Op::Select { .. } => 1,
            Op::Word(_)
            | Op::Int(_)
            | Op::IntBinary(..)
            | Op::IntCompare(..)
            | Op::IntLoad { .. }
            | Op::First
            | Op::Const(_)
            | Op::WordLanes(_)
            | Op::Broadcast(_)
            | Op::TestLanes(_)
            | Op::LaneNumber
            | Op::Active
            | Op::Any(_) => 0,
        },
        Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } | Inst::Loop(_) | Inst::Branch(_) => 0,
    }
}
