//! What inference found out: the only thing that `lower` reads besides the tree.

use rustc_hash::FxHashMap;

use crate::base::{Options, PrimaryMap, Symbol};
use crate::syntax::ast::{ExprId, StmtId};
use crate::types::builtins::Builtin;
use crate::types::{DType, Ty};

crate::define_id!(
    /// One function for one signature.
    InstanceId, "inst"
);

/// All functions that the entry reaches, each for the signatures it is called with.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// Callees come before callers, except in recursion.
    pub instances: PrimaryMap<InstanceId, Instance>,
    /// The one the host calls.
    pub entry: InstanceId,
}

/// One function, typed for one signature.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Position in `Ast::functions`.
    pub function: usize,
    /// Name and type of each parameter, in order of definition. `None`, `Str` types are compile-time values.
    pub params: Vec<(Symbol, Ty)>,
    /// Parameters whose default was used by the entry call: their value is this constant and no word is passed.
    pub const_params: FxHashMap<Symbol, ConstValue>,
    /// Type of the result; `None` if nothing is returned.
    pub ret: Ty,
    /// Of every expression in live code. Targets of assignments are there too, with the type of the variable or place after the
    /// assignment (of an augmented one to an element: the type of the element). What a `for` runs over has the type of one item, if
    /// it is a call of `range` and its like. Not there: names of called functions, operands of `and`, `or` after one that decides
    /// at compile time, the branch of a conditional expression that a constant condition rules out.
    /// An `and`, `or` of type `bool` only asks for the truth of its operands, which may be of other types.
    pub exprs: FxHashMap<ExprId, ExprInfo>,
    /// Of every compound statement in live code.
    pub stmts: FxHashMap<StmtId, StmtInfo>,
    /// The engine's options with the decorator's on top.
    pub options: Options,
    /// Is it a GPU kernel?
    pub is_kernel: bool,
    /// Can it call itself, directly or through others?
    pub is_recursive: bool,
}

/// What is known of an expression.
#[derive(Clone, Debug)]
pub struct ExprInfo {
    /// The type of its value (before any conversion by its user).
    pub ty: Ty,
    /// A number written as a literal, or made of literals only: takes the type of the other operand
    /// (see [`crate::types::promote`]).
    pub is_weak: bool,
    /// A read of a variable that has a value only if a loop ran: check its flag first.
    pub needs_flag: bool,
    /// What a name, an attribute or a call stands for.
    pub resolution: Resolution,
}

/// What a name, an attribute or a call stands for.
#[derive(Clone, Debug)]
pub enum Resolution {
    /// Nothing to resolve: the kind of the expression says it.
    Plain,
    /// A variable of the function.
    Variable,
    /// Known at compile time: module constants, `None` tests, `x.ndim`, dead operands folded. Lower emits the constant and
    /// does not look at the operands (which have no effects).
    Constant(ConstValue),
    /// A call of a built-in function or method. For methods (`x.sum()`) and attributes (`x.shape`) the receiver is the first entry of the
    /// plan's arguments.
    Builtin(Builtin, CallPlan),
    /// A call of a user's function.
    User(InstanceId, CallPlan),
    /// A launch of a kernel: `kernel[blocks, threads](...)`.
    Launch(InstanceId, Box<LaunchPlan>),
    /// A conversion: `f32(x)`, `int(x)`, `np.int32(x)`, `float(x)`, `bool(x)`.
    Cast(DType, CallPlan),
}

/// Arguments in the order of the parameters.
#[derive(Clone, Debug, Default)]
pub struct CallPlan {
    /// One entry per parameter.
    pub args: Vec<ArgSource>,
}

/// A launch of a kernel.
#[derive(Clone, Debug)]
pub struct LaunchPlan {
    /// Its blocks and threads.
    pub grid: LaunchGrid,
    /// Bytes of dynamic shared memory.
    pub shared: Option<ExprId>,
    /// The kernel's own arguments.
    pub call: CallPlan,
}

/// Blocks and threads of a launch.
#[derive(Clone, Copy, Debug)]
pub enum LaunchGrid {
    /// `kernel[blocks, threads]`: each an integer or a tuple of up to three.
    Given {
        /// Blocks.
        blocks: ExprId,
        /// Threads per block.
        threads: ExprId,
    },
    /// `kernel.forall(tasks, threads)`: as many blocks as give a thread to each task.
    ForAll {
        /// Threads that are needed.
        tasks: ExprId,
        /// Threads per block; `None`: as many as seem good.
        threads: Option<ExprId>,
    },
}

/// Where the value of a parameter comes from.
#[derive(Clone, Debug)]
pub enum ArgSource {
    /// An expression of the caller. Evaluation is in source order.
    Expr(ExprId),
    /// A default or other compile-time constant.
    Const(ConstValue),
    /// Not given, and the built-in has no value for it.
    Absent,
}

/// A value known at compile time.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstValue {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of that type (bits as in `i64` or `u64`).
    Int(i64, DType),
    /// A float of that type.
    Float(f64, DType),
    /// A complex number of that type.
    Complex(f64, f64, DType),
    /// A string.
    Str(Symbol),
    /// A type used as a value: `dtype=np.float32`.
    DType(DType),
    /// A tuple.
    Tuple(Vec<ConstValue>),
}

impl ConstValue {
    /// Its truth value, as in Python.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            ConstValue::None => false,
            ConstValue::Bool(value) => *value,
            ConstValue::Int(value, _) => *value != 0,
            ConstValue::Float(value, _) => *value != 0.0,
            ConstValue::Complex(re, im, _) => *re != 0.0 || *im != 0.0,
            ConstValue::Str(text) => !text.is_empty(),
            ConstValue::DType(_) => true,
            ConstValue::Tuple(items) => !items.is_empty(),
        }
    }
}

/// What is known of a statement where control flow joins.
#[derive(Clone, Debug, Default)]
pub struct StmtInfo {
    /// For `if`: which branches can run. For loops: can the body run?
    pub live: Live,
    /// Types of variables where the paths join (a variable whose types do not go together is not listed and not read before it is
    /// assigned again), for those whose type or existence differs between paths; lower converts at the
    /// end of each path. For `if`: after it. For loops: after the loop (normal exit through the head, and every `break`).
    pub joined: Vec<(Symbol, Ty)>,
    /// For loops: types at the head, at the start of every iteration; lower converts before the loop and at the end of each
    /// iteration (`continue` too). Variables first assigned inside the body are not listed, except those whose value from an
    /// earlier iteration is read (flagged), or whose types differ between the ends of an iteration: they have no value to convert
    /// before the loop.
    pub head: Vec<(Symbol, Ty)>,
    /// Variables first assigned inside the loop body and read later: they have a value only if the loop ran far enough. Lower
    /// keeps a flag for each and checks it at every later read whose [`ExprInfo::needs_flag`] is set (K717).
    pub maybe_unassigned: Vec<Symbol>,
}

/// Which paths of a statement can run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Live {
    /// Both, or the loop body.
    #[default]
    Both,
    /// Only the `if` branch: the condition is true at compile time. For `while`: it is left by `break` only.
    Then,
    /// Only the `else` branch, or no iteration of the loop.
    Else,
}
