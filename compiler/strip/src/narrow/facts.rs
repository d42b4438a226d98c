//! What values can be: ranges over all lanes, rounds and blocks.
//!
//! An abstract run of the strip. Loops whose condition the ranges decide (uniform trip counts that are constants) are gone through round by
//! round; the parameters of others grow until they are stable, at the second growth to the end of their type. A value's fact holds for every
//! lane, active or not: lanes that are not active compute by the same rules, on loads of 0.

use cranelift_entity::SecondaryMap;
use rustc_hash::FxHashMap;

use crate::Strip;
use crate::ir::{
    Binary, Compare, Convert, Elem, FmaKind, Inst, IntOp, Loop, Op, Region, Shift, Ty, Unary, Value,
};
use crate::walk::for_each_inst;

/// What is known of a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Fact {
    /// A (signed) integer from `lo` to `hi`; truth values are 0 and 1.
    Ints(i64, i64),
    /// A finite double from `lo` to `hi`; maybe always a whole number.
    Reals(f64, f64, bool),
    /// A float.
    Any,
}

/// Rounds that a loop is gone through one by one.
const MAX_ROUNDS: u32 = 64;

/// How many rounds loops have, by their conditions; `None` if that is not always the same number.
pub(super) type Trips = FxHashMap<Value, Option<u32>>;

/// Facts of all values; `None` for those that are never computed. Nothing at all if that took too long.
pub(super) fn facts(strip: &Strip) -> Option<(SecondaryMap<Value, Option<Fact>>, Trips)> {
    let mut insts = 0;
    for_each_inst(&strip.body, &mut |_| insts += 1);
    let mut run = Run {
        strip,
        now: SecondaryMap::new(),
        seen: SecondaryMap::new(),
        trips: Trips::default(),
        steps_left: 64 * insts + 10_000,
    };
    run.region(&strip.setup);
    for carried in &strip.carried {
        run.set(carried.param, whole_type(strip.values[carried.param]));
    }
    run.region(&strip.body);
    (run.steps_left > 0).then_some((run.seen, run.trips))
}

struct Run<'a> {
    strip: &'a Strip,
    /// In the current round.
    now: SecondaryMap<Value, Option<Fact>>,
    /// In all rounds so far.
    seen: SecondaryMap<Value, Option<Fact>>,
    trips: Trips,
    steps_left: u32,
}

/// Everything that the type has.
fn whole_type(ty: Ty) -> Fact {
    match ty {
        Ty::Int | Ty::I64 => Fact::Ints(i64::MIN, i64::MAX),
        Ty::I32 => Fact::Ints(i64::from(i32::MIN), i64::from(i32::MAX)),
        Ty::I16 => Fact::Ints(i64::from(i16::MIN), i64::from(i16::MAX)),
        Ty::I8 => Fact::Ints(i64::from(i8::MIN), i64::from(i8::MAX)),
        Ty::Test | Ty::Mask => Fact::Ints(0, 1),
        Ty::F64 | Ty::F32 => Fact::Any,
    }
}

fn join(a: Fact, b: Fact) -> Fact {
    match (a, b) {
        (Fact::Ints(a, b), Fact::Ints(c, d)) => Fact::Ints(a.min(c), b.max(d)),
        (Fact::Reals(a, b, w), Fact::Reals(c, d, x)) => Fact::Reals(a.min(c), b.max(d), w && x),
        (Fact::Any, _)
        | (_, Fact::Any)
        | (Fact::Ints(..), Fact::Reals(..))
        | (Fact::Reals(..), Fact::Ints(..)) => Fact::Any,
    }
}

/// `new`, of which ends that moved are moved to the end of the type.
fn widened(old: Fact, new: Fact, ty: Ty) -> Fact {
    match (old, new, whole_type(ty)) {
        (Fact::Ints(a, b), Fact::Ints(c, d), Fact::Ints(least, most)) => {
            Fact::Ints(if c < a { least } else { a }, if d > b { most } else { b })
        }
        (old, new, whole) => {
            if old == new {
                old
            } else {
                whole
            }
        }
    }
}

