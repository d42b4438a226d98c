//! Removes what nothing uses: assignments that are never read, views that are never looked at, empty branches and loops.
//!
//! ```text
//! i: i64 = %k                            (gone)
//! x[%k] = 0.0                 ==>        x[%k] = 0.0
//! if b { } else { }                      (gone)
//! ```
//!
//! Conservative: a variable is dead only if no expression of the whole function reads it. Allocations stay, because they
//! may fail.

use super::PassReport;
use crate::ir::walk;
use crate::ir::{ArrayValue, Func, Ownership, Program, Stmt};

/// Removes dead statements until there are none.
pub fn dead(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        loop {
            let count = sweep(func);
            report.add(count);
            if count == 0 {
                break;
            }
        }
    }
}

fn sweep(func: &mut Func) -> usize {
    let read = walk::read_locals(&func.exprs, &func.body);
    let used = used_arrays(func);
    let mut count = 0;
    walk::rewrite_blocks(func, &mut |func, block| {
        block.retain(|stmt| {
            let is_dead = match stmt {
                Stmt::Set { local, value } => {
                    !read.contains(*local) || func.exprs[*value].kind == crate::ir::ExprKind::Local(*local)
                }
                Stmt::SetArray { array, value } => {
                    func.arrays[*array].ownership == Ownership::Borrowed
                        && !used.contains(*array)
                        && !matches!(value, ArrayValue::Alloc { .. })
                }
                Stmt::If { then, orelse, .. } => then.is_empty() && orelse.is_empty(),
                Stmt::Loop(l) => l.body.is_empty(),
                _ => false,
            };
            count += usize::from(is_dead);
            !is_dead
        });
    });
    count
}

/// Arrays that something other than their own binding and release names.
fn used_arrays(func: &Func) -> walk::ArraySet {
    let mut set = walk::ArraySet::new();
    walk::for_each_expr_in(&func.exprs, &func.body, &mut |_, expr| {
        walk::for_each_array_of_expr(&expr.kind, &mut |array| {
            set.insert(array);
        });
    });
    walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
        Stmt::SetArray { value, .. } => match value {
            ArrayValue::Same(base)
            | ArrayValue::View { base, .. }
            | ArrayValue::Transpose { base, .. }
            | ArrayValue::Part { base, .. }
            | ArrayValue::Reshape { base, .. } => {
                set.insert(*base);
            }
            ArrayValue::Alloc { .. } => {}
        },
        Stmt::Release { .. } | Stmt::If { .. } | Stmt::While { .. } | Stmt::Set { .. } => {}
        Stmt::Loop(l) => set.extend(l.array_reductions.iter().map(|r| r.array)),
        other => walk::for_each_array_mut(&mut other.clone(), &mut |array| {
            set.insert(*array);
        }),
    });
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};

    #[test]
    fn chains_of_unused_values_go() {
        let text = "entry func f(x: f64[:], n: i64) -> i64 {\n  a: i64 = n\n  b: i64 = a + 1\n  v: f64[:] borrowed = view x[:]\n  \
                    if n > 0 {\n    b = 2\n  }\n  return n\n}\n";
        let mut program = parse_program(text).unwrap();
        dead(&mut program, &mut PassReport::default());
        assert_eq!(print_program(&program), "entry func f(x: f64[:], n: i64) -> i64 {\n  return n\n}\n");
    }
}
