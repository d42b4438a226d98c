//! Loops inside: as often as the lanes want, or until none of them wants to go on.
//!
//! ```text
//! while cond { body }             live = cond                          where the lanes differ
//!                          ==>    loop while any(live) {
//!                                   body                               under `live`
//!                                   x = live ? new x : x               for what is read after the loop
//!                                   live = live that go on & cond
//!                                 }
//! ```
//!
//! If the number of rounds is the same for all lanes, and lanes leave earlier by jumps, the rounds are counted for all at once and `live` are those that have
//! not jumped. What such a jump takes along of the loop's variable is not chosen in every round: `live` counts how many rounds a lane
//! has finished.
//!
//! ```text
//! for k in 0 .. n {                  live = all, rounds = 0
//!   if c { return k }                loop for k in 0 .. n while any(live) {
//! }                          ==>       live = live &~ c
//! return n                             rounds = rounds + live
//!                                    }
//!                                    live ? n : rounds
//! ```
//!
//! A variable is one `Int` for the block if it is so before the loop and after each round, else one number per lane: tried in that
//! order.

use kjit_strip::ir::{Binary, Convert, Inst, Loop as Rounds, Op, Phi, Ty, Value};

use super::expr::lane_ty;
use super::linear::Linear;
use super::value::{Builder, Exit, ExitKind, Key, Need, Result, Val};
use crate::analysis::liveness;
use crate::ir::parallel::regroups;
use crate::ir::{Block, CompareOp, ExprId, ExprKind, LocalId, Loop, Stmt, walk};
use crate::types::DType;

/// A variable that goes from round to round.
struct Carried {
    key: Key,
    param: Value,
    init: Value,
    is_int: bool,
    /// Is it read after the loop, so that lanes that have left must keep it?
    stays: bool,
    /// May a round read what the one before left?
    is_read: bool,
    /// Lanes that leave take along the loop's variable plus this, others leave it as it is.
    counted: Option<i64>,
}

impl<'a> Builder<'a> {
    /// A loop of the source.
    pub(super) fn inner_loop(&mut self, stmt: &'a Stmt) -> Result<()> {
        self.tally.loops += 1;
        // Loads and stores of the loop must not be mixed with what waits.
        let has_stores = self.flush_if_needed(stmt)?;
        let mut as_lanes: Vec<LocalId> = Vec::new();
        loop {
            let saved = self.clone();
            match self.rounds(stmt, &as_lanes, has_stores)? {
                None => return Ok(()),
                Some(local) => {
                    *self = saved;
                    as_lanes.push(local);
                }
            }
        }
    }

    /// Writes what waits, if the loop may read or write it. Does the loop store?
    fn flush_if_needed(&mut self, stmt: &Stmt) -> Result<bool> {
        let (mut has_stores, mut has_loads) = (false, false);
        let exprs = &self.func().exprs;
        let mut visit = |stmt: &Stmt| {
            has_stores |= matches!(
                stmt,
                Stmt::Store { .. }
                    | Stmt::Accumulate { .. }
                    | Stmt::Fill { .. }
                    | Stmt::CopyElements { .. }
                    | Stmt::Call { .. }
            );
            walk::for_each_expr_root(stmt, &mut |root| {
                has_loads |= walk::any_expr(exprs, root, &mut |e| matches!(e.kind, ExprKind::Load { .. }));
            });
        };
        visit(stmt);
        for block in stmt.blocks() {
            walk::for_each_stmt(block, &mut |inner| visit(inner));
        }
        if has_stores || (has_loads && !self.pending.is_empty()) {
            self.flush_stores()?;
        }
        if has_stores {
            self.graph.forget_loads();
        }
        Ok(has_stores)
    }

