//! The function being lowered: where statements go, how values are shared, in which order they are computed.

use rustc_hash::FxHashMap;

use super::scan::Scan;
use super::value::Value;
use super::vars::Vars;
use crate::base::{Code, Diagnostic, EntityRef, PrimaryMap, Span, Symbol};
use crate::infer::{ExprInfo, Inferred, Instance, InstanceId};
use crate::ir::{
    ArrayId, ArrayVar, BinaryOp, Block, Check, ExprId, ExprKind, Func, FuncId, Local, LocalId, LoopId,
    LoopInfo, LoopOrigin, Message, Ownership, Piece, Program, Stmt, Trap, TrapId, UnaryOp, walk,
};
use crate::syntax::ast::{self, Ast, ExprId as AstId, Function};
use crate::types::{ArrayTy, DType, Ty};

/// Lowering fails only through our own mistakes.
pub(super) type Res<T> = Result<T, Box<Diagnostic>>;

/// What the functions of one program have in common.
pub(super) struct Shared<'a> {
    pub(super) ast: &'a Ast,
    pub(super) inferred: &'a Inferred,
    pub(super) source: &'a str,
    pub(super) program: Program,
    /// Functions made by lowering; their ids follow those of the instances.
    pub(super) helpers: Vec<Func>,
    /// By element type: `sum` over a range of an array.
    pub(super) sum_helpers: FxHashMap<(ArrayTy, u8, DType), FuncId>,
    /// By array types: `dot` over a range of two arrays.
    pub(super) dot_helpers: FxHashMap<(ArrayTy, ArrayTy), FuncId>,
    /// Does an instance draw from `np.random`? Filled on demand.
    pub(super) draws: FxHashMap<InstanceId, bool>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(ast: &'a Ast, inferred: &'a Inferred, source: &'a str, program: Program) -> Shared<'a> {
        Shared {
            ast,
            inferred,
            source,
            program,
            helpers: Vec::new(),
            sum_helpers: FxHashMap::default(),
            dot_helpers: FxHashMap::default(),
            draws: FxHashMap::default(),
        }
    }
}

/// A loop of the source around the current statement.
pub(super) struct Frame {
    /// Types at the head, for `continue` and the end of the body.
    pub(super) head: Vec<(Symbol, Ty)>,
    /// Types after the loop, for `break`.
    pub(super) joined: Vec<(Symbol, Ty)>,
    /// Set by `break` if what follows the loop needs to know.
    pub(super) broke: Option<LocalId>,
    /// How many `break`s were lowered.
    pub(super) breaks: u32,
    /// What variables were at each `break` and `continue`.
    pub(super) envs: Vec<super::vars::Env>,
}

/// One function on its way to the IR.
pub(super) struct Context<'s, 'a> {
    pub(super) shared: &'s mut Shared<'a>,
    pub(super) ast: &'a Ast,
    pub(super) instance: &'a Instance,
    pub(super) function: &'a Function,
    pub(super) func: Func,
    /// The block that statements go to.
    pub(super) out: Block,
    /// Place of the expression being lowered: new expressions get it.
    pub(super) span: Span,
    /// Counts statements that may change memory or state, see [`Context::order`].
    pub(super) effects: u32,
    pub(super) vars: Vars,
    pub(super) scan: Scan,
    pub(super) frames: Vec<Frame>,
    /// Owned temporaries of the current statement.
    pub(super) temps: Vec<ArrayId>,
    /// Must views made now hold a reference, because a variable may be rebound before they are used?
    pub(super) owns_views: bool,
    /// Parallel loops around the current statement.
    pub(super) parallel_depth: u32,
    /// Flags (see `StmtInfo::maybe_unassigned`) to clear at the start of the function or of the parallel body.
    pub(super) flag_inits: Vec<Vec<LocalId>>,
    /// `prange` loops seen so far: keys of random streams.
    pub(super) prange_count: u64,
}

impl<'s, 'a> Context<'s, 'a> {
    /// Lowers one instance.
    pub(super) fn lower_instance(shared: &'s mut Shared<'a>, instance: &'a Instance) -> Res<Func> {
        let ast = shared.ast;
        let Some(function) = ast.functions.get(instance.function) else {
            return Err(internal_error(Span::default(), "an instance of a function that is not there"));
        };
        let func = Func {
            name: function.name.name.clone(),
            params: Vec::new(),
            rets: Vec::new(),
            locals: PrimaryMap::new(),
            arrays: PrimaryMap::new(),
            exprs: PrimaryMap::new(),
            loops: PrimaryMap::new(),
            body: Vec::new(),
            fastmath: instance.options.fastmath,
            recursion: None,
            chunk: None,
            is_cold: false,
            is_kernel: instance.is_kernel,
            span: function.head_span,
        };
        let mut cx = Context {
            ast,
            instance,
            function,
            func,
            out: Vec::new(),
            span: function.head_span,
            effects: 0,
            vars: Vars::default(),
            scan: Scan::of(ast, function),
            frames: Vec::new(),
            temps: Vec::new(),
            owns_views: false,
            parallel_depth: 0,
            flag_inits: vec![Vec::new()],
            prange_count: 0,
            shared,
        };
        cx.lower_function()?;
        Ok(cx.func)
    }

