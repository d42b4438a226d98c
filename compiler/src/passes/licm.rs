//! Computes what does not change in a loop once before it.
//!
//! ```text
//! for j in 0 .. n {                       %t: f64 = exp(-r) * s
//!   y[j] = x[j] * (exp(-r) * s)   ==>     for j in 0 .. n { y[j] = x[j] * %t }
//! }
//! ```
//!
//! Expressions are total, so they may be computed even if the loop does not run. A load moves only if every iteration begins
//! with it, before anything that may fail, and nothing in the loop stores to memory that it may read; then a test of the
//! range goes around loop and load. Conservative: the largest invariant trees only; arguments of messages stay where
//! they are.

use super::{PassReport, build};
use crate::analysis::alias::Aliases;
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{Block, Check, CompareOp, ExprId, ExprKind, Func, LocalId, Program, Stmt};

/// Moves invariant computations out of every loop, innermost loops first.
pub fn licm(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let aliases = Aliases::new(func);
        let mut body = std::mem::take(&mut func.body);
        let mut mover = Mover { aliases, temps: LocalSet::new(), count: 0 };
        mover.block(func, &mut body);
        func.body = body;
        report.add(mover.count);
    }
}

struct Mover {
    aliases: Aliases,
    /// Temporaries that this pass made: set once, so their statements may move on.
    temps: LocalSet,
    count: usize,
}

/// What changes in one loop.
struct Region {
    locals: LocalSet,
    arrays: ArraySet,
    stored: ArraySet,
    /// Moved so far: the expression and where its value is now.
    moved: Vec<(ExprId, LocalId)>,
    before: Block,
    /// Is one of the moved expressions a load?
    has_loads: bool,
}

impl Mover {
    fn block(&mut self, func: &mut Func, block: &mut Block) {
        let mut result = Block::with_capacity(block.len());
        for mut stmt in block.drain(..) {
            for inner in stmt.blocks_mut() {
                self.block(func, inner);
            }
            if matches!(stmt, Stmt::Loop(_) | Stmt::While { .. }) {
                let region = self.hoist(func, &mut stmt);
                self.count += region.before.len();
                if region.has_loads {
                    stmt = guarded(func, stmt, region.before);
                } else {
                    result.extend(region.before);
                }
            }
            result.push(stmt);
        }
        *block = result;
    }

    fn hoist(&mut self, func: &mut Func, stmt: &mut Stmt) -> Region {
        let mut region = Region {
            locals: LocalSet::new(),
            arrays: ArraySet::new(),
            stored: ArraySet::new(),
            moved: Vec::new(),
            before: Vec::new(),
            has_loads: false,
        };
        for inner in stmt.blocks() {
            region.locals.extend(walk::assigned_locals(inner).iter());
            region.arrays.extend(walk::assigned_arrays(inner).iter());
            region.stored.extend(walk::stored_arrays(func, inner).iter());
        }
        if let Stmt::Loop(l) = stmt {
            region.locals.insert(l.var);
        }
        if let Stmt::While { cond, .. } = stmt {
            let cond = *cond;
            self.visit(func, cond, false, &mut region);
        }
        let may_load = matches!(stmt, Stmt::Loop(_));
        for inner in stmt.blocks_mut() {
            self.body(func, inner, may_load, &mut region);
        }
        region
    }

    /// `is_first`: does every iteration reach the block's beginning without anything having failed?
    fn body(&mut self, func: &mut Func, block: &mut Block, mut is_first: bool, region: &mut Region) {
        let mut result = Block::with_capacity(block.len());
        for mut stmt in block.drain(..) {
            // What an inner loop left behind moves on as a whole.
            if let Stmt::Set { local, value } = &stmt
                && self.temps.contains(*local)
                && self.is_invariant(func, *value, false, region)
            {
                region.locals.remove(*local);
                region.before.push(stmt);
                continue;
            }
            match &stmt {
                Stmt::Check { check: Check::Cond(root) | Check::Index { index: root, .. }, .. } => {
                    let root = *root;
                    self.visit(func, root, is_first, region);
                }
                Stmt::Raise { .. } | Stmt::Print { .. } => {}
                _ => walk::for_each_expr_root(&stmt, &mut |root| self.visit(func, root, is_first, region)),
            }
            is_first &= matches!(
                stmt,
                Stmt::Set { .. } | Stmt::Store { .. } | Stmt::Accumulate { .. } | Stmt::Fill { .. }
            );
            for inner in stmt.blocks_mut() {
                self.body(func, inner, false, region);
            }
            result.push(stmt);
        }
        *block = result;
    }

