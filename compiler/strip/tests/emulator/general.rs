//! Instructions of general registers, of mask registers, and jumps.

use super::{Flags, Machine, Outcome};
use iced_x86::{ConditionCode, Instruction, Mnemonic, OpKind, Register};

/// Size in bytes of a general operand.
fn size(i: &Instruction, operand: u32) -> usize {
    match i.op_kind(operand) {
        OpKind::Register => i.op_register(operand).size(),
        OpKind::Memory => i.memory_size().size(),
        _ => 8,
    }
}

fn cut(word: u64, size: usize) -> u64 {
    if size == 8 { word } else { word & ((1 << (size * 8)) - 1) }
}

fn sign_extended(word: u64, size: usize) -> u64 {
    let shift = 64 - 8 * size as u32;
    ((word << shift) as i64 >> shift) as u64
}

impl Machine {
    /// A general register, immediate or memory operand, zero-extended.
    pub(super) fn general_source(&mut self, i: &Instruction, operand: u32) -> Outcome<u64> {
        match i.op_kind(operand) {
            OpKind::Register => {
                let register = i.op_register(operand);
                if !register.is_gpr()
                    || matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
                {
                    return Err(format!("{register:?} instead of a general register"));
                }
                Ok(cut(self.general[register.full_register().number()], register.size()))
            }
            OpKind::Memory => {
                let mut bytes = [0; 8];
                let address = self.address(i)?;
                self.memory.read(address, &mut bytes[..size(i, operand)])?;
                Ok(u64::from_le_bytes(bytes))
            }
            _ => i.try_immediate(operand).map_err(|error| error.to_string()),
        }
    }

    /// Writes a general register as the processor does: 32 bits clear the upper half, fewer leave the rest.
    pub(super) fn general_write(&mut self, i: &Instruction, operand: u32, word: u64) -> Outcome {
        match i.op_kind(operand) {
            OpKind::Register => {
                let register = i.op_register(operand);
                if !register.is_gpr()
                    || matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
                {
                    return Err(format!("{register:?} instead of a general register"));
                }
                let full = &mut self.general[register.full_register().number()];
                *full = match register.size() {
                    size @ (4 | 8) => cut(word, size),
                    size => *full & !cut(u64::MAX, size) | cut(word, size),
                };
                Ok(())
            }
            OpKind::Memory => {
                let address = self.address(i)?;
                self.memory.write(address, &word.to_le_bytes()[..size(i, operand)])
            }
            other => Err(format!("{other:?} instead of a destination")),
        }
    }

    fn logic_flags(&mut self, result: u64, size: usize) {
        self.flags = Flags {
            zero: cut(result, size) == 0,
            sign: result >> (size * 8 - 1) & 1 != 0,
            carry: false,
            overflow: false,
            parity: (result as u8).count_ones().is_multiple_of(2),
        };
    }

    fn add_flags(&mut self, a: u64, b: u64, size: usize) -> u64 {
        let result = a.wrapping_add(b);
        self.logic_flags(result, size);
        self.flags.carry = cut(result, size) < cut(a, size);
        self.flags.overflow = (a ^ result) & (b ^ result) & 1 << (size * 8 - 1) != 0;
        result
    }

    fn sub_flags(&mut self, a: u64, b: u64, size: usize) -> u64 {
        let result = a.wrapping_sub(b);
        self.logic_flags(result, size);
        self.flags.carry = cut(a, size) < cut(b, size);
        self.flags.overflow = (a ^ b) & (a ^ result) & 1 << (size * 8 - 1) != 0;
        result
    }

    fn holds(&self, condition: ConditionCode) -> bool {
        let Flags { zero, sign, carry, overflow, parity } = self.flags;
        match condition {
            ConditionCode::None => true,
            ConditionCode::o => overflow,
            ConditionCode::no => !overflow,
            ConditionCode::b => carry,
            ConditionCode::ae => !carry,
            ConditionCode::e => zero,
            ConditionCode::ne => !zero,
            ConditionCode::be => carry || zero,
            ConditionCode::a => !carry && !zero,
            ConditionCode::s => sign,
            ConditionCode::ns => !sign,
            ConditionCode::p => parity,
            ConditionCode::np => !parity,
            ConditionCode::l => sign != overflow,
            ConditionCode::ge => sign == overflow,
            ConditionCode::le => zero || sign != overflow,
            ConditionCode::g => !zero && sign == overflow,
        }
    }

