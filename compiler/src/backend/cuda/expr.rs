//! Expressions as C.
//!
//! Whole numbers of type `i64` are written in `index_t` where [`super::sizes`] says that they fit, so that neither products nor
//! quotients of 64 bits stand in index arithmetic; C widens them where they meet an `i64`. What may overflow goes
//! through helpers, because overflow has no meaning in C.

use super::literal::literal;
use super::math::MathUse;
use super::writer::{Refused, Writer};
use crate::base::FastMath;
use crate::ir::{BinaryOp, CompareOp, ExprId, ExprKind, UnaryOp};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;
use crate::types::dtype::Kind;

/// A piece of C.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) code: String,
    /// How tightly its outermost operator binds.
    pub(super) level: u8,
    /// Is it an `index_t` (or a small constant) though the IR says `i64`?
    pub(super) is_index: bool,
}

/// Levels of C's operators; higher binds tighter.
pub(super) mod level {
    pub(in super::super) const CHOICE: u8 = 1;
    pub(in super::super) const OR: u8 = 2;
    pub(in super::super) const AND: u8 = 3;
    pub(in super::super) const BITS: u8 = 4;
    pub(in super::super) const COMPARE: u8 = 6;
    pub(in super::super) const SUM: u8 = 9;
    pub(in super::super) const PRODUCT: u8 = 10;
    pub(in super::super) const UNARY: u8 = 11;
    pub(in super::super) const ATOM: u8 = 13;
}

impl Text {
    pub(super) fn new(code: String, level: u8) -> Text {
        Text { code, level, is_index: false }
    }

    pub(super) fn atom(code: impl Into<String>) -> Text {
        Text::new(code.into(), level::ATOM)
    }

    fn index(self) -> Text {
        Text { is_index: true, ..self }
    }

    /// In parentheses if it binds less tightly than that.
    pub(super) fn at(self, level: u8) -> String {
        if self.level < level { format!("({})", self.code) } else { self.code }
    }
}

impl Writer<'_, '_> {
    /// The expression; an `i64` may come as an `index_t`.
    pub(super) fn expr(&mut self, id: ExprId) -> Result<Text, Refused> {
        let func = self.func;
        let expr = &func.exprs[id];
        let ty = expr.ty;
        Ok(match &expr.kind {
            ExprKind::Const(value) => literal(ty, *value),
            ExprKind::Local(local) => {
                let name = self.read_local(*local);
                Text { is_index: self.sizes.is_index(*local), ..Text::atom(name) }
            }
            ExprKind::Load { array, place, lane } => Text::atom(self.element(*array, place, *lane)?),
            ExprKind::Dim { array, axis } => Text { is_index: true, ..self.dim(*array, *axis) },
            ExprKind::Unary { op, arg } => self.unary(*op, *arg, ty)?,
            ExprKind::Binary { op, left, right } => self.binary(id, *op, *left, *right, ty)?,
            ExprKind::Compare { op, left, right } => {
                let (left, right) = (self.expr(*left)?, self.expr(*right)?);
                let sign = match op {
                    CompareOp::Eq => "==",
                    CompareOp::Ne => "!=",
                    CompareOp::Lt => "<",
                    CompareOp::Le => "<=",
                    CompareOp::Gt => ">",
                    CompareOp::Ge => ">=",
                };
                let (left, right) = (left.at(level::COMPARE + 1), right.at(level::COMPARE + 1));
                Text::new(format!("{left} {sign} {right}"), level::COMPARE)
            }
            ExprKind::Select { cond, then, orelse } => {
                let cond = self.expr(*cond)?.at(level::CHOICE + 1);
                let (then, orelse) = (self.expr(*then)?, self.expr(*orelse)?);
                let is_index = then.is_index && orelse.is_index;
                let (then, orelse) = (then.at(level::CHOICE + 1), orelse.at(level::CHOICE + 1));
                Text { is_index, ..Text::new(format!("{cond} ? {then} : {orelse}"), level::CHOICE) }
            }
            ExprKind::Cast { arg } => self.cast(*arg, ty)?,
            ExprKind::Wrap { index, .. } if self.sizes.is_natural(func, *index) => self.expr(*index)?,
            ExprKind::Wrap { index, extent } => {
                let fits = self.sizes.fits(func, id);
                let (index, extent) = (self.expr(*index)?.code, self.expr(*extent)?.code);
                let kind = if fits { "index_t" } else { "i64" };
                Text { is_index: fits, ..Text::atom(format!("wrap<{kind}>({index}, {extent})")) }
            }
            ExprKind::Math1 { function, arg } => {
                let arg = self.expr(*arg)?.code;
                Text::atom(format!("{}({arg})", self.math1(*function, ty)))
            }
            ExprKind::Math2 { function, left, right } => {
                let (left, right) = (self.expr(*left)?.code, self.expr(*right)?.code);
                Text::atom(format!("{}({left}, {right})", self.math2(*function, ty)))
            }
            ExprKind::Fma { a, b, c } => {
                let (a, b, c) = (self.expr(*a)?.code, self.expr(*b)?.code, self.expr(*c)?.code);
                let name = if ty == DType::F32 { "fmaf" } else { "fma" };
                Text::atom(format!("{name}({a}, {b}, {c})"))
            }
            // The host interrupts between launches.
            ExprKind::Interrupted => Text::atom("false"),
            ExprKind::Stride { .. } | ExprKind::Base { .. } | ExprKind::Overlaps { .. } => {
                return Err(Refused::new(expr.span, "it looks at where arrays lie in memory"));
            }
        })
    }

