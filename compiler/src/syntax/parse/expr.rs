//! Expressions, by precedence climbing.
//!
//! Spans come from tokens, so that `(a + b) * c` begins at its bracket while `a + b` does not.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{BinaryOp, BoolOp, CompareOp, ExprId, ExprKind, Literal, Name, UnaryOp};
use crate::syntax::token::Tok;

/// Precedences, loosest first; as in Python.
mod prec {
    pub(super) const TERNARY: u8 = 1;
    pub(super) const OR: u8 = 2;
    pub(super) const AND: u8 = 3;
    pub(super) const NOT: u8 = 4;
    pub(super) const COMPARE: u8 = 5;
    pub(super) const BIT_OR: u8 = 6;
    pub(super) const BIT_XOR: u8 = 7;
    pub(super) const BIT_AND: u8 = 8;
    pub(super) const SHIFT: u8 = 9;
    pub(super) const SUM: u8 = 10;
    pub(super) const PRODUCT: u8 = 11;
    pub(super) const UNARY: u8 = 12;
    pub(super) const POWER: u8 = 13;
}

/// What a token does between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    Bool(BoolOp),
    Compare(CompareOp),
    IfElse,
}

impl Parser<'_> {
    /// One expression, without commas at its top.
    pub(super) fn expr(&mut self) -> Parsed<ExprId> {
        self.expr_at(prec::TERNARY)
    }

    /// An expression that may be a tuple without brackets.
    pub(super) fn expr_list(&mut self) -> Parsed<ExprId> {
        let start = self.start();
        let first = self.element()?;
        if !self.at(Tok::Comma) {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat(Tok::Comma) {
            if !self.kind().starts_expr() && !self.at(Tok::Star) {
                break;
            }
            items.push(self.element()?);
        }
        self.tuple(items, start)
    }

    /// The targets of a `for`, where `in` is not an operator.
    pub(super) fn target_list(&mut self) -> Parsed<ExprId> {
        let start = self.start();
        self.refuse_star()?;
        let first = self.expr_at(prec::BIT_OR)?;
        if !self.at(Tok::Comma) {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat(Tok::Comma) {
            if self.at(Tok::In) {
                break;
            }
            self.refuse_star()?;
            items.push(self.expr_at(prec::BIT_OR)?);
        }
        self.tuple(items, start)
    }

    /// An expression in a list of several; refuses what Python also allows there.
    fn element(&mut self) -> Parsed<ExprId> {
        self.refuse_star()?;
        let expr = self.expr()?;
        match self.kind() {
            Tok::ColonAssign => self.refuse_walrus(),
            Tok::For | Tok::Async => self.refuse_comprehension(),
            _ => Ok(expr),
        }
    }

    fn tuple(&mut self, items: Vec<ExprId>, start: usize) -> Parsed<ExprId> {
        let below = self.highest(&items);
        let span = self.span_from(start);
        self.add_expr(ExprKind::Tuple(items), span, below)
    }

    fn expr_at(&mut self, min: u8) -> Parsed<ExprId> {
        self.enter(1)?;
        let start = self.start();
        let left = self.prefix(min);
        let expr = match left {
            Ok(left) => self.infix(left, start, min),
            Err(reported) => Err(reported),
        };
        self.depth -= 1;
        expr
    }

    fn prefix(&mut self, min: u8) -> Parsed<ExprId> {
        let (op, operand_prec) = match self.kind() {
            Tok::Not if min <= prec::NOT => (UnaryOp::Not, prec::NOT),
            Tok::Minus => (UnaryOp::Neg, prec::UNARY),
            Tok::Plus => (UnaryOp::Pos, prec::UNARY),
            Tok::Tilde => (UnaryOp::Invert, prec::UNARY),
            Tok::Lambda | Tok::Yield | Tok::Await => return self.refuse_prefix(),
            _ => return self.postfix(),
        };
        let start = self.start();
        self.bump();
        self.enter(2)?;
        let operand = self.expr_at(operand_prec);
        self.depth -= 2;
        let operand = operand?;
        let span = self.span_from(start);
        let below = self.height(operand);
        self.add_expr(ExprKind::Unary { op, operand }, span, below)
    }

    fn infix(&mut self, mut left: ExprId, start: usize, min: u8) -> Parsed<ExprId> {
        while let Some((infix, prec)) = self.infix_here() {
            if prec < min {
                break;
            }
            left = match infix {
                Infix::Binary(op) => {
                    self.bump();
                    let right_prec = if op == BinaryOp::Pow { prec::UNARY } else { prec + 1 };
                    let right = self.expr_at(right_prec)?;
                    let below = self.height(left).max(self.height(right));
                    let span = self.span_from(start);
                    self.add_expr(ExprKind::Binary { op, left, right }, span, below)?
                }
                Infix::Bool(op) => self.bool_chain(op, left, start, prec)?,
                Infix::Compare(_) => self.compare_chain(left, start)?,
                Infix::IfElse => self.if_else(left, start)?,
            };
        }
        Ok(left)
    }

    fn infix_here(&self) -> Option<(Infix, u8)> {
        use Infix::{Binary, Bool, Compare};
        Some(match self.kind() {
            Tok::Plus => (Binary(BinaryOp::Add), prec::SUM),
            Tok::Minus => (Binary(BinaryOp::Sub), prec::SUM),
            Tok::Star => (Binary(BinaryOp::Mul), prec::PRODUCT),
            Tok::Slash => (Binary(BinaryOp::Div), prec::PRODUCT),
            Tok::SlashSlash => (Binary(BinaryOp::FloorDiv), prec::PRODUCT),
            Tok::Percent => (Binary(BinaryOp::Mod), prec::PRODUCT),
            Tok::At => (Binary(BinaryOp::MatMul), prec::PRODUCT),
            Tok::StarStar => (Binary(BinaryOp::Pow), prec::POWER),
            Tok::Amp => (Binary(BinaryOp::BitAnd), prec::BIT_AND),
            Tok::Pipe => (Binary(BinaryOp::BitOr), prec::BIT_OR),
            Tok::Caret => (Binary(BinaryOp::BitXor), prec::BIT_XOR),
            Tok::Shl => (Binary(BinaryOp::Shl), prec::SHIFT),
            Tok::Shr => (Binary(BinaryOp::Shr), prec::SHIFT),
            Tok::And => (Bool(BoolOp::And), prec::AND),
            Tok::Or => (Bool(BoolOp::Or), prec::OR),
            Tok::Lt => (Compare(CompareOp::Lt), prec::COMPARE),
            Tok::Le => (Compare(CompareOp::Le), prec::COMPARE),
            Tok::Gt => (Compare(CompareOp::Gt), prec::COMPARE),
            Tok::Ge => (Compare(CompareOp::Ge), prec::COMPARE),
            Tok::EqEq => (Compare(CompareOp::Eq), prec::COMPARE),
            Tok::NotEq => (Compare(CompareOp::Ne), prec::COMPARE),
            Tok::In => (Compare(CompareOp::In), prec::COMPARE),
            Tok::Not if self.kind_after(1) == Tok::In => (Compare(CompareOp::NotIn), prec::COMPARE),
            Tok::Is if self.kind_after(1) == Tok::Not => (Compare(CompareOp::IsNot), prec::COMPARE),
            Tok::Is => (Compare(CompareOp::Is), prec::COMPARE),
            Tok::If => (Infix::IfElse, prec::TERNARY),
            _ => return None,
        })
    }

    fn bool_chain(&mut self, op: BoolOp, first: ExprId, start: usize, prec: u8) -> Parsed<ExprId> {
        let token = self.kind();
        let mut values = vec![first];
        while self.eat(token) {
            values.push(self.expr_at(prec + 1)?);
        }
        // Each operand is evaluated inside what the one before decides.
        let below = self.highest(&values).saturating_add(values.len().min(u16::MAX.into()) as u16 - 1);
        let span = self.span_from(start);
        self.add_expr(ExprKind::Bool { op, values }, span, below)
    }

    fn compare_chain(&mut self, first: ExprId, start: usize) -> Parsed<ExprId> {
        let mut rest = Vec::new();
        let mut below = self.height(first);
        while let Some((Infix::Compare(op), _)) = self.infix_here() {
            self.bump();
            if matches!(op, CompareOp::NotIn | CompareOp::IsNot) {
                self.bump();
            }
            let operand = self.expr_at(prec::COMPARE + 1)?;
            below = below.max(self.height(operand));
            rest.push((op, operand));
        }
        let below = below.saturating_add(rest.len().min(u16::MAX.into()) as u16 - 1);
        let span = self.span_from(start);
        self.add_expr(ExprKind::Compare { first, rest }, span, below)
    }

    fn if_else(&mut self, body: ExprId, start: usize) -> Parsed<ExprId> {
        let keyword = self.bump().span;
        let cond = self.expr_at(prec::OR)?;
        if !self.eat(Tok::Else) {
            let diagnostic =
                self.unexpected("`else` of the conditional expression").label(keyword, "for this `if`");
            return Err(self.report(diagnostic.help("write `a if condition else b`")));
        }
        let orelse = self.expr_at(prec::TERNARY)?;
        let below = self.highest(&[body, cond, orelse]);
        let span = self.span_from(start);
        self.add_expr(ExprKind::IfElse { cond, body, orelse }, span, below)
    }

    // ---- Calls, attributes, indices --------------------------------------------------------------------------

    fn postfix(&mut self) -> Parsed<ExprId> {
        let start = self.start();
        let mut base = self.atom()?;
        loop {
            base = match self.kind() {
                Tok::Dot => {
                    self.bump();
                    let name = self.name("a name after `.`")?;
                    let below = self.height(base);
                    let span = self.span_from(start);
                    self.add_expr(ExprKind::Attribute { base, name }, span, below)?
                }
                Tok::LParen => self.call(base, start)?,
                Tok::LBracket => self.index(base, start)?,
                _ => return Ok(base),
            };
        }
    }

    /// A name where one is bound or selected.
    pub(super) fn name(&mut self, expected: &str) -> Parsed<Name> {
        let token = self.peek();
        if token.kind == Tok::Name {
            self.bump();
            return Ok(Name { name: self.symbol(token), span: token.span });
        }
        let mut diagnostic = self.unexpected(expected);
        if token.kind.is_keyword() {
            diagnostic = diagnostic.note(format!("`{}` is a keyword and cannot be a name", self.text(token)));
        }
        Err(self.report(diagnostic))
    }

    fn call(&mut self, callee: ExprId, start: usize) -> Parsed<ExprId> {
        self.enter(2)?;
        let call = self.call_arguments(callee, start);
        self.depth -= 2;
        call
    }

    fn call_arguments(&mut self, callee: ExprId, start: usize) -> Parsed<ExprId> {
        let open = self.bump().span;
        let mut args = Vec::new();
        let mut keywords: Vec<(Name, ExprId)> = Vec::new();
        let mut seen = super::params::Names::default();
        while !self.at(Tok::RParen) {
            let at = self.peek();
            if matches!(at.kind, Tok::Star | Tok::StarStar) {
                return self.refuse_call_star();
            }
            if at.kind == Tok::Name && self.kind_after(1) == Tok::Assign {
                let name = self.name("a name")?;
                self.bump();
                if let Some(first) = seen.insert(&name) {
                    return Err(self.report(
                        Diagnostic::error(Code::K009, name.span, format!("`{}` is given twice", name.name))
                            .label(first, "first given here"),
                    ));
                }
                let value = self.element()?;
                keywords.push((name, value));
            } else {
                let arg = self.element()?;
                if self.at(Tok::Assign) {
                    return self.assignment_in_argument(at.span.to(self.previous().span));
                }
                if let Some((name, _)) = keywords.first() {
                    let span = self.span_from(at.span.start as usize);
                    let diagnostic =
                        Diagnostic::error(Code::K010, span, "positional argument after a keyword argument")
                            .label(name.span, "keyword argument")
                            .help("put the positional arguments first");
                    return Err(self.report(diagnostic));
                }
                args.push(arg);
            }
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close(Tok::RParen, open)?;
        let below = keywords.iter().map(|&(_, value)| value).chain(args.iter().copied());
        let below = below.map(|expr| self.height(expr)).max().unwrap_or(0).max(self.height(callee));
        let span = self.span_from(start);
        self.add_expr(ExprKind::Call { callee, args, keywords }, span, below)
    }

    fn index(&mut self, base: ExprId, start: usize) -> Parsed<ExprId> {
        self.enter(2)?;
        let index = self.index_entries(base, start);
        self.depth -= 2;
        index
    }

    fn index_entries(&mut self, base: ExprId, start: usize) -> Parsed<ExprId> {
        let open = self.bump().span;
        let mut indices = Vec::new();
        while !self.at(Tok::RBracket) {
            indices.push(self.index_entry()?);
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close(Tok::RBracket, open)?;
        let span = self.span_from(start);
        if indices.is_empty() {
            let brackets = Span { start: open.start, end: span.end };
            return Err(self.report(
                Diagnostic::error(Code::K004, brackets, "index without a value")
                    .help("write `x[:]` for all of an array, `x[()]` for its only element"),
            ));
        }
        let below = self.highest(&indices).max(self.height(base));
        self.add_expr(ExprKind::Index { base, indices }, span, below)
    }

    /// An expression or a slice.
    fn index_entry(&mut self) -> Parsed<ExprId> {
        let start = self.start();
        let first = if self.at(Tok::Colon) { None } else { Some(self.element()?) };
        if !self.at(Tok::Colon) {
            return match first {
                Some(expr) => Ok(expr),
                None => Err(super::Reported),
            };
        }
        let mut parts = [first, None, None];
        for part in &mut parts[1..] {
            if !self.eat(Tok::Colon) {
                break;
            }
            if !matches!(self.kind(), Tok::Colon | Tok::Comma | Tok::RBracket) {
                *part = Some(self.expr()?);
            }
        }
        let below = parts.iter().flatten().map(|&part| self.height(part)).max().unwrap_or(0);
        let span = self.span_from(start);
        let [start, stop, step] = parts;
        self.add_expr(ExprKind::Slice { start, stop, step }, span, below)
    }

    /// The closing bracket, or an error that shows the opening one.
    fn close(&mut self, kind: Tok, open: Span) -> Parsed<()> {
        if self.eat(kind) {
            return Ok(());
        }
        let expected = match kind {
            Tok::RParen => "`,` or `)`",
            Tok::RBracket => "`,` or `]`",
            _ => "`}`",
        };
        let diagnostic = self.unexpected(expected).label(open, "opened here");
        Err(self.report(diagnostic))
    }

    // ---- Atoms -----------------------------------------------------------------------------------------------

    fn atom(&mut self) -> Parsed<ExprId> {
        let token = self.peek();
        let kind = match token.kind {
            Tok::Name => ExprKind::Name(self.symbol(token)),
            Tok::Int | Tok::Float | Tok::Imaginary => ExprKind::Literal(self.number(token)?),
            Tok::True => ExprKind::Literal(Literal::Bool(true)),
            Tok::False => ExprKind::Literal(Literal::Bool(false)),
            Tok::None => ExprKind::Literal(Literal::None),
            Tok::Ellipsis => ExprKind::Literal(Literal::Ellipsis),
            Tok::Str | Tok::FString | Tok::Bytes => return self.strings(),
            Tok::LParen => return self.brackets(Tok::RParen),
            Tok::LBracket => return self.brackets(Tok::RBracket),
            Tok::LBrace if self.is_in_decorator => return self.brackets(Tok::RBrace),
            Tok::LBrace => return self.refuse_braces(),
            _ => return self.expected_expr(),
        };
        self.bump();
        Ok(self.add_leaf(kind, token.span))
    }

    /// `(...)` or `[...]`; in decorators `{...}`, which becomes a list: of a dictionary, its keys.
    fn brackets(&mut self, closer: Tok) -> Parsed<ExprId> {
        self.enter(2)?;
        let expr = self.bracket_items(closer);
        self.depth -= 2;
        expr
    }

    fn bracket_items(&mut self, closer: Tok) -> Parsed<ExprId> {
        let open = self.bump().span;
        let is_list = closer != Tok::RParen;
        let mut items = Vec::new();
        let mut has_comma = false;
        while !self.at(closer) {
            items.push(self.element()?);
            if closer == Tok::RBrace && self.eat(Tok::Colon) {
                self.element()?;
            }
            if !self.eat(Tok::Comma) {
                break;
            }
            has_comma = true;
        }
        self.close(closer, open)?;
        if !is_list && !has_comma && items.len() == 1 {
            return Ok(items[0]);
        }
        let span = self.span_from(open.start as usize);
        let below = self.highest(&items);
        self.add_expr(if is_list { ExprKind::List(items) } else { ExprKind::Tuple(items) }, span, below)
    }
}
