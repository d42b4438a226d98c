//! One function for one signature: the state of the walk over its body.

use rustc_hash::FxHashMap;

use super::device::Role;
use super::env::{Assigned, Changes, Env, Var, VarId, VarTy, join_tys};
use super::{ConstValue, Ctx, ExprInfo, Instance, Resolution, StmtInfo, messages};
use crate::base::{Diagnostic, Options, Span, Symbol};
use crate::syntax::ast::{Ast, Block, ExprId, ExprKind, Function, StmtId, StmtKind};
use crate::types::{DType, Ty};

/// What is known of the value of an expression. Without a type: an error was reported, or nothing is known yet (recursion).
#[derive(Clone, Debug, Default)]
pub(super) struct Val {
    pub(super) ty: Option<Ty>,
    pub(super) is_weak: bool,
    pub(super) konst: Option<ConstValue>,
}

impl Val {
    /// After an error: silences what would follow from it.
    pub(super) const ERROR: Val = Val { ty: None, is_weak: false, konst: None };

    pub(super) fn of(ty: Ty) -> Val {
        Val { ty: Some(ty), is_weak: false, konst: None }
    }

    pub(super) fn scalar(dtype: DType) -> Val {
        Val::of(Ty::Scalar(dtype))
    }

    pub(super) fn constant(value: ConstValue) -> Val {
        Val { ty: Some(super::constants::ty(&value)), is_weak: false, konst: Some(value) }
    }
}

/// A loop that is being walked.
pub(super) struct Loop {
    pub(super) stmt: StmtId,
    /// Before the types at the head were set.
    pub(super) mark: usize,
    /// Reads of variables no newer than this see a value from before the iteration.
    pub(super) head_version: u32,
    /// Variables read in the body or condition, with the oldest version that was seen.
    pub(super) reads: FxHashMap<VarId, u32>,
    pub(super) breaks: Vec<Changes>,
    pub(super) continues: Vec<Changes>,
}

pub(super) struct FnCtx<'c, 'a> {
    pub(super) ctx: &'c mut Ctx<'a>,
    pub(super) ast: &'a Ast,
    pub(super) function: &'a Function,
    pub(super) slot: usize,
    pub(super) env: Env,
    pub(super) var_ids: FxHashMap<Symbol, VarId>,
    pub(super) var_names: Vec<Symbol>,
    /// Where a variable is bound first.
    pub(super) var_places: Vec<Span>,
    /// Types that annotations give to local variables.
    pub(super) var_annotations: FxHashMap<VarId, Ty>,
    pub(super) exprs: FxHashMap<ExprId, ExprInfo>,
    pub(super) stmts: FxHashMap<StmtId, StmtInfo>,
    pub(super) diags: Vec<Diagnostic>,
    pub(super) calls: FxHashMap<ExprId, usize>,
    /// Type of the result so far and the place of the first `return` that gave it.
    pub(super) ret: Option<(Ty, Span)>,
    pub(super) ret_annotation: Option<Ty>,
    /// A `return` whose value has an error or an unknown type was seen.
    pub(super) is_ret_unknown: bool,
    /// No path leads here.
    pub(super) is_dead: bool,
    pub(super) loops: Vec<Loop>,
    /// Types at the heads of loops, remembered between walks: they only ever widen, so the walks come to an end.
    pub(super) heads: FxHashMap<StmtId, Vec<(VarId, Var)>>,
    /// The outermost array expression around the current one, for the loop that an error shows.
    pub(super) array_root: Option<ExprId>,
    /// It is one indeed.
    pub(super) is_array_expr: bool,
    /// The name that the current statement assigns to, for the same purpose.
    pub(super) target_name: Option<Symbol>,
    pub(super) options: Options,
    /// What the function is to the GPU.
    pub(super) role: Role,
    /// An expression has no type: there is an error, or a recursive call whose type is not known yet.
    pub(super) is_incomplete: bool,
}

/// What a walk over a function gives.
pub(super) struct Walked {
    pub(super) instance: Instance,
    pub(super) diags: Vec<Diagnostic>,
    /// Calls of user functions, with the slots of the functions.
    pub(super) calls: FxHashMap<ExprId, usize>,
    /// The type of the result, if it is known.
    pub(super) ret: Option<Ty>,
    /// Some expression has no type.
    pub(super) is_incomplete: bool,
}

