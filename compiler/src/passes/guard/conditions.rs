//! What a check asks of the values in front of a loop: conditions that are exact in 64 bits.

use rustc_hash::FxHashSet;

use super::Condition;
use super::plan::{Frame, OpenCheck, OpenKind, Planner};
use crate::analysis::affine::{Atom, AtomId, Poly, Side};
use crate::analysis::values::{Factor, Source, Sum, Values};
use crate::ir::walk;
use crate::ir::{ExprId, ExprKind};

impl Planner<'_> {
    /// What makes the check hold for the whole loop.
    pub(super) fn conditions(&mut self, check: &OpenCheck, frame_number: usize) -> Option<Vec<Condition>> {
        let Planner { values, frames, .. } = self;
        let frame = &frames[frame_number];
        let mut assumptions = Vec::new();
        if let OpenKind::Index { index, .. } | OpenKind::Wrap { index } = &check.kind {
            // What multiplies a counter is tested not to be negative.
            for (monomial, _) in index.terms() {
                if monomial.len() > 1 && monomial.iter().any(|&a| values.atoms.is_newer(a, frame.mark)) {
                    for &atom in monomial {
                        let is_open = values.atoms.constant_bounds(atom).0.is_none_or(|lo| lo < 0);
                        if is_open
                            && !values.atoms.is_newer(atom, frame.mark)
                            && values.atoms.assumed.insert(atom)
                        {
                            assumptions.push(Condition::AtLeast(
                                values.readable(&Poly::atom(atom), &frame.sources)?,
                                Sum::default(),
                            ));
                        }
                    }
                }
            }
        }
        let frame = &self.frames[frame_number];
        let is_conditional = check.depth > frame.depth;
        let conditions = match &check.kind {
            OpenKind::Cond => {
                if is_conditional || !self.is_invariant(check.id, frame) {
                    return None;
                }
                vec![Condition::Holds(check.id)]
            }
            OpenKind::Wrap { index } => {
                let is_new = |atom: AtomId| self.values.atoms.is_newer(atom, frame.mark);
                let mut conditions = assumptions;
                if !self.values.atoms.is_exact(index, None) && !self.is_loop_variable(index, frame) {
                    self.all_small(index, &Poly::int(0), frame, &mut conditions)?;
                }
                let lowest = self.values.atoms.bounds(index, Side::Lower, &is_new);
                conditions.extend(lowest.iter().find_map(|p| self.at_least_zero(p, frame, None))?);
                conditions
            }
            OpenKind::Index { index, dim, is_nonneg, is_below, .. } => {
                let is_new = |atom: AtomId| self.values.atoms.is_newer(atom, frame.mark);
                // An extent that the loop itself brings may be 0, and then no index is below it: a loop further inside knows it.
                let is_unknown =
                    |atom: AtomId| is_new(atom) && matches!(self.values.atoms.atom(atom), Atom::Value);
                if !is_below && dim.atoms().any(is_unknown) {
                    return None;
                }
                let known = dim.as_atom();
                let mut conditions = assumptions;
                let is_exact = atoms_exact(&self.values, index, dim, known);
                if !is_exact && !self.is_loop_variable(index, frame) {
                    self.all_small(index, dim, frame, &mut conditions)?;
                }
                if !is_nonneg {
                    let least = if self.wraps_outside(check) { index.add(dim)? } else { index.clone() };
                    let lowest = self.values.atoms.bounds(&least, Side::Lower, &is_new);
                    conditions.extend(lowest.iter().find_map(|p| self.at_least_zero(p, frame, known))?);
                }
                if !is_below {
                    let gap = dim.sub(index)?.plus(-1)?;
                    let smallest = self.values.atoms.bounds(&gap, Side::Lower, &is_new);
                    conditions.extend(smallest.iter().find_map(|p| self.at_least_zero(p, frame, known))?);
                }
                conditions
            }
        };
        if is_conditional {
            // Only if the loop is guarded by all of it anyway.
            let guard = self.plan.guards.get(&frame.id);
            let is_there = |c: &Condition| guard.is_some_and(|g| g.conditions.contains(c));
            if !conditions.iter().all(is_there) {
                return None;
            }
        }
        Some(conditions)
    }

    /// The check itself as a condition, if the loop does not change its index.
    pub(super) fn where_it_is(&self, check: &OpenCheck, frame: usize) -> Option<Vec<Condition>> {
        let OpenKind::Index { array, axis, is_nonneg, .. } = check.kind else { return None };
        let frame = &self.frames[frame];
        let is_fixed =
            check.depth <= frame.depth && !frame.arrays.contains(array) && self.is_invariant(check.id, frame);
        is_fixed.then(|| vec![Condition::Within { index: check.id, array, axis, is_nonneg }])
    }

    /// Is it an index like `i - 1` that the loop around its element does not change? Then it may be negative and wrap: that is done
    /// in front of the loop, and the first row is none of its own.
    pub(super) fn wraps_outside(&self, check: &OpenCheck) -> bool {
        let (Some(frame), OpenKind::Index { index, .. }) = (check.frame, &check.kind) else { return false };
        let mark = self.frames[frame].mark;
        index.constant() < 0 && !index.atoms().any(|atom| self.values.atoms.is_newer(atom, mark))
    }

    /// Is the index a loop variable plus a small constant? Then it is within the loop's bounds as they were computed.
    fn is_loop_variable(&self, index: &Poly, frame: &Frame) -> bool {
        let Some(counter) = index.newest(&|atom| self.values.atoms.is_newer(atom, frame.mark)) else {
            return true;
        };
        let Some((factor, rest)) = index.split(counter) else { return false };
        let offset = self.firsts.get(&counter).and_then(|first| rest.sub(first)).and_then(|p| p.as_int());
        matches!(factor.as_int(), Some(1 | -1)) && offset.is_some_and(|k| k.unsigned_abs() < 1 << 40)
    }

    /// Tests that everything the index is computed from is small enough for arithmetic not to overflow.
    fn all_small(
        &self,
        index: &Poly,
        dim: &Poly,
        frame: &Frame,
        conditions: &mut Vec<Condition>,
    ) -> Option<()> {
        let atoms = &self.values.atoms;
        // The index is the last and comes off first.
        let mut open = vec![dim.clone(), index.clone()];
        let mut leaves: Vec<AtomId> = Vec::new();
        let mut seen: FxHashSet<AtomId> = FxHashSet::default();
        let mut degree = 1;
        // Large factors, such as the length of a block, are for the index alone: first and number of a block have it.
        let (mut large, mut products) = (0, 0);
        let mut is_inner = false;
        // The largest constant that what is multiplied is computed from.
        let mut inner_constant = 0;
        while let Some(poly) = open.pop() {
            for (monomial, factor) in poly.terms() {
                let limit = if monomial.is_empty() { 1 << 40 } else { LARGE_FACTOR };
                if factor.unsigned_abs() >= limit {
                    return None;
                }
                if monomial.is_empty() {
                    if is_inner {
                        inner_constant = inner_constant.max(factor.unsigned_abs());
                    }
                } else {
                    large += u32::from(factor.unsigned_abs() >= SMALL_FACTOR);
                    products += u32::from(is_inner && factor.unsigned_abs() > 1 || monomial.len() > 1);
                }
                degree = degree.max(monomial.len());
                for &atom in monomial {
                    if !seen.insert(atom) {
                        continue;
                    }
                    match atoms.atom(atom) {
                        Atom::Counter { upper, .. } => {
                            open.extend(upper.iter().cloned());
                            open.extend(self.firsts.get(&atom).cloned());
                        }
                        Atom::Op { left, right, .. } => open.extend([left.clone(), right.clone()]),
                        Atom::Value => leaves.push(atom),
                    }
                }
            }
            is_inner = true;
        }
        if large > 2 || (large > 0 && products > 0) {
            return None;
        }
        let bits = small_bits(degree);
        if degree > 1 && inner_constant >= 1 << bits {
            return None;
        }
        for atom in leaves {
            if atoms.is_small(atom, None) && degree <= 1 {
                continue;
            }
            if atoms.is_newer(atom, frame.mark) {
                // Data of the iteration: only if its type bounds it.
                if atoms.is_small(atom, None) { continue } else { return None }
            }
            let factor = match frame.sources.get(&atom)? {
                Source::Local(local) => Factor::Local(*local),
                Source::Dim(array, axis) => Factor::Dim(*array, *axis),
            };
            let condition = Condition::Small(factor, bits);
            if !conditions.contains(&condition) {
                conditions.push(condition);
            }
        }
        Some(())
    }

    fn is_invariant(&self, root: ExprId, frame: &Frame) -> bool {
        !walk::any_expr(&self.values.func.exprs, root, &mut |expr| match &expr.kind {
            ExprKind::Local(local) => frame.locals.contains(*local),
            ExprKind::Load { .. } | ExprKind::Interrupted => true,
            ExprKind::Dim { array, .. } | ExprKind::Stride { array, .. } | ExprKind::Base { array } => {
                frame.arrays.contains(*array)
            }
            ExprKind::Overlaps { a, b } => frame.arrays.contains(*a) || frame.arrays.contains(*b),
            _ => false,
        })
    }

    /// `poly >= 0` as conditions on what can be read in front of the loop; `None` if it cannot hold or be read.
    fn at_least_zero(&self, poly: &Poly, frame: &Frame, known: Option<AtomId>) -> Option<Vec<Condition>> {
        let atoms = &self.values.atoms;
        if let Some(value) = poly.as_int() {
            return (value >= 0).then(Vec::new);
        }
        let sum = self.values.readable(poly, &frame.sources)?;
        let (mut left, mut right) = (Sum::default(), Sum::default());
        let mut degree = 1;
        for (factor, factors) in sum.terms {
            degree = degree.max(factors.len());
            if factor > 0 {
                left.terms.push((factor, factors));
            } else {
                right.terms.push((factor.checked_neg()?, factors));
            }
        }
        let mut conditions = Vec::new();
        let is_single = |sum: &Sum| {
            sum.terms.len() <= 1
                && sum.terms.iter().all(|(factor, factors)| {
                    factors.is_empty()
                        || (*factor == 1
                            && matches!(factors.as_slice(), [Factor::Local(_) | Factor::Dim(..)]))
                })
        };
        // Two plain values are compared as they are; sums and products must not overflow.
        let is_exact = (is_single(&left) && is_single(&right)) || atoms.is_exact(poly, known);
        if !is_exact {
            let bits = small_bits(degree);
            let is_plain = |factors: &[Factor]| matches!(factors, [Factor::Local(_) | Factor::Dim(..)]);
            for sum in [&left, &right] {
                let is_short =
                    sum.terms.len() <= 3 && sum.terms.iter().all(|(_, f)| f.is_empty() || is_plain(f));
                if sum.terms.iter().any(|(factor, factors)| {
                    let limit = if factors.is_empty() {
                        1 << 40
                    } else if is_short {
                        LARGE_FACTOR as i64
                    } else {
                        SMALL_FACTOR as i64
                    };
                    *factor >= limit
                }) {
                    return None;
                }
                small_factors(sum, degree, bits, &mut conditions)?;
            }
        }
        conditions.push(Condition::AtLeast(left, right));
        Some(conditions)
    }
}

