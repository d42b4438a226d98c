//! Reductions and the outlined form of parallel loops, with the one plan that all engines follow.

use serde::{Deserialize, Serialize};

use super::expr::{BinaryOp, ExprId};
use super::func::{ArrayId, Func, FuncId, LocalId, LoopId, Program};
use super::stmt::{Operand, Stmt};
use crate::types::DType;

/// How values of different iterations are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum ReduceOp {
    /// `+`, and `-=` as the addition of the negated value.
    Add,
    /// `*`.
    Mul,
    /// `right if right < left else left`.
    Min,
    /// `right if right > left else left`.
    Max,
    /// `&` on integers and truth values.
    And,
    /// `|`.
    Or,
    /// `^`.
    Xor,
}

/// A scalar reduction of a parallel loop.
#[derive(Clone, PartialEq, Debug)]
pub struct Reduction {
    /// The local; its value before the loop takes part.
    pub local: LocalId,
    /// How.
    pub op: ReduceOp,
    /// Locals that travel with `local` when `op` is `Min` or `Max`: the argmin/argmax form
    /// `if x < best: best = x; where = i`. A later chunk replaces the group only if strictly better.
    pub companions: Vec<LocalId>,
}

/// Loops of fewer iterations than this keep the order of their sums and products, whatever `fastmath` allows: setting and
/// combining partial results would take longer than they do, and an outer loop can do many short sums at a time.
pub const REGROUPED_FROM: u64 = 16;

/// Does a `Serial` loop with reductions regroup them if it has that many iterations?
///
/// ```
/// use kjit_compiler::ir::parallel::{REGROUPED_FROM, regroups};
/// assert!(!regroups(REGROUPED_FROM - 1) && regroups(REGROUPED_FROM));
/// ```
#[must_use]
pub const fn regroups(trip: u64) -> bool {
    trip >= REGROUPED_FROM
}

/// Number of partial results of a regrouped sum or product in a loop with that many of them.
///
/// In a `Serial` loop with reductions (float sums and products, where `fastmath` allows regrouping) that
/// [is long enough](regroups) iteration number `k`, counted from 0, finds in the local, and leaves there, partial result
/// `k % partials`. All start from the identity. After the loop they are combined by [`combine_partials`], and the local
/// becomes its value before the loop combined with that. So the bits depend neither on the width of vectors nor on whether
/// there are any.
#[must_use]
pub const fn partials(reductions: usize) -> usize {
    // Two of 32 doubles would not fit in the sixteen registers of AVX2, see `docs/decisions/0007-regrouped-sums.md`.
    if reductions <= 1 { 32 } else { 16 }
}

/// Partial results as one: `k` with `k + n/2`, then `k` with `k + n/4`, and so on.
#[must_use]
pub fn combine_partials(op: ReduceOp, dtype: DType, partials: &[u64]) -> u64 {
    let mut partials = partials.to_vec();
    let mut half = partials.len() / 2;
    while half > 0 {
        for k in 0..half {
            partials[k] = op.combine(dtype, partials[k], partials[k + half]).0;
        }
        half /= 2;
    }
    partials[0]
}

/// A whole-array reduction of a parallel loop.
#[derive(Clone, PartialEq, Debug)]
pub struct ArrayReduction {
    /// The array; its elements before the loop take part.
    pub array: ArrayId,
    /// How.
    pub op: ReduceOp,
}

/// A parallel loop whose body is a function. Iteration `k` of `0 .. trip` has the loop variable `lo + k * step`.
///
/// The body function's parameters are the captures, then one scalar per output (its initial value), then two `i64`s
/// `first` and `end`: it runs iterations `first .. end` in order. Its results are the outputs. Chunk 0 starts from the
/// locals' current values and on the arrays themselves; every other chunk from the identity of its operation and on
/// private arrays filled with it; results combine in chunk order ([`chunk_count`]), so that no number of threads
/// changes a bit, and a loop of one chunk gives the bits of the serial loop.
#[derive(Clone, PartialEq, Debug)]
pub struct ParallelCall {
    /// The loop it came from.
    pub id: LoopId,
    /// The outlined body.
    pub body: FuncId,
    /// What the body needs: numbers by value, arrays by reference.
    pub captures: Vec<Operand>,
    /// Number of iterations, `i64`, at least 0.
    pub trip: ExprId,
    /// Scalars that leave the loop.
    pub outputs: Vec<(LocalId, Combine)>,
    /// Captures (by position) that are accumulated into.
    pub array_reductions: Vec<(usize, ReduceOp)>,
    /// Estimated ns per iteration, `f64`: evaluated when the loop starts, so that extents count (see `analysis/cost`).
    pub cost_ns: ExprId,
    /// Pairs of captures (by position) that must share no memory; if one does, the loop is one chunk.
    pub disjoint: Vec<(usize, usize)>,
    /// Does the body draw from `np.random`? Then each iteration has a stream of its own.
    pub uses_random: bool,
}

