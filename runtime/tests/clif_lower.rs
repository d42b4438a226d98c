//! The compiler's programs with what CPython prints for them, as native code: with the passes and without.
#![allow(unreachable_pub)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use kjit_compiler::backend::interp::{self, Collector, Limits, Memory};
use kjit_compiler::base::Options;
use kjit_compiler::base::target::Target;
use kjit_compiler::infer::NoHost;
use kjit_compiler::ir::{Program, Ret, Stmt, abi, walk};
use kjit_compiler::passes::{PASSES, PassReport};
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax::parse;
use support::Kernel;

fn compile(source: &str, function: &str, optimize: bool) -> Option<Program> {
    let (ast, _) = parse(source);
    let options = Options { optimize, ..Options::default() };
    let request = Request { ast: &ast, source, function, args: &[], options: &options, host: &NoHost };
    let mut front = pipeline::front(&request, &mut |_| {}).ok()?;
    if optimize {
        // Late functions are made by the library, which is not here.
        for pass in PASSES.iter().filter(|pass| pass.name != "cold") {
            (pass.run)(&mut front.program, &mut PassReport::default());
        }
    }
    Some(front.program)
}

/// These tests have no random numbers and no files.
fn uses_services(program: &Program) -> bool {
    let mut uses = false;
    for func in program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| uses |= matches!(stmt, Stmt::Runtime { .. }));
    }
    uses
}

fn native(program: &Program, target: &Target) -> String {
    let words = program.funcs[program.entry]
        .rets
        .iter()
        .map(|ret| match ret {
            Ret::Scalar(_) => 1,
            Ret::Array(ty) => abi::array_words(ty.rank),
        })
        .sum();
    let kernel = Kernel::compile_for(program.clone(), target);
    kernel.context().chunk = 7;
    let (status, _) = kernel.call(&[], words);
    let mut text: String = kernel.context().lines.iter().map(|line| format!("{line}\n")).collect();
    if status != 0 {
        let trap = kernel.artifact.traps.get(status as usize - 1).map_or("?", |trap| trap.exception.as_str());
        let _ = writeln!(text, "!! {trap}");
    } else {
        let owned =
            program.funcs[program.entry].rets.iter().filter(|ret| matches!(ret, Ret::Array(_))).count();
        assert!(kernel.context().live as usize <= owned, "memory is leaked: {}", kernel.context().live);
    }
    text
}

fn interpreted(program: &Program) -> String {
    let mut host = Collector::default();
    let outcome = interp::run(program, &[], Memory::default(), &mut host, &Limits::default());
    let mut text: String = host.lines.iter().map(|line| format!("{line}\n")).collect();
    if let Err(interp::Failure::Trap { trap, .. }) = &outcome.result {
        let _ = writeln!(text, "!! {}", program.traps[*trap].exception);
    }
    text
}

#[test]
fn native_code_prints_what_the_interpreter_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/tests/lower");
    let (mut count, mut failures) = (0, String::new());
    // The oldest processor of the family calls the runtime for what it has no instruction for.
    let (host, baseline) = (support::host(), Target { features: Vec::new(), ..support::host() });
    for entry in std::fs::read_dir(&folder).expect("the folder of cases") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "k") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("a source");
        let (ast, _) = parse(&source);
        for function in ast.functions.iter().filter(|function| function.params.is_empty()) {
            let name = &function.name.name;
            for optimize in [false, true] {
                let Some(program) = compile(&source, name, optimize) else { continue };
                if uses_services(&program) {
                    continue;
                }
                count += 1;
                let interpreted = interpreted(&program);
                for target in [&host, &baseline] {
                    let native = native(&program, target);
                    if native != interpreted {
                        let _ = writeln!(
                            failures,
                            "== {name} {optimize}\n{native}\n-- interpreted\n{interpreted}"
                        );
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(count > 50, "{count} programs");
}
