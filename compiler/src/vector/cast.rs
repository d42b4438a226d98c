//! Conversions, by the rules of `numerics`.

use kjit_strip::ir::{Binary, Compare, Convert, IntOp, Op, Shift, Ty};

use super::linear::Linear;
use super::value::{Builder, Need, Result, Val};
use crate::types::DType;
use crate::types::dtype::Kind;

impl Builder<'_> {
    /// The value as another type.
    pub(super) fn cast(&mut self, value: Val, from: DType, to: DType) -> Result<Val> {
        if from == to {
            return Ok(value);
        }
        match (from.kind(), to.kind()) {
            (Kind::Bool, Kind::Signed | Kind::Unsigned) => {
                let mask = self.lanes(&value);
                Ok(Val::Lanes(self.graph.convert(Convert::MaskToInt, mask, Ty::I64)))
            }
            (Kind::Bool, Kind::Float) => {
                let mask = self.lanes(&value);
                let (ty, one) = if to == DType::F64 {
                    (Ty::F64, 1.0_f64.to_bits())
                } else {
                    (Ty::F32, u64::from(1.0_f32.to_bits()))
                };
                let (one, zero) = (self.graph.bits(ty, one), self.graph.bits(ty, 0));
                Ok(Val::Lanes(self.graph.select(mask, one, zero)))
            }
            (Kind::Signed | Kind::Unsigned, Kind::Bool) => Ok(self.not_zero(&value)),
            (Kind::Float, Kind::Bool) => {
                let value = self.lanes(&value);
                let zero = self.graph.bits(self.graph.ty(value), 0);
                Ok(Val::Lanes(self.graph.compare(Compare::Ne, value, zero)))
            }
            (Kind::Signed | Kind::Unsigned, Kind::Signed | Kind::Unsigned) => {
                Ok(self.narrow(value, from, to))
            }
            (Kind::Signed | Kind::Unsigned, Kind::Float) => self.int_to_float(&value, from, to),
            (Kind::Float, Kind::Signed | Kind::Unsigned) => {
                if to == DType::U64 {
                    return self.refuse("a conversion of floats to u64");
                }
                let value = self.lanes(&value);
                let value = Val::Lanes(self.graph.convert(Convert::FloatToInt, value, Ty::I64));
                Ok(self.narrow(value, DType::I64, to))
            }
            (Kind::Float, Kind::Float) => {
                let value = self.lanes(&value);
                Ok(Val::Lanes(if to == DType::F64 {
                    self.graph.convert(Convert::Widen, value, Ty::F64)
                } else {
                    self.graph.convert(Convert::Narrow, value, Ty::F32)
                }))
            }
            (Kind::Bool, Kind::Bool) => Ok(value),
            (Kind::Complex, _) | (_, Kind::Complex) => self.refuse("a complex number"),
        }
    }

    /// `value != 0` of an integer.
    fn not_zero(&mut self, value: &Val) -> Val {
        self.int_compare(crate::ir::CompareOp::Ne, value, &Val::Int(Linear::constant(0)), true)
    }

    /// The low bits of an integer, extended again.
    fn narrow(&mut self, value: Val, from: DType, to: DType) -> Val {
        let fits = to.size_bytes() == 8
            || (from.size_bytes() < to.size_bytes()
                && (from.kind() == Kind::Unsigned || to.kind() == Kind::Signed))
            || (from.size_bytes() == to.size_bytes() && from.kind() == to.kind());
        if fits {
            return value;
        }
        let bits = 8 * to.size_bytes() as u8;
        let shift = 64 - bits;
        match (&value, to.kind()) {
            (Val::Int(linear), Kind::Signed) if linear.is_uniform() => {
                let count = Linear::constant(i64::from(shift));
                let up = self.int_of(IntOp::Shl, linear, &count);
                Val::Int(self.int_of(IntOp::Sar, &up, &count))
            }
            (Val::Int(linear), _) if linear.is_uniform() => {
                Val::Int(self.int_of(IntOp::And, linear, &Linear::constant((1 << bits) - 1)))
            }
            (_, Kind::Signed) => {
                let lanes = self.lanes(&value);
                let up = self.graph.shift(Shift::Shl, lanes, shift);
                Val::Lanes(self.graph.shift(Shift::Sar, up, shift))
            }
            _ => {
                let lanes = self.lanes(&value);
                let mask = self.graph.i64((1 << bits) - 1);
                Val::Lanes(self.graph.binary(Binary::And, lanes, mask))
            }
        }
    }

    fn int_to_float(&mut self, value: &Val, from: DType, to: DType) -> Result<Val> {
        let ty = if to == DType::F64 { Ty::F64 } else { Ty::F32 };
        if let Val::Int(linear) = value
            && let Some(constant) = linear.as_constant()
        {
            let (small, wide) = (constant as f32, constant as f64);
            if from == DType::U64 {
                return self.refuse("a conversion of u64 to floats");
            }
            let bits = if to == DType::F64 { wide.to_bits() } else { u64::from(small.to_bits()) };
            return Ok(Val::Lanes(self.graph.bits(ty, bits)));
        }
        if from == DType::U64 {
            return self.refuse("a conversion of u64 to floats");
        }
        let is_small = match value {
            _ if from.size_bytes() < 8 => true,
            Val::Int(linear) => self.is_near_variable(linear),
            Val::Lanes(value) => self.is_small(*value),
            Val::Test(_) => false,
        };
        let lanes = self.lanes(value);
        if let Some(&Op::Convert(Convert::WholeToInt, whole)) = self.graph.op(lanes)
            && to == DType::F64
        {
            // It was a whole number before; no integer is a negative zero.
            let zero = self.graph.bits(Ty::F64, 0);
            return Ok(Val::Lanes(self.graph.binary(Binary::Add, whole, zero)));
        }
        let is_exact = is_small && to == DType::F64;
        let convert = if is_exact { Convert::SmallToFloat } else { Convert::IntToFloat };
        Ok(Val::Lanes(self.graph.convert(convert, lanes, ty)))
    }

    /// Is it the loop's variable plus a small constant? Then the loop's bounds have to be small.
    pub(super) fn is_near_variable(&mut self, linear: &Linear) -> bool {
        let rest = linear.add_scaled(&self.var, -1);
        let is_near = linear.lane != 0 && rest.as_constant().is_some_and(|c| c.unsigned_abs() < 1 << 40);
        if is_near {
            self.need(Need::SmallRange);
        }
        is_near
    }
}
