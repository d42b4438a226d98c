//! Device memory: a pool of our own over `cuMemAlloc`, with exact statistics.
//!
//! A block that is freed waits in the pool for the next request of about its size on the same stream, where no order has to be
//! asked for: what used it before is done before what comes next starts. A hit costs a lock and two look-ups, no driver call.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::api::{DevicePtr, code};
use super::device::DeviceInner;
use super::error::GpuError;
use super::stream::Stream;

/// Smaller blocks are multiples of this.
const SMALL_STEP: usize = 512;
/// Blocks from here on are multiples of [`LARGE_STEP`].
const LARGE: usize = 1 << 20;
const LARGE_STEP: usize = 2 << 20;
/// A waiting block is taken if it is larger by no more than an eighth.
const WASTE_SHARE: usize = 8;

/// Memory of a device that kjit uses and holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemoryUse {
    /// Bytes in use.
    pub allocated_bytes: u64,
    /// Bytes taken from the driver: those in use and those that wait for use.
    pub reserved_bytes: u64,
    /// Most bytes that were ever in use at once.
    pub peak_bytes: u64,
    /// Requests so far.
    pub requests: u64,
    /// Requests that the driver was asked for.
    pub driver_requests: u64,
}

/// The memory of one device.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    /// Waiting blocks by the stream that used them (0: any may have them) and their size.
    free: BTreeMap<(usize, usize), Vec<DevicePtr>>,
    memory: MemoryUse,
}

/// Rounded up to what blocks come in.
fn block_bytes(bytes: usize) -> Option<usize> {
    if bytes > isize::MAX as usize {
        return None;
    }
    let step = if bytes < LARGE { SMALL_STEP } else { LARGE_STEP };
    bytes.max(1).checked_next_multiple_of(step)
}

impl PoolState {
    /// A waiting block for a stream.
    fn take(&mut self, stream: usize, bytes: usize) -> Option<(DevicePtr, usize)> {
        let most = bytes + bytes / WASTE_SHARE;
        for owner in [stream, 0] {
            let mut range = self.free.range_mut((owner, bytes)..=(owner, most));
            let Some((&(_, size), blocks)) = range.next() else { continue };
            let block = blocks.pop();
            if blocks.is_empty() {
                self.free.remove(&(owner, size));
            }
            if let Some(block) = block {
                return Some((block, size));
            }
        }
        None
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        self.state().memory
    }

    /// A block for work on that stream. The device's context is current.
    fn allocate(
        &self,
        device: &DeviceInner,
        stream: usize,
        bytes: usize,
    ) -> Result<(DevicePtr, usize), GpuError> {
        let too_much = || GpuError::new(device.api(), "cuMemAlloc", code::OUT_OF_MEMORY);
        let bytes = block_bytes(bytes).ok_or_else(too_much)?;
        let found = {
            let mut state = self.state();
            state.memory.requests += 1;
            state.take(stream, bytes)
        };
        let (pointer, size) = match found {
            Some(block) => block,
            None => (self.ask_driver(device, bytes)?, bytes),
        };
        let mut state = self.state();
        state.memory.allocated_bytes += size as u64;
        state.memory.peak_bytes = state.memory.peak_bytes.max(state.memory.allocated_bytes);
        Ok((pointer, size))
    }

    fn ask_driver(&self, device: &DeviceInner, bytes: usize) -> Result<DevicePtr, GpuError> {
        let ask = || {
            let mut pointer: DevicePtr = 0;
            // SAFETY: the context is current; the pointer is ours.
            (unsafe { (device.api().mem_alloc)(&raw mut pointer, bytes) }, pointer)
        };
        let (mut status, mut pointer) = ask();
        if status == code::OUT_OF_MEMORY {
            // What waits for later is given back first; it may still be in use by work that was started.
            // SAFETY: the context is current.
            device.check("cuCtxSynchronize", unsafe { (device.api().ctx_synchronize)() })?;
            if self.empty(device) > 0 {
                (status, pointer) = ask();
            }
        }
        if status == code::OUT_OF_MEMORY {
            let mut error = GpuError::new(device.api(), "cuMemAlloc", status);
            let held = self.memory().allocated_bytes;
            error.message = format!(
                "GPU {} is out of memory: {bytes} bytes were asked for, {held} are in use by kjit",
                device.number()
            );
            return Err(error);
        }
        device.check("cuMemAlloc", status)?;
        let mut state = self.state();
        state.memory.driver_requests += 1;
        state.memory.reserved_bytes += bytes as u64;
        Ok(pointer)
    }

