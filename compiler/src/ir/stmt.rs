//! Statements: everything that has an effect, and the order in which effects happen.

use super::expr::{ExprId, ExprKind, Place};
use super::func::{ArrayId, FuncId, LocalId, LoopId};
use super::parallel::{ArrayReduction, ParallelCall, ReduceOp, Reduction};
use super::runtime_fn::RuntimeFn;
use super::trap::{MessageId, TrapId};
use super::walk::Exprs;
use crate::base::Span;
use crate::types::device::DeviceFn;

/// Statements in order.
pub type Block = Vec<Stmt>;

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// `local = value`; same type.
    Set {
        /// The local.
        local: LocalId,
        /// Its new value.
        value: ExprId,
    },
    /// `array[place] = value`; the value has the type `dtype.part()`.
    Store {
        /// Where to.
        array: ArrayId,
        /// Which element.
        place: Place,
        /// Which part of a complex element.
        lane: u8,
        /// The value.
        value: ExprId,
    },
    /// `array[place] = array[place] op value`, computed at the type of `value` (`dtype.part()`, widened to 64 bits for
    /// integers) and narrowed for the store.
    Accumulate {
        /// Where to.
        array: ArrayId,
        /// Which element.
        place: Place,
        /// Which part of a complex element (only `Add` for complex).
        lane: u8,
        /// How.
        op: ReduceOp,
        /// By what; of type `dtype.part().widened()`.
        value: ExprId,
    },
    /// Binds an array variable. The old binding's reference is released if the variable is `Owned`.
    SetArray {
        /// The variable.
        array: ArrayId,
        /// What it is bound to.
        value: ArrayValue,
    },
    /// Drops the variable's reference; it may not be used until it is set again. No-op for `Borrowed` variables.
    Release {
        /// The variable.
        array: ArrayId,
    },
    /// Two-way branch.
    If {
        /// `bool`.
        cond: ExprId,
        /// If true.
        then: Block,
        /// If false.
        orelse: Block,
    },
    /// `loop { head; if !cond { break }; body }`. `continue` goes to the head.
    While {
        /// For remarks and analyses.
        id: LoopId,
        /// What the condition needs, run before each test.
        head: Block,
        /// `bool`.
        cond: ExprId,
        /// The body.
        body: Block,
    },
    /// A counted loop.
    Loop(Box<Loop>),
    /// A parallel loop whose body was outlined.
    Parallel(Box<ParallelCall>),
    /// Calls a function of the program; an error in it ends this function with the same error.
    Call {
        /// The function.
        callee: FuncId,
        /// As its parameters.
        args: Vec<Operand>,
        /// As its results; arrays arrive with a reference of their own.
        results: Vec<Target>,
        /// Of the call.
        span: Span,
    },
    /// Calls a service of the runtime (random numbers, files); see its row for operands and results.
    Runtime {
        /// Which.
        function: RuntimeFn,
        /// As in its row.
        args: Vec<Operand>,
        /// As in its row.
        results: Vec<Target>,
        /// What a failure is; `None` for those that cannot fail.
        trap: Option<TrapId>,
    },
    /// What only a thread of a kernel can do. Only in kernels and in functions that kernels call.
    Device {
        /// Which.
        function: DeviceFn,
        /// Of an atomic operation: the array, one checked and wrapped index per axis, the value or values. Of a scratch array: one
        /// constant extent per axis. Of the others: their parameters.
        args: Vec<Operand>,
        /// One, or none. A scratch array is `Borrowed`: it lives as long as its thread or block.
        results: Vec<Target>,
        /// Of the call.
        span: Span,
    },
    /// Runs a kernel: one call of the function per thread of a grid, on a GPU. Checks before it see to a grid that devices have.
    Launch {
        /// The function; `is_kernel` is set.
        kernel: FuncId,
        /// Blocks in x, y, z; threads per block in x, y, z; bytes of dynamic shared memory (all `i64`); then as its parameters.
        args: Vec<Operand>,
        /// Of the launch.
        span: Span,
    },
    /// Ends the function with an error unless the check holds.
    Check {
        /// What must hold.
        check: Check,
        /// The error.
        trap: TrapId,
        /// Values for the error's message, in the order of its pieces; at most [`super::trap::MAX_TRAP_ARGS`].
        args: Vec<ExprId>,
    },
    /// Ends the function with an error.
    Raise {
        /// The error.
        trap: TrapId,
        /// Values for its message.
        args: Vec<ExprId>,
    },
    /// Sends a line to the print hook.
    Print {
        /// Its text.
        message: MessageId,
        /// Values for it.
        args: Vec<ExprId>,
    },
    /// Sets all elements; one value per lane, of type `dtype.part()`.
    Fill {
        /// The array.
        array: ArrayId,
        /// One or two values.
        lanes: Vec<ExprId>,
    },
    /// Copies all elements as if the source were read completely first; same element type, rank and shape (checked before).
    CopyElements {
        /// Where to.
        to: ArrayId,
        /// Where from.
        from: ArrayId,
    },
    /// Leaves the innermost loop.
    Break,
    /// Goes to the next iteration of the innermost loop.
    Continue,
    /// Ends the function; operands as its `rets`. A returned array leaves with a reference of its own (the backend
    /// retains it; the variable's own reference is released as at any exit).
    Return {
        /// The results.
        values: Vec<Operand>,
    },
}

