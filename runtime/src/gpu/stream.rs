//! Streams and events: the order of work on a device.

use std::sync::Arc;

use super::api::{DevicePtr, EVENT_NO_TIMING, Handle, STREAM_NON_BLOCKING, code};
use super::device::Device;
use super::error::GpuError;

/// A queue of work on a device: one thing after the other. Cheap to clone; clones are the same queue.
#[derive(Clone, Debug)]
pub struct Stream {
    inner: Arc<StreamInner>,
}

#[derive(Debug)]
struct StreamInner {
    device: Device,
    handle: Handle,
    /// Somebody else's streams are not destroyed.
    is_owned: bool,
}

// SAFETY: the driver's streams may be used from any thread.
unsafe impl Send for StreamInner {}
// SAFETY: as above; every function of the driver locks what it needs.
unsafe impl Sync for StreamInner {}

impl Drop for StreamInner {
    fn drop(&mut self) {
        if !self.is_owned || self.device.inner.is_lost() {
            return;
        }
        if let Ok(_here) = self.device.inner.enter() {
            let api = self.device.inner.api();
            // SAFETY: made by `cuStreamCreate`, destroyed once; all clones are gone, and buffers hold clones.
            unsafe {
                (api.stream_synchronize)(self.handle);
                (api.stream_destroy)(self.handle);
            }
        }
        self.device.inner.pool.stream_ended(self.handle as usize);
    }
}

