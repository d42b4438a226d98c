//! Computes an expensive expression once where it stands several times.
//!
//! ```text
//! a = exp(x) + 1.0            %cse: f64 = exp(x)
//! b = exp(x) - 1.0    ==>     a = %cse + 1.0
//!                             b = %cse - 1.0
//! ```
//!
//! Expensive are mathematical functions, divisions and powers; sums and products are left to the back end, which numbers
//! values anyway. Conservative: within a block and what is nested in it, while no variable that the expression reads is
//! written; expressions that load elements are left alone.

use super::PassReport;
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{BinaryOp, Block, Check, ExprId, ExprKind, Func, LocalId, Program, Stmt};

/// Shares common expressions in every function.
pub fn cse(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut body = std::mem::take(&mut func.body);
        let mut sharer = Sharer { known: Vec::new(), insertions: Vec::new(), count: 0 };
        sharer.block(func, &mut body);
        func.body = body;
        report.add(sharer.count);
    }
}

/// An expression that has been computed and whose value still holds.
#[derive(Clone)]
struct Known {
    expr: ExprId,
    /// Block depth and position of the statement it first stands in.
    level: usize,
    position: usize,
    temp: Option<LocalId>,
}

struct Sharer {
    known: Vec<Known>,
    /// By depth of block: what goes before which statement.
    insertions: Vec<Vec<(usize, Stmt)>>,
    count: usize,
}

impl Sharer {
    fn block(&mut self, func: &mut Func, block: &mut Block) {
        self.insertions.push(Vec::new());
        let level = self.insertions.len() - 1;
        let outer = self.known.len();
        for (position, stmt) in block.iter_mut().enumerate() {
            self.stmt(func, stmt, level, position);
        }
        // What was first computed in this block does not hold after it.
        self.known.truncate(outer.min(self.known.len()));
        self.known.retain(|known| known.level < level);
        let Some(mut insertions) = self.insertions.pop() else { return };
        if insertions.is_empty() {
            return;
        }
        insertions.sort_by_key(|(position, _)| *position);
        let mut result = Block::with_capacity(block.len() + insertions.len());
        let mut next = insertions.into_iter().peekable();
        for (position, stmt) in block.drain(..).enumerate() {
            while let Some((_, set)) = next.next_if(|(at, _)| *at == position) {
                result.push(set);
            }
            result.push(stmt);
        }
        *block = result;
    }

    fn stmt(&mut self, func: &mut Func, stmt: &mut Stmt, level: usize, position: usize) {
        match stmt {
            Stmt::While { .. } | Stmt::Loop(_) => {
                if let Stmt::Loop(l) = stmt {
                    for root in [l.lo, l.hi] {
                        self.visit(func, root, level, position);
                    }
                }
                self.forget(func, stmt);
            }
            Stmt::Check { check: Check::Cond(root) | Check::Index { index: root, .. }, .. } => {
                self.visit(func, *root, level, position);
            }
            Stmt::Raise { .. } | Stmt::Print { .. } => {}
            _ => {
                let mut roots = Vec::new();
                walk::for_each_expr_root(stmt, &mut |root| roots.push(root));
                for root in roots {
                    self.visit(func, root, level, position);
                }
            }
        }
        for inner in stmt.blocks_mut() {
            self.block(func, inner);
        }
        self.forget(func, stmt);
    }

    /// Drops what the statement changes.
    fn forget(&mut self, func: &Func, stmt: &Stmt) {
        let mut locals = LocalSet::new();
        let mut arrays = ArraySet::new();
        let stmt = std::slice::from_ref(stmt);
        locals.extend(walk::assigned_locals(stmt).iter());
        arrays.extend(walk::assigned_arrays(stmt).iter());
        self.known.retain(|known| {
            !walk::any_expr(&func.exprs, known.expr, &mut |expr| match &expr.kind {
                ExprKind::Local(local) => locals.contains(*local),
                ExprKind::Dim { array, .. } | ExprKind::Stride { array, .. } => arrays.contains(*array),
                _ => false,
            })
        });
    }

    fn visit(&mut self, func: &mut Func, id: ExprId, level: usize, position: usize) {
        if is_expensive(func, id) && is_free_of_loads(func, id) {
            let found = self.known.iter().position(|known| walk::same_expr(&func.exprs, known.expr, id));
            match found {
                Some(found) => {
                    let temp = self.shared(func, found);
                    func.exprs[id].kind = ExprKind::Local(temp);
                    self.count += 1;
                    return;
                }
                None => self.known.push(Known { expr: id, level, position, temp: None }),
            }
        }
        let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
        func.exprs[id].kind.for_each_operand(|operand| operands.push(operand));
        for operand in operands {
            self.visit(func, operand, level, position);
        }
    }

    /// The temporary of a known expression; its first use becomes a read of it.
    fn shared(&mut self, func: &mut Func, found: usize) -> LocalId {
        let Known { expr: id, level, position, temp } = self.known[found].clone();
        if let Some(temp) = temp {
            return temp;
        }
        let expr = func.exprs[id].clone();
        let temp = func.temp("cse", expr.ty, expr.span);
        let moved = func.exprs.push(expr);
        func.exprs[id].kind = ExprKind::Local(temp);
        self.insertions[level].push((position, Stmt::Set { local: temp, value: moved }));
        self.known[found].temp = Some(temp);
        self.known[found].expr = moved;
        temp
    }
}

fn is_expensive(func: &Func, id: ExprId) -> bool {
    match &func.exprs[id].kind {
        ExprKind::Math1 { .. } | ExprKind::Math2 { .. } => true,
        ExprKind::Binary { op, .. } => {
            matches!(op, BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::IntPow)
        }
        _ => false,
    }
}

fn is_free_of_loads(func: &Func, id: ExprId) -> bool {
    !walk::any_expr(&func.exprs, id, &mut |expr| {
        matches!(expr.kind, ExprKind::Load { .. } | ExprKind::Interrupted | ExprKind::Overlaps { .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn shared(body: &str) -> String {
        let head = "entry func f(x: f64, y: f64, b: bool) -> f64 {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap();
        cse(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn functions_are_called_once() {
        let text =
            shared("  s: f64 = exp(x) + 1.0\n  if b {\n    s = s / exp(x)\n  }\n  return s * exp(x)\n");
        let expected = "  %cse: f64 = exp(x)\n  s: f64 = %cse + 1.0\n  if b {\n    s = s / %cse\n  }\n  return s * %cse\n}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn changed_variables_are_not_shared() {
        let body = "  y = exp(x)\n  x = 2.0\n  return y + exp(x)\n";
        assert_eq!(shared(body), format!("{body}}}\n"));
        // What a branch computes is not there if the branch was not taken.
        let body = "  if b {\n    y = exp(x)\n  }\n  return y + exp(x)\n";
        assert_eq!(shared(body), format!("{body}}}\n"));
    }
}
