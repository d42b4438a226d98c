//! What is known of the variables of a function at one point of the program.
//!
//! One environment per function, edited in place. A log of old values makes it cheap to walk one path, take what it
//! changed ([`Env::changes_since`]), go back ([`Env::roll_back`]) and walk the other path: the cost is that of the
//! changes, not of all variables.

use rustc_hash::FxHashSet;

use crate::base::Span;
use crate::syntax::ast::StmtId;
use crate::types::{ArrayTy, Layout, Ty, promote};

/// A variable of the function being typed: its position in the environment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct VarId(u32);

impl VarId {
    /// Its position, also in lists of names and places.
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Has the variable a value?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Assigned {
    /// On no path.
    No,
    /// On every path.
    Yes,
    /// Only on some paths through a branch.
    IfBranch,
    /// Only if that loop ran far enough.
    IfLoop(StmtId),
}

/// The type of a variable.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum VarTy {
    /// Known.
    Known(Ty),
    /// Two paths gave types that do not go together: an error if it is read.
    Conflict(Box<((Ty, Span), (Ty, Span))>),
    /// An error was reported where it was assigned.
    Error,
}

/// A variable at one point.
#[derive(Clone, Debug)]
pub(super) struct Var {
    pub(super) assigned: Assigned,
    pub(super) ty: VarTy,
    /// Its last assignment.
    pub(super) place: Span,
    /// When it was set; where paths join, the older one. Tells whether a read sees a value from before a loop.
    pub(super) version: u32,
}

impl Var {
    fn is_same(&self, other: &Var) -> bool {
        self.assigned == other.assigned && self.ty == other.ty
    }

    /// Its type, if it has one.
    pub(super) fn known(&self) -> Option<&Ty> {
        match &self.ty {
            VarTy::Known(ty) if self.assigned != Assigned::No => Some(ty),
            VarTy::Known(_) | VarTy::Conflict(_) | VarTy::Error => None,
        }
    }
}

/// Variables with their values at the end of a path, sorted by variable.
pub(super) type Changes = Vec<(VarId, Var)>;

/// All variables.
#[derive(Debug, Default)]
pub(super) struct Env {
    vars: Vec<Var>,
    log: Vec<(VarId, Var)>,
    clock: u32,
}

impl Env {
    /// Adds a variable without a value.
    pub(super) fn declare(&mut self) -> VarId {
        self.vars.push(Var { assigned: Assigned::No, ty: VarTy::Error, place: Span::default(), version: 0 });
        VarId(self.vars.len() as u32 - 1)
    }

    pub(super) fn get(&self, var: VarId) -> &Var {
        &self.vars[var.at()]
    }

    /// The time, which grows with every assignment.
    pub(super) fn now(&self) -> u32 {
        self.clock
    }

    /// Assigns.
    pub(super) fn assign(&mut self, var: VarId, ty: VarTy, place: Span) {
        self.clock += 1;
        self.put(var, Var { assigned: Assigned::Yes, ty, place, version: self.clock });
    }

    /// `del`.
    pub(super) fn unassign(&mut self, var: VarId, place: Span) {
        self.clock += 1;
        self.put(var, Var { assigned: Assigned::No, ty: VarTy::Error, place, version: self.clock });
    }

    /// Sets all that is known of a variable.
    pub(super) fn put(&mut self, var: VarId, value: Var) {
        let old = std::mem::replace(&mut self.vars[var.at()], value);
        self.log.push((var, old));
    }

    /// A point to go back to.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// The variables that were set since then, as they are now.
    pub(super) fn changes_since(&self, mark: usize) -> Changes {
        let mut seen = FxHashSet::default();
        let mut changes: Changes = self.log[mark..]
            .iter()
            .filter(|(var, _)| seen.insert(*var))
            .map(|(var, _)| (*var, self.get(*var).clone()))
            .collect();
        changes.sort_unstable_by_key(|(var, _)| *var);
        changes
    }

    /// Undoes everything since then.
    pub(super) fn roll_back(&mut self, mark: usize) {
        while self.log.len() > mark {
            if let Some((var, old)) = self.log.pop() {
                self.vars[var.at()] = old;
            }
        }
    }

    /// Applies the end of a path.
    pub(super) fn apply(&mut self, changes: Changes) {
        for (var, value) in changes {
            self.put(var, value);
        }
    }

