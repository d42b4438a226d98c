//! The table of functions behind the context, in the order of [`abi::table`].

use std::sync::OnceLock;

use kjit_compiler::ir::RuntimeFn;
use kjit_compiler::ir::abi::{self, HEADER_BYTES, status};
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::numerics::{cast, float, int};
use kjit_compiler::types::DType;

use super::context::Context;
use super::strided::{self, RawArray};
use super::{late, memory, parallel, services};

/// The table.
pub(crate) fn functions() -> &'static [usize] {
    static TABLE: OnceLock<Vec<usize>> = OnceLock::new();
    TABLE.get_or_init(build)
}

fn build() -> Vec<usize> {
    let mut table = vec![0_usize; abi::table::len()];
    table[abi::table::ALLOC] = alloc as *const () as usize;
    table[abi::table::FREE] = free as *const () as usize;
    table[abi::table::PARALLEL] = parallel::run as *const () as usize;
    table[abi::table::PRINT] = services::print as *const () as usize;
    table[abi::table::FILL] = fill as *const () as usize;
    table[abi::table::COPY] = copy as *const () as usize;
    table[abi::table::INT_POW] = int_pow as *const () as usize;
    table[abi::table::UINT_POW] = uint_pow as *const () as usize;
    table[abi::table::F64_TO_U64] = f64_to_u64 as *const () as usize;
    table[abi::table::FLOORDIV_F64] = floordiv_f64 as *const () as usize;
    table[abi::table::FLOORDIV_F32] = floordiv_f32 as *const () as usize;
    table[abi::table::MOD_F64] = mod_f64 as *const () as usize;
    table[abi::table::MOD_F32] = mod_f32 as *const () as usize;
    table[abi::table::FMA_F64] = fma_f64 as *const () as usize;
    table[abi::table::FMA_F32] = fma_f32 as *const () as usize;
    table[abi::table::OVERLAPS] = overlaps as *const () as usize;
    table[abi::table::LAUNCH] = parallel::launch as *const () as usize;
    table[abi::table::LATE] = late::entry();
    for &function in RuntimeFn::ALL {
        table[abi::table::service(function)] = services::entry(function);
    }
    math::enter_into(&mut table);
    debug_assert!(table.iter().all(|&entry| entry != 0), "every position of the table is filled");
    table
}

extern "C" fn alloc(ctx: *mut Context, bytes: u64, is_zeroed: u32) -> u64 {
    // SAFETY: generated code passes the context it was called with, which is alive and used by this thread alone.
    let header = unsafe {
        let account = &(*ctx).shared().engine.account;
        memory::allocate(&raw mut (*ctx).allocations, account, bytes, is_zeroed != 0)
    };
    // SAFETY: as above.
    let ctx = unsafe { &*ctx };
    if let (Some(gpu), Some(header), 0) = (&ctx.shared().gpu, header, ctx.loop_depth)
        && ctx.shared().native.artifact.grid.as_ref().is_some_and(|grid| grid.tells_host_access)
    {
        // SAFETY: the block was just made.
        gpu.note_new(unsafe { memory::data_range(header as u64) }, is_zeroed != 0);
    }
    const { assert!(HEADER_BYTES == 64) };
    header.map_or(0, |header| header as u64)
}

extern "C" fn free(ctx: *mut Context, owner: u64) {
    // SAFETY: generated code passes its own context, and the owner of a block that is alive.
    unsafe {
        if let (Some(gpu), 0) = (&(*ctx).shared().gpu, (*ctx).loop_depth) {
            gpu.forget(&memory::data_range(owner));
        }
    }
    // SAFETY: generated code calls this when the reference count of a block of its own context has reached 0.
    unsafe { memory::free(owner as *mut memory::Header) };
}

extern "C" fn fill(_ctx: *mut Context, array: *const u64, code: u32, lanes: *const u64) {
    let (dtype, rank) = strided::decode(code);
    let mut item = [0_u8; 16];
    let part_bytes = dtype.part().size_bytes();
    for lane in 0..dtype.lanes() {
        // SAFETY: one word per lane.
        let word = unsafe { *lanes.add(lane) };
        // Little-endian: the low bytes of a word are the value at its width.
        item[lane * part_bytes..(lane + 1) * part_bytes].copy_from_slice(&word.to_le_bytes()[..part_bytes]);
    }
    // SAFETY: generated code passes the words of a valid, writable array.
    unsafe { RawArray::read(array, dtype, rank).fill(&item[..dtype.size_bytes()]) };
}

extern "C" fn copy(_ctx: *mut Context, to: *const u64, from: *const u64, code: u32) -> i32 {
    let (dtype, rank) = strided::decode(code);
    // SAFETY: generated code passes two valid arrays of that type and of equal shape (checked before).
    let is_done =
        unsafe { strided::copy(&RawArray::read(to, dtype, rank), &RawArray::read(from, dtype, rank)) };
    if is_done { 0 } else { status::OUT_OF_MEMORY }
}

extern "C" fn overlaps(a: *const u64, b: *const u64, code: u32) -> u32 {
    let ((a_dtype, a_rank), (b_dtype, b_rank)) =
        (strided::decode(code & 0xffff), strided::decode(code >> 16));
    // SAFETY: generated code passes the words of two arrays.
    unsafe { u32::from(RawArray::read(a, a_dtype, a_rank).overlaps(&RawArray::read(b, b_dtype, b_rank))) }
}

extern "C" fn int_pow(base: i64, exponent: i64) -> i64 {
    int::pow_i64(base, exponent)
}

extern "C" fn uint_pow(base: u64, exponent: u64) -> u64 {
    int::pow_u64(base, exponent)
}

