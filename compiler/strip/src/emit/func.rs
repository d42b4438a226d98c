//! Instructions over virtual registers, in blocks: what legalisation writes and the register allocator reads.
//!
//! Operands of an instruction stand in one order: what it defines, its sources in the order of the form's fields, base and index of
//! its memory operand, its mask. [`super::finish`] reads the allocations in the same order.

use regalloc2::{Operand, OperandConstraint, OperandKind, OperandPos, PReg, RegClass, VReg};

use crate::encode::{Cond, F, G, GShape, Pool, Shape, Width};

/// Class of general registers.
pub(crate) const INT: RegClass = RegClass::Int;
/// Class of vector registers.
pub(crate) const VEC: RegClass = RegClass::Float;
/// Class of mask registers.
pub(crate) const MASK: RegClass = RegClass::Vector;

/// A block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockId(pub(crate) u32);

/// What a memory operand starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    /// A register.
    Reg(VReg),
    /// An offset in the pool of constants.
    Pool(u32),
    /// 64 bytes below the stack pointer: written by stores that must go nowhere.
    Nowhere,
}

/// A memory operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Addr {
    pub(crate) base: Base,
    /// With the logarithm of its scale.
    pub(crate) index: Option<(VReg, u8)>,
    pub(crate) disp: i32,
    /// One element for all lanes (EVEX).
    pub(crate) broadcast: bool,
}

impl Addr {
    /// A register with nothing added.
    pub(crate) fn reg(base: VReg) -> Addr {
        Addr { base: Base::Reg(base), index: None, disp: 0, broadcast: false }
    }

    /// In the pool.
    pub(crate) fn pool(offset: u32) -> Addr {
        Addr { base: Base::Pool(offset), index: None, disp: 0, broadcast: false }
    }

    /// Some bytes further.
    pub(crate) fn plus(self, bytes: i32) -> Addr {
        Addr { disp: self.disp.wrapping_add(bytes), ..self }
    }
}

/// A source that may lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Src {
    /// In a register.
    Reg(VReg),
    /// In memory.
    Mem(Addr),
}

impl From<VReg> for Src {
    fn from(reg: VReg) -> Src {
        Src::Reg(reg)
    }
}

/// What an instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    /// A vector instruction.
    V(F, Width),
    /// One for general registers.
    G(G),
    /// A 64-bit constant.
    Imm64(i64),
    /// 0 or 1 by the flags: clears the register, if `bool`, with a `mov` that leaves the flags.
    Set(Cond),
    /// A vector register of zeros.
    Zero,
    /// Defines the arguments.
    Args,
    /// To the block's successor.
    Jmp,
    /// To the first successor if the condition holds, else to the second.
    Jcc(Cond),
    /// Leaves with the value in `rax`.
    Ret,
    /// What was stored around the caches comes before what is stored later.
    Fence,
}

/// The memory operand of an instruction, without its registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MemShape {
    pub(crate) base: MemBaseShape,
    pub(crate) scale: Option<u8>,
    pub(crate) disp: i32,
}

/// The kind of base.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MemBaseShape {
    Reg,
    Pool(u32),
    Nowhere,
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inst {
    pub(crate) code: Code,
    pub(crate) imm: Option<i32>,
    pub(crate) mem: Option<MemShape>,
    /// The last operand is a mask.
    pub(crate) masked: bool,
    pub(crate) zero: bool,
    pub(crate) broadcast: bool,
    /// Where its operands start and end.
    pub(crate) operands: (u32, u32),
}

/// How a block ends.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    /// Not yet known.
    Open,
    /// A jump with arguments.
    Jmp(BlockId, Vec<VReg>),
    /// By the flags.
    Cond(Cond, (BlockId, Vec<VReg>), (BlockId, Vec<VReg>)),
    /// Returns a value.
    Ret(VReg),
}

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) params: Vec<VReg>,
    pub(crate) insts: Vec<Inst>,
    pub(crate) operands: Vec<Operand>,
    pub(crate) term: Term,
    /// Laid out after everything else.
    pub(crate) cold: bool,
    /// Starts at a multiple of 32 bytes.
    pub(crate) aligned: bool,
    /// Laid out after this block instead of in order: the condition of a loop goes to its bottom.
    pub(crate) after: Option<BlockId>,
    /// Where control goes on as a rule. It comes from nowhere else, but for what branched off here.
    pub(crate) usual: Option<BlockId>,
}

