//! A device with its primary context: what it is, whether it still works, and what ran on it last.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::api::{Api, DeviceHandle, Handle, Status, attribute, code};
use super::error::{GpuError, GpuErrorKind};
use super::memory::{MemoryUse, Pool};
use super::probe::GpuInner;
use super::stream::Stream;

/// How many launches are remembered for the message of a device that is lost.
const REMEMBERED: usize = 32;
/// How many of them that message names.
const NAMED: usize = 4;

/// A GPU. Cheap to clone; clones are the same device. May be used from any thread.
#[derive(Clone)]
pub struct Device {
    pub(crate) inner: Arc<DeviceInner>,
}

pub(crate) struct DeviceInner {
    gpu: Arc<GpuInner>,
    number: usize,
    context: Context,
    info: DeviceInfo,
    pub(crate) pool: Pool,
    /// The stream on which kernels run unless the host says otherwise.
    stream: OnceLock<Result<Stream, GpuError>>,
    /// Why it does not work any more, if so.
    lost: OnceLock<String>,
    recent: Mutex<VecDeque<Arc<str>>>,
}

/// A context of the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Context(Handle);

// SAFETY: the driver's contexts may be used from any thread.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// What a device is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Its name: "NVIDIA H100 80GB HBM3".
    pub name: String,
    /// Compute capability: (9, 0).
    pub capability: (u32, u32),
    /// Its memory.
    pub memory_bytes: u64,
    /// Number of multiprocessors.
    pub multiprocessors: u32,
    /// Threads of a warp.
    pub warp: u32,
    /// Largest number of threads of a block.
    pub max_block: u32,
    /// Largest number of blocks in the first direction.
    pub max_grid: u32,
    /// Threads that a multiprocessor holds at once.
    pub multiprocessor_threads: u32,
    /// Shared memory that a block may have without asking for more.
    pub shared_bytes: u32,
    /// Shared memory that a block may have at most.
    pub max_shared_bytes: u32,
    /// Second-level cache.
    pub l2_bytes: u32,
    /// Bandwidth of its memory by clock and width, 0 if unknown.
    pub bytes_per_second: u64,
}

impl DeviceInfo {
    /// The compute capability times ten: 90 is 9.0.
    #[must_use]
    pub fn architecture(&self) -> u32 {
        self.capability.0 * 10 + self.capability.1
    }
}

/// While it lives, the device's context is the current one of this thread.
pub(crate) struct Entered<'a> {
    device: &'a DeviceInner,
    /// Another library's context, to be put back.
    previous: Option<Context>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(Context(previous)) = self.previous {
            // SAFETY: it was current a moment ago. A failure leaves our context, which does no harm.
            unsafe { (self.device.gpu.api.ctx_set_current)(previous) };
        }
    }
}

impl Device {
    /// Opens a device: keeps its primary context until the process ends.
    pub(crate) fn open(gpu: &Arc<GpuInner>, number: usize) -> Result<Device, GpuError> {
        let api = &gpu.api;
        let mut handle: DeviceHandle = 0;
        // SAFETY: the driver is started, the number below the count; the pointer is ours.
        gpu.check("cuDeviceGet", unsafe { (api.device_get)(&raw mut handle, number as c_int) })?;
        let info = info(gpu, handle)?;
        let mut context = std::ptr::null_mut();
        // SAFETY: a valid device; the pointer is ours.
        let status = unsafe { (api.primary_ctx_retain)(&raw mut context, handle) };
        gpu.check("cuDevicePrimaryCtxRetain", status)?;
        let inner = DeviceInner {
            gpu: Arc::clone(gpu),
            number,
            context: Context(context),
            info,
            pool: Pool::default(),
            stream: OnceLock::new(),
            lost: OnceLock::new(),
            recent: Mutex::default(),
        };
        Ok(Device { inner: Arc::new(inner) })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> usize {
        self.inner.number
    }

    /// Its name: "NVIDIA H100 80GB HBM3".
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.info.name
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &DeviceInfo {
        &self.inner.info
    }

    /// The driver that it belongs to.
    #[must_use]
    pub fn gpu(&self) -> super::Gpu {
        super::Gpu { inner: Arc::clone(&self.inner.gpu) }
    }

    /// Waits for everything that was started on it.
    ///
    /// # Errors
    /// What has failed meanwhile.
    pub fn synchronize(&self) -> Result<(), GpuError> {
        let _here = self.inner.enter()?;
        // SAFETY: the context is current.
        self.inner.check("cuCtxSynchronize", unsafe { (self.inner.api().ctx_synchronize)() })
    }

    /// Free and total bytes of its memory, for all processes.
    ///
    /// # Errors
    /// If the driver does not say.
    pub fn free_and_total_bytes(&self) -> Result<(u64, u64), GpuError> {
        let _here = self.inner.enter()?;
        let (mut free, mut total) = (0_usize, 0_usize);
        // SAFETY: the context is current; the pointers are ours.
        let status = unsafe { (self.inner.api().mem_get_info)(&raw mut free, &raw mut total) };
        self.inner.check("cuMemGetInfo", status)?;
        Ok((free as u64, total as u64))
    }

    /// Memory that kjit uses and holds on it.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        self.inner.pool.memory()
    }

    /// Gives memory that is held for later back to the driver; how many bytes.
    ///
    /// # Errors
    /// If the device does not work any more.
    pub fn empty_cache(&self) -> Result<u64, GpuError> {
        self.synchronize()?;
        let _here = self.inner.enter()?;
        Ok(self.inner.pool.empty(&self.inner))
    }

