//! The device side of an artifact: what the host needs to launch the kernels that parallel loops became.
//!
//! `backend/cuda` makes it, the runtime carries it out in place of the chunks of [`super::parallel`]. Everything is data: which
//! kernel, what goes into each of its parameters, how many blocks, under which conditions. All of it is worked out from
//! `env` (the captures of the loop as words, [`super::abi`]) and `trip` (its number of iterations) by the functions here, so
//! that every host does it the same way.
//!
//! One loop, in order:
//!
//! 1. [`GridLaunch::is_launchable`] says whether the arrays are such that the kernel may run at all; if not, the loop runs
//!    on the processor.
//! 2. [`GridLaunch::variant`] picks one of four ways to compile [`GridProgram::source`]; they differ in macros only.
//! 3. The kernel is launched with [`GridLaunch::geometry`], which [`GridLaunch::tiles`] and [`GridLaunch::chunks`] have a part in; none if there is nothing
//!    to do. If it has [`GridOrdered`] arrays, a kernel runs before it and one after it.
//! 4. If it has a [`GridFinish`], that kernel runs after it, one block.
//! 5. If [`GridLaunch::can_fail`], the error record tells which iteration failed; its `code` is a trap number plus 1.
//! 6. The outputs are read from the results, one word each as in `outputs`; if nothing was launched they keep their values.

use serde::{Deserialize, Serialize};

use super::abi::{ARRAY_HEAD_WORDS, dtype_from_code};
use super::ordered::{Chunks, GridOrdered};
use super::parallel::{MAX_TRIPS, ReduceOp};
use crate::base::Span;
use crate::types::DType;

/// The kernels of one artifact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GridProgram {
    /// CUDA C without any `#include`: all kernels of the module. Macros choose the variant ([`GridVariant::defines`]).
    pub source: String,
    /// What the compiler of the source must be told for the meaning to be right, such as `--fmad=false`.
    pub options: Vec<String>,
    /// Does the host's code say before it touches elements of arrays ([`super::RuntimeFn::HostAccess`])? Then they stay on the
    /// device between loops; if not, every loop gives back at once what it changed.
    pub tells_host_access: bool,
    /// By number of the parallel loop, as [`super::Artifact::parallels`]; then the kernels that the user launches, as
    /// [`super::Artifact::launches`].
    pub loops: Vec<GridLoop>,
}

/// What became of a parallel loop.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum GridLoop {
    /// A kernel.
    Mapped(Box<GridLaunch>),
    /// It runs on the processor.
    Host {
        /// Why, as in its remark.
        reason: String,
        /// Every array among the captures, so that the host has what it reads and the device forgets what it writes.
        arrays: Vec<GridArray>,
    },
}

/// How one parallel loop is launched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GridLaunch {
    /// The kernel's name in the source, `extern "C"`.
    pub kernel: String,
    /// Of the loop's head.
    pub span: Span,
    /// What the mapping is, for reports: one sentence.
    pub mapping: String,
    /// In the order of the kernel's parameters.
    pub params: Vec<GridParam>,
    /// Threads and blocks.
    pub shape: GridShape,
    /// Every array among the captures that the kernel touches. [`GridParam::Array`] counts here.
    pub arrays: Vec<GridArray>,
    /// Pairs of `arrays` that must share no memory; if two do, the loop runs on the processor.
    pub disjoint: Vec<(u32, u32)>,
    /// Numbers that are counted or indexed with: their sizes must be below [`NARROW_LIMIT`] for the narrow variant, below
    /// [`MAX_TRIPS`] for any.
    pub narrow: Vec<HostExpr>,
    /// Pairs of `arrays` that the variant with `__restrict__` takes to share no memory.
    pub restrict: Vec<(u32, u32)>,
    /// Dynamic shared memory that the kernel would like, in bytes. If it is more than [`SHARED_LIMIT`] it gets none, and
    /// [`GridParam::SharedBytes`] tells it.
    pub shared_bytes: Option<HostExpr>,
    /// Bytes that each block leaves in the partial results ([`GridParam::Partials`]); 0 if there are none.
    pub partial_bytes: u32,
    /// Combines the partial results.
    pub finish: Option<GridFinish>,
    /// Arrays whose elements are combined in the order of the processor: two more kernels, and chunks along y.
    pub ordered: Option<GridOrdered>,
    /// Type of each output, in the order of the loop's outputs. The results ([`GridParam::Results`]) are as many words.
    pub outputs: Vec<DType>,
    /// Does it write the error record? Then it is the first parameter.
    pub can_fail: bool,
}

