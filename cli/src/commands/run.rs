//! `kjit run`: compile, call, tell the results.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use kjit::{ArrayRef, Config, DynArray, Origin, Prepared, Progress, Value};
use serde_json::json;

use super::{Session, gpu, open};
use crate::args::RunArgs;
use crate::bind::{self, Bindings, Bound};
use crate::exit::{ErrorFormat, Failure, Outcome, note, show_diagnostics};
use crate::summary::{self, Named, Part};
use crate::{files, generate, interrupt, output};

pub(crate) fn run(args: &RunArgs, format: ErrorFormat) -> Outcome {
    let target = &args.target;
    let requests = args.output.iter().map(|text| Request::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if !requests.is_empty() {
        output::keep_running_when_closed();
    }
    let bar = Bar::default();
    let session = open("run", target, config(args, format, &bar)?)?;
    target.warn_about_cache(&session.engine);
    let had_note = session.engine.gpu_note().is_some();
    target.tell_device(&session.engine);
    interrupt::install(&session.engine);
    let kernel = &session.kernel;
    let start = Instant::now();
    let mut bindings = bind::bind(&session, &target.values, target.seed)?;
    let bind_time = start.elapsed();
    let prepared = kernel.prepare(&bind::args(&mut bindings)?)?;
    session.show_warnings(prepared.warnings(), target, format)?;
    for request in &requests {
        request.check(&prepared, kernel.name())?;
    }
    let mut times = Vec::new();
    let mut last = None;
    for round in 0..args.repeat {
        // The last run may have the originals.
        let mut own = if round + 1 < args.repeat { Some(bind::fresh(&bindings)?) } else { None };
        let used = own.as_mut().unwrap_or(&mut bindings);
        let mut call_args = bind::args(used)?;
        let start = Instant::now();
        let value = interrupt::during(|| prepared.call(&mut call_args));
        times.push(start.elapsed());
        bar.finish();
        last = Some(value?);
    }
    let value = last.unwrap_or(Value::None);
    let parts = results(&prepared, &value, &bindings);
    let write_start = Instant::now();
    write_files(&requests, &parts, &value, &bindings)?;
    let write_time = write_start.elapsed();
    if args.json {
        let report = report(&session, &prepared, &parts, &times, target.no_cache);
        output::line(&serde_json::to_string_pretty(&report).unwrap_or_default())?;
    } else {
        for part in &parts {
            output::line(&if args.print { summary::full(part) } else { summary::line(part) })?;
        }
    }
    output::flush()?;
    if !had_note {
        target.tell_device(&session.engine);
    }
    if args.time {
        show_times(&prepared, bind_time, &times, write_time, !requests.is_empty());
        if let Some(report) = session.engine.gpu_report() {
            gpu::show_report(&report, times.len());
        }
    }
    Ok(())
}

fn config(args: &RunArgs, format: ErrorFormat, bar: &Bar) -> Result<Config, Failure> {
    let mut config = args.target.config()?;
    if args.json {
        // One object on standard output and nothing else.
        config = config.print(note);
    }
    if args.time || args.json {
        config = config.measure_gpu(true);
    }
    if let Some(steps) = args.step_limit {
        config = config.step_limit(steps);
    }
    config = config.warnings(move |found| {
        show_diagnostics(&found.diagnostics, &found.source, &found.file, format);
    });
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        let bar = bar.clone();
        config = config.progress(move |progress| bar.show(progress));
    }
    Ok(config)
}

/// The parts of the returned value by their names, then the arrays that the kernel wrote.
fn results<'a>(prepared: &Prepared, value: &'a Value, bindings: &'a Bindings) -> Vec<Named<'a>> {
    let signature = prepared.signature();
    let names: Vec<Option<String>> =
        signature.ret_names.iter().map(|name| name.as_ref().map(ToString::to_string)).collect();
    let mut parts = Vec::new();
    match value {
        Value::Tuple(_) => summary::parts_of(value, "return", &names, &mut parts),
        Value::None | Value::Scalar(_) | Value::Array(_) => {
            let name = names.first().cloned().flatten().unwrap_or_else(|| "return".to_owned());
            summary::parts_of(value, &name, &[], &mut parts);
        }
    }
    for ((name, _), is_written) in signature.params.iter().zip(&signature.writes) {
        let is_told = parts.iter().any(|part| part.name == name.as_str());
        if *is_written && !is_told {
            parts.extend(argument(name, bindings));
        }
    }
    parts
}

