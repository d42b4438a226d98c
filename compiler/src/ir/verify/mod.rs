//! The invariants of the IR, and the function that checks them. Reads, never edits.
//!
//! Programs
//! - P1: every id is in range: functions, variables, expressions, loops, traps, messages, paths, axes, lanes.
//!
//! Functions
//! - F1: an expression has one user: one statement or one parent.
//! - F2: parameters are distinct variables.
//! - F3: array parameters are `Borrowed` and never bound or released.
//! - F4: control does not reach the end of a function that has results; `return` has the results' types.
//! - F5: what is known of a chunk speaks of parameters that nothing assigns; `first` and `end` are the last two.
//! - F6: a cold function is neither entry nor kernel nor body of a parallel loop, does not count its depth, returns no array, and neither
//!   calls functions nor runs parallel loops nor launches kernels.
//!
//! Types
//! - E1: no local, expression, result or parameter is a complex number.
//! - E2: operands have the types that [`ExprKind`](crate::ir::ExprKind) and [`Stmt`] state.
//! - E3: a place has one `i64` index per axis, or one `i64` address.
//! - E4: conditions are `bool`.
//!
//! Loops
//! - L1: a loop variable is an `i64`, not a parameter, and set by loops alone; a loop inside another has another variable.
//! - L2: steps are not 0.
//! - L3: `break` and `continue` are inside a loop; `break` and `return` do not leave a parallel iteration.
//! - L4: every loop statement has an id of its own.
//! - L5: only parallel loops declare reductions and last values, except that loops nothing leaves early may declare float sums and products,
//!   which are regrouped then; an operation suits the type it reduces (`& | ^` are not for floats,
//!   complex arrays only add); companions only for `min` and `max`.
//!
//! Arrays
//! - A1: arrays of rank 0 have layout `C`, arrays of rank 1 `C` or `Strided`; ranks are at most [`MAX_RANK`].
//! - A2: a variable's layout is never tighter than what it is bound to, nor is a parameter's or a result's. A view of a `C` array is `C` if
//!   it fixes leading axes, then slices at most one axis with the constant step 1, and keeps the rest whole; mirrored for `F`.
//! - A3: only writable arrays are stored to; what is bound to, passed as or returned as writable is writable.
//! - A4: what owns memory of its own goes into an `Owned` variable: allocations and arrays that calls and services return.
//! - A5: element types and ranks agree; an order of axes is a permutation; an allocation is `C`.
//!
//! Calls and messages
//! - C1: arguments and results of calls match the callee's parameters and results.
//! - C2: arguments and results of services match the service's row.
//! - C3: what a device function gets and gives matches its row; launches are of kernels, with seven numbers before the kernel's
//!   own arguments; kernels are not called.
//! - C3: a parallel call's body takes the captures, one initial value per output, and two `i64`; it returns the outputs;
//!   `With` names a `min` or `max` output before it; accumulated captures are writable arrays.
//! - M1: a message has one argument per value (two for complex numbers) of the value's type; a trap at most
//!   [`MAX_TRAP_ARGS`].
//!
//! Not checked here, but by the interpreter: that indices are in range, that array variables are bound when used, that
//! references balance.

mod expr;
mod stmt;
#[cfg(test)]
mod tests;

use crate::base::{EntitySet, Symbol};
use crate::ir::expr::ExprId;
use crate::ir::func::{ArrayId, Func, FuncId, Limit, LocalId, LoopId, Ownership, Param, Program, Ret};
use crate::ir::stmt::Stmt;
use crate::ir::trap::{MAX_TRAP_ARGS, Message, Piece};
use crate::types::{ArrayTy, DType, Layout, ty::MAX_RANK};

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Its number in the list of this module: `F1`.
    pub rule: &'static str,
    /// The function's name.
    pub func: Symbol,
    /// What is wrong, with ids as in dumps.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in `{}`: {}", self.rule, self.func, self.text)
    }
}

