//! Random loads and stores.

use super::ops::INT_ELEMS;
use super::{Generator, Role, element};
use kjit_strip::ir::{Compare, Convert, Elem, Place, Shift, Step, Ty, UpdateOp, Value};

impl Generator<'_> {
    /// Between 0 and a power of two, in every lane.
    pub(super) fn index(&mut self, len: i64) -> Value {
        let (a, most) = (self.any(Ty::I64), self.b.i64(len - 1));
        self.b.and(a, most)
    }

    pub(super) fn elem_for(&mut self, ty: Ty) -> Elem {
        match ty {
            Ty::F64 => Elem::F64,
            Ty::F32 => Elem::F32,
            Ty::Mask => Elem::Bool,
            Ty::I32 => self.rng.pick(&INT_ELEMS[..6]),
            Ty::I64 if self.small => self.rng.pick(&INT_ELEMS[..6]),
            Ty::I16 => self.rng.pick(&INT_ELEMS[..4]),
            Ty::I8 => self.rng.pick(&INT_ELEMS[..2]),
            Ty::I64 | Ty::Int | Ty::Test => self.rng.pick(&INT_ELEMS),
        }
    }

    /// Elements in equal distances; every second time from the last to the first without gaps.
    fn strided(&mut self, elem: Elem, may_overlap: bool) -> Place {
        let backwards = self.rng.one_in(2);
        let step_word = self.new_word();
        let base = self.array(elem, Role::Strided { step_word, may_overlap, backwards });
        let step = if backwards { self.b.int(-i64::from(elem.bytes())) } else { self.b.word(step_word) };
        self.b.strided_of_block(base, step)
    }

    pub(super) fn load(&mut self, ty: Ty) -> Value {
        let elem = self.elem_for(ty);
        let size = elem.bytes() as i32;
        let place = match self.rng.below(10) {
            0..4 => {
                let (before, behind) = (self.rng.below(3) as u32, self.rng.below(3) as u32);
                let base = self.array(elem, Role::Line { before, behind });
                let disp = (self.rng.below((before + behind) as usize + 1) as i32 - before as i32) * size;
                match self.b.element_of_block(elem, base) {
                    Place::Line { address, step, .. } => Place::Line { address, disp, step },
                    other @ Place::Scattered { .. } => other,
                }
            }
            4 => {
                // One that is there, so that loads share addresses.
                let known = self.arrays.iter().rev().find_map(|array| match array.role {
                    Role::Line { before, .. } if array.elem == elem && before > 0 => Some(array.word),
                    _ => None,
                });
                match known {
                    Some(word) => {
                        let base = self.b.word(word);
                        match self.b.element_of_block(elem, base) {
                            Place::Line { address, step, .. } => Place::Line { address, disp: -size, step },
                            other @ Place::Scattered { .. } => other,
                        }
                    }
                    None => {
                        let base = self.array(elem, Role::Line { before: 1, behind: 0 });
                        self.b.element_of_block(elem, base)
                    }
                }
            }
            5 => self.strided(elem, true),
            6 => {
                let base = self.array(elem, Role::Table { len: 4 });
                Place::Line { address: base, disp: self.rng.below(4) as i32 * size, step: Step::Zero }
            }
            7 => {
                let limit_word = self.new_word();
                let base = self.array(elem, Role::Limited { limit_word });
                let limit = self.b.word_lanes(Ty::I64, limit_word);
                let iteration = self.b.iteration();
                let within = self.b.compare(Compare::Lt, iteration, limit);
                let place = self.b.element_of_block(elem, base);
                return self.b.load_if(ty, elem, place, within);
            }
            _ => {
                let len = self.rng.pick(&[1, 8, 64]);
                let base = self.array(elem, Role::Table { len });
                let offset = self.offset(elem, len);
                if self.rng.one_in(3) {
                    // Lanes that are not in the mask point nowhere.
                    let mask = self.any(Ty::Mask);
                    let nowhere = self.b.i64(1 << 62);
                    let offset = self.b.select(mask, offset, nowhere);
                    return self.b.load_if(ty, elem, Place::Scattered { base, offset, disp: 0 }, mask);
                }
                Place::Scattered { base, offset, disp: 0 }
            }
        };
        if self.rng.one_in(4) {
            let mask = self.any(Ty::Mask);
            return self.b.load_if(ty, elem, place, mask);
        }
        self.b.load(ty, elem, place)
    }

    /// Bytes to a random element of a table.
    pub(super) fn offset(&mut self, elem: Elem, len: u32) -> Value {
        let index = self.index(i64::from(len));
        self.b.shift(Shift::Shl, index, elem.bytes().trailing_zeros() as u8)
    }

    pub(super) fn store(&mut self) {
        let ty = self.lane_ty();
        let value = self.any(ty);
        let elem = self.elem_for(ty);
        let place = match self.rng.below(8) {
            0..4 => {
                let base = self.array(elem, Role::Line { before: 0, behind: 0 });
                self.b.element_of_block(elem, base)
            }
            4 | 5 => {
                // Parts of NaNs can't be told from one another; and see below.
                let may_overlap = self.depth == 0 && !matches!(elem, Elem::F64 | Elem::F32);
                self.strided(elem, may_overlap)
            }
            _ if self.mask.is_some() || self.depth > 0 => {
                // The order of stores to one element is that of the rounds: nothing that lanes share.
                let base = self.array(elem, Role::Line { before: 0, behind: 0 });
                self.b.element_of_block(elem, base)
            }
            6 => {
                let base = self.array(elem, Role::Table { len: 1 });
                Place::Line { address: base, disp: 0, step: Step::Zero }
            }
            _ => {
                let len = self.rng.pick(&[1, 4, 64]);
                let base = self.array(elem, Role::Table { len });
                let offset = self.offset(elem, len);
                Place::Scattered { base, offset, disp: 0 }
            }
        };
        let mut mask = self.mask;
        if self.rng.one_in(3) {
            let more = self.any(Ty::Mask);
            mask = Some(match mask {
                Some(mask) => self.b.and(mask, more),
                None => more,
            });
        }
        match mask {
            Some(mask) => self.b.store_if(elem, place, value, mask),
            None => self.b.store(elem, place, value),
        }
    }

    /// Elements that lanes update one after the other. In loops each lane has one of its own: the order would be that of the rounds.
    pub(super) fn update(&mut self) {
        let ty = self.rng.pick(&[Ty::F64, Ty::F32, Ty::I64]);
        let value = if self.rng.one_in(3) {
            let bits = if ty == Ty::I64 { 1 } else { element(self.rng, self.elem_of_floats(ty)) };
            self.b.bits(ty, bits)
        } else {
            self.any(ty)
        };
        let elem = if ty == Ty::I64 { self.rng.pick(&INT_ELEMS) } else { self.elem_of_floats(ty) };
        let ops = [
            UpdateOp::Add,
            UpdateOp::Mul,
            UpdateOp::Min,
            UpdateOp::Max,
            UpdateOp::And,
            UpdateOp::Or,
            UpdateOp::Xor,
        ];
        let op = self.rng.pick(&ops[..if ty == Ty::I64 { 7 } else { 4 }]);
        let place = match self.rng.below(6) {
            0..4 if self.depth == 0 => {
                let len = self.rng.pick(&[1, 4, 64]);
                let base = self.array(elem, Role::Table { len });
                let offset = self.offset(elem, len);
                Place::Scattered { base, offset, disp: 0 }
            }
            4 if self.depth == 0 => {
                let base = self.array(elem, Role::Table { len: 1 });
                Place::Line { address: base, disp: 0, step: Step::Zero }
            }
            _ => {
                let base = self.array(elem, Role::Line { before: 0, behind: 0 });
                self.b.element_of_block(elem, base)
            }
        };
        let mut mask = self.mask;
        if self.rng.one_in(2) {
            let more = self.any(Ty::Mask);
            mask = Some(match mask {
                Some(mask) => self.b.and(mask, more),
                None => more,
            });
        }
        self.b.update(elem, place, op, value, mask);
    }

    fn elem_of_floats(&self, ty: Ty) -> Elem {
        if ty == Ty::F64 { Elem::F64 } else { Elem::F32 }
    }

    /// Elements narrower than the lanes, one next to the other: 64-bit lanes that do not become 32-bit ones.
    pub(super) fn narrow_store(&mut self) {
        let value = match self.rng.below(3) {
            0 => self.b.iteration(),
            1 => {
                let real = self.any(Ty::F64);
                self.b.convert(Convert::FloatToInt, real, Ty::I64)
            }
            _ => self.any(Ty::I64),
        };
        let elem = self.rng.pick(&[Elem::I32, Elem::U32, Elem::I16, Elem::U8]);
        let base = self.array(elem, Role::Line { before: 0, behind: 0 });
        let place = self.b.element_of_block(elem, base);
        self.b.store(elem, place, value);
    }
}
