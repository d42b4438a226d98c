//! Elements of arrays: can two iterations of the loop touch the same one?
//!
//! Two accesses to one piece of memory are apart if along some axis their indices differ for all pairs of different
//! iterations. With `p` and `q` the loop's counters in the two iterations, `d = p - q` a non-zero multiple of the step
//! and index `c p + r` against `c q + s`, that is `c d != s - r` for all values that `r` and `s` take: decided from
//! the bounds of `s - r`, its greatest common divisor, and the length of the range.
//!
//! Conservative: axes are looked at one by one; coefficients must be equal. What the proof needs of values known only at
//! run time becomes a requirement; a conflict is called certain only for accesses that every iteration makes.

use std::cell::OnceCell;

use smallvec::SmallVec;

use super::report;
use super::{Access, AccessKind, Region, Requirement};
use crate::analysis::affine::{Atom, AtomId, Atoms, Bounds, Poly, Side};
use crate::analysis::values::{RootKind, Values};
use crate::base::Diagnostic;
use crate::ir::{ArrayReduction, ReduceOp};

/// What became of the arrays.
#[derive(Default)]
pub(super) struct Arrays {
    pub(super) reductions: Vec<ArrayReduction>,
    pub(super) requirements: Vec<Requirement>,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// More pairs of accesses than these are not compared.
const MAX_PAIRS: usize = 4000;

enum Proof {
    /// Never the same element, if these are at least 0.
    Apart(Vec<Poly>),
    /// Certainly the same element, the first access that many iterations behind the second (0: in every iteration).
    Same(i64),
    /// Not known.
    Unknown,
}

pub(super) fn check(values: &Values<'_>, region: &Region<'_>, accesses: &[Access]) -> Arrays {
    let mut result = Arrays::default();
    let mut accesses: Vec<&Access> = accesses.iter().filter(|a| !is_private(values, region, a)).collect();
    let mut unique: Vec<Access> = Vec::new();
    let mut seen = rustc_hash::FxHashMap::default();
    accesses.sort_by_key(|a| a.depth);
    for access in accesses {
        let key = (access.root, access.via, access.index.as_ref(), kind_code(access.kind));
        let position = *seen.entry(key).or_insert(unique.len());
        match unique.get_mut(position) {
            // The last read and the first write of an element are those that may come in the wrong order.
            Some(known) => {
                let is_read = known.kind == AccessKind::Read;
                known.order =
                    if is_read { known.order.max(access.order) } else { known.order.min(access.order) };
                known.loops = known.loops.max(access.loops);
            }
            None => unique.push(access.clone()),
        }
    }
    let unique: Vec<&Access> = unique.iter().collect();
    let writes: Vec<&Access> = unique.iter().copied().filter(|a| a.kind != AccessKind::Read).collect();
    if writes.len() * unique.len() > MAX_PAIRS {
        result.warnings.push(report::not_provable(values.func, region, writes[0], unique[0]));
        return result;
    }
    let mut roots: Vec<_> = writes.iter().map(|a| a.root).collect();
    roots.sort_unstable();
    roots.dedup();
    for root in roots {
        let here: Vec<&Access> = unique.iter().copied().filter(|a| a.root == root).collect();
        one_memory(values, region, &here, &mut result);
        if region.is_lockstep && !(result.errors.is_empty() && result.warnings.is_empty()) {
            return result;
        }
    }
    for &write in &writes {
        for &other in &unique {
            if other.root != write.root && (other.kind == AccessKind::Read || other.root > write.root) {
                two_memories(values, region, write, other, &mut result);
            }
        }
    }
    let mut kept: Vec<Requirement> = Vec::new();
    for requirement in result.requirements.drain(..) {
        if !kept.contains(&requirement) {
            kept.push(requirement);
        }
    }
    result.requirements = kept;
    result
}

fn kind_code(kind: AccessKind) -> u8 {
    match kind {
        AccessKind::Read => 0,
        AccessKind::Write => 1,
        AccessKind::Accumulate(op) => 2 + op as u8,
    }
}

/// Is the memory made inside the iteration?
fn is_private(values: &Values<'_>, region: &Region<'_>, access: &Access) -> bool {
    let root = values.root(access.root);
    root.mark >= region.mark && root.kind == RootKind::Alloc
}

/// An index along one axis, with what is asked of it for each pair that it is in.
struct Index<'a> {
    whole: &'a Poly,
    /// `(c, r)` of `c * counter + r`; `None` if it is not linear.
    parts: Option<(Poly, Poly)>,
    /// Bounds of `r`, from below and from above, over an iteration.
    bounds: [OnceCell<Bounds>; 2],
}