extern "C" fn f64_to_u64(x: f64) -> u64 {
    cast::f64_to_u64(x)
}

extern "C" fn floordiv_f64(a: f64, b: f64) -> f64 {
    float::floordiv_f64(a, b)
}

extern "C" fn floordiv_f32(a: f32, b: f32) -> f32 {
    float::floordiv_f32(a, b)
}

extern "C" fn mod_f64(a: f64, b: f64) -> f64 {
    float::mod_f64(a, b)
}

extern "C" fn mod_f32(a: f32, b: f32) -> f32 {
    float::mod_f32(a, b)
}

extern "C" fn fma_f64(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}

extern "C" fn fma_f32(a: f32, b: f32, c: f32) -> f32 {
    a.mul_add(b, c)
}

/// One `extern "C"` function per mathematical function and width.
mod math {
    #[cfg(target_arch = "x86_64")]
    use kjit_compiler::numerics::math::{fast_one, fast_two, log_of_base, power_of_base};

    use super::{DType, MathFn1, MathFn2, abi};

    /// `FUNCTION` is the position in `MathFn1::ALL`.
    extern "C" fn f64_1<const FUNCTION: usize>(x: f64) -> f64 {
        MathFn1::ALL[FUNCTION].eval_f64(x)
    }

    extern "C" fn f32_1<const FUNCTION: usize>(x: f32) -> f32 {
        MathFn1::ALL[FUNCTION].eval_f32(x)
    }

    extern "C" fn f64_2<const FUNCTION: usize>(x: f64, y: f64) -> f64 {
        MathFn2::ALL[FUNCTION].eval_f64(x, y)
    }

    extern "C" fn f32_2<const FUNCTION: usize>(x: f32, y: f32) -> f32 {
        MathFn2::ALL[FUNCTION].eval_f32(x, y)
    }

    /// The address of the wrapper, or of the instance for processors with fused multiply-add on such a one: the same
    /// bits several times faster.
    macro_rules! best {
        ($fast:path, $function:ident, $wide:expr, $narrow:expr) => {{
            #[cfg(target_arch = "x86_64")]
            let fast = if has_fma() { $fast($function) } else { None };
            #[cfg(target_arch = "x86_64")]
            let best = fast.map(|(wide, narrow)| (wide as *const () as usize, narrow as *const () as usize));
            #[cfg(not(target_arch = "x86_64"))]
            let best = None;
            best.unwrap_or(($wide as *const () as usize, $narrow as *const () as usize))
        }};
    }

    #[cfg(target_arch = "x86_64")]
    fn has_fma() -> bool {
        std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
    }

    /// `pow`, with the logarithm of the last base kept: in loops the base mostly stays, and then half of the work is done. The
    /// bits do not depend on it.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    extern "C" fn pow_of_last_base(x: f64, y: f64) -> f64 {
        std::thread_local! {
            /// Base and logarithm. Of 0 the logarithm is not asked for.
            static LAST: std::cell::Cell<(f64, (f64, f64))> = const { std::cell::Cell::new((0.0, (0.0, 0.0))) };
        }
        let (base, log) = LAST.get();
        if base.to_bits() == x.to_bits() {
            return power_of_base(x, log, y);
        }
        let log = log_of_base(x);
        LAST.set((x, log));
        power_of_base(x, log, y)
    }

    /// Enters the functions at `FUNCTION`, `FUNCTION + 1`, ... that exist; monomorphised by doubling, so that each
    /// wrapper knows its function at compile time.
    macro_rules! enter {
        ($table:ident, $all:expr, $position:path, $fast:path, $f64:ident, $f32:ident, $($n:literal)*) => {$(
            if let Some(&function) = $all.get($n) {
                // The index is in range here, so the wrapper's constant lookup is too.
                let (wide, narrow) = best!($fast, function, $f64::<$n>, $f32::<$n>);
                $table[$position(function, DType::F64)] = wide;
                $table[$position(function, DType::F32)] = narrow;
            }
        )*};
    }

    pub(super) fn enter_into(table: &mut [usize]) {
        const { assert!(MathFn1::ALL.len() <= 40 && MathFn2::ALL.len() <= 12, "extend the lists below") };
        enter!(table, MathFn1::ALL, abi::table::math1, fast_one, f64_1, f32_1,
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);
        enter!(table, MathFn2::ALL, abi::table::math2, fast_two, f64_2, f32_2, 0 1 2 3 4 5 6 7 8 9 10 11);
        #[cfg(target_arch = "x86_64")]
        if has_fma() {
            table[abi::table::math2(MathFn2::Pow, DType::F64)] = pow_of_last_base as *const () as usize;
        }
    }

    #[cfg(all(test, target_arch = "x86_64"))]
    mod tests {
        use super::*;

        #[test]
        fn powers_of_one_base_are_those_of_any() {
            if !has_fma() {
                return;
            }
            let numbers = [
                0.0,
                -0.0,
                1.0,
                -1.0,
                0.5,
                1.000_000_1,
                3.0,
                -3.0,
                1e-310,
                2.2e-308,
                1e300,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
                0.997,
                71.25,
            ];
            for x in numbers {
                for y in numbers.into_iter().chain([-50.0, 2.0, 17.5, 1e5]) {
                    // SAFETY: the processor has the features.
                    let value = unsafe { pow_of_last_base(x, y) };
                    let expected = MathFn2::Pow.eval_f64(x, y);
                    assert!(
                        value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(),
                        "{x} ** {y}: {value} and {expected}"
                    );
                }
            }
        }
    }
}
