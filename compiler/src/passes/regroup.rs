//! Where `fastmath` allows regrouping, a float sum or product of a loop becomes several partial ones, which vectors and
//! overlapping additions can compute.
//!
//! ```text
//! for i in 0 .. dim(x, 0) {                   for i in 0 .. dim(x, 0) reduce(s +) {
//!   s = s + x[i]                      ==>       s = s + x[i]
//! }                                           }
//! ```
//!
//! What that means is said at [`partials`](crate::ir::parallel::partials): the same order of operations in every engine and on every
//! processor. So it runs before the list of passes. Innermost loops only, and only where elements are read in the order in which
//! they lie in memory, or none are: elsewhere an outer loop is the better one for vectors. How many iterations there are decides at
//! run time: [short loops](crate::ir::parallel::regroups) keep their order. Those that are known to be short are left alone.

use super::PassReport;
use crate::ir::parallel;
use crate::ir::walk::{self, Exprs};
use crate::ir::{
    BinaryOp, ExprId, ExprKind, Func, LocalId, Loop, LoopKind, Place, Program, ReduceOp, Reduction, Stmt,
};

/// Regroups in every function that allows it.
pub fn regroup(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut().filter(|func| func.fastmath.reassoc) {
        let mut found = Vec::new();
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt {
                let reductions = reductions(func, l);
                if !reductions.is_empty() {
                    found.push((l.id, reductions));
                }
            }
        });
        report.add(found.len());
        walk::for_each_stmt_mut(&mut func.body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt
                && let Some(at) = found.iter().position(|(id, _)| *id == l.id)
            {
                l.reductions = found.swap_remove(at).1;
            }
        });
    }
}

/// What the loop only adds to or only multiplies.
fn reductions(func: &Func, l: &Loop) -> Vec<Reduction> {
    if l.kind != LoopKind::Serial || !is_plain(func, l) || !reads_in_order(func, l) {
        return Vec::new();
    }
    let mut candidates: Vec<(LocalId, ReduceOp)> = Vec::new();
    let mut refused: Vec<LocalId> = Vec::new();
    walk::for_each_stmt(&l.body, &mut |stmt| {
        let mut own = None;
        if let Stmt::Set { local, value } = stmt {
            match combination(func, *local, *value) {
                Some(op)
                    if !candidates.contains(&(*local, op))
                        && candidates.iter().all(|(known, _)| known != local) =>
                {
                    candidates.push((*local, op));
                    own = Some(*local);
                }
                _ => refused.push(*local),
            }
        }
        // Any other read of it needs the true sum.
        walk::for_each_expr_root(stmt, &mut |root| {
            walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
                if let ExprKind::Local(local) = expr.kind
                    && own != Some(local)
                {
                    refused.push(local);
                }
            });
        });
    });
    candidates.retain(|(local, _)| !refused.contains(local));
    candidates.into_iter().map(|(local, op)| Reduction { local, op, companions: Vec::new() }).collect()
}

/// No loops inside, no jumps out, not known to be short.
fn is_plain(func: &Func, l: &Loop) -> bool {
    let mut has_loops = false;
    walk::for_each_stmt(&l.body, &mut |stmt| {
        has_loops |= matches!(stmt, Stmt::Loop(_) | Stmt::While { .. } | Stmt::Parallel(_));
    });
    let is_short = l.constant_trip(&func.exprs).is_some_and(|trip| !parallel::regroups(trip));
    let exits = walk::exits(&l.body);
    !has_loops && !is_short && !exits.breaks && !exits.returns
}

/// Is the value `local op e`, with no other mention of the local in it?
fn combination(func: &Func, local: LocalId, value: ExprId) -> Option<ReduceOp> {
    let expr = &func.exprs[value];
    let is_local = |id: ExprId| func.exprs[id].kind == ExprKind::Local(local);
    let mentions = |id: ExprId| walk::reads_local(&func.exprs, id, local);
    if !expr.ty.is_float() {
        return None;
    }
    match expr.kind {
        ExprKind::Binary { op: op @ (BinaryOp::Add | BinaryOp::Mul), left, right }
            if (is_local(left) && !mentions(right)) || (is_local(right) && !mentions(left)) =>
        {
            Some(if op == BinaryOp::Add { ReduceOp::Add } else { ReduceOp::Mul })
        }
        ExprKind::Binary { op: BinaryOp::Sub, left, right } if is_local(left) && !mentions(right) => {
            Some(ReduceOp::Add)
        }
        _ => None,
    }
}