/// How one output of the chunks becomes one value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Combine {
    /// `total = total op chunk`.
    Reduce(ReduceOp),
    /// The value of the last chunk.
    Last,
    /// Follows the output at that position (a `Min` or `Max`): taken when that one was replaced.
    With(u32),
}

/// Parallel loops have fewer iterations than this; more would take days at least. Passes rely on it: iterations are numbers
/// whose sums and small multiples do not overflow.
pub const MAX_TRIPS: u64 = 1 << 48;
/// Below this estimated time a loop is one chunk.
pub const SERIAL_BELOW_NS: f64 = 20_000.0;
/// Wanted time of one chunk: an estimate may be wrong by much, and rows may be uneven, so rather many; one costs 30 ns.
pub const CHUNK_NS: f64 = 4_000.0;
/// Largest number of chunks of a loop.
pub const MAX_CHUNKS: u64 = 256;
/// Largest number of chunks of a loop with array reductions: each chunk but the first holds a copy.
pub const MAX_CHUNKS_WITH_ARRAYS: u64 = 16;
/// Iterations that a chunk should have at least, so that they can run in vectors.
const LANE_ITERATIONS: u64 = 16;
/// Fewer chunks than these are not made for the sake of vectors.
const FEW_CHUNKS: u64 = 16;
/// Chunks of a loop with a strip have at least as many iterations as most strips do at once, as long as there are a few: what is less
/// runs under masks, which costs several times as much.
const STRIP_ITERATIONS: u64 = 16;
const FEW_STRIPS: u64 = 4;
/// Time to fill and add one element of such a copy.
const COPIED_ELEMENT_NS: f64 = 1.5;

/// How many chunks a loop is split into: a function of the loop, never of the machine. `cost_ns` is what one iteration
/// takes, `copied` the number of elements of accumulated arrays, if there are such.
///
/// ```
/// use kjit_compiler::ir::parallel::{chunk_count, chunk_range};
/// assert_eq!(chunk_count(10, 1.0, None), 1);
/// assert_eq!(chunk_count(100_000, 1.0, None), 25);
/// // Copies of a large histogram take longer than what is counted.
/// assert_eq!(chunk_count(100_000, 1.0, Some(64)), 16);
/// assert_eq!(chunk_count(100_000, 1.0, Some(100_000)), 1);
/// assert_eq!(chunk_range(10, 3, 0), 0..3);
/// assert_eq!(chunk_range(10, 3, 2), 6..10);
/// ```
#[must_use]
pub fn chunk_count(trip: u64, cost_ns: f64, copied: Option<u64>) -> u64 {
    let total_ns = trip as f64 * cost_ns;
    // Not a number counts as nothing.
    if total_ns.is_nan() || total_ns < SERIAL_BELOW_NS {
        return 1;
    }
    let limit = match copied {
        None => MAX_CHUNKS,
        // The copies may take an eighth of the time.
        Some(elements) => {
            let copy_ns = (elements as f64 * COPIED_ELEMENT_NS).max(1.0);
            ((total_ns / 8.0 / copy_ns) as u64).clamp(1, MAX_CHUNKS_WITH_ARRAYS)
        }
    };
    let chunks = ((total_ns / CHUNK_NS) as u64).clamp(1, limit);
    // Lanes want several iterations of their own; threads come first.
    chunks.min((trip / LANE_ITERATIONS).max(FEW_CHUNKS)).min(trip.max(1))
}

/// The same for a loop that [runs in lanes](ParallelCall::runs_in_lanes).
///
/// ```
/// use kjit_compiler::ir::parallel::{chunk_count, chunk_count_of_strips};
/// assert_eq!(chunk_count(32, 10_000.0, None), 16);
/// assert_eq!(chunk_count_of_strips(16, 32), 4);
/// assert_eq!(chunk_count_of_strips(4, 5), 4);
/// ```
#[must_use]
pub fn chunk_count_of_strips(chunks: u64, trip: u64) -> u64 {
    chunks.min((trip / STRIP_ITERATIONS).max(FEW_STRIPS))
}

