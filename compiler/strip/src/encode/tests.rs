//! Every row of the tables, encoded with many operands and decoded by iced-x86.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};

use super::asm::{Asm, Cond, Mem, MemBase, Options, Pool, Rm, Width};
use super::forms::{Class, F, NAMES, Shape};
use super::gpr::{G, GNAMES, GShape};

fn decode(asm: Asm) -> Instruction {
    let length = asm.len();
    let bytes = asm.finish(&Pool::default());
    let mut decoder = Decoder::with_ip(64, &bytes, 0, DecoderOptions::NONE);
    let instruction = decoder.decode();
    assert!(!instruction.is_invalid(), "{bytes:02x?}");
    assert_eq!(instruction.len(), length, "{bytes:02x?}");
    instruction
}

const GPR64: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];

fn general(number: u8, bytes: u8) -> String {
    let name = GPR64[usize::from(number)];
    match (bytes, number) {
        (8, _) => name.to_string(),
        (4, 0..8) => format!("e{}", &name[1..]),
        (4, _) => format!("{name}d"),
        (2, 0..8) => name[1..].to_string(),
        (2, _) => format!("{name}w"),
        (_, 0..4) => format!("{}l", &name[1..2]),
        (_, 4..8) => format!("{}l", &name[1..]),
        (_, _) => format!("{name}l"),
    }
}

fn vector(bytes: u32, number: u8) -> String {
    match bytes {
        64 => format!("zmm{number}"),
        32 => format!("ymm{number}"),
        _ => format!("xmm{number}"),
    }
}

fn name(class: Class, width: Width, number: u8) -> String {
    let bytes = width.bytes();
    match class {
        Class::N | Class::M => String::new(),
        Class::G => general(number, 8),
        Class::W => general(number, 4),
        Class::V => vector(bytes, number),
        Class::X => vector(16, number),
        Class::H => vector(bytes / 2, number),
        Class::Q => vector(bytes / 4, number),
        Class::O => vector(bytes / 8, number),
        Class::K => format!("k{number}"),
    }
}

fn lower(register: Register) -> String {
    format!("{register:?}").to_lowercase()
}

fn memories() -> Vec<Mem> {
    let mut all = vec![];
    for base in [0, 4, 5, 7, 8, 12, 13, 15] {
        for index in [None, Some((1, 0)), Some((5, 3)), Some((9, 2)), Some((12, 1)), Some((13, 3))] {
            for disp in [0, 8, 24, 64, 120, 127, 128, 256, 1 << 20, -8, -64, -128, -129, -8192] {
                all.push(Mem { base: MemBase::Reg(base), index, disp });
            }
        }
    }
    all
}

fn assert_memory(instruction: &Instruction, mem: Mem, text: &str) {
    match mem.base {
        MemBase::Reg(base) => {
            assert_eq!(lower(instruction.memory_base()), GPR64[usize::from(base)], "{text}");
        }
        MemBase::Pool(_) => assert_eq!(instruction.memory_base(), Register::RIP, "{text}"),
    }
    match mem.index {
        Some((index, scale)) => {
            assert_eq!(lower(instruction.memory_index()), GPR64[usize::from(index)], "{text}");
            assert_eq!(instruction.memory_index_scale(), 1 << scale, "{text}");
        }
        None => assert_eq!(instruction.memory_index(), Register::None, "{text}"),
    }
    if mem.base != MemBase::Pool(0) {
        assert_eq!(instruction.memory_displacement64() as i64, i64::from(mem.disp), "{text} {mem:?}");
    }
}

/// The positions of `reg`, `vvvv`, `rm` and the fourth register among the operands.
fn order(f: F) -> [Option<u32>; 4] {
    if f == F::Bzhi {
        return [Some(0), Some(2), Some(1), None];
    }
    match f.form().shape {
        Shape::Rm | Shape::Flags => [Some(0), None, Some(1), None],
        Shape::Mr => [Some(1), None, Some(0), None],
        Shape::Rvm | Shape::Fma => [Some(0), Some(1), Some(2), None],
        Shape::Vm => [None, Some(0), Some(1), None],
        Shape::Rvmr => [Some(0), Some(1), Some(2), Some(3)],
        Shape::Mvr => [Some(2), Some(1), Some(0), None],
        Shape::Gather => [Some(0), None, None, None],
    }
}

