//! Keeps the element that an iteration stores for the next one, which reads it, in a variable.
//!
//! ```text
//! for i in 1 .. n {                        if 1 < n {
//!   y[i] = a * y[i - 1] + x[i]               %carry: f64 = y[0]
//! }                                 ==>      for i in 1 .. n {
//!                                              %carry = a * %carry + x[i]
//!                                              y[i] = %carry
//!                                            }
//!                                          }
//! ```
//!
//! A load of what was just stored waits for the store, longer than the arithmetic of most recurrences takes. Conservative: innermost
//! loops of assignments, stores and branches alone, in which nothing fails and no other store may reach the array; elements of 64 bits and
//! `f32`.

use super::PassReport;
use super::build;
use super::linear;
use crate::analysis::alias::Aliases;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{
    ArrayId, BinaryOp, Block, CompareOp, ExprId, ExprKind, Func, LocalId, Loop, Place, Program, Stmt,
};
use crate::types::DType;

/// Carries elements in every function.
pub fn carry(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut aliases: Option<Aliases> = None;
        let mut count = 0;
        let mut body = std::mem::take(&mut func.body);
        let mut found = Vec::new();
        walk::for_each_stmt(&body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt
                && linear::can_count(l)
                && let Some(carried) = carried(func, l)
            {
                found.push((l.id, carried));
            }
        });
        // The aliases are found by looking at the whole body.
        if !found.is_empty() {
            func.body = body;
            aliases = Some(Aliases::new(func));
            body = std::mem::take(&mut func.body);
        }
        for (id, carried) in found {
            let Some(aliases) = &aliases else { break };
            let Some((block, position)) = walk::find_loop_mut(&mut body, id) else { continue };
            let Stmt::Loop(l) = &block[position] else { continue };
            if is_apart(l, &carried, aliases) {
                let stmt = std::mem::replace(&mut block[position], Stmt::Break);
                block[position] = rewritten(func, stmt, &carried);
                count += 1;
            }
        }
        func.body = body;
        report.add(count);
    }
}

/// What a loop stores and reads again.
struct Carried {
    array: ArrayId,
    /// The position of the store in the body.
    store: usize,
    /// Loads of what the iteration before stored; the first is made by every iteration.
    loads: Vec<ExprId>,
}

/// An index as the loop's variable or something that does not change, plus a constant.
fn split(func: &Func, index: ExprId) -> (Option<ExprId>, i64) {
    let constant = |id: ExprId| match func.exprs[id].kind {
        ExprKind::Const(value) => Some(value.as_int()),
        _ => None,
    };
    match func.exprs[index].kind {
        ExprKind::Const(value) => (None, value.as_int()),
        ExprKind::Binary { op: BinaryOp::Add, left, right } => match (constant(left), constant(right)) {
            (_, Some(value)) => (Some(left), value),
            (Some(value), None) => (Some(right), value),
            (None, None) => (Some(index), 0),
        },
        ExprKind::Binary { op: BinaryOp::Sub, left, right } => match constant(right) {
            Some(value) => (Some(left), value.wrapping_neg()),
            None => (Some(index), 0),
        },
        _ => (Some(index), 0),
    }
}

