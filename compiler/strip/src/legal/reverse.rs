//! Neighbouring elements from the last to the first: `x[n - 1 - i]`, and loops that count down.
//!
//! ```text
//! load f64 [p step -8]     vpermq ymm0, [p - 24], 0x1b        lanes 0..3 at p, p - 8, p - 16, p - 24
//! ```
//!
//! On AVX2, without a mask, and if lanes are as large as elements; other strips go lane by lane.

use regalloc2::VReg;

use super::{Lower, Parts};
use crate::emit::{Addr, Src};
use crate::encode::{F, Width};
use crate::ir::{Elem, Value};

impl Lower<'_> {
    /// Is the step that of the element before, and does an instruction turn a register of them round?
    pub(super) fn is_reversed(&self, step: Value, elem: Elem, size: u8) -> bool {
        let bytes = i64::from(elem.bytes());
        let is_full = matches!(self.per_part(size) * u32::from(size), 16 | 32);
        !self.evex
            && size >= 4
            && bytes == i64::from(size)
            && is_full
            && self.constant_int(step) == Some(-bytes)
    }

    /// Lanes from the element at `addr` downwards.
    pub(super) fn load_reversed(&mut self, size: u8, addr: Addr) -> Parts {
        (0..self.count(size))
            .map(|part| self.reversed(size, Src::Mem(self.before(size, addr, part))))
            .collect()
    }

    /// Stores lanes from the element at `addr` downwards.
    pub(super) fn store_reversed(&mut self, size: u8, parts: &Parts, addr: Addr) {
        let width = self.width(size);
        for (number, &part) in parts.iter().enumerate() {
            let turned = self.reversed(size, Src::Reg(part));
            let addr = self.before(size, addr, number);
            self.func.store(F::VmovupsSt, width, turned, addr, None, None);
        }
    }

    /// Where the last lane of a part is, which is its lowest address.
    fn before(&self, size: u8, addr: Addr, part: usize) -> Addr {
        let last = (part as u32 + 1) * self.per_part(size) - 1;
        addr.plus(-((last * u32::from(size)) as i32))
    }

    fn reversed(&mut self, size: u8, part: Src) -> VReg {
        let width = self.width(size);
        match (width, size) {
            (Width::X, 8) => self.func.rmi(F::Vpshufd, width, part, 0b0100_1110),
            (Width::X, _) => self.func.rmi(F::Vpshufd, width, part, 0b0001_1011),
            (_, 8) => self.func.rmi(F::Vpermq, width, part, 0b0001_1011),
            (_, _) => {
                let order: Vec<u8> = (0..8u32).rev().flat_map(u32::to_le_bytes).collect();
                let order = self.func.pool.add(&order);
                let order = self.func.rm(F::Vmovups, width, Src::Mem(Addr::pool(order)));
                self.func.rvm(F::Vpermd, width, order, part)
            }
        }
    }
}
