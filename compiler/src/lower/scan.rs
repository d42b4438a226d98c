//! Questions about the syntax tree that need more than the current statement.

use rustc_hash::{FxHashMap, FxHashSet};

use super::context::{Context, Shared};
use crate::base::Symbol;
use crate::infer::table::{ArgSource, ConstValue};
use crate::infer::{Instance, InstanceId, Resolution};
use crate::syntax::ast::{
    Ast, BinaryOp, Block, ExprId, ExprKind, FStringPiece, Function, Literal, Stmt, StmtKind,
};
use crate::types::Ty;
use crate::types::builtins::Builtin;

/// Where the names of one function are bound.
#[derive(Default)]
pub(super) struct Scan {
    bindings: FxHashMap<Symbol, Vec<Binding>>,
    deleted: FxHashSet<Symbol>,
}

#[derive(Clone, Copy)]
struct Binding {
    /// What the name is bound to; for the target of a `for`, what is iterated.
    value: Option<ExprId>,
    /// Is it the target of a `for`?
    is_for: bool,
    /// Is it outside of loops and branches?
    is_top_level: bool,
}

impl Scan {
    /// Reads a function.
    pub(super) fn of(ast: &Ast, function: &Function) -> Scan {
        let mut scan = Scan::default();
        scan.block(ast, &function.body, true);
        scan
    }

    fn block(&mut self, ast: &Ast, block: &Block, is_top_level: bool) {
        for stmt in block {
            match &stmt.kind {
                StmtKind::Assign { targets, value } => {
                    for &target in targets {
                        self.target(ast, target, Some(*value), false, is_top_level);
                    }
                }
                StmtKind::AnnAssign { target, value, .. } => {
                    if value.is_some() {
                        self.target(ast, *target, *value, false, is_top_level);
                    }
                }
                StmtKind::AugAssign { target, .. } => self.target(ast, *target, None, false, false),
                StmtKind::If { body, orelse, .. } => {
                    self.block(ast, body, false);
                    self.block(ast, orelse, false);
                }
                StmtKind::While { body, orelse, .. } => {
                    self.block(ast, body, false);
                    self.block(ast, orelse, false);
                }
                StmtKind::For { target, iter, body, orelse } => {
                    self.target(ast, *target, Some(*iter), true, false);
                    self.block(ast, body, false);
                    self.block(ast, orelse, false);
                }
                StmtKind::Del(names) => {
                    for &name in names {
                        if let ExprKind::Name(name) = &ast.exprs[name].kind {
                            self.deleted.insert(name.clone());
                        }
                    }
                }
                StmtKind::Expr(_)
                | StmtKind::Return(_)
                | StmtKind::Break
                | StmtKind::Continue
                | StmtKind::Pass
                | StmtKind::Raise(_)
                | StmtKind::Assert { .. } => {}
            }
        }
    }

    fn target(&mut self, ast: &Ast, target: ExprId, value: Option<ExprId>, is_for: bool, is_top_level: bool) {
        match &ast.exprs[target].kind {
            ExprKind::Name(name) => {
                self.bindings.entry(name.clone()).or_default().push(Binding { value, is_for, is_top_level });
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for (i, &item) in items.iter().enumerate() {
                    // The counter of `for i, x in enumerate(...)` stays recognisable.
                    let value = if is_for && i == 0 { value } else { None };
                    self.target(ast, item, value, is_for, is_top_level && !is_for);
                }
            }
            _ => {}
        }
    }

    /// Is the name bound anywhere in the function's body?
    pub(super) fn is_assigned(&self, name: &str) -> bool {
        self.bindings.contains_key(name)
    }

    /// Can the name only hold numbers from 0 up, because it is nothing but the variable of loops that count up?
    pub(super) fn is_counter(&self, ast: &Ast, instance: &Instance, name: &str) -> bool {
        let Some(bindings) = self.bindings.get(name) else { return false };
        let is_param = instance.params.iter().any(|(param, _)| param == name);
        !is_param && bindings.iter().all(|binding| binding.is_for && counts_up(ast, instance, binding.value))
    }