    /// An `i64` as an `index_t`: an index that is known to be within its axis.
    pub(super) fn index(&mut self, id: ExprId) -> Result<Text, Refused> {
        let text = self.expr(id)?;
        if text.is_index {
            return Ok(text);
        }
        Ok(Text::new(format!("(index_t){}", text.at(level::UNARY)), level::UNARY).index())
    }

    /// The expression with exactly the type that the IR gives it, for overloaded functions.
    pub(super) fn exact(&mut self, id: ExprId) -> Result<String, Refused> {
        let ty = self.func.exprs[id].ty;
        let text = self.expr(id)?;
        if !text.is_index {
            return Ok(text.code);
        }
        Ok(format!("({}){}", c_type(ty), text.at(level::UNARY)))
    }

    fn unary(&mut self, op: UnaryOp, arg: ExprId, ty: DType) -> Result<Text, Refused> {
        let (is_tame, fits) = (self.sizes.is_tame(self.func, arg), self.sizes.fits(self.func, arg));
        let text = self.expr(arg)?;
        let is_float = ty.is_float();
        Ok(match op {
            UnaryOp::Not => Text::new(format!("!{}", text.at(level::UNARY)), level::UNARY),
            UnaryOp::Invert => Text::new(format!("~{}", self.wide(text)), level::UNARY),
            UnaryOp::Neg if is_float || fits => {
                let is_index = text.is_index;
                // Two signs in a row would be another operator.
                Text { is_index, ..Text::new(format!("-{}", text.at(level::ATOM)), level::UNARY) }
            }
            UnaryOp::Neg if ty == DType::U64 => {
                Text::new(format!("0 - {}", text.at(level::PRODUCT)), level::SUM)
            }
            UnaryOp::Neg if is_tame => Text::new(format!("-{}", self.wide(text)), level::UNARY),
            UnaryOp::Neg => Text::atom(format!("wneg({})", text.code)),
            UnaryOp::Abs if ty == DType::F64 => Text::atom(format!("fabs({})", text.code)),
            UnaryOp::Abs if ty == DType::F32 => Text::atom(format!("fabsf({})", text.code)),
            UnaryOp::Abs => Text::atom(format!("wabs({})", text.code)),
        })
    }

