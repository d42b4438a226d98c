//! What a whole process takes: `kjit run kernels/saxpy.k`, with and without a filled cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;

use crate::definitions::root;
use crate::peers::{eprintln_line, numba_python};
use crate::stats::{Summary, median};
use crate::{Plan, table};

/// One way to get the result.
#[derive(Serialize)]
pub(crate) struct ProcessTimes {
    pub name: String,
    /// Milliseconds from starting the process to its end.
    pub ms: Summary,
    /// Median over the rounds of the milliseconds over the empty process.
    pub over_empty_ms: f64,
}

/// All of them; the first is the empty process.
#[derive(Serialize)]
pub(crate) struct StartReport {
    pub processes: Vec<ProcessTimes>,
}

/// A program to start, and what to do before.
struct Program {
    name: &'static str,
    command: Vec<String>,
    env: Vec<(&'static str, String)>,
    /// Folder to empty before every start.
    emptied: Option<PathBuf>,
    /// Takes seconds: fewer rounds.
    is_slow: bool,
}

fn beside(name: &str) -> Option<String> {
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.exists().then(|| path.to_string_lossy().into_owned())
}

fn programs(folder: &Path) -> Vec<Program> {
    let mut programs = Vec::new();
    let mut add = |name, command: Vec<String>, env: Vec<(&'static str, String)>, emptied, is_slow| {
        programs.push(Program { name, command, env, emptied, is_slow });
    };
    let start_c = root().join("bench/peers/start.c").to_string_lossy().into_owned();
    for (name, flag) in [("empty process (C)", "-DEMPTY"), ("linked in (C)", "-march=native")] {
        let out = folder.join(flag).to_string_lossy().into_owned();
        let built = Command::new("cc").args(["-std=c11", "-O3", flag, &start_c, "-o", &out]).status();
        if built.is_ok_and(|status| status.success()) {
            add(name, vec![out], vec![], None, false);
        } else {
            eprintln_line(&format!("skipped: {name}: no C compiler"));
        }
    }
    if let Some(linked) = beside("kjit-bench-linked") {
        add("empty process (Rust)", vec![linked.clone(), "empty".into()], vec![], None, false);
        add("linked in (Rust)", vec![linked], vec![], None, false);
    }
    let Some(kjit) = beside("kjit") else {
        eprintln_line("skipped: kjit: build it first (cargo build --release)");
        return programs;
    };
    let kernel = root().join("kernels/saxpy.k").to_string_lossy().into_owned();
    for (name, part, n) in [
        ("kjit run, warm", "warm", None),
        ("kjit run, cold", "cold", None),
        ("kjit run, warm, n=4", "warm4", Some("n=4")),
        ("kjit run, cold, n=4", "cold4", Some("n=4")),
    ] {
        let cache = folder.join(part);
        std::fs::create_dir_all(&cache).expect("a temporary folder can be made");
        let mut command = vec![kjit.clone(), "run".into(), kernel.clone()];
        command.extend(n.map(str::to_owned));
        let env = vec![("KJIT_CACHE_DIR", cache.to_string_lossy().into_owned())];
        add(name, command, env, part.starts_with("cold").then_some(cache), false);
    }
    match numba_python() {
        Ok(python) => {
            let script = root().join("bench/peers/start_numba.py").to_string_lossy().into_owned();
            let command = vec![python.to_string_lossy().into_owned(), script];
            for (name, part) in [("Numba, warm", "nb-warm"), ("Numba, cold", "nb-cold")] {
                let cache = folder.join(part);
                std::fs::create_dir_all(&cache).expect("a temporary folder can be made");
                let env = vec![("NUMBA_CACHE_DIR", cache.to_string_lossy().into_owned())];
                add(name, command.clone(), env, part.ends_with("cold").then_some(cache), true);
            }
        }
        Err(error) => eprintln_line(&format!("skipped: Numba: {error}")),
    }
    programs
}

fn run(program: &Program) -> f64 {
    if let Some(folder) = &program.emptied {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).expect("a temporary folder can be made");
    }
    let mut command = Command::new(&program.command[0]);
    command.args(&program.command[1..]).envs(program.env.iter().map(|(k, v)| (*k, v)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status();
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    if status.is_ok_and(|status| status.success()) { elapsed } else { f64::NAN }
}

/// Starts them in turn.
pub(crate) fn measure(plan: &Plan) -> StartReport {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut programs = programs(folder.path());
    // The first start fills caches, of the system and of the program.
    programs.retain(|program| {
        let works = !run(program).is_nan();
        if !works {
            eprintln_line(&format!("skipped: {}: it fails", program.name));
        }
        works
    });
    let mut samples = vec![Vec::new(); programs.len()];
    for round in 0..plan.start_rounds {
        for turn in 0..programs.len() {
            let at = (turn + round) % programs.len();
            if !programs[at].is_slow || round % 6 == 0 {
                samples[at].push((round, run(&programs[at])));
            }
        }
    }
    let empty: Vec<(usize, f64)> = samples.first().cloned().unwrap_or_default();
    let processes = programs
        .iter()
        .zip(&samples)
        .map(|(program, samples)| {
            let ms: Vec<f64> = samples.iter().map(|(_, ms)| *ms).collect();
            let over: Vec<f64> = samples
                .iter()
                .filter_map(|(round, ms)| Some(ms - empty.iter().find(|(r, _)| r == round)?.1))
                .collect();
            ProcessTimes { name: program.name.into(), ms: Summary::of(&ms), over_empty_ms: median(&over) }
        })
        .collect();
    StartReport { processes }
}

impl StartReport {
    /// The table and what the aims say of it.
    pub(crate) fn markdown(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .processes
            .iter()
            .map(|p| {
                vec![
                    p.name.clone(),
                    table::number(p.ms.median),
                    table::number(p.ms.min),
                    table::number(p.over_empty_ms),
                ]
            })
            .collect();
        let find = |name: &str| self.processes.iter().find(|p| p.name == name);
        let ms = |name: &str| find(name).map_or(f64::NAN, |p| p.ms.median);
        format!(
            "## Start\n\nMilliseconds of whole processes: `kjit run kernels/saxpy.k` (a million elements) and the same work in other ways; \
             `n=4` is the same with next to no work.\n\n{}\nWarm with n=4, over an empty process: {:.2} ms (aim: 3). Warm, over the same \
             program in Rust with the kernel linked in: {:.2} ms (aim: 2). Numba, warm, takes {:.0} times as long as kjit with n=4 (aim: \
             100).\n",
            table::markdown(&["process", "ms", "at best", "over empty"], &rows),
            find("kjit run, warm, n=4").map_or(f64::NAN, |p| p.over_empty_ms),
            ms("kjit run, warm") - ms("linked in (Rust)"),
            ms("Numba, warm") / ms("kjit run, warm, n=4"),
        )
    }
}
