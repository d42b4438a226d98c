//! Integer values as polynomials over atoms: what index arithmetic means, exactly enough to compare indices.
//!
//! `i * n + j - 1` is `i·n + j + -1`. An atom is a value that the analysis does not look into (a parameter, an extent,
//! the result of a load), a counter of a loop with its bounds, or an operation that polynomials do not cover (`//`,
//! `%`, `min`, `max`). Atoms are numbered in the order in which the program computes them, so *every atom older than a
//! loop is invariant in it*, and a bound of an atom mentions older atoms only.
//!
//! Facts only. Overflow of the program's own 64-bit arithmetic is not modelled: who turns a polynomial into code bounds
//! the operands first (`passes/guard`).

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

crate::define_id!(
    /// A value that polynomials are made of.
    AtomId, "t"
);

pub use super::monomial::Monomial;

/// A sum of products with integer coefficients. Invariant: sorted by monomial, no coefficient is 0.
#[derive(PartialEq, Eq, Hash, Debug, Default)]
pub struct Poly {
    terms: Terms,
}

/// Most polynomials have few terms; they are made and dropped all the time.
type Terms = SmallVec<[(Monomial, i64); 3]>;

impl Clone for Poly {
    fn clone(&self) -> Poly {
        Poly { terms: Terms::from_slice(&self.terms) }
    }
}

/// Larger polynomials are given up.
const MAX_TERMS: usize = 24;

impl Poly {
    /// A constant.
    #[must_use]
    pub fn int(value: i64) -> Poly {
        if value == 0 {
            Poly::default()
        } else {
            Poly { terms: Terms::from_slice(&[(Monomial::one(), value)]) }
        }
    }

    /// One atom.
    #[must_use]
    pub fn atom(atom: AtomId) -> Poly {
        Poly { terms: Terms::from_slice(&[(Monomial::atom(atom), 1)]) }
    }

    /// Products and their coefficients.
    #[must_use]
    pub fn terms(&self) -> &[(Monomial, i64)] {
        &self.terms
    }

