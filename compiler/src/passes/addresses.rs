//! Computes the addresses of rows before the loops that run along them, and lets addresses that walk down a column go on from
//! iteration to iteration.
//!
//! ```text
//! for i in 0 .. n {                        %row: i64 = base(b) + k * stride(b, 0)
//!   c[i, j] = x[2 * i] * b[k, i]           %at: i64 = base(c) + j * 8
//! }                               ==>      %at.2: i64 = base(x)
//!                                          for i in 0 .. n {
//!                                            c@[%at, 0] = x@[%at.2, 0] * b@[%row + i * 8, 0]
//!                                            %at = %at + stride(c, 0)
//!                                            %at.2 = %at.2 + 16
//!                                          }
//! ```
//!
//! An address is a polynomial (see `linear`). What the loop does not change is a row, computed before the loop and before
//! every loop around it that does not change it either; addresses that differ by a constant share a row. From row to row the loop around adds the
//! stride. What grows by 1, 2, 4 or 8
//! bytes per iteration is left to the machine's addressing modes; what grows by anything else becomes a counter in innermost
//! loops: an address, or an offset if several rows advance alike.
//!
//! The last pass that knows places: from here on a place is where it is, no longer which element. Conservative: places whose indices are
//! loaded are left alone; no counters in loops with `continue`.

use super::PassReport;
use super::build;
use super::linear::{self, Changes, Linear, Parts};
use crate::analysis::affine::Poly;
use crate::base::Span;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{
    ArrayId, BinaryOp, Block, Check, ExprId, ExprKind, Func, LocalId, Loop, Place, Program, Stmt,
};
use crate::types::DType;

/// Counters in one loop: each takes a register and an addition.
const MAX_COUNTERS: usize = 6;

/// Rewrites the places of every function.
pub fn addresses(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut pass = Pass { rows: LocalSet::new(), count: 0 };
        let mut body = std::mem::take(&mut func.body);
        pass.block(func, &mut body);
        func.body = body;
        report.add(pass.count);
    }
}

struct Pass {
    /// Set once each, so their statements may move on.
    rows: LocalSet,
    count: usize,
}

/// A place directly in the loop.
struct Access {
    target: Target,
    span: Span,
    parts: Parts,
    rewritten: Option<Place>,
}

#[derive(Clone, Copy)]
enum Target {
    /// Of this load.
    Load(ExprId),
    /// Of the statement that is the so manieth one with a place.
    Stmt(usize),
}

/// Addresses of one loop that advance alike.
struct Walk {
    advance: Poly,
    /// From where; `None` if they differ, so that the counter is an offset.
    start: Option<Poly>,
}

impl Pass {
    fn block(&mut self, func: &mut Func, block: &mut Block) {
        let mut result = Block::with_capacity(block.len());
        for mut stmt in block.drain(..) {
            for inner in stmt.blocks_mut() {
                self.block(func, inner);
            }
            if matches!(stmt, Stmt::Loop(_) | Stmt::While { .. }) {
                self.in_loop(func, &mut stmt, &mut result);
            }
            result.push(stmt);
        }
        *block = result;
    }

    fn in_loop(&mut self, func: &mut Func, stmt: &mut Stmt, before: &mut Block) {
        let mut changes = Changes::of(stmt);
        self.move_rows(func, stmt, &mut changes, before);
        let var = match stmt {
            Stmt::Loop(l) => Some(l.var),
            _ => None,
        };
        let may_count = linear::is_innermost(stmt) && matches!(stmt, Stmt::Loop(l) if linear::can_count(l));
        let mut linear = Linear::new(&changes, var);
        if let Stmt::Loop(l) = &mut *stmt
            && linear::can_count(l)
        {
            self.step_rows(func, l, &mut linear, before);
        }
        let mut accesses = Vec::new();
        let mut places = 0;
        match &*stmt {
            Stmt::While { head, cond, body, .. } => {
                collect(func, head, &mut linear, &mut accesses, &mut places);
                collect_loads(func, *cond, &mut linear, &mut accesses);
                collect(func, body, &mut linear, &mut accesses, &mut places);
            }
            other => {
                for block in other.blocks() {
                    collect(func, block, &mut linear, &mut accesses, &mut places);
                }
            }
        }
        if accesses.is_empty() {
            return;
        }
        let walks = if may_count { walks(&accesses) } else { Vec::new() };
        let mut steps = Vec::new();
        let mut maker = Maker { pass: self, rows: Vec::new(), before, linear: &linear };
        let mut counters: Vec<Option<LocalId>> = vec![None; walks.len()];
        for access in &mut accesses {
            let Ok(disp_bytes) = i32::try_from(access.parts.constant) else { continue };
            let parts = &access.parts;
            let walk = walks.iter().position(|walk| walk.advance == parts.advance);
            let address = match (walk, &mut *stmt) {
                (Some(which), Stmt::Loop(l)) => {
                    if counters[which].is_none() {
                        counters[which] = maker.counter(func, l, &walks[which], access.span, &mut steps);
                    }
                    let Some(local) = counters[which] else { continue };
                    let counter = func.read(local, access.span);
                    if walks[which].start.is_some() {
                        counter
                    } else {
                        let start = maker.start(func, parts, access.span);
                        build::int_binary(func, BinaryOp::Add, start, counter, access.span)
                    }
                }
                _ if Linear::is_simple(&parts.fixed) => continue,
                _ => {
                    let start = maker.start(func, parts, access.span);
                    match var {
                        Some(var) if parts.advance.as_int() != Some(0) => {
                            let read = func.read(var, access.span);
                            let bytes = if parts.advance.as_int() == Some(1) {
                                read
                            } else {
                                let by = linear.build(func, &parts.advance, access.span);
                                build::int_binary(func, BinaryOp::Mul, read, by, access.span)
                            };
                            build::int_binary(func, BinaryOp::Add, start, bytes, access.span)
                        }
                        _ => start,
                    }
                }
            };
            access.rewritten = Some(Place::Address { address, disp_bytes });
            maker.pass.count += 1;
        }
        rewrite(func, stmt, accesses);
        if let Stmt::Loop(l) = stmt {
            l.body.extend(steps);
        }
    }

