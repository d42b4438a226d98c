//! The carried values at the end, as scalars: a tree over the lanes, then the frame.

use cranelift_codegen::ir::{InstBuilder, Value, types as clif};
use kjit_strip::ir::{Binary, Combine, Compare, Ty};

use super::ops::{float_condition, int_condition};
use super::{Lower, Parts, anywhere, little, size_of};

impl Lower<'_> {
    pub(super) fn outputs(&mut self) {
        let strip = self.strip;
        for carried in &strip.carried {
            let ty = self.ty(carried.param);
            if carried.combine.is_in_order() {
                let number = self.one(carried.param);
                self.output(ty, number, carried.word);
                continue;
            }
            let lanes = self.carried_lanes(carried.param);
            match carried.combine {
                Combine::Companion | Combine::AddInOrder | Combine::MulInOrder => {}
                Combine::Each => {
                    for (number, lane) in (0..).zip(lanes) {
                        self.output(ty, lane, carried.word + number);
                    }
                }
                Combine::ArgMin { with } | Combine::ArgMax { with } => {
                    let op = if matches!(carried.combine, Combine::ArgMin { .. }) {
                        Compare::Lt
                    } else {
                        Compare::Gt
                    };
                    let companion = &strip.carried[with as usize];
                    let companions = self.carried_lanes(companion.param);
                    let mut pairs: Vec<(Value, Value)> = lanes.into_iter().zip(companions).collect();
                    while pairs.len() > 1 {
                        let upper = pairs.split_off(pairs.len() / 2);
                        for (a, b) in pairs.iter_mut().zip(upper) {
                            *a = self.better(op, ty, *a, b);
                        }
                    }
                    self.output(ty, pairs[0].0, carried.word);
                    self.output(Ty::I64, pairs[0].1, companion.word);
                }
                Combine::Add
                | Combine::Mul
                | Combine::Min
                | Combine::Max
                | Combine::And
                | Combine::Or
                | Combine::Xor => {
                    let mut lanes = lanes;
                    while lanes.len() > 1 {
                        let upper = lanes.split_off(lanes.len() / 2);
                        for (a, b) in lanes.iter_mut().zip(upper) {
                            *a = self.combine(carried.combine, ty, *a, b);
                        }
                    }
                    self.output(ty, lanes[0], carried.word);
                }
            }
        }
    }

    fn carried_lanes(&mut self, param: kjit_strip::ir::Value) -> Vec<Value> {
        let (parts, size): (Parts, u8) = match self.ty(param) {
            Ty::Mask => (self.mask(param, self.grain), self.grain),
            ty => (self.parts(param), size_of(ty)),
        };
        self.scalars(&parts, size)
    }

    pub(super) fn scalar_compare(&mut self, op: Compare, ty: Ty, a: Value, b: Value) -> Value {
        match ty {
            Ty::F64 | Ty::F32 => self.b.ins().fcmp(float_condition(op), a, b),
            Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Int | Ty::Test | Ty::Mask => {
                self.b.ins().icmp(int_condition(op), a, b)
            }
        }
    }

    /// `b` where it is better, or neither is and its companion is smaller.
    fn better(&mut self, op: Compare, ty: Ty, a: (Value, Value), b: (Value, Value)) -> (Value, Value) {
        let is_better = self.scalar_compare(op, ty, b.0, a.0);
        let is_worse = self.scalar_compare(op, ty, a.0, b.0);
        let is_earlier = self.less(b.1, a.1);
        let not_worse = self.b.ins().bxor_imm_u(is_worse, 1);
        let wins_tie = self.b.ins().band(not_worse, is_earlier);
        let takes = self.b.ins().bor(is_better, wins_tie);
        (self.b.ins().select(takes, b.0, a.0), self.b.ins().select(takes, b.1, a.1))
    }

    fn combine(&mut self, combine: Combine, ty: Ty, a: Value, b: Value) -> Value {
        match combine {
            Combine::Add => self.binary(Binary::Add, ty, a, b),
            Combine::Mul => self.binary(Binary::Mul, ty, a, b),
            Combine::Min | Combine::Max => {
                let op = if combine == Combine::Min { Compare::Lt } else { Compare::Gt };
                let is_better = self.scalar_compare(op, ty, b, a);
                self.b.ins().select(is_better, b, a)
            }
            Combine::And => self.b.ins().band(a, b),
            Combine::Or => self.b.ins().bor(a, b),
            Combine::Xor => self.b.ins().bxor(a, b),
            Combine::ArgMin { .. }
            | Combine::ArgMax { .. }
            | Combine::Companion
            | Combine::AddInOrder
            | Combine::MulInOrder
            | Combine::Each => a,
        }
    }

    /// One lane to the frame, zero-extended; masks as 0 or 1.
    fn output(&mut self, ty: Ty, lane: Value, word: u32) {
        let lane = match ty {
            Ty::F32 => self.b.ins().bitcast(clif::I32, little(), lane),
            Ty::Mask => self.b.ins().band_imm_u(lane, 1),
            Ty::F64 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Int | Ty::Test => lane,
        };
        let lane = if self.b.func.dfg.value_type(lane) == clif::I32 {
            self.b.ins().uextend(clif::I64, lane)
        } else {
            lane
        };
        self.b.ins().store(anywhere(), lane, self.frame, 8 * word as i32);
    }
}