/// Operands of a [`Stmt::Launch`] before those of the kernel.
pub const LAUNCH_WORDS: usize = 7;

/// What a check demands.
#[derive(Clone, PartialEq, Debug)]
pub enum Check {
    /// A `bool` is true.
    Cond(ExprId),
    /// `-dim <= index < dim` for that axis; the index is not yet wrapped.
    Index {
        /// `i64`.
        index: ExprId,
        /// The array.
        array: ArrayId,
        /// 0-based.
        axis: u8,
    },
}

/// A scalar or an array that goes into a call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Operand {
    /// A number.
    Scalar(ExprId),
    /// An array, borrowed for the call.
    Array(ArrayId),
}

/// Where a result goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Target {
    /// A number.
    Local(LocalId),
    /// An array variable; must be `Owned`.
    Array(ArrayId),
}

/// What an array variable is bound to.
#[derive(Clone, PartialEq, Debug)]
pub enum ArrayValue {
    /// The same elements as another variable of the same dtype and rank; the layout may be looser, never tighter.
    Same(ArrayId),
    /// Some elements of another array.
    View {
        /// The array viewed.
        base: ArrayId,
        /// One entry per axis of the base (`New` adds one), in order.
        axes: Vec<ViewAxis>,
    },
    /// The axes of another array in another order (`a.T`): axis `k` of the view is axis `order[k]` of the base.
    Transpose {
        /// The array viewed.
        base: ArrayId,
        /// A permutation.
        order: Vec<u8>,
    },
    /// A view of one part of a complex array, with the part's element type.
    Part {
        /// The array viewed.
        base: ArrayId,
        /// 0 real, 1 imaginary.
        lane: u8,
    },
    /// All elements of an array that lies in C order without gaps (checked before) with other extents, as many in all.
    /// The result's layout is `C`.
    Reshape {
        /// The array viewed.
        base: ArrayId,
        /// One extent per axis, `i64`.
        shape: Vec<ExprId>,
    },
    /// New memory, C-contiguous. Extents are `i64`, checked to be at least 0 before.
    Alloc {
        /// One extent per axis.
        shape: Vec<ExprId>,
        /// Are all bytes 0? Else they are uninitialised.
        is_zeroed: bool,
        /// The `MemoryError`.
        trap: TrapId,
    },
}

/// One axis of a view.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ViewAxis {
    /// Fixed index in `0 .. dim`: the axis disappears.
    Index(ExprId),
    /// Elements `start`, `start + step`, ...; `len` of them; all `i64`, within the axis.
    Slice {
        /// First element (anything if `len` is 0).
        start: ExprId,
        /// Number of elements.
        len: ExprId,
        /// Distance in elements. 0 repeats one element; such a view is only read.
        step: ExprId,
    },
    /// The whole axis.
    Whole,
    /// A new axis of extent 1; consumes no axis of the base.
    New,
}

/// In which order iterations may run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoopKind {
    /// One after the other.
    Serial,
    /// In any order, possibly at once; the programmer wrote `prange` and the race analysis agreed (before that
    /// analysis: only the programmer).
    Parallel,
    /// A permission to run in lockstep; the meaning is that of `Serial`.
    Vector,
    /// One iteration per GPU thread.
    Grid,
}

