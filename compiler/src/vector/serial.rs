//! What lanes do one after the other: updates of elements in which iterations may meet, and sums of floats in their order.
//!
//! ```text
//! if lo <= x[i] and x[i] < hi {               v9: f64 = trunc(...)
//!   b = i64((x[i] - lo) * scale)              fault not (0.0 <= v9 < v2)        v2: the extent, as a double
//!   check index(b, counts, 0)          ==>    v12: i64 = whole_to_int(v9)
//!   counts[wrap(b, dim)] += 1                 update i64 [v0 + 8 v12] add 1 if v6
//! }
//! s = s + exp(x[i])                           carried { s add_in_order exp(x) }
//! ```
//!
//! An index that is out of range or negative leaves the strip: the loop goes on from that block, finds the error, or wraps the index. What the strip knows by then
//! makes the rest cheaper: a whole double below the extent is a 64-bit integer in one addition.
//!
//! Conservative: one sum or update of floats per iteration (two would have to take turns), none in loops inside.

use kjit_strip::ir::{Compare, Convert, Inst, Op, Ty, Unary, UpdateOp, Value};

use super::Obstacle;
use super::linear::Linear;
use super::value::{Builder, Result, Val};
use crate::ir::{ArrayId, BinaryOp, CompareOp, ExprId, ExprKind, LocalId, ReduceOp};
use crate::types::DType;