/// The kernel of one block that makes results of the partial ones, in fixed order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GridFinish {
    /// Its name in the source.
    pub kernel: String,
    /// In the order of its parameters.
    pub params: Vec<GridParam>,
    /// Threads of the block.
    pub threads: u32,
}

/// What the host puts into one parameter of a kernel. Each has its natural size and alignment: pointers and
/// 64-bit numbers 8 bytes, `f32` and 32-bit numbers 4, `bool` 1.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum GridParam {
    /// Address of the [`ErrorRecord`].
    Error,
    /// A number that is counted or indexed with: 4 bytes in the narrow variant, 8 in the wide one.
    Index(HostExpr),
    /// A capture by value: the word of `env`, cut to the size of its type.
    Scalar {
        /// Its word.
        env_word: u32,
        /// Its type.
        dtype: DType,
    },
    /// A whole number of 64 bits.
    Int(HostExpr),
    /// Device address of the first element of that array of [`GridLaunch::arrays`] (all indices 0).
    Array(u32),
    /// Device address of the partial results: `blocks * partial_bytes`, aligned to 16; contents undefined.
    Partials,
    /// Number of blocks of the first kernel: 4 bytes.
    Blocks,
    /// Device address of the results, one word per output; contents undefined.
    Results,
    /// Value of an output before the loop, cut to the size of its type.
    Initial {
        /// Which output.
        output: u32,
        /// Its type.
        dtype: DType,
    },
    /// 8 bytes: the seed of `np.random`.
    RandomSeed,
    /// 8 bytes: the epoch of `np.random`.
    RandomEpoch,
    /// 4 bytes: how much dynamic shared memory the launch has.
    SharedBytes,
    /// As [`GridParam::Index`]: number of tiles, [`GridLaunch::tiles`].
    Tiles,
    /// 1 byte: may the elements of tiles be loaded together?
    AreTogether,
    /// Device address of the copies of that array of [`GridOrdered::arrays`]: one after the other, contents undefined.
    Copies(u32),
    /// 4 bytes: number of chunks.
    Chunks,
    /// As [`GridParam::Index`]: iterations that every chunk has at least, [`Chunks::size`].
    ChunkSize,
    /// 4 bytes: iterations that are left over, [`Chunks::rest`].
    ChunkRest,
}

/// An array among the captures, and what the kernel does with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GridArray {
    /// First word of the array in `env`.
    pub env_word: u32,
    /// Element type and rank: `dtype_code | rank << 8`, as in [`super::artifact::CapturedArray`].
    pub code: u32,
    /// Are elements read?
    pub is_read: bool,
    /// Are elements stored to, some perhaps not? (So what is there before must be on the device.)
    pub is_written: bool,
    /// Are elements accumulated into with that operation?
    pub accumulates: Option<ReduceOp>,
}

/// A whole number that the host works out. Everything wraps, except where said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HostExpr {
    /// Itself.
    Const(i64),
    /// A word of `env`.
    Word(u32),
    /// A word of `env` divided by a number of bytes: strides in elements. [`GridLaunch::is_launchable`] sees to it that
    /// nothing is left over.
    WordOver(u32, u32),
    /// Number of iterations of the loop.
    Trip,
    /// Sum.
    Add(Box<HostExpr>, Box<HostExpr>),
    /// Difference.
    Sub(Box<HostExpr>, Box<HostExpr>),
    /// Product; saturates.
    Mul(Box<HostExpr>, Box<HostExpr>),
    /// Quotient, rounded down; 0 for a divisor of 0.
    FloorDiv(Box<HostExpr>, Box<HostExpr>),
    /// The smaller.
    Min(Box<HostExpr>, Box<HostExpr>),
    /// The larger.
    Max(Box<HostExpr>, Box<HostExpr>),
}