    /// Rows of loops inside that this loop does not change move before it.
    fn move_rows(&mut self, func: &Func, stmt: &mut Stmt, changes: &mut Changes, before: &mut Block) {
        for block in stmt.blocks_mut() {
            block.retain(|stmt| match stmt {
                Stmt::Set { local, value }
                    if self.rows.contains(*local) && changes.is_invariant(func, *value) =>
                {
                    changes.remove(*local);
                    before.push(Stmt::Set { local: *local, value: *value });
                    false
                }
                _ => true,
            });
        }
    }

    /// Rows of loops inside that go on evenly with this loop are found by a sum instead of a product.
    fn step_rows(&mut self, func: &mut Func, l: &mut Loop, linear: &mut Linear<'_>, before: &mut Block) {
        if !l.body.iter().any(|stmt| matches!(stmt, Stmt::Set { local, .. } if self.rows.contains(*local))) {
            return;
        }
        let mut stepped = Vec::new();
        for stmt in &l.body {
            let Stmt::Set { local, value } = stmt else {
                linear.forget(stmt);
                continue;
            };
            if self.rows.contains(*local)
                && stepped.len() < MAX_COUNTERS
                && let Some(parts) = linear.value(func, *value).and_then(|poly| linear.parts(&poly))
                && parts.advance.as_int().is_none()
                && parts.moving.as_int() == Some(0)
            {
                stepped.push((*local, parts, func.exprs[*value].span));
            }
            linear.assign(func, *local, *value);
        }
        linear.forget_all();
        for (local, parts, span) in stepped {
            let Some(first) = parts.fixed.plus(parts.constant) else { continue };
            let Some(step) = linear::step(func, linear, l, local, &parts.advance, span) else { continue };
            let value = linear::start(func, linear, l, &first, &parts.advance, span);
            before.push(Stmt::Set { local, value });
            self.rows.remove(local);
            l.body.retain(|stmt| !matches!(stmt, Stmt::Set { local: other, .. } if *other == local));
            l.body.push(step);
        }
    }
}

/// Makes the locals of one loop.
struct Maker<'a, 'b> {
    pass: &'a mut Pass,
    rows: Vec<(Poly, LocalId)>,
    before: &'a mut Block,
    linear: &'a Linear<'b>,
}

impl Maker<'_, '_> {
    /// The part of an address that does not advance, as an expression: a row, and what else moves.
    fn start(&mut self, func: &mut Func, parts: &Parts, span: Span) -> ExprId {
        let row = self.row(func, &parts.fixed, span);
        if parts.moving.as_int() == Some(0) {
            return row;
        }
        let moving = self.linear.build(func, &parts.moving, span);
        build::int_binary(func, BinaryOp::Add, row, moving, span)
    }

    fn row(&mut self, func: &mut Func, fixed: &Poly, span: Span) -> ExprId {
        if Linear::is_simple(fixed) {
            return self.linear.build(func, fixed, span);
        }
        let known = self.rows.iter().find(|(poly, _)| poly == fixed);
        let local = match known {
            Some(&(_, local)) => local,
            None => {
                let local = func.temp("row", DType::I64, span);
                let value = self.linear.build(func, fixed, span);
                self.before.push(Stmt::Set { local, value });
                self.rows.push((fixed.clone(), local));
                self.pass.rows.insert(local);
                local
            }
        };
        func.read(local, span)
    }

