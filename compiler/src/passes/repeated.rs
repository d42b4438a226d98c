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
//! which error is raised does not change. A branch's condition counts as checked in the branch. Conservative: the same values by
//! `numbering`, after a check in the same block or one around it.

use rustc_hash::FxHashSet;

use super::PassReport;
use super::numbering::{Number, Numbers};
use crate::ir::walk;
use crate::ir::{ArrayId, BinaryOp, Block, Check, ExprId, ExprKind, Func, Program, Stmt};

/// Removes the repeated checks of every function.
pub fn repeated(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut has_checks = false;
        walk::for_each_stmt(&func.body, &mut |stmt| has_checks |= matches!(stmt, Stmt::Check { .. }));
        if !has_checks {
            continue;
        }
        let mut sweeper = Sweeper {
            numbers: Numbers::new(func),
            known: FxHashSet::default(),
            scope: Vec::new(),
            removed: 0,
        };
        let mut body = std::mem::take(&mut func.body);
        sweeper.block(func, &mut body);
        func.body = body;
        report.add(sweeper.removed);
    }
}

/// What has been found to hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Fact {
    /// The value is true.
    Holds(Number),
    /// The value is an index of the axis of the array as bound then.
    IsIndex(Number, ArrayId, Number, u8),
}

struct Sweeper {
    numbers: Numbers,
    known: FxHashSet<Fact>,
    /// The facts of the open blocks, to be forgotten at their ends.
    scope: Vec<Fact>,
    removed: usize,
}

impl Sweeper {
    fn block(&mut self, func: &Func, block: &mut Block) {
        block.retain_mut(|stmt| self.stmt(func, stmt));
    }

    /// Forgets the facts since then.
    fn close(&mut self, outer: usize) {
        for fact in self.scope.drain(outer..) {
            self.known.remove(&fact);
        }
    }

    /// Returns whether the statement stays.
    fn stmt(&mut self, func: &Func, stmt: &mut Stmt) -> bool {
        let outer = self.scope.len();
        match stmt {
            Stmt::Check { check, .. } => {
                let fact = match check {
                    Check::Cond(cond) => Fact::Holds(self.numbers.visit(func, *cond)),
                    Check::Index { index, array, axis } => {
                        let number = self.numbers.visit(func, *index);
                        Fact::IsIndex(number, *array, self.numbers.binding(*array), *axis)
                    }
                };
                let is_known = !self.learn(fact);
                self.removed += usize::from(is_known);
                return !is_known;
            }
            Stmt::If { cond, then, orelse } => {
                self.numbers.visit(func, *cond);
                let mark = self.numbers.mark();
                self.assume(func, *cond);
                self.block(func, then);
                self.close(outer);
                let changed = self.numbers.rewind(mark);
                self.block(func, orelse);
                self.close(outer);
                if then.last().is_some_and(Stmt::is_jump) {
                    // What follows comes from the other branch.
                    return true;
                }
                let changed_too = self.numbers.rewind(mark);
                self.numbers.forget(&changed);
                self.numbers.forget(&changed_too);
            }
            Stmt::While { .. } | Stmt::Loop(_) => {
                if let Stmt::Loop(l) = stmt {
                    self.numbers.visit(func, l.lo);
                    self.numbers.visit(func, l.hi);
                }
                self.numbers.enter_loop(func, stmt);
                let mark = self.numbers.mark();
                match stmt {
                    Stmt::While { head, cond, body, .. } => {
                        self.block(func, head);
                        self.numbers.visit(func, *cond);
                        self.assume(func, *cond);
                        self.block(func, body);
                    }
                    Stmt::Loop(l) => self.block(func, &mut l.body),
                    _ => {}
                }
                self.close(outer);
                let changed = self.numbers.rewind(mark);
                self.numbers.forget(&changed);
            }
            _ => {
                walk::for_each_expr_root(stmt, &mut |root| {
                    self.numbers.visit(func, root);
                });
                self.numbers.step(func, stmt);
            }
        }
        true
    }

    /// Is it new?
    fn learn(&mut self, fact: Fact) -> bool {
        let is_new = self.known.insert(fact);
        if is_new {
            self.scope.push(fact);
        }
        is_new
    }

    /// The condition has been visited, and holds.
    fn assume(&mut self, func: &Func, cond: ExprId) {
        self.learn(Fact::Holds(self.numbers.of(cond)));
        if let ExprKind::Binary { op: BinaryOp::And, left, right } = func.exprs[cond].kind {
            self.assume(func, left);
            self.assume(func, right);
        }
    }
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
    fn conditions_that_load_stay_if_something_stores() {
        for array in ["x", "y"] {
            let check = "  check x[0] > 0.0 else trap0\n";
            let body = format!("{check}  {array}[n] = -1.0\n{check}");
            assert_eq!(swept(&body), body);
        }
        let body = "  check x[0] > 0.0 else trap0\n  i: i64 = n\n  check x[0] > 0.0 else trap0\n";
        assert_eq!(swept(body).matches("check").count(), 1);
        let body = "  check n > 0 else trap0\n  x[0] = -1.0\n  check n > 0 else trap0\n";
        assert_eq!(swept(body).matches("check").count(), 1);
    }

    #[test]
    fn what_a_branch_tests_is_not_checked_in_it() {
        let body = "  if (n > 0) & (n < 9) {\n    check n < 9 else trap0\n    y[n] = 1.0\n  } else {\n    check n < 9 else trap0\n  }\n";
        let text = swept(body);
        assert_eq!(text, body.replacen("    check n < 9 else trap0\n", "", 1));
        let body =
            "  while n < 9 {\n    check n < 9 else trap0\n    n = n + 1\n    check n < 9 else trap0\n  }\n";
        assert_eq!(swept(body), body.replacen("    check n < 9 else trap0\n", "", 1));
    }
}
