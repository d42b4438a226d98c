//! Runs random programs on every engine and says where they differ.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::case::{Action, Case, Line, parse_cases};
use crate::generate::{Focus, Program, generate, minimise};
use crate::run::{Outcome, Transcript, transcript};
use crate::setup::{REFERENCE, SCALAR_CODE, STRIPS, Setup, VECTOR_CODE};
use crate::verdict::differences;

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
    /// Programs of which a loop runs in vectors.
    pub vectors: usize,
    /// The program that took longest: its seed and milliseconds.
    pub slowest: (u64, u128),
}

/// Programs that take longer are left out: one of them takes the time of a hundred others.
const STEPS: u64 = 3_000_000;

fn case_of(program: &Program) -> Option<(Case, Vec<Line>)> {
    let text = program.case_text("random");
    let case = parse_cases(std::path::Path::new("random.md"), &text).pop()?;
    let lines = case.lines().ok()?;
    Some((case, lines))
}

/// What became of the program's loops: do they run in vectors, and why not?
#[must_use]
pub fn loops_of(program: &Program) -> Vec<(bool, String)> {
    let Some((case, lines)) = case_of(program) else { return Vec::new() };
    transcript(&STRIPS, &case.source(), &lines, None).loops
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
    let reference_setup = Setup { step_limit: STEPS, ..REFERENCE };
    let mut reference = transcript(&reference_setup, &source, &lines, path);
    let failure = reference.outcomes.iter().flatten().find_map(|outcome| match outcome {
        Outcome::Failed(message) => Some(message),
        Outcome::Value(_) | Outcome::Trap { .. } => None,
    });
    if let Some(message) = failure {
        let is_internal = message.contains("internal") || message.contains("K9");
        if is_internal {
            return Finding::Differs(message.clone());
        }
        return Finding::Rejected(message.clone());
    }
    // What a parallel loop that failed has written beyond the failing iteration is not specified.
    let hides_arrays = has_parallel && reference.outcomes.iter().any(is_trap);
    if hides_arrays {
        hide_arrays(&lines, &mut reference);
    }
    tally.traps += reference.outcomes.iter().filter(|o| is_trap(o)).count();
    let mut problems: Vec<String> = complaints(&reference, REFERENCE.name);
    // Compiling takes most of the time: code in one way whose results come with several numbers of threads, and in one other.
    let strips = transcript(&STRIPS, &source, &lines, path);
    let has_vectors = strips.loops.iter().any(|(is_vector, _)| *is_vector);
    tally.vectors += usize::from(has_vectors);
    let (always, sometimes) = if has_vectors { VECTOR_CODE } else { SCALAR_CODE };
    let hash = source.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    // More threads only matter to parallel loops.
    let always = if has_parallel { always } else { &always[..1 + hash / 64 % 2] };
    let other = &sometimes[hash % sometimes.len()];
    for setup in [&STRIPS].into_iter().chain(always).chain([other]) {
        let mut found =
            if setup.kind == STRIPS.kind { strips.clone() } else { transcript(setup, &source, &lines, path) };
        if hides_arrays {
            hide_arrays(&lines, &mut found);
        }
        problems.extend(complaints(&found, setup.name));
        problems.extend(differences(&lines, &reference, &found, setup));
        if !problems.is_empty() {
            return Finding::Differs(problems.join("\n"));
        }
    }
    if problems.is_empty() { Finding::Agrees } else { Finding::Differs(problems.join("\n")) }
}

fn is_trap(outcome: &Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Trap { .. }))
}

fn hide_arrays(lines: &[Line], transcript: &mut Transcript) {
    for (line, outcome) in lines.iter().zip(&mut transcript.outcomes) {
        if matches!(line.action, Action::Inspect(..)) {
            *outcome = None;
        }
    }
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

/// How a search runs.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The first program's seed; the next ones follow.
    pub first_seed: u64,
    /// What programs dwell on.
    pub focus: Focus,
    /// How long.
    pub time: Duration,
    /// Is written before each program, so that it survives a crash of the process.
    pub last: Option<&'a Path>,
    /// Programs on which engines differ are appended here, and the search goes on; else it stops at the first.
    pub found: Option<&'a Path>,
}

/// Runs programs until the time is over; `progress` hears of the numbers now and then.
///
/// # Errors
/// The first program on which engines differ, made small, as a case to paste; or how many there are in the file.
pub fn search(search: &Search<'_>, mut progress: impl FnMut(u64, &Tally)) -> Result<Tally, String> {
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut seed = search.first_seed;
    let mut findings = 0;
    while start.elapsed() < search.time {
        let program = generate(seed, search.focus);
        if let Some(path) = search.last {
            let _ = std::fs::write(path, program.case_text(&format!("Seed {seed}")));
        }
        let begin = Instant::now();
        let finding = examine_caught(&program, &mut tally);
        if begin.elapsed().as_millis() > tally.slowest.1 {
            tally.slowest = (seed, begin.elapsed().as_millis());
        }
        match finding {
            Finding::Agrees => {}
            Finding::Rejected(_) => tally.rejected += 1,
            Finding::Differs(found) => {
                let report = format!("seed {seed} ({:?}): {}", search.focus, small(&program, &found));
                let Some(path) = search.found else { return Err(report) };
                findings += 1;
                append(path, &report);
                if findings == 100 {
                    break;
                }
            }
        }
        tally.programs += 1;
        seed += 1;
        if tally.programs % 1000 == 0 {
            progress(seed, &tally);
        }
    }
    if findings > 0 { Err(format!("{findings} of {} programs differ", tally.programs)) } else { Ok(tally) }
}

fn append(path: &Path, report: &str) {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let _ = file.and_then(|mut file| writeln!(file, "{report}\n"));
}

/// What differs, and a smaller program on which it does.
fn small(program: &Program, found: &str) -> String {
    let kind = kind_of(found);
    let small = minimise(program, |candidate| match examine_caught(candidate, &mut Tally::default()) {
        Finding::Differs(other) => kind_of(&other) == kind,
        Finding::Agrees | Finding::Rejected(_) => false,
    });
    let found = match examine_caught(&small, &mut Tally::default()) {
        Finding::Differs(found) => found,
        Finding::Agrees | Finding::Rejected(_) => found.to_owned(),
    };
    format!("{found}\n\n{}", small.case_text("Found"))
}

/// Smaller programs must fail in the same way.
fn kind_of(found: &str) -> &'static str {
    [("panic", "panic"), ("alive", "leak"), ("outside its arrays", "outside"), ("internal", "internal")]
        .into_iter()
        .find(|(word, _)| found.contains(word))
        .map_or("value", |(_, kind)| kind)
}
