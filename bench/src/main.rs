//! The benchmarks: `cargo run --release -p kjit-bench -- [compile|start|run|vector|parallel|calls|gpu|all]... [--quick] [--only NAME,NAME]`.
//!
//! Writes `bench/results/<date>-<processor>.json`, `.md` and `.html`; `bench/README.md` says what the numbers mean.

mod arguments;
mod calls;
mod compile;
mod definitions;
mod generated;
mod gpu;
mod gpu_start;
mod html;
mod overhead;
mod peers;
mod run;
mod start;
mod stats;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use serde::Serialize;

use crate::peers::{Numba, eprintln_line};

/// How much is measured.
pub(crate) struct Plan {
    /// Only functions whose names contain one of these; all if empty.
    only: Vec<String>,
    /// Rounds of a contest at most.
    rounds: usize,
    /// Rounds however long they take.
    rounds_min: usize,
    /// Seconds for the rounds of one kernel.
    kernel_s: f64,
    compile_rounds: usize,
    start_rounds: usize,
    is_quick: bool,
}

impl Plan {
    fn new(is_quick: bool, only: Vec<String>) -> Plan {
        let (rounds, rounds_min, kernel_s) = if is_quick { (11, 5, 0.3) } else { (61, 9, 3.0) };
        let (compile_rounds, start_rounds) = if is_quick { (7, 13) } else { (51, 61) };
        Plan { only, rounds, rounds_min, kernel_s, compile_rounds, start_rounds, is_quick }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    fn sizes(&self) -> &'static [&'static str] {
        if self.is_quick { &["cache"] } else { &["cache", "large"] }
    }

    /// Levels of the memory.
    fn levels(&self) -> &'static [&'static str] {
        if self.is_quick { &["l1", "l2"] } else { &["l1", "l2", "dram"] }
    }
}

/// The results file.
#[derive(Serialize)]
struct Results {
    date: String,
    machine: Machine,
    compile: Option<compile::CompileReport>,
    start: Option<start::StartReport>,
    run: Option<run::RunReport>,
    vector: Option<run::VectorReport>,
    parallel: Option<run::ParallelReport>,
    calls: Option<overhead::OverheadReport>,
}

/// Where and with what it was measured.
#[derive(Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    /// The one-minute load before the first measurement: much more than 0 means neighbours.
    load_before: String,
    commit: String,
    /// `release`, or another profile of cargo.
    profile: String,
    rustc: String,
    cc: Option<String>,
    numba: serde_json::Value,
    options: String,
}

