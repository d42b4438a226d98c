//! What integer locals and array variables hold at a point of the program, as polynomials: a symbolic walk.
//!
//! The walker (race check, guards) goes through the statements in order and tells [`Values`] about each; at any point it
//! may ask for the value of an expression, for the facts that hold, and for what an array variable is a view of. Where
//! paths join, a local whose values differ becomes a new atom; a local assigned in a loop is a new atom at its head. So
//! a polynomial, once computed, stays true.
//!
//! `eval` computes values of expressions, `facts` keeps what conditions say, `paths` is what a walker does at a branch,
//! `read` turns polynomials back into what a program can read. Reads the function, never edits it.

mod eval;
mod facts;
mod paths;
mod read;

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::affine::{AtomId, Atoms, Poly};
use crate::base::SecondaryMap;
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{
    ArrayId, BinaryOp, Check, Chunk, ExprId, ExprKind, Func, Limit, LocalId, Loop, Operand, Param, Stmt,
    Target,
};
use crate::types::DType;

pub use paths::{Walk, branches, likely_branch};
pub use read::{Factor, Source, Sum};

crate::define_id!(
    /// A piece of memory that array variables show.
    RootId, "root"
);

/// Where memory comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RootKind {
    /// What the caller passed for that parameter.
    Param(ArrayId),
    /// Allocated by the function, or by a call whose result is always new memory.
    Alloc,
    /// Anything: the result of a call, or one of several.
    Unknown,
}

/// A piece of memory.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    /// Where it comes from.
    pub kind: RootKind,
    /// The atom that was next when it was made: roots made since a mark are private to what follows it.
    pub mark: AtomId,
}

/// How one axis of a root is reached through a variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RootAxis {
    /// One fixed index.
    Fixed(Poly),
    /// `start + step * index` of that axis of the variable.
    Strided {
        /// Index 0.
        start: Poly,
        /// Distance in elements.
        step: Poly,
        /// Axis of the variable.
        axis: u8,
    },
}

/// What an array variable shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArraySym {
    /// The memory.
    pub root: RootId,
    /// Its extents.
    pub dims: SmallVec<[Poly; 2]>,
    /// By axis of the root; `None` if the relation is not known.
    pub axes: Option<SmallVec<[RootAxis; 2]>>,
    /// Indices of views on the way here that were taken not to wrap, though they may.
    pub assumed: SmallVec<[Poly; 1]>,
    /// The variable through which the memory is reached from outside the region of interest (see [`Values::set_via`]).
    pub via: ArrayId,
}

/// Symbolic state at a point.
#[derive(Clone, Debug, Default)]
pub struct State {
    locals: SecondaryMap<LocalId, Option<Rc<Poly>>>,
    arrays: SecondaryMap<ArrayId, Option<Rc<ArraySym>>>,
}

/// The walk's state and everything it made so far.
pub struct Values<'a> {
    /// The function.
    pub func: &'a Func,
    /// All atoms.
    pub atoms: Atoms,
    /// All pieces of memory.
    pub roots: Vec<Root>,
    /// What variables hold now.
    pub state: State,
    /// Polynomials known to be at least 0 here. The walker truncates when it leaves the scope.
    pub facts: Vec<Poly>,
    /// Results of `Wrap` that may have wrapped: the index before.
    wraps: FxHashMap<AtomId, Poly>,
}

