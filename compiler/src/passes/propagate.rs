//! Reads a copied variable, or a variable that holds a constant, at its source.
//!
//! ```text
//! for %k in 0 .. n {                 for %k in 0 .. n {
//!   i: i64 = %k               ==>      i: i64 = %k
//!   y[i] = x[i]                        y[%k] = x[%k]
//! }                                  }
//! ```
//!
//! So the passes after it see loop variables in indices; `dead` removes the copy. Conservative: within straight lines and
//! down into branches and loops that assign neither variable.

use rustc_hash::FxHashMap;

use super::PassReport;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{Const, ExprId, ExprKind, Func, LocalId, Program, Stmt};

#[derive(Clone, Copy)]
enum Copied {
    Local(LocalId),
    Const(Const),
}

type Copies = FxHashMap<LocalId, Copied>;

/// Propagates copies and constants in every function.
pub fn propagate(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut body = std::mem::take(&mut func.body);
        let mut count = 0;
        block(func, &mut body, &mut Copies::default(), &mut count);
        func.body = body;
        report.add(count);
    }
}

fn block(func: &mut Func, stmts: &mut [Stmt], copies: &mut Copies, count: &mut usize) {
    for stmt in stmts {
        match stmt {
            Stmt::While { head, body, .. } => {
                let mut assigned = walk::assigned_locals(head);
                assigned.extend(walk::assigned_locals(body).iter());
                forget(copies, &assigned);
            }
            Stmt::Loop(l) => {
                // The bounds are read before the first iteration.
                let (lo, hi) = (l.lo, l.hi);
                replace(func, lo, copies, count);
                replace(func, hi, copies, count);
                let mut assigned = walk::assigned_locals(&l.body);
                assigned.insert(l.var);
                forget(copies, &assigned);
            }
            _ => {}
        }
        match stmt {
            Stmt::While { head, cond, body, .. } => {
                let cond = *cond;
                let mut inner = copies.clone();
                block(func, head, &mut inner, count);
                replace(func, cond, &inner, count);
                // `continue` in the head would skip to the head again; the body starts after the head.
                block(func, body, &mut inner, count);
                continue;
            }
            Stmt::Loop(l) => {
                let mut inner = copies.clone();
                block(func, &mut l.body, &mut inner, count);
                continue;
            }
            _ => {}
        }
        walk::for_each_expr_root(stmt, &mut |root| replace(func, root, copies, count));
        if let Stmt::If { then, orelse, .. } = stmt {
            for branch in [then, orelse] {
                block(func, branch, &mut copies.clone(), count);
                let assigned = walk::assigned_locals(branch);
                forget(copies, &assigned);
            }
            continue;
        }
        let mut written = LocalSet::new();
        walk::for_each_local_written(stmt, &mut |local| {
            written.insert(local);
        });
        forget(copies, &written);
        if let Stmt::Set { local, value } = stmt {
            match func.exprs[*value].kind {
                ExprKind::Local(source) if source != *local => {
                    copies.insert(*local, Copied::Local(source));
                }
                ExprKind::Const(value) => {
                    copies.insert(*local, Copied::Const(value));
                }
                _ => {}
            }
        }
    }
}

fn forget(copies: &mut Copies, assigned: &LocalSet) {
    copies.retain(|&local, source| {
        let source_changes = matches!(source, Copied::Local(source) if assigned.contains(*source));
        !assigned.contains(local) && !source_changes
    });
}

fn replace(func: &mut Func, root: ExprId, copies: &Copies, count: &mut usize) {
    if copies.is_empty() {
        return;
    }
    let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
    func.exprs[root].kind.for_each_operand(|operand| operands.push(operand));
    for operand in operands {
        replace(func, operand, copies, count);
    }
    if let ExprKind::Local(local) = func.exprs[root].kind
        && let Some(source) = copies.get(&local)
    {
        *count += 1;
        func.exprs[root].kind = match *source {
            Copied::Local(source) => ExprKind::Local(source),
            Copied::Const(value) => ExprKind::Const(value),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};

    #[test]
    fn copies_of_loop_variables() {
        let text = "entry func f(x: f64[:], n: i64) -> i64 {\n  i: i64 = 0\n  for %k in 0 .. n {\n    i = %k\n    x[i] = 0.0\n    \
                    i = i + 1\n    x[i] = 1.0\n  }\n  return i\n}\n";
        let mut program = parse_program(text).unwrap();
        propagate(&mut program, &mut PassReport::default());
        let expected = "entry func f(x: f64[:], n: i64) -> i64 {\n  i: i64 = 0\n  for %k in 0 .. n {\n    i = %k\n    x[%k] = 0.0\n    \
                        i = %k + 1\n    x[i] = 1.0\n  }\n  return i\n}\n";
        assert_eq!(print_program(&program), expected);
    }
}
