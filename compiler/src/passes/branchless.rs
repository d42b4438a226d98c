//! Keeps the better of two values without a branch, which data would decide at random.
//!
//! ```text
//! if d < best {                 nearest = select(d < best, c, nearest)
//!   best = d            ==>     best = min(best, d)
//!   nearest = c
//! }
//! ```
//!
//! Likewise counting: `if c { n = n + 1 }` becomes `n = select(c, n + 1, n)`.
//!
//! `min` and `max` keep the first operand unless the second is better, as the branch does, NaN included. Conservative: only
//! branches whose comparison is that of an extremum, and beside it copies of integers and truth values: the machine has
//! no conditional move for floats.

use super::{PassReport, build};
use crate::ir::walk;
use crate::ir::{BinaryOp, Block, CompareOp, ExprId, ExprKind, Func, LocalId, Program, Stmt};
use crate::types::DType;

/// Other variables that travel with the extremum, at most.
const COMPANIONS: usize = 2;

/// Replaces branches in every function.
pub fn branchless(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut count = 0;
        walk::rewrite_blocks(func, &mut |func, block| {
            if !block.iter().any(|stmt| matches!(stmt, Stmt::If { .. })) {
                return;
            }
            let mut result = Block::with_capacity(block.len());
            for stmt in block.drain(..) {
                if let Some((cond, local, then)) = counting(func, &stmt) {
                    count += 1;
                    let span = func.exprs[then].span;
                    let orelse = func.read(local, span);
                    let ty = func.locals[local].dtype;
                    let value = func.expr(ExprKind::Select { cond, then, orelse }, ty, span);
                    result.push(Stmt::Set { local, value });
                    continue;
                }
                match extremum(func, &stmt) {
                    Some(found) => {
                        count += 1;
                        emit(func, &found, &mut result);
                    }
                    None => result.push(stmt),
                }
            }
            *block = result;
        });
        report.add(count);
    }
}

/// `if cond { n = n + constant }` on integers: the condition, the variable and its new value.
fn counting(func: &Func, stmt: &Stmt) -> Option<(ExprId, LocalId, ExprId)> {
    let Stmt::If { cond, then, orelse } = stmt else { return None };
    let ([Stmt::Set { local, value }], []) = (then.as_slice(), orelse.as_slice()) else { return None };
    let ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub, left, right } = func.exprs[*value].kind else {
        return None;
    };
    let is_integer = matches!(func.locals[*local].dtype, DType::I64 | DType::U64);
    let is_counting = func.exprs[left].kind == ExprKind::Local(*local)
        && matches!(func.exprs[right].kind, ExprKind::Const(_));
    (is_integer && is_counting).then_some((*cond, *local, *value))
}

/// `if new is better than best { best = new; companions }`
struct Extremum {
    is_min: bool,
    best: LocalId,
    new: ExprId,
    companions: Vec<(LocalId, ExprId)>,
}

fn extremum(func: &Func, stmt: &Stmt) -> Option<Extremum> {
    let Stmt::If { cond, then, orelse } = stmt else { return None };
    if !orelse.is_empty() || then.is_empty() || then.len() > COMPANIONS + 1 {
        return None;
    }
    let ExprKind::Compare { op, left, right } = func.exprs[*cond].kind else { return None };
    let (smaller, larger) = match op {
        CompareOp::Lt => (left, right),
        CompareOp::Gt => (right, left),
        CompareOp::Eq | CompareOp::Ne | CompareOp::Le | CompareOp::Ge => return None,
    };
    if !matches!(func.exprs[left].ty, DType::F64 | DType::F32 | DType::I64) {
        return None;
    }
    let mut found: Option<(bool, LocalId, ExprId)> = None;
    let mut companions = Vec::new();
    for stmt in then {
        let Stmt::Set { local, value } = *stmt else { return None };
        let is = |id: ExprId| func.exprs[id].kind == ExprKind::Local(local);
        let same = |id: ExprId| walk::same_expr(&func.exprs, id, value);
        if found.is_none() && is(larger) && same(smaller) {
            found = Some((true, local, smaller));
        } else if found.is_none() && is(smaller) && same(larger) {
            found = Some((false, local, larger));
        } else {
            let is_copy = matches!(func.exprs[value].kind, ExprKind::Local(_) | ExprKind::Const(_));
            let is_movable = matches!(func.locals[local].dtype, DType::I64 | DType::U64 | DType::Bool);
            if !is_copy || !is_movable {
                return None;
            }
            companions.push((local, value));
        }
    }
    let (is_min, best, new) = found?;
    // In the new order every value is read before any of the group is set.
    let is_target = |id: ExprId| {
        walk::any_expr(&func.exprs, id, &mut |expr| match expr.kind {
            ExprKind::Local(local) => local == best || companions.iter().any(|(other, _)| *other == local),
            _ => false,
        })
    };
    let is_twice = |(k, (local, _)): (usize, &(LocalId, ExprId))| {
        companions[..k].iter().any(|(other, _)| other == local) || *local == best
    };
    if is_target(new)
        || companions.iter().any(|(_, value)| is_target(*value))
        || companions.iter().enumerate().any(is_twice)
    {
        return None;
    }
    Some(Extremum { is_min, best, new, companions })
}

