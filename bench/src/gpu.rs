//! `gpu`: kernels whose arrays stay on the device, timed there, beside copies of the same arrays in the same run.
//!
//! Every program repeats its loops, so that copies between host and device do not count; the time is the device's own
//! ([`kjit::Config::measure_gpu`]). Bandwidth counts what the algorithm must read and write. With `--quick` the sizes are small:
//! that is for trying the benchmark itself, also on the stand-ins of `tests/gpu`.

use std::fmt::Write as _;
use std::time::Instant;

use kjit::{Arg, CacheDir, Config, DeviceKind, Engine, Module, Scalar, gpu};
use serde::Serialize;
use serde_json::Value;

use crate::Plan;
use crate::gpu_start::GpuStart;

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
    Program { name: "nbody", source: NBODY, bytes: 48.0, aim: None, share: 1.0 / 2048.0 },
];

/// Launches between two waits: fewer than a driver's queue holds.
const BURST: u32 = 256;

/// A kernel that does next to nothing, for what the driver takes.
const TOUCH: &str = "extern \"C\" __global__ void touch(double* x, double* y, int n)\n{\n    \
                     int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);\n    if (i < n) y[i] = x[i];\n}\n";

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

const NBODY: &str = "
def main(n: i64, rounds: i64) -> f64:
    x = np.zeros(n)
    y = np.zeros(n)
    z = np.zeros(n)
    ax = np.zeros(n)
    ay = np.zeros(n)
    az = np.zeros(n)
    for i in prange(n):
        x[i] = (i * 37 % 101) / 101.0 - 0.5
        y[i] = (i * 53 % 103) / 103.0 - 0.5
        z[i] = (i * 71 % 107) / 107.0 - 0.5
    for r in range(rounds):
        for i in prange(n):
            sx = 0.0
            sy = 0.0
            sz = 0.0
            for j in range(n):
                dx = x[j] - x[i]
                dy = y[j] - y[i]
                dz = z[j] - z[i]
                r2 = dx * dx + dy * dy + dz * dz + 0.01
                w = 1.0 / (r2 * math.sqrt(r2))
                sx += w * dx
                sy += w * dy
                sz += w * dz
            ax[i] = sx
            ay[i] = sy
            az[i] = sz
    return ax[n - 1]
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
    /// A round in Numba's `cuda`, by the device's clock.
    numba_us: Option<f64>,
    /// A round in CuPy, likewise.
    cupy_us: Option<f64>,
    /// Loops that ran on the processor, with the reason: there should be none.
    on_processor: Vec<String>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct GpuBench {
    device: String,
    is_quick: bool,
    programs: Vec<GpuTimes>,
    /// Time of one launch of a small kernel in kjit, among many, nothing measured on the device.
    launch_us: f64,
    /// The same through the driver alone.
    driver_us: f64,
    /// Whole processes.
    start: Option<GpuStart>,
    /// Versions of the others, or why they were left out.
    peers: Value,
}

/// Measures.
///
/// # Errors
/// Without a GPU, or if a program fails.
pub(crate) fn measure(plan: &Plan) -> Result<GpuBench, String> {
    let (elements, rounds): (u64, i64) = if plan.is_quick { (1 << 12, 3) } else { (1 << 26, 50) };
    let device = gpu::device_name(0).map_err(|error| error.to_string())?;
    let wanted: Vec<&Program> =
        PROGRAMS.iter().filter(|program| program.name == "copy" || plan.wants(program.name)).collect();
    let mut peers = others(&wanted, elements, rounds);
    let mut programs: Vec<GpuTimes> = Vec::new();
    let mut copy = f64::NAN;
    for program in wanted {
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
            numba_us: peers["numba"]["round_us"][program.name].as_f64(),
            cupy_us: peers["cupy"]["round_us"][program.name].as_f64(),
            on_processor: after.on_processor.iter().map(|(reason, _)| reason.clone()).collect(),
        });
    }
    for name in ["numba", "cupy"] {
        if let Some(one) = peers[name].as_object_mut() {
            one.remove("round_us");
        }
    }
    let bursts = if plan.is_quick { 3 } else { 200 };
    let launch_us = launch_us(bursts)?;
    let driver_us = driver_us(bursts).map_err(|error| error.to_string())?;
    let start = crate::gpu_start::measure(if plan.is_quick { 2 } else { 20 });
    Ok(GpuBench { device, is_quick: plan.is_quick, programs, launch_us, driver_us, start, peers })
}