impl Run<'_> {
    fn get(&self, value: Value) -> Fact {
        self.now[value].unwrap_or_else(|| whole_type(self.strip.values[value]))
    }

    fn ints(&self, value: Value) -> (i64, i64) {
        match self.get(value) {
            Fact::Ints(lo, hi) => (lo, hi),
            Fact::Reals(..) | Fact::Any => (i64::MIN, i64::MAX),
        }
    }

    fn set(&mut self, value: Value, fact: Fact) {
        self.now[value] = Some(fact);
        self.seen[value] = Some(self.seen[value].map_or(fact, |seen| join(seen, fact)));
    }

    fn region(&mut self, region: &Region) {
        for inst in region {
            self.steps_left = self.steps_left.saturating_sub(1);
            if self.steps_left == 0 {
                return;
            }
            match inst {
                Inst::Let { value, op } => {
                    let fact = self.op(self.strip.values[*value], op);
                    self.set(*value, fact);
                }
                Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => {}
                Inst::Loop(inner) => self.rounds(inner),
                Inst::Branch(branch) => {
                    let cond = self.ints(branch.cond);
                    if cond.1 == 1 {
                        self.region(&branch.then);
                    }
                    if cond.0 == 0 {
                        self.region(&branch.orelse);
                    }
                    for &(result, then, orelse) in &branch.results {
                        let fact = match cond {
                            (1, _) => self.get(then),
                            (_, 0) => self.get(orelse),
                            _ => join(self.get(then), self.get(orelse)),
                        };
                        self.set(result, fact);
                    }
                }
            }
        }
    }

    fn rounds(&mut self, inner: &Loop) {
        let mut params: Vec<Fact> = inner.carried.iter().map(|phi| self.get(phi.init)).collect();
        for round in 0.. {
            self.set_params(inner, &params);
            self.region(&inner.head);
            let cond = self.ints(inner.cond);
            if cond == (0, 0) || self.steps_left == 0 {
                let trips = self.trips.entry(inner.cond).or_insert(Some(round));
                if *trips != Some(round) {
                    *trips = None;
                }
                return self.set_results(inner, &params);
            }
            if cond.0 == 0 || round == MAX_ROUNDS {
                self.trips.insert(inner.cond, None);
                break;
            }
            self.region(&inner.body);
            params = inner.carried.iter().map(|phi| self.get(phi.next)).collect();
        }
        for pass in 0.. {
            self.set_params(inner, &params);
            self.region(&inner.head);
            self.region(&inner.body);
            let mut is_stable = true;
            for (phi, param) in inner.carried.iter().zip(&mut params) {
                let joined = join(*param, self.get(phi.next));
                if joined != *param {
                    is_stable = false;
                    *param = if pass == 0 {
                        joined
                    } else {
                        widened(*param, joined, self.strip.values[phi.param])
                    };
                }
            }
            if is_stable || self.steps_left == 0 {
                break;
            }
        }
        self.set_results(inner, &params);
    }

    fn set_params(&mut self, inner: &Loop, facts: &[Fact]) {
        for (phi, &fact) in inner.carried.iter().zip(facts) {
            self.set(phi.param, fact);
        }
    }

    fn set_results(&mut self, inner: &Loop, facts: &[Fact]) {
        for (phi, &fact) in inner.carried.iter().zip(facts) {
            self.set(phi.result, fact);
        }
    }

    fn op(&self, ty: Ty, op: &Op) -> Fact {
        let whole = whole_type(ty);
        let fact = match *op {
            Op::Word(_) | Op::WordLanes(_) | Op::Active => return whole,
            Op::Int(value) => Fact::Ints(value, value),
            Op::IntBinary(op, a, b) => {
                let (a, b) = (self.ints(a), self.ints(b));
                match op {
                    IntOp::Add => binary(Binary::Add, a, b),
                    IntOp::Sub => binary(Binary::Sub, a, b),
                    IntOp::Mul => binary(Binary::Mul, a, b),
                    IntOp::Min => binary(Binary::Min, a, b),
                    IntOp::Max => binary(Binary::Max, a, b),
                    IntOp::And => binary(Binary::And, a, b),
                    IntOp::Or => binary(Binary::Or, a, b),
                    IntOp::Xor => binary(Binary::Xor, a, b),
                    IntOp::Shl => binary(Binary::Shl, a, b),
                    IntOp::Sar => binary(Binary::Sar, a, b),
                }
            }
            Op::IntCompare(op, a, b) => compare(op, self.ints(a), self.ints(b)),
            Op::IntLoad { elem, .. } => element(elem),
            Op::First => Fact::Ints(0, i64::MAX),
            Op::Any(mask) => Fact::Ints(0, self.ints(mask).1),
            Op::Const(bits) => match ty {
                Ty::I32 => Fact::Ints(i64::from(bits as i32), i64::from(bits as i32)),
                Ty::I16 => Fact::Ints(i64::from(bits as i16), i64::from(bits as i16)),
                Ty::I8 => Fact::Ints(i64::from(bits as i8), i64::from(bits as i8)),
                Ty::F64 => real(f64::from_bits(bits), f64::from_bits(bits), true),
                Ty::F32 => Fact::Any,
                Ty::Int | Ty::Test | Ty::I64 | Ty::Mask => Fact::Ints(bits as i64, bits as i64),
            },
            Op::Broadcast(a) | Op::TestLanes(a) => self.get(a),
            // More lanes than any tier has.
            Op::LaneNumber => Fact::Ints(0, 0xffff),
            Op::Load { elem, .. } => match ty {
                Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Mask => element(elem),
                Ty::F64 | Ty::F32 | Ty::Int | Ty::Test => return whole,
            },
            Op::Lookup { table, .. } => {
                let words = self.strip.tables[table].iter().map(|&word| word as i64);
                match (words.clone().min(), words.max()) {
                    (Some(lo), Some(hi)) if ty == Ty::I64 => Fact::Ints(lo, hi),
                    _ => return whole,
                }
            }
            Op::Unary(op, a) => unary(op, self.get(a), ty),
            Op::Binary(Binary::MulHigh, a, b) => {
                let ((a, b), (c, d)) = (unsigned(self.ints(a)), unsigned(self.ints(b)));
                Fact::Ints((a * c) >> 16, (b * d) >> 16)
            }
            Op::Binary(op, a, b) => match (self.get(a), self.get(b)) {
                (Fact::Ints(a, b), Fact::Ints(c, d)) => binary(op, (a, b), (c, d)),
                (Fact::Reals(a, b, w), Fact::Reals(c, d, x)) if ty == Ty::F64 => {
                    real_binary(op, (a, b), (c, d), w && x)
                }
                _ => return whole,
            },
            Op::Shift(op, a, count) => {
                let count = (i64::from(count), i64::from(count));
                match op {
                    Shift::Shl => binary(Binary::Shl, self.ints(a), count),
                    Shift::Shr if ty.small_bytes() == 2 => {
                        let (lo, hi) = unsigned(self.ints(a));
                        binary(Binary::Shr, (lo, hi), count)
                    }
                    Shift::Shr => binary(Binary::Shr, self.ints(a), count),
                    Shift::Sar => binary(Binary::Sar, self.ints(a), count),
                }
            }
            Op::Fma(kind, a, b, c) => match (ty, self.get(a), self.get(b), self.get(c)) {
                (Ty::F64, Fact::Reals(a, b, w), Fact::Reals(c, d, x), Fact::Reals(e, f, y)) => {
                    // Rounding is monotone: the ends of the exact range, rounded, bound the rounded values.
                    let (x_ends, (lo, hi)) = ([a, b], (e, f));
                    let ends = x_ends.into_iter().flat_map(|p| [(p, c), (p, d)]);
                    let results: Vec<f64> = match kind {
                        FmaKind::MulAdd => {
                            ends.flat_map(|(p, q)| [p.mul_add(q, lo), p.mul_add(q, hi)]).collect()
                        }
                        FmaKind::MulSub => {
                            ends.flat_map(|(p, q)| [p.mul_add(q, -lo), p.mul_add(q, -hi)]).collect()
                        }
                        FmaKind::NegMulAdd => {
                            ends.flat_map(|(p, q)| [(-p).mul_add(q, lo), (-p).mul_add(q, hi)]).collect()
                        }
                    };
                    bounds(&results, w && x && y)
                }
                _ => return whole,
            },
            Op::Compare(op, a, b) => match (self.get(a), self.get(b)) {
                (Fact::Ints(a, b), Fact::Ints(c, d)) => compare(op, (a, b), (c, d)),
                _ => return whole,
            },
            Op::Select { mask, then, orelse } => match self.ints(mask) {
                (1, _) => self.get(then),
                (_, 0) => self.get(orelse),
                _ => join(self.get(then), self.get(orelse)),
            },
            Op::Convert(convert, a) => self.convert(convert, a, ty),
        };
        // What does not fit has wrapped.
        match (fact, whole) {
            (Fact::Ints(lo, hi), Fact::Ints(least, most)) if lo < least || hi > most => whole,
            (Fact::Reals(..), Fact::Any) if ty == Ty::F32 => whole,
            _ => fact,
        }
    }

    fn convert(&self, convert: Convert, a: Value, ty: Ty) -> Fact {
        let whole = whole_type(ty);
        match (convert, self.get(a)) {
            (Convert::SignExtend, fact) => fact,
            (Convert::ZeroExtend, Fact::Ints(lo, hi)) if lo >= 0 => Fact::Ints(lo, hi),
            (Convert::ZeroExtend, _) => Fact::Ints(0, i64::from(u32::MAX)),
            // Cut by the caller if it does not fit.
            (Convert::Truncate | Convert::MaskToInt, fact) => fact,
            (Convert::IntToFloat | Convert::SmallToFloat, Fact::Ints(lo, hi)) if ty == Ty::F64 => {
                let limit = if convert == Convert::SmallToFloat { SMALL } else { 1 << 53 };
                if lo > -limit && hi < limit { real(lo as f64, hi as f64, true) } else { whole }
            }
            (Convert::WholeToInt, Fact::Reals(lo, hi, true)) if is_small(lo, hi) => {
                Fact::Ints(lo as i64, hi as i64)
            }
            (Convert::FloatToInt, Fact::Reals(lo, hi, _)) if is_small(lo, hi) => {
                Fact::Ints(lo as i64, hi as i64)
            }
            (
                Convert::Widen
                | Convert::Narrow
                | Convert::Bits
                | Convert::IntToFloat
                | Convert::SmallToFloat
                | Convert::WholeToInt
                | Convert::FloatToInt,
                _,
            ) => whole,
        }
    }
}

