//! Arrays that own their memory: what kernels return, and what a host makes without a Rust array type.

use std::sync::Arc;

use kjit_compiler::types::{DType, Layout};
use smallvec::SmallVec;

use crate::element::Element;
use crate::exec::memory::{self, Account, Block, Header};
use crate::view::{ArrayRef, ArrayRefMut, has_sane_extents};

/// An owned array of run-time element type and rank: shape in elements, strides in bytes.
///
/// Arrays returned by kernels may share memory (`return u, u[0]`); they are read-only unless this is the only
/// reference.
///
/// ```
/// use kjit::{DType, DynArray};
/// let x = DynArray::from_slice(&[1.0, 2.0, 3.0], &[3])?;
/// assert_eq!(x.dtype(), DType::F64);
/// assert_eq!(x.to_vec::<f64>(), Some(vec![1.0, 2.0, 3.0]));
/// # Ok::<(), kjit::Error>(())
/// ```
#[derive(Debug)]
pub struct DynArray {
    block: Block,
    data: *mut u8,
    dtype: DType,
    shape: SmallVec<[usize; 4]>,
    strides: SmallVec<[isize; 4]>,
}

// SAFETY: the memory is reached through `&self` for reading and `&mut self` for writing only, and the reference count
// of the block is atomic.
unsafe impl Send for DynArray {}
// SAFETY: as above.
unsafe impl Sync for DynArray {}

/// Strides in bytes of a C-contiguous array.
pub(crate) fn contiguous_strides(shape: &[usize], item_bytes: usize) -> SmallVec<[isize; 4]> {
    let mut strides = SmallVec::from_elem(0, shape.len());
    let mut stride = item_bytes as isize;
    for axis in (0..shape.len()).rev() {
        strides[axis] = stride;
        stride = stride.saturating_mul(shape[axis].max(1) as isize);
    }
    strides
}

