//! Expressions: names, literals, `and`/`or`, comparisons, conditionals; the other kinds have files of their own.

use super::context::{Context, Res};
use super::value::{Slot, Value};
use crate::infer::Resolution;
use crate::ir::{ArrayId, ArrayValue, BinaryOp, Const, ExprId, ExprKind, Stmt, UnaryOp, walk};
use crate::numerics::math::MathFn1;
use crate::syntax::ast::{self, BoolOp, ExprId as AstId, ExprKind as AstKind, Literal};
use crate::types::{DType, Ty};

impl Context<'_, '_> {
    /// Lowers an expression; statements that it needs go before.
    pub(super) fn value(&mut self, expr: AstId) -> Res<Value> {
        self.value_to(expr, None)
    }

    /// As [`Context::value`]; a newly made array goes to `dest` if there is one.
    pub(super) fn value_to(&mut self, expr: AstId, dest: Option<ArrayId>) -> Res<Value> {
        let node = self.node(expr);
        self.at(node.span, |cx| cx.value_here(expr, node, dest))
    }

    fn value_here(&mut self, expr: AstId, node: &ast::Expr, dest: Option<ArrayId>) -> Res<Value> {
        // Parts of the tree that never have a value of their own are not in the table.
        if let AstKind::Literal(Literal::Str(text)) = &node.kind {
            return Ok(Value::Str(text.clone()));
        }
        let info = self.info(expr)?;
        match &info.resolution {
            Resolution::Constant(value) => {
                let value = self.constant(value)?;
                return match (&value, &info.ty) {
                    // The type of the table wins, so that the value fits where it goes.
                    (Value::Real(_) | Value::Complex(..), Ty::Scalar(dtype)) => {
                        self.with_dtype(value, *dtype)
                    }
                    _ => Ok(value),
                };
            }
            Resolution::Builtin(builtin, plan) => return self.builtin(expr, *builtin, plan, &info.ty, dest),
            Resolution::User(callee, plan) => return self.user_call(*callee, plan, &info.ty, dest),
            Resolution::Launch(kernel, plan) => return self.launch(*kernel, plan),
            Resolution::Cast(dtype, plan) => return self.cast_call(*dtype, plan),
            Resolution::Plain | Resolution::Variable => {}
        }
        match &node.kind {
            AstKind::Name(name) => {
                if info.needs_flag {
                    self.check_flag(name);
                }
                self.read_name(name, &info.ty)
            }
            AstKind::Literal(literal) => self.literal(literal, &info.ty),
            AstKind::Binary { op, left, right } => self.binary_expr(*op, *left, *right, &info.ty),
            AstKind::Unary { op, operand } => self.unary_expr(*op, *operand, &info.ty),
            AstKind::Bool { op, values } => self.bool_expr(*op, values, &info.ty),
            AstKind::Compare { first, rest } => self.compare_expr(*first, rest).map(Value::Real),
            AstKind::IfElse { cond, body, orelse } => self.if_else_expr(*cond, *body, *orelse, &info.ty),
            AstKind::Index { base, indices } => self.index_expr(*base, indices, &info.ty, dest),
            AstKind::Tuple(items) | AstKind::List(items) => self.values(items).map(Value::Tuple),
            AstKind::FString(_)
            | AstKind::Call { .. }
            | AstKind::Attribute { .. }
            | AstKind::Slice { .. }
            | AstKind::Error => Err(self.bug("an expression that has no value")),
        }
    }

    /// Several expressions, evaluated left to right.
    pub(super) fn values(&mut self, exprs: &[AstId]) -> Res<Vec<Value>> {
        let mut values: Vec<Value> = Vec::with_capacity(exprs.len());
        let mut marks = Vec::with_capacity(exprs.len());
        let start = self.mark();
        for &expr in exprs {
            values.push(self.value(expr)?);
            marks.push(self.mark());
        }
        if self.effects == start.1 {
            return Ok(values);
        }
        // From the last one back, so that the positions before stay right.
        let mut ordered = Vec::with_capacity(values.len());
        for (value, mark) in values.into_iter().zip(marks).rev() {
            ordered.push(self.order(mark, value));
        }
        ordered.reverse();
        Ok(ordered)
    }

    /// Two expressions, evaluated left to right.
    pub(super) fn pair(&mut self, left: AstId, right: AstId) -> Res<(Value, Value)> {
        let left = self.value(left)?;
        let mark = self.mark();
        let right = self.value(right)?;
        Ok((self.order(mark, left), right))
    }