    /// Its value if it has no atoms.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [(monomial, value)] if monomial.is_empty() => Some(*value),
            _ => None,
        }
    }

    /// The atom if it is nothing else.
    #[must_use]
    pub fn as_atom(&self) -> Option<AtomId> {
        match self.terms.as_slice() {
            [(monomial, 1)] if monomial.len() == 1 => Some(monomial[0]),
            _ => None,
        }
    }

    /// Its constant term.
    #[must_use]
    pub fn constant(&self) -> i64 {
        match self.terms.first() {
            Some((monomial, value)) if monomial.is_empty() => *value,
            _ => 0,
        }
    }

    /// The sum; `None` if it is too large.
    #[must_use]
    pub fn add(&self, other: &Poly) -> Option<Poly> {
        self.add_scaled(other, 1)
    }

    /// The difference.
    #[must_use]
    pub fn sub(&self, other: &Poly) -> Option<Poly> {
        self.add_scaled(other, -1)
    }

    /// `self + factor * other`.
    #[must_use]
    pub fn add_scaled(&self, other: &Poly, factor: i64) -> Option<Poly> {
        let (mut left, mut right) = (self.terms.as_slice(), other.terms.as_slice());
        let mut terms = Terms::new();
        loop {
            let order = match (left.first(), right.first()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => a.0.cmp(&b.0),
            };
            let (mut monomial, mut value) = (Monomial::one(), 0_i64);
            if order.is_le()
                && let Some((first, rest)) = left.split_first()
            {
                ((monomial, value), left) = (*first, rest);
            }
            if order.is_ge()
                && let Some(((m, c), rest)) = right.split_first()
            {
                (monomial, right) = (*m, rest);
                value = value.checked_add(c.checked_mul(factor)?)?;
            }
            if value != 0 {
                terms.push((monomial, value));
            }
        }
        (terms.len() <= MAX_TERMS).then_some(Poly { terms })
    }

    /// `self + value`.
    #[must_use]
    pub fn plus(&self, value: i64) -> Option<Poly> {
        let mut sum = self.clone();
        match sum.terms.first_mut() {
            _ if value == 0 => {}
            Some((monomial, constant)) if monomial.is_empty() => {
                *constant = constant.checked_add(value)?;
                if *constant == 0 {
                    sum.terms.remove(0);
                }
            }
            _ => sum.terms.insert(0, (Monomial::one(), value)),
        }
        (sum.terms.len() <= MAX_TERMS).then_some(sum)
    }

    /// `factor * self`.
    #[must_use]
    pub fn scale(&self, factor: i64) -> Option<Poly> {
        Poly::default().add_scaled(self, factor)
    }

    /// The product.
    #[must_use]
    pub fn mul(&self, other: &Poly) -> Option<Poly> {
        let mut result = Poly::default();
        for (monomial, value) in &other.terms {
            let mut part = Poly::default();
            for (m, c) in &self.terms {
                part.terms.push((m.times(monomial)?, c.checked_mul(*value)?));
            }
            part.terms.sort_unstable();
            result = result.add(&part)?;
        }
        Some(result)
    }

    /// The newest atom for which the claim holds.
    #[must_use]
    pub fn newest(&self, claim: &dyn Fn(AtomId) -> bool) -> Option<AtomId> {
        self.terms.iter().flat_map(|(monomial, _)| monomial.iter().copied()).filter(|&a| claim(a)).max()
    }

    /// All atoms, with repetitions.
    pub fn atoms(&self) -> impl Iterator<Item = AtomId> + '_ {
        self.terms.iter().flat_map(|(monomial, _)| monomial.iter().copied())
    }

    /// `(c, r)` such that `self = c * atom + r` and the atom is in neither; `None` if it is squared.
    #[must_use]
    pub fn split(&self, atom: AtomId) -> Option<(Poly, Poly)> {
        let (mut factor, mut rest) = (Poly::default(), Poly::default());
        for (monomial, value) in &self.terms {
            match monomial.iter().filter(|&&a| a == atom).count() {
                0 => rest.terms.push((*monomial, *value)),
                1 => factor.terms.push((monomial.without(atom), *value)),
                _ => return None,
            }
        }
        factor.terms.sort_unstable();
        Some((factor, rest))
    }

    /// The terms in which an atom makes the claim true, and the others.
    #[must_use]
    pub fn partition(&self, claim: &dyn Fn(AtomId) -> bool) -> (Poly, Poly) {
        let (yes, no) =
            self.terms.iter().copied().partition(|(monomial, _)| monomial.iter().any(|&a| claim(a)));
        (Poly { terms: yes }, Poly { terms: no })
    }

    /// Replaces atoms by polynomials.
    #[must_use]
    pub fn substitute(&self, value_of: &mut dyn FnMut(AtomId) -> Poly) -> Option<Poly> {
        let mut result = Poly::default();
        for (monomial, value) in &self.terms {
            let mut product = Poly::int(*value);
            for &atom in monomial {
                product = product.mul(&value_of(atom))?;
            }
            result = result.add(&product)?;
        }
        Some(result)
    }
}

/// Operations on integers that polynomials do not cover.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtomOp {
    /// Python's `//`.
    FloorDiv,
    /// Python's `%`.
    Mod,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// The product, where it is too large for a polynomial.
    Mul,
}

/// What an atom is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Atom {
    /// A value not looked into.
    Value,
    /// `0 <= counter <= upper` for each of the bounds, whenever it has a value; a multiple of `step`.
    Counter {
        /// Upper bounds, all valid.
        upper: SmallVec<[Poly; 2]>,
        /// Positive.
        step: i64,
    },
    /// An operation.
    Op {
        /// Which.
        op: AtomOp,
        /// Left operand.
        left: Poly,
        /// Right operand.
        right: Poly,
    },
}

#[derive(Clone, Debug)]
struct AtomInfo {
    atom: Atom,
    lo: Option<i64>,
    hi: Option<i64>,
    /// An extent: below 2^48, as the runtime sees to.
    is_extent: bool,
}

/// From below or from above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// A bound that is at most the value.
    Lower,
    /// A bound that is at least the value.
    Upper,
}

