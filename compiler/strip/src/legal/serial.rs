//! What lanes do one after the other: elements that they update, and sums that keep their order.
//!
//! ```text
//! update i64 [v1 + v2] add v3 (1)          vmovq rax, xmm2          add_in_order          vaddsd  xmm0, xmm0, xmm5
//!                                          add   [rbx + rax], 1                           vpshufd xmm6, xmm5, 0b1110
//!                                   ==>    vpextrq rax, xmm2, 1                     ==>   vaddsd  xmm0, xmm0, xmm6
//!                                          add   [rbx + rax], 1                           ...
//!                                          ...
//! ```
//!
//! Lanes that must not update have an address below the stack pointer, one of their own, so that nothing jumps and none waits for another. Lanes that are not active
//! add -0.0, or multiply by 1.0, which changes nothing.

use regalloc2::VReg;

use super::Lower;
use super::memory::At;
use super::reps::{Rep, size_of};
use crate::emit::{Addr, INT, Src};
use crate::encode::{F, G, Width};
use crate::ir::{Combine, Elem, Place, Ty, UpdateOp, Value};

/// The value of a lane, as an integer.
#[derive(Clone, Copy)]
enum By {
    Const(u64),
    Reg(VReg),
}

impl Lower<'_> {
    /// Updates elements, lane by lane.
    pub(super) fn update(
        &mut self,
        elem: Elem,
        place: &Place,
        op: UpdateOp,
        value: Value,
        mask: Option<Value>,
    ) {
        if let Some(mask) = mask
            && matches!(self.reps[mask], Rep::MaskConst(false))
        {
            return;
        }
        let ty = self.ty(value);
        let size = self.memory_lane(ty);
        let touched = self.touched(mask, size);
        let fixed = match self.reps[value] {
            Rep::Const(bits) => Some(bits),
            _ => None,
        };
        let parts = self.parts(value);
        if let Rep::Pending(_) = self.reps[value] {
            self.reps[value] = Rep::Lanes(parts.clone());
        }
        // What is read must be read before elements change.
        let addrs = self.lane_addresses(place, elem, touched, size, true);
        self.flush_pending();
        let is_float = matches!(ty, Ty::F64 | Ty::F32);
        let mut addrs = addrs.into_iter();
        for &part in &parts {
            for piece in self.quarters(part, size) {
                for lane in 0..16 / size {
                    let Some(at) = addrs.next() else { break };
                    if is_float {
                        let by = self.lane_of(piece, size, lane);
                        self.update_float(ty, op, at, by);
                    } else {
                        self.update_int(elem, op, at, fixed, piece, lane);
                    }
                }
            }
        }
        self.origins.clear();
    }

    /// A lane of a piece of 128 bits, as the lowest one.
    fn lane_of(&mut self, piece: VReg, size: u8, lane: u8) -> VReg {
        match (size, lane) {
            (_, 0) => piece,
            (8, _) => self.func.rmi(F::Vpshufd, Width::X, piece, 0b1110),
            (_, lane) => self.func.rmi(F::Vpshufd, Width::X, piece, lane),
        }
    }

    fn update_float(&mut self, ty: Ty, op: UpdateOp, at: At, by: VReg) {
        let addr = self.lane_addr(at);
        let is_double = ty == Ty::F64;
        let f = match (op, is_double) {
            (UpdateOp::Add, true) => F::Vaddsd,
            (UpdateOp::Add, false) => F::Vaddss,
            (UpdateOp::Mul, true) => F::Vmulsd,
            (UpdateOp::Mul, false) => F::Vmulss,
            // The second operand, the element, unless the first is really better.
            (UpdateOp::Min, true) => F::Vminsd,
            (UpdateOp::Min, false) => F::Vminss,
            (UpdateOp::Max, true) => F::Vmaxsd,
            (UpdateOp::Max, false) => F::Vmaxss,
            (UpdateOp::And | UpdateOp::Or | UpdateOp::Xor, _) => {
                self.fail("logic of floats");
                return;
            }
        };
        let new = self.func.rvm(f, Width::X, by, Src::Mem(addr));
        let store = if is_double { F::VmovsdSt } else { F::VmovssSt };
        self.func.store(store, Width::X, new, addr, None, None);
    }

    fn update_int(&mut self, elem: Elem, op: UpdateOp, at: At, fixed: Option<u64>, piece: VReg, lane: u8) {
        let by = match (fixed, lane) {
            (Some(bits), _) => By::Const(bits),
            (None, 0) => By::Reg(self.func.mr(F::VmovqToG, Width::X, INT, piece, None)),
            (None, lane) => By::Reg(self.func.mr(F::Vpextrq, Width::X, INT, piece, Some(lane))),
        };
        let addr = self.lane_addr(at);
        if op == UpdateOp::Add {
            return self.add_to(elem, by, addr);
        }
        let by = match by {
            By::Const(bits) => self.func.imm(bits as i64),
            By::Reg(reg) => reg,
        };
        let old = self.load_int(elem, addr);
        let new = match op {
            UpdateOp::Add => old,
            UpdateOp::Mul => self.func.g_rr(G::Imul, old, by),
            UpdateOp::Min => {
                self.func.g_flags(G::Cmp, by, old);
                self.func.g_rr(G::CmovL, old, by)
            }
            UpdateOp::Max => {
                self.func.g_flags(G::Cmp, by, old);
                self.func.g_rr(G::CmovG, old, by)
            }
            UpdateOp::And => self.func.g_rr(G::And, old, by),
            UpdateOp::Or => self.func.g_rr(G::Or, old, by),
            UpdateOp::Xor => self.func.g_rr(G::Xor, old, by),
        };
        let g = match elem.bytes() {
            8 => G::MovSt,
            4 => G::MovSt32,
            2 => G::MovSt16,
            _ => G::MovSt8,
        };
        self.func.g_store(g, new, addr);
    }

    /// `element += by` in one instruction.
    fn add_to(&mut self, elem: Elem, by: By, addr: Addr) {
        let immediate = match (by, elem.bytes()) {
            (By::Const(bits), 8) => i32::try_from(bits as i64).ok().map(|imm| (G::AddI, imm)),
            (By::Const(bits), 4) => Some((G::AddI32, bits as i32)),
            _ => None,
        };
        if let Some((g, imm)) = immediate {
            return self.func.g_store_imm(g, imm, addr);
        }
        let by = match by {
            By::Const(bits) => self.func.imm(bits as i64),
            By::Reg(reg) => reg,
        };
        let g = match elem.bytes() {
            8 => G::AddSt,
            4 => G::AddSt32,
            2 => G::AddSt16,
            _ => G::AddSt8,
        };
        self.func.g_store(g, by, addr);
    }

    /// The number after the lanes of this block: `(number op lane 0) op lane 1`, and so on.
    pub(super) fn in_order(&mut self, number: VReg, lanes: Value, combine: Combine) -> VReg {
        let ty = self.ty(lanes);
        let size = size_of(ty);
        let (is_sum, is_double) = (combine == Combine::AddInOrder, ty == Ty::F64);
        let mut parts = self.parts(lanes);
        if let Some(active) = self.active_parts(size) {
            // What changes nothing: x + -0.0 is x for zeros of both signs.
            let neutral = match (is_sum, is_double) {
                (true, true) => (-0.0_f64).to_bits(),
                (true, false) => u64::from((-0.0_f32).to_bits()),
                (false, true) => 1.0_f64.to_bits(),
                (false, false) => u64::from(1.0_f32.to_bits()),
            };
            let neutral = self.const_reg(neutral, size);
            for (part, &mask) in parts.iter_mut().zip(&active) {
                *part = self.blend_part(size, mask, Src::Reg(*part), neutral);
            }
        }
        let f = match (is_sum, is_double) {
            (true, true) => F::Vaddsd,
            (true, false) => F::Vaddss,
            (false, true) => F::Vmulsd,
            (false, false) => F::Vmulss,
        };
        let mut number = number;
        let mut left = self.lanes;
        for part in parts {
            for piece in self.quarters(part, size) {
                for lane in 0..16 / size {
                    if left == 0 {
                        break;
                    }
                    left -= 1;
                    let lane = self.lane_of(piece, size, lane);
                    number = self.func.rvm(f, Width::X, number, Src::Reg(lane));
                }
            }
        }
        number
    }
}