fn output_of(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(definitions::root()).output();
    output.map_or_else(|_| String::new(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

fn first_line_with(path: &str, key: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
}

fn machine(numba: Option<&Numba>) -> Machine {
    let is_changed = !output_of("git", &["status", "--porcelain", "-uno"]).is_empty();
    let commit = output_of("git", &["rev-parse", "--short=12", "HEAD"]);
    Machine {
        processor: first_line_with("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        kernel: output_of("uname", &["-sr"]),
        load_before: std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        commit: if is_changed { format!("{commit} and changes") } else { commit },
        profile: std::env::current_exe()
            .ok()
            .and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_default(),
        rustc: output_of("rustc", &["--version"]),
        cc: peers::cc_version(),
        numba: numba.map_or(serde_json::Value::Null, |numba| numba.versions.clone()),
        options: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
    }
}

fn markdown(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "# Benchmarks, {}\n\n| | |\n|---|---|\n| processor | {}, {} cores |\n| system | {} |\n| load before | {} |\n| kjit | {}, {} |\n| \
         rustc | {} |\n| C | {} |\n| Python | {} |\n| options | `{}` |\n\n",
        results.date,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.load_before,
        machine.commit,
        machine.profile,
        machine.rustc,
        machine.cc.as_deref().unwrap_or("none"),
        machine.numba,
        machine.options,
    );
    let sections = [
        results.compile.as_ref().map(compile::CompileReport::markdown),
        results.start.as_ref().map(start::StartReport::markdown),
        results.run.as_ref().map(run::RunReport::markdown),
        results.vector.as_ref().map(run::VectorReport::markdown),
        results.parallel.as_ref().map(run::ParallelReport::markdown),
        results.calls.as_ref().map(overhead::OverheadReport::markdown),
    ];
    for section in sections.into_iter().flatten() {
        text.push_str(&section);
        text.push('\n');
    }
    text
}

const SECTIONS: &[&str] = &["compile", "start", "run", "vector", "parallel", "calls"];

/// What the command line asks for.
struct Request {
    sections: Vec<String>,
    plan: Plan,
    out: PathBuf,
    without_numba: bool,
}

fn request() -> Result<Request, String> {
    let (mut sections, mut only, mut is_quick, mut without_numba) = (Vec::new(), Vec::new(), false, false);
    let mut out = definitions::root().join("bench/results");
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "all" => sections.extend(SECTIONS.iter().map(|s| (*s).to_owned())),
            "--quick" => is_quick = true,
            "--no-numba" => without_numba = true,
            "--only" => only.extend(args.next().ok_or("--only NAME,NAME")?.split(',').map(str::to_owned)),
            "--out" => out = args.next().ok_or("--out FOLDER")?.into(),
            section if SECTIONS.contains(&section) || section == "gpu" => sections.push(section.to_owned()),
            other => {
                return Err(format!(
                    "{other}? usage: kjit-bench [all|gpu|{}]... [--quick] [--no-numba] [--only NAME,NAME] [--out FOLDER]",
                    SECTIONS.join("|")
                ));
            }
        }
    }
    if sections.is_empty() {
        sections.extend(SECTIONS.iter().map(|s| (*s).to_owned()));
    }
    Ok(Request { sections, plan: Plan::new(is_quick, only), out, without_numba })
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("gpu-driver") {
        return match gpu_start::driver_only() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln_line(&error);
                ExitCode::FAILURE
            }
        };
    }
    // OpenMP's threads spin for a while after a loop, on the processors that the next contestant is to be measured on.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("OMP_WAIT_POLICY", "passive") };
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln_line(&error);
            ExitCode::FAILURE
        }
    }
}

/// The section `gpu`, which no other goes with: its files are named after the device.
fn gpu_alone(plan: &Plan, out: &std::path::Path) -> Result<(), String> {
    let bench = gpu::measure(plan)?;
    let text = bench.table();
    let json = serde_json::to_string_pretty(&bench).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let date = output_of("date", &["-u", "+%Y-%m-%d"]);
    for (extension, content) in [("json", &json), ("md", &text)] {
        let path = out.join(format!("{date}-gpu-{}.{extension}", bench.device_name()));
        std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

fn measure() -> Result<(), String> {
    let Request { sections, plan, out, without_numba } = request()?;
    if cfg!(debug_assertions) {
        eprintln_line("this is a debug build: nothing here means anything without --release");
    }
    let wants = |section: &str| sections.iter().any(|s| s == section);
    if wants("gpu") {
        return gpu_alone(&plan, &out);
    }
    let mut numba = None;
    if !without_numba && (wants("compile") || wants("run") || wants("vector")) {
        match Numba::start() {
            Ok(started) => numba = Some(started),
            Err(error) => eprintln_line(&format!("skipped: Numba: {error}")),
        }
    }
    let mut results = Results {
        date: output_of("date", &["-u", "+%Y-%m-%d"]),
        machine: machine(numba.as_ref()),
        compile: None,
        start: None,
        run: None,
        vector: None,
        parallel: None,
        calls: None,
    };
    results.compile = wants("compile").then(|| compile::measure(&plan, &mut numba));
    results.run = wants("run").then(|| run::serial(&plan, &mut numba));
    results.vector = wants("vector").then(|| run::vector(&plan, &mut numba));
    drop(numba);
    results.parallel = wants("parallel").then(|| run::parallel(&plan));
    results.calls = wants("calls").then(|| overhead::measure(&plan));
    results.start = wants("start").then(|| start::measure(&plan));

    let text = markdown(&results);
    let processor: String = results
        .machine
        .processor
        .chars()
        .map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let json = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
    for (extension, content) in [("json", &json), ("md", &text), ("html", &html::page(&text))] {
        let path = out.join(format!("{}-{processor}.{extension}", results.date));
        std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}