impl<'a> Values<'a> {
    /// At the function's entry.
    #[must_use]
    pub fn new(func: &'a Func) -> Values<'a> {
        let mut values = Values {
            func,
            atoms: Atoms::default(),
            roots: Vec::new(),
            state: State::default(),
            facts: Vec::new(),
            wraps: FxHashMap::default(),
        };
        for param in &func.params {
            match *param {
                Param::Scalar(local) => values.forget_local(local),
                Param::Array(array) => {
                    let sym = values.new_array(array, RootKind::Param(array));
                    values.state.arrays[array] = Some(Rc::new(sym));
                }
            }
        }
        if let Some(chunk) = &func.chunk {
            values.know_chunk(chunk);
        }
        values
    }

    /// `first` and `end` of an outlined body lie within the iterations of its loop.
    fn know_chunk(&mut self, chunk: &Chunk) {
        let limit = chunk.limit.and_then(|(limit, offset)| {
            let base = match limit {
                Limit::Local(local) => self.local(local).cloned()?,
                Limit::Dim(array, axis) => self.dim(array, axis),
                Limit::Zero => Poly::int(0),
            };
            base.plus(offset)
        });
        let end = Poly::atom(self.atoms.below_extent(limit.into_iter().collect()));
        let first = Poly::atom(self.atoms.below_extent(SmallVec::from_iter([end.clone()])));
        self.state.locals[chunk.first] = Some(Rc::new(first));
        self.state.locals[chunk.end] = Some(Rc::new(end));
    }

    /// What the variable shows.
    pub fn array(&mut self, array: ArrayId) -> ArraySym {
        if self.state.arrays[array].is_none() {
            self.forget_array(array);
        }
        match &self.state.arrays[array] {
            Some(sym) => ArraySym::clone(sym),
            None => self.new_array(array, RootKind::Unknown),
        }
    }

    fn new_array(&mut self, array: ArrayId, kind: RootKind) -> ArraySym {
        let rank = self.func.arrays[array].ty.rank;
        let dims = (0..rank).map(|_| Poly::atom(self.atoms.extent())).collect();
        self.array_of(array, kind, dims)
    }

    fn array_of(&mut self, array: ArrayId, kind: RootKind, dims: SmallVec<[Poly; 2]>) -> ArraySym {
        let root = RootId::from_u32(self.roots.len() as u32);
        self.roots.push(Root { kind, mark: self.atoms.mark() });
        // The next root and the next atom must not share a mark with this one.
        self.atoms.value(None, None);
        let axes = (0..dims.len() as u8)
            .map(|axis| RootAxis::Strided { start: Poly::int(0), step: Poly::int(1), axis })
            .collect();
        ArraySym { root, dims, axes: Some(axes), assumed: SmallVec::new(), via: array }
    }

    /// The root.
    #[must_use]
    pub fn root(&self, id: RootId) -> Root {
        self.roots[id.as_u32() as usize]
    }

    /// From here on variables reach their memory via themselves.
    pub fn set_via(&mut self) {
        for array in self.func.arrays.keys() {
            if let Some(sym) = &mut self.state.arrays[array] {
                Rc::make_mut(sym).via = array;
            }
        }
    }

    /// What the local holds, if it is an integer.
    #[must_use]
    pub fn local(&self, local: LocalId) -> Option<&Poly> {
        self.state.locals[local].as_deref()
    }

    /// The local now has a value of which nothing is known.
    pub fn forget_local(&mut self, local: LocalId) {
        let value = self.unknown(self.func.locals[local].dtype);
        self.state.locals[local] = Some(Rc::new(value));
    }

    /// The variable is now bound to an array of which nothing is known.
    pub fn forget_array(&mut self, array: ArrayId) {
        let sym = self.new_array(array, RootKind::Unknown);
        self.state.arrays[array] = Some(Rc::new(sym));
    }

    /// The variable is now bound to new memory of unknown extents.
    pub fn bind_new(&mut self, array: ArrayId) {
        let sym = self.new_array(array, RootKind::Alloc);
        self.state.arrays[array] = Some(Rc::new(sym));
    }

    /// Locals and arrays that a loop assigns: new values at its head and after it.
    pub fn forget(&mut self, locals: &LocalSet, arrays: &ArraySet) {
        for local in locals.iter() {
            if !self.func.locals[local].dtype.is_float() {
                self.forget_local(local);
            }
        }
        for array in arrays.iter() {
            self.forget_array(array);
        }
    }

    /// The loop's bounds.
    pub fn range(&mut self, l: &Loop) -> (Poly, Poly) {
        (self.eval(l.lo), self.eval(l.hi))
    }

    /// The loop's body begins: its variable has a counter, what it assigns is forgotten. Returns the counter.
    pub fn enter_loop(&mut self, l: &Loop, lo: &Poly, hi: &Poly) -> Option<AtomId> {
        self.forget_in(&[&l.body]);
        let step = l.step.unsigned_abs().min(i64::MAX as u64) as i64;
        let last = if l.step > 0 { hi.sub(lo) } else { lo.sub(hi) }.and_then(|p| p.plus(-1));
        let counter = self.atoms.counter(last.into_iter().collect(), step);
        let value = lo.add_scaled(&Poly::atom(counter), l.step.signum());
        match value {
            Some(value) => {
                self.state.locals[l.var] = Some(Rc::new(value));
                Some(counter)
            }
            None => {
                self.forget_local(l.var);
                None
            }
        }
    }

    /// A loop ended that assigns in these blocks.
    pub fn leave_loop(&mut self, blocks: &[&[Stmt]]) {
        self.forget_in(blocks);
    }

    /// What the blocks of a loop assign is forgotten, but for this: what was not negative and is only ever incremented by
    /// small constants stays so (to overflow takes more iterations than a machine can do).
    fn forget_in(&mut self, blocks: &[&[Stmt]]) {
        let mut is_counted: FxHashMap<LocalId, bool> = FxHashMap::default();
        for block in blocks {
            walk::for_each_stmt(block, &mut |stmt| {
                let is_increment = match stmt {
                    Stmt::Set { local, value } => self.is_increment(*local, *value),
                    _ => false,
                };
                walk::for_each_local_written(stmt, &mut |local| {
                    *is_counted.entry(local).or_insert(true) &= is_increment;
                });
            });
        }
        let mut counted: Vec<LocalId> = Vec::new();
        for (local, _) in is_counted.into_iter().filter(|&(_, is_counted)| is_counted) {
            if self.func.locals[local].dtype == DType::I64
                && self.state.locals[local]
                    .as_deref()
                    .is_some_and(|value| self.is_as_computed(value) && self.atoms.is_nonneg(value))
            {
                counted.push(local);
            }
        }
        for block in blocks {
            self.forget(&walk::assigned_locals(block), &walk::assigned_arrays(block));
        }
        counted.sort_unstable();
        for local in counted {
            self.state.locals[local] = Some(Rc::new(Poly::atom(self.atoms.value(Some(0), None))));
        }
    }

    /// `local + c` for a small constant `c >= 0`?
    fn is_increment(&self, local: LocalId, value: ExprId) -> bool {
        let ExprKind::Binary { op: BinaryOp::Add, left, right } = self.func.exprs[value].kind else {
            return false;
        };
        let is_small = |id: ExprId| matches!(self.func.exprs[id].kind, ExprKind::Const(c) if (0..=16).contains(&c.as_int()));
        let is_it = |id: ExprId| self.func.exprs[id].kind == ExprKind::Local(local);
        (is_it(left) && is_small(right)) || (is_small(left) && is_it(right))
    }

    /// Tells of a statement without blocks in it. Calls leave new, unknown results.
    pub fn step(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Set { local, value } => {
                if !self.func.locals[*local].dtype.is_float() {
                    let value = self.eval(*value);
                    self.state.locals[*local] = Some(Rc::new(value));
                }
            }
            Stmt::SetArray { array, value } => {
                let sym = self.eval_array(*array, value);
                self.state.arrays[*array] = Some(Rc::new(sym));
            }
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                for result in results {
                    match result {
                        Target::Local(local) => self.forget_local(*local),
                        Target::Array(array) => self.forget_array(*array),
                    }
                }
            }
            Stmt::Parallel(call) => {
                for &(local, _) in &call.outputs {
                    self.forget_local(local);
                }
            }
            Stmt::Check { check: Check::Index { index, array, axis }, .. } => {
                let (index, dim) = (self.eval(*index), self.dim(*array, *axis));
                self.facts.extend(dim.sub(&index).and_then(|p| p.plus(-1)));
                if !self.atoms.is_nonneg(&index) {
                    self.facts.extend(index.add(&dim));
                }
            }
            Stmt::Check { check: Check::Cond(cond), .. } => self.assume(*cond, true),
            // Its words are gone: nobody may read its extents.
            Stmt::Release { array } => self.state.arrays[*array] = None,
            Stmt::Store { .. }
            | Stmt::Accumulate { .. }
            | Stmt::If { .. }
            | Stmt::While { .. }
            | Stmt::Loop(_)
            | Stmt::Launch { .. }
            | Stmt::Raise { .. }
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return { .. } => {}
        }
    }

    /// The arrays among operands.
    pub fn operand_arrays(operands: &[Operand]) -> impl Iterator<Item = ArrayId> + '_ {
        operands.iter().filter_map(|operand| match operand {
            Operand::Array(array) => Some(*array),
            Operand::Scalar(_) => None,
        })
    }
}
