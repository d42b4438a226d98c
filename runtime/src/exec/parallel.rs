//! Parallel loops: chunks claimed from a counter, results combined in chunk order.
//!
//! What is computed follows [`kjit_compiler::ir::parallel`]: the number of chunks depends on the loop alone, so the
//! bits do not depend on the number of threads. Which thread runs which chunk does not matter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use kjit_compiler::ir::abi::{ARRAY_HEAD_WORDS, status};
use kjit_compiler::ir::artifact::{ArrayReductionSlot, CapturedArray, ParallelBody};
use kjit_compiler::ir::parallel::{
    Combine, MAX_TRIPS, ReduceOp, SERIAL_BELOW_NS, chunk_count, chunk_count_of_strips, chunk_range,
    chunk_range_of_strips,
};
use kjit_compiler::ir::trap::MAX_TRAP_ARGS;
use kjit_compiler::types::DType;
use smallvec::SmallVec;

use super::context::Context;
use super::float_mode::FloatMode;
use super::memory::Block;
use super::strided::{self, RawArray};
use crate::gpu::LoopCall;
use crate::native::Native;

/// Waking other threads takes some us, so less than this is not worth it.
const WORTH_A_FORK_NS: f64 = 8_000.0;

/// The type of an outlined body; see [`ParallelBody::entry`].
type BodyFn = unsafe extern "C" fn(*mut Context, *const u64, u64, u64, *mut u64) -> i32;

/// What one chunk left behind.
struct ChunkResult {
    status: i32,
    outputs: SmallVec<[u64; 4]>,
    /// Rare, and large: elsewhere.
    failure: Option<Box<Failure>>,
    /// Private copies of accumulated arrays: of all, or of none if the chunk used the arrays themselves.
    copies: Vec<Block>,
}

/// What a failed chunk has to say.
struct Failure {
    trap_args: [u64; MAX_TRAP_ARGS],
    service_error: Option<String>,
}

/// Pointers that chunks on other threads use.
struct Shared<'a> {
    parent: *const Context,
    env: *const u64,
    outputs: *const u64,
    body: &'a ParallelBody,
    function: BodyFn,
    trip: u64,
    chunks: u64,
    /// Next chunk to claim.
    next: AtomicU64,
    /// Lowest chunk that has failed so far.
    lowest_failed: AtomicU64,
    results: &'a [std::sync::OnceLock<ChunkResult>],
}

// SAFETY: `parent`, `env` and `outputs` are only read while chunks run, and outlive the scope that runs them.
unsafe impl Sync for Shared<'_> {}

/// Entry of the function table: runs a whole parallel loop, returns its status.
pub(super) extern "C" fn run(
    ctx: *mut Context,
    number: u32,
    env: *const u64,
    trip: u64,
    cost_ns: f64,
    outputs: *mut u64,
) -> i32 {
    // SAFETY: generated code passes its own context, which no one else uses meanwhile.
    let ctx = unsafe { &mut *ctx };
    // A panic (out of memory in our own bookkeeping, a panicking hook) must not unwind into generated code.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: generated code passes the captures and the outputs of that loop.
        unsafe { run_loop(ctx, number, env, trip, cost_ns, outputs) }
    }))
    .unwrap_or(status::SERVICE)
}

/// Entry of the function table: runs a kernel that the user wrote, returns its status.
pub(super) extern "C" fn launch(ctx: *mut Context, number: u32, env: *const u64) -> i32 {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: generated code passes its own context, and the words of that launch.
        unsafe { run_launch(&mut *ctx, number, env) }
    }))
    .unwrap_or(status::SERVICE)
}

