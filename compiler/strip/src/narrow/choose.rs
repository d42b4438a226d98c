//! Which 64-bit integers become 32-bit ones: connected groups in which that saves more than the conversions at their borders cost.
//!
//! A value may be narrow if it fits in 32 bits by its range, or if everything that reads it only needs its low half; and if its operation
//! has a 32-bit form that gives the low half from the low halves of its operands (sums, products, logic), or from operands that fit.

use cranelift_entity::{EntitySet, SecondaryMap};
use rustc_hash::FxHashSet;

use super::divide::{Quotient, Way, quotient, way};
use super::facts::Fact;
use crate::Strip;
use crate::ir::{Binary, Convert, Elem, Inst, Op, Place, Region, Shift, Ty, Unary, Value};

/// What is decided.
pub(super) struct Chosen {
    /// `I64` values that become `I32`, and comparisons whose operands do.
    pub(super) narrow: EntitySet<Value>,
    /// Those that are divisions.
    pub(super) divisions: SecondaryMap<Value, Option<Division>>,
    /// Shifts to the right that bring in zeros.
    pub(super) logical: EntitySet<Value>,
}

/// `x // divisor`, or `x % divisor`, written with doubles.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Division {
    pub(super) x: Value,
    pub(super) divisor: i64,
    pub(super) way: Way,
    /// The remainder is wanted.
    pub(super) remainder: bool,
}

/// How a value comes to be.
#[derive(Clone, Copy)]
enum Def<'a> {
    Op(&'a Op),
    /// A parameter or result: one of two values. The companion is narrow if this is.
    Either(Value, Value, Option<Value>),
}

/// How an operand is read.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// Its low half.
    Low,
    /// As a number: it has to fit.
    Number,
}

/// Who reads a value.
#[derive(Clone, Copy)]
enum User {
    Value(Value, Need),
    /// A narrow store or a `Truncate`: the low half, at that gain.
    Low(f32),
    /// A conversion to a float: as a number, at that gain.
    Float(f32),
    /// All 64 bits.
    Wide,
}

struct Graph<'a> {
    strip: &'a Strip,
    facts: &'a SecondaryMap<Value, Option<Fact>>,
    defs: SecondaryMap<Value, Option<Def<'a>>>,
    depth_of: SecondaryMap<Value, u8>,
    order: Vec<Value>,
    users: SecondaryMap<Value, Vec<(User, u8)>>,
    divisions: SecondaryMap<Value, Option<Division>>,
    /// May become narrow.
    can: EntitySet<Value>,
}

/// Chooses.
pub(super) fn choose(strip: &Strip, facts: &SecondaryMap<Value, Option<Fact>>) -> Chosen {
    let mut graph = Graph {
        strip,
        facts,
        defs: SecondaryMap::new(),
        depth_of: SecondaryMap::new(),
        order: vec![],
        users: SecondaryMap::new(),
        divisions: SecondaryMap::new(),
        can: EntitySet::new(),
    };
    graph.define_all(&strip.setup, 0);
    graph.define_all(&strip.body, 0);
    graph.find_candidates();
    graph.read_all();
    graph.drop_impossible();
    let narrow = graph.groups_that_pay();
    let mut logical = EntitySet::new();
    logical.extend(graph.order.iter().copied().filter(|&value| match graph.op(value) {
        Some(&Op::Shift(Shift::Sar, a, _)) => narrow.contains(value) && graph.is_unsigned(a),
        _ => false,
    }));
    Chosen { narrow, divisions: graph.divisions, logical }
}

/// What a register of conversions costs, in instructions per two registers of doubles.
const BORDER: f32 = 3.0;

