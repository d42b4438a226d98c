//! Conversions, and the reshuffling that goes with lanes of another size.

use regalloc2::VReg;

use super::masks::Logic;
use super::reps::{Rep, size_of};
use super::{Lower, Parts};
use crate::emit::{INT, Src};
use crate::encode::{F, Width};
use crate::ir::{Convert, Ty, Value};

/// 1.5 * 2^52: added to a whole number below 2^51, its low bits are that number.
const SHIFTER: u64 = 0x4338_0000_0000_0000;

impl Lower<'_> {
    /// A conversion.
    pub(super) fn convert(&mut self, value: Value, op: Convert, a: Value) -> Rep {
        let (from, to) = (self.ty(a), self.ty(value));
        match op {
            Convert::Bits => match &self.reps[a] {
                Rep::Pending(_) => Rep::Lanes(self.parts(a)),
                rep => rep.clone(),
            },
            Convert::Widen => self.widen(a, F::Vcvtps2pd),
            Convert::SignExtend => self.widen(a, F::Vpmovsxdq),
            Convert::ZeroExtend => self.widen(a, F::Vpmovzxdq),
            Convert::Narrow => self.narrow(a, F::Vcvtpd2ps),
            Convert::Truncate => self.truncate(a),
            Convert::IntToFloat => match (from, to) {
                (Ty::I32, Ty::F64) => self.widen(a, F::Vcvtdq2pd),
                (Ty::I32, _) => self.same_size(a, |lower, width, x| lower.func.rm(F::Vcvtdq2ps, width, x)),
                (_, Ty::F64) => self.same_size(a, Self::long_to_double),
                (_, _) if self.evex => self.narrow(a, F::Vcvtqq2ps),
                _ => self.long_to_single(a),
            },
            Convert::SmallToFloat => self.same_size(a, |lower, width, x| {
                if lower.evex {
                    return lower.func.rm(F::Vcvtqq2pd, width, x);
                }
                let shifter = lower.const_src(SHIFTER, 8);
                let sum = lower.func.rvm(F::Vpaddq, width, x, shifter);
                lower.func.rvm(F::Vsubpd, width, sum, shifter)
            }),
            Convert::WholeToInt => self.same_size(a, |lower, width, x| {
                let shifter = lower.const_src(SHIFTER, 8);
                let sum = lower.func.rvm(F::Vaddpd, width, x, shifter);
                lower.func.rvm(F::Vpsubq, width, sum, shifter)
            }),
            Convert::FloatToInt if from == Ty::F32 => {
                if self.evex {
                    return self.widen(a, F::Vcvttps2qq);
                }
                match self.widen(a, F::Vcvtps2pd) {
                    Rep::Uniform(x) => Rep::Uniform(self.double_to_long(Width::Y, x)),
                    Rep::Lanes(parts) => {
                        Rep::Lanes(parts.iter().map(|&x| self.double_to_long(Width::Y, x)).collect())
                    }
                    other => other,
                }
            }
            Convert::FloatToInt => self.same_size(a, Self::double_to_long),
            Convert::MaskToInt => {
                let size = size_of(to);
                let parts = self.mask_parts(a, size);
                Rep::Lanes(self.ones(&parts, size))
            }
        }
    }

    /// Lane by lane, of one size.
    fn same_size(&mut self, a: Value, mut f: impl FnMut(&mut Self, Width, VReg) -> VReg) -> Rep {
        let size = size_of(self.ty(a));
        let width = self.width(size);
        self.each_part(&[a], size, |lower, part| {
            let x = lower.reg(a, part);
            f(lower, width, x)
        })
    }

    /// `I64` to doubles, one rounding.
    fn long_to_double(&mut self, width: Width, x: VReg) -> VReg {
        if self.evex {
            return self.func.rm(F::Vcvtqq2pd, width, x);
        }
        // The halves as doubles 2^52 + low and 2^84 + 2^63 + high * 2^32 (the sign flipped); only the last sum rounds.
        let low_one = self.const_src(0x4330_0000_0000_0000, 8);
        let low = self.func.rvmi(F::Vpblendd, width, x, low_one, 0xAA);
        let high = self.func.rmi(F::Vpsrlq, width, x, 32);
        let high_one = self.const_src(0x4530_0000_8000_0000, 8);
        let high = self.func.rvm(F::Vpxor, width, high, high_one);
        let both = self.const_src(0x4530_0000_8010_0000, 8);
        let high = self.func.rvm(F::Vsubpd, width, high, both);
        self.func.rvm(F::Vaddpd, width, high, low)
    }

    /// Doubles to `I64`, truncated; what does not fit becomes the smallest one.
    fn double_to_long(&mut self, width: Width, x: VReg) -> VReg {
        if self.evex {
            return self.func.rm(F::Vcvttpd2qq, width, x);
        }
        let whole = self.round(true, width, Src::Reg(x), 3 | 8);
        let scale = self.const_src((2f64.powi(-32)).to_bits(), 8);
        let high = self.func.rvm(F::Vmulpd, width, whole, scale);
        let high = self.round(true, width, Src::Reg(high), 1 | 8);
        // whole - high * 2^32: exact, in 0 .. 2^32.
        let unscale = self.const_src((2f64.powi(32)).to_bits(), 8);
        let low = self.func.fma(F::Vfnmadd231pd, width, whole, high, unscale);
        let shifter = self.const_src(SHIFTER, 8);
        let high = self.func.rvm(F::Vaddpd, width, high, shifter);
        let high = self.func.rmi(F::Vpsllq, width, high, 32);
        let one = self.const_src(0x4330_0000_0000_0000, 8);
        let low = self.func.rvm(F::Vaddpd, width, low, one);
        let low = self.func.rvm(F::Vpxor, width, low, one);
        let sum = self.func.rvm(F::Vpor, width, high, low);
        let rest = self.const_src(i64::MAX as u64, 8);
        let magnitude = self.func.rvm(F::Vandpd, width, x, rest);
        let limit = self.const_src((2f64.powi(63)).to_bits(), 8);
        let fits = self.func.rvmi(F::Vcmppd, width, magnitude, limit, 0x11);
        let smallest = self.const_reg(1 << 63, 8);
        self.func.blend(F::Vblendvpd, width, smallest, sum, fits)
    }

    /// `I64` to singles, one rounding, lane by lane (AVX2).
    fn long_to_single(&mut self, a: Value) -> Rep {
        let lanes = self.extract_longs(a);
        let zero = self.const_reg(0, 4);
        let singles: Vec<VReg> =
            lanes.into_iter().map(|lane| self.func.rvm(F::Vcvtsi2ss, Width::X, zero, lane)).collect();
        let quads: Vec<VReg> = singles
            .chunks(4)
            .map(|lane| {
                let low = self.func.rvm(F::Vpunpckldq, Width::X, lane[0], lane[1]);
                let high = self.func.rvm(F::Vpunpckldq, Width::X, lane[2], lane[3]);
                self.func.rvm(F::Vpunpcklqdq, Width::X, low, high)
            })
            .collect();
        Rep::Lanes(self.join_quarters(&quads))
    }

    /// All lanes of 8 bytes in general registers.
    pub(super) fn extract_longs(&mut self, a: Value) -> Vec<VReg> {
        let parts = self.parts(a);
        self.extract(&parts, 8)
    }

    /// Lanes in general registers.
    pub(super) fn extract(&mut self, parts: &[VReg], size: u8) -> Vec<VReg> {
        let mut lanes = vec![];
        for &part in parts {
            for quarter in self.quarters(part, size) {
                if size == 8 {
                    lanes.push(self.func.mr(F::VmovqToG, Width::X, INT, quarter, None));
                    lanes.push(self.func.mr(F::Vpextrq, Width::X, INT, quarter, Some(1)));
                } else {
                    lanes.push(self.func.mr(F::VmovdToG, Width::X, INT, quarter, None));
                    for lane in 1..4 {
                        lanes.push(self.func.mr(F::Vpextrd, Width::X, INT, quarter, Some(lane)));
                    }
                }
            }
        }
        lanes
    }

    /// The 128-bit pieces of a part.
    pub(super) fn quarters(&mut self, part: VReg, size: u8) -> Vec<VReg> {
        match self.width(size) {
            Width::X => vec![part],
            Width::Y if self.evex => {
                vec![part, self.func.mr(F::Vextractf64x2, Width::Y, crate::emit::VEC, part, Some(1))]
            }
            Width::Y => vec![part, self.func.mr(F::Vextractf128, Width::Y, crate::emit::VEC, part, Some(1))],
            Width::Z => {
                let mut all = vec![part];
                for k in 1..4 {
                    all.push(self.func.mr(F::Vextractf64x2, Width::Z, crate::emit::VEC, part, Some(k)));
                }
                all
            }
        }
    }

    /// Pieces of 128 bits as whole registers (or one piece, if a part has no more).
    pub(super) fn join_quarters(&mut self, pieces: &[VReg]) -> Parts {
        let lanes_in_pieces = pieces.len();
        let per = (self.reg_bytes as usize / 16).min(lanes_in_pieces).max(1);
        pieces
            .chunks(per)
            .map(|chunk| {
                let pairs: Vec<VReg> = chunk
                    .chunks(2)
                    .map(|pair| match pair {
                        [low, high] => self.insert_half(Width::Y, *low, *high),
                        [only] => *only,
                        _ => pair[0],
                    })
                    .collect();
                match pairs.as_slice() {
                    [low, high] => self.insert_half(Width::Z, *low, *high),
                    _ => pairs[0],
                }
            })
            .collect()
    }

    /// Two halves as one register of a width.
    pub(super) fn insert_half(&mut self, width: Width, low: VReg, high: VReg) -> VReg {
        match width {
            Width::Z => self.func.rvmi(F::Vinsertf64x4, width, low, high, 1),
            _ if self.evex => self.func.rvmi(F::Vinsertf64x2, width, low, high, 1),
            _ => self.func.rvmi(F::Vinsertf128, width, low, high, 1),
        }
    }

    /// The upper half of a register of a width.
    pub(super) fn upper_half(&mut self, width: Width, part: VReg) -> VReg {
        let f = match width {
            Width::Z => F::Vextractf64x4,
            _ if self.evex => F::Vextractf64x2,
            _ => F::Vextractf128,
        };
        self.func.mr(f, width, crate::emit::VEC, part, Some(1))
    }

    /// Lanes of 4 bytes to lanes of 8: two parts from each.
    fn widen(&mut self, a: Value, f: F) -> Rep {
        let full = self.full_width();
        if self.is_uniform(a) {
            let x = self.reg(a, 0);
            return Rep::Uniform(self.func.rm(f, full, x));
        }
        if let Rep::Pending(waiting) = self.reps[a].clone()
            && waiting.is_operand(4)
        {
            let width = self.width(8);
            let bytes = width.bytes() / 2;
            let parts = (0..self.count(8) as u32)
                .map(|part| self.func.rm(f, width, Src::Mem(waiting.addr.plus((part * bytes) as i32))))
                .collect();
            return Rep::Lanes(parts);
        }
        let parts = self.parts(a);
        Rep::Lanes(self.widen_lanes(f, &parts))
    }

    /// The same for parts.
    pub(super) fn widen_lanes(&mut self, f: F, parts: &Parts) -> Parts {
        let width = self.width(8);
        let whole = self.per_part(4) == self.per_part(8);
        let mut wide = Parts::new();
        for &part in parts {
            wide.push(self.func.rm(f, width, part));
            if !whole {
                let high = self.upper_half(self.width(4), part);
                wide.push(self.func.rm(f, width, high));
            }
        }
        wide.truncate(self.count(8));
        wide
    }

    /// Lanes of 8 bytes to lanes of 4 by an instruction that gives half a register.
    fn narrow(&mut self, a: Value, f: F) -> Rep {
        if self.is_uniform(a) {
            let x = self.reg(a, 0);
            let full = self.full_width();
            let low = self.func.rm(f, full, x);
            return Rep::Uniform(self.func.rm(F::Vpbroadcastd, full, low));
        }
        let width = self.width(8);
        let halves: Parts = (0..self.count(8))
            .map(|part| {
                let x = self.src(a, part);
                self.func.rm(f, width, x)
            })
            .collect();
        Rep::Lanes(self.join_halves(&halves))
    }

    /// Halves as registers of lanes of 4 bytes.
    pub(super) fn join_halves(&mut self, halves: &Parts) -> Parts {
        if self.per_part(4) == self.per_part(8) {
            return halves.clone();
        }
        let width = self.full_width();
        halves.chunks(2).map(|pair| self.insert_half(width, pair[0], pair[1])).collect()
    }

    /// The low halves of `I64` lanes.
    fn truncate(&mut self, a: Value) -> Rep {
        if self.is_uniform(a) {
            let x = self.reg(a, 0);
            let full = self.full_width();
            return Rep::Uniform(self.func.rm(F::Vpbroadcastd, full, x));
        }
        let parts = self.parts(a);
        Rep::Lanes(self.narrow_lanes(&parts))
    }

    /// The low halves of lanes of 8 bytes.
    pub(super) fn narrow_lanes(&mut self, parts: &Parts) -> Parts {
        let width = self.width(8);
        if self.evex {
            let halves = parts
                .iter()
                .map(|&part| self.func.mr(F::Vpmovqd, width, crate::emit::VEC, part, None))
                .collect();
            return self.join_halves(&halves);
        }
        if self.per_part(4) == self.per_part(8) {
            return parts
                .iter()
                .map(|&part| {
                    let high = self.upper_half(width, part);
                    self.func.rvmi(F::Vshufps, Width::X, part, high, 0x88)
                })
                .collect();
        }
        parts
            .chunks(2)
            .map(|pair| {
                let mixed = self.func.rvmi(F::Vshufps, Width::Y, pair[0], pair[1], 0x88);
                self.func.rmi(F::Vpermq, Width::Y, mixed, 0xD8)
            })
            .collect()
    }

    /// Only the lanes of a mask, zero elsewhere, of vectors (AVX2).
    pub(super) fn only(&mut self, mask: VReg, a: VReg) -> VReg {
        self.logic(Logic::And, mask, a)
    }
}
