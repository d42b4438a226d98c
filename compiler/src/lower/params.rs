//! Parameters, arguments and results: values taken apart into numbers and arrays.

use super::context::{Context, Res};
use super::value::{RNG_TY, Slot, Value};
use crate::base::{Code, Span, Symbol};
use crate::ir::{ArrayId, Check, ExprId, LocalId, Operand, Ownership, Param, Piece, Ret, Stmt, Target};
use crate::types::{ArrayTy, DType, Ty};

impl Context<'_, '_> {
    /// Declares the parameters; those that the body binds anew get variables of their own.
    pub(super) fn declare_params(&mut self) -> Res<()> {
        let instance = self.instance;
        for (i, (name, ty)) in instance.params.iter().enumerate() {
            if let Some(param) = self.function.params.get(i) {
                self.span = param.name.span;
            }
            if let Some(value) = instance.const_params.get(name) {
                let value = self.constant(value)?;
                let value = self.convert(value, ty)?;
                self.assign_name(name, ty, value)?;
                continue;
            }
            let slot = self.declare_param(name, ty);
            if self.scan.is_assigned(name) && ty_has_array(ty) {
                let value = self.read_slot(&slot);
                self.assign_name(name, ty, value)?;
            } else {
                let number = self.vars.number(name);
                let slot = self.enter_slot(number, ty, slot);
                self.vars.env[number as usize] = Some(slot);
            }
        }
        Ok(())
    }

    fn declare_param(&mut self, name: &Symbol, ty: &Ty) -> Slot {
        match ty {
            Ty::None | Ty::Str(_) => Slot::Const(ty.clone()),
            Ty::Scalar(dtype) if dtype.is_complex() => {
                let re = self.param_local(&format!("{name}.real"), dtype.part());
                Slot::Complex(re, self.param_local(&format!("{name}.imag"), dtype.part()))
            }
            Ty::Scalar(dtype) => Slot::Real(self.param_local(name, *dtype)),
            Ty::Array(array) => Slot::Array(self.param_array(name, *array)),
            Ty::Rng => Slot::Rng(self.param_array(name, RNG_TY)),
            Ty::Event => Slot::Real(self.param_local(name, DType::I64)),
            Ty::Tuple(items) => Slot::Tuple(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.declare_param(&format!("{name}.{i}").into(), item))
                    .collect(),
            ),
        }
    }

    fn param_local(&mut self, name: &str, dtype: DType) -> LocalId {
        let local = self.user_local(name, dtype);
        self.func.params.push(Param::Scalar(local));
        local
    }

    fn param_array(&mut self, name: &str, ty: ArrayTy) -> ArrayId {
        let array = self.array_var(name, ty, Ownership::Borrowed);
        self.func.params.push(Param::Array(array));
        array
    }

    /// Declares the results.
    pub(super) fn declare_rets(&mut self) {
        let mut rets = Vec::new();
        push_rets(&self.instance.ret, &mut rets);
        self.func.rets = rets;
    }

    /// The operands that a value is passed as.
    pub(super) fn operands(&self, value: Value, to: &mut Vec<Operand>) {
        match value {
            Value::None | Value::Str(_) => {}
            Value::Real(expr) => to.push(Operand::Scalar(expr)),
            Value::Complex(re, im) => to.extend([Operand::Scalar(re), Operand::Scalar(im)]),
            Value::Array(array) | Value::Rng(array) => to.push(Operand::Array(array)),
            Value::Tuple(items) => items.into_iter().for_each(|item| self.operands(item, to)),
        }
    }

    /// Temporaries that receive the results of a call. An array goes to `dest` if there is one.
    pub(super) fn targets(&mut self, ty: &Ty, dest: Option<ArrayId>, to: &mut Vec<Target>) -> Value {
        match ty {
            Ty::None => Value::None,
            Ty::Str(text) => Value::Str(text.clone()),
            Ty::Scalar(dtype) if dtype.is_complex() => {
                let re = self.temp("r", dtype.part());
                let im = self.temp("r", dtype.part());
                to.extend([Target::Local(re), Target::Local(im)]);
                let re = self.read(re);
                Value::Complex(re, self.read(im))
            }
            Ty::Scalar(dtype) => {
                let local = self.temp("r", *dtype);
                to.push(Target::Local(local));
                Value::Real(self.read(local))
            }
            Ty::Array(array) => {
                let array = self.new_array(*array, dest);
                to.push(Target::Array(array));
                Value::Array(array)
            }
            Ty::Event => self.targets(&Ty::I64, dest, to),
            Ty::Rng => {
                let array = self.new_array(RNG_TY, dest);
                to.push(Target::Array(array));
                Value::Rng(array)
            }
            Ty::Tuple(items) => Value::Tuple(items.iter().map(|item| self.targets(item, None, to)).collect()),
        }
    }

    /// The variable that a new array goes to: the destination, if there is one, or a temporary that is released after the
    /// statement.
    pub(super) fn new_array(&mut self, ty: ArrayTy, dest: Option<ArrayId>) -> ArrayId {
        if let Some(dest) = dest {
            return dest;
        }
        let array = self.array_var("t", ty, Ownership::Owned);
        self.temps.push(array);
        array
    }

    /// Fails unless the condition holds, with numbers in the message.
    pub(super) fn check_with(
        &mut self,
        cond: ExprId,
        code: Code,
        exception: &str,
        pieces: Vec<Piece>,
        args: Vec<ExprId>,
    ) {
        let trap = self.trap(code, exception, pieces);
        self.emit(Stmt::Check { check: Check::Cond(cond), trap, args });
    }

    /// Runs with another place for new expressions.
    pub(super) fn at<T>(&mut self, span: Span, build: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.span, span);
        let result = build(self);
        self.span = outer;
        result
    }
}

fn push_rets(ty: &Ty, rets: &mut Vec<Ret>) {
    match ty {
        Ty::None | Ty::Str(_) => {}
        Ty::Scalar(dtype) => rets.extend(std::iter::repeat_n(Ret::Scalar(dtype.part()), dtype.lanes())),
        Ty::Array(array) => rets.push(Ret::Array(*array)),
        Ty::Rng => rets.push(Ret::Array(RNG_TY)),
        Ty::Event => rets.push(Ret::Scalar(DType::I64)),
        Ty::Tuple(items) => items.iter().for_each(|item| push_rets(item, rets)),
    }
}

fn ty_has_array(ty: &Ty) -> bool {
    match ty {
        Ty::Array(_) | Ty::Rng => true,
        Ty::Tuple(items) => items.iter().any(ty_has_array),
        Ty::None | Ty::Scalar(_) | Ty::Str(_) | Ty::Event => false,
    }
}