    /// Moves the largest invariant trees in the expression.
    fn visit(&mut self, func: &mut Func, id: ExprId, may_load: bool, region: &mut Region) {
        if self.is_invariant(func, id, may_load, region) {
            if is_worth(func, id) {
                self.replace(func, id, region);
            }
            return;
        }
        let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
        func.exprs[id].kind.for_each_operand(|operand| operands.push(operand));
        for operand in operands {
            self.visit(func, operand, may_load, region);
        }
    }

    fn replace(&mut self, func: &mut Func, id: ExprId, region: &mut Region) {
        let known = region.moved.iter().find(|(other, _)| walk::same_expr(&func.exprs, *other, id));
        let temp = match known {
            Some(&(_, temp)) => temp,
            None => {
                let expr = func.exprs[id].clone();
                region.has_loads |=
                    walk::any_expr(&func.exprs, id, &mut |e| matches!(e.kind, ExprKind::Load { .. }));
                let temp = func.temp("inv", expr.ty, expr.span);
                let moved = func.exprs.push(expr);
                self.temps.insert(temp);
                region.moved.push((moved, temp));
                region.before.push(Stmt::Set { local: temp, value: moved });
                temp
            }
        };
        func.exprs[id].kind = ExprKind::Local(temp);
    }

    fn is_invariant(&self, func: &Func, root: ExprId, may_load: bool, region: &Region) -> bool {
        !walk::any_expr(&func.exprs, root, &mut |expr| {
            let changes = match &expr.kind {
                ExprKind::Load { array, .. } => {
                    !may_load || region.stored.iter().any(|stored| self.aliases.may_alias(stored, *array))
                }
                ExprKind::Interrupted => true,
                _ => false,
            };
            changes || walk::names_any(&expr.kind, &region.locals, &region.arrays)
        })
    }
}

/// Does it compute anything?
fn is_worth(func: &Func, id: ExprId) -> bool {
    !matches!(
        func.exprs[id].kind,
        ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Dim { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Interrupted
    )
}

/// The loop behind a test that it runs at all, so that the loads before it are of elements that it would load.
fn guarded(func: &mut Func, stmt: Stmt, before: Block) -> Stmt {
    let Stmt::Loop(l) = stmt else { return stmt };
    let span = func.loops[l.id].span;
    let (lo, hi) = (func.clone_expr(l.lo), func.clone_expr(l.hi));
    let op = if l.step > 0 { CompareOp::Lt } else { CompareOp::Gt };
    let cond = build::compare(func, op, lo, hi, span);
    let mut then = before;
    // The bounds are evaluated twice, to the same values: nothing but temporaries is set in between.
    then.push(Stmt::Loop(l));
    Stmt::If { cond, then, orelse: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn moved(body: &str) -> String {
        let head = "entry func f(x: f64[:], y: f64[:], p: i64[:], s: f64, n: i64) {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap();
        licm(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn invariant_trees_move_to_the_outermost_loop() {
        let text = moved(
            "  for i in 0 .. n {\n    for j in 0 .. n {\n      x[i * n + j] = exp(s) * s\n    }\n  }\n",
        );
        let expected = "  %inv: f64 = exp(s) * s\n  for i in 0 .. n {\n    %inv.2: i64 = i * n\n    for j in 0 .. n {\n      \
                        x[%inv.2 + j] = %inv\n    }\n  }\n}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn loads_move_if_nothing_stores() {
        let text = moved("  a: f64 = 0.0\n  for i in 0 .. n {\n    a = a + x[0] * y[i]\n  }\n  y[0] = a\n");
        let expected = "  a: f64 = 0.0\n  if 0 < n {\n    %inv: f64 = x[0]\n    for i in 0 .. n {\n      a = a + %inv * y[i]\n    }\n  }\n  y[0] = a\n}\n";
        assert_eq!(text, expected);
        // `x` and `y` may be the same memory.
        let body = "  for i in 0 .. n {\n    y[i] = x[0]\n  }\n";
        assert_eq!(moved(body), format!("{body}}}\n"));
    }
}
