//! Random programs: interpreter, native code with and without the passes, 1, 2 and 7 threads, and code from the cache agree to
//! the bit, errors included.
//!
//! `KJIT_FUZZ_SECONDS` (default 60 in all) is spread over the tests; `KJIT_FUZZ_SEED` is the first seed (default: a fixed one).

use std::time::Duration;

use kjit_tests::differ::{Finding, Tally, examine, search};
use kjit_tests::generate::{Focus, generate};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Searches for a third of the time.
#[allow(clippy::print_stdout, reason = "a test's report")]
fn run(focus: Focus) {
    let first = number("KJIT_FUZZ_SEED", 1);
    let time = Duration::from_millis(number("KJIT_FUZZ_SECONDS", 60) * 1000 / 3);
    match search(first, focus, time) {
        Ok(tally) => {
            println!("{focus:?}: seeds from {first}: {tally:?}");
            assert!(tally.programs > 0);
            assert!(tally.rejected * 2 < tally.programs, "most programs are accepted: {tally:?}");
        }
        Err(report) => panic!("{report}"),
    }
}

#[test]
fn scalar_programs() {
    run(Focus::Scalars);
}

#[test]
fn array_programs() {
    run(Focus::Arrays);
}

#[test]
fn parallel_programs() {
    run(Focus::Parallel);
}

/// Looks at the first programs: why are some rejected? Run by hand.
#[test]
#[ignore = "shows what the generator makes"]
#[allow(clippy::print_stdout, reason = "it is for reading")]
fn show() {
    let first = number("KJIT_FUZZ_SEED", 1);
    for focus in [Focus::Scalars, Focus::Arrays, Focus::Parallel] {
        for seed in first..first + number("KJIT_FUZZ_COUNT", 30) {
            let program = generate(seed, focus);
            match examine(&program, &mut Tally::default()) {
                Finding::Agrees => {}
                other => println!("{focus:?} {seed}: {other:?}"),
            }
            if std::env::var_os("KJIT_FUZZ_SHOW").is_some() {
                println!("{}", program.case_text("Shown"));
            }
        }
    }
}
