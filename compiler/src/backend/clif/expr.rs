//! Expressions: every one is computed without a trap of the processor, bit for bit as [`crate::numerics`] says.

use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, Value, types as clif};
use cranelift_frontend::Variable;

use super::func::{Emitter, Wrapped, machine_type};
use crate::ir::abi::{context, table};
use crate::ir::{ArrayId, BinaryOp, CompareOp, Const, ExprId, ExprKind, LocalId, TrapId, UnaryOp, walk};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;
use crate::types::dtype::Kind;

/// 2^63.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

impl Emitter<'_> {
    /// The value of an expression.
    pub(super) fn expr(&mut self, id: ExprId) -> Value {
        let func = self.func;
        let expr = &func.exprs[id];
        if self.unit.lines.is_some() {
            self.at(expr.span);
        }
        match &expr.kind {
            ExprKind::Const(value) => self.constant(*value, expr.ty),
            ExprKind::Local(local) => self.read_local(*local),
            ExprKind::Load { array, place, lane } => {
                let (address, disp) = self.address(*array, place, *lane);
                self.load_element(func.arrays[*array].ty.dtype.part(), address, disp)
            }
            ExprKind::Dim { array, axis } => self.dim(*array, *axis),
            ExprKind::Stride { array, axis } => self.stride(*array, *axis),
            ExprKind::Base { array } => self.data(*array),
            ExprKind::Overlaps { a, b } => self.overlaps(*a, *b),
            ExprKind::Unary { op, arg } => self.unary(*op, *arg, expr.ty),
            ExprKind::Binary { op, left, right } => self.binary(*op, *left, *right, expr.ty),
            ExprKind::Compare { op, left, right } => self.compare(*op, *left, *right, false),
            ExprKind::Select { cond, then, orelse } if self.counts(*cond, *then, *orelse) => {
                let (flag, count) = (self.expr(*cond), self.expr(*orelse));
                let flag = self.b.ins().uextend(clif::I64, flag);
                self.b.ins().iadd(count, flag)
            }
            ExprKind::Select { cond, then, orelse } => {
                let (cond, then, orelse) = (self.expr(*cond), self.expr(*then), self.expr(*orelse));
                self.b.ins().select(cond, then, orelse)
            }
            ExprKind::Cast { arg } => {
                let from = func.exprs[*arg].ty;
                let value = self.expr(*arg);
                self.cast(value, from, expr.ty)
            }
            ExprKind::Wrap { index, extent } => self.wrap(*index, *extent),
            ExprKind::Math1 { function, arg } => self.math1(*function, *arg, expr.ty),
            ExprKind::Math2 { function, left, right } => self.math2(*function, *left, *right, expr.ty),
            ExprKind::Fma { a, b, c } => {
                let args = [self.expr(*a), self.expr(*b), self.expr(*c)];
                if self.unit.abilities.has_fma {
                    self.b.ins().fma(args[0], args[1], args[2])
                } else if expr.ty == DType::F32 {
                    self.call_float(table::FMA_F32, "sss>s", &args)
                } else {
                    self.call_float(table::FMA_F64, "ddd>d", &args)
                }
            }
            ExprKind::Interrupted => {
                // Loaded where it stands: in a register of its own it would be in the way of the loops inside.
                let flag = self.b.ins().load(clif::I64, self.fixed, self.ctx, context::INTERRUPT);
                // Atomic, so that it is read anew each time.
                let flag = self.b.ins().atomic_load(clif::I32, self.words, flag);
                self.icmp_imm(IntCC::NotEqual, flag, 0)
            }
        }
    }

    /// Is it `n + 1 if cond else n`, with a condition that is a number already?
    fn counts(&self, cond: ExprId, then: ExprId, orelse: ExprId) -> bool {
        let exprs = &self.func.exprs;
        matches!(exprs[cond].kind, ExprKind::Load { .. } | ExprKind::Local(_))
            && exprs[then].ty == DType::I64
            && matches!(exprs[then].kind, ExprKind::Binary { op: BinaryOp::Add, left, right }
                if self.const_int(right) == Some(1) && walk::same_expr(exprs, left, orelse))
    }

    /// The value of a local.
    pub(super) fn read_local(&mut self, local: LocalId) -> Value {
        match self.values[local].expand() {
            Some(value) => value,
            None => self.b.use_var(Variable::from_u32(local.as_u32())),
        }
    }

    pub(super) fn constant(&mut self, value: Const, ty: DType) -> Value {
        match ty {
            DType::F64 => self.b.ins().f64const(value.as_f64()),
            DType::F32 => self.b.ins().f32const(value.as_f32()),
            DType::Bool => self.int(clif::I8, (value.0 & 1) as i64),
            _ => self.int(clif::I64, value.as_int()),
        }
    }

    pub(super) fn call_float(&mut self, index: usize, key: &'static str, args: &[Value]) -> Value {
        let result = self.call_table(index, key, args);
        result.unwrap_or(args[0])
    }

    // Conditions.

    /// Branches on a condition.
    pub(super) fn branch(&mut self, cond: ExprId, then: Block, orelse: Block) {
        match &self.func.exprs[cond].kind {
            ExprKind::Unary { op: UnaryOp::Not, arg } => self.branch(*arg, orelse, then),
            ExprKind::Const(value) => {
                let target = if value.0 & 1 == 1 { then } else { orelse };
                self.b.ins().jump(target, &[]);
            }
            // Two branches on flags are cheaper than two flags in registers.
            ExprKind::Binary { op: BinaryOp::And, left, right } => {
                let both = self.b.create_block();
                self.branch(*left, both, orelse);
                self.start(both);
                self.branch(*right, then, orelse);
            }
            ExprKind::Binary { op: BinaryOp::Or, left, right } => {
                let neither = self.b.create_block();
                self.branch(*left, then, neither);
                self.start(neither);
                self.branch(*right, then, orelse);
            }
            ExprKind::Overlaps { a, b } => self.branch_overlaps([*a, *b], then, orelse),
            ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Local(_)
            | ExprKind::Load { .. }
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Compare { .. }
            | ExprKind::Select { .. }
            | ExprKind::Cast { .. }
            | ExprKind::Wrap { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. }
            | ExprKind::Interrupted => {
                let cond = self.expr(cond);
                self.b.ins().brif(cond, then, &[], orelse, &[]);
            }
        }
    }

    /// Branches on a condition that nearly always holds.
    ///
    /// The error is the first successor: Cranelift visits the other one first, and with it the rest of a loop around it.
    /// The other way round it takes the loop to have ended where the error leaves it, and moves nothing out of the rest.
    pub(super) fn branch_unless(&mut self, cond: ExprId, error: Block, next: Block) {
        if let ExprKind::Compare { op, left, right } = self.func.exprs[cond].kind {
            let fails = self.compare(op, left, right, true);
            self.b.ins().brif(fails, error, &[], next, &[]);
        } else {
            self.branch(cond, next, error);
        }
    }

    pub(super) fn compare(&mut self, op: CompareOp, left: ExprId, right: ExprId, negated: bool) -> Value {
        let ty = self.func.exprs[left].ty;
        if ty.is_float() {
            let code = float_code(op);
            let code = if negated { code.complement() } else { code };
            let (left, right) = (self.compared(left), self.compared(right));
            return self.b.ins().fcmp(code, left, right);
        }
        let code = int_code(op, matches!(ty, DType::U64 | DType::Bool));
        let code = if negated { code.complement() } else { code };
        let left = self.expr(left);
        if let Some(constant) = self.const_int(right)
            && ty != DType::Bool
        {
            return self.icmp_imm(code, left, constant);
        }
        let right = self.expr(right);
        self.b.ins().icmp(code, left, right)
    }

    /// An operand of a comparison of floats: the machine compares less-than the other way round, so a constant on either
    /// side may need a register.
    fn compared(&mut self, id: ExprId) -> Value {
        match self.func.exprs[id].kind {
            ExprKind::Const(value) if self.func.exprs[id].ty == DType::F64 && value.0 != 0 => {
                self.loaded_constant(value)
            }
            _ => self.expr(id),
        }
    }

    // Indices.

    /// `index + extent if index < 0 else index`.
    fn wrap(&mut self, index: ExprId, extent: ExprId) -> Value {
        if self.facts.is_nonneg(self.func, index) {
            return self.expr(index);
        }
        if let ExprKind::Dim { array, axis } = self.func.exprs[extent].kind
            && let Some(value) = self.wrapped(index, array, axis)
        {
            return value;
        }
        let (index, extent) = (self.expr(index), self.expr(extent));
        let from_end = self.b.ins().iadd(index, extent);
        let is_negative = self.icmp_imm(IntCC::SignedLessThan, index, 0);
        self.b.ins().select(is_negative, from_end, index)
    }

    /// The index as a check before has wrapped it.
    fn wrapped(&self, index: ExprId, array: ArrayId, axis: u8) -> Option<Value> {
        self.wraps
            .iter()
            .rev()
            .find(|wrap| {
                wrap.array == array
                    && wrap.axis == axis
                    && walk::same_expr(&self.func.exprs, wrap.index, index)
            })
            .map(|wrap| wrap.value)
    }

    /// Ends the function unless `-dim <= index < dim`. Indices are mostly not negative, so that is one unsigned
    /// comparison; a failure adds the extent and compares again, out of the way:
    ///
    /// ```text
    ///   brif index <u dim, next(index), cold
    /// cold:
    ///   wrapped = index + dim
    ///   brif wrapped <u dim, next(wrapped), trap
    /// ```
    ///
    /// The place that follows finds the wrapped index.
    pub(super) fn check_index(
        &mut self,
        index: ExprId,
        array: ArrayId,
        axis: u8,
        trap: TrapId,
        args: &[ExprId],
    ) {
        let dim = self.dim(array, axis);
        let next = self.b.create_block();
        let target = self.trap_block(trap, args);
        if let Some(constant) = self.const_int(index) {
            let fails = if constant >= 0 {
                self.icmp_imm(IntCC::SignedLessThanOrEqual, dim, constant)
            } else {
                let from_end = self.iadd_imm(dim, constant);
                self.icmp_imm(IntCC::SignedLessThan, from_end, 0)
            };
            self.b.ins().brif(fails, target.block, &[], next, &[]);
            self.fill_trap(target, trap, args);
            self.start(next);
            return;
        }
        let is_nonneg = self.facts.is_nonneg(self.func, index);
        let value = self.expr(index);
        if is_nonneg {
            let fails = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, value, dim);
            self.b.ins().brif(fails, target.block, &[], next, &[]);
            self.fill_trap(target, trap, args);
            self.start(next);
            return;
        }
        let is_valid = self.b.ins().icmp(IntCC::UnsignedLessThan, value, dim);
        let cold = self.b.create_block();
        let wrapped = self.b.append_block_param(next, clif::I64);
        self.b.ins().brif(is_valid, next, &[value.into()], cold, &[]);
        self.b.set_cold_block(cold);
        self.start(cold);
        let from_end = self.b.ins().iadd(value, dim);
        let is_valid = self.b.ins().icmp(IntCC::UnsignedLessThan, from_end, dim);
        // A block of its own, so that the move of the index into its register is out of the way, too.
        let from_cold = self.b.create_block();
        self.b.ins().brif(is_valid, from_cold, &[], target.block, &[]);
        self.b.set_cold_block(from_cold);
        self.start(from_cold);
        self.b.ins().jump(next, &[from_end.into()]);
        self.fill_index_trap(target, trap, args, index, from_end, dim);
        self.start(next);
        if self.is_made_of_locals(index) {
            let branch_depth = self.branch_depth;
            self.wraps.push(Wrapped { index, array, axis, value: wrapped, branch_depth });
        }
    }

    /// Has the expression the same value until one of its locals is assigned?
    fn is_made_of_locals(&self, expr: ExprId) -> bool {
        !walk::any_expr(&self.func.exprs, expr, &mut |expr| {
            matches!(expr.kind, ExprKind::Load { .. } | ExprKind::Interrupted)
        })
    }

    // Conversions.

    /// The value as another type.
    pub(super) fn cast(&mut self, value: Value, from: DType, to: DType) -> Value {
        if from == to {
            return value;
        }
        match to.kind() {
            Kind::Bool => {
                if from.is_float() {
                    let zero = self.zero(machine_type(from));
                    self.b.ins().fcmp(FloatCC::NotEqual, value, zero)
                } else {
                    self.icmp_imm(IntCC::NotEqual, value, 0)
                }
            }
            Kind::Signed | Kind::Unsigned => match from.kind() {
                Kind::Bool => self.b.ins().uextend(clif::I64, value),
                Kind::Signed | Kind::Unsigned => self.narrow(value, from, to),
                Kind::Float | Kind::Complex => {
                    let wide = self.cast(value, from, DType::F64);
                    let bits = self.float_to_int(wide, to);
                    self.narrow(bits, DType::I64, to)
                }
            },
            Kind::Float | Kind::Complex => match (from, to) {
                (DType::F32, _) => self.b.ins().fpromote(clif::F64, value),
                (DType::F64, _) => self.b.ins().fdemote(clif::F32, value),
                (DType::U64, _) => self.b.ins().fcvt_from_uint(machine_type(to), value),
                (DType::Bool, _) => {
                    let wide = self.b.ins().uextend(clif::I64, value);
                    self.b.ins().fcvt_from_sint(machine_type(to), wide)
                }
                _ => self.b.ins().fcvt_from_sint(machine_type(to), value),
            },
        }
    }

    /// Keeps the low bits of an integer and extends them.
    pub(super) fn narrow(&mut self, value: Value, from: DType, to: DType) -> Value {
        let holds = to.size_bytes() == 8
            || (from.kind() == to.kind() && from.size_bytes() <= to.size_bytes())
            || (from.kind() == Kind::Unsigned && from.size_bytes() < to.size_bytes());
        if holds {
            return value;
        }
        let narrow = match to.size_bytes() {
            1 => clif::I8,
            2 => clif::I16,
            _ => clif::I32,
        };
        let low = self.b.ins().ireduce(narrow, value);
        if to.kind() == Kind::Signed {
            self.b.ins().sextend(clif::I64, low)
        } else {
            self.b.ins().uextend(clif::I64, low)
        }
    }

    /// `f64` to 64 bits, by the rules of [`crate::numerics::cast`].
    fn float_to_int(&mut self, x: Value, to: DType) -> Value {
        if to != DType::U64 {
            return self.truncate(x);
        }
        let limit = self.b.ins().f64const(TWO_63);
        let is_high = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, x, limit);
        let shifted = self.b.ins().fsub(x, limit);
        let shifted = self.truncate(shifted);
        let high = self.bxor_imm(shifted, i64::MIN);
        let low = self.truncate(x);
        self.b.ins().select(is_high, high, low)
    }

    /// Truncates; NaN and what does not fit give `i64::MIN`. Both are rare, so they are out of the way of the number.
    fn truncate(&mut self, x: Value) -> Value {
        if self.unit.abilities.has_own_truncation {
            return self.b.ins().fcvt_to_sint_sat(clif::I64, x);
        }
        let limit = self.loaded_constant(Const(TWO_63.to_bits()));
        // False for NaN. Below -2^63 the saturating conversion gives the wanted value by itself.
        let is_low = self.b.ins().fcmp(FloatCC::LessThan, x, limit);
        let whole = self.b.ins().fcvt_to_sint_sat(clif::I64, x);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(next, clif::I64);
        self.b.ins().brif(is_low, next, &[whole.into()], cold, &[]);
        self.b.set_cold_block(cold);
        self.start(cold);
        let min = self.int(clif::I64, i64::MIN);
        self.b.ins().jump(next, &[min.into()]);
        self.start(next);
        result
    }

    // Mathematical functions.

    fn math1(&mut self, function: MathFn1, arg: ExprId, ty: DType) -> Value {
        let x = self.expr(arg);
        let has_round = self.unit.abilities.has_round;
        match function {
            MathFn1::Sqrt => self.b.ins().sqrt(x),
            MathFn1::Fabs => self.fabs(x, ty),
            MathFn1::Floor if has_round => self.b.ins().floor(x),
            MathFn1::Ceil if has_round => self.b.ins().ceil(x),
            MathFn1::Trunc if has_round => self.b.ins().trunc(x),
            MathFn1::Rint if has_round => self.b.ins().nearest(x),
            MathFn1::Degrees => self.times_f64(x, ty, 180.0 / std::f64::consts::PI),
            MathFn1::Radians => self.times_f64(x, ty, std::f64::consts::PI / 180.0),
            _ => {
                let key = if ty == DType::F32 { "s>s" } else { "d>d" };
                self.call_float(table::math1(function, ty), key, &[x])
            }
        }
    }

    /// `x * factor` in `f64`, rounded to the type.
    fn times_f64(&mut self, x: Value, ty: DType, factor: f64) -> Value {
        let x = self.cast(x, ty, DType::F64);
        let factor = self.b.ins().f64const(factor);
        let product = self.b.ins().fmul(x, factor);
        self.cast(product, DType::F64, ty)
    }

    fn math2(&mut self, function: MathFn2, left: ExprId, right: ExprId, ty: DType) -> Value {
        let (x, y) = (self.expr(left), self.expr(right));
        if function == MathFn2::Copysign {
            return self.b.ins().fcopysign(x, y);
        }
        let key = if ty == DType::F32 { "ss>s" } else { "dd>d" };
        self.call_float(table::math2(function, ty), key, &[x, y])
    }
}

