//! Strips of bytes and 16-bit numbers whose ranges just fit in 8 or 16 bits, or just do not.

use super::{Case, Generator, Role};
use crate::support::rng::Rng;
use kjit_strip::build::Builder;
use kjit_strip::ir::{Binary, Compare, Convert, Elem, Shift, Ty, Unary, Value};

/// An integer and the numbers that it can be.
#[derive(Clone, Copy)]
struct Ranged {
    value: Value,
    lo: i64,
    hi: i64,
}

const ELEMS: [Elem; 8] = [Elem::U8, Elem::U8, Elem::U8, Elem::I8, Elem::U16, Elem::I16, Elem::I16, Elem::U8];
const LIMITS: [i64; 12] = [1, 15, 127, 128, 255, 256, 510, 32_767, 32_768, 65_535, 65_536, 100_000];
const DIVISORS: [i64; 14] = [1, 2, 3, 7, 9, 10, 16, 100, 128, 255, 256, 1000, 32_768, 40_000];
const COMPARES: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];

fn range_of(elem: Elem) -> (i64, i64) {
    match elem {
        Elem::U8 => (0, 255),
        Elem::I8 => (-128, 127),
        Elem::U16 => (0, 65_535),
        _ => (-32_768, 32_767),
    }
}

/// A strip without loops over elements of at most 16 bits; nothing is carried.
pub fn small_case(rng: &mut Rng) -> Case {
    let in_place = rng.one_in(4);
    let repeatable = !in_place && !rng.one_in(3);
    let mut generator = Generator {
        rng,
        b: Builder::new("small"),
        words: 0,
        arrays: Vec::new(),
        scalars: Vec::new(),
        outputs: Vec::new(),
        pool: Vec::new(),
        style: &[Ty::I64],
        pinned: false,
        small: true,
        mask: None,
        depth: 0,
        may_fault: true,
        may_store: true,
        updates: false,
    };
    generator.small_strip(in_place);
    let Generator { b, arrays, scalars, outputs, words, .. } = generator;
    let mut strip = b.finish();
    strip.words = strip.words.max(words);
    strip.repeatable = repeatable;
    Case { strip, arrays, scalars, outputs }
}

