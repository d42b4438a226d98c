//! String literals: where one ends, and what its escapes mean.
//!
//! The lexer asks for ends, the parser for values; neither keeps anything, both read the source again.

use crate::base::{Code, Diagnostic, Span};

/// The beginning of a string literal: its prefix and quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// Offset of the first quote.
    pub quote: usize,
    /// Offset of the first character inside.
    pub body: usize,
    /// `'` or `"`.
    pub delimiter: u8,
    /// Three quotes.
    pub is_triple: bool,
    /// Prefix `r`: backslashes stand for themselves.
    pub is_raw: bool,
    /// Prefix `f`.
    pub is_format: bool,
    /// Prefix `b`.
    pub is_bytes: bool,
}

impl Opening {
    /// Of the literal whose prefix begins at `start` and whose first quote ends at `quote_end`.
    pub(super) fn of(source: &str, start: usize, quote_end: usize) -> Opening {
        let bytes = source.as_bytes();
        let quote = quote_end - 1;
        let delimiter = bytes[quote];
        let is_triple = bytes.get(quote + 1) == Some(&delimiter) && bytes.get(quote + 2) == Some(&delimiter);
        let has = |letter: u8| bytes[start..quote].iter().any(|b| b.eq_ignore_ascii_case(&letter));
        Opening {
            quote,
            body: if is_triple { quote + 3 } else { quote_end },
            delimiter,
            is_triple,
            is_raw: has(b'r'),
            is_format: has(b'f'),
            is_bytes: has(b'b'),
        }
    }

    /// Of the literal that a string token covers, and where its body ends.
    pub(super) fn of_token(source: &str, token: Span) -> (Opening, usize) {
        let start = token.start as usize;
        let prefix = source.as_bytes()[start..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let opening = Opening::of(source, start, start + prefix + 1);
        (opening, token.end as usize - if opening.is_triple { 3 } else { 1 })
    }

    fn closes_at(&self, bytes: &[u8], at: usize) -> bool {
        bytes[at] == self.delimiter
            && (!self.is_triple
                || (bytes.get(at + 1) == Some(&self.delimiter) && bytes.get(at + 2) == Some(&self.delimiter)))
    }

    fn width(&self) -> usize {
        if self.is_triple { 3 } else { 1 }
    }
}

/// Offset behind the closing quotes, or where the search stopped: at the end of the line or of the source.
pub(super) fn find_end(source: &str, opening: &Opening) -> Result<usize, usize> {
    let bytes = source.as_bytes();
    let mut at = opening.body;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += escaped_width(bytes, at),
            b'\n' | b'\r' if !opening.is_triple => return Err(at),
            _ if opening.closes_at(bytes, at) => return Ok(at + opening.width()),
            _ => at += 1,
        }
    }
    Err(bytes.len())
}

/// Width of a backslash and what it protects; stays before the end.
fn escaped_width(bytes: &[u8], at: usize) -> usize {
    match (bytes.get(at + 1), bytes.get(at + 2)) {
        (None, _) => 1,
        (Some(b'\r'), Some(b'\n')) => 3,
        _ => 2,
    }
}

/// As [`find_end`] for an f-string on one line, in whose fields the same quotes may be used again.
///
/// The stop of an unsuccessful search is the end of the line.
pub(super) fn find_end_of_fstring(source: &str, opening: &Opening) -> Result<usize, usize> {
    let bytes = source.as_bytes();
    let mut at = opening.body;
    let mut depth = 0u32; // Open brackets inside the field; 0 in text.
    let mut is_spec = false;
    while let Some(&byte) = bytes.get(at) {
        let in_text = depth == 0 || is_spec;
        match byte {
            b'\n' | b'\r' => return Err(at),
            b'\\' => at += escaped_width(bytes, at).min(2) - 1,
            b'{' if depth == 0 && bytes.get(at + 1) == Some(&b'{') => at += 1,
            b'{' => depth += 1,
            b'}' if is_spec => {
                depth -= 1;
                is_spec = depth > 0;
            }
            b'}' | b')' | b']' if depth > 0 && !is_spec => depth -= 1,
            b'(' | b'[' if !in_text => depth += 1,
            b':' if depth == 1 => is_spec = true,
            b'\'' | b'"' if in_text && byte == opening.delimiter => {
                return if depth == 0 { Ok(at + 1) } else { Err(end_of_line(bytes, at)) };
            }
            b'\'' | b'"' if in_text => {}
            b'\'' | b'"' => {
                let nested = Opening::of(source, at, at + 1);
                if nested.is_triple {
                    return Err(end_of_line(bytes, at));
                }
                match find_end(source, &nested) {
                    Ok(end) => at = end - 1,
                    Err(_) => return Err(end_of_line(bytes, at)),
                }
            }
            _ => {}
        }
        at += 1;
    }
    Err(bytes.len())
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|&&b| b != b'\n' && b != b'\r').count()
}

