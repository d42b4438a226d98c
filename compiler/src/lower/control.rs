//! `if` and `while`, `break` and `continue`, and what loops have in common: types at the head and after, `else`, flags.

use super::context::{Context, Frame, Res};
use super::scan;
use super::vars::Env;
use crate::base::Symbol;
use crate::infer::table::Live;
use crate::infer::{Resolution, StmtInfo};
use crate::ir::{Block as IrBlock, ExprId, LocalId, LoopOrigin, Stmt as IrStmt, UnaryOp};
use crate::syntax::ast::{Block, BoolOp, ExprId as AstId, ExprKind as AstKind, Stmt, StmtId};
use crate::types::{DType, Ty};

/// What is left of a condition `a and b and c` whose next operand needs statements.
struct Rest<'a> {
    /// The statements.
    block: IrBlock,
    /// The next operand.
    value: ExprId,
    /// The operands after it.
    conds: &'a [AstId],
}

impl<'a> Context<'_, 'a> {
    /// `if cond: body else: orelse`. Does control reach what follows?
    pub(super) fn if_stmt(&mut self, id: StmtId, cond: AstId, body: &Block, orelse: &Block) -> Res<bool> {
        match self.live(id) {
            Live::Then => return self.stmts(body),
            Live::Else => return self.stmts(orelse),
            Live::Both => {}
        }
        let joined: &[(Symbol, Ty)] = self.instance.stmts.get(&id).map_or(&[], |info| &info.joined);
        let before = self.vars.env.clone();
        if orelse.is_empty()
            && let Some(conds) = self.conjuncts(cond)
            && !self.join_is_needed(joined)
        {
            self.nested_ifs(conds, body, joined)?;
            let after_then = self.vars.env.clone();
            self.vars.restore(&before);
            self.vars.add_missing(&after_then);
            self.set_joined(joined);
            return Ok(true);
        }
        let cond = self.settled_condition(cond)?;
        let (then, then_falls) = self.path(body, joined)?;
        let after_then = self.vars.env.clone();
        self.vars.restore(&before);
        let (other, other_falls) = self.path(orelse, joined)?;
        self.emit_if(cond, then, other);
        match (then_falls, other_falls) {
            (true, true) => {
                self.vars.add_missing(&after_then);
                self.set_joined(joined);
            }
            (true, false) => self.vars.restore(&after_then),
            (false, true) => {}
            (false, false) => return Ok(false),
        }
        Ok(true)
    }

    /// One branch with its conversions.
    fn path(&mut self, body: &Block, joined: &[(Symbol, Ty)]) -> Res<(IrBlock, bool)> {
        self.block(|cx| {
            let falls = cx.stmts(body)?;
            if falls {
                cx.join(joined)?;
            }
            Ok(falls)
        })
    }

    /// A condition; temporaries that it needs are released after computing it.
    fn settled_condition(&mut self, cond: AstId) -> Res<ExprId> {
        let temps = self.temps.len();
        let cond = self.condition(cond)?;
        if self.temps.len() == temps {
            return Ok(cond);
        }
        let cond = self.pin(cond);
        self.release_temps(temps);
        Ok(cond)
    }

    /// The operands of a condition `a and b and c` none of which is known at compile time.
    fn conjuncts(&self, cond: AstId) -> Option<&'a [AstId]> {
        let AstKind::Bool { op: BoolOp::And, values } = &self.node(cond).kind else { return None };
        let is_open =
            |&value: &AstId| self.instance.exprs.contains_key(&value) && self.known_truth(value).is_none();
        let is_plain = matches!(self.instance.exprs.get(&cond)?.resolution, Resolution::Plain);
        (is_plain && values.iter().all(is_open)).then_some(values)
    }

    /// As many of the operands as can be computed at once; what is left; what the next operand needs before it, and its value.
    fn next_condition(&mut self, conds: &'a [AstId]) -> Res<(ExprId, Option<Rest<'a>>)> {
        let Some((&first, mut conds)) = conds.split_first() else { return Err(self.bug("no condition")) };
        let mut cond = self.settled_condition(first)?;
        while let Some((&next, after)) = conds.split_first() {
            let (block, value) = self.block(|cx| cx.settled_condition(next))?;
            if !block.is_empty() || !self.is_cheap(value) {
                return Ok((cond, Some(Rest { block, value, conds: after })));
            }
            cond = self.both(cond, value);
            conds = after;
        }
        Ok((cond, None))
    }

    /// `if a and b: body` as `if a: if b: body`.
    fn nested_ifs(&mut self, conds: &'a [AstId], body: &Block, joined: &[(Symbol, Ty)]) -> Res<()> {
        let (cond, rest) = self.next_condition(conds)?;
        let (then, ()) = self.block(|cx| cx.rest_of_ifs(rest, body, joined))?;
        self.emit_if(cond, then, Vec::new());
        Ok(())
    }

    fn rest_of_ifs(&mut self, rest: Option<Rest<'a>>, body: &Block, joined: &[(Symbol, Ty)]) -> Res<()> {
        let Some(Rest { block, value, conds }) = rest else {
            let falls = self.stmts(body)?;
            return if falls { self.join(joined) } else { Ok(()) };
        };
        self.out.extend(block);
        let (then, ()) = self.block(|cx| {
            if conds.is_empty() {
                cx.rest_of_ifs(None, body, joined)
            } else {
                cx.nested_ifs(conds, body, joined)
            }
        })?;
        self.emit_if(value, then, Vec::new());
        Ok(())
    }

    /// In the body of a `while`: leaves the loop unless the remaining operands of its condition hold.
    fn leave_unless(&mut self, rest: Option<Rest<'a>>) -> Res<()> {
        let mut rest = rest;
        while let Some(Rest { block, value, conds }) = rest {
            self.out.extend(block);
            self.break_unless(value);
            if conds.is_empty() {
                break;
            }
            let (cond, more) = self.next_condition(conds)?;
            self.break_unless(cond);
            rest = more;
        }
        Ok(())
    }

    fn break_unless(&mut self, cond: ExprId) {
        let ends = self.unary(UnaryOp::Not, cond);
        self.emit_if(ends, vec![IrStmt::Break], Vec::new());
    }

    /// `while cond: body else: orelse`.
    pub(super) fn while_stmt(&mut self, stmt: &Stmt, cond: AstId, body: &Block, orelse: &Block) -> Res<bool> {
        let info = self.loop_info(stmt.id);
        if info.live == Live::Else {
            let falls = self.stmts(orelse)?;
            if falls {
                self.join(&info.joined)?;
            }
            return Ok(falls);
        }
        let id = self.loop_id(LoopOrigin::While);
        let head_env = self.enter_loop(&info, body, orelse)?;
        let (head, (test, rest)) = self.block(|cx| {
            if info.live == Live::Then {
                return Ok((cx.boolean(true), None));
            }
            match cx.conjuncts(cond) {
                Some(conds) => cx.next_condition(conds),
                None => Ok((cx.settled_condition(cond)?, None)),
            }
        })?;
        let (block, falls) = self.block(|cx| {
            cx.leave_unless(rest)?;
            cx.loop_body(&info, body)
        })?;
        self.emit(IrStmt::While { id, head, cond: test, body: block });
        self.leave_loop(&info, &head_env, falls, orelse)
    }

    /// What inference says of a loop.
    pub(super) fn loop_info(&self, id: StmtId) -> StmtInfo {
        self.instance.stmts.get(&id).cloned().unwrap_or_default()
    }

    /// Before a loop: converts to the types at its head. Gives the variables at the head.
    pub(super) fn enter_loop(&mut self, info: &StmtInfo, body: &Block, orelse: &Block) -> Res<Env> {
        self.declare_flags(&info.maybe_unassigned);
        self.join(&info.head)?;
        let needs_flag = scan::has_break(body) && (!orelse.is_empty() || !info.joined.is_empty());
        let broke = needs_flag.then(|| self.new_flag("broke"));
        self.frames.push(Frame {
            head: info.head.clone(),
            joined: info.joined.clone(),
            broke,
            breaks: 0,
            envs: Vec::new(),
        });
        Ok(self.vars.env.clone())
    }

    /// A truth variable that is false now.
    pub(super) fn new_flag(&mut self, name: &str) -> LocalId {
        let flag = self.temp(name, DType::Bool);
        let no = self.boolean(false);
        self.set(flag, no);
        flag
    }

    /// The body of a loop, with the conversions at its end.
    pub(super) fn loop_body(&mut self, info: &StmtInfo, body: &Block) -> Res<bool> {
        let falls = self.stmts(body)?;
        if falls {
            self.join(&info.head)?;
            let locals = scan::body_locals(self.ast, &self.function.body, body, |name| self.owns_array(name));
            for name in locals {
                self.release_name(&name);
            }
        }
        Ok(falls)
    }

    /// After a loop: its `else`, and the variables as they are from here on.
    pub(super) fn leave_loop(
        &mut self,
        info: &StmtInfo,
        head_env: &Env,
        body_falls: bool,
        orelse: &Block,
    ) -> Res<bool> {
        let Some(frame) = self.frames.pop() else { return Err(self.bug("a loop that was not entered")) };
        let body_env = self.vars.env.clone();
        self.vars.restore(head_env);
        // Variables that only the body assigns: their flags tell whether they have a value.
        if body_falls {
            self.vars.add_missing(&body_env);
        }
        for env in &frame.envs {
            self.vars.add_missing(env);
        }
        let has_exit = info.live != Live::Then;
        let mut falls = false;
        if has_exit {
            let (exit, exit_falls) = self.path(orelse, &info.joined)?;
            falls = exit_falls;
            match frame.broke {
                Some(flag) if frame.breaks > 0 => {
                    let broke = self.read(flag);
                    let cond = self.unary(UnaryOp::Not, broke);
                    self.emit_if(cond, exit, Vec::new());
                }
                _ => self.out.extend(exit),
            }
        }
        if frame.breaks > 0 {
            if !falls && let Some(env) = frame.envs.first() {
                // Only breaks lead here.
                let others = self.vars.env.clone();
                self.vars.restore(env);
                self.vars.add_missing(&others);
            }
            self.set_joined(&info.joined);
            falls = true;
        }
        Ok(falls)
    }

    /// `break`.
    pub(super) fn break_stmt(&mut self) -> Res<()> {
        let Some(frame) = self.frames.last() else { return Err(self.bug("`break` outside a loop")) };
        let (joined, broke) = (frame.joined.clone(), frame.broke);
        self.join(&joined)?;
        if let Some(flag) = broke {
            let yes = self.boolean(true);
            self.set(flag, yes);
        }
        let env = self.vars.env.clone();
        if let Some(frame) = self.frames.last_mut() {
            // Those of breaks come first.
            frame.envs.insert(frame.breaks as usize, env);
            frame.breaks += 1;
        }
        self.emit(IrStmt::Break);
        Ok(())
    }

    /// `continue`.
    pub(super) fn continue_stmt(&mut self) -> Res<()> {
        let Some(frame) = self.frames.last() else { return Err(self.bug("`continue` outside a loop")) };
        let head = frame.head.clone();
        self.join(&head)?;
        let env = self.vars.env.clone();
        if let Some(frame) = self.frames.last_mut() {
            frame.envs.push(env);
        }
        self.emit(IrStmt::Continue);
        Ok(())
    }
}
