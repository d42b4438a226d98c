//! Makes a program count its floating-point operations, for measurements (`kjit bench`).
//!
//! ```text
//!                              work = 0
//! for i in 0..n {              for i in 0..n {
//!   s = s + x[i] * y[i]          s = s + x[i] * y[i]
//! }                      ==>     work = work + 2
//! return s                     }
//!                              count_operations(work)
//!                              return s
//! ```
//!
//! Counted is what the source says, whatever later passes make of it: additions, subtractions, multiplications, divisions and
//! remainders of floats, and calls of mathematical functions, one each. A function that ends with an error counts nothing. Programs
//! with kernels for a GPU are left as they are.

use super::build;
use crate::base::Span;
use crate::ir::walk::{self, Exprs};
use crate::ir::{
    BinaryOp, Block, ExprId, ExprKind, Func, LocalId, Operand, Program, ReduceOp, RuntimeFn, Stmt,
};
use crate::types::DType;

/// Adds the counters.
pub fn count(program: &mut Program) {
    if program.funcs.values().any(|func| func.is_kernel) {
        return;
    }
    for func in program.funcs.values_mut() {
        if has_operations(func) {
            count_in(func);
        }
    }
}

fn has_operations(func: &Func) -> bool {
    let mut total = 0;
    walk::for_each_stmt(&func.body, &mut |stmt| total += of_stmt(&func.exprs, stmt));
    total > 0
}

fn count_in(func: &mut Func) {
    let span = func.span;
    let work = func.temp("work", DType::I64, span);
    walk::rewrite_blocks(func, &mut |func, block| {
        let mut counted = Block::with_capacity(block.len() + 1);
        let mut pending = 0;
        for mut stmt in std::mem::take(block) {
            if let Stmt::While { head, cond, .. } = &mut stmt {
                let operations = of_expr(&func.exprs, *cond);
                add(func, head, work, operations, span);
            } else {
                pending += of_stmt(&func.exprs, &stmt);
            }
            // What is behind a jump is not done.
            if stmt.is_jump() || !stmt.blocks().is_empty() {
                add(func, &mut counted, work, std::mem::take(&mut pending), span);
            }
            if matches!(stmt, Stmt::Return { .. }) {
                counted.push(report(func, work, span));
            }
            counted.push(stmt);
        }
        add(func, &mut counted, work, pending, span);
        *block = counted;
    });
    let zero = func.int(0, span);
    func.body.insert(0, Stmt::Set { local: work, value: zero });
    if !func.body.last().is_some_and(Stmt::is_jump) {
        let last = report(func, work, span);
        func.body.push(last);
    }
}

/// `work = work + operations`.
fn add(func: &mut Func, block: &mut Block, work: LocalId, operations: i64, span: Span) {
    if operations > 0 {
        let (left, right) = (func.read(work, span), func.int(operations, span));
        let value = build::int_binary(func, BinaryOp::Add, left, right, span);
        block.push(Stmt::Set { local: work, value });
    }
}

fn report(func: &mut Func, work: LocalId, span: Span) -> Stmt {
    let operand = Operand::Scalar(func.read(work, span));
    let function = RuntimeFn::CountOperations;
    Stmt::Runtime { function, args: vec![operand], results: Vec::new(), trap: None }
}

/// Of the statement itself, without the blocks in it.
fn of_stmt(exprs: &Exprs, stmt: &Stmt) -> i64 {
    let mut total = match stmt {
        Stmt::Accumulate { op: ReduceOp::Add | ReduceOp::Mul, value, .. } => {
            i64::from(exprs[*value].ty.is_float())
        }
        _ => 0,
    };
    walk::for_each_expr_root(stmt, &mut |root| total += of_expr(exprs, root));
    total
}

fn of_expr(exprs: &Exprs, root: ExprId) -> i64 {
    let mut total = 0;
    walk::for_each_expr(exprs, root, &mut |_, expr| {
        total += match &expr.kind {
            ExprKind::Binary {
                op:
                    BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::Div
                    | BinaryOp::FloorDiv
                    | BinaryOp::Mod,
                ..
            } => i64::from(expr.ty.is_float()),
            ExprKind::Math1 { .. } | ExprKind::Math2 { .. } => 1,
            ExprKind::Fma { .. } => 2,
            _ => 0,
        };
    });
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn counted(text: &str) -> String {
        let mut program = parse_program(text).unwrap();
        count(&mut program);
        verify(&program).unwrap();
        print_program(&program)
    }

    #[test]
    fn every_block_counts_what_it_does() {
        let text = "\
entry func f(x: f64, n: i64) -> f64 {
  s: f64 = x * 2.0
  while s < x + 1.0 {
    s = s + sqrt(x) / 3.0
    if s > 4.0 {
      s = s - 1.0
      break
    }
    s = s * s
  }
  return s * x
}
";
        let expected = "\
entry func f(x: f64, n: i64) -> f64 {
  %work: i64 = 0
  s: f64 = x * 2.0
  %work = %work + 1
  while {
    %work = %work + 1
  } test s < x + 1.0 {
    s = s + sqrt(x) / 3.0
    %work = %work + 3
    if s > 4.0 {
      s = s - 1.0
      %work = %work + 1
      break
    }
    s = s * s
    %work = %work + 1
  }
  %work = %work + 1
  runtime count_operations(%work)
  return s * x
}
";
        assert_eq!(counted(text), expected);
    }

    #[test]
    fn integers_are_not_counted() {
        let text = "entry func f(n: i64) -> i64 {\n  return n * n + 1\n}\n";
        assert_eq!(counted(text), text);
    }
}
