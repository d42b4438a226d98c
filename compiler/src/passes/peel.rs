//! Takes the ends off a loop along a ring, so that the rest has all its neighbours at fixed distances.
//!
//! ```text
//! for j in 0 .. n {                          for %part in 0 .. 3 {
//!   y[j] = x[j - 1] + x[(j + 1) % n]   ==>     if %part == 1 {
//! }                                              for j in 1 .. n - 1 { y[j] = x[j - 1] + x[j + 1] }
//!                                              } else {
//!                                                for j in (the first, or the last) { as it was }
//!                                              }
//!                                            }
//! ```
//!
//! Then checks of the middle part go, nothing wraps there, and it runs in vectors. A ring is closed by `% n` where `n` is the loop's bound,
//! or by an index of -1. Conservative: innermost loops with step 1 that begin at 0, with a bound that does not change, and which are
//! not left early; bodies of moderate size, because they are there twice afterwards.

use super::PassReport;
use super::build;
use super::linear;
use super::wraparound::{self, Rest};
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{
    BinaryOp, Block, CompareOp, ExprId, ExprKind, Func, LocalId, Loop, LoopInfo, LoopKind, LoopOrigin,
    Program, Stmt,
};
use crate::types::DType;

/// Expressions in a body, at most.
const MOST_EXPRS: usize = 400;

/// Peels the loops of every function.
pub fn peel(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let has_rings = func.exprs.values().any(|expr| match expr.kind {
            ExprKind::Binary { op: BinaryOp::Mod, .. } => expr.ty == DType::I64,
            ExprKind::Wrap { .. } => true,
            _ => false,
        });
        if !has_rings {
            continue;
        }
        let mut count = 0;
        walk::rewrite_blocks(func, &mut |func, block| {
            for stmt in block {
                if linear::is_innermost(stmt)
                    && let Stmt::Loop(l) = stmt
                    && let Some(ring) = ring(func, l)
                {
                    *stmt = in_parts(func, stmt, &ring);
                    count += 1;
                }
            }
        });
        report.add(count);
    }
}

/// A loop along a ring.
struct Ring {
    /// What is to be the sums alone in the middle.
    rests: Vec<Rest>,
    /// Has the first iteration a neighbour at the other end?
    first: bool,
    /// Has the last one?
    last: bool,
}

fn ring(func: &Func, l: &Loop) -> Option<Ring> {
    let is_zero = |id: ExprId| matches!(func.exprs[id].kind, ExprKind::Const(value) if value.as_int() == 0);
    let exits = walk::exits(&l.body);
    if l.kind != LoopKind::Serial
        || l.step != 1
        || !is_zero(l.lo)
        || !l.reductions.is_empty()
        || exits.breaks
        || exits.returns
        || !wraparound::is_fixed(func, l.hi, &l.body)
    {
        return None;
    }
    let mut rests = Vec::new();
    wraparound::collect(func, l, &mut rests);
    let (mut first, mut count) = (rests.iter().any(|rest| !rest.is_next), 0);
    walk::for_each_expr_in(&func.exprs, &l.body, &mut |_, expr| {
        count += 1;
        if let ExprKind::Wrap { index, .. } = expr.kind {
            first |= is_before(func, index, l.var);
        }
    });
    let last = rests.iter().any(|rest| rest.is_next);
    ((first || last) && count <= MOST_EXPRS).then_some(Ring { rests, first, last })
}

/// Is it the variable less 1?
fn is_before(func: &Func, index: ExprId, var: LocalId) -> bool {
    let is_int =
        |id: ExprId, value: i64| matches!(func.exprs[id].kind, ExprKind::Const(c) if c.as_int() == value);
    let is_var = |id: ExprId| func.exprs[id].kind == ExprKind::Local(var);
    match func.exprs[index].kind {
        ExprKind::Binary { op: BinaryOp::Sub, left, right } => is_var(left) && is_int(right, 1),
        ExprKind::Binary { op: BinaryOp::Add, left, right } => {
            is_var(left) && is_int(right, -1) || is_int(left, -1) && is_var(right)
        }
        _ => false,
    }
}

