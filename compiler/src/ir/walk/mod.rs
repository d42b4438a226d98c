//! Traversals of functions: every statement, every block, every expression; which variables they write and read; and
//! copies of code within a function and from one function into another.
//!
//! Reads and edits, decides nothing: no aliasing, no purity beyond what a single node says. Orders are those of the
//! text: statements before what follows them, expressions in the order in which they are evaluated.

mod copy;
mod exprs;
mod names;
mod stmts;

use super::expr::{Expr, ExprId};
use super::func::{ArrayId, LocalId};
use crate::base::PrimaryMap;

pub use copy::{Renaming, clone_block, clone_place, copy_block_into, copy_expr_into};
pub use exprs::{
    any_expr, for_each_expr, for_each_expr_in, for_each_expr_root, for_each_expr_root_mut, reads_local,
    same_expr,
};
pub use names::{
    assigned_arrays, assigned_locals, for_each_array_mut, for_each_array_of_expr, for_each_array_of_expr_mut,
    for_each_local_mut, for_each_local_written, names_any, read_locals, stored_arrays, used_arrays,
};
pub use stmts::{
    Exits, contains_exit, exits, find_loop, find_loop_mut, for_each_block, for_each_block_mut, for_each_stmt,
    for_each_stmt_mut, head_of, loops_innermost_first, rewrite_blocks,
};

/// Scalar variables of one function.
pub type LocalSet = crate::base::EntitySet<LocalId>;
/// Array variables of one function.
pub type ArraySet = crate::base::EntitySet<ArrayId>;
/// The expressions of one function.
pub type Exprs = PrimaryMap<ExprId, Expr>;
