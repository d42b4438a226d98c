//! `for`: over `range` and `prange`, arrays, tuples, and what `enumerate`, `zip` and `reversed` make of them.
//!
//! A `range` with a known step is a loop of the IR over the same numbers. Everything else counts from 0 and computes the item from
//! the count. The user's variable is set from the hidden counter at the start of each iteration, so that it can be
//! assigned to, and keeps its value after the loop. Loops over tuples are unrolled.

use super::context::{Context, Res};
use super::iterate::Source;
use super::scan;
use super::value::Value;
use crate::infer::table::Live;
use crate::infer::{Resolution, StmtInfo};
use crate::ir::{
    ArrayId, Block as IrBlock, CompareOp, ExprId, LocalId, Loop, LoopKind, LoopOrigin, Operand, RuntimeFn,
    Stmt as IrStmt, UnaryOp,
};
use crate::syntax::ast::{Block, ExprId as AstId, ExprKind as AstKind, Stmt};
use crate::types::builtins::Builtin;
use crate::types::{DType, Ty};

impl Context<'_, '_> {
    /// `for target in iter: body else: orelse`. Does control reach what follows?
    pub(super) fn for_stmt(
        &mut self,
        stmt: &Stmt,
        target: AstId,
        iter: AstId,
        body: &Block,
        orelse: &Block,
    ) -> Res<bool> {
        let info = self.loop_info(stmt.id);
        if info.live == Live::Else {
            let falls = self.stmts(orelse)?;
            if falls {
                self.join(&info.joined)?;
            }
            return Ok(falls);
        }
        let temps = self.temps.len();
        if let Resolution::Builtin(builtin @ (Builtin::Range | Builtin::Prange), plan) =
            &self.info(iter)?.resolution
        {
            let (builtin, plan) = (*builtin, plan.clone());
            let [start, stop, step] = self.at(self.node(iter).span, |cx| cx.range_bounds(&plan))?;
            let is_parallel = builtin == Builtin::Prange;
            if let Some(known) = self.as_int(step)
                && known != 0
            {
                let (lo, hi) = self.held_bounds(start, stop, &info);
                return self.counted(
                    stmt,
                    target,
                    body,
                    orelse,
                    &info,
                    is_parallel,
                    (lo, hi, known),
                    None,
                    temps,
                );
            }
            let source = self.at(self.node(iter).span, |cx| cx.range_source(start, stop, step));
            let bounds = self.whole_trip(&source, &info);
            return self.counted(
                stmt,
                target,
                body,
                orelse,
                &info,
                is_parallel,
                bounds,
                Some(&source),
                temps,
            );
        }
        let source = self.source(iter, body)?;
        if let Some(count) = source.unrolled_count() {
            return self.unrolled(stmt, target, body, orelse, &info, &source, count, temps);
        }
        let bounds = self.whole_trip(&source, &info);
        self.counted(stmt, target, body, orelse, &info, false, bounds, Some(&source), temps)
    }

    /// The bounds must not see what converting variables for the loop's head does.
    fn held_bounds(&mut self, lo: ExprId, hi: ExprId, info: &StmtInfo) -> (ExprId, ExprId) {
        if info.head.is_empty() {
            (lo, hi)
        } else if info.head.iter().any(|(_, ty)| ty.array().is_some()) {
            // An array that is converted is released: not even its extents are there afterwards.
            (self.pin(lo), self.pin(hi))
        } else {
            (self.pin_index(lo), self.pin_index(hi))
        }
    }

    fn whole_trip(&mut self, source: &Source, info: &StmtInfo) -> (ExprId, ExprId, i64) {
        let lo = self.int(0);
        let hi = self.trip(source);
        let (lo, hi) = self.held_bounds(lo, hi, info);
        (lo, self.pin_index(hi), 1)
    }

    /// A loop of the IR; the items come from the source, or are the counter itself.
    fn counted(
        &mut self,
        stmt: &Stmt,
        target: AstId,
        body: &Block,
        orelse: &Block,
        info: &StmtInfo,
        is_prange: bool,
        (lo, hi, step): (ExprId, ExprId, i64),
        source: Option<&Source>,
        temps: usize,
    ) -> Res<bool> {
        self.span = stmt.span;
        let id = self.loop_id(match (is_prange, self.instance.options.unchecked_parallel) {
            (true, true) => LoopOrigin::UncheckedPrange,
            (true, false) => LoopOrigin::Prange,
            (false, _) => LoopOrigin::For,
        });
        let is_parallel = is_prange && self.instance.options.parallel && self.parallel_depth == 0;
        let key = self.stream_key(is_prange);
        let draws = is_parallel && self.draws(body);
        let head_env = self.enter_loop(info, body, orelse)?;
        let name = match &self.node(target).kind {
            AstKind::Name(name) => name.to_string(),
            _ => "k".to_owned(),
        };
        self.span = self.node(target).span;
        let var = self.temp(&name, DType::I64);
        if is_parallel {
            self.parallel_depth += 1;
            self.flag_inits.push(Vec::new());
        }
        let (block, falls) = self.block(|cx| {
            if draws {
                let key = cx.expr(crate::ir::ExprKind::Const(crate::ir::Const(key)), DType::U64);
                let args = vec![Operand::Scalar(key), Operand::Scalar(cx.read(var))];
                let function = RuntimeFn::RandomIteration;
                cx.emit_effect(IrStmt::Runtime { function, args, results: Vec::new(), trap: None });
            }
            let start = cx.out.len();
            cx.bind_item(target, var, source)?;
            let falls = cx.loop_body(info, body)?;
            if is_parallel {
                let flags = cx.flag_inits.pop().unwrap_or_default();
                cx.insert_flags(start, &flags);
            }
            Ok(falls)
        })?;
        if is_parallel {
            self.parallel_depth -= 1;
        }
        self.span = stmt.span;
        self.emit(IrStmt::Loop(Box::new(Loop::new(
            id,
            if is_parallel { LoopKind::Parallel } else { LoopKind::Serial },
            var,
            [lo, hi],
            step,
            block,
        ))));
        if draws {
            let key = self.expr(crate::ir::ExprKind::Const(crate::ir::Const(key)), DType::U64);
            let args = vec![Operand::Scalar(key)];
            let function = RuntimeFn::RandomLoopEnd;
            self.emit_effect(IrStmt::Runtime { function, args, results: Vec::new(), trap: None });
        }
        self.release_temps(temps);
        self.leave_loop(info, &head_env, falls, orelse)
    }