    fn push(&mut self, word: u64) -> Outcome {
        self.general[4] = self.general[4].wrapping_sub(8);
        self.memory.write(self.general[4], &word.to_le_bytes())
    }

    fn pop(&mut self) -> Outcome<u64> {
        let mut bytes = [0; 8];
        self.memory.read(self.general[4], &mut bytes)?;
        self.general[4] = self.general[4].wrapping_add(8);
        Ok(u64::from_le_bytes(bytes))
    }

    pub(super) fn general_instruction(&mut self, i: &Instruction) -> Option<Outcome> {
        if i.condition_code() != ConditionCode::None {
            return Some(self.conditional(i));
        }
        let is_known = matches!(
            i.mnemonic(),
            Mnemonic::Nop
                | Mnemonic::Mov
                | Mnemonic::Movzx
                | Mnemonic::Movsx
                | Mnemonic::Movsxd
                | Mnemonic::Lea
                | Mnemonic::Add
                | Mnemonic::Sub
                | Mnemonic::And
                | Mnemonic::Or
                | Mnemonic::Xor
                | Mnemonic::Cmp
                | Mnemonic::Test
                | Mnemonic::Imul
                | Mnemonic::Shl
                | Mnemonic::Shr
                | Mnemonic::Sar
                | Mnemonic::Neg
                | Mnemonic::Not
                | Mnemonic::Inc
                | Mnemonic::Dec
                | Mnemonic::Bzhi
                | Mnemonic::Popcnt
                | Mnemonic::Tzcnt
                | Mnemonic::Push
                | Mnemonic::Pop
                | Mnemonic::Jmp
                | Mnemonic::Ret
        );
        is_known.then(|| self.plain(i))
    }

    fn conditional(&mut self, i: &Instruction) -> Outcome {
        let holds = self.holds(i.condition_code());
        if i.is_jcc_short_or_near() {
            if holds {
                self.ip = i.near_branch_target();
            }
            return Ok(());
        }
        if i.op_count() == 1 {
            return self.general_write(i, 0, u64::from(holds));
        }
        // A conditional move reads its source in any case, and clears the upper half of a 32-bit register.
        let (old, new) = (self.general_source(i, 0)?, self.general_source(i, 1)?);
        self.general_write(i, 0, if holds { new } else { old })
    }

