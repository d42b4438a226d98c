//! Random operations.

use super::{Generator, Role, element};
use kjit_strip::ir::{Binary, Compare, Convert, Elem, FmaKind, IntOp, Shift, Ty, Unary, Value};

const FLOAT_BINARIES: [Binary; 9] = [
    Binary::Add,
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Mul,
    Binary::Div,
    Binary::Min,
    Binary::Max,
    Binary::Add,
];
const INT_BINARIES: [Binary; 12] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Min,
    Binary::Max,
    Binary::And,
    Binary::Or,
    Binary::Xor,
    Binary::AndNot,
    Binary::Shl,
    Binary::Shr,
    Binary::Sar,
];
const MASK_BINARIES: [Binary; 4] = [Binary::And, Binary::Or, Binary::Xor, Binary::AndNot];
const FLOAT_UNARIES: [Unary; 7] =
    [Unary::Neg, Unary::Abs, Unary::Sqrt, Unary::RoundEven, Unary::Floor, Unary::Ceil, Unary::Trunc];
const INT_UNARIES: [Unary; 3] = [Unary::Neg, Unary::Abs, Unary::Not];
const FMAS: [FmaKind; 3] = [FmaKind::MulAdd, FmaKind::MulSub, FmaKind::NegMulAdd];
const SHIFTS: [Shift; 3] = [Shift::Shl, Shift::Shr, Shift::Sar];
const COMPARES: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];
const INT_OPS: [IntOp; 10] = [
    IntOp::Add,
    IntOp::Sub,
    IntOp::Mul,
    IntOp::Min,
    IntOp::Max,
    IntOp::And,
    IntOp::Or,
    IntOp::Xor,
    IntOp::Shl,
    IntOp::Sar,
];
pub(super) const INT_ELEMS: [Elem; 8] =
    [Elem::I8, Elem::U8, Elem::I16, Elem::U16, Elem::I32, Elem::U32, Elem::I64, Elem::U64];

