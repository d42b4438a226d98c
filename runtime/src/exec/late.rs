//! Functions whose code is made when they are first called: slow copies of loops, for negative indices and in front of errors.
//!
//! Generated code calls [`entry`] as if it clobbered nothing, so that a call that hardly ever happens costs the code around it no
//! registers; the registers are saved here.

use std::sync::OnceLock;

use kjit_compiler::backend::clif;
use kjit_compiler::base::EntityRef;
use kjit_compiler::base::target::Target;
use kjit_compiler::ir::FuncId;
use kjit_compiler::ir::abi::status;
use kjit_compiler::ir::artifact::Late;

use super::context::Context;
use super::float_mode::FloatMode;
use crate::code::CodePages;

/// `extern "C" fn(ctx, words) -> status`.
type LateFn = unsafe extern "C" fn(*mut Context, *mut u64) -> i32;

/// Stack of the thread that makes the code: whoever calls may have a small one.
const STACK_BYTES: usize = 16 << 20;

/// The late functions of a kernel, each with its code once it has some.
#[derive(Debug)]
pub(crate) struct LateCode(Box<[OnceLock<Result<Made, String>>]>);

#[derive(Debug)]
struct Made {
    entry: LateFn,
    /// What `entry` points into.
    _code: CodePages,
}

impl LateCode {
    /// None has code.
    pub(crate) fn new(late: &Late) -> LateCode {
        LateCode((0..late.len()).map(|_| OnceLock::new()).collect())
    }

    /// The entry of a function, made now if this is the first call.
    fn entry(&self, number: usize, late: &Late, target: &Target) -> Result<LateFn, &str> {
        let made = self.0[number].get_or_init(|| {
            let make = || make(number, late, target);
            std::thread::scope(|scope| {
                let builder = std::thread::Builder::new().name("kjit-compile".to_owned());
                match builder.stack_size(STACK_BYTES).spawn_scoped(scope, make) {
                    Ok(thread) => {
                        thread.join().unwrap_or_else(|_| Err("the code generator panicked".to_owned()))
                    }
                    Err(_) => make(),
                }
            })
        });
        made.as_ref().map(|made| made.entry).map_err(String::as_str)
    }
}

fn make(number: usize, late: &Late, target: &Target) -> Result<Made, String> {
    // Constants are folded here.
    let _mode = FloatMode::enter();
    let program = late.program()?;
    let (image, entry) =
        clif::compile_late(&program, FuncId::new(number), target, &mut clif::Scratch::new())?;
    let code = CodePages::load(&image).map_err(|error| format!("no executable memory: {error}"))?;
    // SAFETY: the back end made the entry with that signature; the pages stay as long as the pointer.
    let entry = unsafe { std::mem::transmute::<*const u8, LateFn>(code.address(entry.offset)) };
    Ok(Made { entry, _code: code })
}

/// Calls late function `number` of the context's kernel; the first word becomes its status.
///
/// # Safety
/// `words` are as [`kjit_compiler::ir::abi::table::LATE`] says.
unsafe extern "C" fn call(ctx: *mut Context, words: *mut u64, number: u32) {
    let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: generated code passes its own context, which no one else uses meanwhile; see `Context::shared`.
        let shared = unsafe { &*(*ctx).call };
        let native = shared.native;
        match native.late.entry(number as usize, &native.artifact.late, &shared.engine.target) {
            // SAFETY: the words are those of that function.
            Ok(entry) => unsafe { entry(ctx, words) },
            Err(text) => {
                // SAFETY: as above.
                unsafe { (*ctx).fail(text) };
                status::SERVICE
            }
        }
    }));
    // SAFETY: the first word is there for it.
    unsafe { *words = u64::from(status.unwrap_or(status::SERVICE) as u32) };
}

/// Entry of the function table.
pub(super) fn entry() -> usize {
    #[cfg(target_arch = "x86_64")]
    return keeps_registers as *const () as usize;
    // Native code runs on no other processor yet.
    #[cfg(not(target_arch = "x86_64"))]
    return call as *const () as usize;
}

/// [`call`], with all registers as they were: those that a function may destroy by the platform's convention, whole vectors of 128
/// bits (generated code around calls uses no longer ones).
///
/// # Safety
/// As [`call`].
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn keeps_registers(ctx: *mut Context, words: *mut u64, number: u32) {
    core::arch::naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        // With the return address that is a multiple of 16.
        "sub rsp, 256",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "call {call}",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "add rsp, 256",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "ret",
        call = sym call,
    );
}
