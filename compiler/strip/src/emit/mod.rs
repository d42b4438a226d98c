//! Strips as machine code.
//!
//! [`emit`] lowers a strip to instructions over virtual registers (`legal`), lets `regalloc2` allocate, and encodes. The
//! code is one function, `extern "sysv64" fn(frame: *mut u64, n: u64) -> u64`, followed by its constants. It refers to nothing
//! outside and needs no relocation: it may be copied anywhere (aligned to 64 bytes) and made executable.

mod alloc;
mod finish;
mod func;
mod liveness;
mod nature;
mod schedule;

pub(crate) use func::{Addr, Base, BlockId, Func, INT, MASK, Src, Term, VEC};

use crate::Strip;
use crate::ir::Ty;
use crate::legal::Stages;

/// What the processor has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tier {
    /// AVX2, FMA, BMI1 and BMI2.
    Avx2,
    /// AVX-512 F, DQ, BW and VL, besides all of [`Tier::Avx2`].
    Avx512,
}

/// Code of a strip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// The function, from its first byte, and its constants. To be loaded at a multiple of 64.
    pub bytes: Vec<u8>,
    /// Lanes of a full block.
    pub lanes: u32,
    /// What was done.
    pub remarks: Remarks,
}

/// What was done to a strip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remarks {
    /// Registers side by side per value of the widest type.
    pub unroll: u32,
    /// The widest type of lanes.
    pub ty: Ty,
    /// Lanes of that type in a register.
    pub per_register: u32,
    /// Moves between vector registers and the stack.
    pub spills: u32,
    /// Bytes before the constants.
    pub code_bytes: u32,
    /// A first, shorter block aligns the stores.
    pub head: bool,
    /// A round does the second half of a block and the first half of the next: if a fault fires, one block more is not done.
    pub staged: bool,
    /// Stores can go around the caches.
    pub streams: bool,
}

/// Why there is no code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported {
    /// In words, for a remark.
    pub reason: String,
}

impl Unsupported {
    pub(crate) fn new(reason: impl Into<String>) -> Unsupported {
        Unsupported { reason: reason.into() }
    }
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no vector code: {}", self.reason)
    }
}

impl std::error::Error for Unsupported {}

/// Memory that is used again from one strip to the next.
#[derive(Default)]
pub struct Scratch {
    registers: regalloc2::Ctx,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Machine code of a verified strip.
///
/// # Errors
/// [`Unsupported`] names what the tier cannot do; the loop stays scalar then.
pub fn emit(strip: &Strip, tier: Tier) -> Result<Code, Unsupported> {
    emit_with(strip, tier, &mut Scratch::default())
}

/// As [`emit`], for many strips one after the other.
///
/// # Errors
/// As there.
pub fn emit_with(strip: &Strip, tier: Tier, scratch: &mut Scratch) -> Result<Code, Unsupported> {
    emit_as_it_is(&crate::narrow::narrow_most(strip), tier, Stages::WhereGood, scratch)
}

/// The same in two stages wherever that is possible: for tests.
#[doc(hidden)]
pub fn emit_in_stages(strip: &Strip, tier: Tier) -> Result<Code, Unsupported> {
    emit_as_it_is(&crate::narrow::narrow_most(strip), tier, Stages::WherePossible, &mut Scratch::default())
}

/// The same without narrower lanes where they would do.
fn emit_as_it_is(
    strip: &Strip,
    tier: Tier,
    stages: Stages,
    scratch: &mut Scratch,
) -> Result<Code, Unsupported> {
    let mut at_most = u32::MAX;
    loop {
        let lowered = crate::legal::lower(strip, tier, at_most, stages)?;
        let evex = lowered.func.evex;
        let (flat, pool) = alloc::flatten(lowered.func);
        let output = alloc::allocate(&flat, &mut scratch.registers)
            .map_err(|error| Unsupported::new(format!("register allocation: {error}")))?;
        let frame_bytes = output.num_spillslots * 8;
        // The estimate was wrong by far: fewer lanes.
        let most_spilled = MOST_SPILLED * lowered.copies as usize * if lowered.has_loop { 4 } else { 1 };
        let crowded = frame_bytes > most_spilled * if evex { 64 } else { 32 };
        if crowded && lowered.divisible {
            at_most = lowered.at_once / 2;
            continue;
        }
        if frame_bytes > MOST_FRAME {
            return Err(Unsupported::new("too many values are alive at once"));
        }
        let (bytes, code_bytes, spills) = finish::finish(&flat, output, &pool, evex);
        return Ok(Code {
            bytes,
            lanes: lowered.lanes,
            remarks: Remarks {
                unroll: lowered.unroll,
                ty: lowered.ty,
                per_register: lowered.per_register,
                spills,
                code_bytes,
                head: lowered.head,
                staged: lowered.staged,
                streams: lowered.streams,
            },
        });
    }
}

/// Registers on the stack, for each copy of the body, from which on fewer lanes are tried. Loops inside a block gain from a second
/// vector even so.
const MOST_SPILLED: usize = 12;
/// Bytes of stack that a function may take.
const MOST_FRAME: usize = 1 << 15;
