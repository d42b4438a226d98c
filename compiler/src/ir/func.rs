//! Functions and the program they make up.

use serde::{Deserialize, Serialize};

use super::expr::{Const, Expr, ExprId, ExprKind};
use super::stmt::Block;
use super::trap::{Message, MessageId, Trap, TrapId};
use crate::base::{FastMath, PrimaryMap, Span, Symbol};
use crate::types::{ArrayTy, DType};

crate::define_id!(
    /// A function of the program.
    FuncId, "fn"
);
crate::define_id!(
    /// A scalar variable of a function.
    LocalId, "l"
);
crate::define_id!(
    /// An array variable of a function.
    ArrayId, "a"
);
crate::define_id!(
    /// A loop of a function.
    LoopId, "loop"
);

/// Everything one artifact is made from.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// The functions; calls go by id.
    pub funcs: PrimaryMap<FuncId, Func>,
    /// The one the host calls.
    pub entry: FuncId,
    /// How it can fail.
    pub traps: PrimaryMap<TrapId, Trap>,
    /// What it can print.
    pub messages: PrimaryMap<MessageId, Message>,
    /// File names for `load` and `save`, by number.
    pub paths: Vec<Symbol>,
    /// What the compiler did and did not do, for the user.
    pub remarks: Vec<Remark>,
}

/// One function for one signature.
#[derive(Clone, PartialEq, Debug)]
pub struct Func {
    /// Its name in the source; outlined bodies add a suffix.
    pub name: Symbol,
    /// Parameters, flattened: a complex number is two locals, a tuple its items.
    pub params: Vec<Param>,
    /// Results, flattened the same way.
    pub rets: Vec<Ret>,
    /// Scalar variables.
    pub locals: PrimaryMap<LocalId, Local>,
    /// Array variables.
    pub arrays: PrimaryMap<ArrayId, ArrayVar>,
    /// Expressions. Invariant F1: each belongs to one statement or one parent. Unused ones may remain.
    pub exprs: PrimaryMap<ExprId, Expr>,
    /// Loops, for remarks and side tables.
    pub loops: PrimaryMap<LoopId, LoopInfo>,
    /// The statements.
    pub body: Block,
    /// Freedoms with floating point.
    pub fastmath: FastMath,
    /// Set if it can call itself, directly or not: entry counts depth and fails with this trap.
    pub recursion: Option<TrapId>,
    /// Set if it is the body of a parallel loop: what is known of the iterations it is asked for. Not printed.
    pub chunk: Option<Chunk>,
    /// Is it the [fallback](LoopInfo::is_fallback) of a loop? Back ends make its code when it is first called (invariant F6).
    pub is_cold: bool,
    /// Is it a kernel: called by `Launch` only, once per thread of a grid?
    pub is_kernel: bool,
    /// Of the definition's head.
    pub span: Span,
}

/// Iterations that the body of a parallel loop is called for: `0 <= first <= end <= limit`, and `end` is below
/// [`MAX_TRIPS`](super::parallel::MAX_TRIPS). The runtime sees to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// The last parameter but one (invariant F5).
    pub first: LocalId,
    /// The last parameter (invariant F5).
    pub end: LocalId,
    /// Number of iterations of the whole loop, if it can be read in the body, and a constant to add to it.
    pub limit: Option<(Limit, i64)>,
}

/// What bounds the iterations of a parallel loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// A parameter that nothing assigns (invariant F5).
    Local(LocalId),
    /// An extent of a parameter.
    Dim(ArrayId, u8),
    /// 0: the constant is all.
    Zero,
}

/// A parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Param {
    /// A number.
    Scalar(LocalId),
    /// An array, borrowed from the caller, never rebound (invariant F3).
    Array(ArrayId),
}

/// A result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ret {
    /// A number.
    Scalar(DType),
    /// An array.
    Array(ArrayTy),
}

/// A scalar variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// Its name in the source, or of the temporary.
    pub name: Symbol,
    /// Never complex.
    pub dtype: DType,
    /// Where it is first bound.
    pub span: Span,
    /// Is it a variable of the user (not a temporary)? Race errors speak only of those.
    pub is_user: bool,
}

