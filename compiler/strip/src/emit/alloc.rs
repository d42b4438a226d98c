//! Registers for a [`Func`], by `regalloc2`.

use regalloc2::{
    Block as RaBlock, Function, Inst as RaInst, InstRange, MachineEnv, Operand, OperandKind, PReg, PRegSet,
    RegAllocError, RegClass, VReg,
};

use super::func::{Block, BlockId, Code, Func, INT, Inst, MASK, Term, VEC};

/// A function in the form that the allocator wants: flat, in order, no critical edges.
pub(crate) struct Flat {
    pub(crate) insts: Vec<Inst>,
    pub(crate) operands: Vec<Operand>,
    pub(crate) blocks: Vec<FlatBlock>,
    pub(crate) vregs: usize,
    evex: bool,
}

/// A block of it.
pub(crate) struct FlatBlock {
    pub(crate) insts: (u32, u32),
    pub(crate) params: Vec<VReg>,
    pub(crate) succs: Vec<RaBlock>,
    pub(crate) preds: Vec<RaBlock>,
    pub(crate) args: Vec<Vec<VReg>>,
    pub(crate) cold: bool,
    pub(crate) aligned: bool,
    pub(crate) after: Option<u32>,
}

/// Flattens a function whose blocks all have an end.
pub(crate) fn flatten(mut func: Func) -> (Flat, crate::encode::Pool) {
    remove_unreachable(&mut func);
    remove_unused(&mut func);
    super::schedule::schedule(&mut func);
    split_critical_edges(&mut func);
    let mut position = vec![u32::MAX; func.blocks.len()];
    for (at, block) in func.order.iter().enumerate() {
        position[block.0 as usize] = at as u32;
    }
    let at = |block: BlockId| RaBlock::new(position[block.0 as usize] as usize);
    let mut flat = Flat {
        insts: Vec::new(),
        operands: Vec::new(),
        blocks: Vec::with_capacity(func.order.len()),
        vregs: func.vregs,
        evex: func.evex,
    };
    for &id in &func.order {
        let block = &mut func.blocks[id.0 as usize];
        let first = flat.insts.len() as u32;
        let base = flat.operands.len() as u32;
        flat.operands.extend_from_slice(&block.operands);
        flat.insts.extend(
            block
                .insts
                .iter()
                .map(|inst| Inst { operands: (inst.operands.0 + base, inst.operands.1 + base), ..*inst }),
        );
        let start = flat.operands.len() as u32;
        let (code, succs, args) = match std::mem::replace(&mut block.term, Term::Open) {
            Term::Open => (Code::Ret, vec![], vec![]),
            Term::Jmp(to, args) => (Code::Jmp, vec![at(to)], vec![args]),
            Term::Cond(cond, (then, a), (orelse, b)) => {
                (Code::Jcc(cond), vec![at(then), at(orelse)], vec![a, b])
            }
            Term::Ret(value) => {
                flat.operands.push(Operand::reg_fixed_use(value, PReg::new(0, INT)));
                (Code::Ret, vec![], vec![])
            }
        };
        let end = flat.operands.len() as u32;
        flat.insts.push(Inst {
            code,
            imm: None,
            mem: None,
            masked: false,
            zero: false,
            broadcast: false,
            operands: (start, end),
        });
        flat.blocks.push(FlatBlock {
            insts: (first, flat.insts.len() as u32),
            params: std::mem::take(&mut block.params),
            succs,
            preds: vec![],
            args,
            cold: block.cold,
            aligned: block.aligned,
            after: block.after.map(|after| position[after.0 as usize]).filter(|&after| after != u32::MAX),
        });
    }
    for at in 0..flat.blocks.len() {
        for k in 0..flat.blocks[at].succs.len() {
            let to = flat.blocks[at].succs[k].index();
            flat.blocks[to].preds.push(RaBlock::new(at));
        }
    }
    (flat, func.pool)
}

/// Removes blocks that nothing leads to, such as the way out for a fault that is known not to happen: the allocator wants to
/// meet every block.
fn remove_unreachable(func: &mut Func) {
    let mut is_reached = vec![false; func.blocks.len()];
    let mut open = vec![func.order[0]];
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut is_reached[id.0 as usize], true) {
            continue;
        }
        match &func.blocks[id.0 as usize].term {
            Term::Jmp(to, _) => open.push(*to),
            Term::Cond(_, (a, _), (b, _)) => open.extend([*a, *b]),
            Term::Open | Term::Ret(_) => {}
        }
    }
    func.order.retain(|id| is_reached[id.0 as usize]);
}

/// Removes instructions whose results nobody reads. (The flags are only ever those of a comparison, which defines nothing.)
fn remove_unused(func: &mut Func) {
    let mut uses = vec![0u32; func.vregs];
    for block in &func.blocks {
        for operand in block.operands.iter().filter(|o| o.kind() == OperandKind::Use) {
            uses[operand.vreg().vreg()] += 1;
        }
        let (a, b): (&[VReg], &[VReg]) = match &block.term {
            Term::Open => (&[], &[]),
            Term::Jmp(_, args) => (args, &[]),
            Term::Cond(_, (_, a), (_, b)) => (a, b),
            Term::Ret(value) => (std::slice::from_ref(value), &[]),
        };
        for reg in a.iter().chain(b) {
            uses[reg.vreg()] += 1;
        }
    }
    for &id in func.order.iter().rev() {
        let Block { insts, operands, .. } = &mut func.blocks[id.0 as usize];
        let mut kept = vec![true; insts.len()];
        for (inst, kept) in insts.iter().zip(&mut kept).rev() {
            let operands = &operands[inst.operands.0 as usize..inst.operands.1 as usize];
            let mut defs = operands.iter().filter(|o| o.kind() == OperandKind::Def).peekable();
            let is_pure = inst.code != Code::Args && defs.peek().is_some();
            if is_pure && defs.all(|def| uses[def.vreg().vreg()] == 0) {
                *kept = false;
                for operand in operands.iter().filter(|o| o.kind() == OperandKind::Use) {
                    uses[operand.vreg().vreg()] -= 1;
                }
            }
        }
        let mut kept = kept.into_iter();
        insts.retain(|_| kept.next().unwrap_or(true));
    }
}