/// Threads and blocks of a kernel.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum GridShape {
    /// Of a parallel loop: worked out from it.
    Mapped(MappedShape),
    /// Of a kernel that the user launches: blocks and threads are the first six words of `env`.
    Given,
}

/// Threads and blocks of a parallel loop. They depend on the loop and its arrays alone, never on the device, so that results do
/// not either.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MappedShape {
    /// Iterations along x, which neighbouring threads share out.
    pub x: HostExpr,
    /// Iterations along y, if two loops were collapsed.
    pub y: Option<HostExpr>,
    /// Threads of a block along x and y.
    pub threads: [u32; 2],
    /// Iterations along x that one thread should have before there are more blocks.
    pub items: u32,
    /// Most blocks along x and y; the threads go on with later iterations (the kernels stride over the grid).
    pub max_blocks: [u32; 2],
    /// Does a block do many iterations at once where there are enough?
    pub tile: Option<GridTile>,
}

/// A loop that streams through arrays does most of its iterations in tiles: a block takes one, and of every array a thread loads
/// several pieces of neighbouring elements, each at once, before it computes. What is left over is done one iteration per
/// thread.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GridTile {
    /// Iterations of a tile, [`GridParam::Tiles`] counts.
    pub iterations: u32,
    /// Fewer tiles than that do not fill a device: then there are none.
    pub least: u32,
    /// Arrays whose elements are accessed in pieces: place among [`GridLaunch::arrays`], and what the address of the first
    /// element must be a multiple of. Neighbours must lie side by side.
    pub arrays: Vec<(u32, u32)>,
    /// Does the order of iterations show in the results? Then it is that of tiles also where the arrays do not lie as they
    /// should, and elements are loaded one by one ([`GridParam::AreTogether`]).
    pub order_shows: bool,
    /// Of two loops as one: how many iterations the inner one has. There are tiles only if every array has as many elements along its
    /// last axis, so that all iterations lie side by side.
    pub row: Option<HostExpr>,
}

/// The tiles of one launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tiles {
    /// How many.
    pub count: u64,
    /// May elements be loaded together?
    pub are_together: bool,
}

/// Blocks of a grid and threads of a block, along x, y and z.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Blocks.
    pub blocks: [u32; 3],
    /// Threads of each.
    pub threads: [u32; 3],
}

/// One way to compile the source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct GridVariant {
    /// `index_t` has 64 bits.
    pub is_wide: bool,
    /// Arrays may share memory: no `__restrict__`.
    pub may_alias: bool,
}

/// What a failing thread leaves on the device. Zeroed by the host before it is used first and after every failure.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ErrorRecord {
    /// Taken by the thread that writes.
    pub lock: u32,
    /// Trap number plus 1; 0 as long as nothing failed.
    pub code: u32,
    /// The failing iteration; the lowest one wins.
    pub iteration: u64,
    /// Its block, counted along x first.
    pub block: u32,
    /// Its thread in the block, counted along x first.
    pub thread: u32,
    /// Arguments of the trap, as [`super::abi::context::TRAP_ARGS`].
    pub args: [u64; 8],
}

/// Numbers of the narrow variant are below this in size, and so are distances within arrays, in elements: sums of two fit
/// in 32 bits.
pub const NARROW_LIMIT: u64 = 1 << 30;
/// Dynamic shared memory that every device has.
pub const SHARED_LIMIT: u64 = 48 * 1024;

