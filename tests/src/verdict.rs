//! Judges a test: every call gives the expected value on every engine, all engines give the same bits, errors included, and the
//! dumps are what the file says.
//!
//! In: a [`Case`]. Out: what went wrong, as text, and with `KJIT_BLESS=1` what to write into the file.

use std::fmt::Write as _;

use kjit::{ArgTy, Options};
use kjit_compiler::backend::cuda;
use kjit_compiler::base::Diagnostic;
use kjit_compiler::base::render::{Style, render};
use kjit_compiler::infer::{NoHost, annotated_signature};
use kjit_compiler::ir::text::print_program;
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax;

use crate::case::{Action, Block, Case, Expected, Line};
use crate::gpu;
use crate::run::{Outcome, Transcript, transcript};
use crate::setup::{GPU, GPU_LAYOUTS, LAYOUTS, SETUPS, Setup, runs_here, skip};

/// What to write into a file: the lines from the first (1-based) are replaced.
#[derive(Clone, Debug)]
pub struct Edit {
    /// First line of the block's text.
    pub line: usize,
    /// How many lines it has.
    pub count: usize,
    /// The new text.
    pub text: String,
}

/// What a test found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is wrong; empty if nothing is.
    pub problems: Vec<String>,
    /// Blessings.
    pub edits: Vec<Edit>,
}

/// Runs a test on every engine and compares its dumps.
#[must_use]
pub fn run_case(case: &Case) -> Verdict {
    let mut verdict = Verdict::default();
    let source = case.source();
    check_dumps(case, &source, &mut verdict);
    let lines = match case.lines() {
        Ok(lines) => lines,
        Err(error) => {
            verdict.problems.push(error);
            return verdict;
        }
    };
    if lines.is_empty() {
        return verdict;
    }
    let Ok(directory) = tempfile::tempdir() else {
        verdict.problems.push("no temporary directory".into());
        return verdict;
    };
    let mut reference: Option<Transcript> = None;
    let prints_in_parallel = source.contains("prange") && source.contains("print");
    let has_layouts = !source.contains("::1") && case.attribute("layouts") != Some("C");
    let on_gpu = case.attribute("gpu");
    let is_left_out = on_gpu == Some("off") && gpu::cases::is_for_gpu(&source);
    if is_left_out {
        gpu::cases::leave_out();
    }
    let has_gpu = gpu::cases::is_for_gpu(&source) && !is_left_out && gpu::cases::libraries().is_ok();
    let setups = SETUPS
        .iter()
        .chain(if has_layouts { LAYOUTS } else { &[] })
        .chain(if has_gpu { GPU } else { &[] })
        .chain(if has_gpu && has_layouts { GPU_LAYOUTS } else { &[] });
    let only = case.attribute("engine");
    for setup in setups.filter(|setup| only.is_none_or(|only| setup.name.contains(only))) {
        if !runs_here(setup) {
            skip(setup.name);
            continue;
        }
        let mut found = transcript(setup, &source, &lines, Some(directory.path()));
        if prints_in_parallel {
            found.printed.sort();
        }
        for complaint in &found.complaints {
            verdict.problems.push(format!("{}: {complaint}", setup.name));
        }
        match &reference {
            None => {
                check_values(&lines, &found, &mut verdict);
                check_output(case, &found, &mut verdict);
                reference = Some(found);
            }
            Some(reference) if setup.is_gpu && on_gpu == Some("close") => {
                found.outcomes = gpu::cases::forgive(&reference.outcomes, found.outcomes);
                verdict.problems.extend(differences(&lines, reference, &found, setup));
            }
            Some(reference) => verdict.problems.extend(differences(&lines, reference, &found, setup)),
        }
    }
    verdict
}

