//! `gpu`: kernels whose arrays stay on the device, timed there, beside copies of the same arrays in the same run.
//!
//! Every program repeats its loops, so that copies between host and device do not count; the time is the device's own
//! ([`kjit::Config::measure_gpu`]). Bandwidth counts what the algorithm must read and write. With `--quick` the sizes are small:
//! that is for trying the benchmark itself, also on the stand-ins of `tests/gpu`.

use std::fmt::Write as _;
use std::time::Instant;

use kjit::{Arg, CacheDir, Config, DeviceKind, Engine, Module, Scalar, gpu};
use serde::Serialize;

use crate::Plan;

/// A program: `main(n, rounds)`.
struct Program {
    name: &'static str,
    source: &'static str,
    /// Bytes that one round must move, per element.
    bytes: f64,
    /// Least share of the copy's bandwidth.
    aim: Option<f64>,
    /// Part of the number of elements of the others.
    share: f64,
}

const PROGRAMS: &[Program] = &[
    Program { name: "copy", source: COPY, bytes: 16.0, aim: None, share: 1.0 },
    Program { name: "saxpy f32", source: SAXPY, bytes: 12.0, aim: Some(0.9), share: 1.0 },
    Program { name: "triad", source: TRIAD, bytes: 24.0, aim: Some(0.9), share: 1.0 },
    Program { name: "fused expression", source: FUSED, bytes: 32.0, aim: Some(0.9), share: 1.0 },
    Program { name: "5-point stencil", source: STENCIL, bytes: 16.0, aim: Some(0.8), share: 1.0 },
    Program { name: "sum", source: SUM, bytes: 8.0, aim: Some(0.9), share: 1.0 },
    Program { name: "dot", source: DOT, bytes: 16.0, aim: Some(0.9), share: 1.0 },
    Program { name: "max", source: MAX, bytes: 8.0, aim: Some(0.9), share: 1.0 },
    Program { name: "row sums", source: ROWS, bytes: 8.0, aim: Some(0.9), share: 1.0 },
    Program { name: "column sums", source: COLUMNS, bytes: 8.0, aim: Some(0.9), share: 1.0 },
    Program { name: "Black-Scholes", source: BLACK_SCHOLES, bytes: 40.0, aim: None, share: 0.25 },
    Program { name: "Mandelbrot", source: MANDELBROT, bytes: 8.0, aim: None, share: 0.0625 },
];

const COPY: &str = "
def main(n: i64, rounds: i64) -> f64:
    x = np.ones(n)
    y = np.zeros(n)
    for r in range(rounds):
        for i in prange(n):
            y[i] = x[i]
    return y[n - 1]
";
const SAXPY: &str = "
def main(n: i64, rounds: i64) -> f64:
    x = np.ones(n, dtype=np.float32)
    y = np.zeros(n, dtype=np.float32)
    for r in range(rounds):
        for i in prange(n):
            y[i] = 2.0 * x[i] + y[i]
    return y[n - 1]
";
const TRIAD: &str = "
def main(n: i64, rounds: i64) -> f64:
    a = np.zeros(n)
    b = np.ones(n)
    c = np.ones(n)
    for r in range(rounds):
        for i in prange(n):
            a[i] = b[i] + 3.0 * c[i]
    return a[n - 1]
";
const FUSED: &str = "
def main(n: i64, rounds: i64) -> f64:
    a = np.zeros(n)
    b = np.ones(n)
    c = np.ones(n)
    d = np.ones(n)
    for r in range(rounds):
        for i in prange(n):
            a[i] = b[i] * c[i] + d[i] * (b[i] - 0.5) + c[i] * d[i]
    return a[n - 1]
";
const STENCIL: &str = "
def main(n: i64, rounds: i64) -> f64:
    m = int(np.sqrt(n))
    u = np.ones((m, m))
    v = np.zeros((m, m))
    for r in range(rounds):
        for i in prange(1, m - 1):
            for j in prange(1, m - 1):
                v[i, j] = 0.5 * u[i, j] + 0.125 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return v[1, 1]
";
const SUM: &str = "
def main(n: i64, rounds: i64) -> f64:
    x = np.ones(n)
    total = 0.0
    for r in range(rounds):
        s = 0.0
        for i in prange(n):
            s += x[i]
        total = s
    return total
";
const DOT: &str = "
def main(n: i64, rounds: i64) -> f64:
    x = np.ones(n)
    y = np.ones(n)
    total = 0.0
    for r in range(rounds):
        s = 0.0
        for i in prange(n):
            s += x[i] * y[i]
        total = s
    return total
";
const MAX: &str = "
def main(n: i64, rounds: i64) -> f64:
    x = np.ones(n)
    total = 0.0
    for r in range(rounds):
        s = 0.0
        for i in prange(n):
            s = max(s, x[i])
        total = s
    return total
";
const ROWS: &str = "
def main(n: i64, rounds: i64) -> f64:
    m = int(np.sqrt(n))
    x = np.ones((m, m))
    y = np.zeros(m)
    for r in range(rounds):
        for i in prange(m):
            s = 0.0
            for j in range(m):
                s += x[i, j]
            y[i] = s
    return y[m - 1]
";
const COLUMNS: &str = "
def main(n: i64, rounds: i64) -> f64:
    m = int(np.sqrt(n))
    x = np.ones((m, m))
    y = np.zeros(m)
    for r in range(rounds):
        for j in prange(m):
            s = 0.0
            for i in range(m):
                s += x[i, j]
            y[j] = s
    return y[m - 1]