impl Index<'_> {
    fn of<'a>(access: &'a Access, counter: Option<AtomId>) -> Option<SmallVec<[Index<'a>; 2]>> {
        let (polys, counter) = (access.index.as_ref()?, counter?);
        let index =
            |whole: &'a Poly| Index { whole, parts: whole.split(counter), bounds: Default::default() };
        Some(polys.iter().map(index).collect())
    }

    /// Bounds of the part without the counter.
    fn bounds_of_rest(&self, values: &Values<'_>, region: &Region<'_>, side: Side) -> &[Poly] {
        self.bounds[usize::from(side == Side::Upper)].get_or_init(|| match &self.parts {
            Some((_, rest)) => {
                values.atoms.bounds(rest, side, &|atom| values.atoms.is_newer(atom, region.mark))
            }
            None => Bounds::new(),
        })
    }
}

/// An access with its indices; none if it may be to any element.
type Indexed<'a> = (&'a Access, Option<SmallVec<[Index<'a>; 2]>>);

/// Accesses to the same piece of memory.
fn one_memory(values: &Values<'_>, region: &Region<'_>, here: &[&Access], result: &mut Arrays) {
    let func = values.func;
    let mut requirements = Vec::new();
    let mut doubt: Option<Diagnostic> = None;
    let mut certain: Option<Diagnostic> = None;
    let indexed: Vec<Indexed<'_>> =
        here.iter().map(|&access| (access, Index::of(access, region.counter))).collect();
    'pairs: for (position, a) in indexed.iter().enumerate() {
        for b in &indexed[position..] {
            let (first, second) = match (a.0.kind, b.0.kind) {
                (AccessKind::Read, AccessKind::Read) => continue,
                (AccessKind::Read, _) => (b, a),
                _ => (a, b),
            };
            if region.is_lockstep && is_read_before(values, region, first, second) {
                continue;
            }
            let (write, other) = (first.0, second.0);
            match apart(values, region, first, second) {
                Proof::Apart(needed) => {
                    let readable = needed
                        .iter()
                        .map(|p| values.readable(p, &region.sources))
                        .collect::<Option<Vec<_>>>();
                    match readable {
                        Some(sums) => requirements.extend(sums.into_iter().map(Requirement::AtLeastZero)),
                        None => doubt = doubt.or(Some(report::not_provable(func, region, write, other))),
                    }
                }
                Proof::Unknown
                    if write.via != other.via
                        && is_outer(values, region, write)
                        && is_outer(values, region, other) =>
                {
                    requirements.push(disjoint(write, other));
                }
                // Combining the same element is what reductions do.
                Proof::Same(_) if write.kind == other.kind && write.kind != AccessKind::Write => {
                    doubt = doubt.or(Some(report::not_provable(func, region, write, other)));
                }
                Proof::Same(behind) => {
                    certain = certain.or(Some(report::conflict(func, region, write, other, behind)));
                }
                Proof::Unknown => doubt = doubt.or(Some(report::not_provable(func, region, write, other))),
            }
            // Nobody asks a serial loop for all its obstacles, nor whether they are certain.
            if region.is_lockstep && (doubt.is_some() || certain.is_some()) {
                break 'pairs;
            }
        }
    }
    if doubt.is_none() && certain.is_none() {
        result.requirements.extend(requirements);
        return;
    }
    if let Some(reduction) = accumulated(values, region, here) {
        result.reductions.push(reduction);
    } else {
        result.errors.extend(certain.clone());
        if certain.is_none() {
            result.warnings.extend(doubt);
        }
    }
}

/// The reduction if all that happens to the memory is that elements are combined by one operation.
fn accumulated(values: &Values<'_>, region: &Region<'_>, here: &[&Access]) -> Option<ArrayReduction> {
    let first = here.first()?;
    let AccessKind::Accumulate(op) = first.kind else { return None };
    let is_uniform = here.iter().all(|a| a.kind == first.kind && a.via == first.via);
    let dtype = values.func.arrays[first.via].ty.dtype;
    let is_suited = match op {
        ReduceOp::Add => true,
        ReduceOp::Mul | ReduceOp::Min | ReduceOp::Max => !dtype.is_complex(),
        ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => !dtype.is_complex() && !dtype.is_float(),
    };
    (is_uniform && is_suited && is_outer(values, region, first))
        .then_some(ArrayReduction { array: first.via, op })
}

