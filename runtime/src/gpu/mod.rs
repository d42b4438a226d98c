//! The GPU: found, asked, given memory and kernels.
//!
//! Nothing here needs a GPU or a toolkit to be built. The driver (`libcuda`) and the compiler for GPU code (NVRTC) are
//! opened when somebody asks for them, through tables of functions of our own; what is missing is a value
//! ([`GpuUnavailable`]), never a panic. `docs/gpu.md` tells where they are looked for.
//!
//! ```
//! match kjit::gpu::status() {
//!     Ok(status) => println!("{} GPUs, driver for CUDA {}.{}", status.devices.len(), status.driver.0, status.driver.1),
//!     Err(why) => println!("no GPU: {why}"),
//! }
//! ```

mod api;
mod array;
mod device;
mod engine;
mod environment;
mod error;
mod image;
pub(crate) mod images;
mod launch;
mod library;
mod loops;
#[cfg(all(test, target_os = "linux"))]
mod loops_tests;
mod memory;
mod nvrtc;
mod pinned;
mod places;
mod probe;
mod report;
mod residency;
mod stream;
mod unavailable;

pub use array::DeviceArray;
pub use device::{Device, DeviceInfo};
pub use environment::Libraries;
pub use error::{GpuError, GpuErrorKind};
pub use image::{Arguments, GpuKernel, Image, LaunchShape};
pub use images::compile_grid;
pub use memory::{DeviceBuffer, MemoryUse};
pub use nvrtc::{CodeFor, Compiled, Nvrtc, find as find_nvrtc};
pub use pinned::PinnedArray;
pub use places::find_tool;
pub use probe::Gpu;
pub use report::{GpuReport, KernelUse};
pub use stream::{Event, Stream};
pub use unavailable::{GpuUnavailable, Tried};

pub(crate) use engine::EngineGpu;
pub(crate) use loops::{GpuCall, GridCode, LoopCall};

/// What there is to run on.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GpuStatus {
    /// The file of the driver's library.
    pub driver_file: std::path::PathBuf,
    /// The version of CUDA that the driver is for: (13, 0).
    pub driver: (u32, u32),
    /// The devices.
    pub devices: Vec<DeviceInfo>,
}

/// What there is to run on, or why there is nothing. Does not load the compiler for GPU code.
///
/// # Errors
/// [`crate::Error::GpuUnavailable`] with every place that was looked at; [`crate::Error::Gpu`] if a device does not answer.
pub fn status() -> Result<GpuStatus, crate::Error> {
    let gpu = Gpu::find()?;
    let devices = (0..gpu.device_count())
        .map(|number| Ok(gpu.device(number)?.info().clone()))
        .collect::<Result<_, crate::Error>>()?;
    Ok(GpuStatus { driver_file: gpu.driver_file().to_owned(), driver: gpu.driver_version(), devices })
}

/// Is there a GPU that kernels can run on? (NVRTC may still be missing; code from the cache runs without.)
#[must_use]
pub fn is_available() -> bool {
    device_count() > 0
}

/// How many GPUs there are: 0 if there is no driver.
#[must_use]
pub fn device_count() -> usize {
    Gpu::find().map_or(0, |gpu| gpu.device_count())
}

/// Name of a GPU; numbers count from 0.
///
/// # Errors
/// As [`status`].
pub fn device_name(number: usize) -> Result<String, crate::Error> {
    Ok(Gpu::find()?.device(number)?.name().to_owned())
}

/// Compute capability of a GPU: (9, 0).
///
/// # Errors
/// As [`status`].
pub fn compute_capability(number: usize) -> Result<(u32, u32), crate::Error> {
    Ok(Gpu::find()?.device(number)?.info().capability)
}

/// Bytes of memory that a GPU has, for all processes.
///
/// # Errors
/// As [`status`].
pub fn memory_total(number: usize) -> Result<u64, crate::Error> {
    Ok(Gpu::find()?.device(number)?.info().memory_bytes)
}

/// Memory that kjit uses and holds on a GPU.
///
/// # Errors
/// As [`status`].
pub fn memory(number: usize) -> Result<MemoryUse, crate::Error> {
    Ok(Gpu::find()?.device(number)?.memory())
}

/// Gives memory that is held for later back to the driver, on all GPUs; how many bytes.
///
/// # Errors
/// As [`status`].
pub fn empty_cache() -> Result<u64, crate::Error> {
    let gpu = Gpu::find()?;
    let mut given = 0;
    for number in 0..gpu.device_count() {
        given += gpu.device(number)?.empty_cache()?;
    }
    Ok(given)
}
