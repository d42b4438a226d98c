//! What is known to hold: polynomials that are at least 0.

use super::Values;
use crate::analysis::affine::Poly;
use crate::ir::{BinaryOp, CompareOp, ExprId, ExprKind, UnaryOp};
use crate::types::DType;

/// Facts are tried from the newest; older ones than this are not.
const MAX_FACTS_TRIED: usize = 12;

impl Values<'_> {
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

    /// An iteration of a loop upwards runs, so there is one.
    pub fn assume_entered(&mut self, lo: &Poly, hi: &Poly) {
        if self.is_as_computed(lo) && self.is_as_computed(hi) {
            self.facts.extend(hi.sub(lo).and_then(|p| p.plus(-1)));
        }
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
    pub(super) fn is_as_computed(&self, poly: &Poly) -> bool {
        poly.as_int().is_some() || poly.as_atom().is_some() || self.atoms.is_exact(poly, None)
    }
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
