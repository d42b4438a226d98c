//! What a whole process takes from its start to the first result of a GPU, beside one in which the driver starts and nothing else
//! happens: the difference is kjit's own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use kjit::gpu;
use serde::Serialize;

use crate::stats::median;

/// Milliseconds of processes, medians.
#[derive(Debug, Serialize)]
pub(crate) struct GpuStart {
    /// The driver starts, makes a context, and the process ends.
    driver_ms: f64,
    /// `kjit run kernels/saxpy.k n=1000 --device cuda`, everything compiled anew.
    cold_ms: f64,
    /// The same with compiled code in the cache.
    warm_ms: f64,
    /// `warm_ms` over `driver_ms`.
    own_ms: f64,
}

/// What the process does that only starts the driver.
///
/// # Errors
/// Without a GPU.
pub(crate) fn driver_only() -> Result<(), String> {
    let touch = || -> Result<(), kjit::Error> {
        let stream = gpu::Gpu::find()?.device(0)?.stream()?;
        gpu::DeviceArray::<f64>::from_slice(&stream, &[1.0], &[1])?.to_vec()?;
        Ok(())
    };
    touch().map_err(|error| error.to_string())
}

/// Measures; `None` without the program `kjit` beside this one.
pub(crate) fn measure(rounds: usize) -> Option<GpuStart> {
    let own = std::env::current_exe().ok()?;
    let kjit = own.with_file_name("kjit");
    if !kjit.exists() {
        crate::peers::eprintln_line("skipped: start: build kjit first (cargo build --release)");
        return None;
    }
    let folder = tempfile::tempdir().ok()?;
    let kernel = crate::definitions::root().join("kernels/saxpy.k");
    let run = |cache: &Path| {
        let mut command = Command::new(&kjit);
        command.arg("run").arg(&kernel).args(["n=1000", "--device", "cuda"]).env("KJIT_CACHE_DIR", cache);
        command
    };
    let (mut driver, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    let kept = folder.path().join("warm");
    time(&mut run(&kept))?;
    for round in 0..rounds {
        driver.push(time(Command::new(&own).arg("gpu-driver"))?);
        warm.push(time(&mut run(&kept))?);
        if round < 5 {
            cold.push(time(&mut run(&folder.path().join(format!("cold{round}"))))?);
        }
    }
    let (driver_ms, cold_ms, warm_ms) = (median(&driver), median(&cold), median(&warm));
    Some(GpuStart { driver_ms, cold_ms, warm_ms, own_ms: warm_ms - driver_ms })
}

fn time(command: &mut Command) -> Option<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().ok()?;
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    status.success().then_some(elapsed)
}

impl GpuStart {
    /// One line of Markdown.
    pub(crate) fn line(&self) -> String {
        format!(
            "A process to its first result: {:.1} ms cold, {:.1} ms warm; {:.1} ms of them are the driver's start, {:.1} ms kjit's \
             (aim: 30 ms).",
            self.cold_ms, self.warm_ms, self.driver_ms, self.own_ms
        )
    }
}
