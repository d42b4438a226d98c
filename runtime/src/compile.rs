//! From a module and argument types to something that can be called: through the cache or the compiler.

use std::time::{Duration, Instant};

use kjit_compiler::backend::{clif, cuda};
use kjit_compiler::base::{Code, Diagnostic};
use kjit_compiler::infer::{ArgTy, TypeHost};
use kjit_compiler::ir::artifact::{Artifact, Signature};
use kjit_compiler::ir::func::{Program, Remark};
use kjit_compiler::pipeline::{self, Front, Request, Stage};
use kjit_compiler::types::{ArrayTy, Layout};

use crate::cache::{self, Link, Stored};
use crate::config::EngineKind;
use crate::engine::EngineInner;
use crate::error::Error;
use crate::exec::float_mode::FloatMode;
use crate::kernel::KernelInner;
use crate::native::Native;

/// A kernel for one signature.
#[derive(Debug)]
pub(crate) struct Specialised {
    pub(crate) types: Box<[ArgTy]>,
    pub(crate) body: Body,
    pub(crate) info: CompileInfo,
}

/// How it is executed.
#[derive(Debug)]
pub(crate) enum Body {
    Native(Box<Native>),
    Interp(Box<Interpreted>),
}

/// A program for the interpreter.
#[derive(Debug)]
pub(crate) struct Interpreted {
    pub(crate) program: Program,
    pub(crate) signature: Signature,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Where a compiled kernel came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Origin {
    /// Compiled now.
    #[default]
    Compiled,
    /// Loaded from the cache on disk.
    Cache,
}

/// How a kernel was made and how long each stage took.
#[derive(Clone, Debug, Default)]
pub struct CompileInfo {
    /// Compiled or loaded.
    pub origin: Origin,
    /// Stages in order with their times; the first is parsing, which all kernels of a module share.
    pub stages: Vec<(&'static str, Duration)>,
}

impl CompileInfo {
    /// All stages together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.stages.iter().map(|(_, time)| *time).sum()
    }
}

impl Specialised {
    pub(crate) fn signature(&self) -> &Signature {
        match &self.body {
            Body::Native(native) => &native.artifact.signature,
            Body::Interp(program) => &program.signature,
        }
    }

    pub(crate) fn warnings(&self) -> &[Diagnostic] {
        match &self.body {
            Body::Native(native) => &native.artifact.warnings,
            Body::Interp(program) => &program.warnings,
        }
    }

    pub(crate) fn remarks(&self) -> &[Remark] {
        match &self.body {
            Body::Native(native) => &native.artifact.remarks,
            Body::Interp(program) => &program.program.remarks,
        }
    }
}

/// Measures the stages of the pipeline, which has no clock itself.
struct Stopwatch {
    last: Instant,
    stages: Vec<(&'static str, Duration)>,
}

impl Stopwatch {
    fn start(parse_time: Duration) -> Stopwatch {
        Stopwatch { last: Instant::now(), stages: vec![("parse", parse_time)] }
    }

    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        self.stages.push((stage, now - self.last));
        self.last = now;
    }
}

/// Answers inference's questions about files.
struct Files<'a>(&'a EngineInner);

impl TypeHost for Files<'_> {
    fn npy_type(&self, path: &str) -> Option<ArrayTy> {
        let (dtype, rank) = self.0.config.files.as_ref()?.inspect(path).ok()?;
        Some(ArrayTy { dtype, rank: u8::try_from(rank).ok()?, layout: Layout::C, is_writable: true })
    }
}

std::thread_local! {
    /// Buffers that the back end reuses from one compilation to the next.
    static SCRATCH: std::cell::RefCell<clif::Scratch> = std::cell::RefCell::default();
}

/// Makes a kernel callable for these types.
pub(crate) fn specialise(kernel: &KernelInner, types: &[ArgTy]) -> Result<Specialised, Error> {
    let engine = &*kernel.parsed.engine.inner;
    // Constants are folded here.
    let _mode = FloatMode::enter();
    let mut watch = Stopwatch::start(kernel.parsed.parse_time);
    let (body, origin) = if engine.uses_interpreter() {
        let mut front = front(kernel, types, &mut watch)?;
        if let EngineKind::Strips(_) = engine.config.kind {
            pipeline::optimize(&mut front, None);
            watch.lap("passes");
        }
        let Front { program, signature, warnings, .. } = front;
        (Body::Interp(Box::new(Interpreted { program, signature, warnings })), Origin::Compiled)
    } else {
        if let Some(reason) = &engine.cannot_run {
            return Err(Error::Environment(reason.clone()));
        }
        match artifact(kernel, types, &mut watch)? {
            Made::Artifact(artifact, origin) => {
                let native = Native::load(*artifact)?;
                watch.lap("load");
                if let (Some(gpu), Some(grid)) = (&engine.gpu, &native.grid) {
                    grid.prepare(gpu, engine.cache.as_ref(), &native.artifact, &kernel.parsed.source)?;
                    watch.lap("gpu code");
                }
                (Body::Native(Box::new(native)), origin)
            }
            Made::Simulated(front) => {
                let Front { program, signature, warnings, .. } = *front;
                (Body::Interp(Box::new(Interpreted { program, signature, warnings })), Origin::Compiled)
            }
        }
    };
    let info = CompileInfo { origin, stages: watch.stages };
    Ok(Specialised { types: types.into(), body, info })
}