    /// Writes the loop; a variable that turned out to need lanes, if there is one.
    fn rounds(&mut self, stmt: &'a Stmt, as_lanes: &[LocalId], has_stores: bool) -> Result<Option<LocalId>> {
        let (head, cond, body, counted): (&'a [Stmt], Option<ExprId>, &'a Block, Option<&'a Loop>) =
            match stmt {
                Stmt::While { head, cond, body, .. } => (head, Some(*cond), body, None),
                Stmt::Loop(l) => (&[], None, &l.body, Some(l)),
                _ => return self.refuse("no loop"),
            };
        if let Some(l) = counted
            && !l.reductions.is_empty()
        {
            self.keep_order(l)?;
        }
        let exits = walk::exits(body);
        if walk::contains_exit(head) && counted.is_none() {
            let found = walk::exits(head);
            if found.breaks || found.continues || found.returns {
                return self.refuse("a jump in the condition of a loop");
            }
        }
        let func = self.func();
        let id = match stmt.loop_id() {
            Some(id) => id,
            None => return self.refuse("no loop"),
        };
        let after = self.frame().live_after.get(&id).map(|live| live.locals.clone()).unwrap_or_default();
        let read_first = liveness::read_first(func, std::slice::from_ref(stmt)).locals;

        // Bounds, evaluated once.
        let (mut lo, mut hi) = (None, None);
        if let Some(l) = counted {
            if l.step.unsigned_abs() != 1 {
                return self.refuse("an inner loop with a step other than 1");
            }
            lo = Some(self.expr(l.lo)?);
            hi = Some(self.expr(l.hi)?);
        }
        let is_uniform_range = match (&lo, &hi) {
            (Some(Val::Int(lo)), Some(Val::Int(hi))) => lo.add_scaled(hi, -1).is_uniform(),
            _ => false,
        };
        let is_uniform = !exits.breaks
            && !exits.returns
            && match counted {
                Some(_) => is_uniform_range,
                None => false,
            };

        // Lanes leave by jumps alone, and the rounds are counted for all of them.
        let counts_for_all = counted.is_some() && is_uniform_range && !is_uniform;

        // A `while` evaluates its condition in front of the loop and at the end of each round.
        let outer = self.mask;
        let mut live_init = None;
        if counted.is_none() {
            self.statements(head)?;
        }
        if counts_for_all {
            live_init = Some(self.mask_here());
        } else if !is_uniform {
            let goes = match (counted, cond) {
                (Some(l), _) => self.goes_on(l, lo.as_ref(), hi.as_ref())?,
                (None, Some(cond)) => {
                    let cond = self.expr(cond)?;
                    self.lanes(&cond)
                }
                (None, None) => return self.refuse("no loop"),
            };
            live_init = Some(self.masked(goes));
        }

        // What the bounds or the first condition loaded is old in the second round, and after the loop.
        if has_stores {
            self.graph.forget_loads();
        }

        // What goes from round to round.
        let mut assigned = walk::assigned_locals(body);
        let head_assigned = walk::assigned_locals(head);
        assigned.extend(head_assigned.iter());
        let inner_vars = counted.map(|l| l.var);
        let mut carried: Vec<Carried> = Vec::new();
        for local in assigned.iter() {
            let stays = after.contains(local);
            // What the condition of a `while` computes is read by the next round.
            let is_of_head = head_assigned.contains(local);
            if Some(local) == inner_vars || !(stays || is_of_head || read_first.contains(local)) {
                continue;
            }
            let key = Key::Local(local);
            let dtype = func.locals[local].dtype;
            let known = self.frame().env.get(&key).cloned();
            let before = match known {
                Some(value) => value,
                // Set by every round before it is read, or of no interest to lanes without a round.
                None => self.nothing(dtype),
            };
            let may_be_int = is_uniform || !stays;
            let is_int = may_be_int
                && !as_lanes.contains(&local)
                && matches!(&before, Val::Int(linear) if linear.is_uniform());
            let is_read = is_of_head || read_first.contains(local);
            self.carry_round(&mut carried, key, &before, is_int, stays, is_read);
        }
        if exits.returns {
            // Results of lanes that return in here.
            for (position, ret) in func.rets.iter().enumerate() {
                let crate::ir::Ret::Scalar(dtype) = ret else { return self.refuse("an array is returned") };
                let key = Key::Ret(position as u32);
                let before = self.frame().env.get(&key).cloned();
                let before = before.unwrap_or_else(|| self.nothing(*dtype));
                self.carry_round(&mut carried, key, &before, false, true, false);
            }
        }
        let none = self.graph.mask(false);
        // Where returns are the only jumps, lanes that are not live have returned.
        let returned_are_gone = counts_for_all && !exits.breaks;
        let gone_init = (exits.returns && !returned_are_gone).then_some(none);
        let count_init = self.graph.int(0);

        // Around the loop nothing of what it computes has a value, but what is carried.
        let mut around = self.frame().env.clone();
        around.retain(|key, _| !matches!(key, Key::Local(local) if assigned.contains(*local)));
        if let Some(var) = inner_vars {
            around.remove(&Key::Local(var));
        }

        // The loop.
        let lo_lanes = match &lo {
            Some(Val::Lanes(value)) => Some(*value),
            _ => None,
        };
        let mut phis: Vec<(Value, Value, Option<Value>)> = Vec::new();
        let count = counted.is_some().then(|| self.graph.fresh(Ty::Int));
        let live = live_init.map(|_| self.graph.fresh(Ty::Mask));
        let gone = gone_init.map(|_| self.graph.fresh(Ty::Mask));
        self.graph.open();
        let go = match (live, counted, &lo, &hi) {
            (Some(live), Some(l), Some(Val::Int(lo)), Some(Val::Int(hi))) if counts_for_all => {
                let limit = self.round_left(l, lo, hi, count)?;
                let any = self.graph.any(live);
                self.graph.define(Ty::Test, Op::Binary(Binary::And, limit, any))
            }
            (Some(live), ..) => self.graph.any(live),
            (None, Some(l), Some(Val::Int(lo)), Some(Val::Int(hi))) => self.round_left(l, lo, hi, count)?,
            _ => return self.refuse("the bounds of an inner loop"),
        };
        let head_region = self.graph.close();
        self.graph.open();
        for item in &carried {
            let value = if item.is_int { Val::Int(Linear::int(item.param)) } else { Val::Lanes(item.param) };
            self.frame().env.insert(item.key, value);
        }
        self.mask = live;
        if live.is_none() {
            self.mask = outer;
        }
        if let Some(l) = counted {
            let var = self.counter(l, lo.as_ref(), lo_lanes, count);
            self.set(l.var, var);
        }
        let first_exit = self.exits.len();
        self.frame().loops += 1;
        self.block(body)?;
        self.frame().loops -= 1;
        let continues = self.take_exits(first_exit, ExitKind::Continue);
        self.join(continues);
        let breaks = self.take_exits(first_exit, ExitKind::Break);
        let returns = self.take_exits(first_exit, ExitKind::Return);
        let reaches_end = !std::mem::take(&mut self.is_dead);
        let mut live_next = None;
        if live.is_some() {
            // Who goes on?
            live_next = Some(if reaches_end && counts_for_all {
                self.mask_here()
            } else if reaches_end {
                self.statements(head)?;
                let goes = match (counted, cond) {
                    (Some(l), _) => {
                        let mut at = self.counter(l, lo.as_ref(), lo_lanes, count);
                        at = match at {
                            Val::Int(linear) => Val::Int(linear.add_scaled(&Linear::constant(l.step), 1)),
                            other => {
                                let step = Val::Int(Linear::constant(l.step));
                                self.int_binary(crate::ir::BinaryOp::Add, &other, &step, true)?
                            }
                        };
                        self.goes_on(l, Some(&at), hi.as_ref())?
                    }
                    (None, Some(cond)) => {
                        let cond = self.expr(cond)?;
                        self.lanes(&cond)
                    }
                    (None, None) => return self.refuse("no loop"),
                };
                self.masked(goes)
            } else {
                self.graph.mask(false)
            });
        }
        if counts_for_all {
            for item in &mut carried {
                item.counted = self.counted(item, counted, lo.as_ref(), count, breaks.iter().chain(&returns));
            }
        }
        let mut failed = None;
        for item in &carried {
            let key = item.key;
            let at_end = self.frame().env.get(&key).cloned();
            if item.is_int {
                let next = match at_end {
                    Some(Val::Int(linear)) if linear.is_uniform() => linear.first(&mut self.graph),
                    _ => {
                        if let Key::Local(local) = key {
                            failed = Some(local);
                        }
                        break;
                    }
                };
                // Lanes that left by a jump do not read it.
                phis.push((item.param, item.init, Some(next)));
                continue;
            }
            let mut next = match at_end {
                Some(value) => self.lanes(&value),
                None => item.param,
            };
            if item.stays && item.counted.is_none() {
                for exit in breaks.iter().chain(&returns) {
                    if let Some(value) = exit.env.get(&key).cloned() {
                        let value = self.lanes(&value);
                        next = self.graph.select(exit.mask, value, next);
                    }
                }
                if let Some(live) = live {
                    next = self.graph.select(live, next, item.param);
                }
            }
            phis.push((item.param, item.init, Some(next)));
        }
        if failed.is_some() {
            return Ok(failed);
        }
        let gone_next = gone.map(|gone| {
            returns.iter().fold(gone, |gone, exit| self.graph.binary(Binary::Or, gone, exit.mask))
        });
        let count_next = count.map(|count| {
            let one = self.graph.int(1);
            self.graph.int_binary(kjit_strip::ir::IntOp::Add, count, one)
        });
        // How many rounds a lane has finished.
        let is_counted = carried.iter().any(|item| item.counted.is_some());
        let rounds = live_next.filter(|_| is_counted).map(|live| {
            let (param, init) = (self.graph.fresh(Ty::I64), self.graph.i64(0));
            let one = self.graph.convert(Convert::MaskToInt, live, Ty::I64);
            (param, init, self.graph.binary(Binary::Add, param, one))
        });
        let body_region = self.graph.close();

        let mut all: Vec<Phi> = Vec::new();
        for (param, init, next) in phis {
            if let Some(next) = next {
                all.push(Phi { param, init, next, result: self.graph.fresh(self.graph.ty(param)) });
            }
        }
        self.frame().env = around;
        for (item, phi) in carried.iter().zip(&all) {
            let value = if item.is_int { Val::Int(Linear::int(phi.result)) } else { Val::Lanes(phi.result) };
            self.frame().env.insert(item.key, value);
        }
        let mut extra =
            |builder: &mut Self, param: Option<Value>, init: Option<Value>, next: Option<Value>| {
                let (param, init, next) = (param?, init?, next?);
                let result = builder.graph.fresh(builder.graph.ty(param));
                all.push(Phi { param, init, next, result });
                Some(result)
            };
        extra(self, count, Some(count_init), count_next);
        let live = extra(self, live, live_init, live_next);
        let gone = extra(self, gone, gone_init, gone_next);
        let rounds = rounds.and_then(|(param, init, next)| extra(self, Some(param), Some(init), Some(next)));
        self.graph.push(Inst::Loop(Box::new(Rounds {
            carried: all,
            head: head_region,
            cond: go,
            body: body_region,
        })));
        self.mask = outer;
        // Lanes that jumped.
        let gone_here = match (live_init, live) {
            (Some(init), Some(live)) if counts_for_all => Some(self.graph.and_not(init, live)),
            _ => None,
        };
        if let (Some(l), Some(Val::Int(lo)), Some(rounds), Some(jumped)) = (counted, &lo, rounds, gone_here) {
            for item in &carried {
                let Some(more) = item.counted else { continue };
                let start = lo.add_scaled(&Linear::constant(more), 1);
                let at_jump = match start.as_constant() {
                    Some(0) if l.step > 0 => rounds,
                    _ => {
                        let start = start.lanes(&mut self.graph);
                        let op = if l.step > 0 { Binary::Add } else { Binary::Sub };
                        self.graph.binary(op, start, rounds)
                    }
                };
                let value = self.graph.select(jumped, at_jump, item.init);
                self.frame().env.insert(item.key, Val::Lanes(value));
            }
        }
        let gone = if returned_are_gone && exits.returns { gone_here } else { gone };
        if let Some(gone) = gone {
            // Lanes that returned wait for the end of the function.
            let here = self.mask_here();
            let env = self.frame().env.clone();
            self.exits.push(Exit { kind: ExitKind::Return, mask: gone, env });
            self.mask = Some(self.graph.and_not(here, gone));
        }
        Ok(None)
    }

    /// Sums of the loop inside keep their order if it is short: that must be known in front of the outer loop.
    fn keep_order(&mut self, l: &'a Loop) -> Result<()> {
        let func = self.func();
        let is_short = l.constant_trip(&func.exprs).map(|trip| !regroups(trip));
        if is_short == Some(true) {
            return Ok(());
        }
        let body = &self.request.l.body;
        let (locals, arrays) = (walk::assigned_locals(body), walk::assigned_arrays(body));
        let var = self.request.l.var;
        let varies = |bound: ExprId| {
            walk::any_expr(&func.exprs, bound, &mut |expr| match expr.kind {
                ExprKind::Local(local) => local == var || locals.contains(local),
                ExprKind::Dim { array, .. } => arrays.contains(array),
                ExprKind::Const(_)
                | ExprKind::Unary { .. }
                | ExprKind::Binary { .. }
                | ExprKind::Compare { .. }
                | ExprKind::Select { .. }
                | ExprKind::Wrap { .. } => false,
                _ => true,
            })
        };
        if is_short.is_some() || !self.is_root() || varies(l.lo) || varies(l.hi) {
            return self.refuse("an inner loop with a regrouped sum");
        }
        self.need(Need::Short(l.id));
        Ok(())
    }

    /// Is there another round, of rounds that are counted for all lanes?
    fn round_left(&mut self, l: &Loop, lo: &Linear, hi: &Linear, count: Option<Value>) -> Result<Value> {
        // The distance that is left, the same in every lane.
        let mut var = lo.clone();
        if let Some(count) = count {
            var.add_term(count, l.step);
        }
        let difference = hi.add_scaled(lo, -1);
        let op = if l.step > 0 { CompareOp::Lt } else { CompareOp::Gt };
        // Lanes cancel out: compare `step * count` with `hi - lo` unless both are uniform.
        let (left, right) =
            if lo.is_uniform() { (var, hi.clone()) } else { (var.add_scaled(lo, -1), difference) };
        match self.int_compare(op, &Val::Int(left), &Val::Int(right), true) {
            Val::Test(test) => Ok(test),
            Val::Int(_) | Val::Lanes(_) => self.refuse("the bounds of an inner loop"),
        }
    }

    /// How far from the loop's variable is what lanes take along that jump out of the loop, all of them the same, while the others leave the variable
    /// `item` as it is, which nobody reads?
    fn counted<'e>(
        &mut self,
        item: &Carried,
        counted: Option<&Loop>,
        lo: Option<&Val>,
        count: Option<Value>,
        exits: impl Iterator<Item = &'e Exit>,
    ) -> Option<i64> {
        let (Some(l), Some(Val::Int(lo)), Some(count)) = (counted, lo, count) else { return None };
        let stays_as_it_is = match self.frame().env.get(&item.key) {
            Some(Val::Lanes(value)) => *value == item.param,
            Some(Val::Int(_) | Val::Test(_)) => false,
            None => true,
        };
        if !item.stays || item.is_int || item.is_read || !stays_as_it_is {
            return None;
        }
        let mut var = lo.clone();
        var.add_term(count, l.step);
        let mut distance = None;
        for exit in exits {
            let Some(Val::Int(value)) = exit.env.get(&item.key) else { return None };
            let here = value.add_scaled(&var, -1).as_constant()?;
            if distance.is_some_and(|known| known != here) {
                return None;
            }
            distance = Some(here);
        }
        distance
    }

