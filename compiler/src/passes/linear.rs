//! Addresses and indices as polynomials over what one loop does and does not change.
//!
//! `base(u) + (i - 1) * stride(u, 0) + 8 * j` is `base + i·stride - stride + 8·j`: with `j` the loop's variable it advances by 8,
//! and the rest is the address of a row. Arithmetic is that of 64-bit integers, which wrap, so any rearrangement of sums and products has
//! the same value. Facts and expressions; edits nothing.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::build;
use crate::analysis::affine::{AtomId, Poly};
use crate::base::{EntityRef, Span};
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{ArrayId, BinaryOp, ExprId, ExprKind, Func, LocalId, Loop, Stmt, UnaryOp};
use crate::types::{DType, Layout};

/// What a loop assigns.
pub(super) struct Changes {
    locals: LocalSet,
    arrays: ArraySet,
}

impl Changes {
    /// Of a loop, its variable included.
    pub(super) fn of(stmt: &Stmt) -> Changes {
        let mut changes = Changes { locals: LocalSet::new(), arrays: ArraySet::new() };
        for inner in stmt.blocks() {
            changes.locals.extend(walk::assigned_locals(inner).iter());
            changes.arrays.extend(walk::assigned_arrays(inner).iter());
        }
        if let Stmt::Loop(l) = stmt {
            changes.locals.insert(l.var);
        }
        changes
    }

    /// The loop assigns this one no longer.
    pub(super) fn remove(&mut self, local: LocalId) {
        self.locals.remove(local);
    }

    /// Has the expression the same value in every iteration? Loads are taken not to.
    pub(super) fn is_invariant(&self, func: &Func, root: ExprId) -> bool {
        !walk::any_expr(&func.exprs, root, &mut |expr| {
            matches!(expr.kind, ExprKind::Load { .. } | ExprKind::Interrupted)
                || walk::names_any(&expr.kind, &self.locals, &self.arrays)
        })
    }
}

/// What a polynomial of one loop is made of.
#[derive(Clone, Copy)]
enum Atom {
    Local(LocalId),
    /// An expression that is not looked into.
    Opaque(ExprId),
    Base(ArrayId),
    Stride(ArrayId, u8),
}

/// Deeper expressions are given up.
const MAX_DEPTH: u32 = 16;
/// More expressions that are not looked into are not compared with each other.
const MAX_COMPARED: usize = 48;

/// The polynomials of one loop.
pub(super) struct Linear<'a> {
    changes: &'a Changes,
    /// The loop's variable, if it counts.
    var: Option<LocalId>,
    atoms: Vec<Atom>,
    is_invariant: Vec<bool>,
    locals: FxHashMap<LocalId, AtomId>,
    words: FxHashMap<(ArrayId, Option<u8>), AtomId>,
    opaque: Vec<(ExprId, AtomId)>,
    /// Locals that the loop assigned before in this iteration, made of its variable and what it does not change.
    known: FxHashMap<LocalId, Poly>,
}

/// `advance * variable + fixed + moving + constant`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parts {
    /// By what it grows per unit of the loop's variable; the same in every iteration.
    pub advance: Poly,
    /// What the loop does not change.
    pub fixed: Poly,
    /// What it changes in other ways.
    pub moving: Poly,
    /// The constant.
    pub constant: i64,
}

