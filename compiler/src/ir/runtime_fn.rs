//! Services of the runtime that a program may call: one row each.

use serde::{Deserialize, Serialize};

use crate::types::DType;

/// Type of an operand or a result of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServiceTy {
    /// A number.
    Scalar(DType),
    /// A generator's state: `u64[::1]` of [`crate::numerics::random::PCG64_WORDS`] elements.
    Generator,
    /// Any array; `load` makes one.
    Array,
}

macro_rules! services {
    ($($(#[$doc:meta])* $variant:ident $name:literal ($($param:expr),*) -> ($($result:expr),*);)*) => {
        /// A service. Native code calls it as
        /// `extern "C" fn(ctx, args: *const u64, results: *mut u64) -> i32` with operands and results flattened to words
        /// ([`crate::ir::abi`]); a status other than 0 is a failure. Those with a [`RuntimeFn::direct_signature`] are called
        /// with that instead.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RuntimeFn { $($(#[$doc])* $variant),* }

        impl RuntimeFn {
            /// Every service, in table order.
            pub const ALL: &[RuntimeFn] = &[$(RuntimeFn::$variant),*];

            /// Its name in the text form.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(RuntimeFn::$variant => $name),* }
            }

            /// Its operands.
            #[must_use]
            pub fn params(self) -> &'static [ServiceTy] {
                use ServiceTy::*;
                match self { $(RuntimeFn::$variant => &[$($param),*]),* }
            }

            /// Its results.
            #[must_use]
            pub fn results(self) -> &'static [ServiceTy] {
                use ServiceTy::*;
                match self { $(RuntimeFn::$variant => &[$($result),*]),* }
            }
        }
    };
}

