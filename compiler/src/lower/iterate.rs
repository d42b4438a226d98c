//! What a `for` runs over, as an item for each count from 0.

use super::context::{Context, Res};
use super::scan;
use super::value::Value;
use crate::base::Code;
use crate::infer::Resolution;
use crate::infer::table::{ArgSource, CallPlan};
use crate::ir::{ArrayId, ArrayValue, BinaryOp, CompareOp, ExprId, Ownership, ViewAxis};
use crate::syntax::ast::{Block, ExprId as AstId, ExprKind as AstKind};
use crate::types::builtins::Builtin;
use crate::types::{ArrayTy, DType, Layout};

/// Something that has an item for each count; its expressions are pinned and copied at each use.
pub(super) enum Source {
    Range { start: ExprId, step: ExprId, trip: ExprId },
    Array(ArrayId),
    Tuple(Vec<Value>),
    Enumerate(Box<Source>, ExprId),
    Zip(Vec<Source>),
    Reversed(Box<Source>),
}

impl Context<'_, '_> {
    /// Start, stop and step as `i64`.
    pub(super) fn range_bounds(&mut self, plan: &CallPlan) -> Res<[ExprId; 3]> {
        let is_only_stop = matches!(plan.args.get(1), None | Some(ArgSource::Absent));
        let mut values = self.plan_values(plan)?;
        values.resize_with(3, || None);
        let [start, stop, step] = [values[0].take(), values[1].take(), values[2].take()];
        let (start, stop) = if is_only_stop { (None, start) } else { (start, stop) };
        let mut bounds = [0, 0, 1].map(|value| self.int(value));
        for (bound, value) in bounds.iter_mut().zip([start, stop, step]) {
            if let Some(value) = value {
                *bound = self.real(value, DType::I64)?;
            }
        }
        Ok(bounds)
    }

    /// A range by its count; fails if the step is 0.
    pub(super) fn range_source(&mut self, start: ExprId, stop: ExprId, step: ExprId) -> Source {
        let (start, stop, step) = (self.pin(start), self.pin(stop), self.pin(step));
        let copy = self.dup(step);
        let zero = self.int(0);
        let cond = self.compare(CompareOp::Ne, copy, zero);
        self.check(cond, Code::K708, "ValueError", "range() arg 3 must not be zero");
        let first = self.dup(start);
        let trip = self.trip_count(first, stop, step);
        Source::Range { start, step, trip: self.pin(trip) }
    }

    /// What an expression iterates over.
    pub(super) fn source(&mut self, iter: AstId, body: &Block) -> Res<Source> {
        let span = self.node(iter).span;
        if let Resolution::Builtin(builtin, plan) = &self.info(iter)?.resolution {
            let arg = |at: usize| match plan.args.get(at) {
                Some(ArgSource::Expr(expr)) => Some(*expr),
                _ => None,
            };
            match builtin {
                Builtin::Range | Builtin::Prange => {
                    return self.at(span, |cx| {
                        let [start, stop, step] = cx.range_bounds(plan)?;
                        Ok(cx.range_source(start, stop, step))
                    });
                }
                Builtin::Enumerate => {
                    let over = arg(0).ok_or_else(|| self.bug("`enumerate` of nothing"))?;
                    let inner = self.source(over, body)?;
                    let start = match plan.args.get(1) {
                        Some(ArgSource::Expr(start)) => self.value(*start)?,
                        Some(ArgSource::Const(value)) => self.constant(value)?,
                        _ => Value::Real(self.int(0)),
                    };
                    let start = self.real(start, DType::I64)?;
                    return Ok(Source::Enumerate(Box::new(inner), self.pin(start)));
                }
                Builtin::Zip => {
                    let mut sources = Vec::new();
                    for i in 0..plan.args.len() {
                        let over = arg(i).ok_or_else(|| self.bug("`zip` of nothing"))?;
                        sources.push(self.source(over, body)?);
                    }
                    return Ok(Source::Zip(sources));
                }
                Builtin::Reversed => {
                    let over = arg(0).ok_or_else(|| self.bug("`reversed` of nothing"))?;
                    return Ok(Source::Reversed(Box::new(self.source(over, body)?)));
                }
                _ => {}
            }
        }
        match self.value(iter)? {
            Value::Array(array) => Ok(Source::Array(self.iterated_array(iter, array, body))),
            Value::Tuple(items) => {
                Ok(Source::Tuple(items.into_iter().map(|item| self.frozen(item)).collect()))
            }
            other => Err(self.bug(format!("a loop over {other:?}"))),
        }
    }