/// What a 16-bit lane of a range can be without a sign.
fn unsigned((lo, hi): (i64, i64)) -> (i64, i64) {
    match (lo >= 0, hi < 0) {
        (true, _) => (lo.min(0xffff), hi.min(0xffff)),
        (false, true) => ((lo + 0x1_0000).max(0), (hi + 0x1_0000).max(0)),
        (false, false) => (0, 0xffff),
    }
}

/// The limit of the small conversions.
const SMALL: i64 = 1 << 51;

/// Are all numbers of the range below 2^51 in size?
pub(super) fn is_small(lo: f64, hi: f64) -> bool {
    lo > -(SMALL as f64) && hi < SMALL as f64
}

fn element(elem: Elem) -> Fact {
    let (lo, hi) = match elem {
        Elem::Bool => (0, 1),
        Elem::I8 => (-128, 127),
        Elem::U8 => (0, 255),
        Elem::I16 => (-32768, 32767),
        Elem::U16 => (0, 65535),
        Elem::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Elem::U32 => (0, i64::from(u32::MAX)),
        Elem::I64 | Elem::U64 => (i64::MIN, i64::MAX),
        Elem::F32 | Elem::F64 => return Fact::Any,
    };
    Fact::Ints(lo, hi)
}

const FULL: Fact = Fact::Ints(i64::MIN, i64::MAX);