/// Do two conditions say the same?
pub(super) fn is_same(exprs: &walk::Exprs, a: &Condition, b: &Condition) -> bool {
    match (a, b) {
        (
            Condition::Within { index: i, array: x, axis: m, .. },
            Condition::Within { index: j, array: y, axis: n, .. },
        ) => x == y && m == n && walk::same_expr(exprs, *i, *j),
        _ => a == b,
    }
}

/// Factors below this do no harm in sums of products.
const SMALL_FACTOR: u64 = 1 << 10;
/// Times an extent (below 2^48) it leaves room for a few more terms.
const LARGE_FACTOR: u64 = 1 << 13;

/// Values below 2^bits in size can be multiplied that often and added.
fn small_bits(degree: usize) -> u32 {
    match degree {
        0 | 1 => 40,
        2 => 26,
        3 => 16,
        _ => 12,
    }
}

/// Are an index and its extent computed without overflow, whatever the variables hold?
fn atoms_exact(values: &Values<'_>, index: &Poly, dim: &Poly, known: Option<AtomId>) -> bool {
    values.atoms.is_exact(index, known) && values.atoms.is_exact(dim, known)
}

/// The tests that make a sum of such a degree free of overflow; `None` if a constant inside an operation is too large for
/// any. Extents need none in linear sums.
fn small_factors(sum: &Sum, degree: usize, bits: u32, conditions: &mut Vec<Condition>) -> Option<()> {
    for (_, factors) in &sum.terms {
        for factor in factors {
            match factor {
                Factor::Dim(..) if degree <= 1 => {}
                Factor::Local(_) | Factor::Dim(..) => {
                    let condition = Condition::Small(factor.clone(), bits);
                    if !conditions.contains(&condition) {
                        conditions.push(condition);
                    }
                }
                Factor::Op(_, left, right) => {
                    let (degree, bits) = (degree.max(2), bits.min(26));
                    for operand in [left, right] {
                        let is_small = operand.terms.iter().all(|(factor, factors)| {
                            let limit = if factors.is_empty() { 1 << bits } else { SMALL_FACTOR };
                            factor.unsigned_abs() < limit
                        });
                        if !is_small {
                            return None;
                        }
                        small_factors(operand, degree, bits, conditions)?;
                    }
                }
            }
        }
    }
    Some(())
}
