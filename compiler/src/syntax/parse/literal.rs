//! Numbers and strings: what literals mean.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span, Symbol};
use crate::syntax::ast::{ExprId, ExprKind, FStringPiece, Literal};
use crate::syntax::strings::{self, Opening};
use crate::syntax::token::{Tok, Token};

impl Parser<'_> {
    /// The value of a number token.
    pub(super) fn number(&mut self, token: Token) -> Parsed<Literal> {
        let text = self.text(token);
        let without_underscores;
        let digits = if text.contains('_') {
            without_underscores = text.replace('_', "");
            without_underscores.as_str()
        } else {
            text
        };
        match token.kind {
            Tok::Float => Ok(Literal::Float(digits.parse().unwrap_or(f64::INFINITY))),
            Tok::Imaginary => {
                let real = &digits[..digits.len() - 1];
                Ok(Literal::Imaginary(real.parse().unwrap_or(f64::INFINITY)))
            }
            _ => {
                let radix = match digits.as_bytes() {
                    [b'0', b'x' | b'X', ..] => 16,
                    [b'0', b'o' | b'O', ..] => 8,
                    [b'0', b'b' | b'B', ..] => 2,
                    _ => 10,
                };
                let value = u64::from_str_radix(if radix == 10 { digits } else { &digits[2..] }, radix);
                value.map(Literal::Int).map_err(|_| self.int_too_large(token))
            }
        }
    }

    fn int_too_large(&mut self, token: Token) -> super::Reported {
        self.report(
            Diagnostic::error(Code::K005, token.span, "integer that does not fit into 64 bits")
                .note("the largest integer is 18446744073709551615")
                .help("write it as a float, with a point or an exponent"),
        )
    }

    /// One or more adjacent strings, which join.
    pub(super) fn strings(&mut self) -> Parsed<ExprId> {
        let start = self.start();
        let mut text = String::new();
        let mut pieces: Vec<FStringPiece> = Vec::new();
        let mut is_format = false;
        let mut below = 0;
        while matches!(self.kind(), Tok::Str | Tok::FString | Tok::Bytes) {
            let token = self.bump();
            match token.kind {
                Tok::Str => {
                    let (opening, end) = Opening::of_token(self.source, token.span);
                    match strings::decode(self.source, opening.body, end, opening.is_raw) {
                        Ok(part) => text.push_str(&part),
                        Err(diagnostic) => return Err(self.report(*diagnostic)),
                    }
                }
                Tok::FString => {
                    is_format = true;
                    below = below.max(self.fstring(token, &mut text, &mut pieces)?);
                }
                _ => return self.refuse_bytes(token.span),
            }
        }
        let span = self.span_from(start);
        if !is_format {
            return Ok(self.add_leaf(ExprKind::Literal(Literal::Str(Symbol::new(text))), span));
        }
        if !text.is_empty() {
            pieces.push(FStringPiece::Text(Symbol::new(text)));
        }
        self.add_expr(ExprKind::FString(pieces), span, below)
    }

    /// The docstring of the block that begins here, if it has one; reads it with its line.
    pub(super) fn docstring(&mut self) -> Option<Symbol> {
        let mut strings = 0;
        while self.kind_after(strings) == Tok::Str {
            strings += 1;
        }
        let ends = matches!(self.kind_after(strings), Tok::Newline | Tok::Semicolon | Tok::Eof);
        if strings == 0 || !ends {
            return None;
        }
        let mut doc = None;
        if let Ok(expr) = self.strings()
            && let ExprKind::Literal(Literal::Str(text)) = &self.ast.exprs[expr].kind
        {
            doc = Some(Symbol::new(strings::clean_doc(text)));
        } else {
            self.skip_to_newline();
        }
        if !self.eat(Tok::Semicolon) || self.at(Tok::Newline) {
            self.eat(Tok::Newline);
        }
        doc
    }

    fn refuse_bytes<T>(&mut self, span: Span) -> Parsed<T> {
        Err(self.report(
            Diagnostic::error(Code::K202, span, "bytes literal")
                .note("strings are text, for messages, modes and paths")
                .help("drop the `b`, or use an array of `u8` for data"),
        ))
    }
}
