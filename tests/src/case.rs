//! Markdown case files: a test is a heading and the fenced blocks below it, up to the next heading.
//!
//! ````markdown
//! ## A sum over `prange` is a reduction
//!
//! ```py types="(f64[:], f64[:]) -> f64"
//! def dot(x, y): ...
//! ```
//!
//! ```call
//! dot([1, 2, 3], [4, 5, 6]) == 32.0        to the bit; `~=`: 1e-12, relative to the largest element
//! dot([1, 2], [1]) traps K701 at line 4    the line counts from the block's first
//! x = [1, 2]:f64                           a name for an array, so that what a call makes of it can be seen:
//! double(x) == None
//! x == [2, 4]:f64
//! y = x[1:]                                part of an array that has a name; step and ends may be given
//! ```
//! ````
//!
//! Other blocks: `output` (what the calls print), `error` and `warning` (messages), `ir after=PASS`, `count after=PASS`,
//! `remarks`, `cuda` (the text of the kernels). Values come from CPython (`tests/oracle/eval_cases.py`); `KJIT_BLESS=1` rewrites messages and dumps only.

use std::path::{Path, PathBuf};

use crate::literal::{Call, Literal, dtype_named, parse_call, parse_value};

/// A test of a case file.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file.
    pub path: PathBuf,
    /// The heading.
    pub title: String,
    /// The blocks in order.
    pub blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// `py`, `call`, ...
    pub kind: String,
    /// The rest of the fence's line.
    pub attributes: String,
    /// 1-based line of the first line of text.
    pub line: usize,
    /// The text, each line with its newline.
    pub text: String,
}

/// One line of a `call` block.
#[derive(Clone, Debug)]
pub struct Line {
    /// 1-based line in the file.
    pub number: usize,
    /// The text, for messages.
    pub text: String,
    /// What to do.
    pub action: Action,
}

/// What a line asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// `x = [1, 2]`.
    Bind(String, Literal),
    /// `y = x[1:]`.
    Part(String, Slice),
    /// `x == [1, 2]`.
    Inspect(String, Expected),
    /// `f(x) == 3`.
    Call(Call, Expected),
}

/// Part of a bound array along its first axis, as in Python.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice {
    /// The array.
    pub base: String,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
}

impl Slice {
    /// First element, step and number of elements in an axis of that length.
    #[must_use]
    pub fn within(&self, len: usize) -> (usize, isize, usize) {
        let (len, step) = (len as i64, self.step);
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let clamp = |index: i64| (if index < 0 { index + len } else { index }).clamp(low, high);
        let start = self.start.map_or(if step > 0 { low } else { high }, clamp);
        let stop = self.stop.map_or(if step > 0 { high } else { low }, clamp);
        let count = (stop - start + step - step.signum()) / step;
        if count <= 0 { (0, step as isize, 0) } else { (start as usize, step as isize, count as usize) }
    }
}

/// What a call must give.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The value to the bit.
    Value(Literal),
    /// The value within 1e-12 of its largest element.
    Close(Literal),
    /// An error, with its line in the source if that is given.
    Trap(String, Option<usize>),
    /// Nothing is said: the engines agree with each other.
    Anything,
}

impl Block {
    /// The value of `name=...` or `name="..."` in the fence's line.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let at = self.attributes.find(&format!("{name}="))?;
        let rest = &self.attributes[at + name.len() + 1..];
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split_whitespace().next(),
        }
    }
}

impl Case {
    /// The source: all `py` blocks.
    #[must_use]
    pub fn source(&self) -> String {
        self.blocks.iter().filter(|block| block.kind == "py").map(|block| block.text.as_str()).collect()
    }

    /// The blocks of that kind.
    pub fn blocks_of(&self, kind: &str) -> impl Iterator<Item = &Block> {
        let kind = kind.to_owned();
        self.blocks.iter().filter(move |block| block.kind == kind)
    }

    /// An attribute of the source blocks.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.blocks_of("py").find_map(|block| block.attribute(name))
    }

    /// Types of the parameters as `types="(f64[:], i64) -> f64"` gives them, as text.
    #[must_use]
    pub fn param_types(&self) -> Vec<String> {
        let Some(types) = self.attribute("types") else { return Vec::new() };
        let inner = types.trim_start_matches('(').split(')').next().unwrap_or_default();
        let (mut parts, mut depth) = (vec![String::new()], 0);
        for c in inner.chars() {
            depth += i32::from(c == '[') - i32::from(c == ']');
            match parts.last_mut() {
                Some(_) if c == ',' && depth == 0 => parts.push(String::new()),
                Some(part) => part.push(c),
                None => {}
            }
        }
        parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    /// The lines of the `call` blocks.
    ///
    /// # Errors
    /// The first line that cannot be read, with its place.
    pub fn lines(&self) -> Result<Vec<Line>, String> {
        let types = self.param_types();
        let mut lines = Vec::new();
        for block in self.blocks_of("call") {
            for (offset, text) in block.text.lines().enumerate() {
                let number = block.line + offset;
                let code = text.split(" #").next().unwrap_or_default().trim();
                if code.is_empty() || code.starts_with('#') {
                    continue;
                }
                let action = parse_line(code, &types).map_err(|error| format!("line {number}: {error}"))?;
                lines.push(Line { number, text: code.to_owned(), action });
            }
        }
        Ok(lines)
    }
}

