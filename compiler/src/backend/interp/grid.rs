//! Launches of GPU kernels, without a GPU: the blocks of a grid one after the other, the threads of a block in turns.
//!
//! A thread runs until it waits for others (at a barrier, in a shuffle, in a vote) or ends. When all threads of a block that have not
//! ended wait at one barrier, or all lanes that a mask names wait in one statement, these go on. If nobody can go on, the threads
//! wait for each other in different places, which hangs on a GPU: here it is an error with both places. A thread that fails ends; the
//! others go on, and of several failures that of the lowest thread of the lowest block is reported, as by the error record of a GPU.

use rustc_hash::FxHashMap;

use super::machine::{Frame, Machine, Then, Word};
use super::memory::Array;
use super::{Divergence, Failure, Stop, internal};
use crate::base::{EntityRef, Span};
use crate::ir::eval;
use crate::ir::expr::BinaryOp;
use crate::ir::func::FuncId;
use crate::ir::parallel::ReduceOp;
use crate::ir::stmt::{LAUNCH_WORDS, Operand, Stmt, Target};
use crate::numerics::math::MathFn1;
use crate::types::DType;
use crate::types::device::{AtomicOp, DeviceFn, GridAxis, Shuffle, Vote};

/// Lanes of a warp, on every NVIDIA GPU so far.
const WARP: usize = 32;

/// Numbers of a launch.
#[derive(Clone, Copy, Debug)]
struct Shape {
    blocks: [u64; 3],
    threads: [u64; 3],
    shared_bytes: u64,
}

/// The thread that runs.
#[derive(Debug)]
pub(super) struct Here {
    shape: Shape,
    block: [u64; 3],
    thread: u64,
    /// Scratch memory by the statement that made it, and the thread, if each has its own.
    scratch: FxHashMap<(usize, Option<u64>), Array>,
    /// Dynamic shared memory: one for all arrays.
    dynamic: Option<Array>,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait<'p> {
    stmt: &'p Stmt,
    span: Span,
    function: DeviceFn,
    /// Evaluated operands: at most three.
    words: [u64; 3],
    results: &'p [Target],
}

/// Why a thread stopped running.
pub(super) enum Pause<'p> {
    /// It ended.
    Done(Vec<Word>),
    /// It waits.
    Wait(Wait<'p>),
}

struct Thread<'p> {
    /// What it goes on with; `None` once it has ended.
    frames: Option<(Frame<'p>, Vec<Frame<'p>>)>,
    wait: Option<Wait<'p>>,
}