fn cut(lo: i128, hi: i128) -> Fact {
    match (i64::try_from(lo), i64::try_from(hi)) {
        (Ok(lo), Ok(hi)) => Fact::Ints(lo, hi),
        _ => FULL,
    }
}

/// The smallest `2^k` with all numbers of both ranges in `-2^k .. 2^k`, less one.
fn bits_around(a: (i64, i64), b: (i64, i64)) -> i64 {
    let size = |value: i64| if value < 0 { !value } else { value } as u64;
    let most = size(a.0) | size(a.1) | size(b.0) | size(b.1);
    most.checked_ilog2().map_or(0, |top| (u64::MAX >> (63 - top)) as i64)
}

/// Two integers; results that do not fit in 64 bits wrap, so they can be anything.
fn binary(op: Binary, a: (i64, i64), b: (i64, i64)) -> Fact {
    let wide = |x: i64| i128::from(x);
    match op {
        Binary::Add => cut(wide(a.0) + wide(b.0), wide(a.1) + wide(b.1)),
        Binary::Sub => cut(wide(a.0) - wide(b.1), wide(a.1) - wide(b.0)),
        Binary::Mul => {
            let corners =
                [wide(a.0) * wide(b.0), wide(a.0) * wide(b.1), wide(a.1) * wide(b.0), wide(a.1) * wide(b.1)];
            let (lo, hi) =
                corners.into_iter().fold((corners[0], corners[0]), |(lo, hi), x| (lo.min(x), hi.max(x)));
            cut(lo, hi)
        }
        Binary::Min => Fact::Ints(a.0.min(b.0), a.1.min(b.1)),
        Binary::Max => Fact::Ints(a.0.max(b.0), a.1.max(b.1)),
        Binary::And => match (a.0 >= 0, b.0 >= 0) {
            (true, true) => Fact::Ints(0, a.1.min(b.1)),
            (true, false) => Fact::Ints(0, a.1),
            (false, true) => Fact::Ints(0, b.1),
            (false, false) => signed(a, b),
        },
        Binary::AndNot if a.0 >= 0 => Fact::Ints(0, a.1),
        Binary::Or | Binary::Xor if a.0 >= 0 && b.0 >= 0 => Fact::Ints(0, bits_around(a, b)),
        Binary::AndNot | Binary::Or | Binary::Xor => signed(a, b),
        Binary::Shl if b.0 >= 0 && b.1 < 63 => {
            cut((wide(a.0) << b.0).min(wide(a.0) << b.1), (wide(a.1) << b.0).max(wide(a.1) << b.1))
        }
        Binary::Sar if b.0 >= 0 && b.1 <= 63 => {
            Fact::Ints((a.0 >> b.0).min(a.0 >> b.1), (a.1 >> b.0).max(a.1 >> b.1))
        }
        Binary::Shr if a.0 >= 0 && b.0 >= 0 && b.1 <= 63 => Fact::Ints(a.0 >> b.1, a.1 >> b.0),
        Binary::MinUnsigned if a.0 >= 0 && b.0 >= 0 => Fact::Ints(a.0.min(b.0), a.1.min(b.1)),
        Binary::Average if a.0 >= 0 && b.0 >= 0 => {
            cut((wide(a.0) + wide(b.0) + 1) >> 1, (wide(a.1) + wide(b.1) + 1) >> 1)
        }
        Binary::MaxUnsigned if a.0 >= 0 && b.0 >= 0 => Fact::Ints(a.0.max(b.0), a.1.max(b.1)),
        Binary::Shl
        | Binary::Sar
        | Binary::Shr
        | Binary::Div
        | Binary::MulHigh
        | Binary::MinUnsigned
        | Binary::MaxUnsigned
        | Binary::Average => FULL,
    }
}

