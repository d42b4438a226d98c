//! Tokens of the text form.

use super::parse::ParseError;

/// A token's content.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'a> {
    /// A keyword, a type, a value.
    Word(&'a str),
    /// As written, without sign.
    Number(&'a str),
    /// Without its quotes.
    Text(&'a str),
    /// An operator or bracket.
    Punct(&'static str),
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

/// Longer ones first.
const PUNCTS: &[&str] = &[
    ">>>", "->", "&~", "<<", ">>", "<=", ">=", "==", "!=", "+", "-", "*", "/", "&", "|", "^", "~", "<", ">",
    "=", "(", ")", "[", "]", "{", "}", ",", ":",
];

/// The tokens, each with its line, counted from 1. `#` starts a comment.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, usize)>, ParseError> {
    let mut found = Vec::new();
    let mut number = 0;
    for line in text.lines() {
        number += 1;
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let fail = |text: String| Err(ParseError { line: number, text });
            let (token, length) = if c.is_whitespace() {
                rest = &rest[c.len_utf8()..];
                continue;
            } else if c == '#' {
                break;
            } else if c == '"' {
                let Some(end) = rest[1..].find('"') else { return fail("a text without end".into()) };
                (Token::Text(&rest[1..=end]), end + 2)
            } else if c.is_ascii_digit() {
                let length = number_length(rest);
                (Token::Number(&rest[..length]), length)
            } else if c.is_ascii_alphabetic() || c == '_' {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                (Token::Word(&rest[..length]), length)
            } else if let Some(punct) = PUNCTS.iter().find(|punct| rest.starts_with(**punct)) {
                (Token::Punct(punct), punct.len())
            } else {
                return fail(format!("`{c}` has no meaning here"));
            };
            found.push((token, number));
            rest = &rest[length..];
        }
        found.push((Token::Newline, number));
    }
    found.push((Token::End, number));
    Ok(found)
}

/// Digits, letters, a point, and the sign of an exponent.
fn number_length(text: &str) -> usize {
    let is_hex = text.starts_with("0x");
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let is_exponent_sign = !is_hex && matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || is_exponent_sign) {
            return at;
        }
        before = c;
    }
    text.len()
}