    /// At the start of an iteration: the user's variables.
    fn bind_item(&mut self, target: AstId, var: LocalId, source: Option<&Source>) -> Res<()> {
        self.span = self.node(target).span;
        let temps = self.temps.len();
        let count = self.read(var);
        let value = match source {
            None => Value::Real(count),
            Some(source) => {
                let dest = self.row_dest(target, source);
                let value = self.item(source, count, dest)?;
                if let (Some(dest), AstKind::Name(name)) = (dest, &self.node(target).kind) {
                    let ty = Ty::Array(self.array_ty(dest));
                    self.mark_bound(name, &ty);
                    return Ok(());
                }
                value
            }
        };
        self.assign_value(target, value)?;
        self.release_temps(temps);
        Ok(())
    }

    /// A row is bound to the user's variable at once.
    fn row_dest(&mut self, target: AstId, source: &Source) -> Option<ArrayId> {
        let (AstKind::Name(name), Source::Array(array)) = (&self.node(target).kind, source) else {
            return None;
        };
        if self.array_ty(*array).rank < 2 {
            return None;
        }
        let ty = self.instance.exprs.get(&target)?.ty.clone();
        match self.target_slot(name, &ty) {
            super::value::Slot::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The key of the random streams of a `prange`: its place among those of the program.
    fn stream_key(&mut self, is_prange: bool) -> u64 {
        let position = self.prange_count;
        if is_prange {
            self.prange_count += 1;
        }
        (self.instance.function as u64) << 32 | position
    }

    /// One copy of the body per item.
    fn unrolled(
        &mut self,
        stmt: &Stmt,
        target: AstId,
        body: &Block,
        orelse: &Block,
        info: &StmtInfo,
        source: &Source,
        count: usize,
        temps: usize,
    ) -> Res<bool> {
        self.span = stmt.span;
        let is_exact = source.is_exact();
        let trip = if is_exact {
            None
        } else {
            let trip = self.trip(source);
            Some(self.pin(trip))
        };
        let head_env = self.enter_loop(info, body, orelse)?;
        let has_break = scan::has_break(body);
        // Copies after the one that was left are skipped.
        let left = match self.frames.last().and_then(|frame| frame.broke) {
            Some(flag) => Some(flag),
            None if has_break => Some(self.new_flag("broke")),
            None => None,
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.broke = left;
        }
        let needs_loop = trip.is_some() || scan::has_jump(body);
        let mut falls = true;
        let mut outer: Vec<IrBlock> = Vec::new();
        for i in 0..count {
            self.span = self.node(target).span;
            if i > 0
                && let Some(flag) = left
            {
                // Everything that follows goes into `if not broke`.
                let broke = self.read(flag);
                let cond = self.unary(UnaryOp::Not, broke);
                self.emit(IrStmt::If { cond, then: Vec::new(), orelse: Vec::new() });
                outer.push(std::mem::take(&mut self.out));
            }
            let build = |cx: &mut Self| {
                let inner_temps = cx.temps.len();
                let number = cx.int(i as i64);
                let value = cx.item(source, number, None)?;
                cx.assign_value(target, value)?;
                cx.release_temps(inner_temps);
                cx.loop_body(info, body)
            };
            let continues = self.frames.last().map_or(0, |frame| frame.envs.len() as u32 - frame.breaks);
            if needs_loop {
                let id = self.loop_id(LoopOrigin::Internal);
                let var = self.temp("once", DType::I64);
                let lo = self.int(0);
                let hi = match trip {
                    None => self.int(1),
                    Some(trip) => {
                        let (number, trip) = (self.int(i as i64), self.dup(trip));
                        let cond = self.compare(CompareOp::Lt, number, trip);
                        let (one, zero) = (self.int(1), self.int(0));
                        self.select(cond, one, zero)
                    }
                };
                let (block, body_falls) = self.block(build)?;
                falls = body_falls;
                self.emit(IrStmt::Loop(Box::new(Loop::new(id, LoopKind::Serial, var, [lo, hi], 1, block))));
            } else {
                falls = build(self)?;
            }
            let continued = self.frames.last().map_or(0, |frame| frame.envs.len() as u32 - frame.breaks);
            if !falls && continued == continues && trip.is_none() {
                break;
            }
        }
        for mut block in outer.into_iter().rev() {
            let inner = std::mem::take(&mut self.out);
            if let Some(IrStmt::If { then, .. }) = block.last_mut() {
                *then = inner;
            }
            self.out = block;
        }
        if !falls && !needs_loop {
            // The first item left the function for good.
            self.frames.pop();
            return Ok(false);
        }
        self.release_temps(temps);
        self.leave_loop(info, &head_env, falls, orelse)
    }
}
