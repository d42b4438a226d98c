//! How long an iteration of a parallel loop takes, roughly: a table of ns per operation, and for each inner loop the
//! number of its iterations as an expression of what can be read in front of the parallel loop.
//!
//! ```text
//! for i in prange(n):                    1.5 + f64(max(dim(x, 1) - n // 2, 0)) * 0.9
//!     for j in range(i, x.shape[1]):     a variable of an outer loop counts with the middle of its range
//!         ...
//! ```
//!
//! Facts only, and rough ones: they decide how the loop is cut into chunks, where a factor of two does not matter. So
//! where paths join, the value of one path stands for both; only what depends on data (a `while`, a bound that is
//! loaded) is guessed. `passes/outline` turns a [`Cost`] into an expression that every engine evaluates when the loop
//! starts.

use rustc_hash::FxHashMap;

use crate::ir::walk;
use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, ExprId, ExprKind, Func, FuncId, LocalId, Loop, Operand, Param, Program,
    RuntimeFn, Stmt, Target, UnaryOp, ViewAxis,
};
use crate::types::DType;

/// Iterations assumed for a counted loop whose bounds are data, such as the elements of a sparse row.
const GUESSED_TRIPS: f64 = 16.0;
/// Iterations assumed for a `while`.
const GUESSED_WHILE: f64 = 32.0;
/// Part of a loop's iterations that run if it may end early.
const EARLY_EXIT_SHARE: f64 = 0.5;
/// Calls deeper than this count as [`CALL_NS`].
const MAX_CALL_DEPTH: u32 = 4;
/// Statements looked at, callees included; then calls count as [`CALL_NS`].
const MAX_STATEMENTS: u32 = 3000;
/// Operators of one number of iterations; what is longer is guessed.
const MAX_OPERATORS: u32 = 12;
/// Loops of different lengths side by side; more are guessed.
const MAX_LOOPS: usize = 4;
const CALL_NS: f64 = 50.0;
const SERVICE_NS: f64 = 20.0;
const ALLOC_NS: f64 = 50.0;
const FILL_NS: f64 = 100.0;

/// Estimated time of a piece of code.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cost {
    /// Nanoseconds outside the loops below.
    pub ns: f64,
    /// Lengths of loops (none if negative) with the cost per unit of length.
    pub loops: Vec<(Int, Cost)>,
}

/// An integer that can be read in front of the parallel loop.
#[derive(Clone, PartialEq, Debug)]
pub enum Int {
    /// A number.
    Const(i64),
    /// The parallel loop's own lower bound.
    First,
    /// The parallel loop's own upper bound.
    Last,
    /// A local of the function that holds the loop.
    Local(LocalId),
    /// An extent of an array of the function that holds the loop.
    Dim(ArrayId, u8),
    /// An `i64` operation.
    Op(BinaryOp, Box<Int>, Box<Int>),
}

/// Estimated cost of one iteration of a parallel loop.
#[must_use]
pub fn iteration(program: &Program, func: &Func, l: &Loop) -> Cost {
    let mut estimator = Estimator { program, fuel: MAX_STATEMENTS };
    let mut scope = Scope { is_outermost: true, ..Scope::default_of(func) };
    scope.forget(&l.body);
    let bound = |id: ExprId, other| match func.exprs[id].kind {
        ExprKind::Const(value) => Int::Const(value.as_int()),
        _ => other,
    };
    let (first, last) = (bound(l.lo, Int::First), bound(l.hi, Int::Last));
    scope.locals.insert(l.var, Int::middle(&first, &last));
    estimator.block(&mut scope, &l.body, 0)
}

