//! Builders of expressions.
//!
//! They fold what is cheap to fold (casts of constants, `x + 0`), so that dumps of plain programs stay readable; real
//! simplification is a pass.

use super::context::Context;
use crate::ir::{ArrayId, BinaryOp, CompareOp, Const, ExprId, ExprKind, LocalId, UnaryOp};
use crate::numerics::cast;
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;
use crate::types::dtype::Kind;

impl Context<'_, '_> {
    /// The type of an expression.
    pub(super) fn ty(&self, expr: ExprId) -> DType {
        self.func.exprs[expr].ty
    }

    /// Adds an expression at the current place.
    pub(super) fn expr(&mut self, kind: ExprKind, ty: DType) -> ExprId {
        self.func.expr(kind, ty, self.span)
    }

    /// Its bits, if it is a constant.
    pub(super) fn as_const(&self, expr: ExprId) -> Option<Const> {
        match self.func.exprs[expr].kind {
            ExprKind::Const(bits) => Some(bits),
            _ => None,
        }
    }

    /// Its value, if it is an integer constant.
    pub(super) fn as_int(&self, expr: ExprId) -> Option<i64> {
        if self.ty(expr).is_int() { self.as_const(expr).map(Const::as_int) } else { None }
    }

    /// An `i64`.
    pub(super) fn int(&mut self, value: i64) -> ExprId {
        self.expr(ExprKind::Const(Const::int(value)), DType::I64)
    }

    /// A truth value.
    pub(super) fn boolean(&mut self, value: bool) -> ExprId {
        self.expr(ExprKind::Const(Const(u64::from(value))), DType::Bool)
    }

    /// A number of any real type.
    pub(super) fn number(&mut self, value: f64, ty: DType) -> ExprId {
        let bits = fold_cast(Const::f64(value), DType::F64, ty);
        self.expr(ExprKind::Const(bits), ty)
    }

    /// A read of a scalar variable.
    pub(super) fn read(&mut self, local: LocalId) -> ExprId {
        self.func.read(local, self.span)
    }

    /// An extent.
    pub(super) fn dim(&mut self, array: ArrayId, axis: u8) -> ExprId {
        self.expr(ExprKind::Dim { array, axis }, DType::I64)
    }

    /// `op arg`.
    pub(super) fn unary(&mut self, op: UnaryOp, arg: ExprId) -> ExprId {
        let ty = self.ty(arg);
        if let Some(bits) = self.as_const(arg) {
            let folded = match (op, ty) {
                (UnaryOp::Neg, DType::I64 | DType::U64) => Some(Const(bits.0.wrapping_neg())),
                (UnaryOp::Neg, DType::F64) => Some(Const::f64(-bits.as_f64())),
                (UnaryOp::Neg, DType::F32) => Some(Const::f32(-bits.as_f32())),
                (UnaryOp::Not, _) => Some(Const(u64::from(bits.0 == 0))),
                _ => None,
            };
            if let Some(bits) = folded {
                return self.expr(ExprKind::Const(bits), ty);
            }
        }
        self.expr(ExprKind::Unary { op, arg }, ty)
    }

