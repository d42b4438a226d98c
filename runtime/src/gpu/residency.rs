//! Which memory of the host is on the device, and where it is up to date: one table per call of a kernel.
//!
//! An entry is a range of host memory and a buffer of that size on the device. Arrays that share memory share an entry. Memory is
//! copied to the device when a kernel gets it and it is not up to date there, back when the host touches it, when the call ends, and
//! never otherwise.

use std::ops::Range;
use std::time::Instant;

use smallvec::SmallVec;

use super::engine::EngineGpu;
use super::error::GpuError;
use super::memory::DeviceBuffer;
use super::stream::Stream;
use crate::exec::strided::{self, RawArray};

/// Addresses on the device are the host's up to this: what is aligned on the host is aligned on the device.
const ALIGNMENT: u64 = 256;

/// An array as a kernel or the host uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Use {
    /// Words of the calling convention.
    pub(crate) words: SmallVec<[u64; 10]>,
    /// `dtype_code | rank << 8`.
    pub(crate) code: u32,
    /// Host memory that its elements lie in.
    pub(crate) range: Range<u64>,
    /// All of the block that a kernel of ours made it in, if so: no byte of it is anybody else's.
    pub(crate) block: Option<Range<u64>>,
}

impl Use {
    /// Is every byte of its range part of an element?
    fn is_dense(&self) -> bool {
        let (dtype, rank) = strided::decode(self.code);
        let count = self.words.iter().skip(2).take(rank).fold(1_u64, |n, &extent| n.saturating_mul(extent));
        count.saturating_mul(dtype.size_bytes() as u64) >= self.range.end - self.range.start
    }
}

#[derive(Debug)]
struct Entry {
    host: Range<u64>,
    buffer: DeviceBuffer,
    /// Where the range starts in the buffer.
    offset: u64,
    is_on_host: bool,
    is_on_device: bool,
    /// Is all of it ours, gaps between elements too?
    is_own: bool,
    /// Arrays in it that kernels have changed since it was last on the host.
    changed: Vec<Use>,
}

/// Memory that was made in this call and that the host has not touched.
#[derive(Debug)]
struct Fresh {
    range: Range<u64>,
    is_zeroed: bool,
}

/// The table of one call.
#[derive(Debug, Default)]
pub(crate) struct Residency {
    entries: Vec<Entry>,
    fresh: Vec<Fresh>,
    /// Was foreign memory copied to the device since the stream was last waited for? If it is pinned, the copy may still
    /// be reading it.
    is_reading_host: bool,
}

/// By what copies are made, and who counts them.
#[derive(Clone, Copy)]
pub(crate) struct Copier<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) gpu: &'a EngineGpu,
}

