//! Instructions that do the same in every lane.

use super::{Machine, Outcome, lane, register_length, set_lane};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

/// What happens in a lane. Widths are in bytes.
#[derive(Clone, Copy)]
pub enum Lanewise {
    /// `op0 = f(op1)`
    Unary(usize, fn(u64) -> u64),
    /// `op0 = f(op1, op2)`
    Binary(usize, fn(u64, u64) -> u64),
    /// `op0 = f(op1, imm)`
    UnaryImm(usize, fn(u64, u8) -> u64),
    /// `op0 = f(op1, op2, imm)` in a vector or a mask.
    Compare(usize, fn(u64, u64, u8) -> bool),
    /// `op0 = f(op1)` with another width: from, to.
    Convert(usize, usize, fn(u64) -> u64),
    /// `op0 = f(a, b, c)`: the operands in the order of the digits.
    Fma(usize, [u32; 3], fn(u64, u64, u64) -> u64),
}

fn double(bits: u64) -> f64 {
    f64::from_bits(bits)
}

fn single(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn of_single(value: f32) -> u64 {
    u64::from(value.to_bits())
}

fn of_int(value: i32) -> u64 {
    u64::from(value as u32)
}

/// `vroundpd` and `vrndscalepd` without a scale.
fn round(value: f64, mode: u8) -> f64 {
    match mode & 7 {
        1 => value.floor(),
        2 => value.ceil(),
        3 => value.trunc(),
        _ => value.round_ties_even(),
    }
}

fn round_single(value: f32, mode: u8) -> f32 {
    match mode & 7 {
        1 => value.floor(),
        2 => value.ceil(),
        3 => value.trunc(),
        _ => value.round_ties_even(),
    }
}

/// The predicates of `vcmppd`; those from 16 on differ in what they signal.
fn float_compare(a: f64, b: f64, predicate: u8) -> bool {
    let is_unordered = a.is_nan() || b.is_nan();
    match predicate & 15 {
        0 => a == b,
        1 => a < b,
        2 => a <= b,
        3 => is_unordered,
        4 => a != b,
        5 => is_unordered || a >= b,
        6 => is_unordered || a > b,
        7 => !is_unordered,
        8 => a == b || is_unordered,
        9 => is_unordered || a < b,
        10 => is_unordered || a <= b,
        11 => false,
        12 => a != b && !is_unordered,
        13 => a >= b,
        14 => a > b,
        _ => true,
    }
}

fn int_compare(a: i64, b: i64, predicate: u8) -> bool {
    match predicate & 7 {
        0 => a == b,
        1 => a < b,
        2 => a <= b,
        3 => false,
        4 => a != b,
        5 => a >= b,
        6 => a > b,
        _ => true,
    }
}

/// To an `i64`, or its smallest if it does not fit.
fn truncated(value: f64) -> u64 {
    let limit = 9_223_372_036_854_775_808.0;
    if value >= -limit && value < limit { value as i64 as u64 } else { 1 << 63 }
}

/// To an `i32`, or its smallest if it does not fit.
fn truncated_int(value: f64) -> u64 {
    let whole = value.trunc();
    if (-2_147_483_648.0..=2_147_483_647.0).contains(&whole) { of_int(whole as i32) } else { 1 << 31 }
}

/// What the instruction does in each lane, if it is of that kind.
pub fn lanewise(mnemonic: Mnemonic) -> Option<Lanewise> {
    use Lanewise::{Binary, Compare, Convert, Fma, Unary, UnaryImm};
    let sign_extended = |from: usize, to: usize| {
        let extend: fn(u64) -> u64 = match from {
            1 => |a| i64::from(a as i8) as u64,
            2 => |a| i64::from(a as i16) as u64,
            _ => |a| i64::from(a as i32) as u64,
        };
        Convert(from, to, extend)
    };
    let same = |from, to| Convert(from, to, |a| a);
    const D132: [u32; 3] = [0, 2, 1];
    const D213: [u32; 3] = [1, 0, 2];
    const D231: [u32; 3] = [1, 2, 0];
    let fma_pd = |order| Fma(8, order, |a, b, c| double(a).mul_add(double(b), double(c)).to_bits());
    let fms_pd = |order| Fma(8, order, |a, b, c| double(a).mul_add(double(b), -double(c)).to_bits());
    let fnma_pd = |order| Fma(8, order, |a, b, c| (-double(a)).mul_add(double(b), double(c)).to_bits());
    let fma_ps = |order| Fma(4, order, |a, b, c| of_single(single(a).mul_add(single(b), single(c))));
    let fms_ps = |order| Fma(4, order, |a, b, c| of_single(single(a).mul_add(single(b), -single(c))));
    let fnma_ps = |order| Fma(4, order, |a, b, c| of_single((-single(a)).mul_add(single(b), single(c))));
    Some(match mnemonic {
        Mnemonic::Vaddpd => Binary(8, |a, b| (double(a) + double(b)).to_bits()),
        Mnemonic::Vsubpd => Binary(8, |a, b| (double(a) - double(b)).to_bits()),
        Mnemonic::Vmulpd => Binary(8, |a, b| (double(a) * double(b)).to_bits()),
        Mnemonic::Vdivpd => Binary(8, |a, b| (double(a) / double(b)).to_bits()),
        Mnemonic::Vaddps => Binary(4, |a, b| of_single(single(a) + single(b))),
        Mnemonic::Vsubps => Binary(4, |a, b| of_single(single(a) - single(b))),
        Mnemonic::Vmulps => Binary(4, |a, b| of_single(single(a) * single(b))),
        Mnemonic::Vdivps => Binary(4, |a, b| of_single(single(a) / single(b))),
        // The second operand, unless the first is really better.
        Mnemonic::Vminpd => Binary(8, |a, b| if double(a) < double(b) { a } else { b }),
        Mnemonic::Vmaxpd => Binary(8, |a, b| if double(a) > double(b) { a } else { b }),
        Mnemonic::Vminps => Binary(4, |a, b| if single(a) < single(b) { a } else { b }),
        Mnemonic::Vmaxps => Binary(4, |a, b| if single(a) > single(b) { a } else { b }),
        Mnemonic::Vsqrtpd => Unary(8, |a| double(a).sqrt().to_bits()),
        Mnemonic::Vsqrtps => Unary(4, |a| of_single(single(a).sqrt())),
        Mnemonic::Vroundpd => UnaryImm(8, |a, mode| round(double(a), mode).to_bits()),
        Mnemonic::Vroundps => UnaryImm(4, |a, mode| of_single(round_single(single(a), mode))),
        Mnemonic::Vrndscalepd => UnaryImm(8, |a, mode| round(double(a), mode).to_bits()),
        Mnemonic::Vrndscaleps => UnaryImm(4, |a, mode| of_single(round_single(single(a), mode))),
        Mnemonic::Vandpd | Mnemonic::Vpand | Mnemonic::Vpandq => Binary(8, |a, b| a & b),
        Mnemonic::Vandnpd | Mnemonic::Vpandn | Mnemonic::Vpandnq => Binary(8, |a, b| !a & b),
        Mnemonic::Vorpd | Mnemonic::Vpor | Mnemonic::Vporq => Binary(8, |a, b| a | b),
        Mnemonic::Vxorpd | Mnemonic::Vpxor | Mnemonic::Vpxorq => Binary(8, |a, b| a ^ b),
        Mnemonic::Vandps | Mnemonic::Vpandd => Binary(4, |a, b| a & b),
        Mnemonic::Vandnps | Mnemonic::Vpandnd => Binary(4, |a, b| !a & b),
        Mnemonic::Vorps | Mnemonic::Vpord => Binary(4, |a, b| a | b),
        Mnemonic::Vxorps | Mnemonic::Vpxord => Binary(4, |a, b| a ^ b),
        Mnemonic::Vpaddq => Binary(8, u64::wrapping_add),
        Mnemonic::Vpaddd => Binary(4, u64::wrapping_add),
        Mnemonic::Vpaddw => Binary(2, u64::wrapping_add),
        Mnemonic::Vpaddb => Binary(1, u64::wrapping_add),
        Mnemonic::Vpsubq => Binary(8, u64::wrapping_sub),
        Mnemonic::Vpsubd => Binary(4, u64::wrapping_sub),
        Mnemonic::Vpsubw => Binary(2, u64::wrapping_sub),
        Mnemonic::Vpsubb => Binary(1, u64::wrapping_sub),
        Mnemonic::Vpmullw => Binary(2, u64::wrapping_mul),
        Mnemonic::Vpmulhuw => Binary(2, |a, b| (a * b) >> 16),
        Mnemonic::Vpminsw => Binary(2, |a, b| if (a as i16) < b as i16 { a } else { b }),
        Mnemonic::Vpmaxsw => Binary(2, |a, b| if a as i16 > b as i16 { a } else { b }),
        Mnemonic::Vpminsb => Binary(1, |a, b| if (a as i8) < b as i8 { a } else { b }),
        Mnemonic::Vpmaxsb => Binary(1, |a, b| if a as i8 > b as i8 { a } else { b }),
        Mnemonic::Vpminub => Binary(1, u64::min),
        Mnemonic::Vpmaxub => Binary(1, u64::max),
        Mnemonic::Vpminuw => Binary(2, u64::min),
        Mnemonic::Vpmaxuw => Binary(2, u64::max),
        Mnemonic::Vpavgb => Binary(1, |a, b| (a + b + 1) >> 1),
        Mnemonic::Vpavgw => Binary(2, |a, b| (a + b + 1) >> 1),
        Mnemonic::Vpabsw => Unary(2, |a| u64::from((a as i16).unsigned_abs())),
        Mnemonic::Vpabsb => Unary(1, |a| u64::from((a as i8).unsigned_abs())),
        Mnemonic::Vpsllw => UnaryImm(2, |a, count| if count < 16 { a << count } else { 0 }),
        Mnemonic::Vpsrlw => UnaryImm(2, |a, count| if count < 16 { a >> count } else { 0 }),
        Mnemonic::Vpsraw => UnaryImm(2, |a, count| (a as i16 >> count.min(15)) as u64),
        Mnemonic::Vpmullq => Binary(8, u64::wrapping_mul),
        Mnemonic::Vpmulld => Binary(4, u64::wrapping_mul),
        Mnemonic::Vpmuludq => Binary(8, |a, b| (a & 0xffff_ffff) * (b & 0xffff_ffff)),
        Mnemonic::Vpminsq => Binary(8, |a, b| (a as i64).min(b as i64) as u64),
        Mnemonic::Vpmaxsq => Binary(8, |a, b| (a as i64).max(b as i64) as u64),
        Mnemonic::Vpminsd => Binary(4, |a, b| of_int((a as i32).min(b as i32))),
        Mnemonic::Vpmaxsd => Binary(4, |a, b| of_int((a as i32).max(b as i32))),
        Mnemonic::Vpabsq => Unary(8, |a| (a as i64).wrapping_abs() as u64),
        Mnemonic::Vpabsd => Unary(4, |a| of_int((a as i32).wrapping_abs())),
        Mnemonic::Vpsllvq => Binary(8, |a, b| if b < 64 { a << b } else { 0 }),
        Mnemonic::Vpsrlvq => Binary(8, |a, b| if b < 64 { a >> b } else { 0 }),
        Mnemonic::Vpsravq => Binary(8, |a, b| (a as i64 >> b.min(63)) as u64),
        Mnemonic::Vpsllvd => Binary(4, |a, b| if b < 32 { a << b } else { 0 }),
        Mnemonic::Vpsrlvd => Binary(4, |a, b| if b < 32 { a >> b } else { 0 }),
        Mnemonic::Vpsravd => Binary(4, |a, b| of_int(a as i32 >> b.min(31))),
        Mnemonic::Vpsllq => UnaryImm(8, |a, count| if count < 64 { a << count } else { 0 }),
        Mnemonic::Vpsrlq => UnaryImm(8, |a, count| if count < 64 { a >> count } else { 0 }),
        Mnemonic::Vpsraq => UnaryImm(8, |a, count| (a as i64 >> count.min(63)) as u64),
        Mnemonic::Vpslld => UnaryImm(4, |a, count| if count < 32 { a << count } else { 0 }),
        Mnemonic::Vpsrld => UnaryImm(4, |a, count| if count < 32 { a >> count } else { 0 }),
        Mnemonic::Vpsrad => UnaryImm(4, |a, count| of_int(a as i32 >> count.min(31))),
        Mnemonic::Vcmppd => Compare(8, |a, b, predicate| float_compare(double(a), double(b), predicate)),
        Mnemonic::Vcmpps => {
            Compare(4, |a, b, predicate| float_compare(f64::from(single(a)), f64::from(single(b)), predicate))
        }
        Mnemonic::Vpcmpq => Compare(8, |a, b, predicate| int_compare(a as i64, b as i64, predicate)),
        Mnemonic::Vpcmpd => {
            Compare(4, |a, b, predicate| int_compare(i64::from(a as i32), i64::from(b as i32), predicate))
        }
        Mnemonic::Vpcmpuq => {
            Compare(8, |a, b, predicate| int_compare((a ^ 1 << 63) as i64, (b ^ 1 << 63) as i64, predicate))
        }
        Mnemonic::Vpcmpud => Compare(4, |a, b, predicate| int_compare(a as i64, b as i64, predicate)),
        Mnemonic::Vpcmpub => Compare(1, |a, b, predicate| int_compare(a as i64, b as i64, predicate)),
        Mnemonic::Vpcmpb => {
            Compare(1, |a, b, predicate| int_compare(i64::from(a as i8), i64::from(b as i8), predicate))
        }
        Mnemonic::Vpcmpeqq => Compare(8, |a, b, _| a == b),
        Mnemonic::Vpcmpeqd => Compare(4, |a, b, _| a == b),
        Mnemonic::Vpcmpeqw => Compare(2, |a, b, _| a == b),
        Mnemonic::Vpcmpeqb => Compare(1, |a, b, _| a == b),
        Mnemonic::Vpcmpgtw => Compare(2, |a, b, _| a as i16 > b as i16),
        Mnemonic::Vpcmpgtb => Compare(1, |a, b, _| a as i8 > b as i8),
        Mnemonic::Vpcmpgtq => Compare(8, |a, b, _| a as i64 > b as i64),
        Mnemonic::Vpcmpgtd => Compare(4, |a, b, _| a as i32 > b as i32),
        Mnemonic::Vptestmq => Compare(8, |a, b, _| a & b != 0),
        Mnemonic::Vptestmd => Compare(4, |a, b, _| a & b != 0),
        Mnemonic::Vptestmb => Compare(1, |a, b, _| a & b != 0),
        Mnemonic::Vptestnmq => Compare(8, |a, b, _| a & b == 0),
        Mnemonic::Vptestnmd => Compare(4, |a, b, _| a & b == 0),
        Mnemonic::Vcvtps2pd => Convert(4, 8, |a| f64::from(single(a)).to_bits()),
        Mnemonic::Vcvtpd2ps => Convert(8, 4, |a| of_single(double(a) as f32)),
        Mnemonic::Vcvtdq2pd => Convert(4, 8, |a| f64::from(a as i32).to_bits()),
        Mnemonic::Vcvtdq2ps => Convert(4, 4, |a| of_single(a as i32 as f32)),
        Mnemonic::Vcvtqq2pd => Convert(8, 8, |a| (a as i64 as f64).to_bits()),
        Mnemonic::Vcvtqq2ps => Convert(8, 4, |a| of_single(a as i64 as f32)),
        Mnemonic::Vcvttpd2qq => Convert(8, 8, |a| truncated(double(a))),
        Mnemonic::Vcvttps2qq => Convert(4, 8, |a| truncated(f64::from(single(a)))),
        Mnemonic::Vcvttpd2dq => Convert(8, 4, |a| truncated_int(double(a))),
        Mnemonic::Vcvttps2dq => Convert(4, 4, |a| truncated_int(f64::from(single(a)))),
        Mnemonic::Vpmovsxbw => sign_extended(1, 2),
        Mnemonic::Vpmovsxbd => sign_extended(1, 4),
        Mnemonic::Vpmovsxbq => sign_extended(1, 8),
        Mnemonic::Vpmovsxwd => sign_extended(2, 4),
        Mnemonic::Vpmovsxwq => sign_extended(2, 8),
        Mnemonic::Vpmovsxdq => sign_extended(4, 8),
        Mnemonic::Vpmovzxbw => same(1, 2),
        Mnemonic::Vpmovzxbd => same(1, 4),
        Mnemonic::Vpmovzxbq => same(1, 8),
        Mnemonic::Vpmovzxwd => same(2, 4),
        Mnemonic::Vpmovzxwq => same(2, 8),
        Mnemonic::Vpmovzxdq => same(4, 8),
        Mnemonic::Vpmovqd => same(8, 4),
        Mnemonic::Vpmovqw => same(8, 2),
        Mnemonic::Vpmovqb => same(8, 1),
        Mnemonic::Vpmovdw => same(4, 2),
        Mnemonic::Vpmovdb => same(4, 1),
        Mnemonic::Vfmadd132pd => fma_pd(D132),
        Mnemonic::Vfmadd213pd => fma_pd(D213),
        Mnemonic::Vfmadd231pd => fma_pd(D231),
        Mnemonic::Vfmsub132pd => fms_pd(D132),
        Mnemonic::Vfmsub213pd => fms_pd(D213),
        Mnemonic::Vfmsub231pd => fms_pd(D231),
        Mnemonic::Vfnmadd132pd => fnma_pd(D132),
        Mnemonic::Vfnmadd213pd => fnma_pd(D213),
        Mnemonic::Vfnmadd231pd => fnma_pd(D231),
        Mnemonic::Vfmadd132ps => fma_ps(D132),
        Mnemonic::Vfmadd213ps => fma_ps(D213),
        Mnemonic::Vfmadd231ps => fma_ps(D231),
        Mnemonic::Vfmsub132ps => fms_ps(D132),
        Mnemonic::Vfmsub213ps => fms_ps(D213),
        Mnemonic::Vfmsub231ps => fms_ps(D231),
        Mnemonic::Vfnmadd132ps => fnma_ps(D132),
        Mnemonic::Vfnmadd213ps => fnma_ps(D213),
        Mnemonic::Vfnmadd231ps => fnma_ps(D231),
        Mnemonic::Vmovups | Mnemonic::Vmovaps | Mnemonic::Vmovdqu32 | Mnemonic::Vmovdqa32 => Unary(4, |a| a),
        Mnemonic::Vmovupd
        | Mnemonic::Vmovapd
        | Mnemonic::Vmovdqu
        | Mnemonic::Vmovdqa
        | Mnemonic::Vmovdqu64
        | Mnemonic::Vmovdqa64
        | Mnemonic::Vmovntpd
        | Mnemonic::Vmovntps
        | Mnemonic::Vmovntdq => Unary(8, |a| a),
        Mnemonic::Vmovdqu8 => Unary(1, |a| a),
        Mnemonic::Vmovdqu16 => Unary(2, |a| a),
        _ => return None,
    })
}

/// Moves that fault unless the address is a multiple of the length.
fn wants_alignment(mnemonic: Mnemonic) -> bool {
    matches!(
        mnemonic,
        Mnemonic::Vmovaps
            | Mnemonic::Vmovapd
            | Mnemonic::Vmovdqa
            | Mnemonic::Vmovdqa32
            | Mnemonic::Vmovdqa64
            | Mnemonic::Vmovntpd
            | Mnemonic::Vmovntps
            | Mnemonic::Vmovntdq
    )
}

impl Machine {
    pub(super) fn lanewise(&mut self, i: &Instruction, what: Lanewise) -> Outcome {
        let length = self.length(i);
        let has_memory = (0..i.op_count()).any(|operand| i.op_kind(operand) == OpKind::Memory);
        if has_memory && wants_alignment(i.mnemonic()) && self.address(i)? % length as u64 != 0 {
            return Err(format!("address {:#x} is not aligned", self.address(i)?));
        }
        let mut result = [0; 64];
        match what {
            Lanewise::Unary(width, f) => {
                let a = self.source(i, 1, width, length / width)?;
                for at in 0..length / width {
                    set_lane(&mut result, width, at, f(lane(&a, width, at)));
                }
                self.write(i, 0, &result, width, length / width)
            }
            Lanewise::UnaryImm(width, f) => {
                // A shift by the count in a register is another instruction of the same name.
                let imm = self.immediate(i)?;
                if matches!(i.mnemonic(), Mnemonic::Vrndscalepd | Mnemonic::Vrndscaleps) && imm >> 4 != 0 {
                    return Err("a scale".to_owned());
                }
                let a = self.source(i, 1, width, length / width)?;
                for at in 0..length / width {
                    set_lane(&mut result, width, at, f(lane(&a, width, at), imm));
                }
                self.write(i, 0, &result, width, length / width)
            }
            Lanewise::Binary(width, f) => {
                let a = self.source(i, 1, width, length / width)?;
                let b = self.source(i, 2, width, length / width)?;
                for at in 0..length / width {
                    set_lane(&mut result, width, at, f(lane(&a, width, at), lane(&b, width, at)));
                }
                self.write(i, 0, &result, width, length / width)
            }
            Lanewise::Fma(width, order, f) => {
                let mut operands = [[0; 64]; 3];
                for (operand, number) in operands.iter_mut().zip(order) {
                    *operand = self.source(i, number, width, length / width)?;
                }
                for at in 0..length / width {
                    let [a, b, c] = operands.map(|operand| lane(&operand, width, at));
                    set_lane(&mut result, width, at, f(a, b, c));
                }
                self.write(i, 0, &result, width, length / width)
            }
            Lanewise::Convert(from, to, f) => {
                if i.is_broadcast() && from > to {
                    return Err("a broadcast that is narrowed".to_owned());
                }
                let registers = [0, 1].map(|operand| match i.op_kind(operand) {
                    OpKind::Register => register_length(i.op_register(operand)),
                    _ if i.is_broadcast() => 64,
                    _ => i.memory_size().size(),
                });
                let count = (registers[0] / to).min(registers[1] / from);
                let a = self.source(i, 1, from, count)?;
                for at in 0..count {
                    set_lane(&mut result, to, at, f(lane(&a, from, at)));
                }
                self.write(i, 0, &result, to, count)
            }
            Lanewise::Compare(width, f) => {
                let count = length / width;
                let imm = if i.op_count() == 4 { self.immediate(i)? } else { 0 };
                let a = self.source(i, 1, width, count)?;
                let b = self.source(i, 2, width, count)?;
                let holds = |at: usize| f(lane(&a, width, at), lane(&b, width, at), imm);
                if i.op_register(0).is_k() {
                    // A mask register is written whole; lanes outside of the opmask become 0.
                    let mask = (0..count)
                        .filter(|&at| self.in_opmask(i, at) && holds(at))
                        .fold(0, |mask, at| mask | 1_u64 << at);
                    self.masks[i.op_register(0).number()] = mask;
                    return Ok(());
                }
                if i.op_mask() != Register::None {
                    return Err("an opmask".to_owned());
                }
                for at in 0..count {
                    set_lane(&mut result, width, at, if holds(at) { u64::MAX } else { 0 });
                }
                self.write(i, 0, &result, width, count)
            }
        }
    }
}
