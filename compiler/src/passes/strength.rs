//! Replaces a product with a loop's variable by a sum that goes on from iteration to iteration.
//!
//! ```text
//! for k in 0 .. n {                      %sum: i64 = p * p
//!   x[p * p + k * p] = 0      ==>        for k in 0 .. n {
//! }                                        x[%sum] = 0
//!                                          %sum = %sum + p
//!                                        }
//! ```
//!
//! In innermost loops, for `i64` values `a + k * b` where `a` and `b` are run-time values that do not change in the loop; constants
//! `b` are left to the machine. Values that differ by constants share one sum. Conservative: loops with `continue` are left alone.

use super::PassReport;
use super::linear::{self, Changes, Linear};
use crate::analysis::affine::Poly;
use crate::ir::walk;
use crate::ir::{BinaryOp, Block, Check, ExprId, ExprKind, Func, LocalId, Loop, Program, Stmt, UnaryOp};
use crate::types::DType;

/// Sums in one loop: each takes a register and an addition.
const MAX_SUMS: usize = 4;

/// Reduces products in every function.
pub fn strength(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut count = 0;
        walk::rewrite_blocks(func, &mut |func, block| {
            let mut result = Block::with_capacity(block.len());
            for mut stmt in block.drain(..) {
                if linear::is_innermost(&stmt)
                    && has_products(func, &stmt)
                    && let Some(changes) = counted(&stmt)
                    && let Stmt::Loop(l) = &mut stmt
                {
                    let sums = reduce(func, l, &changes);
                    count += sums.len();
                    for sum in sums {
                        result.push(sum.first);
                        l.body.push(sum.step);
                    }
                }
                result.push(stmt);
            }
            *block = result;
        });
        report.add(count);
    }
}

/// What it assigns, if it is a loop in which something may be added up.
fn counted(stmt: &Stmt) -> Option<Changes> {
    match stmt {
        Stmt::Loop(l) if linear::can_count(l) => Some(Changes::of(stmt)),
        _ => None,
    }
}

/// Is there a product of two variables in the loop?
fn has_products(func: &Func, stmt: &Stmt) -> bool {
    let is_const = |id: ExprId| matches!(func.exprs[id].kind, ExprKind::Const(_));
    let mut found = false;
    if let Stmt::Loop(l) = stmt {
        walk::for_each_expr_in(&func.exprs, &l.body, &mut |_, expr| {
            if let ExprKind::Binary { op: BinaryOp::Mul, left, right } = expr.kind {
                found |= expr.ty == DType::I64 && !is_const(left) && !is_const(right);
            }
        });
    }
    found
}

/// A sum in the making.
struct Sum {
    advance: Poly,
    fixed: Poly,
    local: LocalId,
    /// Before the loop.
    first: Stmt,
    /// At the end of an iteration.
    step: Stmt,
}

fn reduce(func: &mut Func, l: &Loop, changes: &Changes) -> Vec<Sum> {
    let mut linear = Linear::new(changes, Some(l.var));
    let mut sums: Vec<Sum> = Vec::new();
    walk::for_each_stmt(&l.body, &mut |stmt| match stmt {
        // The arguments of a message are seldom computed.
        Stmt::Check { check: Check::Cond(root) | Check::Index { index: root, .. }, .. } => {
            visit(func, l, &mut linear, &mut sums, *root);
        }
        Stmt::Raise { .. } | Stmt::Print { .. } => {}
        _ => walk::for_each_expr_root(stmt, &mut |root| visit(func, l, &mut linear, &mut sums, root)),
    });
    sums
}

fn visit(func: &mut Func, l: &Loop, linear: &mut Linear<'_>, sums: &mut Vec<Sum>, id: ExprId) {
    if is_arithmetic(func, id)
        && let Some(poly) = linear.value(func, id)
        && let Some(parts) = linear.parts(&poly)
        && parts.advance.as_int().is_none()
        && parts.moving.as_int() == Some(0)
        && let Some(sum) = sum_of(func, l, linear, sums, &parts, id)
    {
        let span = func.exprs[id].span;
        func.exprs[id].kind = if parts.constant == 0 {
            ExprKind::Local(sum)
        } else {
            let (left, right) = (func.read(sum, span), func.int(parts.constant, span));
            ExprKind::Binary { op: BinaryOp::Add, left, right }
        };
        return;
    }
    let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
    func.exprs[id].kind.for_each_operand(|operand| operands.push(operand));
    for operand in operands {
        visit(func, l, linear, sums, operand);
    }
}

fn is_arithmetic(func: &Func, id: ExprId) -> bool {
    let expr = &func.exprs[id];
    expr.ty == DType::I64
        && matches!(
            expr.kind,
            ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, .. }
                | ExprKind::Unary { op: UnaryOp::Neg, .. }
        )
}

fn sum_of(
    func: &mut Func,
    l: &Loop,
    linear: &Linear<'_>,
    sums: &mut Vec<Sum>,
    parts: &linear::Parts,
    id: ExprId,
) -> Option<LocalId> {
    let known = sums.iter().find(|sum| sum.advance == parts.advance && sum.fixed == parts.fixed);
    if let Some(sum) = known {
        return Some(sum.local);
    }
    // A product that is not there need not go.
    if sums.len() == MAX_SUMS || !parts.advance.terms().iter().any(|(monomial, _)| !monomial.is_empty()) {
        return None;
    }
    let span = func.exprs[id].span;
    let local = func.temp("sum", DType::I64, span);
    let step = linear::step(func, linear, l, local, &parts.advance, span)?;
    let value = linear::start(func, linear, l, &parts.fixed, &parts.advance, span);
    let (advance, fixed) = (parts.advance.clone(), parts.fixed.clone());
    sums.push(Sum { advance, fixed, local, first: Stmt::Set { local, value }, step });
    Some(local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn reduced(body: &str) -> String {
        let head = "trap0 = K701 IndexError \"out of range\"\n\nentry func f(x: f64[:], p: i64, n: i64) {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap();
        strength(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn a_sieve() {
        let text = reduced(
            "  for k in p .. n {\n    check index(p * p + k * p, x, 0) else trap0()\n    x[p * (k + p)] = x[p + k * p + 1]\n  }\n",
        );
        let expected = "  %sum: i64 = p * p + p * p\n  %sum.2: i64 = p + p * p\n  for k in p .. n {\n    check index(%sum, x, 0) else \
                        trap0\n    x[%sum] = x[%sum.2 + 1]\n    %sum = %sum + p\n    %sum.2 = %sum.2 + p\n  }\n}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn steps_other_than_one() {
        let text = reduced("  for k in n .. 0 step -2 {\n    x[k * p] = 0.0\n  }\n");
        let expected = "  %sum: i64 = n * p\n  for k in n .. 0 step -2 {\n    x[%sum] = 0.0\n    %sum = %sum - p * 2\n  }\n}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_changes_or_goes_on_early_stays() {
        for body in [
            "  for k in 0 .. n {\n    p = p + 1\n    x[k * p] = 0.0\n  }\n",
            "  for k in 0 .. n {\n    if k == 3 {\n      continue\n    }\n    x[k * p] = 0.0\n  }\n",
            "  for k in 0 .. n {\n    x[k * 3 + p] = 0.0\n  }\n",
            "  for k in 0 .. n {\n    x[k * k] = 0.0\n  }\n",
        ] {
            assert_eq!(reduced(body), format!("{body}}}\n"));
        }
    }
}
