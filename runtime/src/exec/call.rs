//! One call of a compiled kernel.

use std::mem::ManuallyDrop;

use kjit_compiler::base::Code;
use kjit_compiler::ir::abi::status;
use kjit_compiler::ir::trap::{Trap, format_message};

use super::context::{CallShared, Context};
use super::events::Events;
use super::float_mode::FloatMode;
use super::stack;
use crate::engine::EngineInner;
use crate::error::{Error, TrapError};
use crate::gpu::GpuCall;
use crate::module::SourceText;
use crate::native::Native;

/// Runs a kernel on words of the calling convention.
///
/// On success `ret` holds the result; arrays in it hand over one reference each and hang on no list, so the caller must
/// take every one of them.
///
/// # Safety
/// `args` are the words of the artifact's signature: arrays in them are valid for the call with the layout and access of
/// the signature, and what the kernel writes is not reached through anything else meanwhile. `ret` has
/// `native.ret_words` words.
#[inline(always)]
pub(crate) unsafe fn call(
    engine: &EngineInner,
    native: &Native,
    args: &[u64],
    ret: &mut [u64],
    source: &SourceText,
) -> Result<(), Box<Error>> {
    debug_assert!(args.len() >= native.arg_words && ret.len() >= native.ret_words);
    if !native.is_plain() {
        // SAFETY: passed on.
        return unsafe { call_with_care(engine, native, args, ret, source) };
    }
    // Most calls leave nothing behind: `end` is for the others. So neither is dropped here.
    let mut shared =
        ManuallyDrop::new(CallShared { engine, native, source, gpu: None, events: Events::default() });
    let mut ctx = ManuallyDrop::new(Context::new(&shared, 0));
    let mode = FloatMode::enter();
    // SAFETY: `entry` is this artifact's; the words are the caller's promise; the context outlives the call.
    let status = unsafe { (native.entry)(&raw mut *ctx, args.as_ptr(), ret.as_mut_ptr()) };
    drop(mode);
    if status == 0 && ctx.is_clear() && shared.events.is_empty() {
        return Ok(());
    }
    end(status, &mut ctx, &mut shared)
}

/// What is left to do where a call failed or left something behind: neither the context nor what it shares holds anything after it.
#[cold]
#[inline(never)]
fn end(status: i32, ctx: &mut Context, shared: &mut CallShared<'_>) -> Result<(), Box<Error>> {
    let result = match status {
        0 => Ok(()),
        _ => Err(Box::new(error_of(status, ctx, shared.native, shared.source))),
    };
    ctx.clear();
    shared.events = Events::default();
    result
}

/// The same for a kernel that splits loops over threads, has some for a GPU, recursive functions, or memory in its result.
///
/// # Safety
/// As [`call`].
#[inline(never)]
unsafe fn call_with_care(
    engine: &EngineInner,
    native: &Native,
    args: &[u64],
    ret: &mut [u64],
    source: &SourceText,
) -> Result<(), Box<Error>> {
    if native.was_parallel() && engine.threads() > 1 {
        // Entering the pool costs about 7 us; from inside it a fork and join costs a fraction of one. It is a habit of
        // kernels that need it: a call that splits no loop ends it.
        native.note_parallel(false);
        let (args, mut ret_slot) = (args, SendPtr(ret.as_mut_ptr(), ret.len()));
        let entered = engine.pool.with(engine.threads(), |pool| {
            pool.install(|| {
                // SAFETY: the caller waits here, so its `ret` is this closure's alone.
                let ret = unsafe { ret_slot.get() };
                // SAFETY: passed on.
                unsafe { call_here(engine, native, args, ret, source) }
            })
        });
        if let Some(result) = entered {
            return result;
        }
    }
    // SAFETY: passed on.
    unsafe { call_here(engine, native, args, ret, source) }
}

/// A `&mut [u64]` that may go to another thread while this one waits.
struct SendPtr(*mut u64, usize);

// SAFETY: used by one thread at a time, see `call`.
unsafe impl Send for SendPtr {}

impl SendPtr {
    /// # Safety
    /// The slice is alive and used through this alone.
    unsafe fn get(&mut self) -> &mut [u64] {
        // SAFETY: by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.0, self.1) }
    }
}

/// # Safety
/// As [`call`].
unsafe fn call_here(
    engine: &EngineInner,
    native: &Native,
    args: &[u64],
    ret: &mut [u64],
    source: &SourceText,
) -> Result<(), Box<Error>> {
    let gpu = if native.grid.is_some() && engine.gpu.is_some() { Some(Box::default()) } else { None };
    let shared = CallShared { engine, native, source, gpu, events: Events::default() };
    let mut ctx = Context::new(&shared, if native.artifact.is_recursive { stack::limit() } else { 0 });
    let _mode = FloatMode::enter();
    // SAFETY: `entry` is this artifact's; the words are the caller's promise; the context outlives the call.
    let mut status = unsafe { (native.entry)(&raw mut ctx, args.as_ptr(), ret.as_mut_ptr()) };
    if let (Some(call), Some(gpu)) = (&shared.gpu, &engine.gpu) {
        // SAFETY: the arguments are alive by the caller's promise, and the context has freed nothing yet.
        let finished = unsafe { call.finish(&mut ctx, gpu) };
        if status == 0 {
            status = finished;
        }
    }
    if status != 0 {
        return Err(Box::new(error_of(status, &mut ctx, native, source)));
    }
    if native.returns_memory {
        Context::detach_results(&native.artifact.signature.ret, ret);
    }
    Ok(())
}

/// What a status means.
#[cold]
fn error_of(status: i32, ctx: &mut Context, native: &Native, source: &SourceText) -> Error {
    match status {
        status::OUT_OF_MEMORY => Error::OutOfMemory,
        status::INTERRUPTED => {
            ctx.shared().engine.clear_interrupt();
            Error::Interrupted
        }
        status::SERVICE => Error::Internal(
            ctx.take_service_error().unwrap_or_else(|| "a service of the runtime panicked".into()),
        ),
        status::DEVICE => {
            let error = ctx.shared().gpu.as_deref().and_then(GpuCall::take_error);
            error.unwrap_or_else(|| Error::Internal("a device failed without a reason".into()))
        }
        status::STACK => Error::Environment("the stack is nearly used up".into()),
        _ => match native.artifact.traps.get(status as usize - 1) {
            Some(trap) if trap.code == Code::K711 => {
                ctx.shared().engine.clear_interrupt();
                Error::Interrupted
            }
            Some(trap) => {
                let service_error = ctx.take_service_error();
                let mut error = trap_error(trap, &ctx.trap_args, service_error, source);
                if let Error::Trap(trap) = &mut error {
                    trap.place = ctx.rare().device_place.take();
                }
                error
            }
            None => Error::Internal(format!("status {status} has no trap")),
        },
    }
}

/// A trap with its message filled in.
pub(crate) fn trap_error(
    trap: &Trap,
    args: &[u64],
    service_error: Option<String>,
    source: &SourceText,
) -> Error {
    let (line, column) = trap.span.line_column(&source.text);
    let mut message = format_message(&trap.message, args);
    if let Some(text) = service_error {
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&text);
    }
    Error::Trap(Box::new(TrapError {
        code: trap.code,
        exception: trap.exception.to_string(),
        message,
        span: trap.span,
        line,
        column,
        place: None,
        source: source.text.clone(),
        file: source.name.clone(),
    }))
}
