//! Diagnostics as text for people, through `annotate-snippets`, and as data for tools.
//!
//! In: diagnostics, the source that their spans index, its name. Never fails: spans outside the source, or within a
//! character, are moved to the nearest place that exists. Only the lines between the labels are looked at, and of
//! very long lines only a part, so that a large source costs nothing.
//!
//! ```text
//! error[K501]: `total` carries a value from one iteration to the next in a parallel loop
//!   --> mean.k:6:9
//!    |
//!  4 |     for i in prange(n):
//!    |              --------- iterations may run at the same time
//!  5 |         y[i] = 0.0
//!  6 |         total = total * 0.5 + x[i]
//!    |         ^^^^^ read and written here
//!    |
//!    = note: reductions recognised: `+=`, `-=`, `*=`, `min`, `max`, `and`, `or`
//!    = help: use `range(n)` to keep the order of evaluation
//! ```

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde::Serialize;

use super::{Diagnostic, Severity, Span};

/// With or without terminal colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Text only.
    Plain,
    /// ANSI escapes.
    Color,
}

/// Labels further than this from the primary place are told in words.
const MAX_SNIPPET_BYTES: usize = 16 << 10;
/// Of a line longer than this, only the surroundings of the label are shown.
const MAX_LINE_BYTES: usize = 2000;
const WIDTH: usize = 140;

