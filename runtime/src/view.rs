//! Views: arrays that belong to the host, lent to a kernel for one call.
//!
//! `&` and `&mut` are the proof that what a kernel writes overlaps nothing else it was given.

use std::marker::PhantomData;
use std::sync::Arc;

use kjit_compiler::ir::abi;
use kjit_compiler::types::{ArrayTy, DType, Layout};
use smallvec::SmallVec;

use crate::element::Element;
use crate::exec::memory::Account;
use crate::owned::{DynArray, contiguous_strides};

/// Where the elements lie, from shape and strides.
#[inline]
pub(crate) fn layout_of(shape: &[usize], strides: &[isize], item_bytes: usize) -> Layout {
    let is_contiguous = |is_c: bool| {
        let mut expected = item_bytes as isize;
        for k in 0..shape.len() {
            let axis = if is_c { shape.len() - 1 - k } else { k };
            // The stride of an axis of one element is never used, but compiled code for contiguous arrays computes
            // strides from extents, so it must fit or not matter.
            if shape[axis] > 1 && strides[axis] != expected {
                return false;
            }
            expected = expected.wrapping_mul(shape[axis] as isize);
        }
        true
    };
    if is_contiguous(true) || shape.contains(&0) {
        Layout::C
    } else if is_contiguous(false) {
        Layout::F
    } else {
        Layout::Strided
    }
}

/// A view for reading, of run-time element type and rank. Strides are in bytes and may be negative or 0.
#[derive(Clone, Debug)]
pub struct ArrayRef<'a> {
    pub(crate) data: *const u8,
    pub(crate) dtype: DType,
    pub(crate) shape: SmallVec<[usize; 4]>,
    pub(crate) strides: SmallVec<[isize; 4]>,
    life: PhantomData<&'a [u8]>,
}

/// A view for reading and writing, of run-time element type and rank.
#[derive(Debug)]
pub struct ArrayRefMut<'a> {
    pub(crate) inner: ArrayRef<'a>,
    life: PhantomData<&'a mut [u8]>,
}

// SAFETY: stands for `&[T]` of a plain number type.
unsafe impl Send for ArrayRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for ArrayRef<'_> {}
// SAFETY: stands for `&mut [T]` of a plain number type.
unsafe impl Send for ArrayRefMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for ArrayRefMut<'_> {}

