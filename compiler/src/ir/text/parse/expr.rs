//! Variables and expressions.

use super::{Parser, Result};
use crate::base::Span;
use crate::ir::expr::{BinaryOp, CompareOp, Const, ExprId, ExprKind, UnaryOp};
use crate::ir::func::{ArrayId, LocalId};
use crate::ir::stmt::Operand;
use crate::ir::text::lex::Token;
use crate::ir::text::names::Var;
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

impl Parser {
    pub(super) fn var(&mut self, name: &str) -> Result<Var> {
        match self.vars.get(name) {
            Some(&var) => Ok(var),
            None => self.fail(format!("unknown variable `{name}`")),
        }
    }

    pub(super) fn local(&mut self) -> Result<LocalId> {
        let name = self.name()?;
        match self.var(&name)? {
            Var::Local(local) => Ok(local),
            Var::Array(_) => self.fail(format!("`{name}` is an array")),
        }
    }

    pub(super) fn array(&mut self) -> Result<ArrayId> {
        let name = self.name()?;
        match self.var(&name)? {
            Var::Array(array) => Ok(array),
            Var::Local(_) => self.fail(format!("`{name}` is a number")),
        }
    }

    pub(super) fn operand(&mut self) -> Result<Operand> {
        if let Token::Name(name) = self.peek() {
            let is_whole = !matches!(self.tokens[self.at + 1].token, Token::Punct("[" | "@[" | "("));
            if let (Some(&Var::Array(array)), true) = (self.vars.get(name), is_whole) {
                self.at += 1;
                return Ok(Operand::Array(array));
            }
        }
        self.expr().map(Operand::Scalar)
    }

    pub(super) fn node(&mut self, kind: ExprKind, ty: DType) -> ExprId {
        self.func.expr(kind, ty, Span::default())
    }

    pub(super) fn ty(&self, id: ExprId) -> DType {
        self.func.exprs[id].ty
    }

    pub(super) fn expr(&mut self) -> Result<ExprId> {
        let left = self.infix(0)?;
        let ops = [
            ("==", CompareOp::Eq),
            ("!=", CompareOp::Ne),
            ("<", CompareOp::Lt),
            ("<=", CompareOp::Le),
            (">", CompareOp::Gt),
            (">=", CompareOp::Ge),
        ];
        for (symbol, op) in ops {
            if self.eat(symbol) {
                let right = self.infix(0)?;
                return Ok(self.node(ExprKind::Compare { op, left, right }, DType::Bool));
            }
        }
        Ok(left)
    }

    /// Infix operators, loosest level first; all group to the left.
    pub(super) fn infix(&mut self, level: usize) -> Result<ExprId> {
        const LEVELS: &[&[(&str, BinaryOp)]] = &[
            &[("|", BinaryOp::Or)],
            &[("^", BinaryOp::Xor)],
            &[("&", BinaryOp::And)],
            &[("<<", BinaryOp::Shl), (">>", BinaryOp::Shr)],
            &[("+", BinaryOp::Add), ("-", BinaryOp::Sub)],
            &[("*", BinaryOp::Mul), ("/", BinaryOp::Div), ("//", BinaryOp::FloorDiv), ("%", BinaryOp::Mod)],
        ];
        let Some(ops) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.infix(level + 1)?;
        while let Some(&(_, op)) = ops.iter().find(|(symbol, _)| self.is_punct(symbol)) {
            self.at += 1;
            let right = self.infix(level + 1)?;
            let ty = self.ty(left);
            left = self.node(ExprKind::Binary { op, left, right }, ty);
        }
        Ok(left)
    }

    pub(super) fn unary(&mut self) -> Result<ExprId> {
        if self.is_punct("-") {
            self.at += 1;
            if self.tokens[self.at].is_adjacent
                && let Some((value, ty)) = self.number(true)?
            {
                return Ok(self.node(ExprKind::Const(value), ty));
            }
            let arg = self.unary()?;
            let ty = self.ty(arg);
            return Ok(self.node(ExprKind::Unary { op: UnaryOp::Neg, arg }, ty));
        }
        if self.eat("~") {
            let arg = self.unary()?;
            let ty = self.ty(arg);
            return Ok(self.node(ExprKind::Unary { op: UnaryOp::Invert, arg }, ty));
        }
        if self.eat_word("not") {
            let arg = self.unary()?;
            return Ok(self.node(ExprKind::Unary { op: UnaryOp::Not, arg }, DType::Bool));
        }
        let left = self.atom()?;
        if self.eat("**") {
            let right = self.atom()?;
            let ty = self.ty(left);
            return Ok(self.node(ExprKind::Binary { op: BinaryOp::IntPow, left, right }, ty));
        }
        Ok(left)
    }

