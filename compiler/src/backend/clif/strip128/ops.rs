//! Operations of lanes.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types as clif};
use kjit_strip::ir::{Binary, Compare, Convert, FmaKind, IntOp, Op, Shift, Ty, Unary, Value as StripValue};

use super::{Lower, Parts, Rep, anywhere, int_vector, size_of, vector};

/// Signed.
pub(super) fn int_condition(op: Compare) -> IntCC {
    match op {
        Compare::Eq => IntCC::Equal,
        Compare::Ne => IntCC::NotEqual,
        Compare::Lt => IntCC::SignedLessThan,
        Compare::Le => IntCC::SignedLessThanOrEqual,
        Compare::Gt => IntCC::SignedGreaterThan,
        Compare::Ge => IntCC::SignedGreaterThanOrEqual,
    }
}

/// Unordered pairs are only unequal.
pub(super) fn float_condition(op: Compare) -> FloatCC {
    match op {
        Compare::Eq => FloatCC::Equal,
        Compare::Ne => FloatCC::NotEqual,
        Compare::Lt => FloatCC::LessThan,
        Compare::Le => FloatCC::LessThanOrEqual,
        Compare::Gt => FloatCC::GreaterThan,
        Compare::Ge => FloatCC::GreaterThanOrEqual,
    }
}

fn is_float(ty: Ty) -> bool {
    matches!(ty, Ty::F64 | Ty::F32)
}