";
const BLACK_SCHOLES: &str = "
def main(n: i64, rounds: i64) -> f64:
    spot = np.full(n, 100.0)
    strike = np.full(n, 110.0)
    years = np.full(n, 1.5)
    call = np.zeros(n)
    put = np.zeros(n)
    for r in range(rounds):
        for i in prange(n):
            root = 0.3 * math.sqrt(years[i])
            d1 = (math.log(spot[i] / strike[i]) + (0.02 + 0.045) * years[i]) / root
            d2 = d1 - root
            below1 = 0.5 * math.erfc(-d1 * 0.7071067811865476)
            below2 = 0.5 * math.erfc(-d2 * 0.7071067811865476)
            discount = strike[i] * math.exp(-0.02 * years[i])
            call[i] = spot[i] * below1 - discount * below2
            put[i] = discount * (1.0 - below2) - spot[i] * (1.0 - below1)
    return call[n - 1]
";
const MANDELBROT: &str = "
def main(n: i64, rounds: i64) -> f64:
    m = int(np.sqrt(n))
    counts = np.zeros((m, m), dtype=np.int64)
    for r in range(rounds):
        for i in prange(m):
            for j in prange(m):
                x0 = 3.5 * j / m - 2.5
                y0 = 2.0 * i / m - 1.0
                x = 0.0
                y = 0.0
                k = 0
                while k < 200 and x * x + y * y < 4.0:
                    t = x * x - y * y + x0
                    y = 2.0 * x * y + y0
                    x = t
                    k += 1
                counts[i, j] = k
    return float(counts[m // 2, m // 2])
";

/// One program's numbers.
#[derive(Debug, Serialize)]
pub(crate) struct GpuTimes {
    name: &'static str,
    elements: u64,
    launches: u64,
    /// Of one round on the device.
    round_us: f64,
    gigabytes_per_s: f64,
    /// Of the bandwidth of the program `copy`.
    of_copy: f64,
    aim: Option<f64>,
    /// Loops that ran on the processor, with the reason: there should be none.
    on_processor: Vec<String>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct GpuBench {
    device: String,
    is_quick: bool,
    programs: Vec<GpuTimes>,
    /// Host time of one launch of a kernel with one array, nothing measured on the device.
    launch_us: f64,
}

/// Measures.
///
/// # Errors
/// Without a GPU, or if a program fails.
pub(crate) fn measure(plan: &Plan) -> Result<GpuBench, String> {
    let (elements, rounds) = if plan.is_quick { (1 << 12, 3) } else { (1 << 26, 50) };
    let device = gpu::device_name(0).map_err(|error| error.to_string())?;
    let mut programs: Vec<GpuTimes> = Vec::new();
    let mut copy = f64::NAN;
    for program in PROGRAMS.iter().filter(|program| program.name == "copy" || plan.wants(program.name)) {
        let n = (elements as f64 * program.share) as i64;
        let engine = engine(true)?;
        call(&engine, program.source, n, 2)?;
        let before = engine.gpu_report().unwrap_or_default();
        call(&engine, program.source, n, rounds)?;
        let after = engine.gpu_report().unwrap_or_default();
        let time = after.kernel_time() - before.kernel_time();
        let round_s = time.as_secs_f64() / rounds as f64;
        let gigabytes_per_s = program.bytes * n as f64 / round_s / 1e9;
        if program.name == "copy" {
            copy = gigabytes_per_s;
        }
        programs.push(GpuTimes {
            name: program.name,
            elements: n as u64,
            launches: after.launches - before.launches,
            round_us: round_s * 1e6,
            gigabytes_per_s,
            of_copy: gigabytes_per_s / copy,
            aim: program.aim,
            on_processor: after.on_processor.iter().map(|(reason, _)| reason.clone()).collect(),
        });
    }
    let engine = engine(false)?;
    let launches = if plan.is_quick { 100 } else { 20_000 };
    call(&engine, COPY, 256, 10)?;
    let start = Instant::now();
    call(&engine, COPY, 256, launches)?;
    let launch_us = start.elapsed().as_secs_f64() * 1e6 / launches as f64;
    Ok(GpuBench { device, is_quick: plan.is_quick, programs, launch_us })
}

fn engine(is_measured: bool) -> Result<Engine, String> {
    let config = Config::new().device(DeviceKind::Cuda(0)).measure_gpu(is_measured).cache(CacheDir::Off);
    Engine::new(config).map_err(|error| error.to_string())
}

fn call(engine: &Engine, source: &str, n: i64, rounds: i64) -> Result<(), String> {
    let run = || {
        let module = Module::from_source(engine, "bench.k", source)?;
        let main = module.kernel("main")?;
        main.call(&mut [Arg::Scalar(Scalar::I64(n)), Arg::Scalar(Scalar::I64(rounds))])
    };
    run().map(drop).map_err(|error: kjit::Error| error.to_string())
}

impl GpuBench {
    /// For file names.
    pub(crate) fn device_name(&self) -> String {
        let name = self.device.to_ascii_lowercase();
        name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
    }

    /// A table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "# GPU: {}\n\n{}one launch costs the host {:.2} us\n\n\
             | program | elements | us a round | GB/s | of a copy | aim |\n|---|---|---|---|---|---|\n",
            self.device,
            if self.is_quick { "Small sizes: these numbers say nothing. " } else { "" },
            self.launch_us
        );
        for row in &self.programs {
            let aim = row.aim.map_or(String::new(), |aim| {
                format!("{:.0} % {}", aim * 100.0, if row.of_copy >= aim { "reached" } else { "missed" })
            });
            let place = if row.on_processor.is_empty() { "" } else { " (in part on the processor)" };
            let _ = writeln!(
                text,
                "| {}{place} | {} | {:.1} | {:.1} | {:.0} % | {aim} |",
                row.name,
                row.elements,
                row.round_us,
                row.gigabytes_per_s,
                row.of_copy * 100.0
            );
        }
        text
    }
}
