//! Makes counted loops of `while` loops that count.
//!
//! ```text
//! while i < n {                 for %k in i .. n {
//!   y[i] = x[i]                   i = %k
//!   i = i + 1          ==>        y[%k] = x[%k]
//! }                               i = %k + 1
//!                               }
//! ```
//!
//! All that is known of counted loops holds for it then: checks in front of it, vectors. The variable keeps its value after the loop, by
//! whatever way that is left. Conservative: the variable goes on by 1 in the body's last statement and nowhere else, nothing jumps over
//! that, and the bound is a number that the body does not change.

use super::{PassReport, build};
use crate::ir::walk;
use crate::ir::{BinaryOp, Block, CompareOp, ExprId, ExprKind, Func, LocalId, Loop, LoopKind, Program, Stmt};
use crate::types::DType;

/// Replaces the loops of every function.
pub fn counted(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut count = 0;
        walk::rewrite_blocks(func, &mut |func, block| {
            for stmt in block.iter_mut() {
                if let Some(count_of) = counting(func, stmt) {
                    replace(func, stmt, &count_of);
                    count += 1;
                }
            }
        });
        report.add(count);
    }
}

/// A loop that counts.
struct Counting {
    var: LocalId,
    bound: ExprId,
    /// The bound itself is still a value of the loop.
    is_inclusive: bool,
    step: i64,
}

fn counting(func: &Func, stmt: &Stmt) -> Option<Counting> {
    let Stmt::While { head, cond, body, .. } = stmt else { return None };
    let (Stmt::Set { local: var, value }, others) = body.split_last()? else { return None };
    let var = *var;
    if !head.is_empty() || func.locals[var].dtype != DType::I64 {
        return None;
    }
    let step = step(func, var, *value)?;
    let ExprKind::Compare { op, left, right } = func.exprs[*cond].kind else { return None };
    let is_var = |id: ExprId| func.exprs[id].kind == ExprKind::Local(var);
    let (op, bound) = match (is_var(left), is_var(right)) {
        (true, false) => (op, right),
        (false, true) => (mirrored(op), left),
        _ => return None,
    };
    let is_inclusive = match (op, step) {
        (CompareOp::Lt, 1) | (CompareOp::Gt, -1) => false,
        (CompareOp::Le, 1) | (CompareOp::Ge, -1) => true,
        _ => return None,
    };
    let is_right = is_fixed(func, bound, body)
        && (!is_inclusive || has_neighbours(func, bound))
        && !walk::assigned_locals(others).contains(var)
        && !walk::exits(body).continues;
    is_right.then_some(Counting { var, bound, is_inclusive, step })
}

/// `b op a` for `a op b`.
fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
        CompareOp::Eq | CompareOp::Ne => op,
    }
}

/// What `value` adds to the variable, if that is 1 or -1.
fn step(func: &Func, var: LocalId, value: ExprId) -> Option<i64> {
    let ExprKind::Binary { op, left, right } = func.exprs[value].kind else { return None };
    let is_var = |id: ExprId| func.exprs[id].kind == ExprKind::Local(var);
    let (number, sign) = match op {
        BinaryOp::Add if is_var(left) => (right, 1),
        BinaryOp::Add if is_var(right) => (left, 1),
        BinaryOp::Sub if is_var(left) => (right, -1),
        _ => return None,
    };
    let ExprKind::Const(number) = func.exprs[number].kind else { return None };
    (number.as_int().unsigned_abs() == 1).then(|| sign * number.as_int())
}

/// Has the bound the same value all through the loop?
fn is_fixed(func: &Func, bound: ExprId, body: &Block) -> bool {
    let (locals, arrays) = (walk::assigned_locals(body), walk::assigned_arrays(body));
    func.exprs[bound].ty == DType::I64
        && !walk::any_expr(&func.exprs, bound, &mut |expr| match expr.kind {
            ExprKind::Const(_) | ExprKind::Unary { .. } | ExprKind::Binary { .. } => false,
            ExprKind::Local(local) => locals.contains(local),
            ExprKind::Dim { array, .. } => arrays.contains(array),
            _ => true,
        })
}