    fn plain(&mut self, i: &Instruction) -> Outcome {
        let width = if i.op_count() > 0 { size(i, 0) } else { 8 };
        match i.mnemonic() {
            Mnemonic::Nop => Ok(()),
            Mnemonic::Mov | Mnemonic::Movzx => {
                let word = self.general_source(i, 1)?;
                self.general_write(i, 0, word)
            }
            Mnemonic::Movsx | Mnemonic::Movsxd => {
                let word = self.general_source(i, 1)?;
                self.general_write(i, 0, sign_extended(word, size(i, 1)))
            }
            Mnemonic::Lea => {
                let address = self.address(i)?;
                self.general_write(i, 0, address)
            }
            Mnemonic::Add | Mnemonic::Sub | Mnemonic::And | Mnemonic::Or | Mnemonic::Xor => {
                let (a, b) = (self.general_source(i, 0)?, self.general_source(i, 1)?);
                let result = match i.mnemonic() {
                    Mnemonic::Add => self.add_flags(a, b, width),
                    Mnemonic::Sub => self.sub_flags(a, b, width),
                    other => {
                        let result = match other {
                            Mnemonic::And => a & b,
                            Mnemonic::Or => a | b,
                            _ => a ^ b,
                        };
                        self.logic_flags(result, width);
                        result
                    }
                };
                self.general_write(i, 0, result)
            }
            Mnemonic::Cmp => {
                let (a, b) = (self.general_source(i, 0)?, self.general_source(i, 1)?);
                self.sub_flags(a, b, width);
                Ok(())
            }
            Mnemonic::Test => {
                let (a, b) = (self.general_source(i, 0)?, self.general_source(i, 1)?);
                self.logic_flags(a & b, width);
                Ok(())
            }
            Mnemonic::Imul if i.op_count() >= 2 => {
                let first = i.op_count() - 2;
                let a = sign_extended(self.general_source(i, first)?, width);
                let b = sign_extended(self.general_source(i, first + 1)?, width);
                self.general_write(i, 0, a.wrapping_mul(b))
            }
            Mnemonic::Shl | Mnemonic::Shr | Mnemonic::Sar => {
                let a = self.general_source(i, 0)?;
                let count = self.general_source(i, 1)? & if width == 8 { 63 } else { 31 };
                let result = match i.mnemonic() {
                    Mnemonic::Shl => a << count,
                    Mnemonic::Shr => a >> count,
                    _ => (sign_extended(a, width) as i64 >> count) as u64,
                };
                if count != 0 {
                    self.logic_flags(result, width);
                }
                self.general_write(i, 0, result)
            }
            Mnemonic::Neg => {
                let a = self.general_source(i, 0)?;
                let result = self.sub_flags(0, a, width);
                self.general_write(i, 0, result)
            }
            Mnemonic::Not => {
                let a = self.general_source(i, 0)?;
                self.general_write(i, 0, !a)
            }
            Mnemonic::Inc | Mnemonic::Dec => {
                let a = self.general_source(i, 0)?;
                let carry = self.flags.carry;
                let result = if i.mnemonic() == Mnemonic::Inc {
                    self.add_flags(a, 1, width)
                } else {
                    self.sub_flags(a, 1, width)
                };
                self.flags.carry = carry;
                self.general_write(i, 0, result)
            }
            Mnemonic::Bzhi => {
                let (a, count) = (self.general_source(i, 1)?, self.general_source(i, 2)? & 0xff);
                let bits = width as u64 * 8;
                let result = if count < bits { a & ((1 << count) - 1) } else { a };
                self.logic_flags(result, width);
                self.flags.carry = count >= bits;
                self.general_write(i, 0, result)
            }
            Mnemonic::Popcnt | Mnemonic::Tzcnt => {
                let a = self.general_source(i, 1)?;
                let result = if i.mnemonic() == Mnemonic::Popcnt {
                    u64::from(a.count_ones())
                } else {
                    u64::from(a.trailing_zeros()).min(width as u64 * 8)
                };
                self.flags = Flags { zero: result == 0, carry: a == 0, ..Flags::default() };
                self.general_write(i, 0, result)
            }
            Mnemonic::Push => {
                let word = self.general_source(i, 0)?;
                self.push(word)
            }
            Mnemonic::Pop => {
                let word = self.pop()?;
                self.general_write(i, 0, word)
            }
            Mnemonic::Jmp => {
                if i.op_kind(0) != OpKind::NearBranch64 {
                    return Err("an indirect jump".to_owned());
                }
                self.ip = i.near_branch_target();
                Ok(())
            }
            Mnemonic::Ret => {
                self.ip = self.pop()?;
                Ok(())
            }
            other => super::unknown(other),
        }
    }