/// # Safety
/// `env` holds the words of launch `number` of the context's artifact.
unsafe fn run_launch(ctx: &mut Context, number: u32, env: *const u64) -> i32 {
    // SAFETY: see `Context::shared`; the borrow must not tie up `ctx`.
    let shared = unsafe { &*ctx.call };
    let artifact = &shared.native.artifact;
    let site = artifact.launches[number as usize];
    // SAFETY: by the contract.
    let env = unsafe { std::slice::from_raw_parts(env, site.env_words as usize) };
    let number = artifact.parallels.len() as u32 + number;
    let call =
        LoopCall { number, env, trip: 1, cost_ns: f64::INFINITY, shares_memory: false, is_launch: true };
    if let Some(gpu) = &shared.gpu {
        // SAFETY: the arrays among the words are valid, and the caller's alone where the kernel writes.
        if let Some(status) = unsafe { gpu.run(ctx, call, &mut []) } {
            return status;
        }
    }
    ctx.fail("a GPU kernel that is launched by hand has no form for the processor");
    status::SERVICE
}

/// All iterations as one chunk, here.
///
/// # Safety
/// `env` and `outputs` are those of parallel loop `number` of the context's artifact.
#[inline]
unsafe fn run_whole(ctx: &mut Context, number: u32, env: *const u64, trip: u64, outputs: *mut u64) -> i32 {
    // SAFETY: see `body_of`.
    let function = unsafe { body_of(ctx.shared().native, number) };
    let serial_below_ns = std::mem::replace(&mut ctx.serial_below_ns, SERIAL_BELOW_NS);
    ctx.loop_depth += 1;
    // SAFETY: same context, same thread, initial values already in `outputs`.
    let status = unsafe { function(ctx, env, 0, trip, outputs) };
    ctx.loop_depth -= 1;
    ctx.serial_below_ns = serial_below_ns;
    status
}

/// The outlined body of parallel loop `number`.
///
/// # Safety
/// Callers keep to the contract of [`ParallelBody::entry`].
#[inline]
unsafe fn body_of(native: &Native, number: u32) -> BodyFn {
    let entry = native.artifact.parallels[number as usize].entry;
    // SAFETY: the back end made this entry with that signature.
    unsafe { std::mem::transmute::<*const u8, BodyFn>(native.code.address(entry.offset)) }
}

/// # Safety
/// `env` and `outputs` are those of parallel loop `number` of the context's artifact.
unsafe fn run_loop(
    ctx: &mut Context,
    number: u32,
    env: *const u64,
    trip: u64,
    cost_ns: f64,
    outputs: *mut u64,
) -> i32 {
    // The artifact lives as long as the call; the borrow must not tie up `ctx`.
    // SAFETY: see `Context::shared`.
    let shared = unsafe { &*ctx.call };
    let native = shared.native;
    let body = &native.artifact.parallels[number as usize];
    if trip == 0 || trip > i64::MAX as u64 {
        return 0;
    }
    if trip >= MAX_TRIPS {
        ctx.fail(format!("a parallel loop of {trip} iterations"));
        return status::SERVICE;
    }
    if ctx.loop_depth == 0
        && let Some(gpu) = &shared.gpu
    {
        // SAFETY: the captures and the outputs are those of this loop; generated code uses neither meanwhile.
        let (captures, outputs) = unsafe {
            (
                std::slice::from_raw_parts(env, body.env_words as usize),
                std::slice::from_raw_parts_mut(outputs, body.outputs.len()),
            )
        };
        // SAFETY: `env` holds the captures of this loop.
        let shares_memory = unsafe { shares_memory(body, env) };
        let call = LoopCall { number, env: captures, trip, cost_ns, shares_memory, is_launch: false };
        // SAFETY: the arrays among the captures are valid for the call, and what is written is the kernel's alone.
        if let Some(status) = unsafe { gpu.run(ctx, call, outputs) } {
            return status;
        }
    }
    // SAFETY: chunks are run by that contract.
    let function = unsafe { body_of(native, number) };
    // SAFETY: `env` holds the captures of this loop.
    let mut chunks = chunk_count(trip, cost_ns, unsafe { copied_elements(body, env) });
    if body.runs_in_lanes {
        chunks = chunk_count_of_strips(chunks, trip);
    }
    // SAFETY: likewise.
    if chunks > 1 && unsafe { shares_memory(body, env) } {
        chunks = 1;
    }
    if chunks == 1 {
        // SAFETY: passed on.
        return unsafe { run_whole(ctx, number, env, trip, outputs) };
    }
    let results: Vec<std::sync::OnceLock<ChunkResult>> =
        std::iter::repeat_with(std::sync::OnceLock::new).take(chunks as usize).collect();
    let work = Shared {
        parent: ctx,
        env,
        outputs,
        body,
        function,
        trip,
        chunks,
        next: AtomicU64::new(0),
        lowest_failed: AtomicU64::new(u64::MAX),
        results: &results,
    };
    shared.engine.progress_started(chunks);
    if shared.engine.threads() > 1 {
        // The first chunks show what the estimate is worth: a loop that is soon done wakes nobody.
        let begin = Instant::now();
        while let Some(done) = work_on(&work, Worker::Caller) {
            let left_ns = begin.elapsed().as_nanos() as f64 / done as f64 * (chunks - done) as f64;
            if left_ns > WORTH_A_FORK_NS {
                break;
            }
        }
        let has_failed = work.lowest_failed.load(Ordering::Relaxed) != u64::MAX;
        let left = if has_failed { 0 } else { chunks - work.next.load(Ordering::Relaxed).min(chunks) };
        let threads = shared.engine.threads().min(left as usize);
        if threads > 1 {
            native.note_parallel(true);
            // Without threads (none can be started) this one does it all.
            let _ = shared.engine.pool.with(shared.engine.threads(), |pool| {
                pool.in_place_scope(|scope| {
                    for _ in 1..threads {
                        scope.spawn(|_| work_off(&work, Worker::Other));
                    }
                    work_off(&work, Worker::Caller);
                });
            });
        }
    }
    work_off(&work, Worker::Caller);
    shared.engine.progress_ended(chunks);
    // SAFETY: all chunks have ended, so this thread alone uses `outputs` and the arrays.
    unsafe { combine(ctx, body, env, outputs, results) }
}

