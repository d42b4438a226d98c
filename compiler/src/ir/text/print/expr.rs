//! Expressions, with as few parentheses as the operators' levels allow.

use std::fmt::Write as _;

use super::Printer;
use crate::ir::expr::{BinaryOp, CompareOp, Const, ExprId, ExprKind, UnaryOp};
use crate::types::DType;

/// How tightly an operator binds; operands of at least the needed level print without parentheses.
mod level {
    pub(super) const COMPARE: u8 = 1;
    pub(super) const OR: u8 = 2;
    pub(super) const XOR: u8 = 3;
    pub(super) const AND: u8 = 4;
    pub(super) const SHIFT: u8 = 5;
    pub(super) const ADD: u8 = 6;
    pub(super) const MUL: u8 = 7;
    pub(super) const UNARY: u8 = 8;
    pub(super) const POWER: u8 = 9;
    pub(super) const ATOM: u8 = 10;
}

impl Printer<'_> {
    /// Prints an expression; in parentheses if it binds less tightly than `needed`.
    pub(super) fn expr(&self, id: ExprId, needed: u8, out: &mut String) {
        let Some(expr) = self.func.exprs.get(id) else {
            let _ = write!(out, "?{id}");
            return;
        };
        let own = self.level(id);
        if own < needed {
            out.push('(');
        }
        match &expr.kind {
            ExprKind::Const(value) => print_const(*value, expr.ty, out),
            ExprKind::Local(local) => out.push_str(&self.local(*local)),
            ExprKind::Load { array, place, lane } => self.place(*array, place, *lane, out),
            ExprKind::Dim { array, axis } => {
                let _ = write!(out, "dim({}, {axis})", self.array(*array));
            }
            ExprKind::Stride { array, axis } => {
                let _ = write!(out, "stride({}, {axis})", self.array(*array));
            }
            ExprKind::Base { array } => {
                let _ = write!(out, "base({})", self.array(*array));
            }
            ExprKind::Overlaps { a, b } => {
                let _ = write!(out, "overlaps({}, {})", self.array(*a), self.array(*b));
            }
            ExprKind::Unary { op, arg } => match op {
                UnaryOp::Abs => self.function_form("abs", &[*arg], out),
                UnaryOp::Neg => {
                    out.push('-');
                    // `-3` is a constant; the negation of a constant is `-(3)`.
                    let is_const =
                        matches!(self.func.exprs.get(*arg), Some(e) if matches!(e.kind, ExprKind::Const(_)));
                    self.expr(*arg, if is_const { u8::MAX } else { level::ATOM }, out);
                }
                UnaryOp::Not => {
                    out.push_str("not ");
                    self.expr(*arg, level::UNARY, out);
                }
                UnaryOp::Invert => {
                    out.push('~');
                    self.expr(*arg, level::UNARY, out);
                }
            },
            ExprKind::Binary { op, left, right } => match binary_symbol(*op) {
                (symbol, Some(own)) => {
                    self.expr(*left, if own == level::POWER { level::ATOM } else { own }, out);
                    let _ = write!(out, " {symbol} ");
                    self.expr(*right, own + 1, out);
                }
                (symbol, None) => self.function_form(symbol, &[*left, *right], out),
            },
            ExprKind::Compare { op, left, right } => {
                self.expr(*left, level::COMPARE + 1, out);
                let _ = write!(out, " {} ", compare_symbol(*op));
                self.expr(*right, level::COMPARE + 1, out);
            }
            ExprKind::Select { cond, then, orelse } => {
                self.function_form("select", &[*cond, *then, *orelse], out);
            }
            ExprKind::Cast { arg } => self.function_form(expr.ty.name(), &[*arg], out),
            ExprKind::Wrap { index, extent } => self.function_form("wrap", &[*index, *extent], out),
            ExprKind::Math1 { function, arg } => self.function_form(function.name(), &[*arg], out),
            ExprKind::Math2 { function, left, right } => {
                self.function_form(function.name(), &[*left, *right], out);
            }
            ExprKind::Fma { a, b, c } => self.function_form("fma", &[*a, *b, *c], out),
            ExprKind::Interrupted => out.push_str("interrupted()"),
        }
        if own < needed {
            out.push(')');
        }
    }

    pub(super) fn function_form(&self, name: &str, args: &[ExprId], out: &mut String) {
        out.push_str(name);
        out.push('(');
        self.exprs(args, out);
        out.push(')');
    }

    pub(super) fn level(&self, id: ExprId) -> u8 {
        let expr = &self.func.exprs[id];
        match &expr.kind {
            ExprKind::Unary { op: UnaryOp::Neg | UnaryOp::Not | UnaryOp::Invert, .. } => level::UNARY,
            ExprKind::Binary { op, .. } => binary_symbol(*op).1.unwrap_or(level::ATOM),
            ExprKind::Compare { .. } => level::COMPARE,
            ExprKind::Const(value) if is_negative(*value, expr.ty) => level::UNARY,
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Load { .. }
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Unary { op: UnaryOp::Abs, .. }
            | ExprKind::Select { .. }
            | ExprKind::Cast { .. }
            | ExprKind::Wrap { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. }
            | ExprKind::Interrupted => level::ATOM,
        }
    }
}