    /// An operand of 64 bits for an operator of C.
    fn wide(&mut self, text: Text) -> String {
        if text.is_index { format!("(i64){}", text.at(level::UNARY)) } else { text.at(level::UNARY) }
    }

    fn binary(
        &mut self,
        id: ExprId,
        op: BinaryOp,
        left: ExprId,
        right: ExprId,
        ty: DType,
    ) -> Result<Text, Refused> {
        let (fits, is_tame) = match ty {
            DType::I64 => (self.sizes.fits(self.func, id), self.sizes.is_tame(self.func, id)),
            _ => (false, false),
        };
        let (a, b) = (self.expr(left)?, self.expr(right)?);
        let is_float = ty.is_float();
        // `i + -1` is `i - 1`.
        let (op, b) = match (op, b.code.strip_prefix('-')) {
            (BinaryOp::Add, Some(rest)) if fits && b.level == level::UNARY && b.is_index => {
                (BinaryOp::Sub, Text { code: rest.to_owned(), level: level::ATOM, is_index: true })
            }
            _ => (op, b),
        };
        let call = |name: &str, a: Text, b: Text| Text::atom(format!("{name}({}, {})", a.code, b.code));
        let arithmetic = |w: &mut Self, sign: &str, own: u8, helper: &str, a: Text, b: Text| {
            if is_float || ty == DType::U64 || fits {
                // Sums that cannot overflow may be regrouped.
                let right = if fits && sign == "+" { own } else { own + 1 };
                let code = format!("{} {sign} {}", a.at(own), b.at(right));
                Text { is_index: fits, ..Text::new(code, own) }
            } else if is_tame {
                // One operand of 64 bits makes the operation one.
                let a = if a.is_index && b.is_index { w.wide(a) } else { a.at(own) };
                Text::new(format!("{a} {sign} {}", b.at(own + 1)), own)
            } else {
                Text::atom(format!("{helper}({}, {})", a.code, b.code))
            }
        };
        Ok(match op {
            BinaryOp::Add => arithmetic(self, "+", level::SUM, "wadd", a, b),
            BinaryOp::Sub => arithmetic(self, "-", level::SUM, "wsub", a, b),
            BinaryOp::Mul => arithmetic(self, "*", level::PRODUCT, "wmul", a, b),
            BinaryOp::Div => {
                Text::new(format!("{} / {}", a.at(level::PRODUCT), b.at(level::PRODUCT + 1)), level::PRODUCT)
            }
            BinaryOp::FloorDiv | BinaryOp::Mod if is_float => {
                call(if op == BinaryOp::Mod { "float_mod" } else { "float_floordiv" }, a, b)
            }
            BinaryOp::FloorDiv | BinaryOp::Mod => {
                let (name, sign) = if op == BinaryOp::Mod { ("floor_mod", "%") } else { ("floor_div", "/") };
                if ty == DType::U64 {
                    let (a, b) = (a.at(level::PRODUCT), b.at(level::PRODUCT + 1));
                    Text::new(format!("{b} == 0 ? 0 : {a} {sign} {b}"), level::CHOICE)
                } else {
                    let kind = if fits { "index_t" } else { "i64" };
                    let code = format!("{name}<{kind}>({}, {})", a.code, b.code);
                    Text { is_index: fits, ..Text::atom(code) }
                }
            }
            BinaryOp::MulHigh => call("__umul64hi", a, b),
            BinaryOp::IntPow => call(if ty == DType::U64 { "uint_pow" } else { "int_pow" }, a, b),
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor if ty == DType::Bool => {
                let (sign, own) = match op {
                    BinaryOp::And => ("&&", level::AND),
                    BinaryOp::Or => ("||", level::OR),
                    _ => ("!=", level::COMPARE),
                };
                // Both at once without parentheses would be right, but not easily read.
                let inner = if own == level::COMPARE { level::UNARY } else { level::BITS };
                let left = if a.level == own && own != level::COMPARE { a.code } else { a.at(inner) };
                Text::new(format!("{left} {sign} {}", b.at(inner)), own)
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                let sign = match op {
                    BinaryOp::And => "&",
                    BinaryOp::Or => "|",
                    _ => "^",
                };
                let a = if ty == DType::I64 { self.wide(a) } else { a.at(level::UNARY) };
                Text::new(format!("{a} {sign} {}", b.at(level::UNARY)), level::BITS)
            }
            BinaryOp::Shl => {
                let code = format!("shl({}, {})", a.code, b.code);
                if ty == DType::U64 {
                    Text::new(format!("(u64)shl((i64)({}), {})", a.code, b.code), level::UNARY)
                } else {
                    Text::atom(code)
                }
            }
            BinaryOp::Shr => call(if ty == DType::U64 { "shr_u64" } else { "shr" }, a, b),
            BinaryOp::Min | BinaryOp::Max => {
                let name = if op == BinaryOp::Min { "smaller" } else { "larger" };
                let kind = if fits { "index_t" } else { c_type(ty) };
                Text { is_index: fits, ..Text::atom(format!("{name}<{kind}>({}, {})", a.code, b.code)) }
            }
        })
    }

