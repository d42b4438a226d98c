//! Every kernel of the library, small: the race check accepts its parallel loops, and the program means the same after
//! every pass.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads the kernels and shows counts"
)]

use std::path::{Path, PathBuf};

use kjit_compiler::backend::interp::{self, Collector, Limits, Memory, Outcome, Value};
use kjit_compiler::base::{Options, Severity};
use kjit_compiler::infer::{ArgTy, NoHost, annotated_signature};
use kjit_compiler::ir::{Check, Program, Stmt, verify, walk};
use kjit_compiler::passes::{PASSES, run_passes};
use kjit_compiler::pipeline::{Front, Request, front};
use kjit_compiler::syntax;
use kjit_compiler::types::Ty;

/// Sizes that keep the interpreter quick; the first argument of `main`.
const SIZES: &[(&str, i64)] =
    &[("fir_filter", 100), ("rk4_lorenz", 2), ("option_binomial", 1), ("game_of_life", 6), ("kmeans", 30)];

fn kernels() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "k"))
        .collect();
    files.sort();
    assert!(files.len() > 20);
    files
}

fn compile(source: &str, function: &str, args: &[ArgTy]) -> Front {
    let (ast, errors) = syntax::parse::parse(source);
    assert!(errors.is_empty());
    let request = Request { ast: &ast, source, function, args, options: &Options::default(), host: &NoHost };
    match front(&request, &mut |_| {}) {
        Ok(front) => front,
        Err(errors) => panic!("{function}: {errors:#?}"),
    }
}

fn run(program: &Program, args: &[Value]) -> Outcome {
    interp::run(program, args, Memory::default(), &mut Collector::default(), &Limits::default())
}

/// What can be compared of a run: results, elements of result arrays.
fn summary(outcome: &Outcome) -> Vec<(Value, Vec<u8>)> {
    let values = outcome.result.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
    let bytes = |value: &Value| match value {
        Value::Scalar(_) => Vec::new(),
        Value::Array(array) => outcome.memory.bytes(array.buffer).to_vec(),
    };
    values.iter().map(|value| (value.clone(), bytes(value))).collect()
}

#[test]
fn parallel_loops_of_the_kernels_are_proven() {
    for path in kernels() {
        let source = std::fs::read_to_string(&path).unwrap();
        let (ast, _) = syntax::parse::parse(&source);
        for function in &ast.functions {
            let Ok(args) = annotated_signature(&ast, &function.name.name) else { continue };
            let front = compile(&source, &function.name.name, &args);
            let warnings: Vec<_> =
                front.warnings.iter().filter(|w| w.severity == Severity::Warning).collect();
            assert!(warnings.is_empty(), "{}: {}: {warnings:#?}", path.display(), function.name.name);
        }
    }
}

#[test]
fn kernels_mean_the_same_after_every_pass() {
    for path in kernels() {
        let source = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (ast, _) = syntax::parse::parse(&source);
        let main = ast.functions.iter().find(|f| f.name.name == "main").unwrap();
        let mut types = vec![ArgTy::Omitted; main.params.len()];
        types[0] = ArgTy::Given(Ty::I64);
        let size = SIZES.iter().find(|(kernel, _)| *kernel == name).map_or(12, |&(_, size)| size);
        let front = compile(&source, "main", &types);
        let args = [Value::Scalar(size as u64)];
        let before = run(&front.program, &args);
        let expected = summary(&before);
        let mut program = front.program.clone();
        let report = run_passes(&mut program, None, true);
        assert_eq!(report.violation, None, "{name}");
        let after = run(&program, &args);
        assert_eq!(summary(&after), expected, "{name}");
        println!("{name:20} {:>9} -> {:>9} steps {:?}", before.steps, after.steps, report.counts);
    }
    assert!(!PASSES.is_empty());
}