    fn literal(&mut self, literal: &Literal, ty: &Ty) -> Res<Value> {
        let value = match literal {
            Literal::None | Literal::Ellipsis => return Ok(Value::None),
            Literal::Bool(value) => Value::Real(self.boolean(*value)),
            Literal::Int(value) => {
                let dtype = if *value > i64::MAX as u64 { DType::U64 } else { DType::I64 };
                Value::Real(self.expr(ExprKind::Const(Const(*value)), dtype))
            }
            Literal::Float(value) => Value::Real(self.number(*value, DType::F64)),
            Literal::Imaginary(value) => {
                let re = self.number(0.0, DType::F64);
                Value::Complex(re, self.number(*value, DType::F64))
            }
            Literal::Str(text) => return Ok(Value::Str(text.clone())),
        };
        match ty {
            Ty::Scalar(dtype) => self.with_dtype(value, *dtype),
            _ => Ok(value),
        }
    }

    /// A condition.
    pub(super) fn condition(&mut self, expr: AstId) -> Res<ExprId> {
        let value = self.value(expr)?;
        self.at(self.node(expr).span, |cx| cx.truth(value))
    }

    /// The truth of an expression that inference knows.
    pub(super) fn known_truth(&self, expr: AstId) -> Option<bool> {
        let info = self.instance.exprs.get(&expr)?;
        match &info.resolution {
            Resolution::Constant(value) => Some(value.truth()),
            _ => match (&info.ty, &self.ast.exprs[expr].kind) {
                (Ty::None, AstKind::Name(_) | AstKind::Literal(_)) => Some(false),
                (Ty::Str(text), AstKind::Name(_) | AstKind::Literal(_)) => Some(!text.is_empty()),
                (_, AstKind::Literal(Literal::Bool(value))) => Some(*value),
                (_, AstKind::Literal(Literal::Int(value))) => Some(*value != 0),
                (_, AstKind::Literal(Literal::Float(value) | Literal::Imaginary(value))) => {
                    Some(*value != 0.0)
                }
                _ => None,
            },
        }
    }

    /// `a and b`, `a or b`: the operand that decides.
    pub(super) fn bool_expr(&mut self, op: BoolOp, values: &[AstId], ty: &Ty) -> Res<Value> {
        let decides = op == BoolOp::Or;
        let Some((&first, rest)) = values.split_first() else {
            return Err(self.bug("an operator without operands"));
        };
        if rest.is_empty() {
            return self.deciding(first, ty);
        }
        match self.known_truth(first) {
            Some(truth) if truth == decides => return self.deciding(first, ty),
            Some(_) => return self.bool_expr(op, rest, ty),
            None => {}
        }
        let left = self.value(first)?;
        if *ty == Ty::BOOL {
            let left = self.truth(left)?;
            let (block, right) = self.block(|cx| {
                let right = cx.bool_expr(op, rest, ty)?;
                cx.real(right, DType::Bool)
            })?;
            if block.is_empty() && self.is_cheap(right) {
                let ir_op = if decides { BinaryOp::Or } else { BinaryOp::And };
                return Ok(Value::Real(self.binary(ir_op, left, right)));
            }
            let temp = self.temp("cond", DType::Bool);
            self.set(temp, left);
            let cond = self.read(temp);
            let cond = if decides { self.unary(UnaryOp::Not, cond) } else { cond };
            let mut then = block;
            then.push(Stmt::Set { local: temp, value: right });
            self.emit(Stmt::If { cond, then, orelse: Vec::new() });
            return Ok(Value::Real(self.read(temp)));
        }
        let left = self.pin_value(left);
        let copy = self.dup_value(&left);
        let cond = self.truth(copy)?;
        let (slot, result) = self.result_slot(ty)?;
        let left = self.convert(left, ty)?;
        self.write_result(&slot, left)?;
        let cond = if decides { self.unary(UnaryOp::Not, cond) } else { cond };
        let (then, ()) = self.block(|cx| {
            let temps = cx.temps.len();
            let right = cx.bool_expr(op, rest, ty)?;
            cx.write_result(&slot, right)?;
            cx.release_temps(temps);
            Ok(())
        })?;
        self.emit_if(cond, then, Vec::new());
        Ok(result)
    }

    /// The operand that decides: as a truth value if that is all that is wanted, whatever it is (a call that returns nothing is false).
    fn deciding(&mut self, operand: AstId, ty: &Ty) -> Res<Value> {
        let value = self.value(operand)?;
        if *ty == Ty::BOOL { self.truth(value).map(Value::Real) } else { self.convert(value, ty) }
    }

