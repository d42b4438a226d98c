//! The ways to execute kernels that tests compare: back end, threads, processor, cache, layout of the arguments.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kjit::{CacheDir, Config, Engine, EngineKind, Error, Module, TargetCpu};

use crate::buffer::Form;

/// A way to execute kernels.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// For messages.
    pub name: &'static str,
    /// Back end.
    pub kind: EngineKind,
    /// Threads of parallel loops.
    pub threads: usize,
    /// Do the optimising passes run?
    pub optimize: bool,
    /// How arguments lie in memory.
    pub form: Form,
    /// Which processor code is made for, if not the usual one.
    pub cpu: Option<TargetCpu>,
    /// Must the kernels come from the cache directory, be put into it, or neither?
    pub cache: CacheUse,
    /// Do parallel loops run on the stand-in for a GPU?
    pub is_gpu: bool,
    /// Statements that an interpreter runs before it gives up.
    pub step_limit: u64,
}

/// How a setup uses the test's cache directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheUse {
    /// Not.
    Off,
    /// The first that does: everything is compiled.
    Fill,
    /// A later one: everything is loaded.
    Hit,
}

/// A processor of that level, on machines that have levels.
const fn level(cpu: TargetCpu) -> Option<TargetCpu> {
    if cfg!(target_arch = "x86_64") { Some(cpu) } else { None }
}

const fn setup(name: &'static str, threads: usize, cache: CacheUse) -> Setup {
    Setup {
        name,
        kind: EngineKind::Scalar,
        threads,
        optimize: true,
        form: Form::C,
        cpu: None,
        cache,
        is_gpu: false,
        step_limit: 200_000_000,
    }
}

const SCALAR: Setup = setup("scalar, 1 thread", 1, CacheUse::Fill);
const SCALAR_2: Setup = setup("scalar, 2 threads, from the cache", 2, CacheUse::Hit);
const SCALAR_7: Setup = setup("scalar, 7 threads, from the cache", 7, CacheUse::Hit);
const NO_PASSES: Setup = Setup { optimize: false, ..setup("scalar, no passes", 2, CacheUse::Off) };
const VECTORS: Setup =
    Setup { kind: EngineKind::Auto, form: Form::Guarded, ..setup("vectors, 1 thread", 1, CacheUse::Off) };
const NARROW_VECTORS: Setup =
    Setup { cpu: level(TargetCpu::X86V2), ..named(VECTORS, "128-bit vectors, 1 thread") };
const AVX2_VECTORS: Setup =
    Setup { cpu: level(TargetCpu::X86V3), ..named(VECTORS, "AVX2 vectors, 1 thread") };
const AVX512_VECTORS: Setup =
    Setup { cpu: level(TargetCpu::X86V4), ..named(VECTORS, "AVX-512 vectors, 1 thread") };
const REVERSED: Setup = Setup { form: Form::Reversed, ..setup("scalar, reversed arrays", 2, CacheUse::Off) };
const FORTRAN: Setup = Setup { form: Form::F, ..setup("scalar, Fortran order", 2, CacheUse::Off) };
const REVERSED_VECTORS: Setup =
    Setup { kind: EngineKind::Auto, ..named(REVERSED, "vectors, reversed arrays") };
const FORTRAN_VECTORS: Setup = Setup { kind: EngineKind::Auto, ..named(FORTRAN, "vectors, Fortran order") };

const fn named(setup: Setup, name: &'static str) -> Setup {
    Setup { name, ..setup }
}

/// Does what the language says; the others are compared with it.
pub const REFERENCE: Setup = Setup { kind: EngineKind::Interp, ..setup("interp", 1, CacheUse::Off) };

/// The passes, and strips with one loop for each.
pub const STRIPS: Setup =
    Setup { kind: EngineKind::Strips(8), ..setup("strips interpreted, 8 lanes", 1, CacheUse::Off) };

/// Every engine; the first is the reference. Not every machine runs all of them: see [`runs_here`].
pub const SETUPS: &[Setup] =
    &[REFERENCE, SCALAR, SCALAR_2, SCALAR_7, NO_PASSES, STRIPS, NARROW_VECTORS, AVX2_VECTORS, AVX512_VECTORS];

/// Other layouts of the arguments: for sources that ask for none.
pub const LAYOUTS: &[Setup] = &[REVERSED, FORTRAN, REVERSED_VECTORS, FORTRAN_VECTORS];

/// Machine code for a program of which no loop runs in vectors: vectors would make the same code. The first list
/// uses the cache; of the second one at a time will do.
pub const SCALAR_CODE: (&[Setup], &[Setup]) =
    (&[SCALAR, SCALAR_2, SCALAR_7], &[REVERSED, FORTRAN, NO_PASSES, VECTORS, NARROW_VECTORS]);

/// Machine code for a program with loops in vectors, likewise.
pub const VECTOR_CODE: (&[Setup], &[Setup]) = (
    &[
        Setup { cache: CacheUse::Fill, ..named(VECTORS, "vectors, 1 thread") },
        Setup { threads: 2, cache: CacheUse::Hit, ..named(VECTORS, "vectors, 2 threads, from the cache") },
        Setup { threads: 7, cache: CacheUse::Hit, ..named(VECTORS, "vectors, 7 threads, from the cache") },
    ],
    &[
        NARROW_VECTORS,
        NARROW_VECTORS,
        NARROW_VECTORS,
        Setup { cache: CacheUse::Off, ..SCALAR },
        REVERSED_VECTORS,
        FORTRAN_VECTORS,
    ],
);

/// Has this machine what the code of that setup needs?
#[must_use]
pub fn runs_here(setup: &Setup) -> bool {
    static KNOWN: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
    let Some(cpu) = setup.cpu else { return true };
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *known.entry(setup.name).or_insert_with(|| {
        let config = Config::new().engine(setup.kind).target_cpu(cpu).cache(CacheDir::Off).threads(1);
        let made = Engine::new(config)
            .and_then(|engine| Module::from_source(&engine, "probe.k", "def probe():\n    return 1\n"))
            .and_then(|module| module.kernel("probe")?.prepare_types(&[]));
        !matches!(made, Err(Error::Environment(_)))
    })
}

/// Setups that this machine does not run, with how often they were left out.
static SKIPPED: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

/// A line per setup that was left out, for the end of a test's output.
#[must_use]
pub fn skipped() -> Vec<String> {
    let skipped = SKIPPED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    skipped.iter().map(|(name, count)| format!("this machine lacks: {name}: {count} cases skipped")).collect()
}

/// Parallel loops as GPU code, on the stand-ins of [`crate::gpu`]: for sources that have any.
pub const GPU: &[Setup] = &[
    Setup { is_gpu: true, ..setup("GPU", 2, CacheUse::Off) },
    Setup { is_gpu: true, optimize: false, ..setup("GPU, no passes", 1, CacheUse::Off) },
];

/// The same on other layouts of the arguments.
pub const GPU_LAYOUTS: &[Setup] = &[
    Setup { is_gpu: true, form: Form::Reversed, ..setup("GPU, reversed arrays", 2, CacheUse::Off) },
    Setup { is_gpu: true, form: Form::F, ..setup("GPU, Fortran order", 2, CacheUse::Off) },
];

/// Counts a test that does not run with a setup because this machine cannot execute it.
pub(crate) fn skip(name: &'static str) {
    *SKIPPED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(name).or_default() += 1;
}
