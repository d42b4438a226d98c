//! Runs a test on every engine: each call gives the expected value, and all engines give the same bits, errors included.
//!
//! In: a [`Case`]. Out: what went wrong, as text, and with `KJIT_BLESS=1` what to write into the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use kjit::{
    Arg, ArgTy, CacheDir, Config, DeviceKind, Engine, EngineKind, Error, Kernel, Module, Options, Origin,
    RemarkKind, Scalar, TargetCpu,
};
use kjit_compiler::backend::cuda;
use kjit_compiler::base::render::{Style, render};
use kjit_compiler::base::{Code, Diagnostic};
use kjit_compiler::infer::{NoHost, annotated_signature};
use kjit_compiler::ir::text::print_program;
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax;

use crate::buffer::{Bits, Buffer, Form, Place};
use crate::case::{Action, Block, Case, Expected, Line, Slice};
use crate::gpu;
use crate::literal::{Call, Literal, Number};

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

/// What a line gave.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// A value.
    Value(Bits),
    /// An error in the source.
    Trap {
        /// K7xx.
        code: String,
        /// 1-based.
        line: usize,
        /// Exception and message.
        message: String,
    },
    /// Any other error.
    Failed(String),
}

impl Outcome {
    /// As case files write it.
    #[must_use]
    pub fn show(&self) -> String {
        match self {
            Outcome::Value(bits) => format!("== {}", bits.show()),
            Outcome::Trap { code, line, message } => format!("traps {code} at line {line} ({message})"),
            Outcome::Failed(message) => format!("fails: {message}"),
        }
    }
}

/// All that a run shows to the outside.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Transcript {
    /// One per line; `None` for bindings.
    pub outcomes: Vec<Option<Outcome>>,
    /// Printed lines.
    pub printed: Vec<String>,
    /// Leaks, bytes written outside an array, a missing cache hit.
    pub complaints: Vec<String>,
    /// What became of the loops that could run in vectors: yes or no, and why not. Of all kernels that were called.
    pub loops: Vec<(bool, String)>,
}

/// Runs the lines on one engine.
pub fn transcript(setup: &Setup, source: &str, lines: &[Line], cache: Option<&Path>) -> Transcript {
    let mut transcript = Transcript::default();
    let printed = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&printed);
    let directory = match (setup.cache, cache) {
        (CacheUse::Off, _) | (_, None) => CacheDir::Off,
        (CacheUse::Fill | CacheUse::Hit, Some(path)) => CacheDir::At(path.to_owned()),
    };
    let config = Config::new()
        .engine(setup.kind)
        .threads(setup.threads)
        .cache(directory)
        .options(Options { optimize: setup.optimize, ..Options::default() })
        .step_limit(setup.step_limit)
        .print(move |line| {
            sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line.to_owned());
        });
    let config = match setup.cpu {
        Some(cpu) => config.target_cpu(cpu),
        None => config,
    };
    let config = match setup.is_gpu.then(gpu::cases::libraries) {
        Some(Ok(libraries)) => config.device(DeviceKind::Cuda(0)).gpu_libraries(libraries),
        Some(Err(reason)) => {
            transcript.outcomes.push(Some(Outcome::Failed(reason)));
            return transcript;
        }
        None => config,
    };
    let module =
        Engine::new(config).and_then(|engine| Ok((Module::from_source(&engine, "case.k", source)?, engine)));
    let (module, engine) = match module {
        Ok(made) => made,
        Err(error) => {
            transcript.outcomes.push(Some(Outcome::Failed(error.to_string())));
            return transcript;
        }
    };
    let mut host = Host {
        module,
        engine,
        setup: *setup,
        arrays: BTreeMap::new(),
        has_cache: cache.is_some(),
        notes: Notes::default(),
    };
    for line in lines {
        let outcome = match &line.action {
            Action::Bind(name, value) => {
                let bound = make_buffer(value, setup.form);
                host.arrays.insert(name.clone(), bound.map_or(Bound::Value(value.clone()), Bound::Array));
                None
            }
            Action::Part(name, slice) => {
                host.arrays.insert(name.clone(), Bound::Part(slice.clone()));
                None
            }
            Action::Inspect(name, _) => Some(match host.arrays.get(name) {
                Some(Bound::Array(buffer)) => Outcome::Value(buffer.bits()),
                _ => Outcome::Failed(format!("`{name}` is no array")),
            }),
            Action::Call(call, _) => Some(host.call(call)),
        };
        transcript.outcomes.push(outcome);
    }
    if let Some(report) = host.engine.gpu_report() {
        gpu::cases::count(&report);
    }
    transcript.complaints = host.notes.complaints;
    transcript.loops = host.notes.loops;
    transcript.printed = printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    transcript
}