fn carried(func: &Func, l: &Loop) -> Option<Carried> {
    if !l.reductions.is_empty() || !is_simple(&l.body) || has_loads(func, l.lo) || has_loads(func, l.hi) {
        return None;
    }
    let (position, array, indices) = l.body.iter().enumerate().find_map(|(position, stmt)| match stmt {
        Stmt::Store { array, place: Place::Index(indices), .. } => Some((position, *array, indices)),
        _ => None,
    })?;
    if !matches!(func.arrays[array].ty.dtype, DType::F64 | DType::F32 | DType::I64 | DType::U64) {
        return None;
    }
    let mut changed = walk::assigned_locals(&l.body);
    changed.insert(l.var);
    let is_var = |id: Option<ExprId>| id.is_some_and(|id| func.exprs[id].kind == ExprKind::Local(l.var));
    // Along one axis the store goes with the loop, on the others it stays.
    let mut along = None;
    for (axis, &index) in indices.iter().enumerate() {
        let (variable, offset) = split(func, index);
        if is_var(variable) && along.is_none() {
            along = Some((axis, offset));
        } else if !stays(func, index, &changed) {
            return None;
        }
    }
    let (along, offset) = along?;
    let before = offset.checked_sub(l.step)?;
    let is_carried = |id: ExprId| {
        let ExprKind::Load { array: other, place: Place::Index(others), .. } = &func.exprs[id].kind else {
            return false;
        };
        *other == array
            && indices.iter().zip(others).enumerate().all(|(axis, (&index, &other))| {
                if axis == along {
                    let (variable, offset) = split(func, other);
                    is_var(variable) && offset == before
                } else {
                    walk::same_expr(&func.exprs, index, other)
                }
            })
    };
    // Before the store is done, that is: its own value included.
    let (mut certain, mut loads) = (None, Vec::new());
    let mut may_have_left = false;
    for stmt in &l.body[..=position] {
        let mut direct = !may_have_left;
        let mut visit = |stmt: &Stmt, is_direct: bool| {
            walk::for_each_expr_root(stmt, &mut |root| {
                walk::for_each_expr(&func.exprs, root, &mut |id, _| {
                    if is_carried(id) {
                        if is_direct && certain.is_none() {
                            certain = Some(id);
                        } else {
                            loads.push(id);
                        }
                    }
                });
            });
        };
        // The statement itself comes first.
        walk::for_each_stmt(std::slice::from_ref(stmt), &mut |inner| {
            visit(inner, direct);
            direct = false;
        });
        may_have_left |= walk::exits(std::slice::from_ref(stmt)).breaks;
    }
    loads.insert(0, certain?);
    Some(Carried { array, store: position, loads })
}

/// Only assignments, stores, branches, and `break`?
fn is_simple(body: &[Stmt]) -> bool {
    let mut is_simple = true;
    walk::for_each_stmt(body, &mut |stmt| {
        is_simple &= matches!(
            stmt,
            Stmt::Set { .. } | Stmt::Store { .. } | Stmt::Accumulate { .. } | Stmt::If { .. } | Stmt::Break
        );
    });
    is_simple
}

fn has_loads(func: &Func, root: ExprId) -> bool {
    walk::any_expr(&func.exprs, root, &mut |expr| {
        matches!(expr.kind, ExprKind::Load { .. } | ExprKind::Interrupted)
    })
}

/// Has an index the same value in every iteration?
fn stays(func: &Func, index: ExprId, changed: &LocalSet) -> bool {
    !walk::any_expr(&func.exprs, index, &mut |expr| match expr.kind {
        ExprKind::Local(local) => changed.contains(local),
        ExprKind::Load { .. } | ExprKind::Interrupted => true,
        _ => false,
    })
}

/// Does no other store of the loop reach the array?
fn is_apart(l: &Loop, carried: &Carried, aliases: &Aliases) -> bool {
    let mut stores = 0;
    let mut is_apart = true;
    walk::for_each_stmt(&l.body, &mut |stmt| match stmt {
        Stmt::Store { array, .. } if *array == carried.array => stores += 1,
        Stmt::Store { array, .. } | Stmt::Accumulate { array, .. } => {
            is_apart &= !aliases.may_alias(*array, carried.array);
        }
        _ => {}
    });
    is_apart && stores == 1
}

