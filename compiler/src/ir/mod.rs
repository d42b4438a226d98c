//! The intermediate representation: a monomorphic, typed loop nest over real numbers and arrays.
//!
//! *A function is a tree of statements. An expression belongs to exactly one statement. Only statements have
//! effects.* Expressions are total: no expression traps, so every one may be moved or computed early; what can fail
//! is a [`Stmt::Check`] before it. Complex numbers, tuples and generators do not exist here: `lower` has split them
//! into locals ([`crate::types::DType`] of a local, an expression or a parameter is never complex; arrays of complex
//! elements are accessed by lane). See `docs/ir.md`.

pub mod abi;
pub mod artifact;
pub mod eval;
pub mod expr;
pub mod func;
pub mod grid;
pub mod ordered;
pub mod parallel;
pub mod runtime_fn;
pub mod stmt;
pub mod text;
pub mod trap;
pub mod verify;
pub mod walk;

pub use artifact::{Artifact, EntryPoint, ParallelBody, Signature};
pub use expr::{BinaryOp, CompareOp, Const, Expr, ExprId, ExprKind, Place, UnaryOp};
pub use func::{
    ArrayId, ArrayVar, Chunk, Func, FuncId, Limit, Local, LocalId, LoopId, LoopInfo, LoopOrigin, Ownership,
    Param, Program, Remark, RemarkKind, Ret,
};
pub use parallel::{ArrayReduction, Combine, ParallelCall, ReduceOp, Reduction};
pub use runtime_fn::RuntimeFn;
pub use stmt::{
    ArrayValue, Block, Check, Loop, LoopKind, Operand, Stmt, StripOutput, StripPlan, Target, ViewAxis,
};
pub use trap::{Message, MessageId, Piece, Trap, TrapId, format_message};
pub use verify::{Violation, verify};
