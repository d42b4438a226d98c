//! Puts the index checks of a loop nest into one condition in front of it.
//!
//! ```text
//! for i in lo .. hi {                   if lo >= 0 & hi <= dim(x, 0) {
//!   check index(i, x, 0) else index       for i in lo .. hi { x[i] = 0.0 }
//!   x[wrap(i, dim(x, 0))] = 0.0   ==>   } else {
//! }                                       the loop as it was, so that the error is exact
//!                                       }
//! ```
//!
//! A check goes to the outermost loop in front of which the range of its index can be computed; what is proven without a
//! test is dropped. In the fast copy no index is negative, so nothing wraps. Checks of conditions that do not change in the
//! loop (a divisor is not 0) are hoisted likewise.
//!
//! Conservative: which error is raised, and after which stores, does not change. Conditions are exact in 64 bits: values
//! that they multiply or add are first tested to be small; extents are below 2^48. A check under a branch adds no
//! condition of its own. Indices that are data stay checked.

mod conditions;
mod edit;
mod plan;

use rustc_hash::{FxHashMap, FxHashSet};

use super::PassReport;
use crate::analysis::values::{Factor, Sum};
use crate::ir::{ArrayId, ExprId, LoopId, Program, Remark};

/// Guards the loops of every function.
pub fn guard(program: &mut Program, report: &mut PassReport) {
    let mut remarks = Vec::new();
    for func in program.funcs.values_mut() {
        let Some(plan) = plan::plan(func) else { continue };
        report.add(plan.proven.len() + plan.guards.values().map(|g| g.checks.len()).sum::<usize>());
        remarks.extend(plan.remarks.iter().cloned());
        edit::apply(func, &plan);
    }
    program.remarks.extend(remarks);
}

/// What is to be done.
#[derive(Default)]
struct Plan {
    /// Checks (by their condition or index) that always hold.
    proven: FxHashSet<ExprId>,
    /// `Wrap`s that never wrap.
    unwrapped: FxHashSet<ExprId>,
    guards: FxHashMap<LoopId, Guard>,
    remarks: Vec<Remark>,
}

/// What is tested in front of a loop.
#[derive(Default)]
struct Guard {
    conditions: Vec<Condition>,
    checks: Vec<ExprId>,
    wraps: Vec<ExprId>,
}

