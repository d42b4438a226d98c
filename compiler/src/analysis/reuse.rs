//! Is what a loop stores read again before much else is? If not, it need not go through the caches.
//!
//! ```text
//! for t in 0 .. steps {                        for i in 0 .. n {
//!   for i in 0 .. n { b[i] = f(a, i) }   yes     for j in 0 .. m { e[i, j] = exp(x[i, j]) }       no: the row is read
//!   for i in 0 .. n { a[i] = f(b, i) }   yes     for j in 0 .. m { s[i] += e[i, j] }                  at once
//! }                                            }
//! ```
//!
//! In: a function and one of its loops. Out: a guess, which decides about time only. How large the arrays are is found out when the program runs.
//!
//! The innermost loop around that also reads what is stored does so after as many other elements as lie between: all that the loops inside
//! store, if its own iteration has no say in which elements those are. Memory that was just allocated is in the caches already:
//! the system has cleared it.

use crate::analysis::race::lockstep;
use crate::base::SecondaryMap;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{ArrayId, ArrayValue, ExprKind, Func, LocalId, LoopId, Operand, Place, Stmt};

/// May what the loop stores go to memory around the caches, if it is larger than they are?
#[must_use]
pub fn is_stored_for_later(func: &Func, id: LoopId) -> bool {
    let Some(path) = path_to(func, &func.body, id) else { return false };
    let Some(Stmt::Loop(l)) = path.last() else { return false };
    let groups = Groups::new(func);
    let mut stored: Vec<ArrayId> = Vec::new();
    let mut indices = LocalSet::new();
    walk::for_each_stmt(&l.body, &mut |stmt| {
        if let Stmt::Store { array, place, .. } = stmt {
            stored.push(groups.of(*array));
            locals_of(func, place, &mut indices);
        }
    });
    let search = Search { func, groups: &groups, stored: &stored, id };
    // From the inside out, to the loop that reads.
    let mut inside = LocalSet::new();
    let mut whole: &Stmt = path[path.len() - 1];
    inside.insert(l.var);
    for &stmt in path.iter().rev().skip(1) {
        if stmt.loop_id().is_none() {
            continue;
        }
        if stmt.blocks().into_iter().any(|block| search.reads(block)) {
            let mut outside = LocalSet::new();
            for block in stmt.blocks() {
                outside.extend(walk::assigned_locals(block).iter());
            }
            if let Stmt::Loop(outer) = stmt {
                outside.insert(outer.var);
            }
            return !stmt.blocks().into_iter().any(|block| search.allocates(block))
                && search.depends(whole, &indices, &inside, &mut |local| outside.contains(local))
                    == Some(false);
        }
        if let Stmt::Loop(outer) = stmt {
            inside.insert(outer.var);
        }
        whole = stmt;
    }
    // The whole function may stand in a loop of its caller.
    !search.allocates(&func.body)
        && (!search.reads(&func.body)
            || search.depends(whole, &indices, &inside, &mut |_| true) == Some(false))
}

/// Arrays that may show the same memory because one was made from the other. Arguments count as apart.
struct Groups(SecondaryMap<ArrayId, Option<ArrayId>>);

impl Groups {
    fn new(func: &Func) -> Groups {
        let mut groups = Groups(SecondaryMap::new());
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::SetArray { array, value } = stmt {
                match value {
                    ArrayValue::Same(base)
                    | ArrayValue::View { base, .. }
                    | ArrayValue::Transpose { base, .. }
                    | ArrayValue::Part { base, .. }
                    | ArrayValue::Reshape { base, .. } => {
                        let (a, b) = (groups.of(*array), groups.of(*base));
                        if a != b {
                            groups.0[a] = Some(b);
                        }
                    }
                    ArrayValue::Alloc { .. } => {}
                }
            }
        });
        groups
    }

    /// One of them.
    fn of(&self, array: ArrayId) -> ArrayId {
        let mut array = array;
        while let Some(next) = self.0[array] {
            array = next;
        }
        array
    }
}