impl<'a> ArrayRef<'a> {
    /// A view of memory described by pointer, extents and byte strides.
    ///
    /// # Safety
    /// For `'a`, every element that extents and strides reach is readable memory of that type and is not written by
    /// anyone else.
    ///
    /// # Panics
    /// If there are not as many strides as extents, more than 8, or an extent of 2^48 or more.
    #[must_use]
    pub unsafe fn from_raw(
        data: *const u8,
        dtype: DType,
        shape: &[usize],
        strides: &[isize],
    ) -> ArrayRef<'a> {
        assert!(shape.len() == strides.len() && shape.len() <= 8, "one stride per axis, at most 8 axes");
        assert_extents(shape);
        ArrayRef { data, dtype, shape: shape.into(), strides: strides.into(), life: PhantomData }
    }

    /// A C-contiguous view of a slice.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if the shape has another number of elements or more than 8 axes.
    pub fn from_slice<T: Element>(elements: &'a [T], shape: &[usize]) -> Result<ArrayRef<'a>, crate::Error> {
        check_shape(elements.len(), shape)?;
        let strides = contiguous_strides(shape, size_of::<T>());
        // SAFETY: the slice holds exactly the elements of the shape, borrowed for `'a`.
        Ok(unsafe { ArrayRef::from_raw(elements.as_ptr().cast(), T::DTYPE, shape, &strides) })
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Extents in elements.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Distances of neighbours in bytes.
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The type that a kernel is compiled for.
    #[must_use]
    pub fn array_ty(&self, is_writable: bool) -> ArrayTy {
        ArrayTy {
            dtype: self.dtype,
            rank: self.shape.len() as u8,
            layout: layout_of(&self.shape, &self.strides, self.dtype.size_bytes()),
            is_writable,
        }
    }

    /// Is this what [`ArrayRef::array_ty`] says, access aside?
    #[inline]
    pub(crate) fn is_of(&self, ty: &ArrayTy) -> bool {
        self.dtype == ty.dtype
            && self.shape.len() == ty.rank as usize
            && layout_of(&self.shape, &self.strides, self.dtype.size_bytes()) == ty.layout
    }

    /// First element's address.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.data
    }

    /// The element at that index; `None` outside, for another rank or another type.
    #[must_use]
    pub fn get<T: Element>(&self, index: &[usize]) -> Option<T> {
        if T::DTYPE != self.dtype || index.len() != self.shape.len() {
            return None;
        }
        let mut offset = 0_isize;
        for ((&i, &extent), &stride) in index.iter().zip(&self.shape).zip(&self.strides) {
            if i >= extent {
                return None;
            }
            offset += i as isize * stride;
        }
        // SAFETY: the index is inside; elements may be unaligned.
        Some(unsafe { self.data.offset(offset).cast::<T>().read_unaligned() })
    }

    /// The elements in C order; `None` if `T` is not the element type.
    #[must_use]
    pub fn to_vec<T: Element>(&self) -> Option<Vec<T>> {
        if T::DTYPE != self.dtype {
            return None;
        }
        let mut elements = Vec::with_capacity(self.shape.iter().product());
        // SAFETY: every address is that of an element.
        self.for_each_address(|address| elements.push(unsafe { address.cast::<T>().read_unaligned() }));
        Some(elements)
    }

    /// Calls `visit` with every element's address in C order.
    pub(crate) fn for_each_address(&self, mut visit: impl FnMut(*const u8)) {
        let count: usize = self.shape.iter().product();
        let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.shape.len());
        let mut offset = 0_isize;
        for _ in 0..count {
            // SAFETY: offsets of elements stay within the array.
            visit(unsafe { self.data.offset(offset) });
            for axis in (0..self.shape.len()).rev() {
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

    /// A C-contiguous copy.
    pub(crate) fn to_owned_in(&self, account: &Arc<Account>) -> Result<DynArray, crate::Error> {
        let array = DynArray::allocate(account, self.dtype, &self.shape, false)?;
        let item_bytes = self.dtype.size_bytes();
        let mut target = array.view().data.cast_mut();
        self.for_each_address(|address| {
            // SAFETY: the copy was made with the same shape; nobody else has it yet.
            unsafe {
                std::ptr::copy_nonoverlapping(address, target, item_bytes);
                target = target.add(item_bytes);
            }
        });
        Ok(array)
    }

    /// Writes the words of the calling convention, returns how many.
    #[inline]
    pub(crate) fn write_words(&self, words: &mut [u64]) -> usize {
        let (shape, strides) = (self.shape.as_slice(), self.strides.as_slice());
        let rank = shape.len();
        let words = &mut words[..abi::ARRAY_HEAD_WORDS + 2 * rank];
        words[0] = self.data as u64;
        words[1] = 0;
        for axis in 0..rank {
            words[abi::ARRAY_HEAD_WORDS + axis] = shape[axis] as u64;
            words[abi::ARRAY_HEAD_WORDS + rank + axis] = strides[axis] as u64;
        }
        words.len()
    }
}

/// Few numbers without a loop.
#[inline]
fn axes<T: Copy + Default, const N: usize>(axes: [T; N]) -> SmallVec<[T; 4]> {
    if N > 4 {
        return axes.as_slice().into();
    }
    SmallVec::from_buf_and_len(std::array::from_fn(|k| axes.get(k).copied().unwrap_or_default()), N)
}

impl<'a, T: Element, const N: usize> From<View<'a, T, N>> for ArrayRef<'a> {
    /// # Panics
    /// If it has more than 8 axes.
    #[inline]
    fn from(view: View<'a, T, N>) -> Self {
        assert!(N <= 8, "at most 8 axes");
        let View { data, shape, strides, .. } = view;
        let (shape, strides) = (axes(shape), axes(strides));
        ArrayRef { data: data.cast(), dtype: T::DTYPE, shape, strides, life: PhantomData }
    }
}

impl<'a, T: Element, const N: usize> From<ViewMut<'a, T, N>> for ArrayRefMut<'a> {
    #[inline]
    fn from(view: ViewMut<'a, T, N>) -> Self {
        ArrayRefMut { inner: view.view.into(), life: PhantomData }
    }
}