impl HostExpr {
    /// Its value for these captures and that number of iterations.
    #[must_use]
    pub fn eval(&self, env: &[u64], trip: u64) -> i64 {
        let word = |k: u32| env.get(k as usize).copied().unwrap_or(0) as i64;
        let both = |a: &HostExpr, b: &HostExpr| (a.eval(env, trip), b.eval(env, trip));
        match self {
            HostExpr::Const(value) => *value,
            HostExpr::Word(k) => word(*k),
            HostExpr::WordOver(k, bytes) => word(*k) / i64::from((*bytes).max(1)),
            HostExpr::Trip => trip as i64,
            HostExpr::Add(a, b) => {
                let (a, b) = both(a, b);
                a.wrapping_add(b)
            }
            HostExpr::Sub(a, b) => {
                let (a, b) = both(a, b);
                a.wrapping_sub(b)
            }
            HostExpr::Mul(a, b) => {
                let (a, b) = both(a, b);
                a.saturating_mul(b)
            }
            HostExpr::FloorDiv(a, b) => {
                let (a, b) = both(a, b);
                crate::numerics::int::floordiv_i64(a, b)
            }
            HostExpr::Min(a, b) => {
                let (a, b) = both(a, b);
                a.min(b)
            }
            HostExpr::Max(a, b) => {
                let (a, b) = both(a, b);
                a.max(b)
            }
        }
    }
}

impl GridVariant {
    /// All four.
    pub const ALL: [GridVariant; 4] = [
        GridVariant { is_wide: false, may_alias: false },
        GridVariant { is_wide: false, may_alias: true },
        GridVariant { is_wide: true, may_alias: false },
        GridVariant { is_wide: true, may_alias: true },
    ];

    /// Macros to define (to 1) before the source.
    #[must_use]
    pub fn defines(self) -> &'static [&'static str] {
        match (self.is_wide, self.may_alias) {
            (false, false) => &[],
            (false, true) => &["KJIT_MAY_ALIAS"],
            (true, false) => &["KJIT_WIDE"],
            (true, true) => &["KJIT_WIDE", "KJIT_MAY_ALIAS"],
        }
    }

    /// Bytes of `index_t`.
    #[must_use]
    pub fn index_bytes(self) -> usize {
        if self.is_wide { 8 } else { 4 }
    }
}

impl MappedShape {
    /// Blocks along x and y without tiles; `None` if there is nothing to do.
    ///
    /// ```
    /// use kjit_compiler::ir::grid::{HostExpr, MappedShape};
    /// let shape = MappedShape { x: HostExpr::Trip, y: None, threads: [256, 1], items: 1, max_blocks: [1000, 1], tile: None };
    /// assert_eq!(shape.blocks(&[], 0), None);
    /// assert_eq!(shape.blocks(&[], 257), Some([2, 1]));
    /// assert_eq!(shape.blocks(&[], 1 << 40), Some([1000, 1]));
    /// ```
    #[must_use]
    pub fn blocks(&self, env: &[u64], trip: u64) -> Option<[u32; 2]> {
        let along = |count: &HostExpr, per_block: u64, most: u32| {
            let count = u64::try_from(count.eval(env, trip)).unwrap_or(0);
            count.div_ceil(per_block.max(1)).min(u64::from(most)) as u32
        };
        let x = along(&self.x, u64::from(self.threads[0]) * u64::from(self.items), self.max_blocks[0]);
        let y = self.y.as_ref().map_or(1, |y| along(y, u64::from(self.threads[1]), self.max_blocks[1]));
        (x > 0 && y > 0).then_some([x, y])
    }
}

