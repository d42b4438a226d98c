//! Source text to tokens, with the layout of Python: indentation, logical lines, brackets that join lines.
//!
//! In: a source text. Out: tokens that end with `Eof`, balanced `Indent`/`Dedent`, and at most one error per logical
//! line. Where a bracket is never closed the text from it on is read a second time with that bracket left out, so
//! that one forgotten `)` does not swallow the file; no part is read more than twice, so time is linear.

mod words;

use logos::Logos;

use super::strings;
use super::token::{Tok, Token};
use crate::base::{Code, Diagnostic, Span};

/// More errors than this in one file are not reported.
pub const MAX_ERRORS: usize = 100;

/// An error and the number of the logical line that it belongs to.
#[derive(Clone, Debug)]
pub struct LineError {
    /// Number of `Newline` tokens before it.
    pub line: u32,
    /// What is said.
    pub diagnostic: Diagnostic,
}

/// The tokens of a source or of a replacement field.
#[derive(Clone, Debug, Default)]
pub struct Lexed {
    /// In source order; the last one is `Eof`.
    pub tokens: Vec<Token>,
    /// In source order, at most one per logical line.
    pub errors: Vec<LineError>,
}

/// The tokens of a whole source.
#[must_use]
pub fn lex(source: &str) -> Lexed {
    let mut lexer = Lexer::new(source, 0, 0);
    lexer.tokens.reserve(source.len() / 4);
    if source.starts_with('\u{FEFF}') {
        lexer.lex.bump('\u{FEFF}'.len_utf8());
    }
    lexer.start_line();
    loop {
        lexer.read_tokens();
        if lexer.brackets.is_empty() {
            break;
        }
        lexer.give_up_brackets();
    }
    lexer.finish();
    Lexed { tokens: lexer.tokens, errors: lexer.errors }
}

/// The tokens of the expression of a replacement field `{...}`, which begins at `start` and lies before `end`.
///
/// `Eof` stands where the expression ends: at `}`, `:`, `!`, `=` outside brackets, or at `end`.
#[must_use]
pub(super) fn lex_field(source: &str, start: usize, end: usize, line: u32) -> Lexed {
    let mut lexer = Lexer::new(&source[..end], start, line);
    lexer.is_field = true;
    lexer.read_tokens();
    if let Some(bracket) = lexer.brackets.first().copied() {
        lexer.report_unclosed(bracket.start);
    }
    let at = lexer.field_end.unwrap_or(end);
    lexer.push(Tok::Eof, at, at);
    Lexed { tokens: lexer.tokens, errors: lexer.errors }
}

/// An open bracket, and what to return to if it is never closed.
#[derive(Clone, Copy)]
struct Bracket {
    kind: Tok,
    start: usize,
    tokens_before: usize,
    errors_before: usize,
}

/// Width of a line's indentation, counted twice as in CPython: tabs to multiples of 8, and as one column. Two lines
/// compare consistently only if both ways of counting agree.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Indentation {
    column: u32,
    alternative: u32,
}

struct Lexer<'s> {
    source: &'s str,
    lex: logos::Lexer<'s, Tok>,
    tokens: Vec<Token>,
    errors: Vec<LineError>,
    line: u32,
    /// Never empty; the bottom is column 0.
    indents: Vec<Indentation>,
    brackets: Vec<Bracket>,
    /// How many open brackets are `(`, `[`, `{`.
    open_counts: [u32; 3],
    /// Index of the logical line's first token.
    line_first: usize,
    /// Openers known to be never closed, ascending, from the last time that brackets were given up.
    unclosed: Vec<usize>,
    unclosed_next: usize,
    /// No bracket before this offset makes us read again.
    reread_floor: usize,
    /// The line has an opener that was left out: deeper lines that follow belong to it.
    joins_deeper_lines: bool,
    /// `{` that were taken for `:`; as many `}` are left out.
    brace_blocks: u32,
    /// Inconsistent tabs were reported.
    has_reported_tabs: bool,
    /// Up to here, f-strings end at the first matching quote.
    plain_fstrings_until: usize,
    is_field: bool,
    field_end: Option<usize>,
}

