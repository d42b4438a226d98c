//! How values become words between the host and generated code: the one description that every back end and the
//! runtime follow.
//!
//! A real scalar is one word (integers sign- or zero-extended, `bool` 0 or 1, `f32` in the low half with the high half
//! zero). A complex number is two words: real, imaginary, each a word of its part type. A tuple is its items. `None` and
//! strings are nothing. An array is `2 + 2 * rank` words: data address, owner, extents, strides in bytes. A generator is
//! an array `u64[::1]`.

use crate::types::{DType, Ty};

/// Words before the extents of an array.
pub const ARRAY_HEAD_WORDS: usize = 2;

/// Words of an array of that rank.
#[must_use]
pub const fn array_words(rank: u8) -> usize {
    ARRAY_HEAD_WORDS + 2 * rank as usize
}

/// Words of a value of that type.
#[must_use]
pub fn words(ty: &Ty) -> usize {
    match ty {
        Ty::None | Ty::Str(_) => 0,
        Ty::Scalar(dtype) => dtype.lanes(),
        Ty::Array(array) => array_words(array.rank),
        Ty::Tuple(items) => items.iter().map(words).sum(),
        Ty::Rng => array_words(1),
        Ty::Event => 1,
    }
}

/// Memory that kernels allocate: a header of this many bytes (the first word is the reference count), then the data,
/// 64-byte aligned. The owner word is the header's address, or 0 if the memory is not ours to count.
pub const HEADER_BYTES: usize = 64;

/// Extents of arrays are below this, also of arrays without elements: the passes rely on it so that arithmetic on extents
/// does not overflow. The runtime refuses larger ones at the door, allocations fail.
pub const MAX_EXTENT: i64 = 1 << 48;

/// Number by which messages to the runtime name an element type: its position in [`DType::ALL`].
#[must_use]
pub fn dtype_code(dtype: DType) -> u32 {
    DType::ALL.iter().position(|&d| d == dtype).unwrap_or(0) as u32
}

/// The inverse of [`dtype_code`].
#[must_use]
pub fn dtype_from_code(code: u32) -> Option<DType> {
    DType::ALL.get(code as usize).copied()
}

/// Depth of recursion at which a call fails; the same on every engine.
pub const MAX_RECURSION: u64 = 10_000;

/// Statuses below 0 that a service or an entry may return; a positive status is a trap number plus 1.
pub mod status {
    /// Memory for the runtime's own needs (chunk copies, temporaries) ran out.
    pub const OUT_OF_MEMORY: i32 = -1;
    /// The call was interrupted.
    pub const INTERRUPTED: i32 = -2;
    /// A service failed; its text is in the context.
    pub const SERVICE: i32 = -3;
    /// The stack is nearly used up.
    pub const STACK: i32 = -4;
    /// Something failed on a device; what, is in the context.
    pub const DEVICE: i32 = -5;
}

/// Byte offsets of the fields of the context that generated code reads or writes. The runtime's `#[repr(C)]` struct is
/// asserted to match.
pub mod context {
    /// `*const usize`: the table of functions.
    pub const TABLE: i32 = 0;
    /// `*const u32`: not 0 if the call was interrupted.
    pub const INTERRUPT: i32 = 8;
    /// `usize`: a recursive function fails if the stack pointer is below.
    pub const STACK_LIMIT: i32 = 16;
    /// `u64`: current depth of recursion.
    pub const DEPTH: i32 = 24;
    /// `[u64; 8]`: arguments of the trap.
    pub const TRAP_ARGS: i32 = 32;
    /// `f64`: a parallel loop that is estimated to take less, in ns, is one chunk and nobody else's business: generated code
    /// calls its body. [`crate::ir::parallel::SERIAL_BELOW_NS`], or 0 where the runtime wants to be asked.
    pub const SERIAL_BELOW_NS: i32 = 96;
    /// `u64`: from that size in bytes on, arrays may be stored to around the caches.
    pub const STREAM_BYTES: i32 = 104;
}

/// Positions in the table of functions behind the context: services with signatures of their own, then every
/// [`crate::ir::RuntimeFn`], then mathematical functions of one argument for `f64` and for `f32`, then of two.
pub mod table {
    use crate::ir::RuntimeFn;
    use crate::numerics::math::{MathFn1, MathFn2};
    use crate::types::DType;

