//! From allocated registers to bytes: layout, moves, frame, encoding.
//!
//! ```text
//! push callee-saved registers that are used
//! push rbp; mov rbp, rsp; sub rsp, slots; and rsp, -64     // only if something is spilled
//! blocks: hot ones in order, the head of a loop after its body, cold ones last
//! pool
//! ```

use regalloc2::{Allocation, Block as RaBlock, Edit, Inst as RaInst, Output, ProgPoint, RegClass};

use super::alloc::Flat;
use super::func::{Code, Inst, MemBaseShape};
use crate::encode::asm::Options;
use crate::encode::{Asm, Cond, F, G, GShape, Label, Mem, MemBase, Pool, Rm, Shape, Width};

const RSP: u8 = 4;
const RBP: u8 = 5;
const CALLEE_SAVED: [u8; 5] = [3, 12, 13, 14, 15];

struct Writer<'a> {
    flat: &'a Flat,
    output: &'a Output,
    asm: Asm,
    saved: Vec<u8>,
    frame: u32,
    evex: bool,
}

/// The bytes, how many of them are code, and how often vector registers are stored to the stack and reloaded.
pub(crate) fn finish(flat: &Flat, output: &Output, pool: &Pool, evex: bool) -> (Vec<u8>, u32, u32) {
    let mut writer = Writer {
        flat,
        output,
        asm: Asm::default(),
        saved: used_callee_saved(output),
        frame: (output.num_spillslots as u32 * 8).next_multiple_of(64),
        evex,
    };
    writer.prologue();
    let layout = layout(flat);
    let empty: Vec<bool> = (0..flat.blocks.len()).map(|at| writer.is_empty(at)).collect();
    let resolve = |mut block: usize| {
        // A chain of empty blocks ends: an endless loop has a condition.
        for _ in 0..flat.blocks.len() {
            if !empty[block] {
                break;
            }
            block = flat.blocks[block].succs[0].index();
        }
        block
    };
    let labels: Vec<Label> = flat.blocks.iter().map(|_| writer.asm.label()).collect();
    let placed: Vec<usize> = layout.into_iter().filter(|&block| !empty[block] || block == 0).collect();
    for (k, &block) in placed.iter().enumerate() {
        if flat.blocks[block].aligned {
            writer.asm.align(32);
        }
        writer.asm.bind(labels[block]);
        writer.block(block, placed.get(k + 1).copied(), &labels, &resolve);
    }
    let spills = output
        .edits
        .iter()
        .filter(|(_, edit)| match edit {
            Edit::Move { from, to } => [from, to].iter().any(|a| a.is_stack()) && vector_move(*from, *to),
        })
        .count() as u32;
    let code_bytes = writer.asm.len() as u32;
    (writer.asm.finish(pool), code_bytes, spills)
}

fn vector_move(from: Allocation, to: Allocation) -> bool {
    [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == RegClass::Float))
}

fn used_callee_saved(output: &Output) -> Vec<u8> {
    let mut used = [false; 16];
    let mut note = |allocation: Allocation| {
        if let Some(reg) = allocation.as_reg()
            && reg.class() == RegClass::Int
        {
            used[reg.hw_enc()] = true;
        }
    };
    output.allocs.iter().for_each(|&a| note(a));
    for (_, Edit::Move { from, to }) in &output.edits {
        note(*from);
        note(*to);
    }
    CALLEE_SAVED.into_iter().filter(|&reg| used[reg as usize]).collect()
}

/// Hot blocks first; a block that goes after another one follows it.
fn layout(flat: &Flat) -> Vec<usize> {
    let count = flat.blocks.len();
    let mut order = Vec::with_capacity(count);
    let mut followers: Vec<Vec<usize>> = vec![vec![]; count];
    for (at, block) in flat.blocks.iter().enumerate() {
        if let Some(after) = block.after {
            followers[after as usize].push(at);
        }
    }
    fn place(at: usize, followers: &[Vec<usize>], order: &mut Vec<usize>) {
        order.push(at);
        for &next in &followers[at] {
            place(next, followers, order);
        }
    }
    for cold in [false, true] {
        for (at, block) in flat.blocks.iter().enumerate() {
            if block.cold == cold && block.after.is_none() {
                place(at, &followers, &mut order);
            }
        }
    }
    order
}

