//! Source text to tokens, with the layout of Python: indentation, logical lines, brackets that join lines.
//!
//! In: a source text. Out: tokens that end with `Eof`, balanced `Indent`/`Dedent`, and at most one error per logical
//! line. Where a bracket is never closed the text from it on is read a second time with that bracket left out, so
//! that one forgotten `)` does not swallow the file; no part is read more than twice, so time is linear.

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

    // ---- Names, numbers, strings -----------------------------------------------------------------------------

    /// A name with characters outside ASCII; `end` is where its first ones end.
    fn unicode_name(&mut self, start: usize, end: usize) {
        let rest = &self.source[end..];
        let length = rest.find(|c| !unicode_ident::is_xid_continue(c)).unwrap_or(rest.len());
        self.move_to(end + length);
        self.push(Tok::Name, start, end + length);
    }

    fn bad_characters(&mut self, start: usize) {
        let Some(c) = self.source[start..].chars().next() else { return };
        let end = start + c.len_utf8();
        self.move_to(end);
        let is_space = c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{FEFF}' | '\u{2060}');
        let shown = if is_space || c.is_control() { format!("U+{:04X}", c as u32) } else { format!("`{c}`") };
        let mut diagnostic =
            Diagnostic::error(Code::K001, span(start, end), format!("unexpected character {shown}"));
        if is_space {
            diagnostic = diagnostic.primary("looks like a space").help("replace it by a space, or delete it");
        } else if c == '\\' {
            diagnostic = diagnostic.help("nothing may follow `\\` at the end of a line");
        } else if let Some(ascii) = look_alike(c) {
            diagnostic = diagnostic.help(format!("write `{ascii}`"));
        }
        self.error(diagnostic);
        if !is_space {
            self.push(Tok::Error, start, end);
        }
    }

    fn number(&mut self, kind: Tok, start: usize, end: usize) {
        let bytes = self.source.as_bytes();
        let text = &self.source[start..end];
        let digits = bytes[start..end].iter().copied();
        let is_decimal = kind == Tok::Float || digits.clone().all(|b| b.is_ascii_digit() || b == b'_');
        let (mut kind, mut end) = (kind, end);
        if is_decimal && matches!(bytes.get(end), Some(b'j' | b'J')) {
            (kind, end) = (Tok::Imaginary, end + 1);
            self.move_to(end);
        }
        let rest = &self.source[end..];
        let word = rest.find(|c| !unicode_ident::is_xid_continue(c)).map_or(rest, |at| &rest[..at]);
        let joins_keyword = matches!(word, "and" | "or" | "if" | "else" | "in" | "is" | "not" | "for");
        let second_point = kind == Tok::Float
            && rest.starts_with('.')
            && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if (!word.is_empty() && !joins_keyword) || second_point {
            let tail =
                rest.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || b >= 128);
            let end = end + tail.count();
            self.move_to(end);
            self.malformed_number(start, end);
        } else if kind == Tok::Int
            && is_decimal
            && text.starts_with('0')
            && text.bytes().any(|b| b != b'0' && b != b'_')
        {
            self.malformed_number(start, end);
        } else {
            self.push(kind, start, end);
        }
    }

    fn malformed_number(&mut self, start: usize, end: usize) {
        let text = &self.source[start..end];
        let shown = super::token::shortened(text);
        let diagnostic =
            Diagnostic::error(Code::K005, span(start, end), format!("`{shown}` is not a number"));
        let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        let diagnostic = if text.starts_with('0') && is_decimal && !text.ends_with('_') {
            let value = text.trim_start_matches(['0', '_']);
            diagnostic.help(format!("write `{value}`, or `0o{value}` for an octal number"))
        } else if text.ends_with('_') || text.contains("__") {
            diagnostic.note("underscores stand between two digits")
        } else if text.starts_with(['0']) && text[1..].starts_with(['x', 'X', 'o', 'O', 'b', 'B']) {
            diagnostic.note("after `0x` come hexadecimal digits, after `0o` octal, after `0b` binary ones")
        } else if text.contains('.') && !text.contains(|c: char| c.is_alphabetic()) {
            diagnostic.note("a number has at most one point")
        } else if text.ends_with(['f', 'F', 'L', 'l', 'u', 'U']) {
            diagnostic.help("numbers have no suffix; write a cast such as `f32(1.5)`")
        } else {
            diagnostic.note("a name cannot begin with a digit")
        };
        self.error(diagnostic);
        self.push(Tok::Error, start, end);
    }

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

/// What was probably meant by a character that looks like, or reads as, something in ASCII.
fn look_alike(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{AB}' | '\u{BB}' => "\"",
        '\u{2018}' | '\u{2019}' | '\u{B4}' | '`' => "'",
        '\u{2212}' | '\u{2013}' | '\u{2014}' | '\u{2010}' => "-",
        '\u{D7}' | '\u{B7}' | '\u{22C5}' => "*",
        '\u{F7}' | '\u{2044}' => "/",
        '\u{2264}' => "<=",
        '\u{2265}' => ">=",
        '\u{2260}' => "!=",
        '\u{2026}' => "...",
        '\u{B2}' => "**2",
        '\u{B3}' => "**3",
        '\u{FF08}' => "(",
        '\u{FF09}' => ")",
        '\u{FF0C}' => ",",
        '\u{FF1A}' => ":",
        '\u{FF1D}' => "=",
        '\u{2192}' => "->",
        _ => return None,
    })
}
