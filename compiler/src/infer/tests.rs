//! Tests of inference, through the parser: a program, a signature, and what is found out.

use super::{ArgTy, Inferred, NoHost, annotated_signature, infer};
use crate::base::{Diagnostic, Options};
use crate::syntax::parse;
use crate::types::Ty;

/// Parses and types; the entry's signature comes from its annotations.
fn run(source: &str, function: &str) -> Result<(Inferred, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (ast, errors) = parse(source);
    assert!(errors.is_empty(), "{errors:?}");
    let args = annotated_signature(&ast, function)?;
    infer(&ast, function, &args, &Options::default(), &NoHost)
}

/// The type of the result of `f`.
fn ret(source: &str) -> String {
    match run(source, "f") {
        Ok((inferred, _)) => inferred.instances[inferred.entry].ret.to_string(),
        Err(diags) => panic!("{}", show(source, &diags)),
    }
}

fn show(source: &str, diags: &[Diagnostic]) -> String {
    diags
        .iter()
        .map(|d| {
            let (line, column) = d.primary.span.line_column(source);
            let help = d.help.as_deref().map(|help| format!(" | {help}")).unwrap_or_default();
            format!("{} {line}:{column} {}{help}\n", d.code, d.message)
        })
        .collect()
}

/// The errors and warnings of `f`, one per line: code, place, message, help.
fn errors(source: &str) -> String {
    match run(source, "f") {
        Ok((_, diags)) | Err(diags) => show(source, &diags),
    }
}

#[test]
fn every_kernel_has_types() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the kernel library") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "k") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("text");
        let (ast, parse_errors) = parse(&source);
        assert!(parse_errors.is_empty(), "{path:?} {parse_errors:?}");
        for function in &ast.functions {
            // Written without annotations on purpose; typed where it is called.
            if function.params.iter().any(|param| param.annotation.is_none()) {
                continue;
            }
            match run(&source, &function.name.name) {
                Ok((_, warnings)) => assert!(warnings.is_empty(), "{path:?} {}", show(&source, &warnings)),
                Err(diags) => panic!("{path:?} {}: {}", function.name.name, show(&source, &diags)),
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn scalars() {
    assert_eq!(ret("def f(x: f64, n: i64):\n    return x * n\n"), "f64");
    assert_eq!(ret("def f(x: f32):\n    return 2.0 * x + 1\n"), "f32");
    assert_eq!(ret("def f(x: i8, y: u8):\n    return x + y\n"), "i64");
    assert_eq!(ret("def f(n: i64):\n    return n / 2\n"), "f64");
    assert_eq!(ret("def f(n: i64):\n    return n > 2 and n < 5\n"), "bool");
    assert_eq!(ret("def f(n: i64):\n    return n, float(n), n > 1\n"), "(i64, f64, bool)");
    assert_eq!(ret("def f(z: c64):\n    return abs(z), z.real, z * 2.0\n"), "(f32, f32, c64)");
    assert_eq!(ret("def f(n: i64):\n    return 2 ** n, n ** -1\n"), "(i64, f64)");
    assert_eq!(ret("def f():\n    pass\n"), "None");
}

#[test]
fn loops_widen() {
    assert_eq!(
        ret("def f(x: f64[:]):\n    s = 0\n    for i in range(len(x)):\n        s += x[i]\n    return s\n"),
        "f64"
    );
    assert_eq!(
        ret(
            "def f(n: i64):\n    a = 0\n    b = 0\n    while n > 0:\n        b = a\n        a = 0.5\n        n -= 1\n    return b\n"
        ),
        "f64"
    );
}

#[test]
fn ty_is_used() {
    let (ast, _) = parse("def f(x):\n    return x\n");
    let args = [ArgTy::Given(Ty::F64)];
    let (inferred, _) = infer(&ast, "f", &args, &Options::default(), &NoHost).expect("types");
    assert_eq!(inferred.instances[inferred.entry].ret, Ty::F64);
    assert_eq!(
        errors("def f(x: f64):\n    return x + totl\n"),
        "K101 2:16 unknown name `totl` | define `totl`, or make it a parameter\n"
    );
}
