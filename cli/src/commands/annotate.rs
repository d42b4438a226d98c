//! `kjit annotate`: the source as a page that shows what became of each line.
//!
//! Green ground: in a loop of vector code. Blue edge: in a loop that runs in parallel. A mark: a check that stays in a loop,
//! or something else that was not done. Pointing at a line shows why, and the types of its variables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use kjit::{DeviceKind, Remark, RemarkKind};
use kjit_compiler::base::Span;
use kjit_compiler::infer;
use kjit_compiler::pipeline;
use kjit_compiler::syntax::ast::{Ast, Block, Stmt, StmtKind};

use super::check::Host;
use super::emit::{front, told, types_by_line};
use super::{Session, open};
use crate::args::AnnotateArgs;
use crate::exit::{ErrorFormat, Failure, Outcome, note};
use crate::output;

const STYLE: &str = include_str!("annotate.css");

pub(crate) fn annotate(args: &AnnotateArgs, format: ErrorFormat) -> Outcome {
    let session = open("annotate", &args.target, args.target.config()?.device(DeviceKind::Cpu))?;
    let mut front = front(&session, &args.target, None)?;
    session.show_warnings(&front.warnings, &args.target, format)?;
    pipeline::optimize(&mut front, None);
    let types = session.arg_types(&args.target)?;
    let (ast, source) = (session.module.ast(), session.module.source());
    let (inferred, _) = infer::infer(ast, session.kernel.name(), &types, &args.target.options(), &Host)
        .map_err(|diagnostics| session.failure(diagnostics))?;
    let mut lines = Lines::new(source);
    for instance in inferred.instances.values() {
        for (line, words) in types_by_line(instance, ast, source) {
            lines.add_types(line, words);
        }
    }
    lines.add_remarks(&told(&session, front)?, &loops(ast, source), source);
    let page = page(&session, &lines, args);
    match path(args) {
        Some(path) => {
            std::fs::write(&path, page)
                .map_err(|error| Failure::data(format!("{}: {error}", path.display())))?;
            note(&format!("wrote {}", path.display()));
        }
        None => output::write(&page)?,
    }
    output::flush()
}

/// Where the page goes; nowhere: standard output.
fn path(args: &AnnotateArgs) -> Option<PathBuf> {
    match &args.output {
        Some(path) if path.as_os_str() == "-" => None,
        Some(path) => Some(path.clone()),
        None if args.target.file.as_os_str() == "-" => None,
        None => args.target.file.file_stem().map(|stem| Path::new(stem).with_extension("html")),
    }
}

/// A loop of the source: its head, and its first and last line.
struct SourceLoop {
    head: Span,
    first: usize,
    last: usize,
}

fn loops(ast: &Ast, source: &str) -> Vec<SourceLoop> {
    let mut found = Vec::new();
    for function in &ast.functions {
        collect_loops(&function.body, source, &mut found);
    }
    found
}

/// Adds the loops of a block; returns its last line.
fn collect_loops(block: &Block, source: &str, found: &mut Vec<SourceLoop>) -> usize {
    block.iter().map(|stmt| collect_loop(stmt, source, found)).max().unwrap_or(0)
}

fn collect_loop(stmt: &Stmt, source: &str, found: &mut Vec<SourceLoop>) -> usize {
    let end = Span { start: stmt.span.end.saturating_sub(1).max(stmt.span.start), end: stmt.span.end };
    let mut last = end.line_column(source).0;
    match &stmt.kind {
        StmtKind::For { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
            last = last.max(collect_loops(body, source, found));
            let first = stmt.span.line_column(source).0;
            found.push(SourceLoop { head: stmt.span, first, last });
            last = last.max(collect_loops(orelse, source, found));
        }
        StmtKind::If { body, orelse, .. } => {
            last = last.max(collect_loops(body, source, found)).max(collect_loops(orelse, source, found));
        }
        _ => {}
    }
    last
}

/// What is known of one line.
#[derive(Clone, Default)]
struct Line {
    is_vector: bool,
    is_parallel: bool,
    /// `true` for what was done.
    remarks: Vec<(bool, String)>,
    types: Vec<String>,
}

struct Lines<'a> {
    texts: Vec<&'a str>,
    lines: Vec<Line>,
    /// For the table below the source: line, done, what.
    loops: BTreeMap<(usize, String), bool>,
}

