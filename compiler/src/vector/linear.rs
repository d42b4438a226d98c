//! Integers that change from lane to lane by a fixed step: loop variables, indices, addresses.

use kjit_strip::ir::{IntOp, Op, Ty, Value};
use smallvec::SmallVec;

use super::graph::Graph;

/// `constant + lane * (number of the lane) + sum of coefficient * Int`, wrapping in 64 bits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Linear {
    pub constant: i64,
    pub lane: i64,
    /// `Int`s, sorted; no coefficient is 0.
    pub terms: SmallVec<[(Value, i64); 3]>,
}

impl Linear {
    pub(super) fn constant(value: i64) -> Linear {
        Linear { constant: value, ..Linear::default() }
    }

    pub(super) fn int(value: Value) -> Linear {
        Linear { terms: SmallVec::from_slice(&[(value, 1)]), ..Linear::default() }
    }

    /// The same in every lane?
    pub(super) fn is_uniform(&self) -> bool {
        self.lane == 0
    }

    /// Its value if it has only one.
    pub(super) fn as_constant(&self) -> Option<i64> {
        (self.lane == 0 && self.terms.is_empty()).then_some(self.constant)
    }

    /// `self + factor * other`.
    pub(super) fn add_scaled(&self, other: &Linear, factor: i64) -> Linear {
        let mut sum = self.clone();
        sum.constant = sum.constant.wrapping_add(other.constant.wrapping_mul(factor));
        sum.lane = sum.lane.wrapping_add(other.lane.wrapping_mul(factor));
        for &(value, coefficient) in &other.terms {
            sum.add_term(value, coefficient.wrapping_mul(factor));
        }
        sum
    }

    pub(super) fn add_term(&mut self, value: Value, coefficient: i64) {
        match self.terms.binary_search_by_key(&value, |&(v, _)| v) {
            Ok(at) => {
                let c = self.terms[at].1.wrapping_add(coefficient);
                if c == 0 { _ = self.terms.remove(at) } else { self.terms[at].1 = c }
            }
            Err(at) if coefficient != 0 => self.terms.insert(at, (value, coefficient)),
            Err(_) => {}
        }
    }

    pub(super) fn scale(&self, factor: i64) -> Linear {
        Linear::default().add_scaled(self, factor)
    }

    /// What lane 0 has, as an `Int`: what is fixed is summed in the setup.
    pub(super) fn first(&self, graph: &mut Graph) -> Value {
        let mut sum: Option<Value> = None;
        let fixed =
            self.terms.iter().filter(|(v, _)| graph.is_fixed(*v)).copied().collect::<SmallVec<[_; 4]>>();
        let moving =
            self.terms.iter().filter(|(v, _)| !graph.is_fixed(*v)).copied().collect::<SmallVec<[_; 4]>>();
        for (value, coefficient) in fixed {
            sum = Some(add_term(graph, sum, value, coefficient));
        }
        if self.constant != 0 || (sum.is_none() && moving.is_empty()) {
            let constant = graph.int(self.constant);
            sum = Some(match sum {
                Some(sum) => graph.int_binary(IntOp::Add, sum, constant),
                None => constant,
            });
        }
        for (value, coefficient) in moving {
            sum = Some(add_term(graph, sum, value, coefficient));
        }
        sum.unwrap_or_else(|| graph.int(0))
    }

    /// One number per lane.
    pub(super) fn lanes(&self, graph: &mut Graph) -> Value {
        if let Some(value) = self.as_constant() {
            return graph.i64(value);
        }
        let first = self.first(graph);
        let first = graph.define(Ty::I64, Op::Broadcast(first));
        if self.lane == 0 {
            return first;
        }
        let number = graph.define(Ty::I64, Op::LaneNumber);
        let steps = if self.lane == 1 {
            number
        } else {
            let step = graph.i64(self.lane);
            graph.binary(kjit_strip::ir::Binary::Mul, number, step)
        };
        graph.binary(kjit_strip::ir::Binary::Add, first, steps)
    }
}

fn add_term(graph: &mut Graph, sum: Option<Value>, value: Value, coefficient: i64) -> Value {
    let (is_negative, size) = match coefficient.checked_neg() {
        Some(negated) if coefficient < 0 => (true, negated),
        _ => (false, coefficient),
    };
    let term = scaled(graph, value, size);
    match (sum, is_negative) {
        (Some(sum), false) => graph.int_binary(IntOp::Add, sum, term),
        (Some(sum), true) => graph.int_binary(IntOp::Sub, sum, term),
        (None, false) => term,
        (None, true) => {
            let zero = graph.int(0);
            graph.int_binary(IntOp::Sub, zero, term)
        }
    }
}

/// `value * factor`.
fn scaled(graph: &mut Graph, value: Value, factor: i64) -> Value {
    match factor {
        1 => value,
        _ if factor > 0 && factor & (factor - 1) == 0 => {
            let count = graph.int(i64::from(factor.trailing_zeros()));
            graph.int_binary(IntOp::Shl, value, count)
        }
        _ => {
            let factor = graph.int(factor);
            graph.int_binary(IntOp::Mul, value, factor)
        }
    }
}
