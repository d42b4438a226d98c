//! What a back end returns and what the cache stores: everything the runtime needs to load and call a kernel.

use serde::{Deserialize, Serialize};

use super::func::Remark;
use super::grid::GridProgram;
use super::parallel::{Combine, ReduceOp};
use super::trap::{Message, Trap};
use crate::base::{Diagnostic, Symbol};
use crate::types::{DType, Ty};

/// The types a kernel was compiled for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// The function's name.
    pub name: Symbol,
    /// Names and types of the parameters that the caller passes, in order. A parameter of type `None` or `Str` takes no words.
    pub params: Vec<(Symbol, Ty)>,
    /// Type of the result.
    pub ret: Ty,
    /// For each parameter: does the kernel store to its elements? (`false` for scalars.)
    pub writes: Vec<bool>,
    /// If the function ends in `return name` or `return a, b` with plain variables: their names, for `-o NAME=PATH`.
    pub ret_names: Vec<Option<Symbol>>,
}

/// Machine code, entry point, tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Artifact {
    /// The types.
    pub signature: Signature,
    /// Position-independent image without relocations.
    pub code: Vec<u8>,
    /// `extern "C" fn(ctx: *mut Context, args: *const u64, ret: *mut u64) -> i32` in the image.
    pub entry: EntryPoint,
    /// By number of the parallel loop.
    pub parallels: Vec<ParallelBody>,
    /// The kernels that parallel loops became, if it was compiled for a device too.
    pub grid: Option<GridProgram>,
    /// By number of the launch: kernels that the user wrote.
    pub launches: Vec<LaunchSite>,
    /// By trap number.
    pub traps: Vec<Trap>,
    /// By message number.
    pub messages: Vec<Message>,
    /// By path number.
    pub paths: Vec<Symbol>,
    /// For the user.
    pub remarks: Vec<Remark>,
    /// Warnings of the compilation, repeated on cache hits.
    pub warnings: Vec<Diagnostic>,
    /// May the kernel call itself? Then it needs a deep stack.
    pub is_recursive: bool,
}

/// A place in the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Byte offset.
    pub offset: u32,
}

/// Where the program launches a kernel that the user wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LaunchSite {
    /// The kernel's number among the functions of the program.
    pub func: u32,
    /// Words of the launch: its numbers, then the kernel's arguments.
    pub env_words: u32,
}

/// What the runtime needs to run one parallel loop (see [`super::ParallelCall`]).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ParallelBody {
    /// `extern "C" fn(ctx, env: *const u64, first: u64, end: u64, outputs: *mut u64) -> i32` in the image. `outputs` holds the
    /// initial values on entry and the results on success.
    pub entry: EntryPoint,
    /// The outlined body's number among the functions of the program.
    pub func: u32,
    /// Words of `env`.
    pub env_words: u32,
    /// Type and combination of each output.
    pub outputs: Vec<(DType, Combine)>,
    /// Arrays in `env` that are accumulated into.
    pub array_reductions: Vec<ArrayReductionSlot>,
    /// Arrays in `env` that must share no memory; if two do, the loop is one chunk.
    pub disjoint: Vec<(CapturedArray, CapturedArray)>,
    /// Does each iteration draw from a stream of its own?
    pub uses_random: bool,
    /// See [`super::ParallelCall::runs_in_lanes`].
    pub runs_in_lanes: bool,
}

/// An array among the captures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CapturedArray {
    /// First word of the array in `env`.
    pub env_word: u32,
    /// Element type and rank as in the calls of the table: `dtype_code | rank << 8`.
    pub code: u32,
}

/// An accumulated array among the captures.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ArrayReductionSlot {
    /// First word of the array in `env`.
    pub env_word: u32,
    /// Element type.
    pub dtype: DType,
    /// Number of axes.
    pub rank: u8,
    /// How.
    pub op: ReduceOp,
}