/// Does the block draw from `np.random`, itself or in calls?
#[must_use]
pub fn uses_random(program: &Program, block: &[Stmt]) -> bool {
    fn visit(program: &Program, block: &[Stmt], seen: &mut Vec<FuncId>) -> bool {
        let mut found = false;
        let mut callees = Vec::new();
        walk::for_each_stmt(block, &mut |stmt| match stmt {
            Stmt::Runtime { function, .. } => {
                found |= matches!(
                    function,
                    RuntimeFn::RandomSeed
                        | RuntimeFn::RandomF64
                        | RuntimeFn::RandomUniform
                        | RuntimeFn::RandomNormal
                        | RuntimeFn::RandomInt
                );
            }
            Stmt::Call { callee, .. } => callees.push(*callee),
            Stmt::Parallel(call) => callees.push(call.body),
            _ => {}
        });
        for callee in callees {
            if !found && !seen.contains(&callee) {
                seen.push(callee);
                found |= visit(program, &program.funcs[callee].body, seen);
            }
        }
        found
    }
    visit(program, block, &mut Vec::new())
}

impl Int {
    fn operators(&self) -> u32 {
        match self {
            Int::Const(_) | Int::First | Int::Last | Int::Local(_) | Int::Dim(..) => 0,
            Int::Op(_, left, right) => 1 + left.operators() + right.operators(),
        }
    }

    fn op(op: BinaryOp, left: &Int, right: &Int) -> Option<Int> {
        if let (Int::Const(a), Int::Const(b)) = (left, right) {
            let value = match op {
                BinaryOp::Add => a.checked_add(*b)?,
                BinaryOp::Sub => a.checked_sub(*b)?,
                BinaryOp::Mul => a.checked_mul(*b)?,
                BinaryOp::FloorDiv if *b != 0 => a.checked_div_euclid(*b)?,
                BinaryOp::Min => *a.min(b),
                BinaryOp::Max => *a.max(b),
                _ => return None,
            };
            return Some(Int::Const(value));
        }
        match (op, left, right) {
            (BinaryOp::Add, Int::Const(0), other) | (BinaryOp::Add | BinaryOp::Sub, other, Int::Const(0)) => {
                return Some(other.clone());
            }
            // (a + b) - a, the length of a block.
            (BinaryOp::Sub, Int::Op(BinaryOp::Add, a, b), other) if **a == *other => {
                return Some((**b).clone());
            }
            (BinaryOp::Sub, a, b) if a == b => return Some(Int::Const(0)),
            _ => {}
        }
        let is_known = matches!(
            op,
            BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::FloorDiv
                | BinaryOp::Min
                | BinaryOp::Max
        );
        (is_known && left.operators() + right.operators() < MAX_OPERATORS)
            .then(|| Int::Op(op, Box::new(left.clone()), Box::new(right.clone())))
    }

    /// Half of `lo + hi`; the lower bound if that is too long.
    fn middle(lo: &Int, hi: &Int) -> Int {
        Int::op(BinaryOp::Add, lo, hi)
            .and_then(|sum| Int::op(BinaryOp::FloorDiv, &sum, &Int::Const(2)))
            .unwrap_or_else(|| lo.clone())
    }
}

impl Cost {
    fn of(ns: f64) -> Cost {
        Cost { ns, loops: Vec::new() }
    }

    fn add(&mut self, other: Cost) {
        self.ns += other.ns;
        for (length, inner) in other.loops {
            match self.loops.iter().position(|(known, _)| *known == length) {
                Some(at) => self.loops[at].1.add(inner),
                None if self.loops.len() < MAX_LOOPS => self.loops.push((length, inner)),
                None => self.ns += GUESSED_TRIPS * inner.typical(),
            }
        }
    }

    fn times(mut self, factor: f64) -> Cost {
        self.ns *= factor;
        for (_, inner) in &mut self.loops {
            *inner = std::mem::take(inner).times(factor);
        }
        self
    }

    /// For comparisons: with a guess for every number of iterations.
    fn typical(&self) -> f64 {
        self.ns + self.loops.iter().map(|(_, inner)| GUESSED_TRIPS * inner.typical()).sum::<f64>()
    }
}

