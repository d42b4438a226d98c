//! The services of [`RuntimeFn`] and the print hook, as generated code calls them.

use kjit_compiler::ir::RuntimeFn;
use kjit_compiler::ir::abi::status;
use kjit_compiler::ir::abi::{array_words, dtype_from_code};
use kjit_compiler::ir::trap::{Message, Piece, format_message};
use kjit_compiler::numerics::math::MathFn1;
use kjit_compiler::numerics::random::{BitSource, PCG64_WORDS, Pcg64, generator};
use kjit_compiler::numerics::{complex, float};

use super::context::Context;
use super::events::Mark;
use crate::hooks::array_from_words;

/// Words of the generator that is the first operand of some services.
const GENERATOR_WORDS: usize = array_words(1);

/// `extern "C" fn(ctx, args, results) -> status`.
type Service = extern "C" fn(*mut Context, *const u64, *mut u64) -> i32;

/// Operands and results of one service call.
struct Call<'a> {
    ctx: &'a mut Context,
    args: *const u64,
    results: *mut u64,
}

impl Call<'_> {
    fn word(&self, k: usize) -> u64 {
        // SAFETY: generated code passes as many words as the service's row says.
        unsafe { *self.args.add(k) }
    }

    fn int(&self, k: usize) -> i64 {
        self.word(k) as i64
    }

    fn f64(&self, k: usize) -> f64 {
        f64::from_bits(self.word(k))
    }

    fn set(&mut self, k: usize, word: u64) -> i32 {
        // SAFETY: as for the operands.
        unsafe { *self.results.add(k) = word };
        0
    }

    fn set_f64(&mut self, k: usize, x: f64) -> i32 {
        self.set(k, x.to_bits())
    }

    fn set_complex(&mut self, (re, im): (f64, f64)) -> i32 {
        self.set_f64(0, re);
        self.set_f64(1, im)
    }

    /// Draws from the generator that is the first operand.
    fn draw<T>(&mut self, draw: impl FnOnce(&mut Pcg64) -> T) -> T {
        let words = self.generator();
        let mut source = Pcg64::from_words(words);
        let value = draw(&mut source);
        *words = source.to_words();
        value
    }

    /// The state of a generator, which is always the first operand: `u64[::1]`.
    fn generator(&mut self) -> &mut [u64; PCG64_WORDS] {
        // SAFETY: lowering makes generators as contiguous arrays of that length, used by one iteration at a time.
        unsafe { &mut *(self.word(0) as *mut [u64; PCG64_WORDS]) }
    }

    fn fail(&mut self, text: impl Into<String>) -> i32 {
        self.ctx.fail(text);
        status::SERVICE
    }
}

/// Wraps a service: no panic unwinds into generated code.
fn guarded(
    ctx: *mut Context,
    args: *const u64,
    results: *mut u64,
    service: impl FnOnce(&mut Call<'_>) -> i32,
) -> i32 {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: generated code passes its own context, which no one else uses meanwhile.
        service(&mut Call { ctx: unsafe { &mut *ctx }, args, results })
    }))
    .unwrap_or(status::SERVICE)
}

macro_rules! services {
    ({ $($direct:ident = $address:expr;)* } $($variant:ident => |$call:ident| $body:block)*) => {
        /// Address of a service's entry.
        pub(super) fn entry(function: RuntimeFn) -> usize {
            match function {
                $(RuntimeFn::$direct => $address as usize,)*
                $(RuntimeFn::$variant => {
                    extern "C" fn service(ctx: *mut Context, args: *const u64, results: *mut u64) -> i32 {
                        guarded(ctx, args, results, |$call| $body)
                    }
                    service as Service as usize
                })*
            }
        }
    };
}

// Draws: numbers in registers, nothing that can fail.

extern "C" fn random_f64(ctx: *mut Context) -> f64 {
    // SAFETY: generated code passes its own context, which no one else uses meanwhile.
    unsafe { (*ctx).rare().random.random() }
}

extern "C" fn random_iteration(ctx: *mut Context, key: u64, iteration: i64) {
    // SAFETY: as above.
    unsafe { (*ctx).rare().random.begin_iteration(key, iteration) }
}

extern "C" fn generator_f64(_ctx: *mut Context, state: *mut [u64; PCG64_WORDS]) -> f64 {
    // SAFETY: lowering makes generators as contiguous arrays of that length, used by one iteration at a time.
    let words = unsafe { &mut *state };
    let mut source = Pcg64::from_words(words);
    let value = source.next_f64();
    *words = source.to_words();
    value
}