    /// The stream on which kernels run unless the host says otherwise.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn stream(&self) -> Result<Stream, GpuError> {
        self.inner.stream.get_or_init(|| Stream::new(self)).clone()
    }

    /// Why the device does not work any more, if so.
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        self.inner.lost.get().map(String::as_str)
    }
}

impl std::fmt::Debug for Device {
    /// Short: what belongs to a device points back to it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({}, {:?})", self.inner.number, self.inner.info.name)
    }
}

impl DeviceInner {
    pub(crate) fn api(&self) -> &Api {
        &self.gpu.api
    }

    /// Makes its context the current one of this thread.
    pub(crate) fn enter(&self) -> Result<Entered<'_>, GpuError> {
        if let Some(message) = self.lost.get() {
            return Err(lost_error(message));
        }
        let mut current = std::ptr::null_mut();
        // SAFETY: the driver is started; the pointer is ours.
        self.check("cuCtxGetCurrent", unsafe { (self.api().ctx_get_current)(&raw mut current) })?;
        let mut previous = None;
        if current != self.context.0 {
            // SAFETY: a primary context that is kept until the process ends.
            self.check("cuCtxSetCurrent", unsafe { (self.api().ctx_set_current)(self.context.0) })?;
            previous = (!current.is_null()).then_some(Context(current));
        }
        Ok(Entered { device: self, previous })
    }

    /// Status 0, or what it means; a code after which the device answers nothing else marks it as lost.
    #[inline]
    pub(crate) fn check(&self, call: &str, status: Status) -> Result<(), GpuError> {
        if status == 0 { Ok(()) } else { Err(self.failure(call, status)) }
    }

    #[cold]
    fn failure(&self, call: &str, status: Status) -> GpuError {
        let error = GpuError::new(self.api(), call, status);
        if !code::STICKY.contains(&status) {
            return error;
        }
        let message = self.lost.get_or_init(|| {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let last: Vec<&str> = recent.iter().rev().take(NAMED).map(|launch| &**launch).collect();
            let launches = match last.as_slice() {
                [] => "nothing was launched before".to_owned(),
                [one] => format!("the last launch was {one}"),
                many => format!("the last launches were, latest first, {}", many.join("; ")),
            };
            let (number, name) = (self.number, &self.info.name);
            format!("GPU {number} ({name}) is lost to this process: {}; {launches}", error.message)
        });
        GpuError { kind: GpuErrorKind::DeviceLost, status, message: message.clone() }
    }

    /// Notes a launch for the message of a device that is lost.
    pub(crate) fn note_launch(&self, what: &Arc<str>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(what));
    }

    /// Is it lost? Then nothing is given back to the driver: it would only refuse.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Its context, for copies between devices.
    pub(crate) fn context(&self) -> Handle {
        self.context.0
    }
}

/// What every call on a lost device answers.
#[cold]
fn lost_error(message: &str) -> GpuError {
    GpuError { kind: GpuErrorKind::DeviceLost, status: 0, message: message.to_owned() }
}

fn info(gpu: &GpuInner, handle: DeviceHandle) -> Result<DeviceInfo, GpuError> {
    let api = &gpu.api;
    let mut text = [0_u8; 256];
    // SAFETY: a valid device; the buffer has the length that is told.
    let status = unsafe { (api.device_get_name)(text.as_mut_ptr().cast(), text.len() as c_int, handle) };
    gpu.check("cuDeviceGetName", status)?;
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let mut memory = 0_usize;
    // SAFETY: a valid device; the pointer is ours.
    gpu.check("cuDeviceTotalMem", unsafe { (api.device_total_mem)(&raw mut memory, handle) })?;
    let ask = |number: c_int| -> Option<u32> {
        let mut value: c_int = 0;
        // SAFETY: as above. A number that the driver does not know is an error and nothing else.
        let status = unsafe { (api.device_get_attribute)(&raw mut value, number, handle) };
        if status == 0 { u32::try_from(value).ok() } else { None }
    };
    // Two transfers per clock; the newest drivers tell no clock.
    let clock = u64::from(ask(attribute::MEMORY_CLOCK_KHZ).unwrap_or(0)) * 1000;
    let width = u64::from(ask(attribute::BUS_BITS).unwrap_or(0)) / 8;
    let shared_bytes = ask(attribute::SHARED_PER_BLOCK).unwrap_or(48 << 10);
    Ok(DeviceInfo {
        name: String::from_utf8_lossy(&text[..end]).into_owned(),
        capability: (ask(attribute::MAJOR).unwrap_or(0), ask(attribute::MINOR).unwrap_or(0)),
        memory_bytes: memory as u64,
        multiprocessors: ask(attribute::MULTIPROCESSORS).unwrap_or(1).max(1),
        warp: ask(attribute::WARP_SIZE).unwrap_or(32),
        max_block: ask(attribute::MAX_THREADS_PER_BLOCK).unwrap_or(1024).max(1),
        max_grid: ask(attribute::MAX_GRID_X).unwrap_or(i32::MAX as u32).max(1),
        multiprocessor_threads: ask(attribute::THREADS_PER_MULTIPROCESSOR).unwrap_or(1024).max(1),
        shared_bytes,
        max_shared_bytes: ask(attribute::SHARED_PER_BLOCK_OPTIN).unwrap_or(shared_bytes).max(shared_bytes),
        l2_bytes: ask(attribute::L2_BYTES).unwrap_or(0),
        bytes_per_second: 2 * clock * width,
    })
}
