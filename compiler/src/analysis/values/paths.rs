//! Where paths part and join: what every walker does at an `if`.

use std::rc::Rc;

use super::eval::dtype_bounds;
use super::{ArraySym, RootKind, Values};
use crate::analysis::affine::Poly;
use crate::ir::walk;
use crate::ir::{ArrayId, ExprId, LocalId, Stmt};
use crate::types::DType;

/// Who walks a function in order and tells [`Values`] of each statement.
pub trait Walk<'a> {
    /// What it keeps.
    fn values(&mut self) -> &mut Values<'a>;

    /// Walks the statements of a branch.
    fn walk(&mut self, block: &'a [Stmt]);
}

/// What the variables hold that one of two branches assigns.
struct Held {
    locals: Vec<Option<Rc<Poly>>>,
    arrays: Vec<Option<Rc<ArraySym>>>,
}

/// Walks both branches, each knowing what the condition says; after that what they assign holds the value of both, or is
/// something new. Facts found in a branch end with it, unless the other one does not reach the end.
pub fn branches<'a>(walker: &mut impl Walk<'a>, cond: ExprId, then: &'a [Stmt], orelse: &'a [Stmt]) {
    part(walker, cond, then, orelse, &mut |walker| walker.walk(orelse));
}

/// The same without a walk through the second branch: what it assigns is not known at its end.
pub fn likely_branch<'a>(walker: &mut impl Walk<'a>, cond: ExprId, then: &'a [Stmt], orelse: &'a [Stmt]) {
    part(walker, cond, then, orelse, &mut |walker| walker.values().leave_loop(&[orelse]));
}

fn part<'a, W: Walk<'a>>(
    walker: &mut W,
    cond: ExprId,
    then: &'a [Stmt],
    orelse: &'a [Stmt],
    walk_orelse: &mut dyn FnMut(&mut W),
) {
    // Only what a branch assigns has to be kept and merged: functions have many variables and many branches.
    let (mut locals, mut arrays) = (walk::assigned_locals(then), walk::assigned_arrays(then));
    locals.extend(walk::assigned_locals(orelse).iter());
    arrays.extend(walk::assigned_arrays(orelse).iter());
    let (locals, arrays): (Vec<LocalId>, Vec<ArrayId>) = (locals.iter().collect(), arrays.iter().collect());
    let (before, facts) = (walker.values().held(&locals, &arrays), walker.values().facts.len());
    // What the condition says is about the values that it was asked of, before a branch assigned others.
    let said = |values: &mut Values<'_>, holds: bool| {
        values.assume(cond, holds);
        values.facts[facts..].to_vec()
    };
    let if_true = said(walker.values(), true);
    walker.walk(then);
    let values = walker.values();
    let after_then = values.held(&locals, &arrays);
    values.hold(&locals, &arrays, before);
    values.facts.truncate(facts);
    let if_false = said(values, false);
    walk_orelse(walker);
    let values = walker.values();
    values.facts.truncate(facts);
    let ends = |block: &[Stmt]| block.last().is_some_and(Stmt::is_jump);
    match (ends(then), ends(orelse)) {
        (true, false) => values.facts.extend(if_false),
        (false, true) => {
            values.hold(&locals, &arrays, after_then);
            values.facts.extend(if_true);
        }
        (true, true) | (false, false) => values.merge(&locals, &arrays, after_then),
    }
}

impl Values<'_> {
    fn held(&self, locals: &[LocalId], arrays: &[ArrayId]) -> Held {
        Held {
            locals: locals.iter().map(|&local| self.state.locals[local].clone()).collect(),
            arrays: arrays.iter().map(|&array| self.state.arrays[array].clone()).collect(),
        }
    }

    fn hold(&mut self, locals: &[LocalId], arrays: &[ArrayId], held: Held) {
        for (&local, value) in locals.iter().zip(held.locals) {
            self.state.locals[local] = value;
        }
        for (&array, sym) in arrays.iter().zip(held.arrays) {
            self.state.arrays[array] = sym;
        }
    }

    pub(super) fn join(&mut self, a: &Poly, b: &Poly, dtype: DType) -> Poly {
        if a == b {
            return a.clone();
        }
        let (mut lo, mut hi) = dtype_bounds(dtype);
        if lo.is_none() {
            for candidate in [0, -1] {
                let is_low = |p: &Poly| {
                    self.is_as_computed(p) && p.plus(-candidate).is_some_and(|p| self.atoms.is_nonneg(&p))
                };
                if is_low(a) && is_low(b) {
                    lo = Some(candidate);
                    break;
                }
            }
        }
        if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
            (lo, hi) = (Some(a.min(b)), Some(a.max(b)));
        }
        Poly::atom(self.atoms.value(lo, hi))
    }

    /// The state where the current path and another one join.
    fn merge(&mut self, locals: &[LocalId], arrays: &[ArrayId], other: Held) {
        for (&local, x) in locals.iter().zip(other.locals) {
            let value = match (x, self.state.locals[local].clone()) {
                (Some(x), Some(y)) if Rc::ptr_eq(&x, &y) || x == y => Some(x),
                (Some(x), Some(y)) => Some(Rc::new(self.join(&x, &y, self.func.locals[local].dtype))),
                (None, None) => None,
                _ => {
                    let dtype = self.func.locals[local].dtype;
                    Some(Rc::new(self.unknown(dtype)))
                }
            };
            self.state.locals[local] = value;
        }
        for (&array, x) in arrays.iter().zip(other.arrays) {
            let sym = match (x, self.state.arrays[array].clone()) {
                (Some(x), Some(y)) if Rc::ptr_eq(&x, &y) || x == y => Some(x),
                (None, None) => None,
                (x, y) => {
                    let dims = match (x, y) {
                        (Some(x), Some(y)) if x.dims == y.dims => Some(x.dims.clone()),
                        _ => None,
                    };
                    Some(Rc::new(match dims {
                        Some(dims) => self.array_of(array, RootKind::Unknown, dims),
                        None => self.new_array(array, RootKind::Unknown),
                    }))
                }
            };
            self.state.arrays[array] = sym;
        }
    }
}
