//! Memory of the interpreter: numbered buffers, and arrays that are windows onto them.
//!
//! Every access is checked against the buffer's length and its life: a check that a pass removed wrongly shows up here as
//! an internal error, never as a wrong value. Addresses exist only for places after the pass `addresses`: the number of the
//! buffer in the high bits, the byte offset in the low ones.

use super::Internal;
use crate::ir::eval;
use crate::types::ty::MAX_RANK;
use crate::types::{ArrayTy, DType, Layout};

/// Names a buffer of a [`Memory`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BufferId(pub u32);

/// All the bytes that a run can see: the caller's buffers first, then those that the program allocates.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    buffers: Vec<Buffer>,
    /// Bytes of the buffers that the program allocated and that are alive.
    allocated_bytes: u64,
}

#[derive(Clone, Debug)]
struct Buffer {
    bytes: Vec<u8>,
    /// For memory of `np.empty`: which bytes were written. `None` if all were.
    written: Option<Vec<bool>>,
    /// References to memory that the program allocated; `None` for the caller's, which is not counted.
    references: Option<u64>,
}

/// Low bits of an address: a buffer holds at most 64 GiB.
const OFFSET_BITS: u32 = 36;
/// What uninitialised bytes read as: a number that catches the eye.
const UNINITIALISED: u8 = 0xcd;

/// An array at run time. Strides and the offset of the element with all indices 0 are in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Array {
    pub(super) buffer: BufferId,
    pub(super) offset: i64,
    pub(super) rank: u8,
    pub(super) shape: [i64; MAX_RANK as usize],
    pub(super) strides: [i64; MAX_RANK as usize],
}

impl Memory {
    /// Memory with the caller's buffers, numbered from 0.
    #[must_use]
    pub fn new(buffers: Vec<Vec<u8>>) -> Memory {
        let buffers =
            buffers.into_iter().map(|bytes| Buffer { bytes, written: None, references: None }).collect();
        Memory { buffers, allocated_bytes: 0 }
    }

    /// The bytes of a buffer; nothing for one that was released.
    #[must_use]
    pub fn bytes(&self, buffer: BufferId) -> &[u8] {
        self.buffers.get(buffer.0 as usize).map_or(&[], |buffer| &buffer.bytes)
    }

    /// Number of allocated buffers with references left.
    #[must_use]
    pub fn live_allocations(&self) -> usize {
        self.buffers.iter().filter(|buffer| buffer.references.is_some_and(|count| count > 0)).count()
    }

    /// Sum of the reference counts of allocated buffers.
    pub(super) fn references(&self) -> u64 {
        self.buffers.iter().filter_map(|buffer| buffer.references).sum()
    }

    /// Is it memory that the program allocated?
    pub(super) fn is_counted(&self, buffer: BufferId) -> bool {
        self.buffers.get(buffer.0 as usize).is_some_and(|info| info.references.is_some())
    }

    /// New memory with one reference; `None` if there is not enough.
    pub(super) fn allocate(&mut self, bytes: u64, is_zeroed: bool, limit_bytes: u64) -> Option<BufferId> {
        let id = u32::try_from(self.buffers.len()).ok().filter(|&id| id < (1 << (63 - OFFSET_BITS)) - 1)?;
        if bytes >= 1 << OFFSET_BITS || bytes > limit_bytes.saturating_sub(self.allocated_bytes) {
            return None;
        }
        let length = usize::try_from(bytes).ok()?;
        let mut content = Vec::new();
        content.try_reserve_exact(length).ok()?;
        content.resize(length, if is_zeroed { 0 } else { UNINITIALISED });
        let mut written = None;
        if !is_zeroed {
            let mut flags = Vec::new();
            flags.try_reserve_exact(length).ok()?;
            flags.resize(length, false);
            written = Some(flags);
        }
        self.allocated_bytes += bytes;
        self.buffers.push(Buffer { bytes: content, written, references: Some(1) });
        Some(BufferId(id))
    }

    pub(super) fn retain(&mut self, buffer: BufferId) -> Result<(), Internal> {
        match self.buffers.get_mut(buffer.0 as usize).map(|buffer| &mut buffer.references) {
            Some(Some(0)) | None => {
                Err(Internal(format!("buffer {} is retained after its release", buffer.0)))
            }
            Some(Some(count)) => {
                *count += 1;
                Ok(())
            }
            Some(None) => Ok(()),
        }
    }

