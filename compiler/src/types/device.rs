//! What only a thread of a GPU kernel can do: the names of Numba's `cuda` module, one row each.
//!
//! Most are one statement of the IR ([`crate::ir::Stmt::Device`]); a few (`cuda.grid`) are expanded in `lower`.

use serde::{Deserialize, Serialize};

/// One of the three axes of a grid or of a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GridAxis {
    /// Neighbouring threads differ in it.
    X,
    /// The second one.
    Y,
    /// The third one.
    Z,
}

/// How an atomic operation changes an element. All give its value before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AtomicOp {
    /// `old + value`.
    Add,
    /// `old - value`.
    Sub,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
    /// `old & value`, integers.
    And,
    /// `old | value`, integers.
    Or,
    /// `old ^ value`, integers.
    Xor,
    /// `value`.
    Exch,
    /// `value` if `old` equals the expected one, else `old`.
    Cas,
}

/// From which lane of the warp a value is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Shuffle {
    /// The lane named.
    Idx,
    /// So many lanes below.
    Up,
    /// So many lanes above.
    Down,
    /// The lane whose number differs in these bits.
    Xor,
}

/// What is asked of the lanes of a warp.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Vote {
    /// Is it true on all lanes?
    All,
    /// Is it true on one?
    Any,
    /// Is it the same on all?
    Eq,
    /// One bit per lane.
    Ballot,
}

/// Whose threads see all writes before it, once they see one after it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Those of the block.
    Block,
    /// Those of the device.
    Device,
    /// Those of all devices, and the host.
    System,
}

/// A function, or an attribute, of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeviceFn {
    /// `cuda.threadIdx.x`: position in the block.
    ThreadIdx(GridAxis),
    /// `cuda.blockIdx.x`: position of the block in the grid.
    BlockIdx(GridAxis),
    /// `cuda.blockDim.x`: threads per block.
    BlockDim(GridAxis),
    /// `cuda.gridDim.x`: blocks.
    GridDim(GridAxis),
    /// `cuda.grid(n)` along an axis: position in the whole grid.
    Grid(GridAxis),
    /// `cuda.gridsize(n)` along an axis: threads of the whole grid.
    GridSize(GridAxis),
    /// `cuda.laneid`: position in the warp.
    LaneId,
    /// `cuda.syncthreads()`: all threads of the block arrive before one goes on.
    SyncThreads,
    /// `cuda.syncthreads_count(p)`: for how many it was true.
    SyncThreadsCount,
    /// `cuda.syncthreads_and(p)`.
    SyncThreadsAnd,
    /// `cuda.syncthreads_or(p)`.
    SyncThreadsOr,
    /// `cuda.syncwarp(mask)`.
    SyncWarp,
    /// `cuda.threadfence()` and its relatives.
    Fence(Scope),
    /// `cuda.atomic.add(array, index, value)` and its relatives.
    Atomic(AtomicOp),
    /// `cuda.shfl_sync(mask, value, lane)` and its relatives.
    Shuffle(Shuffle),
    /// `cuda.all_sync(mask, p)` and its relatives.
    Vote(Vote),
    /// `cuda.activemask()`.
    ActiveMask,
    /// `cuda.popc(x)`: bits that are set.
    Popc,
    /// `cuda.brev(x)`: bits in the opposite order.
    Brev,
    /// `cuda.clz(x)`: zeros above the highest bit that is set.
    Clz,
    /// `cuda.ffs(x)`: position of the lowest bit that is set, counted from 1; 0 if there is none.
    Ffs,
    /// `cuda.fma(a, b, c)`: `a * b + c`, rounded once.
    Fma,
    /// `cuda.rsqrt(x)`: `1 / sqrt(x)`.
    Rsqrt,
    /// `cuda.shared.array(shape, dtype)`: one for all threads of the block.
    SharedArray,
    /// `cuda.local.array(shape, dtype)`: one per thread.
    LocalArray,
    /// `cuda.const.array_like(table)`: elements that are known at compile time. Its values are the extents, then all elements.
    ConstArray,
}