fn int_code(op: CompareOp, is_unsigned: bool) -> IntCC {
    match (op, is_unsigned) {
        (CompareOp::Eq, _) => IntCC::Equal,
        (CompareOp::Ne, _) => IntCC::NotEqual,
        (CompareOp::Lt, false) => IntCC::SignedLessThan,
        (CompareOp::Le, false) => IntCC::SignedLessThanOrEqual,
        (CompareOp::Gt, false) => IntCC::SignedGreaterThan,
        (CompareOp::Ge, false) => IntCC::SignedGreaterThanOrEqual,
        (CompareOp::Lt, true) => IntCC::UnsignedLessThan,
        (CompareOp::Le, true) => IntCC::UnsignedLessThanOrEqual,
        (CompareOp::Gt, true) => IntCC::UnsignedGreaterThan,
        (CompareOp::Ge, true) => IntCC::UnsignedGreaterThanOrEqual,
    }
}

fn float_code(op: CompareOp) -> FloatCC {
    match op {
        CompareOp::Eq => FloatCC::Equal,
        CompareOp::Ne => FloatCC::NotEqual,
        CompareOp::Lt => FloatCC::LessThan,
        CompareOp::Le => FloatCC::LessThanOrEqual,
        CompareOp::Gt => FloatCC::GreaterThan,
        CompareOp::Ge => FloatCC::GreaterThanOrEqual,
    }
}