    fn cast(&mut self, arg: ExprId, to: DType) -> Result<Text, Refused> {
        let from = self.func.exprs[arg].ty;
        let text = self.expr(arg)?;
        if to == from {
            return Ok(text);
        }
        let narrow_int =
            |code: Text| Text::new(format!("({}){}", c_type(to), code.at(level::UNARY)), level::UNARY);
        Ok(match (from.kind(), to.kind()) {
            (_, Kind::Bool) => Text::new(format!("{} != 0", text.at(level::COMPARE + 1)), level::COMPARE),
            (Kind::Float, Kind::Signed | Kind::Unsigned) => {
                let name = if to == DType::U64 { "to_u64" } else { "to_i64" };
                let whole = Text::atom(format!("{name}({})", text.code));
                if matches!(to, DType::I64 | DType::U64) { whole } else { narrow_int(whole) }
            }
            _ => narrow_int(text),
        })
    }

    fn math1(&mut self, function: MathFn1, ty: DType) -> String {
        if let Some(name) = in_hardware(function) {
            return if ty == DType::F32 { format!("{name}f") } else { name.to_owned() };
        }
        match super::math::fast_name1(function, ty).filter(|_| self.is_fast()) {
            Some(name) => name,
            None => {
                self.module.math.insert(MathUse::One(function, ty));
                super::math::name1(function, ty)
            }
        }
    }

    fn math2(&mut self, function: MathFn2, ty: DType) -> String {
        match super::math::fast_name2(function, ty).filter(|_| self.is_fast()) {
            Some(name) => name,
            None => {
                self.module.math.insert(MathUse::Two(function, ty));
                super::math::name2(function, ty)
            }
        }
    }

    /// Are mathematical functions CUDA's own? That is what all the freedoms of `fastmath=True` together allow.
    fn is_fast(&self) -> bool {
        let FastMath { reassoc, contract, arcp, nsz, .. } = self.func.fastmath;
        reassoc && contract && arcp && nsz
    }
}

/// Functions that are exact and cost an instruction or a few.
fn in_hardware(function: MathFn1) -> Option<&'static str> {
    match function {
        MathFn1::Sqrt => Some("sqrt"),
        MathFn1::Floor => Some("floor"),
        MathFn1::Ceil => Some("ceil"),
        MathFn1::Trunc => Some("trunc"),
        MathFn1::Rint => Some("rint"),
        MathFn1::Fabs => Some("fabs"),
        _ => None,
    }
}

/// Does the function cost no more than a few instructions?
pub(super) fn is_in_hardware(function: MathFn1) -> bool {
    in_hardware(function).is_some()
}

/// The type's name in the text.
pub(super) fn c_type(ty: DType) -> &'static str {
    ty.name()
}