/// What a program becomes.
enum Made {
    /// Native code.
    Artifact(Box<Artifact>, Origin),
    /// It launches GPU kernels that the user wrote, and there is no GPU: the interpreter runs their threads.
    Simulated(Box<Front>),
}

/// The artifact: by source text, else by content, else compiled.
fn artifact(kernel: &KernelInner, types: &[ArgTy], watch: &mut Stopwatch) -> Result<Made, Error> {
    let engine = &*kernel.parsed.engine.inner;
    let Some(cache) = &engine.cache else {
        let front = match simulated(front(kernel, types, watch)?, engine) {
            Ok(made) => return Ok(made),
            Err(front) => *front,
        };
        return Ok(Made::Artifact(Box::new(back(front, kernel, watch)?), Origin::Compiled));
    };
    let text = &kernel.parsed.source.text;
    let source_key =
        cache::source_key(text, &kernel.name, types, &kernel.options, &engine.target, engine.wants_grid());
    if let Some(link) = source_key.and_then(|key| cache.load::<Link>(&key))
        && let Some(stored) = cache.load::<Stored>(&cache::Key(link.content))
    {
        watch.lap("cache");
        return Ok(Made::Artifact(Box::new(stored.into_artifact(&link.function_starts)), Origin::Cache));
    }
    watch.lap("cache");
    let front = match simulated(front(kernel, types, watch)?, engine) {
        Ok(made) => return Ok(made),
        Err(front) => *front,
    };
    let content_key = cache::content_key(&front, &kernel.options, &engine.target, engine.wants_grid());
    let function_starts = cache::function_starts(&front.program);
    let (artifact, origin) = match cache.load::<Stored>(&content_key) {
        Some(stored) => (stored.into_artifact(&function_starts), Origin::Cache),
        None => {
            watch.lap("cache");
            let artifact = back(front, kernel, watch)?;
            let file = kernel.parsed.source.name.to_string();
            let stored = Stored { artifact, function_starts: function_starts.clone(), file };
            cache.store(&content_key, &stored);
            (stored.artifact, Origin::Compiled)
        }
    };
    if let Some(key) = source_key {
        let file = kernel.parsed.source.name.to_string();
        cache.store(&key, &Link { content: content_key.0, function_starts, file });
    }
    if origin == Origin::Compiled || source_key.is_some() {
        // Something was written.
        cache.prune();
    }
    watch.lap("cache");
    Ok(Made::Artifact(Box::new(artifact), origin))
}

/// The program for the simulator, with a warning, if it needs a GPU for more than speed; else the program.
fn simulated(mut front: Front, engine: &EngineInner) -> Result<Made, Box<Front>> {
    let Some(span) = front.first_launch().filter(|_| !engine.wants_grid()) else {
        return Err(Box::new(front));
    };
    let warning = Diagnostic::warning(Code::K608, span, "GPU kernels run thread by thread on the processor")
        .primary("launched here")
        .help("this is for trying and for finding errors; where there is a GPU, run it with `--device cuda`");
    front.warnings.push(warning);
    Ok(Made::Simulated(Box::new(front)))
}

fn front(kernel: &KernelInner, types: &[ArgTy], watch: &mut Stopwatch) -> Result<Front, Error> {
    let parsed = &kernel.parsed;
    let files = Files(&parsed.engine.inner);
    let request = Request {
        ast: &parsed.ast,
        source: &parsed.source.text,
        function: &kernel.name,
        args: types,
        options: &kernel.options,
        host: &files,
    };
    pipeline::front(&request, &mut |stage: Stage| watch.lap(stage.name()))
        .map_err(|diagnostics| parsed.source.compile_error(diagnostics))
}

fn back(mut front: Front, kernel: &KernelInner, watch: &mut Stopwatch) -> Result<Artifact, Error> {
    let engine = &*kernel.parsed.engine.inner;
    let grid = engine.wants_grid().then(|| {
        let source = &kernel.parsed.source;
        let lines = cuda::Lines::Directives { source: &source.text, file: &source.name };
        let kernels = pipeline::kernels(&front, lines);
        (kernels, pipeline::tell_host_access(&mut front))
    });
    if grid.is_some() {
        watch.lap("kernels");
    }
    pipeline::optimize(&mut front, None);
    watch.lap("passes");
    let mut artifact = SCRATCH.with(|scratch| {
        let scratch = &mut scratch.borrow_mut();
        let threads = engine.threads();
        let artifact = if threads > 1 {
            pipeline::native_by(front, &engine.target, scratch, &mut engine.helpers.team(threads))
        } else {
            pipeline::native(front, &engine.target, scratch)
        };
        artifact.map_err(Error::Internal)
    })?;
    if let Some((kernels, tells_host_access)) = grid {
        pipeline::attach(&mut artifact, kernels, tells_host_access);
    }
    watch.lap("codegen");
    Ok(artifact)
}
