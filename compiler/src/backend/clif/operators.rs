//! Arithmetic: unary and binary operators on integers, truth values and floats.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types as clif};

use super::func::Emitter;
use crate::ir::abi::table;
use crate::ir::{BinaryOp, Const, ExprId, ExprKind, UnaryOp};
use crate::types::DType;

impl Emitter<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, arg: ExprId, ty: DType) -> Value {
        if op == UnaryOp::Not {
            if let ExprKind::Compare { op, left, right } = self.func.exprs[arg].kind {
                return self.compare(op, left, right, true);
            }
            let arg = self.expr(arg);
            return self.bxor_imm(arg, 1);
        }
        let arg = self.expr(arg);
        let ins = self.b.ins();
        match op {
            UnaryOp::Neg if ty.is_float() => ins.fneg(arg),
            UnaryOp::Neg => ins.ineg(arg),
            UnaryOp::Abs if ty.is_float() => self.fabs(arg, ty),
            UnaryOp::Abs => ins.iabs(arg),
            UnaryOp::Invert | UnaryOp::Not => ins.bnot(arg),
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId, ty: DType) -> Value {
        if ty.is_float() {
            return self.binary_float_exprs(op, left, right, ty);
        }
        let (mut left, mut right) = (left, right);
        if matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor)
            && self.const_int(left).is_some()
        {
            std::mem::swap(&mut left, &mut right);
        }
        let constant = self.const_int(right);
        let x = self.expr(left);
        if let Some(constant) = constant
            && let Some(value) = self.binary_const(op, x, constant, ty)
        {
            return value;
        }
        let y = self.expr(right);
        self.binary_values(op, x, y, ty)
    }

    /// The machine takes a constant on the right from memory, but builds one on the left in two instructions.
    fn binary_float_exprs(&mut self, op: BinaryOp, left: ExprId, right: ExprId, ty: DType) -> Value {
        let (mut left, mut right) = (left, right);
        let constant = match self.func.exprs[left].kind {
            ExprKind::Const(value) => Some(value),
            _ => None,
        };
        if constant.is_some() && matches!(op, BinaryOp::Add | BinaryOp::Mul) {
            std::mem::swap(&mut left, &mut right);
        }
        let x = match (op, constant) {
            (BinaryOp::Sub | BinaryOp::Div, Some(value)) if ty == DType::F64 && value.0 != 0 => {
                self.loaded_constant(value)
            }
            _ => self.expr(left),
        };
        let y = self.expr(right);
        self.binary_floats(op, x, y, ty)
    }

    /// Without the sign. The mask of the machine's own instruction would be built anew each time.
    pub(super) fn fabs(&mut self, x: Value, ty: DType) -> Value {
        if ty != DType::F64 || !self.unit.abilities.has_cheap_vector_constants {
            return self.b.ins().fabs(x);
        }
        let mask = self.loaded_constant(Const(i64::MAX as u64));
        self.b.ins().band(x, mask)
    }

    /// A double in a register of its own.
    pub(super) fn loaded_constant(&mut self, value: Const) -> Value {
        if !self.unit.abilities.has_cheap_vector_constants {
            return self.constant(value, DType::F64);
        }
        let mut bytes = value.0.to_le_bytes().to_vec();
        bytes.resize(16, 0);
        let constant = self.b.func.dfg.constants.insert(bytes.into());
        let vector = self.b.ins().vconst(clif::F64X2, constant);
        self.b.ins().extractlane(vector, 0)
    }

    /// Integer operations whose right operand is known.
    fn binary_const(&mut self, op: BinaryOp, x: Value, c: i64, ty: DType) -> Option<Value> {
        let is_signed = ty != DType::U64;
        let is_power = c > 0 && c & (c - 1) == 0;
        Some(match op {
            BinaryOp::Mul => self.scale(x, c),
            BinaryOp::FloorDiv | BinaryOp::Mod if c == 0 => self.int(clif::I64, 0),
            BinaryOp::FloorDiv if is_power => {
                let shift = i64::from(c.trailing_zeros());
                if is_signed { self.sshr_imm(x, shift) } else { self.ushr_imm(x, shift) }
            }
            BinaryOp::Mod if is_power => self.band_imm(x, c - 1),
            BinaryOp::FloorDiv if !is_signed => {
                let c = self.int(clif::I64, c);
                self.b.ins().udiv(x, c)
            }
            BinaryOp::Mod if !is_signed => {
                let c = self.int(clif::I64, c);
                self.b.ins().urem(x, c)
            }
            BinaryOp::FloorDiv if c == -1 => self.b.ins().ineg(x),
            BinaryOp::Mod if c == -1 => self.int(clif::I64, 0),
            BinaryOp::FloorDiv | BinaryOp::Mod => {
                let divisor = self.int(clif::I64, c);
                let quotient = self.b.ins().sdiv(x, divisor);
                let product = self.b.ins().imul(quotient, divisor);
                let rest = self.b.ins().isub(x, product);
                // All ones where the rest has the other sign than the divisor.
                let wrong = if c > 0 {
                    self.sshr_imm(rest, 63)
                } else {
                    let negated = self.b.ins().ineg(rest);
                    self.sshr_imm(negated, 63)
                };
                if op == BinaryOp::FloorDiv {
                    self.b.ins().iadd(quotient, wrong)
                } else {
                    let correction = self.b.ins().band(wrong, divisor);
                    self.b.ins().iadd(rest, correction)
                }
            }
            BinaryOp::Shl if (0..64).contains(&c) => self.ishl_imm(x, c),
            BinaryOp::Shl => self.int(clif::I64, 0),
            BinaryOp::Shr if is_signed => self.sshr_imm(x, if (0..64).contains(&c) { c } else { 63 }),
            BinaryOp::Shr if (0..64).contains(&c) => self.ushr_imm(x, c),
            BinaryOp::Shr => self.int(clif::I64, 0),
            BinaryOp::IntPow if (0..=16).contains(&c) => self.small_power(x, c),
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::MulHigh
            | BinaryOp::Div
            | BinaryOp::IntPow
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Min
            | BinaryOp::Max => return None,
        })
    }

    fn small_power(&mut self, x: Value, exponent: i64) -> Value {
        if exponent == 0 {
            return self.int(clif::I64, 1);
        }
        let mut power = None;
        let (mut square, mut left) = (x, exponent);
        loop {
            if left & 1 == 1 {
                power = Some(match power {
                    None => square,
                    Some(power) => self.b.ins().imul(power, square),
                });
            }
            left >>= 1;
            match power {
                Some(power) if left == 0 => return power,
                _ => square = self.b.ins().imul(square, square),
            }
        }
    }

    /// `x op y`.
    pub(super) fn binary_values(&mut self, op: BinaryOp, x: Value, y: Value, ty: DType) -> Value {
        if ty.is_float() {
            return self.binary_floats(op, x, y, ty);
        }
        let is_signed = ty != DType::U64;
        match op {
            BinaryOp::Add => self.b.ins().iadd(x, y),
            BinaryOp::Sub => self.b.ins().isub(x, y),
            BinaryOp::Mul => self.b.ins().imul(x, y),
            BinaryOp::MulHigh => self.b.ins().umulhi(x, y),
            BinaryOp::And => self.b.ins().band(x, y),
            BinaryOp::Or => self.b.ins().bor(x, y),
            BinaryOp::Xor => self.b.ins().bxor(x, y),
            BinaryOp::FloorDiv if is_signed => self.floor_div(x, y, true),
            BinaryOp::Mod if is_signed => self.floor_div(x, y, false),
            BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::Div => {
                let zero = self.int(clif::I64, 0);
                let one = self.int(clif::I64, 1);
                let is_zero = self.b.ins().icmp(IntCC::Equal, y, zero);
                let divisor = self.b.ins().select(is_zero, one, y);
                if op == BinaryOp::Mod {
                    // Modulo 1 is 0, as wanted for a zero divisor.
                    return self.b.ins().urem(x, divisor);
                }
                let quotient = self.b.ins().udiv(x, divisor);
                self.b.ins().select(is_zero, zero, quotient)
            }
            BinaryOp::IntPow => {
                let index = if is_signed { table::INT_POW } else { table::UINT_POW };
                let power = self.call_table(index, "ii>i", &[x, y]);
                power.unwrap_or(x)
            }
            BinaryOp::Shl => {
                let zero = self.int(clif::I64, 0);
                let shifted = self.b.ins().ishl(x, y);
                let is_far = self.icmp_imm(IntCC::UnsignedGreaterThan, y, 63);
                self.b.ins().select(is_far, zero, shifted)
            }
            BinaryOp::Shr if is_signed => {
                let last = self.int(clif::I64, 63);
                let is_far = self.b.ins().icmp(IntCC::UnsignedGreaterThan, y, last);
                let count = self.b.ins().select(is_far, last, y);
                self.b.ins().sshr(x, count)
            }
            BinaryOp::Shr => {
                let zero = self.int(clif::I64, 0);
                let shifted = self.b.ins().ushr(x, y);
                let is_far = self.icmp_imm(IntCC::UnsignedGreaterThan, y, 63);
                self.b.ins().select(is_far, zero, shifted)
            }
            BinaryOp::Min | BinaryOp::Max => {
                let code = match (op, is_signed) {
                    (BinaryOp::Min, true) => IntCC::SignedLessThan,
                    (BinaryOp::Min, false) => IntCC::UnsignedLessThan,
                    (_, true) => IntCC::SignedGreaterThan,
                    (_, false) => IntCC::UnsignedGreaterThan,
                };
                let takes_right = self.b.ins().icmp(code, y, x);
                self.b.ins().select(takes_right, y, x)
            }
        }
    }

    /// Signed `//` or `%`. Divisors 0 and -1 are replaced by 1 for the machine's division: the quotient is then `x * y`,
    /// which is 0 and `-x`, and the rest 0.
    fn floor_div(&mut self, x: Value, y: Value, wants_quotient: bool) -> Value {
        let one = self.int(clif::I64, 1);
        let next = self.b.ins().iadd(y, one);
        let is_special = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, next, one);
        let divisor = self.b.ins().select(is_special, one, y);
        let quotient = self.b.ins().sdiv(x, divisor);
        let product = self.b.ins().imul(quotient, divisor);
        let rest = self.b.ins().isub(x, product);
        // The rest must have the divisor's sign.
        let signs = self.b.ins().bxor(rest, divisor);
        let differs = self.icmp_imm(IntCC::SignedLessThan, signs, 0);
        let some = self.icmp_imm(IntCC::NotEqual, rest, 0);
        let is_off = self.b.ins().band(differs, some);
        if wants_quotient {
            let off = self.b.ins().uextend(clif::I64, is_off);
            let floor = self.b.ins().isub(quotient, off);
            let special = self.b.ins().imul(x, y);
            self.b.ins().select(is_special, special, floor)
        } else {
            let moved = self.b.ins().iadd(rest, divisor);
            self.b.ins().select(is_off, moved, rest)
        }
    }

    fn binary_floats(&mut self, op: BinaryOp, x: Value, y: Value, ty: DType) -> Value {
        let is_single = ty == DType::F32;
        match op {
            BinaryOp::Add => self.b.ins().fadd(x, y),
            BinaryOp::Sub => self.b.ins().fsub(x, y),
            BinaryOp::Mul => self.b.ins().fmul(x, y),
            BinaryOp::Div => self.b.ins().fdiv(x, y),
            BinaryOp::FloorDiv if is_single => self.call_float(table::FLOORDIV_F32, "ss>s", &[x, y]),
            BinaryOp::FloorDiv => self.call_float(table::FLOORDIV_F64, "dd>d", &[x, y]),
            BinaryOp::Mod if is_single => self.call_float(table::MOD_F32, "ss>s", &[x, y]),
            BinaryOp::Mod => self.call_float(table::MOD_F64, "dd>d", &[x, y]),
            // In the forms that become `minsd` and `maxsd`.
            BinaryOp::Min => {
                let takes_right = self.b.ins().fcmp(FloatCC::LessThan, y, x);
                self.b.ins().select(takes_right, y, x)
            }
            BinaryOp::Max => {
                let takes_right = self.b.ins().fcmp(FloatCC::LessThan, x, y);
                self.b.ins().select(takes_right, y, x)
            }
            // Not for floats; the verifier refuses them.
            BinaryOp::IntPow
            | BinaryOp::MulHigh
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr => x,
        }
    }
}