/// Checks the whole program.
///
/// # Errors
/// Every violation found, in the order of the text.
pub fn verify(program: &Program) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    if program.funcs.get(program.entry).is_none() {
        let text = format!("the entry {} does not exist", program.entry);
        violations.push(Violation { rule: "P1", func: Symbol::default(), text });
    }
    for func in program.funcs.values() {
        let mut checker = Checker::new(program, func, &mut violations);
        checker.declarations();
        checker.body();
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

/// What the checks of one function share.
struct Checker<'a> {
    program: &'a Program,
    func: &'a Func,
    violations: &'a mut Vec<Violation>,
    /// Expressions that have a user.
    used: EntitySet<ExprId>,
    loops_seen: EntitySet<LoopId>,
    /// Variables of the loops around.
    loop_vars: Vec<LocalId>,
    /// Variables that some loop has.
    all_loop_vars: EntitySet<LocalId>,
}

impl<'a> Checker<'a> {
    fn new(program: &'a Program, func: &'a Func, violations: &'a mut Vec<Violation>) -> Checker<'a> {
        Checker {
            program,
            func,
            violations,
            used: EntitySet::new(),
            loops_seen: EntitySet::new(),
            loop_vars: Vec::new(),
            all_loop_vars: EntitySet::new(),
        }
    }

    fn fail(&mut self, rule: &'static str, text: impl Into<String>) {
        self.violations.push(Violation { rule, func: self.func.name.clone(), text: text.into() });
    }

    fn require(&mut self, rule: &'static str, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.fail(rule, text());
        }
    }

    fn declarations(&mut self) {
        let func = self.func;
        for (id, local) in &func.locals {
            self.require("E1", !local.dtype.is_complex(), || format!("{id} `{}` is complex", local.name));
        }
        for (id, array) in &func.arrays {
            let ty = array.ty;
            let is_normal = match ty.rank {
                0 => ty.layout == Layout::C,
                1 => ty.layout != Layout::F,
                rank => rank <= MAX_RANK,
            };
            self.require("A1", is_normal, || format!("{id} `{}`: {ty} as {:?}", array.name, ty.layout));
        }
        let mut locals = EntitySet::new();
        let mut arrays = EntitySet::new();
        for param in &func.params {
            match *param {
                Param::Scalar(local) => {
                    self.local(local);
                    self.require("F2", locals.insert(local), || format!("{local} is a parameter twice"));
                }
                Param::Array(array) => {
                    self.require("F2", arrays.insert(array), || format!("{array} is a parameter twice"));
                    if let Some(info) = self.array(array) {
                        let is_borrowed = info.ownership == Ownership::Borrowed;
                        self.require("F3", is_borrowed, || format!("parameter {array} is owned"));
                    }
                }
            }
        }
        if let Some(chunk) = &func.chunk {
            let last = [Param::Scalar(chunk.first), Param::Scalar(chunk.end)];
            self.require("F5", func.params.ends_with(&last), || "`first` and `end` are not last".to_owned());
            let assigned = crate::ir::walk::assigned_locals(&func.body);
            let is_fixed = |param: Param| func.params.contains(&param);
            let is_known = match chunk.limit {
                None | Some((Limit::Zero, _)) => true,
                Some((Limit::Local(local), _)) => is_fixed(Param::Scalar(local)) && !assigned.contains(local),
                Some((Limit::Dim(array, _), _)) => is_fixed(Param::Array(array)),
            };
            let are_fixed = !assigned.contains(chunk.first) && !assigned.contains(chunk.end);
            self.require("F5", is_known && are_fixed, || "a bound of the chunk changes".to_owned());
        }
        for ret in &func.rets {
            if let Ret::Scalar(dtype) = ret {
                self.require("E1", !dtype.is_complex(), || "a result is complex".to_string());
            }
        }
        if func.is_cold {
            let mut is_alone = true;
            crate::ir::walk::for_each_stmt(&func.body, &mut |stmt| {
                is_alone &= !matches!(
                    stmt,
                    Stmt::Call { .. } | Stmt::Parallel(_) | Stmt::Launch { .. } | Stmt::Device { .. }
                );
            });
            let is_plain = func.rets.iter().all(|ret| matches!(ret, Ret::Scalar(_)))
                && func.recursion.is_none()
                && func.chunk.is_none()
                && !func.is_kernel
                && self.program.funcs.get(self.program.entry).is_none_or(|entry| !std::ptr::eq(entry, func));
            self.require("F6", is_plain && is_alone, || "a cold function does more than loops".to_owned());
        }
        if let Some(trap) = func.recursion {
            self.require("P1", self.program.traps.is_valid(trap), || format!("{trap} does not exist"));
        }
    }