    /// Does the memory of the array that the name holds live until the function ends, whatever happens?
    fn stable<'n>(
        &'n self,
        ast: &'n Ast,
        instance: &Instance,
        name: &'n str,
        open: &mut Vec<&'n str>,
    ) -> bool {
        let is_param = instance.params.iter().any(|(param, _)| param == name);
        let Some(bindings) = self.bindings.get(name) else { return is_param };
        if self.deleted.contains(name) || open.contains(&name) {
            return false;
        }
        if !is_param && bindings.len() == 1 && bindings[0].is_top_level {
            return true;
        }
        !is_param && self.only_views(ast, instance, name, open)
    }

    /// Is the name only ever bound to views of arrays that are stable? Then it needs no reference of its own.
    pub(super) fn is_borrowable(&self, ast: &Ast, instance: &Instance, name: &str) -> bool {
        self.only_views(ast, instance, name, &mut Vec::new())
    }

    fn only_views<'n>(
        &'n self,
        ast: &'n Ast,
        instance: &Instance,
        name: &'n str,
        open: &mut Vec<&'n str>,
    ) -> bool {
        let Some(bindings) = self.bindings.get(name) else { return false };
        open.push(name);
        let all = bindings.iter().all(|binding| match binding.value {
            Some(value) => self.views_stable(ast, instance, value, open),
            None => false,
        });
        open.pop();
        all
    }

    /// Is the expression a view of (or simply) a stable array?
    fn views_stable<'n>(
        &'n self,
        ast: &'n Ast,
        instance: &Instance,
        expr: ExprId,
        open: &mut Vec<&'n str>,
    ) -> bool {
        let Some(info) = instance.exprs.get(&expr) else { return false };
        if !matches!(info.ty, Ty::Array(_)) {
            return false;
        }
        match (&ast.exprs[expr].kind, &info.resolution) {
            (ExprKind::Name(name), _) => self.stable(ast, instance, name, open),
            (ExprKind::Index { base, .. }, _) => self.views_stable(ast, instance, *base, open),
            (
                _,
                Resolution::Builtin(Builtin::Transpose | Builtin::Real | Builtin::Imag | Builtin::Same, plan),
            ) => match plan.args.first() {
                Some(ArgSource::Expr(base)) => self.views_stable(ast, instance, *base, open),
                _ => false,
            },
            _ => false,
        }
    }
}

fn counts_up(ast: &Ast, instance: &Instance, iter: Option<ExprId>) -> bool {
    let Some(info) = iter.and_then(|iter| instance.exprs.get(&iter)) else { return false };
    let at_least = |arg: Option<&ArgSource>, least: i64| match arg {
        None | Some(ArgSource::Absent) => true,
        Some(ArgSource::Const(ConstValue::Int(value, _))) => *value >= least,
        Some(ArgSource::Const(_)) => false,
        Some(ArgSource::Expr(expr)) => const_int(ast, instance, *expr).is_some_and(|value| value >= least),
    };
    match &info.resolution {
        Resolution::Builtin(Builtin::Range | Builtin::Prange, plan) => {
            // `range(stop)` may have its only argument first.
            let is_only_stop = matches!(plan.args.get(1), None | Some(ArgSource::Absent));
            (is_only_stop || at_least(plan.args.first(), 0)) && at_least(plan.args.get(2), 1)
        }
        Resolution::Builtin(Builtin::Enumerate, plan) => at_least(plan.args.get(1), 0),
        _ => false,
    }
}