    /// A value that the loop's body cannot change.
    pub(super) fn frozen(&mut self, value: Value) -> Value {
        match value {
            Value::Real(expr) if self.as_const(expr).is_none() => Value::Real(self.hold(expr)),
            Value::Complex(re, im) => {
                let re = self.hold(re);
                Value::Complex(re, self.hold(im))
            }
            Value::Array(array) => Value::Array(self.hold_array(array)),
            Value::Tuple(items) => Value::Tuple(items.into_iter().map(|item| self.frozen(item)).collect()),
            Value::None | Value::Str(_) | Value::Real(_) | Value::Rng(_) => value,
        }
    }

    /// An array that stays the same while the body runs, even if it binds the name anew.
    pub(super) fn iterated_array(&mut self, iter: AstId, array: ArrayId, body: &Block) -> ArrayId {
        let is_safe = match &self.node(iter).kind {
            AstKind::Name(name) => !scan::assigns(self.ast, body, name),
            // A new array is a temporary of this statement; a view may be of something that is bound anew.
            AstKind::Call { .. } => self.func.arrays[array].ownership == Ownership::Owned,
            _ => false,
        };
        if is_safe {
            return array;
        }
        self.hold_array(array)
    }

    /// How many items there are.
    pub(super) fn trip(&mut self, source: &Source) -> ExprId {
        match source {
            Source::Range { trip, .. } => self.dup(*trip),
            Source::Array(array) => self.dim(*array, 0),
            Source::Tuple(items) => self.int(items.len() as i64),
            Source::Enumerate(inner, _) | Source::Reversed(inner) => self.trip(inner),
            Source::Zip(sources) => {
                let mut trip = None;
                for source in sources {
                    let more = self.trip(source);
                    trip = Some(match trip {
                        None => more,
                        Some(trip) => self.binary(BinaryOp::Min, trip, more),
                    });
                }
                trip.unwrap_or_else(|| self.int(0))
            }
        }
    }

    /// The item at a count, which is pinned.
    pub(super) fn item(&mut self, source: &Source, count: ExprId, dest: Option<ArrayId>) -> Res<Value> {
        Ok(match source {
            Source::Range { start, step, .. } => {
                let (start, step, count) = (self.dup(*start), self.dup(*step), self.dup(count));
                let offset = self.mul(count, step);
                Value::Real(self.add(start, offset))
            }
            Source::Array(array) => {
                let count = self.dup(count);
                self.item_of(*array, count, dest)
            }
            Source::Tuple(items) => {
                let position = self.as_int(count).and_then(|count| usize::try_from(count).ok());
                let item = position.and_then(|position| items.get(position));
                match item {
                    Some(item) => self.dup_value(item),
                    None => return Err(self.bug("an item of a tuple that is not known")),
                }
            }
            Source::Enumerate(inner, start) => {
                let (start, copy) = (self.dup(*start), self.dup(count));
                let number = self.add(start, copy);
                Value::Tuple(vec![Value::Real(number), self.item(inner, count, None)?])
            }
            Source::Zip(sources) => {
                let items: Res<Vec<Value>> =
                    sources.iter().map(|source| self.item(source, count, None)).collect();
                Value::Tuple(items?)
            }
            Source::Reversed(inner) => {
                let trip = self.trip(inner);
                let one = self.int(1);
                let last = self.sub(trip, one);
                let count = self.dup(count);
                let counted_from_end = self.sub(last, count);
                let counted_from_end = self.pin_index(counted_from_end);
                self.item(inner, counted_from_end, dest)?
            }
        })
    }

    /// The element or row at an index in range.
    pub(super) fn item_of(&mut self, array: ArrayId, index: ExprId, dest: Option<ArrayId>) -> Value {
        let ty = self.array_ty(array);
        if ty.rank == 1 {
            let element = self.element_at(array, vec![index]);
            return self.load(&element);
        }
        let rank = ty.rank - 1;
        let layout = if ty.layout == Layout::C || rank == 0 { Layout::C } else { Layout::Strided };
        let mut axes = vec![ViewAxis::Whole; usize::from(ty.rank)];
        axes[0] = ViewAxis::Index(index);
        let view = ArrayValue::View { base: array, axes };
        let ty = ArrayTy { rank, layout, ..ty };
        Value::Array(self.bind_view(ty, view, dest))
    }
}

impl Source {
    /// The number of items, if a tuple says it (at most; see [`Source::is_exact`]).
    pub(super) fn unrolled_count(&self) -> Option<usize> {
        match self {
            Source::Range { .. } | Source::Array(_) => None,
            Source::Tuple(items) => Some(items.len()),
            Source::Enumerate(inner, _) | Source::Reversed(inner) => inner.unrolled_count(),
            Source::Zip(sources) => sources.iter().filter_map(Source::unrolled_count).min(),
        }
    }

    /// Is the number of items known at compile time?
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Source::Range { .. } | Source::Array(_) => false,
            Source::Tuple(_) => true,
            Source::Enumerate(inner, _) | Source::Reversed(inner) => inner.is_exact(),
            Source::Zip(sources) => sources.iter().all(Source::is_exact),
        }
    }
}
