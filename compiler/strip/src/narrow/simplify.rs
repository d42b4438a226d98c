//! What the ranges make superfluous: faults that never fire, masks that are constant, `x & 255` of bytes, sums with 0,
//! signs of numbers that have them; and whatever nothing needs.

use cranelift_entity::{EntitySet, SecondaryMap};

use super::facts::Fact;
use crate::Strip;
use crate::ir::{Binary, Inst, Op, Region, Shift, Ty, Value};
use crate::walk::for_each_inst;

/// Simplifies; what is left of the values keeps its number and type.
pub(super) fn simplify(strip: &mut Strip, facts: &SecondaryMap<Value, Option<Fact>>) {
    let mut same = SecondaryMap::new();
    let mut constants = SecondaryMap::new();
    let mut lefts = SecondaryMap::new();
    let (mut setup, mut body) = (std::mem::take(&mut strip.setup), std::mem::take(&mut strip.body));
    for region in [&mut setup, &mut body] {
        simplify_region(strip, facts, &mut same, &mut constants, &mut lefts, region);
    }
    (strip.setup, strip.body) = (setup, body);
    for carried in &mut strip.carried {
        for value in [&mut carried.init, &mut carried.next] {
            *value = same[*value].unwrap_or(*value);
        }
    }
}

fn simplify_region(
    strip: &Strip,
    facts: &SecondaryMap<Value, Option<Fact>>,
    same: &mut SecondaryMap<Value, Option<Value>>,
    constants: &mut SecondaryMap<Value, Option<u64>>,
    lefts: &mut SecondaryMap<Value, Option<(Value, u8)>>,
    region: &mut Region,
) {
    region.retain_mut(|inst| {
        map_operands(inst, &mut |value| same[value].unwrap_or(value));
        match inst {
            Inst::Let { value, op } => {
                if let Op::Const(bits) = *op {
                    constants[*value] = Some(bits);
                }
                match (strip.values[*value], facts[*value]) {
                    (Ty::Mask, Some(Fact::Ints(lo, hi))) if lo == hi => *op = Op::Const(lo as u64),
                    (Ty::Int, Some(Fact::Ints(lo, hi))) if lo == hi => *op = Op::Int(lo),
                    _ => {}
                }
                if let Op::Binary(Binary::Add, a, b) = *op
                    && matches!(strip.values[*value], Ty::I64 | Ty::I32)
                {
                    for (a, b) in [(a, b), (b, a)] {
                        if constants[b] == Some(0) {
                            same[*value] = Some(a);
                            return false;
                        }
                    }
                }
                if let Op::Shift(Shift::Shl, a, count) = *op {
                    lefts[*value] = Some((a, count));
                }
                // `a << count >> count` of a number that has no more bits.
                if let Op::Shift(Shift::Sar, left, count) = *op
                    && strip.values[*value] == Ty::I64
                    && let Some((a, same_count)) = lefts[left]
                    && same_count == count
                    && let Some(Fact::Ints(lo, hi)) = facts[a]
                    && lo >= i64::MIN >> count
                    && hi <= i64::MAX >> count
                {
                    same[*value] = Some(a);
                    return false;
                }
                if let Op::Binary(Binary::And, a, b) = *op {
                    for (a, b) in [(a, b), (b, a)] {
                        if let (Some(Fact::Ints(0.., most)), Some(mask)) = (facts[a], constants[b])
                            && (mask & mask.wrapping_add(1)) == 0
                            && most as u64 <= mask
                        {
                            same[*value] = Some(a);
                            return false;
                        }
                    }
                }
                true
            }
            Inst::Fault { mask } => facts[*mask] != Some(Fact::Ints(0, 0)),
            Inst::Store { .. } | Inst::Update { .. } => true,
            Inst::Loop(inner) => {
                simplify_region(strip, facts, same, constants, lefts, &mut inner.head);
                simplify_region(strip, facts, same, constants, lefts, &mut inner.body);
                inner.cond = same[inner.cond].unwrap_or(inner.cond);
                for phi in &mut inner.carried {
                    phi.next = same[phi.next].unwrap_or(phi.next);
                }
                true
            }
            Inst::Branch(branch) => {
                simplify_region(strip, facts, same, constants, lefts, &mut branch.then);
                simplify_region(strip, facts, same, constants, lefts, &mut branch.orelse);
                for (_, then, orelse) in &mut branch.results {
                    *then = same[*then].unwrap_or(*then);
                    *orelse = same[*orelse].unwrap_or(*orelse);
                }
                true
            }
        }
    });
}

