//! Every case file below `cases/`, one test per heading. `KJIT_BLESS=1` rewrites messages and dumps, never values.
//!
//! Cases in `cases/known/` show known failures: they run and are reported, and do not fail the tests.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use kjit_tests::case::{case_files, parse_cases};
use kjit_tests::gpu;
use kjit_tests::setup::skipped;
use kjit_tests::verdict::{Edit, apply_edits, run_case};
use libtest_mimic::{Arguments, Failed, Trial};

type Edits = Arc<Mutex<BTreeMap<PathBuf, Vec<Edit>>>>;

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let edits = Edits::default();
    let mut trials = Vec::new();
    for path in case_files(&folder).expect("the folder of case files") {
        let text = std::fs::read_to_string(&path).expect("a case file");
        let file = path.strip_prefix(&folder).unwrap_or(&path).with_extension("");
        let is_known = file.starts_with("known");
        for case in parse_cases(&path, &text) {
            let name = format!("{}::{}", file.display(), case.title);
            let edits = Arc::clone(&edits);
            let kind = if is_known { "known failure" } else { "" };
            let trial = Trial::test(name, move || {
                let verdict = run_case(&case);
                if !verdict.edits.is_empty() {
                    edits
                        .lock()
                        .expect("no panic")
                        .entry(case.path.clone())
                        .or_default()
                        .extend(verdict.edits);
                }
                match (verdict.problems.is_empty(), is_known) {
                    (true, false) | (false, true) => Ok(()),
                    (true, true) => Err(Failed::from("passes now: move it out of `known`")),
                    (false, false) => {
                        let problems = verdict.problems.join("\n\n");
                        Err(Failed::from(format!("{}\n\n{problems}", case.path.display())))
                    }
                }
            });
            trials.push(trial.with_kind(kind));
        }
    }
    trials.push(gpu_trial());
    let conclusion = libtest_mimic::run(&args, trials);
    let _ = std::io::stdout().write_all(gpu::cases::summary().as_bytes());
    for line in skipped() {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
    for (path, edits) in std::mem::take(&mut *edits.lock().expect("no panic")) {
        let text = std::fs::read_to_string(&path).expect("a case file");
        std::fs::write(&path, apply_edits(&text, edits)).expect("a case file can be written");
    }
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// Stands for all runs of cases on the GPU: ignored, with the reason, where there are none.
fn gpu_trial() -> Trial {
    gpu::trials(
        &[("parallel loops also run on a GPU", || {
            gpu::cases::libraries().expect("a GPU");
        })],
        gpu::cases::libraries().err().as_deref(),
    )
    .remove(0)
}
