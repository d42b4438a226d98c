//! Vector instructions that move lanes about, or mix vectors with other registers.

use super::lanes::{Lanewise, lanewise};
use super::{Bytes, Machine, Outcome, lane, register_length, set_lane, unknown};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

impl Machine {
    pub(super) fn vector_instruction(&mut self, i: &Instruction) -> Outcome {
        let length = self.length(i);
        let mut result: Bytes = [0; 64];
        match i.mnemonic() {
            Mnemonic::Vzeroupper => {
                for vector in &mut self.vectors[..16] {
                    vector[16..].fill(0);
                }
                Ok(())
            }
            // Here stores are done at once.
            Mnemonic::Sfence => Ok(()),
            Mnemonic::Vblendvpd | Mnemonic::Vblendvps | Mnemonic::Vpblendvb => {
                let width = match i.mnemonic() {
                    Mnemonic::Vblendvpd => 8,
                    Mnemonic::Vblendvps => 4,
                    _ => 1,
                };
                let [a, b, mask] = self.three(i, width, length)?;
                for at in 0..length / width {
                    let is_second = lane(&mask, width, at) >> (width * 8 - 1) != 0;
                    set_lane(&mut result, width, at, lane(if is_second { &b } else { &a }, width, at));
                }
                self.write(i, 0, &result, width, length / width)
            }
            Mnemonic::Vblendmpd | Mnemonic::Vpblendmq => self.opmask_blend(i, 8, length),
            Mnemonic::Vblendmps | Mnemonic::Vpblendmd => self.opmask_blend(i, 4, length),
            Mnemonic::Vpblendd | Mnemonic::Vblendps => self.immediate_blend(i, 4, length),
            Mnemonic::Vblendpd => self.immediate_blend(i, 8, length),
            Mnemonic::Vshufps => {
                let imm = self.immediate(i)?;
                let (a, b) = (self.source(i, 1, 4, length / 4)?, self.source(i, 2, 4, length / 4)?);
                for at in 0..length / 4 {
                    let from = if at % 4 < 2 { &a } else { &b };
                    let index = imm >> (at % 4 * 2) & 3;
                    set_lane(&mut result, 4, at, lane(from, 4, at / 4 * 4 + usize::from(index)));
                }
                self.write(i, 0, &result, 4, length / 4)
            }
            Mnemonic::Vshufpd => {
                let imm = self.immediate(i)?;
                let (a, b) = (self.source(i, 1, 8, length / 8)?, self.source(i, 2, 8, length / 8)?);
                for at in 0..length / 8 {
                    let from = if at % 2 == 0 { &a } else { &b };
                    let index = usize::from(imm >> at & 1);
                    set_lane(&mut result, 8, at, lane(from, 8, at / 2 * 2 + index));
                }
                self.write(i, 0, &result, 8, length / 8)
            }
            Mnemonic::Vpshufd => {
                let imm = self.immediate(i)?;
                let a = self.source(i, 1, 4, length / 4)?;
                for at in 0..length / 4 {
                    let index = usize::from(imm >> (at % 4 * 2) & 3);
                    set_lane(&mut result, 4, at, lane(&a, 4, at / 4 * 4 + index));
                }
                self.write(i, 0, &result, 4, length / 4)
            }
            Mnemonic::Vpermilpd if i.op_kind(2) == OpKind::Immediate8 => {
                let imm = self.immediate(i)?;
                let a = self.source(i, 1, 8, length / 8)?;
                for at in 0..length / 8 {
                    set_lane(&mut result, 8, at, lane(&a, 8, at / 2 * 2 + usize::from(imm >> at & 1)));
                }
                self.write(i, 0, &result, 8, length / 8)
            }
            Mnemonic::Vpshufb => {
                let (a, b) = (self.source(i, 1, 1, length)?, self.source(i, 2, 1, length)?);
                for at in 0..length {
                    let index = b[at];
                    result[at] =
                        if index & 0x80 != 0 { 0 } else { a[at / 16 * 16 + usize::from(index & 15)] };
                }
                self.write(i, 0, &result, 1, length)
            }
            Mnemonic::Vpermq | Mnemonic::Vpermpd if i.op_kind(2) == OpKind::Immediate8 => {
                let imm = self.immediate(i)?;
                let a = self.source(i, 1, 8, length / 8)?;
                for at in 0..length / 8 {
                    let index = usize::from(imm >> (at % 4 * 2) & 3);
                    set_lane(&mut result, 8, at, lane(&a, 8, at / 4 * 4 + index));
                }
                self.write(i, 0, &result, 8, length / 8)
            }
            Mnemonic::Vpermq | Mnemonic::Vpermpd => self.permute(i, 8, length),
            Mnemonic::Vpermd | Mnemonic::Vpermps => self.permute(i, 4, length),
            Mnemonic::Vpermt2pd | Mnemonic::Vpermt2q => self.permute_two(i, 8, length),
            Mnemonic::Vpermt2ps | Mnemonic::Vpermt2d => self.permute_two(i, 4, length),
            Mnemonic::Vpermi2pd | Mnemonic::Vpermi2q => self.permute_two(i, 8, length),
            Mnemonic::Vpermi2ps | Mnemonic::Vpermi2d => self.permute_two(i, 4, length),
            Mnemonic::Vpunpckldq | Mnemonic::Vunpcklps => self.unpack(i, 4, false, length),
            Mnemonic::Vpunpckhdq | Mnemonic::Vunpckhps => self.unpack(i, 4, true, length),
            Mnemonic::Vpunpcklqdq | Mnemonic::Vunpcklpd => self.unpack(i, 8, false, length),
            Mnemonic::Vpunpckhqdq | Mnemonic::Vunpckhpd => self.unpack(i, 8, true, length),
            Mnemonic::Vpsrldq | Mnemonic::Vpslldq => {
                let count = usize::from(self.immediate(i)?).min(16);
                let a = self.source(i, 1, 1, length)?;
                for at in 0..length {
                    let from = if i.mnemonic() == Mnemonic::Vpsrldq {
                        Some(at % 16 + count).filter(|&from| from < 16)
                    } else {
                        (at % 16).checked_sub(count)
                    };
                    result[at] = from.map_or(0, |from| a[at / 16 * 16 + from]);
                }
                self.write(i, 0, &result, 1, length)
            }
            Mnemonic::Vextractf128
            | Mnemonic::Vextracti128
            | Mnemonic::Vextractf64x2
            | Mnemonic::Vextracti64x2 => self.extract(i, 16),
            Mnemonic::Vextractf32x4 | Mnemonic::Vextracti32x4 => self.extract(i, 16),
            Mnemonic::Vextractf64x4 | Mnemonic::Vextracti64x4 => self.extract(i, 32),
            Mnemonic::Vinsertf128
            | Mnemonic::Vinserti128
            | Mnemonic::Vinsertf64x2
            | Mnemonic::Vinserti64x2 => self.insert(i, 16, length),
            Mnemonic::Vinsertf32x4 | Mnemonic::Vinserti32x4 => self.insert(i, 16, length),
            Mnemonic::Vinsertf64x4 | Mnemonic::Vinserti64x4 => self.insert(i, 32, length),
            Mnemonic::Vperm2f128 | Mnemonic::Vperm2i128 => {
                let imm = self.immediate(i)?;
                let (a, b) = (self.source(i, 1, 8, 4)?, self.source(i, 2, 8, 4)?);
                for half in 0..2 {
                    let control = imm >> (half * 4);
                    let from = if control & 2 == 0 { &a } else { &b };
                    let start = usize::from(control & 1) * 16;
                    if control & 8 == 0 {
                        result[half * 16..half * 16 + 16].copy_from_slice(&from[start..start + 16]);
                    }
                }
                self.write(i, 0, &result, 8, 4)
            }
            Mnemonic::Vshuff64x2 | Mnemonic::Vshufi64x2 => {
                let imm = self.immediate(i)?;
                let (a, b) = (self.source(i, 1, 8, length / 8)?, self.source(i, 2, 8, length / 8)?);
                let quarters = length / 16;
                let bits = if quarters == 4 { 2 } else { 1 };
                for at in 0..quarters {
                    let from = if at < quarters / 2 { &a } else { &b };
                    let index = usize::from(imm >> (at * bits)) & (quarters - 1);
                    result[at * 16..at * 16 + 16].copy_from_slice(&from[index * 16..index * 16 + 16]);
                }
                self.write(i, 0, &result, 8, length / 8)
            }
            Mnemonic::Vpbroadcastq | Mnemonic::Vbroadcastsd => self.broadcast(i, 8, length),
            Mnemonic::Vpbroadcastd | Mnemonic::Vbroadcastss => self.broadcast(i, 4, length),
            Mnemonic::Vpbroadcastb => self.broadcast(i, 1, length),
            Mnemonic::Vpbroadcastw => self.broadcast(i, 2, length),
            Mnemonic::Vmaskmovpd | Mnemonic::Vpmaskmovq => self.masked_move(i, 8, length),
            Mnemonic::Vmaskmovps | Mnemonic::Vpmaskmovd => self.masked_move(i, 4, length),
            Mnemonic::Vmovsd | Mnemonic::Vmovss => {
                let width = if i.mnemonic() == Mnemonic::Vmovsd { 8 } else { 4 };
                if i.op_count() == 3 {
                    let (a, b) = (self.source(i, 1, 8, 2)?, self.source(i, 2, 8, 2)?);
                    result[..16].copy_from_slice(&a[..16]);
                    result[..width].copy_from_slice(&b[..width]);
                    return self.write_plain(i, &result);
                }
                let a = self.source(i, 1, width, 1)?;
                result[..width].copy_from_slice(&a[..width]);
                self.write(i, 0, &result, width, 1)
            }
            Mnemonic::Vaddsd
            | Mnemonic::Vmulsd
            | Mnemonic::Vminsd
            | Mnemonic::Vmaxsd
            | Mnemonic::Vaddss
            | Mnemonic::Vmulss
            | Mnemonic::Vminss
            | Mnemonic::Vmaxss => {
                // As the vector instruction does it in its lowest lane; the others are those of the first source.
                let (width, all) = match i.mnemonic() {
                    Mnemonic::Vaddsd => (8, Mnemonic::Vaddpd),
                    Mnemonic::Vmulsd => (8, Mnemonic::Vmulpd),
                    Mnemonic::Vminsd => (8, Mnemonic::Vminpd),
                    Mnemonic::Vmaxsd => (8, Mnemonic::Vmaxpd),
                    Mnemonic::Vaddss => (4, Mnemonic::Vaddps),
                    Mnemonic::Vmulss => (4, Mnemonic::Vmulps),
                    Mnemonic::Vminss => (4, Mnemonic::Vminps),
                    _ => (4, Mnemonic::Vmaxps),
                };
                let Some(Lanewise::Binary(_, f)) = lanewise(all) else { return unknown(all) };
                let (a, b) = (self.source(i, 1, 8, 2)?, self.source(i, 2, width, 1)?);
                result[..16].copy_from_slice(&a[..16]);
                set_lane(&mut result, width, 0, f(lane(&a, width, 0), lane(&b, width, 0)));
                self.write_plain(i, &result)
            }
            Mnemonic::Vmovhpd if i.op_count() == 3 => {
                let (a, b) = (self.source(i, 1, 8, 2)?, self.source(i, 2, 8, 1)?);
                result[..8].copy_from_slice(&a[..8]);
                result[8..16].copy_from_slice(&b[..8]);
                self.write_plain(i, &result)
            }
            Mnemonic::Vmovhpd => {
                let a = self.source(i, 1, 8, 2)?;
                result[..8].copy_from_slice(&a[8..16]);
                self.write(i, 0, &result, 8, 1)
            }
            Mnemonic::Vmovq | Mnemonic::Vmovd => {
                let width = if i.mnemonic() == Mnemonic::Vmovq { 8 } else { 4 };
                let word = if i.op_kind(1) == OpKind::Register && i.op_register(1).is_vector_register() {
                    lane(&self.vectors[i.op_register(1).number()], width, 0)
                } else {
                    self.general_source(i, 1)?
                };
                if i.op_kind(0) == OpKind::Register && i.op_register(0).is_vector_register() {
                    set_lane(&mut result, width, 0, word);
                    return self.write_plain(i, &result);
                }
                self.general_write(i, 0, word)
            }
            Mnemonic::Vpinsrq | Mnemonic::Vpinsrd | Mnemonic::Vpinsrb | Mnemonic::Vpinsrw => {
                let width = match i.mnemonic() {
                    Mnemonic::Vpinsrq => 8,
                    Mnemonic::Vpinsrd => 4,
                    Mnemonic::Vpinsrw => 2,
                    _ => 1,
                };
                let a = self.source(i, 1, 8, 2)?;
                let word = self.general_source(i, 2)?;
                result[..16].copy_from_slice(&a[..16]);
                let index = usize::from(self.immediate(i)?) % (16 / width);
                set_lane(&mut result, width, index, word);
                self.write_plain(i, &result)
            }
            Mnemonic::Vpextrq | Mnemonic::Vpextrd | Mnemonic::Vpextrb | Mnemonic::Vpextrw => {
                let width = match i.mnemonic() {
                    Mnemonic::Vpextrq => 8,
                    Mnemonic::Vpextrd => 4,
                    Mnemonic::Vpextrw => 2,
                    _ => 1,
                };
                let a = self.source(i, 1, 8, 2)?;
                let index = usize::from(self.immediate(i)?) % (16 / width);
                let word = lane(&a, width, index);
                if i.op_kind(0) == OpKind::Memory {
                    let address = self.address(i)?;
                    return self.memory.write(address, &word.to_le_bytes()[..width]);
                }
                self.general_write(i, 0, word)
            }
            Mnemonic::Vinsertps => {
                let imm = self.immediate(i)?;
                let (a, b) = (self.source(i, 1, 4, 4)?, self.source(i, 2, 4, 1)?);
                let from = if i.op_kind(2) == OpKind::Memory { 0 } else { usize::from(imm >> 6) };
                result[..16].copy_from_slice(&a[..16]);
                set_lane(&mut result, 4, usize::from(imm >> 4 & 3), lane(&b, 4, from));
                for at in 0..4 {
                    if imm >> at & 1 != 0 {
                        set_lane(&mut result, 4, at, 0);
                    }
                }
                self.write_plain(i, &result)
            }
            Mnemonic::Vcvtsi2ss | Mnemonic::Vcvtsi2sd => {
                let a = self.source(i, 1, 8, 2)?;
                let raw = self.general_source(i, 2)?;
                let is_wide = i.op_kind(2) == OpKind::Memory && i.memory_size().size() == 8
                    || i.op_kind(2) == OpKind::Register && i.op_register(2).is_gpr64();
                let value = if is_wide { raw as i64 } else { i64::from(raw as i32) };
                result[..16].copy_from_slice(&a[..16]);
                if i.mnemonic() == Mnemonic::Vcvtsi2ss {
                    set_lane(&mut result, 4, 0, u64::from((value as f32).to_bits()));
                } else {
                    set_lane(&mut result, 8, 0, (value as f64).to_bits());
                }
                self.write_plain(i, &result)
            }
            Mnemonic::Vcvttsd2si | Mnemonic::Vcvttss2si => {
                let is_double = i.mnemonic() == Mnemonic::Vcvttsd2si;
                let a = self.source(i, 1, if is_double { 8 } else { 4 }, 1)?;
                let value = if is_double {
                    f64::from_bits(lane(&a, 8, 0))
                } else {
                    f64::from(f32::from_bits(lane(&a, 4, 0) as u32))
                };
                if !i.op_register(0).is_gpr64() {
                    return Err("a narrow destination".to_owned());
                }
                let limit = 9_223_372_036_854_775_808.0;
                let fits = value >= -limit && value < limit;
                self.general_write(i, 0, if fits { value as i64 as u64 } else { 1 << 63 })
            }
            Mnemonic::Vptest | Mnemonic::Vtestpd | Mnemonic::Vtestps => {
                let keep = match i.mnemonic() {
                    Mnemonic::Vptest => u64::MAX,
                    Mnemonic::Vtestpd => 1 << 63,
                    _ => 1 << 63 | 1 << 31,
                };
                let (a, b) = (self.source(i, 0, 8, length / 8)?, self.source(i, 1, 8, length / 8)?);
                let (mut both, mut only_second) = (0, 0);
                for at in 0..length / 8 {
                    let (a, b) = (lane(&a, 8, at), lane(&b, 8, at));
                    both |= a & b & keep;
                    only_second |= !a & b & keep;
                }
                self.flags =
                    super::Flags { zero: both == 0, carry: only_second == 0, ..super::Flags::default() };
                Ok(())
            }
            Mnemonic::Vmovmskpd | Mnemonic::Vmovmskps | Mnemonic::Vpmovmskb => {
                let width = match i.mnemonic() {
                    Mnemonic::Vmovmskpd => 8,
                    Mnemonic::Vmovmskps => 4,
                    _ => 1,
                };
                let a = self.source(i, 1, width, length / width)?;
                let mask = (0..length / width)
                    .fold(0, |mask, at| mask | (lane(&a, width, at) >> (width * 8 - 1)) << at);
                self.general_write(i, 0, mask)
            }
            Mnemonic::Vpackssdw | Mnemonic::Vpackusdw | Mnemonic::Vpacksswb | Mnemonic::Vpackuswb => {
                self.pack(i, length)
            }
            Mnemonic::Vgatherqpd | Mnemonic::Vpgatherqq => self.gather(i, 8),
            Mnemonic::Vgatherqps | Mnemonic::Vpgatherqd => self.gather(i, 4),
            Mnemonic::Vscatterqpd | Mnemonic::Vpscatterqq => self.scatter(i, 8),
            Mnemonic::Vscatterqps | Mnemonic::Vpscatterqd => self.scatter(i, 4),
            Mnemonic::Vpmovm2q => self.lanes_of_mask(i, 8, length),
            Mnemonic::Vpmovm2d => self.lanes_of_mask(i, 4, length),
            Mnemonic::Vpmovm2b => self.lanes_of_mask(i, 1, length),
            Mnemonic::Vpmovq2m | Mnemonic::Vpmovd2m | Mnemonic::Vpmovb2m => {
                let width = match i.mnemonic() {
                    Mnemonic::Vpmovq2m => 8,
                    Mnemonic::Vpmovd2m => 4,
                    _ => 1,
                };
                let a = self.source(i, 1, width, length / width)?;
                let mask = (0..length / width)
                    .fold(0, |mask, at| mask | (lane(&a, width, at) >> (width * 8 - 1)) << at);
                self.masks[i.op_register(0).number()] = mask;
                Ok(())
            }
            Mnemonic::Valignq => self.align(i, 8, length),
            Mnemonic::Valignd => self.align(i, 4, length),
            Mnemonic::Vpternlogq | Mnemonic::Vpternlogd => {
                let width = if i.mnemonic() == Mnemonic::Vpternlogq { 8 } else { 4 };
                let imm = self.immediate(i)?;
                let mut operands = [[0; 64]; 3];
                for (operand, number) in operands.iter_mut().zip(0..) {
                    *operand = self.source(i, number, width, length / width)?;
                }
                for at in 0..length {
                    let [a, b, c] = operands.map(|operand| operand[at]);
                    for bit in 0..8 {
                        let index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | c >> bit & 1;
                        result[at] |= (imm >> index & 1) << bit;
                    }
                }
                self.write(i, 0, &result, width, length / width)
            }
            other => unknown(other),
        }
    }