/// Symbol and level of an infix operator; no level for those that are written as functions.
fn binary_symbol(op: BinaryOp) -> (&'static str, Option<u8>) {
    match op {
        BinaryOp::Add => ("+", Some(level::ADD)),
        BinaryOp::Sub => ("-", Some(level::ADD)),
        BinaryOp::Mul => ("*", Some(level::MUL)),
        BinaryOp::Div => ("/", Some(level::MUL)),
        BinaryOp::FloorDiv => ("//", Some(level::MUL)),
        BinaryOp::Mod => ("%", Some(level::MUL)),
        BinaryOp::IntPow => ("**", Some(level::POWER)),
        BinaryOp::And => ("&", Some(level::AND)),
        BinaryOp::Or => ("|", Some(level::OR)),
        BinaryOp::Xor => ("^", Some(level::XOR)),
        BinaryOp::Shl => ("<<", Some(level::SHIFT)),
        BinaryOp::Shr => (">>", Some(level::SHIFT)),
        BinaryOp::MulHigh => ("mul_high", None),
        BinaryOp::Min => ("min", None),
        BinaryOp::Max => ("max", None),
    }
}

fn compare_symbol(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
    }
}

/// Does the constant print with a minus sign?
fn is_negative(value: Const, ty: DType) -> bool {
    match ty {
        DType::F64 => value.as_f64().is_sign_negative() && !value.as_f64().is_nan(),
        DType::F32 => value.as_f32().is_sign_negative() && !value.as_f32().is_nan(),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => value.as_int() < 0,
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::C64 | DType::C128 => false,
    }
}

/// `3`, `3_u8`, `0.5`, `0.5_f32`, `true`, `nan`, `-inf`, and `0x7ff8000000000001_f64` for other NaNs and bits that the type
/// does not have.
fn print_const(value: Const, ty: DType, out: &mut String) {
    let bits = value.0;
    let _ = match ty {
        DType::F64 if value.as_f64().is_nan() && bits != f64::NAN.to_bits() => write!(out, "{bits:#x}_f64"),
        DType::F64 => match value.as_f64() {
            x if x.is_nan() => write!(out, "nan"),
            x => write!(out, "{x:?}"),
        },
        DType::F32 if bits > u64::from(u32::MAX) => write!(out, "{bits:#x}_f32"),
        DType::F32 if value.as_f32().is_nan() && bits != u64::from(f32::NAN.to_bits()) => {
            write!(out, "{bits:#x}_f32")
        }
        DType::F32 => match value.as_f32() {
            x if x.is_nan() => write!(out, "nan_f32"),
            x => write!(out, "{x:?}_f32"),
        },
        DType::I64 => write!(out, "{}", value.as_int()),
        DType::I8 | DType::I16 | DType::I32 => write!(out, "{}_{ty}", value.as_int()),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => write!(out, "{bits}_{ty}"),
        DType::Bool if bits <= 1 => write!(out, "{}", bits == 1),
        DType::Bool | DType::C64 | DType::C128 => write!(out, "{bits:#x}_{ty}"),
    };
}