/// Decodes the escape at the backslash at `at`, appends what it means and returns where it ends.
pub(super) fn decode_escape(
    source: &str,
    at: usize,
    end: usize,
    out: &mut String,
) -> Result<usize, Box<Diagnostic>> {
    let bytes = &source.as_bytes()[..end];
    let Some(&letter) = bytes.get(at + 1) else {
        out.push('\\');
        return Ok(at + 1);
    };
    let simple = match letter {
        b'\n' => return Ok(at + 2),
        b'\r' => return Ok(at + escaped_width(bytes, at)),
        b'\\' => '\\',
        b'\'' => '\'',
        b'"' => '"',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'v' => '\u{B}',
        b'x' => return decode_hex(source, at, end, 2, out),
        b'u' => return decode_hex(source, at, end, 4, out),
        b'U' => return decode_hex(source, at, end, 8, out),
        b'0'..=b'7' => {
            let digits = bytes[at + 1..].iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            let value = u32::from_str_radix(&source[at + 1..at + 1 + digits], 8).unwrap_or(0);
            out.extend(char::from_u32(value));
            return Ok(at + 1 + digits);
        }
        b'N' => {
            let what = "characters by name in a string";
            let diagnostic = Diagnostic::error(Code::K202, Span::new(at, at + 2), what);
            return Err(Box::new(diagnostic.help("write the character itself, or its code as `\\u03b1`")));
        }
        _ => {
            // Python keeps the backslash of an escape that it does not know.
            out.push('\\');
            return Ok(at + 1);
        }
    };
    out.push(simple);
    Ok(at + 2)
}

fn decode_hex(
    source: &str,
    at: usize,
    end: usize,
    width: usize,
    out: &mut String,
) -> Result<usize, Box<Diagnostic>> {
    let bytes = &source.as_bytes()[..end];
    let digits = bytes[at + 2..].iter().take(width).take_while(|b| b.is_ascii_hexdigit()).count();
    let escape = Span::new(at, at + 2 + digits);
    if digits < width {
        let letter = bytes[at + 1] as char;
        let diagnostic = Diagnostic::error(Code::K001, escape, "escape that ends too early")
            .primary(format!("`\\{letter}` takes {width} hexadecimal digits"))
            .help("write `\\\\` for a backslash");
        return Err(Box::new(diagnostic));
    }
    let value = u32::from_str_radix(&source[at + 2..at + 2 + width], 16).unwrap_or(u32::MAX);
    match char::from_u32(value) {
        Some(c) => out.push(c),
        None => {
            return Err(Box::new(Diagnostic::error(Code::K001, escape, "escape that names no character")));
        }
    }
    Ok(at + 2 + width)
}

/// The value of a literal's body without replacement fields.
pub(super) fn decode(
    source: &str,
    start: usize,
    end: usize,
    is_raw: bool,
) -> Result<String, Box<Diagnostic>> {
    let mut out = String::with_capacity(end - start);
    let mut at = start;
    while at < end {
        at = decode_step(source, at, end, is_raw, &mut out)?;
    }
    Ok(out)
}

/// Appends what stands at `at`: a run of plain text, a line end, or an escape. Returns where it ends.
///
/// Stops before braces, which only f-strings look at.
pub(super) fn decode_step(
    source: &str,
    at: usize,
    end: usize,
    is_raw: bool,
    out: &mut String,
) -> Result<usize, Box<Diagnostic>> {
    let bytes = &source.as_bytes()[..end];
    match bytes[at] {
        b'\\' if !is_raw => decode_escape(source, at, end, out),
        b'\r' => {
            out.push('\n');
            Ok(if bytes.get(at + 1) == Some(&b'\n') { at + 2 } else { at + 1 })
        }
        _ => {
            let is_special = |b: &u8| matches!(b, b'\\' | b'\r' | b'{' | b'}');
            let length = 1 + bytes[at + 1..].iter().take_while(|b| !is_special(b) && b.is_ascii()).count();
            // Never cut a character in two.
            let mut stop = at + length;
            while !source.is_char_boundary(stop) {
                stop += 1;
            }
            out.push_str(&source[at..stop]);
            Ok(stop)
        }
    }
}

/// A docstring without the indentation of its lines, as `inspect.cleandoc` does it.
pub(super) fn clean_doc(text: &str) -> String {
    let expanded = text.replace('\t', "        ");
    let lines: Vec<&str> = expanded.split('\n').collect();
    let width = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let margin = lines.iter().skip(1).filter(|line| !line.trim().is_empty()).map(width).min().unwrap_or(0);
    let mut cleaned: Vec<&str> = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        cleaned.push(if number == 0 { line.trim_start() } else { line.get(margin..).unwrap_or("") });
    }
    let is_blank = |line: &&str| line.is_empty();
    let first = cleaned.iter().position(|line| !is_blank(line)).unwrap_or(cleaned.len());
    let last = cleaned.iter().rposition(|line| !is_blank(line)).map_or(first, |at| at + 1);
    cleaned[first..last].join("\n")
}