struct Search<'a> {
    func: &'a Func,
    groups: &'a Groups,
    /// Groups of what is stored.
    stored: &'a [ArrayId],
    /// The loop that stores.
    id: LoopId,
}

impl Search<'_> {
    fn is_stored(&self, array: ArrayId) -> bool {
        self.stored.contains(&self.groups.of(array))
    }

    /// Does something else in the block read what is stored?
    fn reads(&self, block: &[Stmt]) -> bool {
        block.iter().any(|stmt| {
            if stmt.loop_id() == Some(self.id) {
                return false;
            }
            let mut found = match stmt {
                Stmt::Accumulate { array, .. } => self.is_stored(*array),
                Stmt::CopyElements { from, .. } => self.is_stored(*from),
                Stmt::Call { args, .. } | Stmt::Runtime { args, .. } | Stmt::Launch { args, .. } => {
                    args.iter().any(|arg| matches!(arg, Operand::Array(array) if self.is_stored(*array)))
                }
                Stmt::Parallel(call) => call
                    .captures
                    .iter()
                    .any(|arg| matches!(arg, Operand::Array(array) if self.is_stored(*array))),
                _ => false,
            };
            walk::for_each_expr_root(stmt, &mut |root| {
                walk::for_each_expr(&self.func.exprs, root, &mut |_, expr| {
                    if let ExprKind::Load { array, .. } = &expr.kind {
                        found |= self.is_stored(*array);
                    }
                });
            });
            found || likely_blocks(self.func, stmt).into_iter().any(|inner| self.reads(inner))
        })
    }

    /// Is what is stored allocated in the block?
    fn allocates(&self, block: &[Stmt]) -> bool {
        let mut found = false;
        walk::for_each_stmt(block, &mut |stmt| {
            if let Stmt::SetArray { array, value: ArrayValue::Alloc { .. } } = stmt {
                found |= self.is_stored(*array);
            }
        });
        found
    }

    /// Do indices depend on locals that `matters` names, by what is computed in the statement? The variables of the loops `inside` do not
    /// count. Nothing if that is not to be seen.
    fn depends(
        &self,
        whole: &Stmt,
        indices: &LocalSet,
        inside: &LocalSet,
        matters: &mut dyn FnMut(LocalId) -> bool,
    ) -> Option<bool> {
        let mut open: Vec<LocalId> = indices.iter().collect();
        let mut seen = LocalSet::new();
        let computed = whole.blocks().into_iter().fold(LocalSet::new(), |mut all, block| {
            all.extend(walk::assigned_locals(block).iter());
            all
        });
        while let Some(local) = open.pop() {
            if inside.contains(local) || seen.contains(local) {
                continue;
            }
            seen.insert(local);
            if !computed.contains(local) {
                if matters(local) {
                    return Some(true);
                }
                continue;
            }
            let mut is_plain = true;
            for block in whole.blocks() {
                walk::for_each_stmt(block, &mut |stmt| match stmt {
                    Stmt::Set { local: set, value } if *set == local => {
                        walk::for_each_expr(&self.func.exprs, *value, &mut |_, expr| match &expr.kind {
                            ExprKind::Local(read) => open.push(*read),
                            ExprKind::Load { .. } => is_plain = false,
                            _ => {}
                        });
                    }
                    Stmt::Set { .. } => {}
                    other => {
                        walk::for_each_local_written(other, &mut |written| is_plain &= written != local);
                    }
                });
            }
            if !is_plain {
                return None;
            }
        }
        Some(false)
    }
}

/// The locals that a place is computed from.
fn locals_of(func: &Func, place: &Place, found: &mut LocalSet) {
    let Place::Index(indices) = place else { return };
    for &index in indices {
        walk::for_each_expr(&func.exprs, index, &mut |_, expr| {
            if let ExprKind::Local(local) = expr.kind {
                found.insert(local);
            }
        });
    }
}

