//! Invariants of statements.

use super::Checker;
use crate::ir::expr::{Const, ExprId, ExprKind};
use crate::ir::func::Func;
use crate::ir::func::{ArrayId, LocalId, LoopId, Ownership, Param, Ret};
use crate::ir::parallel::{Combine, ParallelCall, ReduceOp};
use crate::ir::runtime_fn::{RuntimeFn, ServiceTy};
use crate::ir::stmt::{
    ArrayValue, Block, Check, LAUNCH_WORDS, Loop, LoopKind, Operand, Stmt, Target, ViewAxis,
};
use crate::ir::walk;
use crate::types::device::{AtomicOp, DeviceFn};
use crate::types::{ArrayTy, DType, Layout};

/// What encloses a statement.
#[derive(Clone, Copy)]
struct Around {
    /// Is it directly in a loop, so that `continue` has a target?
    in_loop: bool,
    /// Is that loop parallel, so that `break` has none?
    loop_is_parallel: bool,
    /// Is any enclosing loop parallel, so that `return` may not be?
    in_parallel: bool,
}

impl Checker<'_> {
    /// Checks the statements.
    pub(super) fn body(&mut self) {
        let func = self.func;
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt {
                self.all_loop_vars.insert(l.var);
            }
        });
        self.block(&func.body, Around { in_loop: false, loop_is_parallel: false, in_parallel: false });
        if !func.rets.is_empty() && self.reaches_end(&func.body) {
            self.fail("F4", "control reaches the end without results");
        }
    }

    fn block(&mut self, block: &Block, around: Around) {
        for stmt in block {
            self.stmt(stmt, around);
        }
    }

    fn stmt(&mut self, stmt: &Stmt, around: Around) {
        match stmt {
            Stmt::Set { local, value } => {
                let dtype = self.assigned(*local);
                let found = self.expr(*value);
                if let (Some(dtype), Some(found)) = (dtype, found) {
                    self.require("E2", dtype == found, || format!("{local} is {dtype}, its value {found}"));
                }
            }
            Stmt::Store { array, place, lane, value } => {
                let part = self.place(*array, place, *lane);
                self.stored(*array);
                match part {
                    Some(part) => self.typed(*value, part, "store"),
                    None => _ = self.expr(*value),
                }
            }
            Stmt::Accumulate { array, place, lane, op, value } => {
                let part = self.place(*array, place, *lane);
                self.stored(*array);
                self.accumulates(*array, *op);
                match part {
                    Some(part) => self.typed(*value, part.widened(), "accumulation"),
                    None => _ = self.expr(*value),
                }
            }
            Stmt::SetArray { array, value } => self.set_array(*array, value),
            Stmt::Release { array } => {
                self.array(*array);
                self.require("F3", !self.is_array_param(*array), || format!("parameter {array} is released"));
            }
            Stmt::If { cond, then, orelse } => {
                self.cond(*cond);
                self.block(then, around);
                self.block(orelse, around);
            }
            Stmt::While { id, head, cond, body } => {
                self.loop_id(*id);
                let inside = Around { in_loop: true, loop_is_parallel: false, ..around };
                self.block(head, inside);
                self.cond(*cond);
                self.block(body, inside);
            }
            Stmt::Loop(l) => self.counted_loop(l, around),
            Stmt::Parallel(call) => self.parallel_call(call),
            Stmt::Call { callee, args, results, span: _ } => {
                let Some(callee) = self.callee(*callee) else { return };
                self.require("C1", !callee.is_kernel, || format!("a call of the kernel `{}`", callee.name));
                let params: Vec<Ret> = param_types(callee).collect();
                let name = &callee.name;
                self.operands("C1", args, &params, &|| format!("arguments of `{name}`"));
                self.targets("C1", results, &callee.rets, &|| format!("results of `{name}`"));
            }
            Stmt::Runtime { function, args, results, trap } => {
                self.service(*function, args, results);
                if let Some(trap) = trap {
                    self.trap_exists(*trap);
                }
            }
            Stmt::Device { function, args, results, span: _ } => self.device(*function, args, results),
            Stmt::Launch { kernel, args, span: _ } => {
                let Some(callee) = self.callee(*kernel) else { return };
                self.require("C3", callee.is_kernel, || {
                    format!("a launch of `{}`, which is no kernel", callee.name)
                });
                let params: Vec<Ret> = std::iter::repeat_n(Ret::Scalar(DType::I64), LAUNCH_WORDS)
                    .chain(param_types(callee))
                    .collect();
                let name = &callee.name;
                self.operands("C3", args, &params, &|| format!("arguments of the kernel `{name}`"));
            }
            Stmt::Check { check, trap, args } => {
                match check {
                    Check::Cond(cond) => self.cond(*cond),
                    Check::Index { index, array, axis } => {
                        self.index(*index);
                        self.axis(*array, *axis);
                    }
                }
                self.trap(*trap, args);
            }
            Stmt::Raise { trap, args } => self.trap(*trap, args),
            Stmt::Print { message, args } => match self.program.messages.get(*message) {
                Some(info) => self.message_args(info, args, &message.to_string()),
                None => self.fail("P1", format!("{message} does not exist")),
            },
            Stmt::Fill { array, lanes } => {
                self.stored(*array);
                if let Some(ty) = self.array_ty(*array) {
                    let count = lanes.len();
                    self.require("E2", count == ty.dtype.lanes(), || {
                        format!("fill of {array} with {count} values")
                    });
                    for &lane in lanes {
                        self.typed(lane, ty.dtype.part(), "fill");
                    }
                }
            }
            Stmt::CopyElements { to, from } => {
                self.stored(*to);
                if let (Some(a), Some(b)) = (self.array_ty(*to), self.array_ty(*from)) {
                    let fits = a.dtype == b.dtype && a.rank == b.rank;
                    self.require("A5", fits, || format!("copy of {b} to {a}"));
                }
            }
            Stmt::Break => {
                self.require("L3", around.in_loop, || "`break` outside a loop".to_string());
                self.require("L3", !around.loop_is_parallel, || "`break` leaves a parallel loop".to_string());
            }
            Stmt::Continue => self.require("L3", around.in_loop, || "`continue` outside a loop".to_string()),
            Stmt::Return { values } => {
                self.require("L3", !around.in_parallel, || "`return` leaves a parallel loop".to_string());
                let rets = &self.func.rets;
                self.operands("F4", values, rets, &|| "results".to_string());
            }
        }
    }

    fn counted_loop(&mut self, l: &Loop, around: Around) {
        self.loop_id(l.id);
        self.index(l.lo);
        self.index(l.hi);
        let var = l.var;
        if let Some(dtype) = self.local(var) {
            self.require("L1", dtype == DType::I64, || format!("loop variable {var} is {dtype}"));
        }
        self.require("L1", !self.is_param(var), || format!("loop variable {var} is a parameter"));
        self.require("L1", !self.loop_vars.contains(&var), || {
            format!("{var} is the variable of two nested loops")
        });
        self.require("L2", l.step != 0, || format!("{} has step 0", l.id));
        let is_parallel = match l.kind {
            LoopKind::Parallel | LoopKind::Grid => true,
            LoopKind::Serial | LoopKind::Vector => false,
        };
        let declares_nothing =
            l.reductions.is_empty() && l.array_reductions.is_empty() && l.last_values.is_empty();
        let exits = walk::exits(&l.body);
        // Such a loop may have come from a function that allows it into one that does not.
        let regroups = !l.reductions.is_empty()
            && l.array_reductions.is_empty()
            && l.last_values.is_empty()
            && l.reductions.iter().all(|reduction| {
                let is_float = self.local(reduction.local).is_some_and(DType::is_float);
                let is_sum = matches!(reduction.op, ReduceOp::Add | ReduceOp::Mul);
                is_float && is_sum && reduction.companions.is_empty()
            })
            && !exits.breaks
            && !exits.returns;
        self.require("L5", is_parallel || declares_nothing || regroups, || {
            format!("{} is not parallel but reduces", l.id)
        });
        for reduction in &l.reductions {
            if let Some(dtype) = self.local(reduction.local) {
                self.reduces(dtype, reduction.op);
            }
            let may_have =
                matches!(reduction.op, ReduceOp::Min | ReduceOp::Max) || reduction.companions.is_empty();
            self.require("L5", may_have, || format!("{} has companions", reduction.local));
            for &companion in &reduction.companions {
                self.local(companion);
            }
        }
        for reduction in &l.array_reductions {
            self.stored(reduction.array);
            self.accumulates(reduction.array, reduction.op);
        }
        for &local in &l.last_values {
            self.local(local);
        }
        self.loop_vars.push(var);
        let inside = Around {
            in_loop: true,
            loop_is_parallel: is_parallel,
            in_parallel: around.in_parallel || is_parallel,
        };
        self.block(&l.body, inside);
        self.loop_vars.pop();
    }

    fn parallel_call(&mut self, call: &ParallelCall) {
        self.loop_id(call.id);
        self.index(call.trip);
        self.typed(call.cost_ns, DType::F64, "cost");
        let Some(body) = self.callee(call.body) else { return };
        let mut outputs = Vec::new();
        for (position, &(local, combine)) in call.outputs.iter().enumerate() {
            let Some(dtype) = self.assigned(local) else { return };
            outputs.push(Ret::Scalar(dtype));
            match combine {
                Combine::Reduce(op) => self.reduces(dtype, op),
                Combine::Last => {}
                Combine::With(leader) => {
                    let is_leader = matches!(
                        call.outputs.get(leader as usize),
                        Some((_, Combine::Reduce(ReduceOp::Min | ReduceOp::Max)))
                    );
                    let is_before = (leader as usize) < position;
                    self.require("C3", is_leader && is_before, || {
                        format!("output {position} follows {leader}")
                    });
                }
            }
        }
        self.require("F6", !body.is_cold, || format!("the body `{}` is cold", body.name));
        self.require("C3", body.rets == outputs, || {
            format!("`{}` returns other than the outputs", body.name)
        });
        let params: Vec<Ret> = body
            .params
            .iter()
            .filter_map(|param| match *param {
                Param::Scalar(local) => body.locals.get(local).map(|info| Ret::Scalar(info.dtype)),
                Param::Array(array) => body.arrays.get(array).map(|info| Ret::Array(info.ty)),
            })
            .collect();
        let captures = call.captures.len().min(params.len());
        let name = &body.name;
        self.operands("C3", &call.captures, &params[..captures], &|| format!("captures of `{name}`"));
        outputs.extend([Ret::Scalar(DType::I64), Ret::Scalar(DType::I64)]);
        let fits = params[captures..] == outputs;
        self.require("C3", fits, || format!("`{name}` does not take captures, outputs, first, end"));
        for slot in call.disjoint.iter().flat_map(|&(a, b)| [a, b]) {
            let is_array = matches!(call.captures.get(slot), Some(Operand::Array(_)));
            self.require("C3", is_array, || format!("capture {slot} is not an array"));
        }
        for &(slot, op) in &call.array_reductions {
            match call.captures.get(slot) {
                Some(&Operand::Array(array)) => {
                    self.stored(array);
                    self.accumulates(array, op);
                }
                Some(Operand::Scalar(_)) | None => self.fail("C3", format!("capture {slot} is not an array")),
            }
        }
    }

    fn set_array(&mut self, array: ArrayId, value: &ArrayValue) {
        self.require("F3", !self.is_array_param(array), || format!("parameter {array} is bound"));
        let Some(info) = self.array(array) else { return };
        let to = info.ty;
        let what = || format!("binding of {array}");
        match value {
            ArrayValue::Same(base) => {
                if let Some(from) = self.array_ty(*base) {
                    self.binds("A5", from, to, &what);
                }
            }
            ArrayValue::View { base, axes } => {
                for axis in axes {
                    match axis {
                        ViewAxis::Index(index) => self.index(*index),
                        ViewAxis::Slice { start, len, step } => {
                            for &id in [start, len, step] {
                                self.index(id);
                            }
                        }
                        ViewAxis::Whole | ViewAxis::New => {}
                    }
                }
                let Some(from) = self.array_ty(*base) else { return };
                let consumed = axes.iter().filter(|axis| !matches!(axis, ViewAxis::New)).count();
                let rank = axes.iter().filter(|axis| !matches!(axis, ViewAxis::Index(_))).count();
                let fits = consumed == usize::from(from.rank) && rank == usize::from(to.rank);
                self.require("A5", fits, || format!("view of {base}: {from} with {consumed} axes as {to}"));
                let layout = self.view_layout(from.layout, axes, rank);
                self.binds("A5", ArrayTy { rank: to.rank, layout, ..from }, to, &what);
            }
            ArrayValue::Transpose { base, order } => {
                let Some(from) = self.array_ty(*base) else { return };
                let mut sorted = order.clone();
                sorted.sort_unstable();
                let is_permutation = sorted.iter().copied().eq(0..from.rank);
                self.require("A5", is_permutation, || format!("transpose of {base} by {order:?}"));
                let layout = if order.is_sorted() {
                    from.layout
                } else if order.iter().rev().is_sorted() {
                    match from.layout {
                        Layout::C => Layout::F,
                        Layout::F => Layout::C,
                        Layout::Strided => Layout::Strided,
                    }
                } else {
                    Layout::Strided
                };
                self.binds("A5", ArrayTy { layout, ..from }, to, &what);
            }
            ArrayValue::Part { base, lane } => {
                let Some(from) = self.array_ty(*base) else { return };
                let has_lane = from.dtype.is_complex() && *lane < 2;
                self.require("A5", has_lane, || format!("part {lane} of {base}: {from}"));
                let layout = if from.rank == 0 { Layout::C } else { Layout::Strided };
                self.binds("A5", ArrayTy { dtype: from.dtype.part(), layout, ..from }, to, &what);
            }
            ArrayValue::Reshape { base, shape } => {
                let Some(from) = self.array_ty(*base) else { return };
                let fits = shape.len() == usize::from(to.rank) && to.layout == Layout::C;
                self.require("A5", fits, || format!("{base} with {} extents as {to}", shape.len()));
                for &extent in shape {
                    self.index(extent);
                }
                self.binds("A5", ArrayTy { rank: to.rank, layout: Layout::C, ..from }, to, &what);
            }
            ArrayValue::Alloc { shape, is_zeroed: _, trap } => {
                let fits = shape.len() == usize::from(to.rank) && to.layout == Layout::C;
                self.require("A5", fits, || format!("allocation of {} extents as {to}", shape.len()));
                let is_owned = info.ownership == Ownership::Owned;
                self.require("A4", is_owned, || format!("{array} is borrowed and gets an allocation"));
                for &extent in shape {
                    self.index(extent);
                }
                self.trap_exists(*trap);
            }
        }
    }

    /// The tightest layout that is known of a view.
    fn view_layout(&self, base: Layout, axes: &[ViewAxis], rank: usize) -> Layout {
        if rank == 0 {
            return Layout::C;
        }
        let is_unit = |step: ExprId| match self.func.exprs.get(step) {
            Some(expr) => expr.kind == ExprKind::Const(Const::int(1)),
            None => false,
        };
        // Fixed axes, at most one slice, whole axes: one run of memory.
        let is_run = |axes: &mut dyn Iterator<Item = &ViewAxis>| {
            let mut only_whole = false;
            axes.filter(|axis| !matches!(axis, ViewAxis::New)).all(|axis| match axis {
                ViewAxis::Index(_) => !only_whole,
                ViewAxis::Slice { step, .. } => !std::mem::replace(&mut only_whole, true) && is_unit(*step),
                ViewAxis::Whole => {
                    only_whole = true;
                    true
                }
                ViewAxis::New => true,
            })
        };
        match base {
            Layout::C if is_run(&mut axes.iter()) => Layout::C,
            Layout::F if is_run(&mut axes.iter().rev()) => {
                if rank == 1 {
                    Layout::C
                } else {
                    Layout::F
                }
            }
            Layout::C | Layout::F | Layout::Strided => Layout::Strided,
        }
    }

    fn device(&mut self, function: DeviceFn, args: &[Operand], results: &[Target]) {
        let name = function.name();
        let scalar = |operand: &Operand| match operand {
            Operand::Scalar(value) => Some(*value),
            Operand::Array(_) => None,
        };
        // An atomic operation names an element first.
        let (values, element) = match (function, args) {
            (DeviceFn::Atomic(_), [Operand::Array(array), rest @ ..]) => {
                self.stored(*array);
                let ty = self.array_ty(*array);
                let rank = ty.map_or(0, |ty| usize::from(ty.rank));
                let (indices, values) = rest.split_at(rank.min(rest.len()));
                for index in indices {
                    match scalar(index) {
                        Some(index) => self.index(index),
                        None => self.fail("C3", format!("{name}: an array as an index")),
                    }
                }
                (values, ty.map(|ty| ty.dtype.widened()))
            }
            (DeviceFn::Atomic(_), _) => {
                self.fail("C3", format!("{name} without an array"));
                return;
            }
            (_, args) => (args, None),
        };
        let count = match function {
            DeviceFn::Atomic(AtomicOp::Cas) => 2,
            DeviceFn::Atomic(_) => 1,
            DeviceFn::ConstArray => values.len(),
            DeviceFn::SharedArray | DeviceFn::LocalArray => {
                results.first().map_or(0, |result| match result {
                    Target::Array(array) => self.array_ty(*array).map_or(0, |ty| usize::from(ty.rank)),
                    Target::Local(_) => 0,
                })
            }
            other => other.params().len(),
        };
        self.require("C3", values.len() == count, || format!("{name} with {} values", values.len()));
        for value in values {
            match (scalar(value), element) {
                (Some(value), Some(dtype)) => self.typed(value, dtype, name),
                (Some(value), None) => _ = self.expr(value),
                (None, _) => self.fail("C3", format!("{name}: an array as a value")),
            }
        }
        for result in results {
            match *result {
                Target::Local(local) => _ = self.assigned(local),
                Target::Array(array) => {
                    let makes = function.makes_array();
                    self.require("C3", makes, || format!("{name} gives no array"));
                    self.array(array);
                }
            }
        }
    }

    fn service(&mut self, function: RuntimeFn, args: &[Operand], results: &[Target]) {
        let name = function.name();
        let params = function.params();
        self.require("C2", args.len() == params.len(), || format!("{name} with {} arguments", args.len()));
        for (&arg, &param) in args.iter().zip(params) {
            match (arg, param) {
                (Operand::Scalar(id), ServiceTy::Scalar(dtype)) => self.typed(id, dtype, name),
                (Operand::Array(array), ServiceTy::Generator) => {
                    if let Some(ty) = self.array_ty(array) {
                        let fits = is_generator(ty);
                        self.require("C2", fits, || format!("{name}: {array} is {ty}, not a generator"));
                    }
                }
                (Operand::Array(array), ServiceTy::Array) => _ = self.array(array),
                (Operand::Scalar(id), ServiceTy::Generator | ServiceTy::Array) => {
                    self.expr(id);
                    self.fail("C2", format!("{name}: {id} is not an array"));
                }
                (Operand::Array(array), ServiceTy::Scalar(_)) => {
                    self.fail("C2", format!("{name}: {array} is not a number"));
                }
            }
        }
        let rets = function.results();
        self.require("C2", results.len() == rets.len(), || format!("{name} with {} results", results.len()));
        for (&result, &ret) in results.iter().zip(rets) {
            match (result, ret) {
                (Target::Local(local), ServiceTy::Scalar(dtype)) => {
                    let found = self.assigned(local);
                    self.require("C2", found == Some(dtype), || format!("{name}: {local} is not {dtype}"));
                }
                (Target::Array(array), ServiceTy::Generator | ServiceTy::Array) => self.receives(array),
                (Target::Local(_), ServiceTy::Generator | ServiceTy::Array)
                | (Target::Array(_), ServiceTy::Scalar(_)) => {
                    self.fail("C2", format!("{name}: wrong result"));
                }
            }
        }
    }

    fn operands(&mut self, rule: &'static str, args: &[Operand], params: &[Ret], what: &dyn Fn() -> String) {
        let fits = args.len() == params.len();
        self.require(rule, fits, || format!("{}: {} instead of {}", what(), args.len(), params.len()));
        for (position, &arg) in args.iter().enumerate() {
            match (arg, params.get(position)) {
                (Operand::Scalar(id), Some(Ret::Scalar(dtype))) => {
                    if let Some(found) = self.expr(id) {
                        self.require(rule, found == *dtype, || {
                            format!("{}: {id} is {found}, not {dtype}", what())
                        });
                    }
                }
                (Operand::Array(array), Some(Ret::Array(to))) => {
                    if let Some(from) = self.array_ty(array) {
                        self.binds(rule, from, *to, what);
                    }
                }
                (Operand::Scalar(id), other) => {
                    self.expr(id);
                    self.require(rule, other.is_none(), || format!("{}: {id} is not an array", what()));
                }
                (Operand::Array(array), other) => {
                    self.array(array);
                    self.require(rule, other.is_none(), || format!("{}: {array} is not a number", what()));
                }
            }
        }
    }

    fn targets(&mut self, rule: &'static str, results: &[Target], rets: &[Ret], what: &dyn Fn() -> String) {
        let fits = results.len() == rets.len();
        self.require(rule, fits, || format!("{}: {} instead of {}", what(), results.len(), rets.len()));
        for (&result, ret) in results.iter().zip(rets) {
            match (result, ret) {
                (Target::Local(local), Ret::Scalar(dtype)) => {
                    let found = self.assigned(local);
                    self.require(rule, found == Some(*dtype), || {
                        format!("{}: {local} is not {dtype}", what())
                    });
                }
                (Target::Array(array), Ret::Array(from)) => {
                    self.receives(array);
                    if let Some(to) = self.array_ty(array) {
                        self.binds(rule, *from, to, what);
                    }
                }
                (Target::Local(_), Ret::Array(_)) | (Target::Array(_), Ret::Scalar(_)) => {
                    self.fail(rule, format!("{}: a number for an array", what()));
                }
            }
        }
    }

    /// An array variable that takes over a reference.
    fn receives(&mut self, array: ArrayId) {
        self.require("F3", !self.is_array_param(array), || format!("parameter {array} is bound"));
        if let Some(info) = self.array(array) {
            let is_owned = info.ownership == Ownership::Owned;
            self.require("A4", is_owned, || format!("{array} is borrowed and receives a reference"));
        }
    }

    /// A scalar that something other than a loop's head sets.
    fn assigned(&mut self, local: LocalId) -> Option<DType> {
        let is_free = !self.all_loop_vars.contains(local);
        self.require("L1", is_free, || format!("loop variable {local} is set"));
        self.local(local)
    }

    fn stored(&mut self, array: ArrayId) {
        if let Some(ty) = self.array_ty(array) {
            self.require("A3", ty.is_writable, || format!("{array} is read-only and stored to"));
        }
    }

    fn accumulates(&mut self, array: ArrayId, op: ReduceOp) {
        if let Some(ty) = self.array_ty(array) {
            if ty.dtype.is_complex() {
                self.require("L5", op == ReduceOp::Add, || format!("{array} is complex: {}", op.symbol()));
            } else {
                self.reduces(ty.dtype, op);
            }
        }
    }

    fn reduces(&mut self, dtype: DType, op: ReduceOp) {
        let fits = match op {
            ReduceOp::Add | ReduceOp::Mul | ReduceOp::Min | ReduceOp::Max => true,
            ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => !dtype.is_float(),
        };
        self.require("L5", fits, || format!("{} of {dtype}", op.symbol()));
    }

    fn loop_id(&mut self, id: LoopId) {
        self.require("P1", self.func.loops.is_valid(id), || format!("{id} does not exist"));
        let is_new = self.loops_seen.insert(id);
        self.require("L4", is_new, || format!("{id} belongs to two loops"));
    }

    /// May control go past the last statement?
    fn reaches_end(&self, block: &Block) -> bool {
        block.iter().all(|stmt| match stmt {
            Stmt::Return { .. } | Stmt::Raise { .. } | Stmt::Break | Stmt::Continue => false,
            Stmt::If { then, orelse, .. } => self.reaches_end(then) || self.reaches_end(orelse),
            Stmt::While { head, cond, body, .. } => {
                let is_endless =
                    self.func.exprs.get(*cond).is_some_and(|e| e.kind == ExprKind::Const(Const(1)));
                !is_endless || walk::exits(head).breaks || walk::exits(body).breaks
            }
            _ => true,
        })
    }
}

fn param_types(func: &Func) -> impl Iterator<Item = Ret> {
    func.params.iter().filter_map(|param| match *param {
        Param::Scalar(local) => func.locals.get(local).map(|info| Ret::Scalar(info.dtype)),
        Param::Array(array) => func.arrays.get(array).map(|info| Ret::Array(info.ty)),
    })
}

fn is_generator(ty: ArrayTy) -> bool {
    ty.dtype == DType::U64 && ty.rank == 1 && ty.layout == Layout::C && ty.is_writable
}
