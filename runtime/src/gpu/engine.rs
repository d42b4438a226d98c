//! The GPU of an engine: chosen once, with what ran on it.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::device::Device;
use super::environment::Libraries;
use super::probe::Gpu;
use super::report::GpuReport;
use super::unavailable::GpuUnavailable;
use crate::config::{Config, DeviceKind, EngineKind};
use crate::error::Error;

/// The device that an engine's loops run on.
#[derive(Debug)]
pub(crate) struct EngineGpu {
    device: Device,
    /// Only where it pays, and never an error?
    is_optional: bool,
    pub(crate) measures: bool,
    report: Mutex<GpuReport>,
    /// Why it is not used any more, if so: it is optional, and something about it failed.
    given_up: OnceLock<String>,
}

/// Host time of a loop below which an optional device is not worth its overhead.
const LAUNCH_NS: f64 = 20_000.0;
/// Bytes that are copied between host and device in a nanosecond, roughly.
const COPIED_BYTES_PER_NS: f64 = 10.0;

impl EngineGpu {
    /// The device that was asked for; or why there is none, if it was optional.
    ///
    /// # Errors
    /// If there must be one and is not.
    pub(crate) fn choose(config: &Config) -> Result<(Option<EngineGpu>, Option<String>), Error> {
        let is_interpreted = match config.kind {
            EngineKind::Interp | EngineKind::Strips(_) => true,
            EngineKind::Auto => !cfg!(target_arch = "x86_64"),
            EngineKind::Scalar => false,
        };
        let kind = match config.device {
            Some(kind) => kind,
            // What the environment says is for engines that can.
            None if is_interpreted => DeviceKind::Cpu,
            None => device_of_environment().map_err(Error::Environment)?,
        };
        let (number, is_optional) = match kind {
            DeviceKind::Cpu => return Ok((None, None)),
            DeviceKind::Cuda(_) if is_interpreted => return Err(GpuUnavailable::NotForEngine.into()),
            DeviceKind::Auto if is_interpreted => return Ok((None, None)),
            DeviceKind::Cuda(number) => (number, false),
            DeviceKind::Auto => (0, true),
        };
        let libraries = config.gpu_libraries.clone().unwrap_or_else(Libraries::from_environment);
        let device = Gpu::open(&libraries).map_err(Error::from).and_then(|gpu| gpu.device(number));
        match device {
            Ok(device) => {
                let gpu = EngineGpu {
                    device,
                    is_optional,
                    measures: config.measures_gpu,
                    report: Mutex::default(),
                    given_up: OnceLock::new(),
                };
                Ok((Some(gpu), None))
            }
            Err(error) if is_optional => Ok((None, Some(error.to_string()))),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn report(&self) -> GpuReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut GpuReport)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Is a loop that takes so long on the processor worth so many bytes to be copied? Always, where the device was asked for.
    pub(crate) fn is_worth(&self, host: Duration, copied_bytes: u64) -> bool {
        !self.is_optional || host.as_nanos() as f64 > LAUNCH_NS + copied_bytes as f64 / COPIED_BYTES_PER_NS
    }

    /// Is it used only where it pays?
    pub(crate) fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// Something about it failed: an optional device is not used from now on.
    ///
    /// # Errors
    /// The failure itself, if the device was asked for.
    pub(crate) fn give_up(&self, error: Error) -> Result<(), Error> {
        if !self.is_optional {
            return Err(error);
        }
        tracing::warn!(%error, "loops run on the processor from now on");
        let _ = self.given_up.set(error.to_string());
        Ok(())
    }

    /// Why it is not used any more, if so.
    pub(crate) fn given_up(&self) -> Option<String> {
        self.given_up.get().cloned()
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.get().is_some()
    }
}

/// `KJIT_DEVICE`, else the processor.
fn device_of_environment() -> Result<DeviceKind, String> {
    match super::environment::device() {
        Some(name) => name.parse().map_err(|error| format!("KJIT_DEVICE: {error}")),
        None => Ok(DeviceKind::Cpu),
    }
}
