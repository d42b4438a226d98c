//! Which registers are in use where blocks begin and end.

use regalloc2::{OperandKind, VReg};

use super::func::{Block, BlockId, Func, Term};
use super::nature::operands_of;

/// Which registers are in use where blocks begin and end, one bit each.
pub(super) struct Liveness {
    before: Vec<Vec<u64>>,
    pub(super) out: Vec<Vec<u64>>,
    /// The register of each bit.
    regs: Vec<VReg>,
}

pub(super) fn contains(set: &[u64], reg: VReg) -> bool {
    set[reg.vreg() / 64] >> (reg.vreg() % 64) & 1 != 0
}

fn insert(set: &mut [u64], reg: VReg) {
    set[reg.vreg() / 64] |= 1 << (reg.vreg() % 64);
}

fn remove(set: &mut [u64], reg: VReg) {
    set[reg.vreg() / 64] &= !(1 << (reg.vreg() % 64));
}

impl Liveness {
    pub(super) fn of(func: &Func) -> Liveness {
        let words = func.vregs.div_ceil(64);
        let count = func.blocks.len();
        let mut live = Liveness {
            before: vec![vec![0; words]; count],
            out: vec![vec![0; words]; count],
            regs: vec![VReg::invalid(); func.vregs],
        };
        for block in &func.blocks {
            for reg in block.operands.iter().map(|o| o.vreg()).chain(block.params.iter().copied()) {
                live.regs[reg.vreg()] = reg;
            }
        }
        for rounds in 0.. {
            let mut changed = false;
            for &id in func.order.iter().rev() {
                let at = id.0 as usize;
                let mut now = vec![0u64; words];
                for succ in succs(&func.blocks[at].term) {
                    for (word, more) in now.iter_mut().zip(&live.before[succ.0 as usize]) {
                        *word |= more;
                    }
                }
                let block = &func.blocks[at];
                if rounds > 0 && now == live.out[at] {
                    continue;
                }
                live.out[at].copy_from_slice(&now);
                args(&block.term).for_each(|reg| insert(&mut now, reg));
                for inst in block.insts.iter().rev() {
                    let operands = operands_of(block, inst);
                    for operand in operands.iter().filter(|o| o.kind() == OperandKind::Def) {
                        remove(&mut now, operand.vreg());
                    }
                    for operand in operands.iter().filter(|o| o.kind() == OperandKind::Use) {
                        insert(&mut now, operand.vreg());
                    }
                }
                block.params.iter().for_each(|&param| remove(&mut now, param));
                changed |= now != live.before[at];
                live.before[at] = now;
            }
            if !changed {
                break;
            }
        }
        live
    }

    fn regs<'s>(&'s self, set: &'s [u64]) -> impl Iterator<Item = VReg> + 's {
        set.iter().enumerate().flat_map(move |(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(self.regs[at * 64 + bit as usize])
            })
        })
    }

    /// What is read after a block or by its jump, each once.
    pub(super) fn leaving(&self, func: &Func, block: BlockId) -> Vec<VReg> {
        let mut set = self.out[block.0 as usize].clone();
        args(&func.blocks[block.0 as usize].term).for_each(|reg| insert(&mut set, reg));
        self.regs(&set).collect()
    }

    /// What is read where control leaves the stretch after a block, and what is passed on to the next one.
    pub(super) fn aside(&self, func: &Func, block: BlockId, next: BlockId) -> (Vec<VReg>, Vec<VReg>) {
        let (mut aside, mut passed) = (vec![], vec![]);
        let term = &func.blocks[block.0 as usize].term;
        passed.extend(args(term));
        for succ in succs(term) {
            if succ == next {
                continue;
            }
            match &func.blocks[succ.0 as usize] {
                Block { insts, term: Term::Jmp(to, args), .. } if insts.is_empty() && *to == next => {
                    passed.extend(args.iter().copied());
                }
                _ => aside.extend(self.regs(&self.before[succ.0 as usize])),
            }
        }
        (aside, passed)
    }
}

fn succs(term: &Term) -> impl Iterator<Item = BlockId> {
    let (a, b) = match term {
        Term::Open | Term::Ret(_) => (None, None),
        Term::Jmp(to, _) => (Some(*to), None),
        Term::Cond(_, (a, _), (b, _)) => (Some(*a), Some(*b)),
    };
    a.into_iter().chain(b)
}

fn args(term: &Term) -> impl Iterator<Item = VReg> + '_ {
    let (a, b): (&[VReg], &[VReg]) = match term {
        Term::Open => (&[], &[]),
        Term::Jmp(_, args) => (args, &[]),
        Term::Cond(_, (_, a), (_, b)) => (a, b),
        Term::Ret(value) => (std::slice::from_ref(value), &[]),
    };
    a.iter().chain(b).copied()
}