services! {
    /// `np.random.seed(seed)`: the call's MT19937 (inside a parallel iteration: that iteration's stream).
    RandomSeed "random_seed" (Scalar(DType::I64)) -> ();
    /// `np.random.random()`: uniform in [0, 1).
    RandomF64 "random_f64" () -> (Scalar(DType::F64));
    /// `np.random.uniform(low, high)`.
    RandomUniform "random_uniform" (Scalar(DType::F64), Scalar(DType::F64)) -> (Scalar(DType::F64));
    /// `np.random.normal(mean, deviation)`; also `standard_normal`.
    RandomNormal "random_normal" (Scalar(DType::F64), Scalar(DType::F64)) -> (Scalar(DType::F64));
    /// `np.random.randint(low, high)`; fails unless low < high.
    RandomInt "random_int" (Scalar(DType::I64), Scalar(DType::I64)) -> (Scalar(DType::I64));
    /// First statement of an iteration of a `prange` that draws: from here on `np.random` draws from the counter-based
    /// stream of (seed, epoch of the call, key of the loop, number of the iteration).
    RandomIteration "random_iteration" (Scalar(DType::U64), Scalar(DType::I64)) -> ();
    /// What the streams of the iterations of the loop with this key have in common: seed, epoch, lineage. Made by the pass `draws`,
    /// which then needs no [`RuntimeFn::RandomIteration`].
    RandomStream "random_stream" (Scalar(DType::U64))
        -> (Scalar(DType::U64), Scalar(DType::U64), Scalar(DType::U64));
    /// After a `prange` that draws, serial or parallel, with the key of the loop: back to the stream before it; the epoch goes up by
    /// one, so that the next run of the loop draws other numbers.
    RandomLoopEnd "random_loop_end" (Scalar(DType::U64)) -> ();
    /// Fills a generator's state from `np.random.default_rng(seed)`.
    GeneratorSeed "generator_seed" (Generator, Scalar(DType::I64)) -> ();
    /// `rng.random()`.
    GeneratorF64 "generator_f64" (Generator) -> (Scalar(DType::F64));
    /// `rng.uniform(low, high)`.
    GeneratorUniform "generator_uniform" (Generator, Scalar(DType::F64), Scalar(DType::F64)) -> (Scalar(DType::F64));
    /// `rng.normal(mean, deviation)`; also `standard_normal`.
    GeneratorNormal "generator_normal" (Generator, Scalar(DType::F64), Scalar(DType::F64)) -> (Scalar(DType::F64));
    /// `rng.integers(low, high)`; fails unless low < high.
    GeneratorInt "generator_int" (Generator, Scalar(DType::I64), Scalar(DType::I64)) -> (Scalar(DType::I64));
    /// In code of the host that runs beside kernels on a device ([`crate::ir::grid`]): what is read (1), written (2) or both (3) from
    /// here on are elements of this array, of that dtype code and rank. Whoever runs kernels has the elements on the host
    /// then, and forgets those on the device if they are written.
    HostAccess "host_access" (Scalar(DType::I64), Scalar(DType::I64), Scalar(DType::I64), Array) -> ();
    /// `cuda.event()`: a number for it. Recorded times belong to the call.
    EventNew "event_new" () -> (Scalar(DType::I64));
    /// `event.record()`: the moment when all work that was given to the device so far is done; without a device, now.
    EventRecord "event_record" (Scalar(DType::I64)) -> ();
    /// `start.elapsed_time(end)` in milliseconds; waits for both. Fails if one was not recorded.
    EventElapsed "event_elapsed" (Scalar(DType::I64), Scalar(DType::I64)) -> (Scalar(DType::F64));
    /// `np.load(path)`: path by number, expected dtype code and rank; fails if the file differs.
    Load "load" (Scalar(DType::I64), Scalar(DType::I64), Scalar(DType::I64)) -> (Array);
    /// `np.save(path, array)`: path by number, dtype code, rank, the array.
    Save "save" (Scalar(DType::I64), Scalar(DType::I64), Scalar(DType::I64), Array) -> ();
    /// A function of a complex number, by its position in `MathFn1::ALL`: `numerics::complex::eval_one`.
    ComplexMath "complex_math" (Scalar(DType::I64), Scalar(DType::F64), Scalar(DType::F64))
        -> (Scalar(DType::F64), Scalar(DType::F64));
    /// A complex number to the power of another: `numerics::complex::pow`.
    ComplexPow "complex_pow" (Scalar(DType::F64), Scalar(DType::F64), Scalar(DType::F64), Scalar(DType::F64))
        -> (Scalar(DType::F64), Scalar(DType::F64));
    /// That many floating-point operations were done. Made by the pass `count`.
    CountOperations "count_operations" (Scalar(DType::I64)) -> ();
    /// Python's `round(x, digits)`: `numerics::float::round_half_even_digits`.
    RoundDigits "round_digits" (Scalar(DType::F64), Scalar(DType::I64)) -> (Scalar(DType::F64));
}

impl RuntimeFn {
    /// For what is called often and cannot fail: `extern "C" fn(ctx, operands) -> result`, in registers. Spells the parameters,
    /// the context first, and after `>` the result: `i` for 64 bits, `d` for `f64`. A generator is the address of its state.
    #[must_use]
    pub fn direct_signature(self) -> Option<&'static str> {
        match self {
            RuntimeFn::RandomF64 => Some("i>d"),
            RuntimeFn::RandomIteration => Some("iii"),
            RuntimeFn::GeneratorF64 => Some("ii>d"),
            RuntimeFn::RandomSeed
            | RuntimeFn::RandomUniform
            | RuntimeFn::RandomNormal
            | RuntimeFn::RandomInt
            | RuntimeFn::RandomStream
            | RuntimeFn::RandomLoopEnd
            | RuntimeFn::GeneratorSeed
            | RuntimeFn::GeneratorUniform
            | RuntimeFn::GeneratorNormal
            | RuntimeFn::GeneratorInt
            | RuntimeFn::HostAccess
            | RuntimeFn::EventNew
            | RuntimeFn::EventRecord
            | RuntimeFn::EventElapsed
            | RuntimeFn::Load
            | RuntimeFn::Save
            | RuntimeFn::ComplexMath
            | RuntimeFn::ComplexPow
            | RuntimeFn::CountOperations
            | RuntimeFn::RoundDigits => None,
        }
    }
}