/// A function in construction.
pub(crate) struct Func {
    pub(crate) blocks: Vec<Block>,
    /// The blocks in the order in which they were begun.
    pub(crate) order: Vec<BlockId>,
    pub(crate) vregs: usize,
    pub(crate) pool: Pool,
    /// Where instructions go.
    pub(crate) at: BlockId,
    /// EVEX is there.
    pub(crate) evex: bool,
}

impl Func {
    /// An empty function with an entry block, begun.
    pub(crate) fn new(evex: bool) -> Func {
        let mut func = Func {
            blocks: Vec::new(),
            order: Vec::new(),
            vregs: 0,
            pool: Pool::default(),
            at: BlockId(0),
            evex,
        };
        let entry = func.block();
        func.begin(entry);
        func
    }

    /// A new block.
    pub(crate) fn block(&mut self) -> BlockId {
        self.blocks.push(Block {
            params: Vec::new(),
            insts: Vec::new(),
            operands: Vec::new(),
            term: Term::Open,
            cold: false,
            aligned: false,
            after: None,
            usual: None,
        });
        BlockId(self.blocks.len() as u32 - 1)
    }

    /// Instructions go to this block now.
    pub(crate) fn begin(&mut self, block: BlockId) {
        self.order.push(block);
        self.at = block;
    }

    /// A new virtual register.
    pub(crate) fn vreg(&mut self, class: RegClass) -> VReg {
        self.vregs += 1;
        VReg::new(self.vregs - 1, class)
    }

    /// A parameter of a block.
    pub(crate) fn param(&mut self, block: BlockId, class: RegClass) -> VReg {
        let reg = self.vreg(class);
        self.blocks[block.0 as usize].params.push(reg);
        reg
    }

    /// Ends the block.
    pub(crate) fn end(&mut self, term: Term) {
        debug_assert!(matches!(self.blocks[self.at.0 as usize].term, Term::Open));
        self.blocks[self.at.0 as usize].term = term;
    }

    /// Control goes on there as a rule, and that block is reached from here only.
    pub(crate) fn usual(&mut self, next: BlockId) {
        self.blocks[self.at.0 as usize].usual = Some(next);
    }

    /// Ends the block with a jump.
    pub(crate) fn jump(&mut self, to: BlockId, args: Vec<VReg>) {
        self.end(Term::Jmp(to, args));
    }

    fn push(&mut self, mut inst: Inst, operands: &[Operand], mem: Option<Addr>, mask: Option<VReg>) {
        let block = &mut self.blocks[self.at.0 as usize];
        let start = block.operands.len() as u32;
        block.operands.extend_from_slice(operands);
        if let Some(addr) = mem {
            inst.broadcast = addr.broadcast;
            let base = match addr.base {
                Base::Reg(reg) => {
                    block.operands.push(Operand::reg_use(reg));
                    MemBaseShape::Reg
                }
                Base::Pool(offset) => MemBaseShape::Pool(offset),
                Base::Nowhere => MemBaseShape::Nowhere,
            };
            if let Some((reg, _)) = addr.index {
                block.operands.push(Operand::reg_use(reg));
            }
            inst.mem = Some(MemShape { base, scale: addr.index.map(|(_, scale)| scale), disp: addr.disp });
        }
        if let Some(mask) = mask {
            block.operands.push(Operand::reg_use(mask));
            inst.masked = true;
        }
        inst.operands = (start, block.operands.len() as u32);
        block.insts.push(inst);
    }

    fn inst(code: Code) -> Inst {
        Inst { code, imm: None, mem: None, masked: false, zero: false, broadcast: false, operands: (0, 0) }
    }

