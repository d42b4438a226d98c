//! Runs random programs on every engine and says where they differ.

use std::time::{Duration, Instant};

use crate::case::{Case, Line, parse_cases};
use crate::generate::{Focus, Program, generate, minimise};
use crate::run::{LAYOUTS, Outcome, SETUPS, Transcript, differences, transcript};

/// What came of one program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// All engines agree.
    Agrees,
    /// It is not a program of the language, all engines say.
    Rejected(String),
    /// They differ.
    Differs(String),
}

/// Numbers of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Programs that ran.
    pub programs: usize,
    /// Programs that no engine accepts.
    pub rejected: usize,
    /// Calls that ended with an error, the same everywhere.
    pub traps: usize,
}

fn case_of(program: &Program) -> Option<(Case, Vec<Line>)> {
    let text = program.case_text("random");
    let case = parse_cases(std::path::Path::new("random.md"), &text).pop()?;
    let lines = case.lines().ok()?;
    Some((case, lines))
}

/// Runs a program on every engine.
pub fn examine(program: &Program, tally: &mut Tally) -> Finding {
    let Some((case, lines)) = case_of(program) else {
        return Finding::Rejected("the calls cannot be read".into());
    };
    let source = case.source();
    let has_parallel = source.contains("prange");
    let directory = tempfile::tempdir().ok();
    let path = directory.as_ref().map(tempfile::TempDir::path);
    let reference = transcript(&SETUPS[0], &source, &lines, path);
    if let Some(Some(Outcome::Failed(message))) = reference.outcomes.first() {
        let is_internal = message.contains("internal") || message.contains("K9");
        if is_internal {
            return Finding::Differs(message.clone());
        }
        return Finding::Rejected(message.clone());
    }
    tally.traps += reference.outcomes.iter().filter(|o| matches!(o, Some(Outcome::Trap { .. }))).count();
    let mut problems: Vec<String> = complaints(&reference, SETUPS[0].name);
    let layout = &LAYOUTS[source.len() % LAYOUTS.len()];
    for setup in SETUPS[1..].iter().chain([layout]) {
        // More threads only matter to parallel loops.
        if !has_parallel && setup.threads == 7 {
            continue;
        }
        let found = transcript(setup, &source, &lines, path);
        problems.extend(complaints(&found, setup.name));
        problems.extend(differences(&lines, &reference, &found, setup));
        if !problems.is_empty() {
            return Finding::Differs(problems.join("\n"));
        }
    }
    if problems.is_empty() { Finding::Agrees } else { Finding::Differs(problems.join("\n")) }
}

fn complaints(transcript: &Transcript, name: &str) -> Vec<String> {
    transcript.complaints.iter().map(|complaint| format!("{name}: {complaint}")).collect()
}

/// Examines, with panics of the compiler as differences.
pub fn examine_caught(program: &Program, tally: &mut Tally) -> Finding {
    let mut inner = *tally;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| examine(program, &mut inner)));
    *tally = inner;
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Finding::Differs(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Programs from that seed on until the time is over.
///
/// # Errors
/// The first program on which engines differ, made small, as a case to paste.
pub fn search(first_seed: u64, focus: Focus, time: Duration) -> Result<Tally, String> {
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut seed = first_seed;
    while start.elapsed() < time {
        let program = generate(seed, focus);
        if let Some(path) = std::env::var_os("KJIT_FUZZ_LAST") {
            // Survives a crash of the process.
            let _ = std::fs::write(path, program.case_text(&format!("Seed {seed}")));
        }
        match examine_caught(&program, &mut tally) {
            Finding::Agrees => {}
            Finding::Rejected(_) => tally.rejected += 1,
            Finding::Differs(found) => {
                let kind = kind_of(&found);
                let small =
                    minimise(&program, |candidate| match examine_caught(candidate, &mut Tally::default()) {
                        Finding::Differs(other) => kind_of(&other) == kind,
                        Finding::Agrees | Finding::Rejected(_) => false,
                    });
                let found = match examine_caught(&small, &mut Tally::default()) {
                    Finding::Differs(found) => found,
                    Finding::Agrees | Finding::Rejected(_) => found,
                };
                return Err(format!("seed {seed} ({focus:?}): {found}\n\n{}", small.case_text("Found")));
            }
        }
        tally.programs += 1;
        seed += 1;
    }
    Ok(tally)
}

/// Smaller programs must fail in the same way.
fn kind_of(found: &str) -> &'static str {
    [("panic", "panic"), ("alive", "leak"), ("outside its arrays", "outside"), ("internal", "internal")]
        .into_iter()
        .find(|(word, _)| found.contains(word))
        .map_or("value", |(_, kind)| kind)
}
