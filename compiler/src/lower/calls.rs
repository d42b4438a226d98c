//! Calls of the user's functions, and casts.

use super::context::{Context, Res};
use super::value::Value;
use crate::base::{Code, EntityRef};
use crate::infer::InstanceId;
use crate::infer::table::{ArgSource, CallPlan};
use crate::ir::{ArrayId, FuncId, Operand, Stmt};
use crate::syntax::ast::ExprId as AstId;
use crate::types::{DType, Ty};

impl Context<'_, '_> {
    /// The values of a plan's arguments, one per parameter. Expressions are evaluated in the order of the source, which is that
    /// of their places.
    pub(super) fn plan_values(&mut self, plan: &CallPlan) -> Res<Vec<Option<Value>>> {
        let mut order: Vec<(usize, AstId)> = plan
            .args
            .iter()
            .enumerate()
            .filter_map(|(i, arg)| match arg {
                ArgSource::Expr(expr) => Some((i, *expr)),
                ArgSource::Const(_) | ArgSource::Absent => None,
            })
            .collect();
        order.sort_by_key(|&(_, expr)| self.node(expr).span.start);
        let exprs: Vec<AstId> = order.iter().map(|&(_, expr)| expr).collect();
        let evaluated = self.values(&exprs)?;
        let mut values: Vec<Option<Value>> = Vec::with_capacity(plan.args.len());
        for arg in &plan.args {
            values.push(match arg {
                ArgSource::Const(value) => Some(self.constant(value)?),
                ArgSource::Expr(_) | ArgSource::Absent => None,
            });
        }
        for ((i, _), value) in order.into_iter().zip(evaluated) {
            values[i] = Some(value);
        }
        Ok(values)
    }

    /// A call of a user's function.
    pub(super) fn user_call(
        &mut self,
        callee: InstanceId,
        plan: &CallPlan,
        ty: &Ty,
        dest: Option<ArrayId>,
    ) -> Res<Value> {
        let Some(instance) = self.shared.inferred.instances.get(callee) else {
            return Err(self.bug("a call of a function that is not there"));
        };
        let values = self.plan_values(plan)?;
        let mut args: Vec<Operand> = Vec::new();
        for ((name, param_ty), value) in instance.params.iter().zip(values) {
            if instance.const_params.contains_key(name) {
                continue;
            }
            match value {
                Some(value) => {
                    let value = self.convert_arg(value, param_ty)?;
                    self.operands(value, &mut args);
                }
                None if super::value::flat_len(param_ty) == 0 => {}
                None => return Err(self.bug(format!("no value for parameter `{name}`"))),
            }
        }
        let mut results = Vec::new();
        let ret = self.targets(&instance.ret, dest, &mut results);
        let span = self.span;
        self.emit_effect(Stmt::Call { callee: FuncId::new(callee.index()), args, results, span });
        self.convert(ret, ty)
    }

    /// As [`Context::convert`], but arrays go as they are: a callee reads their shape and strides from the caller's variable.
    pub(super) fn convert_arg(&mut self, value: Value, ty: &Ty) -> Res<Value> {
        match (value, ty) {
            (Value::Array(array), Ty::Array(ty)) => {
                let from = self.array_ty(array);
                if from.dtype == ty.dtype && from.rank == ty.rank {
                    Ok(Value::Array(array))
                } else {
                    Err(self.bug(format!("an array {from} as argument for {ty}")))
                }
            }
            (Value::Tuple(items), Ty::Tuple(types)) if items.len() == types.len() => {
                let items: Res<Vec<Value>> = items
                    .into_iter()
                    .zip(types.iter())
                    .map(|(item, ty)| self.convert_arg(item, ty))
                    .collect();
                items.map(Value::Tuple)
            }
            (value, ty) => self.convert(value, ty),
        }
    }

    /// `f32(x)`, `int(x)`, `bool(x)`.
    pub(super) fn cast_call(&mut self, dtype: DType, plan: &CallPlan) -> Res<Value> {
        let value = self.plan_values(plan)?.into_iter().next().flatten();
        let Some(value) = value else {
            // `float()` is 0.0.
            let zero = Value::Real(self.number(0.0, dtype.part()));
            return self.with_dtype(zero, dtype);
        };
        if dtype == DType::Bool {
            return self.truth(value).map(Value::Real);
        }
        let value = match value {
            Value::Array(array) => self.only_element(array),
            other => other,
        };
        self.with_dtype(value, dtype)
    }

    /// The recursion trap, if the function may call itself.
    pub(super) fn declare_recursion(&mut self) {
        if self.instance.is_recursive {
            let text = "maximum recursion depth exceeded";
            self.func.recursion = Some(self.trap_text(Code::K705, "RecursionError", text));
        }
    }
}