/// Who runs a chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worker {
    /// The thread that called the kernel.
    Caller,
    /// A thread of the pool.
    Other,
}

/// Runs chunks until none is left.
fn work_off(work: &Shared<'_>, worker: Worker) {
    // Threads of the pool inherit the mode of whoever started them.
    let _mode = FloatMode::enter();
    while work_on(work, worker).is_some() {}
}

/// Runs the next chunk: how many have been claimed by now, `None` if there was none left.
fn work_on(work: &Shared<'_>, worker: Worker) -> Option<u64> {
    // SAFETY: the context outlives the scope and is only read.
    let engine = unsafe { (*work.parent).shared().engine };
    let chunk = work.next.fetch_add(1, Ordering::Relaxed);
    // Chunks are claimed in order, so every chunk below a failed one has been claimed and will end: the lowest
    // failing iteration wins on any number of threads.
    if chunk >= work.chunks || chunk > work.lowest_failed.load(Ordering::Relaxed) {
        return None;
    }
    let result = if engine.is_interrupted() {
        ChunkResult {
            status: status::INTERRUPTED,
            outputs: SmallVec::new(),
            failure: None,
            copies: Vec::new(),
        }
    } else {
        run_chunk(work, chunk, worker)
    };
    if result.status != 0 {
        work.lowest_failed.fetch_min(chunk, Ordering::Relaxed);
    }
    // Each chunk is claimed once, so the cell is empty.
    let _ = work.results[chunk as usize].set(result);
    engine.progress_chunk();
    Some(chunk + 1)
}

/// Elements of the arrays of which every chunk but the first gets a copy; `None` if there are none.
///
/// # Safety
/// `env` holds the captures of the loop.
unsafe fn copied_elements(body: &ParallelBody, env: *const u64) -> Option<u64> {
    body.array_reductions
        .iter()
        .map(|slot| {
            // SAFETY: the words of the array are part of the captures: owner and data, then the extents.
            let shape = unsafe {
                std::slice::from_raw_parts(
                    env.add(slot.env_word as usize + ARRAY_HEAD_WORDS),
                    slot.rank as usize,
                )
            };
            shape.iter().fold(1_u64, |n, &dim| n.saturating_mul(dim))
        })
        .reduce(u64::saturating_add)
}