impl DynArray {
    /// A C-contiguous array of zeros.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`] if there is no memory for it.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<DynArray, crate::Error> {
        // Arrays made by hosts belong to no engine.
        DynArray::allocate(&Arc::new(Account::default()), dtype, shape, true)
    }

    /// A C-contiguous array with the elements of a slice in C order.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`]; [`crate::Error::Argument`] if the shape has another number of elements.
    pub fn from_slice<T: Element>(elements: &[T], shape: &[usize]) -> Result<DynArray, crate::Error> {
        if shape.iter().product::<usize>() != elements.len() {
            return Err(crate::Error::Argument(format!(
                "shape {shape:?} does not hold {} elements",
                elements.len()
            )));
        }
        let array = DynArray::allocate(&Arc::new(Account::default()), T::DTYPE, shape, false)?;
        // SAFETY: the array was made with room for as many elements of that type, aligned to 64 bytes.
        unsafe { std::ptr::copy_nonoverlapping(elements.as_ptr(), array.data.cast::<T>(), elements.len()) };
        Ok(array)
    }

    pub(crate) fn allocate(
        account: &Arc<Account>,
        dtype: DType,
        shape: &[usize],
        is_zeroed: bool,
    ) -> Result<DynArray, crate::Error> {
        let bytes = shape
            .iter()
            .try_fold(dtype.size_bytes(), |bytes, &extent| bytes.checked_mul(extent))
            .filter(|_| has_sane_extents(shape))
            .and_then(|bytes| Block::new(account, bytes as u64, is_zeroed));
        let block = bytes.ok_or(crate::Error::OutOfMemory)?;
        let data = block.data();
        Ok(DynArray {
            block,
            data,
            dtype,
            shape: shape.into(),
            strides: contiguous_strides(shape, dtype.size_bytes()),
        })
    }

    /// Takes over an array that generated code returned, as words of the calling convention.
    ///
    /// # Safety
    /// The words describe a valid array; a non-zero owner word hands over one reference. With owner 0 the elements are
    /// copied.
    pub(crate) unsafe fn from_words(
        words: &[u64],
        dtype: DType,
        account: &Arc<Account>,
    ) -> Result<DynArray, crate::Error> {
        let rank = (words.len() - 2) / 2;
        let shape: SmallVec<[usize; 4]> = words[2..2 + rank].iter().map(|&w| w as usize).collect();
        let strides: SmallVec<[isize; 4]> = words[2 + rank..].iter().map(|&w| w as isize).collect();
        let data = words[0] as *mut u8;
        if words[1] == 0 {
            // SAFETY: by the contract, a valid array that is alive now.
            let source = unsafe { ArrayRef::from_raw(data, dtype, &shape, &strides) };
            return source.to_owned_in(account);
        }
        // SAFETY: by the contract.
        let block = unsafe { Block::from_owner(words[1]) };
        Ok(DynArray { block, data, dtype, shape, strides })
    }

    /// Words of the calling convention.
    pub(crate) fn words(&self) -> SmallVec<[u64; 8]> {
        let mut words: SmallVec<[u64; 8]> = SmallVec::new();
        words.push(self.data as u64);
        words.push(self.block.owner());
        words.extend(self.shape.iter().map(|&extent| extent as u64));
        words.extend(self.strides.iter().map(|&stride| stride as u64));
        words
    }

    /// Hands the array's reference to a kernel: it hangs on the call's list from now on.
    pub(crate) fn release_to_kernel(self, list: *mut *mut Header) {
        // SAFETY: `list` is the head of the running call's context, used by this thread alone; the reference moves.
        unsafe { memory::adopt(list, self.block) };
    }

    /// The same elements, C-contiguous, in memory of that account and with no other reference.
    pub(crate) fn into_contiguous(self, account: &Arc<Account>) -> Option<DynArray> {
        self.view().to_owned_in(account).ok()
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

    /// A C-contiguous copy in memory of its own.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`].
    pub fn try_clone(&self) -> Result<DynArray, crate::Error> {
        self.view().to_owned_in(&Arc::new(Account::default()))
    }

    /// A view for reading.
    #[must_use]
    pub fn view(&self) -> ArrayRef<'_> {
        // SAFETY: the array is valid as long as `self` is borrowed.
        unsafe { ArrayRef::from_raw(self.data, self.dtype, &self.shape, &self.strides) }
    }

    /// A view for writing; `None` if another array shares the memory.
    #[must_use]
    pub fn view_mut(&mut self) -> Option<ArrayRefMut<'_>> {
        if !self.block.is_unique() {
            return None;
        }
        // SAFETY: valid, and borrowed mutably through the only reference.
        Some(unsafe { ArrayRefMut::from_raw(self.data, self.dtype, &self.shape, &self.strides) })
    }

    /// The elements in C order; `None` if `T` is not the element type.
    #[must_use]
    pub fn to_vec<T: Element>(&self) -> Option<Vec<T>> {
        self.view().to_vec()
    }

    /// The elements where they are, in C order; `None` if `T` is not the element type or they are not C-contiguous.
    #[must_use]
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        let is_contiguous = self.view().array_ty(false).layout == Layout::C;
        if T::DTYPE != self.dtype || !is_contiguous || !self.data.cast::<T>().is_aligned() {
            return None;
        }
        if self.is_empty() {
            return Some(&[]);
        }
        // SAFETY: as many elements of that type lie side by side, aligned, in memory that nobody writes while `self` is
        // borrowed.
        Some(unsafe { std::slice::from_raw_parts(self.data.cast::<T>(), self.len()) })
    }
}

/// An owned array of Rust element type `T` and rank `N`, as typed kernels return it.
#[derive(Debug)]
pub struct Array<T, const N: usize> {
    inner: DynArray,
    element: std::marker::PhantomData<T>,
}

impl<T: Element, const N: usize> Array<T, N> {
    /// `None` if the element type or the rank differs.
    #[must_use]
    pub fn from_dyn(inner: DynArray) -> Option<Array<T, N>> {
        (inner.dtype == T::DTYPE && inner.shape.len() == N)
            .then_some(Array { inner, element: std::marker::PhantomData })
    }

    /// Extents in elements.
    #[must_use]
    pub fn shape(&self) -> [usize; N] {
        let mut shape = [0; N];
        shape.copy_from_slice(&self.inner.shape);
        shape
    }

    /// The elements in C order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.inner.to_vec().unwrap_or_default()
    }

    /// The element at that index; `None` outside.
    #[must_use]
    pub fn get(&self, index: [usize; N]) -> Option<T> {
        self.inner.view().get(&index)
    }

    /// The array without its static types.
    #[must_use]
    pub fn into_dyn(self) -> DynArray {
        self.inner
    }
}
