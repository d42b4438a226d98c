//! Programs run by the interpreter, with and without the passes, against what CPython prints for the same file.
//!
//! Every function without parameters in `tests/lower/*.k` is called; its printed lines and the name of the exception that ends
//! it stand in the `.out` file of the same name, which `tests/lower/expect.py` writes by running the file under CPython and NumPy.

// The crate does no I/O; its tests read their cases.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::path::Path;

use kjit_compiler::backend::interp::{self, Collector, Failure, Limits, Memory};
use kjit_compiler::base::{Diagnostic, Options};
use kjit_compiler::infer::{ArgTy, NoHost, infer};
use kjit_compiler::ir::Program;
use kjit_compiler::ir::text::print_program;
use kjit_compiler::ir::verify::verify;
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
    let (program, _) = lower(&ast, &inferred, source).map_err(|diag| show(source, &[*diag]))?;
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

/// Names of functions with their lines.
fn sections(text: &str) -> Vec<(&str, &str)> {
    text.split("== ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, ""))).collect()
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
        let (expected, found) = (sections(&expected), sections(&found));
        for (name, found) in &found {
            let expected =
                expected.iter().find(|(other, _)| other == name).map_or("(nothing)", |(_, text)| text);
            let mut pairs = expected.lines().zip(found.lines());
            if let Some((a, b)) = pairs.find(|(a, b)| a != b) {
                let _ = writeln!(failures, "{} {name}\n  CPython: {a}\n  found:   {b}", path.display());
            } else if expected != *found {
                let _ = writeln!(failures, "{} {name}: more or fewer lines", path.display());
            }
        }
        if expected.len() != found.len() {
            let _ =
                writeln!(failures, "{}: {} functions, not {}", path.display(), found.len(), expected.len());
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
        let (program, signature) = lower(&ast, &inferred, &source)
            .unwrap_or_else(|diag| panic!("{path:?} {}", show(&source, &[*diag])));
        if let Err(violations) = verify(&program) {
            let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
            panic!("{path:?} {lines:?}\n{}", print_program(&program));
        }
        assert!(signature.params.is_empty(), "{path:?}: defaults take no words");
        count += 1;
    }
    assert!(count > 20, "{count} kernels");
}

/// Arrays made in a loop are freed in it.
#[test]
fn a_loop_with_temporaries_runs_in_constant_memory() {
    let source = "\
def make(n):
    a = np.ones(n)
    return a

def main():
    total = 0.0
    a = np.zeros(100)
    for i in range(1000):
        b = np.ones(100)
        c = b[10:]
        if i % 3 == 0:
            continue
        d = (make(100), i)
        a = make(100)
        total += make(100).sum() + b[0] + c[1] + d[0][2]
        e = make(100) if i % 2 == 0 else b
        for row in make(100):
            total += row
        while make(100)[0] > 2.0:
            total += 1
        total += make(100)[3] if i % 2 == 1 and make(100).any() else 0.0
    print(total)
";
    for optimize in [false, true] {
        let program = compile(source, "main", optimize).expect("a program");
        let mut host = Collector::default();
        let limits = Limits { memory_bytes: 20_000, ..Limits::default() };
        let outcome = interp::run(&program, &[], Memory::default(), &mut host, &limits);
        assert_eq!(outcome.result, Ok(vec![]), "{:?}", host.lines);
        assert_eq!(outcome.memory.live_allocations(), 0);
        assert_eq!(host.lines, ["135531.0"]);
    }
}