impl<'s> Lexer<'s> {
    fn new(source: &'s str, start: usize, line: u32) -> Lexer<'s> {
        let mut lexer = Lexer {
            source,
            lex: Tok::lexer(source),
            tokens: Vec::new(),
            errors: Vec::new(),
            line,
            indents: vec![Indentation { column: 0, alternative: 0 }],
            brackets: Vec::new(),
            open_counts: [0; 3],
            line_first: 0,
            unclosed: Vec::new(),
            unclosed_next: 0,
            reread_floor: 0,
            joins_deeper_lines: false,
            brace_blocks: 0,
            has_reported_tabs: false,
            plain_fstrings_until: 0,
            is_field: false,
            field_end: None,
        };
        lexer.lex.bump(start);
        lexer
    }

    fn read_tokens(&mut self) {
        while let Some(result) = self.lex.next() {
            let span = self.lex.span();
            match result {
                Ok(kind) => self.token(kind, span.start, span.end),
                Err(()) => self.bad_characters(span.start),
            }
            if self.field_end.is_some() {
                return;
            }
        }
    }

    fn token(&mut self, kind: Tok, start: usize, end: usize) {
        match kind {
            Tok::NonAscii => {
                if self.source[start..].starts_with(unicode_ident::is_xid_start) {
                    self.unicode_name(start, end);
                } else {
                    self.bad_characters(start);
                }
            }
            Tok::Newline => self.newline(start, end),
            Tok::Comment => {
                if self.is_field {
                    self.error(
                        Diagnostic::error(
                            Code::K001,
                            span(start, start + 1),
                            "`#` inside a replacement field",
                        )
                        .help("compute the value in a variable before the string"),
                    );
                    self.push(Tok::Error, start, end);
                }
            }
            Tok::Continuation => {
                if end == self.source.len() && !self.is_field {
                    self.error(
                        Diagnostic::error(Code::K004, span(start, start + 1), "the file ends after `\\`")
                            .help("delete the `\\`"),
                    );
                }
            }
            Tok::Int | Tok::Float => self.number(kind, start, end),
            Tok::Str => self.string(start, end),
            Tok::LParen | Tok::LBracket | Tok::LBrace => self.opener(kind, start, end),
            Tok::RParen | Tok::RBracket | Tok::RBrace => self.closer(kind, start, end),
            Tok::Colon | Tok::Bang | Tok::Assign | Tok::ColonAssign if self.ends_field() => {
                self.field_end = Some(start);
            }
            _ => {
                let continues = self.source.as_bytes().get(end).is_some_and(|&b| b >= 0x80);
                if continues && (kind == Tok::Name || kind.is_keyword()) {
                    let is_name = self.source[end..].starts_with(unicode_ident::is_xid_continue);
                    if is_name {
                        self.unicode_name(start, end);
                        return;
                    }
                }
                self.push(kind, start, end);
            }
        }
    }

    fn push(&mut self, kind: Tok, start: usize, end: usize) {
        self.tokens.push(Token { kind, span: span(start, end) });
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        let is_first_of_line = self.errors.last().is_none_or(|last| last.line != self.line);
        if is_first_of_line && self.errors.len() < MAX_ERRORS {
            self.errors.push(LineError { line: self.line, diagnostic });
        }
    }

    fn move_to(&mut self, offset: usize) {
        let here = self.lex.span().end;
        if offset >= here {
            self.lex.bump(offset - here);
        } else {
            self.lex = Tok::lexer(self.source);
            self.lex.bump(offset);
        }
    }

    fn ends_field(&self) -> bool {
        self.is_field && self.brackets.is_empty()
    }

    fn last_kind(&self) -> Option<Tok> {
        self.tokens.get(self.line_first..).and_then(|line| line.last()).map(|token| token.kind)
    }

    // ---- Lines -----------------------------------------------------------------------------------------------

    fn newline(&mut self, start: usize, end: usize) {
        if self.is_field {
            return;
        }
        if !self.brackets.is_empty() {
            if self.statement_follows(end) {
                self.give_up_brackets();
            }
            return;
        }
        if self.joins_deeper_lines && self.last_kind() != Some(Tok::Colon) && self.deeper_line_follows(end) {
            return;
        }
        self.end_logical_line(start, end);
        self.start_line();
    }

    fn end_logical_line(&mut self, start: usize, end: usize) {
        if self.tokens.len() > self.line_first {
            self.push(Tok::Newline, start, end);
            self.line += 1;
        }
        self.line_first = self.tokens.len();
        self.joins_deeper_lines = false;
    }

    /// Skips blank lines and turns the indentation of the next line into tokens.
    fn start_line(&mut self) {
        let bytes = self.source.as_bytes();
        let mut at = self.lex.span().end;
        loop {
            let begin = at;
            let (mut column, mut alternative) = (0u32, 0u32);
            while let Some(&byte) = bytes.get(at) {
                match byte {
                    b' ' => (column, alternative) = (column + 1, alternative + 1),
                    b'\t' => (column, alternative) = ((column / 8 + 1) * 8, alternative + 1),
                    b'\x0C' => (column, alternative) = (0, 0),
                    _ => break,
                }
                at += 1;
            }
            match bytes.get(at) {
                None => break,
                Some(b'\n' | b'\r') => at += 1,
                Some(b'#') => {
                    at += bytes[at..].iter().take_while(|&&b| b != b'\n' && b != b'\r').count();
                }
                // After a block in braces was read as an indented one, its end says nothing.
                Some(b'}') if self.brace_blocks > 0 => {
                    self.brace_blocks -= 1;
                    at += 1;
                    at += bytes[at..].iter().take_while(|&&b| b == b' ' || b == b'\t').count();
                    if !matches!(bytes.get(at), None | Some(b'\n' | b'\r' | b'#' | b'}')) {
                        self.indent(Indentation { column, alternative }, begin, at);
                        break;
                    }
                }
                Some(_) => {
                    self.indent(Indentation { column, alternative }, begin, at);
                    break;
                }
            }
        }
        self.move_to(at);
        self.line_first = self.tokens.len();
    }

    fn indent(&mut self, new: Indentation, begin: usize, at: usize) {
        let mut top = self.indents[self.indents.len() - 1];
        if new.column > top.column {
            if new.alternative <= top.alternative {
                self.inconsistent_tabs(begin, at);
            }
            self.indents.push(new);
            self.push(Tok::Indent, begin, at);
            return;
        }
        let mut popped = false;
        while new.column < top.column && self.indents.len() > 1 {
            self.indents.pop();
            top = self.indents[self.indents.len() - 1];
            self.push(Tok::Dedent, at, at);
            popped = true;
        }
        if popped && new.column > top.column {
            self.error(
                Diagnostic::error(Code::K003, span(begin, at), "this indentation matches no line above")
                    .primary(format!("{} columns", new.column))
                    .help(format!("indent by {} columns, or as far as the block above", top.column)),
            );
            // The line goes on with the innermost block that it left, which continues at the new column.
            self.tokens.pop();
            self.indents.push(new);
        } else if new.alternative != top.alternative {
            self.inconsistent_tabs(begin, at);
        }
    }

    fn inconsistent_tabs(&mut self, begin: usize, at: usize) {
        if !self.has_reported_tabs {
            self.has_reported_tabs = true;
            self.error(
                Diagnostic::error(
                    Code::K003,
                    span(begin, at),
                    "tabs and spaces are mixed in the indentation",
                )
                .primary("how deep this is depends on the width of a tab")
                .help("indent with spaces only"),
            );
        }
    }

    fn finish(&mut self) {
        let end = self.source.len();
        self.end_logical_line(end, end);
        for _ in 1..self.indents.len() {
            self.push(Tok::Dedent, end, end);
        }
        self.push(Tok::Eof, end, end);
    }

    // ---- Brackets --------------------------------------------------------------------------------------------

    fn opener(&mut self, kind: Tok, start: usize, end: usize) {
        while self.unclosed.get(self.unclosed_next).is_some_and(|&at| at < start) {
            self.unclosed_next += 1;
        }
        if self.unclosed.get(self.unclosed_next) == Some(&start) {
            self.unclosed_next += 1;
            self.report_unclosed(start);
            self.push(Tok::Error, start, end);
            self.joins_deeper_lines = true;
        } else if kind == Tok::LBrace && self.opens_brace_block(end) {
            self.error(
                Diagnostic::error(Code::K004, span(start, end), "a block in curly braces")
                    .primary("write `:` here")
                    .help("end the line with `:` and indent the lines of the block"),
            );
            self.brace_blocks += 1;
            self.push(Tok::Colon, start, end);
        } else {
            let (tokens_before, errors_before) = (self.tokens.len(), self.errors.len());
            self.brackets.push(Bracket { kind, start, tokens_before, errors_before });
            self.open_counts[bracket_index(kind)] += 1;
            self.push(kind, start, end);
        }
    }

    /// `if x > 0 {` at the end of a line, where no dictionary can begin.
    fn opens_brace_block(&self, end: usize) -> bool {
        let first = self.tokens.get(self.line_first..).and_then(|line| {
            line.iter().map(|token| token.kind).find(|kind| !matches!(kind, Tok::Indent | Tok::Dedent))
        });
        let has_head = matches!(
            first,
            Some(
                Tok::If
                    | Tok::Elif
                    | Tok::Else
                    | Tok::While
                    | Tok::For
                    | Tok::Def
                    | Tok::Class
                    | Tok::With
                    | Tok::Try
            )
        );
        let follows_operand = self.last_kind().is_some_and(|kind| {
            kind.starts_operand() || matches!(kind, Tok::RParen | Tok::RBracket | Tok::Else | Tok::Try)
        });
        let rest = self.source[end..].trim_start_matches([' ', '\t']);
        has_head
            && follows_operand
            && !self.is_field
            && self.brackets.is_empty()
            && (rest.is_empty() || rest.starts_with(['\n', '\r', '#']))
    }

    fn closer(&mut self, kind: Tok, start: usize, end: usize) {
        let wanted = match kind {
            Tok::RParen => Tok::LParen,
            Tok::RBracket => Tok::LBracket,
            _ => Tok::LBrace,
        };
        let Some(&top) = self.brackets.last() else {
            if self.is_field && kind == Tok::RBrace {
                self.field_end = Some(start);
                return;
            }
            if kind == Tok::RBrace && self.brace_blocks > 0 {
                self.brace_blocks -= 1;
                return;
            }
            self.push(kind, start, end);
            return;
        };
        if top.kind == wanted {
            self.pop_bracket();
            self.push(kind, start, end);
        } else if self.open_counts[bracket_index(wanted)] > 0 {
            // `(a[1)`: what was opened after the matching bracket is not closed.
            self.report_unclosed(top.start);
            while self.pop_bracket() != Some(wanted) {}
            self.push(Tok::Error, start, end);
        } else if self.is_field && kind == Tok::RBrace {
            self.field_end = Some(start);
        } else {
            let (open, close) = (bracket_text(top.kind), bracket_text(kind));
            self.error(
                Diagnostic::error(Code::K002, span(start, end), format!("`{close}` does not close `{open}`"))
                    .label(span(top.start, top.start + 1), "opened here"),
            );
            self.pop_bracket();
            self.push(Tok::Error, start, end);
        }
    }

    fn pop_bracket(&mut self) -> Option<Tok> {
        let bracket = self.brackets.pop()?;
        self.open_counts[bracket_index(bracket.kind)] -= 1;
        Some(bracket.kind)
    }

    fn report_unclosed(&mut self, start: usize) {
        let open = &self.source[start..=start];
        self.error(
            Diagnostic::error(Code::K002, span(start, start + 1), format!("`{open}` is never closed"))
                .primary("opened here"),
        );
    }

    /// The open brackets are never closed: reads again from the first of them, leaving them out.
    fn give_up_brackets(&mut self) {
        let first = self.brackets[0];
        let here = self.lex.span().end;
        self.open_counts = [0; 3];
        if first.start < self.reread_floor {
            self.brackets.clear();
            self.report_unclosed(first.start);
            self.end_logical_line(here, here);
            self.start_line();
            return;
        }
        self.reread_floor = here;
        self.unclosed.clear();
        self.unclosed.extend(self.brackets.drain(..).map(|bracket| bracket.start));
        self.unclosed_next = 0;
        self.tokens.truncate(first.tokens_before);
        self.errors.truncate(first.errors_before);
        self.move_to(first.start);
    }

    /// Does the line at `at` begin with a word that only statements begin with?
    fn statement_follows(&self, at: usize) -> bool {
        let line = self.source[at..].trim_start_matches([' ', '\t', '\x0C']);
        let length = line.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').take(9).count();
        matches!(
            &line[..length],
            "def"
                | "return"
                | "while"
                | "import"
                | "class"
                | "with"
                | "try"
                | "raise"
                | "assert"
                | "del"
                | "pass"
                | "break"
                | "continue"
                | "global"
                | "nonlocal"
                | "elif"
                | "except"
                | "finally"
        )
    }

    /// Is the next line that is not blank deeper than the current block, and part of an expression?
    fn deeper_line_follows(&self, at: usize) -> bool {
        let line = &self.source[at..];
        let text = line.trim_start_matches([' ', '\t', '\x0C']);
        let width = line.len() - text.len();
        let column = self.indents[self.indents.len() - 1].alternative as usize;
        width > column && !text.starts_with(['\n', '\r', '#']) && !self.statement_follows(at)
    }

    // ---- Strings ---------------------------------------------------------------------------------------------

    fn string(&mut self, start: usize, quote_end: usize) {
        let literal = strings::Opening::of(self.source, start, quote_end);
        let kind = if literal.is_format {
            Tok::FString
        } else if literal.is_bytes {
            Tok::Bytes
        } else {
            Tok::Str
        };
        let nested = literal.is_format && !literal.is_triple && start >= self.plain_fstrings_until;
        let end = if nested {
            strings::find_end_of_fstring(self.source, &literal).or_else(|line_end| {
                self.plain_fstrings_until = line_end;
                strings::find_end(self.source, &literal)
            })
        } else {
            strings::find_end(self.source, &literal)
        };
        match end {
            Ok(end) => {
                self.move_to(end);
                self.push(kind, start, end);
            }
            Err(end) => {
                self.move_to(end);
                let quotes = &self.source[literal.quote..literal.body];
                let diagnostic = Diagnostic::error(
                    Code::K002,
                    span(start, literal.body),
                    format!("this string is never closed with `{quotes}`"),
                );
                self.error(if literal.is_triple {
                    diagnostic.primary("it takes in the rest of the file")
                } else {
                    diagnostic.help(format!("close it on this line, or use {}", quotes.repeat(3)))
                });
                self.push(Tok::Error, start, end);
            }
        }
    }
}

fn span(start: usize, end: usize) -> Span {
    Span::new(start, end)
}

fn bracket_index(kind: Tok) -> usize {
    match kind {
        Tok::LParen | Tok::RParen => 0,
        Tok::LBracket | Tok::RBracket => 1,
        _ => 2,
    }
}

fn bracket_text(kind: Tok) -> &'static str {
    match kind {
        Tok::LParen => "(",
        Tok::RParen => ")",
        Tok::LBracket => "[",
        Tok::RBracket => "]",
        Tok::LBrace => "{",
        _ => "}",
    }
}