    /// A K901: what inference said does not fit.
    pub(super) fn bug(&self, text: impl Into<String>) -> Box<Diagnostic> {
        internal_error(self.span, &text.into())
    }

    /// What inference says of an expression.
    pub(super) fn info(&self, expr: AstId) -> Res<&'a ExprInfo> {
        let span = self.ast.exprs[expr].span;
        self.instance.exprs.get(&expr).ok_or_else(|| internal_error(span, "an expression without a type"))
    }

    /// The type of an expression.
    pub(super) fn ty_of(&self, expr: AstId) -> Res<&'a Ty> {
        Ok(&self.info(expr)?.ty)
    }

    /// The node of an expression.
    pub(super) fn node(&self, expr: AstId) -> &'a ast::Expr {
        &self.ast.exprs[expr]
    }

    // Blocks.

    /// Runs `build` with an empty block and returns what it put there.
    pub(super) fn block<T>(&mut self, build: impl FnOnce(&mut Self) -> Res<T>) -> Res<(Block, T)> {
        let outer = std::mem::take(&mut self.out);
        let result = build(self);
        let inner = std::mem::replace(&mut self.out, outer);
        Ok((inner, result?))
    }

    /// Adds a statement.
    pub(super) fn emit(&mut self, stmt: Stmt) {
        self.out.push(stmt);
    }

    /// Adds a statement that may change memory or state that pending expressions read.
    pub(super) fn emit_effect(&mut self, stmt: Stmt) {
        self.effects += 1;
        self.out.push(stmt);
    }

    /// `if cond { then }`; nothing if the block is empty.
    pub(super) fn emit_if(&mut self, cond: ExprId, then: Block, orelse: Block) {
        if !then.is_empty() || !orelse.is_empty() {
            self.emit(Stmt::If { cond, then, orelse });
        }
    }

    // Sharing and order of evaluation.

    /// Is it a constant or a variable, which may be copied at no cost?
    pub(super) fn is_atom(&self, expr: ExprId) -> bool {
        matches!(self.func.exprs[expr].kind, ExprKind::Const(_) | ExprKind::Local(_))
    }

    /// A copy.
    pub(super) fn dup(&mut self, expr: ExprId) -> ExprId {
        self.func.clone_expr(expr)
    }

    /// Makes a new variable that holds the value now, and reads it.
    pub(super) fn hold(&mut self, expr: ExprId) -> ExprId {
        let ty = self.ty(expr);
        let local = self.func.temp("t", ty, self.span);
        self.emit(Stmt::Set { local, value: expr });
        self.read(local)
    }

    /// The same value in a form that [`Context::dup`] copies at no cost.
    pub(super) fn pin(&mut self, expr: ExprId) -> ExprId {
        if self.is_atom(expr) { expr } else { self.hold(expr) }
    }

    /// As [`Context::pin`], but leaves small trees of integer arithmetic alone, which analyses like to see.
    pub(super) fn pin_index(&mut self, expr: ExprId) -> ExprId {
        let mut budget = 6;
        if self.is_small_arithmetic(expr, &mut budget) { expr } else { self.hold(expr) }
    }

    fn is_small_arithmetic(&self, expr: ExprId, budget: &mut u32) -> bool {
        if *budget == 0 {
            return false;
        }
        *budget -= 1;
        match self.func.exprs[expr].kind {
            ExprKind::Const(_) | ExprKind::Local(_) | ExprKind::Dim { .. } => true,
            ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, left, right } => {
                self.ty(expr) == DType::I64
                    && self.is_small_arithmetic(left, budget)
                    && self.is_small_arithmetic(right, budget)
            }
            ExprKind::Unary { op: UnaryOp::Neg, arg } | ExprKind::Cast { arg } => {
                self.ty(arg).is_int() && self.is_small_arithmetic(arg, budget)
            }
            _ => false,
        }
    }

    /// As [`Context::pin`] for all parts of a value.
    pub(super) fn pin_value(&mut self, value: Value) -> Value {
        match value {
            Value::None | Value::Str(_) | Value::Array(_) | Value::Rng(_) => value,
            Value::Real(expr) => Value::Real(self.pin(expr)),
            Value::Complex(re, im) => {
                let re = self.pin(re);
                Value::Complex(re, self.pin(im))
            }
            Value::Tuple(items) => Value::Tuple(items.into_iter().map(|item| self.pin_value(item)).collect()),
        }
    }

    /// A copy of a pinned value.
    pub(super) fn dup_value(&mut self, value: &Value) -> Value {
        match value {
            Value::None | Value::Str(_) | Value::Array(_) | Value::Rng(_) => value.clone(),
            Value::Real(expr) => Value::Real(self.dup(*expr)),
            Value::Complex(re, im) => {
                let re = self.dup(*re);
                Value::Complex(re, self.dup(*im))
            }
            Value::Tuple(items) => Value::Tuple(items.iter().map(|item| self.dup_value(item)).collect()),
        }
    }

    /// A point in the order of evaluation, for [`Context::order`].
    pub(super) fn mark(&self) -> (usize, u32) {
        (self.out.len(), self.effects)
    }

    /// Call it after lowering what follows `value` in the source: if that had effects which `value` could see, the value
    /// is computed at the mark, that is, before them.
    pub(super) fn order(&mut self, mark: (usize, u32), value: Value) -> Value {
        if self.effects == mark.1 {
            return value;
        }
        let tail = self.out.split_off(mark.0);
        let value = self.hold_loads(value);
        self.out.extend(tail);
        value
    }

    fn hold_loads(&mut self, value: Value) -> Value {
        match value {
            Value::None | Value::Str(_) | Value::Array(_) | Value::Rng(_) => value,
            Value::Real(expr) => Value::Real(self.hold_if_load(expr)),
            Value::Complex(re, im) => {
                let re = self.hold_if_load(re);
                Value::Complex(re, self.hold_if_load(im))
            }
            Value::Tuple(items) => {
                Value::Tuple(items.into_iter().map(|item| self.hold_loads(item)).collect())
            }
        }
    }

    fn hold_if_load(&mut self, expr: ExprId) -> ExprId {
        if self.has_load(expr) { self.hold(expr) } else { expr }
    }

    /// Does it read memory?
    pub(super) fn has_load(&self, expr: ExprId) -> bool {
        walk::any_expr(&self.func.exprs, expr, &mut |node| matches!(node.kind, ExprKind::Load { .. }))
    }

    // Variables and loops of the IR.

    /// A scalar temporary.
    pub(super) fn temp(&mut self, name: &str, ty: DType) -> LocalId {
        self.func.temp(name, ty, self.span)
    }

    /// `local = value`.
    pub(super) fn set(&mut self, local: LocalId, value: ExprId) {
        self.emit(Stmt::Set { local, value });
    }

    /// A scalar variable of the user.
    pub(super) fn user_local(&mut self, name: &str, dtype: DType) -> LocalId {
        self.func.locals.push(Local { name: name.into(), dtype, span: self.span, is_user: true })
    }

    /// An array variable.
    pub(super) fn array_var(&mut self, name: &str, ty: ArrayTy, ownership: Ownership) -> ArrayId {
        self.func.arrays.push(ArrayVar { name: name.into(), ty, ownership, span: self.span })
    }

    /// The type of an array variable.
    pub(super) fn array_ty(&self, array: ArrayId) -> ArrayTy {
        self.func.arrays[array].ty
    }

    /// A new loop.
    pub(super) fn loop_id(&mut self, origin: LoopOrigin) -> LoopId {
        self.func.loops.push(LoopInfo { span: self.span, origin, is_slow_copy: false, is_fallback: false })
    }

    // Errors at run time.

    /// A way to fail at the current place.
    pub(super) fn trap(&mut self, code: Code, exception: &str, pieces: Vec<Piece>) -> TrapId {
        let trap =
            Trap { code, span: self.span, exception: exception.into(), message: Message::line(pieces) };
        self.shared.program.traps.push(trap)
    }

    /// A way to fail with a fixed text.
    pub(super) fn trap_text(&mut self, code: Code, exception: &str, text: &str) -> TrapId {
        self.trap(code, exception, vec![Piece::Text(text.into())])
    }

    /// Fails with a fixed text unless the condition holds.
    pub(super) fn check(&mut self, cond: ExprId, code: Code, exception: &str, text: &str) {
        if self.as_const(cond).is_some_and(|bits| bits.0 != 0) {
            return;
        }
        let trap = self.trap_text(code, exception, text);
        self.emit(Stmt::Check { check: Check::Cond(cond), trap, args: Vec::new() });
    }
}

/// A K901.
pub(super) fn internal_error(span: Span, text: &str) -> Box<Diagnostic> {
    let diag = Diagnostic::error(Code::K901, span, format!("lower: {text}"));
    Box::new(diag.note("this is a mistake in kjit, not in the program"))
}

/// A piece of a message that shows an argument as `str()` does.
pub(super) fn hole(dtype: DType) -> Piece {
    Piece::Value { dtype, spec: Symbol::default() }
}

/// The id of the next helper function.
pub(super) fn helper_id(shared: &Shared<'_>) -> FuncId {
    FuncId::new(shared.inferred.instances.len() + shared.helpers.len())
}
