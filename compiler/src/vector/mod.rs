//! From a loop to a strip: the same iterations, many at a time.
//!
//! ```text
//! for i in lo .. hi {                      v3 = load f64 [x + 8 first]
//!   if x[i] > 0.0 {              ==>       v4 = v3 > 0.0
//!     y[i] = x[i] * a                      v5 = v3 * a
//!   }                                      store f64 [y + 8 first] = v5 if v4
//! }
//! ```
//!
//! In: a loop whose iterations may run in lockstep (`analysis::race::lockstep`). Out: a [`Built`]: the strip, what fills its frame,
//! and what the strip takes for granted, still as facts: `passes::vectorize` makes conditions of them. Never edits, never
//! decides whether it pays.
//!
//! How things become what they are: `graph` writes instructions, each once; `linear` are integers that change from lane to lane by a
//! fixed step; `place` are addresses; `expr`, `stmt` and `loops` follow the tree. Branches become masks and selections: both
//! sides are computed, what a lane did not take is thrown away where the sides meet. A `continue`, `break` or `return` keeps
//! the variables of its lanes until the end of what it leaves. Loops inside run until no lane wants to go on. Called
//! functions are followed like blocks. Whatever ends the loop (errors, `break`, `return`) is a fault of the strip.
//!
//! What iterations do to the same element or in a given order, lanes do one after the other (`serial`).
//!
//! Conservative: what is not understood is an [`Obstacle`].

mod cast;
mod expr;
mod graph;
mod int;
mod linear;
mod loops;
mod math;
mod place;
mod reduce;
mod serial;
mod stmt;
mod value;

use crate::ir::{Program, Stmt, walk};

pub use crate::analysis::race::lockstep::Obstacle;
pub(crate) use serial::order_matters;
pub use value::{Arg, Built, Need, Request, build};

/// The strips of a program as text, by function.
#[must_use]
pub fn print_strips(program: &Program) -> String {
    let mut text = String::new();
    for func in program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt
                && let Some(plan) = &l.strip
            {
                text.push_str(if text.is_empty() { "" } else { "\n" });
                text.push_str(&kjit_strip::text::print_strip(&plan.strip));
            }
        });
    }
    text
}
