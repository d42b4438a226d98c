//! One walk over a function before its code is made: what is assigned, what cannot be negative, what it calls.
//!
//! Never edits. "Cannot be negative" leaves out overflow of sums with small constants: an index that overflowed is
//! out of range in either reading, and a counter cannot be counted that far.

use cranelift_entity::{EntitySet, SecondaryMap};

use super::held;
use crate::base::EntityRef;
use crate::ir::{
    ArrayId, BinaryOp, Block, ExprId, ExprKind, Func, FuncId, LocalId, Param, Program, Stmt, Target, walk,
};
use crate::types::DType;
use crate::types::dtype::Kind;

/// How often an array variable is bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Binding {
    /// Never by a statement.
    #[default]
    Never,
    /// Once, outside all branches and loops: the binding comes before every use.
    OnceAtTop,
    /// Otherwise.
    Variable,
}

/// Facts about one function.
#[derive(Default)]
pub(super) struct Facts {
    /// Locals that a statement other than a loop assigns.
    pub assigned: EntitySet<LocalId>,
    /// Locals that are assigned in more than one place, or where an iteration may see an earlier one's value.
    several: EntitySet<LocalId>,
    /// Locals that may be negative; meaningful for those of type `i64`.
    negative: EntitySet<LocalId>,
    /// Floats to hold in registers during innermost loops.
    pub held: Vec<held::Held>,
    /// How arrays are bound.
    pub bindings: SecondaryMap<ArrayId, Binding>,
    /// Number of `Return` statements.
    pub returns: u32,
    /// Functions that it calls.
    pub callees: Vec<FuncId>,
    /// Outlined bodies of its parallel loops.
    pub bodies: Vec<FuncId>,
}

/// Sums with constants up to this size count as "cannot be negative" if the other operand cannot.
const SMALL: u64 = 1 << 20;

/// Collects the facts. The last two parameters of an outlined body are a range of iterations, never negative.
pub(super) fn collect(program: &Program, func: &Func, is_body: bool) -> Facts {
    let mut facts = Facts::default();
    let count = func.params.len().saturating_sub(if is_body { 2 } else { 0 });
    for param in &func.params[..count] {
        if let Param::Scalar(local) = param {
            facts.negative.insert(*local);
        }
    }
    facts.block(&func.body, 0);
    facts.held = held::collect(program, func);
    // Counters refer to themselves: start from "no assignment is negative" and take back until nothing changes.
    for round in 0.. {
        if !facts.take_back(func, &func.body) {
            break;
        }
        if round == 8 {
            for local in func.locals.keys() {
                facts.negative.insert(local);
            }
            break;
        }
    }
    facts
}