/// In the fast copies nothing of these is left to check in the innermost loop.
#[test]
fn checks_leave_the_loops() {
    for (kernel, function) in [("heat", "heat"), ("matmul", "matmul_ikj"), ("nbody", "nbody")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../kernels/{kernel}.k"));
        let source = std::fs::read_to_string(path).unwrap();
        let (ast, _) = syntax::parse::parse(&source);
        let args = annotated_signature(&ast, function).unwrap();
        let mut program = compile(&source, function, &args).program;
        run_passes(&mut program, None, true);
        verify(&program).unwrap();
        for func in program.funcs.values() {
            walk::for_each_stmt(&func.body, &mut |stmt| {
                let Stmt::If { then, orelse, .. } = stmt else { return };
                if orelse.is_empty() {
                    return;
                }
                let mut checks = 0;
                walk::for_each_stmt(then, &mut |inner| {
                    checks += usize::from(matches!(inner, Stmt::Check { check: Check::Index { .. }, .. }));
                });
                assert_eq!(checks, 0, "{function}\n{}", kjit_compiler::ir::text::print_program(&program));
            });
        }
    }
}

/// An index that leaves the array in the middle of a loop: the same error, after the same stores.
#[test]
fn errors_stay_exact() {
    let bodies = [
        "    for i in range(a, b):\n        x[i] = i\n",
        "    for i in range(a, b):\n        x[i - 1] = x[i] + 1\n",
        "    for i in range(b, a, -1):\n        x[2 * i] = i\n",
        "    for i in range(a, b):\n        for j in range(i):\n            x[i * b + j] = j\n",
        "    for i in range(a, b):\n        if i > 2:\n            x[i - 3] = 1\n        x[i % 5] += 1\n",
        "    i = a\n    while i < b:\n        x[i] = 1\n        i += 2\n",
        "    if a >= b:\n        x[a - b] = 7\n",
        "    if a + 1 < b + 1:\n        x[a] = 7\n",
        "    for i in range(a, b):\n        x[i] = 10 // (4 - b) + i // b\n",
        "    for i in range(a, b):\n        x[x[i]] += 1\n",
        "    for i in prange(a, b):\n        x[i + 1] = i\n",
        "    for i in prange(a, b):\n        for j in range(3):\n            x[3 * i + j] = j\n",
        "    y = x[a:b]\n    for i in range(len(y)):\n        y[i] += x[i]\n    for i in range(b):\n        y[i] = 1\n",
    ];
    let ends = [i64::MIN, -9, -1, 0, 1, 3, 5, 8, 9, 12, i64::MAX];
    for body in bodies {
        let source = format!("def f(x: i64[:], a: i64, b: i64):\n{body}");
        let (ast, _) = syntax::parse::parse(&source);
        let args = annotated_signature(&ast, "f").unwrap();
        let front = compile(&source, "f", &args);
        let mut program = front.program.clone();
        assert_eq!(run_passes(&mut program, None, true).violation, None, "{source}");
        for a in ends {
            for b in ends {
                let elements: Vec<u8> = (0..8_i64).flat_map(i64::to_le_bytes).collect();
                let array = interp::ArrayArg {
                    buffer: interp::BufferId(0),
                    offset: 0,
                    shape: vec![8],
                    strides: vec![8],
                };
                let args = [Value::Array(array), Value::Scalar(a as u64), Value::Scalar(b as u64)];
                let limits = Limits { steps: 5000, ..Limits::default() };
                let run = |program: &Program| {
                    interp::run(
                        program,
                        &args,
                        Memory::new(vec![elements.clone()]),
                        &mut Collector::default(),
                        &limits,
                    )
                };
                let (before, after) = (run(&front.program), run(&program));
                if matches!(before.result, Err(interp::Failure::StepLimit))
                    || matches!(after.result, Err(interp::Failure::StepLimit))
                {
                    continue;
                }
                let place = format!("{source}\na = {a}, b = {b}");
                assert_eq!(after.result, before.result, "{place}");
                let zero = interp::BufferId(0);
                assert_eq!(after.memory.bytes(zero), before.memory.bytes(zero), "{place}");
            }
        }
    }
}