    /// The general form of a vector instruction; returns what it defines. `regs` are its sources but the last, `last` the one in `rm`.
    fn vector(
        &mut self,
        f: F,
        width: Width,
        class: RegClass,
        regs: &[VReg],
        last: Src,
        extra: Option<VReg>,
        imm: Option<i32>,
        mask: Option<(VReg, bool)>,
    ) -> VReg {
        let dst = self.vreg(class);
        let form = f.form();
        let mut operands: smallvec::SmallVec<[Operand; 6]> = smallvec::SmallVec::new();
        operands.push(if form.shape == Shape::Fma {
            Operand::reg_reuse_def(dst, 1)
        } else {
            Operand::reg_def(dst)
        });
        operands.extend(regs.iter().map(|&r| Operand::reg_use(r)));
        let mem = match last {
            Src::Reg(reg) => {
                operands.push(self.last_operand(f, reg));
                None
            }
            Src::Mem(addr) => Some(addr),
        };
        let mut inst = Func::inst(Code::V(f, width));
        inst.imm = imm;
        inst.zero = mask.is_some_and(|(_, zero)| zero);
        if let Some(extra) = extra {
            // The fourth source stands before the registers of the address.
            operands.push(Operand::reg_use(extra));
        }
        self.push(inst, &operands, mem, mask.map(|(k, _)| k));
        dst
    }

    /// A register source in `rm`: if it is spilled, the instruction reads the stack itself where it can.
    fn last_operand(&self, f: F, reg: VReg) -> Operand {
        let shape = f.form().shape;
        let vm = shape == Shape::Vm || shape == Shape::Mr;
        if reg.class() == VEC && !vm {
            Operand::new(reg, OperandConstraint::Any, OperandKind::Use, OperandPos::Early)
        } else {
            Operand::reg_use(reg)
        }
    }

    /// `dst = op(last)`.
    pub(crate) fn rm(&mut self, f: F, width: Width, last: impl Into<Src>) -> VReg {
        self.vector(f, width, VEC, &[], last.into(), None, None, None)
    }

    /// `dst = op(last, imm)`.
    pub(crate) fn rmi(&mut self, f: F, width: Width, last: impl Into<Src>, imm: u8) -> VReg {
        self.vector(f, width, VEC, &[], last.into(), None, Some(i32::from(imm)), None)
    }

    /// `dst = op(last)` of any class, under a mask that zeroes.
    pub(crate) fn rm_class(
        &mut self,
        f: F,
        width: Width,
        class: RegClass,
        last: impl Into<Src>,
        imm: Option<u8>,
        mask: Option<VReg>,
    ) -> VReg {
        self.vector(f, width, class, &[], last.into(), None, imm.map(i32::from), mask.map(|k| (k, true)))
    }

    /// `dst = op(a, last)`.
    pub(crate) fn rvm(&mut self, f: F, width: Width, a: VReg, last: impl Into<Src>) -> VReg {
        self.vector(f, width, VEC, &[a], last.into(), None, None, None)
    }

    /// `dst = op(a, last, imm)`.
    pub(crate) fn rvmi(&mut self, f: F, width: Width, a: VReg, last: impl Into<Src>, imm: u8) -> VReg {
        self.vector(f, width, VEC, &[a], last.into(), None, Some(i32::from(imm)), None)
    }

    /// `dst = op(a, last)` into a mask register.
    pub(crate) fn rvm_k(
        &mut self,
        f: F,
        width: Width,
        a: VReg,
        last: impl Into<Src>,
        imm: Option<u8>,
        mask: Option<VReg>,
    ) -> VReg {
        self.vector(f, width, MASK, &[a], last.into(), None, imm.map(i32::from), mask.map(|k| (k, true)))
    }

    /// `dst = mask ? last : a`.
    pub(crate) fn blend(&mut self, f: F, width: Width, a: VReg, last: impl Into<Src>, mask: VReg) -> VReg {
        if f.form().shape == Shape::Rvmr {
            self.vector(f, width, VEC, &[a], last.into(), Some(mask), None, None)
        } else {
            self.vector(f, width, VEC, &[a], last.into(), None, None, Some((mask, false)))
        }
    }

