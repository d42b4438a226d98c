//! What the scheduler has to know of an instruction: memory, flags, cycles, ports; and the other forms of a fused multiply-add.

use regalloc2::{Operand, OperandKind, VReg};

use super::func::{Block, Code, Inst, MemBaseShape};
use crate::encode::{F, G, Shape, Width};

pub(super) fn operands_of<'b>(block: &'b Block, inst: &Inst) -> &'b [Operand] {
    &block.operands[inst.operands.0 as usize..inst.operands.1 as usize]
}

/// What an instruction waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Any,
    Multiply,
    Add,
    Divide,
}

/// What an instruction does to memory. Constants of the pool are no memory: they never change.
pub(super) enum Memory {
    None,
    Load,
    Store,
}

pub(super) fn memory(block: &Block, inst: &Inst) -> Memory {
    match inst.mem {
        None => Memory::None,
        Some(_) if inst.code == Code::G(G::Lea) => Memory::None,
        Some(mem) => {
            let defines = operands_of(block, inst).iter().any(|o| o.kind() == OperandKind::Def);
            match (defines, mem.base) {
                (true, MemBaseShape::Pool(_)) => Memory::None,
                (true, MemBaseShape::Reg | MemBaseShape::Nowhere) => Memory::Load,
                (false, _) => Memory::Store,
            }
        }
    }
}

/// Does it read or write the flags?
pub(super) fn knows_flags(code: Code) -> bool {
    match code {
        Code::Set(_) | Code::Jcc(_) => true,
        Code::V(f, _) => f == F::Bzhi || f.form().shape == Shape::Flags,
        Code::G(g) => match g {
            G::Mov
            | G::MovSt
            | G::Mov32
            | G::MovSt32
            | G::MovSt16
            | G::MovSt8
            | G::Movzx8
            | G::Movzx16
            | G::Movsx8
            | G::Movsx16
            | G::Movsxd
            | G::MovI
            | G::MovI32
            | G::Lea => false,
            G::Sub
            | G::And
            | G::Or
            | G::Xor
            | G::Imul
            | G::ImulI
            | G::AddI
            | G::AddI32
            | G::AddSt
            | G::AddSt32
            | G::AddSt16
            | G::AddSt8
            | G::AndI
            | G::SubI
            | G::ShlI
            | G::ShrI
            | G::SarI
            | G::Neg
            | G::Cmp
            | G::CmpI
            | G::CmovL
            | G::CmovG => true,
        },
        Code::Imm64(_) | Code::Zero | Code::Args | Code::Jmp | Code::Ret | Code::Fence => false,
    }
}

/// It defines nothing but the flags.
pub(super) fn is_comparison(inst: &Inst) -> bool {
    inst.mem.is_none()
        && match inst.code {
            Code::G(g) => matches!(g, G::Cmp | G::CmpI),
            Code::V(f, _) => f.form().shape == Shape::Flags,
            _ => false,
        }
}

/// What it defines, if that is a constant.
pub(super) fn constant_of(block: &Block, inst: &Inst) -> Option<VReg> {
    let in_pool = inst.mem.is_some_and(|mem| matches!(mem.base, MemBaseShape::Pool(_)));
    let is_constant = match inst.code {
        Code::Zero | Code::Imm64(_) | Code::G(G::MovI | G::MovI32) => true,
        Code::V(..) => in_pool,
        _ => false,
    };
    match operands_of(block, inst) {
        [def] if is_constant && def.kind() == OperandKind::Def => Some(def.vreg()),
        _ => None,
    }
}