impl Stream {
    /// A new queue, without an order to any other.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn new(device: &Device) -> Result<Stream, GpuError> {
        let inner = &device.inner;
        let _here = inner.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the context is current; the pointer is ours.
        let status = unsafe { (inner.api().stream_create)(&raw mut handle, STREAM_NON_BLOCKING) };
        inner.check("cuStreamCreate", status)?;
        Ok(Stream { inner: Arc::new(StreamInner { device: device.clone(), handle, is_owned: true }) })
    }

    /// Another library's queue on this device: `CUstream` or `cudaStream_t` as a number.
    ///
    /// # Safety
    /// It is a stream of the device's primary context and outlives every clone of the result, and every buffer made for it.
    #[must_use]
    pub unsafe fn from_raw(device: &Device, handle: u64) -> Stream {
        let handle = handle as Handle;
        Stream { inner: Arc::new(StreamInner { device: device.clone(), handle, is_owned: false }) }
    }

    /// The driver's handle, for other libraries.
    #[must_use]
    pub fn as_raw(&self) -> u64 {
        self.inner.handle as u64
    }

    /// Its device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// Waits until all of it is done.
    ///
    /// # Errors
    /// What has failed meanwhile.
    pub fn synchronize(&self) -> Result<(), GpuError> {
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: a live stream of the current context.
        let status = unsafe { (device.api().stream_synchronize)(self.inner.handle) };
        device.check("cuStreamSynchronize", status)
    }

    /// Is all of it done?
    ///
    /// # Errors
    /// What has failed meanwhile.
    pub fn is_done(&self) -> Result<bool, GpuError> {
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: a live stream of the current context.
        match unsafe { (device.api().stream_query)(self.inner.handle) } {
            code::NOT_READY => Ok(false),
            status => device.check("cuStreamQuery", status).map(|()| true),
        }
    }

    /// What comes next waits for the event.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn wait_for(&self, event: &Event) -> Result<(), GpuError> {
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: live handles.
        let status = unsafe { (device.api().stream_wait_event)(self.inner.handle, event.handle, 0) };
        device.check("cuStreamWaitEvent", status)
    }

    /// Names the stream among those of its device.
    pub(crate) fn key(&self) -> usize {
        self.inner.handle as usize
    }

    pub(crate) fn handle(&self) -> Handle {
        self.inner.handle
    }

    /// # Safety
    /// `from` holds so many bytes that stay until the copy is done; `to` is as much device memory.
    pub(crate) unsafe fn copy_to_device(
        &self,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
    ) -> Result<(), GpuError> {
        if bytes == 0 {
            return Ok(());
        }
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: by the contract.
        let status = unsafe { (device.api().memcpy_to_device)(to, from.cast(), bytes, self.inner.handle) };
        device.check("cuMemcpyHtoDAsync", status)
    }

    /// # Safety
    /// `from` is so many bytes of device memory; `to` holds as many and is left alone until the copy is done.
    pub(crate) unsafe fn copy_to_host(
        &self,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<(), GpuError> {
        if bytes == 0 {
            return Ok(());
        }
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: by the contract.
        let status = unsafe { (device.api().memcpy_to_host)(to.cast(), from, bytes, self.inner.handle) };
        device.check("cuMemcpyDtoHAsync", status)
    }

    /// # Safety
    /// Both are so many bytes of device memory.
    pub(crate) unsafe fn copy_on_device(
        &self,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<(), GpuError> {
        if bytes == 0 {
            return Ok(());
        }
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: by the contract.
        let status = unsafe { (device.api().memcpy_on_device)(to, from, bytes, self.inner.handle) };
        device.check("cuMemcpyDtoDAsync", status)
    }

    /// # Safety
    /// As [`Stream::copy_on_device`], with `from` on that other device.
    pub(crate) unsafe fn copy_from_device(
        &self,
        to: DevicePtr,
        from: DevicePtr,
        from_device: &Device,
        bytes: usize,
    ) -> Result<(), GpuError> {
        let device = &self.inner.device.inner;
        let Some(copy) = device.api().memcpy_peer else {
            return Err(GpuError::usage("the driver has no cuMemcpyPeerAsync"));
        };
        let (here, there) = (device.context(), from_device.inner.context());
        let _here = device.enter()?;
        // SAFETY: by the contract; both contexts live until the process ends.
        let status = unsafe { copy(to, here, from, there, bytes, self.inner.handle) };
        device.check("cuMemcpyPeerAsync", status)
    }

    /// # Safety
    /// `to` is so many bytes of device memory.
    pub(crate) unsafe fn fill(&self, to: DevicePtr, byte: u8, bytes: usize) -> Result<(), GpuError> {
        if bytes == 0 {
            return Ok(());
        }
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: by the contract.
        let status = unsafe { (device.api().memset_bytes)(to, byte, bytes, self.inner.handle) };
        device.check("cuMemsetD8Async", status)
    }
}

/// A mark in a stream: it is reached when what was started before is done.
#[derive(Debug)]
pub struct Event {
    device: Device,
    handle: Handle,
}

// SAFETY: the driver's events may be used from any thread.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// A mark that tells the time.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn new(device: &Device) -> Result<Event, GpuError> {
        Event::with_flags(device, 0)
    }

    /// A mark for order alone, which is cheaper.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn without_time(device: &Device) -> Result<Event, GpuError> {
        Event::with_flags(device, EVENT_NO_TIMING)
    }

    fn with_flags(device: &Device, flags: u32) -> Result<Event, GpuError> {
        let inner = &device.inner;
        let _here = inner.enter()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the context is current; the pointer is ours.
        inner.check("cuEventCreate", unsafe { (inner.api().event_create)(&raw mut handle, flags) })?;
        Ok(Event { device: device.clone(), handle })
    }

    /// Puts the mark behind everything that was started on the stream.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn record(&self, stream: &Stream) -> Result<(), GpuError> {
        let device = &self.device.inner;
        let _here = device.enter()?;
        // SAFETY: live handles.
        device.check("cuEventRecord", unsafe { (device.api().event_record)(self.handle, stream.handle()) })
    }

    /// Waits until the mark is reached.
    ///
    /// # Errors
    /// What has failed meanwhile.
    pub fn synchronize(&self) -> Result<(), GpuError> {
        let device = &self.device.inner;
        let _here = device.enter()?;
        // SAFETY: a live handle.
        device.check("cuEventSynchronize", unsafe { (device.api().event_synchronize)(self.handle) })
    }

    /// Was the mark reached?
    ///
    /// # Errors
    /// What has failed meanwhile.
    pub fn is_done(&self) -> Result<bool, GpuError> {
        let device = &self.device.inner;
        let _here = device.enter()?;
        // SAFETY: a live handle.
        match unsafe { (device.api().event_query)(self.handle) } {
            code::NOT_READY => Ok(false),
            status => device.check("cuEventQuery", status).map(|()| true),
        }
    }

    /// Milliseconds from `earlier` to this one; both were reached.
    ///
    /// # Errors
    /// If one was not reached, was not recorded, or tells no time.
    pub fn elapsed_ms(&self, earlier: &Event) -> Result<f32, GpuError> {
        let device = &self.device.inner;
        let _here = device.enter()?;
        let api = device.api();
        let Some(elapsed) = api.event_elapsed_time_v2.or(api.event_elapsed_time) else {
            return Err(GpuError::usage("the driver has no cuEventElapsedTime"));
        };
        let mut milliseconds = 0.0_f32;
        // SAFETY: live handles; the pointer is ours.
        let status = unsafe { elapsed(&raw mut milliseconds, earlier.handle, self.handle) };
        device.check("cuEventElapsedTime", status)?;
        Ok(milliseconds)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if let Ok(_here) = self.device.inner.enter() {
            // SAFETY: made by `cuEventCreate`, destroyed once.
            unsafe { (self.device.inner.api().event_destroy)(self.handle) };
        }
    }
}