/// The value of an integer that is known from the tree and the table alone.
pub(super) fn const_int(ast: &Ast, instance: &Instance, expr: ExprId) -> Option<i64> {
    if let Some(info) = instance.exprs.get(&expr)
        && let Resolution::Constant(value) = &info.resolution
    {
        return match value {
            ConstValue::Int(value, _) => Some(*value),
            ConstValue::Bool(value) => Some(i64::from(*value)),
            _ => None,
        };
    }
    match &ast.exprs[expr].kind {
        ExprKind::Literal(Literal::Int(value)) => i64::try_from(*value).ok(),
        ExprKind::Unary { op: crate::syntax::ast::UnaryOp::Neg, operand } => {
            const_int(ast, instance, *operand)?.checked_neg()
        }
        ExprKind::Binary { op, left, right } => {
            let (left, right) = (const_int(ast, instance, *left)?, const_int(ast, instance, *right)?);
            match op {
                BinaryOp::Add => left.checked_add(right),
                BinaryOp::Sub => left.checked_sub(right),
                BinaryOp::Mul => left.checked_mul(right),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Calls `visit` on an expression and everything in it.
pub(super) fn for_each_expr(ast: &Ast, expr: ExprId, visit: &mut dyn FnMut(ExprId)) {
    visit(expr);
    match &ast.exprs[expr].kind {
        ExprKind::Name(_) | ExprKind::Literal(_) | ExprKind::Error => {}
        ExprKind::FString(pieces) => {
            for piece in pieces {
                if let FStringPiece::Value { value, .. } = piece {
                    for_each_expr(ast, *value, visit);
                }
            }
        }
        ExprKind::Binary { left, right, .. } => {
            for_each_expr(ast, *left, visit);
            for_each_expr(ast, *right, visit);
        }
        ExprKind::Unary { operand, .. } => for_each_expr(ast, *operand, visit),
        ExprKind::Bool { values, .. } => values.iter().for_each(|&value| for_each_expr(ast, value, visit)),
        ExprKind::Compare { first, rest } => {
            for_each_expr(ast, *first, visit);
            rest.iter().for_each(|&(_, value)| for_each_expr(ast, value, visit));
        }
        ExprKind::IfElse { cond, body, orelse } => {
            for_each_expr(ast, *cond, visit);
            for_each_expr(ast, *body, visit);
            for_each_expr(ast, *orelse, visit);
        }
        ExprKind::Call { callee, args, keywords } => {
            for_each_expr(ast, *callee, visit);
            args.iter().for_each(|&arg| for_each_expr(ast, arg, visit));
            keywords.iter().for_each(|&(_, arg)| for_each_expr(ast, arg, visit));
        }
        ExprKind::Attribute { base, .. } => for_each_expr(ast, *base, visit),
        ExprKind::Index { base, indices } => {
            for_each_expr(ast, *base, visit);
            indices.iter().for_each(|&index| for_each_expr(ast, index, visit));
        }
        ExprKind::Slice { start, stop, step } => {
            [start, stop, step].into_iter().flatten().for_each(|&part| for_each_expr(ast, part, visit));
        }
        ExprKind::Tuple(items) | ExprKind::List(items) => {
            items.iter().for_each(|&item| for_each_expr(ast, item, visit));
        }
    }
}

/// Does the expression read the variable?
pub(super) fn mentions(ast: &Ast, expr: ExprId, name: &str) -> bool {
    let mut found = false;
    for_each_expr(ast, expr, &mut |id| {
        found |= matches!(&ast.exprs[id].kind, ExprKind::Name(other) if other == name);
    });
    found
}

/// Is the name bound (or deleted) in the block?
pub(super) fn assigns(ast: &Ast, block: &Block, name: &str) -> bool {
    let mut scan = Scan::default();
    scan.block(ast, block, false);
    scan.is_assigned(name) || scan.deleted.contains(name)
}

/// Does a `break` or `continue` in the block belong to the loop whose body it is?
pub(super) fn has_jump(block: &Block) -> bool {
    block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break | StmtKind::Continue => true,
        StmtKind::If { body, orelse, .. } => has_jump(body) || has_jump(orelse),
        // The `else` of an inner loop belongs to the outer one.
        StmtKind::While { orelse, .. } | StmtKind::For { orelse, .. } => has_jump(orelse),
        _ => false,
    })
}

/// Does a `break` in the block belong to the loop whose body it is?
pub(super) fn has_break(block: &Block) -> bool {
    block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break => true,
        StmtKind::If { body, orelse, .. } => has_break(body) || has_break(orelse),
        StmtKind::While { orelse, .. } | StmtKind::For { orelse, .. } => has_break(orelse),
        _ => false,
    })
}

