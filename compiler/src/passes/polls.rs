//! Lets long loops be interrupted: a test at the head of each iteration of `while` loops, and of loops with loops or calls in
//! them.
//!
//! ```text
//! while b {                    while b {
//!   body            ==>          check not interrupted() else K711
//! }                              body
//!                              }
//! ```
//!
//! Innermost counted loops are not tested: they end.

use super::{PassReport, build};
use crate::base::{Code, Span};
use crate::ir::walk;
use crate::ir::{Block, Check, ExprKind, Func, Message, Piece, Program, Stmt, Trap, TrapId};
use crate::types::DType;

/// Adds the tests.
pub fn polls(program: &mut Program, report: &mut PassReport) {
    let mut trap: Option<TrapId> = None;
    let Program { funcs, traps, .. } = program;
    for func in funcs.values_mut() {
        let mut count = 0;
        walk::rewrite_blocks(func, &mut |func, block| {
            for stmt in block.iter_mut() {
                let (id, body) = match stmt {
                    Stmt::While { id, body, .. } => (*id, body),
                    Stmt::Loop(l) if is_long(&l.body) => (l.id, &mut l.body),
                    _ => continue,
                };
                let trap = *trap.get_or_insert_with(|| {
                    traps.push(Trap {
                        code: Code::K711,
                        span: func.loops[id].span,
                        exception: "KeyboardInterrupt".into(),
                        message: Message::line(vec![Piece::Text("interrupted".into())]),
                    })
                });
                let span = func.loops[id].span;
                body.insert(0, poll(func, trap, span));
                count += 1;
            }
        });
        report.add(count);
    }
}

/// Are there loops or calls in it?
fn is_long(body: &Block) -> bool {
    let mut found = false;
    walk::for_each_stmt(body, &mut |stmt| {
        found |= matches!(stmt, Stmt::While { .. } | Stmt::Loop(_) | Stmt::Call { .. });
    });
    found
}

fn poll(func: &mut Func, trap: TrapId, span: Span) -> Stmt {
    let interrupted = func.expr(ExprKind::Interrupted, DType::Bool, span);
    let cond = build::not(func, interrupted, span);
    Stmt::Check { check: Check::Cond(cond), trap, args: Vec::new() }
}
