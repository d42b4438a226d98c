//! Fuzzers with a fixed budget: the parser and the whole front end meet damaged programs, and neither panic nor hang.
//!
//! Valid programs (the kernel library, the case files, random ones) are damaged: bytes and tokens are removed, repeated, moved, replaced
//! by others; then parsed and, if that works, compiled. `KJIT_FUZZ_SECONDS` as in `differential.rs`; one sixth of it for each test.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use kjit::{CacheDir, Config, Engine, Module};
use kjit_compiler::infer::annotated_signature;
use kjit_compiler::syntax;
use kjit_tests::case::{case_files, parse_cases};
use kjit_tests::generate::{Focus, Rng, generate};

fn budget() -> Duration {
    let seconds = std::env::var("KJIT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60.0);
    Duration::from_secs_f64(seconds / 6.0)
}

fn first_seed() -> u64 {
    std::env::var("KJIT_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Programs to damage.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(folder.join("../kernels")).expect("kernels/").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "k") {
            programs.push(std::fs::read_to_string(entry.path()).expect("a kernel"));
        }
    }
    for path in case_files(&folder.join("cases")).expect("case files") {
        let text = std::fs::read_to_string(&path).expect("a case file");
        programs.extend(parse_cases(&path, &text).iter().map(kjit_tests::case::Case::source));
    }
    for seed in 0..40 {
        programs.push(generate(seed, Focus::Arrays).source());
        programs.push(generate(seed, Focus::Parallel).source());
    }
    programs
}

const SPLICES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\n",
    "\n    ",
    "\t",
    "\"",
    "'",
    "f\"{",
    "}\"",
    "#",
    "\\\n",
    "=",
    "==",
    "+=",
    "**",
    "//",
    "not ",
    " and ",
    " or ",
    " if ",
    " else ",
    "lambda x: ",
    "def f(x):",
    "return ",
    "for i in range(9):",
    "while True:",
    "prange",
    "break",
    "continue",
    "yield ",
    "class A:",
    "import os",
    "@njit",
    "global x",
    "None",
    "True",
    "1e999",
    "0x",
    "9999999999999999999999",
    "-9223372036854775808",
    "1j",
    "\u{e9}",
    "\u{1f600}",
    "\0",
    "\u{feff}",
    "x[::0]",
    "x.T",
    "np.",
    "np.zeros((",
    "dtype=",
    "...",
    "x[i][j]",
    "((((((((((",
    "[[[[[[[[",
    "- - - -",
    "~",
    "@",
    "assert ",
    "raise ",
    "del ",
    "pass",
    "range(1, 2, 0)",
    "a, b = b, a",
    "*args",
    "**kw",
    ": f64[:, ::1]",
    " -> i64",
    "1 if",
    "x.sum(",
    "len(",
    "int(",
    "f32(",
    "u8(",
    "math.sqrt(",
    "np.random.rand(",
];

/// One damaged program.
fn mutate(rng: &mut Rng, corpus: &[String]) -> String {
    let mut text = corpus[rng.below(corpus.len())].clone();
    for _ in 0..1 + rng.below(4) {
        let at = boundary(&text, rng.below(text.len() + 1));
        let other = boundary(&text, (at + rng.below(40)).min(text.len()));
        match rng.below(8) {
            0 => text.replace_range(at..other, ""),
            1 => text.insert_str(at, SPLICES[rng.below(SPLICES.len())]),
            2 => text.replace_range(at..other, SPLICES[rng.below(SPLICES.len())]),
            3 => {
                let part = text[at..other].to_owned();
                let to = boundary(&text, rng.below(text.len() + 1));
                text.insert_str(to, &part);
            }
            4 => text.truncate(at),
            5 => {
                // A line moves or is doubled.
                let lines: Vec<&str> = text.lines().collect();
                if !lines.is_empty() {
                    let (from, to) = (rng.below(lines.len()), rng.below(lines.len()));
                    let mut moved: Vec<&str> = lines.clone();
                    let line = if rng.percent(50) { moved.remove(from) } else { moved[from] };
                    moved.insert(to.min(moved.len()), line);
                    text = moved.join("\n") + "\n";
                }
            }
            6 => {
                // One name or number becomes another of the program.
                let words: Vec<(usize, &str)> = words(&text);
                if words.len() > 1 {
                    let (at, old) = words[rng.below(words.len())];
                    let new = words[rng.below(words.len())].1.to_owned();
                    text.replace_range(at..at + old.len(), &new);
                }
            }
            _ => {
                let from = &corpus[rng.below(corpus.len())];
                let start = boundary(from, rng.below(from.len() + 1));
                let end = boundary(from, (start + rng.below(80)).min(from.len()));
                text.insert_str(at, &from[start..end]);
            }
        }
    }
    text
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
        .collect()
}

/// Runs `check` on damaged programs until the time is over; a panic or a slow program fails the test with the program.
#[allow(clippy::print_stdout, reason = "a test's report")]
fn fuzz(name: &str, check: impl Fn(&str)) {
    let corpus = corpus();
    let (start, first) = (Instant::now(), first_seed());
    let mut seed = first;
    while start.elapsed() < budget() {
        let text = mutate(&mut Rng::new(seed), &corpus);
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| check(&text)));
        assert!(result.is_ok(), "{name}: seed {seed} panics:\n{text}");
        let time = began.elapsed();
        assert!(time < Duration::from_secs(10), "{name}: seed {seed} takes {time:?}:\n{text}");
        seed += 1;
    }
    println!("{name}: seeds {first}..{seed}");
    assert!(seed > first + 10);
}

