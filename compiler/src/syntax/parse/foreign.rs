//! Text that is no Python: what was expected, and what was probably meant.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::ExprId;
use crate::syntax::token::{Tok, shortened};

/// Words with which other languages begin a statement, and what to write instead.
const FOREIGN_WORDS: &[(&str, &str)] = &[
    ("print", "`print` is a function: write `print(...)`"),
    ("printf", "write `print(...)`"),
    ("echo", "write `print(...)`"),
    ("function", "write `def`"),
    ("func", "write `def`"),
    ("fn", "write `def`"),
    ("elseif", "write `elif`"),
    ("elsif", "write `elif`"),
    ("switch", "write `if`, `elif` and `else`"),
    ("unless", "write `if not`"),
    ("until", "write `while not`"),
    ("let", "variables need no declaration: write `name = value`"),
    ("var", "variables need no declaration: write `name = value`"),
    ("const", "write `NAME = value` at module level"),
    ("auto", "variables need no declaration: write `name = value`"),
    ("int", "write the type after the name: `name: i64 = value`"),
    ("float", "write the type after the name: `name: f32 = value`"),
    ("double", "write the type after the name: `name: f64 = value`"),
    ("bool", "write the type after the name: `name: bool = value`"),
];

/// Words that statements begin with, for those who misspell them.
const HEADS: &[&str] = &[
    "def", "for", "while", "elif", "else", "return", "import", "from", "assert", "raise", "break",
    "continue", "pass",
];