fn argument<'a>(name: &str, bindings: &'a Bindings) -> Option<Named<'a>> {
    match bindings.iter().find(|(known, _)| known == name) {
        Some((name, Bound::Array(array))) => Some(Named { name: name.clone(), part: Part::Array(array) }),
        _ => None,
    }
}

/// `-o NAME=PATH`, or `-o PATH.npz` for all results.
struct Request {
    name: Option<String>,
    path: String,
}

impl Request {
    fn parse(text: &str) -> Result<Request, Failure> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (Some(name.to_owned()), path),
            None if text.ends_with(".npz") => (None, text),
            None => {
                return Err(Failure::usage(format!(
                    "`-o {text}` is not of the form NAME=PATH, such as `-o return={text}`"
                )));
            }
        };
        let file = Path::new(path);
        if !matches!(file.extension().and_then(|extension| extension.to_str()), Some("npy" | "npz" | "png")) {
            return Err(Failure::usage(format!("`-o {text}`: results are written as .npy, .npz or .png")));
        }
        // An hour of computing must not end in a missing directory.
        let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
        if let Some(directory) = directory
            && !directory.is_dir()
        {
            return Err(Failure::data(format!("{path}: there is no directory {}", directory.display())));
        }
        Ok(Request { name, path: path.to_owned() })
    }

    /// Refuses a name that no result will have.
    fn check(&self, prepared: &Prepared, function: &str) -> Outcome {
        let Some(name) = &self.name else { return Ok(()) };
        let signature = prepared.signature();
        let mut known: Vec<String> = Vec::new();
        known.extend(signature.ret_names.iter().flatten().map(ToString::to_string));
        summary::part_names(&signature.ret, "return", &mut known);
        let arrays = signature.params.iter().filter(|(_, ty)| ty.array().is_some());
        known.extend(arrays.map(|(name, _)| name.to_string()));
        if known.contains(name) {
            return Ok(());
        }
        let hint =
            bind::nearest(name, &known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let list = if known.is_empty() {
            "it returns nothing and takes no arrays".to_owned()
        } else {
            format!(
                "there are {}",
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )
        };
        Err(Failure::usage(format!("`{function}` has no result `{name}` ({list}){hint}")))
    }
}

fn write_files(requests: &[Request], parts: &[Named<'_>], value: &Value, bindings: &Bindings) -> Outcome {
    let mut archives: Vec<(&str, Vec<(String, DynArray)>)> = Vec::new();
    for request in requests {
        let path = request.path.as_str();
        let chosen: Vec<Named<'_>> = match &request.name {
            None => parts.iter().map(Named::clone).collect(),
            Some(name) => find(name, parts, value, bindings).into_iter().collect(),
        };
        if path.ends_with(".npz") {
            let at = archives.iter().position(|(known, _)| *known == path).unwrap_or_else(|| {
                archives.push((path, Vec::new()));
                archives.len() - 1
            });
            for named in chosen {
                archives[at].1.push((named.name.clone(), as_array(&named)?));
            }
            continue;
        }
        for named in &chosen {
            let array = as_array(named)?;
            files::save(path, &array.view()).map_err(Failure::data)?;
        }
    }
    for (path, arrays) in &archives {
        let views: Vec<(String, ArrayRef<'_>)> =
            arrays.iter().map(|(name, array)| (name.clone(), array.view())).collect();
        files::save_archive(path, &views).map_err(Failure::data)?;
    }
    Ok(())
}

fn find<'a>(name: &str, parts: &[Named<'a>], value: &'a Value, bindings: &'a Bindings) -> Option<Named<'a>> {
    if let Some(part) = parts.iter().find(|part| part.name == name) {
        return Some(part.clone());
    }
    let mut by_position = Vec::new();
    summary::parts_of(value, "return", &[], &mut by_position);
    by_position.into_iter().find(|part| part.name == name).or_else(|| argument(name, bindings))
}

