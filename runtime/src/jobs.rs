//! Runs the jobs of the code generator on threads that help, while the compiling thread works, too.
//!
//! Whoever is free takes the largest job that is there. The compiling thread waits only for jobs that a helper has begun: one that
//! is late finds nothing to do. Helpers start when a compilation has more than one job for the first time; then they sleep
//! between compilations and end with the engine. They are not the threads of the pool: on a machine with many processors,
//! starting those takes longer than a compilation.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use kjit_compiler::backend::clif::{Job, Piece, Runner, Scratch};

use crate::exec::float_mode::FloatMode;

/// Threads that help, at most: few programs have more functions of some size.
const MOST_HELPERS: usize = 3;
/// Stack of a helper, in bytes of address space.
const STACK_BYTES: usize = 16 << 20;
/// Waking a thread takes about as long as this: whoever expects something sooner does not sleep.
const AWAKE: Duration = Duration::from_micros(60);

/// The helpers of an engine.
#[derive(Default)]
pub(crate) struct Helpers {
    current: ArcSwapOption<Owned>,
}

/// Helpers and the process they belong to: a forked child has none of them.
struct Owned {
    pid: u32,
    queue: Arc<Queue>,
}

/// What compiling threads and helpers share.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Jobs that wait, for those who look without the lock.
    waiting: AtomicUsize,
    /// Compilations that may still bring jobs.
    open: AtomicUsize,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    helpers: usize,
    /// Helpers that have nothing to do.
    idle: usize,
    /// Those of them that sleep.
    asleep: usize,
    is_over: bool,
}

/// A job with its place among the pieces of its compilation.
struct Waiting {
    cost: usize,
    place: usize,
    job: Job,
    batch: Arc<Batch>,
}

/// What becomes of the jobs of one compilation.
struct Batch {
    pieces: Mutex<Vec<Option<Piece>>>,
    /// Jobs whose pieces are not there yet.
    left: AtomicUsize,
    /// Waits for them.
    thread: Thread,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Helpers {
    /// The queue of this process.
    fn queue(&self) -> Arc<Queue> {
        let pid = std::process::id();
        loop {
            let current = self.current.load();
            if let Some(owned) = current.as_ref().filter(|owned| owned.pid == pid) {
                return Arc::clone(&owned.queue);
            }
            // Another thread may be first; then its queue serves.
            let fresh = Arc::new(Owned { pid, queue: Arc::default() });
            self.current.compare_and_swap(&*current, Some(fresh));
        }
    }

    /// Who runs the jobs of one compilation, on up to that many threads, the compiling one included.
    pub(crate) fn team(&self, threads: usize) -> Team {
        let batch =
            Batch { pieces: Mutex::default(), left: AtomicUsize::new(0), thread: std::thread::current() };
        Team {
            queue: self.queue(),
            batch: Arc::new(batch),
            most_helpers: threads.saturating_sub(1).min(MOST_HELPERS),
            is_open: false,
        }
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        if let Some(owned) = self.current.swap(None)
            && owned.pid == std::process::id()
        {
            locked(&owned.queue.state).is_over = true;
            owned.queue.wake.notify_all();
        }
    }
}

impl std::fmt::Debug for Helpers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Helpers")
    }
}

/// A compiling thread and those who help it.
pub(crate) struct Team {
    queue: Arc<Queue>,
    batch: Arc<Batch>,
    most_helpers: usize,
    /// Jobs may follow.
    is_open: bool,
}

impl Runner for Team {
    fn expect(&mut self, jobs: usize) {
        if !self.is_open {
            self.is_open = true;
            self.queue.open.fetch_add(1, Ordering::Relaxed);
        }
        if jobs > 1 {
            self.queue.call(1, self.most_helpers);
        }
    }

    fn put(&mut self, job: Job, more: bool, _: &mut Scratch) {
        let place = {
            let mut pieces = locked(&self.batch.pieces);
            pieces.push(None);
            pieces.len() - 1
        };
        self.batch.left.fetch_add(1, Ordering::Relaxed);
        let count = self.queue.put(Waiting { cost: job.cost(), place, job, batch: Arc::clone(&self.batch) });
        // One of the last jobs is this thread's own.
        let for_others = if more { count } else { count - 1 };
        if for_others > 0 {
            self.queue.call(for_others, self.most_helpers);
        }
    }

