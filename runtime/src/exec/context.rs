//! The context: the one pointer through which generated code reaches everything outside itself.

use std::mem::offset_of;
use std::sync::atomic::AtomicU32;

use kjit_compiler::ir::abi;
use kjit_compiler::ir::parallel::SERIAL_BELOW_NS;
use kjit_compiler::ir::trap::{MAX_TRAP_ARGS, OpenLine};
use kjit_compiler::numerics::random::KernelRandom;
use kjit_compiler::types::Ty;

use super::events::Events;
use super::memory::{self, Header};
use super::stack;
use crate::engine::EngineInner;
use crate::error::DevicePlace;
use crate::gpu::GpuCall;
use crate::module::SourceText;
use crate::native::Native;

/// One per call and one per chunk of a parallel loop. Generated code reads and writes the fields up to `stream_bytes`.
#[repr(C)]
pub(crate) struct Context {
    table: *const usize,
    interrupt: *const AtomicU32,
    stack_limit: usize,
    depth: u64,
    /// Arguments of the trap that ended the call.
    pub(crate) trap_args: [u64; MAX_TRAP_ARGS],
    /// Loops that are estimated to take less are run by generated code itself.
    pub(crate) serial_below_ns: f64,
    /// From that size on, arrays may be stored to around the caches.
    stream_bytes: u64,
    /// Blocks made in this context that are alive.
    pub(crate) allocations: *mut Header,
    /// What all contexts of the call share.
    pub(crate) call: *const CallShared<'static>,
    /// Around how many parallel loops that run on the processor is this? Only code outside all of them uses a device.
    pub(crate) loop_depth: u32,
    /// Made when first used: most calls are shorter than it takes to make and to drop all this.
    rare: Option<Box<Rare>>,
}

/// What few kernels use.
pub(crate) struct Rare {
    /// State of `np.random`.
    pub(crate) random: KernelRandom,
    /// What a service that failed has to say.
    pub(crate) service_error: Option<String>,
    /// Printed without the end of its line.
    pub(crate) open_line: OpenLine,
    /// Where on a device a trap was met, if there.
    pub(crate) device_place: Option<Box<DevicePlace>>,
}

impl Rare {
    fn new(random: KernelRandom) -> Box<Rare> {
        Box::new(Rare { random, service_error: None, open_line: OpenLine::default(), device_place: None })
    }
}

const _: () = assert!(
    offset_of!(Context, table) == abi::context::TABLE as usize
        && offset_of!(Context, interrupt) == abi::context::INTERRUPT as usize
        && offset_of!(Context, stack_limit) == abi::context::STACK_LIMIT as usize
        && offset_of!(Context, depth) == abi::context::DEPTH as usize
        && offset_of!(Context, trap_args) == abi::context::TRAP_ARGS as usize
        && offset_of!(Context, serial_below_ns) == abi::context::SERIAL_BELOW_NS as usize
        && offset_of!(Context, stream_bytes) == abi::context::STREAM_BYTES as usize
);

/// What all contexts of one call share.
pub(crate) struct CallShared<'a> {
    pub(crate) engine: &'a EngineInner,
    pub(crate) native: &'a Native,
    pub(crate) source: &'a SourceText,
    /// The device, if loops of this kernel run on one. Apart: it is large, and most calls have none.
    pub(crate) gpu: Option<Box<GpuCall>>,
    /// What `cuda.event()` made.
    pub(crate) events: Events,
}

impl Context {
    /// The context of a call. Only recursive functions look at the stack's limit.
    #[inline]
    pub(crate) fn new(call: &CallShared<'_>, stack_limit: usize) -> Context {
        Context {
            table: call.native.table.as_ptr(),
            interrupt: &raw const *call.engine.interrupt,
            stack_limit,
            depth: 0,
            trap_args: [0; MAX_TRAP_ARGS],
            // Whether a loop runs on a device is the runtime's decision.
            serial_below_ns: if call.gpu.is_none() { SERIAL_BELOW_NS } else { 0.0 },
            stream_bytes: call.engine.stream_bytes,
            allocations: std::ptr::null_mut(),
            // The lifetime is erased because generated code carries the pointer; `call` outlives the context, as
            // `exec::call` and `exec::parallel` make both in one scope.
            call: std::ptr::from_ref(call).cast(),
            loop_depth: 0,
            rare: None,
        }
    }

