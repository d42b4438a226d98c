//! Parallel loops on a GPU: what [`kjit_compiler::ir::grid`] describes, carried out.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use kjit_compiler::ir::Artifact;
use kjit_compiler::ir::abi::status;
use kjit_compiler::ir::grid::{
    ErrorRecord, Geometry, GridArray, GridLaunch, GridLoop, GridProgram, GridVariant,
};
use smallvec::SmallVec;

use super::engine::EngineGpu;
use super::error::GpuError;
use super::image::{Arguments, GpuKernel, LaunchShape};
use super::images::{self, DeviceSource};
use super::launch::{
    Timer, Values, array_use, given_shared_memory, read_record, resident_grid, shared_memory,
};
use super::memory::DeviceBuffer;
use super::residency::{Copier, Residency, Use};
use super::stream::{Event, Stream};
use crate::cache::Cache;
use crate::error::{DevicePlace, Error};
use crate::exec::context::Context;
use crate::exec::events::Mark;
use crate::module::SourceText;

/// After so many kernels that can fail the host looks whether one has.
const RECORDS: usize = 64;
pub(super) const RECORD_BYTES: usize = size_of::<ErrorRecord>();
/// Threads without which a loop with ordered arrays is sooner done on the processor.
const BUSY_THREADS: u64 = 2048;

/// The device code of an artifact, by variant: loaded when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct GridCode {
    variants: [OnceLock<Result<Arc<LoadedProgram>, Error>>; GridVariant::ALL.len()],
}

/// One variant, on the device.
#[derive(Debug)]
struct LoadedProgram {
    /// By number of the loop.
    loops: Vec<Option<LoadedLoop>>,
}

#[derive(Debug)]
pub(super) struct LoadedLoop {
    pub(super) kernel: GpuKernel,
    finish: Option<GpuKernel>,
    /// Of a loop with ordered arrays: the kernels before and after.
    steps: Option<[GpuKernel; 2]>,
    /// Its name and the place of its loop.
    pub(super) name: Arc<str>,
    /// Dynamic shared memory that the driver was told of, where it is more than the usual one.
    pub(super) allowed_shared: AtomicU32,
    /// Blocks that the device holds at once; asked for when a launch has many.
    pub(super) resident: OnceLock<u32>,
}

impl GridCode {
    /// Loads or compiles the variant that is nearly always the one, so that mistakes show before the first call.
    ///
    /// # Errors
    /// If that fails and the device is not optional.
    pub(crate) fn prepare(
        &self,
        gpu: &EngineGpu,
        cache: Option<&Cache>,
        artifact: &Artifact,
        source: &SourceText,
    ) -> Result<(), Error> {
        let has_kernels = artifact
            .grid
            .as_ref()
            .is_some_and(|grid| grid.loops.iter().any(|one| matches!(one, GridLoop::Mapped(_))));
        if !has_kernels || gpu.is_given_up() {
            return Ok(());
        }
        let loaded = self.program(GridVariant::default(), gpu, cache, artifact, source);
        loaded.map_or_else(|error| gpu.give_up(error), |_| Ok(()))
    }

    fn program(
        &self,
        variant: GridVariant,
        gpu: &EngineGpu,
        cache: Option<&Cache>,
        artifact: &Artifact,
        source: &SourceText,
    ) -> Result<Arc<LoadedProgram>, Error> {
        let at = GridVariant::ALL.iter().position(|&known| known == variant).unwrap_or(0);
        let load = || {
            let grid =
                artifact.grid.as_ref().ok_or_else(|| Error::Internal("no code for a device".into()))?;
            load(grid, variant, gpu, cache, source).map(Arc::new)
        };
        self.variants[at].get_or_init(load).clone()
    }
}