impl<'a> ArrayRefMut<'a> {
    /// A view of memory described by pointer, extents and byte strides.
    ///
    /// # Safety
    /// For `'a`, every element that extents and strides reach is memory of that type that nobody else reads or writes, and
    /// different indices reach different elements.
    ///
    /// # Panics
    /// As [`ArrayRef::from_raw`].
    #[must_use]
    pub unsafe fn from_raw(
        data: *mut u8,
        dtype: DType,
        shape: &[usize],
        strides: &[isize],
    ) -> ArrayRefMut<'a> {
        // SAFETY: passed on.
        ArrayRefMut { inner: unsafe { ArrayRef::from_raw(data, dtype, shape, strides) }, life: PhantomData }
    }

    /// A C-contiguous view of a slice.
    ///
    /// # Errors
    /// As [`ArrayRef::from_slice`].
    pub fn from_slice<T: Element>(
        elements: &'a mut [T],
        shape: &[usize],
    ) -> Result<ArrayRefMut<'a>, crate::Error> {
        check_shape(elements.len(), shape)?;
        let strides = contiguous_strides(shape, size_of::<T>());
        // SAFETY: as there, and borrowed mutably.
        Ok(unsafe { ArrayRefMut::from_raw(elements.as_mut_ptr().cast(), T::DTYPE, shape, &strides) })
    }

    /// The same view for reading, as long as this one is not written through.
    #[must_use]
    pub fn view(&self) -> ArrayRef<'_> {
        self.inner.clone()
    }

    /// The same view for a shorter time.
    #[must_use]
    pub fn reborrow(&mut self) -> ArrayRefMut<'_> {
        ArrayRefMut { inner: self.inner.clone(), life: PhantomData }
    }
}

/// Generated code computes with extents and relies on this limit, also for arrays without elements.
///
/// # Panics
/// If an extent is 2^48 or more.
#[inline]
fn assert_extents(shape: &[usize]) {
    if !has_sane_extents(shape) {
        refuse_extents(shape);
    }
}

#[cold]
#[inline(never)]
fn refuse_extents(shape: &[usize]) -> ! {
    panic!("an extent of 2^48 elements or more: {shape:?}");
}

#[inline]
pub(crate) fn has_sane_extents(shape: &[usize]) -> bool {
    shape.iter().all(|&extent| extent < abi::MAX_EXTENT as usize)
}

fn check_shape(len: usize, shape: &[usize]) -> Result<(), crate::Error> {
    if !has_sane_extents(shape)
        || shape.len() > 8
        || shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent)) != Some(len)
    {
        return Err(crate::Error::Argument(format!("shape {shape:?} does not hold {len} elements")));
    }
    Ok(())
}

/// A view for reading, of element type `T` and rank `N`. Strides are in bytes and may be negative or 0.
#[derive(Debug)]
pub struct View<'a, T, const N: usize> {
    pub(crate) data: *const T,
    pub(crate) shape: [usize; N],
    pub(crate) strides: [isize; N],
    life: PhantomData<&'a [T]>,
}

impl<T, const N: usize> Clone for View<'_, T, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const N: usize> Copy for View<'_, T, N> {}

/// A view for reading and writing, of element type `T` and rank `N`.
#[derive(Debug)]
pub struct ViewMut<'a, T, const N: usize> {
    pub(crate) view: View<'a, T, N>,
    life: PhantomData<&'a mut ()>,
}

// SAFETY: stands for `&[T]`.
unsafe impl<T: Element, const N: usize> Send for View<'_, T, N> {}
// SAFETY: stands for `&[T]`.
unsafe impl<T: Element, const N: usize> Sync for View<'_, T, N> {}
// SAFETY: stands for `&mut [T]`.
unsafe impl<T: Element, const N: usize> Send for ViewMut<'_, T, N> {}
// SAFETY: stands for `&mut [T]`.
unsafe impl<T: Element, const N: usize> Sync for ViewMut<'_, T, N> {}

/// An array that a kernel reads: the name of [`View`] in kernel signatures.
pub type In<'a, T, const N: usize> = View<'a, T, N>;
/// An array that a kernel reads and writes: the name of [`ViewMut`] in kernel signatures.
pub type InOut<'a, T, const N: usize> = ViewMut<'a, T, N>;

