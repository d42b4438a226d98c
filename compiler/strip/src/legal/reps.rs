//! How a value of the strip is represented, and how to get at it as registers or operands.

use regalloc2::{RegClass, VReg};

use super::memory::load_form;
use super::{Lower, Parts};
use crate::emit::{Addr, BlockId, MASK, Src, VEC};
use crate::encode::{Cond, F, G};
use crate::ir::{Compare, Elem, Ty, Value};

/// A value.
#[derive(Clone, Default)]
pub(super) enum Rep {
    /// Not yet, or only as a [`super::ints::Linear`].
    #[default]
    None,
    /// A register per part.
    Lanes(Parts),
    /// One register that is every part.
    Uniform(VReg),
    /// The same bits in each lane.
    Const(u64),
    /// 0, 1, 2, ...
    Number,
    /// Loads that wait to be part of an instruction.
    Pending(Waiting),
    /// A mask of lanes of that size.
    Mask(u8, Parts),
    /// A mask that is all or nothing.
    MaskConst(bool),
    /// A mask that is all or nothing, in a register for lanes of any size.
    MaskUniform(VReg),
    /// An `Int`.
    Int(VReg),
    /// A comparison of `Int`s, done where it is needed.
    Compared(Compare, Value, Value),
    /// Whether a mask has a lane, found out where it is needed.
    Any(Value),
    /// Two `Test`s that both have to hold.
    Both(Value, Value),
    /// A `Test` as 0 or 1.
    Test(VReg),
}

/// Elements of an unmasked line, extended to lanes and shifted left. They may be read as lanes or, as offsets, one by one.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) elem: Elem,
    pub(super) shift: u8,
    /// Of the first lane.
    pub(super) addr: Addr,
}

/// Size of a lane.
pub(super) fn size_of(ty: Ty) -> u8 {
    super::plan::lane_bytes(ty, 0)
}

impl Waiting {
    /// Are the bytes in memory those of the lanes?
    pub(super) fn is_operand(&self, size: u8) -> bool {
        self.elem.bytes() == u32::from(size) && self.shift == 0
    }
}