/// Is it far from the ends of 64 bits: a constant, or an extent with a constant next to it?
fn has_neighbours(func: &Func, bound: ExprId) -> bool {
    let is_small = |id: ExprId| matches!(func.exprs[id].kind, ExprKind::Const(number) if number.as_int().unsigned_abs() < 1 << 40);
    match func.exprs[bound].kind {
        ExprKind::Dim { .. } => true,
        ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub, left, right } => {
            matches!(func.exprs[left].kind, ExprKind::Dim { .. }) && is_small(right)
        }
        _ => is_small(bound),
    }
}

fn replace(func: &mut Func, stmt: &mut Stmt, counting: &Counting) {
    let Stmt::While { id, cond, body, .. } = stmt else { return };
    let &Counting { var, bound, is_inclusive, step } = counting;
    let (id, span) = (*id, func.exprs[*cond].span);
    let mut inner = std::mem::take(body);
    inner.pop();
    let k = func.temp("k", DType::I64, span);
    let mut reads = Vec::new();
    walk::for_each_expr_in(&func.exprs, &inner, &mut |id, expr| {
        if expr.kind == ExprKind::Local(var) {
            reads.push(id);
        }
    });
    for read in reads {
        func.exprs[read].kind = ExprKind::Local(k);
    }
    let lo = func.read(var, span);
    let hi = if is_inclusive { neighbour(func, bound, step) } else { bound };
    let now = func.read(k, span);
    let next = neighbour(func, now, step);
    let first = func.read(k, span);
    inner.insert(0, Stmt::Set { local: var, value: first });
    inner.push(Stmt::Set { local: var, value: next });
    *stmt = Stmt::Loop(Box::new(Loop::new(id, LoopKind::Serial, k, [lo, hi], step, inner)));
}

/// The number after it in the direction of the step.
fn neighbour(func: &mut Func, number: ExprId, step: i64) -> ExprId {
    let span = func.exprs[number].span;
    let by = func.int(step, span);
    build::int_binary(func, BinaryOp::Add, number, by, span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn after(body: &str) -> String {
        let head = "entry func f(x: f64[:], n: i64, i: i64) -> i64 {\n";
        let mut program =
            parse_program(&format!("{head}{body}  return i\n}}\n")).unwrap_or_else(|error| panic!("{error}"));
        counted(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let text = print_program(&program);
        text.strip_prefix(head).unwrap().strip_suffix("  return i\n}\n").unwrap().to_owned()
    }

    #[test]
    fn a_loop_that_counts() {
        assert_eq!(
            after("  while i < n {\n    x[i] = 1.0\n    i = i + 1\n  }\n"),
            "  for %k in i .. n origin while {\n    i = %k\n    x[%k] = 1.0\n    i = %k + 1\n  }\n"
        );
        assert_eq!(
            after(
                "  while dim(x, 0) - 1 >= i {\n    if x[i] > 0.0 {\n      break\n    }\n    i = 1 + i\n  }\n"
            ),
            "  for %k in i .. dim(x, 0) - 1 + 1 origin while {\n    i = %k\n    if x[%k] > 0.0 {\n      break\n    }\n    i = %k + 1\n  }\n"
        );
        assert_eq!(
            after("  while i >= 0 {\n    x[i] = 1.0\n    i = i - 1\n  }\n"),
            "  for %k in i .. 0 + -1 step -1 origin while {\n    i = %k\n    x[%k] = 1.0\n    i = %k + -1\n  }\n"
        );
    }

    #[test]
    fn other_loops_stay() {
        for body in [
            // The bound or the variable changes, or the step is another one.
            "  while i < n {\n    n = n - 1\n    i = i + 1\n  }\n",
            "  while i < n {\n    i = i + 1\n    i = i + 1\n  }\n",
            "  while i < n {\n    i = i + 2\n  }\n",
            "  while i < n {\n    i = i - 1\n  }\n",
            "  while i != n {\n    i = i + 1\n  }\n",
            "  while f64(i) < x[0] {\n    i = i + 1\n  }\n",
            // `n` may be the largest number: then it never ends.
            "  while i <= n {\n    i = i + 1\n  }\n",
            // The last statement is jumped over.
            "  while i < n {\n    if x[i] > 0.0 {\n      i = i + 1\n      continue\n    }\n    i = i + 1\n  }\n",
            "  while i < n {\n    i = i + 1\n    x[0] = 1.0\n  }\n",
        ] {
            assert_eq!(after(body), body);
        }
    }
}
