//! Loads and stores.
//!
//! Contiguous ones are one instruction per part, under a mask if need be, and may wait to become part of the arithmetic. All others
//! go lane by lane. A lane that must not touch memory is given another address: loads read a zero of the pool, stores write below
//! the stack pointer.

use regalloc2::VReg;

use super::reps::{Rep, Waiting, size_of};
use super::{Lower, Parts};
use crate::emit::{Addr, Base, BlockId, Src, VEC};
use crate::encode::{Cond, F, G, Width};
use crate::ir::{Elem, Place, Step, TableId, Ty, Value};

/// Where a lane's element is; the registers for it are taken when the element is read or written.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// There.
    Known(Addr),
    /// At an address plus a 64-bit lane of a vector.
    Lane { base: Option<Addr>, piece: VReg, lane: u8, shift: u8 },
    /// At an address plus an element of memory.
    Index { base: Addr, elem: Elem, from: Addr, shift: u8 },
}

impl Lower<'_> {
    /// The memory operand of a lane.
    pub(super) fn lane_addr(&mut self, at: At) -> Addr {
        match at {
            At::Known(addr) => addr,
            At::Lane { base, piece, lane, shift } => {
                let int = crate::emit::INT;
                let reg = match lane {
                    0 => self.func.mr(F::VmovqToG, Width::X, int, piece, None),
                    lane => self.func.mr(F::Vpextrq, Width::X, int, piece, Some(lane)),
                };
                match base {
                    None => Addr::reg(reg),
                    Some(base) => Addr { index: Some((reg, shift)), ..base },
                }
            }
            At::Index { base, elem, from, shift } => {
                let index = self.load_int(elem, from);
                Addr { index: Some((index, shift)), ..base }
            }
        }
    }

    /// The lanes of 64-bit vectors, added to a base.
    fn at_lanes(&mut self, parts: &[VReg], base: Option<Addr>, shift: u8) -> Vec<At> {
        let mut all = vec![];
        for &part in parts {
            for piece in self.quarters(part, 8) {
                all.extend([0, 1].map(|lane| At::Lane { base, piece, lane, shift }));
            }
        }
        all
    }

    /// Size of the lanes that an element is loaded into or stored from.
    pub(super) fn memory_lane(&self, ty: Ty) -> u8 {
        match ty {
            Ty::Mask => self.mask_grain,
            ty => size_of(ty),
        }
    }

    /// A load.
    pub(super) fn load(&mut self, value: Value, elem: Elem, place: &Place, mask: Option<Value>) -> Rep {
        let ty = self.ty(value);
        let size = self.memory_lane(ty);
        if let Some(mask) = mask
            && matches!(self.reps[mask], Rep::MaskConst(false))
        {
            return if ty == Ty::Mask { Rep::MaskConst(false) } else { Rep::Const(0) };
        }
        let touched = self.touched(mask, size);
        let always = mask.is_none();
        match *place {
            Place::Line { address, disp, step: Step::One }
                if touched.is_none() || self.evex || direct(elem, size) =>
            {
                let addr = self.address(address, disp);
                self.load_line(value, elem, size, addr, touched)
            }
            Place::Line { address, disp, step: Step::Zero } if always || touched.is_none() => {
                let addr = self.address(address, disp);
                self.load_same(ty, elem, size, addr, touched)
            }
            Place::Line { address, disp, step: Step::Bytes(step) }
                if touched.is_none() && self.is_reversed(step, elem, size) =>
            {
                let addr = self.address(address, disp);
                let parts = self.load_reversed(size, addr);
                self.finish_load(ty, size, parts)
            }
            Place::Scattered { base, offset, disp } if self.evex && direct(elem, size) => {
                let addr = self.address(base, disp);
                let addr = self.without_index(addr);
                let offsets = self.parts(offset);
                Rep::Lanes(self.gather_wide(size, addr, &offsets, 0, touched))
            }
            _ => {
                let addrs = self.lane_addresses(place, elem, touched, size, false);
                let parts = self.gather(elem, size, &addrs);
                self.finish_load(ty, size, parts)
            }
        }
    }

    /// Integers of a `Bool` become a mask.
    fn finish_load(&mut self, ty: Ty, size: u8, parts: Parts) -> Rep {
        if ty == Ty::Mask { Rep::Mask(size, self.nonzero(&parts, size)) } else { Rep::Lanes(parts) }
    }

    /// Which lanes of non-negative integers are not 0.
    fn nonzero(&mut self, parts: &Parts, size: u8) -> Parts {
        let width = self.width(size);
        if self.evex {
            let f = if size == 8 { F::VptestmqK } else { F::VptestmdK };
            return parts.iter().map(|&x| self.func.rvm_k(f, width, x, x, None, None)).collect();
        }
        if size == 1 {
            // Whole bytes have signs.
            let (zero, ones) = (self.const_reg(0, 1), self.const_src(0xff, 1));
            let not = |lower: &mut Self, &x: &VReg| {
                let equal = lower.func.rvm(F::Vpcmpeqb, width, x, zero);
                lower.func.rvm(F::Vpxor, width, equal, ones)
            };
            return parts.iter().map(|x| not(self, x)).collect();
        }
        let f = match size {
            8 => F::Vpcmpgtq,
            2 => F::Vpcmpgtw,
            _ => F::Vpcmpgtd,
        };
        let zero = self.const_reg(0, size);
        parts.iter().map(|&x| self.func.rvm(f, width, x, zero)).collect()
    }

    /// Contiguous elements.
    fn load_line(&mut self, value: Value, elem: Elem, size: u8, addr: Addr, touched: Option<Parts>) -> Rep {
        let ty = self.ty(value);
        let width = self.width(size);
        let bytes = self.per_part(size) * elem.bytes();
        let addrs = (0..self.count(size)).map(|part| addr.plus((part as u32 * bytes) as i32));
        if self.is_split() {
            let parts = self.load_split(elem, addr);
            return self.finish_load(ty, size, parts);
        }
        if touched.is_none() && ty != Ty::Mask {
            let waiting = Waiting { elem, shift: 0, addr };
            if self.plan.uses[value] == 1 {
                return Rep::Pending(waiting);
            }
            if ty == Ty::I64 {
                self.origins.push((value, waiting));
            }
        }
        let f = load_form(elem, size);
        let parts: Parts = match touched {
            None => addrs.map(|addr| self.func.rm(f, width, Src::Mem(addr))).collect(),
            Some(masks) if self.evex => addrs
                .zip(masks)
                .map(|(addr, mask)| self.func.rm_class(f, width, VEC, Src::Mem(addr), None, Some(mask)))
                .collect(),
            Some(masks) => {
                let f = if size == 8 { F::Vmaskmovpd } else { F::Vmaskmovps };
                addrs.zip(masks).map(|(addr, mask)| self.func.rvm(f, width, mask, Src::Mem(addr))).collect()
            }
        };
        self.finish_load(ty, size, parts)
    }

    /// One element in every lane.
    fn load_same(&mut self, ty: Ty, elem: Elem, size: u8, addr: Addr, touched: Option<Parts>) -> Rep {
        let full = self.full_width();
        let all = if direct(elem, size) {
            let f = if size == 8 { F::Vpbroadcastq } else { F::Vpbroadcastd };
            self.func.rm(f, full, Src::Mem(addr))
        } else {
            let int = self.load_int(elem, addr);
            if size == 8 {
                self.broadcast_int(int)
            } else {
                let low = self.func.rm(F::VmovdG, Width::X, int);
                self.func.rm(F::Vpbroadcastd, full, low)
            }
        };
        let width = self.width(size);
        let parts = match touched {
            None if ty != Ty::Mask => return Rep::Uniform(all),
            None => smallvec::smallvec![all; self.count(size)],
            Some(masks) if self.evex => {
                let f = if size == 8 { F::Vmovupd } else { F::Vmovups };
                masks.iter().map(|&m| self.func.rm_class(f, width, VEC, all, None, Some(m))).collect()
            }
            Some(masks) => masks.iter().map(|&m| self.only(m, all)).collect(),
        };
        self.finish_load(ty, size, parts)
    }

    /// Where each lane's element is.
    pub(super) fn lane_addresses(
        &mut self,
        place: &Place,
        elem: Elem,
        touched: Option<Parts>,
        size: u8,
        store: bool,
    ) -> Vec<At> {
        let lanes = self.lanes;
        let Some(touched) = touched else {
            return match *place {
                Place::Line { address, disp, step } => {
                    let addr = self.address(address, disp);
                    match step {
                        Step::One => {
                            (0..lanes).map(|l| At::Known(addr.plus((l * elem.bytes()) as i32))).collect()
                        }
                        Step::Zero => vec![At::Known(addr); lanes as usize],
                        Step::Bytes(step) => {
                            let step = self.int(step);
                            self.stepped(addr, step)
                        }
                    }
                }
                Place::Scattered { base, offset, disp } => {
                    let addr = self.address(base, disp);
                    let addr = self.without_index(addr);
                    // A store may change what later lanes would read their offsets from.
                    if !store && let Some(waiting) = self.origin(offset) {
                        let bytes = waiting.elem.bytes();
                        return (0..lanes)
                            .map(|lane| At::Index {
                                base: addr,
                                elem: waiting.elem,
                                from: waiting.addr.plus((lane * bytes) as i32),
                                shift: waiting.shift,
                            })
                            .collect();
                    }
                    let offsets = self.parts(offset);
                    self.at_lanes(&offsets, Some(addr), 0)
                }
            };
        };
        // As vectors of addresses, so that the mask can choose.
        let width = self.width(8);
        let elsewhere = if store {
            self.nowhere()
        } else {
            let zero = self.func.pool.add(&[0; 8]);
            let zero = self.func.lea(Addr::pool(zero));
            self.broadcast_int(zero)
        };
        let masks = self.resize_mask(&touched, size, 8);
        let (base, offsets): (VReg, Parts) = match *place {
            Place::Line { address, disp, step } => {
                let addr = self.address(address, disp);
                let base = self.func.lea(addr);
                let base = self.broadcast_int(base);
                let offsets = (0..self.count(8))
                    .map(|part| {
                        let numbers = self.number_addr(8, part);
                        let numbers = self.func.rm(F::Vmovups, width, Src::Mem(numbers));
                        match step {
                            Step::Zero => self.const_reg(0, 8),
                            Step::One => {
                                self.func.rmi(F::Vpsllq, width, numbers, elem.bytes().trailing_zeros() as u8)
                            }
                            Step::Bytes(step) => {
                                let step = self.int(step);
                                let step = self.broadcast_int(step);
                                self.binary_part(crate::ir::Binary::Mul, Ty::I64, width, numbers, step.into())
                            }
                        }
                    })
                    .collect();
                (base, offsets)
            }
            Place::Scattered { base, offset, disp } => (self.spread_base(base, disp), self.parts(offset)),
        };
        let mut addresses = Parts::new();
        for (part, &offset) in offsets.iter().enumerate() {
            let address = self.func.rvm(F::Vpaddq, width, base, offset);
            addresses.push(self.blend_part(8, masks[part], address.into(), elsewhere));
        }
        self.at_lanes(&addresses, None, 0)
    }

    /// Is what never changes worth a register? Not for the last block.
    fn is_hoisting(&self) -> bool {
        self.active.is_none() || self.plan.single
    }

    /// For lanes that store nothing: 8 bytes for each of a register, so that none waits for another one.
    fn nowhere(&mut self) -> VReg {
        if let Some(known) = self.nowhere {
            return known;
        }
        let width = self.full_width();
        let numbers: Vec<u8> =
            (0..u64::from(self.reg_bytes / 8)).flat_map(|lane| (8 * lane).to_le_bytes()).collect();
        let here = self.func.at;
        self.func.at = if self.is_hoisting() { BlockId(0) } else { here };
        let below = self.func.lea(Addr { base: Base::Nowhere, index: None, disp: 0, broadcast: false });
        let below = self.broadcast_int(below);
        let numbers = self.func.pool.add(&numbers);
        let all = self.func.rvm(F::Vpaddq, width, below, Src::Mem(Addr::pool(numbers)));
        self.func.at = here;
        if self.is_hoisting() {
            self.nowhere = Some(all);
        }
        all
    }

    /// The base of a scattered place in every lane, made in the entry if it is the same for all blocks.
    fn spread_base(&mut self, base: Value, disp: i32) -> VReg {
        let linear = &self.linear[base];
        let is_fixed = self.is_hoisting()
            && linear.first == 0
            && linear.terms.iter().all(|&(value, _)| self.in_setup[value]);
        if !is_fixed {
            let addr = self.address(base, disp);
            let base = self.func.lea(addr);
            return self.broadcast_int(base);
        }
        if let Some(&known) = self.bases.get(&(base, disp)) {
            return known;
        }
        let at = std::mem::replace(&mut self.func.at, BlockId(0));
        let addr = self.address(base, disp);
        let reg = self.func.lea(addr);
        let all = self.broadcast_int(reg);
        self.func.at = at;
        self.bases.insert((base, disp), all);
        all
    }

    /// Addresses at equal distances.
    fn stepped(&mut self, addr: Addr, step: VReg) -> Vec<At> {
        let mut base = self.without_index(addr);
        let triple =
            (self.lanes > 3).then(|| self.func.lea(Addr { index: Some((step, 1)), ..Addr::reg(step) }));
        let mut addrs = Vec::with_capacity(self.lanes as usize);
        for lane in 0..self.lanes {
            let index = match lane % 4 {
                0 => None,
                1 => Some((step, 0)),
                2 => Some((step, 1)),
                _ => triple.map(|triple| (triple, 0)),
            };
            if lane > 0 && lane % 4 == 0 {
                let next = self.func.lea(Addr { index: Some((step, 2)), disp: 0, ..base });
                base = Addr { base: Base::Reg(next), ..base };
            }
            addrs.push(At::Known(Addr { index, ..base }));
        }
        addrs
    }

    /// The elements of memory that a value was loaded from, if nothing has been stored since.
    pub(super) fn origin(&self, value: Value) -> Option<Waiting> {
        if let Rep::Pending(waiting) = &self.reps[value] {
            return Some(waiting.clone());
        }
        self.origins.iter().find(|(v, _)| *v == value).map(|(_, waiting)| waiting.clone())
    }

    /// The address with room for an index.
    fn without_index(&mut self, addr: Addr) -> Addr {
        if addr.index.is_none() {
            return addr;
        }
        let base = self.func.lea(Addr { disp: 0, ..addr });
        Addr { base: Base::Reg(base), index: None, ..addr }
    }

    /// Elements from anywhere as lanes.
    fn gather(&mut self, elem: Elem, size: u8, addrs: &[At]) -> Parts {
        let per = 16 / usize::from(size);
        let pieces: Vec<VReg> = addrs
            .chunks(per)
            .map(|lanes| {
                let first = self.lane_addr(lanes[0]);
                if size == 8 && direct(elem, 8) {
                    let low = self.func.rm(F::Vmovsd, Width::X, Src::Mem(first));
                    let second = self.lane_addr(lanes[1]);
                    return self.func.rvm(F::Vmovhpd, Width::X, low, Src::Mem(second));
                }
                let first = if direct(elem, size) {
                    self.func.rm(F::Vmovss, Width::X, Src::Mem(first))
                } else {
                    let int = self.load_int(elem, first);
                    self.func.rm(if size == 8 { F::VmovqG } else { F::VmovdG }, Width::X, int)
                };
                let mut piece = first;
                for (lane, &addr) in lanes.iter().enumerate().skip(1) {
                    let f = if size == 8 { F::Vpinsrq } else { F::Vpinsrd };
                    let addr = self.lane_addr(addr);
                    let source: Src =
                        if direct(elem, size) { Src::Mem(addr) } else { self.load_int(elem, addr).into() };
                    piece = self.func.rvmi(f, Width::X, piece, source, lane as u8);
                }
                piece
            })
            .collect();
        self.join_quarters(&pieces)
    }

    /// Elements at vectors of offsets (AVX-512).
    fn gather_wide(
        &mut self,
        size: u8,
        addr: Addr,
        offsets: &Parts,
        scale: u8,
        touched: Option<Parts>,
    ) -> Parts {
        let masks: Parts = match touched {
            None => {
                let all = self.mask_const(true);
                smallvec::smallvec![all; offsets.len()]
            }
            Some(touched) => self.resize_mask(&touched, size, 8),
        };
        let base = match addr.base {
            Base::Reg(base) => base,
            Base::Pool(_) | Base::Nowhere => self.func.lea(Addr { disp: 0, ..addr }),
        };
        let f = if size == 8 { F::Vgatherqpd } else { F::Vgatherqps };
        let parts: Parts = offsets
            .iter()
            .zip(&masks)
            .map(|(&offset, &mask)| self.func.gather(f, mask, base, addr.disp, offset, scale))
            .collect();
        if size == 8 { parts } else { self.join_halves(&parts) }
    }

    /// Words of a table.
    pub(super) fn lookup(&mut self, _: Value, table: TableId, index: Value) -> Rep {
        let bytes: Vec<u8> = self.strip.tables[table].iter().flat_map(|word| word.to_le_bytes()).collect();
        let offset = self.func.pool.add(&bytes);
        let at = std::mem::replace(&mut self.func.at, BlockId(0));
        let base = self.func.lea(Addr::pool(offset));
        self.func.at = at;
        let lanes = if self.is_uniform(index) { 1 } else { self.lanes };
        if lanes == 1 {
            let x = self.reg(index, 0);
            let index = self.func.mr(F::VmovqToG, Width::X, crate::emit::INT, x, None);
            let full = self.full_width();
            let addr = Addr { index: Some((index, 3)), ..Addr::reg(base) };
            return Rep::Uniform(self.func.rm(F::Vpbroadcastq, full, Src::Mem(addr)));
        }
        let indices = self.parts(index);
        if self.evex {
            return Rep::Lanes(self.gather_wide(8, Addr::reg(base), &indices, 3, None));
        }
        let addrs = self.at_lanes(&indices, Some(Addr::reg(base)), 3);
        Rep::Lanes(self.gather(Elem::I64, 8, &addrs))
    }

    /// A store.
    pub(super) fn store(&mut self, elem: Elem, place: &Place, value: Value, mask: Option<Value>) {
        if let Some(mask) = mask
            && matches!(self.reps[mask], Rep::MaskConst(false))
        {
            return;
        }
        let ty = self.ty(value);
        let size = self.memory_lane(ty);
        let parts = if ty == Ty::Mask {
            let masks = self.mask_parts(value, size);
            self.ones(&masks, size)
        } else {
            let parts = self.parts(value);
            if let Rep::Pending(_) = self.reps[value] {
                self.reps[value] = Rep::Lanes(parts.clone());
            }
            parts
        };
        let touched = self.touched(mask, size);
        let same = elem.bytes() == u32::from(size);
        match *place {
            Place::Line { address, disp, step: Step::One } if touched.is_none() || self.evex || same => {
                let addr = self.address(address, disp);
                self.flush_pending();
                let singly = self.active.as_ref().map(|active| active.count);
                if let Some(count) = singly
                    && mask.is_none()
                    && !self.evex
                    && same
                    && size == 8
                    && self.lanes == 4
                {
                    self.store_singly(parts[0], addr, count);
                } else if size == 2 && elem.bytes() == 1 {
                    let is_byte = ty == Ty::Mask || self.bytes.contains(value);
                    if self.is_split() {
                        self.store_split(&parts, addr, is_byte);
                    } else {
                        self.store_pairs(&parts, addr, is_byte);
                    }
                } else {
                    self.store_line(elem, size, &parts, addr, touched.as_ref());
                }
            }
            Place::Line { address, disp, step: Step::Bytes(step) }
                if touched.is_none() && self.is_reversed(step, elem, size) =>
            {
                let addr = self.address(address, disp);
                self.flush_pending();
                self.store_reversed(size, &parts, addr);
            }
            _ => {
                let addrs = self.lane_addresses(place, elem, touched, size, true);
                self.flush_pending();
                self.scatter(elem, size, &parts, &addrs);
            }
        }
        self.origins.clear();
    }

    /// Contiguous elements.
    fn store_line(&mut self, elem: Elem, size: u8, parts: &Parts, addr: Addr, touched: Option<&Parts>) {
        let width = self.width(size);
        let same = elem.bytes() == u32::from(size);
        let bytes = self.per_part(size) * elem.bytes();
        if !same && !self.evex {
            self.store_packed(elem, size, parts, addr);
            return;
        }
        for (number, &part) in parts.iter().enumerate() {
            let addr = addr.plus((number as u32 * bytes) as i32);
            let mask = touched.map(|masks| masks[number]);
            match (mask, self.evex, same) {
                (None, _, true) => {
                    let f = if self.is_streaming { F::VmovntpsSt } else { F::VmovupsSt };
                    self.func.store(f, width, part, addr, None, None);
                }
                (Some(mask), false, _) => {
                    let f = if size == 8 { F::VmaskmovpdSt } else { F::VmaskmovpsSt };
                    self.func.mask_store(f, width, mask, part, addr);
                }
                (mask, _, _) => {
                    let f = match (size, elem.bytes()) {
                        (8, 8) => F::VmovupdSt,
                        (8, 4) => F::Vpmovqd,
                        (8, 2) => F::Vpmovqw,
                        (8, _) => F::Vpmovqb,
                        (_, 4) => F::VmovupsSt,
                        (_, 2) => F::Vpmovdw,
                        (_, _) => F::Vpmovdb,
                    };
                    self.func.store(f, width, part, addr, None, mask);
                }
            }
        }
    }

    /// The first `count` of four lanes to neighbours. The others go where the first one goes, before it does: a masked store takes longer on many processors
    /// than four of one element (9 cycles on Zen 3).
    fn store_singly(&mut self, part: VReg, addr: Addr, count: VReg) {
        let pieces = self.quarters(part, 8);
        // Whole registers have a body of their own, if that is short. But in front of smaller elements that are to be aligned there may be
        // more than four iterations.
        let is_head_short = self.first_store().is_none_or(|(_, _, bytes)| bytes == 8);
        let most = if self.plan.rest && is_head_short { 3 } else { 4 };
        let (addr, index) = match addr.index {
            Some((index, 3)) => (addr, Some(index)),
            _ => (self.without_index(addr), None),
        };
        for lane in (1..most).rev() {
            self.func.cmp_imm(count, lane + 1);
            let mut place = self.func.set(Cond::Ge);
            if lane == 3 {
                place = self.func.lea(Addr { index: Some((place, 1)), ..Addr::reg(place) });
            }
            // As a number of elements; twice for lane 2.
            let twice = u8::from(lane == 2);
            let place = match index {
                Some(index) => self.func.lea(Addr { index: Some((place, twice)), ..Addr::reg(index) }),
                None if lane == 2 => self.func.lea(Addr { index: Some((place, 0)), ..Addr::reg(place) }),
                None => place,
            };
            let f = if lane % 2 == 0 { F::VmovsdSt } else { F::VmovhpdSt };
            let to = Addr { index: Some((place, 3)), ..addr };
            self.func.store(f, Width::X, pieces[lane as usize / 2], to, None, None);
        }
        self.func.store(F::VmovsdSt, Width::X, pieces[0], addr, None, None);
    }

    /// Lanes to anywhere, in order.
    fn scatter(&mut self, elem: Elem, size: u8, parts: &Parts, addrs: &[At]) {
        let mut addrs = addrs.iter();
        for &part in parts {
            for piece in self.quarters(part, size) {
                let lanes: Vec<At> = addrs.by_ref().take(16 / usize::from(size)).copied().collect();
                for (lane, &at) in lanes.iter().enumerate() {
                    let addr = self.lane_addr(at);
                    match (elem.bytes(), lane, size) {
                        (8, 0, _) => self.func.store(F::VmovsdSt, Width::X, piece, addr, None, None),
                        (8, _, _) => self.func.store(F::VmovhpdSt, Width::X, piece, addr, None, None),
                        (4, 0, _) => self.func.store(F::VmovssSt, Width::X, piece, addr, None, None),
                        (_, _, _) => {
                            let int = crate::emit::INT;
                            let reg = match (size, lane) {
                                (8, 0) => self.func.mr(F::VmovqToG, Width::X, int, piece, None),
                                (8, _) => self.func.mr(F::Vpextrq, Width::X, int, piece, Some(1)),
                                (_, 0) => self.func.mr(F::VmovdToG, Width::X, int, piece, None),
                                (_, _) => self.func.mr(F::Vpextrd, Width::X, int, piece, Some(lane as u8)),
                            };
                            let g = match elem.bytes() {
                                4 => G::MovSt32,
                                2 => G::MovSt16,
                                _ => G::MovSt8,
                            };
                            self.func.g_store(g, reg, addr);
                        }
                    }
                }
            }
        }
    }
}