fn emit(func: &mut Func, found: &Extremum, result: &mut Block) {
    let span = func.exprs[found.new].span;
    let ty = func.exprs[found.new].ty;
    let new = match func.exprs[found.new].kind {
        ExprKind::Local(local) => local,
        _ => {
            let temp = func.temp("new", ty, span);
            let value = func.clone_expr(found.new);
            result.push(Stmt::Set { local: temp, value });
            temp
        }
    };
    for &(local, value) in &found.companions {
        let (left, right) = (func.read(new, span), func.read(found.best, span));
        let op = if found.is_min { CompareOp::Lt } else { CompareOp::Gt };
        let cond = build::compare(func, op, left, right, span);
        let then = func.clone_expr(value);
        let orelse = func.read(local, span);
        let value = func.expr(ExprKind::Select { cond, then, orelse }, func.locals[local].dtype, span);
        result.push(Stmt::Set { local, value });
    }
    let (left, right) = (func.read(found.best, span), func.read(new, span));
    let op = if found.is_min { BinaryOp::Min } else { BinaryOp::Max };
    let value = func.expr(ExprKind::Binary { op, left, right }, ty, span);
    result.push(Stmt::Set { local: found.best, value });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn after(body: &str) -> String {
        let head = "entry func f(x: f64[:], n: i64) -> f64, i64 {\n  best: f64 = 0.0\n  at: i64 = 0\n  for i in 0 .. dim(x, 0) {\n";
        let tail = "  }\n  return best, at\n}\n";
        let mut program =
            parse_program(&format!("{head}{body}{tail}")).unwrap_or_else(|error| panic!("{error}"));
        branchless(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let text = print_program(&program);
        text.strip_prefix(head).and_then(|text| text.strip_suffix(tail)).unwrap_or(&text).to_owned()
    }

    #[test]
    fn an_extremum_and_its_place() {
        let text = after("    d: f64 = x[i]\n    if d > best {\n      best = d\n      at = i\n    }\n");
        let expected = "    d: f64 = x[i]\n    at = select(d > best, i, at)\n    best = max(best, d)\n";
        assert_eq!(text, expected);
        // The other way round, and the place set first.
        let text = after("    d: f64 = x[i]\n    if best > d {\n      at = i\n      best = d\n    }\n");
        assert!(text.contains("at = select(d < best, i, at)\n    best = min(best, d)\n"), "{text}");
    }

    #[test]
    fn counting_needs_no_branch() {
        let text = after("    if x[i] > 0.5 {\n      at = at + 1\n    }\n");
        assert_eq!(text, "    at = select(x[i] > 0.5, at + 1, at)\n");
    }

    #[test]
    fn a_value_that_is_computed_is_computed_once() {
        let text = after("    if abs(x[i]) < best {\n      best = abs(x[i])\n    }\n");
        assert_eq!(text, "    %new: f64 = abs(x[i])\n    best = min(best, %new)\n");
    }

    #[test]
    fn other_branches_stay() {
        for body in [
            // No extremum.
            "    if x[i] > best {\n      at = i\n    }\n",
            // Equal values replace.
            "    if x[i] >= best {\n      best = x[i]\n    }\n",
            // The place depends on the group.
            "    if x[i] > best {\n      best = x[i]\n      at = at + 1\n    }\n",
            // Nothing but copies.
            "    if x[i] > best {\n      best = x[i]\n      x[i] = 0.0\n    }\n",
            "    if x[i] > best {\n      best = x[i]\n    } else {\n      at = i\n    }\n",
        ] {
            assert_eq!(after(body), body);
        }
    }
}