/// Cycles until the result is there, as on recent processors.
pub(super) fn latency(inst: &Inst) -> u32 {
    let loads = match inst.mem {
        Some(mem) if inst.code != Code::G(G::Lea) && !matches!(mem.base, MemBaseShape::Pool(_)) => 6,
        _ => 0,
    };
    let own = match inst.code {
        Code::V(f, width) => match f {
            F::Vaddpd | F::Vaddps | F::Vsubpd | F::Vsubps | F::Vmulpd | F::Vmulps => 3,
            F::Vaddsd | F::Vaddss | F::Vmulsd | F::Vmulss => 3,
            F::Vdivpd => 13,
            F::Vdivps => 11,
            F::Vsqrtpd => 20,
            F::Vsqrtps => 14,
            F::Vroundpd | F::Vroundps | F::Vrndscalepd | F::Vrndscaleps => 3,
            F::Vpmuludq | F::Vpmulld | F::Vpmullq | F::Vpmullw | F::Vpmulhuw => 3,
            F::Vcvtps2pd
            | F::Vcvtpd2ps
            | F::Vcvtdq2pd
            | F::Vcvtdq2ps
            | F::Vcvtqq2pd
            | F::Vcvtqq2ps
            | F::Vcvttpd2qq
            | F::Vcvttps2qq => 4,
            F::Vpermq | F::Vpermd => 5,
            F::Vextractf128 | F::Vinsertf128 => 3,
            F::Vmovups | F::Vmovupd | F::Vmovaps if inst.mem.is_some() => 0,
            F::VmovqToG | F::VmovdToG | F::Vpextrq | F::Vpextrd => 4,
            _ if f.form().shape == Shape::Fma => 4,
            _ if width == Width::X && f.form().shape == Shape::Gather => 12,
            _ => 1,
        },
        Code::G(G::Imul | G::ImulI) => 3,
        _ if loads > 0 => 0,
        _ => 1,
    };
    loads + own
}

pub(super) fn port_of(code: Code) -> Port {
    match code {
        Code::V(f, _) => match f {
            F::Vaddpd | F::Vaddps | F::Vsubpd | F::Vsubps | F::Vaddsd | F::Vaddss => Port::Add,
            F::Vmulpd | F::Vmulps | F::Vmulsd | F::Vmulss => Port::Multiply,
            F::Vpmuludq | F::Vpmulld | F::Vpmullw | F::Vpmulhuw => Port::Multiply,
            F::Vdivpd | F::Vdivps | F::Vsqrtpd | F::Vsqrtps => Port::Divide,
            _ if f.form().shape == Shape::Fma => Port::Multiply,
            _ => Port::Any,
        },
        _ => Port::Any,
    }
}

/// Lets a fused multiply-add overwrite another one of its sources (counted from the one that it overwrites now).
pub(super) fn overwrite(inst: &mut Inst, operands: &mut [Operand], source: usize) {
    let Code::V(f, width) = inst.code else { return };
    // 132: dst = dst * rm + vvvv; 213: dst = vvvv * dst + rm; 231: dst = vvvv * rm + dst. As (factor, factor, addend), in numbers of sources.
    let (form, rest) = fma_form(f);
    let [x, y, add] = match form {
        0 => [0, 2, 1],
        1 => [1, 0, 2],
        _ => [1, 2, 0],
    };
    let in_memory = inst.mem.is_some();
    // The source in `rm` stays there if it is memory.
    let (vvvv, rm) = match source {
        1 => (0, 2),
        _ => (0, 1),
    };
    debug_assert!(!in_memory || (source, rm) == (1, 2));
    let new = if add == source {
        2
    } else if add == rm {
        1
    } else {
        0
    };
    debug_assert!([x, y, add].contains(&vvvv));
    inst.code = Code::V(FMA[rest][new], width);
    let regs: Vec<VReg> = operands[1..].iter().map(|o| o.vreg()).collect();
    let extra: Vec<Operand> = operands[1..].to_vec();
    operands[1] = Operand::reg_use(regs[source]);
    operands[2] = Operand::reg_use(regs[vvvv]);
    if !in_memory {
        // In `rm` a spilled one is read from the stack.
        operands[3] = Operand::new(regs[rm], extra[2].constraint(), OperandKind::Use, extra[2].pos());
    }
}

/// The fused multiply-adds: by kind and width, then 132, 213, 231.
const FMA: [[F; 3]; 6] = [
    [F::Vfmadd132pd, F::Vfmadd213pd, F::Vfmadd231pd],
    [F::Vfmadd132ps, F::Vfmadd213ps, F::Vfmadd231ps],
    [F::Vfmsub132pd, F::Vfmsub213pd, F::Vfmsub231pd],
    [F::Vfmsub132ps, F::Vfmsub213ps, F::Vfmsub231ps],
    [F::Vfnmadd132pd, F::Vfnmadd213pd, F::Vfnmadd231pd],
    [F::Vfnmadd132ps, F::Vfnmadd213ps, F::Vfnmadd231ps],
];

/// Its place in a row of [`FMA`], and the row.
fn fma_form(f: F) -> (usize, usize) {
    for (row, forms) in FMA.iter().enumerate() {
        if let Some(form) = forms.iter().position(|&known| known == f) {
            return (form, row);
        }
    }
    (0, 0)
}