#[test]
fn the_parser_survives_damaged_programs() {
    fuzz("parser", |text| {
        let (ast, diagnostics) = syntax::parse(text);
        for diagnostic in &diagnostics {
            let (start, end) = (diagnostic.primary.span.start as usize, diagnostic.primary.span.end as usize);
            assert!(start <= end && end <= text.len(), "{diagnostic:?}");
        }
        let shown = kjit_compiler::base::render::render(
            &diagnostics,
            text,
            "fuzz.k",
            kjit_compiler::base::render::Style::Plain,
        );
        assert_eq!(shown.is_empty(), diagnostics.is_empty());
        drop(ast);
    });
}

#[test]
fn the_compiler_survives_damaged_programs() {
    let engine = Engine::new(Config::new().cache(CacheDir::Off).threads(1)).expect("an engine");
    fuzz("compiler", |text| {
        let Ok(module) = Module::from_source(&engine, "fuzz.k", text) else { return };
        for name in module.function_names().iter().take(3) {
            let kernel = module.kernel(name).expect("a kernel");
            let types = annotated_signature(module.ast(), name).unwrap_or_else(|_| guess(&kernel));
            match kernel.prepare_types(&types) {
                Ok(_) => {}
                Err(kjit::Error::Compile(error)) => {
                    assert!(error.diagnostics.iter().any(kjit::Diagnostic::is_error), "{error:?}");
                    let code = error.diagnostics.iter().find(|d| d.code.name().starts_with("K9"));
                    assert!(code.is_none(), "an internal error: {code:?}");
                }
                Err(kjit::Error::Internal(message)) => panic!("internal: {message}"),
                Err(_) => {}
            }
        }
    });
}

/// Types for parameters without annotations: arrays for the usual names, else numbers.
fn guess(kernel: &kjit::Kernel) -> Vec<kjit::ArgTy> {
    use kjit::{ArgTy, ArrayTy, DType, Ty};
    let params = kernel.params();
    let ty = |name: &str| match name {
        "x" | "y" | "out" | "z" | "u" | "v" => Ty::Array(ArrayTy::new(DType::F64, 1)),
        "k" | "idx" => Ty::Array(ArrayTy::new(DType::I64, 1)),
        "m" | "a" => Ty::Array(ArrayTy::new(DType::F64, 2)),
        "b" | "s" | "t" => Ty::F64,
        _ => Ty::I64,
    };
    params.iter().map(|(name, _)| ArgTy::Given(ty(name))).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "tells which one crashed")]
fn deep_and_long_programs_are_errors_or_compile() {
    let engine = Engine::new(Config::new().cache(CacheDir::Off).threads(1)).expect("an engine");
    let deep = |open: &str, close: &str, n: usize| {
        format!("def f(x):\n    return {}x{}\n", open.repeat(n), close.repeat(n))
    };
    let nested_ifs: String =
        (0..400).map(|depth| format!("{}if x > {depth}:\n", "    ".repeat(depth + 1))).collect::<String>();
    let programs = [
        deep("(", ")", 20_000),
        deep("-", "", 20_000),
        deep("not ", "", 20_000),
        deep("[", "]", 5_000),
        deep("x + (", ")", 5_000),
        deep("abs(", ")", 2_000),
        format!("def f(x):\n    return x{}\n", " + x".repeat(20_000)),
        format!("def f(x):\n    return x{}\n", " ** x".repeat(5_000)),
        format!("def f(x):\n    return x{}\n", " < x".repeat(5_000)),
        format!("def f(x):\n    return x{}\n", " and x".repeat(5_000)),
        format!("def f(x):\n    return {}x{}\n", "x if x else ".repeat(3_000), ""),
        format!("def f(x):\n{nested_ifs}{}return 1\n    return 2\n", "    ".repeat(401)),
        format!("def f(x):\n{}    return x\n", "    x = x + 1\n".repeat(3_000)),
        format!("def f(x):\n{}    return x\n", "    if x > 1:\n        x = x + 1\n".repeat(1_000)),
        format!(
            "def f({}):\n    return 1\n",
            (0..500).map(|k| format!("p{k}")).collect::<Vec<_>>().join(", ")
        ),
        "def f(x):\n    return \"".to_owned() + &"{".repeat(10_000),
        "x".repeat(1 << 20),
        "\n".repeat(1 << 20),
    ];
    for (number, program) in programs.into_iter().enumerate() {
        println!("program {number}");
        let start = Instant::now();
        if let Ok(module) = Module::from_source(&engine, "deep.k", &program)
            && let Ok(kernel) = module.kernel("f")
        {
            // Any answer is fine; a crash or a hang is not.
            drop(kernel.prepare_types(&[kjit::ArgTy::Given(kjit::Ty::I64)]));
        }
        let time = start.elapsed();
        let head: String = program.chars().take(60).collect();
        assert!(time < Duration::from_secs(60), "{time:?} for {head}...");
    }
}