fn parse_line(text: &str, types: &[String]) -> Result<Action, String> {
    if let Some((call, rest)) = text.split_once(" traps ") {
        let mut words = rest.split_whitespace();
        let code = words.next().ok_or("a code is missing after `traps`")?.to_owned();
        let line = match (words.next(), words.next(), words.next()) {
            (Some("at"), Some("line"), Some(line)) => {
                Some(line.parse().map_err(|_| "`at line` needs a number")?)
            }
            (None, ..) => None,
            _ => return Err("`traps K701` or `traps K701 at line 4`".into()),
        };
        return Ok(Action::Call(typed(parse_call(call)?, types), Expected::Trap(code, line)));
    }
    let (left, operator, right) = split_comparison(text);
    let expected = match operator {
        "==" => Expected::Value(parse_value(right)?),
        "~=" => Expected::Close(parse_value(right)?),
        _ => Expected::Anything,
    };
    if let Some((name, value)) = left.split_once('=').filter(|(name, _)| is_name(name.trim()))
        && operator.is_empty()
    {
        if let Some(slice) = parse_slice(value.trim()) {
            return Ok(Action::Part(name.trim().to_owned(), slice?));
        }
        return Ok(Action::Bind(name.trim().to_owned(), parse_value(value)?));
    }
    if is_name(left) {
        return Ok(Action::Inspect(left.to_owned(), expected));
    }
    Ok(Action::Call(typed(parse_call(left)?, types), expected))
}

/// `x[1:5:2]`, if it looks like that.
fn parse_slice(text: &str) -> Option<Result<Slice, String>> {
    let (base, range) = text.strip_suffix(']')?.split_once('[')?;
    if !is_name(base) {
        return None;
    }
    let numbers: Result<Vec<Option<i64>>, _> = range
        .split(':')
        .map(str::trim)
        .map(|part| if part.is_empty() { Ok(None) } else { part.parse().map(Some) })
        .collect();
    Some(match numbers.as_deref() {
        Ok(&[start, stop]) => Ok(Slice { base: base.to_owned(), start, stop, step: 1 }),
        Ok(&[start, stop, step]) if step != Some(0) => {
            Ok(Slice { base: base.to_owned(), start, stop, step: step.unwrap_or(1) })
        }
        _ => Err(format!("`{text}`: `x[1:]` or `x[::-1]` is a part")),
    })
}

/// Gives untyped numbers and lists the types of the parameters.
fn typed(mut call: Call, types: &[String]) -> Call {
    for (arg, declared) in call.args.iter_mut().zip(types) {
        let element = declared.split('[').next().unwrap_or_default().trim();
        let is_array = declared.contains('[');
        if let Some(dtype) = dtype_named(element)
            && matches!(arg, Literal::List(..)) == is_array
        {
            *arg = std::mem::replace(arg, Literal::None).with_dtype(dtype);
        }
    }
    call
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Left side, `==` or `~=`, right side; an operator inside brackets or quotes does not count.
fn split_comparison(text: &str) -> (&str, &str, &str) {
    let (mut depth, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) => quote = (c != open).then_some(open),
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, '=' | '~') if depth == 0 && text[at + 1..].starts_with('=') => {
                return (text[..at].trim(), &text[at..at + 2], text[at + 2..].trim());
            }
            _ => {}
        }
    }
    (text.trim(), "", "")
}

/// The tests of a Markdown text: headings that have a `py` block.
#[must_use]
pub fn parse_cases(path: &Path, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut open: Option<(Block, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match open.take() {
            Some((block, fence)) if line.starts_with(&fence) && line.trim_matches('`').trim().is_empty() => {
                if let Some(case) = cases.last_mut() {
                    case.blocks.push(block);
                }
            }
            Some((mut block, fence)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some((block, fence));
            }
            None if ticks >= 3 => {
                let head = line[ticks..].trim();
                let (kind, attributes) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
                let block = Block {
                    kind: if kind == "python" { "py".into() } else { kind.into() },
                    attributes: attributes.trim().into(),
                    line: index + 2,
                    text: String::new(),
                };
                open = Some((block, line[..ticks].into()));
            }
            None if line.starts_with('#') => {
                let title = line.trim_start_matches('#').trim().to_owned();
                cases.push(Case { path: path.to_owned(), title, blocks: Vec::new() });
            }
            None => {}
        }
    }
    cases.retain(|case| case.blocks_of("py").next().is_some());
    cases
}

/// Every case file below a folder, in order.
///
/// # Errors
/// If a folder or file cannot be read.
pub fn case_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::parse_slice;

    #[test]
    fn parts_are_those_of_python() {
        // `range(*slice(a, b, c).indices(7))` in CPython: first, step, length.
        for (text, wanted) in [
            ("x[:]", (0, 1, 7)),
            ("x[2:]", (2, 1, 5)),
            ("x[:-3]", (0, 1, 4)),
            ("x[9:]", (0, 1, 0)),
            ("x[1:6:2]", (1, 2, 3)),
            ("x[::3]", (0, 3, 3)),
            ("x[::-1]", (6, -1, 7)),
            ("x[5:1:-2]", (5, -2, 2)),
            ("x[-2::-3]", (5, -3, 2)),
            ("x[3:3]", (0, 1, 0)),
        ] {
            assert_eq!(parse_slice(text).unwrap().unwrap().within(7), wanted, "{text}");
        }
        assert!(parse_slice("[1, 2]").is_none() && parse_slice("x[::0]").unwrap().is_err());
    }
}