fn check_vector(f: F, width: Width, reg: u8, vvvv: u8, rm: Rm, options: Options) {
    let form = f.form();
    let mut asm = Asm::default();
    let imm = match form.shape {
        Shape::Rvmr => Some(9 << 4),
        _ => form.imm.then_some(0x5A),
    };
    asm.vector(f, width, reg, vvvv, rm, options, imm);
    let instruction = decode(asm);
    let text = format!("{f:?} {width:?} {reg} {vvvv} {rm:?} {options:?}: {instruction:?}");
    assert_eq!(format!("{:?}", instruction.mnemonic()).to_lowercase(), form.text, "{text}");
    let places = order(f);
    if let Some(at) = places[0] {
        assert_eq!(lower(instruction.op_register(at)), name(form.classes[0], width, reg), "{text}");
    }
    if let Some(at) = places[1] {
        assert_eq!(lower(instruction.op_register(at)), name(form.classes[1], width, vvvv), "{text}");
    }
    if let Some(at) = places[3] {
        assert_eq!(lower(instruction.op_register(at)), name(Class::V, width, 9), "{text}");
    }
    if let Some(at) = places[2] {
        match rm {
            Rm::Reg(rm) => {
                assert_eq!(lower(instruction.op_register(at)), name(form.classes[2], width, rm), "{text}");
            }
            Rm::Mem(mem) => {
                assert_eq!(instruction.op_kind(at), OpKind::Memory, "{text}");
                assert_memory(&instruction, mem, &text);
            }
        }
    }
    if form.imm {
        assert_eq!(instruction.immediate8(), 0x5A, "{text}");
    }
    let mask = if options.k == 0 { Register::None } else { Register::K0 + u32::from(options.k) };
    assert_eq!(instruction.op_mask(), mask, "{text}");
    assert_eq!(instruction.zeroing_masking(), options.zero, "{text}");
    assert_eq!(instruction.is_broadcast(), options.broadcast, "{text}");
}

/// Numbers to try for a field.
fn numbers(class: Class, evex: bool) -> Vec<u8> {
    match class {
        Class::N | Class::M => vec![0],
        Class::G | Class::W => vec![0, 3, 4, 5, 8, 12, 13, 15],
        Class::K => vec![1, 7],
        Class::V | Class::X | Class::H | Class::Q | Class::O => {
            if evex {
                vec![0, 7, 8, 15, 16, 23, 24, 31]
            } else {
                vec![0, 7, 8, 15]
            }
        }
    }
}

#[test]
fn vector_rows_decode_as_written() {
    use super::forms::Tuple;
    let mut count = 0;
    for &f in NAMES {
        let form = f.form();
        for (bit, width) in [(1, Width::X), (2, Width::Y), (4, Width::Z)] {
            if form.lens & bit == 0 {
                continue;
            }
            let evex = form.evex != 9;
            if form.shape == Shape::Gather {
                continue;
            }
            if !evex {
                assert!(width != Width::Z, "{f:?}");
            }
            let masks = form.classes.contains(&Class::V) && evex && form.classes[0] != Class::G;
            let no_mask =
                [F::Vpmovm2q, F::Vpmovm2d, F::VmovntpsSt].contains(&f) || form.shape == Shape::Flags;
            for reg in numbers(form.classes[0], evex) {
                for vvvv in numbers(form.classes[1], evex) {
                    let none = Options::default();
                    if form.classes[2] != Class::M {
                        for rm in numbers(form.classes[2], evex) {
                            check_vector(f, width, reg, vvvv, Rm::Reg(rm), none);
                            count += 1;
                        }
                    }
                    if [Class::K, Class::G, Class::W].contains(&form.classes[2]) && f != F::Vpinsrq {
                        continue;
                    }
                    if f.form().shape == Shape::Vm && !(evex && width == Width::Z) {
                        continue;
                    }
                    let mem = Mem { base: MemBase::Reg(0), index: Some((9, 3)), disp: 64 };
                    check_vector(f, width, reg, vvvv, Rm::Mem(mem), none);
                    let broadcast = match form.tuple {
                        Tuple::F8 | Tuple::F4 | Tuple::H4 => evex,
                        _ => false,
                    };
                    if broadcast {
                        let options = Options { broadcast: true, ..none };
                        check_vector(f, width, reg, vvvv, Rm::Mem(mem), options);
                    }
                    if masks && !no_mask {
                        let zero = form.classes[0] != Class::K;
                        for k in [1, 7] {
                            let store = form.shape == Shape::Mr;
                            let options = Options { k, zero: zero && !store, broadcast: false };
                            check_vector(f, width, reg, vvvv, Rm::Mem(mem), options);
                            check_vector(
                                f,
                                width,
                                reg,
                                vvvv,
                                Rm::Mem(mem),
                                Options { zero: false, ..options },
                            );
                            count += 2;
                        }
                    }
                    count += 1;
                }
            }
        }
    }
    assert!(count > 5000);
}

