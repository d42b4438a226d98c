//! What an innermost loop reads while calls go on around it.
//!
//! A call destroys every float register and most others, so a value that lives across one is kept on the stack, and the register
//! allocator then loads it in each iteration of every loop that reads it, calls or not, and may even store it again:
//!
//! ```text
//! for level in ... {                      for level in ... {
//!   s = pow(up, ...)                        s = pow(up, ...)
//!                                 ==>       held = p                a register for the loop's time
//!   for j in 0 .. level {                   for j in 0 .. level {
//!     value[j] = p * value[j]                 value[j] = held * value[j]
//! ```

use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, Block, ExprKind, Func, LocalId, Loop, LoopId, Ownership, Place, Program,
    Stmt, walk,
};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

/// Integers and addresses are held only if they are few: there are not more registers.
const FEW: usize = 7;

/// What an innermost loop without calls reads and does not assign.
pub(super) struct Held {
    pub id: LoopId,
    /// Of type `f64`.
    pub floats: Vec<LocalId>,
    /// Of type `i64`.
    pub ints: Vec<LocalId>,
    /// Arrays whose elements it reads or writes.
    pub arrays: Vec<ArrayId>,
    has_calls_around: bool,
}

/// Innermost loops inside loops with calls.
pub(super) fn collect(program: &Program, func: &Func) -> Vec<Held> {
    let mut scan = Scan { program, func, found: Vec::new() };
    scan.block(&func.body);
    scan.found.retain(|found| found.has_calls_around);
    scan.found
}

struct Scan<'a> {
    program: &'a Program,
    func: &'a Func,
    found: Vec<Held>,
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
                        self.candidate(l);
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

    fn candidate(&mut self, l: &Loop) {
        let func = self.func;
        let (reads, writes) = (walk::read_locals(&func.exprs, &l.body), walk::assigned_locals(&l.body));
        let of = |dtype: DType| -> Vec<LocalId> {
            let kept = |local: &LocalId| func.locals[*local].dtype == dtype && !writes.contains(*local);
            reads.iter().filter(kept).collect()
        };
        let mut held = Held {
            id: l.id,
            floats: of(DType::F64),
            ints: Vec::new(),
            arrays: Vec::new(),
            has_calls_around: false,
        };
        // What a strip leaves is short, and slow copies may be slow.
        if l.strip.is_none() && !func.loops[l.id].is_slow_copy {
            held.ints = of(DType::I64);
            held.ints.retain(|&local| local != l.var);
            held.arrays = indexed(func, &l.body);
            if held.ints.len() + held.arrays.len() > FEW {
                held.ints.clear();
                held.arrays.clear();
            }
        }
        if !(held.floats.is_empty() && held.ints.is_empty() && held.arrays.is_empty()) {
            self.found.push(held);
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

/// Arrays whose elements are found by indices, unless the block binds them.
fn indexed(func: &Func, body: &Block) -> Vec<ArrayId> {
    let (mut found, mut bound) = (Vec::new(), Vec::new());
    let mut note = |array: ArrayId, place: &Place| {
        if matches!(place, Place::Index(_)) && !found.contains(&array) {
            found.push(array);
        }
    };
    walk::for_each_stmt(body, &mut |stmt| match stmt {
        Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. } => note(*array, place),
        Stmt::SetArray { array, .. } => bound.push(*array),
        _ => {}
    });
    walk::for_each_expr_in(&func.exprs, body, &mut |_, expr| {
        if let ExprKind::Load { array, place, .. } = &expr.kind {
            note(*array, place);
        }
    });
    found.retain(|array| !bound.contains(array));
    found
}
