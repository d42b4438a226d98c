//! A processor in software, for the instructions that strips are made of: the tests of a tier run on hosts that lack it.
//!
//! Decoding is iced-x86's; what an instruction does is written here once per operation, for every vector length, with and
//! without masks. The host's own instructions check it: code of the AVX2 tier runs on both. Memory is strict: a byte that belongs to no region may not
//! be touched, except in lanes that a mask suppresses.
#![allow(dead_code, unreachable_pub)]

mod general;
mod lanes;
mod memory;
mod vector;

pub use memory::{Memory, Region};

use iced_x86::{
    Code, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind, Register,
};

/// The bytes of a vector register.
pub type Bytes = [u8; 64];

/// Element number `index` of a vector of elements of `width` bytes.
pub fn lane(bytes: &[u8], width: usize, index: usize) -> u64 {
    let mut word = [0; 8];
    word[..width].copy_from_slice(&bytes[index * width..(index + 1) * width]);
    u64::from_le_bytes(word)
}

pub fn set_lane(bytes: &mut [u8], width: usize, index: usize, word: u64) {
    bytes[index * width..(index + 1) * width].copy_from_slice(&word.to_le_bytes()[..width]);
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Flags {
    pub zero: bool,
    pub sign: bool,
    pub carry: bool,
    pub overflow: bool,
    pub parity: bool,
}

/// Where code lies.
const CODE: u64 = 0x7f00_0000_0000;
/// Where the stack ends.
const STACK: u64 = 0x7e00_0000_0000;
/// What a call returns to.
const RETURN: u64 = 0x7d00_0000_0000;

pub struct Machine {
    pub general: [u64; 16],
    pub flags: Flags,
    pub vectors: [Bytes; 32],
    pub masks: [u64; 8],
    pub memory: Memory,
    ip: u64,
    decoded: Vec<Option<Instruction>>,
    code: Vec<u8>,
    /// Instructions executed.
    pub steps: u64,
}

/// An instruction's outcome: wrong, or what comes next.
type Outcome<T = ()> = Result<T, String>;

impl Machine {
    /// A machine with this code and memory; registers are full of rubbish.
    pub fn new(code: &[u8], mut memory: Memory) -> Machine {
        memory.add(Region { start: CODE, bytes: code.to_vec(), writable: false });
        memory.add(Region { start: STACK - 0x40000, bytes: vec![0xa5; 0x40000], writable: true });
        let mut general = [0; 16];
        for (number, register) in general.iter_mut().enumerate() {
            *register = 0xbad0_0000_0000_0000 | number as u64;
        }
        Machine {
            general,
            flags: Flags { zero: true, carry: true, ..Flags::default() },
            vectors: [[0x77; 64]; 32],
            masks: [0x5555_aaaa_5555_aaaa; 8],
            memory,
            ip: 0,
            decoded: vec![None; code.len()],
            code: code.to_vec(),
            steps: 0,
        }
    }

    /// Calls the code as a function of two arguments in the System V convention, and gives what it returns.
    ///
    /// # Errors
    /// What went wrong, with the instruction: a wild access, an instruction that is not known here, a register not restored.
    pub fn call(&mut self, arguments: [u64; 2], max_steps: u64) -> Outcome<u64> {
        let saved = [3, 5, 12, 13, 14, 15].map(|number| (number, self.general[number]));
        let stack = STACK - 0x1000;
        self.general[4] = stack - 8;
        self.memory.write(stack - 8, &RETURN.to_le_bytes())?;
        (self.general[7], self.general[6]) = (arguments[0], arguments[1]);
        self.ip = CODE;
        self.steps = 0;
        while self.ip != RETURN {
            self.steps += 1;
            if self.steps > max_steps {
                return Err("too many instructions".to_owned());
            }
            let instruction = self.fetch()?;
            let at = self.ip - CODE;
            self.ip = instruction.next_ip();
            self.execute(&instruction)
                .map_err(|error| format!("{at:#x}: {}: {error}", instruction_text(&instruction)))?;
        }
        if self.general[4] != stack {
            return Err("the stack pointer is not restored".to_owned());
        }
        for (number, before) in saved {
            if self.general[number] != before {
                return Err(format!("general register {number} is not restored"));
            }
        }
        if self.vectors[..16].iter().any(|vector| vector[16..].iter().any(|&byte| byte != 0)) {
            return Err("no vzeroupper at the end".to_owned());
        }
        Ok(self.general[0])
    }

    fn fetch(&mut self) -> Outcome<Instruction> {
        let at = self.ip.wrapping_sub(CODE) as usize;
        let Some(known) = self.decoded.get(at).copied() else {
            return Err(format!("jump to {:#x}, outside of the code", self.ip));
        };
        if let Some(instruction) = known {
            return Ok(instruction);
        }
        let mut decoder = Decoder::with_ip(64, &self.code[at..], self.ip, DecoderOptions::NONE);
        let instruction = decoder.decode();
        if instruction.code() == Code::INVALID {
            return Err(format!("{at:#x}: no instruction"));
        }
        self.decoded[at] = Some(instruction);
        Ok(instruction)
    }

    fn execute(&mut self, i: &Instruction) -> Outcome {
        if let Some(done) = self.general_instruction(i) {
            return done;
        }
        if let Some(done) = self.mask_instruction(i) {
            return done;
        }
        if let Some(lanewise) = lanes::lanewise(i.mnemonic()) {
            return self.lanewise(i, lanewise);
        }
        self.vector_instruction(i)
    }

    // Operands.

    /// A memory operand's address.
    fn address(&self, i: &Instruction) -> Outcome<u64> {
        if i.memory_base() == Register::RIP {
            return Ok(i.ip_rel_memory_address());
        }
        let mut address = i.memory_displacement64();
        if i.memory_base() != Register::None {
            address = address.wrapping_add(self.general[general_number(i.memory_base())?]);
        }
        if i.memory_index() != Register::None {
            let index = self.general[general_number(i.memory_index())?];
            address = address.wrapping_add(index.wrapping_mul(u64::from(i.memory_index_scale())));
        }
        Ok(address)
    }

    /// The immediate, as written.
    fn immediate(&self, i: &Instruction) -> Outcome<u8> {
        let operand = i.op_count() - 1;
        match i.op_kind(operand) {
            OpKind::Immediate8 => Ok(i.immediate8()),
            other => Err(format!("{other:?} instead of an immediate byte")),
        }
    }

    /// Is the lane of the destination written?
    fn in_opmask(&self, i: &Instruction, lane: usize) -> bool {
        match i.op_mask() {
            Register::None => true,
            register => self.masks[register.number()] >> lane & 1 != 0,
        }
    }

    /// A vector operand: the register's bytes, or `count` elements of `width` bytes in memory; lanes that the opmask suppresses are not read.
    fn source(&mut self, i: &Instruction, operand: u32, width: usize, count: usize) -> Outcome<Bytes> {
        match i.op_kind(operand) {
            OpKind::Register => {
                let register = i.op_register(operand);
                if !register.is_vector_register() {
                    return Err(format!("{register:?} instead of a vector"));
                }
                Ok(self.vectors[register.number()])
            }
            OpKind::Memory => {
                let address = self.address(i)?;
                let mut bytes = [0; 64];
                for lane in 0..count {
                    if self.in_opmask(i, lane) {
                        let offset = if i.is_broadcast() { 0 } else { lane * width };
                        let into = &mut bytes[lane * width..(lane + 1) * width];
                        self.memory.read(address.wrapping_add(offset as u64), into)?;
                    }
                }
                Ok(bytes)
            }
            other => Err(format!("{other:?} instead of a vector")),
        }
    }

    /// Writes `count` elements of `width` bytes under the opmask; the rest of a register becomes 0.
    fn write(
        &mut self,
        i: &Instruction,
        operand: u32,
        result: &Bytes,
        width: usize,
        count: usize,
    ) -> Outcome {
        match i.op_kind(operand) {
            OpKind::Register => {
                let register = i.op_register(operand).number();
                let mut bytes = [0; 64];
                for lane in 0..count {
                    let range = lane * width..(lane + 1) * width;
                    if self.in_opmask(i, lane) {
                        bytes[range.clone()].copy_from_slice(&result[range]);
                    } else if !i.zeroing_masking() {
                        bytes[range.clone()].copy_from_slice(&self.vectors[register][range]);
                    }
                }
                self.vectors[register] = bytes;
                Ok(())
            }
            OpKind::Memory => {
                let address = self.address(i)?;
                for lane in 0..count {
                    if self.in_opmask(i, lane) {
                        let range = lane * width..(lane + 1) * width;
                        self.memory.write(address.wrapping_add((lane * width) as u64), &result[range])?;
                    }
                }
                Ok(())
            }
            other => Err(format!("{other:?} instead of a vector")),
        }
    }

    /// The length of the instruction's vectors: that of its longest operand.
    fn length(&self, i: &Instruction) -> usize {
        (0..i.op_count())
            .filter(|&operand| i.op_kind(operand) == OpKind::Register)
            .map(|operand| register_length(i.op_register(operand)))
            .max()
            .unwrap_or(0)
    }
}

/// In bytes; 0 if it is none of vectors.
fn register_length(register: Register) -> usize {
    if register.is_vector_register() { register.size() } else { 0 }
}

fn general_number(register: Register) -> Outcome<usize> {
    if register.is_gpr64() { Ok(register.number()) } else { Err(format!("{register:?} in an address")) }
}

/// In Intel's syntax.
pub fn instruction_text(i: &Instruction) -> String {
    let mut text = String::new();
    IntelFormatter::new().format(i, &mut text);
    text
}

/// What is not known here.
fn unknown(mnemonic: Mnemonic) -> Outcome {
    Err(format!("{mnemonic:?} is not emulated"))
}