fn intersects(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

fn contains(outer: &Range<u64>, inner: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

impl Residency {
    /// Makes an entry that holds the array. Addresses of entries made before hold only when all arrays of a launch have one.
    ///
    /// # Safety
    /// The array's memory is valid, and nobody else writes to it.
    pub(crate) unsafe fn reserve(&mut self, copier: Copier<'_>, array: &Use) -> Result<(), GpuError> {
        let wanted = array.block.as_ref().unwrap_or(&array.range);
        if wanted.is_empty() || self.entries.iter().any(|entry| contains(&entry.host, wanted)) {
            return Ok(());
        }
        let mut range = wanted.clone();
        // What overlaps goes back to the host and becomes one entry with the rest.
        while let Some(at) = self.entries.iter().position(|entry| intersects(&entry.host, &range)) {
            // SAFETY: passed on.
            unsafe { self.fetch(copier, at)? };
            let old = self.entries.swap_remove(at);
            range = range.start.min(old.host.start)..range.end.max(old.host.end);
        }
        let offset = range.start % ALIGNMENT;
        let bytes = range.end - range.start;
        let buffer = DeviceBuffer::new(copier.stream, (offset + bytes) as usize)?;
        let mut entry = Entry {
            host: range,
            buffer,
            offset,
            is_on_host: true,
            is_on_device: false,
            is_own: array.block.is_some(),
            changed: Vec::new(),
        };
        if let Some(at) = self.fresh.iter().position(|fresh| fresh.range == entry.host) {
            if self.fresh.swap_remove(at).is_zeroed {
                // SAFETY: the buffer holds as many bytes from there.
                unsafe { copier.stream.fill(entry.buffer.pointer() + offset, 0, bytes as usize)? };
            }
            // Undefined elements are as undefined there as here.
            entry.is_on_device = true;
        }
        self.touch(&entry.host);
        self.entries.push(entry);
        Ok(())
    }

    /// Address on the device of the array's first element (all indices 0), with its elements there.
    ///
    /// # Safety
    /// As [`Residency::reserve`], which was called for it.
    pub(crate) unsafe fn address(&mut self, copier: Copier<'_>, array: &Use) -> Result<u64, GpuError> {
        let data = array.words.first().copied().unwrap_or(0);
        if array.range.is_empty() {
            return Ok(0);
        }
        let Some(entry) = self.entries.iter_mut().find(|entry| contains(&entry.host, &array.range)) else {
            return Err(GpuError::usage("an array has no place on the device"));
        };
        let base = entry.buffer.pointer() + entry.offset;
        if !entry.is_on_device {
            let bytes = (entry.host.end - entry.host.start) as usize;
            let start = copier.gpu.measures.then(Instant::now);
            // SAFETY: by the contract the host's memory is valid; the buffer holds as many bytes from there.
            unsafe { copier.stream.copy_to_device(base, entry.host.start as *const u8, bytes)? };
            if start.is_some() {
                copier.stream.synchronize()?;
            }
            copier.gpu.note(|report| {
                report.to_device_bytes += bytes as u64;
                report.to_device_time += start.map_or_else(Default::default, |start| start.elapsed());
            });
            entry.is_on_device = true;
            self.is_reading_host |= !entry.is_own;
        }
        Ok(base + (data - entry.host.start))
    }

    /// How many bytes a launch with this array would have to copy to the device.
    pub(crate) fn missing_bytes(&self, array: &Use) -> u64 {
        let range = array.block.as_ref().unwrap_or(&array.range);
        let is_there = self.entries.iter().any(|entry| entry.is_on_device && contains(&entry.host, range))
            || self.fresh.iter().any(|fresh| fresh.range == *range);
        if is_there { 0 } else { range.end - range.start }
    }

    /// A kernel that was started changes elements of the array.
    pub(crate) fn mark_changed(&mut self, array: &Use) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| contains(&entry.host, &array.range)) {
            entry.is_on_host = false;
            if !entry.changed.contains(array) {
                entry.changed.push(array.clone());
            }
        }
    }

    /// The host reads elements of the range from here on, or writes them: then they are stale on the device.
    ///
    /// # Safety
    /// As [`Residency::reserve`].
    pub(crate) unsafe fn host_access(
        &mut self,
        copier: Copier<'_>,
        range: &Range<u64>,
        is_write: bool,
    ) -> Result<(), GpuError> {
        for at in 0..self.entries.len() {
            if intersects(&self.entries[at].host, range) {
                // SAFETY: passed on.
                unsafe { self.fetch(copier, at)? };
                self.entries[at].is_on_device &= !is_write;
            }
        }
        if is_write {
            self.touch(range);
            if self.is_reading_host {
                copier.stream.synchronize()?;
                self.is_reading_host = false;
            }
        }
        Ok(())
    }

    /// The host may touch anything from here on: everything goes back and is forgotten on the device.
    ///
    /// # Safety
    /// As [`Residency::reserve`].
    pub(crate) unsafe fn give_back(&mut self, copier: Copier<'_>) -> Result<(), GpuError> {
        for at in 0..self.entries.len() {
            // SAFETY: passed on.
            unsafe { self.fetch(copier, at)? };
        }
        if self.is_reading_host {
            copier.stream.synchronize()?;
        }
        self.clear();
        Ok(())
    }

    /// Forgets everything; what is only on the device is lost.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.fresh.clear();
        self.is_reading_host = false;
    }

    /// The range is written to: it is not as it was made.
    pub(crate) fn touch(&mut self, range: &Range<u64>) {
        self.fresh.retain(|fresh| !intersects(&fresh.range, range));
    }

    /// A block was made in this call.
    pub(crate) fn note_new(&mut self, range: Range<u64>, is_zeroed: bool) {
        // What was at that address before is gone, whoever freed it.
        self.forget(&range);
        self.fresh.push(Fresh { range, is_zeroed });
    }

    /// A block is about to be freed: nobody wants its elements.
    pub(crate) fn forget(&mut self, range: &Range<u64>) {
        self.entries.retain(|entry| !intersects(&entry.host, range));
        self.fresh.retain(|fresh| !intersects(&fresh.range, range));
    }

    /// Has the host what the entry holds? If not, copies it.
    ///
    /// # Safety
    /// As [`Residency::reserve`].
    unsafe fn fetch(&mut self, copier: Copier<'_>, at: usize) -> Result<(), GpuError> {
        let entry = &mut self.entries[at];
        if entry.is_on_host {
            return Ok(());
        }
        let start = Instant::now();
        let base = entry.buffer.pointer() + entry.offset;
        let mut copied = 0_u64;
        if entry.is_own {
            let bytes = (entry.host.end - entry.host.start) as usize;
            // SAFETY: all of the host's range is ours; the buffer holds as many bytes; the wait is below.
            unsafe { copier.stream.copy_to_host(entry.host.start as *mut u8, base, bytes)? };
            copied += bytes as u64;
        } else {
            for array in &entry.changed {
                let bytes = (array.range.end - array.range.start) as usize;
                let from = base + (array.range.start - entry.host.start);
                copied += bytes as u64;
                if array.is_dense() {
                    // SAFETY: every byte is part of an element, and the array is the kernel's to write.
                    unsafe { copier.stream.copy_to_host(array.range.start as *mut u8, from, bytes)? };
                } else {
                    // SAFETY: passed on.
                    unsafe { fetch_elements(copier, array, from, bytes)? };
                }
            }
        }
        copier.stream.synchronize()?;
        self.is_reading_host = false;
        let entry = &mut self.entries[at];
        entry.changed.clear();
        entry.is_on_host = true;
        copier.gpu.note(|report| {
            report.to_host_bytes += copied;
            if copier.gpu.measures {
                report.to_host_time += start.elapsed();
            }
        });
        Ok(())
    }
}