/// Numba's and CuPy's times of the same programs, by `bench/peers/gpu_peers.py`; `KJIT_BENCH_PYTHON` or `python3` runs it.
fn others(programs: &[&Program], elements: u64, rounds: i64) -> Value {
    let python = std::env::var_os("KJIT_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let script = crate::definitions::root().join("bench/peers/gpu_peers.py");
    let output = std::process::Command::new(&python)
        .arg(script)
        .args(["--elements", &elements.to_string(), "--rounds", &rounds.to_string()])
        .args(programs.iter().map(|program| format!("{}:{}", program.name, program.share)))
        .output();
    let skipped = |reason: String| serde_json::json!({ "numba": { "skipped": reason.clone() }, "cupy": { "skipped": reason } });
    match output {
        Ok(output) if output.status.success() => {
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| skipped(error.to_string()))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            skipped(said.lines().last().unwrap_or("it said nothing").to_owned())
        }
        Err(error) => skipped(format!("{}: {error}", python.display())),
    }
}

/// Microseconds of a launch in a call that makes many.
fn launch_us(bursts: usize) -> Result<f64, String> {
    let engine = engine(false)?;
    call(&engine, COPY, 256, 10)?;
    let mut times = Vec::new();
    for _ in 0..bursts {
        let start = Instant::now();
        call(&engine, COPY, 256, i64::from(BURST))?;
        times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(BURST));
    }
    Ok(crate::stats::median(&times))
}

/// The same of a kernel of that size that nobody but the driver has to do with.
fn driver_us(bursts: usize) -> Result<f64, kjit::Error> {
    let gpu = gpu::Gpu::find()?;
    let device = gpu.device(0)?;
    let code = gpu.nvrtc()?.code_for(device.info().architecture());
    let compiled = gpu.nvrtc()?.compile("touch.cu", TOUCH, code, &[]).map_err(kjit::Error::Internal)?;
    let kernel = gpu::Image::load(&device, &compiled.image)?.kernel("touch")?;
    let stream = device.stream()?;
    let x = gpu::DeviceArray::<f64>::zeros(&stream, &[256])?;
    let y = gpu::DeviceArray::<f64>::zeros(&stream, &[256])?;
    let mut arguments = gpu::Arguments::new();
    for word in [x.pointer(), y.pointer(), 256] {
        arguments.push(word);
    }
    let shape = gpu::LaunchShape { grid: [1, 1, 1], block: [256, 1, 1], shared_bytes: 0 };
    let name = std::sync::Arc::from("touch");
    let mut times = Vec::new();
    for _ in 0..bursts {
        let start = Instant::now();
        for _ in 0..BURST {
            // SAFETY: the arguments are those of `touch`, and both arrays have 256 elements.
            unsafe { kernel.launch(&stream, shape, &mut arguments, &name)? };
        }
        stream.synchronize()?;
        times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(BURST));
    }
    Ok(crate::stats::median(&times))
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
        let peer = |name: &str| match &self.peers[name] {
            Value::Object(one) => one.iter().next().map_or(String::new(), |(key, value)| {
                format!("{key} {}", value.as_str().unwrap_or_default())
            }),
            _ => "left out".to_owned(),
        };
        let mut text = format!(
            "# GPU: {}\n\n{}A launch takes {:.2} us, {:.2} us of them the driver's. Numba: {}. CuPy: {}.\n\n{}\n\n\
             | program | elements | us a round | GB/s | of a copy | aim | Numba : kjit | CuPy : kjit |\n|---|---|---|---|---|---|---|---|\n",
            self.device,
            if self.is_quick { "Small sizes: these numbers say nothing. " } else { "" },
            self.launch_us,
            self.driver_us,
            peer("numba"),
            peer("cupy"),
            self.start.as_ref().map_or(String::new(), GpuStart::line),
        );
        let times = |other: Option<f64>, own: f64| {
            other.map_or(String::new(), |other| format!("{:.2} x", other / own))
        };
        for row in &self.programs {
            let aim = row.aim.filter(|_| !self.is_quick).map_or(String::new(), |aim| {
                format!("{:.0} % {}", aim * 100.0, if row.of_copy >= aim { "reached" } else { "missed" })
            });
            let place = if row.on_processor.is_empty() { "" } else { " (in part on the processor)" };
            let _ = writeln!(
                text,
                "| {}{place} | {} | {:.1} | {:.1} | {:.0} % | {aim} | {} | {} |",
                row.name,
                row.elements,
                row.round_us,
                row.gigabytes_per_s,
                row.of_copy * 100.0,
                times(row.numba_us, row.round_us),
                times(row.cupy_us, row.round_us),
            );
        }
        text
    }
}