impl<'a> Lines<'a> {
    fn new(source: &'a str) -> Lines<'a> {
        let texts: Vec<&str> = source.lines().collect();
        Lines { lines: vec![Line::default(); texts.len()], texts, loops: BTreeMap::new() }
    }

    fn line(&mut self, number: usize) -> Option<&mut Line> {
        self.lines.get_mut(number.checked_sub(1)?)
    }

    fn add_types(&mut self, number: usize, words: Vec<String>) {
        if let Some(line) = self.line(number) {
            for word in words {
                if !line.types.contains(&word) {
                    line.types.push(word);
                }
            }
        }
    }

    fn add_remarks(&mut self, remarks: &[Remark], loops: &[SourceLoop], source: &str) {
        for remark in remarks {
            let (number, _) = remark.span.line_column(source);
            let entry = (remark.is_done, remark.sentence(source));
            let mut numbers = vec![number];
            numbers.extend(remark.at.map(|at| at.line_column(source).0).filter(|&at| at != number));
            for number in numbers {
                if let Some(line) = self.line(number)
                    && !line.remarks.contains(&entry)
                {
                    line.remarks.push(entry.clone());
                }
            }
            if !matches!(remark.kind, RemarkKind::Vector | RemarkKind::Parallel) {
                continue;
            }
            self.loops.insert((number, remark.sentence(source)), remark.is_done);
            if !remark.is_done {
                continue;
            }
            for l in loops.iter().filter(|l| l.head == remark.span) {
                for number in l.first..=l.last {
                    if let Some(line) = self.line(number) {
                        line.is_vector |= remark.kind == RemarkKind::Vector;
                        line.is_parallel |= remark.kind == RemarkKind::Parallel;
                    }
                }
            }
        }
    }
}

/// Text that cannot end an element or an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Backquoted names in code type.
fn marked(text: &str) -> String {
    let mut out = String::new();
    for (position, part) in escaped(text).split('`').enumerate() {
        if position % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(part);
        }
    }
    out
}

fn page(session: &Session, lines: &Lines<'_>, args: &AnnotateArgs) -> String {
    let file = escaped(session.kernel.file());
    let name = escaped(session.kernel.name());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{file}: {name}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{file}</h1>\n<p class=\"under\"><code>{name}</code>{}, compiled by kjit {}</p>\n\
         <ul class=\"legend\">\n<li><i class=\"v\"></i>vector code</li>\n<li><i class=\"p\"></i>runs in parallel</li>\n\
         <li><b style=\"color: var(--checked)\">!</b> &nbsp;something stays: a check, a serial loop</li>\n\
         <li>point at a line for reasons and types</li>\n</ul>\n<div class=\"code\">\n",
        if args.target.values.is_empty() {
            String::new()
        } else {
            format!(" with <code>{}</code>", escaped(&args.target.values.join(" ")))
        },
        env!("CARGO_PKG_VERSION"),
    );
    for (number, (text, line)) in (1..).zip(lines.texts.iter().zip(&lines.lines)) {
        let has_more = !line.remarks.is_empty() || !line.types.is_empty();
        let mut classes = String::from("l");
        for (class, is_set) in [(" v", line.is_vector), (" p", line.is_parallel), (" has", has_more)] {
            if is_set {
                classes.push_str(class);
            }
        }
        let mark = if line.remarks.iter().any(|(is_done, _)| !is_done) { "!" } else { "" };
        let focus = if has_more { " tabindex=\"0\"" } else { "" };
        let _ = write!(
            out,
            "<div class=\"{classes}\"{focus}><span class=\"e\"></span><span class=\"n\">{number}</span><span class=\"m\">{mark}</span>\
             <span class=\"t\">{}</span>",
            escaped(text)
        );
        if has_more {
            out.push_str("<div class=\"why\">");
            if !line.remarks.is_empty() {
                out.push_str("<ul>");
                for (is_done, text) in &line.remarks {
                    let class = if *is_done { "" } else { " class=\"no\"" };
                    let _ = write!(out, "<li{class}>{}</li>", marked(text));
                }
                out.push_str("</ul>");
            }
            if !line.types.is_empty() {
                let _ = write!(out, "<div class=\"types\">{}</div>", escaped(&line.types.join(", ")));
            }
            out.push_str("</div>");
        }
        out.push_str("</div>\n");
    }
    out.push_str("</div>\n");
    if !lines.loops.is_empty() {
        out.push_str("<table>\n<tr><th>line</th><th>loop</th></tr>\n");
        for ((line, text), is_done) in &lines.loops {
            let class = if *is_done { "" } else { " class=\"no\"" };
            let _ = writeln!(out, "<tr><td>{line}</td><td{class}>{}</td></tr>", marked(text));
        }
        out.push_str("</table>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}
