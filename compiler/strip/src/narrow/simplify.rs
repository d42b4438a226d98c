//! What the ranges make superfluous: faults that never fire, masks that are constant, `x & 255` of bytes, sums with 0,
//! signs of numbers that have them; what makes an integer small where only its low bits are stored; and whatever nothing needs.

use cranelift_entity::{EntitySet, SecondaryMap};

use super::facts::Fact;
use crate::Strip;
use crate::ir::{Binary, Elem, Inst, Loop, Op, Region, Shift, Ty, Value};
use crate::walk::for_each_inst;

/// Simplifies; what is left of the values keeps its number and type.
pub(super) fn simplify(strip: &mut Strip, facts: &SecondaryMap<Value, Option<Fact>>) {
    let (mut setup, mut body) = (std::mem::take(&mut strip.setup), std::mem::take(&mut strip.body));
    let mut known = Known {
        strip,
        facts,
        same: SecondaryMap::new(),
        constants: SecondaryMap::new(),
        lefts: SecondaryMap::new(),
        lows: SecondaryMap::new(),
    };
    known.region(&mut setup);
    known.region(&mut body);
    let same = known.same;
    (strip.setup, strip.body) = (setup, body);
    for carried in &mut strip.carried {
        for value in [&mut carried.init, &mut carried.next] {
            *value = same[*value].unwrap_or(*value);
        }
    }
}

/// What is known of the values so far.
struct Known<'a> {
    strip: &'a Strip,
    facts: &'a SecondaryMap<Value, Option<Fact>>,
    /// What a superfluous value is.
    same: SecondaryMap<Value, Option<Value>>,
    constants: SecondaryMap<Value, Option<u64>>,
    /// `a << count`.
    lefts: SecondaryMap<Value, Option<(Value, u8)>>,
    /// Another value whose low bits, that many, are the same: what a conversion to a smaller integer starts from.
    lows: SecondaryMap<Value, Option<(Value, u32)>>,
}

impl Known<'_> {
    fn region(&mut self, region: &mut Region) {
        region.retain_mut(|inst| {
            map_operands(inst, &mut |value| self.same(value));
            match inst {
                Inst::Let { value, op } => self.definition(*value, op),
                Inst::Fault { mask } => self.facts[*mask] != Some(Fact::Ints(0, 0)),
                Inst::Store { elem, value, .. } => {
                    if *elem != Elem::Bool {
                        while let Some((wider, bits)) = self.lows[*value]
                            && bits >= 8 * elem.bytes()
                        {
                            *value = wider;
                        }
                    }
                    true
                }
                Inst::Update { .. } => true,
                Inst::Loop(inner) => {
                    self.region(&mut inner.head);
                    self.region(&mut inner.body);
                    inner.cond = self.same(inner.cond);
                    for phi in &mut inner.carried {
                        phi.next = self.same(phi.next);
                    }
                    true
                }
                Inst::Branch(branch) => {
                    self.region(&mut branch.then);
                    self.region(&mut branch.orelse);
                    for (_, then, orelse) in &mut branch.results {
                        *then = self.same(*then);
                        *orelse = self.same(*orelse);
                    }
                    true
                }
            }
        });
    }

    fn same(&self, value: Value) -> Value {
        self.same[value].unwrap_or(value)
    }

    /// Learns from a definition; false if another value is the same.
    fn definition(&mut self, value: Value, op: &mut Op) -> bool {
        let ty = self.strip.values[value];
        if let Op::Const(bits) = *op {
            self.constants[value] = Some(bits);
        }
        match (ty, self.facts[value]) {
            (Ty::Mask, Some(Fact::Ints(lo, hi))) if lo == hi => *op = Op::Const(lo as u64),
            (Ty::Int, Some(Fact::Ints(lo, hi))) if lo == hi => *op = Op::Int(lo),
            _ => {}
        }
        match *op {
            Op::Binary(Binary::Add, a, b) if matches!(ty, Ty::I64 | Ty::I32) => {
                for (a, b) in [(a, b), (b, a)] {
                    if self.constants[b] == Some(0) {
                        self.same[value] = Some(a);
                        return false;
                    }
                }
            }
            Op::Shift(Shift::Shl, a, count) => self.lefts[value] = Some((a, count)),
            // `a << count >> count`
            Op::Shift(Shift::Sar, left, count) if ty == Ty::I64 => {
                if let Some((a, same_count)) = self.lefts[left]
                    && same_count == count
                {
                    // Of a number that has no more bits.
                    if matches!(self.facts[a], Some(Fact::Ints(lo, hi)) if lo >= i64::MIN >> count && hi <= i64::MAX >> count)
                    {
                        self.same[value] = Some(a);
                        return false;
                    }
                    self.lows[value] = Some((a, 64 - u32::from(count)));
                }
            }
            Op::Binary(Binary::And, a, b) => {
                for (a, b) in [(a, b), (b, a)] {
                    let Some(mask) = self.constants[b].filter(|mask| (mask & mask.wrapping_add(1)) == 0)
                    else {
                        continue;
                    };
                    if let Some(Fact::Ints(0.., most)) = self.facts[a]
                        && most as u64 <= mask
                    {
                        self.same[value] = Some(a);
                        return false;
                    }
                    if ty == Ty::I64 {
                        self.lows[value] = Some((a, mask.count_ones()));
                    }
                }
            }
            _ => {}
        }
        true
    }
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

/// Drops definitions that nothing needs.
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
        if let Inst::Loop(inner) = &mut inst {
            drop_in_loop(inner, live);
            kept.push(inst);
            continue;
        }
        let mut read = |value: Value| {
            live.insert(value);
        };
        match &mut inst {
            Inst::Loop(_) => {}
            Inst::Let { value: _, op } => op.for_each_operand(read),
            Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
                place.for_each_operand(&mut read);
                read(*value);
                mask.iter().for_each(|&mask| read(mask));
            }
            Inst::Fault { mask } => read(*mask),
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

/// What a loop carries is needed if it is read after the loop, or by what is needed in a round.
fn drop_in_loop(inner: &mut Loop, live: &mut EntitySet<Value>) {
    let mut needed: Vec<bool> = inner.carried.iter().map(|phi| live.contains(phi.result)).collect();
    loop {
        let (mut head, mut body, mut inside) = (inner.head.clone(), inner.body.clone(), live.clone());
        inside.insert(inner.cond);
        for (phi, _) in inner.carried.iter().zip(&needed).filter(|(_, needed)| **needed) {
            inside.insert(phi.next);
        }
        drop_in(&mut body, &mut inside);
        drop_in(&mut head, &mut inside);
        let mut is_stable = true;
        for (phi, needed) in inner.carried.iter().zip(&mut needed) {
            if !*needed && inside.contains(phi.param) {
                (*needed, is_stable) = (true, false);
            }
        }
        if is_stable {
            (inner.head, inner.body, *live) = (head, body, inside);
            break;
        }
    }
    let mut needed = needed.into_iter();
    inner.carried.retain(|_| needed.next().unwrap_or(true));
    for phi in &inner.carried {
        live.insert(phi.init);
    }
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
