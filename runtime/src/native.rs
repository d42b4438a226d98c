//! A kernel in executable memory.

use std::sync::atomic::{AtomicU8, Ordering};

use kjit_compiler::ir::Artifact;
use kjit_compiler::ir::abi;
use kjit_compiler::types::Ty;

use crate::code::CodePages;
use crate::error::Error;
use crate::exec::context::Context;
use crate::exec::late::LateCode;
use crate::exec::table;
use crate::gpu::GridCode;

/// `extern "C" fn(ctx, args, ret) -> status`, as [`kjit_compiler::ir::artifact::EntryPoint`] describes it.
pub(crate) type EntryFn = unsafe extern "C" fn(*mut Context, *const u64, *mut u64) -> i32;

/// An artifact with its code mapped; freed when the last handle goes.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) artifact: Artifact,
    pub(crate) code: CodePages,
    pub(crate) entry: EntryFn,
    /// Words of the arguments.
    pub(crate) arg_words: usize,
    /// Its functions that have no code until they are called.
    pub(crate) late: LateCode,
    /// Words of the result.
    pub(crate) ret_words: usize,
    /// The functions that its code calls.
    pub(crate) table: &'static [usize],
    /// Are there arrays in the result?
    pub(crate) returns_memory: bool,
    /// Its loops on a GPU, if code for one was made.
    pub(crate) grid: Option<GridCode>,
    /// What a call has to do besides entering the code: bits of [`Care`].
    care: AtomicU8,
}

/// What few calls need. One number for all, so that the others ask once.
struct Care;

impl Care {
    /// Always the same of a kernel: it has loops for a GPU, recursive functions, or memory in its result.
    const SPECIAL: u8 = 1;
    /// The last call split a loop over threads, so the next one enters the pool once, at its start.
    const SPLIT: u8 = 2;
}

impl Native {
    /// Maps the code of an artifact, fresh or from the cache.
    pub(crate) fn load(artifact: Artifact) -> Result<Native, Error> {
        let code = CodePages::load(&artifact.code)
            .map_err(|error| Error::Environment(format!("no executable memory: {error}")))?;
        // SAFETY: the back end made the entry with that signature; `Native` keeps the pages as long as the pointer.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryFn>(code.address(artifact.entry.offset)) };
        let arg_words = artifact.signature.params.iter().map(|(_, ty)| abi::words(ty)).sum();
        let ret_words = abi::words(&artifact.signature.ret);
        let returns_memory = has_memory(&artifact.signature.ret);
        let grid = artifact.grid.is_some().then(GridCode::default);
        let is_special = grid.is_some() || artifact.is_recursive || returns_memory;
        let care = AtomicU8::new(if is_special { Care::SPECIAL } else { 0 });
        let table = table::functions();
        let late = LateCode::new(&artifact.late);
        Ok(Native { artifact, code, entry, late, arg_words, ret_words, table, returns_memory, grid, care })
    }

    /// Is it enough to enter the code?
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.care.load(Ordering::Relaxed) == 0
    }

    /// A loop was split over threads, or a call begins and none was so far.
    pub(crate) fn note_parallel(&self, is_split: bool) {
        if is_split {
            self.care.fetch_or(Care::SPLIT, Ordering::Relaxed);
        } else {
            self.care.fetch_and(!Care::SPLIT, Ordering::Relaxed);
        }
    }

    /// Has a loop of the last call been split?
    pub(crate) fn was_parallel(&self) -> bool {
        self.care.load(Ordering::Relaxed) & Care::SPLIT != 0
    }
}

/// Does a value of the type hold memory of its own?
fn has_memory(ty: &Ty) -> bool {
    match ty {
        Ty::None | Ty::Str(_) | Ty::Scalar(_) | Ty::Event => false,
        Ty::Array(_) | Ty::Rng => true,
        Ty::Tuple(items) => items.iter().any(has_memory),
    }
}
