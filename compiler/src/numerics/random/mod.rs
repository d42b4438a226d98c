//! Random numbers: NumPy's streams, bit for bit.
//!
//! | here | in NumPy |
//! |---|---|
//! | [`Mt19937`] with [`legacy`] | `np.random.seed(s)`, `np.random.random()`, `.normal()`, `.randint()` |
//! | [`Pcg64`] with [`generator`] | `np.random.default_rng(s)`, `.random()`, `.normal()`, `.integers()` |
//! | [`Philox`] with [`legacy`] | one stream per iteration of a parallel loop; `np.random.RandomState(Philox(...))` |
//! | [`KernelRandom`] | what `np.random.*` means in a kernel: the first, and the third inside parallel loops |
//!
//! A source of bits is a [`BitSource`]; the distributions take any.

mod c_log;
pub mod generator;
pub mod legacy;
mod mt19937;
mod pcg64;
pub mod philox;
mod seed_sequence;
mod streams;
mod ziggurat_tables;

// For device code, which has the same algorithm in another language.
pub(crate) use c_log::TABLE as RECIPROCALS_AND_LOGS;
pub use mt19937::Mt19937;
pub use pcg64::{PCG64_WORDS, Pcg64};
pub use philox::Philox;
pub use seed_sequence::SeedSequence;
pub use streams::KernelRandom;

/// A stream of random bits.
pub trait BitSource {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64;

    /// The next 32 bits; a source of 64 bits hands out the low half first and keeps the other.
    fn next_u32(&mut self) -> u32;

    /// Uniform in [0, 1): a multiple of 2^-53.
    #[inline]
    fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }
}

#[cfg(test)]
mod tests;
