//! The pages of `docs/errors/`: the wrong program fails with the page's code, the right one compiles, and every code has a page.
//!
//! A page of a compile-time error has its programs under `## Wrong` and `## Right`; the last function is compiled for its annotated
//! signature. Pages of run-time errors have calls: a `call` block after a program, as in case files.

use std::path::{Path, PathBuf};

use kjit::{CacheDir, Code, Config, Engine, Error, Module};
use kjit_compiler::base::Diagnostic;
use kjit_compiler::infer::annotated_signature;
use kjit_tests::case::{Block, Case, parse_cases};
use kjit_tests::verdict::run_case;

/// Codes that no program can show: they are about directories, files, our own bugs, or limits that a page cannot hold.
const WITHOUT_PROGRAM: &[Code] = &[
    Code::K011,
    Code::K104,
    Code::K405,
    Code::K704,
    Code::K711,
    Code::K713,
    Code::K714,
    Code::K715,
    Code::K716,
    Code::K801,
    Code::K802,
    Code::K901,
];

fn page_path(code: Code) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors").join(format!("{code}.md"))
}

fn page(code: Code) -> Option<String> {
    std::fs::read_to_string(page_path(code)).ok()
}

/// The first program below a heading, with its calls.
fn section(text: &str, heading: &str) -> Option<Case> {
    parse_cases(Path::new("page.md"), text).into_iter().find(|case| case.title == heading)
}

/// Codes of what the compiler says about the last function of a program, for its annotated signature.
fn diagnose(source: &str) -> Vec<Diagnostic> {
    let engine = Engine::new(Config::new().cache(CacheDir::Off)).expect("an engine");
    let module = match Module::from_source(&engine, "page.k", source) {
        Ok(module) => module,
        Err(Error::Compile(error)) => return error.diagnostics,
        Err(other) => panic!("{other}"),
    };
    let Some(function) = module.function_names().pop() else { return module.warnings().to_vec() };
    let types = match annotated_signature(module.ast(), &function) {
        Ok(types) => types,
        Err(diagnostics) => return diagnostics,
    };
    match module.kernel(&function).and_then(|kernel| kernel.prepare_types(&types)) {
        Ok(prepared) => module.warnings().iter().chain(prepared.warnings()).cloned().collect(),
        Err(Error::Compile(error)) => error.diagnostics,
        Err(other) => panic!("{other}"),
    }
}

fn problems_of(code: Code, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with(&format!("# {code}: {}\n", code.title())) {
        problems.push(format!("{code}: the page's title is not `# {code}: {}`", code.title()));
    }
    let wrong = section(text, "Wrong");
    let right = section(text, "Right");
    if let Some(right) = &right {
        let found = diagnose(&right.source());
        if found.iter().any(Diagnostic::is_error) {
            problems.push(format!("{code}: the right program has errors: {found:?}"));
        }
        problems.extend(calls(code, right));
    }
    match wrong {
        Some(wrong) if has_calls(&wrong) => problems.extend(calls(code, &wrong)),
        Some(wrong) if code.name() >= "K700" => {
            let found = diagnose(&wrong.source());
            if found.iter().any(Diagnostic::is_error) {
                problems
                    .push(format!("{code}: the program that fails at run time does not compile: {found:?}"));
            }
        }
        Some(wrong) if !WITHOUT_PROGRAM.contains(&code) => {
            let found: Vec<Code> =
                diagnose(&wrong.source()).iter().map(|diagnostic| diagnostic.code).collect();
            if !found.contains(&code) {
                problems.push(format!("{code}: the wrong program has {found:?}"));
            }
        }
        Some(_) | None => {}
    }
    problems
}

fn has_calls(case: &Case) -> bool {
    case.blocks.iter().any(|block: &Block| block.kind == "call")
}

fn calls(code: Code, case: &Case) -> Vec<String> {
    if !has_calls(case) {
        return Vec::new();
    }
    run_case(case).problems.into_iter().map(|problem| format!("{code}: {}: {problem}", case.title)).collect()
}

#[test]
fn programs_of_the_pages_do_what_they_say() {
    let mut problems = Vec::new();
    for &code in Code::ALL {
        if let Some(text) = page(code) {
            problems.extend(problems_of(code, &text));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_code_has_a_page() {
    let missing: Vec<&str> =
        Code::ALL.iter().filter(|&&code| page(code).is_none()).map(|code| code.name()).collect();
    assert!(missing.is_empty(), "no page for {missing:?}");
}

#[test]
fn every_page_has_a_code() {
    let folder = page_path(Code::K001);
    let folder = folder.parent().expect("a folder");
    for entry in std::fs::read_dir(folder).expect("docs/errors") {
        let name = entry.expect("a file").file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".md") else { continue };
        let is_code = stem.parse::<Code>().is_ok() || !stem.starts_with('K');
        assert!(is_code, "{name} explains no code");
    }
}

#[test]
fn compile_time_pages_have_both_programs() {
    let mut problems = Vec::new();
    for &code in Code::ALL {
        let Some(text) = page(code) else { continue };
        if code.name() >= "K700" || WITHOUT_PROGRAM.contains(&code) {
            continue;
        }
        for heading in ["Wrong", "Right"] {
            if section(&text, heading).is_none() {
                problems.push(format!("{code} has no program under `## {heading}`"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