    fn counter(
        &mut self,
        func: &mut Func,
        l: &Loop,
        walk: &Walk,
        span: Span,
        steps: &mut Block,
    ) -> Option<LocalId> {
        let zero = Poly::default();
        let first = walk.start.as_ref().unwrap_or(&zero);
        let local = func.temp("at", DType::I64, span);
        steps.push(linear::step(func, self.linear, l, local, &walk.advance, span)?);
        let value = match linear::at_start(func, l, first, &walk.advance) {
            // As a row it may move on, or go on with the loop around this one.
            Some(first) => self.row(func, &first, span),
            None => linear::start(func, self.linear, l, first, &walk.advance, span),
        };
        self.before.push(Stmt::Set { local, value });
        Some(local)
    }
}

/// What advances by steps that no addressing mode takes.
fn walks(accesses: &[Access]) -> Vec<Walk> {
    let mut walks: Vec<Walk> = Vec::new();
    for access in accesses {
        let parts = &access.parts;
        if matches!(parts.advance.as_int(), Some(0 | 1 | 2 | 4 | 8)) {
            continue;
        }
        let start = (parts.moving.as_int() == Some(0)).then(|| parts.fixed.clone());
        if let Some(walk) = walks.iter_mut().find(|walk| walk.advance == parts.advance) {
            if walk.start != start {
                walk.start = None;
            }
        } else if walks.len() < MAX_COUNTERS {
            walks.push(Walk { advance: parts.advance.clone(), start });
        }
    }
    walks
}

/// The places that a block uses itself: not those of loops in it.
fn collect(
    func: &Func,
    block: &Block,
    linear: &mut Linear<'_>,
    accesses: &mut Vec<Access>,
    places: &mut usize,
) {
    for stmt in block {
        match stmt {
            Stmt::Store { array, place, value, .. } | Stmt::Accumulate { array, place, value, .. } => {
                let span = func.exprs[*value].span;
                accesses.extend(access(func, *array, place, linear, Target::Stmt(*places), span));
                *places += 1;
            }
            _ => {}
        }
        match stmt {
            // The arguments of a message are seldom computed.
            Stmt::Check { check: Check::Cond(root) | Check::Index { index: root, .. }, .. } => {
                collect_loads(func, *root, linear, accesses);
            }
            Stmt::Raise { .. } | Stmt::Print { .. } => {}
            _ => walk::for_each_expr_root(stmt, &mut |root| collect_loads(func, root, linear, accesses)),
        }
        match stmt {
            Stmt::Set { local, value } => linear.assign(func, *local, *value),
            Stmt::If { then, orelse, .. } => {
                for branch in [then, orelse] {
                    collect(func, branch, linear, accesses, places);
                    branch.iter().for_each(|stmt| linear.forget(stmt));
                }
            }
            _ => linear.forget(stmt),
        }
    }
}

fn collect_loads(func: &Func, root: ExprId, linear: &mut Linear<'_>, accesses: &mut Vec<Access>) {
    walk::for_each_expr(&func.exprs, root, &mut |id, expr| {
        if let ExprKind::Load { array, place, .. } = &expr.kind {
            accesses.extend(access(func, *array, place, linear, Target::Load(id), expr.span));
        }
    });
}

fn access(
    func: &Func,
    array: ArrayId,
    place: &Place,
    linear: &mut Linear<'_>,
    target: Target,
    span: Span,
) -> Option<Access> {
    let Place::Index(indices) = place else { return None };
    let address = linear.address(func, array, indices)?;
    let parts = linear.parts(&address)?;
    (!linear.has_loads(func, &parts.moving)).then_some(Access { target, span, parts, rewritten: None })
}

fn rewrite(func: &mut Func, stmt: &mut Stmt, accesses: Vec<Access>) {
    let mut of_stmts: Vec<(usize, Place)> = Vec::new();
    for access in accesses {
        let Some(place) = access.rewritten else { continue };
        match access.target {
            Target::Load(id) => {
                if let ExprKind::Load { place: old, .. } = &mut func.exprs[id].kind {
                    *old = place;
                }
            }
            Target::Stmt(position) => of_stmts.push((position, place)),
        }
    }
    let (mut places, mut next) = (0, of_stmts.into_iter().peekable());
    for block in stmt.blocks_mut() {
        rewrite_stmts(block, &mut places, &mut next);
    }
}