impl Facts {
    /// Is this integer at least 0 as a signed number?
    pub(super) fn is_nonneg(&self, func: &Func, expr: ExprId) -> bool {
        let expr = &func.exprs[expr];
        match &expr.kind {
            ExprKind::Const(value) => value.as_int() >= 0,
            ExprKind::Local(local) => {
                func.locals[*local].dtype.kind() == Kind::Unsigned
                    && func.locals[*local].dtype.size_bytes() < 8
                    || !self.negative.contains(*local)
            }
            ExprKind::Dim { .. } => true,
            ExprKind::Load { .. } => expr.ty.kind() == Kind::Unsigned && expr.ty.size_bytes() < 8,
            ExprKind::Cast { arg } => match func.exprs[*arg].ty.kind() {
                Kind::Bool => true,
                Kind::Signed | Kind::Unsigned => {
                    expr.ty.size_bytes() == 8
                        && func.exprs[*arg].ty.size_bytes() <= 8
                        && self.is_nonneg(func, *arg)
                }
                Kind::Float | Kind::Complex => false,
            },
            ExprKind::Binary { op, left, right } => match op {
                BinaryOp::Add => {
                    let small =
                        |id: ExprId| matches!(func.exprs[id].kind, ExprKind::Const(value) if value.0 < SMALL);
                    (small(*left) && self.is_nonneg(func, *right))
                        || (small(*right) && self.is_nonneg(func, *left))
                }
                BinaryOp::FloorDiv | BinaryOp::Shr => {
                    self.is_nonneg(func, *left) && is_positive_const(func, *right)
                }
                BinaryOp::Mod => is_positive_const(func, *right),
                BinaryOp::And => self.is_nonneg(func, *left) || self.is_nonneg(func, *right),
                BinaryOp::Min => self.is_nonneg(func, *left) && self.is_nonneg(func, *right),
                // The larger of two `u64`s may be the one with the highest bit.
                BinaryOp::Max if expr.ty == DType::U64 => {
                    self.is_nonneg(func, *left) && self.is_nonneg(func, *right)
                }
                BinaryOp::Max => self.is_nonneg(func, *left) || self.is_nonneg(func, *right),
                BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::MulHigh
                | BinaryOp::IntPow
                | BinaryOp::Or
                | BinaryOp::Xor
                | BinaryOp::Shl => false,
            },
            ExprKind::Select { then, orelse, .. } => {
                self.is_nonneg(func, *then) && self.is_nonneg(func, *orelse)
            }
            ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Compare { .. }
            | ExprKind::Wrap { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. }
            | ExprKind::Interrupted => false,
        }
    }

    /// Is there one statement that assigns it, emitted once? Then what follows in that block reads that value.
    pub(super) fn is_single(&self, local: LocalId) -> bool {
        !self.several.contains(local)
    }

    fn assign(&mut self, local: LocalId, may_be_negative: bool) {
        if !self.assigned.insert(local) {
            self.several.insert(local);
        }
        if may_be_negative {
            self.negative.insert(local);
        }
    }

    fn bind(&mut self, array: ArrayId, depth: u32) {
        let first = self.bindings[array] == Binding::Never && depth == 0;
        self.bindings[array] = if first { Binding::OnceAtTop } else { Binding::Variable };
    }

    fn targets(&mut self, targets: &[Target], depth: u32) {
        for target in targets {
            match target {
                Target::Local(local) => self.assign(*local, true),
                Target::Array(array) => self.bind(*array, depth),
            }
        }
    }

    fn block(&mut self, block: &Block, depth: u32) {
        for stmt in block {
            match stmt {
                Stmt::Set { local, .. } => self.assign(*local, false),
                Stmt::SetArray { array, .. } => self.bind(*array, depth),
                Stmt::If { then, orelse, .. } => {
                    self.block(then, depth + 1);
                    self.block(orelse, depth + 1);
                }
                Stmt::While { head, body, .. } => {
                    self.block(head, depth + 1);
                    // A rotated loop has its head twice.
                    self.several.extend(walk::assigned_locals(head).iter());
                    self.block(body, depth + 1);
                }
                Stmt::Loop(l) => {
                    // Also what no iteration combines any more: partial results are combined after the loop.
                    for reduction in &l.reductions {
                        self.assigned.insert(reduction.local);
                        self.several.insert(reduction.local);
                    }
                    self.block(&l.body, depth + 1);
                }
                Stmt::Parallel(call) => {
                    self.bodies.push(call.body);
                    for (local, _) in &call.outputs {
                        self.assign(*local, true);
                    }
                }
                Stmt::Call { callee, results, .. } => {
                    self.callees.push(*callee);
                    self.targets(results, depth);
                }
                Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => self.targets(results, depth),
                Stmt::Return { .. } => self.returns += 1,
                // A released variable has another owner afterwards, so its owner is a variable anyway.
                Stmt::Release { .. }
                | Stmt::Store { .. }
                | Stmt::Accumulate { .. }
                | Stmt::Check { .. }
                | Stmt::Raise { .. }
                | Stmt::Launch { .. }
                | Stmt::Print { .. }
                | Stmt::Fill { .. }
                | Stmt::CopyElements { .. }
                | Stmt::Break
                | Stmt::Continue => {}
            }
        }
    }