impl Side {
    fn flip_if(self, is_negative: bool) -> Side {
        match (self, is_negative) {
            (Side::Lower, false) | (Side::Upper, true) => Side::Lower,
            (Side::Lower, true) | (Side::Upper, false) => Side::Upper,
        }
    }
}

/// Valid bounds of one value: each alone is right.
pub type Bounds = SmallVec<[Poly; 2]>;

/// The atoms of an analysis.
#[derive(Clone, Debug, Default)]
pub struct Atoms {
    infos: Vec<AtomInfo>,
    ops: FxHashMap<(AtomOp, Poly, Poly), AtomId>,
    /// Atoms taken to be at least 0 for now; who asks sees to it.
    pub assumed: rustc_hash::FxHashSet<AtomId>,
}

/// Alternatives followed when bounds are looked for.
const MAX_ALTERNATIVES: usize = 4;
/// Depth of questions about signs within questions about signs.
const MAX_DEPTH: u32 = 6;

impl Atoms {
    /// The id that the next atom gets: a mark for [`Atoms::is_newer`].
    #[must_use]
    pub fn mark(&self) -> AtomId {
        AtomId::from_u32(self.infos.len() as u32)
    }

    /// Number of atoms so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.infos.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.infos.is_empty()
    }

    /// A new value that is not looked into, with what is known of its range.
    pub fn value(&mut self, lo: Option<i64>, hi: Option<i64>) -> AtomId {
        self.push(Atom::Value, lo, hi)
    }

    /// A new extent of an array.
    pub fn extent(&mut self) -> AtomId {
        let id = self.push(Atom::Value, Some(0), None);
        self.infos[id.as_u32() as usize].is_extent = true;
        id
    }

    /// Is the polynomial computed without overflow, however its atoms came about? So it is if it is linear with small coefficients,
    /// and its atoms are extents, narrow integers, or counters between such. `known` is one more atom that is small.
    #[must_use]
    pub fn is_exact(&self, poly: &Poly, known: Option<AtomId>) -> bool {
        // Two terms may have larger factors: `b * 4096 + j`, where `b` is the first of some blocks and a number.
        self.has_small_terms(poly, known, 2)
    }

    /// Linear in small atoms; all but a few factors are small, and none is large.
    fn has_small_terms(&self, poly: &Poly, known: Option<AtomId>, mut larger: u32) -> bool {
        const SMALL: u64 = 1 << 10;
        const LARGE: u64 = 1 << 13;
        poly.terms().iter().all(|(monomial, factor)| match monomial.as_slice() {
            [] => factor.unsigned_abs() < 1 << 40,
            [atom] => {
                let size = factor.unsigned_abs();
                let is_fitting = size < SMALL || (size < LARGE && larger > 0);
                larger = larger.saturating_sub(u32::from(size >= SMALL));
                is_fitting && self.is_small(*atom, known)
            }
            _ => false,
        })
    }

    /// Is the atom's value surely below 2^48 in size?
    #[must_use]
    pub fn is_small(&self, atom: AtomId, known: Option<AtomId>) -> bool {
        let info = self.info(atom);
        if info.is_extent || known == Some(atom) {
            return true;
        }
        let is_narrow = |bound: Option<i64>| bound.is_some_and(|b| b.unsigned_abs() < 1 << 40);
        if is_narrow(info.lo) && is_narrow(info.hi) && matches!(info.atom, Atom::Value) {
            return true;
        }
        match &info.atom {
            Atom::Value => false,
            Atom::Counter { upper, .. } => upper.iter().any(|p| self.has_small_terms(p, known, 0)),
            Atom::Op { op, left, right } => {
                *op != AtomOp::Mul
                    && self.has_small_terms(left, known, 0)
                    && self.has_small_terms(right, known, 0)
            }
        }
    }

    /// A new counter.
    pub fn counter(&mut self, upper: SmallVec<[Poly; 2]>, step: i64) -> AtomId {
        let hi = upper.iter().filter_map(Poly::as_int).min();
        self.push(Atom::Counter { upper, step }, Some(0), hi)
    }

    /// A new value from 0 to a bound, small as extents are.
    pub fn below_extent(&mut self, upper: SmallVec<[Poly; 2]>) -> AtomId {
        let id = self.counter(upper, 1);
        self.infos[id.as_u32() as usize].is_extent = true;
        id
    }

    fn push(&mut self, atom: Atom, lo: Option<i64>, hi: Option<i64>) -> AtomId {
        let id = self.mark();
        self.infos.push(AtomInfo { atom, lo, hi, is_extent: false });
        id
    }

    /// What the atom is.
    #[must_use]
    pub fn atom(&self, id: AtomId) -> &Atom {
        &self.infos[id.as_u32() as usize].atom
    }

    fn info(&self, id: AtomId) -> &AtomInfo {
        &self.infos[id.as_u32() as usize]
    }

    /// Constant bounds of an atom.
    #[must_use]
    pub fn constant_bounds(&self, id: AtomId) -> (Option<i64>, Option<i64>) {
        let info = self.info(id);
        (info.lo, info.hi)
    }

    /// The operation on two polynomials, simplified.
    pub fn op(&mut self, op: AtomOp, left: &Poly, right: &Poly) -> Poly {
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
            return Poly::int(match op {
                AtomOp::FloorDiv => crate::numerics::int::floordiv_i64(a, b),
                AtomOp::Mod => crate::numerics::int::mod_i64(a, b),
                AtomOp::Min => a.min(b),
                AtomOp::Max => a.max(b),
                AtomOp::Mul => a.wrapping_mul(b),
            });
        }
        match op {
            AtomOp::FloorDiv if right.as_int() == Some(1) => return left.clone(),
            AtomOp::Min | AtomOp::Max => {
                let is_min = op == AtomOp::Min;
                let is_exact = self.is_exact(left, None) && self.is_exact(right, None);
                if is_exact && self.is_at_most(left, right) {
                    return if is_min { left.clone() } else { right.clone() };
                }
                if is_exact && self.is_at_most(right, left) {
                    return if is_min { right.clone() } else { left.clone() };
                }
            }
            AtomOp::Mul => {
                if let Some(product) = left.mul(right) {
                    return product;
                }
            }
            AtomOp::FloorDiv | AtomOp::Mod => {}
        }
        let key = (op, left.clone(), right.clone());
        if let Some(&id) = self.ops.get(&key) {
            return Poly::atom(id);
        }
        let is_nonneg = |poly: &Poly| self.is_nonneg(poly);
        let (lo, hi) = match (op, right.as_int()) {
            (AtomOp::Mod, Some(m)) if m > 0 => (Some(0), Some(m - 1)),
            (AtomOp::Mod, _) if is_nonneg(right) => (Some(0), None),
            (AtomOp::FloorDiv, Some(d)) if d > 0 && is_nonneg(left) => (Some(0), None),
            (AtomOp::FloorDiv, None) if is_nonneg(left) && is_nonneg(right) => (Some(0), None),
            (AtomOp::Min, _) if is_nonneg(left) && is_nonneg(right) => (Some(0), None),
            (AtomOp::Max, _) if is_nonneg(left) || is_nonneg(right) => (Some(0), None),
            (AtomOp::Mul, _) if is_nonneg(left) && is_nonneg(right) => (Some(0), None),
            _ => (None, None),
        };
        let id = self.push(Atom::Op { op, left: left.clone(), right: right.clone() }, lo, hi);
        self.ops.insert(key, id);
        Poly::atom(id)
    }

    /// Does the value depend on an atom made since the mark that is not an operation on older ones?
    #[must_use]
    pub fn is_newer(&self, atom: AtomId, mark: AtomId) -> bool {
        atom >= mark
            && match self.atom(atom) {
                Atom::Value | Atom::Counter { .. } => true,
                Atom::Op { left, right, .. } => self.varies(left, mark) || self.varies(right, mark),
            }
    }

    /// Does the polynomial depend on an atom made since the mark?
    #[must_use]
    pub fn varies(&self, poly: &Poly, mark: AtomId) -> bool {
        poly.atoms().any(|atom| self.is_newer(atom, mark))
    }

    /// Does the atom depend on that other one, through operations (bounds of counters do not count)?
    #[must_use]
    pub fn depends_on(&self, atom: AtomId, on: AtomId) -> bool {
        atom == on
            || match self.atom(atom) {
                Atom::Value | Atom::Counter { .. } => false,
                Atom::Op { left, right, .. } => {
                    atom > on
                        && (left.atoms().any(|a| self.depends_on(a, on))
                            || right.atoms().any(|a| self.depends_on(a, on)))
                }
            }
    }

    /// Is the value never negative?
    #[must_use]
    pub fn is_nonneg(&self, poly: &Poly) -> bool {
        self.is_nonneg_within(poly, MAX_DEPTH)
    }

    /// Is the value at least 1?
    #[must_use]
    pub fn is_positive(&self, poly: &Poly) -> bool {
        poly.plus(-1).is_some_and(|p| self.is_nonneg(&p))
    }

    /// `a <= b`?
    #[must_use]
    pub fn is_at_most(&self, a: &Poly, b: &Poly) -> bool {
        b.sub(a).is_some_and(|p| self.is_nonneg(&p))
    }

    fn is_nonneg_within(&self, poly: &Poly, depth: u32) -> bool {
        if let Some(value) = poly.as_int() {
            return value >= 0;
        }
        if depth == 0 {
            return false;
        }
        let is_nonneg = |bound: &Poly| bound.as_int().is_some_and(|value| value >= 0);
        let bounds = self.bounds_within(poly, Side::Lower, &|_| true, depth, is_nonneg);
        bounds.last().is_some_and(is_nonneg)
    }

    /// Bounds of a polynomial in which the atoms that `is_gone` names do not occur.
    #[must_use]
    pub fn bounds(&self, poly: &Poly, side: Side, is_gone: &dyn Fn(AtomId) -> bool) -> Bounds {
        self.bounds_within(poly, side, is_gone, MAX_DEPTH, |_| false)
    }

    /// The same; a bound that is enough is the last one.
    fn bounds_within(
        &self,
        poly: &Poly,
        side: Side,
        is_gone: &dyn Fn(AtomId) -> bool,
        depth: u32,
        is_enough: impl Fn(&Poly) -> bool,
    ) -> Bounds {
        let mut done = Bounds::new();
        let mut open: SmallVec<[Poly; 4]> = SmallVec::from_iter([poly.clone()]);
        let mut fuel = 32;
        while let Some(poly) = open.pop() {
            fuel -= 1;
            // The newest atom first: its bounds mention older ones only, so this ends.
            let Some(atom) = poly.newest(is_gone) else {
                let is_last = is_enough(&poly);
                if is_last || !done.contains(&poly) {
                    done.push(poly);
                }
                if is_last || done.len() >= MAX_ALTERNATIVES {
                    break;
                }
                continue;
            };
            if fuel <= 0 {
                break;
            }
            let Some((factor, rest)) = poly.split(atom) else { continue };
            let number = factor.as_int();
            let is_negative = if let Some(number) = number.filter(|&number| number != i64::MIN) {
                number < 0
            } else if self.is_nonneg_within(&factor, depth - 1) {
                false
            } else if factor.scale(-1).is_some_and(|negated| self.is_nonneg_within(&negated, depth - 1)) {
                true
            } else {
                continue;
            };
            for bound in self.atom_bounds(atom, side.flip_if(is_negative), &factor) {
                let replaced = match bound {
                    AtomBound::Of(bound) => match number {
                        Some(number) => rest.add_scaled(&bound, number),
                        None => factor.mul(&bound).and_then(|part| rest.add(&part)),
                    },
                    AtomBound::OfTerm(term) => rest.add(&term),
                };
                if let Some(replaced) = replaced
                    && open.len() < MAX_ALTERNATIVES
                {
                    open.push(replaced);
                }
            }
        }
        done
    }

    /// Bounds of `atom` (or of `factor * atom`) from one side, in older atoms.
    fn atom_bounds(&self, id: AtomId, side: Side, factor: &Poly) -> SmallVec<[AtomBound; 4]> {
        let info = self.info(id);
        let mut bounds = SmallVec::new();
        let constant = match side {
            Side::Lower if self.assumed.contains(&id) => Some(info.lo.unwrap_or(0).max(0)),
            Side::Lower => info.lo,
            Side::Upper => info.hi,
        };
        match &info.atom {
            Atom::Value => {}
            Atom::Counter { upper, .. } => {
                if side == Side::Upper {
                    bounds.extend(upper.iter().cloned().map(AtomBound::Of));
                }
            }
            Atom::Op { op, left, right } => match (op, side) {
                (AtomOp::Min, Side::Upper) | (AtomOp::Max, Side::Lower) => {
                    bounds.extend([left.clone(), right.clone()].map(AtomBound::Of));
                }
                (AtomOp::Mod, Side::Upper) => {
                    if self.is_positive(right)
                        && let Some(bound) = right.plus(-1)
                    {
                        bounds.push(AtomBound::Of(bound));
                    }
                }
                (AtomOp::FloorDiv, _) => {
                    // a - c + 1 <= c * (a // c) <= a for c > 0, used where the factor is a multiple of c.
                    if let (Some(divisor), Some(factor)) = (right.as_int(), factor.as_int())
                        && divisor > 0
                        && factor % divisor == 0
                    {
                        let slack = if side == Side::Upper { 0 } else { 1 - divisor };
                        if let Some(term) = left.plus(slack).and_then(|p| p.scale(factor / divisor)) {
                            bounds.push(AtomBound::OfTerm(term));
                        }
                    } else if let Some(divisor) = right.as_int()
                        && divisor > 0
                        && side == Side::Upper
                        && self.is_nonneg(left)
                    {
                        bounds.push(AtomBound::Of(left.clone()));
                    }
                }
                (AtomOp::Min, Side::Lower)
                | (AtomOp::Max, Side::Upper)
                | (AtomOp::Mod, Side::Lower)
                | (AtomOp::Mul, _) => {}
            },
        }
        if let Some(value) = constant {
            bounds.push(AtomBound::Of(Poly::int(value)));
        }
        bounds
    }
}

