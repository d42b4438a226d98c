//! Invariants of expressions and places.

use super::Checker;
use crate::ir::expr::{BinaryOp, ExprId, ExprKind, Place, UnaryOp};
use crate::ir::func::ArrayId;
use crate::types::DType;

impl Checker<'_> {
    /// Checks an expression and its operands; its type, if it exists.
    pub(super) fn expr(&mut self, id: ExprId) -> Option<DType> {
        let func = self.func;
        let Some(expr) = func.exprs.get(id) else {
            self.fail("P1", format!("{id} does not exist"));
            return None;
        };
        if !self.used.insert(id) {
            self.fail("F1", format!("{id} has two users"));
            return Some(expr.ty);
        }
        let ty = expr.ty;
        self.require("E1", !ty.is_complex(), || format!("{id} is complex"));
        match &expr.kind {
            ExprKind::Const(_) => {}
            ExprKind::Local(local) => {
                let found = self.local(*local);
                self.type_is(id, found, ty);
            }
            ExprKind::Load { array, place, lane } => {
                let found = self.place(*array, place, *lane);
                self.type_is(id, found, ty);
            }
            ExprKind::Dim { array, axis } | ExprKind::Stride { array, axis } => {
                self.axis(*array, *axis);
                self.type_is(id, Some(DType::I64), ty);
            }
            ExprKind::Base { array } => {
                self.array(*array);
                self.type_is(id, Some(DType::I64), ty);
            }
            ExprKind::Overlaps { a, b } => {
                self.array(*a);
                self.array(*b);
                self.type_is(id, Some(DType::Bool), ty);
            }
            ExprKind::Unary { op, arg } => {
                let allowed: &[DType] = match op {
                    UnaryOp::Neg => &[DType::I64, DType::U64, DType::F32, DType::F64],
                    UnaryOp::Not => &[DType::Bool],
                    UnaryOp::Invert => &[DType::I64, DType::U64],
                    UnaryOp::Abs => &[DType::I64, DType::F32, DType::F64],
                };
                self.operand(id, *arg, ty);
                self.is_one_of(id, ty, allowed);
            }
            ExprKind::Binary { op, left, right } => {
                let allowed: &[DType] = match op {
                    BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::FloorDiv
                    | BinaryOp::Mod
                    | BinaryOp::Min
                    | BinaryOp::Max => &[DType::I64, DType::U64, DType::F32, DType::F64],
                    BinaryOp::Div => &[DType::F32, DType::F64],
                    BinaryOp::MulHigh => &[DType::U64],
                    BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => &[DType::Bool, DType::I64, DType::U64],
                    BinaryOp::IntPow | BinaryOp::Shl | BinaryOp::Shr => &[DType::I64, DType::U64],
                };
                self.operand(id, *left, ty);
                let is_shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr);
                self.operand(id, *right, if is_shift { DType::I64 } else { ty });
                self.is_one_of(id, ty, allowed);
            }
            ExprKind::Compare { op: _, left, right } => {
                let left = self.expr(*left);
                if let Some(left) = left {
                    self.operand(id, *right, left);
                }
                self.type_is(id, Some(DType::Bool), ty);
            }
            ExprKind::Select { cond, then, orelse } => {
                self.cond(*cond);
                self.operand(id, *then, ty);
                self.operand(id, *orelse, ty);
            }
            ExprKind::Cast { arg } => {
                self.expr(*arg);
            }
            ExprKind::Wrap { index, extent } => {
                self.operand(id, *index, DType::I64);
                self.operand(id, *extent, DType::I64);
                self.type_is(id, Some(DType::I64), ty);
            }
            ExprKind::Math1 { function: _, arg } => {
                self.operand(id, *arg, ty);
                self.is_float(id, ty);
            }
            ExprKind::Math2 { function: _, left, right } => {
                self.operand(id, *left, ty);
                self.operand(id, *right, ty);
                self.is_float(id, ty);
            }
            ExprKind::Fma { a, b, c } => {
                for operand in [a, b, c] {
                    self.operand(id, *operand, ty);
                }
                self.is_float(id, ty);
            }
            ExprKind::Interrupted => self.type_is(id, Some(DType::Bool), ty),
        }
        Some(ty)
    }

    /// Checks a place; the type of the element's lane.
    pub(super) fn place(&mut self, array: ArrayId, place: &Place, lane: u8) -> Option<DType> {
        let info = self.array(array)?;
        let lanes = info.ty.dtype.lanes();
        self.require("P1", usize::from(lane) < lanes, || format!("{array} has no lane {lane}"));
        match place {
            Place::Index(indices) => {
                let rank = usize::from(info.ty.rank);
                self.require("E3", indices.len() == rank, || {
                    format!("{array} has rank {rank}, not {} indices", indices.len())
                });
                for &index in indices {
                    self.index(index);
                }
            }
            Place::Address { address, disp_bytes: _ } => self.index(*address),
        }
        Some(info.ty.dtype.part())
    }

    /// Checks an expression that has to be an `i64`.
    pub(super) fn index(&mut self, id: ExprId) {
        if let Some(found) = self.expr(id) {
            self.require("E3", found == DType::I64, || format!("{id} is {found}, not i64"));
        }
    }

    /// Checks an expression that has to be a `bool`.
    pub(super) fn cond(&mut self, id: ExprId) {
        if let Some(found) = self.expr(id) {
            self.require("E4", found == DType::Bool, || format!("{id} is {found}, not bool"));
        }
    }

    /// Checks an expression that has to be of a certain type.
    pub(super) fn typed(&mut self, id: ExprId, wanted: DType, what: &str) {
        if let Some(found) = self.expr(id) {
            self.require("E2", found == wanted, || format!("{what}: {id} is {found}, not {wanted}"));
        }
    }

    fn operand(&mut self, parent: ExprId, id: ExprId, wanted: DType) {
        if let Some(found) = self.expr(id) {
            self.require("E2", found == wanted, || format!("{id} in {parent} is {found}, not {wanted}"));
        }
    }

    fn type_is(&mut self, id: ExprId, found: Option<DType>, ty: DType) {
        if let Some(found) = found {
            self.require("E2", found == ty, || format!("{id} is declared {ty}, but is {found}"));
        }
    }

    fn is_one_of(&mut self, id: ExprId, ty: DType, allowed: &[DType]) {
        self.require("E2", allowed.contains(&ty), || format!("{id}: the operator does not exist for {ty}"));
    }

    fn is_float(&mut self, id: ExprId, ty: DType) {
        self.require("E2", ty.is_float(), || format!("{id}: the function does not exist for {ty}"));
    }
}