impl<'p> Machine<'p, '_> {
    /// `Launch`.
    pub(super) fn launch(&mut self, kernel: FuncId, args: &'p [Operand]) -> Result<(), Stop> {
        let words = self.operands(args)?;
        let mut numbers = [0_i64; LAUNCH_WORDS];
        for (number, word) in numbers.iter_mut().zip(&words) {
            match word {
                Word::Scalar(word) => *number = *word as i64,
                Word::Array(_) => return internal("an array among the numbers of a launch"),
            }
        }
        let Some(shape) = shape(numbers) else {
            return internal(format!("a launch with the numbers {numbers:?}"));
        };
        let args = words.get(LAUNCH_WORDS..).unwrap_or_default();
        // The kernel's threads have frames of their own.
        let frame = self.new_frame(kernel);
        let host = std::mem::replace(&mut self.frame, frame);
        let callers = std::mem::take(&mut self.callers);
        let result = self.blocks(kernel, shape, args);
        self.frame = host;
        self.callers = callers;
        self.here = None;
        result
    }

    fn blocks(&mut self, kernel: FuncId, shape: Shape, args: &[Word]) -> Result<(), Stop> {
        let mut failure: Option<Stop> = None;
        let [across, down, deep] = shape.blocks;
        for z in 0..deep {
            for y in 0..down {
                for x in 0..across {
                    self.here = Some(Here {
                        shape,
                        block: [x, y, z],
                        thread: 0,
                        scratch: FxHashMap::default(),
                        dynamic: None,
                    });
                    let failed = self.block(kernel, shape, args)?;
                    if failure.is_none() {
                        failure = failed;
                    }
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// One block; the failure of its lowest thread that failed.
    fn block(&mut self, kernel: FuncId, shape: Shape, args: &[Word]) -> Result<Option<Stop>, Stop> {
        let count = shape.threads.iter().product::<u64>() as usize;
        let mut threads: Vec<Thread<'p>> = Vec::with_capacity(count);
        for _ in 0..count {
            self.frame = self.new_frame(kernel);
            self.bind_params(args)?;
            let next = self.new_frame(kernel);
            let frame = std::mem::replace(&mut self.frame, next);
            threads.push(Thread { frames: Some((frame, Vec::new())), wait: None });
        }
        let mut failure: Option<(usize, Stop)> = None;
        loop {
            for (number, thread) in threads.iter_mut().enumerate() {
                if thread.wait.is_some() {
                    continue;
                }
                let Some((frame, callers)) = thread.frames.take() else { continue };
                if let Some(here) = &mut self.here {
                    here.thread = number as u64;
                }
                (self.frame, self.callers) = (frame, callers);
                match self.go() {
                    Ok(Pause::Done(_)) => {}
                    Ok(Pause::Wait(wait)) => {
                        let next = self.new_frame(kernel);
                        let frame = std::mem::replace(&mut self.frame, next);
                        thread.frames = Some((frame, std::mem::take(&mut self.callers)));
                        thread.wait = Some(wait);
                    }
                    Err(stop) if matches!(*stop, Failure::Trap { .. }) => {
                        self.abandon()?;
                        if failure.as_ref().is_none_or(|(lowest, _)| number < *lowest) {
                            failure = Some((number, stop));
                        }
                    }
                    Err(stop) => return Err(stop),
                }
            }
            if threads.iter().all(|thread| thread.frames.is_none()) {
                break;
            }
            if !Self::meet_block(&mut threads) && !Self::meet_warps(&mut threads) {
                return Err(stuck(&threads));
            }
        }
        if let Some(here) = self.here.take() {
            for array in here.scratch.into_values().chain(here.dynamic) {
                self.memory.release(array.buffer)?;
            }
        }
        Ok(failure.map(|(_, stop)| stop))
    }

    /// Drops what the frames of a failed thread hold.
    fn abandon(&mut self) -> Result<(), Stop> {
        let callers = std::mem::take(&mut self.callers);
        for frame in callers.iter().chain([&self.frame]) {
            for array in frame.owned() {
                self.memory.release(array.buffer)?;
            }
        }
        Ok(())
    }

    /// Lets all threads go on if all that have not ended wait at one barrier of the block.
    fn meet_block(threads: &mut [Thread<'p>]) -> bool {
        let mut place: Option<&'p Stmt> = None;
        let (mut count, mut alive) = (0, 0);
        for thread in threads.iter().filter(|thread| thread.frames.is_some()) {
            let Some(wait) = &thread.wait else { return false };
            let is_block = matches!(
                wait.function,
                DeviceFn::SyncThreads
                    | DeviceFn::SyncThreadsCount
                    | DeviceFn::SyncThreadsAnd
                    | DeviceFn::SyncThreadsOr
            );
            if !is_block || place.is_some_and(|first| !std::ptr::eq(first, wait.stmt)) {
                return false;
            }
            place = Some(wait.stmt);
            alive += 1;
            count += u64::from(wait.words[0] != 0);
        }
        for thread in threads {
            let Some(wait) = thread.wait.take() else { continue };
            let value = match wait.function {
                DeviceFn::SyncThreadsCount => count,
                DeviceFn::SyncThreadsAnd => u64::from(count == alive),
                _ => u64::from(count > 0),
            };
            thread.resume(wait, value);
        }
        true
    }

    /// Lets the lanes of each warp go on that all wait in one statement with a mask that names just them.
    fn meet_warps(threads: &mut [Thread<'p>]) -> bool {
        let mut has_moved = false;
        for warp in threads.chunks_mut(WARP) {
            for lane in 0..warp.len() {
                let Some(wait) = warp[lane].wait else { continue };
                if !is_of_warp(wait.function) {
                    continue;
                }
                let mask = wait.words[0];
                let is_named = |k: usize| mask >> k & 1 == 1;
                let is_here = |thread: &Thread<'_>| {
                    thread.wait.is_some_and(|w| std::ptr::eq(w.stmt, wait.stmt) && w.words[0] == mask)
                };
                // Lanes that have ended, or that the last warp does not have, count as here, as on the hardware.
                let all = (0..warp.len())
                    .filter(|&k| is_named(k))
                    .all(|k| warp[k].frames.is_none() || is_here(&warp[k]));
                if !is_named(lane) || !all {
                    continue;
                }
                let lanes: Vec<Option<u64>> = warp
                    .iter()
                    .enumerate()
                    .map(|(k, thread)| thread.wait.filter(|_| is_named(k)).map(|w| w.words[1]))
                    .collect();
                for k in (0..warp.len()).filter(|&k| is_named(k)) {
                    let Some(wait) = warp[k].wait.take() else { continue };
                    let value = exchanged(&wait, &lanes, k);
                    warp[k].resume(wait, value);
                }
                has_moved = true;
            }
        }
        has_moved
    }

    /// `Device`; what the thread waits for, if it does.
    pub(super) fn device(&mut self, stmt: &'p Stmt) -> Result<Option<Wait<'p>>, Stop> {
        let Stmt::Device { function, args, results, span } = stmt else {
            return internal("a device function that is none");
        };
        let function = *function;
        let value = match function {
            DeviceFn::ThreadIdx(axis) => self.here()?.thread_at()[at(axis)],
            DeviceFn::BlockIdx(axis) => self.here()?.block[at(axis)],
            DeviceFn::BlockDim(axis) => self.here()?.shape.threads[at(axis)],
            DeviceFn::GridDim(axis) => self.here()?.shape.blocks[at(axis)],
            DeviceFn::Grid(axis) => {
                let (here, k) = (self.here()?, at(axis));
                here.block[k] * here.shape.threads[k] + here.thread_at()[k]
            }
            DeviceFn::GridSize(axis) => {
                let shape = self.here()?.shape;
                shape.blocks[at(axis)] * shape.threads[at(axis)]
            }
            DeviceFn::LaneId => self.here()?.thread % WARP as u64,
            DeviceFn::SharedArray | DeviceFn::LocalArray | DeviceFn::ConstArray => {
                let array = self.scratch(stmt, function, args, results)?;
                return self.bind_scratch(results, array).map(|()| None);
            }
            DeviceFn::Atomic(op) => self.atomic(op, args)?,
            // One thread runs at a time, in an order that all see.
            DeviceFn::Fence(_) => 0,
            // Threads run one by one: only this lane is surely here.
            DeviceFn::ActiveMask => 1 << (self.here()?.thread % WARP as u64),
            DeviceFn::Popc | DeviceFn::Brev | DeviceFn::Clz | DeviceFn::Ffs => {
                let (word, dtype) = self.scalar(args, 0)?;
                bits(function, word, dtype)
            }
            DeviceFn::Fma => {
                let ((a, dtype), (b, _), (c, _)) =
                    (self.scalar(args, 0)?, self.scalar(args, 1)?, self.scalar(args, 2)?);
                eval::fma(dtype, a, b, c)
            }
            DeviceFn::Rsqrt => {
                let (x, dtype) = self.scalar(args, 0)?;
                let one = if dtype == DType::F32 { u64::from(1.0_f32.to_bits()) } else { 1.0_f64.to_bits() };
                eval::binary(BinaryOp::Div, dtype, one, eval::math1(MathFn1::Sqrt, dtype, x))
            }
            DeviceFn::SyncThreads
            | DeviceFn::SyncThreadsCount
            | DeviceFn::SyncThreadsAnd
            | DeviceFn::SyncThreadsOr
            | DeviceFn::SyncWarp
            | DeviceFn::Shuffle(_)
            | DeviceFn::Vote(_) => {
                self.here()?;
                let mut words = [0; 3];
                for (k, word) in words.iter_mut().enumerate().take(args.len()) {
                    *word = self.scalar(args, k)?.0;
                }
                return Ok(Some(Wait { stmt, span: *span, function, words, results }));
            }
        };
        if let Some(Target::Local(local)) = results.first() {
            self.frame.locals[local.index()] = value;
        }
        Ok(None)
    }

    fn here(&self) -> Result<&Here, Stop> {
        match &self.here {
            Some(here) => Ok(here),
            None => internal("a device function outside a kernel"),
        }
    }

    fn scalar(&mut self, args: &[Operand], at: usize) -> Result<(u64, DType), Stop> {
        match args.get(at) {
            Some(Operand::Scalar(value)) => {
                let ty = self.frame.func.exprs[*value].ty;
                Ok((self.eval(*value)?, ty))
            }
            _ => internal("a device function without its number"),
        }
    }

    fn scratch(
        &mut self,
        stmt: &Stmt,
        function: DeviceFn,
        args: &[Operand],
        results: &[Target],
    ) -> Result<Array, Stop> {
        let here = self.here()?;
        let owner = (function == DeviceFn::LocalArray).then_some(here.thread);
        let key = (std::ptr::from_ref(stmt) as usize, owner);
        let (known, dynamic, shared_bytes) =
            (here.scratch.get(&key).copied(), here.dynamic, here.shape.shared_bytes);
        if let Some(array) = known {
            return Ok(array);
        }
        let Some(Target::Array(result)) = results.first() else {
            return internal("a scratch array for nothing");
        };
        let dtype = self.frame.func.arrays[*result].ty.dtype;
        let rank = usize::from(self.frame.func.arrays[*result].ty.rank);
        let mut shape = Vec::with_capacity(rank);
        for k in 0..rank {
            shape.push(self.scalar(args, k)?.0 as i64);
        }
        if function == DeviceFn::SharedArray && shape == [0] {
            let memory = match dynamic {
                Some(memory) => memory,
                None => {
                    let Some(memory) = self.allocate(&[shared_bytes as i64], DType::U8, false)? else {
                        return Err(Box::new(Failure::OutOfMemory));
                    };
                    self.here.iter_mut().for_each(|here| here.dynamic = Some(memory));
                    memory
                }
            };
            let extent = shared_bytes as i64 / dtype.size_bytes() as i64;
            return match Array::contiguous(memory.buffer, &[extent], dtype.size_bytes()) {
                Some(array) => Ok(array),
                None => internal("a dynamic array of too high a rank"),
            };
        }
        let Some(array) = self.allocate(&shape, dtype, false)? else {
            return Err(Box::new(Failure::OutOfMemory));
        };
        for k in rank..args.len() {
            let (value, wide) = self.scalar(args, k)?;
            let offset = array.offset + ((k - rank) * dtype.size_bytes()) as i64;
            self.memory.write(array.buffer, offset, dtype, eval::cast(wide, dtype, value))?;
        }
        self.here.iter_mut().for_each(|here| _ = here.scratch.insert(key, array));
        Ok(array)
    }

    fn bind_scratch(&mut self, results: &[Target], array: Array) -> Result<(), Stop> {
        match results.first() {
            Some(Target::Array(target)) => self.set_array(*target, array),
            _ => internal("a scratch array for nothing"),
        }
    }

    /// The element's value before.
    fn atomic(&mut self, op: AtomicOp, args: &[Operand]) -> Result<u64, Stop> {
        let Some(Operand::Array(id)) = args.first() else {
            return internal("an atomic operation on nothing");
        };
        let array = *self.array(*id)?;
        let dtype = self.frame.func.arrays[*id].ty.dtype;
        let rank = array.shape().len();
        let mut offset = array.offset;
        for axis in 0..rank {
            let (index, extent) = (self.scalar(args, 1 + axis)?.0 as i64, array.shape()[axis]);
            if !(0..extent).contains(&index) {
                return internal(format!("index {index} of {extent} in axis {axis} of an atomic operation"));
            }
            offset += index * array.strides()[axis];
        }
        let (value, wide) = self.scalar(args, 1 + rank)?;
        // As wide as the element, as on a GPU.
        let value = eval::cast(dtype, wide, eval::cast(wide, dtype, value));
        let (old, _) = self.memory.read(array.buffer, offset, dtype)?;
        let old = eval::cast(dtype, wide, old);
        let combined = |op: ReduceOp| op.combine(wide, old, value).0;
        let new = match op {
            AtomicOp::Add => combined(ReduceOp::Add),
            AtomicOp::Sub => eval::binary(BinaryOp::Sub, wide, old, value),
            AtomicOp::Min => combined(ReduceOp::Min),
            AtomicOp::Max => combined(ReduceOp::Max),
            AtomicOp::And => combined(ReduceOp::And),
            AtomicOp::Or => combined(ReduceOp::Or),
            AtomicOp::Xor => combined(ReduceOp::Xor),
            AtomicOp::Exch => value,
            AtomicOp::Cas => {
                // Elements are compared as they lie in memory.
                let narrowed = |word| eval::cast(wide, dtype, word);
                let wanted = self.scalar(args, 2 + rank)?.0;
                if narrowed(old) == narrowed(value) { wanted } else { old }
            }
        };
        self.memory.write(array.buffer, offset, dtype, eval::cast(wide, dtype, new))?;
        Ok(old)
    }
}

impl<'p> Thread<'p> {
    /// Gives the thread the result that it waited for.
    fn resume(&mut self, wait: Wait<'p>, value: u64) {
        if let (Some(Target::Local(local)), Some((frame, _))) = (wait.results.first(), &mut self.frames) {
            frame.locals[local.index()] = value;
        }
    }
}

impl Here {
    fn thread_at(&self) -> [u64; 3] {
        let [x, y, _] = self.shape.threads;
        [self.thread % x, self.thread / x % y, self.thread / (x * y)]
    }
}

fn at(axis: GridAxis) -> usize {
    match axis {
        GridAxis::X => 0,
        GridAxis::Y => 1,
        GridAxis::Z => 2,
    }
}

fn is_of_warp(function: DeviceFn) -> bool {
    matches!(function, DeviceFn::SyncWarp | DeviceFn::Shuffle(_) | DeviceFn::Vote(_))
}

/// The launch's shape. The program has checked that a device can have it; a grid without blocks does nothing.
fn shape(numbers: [i64; LAUNCH_WORDS]) -> Option<Shape> {
    let [bx, by, bz, tx, ty, tz, shared] = numbers.map(|number| u64::try_from(number).ok());
    Some(Shape { blocks: [bx?, by?, bz?], threads: [tx?, ty?, tz?], shared_bytes: shared? })
}

/// What a lane gets from a vote or a shuffle. `lanes` holds the values of those that take part.
fn exchanged(wait: &Wait<'_>, lanes: &[Option<u64>], lane: usize) -> u64 {
    match wait.function {
        DeviceFn::Vote(vote) => {
            let mut values = lanes.iter().flatten();
            match vote {
                Vote::All => u64::from(values.all(|&value| value != 0)),
                Vote::Any => u64::from(values.any(|&value| value != 0)),
                Vote::Eq => u64::from(values.all(|&value| value == wait.words[1])),
                Vote::Ballot => lanes
                    .iter()
                    .enumerate()
                    .filter(|(_, value)| value.is_some_and(|value| value != 0))
                    .fold(0, |ballot, (k, _)| ballot | 1 << k),
            }
        }
        DeviceFn::Shuffle(shuffle) => {
            let distance = wait.words[2] as i64;
            let lane = lane as i64;
            let source = match shuffle {
                Shuffle::Idx => distance.rem_euclid(WARP as i64),
                Shuffle::Up => lane - distance,
                Shuffle::Down => lane + distance,
                Shuffle::Xor => lane ^ distance,
            };
            // A lane that is not there leaves the value as it is.
            let found = usize::try_from(source).ok().and_then(|source| lanes.get(source).copied().flatten());
            found.unwrap_or(wait.words[1])
        }
        _ => 0,
    }
}

fn bits(function: DeviceFn, word: u64, dtype: DType) -> u64 {
    let is_long = dtype.size_bytes() == 8;
    let short = word as u32;
    match function {
        DeviceFn::Popc => u64::from(if is_long { word.count_ones() } else { short.count_ones() }),
        DeviceFn::Brev if is_long => word.reverse_bits(),
        DeviceFn::Brev => u64::from(short.reverse_bits()),
        DeviceFn::Clz => u64::from(if is_long { word.leading_zeros() } else { short.leading_zeros() }),
        _ if is_long => {
            if word == 0 {
                0
            } else {
                u64::from(word.trailing_zeros()) + 1
            }
        }
        _ => {
            if short == 0 {
                0
            } else {
                u64::from(short.trailing_zeros()) + 1
            }
        }
    }
}

/// Nobody can go on.
fn stuck(threads: &[Thread<'_>]) -> Stop {
    let mut waiting = threads.iter().enumerate().filter_map(|(number, thread)| Some((number, thread.wait?)));
    let name = |wait: &Wait<'_>| format!("`cuda.{}`", wait.function.name());
    let Some((first, wait)) = waiting.next() else {
        return Box::new(Failure::Internal("no thread of the block can go on, and none waits".into()));
    };
    let other = waiting.find(|(_, other)| !std::ptr::eq(other.stmt, wait.stmt));
    Box::new(Failure::Divergence(Divergence {
        text: match other {
            Some((second, other)) if other.function == wait.function => {
                format!("threads {first} and {second} of a block wait at different calls of {}", name(&wait))
            }
            Some((second, other)) => format!(
                "thread {first} of a block waits at {} and thread {second} at {}",
                name(&wait),
                name(&other)
            ),
            None => format!("thread {first} waits in {} for lanes that do not come there", name(&wait)),
        },
        span: wait.span,
        other: other.map(|(_, other)| other.span),
    }))
}

impl<'p> Machine<'p, '_> {
    fn new_frame(&self, func: FuncId) -> Frame<'p> {
        Frame::new(self.program, self.codes, func, Then::Leave)
    }
}