/// The iterations of one chunk of such a loop: whole blocks of a strip, if there are enough, so that only the last chunk has an end
/// that is less.
///
/// ```
/// use kjit_compiler::ir::parallel::chunk_range_of_strips;
/// let ranges: Vec<_> = (0..6).map(|chunk| chunk_range_of_strips(100, 6, chunk)).collect();
/// assert_eq!(ranges, [0..16, 16..32, 32..48, 48..64, 64..80, 80..100]);
/// assert_eq!(chunk_range_of_strips(32, 4, 1), 8..16);
/// ```
#[must_use]
pub fn chunk_range_of_strips(trip: u64, chunks: u64, chunk: u64) -> std::ops::Range<u64> {
    let range = chunk_range(trip, chunks, chunk);
    let aligned = |at: u64| if at == trip { at } else { at / STRIP_ITERATIONS * STRIP_ITERATIONS };
    if trip / chunks >= STRIP_ITERATIONS { aligned(range.start)..aligned(range.end) } else { range }
}

impl ParallelCall {
    /// Has the loop over a chunk's iterations a strip, and does no result depend on where chunks begin? (Sums and products of floats do.)
    #[must_use]
    pub fn runs_in_lanes(&self, program: &Program, caller: &Func) -> bool {
        fn has_strip(block: &[Stmt]) -> bool {
            block.iter().any(|stmt| match stmt {
                Stmt::Loop(l) => l.strip.is_some(),
                Stmt::If { then, orelse, .. } => has_strip(then) || has_strip(orelse),
                _ => false,
            })
        }
        let depends = |&(local, combine): &(LocalId, Combine)| {
            matches!(combine, Combine::Reduce(ReduceOp::Add | ReduceOp::Mul))
                && caller.locals[local].dtype.is_float()
        };
        self.array_reductions.is_empty()
            && !self.outputs.iter().any(depends)
            && has_strip(&program.funcs[self.body].body)
    }
}

/// The iterations of one chunk.
#[must_use]
pub fn chunk_range(trip: u64, chunks: u64, chunk: u64) -> std::ops::Range<u64> {
    let at = |k: u64| (u128::from(trip) * u128::from(k) / u128::from(chunks)) as u64;
    at(chunk)..at(chunk + 1)
}

impl ReduceOp {
    /// The operator that combines two numbers.
    #[must_use]
    pub fn operator(self) -> BinaryOp {
        match self {
            ReduceOp::Add => BinaryOp::Add,
            ReduceOp::Mul => BinaryOp::Mul,
            ReduceOp::Min => BinaryOp::Min,
            ReduceOp::Max => BinaryOp::Max,
            ReduceOp::And => BinaryOp::And,
            ReduceOp::Or => BinaryOp::Or,
            ReduceOp::Xor => BinaryOp::Xor,
        }
    }