#[test]
fn gathers_decode_as_written() {
    for f in [F::Vgatherqpd, F::Vgatherqps] {
        for index in [0u8, 4, 7, 12, 16, 20, 31] {
            for disp in [0, 8, 64, 12, 4096] {
                let base = MemBase::Reg(9);
                let rm = Rm::Mem(Mem { base, index: Some((index & 15, 3)), disp });
                let mut asm = Asm::default();
                let options = Options { k: 3, ..Options::default() };
                asm.vector(f, Width::Z, 18, index & 16, rm, options, None);
                let instruction = decode(asm);
                let text = format!("{f:?} {index} {disp}: {instruction:?}");
                assert_eq!(format!("{:?}", instruction.mnemonic()).to_lowercase(), f.form().text, "{text}");
                let dst = name(f.form().classes[0], Width::Z, 18);
                assert_eq!(lower(instruction.op_register(0)), dst, "{text}");
                assert_eq!(lower(instruction.memory_base()), "r9", "{text}");
                assert_eq!(lower(instruction.memory_index()), format!("zmm{index}"), "{text}");
                assert_eq!(instruction.memory_index_scale(), 8, "{text}");
                assert_eq!(instruction.memory_displacement64() as i64, i64::from(disp), "{text}");
                assert_eq!(instruction.op_mask(), Register::K3, "{text}");
            }
        }
    }
}

#[test]
fn every_memory_operand_decodes_as_written() {
    let pool = Mem { base: MemBase::Pool(0), index: None, disp: 0 };
    for mem in memories().into_iter().chain([pool]) {
        for (f, width, options) in [
            (F::Vaddpd, Width::Y, Options::default()),
            (F::Vaddpd, Width::Z, Options::default()),
            (F::Vaddps, Width::Z, Options { broadcast: true, ..Options::default() }),
            (F::Vaddpd, Width::Z, Options { broadcast: true, ..Options::default() }),
            (F::Vpmovzxbq, Width::Z, Options::default()),
            (F::Vpmovzxwd, Width::Y, Options::default()),
            (F::Vpmovsxbd, Width::Z, Options { k: 3, ..Options::default() }),
            (F::Vcvtps2pd, Width::Z, Options::default()),
            (F::Vpinsrq, Width::X, Options::default()),
            (F::Vinsertf64x4, Width::Z, Options::default()),
        ] {
            let vvvv = if f.form().classes[1] == Class::N { 0 } else { 12 };
            check_vector(f, width, 3, vvvv, Rm::Mem(mem), options);
        }
        check_vector(F::Vfmadd231pd, Width::Z, 17, 30, Rm::Mem(mem), Options::default());
        check_general(G::Mov, 9, Rm::Mem(mem), 0);
        check_general(G::Lea, 3, Rm::Mem(mem), 0);
        check_general(G::MovSt8, 6, Rm::Mem(mem), 0);
        check_general(G::MovSt16, 14, Rm::Mem(mem), 0);
        for g in [G::AddSt, G::AddSt32, G::AddSt16, G::AddSt8] {
            check_general(g, 13, Rm::Mem(mem), 0);
        }
        for imm in [1, -1, 127, 128, -129, i32::MAX] {
            check_general(G::AddI, 0, Rm::Mem(mem), imm);
            check_general(G::AddI32, 0, Rm::Mem(mem), imm);
        }
    }
}

