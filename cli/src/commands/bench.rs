//! `kjit bench`: warm-up, repeats, median and spread.

use std::path::Path;
use std::time::{Duration, Instant};

use kjit::{DeviceKind, Options, Prepared, Value};
use serde_json::{Value as Json, json};

use super::run::{compile_and_load, median};
use super::{Session, bench_page, open};
use crate::args::BenchArgs;
use crate::bind::{self, Bindings, Bound};
use crate::exit::{ErrorFormat, Failure, Outcome, note};
use crate::{interrupt, output, summary};

/// Timed stretches are at least that long where calls can simply be repeated.
const SAMPLE: Duration = Duration::from_micros(100);
/// Calls that take longer are not repeated to count their operations.
const LONGEST_COUNT: Duration = Duration::from_secs(3);
/// Runs before the clock counts.
const WARM_UP: Duration = Duration::from_millis(50);

/// One measured case.
struct Measured {
    size: Option<String>,
    threads: usize,
    /// Of the GPU that loops ran on.
    device: Option<String>,
    compile: Duration,
    load: Duration,
    /// Sorted.
    times: Vec<Duration>,
    bytes: u64,
    /// Floating-point operations of one call, if they could be counted.
    operations: Option<u64>,
}

pub(crate) fn bench(args: &BenchArgs, format: ErrorFormat) -> Outcome {
    let saved = args.compare.as_deref().map(read_saved).transpose()?;
    let sizes = sizes(args)?;
    let threads: Vec<Option<u16>> = match args.target.threads.as_slice() {
        [] => vec![None],
        list => list.iter().copied().map(Some).collect(),
    };
    if cfg!(debug_assertions) {
        note("warning: this kjit was built without optimisation: compile times say nothing");
    }
    let mut cases = Vec::new();
    if !args.json {
        output::line(&heading())?;
    }
    for &threads in &threads {
        for size in &sizes {
            let measured = measure(args, size.as_deref(), threads, format)?;
            let case = case_json(args, &measured);
            if !args.json {
                output::line(&row(&measured, &case, saved.as_ref()))?;
            }
            cases.push(case);
        }
    }
    let report = json!({
        "file": args.target.file,
        "kjit": env!("CARGO_PKG_VERSION"),
        "cases": cases,
    });
    let text = serde_json::to_string_pretty(&report).unwrap_or_default();
    if args.json {
        output::line(&text)?;
    }
    if let Some(path) = &args.save {
        write(path, &(text + "\n"))?;
    }
    if let Some(path) = &args.html {
        write(path, &bench_page::page(&report))?;
        note(&format!("wrote {}", path.display()));
    }
    output::flush()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::data(format!("{}: {error}", path.display())))
}

/// `n=100,1000` into `n=100` and `n=1000`; one case without it.
fn sizes(args: &BenchArgs) -> Result<Vec<Option<String>>, Failure> {
    let Some(text) = &args.sizes else { return Ok(vec![None]) };
    let Some((name, values)) = text.split_once('=') else {
        return Err(Failure::usage(format!("`--sizes {text}` is not of the form NAME=V1,V2,...")));
    };
    if args.target.values.iter().any(|value| value.split_once('=').is_some_and(|(known, _)| known == name)) {
        return Err(Failure::usage(format!("`{name}` is given twice: as an argument and by `--sizes`")));
    }
    Ok(values.split(',').map(|value| Some(format!("{name}={value}"))).collect())
}

fn measure(
    args: &BenchArgs,
    size: Option<&str>,
    threads: Option<u16>,
    format: ErrorFormat,
) -> Result<Measured, Failure> {
    let target = &args.target;
    let mut config = target.config_with(threads).print(|_| ());
    if args.cold {
        config = config.cache(kjit::CacheDir::Off);
    }
    let session = open("bench", target, config)?;
    target.warn_about_cache(&session.engine);
    target.tell_device(&session.engine);
    interrupt::install(&session.engine);
    let Session { engine, kernel, .. } = &session;
    let values: Vec<String> = target.values.iter().cloned().chain(size.map(str::to_owned)).collect();
    let mut bindings = bind::bind(&session, &values, target.seed)?;
    let prepared = kernel.prepare(&bind::args(&mut bindings)?)?;
    session.show_warnings(prepared.warnings(), target, format)?;
    let (compile, load) = compile_and_load(&prepared);
    let (mut times, bytes) = time(args, &prepared, &mut bindings)?;
    times.sort();
    let device = engine.gpu().map(|device| format!("cuda:{} {}", device.number(), device.name()));
    let operations = operations(args, threads, &values, median(&times))?;
    let size = size.map(str::to_owned);
    Ok(Measured { size, threads: engine.threads(), device, compile, load, times, bytes, operations })
}

/// Operations of one call, counted by a version of the kernel that is made for that; `None` where that would take long, and for
/// kernels that are written for a GPU.
fn operations(
    args: &BenchArgs,
    threads: Option<u16>,
    values: &[String],
    time: Duration,
) -> Result<Option<u64>, Failure> {
    if time > LONGEST_COUNT {
        return Ok(None);
    }
    let target = &args.target;
    let options = Options { count_operations: true, ..target.options() };
    let config = target.config_with(threads).options(options).cache(kjit::CacheDir::Off);
    let session = open("bench", target, config.device(DeviceKind::Cpu).print(|_| ()))?;
    interrupt::install(&session.engine);
    let mut bindings = bind::bind(&session, values, target.seed)?;
    let prepared = session.kernel.prepare(&bind::args(&mut bindings)?)?;
    let mut call_args = bind::args(&mut bindings)?;
    interrupt::during(|| prepared.call(&mut call_args))?;
    Ok(Some(session.engine.operations()).filter(|&count| count > 0))
}