/// Was the memory there before the loop?
fn is_outer(values: &Values<'_>, region: &Region<'_>, access: &Access) -> bool {
    values.root(access.root).mark < region.mark
}

fn disjoint(a: &Access, b: &Access) -> Requirement {
    let (first, second) = if a.via <= b.via { (a.via, b.via) } else { (b.via, a.via) };
    Requirement::Disjoint(first, second)
}

/// Accesses to what may or may not be the same memory.
fn two_memories(
    values: &Values<'_>,
    region: &Region<'_>,
    write: &Access,
    other: &Access,
    result: &mut Arrays,
) {
    let (a, b) = (values.root(write.root).kind, values.root(other.root).kind);
    let is_apart = match (a, b) {
        (RootKind::Alloc, RootKind::Alloc | RootKind::Param(_)) | (RootKind::Param(_), RootKind::Alloc) => {
            true
        }
        (RootKind::Param(_), RootKind::Param(_)) | (RootKind::Unknown, _) | (_, RootKind::Unknown) => false,
    };
    if is_apart {
        return;
    }
    if is_outer(values, region, write) && is_outer(values, region, other) {
        result.requirements.push(disjoint(write, other));
    } else if result.warnings.is_empty() {
        result.warnings.push(report::not_provable(values.func, region, write, other));
    }
}

/// In lockstep: is every element that the write changes read by the same or an earlier iteration, and by an earlier statement?
/// Then all lanes have read before one writes.
///
/// ```text
/// a[i] = a[i] + a[i + 1]
/// ```
fn is_read_before(
    values: &Values<'_>,
    region: &Region<'_>,
    first: &Indexed<'_>,
    second: &Indexed<'_>,
) -> bool {
    let ((write, Some(left)), (read, Some(right))) = (first, second) else { return false };
    let is_in_order = read.kind == AccessKind::Read && read.order < write.order;
    let is_direct = read.loops == region.loops + 1 && write.loops == region.loops + 1;
    if !is_in_order
        || !is_direct
        || write.via != read.via
        || !write.assumed.is_empty()
        || !read.assumed.is_empty()
    {
        return false;
    }
    let atoms = &values.atoms;
    let facts = &values.facts[..region.facts.min(values.facts.len())];
    left.iter().zip(right).any(|(x, y)| {
        // c p + r is the element c q + s for p - q = (s - r) / c.
        let (Some((c, _)), Some((d, _))) = (&x.parts, &y.parts) else { return false };
        let Some(factor) = c.as_int().filter(|&factor| factor != 0 && c == d) else { return false };
        let (later, earlier) = if factor > 0 { (y, x) } else { (x, y) };
        let lowest = later.bounds_of_rest(values, region, Side::Lower);
        let highest = earlier.bounds_of_rest(values, region, Side::Upper);
        lowest.iter().any(|l| highest.iter().any(|h| l.sub(h).is_some_and(|p| is_nonneg(atoms, facts, &p))))
    })
}

/// Are the elements different for every pair of different iterations?
fn apart(values: &Values<'_>, region: &Region<'_>, first: &Indexed<'_>, second: &Indexed<'_>) -> Proof {
    let ((a, Some(left)), (b, Some(right))) = (first, second) else { return Proof::Unknown };
    if let Some(behind) = certainly_same(values, region, first, second) {
        return Proof::Same(behind);
    }
    // What was taken not to wrap must not wrap.
    let mut needed = Vec::new();
    for assumed in a.assumed.iter().chain(&b.assumed) {
        let is_new = |atom: AtomId| values.atoms.is_newer(atom, region.mark);
        let bounds = values.atoms.bounds(assumed, Side::Lower, &is_new);
        let facts = &values.facts[..region.facts.min(values.facts.len())];
        if bounds.iter().any(|bound| is_nonneg(&values.atoms, facts, bound)) {
            continue;
        }
        let open =
            bounds.iter().find(|b| b.as_int().is_none() && values.readable(b, &region.sources).is_some());
        match open {
            Some(bound) => needed.push(bound.clone()),
            None => return Proof::Unknown,
        }
    }
    let mut best: Option<Vec<Poly>> = None;
    for (x, y) in left.iter().zip(right) {
        if let Some(open) = axis_apart(values, region, x, y)
            && best.as_ref().is_none_or(|b| open.len() < b.len())
        {
            best = Some(open);
        }
    }
    match best {
        Some(open) => {
            needed.extend(open);
            Proof::Apart(needed)
        }
        None => Proof::Unknown,
    }
}

