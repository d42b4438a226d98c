//! Calls through the interpreter: the host's arrays are copied into its memory, and what it wrote is copied back.

use kjit_compiler::backend::interp::{self, ArrayArg, BufferId, Failure, Host, HostArray, Limits, Memory};
use kjit_compiler::base::{Code, Diagnostic};
use kjit_compiler::ir::artifact::Signature;
use kjit_compiler::ir::trap::{Message, Trap};
use kjit_compiler::types::{DType, Ty};
use smallvec::SmallVec;

use crate::compile::Interpreted;
use crate::config::EngineKind;
use crate::engine::EngineInner;
use crate::error::Error;
use crate::exec::call::trap_error;
use crate::exec::float_mode::FloatMode;
use crate::module::Parsed;
use crate::owned::contiguous_strides;
use crate::value::{Arg, Scalar, Value};
use crate::view::ArrayRef;

/// Interprets one call.
pub(crate) fn call(
    interpreted: &Interpreted,
    signature: &Signature,
    parsed: &Parsed,
    args: &mut [Arg<'_>],
) -> Result<Value, Error> {
    let engine = &*parsed.engine.inner;
    let mut arrays = Vec::new();
    args.iter().for_each(|arg| collect_arrays(arg, &mut arrays));
    let (memory, places) = copy_in(&arrays);
    let mut values = Vec::new();
    let mut next_array = 0;
    let passed = args.iter().filter(|arg| !matches!(arg, Arg::Omitted));
    for (arg, (_, ty)) in passed.zip(&signature.params) {
        flatten(arg, ty, &places, &mut next_array, &mut values)?;
    }
    let limits = Limits {
        steps: engine.config.step_limit.unwrap_or(u64::MAX),
        random_seed: engine.seed(),
        strip_lanes: match engine.config.kind {
            EngineKind::Strips(lanes) => lanes,
            EngineKind::Auto | EngineKind::Scalar | EngineKind::Interp => 0,
        },
        ..Limits::default()
    };
    let mut host = EngineHost { engine, started: std::time::Instant::now() };
    let _mode = FloatMode::enter();
    let outcome = interp::run(&interpreted.program, &values, memory, &mut host, &limits);
    copy_out(&arrays, &places, &outcome.memory);
    let warnings = outcome.warnings.iter().map(|warning| {
        let text = match warning.code {
            Code::K713 => "an element is read before it was written",
            _ => "the result does not fit in 64 bits and wraps",
        };
        Diagnostic::warning(warning.code, warning.span, text)
    });
    engine.report_warnings(warnings.collect(), &parsed.source);
    match outcome.result {
        Ok(results) => {
            let mut results = results.into_iter();
            value_of(&signature.ret, &mut results, &outcome.memory, engine)
        }
        Err(Failure::Trap { trap, args, detail }) => {
            Err(trap_error(&interpreted.program.traps[trap], &args, detail, &parsed.source))
        }
        Err(Failure::Divergence(found)) => {
            let mut message = found.text;
            if let Some(other) = found.other {
                let (line, _) = other.line_column(&parsed.source.text);
                message.push_str(&format!(" in line {line}"));
            }
            let trap = Trap {
                code: Code::K607,
                span: found.span,
                exception: "RuntimeError".into(),
                message: Message::line(Vec::new()),
            };
            Err(trap_error(&trap, &[], Some(message), &parsed.source))
        }
        Err(Failure::OutOfMemory) => Err(Error::OutOfMemory),
        Err(Failure::Interrupted) => {
            engine.clear_interrupt();
            Err(Error::Interrupted)
        }
        Err(Failure::StepLimit) => Err(Error::StepLimit),
        Err(Failure::Internal(text)) => Err(Error::Internal(text)),
    }
}

/// An array argument and whether the kernel may write to it.
struct Lent<'a> {
    array: ArrayRef<'a>,
    is_writable: bool,
}

fn collect_arrays<'a>(arg: &Arg<'a>, arrays: &mut Vec<Lent<'a>>) {
    match arg {
        Arg::In(array) => arrays.push(Lent { array: array.clone(), is_writable: false }),
        Arg::InOut(array) => arrays.push(Lent { array: array.inner.clone(), is_writable: true }),
        Arg::Tuple(items) => items.iter().for_each(|item| collect_arrays(item, arrays)),
        Arg::Scalar(_) | Arg::None | Arg::Str(_) | Arg::Omitted => {}
    }
}