/// Do two arrays overlap that must not?
///
/// # Safety
/// `env` holds the captures of the loop.
unsafe fn shares_memory(body: &ParallelBody, env: *const u64) -> bool {
    let array = |captured: CapturedArray| {
        let (dtype, rank) = strided::decode(captured.code);
        // SAFETY: the words of the array are part of the captures.
        unsafe { RawArray::read(env.add(captured.env_word as usize), dtype, rank) }
    };
    body.disjoint.iter().any(|&(a, b)| array(a).overlaps(&array(b)))
}

fn run_chunk(work: &Shared<'_>, chunk: u64, worker: Worker) -> ChunkResult {
    // SAFETY: the parent context, the captures and the initial outputs outlive the scope and are only read.
    let (parent, env, initial) = unsafe {
        (
            &*work.parent,
            std::slice::from_raw_parts(work.env, work.body.env_words as usize),
            std::slice::from_raw_parts(work.outputs, work.body.outputs.len()),
        )
    };
    let mut ctx = parent.for_chunk();
    let mut outputs: SmallVec<[u64; 4]> = initial.into();
    // Copied only where a private array takes the place of a captured one.
    let mut own_env: SmallVec<[u64; 32]> = SmallVec::new();
    let mut env = env;
    let mut copies = Vec::new();
    if chunk > 0 {
        for (output, &(dtype, combine)) in outputs.iter_mut().zip(&work.body.outputs) {
            if let Combine::Reduce(op) = combine {
                *output = op.identity(dtype);
            }
        }
        // Whole numbers combine to the same in any order, so one thread may use the arrays themselves.
        let is_exact = work.body.array_reductions.iter().all(|slot| !slot.dtype.part().is_float());
        let copied = match worker {
            Worker::Caller if is_exact => &[],
            _ => work.body.array_reductions.as_slice(),
        };
        if !copied.is_empty() {
            own_env = env.into();
        }
        for slot in copied {
            match private_copy(parent, &mut own_env, slot) {
                Some(block) => copies.push(block),
                None => {
                    return ChunkResult { status: status::OUT_OF_MEMORY, outputs, failure: None, copies };
                }
            }
        }
    }
    if !own_env.is_empty() {
        env = &own_env;
    }
    let range_of = if work.body.runs_in_lanes { chunk_range_of_strips } else { chunk_range };
    let range = range_of(work.trip, work.chunks, chunk);
    // SAFETY: the body belongs to this artifact; `ctx`, `env`, `outputs` are this chunk's own and of the right size; the
    // race analysis proved that chunks do not touch the same elements.
    let status =
        unsafe { (work.function)(&raw mut ctx, env.as_ptr(), range.start, range.end, outputs.as_mut_ptr()) };
    let failure = (status != 0)
        .then(|| Box::new(Failure { trap_args: ctx.trap_args, service_error: ctx.take_service_error() }));
    ChunkResult { status, outputs, failure, copies }
}

/// Replaces an accumulated array among the captures by a private, contiguous one filled with the identity.
fn private_copy(parent: &Context, env: &mut [u64], slot: &ArrayReductionSlot) -> Option<Block> {
    let rank = slot.rank as usize;
    let words = &mut env[slot.env_word as usize..][..ARRAY_HEAD_WORDS + 2 * rank];
    let part = slot.dtype.part();
    let count: u64 = words[2..2 + rank].iter().product::<u64>() * slot.dtype.lanes() as u64;
    let bytes = count * part.size_bytes() as u64;
    let identity = slot.op.identity(part);
    let block = Block::new(&parent.shared().engine.account, bytes, identity == 0)?;
    if identity != 0 {
        let identity = identity.to_le_bytes();
        // SAFETY: the block holds `count` parts.
        let data = unsafe { std::slice::from_raw_parts_mut(block.data(), bytes as usize) };
        if part.size_bytes() == 8 {
            data.as_chunks_mut().0.fill(identity);
        } else {
            data.chunks_exact_mut(part.size_bytes())
                .for_each(|item| item.copy_from_slice(&identity[..part.size_bytes()]));
        }
    }
    words[0] = block.data() as u64;
    words[1] = block.owner();
    // Strides in the order of the original's: its layout is compiled into the body.
    let order_is_f = is_f_ordered(&words[2..]);
    let mut stride = slot.dtype.size_bytes() as u64;
    for k in 0..rank {
        let axis = if order_is_f { k } else { rank - 1 - k };
        words[2 + rank + axis] = stride;
        stride *= words[2 + axis].max(1);
    }
    Some(block)
}