    /// A fused multiply-add: `tied` is overwritten.
    pub(crate) fn fma(&mut self, f: F, width: Width, tied: VReg, a: VReg, last: impl Into<Src>) -> VReg {
        self.vector(f, width, VEC, &[tied, a], last.into(), None, None, None)
    }

    /// A move out of a vector or mask register into a general one, or an extraction.
    pub(crate) fn mr(&mut self, f: F, width: Width, class: RegClass, src: VReg, imm: Option<u8>) -> VReg {
        let dst = self.vreg(class);
        let mut inst = Func::inst(Code::V(f, width));
        inst.imm = imm.map(i32::from);
        self.push(inst, &[Operand::reg_def(dst), Operand::reg_use(src)], None, None);
        dst
    }

    /// A store.
    pub(crate) fn store(
        &mut self,
        f: F,
        width: Width,
        src: VReg,
        to: Addr,
        imm: Option<u8>,
        mask: Option<VReg>,
    ) {
        let mut inst = Func::inst(Code::V(f, width));
        inst.imm = imm.map(i32::from);
        self.push(inst, &[Operand::reg_use(src)], Some(to), mask);
    }

    /// Elements at `base + index << scale` where the mask holds, zero elsewhere.
    pub(crate) fn gather(&mut self, f: F, mask: VReg, base: VReg, disp: i32, index: VReg, scale: u8) -> VReg {
        let (dst, used_up, zero) = (self.vreg(VEC), self.vreg(MASK), self.zero());
        let mut inst = Func::inst(Code::V(f, Width::Z));
        inst.mem = Some(MemShape { base: MemBaseShape::Reg, scale: Some(scale), disp });
        let operands = [
            Operand::reg_reuse_def(dst, 2),
            Operand::reg_reuse_def(used_up, 3),
            Operand::reg_use(zero),
            Operand::reg_use(mask),
            Operand::reg_use(base),
            // Not the register of the result.
            Operand::reg_use_at_end(index),
        ];
        self.push(inst, &operands, None, None);
        dst
    }

    /// A store under a vector mask.
    pub(crate) fn mask_store(&mut self, f: F, width: Width, mask: VReg, src: VReg, to: Addr) {
        self.push(
            Func::inst(Code::V(f, width)),
            &[Operand::reg_use(mask), Operand::reg_use(src)],
            Some(to),
            None,
        );
    }

    /// Sets the flags from vectors or masks.
    pub(crate) fn v_flags(&mut self, f: F, width: Width, a: VReg, b: VReg) {
        self.push(Func::inst(Code::V(f, width)), &[Operand::reg_use(a), Operand::reg_use(b)], None, None);
    }

    /// `dst = op(src)` of general registers or memory.
    pub(crate) fn g_rm(&mut self, g: G, src: Src) -> VReg {
        let dst = self.vreg(INT);
        match src {
            Src::Reg(reg) => {
                self.push(
                    Func::inst(Code::G(g)),
                    &[Operand::reg_def(dst), Operand::reg_use(reg)],
                    None,
                    None,
                );
            }
            Src::Mem(addr) => {
                self.push(Func::inst(Code::G(g)), &[Operand::reg_def(dst)], Some(addr), None);
            }
        }
        dst
    }

    /// `dst = op(a, b)` of general registers.
    pub(crate) fn g_rr(&mut self, g: G, a: VReg, b: VReg) -> VReg {
        let dst = self.vreg(INT);
        debug_assert!(g.form().shape == GShape::Rrm);
        self.push(
            Func::inst(Code::G(g)),
            &[Operand::reg_reuse_def(dst, 1), Operand::reg_use(a), Operand::reg_use(b)],
            None,
            None,
        );
        dst
    }