#[derive(Clone, PartialEq)]
enum Condition {
    /// `left >= right`.
    AtLeast(Sum, Sum),
    /// Below 2^bits in size.
    Small(Factor, u32),
    /// Something that does not change in the loop.
    Holds(ExprId),
    /// An index that does not change in the loop is in range, and may be negative unless it is known not to be.
    Within { index: ExprId, array: ArrayId, axis: u8, is_nonneg: bool },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn guarded(body: &str) -> String {
        let head = "trap0 = K701 IndexError \"bad\"\n\nentry func f(x: f64[:], a: f64[:, :], p: i64[:], lo: i64, hi: i64, n: i64) {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap_or_else(|e| panic!("{e}"));
        guard(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn a_range_is_tested_once() {
        let slow = "    for i in lo .. hi {\n      check index(i, x, 0) else trap0\n      x[wrap(i, dim(x, 0))] = 0.0\n    }\n";
        let body = "  for i in lo .. hi {\n    check index(i, x, 0) else trap0\n    x[wrap(i, dim(x, 0))] = 0.0\n  }\n";
        let fast = "    for i in lo .. hi {\n      x[i] = 0.0\n    }\n";
        assert_eq!(
            guarded(body),
            format!("  if (lo >= 0) & (dim(x, 0) >= hi) {{\n{fast}  }} else {{\n{slow}  }}\n}}\n")
        );
    }

    #[test]
    fn whole_ranges_need_no_test() {
        let body = "  for i in 1 .. dim(a, 0) - 1 {\n    for j in 0 .. dim(a, 1) {\n      check index(i - 1, a, 0) else trap0\n      \
                    check index(j, a, 1) else trap0\n      a[wrap(i - 1, dim(a, 0)), j] = 0.0\n    }\n  }\n";
        let after = "  for i in 1 .. dim(a, 0) - 1 {\n    for j in 0 .. dim(a, 1) {\n      a[i - 1, j] = 0.0\n    }\n  }\n}\n";
        assert_eq!(guarded(body), after);
    }

    #[test]
    fn data_dependent_bounds_are_tested_before_the_inner_loop() {
        let body = "  for i in 0 .. dim(p, 0) - 1 {\n    for k in p[i] .. p[i + 1] {\n      check index(k, x, 0) else trap0\n      x[k] = 0.0\n    }\n  }\n";
        assert!(!guarded(body).contains("if"), "a load cannot be read before it is loaded");
        let body = "  for i in 0 .. dim(p, 0) - 1 {\n    %b: i64 = p[i]\n    %e: i64 = p[i + 1]\n    for k in %b .. %e {\n      check index(k, x, 0) else trap0\n      x[k] = 0.0\n    }\n  }\n";
        assert!(guarded(body).contains(
            "    if (%b >= 0) & (dim(x, 0) >= %e) {\n      for k in %b .. %e {\n        x[k] = 0.0\n"
        ));
    }

    #[test]
    fn constants_inside_operations_must_leave_room() {
        // `1 + max(n, 2^63 - 1)` is negative in 64 bits.
        let index = |large: &str| {
            guarded(&format!(
                "  for i in 0 .. hi {{\n    check index(max(n, {large}), x, 0) else trap0\n    a[0, 0] = x[max(n, {large})]\n  }}\n"
            ))
        };
        assert!(index("1000").contains("dim(x, 0) >= 1 + max(n, 1000)"), "{}", index("1000"));
        let text = index("9223372036854775807");
        assert!(!text.contains("1 + max"), "{text}");
    }

    #[test]
    fn products_are_tested_to_be_small() {
        let body = "  for i in 0 .. n {\n    check index(i * n, x, 0) else trap0\n    x[i * n] = 0.0\n  }\n";
        let text = guarded(body);
        assert!(text.contains("u64(n + 67108864) < 134217728_u64"), "{text}");
    }

    #[test]
    fn branches_bring_facts_but_no_conditions() {
        let body = "  for i in 0 .. dim(x, 0) {\n    if i > 0 {\n      check index(i - 1, x, 0) else trap0\n      x[wrap(i - 1, dim(x, 0))] = 0.0\n    }\n  }\n";
        assert_eq!(
            guarded(body),
            "  for i in 0 .. dim(x, 0) {\n    if i > 0 {\n      x[i - 1] = 0.0\n    }\n  }\n}\n"
        );
        let body = "  for i in 0 .. n {\n    if p[0] > 0 {\n      check index(i, x, 0) else trap0\n      x[i] = 0.0\n    }\n  }\n";
        assert!(guarded(body).contains("check"));
    }

    #[test]
    fn what_both_branches_check_is_checked_before_the_loop() {
        let body = "  for i in 0 .. n {\n    if p[0] > 0 {\n      check index(i, x, 0) else trap0\n      x[i] = 0.0\n    } else {\n      check index(i, x, 0) else trap0\n      x[i] = 1.0\n    }\n  }\n";
        let text = guarded(body);
        let fast = text.split("} else {\n    for").next().unwrap();
        assert!(fast.starts_with("  if dim(x, 0) >= n {\n") && !fast.contains("check"), "{text}");
    }

    #[test]
    fn extents_that_an_outer_loop_brings_are_tested_inside_it() {
        let body = "  for i in lo .. hi {\n    %k: i64 = p[0]\n    b: f64[::1] owned = alloc[%k] else trap0\n    for j in 0 .. n {\n      \
                    check index(j, b, 0) else trap0\n      b[j] = 0.0\n    }\n    release b\n  }\n";
        let text = guarded(body);
        assert!(
            text.starts_with("  for i in lo .. hi {\n")
                && text.contains(" >= n {\n      for j in 0 .. n {\n        b[j]"),
            "{text}"
        );
    }

    #[test]
    fn an_index_that_the_loop_does_not_change_is_tested_where_it_is() {
        let body = "  for i in lo .. hi {\n    if p[i] > 0 {\n      for j in 0 .. dim(a, 1) {\n        check index(i, a, 0) else trap0\n        \
                    a[wrap(i, dim(a, 0)), j] = 0.0\n      }\n    }\n  }\n";
        let text = guarded(body);
        assert!(text.contains("      if (i < dim(a, 0)) & (i >= 0 - dim(a, 0)) {\n        for j"), "{text}");
        assert!(
            text.contains("          a[wrap(i, dim(a, 0)), j] = 0.0\n        }\n      } else {"),
            "{text}"
        );
    }

    #[test]
    fn an_index_that_only_an_outer_loop_changes_may_wrap() {
        let body = "  for i in lo .. hi {\n    for j in 0 .. dim(a, 1) {\n      check index(i - 1, a, 0) else trap0\n      \
                    a[wrap(i - 1, dim(a, 0)), j] = 0.0\n    }\n  }\n";
        let text = guarded(body);
        let fast = text.split("} else {").next().unwrap();
        assert!(!fast.contains("check") && fast.contains("a[wrap(i - 1, dim(a, 0)), j]"), "{text}");
        assert!(fast.contains("lo + dim(a, 0)") || fast.contains("dim(a, 0) + lo"), "{text}");
    }

    #[test]
    fn conditions_of_while_loops_prove_indices() {
        let body = "  var i: i64\n  i = 0\n  while i < dim(x, 0) {\n    check index(i, x, 0) else trap0\n    x[wrap(i, dim(x, 0))] = 0.0\n    i = i + 1\n  }\n";
        let text = guarded(body);
        assert!(!text.contains("check") && text.contains("x[i] = 0.0"), "{text}");
    }

    #[test]
    fn a_second_check_of_the_same_index_goes() {
        let body = "  check index(n, x, 0) else trap0\n  x[wrap(n, dim(x, 0))] = 1.0\n  check index(n, x, 0) else trap0\n  x[wrap(n, dim(x, 0))] = 2.0\n";
        assert_eq!(guarded(body).matches("check").count(), 1);
    }
}
