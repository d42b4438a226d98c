//! Arrays that a parallel loop on a GPU combines elements of in the order of the processor.
//!
//! Sums of floats show the order in which they were made. The processor makes them in chunks ([`super::parallel`]): the first one
//! goes on from what the array has, every other one has a copy of its own that starts from the identity, and the copies are
//! combined in the order of the chunks. A GPU does the same with as many copies, in three kernels: one fills them, one runs
//! the iterations, one combines them. A row of blocks of the second (`blockIdx.y`) has a chunk. Its threads share out the *elements*:
//! each goes through all iterations of the chunk in order, for those that are its own.

use serde::{Deserialize, Serialize};

use super::grid::{GridLaunch, GridParam, HostExpr};
use super::parallel::{chunk_count, chunk_range};

/// The arrays of a loop whose elements are combined in the order of the processor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GridOrdered {
    /// Their places among [`GridLaunch::arrays`]; [`GridParam::Copies`] counts here.
    pub arrays: Vec<u32>,
    /// Fills the copies, as many rows of blocks as there are chunks.
    pub begin: GridStep,
    /// Combines them into the arrays, one row of blocks.
    pub finish: GridStep,
    /// Threads of a chunk that have something to do, about. Few of them are slower than a processor.
    pub busy: HostExpr,
}

/// A kernel over the elements of arrays.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GridStep {
    /// Its name in the source.
    pub kernel: String,
    /// In the order of its parameters.
    pub params: Vec<GridParam>,
    /// Threads of a block.
    pub threads: u32,
    /// Elements of the largest array.
    pub elements: HostExpr,
}

/// The chunks of one launch, as the processor makes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunks {
    /// How many.
    pub count: u32,
    /// Iterations that each has at least.
    pub size: u64,
    /// Iterations that are left over.
    pub rest: u32,
}

impl Chunks {
    /// One that has all iterations.
    #[must_use]
    pub fn one(trip: u64) -> Chunks {
        Chunks { count: 1, size: trip, rest: 0 }
    }

    /// The first iteration of a chunk, as kernels work it out: without a product of two large numbers.
    ///
    /// ```
    /// use kjit_compiler::ir::ordered::Chunks;
    /// let chunks = Chunks { count: 3, size: 3, rest: 1 };
    /// assert_eq!([0, 1, 2, 3].map(|k| chunks.first(k)), [0, 3, 6, 10]);
    /// ```
    #[must_use]
    pub fn first(self, chunk: u32) -> u64 {
        self.size * u64::from(chunk) + u64::from(self.rest * chunk / self.count)
    }
}

impl GridStep {
    /// Blocks that have something to do, along x.
    #[must_use]
    pub fn blocks(&self, env: &[u64], trip: u64) -> u32 {
        let elements = u64::try_from(self.elements.eval(env, trip)).unwrap_or(0);
        elements.div_ceil(u64::from(self.threads.max(1))).clamp(1, 1 << 20) as u32
    }
}

impl GridLaunch {
    /// The chunks of a loop with ordered arrays: those that the processor makes. Of another one a single chunk.
    #[must_use]
    pub fn chunks(&self, env: &[u64], trip: u64, cost_ns: f64) -> Chunks {
        if self.ordered.is_none() {
            return Chunks::one(trip);
        }
        let accumulated = self.arrays.iter().filter(|array| array.accumulates.is_some());
        let copied = accumulated.map(|array| array.element_count(env)).fold(0, u64::saturating_add);
        let count = chunk_count(trip, cost_ns, Some(copied));
        let chunks = Chunks { count: count as u32, size: trip / count, rest: (trip % count) as u32 };
        debug_assert!(
            (0..=count).all(|k| k == count || chunk_range(trip, count, k).start == chunks.first(k as u32))
        );
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_begin_where_those_of_the_processor_do() {
        for trip in [0_u64, 1, 15, 16, 17, 255, 1 << 20, (1 << 47) + 12_345] {
            for count in 1..=16_u32 {
                let chunks =
                    Chunks { count, size: trip / u64::from(count), rest: (trip % u64::from(count)) as u32 };
                for chunk in 0..count {
                    let range = chunk_range(trip, u64::from(count), u64::from(chunk));
                    assert_eq!(chunks.first(chunk)..chunks.first(chunk + 1), range, "{trip} in {count}");
                }
            }
        }
    }
}