impl Parser<'_> {
    /// K004: something else was expected at the current token.
    #[cold]
    pub(super) fn unexpected(&self, expected: &str) -> Diagnostic {
        let token = self.peek();
        let found = token.describe(self.source);
        // At the end of the line the place is behind the last token, where something is missing.
        let span = match token.kind {
            Tok::Newline | Tok::Eof | Tok::Indent | Tok::Dedent => self.previous().span.after(),
            _ => token.span,
        };
        let diagnostic = Diagnostic::error(Code::K004, span, format!("expected {expected}, found {found}"));
        match self.foreign_operator() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// Operators of other languages at, or just before, the current token.
    fn foreign_operator(&self) -> Option<&'static str> {
        let (token, before) = (self.peek(), self.previous());
        let touches = before.span.end == token.span.start;
        Some(match (before.kind, token.kind) {
            (_, Tok::AmpAmp) => "write `and`",
            (_, Tok::PipePipe) => "write `or`",
            (_, Tok::Bang) => "write `not`",
            (Tok::EqEq | Tok::NotEq, Tok::Assign) if touches => "write `==` or `!=`",
            (Tok::Lt, Tok::Gt) if touches => "write `!=`",
            (Tok::Assign, Tok::Gt) if touches => "write `>=`",
            (Tok::Assign, Tok::Lt) if touches => "write `<=`",
            (Tok::Plus, Tok::Newline | Tok::Semicolon | Tok::RParen) if self.doubled(Tok::Plus) => {
                "write `x += 1` on a line of its own"
            }
            (Tok::Minus, Tok::Newline | Tok::Semicolon | Tok::RParen) if self.doubled(Tok::Minus) => {
                "write `x -= 1` on a line of its own"
            }
            (_, Tok::Assign) => "compare with `==`; `=` assigns and is a statement",
            _ => return None,
        })
    }

    /// Are the two tokens before this one both `kind`, without a space?
    fn doubled(&self, kind: Tok) -> bool {
        let Some(first) = self.pos.checked_sub(2).map(|pos| self.tokens[pos]) else { return false };
        first.kind == kind && first.span.end == self.previous().span.start
    }

    /// An expression should begin here.
    #[cold]
    pub(super) fn expected_expr(&mut self) -> Parsed<ExprId> {
        let token = self.peek();
        if token.kind == Tok::Error {
            return Err(super::Reported);
        }
        let after = match self.previous().kind {
            Tok::Newline | Tok::Indent | Tok::Dedent | Tok::Eof => String::new(),
            _ => format!(" after `{}`", shortened(self.text(self.previous()))),
        };
        let mut diagnostic = self.unexpected(&format!("an expression{after}"));
        if diagnostic.help.is_none() && token.kind.is_keyword() && self.previous().kind != Tok::Newline {
            diagnostic = diagnostic.note(format!("`{}` is a keyword and cannot be a name", self.text(token)));
        }
        Err(self.report(diagnostic))
    }

    /// A statement should end here and does not.
    #[cold]
    pub(super) fn unexpected_after_statement(&mut self) {
        let token = self.peek();
        if token.kind == Tok::Error {
            return;
        }
        let before = self.previous();
        let mut diagnostic = self.unexpected("the end of the line");
        if diagnostic.help.is_none() {
            let is_value = token.kind.starts_operand() || token.kind == Tok::LBrace;
            let word_help = self.help_with_first_word();
            if let Some(help) = word_help.filter(|_| is_value) {
                diagnostic = diagnostic.help(help);
            } else if token.kind == Tok::Colon {
                diagnostic = diagnostic.note("a block begins after `if`, `while`, `for`, `def` and `else`");
            } else if matches!(token.kind, Tok::RParen | Tok::RBracket | Tok::RBrace) {
                diagnostic = diagnostic.primary("nothing to close");
            } else if is_value && before.kind.starts_operand() {
                diagnostic = diagnostic.note("an operator or a comma is missing between the two");
            }
        }
        self.report(diagnostic);
    }

    /// `f(a + b = c)`: only a name can be given a value in a call.
    #[cold]
    pub(super) fn assignment_in_argument(&mut self, span: Span) -> Parsed<ExprId> {
        Err(self.report(
            Diagnostic::error(Code::K004, span, "a keyword argument that is not a name")
                .help("compare with `==`; a keyword argument is written `name=value`"),
        ))
    }

    /// What the first word of the statement was meant to be, if the token before the current one is that word.
    fn help_with_first_word(&self) -> Option<String> {
        let word = self.previous();
        let is_first = match self.pos.checked_sub(2) {
            None => true,
            Some(pos) => {
                matches!(self.tokens[pos].kind, Tok::Newline | Tok::Indent | Tok::Dedent | Tok::Semicolon)
            }
        };
        if word.kind != Tok::Name || !is_first {
            return None;
        }
        let text = self.text(word);
        if let Some((_, help)) = FOREIGN_WORDS.iter().find(|(foreign, _)| *foreign == text) {
            return Some((*help).to_owned());
        }
        HEADS.iter().find(|head| is_misspelt(text, head)).map(|head| format!("did you mean `{head}`?"))
    }

    /// `esle:` at the end of a line, where an annotation would need a type.
    #[cold]
    pub(super) fn refuse_lonely_colon(&mut self, target: ExprId) -> Parsed<()> {
        if !matches!(self.kind_after(1), Tok::Newline | Tok::Eof) {
            return Ok(());
        }
        let word = self.ast.exprs[target].span;
        let colon = self.peek().span;
        let diagnostic = Diagnostic::error(Code::K004, colon, "`:` after a name, without a type");
        let help = self.help_with_first_word();
        Err(self.report(match help {
            Some(help) => Diagnostic {
                primary: crate::base::diag::Label { span: word, text: String::new() },
                ..diagnostic
            }
            .help(help),
            None => diagnostic.note("a block begins after `if`, `while`, `for`, `def` and `else`"),
        }))
    }
}

/// Do the words differ by one letter, or by two neighbours that changed places?
fn is_misspelt(word: &str, right: &str) -> bool {
    let (word, right) = (word.as_bytes(), right.as_bytes());
    if word.len() < 3 || word.len().abs_diff(right.len()) > 1 {
        return false;
    }
    let same_start = word.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (word, right) = (&word[same_start..], &right[same_start..]);
    match (word, right) {
        ([a, b, word @ ..], [c, d, right @ ..]) if a == d && b == c => word == right,
        _ if word.len() == right.len() => word.get(1..) == right.get(1..),
        _ if word.len() > right.len() => &word[1..] == right,
        _ => word == &right[1..],
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn misspelt_words() {
        for (word, right, expected) in [
            ("esle", "else", true),
            ("retrun", "return", true),
            ("retun", "return", true),
            ("returnn", "return", true),
            ("fur", "for", true),
            ("fro", "for", true),
            ("dfe", "def", true),
            ("whil", "while", true),
            ("fo", "for", false),
            ("rturen", "return", false),
            ("x", "def", false),
            ("return", "return", true),
            ("tururn", "return", false),
        ] {
            assert_eq!(super::is_misspelt(word, right), expected, "{word}");
        }
    }
}