/// The diagnostics in source order, each as a block of lines, with an empty line between them.
///
/// Ends with a line break unless there is nothing to show.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], source: &str, file_name: &str, style: Style) -> String {
    let lines = Lines::new(source);
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Color => Renderer::styled(),
    }
    .term_width(WIDTH);
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.primary.span.start);
    let blocks: Vec<String> =
        sorted.iter().map(|diagnostic| render_one(&renderer, diagnostic, &lines, file_name)).collect();
    let mut out = blocks.join("\n\n");
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn render_one(renderer: &Renderer, diagnostic: &Diagnostic, lines: &Lines<'_>, file_name: &str) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name()));
    let mut far_labels = Vec::new();
    if lines.source.is_empty() {
        group = group.element(Origin::path(file_name));
    } else {
        let primary = lines.clip(diagnostic.primary.span);
        let mut window = lines.whole_lines(&primary);
        let mut near_labels = Vec::new();
        for label in &diagnostic.labels {
            let place = lines.clip(label.span);
            let place_lines = lines.whole_lines(&place);
            let joined = window.start.min(place_lines.start)..window.end.max(place_lines.end);
            if joined.len() <= MAX_SNIPPET_BYTES {
                window = joined;
                near_labels.push((place, label.text.as_str()));
            } else {
                let (line, column) = lines.line_column(place.start);
                far_labels.push(format!("line {line}, column {column}: {}", label.text));
            }
        }
        if lines.longest(&window) > MAX_LINE_BYTES {
            // The columns of a part of a line are not those of the line, so the place is told apart from it.
            let (line, column) = lines.line_column(primary.start);
            group = group.element(Origin::path(file_name).line(line).char_column(column));
            let part = lines.surroundings(&primary);
            let mut place = primary.start - part.start..primary.end.min(part.end) - part.start;
            place.end = place.end.max(place.start);
            let annotation = AnnotationKind::Primary.span(place).label(diagnostic.primary.text.as_str());
            group =
                group.element(Snippet::source(&lines.source[part]).line_start(line).annotation(annotation));
            for (place, text) in near_labels {
                let (line, column) = lines.line_column(place.start);
                far_labels.push(format!("line {line}, column {column}: {text}"));
            }
        } else {
            let (first_line, _) = lines.line_column(window.start);
            let shift = |place: &Range<usize>| place.start - window.start..place.end - window.start;
            let mut snippet = Snippet::source(&lines.source[window.clone()])
                .line_start(first_line)
                .path(file_name)
                .annotation(
                    AnnotationKind::Primary.span(shift(&primary)).label(label_text(&diagnostic.primary.text)),
                );
            for (place, text) in &near_labels {
                snippet =
                    snippet.annotation(AnnotationKind::Context.span(shift(place)).label(label_text(text)));
            }
            group = group.element(snippet);
        }
    }
    for note in far_labels.iter().chain(&diagnostic.notes) {
        group = group.element(Level::NOTE.message(normalize_untrusted_str(note)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    renderer.render(&[group])
}

fn label_text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Where the lines of a source begin.
struct Lines<'s> {
    source: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    fn new(source: &'s str) -> Lines<'s> {
        let after_breaks =
            source.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Lines { source, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The place that a span means: inside the source, on character boundaries, on one line.
    fn clip(&self, span: Span) -> Range<usize> {
        let start = self.boundary(span.start as usize);
        let end = self.boundary(span.end as usize).max(start);
        let end_of_line = self.whole_lines(&(start..start)).end;
        start..end.min(end_of_line).max(start)
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.source.len());
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// Index of the line that an offset is on.
    fn line_index(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset) - 1
    }

    /// The lines that a place touches, without the last line break.
    fn whole_lines(&self, place: &Range<usize>) -> Range<usize> {
        let first = self.line_index(place.start);
        let last = self.line_index(place.end);
        let end = self.starts.get(last + 1).map_or(self.source.len(), |&next| next - 1);
        let end = if self.source[..end].ends_with('\r') { end - 1 } else { end };
        let start = self.starts[first];
        start..end.max(place.end).max(start)
    }

    /// Length of the longest line of a window.
    fn longest(&self, window: &Range<usize>) -> usize {
        self.source[window.clone()].split('\n').map(str::len).max().unwrap_or(0)
    }

    /// At most some hundred bytes around a place.
    fn surroundings(&self, place: &Range<usize>) -> Range<usize> {
        let line = self.whole_lines(&(place.start..place.start));
        let start = self.boundary(place.start.saturating_sub(60)).max(line.start);
        let end = self.boundary(place.start + 80).min(line.end).max(place.start);
        start..end
    }

    /// 1-based line and column, in characters.
    fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.line_index(offset);
        (line + 1, self.source[self.starts[line]..offset].chars().count() + 1)
    }
}

/// A diagnostic as data, for `--error-format json`. Lines and columns count from 1, columns in characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct JsonDiagnostic {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Such as `K501`.
    pub code: &'static str,
    /// The title of the code's page.
    pub title: &'static str,
    /// What is said.
    pub message: String,
    /// The name of the source.
    pub file: String,
    /// The primary place and what is to be seen there.
    #[serde(flatten)]
    pub primary: JsonLabel,
    /// Further places.
    pub labels: Vec<JsonLabel>,
    /// Further facts.
    pub notes: Vec<String>,
    /// The way out.
    pub help: Option<String>,
}

/// A place in the source and what is to be seen there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct JsonLabel {
    /// Line of its start.
    pub line: usize,
    /// Column of its start.
    pub column: usize,
    /// Line of its end.
    pub end_line: usize,
    /// Column behind its end.
    pub end_column: usize,
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset behind its end.
    pub end: usize,
    /// A few words, maybe none.
    pub label: String,
}

/// The diagnostics in source order, as data.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic], source: &str, file_name: &str) -> Vec<JsonDiagnostic> {
    let lines = Lines::new(source);
    let json_label = |span: Span, text: &str| {
        let start = lines.boundary(span.start as usize);
        let end = lines.boundary(span.end as usize).max(start);
        let ((line, column), (end_line, end_column)) = (lines.line_column(start), lines.line_column(end));
        JsonLabel { line, column, end_line, end_column, start, end, label: text.to_owned() }
    };
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.primary.span.start);
    let json = |diagnostic: &&Diagnostic| JsonDiagnostic {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        code: diagnostic.code.name(),
        title: diagnostic.code.title(),
        message: diagnostic.message.clone(),
        file: file_name.to_owned(),
        primary: json_label(diagnostic.primary.span, &diagnostic.primary.text),
        labels: diagnostic.labels.iter().map(|label| json_label(label.span, &label.text)).collect(),
        notes: diagnostic.notes.clone(),
        help: diagnostic.help.clone(),
    };
    sorted.iter().map(json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;

    const MEAN: &str = "def mean(x, n):\n    total = 0.0\n\n    for i in prange(n):\n        y = x[i]\n        total = total * 0.5 + x[i]\n    return total\n";

    fn span_of(source: &str, text: &str) -> Span {
        let start = source.find(text).expect("text occurs");
        Span::new(start, start + text.len())
    }

    #[test]
    fn layout() {
        let mut primary = span_of(MEAN, "total = total");
        primary.end = primary.start + 5;
        let diagnostic = Diagnostic::error(
            Code::K501,
            primary,
            "`total` carries a value from one iteration to the next in a parallel loop",
        )
        .primary("read and written here")
        .label(span_of(MEAN, "prange(n)"), "iterations may run at the same time")
        .note("reductions recognised: `+=`, `-=`, `*=`, `min`, `max`, `and`, `or`")
        .help("use `range(n)` to keep the order of evaluation");
        let expected = "\
error[K501]: `total` carries a value from one iteration to the next in a parallel loop
 --> mean.k:6:9
  |
4 |     for i in prange(n):
  |              --------- iterations may run at the same time
5 |         y = x[i]
6 |         total = total * 0.5 + x[i]
  |         ^^^^^ read and written here
  |
  = note: reductions recognised: `+=`, `-=`, `*=`, `min`, `max`, `and`, `or`
  = help: use `range(n)` to keep the order of evaluation
";
        assert_eq!(render(&[diagnostic], MEAN, "mean.k", Style::Plain), expected);
    }

    #[test]
    fn sorted_with_an_empty_line_between() {
        let source = "a\nb\n";
        let at =
            |offset| Diagnostic::warning(Code::K001, Span::new(offset, offset + 1), format!("at {offset}"));
        let text = render(&[at(2), at(0)], source, "f.k", Style::Plain);
        assert_eq!(
            text,
            "\
warning[K001]: at 0
 --> f.k:1:1
  |
1 | a
  | ^

warning[K001]: at 2
 --> f.k:2:1
  |
2 | b
  | ^
"
        );
        assert_eq!(render(&[], source, "f.k", Style::Plain), "");
    }

    /// Whatever the spans and the source, something with the message comes out.
    #[test]
    fn robust() {
        let long = "x".repeat(100_000);
        let far = format!("first\n{}last", "line\n".repeat(100_000));
        let sources = [
            "",
            "\n",
            "\r\n",
            "a",
            "\tx = 1\t+ 2",
            "日本 = 「語」\n\u{1F600}\r\nb",
            "\u{0}\u{1b}[31m\u{202e}",
            &long,
            &far,
        ];
        for source in sources {
            let n = source.len();
            for start in [0, 1, 2, 5, n / 2, n.saturating_sub(1), n, n + 1, u32::MAX as usize] {
                for end in
                    [0, start, start.saturating_add(1).min(u32::MAX as usize), n, n + 1, u32::MAX as usize]
                {
                    let diagnostic = Diagnostic::error(Code::K001, Span::new(start, end), "the message")
                        .primary("here")
                        .label(Span::new(0, 1), "first")
                        .label(Span::new(n, n), "last")
                        .label(Span::new(start, start), "");
                    for style in [Style::Plain, Style::Color] {
                        let text = render(std::slice::from_ref(&diagnostic), source, "f.k", style);
                        assert!(text.contains("the message"));
                        assert!(text.len() < 200_000, "{} bytes", text.len());
                    }
                    let json = to_json(&[diagnostic], source, "f.k");
                    assert!(json[0].primary.line >= 1 && json[0].primary.column >= 1);
                }
            }
        }
    }

    #[test]
    fn far_labels_become_notes() {
        let source = format!("first\n{}last", "line\n".repeat(10_000));
        let end = source.len();
        let diagnostic = Diagnostic::error(Code::K105, Span::new(end - 4, end), "defined twice")
            .label(Span::new(0, 5), "the first one");
        let text = render(&[diagnostic], &source, "f.k", Style::Plain);
        assert_eq!(
            text,
            "\
error[K105]: defined twice
     --> f.k:10002:1
      |
10002 | last
      | ^^^^
      |
      = note: line 1, column 1: the first one
"
        );
    }

    #[test]
    fn columns_count_characters() {
        let source = "é = 日本 + $\n";
        let diagnostic = Diagnostic::error(Code::K001, span_of(source, "$"), "unexpected").primary("here");
        let json = &to_json(&[diagnostic], source, "f.k")[0];
        assert_eq!((json.primary.line, json.primary.column, json.primary.end_column), (1, 10, 11));
        assert_eq!((json.severity, json.code, json.file.as_str()), ("error", "K001", "f.k"));
        assert_eq!(json.title, "unexpected character");
    }

    #[test]
    fn long_line() {
        let source = format!("x = [{}$]\n", "1, ".repeat(5_000));
        let diagnostic = Diagnostic::error(Code::K001, span_of(&source, "$"), "unexpected").primary("here");
        let text = render(&[diagnostic], &source, "f.k", Style::Plain);
        assert!(text.lines().all(|line| line.len() < 200), "{text}");
        assert!(text.contains("f.k:1:15006"), "{text}");
        assert!(text.contains("1, $]"), "{text}");
    }
}