/// Puts a block on each edge from a block of two successors to one of several predecessors or with parameters.
fn split_critical_edges(func: &mut Func) {
    let mut preds = vec![0u32; func.blocks.len()];
    for id in &func.order {
        match &func.blocks[id.0 as usize].term {
            Term::Jmp(to, _) => preds[to.0 as usize] += 1,
            Term::Cond(_, (a, _), (b, _)) => {
                preds[a.0 as usize] += 1;
                preds[b.0 as usize] += 1;
            }
            Term::Open | Term::Ret(_) => {}
        }
    }
    let mut order = Vec::with_capacity(func.order.len() * 2);
    for id in std::mem::take(&mut func.order) {
        order.push(id);
        let Term::Cond(cond, then, orelse) = func.blocks[id.0 as usize].term.clone() else { continue };
        let mut split = |(to, args): (BlockId, Vec<VReg>), func: &mut Func| {
            if preds[to.0 as usize] < 2 && args.is_empty() {
                return (to, args);
            }
            let edge = func.block();
            func.blocks[edge.0 as usize].cold = func.blocks[to.0 as usize].cold;
            func.blocks[edge.0 as usize].term = Term::Jmp(to, args);
            order.push(edge);
            (edge, vec![])
        };
        let then = split(then, func);
        let orelse = split(orelse, func);
        func.blocks[id.0 as usize].term = Term::Cond(cond, then, orelse);
    }
    func.order = order;
}

impl Function for Flat {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }

    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn entry_block(&self) -> RaBlock {
        RaBlock::new(0)
    }

    fn block_insns(&self, block: RaBlock) -> InstRange {
        let (first, end) = self.blocks[block.index()].insts;
        InstRange::new(RaInst::new(first as usize), RaInst::new(end as usize))
    }

    fn block_succs(&self, block: RaBlock) -> &[RaBlock] {
        &self.blocks[block.index()].succs
    }

    fn block_preds(&self, block: RaBlock) -> &[RaBlock] {
        &self.blocks[block.index()].preds
    }

    fn block_params(&self, block: RaBlock) -> &[VReg] {
        &self.blocks[block.index()].params
    }

    fn is_ret(&self, inst: RaInst) -> bool {
        self.insts[inst.index()].code == Code::Ret
    }

    fn is_branch(&self, inst: RaInst) -> bool {
        matches!(self.insts[inst.index()].code, Code::Jmp | Code::Jcc(_))
    }

    fn branch_blockparams(&self, block: RaBlock, _: RaInst, succ: usize) -> &[VReg] {
        &self.blocks[block.index()].args[succ]
    }

    fn inst_operands(&self, inst: RaInst) -> &[Operand] {
        let (start, end) = self.insts[inst.index()].operands;
        &self.operands[start as usize..end as usize]
    }

    fn inst_clobbers(&self, _: RaInst) -> PRegSet {
        PRegSet::empty()
    }

    fn num_vregs(&self) -> usize {
        self.vregs
    }

    fn spillslot_size(&self, class: RegClass) -> usize {
        match class {
            RegClass::Float if self.evex => 8,
            RegClass::Float => 4,
            RegClass::Int | RegClass::Vector => 1,
        }
    }
}

/// The registers there are: all but the stack and frame pointers.
fn environment(evex: bool) -> MachineEnv {
    let set = |class, numbers: &mut dyn Iterator<Item = usize>| {
        let mut set = PRegSet::empty();
        for number in numbers {
            set.add(PReg::new(number, class));
        }
        set
    };
    MachineEnv {
        preferred_regs_by_class: [
            set(INT, &mut [0, 1, 2, 6, 7, 8, 9, 10, 11].into_iter()),
            set(VEC, &mut (0..if evex { 32 } else { 16 })),
            set(MASK, &mut (1..if evex { 8 } else { 1 })),
        ],
        non_preferred_regs_by_class: [
            set(INT, &mut [3, 12, 13, 14, 15].into_iter()),
            PRegSet::empty(),
            PRegSet::empty(),
        ],
        scratch_by_class: [None; 3],
        fixed_stack_slots: vec![],
    }
}

/// Allocates.
pub(crate) fn allocate<'a>(
    flat: &Flat,
    ctx: &'a mut regalloc2::Ctx,
) -> Result<&'a regalloc2::Output, RegAllocError> {
    let options = regalloc2::RegallocOptions {
        verbose_log: false,
        validate_ssa: cfg!(debug_assertions),
        algorithm: regalloc2::Algorithm::Ion,
    };
    let env = environment(flat.evex);
    let output = regalloc2::run_with_ctx(flat, &env, &options, ctx)?;
    #[cfg(debug_assertions)]
    {
        let mut checker = regalloc2::checker::Checker::new(flat, &env);
        checker.prepare(output);
        if let Err(errors) = checker.run() {
            debug_assert!(false, "{errors:?}");
        }
    }
    Ok(output)
}