fn in_parts(func: &mut Func, stmt: &mut Stmt, ring: &Ring) -> Stmt {
    let mut ends = walk::clone_block(func, std::slice::from_ref(stmt));
    let middle = std::mem::replace(stmt, Stmt::Break);
    let (Stmt::Loop(mut middle), Some(Stmt::Loop(end))) = (middle, ends.first_mut()) else {
        return Stmt::Break;
    };
    let span = func.loops[middle.id].span;
    // Of few iterations.
    func.loops[end.id].is_slow_copy = true;
    // At the ends as it was, but without a division.
    let mut rests = Vec::new();
    wraparound::collect(func, end, &mut rests);
    for rest in &rests {
        wraparound::replace(func, rest);
    }
    for rest in &ring.rests {
        func.exprs[rest.id].kind = func.exprs[rest.sum].kind.clone();
    }
    let part = func.temp("part", DType::I64, span);
    let is_part = |func: &mut Func, which: i64| {
        let (part, which) = (func.read(part, span), func.int(which, span));
        build::compare(func, CompareOp::Eq, part, which, span)
    };
    let first_end = ring.first.then(|| {
        let (bound, one) = (func.clone_expr(end.hi), func.int(1, span));
        build::int_binary(func, BinaryOp::Min, bound, one, span)
    });
    let last_start = ring.last.then(|| less_one(func, end.hi, span));
    // With fewer iterations than ends there is no middle, and the bound less 1 might not be below it.
    let parts = 1 + i64::from(ring.first) + i64::from(ring.last);
    let mut hi = func.int(parts, span);
    if ring.last {
        let (fewest, bound) = (func.int(i64::from(ring.first), span), func.clone_expr(end.hi));
        let cond = build::compare(func, CompareOp::Lt, fewest, bound, span);
        let orelse = func.int(i64::from(ring.first), span);
        hi = func.expr(ExprKind::Select { cond, then: hi, orelse }, DType::I64, span);
    }
    (end.lo, end.hi) = match (first_end, last_start) {
        (Some(first_end), Some(last_start)) => {
            let (cond, zero) = (is_part(func, 0), func.int(0, span));
            let lo = func.expr(ExprKind::Select { cond, then: zero, orelse: last_start }, DType::I64, span);
            let cond = is_part(func, 0);
            (lo, func.expr(ExprKind::Select { cond, then: first_end, orelse: end.hi }, DType::I64, span))
        }
        (Some(first_end), None) => (end.lo, first_end),
        (None, Some(last_start)) => (last_start, end.hi),
        (None, None) => (end.lo, end.hi),
    };
    if ring.first {
        middle.lo = func.int(1, span);
    }
    if ring.last {
        middle.hi = less_one(func, middle.hi, span);
    }
    let cond = is_part(func, i64::from(ring.first));
    let id = func.loops.push(LoopInfo {
        span,
        origin: LoopOrigin::Internal,
        is_slow_copy: false,
        is_fallback: false,
    });
    let lo = func.int(0, span);
    let body: Block = vec![Stmt::If { cond, then: vec![Stmt::Loop(middle)], orelse: ends }];
    Stmt::Loop(Box::new(Loop::new(id, LoopKind::Serial, part, [lo, hi], 1, body)))
}

fn less_one(func: &mut Func, bound: ExprId, span: Span) -> ExprId {
    let (bound, one) = (func.clone_expr(bound), func.int(1, span));
    build::int_binary(func, BinaryOp::Sub, bound, one, span)
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
        peel(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn a_ring() {
        let text = after("  for j in 0 .. n {\n    x[j] = x[wrap(j - 1, dim(x, 0))] + (j + 1) % n\n  }\n");
        let expected = "  for %part in 0 .. select(1 < n, 3, 1) {\n    if %part == 1 {\n      for j in 1 .. n - 1 {\n        \
                        x[j] = x[wrap(j - 1, dim(x, 0))] + (j + 1)\n      }\n    } else {\n      \
                        for j in select(%part == 0, 0, n - 1) .. select(%part == 0, min(n, 1), n) {\n        \
                        x[j] = x[wrap(j - 1, dim(x, 0))] + select(j + 1 < n, j + 1, 0)\n      }\n    }\n  }\n";
        // Only the compiler knows the loop over the parts.
        assert_eq!(text.replace(" origin internal", ""), expected);
    }

    #[test]
    fn one_end() {
        let text = after("  for j in 0 .. n {\n    x[j] = x[wrap(j + -1, dim(x, 0))]\n  }\n");
        assert!(text.starts_with("  for %part in 0 .. 2 "), "{text}");
        assert!(text.contains("    if %part == 1 {\n      for j in 1 .. n {\n"), "{text}");
        assert!(text.contains("for j in 0 .. min(n, 1) {\n"), "{text}");
        let text = after("  for j in 0 .. n {\n    x[j] = (j + 1) % n\n  }\n");
        assert!(text.starts_with("  for %part in 0 .. select(0 < n, 2, 0) "), "{text}");
        assert!(text.contains("    if %part == 0 {\n      for j in 0 .. n - 1 {\n"), "{text}");
        assert!(text.contains("for j in n - 1 .. n {\n"), "{text}");
    }

    #[test]
    fn other_loops_stay() {
        for body in [
            "  for j in 1 .. n {\n    x[j] = (j + 1) % n\n  }\n",
            "  for j in 0 .. n {\n    x[j] = (j + 2) % n\n  }\n",
            "  for j in 0 .. n {\n    x[j] = x[wrap(j, dim(x, 0))]\n  }\n",
            "  for j in 0 .. n {\n    if x[j] == 0 {\n      break\n    }\n    x[j] = (j + 1) % n\n  }\n",
            "  for j in 0 .. n {\n    x[j] = (j + 1) % n\n    n = n - 1\n  }\n",
        ] {
            assert_eq!(after(body), body);
        }
    }
}