enum AtomBound {
    Of(Poly),
    OfTerm(Poly),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dim(atoms: &mut Atoms) -> Poly {
        Poly::atom(atoms.value(Some(0), None))
    }

    #[test]
    fn arithmetic_is_that_of_polynomials() {
        let mut atoms = Atoms::default();
        let (n, m) = (dim(&mut atoms), dim(&mut atoms));
        let sum = n.add(&m).unwrap();
        // (n + m) * (n + m) - n n - m m - 2 n m = 0
        let square = sum.mul(&sum).unwrap();
        let rest = square.sub(&n.mul(&n).unwrap()).unwrap().sub(&m.mul(&m).unwrap()).unwrap();
        assert_eq!(rest.sub(&n.mul(&m).unwrap().scale(2).unwrap()).unwrap(), Poly::int(0));
        assert_eq!(n.sub(&n).unwrap().as_int(), Some(0));
    }

    #[test]
    fn counters_are_bounded_by_their_ranges() {
        let mut atoms = Atoms::default();
        let n = dim(&mut atoms);
        let i = Poly::atom(atoms.counter(SmallVec::from_iter([n.plus(-1).unwrap()]), 1));
        // n - 1 - i >= 0, but not n - 2 - i.
        assert!(atoms.is_nonneg(&n.plus(-1).unwrap().sub(&i).unwrap()));
        assert!(!atoms.is_nonneg(&n.plus(-2).unwrap().sub(&i).unwrap()));
        // i * n + i <= n * n - 1: the largest value is (n - 1) (n + 1).
        let flat = i.mul(&n).unwrap().add(&i).unwrap();
        let largest = n.mul(&n).unwrap().plus(-1).unwrap();
        assert!(atoms.bounds(&flat, Side::Upper, &|a| Some(a) == i.as_atom()).contains(&largest));
    }

    #[test]
    fn blocks_end_at_the_smaller_bound() {
        let mut atoms = Atoms::default();
        let n = dim(&mut atoms);
        let band = Poly::atom(atoms.counter(SmallVec::new(), 1));
        let first = band.scale(32).unwrap();
        let last = atoms.op(AtomOp::Min, &first.plus(32).unwrap(), &n);
        let length = last.sub(&first).unwrap();
        assert!(atoms.is_at_most(&length, &Poly::int(32)));
    }
}