    /// `dst = op(a, imm)`.
    pub(crate) fn g_ri(&mut self, g: G, a: VReg, imm: i32) -> VReg {
        let dst = self.vreg(INT);
        let mut inst = Func::inst(Code::G(g));
        inst.imm = Some(imm);
        let def = if g.form().shape == GShape::RmiGrow {
            Operand::reg_def(dst)
        } else {
            Operand::reg_reuse_def(dst, 1)
        };
        self.push(inst, &[def, Operand::reg_use(a)], None, None);
        dst
    }

    /// `-a`.
    pub(crate) fn g_neg(&mut self, a: VReg) -> VReg {
        let dst = self.vreg(INT);
        let operands = [Operand::reg_reuse_def(dst, 1), Operand::reg_use(a)];
        self.push(Func::inst(Code::G(G::Neg)), &operands, None, None);
        dst
    }

    /// The low bits of `a`, as many as `count` says.
    pub(crate) fn bzhi(&mut self, a: VReg, count: VReg) -> VReg {
        let dst = self.vreg(INT);
        // The form names the count before the source.
        let operands = [Operand::reg_def(dst), Operand::reg_use(count), Operand::reg_use(a)];
        self.push(Func::inst(Code::V(F::Bzhi, Width::X)), &operands, None, None);
        dst
    }

    /// `cmp` or `test`.
    pub(crate) fn g_flags(&mut self, g: G, a: VReg, b: VReg) {
        self.push(Func::inst(Code::G(g)), &[Operand::reg_use(a), Operand::reg_use(b)], None, None);
    }

    /// `cmp a, imm`.
    pub(crate) fn cmp_imm(&mut self, a: VReg, imm: i32) {
        let mut inst = Func::inst(Code::G(G::CmpI));
        inst.imm = Some(imm);
        self.push(inst, &[Operand::reg_use(a)], None, None);
    }

    /// A store of a general register.
    pub(crate) fn g_store(&mut self, g: G, src: VReg, to: Addr) {
        self.push(Func::inst(Code::G(g)), &[Operand::reg_use(src)], Some(to), None);
    }

    /// `memory = memory op imm`.
    pub(crate) fn g_store_imm(&mut self, g: G, imm: i32, to: Addr) {
        let mut inst = Func::inst(Code::G(g));
        inst.imm = Some(imm);
        self.push(inst, &[], Some(to), None);
    }

    /// A constant in a general register.
    pub(crate) fn imm(&mut self, value: i64) -> VReg {
        let dst = self.vreg(INT);
        let mut inst = match i32::try_from(value) {
            Ok(_) => Func::inst(Code::G(G::MovI)),
            Err(_) => Func::inst(Code::Imm64(value)),
        };
        if let Ok(small) = u32::try_from(value) {
            inst.code = Code::G(G::MovI32);
            inst.imm = Some(small as i32);
        } else {
            inst.imm = i32::try_from(value).ok();
        }
        self.push(inst, &[Operand::reg_def(dst)], None, None);
        dst
    }

    /// 0 or 1 by the flags.
    pub(crate) fn set(&mut self, cond: Cond) -> VReg {
        let dst = self.vreg(INT);
        self.push(Func::inst(Code::Set(cond)), &[Operand::reg_def(dst)], None, None);
        dst
    }

    /// Stores around the caches are done before later ones.
    pub(crate) fn fence(&mut self) {
        self.push(Func::inst(Code::Fence), &[], None, None);
    }

    /// A vector of zeros.
    pub(crate) fn zero(&mut self) -> VReg {
        let dst = self.vreg(VEC);
        self.push(Func::inst(Code::Zero), &[Operand::reg_def(dst)], None, None);
        dst
    }

    /// The address itself.
    pub(crate) fn lea(&mut self, addr: Addr) -> VReg {
        self.g_rm(G::Lea, Src::Mem(addr))
    }

    /// The arguments: frame and number of iterations.
    pub(crate) fn args(&mut self) -> (VReg, VReg) {
        let (frame, n) = (self.vreg(INT), self.vreg(INT));
        let operands =
            [Operand::reg_fixed_def(frame, PReg::new(7, INT)), Operand::reg_fixed_def(n, PReg::new(6, INT))];
        self.push(Func::inst(Code::Args), &operands, None, None);
        (frame, n)
    }
}