/// Spelling, meaning, names of the parameters.
type Row = (&'static str, DeviceFn, &'static [&'static str]);

/// The functions, by their path after `cuda.`.
const FUNCTIONS: &[Row] = &[
    ("activemask", DeviceFn::ActiveMask, &[]),
    ("all_sync", DeviceFn::Vote(Vote::All), &["mask", "predicate"]),
    ("any_sync", DeviceFn::Vote(Vote::Any), &["mask", "predicate"]),
    ("atomic.add", DeviceFn::Atomic(AtomicOp::Add), &["ary", "idx", "val"]),
    ("atomic.and_", DeviceFn::Atomic(AtomicOp::And), &["ary", "idx", "val"]),
    ("atomic.cas", DeviceFn::Atomic(AtomicOp::Cas), &["ary", "idx", "old", "val"]),
    ("atomic.exch", DeviceFn::Atomic(AtomicOp::Exch), &["ary", "idx", "val"]),
    ("atomic.max", DeviceFn::Atomic(AtomicOp::Max), &["ary", "idx", "val"]),
    ("atomic.min", DeviceFn::Atomic(AtomicOp::Min), &["ary", "idx", "val"]),
    ("atomic.or_", DeviceFn::Atomic(AtomicOp::Or), &["ary", "idx", "val"]),
    ("atomic.sub", DeviceFn::Atomic(AtomicOp::Sub), &["ary", "idx", "val"]),
    ("atomic.xor", DeviceFn::Atomic(AtomicOp::Xor), &["ary", "idx", "val"]),
    ("ballot_sync", DeviceFn::Vote(Vote::Ballot), &["mask", "predicate"]),
    ("brev", DeviceFn::Brev, &["x"]),
    ("clz", DeviceFn::Clz, &["x"]),
    ("const.array_like", DeviceFn::ConstArray, &["ary"]),
    ("eq_sync", DeviceFn::Vote(Vote::Eq), &["mask", "predicate"]),
    ("ffs", DeviceFn::Ffs, &["x"]),
    ("fma", DeviceFn::Fma, &["a", "b", "c"]),
    ("local.array", DeviceFn::LocalArray, &["shape", "dtype"]),
    ("popc", DeviceFn::Popc, &["x"]),
    ("rsqrt", DeviceFn::Rsqrt, &["x"]),
    ("shared.array", DeviceFn::SharedArray, &["shape", "dtype"]),
    ("shfl_down_sync", DeviceFn::Shuffle(Shuffle::Down), &["mask", "value", "delta"]),
    ("shfl_sync", DeviceFn::Shuffle(Shuffle::Idx), &["mask", "value", "src_lane"]),
    ("shfl_up_sync", DeviceFn::Shuffle(Shuffle::Up), &["mask", "value", "delta"]),
    ("shfl_xor_sync", DeviceFn::Shuffle(Shuffle::Xor), &["mask", "value", "lane_mask"]),
    ("syncthreads", DeviceFn::SyncThreads, &[]),
    ("syncthreads_and", DeviceFn::SyncThreadsAnd, &["predicate"]),
    ("syncthreads_count", DeviceFn::SyncThreadsCount, &["predicate"]),
    ("syncthreads_or", DeviceFn::SyncThreadsOr, &["predicate"]),
    ("syncwarp", DeviceFn::SyncWarp, &["mask"]),
    ("threadfence", DeviceFn::Fence(Scope::Device), &[]),
    ("threadfence_block", DeviceFn::Fence(Scope::Block), &[]),
    ("threadfence_system", DeviceFn::Fence(Scope::System), &[]),
];

impl DeviceFn {
    /// The function that a path after `cuda.` names.
    ///
    /// ```
    /// use kjit_compiler::types::device::{AtomicOp, DeviceFn};
    /// assert_eq!(DeviceFn::function("atomic.add"), Some(DeviceFn::Atomic(AtomicOp::Add)));
    /// assert_eq!(DeviceFn::function("threadIdx.x"), None);
    /// ```
    #[must_use]
    pub fn function(path: &str) -> Option<DeviceFn> {
        FUNCTIONS.binary_search_by(|row| row.0.cmp(path)).ok().map(|at| FUNCTIONS[at].1)
    }

    /// The attribute that a path after `cuda.` names.
    ///
    /// ```
    /// use kjit_compiler::types::device::{DeviceFn, GridAxis};
    /// assert_eq!(DeviceFn::attribute("blockDim.y"), Some(DeviceFn::BlockDim(GridAxis::Y)));
    /// ```
    #[must_use]
    pub fn attribute(path: &str) -> Option<DeviceFn> {
        if path == "laneid" {
            return Some(DeviceFn::LaneId);
        }
        let (base, axis) = path.split_once('.')?;
        let axis = match axis {
            "x" => GridAxis::X,
            "y" => GridAxis::Y,
            "z" => GridAxis::Z,
            _ => return None,
        };
        match base {
            "threadIdx" => Some(DeviceFn::ThreadIdx(axis)),
            "blockIdx" => Some(DeviceFn::BlockIdx(axis)),
            "blockDim" => Some(DeviceFn::BlockDim(axis)),
            "gridDim" => Some(DeviceFn::GridDim(axis)),
            _ => None,
        }
    }

    /// Its spelling after `cuda.`, which is also its name in the text of the IR.
    #[must_use]
    pub fn name(self) -> &'static str {
        let axis = |names: [&'static str; 3], axis| match axis {
            GridAxis::X => names[0],
            GridAxis::Y => names[1],
            GridAxis::Z => names[2],
        };
        match self {
            DeviceFn::ThreadIdx(a) => axis(["threadIdx.x", "threadIdx.y", "threadIdx.z"], a),
            DeviceFn::BlockIdx(a) => axis(["blockIdx.x", "blockIdx.y", "blockIdx.z"], a),
            DeviceFn::BlockDim(a) => axis(["blockDim.x", "blockDim.y", "blockDim.z"], a),
            DeviceFn::GridDim(a) => axis(["gridDim.x", "gridDim.y", "gridDim.z"], a),
            DeviceFn::Grid(a) => axis(["grid.x", "grid.y", "grid.z"], a),
            DeviceFn::GridSize(a) => axis(["gridsize.x", "gridsize.y", "gridsize.z"], a),
            DeviceFn::LaneId => "laneid",
            function => FUNCTIONS.iter().find(|row| row.1 == function).map_or("", |row| row.0),
        }
    }

    /// Names of its parameters; only the mask of `syncwarp` may be left out.
    #[must_use]
    pub fn params(self) -> &'static [&'static str] {
        FUNCTIONS.iter().find(|row| row.1 == self).map_or(&[], |row| row.2)
    }

    /// Must all threads of the block, or of the mask, arrive, or do others see memory through it? Then no read and no write of
    /// memory moves across it.
    #[must_use]
    pub fn orders_memory(self) -> bool {
        match self {
            DeviceFn::SyncThreads
            | DeviceFn::SyncThreadsCount
            | DeviceFn::SyncThreadsAnd
            | DeviceFn::SyncThreadsOr
            | DeviceFn::SyncWarp
            | DeviceFn::Fence(_)
            | DeviceFn::Atomic(_)
            | DeviceFn::Shuffle(_)
            | DeviceFn::Vote(_) => true,
            DeviceFn::ThreadIdx(_)
            | DeviceFn::BlockIdx(_)
            | DeviceFn::BlockDim(_)
            | DeviceFn::GridDim(_)
            | DeviceFn::Grid(_)
            | DeviceFn::GridSize(_)
            | DeviceFn::LaneId
            | DeviceFn::ActiveMask
            | DeviceFn::Popc
            | DeviceFn::Brev
            | DeviceFn::Clz
            | DeviceFn::Ffs
            | DeviceFn::Fma
            | DeviceFn::Rsqrt
            | DeviceFn::SharedArray
            | DeviceFn::LocalArray
            | DeviceFn::ConstArray => false,
        }
    }

    /// Is its result an array, which exists once wherever it is asked for?
    #[must_use]
    pub fn makes_array(self) -> bool {
        matches!(self, DeviceFn::SharedArray | DeviceFn::LocalArray | DeviceFn::ConstArray)
    }

    /// Every one, attributes too.
    pub fn all() -> impl Iterator<Item = DeviceFn> {
        let axes = [GridAxis::X, GridAxis::Y, GridAxis::Z];
        let indices = axes.into_iter().flat_map(|a| {
            [
                DeviceFn::ThreadIdx(a),
                DeviceFn::BlockIdx(a),
                DeviceFn::BlockDim(a),
                DeviceFn::GridDim(a),
                DeviceFn::Grid(a),
                DeviceFn::GridSize(a),
            ]
        });
        FUNCTIONS.iter().map(|row| row.1).chain(indices).chain([DeviceFn::LaneId])
    }

    /// The names after `cuda.`, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.iter().map(|row| row.0).chain([
            "threadIdx.x",
            "blockIdx.x",
            "blockDim.x",
            "gridDim.x",
            "laneid",
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_one_to_one() {
        assert!(FUNCTIONS.windows(2).all(|rows| rows[0].0 < rows[1].0));
        for row in FUNCTIONS {
            assert_eq!(row.1.name(), row.0);
            assert_eq!(row.1.params(), row.2);
        }
    }
}