/// An array variable: pointer, owner, extents and strides at run time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArrayVar {
    /// Its name in the source, or of the temporary.
    pub name: Symbol,
    /// Element type, rank, layout, access.
    pub ty: ArrayTy,
    /// Does it hold a reference?
    pub ownership: Ownership,
    /// Where it is first bound.
    pub span: Span,
}

/// Does an array variable hold a reference to its memory?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ownership {
    /// No: parameters, and views of arrays that live at least as long.
    Borrowed,
    /// Yes: retained when bound to an existing array, released when rebound and at every exit.
    Owned,
}

/// What is known of a loop beyond its statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoopInfo {
    /// The head: `for i in prange(n)`.
    pub span: Span,
    /// How it was written.
    pub origin: LoopOrigin,
    /// Is it in the second copy of a loop, which does not matter for speed: it runs if an index will be out of range, or for the ends of a
    /// ring? Not printed.
    pub is_slow_copy: bool,
    /// Is it in a slow copy that most calls never get to: an index is negative or will be out of range? Not printed.
    pub is_fallback: bool,
}

/// How a loop was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoopOrigin {
    /// `for`.
    For,
    /// `for` over `prange`.
    Prange,
    /// The same in a function marked `unchecked_parallel`: trusted where independence cannot be proved.
    UncheckedPrange,
    /// `while`.
    While,
    /// Made by the compiler: fills, copies, reductions.
    Internal,
}

/// A sentence to the user about a place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remark {
    /// Where.
    pub span: Span,
    /// About what.
    pub kind: RemarkKind,
    /// Was it done: proven, moved, run in parallel, vectorised? Else the text says why not.
    pub is_done: bool,
    /// One sentence; lower case, no full stop.
    pub text: String,
    /// What stands in the way, if that is not the place itself: "at line 9".
    pub at: Option<Span>,
}

impl Remark {
    /// The text on a loop with a strip, until a back end says more.
    pub const RUNS_IN_VECTORS: &str = "runs in vectors";

    /// The sentence, with the line that it speaks of, and the element if it is one: "...: `a[i - 1]` at line 9".
    #[must_use]
    pub fn sentence(&self, source: &str) -> String {
        let Some(at) = self.at else { return self.text.clone() };
        let line = at.line_column(source).0;
        if line == self.span.line_column(source).0 {
            return self.text.clone();
        }
        let words = at.text(source);
        let is_element = words.ends_with(']') && words.len() <= LONGEST_QUOTE && !words.contains('\n');
        if is_element {
            format!("{}: `{words}` at line {line}", self.text)
        } else {
            format!("{} at line {line}", self.text)
        }
    }
}

/// Bytes of an element's text that a remark quotes, at most.
const LONGEST_QUOTE: usize = 48;

/// What a remark is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RemarkKind {
    /// Checks that were proven, hoisted, or stayed.
    Checks,
    /// What was proven of a parallel loop.
    Parallel,
    /// Calls that were inlined or not.
    Inline,
    /// Values moved out of loops, unrolling.
    Loop,
    /// Loops that became vector code or not.
    Vector,
    /// Parallel loops that became kernels of a device or not.
    Device,
}

impl Func {
    /// Adds an expression.
    pub fn expr(&mut self, kind: ExprKind, ty: DType, span: Span) -> ExprId {
        self.exprs.push(Expr { kind, ty, span })
    }

    /// Adds an `i64` constant.
    pub fn int(&mut self, value: i64, span: Span) -> ExprId {
        self.expr(ExprKind::Const(Const::int(value)), DType::I64, span)
    }

    /// Adds a read of a local.
    pub fn read(&mut self, local: LocalId, span: Span) -> ExprId {
        let ty = self.locals[local].dtype;
        self.expr(ExprKind::Local(local), ty, span)
    }

    /// Adds a temporary.
    pub fn temp(&mut self, name: &str, dtype: DType, span: Span) -> LocalId {
        self.locals.push(Local { name: name.into(), dtype, span, is_user: false })
    }

    /// Copies an expression with all its operands.
    pub fn clone_expr(&mut self, id: ExprId) -> ExprId {
        let mut expr = self.exprs[id].clone();
        expr.kind.for_each_operand_mut(|operand| *operand = self.clone_expr(*operand));
        self.exprs.push(expr)
    }
}