fn load(
    grid: &GridProgram,
    variant: GridVariant,
    gpu: &EngineGpu,
    cache: Option<&Cache>,
    source: &SourceText,
) -> Result<LoadedProgram, Error> {
    let code = DeviceSource { text: &grid.source, options: &grid.options, variant, name: &source.name };
    let (image, _) = images::load(gpu.device(), cache, &code)?;
    let load = |launch: &GridLaunch| -> Result<LoadedLoop, Error> {
        let (line, _) = launch.span.line_column(&source.text);
        Ok(LoadedLoop {
            kernel: image.kernel(&launch.kernel)?,
            finish: launch.finish.as_ref().map(|finish| image.kernel(&finish.kernel)).transpose()?,
            name: format!("{} ({}:{line})", launch.kernel, source.name).into(),
            steps: match &launch.ordered {
                Some(ordered) => {
                    Some([image.kernel(&ordered.begin.kernel)?, image.kernel(&ordered.finish.kernel)?])
                }
                None => None,
            },
            allowed_shared: AtomicU32::new(0),
            resident: OnceLock::new(),
        })
    };
    let loops = grid.loops.iter().map(|one| match one {
        GridLoop::Mapped(launch) => load(launch).map(Some),
        GridLoop::Host { .. } => Ok(None),
    });
    Ok(LoadedProgram { loops: loops.collect::<Result<_, Error>>()? })
}

/// The device in one call of a kernel.
#[derive(Debug, Default)]
pub(crate) struct GpuCall {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Made with the first launch.
    stream: Option<Stream>,
    residency: Residency,
    arguments: Arguments,
    /// Where kernels leave what failed: one record for each that was started since the host last looked.
    records: Option<DeviceBuffer>,
    /// How many records may have something new.
    unread: usize,
    /// The shapes of their launches.
    shapes: Vec<LaunchShape>,
    /// Status of a failure that was found; the call ends with it.
    failed: i32,
    /// What ended the call.
    error: Option<Error>,
}

/// A loop as generated code calls it.
#[derive(Clone, Copy)]
pub(crate) struct LoopCall<'a> {
    pub(crate) number: u32,
    pub(crate) env: &'a [u64],
    pub(crate) trip: u64,
    pub(crate) cost_ns: f64,
    /// Do captures share memory that must not?
    pub(crate) shares_memory: bool,
    /// Is it a kernel that the user launches? The processor has no code for it.
    pub(crate) is_launch: bool,
}

/// Why a loop did not run on the device.
pub(super) enum Refused {
    /// It is not meant to, or not worth it.
    Reason(String),
    /// Before it was started: its arrays are as they were.
    Failed(Error),
    /// After it was started: its arrays may be partly changed.
    Started(Error),
}

impl Refused {
    /// What it means once a kernel was started.
    fn after_start(self) -> Refused {
        match self {
            Refused::Reason(reason) => Refused::Started(Error::Internal(reason)),
            Refused::Failed(error) | Refused::Started(error) => Refused::Started(error),
        }
    }
}

fn started(error: GpuError) -> Refused {
    Refused::Started(error.into())
}

impl From<GpuError> for Refused {
    fn from(error: GpuError) -> Refused {
        Refused::Failed(error.into())
    }
}