    /// The context of a chunk of a parallel loop that was met in `self`.
    pub(crate) fn for_chunk(&self) -> Context {
        Context {
            table: self.table,
            interrupt: self.interrupt,
            // The chunk may run on another thread.
            stack_limit: if self.stack_limit == 0 { 0 } else { stack::limit() },
            depth: self.depth,
            trap_args: [0; MAX_TRAP_ARGS],
            serial_below_ns: SERIAL_BELOW_NS,
            stream_bytes: self.stream_bytes,
            allocations: std::ptr::null_mut(),
            call: self.call,
            loop_depth: self.loop_depth + 1,
            // The streams of a fresh state are those of a chunk of it.
            rare: self.rare.as_ref().map(|rare| Rare::new(rare.random.for_chunk())),
        }
    }

    /// Takes the arrays of a result off their context's list, so that they outlive it. Without `self`: the list is changed
    /// through the blocks' own pointers.
    #[inline]
    pub(crate) fn detach_results(ty: &Ty, words: &[u64]) -> usize {
        if words.is_empty() {
            return 0;
        }
        match ty {
            Ty::None | Ty::Str(_) => 0,
            Ty::Scalar(dtype) => dtype.lanes(),
            Ty::Event => 1,
            Ty::Array(_) | Ty::Rng => {
                if words[1] != 0 {
                    // SAFETY: generated code returned a live block of a context that this thread alone uses.
                    unsafe { memory::unlink(words[1] as *mut Header) };
                }
                abi::words(ty)
            }
            Ty::Tuple(items) => {
                items.iter().fold(0, |used, item| used + Context::detach_results(item, &words[used..]))
            }
        }
    }

    /// What few kernels use.
    #[inline]
    pub(crate) fn rare(&mut self) -> &mut Rare {
        let call = self.call;
        self.rare.get_or_insert_with(|| {
            // SAFETY: as in `shared`.
            let shared = unsafe { &*call };
            Rare::new(KernelRandom::new(shared.engine.seed()))
        })
    }

    /// Says why a service failed.
    #[cold]
    pub(crate) fn fail(&mut self, text: impl Into<String>) {
        self.rare().service_error = Some(text.into());
    }

    /// Why a service failed, if one did.
    pub(crate) fn take_service_error(&mut self) -> Option<String> {
        self.rare.as_mut().and_then(|rare| rare.service_error.take())
    }

    /// What all contexts of the call share.
    pub(crate) fn shared(&self) -> &CallShared<'_> {
        // SAFETY: `new` stored a reference to a value that outlives every context of the call.
        unsafe { &*self.call }
    }
}

impl Context {
    /// Prints what is left of a line.
    #[cold]
    fn print_rest(&mut self) {
        if let Some(line) = self.rare().open_line.rest() {
            let engine = self.shared().engine;
            // Nothing may unwind out of here.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| engine.print(&line)));
        }
    }
}

impl Context {
    /// Did the call leave nothing behind? Most do.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        self.rare.is_none() && self.allocations.is_null()
    }

    /// Drops what the call left behind.
    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        if self.rare.is_some() {
            self.print_rest();
            self.rare = None;
        }
        if !self.allocations.is_null() {
            // SAFETY: generated code has returned: results were taken off the list, nobody uses the rest.
            unsafe { memory::free_all(&raw mut self.allocations) };
        }
    }
}

impl Drop for Context {
    #[inline]
    fn drop(&mut self) {
        if !self.is_clear() {
            self.clear();
        }
    }
}