/// Are the element's bytes those of the lane?
fn direct(elem: Elem, size: u8) -> bool {
    elem.bytes() == u32::from(size)
}

/// The instruction that loads elements into lanes of a size.
pub(super) fn load_form(elem: Elem, size: u8) -> F {
    match (elem, size) {
        (Elem::Bool | Elem::U8, 2) => F::Vpmovzxbw,
        (Elem::I8, 2) => F::Vpmovsxbw,
        (Elem::I16 | Elem::U16, 2) | (Elem::Bool | Elem::I8 | Elem::U8, 1) => F::Vmovups,
        (Elem::Bool | Elem::U8, 8) => F::Vpmovzxbq,
        (Elem::Bool | Elem::U8, _) => F::Vpmovzxbd,
        (Elem::I8, 8) => F::Vpmovsxbq,
        (Elem::I8, _) => F::Vpmovsxbd,
        (Elem::U16, 8) => F::Vpmovzxwq,
        (Elem::U16, _) => F::Vpmovzxwd,
        (Elem::I16, 8) => F::Vpmovsxwq,
        (Elem::I16, _) => F::Vpmovsxwd,
        (Elem::U32 | Elem::F32, 8) => F::Vpmovzxdq,
        (Elem::I32, 8) => F::Vpmovsxdq,
        (Elem::I64 | Elem::U64 | Elem::F64, _) => F::Vmovupd,
        (Elem::I32 | Elem::U32 | Elem::F32, _) => F::Vmovups,
    }
}