impl Generator<'_> {
    pub(super) fn op(&mut self, ty: Ty) -> Value {
        match ty {
            Ty::F64 | Ty::F32 => self.float_op(ty),
            Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => self.int_op(ty),
            Ty::Mask => self.mask_op(),
            Ty::Int => {
                if self.rng.one_in(4) {
                    let elem = self.rng.pick(&INT_ELEMS);
                    let base = self.array(elem, Role::Table { len: 4 });
                    let disp = self.rng.below(4) as i32 * elem.bytes() as i32;
                    return self.b.int_load(elem, base, disp);
                }
                let op = self.rng.pick(&INT_OPS);
                let a = self.any(Ty::Int);
                let b = if matches!(op, IntOp::Shl | IntOp::Sar) {
                    let count = self.rng.below(64) as i64;
                    self.b.int(count)
                } else {
                    self.any(Ty::Int)
                };
                self.b.int_binary(op, a, b)
            }
            Ty::Test if self.rng.one_in(6) => {
                let (a, b) = (self.any(Ty::Test), self.any(Ty::Test));
                self.b.and(a, b)
            }
            Ty::Test => {
                let (op, a, b) = (self.rng.pick(&COMPARES), self.any(Ty::Int), self.any(Ty::Int));
                self.b.int_compare(op, a, b)
            }
        }
    }

    pub(super) fn float_op(&mut self, ty: Ty) -> Value {
        match self.rng.below(20) {
            0..8 => {
                let (op, a, b) = (self.rng.pick(&FLOAT_BINARIES), self.any(ty), self.any(ty));
                self.b.binary(op, a, b)
            }
            8..10 => {
                let (op, a) = (self.rng.pick(&FLOAT_UNARIES), self.any(ty));
                self.b.unary(op, a)
            }
            10..13 => {
                let (kind, a, b, c) = (self.rng.pick(&FMAS), self.any(ty), self.any(ty), self.any(ty));
                self.b.fma(kind, a, b, c)
            }
            13..15 => {
                let (mask, a, b) = (self.any(Ty::Mask), self.any(ty), self.any(ty));
                self.b.select(mask, a, b)
            }
            15..17 => self.load(ty),
            17 if ty == Ty::F64 => {
                let len = self.rng.pick(&[1, 2, 4, 16]);
                let words: Vec<u64> = (0..len).map(|_| element(self.rng, Elem::F64)).collect();
                let table = self.b.table(&words);
                let index = self.index(len as i64);
                self.b.lookup(Ty::F64, table, index)
            }
            _ => match (self.rng.below(4), ty) {
                (0, Ty::F64) => {
                    let a = self.any(Ty::F32);
                    self.b.convert(Convert::Widen, a, ty)
                }
                (0, _) => {
                    let a = self.any(Ty::F64);
                    self.b.convert(Convert::Narrow, a, ty)
                }
                (1, Ty::F64) => {
                    let a = self.any(Ty::I64);
                    let count = 13 + self.rng.below(40) as u8;
                    let small = self.b.shift(Shift::Sar, a, count);
                    self.b.convert(Convert::SmallToFloat, small, ty)
                }
                (2, _) => {
                    let from = if ty == Ty::F64 { Ty::I64 } else { Ty::I32 };
                    let a = self.any(from);
                    self.b.convert(Convert::Bits, a, ty)
                }
                _ => {
                    let from = self.rng.pick(&[Ty::I64, Ty::I32]);
                    let a = self.any(from);
                    self.b.convert(Convert::IntToFloat, a, ty)
                }
            },
        }
    }

    /// The bits of a float whose NaNs all look the same.
    pub(super) fn clean_bits(&mut self, ty: Ty) -> Value {
        let from = if ty == Ty::I64 { Ty::F64 } else { Ty::F32 };
        let a = self.any(from);
        let is_number = self.b.compare(Compare::Eq, a, a);
        let nan = if ty == Ty::I64 { self.b.f64(f64::NAN) } else { self.b.f32(f32::NAN) };
        let clean = self.b.select(is_number, a, nan);
        self.b.convert(Convert::Bits, clean, ty)
    }

    /// A small 64-bit integer: a few bits of something, its quotient or remainder by a constant, a clamped one.
    fn small_int(&mut self) -> Value {
        let a = self.any(Ty::I64);
        let limit = self.rng.pick(&[1, 7, 100, 255, 4095, 65_535, 1_000_000, 0x7fff_ffff]);
        let most = self.b.i64(limit);
        match self.rng.below(4) {
            0 => self.b.and(a, most),
            1 => {
                let least = self.b.i64(-limit);
                let a = self.b.binary(Binary::Max, a, least);
                self.b.binary(Binary::Min, a, most)
            }
            _ => {
                let least = self.b.i64(if self.rng.one_in(2) { 0 } else { -limit });
                let a = self.b.binary(Binary::Max, a, least);
                let a = self.b.binary(Binary::Min, a, most);
                let real = self.b.convert(Convert::SmallToFloat, a, Ty::F64);
                let by = self.rng.pick(&[1.0, 2.0, 3.0, 9.0, 10.0, 255.0, 1000.0, 65_537.0, -3.0]);
                let by = self.b.f64(by);
                let ratio = self.b.div(real, by);
                let mut whole = self.b.unary(Unary::Floor, ratio);
                if self.rng.one_in(2) {
                    let product = self.b.mul(whole, by);
                    whole = self.b.binary(Binary::Sub, real, product);
                }
                self.b.convert(Convert::WholeToInt, whole, Ty::I64)
            }
        }
    }

    /// Half of a 64-bit integer, as the parts of a long multiplication are.
    fn half(&mut self) -> Value {
        let a = self.any(Ty::I64);
        if self.rng.one_in(2) {
            return self.b.shift(Shift::Shr, a, 32 + self.rng.below(3) as u8);
        }
        let mask = self.rng.pick(&[0xffff_ffff, 0xffff_fffe, 0x1_0000_0000, 0xffff]);
        let mask = self.b.i64(mask);
        self.b.and(a, mask)
    }

    pub(super) fn int_op(&mut self, ty: Ty) -> Value {
        if ty == Ty::I64 && self.rng.one_in(30) {
            let (a, b) = (self.half(), self.half());
            return self.b.mul(a, b);
        }
        if self.small && ty == Ty::I64 && self.rng.one_in(3) {
            return if self.rng.one_in(2) { self.small_int() } else { self.load(ty) };
        }
        match self.rng.below(20) {
            0..8 => {
                let (op, a, mut b) = (self.rng.pick(&INT_BINARIES), self.any(ty), self.any(ty));
                if matches!(op, Binary::Shl | Binary::Shr | Binary::Sar) && !self.rng.one_in(4) {
                    let most = self.b.bits(ty, if ty == Ty::I64 { 63 } else { 31 });
                    b = self.b.and(b, most);
                }
                self.b.binary(op, a, b)
            }
            8..10 => {
                let (op, a) = (self.rng.pick(&INT_UNARIES), self.any(ty));
                self.b.unary(op, a)
            }
            10..12 => {
                let width = if ty == Ty::I64 { 64 } else { 32 };
                let (op, a, count) = (self.rng.pick(&SHIFTS), self.any(ty), self.rng.below(width) as u8);
                self.b.shift(op, a, count)
            }
            12 => {
                let (mask, a, b) = (self.any(Ty::Mask), self.any(ty), self.any(ty));
                self.b.select(mask, a, b)
            }
            13..15 => self.load(ty),
            15 => {
                let a = self.any(Ty::Mask);
                self.b.convert(Convert::MaskToInt, a, ty)
            }
            16 => self.clean_bits(ty),
            _ => match (self.rng.below(6), ty) {
                (_, Ty::I32) => {
                    let a = self.any(Ty::I64);
                    self.b.convert(Convert::Truncate, a, ty)
                }
                (0, _) => {
                    let a = self.any(Ty::Int);
                    self.b.broadcast(a)
                }
                (1, _) => self.b.iteration(),
                (2, _) => {
                    let from = self.rng.pick(&[Ty::F64, Ty::F32]);
                    let a = self.any(from);
                    self.b.convert(Convert::FloatToInt, a, ty)
                }
                (3, _) => {
                    let a = self.any(Ty::F64);
                    let (least, most) = (self.b.f64(-1e15), self.b.f64(1e15));
                    // A NaN becomes the limit.
                    let a = self.b.binary(Binary::Max, a, least);
                    let a = self.b.binary(Binary::Min, a, most);
                    let round = self.rng.pick(&[Unary::RoundEven, Unary::Floor, Unary::Ceil, Unary::Trunc]);
                    let a = self.b.unary(round, a);
                    self.b.convert(Convert::WholeToInt, a, ty)
                }
                (4, _) => {
                    let len = self.rng.pick(&[1, 2, 8, 32]);
                    let words: Vec<u64> = (0..len).map(|_| element(self.rng, Elem::I64)).collect();
                    let table = self.b.table(&words);
                    let index = self.index(len as i64);
                    self.b.lookup(Ty::I64, table, index)
                }
                _ => {
                    let a = self.any(Ty::I32);
                    let convert = self.rng.pick(&[Convert::SignExtend, Convert::ZeroExtend]);
                    self.b.convert(convert, a, ty)
                }
            },
        }
    }

    pub(super) fn mask_op(&mut self) -> Value {
        match self.rng.below(10) {
            0..5 => {
                let of = self.lane_ty();
                let of =
                    if of == Ty::Mask { self.rng.pick(&[Ty::F64, Ty::I64, Ty::I32, Ty::F32]) } else { of };
                let (op, a, b) = (self.rng.pick(&COMPARES), self.any(of), self.any(of));
                self.b.compare(op, a, b)
            }
            5..7 => {
                let (op, a, b) = (self.rng.pick(&MASK_BINARIES), self.any(Ty::Mask), self.any(Ty::Mask));
                self.b.binary(op, a, b)
            }
            7 => {
                let (mask, a, b) = (self.any(Ty::Mask), self.any(Ty::Mask), self.any(Ty::Mask));
                self.b.select(mask, a, b)
            }
            8 => match self.rng.below(3) {
                0 => {
                    let a = self.any(Ty::Mask);
                    self.b.not(a)
                }
                1 => {
                    let a = self.any(Ty::Test);
                    self.b.test_lanes(a)
                }
                _ => self.b.active(),
            },
            _ => self.load(Ty::Mask),
        }
    }
}
