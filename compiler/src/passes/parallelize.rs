//! Carries out what the race check decided about each parallel loop.
//!
//! ```text
//! parallel i in 0 .. n {              if not overlaps(x, y) {
//!   s = s + x[i]                        parallel i in 0 .. n reduce(s +) {
//!   y[i] = x[i]                           s = s + x[i]
//! }                            ==>        y[i] = x[i]
//!                                       }
//!                                     } else {
//!                                     }
//! ```
//!
//! The other branch stays empty: `outline` fills it with a call of the loop's body for all iterations in order.
//!
//! In: the IR that was checked, unchanged since. Conservative: a loop without a decision becomes serial.

use rustc_hash::{FxHashMap, FxHashSet};

use super::build;
use crate::analysis::race::{Decision, RaceReport, Requirement};
use crate::ir::walk;
use crate::ir::{
    BinaryOp, CompareOp, ExprId, ExprKind, Func, FuncId, LocalId, Loop, LoopId, LoopKind, Program, Stmt,
};
use crate::types::DType;

/// Parallel loops that must run serially if the condition in front of them is false. Each is alone in the first branch of an
/// `if` with that condition.
pub type Conditional = FxHashSet<(FuncId, LoopId)>;

/// Applies the decisions and records a remark for each loop.
pub fn parallelize(program: &mut Program, report: &RaceReport) -> Conditional {
    let mut conditional = Conditional::default();
    let mut by_loop: FxHashMap<(FuncId, LoopId), &Decision> = FxHashMap::default();
    for decision in &report.decisions {
        by_loop.insert((decision.func, decision.id), decision);
        program.remarks.push(decision.remark.clone());
    }
    let ids: Vec<FuncId> = program.funcs.keys().collect();
    for id in ids {
        walk::rewrite_blocks(&mut program.funcs[id], &mut |func, block| {
            for stmt in block.iter_mut() {
                if let Stmt::Loop(l) = stmt
                    && l.kind == LoopKind::Parallel
                {
                    match by_loop.get(&(id, l.id)) {
                        Some(decision) if decision.is_parallel => {
                            if !decision.requirements.is_empty() {
                                conditional.insert((id, l.id));
                            }
                            *stmt = decided(func, l, decision);
                        }
                        _ => l.kind = LoopKind::Serial,
                    }
                }
            }
        });
    }
    conditional
}

fn decided(func: &mut Func, l: &Loop, decision: &Decision) -> Stmt {
    let span = func.loops[l.id].span;
    let conditions: Vec<ExprId> = decision.requirements.iter().map(|r| condition(func, r, span)).collect();
    let condition = build::all_of(func, &conditions, span);
    let mut parallel = l.clone();
    parallel.reductions.clone_from(&decision.reductions);
    parallel.array_reductions.clone_from(&decision.array_reductions);
    parallel.last_values.clone_from(&decision.last_values);
    for &(local, value) in &decision.flags {
        combine_flag(func, &mut parallel.body, local, value);
    }
    let parallel = Stmt::Loop(Box::new(parallel));
    match condition {
        Some(cond) => Stmt::If { cond, then: vec![parallel], orelse: Vec::new() },
        None => parallel,
    }
}

/// A requirement as an expression.
pub(super) fn condition(func: &mut Func, requirement: &Requirement, span: crate::base::Span) -> ExprId {
    match requirement {
        Requirement::Disjoint(a, b) => {
            let overlaps = func.expr(ExprKind::Overlaps { a: *a, b: *b }, DType::Bool, span);
            build::not(func, overlaps, span)
        }
        Requirement::AtLeastZero(sum) => {
            let sum = build::sum(func, sum, span);
            let zero = func.int(0, span);
            build::compare(func, CompareOp::Ge, sum, zero, span)
        }
    }
}

/// `x = true` becomes `x = x | true`, and `x = false` becomes `x = x & false`: the form of a reduction.
fn combine_flag(func: &mut Func, body: &mut [Stmt], local: LocalId, value: bool) {
    walk::for_each_stmt_mut(body, &mut |stmt| {
        if let Stmt::Set { local: written, value: expr } = stmt
            && *written == local
        {
            let span = func.exprs[*expr].span;
            let old = func.read(local, span);
            let op = if value { BinaryOp::Or } else { BinaryOp::And };
            *expr = func.expr(ExprKind::Binary { op, left: old, right: *expr }, DType::Bool, span);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::race;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    #[test]
    fn requirements_guard_the_parallel_loop() {
        let text = "entry func f(x: f64[:], y: f64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  \
                    parallel i in 0 .. n {\n    s = s + x[i]\n    y[i] = x[i]\n  }\n  return s\n}\n";
        let mut program = parse_program(text).unwrap();
        let report = race::check(&program);
        let conditional = parallelize(&mut program, &report);
        assert_eq!(conditional.len(), 1);
        assert_eq!(verify(&program), Ok(()));
        assert_eq!(
            print_program(&program),
            "entry func f(x: f64[:], y: f64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  \
             if not overlaps(x, y) {\n    parallel i in 0 .. n reduce(s +) {\n      s = s + x[i]\n      y[i] = x[i]\n    }\n  \
             }\n  return s\n}\n"
        );
    }
}
