//! What a host may be told or asked while a kernel runs.

use kjit_compiler::types::DType;
use smallvec::SmallVec;

use crate::owned::DynArray;
use crate::view::ArrayRef;

/// Receives the lines that kernels print, without the newline. May be called from any thread.
pub type PrintHook = dyn Fn(&str) + Send + Sync;

/// Hears of the progress of parallel loops: after every chunk. May be called from any thread.
pub type ProgressHook = dyn Fn(Progress) + Send + Sync;

/// Receives warnings found at run time, with the source they speak of.
pub type WarningHook = dyn Fn(&crate::CompileError) + Send + Sync;

/// How far the parallel loops that run now have come, in chunks of work of similar size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Chunks done.
    pub done: u64,
    /// Chunks in all.
    pub total: u64,
}

/// Reads and writes array files for `np.load` and `np.save`.
pub trait ArrayFiles: Send + Sync {
    /// Element type and rank of the array in a file, without reading its elements.
    ///
    /// # Errors
    /// A sentence for the user.
    fn inspect(&self, path: &str) -> Result<(DType, usize), String>;

    /// Reads an array.
    ///
    /// # Errors
    /// A sentence for the user.
    fn load(&self, path: &str) -> Result<DynArray, String>;

    /// Writes an array.
    ///
    /// # Errors
    /// A sentence for the user.
    fn save(&self, path: &str, array: &ArrayRef<'_>) -> Result<(), String>;
}

/// The array that words of the calling convention describe.
///
/// # Safety
/// The words describe an array that is valid for `'a`.
pub(crate) unsafe fn array_from_words<'a>(words: &[u64], dtype: DType) -> ArrayRef<'a> {
    let rank = (words.len() - 2) / 2;
    let shape: SmallVec<[usize; 4]> = words[2..2 + rank].iter().map(|&w| w as usize).collect();
    let strides: SmallVec<[isize; 4]> = words[2 + rank..].iter().map(|&w| w as isize).collect();
    // SAFETY: by the contract.
    unsafe { ArrayRef::from_raw(words[0] as *const u8, dtype, &shape, &strides) }
}