/// Copies the elements of an array and no byte between them: those may be somebody else's.
///
/// # Safety
/// The array is valid and the kernel's to write; from `from` on there are as many bytes on the device.
unsafe fn fetch_elements(copier: Copier<'_>, array: &Use, from: u64, bytes: usize) -> Result<(), GpuError> {
    let mut copy: Vec<u8> = Vec::new();
    copy.try_reserve_exact(bytes)
        .map_err(|_| GpuError::usage(format!("no host memory for {bytes} bytes")))?;
    copy.resize(bytes, 0);
    // SAFETY: room for as many bytes; the wait follows.
    unsafe { copier.stream.copy_to_host(copy.as_mut_ptr(), from, bytes)? };
    copier.stream.synchronize()?;
    let (dtype, rank) = strided::decode(array.code);
    let mut words = array.words.clone();
    if let Some(data) = words.first_mut() {
        *data = copy.as_ptr() as u64 + (*data - array.range.start);
    }
    // SAFETY: the words of two arrays of one type and shape: the host's by the contract, and the same one in the copy.
    let is_done = unsafe {
        strided::copy(
            &RawArray::read(array.words.as_ptr(), dtype, rank),
            &RawArray::read(words.as_ptr(), dtype, rank),
        )
    };
    if is_done { Ok(()) } else { Err(GpuError::usage("no host memory for the elements of an array")) }
}
