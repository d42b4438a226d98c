//! Host memory that the device reaches directly: copies from and to it run beside everything else.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::api::HOST_PORTABLE;
use super::device::Device;
use super::error::GpuError;
use crate::element::Element;

/// Elements in pinned host memory. Copies between it and the device are about twice as fast as from other memory.
#[derive(Debug)]
pub struct PinnedArray<T: Element> {
    device: Device,
    data: NonNull<T>,
    len: usize,
}

// SAFETY: it owns its memory, and elements may go to other threads.
unsafe impl<T: Element> Send for PinnedArray<T> {}
// SAFETY: shared access only reads.
unsafe impl<T: Element> Sync for PinnedArray<T> {}

impl<T: Element> PinnedArray<T> {
    /// So many zeros.
    ///
    /// # Errors
    /// If there is no memory that can be pinned.
    pub fn zeros(device: &Device, len: usize) -> Result<PinnedArray<T>, GpuError> {
        let inner = &device.inner;
        let _here = inner.enter()?;
        let too_much = || GpuError::usage(format!("{len} elements are more than memory holds"));
        let bytes =
            len.checked_mul(size_of::<T>()).filter(|&n| n <= isize::MAX as usize).ok_or_else(too_much)?;
        let mut pointer = std::ptr::null_mut();
        // SAFETY: the context is current; the pointer is ours.
        let status = unsafe { (inner.api().mem_host_alloc)(&raw mut pointer, bytes.max(1), HOST_PORTABLE) };
        inner.check("cuMemHostAlloc", status)?;
        let Some(data) = NonNull::new(pointer.cast::<T>()) else {
            return Err(GpuError::usage("cuMemHostAlloc gave no memory"));
        };
        // SAFETY: so many bytes were just made; zeros are a valid value of every element type.
        unsafe { data.as_ptr().cast::<u8>().write_bytes(0, bytes) };
        Ok(PinnedArray { device: device.clone(), data, len })
    }
}

impl<T: Element> Deref for PinnedArray<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the memory holds so many initialised elements; pages are aligned for all of them.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<T: Element> DerefMut for PinnedArray<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `&mut self` proves that nobody else uses them.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<T: Element> Drop for PinnedArray<T> {
    fn drop(&mut self) {
        if let Ok(_here) = self.device.inner.enter() {
            // SAFETY: made by `cuMemHostAlloc`, freed once. Copies were waited for while it was borrowed.
            unsafe { (self.device.inner.api().mem_free_host)(self.data.as_ptr().cast()) };
        }
    }
}
