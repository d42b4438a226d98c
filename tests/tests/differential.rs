//! Random programs: interpreter, native code with and without the passes, 1, 2 and 7 threads, and code from the cache agree to
//! the bit, errors included.
//!
//! `KJIT_FUZZ_SECONDS` (default 60 in all) is spread over the tests; `KJIT_FUZZ_SEED` is the first seed (default: a fixed one).
//! For a long search: `KJIT_FUZZ_LAST=FILE` keeps each test's last program in case it takes the process with it, and with
//! `KJIT_FUZZ_FOUND=FILE` programs on which engines differ are collected there while the search goes on.
//!
//! ```text
//! KJIT_FUZZ_SEED=1000000 KJIT_FUZZ_SECONDS=7200 KJIT_FUZZ_FOUND=/tmp/found.md \
//!     cargo test --profile fuzz -p kjit-tests --test differential -- --nocapture
//! ```

use std::path::PathBuf;
use std::time::Duration;

use kjit_tests::differ::{Finding, Search, Tally, examine, loops_of, search};
use kjit_tests::generate::{Focus, generate};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Searches for a quarter of the time.
#[allow(clippy::print_stdout, reason = "a test's report")]
fn run(focus: Focus) {
    let first_seed = number("KJIT_FUZZ_SEED", 1);
    let time = Duration::from_millis(number("KJIT_FUZZ_SECONDS", 60) * 1000 / Focus::ALL.len() as u64);
    let last = std::env::var("KJIT_FUZZ_LAST").ok().map(|path| PathBuf::from(format!("{path}.{focus:?}")));
    let found = std::env::var_os("KJIT_FUZZ_FOUND").map(PathBuf::from);
    let wanted = Search { first_seed, focus, time, last: last.as_deref(), found: found.as_deref() };
    let result = search(&wanted, |seed, tally| {
        if found.is_some() {
            println!("{focus:?}: up to seed {seed}: {tally:?}");
        }
    });
    match result {
        Ok(tally) => {
            println!("{focus:?}: seeds from {first_seed}: {tally:?}");
            assert!(tally.programs > 0);
            assert!(tally.rejected * 3 < tally.programs, "most programs are accepted: {tally:?}");
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

#[test]
fn vector_programs() {
    run(Focus::Vectors);
}

/// Looks at the first programs: why are some rejected? Run by hand.
#[test]
#[ignore = "shows what the generator makes"]
#[allow(clippy::print_stdout, reason = "it is for reading")]
fn show() {
    let first = number("KJIT_FUZZ_SEED", 1);
    let wanted = std::env::var("KJIT_FUZZ_FOCUS").unwrap_or_default();
    let mut tally = Tally::default();
    for focus in Focus::ALL.into_iter().filter(|focus| wanted.is_empty() || format!("{focus:?}") == wanted) {
        for seed in first..first + number("KJIT_FUZZ_COUNT", 30) {
            let program = generate(seed, focus);
            match examine(&program, &mut tally) {
                Finding::Agrees => {}
                other => println!("{focus:?} {seed}: {other:?}"),
            }
            for (is_vector, remark) in loops_of(&program) {
                println!("{focus:?} loop: {}{remark}", if is_vector { "" } else { "-- " });
            }
            if std::env::var_os("KJIT_FUZZ_SHOW").is_some() {
                println!("{}", program.case_text("Shown"));
            }
        }
        println!("{focus:?}: {tally:?}");
    }
}