impl GpuCall {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a loop on the device; its status. `None` if it is to run on the processor: then everything that it uses is there.
    ///
    /// # Safety
    /// `call` is a loop of the context's artifact with its captures; arrays among them are valid, and those that are
    /// written are the caller's alone. `outputs` has one word per output.
    pub(crate) unsafe fn run(
        &self,
        ctx: &mut Context,
        call: LoopCall<'_>,
        outputs: &mut [u64],
    ) -> Option<i32> {
        // SAFETY: see `Context::shared`; the borrow must not tie up `ctx`.
        let shared = unsafe { &*ctx.call };
        let (engine, native) = (shared.engine, shared.native);
        let (gpu, grid) = (engine.gpu.as_ref()?, native.artifact.grid.as_ref()?);
        let mapping = grid.loops.get(call.number as usize)?;
        if engine.is_interrupted() {
            return Some(status::INTERRUPTED);
        }
        let mut state = self.state();
        let (arrays, refused) = match mapping {
            GridLoop::Host { reason, arrays } => (arrays, Refused::Reason(reason.clone())),
            GridLoop::Mapped(launch) => {
                // SAFETY: passed on.
                match unsafe { state.launch(ctx, gpu, launch, call, outputs, grid.tells_host_access) } {
                    Ok(result) if grid.tells_host_access || result != 0 => return Some(result),
                    Ok(_) => {
                        // SAFETY: passed on.
                        let given = unsafe { state.give_back(gpu) };
                        return Some(given.map_or_else(|error| state.fail(error.into()), |()| 0));
                    }
                    Err(refused) => (&launch.arrays, refused),
                }
            }
        };
        match refused {
            Refused::Reason(reason) if call.is_launch => {
                let text = format!("a kernel cannot be launched: {reason}");
                return Some(state.fail(GpuError::usage(text).into()));
            }
            Refused::Failed(error) if call.is_launch => return Some(state.fail(error)),
            Refused::Reason(reason) => gpu.note(|report| report.add_on_processor(&reason)),
            Refused::Started(error) => return Some(state.fail(error)),
            Refused::Failed(error) => {
                if let Err(error) = gpu.give_up(error) {
                    return Some(state.fail(error));
                }
            }
        }
        // What comes after a loop that failed does not happen.
        let before = state.settled(ctx, gpu);
        if before != 0 {
            return Some(before);
        }
        // A loop whose arrays are not known may use any.
        let is_unknown = arrays.is_empty() && matches!(mapping, GridLoop::Host { .. });
        // SAFETY: passed on.
        let ready =
            unsafe { if is_unknown { state.give_back(gpu) } else { state.host_uses(gpu, arrays, call.env) } };
        match ready {
            Ok(()) => None,
            Err(error) => Some(state.fail(error.into())),
        }
    }

    /// Status of the loops so far: not 0 if one has failed that nobody has waited for. For what must not happen then.
    pub(crate) fn settle(&self, ctx: &mut Context, gpu: &EngineGpu) -> i32 {
        self.state().settled(ctx, gpu)
    }

    /// The host touches elements of an array: [`kjit_compiler::ir::RuntimeFn::HostAccess`].
    ///
    /// # Safety
    /// The words are those of a valid array of that code, which is the caller's alone if it is written.
    pub(crate) unsafe fn host_access(
        &self,
        ctx: &mut Context,
        gpu: &EngineGpu,
        words: &[u64],
        code: u32,
        is_write: bool,
    ) -> i32 {
        let array = GridArray { env_word: 0, code, is_read: true, is_written: is_write, accumulates: None };
        let mut state = self.state();
        let before = state.settled(ctx, gpu);
        if before != 0 {
            return before;
        }
        // SAFETY: passed on.
        let used = unsafe { state.host_uses(gpu, &[array], words) };
        used.map_or_else(|error| state.fail(error.into()), |()| 0)
    }

    /// `event.record()`: the moment when all that was started so far is done. Where the device is not used any more, now.
    ///
    /// # Errors
    /// The status that ends the call.
    pub(crate) fn record(&self, gpu: &EngineGpu) -> Result<Mark, i32> {
        if gpu.is_given_up() {
            return Ok(Mark::Host(std::time::Instant::now()));
        }
        let mut state = self.state();
        let record = |state: &mut State| {
            let stream = state.stream(gpu)?;
            let event = Event::new(gpu.device())?;
            event.record(&stream)?;
            Ok(Mark::Device(event))
        };
        record(&mut state).map_err(|error: GpuError| state.fail(error.into()))
    }

    /// Keeps what ended the call, and returns the status that says so.
    pub(crate) fn fail(&self, error: Error) -> i32 {
        self.state().fail(error)
    }

    /// A block was made: first byte of its data and one past the last.
    pub(crate) fn note_new(&self, range: std::ops::Range<u64>, is_zeroed: bool) {
        self.state().residency.note_new(range, is_zeroed);
    }

    /// A block is about to be freed.
    pub(crate) fn forget(&self, range: &std::ops::Range<u64>) {
        self.state().residency.forget(range);
    }

    /// The end of the call: the host has everything again. The status of loops that nobody has waited for.
    ///
    /// # Safety
    /// All memory that loops of the call used and that was not forgotten is valid.
    pub(crate) unsafe fn finish(&self, ctx: &mut Context, gpu: &EngineGpu) -> i32 {
        let mut state = self.state();
        let status = state.settled(ctx, gpu);
        if gpu.device().lost().is_some() {
            state.residency.clear();
        }
        // SAFETY: by the contract.
        match unsafe { state.give_back(gpu) } {
            Err(error) if status == 0 => state.fail(error.into()),
            _ => status,
        }
    }