fn check_general(g: G, reg: u8, rm: Rm, imm: i32) {
    let form = g.form();
    let mut asm = Asm::default();
    asm.general(g, reg, rm, imm);
    let instruction = decode(asm);
    let text = format!("{g:?} {reg} {rm:?} {imm}: {instruction:?}");
    assert_eq!(format!("{:?}", instruction.mnemonic()).to_lowercase(), form.text, "{text}");
    let wide = if form.w { 8 } else { 4 };
    // How wide the registers are: `movzx` and its kind read less than they write.
    let extends =
        form.text.starts_with("mov") && form.bytes < 8 && form.shape == GShape::Rm && form.text != "mov";
    let (reg_bytes, rm_bytes) = if extends {
        (wide, form.bytes)
    } else if form.shape == GShape::Mr {
        (form.bytes, form.bytes)
    } else {
        (wide, wide)
    };
    let (reg_at, rm_at) = match form.shape {
        GShape::Rm | GShape::Rrm | GShape::RmiGrow => (Some(0), 1),
        GShape::Mr => (Some(1), 0),
        GShape::Flags => (Some(0), 1),
        GShape::MiGrow | GShape::Mi8 | GShape::Mi32 | GShape::Digit | GShape::FlagsI => (None, 0),
    };
    if let Some(at) = reg_at {
        assert_eq!(lower(instruction.op_register(at)), general(reg, reg_bytes), "{text}");
    }
    match rm {
        Rm::Reg(rm) => {
            assert_eq!(lower(instruction.op_register(rm_at)), general(rm, rm_bytes), "{text}");
        }
        Rm::Mem(mem) => assert_memory(&instruction, mem, &text),
    }
    match form.shape {
        GShape::MiGrow | GShape::FlagsI | GShape::RmiGrow | GShape::Mi32 if form.w => {
            let at = instruction.op_count() - 1;
            assert_eq!(instruction.immediate(at) as i64, i64::from(imm), "{text}");
        }
        GShape::Mi32 => assert_eq!(instruction.immediate32(), imm as u32, "{text}"),
        GShape::Mi8 => assert_eq!(i32::from(instruction.immediate8()), imm, "{text}"),
        _ => {}
    }
}

#[test]
fn general_rows_decode_as_written() {
    for &g in GNAMES {
        let form = g.form();
        let imms: &[i32] = match form.shape {
            GShape::Mi8 => &[1, 7, 63],
            GShape::MiGrow | GShape::FlagsI | GShape::RmiGrow | GShape::Mi32 => {
                &[0, 1, -1, 127, 128, -128, -129, i32::MAX, i32::MIN]
            }
            _ => &[0],
        };
        for reg in 0..16 {
            for rm in 0..16 {
                for &imm in imms {
                    let memory_only = g == G::Lea || form.shape == GShape::Mr && form.bytes < 8;
                    if !memory_only {
                        check_general(g, reg, Rm::Reg(rm), imm);
                    }
                }
            }
        }
    }
}

#[test]
fn jumps_constants_and_the_rest() {
    let mut asm = Asm::default();
    let mut pool = Pool::default();
    let one = pool.add(&1.0f64.to_le_bytes());
    let wide = pool.add(&[7; 32]);
    assert_eq!(one, pool.add(&1.0f64.to_le_bytes()));
    let (back, forward) = (asm.label(), asm.label());
    asm.bind(back);
    asm.jcc(Cond::Le, forward);
    let mem = |offset| Rm::Mem(Mem { base: MemBase::Pool(offset), index: None, disp: 0 });
    asm.vector(F::Vaddpd, Width::Y, 1, 2, mem(wide), Options::default(), None);
    asm.vector(F::Vpblendd, Width::Y, 1, 2, mem(wide), Options::default(), Some(3));
    asm.vector(F::Vmovsd, Width::X, 1, 0, mem(one), Options::default(), None);
    asm.jmp(back);
    asm.align(32);
    asm.bind(forward);
    asm.mov_imm64(10, -2);
    asm.setcc(Cond::Ne, 6);
    asm.push(12);
    asm.pop(3);
    asm.sfence();
    asm.vzeroupper();
    asm.ret();
    let code = asm.len();
    let bytes = asm.finish(&pool);
    let start = code.next_multiple_of(64) as u64;
    let all: Vec<Instruction> =
        Decoder::with_ip(64, &bytes[..code], 0, DecoderOptions::NONE).into_iter().collect();
    assert!(all.iter().all(|instruction| !instruction.is_invalid()));
    assert_eq!(all[0].near_branch_target() % 32, 0);
    assert_eq!(
        all.iter().find(|i| i.ip() == all[0].near_branch_target()).map(|i| i.immediate64() as i64),
        Some(-2)
    );
    assert_eq!(all[1].ip_rel_memory_address(), start + u64::from(wide));
    assert_eq!(all[2].ip_rel_memory_address(), start + u64::from(wide));
    assert_eq!(all[3].ip_rel_memory_address(), start + u64::from(one));
    assert_eq!(all[4].near_branch_target(), 0);
    let texts: Vec<String> = all.iter().rev().take(7).rev().map(|i| format!("{:?}", i.mnemonic())).collect();
    assert_eq!(texts, ["Mov", "Setne", "Push", "Pop", "Sfence", "Vzeroupper", "Ret"]);
    assert_eq!(all[all.len() - 7].immediate64() as i64, -2);
    assert_eq!(&bytes[start as usize + wide as usize..][..32], [7; 32]);
}