/// Do the strides (after the extents) grow with the axis number, as in Fortran order?
fn is_f_ordered(shape_and_strides: &[u64]) -> bool {
    let rank = shape_and_strides.len() / 2;
    let strides = &shape_and_strides[rank..];
    rank > 1
        && strides.windows(2).all(|pair| (pair[0] as i64).abs() <= (pair[1] as i64).abs())
        && strides[0] != strides[rank - 1]
}

/// Combines what the chunks left, in chunk order.
///
/// # Safety
/// All chunks have ended; `env` and `outputs` are the loop's.
unsafe fn combine(
    ctx: &mut Context,
    body: &ParallelBody,
    env: *const u64,
    outputs: *mut u64,
    results: Vec<std::sync::OnceLock<ChunkResult>>,
) -> i32 {
    // SAFETY: one word per output.
    let totals = unsafe { std::slice::from_raw_parts_mut(outputs, body.outputs.len()) };
    for (chunk, cell) in results.into_iter().enumerate() {
        let Some(result) = cell.into_inner() else {
            // Only chunks after a failed one are not run.
            return status::SERVICE;
        };
        if result.status != 0 {
            if let Some(failure) = result.failure {
                ctx.trap_args = failure.trap_args;
                if let Some(text) = failure.service_error {
                    ctx.fail(text);
                }
            }
            return result.status;
        }
        if chunk == 0 {
            totals.copy_from_slice(&result.outputs);
            continue;
        }
        let mut replaced: SmallVec<[bool; 4]> = SmallVec::new();
        for (k, &(dtype, combine)) in body.outputs.iter().enumerate() {
            let is_replaced = match combine {
                Combine::Reduce(op) => {
                    let (bits, takes_right) = op.combine(dtype, totals[k], result.outputs[k]);
                    totals[k] = bits;
                    takes_right
                }
                Combine::Last => {
                    totals[k] = result.outputs[k];
                    true
                }
                Combine::With(leader) => {
                    let takes_right = replaced.get(leader as usize).copied().unwrap_or(false);
                    if takes_right {
                        totals[k] = result.outputs[k];
                    }
                    takes_right
                }
            };
            replaced.push(is_replaced);
        }
        for (slot, copy) in body.array_reductions.iter().zip(&result.copies) {
            // SAFETY: the captured array is valid; the copy has its shape.
            unsafe { add_copy(env, slot, copy) };
        }
    }
    0
}

