//! Expressions: the same numbers as in the scalar code, bit for bit.

use kjit_strip::ir::{Binary, Convert, FmaKind, Op, Ty, Unary, Value};

use super::int::compare_op;
use super::linear::Linear;
use super::math;
use super::value::{Builder, Result, Val};
use crate::ir::{BinaryOp, CompareOp, Const, ExprId, ExprKind, UnaryOp};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;
use crate::types::dtype::Kind;

/// The type of the lanes that hold such values.
pub(super) fn lane_ty(dtype: DType) -> Ty {
    match dtype {
        DType::F64 => Ty::F64,
        DType::F32 => Ty::F32,
        DType::Bool => Ty::Mask,
        _ => Ty::I64,
    }
}

impl Builder<'_> {
    /// The value of an expression.
    pub(super) fn expr(&mut self, id: ExprId) -> Result<Val> {
        let func = self.func();
        let expr = &func.exprs[id];
        if expr.span != crate::base::Span::default() {
            self.span = expr.span;
        }
        match &expr.kind {
            ExprKind::Const(value) => Ok(self.constant(*value, expr.ty)),
            ExprKind::Local(local) => self.local(*local),
            ExprKind::Load { array, place, lane } => self.load(*array, place, *lane),
            ExprKind::Dim { array, axis } => self.dim(*array, *axis),
            ExprKind::Unary { op, arg } => {
                let arg = self.expr(*arg)?;
                Ok(self.unary(*op, &arg, expr.ty))
            }
            ExprKind::Binary { op, left, right } => {
                let (a, b) = (self.expr(*left)?, self.expr(*right)?);
                self.binary(*op, &a, &b, expr.ty)
            }
            ExprKind::Compare { op, left, right } => {
                let ty = func.exprs[*left].ty;
                let (a, b) = (self.expr(*left)?, self.expr(*right)?);
                self.compare(*op, &a, &b, ty)
            }
            ExprKind::Select { cond, then, orelse } => {
                let cond = self.expr(*cond)?;
                let (then, orelse) = (self.expr(*then)?, self.expr(*orelse)?);
                let mask = self.lanes(&cond);
                Ok(self.choose(mask, &then, &orelse))
            }
            ExprKind::Cast { arg } => {
                let from = func.exprs[*arg].ty;
                let value = self.expr(*arg)?;
                self.cast(value, from, expr.ty)
            }
            ExprKind::Wrap { index, extent } => {
                let (index, extent) = (self.expr(*index)?, self.expr(*extent)?);
                self.wrap(&index, &extent)
            }
            ExprKind::Math1 { function, arg } => {
                let arg = self.expr(*arg)?;
                let arg = self.lanes(&arg);
                self.math1(*function, arg, expr.ty)
            }
            ExprKind::Math2 { function, left, right } => {
                let (a, b) = (self.expr(*left)?, self.expr(*right)?);
                let (a, b) = (self.lanes(&a), self.lanes(&b));
                self.math2(*function, a, b)
            }
            ExprKind::Fma { a, b, c } => {
                let (a, b, c) = (self.expr(*a)?, self.expr(*b)?, self.expr(*c)?);
                let (a, b, c) = (self.lanes(&a), self.lanes(&b), self.lanes(&c));
                Ok(Val::Lanes(self.graph.define(lane_ty(expr.ty), Op::Fma(FmaKind::MulAdd, a, b, c))))
            }
            ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Interrupted => self.refuse("an address"),
        }
    }

    pub(super) fn constant(&mut self, value: Const, ty: DType) -> Val {
        match ty {
            DType::F64 | DType::F32 => Val::Lanes(self.graph.bits(lane_ty(ty), value.0)),
            DType::Bool => Val::Lanes(self.graph.mask(value.0 & 1 == 1)),
            _ => Val::Int(Linear::constant(value.as_int())),
        }
    }

    fn unary(&mut self, op: UnaryOp, arg: &Val, ty: DType) -> Val {
        if ty.is_int() {
            return self.int_unary(op, arg);
        }
        let arg = self.lanes(arg);
        let op = match op {
            UnaryOp::Neg => Unary::Neg,
            UnaryOp::Not | UnaryOp::Invert => Unary::Not,
            UnaryOp::Abs => Unary::Abs,
        };
        Val::Lanes(self.graph.unary(op, arg))
    }

    /// `left op right` at a type.
    pub(super) fn binary(&mut self, op: BinaryOp, left: &Val, right: &Val, ty: DType) -> Result<Val> {
        if ty.is_int() {
            return self.int_binary(op, left, right, ty.kind() == Kind::Signed);
        }
        let (a, b) = (self.lanes(left), self.lanes(right));
        let (op, a, b) = match op {
            BinaryOp::Add => (Binary::Add, a, b),
            BinaryOp::Sub => (Binary::Sub, a, b),
            BinaryOp::Mul => (Binary::Mul, a, b),
            BinaryOp::Div => (Binary::Div, a, b),
            // `b if b < a else a`
            BinaryOp::Min => (Binary::Min, b, a),
            BinaryOp::Max => (Binary::Max, b, a),
            BinaryOp::And => (Binary::And, a, b),
            BinaryOp::Or => (Binary::Or, a, b),
            BinaryOp::Xor => (Binary::Xor, a, b),
            BinaryOp::FloorDiv | BinaryOp::Mod => {
                return self.refuse("`//` or `%` of floats");
            }
            BinaryOp::IntPow | BinaryOp::MulHigh | BinaryOp::Shl | BinaryOp::Shr => {
                return self.refuse("a shift of floats");
            }
        };
        Ok(Val::Lanes(self.graph.binary(op, a, b)))
    }

    pub(super) fn compare(&mut self, op: CompareOp, left: &Val, right: &Val, ty: DType) -> Result<Val> {
        match ty.kind() {
            Kind::Signed | Kind::Unsigned => {
                // Narrow unsigned numbers are held extended by zeros.
                let is_signed = ty != DType::U64;
                Ok(self.int_compare(op, left, right, is_signed))
            }
            Kind::Float => {
                let (a, b) = (self.lanes(left), self.lanes(right));
                Ok(Val::Lanes(self.graph.compare(compare_op(op), a, b)))
            }
            Kind::Bool => {
                let (a, b) = (self.lanes(left), self.lanes(right));
                let differs = self.graph.binary(Binary::Xor, a, b);
                Ok(Val::Lanes(match op {
                    CompareOp::Ne => differs,
                    CompareOp::Eq => self.graph.unary(Unary::Not, differs),
                    CompareOp::Lt => self.graph.and_not(b, a),
                    CompareOp::Gt => self.graph.and_not(a, b),
                    CompareOp::Le => {
                        let greater = self.graph.and_not(a, b);
                        self.graph.unary(Unary::Not, greater)
                    }
                    CompareOp::Ge => {
                        let less = self.graph.and_not(b, a);
                        self.graph.unary(Unary::Not, less)
                    }
                }))
            }
            Kind::Complex => self.refuse("a complex number"),
        }
    }

    fn wrap(&mut self, index: &Val, extent: &Val) -> Result<Val> {
        if let Some(index) = self.settled(index) {
            return Ok(index);
        }
        if let (Val::Int(index), Val::Int(extent)) = (index, extent)
            && index.is_uniform()
            && extent.is_uniform()
        {
            if index.as_constant().is_some_and(|index| index >= 0) {
                return Ok(Val::Int(index.clone()));
            }
            if index.as_constant().is_some() {
                return Ok(Val::Int(index.add_scaled(extent, 1)));
            }
            // The extent where the sign is set.
            let sign = self.int_of(kjit_strip::ir::IntOp::Sar, index, &Linear::constant(63));
            let added = self.int_of(kjit_strip::ir::IntOp::And, &sign, extent);
            return Ok(Val::Int(index.add_scaled(&added, 1)));
        }
        let wrapped = self.int_binary(BinaryOp::Add, index, extent, true)?;
        let zero = Val::Int(Linear::constant(0));
        let is_negative = self.int_compare(CompareOp::Lt, index, &zero, true);
        let mask = self.lanes(&is_negative);
        Ok(self.choose(mask, &wrapped, index))
    }

    fn math1(&mut self, function: MathFn1, arg: Value, ty: DType) -> Result<Val> {
        let op = match function {
            MathFn1::Sqrt => Unary::Sqrt,
            MathFn1::Floor => Unary::Floor,
            MathFn1::Ceil => Unary::Ceil,
            MathFn1::Trunc => Unary::Trunc,
            MathFn1::Rint => Unary::RoundEven,
            MathFn1::Fabs => Unary::Abs,
            MathFn1::Degrees | MathFn1::Radians if ty == DType::F64 => {
                let factor = if function == MathFn1::Degrees {
                    180.0 / std::f64::consts::PI
                } else {
                    std::f64::consts::PI / 180.0
                };
                let factor = self.graph.bits(Ty::F64, factor.to_bits());
                return Ok(Val::Lanes(self.graph.binary(Binary::Mul, arg, factor)));
            }
            _ => {
                let is_narrow = ty == DType::F32;
                let found =
                    self.in_f64(&[arg], |builder, args| math::one(builder, function, args[0], is_narrow));
                return match found {
                    Some(value) => Ok(Val::Lanes(value)),
                    None => self.refuse(format!("`{}` has no form for vectors", function.name())),
                };
            }
        };
        Ok(Val::Lanes(self.graph.unary(op, arg)))
    }

    fn math2(&mut self, function: MathFn2, a: Value, b: Value) -> Result<Val> {
        match function {
            MathFn2::Copysign => {
                let (int, sign) = match self.graph.ty(a) {
                    Ty::F32 => (Ty::I32, u64::from(1_u32 << 31)),
                    _ => (Ty::I64, 1 << 63),
                };
                let ty = self.graph.ty(a);
                let (x, y) =
                    (self.graph.convert(Convert::Bits, a, int), self.graph.convert(Convert::Bits, b, int));
                let sign = self.graph.bits(int, sign);
                let size = self.graph.binary(Binary::AndNot, x, sign);
                let sign = self.graph.binary(Binary::And, y, sign);
                let bits = self.graph.binary(Binary::Or, size, sign);
                Ok(Val::Lanes(self.graph.convert(Convert::Bits, bits, ty)))
            }
            MathFn2::Fmod => {
                let mut far = None;
                let value = self.in_f64(&[a, b], |builder, args| {
                    let (value, is_far) = math::fmod(builder, args[0], args[1]);
                    far = Some(is_far);
                    Some(value)
                });
                if let Some(far) = far {
                    self.fault(far)?;
                }
                Ok(Val::Lanes(value.unwrap_or(a)))
            }
            _ => {
                let is_narrow = self.graph.ty(a) == Ty::F32;
                let found = self.in_f64(&[a, b], |builder, args| {
                    math::two(builder, function, args[0], args[1], is_narrow)
                });
                match found {
                    Some(value) => Ok(Val::Lanes(value)),
                    None => self.refuse(format!("`{}` has no form for vectors", function.name())),
                }
            }
        }
    }

    /// A function computed in doubles and rounded to the type of its arguments.
    fn in_f64(
        &mut self,
        args: &[Value],
        compute: impl FnOnce(&mut Self, &[Value]) -> Option<Value>,
    ) -> Option<Value> {
        if self.graph.ty(args[0]) == Ty::F64 {
            return compute(self, args);
        }
        let wide: Vec<Value> =
            args.iter().map(|&arg| self.graph.convert(Convert::Widen, arg, Ty::F64)).collect();
        let value = compute(self, &wide)?;
        Some(self.graph.convert(Convert::Narrow, value, Ty::F32))
    }
}