/// What integers and extents of one function are, in terms of the function that holds the parallel loop.
#[derive(Clone)]
struct Scope<'a> {
    func: &'a Func,
    /// Does it hold the parallel loop? Then what no entry names is as it was in front of the loop.
    is_outermost: bool,
    locals: FxHashMap<LocalId, Int>,
    dims: FxHashMap<(ArrayId, u8), Int>,
    /// Assigned, and not known.
    unknown: walk::LocalSet,
    unknown_arrays: walk::ArraySet,
}

impl<'a> Scope<'a> {
    fn default_of(func: &'a Func) -> Scope<'a> {
        Scope {
            func,
            is_outermost: false,
            locals: FxHashMap::default(),
            dims: FxHashMap::default(),
            unknown: walk::LocalSet::default(),
            unknown_arrays: walk::ArraySet::default(),
        }
    }

    /// Nothing is known of what the block assigns.
    fn forget(&mut self, block: &[Stmt]) {
        for local in walk::assigned_locals(block).iter() {
            self.set(local, None);
        }
        for array in walk::assigned_arrays(block).iter() {
            self.forget_array(array);
        }
    }

    fn set(&mut self, local: LocalId, value: Option<Int>) {
        match value {
            Some(value) => {
                self.locals.insert(local, value);
            }
            None => {
                self.locals.remove(&local);
                self.unknown.insert(local);
            }
        }
    }

    fn forget_array(&mut self, array: ArrayId) {
        self.unknown_arrays.insert(array);
        for axis in 0..self.func.arrays[array].ty.rank {
            self.dims.remove(&(array, axis));
        }
    }

    fn dim(&self, array: ArrayId, axis: u8) -> Option<Int> {
        match self.dims.get(&(array, axis)) {
            Some(value) => Some(value.clone()),
            None if self.is_outermost && !self.unknown_arrays.contains(array) => Some(Int::Dim(array, axis)),
            None => None,
        }
    }

    fn value(&self, id: ExprId) -> Option<Int> {
        let expr = &self.func.exprs[id];
        if expr.ty != DType::I64 {
            return None;
        }
        match &expr.kind {
            ExprKind::Const(value) => Some(Int::Const(value.as_int())),
            ExprKind::Local(local) => match self.locals.get(local) {
                Some(value) => Some(value.clone()),
                None if self.is_outermost && !self.unknown.contains(*local) => Some(Int::Local(*local)),
                None => None,
            },
            ExprKind::Dim { array, axis } => self.dim(*array, *axis),
            ExprKind::Binary { op, left, right } => Int::op(*op, &self.value(*left)?, &self.value(*right)?),
            ExprKind::Unary { op: UnaryOp::Neg, arg } => {
                Int::op(BinaryOp::Sub, &Int::Const(0), &self.value(*arg)?)
            }
            // One of the two stands for both.
            ExprKind::Select { then, orelse, .. } => self.value(*then).or_else(|| self.value(*orelse)),
            ExprKind::Cast { arg } => self.value(*arg),
            ExprKind::Load { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Compare { .. }
            | ExprKind::Wrap { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. }
            | ExprKind::Interrupted => None,
        }
    }

    /// `array` is bound to something with these extents.
    fn bind(&mut self, array: ArrayId, dims: &[Option<Int>]) {
        self.forget_array(array);
        for (axis, dim) in dims.iter().enumerate() {
            if let Some(dim) = dim {
                self.dims.insert((array, axis as u8), dim.clone());
            }
        }
    }

    fn dims_of(&self, array: ArrayId) -> Vec<Option<Int>> {
        (0..self.func.arrays[array].ty.rank).map(|axis| self.dim(array, axis)).collect()
    }

    fn bound(&self, value: &ArrayValue) -> Vec<Option<Int>> {
        match value {
            ArrayValue::Same(base) | ArrayValue::Part { base, .. } => self.dims_of(*base),
            ArrayValue::Reshape { shape, .. } | ArrayValue::Alloc { shape, .. } => {
                shape.iter().map(|&extent| self.value(extent)).collect()
            }
            ArrayValue::Transpose { base, order } => {
                order.iter().map(|&axis| self.dim(*base, axis)).collect()
            }
            ArrayValue::View { base, axes } => {
                let mut dims = Vec::new();
                let mut base_axis = 0;
                for axis in axes {
                    match axis {
                        ViewAxis::Index(_) => {}
                        ViewAxis::Slice { len, .. } => dims.push(self.value(*len)),
                        ViewAxis::Whole => dims.push(self.dim(*base, base_axis)),
                        ViewAxis::New => dims.push(Some(Int::Const(1))),
                    }
                    base_axis += u8::from(!matches!(axis, ViewAxis::New));
                }
                dims
            }
        }
    }
}

struct Estimator<'a> {
    program: &'a Program,
    fuel: u32,
}

impl<'a> Estimator<'a> {
    fn block(&mut self, scope: &mut Scope<'a>, block: &'a [Stmt], depth: u32) -> Cost {
        let mut cost = Cost::default();
        for stmt in block {
            cost.add(self.stmt(scope, stmt, depth));
        }
        cost
    }

