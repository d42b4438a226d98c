//! Names outside ASCII, numbers, and characters that are neither.

use super::{Lexer, span};
use crate::base::{Code, Diagnostic};
use crate::syntax::token::{Tok, shortened};

impl Lexer<'_> {
    /// A name with characters outside ASCII; `end` is where its first ones end.
    pub(super) fn unicode_name(&mut self, start: usize, end: usize) {
        let rest = &self.source[end..];
        let length = rest.find(|c| !unicode_ident::is_xid_continue(c)).unwrap_or(rest.len());
        self.move_to(end + length);
        self.push(Tok::Name, start, end + length);
    }

    pub(super) fn bad_characters(&mut self, start: usize) {
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

    pub(super) fn number(&mut self, kind: Tok, start: usize, end: usize) {
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
        let shown = shortened(text);
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
