//! A kernel in executable memory.

use std::sync::atomic::{AtomicBool, Ordering};

use kjit_compiler::ir::Artifact;
use kjit_compiler::ir::abi;
use kjit_compiler::types::Ty;

use crate::code::CodePages;
use crate::error::Error;
use crate::exec::context::Context;
use crate::gpu::GridCode;

/// `extern "C" fn(ctx, args, ret) -> status`, as [`kjit_compiler::ir::artifact::EntryPoint`] describes it.
pub(crate) type EntryFn = unsafe extern "C" fn(*mut Context, *const u64, *mut u64) -> i32;

/// An artifact with its code mapped; freed when the last handle goes.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) artifact: Artifact,
    pub(crate) code: CodePages,
    pub(crate) entry: EntryFn,
    /// Words of the result.
    pub(crate) ret_words: usize,
    /// Are there arrays in the result?
    pub(crate) returns_memory: bool,
    /// Its loops on a GPU, if code for one was made.
    pub(crate) grid: Option<GridCode>,
    /// Did the last call split a loop over threads? Then the next one enters the pool once, at its start.
    was_parallel: AtomicBool,
}

impl Native {
    /// Maps the code of an artifact, fresh or from the cache.
    pub(crate) fn load(artifact: Artifact) -> Result<Native, Error> {
        let code = CodePages::load(&artifact.code)
            .map_err(|error| Error::Environment(format!("no executable memory: {error}")))?;
        // SAFETY: the back end made the entry with that signature; `Native` keeps the pages as long as the pointer.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryFn>(code.address(artifact.entry.offset)) };
        let ret_words = abi::words(&artifact.signature.ret);
        let returns_memory = has_memory(&artifact.signature.ret);
        let grid = artifact.grid.is_some().then(GridCode::default);
        let was_parallel = AtomicBool::new(false);
        Ok(Native { artifact, code, entry, ret_words, returns_memory, grid, was_parallel })
    }

    /// A loop was split over threads, or a call begins and none was so far.
    pub(crate) fn note_parallel(&self, is_split: bool) {
        self.was_parallel.store(is_split, Ordering::Relaxed);
    }

    /// Has a loop of the last call been split?
    #[inline]
    pub(crate) fn was_parallel(&self) -> bool {
        self.was_parallel.load(Ordering::Relaxed)
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
