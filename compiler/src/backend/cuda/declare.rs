//! Where scalar variables are declared: as far inside as their values allow, and where they get their first value if that is
//! the first that is heard of them.
//!
//! The IR's variables belong to the function. In C a variable that is declared in the body of a loop is a new one in every
//! iteration, so it goes there only if no iteration reads what an earlier one left.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::liveness;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{ArrayId, ExprKind, Func, LocalId, Stmt};

/// Statements are named by their address; the function is not edited meanwhile.
#[derive(Default)]
pub(super) struct Declarations {
    /// Declared by this assignment.
    at_set: FxHashSet<(usize, LocalId)>,
    /// Declared without a value in front of the statement.
    before: FxHashMap<usize, Vec<LocalId>>,
    /// Assignments that declare variables that nothing else assigns.
    constant: FxHashSet<usize>,
    /// Calls with results that nothing else assigns, declared in front of them.
    results: FxHashSet<(usize, LocalId)>,
    /// Bindings of arrays that declare them.
    bindings: FxHashSet<usize>,
    /// Arrays that are declared at the top, because no binding is a good place.
    pub(super) arrays_at_top: Vec<ArrayId>,
}

impl Declarations {
    /// Of every variable in the statements but those that are declared elsewhere.
    pub(super) fn new(func: &Func, block: &[Stmt], elsewhere: &LocalSet) -> Declarations {
        let mut declarations = Declarations::default();
        let mut locals: Vec<LocalId> = Vec::new();
        let mut counters = LocalSet::new();
        walk::for_each_stmt(block, &mut |stmt| {
            if let Stmt::Loop(l) = stmt {
                counters.insert(l.var);
                return;
            }
            walk::for_each_local_written(stmt, &mut |local| {
                if !locals.contains(&local) {
                    locals.push(local);
                }
            });
        });
        for local in locals {
            if !elsewhere.contains(local) && !counters.contains(local) {
                declarations.place(func, block, local);
            }
        }
        let mut arrays: Vec<ArrayId> = Vec::new();
        walk::for_each_stmt(block, &mut |stmt| {
            if let Stmt::SetArray { array, .. } = stmt
                && !arrays.contains(array)
            {
                arrays.push(*array);
            }
        });
        for array in arrays {
            let mut found = Vec::new();
            if bindings(func, block, array, &mut found) {
                declarations.bindings.extend(found);
            } else {
                declarations.arrays_at_top.push(array);
            }
        }
        declarations
    }

    /// Does this binding of an array declare it?
    pub(super) fn is_declared_by(&self, stmt: &Stmt) -> bool {
        self.bindings.contains(&address(stmt))
    }

    /// Is the variable declared by this assignment, and does it keep its value?
    pub(super) fn at_set(&self, stmt: &Stmt, local: LocalId) -> Option<bool> {
        self.at_set.contains(&(address(stmt), local)).then(|| self.constant.contains(&address(stmt)))
    }

    /// Is the variable to be declared in front of the statement?
    pub(super) fn is_declared_before(&self, stmt: &Stmt, local: LocalId) -> bool {
        self.before(stmt).contains(&local)
    }

    /// Is the variable a result of the call, declared in front of it, and assigned nowhere else?
    pub(super) fn is_result_of(&self, stmt: &Stmt, local: LocalId) -> bool {
        let mut is_result = false;
        walk::for_each_local_written(stmt, &mut |written| is_result |= written == local);
        is_result && self.results.contains(&(address(stmt), local))
    }

    /// Variables to be declared in front of the statement.
    pub(super) fn before(&self, stmt: &Stmt) -> &[LocalId] {
        self.before.get(&address(stmt)).map_or(&[], Vec::as_slice)
    }

    fn place(&mut self, func: &Func, block: &[Stmt], local: LocalId) {
        let mut touching = block.iter().filter(|stmt| touches(func, stmt, local));
        let Some(first) = touching.next() else { return };
        let inner = first.blocks();
        if touching.next().is_none() && !inner.is_empty() && !touches_itself(func, first, local) {
            let users: Vec<_> =
                inner.iter().filter(|block| block.iter().any(|s| touches(func, s, local))).collect();
            let is_loop = matches!(first, Stmt::While { .. } | Stmt::Loop(_));
            // The head and the body of a `while` share their variables.
            let is_apart = !is_loop || users.len() == 1;
            if is_apart && users.iter().all(|block| !liveness::read_first(func, block).locals.contains(local))
            {
                for block in users {
                    self.place(func, block, local);
                }
                return;
            }
        }
        match first {
            Stmt::Set { local: target, value }
                if *target == local && !walk::reads_local(&func.exprs, *value, local) =>
            {
                self.at_set.insert((address(first), local));
                if is_written_once(block, local) {
                    self.constant.insert(address(first));
                }
            }
            _ => {
                self.before.entry(address(first)).or_default().push(local);
                let mut is_result = false;
                walk::for_each_local_written(first, &mut |written| is_result |= written == local);
                if is_result && is_written_once(block, local) {
                    self.results.insert((address(first), local));
                }
            }
        }
    }
}

/// Finds the bindings of an array, if each of them is the first that is heard of it in its block, and nothing outside of these
/// blocks mentions it.
fn bindings(func: &Func, block: &[Stmt], array: ArrayId, found: &mut Vec<usize>) -> bool {
    let uses = |stmt: &Stmt| walk::used_arrays(func, std::slice::from_ref(stmt)).contains(array);
    let binds = |stmt: &Stmt| matches!(stmt, Stmt::SetArray { array: bound, .. } if *bound == array);
    let mut users = block.iter().filter(|stmt| uses(stmt));
    let Some(first) = users.next() else { return true };
    if binds(first) {
        let is_only = users.all(|stmt| !walk::assigned_arrays(std::slice::from_ref(stmt)).contains(array));
        found.push(address(first));
        return is_only;
    }
    let is_in_head = walk::used_arrays(func, std::slice::from_ref(&walk::head_of(first))).contains(array);
    users.next().is_none()
        && !is_in_head
        && first.blocks().iter().all(|inner| bindings(func, inner, array, found))
}

fn is_written_once(block: &[Stmt], local: LocalId) -> bool {
    let mut writes = 0;
    walk::for_each_stmt(block, &mut |stmt| {
        walk::for_each_local_written(stmt, &mut |written| writes += u32::from(written == local));
    });
    writes == 1
}

fn address(stmt: &Stmt) -> usize {
    std::ptr::from_ref(stmt) as usize
}

/// Does the statement, or one in it, mention the variable?
fn touches(func: &Func, stmt: &Stmt, local: LocalId) -> bool {
    touches_itself(func, stmt, local)
        || stmt.blocks().iter().any(|block| block.iter().any(|inner| touches(func, inner, local)))
}

/// Does the statement itself mention the variable?
fn touches_itself(func: &Func, stmt: &Stmt, local: LocalId) -> bool {
    let mut found = false;
    walk::for_each_local_written(stmt, &mut |written| found |= written == local);
    walk::for_each_expr_root(stmt, &mut |root| {
        found |= walk::any_expr(&func.exprs, root, &mut |expr| expr.kind == ExprKind::Local(local));
    });
    found
}