impl Lower<'_> {
    pub(super) fn op(&mut self, value: StripValue, op: &Op) -> Rep {
        let ty = self.ty(value);
        match *op {
            Op::Word(word) => Rep::One(self.b.ins().load(clif::I64, anywhere(), self.frame, 8 * word as i32)),
            Op::Int(value) => Rep::One(self.b.ins().iconst(clif::I64, value)),
            Op::IntBinary(op, a, b) => {
                let (a, b) = (self.one(a), self.one(b));
                Rep::One(self.int_binary(op, a, b))
            }
            Op::IntCompare(op, a, b) => {
                let (a, b) = (self.one(a), self.one(b));
                Rep::One(self.b.ins().icmp(int_condition(op), a, b))
            }
            Op::IntLoad { elem, address, disp } => Rep::One(self.int_load(elem, address, disp)),
            Op::First => Rep::One(self.first),
            Op::Any(mask) => Rep::One(self.any(mask)),
            Op::Const(bits) if ty == Ty::Mask => self.mask_constant(bits != 0),
            Op::Const(bits) => {
                let part = self.constant(vector(ty), bits, size_of(ty));
                self.same_parts(ty, part)
            }
            Op::WordLanes(word) => {
                let of = vector(ty);
                let scalar = self.b.ins().load(of.lane_type(), anywhere(), self.frame, 8 * word as i32);
                let part = self.b.ins().splat(of, scalar);
                self.same_parts(ty, part)
            }
            Op::Broadcast(a) => {
                let mut a = self.one(a);
                let of = vector(ty);
                if of != clif::I64X2 {
                    a = self.b.ins().ireduce(of.lane_type(), a);
                }
                let part = self.b.ins().splat(of, a);
                self.same_parts(ty, part)
            }
            Op::TestLanes(a) => {
                let a = self.one(a);
                let grain = self.grain;
                let lane = self.b.ins().bmask(int_vector(grain).lane_type(), a);
                let part = self.b.ins().splat(int_vector(grain), lane);
                Rep::Mask(grain, Parts::from_elem(part, self.count(grain)))
            }
            Op::LaneNumber => {
                let size = size_of(ty);
                let per_part = 16 / u64::from(size);
                let mut parts = Parts::new();
                for part in 0..self.count(size) as u64 {
                    let lanes = (0..per_part).flat_map(|lane| {
                        (part * per_part + lane).to_le_bytes().into_iter().take(usize::from(size))
                    });
                    let bytes: Vec<u8> = lanes.collect();
                    let constant = self.b.func.dfg.constants.insert(bytes.into());
                    parts.push(self.b.ins().vconst(vector(ty), constant));
                }
                Rep::Lanes(parts)
            }
            Op::Active => self.mask_constant(true),
            Op::Load { elem, ref place, mask } => self.load(ty, elem, place, mask),
            Op::Lookup { .. } => Rep::One(self.fail("a table")),
            Op::Unary(op, a) if ty == Ty::Mask => {
                debug_assert!(op == Unary::Not);
                let grain = self.grain_of(a);
                let parts = self.mask(a, grain);
                Rep::Mask(grain, parts.into_iter().map(|part| self.b.ins().bnot(part)).collect())
            }
            Op::Unary(op, a) => {
                let parts = self.parts(a);
                Rep::Lanes(parts.into_iter().map(|part| self.unary(op, ty, part)).collect())
            }
            Op::Binary(_, a, b) if ty == Ty::Test => {
                let (a, b) = (self.one(a), self.one(b));
                Rep::One(self.b.ins().band(a, b))
            }
            Op::Binary(op, a, b) if ty == Ty::Mask => {
                let grain = self.grain_of(a);
                let (a, b) = (self.mask(a, grain), self.mask(b, grain));
                Rep::Mask(grain, a.iter().zip(&b).map(|(&a, &b)| self.logic(op, a, b)).collect())
            }
            Op::Binary(op @ (Binary::Shl | Binary::Shr | Binary::Sar), a, b) => {
                Rep::Lanes(self.shift_by_lane(op, ty, a, b))
            }
            Op::Binary(op, a, b) => {
                let (a, b) = (self.parts(a), self.parts(b));
                Rep::Lanes(a.iter().zip(&b).map(|(&a, &b)| self.binary(op, ty, a, b)).collect())
            }
            Op::Shift(op, a, count) => {
                let parts = self.parts(a);
                let count = self.b.ins().iconst(clif::I32, i64::from(count));
                let shift = |part: Value| match op {
                    Shift::Shl => self.b.ins().ishl(part, count),
                    Shift::Shr => self.b.ins().ushr(part, count),
                    Shift::Sar => self.b.ins().sshr(part, count),
                };
                Rep::Lanes(parts.into_iter().map(shift).collect())
            }
            Op::Fma(kind, a, b, c) => {
                let (a, b, c) = (self.parts(a), self.parts(b), self.parts(c));
                let mut parts = Parts::new();
                for ((&a, &b), &c) in a.iter().zip(&b).zip(&c) {
                    let (a, c) = match kind {
                        FmaKind::MulAdd => (a, c),
                        FmaKind::MulSub => (a, self.b.ins().fneg(c)),
                        FmaKind::NegMulAdd => (self.b.ins().fneg(a), c),
                    };
                    parts.push(self.b.ins().fma(a, b, c));
                }
                Rep::Lanes(parts)
            }
            Op::Compare(op, a, b) => {
                let of = self.ty(a);
                let (a, b) = (self.parts(a), self.parts(b));
                let parts = a.iter().zip(&b).map(|(&a, &b)| self.compare(op, of, a, b)).collect();
                Rep::Mask(size_of(of), parts)
            }
            Op::Select { mask, then, orelse } if ty == Ty::Mask => {
                let grain = self.grain_of(mask);
                let (mask, a, b) = (self.mask(mask, grain), self.mask(then, grain), self.mask(orelse, grain));
                let parts = (0..mask.len()).map(|part| self.b.ins().bitselect(mask[part], a[part], b[part]));
                Rep::Mask(grain, parts.collect())
            }
            Op::Select { mask, then, orelse } => {
                let mask = self.mask(mask, size_of(ty));
                let (a, b) = (self.parts(then), self.parts(orelse));
                Rep::Lanes(
                    (0..mask.len()).map(|part| self.choose(ty, mask[part], a[part], b[part])).collect(),
                )
            }
            Op::Convert(convert, a) => self.convert(convert, a, ty),
        }
    }

    fn same_parts(&mut self, ty: Ty, part: Value) -> Rep {
        Rep::Lanes(Parts::from_elem(part, self.count(size_of(ty))))
    }

    fn mask_constant(&mut self, is_set: bool) -> Rep {
        let grain = self.grain;
        let part = self.constant(int_vector(grain), if is_set { u64::MAX } else { 0 }, grain);
        Rep::Mask(grain, Parts::from_elem(part, self.count(grain)))
    }

    /// Every lane is active.
    pub(super) fn any(&mut self, mask: StripValue) -> Value {
        let grain = self.grain_of(mask);
        let parts = self.mask(mask, grain);
        let Some(either) = parts.into_iter().reduce(|a, b| self.b.ins().bor(a, b)) else {
            return self.fail("no lanes");
        };
        self.b.ins().vany_true(either)
    }

    fn int_binary(&mut self, op: IntOp, a: Value, b: Value) -> Value {
        match op {
            IntOp::Add => self.b.ins().iadd(a, b),
            IntOp::Sub => self.b.ins().isub(a, b),
            IntOp::Mul => self.b.ins().imul(a, b),
            IntOp::Min | IntOp::Max => {
                let op = if op == IntOp::Min { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
                let is_first = self.b.ins().icmp(op, a, b);
                self.b.ins().select(is_first, a, b)
            }
            IntOp::And => self.b.ins().band(a, b),
            IntOp::Or => self.b.ins().bor(a, b),
            IntOp::Xor => self.b.ins().bxor(a, b),
            IntOp::Shl => self.b.ins().ishl(a, b),
            IntOp::Sar => self.b.ins().sshr(a, b),
        }
    }

    fn logic(&mut self, op: Binary, a: Value, b: Value) -> Value {
        match op {
            Binary::And => self.b.ins().band(a, b),
            Binary::Or => self.b.ins().bor(a, b),
            Binary::Xor => self.b.ins().bxor(a, b),
            Binary::AndNot => {
                let not = self.b.ins().bnot(b);
                self.b.ins().band(a, not)
            }
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Min
            | Binary::Max
            | Binary::Shl
            | Binary::Shr
            | Binary::Sar
            | Binary::MulHigh
            | Binary::MinUnsigned
            | Binary::MaxUnsigned
            | Binary::Average => self.fail("no logic"),
        }
    }

    /// A vector of ones and zeros.
    fn compare(&mut self, op: Compare, ty: Ty, a: Value, b: Value) -> Value {
        if is_float(ty) {
            let mask = self.b.ins().fcmp(float_condition(op), a, b);
            self.cast(mask, int_vector(size_of(ty)))
        } else {
            self.b.ins().icmp(int_condition(op), a, b)
        }
    }

    fn choose(&mut self, ty: Ty, mask: Value, then: Value, orelse: Value) -> Value {
        let mask = self.cast(mask, vector(ty));
        self.b.ins().bitselect(mask, then, orelse)
    }

    fn unary(&mut self, op: Unary, ty: Ty, a: Value) -> Value {
        match op {
            Unary::Neg if is_float(ty) => self.b.ins().fneg(a),
            Unary::Neg => self.b.ins().ineg(a),
            Unary::Abs if is_float(ty) => self.b.ins().fabs(a),
            Unary::Abs => {
                let zero = self.constant(vector(ty), 0, size_of(ty));
                let is_negative = self.compare(Compare::Lt, ty, a, zero);
                let negated = self.b.ins().ineg(a);
                self.choose(ty, is_negative, negated, a)
            }
            Unary::Not => self.b.ins().bnot(a),
            Unary::Sqrt => self.b.ins().sqrt(a),
            Unary::RoundEven => self.b.ins().nearest(a),
            Unary::Floor => self.b.ins().floor(a),
            Unary::Ceil => self.b.ins().ceil(a),
            Unary::Trunc => self.b.ins().trunc(a),
        }
    }

    pub(super) fn binary(&mut self, op: Binary, ty: Ty, a: Value, b: Value) -> Value {
        let is_float = is_float(ty);
        match op {
            Binary::Add if is_float => self.b.ins().fadd(a, b),
            Binary::Sub if is_float => self.b.ins().fsub(a, b),
            Binary::Mul if is_float => self.b.ins().fmul(a, b),
            Binary::Div => self.b.ins().fdiv(a, b),
            Binary::Add => self.b.ins().iadd(a, b),
            Binary::Sub => self.b.ins().isub(a, b),
            Binary::Mul => self.b.ins().imul(a, b),
            Binary::Min | Binary::Max => {
                let op = if op == Binary::Min { Compare::Lt } else { Compare::Gt };
                let is_first = self.compare(op, ty, a, b);
                self.choose(ty, is_first, a, b)
            }
            Binary::And | Binary::Or | Binary::Xor | Binary::AndNot => self.logic(op, a, b),
            Binary::Shl | Binary::Shr | Binary::Sar => self.fail("a shift by lane"),
            Binary::MulHigh => self.mul_high(a, b),
            Binary::MinUnsigned => self.b.ins().umin(a, b),
            Binary::MaxUnsigned => self.b.ins().umax(a, b),
            Binary::Average => self.b.ins().avg_round(a, b),
        }
    }

    /// There is no instruction for that: lane by lane.
    fn shift_by_lane(&mut self, op: Binary, ty: Ty, a: StripValue, b: StripValue) -> Parts {
        let size = size_of(ty);
        let (a, b) = (self.parts(a), self.parts(b));
        let (lanes, counts) = (self.scalars(&a, size), self.scalars(&b, size));
        let width = i64::from(size) * 8;
        let of = vector(ty).lane_type();
        let mut shifted = Vec::new();
        for (lane, count) in lanes.into_iter().zip(counts) {
            let fits = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, count, width);
            shifted.push(if op == Binary::Sar {
                let most = self.b.ins().iconst(of, width - 1);
                let count = self.b.ins().select(fits, count, most);
                self.b.ins().sshr(lane, count)
            } else {
                let zero = self.b.ins().iconst(of, 0);
                let result = if op == Binary::Shl {
                    self.b.ins().ishl(lane, count)
                } else {
                    self.b.ins().ushr(lane, count)
                };
                self.b.ins().select(fits, result, zero)
            });
        }
        self.collect(vector(ty), &shifted)
    }

    fn convert(&mut self, convert: Convert, a: StripValue, ty: Ty) -> Rep {
        let from = self.ty(a);
        if convert == Convert::MaskToInt {
            let size = size_of(ty);
            let one = self.constant(vector(ty), 1, size);
            let parts = self.mask(a, size);
            return Rep::Lanes(parts.into_iter().map(|part| self.b.ins().band(part, one)).collect());
        }
        let parts = self.parts(a);
        let upper = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut result = Parts::new();
        match convert {
            Convert::Widen => {
                for part in parts {
                    result.push(self.b.ins().fvpromote_low(part));
                    let high = self.shuffle(part, part, upper, clif::F32X4);
                    result.push(self.b.ins().fvpromote_low(high));
                }
            }
            Convert::Narrow => {
                let narrow: Parts = parts.into_iter().map(|part| self.b.ins().fvdemote(part)).collect();
                let both = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
                for pair in narrow.chunks(2) {
                    let second = *pair.last().unwrap_or(&pair[0]);
                    result.push(self.shuffle(pair[0], second, both, clif::F32X4));
                }
            }
            Convert::SignExtend | Convert::ZeroExtend => {
                for part in parts {
                    let (low, high) = if convert == Convert::SignExtend {
                        (self.b.ins().swiden_low(part), self.b.ins().swiden_high(part))
                    } else {
                        (self.b.ins().uwiden_low(part), self.b.ins().uwiden_high(part))
                    };
                    result.extend([low, high]);
                }
            }
            Convert::Truncate => result = self.low_halves(&parts),
            Convert::Bits => {
                for part in parts {
                    result.push(self.cast(part, vector(ty)));
                }
            }
            Convert::IntToFloat if from == Ty::I32 && ty == Ty::F32 => {
                for part in parts {
                    result.push(self.b.ins().fcvt_from_sint(clif::F32X4, part));
                }
            }
            Convert::IntToFloat => {
                result = self
                    .lane_by_lane(&parts, from, ty, |lower, of, lane| lower.b.ins().fcvt_from_sint(of, lane));
            }
            Convert::FloatToInt => {
                result = self.lane_by_lane(&parts, from, ty, |lower, _, lane| lower.float_to_int(from, lane));
            }
            // In 2^52 + 2^51 + x the low bits of the significand are x.
            Convert::SmallToFloat => {
                let bits = self.constant(clif::I64X2, 0x4338_0000_0000_0000, 8);
                let base = self.constant(clif::F64X2, 0x4338_0000_0000_0000, 8);
                for part in parts {
                    let sum = self.b.ins().iadd(part, bits);
                    let float = self.cast(sum, clif::F64X2);
                    result.push(self.b.ins().fsub(float, base));
                }
            }
            Convert::WholeToInt => {
                let bits = self.constant(clif::I64X2, 0x4338_0000_0000_0000, 8);
                let base = self.constant(clif::F64X2, 0x4338_0000_0000_0000, 8);
                for part in parts {
                    let sum = self.b.ins().fadd(part, base);
                    let int = self.cast(sum, clif::I64X2);
                    result.push(self.b.ins().isub(int, bits));
                }
            }
            Convert::MaskToInt => {}
        }
        result.truncate(self.count(size_of(ty)));
        Rep::Lanes(result)
    }

    fn lane_by_lane(
        &mut self,
        parts: &Parts,
        from: Ty,
        to: Ty,
        mut f: impl FnMut(&mut Self, Type, Value) -> Value,
    ) -> Parts {
        let of = vector(to).lane_type();
        let lanes = self.scalars(parts, size_of(from));
        let results: Vec<Value> = lanes.into_iter().map(|lane| f(self, of, lane)).collect();
        self.collect(vector(to), &results)
    }

    /// Truncated; the smallest integer if it does not fit.
    fn float_to_int(&mut self, from: Ty, lane: Value) -> Value {
        let lane = if from == Ty::F32 { self.b.ins().fpromote(clif::F64, lane) } else { lane };
        let limit = self.b.ins().f64const(9_223_372_036_854_775_808.0);
        // Nothing that is a number and below the limit saturates to anything but the smallest.
        let fits = self.b.ins().fcmp(FloatCC::LessThan, lane, limit);
        let whole = self.b.ins().fcvt_to_sint_sat(clif::I64, lane);
        let least = self.b.ins().iconst(clif::I64, i64::MIN);
        self.b.ins().select(fits, whole, least)
    }
}