/// `for var in lo .. hi step step`.
#[derive(Clone, PartialEq, Debug)]
pub struct Loop {
    /// For remarks and analyses.
    pub id: LoopId,
    /// Order of iterations.
    pub kind: LoopKind,
    /// `i64`, set by the loop alone (invariant L1); holds no defined value after the loop.
    pub var: LocalId,
    /// First value; evaluated once, before the first iteration.
    pub lo: ExprId,
    /// Bound, exclusive; evaluated once, after `lo`.
    pub hi: ExprId,
    /// Not 0; negative steps count down while `var > hi`.
    pub step: i64,
    /// Scalars that iterations only combine. Of a `Parallel` loop, after the race analysis: chunks combine them. Of a `Serial` one,
    /// made by the pass `regroup`: float sums and products in several [partial ones](super::parallel::partials), if the loop
    /// [is long enough](super::parallel::regroups).
    pub reductions: Vec<Reduction>,
    /// Arrays that iterations only accumulate into (kind `Parallel`, after the race analysis).
    pub array_reductions: Vec<ArrayReduction>,
    /// Scalars written by every iteration before they are read, whose last value is used after the loop.
    pub last_values: Vec<LocalId>,
    /// The body.
    pub body: Block,
    /// A way to do most iterations many at a time, for back ends that can (pass `vectorize`). The loop means the same
    /// without it.
    pub strip: Option<Box<StripPlan>>,
}

impl Loop {
    /// A loop as the program writes it: its iterations combine nothing, and it has no strip.
    #[must_use]
    pub fn new(
        id: LoopId,
        kind: LoopKind,
        var: LocalId,
        [lo, hi]: [ExprId; 2],
        step: i64,
        body: Block,
    ) -> Loop {
        Loop {
            id,
            kind,
            var,
            lo,
            hi,
            step,
            reductions: Vec::new(),
            array_reductions: Vec::new(),
            last_values: Vec::new(),
            body,
            strip: None,
        }
    }

    /// Number of iterations, if its bounds are constants.
    #[must_use]
    pub fn constant_trip(&self, exprs: &Exprs) -> Option<u64> {
        let constant = |id: ExprId| match exprs[id].kind {
            ExprKind::Const(value) => Some(value.as_int()),
            _ => None,
        };
        let (lo, hi) = (constant(self.lo)?, constant(self.hi)?);
        let is_some = if self.step > 0 { lo < hi } else { lo > hi };
        Some(if is_some { (hi.abs_diff(lo) - 1) / self.step.unsigned_abs().max(1) + 1 } else { 0 })
    }

    /// Is it a serial loop that combines floats in [partial results](super::parallel::partials) if it is long enough?
    #[must_use]
    pub fn may_regroup(&self) -> bool {
        self.kind == LoopKind::Serial && !self.reductions.is_empty()
    }
}

/// How a strip does the first iterations of a loop: if `guard` holds, the frame is filled, the strip does some number `done` of
/// iterations, its outputs go to locals, and the loop goes on at iteration `done`. Errors, `break`s and whatever else the
/// strip does not do are left to the loop that way.
#[derive(Clone, PartialEq, Debug)]
pub struct StripPlan {
    /// The strip.
    pub strip: kjit_strip::Strip,
    /// `bool`: what the strip takes for granted; like `args` evaluated in front of the loop.
    pub guard: ExprId,
    /// Words of the frame with what fills them: scalars, [`super::abi`] says how they become words.
    pub args: Vec<(u32, ExprId)>,
    /// Scalars that leave the strip.
    pub outputs: Vec<StripOutput>,
    /// For each of the loop's regrouped reductions: the first of the words with the [partial](super::parallel::partials)
    /// results that the loop goes on from.
    pub partials: Vec<u32>,
    /// Instead of `partials`, of a strip that always does all iterations: the words with their trees, one for each regrouped
    /// reduction. The loop is done then.
    pub totals: Vec<u32>,
    /// The array that the strip stores to first, from neighbour to neighbour: for a remark.
    pub first_store: Option<ArrayId>,
    /// The array whose size decides whether stores go around the caches; the strip has a word for the answer.
    pub streams: Option<ArrayId>,
    /// Is the last iteration left to the loop, because locals that it assigns are read later?
    pub keeps_last: bool,
    /// Does the loop begin with the last iteration that the strip did, because a `break` of the next one may leave such a local
    /// as it was? (Such a strip is repeatable.)
    pub redoes_last: bool,
}

/// `local = local op word`, or `local = word`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StripOutput {
    /// The local.
    pub local: LocalId,
    /// The word of the frame.
    pub word: u32,
    /// How.
    pub op: ReduceOp,
    /// The word is the local's value: the strip began with the one from before.
    pub replaces: bool,
    /// If the word is a zero, its sign is not known: the loop begins at its first iteration. (Such a strip stores nothing.)
    pub zero_is_open: bool,
    /// A local, and the word that it takes where the word above is strictly better.
    pub companion: Option<(LocalId, u32)>,
}