    fn statements(&mut self, block: &'a [Stmt]) -> Result<()> {
        for stmt in block {
            if self.is_dead {
                break;
            }
            match stmt {
                Stmt::Set { local, value } => {
                    let value = self.expr(*value)?;
                    self.set(*local, value);
                }
                _ => return self.refuse("the condition of a loop is no expression"),
            }
        }
        Ok(())
    }

    fn carry_round(
        &mut self,
        carried: &mut Vec<Carried>,
        key: Key,
        before: &Val,
        is_int: bool,
        stays: bool,
        is_read: bool,
    ) {
        let init = match before {
            Val::Int(linear) if is_int => linear.first(&mut self.graph),
            _ => self.lanes(before),
        };
        let ty = self.graph.ty(init);
        let param = self.graph.fresh(ty);
        carried.push(Carried { key, param, init, is_int, stays, is_read, counted: None });
    }

    /// A value for what has none yet.
    fn nothing(&mut self, dtype: DType) -> Val {
        match dtype {
            DType::F64 | DType::F32 | DType::Bool => Val::Lanes(self.graph.bits(lane_ty(dtype), 0)),
            _ => Val::Int(Linear::constant(0)),
        }
    }

    /// The loop's variable in round `count`.
    fn counter(&mut self, l: &Loop, lo: Option<&Val>, lo_lanes: Option<Value>, count: Option<Value>) -> Val {
        let mut steps = Linear::default();
        if let Some(count) = count {
            steps.add_term(count, l.step);
        }
        match (lo, lo_lanes) {
            (_, Some(lo)) => {
                let steps = steps.lanes(&mut self.graph);
                Val::Lanes(self.graph.binary(Binary::Add, lo, steps))
            }
            (Some(Val::Int(lo)), None) => Val::Int(lo.add_scaled(&steps, 1)),
            _ => Val::Int(steps),
        }
    }

    /// Is there another round at this value of the variable?
    fn goes_on(&mut self, l: &Loop, at: Option<&Val>, hi: Option<&Val>) -> Result<Value> {
        let (Some(at), Some(hi)) = (at, hi) else { return self.refuse("the bounds of an inner loop") };
        let op = if l.step > 0 { CompareOp::Lt } else { CompareOp::Gt };
        let goes = self.int_compare(op, at, hi, true);
        Ok(self.lanes(&goes))
    }
}