impl Writer<'_> {
    fn prologue(&mut self) {
        for &reg in &self.saved {
            self.asm.push(reg);
        }
        if self.frame > 0 {
            self.asm.push(RBP);
            self.asm.general(G::Mov, RBP, Rm::Reg(RSP), 0);
            // Every page is touched in turn, so that the one that guards the stack is not stepped over.
            for page in 1..=self.frame / 4096 {
                let below = Mem { base: MemBase::Reg(RSP), index: None, disp: -(page as i32 * 4096) };
                self.asm.general(G::MovSt, RSP, Rm::Mem(below), 0);
            }
            self.asm.general(G::SubI, 0, Rm::Reg(RSP), self.frame as i32);
            self.asm.general(G::AndI, 0, Rm::Reg(RSP), -64);
        }
    }

    fn epilogue(&mut self) {
        if self.frame > 0 {
            self.asm.general(G::Mov, RSP, Rm::Reg(RBP), 0);
            self.asm.pop(RBP);
        }
        for &reg in self.saved.iter().rev() {
            self.asm.pop(reg);
        }
        self.asm.vzeroupper();
        self.asm.ret();
    }

    /// Only a jump?
    fn is_empty(&self, at: usize) -> bool {
        let block = &self.flat.blocks[at];
        block.insts.1 - block.insts.0 == 1
            && self.flat.insts[block.insts.0 as usize].code == Code::Jmp
            && !self.edits(at).iter().any(|(_, Edit::Move { from, to })| from != to)
    }

    /// The moves of a block.
    fn edits(&self, at: usize) -> &[(ProgPoint, Edit)] {
        let (first, end) = self.flat.blocks[at].insts;
        let edits = &self.output.edits;
        let start = edits.partition_point(|(p, _)| *p < ProgPoint::before(RaInst::new(first as usize)));
        let stop = edits.partition_point(|(p, _)| *p < ProgPoint::before(RaInst::new(end as usize)));
        &edits[start..stop]
    }

    fn block(&mut self, at: usize, next: Option<usize>, labels: &[Label], resolve: &dyn Fn(usize) -> usize) {
        let block = &self.flat.blocks[at];
        let edits: Vec<(ProgPoint, Edit)> = self.edits(at).to_vec();
        let mut edits = edits.into_iter().peekable();
        for number in block.insts.0..block.insts.1 {
            let id = RaInst::new(number as usize);
            while let Some((_, Edit::Move { from, to })) = edits.next_if(|(p, _)| *p <= ProgPoint::before(id))
            {
                self.move_allocation(from, to);
            }
            let inst = self.flat.insts[number as usize];
            let succ = |k: usize| resolve(RaBlock::index(block.succs[k]));
            match inst.code {
                Code::Jmp => {
                    let to = succ(0);
                    if Some(to) != next {
                        self.asm.jmp(labels[to]);
                    }
                }
                Code::Jcc(cond) => {
                    let (then, orelse) = (succ(0), succ(1));
                    if Some(then) == next {
                        self.asm.jcc(cond.inverse(), labels[orelse]);
                    } else {
                        self.asm.jcc(cond, labels[then]);
                        if Some(orelse) != next {
                            self.asm.jmp(labels[orelse]);
                        }
                    }
                }
                Code::Ret => self.epilogue(),
                Code::Args => {}
                Code::Fence => self.asm.sfence(),
                Code::Zero => {
                    let dst = reg(self.output.inst_allocs(id)[0]);
                    let none = Options::default();
                    self.asm.vector(F::Vxorps, Width::X, dst, dst, Rm::Reg(dst), none, None);
                }
                Code::V(f, width) => self.vector(&inst, f, width, self.output.inst_allocs(id)),
                Code::G(g) => self.general(&inst, g, self.output.inst_allocs(id)),
                Code::Imm64(value) => self.asm.mov_imm64(reg(self.output.inst_allocs(id)[0]), value),
                Code::Set(cond) => self.set(cond, reg(self.output.inst_allocs(id)[0])),
            }
            while let Some((_, Edit::Move { from, to })) = edits.next_if(|(p, _)| *p <= ProgPoint::after(id))
            {
                self.move_allocation(from, to);
            }
        }
    }

    /// `setcc` writes 8 bits; a `movzx` afterwards leaves the flags alone too.
    fn set(&mut self, cond: Cond, dst: u8) {
        self.asm.setcc(cond, dst);
        self.asm.general(G::Movzx8, dst, Rm::Reg(dst), 0);
    }

    fn slot(&self, allocation: Allocation) -> Option<Mem> {
        let slot = allocation.as_stack()?;
        Some(Mem { base: MemBase::Reg(RSP), index: None, disp: slot.index() as i32 * 8 })
    }

    fn move_allocation(&mut self, from: Allocation, to: Allocation) {
        if from == to {
            return;
        }
        let none = Options::default();
        let wide = if self.evex { Width::Z } else { Width::Y };
        match (from.as_reg(), to.as_reg()) {
            (Some(a), Some(b)) => {
                let (a, b, class) = (a.hw_enc() as u8, b.hw_enc() as u8, a.class());
                match class {
                    RegClass::Int => self.asm.general(G::Mov, b, Rm::Reg(a), 0),
                    RegClass::Float => self.asm.vector(F::Vmovaps, wide, b, 0, Rm::Reg(a), none, None),
                    RegClass::Vector => self.asm.vector(F::Kmovw, Width::X, b, 0, Rm::Reg(a), none, None),
                }
            }
            (Some(a), None) => {
                let Some(mem) = self.slot(to) else { return };
                let (enc, mem) = (a.hw_enc() as u8, Rm::Mem(mem));
                match a.class() {
                    RegClass::Int => self.asm.general(G::MovSt, enc, mem, 0),
                    RegClass::Float => self.asm.vector(F::VmovapsSt, wide, enc, 0, mem, none, None),
                    RegClass::Vector => self.asm.vector(F::KmovqSt, Width::X, enc, 0, mem, none, None),
                }
            }
            (None, Some(b)) => {
                let Some(mem) = self.slot(from) else { return };
                let (enc, mem) = (b.hw_enc() as u8, Rm::Mem(mem));
                match b.class() {
                    RegClass::Int => self.asm.general(G::Mov, enc, mem, 0),
                    RegClass::Float => self.asm.vector(F::Vmovaps, wide, enc, 0, mem, none, None),
                    RegClass::Vector => self.asm.vector(F::KmovqLd, Width::X, enc, 0, mem, none, None),
                }
            }
            (None, None) => debug_assert!(false, "the allocator makes no moves from stack to stack"),
        }
    }

    /// The memory operand, whose registers are next in `allocs`.
    fn mem(&self, inst: &Inst, allocs: &mut &[Allocation]) -> Option<Mem> {
        let shape = inst.mem?;
        let (base, disp) = match shape.base {
            MemBaseShape::Reg => (MemBase::Reg(reg(take(allocs))), shape.disp),
            MemBaseShape::Pool(offset) => (MemBase::Pool(offset), shape.disp),
            MemBaseShape::Nowhere => (MemBase::Reg(RSP), shape.disp - 64),
        };
        let index = shape.scale.map(|scale| (reg(take(allocs)), scale));
        Some(Mem { base, index, disp })
    }

    /// The operand in `rm`: memory, a register, or a spilled one.
    fn rm(&self, allocation: Allocation) -> Rm {
        match self.slot(allocation) {
            Some(mem) => Rm::Mem(mem),
            None => Rm::Reg(reg(allocation)),
        }
    }

    fn vector(&mut self, inst: &Inst, f: F, width: Width, allocs: &[Allocation]) {
        let mut allocs = allocs;
        let mut imm = inst.imm.map(|imm| imm as u8);
        let shape = f.form().shape;
        let in_memory = inst.mem.is_some();
        let (mut dst, mut vvvv) = (0, 0);
        let mut rm = None;
        let mut fourth = None;
        match shape {
            Shape::Rm => {
                dst = reg(take(&mut allocs));
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
            Shape::Mr => {
                if in_memory {
                    dst = reg(take(&mut allocs));
                } else {
                    rm = Some(take(&mut allocs));
                    dst = reg(take(&mut allocs));
                }
            }
            Shape::Rvm => {
                dst = reg(take(&mut allocs));
                vvvv = reg(take(&mut allocs));
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
            Shape::Vm => {
                vvvv = reg(take(&mut allocs));
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
            Shape::Rvmr => {
                dst = reg(take(&mut allocs));
                vvvv = reg(take(&mut allocs));
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
                fourth = Some(reg(take(&mut allocs)));
            }
            Shape::Mvr => {
                vvvv = reg(take(&mut allocs));
                dst = reg(take(&mut allocs));
            }
            Shape::Fma => {
                dst = reg(take(&mut allocs));
                take(&mut allocs);
                vvvv = reg(take(&mut allocs));
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
            Shape::Flags => {
                dst = reg(take(&mut allocs));
                rm = Some(take(&mut allocs));
            }
            Shape::Gather => {
                let [dst, mask, _, _, base, index] = *allocs else { return };
                let (Some(shape), index) = (inst.mem, reg(index)) else { return };
                let index_field = shape.scale.map(|scale| (index & 15, scale));
                let mem = Mem { base: MemBase::Reg(reg(base)), index: index_field, disp: shape.disp };
                let options = Options { k: reg(mask), ..Options::default() };
                self.asm.vector(f, width, reg(dst), index & 16, Rm::Mem(mem), options, None);
                return;
            }
        }
        let rm = match self.mem(inst, &mut allocs) {
            Some(mem) => Rm::Mem(mem),
            None => self.rm(rm.unwrap_or(Allocation::none())),
        };
        let k = if inst.masked { reg(take(&mut allocs)) } else { 0 };
        if let Some(fourth) = fourth {
            imm = Some(fourth << 4);
        }
        let options = Options { k, zero: inst.zero, broadcast: inst.broadcast };
        // A copy of a register under a blend on the stack reads the whole register: slots are as wide as registers.
        self.asm.vector(f, width, dst, vvvv, rm, options, imm);
    }

    fn general(&mut self, inst: &Inst, g: G, allocs: &[Allocation]) {
        let mut allocs = allocs;
        let in_memory = inst.mem.is_some();
        let mut dst = 0;
        let mut rm = None;
        match g.form().shape {
            GShape::Rm | GShape::RmiGrow | GShape::Flags => {
                dst = reg(take(&mut allocs));
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
            GShape::Mr => dst = reg(take(&mut allocs)),
            GShape::Rrm => {
                dst = reg(take(&mut allocs));
                take(&mut allocs);
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
            GShape::MiGrow | GShape::Mi8 | GShape::Mi32 | GShape::Digit | GShape::FlagsI => {
                if !in_memory {
                    rm = Some(take(&mut allocs));
                }
            }
        }
        let rm = match self.mem(inst, &mut allocs) {
            Some(mem) => Rm::Mem(mem),
            None => self.rm(rm.unwrap_or(Allocation::none())),
        };
        self.asm.general(g, dst, rm, inst.imm.unwrap_or(0));
    }
}

/// The number of the register of an allocation.
fn reg(allocation: Allocation) -> u8 {
    debug_assert!(allocation.is_reg());
    allocation.as_reg().map_or(0, |reg| reg.hw_enc() as u8)
}

fn take(allocs: &mut &[Allocation]) -> Allocation {
    match allocs.split_first() {
        Some((&first, rest)) => {
            *allocs = rest;
            first
        }
        None => {
            debug_assert!(false, "an operand is missing");
            Allocation::none()
        }
    }
}
