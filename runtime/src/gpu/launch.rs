//! What one launch is made of: arguments, shared memory, blocks, times.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kjit_compiler::ir::abi::ARRAY_HEAD_WORDS;
use kjit_compiler::ir::grid::{
    ErrorRecord, GridArray, GridLaunch, GridParam, GridShape, SHARED_LIMIT, Tiles,
};
use kjit_compiler::ir::ordered::Chunks;
use smallvec::SmallVec;

use super::engine::EngineGpu;
use super::error::GpuError;
use super::image::Arguments;
use super::loops::{LoadedLoop, RECORD_BYTES, Refused};
use super::residency::Use;
use super::stream::{Event, Stream};
use crate::exec::memory;

/// The record as a device wrote it.
pub(super) fn read_record(bytes: &[u8; RECORD_BYTES]) -> ErrorRecord {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    ErrorRecord {
        lock: word(0),
        code: word(4),
        iteration: long(8),
        block: word(16),
        thread: word(20),
        args: std::array::from_fn(|k| long(24 + 8 * k)),
    }
}

/// Dynamic shared memory of a launch: what it would like, or nothing.
pub(super) fn shared_memory(
    launch: &GridLaunch,
    code: &LoadedLoop,
    gpu: &EngineGpu,
    env: &[u64],
    trip: u64,
) -> u32 {
    let wanted = launch.shared_bytes.as_ref().map_or(0, |bytes| bytes.eval(env, trip));
    let fixed = u64::from(code.kernel.shared_bytes);
    match u64::try_from(wanted) {
        Ok(wanted)
            if wanted <= SHARED_LIMIT
                && fixed + wanted <= u64::from(gpu.device().info().shared_bytes).max(SHARED_LIMIT) =>
        {
            wanted as u32
        }
        _ => 0,
    }
}

/// Dynamic shared memory that a launch asks for. Beyond the usual size the driver has to be told.
///
/// # Errors
/// If the device has not as much.
pub(super) fn given_shared_memory(
    launch: &GridLaunch,
    code: &LoadedLoop,
    gpu: &EngineGpu,
    env: &[u64],
) -> Result<u32, GpuError> {
    let wanted = launch.shared_bytes.as_ref().map_or(0, |bytes| bytes.eval(env, 1));
    let (fixed, info) = (code.kernel.shared_bytes, gpu.device().info());
    let room = info.max_shared_bytes.saturating_sub(fixed);
    let Some(wanted) = u32::try_from(wanted).ok().filter(|&wanted| wanted <= room) else {
        return Err(GpuError::usage(format!(
            "{}: {wanted} bytes of dynamic shared memory were asked for; a block of GPU {} ({}) has {room}",
            code.name,
            gpu.device().number(),
            info.name
        )));
    };
    if wanted > code.allowed_shared.load(Ordering::Relaxed).max(info.shared_bytes.saturating_sub(fixed)) {
        code.kernel.allow_shared(wanted)?;
        code.allowed_shared.store(wanted, Ordering::Relaxed);
    }
    Ok(wanted)
}

/// A device's worth of blocks; that many times as many are too many to be worth starting each.
const MANY_ROUNDS: u32 = 16;

/// How many blocks run along x. Kernels stride over the grid: where there are many times more blocks than the device holds at once, only
/// as many as it holds are started, and each goes on with later iterations. Not where the number of blocks shows in results.
pub(super) fn resident_grid(
    launch: &GridLaunch,
    code: &LoadedLoop,
    gpu: &EngineGpu,
    [x, y, z]: [u32; 3],
    threads: [u32; 3],
    shared_bytes: u32,
) -> u32 {
    let is_free = matches!(launch.shape, GridShape::Mapped(_))
        && (launch.partial_bytes, launch.ordered.is_some(), y, z) == (0, false, 1, 1);
    let info = gpu.device().info();
    // A multiprocessor holds at least one.
    if !is_free || x < MANY_ROUNDS.saturating_mul(info.multiprocessors.max(1)) {
        return x;
    }
    let block = threads[0] * threads[1] * threads[2];
    let resident = *code.resident.get_or_init(|| {
        let blocks = code.kernel.resident_blocks(block, shared_bytes).unwrap_or(0);
        blocks.saturating_mul(info.multiprocessors)
    });
    // A driver that does not say is no reason to fail.
    if resident == 0 || x / MANY_ROUNDS < resident { x } else { resident }
}