impl GridArray {
    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        dtype_from_code(self.code & 0xff).unwrap_or(DType::U8)
    }

    /// Number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        (self.code >> 8) as usize
    }

    /// Does the kernel change elements?
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.is_written || self.accumulates.is_some()
    }

    /// Host address, extents and strides in bytes.
    fn words<'a>(&self, env: &'a [u64]) -> (u64, &'a [u64], &'a [u64]) {
        let words = env.get(self.env_word as usize..).unwrap_or_default();
        let rank = self.rank();
        let axes = |from: usize| words.get(from..from + rank).unwrap_or_default();
        (words.first().copied().unwrap_or(0), axes(ARRAY_HEAD_WORDS), axes(ARRAY_HEAD_WORDS + rank))
    }

    /// Host memory that the elements lie in: first address and the one behind the last byte. Empty for an array without
    /// elements.
    #[must_use]
    pub fn host_range(&self, env: &[u64]) -> std::ops::Range<u64> {
        let (data, dims, strides) = self.words(env);
        if dims.contains(&0) {
            return data..data;
        }
        let (mut low, mut high) = (data, data.wrapping_add(self.dtype().size_bytes() as u64));
        for (&dim, &stride) in dims.iter().zip(strides) {
            let reach = (stride as i64).wrapping_mul(dim as i64 - 1);
            if reach < 0 {
                low = low.wrapping_add(reach as u64);
            } else {
                high = high.wrapping_add(reach as u64);
            }
        }
        low..high
    }

    /// Number of elements.
    #[must_use]
    pub fn element_count(&self, env: &[u64]) -> u64 {
        self.words(env).1.iter().fold(1, |count, &dim| count.saturating_mul(dim))
    }

    fn is_aligned(&self, env: &[u64]) -> bool {
        let (data, _, strides) = self.words(env);
        let part = self.dtype().part().size_bytes() as u64;
        let size = self.dtype().size_bytes() as i64;
        data.is_multiple_of(part) && strides.iter().all(|&stride| (stride as i64) % size == 0)
    }

    /// Do neighbours along the only axis lie side by side, or along both where a row has that many elements, and the first element at
    /// a multiple of `align`?
    fn is_together(&self, env: &[u64], align: u32, row: Option<u64>) -> bool {
        let (data, dims, strides) = self.words(env);
        let size = self.dtype().size_bytes() as u64;
        let is_dense = match row {
            None => strides == [size],
            Some(row) => dims.get(1) == Some(&row) && strides == [row.wrapping_mul(size), size],
        };
        is_dense && data.is_multiple_of(u64::from(align.max(1)))
    }

    fn is_narrow(&self, env: &[u64]) -> bool {
        let (_, dims, strides) = self.words(env);
        let size = self.dtype().size_bytes() as u64;
        let mut reach = 0_u64;
        for (&dim, &stride) in dims.iter().zip(strides) {
            let stride = (stride as i64).unsigned_abs() / size;
            if dim >= NARROW_LIMIT || stride >= NARROW_LIMIT {
                return false;
            }
            reach = reach.saturating_add(dim.saturating_sub(1).saturating_mul(stride));
        }
        reach < NARROW_LIMIT
    }
}

impl GridLaunch {
    /// May the kernel run with these captures? Elements must lie at multiples of their size from each other, what is counted
    /// must be no more than can be counted. (What must hold for the loop to be parallel at all,
    /// [`super::ParallelBody::disjoint`] and a cost above 0, is asked before.)
    #[must_use]
    pub fn is_launchable(&self, env: &[u64], trip: u64) -> bool {
        trip < MAX_TRIPS
            && self.arrays.iter().all(|array| array.is_aligned(env))
            && self.narrow.iter().all(|number| number.eval(env, trip).unsigned_abs() < MAX_TRIPS)
            && !self.do_share(&self.disjoint, env)
    }

    /// Blocks and threads; `None` if there is nothing to do. The program has checked those that are given.
    #[must_use]
    pub fn geometry(&self, env: &[u64], trip: u64, tiles: Tiles, chunks: Chunks) -> Option<Geometry> {
        match &self.shape {
            GridShape::Given => {
                let words: [u32; 6] =
                    std::array::from_fn(|k| u32::try_from(env.get(k).copied().unwrap_or(0)).unwrap_or(0));
                let [bx, by, bz, tx, ty, tz] = words;
                (!words.contains(&0)).then_some(Geometry { blocks: [bx, by, bz], threads: [tx, ty, tz] })
            }
            GridShape::Mapped(shape) => {
                let [x, y] = shape.blocks(env, trip)?;
                let y = y.saturating_mul(chunks.count);
                let threads = shape.threads;
                let many = tiles.count.min(u64::from(shape.max_blocks[0])) as u32;
                Some(match (tiles.count, &shape.y) {
                    (0, _) => Geometry { blocks: [x, y, 1], threads: [threads[0], threads[1], 1] },
                    (_, None) => Geometry { blocks: [many, y, 1], threads: [threads[0], threads[1], 1] },
                    // Tiles know nothing of two loops.
                    (_, Some(_)) => {
                        Geometry { blocks: [many, 1, 1], threads: [threads[0] * threads[1], 1, 1] }
                    }
                })
            }
        }
    }