enum Bound {
    Array(Buffer),
    Part(Slice),
    Value(Literal),
}

struct Host {
    module: Module,
    engine: Engine,
    setup: Setup,
    arrays: BTreeMap<String, Bound>,
    has_cache: bool,
    notes: Notes,
}

/// What is seen besides results.
#[derive(Default)]
struct Notes {
    complaints: Vec<String>,
    loops: Vec<(bool, String)>,
}

fn make_buffer(value: &Literal, form: Form) -> Option<Buffer> {
    let Literal::List(shape, items, _) = value else { return None };
    let dtype = value.dtype()?;
    let bytes: Vec<u8> = items.iter().flat_map(|item| item.bytes(dtype)).collect();
    Some(Buffer::new(dtype, shape, &bytes, form))
}

fn scalar(number: Number, dtype: kjit::DType) -> Arg<'static> {
    use kjit::DType;
    let bytes = number.bytes(dtype);
    macro_rules! read {
        ($ty:ty) => {
            <$ty>::from_le_bytes(bytes[..size_of::<$ty>()].try_into().unwrap_or_default())
        };
    }
    macro_rules! complex {
        ($ty:ty) => {
            num_complex::Complex::new(
                <$ty>::from_le_bytes(bytes[..size_of::<$ty>()].try_into().unwrap_or_default()),
                <$ty>::from_le_bytes(bytes[size_of::<$ty>()..].try_into().unwrap_or_default()),
            )
        };
    }
    Arg::Scalar(match dtype {
        DType::Bool => Scalar::Bool(bytes[0] != 0),
        DType::I8 => Scalar::I8(read!(i8)),
        DType::I16 => Scalar::I16(read!(i16)),
        DType::I32 => Scalar::I32(read!(i32)),
        DType::I64 => Scalar::I64(read!(i64)),
        DType::U8 => Scalar::U8(read!(u8)),
        DType::U16 => Scalar::U16(read!(u16)),
        DType::U32 => Scalar::U32(read!(u32)),
        DType::U64 => Scalar::U64(read!(u64)),
        DType::F32 => Scalar::F32(read!(f32)),
        DType::F64 => Scalar::F64(read!(f64)),
        DType::C64 => Scalar::C64(complex!(f32)),
        DType::C128 => Scalar::C128(complex!(f64)),
    })
}

/// Lists among the arguments become arrays of their own, numbered in order.
fn collect_buffers(value: &Literal, form: Form, buffers: &mut Vec<Buffer>) {
    match value {
        Literal::List(..) => buffers.extend(make_buffer(value, form)),
        Literal::Tuple(items) => items.iter().for_each(|item| collect_buffers(item, form, buffers)),
        Literal::None | Literal::Number(..) | Literal::Text(_) | Literal::Name(_) => {}
    }
}

fn make_arg<'a>(
    value: &Literal,
    fresh: &mut impl Iterator<Item = &'a mut Buffer>,
    named: &mut BTreeMap<String, Place>,
) -> Result<Arg<'a>, String> {
    Ok(match value {
        Literal::None => Arg::None,
        Literal::Number(number, dtype) => scalar(*number, dtype.unwrap_or(number.dtype())),
        Literal::List(..) => fresh.next().ok_or("too few arrays")?.arg(),
        Literal::Tuple(items) => {
            Arg::Tuple(items.iter().map(|item| make_arg(item, fresh, named)).collect::<Result<_, _>>()?)
        }
        Literal::Text(text) => Arg::Str(text.clone()),
        Literal::Name(name) => {
            let place = named.remove(name).ok_or(format!("`{name}` is not bound, or is passed twice"))?;
            // SAFETY: places come from the host's arrays, which live, and are left alone, as long as the call lasts.
            unsafe { place.arg() }
        }
    })
}

