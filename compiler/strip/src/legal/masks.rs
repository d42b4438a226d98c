//! Masks: vectors of all ones or zeros per lane on AVX2, mask registers on AVX-512.
//!
//! A mask has the lane size of what made it and is converted where it meets lanes of another size. On AVX-512 bits beyond a part's
//! lanes hold anything.

use regalloc2::VReg;
use smallvec::smallvec;

use super::reps::{Rep, size_of};
use super::{Lower, Parts};
use crate::emit::{BlockId, MASK, VEC};
use crate::encode::{Cond, F, Width};
use crate::ir::{Binary, Compare, Op, Ty, Unary, Value};

/// A logical operation of masks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Logic {
    And,
    Or,
    Xor,
    /// `!a & b`, as the instructions have it.
    NotAnd,
}

impl Lower<'_> {
    /// The lane size of a mask, if it has one of its own.
    fn grain(&self, value: Value) -> Option<u8> {
        match self.reps[value] {
            Rep::Mask(grain, _) => Some(grain),
            _ => None,
        }
    }

    /// A mask as it is, without parts beyond the lanes of this block.
    fn rep(&self, value: Value) -> Rep {
        match &self.reps[value] {
            Rep::Mask(grain, parts) => {
                Rep::Mask(*grain, parts[..self.count(*grain)].iter().copied().collect())
            }
            other => other.clone(),
        }
    }

    /// A mask's parts for lanes of a size.
    pub(super) fn mask_parts(&mut self, value: Value, size: u8) -> Parts {
        let count = self.count(size);
        match self.rep(value) {
            Rep::Mask(grain, parts) => self.resize_mask(&parts, grain, size),
            Rep::MaskUniform(reg) => smallvec![reg; count],
            Rep::MaskConst(on) => {
                let reg = self.mask_const(on);
                smallvec![reg; count]
            }
            _ => {
                self.fail("a value that is no mask where one is needed");
                let class = self.mask_class();
                smallvec![self.func.vreg(class); count]
            }
        }
    }

    /// All lanes or none.
    pub(super) fn mask_const(&mut self, on: bool) -> VReg {
        if self.evex {
            let bits = self.func.imm(if on { -1 } else { 0 });
            self.func.rm_class(F::KmovwG, Width::X, MASK, bits, None, None)
        } else {
            self.const_reg(if on { !0 } else { 0 }, 8)
        }
    }

    /// Parts for lanes of one size as parts for lanes of another.
    pub(super) fn resize_mask(&mut self, parts: &Parts, from: u8, to: u8) -> Parts {
        if from == to {
            return parts.clone();
        }
        match (self.evex, from) {
            (true, _) if self.per_part(from) == self.per_part(to) => parts.clone(),
            (true, 8) => parts
                .chunks(2)
                .map(|pair| self.func.rvm_k(F::Kunpckbw, Width::Y, pair[1], pair[0], None, None))
                .collect(),
            (true, _) => parts
                .iter()
                .flat_map(|&part| {
                    let high = self.func.rm_class(F::Kshiftrw, Width::X, MASK, part, Some(8), None);
                    [part, high]
                })
                .collect(),
            (false, 8) => self.narrow_lanes(parts),
            (false, _) => self.widen_lanes(F::Vpmovsxdq, parts),
        }
    }

    /// One logical operation of a part.
    pub(super) fn logic(&mut self, op: Logic, a: VReg, b: VReg) -> VReg {
        if self.evex {
            let f = match op {
                Logic::And => F::Kandw,
                Logic::Or => F::Korw,
                Logic::Xor => F::Kxorw,
                Logic::NotAnd => F::Kandnw,
            };
            self.func.rvm_k(f, Width::Y, a, b, None, None)
        } else {
            let f = match op {
                Logic::And => F::Vpand,
                Logic::Or => F::Vpor,
                Logic::Xor => F::Vpxor,
                Logic::NotAnd => F::Vpandn,
            };
            self.func.rvm(f, Width::Y, a, b)
        }
    }

    fn logic_not(&mut self, a: VReg) -> VReg {
        if self.evex {
            self.func.rm_class(F::Knotw, Width::X, MASK, a, None, None)
        } else {
            let ones = self.const_src(!0, 8);
            self.func.rvm(F::Vpxor, Width::Y, a, ones)
        }
    }

    /// `Not` of a mask.
    pub(super) fn mask_unary(&mut self, op: Unary, a: Value) -> Rep {
        if op != Unary::Not {
            self.fail("an operation that masks do not have");
        }
        // The opposite comparison, if its operands are still at hand.
        if let Some(&Op::Compare(op, x, y)) = self.defs[a]
            && self.plan.uses[a] == 1
            && !matches!(self.reps[x], Rep::None | Rep::Pending(_))
            && !matches!(self.reps[y], Rep::None | Rep::Pending(_))
        {
            return self.compare_or_not(op, x, y, true);
        }
        match self.rep(a) {
            Rep::MaskConst(on) => Rep::MaskConst(!on),
            Rep::MaskUniform(reg) => Rep::MaskUniform(self.logic_not(reg)),
            Rep::Mask(grain, parts) => {
                Rep::Mask(grain, parts.iter().map(|&part| self.logic_not(part)).collect())
            }
            _ => {
                self.fail("a value that is no mask where one is needed");
                Rep::MaskConst(false)
            }
        }
    }

    /// Logic of two masks.
    pub(super) fn mask_binary(&mut self, op: Binary, a: Value, b: Value) -> Rep {
        let logic = match op {
            Binary::And => Logic::And,
            Binary::Or => Logic::Or,
            Binary::Xor => Logic::Xor,
            Binary::AndNot => Logic::NotAnd,
            _ => {
                self.fail("an operation that masks do not have");
                return Rep::MaskConst(false);
            }
        };
        match (op, &self.reps[a], &self.reps[b]) {
            (Binary::And, Rep::MaskConst(true), other) | (Binary::And, other, Rep::MaskConst(true)) => {
                return other.clone();
            }
            (Binary::Or | Binary::Xor, Rep::MaskConst(false), other)
            | (Binary::Or | Binary::Xor | Binary::AndNot, other, Rep::MaskConst(false)) => {
                return other.clone();
            }
            (Binary::And, Rep::MaskConst(false), _)
            | (Binary::And, _, Rep::MaskConst(false))
            | (Binary::AndNot, Rep::MaskConst(false), _)
            | (Binary::AndNot, _, Rep::MaskConst(true)) => return Rep::MaskConst(false),
            (Binary::Or, Rep::MaskConst(true), _) | (Binary::Or, _, Rep::MaskConst(true)) => {
                return Rep::MaskConst(true);
            }
            (Binary::Xor, Rep::MaskConst(true), _) => return self.mask_unary(Unary::Not, b),
            (Binary::Xor, _, Rep::MaskConst(true)) => return self.mask_unary(Unary::Not, a),
            _ => {}
        }
        // `a & !b` is `!b & a`.
        let (a, b) = if logic == Logic::NotAnd { (b, a) } else { (a, b) };
        if let (Rep::MaskUniform(x), Rep::MaskUniform(y)) = (&self.reps[a], &self.reps[b]) {
            let (x, y) = (*x, *y);
            return Rep::MaskUniform(self.logic(logic, x, y));
        }
        let grain = self.grain(a).or(self.grain(b)).unwrap_or(self.mask_grain);
        let x = self.mask_parts(a, grain);
        let y = self.mask_parts(b, grain);
        Rep::Mask(grain, x.iter().zip(&y).map(|(&x, &y)| self.logic(logic, x, y)).collect())
    }

    /// A choice between masks.
    pub(super) fn mask_select(&mut self, mask: Value, then: Value, orelse: Value) -> Rep {
        let grain = self.grain(mask).or(self.grain(then)).or(self.grain(orelse)).unwrap_or(self.mask_grain);
        let m = self.mask_parts(mask, grain);
        let x = self.mask_parts(then, grain);
        let y = self.mask_parts(orelse, grain);
        Rep::Mask(grain, (0..m.len()).map(|p| self.choose(grain, m[p], x[p], y[p])).collect())
    }

    /// `mask ? then : orelse` of parts of masks with lanes of `grain` bytes.
    fn choose(&mut self, grain: u8, mask: VReg, then: VReg, orelse: VReg) -> VReg {
        if self.evex {
            let yes = self.logic(Logic::And, mask, then);
            let no = self.logic(Logic::NotAnd, mask, orelse);
            self.logic(Logic::Or, yes, no)
        } else {
            // Lanes of masks are ones or zeros throughout, so that a smaller grain suits larger ones too.
            let f = if grain < 4 { F::Vpblendvb } else { F::Vblendvps };
            self.func.blend(f, Width::Y, orelse, then, mask)
        }
    }

    /// The new part of a carried value in active lanes, the old one in others.
    pub(super) fn keep_inactive(&mut self, value: Value, old: VReg, new: VReg, part: usize) -> VReg {
        let Some(active) = self.active.clone() else { return new };
        if old == new {
            return new;
        }
        match self.ty(value) {
            Ty::Mask => {
                let active = if self.mask_grain == 8 { active.eight[part] } else { active.four[part] };
                self.choose(self.mask_grain, active, new, old)
            }
            ty => {
                let size = size_of(ty);
                let mask = if size == 8 { active.eight[part] } else { active.four[part] };
                self.blend_part(size, mask, new.into(), old)
            }
        }
    }

    /// The mask of the active lanes.
    pub(super) fn active_mask(&mut self) -> Rep {
        match self.active.clone() {
            None => Rep::MaskConst(true),
            Some(active) if self.mask_grain == 8 => Rep::Mask(8, active.eight),
            Some(active) => Rep::Mask(4, active.four),
        }
    }

    /// The active lanes, for lanes of a size.
    pub(super) fn active_parts(&mut self, size: u8) -> Option<Parts> {
        let active = self.active.clone()?;
        Some(match size {
            8 if active.eight.is_empty() => self.resize_mask(&active.four, 4, 8),
            8 => active.eight,
            _ if active.four.is_empty() => self.resize_mask(&active.eight, 8, 4),
            _ => active.four,
        })
    }

    /// The lanes that a load or store touches; `None` if it is all of them.
    pub(super) fn touched(&mut self, mask: Option<Value>, size: u8) -> Option<Parts> {
        let mask = mask.filter(|&m| !matches!(self.reps[m], Rep::MaskConst(true)));
        let active = self.active_parts(size);
        let Some(mask) = mask else { return active };
        let parts = self.mask_parts(mask, size);
        Some(match active {
            None => parts,
            Some(active) => parts.iter().zip(&active).map(|(&m, &a)| self.logic(Logic::And, m, a)).collect(),
        })
    }

    /// Sets the flags by whether a mask holds for an active lane: `Ne` if so.
    pub(super) fn any_flags(&mut self, mask: Value) -> Cond {
        match self.rep(mask) {
            Rep::MaskConst(on) => {
                let bit = self.func.imm(i64::from(on));
                self.func.cmp_imm(bit, 0);
            }
            Rep::MaskUniform(reg) => self.any_part(reg, Width::Y, 4),
            Rep::Mask(grain, parts) => {
                let active = self.active_parts(grain);
                let width = self.width(grain);
                match (active, parts.len(), self.evex) {
                    (Some(active), 1, false) => self.func.v_flags(F::Vptest, width, parts[0], active[0]),
                    (active, _, _) => {
                        let parts = match active {
                            None => parts,
                            Some(active) => parts
                                .iter()
                                .zip(&active)
                                .map(|(&m, &a)| self.logic(Logic::And, m, a))
                                .collect(),
                        };
                        let mut all = parts[0];
                        for &part in &parts[1..] {
                            all = self.logic(Logic::Or, all, part);
                        }
                        self.any_part(all, width, grain);
                    }
                }
            }
            _ => self.fail("a value that is no mask where one is needed"),
        }
        Cond::Ne
    }

    fn any_part(&mut self, part: VReg, width: Width, grain: u8) {
        let f = match (self.evex, self.per_part(grain)) {
            (false, _) => F::Vptest,
            (true, 16..) => F::Kortestw,
            (true, _) => F::Kortestb,
        };
        let width = if self.evex { Width::X } else { width };
        self.func.v_flags(f, width, part, part);
    }

    /// A `Test` in every lane.
    pub(super) fn test_lanes(&mut self, test: Value) -> Rep {
        // A comparison of numbers is made again in all lanes: that is shorter than to spread its result.
        if let Rep::Compared(op @ (Compare::Lt | Compare::Gt), a, b) = self.reps[test]
            && !self.evex
        {
            let (less, greater) = if op == Compare::Lt { (a, b) } else { (b, a) };
            let less = self.int_lanes(less);
            let greater = self.int_lanes(greater);
            return Rep::MaskUniform(self.func.rvm(F::Vpcmpgtq, Width::Y, greater, less));
        }
        let bit = self.test_reg(test);
        let all = self.func.g_neg(bit);
        Rep::MaskUniform(if self.evex {
            self.func.rm_class(F::KmovwG, Width::X, MASK, all, None, None)
        } else {
            self.broadcast_int(all)
        })
    }

    /// An `Int` in every lane; one of the setup is spread in the entry.
    fn int_lanes(&mut self, int: Value) -> VReg {
        if let Some(constant) = self.int_constant(int) {
            return self.const_reg(constant as u64, 8);
        }
        if !self.in_setup[int] {
            let int = self.int(int);
            return self.broadcast_int(int);
        }
        let known = self.spread.iter().find(|(v, _)| *v == int).map(|&(_, reg)| reg);
        known.unwrap_or_else(|| {
            let at = std::mem::replace(&mut self.func.at, BlockId(0));
            let reg = self.int(int);
            let all = self.broadcast_int(reg);
            self.func.at = at;
            self.spread.push((int, all));
            all
        })
    }

    /// Comparison of lanes.
    pub(super) fn compare(&mut self, op: Compare, a: Value, b: Value) -> Rep {
        self.compare_or_not(op, a, b, false)
    }

    /// A comparison or its opposite, which for floats is no other comparison.
    fn compare_or_not(&mut self, op: Compare, a: Value, b: Value, not: bool) -> Rep {
        let ty = self.ty(a);
        // A memory operand can only be the second.
        let (op, a, b) = if self.is_memory(a) && !self.is_memory(b) {
            let mirrored = match op {
                Compare::Eq | Compare::Ne => op,
                Compare::Lt => Compare::Gt,
                Compare::Le => Compare::Ge,
                Compare::Gt => Compare::Lt,
                Compare::Ge => Compare::Le,
            };
            (mirrored, b, a)
        } else {
            (op, a, b)
        };
        let size = size_of(ty);
        let uniform = self.is_uniform(a) && self.is_uniform(b);
        let count = if uniform { 1 } else { self.count(size) };
        let parts: Parts = (0..count).map(|part| self.compare_part(op, not, ty, a, b, part)).collect();
        if uniform { Rep::Mask(size, smallvec![parts[0]; self.count(size)]) } else { Rep::Mask(size, parts) }
    }

    fn compare_part(&mut self, op: Compare, not: bool, ty: Ty, a: Value, b: Value, part: usize) -> VReg {
        let size = size_of(ty);
        let width = self.width(size);
        match ty {
            Ty::F64 | Ty::F32 => {
                let predicate = match (op, not) {
                    (Compare::Eq, false) | (Compare::Ne, true) => 0x00,
                    (Compare::Ne, false) | (Compare::Eq, true) => 0x04,
                    (Compare::Lt, false) => 0x11,
                    (Compare::Le, false) => 0x12,
                    (Compare::Ge, false) => 0x1D,
                    (Compare::Gt, false) => 0x1E,
                    (Compare::Lt, true) => 0x15,
                    (Compare::Le, true) => 0x16,
                    (Compare::Ge, true) => 0x19,
                    (Compare::Gt, true) => 0x1A,
                };
                let x = self.reg(a, part);
                let y = self.src(b, part);
                match (self.evex, ty) {
                    (false, Ty::F64) => self.func.rvmi(F::Vcmppd, width, x, y, predicate),
                    (false, _) => self.func.rvmi(F::Vcmpps, width, x, y, predicate),
                    (true, Ty::F64) => self.func.rvm_k(F::VcmppdK, width, x, y, Some(predicate), None),
                    (true, _) => self.func.rvm_k(F::VcmppsK, width, x, y, Some(predicate), None),
                }
            }
            _ if self.evex => {
                let predicate = match op {
                    Compare::Eq => 0,
                    Compare::Lt => 1,
                    Compare::Le => 2,
                    Compare::Ne => 4,
                    Compare::Ge => 5,
                    Compare::Gt => 6,
                } ^ if not { 4 } else { 0 };
                let f = if size == 8 { F::VpcmpqK } else { F::VpcmpdK };
                let x = self.reg(a, part);
                let y = self.src(b, part);
                self.func.rvm_k(f, width, x, y, Some(predicate), None)
            }
            _ => {
                let (equal, greater) = match size {
                    8 => (F::Vpcmpeqq, F::Vpcmpgtq),
                    2 => (F::Vpcmpeqw, F::Vpcmpgtw),
                    1 => (F::Vpcmpeqb, F::Vpcmpgtb),
                    _ => (F::Vpcmpeqd, F::Vpcmpgtd),
                };
                let (f, a, b, negate) = match op {
                    Compare::Eq => (equal, a, b, false),
                    Compare::Ne => (equal, a, b, true),
                    Compare::Gt => (greater, a, b, false),
                    Compare::Le => (greater, a, b, true),
                    Compare::Lt => (greater, b, a, false),
                    Compare::Ge => (greater, b, a, true),
                };
                let x = self.reg(a, part);
                let y = self.src(b, part);
                let result = self.func.rvm(f, width, x, y);
                if negate != not { self.logic_not(result) } else { result }
            }
        }
    }

    /// The lanes of a mask as 0 or 1.
    pub(super) fn ones(&mut self, masks: &Parts, size: u8) -> Parts {
        let vectors = self.mask_vectors(masks, size);
        let width = self.width(size);
        let (f, count) = match size {
            8 => (F::Vpsrlq, 63),
            2 => (F::Vpsrlw, 15),
            1 => {
                let one = self.const_src(1, 1);
                return vectors.iter().map(|&x| self.func.rvm(F::Vpand, width, x, one)).collect();
            }
            _ => (F::Vpsrld, 31),
        };
        vectors.iter().map(|&x| self.func.rmi(f, width, x, count)).collect()
    }

    /// The lanes of a mask as general registers' bits (AVX-512) or lanes of ones (AVX2): a vector of 0 and all ones of that size.
    pub(super) fn mask_vectors(&mut self, parts: &Parts, size: u8) -> Parts {
        if !self.evex {
            return parts.clone();
        }
        let f = if size == 8 { F::Vpmovm2q } else { F::Vpmovm2d };
        let width = self.width(size);
        parts.iter().map(|&part| self.func.rm_class(f, width, VEC, part, None, None)).collect()
    }
}