/// First and one past the last byte that an array reaches.
fn extent(array: &ArrayRef<'_>) -> (usize, usize) {
    let mut low = array.data as usize;
    let mut high = low + array.dtype().size_bytes();
    if array.shape().contains(&0) {
        return (low, low);
    }
    for (&extent, &stride) in array.shape().iter().zip(array.strides()) {
        let reach = stride * (extent as isize - 1);
        if reach < 0 {
            low = low.wrapping_add_signed(reach);
        } else {
            high = high.wrapping_add_signed(reach);
        }
    }
    (low, high)
}

/// Copies the elements of all arrays into buffers; arrays that overlap share one.
fn copy_in(arrays: &[Lent<'_>]) -> (Memory, Vec<ArrayArg>) {
    let extents: Vec<(usize, usize)> = arrays.iter().map(|lent| extent(&lent.array)).collect();
    let mut order: Vec<usize> = (0..arrays.len()).collect();
    order.sort_by_key(|&k| extents[k]);
    let mut buffers: Vec<(usize, usize)> = Vec::new();
    let mut buffer_of = vec![0; arrays.len()];
    for k in order {
        let (low, high) = extents[k];
        match buffers.last_mut() {
            Some((_, end)) if low < *end => *end = (*end).max(high),
            _ => buffers.push((low, high)),
        }
        buffer_of[k] = buffers.len() - 1;
    }
    let mut contents: Vec<Vec<u8>> = buffers.iter().map(|(low, high)| vec![0; high - low]).collect();
    let places: Vec<ArrayArg> = arrays
        .iter()
        .zip(&buffer_of)
        .map(|(lent, &buffer)| ArrayArg {
            buffer: BufferId(buffer as u32),
            offset: lent.array.data as i64 - buffers[buffer].0 as i64,
            shape: lent.array.shape().iter().map(|&extent| extent as i64).collect(),
            strides: lent.array.strides().iter().map(|&stride| stride as i64).collect(),
        })
        .collect();
    for (lent, &buffer) in arrays.iter().zip(&buffer_of) {
        let item_bytes = lent.array.dtype().size_bytes();
        lent.array.for_each_address(|address| {
            let at = address as usize - buffers[buffer].0;
            // SAFETY: the address is that of an element of a live view.
            let element = unsafe { std::slice::from_raw_parts(address, item_bytes) };
            contents[buffer][at..at + item_bytes].copy_from_slice(element);
        });
    }
    (Memory::new(contents), places)
}

/// Copies the elements of writable arrays back.
fn copy_out(arrays: &[Lent<'_>], places: &[ArrayArg], memory: &Memory) {
    for (lent, place) in arrays.iter().zip(places).filter(|(lent, _)| lent.is_writable) {
        let bytes = memory.bytes(place.buffer);
        let item_bytes = lent.array.dtype().size_bytes();
        let start = (lent.array.data as usize).wrapping_sub(place.offset as usize);
        lent.array.for_each_address(|address| {
            let at = address as usize - start;
            // SAFETY: the address is that of an element of a view that was lent for writing.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    bytes[at..at + item_bytes].as_ptr(),
                    address.cast_mut(),
                    item_bytes,
                );
            }
        });
    }
}

/// Appends the interpreter's values of one argument.
fn flatten(
    arg: &Arg<'_>,
    ty: &Ty,
    places: &[ArrayArg],
    next_array: &mut usize,
    values: &mut Vec<interp::Value>,
) -> Result<(), Error> {
    match (arg, ty) {
        (Arg::In(_) | Arg::InOut(_), _) => {
            values.push(interp::Value::Array(places[*next_array].clone()));
            *next_array += 1;
            Ok(())
        }
        (Arg::Tuple(items), Ty::Tuple(types)) => items
            .iter()
            .zip(types.iter())
            .try_for_each(|(item, ty)| flatten(item, ty, places, next_array, values)),
        _ => {
            // Numbers, or nothing.
            let mut words = [0; 2];
            let count = arg.write_words(ty, &mut words)?;
            values.extend(words[..count].iter().copied().map(interp::Value::Scalar));
            Ok(())
        }
    }
}

