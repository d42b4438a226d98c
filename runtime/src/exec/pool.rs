//! The engine's thread pool: made when first needed, made anew in a forked child.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Stack of a worker, in bytes of address space.
const STACK_BYTES: usize = 16 << 20;

/// A pool and the process it belongs to.
struct Owned {
    pid: u32,
    pool: ThreadPool,
}

/// The pool of an engine.
#[derive(Default)]
pub(crate) struct PoolCell {
    current: ArcSwapOption<Owned>,
}

impl PoolCell {
    /// Runs `work` with this process's pool of `threads` threads; `None` if threads cannot be started.
    pub(crate) fn with<R>(&self, threads: usize, work: impl FnOnce(&ThreadPool) -> R) -> Option<R> {
        let pid = std::process::id();
        let mut current = self.current.load_full();
        if current.as_ref().is_none_or(|owned| owned.pid != pid) {
            let pool = ThreadPoolBuilder::new()
                .num_threads(threads)
                .stack_size(STACK_BYTES)
                .thread_name(|i| format!("kjit-{i}"))
                .build()
                .ok()?;
            let fresh = Arc::new(Owned { pid, pool });
            // Another thread may have been first; then its pool serves and ours ends.
            let before = self.current.compare_and_swap(&current, Some(Arc::clone(&fresh)));
            let is_ours = match (&*before, &current) {
                (None, None) => true,
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            if let Some(stale) = current.take().filter(|_| is_ours) {
                // A pool of the parent process: its threads do not exist here, so ending it would wait forever.
                leak(stale);
            }
            current = self.current.load_full();
        }
        current.as_ref().map(|owned| work(&owned.pool))
    }
}

/// Forgets the pool of a parent process.
#[expect(
    clippy::disallowed_methods,
    reason = "its threads do not exist in this process; dropping it would wait for them"
)]
fn leak(stale: Arc<Owned>) {
    std::mem::forget(stale);
}

impl Drop for PoolCell {
    fn drop(&mut self) {
        if let Some(owned) = self.current.swap(None)
            && owned.pid != std::process::id()
        {
            leak(owned);
        }
    }
}

impl std::fmt::Debug for PoolCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PoolCell")
    }
}
