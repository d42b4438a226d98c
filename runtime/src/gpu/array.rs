//! Arrays that live on a device.

use super::error::GpuError;
use super::memory::DeviceBuffer;
use super::stream::Stream;
use crate::element::Element;

/// An array on a device, with shape and strides. It belongs to the work of one stream: copies and kernels on that stream come
/// one after the other.
///
/// ```
/// use kjit::gpu::{DeviceArray, Gpu};
/// let Ok(gpu) = Gpu::find() else { return Ok(()) }; // No GPU here.
/// let stream = gpu.device(0)?.stream()?;
/// let array = DeviceArray::from_slice(&stream, &[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// assert_eq!(array.to_vec()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), kjit::Error>(())
/// ```
#[derive(Debug)]
pub struct DeviceArray<T: Element> {
    stream: Stream,
    memory: Memory,
    shape: Vec<usize>,
    /// In bytes.
    strides: Vec<isize>,
    element: std::marker::PhantomData<T>,
}

#[derive(Debug)]
enum Memory {
    Own(DeviceBuffer),
    /// Somebody else's: first element.
    Foreign(u64),
}

/// Elements of a shape, if they fit into memory.
fn count<T>(shape: &[usize]) -> Result<usize, GpuError> {
    let count = shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent));
    count
        .filter(|n| n.checked_mul(size_of::<T>()).is_some_and(|bytes| bytes <= isize::MAX as usize))
        .ok_or_else(|| GpuError::usage(format!("an array of shape {shape:?} is larger than memory")))
}

/// Strides in bytes of an array in C order.
fn c_strides<T>(shape: &[usize]) -> Vec<isize> {
    let mut stride = size_of::<T>() as isize;
    let mut strides: Vec<isize> = shape
        .iter()
        .rev()
        .map(|&extent| {
            let this = stride;
            stride = stride.saturating_mul(extent.max(1) as isize);
            this
        })
        .collect();
    strides.reverse();
    strides
}

impl<T: Element> DeviceArray<T> {
    /// An array in C order with undefined elements.
    fn undefined(stream: &Stream, shape: &[usize]) -> Result<DeviceArray<T>, GpuError> {
        let bytes = count::<T>(shape)? * size_of::<T>();
        Ok(DeviceArray {
            stream: stream.clone(),
            memory: Memory::Own(DeviceBuffer::new(stream, bytes)?),
            shape: shape.to_vec(),
            strides: c_strides::<T>(shape),
            element: std::marker::PhantomData,
        })
    }

