//! Removes checks that were made before with the same values.
//!
//! ```text
//! check index(i, x, 0) else trap0          check index(i, x, 0) else trap0
//! s = x[i]                                 s = x[i]
//! check index(i, x, 0) else trap1   ==>    y[i] = x[i]
//! y[i] = x[i]
//! ```
//!
//! What `guard` left in the copies of loops that keep their checks. The first check fails before the second one is reached, so
//! which error is raised does not change. Conservative: remembers at most `REMEMBERED` checks; forgets one when a local or an
//! array in it may be assigned; conditions that load elements are never remembered.

use smallvec::SmallVec;

use super::PassReport;
use crate::ir::walk::{self, Exprs};
use crate::ir::{ArrayId, Block, Check, ExprId, ExprKind, LocalId, Program, Stmt};

/// So that the pass stays linear.
const REMEMBERED: usize = 32;

/// Removes the repeated checks of every function.
pub fn repeated(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut body = std::mem::take(&mut func.body);
        let mut known = Vec::new();
        report.add(sweep(&func.exprs, &mut body, &mut known));
        func.body = body;
    }
}

/// A check that has passed, and what it depends on.
#[derive(Clone)]
struct Known {
    check: Check,
    locals: SmallVec<[LocalId; 4]>,
    arrays: SmallVec<[ArrayId; 2]>,
}

/// Removes what is known; `known` holds what has passed before the block, and after it what has passed since.
fn sweep(exprs: &Exprs, block: &mut Block, known: &mut Vec<Known>) -> usize {
    let mut removed = 0;
    block.retain_mut(|stmt| {
        if let Stmt::Check { check, .. } = stmt {
            if known.iter().any(|old| is_same(exprs, &old.check, check)) {
                removed += 1;
                return false;
            }
            remember(exprs, check, known);
            return true;
        }
        // What the statement may assign anywhere inside holds for none of its blocks: a loop's body comes again.
        let (locals, arrays) = (
            walk::assigned_locals(std::slice::from_ref(stmt)),
            walk::assigned_arrays(std::slice::from_ref(stmt)),
        );
        known.retain(|old| {
            !old.locals.iter().any(|&l| locals.contains(l)) && !old.arrays.iter().any(|&a| arrays.contains(a))
        });
        for inner in stmt.blocks_mut() {
            // The check may not run, or not last.
            removed += sweep(exprs, inner, &mut known.clone());
        }
        true
    });
    removed
}

fn is_same(exprs: &Exprs, a: &Check, b: &Check) -> bool {
    match (a, b) {
        (Check::Cond(a), Check::Cond(b)) => walk::same_expr(exprs, *a, *b),
        (Check::Index { index: a, array: x, axis: k }, Check::Index { index: b, array: y, axis: l }) => {
            x == y && k == l && walk::same_expr(exprs, *a, *b)
        }
        (Check::Cond(_), Check::Index { .. }) | (Check::Index { .. }, Check::Cond(_)) => false,
    }
}

fn remember(exprs: &Exprs, check: &Check, known: &mut Vec<Known>) {
    let (root, array): (ExprId, Option<ArrayId>) = match check {
        Check::Cond(cond) => (*cond, None),
        Check::Index { index, array, .. } => (*index, Some(*array)),
    };
    let mut entry =
        Known { check: check.clone(), locals: SmallVec::new(), arrays: array.into_iter().collect() };
    let is_volatile = walk::any_expr(exprs, root, &mut |expr| {
        match &expr.kind {
            ExprKind::Load { .. } | ExprKind::Interrupted => return true,
            ExprKind::Local(local) => entry.locals.push(*local),
            ExprKind::Dim { array, .. } | ExprKind::Stride { array, .. } | ExprKind::Base { array } => {
                entry.arrays.push(*array);
            }
            ExprKind::Overlaps { a, b } => entry.arrays.extend([*a, *b]),
            ExprKind::Const(_)
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Compare { .. }
            | ExprKind::Select { .. }
            | ExprKind::Cast { .. }
            | ExprKind::Wrap { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. } => {}
        }
        false
    });
    if is_volatile {
        return;
    }
    if known.len() == REMEMBERED {
        known.remove(0);
    }
    known.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn swept(body: &str) -> String {
        let head = "trap0 = K701 IndexError \"bad\"\n\nentry func f(x: f64[:], y: f64[:], n: i64) {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap_or_else(|e| panic!("{e}"));
        repeated(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn the_second_of_two_equal_checks_goes() {
        let check = "    check index(i, x, 0) else trap0\n";
        let body = format!("  for i in 0 .. n {{\n{check}    y[0] = x[i]\n{check}    y[1] = x[i]\n  }}\n");
        let text = swept(&body);
        assert_eq!(text.matches("check").count(), 1, "{text}");
        assert!(text.find("check") < text.find("y[0]"));
    }

    #[test]
    fn other_arrays_axes_and_indices_stay() {
        let body = "  check index(n, x, 0) else trap0\n  check index(n, y, 0) else trap0\n  check index(n + 1, x, 0) else trap0\n";
        assert_eq!(swept(body), body);
    }

    #[test]
    fn an_assignment_between_keeps_the_check() {
        let body = "  i: i64 = n\n  check index(i, x, 0) else trap0\n  i = i + 1\n  check index(i, x, 0) else trap0\n";
        assert_eq!(swept(body), body);
        // The loop assigns `i` after the check, and comes back to it.
        let body = "  i: i64 = n\n  check index(i, x, 0) else trap0\n  for k in 0 .. n {\n    check index(i, x, 0) else trap0\n    \
                    i = i + 1\n  }\n  check index(i, x, 0) else trap0\n";
        assert_eq!(swept(body), body);
    }

    #[test]
    fn a_check_in_a_branch_says_nothing_after_it() {
        let body =
            "  if n > 0 {\n    check index(n, x, 0) else trap0\n  }\n  check index(n, x, 0) else trap0\n";
        assert_eq!(swept(body), body);
        let body = "  check index(n, x, 0) else trap0\n  if n > 0 {\n    check index(n, x, 0) else trap0\n    y[0] = 1.0\n  }\n";
        assert_eq!(swept(body).matches("check").count(), 1);
    }

    #[test]
    fn conditions_that_load_stay() {
        let body = "  check x[0] > 0.0 else trap0\n  x[0] = -1.0\n  check x[0] > 0.0 else trap0\n";
        assert_eq!(swept(body), body);
        let body = "  check n > 0 else trap0\n  x[0] = -1.0\n  check n > 0 else trap0\n";
        assert_eq!(swept(body).matches("check").count(), 1);
    }
}