    /// Joins the ends of several paths that start here; variables that a path did not set are as they are now. The second part are
    /// the variables whose type or existence differs between the paths.
    pub(super) fn join(&self, paths: &[&Changes], missing: Assigned) -> (Changes, Vec<VarId>) {
        let mut all: Vec<VarId> = paths.iter().flat_map(|path| path.iter().map(|(var, _)| *var)).collect();
        all.sort_unstable();
        all.dedup();
        let mut differing = Vec::new();
        let mut joined = Vec::with_capacity(all.len());
        // Paths are sorted as `all` is, so one cursor each walks through them.
        let mut cursors = vec![0; paths.len()];
        for var in all {
            let mut result: Option<Var> = None;
            let mut is_differing = false;
            for (path, cursor) in paths.iter().zip(&mut cursors) {
                let value = match path.get(*cursor) {
                    Some((at, value)) if *at == var => {
                        *cursor += 1;
                        value
                    }
                    Some(_) | None => self.get(var),
                };
                result = Some(match result {
                    None => value.clone(),
                    Some(first) => {
                        is_differing |= !first.is_same(value);
                        join_vars(&first, value, missing)
                    }
                });
            }
            if let Some(result) = result {
                joined.push((var, result));
            }
            if is_differing {
                differing.push(var);
            }
        }
        (joined, differing)
    }
}

/// Would a loop that was walked with the one see the other at its head?
pub(super) fn is_same_head(a: &Var, b: &Var) -> bool {
    a.is_same(b)
}

fn join_vars(a: &Var, b: &Var, missing: Assigned) -> Var {
    let version = a.version.min(b.version);
    let assigned = match (a.assigned, b.assigned) {
        (Assigned::Yes, Assigned::Yes) => Assigned::Yes,
        (Assigned::No, Assigned::No) => Assigned::No,
        (Assigned::IfBranch, _) | (_, Assigned::IfBranch) => Assigned::IfBranch,
        (Assigned::IfLoop(stmt), _) | (_, Assigned::IfLoop(stmt)) => match missing {
            // An `if` around the loop that gave the variable its value: the loop's flag tells it too.
            Assigned::IfBranch if a.assigned == Assigned::No || b.assigned == Assigned::No => {
                Assigned::IfBranch
            }
            Assigned::No | Assigned::Yes | Assigned::IfBranch | Assigned::IfLoop(_) => Assigned::IfLoop(stmt),
        },
        (Assigned::Yes, Assigned::No) | (Assigned::No, Assigned::Yes) => missing,
    };
    let (ty, place) = match (a.assigned, b.assigned) {
        (Assigned::No, _) => (b.ty.clone(), b.place),
        (_, Assigned::No) => (a.ty.clone(), a.place),
        _ => (join_var_tys((&a.ty, a.place), (&b.ty, b.place)), b.place),
    };
    Var { assigned, ty, place, version }
}

fn join_var_tys(a: (&VarTy, Span), b: (&VarTy, Span)) -> VarTy {
    match (a.0, b.0) {
        (VarTy::Error, _) | (_, VarTy::Error) => VarTy::Error,
        (VarTy::Conflict(places), _) | (_, VarTy::Conflict(places)) => VarTy::Conflict(places.clone()),
        (VarTy::Known(x), VarTy::Known(y)) => match join_tys(x, y) {
            Some(ty) => VarTy::Known(ty),
            None => VarTy::Conflict(Box::new(((x.clone(), a.1), (y.clone(), b.1)))),
        },
    }
}

/// The type of a value that comes from one of two paths.
pub(super) fn join_tys(a: &Ty, b: &Ty) -> Option<Ty> {
    if a == b {
        return Some(a.clone());
    }
    match (a, b) {
        (Ty::Scalar(x), Ty::Scalar(y)) => promote::join(*x, *y).map(Ty::Scalar),
        (Ty::Array(x), Ty::Array(y)) if x.dtype == y.dtype && x.rank == y.rank => Some(Ty::Array(ArrayTy {
            layout: if x.layout == y.layout { x.layout } else { Layout::Strided },
            is_writable: x.is_writable && y.is_writable,
            ..*x
        })),
        (Ty::Tuple(x), Ty::Tuple(y)) if x.len() == y.len() => {
            let items: Option<Vec<Ty>> = x.iter().zip(y.iter()).map(|(x, y)| join_tys(x, y)).collect();
            items.map(|items| Ty::Tuple(items.into()))
        }
        _ => None,
    }
}