fn signed(a: (i64, i64), b: (i64, i64)) -> Fact {
    let most = bits_around(a, b);
    Fact::Ints(!most, most)
}

fn compare(op: Compare, a: (i64, i64), b: (i64, i64)) -> Fact {
    let apart = a.1 < b.0 || b.1 < a.0;
    let same = a.0 == a.1 && a == b;
    let (is_true, is_false) = match op {
        Compare::Eq => (same, apart),
        Compare::Ne => (apart, same),
        Compare::Lt => (a.1 < b.0, a.0 >= b.1),
        Compare::Le => (a.1 <= b.0, a.0 > b.1),
        Compare::Gt => (a.0 > b.1, a.1 <= b.0),
        Compare::Ge => (a.0 >= b.1, a.1 < b.0),
    };
    Fact::Ints(i64::from(is_true), i64::from(!is_false))
}

fn unary(op: Unary, a: Fact, ty: Ty) -> Fact {
    match (op, a) {
        (Unary::Neg, Fact::Ints(lo, hi)) => cut(-i128::from(hi), -i128::from(lo)),
        (Unary::Abs, Fact::Ints(lo, hi)) => {
            let (lo, hi) = (i128::from(lo), i128::from(hi));
            let least = if lo <= 0 && hi >= 0 { 0 } else { lo.abs().min(hi.abs()) };
            cut(least, lo.abs().max(hi.abs()))
        }
        (Unary::Not, Fact::Ints(lo, hi)) if ty == Ty::Mask => Fact::Ints(1 - hi, 1 - lo),
        (Unary::Not, Fact::Ints(lo, hi)) => Fact::Ints(!hi, !lo),
        (Unary::Neg, Fact::Reals(lo, hi, whole)) => Fact::Reals(-hi, -lo, whole),
        (Unary::Abs, Fact::Reals(lo, hi, whole)) => Fact::Reals(0.0, hi.max(-lo), whole),
        (Unary::Floor, Fact::Reals(lo, hi, _)) => Fact::Reals(lo.floor(), hi.floor(), true),
        (Unary::Ceil, Fact::Reals(lo, hi, _)) => Fact::Reals(lo.ceil(), hi.ceil(), true),
        (Unary::Trunc, Fact::Reals(lo, hi, _)) => Fact::Reals(lo.trunc(), hi.trunc(), true),
        (Unary::RoundEven, Fact::Reals(lo, hi, _)) => {
            Fact::Reals(lo.round_ties_even(), hi.round_ties_even(), true)
        }
        (Unary::Not, Fact::Reals(..)) | (Unary::Sqrt, _) | (_, Fact::Any) => whole_type(ty),
        (Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::RoundEven, Fact::Ints(..)) => whole_type(ty),
    }
}

