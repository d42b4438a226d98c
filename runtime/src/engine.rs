//! The engine: what all modules and kernels of a host share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kjit_compiler::base::Diagnostic;
use kjit_compiler::base::target::{Target, Tier};

use crate::cache::{Cache, CacheWarning};
use crate::config::{Config, EngineKind};
use crate::error::{CompileError, Error};
use crate::exec::caches;
use crate::exec::memory::Account;
use crate::exec::pool::PoolCell;
use crate::gpu::EngineGpu;
use crate::hooks::Progress;
use crate::jobs::Helpers;
use crate::module::SourceText;
use crate::target::{self, TargetCpu};

/// Threads, cache, memory account and hooks. Cheap to clone; clones are the same engine.
///
/// ```
/// use kjit::{Config, Engine};
/// let engine = Engine::new(Config::new())?;
/// assert!(engine.threads() >= 1);
/// # Ok::<(), kjit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) inner: Arc<EngineInner>,
}

/// What the handles share.
#[derive(Debug)]
pub(crate) struct EngineInner {
    pub(crate) config: Config,
    pub(crate) target: Target,
    /// Why code for the target cannot run on this machine, if so.
    pub(crate) cannot_run: Option<String>,
    pub(crate) pool: PoolCell,
    pub(crate) helpers: Helpers,
    pub(crate) account: Arc<Account>,
    pub(crate) cache: Option<Cache>,
    cache_warning: Option<CacheWarning>,
    pub(crate) interrupt: Arc<AtomicU32>,
    /// The GPU that loops run on, if they do.
    pub(crate) gpu: Option<EngineGpu>,
    /// Why they do not, where they were meant to if they could.
    gpu_note: Option<String>,
    threads: usize,
    /// From that size on, arrays may be stored to around the caches.
    pub(crate) stream_bytes: u64,
    progress_done: AtomicU64,
    progress_total: AtomicU64,
    operations: AtomicU64,
}

/// Stops the calls of an engine from another thread or a signal handler.
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<AtomicU32>);

impl InterruptHandle {
    /// Asks the running calls to stop; they end with [`Error::Interrupted`] at the next chunk of a parallel loop or
    /// iteration of an outer loop. Only an atomic store: may be called in a signal handler.
    pub fn interrupt(&self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// An engine with these choices. Starts no threads yet.
    ///
    /// # Errors
    /// [`Error::Environment`] if the processor is not one that kjit knows, or `KJIT_TARGET_CPU`, `KJIT_DEVICE` or `KJIT_STREAM_BYTES`
    /// names none;
    /// [`Error::GpuUnavailable`] or [`Error::Gpu`] if loops must run on a GPU and cannot.
    pub fn new(config: Config) -> Result<Engine, Error> {
        let target = target_of(&config).map_err(Error::Environment)?;
        let threads = config.threads.unwrap_or_else(default_threads);
        let stream_bytes =
            config.stream_bytes.map_or_else(caches::stream_bytes, Ok).map_err(Error::Environment)?;
        let (gpu, gpu_note) = EngineGpu::choose(&config)?;
        let (cache, cache_warning) = Cache::open(&config.cache, config.cache_limit_bytes);
        if let Some(warning) = &cache_warning {
            tracing::warn!(code = %warning.code, "{}", warning.message);
        }
        let inner = EngineInner {
            config,
            cache,
            cache_warning,
            cannot_run: target::check_runs_here(&target).err(),
            target,
            pool: PoolCell::default(),
            helpers: Helpers::default(),
            account: Arc::new(Account::default()),
            interrupt: Arc::new(AtomicU32::new(0)),
            gpu,
            gpu_note,
            threads,
            stream_bytes,
            progress_done: AtomicU64::new(0),
            progress_total: AtomicU64::new(0),
            operations: AtomicU64::new(0),
        };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Number of threads that parallel loops use.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.inner.threads()
    }

    /// Floating-point operations that kernels of this engine have done, if they were compiled with `Options::count_operations`: additions,
    /// subtractions, multiplications, divisions and remainders as the source has them, and calls of mathematical functions, one each.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.inner.operations.load(Ordering::Relaxed)
    }

    /// Bytes of arrays that kernels of this engine have made and that are alive.
    #[must_use]
    pub fn live_bytes(&self) -> i64 {
        self.inner.account.live_bytes()
    }

