//! The assembler: bytes, labels, and the pool of constants.

use rustc_hash::FxHashMap;

use super::forms::{F, Shape, Tuple};
use super::gpr::{G, GShape};

/// Length of a vector operand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Width {
    /// 128 bits.
    X = 0,
    /// 256 bits.
    Y = 1,
    /// 512 bits.
    Z = 2,
}

impl Width {
    /// In bytes.
    pub(crate) fn bytes(self) -> u32 {
        16 << (self as u32)
    }
}

/// Where a memory operand starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MemBase {
    /// A general register.
    Reg(u8),
    /// An offset in the pool.
    Pool(u32),
}

/// A memory operand: `base + index << scale + disp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mem {
    pub(crate) base: MemBase,
    pub(crate) index: Option<(u8, u8)>,
    pub(crate) disp: i32,
}

/// What the `rm` field names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rm {
    /// A register of the class in the table.
    Reg(u8),
    /// Memory.
    Mem(Mem),
}

/// The options of an EVEX instruction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Options {
    /// Mask register; 0 for none.
    pub(crate) k: u8,
    /// Lanes outside the mask become 0.
    pub(crate) zero: bool,
    /// The memory operand is one element.
    pub(crate) broadcast: bool,
}

/// A condition of a jump, as encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub(crate) enum Cond {
    B = 2,
    Ae = 3,
    E = 4,
    Ne = 5,
    Be = 6,
    A = 7,
    L = 12,
    Ge = 13,
    Le = 14,
    G = 15,
}

impl Cond {
    /// The opposite.
    pub(crate) fn inverse(self) -> Cond {
        match self {
            Cond::B => Cond::Ae,
            Cond::Ae => Cond::B,
            Cond::E => Cond::Ne,
            Cond::Ne => Cond::E,
            Cond::Be => Cond::A,
            Cond::A => Cond::Be,
            Cond::L => Cond::Ge,
            Cond::Ge => Cond::L,
            Cond::Le => Cond::G,
            Cond::G => Cond::Le,
        }
    }
}

/// A place in the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Label(pub(crate) u32);

/// Constants after the code, each aligned to its size.
#[derive(Default)]
pub(crate) struct Pool {
    bytes: Vec<u8>,
    known: FxHashMap<Vec<u8>, u32>,
}

impl Pool {
    /// The offset of a constant, whose length is a power of two of at most 64 or at least a multiple of 64.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> u32 {
        if let Some(&offset) = self.known.get(bytes) {
            return offset;
        }
        let align = bytes.len().next_power_of_two().clamp(1, 64);
        self.bytes.resize(self.bytes.len().next_multiple_of(align), 0);
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        self.known.insert(bytes.to_vec(), offset);
        offset
    }
}

/// Code being written.
#[derive(Default)]
pub(crate) struct Asm {
    bytes: Vec<u8>,
    labels: Vec<Option<u32>>,
    /// Position of a 4-byte field, the label that it is relative to.
    jumps: Vec<(u32, Label)>,
    /// Position of a 4-byte field, end of its instruction, offset in the pool.
    pooled: Vec<(u32, u32, u32)>,
}