    /// What ended the call, if the device did.
    pub(crate) fn take_error(&self) -> Option<Error> {
        self.state().error.take()
    }
}

impl State {
    /// Keeps the error and returns the status that says so.
    fn fail(&mut self, error: Error) -> i32 {
        self.error = Some(error);
        status::DEVICE
    }

    fn stream(&mut self, gpu: &EngineGpu) -> Result<Stream, GpuError> {
        if self.stream.is_none() {
            self.stream = Some(gpu.device().stream()?);
        }
        self.stream.clone().ok_or_else(|| GpuError::usage("no stream"))
    }

    /// # Safety
    /// As [`GpuCall::finish`].
    unsafe fn give_back(&mut self, gpu: &EngineGpu) -> Result<(), GpuError> {
        // Without a stream nothing was started.
        let Some(stream) = self.stream.clone() else { return Ok(()) };
        // SAFETY: passed on.
        unsafe { self.residency.give_back(Copier { stream: &stream, gpu }) }
    }

    /// The host is about to use arrays of a loop.
    ///
    /// # Safety
    /// As [`GpuCall::run`].
    unsafe fn host_uses(
        &mut self,
        gpu: &EngineGpu,
        arrays: &[GridArray],
        env: &[u64],
    ) -> Result<(), GpuError> {
        let Some(stream) = self.stream.clone() else {
            // Nothing was started: only what is new is known.
            for array in arrays.iter().filter(|array| array.is_changed()) {
                self.residency.touch(&array.host_range(env));
            }
            return Ok(());
        };
        for array in arrays {
            let range = array.host_range(env);
            let copier = Copier { stream: &stream, gpu };
            // SAFETY: passed on.
            unsafe { self.residency.host_access(copier, &range, array.is_changed())? };
        }
        Ok(())
    }

