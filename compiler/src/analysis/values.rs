//! What integer locals and array variables hold at a point of the program, as polynomials: a symbolic walk.
//!
//! The walker (race check, guards) goes through the statements in order and tells [`Values`] about each; at any point it
//! may ask for the value of an expression, for the facts that hold, and for what an array variable is a view of. Where
//! paths join, a local whose values differ becomes a new atom; a local assigned in a loop is a new atom at its head. So
//! a polynomial, once computed, stays true.
//!
//! Reads the function, never edits it.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::affine::{AtomId, AtomOp, Atoms, Poly};
use crate::base::SecondaryMap;
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, Check, CompareOp, ExprId, ExprKind, Func, LocalId, Loop, Operand, Param,
    Stmt, Target, UnaryOp, ViewAxis,
};
use crate::types::DType;

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

/// Facts are tried from the newest; older ones than this are not.
const MAX_FACTS_TRIED: usize = 12;

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
        values
    }

    /// Is the value never negative, given the facts?
    #[must_use]
    pub fn is_nonneg(&self, poly: &Poly) -> bool {
        if self.atoms.is_nonneg(poly) {
            return true;
        }
        self.facts.iter().rev().take(MAX_FACTS_TRIED).any(|fact| {
            // A fact helps only if it speaks of the same things.
            fact.atoms().any(|atom| poly.atoms().any(|a| a == atom))
                && poly.sub(fact).is_some_and(|rest| self.atoms.is_nonneg(&rest))
        })
    }

    /// `a <= b`, given the facts?
    #[must_use]
    pub fn is_at_most(&self, a: &Poly, b: &Poly) -> bool {
        b.sub(a).is_some_and(|p| self.is_nonneg(&p))
    }

    /// A new atom for a value of the type.
    pub fn unknown(&mut self, dtype: DType) -> Poly {
        let (lo, hi) = dtype_bounds(dtype);
        Poly::atom(self.atoms.value(lo, hi))
    }

    /// The value of an integer or `bool` expression (of `u64`: not looked into).
    pub fn eval(&mut self, id: ExprId) -> Poly {
        let expr = &self.func.exprs[id];
        let ty = expr.ty;
        if ty.is_float() || ty == DType::U64 {
            return self.unknown(ty);
        }
        match &expr.kind {
            ExprKind::Const(value) => Poly::int(value.as_int()),
            ExprKind::Local(local) => {
                if self.state.locals[*local].is_none() {
                    self.forget_local(*local);
                }
                self.state.locals[*local].as_deref().cloned().unwrap_or_default()
            }
            ExprKind::Dim { array, axis } => self.dim(*array, *axis),
            ExprKind::Unary { op: UnaryOp::Neg, arg } => {
                let arg = self.eval(*arg);
                arg.scale(-1).unwrap_or_else(|| self.unknown(ty))
            }
            ExprKind::Unary { op: UnaryOp::Abs, arg } => {
                let arg = self.eval(*arg);
                match arg.scale(-1) {
                    Some(negated) => self.atoms.op(AtomOp::Max, &arg, &negated),
                    None => self.unknown(ty),
                }
            }
            ExprKind::Binary { op, left, right } if ty == DType::I64 => self.eval_binary(*op, *left, *right),
            ExprKind::Cast { arg } => {
                let from = self.func.exprs[*arg].ty;
                if from.is_float() || from == DType::U64 {
                    return self.unknown(ty);
                }
                let value = self.eval(*arg);
                let fits = |bound: Option<i64>, is_low: bool| match bound {
                    None => ty != DType::Bool,
                    Some(bound) if is_low => value.plus(-bound).is_some_and(|p| self.atoms.is_nonneg(&p)),
                    Some(bound) => Poly::int(bound).sub(&value).is_some_and(|p| self.atoms.is_nonneg(&p)),
                };
                let (lo, hi) = dtype_bounds(ty);
                if ty == DType::I64 || (self.is_as_computed(&value) && fits(lo, true) && fits(hi, false)) {
                    value
                } else {
                    self.unknown(ty)
                }
            }
            ExprKind::Select { then, orelse, .. } => {
                let (then, orelse) = (self.eval(*then), self.eval(*orelse));
                self.join(&then, &orelse, ty)
            }
            ExprKind::Wrap { index, extent } => {
                let (index, extent) = (self.eval(*index), self.eval(*extent));
                if self.is_nonneg(&index) {
                    return index;
                }
                if let Some(below) = index.scale(-1).and_then(|p| p.plus(-1))
                    && self.is_nonneg(&below)
                    && let Some(sum) = index.add(&extent)
                {
                    return sum;
                }
                let atom = self.atoms.value(Some(0), None);
                self.wraps.insert(atom, index);
                Poly::atom(atom)
            }
            ExprKind::Load { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Compare { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. }
            | ExprKind::Interrupted => self.unknown(ty),
        }
    }

    fn eval_binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId) -> Poly {
        let (left, right) = (self.eval(left), self.eval(right));
        let result = match op {
            BinaryOp::Add => left.add(&right),
            BinaryOp::Sub => left.sub(&right),
            BinaryOp::Mul => Some(self.atoms.op(AtomOp::Mul, &left, &right)),
            BinaryOp::FloorDiv => Some(self.atoms.op(AtomOp::FloorDiv, &left, &right)),
            BinaryOp::Mod => Some(self.atoms.op(AtomOp::Mod, &left, &right)),
            BinaryOp::Min => Some(self.atoms.op(AtomOp::Min, &left, &right)),
            BinaryOp::Max => Some(self.atoms.op(AtomOp::Max, &left, &right)),
            BinaryOp::Shl => match right.as_int() {
                Some(count @ 0..=40) => left.scale(1 << count),
                _ => None,
            },
            BinaryOp::Shr => match right.as_int() {
                Some(count @ 0..=62) => Some(self.atoms.op(AtomOp::FloorDiv, &left, &Poly::int(1 << count))),
                _ => None,
            },
            BinaryOp::And => {
                let mask = [&left, &right].into_iter().filter_map(Poly::as_int).find(|&m| m >= 0);
                mask.map(|mask| Poly::atom(self.atoms.value(Some(0), Some(mask))))
            }
            BinaryOp::Div | BinaryOp::IntPow | BinaryOp::Or | BinaryOp::Xor => None,
        };
        result.unwrap_or_else(|| self.unknown(DType::I64))
    }

    /// The value of an index in a place, and the same before wrapping if it may wrap.
    pub fn eval_index(&mut self, id: ExprId) -> (Poly, Option<Poly>) {
        let value = self.eval(id);
        let wrapped = value.as_atom().and_then(|atom| self.wraps.get(&atom)).cloned();
        (value, wrapped)
    }

    /// The extent of an axis.
    pub fn dim(&mut self, array: ArrayId, axis: u8) -> Poly {
        let sym = self.array(array);
        sym.dims.get(axis as usize).cloned().unwrap_or_default()
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
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } => {
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
            Stmt::Store { .. }
            | Stmt::Accumulate { .. }
            | Stmt::Release { .. }
            | Stmt::If { .. }
            | Stmt::While { .. }
            | Stmt::Loop(_)
            | Stmt::Raise { .. }
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return { .. } => {}
        }
    }

    fn eval_array(&mut self, array: ArrayId, value: &ArrayValue) -> ArraySym {
        match value {
            ArrayValue::Same(base) => self.array(*base),
            ArrayValue::Alloc { shape, .. } => {
                let mut dims = SmallVec::new();
                for &extent in shape {
                    let extent = self.eval(extent);
                    // Checked to be at least 0 before.
                    if !self.is_nonneg(&extent) {
                        self.facts.push(extent.clone());
                    }
                    dims.push(extent);
                }
                self.array_of(array, RootKind::Alloc, dims)
            }
            ArrayValue::Part { base, .. } => self.array(*base),
            ArrayValue::Transpose { base, order } => {
                let base = self.array(*base);
                let dims = order.iter().filter_map(|&axis| base.dims.get(axis as usize).cloned()).collect();
                let axes = base.axes.map(|axes| {
                    axes.into_iter()
                        .map(|root_axis| match root_axis {
                            RootAxis::Fixed(index) => RootAxis::Fixed(index),
                            RootAxis::Strided { start, step, axis } => {
                                let axis = order.iter().position(|&o| o == axis).unwrap_or(0) as u8;
                                RootAxis::Strided { start, step, axis }
                            }
                        })
                        .collect()
                });
                ArraySym { dims, axes, ..base }
            }
            ArrayValue::View { base, axes } => {
                let base = self.array(*base);
                self.view_of(base, axes)
            }
        }
    }

    fn view_of(&mut self, mut base: ArraySym, axes: &[ViewAxis]) -> ArraySym {
        enum Entry {
            Fixed(Poly),
            Slice { start: Poly, step: Poly, axis: u8 },
        }
        let mut entries: SmallVec<[Entry; 4]> = SmallVec::new();
        let mut dims: SmallVec<[Poly; 2]> = SmallVec::new();
        for axis in axes {
            let new_axis = dims.len() as u8;
            match axis {
                ViewAxis::Index(index) => {
                    let (index, before_wrap) = self.eval_index(*index);
                    base.assumed.extend(before_wrap.clone());
                    entries.push(Entry::Fixed(before_wrap.unwrap_or(index)));
                }
                ViewAxis::Slice { start, len, step } => {
                    let (start, len, step) = (self.eval(*start), self.eval(*len), self.eval(*step));
                    if !self.is_nonneg(&len) {
                        self.facts.push(len.clone());
                    }
                    dims.push(len);
                    entries.push(Entry::Slice { start, step, axis: new_axis });
                }
                ViewAxis::Whole => {
                    let dim = base.dims.get(entries.len()).cloned().unwrap_or_default();
                    dims.push(dim);
                    entries.push(Entry::Slice { start: Poly::int(0), step: Poly::int(1), axis: new_axis });
                }
                ViewAxis::New => dims.push(Poly::int(1)),
            }
        }
        let root_axes = base.axes.take().and_then(|axes| {
            let mut result: SmallVec<[RootAxis; 2]> = SmallVec::new();
            for root_axis in axes {
                result.push(match root_axis {
                    RootAxis::Fixed(index) => RootAxis::Fixed(index),
                    RootAxis::Strided { start, step, axis } => match entries.get(axis as usize)? {
                        Entry::Fixed(index) => RootAxis::Fixed(start.add(&step.mul(index)?)?),
                        Entry::Slice { start: inner, step: inner_step, axis } => RootAxis::Strided {
                            start: start.add(&step.mul(inner)?)?,
                            step: step.mul(inner_step)?,
                            axis: *axis,
                        },
                    },
                });
            }
            Some(result)
        });
        ArraySym { dims, axes: root_axes, root: base.root, assumed: base.assumed, via: base.via }
    }

    /// A condition is known to be true (or false): its comparisons become facts.
    pub fn assume(&mut self, cond: ExprId, holds: bool) {
        match &self.func.exprs[cond].kind {
            ExprKind::Unary { op: UnaryOp::Not, arg } => self.assume(*arg, !holds),
            ExprKind::Binary { op: BinaryOp::And, left, right } if holds => {
                self.assume(*left, true);
                self.assume(*right, true);
            }
            ExprKind::Binary { op: BinaryOp::Or, left, right } if !holds => {
                self.assume(*left, false);
                self.assume(*right, false);
            }
            ExprKind::Compare { op, left, right } if self.func.exprs[*left].ty == DType::I64 => {
                let (left, right) = (self.eval(*left), self.eval(*right));
                // What was compared may have overflowed; then it says nothing of the polynomials.
                if !self.is_as_computed(&left) || !self.is_as_computed(&right) {
                    return;
                }
                let op = if holds { *op } else { negated(*op) };
                let difference = |a: &Poly, b: &Poly, slack: i64| a.sub(b).and_then(|p| p.plus(slack));
                match op {
                    CompareOp::Lt => self.facts.extend(difference(&right, &left, -1)),
                    CompareOp::Le => self.facts.extend(difference(&right, &left, 0)),
                    CompareOp::Gt => self.facts.extend(difference(&left, &right, -1)),
                    CompareOp::Ge => self.facts.extend(difference(&left, &right, 0)),
                    CompareOp::Eq => {
                        self.facts.extend(difference(&left, &right, 0));
                        self.facts.extend(difference(&right, &left, 0));
                    }
                    CompareOp::Ne => {}
                }
            }
            _ => {}
        }
    }

    /// Is the value in 64 bits the value of the polynomial? Of variables as they are, and of small sums.
    fn is_as_computed(&self, poly: &Poly) -> bool {
        poly.as_int().is_some() || poly.as_atom().is_some() || self.atoms.is_exact(poly, None)
    }

    fn join(&mut self, a: &Poly, b: &Poly, dtype: DType) -> Poly {
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

    /// The state where two paths join.
    pub fn merge(&mut self, a: &State, b: &State) {
        for local in self.func.locals.keys() {
            let value = match (&a.locals[local], &b.locals[local]) {
                (Some(x), Some(y)) if Rc::ptr_eq(x, y) || x == y => Some(x.clone()),
                (Some(x), Some(y)) => Some(Rc::new(self.join(x, y, self.func.locals[local].dtype))),
                (None, None) => None,
                _ => {
                    let dtype = self.func.locals[local].dtype;
                    Some(Rc::new(self.unknown(dtype)))
                }
            };
            self.state.locals[local] = value;
        }
        for array in self.func.arrays.keys() {
            let sym = match (&a.arrays[array], &b.arrays[array]) {
                (Some(x), Some(y)) if Rc::ptr_eq(x, y) || x == y => Some(x.clone()),
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

    /// Where the value of each atom can be read at this point.
    #[must_use]
    pub fn sources(&self) -> FxHashMap<AtomId, Source> {
        let mut sources = FxHashMap::default();
        for local in self.func.locals.keys() {
            if self.func.locals[local].dtype == DType::I64
                && let Some(atom) = self.state.locals[local].as_deref().and_then(Poly::as_atom)
            {
                sources.entry(atom).or_insert(Source::Local(local));
            }
        }
        for array in self.func.arrays.keys() {
            if let Some(sym) = &self.state.arrays[array] {
                for (axis, dim) in sym.dims.iter().enumerate() {
                    if let Some(atom) = dim.as_atom() {
                        sources.entry(atom).or_insert(Source::Dim(array, axis as u8));
                    }
                }
            }
        }
        sources
    }

    /// The polynomial as a sum of things that can be read where the sources were taken.
    #[must_use]
    pub fn readable(&self, poly: &Poly, sources: &FxHashMap<AtomId, Source>) -> Option<Sum> {
        let mut sum = Sum::default();
        for (monomial, factor) in poly.terms() {
            let mut factors = Vec::new();
            for atom in monomial {
                factors.push(match (sources.get(atom), self.atoms.atom(*atom)) {
                    (Some(Source::Local(local)), _) => Factor::Local(*local),
                    (Some(Source::Dim(array, axis)), _) => Factor::Dim(*array, *axis),
                    (None, super::affine::Atom::Op { op, left, right }) => Factor::Op(
                        *op,
                        Box::new(self.readable(left, sources)?),
                        Box::new(self.readable(right, sources)?),
                    ),
                    (None, _) => return None,
                });
            }
            sum.terms.push((*factor, factors));
        }
        Some(sum)
    }

    /// The arrays among operands.
    pub fn operand_arrays(operands: &[Operand]) -> impl Iterator<Item = ArrayId> + '_ {
        operands.iter().filter_map(|operand| match operand {
            Operand::Array(array) => Some(*array),
            Operand::Scalar(_) => None,
        })
    }
}

/// Where a value can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A local holds it.
    Local(LocalId),
    /// It is an extent.
    Dim(ArrayId, u8),
}

/// A polynomial in readable things: what passes turn into expressions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// Coefficient and factors; no factors for the constant.
    pub terms: Vec<(i64, Vec<Factor>)>,
}