impl<'a> Graph<'a> {
    fn define_all(&mut self, region: &'a Region, depth: u8) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => self.define(*value, Def::Op(op), depth),
                Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => {}
                Inst::Loop(inner) => {
                    for phi in &inner.carried {
                        self.define(phi.param, Def::Either(phi.init, phi.next, Some(phi.result)), depth + 1);
                    }
                    self.define_all(&inner.head, (depth + 1).min(8));
                    self.define_all(&inner.body, (depth + 1).min(8));
                    for phi in &inner.carried {
                        let def = Def::Either(phi.param, phi.param, Some(phi.param));
                        self.define(phi.result, def, depth);
                    }
                }
                Inst::Branch(branch) => {
                    self.define_all(&branch.then, depth);
                    self.define_all(&branch.orelse, depth);
                    for &(result, then, orelse) in &branch.results {
                        self.define(result, Def::Either(then, orelse, None), depth);
                    }
                }
            }
        }
    }

    fn define(&mut self, value: Value, def: Def<'a>, depth: u8) {
        self.defs[value] = Some(def);
        self.depth_of[value] = depth;
        self.order.push(value);
    }

    fn op(&self, value: Value) -> Option<&'a Op> {
        match self.defs[value] {
            Some(Def::Op(op)) => Some(op),
            Some(Def::Either(..)) | None => None,
        }
    }

    /// Does it fit in 32 bits?
    fn fits(&self, value: Value) -> bool {
        let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
        matches!(self.facts[value], Some(Fact::Ints(lo, hi)) if lo >= least && hi <= most)
    }

    /// Does it fit in 32 bits, but only without a sign? Then zeros come in when its low half is shifted to the right.
    fn is_unsigned(&self, value: Value) -> bool {
        !self.fits(value)
            && matches!(self.facts[value], Some(Fact::Ints(0.., hi)) if hi <= i64::from(u32::MAX))
    }

    fn is_wide(&self, value: Value) -> bool {
        self.strip.values[value] == Ty::I64
    }

    fn range(&self, value: Value) -> Option<(i64, i64)> {
        match self.facts[value] {
            Some(Fact::Ints(lo, hi)) => Some((lo, hi)),
            Some(Fact::Reals(..) | Fact::Any) | None => None,
        }
    }

    /// Candidates: what has a 32-bit form.
    fn find_candidates(&mut self) {
        for at in 0..self.order.len() {
            let value = self.order[at];
            if let Some(&Op::Convert(Convert::WholeToInt, whole)) = self.op(value) {
                self.divisions[value] = self.division(whole);
            }
            let suits = match self.defs[value] {
                Some(Def::Op(Op::Compare(_, a, _))) => self.is_wide(*a) && self.suits(value),
                Some(_) => self.is_wide(value) && self.suits(value),
                None => false,
            };
            if suits {
                self.can.insert(value);
            }
        }
    }

    /// Has the value's operation a 32-bit form, as far as its operands' ranges go?
    fn suits(&self, value: Value) -> bool {
        let has_form = match self.defs[value] {
            None => false,
            Some(Def::Either(..)) => true,
            Some(Def::Op(op)) => match *op {
                Op::Load { elem, .. } => elem.bytes() <= 4,
                Op::Unary(op, _) => matches!(op, Unary::Neg | Unary::Abs | Unary::Not),
                Op::Binary(op, _, count) => match op {
                    Binary::Shl | Binary::Shr | Binary::Sar => {
                        matches!(self.facts[count], Some(Fact::Ints(0.., ..=31)))
                    }
                    Binary::Add
                    | Binary::Sub
                    | Binary::Mul
                    | Binary::Min
                    | Binary::Max
                    | Binary::And
                    | Binary::Or
                    | Binary::Xor
                    | Binary::AndNot => true,
                    Binary::Div
                    | Binary::MulHigh
                    | Binary::MinUnsigned
                    | Binary::MaxUnsigned
                    | Binary::Average => false,
                },
                Op::Shift(op, a, count) => match op {
                    Shift::Shl => count < 32,
                    Shift::Shr => count < 32 && self.range(a).is_some_and(|(lo, _)| lo >= 0),
                    Shift::Sar => count < 32 || !self.is_unsigned(a),
                },
                Op::Compare(..) | Op::Select { .. } => true,
                Op::Convert(Convert::MaskToInt, _) => true,
                Op::Convert(..) => self.divisions[value].is_some(),
                Op::Word(_)
                | Op::Int(_)
                | Op::IntBinary(..)
                | Op::IntCompare(..)
                | Op::IntLoad { .. }
                | Op::First
                | Op::Any(_)
                | Op::Const(_)
                | Op::WordLanes(_)
                | Op::Broadcast(_)
                | Op::TestLanes(_)
                | Op::LaneNumber
                | Op::Active
                | Op::Lookup { .. }
                | Op::Fma(..) => false,
            },
        };
        // A variable logical shift of a negative number brings in zeros from above.
        let shifts_in = match self.op(value) {
            Some(&Op::Binary(Binary::Shr, a, _)) => self.range(a).is_none_or(|(lo, _)| lo < 0),
            _ => false,
        };
        let mut all_fit = true;
        self.operands(value, &mut |operand, need| all_fit &= need == Need::Low || self.fits(operand));
        has_form && !shifts_in && all_fit
    }

    /// The 64-bit operands of the narrow form.
    fn operands(&self, value: Value, f: &mut impl FnMut(Value, Need)) {
        match self.defs[value] {
            None => {}
            Some(Def::Either(a, b, _)) => {
                f(a, Need::Low);
                f(b, Need::Low);
            }
            Some(Def::Op(op)) => match *op {
                Op::Unary(op, a) => f(a, if op == Unary::Abs { Need::Number } else { Need::Low }),
                Op::Binary(op, a, b) => {
                    let (left, right) = match op {
                        Binary::Add
                        | Binary::Sub
                        | Binary::Mul
                        | Binary::And
                        | Binary::Or
                        | Binary::Xor
                        | Binary::AndNot => (Need::Low, Need::Low),
                        Binary::Shl => (Need::Low, Need::Number),
                        Binary::Min
                        | Binary::Max
                        | Binary::Shr
                        | Binary::Sar
                        | Binary::Div
                        | Binary::MulHigh
                        | Binary::MinUnsigned
                        | Binary::MaxUnsigned
                        | Binary::Average => (Need::Number, Need::Number),
                    };
                    f(a, left);
                    f(b, right);
                }
                Op::Shift(op, a, _) => {
                    let is_low = op == Shift::Shl || self.is_unsigned(a);
                    f(a, if is_low { Need::Low } else { Need::Number });
                }
                Op::Compare(_, a, b) => {
                    f(a, Need::Number);
                    f(b, Need::Number);
                }
                Op::Select { mask: _, then, orelse } => {
                    f(then, Need::Low);
                    f(orelse, Need::Low);
                }
                Op::Convert(..) => {
                    if let Some(division) = self.divisions[value] {
                        f(division.x, Need::Number);
                    }
                }
                _ => {}
            },
        }
    }

    /// A whole double that is a quotient or remainder of a small integer by a constant.
    fn division(&self, whole: Value) -> Option<Division> {
        let Quotient { x, divisor, is_remainder } = quotient(self.strip, &|value| self.op(value), whole)?;
        let (lo, hi) = self.range(x)?;
        Some(Division { x, divisor, way: way(lo, hi, divisor)?, remainder: is_remainder })
    }

    /// Finds the readers of every value.
    fn read_all(&mut self) {
        let strip = self.strip;
        for carried in &strip.carried {
            self.read(carried.init, User::Wide, 0);
            self.read(carried.next, User::Wide, 0);
        }
        self.read_region(&strip.setup, 0);
        self.read_region(&strip.body, 0);
    }

    fn read(&mut self, value: Value, user: User, depth: u8) {
        if self.is_wide(value) {
            self.users[value].push((user, depth));
        }
    }

    fn read_region(&mut self, region: &Region, depth: u8) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => {
                    if self.can.contains(*value) {
                        self.read_narrow(*value, depth);
                        continue;
                    }
                    let to_single = self.strip.values[*value] == Ty::F32;
                    let user = match op {
                        Op::Convert(Convert::Truncate, _) => User::Low(BORDER),
                        Op::Convert(Convert::IntToFloat, a) if self.fits(*a) => {
                            User::Float(if to_single { 20.0 } else { 9.0 })
                        }
                        Op::Convert(Convert::SmallToFloat, a) if self.fits(*a) => User::Float(1.0),
                        _ => User::Wide,
                    };
                    op.for_each_operand(|operand| self.read(operand, user, depth));
                }
                Inst::Store { elem, place, value, mask: _ } => {
                    place.for_each_operand(|operand| self.read(operand, User::Wide, depth));
                    let narrow = elem.bytes() <= 4 && *elem != Elem::Bool;
                    self.read(*value, if narrow { User::Low(2.0) } else { User::Wide }, depth);
                }
                Inst::Update { place, value, .. } => {
                    place.for_each_operand(|operand| self.read(operand, User::Wide, depth));
                    self.read(*value, User::Wide, depth);
                }
                Inst::Fault { .. } => {}
                Inst::Loop(inner) => {
                    let deeper = (depth + 1).min(8);
                    for phi in &inner.carried {
                        for value in [phi.param, phi.result] {
                            if self.can.contains(value) {
                                self.read_narrow(value, deeper);
                            } else {
                                self.read(phi.init, User::Wide, depth);
                                self.read(phi.next, User::Wide, deeper);
                                self.read(phi.param, User::Wide, deeper);
                            }
                        }
                    }
                    self.read_region(&inner.head, deeper);
                    self.read_region(&inner.body, deeper);
                }
                Inst::Branch(branch) => {
                    self.read_region(&branch.then, depth);
                    self.read_region(&branch.orelse, depth);
                    for &(result, then, orelse) in &branch.results {
                        if self.can.contains(result) {
                            self.read_narrow(result, depth);
                        } else {
                            self.read(then, User::Wide, depth);
                            self.read(orelse, User::Wide, depth);
                        }
                    }
                }
            }
        }
    }

    fn read_narrow(&mut self, user: Value, depth: u8) {
        let mut operands = vec![];
        self.operands(user, &mut |operand, need| operands.push((operand, need)));
        for (operand, need) in operands {
            self.read(operand, User::Value(user, need), depth);
        }
        if let Some(&Op::Load { place: Place::Scattered { offset, .. }, .. }) = self.op(user) {
            self.read(offset, User::Wide, depth);
        }
    }

    /// Takes back the candidates that do not fit and are read as more than their low half, and companions of what is none.
    fn drop_impossible(&mut self) {
        let mut waiting = self.order.clone();
        while let Some(value) = waiting.pop() {
            if !self.can.contains(value) || self.may_be(value) {
                continue;
            }
            self.can.remove(value);
            self.operands(value, &mut |operand, _| waiting.push(operand));
            if let Some(Def::Either(_, _, Some(companion))) = self.defs[value] {
                waiting.push(companion);
            }
        }
    }

    fn may_be(&self, value: Value) -> bool {
        if let Some(Def::Either(_, _, Some(companion))) = self.defs[value]
            && !self.can.contains(companion)
        {
            return false;
        }
        self.strip.values[value] == Ty::Mask
            || self.fits(value)
            || self.users[value].iter().all(|&(user, _)| match user {
                User::Value(user, need) => need == Need::Low && self.can.contains(user),
                User::Low(_) => true,
                User::Float(_) | User::Wide => false,
            })
    }

    /// The groups of candidates, connected by who reads whom, that save more than they cost.
    fn groups_that_pay(&self) -> EntitySet<Value> {
        let mut parent: SecondaryMap<Value, Option<Value>> = SecondaryMap::new();
        fn find(parent: &mut SecondaryMap<Value, Option<Value>>, mut value: Value) -> Value {
            while let Some(up) = parent[value] {
                if let Some(further) = parent[up] {
                    parent[value] = Some(further);
                }
                value = up;
            }
            value
        }
        let candidates = || self.order.iter().copied().filter(|&value| self.can.contains(value));
        for value in candidates() {
            let mut join = |other: Value| {
                if self.can.contains(other) {
                    let (a, b) = (find(&mut parent, value), find(&mut parent, other));
                    if a != b {
                        parent[a] = Some(b);
                    }
                }
            };
            self.operands(value, &mut |operand, _| join(operand));
            if let Some(Def::Either(_, _, Some(companion))) = self.defs[value] {
                join(companion);
            }
        }
        let mut gains: SecondaryMap<Value, f32> = SecondaryMap::new();
        let mut seen = FxHashSet::default();
        for value in candidates() {
            let group = find(&mut parent, value);
            let weight = |depth: u8| f32::powi(4.0, i32::from(depth));
            let mut gain = self.gain(value) * weight(self.depth_of[value]);
            let mut is_wide_too = false;
            for &(user, depth) in &self.users[value] {
                match user {
                    User::Low(saved) | User::Float(saved) => gain += saved * weight(depth),
                    User::Value(user, _) => is_wide_too |= !self.can.contains(user),
                    User::Wide => is_wide_too = true,
                }
            }
            if is_wide_too {
                gain -= BORDER * weight(self.depth_of[value]);
            }
            self.operands(value, &mut |operand, _| {
                if !self.can.contains(operand) && seen.insert((group, operand)) {
                    gain -= self.cut_cost(operand) * weight(self.depth_of[operand]);
                }
            });
            gains[group] += gain;
        }
        let mut narrow = EntitySet::new();
        for value in candidates() {
            if gains[find(&mut parent, value)] > 0.0 {
                narrow.insert(value);
            }
        }
        narrow
    }

    /// Does the mask come from a comparison of wide lanes?
    fn is_of_wide(&self, mask: Value, depth: u32) -> bool {
        let deeper = |mask: Value| depth > 0 && self.is_of_wide(mask, depth - 1);
        match self.op(mask) {
            Some(&Op::Compare(_, a, _)) => match self.strip.values[a] {
                Ty::F64 => true,
                Ty::I64 => !self.can.contains(mask),
                _ => false,
            },
            Some(&Op::Binary(_, a, b)) => deeper(a) || deeper(b),
            Some(&Op::Unary(_, a)) => deeper(a),
            Some(_) | None => false,
        }
    }

    /// What the narrow form of a wide value costs.
    fn cut_cost(&self, value: Value) -> f32 {
        match self.op(value) {
            Some(Op::Const(_) | Op::WordLanes(_) | Op::LaneNumber) => 0.0,
            Some(Op::Convert(Convert::SignExtend | Convert::ZeroExtend, _)) => 0.0,
            Some(Op::Broadcast(_)) => 1.0,
            Some(_) | None => BORDER,
        }
    }

    /// Instructions that the narrow form saves, per two registers of doubles.
    fn gain(&self, value: Value) -> f32 {
        match self.op(value) {
            None => 0.5,
            Some(op) => match op {
                Op::Load { place: Place::Scattered { .. }, .. } => 0.0,
                Op::Load { elem, .. } => f32::from(1 + u8::from(elem.bytes() == 4)),
                Op::Binary(Binary::Mul, ..) => 8.0,
                Op::Binary(Binary::Min | Binary::Max, ..) => 3.0,
                Op::Binary(Binary::Sar, ..) | Op::Shift(Shift::Sar, ..) | Op::Unary(Unary::Abs, _) => 4.0,
                Op::Convert(Convert::WholeToInt, _) => 12.0,
                // The mask is packed.
                Op::Convert(Convert::MaskToInt, mask) if self.is_of_wide(*mask, 4) => 1.5 - 2.0 * BORDER,
                _ => 1.0,
            },
        }
    }
}
