//! Carries out what the race check decided about each parallel loop.
//!
//! ```text
//! parallel i in 0 .. n {              parallel i in 0 .. n reduce(s +) {
//!   s = s + x[i]                        s = s + x[i]
//!   y[i] = x[i]                ==>      y[i] = x[i]
//! }                                   }
//! ```
//!
//! What must hold when the loop starts (arrays share no memory, a stride is not negative) is handed on to `outline`.
//!
//! In: the IR that was checked, unchanged since. Conservative: a loop without a decision becomes serial.

use rustc_hash::FxHashMap;

use super::build;
use crate::analysis::race::{Decision, RaceReport, Requirement};
use crate::ir::walk;
use crate::ir::{
    BinaryOp, CompareOp, ExprId, ExprKind, Func, FuncId, LocalId, Loop, LoopId, LoopKind, Program, Stmt,
};
use crate::types::DType;

/// What must hold in front of parallel loops; else they run serially. Loops that run in any case are not in it.
pub type Conditional = FxHashMap<(FuncId, LoopId), Vec<Requirement>>;

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
                                conditional.insert((id, l.id), decision.requirements.clone());
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
    let mut parallel = l.clone();
    parallel.reductions.clone_from(&decision.reductions);
    parallel.array_reductions.clone_from(&decision.array_reductions);
    parallel.last_values.clone_from(&decision.last_values);
    for &(local, value) in &decision.flags {
        combine_flag(func, &mut parallel.body, local, value);
    }
    Stmt::Loop(Box::new(parallel))
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
    fn requirements_are_handed_on() {
        let text = "entry func f(x: f64[:], y: f64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  \
                    parallel i in 0 .. n {\n    s = s + x[i]\n    y[i] = x[i]\n  }\n  return s\n}\n";
        let mut program = parse_program(text).unwrap();
        let report = race::check(&program);
        let conditional = parallelize(&mut program, &report);
        assert!(matches!(conditional.values().next().unwrap().as_slice(), [Requirement::Disjoint(..)]));
        assert_eq!(verify(&program), Ok(()));
        assert_eq!(
            print_program(&program),
            "entry func f(x: f64[:], y: f64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  \
             parallel i in 0 .. n reduce(s +) {\n    s = s + x[i]\n    y[i] = x[i]\n  }\n  return s\n}\n"
        );
    }
}
