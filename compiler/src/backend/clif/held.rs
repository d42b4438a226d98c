//! Floats that an innermost loop reads while calls go on around it.
//!
//! A call destroys every float register, so a value that lives across one is kept on the stack, and the register
//! allocator then loads it in each iteration of every loop that reads it, calls or not:
//!
//! ```text
//! for level in ... {                      for level in ... {
//!   s = pow(up, ...)                        s = pow(up, ...)
//!                                 ==>       held = p                a register for the loop's time
//!   for j in 0 .. level {                   for j in 0 .. level {
//!     value[j] = p * value[j]                 value[j] = held * value[j]
//! ```

use crate::ir::{
    ArrayValue, BinaryOp, Block, ExprKind, Func, LocalId, LoopId, Ownership, Program, Stmt, walk,
};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

/// Innermost loops inside loops with calls, and the `f64` locals that each reads and does not assign.
pub(super) fn collect(program: &Program, func: &Func) -> Vec<(LoopId, Vec<LocalId>)> {
    let mut scan = Scan { program, func, found: Vec::new() };
    scan.block(&func.body);
    scan.found
        .into_iter()
        .filter(|found| found.has_calls_around)
        .map(|found| (found.id, found.locals))
        .collect()
}

/// An innermost loop without calls.
struct Found {
    id: LoopId,
    locals: Vec<LocalId>,
    has_calls_around: bool,
}

struct Scan<'a> {
    program: &'a Program,
    func: &'a Func,
    found: Vec<Found>,
}

/// What a block contains.
#[derive(Clone, Copy, Default)]
struct Contents {
    calls: bool,
    loops: bool,
}

impl Scan<'_> {
    fn block(&mut self, block: &Block) -> Contents {
        let mut all = Contents::default();
        for stmt in block {
            let first = self.found.len();
            let mut inside = Contents::default();
            for inner in stmt.blocks() {
                let contents = self.block(inner);
                inside.calls |= contents.calls;
                inside.loops |= contents.loops;
            }
            match stmt {
                Stmt::Loop(l) => {
                    if !inside.calls && !inside.loops {
                        self.candidate(l.id, &l.body);
                    }
                    self.decide(first, inside.calls);
                    inside.loops = true;
                }
                Stmt::While { .. } => {
                    self.decide(first, inside.calls);
                    inside.loops = true;
                }
                _ => {}
            }
            all.calls |= inside.calls || self.is_call(stmt);
            all.loops |= inside.loops;
        }
        all
    }

    /// A loop ends that began before what was found from `first` on.
    fn decide(&mut self, first: usize, calls: bool) {
        if calls {
            self.found[first..].iter_mut().for_each(|found| found.has_calls_around = true);
        }
    }

    fn candidate(&mut self, id: LoopId, body: &Block) {
        let reads = walk::read_locals(&self.func.exprs, body);
        let writes = walk::assigned_locals(body);
        let held: Vec<LocalId> = reads
            .iter()
            .filter(|&local| self.func.locals[local].dtype == DType::F64 && !writes.contains(local))
            .collect();
        if !held.is_empty() {
            self.found.push(Found { id, locals: held, has_calls_around: false });
        }
    }

    fn is_call(&self, stmt: &Stmt) -> bool {
        match stmt {
            // It keeps all registers.
            Stmt::Call { callee, .. } => return !self.program.funcs[*callee].is_cold,
            Stmt::Runtime { .. }
            | Stmt::Device { .. }
            | Stmt::Launch { .. }
            | Stmt::Parallel(_)
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. }
            | Stmt::Release { .. } => return true,
            Stmt::SetArray { array, value }
                if matches!(value, ArrayValue::Alloc { .. })
                    || self.func.arrays[*array].ownership == Ownership::Owned =>
            {
                return true;
            }
            // What only an error evaluates.
            Stmt::Check { .. } | Stmt::Raise { .. } => return false,
            _ => {}
        }
        let mut calls = false;
        walk::for_each_expr_root(stmt, &mut |root| {
            calls |= walk::any_expr(&self.func.exprs, root, &mut |expr| match &expr.kind {
                ExprKind::Math1 { function, .. } => !matches!(
                    function,
                    MathFn1::Sqrt
                        | MathFn1::Fabs
                        | MathFn1::Floor
                        | MathFn1::Ceil
                        | MathFn1::Trunc
                        | MathFn1::Rint
                        | MathFn1::Degrees
                        | MathFn1::Radians
                ),
                ExprKind::Math2 { function, .. } => *function != MathFn2::Copysign,
                ExprKind::Binary { op: BinaryOp::IntPow, .. } => true,
                ExprKind::Binary { op: BinaryOp::Mod | BinaryOp::FloorDiv, .. } => expr.ty.is_float(),
                _ => false,
            });
        });
        calls
    }
}