    /// `left op right`, both of one type (or a shift).
    pub(super) fn binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId) -> ExprId {
        let ty = self.ty(left);
        if ty == DType::I64 {
            match (op, self.as_int(left), self.as_int(right)) {
                (BinaryOp::Add, Some(a), Some(b)) => return self.int(a.wrapping_add(b)),
                (BinaryOp::Sub, Some(a), Some(b)) => return self.int(a.wrapping_sub(b)),
                (BinaryOp::Mul, Some(a), Some(b)) => return self.int(a.wrapping_mul(b)),
                (BinaryOp::Min, Some(a), Some(b)) => return self.int(a.min(b)),
                (BinaryOp::Max, Some(a), Some(b)) => return self.int(a.max(b)),
                (BinaryOp::Add | BinaryOp::Sub, _, Some(0)) | (BinaryOp::Mul, _, Some(1)) => return left,
                (BinaryOp::Add, Some(0), _) | (BinaryOp::Mul, Some(1), _) => return right,
                _ => {}
            }
        }
        self.expr(ExprKind::Binary { op, left, right }, ty)
    }

    /// `left + right`.
    pub(super) fn add(&mut self, left: ExprId, right: ExprId) -> ExprId {
        self.binary(BinaryOp::Add, left, right)
    }

    /// `left - right`.
    pub(super) fn sub(&mut self, left: ExprId, right: ExprId) -> ExprId {
        self.binary(BinaryOp::Sub, left, right)
    }

    /// `left * right`.
    pub(super) fn mul(&mut self, left: ExprId, right: ExprId) -> ExprId {
        self.binary(BinaryOp::Mul, left, right)
    }

    /// `left op right`, both of one type.
    pub(super) fn compare(&mut self, op: CompareOp, left: ExprId, right: ExprId) -> ExprId {
        self.expr(ExprKind::Compare { op, left, right }, DType::Bool)
    }

    /// `left and right` of truth values, both evaluated.
    pub(super) fn both(&mut self, left: ExprId, right: ExprId) -> ExprId {
        self.binary(BinaryOp::And, left, right)
    }

    /// `left or right` of truth values, both evaluated.
    pub(super) fn either(&mut self, left: ExprId, right: ExprId) -> ExprId {
        self.binary(BinaryOp::Or, left, right)
    }

    /// `then if cond else orelse`, both evaluated.
    pub(super) fn select(&mut self, cond: ExprId, then: ExprId, orelse: ExprId) -> ExprId {
        if let Some(bits) = self.as_const(cond) {
            return if bits.0 != 0 { then } else { orelse };
        }
        let ty = self.ty(then);
        self.expr(ExprKind::Select { cond, then, orelse }, ty)
    }

    /// A function of one argument.
    pub(super) fn math1(&mut self, function: MathFn1, arg: ExprId) -> ExprId {
        let ty = self.ty(arg);
        self.expr(ExprKind::Math1 { function, arg }, ty)
    }

    /// A function of two arguments.
    pub(super) fn math2(&mut self, function: MathFn2, left: ExprId, right: ExprId) -> ExprId {
        let ty = self.ty(left);
        self.expr(ExprKind::Math2 { function, left, right }, ty)
    }

    /// Conversion between real types.
    pub(super) fn cast(&mut self, arg: ExprId, to: DType) -> ExprId {
        let from = self.ty(arg);
        if from == to {
            return arg;
        }
        if let Some(bits) = self.as_const(arg) {
            let bits = fold_cast(bits, from, to);
            return self.expr(ExprKind::Const(bits), to);
        }
        self.expr(ExprKind::Cast { arg }, to)
    }
}

/// A constant in another type, by the rules of [`ExprKind::Cast`].
pub(super) fn fold_cast(bits: Const, from: DType, to: DType) -> Const {
    if from == to {
        return bits;
    }
    let narrow = |wide: u64| {
        let width = 8 * to.size_bytes() as u32;
        match to.kind() {
            Kind::Signed => cast::wrap_signed(wide as i64, width) as u64,
            Kind::Bool | Kind::Unsigned | Kind::Float | Kind::Complex => cast::wrap_unsigned(wide, width),
        }
    };
    match from.kind() {
        Kind::Float => {
            let value = if from == DType::F32 { f64::from(bits.as_f32()) } else { bits.as_f64() };
            match to {
                DType::Bool => Const(u64::from(value != 0.0)),
                DType::F32 => Const::f32(value as f32),
                DType::F64 | DType::C64 | DType::C128 => Const::f64(value),
                DType::U64 => Const(cast::f64_to_u64(value)),
                DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 => {
                    Const(narrow(cast::f64_to_i64(value) as u64))
                }
            }
        }
        Kind::Signed | Kind::Unsigned | Kind::Bool | Kind::Complex => match to {
            DType::Bool => Const(u64::from(bits.0 != 0)),
            DType::F32 if from.kind() == Kind::Signed => Const::f32(bits.as_int() as f32),
            DType::F32 => Const::f32(bits.0 as f32),
            DType::F64 if from.kind() == Kind::Signed => Const::f64(bits.as_int() as f64),
            DType::F64 | DType::C64 | DType::C128 => Const::f64(bits.0 as f64),
            DType::I8
            | DType::I16
            | DType::I32
            | DType::I64
            | DType::U8
            | DType::U16
            | DType::U32
            | DType::U64 => Const(narrow(bits.0)),
        },
    }
}