    /// A constant, if the next token is one.
    pub(super) fn number(&mut self, is_negative: bool) -> Result<Option<(Const, DType)>> {
        let sign = if is_negative { "-" } else { "" };
        let found = match self.peek().clone() {
            Token::Number(text) => {
                let (digits, suffix) = text.rsplit_once('_').unwrap_or((&text, ""));
                let ty = match suffix {
                    "" if digits.contains(['.', 'e']) && !digits.starts_with("0x") => Some(DType::F64),
                    "" => Some(DType::I64),
                    name => DType::ALL.into_iter().find(|ty| ty.name() == name),
                };
                let value = |ty: DType| -> Option<u64> {
                    if let Some(hex) = digits.strip_prefix("0x") {
                        return u64::from_str_radix(hex, 16).ok();
                    }
                    let signed = format!("{sign}{digits}");
                    match ty {
                        DType::F64 => signed.parse::<f64>().ok().map(f64::to_bits),
                        DType::F32 => signed.parse::<f32>().ok().map(|x| u64::from(x.to_bits())),
                        DType::U64 => signed.parse::<u64>().ok(),
                        _ => signed.parse::<i64>().ok().map(|x| x as u64),
                    }
                };
                let parsed = ty.and_then(|ty| value(ty).map(|bits| (Const(bits), ty)));
                if parsed.is_none() {
                    return self.fail(format!("`{sign}{text}` is not a number"));
                }
                parsed
            }
            Token::Name(word) => {
                let sign = if is_negative { -1.0 } else { 1.0 };
                match word.as_str() {
                    "inf" => Some((Const::f64(sign * f64::INFINITY), DType::F64)),
                    "inf_f32" => Some((Const::f32(sign as f32 * f32::INFINITY), DType::F32)),
                    "nan" if !is_negative => Some((Const::f64(f64::NAN), DType::F64)),
                    "nan_f32" if !is_negative => Some((Const::f32(f32::NAN), DType::F32)),
                    "true" if !is_negative => Some((Const(1), DType::Bool)),
                    "false" if !is_negative => Some((Const(0), DType::Bool)),
                    _ => None,
                }
            }
            Token::Text(_) | Token::Punct(_) | Token::Newline | Token::End => None,
        };
        self.at += usize::from(found.is_some());
        Ok(found)
    }

    pub(super) fn atom(&mut self) -> Result<ExprId> {
        if self.eat("(") {
            let inner = self.expr()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some((value, ty)) = self.number(false)? {
            return Ok(self.node(ExprKind::Const(value), ty));
        }
        let name = self.name()?;
        if self.eat("(") {
            return self.function_form(&name);
        }
        match self.var(&name)? {
            Var::Local(local) => {
                let ty = self.func.locals[local].dtype;
                Ok(self.node(ExprKind::Local(local), ty))
            }
            Var::Array(array) => {
                let (place, lane) = self.place(array)?;
                let ty = self.func.arrays[array].ty.dtype.part();
                Ok(self.node(ExprKind::Load { array, place, lane }, ty))
            }
        }
    }

    /// After `name(`.
    pub(super) fn function_form(&mut self, name: &str) -> Result<ExprId> {
        match name {
            "dim" | "stride" => {
                let array = self.array()?;
                self.expect(",")?;
                let axis = self.small()?;
                self.expect(")")?;
                let is_dim = name == "dim";
                let kind =
                    if is_dim { ExprKind::Dim { array, axis } } else { ExprKind::Stride { array, axis } };
                return Ok(self.node(kind, DType::I64));
            }
            "base" => {
                let array = self.array()?;
                self.expect(")")?;
                return Ok(self.node(ExprKind::Base { array }, DType::I64));
            }
            "overlaps" => {
                let a = self.array()?;
                self.expect(",")?;
                let b = self.array()?;
                self.expect(")")?;
                return Ok(self.node(ExprKind::Overlaps { a, b }, DType::Bool));
            }
            _ => {}
        }
        let args = self.list(")", Parser::expr)?;
        let first_ty = args.first().map_or(DType::Bool, |&arg| self.ty(arg));
        let (kind, ty) = match (name, args.as_slice()) {
            ("interrupted", []) => (ExprKind::Interrupted, DType::Bool),
            ("abs", &[arg]) => (ExprKind::Unary { op: UnaryOp::Abs, arg }, first_ty),
            ("mul_high", &[left, right]) => {
                (ExprKind::Binary { op: BinaryOp::MulHigh, left, right }, first_ty)
            }
            ("min", &[left, right]) => (ExprKind::Binary { op: BinaryOp::Min, left, right }, first_ty),
            ("max", &[left, right]) => (ExprKind::Binary { op: BinaryOp::Max, left, right }, first_ty),
            ("select", &[cond, then, orelse]) => (ExprKind::Select { cond, then, orelse }, self.ty(then)),
            ("wrap", &[index, extent]) => (ExprKind::Wrap { index, extent }, DType::I64),
            ("fma", &[a, b, c]) => (ExprKind::Fma { a, b, c }, first_ty),
            (_, &[arg]) => {
                match (MathFn1::from_name(name), DType::ALL.into_iter().find(|ty| ty.name() == name)) {
                    (Some(function), _) => (ExprKind::Math1 { function, arg }, first_ty),
                    (None, Some(ty)) => (ExprKind::Cast { arg }, ty),
                    (None, None) => return self.fail(format!("unknown function `{name}`")),
                }
            }
            (_, &[left, right]) => match MathFn2::from_name(name) {
                Some(function) => (ExprKind::Math2 { function, left, right }, first_ty),
                None => return self.fail(format!("unknown function `{name}`")),
            },
            _ => return self.fail(format!("unknown function `{name}`, or wrong number of arguments")),
        };
        Ok(self.node(kind, ty))
    }
}
