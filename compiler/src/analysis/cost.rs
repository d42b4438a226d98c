//! How long an iteration takes, roughly: a table of ns per operation, and 100 iterations for loops of unknown length.
//!
//! Facts only, and rough ones: they decide how a parallel loop is cut into chunks, where a factor of two does not matter.

use crate::ir::{BinaryOp, ExprId, ExprKind, Func, FuncId, Program, Stmt, UnaryOp, walk};

/// Iterations assumed where the number is not constant.
const UNKNOWN_TRIPS: f32 = 100.0;
/// Calls deeper than this count as [`CALL_NS`].
const MAX_CALL_DEPTH: u32 = 4;
const CALL_NS: f32 = 50.0;
const SERVICE_NS: f32 = 20.0;
const ALLOC_NS: f32 = 50.0;
const FILL_NS: f32 = 100.0;

/// Estimated ns of one run of the block.
#[must_use]
pub fn block_ns(program: &Program, func: &Func, block: &[Stmt]) -> f32 {
    block_at(program, func, block, 0)
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
                    crate::ir::RuntimeFn::RandomSeed
                        | crate::ir::RuntimeFn::RandomF64
                        | crate::ir::RuntimeFn::RandomUniform
                        | crate::ir::RuntimeFn::RandomNormal
                        | crate::ir::RuntimeFn::RandomInt
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

fn block_at(program: &Program, func: &Func, block: &[Stmt], depth: u32) -> f32 {
    block.iter().map(|stmt| stmt_ns(program, func, stmt, depth)).sum()
}

fn stmt_ns(program: &Program, func: &Func, stmt: &Stmt, depth: u32) -> f32 {
    let mut own = 0.0;
    walk::for_each_expr_root(stmt, &mut |root| own += expr_ns(func, root));
    own + match stmt {
        Stmt::If { then, orelse, .. } => {
            let (then, orelse) =
                (block_at(program, func, then, depth), block_at(program, func, orelse, depth));
            0.5 + then.max(orelse)
        }
        Stmt::While { head, body, .. } => {
            UNKNOWN_TRIPS
                * (0.5 + block_at(program, func, head, depth) + block_at(program, func, body, depth))
        }
        Stmt::Loop(l) => {
            let trips = match (&func.exprs[l.lo].kind, &func.exprs[l.hi].kind) {
                (ExprKind::Const(lo), ExprKind::Const(hi)) => {
                    let distance = (hi.as_int() as f32 - lo.as_int() as f32) / l.step as f32;
                    distance.max(0.0)
                }
                _ => UNKNOWN_TRIPS,
            };
            1.0 + trips * (0.4 + block_at(program, func, &l.body, depth))
        }
        Stmt::Parallel(call) => UNKNOWN_TRIPS * call.cost_ns,
        Stmt::Call { callee, .. } => {
            if depth < MAX_CALL_DEPTH {
                let callee = &program.funcs[*callee];
                2.0 + block_at(program, callee, &callee.body, depth + 1)
            } else {
                CALL_NS
            }
        }
        Stmt::Runtime { .. } => SERVICE_NS,
        Stmt::SetArray { value, .. } => match value {
            crate::ir::ArrayValue::Alloc { .. } => ALLOC_NS,
            crate::ir::ArrayValue::Same(_)
            | crate::ir::ArrayValue::View { .. }
            | crate::ir::ArrayValue::Transpose { .. }
            | crate::ir::ArrayValue::Part { .. } => 2.0,
        },
        Stmt::Fill { .. } | Stmt::CopyElements { .. } | Stmt::Print { .. } => FILL_NS,
        Stmt::Store { .. } | Stmt::Accumulate { .. } => 0.5,
        Stmt::Check { .. } => 0.3,
        Stmt::Set { .. }
        | Stmt::Release { .. }
        | Stmt::Raise { .. }
        | Stmt::Break
        | Stmt::Continue
        | Stmt::Return { .. } => 0.0,
    }
}

fn expr_ns(func: &Func, root: ExprId) -> f32 {
    let mut total = 0.0;
    walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
        total += match &expr.kind {
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Interrupted => 0.0,
            ExprKind::Load { .. } => 0.5,
            ExprKind::Unary { op, .. } => match op {
                UnaryOp::Neg | UnaryOp::Not | UnaryOp::Invert | UnaryOp::Abs => 0.2,
            },
            ExprKind::Binary { op, .. } => match op {
                BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod => {
                    if expr.ty.is_float() && *op != BinaryOp::Div { 15.0 } else { 3.0 }
                }
                BinaryOp::IntPow => 10.0,
                BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Xor
                | BinaryOp::Shl
                | BinaryOp::Shr
                | BinaryOp::Min
                | BinaryOp::Max => {
                    if expr.ty.is_float() {
                        0.6
                    } else {
                        0.25
                    }
                }
            },
            ExprKind::Compare { .. }
            | ExprKind::Select { .. }
            | ExprKind::Cast { .. }
            | ExprKind::Wrap { .. } => 0.3,
            ExprKind::Math1 { .. } => 10.0,
            ExprKind::Math2 { .. } => 20.0,
            ExprKind::Fma { .. } => 0.6,
            ExprKind::Overlaps { .. } => 5.0,
        };
    });
    total
}