/// Types the function.
pub(super) fn walk(
    ctx: &mut Ctx<'_>,
    slot: usize,
    index: usize,
    params: Vec<(Symbol, Ty)>,
    const_params: FxHashMap<Symbol, ConstValue>,
) -> Walked {
    let ast = ctx.ast;
    let function = &ast.functions[index];
    let mut diags = Vec::new();
    let options = ctx.function_options(function, &mut diags);
    let role = ctx.role(index);
    let ret_annotation = function.returns.and_then(|id| match ctx.annotation(id) {
        Ok(annotation) => annotation,
        Err(diag) => {
            diags.push(*diag);
            None
        }
    });
    let mut f = FnCtx {
        ctx,
        ast,
        function,
        slot,
        env: Env::default(),
        var_ids: FxHashMap::default(),
        var_names: Vec::new(),
        var_places: Vec::new(),
        var_annotations: FxHashMap::default(),
        exprs: FxHashMap::default(),
        stmts: FxHashMap::default(),
        diags,
        calls: FxHashMap::default(),
        ret: None,
        ret_annotation,
        is_ret_unknown: false,
        is_dead: false,
        loops: Vec::new(),
        heads: FxHashMap::default(),
        array_root: None,
        is_array_expr: false,
        target_name: None,
        options,
        role,
        is_incomplete: false,
    };
    for (param, (name, ty)) in function.params.iter().zip(&params) {
        let var = f.declare(name, param.name.span);
        f.env.assign(var, VarTy::Known(ty.clone()), param.name.span);
    }
    f.offer_return();
    f.declare_block(&function.body);
    f.block(&function.body);
    f.check_kernel_result();
    let ret = f.finish_return();
    let instance = Instance {
        function: index,
        params,
        const_params,
        ret: ret.clone().unwrap_or(Ty::None),
        exprs: f.exprs,
        stmts: f.stmts,
        options: f.options,
        is_kernel: role == Role::Kernel,
        is_recursive: false,
    };
    Walked { instance, diags: f.diags, calls: f.calls, ret, is_incomplete: f.is_incomplete }
}