    fn pieces(&mut self, scratch: &mut Scratch) -> Vec<Piece> {
        self.close();
        while let Some(own) = self.queue.take(Some(&self.batch)) {
            own.run(scratch);
        }
        self.batch.wait();
        let pieces = std::mem::take(&mut *locked(&self.batch.pieces));
        pieces.into_iter().map(|piece| piece.unwrap_or_else(|| Piece::failed("a job was lost"))).collect()
    }
}

impl Team {
    fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.queue.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        // After an error nobody wants the rest.
        self.close();
        while self.queue.take(Some(&self.batch)).is_some() {}
    }
}

impl Queue {
    /// Adds a job; how many wait now.
    fn put(&self, job: Waiting) -> usize {
        let mut state = locked(&self.state);
        state.waiting.push(job);
        self.waiting.store(state.waiting.len(), Ordering::Release);
        state.waiting.len()
    }

    /// Takes the largest job, if there is one: any, or one of a compilation.
    fn take(&self, of: Option<&Arc<Batch>>) -> Option<Waiting> {
        let mut state = locked(&self.state);
        let among = state.waiting.iter().enumerate();
        let among = among.filter(|(_, job)| of.is_none_or(|batch| Arc::ptr_eq(batch, &job.batch)));
        let (at, _) = among.max_by_key(|(_, job)| job.cost)?;
        let taken = state.waiting.swap_remove(at);
        self.waiting.store(state.waiting.len(), Ordering::Release);
        Some(taken)
    }

    /// Sees to it that there are helpers for so many jobs, if there may be.
    fn call(self: &Arc<Self>, jobs: usize, most: usize) {
        let mut state = locked(&self.state);
        if state.asleep > 0 {
            self.wake.notify_one();
        }
        if jobs <= state.idle || state.helpers >= most {
            return;
        }
        let queue = Arc::clone(self);
        let builder = std::thread::Builder::new().name("kjit-compile".to_owned()).stack_size(STACK_BYTES);
        // Without it the compiling thread does it all.
        if builder.spawn(move || queue.serve()).is_ok() {
            state.helpers += 1;
            state.idle += 1;
        }
    }

    /// What a helper does.
    fn serve(&self) {
        // Constants are folded here.
        let _mode = FloatMode::enter();
        let mut scratch = Scratch::new();
        while self.await_job() {
            while let Some(job) = self.take(None) {
                job.run(&mut scratch);
            }
            locked(&self.state).idle += 1;
        }
    }

    /// Waits for a job; false if none will come. An idle helper comes in, one that is not goes out.
    fn await_job(&self) -> bool {
        let start = Instant::now();
        while self.open.load(Ordering::Relaxed) > 0
            && self.waiting.load(Ordering::Acquire) == 0
            && start.elapsed() < AWAKE
        {
            std::hint::spin_loop();
        }
        let mut state = locked(&self.state);
        loop {
            if state.is_over {
                return false;
            }
            if !state.waiting.is_empty() {
                state.idle -= 1;
                return true;
            }
            state.asleep += 1;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
    }
}

impl Waiting {
    /// Runs the job and hands its piece over.
    fn run(self, scratch: &mut Scratch) {
        let Waiting { job, place, batch, .. } = self;
        let piece = std::panic::catch_unwind(AssertUnwindSafe(|| job.run(scratch)))
            .unwrap_or_else(|_| Piece::failed("the code generator panicked"));
        if let Some(own) = locked(&batch.pieces).get_mut(place) {
            *own = Some(piece);
        }
        if batch.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            batch.thread.unpark();
        }
    }
}

impl Batch {
    /// Waits until all pieces are there.
    fn wait(&self) {
        let start = Instant::now();
        while self.left.load(Ordering::Acquire) > 0 {
            if start.elapsed() < AWAKE {
                std::hint::spin_loop();
            } else {
                std::thread::park();
            }
        }
    }
}
