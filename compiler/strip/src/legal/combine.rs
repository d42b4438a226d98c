//! The carried values at the end: lanes combined, as a tree that halves the block each time, and stored to the frame.

use regalloc2::VReg;

use super::reps::size_of;
use super::{Lower, Parts};
use crate::emit::{Addr, INT, Src, VEC};
use crate::encode::{F, G, Width};
use crate::ir::{Binary, Combine, Ty};

/// A value on its way to one lane.
#[derive(Clone)]
struct Half {
    parts: Parts,
    width: Width,
}

impl Lower<'_> {
    /// Stores all outputs.
    pub(super) fn outputs(&mut self, carried: &[VReg]) {
        let strip = self.strip;
        let mut at = 0;
        let mut regs = vec![];
        for c in &strip.carried {
            let ty = self.ty(c.param);
            let size = if ty == Ty::Mask { self.mask_grain } else { size_of(ty) };
            if size == 0 {
                self.fail("a carried value that is not of lanes");
                return;
            }
            let count = if c.combine.is_in_order() { 1 } else { self.count(size) };
            let parts: Parts = carried[at..at + count].iter().copied().collect();
            at += count;
            // Masks as lanes of ones, whatever the tier.
            let parts = if ty == Ty::Mask { self.mask_vectors(&parts, size) } else { parts };
            regs.push((ty, size, parts));
        }
        for (number, c) in strip.carried.iter().enumerate() {
            let (ty, size, parts) = regs[number].clone();
            match c.combine {
                Combine::Companion => {}
                Combine::AddInOrder | Combine::MulInOrder => self.output(ty, parts[0], c.word),
                Combine::Each => self.output_each(ty, parts, c.word),
                Combine::ArgMin { with } | Combine::ArgMax { with } => {
                    let Some((_, with_size, companions)) = regs.get(with as usize).cloned() else {
                        self.fail("a companion that does not exist");
                        return;
                    };
                    let least = matches!(c.combine, Combine::ArgMin { .. });
                    let (value, companion) = self.arg_lane(ty, size, parts, with_size, companions, least);
                    self.output(ty, value, c.word);
                    let word = strip.carried[with as usize].word;
                    self.output(Ty::I64, companion, word);
                }
                Combine::Add
                | Combine::Mul
                | Combine::Min
                | Combine::Max
                | Combine::And
                | Combine::Or
                | Combine::Xor => {
                    let op = match c.combine {
                        Combine::Add => Binary::Add,
                        Combine::Mul => Binary::Mul,
                        Combine::Min => Binary::Min,
                        Combine::Max => Binary::Max,
                        Combine::And => Binary::And,
                        Combine::Or => Binary::Or,
                        _ => Binary::Xor,
                    };
                    let lane = self.one_lane(op, ty, size, parts);
                    self.output(ty, lane, c.word);
                }
            }
        }
    }

    /// The lanes of a value as one, in the lowest lane.
    fn one_lane(&mut self, op: Binary, ty: Ty, size: u8, parts: Parts) -> VReg {
        let op_ty = match (ty, size) {
            (Ty::Mask, 8) => Ty::I64,
            (Ty::Mask, _) => Ty::I32,
            (ty, _) => ty,
        };
        let mut now = Half { parts, width: self.width(size) };
        let mut lanes = self.lanes;
        while lanes > 1 {
            let (low, high) = self.halve(&now, lanes, size);
            let parts = low
                .parts
                .iter()
                .zip(&high.parts)
                .map(|(&a, &b)| match op {
                    // `b if b < a else a`: the instruction gives its second operand unless the first is smaller.
                    Binary::Min | Binary::Max => self.binary_part(op, op_ty, low.width, b, Src::Reg(a)),
                    _ => self.binary_part(op, op_ty, low.width, a, Src::Reg(b)),
                })
                .collect();
            now = Half { parts, width: low.width };
            lanes /= 2;
        }
        now.parts[0]
    }

    /// The lower and the upper half of the lanes.
    fn halve(&mut self, now: &Half, lanes: u32, size: u8) -> (Half, Half) {
        let count = now.parts.len();
        if count > 1 {
            let low = Half { parts: now.parts[..count / 2].iter().copied().collect(), width: now.width };
            let high = Half { parts: now.parts[count / 2..].iter().copied().collect(), width: now.width };
            return (low, high);
        }
        let part = now.parts[0];
        let bytes = lanes * u32::from(size);
        let (width, high) = match bytes {
            64 => (Width::Y, self.upper_half(Width::Z, part)),
            32 => (Width::X, self.upper_half(Width::Y, part)),
            16 => (Width::X, self.func.rmi(F::Vpshufd, Width::X, part, 0b1110)),
            _ => (Width::X, self.func.rmi(F::Vpshufd, Width::X, part, 0b01)),
        };
        let one = |reg| Half { parts: smallvec::smallvec![reg], width };
        (one(part), one(high))
    }

    /// The smallest or largest lane and its companion; among equal ones the smaller companion.
    fn arg_lane(
        &mut self,
        ty: Ty,
        size: u8,
        parts: Parts,
        with_size: u8,
        companions: Parts,
        least: bool,
    ) -> (VReg, VReg) {
        let mut value = Half { parts, width: self.width(size) };
        let mut companion = Half { parts: companions, width: self.width(with_size) };
        // One lane size from here on: values of 4 bytes go along as doubles or 64-bit integers, which changes no order.
        let mut back = None;
        let mut ty = ty;
        if size != with_size {
            let (f, wide) = match ty {
                Ty::F32 => (F::Vcvtps2pd, Ty::F64),
                _ => (F::Vpmovsxdq, Ty::I64),
            };
            back = Some(ty);
            value = Half { parts: self.widen_lanes(f, &value.parts), width: self.width(8) };
            ty = wide;
        }
        let mut lanes = self.lanes;
        while lanes > 1 {
            let (a, b) = self.halve(&value, lanes, 8);
            let (a_with, b_with) = self.halve(&companion, lanes, 8);
            let mut values = Parts::new();
            let mut withs = Parts::new();
            for p in 0..a.parts.len() {
                let (x, y, i, j) = (a.parts[p], b.parts[p], a_with.parts[p], b_with.parts[p]);
                // Take b if it is better, or if neither is and its companion is smaller.
                let better = self.lane_less(ty, a.width, y, x, least);
                let worse = self.lane_less(ty, a.width, x, y, least);
                let smaller = self.lane_less(Ty::I64, a.width, j, i, true);
                let tie = self.logic(super::masks::Logic::NotAnd, worse, smaller);
                let take = self.logic(super::masks::Logic::Or, better, tie);
                values.push(self.blend_wide(a.width, take, y, x));
                withs.push(self.blend_wide(a.width, take, j, i));
            }
            value = Half { parts: values, width: a.width };
            companion = Half { parts: withs, width: a.width };
            lanes /= 2;
        }
        let mut lane = value.parts[0];
        if back == Some(Ty::F32) {
            lane = self.func.rm(F::Vcvtpd2ps, Width::X, lane);
        }
        (lane, companion.parts[0])
    }

    fn blend_wide(&mut self, width: Width, mask: VReg, then: VReg, orelse: VReg) -> VReg {
        let f = if self.evex { F::Vblendmpd } else { F::Vblendvpd };
        self.func.blend(f, width, orelse, then, mask)
    }

    /// A mask of `a < b`, or of `a > b`, for lanes of 8 bytes.
    fn lane_less(&mut self, ty: Ty, width: Width, a: VReg, b: VReg, least: bool) -> VReg {
        let (a, b) = if least { (a, b) } else { (b, a) };
        match (ty, self.evex) {
            (Ty::F64, false) => self.func.rvmi(F::Vcmppd, width, a, b, 0x11),
            (Ty::F64, true) => self.func.rvm_k(F::VcmppdK, width, a, b, Some(0x11), None),
            (_, false) => self.func.rvm(F::Vpcmpgtq, width, b, a),
            (_, true) => self.func.rvm_k(F::VpcmpqK, width, a, b, Some(1), None),
        }
    }

    /// Every lane to a word of its own, zero-extended.
    fn output_each(&mut self, ty: Ty, parts: Parts, word: u32) {
        let parts = match ty {
            Ty::F64 | Ty::I64 => parts,
            Ty::F32 | Ty::I32 => self.widen_lanes(F::Vpmovzxdq, &parts),
            Ty::Mask | Ty::Int | Ty::Test | Ty::I16 | Ty::I8 => {
                self.fail("lanes that do not leave one by one");
                return;
            }
        };
        let (width, per_part) = (self.width(8), self.per_part(8));
        for (number, &part) in parts.iter().enumerate() {
            let at = word as i32 + number as i32 * per_part as i32;
            let to = Addr::reg(self.frame).plus(at * 8);
            self.func.store(F::VmovupdSt, width, part, to, None, None);
        }
    }

    /// The lowest lane to the frame, zero-extended; masks as 0 or 1.
    fn output(&mut self, ty: Ty, lane: VReg, word: u32) {
        let to = Addr::reg(self.frame).plus(word as i32 * 8);
        match ty {
            Ty::F64 | Ty::I64 => self.func.store(F::VmovsdSt, Width::X, lane, to, None, None),
            Ty::F32 | Ty::I32 => {
                let int = self.func.mr(F::VmovdToG, Width::X, INT, lane, None);
                self.func.g_store(G::MovSt, int, to);
            }
            Ty::Mask => {
                let int = self.func.mr(F::VmovdToG, Width::X, INT, lane, None);
                let bit = self.func.g_ri(G::AndI, int, 1);
                self.func.g_store(G::MovSt, bit, to);
            }
            Ty::Int | Ty::Test | Ty::I16 | Ty::I8 => self.fail("an output that is not of lanes"),
        }
        debug_assert!(lane.class() == VEC);
    }
}