impl Asm {
    /// A new label.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    /// Puts a label here.
    pub(crate) fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = Some(self.bytes.len() as u32);
    }

    /// How many bytes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Pads with instructions that do nothing.
    pub(crate) fn align(&mut self, to: usize) {
        const NOPS: [&[u8]; 9] = [
            &[0x90],
            &[0x66, 0x90],
            &[0x0F, 0x1F, 0x00],
            &[0x0F, 0x1F, 0x40, 0x00],
            &[0x0F, 0x1F, 0x44, 0x00, 0x00],
            &[0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00],
            &[0x0F, 0x1F, 0x80, 0, 0, 0, 0],
            &[0x0F, 0x1F, 0x84, 0x00, 0, 0, 0, 0],
            &[0x66, 0x0F, 0x1F, 0x84, 0x00, 0, 0, 0, 0],
        ];
        let mut missing = self.bytes.len().next_multiple_of(to) - self.bytes.len();
        while missing > 0 {
            let now = missing.min(9);
            self.bytes.extend_from_slice(NOPS[now - 1]);
            missing -= now;
        }
    }

    /// An unconditional jump.
    pub(crate) fn jmp(&mut self, to: Label) {
        self.bytes.push(0xE9);
        self.jumps.push((self.bytes.len() as u32, to));
        self.bytes.extend_from_slice(&[0; 4]);
    }

    /// A conditional jump.
    pub(crate) fn jcc(&mut self, cond: Cond, to: Label) {
        self.bytes.extend_from_slice(&[0x0F, 0x80 | cond as u8]);
        self.jumps.push((self.bytes.len() as u32, to));
        self.bytes.extend_from_slice(&[0; 4]);
    }

    /// `setcc` of the low byte of a register.
    pub(crate) fn setcc(&mut self, cond: Cond, reg: u8) {
        self.bytes.extend_from_slice(&[0x40 | (reg >> 3), 0x0F, 0x90 | cond as u8, 0xC0 | (reg & 7)]);
    }

    /// `mov reg, imm64`.
    pub(crate) fn mov_imm64(&mut self, reg: u8, value: i64) {
        self.bytes.extend_from_slice(&[0x48 | (reg >> 3), 0xB8 | (reg & 7)]);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `push` of a general register.
    pub(crate) fn push(&mut self, reg: u8) {
        if reg >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(0x50 | (reg & 7));
    }

    /// `pop` of a general register.
    pub(crate) fn pop(&mut self, reg: u8) {
        if reg >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(0x58 | (reg & 7));
    }

    /// `ret`.
    pub(crate) fn ret(&mut self) {
        self.bytes.push(0xC3);
    }

    /// `sfence`.
    pub(crate) fn sfence(&mut self) {
        self.bytes.extend_from_slice(&[0x0F, 0xAE, 0xF8]);
    }

    /// `vzeroupper`.
    pub(crate) fn vzeroupper(&mut self) {
        self.bytes.extend_from_slice(&[0xC5, 0xF8, 0x77]);
    }

    /// A vector instruction. `reg`, `vvvv` and `rm` are the fields (0 where unused); the last immediate byte is `imm`. Of a vector that is
    /// an index, the fifth bit is given in `vvvv`.
    pub(crate) fn vector(
        &mut self,
        f: F,
        width: Width,
        reg: u8,
        vvvv: u8,
        rm: Rm,
        options: Options,
        imm: Option<u8>,
    ) {
        let form = f.form();
        let reg = if form.shape == Shape::Vm { form.digit } else { reg };
        let high = match rm {
            Rm::Reg(r) => r >= 16,
            Rm::Mem(_) => false,
        };
        let evex = form.evex != 9
            && (form.vex == 9
                || width == Width::Z
                || reg >= 16
                || vvvv >= 16
                || high
                || options.k != 0
                || options.broadcast);
        if evex {
            self.evex(f, width, reg, vvvv, rm, options);
        } else {
            debug_assert!(form.vex != 9 && options == Options::default() && reg < 16 && vvvv < 16 && !high);
            self.vex(f, width, reg, vvvv, rm);
        }
        self.bytes.push(form.opcode);
        let scale = if evex { displacement_unit(form.tuple, width, options.broadcast) } else { 1 };
        self.modrm(reg, rm, scale, imm.is_some() as u32);
        if let Some(imm) = imm {
            self.bytes.push(imm);
        }
    }

    fn vex(&mut self, f: F, width: Width, reg: u8, vvvv: u8, rm: Rm) {
        let form = f.form();
        let (x, b) = extension_bits(rm);
        let r = reg >> 3 & 1;
        let last = (!vvvv & 15) << 3 | (width as u8) << 2 | form.pp as u8;
        if form.map == 1 && form.vex == 0 && x == 0 && b == 0 {
            self.bytes.extend_from_slice(&[0xC5, (r ^ 1) << 7 | last]);
        } else {
            let first = (r ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | form.map;
            self.bytes.extend_from_slice(&[0xC4, first, form.vex << 7 | last]);
        }
    }

    fn evex(&mut self, f: F, width: Width, reg: u8, vvvv: u8, rm: Rm, options: Options) {
        let form = f.form();
        let (mut x, b) = extension_bits(rm);
        if let Rm::Reg(r) = rm {
            x = r >> 4 & 1;
        }
        let p0 =
            ((reg >> 3 & 1) ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | ((reg >> 4 & 1) ^ 1) << 4 | form.map;
        let p1 = form.evex << 7 | (!vvvv & 15) << 3 | 4 | form.pp as u8;
        let p2 = (options.zero as u8) << 7
            | (width as u8) << 5
            | (options.broadcast as u8) << 4
            | ((vvvv >> 4 & 1) ^ 1) << 3
            | options.k;
        self.bytes.extend_from_slice(&[0x62, p0, p1, p2]);
    }

    /// An instruction for general registers. `imm` is given where the shape has one.
    pub(crate) fn general(&mut self, g: G, reg: u8, rm: Rm, imm: i32) {
        let form = g.form();
        let reg = match form.shape {
            GShape::MiGrow | GShape::Mi8 | GShape::Mi32 | GShape::Digit | GShape::FlagsI => form.digit,
            GShape::Rm | GShape::Mr | GShape::Rrm | GShape::Flags | GShape::RmiGrow => reg,
        };
        let (x, b) = extension_bits(rm);
        if form.bytes == 2 && form.shape == GShape::Mr {
            self.bytes.push(0x66);
        }
        let rex = 0x40 | (form.w as u8) << 3 | (reg >> 3 & 1) << 2 | x << 1 | b;
        if rex != 0x40 || form.bytes == 1 {
            self.bytes.push(rex);
        }
        if form.two {
            self.bytes.push(0x0F);
        }
        let small = i8::try_from(imm).is_ok();
        let imm_len = match form.shape {
            GShape::MiGrow | GShape::FlagsI | GShape::RmiGrow if small => 1,
            GShape::MiGrow | GShape::FlagsI | GShape::RmiGrow | GShape::Mi32 => 4,
            GShape::Mi8 => 1,
            GShape::Rm | GShape::Mr | GShape::Rrm | GShape::Digit | GShape::Flags => 0,
        };
        self.bytes.push(if imm_len == 4 && form.wide != 0 { form.wide } else { form.opcode });
        self.modrm(reg, rm, 1, imm_len);
        self.bytes.extend_from_slice(&imm.to_le_bytes()[..imm_len as usize]);
    }

    /// The operand bytes. `unit` is what a displacement of 8 bits is multiplied by; `after` bytes of immediate follow.
    fn modrm(&mut self, reg: u8, rm: Rm, unit: u32, after: u32) {
        let reg = (reg & 7) << 3;
        let mem = match rm {
            Rm::Reg(r) => {
                self.bytes.push(0xC0 | reg | (r & 7));
                return;
            }
            Rm::Mem(mem) => mem,
        };
        let base = match mem.base {
            MemBase::Pool(offset) => {
                debug_assert!(mem.index.is_none());
                self.bytes.push(reg | 5);
                let at = self.bytes.len() as u32;
                self.pooled.push((at, at + 4 + after, offset.wrapping_add(mem.disp as u32)));
                self.bytes.extend_from_slice(&[0; 4]);
                return;
            }
            MemBase::Reg(base) => base,
        };
        let scaled =
            if mem.disp % unit as i32 == 0 { i8::try_from(mem.disp / unit as i32).ok() } else { None };
        // Without a displacement, base 5 and 13 would mean something else.
        let (mode, small) = match scaled {
            Some(0) if base & 7 != 5 => (0, None),
            Some(byte) => (0x40, Some(byte)),
            None => (0x80, None),
        };
        match mem.index {
            Some((index, scale)) => {
                self.bytes.push(mode | reg | 4);
                self.bytes.push(scale << 6 | (index & 7) << 3 | (base & 7));
            }
            None if base & 7 == 4 => {
                self.bytes.push(mode | reg | 4);
                self.bytes.push(0x24);
            }
            None => self.bytes.push(mode | reg | (base & 7)),
        }
        if let Some(byte) = small {
            self.bytes.push(byte as u8);
        } else if mode == 0x80 {
            self.bytes.extend_from_slice(&mem.disp.to_le_bytes());
        }
    }

    /// The finished bytes: code, then the pool at the next multiple of 64.
    pub(crate) fn finish(mut self, pool: &Pool) -> Vec<u8> {
        for &(at, label) in &self.jumps {
            let target = self.labels[label.0 as usize].unwrap_or(at + 4);
            let relative = target.wrapping_sub(at + 4);
            self.bytes[at as usize..at as usize + 4].copy_from_slice(&relative.to_le_bytes());
        }
        let start = self.bytes.len().next_multiple_of(64);
        for &(at, end, offset) in &self.pooled {
            let relative = (start as u32).wrapping_add(offset).wrapping_sub(end);
            self.bytes[at as usize..at as usize + 4].copy_from_slice(&relative.to_le_bytes());
        }
        if !pool.bytes.is_empty() {
            self.bytes.resize(start, 0xCC);
            self.bytes.extend_from_slice(&pool.bytes);
        }
        self.bytes
    }
}

/// The bits that extend index and base.
fn extension_bits(rm: Rm) -> (u8, u8) {
    match rm {
        Rm::Reg(r) => (0, r >> 3 & 1),
        Rm::Mem(mem) => {
            let base = match mem.base {
                MemBase::Reg(base) => base >> 3 & 1,
                MemBase::Pool(_) => 0,
            };
            (mem.index.map_or(0, |(index, _)| index >> 3 & 1), base)
        }
    }
}

/// What EVEX multiplies a displacement of 8 bits by.
fn displacement_unit(tuple: Tuple, width: Width, broadcast: bool) -> u32 {
    let bytes = width.bytes();
    match tuple {
        Tuple::F8 if broadcast => 8,
        Tuple::F4 | Tuple::H4 if broadcast => 4,
        Tuple::F8 | Tuple::F4 | Tuple::Fm => bytes,
        Tuple::H4 | Tuple::Hm => bytes / 2,
        Tuple::Qm => bytes / 4,
        Tuple::Om => bytes / 8,
        Tuple::S8 => 8,
        Tuple::S4 => 4,
        Tuple::T16 => 16,
        Tuple::T32 => 32,
    }
}
