//! Small constructors of expressions that several passes use.

use crate::analysis::affine::AtomOp;
use crate::analysis::cost::{Cost, Int};
use crate::analysis::values::{Factor, Sum};
use crate::base::Span;
use crate::ir::{BinaryOp, CompareOp, Const, ExprId, ExprKind, Func, LocalId, UnaryOp};
use crate::types::DType;

/// `left op right` of type `i64`.
pub(super) fn int_binary(func: &mut Func, op: BinaryOp, left: ExprId, right: ExprId, span: Span) -> ExprId {
    func.expr(ExprKind::Binary { op, left, right }, DType::I64, span)
}

/// `left op right`.
pub(super) fn compare(func: &mut Func, op: CompareOp, left: ExprId, right: ExprId, span: Span) -> ExprId {
    func.expr(ExprKind::Compare { op, left, right }, DType::Bool, span)
}

/// `not arg`.
pub(super) fn not(func: &mut Func, arg: ExprId, span: Span) -> ExprId {
    func.expr(ExprKind::Unary { op: UnaryOp::Not, arg }, DType::Bool, span)
}

/// All of the conditions; `None` for none.
pub(super) fn all_of(func: &mut Func, conditions: &[ExprId], span: Span) -> Option<ExprId> {
    conditions.iter().copied().reduce(|left, right| {
        func.expr(ExprKind::Binary { op: BinaryOp::And, left, right }, DType::Bool, span)
    })
}

/// The sum as an expression (wrapping).
pub(super) fn sum(func: &mut Func, sum: &Sum, span: Span) -> ExprId {
    let mut total: Option<ExprId> = None;
    for (coefficient, factors) in &sum.terms {
        let mut term: Option<ExprId> = None;
        for f in factors {
            let factor = factor(func, f, span);
            term = Some(match term {
                None => factor,
                Some(left) => int_binary(func, BinaryOp::Mul, left, factor, span),
            });
        }
        let term = match (term, *coefficient) {
            (None, value) => func.int(value, span),
            (Some(term), 1) => term,
            (Some(term), value) => {
                let value = func.int(value, span);
                int_binary(func, BinaryOp::Mul, term, value, span)
            }
        };
        total = Some(match total {
            None => term,
            Some(left) => int_binary(func, BinaryOp::Add, left, term, span),
        });
    }
    total.unwrap_or_else(|| func.int(0, span))
}

fn factor(func: &mut Func, factor: &Factor, span: Span) -> ExprId {
    match factor {
        Factor::Local(local) => func.read(*local, span),
        Factor::Dim(array, axis) => func.expr(ExprKind::Dim { array: *array, axis: *axis }, DType::I64, span),
        Factor::Op(op, left, right) => {
            let (left, right) = (sum(func, left, span), sum(func, right, span));
            let op = match op {
                AtomOp::FloorDiv => BinaryOp::FloorDiv,
                AtomOp::Mod => BinaryOp::Mod,
                AtomOp::Min => BinaryOp::Min,
                AtomOp::Max => BinaryOp::Max,
                AtomOp::Mul => BinaryOp::Mul,
            };
            int_binary(func, op, left, right, span)
        }
    }
}

/// The cost in ns as an expression; `bounds` hold those of the parallel loop.
pub(super) fn cost(func: &mut Func, cost: &Cost, bounds: (LocalId, LocalId), span: Span) -> ExprId {
    // Tenths are more than such an estimate is worth.
    let own = (cost.ns * 10.0).round().max(1.0) / 10.0;
    let mut total = func.expr(ExprKind::Const(Const::f64(own)), DType::F64, span);
    for (length, inner) in &cost.loops {
        let (length, zero) = (int(func, length, bounds, span), func.int(0, span));
        let length = int_binary(func, BinaryOp::Max, length, zero, span);
        let length = func.expr(ExprKind::Cast { arg: length }, DType::F64, span);
        let inner = self::cost(func, inner, bounds, span);
        let product = ExprKind::Binary { op: BinaryOp::Mul, left: length, right: inner };
        let right = func.expr(product, DType::F64, span);
        total = func.expr(ExprKind::Binary { op: BinaryOp::Add, left: total, right }, DType::F64, span);
    }
    total
}

fn int(func: &mut Func, value: &Int, bounds: (LocalId, LocalId), span: Span) -> ExprId {
    match value {
        Int::Const(value) => func.int(*value, span),
        Int::First => func.read(bounds.0, span),
        Int::Last => func.read(bounds.1, span),
        Int::Local(local) => func.read(*local, span),
        Int::Dim(array, axis) => func.expr(ExprKind::Dim { array: *array, axis: *axis }, DType::I64, span),
        Int::Op(op, left, right) => {
            let (left, right) = (int(func, left, bounds, span), int(func, right, bounds, span));
            int_binary(func, *op, left, right, span)
        }
    }
}