/// A factor of a [`Sum`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Factor {
    /// A local.
    Local(LocalId),
    /// An extent.
    Dim(ArrayId, u8),
    /// An operation.
    Op(AtomOp, Box<Sum>, Box<Sum>),
}

fn negated(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Eq => CompareOp::Ne,
        CompareOp::Ne => CompareOp::Eq,
        CompareOp::Lt => CompareOp::Ge,
        CompareOp::Le => CompareOp::Gt,
        CompareOp::Gt => CompareOp::Le,
        CompareOp::Ge => CompareOp::Lt,
    }
}

/// The range of an integer type, where it is narrower than 64 bits.
fn dtype_bounds(dtype: DType) -> (Option<i64>, Option<i64>) {
    match dtype {
        DType::Bool => (Some(0), Some(1)),
        DType::I8 => (Some(i64::from(i8::MIN)), Some(i64::from(i8::MAX))),
        DType::I16 => (Some(i64::from(i16::MIN)), Some(i64::from(i16::MAX))),
        DType::I32 => (Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX))),
        DType::U8 => (Some(0), Some(i64::from(u8::MAX))),
        DType::U16 => (Some(0), Some(i64::from(u16::MAX))),
        DType::U32 => (Some(0), Some(i64::from(u32::MAX))),
        DType::I64 | DType::U64 | DType::F32 | DType::F64 | DType::C64 | DType::C128 => (None, None),
    }
}