/// `array = array op copy`, element by element.
///
/// # Safety
/// `env` holds the captured array of that slot, of which `copy` is the private copy of a chunk.
unsafe fn add_copy(env: *const u64, slot: &ArrayReductionSlot, copy: &Block) {
    let rank = slot.rank as usize;
    // SAFETY: the words of the array are part of the captures.
    let words =
        unsafe { std::slice::from_raw_parts(env.add(slot.env_word as usize), ARRAY_HEAD_WORDS + 2 * rank) };
    let part = slot.dtype.part();
    let order_is_f = is_f_ordered(&words[2..]);
    let axes: SmallVec<[usize; 8]> = if order_is_f { (0..rank).rev().collect() } else { (0..rank).collect() };
    let shape: SmallVec<[u64; 8]> = axes.iter().map(|&axis| words[2 + axis]).collect();
    let strides: SmallVec<[i64; 8]> = axes.iter().map(|&axis| words[2 + rank + axis] as i64).collect();
    let count: u64 = shape.iter().product();
    let mut index: SmallVec<[u64; 8]> = SmallVec::from_elem(0, rank);
    let mut offset = 0_i64;
    let mut source = copy.data().cast_const();
    // Nearly always sums of numbers of one width: the innermost axis at once.
    if slot.op == ReduceOp::Add
        && let Some(add) = row_adder(part)
        && let Some(&stride) = strides.last()
    {
        let (lanes, row_elems) = (slot.dtype.lanes(), shape[rank - 1] as usize);
        let rows = (count as usize).checked_div(row_elems).unwrap_or(0);
        for _ in 0..rows {
            for lane in 0..lanes {
                let lane_bytes = lane * part.size_bytes();
                // SAFETY: a row of a valid array, and the copy walked in its own order.
                unsafe {
                    let target = (words[0] as *mut u8).offset(offset as isize).add(lane_bytes);
                    add(target, stride as isize, source.add(lane_bytes), lanes, row_elems);
                }
            }
            // SAFETY: the copy has as many rows.
            source = unsafe { source.add(row_elems * slot.dtype.size_bytes()) };
            for axis in (0..rank - 1).rev() {
                index[axis] += 1;
                offset += strides[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                offset -= strides[axis] * shape[axis] as i64;
                index[axis] = 0;
            }
        }
        return;
    }
    for _ in 0..count {
        for lane in 0..slot.dtype.lanes() {
            // SAFETY: element addresses of a valid array, and the copy walked in its own order.
            unsafe {
                let target = (words[0] as *mut u8).offset(offset as isize).add(lane * part.size_bytes());
                let (bits, _) = slot.op.combine(part, read_bits(target, part), read_bits(source, part));
                std::ptr::copy_nonoverlapping(bits.to_le_bytes().as_ptr(), target, part.size_bytes());
                source = source.add(part.size_bytes());
            }
        }
        for axis in (0..rank).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis] as i64;
            index[axis] = 0;
        }
    }
}

/// `fn(target, stride in bytes, source, stride in elements, count)`: adds the source's numbers to the target's.
type RowAdder = unsafe fn(*mut u8, isize, *const u8, usize, usize);

/// The adder of numbers of that type; integers wrap.
fn row_adder(part: DType) -> Option<RowAdder> {
    macro_rules! adder {
        ($ty:ty, $add:expr) => {{
            unsafe fn add(
                mut target: *mut u8,
                stride_bytes: isize,
                source: *const u8,
                step_elems: usize,
                count: usize,
            ) {
                let source = source.cast::<$ty>();
                for k in 0..count {
                    // SAFETY: the caller names `count` elements on both sides.
                    unsafe {
                        let place = target.cast::<$ty>();
                        place.write_unaligned($add(place.read_unaligned(), *source.add(k * step_elems)));
                    }
                    target = target.wrapping_offset(stride_bytes);
                }
            }
            Some(add)
        }};
    }
    match part {
        DType::F64 => adder!(f64, |a: f64, b: f64| a + b),
        DType::F32 => adder!(f32, |a: f32, b: f32| a + b),
        DType::I64 | DType::U64 => adder!(u64, u64::wrapping_add),
        DType::I32 | DType::U32 => adder!(u32, u32::wrapping_add),
        _ => None,
    }
}

/// The bits of one real element as a word of the calling convention.
///
/// # Safety
/// `address` is that of an element of that type.
unsafe fn read_bits(address: *const u8, dtype: DType) -> u64 {
    use kjit_compiler::types::dtype::Kind;
    let mut bytes = [0_u8; 8];
    let size = dtype.size_bytes();
    // SAFETY: by the contract.
    unsafe { std::ptr::copy_nonoverlapping(address, bytes.as_mut_ptr(), size) };
    let bits = u64::from_le_bytes(bytes);
    if dtype.kind() == Kind::Signed {
        let shift = 64 - 8 * size as u32;
        ((bits as i64) << shift >> shift) as u64
    } else {
        bits
    }
}