/// Does every load that depends on the loop's variable go from element to element of a last axis?
fn reads_in_order(func: &Func, l: &Loop) -> bool {
    let exprs = &func.exprs;
    // What is computed in the body varies; what is only ever the loop's variable is as good as that.
    let varying = walk::assigned_locals(&l.body);
    let mut counters = walk::LocalSet::new();
    let mut others = walk::LocalSet::new();
    walk::for_each_stmt(&l.body, &mut |stmt| {
        if let Stmt::Set { local, value } = stmt
            && exprs[*value].kind == ExprKind::Local(l.var)
        {
            counters.insert(*local);
        } else {
            walk::for_each_local_written(stmt, &mut |local| {
                others.insert(local);
            });
        }
    });
    let order = Order {
        exprs,
        is_counter: &|local| local == l.var || (counters.contains(local) && !others.contains(local)),
        varying: &varying,
    };
    let mut is_in_order = true;
    walk::for_each_expr_in(exprs, &l.body, &mut |_, expr| {
        if let ExprKind::Load { place: Place::Index(indices), .. } = &expr.kind
            && let Some((&last, others)) = indices.split_last()
        {
            let is_unit = !order.varies(last) || order.is_shifted_counter(last);
            is_in_order &= is_unit && !others.iter().any(|&index| order.varies(index));
        }
    });
    is_in_order
}

/// How values change from iteration to iteration.
struct Order<'a> {
    exprs: &'a Exprs,
    is_counter: &'a dyn Fn(LocalId) -> bool,
    varying: &'a walk::LocalSet,
}

impl Order<'_> {
    fn varies(&self, id: ExprId) -> bool {
        walk::any_expr(self.exprs, id, &mut |expr| match expr.kind {
            ExprKind::Local(local) => (self.is_counter)(local) || self.varying.contains(local),
            ExprKind::Load { .. } => true,
            _ => false,
        })
    }

    /// Is it the counter plus something that does not vary?
    fn is_shifted_counter(&self, id: ExprId) -> bool {
        match self.exprs[id].kind {
            ExprKind::Local(local) => (self.is_counter)(local),
            ExprKind::Wrap { index, .. } => self.is_shifted_counter(index),
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                (self.is_shifted_counter(left) && !self.varies(right))
                    || (self.is_shifted_counter(right) && !self.varies(left))
            }
            ExprKind::Binary { op: BinaryOp::Sub, left, right } => {
                self.is_shifted_counter(left) && !self.varies(right)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};

    /// The head of the first loop after the pass.
    fn head(fast: &str, bounds: &str, body: &str) -> String {
        let text = format!(
            "entry func f(x: f64[:, :] read, n: i64, r: i64) -> f64{fast} {{\n  var t: f64\n  t = 0.0\n  s: f64 = 0.0\n  for i in {bounds} {{\n    {body}\n  }}\n  return s + t\n}}\n"
        );
        let mut program = parse_program(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        regroup(&mut program, &mut PassReport::default());
        crate::ir::verify(&program).unwrap();
        let printed = print_program(&program);
        printed.lines().find(|line| line.contains("for i")).unwrap().trim().to_owned()
    }

    #[test]
    fn sums_in_the_order_of_memory() {
        let fast = " fastmath(reassoc)";
        for (bounds, body, reduces) in [
            ("0 .. n", "s = s + x[r, i]", " reduce(s +)"),
            ("0 .. n", "k: i64 = i\n s = x[r, k + 1] * 2.0 + s", " reduce(s +)"),
            ("0 .. n", "s = s - x[r, i]\n t = t * 1.5", " reduce(s +, t *)"),
            ("0 .. n", "if x[r, i] > 0.0 {\n s = s + x[r, i]\n }", " reduce(s +)"),
            // A column, a row in steps, an element that the data names.
            ("0 .. n", "s = s + x[i, r]", ""),
            ("0 .. n", "s = s + x[r, 2 * i]", ""),
            ("0 .. n", "s = s + x[r, i64(x[0, i])]", ""),
            // The sum so far is read, or changed in another way.
            ("0 .. n", "s = s + x[r, i] * s", ""),
            ("0 .. n", "s = s + x[r, i]\n t = s", ""),
            ("0 .. n", "s = s + x[r, i]\n s = s * 0.5", ""),
            ("0 .. n", "s = x[r, i] - s", ""),
            ("0 .. n", "if x[r, i] > 0.0 {\n continue\n }\n s = s + x[r, i]", " reduce(s +)"),
            // It may end early, or is short.
            ("0 .. n", "s = s + x[r, i]\n if s > 9.0 {\n break\n }", ""),
            ("0 .. 8", "s = s + x[r, i]", ""),
            ("0 .. 15", "s = s + x[r, i]", ""),
            ("0 .. 16", "s = s + x[r, i]", " reduce(s +)"),
            ("16 .. 0 step -1", "s = s + x[r, i]", " reduce(s +)"),
            ("0 .. 31 step 2", "s = s + x[r, i]", " reduce(s +)"),
            ("0 .. 30 step 2", "s = s + x[r, i]", ""),
        ] {
            assert_eq!(head(fast, bounds, body), format!("for i in {bounds}{reduces} {{"), "{body}");
            assert_eq!(head("", bounds, body), format!("for i in {bounds} {{"), "strict: {body}");
        }
    }
}
