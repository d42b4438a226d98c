//! What a call inside a parallel loop touches: the callee's accesses, with its parameters replaced by the arguments.
//!
//! Conservative: a recursive callee, or one with very many accesses, may touch every element of its array arguments.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::{Access, AccessKind, Walker};
use crate::analysis::affine::{Atom, AtomId, Atoms, Poly};
use crate::analysis::values::{RootId, RootKind, Values};
use crate::base::Span;
use crate::ir::{ExprId, FuncId, Operand, Param, Program, Stmt, walk};

/// More accesses than these are summed up as "anything".
const MAX_ACCESSES: usize = 64;

/// What a function touches of its array parameters.
pub(crate) struct Summary<'a> {
    /// The atoms of `accesses`.
    values: Values<'a>,
    /// By parameter: the atom of a number, or root and extents of an array.
    params: Vec<ParamAtoms>,
    /// `None`: anything.
    accesses: Option<Vec<(usize, Access)>>,
    /// Does it print, load, save?
    pub(super) prints: bool,
    /// Is that result always new memory?
    pub(super) fresh_rets: Vec<bool>,
}

enum ParamAtoms {
    Number(Option<AtomId>),
    Array(Vec<Option<AtomId>>),
}

impl<'a> Summary<'a> {
    pub(super) fn new(walker: Walker<'a, '_>) -> Summary<'a> {
        let func = walker.values.func;
        // A second walk of the entry gives the same atoms as the first: they are numbered in order.
        let mut entry = Values::new(func);
        let mut params = Vec::new();
        let mut by_root: FxHashMap<RootId, usize> = FxHashMap::default();
        for (position, param) in func.params.iter().enumerate() {
            params.push(match *param {
                Param::Scalar(local) => ParamAtoms::Number(entry.local(local).and_then(Poly::as_atom)),
                Param::Array(array) => {
                    let sym = entry.array(array);
                    by_root.insert(sym.root, position);
                    ParamAtoms::Array(sym.dims.iter().map(Poly::as_atom).collect())
                }
            });
        }
        let mut accesses = Some(Vec::new());
        for access in walker.log {
            match (by_root.get(&access.root), walker.values.root(access.root).kind) {
                (Some(&position), _) => {
                    if let Some(list) = &mut accesses {
                        let is_known = list.iter().any(|(p, a): &(usize, Access)| {
                            *p == position && a.kind == access.kind && a.index == access.index
                        });
                        if !is_known {
                            list.push((position, access));
                        }
                        if list.len() > MAX_ACCESSES {
                            accesses = None;
                        }
                    }
                }
                (None, RootKind::Alloc) => {}
                (None, RootKind::Param(_) | RootKind::Unknown) => accesses = None,
            }
        }
        Summary {
            params,
            accesses,
            prints: walker.prints,
            fresh_rets: walker.fresh_rets,
            values: walker.values,
        }
    }
}

impl<'a> Walker<'a, '_> {
    /// Notes what a call touches.
    pub(super) fn log_call(&mut self, callee: FuncId, args: &[Operand], span: Span) {
        let summaries = self.summaries;
        let Some(summary) = summaries.get(&callee) else {
            // Part of a recursion.
            self.prints |= any_prints(self.program);
            return self.log_anything(args, span);
        };
        self.prints |= summary.prints;
        let Some(accesses) = &summary.accesses else { return self.log_anything(args, span) };
        let mut names: FxHashMap<AtomId, Poly> = FxHashMap::default();
        for (param, arg) in summary.params.iter().zip(args) {
            match (param, arg) {
                (ParamAtoms::Number(atom), Operand::Scalar(value)) => {
                    if let Some(atom) = atom {
                        let value = self.number(*value);
                        names.insert(*atom, value);
                    }
                }
                (ParamAtoms::Array(dims), Operand::Array(array)) => {
                    let sym = self.values.array(*array);
                    for (atom, dim) in dims.iter().zip(&sym.dims) {
                        if let Some(atom) = atom {
                            names.insert(*atom, dim.clone());
                        }
                    }
                }
                _ => return self.log_anything(args, span),
            }
        }
        for (position, access) in accesses {
            let Some(Operand::Array(array)) = args.get(*position) else { continue };
            let theirs = &summary.values.atoms;
            let indices: Option<SmallVec<[Poly; 2]>> = access.index.as_ref().and_then(|index| {
                index.iter().map(|p| import(theirs, &mut self.values, p, &mut names)).collect()
            });
            let assumed: Option<SmallVec<[Poly; 1]>> =
                access.assumed.iter().map(|p| import(theirs, &mut self.values, p, &mut names)).collect();
            self.depth += access.depth;
            self.loops += access.loops + 1;
            match (indices, assumed) {
                (Some(indices), Some(assumed)) => {
                    self.log_element(*array, &indices, assumed, access.kind, span);
                }
                _ => self.log_whole(*array, access.kind, span),
            }
            self.depth -= access.depth;
            self.loops -= access.loops + 1;
        }
    }

    fn number(&mut self, value: ExprId) -> Poly {
        self.values.eval(value)
    }

    fn log_anything(&mut self, args: &[Operand], span: Span) {
        self.depth += 1;
        for array in Values::operand_arrays(args) {
            self.log_whole(array, AccessKind::Read, span);
            if self.values.func.arrays[array].ty.is_writable {
                self.log_whole(array, AccessKind::Write, span);
            }
        }
        self.depth -= 1;
    }
}

/// A polynomial of the callee in atoms of the caller.
fn import(
    theirs: &Atoms,
    ours: &mut Values<'_>,
    poly: &Poly,
    names: &mut FxHashMap<AtomId, Poly>,
) -> Option<Poly> {
    for atom in poly.atoms() {
        if names.contains_key(&atom) {
            continue;
        }
        let value = match theirs.atom(atom) {
            Atom::Value => {
                let (lo, hi) = theirs.constant_bounds(atom);
                Poly::atom(ours.atoms.value(lo, hi))
            }
            Atom::Counter { upper, step } => {
                let upper = upper.iter().filter_map(|p| import(theirs, ours, p, names)).collect();
                Poly::atom(ours.atoms.counter(upper, *step))
            }
            Atom::Op { op, left, right } => {
                let (left, right) = (import(theirs, ours, left, names)?, import(theirs, ours, right, names)?);
                ours.atoms.op(*op, &left, &right)
            }
        };
        names.insert(atom, value);
    }
    poly.substitute(&mut |atom| names.get(&atom).cloned().unwrap_or_default())
}

fn any_prints(program: &Program) -> bool {
    program.funcs.values().any(|func| {
        let mut found = false;
        walk::for_each_stmt(&func.body, &mut |stmt| {
            found |= matches!(stmt, Stmt::Print { .. });
        });
        found
    })
}

/// Every function, callees before callers except in recursion.
pub(super) fn callees_first(program: &Program) -> Vec<FuncId> {
    fn visit(program: &Program, func: FuncId, seen: &mut FxHashSet<FuncId>, order: &mut Vec<FuncId>) {
        if !seen.insert(func) {
            return;
        }
        let mut callees = Vec::new();
        walk::for_each_stmt(&program.funcs[func].body, &mut |stmt| {
            if let Stmt::Call { callee, .. } = stmt {
                callees.push(*callee);
            }
        });
        for callee in callees {
            visit(program, callee, seen, order);
        }
        order.push(func);
    }
    let (mut seen, mut order) = (FxHashSet::default(), Vec::new());
    for func in program.funcs.keys() {
        visit(program, func, &mut seen, &mut order);
    }
    order
}
