//! `kjit check`: every function whose types are known, through the whole front end; no code.

use std::path::Path;

use kjit::{ArgTy, ArrayFiles, ArrayTy, Diagnostic, Layout, Options};
use kjit_compiler::base::Span;
use kjit_compiler::infer::{self, TypeHost};
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax;
use kjit_compiler::syntax::ast::{Ast, Function};

use crate::args::{CheckArgs, Deny};
use crate::exit::{ErrorFormat, Exit, Failure, Outcome, note, report, show_diagnostics};
use crate::files::NpyFiles;
use crate::source;

pub(crate) fn check(args: &CheckArgs, format: ErrorFormat) -> Outcome {
    let denies_warnings = args.deny.contains(&Deny::Warnings);
    let mut worst = Exit::Ok;
    for path in &args.files {
        let exit = match check_file(path, format) {
            Ok(Found { errors: 0, warnings }) if warnings == 0 || !denies_warnings => Exit::Ok,
            Ok(_) => Exit::Program,
            Err(failure) => report(&failure, format),
        };
        if worst == Exit::Ok || exit == Exit::Data {
            worst = if exit == Exit::Ok { worst } else { exit };
        }
    }
    if worst == Exit::Ok { Ok(()) } else { Err(Failure::silent(worst)) }
}

struct Found {
    errors: usize,
    warnings: usize,
}

fn check_file(path: &Path, format: ErrorFormat) -> Result<Found, Failure> {
    let (name, text) = source::read(path)?;
    let (ast, mut diagnostics) = syntax::parse(&text);
    let mut unchecked = Vec::new();
    // A syntax error may hide the rest of the file; Python that is not supported spoils its own function only.
    let broken: Vec<Span> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| diagnostic.primary.span)
        .collect();
    let is_whole = diagnostics
        .iter()
        .all(|diagnostic| !diagnostic.is_error() || diagnostic.code.name().starts_with("K2"));
    if is_whole {
        let (found, skipped) = check_functions(&ast, &text, &broken);
        for diagnostic in found {
            let is_known = |known: &Diagnostic| {
                known.code == diagnostic.code && known.primary.span == diagnostic.primary.span
            };
            if !diagnostics.iter().any(is_known) {
                diagnostics.push(diagnostic);
            }
        }
        unchecked = skipped;
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.span, diagnostic.code));
    if !diagnostics.is_empty() {
        show_diagnostics(&diagnostics, &text, &name, format);
    }
    if !unchecked.is_empty() && format == ErrorFormat::Text {
        let names: Vec<String> = unchecked.iter().map(|name| format!("`{name}`")).collect();
        note(&format!(
            "note: {name}: types of {} are known only when called; only syntax was checked",
            names.join(", ")
        ));
    }
    if !ast.plain.is_empty() && format == ErrorFormat::Text {
        let names: Vec<String> = ast.plain.iter().map(|plain| format!("`{}`", plain.name.name)).collect();
        note(&format!("note: {name}: plain Python beside kernels, left out: {}", names.join(", ")));
    }
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    Ok(Found { errors, warnings: diagnostics.len() - errors })
}

/// Diagnostics of all functions with known types, and the names of those that nothing gives types to.
fn check_functions(ast: &Ast, text: &str, broken: &[Span]) -> (Vec<Diagnostic>, Vec<String>) {
    let options = Options::default();
    let mut diagnostics = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    let mut reached: Vec<String> = Vec::new();
    let mut is_complete = broken.is_empty();
    let is_inside = |place: Span, function: &Function| {
        function.span.start <= place.start && place.start < function.span.end.max(function.span.start + 1)
    };
    let is_broken = |function: &&Function| broken.iter().any(|&place| is_inside(place, function));
    let spoiled: Vec<&Function> = ast.functions.iter().filter(is_broken).collect();
    let on_gpu = infer::run_on_gpu(ast);
    for (index, function) in ast.functions.iter().enumerate().filter(|(_, function)| !is_broken(function)) {
        let name = function.name.name.as_str();
        if function.is_beside_kernels && name != "main" {
            continue;
        }
        // What runs on a GPU has its types from where it is launched.
        let args = if on_gpu[index] { None } else { signature(ast, function, &mut diagnostics) };
        let Some(args) = args else {
            unknown.push(name);
            continue;
        };
        let request =
            Request { ast, source: text, function: name, args: &args, options: &options, host: &Host };
        match pipeline::front(&request, &mut |_| ()) {
            Ok(front) => {
                diagnostics.extend(front.warnings);
                reached.extend(front.program.funcs.values().map(|func| func.name.to_string()));
            }
            Err(found) => {
                let is_own = |place: Span| !spoiled.iter().any(|function| is_inside(place, function));
                diagnostics.extend(found.into_iter().filter(|diagnostic| is_own(diagnostic.primary.span)));
                is_complete = false;
            }
        }
    }
    // After an error it is not known what was reached.
    let is_reached =
        |name: &str| reached.iter().any(|func| func.split(['.', '$', '@', '#']).next() == Some(name));
    let skipped =
        unknown.into_iter().filter(|name| is_complete && !is_reached(name)).map(str::to_owned).collect();
    (diagnostics, skipped)
}

/// Types from annotations, decorators and defaults; `None` if a parameter has none of them.
fn signature(ast: &Ast, function: &Function, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<ArgTy>> {
    let before = diagnostics.len();
    for annotation in function.params.iter().filter_map(|param| param.annotation) {
        if let Err(error) = infer::parse_annotation(ast, annotation) {
            diagnostics.push(*error);
        }
    }
    if diagnostics.len() > before {
        return None;
    }
    infer::annotated_signature(ast, &function.name.name).ok()
}

/// Looks into `.npy` files that the program names.
pub(crate) struct Host;

impl TypeHost for Host {
    fn npy_type(&self, path: &str) -> Option<ArrayTy> {
        let (dtype, rank) = NpyFiles.inspect(path).ok()?;
        Some(ArrayTy { dtype, rank: u8::try_from(rank).ok()?, layout: Layout::C, is_writable: true })
    }
}