    /// # Safety
    /// As [`GpuCall::run`].
    unsafe fn launch(
        &mut self,
        ctx: &mut Context,
        gpu: &EngineGpu,
        launch: &GridLaunch,
        call: LoopCall<'_>,
        outputs: &mut [u64],
        tells_host_access: bool,
    ) -> Result<i32, Refused> {
        let LoopCall { env, trip, .. } = call;
        let refuse = |reason: &str| Refused::Reason(reason.to_owned());
        if self.failed != 0 {
            return Ok(self.failed);
        }
        if gpu.is_given_up() {
            return Err(refuse("the device is not used any more"));
        }
        if call.shares_memory || !launch.is_launchable(env, trip) {
            return Err(refuse("its arrays share memory or lie askew"));
        }
        // SAFETY: see `Context::shared`.
        let shared = unsafe { &*ctx.call };
        // SAFETY: passed on.
        let uses: SmallVec<[Use; 6]> =
            launch.arrays.iter().map(|array| unsafe { array_use(array, env) }).collect();
        let missing: u64 = uses.iter().map(|array| self.residency.missing_bytes(array)).sum();
        let host_ns = trip as f64 * call.cost_ns.max(0.0) / shared.engine.threads() as f64;
        if !gpu.is_worth(Duration::from_nanos(host_ns as u64), missing) {
            return Err(refuse("it is sooner done on the processor"));
        }
        let (tiles, chunks) = (launch.tiles(env, trip), launch.chunks(env, trip, call.cost_ns));
        if let Some(ordered) = &launch.ordered {
            if trip == 0 {
                return Ok(0);
            }
            let busy = u64::try_from(ordered.busy.eval(env, trip)).unwrap_or(0);
            if gpu.is_optional() && busy.saturating_mul(u64::from(chunks.count)) < BUSY_THREADS {
                return Err(refuse("it has too little to do at once, and is sooner done on the processor"));
            }
        }
        let Some(Geometry { blocks: [x, y, z], threads }) = launch.geometry(env, trip, tiles, chunks) else {
            return Ok(0);
        };
        let random = ctx.rare().random.loop_scope();
        let Some(grid) = &shared.native.grid else { return Err(refuse("there is no code for a device")) };
        let variant = launch.variant(env, trip);
        let cache = shared.engine.cache.as_ref();
        let program = grid
            .program(variant, gpu, cache, &shared.native.artifact, shared.source)
            .map_err(Refused::Failed)?;
        let Some(code) = program.loops.get(call.number as usize).and_then(Option::as_ref) else {
            return Err(refuse("there is no code for a device"));
        };
        let stream = self.stream(gpu)?;
        let copier = Copier { stream: &stream, gpu };
        // SAFETY: passed on: arrays are valid, and nobody else writes to them.
        let addresses = unsafe { self.place(copier, &uses) }?;
        let partials = match launch.partial_bytes {
            0 => None,
            bytes => Some(DeviceBuffer::new(&stream, x as usize * y as usize * bytes as usize)?),
        };
        let results = match launch.outputs.len() {
            0 => None,
            words => Some(DeviceBuffer::new(&stream, 8 * words)?),
        };
        let copies = match &launch.ordered {
            Some(ordered) => ordered
                .arrays
                .iter()
                .map(|&array| {
                    let array = launch.arrays.get(array as usize).copied();
                    let bytes =
                        array.map_or(0, |array| array.element_count(env) * array.dtype().size_bytes() as u64);
                    DeviceBuffer::new(&stream, (bytes * u64::from(chunks.count)).max(8) as usize)
                })
                .collect::<Result<SmallVec<[DeviceBuffer; 2]>, GpuError>>()?,
            None => SmallVec::new(),
        };
        if launch.can_fail && self.records.is_none() {
            let records = DeviceBuffer::new(&stream, RECORDS * RECORD_BYTES)?;
            // SAFETY: the buffer has that size.
            unsafe { stream.fill(records.pointer(), 0, records.bytes())? };
            self.records = Some(records);
        }
        if self.unread == RECORDS {
            let before = self.settle(ctx, gpu).map_err(started)?;
            if before != 0 {
                return Ok(before);
            }
        }
        let record = self
            .records
            .as_ref()
            .map_or(0, |records| records.pointer() + (self.unread * RECORD_BYTES) as u64);
        let shared_bytes = match call.is_launch {
            true => given_shared_memory(launch, code, gpu, env)?,
            false => shared_memory(launch, code, gpu, env, trip),
        };
        let values = Values {
            env,
            trip,
            addresses: &addresses,
            outputs,
            random,
            blocks: x.saturating_mul(y).saturating_mul(z),
            shared_bytes,
            tiles,
            chunks,
            copies: copies.iter().map(DeviceBuffer::pointer).collect(),
            record,
            partials: partials.as_ref().map_or(0, DeviceBuffer::pointer),
            results: results.as_ref().map_or(0, DeviceBuffer::pointer),
        };
        let timer = Timer::start(gpu, &stream)?;
        let x = resident_grid(launch, code, gpu, [x, y, z], threads, shared_bytes);
        let shape = LaunchShape { grid: [x, y, z], block: threads, shared_bytes };
        let steps = launch.ordered.as_ref().zip(code.steps.as_ref());
        let is_begun = steps.is_some();
        if let Some((ordered, [begin, _])) = steps {
            let blocks = ordered.begin.blocks(env, trip);
            let shape = LaunchShape {
                grid: [blocks, chunks.count, 1],
                block: [ordered.begin.threads, 1, 1],
                shared_bytes: 0,
            };
            values.write(&ordered.begin.params, &mut self.arguments)?;
            // SAFETY: as below.
            unsafe { begin.launch(&stream, shape, &mut self.arguments, &code.name)? };
        }
        values.write(&launch.params, &mut self.arguments)?;
        // SAFETY: the arguments are those that the back end declared for the kernel; addresses among them are those of buffers
        // that live until the stream is waited for, or wait for their next use on the same stream.
        unsafe { code.kernel.launch(&stream, shape, &mut self.arguments, &code.name)? };
        if launch.can_fail {
            self.unread += 1;
            self.shapes.push(shape);
        }
        for (array, used) in launch.arrays.iter().zip(&uses) {
            if array.is_changed() {
                self.residency.mark_changed(used);
            }
        }
        if let Some((ordered, [_, finish])) = steps {
            let blocks = ordered.finish.blocks(env, trip);
            let shape =
                LaunchShape { grid: [blocks, 1, 1], block: [ordered.finish.threads, 1, 1], shared_bytes: 0 };
            values.write(&ordered.finish.params, &mut self.arguments).map_err(Refused::after_start)?;
            // SAFETY: as above.
            unsafe { finish.launch(&stream, shape, &mut self.arguments, &code.name) }.map_err(started)?;
        }
        if let (Some(finish), Some(kernel)) = (&launch.finish, &code.finish) {
            values.write(&finish.params, &mut self.arguments).map_err(Refused::after_start)?;
            let shape = LaunchShape { grid: [1, 1, 1], block: [finish.threads, 1, 1], shared_bytes: 0 };
            // SAFETY: as above.
            unsafe { kernel.launch(&stream, shape, &mut self.arguments, &code.name) }.map_err(started)?;
        }
        let time = timer.stop(&stream).map_err(started)?;
        gpu.note(|report| {
            report.add_launch(&code.name, time);
            report.launches += u64::from(code.finish.is_some()) + 2 * u64::from(is_begun);
        });
        // A host that asks for nothing does not wait.
        let waits = results.is_some() || !tells_host_access;
        let code = if waits { self.settle(ctx, gpu).map_err(started)? } else { 0 };
        if code == 0
            && let Some(results) = &results
        {
            let mut bytes = vec![0_u8; results.bytes()];
            results.read(0, &mut bytes).map_err(started)?;
            let (words, _) = bytes.as_chunks::<8>();
            for (output, word) in outputs.iter_mut().zip(words) {
                *output = u64::from_le_bytes(*word);
            }
        }
        Ok(code)
    }

