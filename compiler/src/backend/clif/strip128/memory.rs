//! Loads and stores.

use cranelift_codegen::ir::{InstBuilder, StackSlot, Type, Value, condcodes::IntCC, types as clif};
use kjit_strip::ir::{Binary, Compare, Elem, Place, Step, Ty, UpdateOp, Value as StripValue};

use super::{Lower, Rep, anywhere, int_vector, little, size_of, vector};

/// An element in memory, and how integers are extended.
fn stored_type(elem: Elem) -> (Type, bool) {
    match elem {
        Elem::Bool | Elem::U8 => (clif::I8, false),
        Elem::I8 => (clif::I8, true),
        Elem::U16 => (clif::I16, false),
        Elem::I16 => (clif::I16, true),
        Elem::U32 => (clif::I32, false),
        Elem::I32 => (clif::I32, true),
        Elem::I64 | Elem::U64 => (clif::I64, true),
        Elem::F32 => (clif::F32, false),
        Elem::F64 => (clif::F64, false),
    }
}

impl Lower<'_> {
    /// A whole vector, from anywhere. As bytes first: Cranelift folds a load into a comparison of floats although SSE wants that operand
    /// aligned, whatever the flags of the load say; it does not look through the cast.
    pub(super) fn unaligned(&mut self, ty: Ty, address: Value, disp: i32) -> Value {
        let bytes = self.b.ins().load(clif::I8X16, anywhere(), address, disp);
        self.b.ins().bitcast(vector(ty), little(), bytes)
    }

    /// One element; integers extended to that type.
    fn element(&mut self, elem: Elem, address: Value, disp: i32, to: Type) -> Value {
        let (of, is_signed) = stored_type(elem);
        let loaded = self.b.ins().load(of, anywhere(), address, disp);
        if of.is_float() || of == to {
            loaded
        } else if is_signed {
            self.b.ins().sextend(to, loaded)
        } else {
            self.b.ins().uextend(to, loaded)
        }
    }

    pub(super) fn int_load(&mut self, elem: Elem, address: StripValue, disp: i32) -> Value {
        let address = self.one(address);
        self.element(elem, address, disp, clif::I64)
    }

    /// Where each lane's element is: address and displacement; lanes outside of the mask have theirs on the stack.
    fn addresses(
        &mut self,
        elem: Elem,
        place: &Place,
        mask: Option<StripValue>,
        elsewhere: StackSlot,
    ) -> Vec<(Value, i32)> {
        let mut addresses = Vec::new();
        match *place {
            Place::Line { address, disp, step } => {
                let mut at = self.one(address);
                let step = match step {
                    Step::One => Ok(elem.bytes() as i32),
                    Step::Zero => Ok(0),
                    Step::Bytes(bytes) => Err(self.one(bytes)),
                };
                for lane in 0..self.lanes as i32 {
                    match step {
                        // A displacement that does not fit any more is added.
                        Ok(step) => match disp.checked_add(step * lane) {
                            Some(disp) => addresses.push((at, disp)),
                            None => {
                                let moved = self.b.ins().iadd_imm_s(at, i64::from(step * lane));
                                addresses.push((moved, disp));
                            }
                        },
                        Err(step) => {
                            addresses.push((at, disp));
                            at = self.b.ins().iadd(at, step);
                        }
                    }
                }
            }
            Place::Scattered { base, offset, disp } => {
                let base = self.one(base);
                let offsets = self.parts(offset);
                for offset in self.scalars(&offsets, 8) {
                    addresses.push((self.b.ins().iadd(base, offset), disp));
                }
            }
        }
        let Some(mask) = mask else { return addresses };
        let grain = self.grain_of(mask);
        let parts = self.mask(mask, grain);
        let bits = self.scalars(&parts, grain);
        let elsewhere = self.b.ins().stack_addr(clif::I64, elsewhere, 0);
        let choose = |((at, disp), bit): ((Value, i32), Value)| {
            let at = self.b.ins().iadd_imm_s(at, i64::from(disp));
            (self.b.ins().select(bit, at, elsewhere), 0)
        };
        addresses.into_iter().zip(bits).map(choose).collect()
    }

    /// The vectors at a place, if that is what a vector instruction reads.
    fn is_plain(elem: Elem, place: &Place, mask: Option<StripValue>, ty: Ty) -> Option<(StripValue, i32)> {
        match *place {
            Place::Line { address, disp, step: Step::One }
                if mask.is_none()
                    && elem.bytes() == u32::from(size_of(ty))
                    && disp.checked_add(1 << 12).is_some() =>
            {
                Some((address, disp))
            }
            Place::Line { .. } | Place::Scattered { .. } => None,
        }
    }

    pub(super) fn load(&mut self, ty: Ty, elem: Elem, place: &Place, mask: Option<StripValue>) -> Rep {
        if let Some((address, disp)) = Self::is_plain(elem, place, mask, ty) {
            let address = self.one(address);
            let count = self.count(size_of(ty)) as i32;
            let parts = (0..count).map(|part| self.unaligned(ty, address, disp + 16 * part));
            return Rep::Lanes(parts.collect());
        }
        if self.grain <= 2 {
            return self.load_small(ty, elem, place);
        }
        let addresses = self.addresses(elem, place, mask, self.zeros);
        if ty == Ty::Mask {
            let grain = self.grain;
            let lane = if grain == 8 { clif::I64 } else { clif::I32 };
            let mut bits = Vec::new();
            for (address, disp) in addresses {
                let byte = self.b.ins().load(clif::I8, anywhere(), address, disp);
                let is_set = self.b.ins().icmp_imm_u(IntCC::NotEqual, byte, 0);
                bits.push(self.b.ins().bmask(lane, is_set));
            }
            return Rep::Mask(grain, self.collect(int_vector(grain), &bits));
        }
        let to = vector(ty).lane_type();
        let elements: Vec<Value> =
            addresses.into_iter().map(|(address, disp)| self.element(elem, address, disp, to)).collect();
        Rep::Lanes(self.collect(vector(ty), &elements))
    }

    pub(super) fn store(&mut self, elem: Elem, place: &Place, value: StripValue, mask: Option<StripValue>) {
        let ty = self.ty(value);
        if let Some((address, disp)) = Self::is_plain(elem, place, mask, ty) {
            let address = self.one(address);
            for (number, part) in self.parts(value).into_iter().enumerate() {
                self.b.ins().store(anywhere(), part, address, disp + 16 * number as i32);
            }
            return;
        }
        if self.grain <= 2 {
            return self.store_small(place, value);
        }
        let (scalars, is_mask) = match ty {
            Ty::Mask => {
                let grain = self.grain_of(value);
                let parts = self.mask(value, grain);
                (self.scalars(&parts, grain), true)
            }
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Int | Ty::Test => {
                let parts = self.parts(value);
                (self.scalars(&parts, size_of(ty)), false)
            }
        };
        let (of, _) = stored_type(elem);
        for ((address, disp), scalar) in
            self.addresses(elem, place, mask, self.nowhere).into_iter().zip(scalars)
        {
            let is_narrower = of.is_int() && self.b.func.dfg.value_type(scalar).bits() > of.bits();
            let mut element = if is_narrower { self.b.ins().ireduce(of, scalar) } else { scalar };
            if is_mask {
                element = self.b.ins().band_imm_u(element, 1);
            }
            self.b.ins().store(anywhere(), element, address, disp);
        }
    }

    /// Elements that are updated, lane by lane.
    pub(super) fn update(
        &mut self,
        elem: Elem,
        place: &Place,
        op: UpdateOp,
        value: StripValue,
        mask: Option<StripValue>,
    ) {
        let ty = self.ty(value);
        let parts = self.parts(value);
        let values = self.scalars(&parts, size_of(ty));
        let (of, _) = stored_type(elem);
        let wide = vector(ty).lane_type();
        for ((address, disp), by) in self.addresses(elem, place, mask, self.nowhere).into_iter().zip(values) {
            let old = self.element(elem, address, disp, wide);
            let new = match op {
                UpdateOp::Add => self.binary(Binary::Add, ty, old, by),
                UpdateOp::Mul => self.binary(Binary::Mul, ty, old, by),
                UpdateOp::Min | UpdateOp::Max => {
                    let op = if op == UpdateOp::Min { Compare::Lt } else { Compare::Gt };
                    let is_better = self.scalar_compare(op, ty, by, old);
                    self.b.ins().select(is_better, by, old)
                }
                UpdateOp::And => self.b.ins().band(old, by),
                UpdateOp::Or => self.b.ins().bor(old, by),
                UpdateOp::Xor => self.b.ins().bxor(old, by),
            };
            let is_narrower = of.is_int() && wide.bits() > of.bits();
            let new = if is_narrower { self.b.ins().ireduce(of, new) } else { new };
            self.b.ins().store(anywhere(), new, address, disp);
        }
    }
}
