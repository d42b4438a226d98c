//! f-strings: text and replacement fields.
//!
//! The tokens of a field are lexed when it is parsed, and stand in for the file's tokens meanwhile.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span, Symbol};
use crate::syntax::ast::{ExprId, FStringPiece};
use crate::syntax::lexer;
use crate::syntax::strings::{self, Opening};
use crate::syntax::token::{Tok, Token};

impl Parser<'_> {
    /// Appends the pieces of an f-string; `text` is what stands before the next field. Returns their height.
    pub(super) fn fstring(
        &mut self,
        token: Token,
        text: &mut String,
        pieces: &mut Vec<FStringPiece>,
    ) -> Parsed<u16> {
        let (opening, end) = Opening::of_token(self.source, token.span);
        let bytes = &self.source.as_bytes()[..end];
        let mut at = opening.body;
        let mut below = 0;
        while at < end {
            match bytes[at] {
                brace @ (b'{' | b'}') if bytes.get(at + 1) == Some(&brace) => {
                    text.push(brace as char);
                    at += 2;
                }
                b'{' => {
                    self.enter(2)?;
                    let field = self.field(at, end, opening.is_raw, text, pieces);
                    self.depth -= 2;
                    let (value, after) = field?;
                    below = below.max(self.height(value));
                    at = after;
                }
                b'}' => {
                    let diagnostic = Diagnostic::error(
                        Code::K004,
                        Span::new(at, at + 1),
                        "`}` without `{` in an f-string",
                    )
                    .help("write `}}` for a brace in the text");
                    return Err(self.report(diagnostic));
                }
                _ => match strings::decode_step(self.source, at, end, opening.is_raw, text) {
                    Ok(after) => at = after,
                    Err(diagnostic) => return Err(self.report(*diagnostic)),
                },
            }
        }
        Ok(below)
    }

    /// `{value=!r:spec}`, whose brace is at `open`. Returns the value and the offset behind the closing brace.
    fn field(
        &mut self,
        open: usize,
        end: usize,
        is_raw: bool,
        text: &mut String,
        pieces: &mut Vec<FStringPiece>,
    ) -> Parsed<(ExprId, usize)> {
        let (value, mut at) = self.field_value(open + 1, end)?;
        let rest = |at: usize| &self.source[at..end];
        let mut is_shown = false;
        if rest(at).starts_with('=') {
            at += 1;
            at += rest(at).len() - rest(at).trim_start().len();
            text.push_str(&self.source[open + 1..at]);
            is_shown = true;
        }
        let mut conversion = None;
        if let Some(after) = rest(at).strip_prefix('!') {
            conversion = after.chars().next().filter(|c| matches!(c, 'r' | 's' | 'a'));
            if conversion.is_none() {
                let diagnostic = Diagnostic::error(
                    Code::K004,
                    Span::new(at, at + 1),
                    "unknown conversion in a replacement field",
                )
                .help("write `!r`, `!s` or `!a`, or nothing");
                return Err(self.report(diagnostic));
            }
            at += 2;
            at += rest(at).len() - rest(at).trim_start().len();
        }
        let mut spec = Symbol::default();
        if rest(at).starts_with(':') {
            let begin = at + 1;
            at = begin + rest(begin).find(['{', '}']).unwrap_or(end - begin);
            if rest(at).starts_with('{') {
                let diagnostic = Diagnostic::error(
                    Code::K202,
                    Span::new(at, at + 1),
                    "replacement field inside a format specification",
                )
                .help("write the width and the precision as numbers");
                return Err(self.report(diagnostic));
            }
            let mut decoded = String::new();
            let mut from = begin;
            while from < at {
                match strings::decode_step(self.source, from, at, is_raw, &mut decoded) {
                    Ok(after) => from = after,
                    Err(diagnostic) => return Err(self.report(*diagnostic)),
                }
            }
            spec = Symbol::new(decoded);
        } else if is_shown && conversion.is_none() {
            conversion = Some('r');
        }
        if !self.source[at..end].starts_with('}') {
            let found = self.source[at..end].chars().next();
            let brace = Span::new(open, open + 1);
            let diagnostic = match found {
                None => Diagnostic::error(Code::K002, brace, "`{` is never closed in an f-string")
                    .primary("opened here")
                    .help("write `{{` for a brace in the text"),
                Some(c) => Diagnostic::error(
                    Code::K004,
                    Span::new(at, at + c.len_utf8()),
                    format!("expected `}}` in an f-string, found `{c}`"),
                )
                .label(brace, "opened here"),
            };
            return Err(self.report(diagnostic));
        }
        if !text.is_empty() {
            pieces.push(FStringPiece::Text(Symbol::new(std::mem::take(text))));
        }
        pieces.push(FStringPiece::Value { value, conversion, spec });
        Ok((value, at + 1))
    }

    /// The expression of a field and the offset where it ends.
    fn field_value(&mut self, start: usize, end: usize) -> Parsed<(ExprId, usize)> {
        let lexed = lexer::lex_field(self.source, start, end, self.line);
        if let Some(error) = lexed.errors.into_iter().next() {
            return Err(self.report(error.diagnostic));
        }
        let outer_tokens = std::mem::replace(&mut self.tokens, lexed.tokens);
        let outer_pos = std::mem::replace(&mut self.pos, 0);
        let value = self.field_expr();
        let stop = self.start();
        self.tokens = outer_tokens;
        self.pos = outer_pos;
        Ok((value?, stop))
    }

    fn field_expr(&mut self) -> Parsed<ExprId> {
        if self.at(Tok::Eof) {
            let span = self.peek().span;
            let diagnostic = Diagnostic::error(Code::K004, span, "replacement field without a value")
                .help("write `{{` and `}}` for braces in the text");
            return Err(self.report(diagnostic));
        }
        let value = self.expr_list()?;
        if !self.at(Tok::Eof) {
            let diagnostic = self.unexpected("`}`");
            return Err(self.report(diagnostic));
        }
        Ok(value)
    }
}