    /// A handle that stops running calls.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(Arc::clone(&self.inner.interrupt))
    }

    /// Why compiled kernels are not kept, if so. Kernels run all the same.
    #[must_use]
    pub fn cache_warning(&self) -> Option<&CacheWarning> {
        self.inner.cache_warning.as_ref()
    }

    /// The GPU that loops run on, if they do.
    #[must_use]
    pub fn gpu(&self) -> Option<&crate::gpu::Device> {
        self.inner.gpu.as_ref().map(EngineGpu::device)
    }

    /// Why loops run on the processor though a GPU would have been taken ([`crate::DeviceKind::Auto`]), if so.
    #[must_use]
    pub fn gpu_note(&self) -> Option<String> {
        self.inner.gpu_note.clone().or_else(|| self.inner.gpu.as_ref()?.given_up())
    }

    /// What ran on the GPU so far, if one is used: launches, bytes moved, times.
    #[must_use]
    pub fn gpu_report(&self) -> Option<crate::gpu::GpuReport> {
        self.inner.gpu.as_ref().map(EngineGpu::report)
    }

    /// The processor that code is made for.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    /// Choices it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }
}

impl Default for Engine {
    /// An engine with the default choices.
    ///
    /// # Panics
    /// If the processor is not one that kjit knows.
    fn default() -> Engine {
        Engine::new(Config::new()).expect("the processor is supported")
    }
}

/// The processor that was chosen, by the host or by `KJIT_TARGET_CPU`; without vectors for the scalar engine.
fn target_of(config: &Config) -> Result<Target, String> {
    let cpu = match (config.target_cpu, std::env::var("KJIT_TARGET_CPU")) {
        (Some(cpu), _) => cpu,
        (None, Ok(name)) if !name.trim().is_empty() => {
            name.trim().parse().map_err(|error| format!("KJIT_TARGET_CPU: {error}"))?
        }
        (None, _) => TargetCpu::Native,
    };
    let mut target = cpu.target()?;
    if config.kind == EngineKind::Scalar {
        target.tier = Tier::Scalar;
    }
    Ok(target)
}

/// `KJIT_NUM_THREADS`, `NUMBA_NUM_THREADS`, or what the process may use.
fn default_threads() -> usize {
    ["KJIT_NUM_THREADS", "NUMBA_NUM_THREADS"]
        .iter()
        .find_map(|name| std::env::var(name).ok()?.trim().parse().ok().filter(|&n: &usize| n > 0))
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

impl EngineInner {
    #[inline]
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    pub(crate) fn seed(&self) -> u64 {
        self.config.seed
    }

    pub(crate) fn uses_interpreter(&self) -> bool {
        match self.config.kind {
            EngineKind::Interp | EngineKind::Strips(_) => true,
            EngineKind::Scalar => false,
            EngineKind::Auto => !cfg!(target_arch = "x86_64"),
        }
    }

    pub(crate) fn count_operations(&self, operations: u64) {
        self.operations.fetch_add(operations, Ordering::Relaxed);
    }

    /// Is code for a GPU made beside the processor's?
    pub(crate) fn wants_grid(&self) -> bool {
        self.gpu.is_some()
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) != 0
    }

    /// The interruption was reported: the next call may run.
    pub(crate) fn clear_interrupt(&self) {
        self.interrupt.store(0, Ordering::Relaxed);
    }

    pub(crate) fn print(&self, line: &str) {
        if let Some(hook) = &self.config.print {
            hook(line);
        }
    }

    /// Hands warnings found at run time to the host.
    pub(crate) fn report_warnings(&self, diagnostics: Vec<Diagnostic>, source: &SourceText) {
        if let Some(hook) = &self.config.warnings
            && !diagnostics.is_empty()
        {
            hook(&CompileError { diagnostics, source: source.text.clone(), file: source.name.clone() });
        }
    }

    pub(crate) fn progress_started(&self, chunks: u64) {
        if self.config.progress.is_some() {
            self.progress_total.fetch_add(chunks, Ordering::Relaxed);
        }
    }

    pub(crate) fn progress_chunk(&self) {
        if let Some(hook) = &self.config.progress {
            let done = self.progress_done.fetch_add(1, Ordering::Relaxed) + 1;
            hook(Progress { done, total: self.progress_total.load(Ordering::Relaxed) });
        }
    }

    /// A loop has ended: its chunks leave both sides of the ratio (those that an error skipped too).
    pub(crate) fn progress_ended(&self, chunks: u64) {
        if self.config.progress.is_some() {
            let _ = self.progress_total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |total| {
                Some(total.saturating_sub(chunks))
            });
            if self.progress_total.load(Ordering::Relaxed) == 0 {
                self.progress_done.store(0, Ordering::Relaxed);
            } else {
                let _ = self.progress_done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |done| {
                    Some(done.saturating_sub(chunks))
                });
            }
        }
    }
}