/// # Safety
/// The words of the array are part of `env` and describe a valid array.
pub(super) unsafe fn array_use(array: &GridArray, env: &[u64]) -> Use {
    let first = array.env_word as usize;
    let words = env.get(first..first + ARRAY_HEAD_WORDS + 2 * array.rank()).unwrap_or_default();
    let owner = words.get(1).copied().unwrap_or(0);
    // SAFETY: an owner that is not 0 is the header of a live block.
    let block = (owner != 0).then(|| unsafe { memory::data_range(owner) });
    let range = array.host_range(env);
    // A view may also reach beyond its owner's block where its strides are foreign; then the block says nothing.
    let block =
        block.filter(|block| block.start <= range.start && range.end <= block.end && !range.is_empty());
    Use { words: words.into(), code: array.code, range, block }
}

/// What parameters are made of.
pub(super) struct Values<'a> {
    pub(super) env: &'a [u64],
    pub(super) trip: u64,
    pub(super) addresses: &'a [u64],
    pub(super) outputs: &'a [u64],
    /// Seed and epoch.
    pub(super) random: Option<(u64, u64)>,
    pub(super) blocks: u32,
    pub(super) shared_bytes: u32,
    pub(super) tiles: Tiles,
    pub(super) chunks: Chunks,
    /// Addresses of the copies of ordered arrays.
    pub(super) copies: SmallVec<[u64; 2]>,
    pub(super) record: u64,
    pub(super) partials: u64,
    pub(super) results: u64,
}

impl Values<'_> {
    /// The arguments for these parameters. Each takes a word: a kernel reads the low bytes of its size.
    pub(super) fn write(&self, params: &[GridParam], arguments: &mut Arguments) -> Result<(), Refused> {
        arguments.clear();
        let no_stream = || Refused::Reason("random numbers are drawn outside the main stream".to_owned());
        for param in params {
            arguments.push(match param {
                GridParam::Error => self.record,
                GridParam::Index(value) | GridParam::Int(value) => value.eval(self.env, self.trip) as u64,
                GridParam::Scalar { env_word, .. } => self.env.get(*env_word as usize).copied().unwrap_or(0),
                GridParam::Array(number) => self.addresses.get(*number as usize).copied().unwrap_or(0),
                GridParam::Partials => self.partials,
                GridParam::Blocks => u64::from(self.blocks),
                GridParam::Results => self.results,
                GridParam::Initial { output, .. } => self.outputs.get(*output as usize).copied().unwrap_or(0),
                GridParam::RandomSeed => self.random.ok_or_else(no_stream)?.0,
                GridParam::RandomEpoch => self.random.ok_or_else(no_stream)?.1,
                GridParam::SharedBytes => u64::from(self.shared_bytes),
                GridParam::Tiles => self.tiles.count,
                GridParam::AreTogether => u64::from(self.tiles.are_together),
                GridParam::Copies(number) => self.copies.get(*number as usize).copied().unwrap_or(0),
                GridParam::Chunks => u64::from(self.chunks.count),
                GridParam::ChunkSize => self.chunks.size,
                GridParam::ChunkRest => u64::from(self.chunks.rest),
            });
        }
        Ok(())
    }
}

/// Measures what runs on a stream, if that is wanted.
pub(super) struct Timer(Option<Event>);

impl Timer {
    pub(super) fn start(gpu: &EngineGpu, stream: &Stream) -> Result<Timer, GpuError> {
        if !gpu.measures {
            return Ok(Timer(None));
        }
        let event = Event::new(stream.device())?;
        event.record(stream)?;
        Ok(Timer(Some(event)))
    }

    pub(super) fn stop(self, stream: &Stream) -> Result<Duration, GpuError> {
        let Some(start) = self.0 else { return Ok(Duration::ZERO) };
        let end = Event::new(stream.device())?;
        end.record(stream)?;
        end.synchronize()?;
        Ok(Duration::from_secs_f64(f64::from(end.elapsed_ms(&start)?.max(0.0)) / 1e3))
    }
}