    fn stmt(&mut self, scope: &mut Scope<'a>, stmt: &'a Stmt, depth: u32) -> Cost {
        self.fuel = self.fuel.saturating_sub(1);
        let mut own = Cost::default();
        let func = scope.func;
        // A check's index is computed for the place, too, and what its message says only where it fails.
        if !matches!(stmt, Stmt::Check { .. }) {
            walk::for_each_expr_root(stmt, &mut |root| own.ns += expr_ns(func, root));
        }
        match stmt {
            Stmt::If { then, orelse, .. } => {
                let mut other = scope.clone();
                let taken = self.block(scope, then, depth);
                let not_taken = self.block(&mut other, orelse, depth);
                // What only the other path knows.
                for (local, value) in other.locals {
                    scope.locals.entry(local).or_insert(value);
                }
                own.ns += 0.3;
                own.add(if taken.typical() >= not_taken.typical() { taken } else { not_taken });
            }
            Stmt::While { head, body, .. } => {
                scope.forget(head);
                scope.forget(body);
                let mut inner = self.block(scope, head, depth);
                inner.add(self.block(scope, body, depth));
                inner.ns += 0.5;
                own.add(inner.times(GUESSED_WHILE));
                scope.forget(head);
                scope.forget(body);
            }
            Stmt::Loop(l) => own.add(self.counted_loop(scope, l, depth)),
            Stmt::Parallel(_) => own.ns += CALL_NS,
            Stmt::Call { callee, args, results, .. } => {
                own.add(self.call(scope, *callee, args, depth));
                for result in results {
                    match result {
                        Target::Local(local) => scope.set(*local, None),
                        Target::Array(array) => scope.forget_array(*array),
                    }
                }
            }
            Stmt::Launch { .. } => own.ns += CALL_NS,
            Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                own.ns += SERVICE_NS;
                for result in results {
                    match result {
                        Target::Local(local) => scope.set(*local, None),
                        Target::Array(array) => scope.forget_array(*array),
                    }
                }
            }
            Stmt::SetArray { array, value } => {
                own.ns += if matches!(value, ArrayValue::Alloc { .. }) { ALLOC_NS } else { 2.0 };
                let dims = scope.bound(value);
                scope.bind(*array, &dims);
            }
            Stmt::Set { local, value } => {
                let value = scope.value(*value);
                scope.set(*local, value);
            }
            Stmt::Fill { .. } | Stmt::CopyElements { .. } | Stmt::Print { .. } => own.ns += FILL_NS,
            Stmt::Store { .. } => own.ns += 0.2,
            Stmt::Accumulate { .. } => own.ns += 0.5,
            // Most of them are hoisted or fall in the shadow of something else.
            Stmt::Check { .. } => own.ns += 0.05,
            Stmt::Release { .. }
            | Stmt::Raise { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return { .. } => {}
        }
        own
    }