/// Calls `visit` on every expression of the block's statements.
pub(super) fn for_each_expr_in(ast: &Ast, block: &[Stmt], visit: &mut dyn FnMut(ExprId)) {
    for stmt in block {
        let mut expr = |id: ExprId| for_each_expr(ast, id, visit);
        match &stmt.kind {
            StmtKind::Expr(value) => expr(*value),
            StmtKind::Assign { targets, value } => {
                targets.iter().for_each(|&target| expr(target));
                expr(*value);
            }
            StmtKind::AnnAssign { target, value, .. } => {
                expr(*target);
                value.iter().for_each(|&value| expr(value));
            }
            StmtKind::AugAssign { target, value, .. } => {
                expr(*target);
                expr(*value);
            }
            StmtKind::If { cond, body, orelse } | StmtKind::While { cond, body, orelse } => {
                expr(*cond);
                for_each_expr_in(ast, body, visit);
                for_each_expr_in(ast, orelse, visit);
            }
            StmtKind::For { target, iter, body, orelse } => {
                expr(*target);
                expr(*iter);
                for_each_expr_in(ast, body, visit);
                for_each_expr_in(ast, orelse, visit);
            }
            StmtKind::Return(value) | StmtKind::Raise(value) => value.iter().for_each(|&value| expr(value)),
            StmtKind::Assert { cond, message } => {
                expr(*cond);
                message.iter().for_each(|&message| expr(message));
            }
            StmtKind::Del(names) => names.iter().for_each(|&name| expr(name)),
            StmtKind::Break | StmtKind::Continue | StmtKind::Pass => {}
        }
    }
}

/// Variables that the body of a loop binds in every iteration before it reads them, and that nothing else of the function
/// reads: what they hold at the end of the body is not needed any more.
///
/// `is_wanted` is asked first, because counting takes time.
pub(super) fn body_locals(
    ast: &Ast,
    function: &Block,
    body: &Block,
    is_wanted: impl Fn(&Symbol) -> bool,
) -> Vec<Symbol> {
    let mut found: Vec<Symbol> = Vec::new();
    for (at, stmt) in body.iter().enumerate() {
        let StmtKind::Assign { targets, value } = &stmt.kind else { continue };
        let [target] = targets.as_slice() else { continue };
        // Only calls, views and tuples can give arrays.
        let (ExprKind::Name(name), ExprKind::Call { .. } | ExprKind::Index { .. } | ExprKind::Tuple(_)) =
            (&ast.exprs[*target].kind, &ast.exprs[*value].kind)
        else {
            continue;
        };
        if !is_wanted(name) {
            continue;
        }
        let is_first =
            !found.contains(name) && count(ast, &body[..at], name) == 0 && !mentions(ast, *value, name);
        if is_first && count(ast, body, name) == count(ast, function, name) {
            found.push(name.clone());
        }
    }
    found
}

/// How often the name stands in the block.
fn count(ast: &Ast, block: &[Stmt], name: &str) -> usize {
    let mut count = 0;
    for_each_expr_in(ast, block, &mut |id| {
        count += usize::from(matches!(&ast.exprs[id].kind, ExprKind::Name(other) if other == name));
    });
    count
}

impl Context<'_, '_> {
    /// Does the block draw from `np.random`, itself or in a function that it calls?
    pub(super) fn draws(&mut self, block: &Block) -> bool {
        let (ast, instance) = (self.ast, self.instance);
        draws_in(self.shared, ast, instance, block)
    }
}

fn draws_in(shared: &mut Shared<'_>, ast: &Ast, instance: &Instance, block: &Block) -> bool {
    let mut found = false;
    let mut callees = Vec::new();
    for_each_expr_in(ast, block, &mut |id| match instance.exprs.get(&id).map(|info| &info.resolution) {
        Some(Resolution::Builtin(builtin, _)) => found |= builtin.uses_stream(),
        Some(Resolution::User(callee, _)) => callees.push(*callee),
        _ => {}
    });
    found || callees.into_iter().any(|callee| instance_draws(shared, ast, callee))
}

fn instance_draws(shared: &mut Shared<'_>, ast: &Ast, id: InstanceId) -> bool {
    if let Some(&known) = shared.draws.get(&id) {
        return known;
    }
    // While it is open, a recursive call adds nothing.
    shared.draws.insert(id, false);
    let instance = &shared.inferred.instances[id];
    let draws = match ast.functions.get(instance.function) {
        Some(function) => draws_in(shared, ast, instance, &function.body),
        None => false,
    };
    shared.draws.insert(id, draws);
    draws
}
