//! What a driver call that failed leaves behind.

use std::fmt;

use super::api::{Api, Status, code};
use super::unavailable::GpuUnavailable;

/// What kind of failure it is: what a caller can do about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GpuErrorKind {
    /// No memory on the device, not even after memory held for later was given back.
    OutOfMemory,
    /// The driver does not take the compiled code.
    ImageRefused,
    /// The device does not work for this process any more.
    DeviceLost,
    /// Sizes, devices or streams that do not belong together.
    Usage,
    /// Anything else that the driver refuses.
    Driver,
}

/// A failure on the GPU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GpuError {
    /// What kind.
    pub kind: GpuErrorKind,
    /// The driver's number for it; 0 if the driver was not asked.
    pub status: i32,
    /// A sentence for people.
    pub message: String,
}

impl GpuError {
    /// The failure of a driver function.
    #[cold]
    pub(crate) fn new(api: &Api, call: &str, status: Status) -> GpuError {
        let (name, meaning) = api.describe(status);
        let kind = match status {
            code::OUT_OF_MEMORY => GpuErrorKind::OutOfMemory,
            _ if code::REFUSED.contains(&status) => GpuErrorKind::ImageRefused,
            _ if code::STICKY.contains(&status) => GpuErrorKind::DeviceLost,
            _ => GpuErrorKind::Driver,
        };
        let meaning = if meaning.is_empty() { String::new() } else { format!(" ({meaning})") };
        GpuError { kind, status, message: format!("{call}: {name}{meaning}") }
    }

    /// A mistake that was found without asking the driver.
    #[cold]
    pub(crate) fn usage(message: impl Into<String>) -> GpuError {
        GpuError { kind: GpuErrorKind::Usage, status: 0, message: message.into() }
    }
}

impl fmt::Display for GpuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GpuError {}

impl From<GpuError> for crate::Error {
    fn from(error: GpuError) -> crate::Error {
        crate::Error::Gpu(error)
    }
}

impl From<GpuUnavailable> for crate::Error {
    fn from(why: GpuUnavailable) -> crate::Error {
        crate::Error::GpuUnavailable(Box::new(why))
    }
}