/// Times of single calls, and the bytes that one call moves at least.
fn time(
    args: &BenchArgs,
    prepared: &Prepared,
    bindings: &mut Bindings,
) -> Result<(Vec<Duration>, u64), Failure> {
    let writes = prepared.signature().writes.iter().any(|&writes| writes);
    let call = |bindings: &mut Bindings, count: u32| -> Result<(Duration, Value), Failure> {
        let mut call_args = bind::args(bindings)?;
        let start = Instant::now();
        let mut value = interrupt::during(|| prepared.call(&mut call_args))?;
        for _ in 1..count {
            value = interrupt::during(|| prepared.call(&mut call_args))?;
        }
        Ok((start.elapsed() / count, value))
    };
    // A kernel that writes its arguments gets fresh ones each time: its work may depend on them.
    let sample = |bindings: &mut Bindings, count: u32| {
        if writes { call(&mut bind::fresh(bindings)?, 1) } else { call(bindings, count) }
    };
    let warm_up = Instant::now();
    let (mut least, value) = sample(bindings, 1)?;
    let bytes = moved_bytes(prepared, bindings, &value);
    drop(value);
    while warm_up.elapsed() < WARM_UP {
        least = least.min(sample(bindings, 1)?.0);
    }
    let count = (SAMPLE.as_nanos() / least.as_nanos().max(1) + 1).min(100_000) as u32;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < args.runs as usize || start.elapsed().as_secs_f64() < args.seconds {
        times.push(sample(bindings, count)?.0);
        if times.len() >= 1_000_000 {
            break;
        }
    }
    Ok((times, bytes))
}

/// Array arguments once, written ones twice, returned arrays once.
fn moved_bytes(prepared: &Prepared, bindings: &Bindings, value: &Value) -> u64 {
    let signature = prepared.signature();
    let size = |array: &kjit::DynArray| (array.len() * array.dtype().size_bytes()) as u64;
    let mut total = 0;
    for (name, bound) in bindings {
        if let Bound::Array(array) = bound {
            let at = signature.params.iter().position(|(param, _)| param == name);
            let is_written = at.and_then(|at| signature.writes.get(at)).copied().unwrap_or(false);
            total += size(array) * if is_written { 2 } else { 1 };
        }
    }
    let mut parts = Vec::new();
    summary::parts_of(value, "return", &[], &mut parts);
    for part in parts {
        if let summary::Part::Array(array) = part.part {
            total += size(array);
        }
    }
    total
}

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

fn case_json(args: &BenchArgs, measured: &Measured) -> Json {
    let seconds = |time: Duration| time.as_secs_f64();
    let middle = median(&measured.times);
    json!({
        "function": args.target.function,
        "arguments": args.target.values,
        "size": measured.size,
        "threads": measured.threads,
        "device": measured.device,
        "compile_s": seconds(measured.compile),
        "load_s": seconds(measured.load),
        "runs": measured.times.len(),
        "median_s": seconds(middle),
        "min_s": seconds(quantile(&measured.times, 0.0)),
        "p25_s": seconds(quantile(&measured.times, 0.25)),
        "p75_s": seconds(quantile(&measured.times, 0.75)),
        "max_s": seconds(quantile(&measured.times, 1.0)),
        "bytes": measured.bytes,
        "flops": measured.operations,
        "gflop_per_s": measured.operations.map(|count| count as f64 / seconds(middle) / 1e9),
        "gb_per_s": if measured.bytes > 0 { json!(measured.bytes as f64 / seconds(middle) / 1e9) } else { Json::Null },
    })
}

fn heading() -> String {
    format!(
        "{:<18} {:>7} {:>11} {:>11} {:>8} {:>7} {:>8} {:>8} {:>11}",
        "case", "threads", "median", "least", "spread", "runs", "GB/s", "GFLOP/s", "compile"
    )
}

fn row(measured: &Measured, case: &Json, saved: Option<&Json>) -> String {
    let middle = median(&measured.times);
    let spread = quantile(&measured.times, 0.75).saturating_sub(quantile(&measured.times, 0.25));
    let percent = 100.0 * spread.as_secs_f64() / middle.as_secs_f64().max(1e-12);
    let rate = |key: &str| case[key].as_f64().map_or("-".to_owned(), |rate| format!("{rate:.2}"));
    let mut line = format!(
        "{:<18} {:>7} {:>11} {:>11} {:>7.1}% {:>7} {:>8} {:>8} {:>11}",
        measured.size.as_deref().unwrap_or("-"),
        measured.device.as_ref().map_or_else(|| measured.threads.to_string(), |_| "gpu".to_owned()),
        summary::duration(middle),
        summary::duration(quantile(&measured.times, 0.0)),
        percent,
        measured.times.len(),
        rate("gb_per_s"),
        rate("gflop_per_s"),
        summary::duration(measured.compile + measured.load),
    );
    if let Some(before) = saved.and_then(|saved| same_case(saved, case)) {
        let ratio = middle.as_secs_f64() / before.max(1e-12);
        line += &format!("  {ratio:.2} x the time saved");
    }
    line
}

/// The saved median of the case with the same function, arguments, size, threads and device.
fn same_case(saved: &Json, case: &Json) -> Option<f64> {
    let is_same = |other: &&Json| {
        ["function", "arguments", "size", "threads", "device"].iter().all(|&key| other[key] == case[key])
    };
    saved["cases"].as_array()?.iter().find(is_same)?["median_s"].as_f64()
}

fn read_saved(path: &Path) -> Result<Json, Failure> {
    let fail = |error: String| Failure::data(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let saved: Json = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    if saved["cases"].is_array() {
        Ok(saved)
    } else {
        Err(fail("not a file that `kjit bench --save` wrote".into()))
    }
}