    /// As in the text form.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            ReduceOp::Add => "+",
            ReduceOp::Mul => "*",
            ReduceOp::Min => "min",
            ReduceOp::Max => "max",
            ReduceOp::And => "&",
            ReduceOp::Or => "|",
            ReduceOp::Xor => "^",
        }
    }

    /// The bits (as in [`super::Const`]) that change nothing when combined. For float sums it is -0.0, so that a sum of
    /// negative zeros keeps its sign.
    #[must_use]
    pub fn identity(self, dtype: DType) -> u64 {
        match (self, dtype) {
            (ReduceOp::Add, DType::F64) => (-0.0_f64).to_bits(),
            (ReduceOp::Add, DType::F32) => u64::from((-0.0_f32).to_bits()),
            (ReduceOp::Mul, DType::F64) => 1.0_f64.to_bits(),
            (ReduceOp::Mul, DType::F32) => u64::from(1.0_f32.to_bits()),
            (ReduceOp::Min, DType::F64) => f64::INFINITY.to_bits(),
            (ReduceOp::Min, DType::F32) => u64::from(f32::INFINITY.to_bits()),
            (ReduceOp::Max, DType::F64) => f64::NEG_INFINITY.to_bits(),
            (ReduceOp::Max, DType::F32) => u64::from(f32::NEG_INFINITY.to_bits()),
            (ReduceOp::Add | ReduceOp::Or | ReduceOp::Xor, _) => 0,
            (ReduceOp::Mul, _) => 1,
            (ReduceOp::And, DType::Bool) => 1,
            (ReduceOp::And, DType::U8) => u64::from(u8::MAX),
            (ReduceOp::And, DType::U16) => u64::from(u16::MAX),
            (ReduceOp::And, DType::U32) => u64::from(u32::MAX),
            (ReduceOp::And, _) => u64::MAX,
            (ReduceOp::Min, DType::Bool) => 1,
            (ReduceOp::Min, DType::I8) => i8::MAX as u64,
            (ReduceOp::Min, DType::I16) => i16::MAX as u64,
            (ReduceOp::Min, DType::I32) => i32::MAX as u64,
            (ReduceOp::Min, DType::U8) => u64::from(u8::MAX),
            (ReduceOp::Min, DType::U16) => u64::from(u16::MAX),
            (ReduceOp::Min, DType::U32) => u64::from(u32::MAX),
            (ReduceOp::Min, DType::U64) => u64::MAX,
            (ReduceOp::Min, _) => i64::MAX as u64,
            (ReduceOp::Max, DType::I8) => i8::MIN as i64 as u64,
            (ReduceOp::Max, DType::I16) => i16::MIN as i64 as u64,
            (ReduceOp::Max, DType::I32) => i32::MIN as i64 as u64,
            (ReduceOp::Max, DType::I64) => i64::MIN as u64,
            (ReduceOp::Max, _) => 0,
        }
    }

    /// `left op right` on the bits of two values of the type; also whether the result is `right` in place of `left` (for
    /// companions).
    #[must_use]
    pub fn combine(self, dtype: DType, left: u64, right: u64) -> (u64, bool) {
        match dtype {
            DType::F64 => {
                let (a, b) = (f64::from_bits(left), f64::from_bits(right));
                self.combine_floats(a, b, |a, b| a + b, |a, b| a * b, f64::to_bits)
            }
            DType::F32 => {
                let (a, b) = (f32::from_bits(left as u32), f32::from_bits(right as u32));
                self.combine_floats(a, b, |a, b| a + b, |a, b| a * b, |x| u64::from(x.to_bits()))
            }
            DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::Bool => {
                let (bits, takes_right) = self.combine_ints(left, right, right < left);
                let shift = 64 - 8 * dtype.size_bytes() as u32;
                let bits = if dtype == DType::Bool { u64::from(bits != 0) } else { bits << shift >> shift };
                (bits, takes_right)
            }
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => {
                let (bits, takes_right) = self.combine_ints(left, right, (right as i64) < (left as i64));
                let shift = 64 - 8 * dtype.size_bytes() as u32;
                (((bits as i64) << shift >> shift) as u64, takes_right)
            }
            // Complex values are combined lane by lane, at the type of their parts.
            DType::C64 | DType::C128 => (left, false),
        }
    }

    fn combine_floats<F: Copy + PartialOrd>(
        self,
        a: F,
        b: F,
        add: fn(F, F) -> F,
        mul: fn(F, F) -> F,
        bits: fn(F) -> u64,
    ) -> (u64, bool) {
        let takes_right = match self {
            ReduceOp::Min => b < a,
            ReduceOp::Max => b > a,
            ReduceOp::Add | ReduceOp::Mul | ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => false,
        };
        let value = match self {
            ReduceOp::Add => add(a, b),
            ReduceOp::Mul => mul(a, b),
            ReduceOp::Min | ReduceOp::Max => {
                if takes_right {
                    b
                } else {
                    a
                }
            }
            // Not for floats; the verifier refuses them.
            ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => a,
        };
        (bits(value), takes_right)
    }

    fn combine_ints(self, a: u64, b: u64, right_is_less: bool) -> (u64, bool) {
        match self {
            ReduceOp::Add => (a.wrapping_add(b), false),
            ReduceOp::Mul => (a.wrapping_mul(b), false),
            ReduceOp::And => (a & b, false),
            ReduceOp::Or => (a | b, false),
            ReduceOp::Xor => (a ^ b, false),
            ReduceOp::Min => (if right_is_less { b } else { a }, right_is_less),
            ReduceOp::Max => {
                let right_is_more = !right_is_less && a != b;
                (if right_is_more { b } else { a }, right_is_more)
            }
        }
    }
}