/// A range of doubles, if both ends are finite.
fn real(lo: f64, hi: f64, maybe_whole: bool) -> Fact {
    if !lo.is_finite() || !hi.is_finite() {
        return Fact::Any;
    }
    Fact::Reals(lo, hi, maybe_whole && lo.fract() == 0.0 && hi.fract() == 0.0)
}

fn bounds(ends: &[f64], maybe_whole: bool) -> Fact {
    if ends.iter().any(|end| !end.is_finite()) {
        return Fact::Any;
    }
    let lo = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let hi = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    real(lo, hi, maybe_whole)
}

/// Two doubles. Rounding is monotone: the ends of the exact range, rounded, bound the rounded results. Sums and products of whole
/// numbers are whole, rounded or not.
fn real_binary(op: Binary, a: (f64, f64), b: (f64, f64), whole: bool) -> Fact {
    match op {
        Binary::Add => bounds(&[a.0 + b.0, a.1 + b.1], whole),
        Binary::Sub => bounds(&[a.0 - b.1, a.1 - b.0], whole),
        Binary::Mul => bounds(&[a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1], whole),
        Binary::Div if b.0 > 0.0 || b.1 < 0.0 => {
            match bounds(&[a.0 / b.0, a.0 / b.1, a.1 / b.0, a.1 / b.1], false) {
                Fact::Reals(lo, hi, _) => Fact::Reals(lo, hi, false),
                other => other,
            }
        }
        Binary::Min => real(a.0.min(b.0), a.1.min(b.1), whole),
        Binary::Max => real(a.0.max(b.0), a.1.max(b.1), whole),
        Binary::Div
        | Binary::And
        | Binary::Or
        | Binary::Xor
        | Binary::AndNot
        | Binary::Shl
        | Binary::Shr
        | Binary::Sar
        | Binary::MulHigh
        | Binary::MinUnsigned
        | Binary::MaxUnsigned
        | Binary::Average => Fact::Any,
    }
}