fn rewrite_stmts(
    block: &mut Block,
    places: &mut usize,
    next: &mut std::iter::Peekable<std::vec::IntoIter<(usize, Place)>>,
) {
    for stmt in block {
        match stmt {
            Stmt::Store { place, .. } | Stmt::Accumulate { place, .. } => {
                if let Some((_, new)) = next.next_if(|(position, _)| position == places) {
                    *place = new;
                }
                *places += 1;
            }
            Stmt::If { then, orelse, .. } => {
                rewrite_stmts(then, places, next);
                rewrite_stmts(orelse, places, next);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn addressed(body: &str) -> String {
        let head = "entry func f(a: f64[:, ::1], b: f64[:, ::1], c: c128[::1], x: f64[::1], p: i64[::1], n: i64) {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap();
        addresses(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let text = print_program(&program);
        assert_eq!(print_program(&parse_program(&text).unwrap()), text);
        text.strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn rows_of_a_stencil() {
        let text = addressed(
            "  for i in 1 .. n {
    for j in 1 .. n {
      b[i, j] = a[i - 1, j] + a[i, j - 1] + a[i, j + 1]
    }
  }
",
        );
        let expected = "  %row: i64 = base(b) + stride(b, 0)
  %row.2: i64 = base(a)
  %row.3: i64 = base(a) + stride(a, 0)
  for i in 1 .. n {
    for j in 1 .. n {
      b@[%row + j * 8, 0] = a@[%row.2 + j * 8, 0] + a@[%row.3 + j * 8, -8] + a@[%row.3 + j * 8, 8]
    }
    %row = %row + stride(b, 0)
    %row.2 = %row.2 + stride(a, 0)
    %row.3 = %row.3 + stride(a, 0)
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn columns_go_on() {
        let text = addressed(
            "  for i in 1 .. n {
    a[i, n] = b[i, 2] * x[i]
  }
",
        );
        let expected = "  %row: i64 = base(a) + stride(a, 0) + n * 8
  %at: i64 = %row
  %row.2: i64 = base(b) + stride(b, 0)
  %at.2: i64 = %row.2
  for i in 1 .. n {
    a@[%at, 0] = b@[%at.2, 16] * x[i]
    %at = %at + stride(a, 0)
    %at.2 = %at.2 + stride(b, 0)
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_that_advance_alike_share_an_offset() {
        let text = addressed(
            "  for i in p[0] .. n step 2 {
    c[i + n].re = c[i].im + c[i - 1].re
    x[n - i] = 0.0
  }
",
        );
        let expected = "  %at: i64 = p[0] * 16
  %row: i64 = base(c) + n * 16
  %at.2: i64 = base(x) + n * 8 + p[0] * -8
  for i in p[0] .. n step 2 {
    c@[%row + %at, 0].re = c@[base(c) + %at, 0].im + c@[base(c) + %at, -16].re
    x@[%at.2, 0] = 0.0
    %at = %at + 32
    %at.2 = %at.2 + -16
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_move_out_of_all_loops_that_do_not_change_them() {
        let text = addressed(
            "  for i in 0 .. n {
    for j in p[0] .. n {
      k: i64 = j + 1
      while k < n {
        x[k] = a[n, k] + a[j, k]
        k = k + 1
      }
    }
  }
",
        );
        let expected = "  %row: i64 = base(a) + n * stride(a, 0)
  for i in 0 .. n {
    %row.2: i64 = base(a) + p[0] * stride(a, 0)
    for j in p[0] .. n {
      k: i64 = j + 1
      while k < n {
        x[k] = a@[%row + k * 8, 0] + a@[%row.2 + k * 8, 0]
        k = k + 1
      }
      %row.2 = %row.2 + stride(a, 0)
    }
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_an_iteration_assigned_is_seen_through() {
        let text = addressed(
            "  t: i64 = 0
  for i in 0 .. n {
    t = n - i
    x[t] = 0.0
    if i == 3 {
      t = p[i]
    }
    x[t] = 1.0
  }
",
        );
        let expected = "  t: i64 = 0
  %row: i64 = base(x) + n * 8
  %at: i64 = %row
  for i in 0 .. n {
    t = n - i
    x@[%at, 0] = 0.0
    if i == 3 {
      t = p[i]
    }
    x[t] = 1.0
    %at = %at + -8
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_convolution() {
        let text = addressed(
            "  for k in 0 .. n {
    %t: i64 = n - 1 - k
    for j in 0 .. n {
      x[j] = a[k, j] * b[%t, n - j]
    }
  }
",
        );
        let expected = "  %row: i64 = base(a)
  %row.2: i64 = base(b) + n * stride(b, 0) + n * 8 - stride(b, 0)
  for k in 0 .. n {
    %t: i64 = n - 1 - k
    %at: i64 = %row.2
    for j in 0 .. n {
      x[j] = a@[%row + j * 8, 0] * b@[%at, 0]
      %at = %at + -8
    }
    %row = %row + stride(a, 0)
    %row.2 = %row.2 - stride(b, 0)
  }
}
";
        assert_eq!(text, expected);
    }

    #[test]
    fn loops_that_go_on_early_have_no_counters() {
        let body = "  for i in 0 .. n {
    if i == n {
      continue
    }
    a[i, 0] = c[i].re
  }
";
        assert_eq!(addressed(body), format!("{body}}}\n"));
    }
}
