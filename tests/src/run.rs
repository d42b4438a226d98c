//! Runs a test's calls one way: in a case's source and calls, out what every call gave, as text and bits.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use kjit::{
    Arg, CacheDir, Config, DeviceKind, Engine, Error, Kernel, Module, Options, Origin, RemarkKind, Scalar,
};

use kjit_compiler::base::Code;

use crate::buffer::{Bits, Buffer, Form, Place};
use crate::case::{Action, Line, Slice};
use crate::gpu;
use crate::literal::{Call, Literal, Number};
use crate::setup::{CacheUse, Setup};

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