    /// What the tiles of the loop are, if it has any.
    #[must_use]
    pub fn tiles(&self, env: &[u64], trip: u64) -> Tiles {
        let GridShape::Mapped(MappedShape { tile: Some(tile), .. }) = &self.shape else {
            return Tiles::default();
        };
        let row = tile.row.as_ref().map(|row| u64::try_from(row.eval(env, trip)).unwrap_or(0));
        let lie_right = |&(k, align): &(u32, u32)| {
            self.arrays.get(k as usize).is_some_and(|array| array.is_together(env, align, row))
        };
        let are_together = tile.arrays.iter().all(lie_right) && !self.do_share(&self.restrict, env);
        let count = trip.saturating_mul(row.unwrap_or(1)) / u64::from(tile.iterations.max(1));
        if count < u64::from(tile.least) || !(are_together || tile.order_shows) {
            return Tiles::default();
        }
        Tiles { count, are_together }
    }

    /// Do the arrays of one of the pairs share memory?
    fn do_share(&self, pairs: &[(u32, u32)], env: &[u64]) -> bool {
        let range = |k: u32| self.arrays.get(k as usize).map_or(0..0, |array| array.host_range(env));
        pairs.iter().any(|&(a, b)| {
            let (a, b) = (range(a), range(b));
            a.start < b.end && b.start < a.end
        })
    }