/// Replaces the operands of an instruction; of a loop those that it reads before its first round, of a branch the condition.
fn map_operands(inst: &mut Inst, f: &mut impl FnMut(Value) -> Value) {
    match inst {
        Inst::Let { value: _, op } => op.for_each_operand_mut(|operand| *operand = f(*operand)),
        Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
            place.for_each_operand_mut(|operand| *operand = f(*operand));
            *value = f(*value);
            if let Some(mask) = mask {
                *mask = f(*mask);
            }
        }
        Inst::Fault { mask } => *mask = f(*mask),
        Inst::Loop(inner) => inner.carried.iter_mut().for_each(|phi| phi.init = f(phi.init)),
        Inst::Branch(branch) => branch.cond = f(branch.cond),
    }
}

/// Drops definitions that nothing needs. What a loop carries is needed.
pub(super) fn drop_dead(strip: &mut Strip) {
    let mut live = EntitySet::new();
    for carried in &strip.carried {
        live.insert(carried.init);
        live.insert(carried.next);
    }
    drop_in(&mut strip.body, &mut live);
    drop_in(&mut strip.setup, &mut live);
}

fn drop_in(region: &mut Region, live: &mut EntitySet<Value>) {
    let mut kept = Vec::with_capacity(region.len());
    while let Some(mut inst) = region.pop() {
        if matches!(&inst, Inst::Let { value, op: _ } if !live.contains(*value)) {
            continue;
        }
        let mut read = |value: Value| {
            live.insert(value);
        };
        match &mut inst {
            Inst::Let { value: _, op } => op.for_each_operand(read),
            Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
                place.for_each_operand(&mut read);
                read(*value);
                mask.iter().for_each(|&mask| read(mask));
            }
            Inst::Fault { mask } => read(*mask),
            Inst::Loop(inner) => {
                for phi in &inner.carried {
                    read(phi.init);
                    read(phi.next);
                }
                read(inner.cond);
                drop_in(&mut inner.body, live);
                drop_in(&mut inner.head, live);
            }
            Inst::Branch(branch) => {
                for &(_, then, orelse) in &branch.results {
                    read(then);
                    read(orelse);
                }
                read(branch.cond);
                drop_in(&mut branch.then, live);
                drop_in(&mut branch.orelse, live);
            }
        }
        kept.push(inst);
    }
    kept.reverse();
    *region = kept;
}

/// Makes values that nothing defines any more ones that need no lanes: the types of all values decide how many lanes a block has.
pub(super) fn forget_undefined(strip: &mut Strip) {
    let mut defined = EntitySet::new();
    for carried in &strip.carried {
        defined.insert(carried.param);
    }
    for region in [&strip.setup, &strip.body] {
        for_each_inst(region, &mut |inst| match inst {
            Inst::Let { value, op: _ } => {
                defined.insert(*value);
            }
            Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => {}
            Inst::Loop(inner) => {
                for phi in &inner.carried {
                    defined.insert(phi.param);
                    defined.insert(phi.result);
                }
            }
            Inst::Branch(branch) => {
                for &(result, ..) in &branch.results {
                    defined.insert(result);
                }
            }
        });
    }
    for (value, ty) in &mut strip.values {
        if !defined.contains(value) {
            *ty = Ty::Int;
        }
    }
}
