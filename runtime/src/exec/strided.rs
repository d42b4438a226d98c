//! Bulk work on arrays given as words of the calling convention: fill, copy, overlap.

use smallvec::SmallVec;

use kjit_compiler::ir::abi::ARRAY_HEAD_WORDS;
use kjit_compiler::ir::abi::dtype_from_code;
use kjit_compiler::types::DType;

/// An array as generated code describes it.
pub(crate) struct RawArray {
    data: *mut u8,
    shape: SmallVec<[usize; 4]>,
    /// In bytes.
    strides: SmallVec<[isize; 4]>,
    item_bytes: usize,
}

/// `dtype_code | rank << 8`.
pub(crate) fn decode(code: u32) -> (DType, usize) {
    (dtype_from_code(code & 0xff).unwrap_or(DType::U8), (code >> 8 & 0xff) as usize)
}

impl RawArray {
    /// # Safety
    /// `words` points to the words of an array of that type and rank.
    pub(crate) unsafe fn read(words: *const u64, dtype: DType, rank: usize) -> RawArray {
        // SAFETY: by the contract.
        let words = unsafe { std::slice::from_raw_parts(words, ARRAY_HEAD_WORDS + 2 * rank) };
        RawArray {
            data: words[0] as *mut u8,
            shape: words[2..2 + rank].iter().map(|&w| w as usize).collect(),
            strides: words[2 + rank..].iter().map(|&w| w as isize).collect(),
            item_bytes: dtype.size_bytes(),
        }
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = self.item_bytes as isize;
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if extent != 1 && stride != expected {
                return false;
            }
            expected *= extent as isize;
        }
        true
    }

    /// Calls `visit` with the byte offset of every element, last axis fastest.
    fn for_each_offset(&self, mut visit: impl FnMut(isize)) {
        if self.len() == 0 {
            return;
        }
        let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.shape.len());
        let mut offset = 0_isize;
        loop {
            visit(offset);
            let mut axis = self.shape.len();
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                offset += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                offset -= self.strides[axis] * self.shape[axis] as isize;
                index[axis] = 0;
            }
        }
    }

    /// Sets every element to the bytes of `item`.
    ///
    /// # Safety
    /// The array is valid and writable, and `item` is `item_bytes` long.
    pub(crate) unsafe fn fill(&self, item: &[u8]) {
        debug_assert_eq!(item.len(), self.item_bytes);
        // SAFETY: every offset is that of an element of a valid array.
        unsafe {
            if self.is_contiguous() && item.iter().all(|&b| b == item[0]) {
                std::ptr::write_bytes(self.data, item[0], self.len() * self.item_bytes);
                return;
            }
            match item.len() {
                8 => self.fill_with(u64::from_ne_bytes(item.try_into().unwrap_or_default())),
                4 => self.fill_with(u32::from_ne_bytes(item.try_into().unwrap_or_default())),
                2 => self.fill_with(u16::from_ne_bytes(item.try_into().unwrap_or_default())),
                1 => self.fill_with(item[0]),
                _ => self.for_each_offset(|offset| {
                    std::ptr::copy_nonoverlapping(item.as_ptr(), self.data.offset(offset), item.len());
                }),
            }
        }
    }

    /// # Safety
    /// As [`RawArray::fill`], with `T` of the item's size.
    unsafe fn fill_with<T: Copy>(&self, value: T) {
        if self.is_contiguous() {
            for i in 0..self.len() {
                // SAFETY: by the contract; element addresses of foreign arrays may be unaligned.
                unsafe { self.data.cast::<T>().add(i).write_unaligned(value) };
            }
        } else {
            // SAFETY: as above.
            self.for_each_offset(|offset| unsafe {
                self.data.offset(offset).cast::<T>().write_unaligned(value);
            });
        }
    }

    /// First and one past the last byte touched; `None` if there are no elements.
    fn extent(&self) -> Option<(usize, usize)> {
        if self.len() == 0 {
            return None;
        }
        let (mut low, mut high) = (self.data as isize, self.data as isize + self.item_bytes as isize);
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = stride * (extent as isize - 1);
            if reach < 0 { low += reach } else { high += reach }
        }
        Some((low as usize, high as usize))
    }

    /// Do the memory ranges intersect?
    pub(crate) fn overlaps(&self, other: &RawArray) -> bool {
        match (self.extent(), other.extent()) {
            (Some((a, b)), Some((c, d))) => a < d && c < b,
            _ => false,
        }
    }
}