    /// Marks locals that are assigned something that may be negative; did anything change?
    fn take_back(&mut self, func: &Func, block: &Block) -> bool {
        let mut changed = false;
        for stmt in block {
            match stmt {
                Stmt::Set { local, value } => {
                    if !self.negative.contains(*local) && !self.is_nonneg(func, *value) {
                        changed |= self.negative.insert(*local);
                    }
                }
                Stmt::Loop(l) => {
                    let stays = if l.step > 0 { self.is_nonneg(func, l.lo) } else { stays_above(func, l.hi) };
                    if !stays {
                        changed |= self.negative.insert(l.var);
                    }
                    changed |= self.take_back(func, &l.body);
                }
                other => {
                    for inner in other.blocks() {
                        changed |= self.take_back(func, inner);
                    }
                }
            }
        }
        changed
    }
}

/// `range(n, -1, -1)`: the variable stays above `hi`.
fn stays_above(func: &Func, hi: ExprId) -> bool {
    matches!(func.exprs[hi].kind, ExprKind::Const(value) if value.as_int() >= -1)
}

fn is_positive_const(func: &Func, expr: ExprId) -> bool {
    matches!(func.exprs[expr].kind, ExprKind::Const(value) if value.as_int() > 0)
}

/// Which functions of a program are needed, and which of them may run inside a parallel loop.
pub(super) struct Reach {
    /// By function; `None` if it is not reachable from the entry.
    pub facts: Vec<Option<Facts>>,
    /// Reachable functions, the entry first.
    pub order: Vec<FuncId>,
    /// Functions that other functions call.
    pub is_called: EntitySet<FuncId>,
    /// Outlined bodies.
    pub is_body: EntitySet<FuncId>,
    /// Outlined bodies and what they call: reference counts must be atomic there.
    pub in_parallel: EntitySet<FuncId>,
}

/// Walks the calls from the entry, but not into functions whose code is made later.
pub(super) fn reach(program: &Program) -> Reach {
    let mut reach = Reach {
        facts: (0..program.funcs.len()).map(|_| None).collect(),
        order: vec![program.entry],
        is_called: EntitySet::new(),
        is_body: EntitySet::new(),
        in_parallel: EntitySet::new(),
    };
    let mut next = 0;
    let mut seen = EntitySet::new();
    seen.insert(program.entry);
    while let Some(&id) = reach.order.get(next) {
        next += 1;
        let facts = collect(program, &program.funcs[id], reach.is_body.contains(id));
        for &callee in facts.callees.iter().filter(|&&callee| !program.funcs[callee].is_cold) {
            reach.is_called.insert(callee);
            if seen.insert(callee) {
                reach.order.push(callee);
            }
        }
        for &body in &facts.bodies {
            reach.is_body.insert(body);
            if seen.insert(body) {
                reach.order.push(body);
            }
        }
        reach.facts[id.index()] = Some(facts);
    }
    let mut work: Vec<FuncId> =
        reach.order.iter().copied().filter(|&id| reach.is_body.contains(id)).collect();
    while let Some(id) = work.pop() {
        if !reach.in_parallel.insert(id) {
            continue;
        }
        if let Some(facts) = &reach.facts[id.index()] {
            let callees = facts.callees.iter().filter(|&&callee| !program.funcs[callee].is_cold);
            work.extend(callees.chain(&facts.bodies));
        }
    }
    reach
}

/// A late function alone. Who calls it may be in a parallel loop.
pub(super) fn reach_late(program: &Program, id: FuncId) -> Reach {
    let mut facts: Vec<Option<Facts>> = (0..program.funcs.len()).map(|_| None).collect();
    facts[id.index()] = Some(collect(program, &program.funcs[id], false));
    let mut in_parallel = EntitySet::new();
    in_parallel.insert(id);
    Reach { facts, order: vec![id], is_called: EntitySet::new(), is_body: EntitySet::new(), in_parallel }
}