    pub(super) fn release(&mut self, buffer: BufferId) -> Result<(), Internal> {
        let Some(info) = self.buffers.get_mut(buffer.0 as usize) else {
            return Err(Internal(format!("buffer {} does not exist", buffer.0)));
        };
        match &mut info.references {
            Some(0) => Err(Internal(format!("buffer {} is released twice", buffer.0))),
            Some(count) => {
                *count -= 1;
                if *count == 0 {
                    self.allocated_bytes -= info.bytes.len() as u64;
                    (info.bytes, info.written) = (Vec::new(), None);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The address of the element with all indices 0.
    pub(super) fn address(array: &Array) -> i64 {
        ((i64::from(array.buffer.0) + 1) << OFFSET_BITS).wrapping_add(array.offset)
    }

    /// The byte offset in the array's buffer that an address means.
    pub(super) fn offset_of(array: &Array, address: i64) -> Result<i64, Internal> {
        let buffer = (address >> OFFSET_BITS) - 1;
        if buffer != i64::from(array.buffer.0) {
            return Err(Internal(format!("address {address:#x} is outside buffer {}", array.buffer.0)));
        }
        Ok(address & ((1 << OFFSET_BITS) - 1))
    }

    fn range(&self, buffer: BufferId, offset: i64, size: usize) -> Result<(&Buffer, usize), Internal> {
        let info = self.buffers.get(buffer.0 as usize);
        let Some(info) = info else { return Err(Internal(format!("buffer {} does not exist", buffer.0))) };
        if info.references == Some(0) {
            return Err(Internal(format!("buffer {} is used after its release", buffer.0)));
        }
        match usize::try_from(offset) {
            Ok(start) if start.checked_add(size).is_some_and(|end| end <= info.bytes.len()) => {
                Ok((info, start))
            }
            _ => Err(Internal(format!(
                "{size} bytes at offset {offset} are outside buffer {} of {} bytes",
                buffer.0,
                info.bytes.len()
            ))),
        }
    }

    /// The word at an offset, and whether all its bytes were written before.
    pub(super) fn read(&self, buffer: BufferId, offset: i64, ty: DType) -> Result<(u64, bool), Internal> {
        let size = ty.size_bytes();
        let (info, start) = self.range(buffer, offset, size)?;
        let mut word = [0; 8];
        word[..size].copy_from_slice(&info.bytes[start..start + size]);
        let is_written = match &info.written {
            None => true,
            Some(written) => written[start..start + size].iter().all(|&is_written| is_written),
        };
        let word = u64::from_le_bytes(word);
        Ok((if ty.is_float() { word } else { eval::narrow(ty, word) }, is_written))
    }

    pub(super) fn write(
        &mut self,
        buffer: BufferId,
        offset: i64,
        ty: DType,
        word: u64,
    ) -> Result<(), Internal> {
        let size = ty.size_bytes();
        let (_, start) = self.range(buffer, offset, size)?;
        let info = &mut self.buffers[buffer.0 as usize];
        info.bytes[start..start + size].copy_from_slice(&word.to_le_bytes()[..size]);
        if let Some(written) = &mut info.written {
            written[start..start + size].fill(true);
        }
        Ok(())
    }

    /// The bytes at an address (see [`Memory::address`]); nothing if there are none.
    pub(super) fn load_bytes(&self, address: u64, bytes: u32) -> Option<u64> {
        let (buffer, offset) = Memory::place_of(address)?;
        let (info, start) = self.range(buffer, offset, bytes as usize).ok()?;
        let mut word = [0; 8];
        word.get_mut(..bytes as usize)?.copy_from_slice(&info.bytes[start..start + bytes as usize]);
        Some(u64::from_le_bytes(word))
    }

    /// Stores the low bytes of the word at an address.
    pub(super) fn store_bytes(&mut self, address: u64, bytes: u32, word: u64) -> Option<()> {
        let (buffer, offset) = Memory::place_of(address)?;
        let (_, start) = self.range(buffer, offset, bytes as usize).ok()?;
        let info = self.buffers.get_mut(buffer.0 as usize)?;
        info.bytes[start..start + bytes as usize].copy_from_slice(word.to_le_bytes().get(..bytes as usize)?);
        if let Some(written) = &mut info.written {
            written[start..start + bytes as usize].fill(true);
        }
        Some(())
    }

    fn place_of(address: u64) -> Option<(BufferId, i64)> {
        let buffer = (address >> OFFSET_BITS).checked_sub(1)?;
        Some((BufferId(u32::try_from(buffer).ok()?), (address & ((1 << OFFSET_BITS) - 1)) as i64))
    }

    /// Copies one element of `size` bytes out, with the flags of its bytes.
    pub(super) fn read_raw(
        &self,
        buffer: BufferId,
        offset: i64,
        size: usize,
        into: &mut Vec<(u8, bool)>,
    ) -> Result<(), Internal> {
        let (info, start) = self.range(buffer, offset, size)?;
        let flag = |at: usize| info.written.as_ref().is_none_or(|written| written[at]);
        into.extend((start..start + size).map(|at| (info.bytes[at], flag(at))));
        Ok(())
    }

    /// Copies bytes in, with their flags.
    pub(super) fn write_raw(
        &mut self,
        buffer: BufferId,
        offset: i64,
        from: &[(u8, bool)],
    ) -> Result<(), Internal> {
        let (_, start) = self.range(buffer, offset, from.len())?;
        let info = &mut self.buffers[buffer.0 as usize];
        for (at, &(byte, is_written)) in from.iter().enumerate() {
            info.bytes[start + at] = byte;
            if let Some(written) = &mut info.written {
                written[start + at] = is_written;
            }
        }
        Ok(())
    }
}

impl Array {
    pub(super) fn new(buffer: BufferId, offset: i64, shape: &[i64], strides: &[i64]) -> Option<Array> {
        let mut array = Array { buffer, offset, rank: 0, shape: [0; 8], strides: [0; 8] };
        if shape.len() != strides.len() || shape.len() > usize::from(MAX_RANK) || shape.iter().any(|&n| n < 0)
        {
            return None;
        }
        array.rank = shape.len() as u8;
        array.shape[..shape.len()].copy_from_slice(shape);
        array.strides[..shape.len()].copy_from_slice(strides);
        Some(array)
    }

    /// C-contiguous, at the start of a buffer.
    pub(super) fn contiguous(buffer: BufferId, shape: &[i64], size: usize) -> Option<Array> {
        let mut strides = [0; MAX_RANK as usize];
        let mut stride = size as i64;
        for axis in (0..shape.len().min(strides.len())).rev() {
            strides[axis] = stride;
            stride = stride.wrapping_mul(shape[axis].max(1));
        }
        Array::new(buffer, 0, shape, strides.get(..shape.len())?)
    }

    pub(super) fn shape(&self) -> &[i64] {
        &self.shape[..usize::from(self.rank)]
    }

    pub(super) fn strides(&self) -> &[i64] {
        &self.strides[..usize::from(self.rank)]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shape().contains(&0)
    }

    /// Does it lie in memory as the type says?
    pub(super) fn fits(&self, ty: ArrayTy) -> bool {
        if self.rank != ty.rank {
            return false;
        }
        let is_contiguous = |mut axes: &mut dyn Iterator<Item = usize>| {
            let mut expected = ty.dtype.size_bytes() as i64;
            Iterator::all(&mut axes, |axis| {
                let fits = self.shape[axis] == 1 || self.strides[axis] == expected;
                expected = expected.wrapping_mul(self.shape[axis]);
                fits
            })
        };
        let rank = usize::from(self.rank);
        self.is_empty()
            || match ty.layout {
                Layout::C => is_contiguous(&mut (0..rank).rev()),
                Layout::F => is_contiguous(&mut (0..rank)),
                Layout::Strided => true,
            }
    }

    /// First byte and one past the last byte; `None` if there are no elements.
    pub(super) fn extent(&self, size: usize) -> Option<(i64, i64)> {
        if self.is_empty() {
            return None;
        }
        let (mut first, mut last) = (self.offset, self.offset);
        for (&count, &stride) in self.shape().iter().zip(self.strides()) {
            let reach = (count - 1).wrapping_mul(stride);
            *(if reach < 0 { &mut first } else { &mut last }) += reach;
        }
        Some((first, last + size as i64))
    }

    /// Calls `visit` on the byte offset of every element, in C order.
    pub(super) fn for_each_offset<E>(&self, mut visit: impl FnMut(i64) -> Result<(), E>) -> Result<(), E> {
        if self.is_empty() {
            return Ok(());
        }
        let rank = usize::from(self.rank);
        let mut index = [0_i64; MAX_RANK as usize];
        let mut offset = self.offset;
        loop {
            visit(offset)?;
            let mut axis = rank;
            loop {
                if axis == 0 {
                    return Ok(());
                }
                axis -= 1;
                index[axis] += 1;
                offset = offset.wrapping_add(self.strides[axis]);
                if index[axis] < self.shape[axis] {
                    break;
                }
                offset = offset.wrapping_sub(self.strides[axis].wrapping_mul(self.shape[axis]));
                index[axis] = 0;
            }
        }
    }
}