/// Copies all elements as if the source were read completely first; `false` if there was no memory for a temporary.
///
/// # Safety
/// Both are valid arrays of the same element type and shape, `to` is writable.
pub(crate) unsafe fn copy(to: &RawArray, from: &RawArray) -> bool {
    let item_bytes = to.item_bytes;
    let total_bytes = to.len() * item_bytes;
    // SAFETY: every address is that of an element of a valid array; the temporary holds `total_bytes`.
    unsafe {
        if to.is_contiguous() && from.is_contiguous() {
            std::ptr::copy(from.data, to.data, total_bytes);
            return true;
        }
        let mut from_data = from.data.cast_const();
        let mut temporary: Vec<u8> = Vec::new();
        let is_gathered = from.overlaps(to);
        if is_gathered {
            if temporary.try_reserve_exact(total_bytes).is_err() {
                return false;
            }
            from.for_each_offset(|offset| {
                temporary.extend_from_slice(std::slice::from_raw_parts(from.data.offset(offset), item_bytes));
            });
            from_data = temporary.as_ptr();
        }
        let mut from_offsets: Vec<isize> = Vec::new();
        if !is_gathered && !from.is_contiguous() {
            // Two different stride patterns: walk both in step, one row at a time would need no memory, but rows are
            // what this is called for.
            if from_offsets.try_reserve_exact(from.len()).is_err() {
                return false;
            }
            from.for_each_offset(|offset| from_offsets.push(offset));
        }
        let mut k = 0_usize;
        to.for_each_offset(|offset| {
            let source = match from_offsets.get(k) {
                Some(&from_offset) => from_data.offset(from_offset),
                None => from_data.add(k * item_bytes),
            };
            match item_bytes {
                8 => to
                    .data
                    .offset(offset)
                    .cast::<u64>()
                    .write_unaligned(source.cast::<u64>().read_unaligned()),
                4 => to
                    .data
                    .offset(offset)
                    .cast::<u32>()
                    .write_unaligned(source.cast::<u32>().read_unaligned()),
                _ => std::ptr::copy_nonoverlapping(source, to.data.offset(offset), item_bytes),
            }
            k += 1;
        });
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(data: *mut f64, shape: &[usize], strides: &[isize]) -> RawArray {
        RawArray { data: data.cast(), shape: shape.into(), strides: strides.into(), item_bytes: 8 }
    }

    #[test]
    fn overlapping_copies_read_first() {
        let mut x: Vec<f64> = (0..6).map(f64::from).collect();
        let p = x.as_mut_ptr();
        // x[1:] = x[:-1], contiguous: moves.
        // SAFETY: the views lie within `x`.
        unsafe { assert!(copy(&array(p.add(1), &[5], &[8]), &array(p, &[5], &[8]))) };
        assert_eq!(x, [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        // x[:] = x[::-1]
        let p = x.as_mut_ptr();
        // SAFETY: as above.
        unsafe { assert!(copy(&array(p, &[6], &[8]), &array(p.add(5), &[6], &[-8]))) };
        assert_eq!(x, [4.0, 3.0, 2.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn strided_fill_touches_only_its_elements() {
        let mut x = vec![0.0_f64; 12];
        let column = array(x.as_mut_ptr(), &[3], &[32]);
        // SAFETY: column 0 of a 3 x 4 matrix.
        unsafe { column.fill(&1.5_f64.to_ne_bytes()) };
        let expected: Vec<f64> = (0..12).map(|i| if i % 4 == 0 { 1.5 } else { 0.0 }).collect();
        assert_eq!(x, expected);
        // SAFETY: rank 0 has one element.
        unsafe { array(x.as_mut_ptr(), &[], &[]).fill(&2.5_f64.to_ne_bytes()) };
        assert_eq!(x[0], 2.5);
    }

    #[test]
    fn transposed_copies_and_overlap() {
        let mut x: Vec<f64> = (0..6).map(f64::from).collect();
        let mut y = vec![0.0_f64; 6];
        let transposed = array(x.as_mut_ptr(), &[3, 2], &[8, 24]);
        let to = array(y.as_mut_ptr(), &[3, 2], &[16, 8]);
        assert!(!transposed.overlaps(&to));
        // SAFETY: both cover their vectors exactly.
        unsafe { assert!(copy(&to, &transposed)) };
        assert_eq!(y, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let empty = array(x.as_mut_ptr(), &[0], &[8]);
        assert!(!empty.overlaps(&transposed) && transposed.overlaps(&transposed));
    }
}
