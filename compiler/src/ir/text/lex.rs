//! Tokens of the text form.

use super::parse::ParseError;

/// A token's content.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    /// A name with its number, `%` included: `x`, `x.2`, `%t`.
    Name(String),
    /// Digits, point, exponent, type: as written, without sign.
    Number(String),
    /// Without quotes and escapes.
    Text(String),
    /// An operator or bracket.
    Punct(&'static str),
    /// The end of a line, outside of parentheses and brackets.
    Newline,
    /// The end of the text.
    End,
}

/// A token and where it is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    /// 1-based.
    pub(super) line: usize,
    /// Is there no space before it?
    pub(super) is_adjacent: bool,
}

/// Longer ones first.
const PUNCTS: &[&str] = &[
    "**", "//", "==", "!=", "<=", ">=", "<<", ">>", "+=", "*=", "&=", "|=", "^=", "..", "->", "@[", "+", "-",
    "*", "/", "%", "&", "|", "^", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut found = Vec::new();
    let mut rest = text;
    let (mut line, mut depth, mut is_adjacent) = (1, 0_usize, false);
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '\n' => {
                let last = found.last().map(|placed: &Placed| &placed.token);
                if depth == 0 && last.is_some_and(|token| *token != Token::Newline) {
                    found.push(Placed { token: Token::Newline, line, is_adjacent: false });
                }
                line += 1;
                rest = &rest[1..];
                is_adjacent = false;
                continue;
            }
            ' ' | '\t' | '\r' => {
                rest = &rest[1..];
                is_adjacent = false;
                continue;
            }
            '#' => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '"' => string(rest).ok_or_else(|| ParseError { line, text: "unterminated text".to_string() })?,
            c if c.is_ascii_digit() => {
                let length = number_length(rest);
                (Token::Number(rest[..length].to_string()), length)
            }
            c if starts_name(c) || (c == '%' && rest[1..].chars().next().is_some_and(starts_name)) => {
                let length = name_length(rest);
                (Token::Name(rest[..length].to_string()), length)
            }
            _ => {
                let punct = PUNCTS.iter().find(|punct| rest.starts_with(**punct));
                let punct = punct.ok_or_else(|| ParseError { line, text: format!("unexpected {c:?}") })?;
                match *punct {
                    "(" | "[" | "@[" => depth += 1,
                    ")" | "]" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                (if *punct == ";" { Token::Newline } else { Token::Punct(punct) }, punct.len())
            }
        };
        found.push(Placed { token, line, is_adjacent });
        is_adjacent = true;
        rest = &rest[length..];
    }
    found.push(Placed { token: Token::Newline, line, is_adjacent: false });
    found.push(Placed { token: Token::End, line, is_adjacent: false });
    Ok(found)
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn name_length(text: &str) -> usize {
    let sign = usize::from(text.starts_with('%'));
    let body =
        text[sign..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(text.len(), |n| n + sign);
    let number = text[body..].strip_prefix('.').unwrap_or("");
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    if digits > 0 { body + 1 + digits } else { body }
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_hex = text.starts_with("0x");
    let mut at = 0;
    while at < bytes.len() {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let goes_on = match bytes[at] {
            b'.' => next.is_ascii_digit(),
            b'-' | b'+' => at > 0 && bytes[at - 1] == b'e' && !is_hex,
            c => c.is_ascii_alphanumeric() || c == b'_',
        };
        if !goes_on {
            break;
        }
        at += 1;
    }
    at
}

fn string(text: &str) -> Option<(Token, usize)> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Token::Text(content), at + 1)),
            '\\' => content.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            c => content.push(c),
        }
    }
    None
}