impl Host {
    /// Where the bound arrays and parts of arrays are.
    fn places(&mut self) -> BTreeMap<String, Place> {
        let mut places = BTreeMap::new();
        let mut parts = Vec::new();
        for (name, bound) in &mut self.arrays {
            match bound {
                Bound::Array(buffer) => drop(places.insert(name.clone(), buffer.place())),
                Bound::Part(slice) => parts.push((name.clone(), slice.clone())),
                Bound::Value(_) => {}
            }
        }
        for (name, slice) in parts {
            if let Some(base) = places.get(&slice.base)
                && let Some(&len) = base.shape.first()
            {
                let (start, step, count) = slice.within(len);
                let part = base.part(start, step, count);
                part.into_iter().for_each(|part| drop(places.insert(name.clone(), part)));
            }
        }
        places
    }

    fn call(&mut self, call: &Call) -> Outcome {
        let kernel = match self.module.kernel(&call.function) {
            Ok(kernel) => kernel,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let mut values = match positional(&kernel, call) {
            Ok(values) => values,
            Err(message) => return Outcome::Failed(message),
        };
        for value in values.iter_mut().flatten() {
            if let Literal::Name(name) = value
                && let Some(Bound::Value(bound)) = self.arrays.get(name)
            {
                *value = bound.clone();
            }
        }
        let mut fresh = Vec::new();
        values.iter().flatten().for_each(|value| collect_buffers(value, self.setup.form, &mut fresh));
        let outcome = {
            let mut unused = fresh.iter_mut();
            let mut named = self.places();
            let args: Result<Vec<Arg<'_>>, String> = values
                .iter()
                .map(|value| {
                    value.as_ref().map_or(Ok(Arg::Omitted), |v| make_arg(v, &mut unused, &mut named))
                })
                .collect();
            match args {
                Ok(mut args) => run(&kernel, &mut args, &self.setup, self.has_cache, &mut self.notes),
                Err(message) => return Outcome::Failed(message),
            }
        };
        let live = self.engine.live_bytes();
        if live != 0 {
            self.notes.complaints.push(format!("{live} bytes are alive after `{}`", call.function));
        }
        let bound = self.arrays.values().filter_map(|bound| match bound {
            Bound::Array(buffer) => Some(buffer),
            Bound::Part(_) | Bound::Value(_) => None,
        });
        if !fresh.iter().chain(bound).all(Buffer::gaps_are_intact) {
            self.notes.complaints.push(format!("`{}` wrote outside its arrays", call.function));
        }
        outcome
    }
}

/// The arguments in the order of the parameters; `None` where one is left out.
fn positional(kernel: &Kernel, call: &Call) -> Result<Vec<Option<Literal>>, String> {
    let mut values: Vec<Option<Literal>> = call.args.iter().cloned().map(Some).collect();
    let params = kernel.params();
    for (name, value) in &call.keywords {
        let at = params
            .iter()
            .position(|(param, _)| param == name)
            .ok_or(format!("`{}` has no parameter `{name}`", call.function))?;
        if values.len() <= at {
            values.resize(at + 1, None);
        }
        values[at] = Some(value.clone());
    }
    Ok(values)
}

fn run(kernel: &Kernel, args: &mut [Arg<'_>], setup: &Setup, has_cache: bool, notes: &mut Notes) -> Outcome {
    let result = kernel.prepare(args).and_then(|prepared| {
        let origin = prepared.info().origin;
        let wanted = match setup.cache {
            CacheUse::Hit => Some(Origin::Cache),
            CacheUse::Off => Some(Origin::Compiled),
            CacheUse::Fill => None,
        };
        // What runs in the simulator of GPU kernels is interpreted, and leaves nothing in the cache.
        let is_simulated = prepared.warnings().iter().any(|warning| warning.code == Code::K608);
        if has_cache && !is_simulated && wanted.is_some_and(|wanted| wanted != origin) {
            notes.complaints.push(format!("`{}` is {origin:?}", kernel.name()));
        }
        if notes.loops.is_empty() {
            let of_loops = prepared.remarks().iter().filter(|remark| remark.kind == RemarkKind::Vector);
            notes.loops = of_loops.map(|remark| (remark.is_done, remark.text.clone())).collect();
        }
        prepared.call(args)
    });
    outcome_of(result)
}

/// A result as it is compared.
#[must_use]
pub fn outcome_of(result: Result<kjit::Value, Error>) -> Outcome {
    match result {
        Ok(value) => Outcome::Value(Bits::of(&value)),
        Err(Error::Trap(trap)) => Outcome::Trap {
            code: trap.code.to_string(),
            line: trap.line,
            message: format!("{}: {}", trap.exception, trap.message),
        },
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// What to write into a file: the lines from the first (1-based) are replaced.
#[derive(Clone, Debug)]
pub struct Edit {
    /// First line of the block's text.
    pub line: usize,
    /// How many lines it has.
    pub count: usize,
    /// The new text.
    pub text: String,
}

/// What a test found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is wrong; empty if nothing is.
    pub problems: Vec<String>,
    /// Blessings.
    pub edits: Vec<Edit>,
}

/// Runs a test on every engine and compares its dumps.
#[must_use]
pub fn run_case(case: &Case) -> Verdict {
    let mut verdict = Verdict::default();
    let source = case.source();
    check_dumps(case, &source, &mut verdict);
    let lines = match case.lines() {
        Ok(lines) => lines,
        Err(error) => {
            verdict.problems.push(error);
            return verdict;
        }
    };
    if lines.is_empty() {
        return verdict;
    }
    let Ok(directory) = tempfile::tempdir() else {
        verdict.problems.push("no temporary directory".into());
        return verdict;
    };
    let mut reference: Option<Transcript> = None;
    let prints_in_parallel = source.contains("prange") && source.contains("print");
    let has_layouts = !source.contains("::1") && case.attribute("layouts") != Some("C");
    let on_gpu = case.attribute("gpu");
    let is_left_out = on_gpu == Some("off") && gpu::cases::is_for_gpu(&source);
    if is_left_out {
        gpu::cases::leave_out();
    }
    let has_gpu = gpu::cases::is_for_gpu(&source) && !is_left_out && gpu::cases::libraries().is_ok();
    let setups = SETUPS
        .iter()
        .chain(if has_layouts { LAYOUTS } else { &[] })
        .chain(if has_gpu { GPU } else { &[] })
        .chain(if has_gpu && has_layouts { GPU_LAYOUTS } else { &[] });
    let only = case.attribute("engine");
    for setup in setups.filter(|setup| only.is_none_or(|only| setup.name.contains(only))) {
        if !runs_here(setup) {
            *SKIPPED
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .entry(setup.name)
                .or_default() += 1;
            continue;
        }
        let mut found = transcript(setup, &source, &lines, Some(directory.path()));
        if prints_in_parallel {
            found.printed.sort();
        }
        for complaint in &found.complaints {
            verdict.problems.push(format!("{}: {complaint}", setup.name));
        }
        match &reference {
            None => {
                check_values(&lines, &found, &mut verdict);
                check_output(case, &found, &mut verdict);
                reference = Some(found);
            }
            Some(reference) if setup.is_gpu && on_gpu == Some("close") => {
                found.outcomes = gpu::cases::forgive(&reference.outcomes, found.outcomes);
                verdict.problems.extend(differences(&lines, reference, &found, setup));
            }
            Some(reference) => verdict.problems.extend(differences(&lines, reference, &found, setup)),
        }
    }
    verdict
}

fn check_values(lines: &[Line], found: &Transcript, verdict: &mut Verdict) {
    for (line, outcome) in lines.iter().zip(&found.outcomes) {
        let (Action::Call(_, expected) | Action::Inspect(_, expected)) = &line.action else { continue };
        let Some(outcome) = outcome else { continue };
        let is_right = match (expected, outcome) {
            (Expected::Anything, _) => true,
            (Expected::Value(value), Outcome::Value(bits)) => bits.matches(value, false),
            (Expected::Close(value), Outcome::Value(bits)) => bits.matches(value, true),
            (Expected::Trap(code, at), Outcome::Trap { code: found, line, .. }) => {
                code == found && at.is_none_or(|at| at == *line)
            }
            _ => false,
        };
        if !is_right {
            verdict.problems.push(format!("line {}: {}\n    {}", line.number, line.text, outcome.show()));
        }
    }
}

fn check_output(case: &Case, found: &Transcript, verdict: &mut Verdict) {
    for block in case.blocks_of("output") {
        let wanted: Vec<&str> = block.text.trim_end().lines().collect();
        if wanted != found.printed.iter().flat_map(|text| text.split('\n')).collect::<Vec<_>>() {
            verdict.problems.push(format!("line {}: printed\n{}", block.line, found.printed.join("\n")));
        }
    }
}

/// What two runs of the same lines do not have in common.
#[must_use]
pub fn differences(lines: &[Line], reference: &Transcript, found: &Transcript, setup: &Setup) -> Vec<String> {
    let mut problems = Vec::new();
    for (line, (a, b)) in lines.iter().zip(reference.outcomes.iter().zip(&found.outcomes)) {
        if let (Some(a), Some(b)) = (a, b)
            && a != b
        {
            let (text, name) = (&line.text, setup.name);
            problems.push(format!("{text}\n    {}\n    {} ({name})", a.show(), b.show()));
        }
    }
    if reference.printed != found.printed {
        let (a, b) = (reference.printed.join("\n"), found.printed.join("\n"));
        problems.push(format!("prints\n{a}\n  and with {}\n{b}", setup.name));
    }
    if reference.outcomes.len() != found.outcomes.len() {
        problems.push(format!("{}: {:?}", setup.name, found.outcomes.first()));
    }
    problems
}

// Dumps and messages.

fn check_dumps(case: &Case, source: &str, verdict: &mut Verdict) {
    for block in &case.blocks {
        let found = match block.kind.as_str() {
            "error" => messages(case, source).map(|(errors, _)| errors),
            "warning" => messages(case, source).map(|(_, warnings)| warnings),
            "ir" => ir(case, block, source),
            "remarks" => remarks(case, source),
            "cuda" => kernels(case, source),
            "count" => {
                if let Err(problem) = check_counts(case, block, source) {
                    verdict.problems.push(problem);
                }
                continue;
            }
            _ => continue,
        };
        match found {
            Ok(found) if found.trim_end() == block.text.trim_end() => {}
            Ok(found) if std::env::var_os("KJIT_BLESS").is_some() => {
                let text = format!("{}\n", found.trim_end());
                verdict.edits.push(Edit { line: block.line, count: block.text.lines().count(), text });
            }
            Ok(found) => verdict.problems.push(format!("line {}: {} is\n{found}", block.line, block.kind)),
            Err(problem) => verdict.problems.push(problem),
        }
    }
}

/// The function that dumps and messages are about: `fn=NAME`, else the last.
fn entry_of(case: &Case, source: &str) -> String {
    let (ast, _) = syntax::parse(source);
    let last = ast.functions.last().map(|function| function.name.name.to_string());
    case.attribute("fn").map(str::to_owned).or(last).unwrap_or_default()
}

/// Types of its arguments: as `types` says, else as annotated.
fn signature_of(case: &Case, source: &str, function: &str) -> Result<Vec<ArgTy>, Vec<Diagnostic>> {
    let types = case.param_types();
    if types.is_empty() {
        return annotated_signature(&syntax::parse(source).0, function);
    }
    let params: Vec<String> = types.iter().enumerate().map(|(k, ty)| format!("p{k}: {ty}")).collect();
    annotated_signature(&syntax::parse(&format!("def f({}):\n    pass\n", params.join(", "))).0, "f")
}

/// Errors and warnings as the user sees them.
fn messages(case: &Case, source: &str) -> Result<(String, String), String> {
    let diagnostics = diagnose(case, source);
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics.into_iter().partition(Diagnostic::is_error);
    let show = |diagnostics: &[Diagnostic]| render(diagnostics, source, "case.k", Style::Plain);
    Ok((show(&errors), show(&warnings)))
}

fn diagnose(case: &Case, source: &str) -> Vec<Diagnostic> {
    let (ast, diagnostics) = syntax::parse(source);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return diagnostics;
    }
    let function = entry_of(case, source);
    let args = match signature_of(case, source, &function) {
        Ok(args) => args,
        Err(errors) => return errors,
    };
    let options = Options::default();
    let request =
        Request { ast: &ast, source, function: &function, args: &args, options: &options, host: &NoHost };
    let more = match pipeline::front(&request, &mut |_| {}) {
        Ok(front) => front.warnings,
        Err(errors) => errors,
    };
    diagnostics.into_iter().chain(more).collect()
}

fn front_of(case: &Case, source: &str) -> Result<pipeline::Front, String> {
    let (ast, _) = syntax::parse(source);
    let function = entry_of(case, source);
    let show = |errors: Vec<Diagnostic>| render(&errors, source, "case.k", Style::Plain);
    let args = signature_of(case, source, &function).map_err(show)?;
    let options = Options::default();
    let request =
        Request { ast: &ast, source, function: &function, args: &args, options: &options, host: &NoHost };
    pipeline::front(&request, &mut |_| {}).map_err(show)
}

/// The IR after a pass: `after=front` before all of them, `after=all` (or nothing) after the last.
fn ir(case: &Case, block: &Block, source: &str) -> Result<String, String> {
    let mut front = front_of(case, source)?;
    match block.attribute("after") {
        Some("front") => {}
        Some("all") | None => drop(pipeline::optimize(&mut front, None)),
        Some(pass) => drop(pipeline::optimize(&mut front, Some(pass))),
    }
    Ok(print_program(&front.program))
}

fn remarks(case: &Case, source: &str) -> Result<String, String> {
    let mut front = front_of(case, source)?;
    pipeline::optimize(&mut front, None);
    let mut text = String::new();
    for remark in &front.program.remarks {
        let line = remark.span.line_column(source).0;
        let _ = writeln!(text, "line {line}: {}", remark.sentence(source));
    }
    Ok(text)
}

/// The text of the kernels, from the first one: what all texts begin with is left out.
fn kernels(case: &Case, source: &str) -> Result<String, String> {
    let front = front_of(case, source)?;
    let text = pipeline::kernels(&front, cuda::Lines::Comments { source }).source;
    let first = text.find("\n// Line ").ok_or_else(|| format!("no kernel was written:\n{text}"))?;
    Ok(text[first + 1..].to_owned())
}

/// `check: 1`: lines of the dump in which the word stands.
fn check_counts(case: &Case, block: &Block, source: &str) -> Result<(), String> {
    let dump = ir(case, block, source)?;
    for line in block.text.lines() {
        let Some((word, wanted)) = line.split_once(':') else { continue };
        let (word, wanted) = (word.trim(), wanted.trim());
        let is_word =
            |line: &&str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word);
        let count = dump.lines().filter(is_word).count();
        if wanted.parse() != Ok(count) {
            return Err(format!("line {}: {word}: {count}, not {wanted}, in\n{dump}", block.line));
        }
    }
    Ok(())
}

/// Writes blessings into a file's text; edits of one file, in any order.
#[must_use]
pub fn apply_edits(text: &str, mut edits: Vec<Edit>) -> String {
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.line));
    for edit in edits {
        let start = edit.line - 1;
        lines.splice(start..start + edit.count, [edit.text]);
    }
    lines.concat()
}
