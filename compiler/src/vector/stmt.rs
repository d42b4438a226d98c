//! Statements: branches become masks, exits wait for the end of what they leave.

use kjit_strip::ir::{Binary, Value};

use super::value::{Builder, Env, Exit, ExitKind, Frame, Key, Result, Val};
use crate::ir::{Block, Check, CompareOp, FuncId, Operand, Param, Stmt, Target};
use crate::types::DType;

/// Calls within calls are followed this far.
const MAX_CALL_DEPTH: usize = 4;

impl<'a> Builder<'a> {
    /// Statements in order, as long as a lane reaches them.
    pub(super) fn block(&mut self, block: &'a Block) -> Result<()> {
        for stmt in block {
            if self.is_dead {
                break;
            }
            self.stmt(stmt)?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &'a Stmt) -> Result<()> {
        match stmt {
            Stmt::Set { local, value } if self.is_in_order(*local) => self.add_in_order(*local, *value)?,
            Stmt::Set { local, value } => {
                let value = self.expr(*value)?;
                self.set(*local, value);
            }
            Stmt::Store { array, place, lane, value } => {
                let value = self.expr(*value)?;
                self.store(*array, place, *lane, &value)?;
            }
            Stmt::Accumulate { array, place, lane, op, value } => {
                let value = self.expr(*value)?;
                self.accumulate(*array, place, *lane, *op, &value)?;
            }
            Stmt::SetArray { array, value } => self.set_array(*array, value)?,
            Stmt::If { cond, then, orelse } => self.branch(*cond, then, orelse)?,
            Stmt::While { .. } | Stmt::Loop(_) => self.inner_loop(stmt)?,
            Stmt::Call { callee, args, results, .. } => self.call(*callee, args, results)?,
            Stmt::Check { check, .. } => self.check(check)?,
            Stmt::Break => self.exit(ExitKind::Break)?,
            Stmt::Continue => self.exit(ExitKind::Continue)?,
            Stmt::Return { values } => {
                if !self.is_root() {
                    for (position, value) in values.iter().enumerate() {
                        let Operand::Scalar(value) = value else {
                            return self.refuse("a called function returns an array");
                        };
                        let value = self.expr(*value)?;
                        self.frame().env.insert(Key::Ret(position as u32), value);
                    }
                }
                self.exit(ExitKind::Return)?;
            }
            // Reference counts: what is bound and released within an iteration leaves them as they are.
            Stmt::Release { .. } => {}
            Stmt::Raise { .. } => self.leave("an error that is always raised")?,
            Stmt::Print { .. } => self.leave("it prints")?,
            Stmt::Device { .. } | Stmt::Launch { .. } => self.leave("it belongs to a GPU kernel")?,
            Stmt::Runtime { .. } => self.leave("a service of the runtime is called")?,
            Stmt::Parallel(_) => self.leave("a parallel loop inside")?,
            Stmt::Fill { .. } | Stmt::CopyElements { .. } => self.leave("a whole array is written")?,
        }
        Ok(())
    }

    /// What only the loop itself can do: lanes that come here leave the strip, if not all do.
    fn leave(&mut self, what: &str) -> Result<()> {
        let Some(mask) = self.mask else { return self.refuse(what) };
        if self.has_stored {
            return self.refuse(what);
        }
        self.graph.push(kjit_strip::ir::Inst::Fault { mask });
        self.is_dead = true;
        Ok(())
    }

    fn exit(&mut self, kind: ExitKind) -> Result<()> {
        let is_in_loop = self.frames[self.frames.len() - 1].loops > 0;
        let leaves_strip =
            self.is_root() && (kind == ExitKind::Return || (kind == ExitKind::Break && !is_in_loop));
        if leaves_strip {
            return self.leave("every iteration leaves the loop");
        }
        let mask = match self.mask {
            Some(mask) => mask,
            None => self.graph.mask(true),
        };
        let env = self.frame().env.clone();
        self.exits.push(Exit { kind, mask, env });
        self.is_dead = true;
        Ok(())
    }

    fn check(&mut self, check: &Check) -> Result<()> {
        let fails = match check {
            Check::Cond(cond) => {
                let cond = self.expr(*cond)?;
                let holds = self.lanes(&cond);
                self.graph.unary(kjit_strip::ir::Unary::Not, holds)
            }
            Check::Index { index, array, axis } => {
                let index = self.expr(*index)?;
                let dim = self.dim(*array, *axis)?;
                if let Val::Lanes(index) = index
                    && self.frames.iter().all(|frame| frame.loops == 0)
                    && self.is_shared(*array)?
                {
                    return self.settle(index, &dim);
                }
                let above = self.compare(CompareOp::Ge, &index, &dim, DType::I64)?;
                let lowest = self.int_unary(crate::ir::UnaryOp::Neg, &dim);
                let below = self.compare(CompareOp::Lt, &index, &lowest, DType::I64)?;
                let (above, below) = (self.lanes(&above), self.lanes(&below));
                self.graph.binary(Binary::Or, above, below)
            }
        };
        self.fault(fails)
    }

    fn branch(&mut self, cond: crate::ir::ExprId, then: &'a Block, orelse: &'a Block) -> Result<()> {
        let cond = self.expr(cond)?;
        let cond = self.lanes(&cond);
        match self.graph.constant(cond) {
            Some(0) => return self.block(orelse),
            Some(_) => return self.block(then),
            None => {}
        }
        let (outer, before, exits) = (self.mask, self.frame().env.clone(), self.exits.len());
        let then_mask = self.masked(cond);
        self.mask = Some(then_mask);
        self.block(then)?;
        let then_dead = std::mem::take(&mut self.is_dead);
        let then_end = (self.mask, std::mem::replace(&mut self.frame().env, before));
        let else_mask = match outer {
            Some(outer) => self.graph.and_not(outer, cond),
            None => self.graph.unary(kjit_strip::ir::Unary::Not, cond),
        };
        self.mask = Some(else_mask);
        self.block(orelse)?;
        let else_dead = std::mem::take(&mut self.is_dead);
        // Lanes that have left the strip are none; only exits that wait make the mask smaller.
        let has_exits = self.exits.len() > exits;
        match (then_dead, else_dead) {
            (true, true) => self.is_dead = true,
            (true, false) => {
                if !has_exits {
                    self.mask = outer;
                }
            }
            (false, true) => {
                self.frame().env = then_end.1;
                self.mask = if has_exits { then_end.0 } else { outer };
            }
            (false, false) => {
                let orelse = std::mem::take(&mut self.frame().env);
                let merged = self.merge(cond, &then_end.1, &orelse);
                self.frame().env = merged;
                self.mask = match (has_exits, then_end.0, self.mask) {
                    (true, Some(a), Some(b)) => Some(self.graph.binary(Binary::Or, a, b)),
                    _ => outer,
                };
            }
        }
        Ok(())
    }

    /// The exits of one kind since `first`, taken out; the others stay.
    pub(super) fn take_exits(&mut self, first: usize, kind: ExitKind) -> Vec<Exit> {
        let (taken, left): (Vec<Exit>, Vec<Exit>) =
            self.exits.drain(first..).partition(|exit| exit.kind == kind);
        self.exits.extend(left);
        taken
    }

    /// Lanes of exits join those that are here; is anybody here?
    pub(super) fn join(&mut self, exits: Vec<Exit>) {
        for exit in exits {
            if std::mem::take(&mut self.is_dead) {
                self.mask = Some(exit.mask);
                self.frame().env = exit.env;
                continue;
            }
            let here = std::mem::take(&mut self.frame().env);
            let merged = self.merge(exit.mask, &exit.env, &here);
            self.frame().env = merged;
            self.mask = self.mask.map(|mask| self.graph.binary(Binary::Or, mask, exit.mask));
        }
    }

    /// Follows a called function.
    fn call(&mut self, callee: FuncId, args: &[Operand], results: &[Target]) -> Result<()> {
        let program = self.request.program;
        let func = &program.funcs[callee];
        if func.recursion.is_some() || self.frames.len() > MAX_CALL_DEPTH {
            return self.refuse(format!("`{}` is called", func.name));
        }
        let (mut env, mut arrays) = (Env::new(), rustc_hash::FxHashMap::default());
        for (param, arg) in func.params.iter().zip(args) {
            match (*param, *arg) {
                (Param::Scalar(local), Operand::Scalar(value)) => {
                    let value = self.expr(value)?;
                    env.insert(Key::Local(local), value);
                }
                (Param::Array(inner), Operand::Array(outer)) => {
                    let known = self.array(outer)?;
                    arrays.insert(inner, known);
                }
                _ => return self.refuse("arguments of another kind"),
            }
        }
        let (outer, first) = (self.mask, self.exits.len());
        let live_after = Self::liveness_of(func);
        self.frames.push(Frame { func, live_after, env, arrays, loops: 0 });
        self.block(&func.body)?;
        let exits = self.take_exits(first, ExitKind::Return);
        let mut values: Vec<Option<Val>> = Vec::new();
        for position in 0..results.len() {
            let key = Key::Ret(position as u32);
            let mut value: Option<Val> = None;
            // Every lane leaves by one of them; the last one needs no mask.
            for exit in exits.iter().rev() {
                let Some(returned) = exit.env.get(&key).cloned() else { continue };
                value = Some(match value {
                    Some(value) => self.choose(exit.mask, &returned, &value),
                    None => returned,
                });
            }
            values.push(value);
        }
        self.frames.pop();
        self.mask = outer;
        self.is_dead = false;
        for (result, value) in results.iter().zip(values) {
            match (*result, value) {
                (Target::Local(local), Some(value)) => self.set(local, value),
                (Target::Local(_), None) => return self.refuse("a called function has no result"),
                (Target::Array(_), _) => return self.refuse("a called function returns an array"),
            }
        }
        Ok(())
    }

    /// The mask of the lanes that are here.
    pub(super) fn mask_here(&mut self) -> Value {
        match self.mask {
            Some(mask) => mask,
            None => self.graph.mask(true),
        }
    }
}