    fn counted_loop(&mut self, scope: &mut Scope<'a>, l: &'a Loop, depth: u32) -> Cost {
        let (lo, hi) = if l.step > 0 { (l.lo, l.hi) } else { (l.hi, l.lo) };
        let (lo, hi) = (scope.value(lo), scope.value(hi));
        scope.forget(&l.body);
        match (&lo, &hi) {
            (Some(lo), Some(hi)) => scope.set(l.var, Some(Int::middle(lo, hi))),
            (Some(one), None) | (None, Some(one)) => scope.set(l.var, Some(one.clone())),
            (None, None) => scope.set(l.var, None),
        }
        let mut inner = self.block(scope, &l.body, depth);
        inner.ns += 0.4;
        scope.forget(&l.body);
        scope.set(l.var, None);
        let exits = walk::exits(&l.body);
        let ends_early = exits.breaks || exits.returns;
        let share = if ends_early { EARLY_EXIT_SHARE } else { 1.0 } / l.step.unsigned_abs().max(1) as f64;
        let mut cost = Cost::of(1.0);
        let length = match (&lo, &hi) {
            (Some(lo), Some(hi)) => Int::op(BinaryOp::Sub, hi, lo),
            _ => None,
        };
        match length {
            Some(Int::Const(length)) => cost.add(inner.times(length.max(0) as f64 * share)),
            Some(length) => cost.loops.push((length, inner.times(share))),
            None => cost.add(inner.times(GUESSED_TRIPS)),
        }
        cost
    }

    fn call(&mut self, scope: &Scope<'a>, callee: FuncId, args: &[Operand], depth: u32) -> Cost {
        if depth >= MAX_CALL_DEPTH || self.fuel == 0 {
            return Cost::of(CALL_NS);
        }
        let func = &self.program.funcs[callee];
        let mut inside = Scope::default_of(func);
        for (param, arg) in func.params.iter().zip(args) {
            match (*param, *arg) {
                (Param::Scalar(local), Operand::Scalar(value)) => inside.set(local, scope.value(value)),
                (Param::Array(array), Operand::Array(passed)) => inside.bind(array, &scope.dims_of(passed)),
                _ => {}
            }
        }
        let mut cost = self.block(&mut inside, &func.body, depth + 1);
        cost.ns += 2.0;
        cost
    }
}

fn expr_ns(func: &Func, root: ExprId) -> f64 {
    let mut total = 0.0;
    walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
        total += match &expr.kind {
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Wrap { .. }
            | ExprKind::Interrupted => 0.0,
            ExprKind::Load { .. } => 0.2,
            ExprKind::Unary { op, .. } => match op {
                UnaryOp::Neg | UnaryOp::Not | UnaryOp::Invert | UnaryOp::Abs => 0.1,
            },
            ExprKind::Binary { op, .. } => match op {
                BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod => {
                    if expr.ty.is_float() && *op != BinaryOp::Div { 15.0 } else { 3.0 }
                }
                BinaryOp::IntPow => 10.0,
                BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::MulHigh
                | BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Xor
                | BinaryOp::Shl
                | BinaryOp::Shr
                | BinaryOp::Min
                | BinaryOp::Max => {
                    if expr.ty.is_float() {
                        0.3
                    } else {
                        0.1
                    }
                }
            },
            ExprKind::Compare { .. } | ExprKind::Select { .. } | ExprKind::Cast { .. } => 0.2,
            ExprKind::Math1 { .. } => 8.0,
            ExprKind::Math2 { .. } => 16.0,
            ExprKind::Fma { .. } => 0.3,
            ExprKind::Overlaps { .. } => 5.0,
        };
    });
    total
}