    fn is_param(&self, local: LocalId) -> bool {
        self.func.params.contains(&Param::Scalar(local))
    }

    fn is_array_param(&self, array: ArrayId) -> bool {
        self.func.params.contains(&Param::Array(array))
    }

    fn local(&mut self, local: LocalId) -> Option<DType> {
        let dtype = self.func.locals.get(local).map(|info| info.dtype);
        self.require("P1", dtype.is_some(), || format!("{local} does not exist"));
        dtype
    }

    fn array(&mut self, array: ArrayId) -> Option<&'a crate::ir::func::ArrayVar> {
        let info = self.func.arrays.get(array);
        self.require("P1", info.is_some(), || format!("{array} does not exist"));
        info
    }

    fn array_ty(&mut self, array: ArrayId) -> Option<ArrayTy> {
        self.array(array).map(|info| info.ty)
    }

    fn axis(&mut self, array: ArrayId, axis: u8) {
        if let Some(ty) = self.array_ty(array) {
            self.require("P1", axis < ty.rank, || format!("{array} has no axis {axis}"));
        }
    }

    /// May something of type `from` be bound to, passed as, returned as `to`?
    fn binds(&mut self, rule: &'static str, from: ArrayTy, to: ArrayTy, what: &dyn Fn() -> String) {
        self.require(rule, from.dtype == to.dtype && from.rank == to.rank, || {
            format!("{}: {from} as {to}", what())
        });
        let is_looser = from.layout == to.layout || to.layout == Layout::Strided || to.rank == 0;
        self.require("A2", is_looser, || format!("{}: {from} as {to}", what()));
        let keeps_access = from.is_writable || !to.is_writable;
        self.require("A3", keeps_access, || format!("{}: a read-only array as a writable one", what()));
    }

    fn message_args(&mut self, message: &Message, args: &[ExprId], what: &str) {
        let mut wanted = Vec::new();
        for piece in &message.pieces {
            if let Piece::Value { dtype, .. } = piece {
                wanted.extend(std::iter::repeat_n(dtype.part(), dtype.lanes()));
            }
        }
        let fits = wanted.len() == args.len();
        self.require("M1", fits, || format!("{what} has {} values, not {}", wanted.len(), args.len()));
        for (position, &arg) in args.iter().enumerate() {
            let found = self.expr(arg);
            if let (Some(found), Some(&wanted)) = (found, wanted.get(position)) {
                self.require("M1", found == wanted, || {
                    format!("{what}: value {position} is {found}, not {wanted}")
                });
            }
        }
    }

    fn trap(&mut self, trap: crate::ir::TrapId, args: &[ExprId]) {
        let program = self.program;
        match program.traps.get(trap) {
            Some(info) => {
                self.require("M1", args.len() <= MAX_TRAP_ARGS, || {
                    format!("{trap} with {} arguments", args.len())
                });
                self.message_args(&info.message, args, &trap.to_string());
            }
            None => self.fail("P1", format!("{trap} does not exist")),
        }
    }

    /// A trap without arguments, of an allocation or a service.
    fn trap_exists(&mut self, trap: crate::ir::TrapId) {
        self.require("P1", self.program.traps.is_valid(trap), || format!("{trap} does not exist"));
    }

    fn callee(&mut self, id: FuncId) -> Option<&'a Func> {
        let callee = self.program.funcs.get(id);
        self.require("P1", callee.is_some(), || format!("{id} does not exist"));
        callee
    }
}