impl Builder<'_> {
    /// May iterations combine the same element of the array?
    pub(super) fn is_shared(&mut self, array: ArrayId) -> Result<bool> {
        if self.request.facts.collisions.is_empty() {
            return Ok(false);
        }
        let root = self.root_of(array)?;
        Ok(self.is_shared_root(root))
    }

    /// The same for the array in front of the loop.
    pub(super) fn is_shared_root(&self, root: ArrayId) -> bool {
        self.request
            .facts
            .collisions
            .iter()
            .any(|shared| shared.array == root || !self.is_root() || self.may_alias(shared.array, root))
    }

    /// How elements of that type are updated.
    pub(super) fn update_op(
        &mut self,
        root: ArrayId,
        lane: u8,
        dtype: DType,
        op: ReduceOp,
    ) -> Result<UpdateOp> {
        let name = self.request.func.arrays[root].name.clone();
        let is_inside = self.frames.iter().any(|frame| frame.loops > 0);
        // Of floats a second one would come too late.
        let is_second = dtype.is_float()
            && self.updated.iter().any(|&(other, part)| part == lane && self.may_alias(other, root));
        let is_ordered = !matches!((op, dtype), (ReduceOp::Min | ReduceOp::Max, DType::U64));
        if is_inside || is_second || !is_ordered || dtype == DType::Bool {
            return self.refuse(format!("iterations may combine the same element of `{name}`"));
        }
        self.updated.push((root, lane));
        Ok(match op {
            ReduceOp::Add => UpdateOp::Add,
            ReduceOp::Mul => UpdateOp::Mul,
            ReduceOp::Min => UpdateOp::Min,
            ReduceOp::Max => UpdateOp::Max,
            ReduceOp::And => UpdateOp::And,
            ReduceOp::Or => UpdateOp::Or,
            ReduceOp::Xor => UpdateOp::Xor,
        })
    }

    /// Leaves the strip unless the index is in `0 .. dim`.
    pub(super) fn settle(&mut self, index: Value, dim: &Val) -> Result<()> {
        let fits = match self.whole_float(index) {
            Some(whole) => {
                let limit = self.lanes(dim);
                let limit = self.graph.convert(Convert::SmallToFloat, limit, Ty::F64);
                let zero = self.graph.bits(Ty::F64, 0);
                let above = self.graph.compare(Compare::Ge, whole, zero);
                let below = self.graph.compare(Compare::Lt, whole, limit);
                self.graph.binary(kjit_strip::ir::Binary::And, above, below)
            }
            None => {
                let zero = Val::Int(Linear::constant(0));
                let value = Val::Lanes(index);
                let above = self.compare(CompareOp::Ge, &value, &zero, DType::I64)?;
                let below = self.compare(CompareOp::Lt, &value, dim, DType::I64)?;
                let (above, below) = (self.lanes(&above), self.lanes(&below));
                self.graph.binary(kjit_strip::ir::Binary::And, above, below)
            }
        };
        if self.has_stored {
            return self.refuse("an error may come after a store of the same iteration");
        }
        let here = self.mask_here();
        let fails = self.graph.and_not(here, fits);
        if self.graph.constant(fails) != Some(0) {
            self.graph.push(Inst::Fault { mask: fails });
        }
        self.settled.push((index, self.mask));
        self.tally.index_tests += 4;
        Ok(())
    }

    /// The whole double that an index was converted from.
    fn whole_float(&mut self, index: Value) -> Option<Value> {
        let Some(&Op::Convert(Convert::FloatToInt, from)) = self.graph.op(index) else { return None };
        let from = match self.graph.ty(from) {
            Ty::F64 => from,
            _ => self.graph.convert(Convert::Widen, from, Ty::F64),
        };
        Some(self.graph.unary(Unary::Trunc, from))
    }

    /// An index that is known to be in range, as it is written best.
    pub(super) fn settled(&mut self, index: &Val) -> Option<Val> {
        let &Val::Lanes(value) = index else { return None };
        if !self.settled.contains(&(value, self.mask)) {
            return None;
        }
        Some(Val::Lanes(match self.whole_float(value) {
            Some(whole) => self.graph.convert(Convert::WholeToInt, whole, Ty::I64),
            None => value,
        }))
    }

    /// Is the variable of the loop's function a sum or product that takes the lanes in order?
    pub(super) fn is_in_order(&self, local: LocalId) -> bool {
        self.is_root() && self.in_order.iter().any(|&(known, _)| known == local)
    }

    /// `local = local op e`: the lanes' part is `e`.
    pub(super) fn add_in_order(&mut self, local: LocalId, value: ExprId) -> Result<()> {
        let neutral = self.in_order.iter().find(|&&(known, _)| known == local).map(|&(_, neutral)| neutral);
        let Some(neutral) = neutral else { return self.keeps_order(local) };
        let so_far = self.local(local)?;
        let is_inside = self.frames.iter().any(|frame| frame.loops > 0);
        if is_inside || so_far != Val::Lanes(neutral) {
            return self.keeps_order(local);
        }
        let func = self.func();
        let is_local = |id: ExprId| func.exprs[id].kind == ExprKind::Local(local);
        let by = match func.exprs[value].kind {
            ExprKind::Select { cond, then, orelse } => {
                let cond = self.expr(cond)?;
                let mask = self.lanes(&cond);
                if is_local(orelse) {
                    let by = self.added(local, then)?;
                    self.graph.select(mask, by, neutral)
                } else if is_local(then) {
                    let by = self.added(local, orelse)?;
                    self.graph.select(mask, neutral, by)
                } else {
                    return self.keeps_order(local);
                }
            }
            _ => self.added(local, value)?,
        };
        self.tally.in_order += 1;
        self.set(local, Val::Lanes(by));
        Ok(())
    }

    /// `e` of `local + e`, `e + local`, `local * e`, `e * local`; `-e` of `local - e`.
    fn added(&mut self, local: LocalId, value: ExprId) -> Result<Value> {
        let func = self.func();
        let is_local = |id: ExprId| func.exprs[id].kind == ExprKind::Local(local);
        let ExprKind::Binary { op, left, right } = func.exprs[value].kind else {
            return self.keeps_order(local);
        };
        let (other, negates) = match op {
            BinaryOp::Add | BinaryOp::Mul if is_local(left) => (right, false),
            BinaryOp::Add | BinaryOp::Mul if is_local(right) => (left, false),
            BinaryOp::Sub if is_local(left) => (right, true),
            _ => return self.keeps_order(local),
        };
        if crate::ir::walk::reads_local(&func.exprs, other, local) {
            return self.keeps_order(local);
        }
        let by = self.expr(other)?;
        let by = self.lanes(&by);
        Ok(if negates { self.graph.unary(Unary::Neg, by) } else { by })
    }

    fn keeps_order<T>(&self, local: LocalId) -> Result<T> {
        let func = self.request.func;
        Err(order_matters(&func.locals[local].name, func.loops[self.request.l.id].span))
    }
}

/// Why a sum of floats is not done in lanes.
pub(crate) fn order_matters(name: &str, span: crate::base::Span) -> Obstacle {
    let text = format!(
        "the order of the additions or products in `{name}` decides how they are rounded (`fastmath` may change it)"
    );
    Obstacle { span, text }
}
