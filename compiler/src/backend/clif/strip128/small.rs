//! Lanes of 8 and 16 bits, sixteen of them: one vector of bytes, or two of pairs of bytes.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types as clif};
use kjit_strip::ir::{Elem, Place, Ty, Value as StripValue};

use super::{Lower, Parts, Rep, anywhere};

impl Lower<'_> {
    fn line(&mut self, place: &Place) -> (Value, i32) {
        match *place {
            Place::Line { address, disp, .. } => (self.one(address), disp),
            Place::Scattered { .. } => (self.fail("small elements here and there"), 0),
        }
    }

    /// Bytes that are smaller than the lanes, or truth values.
    pub(super) fn load_small(&mut self, ty: Ty, elem: Elem, place: &Place) -> Rep {
        let (address, disp) = self.line(place);
        let bytes = self.b.ins().load(clif::I8X16, anywhere(), address, disp);
        if ty == Ty::Mask {
            let zero = self.constant(clif::I8X16, 0, 1);
            let mask = self.b.ins().icmp(IntCC::NotEqual, bytes, zero);
            return Rep::Mask(
                self.grain,
                if self.grain == 1 { Parts::from_slice(&[mask]) } else { self.halves(mask, true) },
            );
        }
        Rep::Lanes(self.halves(bytes, elem == Elem::I8))
    }

    fn halves(&mut self, bytes: Value, is_signed: bool) -> Parts {
        if is_signed {
            Parts::from_slice(&[self.b.ins().swiden_low(bytes), self.b.ins().swiden_high(bytes)])
        } else {
            Parts::from_slice(&[self.b.ins().uwiden_low(bytes), self.b.ins().uwiden_high(bytes)])
        }
    }

    /// Lanes as bytes, truth values as 0 and 1.
    pub(super) fn store_small(&mut self, place: &Place, value: StripValue) {
        let (address, disp) = self.line(place);
        let grain = self.grain;
        let (parts, most) = match self.ty(value) {
            Ty::Mask => (self.mask(value, grain), 1),
            _ => (self.parts(value), 0xff),
        };
        let of = super::int_vector(grain);
        let most = self.constant(of, most, grain);
        let low: Parts = parts.into_iter().map(|part| self.b.ins().band(part, most)).collect();
        let bytes = match *low.as_slice() {
            // Both below 256, so nothing is cut off.
            [a, b] => self.b.ins().unarrow(a, b),
            _ => low[0],
        };
        self.b.ins().store(anywhere(), bytes, address, disp);
    }

    /// The high halves of products without signs, by lanes of 32 bits.
    pub(super) fn mul_high(&mut self, a: Value, b: Value) -> Value {
        let (low_a, low_b) = (self.b.ins().uwiden_low(a), self.b.ins().uwiden_low(b));
        let (high_a, high_b) = (self.b.ins().uwiden_high(a), self.b.ins().uwiden_high(b));
        let low = self.b.ins().imul(low_a, low_b);
        let high = self.b.ins().imul(high_a, high_b);
        let count = self.b.ins().iconst(clif::I32, 16);
        let low = self.b.ins().ushr(low, count);
        let high = self.b.ins().ushr(high, count);
        // Below 2^16, so nothing is cut off.
        self.b.ins().unarrow(low, high)
    }
}
