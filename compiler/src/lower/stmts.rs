//! Functions and their simple statements.

use super::context::{Context, Res};
use super::value::Value;
use crate::base::Code;
use crate::infer::table::Live;
use crate::ir::{Check, Operand, Ownership, Stmt as IrStmt};
use crate::syntax::ast::{Block, ExprId as AstId, ExprKind as AstKind, Stmt, StmtKind};
use crate::types::Ty;

impl Context<'_, '_> {
    /// Lowers the whole function.
    pub(super) fn lower_function(&mut self) -> Res<()> {
        self.declare_recursion();
        self.declare_rets();
        self.declare_params()?;
        let params_end = self.out.len();
        let falls_through = self.stmts(&self.function.body)?;
        if falls_through {
            self.span = self.function.head_span.after();
            self.return_value(None)?;
        }
        let flags = self.flag_inits.pop().unwrap_or_default();
        self.insert_flags(params_end, &flags);
        self.func.body = std::mem::take(&mut self.out);
        Ok(())
    }

    /// Clears flags at a position of the current block.
    pub(super) fn insert_flags(&mut self, position: usize, flags: &[crate::ir::LocalId]) {
        let tail = self.out.split_off(position);
        for &flag in flags {
            let no = self.boolean(false);
            self.set(flag, no);
        }
        self.out.extend(tail);
    }

    /// Lowers statements up to the first that control does not leave at its end. Does control reach the end?
    pub(super) fn stmts(&mut self, block: &Block) -> Res<bool> {
        for stmt in block {
            let falls_through = self.stmt(stmt)?;
            if !falls_through {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Releases the owned temporaries made since there were `count`.
    pub(super) fn release_temps(&mut self, count: usize) {
        for array in self.temps.split_off(count).into_iter().rev() {
            if self.func.arrays[array].ownership == Ownership::Owned {
                self.emit(IrStmt::Release { array });
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt) -> Res<bool> {
        self.span = stmt.span;
        let temps = self.temps.len();
        match &stmt.kind {
            StmtKind::Expr(expr) => {
                self.effect(*expr)?;
            }
            StmtKind::Assign { targets, value } => self.assign(targets, *value)?,
            StmtKind::AnnAssign { target, value, .. } => {
                if let Some(value) = value {
                    self.assign(&[*target], *value)?;
                }
            }
            StmtKind::AugAssign { target, op, value } => self.aug_assign(*target, *op, *value)?,
            StmtKind::If { cond, body, orelse } => return self.if_stmt(stmt.id, *cond, body, orelse),
            StmtKind::While { cond, body, orelse } => return self.while_stmt(stmt, *cond, body, orelse),
            StmtKind::For { target, iter, body, orelse } => {
                return self.for_stmt(stmt, *target, *iter, body, orelse);
            }
            StmtKind::Return(value) => {
                self.return_value(*value)?;
                self.temps.truncate(temps);
                return Ok(false);
            }
            StmtKind::Break => {
                self.break_stmt()?;
                return Ok(false);
            }
            StmtKind::Continue => {
                self.continue_stmt()?;
                return Ok(false);
            }
            StmtKind::Pass => {}
            StmtKind::Raise(value) => {
                self.raise(*value)?;
                self.temps.truncate(temps);
                return Ok(false);
            }
            StmtKind::Assert { cond, message } => {
                if let Some(false) = self.known_truth(*cond) {
                    self.fail_assert(*message)?;
                    return Ok(false);
                }
                self.assert(*cond, *message)?;
            }
            StmtKind::Del(names) => {
                for &name in names {
                    if let AstKind::Name(name) = &self.node(name).kind {
                        let name = name.clone();
                        self.delete_name(&name);
                    }
                }
            }
        }
        self.release_temps(temps);
        Ok(true)
    }

    /// An expression whose value is not needed.
    fn effect(&mut self, expr: AstId) -> Res<()> {
        // Strings and bare names do nothing; calls may not be in the table as values.
        if matches!(self.node(expr).kind, AstKind::Literal(_)) {
            return Ok(());
        }
        self.value(expr)?;
        Ok(())
    }

    /// `return value`.
    fn return_value(&mut self, value: Option<AstId>) -> Res<()> {
        let ret: &Ty = &self.instance.ret;
        let value = match value {
            Some(value) => self.value(value)?,
            None => Value::None,
        };
        let value = self.convert(value, ret)?;
        let mut values: Vec<Operand> = Vec::new();
        self.operands(value, &mut values);
        self.emit(IrStmt::Return { values });
        Ok(())
    }

    /// `assert cond, message`.
    fn assert(&mut self, cond: AstId, message: Option<AstId>) -> Res<()> {
        if self.known_truth(cond) == Some(true) {
            return Ok(());
        }
        let span = self.node(cond).span;
        let cond = self.condition(cond)?;
        if message.is_none_or(|message| self.is_plain_text(message)) {
            let pieces = match message {
                Some(message) => self.message_pieces(message)?.0,
                None => Vec::new(),
            };
            let trap = self.at(span, |cx| cx.trap(Code::K706, "AssertionError", pieces));
            self.emit(IrStmt::Check { check: Check::Cond(cond), trap, args: Vec::new() });
            return Ok(());
        }
        let (orelse, ()) = self.block(|cx| cx.fail_assert(message))?;
        self.emit(IrStmt::If { cond, then: Vec::new(), orelse });
        Ok(())
    }

    fn fail_assert(&mut self, message: Option<AstId>) -> Res<()> {
        let temps = self.temps.len();
        let (pieces, args) = match message {
            Some(message) => self.message_pieces(message)?,
            None => (Vec::new(), Vec::new()),
        };
        let trap = self.trap(Code::K706, "AssertionError", pieces);
        self.emit(IrStmt::Raise { trap, args });
        self.temps.truncate(temps);
        Ok(())
    }

    /// Which branches inference has typed.
    pub(super) fn live(&self, id: crate::syntax::ast::StmtId) -> Live {
        self.instance.stmts.get(&id).map(|info| info.live).unwrap_or_default()
    }
}
