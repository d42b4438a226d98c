//! Arithmetic: one instruction per part where the tier has it, else the sequences below.

use regalloc2::VReg;

use super::Lower;
use super::masks::Logic;
use super::reps::{Rep, Waiting, size_of};
use crate::emit::{Addr, Src};
use crate::encode::{F, Width};
use crate::ir::{Binary, Convert, FmaKind, Op, Shift, Ty, Unary, Value};

impl Lower<'_> {
    /// One register if the operands are the same in all lanes, else one per part.
    pub(super) fn each_part(
        &mut self,
        operands: &[Value],
        size: u8,
        mut f: impl FnMut(&mut Self, usize) -> VReg,
    ) -> Rep {
        if operands.iter().all(|&value| self.is_uniform(value)) {
            return Rep::Uniform(f(self, 0));
        }
        Rep::Lanes((0..self.count(size)).map(|part| f(self, part)).collect())
    }

    /// An operation of one operand.
    pub(super) fn unary(&mut self, value: Value, op: Unary, a: Value) -> Rep {
        let ty = self.ty(value);
        if ty == Ty::Mask {
            return self.mask_unary(op, a);
        }
        let size = size_of(ty);
        let width = self.width(size);
        self.each_part(&[a], size, |lower, part| {
            let source = lower.src(a, part);
            lower.unary_part(op, ty, width, source)
        })
    }

    fn unary_part(&mut self, op: Unary, ty: Ty, width: Width, a: Src) -> VReg {
        let size = size_of(ty);
        let double = ty == Ty::F64;
        let sign = 1u64 << (u32::from(size) * 8 - 1);
        let rounding = |mode: u8| mode | 8;
        match (op, ty) {
            (Unary::Neg, Ty::F64 | Ty::F32) => {
                let x = self.in_reg(a, width, size);
                let sign = self.const_src(sign, size);
                self.func.rvm(if double { F::Vxorpd } else { F::Vxorps }, width, x, sign)
            }
            (Unary::Abs, Ty::F64 | Ty::F32) => {
                let x = self.in_reg(a, width, size);
                let rest = self.const_src(sign - 1, size);
                self.func.rvm(if double { F::Vandpd } else { F::Vandps }, width, x, rest)
            }
            (Unary::Neg, _) => {
                let zero = self.const_reg(0, size);
                let f = match size {
                    8 => F::Vpsubq,
                    2 => F::Vpsubw,
                    1 => F::Vpsubb,
                    _ => F::Vpsubd,
                };
                self.func.rvm(f, width, zero, a)
            }
            (Unary::Abs, Ty::I16) => self.func.rm(F::Vpabsw, width, a),
            (Unary::Abs, Ty::I8) => self.func.rm(F::Vpabsb, width, a),
            (Unary::Abs, Ty::I32) => self.func.rm(F::Vpabsd, width, a),
            (Unary::Abs, _) if self.evex => self.func.rm(F::Vpabsq, width, a),
            (Unary::Abs, _) => {
                let x = self.in_reg(a, width, size);
                let signs = self.signs(width, x);
                let flipped = self.func.rvm(F::Vpxor, width, x, signs);
                self.func.rvm(F::Vpsubq, width, flipped, signs)
            }
            (Unary::Not, _) => {
                let x = self.in_reg(a, width, size);
                let ones = self.const_src(!0 >> (64 - u32::from(size) * 8), size);
                let f = self.logical(Logic::Xor, size);
                self.func.rvm(f, width, x, ones)
            }
            (Unary::Sqrt, _) => self.func.rm(if double { F::Vsqrtpd } else { F::Vsqrtps }, width, a),
            (Unary::RoundEven, _) => self.round(double, width, a, rounding(0)),
            (Unary::Floor, _) => self.round(double, width, a, rounding(1)),
            (Unary::Ceil, _) => self.round(double, width, a, rounding(2)),
            (Unary::Trunc, _) => self.round(double, width, a, rounding(3)),
        }
    }

    /// Rounds doubles or singles by the mode of the instruction.
    pub(super) fn round(&mut self, double: bool, width: Width, a: Src, mode: u8) -> VReg {
        let f = match (self.evex, double) {
            (false, true) => F::Vroundpd,
            (false, false) => F::Vroundps,
            (true, true) => F::Vrndscalepd,
            (true, false) => F::Vrndscaleps,
        };
        self.func.rmi(f, width, a, mode)
    }

    /// Loads an operand with lanes of that size.
    pub(super) fn in_reg(&mut self, a: Src, width: Width, size: u8) -> VReg {
        match a {
            Src::Reg(reg) => reg,
            Src::Mem(addr) if addr.broadcast => {
                let f = if size == 8 { F::Vpbroadcastq } else { F::Vpbroadcastd };
                self.func.rm(f, width, Src::Mem(Addr { broadcast: false, ..addr }))
            }
            Src::Mem(_) => self.func.rm(F::Vmovups, width, a),
        }
    }

    /// All ones where a 64-bit lane is negative (AVX2).
    fn signs(&mut self, width: Width, a: VReg) -> VReg {
        let zero = self.const_reg(0, 8);
        self.func.rvm(F::Vpcmpgtq, width, zero, a)
    }

    /// The instruction for a logical operation of integers.
    fn logical(&self, op: Logic, size: u8) -> F {
        match (op, self.evex, size) {
            (Logic::And, false, _) => F::Vpand,
            (Logic::Or, false, _) => F::Vpor,
            (Logic::Xor, false, _) => F::Vpxor,
            (Logic::NotAnd, false, _) => F::Vpandn,
            (Logic::And, true, 8) => F::Vpandq,
            (Logic::Or, true, 8) => F::Vporq,
            (Logic::Xor, true, 8) => F::Vpxorq,
            (Logic::NotAnd, true, 8) => F::Vpandnq,
            (Logic::And, true, _) => F::Vpandd,
            (Logic::Or, true, _) => F::Vpord,
            (Logic::Xor, true, _) => F::Vpxord,
            (Logic::NotAnd, true, _) => F::Vpandnd,
        }
    }

    /// The instruction of an operation, if the tier has one.
    fn direct(&self, op: Binary, ty: Ty) -> Option<F> {
        let f = match (op, ty) {
            (Binary::Add, Ty::F64) => F::Vaddpd,
            (Binary::Sub, Ty::F64) => F::Vsubpd,
            (Binary::Mul, Ty::F64) => F::Vmulpd,
            (Binary::Div, Ty::F64) => F::Vdivpd,
            (Binary::Min, Ty::F64) => F::Vminpd,
            (Binary::Max, Ty::F64) => F::Vmaxpd,
            (Binary::Add, Ty::F32) => F::Vaddps,
            (Binary::Sub, Ty::F32) => F::Vsubps,
            (Binary::Mul, Ty::F32) => F::Vmulps,
            (Binary::Div, Ty::F32) => F::Vdivps,
            (Binary::Min, Ty::F32) => F::Vminps,
            (Binary::Max, Ty::F32) => F::Vmaxps,
            (Binary::Add, Ty::I64) => F::Vpaddq,
            (Binary::Sub, Ty::I64) => F::Vpsubq,
            (Binary::Mul, Ty::I64) if self.evex => F::Vpmullq,
            (Binary::Min, Ty::I64) if self.evex => F::Vpminsq,
            (Binary::Max, Ty::I64) if self.evex => F::Vpmaxsq,
            (Binary::Shl, Ty::I64) => F::Vpsllvq,
            (Binary::Shr, Ty::I64) => F::Vpsrlvq,
            (Binary::Sar, Ty::I64) if self.evex => F::Vpsravq,
            (Binary::Add, Ty::I32) => F::Vpaddd,
            (Binary::Sub, Ty::I32) => F::Vpsubd,
            (Binary::Mul, Ty::I32) => F::Vpmulld,
            (Binary::Min, Ty::I32) => F::Vpminsd,
            (Binary::Max, Ty::I32) => F::Vpmaxsd,
            (Binary::Shl, Ty::I32) => F::Vpsllvd,
            (Binary::Shr, Ty::I32) => F::Vpsrlvd,
            (Binary::Sar, Ty::I32) => F::Vpsravd,
            (Binary::Add, Ty::I16) => F::Vpaddw,
            (Binary::Sub, Ty::I16) => F::Vpsubw,
            (Binary::Mul, Ty::I16) => F::Vpmullw,
            (Binary::MulHigh, Ty::I16) => F::Vpmulhuw,
            (Binary::Min, Ty::I16) => F::Vpminsw,
            (Binary::Max, Ty::I16) => F::Vpmaxsw,
            (Binary::MinUnsigned, Ty::I16) => F::Vpminuw,
            (Binary::MaxUnsigned, Ty::I16) => F::Vpmaxuw,
            (Binary::Average, Ty::I16) => F::Vpavgw,
            (Binary::Add, Ty::I8) => F::Vpaddb,
            (Binary::Sub, Ty::I8) => F::Vpsubb,
            (Binary::Min, Ty::I8) => F::Vpminsb,
            (Binary::Max, Ty::I8) => F::Vpmaxsb,
            (Binary::MinUnsigned, Ty::I8) => F::Vpminub,
            (Binary::MaxUnsigned, Ty::I8) => F::Vpmaxub,
            (Binary::Average, Ty::I8) => F::Vpavgb,
            (Binary::And, Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8) => self.logical(Logic::And, size_of(ty)),
            (Binary::Or, Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8) => self.logical(Logic::Or, size_of(ty)),
            (Binary::Xor, Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8) => self.logical(Logic::Xor, size_of(ty)),
            _ => return None,
        };
        Some(f)
    }

    /// An operation of two operands.
    pub(super) fn binary(&mut self, value: Value, op: Binary, a: Value, b: Value) -> Rep {
        let ty = self.ty(value);
        match ty {
            Ty::Mask => return self.mask_binary(op, a, b),
            Ty::Test => return Rep::Both(a, b),
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Int => {}
        }
        let size = size_of(ty);
        let width = self.width(size);
        if let Some(counted) = self.counted(op, a, b, size) {
            return counted;
        }
        let commutes = match op {
            Binary::Add | Binary::Mul | Binary::And | Binary::Or | Binary::Xor => true,
            Binary::MulHigh | Binary::MinUnsigned | Binary::MaxUnsigned | Binary::Average => true,
            Binary::Min | Binary::Max => !matches!(ty, Ty::F64 | Ty::F32),
            Binary::Sub | Binary::Div | Binary::AndNot | Binary::Shl | Binary::Shr | Binary::Sar => false,
        };
        // A memory operand can only be the second; a constant is the better second one.
        let swap = commutes
            && self.is_memory(a)
            && (!self.is_memory(b)
                || matches!(self.reps[a], Rep::Const(_)) && !matches!(self.reps[b], Rep::Const(_)));
        let (a, b) = if swap { (b, a) } else { (a, b) };
        if (op, ty) == (Binary::Mul, Ty::I64) && self.is_half(a) && self.is_half(b) {
            return self.each_part(&[a, b], size, |lower, part| {
                let x = lower.reg(a, part);
                let y = lower.src(b, part);
                lower.func.rvm(F::Vpmuludq, width, x, y)
            });
        }
        if let (Binary::Mul, Ty::I64, Rep::Const(factor)) = (op, ty, &self.reps[b]) {
            let factor = *factor;
            if factor.is_power_of_two() {
                return self.shift(value, Shift::Shl, a, factor.trailing_zeros() as u8);
            }
            if factor < 1 << 32 && !self.evex {
                return self.each_part(&[a], size, |lower, part| {
                    let x = lower.reg(a, part);
                    let factor = lower.const_src(factor, 8);
                    let low = lower.func.rvm(F::Vpmuludq, width, x, factor);
                    let high = lower.func.rmi(F::Vpsrlq, width, x, 32);
                    let high = lower.func.rvm(F::Vpmuludq, width, high, factor);
                    let high = lower.func.rmi(F::Vpsllq, width, high, 32);
                    lower.func.rvm(F::Vpaddq, width, low, high)
                });
            }
        }
        if op == Binary::AndNot {
            let f = self.logical(Logic::NotAnd, size);
            return self.each_part(&[a, b], size, |lower, part| {
                let y = lower.reg(b, part);
                let x = lower.src(a, part);
                lower.func.rvm(f, width, y, x)
            });
        }
        self.each_part(&[a, b], size, |lower, part| {
            let x = lower.reg(a, part);
            let y = lower.src(b, part);
            lower.binary_part(op, ty, width, x, y)
        })
    }

    /// `a + mask_to_int(mask)`: masks are -1 in their lanes, so that they can be subtracted (AVX2).
    fn counted(&mut self, op: Binary, a: Value, b: Value, size: u8) -> Option<Rep> {
        let f = match (op, size) {
            (Binary::Add, 8) => F::Vpsubq,
            (Binary::Add, 4) => F::Vpsubd,
            _ => return None,
        };
        let Some(&Op::Convert(Convert::MaskToInt, mask)) = self.defs[b] else { return None };
        if self.evex || !matches!(self.reps[mask], Rep::Mask(..)) {
            return None;
        }
        let width = self.width(size);
        let masks = self.mask_parts(mask, size);
        Some(Rep::Lanes(
            masks
                .iter()
                .enumerate()
                .map(|(part, &mask)| {
                    let number = self.reg(a, part);
                    self.func.rvm(f, width, number, mask)
                })
                .collect(),
        ))
    }

    /// Is it, as an unsigned number, surely below 2^32?
    fn is_half(&self, value: Value) -> bool {
        let constant = |value: Value| match self.defs[value] {
            Some(Op::Const(bits)) => Some(*bits),
            _ => None,
        };
        match self.defs[value] {
            Some(Op::Const(bits)) => *bits < 1 << 32,
            Some(&Op::Shift(Shift::Shr, _, count)) => count >= 32,
            Some(&Op::Binary(Binary::And, a, b)) => {
                [a, b].into_iter().filter_map(constant).any(|bits| bits < 1 << 32)
            }
            _ => false,
        }
    }

    /// One part of an operation (all but `AndNot`).
    pub(super) fn binary_part(&mut self, op: Binary, ty: Ty, width: Width, a: VReg, b: Src) -> VReg {
        if let Some(f) = self.direct(op, ty) {
            return self.func.rvm(f, width, a, b);
        }
        let b = self.in_reg(b, width, size_of(ty));
        match (op, ty) {
            (Binary::Mul, Ty::I64) => {
                let low = self.func.rvm(F::Vpmuludq, width, a, b);
                let a_high = self.func.rmi(F::Vpsrlq, width, a, 32);
                let b_high = self.func.rmi(F::Vpsrlq, width, b, 32);
                let first = self.func.rvm(F::Vpmuludq, width, a_high, b);
                let second = self.func.rvm(F::Vpmuludq, width, b_high, a);
                let high = self.func.rvm(F::Vpaddq, width, first, second);
                let high = self.func.rmi(F::Vpsllq, width, high, 32);
                self.func.rvm(F::Vpaddq, width, low, high)
            }
            (Binary::Min, Ty::I64) => {
                let greater = self.func.rvm(F::Vpcmpgtq, width, a, b);
                self.func.blend(F::Vblendvpd, width, a, b, greater)
            }
            (Binary::Max, Ty::I64) => {
                let greater = self.func.rvm(F::Vpcmpgtq, width, a, b);
                self.func.blend(F::Vblendvpd, width, b, a, greater)
            }
            (Binary::Sar, Ty::I64) => {
                let signs = self.signs(width, a);
                let flipped = self.func.rvm(F::Vpxor, width, a, signs);
                let shifted = self.func.rvm(F::Vpsrlvq, width, flipped, b);
                self.func.rvm(F::Vpxor, width, shifted, signs)
            }
            _ => {
                self.fail("an operation that the type does not have");
                a
            }
        }
    }

    /// A shift by a constant.
    pub(super) fn shift(&mut self, value: Value, op: Shift, a: Value, count: u8) -> Rep {
        let ty = self.ty(value);
        let size = size_of(ty);
        let width = self.width(size);
        // Scaled indices from memory are part of the addresses that they are for.
        if let (Shift::Shl, Ty::I64, 0..=3, false) = (op, ty, count, self.evex)
            && self.plan.uses[value] == self.offset_uses[value]
            && let Some(waiting) = self.origin(a)
            && waiting.shift + count <= 3
        {
            return Rep::Pending(Waiting { shift: waiting.shift + count, ..waiting });
        }
        self.each_part(&[a], size, |lower, part| {
            let x = lower.reg(a, part);
            if size == 1 {
                return lower.shift_bytes(op, width, x, count);
            }
            let f = match (op, size) {
                (Shift::Shl, 2) => F::Vpsllw,
                (Shift::Shr, 2) => F::Vpsrlw,
                (Shift::Sar, 2) => F::Vpsraw,
                (Shift::Shl, 8) => F::Vpsllq,
                (Shift::Shr, 8) => F::Vpsrlq,
                (Shift::Sar, 8) if lower.evex => F::Vpsraq,
                (Shift::Sar, 8) => {
                    // The sign bit lands at `63 - count`; flipping it and taking it away again extends it.
                    let logical = lower.func.rmi(F::Vpsrlq, width, x, count);
                    let bit = lower.const_src(1 << (63 - u32::from(count & 63)), 8);
                    let flipped = lower.func.rvm(F::Vpxor, width, logical, bit);
                    return lower.func.rvm(F::Vpsubq, width, flipped, bit);
                }
                (Shift::Shl, _) => F::Vpslld,
                (Shift::Shr, _) => F::Vpsrld,
                (Shift::Sar, _) => F::Vpsrad,
            };
            lower.func.rmi(f, width, x, count)
        })
    }

    /// A shift of bytes, by one of pairs: what comes in from the other byte is cleared.
    fn shift_bytes(&mut self, op: Shift, width: Width, x: VReg, count: u8) -> VReg {
        let (f, kept) = match op {
            Shift::Shl => (F::Vpsllw, 0xffu8 << count),
            Shift::Shr | Shift::Sar => (F::Vpsrlw, 0xffu8 >> count),
        };
        let shifted = self.func.rmi(f, width, x, count);
        let kept = self.const_src(u64::from(kept), 1);
        let shifted = self.func.rvm(F::Vpand, width, shifted, kept);
        if op != Shift::Sar {
            return shifted;
        }
        let bit = self.const_src(0x80 >> count, 1);
        let flipped = self.func.rvm(F::Vpxor, width, shifted, bit);
        self.func.rvm(F::Vpsubb, width, flipped, bit)
    }

    /// A fused multiply-add. Which of the three forms depends on what is in memory and which register is free afterwards.
    pub(super) fn fma(&mut self, value: Value, kind: FmaKind, a: Value, b: Value, c: Value) -> Rep {
        let ty = self.ty(value);
        let size = size_of(ty);
        let width = self.width(size);
        let double = ty == Ty::F64;
        // 132: dst = dst * rm + vvvv; 213: dst = vvvv * dst + rm; 231: dst = vvvv * rm + dst.
        let (f132, f213, f231) = match (kind, double) {
            (FmaKind::MulAdd, true) => (F::Vfmadd132pd, F::Vfmadd213pd, F::Vfmadd231pd),
            (FmaKind::MulAdd, false) => (F::Vfmadd132ps, F::Vfmadd213ps, F::Vfmadd231ps),
            (FmaKind::MulSub, true) => (F::Vfmsub132pd, F::Vfmsub213pd, F::Vfmsub231pd),
            (FmaKind::MulSub, false) => (F::Vfmsub132ps, F::Vfmsub213ps, F::Vfmsub231ps),
            (FmaKind::NegMulAdd, true) => (F::Vfnmadd132pd, F::Vfnmadd213pd, F::Vfnmadd231pd),
            (FmaKind::NegMulAdd, false) => (F::Vfnmadd132ps, F::Vfnmadd213ps, F::Vfnmadd231ps),
        };
        let (a, b) = if self.is_memory(a) && !self.is_memory(b) { (b, a) } else { (a, b) };
        // `a` is a register now unless both are in memory.
        let (a_dies, b_dies, c_dies) = (self.dies(a), self.dies(b) && !self.is_memory(b), self.dies(c));
        self.each_part(&[a, b, c], size, |lower, part| {
            if lower.is_memory(c) {
                let (tied, other) = if b_dies && !a_dies { (b, a) } else { (a, b) };
                let tied = lower.reg(tied, part);
                let other = lower.reg(other, part);
                let add = lower.src(c, part);
                return lower.func.fma(f213, width, tied, other, add);
            }
            let add = lower.reg(c, part);
            let x = lower.reg(a, part);
            let y = lower.src(b, part);
            match y {
                Src::Mem(_) if c_dies => lower.func.fma(f231, width, add, x, y),
                Src::Mem(_) => lower.func.fma(f132, width, x, add, y),
                Src::Reg(_) if c_dies => lower.func.fma(f231, width, add, x, y),
                Src::Reg(_) if a_dies => lower.func.fma(f132, width, x, add, y),
                Src::Reg(y) if b_dies => lower.func.fma(f213, width, y, x, Src::Reg(add)),
                Src::Reg(_) => lower.func.fma(f231, width, add, x, y),
            }
        })
    }

    /// A choice by lanes.
    pub(super) fn select(&mut self, value: Value, mask: Value, then: Value, orelse: Value) -> Rep {
        let ty = self.ty(value);
        if let Rep::MaskConst(on) = self.reps[mask] {
            let chosen = if on { then } else { orelse };
            if ty == Ty::Mask {
                return self.reps[chosen].clone();
            }
            if self.is_uniform(chosen) {
                return self.reps[chosen].clone();
            }
            return Rep::Lanes(self.parts(chosen));
        }
        if ty == Ty::Mask {
            return self.mask_select(mask, then, orelse);
        }
        // Of `mask ? (mask & m ? a : b) : b` the inner choice is enough.
        if let Some(&Op::Select { mask: inner, then: _, orelse: same }) = self.defs[then]
            && same == orelse
            && let Some(&Op::Binary(op, a, b)) = self.defs[inner]
            && (a == mask && matches!(op, Binary::And | Binary::AndNot) || b == mask && op == Binary::And)
            && let Rep::Lanes(parts) = &self.reps[then]
        {
            return Rep::Lanes(parts.clone());
        }
        // Counting under a mask: its lanes are 0 or -1.
        if !self.evex
            && let Some(&Op::Binary(Binary::Add, a, b)) = self.defs[then]
            && let Some(&Op::Const(1)) = self.defs[if a == orelse { b } else { a }]
            && (a == orelse || b == orelse)
            && matches!(ty, Ty::I64 | Ty::I32)
        {
            let masks = self.mask_parts(mask, size_of(ty));
            let width = self.width(size_of(ty));
            let f = if ty == Ty::I64 { F::Vpsubq } else { F::Vpsubd };
            let parts = (0..self.count(size_of(ty)))
                .map(|part| {
                    let x = self.reg(orelse, part);
                    self.func.rvm(f, width, x, masks[part])
                })
                .collect();
            return Rep::Lanes(parts);
        }
        let size = size_of(ty);
        let width = self.width(size);
        let masks = self.mask_parts(mask, size);
        let is_zero = |rep: &Rep| matches!(rep, Rep::Const(0));
        let (then_zero, orelse_zero) = (is_zero(&self.reps[then]), is_zero(&self.reps[orelse]));
        let parts = (0..self.count(size))
            .map(|part| {
                let float = matches!(ty, Ty::F64 | Ty::F32);
                if !self.evex && orelse_zero {
                    let x = self.src(then, part);
                    return self.func.rvm(if float { F::Vandpd } else { F::Vpand }, width, masks[part], x);
                }
                if !self.evex && then_zero {
                    let x = self.src(orelse, part);
                    return self.func.rvm(if float { F::Vandnpd } else { F::Vpandn }, width, masks[part], x);
                }
                let x = self.src(then, part);
                let y = self.reg(orelse, part);
                self.blend_part(size, masks[part], x, y)
            })
            .collect();
        Rep::Lanes(parts)
    }

    /// `mask ? then : orelse` of one part.
    pub(super) fn blend_part(&mut self, size: u8, mask: VReg, then: Src, orelse: VReg) -> VReg {
        let width = self.width(size);
        let f = match (self.evex, size) {
            (false, 8) => F::Vblendvpd,
            (false, 1 | 2) => F::Vpblendvb,
            (false, _) => F::Vblendvps,
            (true, 8) => F::Vblendmpd,
            (true, _) => F::Vblendmps,
        };
        self.func.blend(f, width, orelse, then, mask)
    }
}
