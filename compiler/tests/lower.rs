//! Programs run by the interpreter, with and without the passes, against what CPython prints for the same file.
//!
//! Every function without parameters in `tests/lower/*.k` is called; its printed lines and the name of the exception that ends
//! it stand in the `.out` file of the same name, which `tests/lower/expect.py` writes by running the file under CPython and NumPy.

use std::fmt::Write as _;
use std::path::Path;

use kjit_compiler::backend::interp::{self, Collector, Failure, Limits, Memory};
use kjit_compiler::base::{Diagnostic, Options};
use kjit_compiler::infer::{ArgTy, NoHost, infer};
use kjit_compiler::ir::text::print_program;
use kjit_compiler::ir::verify::verify;
use kjit_compiler::ir::Program;
use kjit_compiler::lower::lower;
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax::parse;

/// The program of one function: as lowering makes it, or after the race analysis and the passes.
fn compile(source: &str, function: &str, optimize: bool) -> Result<Program, String> {
    let (ast, errors) = parse(source);
    if !errors.is_empty() {
        return Err(show(source, &errors));
    }
    let options = Options::default();
    if optimize {
        let request = Request { ast: &ast, source, function, args: &[], options: &options, host: &NoHost };
        let mut front = pipeline::front(&request, &mut |_| {}).map_err(|diags| show(source, &diags))?;
        pipeline::optimize(&mut front, None);
        return Ok(front.program);
    }
    let (inferred, _) =
        infer(&ast, function, &[], &options, &NoHost).map_err(|diags| show(source, &diags))?;
    let (program, _) = lower(&ast, &inferred, source).map_err(|diag| show(source, &[diag]))?;
    Ok(program)
}

fn show(source: &str, diags: &[Diagnostic]) -> String {
    diags.iter().fold(String::new(), |mut text, diag| {
        let (line, column) = diag.primary.span.line_column(source);
        let _ = writeln!(text, "{line}:{column} {} {}", diag.code, diag.message);
        text
    })
}

/// Runs a program: printed lines, and how it failed.
fn outcome(program: &Program) -> String {
    let mut host = Collector::default();
    let limits = Limits { steps: 50_000_000, ..Limits::default() };
    let outcome = interp::run(program, &[], Memory::default(), &mut host, &limits);
    let mut text: String = host.lines.iter().map(|line| format!("{line}\n")).collect();
    match &outcome.result {
        Ok(values) => {
            let owned = values.iter().filter(|value| matches!(value, interp::Value::Array(_))).count();
            if outcome.memory.live_allocations() > owned {
                text.push_str("!! memory is leaked\n");
            }
        }
        Err(Failure::Trap { trap, .. }) => {
            let _ = writeln!(text, "!! {}", program.traps[*trap].exception);
        }
        Err(other) => {
            let _ = writeln!(text, "!! {other:?}");
        }
    }
    text
}

/// All functions of a file, as in its `.out`.
fn transcript(source: &str, optimize: bool) -> String {
    let (ast, _) = parse(source);
    let mut text = String::new();
    for function in ast.functions.iter().filter(|function| function.params.is_empty()) {
        let name = &function.name.name;
        let _ = writeln!(text, "== {name}");
        match compile(source, name, optimize) {
            Ok(program) => text.push_str(&outcome(&program)),
            Err(error) => {
                let _ = writeln!(text, "cannot be compiled: {error}");
            }
        }
    }
    text
}

fn check(optimize: bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lower");
    let only = std::env::var("ONLY").ok();
    let mut count = 0;
    let mut failures = String::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of cases") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "k") {
            continue;
        }
        if only.as_ref().is_some_and(|only| !path.to_string_lossy().contains(only)) {
            continue;
        }
        count += 1;
        let source = std::fs::read_to_string(&path).expect("a source");
        let expected = std::fs::read_to_string(path.with_extension("out")).expect("what CPython printed");
        let found = transcript(&source, optimize);
        if found == expected {
            continue;
        }
        let mut name = "";
        for pair in expected.lines().map(Some).chain(std::iter::repeat(None)).zip(found.lines()) {
            if pair.1.starts_with("==") {
                name = pair.1;
            }
            if pair.0 != Some(pair.1) {
                let expected = pair.0.unwrap_or("(nothing)");
                let _ = writeln!(failures, "{} {name}\n  CPython: {expected}\n  found:   {}", path.display(), pair.1);
                if pair.0.is_none_or(|line| line.starts_with("==")) || pair.1.starts_with("==") {
                    break;
                }
            }
        }
        if expected.lines().count() != found.lines().count() {
            let _ = writeln!(failures, "{} {} lines, not {}", path.display(), found.lines().count(), expected.lines().count());
        }
    }
    assert!(count > 0, "no cases");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn programs_print_what_cpython_prints() {
    check(false);
}

#[test]
fn optimised_programs_print_what_cpython_prints() {
    check(true);
}

/// `main` of every kernel of the library, with its defaults, passes the verifier.
#[test]
fn every_kernel_becomes_valid_ir() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the kernel library") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "k") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("text");
        let (ast, errors) = parse(&source);
        assert!(errors.is_empty(), "{path:?} {}", show(&source, &errors));
        let args = vec![ArgTy::Omitted; ast.function("main").expect("a `main`").params.len()];
        let (inferred, _) = infer(&ast, "main", &args, &Options::default(), &NoHost)
            .unwrap_or_else(|diags| panic!("{path:?} {}", show(&source, &diags)));
        let (program, signature) =
            lower(&ast, &inferred, &source).unwrap_or_else(|diag| panic!("{path:?} {}", show(&source, &[diag])));
        if let Err(violations) = verify(&program) {
            let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
            panic!("{path:?} {lines:?}\n{}", print_program(&program));
        }
        assert!(signature.params.is_empty(), "{path:?}: defaults take no words");
        if std::env::var("SHOW").is_ok_and(|name| path.to_string_lossy().contains(&name)) {
            println!("{}", print_program(&program));
        }
        count += 1;
    }
    assert!(count > 20, "{count} kernels");
}
