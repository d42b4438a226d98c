//! Contiguous elements that are smaller than their lanes: registers are taken apart when they are loaded, and packed when they are stored.
//!
//! ```text
//! bytes in 16-bit lanes, by place:       even = all & 0x00ff, odd = all >> 8           all = even | odd << 8
//! bytes in 16-bit lanes, in order:       vpmovzxbw                                     vpackuswb, vpermq
//! bytes and pairs in wider lanes:        vpmovzxbd, vpmovsxwq, ...                     vpshufb, vpor, vpermd
//! ```

use regalloc2::VReg;

use super::{Lower, Parts};
use crate::emit::{Addr, Src};
use crate::encode::{F, Width};
use crate::ir::Elem;

impl Lower<'_> {
    /// Bytes in 16-bit lanes: those at even places of each register, then those at odd ones.
    pub(super) fn load_split(&mut self, elem: Elem, addr: Addr) -> Parts {
        let width = self.full_width();
        let mut parts = Parts::new();
        for pair in 0..self.count(2) as i32 / 2 {
            let all = self.func.rm(F::Vmovups, width, Src::Mem(addr.plus(pair * 32)));
            if elem == Elem::I8 {
                let left = self.func.rmi(F::Vpsllw, width, all, 8);
                parts.push(self.func.rmi(F::Vpsraw, width, left, 8));
                parts.push(self.func.rmi(F::Vpsraw, width, all, 8));
            } else {
                let low = self.const_src(0xff, 2);
                parts.push(self.func.rvm(F::Vpand, width, all, low));
                parts.push(self.func.rmi(F::Vpsrlw, width, all, 8));
            }
        }
        parts
    }

    /// Lanes as [`Lower::load_split`] makes them, as bytes.
    pub(super) fn store_split(&mut self, parts: &Parts, addr: Addr, are_bytes: bool) {
        let width = self.full_width();
        for (number, pair) in parts.chunks(2).enumerate() {
            let mut even = pair[0];
            if !are_bytes {
                let low = self.const_src(0xff, 2);
                even = self.func.rvm(F::Vpand, width, even, low);
            }
            let odd = self.func.rmi(F::Vpsllw, width, pair[1], 8);
            let both = self.func.rvm(F::Vpor, width, even, odd);
            self.func.store(F::VmovupsSt, width, both, addr.plus(number as i32 * 32), None, None);
        }
    }

    /// Registers of 16-bit lanes as bytes, two as one. The instruction packs each half for itself, and turns what is no byte into the nearest.
    pub(super) fn store_pairs(&mut self, parts: &Parts, addr: Addr, are_bytes: bool) {
        let width = self.width(2);
        for (number, pair) in parts.chunks(2).enumerate() {
            let addr = addr.plus(number as i32 * 32);
            let bytes: Parts = pair
                .iter()
                .map(|&part| {
                    if are_bytes {
                        return part;
                    }
                    let low = self.const_src(0xff, 2);
                    self.func.rvm(F::Vpand, width, part, low)
                })
                .collect();
            let packed = self.func.rvm(F::Vpackuswb, width, bytes[0], bytes[bytes.len() - 1]);
            let ordered =
                self.func.rmi(F::Vpermq, Width::Y, packed, if bytes.len() == 2 { 0xD8 } else { 0x08 });
            let width = if bytes.len() == 2 { Width::Y } else { Width::X };
            self.func.store(F::VmovupsSt, width, ordered, addr, None, None);
        }
    }

    /// Contiguous elements that are smaller than the lanes (AVX2).
    pub(super) fn store_packed(&mut self, elem: Elem, size: u8, parts: &Parts, addr: Addr) {
        let quads = if size == 8 { self.narrow_lanes(parts) } else { parts.clone() };
        let width = self.width(4);
        let lanes = self.per_part(4);
        let together = match elem.bytes() {
            1 => quads.len().min(4),
            2 => quads.len().min(2),
            _ => 1,
        };
        if together > 1 {
            for (number, group) in quads.chunks(together).enumerate() {
                let bytes = (number * together) as u32 * lanes * elem.bytes();
                self.store_group(elem.bytes() as u8, group, addr.plus(bytes as i32));
            }
            return;
        }
        for (number, &quad) in quads.iter().enumerate() {
            let addr = addr.plus((number as u32 * lanes * elem.bytes()) as i32);
            if elem.bytes() == 4 {
                self.func.store(F::VmovupsSt, width, quad, addr, None, None);
                continue;
            }
            let step = elem.bytes() as u8;
            let mut pattern = [0x80u8; 16];
            for lane in 0..4 {
                for byte in 0..step {
                    pattern[usize::from(lane * step + byte)] = lane * 4 + byte;
                }
            }
            let pattern = self.func.pool.add(&pattern.repeat(2));
            let packed = self.func.rvm(F::Vpshufb, width, quad, Src::Mem(Addr::pool(pattern)));
            match (width, step) {
                (Width::X, 2) => self.func.store(F::VmovsdSt, Width::X, packed, addr, None, None),
                (Width::X, _) => self.func.store(F::VmovssSt, Width::X, packed, addr, None, None),
                (_, 2) => {
                    let all = self.func.rmi(F::Vpermq, Width::Y, packed, 0x08);
                    self.func.store(F::VmovupsSt, Width::X, all, addr, None, None);
                }
                (_, _) => {
                    let high = self.upper_half(Width::Y, packed);
                    let all = self.func.rvm(F::Vpunpckldq, Width::X, packed, high);
                    self.func.store(F::VmovsdSt, Width::X, all, addr, None, None);
                }
            }
        }
    }

    /// Several registers of 32-bit lanes as one of bytes (four of them, or two) or of pairs of bytes (two).
    fn store_group(&mut self, step: u8, group: &[VReg], addr: Addr) {
        let mut all = None;
        for (number, &quad) in group.iter().enumerate() {
            // The lanes of each half go to a place of their own in it.
            let mut pattern = [0x80u8; 16];
            for lane in 0..4 {
                for byte in 0..step {
                    pattern[number * usize::from(4 * step) + usize::from(lane * step + byte)] =
                        lane * 4 + byte;
                }
            }
            let pattern = self.func.pool.add(&pattern.repeat(2));
            let spread = self.func.rvm(F::Vpshufb, Width::Y, quad, Src::Mem(Addr::pool(pattern)));
            all = Some(match all {
                None => spread,
                Some(all) => self.func.rvm(F::Vpor, Width::Y, all, spread),
            });
        }
        let Some(all) = all else { return };
        if step == 2 {
            let ordered = self.func.rmi(F::Vpermq, Width::Y, all, 0xD8);
            self.func.store(F::VmovupsSt, Width::Y, ordered, addr, None, None);
            return;
        }
        let order: Vec<u8> = [0u32, 4, 1, 5, 2, 6, 3, 7].iter().flat_map(|at| at.to_le_bytes()).collect();
        let order = self.func.pool.add(&order);
        let order = self.func.rm(F::Vmovups, Width::Y, Src::Mem(Addr::pool(order)));
        let ordered = self.func.rvm(F::Vpermd, Width::Y, order, all);
        let width = if group.len() == 4 { Width::Y } else { Width::X };
        self.func.store(F::VmovupsSt, width, ordered, addr, None, None);
    }
}