fn c_strides<const N: usize>(shape: [usize; N], item_bytes: usize) -> [isize; N] {
    let mut strides = [0; N];
    let mut stride = item_bytes as isize;
    for axis in (0..N).rev() {
        strides[axis] = stride;
        stride = stride.saturating_mul(shape[axis].max(1) as isize);
    }
    strides
}

impl<'a, T: Element, const N: usize> View<'a, T, N> {
    /// A C-contiguous view of a slice.
    ///
    /// ```
    /// use kjit::View;
    /// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    /// let matrix = View::new(&x, [2, 3])?;
    /// assert_eq!(matrix.shape(), [2, 3]);
    /// # Ok::<(), kjit::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if the shape has another number of elements.
    pub fn new(elements: &'a [T], shape: [usize; N]) -> Result<View<'a, T, N>, crate::Error> {
        check_shape(elements.len(), &shape)?;
        Ok(View {
            data: elements.as_ptr(),
            shape,
            strides: c_strides(shape, size_of::<T>()),
            life: PhantomData,
        })
    }

    /// A view of memory described by pointer, extents and byte strides.
    ///
    /// # Safety
    /// As [`ArrayRef::from_raw`].
    ///
    /// # Panics
    /// If an extent is 2^48 or more.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(data: *const T, shape: [usize; N], strides: [isize; N]) -> View<'a, T, N> {
        assert_extents(&shape);
        View { data, shape, strides, life: PhantomData }
    }

    /// Extents in elements.
    #[must_use]
    pub fn shape(&self) -> [usize; N] {
        self.shape
    }

    /// Distances of neighbours in bytes.
    #[must_use]
    pub fn strides(&self) -> [isize; N] {
        self.strides
    }

    #[inline]
    pub(crate) fn is_c_contiguous(&self) -> bool {
        let mut expected = size_of::<T>() as isize;
        for axis in (0..N).rev() {
            if self.shape[axis] != 1 && self.strides[axis] != expected {
                return self.shape.contains(&0);
            }
            expected = expected.wrapping_mul(self.shape[axis] as isize);
        }
        true
    }

    #[inline]
    pub(crate) fn write_words(&self, words: &mut [u64]) -> usize {
        words[0] = self.data as u64;
        words[1] = 0;
        for axis in 0..N {
            words[2 + axis] = self.shape[axis] as u64;
            words[2 + N + axis] = self.strides[axis] as u64;
        }
        2 + 2 * N
    }
}

impl<'a, T: Element, const N: usize> ViewMut<'a, T, N> {
    /// A C-contiguous view of a slice.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] if the shape has another number of elements.
    pub fn new(elements: &'a mut [T], shape: [usize; N]) -> Result<ViewMut<'a, T, N>, crate::Error> {
        check_shape(elements.len(), &shape)?;
        let view = View {
            data: elements.as_mut_ptr(),
            shape,
            strides: c_strides(shape, size_of::<T>()),
            life: PhantomData,
        };
        Ok(ViewMut { view, life: PhantomData })
    }

    /// A view of memory described by pointer, extents and byte strides.
    ///
    /// # Safety
    /// As [`ArrayRefMut::from_raw`].
    ///
    /// # Panics
    /// If an extent is 2^48 or more.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(data: *mut T, shape: [usize; N], strides: [isize; N]) -> ViewMut<'a, T, N> {
        assert_extents(&shape);
        ViewMut { view: View { data, shape, strides, life: PhantomData }, life: PhantomData }
    }

    /// Extents in elements.
    #[must_use]
    pub fn shape(&self) -> [usize; N] {
        self.view.shape
    }
}

macro_rules! from_one_dimensional {
    ($($lifetime:lifetime, [$($generic:tt)*], $shared:ty, $mutable:ty;)*) => {$(
        impl<'a, T: Element, $($generic)*> From<$shared> for View<'a, T, 1> {
            #[inline]
            fn from(elements: $shared) -> Self {
                View {
                    data: elements.as_ptr(),
                    shape: [elements.len()],
                    strides: [size_of::<T>() as isize],
                    life: PhantomData,
                }
            }
        }
        impl<'a, T: Element, $($generic)*> From<$mutable> for ViewMut<'a, T, 1> {
            #[inline]
            fn from(elements: $mutable) -> Self {
                let view = View {
                    data: elements.as_mut_ptr(),
                    shape: [elements.len()],
                    strides: [size_of::<T>() as isize],
                    life: PhantomData,
                };
                ViewMut { view, life: PhantomData }
            }
        }
    )*};
}