fn check_values(lines: &[Line], found: &Transcript, verdict: &mut Verdict) {
    for (line, outcome) in lines.iter().zip(&found.outcomes) {
        let (Action::Call(_, expected) | Action::Inspect(_, expected)) = &line.action else { continue };
        let Some(outcome) = outcome else { continue };
        let is_right = match (expected, outcome) {
            (Expected::Anything, _) => true,
            (Expected::Value(value), Outcome::Value(bits)) => bits.matches(value, false),
            (Expected::Close(value), Outcome::Value(bits)) => bits.matches(value, true),
            (Expected::Trap(code, at), Outcome::Trap { code: found, line, .. }) => {
                code == found && at.is_none_or(|at| at == *line)
            }
            _ => false,
        };
        if !is_right {
            verdict.problems.push(format!("line {}: {}\n    {}", line.number, line.text, outcome.show()));
        }
    }
}

fn check_output(case: &Case, found: &Transcript, verdict: &mut Verdict) {
    for block in case.blocks_of("output") {
        let wanted: Vec<&str> = block.text.trim_end().lines().collect();
        if wanted != found.printed.iter().flat_map(|text| text.split('\n')).collect::<Vec<_>>() {
            verdict.problems.push(format!("line {}: printed\n{}", block.line, found.printed.join("\n")));
        }
    }
}

/// What two runs of the same lines do not have in common.
#[must_use]
pub fn differences(lines: &[Line], reference: &Transcript, found: &Transcript, setup: &Setup) -> Vec<String> {
    let mut problems = Vec::new();
    for (line, (a, b)) in lines.iter().zip(reference.outcomes.iter().zip(&found.outcomes)) {
        if let (Some(a), Some(b)) = (a, b)
            && a != b
        {
            let (text, name) = (&line.text, setup.name);
            problems.push(format!("{text}\n    {}\n    {} ({name})", a.show(), b.show()));
        }
    }
    if reference.printed != found.printed {
        let (a, b) = (reference.printed.join("\n"), found.printed.join("\n"));
        problems.push(format!("prints\n{a}\n  and with {}\n{b}", setup.name));
    }
    if reference.outcomes.len() != found.outcomes.len() {
        problems.push(format!("{}: {:?}", setup.name, found.outcomes.first()));
    }
    problems
}

// Dumps and messages.

fn check_dumps(case: &Case, source: &str, verdict: &mut Verdict) {
    for block in &case.blocks {
        let found = match block.kind.as_str() {
            "error" => messages(case, source).map(|(errors, _)| errors),
            "warning" => messages(case, source).map(|(_, warnings)| warnings),
            "ir" => ir(case, block, source),
            "remarks" => remarks(case, source),
            "cuda" => kernels(case, source),
            "count" => {
                if let Err(problem) = check_counts(case, block, source) {
                    verdict.problems.push(problem);
                }
                continue;
            }
            _ => continue,
        };
        match found {
            Ok(found) if found.trim_end() == block.text.trim_end() => {}
            Ok(found) if std::env::var_os("KJIT_BLESS").is_some() => {
                let text = format!("{}\n", found.trim_end());
                verdict.edits.push(Edit { line: block.line, count: block.text.lines().count(), text });
            }
            Ok(found) => verdict.problems.push(format!("line {}: {} is\n{found}", block.line, block.kind)),
            Err(problem) => verdict.problems.push(problem),
        }
    }
}

/// The function that dumps and messages are about: `fn=NAME`, else the last.
fn entry_of(case: &Case, source: &str) -> String {
    let (ast, _) = syntax::parse(source);
    let last = ast.functions.last().map(|function| function.name.name.to_string());
    case.attribute("fn").map(str::to_owned).or(last).unwrap_or_default()
}

/// Types of its arguments: as `types` says, else as annotated.
fn signature_of(case: &Case, source: &str, function: &str) -> Result<Vec<ArgTy>, Vec<Diagnostic>> {
    let types = case.param_types();
    if types.is_empty() {
        return annotated_signature(&syntax::parse(source).0, function);
    }
    let params: Vec<String> = types.iter().enumerate().map(|(k, ty)| format!("p{k}: {ty}")).collect();
    annotated_signature(&syntax::parse(&format!("def f({}):\n    pass\n", params.join(", "))).0, "f")
}