fn rewritten(func: &mut Func, stmt: Stmt, carried: &Carried) -> Stmt {
    let Stmt::Loop(mut l) = stmt else { return stmt };
    let span = func.exprs[carried.loads[0]].span;
    // What the first iteration would load, loaded before it.
    let first = func.clone_expr(carried.loads[0]);
    put_first(func, first, l.var, l.lo);
    let local = func.temp("carry", func.exprs[first].ty, span);
    for &load in &carried.loads {
        func.exprs[load].kind = ExprKind::Local(local);
    }
    if let Stmt::Store { value, .. } = &mut l.body[carried.store] {
        let stored = std::mem::replace(value, func.read(local, span));
        l.body.insert(carried.store, Stmt::Set { local, value: stored });
    }
    let op = if l.step > 0 { CompareOp::Lt } else { CompareOp::Gt };
    let (lo, hi) = (func.clone_expr(l.lo), func.clone_expr(l.hi));
    let cond = build::compare(func, op, lo, hi, span);
    let then: Block = vec![Stmt::Set { local, value: first }, Stmt::Loop(l)];
    Stmt::If { cond, then, orelse: Block::new() }
}

/// Puts the loop's first value in the place of its variable.
fn put_first(func: &mut Func, root: ExprId, var: LocalId, lo: ExprId) {
    if func.exprs[root].kind == ExprKind::Local(var) {
        let copy = func.clone_expr(lo);
        func.exprs[root].kind = func.exprs[copy].kind.clone();
        return;
    }
    let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
    func.exprs[root].kind.for_each_operand(|operand| operands.push(operand));
    for operand in operands {
        put_first(func, operand, var, lo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    const HEAD: &str = "entry func f(x: f64[:] read, y: f64[:], a: f64[:, :], b: u8[:], k: i64, n: i64) {\n";

    fn after(body: &str) -> String {
        let mut program =
            parse_program(&format!("{HEAD}{body}}}\n")).unwrap_or_else(|error| panic!("{error}"));
        carry(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(HEAD).unwrap().strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn a_recurrence() {
        assert_eq!(
            after("  for i in 1 .. n {\n    y[i] = y[i - 1] * 0.5 + x[i]\n  }\n"),
            "  if 1 < n {\n    %carry: f64 = y[1 - 1]\n    for i in 1 .. n {\n      %carry = %carry * 0.5 + x[i]\n      y[i] = %carry\n    }\n  }\n"
        );
    }

    #[test]
    fn downwards_and_along_a_column() {
        let text = after(
            "  for i in n .. 0 step -1 {\n    s: f64 = a[i + 1, k]\n    if s > 0.0 {\n      s = s - a[i + 1, k]\n    }\n    a[i, k] = s\n  }\n",
        );
        let expected = "  if n > 0 {\n    %carry: f64 = a[n + 1, k]\n    for i in n .. 0 step -1 {\n      s: f64 = %carry\n      if s > 0.0 {\n        s = s - %carry\n      }\n      %carry = s\n      a[i, k] = %carry\n    }\n  }\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_not_known_to_be_the_same_element_stays() {
        for body in [
            // Another distance, another row, a row that changes.
            "  for i in 2 .. n {\n    y[i] = y[i - 2]\n  }\n",
            "  for i in 1 .. n {\n    a[i, k] = a[i - 1, 0]\n  }\n",
            "  for i in 1 .. n {\n    k = k + 1\n    a[k, i] = a[k, i - 1]\n  }\n",
            // Another store that may be to the same element.
            "  for i in 1 .. n {\n    y[i] = y[i - 1]\n    a[0, 0] = 1.0\n  }\n",
            "  for i in 1 .. n {\n    y[i] = y[i - 1]\n    y[k] += 1.0\n  }\n",
            // Not in every iteration.
            "  for i in 1 .. n {\n    if x[i] > 0.0 {\n      y[i] = y[i - 1]\n    }\n  }\n",
            "  for i in 1 .. n {\n    if x[i] > 0.0 {\n      k = i64(y[i - 1])\n    }\n    y[i] = 1.0\n  }\n",
            "  for i in 1 .. n {\n    if x[i] > 0.0 {\n      break\n    }\n    y[i] = y[i - 1]\n  }\n",
            // Read after the store, and narrow elements.
            "  for i in 1 .. n {\n    y[i] = x[i]\n    k = i64(y[i - 1])\n  }\n",
            "  for i in 1 .. n {\n    b[i] = u8(i64(b[i - 1]) + 1)\n  }\n",
        ] {
            assert_eq!(after(body), body);
        }
    }
}