from_one_dimensional! {
    'a, [], &'a [T], &'a mut [T];
    'a, [], &'a Vec<T>, &'a mut Vec<T>;
    'a, [const K: usize], &'a [T; K], &'a mut [T; K];
}

#[cfg(feature = "ndarray")]
mod from_ndarray {
    use ndarray::{ArrayBase, Data, DataMut, Dim, Dimension};

    use super::{Element, PhantomData, View, ViewMut};

    fn parts<const N: usize>(
        shape: &[usize],
        strides: &[isize],
        item_bytes: usize,
    ) -> ([usize; N], [isize; N]) {
        super::assert_extents(shape);
        let mut result = ([0; N], [0; N]);
        for axis in 0..N {
            // ndarray counts strides in elements.
            (result.0[axis], result.1[axis]) = (shape[axis], strides[axis] * item_bytes as isize);
        }
        result
    }

    impl<'a, T, S, const N: usize> From<&'a ArrayBase<S, Dim<[usize; N]>>> for View<'a, T, N>
    where
        T: Element,
        S: Data<Elem = T>,
        Dim<[usize; N]>: Dimension,
    {
        fn from(array: &'a ArrayBase<S, Dim<[usize; N]>>) -> Self {
            let (shape, strides) = parts(array.shape(), array.strides(), size_of::<T>());
            View { data: array.as_ptr(), shape, strides, life: PhantomData }
        }
    }

    impl<'a, T, S, const N: usize> From<&'a mut ArrayBase<S, Dim<[usize; N]>>> for ViewMut<'a, T, N>
    where
        T: Element,
        S: DataMut<Elem = T>,
        Dim<[usize; N]>: Dimension,
    {
        fn from(array: &'a mut ArrayBase<S, Dim<[usize; N]>>) -> Self {
            let (shape, strides) = parts(array.shape(), array.strides(), size_of::<T>());
            let view = View { data: array.as_mut_ptr(), shape, strides, life: PhantomData };
            ViewMut { view, life: PhantomData }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_recognised() {
        assert_eq!(layout_of(&[3, 4], &[32, 8], 8), Layout::C);
        assert_eq!(layout_of(&[3, 4], &[8, 24], 8), Layout::F);
        assert_eq!(layout_of(&[3, 4], &[64, 8], 8), Layout::Strided);
        assert_eq!(layout_of(&[5], &[-8], 8), Layout::Strided);
        assert_eq!(
            layout_of(&[1, 4], &[999, 8], 8),
            Layout::C,
            "an axis of one element has no stride to speak of"
        );
        assert_eq!(layout_of(&[0, 4], &[1, 1], 8), Layout::C, "nothing is nowhere");
        assert_eq!(layout_of(&[], &[], 8), Layout::C);
    }

    #[test]
    fn negative_strides_read_backwards() {
        let x = [1_i32, 2, 3];
        // SAFETY: from the last element backwards over the three elements of `x`.
        let view = unsafe { ArrayRef::from_raw(x.as_ptr().add(2).cast(), DType::I32, &[3], &[-4]) };
        assert_eq!(view.to_vec::<i32>(), Some(vec![3, 2, 1]));
        assert_eq!(view.to_vec::<f64>(), None);
        assert_eq!(view.get::<i32>(&[0]), Some(3));
        assert_eq!(view.get::<i32>(&[3]), None);
    }

    #[test]
    fn shapes_must_fit() {
        assert!(View::new(&[1.0; 6], [2, 3]).is_ok());
        assert!(View::new(&[1.0; 6], [2, 4]).is_err());
        assert!(View::<f64, 2>::new(&[], [usize::MAX, 2]).is_err());
        assert!(View::<f64, 2>::new(&[], [1 << 48, 0]).is_err(), "also where there are no elements");
        assert!(DynArray::zeros(DType::F64, &[0, 1 << 60]).is_err());
    }
}
