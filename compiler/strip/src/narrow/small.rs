//! Lanes of 16 or 8 bits, if they do for the whole strip.
//!
//! ```text
//! v1: i64 = load u8 [v0]                    v1: i16 = load u8 [v0]
//! v2: i64 = load u8 [v0 + 1]                v2: i16 = load u8 [v0 + 1]
//! v3: i64 = v1 + v2                         v3: i16 = v1 + v2
//! v7: i64 = v3 // 9 (by doubles)      ==>   v7: i16 = mul_high(v3, v8)       // v8 is 7282
//! store u8 [v0] = v7                        store u8 [v0] = v7
//! ```
//!
//! All or nothing: such lanes stand beside no others (S5), so nothing is converted between sizes and no masks are resized. A lane of `k`
//! bits always has the low `k` bits of what the 64-bit lane would have. Sums, products and logic need no more. What needs a number (comparisons,
//! shifts to the right, minima, quotients) looks at its range: numbers of `-2^(k-1) .. 2^(k-1)` are what the lane says with a sign, those
//! of `0 .. 2^k` what it says without one.

use cranelift_entity::{EntitySet, SecondaryMap};

use super::divide::{self, Quotient};
use super::facts::Fact;
use crate::Strip;
use crate::ir::{
    Binary, Compare, Convert, Elem, Inst, IntOp, Op, Place, Region, Shift, Step, Ty, Unary, Value,
};

/// How lanes show all numbers of a range.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Signed,
    Unsigned,
}

/// The strip with lanes of 8 bits, or else of 16.
pub(super) fn small(strip: &Strip, facts: &SecondaryMap<Value, Option<Fact>>) -> Option<Strip> {
    let straight = |inst: &Inst| !matches!(inst, Inst::Update { .. } | Inst::Loop(_) | Inst::Branch(_));
    if !strip.carried.is_empty() || strip.lanes.is_some() || !strip.body.iter().all(straight) {
        return None;
    }
    [Ty::I8, Ty::I16].into_iter().find_map(|ty| Small::new(strip, facts, ty).rewritten())
}

struct Small<'a> {
    old: &'a Strip,
    facts: &'a SecondaryMap<Value, Option<Fact>>,
    ty: Ty,
    bits: u8,
    defs: SecondaryMap<Value, Option<&'a Op>>,
    in_setup: EntitySet<Value>,
    needed: EntitySet<Value>,
    /// The new strip, without its regions.
    new: Strip,
    setup: Region,
    body: Region,
    /// What a value that needs no instruction is.
    same: SecondaryMap<Value, Option<Value>>,
    /// Values with the sign bit flipped: their order without a sign is that of these with one.
    flipped: SecondaryMap<Value, Option<Value>>,
}