/// Builds a result from the interpreter's flattened values.
fn value_of(
    ty: &Ty,
    results: &mut impl Iterator<Item = interp::Value>,
    memory: &Memory,
    engine: &EngineInner,
) -> Result<Value, Error> {
    let missing = || Error::Internal("the interpreter returned too few values".into());
    match ty {
        Ty::None | Ty::Str(_) => Ok(Value::None),
        Ty::Scalar(dtype) => {
            let mut words = [0; 2];
            for word in &mut words[..dtype.lanes()] {
                let Some(interp::Value::Scalar(value)) = results.next() else { return Err(missing()) };
                *word = value;
            }
            Ok(Value::Scalar(Scalar::from_words(*dtype, &words)))
        }
        Ty::Array(array) => array_of(array.dtype, results.next().ok_or_else(missing)?, memory, engine),
        Ty::Event => value_of(&Ty::I64, results, memory, engine),
        Ty::Rng => array_of(DType::U64, results.next().ok_or_else(missing)?, memory, engine),
        Ty::Tuple(items) => {
            let values: Result<Vec<Value>, Error> =
                items.iter().map(|item| value_of(item, results, memory, engine)).collect();
            Ok(Value::Tuple(values?))
        }
    }
}

fn array_of(
    dtype: DType,
    value: interp::Value,
    memory: &Memory,
    engine: &EngineInner,
) -> Result<Value, Error> {
    let interp::Value::Array(place) = value else {
        return Err(Error::Internal("the interpreter returned a number for an array".into()));
    };
    let bytes = memory.bytes(place.buffer);
    let shape: SmallVec<[usize; 4]> = place.shape.iter().map(|&extent| extent as usize).collect();
    let strides: SmallVec<[isize; 4]> = place.strides.iter().map(|&stride| stride as isize).collect();
    let data = bytes.as_ptr().wrapping_offset(place.offset as isize);
    // SAFETY: the interpreter checked every window onto its buffers, and the memory outlives the copy.
    let array = unsafe { ArrayRef::from_raw(data, dtype, &shape, &strides) };
    Ok(Value::Array(array.to_owned_in(&engine.account)?))
}

/// The engine's hooks for the interpreter.
struct EngineHost<'a> {
    engine: &'a EngineInner,
    started: std::time::Instant,
}

impl Host for EngineHost<'_> {
    fn print(&mut self, line: &str) {
        self.engine.print(line);
    }

    fn count_operations(&mut self, operations: u64) {
        self.engine.count_operations(operations);
    }

    fn load(&mut self, path: &str, dtype: DType, rank: u8) -> Result<HostArray, String> {
        let files = self.engine.config.files.as_ref().ok_or("this engine has no access to files")?;
        let array = files.load(path)?;
        if array.dtype() != dtype || array.shape().len() != usize::from(rank) {
            let (found, found_rank) = (array.dtype(), array.shape().len());
            return Err(format!(
                "`{path}` now holds {found} of rank {found_rank}, not what the kernel was compiled for"
            ));
        }
        let array = array.into_contiguous(&self.engine.account).ok_or("out of memory")?;
        let byte_count = array.len() * dtype.size_bytes();
        // SAFETY: a contiguous array has that many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(array.view().data, byte_count) }.to_vec();
        Ok(HostArray { dtype, shape: array.shape().iter().map(|&extent| extent as i64).collect(), bytes })
    }

    fn save(&mut self, path: &str, array: HostArray) -> Result<(), String> {
        let files = self.engine.config.files.as_ref().ok_or("this engine has no access to files")?;
        let shape: Vec<usize> = array.shape.iter().map(|&extent| extent as usize).collect();
        let strides = contiguous_strides(&shape, array.dtype.size_bytes());
        // SAFETY: the bytes are the elements in C order and outlive the call.
        let view = unsafe { ArrayRef::from_raw(array.bytes.as_ptr(), array.dtype, &shape, &strides) };
        files.save(path, &view)
    }

    fn clock_ns(&mut self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn interrupted(&mut self) -> bool {
        self.engine.is_interrupted()
    }
}
