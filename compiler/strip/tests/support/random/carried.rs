//! Values that go from block to block.

use super::{Generator, element};
use kjit_strip::ir::{Binary, Combine, Compare, Elem, Ty, Value};

impl Generator<'_> {
    /// Opens the carried values: `(param, companion)`.
    pub(super) fn carried_params(&mut self) -> Vec<(Value, Option<Value>)> {
        let mut carried = Vec::new();
        for _ in 0..self.rng.pick(&[0, 0, 1, 2, 3]) {
            let ty = self.lane_ty();
            let word = self.new_word();
            self.outputs.push((word, ty));
            let combine = match ty {
                Ty::Mask => self.rng.pick(&[Combine::And, Combine::Or, Combine::Xor]),
                Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => self.rng.pick(&[
                    Combine::Add,
                    Combine::Mul,
                    Combine::Min,
                    Combine::Max,
                    Combine::And,
                    Combine::Or,
                    Combine::Xor,
                    Combine::ArgMin { with: 0 },
                    Combine::ArgMax { with: 0 },
                ]),
                Ty::F64 | Ty::F32 if self.pinned => self.rng.pick(&[
                    Combine::Add,
                    Combine::Mul,
                    Combine::Min,
                    Combine::Max,
                    Combine::AddInOrder,
                    Combine::Each,
                ]),
                Ty::F64 | Ty::F32 | Ty::Int | Ty::Test => self.rng.pick(&[
                    Combine::AddInOrder,
                    Combine::MulInOrder,
                    Combine::Min,
                    Combine::Max,
                    Combine::ArgMin { with: 0 },
                    Combine::ArgMax { with: 0 },
                ]),
            };
            if combine == Combine::Each {
                for _ in 1..self.b.strip().lanes.unwrap_or(1) {
                    let word = self.new_word();
                    self.outputs.push((word, ty));
                }
            }
            let init = if combine.is_in_order() {
                let (word, content) = (self.new_word(), element(self.rng, Elem::F64));
                self.scalars.push((word, content));
                self.b.word_lanes(ty, word)
            } else {
                self.neutral(combine, ty)
            };
            let with = self.b.strip().carried.len() as u32 + 1;
            let combine = match combine {
                Combine::ArgMin { .. } => Combine::ArgMin { with },
                Combine::ArgMax { .. } => Combine::ArgMax { with },
                other => other,
            };
            let param = self.b.carry(init, combine, word);
            let companion = matches!(combine, Combine::ArgMin { .. } | Combine::ArgMax { .. }).then(|| {
                let word = self.new_word();
                self.outputs.push((word, Ty::I64));
                let init = self.b.i64(i64::MAX);
                self.b.carry(init, Combine::Companion, word)
            });
            if self.pinned && companion.is_none() && !combine.is_in_order() {
                self.pool.push(param);
            }
            carried.push((param, companion));
        }
        carried
    }

    pub(super) fn neutral(&mut self, combine: Combine, ty: Ty) -> Value {
        let is_low = matches!(combine, Combine::Min | Combine::ArgMin { .. });
        match (ty, combine) {
            (Ty::F64, Combine::Add | Combine::Each) => self.b.f64(0.0),
            (Ty::F64, Combine::Mul) => self.b.f64(1.0),
            (Ty::F32, Combine::Add | Combine::Each) => self.b.f32(0.0),
            (Ty::F32, Combine::Mul) => self.b.f32(1.0),
            (Ty::F64, _) => self.b.f64(if is_low { f64::INFINITY } else { f64::NEG_INFINITY }),
            (Ty::F32, _) => self.b.f32(if is_low { f32::INFINITY } else { f32::NEG_INFINITY }),
            (Ty::Mask, _) => self.b.mask(combine == Combine::And),
            (_, Combine::Add | Combine::Or | Combine::Xor) => self.b.bits(ty, 0),
            (_, Combine::Mul) => self.b.bits(ty, 1),
            (Ty::I32, Combine::And) => self.b.i32(-1),
            (Ty::I32, _) => self.b.i32(if is_low { i32::MAX } else { i32::MIN }),
            (_, Combine::And) => self.b.i64(-1),
            _ => self.b.i64(if is_low { i64::MAX } else { i64::MIN }),
        }
    }

    pub(super) fn carried_nexts(&mut self, carried: &[(Value, Option<Value>)]) {
        for &(param, companion) in carried {
            let ty = self.b.ty(param);
            let combine =
                self.b.strip().carried.iter().find(|known| known.param == param).map(|known| known.combine);
            let mut new = self.any(ty);
            if let Some(combine) = combine
                && combine.is_in_order()
            {
                self.b.set_next(param, new);
                continue;
            }
            if matches!(ty, Ty::F64 | Ty::F32) && !self.pinned {
                // NaNs and signs of zeros would tell the order.
                let zero = self.b.bits(ty, 0);
                let one = self
                    .b
                    .bits(ty, if ty == Ty::F64 { 1.0_f64.to_bits() } else { u64::from(1.0_f32.to_bits()) });
                let (is_low, is_high) =
                    (self.b.compare(Compare::Lt, new, zero), self.b.compare(Compare::Gt, new, zero));
                let is_plain = self.b.or(is_low, is_high);
                new = self.b.select(is_plain, new, one);
            }
            let next = match combine {
                Some(Combine::Mul) => self.b.mul(param, new),
                Some(Combine::Min) => self.b.binary(Binary::Min, new, param),
                Some(Combine::Max) => self.b.binary(Binary::Max, new, param),
                Some(Combine::And) => self.b.and(param, new),
                Some(Combine::Or) => self.b.or(param, new),
                Some(Combine::Xor) => self.b.binary(Binary::Xor, param, new),
                Some(Combine::ArgMin { .. } | Combine::ArgMax { .. }) => {
                    let op = if matches!(combine, Some(Combine::ArgMin { .. })) {
                        Compare::Lt
                    } else {
                        Compare::Gt
                    };
                    let wins = self.b.compare(op, new, param);
                    if let Some(companion) = companion {
                        let iteration = self.b.iteration();
                        let next = self.b.select(wins, iteration, companion);
                        self.b.set_next(companion, next);
                    }
                    self.b.select(wins, new, param)
                }
                Some(
                    Combine::Add
                    | Combine::AddInOrder
                    | Combine::MulInOrder
                    | Combine::Companion
                    | Combine::Each,
                )
                | None => self.b.add(param, new),
            };
            let next = if self.rng.one_in(3) && companion.is_none() {
                let mask = self.any(Ty::Mask);
                self.b.select(mask, next, param)
            } else {
                next
            };
            self.b.set_next(param, next);
        }
    }
}