impl Lower<'_> {
    pub(super) fn ty(&self, value: Value) -> Ty {
        self.strip.values[value]
    }

    /// Class of the registers of masks.
    pub(super) fn mask_class(&self) -> RegClass {
        if self.evex { MASK } else { VEC }
    }

    /// Is one register or none enough for all lanes?
    pub(super) fn is_uniform(&self, value: Value) -> bool {
        matches!(self.reps[value], Rep::Uniform(_) | Rep::Const(_))
    }

    /// Would it be a memory operand?
    pub(super) fn is_memory(&self, value: Value) -> bool {
        match &self.reps[value] {
            Rep::Pending(waiting) => waiting.is_operand(size_of(self.ty(value))),
            Rep::Number => true,
            Rep::Const(bits) => {
                let size = match size_of(self.ty(value)) {
                    0 => 4,
                    size => size,
                };
                *bits != 0 && !self.plan.resident.contains(&(*bits, size))
            }
            Rep::None
            | Rep::Lanes(_)
            | Rep::Uniform(_)
            | Rep::Mask(..)
            | Rep::MaskConst(_)
            | Rep::MaskUniform(_)
            | Rep::Int(_)
            | Rep::Compared(..)
            | Rep::Any(_)
            | Rep::Both(..)
            | Rep::Test(_) => false,
        }
    }

    /// Is this the last use of registers that nothing else needs? (Only a hint: a wrong one costs a move.)
    pub(super) fn dies(&self, value: Value) -> bool {
        self.left[value] <= 1
            && self.depth_of[value] == self.depth
            && matches!(self.reps[value], Rep::Lanes(_))
            && !self.in_setup[value]
    }

    /// A part as an operand that may be in memory. A pending load is used up.
    pub(super) fn src(&mut self, value: Value, part: usize) -> Src {
        let size = size_of(self.ty(value));
        match &self.reps[value] {
            Rep::Pending(waiting) if waiting.is_operand(size) => {
                Src::Mem(self.part_addr(waiting, size, part))
            }
            Rep::Const(bits) => self.const_src(*bits, size),
            Rep::Number => Src::Mem(self.number_addr(size, part)),
            _ => Src::Reg(self.reg(value, part)),
        }
    }

    /// A part in a register.
    pub(super) fn reg(&mut self, value: Value, part: usize) -> VReg {
        let size = size_of(self.ty(value));
        match &self.reps[value] {
            Rep::Lanes(parts) => parts[part],
            Rep::Uniform(reg) => *reg,
            Rep::Pending(waiting) => {
                let addr = self.part_addr(waiting, size, part);
                let (elem, shift) = (waiting.elem, waiting.shift);
                let width = self.width(size);
                let loaded = self.func.rm(load_form(elem, size), width, Src::Mem(addr));
                match shift {
                    0 => loaded,
                    shift => self.func.rmi(F::Vpsllq, width, loaded, shift),
                }
            }
            Rep::Const(bits) => self.const_reg(*bits, size),
            Rep::Number => {
                let addr = self.number_addr(size, part);
                let width = self.width(size);
                self.func.rm(F::Vmovups, width, Src::Mem(addr))
            }
            Rep::None
            | Rep::Mask(..)
            | Rep::MaskConst(_)
            | Rep::MaskUniform(_)
            | Rep::Int(_)
            | Rep::Compared(..)
            | Rep::Any(_)
            | Rep::Both(..)
            | Rep::Test(_) => {
                self.fail("a value without lanes where lanes are needed");
                self.func.vreg(VEC)
            }
        }
    }

    /// Where a part's elements are.
    fn part_addr(&self, waiting: &Waiting, size: u8, part: usize) -> Addr {
        waiting.addr.plus((part as u32 * self.per_part(size) * waiting.elem.bytes()) as i32)
    }

    /// All parts in registers.
    pub(super) fn parts(&mut self, value: Value) -> Parts {
        let size = size_of(self.ty(value));
        if let Rep::Const(bits) = self.reps[value] {
            let reg = self.const_reg(bits, size);
            return smallvec::smallvec![reg; self.count(size)];
        }
        (0..self.count(size)).map(|part| self.reg(value, part)).collect()
    }

    /// Does the loads that were put off: something comes that they must not move across.
    pub(super) fn flush_pending(&mut self) {
        for value in std::mem::take(&mut self.pending) {
            if let Rep::Pending(_) = self.reps[value] {
                let parts = self.parts(value);
                self.reps[value] = Rep::Lanes(parts);
            }
        }
    }

    /// The bits of a lane, repeated.
    pub(super) fn const_src(&mut self, bits: u64, size: u8) -> Src {
        if bits == 0 || self.plan.resident.contains(&(bits, size)) {
            return Src::Reg(self.const_reg(bits, size));
        }
        Src::Mem(self.const_addr(bits, size))
    }

    /// A constant as a memory operand.
    pub(super) fn const_addr(&mut self, bits: u64, size: u8) -> Addr {
        let element = &bits.to_le_bytes()[..usize::from(size)];
        if self.evex {
            let offset = self.func.pool.add(element);
            Addr { broadcast: true, ..Addr::pool(offset) }
        } else {
            let offset = self.func.pool.add(&element.repeat(32 / element.len()));
            Addr::pool(offset)
        }
    }

    /// A constant in a register.
    pub(super) fn const_reg(&mut self, bits: u64, size: u8) -> VReg {
        if let Some(&reg) = self.consts.get(&(bits, size)) {
            return reg;
        }
        if self.plan.resident.contains(&(bits, size))
            || (bits == 0 && self.depth == 0 && self.block.is_none())
        {
            let at = std::mem::replace(&mut self.func.at, BlockId(0));
            let reg = self.new_const(bits, size);
            self.func.at = at;
            self.consts.insert((bits, size), reg);
            return reg;
        }
        self.new_const(bits, size)
    }

    fn new_const(&mut self, bits: u64, size: u8) -> VReg {
        let width = self.full_width();
        if bits == 0 {
            return self.func.zero();
        }
        let element = &bits.to_le_bytes()[..usize::from(size)];
        if self.evex {
            let offset = self.func.pool.add(element);
            let f = if size == 8 { F::Vpbroadcastq } else { F::Vpbroadcastd };
            self.func.rm(f, width, Src::Mem(Addr::pool(offset)))
        } else {
            let offset = self.func.pool.add(&element.repeat(32 / element.len()));
            self.func.rm(F::Vmovups, width, Src::Mem(Addr::pool(offset)))
        }
    }

    /// The lane numbers of a part, in the pool.
    pub(super) fn number_addr(&mut self, size: u8, part: usize) -> Addr {
        let lanes = self.reg_bytes / u32::from(size);
        let first = part as u32 * lanes;
        let bytes: Vec<u8> = (first..first + lanes)
            .flat_map(|lane| u64::from(lane).to_le_bytes()[..usize::from(size)].to_vec())
            .collect();
        Addr::pool(self.func.pool.add(&bytes))
    }

    /// The registers that carry a value through a parameter of a block.
    pub(super) fn carry(&mut self, value: Value) -> Vec<VReg> {
        match self.ty(value) {
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => self.parts(value).to_vec(),
            Ty::Mask => self.mask_parts(value, self.mask_grain).to_vec(),
            Ty::Int => vec![self.int(value)],
            Ty::Test => vec![self.test_reg(value)],
        }
    }

    /// Parameters of a block for a value of that type.
    pub(super) fn params(&mut self, block: BlockId, ty: Ty) -> Vec<VReg> {
        let (class, count) = match ty {
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => (VEC, self.count(size_of(ty))),
            Ty::Mask => (self.mask_class(), self.count(self.mask_grain)),
            Ty::Int | Ty::Test => (RegClass::Int, 1),
        };
        (0..count).map(|_| self.func.param(block, class)).collect()
    }

    /// A value is these registers, as made by [`Lower::params`] (of which it may need only the first ones).
    pub(super) fn bind(&mut self, value: Value, regs: &[VReg]) {
        self.depth_of[value] = self.depth;
        self.reps[value] = match self.ty(value) {
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => {
                Rep::Lanes(regs[..self.count(size_of(self.ty(value)))].iter().copied().collect())
            }
            Ty::Mask => {
                Rep::Mask(self.mask_grain, regs[..self.count(self.mask_grain)].iter().copied().collect())
            }
            Ty::Int => Rep::Int(regs[0]),
            Ty::Test => Rep::Test(regs[0]),
        };
    }

    /// A `Test` as 0 or 1.
    pub(super) fn test_reg(&mut self, value: Value) -> VReg {
        match self.reps[value] {
            Rep::Test(reg) => return reg,
            Rep::Both(a, b) => {
                let (a, b) = (self.test_reg(a), self.test_reg(b));
                return self.func.g_rr(G::And, a, b);
            }
            _ => {}
        }
        let cond = self.test_flags(value);
        self.func.set(cond)
    }

    /// Sets the flags by a `Test`; it is true if the condition holds.
    pub(super) fn test_flags(&mut self, value: Value) -> Cond {
        match self.reps[value] {
            Rep::Test(reg) => {
                self.func.cmp_imm(reg, 0);
                Cond::Ne
            }
            Rep::Compared(op, a, b) => {
                self.compare_ints(a, b);
                match op {
                    Compare::Eq => Cond::E,
                    Compare::Ne => Cond::Ne,
                    Compare::Lt => Cond::L,
                    Compare::Le => Cond::Le,
                    Compare::Gt => Cond::G,
                    Compare::Ge => Cond::Ge,
                }
            }
            Rep::Any(mask) => self.any_flags(mask),
            Rep::Both(..) => {
                let both = self.test_reg(value);
                self.func.cmp_imm(both, 0);
                Cond::Ne
            }
            _ => {
                self.fail("a condition that is not a test");
                Cond::Ne
            }
        }
    }
}