    /// The variant for these captures.
    #[must_use]
    pub fn variant(&self, env: &[u64], trip: u64) -> GridVariant {
        let fits = |value: i64| value.unsigned_abs() < NARROW_LIMIT;
        let is_narrow = trip < NARROW_LIMIT
            && self.arrays.iter().all(|array| array.is_narrow(env))
            && self.narrow.iter().all(|number| fits(number.eval(env, trip)));
        GridVariant { is_wide: !is_narrow, may_alias: self.do_share(&self.restrict, env) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::abi::dtype_code;

    fn launch(arrays: Vec<GridArray>, restrict: Vec<(u32, u32)>) -> GridLaunch {
        GridLaunch {
            kernel: "k".into(),
            span: Span::default(),
            mapping: String::new(),
            params: Vec::new(),
            shape: GridShape::Mapped(MappedShape {
                x: HostExpr::Trip,
                y: None,
                threads: [256, 1],
                items: 1,
                max_blocks: [9, 1],
                tile: None,
            }),
            arrays,
            disjoint: Vec::new(),
            narrow: vec![HostExpr::Word(10)],
            restrict,
            shared_bytes: None,
            partial_bytes: 0,
            finish: None,
            ordered: None,
            outputs: Vec::new(),
            can_fail: false,
        }
    }

    fn doubles(env_word: u32, rank: u32) -> GridArray {
        let code = dtype_code(DType::F64) | rank << 8;
        GridArray { env_word, code, is_read: true, is_written: false, accumulates: None }
    }

    #[test]
    fn the_variant_follows_shapes_numbers_and_memory() {
        // Two vectors of 4 elements, the second backwards, and a number.
        let mut env = vec![800, 0, 4, 8, 0, 864, 0, 4, -8_i64 as u64, 0, 7];
        let two = launch(vec![doubles(0, 1), doubles(5, 1)], vec![(0, 1)]);
        assert_eq!(two.arrays[0].host_range(&env), 800..832);
        assert_eq!(two.arrays[1].host_range(&env), 840..872);
        assert_eq!(two.variant(&env, 4), GridVariant { is_wide: false, may_alias: false });
        env[5] = 848;
        assert_eq!(two.variant(&env, 4), GridVariant { is_wide: false, may_alias: true });
        env[2] = 0;
        assert_eq!(two.variant(&env, 4), GridVariant::default(), "nothing shares memory with nothing");
        env[10] = -5_000_000_000_i64 as u64;
        assert!(two.variant(&env, 4).is_wide);
        env[10] = 0;
        assert!(two.variant(&env, 1 << 30).is_wide);
        env[3] = 12;
        assert!(!two.is_launchable(&env, 4));
    }

    #[test]
    fn a_large_matrix_is_wide_though_its_extents_are_small() {
        let env = [0, 0, 40_000, 40_000, 320_000, 8, 0, 0, 0, 0, 0];
        let one = launch(vec![doubles(0, 2)], Vec::new());
        assert!(one.variant(&env, 4).is_wide);
        let env = [0, 0, 4000, 4000, 32_000, 8, 0, 0, 0, 0, 0];
        assert!(!one.variant(&env, 4).is_wide);
    }

    #[test]
    fn tiles_want_whole_pieces_side_by_side() {
        let mut one = launch(vec![doubles(0, 1), doubles(5, 1)], vec![(0, 1)]);
        let tile = |order_shows| GridTile {
            iterations: 100,
            least: 3,
            arrays: vec![(0, 16), (1, 16)],
            order_shows,
            row: None,
        };
        let GridShape::Mapped(shape) = &mut one.shape else { panic!() };
        shape.tile = Some(tile(false));
        let mut env = vec![1600, 0, 4, 8, 0, 16064, 0, 4, 8, 0, 7];
        let blocks = |launch: &GridLaunch, env: &[u64], trip| {
            launch
                .geometry(env, trip, launch.tiles(env, trip), Chunks::one(trip))
                .map(|geometry| geometry.blocks)
        };
        assert_eq!(one.tiles(&env, 299), Tiles::default(), "too few");
        assert_eq!(blocks(&one, &env, 299), Some([2, 1, 1]));
        assert_eq!(one.tiles(&env, 399), Tiles { count: 3, are_together: true });
        assert_eq!(blocks(&one, &env, 399), Some([3, 1, 1]));
        assert_eq!(blocks(&one, &env, 4000), Some([9, 1, 1]));
        env[5] += 8;
        assert_eq!(one.tiles(&env, 399), Tiles::default(), "the second one lies askew");
        env[5] = 1616;
        assert_eq!(one.tiles(&env, 399), Tiles::default(), "they share memory");
        env[5] = 16064;
        env[3] = 16;
        assert_eq!(one.tiles(&env, 399), Tiles::default(), "every second element");
        let GridShape::Mapped(shape) = &mut one.shape else { panic!() };
        shape.tile = Some(tile(true));
        assert_eq!(one.tiles(&env, 399), Tiles { count: 3, are_together: false });
    }

    #[test]
    fn tiles_of_two_loops_want_whole_rows() {
        let mut one = launch(vec![doubles(0, 2)], Vec::new());
        let GridShape::Mapped(shape) = &mut one.shape else { panic!() };
        shape.y = Some(HostExpr::Trip);
        shape.threads = [32, 8];
        shape.tile = Some(GridTile {
            iterations: 100,
            least: 3,
            arrays: vec![(0, 16)],
            order_shows: false,
            row: Some(HostExpr::Word(6)),
        });
        let mut env = vec![1600, 0, 40, 50, 400, 8, 50];
        let tiles = one.tiles(&env, 40);
        assert_eq!(tiles, Tiles { count: 20, are_together: true });
        let geometry = one.geometry(&env, 40, tiles, Chunks::one(40)).unwrap();
        assert_eq!((geometry.blocks, geometry.threads), ([9, 1, 1], [256, 1, 1]));
        env[6] = 49;
        assert_eq!(one.tiles(&env, 40), Tiles::default(), "the last column is left out");
        (env[6], env[4]) = (50, 408);
        assert_eq!(one.tiles(&env, 40), Tiles::default(), "a gap behind each row");
    }

    #[test]
    fn the_record_is_as_the_kernels_know_it() {
        assert_eq!(size_of::<ErrorRecord>(), 88);
        assert_eq!(std::mem::offset_of!(ErrorRecord, iteration), 8);
        assert_eq!(std::mem::offset_of!(ErrorRecord, args), 24);
    }
}