fn is_nonneg(atoms: &Atoms, facts: &[Poly], poly: &Poly) -> bool {
    atoms.is_nonneg(poly)
        || facts.iter().rev().take(12).any(|fact| poly.sub(fact).is_some_and(|rest| atoms.is_nonneg(&rest)))
}

/// What must be at least 0 for the indices `x` (in one iteration) and `y` (in another) to differ along one axis.
fn axis_apart(values: &Values<'_>, region: &Region<'_>, x: &Index<'_>, y: &Index<'_>) -> Option<Vec<Poly>> {
    let atoms = &values.atoms;
    let facts = &values.facts[..region.facts.min(values.facts.len())];
    let is_new = |atom: AtomId| atoms.is_newer(atom, region.mark);
    let ((c, r), (d, s)) = (x.parts.as_ref()?, y.parts.as_ref()?);
    let step = region.l.step.unsigned_abs() as i64;
    if c != d {
        // One range below the other.
        let is_less = |a: &Poly, b: &Poly| {
            let (highest, lowest) =
                (atoms.bounds(a, Side::Upper, &is_new), atoms.bounds(b, Side::Lower, &is_new));
            highest.iter().any(|h| {
                lowest
                    .iter()
                    .any(|l| l.sub(h).and_then(|p| p.plus(-1)).is_some_and(|p| is_nonneg(atoms, facts, &p)))
            })
        };
        if is_less(x.whole, y.whole) || is_less(y.whole, x.whole) {
            return Some(Vec::new());
        }
        // Even and odd elements.
        let (c, d) = (c.as_int()?.checked_mul(step)?, d.as_int()?.checked_mul(step)?);
        let m = crate::numerics::int::gcd_i64(c, d);
        return residues_differ(atoms, region, m, r, s).then(Vec::new);
    }
    if atoms.varies(c, region.mark) {
        return None;
    }
    // e = s - r; its bounds over both iterations.
    let (r_lo, r_hi) =
        (x.bounds_of_rest(values, region, Side::Lower), x.bounds_of_rest(values, region, Side::Upper));
    let (s_lo, s_hi) =
        (y.bounds_of_rest(values, region, Side::Lower), y.bounds_of_rest(values, region, Side::Upper));
    let varies = atoms.varies(r, region.mark) || atoms.varies(s, region.mark);
    let differences = |from: &[Poly], less: &[Poly]| -> SmallVec<[Poly; 4]> {
        from.iter().flat_map(|f| less.iter().filter_map(move |l| f.sub(l))).take(8).collect()
    };
    let (lo, hi) = (differences(s_lo, r_hi), differences(s_hi, r_lo));
    let positive = |p: &Poly| p.plus(-1).is_some_and(|p| is_nonneg(atoms, facts, &p));
    let negative = |p: &Poly| p.scale(-1).is_some_and(|p| positive(&p));

    if let Some(factor) = c.as_int() {
        let m = factor.checked_mul(step)?.checked_abs()?;
        if m == 0 {
            let is_apart = lo.iter().any(&positive) || hi.iter().any(&negative);
            return is_apart.then(Vec::new);
        }
        let smallest = lo.iter().filter_map(Poly::as_int).max();
        let largest = hi.iter().filter_map(Poly::as_int).min();
        if let (Some(smallest), Some(largest)) = (smallest, largest) {
            let first = smallest.div_euclid(m) + i64::from(smallest.rem_euclid(m) != 0);
            let last = largest.div_euclid(m);
            if first > last || (first == 0 && last == 0) {
                return Some(Vec::new());
            }
        }
        if residues_differ(atoms, region, m, r, s) {
            return Some(Vec::new());
        }
        // Further apart than the range is long.
        if let Some(reach) = region.last.as_ref().and_then(|last| last.scale(factor.abs())) {
            let is_beyond = lo.iter().any(|p| p.sub(&reach).is_some_and(|p| positive(&p)))
                || hi.iter().any(|p| p.add(&reach).is_some_and(|p| negative(&p)));
            if is_beyond {
                return Some(Vec::new());
            }
        }
        // Within one block: -m < e < m.
        return varies.then(|| within(atoms, facts, &Poly::int(m), &lo, &hi)).flatten();
    }
    // `i * n + j`: the block's length is a value of the program.
    let block = c.scale(step)?;
    let negative_block = block.scale(-1)?;
    within(atoms, facts, &block, &lo, &hi).or_else(|| {
        // A block of negative length, if that is provable.
        within(atoms, facts, &negative_block, &lo, &hi).filter(Vec::is_empty)
    })
}

