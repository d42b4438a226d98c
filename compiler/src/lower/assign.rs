//! Assignments: to names, elements, views and tuples of them; augmented ones.

use super::context::{Context, Res};
use super::scan::mentions;
use super::value::{Slot, Value};
use crate::infer::Resolution;
use crate::ir::{ArrayId, BinaryOp, ReduceOp, Stmt, UnaryOp};
use crate::syntax::ast::{BinaryOp as AstOp, BoolOp, ExprId as AstId, ExprKind as AstKind};
use crate::types::{DType, Ty, promote};

impl<'a> Context<'_, 'a> {
    /// `a = b = value`.
    pub(super) fn assign(&mut self, targets: &[AstId], value: AstId) -> Res<()> {
        if let &[target] = targets {
            if let AstKind::Name(name) = &self.node(target).kind {
                return self.assign_single(target, name, value);
            }
            let is_tuple = matches!(self.node(target).kind, AstKind::Tuple(_) | AstKind::List(_));
            let owned = std::mem::replace(&mut self.owns_views, is_tuple);
            let value = self.value(value);
            self.owns_views = owned;
            return self.assign_value(target, value?);
        }
        let owned = std::mem::replace(&mut self.owns_views, true);
        let result = self.value(value);
        self.owns_views = owned;
        let value = self.pin_value(result?);
        for &target in targets {
            let copy = self.dup_value(&value);
            self.assign_value(target, copy)?;
        }
        Ok(())
    }

    /// `name = value`: a new array is made in the variable itself.
    fn assign_single(&mut self, target: AstId, name: &crate::base::Symbol, value: AstId) -> Res<()> {
        let info = self.info(value)?;
        // An annotation or a declared type may ask for another type than the value has.
        let ty = self.target_ty(target).unwrap_or(&info.ty);
        if *ty == Ty::BOOL
            && let AstKind::Bool { op, values } = &self.node(value).kind
            && let Some((first, rest)) = values.split_first()
            && matches!(&self.node(*first).kind, AstKind::Name(read) if read == name)
            && self.combine_flag(target, name, *op, *first, rest)?
        {
            return Ok(());
        }
        let dest = match (&info.ty, ty) {
            (Ty::Array(from), Ty::Array(to)) if from == to => self.array_dest(name, ty, value),
            _ => None,
        };
        let result = self.value_to(value, dest)?;
        if let (Some(dest), Value::Array(array)) = (dest, &result)
            && dest == *array
        {
            self.mark_bound(name, ty);
            return Ok(());
        }
        let result = self.convert(result, ty)?;
        self.span = self.node(target).span;
        self.assign_name(name, ty, result)
    }

    /// `found = found or e`, where `e` has effects: `if not found: found = e`, which is also the form of a reduction. False if the
    /// variable holds no truth value yet.
    fn combine_flag(
        &mut self,
        target: AstId,
        name: &crate::base::Symbol,
        op: BoolOp,
        first: AstId,
        rest: &[AstId],
    ) -> Res<bool> {
        if self.info(first)?.ty != Ty::BOOL {
            return Ok(false);
        }
        let Slot::Real(local) = self.target_slot(name, &Ty::BOOL) else { return Ok(false) };
        let left = self.value(first)?;
        let left = self.truth(left)?;
        let (mut then, right) = self.block(|cx| {
            let right = cx.bool_expr(op, rest, &Ty::BOOL)?;
            cx.real(right, DType::Bool)
        })?;
        if then.is_empty() && self.is_cheap(right) {
            let op = if op == BoolOp::Or { BinaryOp::Or } else { BinaryOp::And };
            let value = Value::Real(self.binary(op, left, right));
            self.span = self.node(target).span;
            self.assign_name(name, &Ty::BOOL, value)?;
        } else {
            let cond = if op == BoolOp::Or { self.unary(UnaryOp::Not, left) } else { left };
            then.push(Stmt::Set { local, value: right });
            self.emit(Stmt::If { cond, then, orelse: Vec::new() });
            self.mark_bound(name, &Ty::BOOL);
        }
        Ok(true)
    }

    /// The type that inference gave to a target, if it says.
    fn target_ty(&self, target: AstId) -> Option<&'a Ty> {
        self.instance.exprs.get(&target).map(|info| &info.ty)
    }

    /// The variable itself as the place for a new array, if the value does not read it.
    fn array_dest(&mut self, name: &crate::base::Symbol, ty: &Ty, value: AstId) -> Option<ArrayId> {
        let makes_array = match &self.node(value).kind {
            AstKind::Index { .. } => true,
            AstKind::Call { .. } | AstKind::Attribute { .. } => {
                matches!(self.info(value).ok()?.resolution, Resolution::Builtin(..) | Resolution::User(..))
            }
            _ => false,
        };
        if !makes_array || mentions(self.ast, value, name) {
            return None;
        }
        self.span = self.node(value).span;
        match self.target_slot(name, ty) {
            Slot::Array(array) => {
                // A variable that only borrows cannot hold what is made anew.
                let is_view = !matches!(self.node(value).kind, AstKind::Call { .. });
                let is_owned = self.func.arrays[array].ownership == crate::ir::Ownership::Owned;
                (is_view || is_owned).then_some(array)
            }
            _ => None,
        }
    }

    /// Stores a value to a target.
    pub(super) fn assign_value(&mut self, target: AstId, value: Value) -> Res<()> {
        let node = self.node(target);
        match &node.kind {
            AstKind::Name(name) => {
                self.span = node.span;
                let ty = match self.target_ty(target) {
                    Some(ty) => ty.clone(),
                    None => self.value_ty(&value),
                };
                let value = self.convert(value, &ty)?;
                self.assign_name(name, &ty, value)
            }
            AstKind::Tuple(targets) | AstKind::List(targets) => self.unpack(targets, value),
            AstKind::Index { base, indices } => {
                let span = node.span;
                let mark = self.mark();
                match self.ty_of(target)? {
                    Ty::Array(ty) => self.at(span, |cx| cx.assign_view(*base, indices, *ty, value)),
                    _ => {
                        let element = self.element(*base, indices)?;
                        let value = self.order(mark, value);
                        self.at(span, |cx| cx.store(&element, value))
                    }
                }
            }
            AstKind::Attribute { .. } => {
                // `a.real = x` and so on: a view with its own type.
                let view = self.value(target)?;
                match view {
                    Value::Array(view) => self.assign_elements(view, value),
                    other => Err(self.bug(format!("a store to {other:?}"))),
                }
            }
            _ => Err(self.bug("a target that cannot be assigned")),
        }
    }

    /// The type of a value, for targets that inference does not list.
    pub(super) fn value_ty(&self, value: &Value) -> Ty {
        match value {
            Value::None => Ty::None,
            Value::Str(text) => Ty::Str(text.clone()),
            Value::Real(expr) => Ty::Scalar(self.ty(*expr)),
            Value::Complex(re, _) => {
                Ty::Scalar(if self.ty(*re) == DType::F32 { DType::C64 } else { DType::C128 })
            }
            Value::Array(array) => Ty::Array(self.array_ty(*array)),
            Value::Rng(_) => Ty::Rng,
            Value::Tuple(items) => Ty::Tuple(items.iter().map(|item| self.value_ty(item)).collect()),
        }
    }

    /// `a, b = value`.
    fn unpack(&mut self, targets: &[AstId], value: Value) -> Res<()> {
        let values = match value {
            Value::Tuple(values) => values,
            Value::Array(array) => self.unpack_array(array, targets.len())?,
            other => return Err(self.bug(format!("{other:?} is unpacked"))),
        };
        if values.len() != targets.len() {
            return Err(self.bug("a tuple of another length is unpacked"));
        }
        // What an earlier target overwrites is read before.
        let mut slots = Vec::with_capacity(targets.len());
        let mut stores = false;
        for (&target, value) in targets.iter().zip(&values) {
            slots.push(match &self.node(target).kind {
                AstKind::Name(name) => {
                    let ty = match self.target_ty(target) {
                        Some(ty) => ty.clone(),
                        None => self.value_ty(value),
                    };
                    self.span = self.node(target).span;
                    self.target_slot(name, &ty)
                }
                _ => {
                    stores = true;
                    Slot::Const(Ty::None)
                }
            });
        }
        let values = if stores {
            // Stores may change anything that is read, and nested targets anything at all.
            let mut held = Vec::with_capacity(values.len());
            for value in values {
                held.push(self.hold_value(value));
            }
            held
        } else {
            self.hold_readers(&slots, values)
        };
        for (&target, value) in targets.iter().zip(values) {
            self.assign_value(target, value)?;
        }
        Ok(())
    }

    fn hold_value(&mut self, value: Value) -> Value {
        match value {
            Value::Real(expr) if self.as_const(expr).is_none() => Value::Real(self.hold(expr)),
            Value::Complex(re, im) => {
                let re = self.hold(re);
                Value::Complex(re, self.hold(im))
            }
            Value::Tuple(items) => {
                Value::Tuple(items.into_iter().map(|item| self.hold_value(item)).collect())
            }
            Value::None | Value::Str(_) | Value::Real(_) | Value::Array(_) | Value::Rng(_) => value,
        }
    }

    fn unpack_array(&mut self, array: ArrayId, count: usize) -> Res<Vec<Value>> {
        let len = self.dim(array, 0);
        let wanted = self.int(count as i64);
        let cond = self.compare(crate::ir::CompareOp::Eq, len, wanted);
        let text = format!("an array with another number of items than {count} is unpacked");
        self.check(cond, crate::base::Code::K703, "ValueError", &text);
        let mut values = Vec::with_capacity(count);
        for i in 0..count {
            let index = self.int(i as i64);
            values.push(self.item_of(array, index, None));
        }
        Ok(values)
    }

    /// `a[...] = value` for a part of an array.
    fn assign_view(
        &mut self,
        base: AstId,
        indices: &[AstId],
        ty: crate::types::ArrayTy,
        value: Value,
    ) -> Res<()> {
        let covers_all = indices.iter().all(|&index| {
            matches!(
                &self.node(index).kind,
                AstKind::Slice { start: None, stop: None, step: None }
                    | AstKind::Literal(crate::syntax::ast::Literal::Ellipsis)
            )
        });
        let array = if covers_all && let Value::Array(array) = self.value(base)? {
            array
        } else {
            self.view(base, indices, ty, None)?
        };
        self.assign_elements(array, value)
    }

    // Augmented assignment.

    /// `target op= value`.
    pub(super) fn aug_assign(&mut self, target: AstId, op: AstOp, value: AstId) -> Res<()> {
        let node = self.node(target);
        match &node.kind {
            AstKind::Name(name) => self.aug_assign_name(target, name, op, value),
            AstKind::Index { base, indices } => self.aug_assign_element(target, *base, indices, op, value),
            _ => Err(self.bug("a target that cannot be assigned")),
        }
    }

    fn aug_assign_name(
        &mut self,
        target: AstId,
        name: &crate::base::Symbol,
        op: AstOp,
        value: AstId,
    ) -> Res<()> {
        let info = self.info(target)?;
        if info.needs_flag {
            self.check_flag(name);
        }
        // The target's entry in the table is the type it is read with; the result follows from the operator.
        let old = self.current_value(name, &info.ty)?;
        let mark = self.mark();
        let right = self.value(value)?;
        let old = self.order(mark, old);
        let weak = (info.is_weak, self.info(value)?.is_weak);
        let ty = self.operator_ty(op, &old, &right, weak);
        let result = self.binary_values(op, old, right, weak, &ty)?;
        self.span = self.node(target).span;
        self.assign_name(name, &ty, result)
    }

    /// The value of a variable with the type it has now.
    fn current_value(&mut self, name: &crate::base::Symbol, ty: &Ty) -> Res<Value> {
        let ty = self.current_ty(name).unwrap_or_else(|| ty.clone());
        self.read_name(name, &ty)
    }

    /// The type of `left op right`, as inference computes it.
    pub(super) fn operator_ty(&self, op: AstOp, left: &Value, right: &Value, weak: (bool, bool)) -> Ty {
        let (Ty::Scalar(a), Ty::Scalar(b)) = (self.value_ty(left), self.value_ty(right)) else {
            return match (self.value_ty(left), self.value_ty(right)) {
                (Ty::Tuple(a), Ty::Tuple(b)) => Ty::Tuple(a.iter().chain(b.iter()).cloned().collect()),
                (other, _) => other,
            };
        };
        Ty::Scalar(match op {
            AstOp::Div => promote::division(a, weak.0, b, weak.1),
            AstOp::BitAnd | AstOp::BitOr | AstOp::BitXor => promote::bitwise(a, weak.0, b, weak.1),
            AstOp::Shl | AstOp::Shr => promote::shift(a),
            AstOp::Pow => {
                let is_negative = match right {
                    Value::Real(expr) => self.as_int(*expr).is_some_and(|value| value < 0),
                    _ => false,
                };
                promote::power(a, weak.0, b, weak.1, is_negative)
            }
            _ => promote::scalars(a, weak.0, b, weak.1),
        })
    }

    fn aug_assign_element(
        &mut self,
        target: AstId,
        base: AstId,
        indices: &[AstId],
        op: AstOp,
        value: AstId,
    ) -> Res<()> {
        let element = self.element(base, indices)?;
        let dtype = self.array_ty(element.array).dtype;
        let mark = self.mark();
        let right = self.value(value)?;
        let is_weak = self.info(value)?.is_weak;
        let has_effects = self.effects != mark.1;
        self.span = self.node(target).span;
        if !has_effects && let Some(op) = reduce_op(op) {
            let right_dtype = match self.value_ty(&right) {
                Ty::Scalar(right) => right,
                _ => return Err(self.bug("an operator on a value that is no number")),
            };
            let at = promote::scalars(dtype, false, right_dtype, is_weak);
            let negated = matches!(op, Accumulation::Sub);
            if dtype.is_complex()
                && at == dtype
                && matches!(op, Accumulation::Sub | Accumulation::Op(ReduceOp::Add))
            {
                let (re, im) = self.parts(right, dtype)?;
                // Both parts are computed before the first is stored.
                let re = if self.has_load(re) { self.hold(re) } else { re };
                let im = if self.has_load(im) { self.hold(im) } else { im };
                for (lane, part) in [(0, re), (1, im)] {
                    let value = if negated { self.unary(UnaryOp::Neg, part) } else { part };
                    let (array, place) = (element.array, self.place(&element));
                    self.emit_effect(Stmt::Accumulate { array, place, lane, op: ReduceOp::Add, value });
                }
                return Ok(());
            }
            let at_bool = dtype == DType::Bool && right_dtype == DType::Bool;
            let is_bitwise = matches!(op, Accumulation::Op(ReduceOp::And | ReduceOp::Or | ReduceOp::Xor));
            if !dtype.is_complex() && (at == dtype.widened() || (at_bool && is_bitwise)) {
                let value = self.real(right, dtype.widened())?;
                let (value, op) = match op {
                    Accumulation::Sub => (self.unary(UnaryOp::Neg, value), ReduceOp::Add),
                    Accumulation::Op(op) => (value, op),
                };
                let (array, place) = (element.array, self.place(&element));
                self.emit_effect(Stmt::Accumulate { array, place, lane: 0, op, value });
                return Ok(());
            }
        }
        let old = self.load(&element);
        // The old value is read before the right side has its effects.
        let old = self.order(mark, old);
        let weak = (false, is_weak);
        let ty = self.operator_ty(op, &old, &right, weak);
        let result = self.binary_values(op, old, right, weak, &ty)?;
        self.store(&element, result)
    }
}

/// How an augmented assignment combines, if it is a reduction.
enum Accumulation {
    Op(ReduceOp),
    Sub,
}

fn reduce_op(op: AstOp) -> Option<Accumulation> {
    Some(match op {
        AstOp::Add => Accumulation::Op(ReduceOp::Add),
        AstOp::Sub => Accumulation::Sub,
        AstOp::Mul => Accumulation::Op(ReduceOp::Mul),
        AstOp::BitAnd => Accumulation::Op(ReduceOp::And),
        AstOp::BitOr => Accumulation::Op(ReduceOp::Or),
        AstOp::BitXor => Accumulation::Op(ReduceOp::Xor),
        AstOp::Div | AstOp::FloorDiv | AstOp::Mod | AstOp::Pow | AstOp::MatMul | AstOp::Shl | AstOp::Shr => {
            return None;
        }
    })
}