services! {
    {
        RandomF64 = random_f64 as extern "C" fn(*mut Context) -> f64;
        RandomIteration = random_iteration as extern "C" fn(*mut Context, u64, i64);
        GeneratorF64 = generator_f64 as extern "C" fn(*mut Context, *mut [u64; PCG64_WORDS]) -> f64;
    }
    RandomSeed => |call| {
        let seed = call.int(0);
        call.ctx.rare().random.seed(seed);
        0
    }
    RandomUniform => |call| {
        let (a, b) = (call.f64(0), call.f64(1));
        let x = call.ctx.rare().random.uniform(a, b);
        call.set_f64(0, x)
    }
    RandomNormal => |call| {
        let (a, b) = (call.f64(0), call.f64(1));
        let x = call.ctx.rare().random.normal(a, b);
        call.set_f64(0, x)
    }
    RandomInt => |call| {
        let (low, high) = (call.int(0), call.int(1));
        if low >= high {
            return call.fail(format!("{low} >= {high}"));
        }
        let x = call.ctx.rare().random.randint(low, high);
        call.set(0, x as u64)
    }
    RandomStream => |call| {
        let key = call.word(0);
        for (k, word) in call.ctx.rare().random.stream(key).into_iter().enumerate() {
            call.set(k, word);
        }
        0
    }
    RandomLoopEnd => |call| {
        let key = call.word(0);
        call.ctx.rare().random.end_loop(key);
        0
    }
    GeneratorSeed => |call| {
        let seed = call.int(GENERATOR_WORDS);
        *call.generator() = Pcg64::new(seed as u64).to_words();
        0
    }
    GeneratorUniform => |call| {
        let (low, high) = (call.f64(GENERATOR_WORDS), call.f64(GENERATOR_WORDS + 1));
        let x = call.draw(|source| generator::uniform(source, low, high));
        call.set_f64(0, x)
    }
    GeneratorNormal => |call| {
        let (mean, deviation) = (call.f64(GENERATOR_WORDS), call.f64(GENERATOR_WORDS + 1));
        let x = call.draw(|source| generator::normal(source, mean, deviation));
        call.set_f64(0, x)
    }
    GeneratorInt => |call| {
        let (low, high) = (call.int(GENERATOR_WORDS), call.int(GENERATOR_WORDS + 1));
        if low >= high {
            return call.fail(format!("{low} >= {high}"));
        }
        let x = call.draw(|source| generator::integers(source, low, high));
        call.set(0, x as u64)
    }
    CountOperations => |call| {
        call.ctx.shared().engine.count_operations(call.word(0));
        0
    }
    ComplexMath => |call| {
        let z = (call.f64(1), call.f64(2));
        let function = MathFn1::ALL.get(call.word(0) as usize);
        match function.and_then(|&function| complex::eval_one(function, z)) {
            Some(result) => call.set_complex(result),
            None => call.fail("not a function of complex numbers"),
        }
    }
    ComplexPow => |call| {
        let result = complex::pow((call.f64(0), call.f64(1)), (call.f64(2), call.f64(3)));
        call.set_complex(result)
    }
    RoundDigits => |call| {
        let x = float::round_half_even_digits(call.f64(0), call.int(1));
        call.set_f64(0, x)
    }
    HostAccess => |call| {
        let (access, code) = (call.word(0), call.word(1) as u32 | (call.word(2) as u32) << 8);
        let words = array_words(call.word(2) as u8);
        // SAFETY: see `Context::shared`; the borrow must not tie up the context.
        let shared = unsafe { &*call.ctx.call };
        let (Some(gpu), Some(device)) = (&shared.gpu, &shared.engine.gpu) else { return 0 };
        // Loops on the processor have what they need before they start.
        if call.ctx.loop_depth > 0 {
            return 0;
        }
        // SAFETY: the array's words follow the three numbers, and it is alive for the call.
        unsafe {
            let words = std::slice::from_raw_parts(call.args.add(3), words);
            gpu.host_access(call.ctx, device, words, code, access & 2 != 0)
        }
    }
    EventNew => |call| {
        let number = call.ctx.shared().events.add();
        call.set(0, number)
    }
    EventRecord => |call| {
        // SAFETY: see `Context::shared`; the borrow must not tie up the context.
        let shared = unsafe { &*call.ctx.call };
        let mark = match (&shared.gpu, &shared.engine.gpu) {
            (Some(gpu), Some(device)) if call.ctx.loop_depth == 0 => match gpu.record(device) {
                Ok(mark) => mark,
                Err(status) => return status,
            },
            _ => Mark::Host(std::time::Instant::now()),
        };
        shared.events.record(call.word(0), mark);
        0
    }
    EventElapsed => |call| {
        // SAFETY: as above.
        let shared = unsafe { &*call.ctx.call };
        match (shared.events.elapsed(call.word(0), call.word(1)), &shared.gpu) {
            (Ok(Some(time)), _) => call.set_f64(0, time),
            (Ok(None), _) => call.fail("an event was not recorded"),
            (Err(error), Some(gpu)) => gpu.fail(error),
            (Err(error), None) => call.fail(error.to_string()),
        }
    }
    Load => |call| {
        let (path, dtype, rank) = (call.word(0) as usize, call.word(1) as u32, call.word(2) as usize);
        let shared = call.ctx.shared();
        let path = shared.native.artifact.paths[path].clone();
        let loaded = match &shared.engine.config.files {
            Some(files) => files.load(&path),
            None => Err("this engine has no access to files".into()),
        };
        match loaded {
            Ok(array) if Some(array.dtype()) == dtype_from_code(dtype) && array.shape().len() == rank => {
                let account = std::sync::Arc::clone(&call.ctx.shared().engine.account);
                let Some(array) = array.into_contiguous(&account) else { return status::OUT_OF_MEMORY };
                let words = array.words();
                for (k, &word) in words.iter().enumerate() {
                    call.set(k, word);
                }
                // The kernel's variable takes over the reference.
                array.release_to_kernel(&raw mut call.ctx.allocations);
                0
            }
            Ok(array) => call.fail(format!(
                "`{path}` now holds {} of rank {}, not what the kernel was compiled for",
                array.dtype(),
                array.shape().len()
            )),
            Err(text) => call.fail(text),
        }
    }
    Save => |call| {
        let before = loops_so_far(call.ctx);
        if before != 0 {
            return before;
        }
        let (path, dtype, rank) = (call.word(0) as usize, call.word(1) as u32, call.word(2) as usize);
        let shared = call.ctx.shared();
        let path = shared.native.artifact.paths[path].clone();
        let Some(dtype) = dtype_from_code(dtype) else { return call.fail("unknown element type") };
        // SAFETY: the array's words follow the three numbers, and it is alive for the call.
        let array = unsafe {
            let words = std::slice::from_raw_parts(call.args.add(3), array_words(rank as u8));
            array_from_words(words, dtype)
        };
        let saved = match &shared.engine.config.files {
            Some(files) => files.save(&path, &array),
            None => Err("this engine has no access to files".into()),
        };
        match saved {
            Ok(()) => 0,
            Err(text) => call.fail(text),
        }
    }
}

