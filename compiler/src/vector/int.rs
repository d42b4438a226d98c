//! Arithmetic of integers: as one number for the block where it is the same in every lane, or changes by a fixed step.

use kjit_strip::ir::{Binary, Compare, Convert, IntOp, Op, Shift, Ty, Unary, Value};

use super::linear::Linear;
use super::value::{Builder, Result, Val};
use crate::ir::{BinaryOp, CompareOp, UnaryOp};

/// Parts of a product of 128 bits: `low + (middle, carried in turn, so that none overflows) << 32 + high << 64`.
struct HalvesProduct {
    /// Of the low halves.
    low: Value,
    /// One of the mixed products, and what the low one carries.
    middle: Value,
    /// The other mixed product, and the low half of `middle`.
    carried: Value,
    /// Of the high halves.
    high: Value,
}

impl Builder<'_> {
    /// `op arg` of an integer of 64 bits.
    pub(super) fn int_unary(&mut self, op: UnaryOp, arg: &Val) -> Val {
        if let (UnaryOp::Neg, Val::Int(linear)) = (op, arg) {
            return Val::Int(linear.scale(-1));
        }
        if let (UnaryOp::Invert, Val::Int(linear)) = (op, arg) {
            return Val::Int(Linear::constant(-1).add_scaled(linear, -1));
        }
        let arg = self.lanes(arg);
        let op = match op {
            UnaryOp::Neg => Unary::Neg,
            UnaryOp::Invert | UnaryOp::Not => Unary::Not,
            UnaryOp::Abs => Unary::Abs,
        };
        Val::Lanes(self.graph.unary(op, arg))
    }

    /// `left op right` of integers of 64 bits.
    pub(super) fn int_binary(
        &mut self,
        op: BinaryOp,
        left: &Val,
        right: &Val,
        is_signed: bool,
    ) -> Result<Val> {
        if let (Val::Int(a), Val::Int(b)) = (left, right)
            && let Some(value) = self.linear_binary(op, a, b, is_signed)
        {
            return Ok(Val::Int(value));
        }
        let constant = match right {
            Val::Int(linear) => linear.as_constant(),
            Val::Lanes(_) | Val::Test(_) => None,
        };
        let a = self.lanes(left);
        if let Some(constant) = constant
            && let Some(value) = self.binary_by_constant(op, a, constant, is_signed)
        {
            return Ok(Val::Lanes(value));
        }
        let b = self.lanes(right);
        let op = match op {
            BinaryOp::Add => Binary::Add,
            BinaryOp::Sub => Binary::Sub,
            BinaryOp::Mul => match self.known_product(a, b) {
                Some(product) => return Ok(Val::Lanes(product)),
                None => Binary::Mul,
            },
            BinaryOp::MulHigh => return Ok(Val::Lanes(self.high_product(a, b))),
            BinaryOp::And => Binary::And,
            BinaryOp::Or => Binary::Or,
            BinaryOp::Xor => Binary::Xor,
            BinaryOp::Shl => Binary::Shl,
            BinaryOp::Shr if is_signed => Binary::Sar,
            BinaryOp::Shr => Binary::Shr,
            BinaryOp::Min if is_signed => Binary::Min,
            BinaryOp::Max if is_signed => Binary::Max,
            BinaryOp::Min | BinaryOp::Max => {
                let less = self.int_lanes_compare(CompareOp::Lt, a, b, false);
                let (then, orelse) = if op == BinaryOp::Min { (a, b) } else { (b, a) };
                return Ok(Val::Lanes(self.graph.select(less, then, orelse)));
            }
            BinaryOp::FloorDiv | BinaryOp::Mod if is_signed => return self.int_division(op, left, right),
            BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::IntPow => {
                return self.refuse("a power or an unsigned division of integers");
            }
        };
        Ok(Val::Lanes(self.graph.binary(op, a, b)))
    }

    /// The high half of the product of two unsigned numbers, from four products of halves.
    fn high_product(&mut self, a: Value, b: Value) -> Value {
        let halves = self.halves_product(a, b);
        let (low, high) = (self.high(halves.middle), self.high(halves.carried));
        let sum = self.graph.binary(Binary::Add, halves.high, low);
        self.graph.binary(Binary::Add, sum, high)
    }

    /// The low half of a product of which the high half is known.
    fn known_product(&mut self, a: Value, b: Value) -> Option<Value> {
        let constant = self.graph.constant(b)?;
        let high = self.graph.known(Ty::I64, &Op::Shift(Shift::Shr, a, 32))?;
        let factor = self.graph.known(Ty::I64, &Op::Const(constant >> 32))?;
        self.graph.known(Ty::I64, &Op::Binary(Binary::Mul, high, factor))?;
        let halves = self.halves_product(a, b);
        let low = self.low(halves.low);
        let high = self.graph.shift(Shift::Shl, halves.carried, 32);
        Some(self.graph.binary(Binary::Or, high, low))
    }

    fn halves_product(&mut self, a: Value, b: Value) -> HalvesProduct {
        let (a_low, a_high, b_low, b_high) = (self.low(a), self.high(a), self.low(b), self.high(b));
        let low = self.graph.binary(Binary::Mul, a_low, b_low);
        let left = self.graph.binary(Binary::Mul, a_low, b_high);
        let right = self.graph.binary(Binary::Mul, a_high, b_low);
        let high = self.graph.binary(Binary::Mul, a_high, b_high);
        let carry = self.high(low);
        let middle = self.graph.binary(Binary::Add, left, carry);
        let rest = self.low(middle);
        let carried = self.graph.binary(Binary::Add, right, rest);
        HalvesProduct { low, middle, carried, high }
    }

    /// The low 32 bits.
    fn low(&mut self, a: Value) -> Value {
        if let Some(constant) = self.graph.constant(a) {
            return self.graph.i64((constant & 0xffff_ffff) as i64);
        }
        let mask = self.graph.i64(0xffff_ffff);
        self.graph.binary(Binary::And, a, mask)
    }

    /// The high 32 bits.
    fn high(&mut self, a: Value) -> Value {
        match self.graph.constant(a) {
            Some(constant) => self.graph.i64((constant >> 32) as i64),
            None => self.graph.shift(Shift::Shr, a, 32),
        }
    }

    fn linear_binary(&mut self, op: BinaryOp, a: &Linear, b: &Linear, is_signed: bool) -> Option<Linear> {
        let is_uniform = a.is_uniform() && b.is_uniform();
        match op {
            BinaryOp::Add => return Some(a.add_scaled(b, 1)),
            BinaryOp::Sub => return Some(a.add_scaled(b, -1)),
            BinaryOp::Mul => {
                if let Some(factor) = b.as_constant() {
                    return Some(a.scale(factor));
                }
                if let Some(factor) = a.as_constant() {
                    return Some(b.scale(factor));
                }
            }
            BinaryOp::Shl => {
                if let Some(count @ 0..=62) = b.as_constant() {
                    return Some(a.scale(1 << count));
                }
                return None;
            }
            BinaryOp::Shr => {
                let count =
                    b.as_constant().filter(|count| is_signed && is_uniform && (0..64).contains(count))?;
                return Some(self.int_of(IntOp::Sar, a, &Linear::constant(count)));
            }
            BinaryOp::FloorDiv | BinaryOp::Mod => {
                let divisor =
                    b.as_constant().filter(|&d| is_signed && is_uniform && d > 0 && d & (d - 1) == 0)?;
                return Some(if op == BinaryOp::Mod {
                    self.int_of(IntOp::And, a, &Linear::constant(divisor - 1))
                } else {
                    self.int_of(IntOp::Sar, a, &Linear::constant(i64::from(divisor.trailing_zeros())))
                });
            }
            _ => {}
        }
        if !is_uniform {
            return None;
        }
        let op = match op {
            BinaryOp::Mul => IntOp::Mul,
            BinaryOp::And => IntOp::And,
            BinaryOp::Or => IntOp::Or,
            BinaryOp::Xor => IntOp::Xor,
            BinaryOp::Min if is_signed => IntOp::Min,
            BinaryOp::Max if is_signed => IntOp::Max,
            _ => return None,
        };
        Some(self.int_of(op, a, b))
    }

    fn binary_by_constant(
        &mut self,
        op: BinaryOp,
        a: Value,
        constant: i64,
        is_signed: bool,
    ) -> Option<Value> {
        let is_power = constant > 0 && constant & (constant - 1) == 0;
        let log = constant.trailing_zeros() as u8;
        match op {
            BinaryOp::Mul if is_power => Some(self.graph.shift(Shift::Shl, a, log)),
            BinaryOp::Shl if (0..64).contains(&constant) => {
                Some(self.graph.shift(Shift::Shl, a, constant as u8))
            }
            BinaryOp::Shr if (0..64).contains(&constant) => {
                let op = if is_signed { Shift::Sar } else { Shift::Shr };
                Some(self.graph.shift(op, a, constant as u8))
            }
            BinaryOp::FloorDiv if is_power => {
                let op = if is_signed { Shift::Sar } else { Shift::Shr };
                Some(self.graph.shift(op, a, log))
            }
            BinaryOp::Mod if is_power => {
                let mask = self.graph.i64(constant - 1);
                Some(self.graph.binary(Binary::And, a, mask))
            }
            _ => None,
        }
    }

    /// Python's `//` and `%` through doubles, exact below 2^50: lanes with larger operands leave the strip. A zero divisor was checked
    /// before, or gives 0.
    fn int_division(&mut self, op: BinaryOp, left: &Val, right: &Val) -> Result<Val> {
        let (a, b) = (self.small_float(left)?, self.small_float(right)?);
        let zero = self.graph.bits(Ty::F64, 0);
        let quotient = self.graph.binary(Binary::Div, a, b);
        let quotient = self.graph.unary(Unary::Floor, quotient);
        let mut result = if op == BinaryOp::FloorDiv {
            quotient
        } else {
            let product = self.graph.binary(Binary::Mul, quotient, b);
            self.graph.binary(Binary::Sub, a, product)
        };
        if self.graph.constant(b).is_none_or(|bits| f64::from_bits(bits) == 0.0) {
            let is_zero = self.graph.compare(Compare::Eq, b, zero);
            result = self.graph.select(is_zero, zero, result);
        }
        Ok(Val::Lanes(self.graph.convert(Convert::WholeToInt, result, Ty::I64)))
    }

    /// The integer as a double; lanes in which it is not below 2^50 in size leave the strip.
    fn small_float(&mut self, value: &Val) -> Result<Value> {
        let is_small = match value {
            Val::Int(linear) => {
                if let Some(constant) = linear.as_constant() {
                    if constant.unsigned_abs() < 1 << 50 {
                        return Ok(self.graph.bits(Ty::F64, (constant as f64).to_bits()));
                    }
                    return self.refuse("a division by a large number");
                }
                self.is_near_variable(linear)
            }
            Val::Lanes(value) => self.is_small(*value),
            Val::Test(_) => false,
        };
        let lanes = self.lanes(value);
        if !is_small {
            let limit = self.graph.i64(1 << 50);
            let size = self.graph.unary(Unary::Abs, lanes);
            // The size of the smallest integer is negative.
            let zero = self.graph.i64(0);
            let large = self.graph.compare(Compare::Ge, size, limit);
            let overflown = self.graph.compare(Compare::Lt, size, zero);
            let mask = self.graph.binary(Binary::Or, large, overflown);
            self.fault(mask)?;
        }
        Ok(self.graph.convert(Convert::SmallToFloat, lanes, Ty::F64))
    }

    /// Is the integer in every lane surely below 2^50 in size?
    pub(super) fn is_small(&self, value: Value) -> bool {
        match self.graph.op(value) {
            Some(Op::Const(bits)) => (*bits as i64).unsigned_abs() < 1 << 50,
            Some(Op::Load { elem, .. }) => elem.bytes() <= 4,
            Some(Op::LaneNumber) => true,
            Some(Op::Binary(Binary::And, a, b)) => {
                [a, b].into_iter().any(|&v| self.graph.constant(v).is_some_and(|bits| bits < 1 << 50))
            }
            _ => false,
        }
    }

    /// A comparison of integers of 64 bits.
    pub(super) fn int_compare(&mut self, op: CompareOp, left: &Val, right: &Val, is_signed: bool) -> Val {
        if let (Val::Int(a), Val::Int(b)) = (left, right)
            && a.is_uniform()
            && b.is_uniform()
            && (is_signed || matches!(op, CompareOp::Eq | CompareOp::Ne))
        {
            let (a, b) = (a.first(&mut self.graph), b.first(&mut self.graph));
            return Val::Test(self.graph.define(Ty::Test, Op::IntCompare(compare_op(op), a, b)));
        }
        let (a, b) = (self.lanes(left), self.lanes(right));
        Val::Lanes(self.int_lanes_compare(op, a, b, is_signed))
    }

    fn int_lanes_compare(&mut self, op: CompareOp, mut a: Value, mut b: Value, is_signed: bool) -> Value {
        if !is_signed && !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            // Unsigned order is signed order with the highest bit inverted.
            let bit = self.graph.i64(i64::MIN);
            a = self.graph.binary(Binary::Xor, a, bit);
            b = self.graph.binary(Binary::Xor, b, bit);
        }
        self.graph.compare(compare_op(op), a, b)
    }
}

pub(super) fn compare_op(op: CompareOp) -> Compare {
    match op {
        CompareOp::Eq => Compare::Eq,
        CompareOp::Ne => Compare::Ne,
        CompareOp::Lt => Compare::Lt,
        CompareOp::Le => Compare::Le,
        CompareOp::Gt => Compare::Gt,
        CompareOp::Ge => Compare::Ge,
    }
}