    /// `fn(ctx, bytes: u64, is_zeroed: u32) -> owner`: 0 if there is no memory. Reference count 1.
    pub const ALLOC: usize = 0;
    /// `fn(ctx, owner)`: the reference count has reached 0.
    pub const FREE: usize = 1;
    /// `fn(ctx, parallel: u32, env: *const u64, trip: u64, cost_ns: f64, outputs: *mut u64) -> status`. `parallel` numbers
    /// the artifact's parallel loops; `env` holds the captures as words; `cost_ns` is the estimate for one iteration;
    /// `outputs` one word each, in and out.
    pub const PARALLEL: usize = 2;
    /// `fn(ctx, message: u32, args: *const u64)`.
    pub const PRINT: usize = 3;
    /// `fn(ctx, array: *const u64, code: u32, lanes: *const u64)`; `code` is `dtype_code | rank << 8`.
    pub const FILL: usize = 4;
    /// `fn(ctx, to: *const u64, from: *const u64, code: u32) -> status`; handles overlap.
    pub const COPY: usize = 5;
    /// `fn(base: i64, exponent: i64) -> i64`: wrapping power, signed.
    pub const INT_POW: usize = 6;
    /// The same for `u64`.
    pub const UINT_POW: usize = 7;
    /// `fn(x: f64) -> i64`: for casts of values that the fast path does not cover, by `numerics::int`.
    pub const F64_TO_U64: usize = 8;
    /// `fn(a: f64, b: f64) -> f64`: Python's `//`.
    pub const FLOORDIV_F64: usize = 9;
    /// The same for `f32`.
    pub const FLOORDIV_F32: usize = 10;
    /// `fn(a: f64, b: f64) -> f64`: Python's `%`.
    pub const MOD_F64: usize = 11;
    /// The same for `f32`.
    pub const MOD_F32: usize = 12;
    /// `fn(a: f64, b: f64, c: f64) -> f64`: fused multiply-add where the processor has none.
    pub const FMA_F64: usize = 13;
    /// The same for `f32`.
    pub const FMA_F32: usize = 14;
    /// `fn(a: *const u64, b: *const u64, code: u32) -> u32`: do two arrays' memory ranges intersect? Code of `a` in the low half
    /// (`dtype_code | rank << 8`), of `b` in the high half.
    pub const OVERLAPS: usize = 15;
    /// `fn(ctx, launch: u32, env: *const u64) -> status`: runs a kernel that the user wrote. `launch` numbers the artifact's launches;
    /// `env` holds the numbers of the launch and the kernel's arguments as words.
    pub const LAUNCH: usize = 16;
    /// `fn(ctx, words: *mut u64, late: u32)`, keeps all registers: calls a function whose code is made when it is first called. `late`
    /// numbers the artifact's [late functions](crate::ir::artifact::Late). Words: the status, the results, the arguments, of an array the
    /// address of its words.
    pub const LATE: usize = 17;
    /// First of the [`RuntimeFn`]s.
    pub const SERVICES: usize = 18;

    /// Position of a service.
    #[must_use]
    pub fn service(function: RuntimeFn) -> usize {
        SERVICES + function as usize
    }

    /// Position of a function of one argument (`f32` or `f64`): `extern "C" fn(x) -> x`.
    #[must_use]
    pub fn math1(function: MathFn1, dtype: DType) -> usize {
        let first = SERVICES + RuntimeFn::ALL.len();
        first + 2 * function as usize + usize::from(dtype == DType::F32)
    }

    /// Position of a function of two arguments: `extern "C" fn(x, y) -> x`.
    #[must_use]
    pub fn math2(function: MathFn2, dtype: DType) -> usize {
        let first = SERVICES + RuntimeFn::ALL.len() + 2 * MathFn1::ALL.len();
        first + 2 * function as usize + usize::from(dtype == DType::F32)
    }

    /// Number of entries.
    #[must_use]
    pub fn len() -> usize {
        SERVICES + RuntimeFn::ALL.len() + 2 * MathFn1::ALL.len() + 2 * MathFn2::ALL.len()
    }
}