/// The result as an array of its own; a number is one of rank 0.
fn as_array(named: &Named<'_>) -> Result<DynArray, Failure> {
    match named.part {
        Part::Scalar(value) => {
            generate::from_scalars(std::iter::once(value), value.dtype(), &[]).map_err(Failure::data)
        }
        Part::Array(array) => Ok(array.try_clone()?),
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// Times in ascending order: the middle one.
pub(crate) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    match sorted.len() {
        0 => Duration::ZERO,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2,
    }
}

/// Compiling, and loading (from the cache and into executable memory).
pub(crate) fn compile_and_load(prepared: &Prepared) -> (Duration, Duration) {
    let is_load = |stage: &str| matches!(stage, "load" | "cache");
    let stages = &prepared.info().stages;
    let total =
        |load: bool| stages.iter().filter(|(name, _)| is_load(name) == load).map(|(_, time)| *time).sum();
    (total(false), total(true))
}

fn report(
    session: &Session,
    prepared: &Prepared,
    parts: &[Named<'_>],
    times: &[Duration],
    no_cache: bool,
) -> serde_json::Value {
    let (compile, load) = compile_and_load(prepared);
    let source = session.module.source();
    let cache = match prepared.info().origin {
        Origin::Cache => "hit",
        Origin::Compiled if no_cache || session.engine.cache_warning().is_some() => "off",
        Origin::Compiled => "miss",
    };
    let remarks: Vec<_> = prepared
        .remarks()
        .iter()
        .map(|remark| {
            let (line, column) = remark.span.line_column(source);
            let kind = format!("{:?}", remark.kind).to_lowercase();
            json!({ "line": line, "column": column, "kind": kind, "text": remark.sentence(source) })
        })
        .collect();
    json!({
        "file": session.kernel.file(),
        "function": session.kernel.name(),
        "signature": summary::signature(prepared.signature()),
        "results": parts.iter().map(summary::as_json).collect::<Vec<_>>(),
        "time": {
            "compile_s": seconds(compile),
            "load_s": seconds(load),
            "runs_s": times.iter().map(|time| seconds(*time)).collect::<Vec<_>>(),
            "median_s": seconds(median(times)),
            "min_s": times.iter().min().map_or(0.0, |time| seconds(*time)),
        },
        "cache": cache,
        "threads": session.engine.threads(),
        "gpu": session.engine.gpu_report().map(|report| gpu::report_json(&session.engine, &report)),
        "remarks": remarks,
    })
}

fn show_times(prepared: &Prepared, bind: Duration, times: &[Duration], write: Duration, has_files: bool) {
    note(&format!("{:>12}  arguments", summary::duration(bind)));
    for (stage, time) in &prepared.info().stages {
        note(&format!("{:>12}  {stage}", summary::duration(*time)));
    }
    if times.len() == 1 {
        note(&format!("{:>12}  run", summary::duration(times[0])));
    } else {
        let least = times.iter().min().copied().unwrap_or_default();
        let (median, least) = (summary::duration(median(times)), summary::duration(least));
        note(&format!("{median:>12}  run (median of {}, least {least})", times.len()));
    }
    if has_files {
        note(&format!("{:>12}  writing results", summary::duration(write)));
    }
}

/// A progress bar on a terminal, for loops that run longer than a second.
#[derive(Clone, Default)]
struct Bar(Arc<BarState>);

#[derive(Default)]
struct BarState {
    first: OnceLock<Instant>,
    bar: OnceLock<ProgressBar>,
}

impl Bar {
    fn show(&self, progress: Progress) {
        let first = self.0.first.get_or_init(Instant::now);
        if first.elapsed() < Duration::from_secs(1) || progress.total == 0 {
            return;
        }
        let bar = self.0.bar.get_or_init(|| {
            let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed}, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(progress.total).with_style(style)
        });
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }

    fn finish(&self) {
        if let Some(bar) = self.0.bar.get() {
            bar.finish_and_clear();
        }
    }
}
