//! Writes out small loops with a constant number of iterations.
//!
//! ```text
//! for j in 0 .. 3 {             s = s + x[0]
//!   s = s + x[j]        ==>     s = s + x[1]
//! }                             s = s + x[2]
//! ```
//!
//! Conservative: at most 8 iterations and 160 nodes in all; no `break` or `continue` of the loop itself.

use super::PassReport;
use crate::ir::{Block, Const, ExprKind, Func, Loop, LoopKind, Program, Stmt};
use crate::ir::{parallel, walk};

const MAX_TRIPS: i64 = 8;
const MAX_NODES: usize = 160;

/// Unrolls, innermost loops first.
pub fn unroll(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut count = 0;
        walk::rewrite_blocks(func, &mut |func, block| {
            let mut result = Block::with_capacity(block.len());
            for stmt in block.drain(..) {
                match stmt {
                    Stmt::Loop(mut l) => {
                        if l.may_regroup()
                            && l.constant_trip(&func.exprs).is_some_and(|trip| !parallel::regroups(trip))
                        {
                            l.reductions.clear();
                        }
                        // Partial results are those of the whole loop.
                        let values = if l.reductions.is_empty() { values(func, &l) } else { None };
                        match values {
                            Some(values) => {
                                count += 1;
                                for value in values {
                                    result.extend(iteration(func, &l, value));
                                }
                            }
                            None => result.push(Stmt::Loop(l)),
                        }
                    }
                    other => result.push(other),
                }
            }
            *block = result;
        });
        report.add(count);
    }
}

/// The values of the loop variable, if there are few and the body is small.
fn values(func: &Func, l: &Loop) -> Option<Vec<i64>> {
    let constant = |id| match func.exprs[id].kind {
        ExprKind::Const(value) => Some(value.as_int()),
        _ => None,
    };
    let (lo, hi) = (constant(l.lo)?, constant(l.hi)?);
    if !matches!(l.kind, LoopKind::Serial | LoopKind::Vector) {
        return None;
    }
    let mut values = Vec::new();
    let mut at = lo;
    while if l.step > 0 { at < hi } else { at > hi } {
        values.push(at);
        if values.len() as i64 > MAX_TRIPS {
            return None;
        }
        at = at.checked_add(l.step)?;
    }
    let exits = walk::exits(&l.body);
    let mut nodes = 0;
    walk::for_each_stmt(&l.body, &mut |_| nodes += 1);
    walk::for_each_expr_in(&func.exprs, &l.body, &mut |_, _| nodes += 1);
    (!exits.breaks && !exits.continues && nodes * values.len() <= MAX_NODES).then_some(values)
}

fn iteration(func: &mut Func, l: &Loop, value: i64) -> Block {
    let copy = walk::clone_block(func, &l.body);
    let mut reads = Vec::new();
    walk::for_each_expr_in(&func.exprs, &copy, &mut |id, expr| {
        if expr.kind == ExprKind::Local(l.var) {
            reads.push(id);
        }
    });
    for id in reads {
        func.exprs[id].kind = ExprKind::Const(Const::int(value));
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    #[test]
    fn sums_that_are_too_short_to_be_regrouped() {
        let text = |bounds: &str| {
            format!(
                "entry func f(x: f64[:]) -> f64 fastmath(reassoc) {{\n  s: f64 = 0.0\n  for j in {bounds} reduce(s +) {{\n    s = s + x[j]\n  }}\n  return s\n}}\n"
            )
        };
        let head = |bounds: &str| {
            let mut program = parse_program(&text(bounds)).unwrap();
            unroll(&mut program, &mut PassReport::default());
            assert_eq!(verify(&program), Ok(()));
            let printed = print_program(&program);
            printed.lines().find(|line| line.contains("for j")).map(|line| line.trim().to_owned())
        };
        assert_eq!(head("0 .. 3"), None);
        assert_eq!(head("0 .. 15").unwrap(), "for j in 0 .. 15 {");
        assert_eq!(head("0 .. 16").unwrap(), "for j in 0 .. 16 reduce(s +) {");
    }

    #[test]
    fn three_iterations() {
        let text = "entry func f(x: f64[:]) -> f64 {\n  s: f64 = 0.0\n  for j in 5 .. 0 step -2 {\n    s = s + x[j]\n  }\n  return s\n}\n";
        let mut program = parse_program(text).unwrap();
        unroll(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let expected = "entry func f(x: f64[:]) -> f64 {\n  s: f64 = 0.0\n  s = s + x[5]\n  s = s + x[3]\n  s = s + x[1]\n  return s\n}\n";
        assert_eq!(print_program(&program), expected);
    }
}