/// The statements around a loop, and the loop.
fn path_to<'a>(func: &Func, block: &'a [Stmt], id: LoopId) -> Option<Vec<&'a Stmt>> {
    block.iter().find_map(|stmt| {
        if stmt.loop_id() == Some(id) {
            return Some(vec![stmt]);
        }
        let path = likely_blocks(func, stmt).into_iter().find_map(|inner| path_to(func, inner, id))?;
        Some(std::iter::once(stmt).chain(path).collect())
    })
}

/// The blocks of a statement without second copies of loops.
fn likely_blocks<'a>(func: &Func, stmt: &'a Stmt) -> Vec<&'a [Stmt]> {
    if let Stmt::If { then, orelse, .. } = stmt
        && lockstep::is_second_copy(func, then, orelse)
    {
        return vec![then];
    }
    stmt.blocks().into_iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::parse_program;

    /// For each loop without loops inside: may what it stores go around the caches?
    fn answers(body: &str) -> Vec<bool> {
        let head = "trap0 = K704 MemoryError \"none\"\n\nentry func f(x: f64[::1], y: f64[::1], a: f64[:, ::1], b: f64[:, ::1], s: f64, n: i64) -> f64 {\n  var t: f64\n  var k: i64\n  t = 0.0\n  k = 0\n";
        let text = format!("{head}{body}  return t\n}}\n");
        let program = parse_program(&text).unwrap_or_else(|error| panic!("{error}"));
        let func = &program.funcs[program.entry];
        let mut answers = vec![];
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt
                && walk::loops_innermost_first(&l.body).is_empty()
            {
                answers.push(is_stored_for_later(func, l.id));
            }
        });
        answers
    }

    #[test]
    fn what_nothing_else_reads() {
        assert_eq!(answers("  for i in 0 .. n {\n    y[i] = s * x[i]\n  }\n"), [true]);
        let outer = "  for i in 0 .. n {\n    t = x[i]\n    for j in 0 .. n {\n      a[i, j] = t * y[j]\n    }\n  }\n";
        assert_eq!(answers(outer), [true]);
    }

    #[test]
    fn whole_arrays_in_turn() {
        let sweep = |to: &str, from: &str| {
            format!(
                "    for i in 0 .. n {{\n      for j in 0 .. n {{\n        {to}[i, j] = s * {from}[i, j]\n      }}\n    }}\n"
            )
        };
        let text = format!("  for r in 0 .. n {{\n{}{}  }}\n", sweep("b", "a"), sweep("a", "b"));
        assert_eq!(answers(&text), [true, true]);
    }

    #[test]
    fn rows_and_blocks_that_are_read_at_once() {
        let row = "  for i in 0 .. n {\n    for j in 0 .. n {\n      a[i, j] = s * b[i, j]\n    }\n    for j in 0 .. n {\n      x[j] = x[j] + a[i, j]\n    }\n  }\n";
        assert!(!answers(row)[0]);
        let block = "  for i in 0 .. n {\n    k = i * 64\n    for j in 0 .. 64 {\n      y[k + j] = s * x[k + j]\n    }\n    for j in 0 .. 64 {\n      t = t + y[k + j]\n    }\n  }\n";
        assert!(!answers(block)[0]);
        // A caller may have the loop around.
        let function = "  for j in 0 .. n {\n    a[k, j] = s * b[k, j]\n  }\n  for j in 0 .. n {\n    t = t + a[k, j]\n  }\n";
        assert!(!answers(function)[0]);
    }

    #[test]
    fn new_memory() {
        let new = "  v: f64[::1] owned = alloc[n] else trap0\n";
        let fill = "  for i in 0 .. n {\n    v[i] = s * x[i]\n  }\n";
        assert_eq!(answers(&format!("{new}{fill}")), [false]);
        // Old from the second time on.
        let again = "  for r in 0 .. n {\n    for i in 0 .. n {\n      v[i] = s * x[i]\n    }\n    for i in 0 .. n {\n      x[i] = v[i]\n    }\n  }\n";
        assert_eq!(answers(&format!("{new}{again}")), [true, true]);
    }
}