impl Generator<'_> {
    fn small_strip(&mut self, in_place: bool) {
        // Half of the strips have bytes only.
        let elems: &[Elem] = if self.rng.one_in(2) { &ELEMS[..4] } else { &ELEMS };
        let mut known = Vec::new();
        let mut changed = None;
        for number in 0..1 + self.rng.below(3) {
            let elem = self.rng.pick(elems);
            let behind = if in_place { 0 } else { self.rng.below(3) as u32 };
            let base = self.array(elem, Role::Line { before: 0, behind });
            if in_place && number == 0 {
                changed = Some((elem, base));
            }
            for further in 0..=behind {
                let mut place = self.b.element_of_block(elem, base);
                if let kjit_strip::ir::Place::Line { disp, .. } = &mut place {
                    *disp += (further * elem.bytes()) as i32;
                }
                let value = self.b.load(Ty::I64, elem, place);
                let (lo, hi) = range_of(elem);
                known.push(Ranged { value, lo, hi });
            }
        }
        let mut masks = Vec::new();
        if self.rng.one_in(4) {
            self.planted_fault();
        }
        for _ in 0..2 + self.rng.below(12) {
            let new = self.small_op(&known, &mut masks);
            let new = self.brought_back(new);
            known.push(new);
        }
        for _ in 0..1 + self.rng.below(2) {
            let back = self.rng.below(known.len()).min(self.rng.below(known.len()));
            let last = known[known.len() - 1 - back].value;
            let (elem, base) = match changed.take() {
                Some(changed) => changed,
                None => {
                    let elem = self.rng.pick(elems);
                    (elem, self.array(elem, Role::Line { before: 0, behind: 0 }))
                }
            };
            let place = self.b.element_of_block(elem, base);
            self.b.store(elem, place, last);
        }
        if let Some(&mask) = masks.last()
            && self.rng.one_in(3)
        {
            let base = self.array(Elem::Bool, Role::Line { before: 0, behind: 0 });
            let place = self.b.element_of_block(Elem::Bool, base);
            self.b.store(Elem::Bool, place, mask);
        }
    }

    fn constant(&mut self, number: i64) -> Ranged {
        Ranged { value: self.b.i64(number), lo: number, hi: number }
    }

    /// Numbers that are far too large are cut, mostly.
    fn brought_back(&mut self, a: Ranged) -> Ranged {
        let most = a.lo.abs().max(a.hi.abs());
        if most <= 65_536 || (most < 1 << 20 && self.rng.one_in(12)) {
            return a;
        }
        match self.rng.below(4) {
            0 => {
                let most = self.rng.pick(&[255, 65_535]);
                let mask = self.constant(most);
                Ranged { value: self.b.and(a.value, mask.value), lo: 0, hi: mask.hi }
            }
            1 => {
                let kept = self.rng.pick(&[8, 16]);
                let left = self.b.shift(Shift::Shl, a.value, 64 - kept);
                let value = self.b.shift(Shift::Sar, left, 64 - kept);
                Ranged { value, lo: -(1 << (kept - 1)), hi: (1 << (kept - 1)) - 1 }
            }
            _ => {
                let limit = self.rng.pick(&LIMITS);
                let (least, most) = if self.rng.one_in(2) {
                    (0, limit)
                } else {
                    (-limit, limit - 1 + self.rng.below(2) as i64)
                };
                let (low, high) = (self.constant(least), self.constant(most));
                let value = self.b.binary(Binary::Max, a.value, low.value);
                let value = self.b.binary(Binary::Min, value, high.value);
                Ranged { value, lo: least, hi: most }
            }
        }
    }

    fn pick_small(&mut self, known: &[Ranged]) -> Ranged {
        if self.rng.one_in(6) {
            let number = self.rng.pick(&LIMITS) - self.rng.below(2) as i64;
            let number = if self.rng.one_in(4) { -number } else { number };
            return self.constant(number);
        }
        let back = self.rng.below(known.len()).min(self.rng.below(known.len()));
        known[known.len() - 1 - back]
    }

    fn small_mask(&mut self, known: &[Ranged], masks: &mut Vec<Value>) -> Value {
        let a = self.pick_small(known);
        let b = if self.rng.one_in(5) {
            // Anything, the same for all.
            let (word, content) = (self.new_word(), super::element(self.rng, Elem::I64));
            self.scalars.push((word, content));
            let int = self.b.word(word);
            self.b.define_in_setup(Ty::I64, kjit_strip::ir::Op::Broadcast(int))
        } else {
            self.pick_small(known).value
        };
        let op = self.rng.pick(&COMPARES);
        let (a, b) = if self.rng.one_in(2) { (a.value, b) } else { (b, a.value) };
        let mut mask = self.b.compare(op, a, b);
        if let Some(&other) = masks.last() {
            mask = match self.rng.below(8) {
                0 => self.b.and(mask, other),
                1 => self.b.or(mask, other),
                2 => self.b.binary(Binary::AndNot, mask, other),
                3 => self.b.not(mask),
                4 => {
                    let third = masks[self.rng.below(masks.len())];
                    self.b.select(other, mask, third)
                }
                5 => {
                    let base = self.array(Elem::Bool, Role::Line { before: 0, behind: 0 });
                    let place = self.b.element_of_block(Elem::Bool, base);
                    let loaded = self.b.load(Ty::Mask, Elem::Bool, place);
                    self.b.select(loaded, mask, other)
                }
                _ => mask,
            };
        }
        masks.push(mask);
        mask
    }

    fn small_op(&mut self, known: &[Ranged], masks: &mut Vec<Value>) -> Ranged {
        let (a, b) = (self.pick_small(known), self.pick_small(known));
        let hull = |value| Ranged { value, lo: a.lo.min(b.lo), hi: a.hi.max(b.hi) };
        // All numbers of so many bits as the larger has.
        let around = |value| {
            let most =
                [a.lo, a.hi, b.lo, b.hi].into_iter().map(|x| if x < 0 { !x } else { x }).max().unwrap_or(0);
            let most = (most as u64 + 1).next_power_of_two() as i64 - 1;
            Ranged { value, lo: -most - 1, hi: most }
        };
        match self.rng.below(23) {
            20 => {
                // A mean, up or down.
                let mut sum = self.b.add(a.value, b.value);
                let up = i64::from(self.rng.one_in(2));
                if up == 1 {
                    let one = self.b.i64(1);
                    sum = self.b.add(sum, one);
                }
                let (lo, hi) = ((a.lo + b.lo + up) >> 1, (a.hi + b.hi + up) >> 1);
                Ranged { value: self.b.shift(Shift::Sar, sum, 1), lo, hi }
            }
            21 => {
                let difference = self.b.sub(a.value, b.value);
                let most = (a.hi - b.lo).max(b.hi - a.lo);
                Ranged { value: self.b.unary(Unary::Abs, difference), lo: 0, hi: most }
            }
            0..3 => Ranged { value: self.b.add(a.value, b.value), lo: a.lo + b.lo, hi: a.hi + b.hi },
            3 | 4 => Ranged { value: self.b.sub(a.value, b.value), lo: a.lo - b.hi, hi: a.hi - b.lo },
            5 | 6 => {
                let b = if self.rng.one_in(2) {
                    let factor = self.rng.pick(&[2, 3, 29, 77, 100, 128, 150, 257, -1, -3]);
                    self.constant(factor)
                } else {
                    b
                };
                let corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi];
                let (lo, hi) =
                    (corners.into_iter().min().unwrap_or(0), corners.into_iter().max().unwrap_or(0));
                Ranged { value: self.b.mul(a.value, b.value), lo, hi }
            }
            7 => hull(self.b.binary(Binary::Min, a.value, b.value)),
            8 => hull(self.b.binary(Binary::Max, a.value, b.value)),
            9 => {
                let op = self.rng.pick(&[Binary::And, Binary::Or, Binary::Xor, Binary::AndNot]);
                around(self.b.binary(op, a.value, b.value))
            }
            10 => match self.rng.below(3) {
                0 => Ranged { value: self.b.unary(Unary::Neg, a.value), lo: -a.hi, hi: -a.lo },
                1 => Ranged { value: self.b.not(a.value), lo: !a.hi, hi: !a.lo },
                _ => Ranged { value: self.b.unary(Unary::Abs, a.value), lo: 0, hi: a.hi.max(-a.lo) },
            },
            11 => {
                let count = self.rng.below(9) as u8;
                Ranged {
                    value: self.b.shift(Shift::Shl, a.value, count),
                    lo: a.lo << count,
                    hi: a.hi << count,
                }
            }
            12 | 13 => {
                let count = self.rng.below(17) as u8;
                let op = if a.lo >= 0 && self.rng.one_in(2) { Shift::Shr } else { Shift::Sar };
                Ranged { value: self.b.shift(op, a.value, count), lo: a.lo >> count, hi: a.hi >> count }
            }
            14 | 15 => {
                let mask = self.small_mask(known, masks);
                hull(self.b.select(mask, a.value, b.value))
            }
            16 => {
                let mask = self.small_mask(known, masks);
                Ranged { value: self.b.convert(Convert::MaskToInt, mask, Ty::I64), lo: 0, hi: 1 }
            }
            _ => {
                let divisor = self.rng.pick(&DIVISORS);
                let real = self.b.convert(Convert::SmallToFloat, a.value, Ty::F64);
                let by = self.b.f64(divisor as f64);
                let ratio = self.b.div(real, by);
                let floor = self.b.unary(Unary::Floor, ratio);
                if self.rng.one_in(3) {
                    let product = self.b.mul(floor, by);
                    let rest = self.b.sub(real, product);
                    let value = self.b.convert(Convert::WholeToInt, rest, Ty::I64);
                    return Ranged { value, lo: 0, hi: divisor - 1 };
                }
                let value = self.b.convert(Convert::WholeToInt, floor, Ty::I64);
                Ranged { value, lo: a.lo.div_euclid(divisor), hi: a.hi.div_euclid(divisor) }
            }
        }
    }
}