    /// Puts the arrays on the device; their addresses.
    ///
    /// # Safety
    /// As [`GpuCall::run`].
    unsafe fn place(&mut self, copier: Copier<'_>, uses: &[Use]) -> Result<SmallVec<[u64; 6]>, Refused> {
        // All places first: arrays that share memory share one, which moves what was there.
        for array in uses {
            // SAFETY: passed on.
            unsafe { self.residency.reserve(copier, array)? };
        }
        let mut addresses = SmallVec::new();
        for array in uses {
            // SAFETY: passed on.
            addresses.push(unsafe { self.residency.address(copier, array)? });
        }
        Ok(addresses)
    }

    /// Waits for kernels that can fail and reads what they left: the status of the first that failed, in the order in which they
    /// were started, with the trap's arguments in the context.
    fn settle(&mut self, ctx: &mut Context, gpu: &EngineGpu) -> Result<i32, GpuError> {
        let (Some(buffer), 1..) = (&mut self.records, self.unread) else { return Ok(self.failed) };
        let mut bytes = vec![0_u8; self.unread * RECORD_BYTES];
        self.unread = 0;
        let shapes = std::mem::take(&mut self.shapes);
        buffer.read(0, &mut bytes)?;
        let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
        let mut found = records.iter().map(read_record).zip(&shapes).filter(|(record, _)| record.code != 0);
        let Some((record, shape)) = found.next() else { return Ok(self.failed) };
        bytes.fill(0);
        buffer.write(0, &bytes)?;
        if self.failed != 0 {
            return Ok(self.failed);
        }
        ctx.trap_args = record.args;
        let device = gpu.device().number();
        let place = DevicePlace::new(device, [record.block, record.thread], shape.grid, shape.block);
        ctx.rare().device_place = Some(Box::new(place));
        self.failed = i32::try_from(record.code).unwrap_or(status::SERVICE);
        Ok(self.failed)
    }

    /// The same where only a status can be returned.
    fn settled(&mut self, ctx: &mut Context, gpu: &EngineGpu) -> i32 {
        self.settle(ctx, gpu).unwrap_or_else(|error| self.fail(error.into()))
    }
}