    /// Writes 128 bits of a register, no mask; the rest becomes 0.
    fn write_plain(&mut self, i: &Instruction, result: &Bytes) -> Outcome {
        if i.op_mask() != Register::None {
            return Err("an opmask".to_owned());
        }
        self.write(i, 0, result, 16, 1)
    }

    fn three(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome<[Bytes; 3]> {
        let count = length / width;
        Ok([
            self.source(i, 1, width, count)?,
            self.source(i, 2, width, count)?,
            self.source(i, 3, width, count)?,
        ])
    }

    /// The opmask chooses; it does not suppress the result.
    fn opmask_blend(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let count = length / width;
        let (a, b) = (self.source(i, 1, width, count)?, self.source(i, 2, width, count)?);
        let mut result = [0; 64];
        for at in 0..count {
            let is_second = self.in_opmask(i, at);
            let word = match is_second {
                true => lane(&b, width, at),
                false if i.zeroing_masking() => 0,
                false => lane(&a, width, at),
            };
            set_lane(&mut result, width, at, word);
        }
        let register = i.op_register(0).number();
        self.vectors[register] = result;
        Ok(())
    }

    fn immediate_blend(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let imm = self.immediate(i)?;
        let count = length / width;
        let (a, b) = (self.source(i, 1, width, count)?, self.source(i, 2, width, count)?);
        let mut result = [0; 64];
        for at in 0..count {
            set_lane(&mut result, width, at, lane(if imm >> at & 1 != 0 { &b } else { &a }, width, at));
        }
        self.write(i, 0, &result, width, count)
    }

    /// `op0 = op2[op1]`
    fn permute(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let count = length / width;
        let (index, a) = (self.source(i, 1, width, count)?, self.source(i, 2, width, count)?);
        let mut result = [0; 64];
        for at in 0..count {
            set_lane(&mut result, width, at, lane(&a, width, lane(&index, width, at) as usize % count));
        }
        self.write(i, 0, &result, width, count)
    }

    /// A table of two vectors: `vpermt2` has the indices in its second operand, `vpermi2` in its first.
    fn permute_two(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let count = length / width;
        let mut operands = [[0; 64]; 3];
        for (operand, number) in operands.iter_mut().zip(0..) {
            *operand = self.source(i, number, width, count)?;
        }
        let is_index_first = matches!(
            i.mnemonic(),
            Mnemonic::Vpermi2pd | Mnemonic::Vpermi2q | Mnemonic::Vpermi2ps | Mnemonic::Vpermi2d
        );
        let [low, index, high] =
            if is_index_first { [operands[1], operands[0], operands[2]] } else { operands };
        let mut result = [0; 64];
        for at in 0..count {
            let from = lane(&index, width, at) as usize % (2 * count);
            set_lane(
                &mut result,
                width,
                at,
                lane(if from < count { &low } else { &high }, width, from % count),
            );
        }
        self.write(i, 0, &result, width, count)
    }

    fn unpack(&mut self, i: &Instruction, width: usize, is_high: bool, length: usize) -> Outcome {
        let count = length / width;
        let (a, b) = (self.source(i, 1, width, count)?, self.source(i, 2, width, count)?);
        let part = 16 / width;
        let mut result = [0; 64];
        for at in 0..count {
            let within = at % part / 2 + if is_high { part / 2 } else { 0 };
            let from = if at % 2 == 0 { &a } else { &b };
            set_lane(&mut result, width, at, lane(from, width, at / part * part + within));
        }
        self.write(i, 0, &result, width, count)
    }

    /// Two vectors of wide elements into one of narrow ones, each 128 bits for themselves, with saturation.
    fn pack(&mut self, i: &Instruction, length: usize) -> Outcome {
        let (width, least, most) = match i.mnemonic() {
            Mnemonic::Vpackssdw => (4, i64::from(i16::MIN), i64::from(i16::MAX)),
            Mnemonic::Vpackusdw => (4, 0, i64::from(u16::MAX)),
            Mnemonic::Vpacksswb => (2, i64::from(i8::MIN), i64::from(i8::MAX)),
            _ => (2, 0, i64::from(u8::MAX)),
        };
        let count = length / width;
        let (a, b) = (self.source(i, 1, width, count)?, self.source(i, 2, width, count)?);
        let part = 16 / width;
        let mut result = [0; 64];
        for at in 0..2 * count {
            let from = if at % (2 * part) < part { &a } else { &b };
            let word = lane(from, width, at / (2 * part) * part + at % part);
            let value = if width == 4 { i64::from(word as i32) } else { i64::from(word as i16) };
            set_lane(&mut result, width / 2, at, value.clamp(least, most) as u64);
        }
        self.write(i, 0, &result, width / 2, 2 * count)
    }

    fn extract(&mut self, i: &Instruction, size: usize) -> Outcome {
        let length = register_length(i.op_register(1));
        let index = usize::from(self.immediate(i)?) % (length / size);
        let a = self.vectors[i.op_register(1).number()];
        let mut result = [0; 64];
        result[..size].copy_from_slice(&a[index * size..(index + 1) * size]);
        self.write(i, 0, &result, 8, size / 8)
    }

    fn insert(&mut self, i: &Instruction, size: usize, length: usize) -> Outcome {
        let index = usize::from(self.immediate(i)?) % (length / size);
        let mut result = self.source(i, 1, 8, length / 8)?;
        let b = self.source(i, 2, 8, size / 8)?;
        result[index * size..(index + 1) * size].copy_from_slice(&b[..size]);
        self.write(i, 0, &result, 8, length / 8)
    }

    fn broadcast(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let word = match i.op_kind(1) {
            OpKind::Register if i.op_register(1).is_vector_register() => {
                lane(&self.vectors[i.op_register(1).number()], width, 0)
            }
            OpKind::Register => self.general_source(i, 1)?,
            _ => {
                let mut bytes = [0; 8];
                let address = self.address(i)?;
                self.memory.read(address, &mut bytes[..width])?;
                u64::from_le_bytes(bytes)
            }
        };
        let mut result = [0; 64];
        for at in 0..length / width {
            set_lane(&mut result, width, at, word);
        }
        self.write(i, 0, &result, width, length / width)
    }

    /// Loads or stores where the sign of the mask vector is set.
    fn masked_move(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let address = self.address(i)?;
        let mask = self.vectors[i.op_register(1).number()];
        let is_store = i.op_kind(0) == OpKind::Memory;
        let mut result = [0; 64];
        for at in 0..length / width {
            if lane(&mask, width, at) >> (width * 8 - 1) == 0 {
                continue;
            }
            let range = at * width..(at + 1) * width;
            let place = address.wrapping_add((at * width) as u64);
            if is_store {
                let value = self.vectors[i.op_register(2).number()];
                self.memory.write(place, &value[range])?;
            } else {
                self.memory.read(place, &mut result[range])?;
            }
        }
        if is_store { Ok(()) } else { self.write(i, 0, &result, width, length / width) }
    }

    /// The address of a lane of a gather or scatter with 64-bit offsets.
    fn lane_address(&self, i: &Instruction, at: usize) -> Outcome<u64> {
        let base = match i.memory_base() {
            Register::None => 0,
            base => self.general[super::general_number(base)?],
        };
        let offset = lane(&self.vectors[i.memory_index().number()], 8, at);
        let scaled = offset.wrapping_mul(u64::from(i.memory_index_scale()));
        Ok(base.wrapping_add(scaled).wrapping_add(i.memory_displacement64()))
    }

    fn gather(&mut self, i: &Instruction, width: usize) -> Outcome {
        let count = (register_length(i.memory_index()) / 8).min(register_length(i.op_register(0)) / width);
        let destination = i.op_register(0).number();
        let mut result = [0; 64];
        let old = self.vectors[destination];
        if i.op_count() == 3 {
            return Err("a gather under a vector".to_owned());
        }
        for at in 0..count {
            let range = at * width..(at + 1) * width;
            if self.in_opmask(i, at) {
                let address = self.lane_address(i, at)?;
                self.memory.read(address, &mut result[range])?;
            } else {
                result[range.clone()].copy_from_slice(&old[range]);
            }
        }
        self.vectors[destination] = result;
        self.masks[i.op_mask().number()] = 0;
        Ok(())
    }

    fn scatter(&mut self, i: &Instruction, width: usize) -> Outcome {
        let count = (register_length(i.memory_index()) / 8).min(register_length(i.op_register(1)) / width);
        let value = self.vectors[i.op_register(1).number()];
        for at in 0..count {
            if self.in_opmask(i, at) {
                let address = self.lane_address(i, at)?;
                self.memory.write(address, &value[at * width..(at + 1) * width])?;
            }
        }
        self.masks[i.op_mask().number()] = 0;
        Ok(())
    }

    fn lanes_of_mask(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let mask = self.masks[i.op_register(1).number()];
        let mut result = [0; 64];
        for at in 0..length / width {
            set_lane(&mut result, width, at, if mask >> at & 1 != 0 { u64::MAX } else { 0 });
        }
        self.write(i, 0, &result, width, length / width)
    }

    /// The concatenation shifted right by elements.
    fn align(&mut self, i: &Instruction, width: usize, length: usize) -> Outcome {
        let count = length / width;
        let shift = usize::from(self.immediate(i)?) % count;
        let (a, b) = (self.source(i, 1, width, count)?, self.source(i, 2, width, count)?);
        let mut result = [0; 64];
        for at in 0..count {
            let from = at + shift;
            let word = if from < count { lane(&b, width, from) } else { lane(&a, width, from - count) };
            set_lane(&mut result, width, at, word);
        }
        self.write(i, 0, &result, width, count)
    }
}