    /// The instructions of mask registers.
    pub(super) fn mask_instruction(&mut self, i: &Instruction) -> Option<Outcome> {
        use Mnemonic as M;
        let bits = match i.mnemonic() {
            M::Kandb
            | M::Kandnb
            | M::Korb
            | M::Kxorb
            | M::Kxnorb
            | M::Knotb
            | M::Kortestb
            | M::Ktestb
            | M::Kmovb
            | M::Kshiftrb
            | M::Kshiftlb
            | M::Kaddb => 8,
            M::Kandw
            | M::Kandnw
            | M::Korw
            | M::Kxorw
            | M::Kxnorw
            | M::Knotw
            | M::Kortestw
            | M::Ktestw
            | M::Kmovw
            | M::Kshiftrw
            | M::Kshiftlw
            | M::Kaddw => 16,
            M::Kandd
            | M::Kandnd
            | M::Kord
            | M::Kxord
            | M::Kxnord
            | M::Knotd
            | M::Kortestd
            | M::Ktestd
            | M::Kmovd
            | M::Kshiftrd
            | M::Kshiftld => 32,
            M::Kandq
            | M::Kandnq
            | M::Korq
            | M::Kxorq
            | M::Kxnorq
            | M::Knotq
            | M::Kortestq
            | M::Ktestq
            | M::Kmovq
            | M::Kshiftrq
            | M::Kshiftlq => 64,
            M::Kunpckbw | M::Kunpckwd | M::Kunpckdq => {
                let half = match i.mnemonic() {
                    M::Kunpckbw => 8,
                    M::Kunpckwd => 16,
                    _ => 32,
                };
                let low = (1_u64 << half) - 1;
                let (a, b) = (self.mask(i, 1), self.mask(i, 2));
                self.masks[i.op_register(0).number()] = (a & low) << half | b & low;
                return Some(Ok(()));
            }
            _ => return None,
        };
        Some(self.mask_operation(i, bits))
    }

    fn mask(&self, i: &Instruction, operand: u32) -> u64 {
        self.masks[i.op_register(operand).number()]
    }

    fn mask_operation(&mut self, i: &Instruction, bits: u32) -> Outcome {
        use Mnemonic as M;
        let all = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        let result = match i.mnemonic() {
            M::Kmovb | M::Kmovw | M::Kmovd | M::Kmovq => {
                let word = match i.op_kind(1) {
                    OpKind::Register if i.op_register(1).is_k() => self.mask(i, 1),
                    _ => self.general_source(i, 1)?,
                } & all;
                if i.op_kind(0) == OpKind::Memory {
                    let address = self.address(i)?;
                    return self.memory.write(address, &word.to_le_bytes()[..bits as usize / 8]);
                }
                if !i.op_register(0).is_k() {
                    return self.general_write(i, 0, word);
                }
                word
            }
            M::Kortestb | M::Kortestw | M::Kortestd | M::Kortestq => {
                let either = (self.mask(i, 0) | self.mask(i, 1)) & all;
                self.flags = Flags { zero: either == 0, carry: either == all, ..Flags::default() };
                return Ok(());
            }
            M::Ktestb | M::Ktestw | M::Ktestd | M::Ktestq => {
                let (a, b) = (self.mask(i, 0) & all, self.mask(i, 1) & all);
                self.flags = Flags { zero: a & b == 0, carry: !a & b == 0, ..Flags::default() };
                return Ok(());
            }
            M::Knotb | M::Knotw | M::Knotd | M::Knotq => !self.mask(i, 1),
            M::Kandb | M::Kandw | M::Kandd | M::Kandq => self.mask(i, 1) & self.mask(i, 2),
            M::Kandnb | M::Kandnw | M::Kandnd | M::Kandnq => !self.mask(i, 1) & self.mask(i, 2),
            M::Korb | M::Korw | M::Kord | M::Korq => self.mask(i, 1) | self.mask(i, 2),
            M::Kxorb | M::Kxorw | M::Kxord | M::Kxorq => self.mask(i, 1) ^ self.mask(i, 2),
            M::Kxnorb | M::Kxnorw | M::Kxnord | M::Kxnorq => !(self.mask(i, 1) ^ self.mask(i, 2)),
            M::Kaddb | M::Kaddw => self.mask(i, 1).wrapping_add(self.mask(i, 2)),
            M::Kshiftrb | M::Kshiftrw | M::Kshiftrd | M::Kshiftrq => {
                let count = u32::from(self.immediate(i)?);
                (self.mask(i, 1) & all).checked_shr(count).unwrap_or(0)
            }
            M::Kshiftlb | M::Kshiftlw | M::Kshiftld | M::Kshiftlq => {
                let count = u32::from(self.immediate(i)?);
                self.mask(i, 1).checked_shl(count).unwrap_or(0)
            }
            other => return super::unknown(other),
        };
        self.masks[i.op_register(0).number()] = result & all;
        Ok(())
    }
}