impl<'a> Linear<'a> {
    pub(super) fn new(changes: &'a Changes, var: Option<LocalId>) -> Linear<'a> {
        Linear {
            changes,
            var,
            atoms: Vec::new(),
            is_invariant: Vec::new(),
            locals: FxHashMap::default(),
            words: FxHashMap::default(),
            opaque: Vec::new(),
            known: FxHashMap::default(),
        }
    }

    /// Tells of an assignment directly in the loop's body.
    pub(super) fn assign(&mut self, func: &Func, local: LocalId, value: ExprId) {
        self.known.remove(&local);
        if func.locals[local].dtype != DType::I64 {
            return;
        }
        if let Some(poly) = self.value(func, value)
            && poly.atoms().all(|atom| self.is_invariant[atom.index()] || self.is_variable(atom))
        {
            self.known.insert(local, poly);
        }
    }

    fn is_variable(&self, atom: AtomId) -> bool {
        matches!(self.atoms[atom.index()], Atom::Local(local) if Some(local) == self.var)
    }

    /// Nothing is known at the beginning of an iteration.
    pub(super) fn forget_all(&mut self) {
        self.known.clear();
    }

    /// What the statement and those in it assign is not known after it.
    pub(super) fn forget(&mut self, stmt: &Stmt) {
        if self.known.is_empty() {
            return;
        }
        walk::for_each_stmt(std::slice::from_ref(stmt), &mut |stmt| {
            walk::for_each_local_written(stmt, &mut |local| {
                self.known.remove(&local);
            });
        });
    }

    /// The address of a place's element; `None` if it is not worth knowing.
    pub(super) fn address(&mut self, func: &Func, array: ArrayId, indices: &[ExprId]) -> Option<Poly> {
        let ty = func.arrays[array].ty;
        let mut address = self.word(array, None);
        for (axis, &index) in indices.iter().enumerate() {
            let is_unit = match ty.layout {
                Layout::C => axis + 1 == indices.len(),
                Layout::F => axis == 0,
                Layout::Strided => false,
            };
            let index = self.value(func, index)?;
            let bytes = if is_unit {
                index.scale(ty.dtype.size_bytes() as i64)?
            } else {
                index.mul(&self.word(array, Some(axis as u8)))?
            };
            address = address.add(&bytes)?;
        }
        Some(address)
    }

    /// The value of an `i64` expression.
    pub(super) fn value(&mut self, func: &Func, id: ExprId) -> Option<Poly> {
        self.value_within(func, id, MAX_DEPTH)
    }

    fn value_within(&mut self, func: &Func, id: ExprId, depth: u32) -> Option<Poly> {
        let depth = depth.checked_sub(1)?;
        match func.exprs[id].kind {
            ExprKind::Const(value) => Some(Poly::int(value.as_int())),
            ExprKind::Local(local) => {
                if let Some(poly) = self.known.get(&local) {
                    return Some(poly.clone());
                }
                let next = AtomId::new(self.atoms.len());
                let atom = *self.locals.entry(local).or_insert(next);
                if atom == next {
                    self.atoms.push(Atom::Local(local));
                    self.is_invariant.push(!self.changes.locals.contains(local));
                }
                Some(Poly::atom(atom))
            }
            ExprKind::Base { array } => Some(self.word(array, None)),
            ExprKind::Stride { array, axis } => Some(self.word(array, Some(axis))),
            ExprKind::Binary { op, left, right } if func.exprs[id].ty == DType::I64 => match op {
                BinaryOp::Add => {
                    self.value_within(func, left, depth)?.add(&self.value_within(func, right, depth)?)
                }
                BinaryOp::Sub => {
                    self.value_within(func, left, depth)?.sub(&self.value_within(func, right, depth)?)
                }
                BinaryOp::Mul => {
                    let (left, right) =
                        (self.value_within(func, left, depth)?, self.value_within(func, right, depth)?);
                    left.mul(&right)
                }
                _ => Some(self.opaque(func, id)),
            },
            ExprKind::Unary { op: UnaryOp::Neg, arg } if func.exprs[id].ty == DType::I64 => {
                self.value_within(func, arg, depth)?.scale(-1)
            }
            _ => Some(self.opaque(func, id)),
        }
    }

    fn opaque(&mut self, func: &Func, id: ExprId) -> Poly {
        let known = self.opaque.iter().find(|(other, _)| walk::same_expr(&func.exprs, *other, id));
        if let Some(&(_, atom)) = known {
            return Poly::atom(atom);
        }
        let atom = AtomId::new(self.atoms.len());
        self.atoms.push(Atom::Opaque(id));
        self.is_invariant.push(self.changes.is_invariant(func, id));
        if self.opaque.len() < MAX_COMPARED {
            self.opaque.push((id, atom));
        }
        Poly::atom(atom)
    }

    /// The address (`None`) or a stride of an array.
    fn word(&mut self, array: ArrayId, axis: Option<u8>) -> Poly {
        let next = AtomId::new(self.atoms.len());
        let atom = *self.words.entry((array, axis)).or_insert(next);
        if atom == next {
            self.atoms.push(match axis {
                None => Atom::Base(array),
                Some(axis) => Atom::Stride(array, axis),
            });
            self.is_invariant.push(!self.changes.arrays.contains(array));
        }
        Poly::atom(atom)
    }

    /// What moves and what does not; `None` if it does not grow evenly with the variable.
    pub(super) fn parts(&self, poly: &Poly) -> Option<Parts> {
        let is_moving = |atom: AtomId| !self.is_invariant[atom.index()];
        let (advance, rest) = match self.var.and_then(|var| self.locals.get(&var)) {
            Some(&var) => poly.split(var)?,
            None => (Poly::default(), poly.clone()),
        };
        if advance.atoms().any(is_moving) {
            return None;
        }
        let (moving, fixed) = rest.partition(&is_moving);
        let constant = fixed.constant();
        Some(Parts { advance, fixed: fixed.plus(constant.checked_neg()?)?, moving, constant })
    }

    /// Is it one atom, or nothing?
    pub(super) fn is_simple(poly: &Poly) -> bool {
        poly.as_int().is_some() || poly.as_atom().is_some()
    }

    /// Does it read elements, or is it an expression of which there may be one only?
    pub(super) fn has_loads(&self, func: &Func, poly: &Poly) -> bool {
        poly.atoms().any(|atom| match self.atoms[atom.index()] {
            Atom::Opaque(id) => walk::any_expr(&func.exprs, id, &mut |expr| {
                matches!(expr.kind, ExprKind::Load { .. } | ExprKind::Interrupted)
            }),
            Atom::Local(_) | Atom::Base(_) | Atom::Stride(..) => false,
        })
    }

    /// The polynomial as an expression.
    pub(super) fn build(&self, func: &mut Func, poly: &Poly, span: Span) -> ExprId {
        let mut total: Option<ExprId> = None;
        // First the array, then products, the constant last: what rows of one array have in common comes first.
        let mut terms: SmallVec<[_; 8]> = poly.terms().iter().collect();
        terms.sort_by_key(|(monomial, _)| match monomial.as_slice() {
            [atom] if matches!(self.atoms[atom.index()], Atom::Base(_)) => 0,
            atoms => usize::MAX - atoms.len(),
        });
        for (monomial, coefficient) in terms {
            let mut term: Option<ExprId> = None;
            let is_stride = |atom: &AtomId| matches!(self.atoms[atom.index()], Atom::Stride(..));
            let strides = monomial.iter().filter(|atom| is_stride(atom));
            for &atom in monomial.iter().filter(|atom| !is_stride(atom)).chain(strides) {
                let factor = self.atom(func, atom, span);
                term = Some(match term {
                    None => factor,
                    Some(left) => build::int_binary(func, BinaryOp::Mul, left, factor, span),
                });
            }
            let is_subtracted = *coefficient == -1 && total.is_some() && term.is_some();
            let term = match (term, *coefficient) {
                (None, value) => func.int(value, span),
                (Some(term), 1) => term,
                (Some(term), -1) if is_subtracted => term,
                (Some(term), value) => {
                    let value = func.int(value, span);
                    build::int_binary(func, BinaryOp::Mul, term, value, span)
                }
            };
            let op = if is_subtracted { BinaryOp::Sub } else { BinaryOp::Add };
            total = Some(match total {
                None => term,
                Some(left) => build::int_binary(func, op, left, term, span),
            });
        }
        total.unwrap_or_else(|| func.int(0, span))
    }

    fn atom(&self, func: &mut Func, atom: AtomId, span: Span) -> ExprId {
        match self.atoms[atom.index()] {
            Atom::Local(local) => func.read(local, span),
            Atom::Opaque(id) => func.clone_expr(id),
            Atom::Base(array) => func.expr(ExprKind::Base { array }, DType::I64, span),
            Atom::Stride(array, axis) => func.expr(ExprKind::Stride { array, axis }, DType::I64, span),
        }
    }
}

/// `first + advance * variable` in the first iteration, if the loop begins at a constant.
pub(super) fn at_start(func: &Func, l: &Loop, first: &Poly, advance: &Poly) -> Option<Poly> {
    match func.exprs[l.lo].kind {
        ExprKind::Const(lo) => first.add_scaled(advance, lo.as_int()),
        _ => None,
    }
}

/// `first + advance * variable` in the first iteration as an expression.
pub(super) fn start(
    func: &mut Func,
    linear: &Linear<'_>,
    l: &Loop,
    first: &Poly,
    advance: &Poly,
    span: Span,
) -> ExprId {
    if let Some(poly) = at_start(func, l, first, advance) {
        return linear.build(func, &poly, span);
    }
    let advance = linear.build(func, advance, span);
    let lo = func.clone_expr(l.lo);
    let way = build::int_binary(func, BinaryOp::Mul, lo, advance, span);
    if first.as_int() == Some(0) {
        return way;
    }
    let first = linear.build(func, first, span);
    build::int_binary(func, BinaryOp::Add, first, way, span)
}

/// The statement that lets a counter go on to the next iteration.
pub(super) fn step(
    func: &mut Func,
    linear: &Linear<'_>,
    l: &Loop,
    local: LocalId,
    advance: &Poly,
    span: Span,
) -> Option<Stmt> {
    let mut by = advance.scale(l.step)?;
    let is_down = by.as_int().is_none() && by.terms().iter().all(|(_, coefficient)| *coefficient < 0);
    let op = if is_down { BinaryOp::Sub } else { BinaryOp::Add };
    if is_down {
        by = by.scale(-1)?;
    }
    let by = linear.build(func, &by, span);
    let old = func.read(local, span);
    let value = build::int_binary(func, op, old, by, span);
    Some(Stmt::Set { local, value })
}

/// Can something be added at the end of every iteration? Not if some of them do not get there, and go on, or if a strip may do
/// the first ones.
pub(super) fn can_count(l: &Loop) -> bool {
    use crate::ir::LoopKind;
    matches!(l.kind, LoopKind::Serial | LoopKind::Vector)
        && l.strip.is_none()
        && !walk::exits(&l.body).continues
}

/// Is there no loop in it?
pub(super) fn is_innermost(stmt: &Stmt) -> bool {
    let mut inner = false;
    for block in stmt.blocks() {
        walk::for_each_stmt(block, &mut |stmt| inner |= stmt.loop_id().is_some());
    }
    !inner
}