impl<'a> FnCtx<'_, 'a> {
    fn declare(&mut self, name: &Symbol, place: Span) -> VarId {
        if let Some(&var) = self.var_ids.get(name) {
            return var;
        }
        let var = self.env.declare();
        self.var_ids.insert(name.clone(), var);
        self.var_names.push(name.clone());
        self.var_places.push(place);
        var
    }

    /// A name that is assigned anywhere in a function is local everywhere in it.
    fn declare_block(&mut self, block: &'a Block) {
        for stmt in block {
            match &stmt.kind {
                StmtKind::Assign { targets, .. } => {
                    for &target in targets {
                        self.declare_target(target);
                    }
                }
                StmtKind::AnnAssign { target, annotation, .. } => {
                    self.declare_target(*target);
                    match self.ctx.annotation(*annotation) {
                        Ok(Some(ty)) => {
                            if let ExprKind::Name(name) = &self.ast.exprs[*target].kind
                                && let Some(&var) = self.var_ids.get(name)
                            {
                                self.var_annotations.insert(var, ty);
                            }
                        }
                        Ok(None) => {}
                        Err(diag) => self.diags.push(*diag),
                    }
                }
                StmtKind::AugAssign { target, .. } => self.declare_target(*target),
                StmtKind::If { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                    self.declare_block(body);
                    self.declare_block(orelse);
                }
                StmtKind::For { target, body, orelse, .. } => {
                    self.declare_target(*target);
                    self.declare_block(body);
                    self.declare_block(orelse);
                }
                StmtKind::Del(targets) => {
                    for &target in targets {
                        self.declare_target(target);
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

    fn declare_target(&mut self, target: ExprId) {
        let expr = &self.ast.exprs[target];
        match &expr.kind {
            ExprKind::Name(name) => {
                self.declare(name, expr.span);
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for &item in items {
                    self.declare_target(item);
                }
            }
            _ => {}
        }
    }

    pub(super) fn report(&mut self, diag: Diagnostic) -> Val {
        self.diags.push(diag);
        Val::ERROR
    }

    pub(super) fn span(&self, expr: ExprId) -> Span {
        self.ast.exprs[expr].span
    }

    pub(super) fn var_name(&self, var: VarId) -> &Symbol {
        &self.var_names[var.at()]
    }

    /// Writes down what is known of an expression.
    pub(super) fn done(&mut self, expr: ExprId, val: Val, resolution: Resolution) -> Val {
        if let Some(ty) = &val.ty {
            self.exprs.insert(
                expr,
                ExprInfo { ty: ty.clone(), is_weak: val.is_weak, needs_flag: false, resolution },
            );
        } else {
            self.exprs.remove(&expr);
        }
        val
    }

    /// Writes down a constant, which `lower` emits without looking at the operands.
    pub(super) fn done_constant(&mut self, expr: ExprId, value: ConstValue) -> Val {
        let val = Val::constant(value.clone());
        self.done(expr, val, Resolution::Constant(value))
    }

    /// The value of a variable, with an error if it has none.
    pub(super) fn read(&mut self, expr: ExprId, var: VarId) -> Val {
        let span = self.span(expr);
        let name = self.var_name(var).clone();
        let value = self.env.get(var).clone();
        if let Some(frame) = self.loops.last_mut() {
            let oldest = frame.reads.entry(var).or_insert(value.version);
            *oldest = (*oldest).min(value.version);
        }
        let mut needs_flag = false;
        match value.assigned {
            Assigned::Yes => {}
            Assigned::No => {
                let first = self.var_places[var.at()];
                let others = self.var_names.iter().filter(|other| **other != name);
                let near = super::suggest::nearest(&name, others.map(crate::base::Symbol::as_str));
                let diag = messages::unassigned(span, &name, first, value.place, near);
                return self.report(diag);
            }
            Assigned::IfBranch => {
                return self.report(messages::maybe_unassigned(span, &name, value.place));
            }
            Assigned::IfLoop(stmt) => {
                needs_flag = true;
                let flagged = &mut self.stmts.entry(stmt).or_default().maybe_unassigned;
                if !flagged.contains(&name) {
                    flagged.push(name.clone());
                }
            }
        }
        let ty = match value.ty {
            VarTy::Known(ty) => ty,
            VarTy::Error => return Val::ERROR,
            VarTy::Conflict(places) => {
                // One error per variable: later reads are silent.
                let diag = messages::two_types(span, &name, &places);
                self.env.put(var, Var { ty: VarTy::Error, ..self.env.get(var).clone() });
                return self.report(diag);
            }
        };
        let mut val = Val::of(ty);
        val.konst = match &val.ty {
            Some(Ty::None) => Some(ConstValue::None),
            Some(Ty::Str(text)) => Some(ConstValue::Str(text.clone())),
            _ => None,
        };
        let val = self.done(expr, val, Resolution::Variable);
        if needs_flag && let Some(info) = self.exprs.get_mut(&expr) {
            info.needs_flag = true;
        }
        val
    }

    /// A `return` or the end of the body gives a value of that type.
    pub(super) fn add_return(&mut self, ty: Option<Ty>, place: Span) {
        let Some(ty) = ty else {
            self.is_ret_unknown = true;
            return;
        };
        self.ret = match self.ret.take() {
            None => Some((ty, place)),
            Some((first, first_place)) => match join_tys(&first, &ty) {
                Some(ty) => Some((ty, first_place)),
                None => {
                    self.diags.push(messages::returns(place, &ty, first_place, &first));
                    Some((first, first_place))
                }
            },
        };
        self.offer_return();
    }

    /// Tells recursive calls what is known of the result. What earlier rounds found only widens.
    fn offer_return(&mut self) {
        let slot = &mut self.ctx.slots[self.slot];
        // An annotated number is that number, whatever is returned.
        if let Some(annotation @ Ty::Scalar(_)) = &self.ret_annotation {
            slot.ret = Some(annotation.clone());
            return;
        }
        if let Some((ty, _)) = &self.ret {
            slot.ret = Some(match &slot.ret {
                Some(before) => join_tys(before, ty).unwrap_or_else(|| ty.clone()),
                None => ty.clone(),
            });
        }
    }

    fn finish_return(&mut self) -> Option<Ty> {
        if !self.is_dead {
            match &self.ret {
                // `return x` in some branch and the end of the body: Python gives `None` there.
                Some((ty, place)) if *ty != Ty::None => {
                    let diag = messages::falls_off(self.function, ty, *place);
                    self.diags.push(diag);
                }
                _ if self.is_ret_unknown => {}
                _ => self.ret = Some((Ty::None, self.function.head_span)),
            }
        } else if self.ret.is_none() && !self.is_ret_unknown {
            // Only `raise`, or a loop without end.
            self.ret = Some((Ty::None, self.function.head_span));
        }
        match (self.ret.take(), &self.ret_annotation) {
            (Some((ty, place)), Some(annotation)) => match super::annotations::convert(&ty, Some(annotation))
            {
                Some(ty) => Some(ty),
                None => {
                    let annotated = self.function.returns.map(|id| self.span(id));
                    self.diags.push(messages::return_annotation(place, &ty, annotated, annotation));
                    Some(ty)
                }
            },
            (Some((ty, _)), None) => Some(ty),
            // A recursive function is what its annotation says.
            (None, Some(annotation)) if self.is_ret_unknown => Some(annotation.clone()),
            (None, _) => None,
        }
    }
}
