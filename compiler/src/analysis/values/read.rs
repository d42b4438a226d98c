//! Polynomials as sums of what a program can read at some point: what passes turn into expressions.

use rustc_hash::FxHashMap;

use super::Values;
use crate::analysis::affine::{Atom, AtomId, AtomOp, Poly};
use crate::ir::{ArrayId, LocalId};
use crate::types::DType;

impl Values<'_> {
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
                    (None, Atom::Op { op, left, right }) => Factor::Op(
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