    /// An array of zeros.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn zeros(stream: &Stream, shape: &[usize]) -> Result<DeviceArray<T>, GpuError> {
        let array = DeviceArray::undefined(stream, shape)?;
        // SAFETY: the buffer has that size.
        unsafe { stream.fill(array.pointer(), 0, array.len() * size_of::<T>())? };
        Ok(array)
    }

    /// A copy of elements in C order.
    ///
    /// # Errors
    /// If they are not as many as the shape says, or there is no memory.
    pub fn from_slice(stream: &Stream, elements: &[T], shape: &[usize]) -> Result<DeviceArray<T>, GpuError> {
        let mut array = DeviceArray::undefined(stream, shape)?;
        array.copy_from_slice(elements)?;
        Ok(array)
    }

    /// Somebody else's array; strides in bytes.
    ///
    /// # Safety
    /// `pointer` is device memory of the stream's device with an element of type `T` at every index of that shape and those
    /// strides; it outlives the result, and others use it in an order with the stream's work.
    #[must_use]
    pub unsafe fn from_raw(
        stream: &Stream,
        pointer: u64,
        shape: &[usize],
        strides: &[isize],
    ) -> DeviceArray<T> {
        DeviceArray {
            stream: stream.clone(),
            memory: Memory::Foreign(pointer),
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            element: std::marker::PhantomData,
        }
    }

    /// Overwrites its elements, in C order.
    ///
    /// # Errors
    /// If they are not as many, or the array is not contiguous.
    pub fn copy_from_slice(&mut self, elements: &[T]) -> Result<(), GpuError> {
        self.check_contiguous()?;
        self.check_count(elements.len())?;
        let bytes = size_of_val(elements);
        // SAFETY: the array has as many elements; from memory that is not pinned the driver returns when it has read
        // everything, and for pinned memory the next line waits.
        unsafe { self.stream.copy_to_device(self.pointer(), elements.as_ptr().cast(), bytes)? };
        self.stream.synchronize()
    }

    /// Its elements in C order, when everything before on its stream is done.
    ///
    /// # Errors
    /// If the array is not contiguous, or work on the stream has failed.
    pub fn to_vec(&self) -> Result<Vec<T>, GpuError> {
        self.check_contiguous()?;
        let count = self.len();
        let mut elements: Vec<T> = Vec::new();
        elements
            .try_reserve_exact(count)
            .map_err(|_| GpuError::usage(format!("no host memory for {count} elements")))?;
        // SAFETY: room for as many elements was made; they count only when the copy is done.
        unsafe {
            self.stream.copy_to_host(elements.as_mut_ptr().cast(), self.pointer(), count * size_of::<T>())?;
            self.stream.synchronize()?;
            // A truth value other than 0 and 1 comes from memory that nobody wrote; it must not become a `bool`.
            if T::DTYPE == crate::DType::Bool {
                for k in 0..count {
                    let byte = elements.as_mut_ptr().cast::<u8>().add(k);
                    byte.write(u8::from(byte.read() != 0));
                }
            }
            elements.set_len(count);
        }
        Ok(elements)
    }

    /// Copies its elements to the host, in C order, when everything before on its stream is done.
    ///
    /// # Errors
    /// As [`DeviceArray::to_vec`]; if they are not as many.
    pub fn copy_to_slice(&self, elements: &mut [T]) -> Result<(), GpuError> {
        self.check_count(elements.len())?;
        if T::DTYPE == crate::DType::Bool {
            elements.copy_from_slice(&self.to_vec()?);
            return Ok(());
        }
        self.check_contiguous()?;
        let bytes = size_of_val(elements);
        // SAFETY: as many elements on both sides, for which every bit pattern is a value; the next line waits.
        unsafe { self.stream.copy_to_host(elements.as_mut_ptr().cast(), self.pointer(), bytes)? };
        self.stream.synchronize()
    }

    /// A contiguous copy on the same device.
    ///
    /// # Errors
    /// If the array is not contiguous, or there is no memory.
    pub fn try_clone(&self) -> Result<DeviceArray<T>, GpuError> {
        self.check_contiguous()?;
        let copy = DeviceArray::undefined(&self.stream, &self.shape)?;
        // SAFETY: both have that many bytes.
        unsafe {
            self.stream.copy_on_device(copy.pointer(), self.pointer(), self.len() * size_of::<T>())?;
        }
        Ok(copy)
    }

    /// A contiguous copy that belongs to another stream, perhaps of another device. Waits until it is made.
    ///
    /// # Errors
    /// If the array is not contiguous, there is no memory, or work on its stream has failed.
    pub fn copy_to_stream(&self, stream: &Stream) -> Result<DeviceArray<T>, GpuError> {
        self.check_contiguous()?;
        let copy = DeviceArray::undefined(stream, &self.shape)?;
        let bytes = self.len() * size_of::<T>();
        self.stream.synchronize()?;
        let (from, to) = (self.stream.device(), stream.device());
        // SAFETY: both have that many bytes, and what made them is done.
        unsafe {
            if from.number() == to.number() {
                stream.copy_on_device(copy.pointer(), self.pointer(), bytes)?;
            } else if bytes > 0 {
                stream.copy_from_device(copy.pointer(), self.pointer(), from, bytes)?;
            }
        }
        stream.synchronize()?;
        Ok(copy)
    }

    /// Address of its first element on the device.
    #[must_use]
    pub fn pointer(&self) -> u64 {
        match &self.memory {
            Memory::Own(buffer) => buffer.pointer(),
            Memory::Foreign(pointer) => *pointer,
        }
    }

    /// Extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Strides in bytes.
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Has it no elements?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stream that it belongs to.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    fn check_contiguous(&self) -> Result<(), GpuError> {
        let is_contiguous = self.is_empty()
            || self
                .shape
                .iter()
                .zip(&self.strides)
                .zip(&c_strides::<T>(&self.shape))
                .all(|((&extent, stride), expected)| extent == 1 || stride == expected);
        if is_contiguous { Ok(()) } else { Err(GpuError::usage("the array on the device is not contiguous")) }
    }

    fn check_count(&self, found: usize) -> Result<(), GpuError> {
        if found == self.len() {
            return Ok(());
        }
        Err(GpuError::usage(format!("{found} elements for an array of shape {:?}", self.shape)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_those_of_c_order() {
        assert_eq!(c_strides::<f64>(&[2, 3, 4]), [96, 32, 8]);
        assert_eq!(c_strides::<f32>(&[5, 0, 4]), [16, 16, 4]);
        assert_eq!(c_strides::<u8>(&[]), [] as [isize; 0]);
        assert_eq!(count::<f64>(&[]).unwrap(), 1);
        assert!(count::<f64>(&[usize::MAX, 2]).is_err());
    }
}