/// `-m < e < m` for the bounds of `e`: what is not proven of it.
fn within(atoms: &Atoms, facts: &[Poly], m: &Poly, lo: &[Poly], hi: &[Poly]) -> Option<Vec<Poly>> {
    let mut open = Vec::new();
    for (bounds, sign) in [(lo, 1), (hi, -1)] {
        let needed: Vec<Poly> = bounds.iter().filter_map(|b| m.plus(-1)?.add_scaled(b, sign)).collect();
        if needed.iter().any(|p| is_nonneg(atoms, facts, p)) {
            continue;
        }
        // What is certainly false is no requirement.
        let candidate = needed.into_iter().find(|p| p.as_int().is_none())?;
        if !open.contains(&candidate) {
            open.push(candidate);
        }
    }
    Some(open)
}

/// Is `s - r` never a multiple of the greatest common divisor of everything that varies?
fn residues_differ(atoms: &Atoms, region: &Region<'_>, m: i64, r: &Poly, s: &Poly) -> bool {
    let is_new = |atom: AtomId| atoms.is_newer(atom, region.mark);
    let ((r_new, r_old), (s_new, s_old)) = (r.partition(&is_new), s.partition(&is_new));
    let Some(difference) = s_old.sub(&r_old).and_then(|p| p.as_int()) else { return false };
    let mut divisor = m;
    for (monomial, factor) in r_new.terms().iter().chain(s_new.terms()) {
        let step = match monomial.as_slice() {
            [atom] => match atoms.atom(*atom) {
                Atom::Counter { step, .. } => *step,
                Atom::Value | Atom::Op { .. } => 1,
            },
            _ => 1,
        };
        let Some(stride) = factor.checked_mul(step) else { return false };
        divisor = crate::numerics::int::gcd_i64(divisor, stride);
    }
    divisor > 1 && difference.rem_euclid(divisor) != 0
}

/// Do two different iterations certainly touch the same element? Then by how many the first access is behind the second
/// (0: all iterations touch it).
fn certainly_same(
    values: &Values<'_>,
    region: &Region<'_>,
    first: &Indexed<'_>,
    second: &Indexed<'_>,
) -> Option<i64> {
    let ((a, Some(left)), (b, Some(right))) = (first, second) else { return None };
    if a.depth > region.depth || b.depth > region.depth {
        return None;
    }
    let atoms = &values.atoms;
    let is_new = |atom: AtomId| atoms.is_newer(atom, region.mark);
    // The distance between the two iterations in steps, once an axis asks for a certain one.
    let mut distance: Option<i64> = None;
    for (x, y) in left.iter().zip(right) {
        let (Some((c, r)), Some((d, s))) = (&x.parts, &y.parts) else { return None };
        if c != d {
            return None;
        }
        let factor = c.as_int()?;
        let ((r_new, r_old), (s_new, s_old)) = (r.partition(&is_new), s.partition(&is_new));
        let are_counters = |p: &Poly| {
            p.terms().iter().all(|(monomial, _)| {
                matches!(monomial.as_slice(), [atom] if matches!(atoms.atom(*atom), Atom::Counter { .. }))
            })
        };
        // Inner loops at their first iteration.
        if !are_counters(&r_new) || !are_counters(&s_new) {
            return None;
        }
        let difference = s_old.sub(&r_old).and_then(|p| p.as_int())?;
        let stride = factor.checked_mul(region.l.step.abs())?;
        if stride == 0 {
            if difference != 0 {
                return None;
            }
            continue;
        }
        if difference % stride != 0 || difference == 0 || distance.is_some_and(|d| d != difference / stride) {
            return None;
        }
        distance = Some(difference / stride);
    }
    // Are there that many iterations?
    let steps = distance.unwrap_or(1).unsigned_abs();
    let last = region.last.as_ref().and_then(Poly::as_int);
    let is_long = last
        .is_none_or(|last| last >= 0 && steps.saturating_mul(region.l.step.unsigned_abs()) <= last as u64);
    is_long.then(|| distance.unwrap_or(0).saturating_mul(region.l.step.signum()))
}