/// Errors and warnings as the user sees them.
fn messages(case: &Case, source: &str) -> Result<(String, String), String> {
    let diagnostics = diagnose(case, source);
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics.into_iter().partition(Diagnostic::is_error);
    let show = |diagnostics: &[Diagnostic]| render(diagnostics, source, "case.k", Style::Plain);
    Ok((show(&errors), show(&warnings)))
}

fn diagnose(case: &Case, source: &str) -> Vec<Diagnostic> {
    let (ast, diagnostics) = syntax::parse(source);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return diagnostics;
    }
    let function = entry_of(case, source);
    let args = match signature_of(case, source, &function) {
        Ok(args) => args,
        Err(errors) => return errors,
    };
    let options = Options::default();
    let request =
        Request { ast: &ast, source, function: &function, args: &args, options: &options, host: &NoHost };
    let more = match pipeline::front(&request, &mut |_| {}) {
        Ok(front) => front.warnings,
        Err(errors) => errors,
    };
    diagnostics.into_iter().chain(more).collect()
}

fn front_of(case: &Case, source: &str) -> Result<pipeline::Front, String> {
    let (ast, _) = syntax::parse(source);
    let function = entry_of(case, source);
    let show = |errors: Vec<Diagnostic>| render(&errors, source, "case.k", Style::Plain);
    let args = signature_of(case, source, &function).map_err(show)?;
    let options = Options::default();
    let request =
        Request { ast: &ast, source, function: &function, args: &args, options: &options, host: &NoHost };
    pipeline::front(&request, &mut |_| {}).map_err(show)
}

/// The IR after a pass: `after=front` before all of them, `after=all` (or nothing) after the last.
fn ir(case: &Case, block: &Block, source: &str) -> Result<String, String> {
    let mut front = front_of(case, source)?;
    match block.attribute("after") {
        Some("front") => {}
        Some("all") | None => drop(pipeline::optimize(&mut front, None)),
        Some(pass) => drop(pipeline::optimize(&mut front, Some(pass))),
    }
    Ok(print_program(&front.program))
}

fn remarks(case: &Case, source: &str) -> Result<String, String> {
    let mut front = front_of(case, source)?;
    pipeline::optimize(&mut front, None);
    let mut text = String::new();
    for remark in &front.program.remarks {
        let line = remark.span.line_column(source).0;
        let _ = writeln!(text, "line {line}: {}", remark.sentence(source));
    }
    Ok(text)
}

/// The text of the kernels, from the first one: what all texts begin with is left out.
fn kernels(case: &Case, source: &str) -> Result<String, String> {
    let front = front_of(case, source)?;
    let text = pipeline::kernels(&front, cuda::Lines::Comments { source }).source;
    let first = text.find("\n// Line ").ok_or_else(|| format!("no kernel was written:\n{text}"))?;
    Ok(text[first + 1..].to_owned())
}

/// `check: 1`: lines of the dump in which the word stands.
fn check_counts(case: &Case, block: &Block, source: &str) -> Result<(), String> {
    let dump = ir(case, block, source)?;
    for line in block.text.lines() {
        let Some((word, wanted)) = line.split_once(':') else { continue };
        let (word, wanted) = (word.trim(), wanted.trim());
        let is_word =
            |line: &&str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word);
        let count = dump.lines().filter(is_word).count();
        if wanted.parse() != Ok(count) {
            return Err(format!("line {}: {word}: {count}, not {wanted}, in\n{dump}", block.line));
        }
    }
    Ok(())
}

/// Writes blessings into a file's text; edits of one file, in any order.
#[must_use]
pub fn apply_edits(text: &str, mut edits: Vec<Edit>) -> String {
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.line));
    for edit in edits {
        let start = edit.line - 1;
        lines.splice(start..start + edit.count, [edit.text]);
    }
    lines.concat()
}