impl<'a> Small<'a> {
    fn new(old: &'a Strip, facts: &'a SecondaryMap<Value, Option<Fact>>, ty: Ty) -> Small<'a> {
        let (mut defs, mut in_setup) = (SecondaryMap::new(), EntitySet::new());
        for (region, is_setup) in [(&old.setup, true), (&old.body, false)] {
            for inst in region {
                if let Inst::Let { value, op } = inst {
                    defs[*value] = Some(op);
                    if is_setup {
                        in_setup.insert(*value);
                    }
                }
            }
        }
        Small {
            old,
            facts,
            ty,
            bits: 8 * ty.small_bytes(),
            defs,
            in_setup,
            needed: EntitySet::new(),
            new: Strip { setup: Region::new(), body: Region::new(), ..old.clone() },
            setup: Region::new(),
            body: Region::new(),
            same: SecondaryMap::new(),
            flipped: SecondaryMap::new(),
        }
    }

    /// The whole strip, if everything that it needs has a small form.
    fn rewritten(mut self) -> Option<Strip> {
        for inst in &self.old.body {
            match inst {
                Inst::Store { elem, place, value, mask } => {
                    if !self.is_plain(*elem, place, *mask) {
                        return None;
                    }
                    self.need(*value)?;
                }
                Inst::Fault { mask } => self.need(*mask)?,
                Inst::Let { .. } => {}
                Inst::Update { .. } | Inst::Loop(_) | Inst::Branch(_) => return None,
            }
        }
        for region in [&self.old.setup, &self.old.body] {
            for inst in region {
                self.inst(inst)?;
            }
        }
        let mut strip = self.new;
        (strip.setup, strip.body) = (self.setup, self.body);
        super::simplify::drop_dead(&mut strip);
        super::simplify::forget_undefined(&mut strip);
        Some(strip)
    }

    /// May it be read or written by small lanes?
    fn is_plain(&self, elem: Elem, place: &Place, mask: Option<Value>) -> bool {
        let is_line = matches!(place, Place::Line { step: Step::One, .. });
        is_line && mask.is_none() && elem.bytes() * 8 <= u32::from(self.bits)
    }

    fn op(&self, value: Value) -> Option<&'a Op> {
        self.defs[value]
    }

    fn range(&self, value: Value) -> Option<(i64, i64)> {
        match self.facts[value] {
            Some(Fact::Ints(lo, hi)) => Some((lo, hi)),
            Some(Fact::Reals(..) | Fact::Any) | None => None,
        }
    }

    /// How lanes show the numbers from `lo` to `hi`.
    fn sign(&self, lo: i64, hi: i64) -> Option<Sign> {
        let half = 1 << (self.bits - 1);
        if lo >= -half && hi < half {
            Some(Sign::Signed)
        } else if lo >= 0 && hi < 2 * half {
            Some(Sign::Unsigned)
        } else {
            None
        }
    }

    /// How they show all that both can be.
    fn common_sign(&self, a: Value, b: Value) -> Option<Sign> {
        let ((a, b), (c, d)) = (self.range(a)?, self.range(b)?);
        self.sign(a.min(c), b.max(d))
    }

    /// Marks what has to be computed; nothing if something of it has no small form.
    fn need(&mut self, root: Value) -> Option<()> {
        let mut waiting = vec![root];
        while let Some(value) = waiting.pop() {
            if self.needed.contains(value) {
                continue;
            }
            self.needed.insert(value);
            match self.old.values[value] {
                Ty::I64 | Ty::Mask => {}
                // They stay as they are, with all that they are made of.
                Ty::Int | Ty::Test if !matches!(self.op(value), Some(Op::Any(_) | Op::Binary(..))) => {
                    continue;
                }
                _ => return None,
            }
            match *self.op(value)? {
                Op::Lookup { .. } | Op::LaneNumber => return None,
                Op::Load { elem, ref place, mask } if !self.is_plain(elem, place, mask) => return None,
                Op::Convert(Convert::WholeToInt, whole) => waiting.push(self.quotient(whole)?.x),
                Op::Convert(Convert::MaskToInt, mask) => waiting.push(mask),
                Op::Convert(..) => return None,
                Op::Shift(Shift::Sar, a, count) => {
                    waiting.push(self.extended(a, count).map_or(a, |(inner, _)| inner));
                }
                Op::Compare(op, a, b) => match self.clamped(op, a, b) {
                    Some((_, a, _)) => waiting.push(a),
                    None => waiting.extend([a, b]),
                },
                ref op => op.for_each_operand(|operand| waiting.push(operand)),
            }
        }
        Some(())
    }

    fn quotient(&self, whole: Value) -> Option<Quotient> {
        divide::quotient(self.old, &|value| self.defs[value], whole)
    }

    /// Of `(a << count) >> count`: `a`, and how many of its bits are extended.
    fn extended(&self, left: Value, count: u8) -> Option<(Value, u8)> {
        match self.op(left) {
            Some(&Op::Shift(Shift::Shl, a, same)) if same == count && count > 0 => Some((a, 64 - count)),
            _ => None,
        }
    }

    /// A comparison with an integer of which nothing is known: it may be brought next to the numbers of the other side. That
    /// side, on the left; and the limits.
    fn clamped(&self, op: Compare, a: Value, b: Value) -> Option<(Compare, Value, (Value, i64, i64))> {
        let spread = |value: Value| match self.op(value) {
            Some(&Op::Broadcast(int)) if self.in_setup.contains(value) => Some(int),
            _ => None,
        };
        if self.common_sign(a, b).is_some() || self.old.values[a] != Ty::I64 {
            return None;
        }
        for (op, a, b) in [(op, a, b), (mirrored(op), b, a)] {
            if let (Some(int), Some((lo, hi))) = (spread(b), self.range(a))
                && self.sign(lo, hi).is_some()
            {
                let has_room = self.sign(lo - 1, hi + 1).is_some();
                return Some((op, a, if has_room { (int, lo - 1, hi + 1) } else { (int, lo, hi) }));
            }
        }
        None
    }

    fn get(&self, value: Value) -> Value {
        self.same[value].unwrap_or(value)
    }

    /// A new value, in the setup or the body.
    fn define(&mut self, in_setup: bool, ty: Ty, op: Op) -> Value {
        let value = self.new.values.push(ty);
        let region = if in_setup { &mut self.setup } else { &mut self.body };
        region.push(Inst::Let { value, op });
        value
    }

    fn constant(&mut self, number: i64) -> Value {
        let bits = number as u64 & (u64::MAX >> (64 - self.bits));
        let value = self.new.values.push(self.ty);
        // In front of all: something in the setup may want it.
        self.setup.insert(0, Inst::Let { value, op: Op::Const(bits) });
        value
    }

    fn inst(&mut self, inst: &Inst) -> Option<()> {
        match inst {
            Inst::Let { value, op } => {
                let (value, in_setup) = (*value, self.in_setup.contains(*value));
                if matches!(self.old.values[value], Ty::Int | Ty::Test) {
                    let region = if in_setup { &mut self.setup } else { &mut self.body };
                    region.push(inst.clone());
                    return Some(());
                }
                if !self.needed.contains(value) {
                    return Some(());
                }
                if self.old.values[value] == Ty::I64 {
                    self.new.values[value] = self.ty;
                }
                match self.definition(value, op, in_setup)? {
                    Op::Broadcast(other) if self.new.values[other] != Ty::Int => {
                        self.same[value] = Some(other);
                    }
                    op => {
                        let region = if in_setup { &mut self.setup } else { &mut self.body };
                        region.push(Inst::Let { value, op });
                    }
                }
            }
            Inst::Store { elem, place, value, mask } => {
                self.body.push(Inst::Store {
                    elem: *elem,
                    place: *place,
                    value: self.get(*value),
                    mask: *mask,
                });
            }
            Inst::Fault { mask } => self.body.push(Inst::Fault { mask: self.get(*mask) }),
            Inst::Update { .. } | Inst::Loop(_) | Inst::Branch(_) => return None,
        }
        Some(())
    }

    /// The small form of an operation. `Broadcast` of something that is no `Int` stands for that itself.
    fn definition(&mut self, value: Value, op: &Op, here: bool) -> Option<Op> {
        let is_mask = self.old.values[value] == Ty::Mask;
        let bits = self.bits;
        Some(match *op {
            Op::Const(number) if !is_mask => Op::Const(number & (u64::MAX >> (64 - bits))),
            Op::Unary(Unary::Abs, a) => match self.range(a).and_then(|(lo, hi)| self.sign(lo, hi)) {
                Some(Sign::Signed) => Op::Unary(Unary::Abs, self.get(a)),
                Some(Sign::Unsigned) => Op::Broadcast(self.get(a)),
                None => return self.distance(a, here),
            },
            Op::Unary(op @ (Unary::Neg | Unary::Not), a) => Op::Unary(op, self.get(a)),
            Op::Binary(op, a, b) => {
                let new = match op {
                    Binary::Add | Binary::Sub | Binary::And | Binary::Or | Binary::Xor | Binary::AndNot => op,
                    Binary::Mul if bits == 16 => op,
                    Binary::Min | Binary::Max => match (self.common_sign(a, b)?, op) {
                        (Sign::Signed, op) => op,
                        (Sign::Unsigned, Binary::Min) => Binary::MinUnsigned,
                        (Sign::Unsigned, _) => Binary::MaxUnsigned,
                    },
                    _ => return None,
                };
                Op::Binary(new, self.get(a), self.get(b))
            }
            Op::Shift(Shift::Shl, a, count) if count < bits => Op::Shift(Shift::Shl, self.get(a), count),
            Op::Shift(Shift::Sar, a, count) => {
                if let Some((inner, kept)) = self.extended(a, count) {
                    let inner = self.get(inner);
                    if kept >= bits {
                        return Some(Op::Broadcast(inner));
                    }
                    let left = self.define(here, self.ty, Op::Shift(Shift::Shl, inner, bits - kept));
                    return Some(Op::Shift(Shift::Sar, left, bits - kept));
                }
                if count == 1
                    && let Some(op) = self.mean(a, here)
                {
                    return Some(op);
                }
                let (lo, hi) = self.range(a)?;
                match self.sign(lo, hi)? {
                    Sign::Signed if lo < 0 => Op::Shift(Shift::Sar, self.get(a), count.min(bits - 1)),
                    _ if count < bits => Op::Shift(Shift::Shr, self.get(a), count),
                    _ => return None,
                }
            }
            Op::Shift(Shift::Shr, a, count) => {
                let (lo, hi) = self.range(a)?;
                if lo < 0 || self.sign(lo, hi).is_none() || count >= bits {
                    return None;
                }
                Op::Shift(Shift::Shr, self.get(a), count)
            }
            Op::Compare(op, a, b) => return self.comparison(op, a, b, here),
            Op::Convert(Convert::WholeToInt, whole) => return self.division(self.quotient(whole)?, here),
            Op::Convert(Convert::MaskToInt, mask) => Op::Convert(Convert::MaskToInt, self.get(mask)),
            Op::Const(_)
            | Op::WordLanes(_)
            | Op::Broadcast(_)
            | Op::TestLanes(_)
            | Op::Active
            | Op::Load { .. }
            | Op::Select { .. } => {
                let mut op = op.clone();
                op.for_each_operand_mut(|operand| *operand = self.get(*operand));
                op
            }
            _ => return None,
        })
    }

    fn comparison(&mut self, op: Compare, a: Value, b: Value, here: bool) -> Option<Op> {
        if self.old.values[a] != Ty::I64 {
            return None;
        }
        if let Some((op, a, (int, least, most))) = self.clamped(op, a, b) {
            let sign = self.sign(least, most)?;
            let has_room = self.range(a).is_some_and(|(lo, _)| least < lo);
            let least = self.define(true, Ty::Int, Op::Int(least));
            let most = self.define(true, Ty::Int, Op::Int(most));
            let near = self.define(true, Ty::Int, Op::IntBinary(IntOp::Max, int, least));
            let near = self.define(true, Ty::Int, Op::IntBinary(IntOp::Min, near, most));
            let b = self.define(true, self.ty, Op::Broadcast(near));
            let compared = self.compared(op, self.get(a), b, sign, here);
            if has_room {
                return Some(compared);
            }
            // Next to the numbers there is no other: what the limit was decides about those that are equal to it now.
            let (logic, test, other) = match op {
                Compare::Gt => (Binary::Or, Compare::Lt, least),
                Compare::Lt => (Binary::Or, Compare::Gt, most),
                Compare::Ge => (Binary::And, Compare::Le, most),
                Compare::Le => (Binary::And, Compare::Ge, least),
                Compare::Eq => (Binary::And, Compare::Eq, near),
                Compare::Ne => (Binary::Or, Compare::Ne, near),
            };
            let test = self.define(true, Ty::Test, Op::IntCompare(test, int, other));
            let everywhere = self.define(true, Ty::Mask, Op::TestLanes(test));
            let mask = self.define(here, Ty::Mask, compared);
            return Some(Op::Binary(logic, mask, everywhere));
        }
        let sign = self.common_sign(a, b)?;
        let (a, b) = (self.get(a), self.get(b));
        Some(self.compared(op, a, b, sign, here))
    }

    fn compared(&mut self, op: Compare, a: Value, b: Value, sign: Sign, here: bool) -> Op {
        if sign == Sign::Signed || matches!(op, Compare::Eq | Compare::Ne) {
            return Op::Compare(op, a, b);
        }
        let (a, b) = (self.flip(a, here), self.flip(b, here));
        Op::Compare(op, a, b)
    }

    /// `|x - y|` where the difference takes a bit more.
    fn distance(&mut self, difference: Value, here: bool) -> Option<Op> {
        let Some(&Op::Binary(Binary::Sub, x, y)) = self.op(difference) else { return None };
        let (most, least) = match self.common_sign(x, y)? {
            Sign::Signed => (Binary::Max, Binary::Min),
            Sign::Unsigned => (Binary::MaxUnsigned, Binary::MinUnsigned),
        };
        let (x, y) = (self.get(x), self.get(y));
        let most = self.define(here, self.ty, Op::Binary(most, x, y));
        let least = self.define(here, self.ty, Op::Binary(least, x, y));
        Some(Op::Binary(Binary::Sub, most, least))
    }

    /// Half of `x + y`, or of `x + y + 1`, where the sum takes a bit more or there is an instruction for it:
    /// `x + y` is `2 * (x & y) + (x ^ y)`, and also `2 * (x | y) - (x ^ y)`.
    fn mean(&mut self, sum: Value, here: bool) -> Option<Op> {
        let is_one = |value: Value| matches!(self.op(value), Some(Op::Const(1)));
        let Some(&Op::Binary(Binary::Add, a, b)) = self.op(sum) else { return None };
        let inner = |value: Value| match self.op(value) {
            Some(&Op::Binary(Binary::Add, x, y)) => Some((x, y)),
            _ => None,
        };
        let (x, y, is_up) = match (inner(a), inner(b)) {
            (Some((x, y)), _) if is_one(b) => (x, y, true),
            (_, Some((x, y))) if is_one(a) => (x, y, true),
            (Some((x, one)), _) if is_one(one) => (x, b, true),
            (_, Some((y, one))) if is_one(one) => (a, y, true),
            _ => (a, b, false),
        };
        let sign = self.common_sign(x, y)?;
        let is_positive = [x, y].into_iter().all(|v| self.range(v).is_some_and(|(lo, _)| lo >= 0));
        let fits = self.range(sum).is_some_and(|(lo, hi)| self.sign(lo, hi).is_some());
        let (x, y) = (self.get(x), self.get(y));
        if is_up && is_positive {
            return Some(Op::Binary(Binary::Average, x, y));
        }
        if fits {
            return None;
        }
        let shift = if sign == Sign::Signed { Shift::Sar } else { Shift::Shr };
        let different = self.define(here, self.ty, Op::Binary(Binary::Xor, x, y));
        let half = self.define(here, self.ty, Op::Shift(shift, different, 1));
        let (same, sum) = if is_up { (Binary::Or, Binary::Sub) } else { (Binary::And, Binary::Add) };
        let same = self.define(here, self.ty, Op::Binary(same, x, y));
        Some(Op::Binary(sum, same, half))
    }

    /// The value with its sign bit flipped.
    fn flip(&mut self, value: Value, here: bool) -> Value {
        if let Some(known) = self.flipped[value] {
            return known;
        }
        let top = 1u64 << (self.bits - 1);
        let constant = self.setup.iter().find_map(|inst| match inst {
            Inst::Let { value: known, op: Op::Const(bits) } if *known == value => Some(*bits),
            _ => None,
        });
        let flipped = match constant {
            Some(bits) => self.constant((bits ^ top) as i64),
            None => {
                let top = self.constant(top as i64);
                let is_outside =
                    self.setup.iter().any(|i| matches!(i, Inst::Let { value: v, .. } if *v == value));
                self.define(here || is_outside, self.ty, Op::Binary(Binary::Xor, value, top))
            }
        };
        self.flipped[value] = Some(flipped);
        flipped
    }

    /// A quotient or remainder by a constant.
    fn division(&mut self, quotient: Quotient, here: bool) -> Option<Op> {
        let Quotient { x, divisor, is_remainder } = quotient;
        if divisor == 2
            && !is_remainder
            && let Some(op) = self.mean(x, here)
        {
            return Some(op);
        }
        let (lo, hi) = self.range(x)?;
        let x = self.get(x);
        let is_power = divisor.count_ones() == 1 && divisor < 1 << self.bits;
        if is_power && is_remainder {
            let rest = self.constant(divisor - 1);
            return Some(Op::Binary(Binary::And, x, rest));
        }
        let count = divisor.trailing_zeros() as u8;
        let whole = if is_power && lo < 0 && self.sign(lo, hi) == Some(Sign::Signed) {
            Op::Shift(Shift::Sar, x, count)
        } else if is_power && lo >= 0 && self.sign(lo, hi).is_some() {
            Op::Shift(Shift::Shr, x, count)
        } else {
            if self.bits != 16 {
                return None;
            }
            let way = divide::way_of_halves(lo, hi, divisor)?;
            let mut y = x;
            if way.bias > 0 {
                let offset = self.constant(way.bias * divisor);
                y = self.define(here, self.ty, Op::Binary(Binary::Add, y, offset));
            }
            let factor = self.constant(way.factor);
            let mut op = Op::Binary(Binary::MulHigh, y, factor);
            if way.shift > 0 {
                y = self.define(here, self.ty, op);
                op = Op::Shift(Shift::Shr, y, way.shift);
            }
            if way.bias > 0 {
                y = self.define(here, self.ty, op);
                let bias = self.constant(way.bias);
                op = Op::Binary(Binary::Sub, y, bias);
            }
            op
        };
        if !is_remainder {
            return Some(whole);
        }
        if self.bits != 16 {
            return None;
        }
        let whole = self.define(here, self.ty, whole);
        let by = self.constant(divisor);
        let product = self.define(here, self.ty, Op::Binary(Binary::Mul, whole, by));
        Some(Op::Binary(Binary::Sub, x, product))
    }
}

/// The comparison with its sides exchanged.
fn mirrored(op: Compare) -> Compare {
    match op {
        Compare::Eq | Compare::Ne => op,
        Compare::Lt => Compare::Gt,
        Compare::Le => Compare::Ge,
        Compare::Gt => Compare::Lt,
        Compare::Ge => Compare::Le,
    }
}