    /// Takes a block back; work that uses it may still be running on that stream.
    fn release(&self, stream: usize, pointer: DevicePtr, bytes: usize) {
        let mut state = self.state();
        state.memory.allocated_bytes -= bytes as u64;
        state.free.entry((stream, bytes)).or_default().push(pointer);
    }

    /// A stream is idle and goes away: any other may have what waited for it.
    pub(crate) fn stream_ended(&self, stream: usize) {
        let mut state = self.state();
        let keys: Vec<(usize, usize)> =
            state.free.range((stream, 0)..=(stream, usize::MAX)).map(|(key, _)| *key).collect();
        for key in keys {
            let blocks = state.free.remove(&key).unwrap_or_default();
            state.free.entry((0, key.1)).or_default().extend(blocks);
        }
    }

    /// Gives all waiting blocks back to the driver; how many bytes. The device is idle and its context current.
    pub(crate) fn empty(&self, device: &DeviceInner) -> u64 {
        let blocks = std::mem::take(&mut self.state().free);
        let mut given = 0;
        for ((_, bytes), pointers) in blocks {
            for pointer in pointers {
                // SAFETY: a block of `cuMemAlloc` that nobody uses. A refusal leaves it to the end of the process.
                unsafe { (device.api().mem_free)(pointer) };
                given += bytes as u64;
            }
        }
        self.state().memory.reserved_bytes -= given;
        given
    }
}

/// A block of device memory that belongs to work on one stream. Given back to the pool when dropped.
#[derive(Debug)]
pub struct DeviceBuffer {
    stream: Stream,
    pointer: DevicePtr,
    /// Of the block, at least what was asked for.
    block_bytes: usize,
    bytes: usize,
}

impl DeviceBuffer {
    /// A block with undefined contents, for work on that stream.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(stream: &Stream, bytes: usize) -> Result<DeviceBuffer, GpuError> {
        let device = &stream.device().inner;
        let _here = device.enter()?;
        let (pointer, block_bytes) = device.pool.allocate(device, stream.key(), bytes)?;
        Ok(DeviceBuffer { stream: stream.clone(), pointer, block_bytes, bytes })
    }

    /// Its address on the device.
    #[must_use]
    pub fn pointer(&self) -> u64 {
        self.pointer
    }

    /// Its size as it was asked for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The stream that it belongs to.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Copies bytes of the host into it, in the order of the stream.
    ///
    /// # Errors
    /// If they do not fit, or the driver refuses.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), GpuError> {
        self.check_range(offset, bytes.len())?;
        // SAFETY: the range lies in the block. The slice stays until the copy is done: from memory that is not pinned the
        // driver returns when it has read everything; pinned memory is reached through `pinned::PinnedArray` alone, which waits.
        unsafe { self.stream.copy_to_device(self.pointer + offset as u64, bytes.as_ptr(), bytes.len()) }
    }

    /// Copies bytes of it to the host and waits for them.
    ///
    /// # Errors
    /// If there are fewer, or the driver refuses, or work on the stream has failed.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), GpuError> {
        self.check_range(offset, bytes.len())?;
        // SAFETY: the range lies in the block; the slice outlives the copy, for which the next line waits.
        unsafe { self.stream.copy_to_host(bytes.as_mut_ptr(), self.pointer + offset as u64, bytes.len())? };
        self.stream.synchronize()
    }

    fn check_range(&self, offset: usize, bytes: usize) -> Result<(), GpuError> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.bytes => Ok(()),
            _ => Err(GpuError::usage(format!(
                "{bytes} bytes from byte {offset} on are not within a buffer of {} bytes",
                self.bytes
            ))),
        }
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        let device = &self.stream.device().inner;
        device.pool.release(self.stream.key(), self.pointer, self.block_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_and_impossible_ones_refused() {
        assert_eq!(block_bytes(0), Some(512));
        assert_eq!(block_bytes(513), Some(1024));
        assert_eq!(block_bytes(3 << 20), Some(4 << 20));
        assert_eq!(block_bytes(usize::MAX), None);
    }

    #[test]
    fn a_waiting_block_is_taken_by_its_stream_and_near_its_size() {
        let mut state = PoolState::default();
        state.free.insert((7, 4096), vec![0x1000]);
        assert_eq!(state.take(8, 4096), None, "another stream's");
        assert_eq!(state.take(7, 2048), None, "twice the size");
        assert_eq!(state.take(7, 4096 - 512), None, "more than an eighth");
        assert_eq!(state.take(7, 4096), Some((0x1000, 4096)));
        assert_eq!(state.take(7, 4096), None, "taken");
        state.free.insert((0, 8192), vec![0x2000]);
        assert_eq!(state.take(9, 7680), Some((0x2000, 8192)), "of a stream that ended");
        assert!(state.free.is_empty());
    }
}
