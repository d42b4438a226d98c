//! Neighbours on a ring without a division.
//!
//! ```text
//! for j in 0 .. n {                   for j in 0 .. n {
//!   right = (j + 1) % n       ==>       right = select(j + 1 < n, j + 1, 0)
//!   left = (j - 1) % n                  left = select(j - 1 < 0, n - 1, j - 1)
//! }                                   }
//! ```
//!
//! Inside the loop `0 <= j < n`, so the rest is known up to one case. Conservative: loops with step 1 that begin at a constant
//! that is not negative, and a divisor that is the loop's bound and does not change in it.

use super::{PassReport, build};
use crate::ir::walk;
use crate::ir::{BinaryOp, Block, CompareOp, ExprId, ExprKind, Func, Loop, Program, Stmt};
use crate::types::DType;

/// Replaces divisions in every function.
pub fn wraparound(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let has_rest = func.exprs.values().any(|expr| {
            matches!(expr.kind, ExprKind::Binary { op: BinaryOp::Mod, .. }) && expr.ty == DType::I64
        });
        if !has_rest {
            continue;
        }
        let body = std::mem::take(&mut func.body);
        let mut found = Vec::new();
        walk::for_each_stmt(&body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt {
                collect(func, l, &mut found);
            }
        });
        func.body = body;
        report.add(found.len());
        for rest in found {
            replace(func, &rest);
        }
    }
}

/// `(var + offset) % n`, with an offset of 1 or -1.
pub(super) struct Rest {
    pub id: ExprId,
    pub sum: ExprId,
    n: ExprId,
    pub is_next: bool,
}

/// The rests by a loop's bound in it.
pub(super) fn collect(func: &Func, l: &Loop, found: &mut Vec<Rest>) {
    let constant = |id: ExprId| match func.exprs[id].kind {
        ExprKind::Const(value) if func.exprs[id].ty == DType::I64 => Some(value.as_int()),
        _ => None,
    };
    if l.step != 1 || constant(l.lo).is_none_or(|lo| lo < 0) || !is_fixed(func, l.hi, &l.body) {
        return;
    }
    walk::for_each_expr_in(&func.exprs, &l.body, &mut |id, expr| {
        let ExprKind::Binary { op: BinaryOp::Mod, left: sum, right: n } = expr.kind else { return };
        let (left, offset, op) = match func.exprs[sum].kind {
            ExprKind::Binary { op: op @ (BinaryOp::Add | BinaryOp::Sub), left, right } => {
                (left, constant(right), op)
            }
            _ => return,
        };
        let is_next = match (op, offset) {
            (BinaryOp::Add, Some(1)) | (BinaryOp::Sub, Some(-1)) => true,
            (BinaryOp::Add, Some(-1)) | (BinaryOp::Sub, Some(1)) => false,
            _ => return,
        };
        if func.exprs[left].kind == ExprKind::Local(l.var) && walk::same_expr(&func.exprs, n, l.hi) {
            found.push(Rest { id, sum, n, is_next });
        }
    });
}

/// Has a bound the same value all through the body?
pub(super) fn is_fixed(func: &Func, bound: ExprId, body: &Block) -> bool {
    match func.exprs[bound].kind {
        ExprKind::Local(local) => !walk::assigned_locals(body).contains(local),
        ExprKind::Dim { array, .. } => !walk::assigned_arrays(body).contains(array),
        _ => false,
    }
}

/// Replaces a rest by a choice.
pub(super) fn replace(func: &mut Func, rest: &Rest) {
    let span = func.exprs[rest.id].span;
    let (compared, kept) = (func.clone_expr(rest.sum), func.clone_expr(rest.sum));
    let n = func.clone_expr(rest.n);
    func.exprs[rest.id].kind = if rest.is_next {
        let cond = build::compare(func, CompareOp::Lt, compared, n, span);
        let orelse = func.int(0, span);
        ExprKind::Select { cond, then: kept, orelse }
    } else {
        let zero = func.int(0, span);
        let cond = build::compare(func, CompareOp::Lt, compared, zero, span);
        let one = func.int(1, span);
        let last = build::int_binary(func, BinaryOp::Sub, n, one, span);
        ExprKind::Select { cond, then: last, orelse: kept }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn after(body: &str) -> String {
        let head = "entry func f(x: i64[:], n: i64) {\n";
        let mut program =
            parse_program(&format!("{head}{body}}}\n")).unwrap_or_else(|error| panic!("{error}"));
        wraparound(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn neighbours_on_a_ring() {
        assert_eq!(
            after("  for j in 0 .. n {\n    x[j] = (j + 1) % n + (j - 1) % n\n  }\n"),
            "  for j in 0 .. n {\n    x[j] = select(j + 1 < n, j + 1, 0) + select(j - 1 < 0, n - 1, j - 1)\n  }\n"
        );
        let text = after("  for j in 1 .. dim(x, 0) {\n    x[j] = (j + -1) % dim(x, 0)\n  }\n");
        assert!(text.contains("select(j + -1 < 0, dim(x, 0) - 1, j + -1)"), "{text}");
    }

    #[test]
    fn other_rests_stay() {
        for body in [
            "  for j in -1 .. n {\n    x[0] = (j + 1) % n\n  }\n",
            "  for j in 0 .. n {\n    x[j] = (j + 2) % n\n  }\n",
            "  for j in 0 .. n {\n    x[j] = (j + 1) % 7\n  }\n",
            "  for j in 0 .. n step 2 {\n    x[j] = (j + 1) % n\n  }\n",
            "  for j in 0 .. n {\n    x[0] = (j + 1) % n\n    n = n - 1\n  }\n",
        ] {
            assert_eq!(after(body), body);
        }
    }
}