    /// `body if cond else orelse`.
    fn if_else_expr(&mut self, cond: AstId, body: AstId, orelse: AstId, ty: &Ty) -> Res<Value> {
        if let Some(truth) = self.known_truth(cond) {
            let value = self.value(if truth { body } else { orelse })?;
            return self.convert(value, ty);
        }
        let cond = self.condition(cond)?;
        let branch = |expr| {
            move |cx: &mut Self| {
                let value = cx.value(expr)?;
                cx.convert(value, ty)
            }
        };
        let temps = self.temps.len();
        let (mut then_block, then) = self.block(branch(body))?;
        let then_temps = self.temps.split_off(temps);
        let (mut else_block, other) = self.block(branch(orelse))?;
        let else_temps = self.temps.split_off(temps);
        if let (Value::Real(a), Value::Real(b)) = (&then, &other)
            && then_block.is_empty()
            && else_block.is_empty()
            && self.is_cheap(*a)
            && self.is_cheap(*b)
        {
            return Ok(Value::Real(self.select(cond, *a, *b)));
        }
        let (slot, result) = self.result_slot(ty)?;
        let mut fill = |block: &mut Vec<Stmt>, value, used: Vec<ArrayId>| -> Res<()> {
            let outer = std::mem::replace(&mut self.out, std::mem::take(block));
            self.write_result(&slot, value)?;
            self.temps.extend(used);
            self.release_temps(temps);
            *block = std::mem::replace(&mut self.out, outer);
            Ok(())
        };
        fill(&mut then_block, then, then_temps)?;
        fill(&mut else_block, other, else_temps)?;
        self.temps.extend(slot_arrays(&slot));
        self.emit(Stmt::If { cond, then: then_block, orelse: else_block });
        Ok(result)
    }

    /// A temporary for a value of that type, and a read of it.
    fn result_slot(&mut self, ty: &Ty) -> Res<(Slot, Value)> {
        let mut targets = Vec::new();
        let count = self.temps.len();
        let value = self.targets(ty, None, &mut targets);
        // The caller decides when they are released.
        self.temps.truncate(count);
        let mut targets = targets.into_iter();
        let slot = slot_of(&value, &mut targets);
        let slot = slot.ok_or_else(|| self.bug("a value without a place"))?;
        Ok((slot, value))
    }

    fn write_result(&mut self, slot: &Slot, value: Value) -> Res<()> {
        match (slot, value) {
            (Slot::Const(_), _) => {}
            (Slot::Real(local), Value::Real(value)) => self.set(*local, value),
            (Slot::Complex(re, im), Value::Complex(x, y)) => {
                self.set(*re, x);
                self.set(*im, y);
            }
            (Slot::Array(to), Value::Array(from)) | (Slot::Rng(to), Value::Rng(from)) => {
                self.emit(Stmt::SetArray { array: *to, value: ArrayValue::Same(from) });
            }
            (Slot::Tuple(slots), Value::Tuple(values)) => {
                for (slot, value) in slots.iter().zip(values) {
                    self.write_result(slot, value)?;
                }
            }
            _ => return Err(self.bug("branches of different kinds")),
        }
        Ok(())
    }

    /// May it be computed although its value is not needed? Loads may not (their index is not checked yet), and what costs
    /// more than a branch should not.
    pub(super) fn is_cheap(&self, expr: ExprId) -> bool {
        let mut budget = 12;
        !walk::any_expr(&self.func.exprs, expr, &mut |node| {
            budget -= 1;
            budget < 0
                || match &node.kind {
                    ExprKind::Load { .. } | ExprKind::Math2 { .. } | ExprKind::Overlaps { .. } => true,
                    ExprKind::Math1 { function, .. } => !matches!(function, MathFn1::Fabs | MathFn1::Sqrt),
                    ExprKind::Binary { op, .. } => {
                        matches!(op, BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::IntPow | BinaryOp::Div)
                    }
                    _ => false,
                }
        })
    }
}

fn slot_of(value: &Value, targets: &mut impl Iterator<Item = crate::ir::Target>) -> Option<Slot> {
    use crate::ir::Target;
    let mut local = || match targets.next() {
        Some(Target::Local(local)) => Some(local),
        _ => None,
    };
    Some(match value {
        Value::None => Slot::Const(Ty::None),
        Value::Str(text) => Slot::Const(Ty::Str(text.clone())),
        Value::Real(_) => Slot::Real(local()?),
        Value::Complex(..) => {
            let re = local()?;
            Slot::Complex(re, local()?)
        }
        Value::Array(array) => {
            targets.next();
            Slot::Array(*array)
        }
        Value::Rng(array) => {
            targets.next();
            Slot::Rng(*array)
        }
        Value::Tuple(items) => {
            let slots: Option<Vec<Slot>> = items.iter().map(|item| slot_of(item, targets)).collect();
            Slot::Tuple(slots?)
        }
    })
}

fn slot_arrays(slot: &Slot) -> Vec<ArrayId> {
    let mut arrays = Vec::new();
    slot.for_each_array(&mut |array| arrays.push(array));
    arrays
}
