//! The documentation is true: every program of `docs/language.md` gives what the page says, on every engine; every error code
//! has a page with its title; programs on the pages of run-time errors fail with that error, and the corrected ones do not.
//!
//! A program in `docs/language.md` is followed by a `call` block (see `kjit_tests::case`) or by the `error` or `warning` that
//! it gives; `KJIT_BLESS=1` rewrites messages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use kjit::{Arg, CacheDir, Code, Config, Engine, EngineKind, Error, Module};
use kjit_compiler::types::builtins;
use kjit_tests::case::parse_cases;
use kjit_tests::verdict::{apply_edits, run_case};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let edits = Arc::new(Mutex::new(Vec::new()));
    let language = folder.join("language.md");
    let text = std::fs::read_to_string(&language).expect("the language page");
    let mut trials = Vec::new();
    for case in parse_cases(&language, &text) {
        let edits = Arc::clone(&edits);
        trials.push(Trial::test(format!("language::{}", case.title), move || {
            let kinds = ["call", "error", "warning"];
            if !case.blocks.iter().any(|block| kinds.contains(&block.kind.as_str())) {
                return Err(Failed::from("a program without a `call` or an `error` block"));
            }
            let verdict = run_case(&case);
            edits.lock().expect("no panic").extend(verdict.edits);
            if verdict.problems.is_empty() { Ok(()) } else { Err(verdict.problems.join("\n\n").into()) }
        }));
    }
    let page_text = text.clone();
    trials.push(Trial::test("language: every built-in function is named", move || every_builtin(&page_text)));
    for &code in Code::ALL {
        let path = folder.join(format!("errors/{code}.md"));
        trials.push(Trial::test(format!("errors::{code}"), move || page(code, &path).map_err(Failed::from)));
    }
    let conclusion = libtest_mimic::run(&args, trials);
    let edits = std::mem::take(&mut *edits.lock().expect("no panic"));
    if !edits.is_empty() {
        std::fs::write(&language, apply_edits(&text, edits)).expect("the page can be written");
    }
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// A function that the tables of the compiler know and the page does not mention is missing in the page.
fn every_builtin(page: &str) -> Result<(), Failed> {
    let words: std::collections::HashSet<&str> =
        page.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for module in ["", "numpy", "math", "cmath", "numpy.random", "array", "generator"] {
        if let Some(name) = builtins::names(module).find(|name| !words.contains(name)) {
            return Err(format!("`{name}` of `{module}` is not on the page").into());
        }
    }
    Ok(())
}

/// Checks the page of a code. The programs of codes found at compile time are tested by the stage that finds them.
fn page(code: Code, path: &PathBuf) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let heading = format!("# {code}: {}\n", code.title());
    if !text.starts_with(&heading) {
        return Err(format!("the page does not begin with `{heading}`"));
    }
    if !code.name().starts_with("K7") || !text.contains("```py\n") {
        return Ok(());
    }
    let (wrong, right) = (program(&text, "## Wrong")?, program(&text, "## Right")?);
    // The interpreter is the reference; it also gives warnings that native code does not.
    let found = run_main(EngineKind::Interp, &wrong)?;
    if found.first() != Some(&code) {
        return Err(format!("the wrong program gives {found:?}"));
    }
    let is_warning = matches!(code, Code::K713 | Code::K714);
    if !is_warning && run_main(EngineKind::Scalar, &wrong)? != [code] {
        return Err("the wrong program does not fail in native code".into());
    }
    for kind in [EngineKind::Interp, EngineKind::Scalar] {
        let found = run_main(kind, &right)?;
        if !found.is_empty() {
            return Err(format!("the right program gives {found:?}"));
        }
    }
    Ok(())
}

fn program(page: &str, section: &str) -> Result<String, String> {
    let rest = page.split_once(section).and_then(|(_, rest)| rest.split_once("```py\n"));
    let text = rest.and_then(|(_, rest)| rest.split_once("```"));
    Ok(text.ok_or(format!("no program under `{section}`"))?.0.to_owned())
}

/// Calls `main` without arguments: the codes of its error and of its warnings.
fn run_main(kind: EngineKind, source: &str) -> Result<Vec<Code>, String> {
    let codes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&codes);
    let config = Config::new().engine(kind).threads(2).cache(CacheDir::Off).warnings(move |warnings| {
        sink.lock().expect("no panic").extend(warnings.diagnostics.iter().map(|diagnostic| diagnostic.code));
    });
    let result = Engine::new(config)
        .and_then(|engine| Module::from_source(&engine, "page.k", source))
        .and_then(|module| module.kernel("main"))
        .and_then(|main| {
            let mut args: Vec<Arg<'_>> = main.params().iter().map(|_| Arg::Omitted).collect();
            main.call(&mut args).map(drop)
        });
    let mut codes = std::mem::take(&mut *codes.lock().expect("no panic"));
    match result {
        Ok(()) => {}
        Err(Error::Trap(trap)) => codes.push(trap.code),
        Err(error) => return Err(error.to_string()),
    }
    Ok(codes)
}
