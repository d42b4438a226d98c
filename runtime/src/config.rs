//! What a host may choose about an engine.

use std::path::PathBuf;
use std::sync::Arc;

use kjit_compiler::base::Options;

use crate::gpu::Libraries;
use crate::hooks::{ArrayFiles, PrintHook, ProgressHook, WarningHook};
use crate::target::TargetCpu;

/// How kernels are executed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum EngineKind {
    /// The fastest that works here: native code, or the interpreter where there is no back end for the processor.
    #[default]
    Auto,
    /// Native scalar code: no loop becomes vector code.
    Scalar,
    /// The interpreter: slow, every check on, also for integer overflow and uninitialised elements.
    Interp,
    /// The interpreter after the optimising passes, with loops in vectors of that many lanes (a power of two): for tests of the
    /// passes that need no machine code.
    Strips(u32),
}

/// On what parallel loops run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DeviceKind {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU of that number, wherever a loop can; without one, engines are refused.
    Cuda(usize),
    /// The first NVIDIA GPU where there is one and the loop is worth it, else the processor.
    Auto,
}

impl std::str::FromStr for DeviceKind {
    type Err = String;

    /// `cpu`, `cuda`, `cuda:1`, `auto`.
    fn from_str(text: &str) -> Result<DeviceKind, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(DeviceKind::Cpu),
            None if text == "cuda" => Ok(DeviceKind::Cuda(0)),
            None if text == "auto" => Ok(DeviceKind::Auto),
            Some(("cuda", number)) if number.parse::<usize>().is_ok() => {
                Ok(DeviceKind::Cuda(number.parse().unwrap_or(0)))
            }
            _ => Err(format!("there is no device `{text}` (there are cpu, cuda, cuda:NUMBER, auto)")),
        }
    }
}

/// Where compiled kernels are kept between processes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum CacheDir {
    /// `KJIT_CACHE_DIR`, else the user's cache directory; nowhere if there is none.
    #[default]
    Default,
    /// That directory.
    At(PathBuf),
    /// Nowhere.
    Off,
}

/// Choices about an engine; every one has a default.
///
/// ```
/// use kjit::{Config, Engine};
/// let engine = Engine::new(Config::new().threads(2).print(|line| eprintln!("kernel: {line}")))?;
/// assert_eq!(engine.threads(), 2);
/// # Ok::<(), kjit::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Config {
    pub(crate) threads: Option<usize>,
    pub(crate) kind: EngineKind,
    pub(crate) target_cpu: Option<TargetCpu>,
    pub(crate) stream_bytes: Option<u64>,
    pub(crate) device: Option<DeviceKind>,
    pub(crate) gpu_libraries: Option<Libraries>,
    pub(crate) measures_gpu: bool,
    pub(crate) cache: CacheDir,
    pub(crate) cache_limit_bytes: Option<u64>,
    pub(crate) options: Options,
    pub(crate) seed: u64,
    pub(crate) step_limit: Option<u64>,
    pub(crate) print: Option<Arc<PrintHook>>,
    pub(crate) progress: Option<Arc<ProgressHook>>,
    pub(crate) files: Option<Arc<dyn ArrayFiles>>,
    pub(crate) warnings: Option<Arc<WarningHook>>,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Config {
        Config::default()
    }

    /// Number of threads for parallel loops, at least 1. Default: `KJIT_NUM_THREADS`, else `NUMBA_NUM_THREADS`, else as many as the
    /// process may use (affinity and cgroup limits counted).
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Config {
        self.threads = Some(threads.max(1));
        self
    }

    /// How kernels are executed.
    #[must_use]
    pub fn engine(mut self, kind: EngineKind) -> Config {
        self.kind = kind;
        self
    }

    /// For which processor code is made. Default: `KJIT_TARGET_CPU`, else this machine's. Code for more than the machine has can
    /// be looked at, not run.
    #[must_use]
    pub fn target_cpu(mut self, cpu: TargetCpu) -> Config {
        self.target_cpu = Some(cpu);
        self
    }

    /// From which size in bytes on arrays are stored to around the caches, where a loop moves little but memory; `u64::MAX` for never.
    /// Results do not depend on it. Default: `KJIT_STREAM_BYTES`, else the size of the last-level cache.
    #[must_use]
    pub fn stream_bytes(mut self, bytes: u64) -> Config {
        self.stream_bytes = Some(bytes);
        self
    }

    /// On what parallel loops run. Default: `KJIT_DEVICE` (`cpu`, `cuda`, `cuda:1`, `auto`), else the processor.
    #[must_use]
    pub fn device(mut self, device: DeviceKind) -> Config {
        self.device = Some(device);
        self
    }

    /// Which driver and compiler are used for GPUs. Default: what the environment says.
    #[must_use]
    pub fn gpu_libraries(mut self, libraries: Libraries) -> Config {
        self.gpu_libraries = Some(libraries);
        self
    }

    /// Measure the time of each kernel and copy on the GPU ([`crate::Engine::gpu_report`]). Then the host waits for each.
    #[must_use]
    pub fn measure_gpu(mut self, is_measured: bool) -> Config {
        self.measures_gpu = is_measured;
        self
    }

    /// Where compiled kernels are kept.
    #[must_use]
    pub fn cache(mut self, cache: CacheDir) -> Config {
        self.cache = cache;
        self
    }

    /// Largest size of the cache in bytes; the least recently used entries go first. Default 512 MiB.
    #[must_use]
    pub fn cache_limit_bytes(mut self, bytes: u64) -> Config {
        self.cache_limit_bytes = Some(bytes);
        self
    }

    /// Options that functions start from; their decorators come on top.
    #[must_use]
    pub fn options(mut self, options: Options) -> Config {
        self.options = options;
        self
    }

    /// Seed of `np.random` where the kernel sets none. Default 0: the same numbers in every run.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Config {
        self.seed = seed;
        self
    }

    /// Statements after which the interpreter gives up. Default: none.
    #[must_use]
    pub fn step_limit(mut self, steps: u64) -> Config {
        self.step_limit = Some(steps);
        self
    }

    /// Receives the lines that kernels print; without it they are dropped. The library itself prints nothing.
    #[must_use]
    pub fn print(mut self, hook: impl Fn(&str) + Send + Sync + 'static) -> Config {
        self.print = Some(Arc::new(hook));
        self
    }

    /// Hears of the progress of parallel loops.
    #[must_use]
    pub fn progress(mut self, hook: impl Fn(crate::Progress) + Send + Sync + 'static) -> Config {
        self.progress = Some(Arc::new(hook));
        self
    }

    /// Receives the warnings that the interpreter finds while it runs a kernel.
    #[must_use]
    pub fn warnings(mut self, hook: impl Fn(&crate::CompileError) + Send + Sync + 'static) -> Config {
        self.warnings = Some(Arc::new(hook));
        self
    }

    /// Reads and writes files for `np.load` and `np.save`; without it they are errors.
    #[must_use]
    pub fn files(mut self, files: impl ArrayFiles + 'static) -> Config {
        self.files = Some(Arc::new(files));
        self
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("threads", &self.threads)
            .field("kind", &self.kind)
            .field("device", &self.device)
            .field("cache", &self.cache)
            .field("options", &self.options)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