/// Entry of the function table: one printed line.
pub(super) extern "C" fn print(ctx: *mut Context, message: u32, args: *const u64) {
    let _ = guarded(ctx, args, std::ptr::null_mut(), |call| {
        if loops_so_far(call.ctx) != 0 {
            // Python would not have come here. The failure is reported by whoever waits next.
            return 0;
        }
        let shared = call.ctx.shared();
        let message = &shared.native.artifact.messages[message as usize];
        // SAFETY: generated code passes as many words as the message has holes.
        let words = unsafe { std::slice::from_raw_parts(args, arg_words(message)) };
        let (text, is_open) = (format_message(message, words), message.is_open);
        if let Some(line) = call.ctx.rare().open_line.add(text, is_open) {
            call.ctx.shared().engine.print(&line);
        }
        0
    });
}

/// Status of the loops that were started on a device; 0 without one. A failure stays: it is told again.
fn loops_so_far(ctx: &mut Context) -> i32 {
    // SAFETY: see `Context::shared`; the borrow must not tie up the context.
    let shared = unsafe { &*ctx.call };
    match (&shared.gpu, &shared.engine.gpu) {
        (Some(gpu), Some(device)) if ctx.loop_depth == 0 => gpu.settle(ctx, device),
        _ => 0,
    }
}

/// Words that fill the holes of a message.
fn arg_words(message: &Message) -> usize {
    let words = message.pieces.iter().map(|piece| match piece {
        Piece::Text(_) => 0,
        Piece::Value { dtype, .. } => dtype.lanes(),
    });
    words.sum()
}
