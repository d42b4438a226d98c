//! Loops that one thread runs, among them sums that `fastmath` lets the compiler regroup, in the order that all engines keep.
//!
//! ```text
//! if (j_count < 16) {                                            short ones keep their order
//!     for (index_t j = 0; j < n; j++) { s = s + x[j]; }
//! } else {
//!     f64 s_parts[32];                                           iteration k adds to part k % 32
//!     ...
//!     s = s + s_parts[0];                                        the parts were combined as a tree
//! }
//! ```
//!
//! Small bodies are written out for all parts, so that they are registers; larger ones find theirs in local memory.

use super::expr::{Text, level};
use super::reduce;
use super::writer::{LoopShape, Refused, Writer};
use crate::ir::parallel::{REGROUPED_FROM, partials};
use crate::ir::walk;
use crate::ir::{Block, ExprId, ExprKind, LocalId, Loop, ReduceOp, Stmt};

/// Operations of a body that is written out for every part.
const MOST_WRITTEN: u32 = 12;

/// The head of a loop of one thread.
struct Head {
    var: String,
    lo: Text,
    hi: Text,
    /// A statement in front of it.
    before: Option<String>,
    text: String,
    /// Is it counted in `index_t`?
    is_index: bool,
}

impl Writer<'_, '_> {
    pub(super) fn while_loop(&mut self, head: &Block, cond: ExprId, body: &Block) -> Result<(), Refused> {
        self.loops.push(LoopShape::Serial);
        if head.is_empty() {
            self.at(self.span_of(cond));
            let cond = self.expr(cond)?.code;
            self.braces(&format!("while ({cond})"), body)?;
        } else {
            self.put("for (;;) {");
            self.depth += 1;
            self.block(head)?;
            self.at(self.span_of(cond));
            let cond = self.expr(cond)?.at(level::UNARY);
            self.put(&format!("if (!{cond}) break;"));
            self.block(body)?;
            self.depth -= 1;
            self.put("}");
        }
        self.loops.pop();
        Ok(())
    }

    /// A loop whose iterations one thread does in order.
    pub(super) fn serial_loop(&mut self, l: &Loop) -> Result<(), Refused> {
        self.at(self.func.loops[l.id].span);
        if self.is_row_loop() {
            return self.row_loop(l);
        }
        let head = self.head(l)?;
        self.loops.push(LoopShape::Serial);
        if l.reductions.is_empty() {
            self.plain_loop(&head, l)?;
        } else {
            self.regrouped_loop(&head, l)?;
        }
        self.loops.pop();
        Ok(())
    }

    fn plain_loop(&mut self, head: &Head, l: &Loop) -> Result<(), Refused> {
        if let Some(before) = &head.before {
            self.put(before);
        }
        self.braces(&head.text, &l.body)
    }

    fn head(&mut self, l: &Loop) -> Result<Head, Refused> {
        let is_index = self.sizes.is_index(l.var);
        let kind = self.local_type(l.var);
        let lo = self.expr(l.lo)?;
        let mut hi = self.expr(l.hi)?;
        let var = self.names.local(self.func, l.var);
        if !self.keeps_value(l.hi, &l.body) {
            let end = self.names.fresh(&format!("{var}_end"));
            self.put(&format!("const {kind} {end} = {};", hi.code));
            hi = Text::atom(end);
        }
        let (sign, step) = if l.step > 0 { ("<", "+") } else { (">", "-") };
        let distance = l.step.unsigned_abs();
        let limit = hi.clone().at(level::COMPARE + 1);
        let advance = match distance {
            1 => format!("{var}{step}{step}"),
            _ => format!("{var} {step}= {distance}"),
        };
        if is_index || distance == 1 {
            let text = format!("for ({kind} {var} = {}; {var} {sign} {limit}; {advance})", lo.code);
            return Ok(Head { var, lo, hi, before: None, text, is_index });
        }
        // The last addition could overflow.
        let left = self.names.fresh("left");
        let before = format!("u64 {left} = {};", count_of(l.step, &lo, &hi));
        let advance = format!("{var} = (i64)((u64){var} {step} {distance}ULL), {left}--");
        let text = format!("for (i64 {var} = {}; {left} != 0; {advance})", lo.code);
        Ok(Head { var, lo, hi, before: Some(before), text, is_index })
    }

    /// Is the expression the same before every iteration as before the loop?
    fn keeps_value(&self, id: ExprId, body: &[Stmt]) -> bool {
        let assigned = walk::assigned_locals(body);
        let arrays = walk::assigned_arrays(body);
        !walk::any_expr(&self.func.exprs, id, &mut |expr| match &expr.kind {
            ExprKind::Local(local) => assigned.contains(*local),
            ExprKind::Load { .. } => true,
            ExprKind::Dim { array, .. } => arrays.contains(*array),
            _ => false,
        })
    }

    /// A loop whose sums and products are partial ones if it is long enough.
    fn regrouped_loop(&mut self, head: &Head, l: &Loop) -> Result<(), Refused> {
        let parts = partials(l.reductions.len());
        let sums: Vec<(LocalId, ReduceOp, String, String)> = l
            .reductions
            .iter()
            .map(|reduction| {
                let name = self.names.local(self.func, reduction.local);
                let own = self.names.fresh(&format!("{name}_parts"));
                (reduction.local, reduction.op, name, own)
            })
            .collect();
        let is_known_long = l.constant_trip(&self.func.exprs).is_some_and(|trip| trip >= REGROUPED_FROM);
        if !is_known_long {
            let count = self.names.fresh(&format!("{}_count", head.var));
            if head.is_index && l.step.unsigned_abs() == 1 {
                let (from, to) = if l.step > 0 { (&head.lo, &head.hi) } else { (&head.hi, &head.lo) };
                let distance = match from.code.as_str() {
                    "0" => to.code.clone(),
                    _ => format!("{} - {}", to.clone().at(level::SUM), from.clone().at(level::SUM + 1)),
                };
                self.put(&format!("const index_t {count} = {distance};"));
            } else {
                self.put(&format!("const u64 {count} = {};", count_of(l.step, &head.lo, &head.hi)));
            }
            self.put(&format!("if ({count} < {REGROUPED_FROM}) {{"));
            self.depth += 1;
            self.plain_loop(head, l)?;
            self.depth -= 1;
            self.put("} else {");
        } else {
            self.put("{");
        }
        self.depth += 1;
        let part = self.names.fresh("part");
        for (local, op, _, own) in &sums {
            let dtype = self.func.locals[*local].dtype;
            self.put(&format!("{dtype} {own}[{parts}];"));
            self.put("#pragma unroll");
            let identity = reduce::identity(*op, dtype).code;
            self.put(&format!(
                "for (int {part} = 0; {part} < {parts}; {part}++) {own}[{part}] = {identity};"
            ));
        }
        for (local, _, _, own) in &sums {
            self.names.set_local(*local, &format!("{own}[{part}]"));
        }
        let done = if head.is_index && l.step == 1 && self.is_small(&l.body) {
            self.written_out(head, l, parts, &part)
        } else {
            self.taking_turns(head, l, parts, &part)
        };
        for (local, _, name, _) in &sums {
            self.names.set_local(*local, name);
        }
        done?;
        for (_, op, _, own) in &sums {
            let name = if *op == ReduceOp::Mul { "multiply_parts" } else { "add_parts" };
            self.put(&format!("{name}<{}>({own});", parts / 2));
        }
        for (local, op, name, own) in &sums {
            self.used.locals.insert(*local);
            let dtype = self.func.locals[*local].dtype;
            self.put(&format!("{name} = {};", reduce::combination(*op, dtype, name, &format!("{own}[0]"))));
        }
        self.depth -= 1;
        self.put("}");
        Ok(())
    }

    /// The body once for every part, as long as there are iterations for all; then for those that are left.
    fn written_out(&mut self, head: &Head, l: &Loop, parts: usize, part: &str) -> Result<(), Refused> {
        let Head { var, hi, lo, .. } = head;
        let at = self.names.fresh(&format!("{var}_first"));
        let end = hi.clone().at(level::COMPARE + 1);
        self.put(&format!("index_t {at} = {};", lo.code));
        self.put(&format!("for (; {at} + {} < {end}; {at} += {parts}) {{", parts - 1));
        self.depth += 1;
        self.put("#pragma unroll");
        self.put(&format!("for (int {part} = 0; {part} < {parts}; {part}++) {{"));
        self.depth += 1;
        self.put(&format!("const index_t {var} = {at} + {part};"));
        self.block(&l.body)?;
        for _ in 0..2 {
            self.depth -= 1;
            self.put("}");
        }
        self.put("#pragma unroll");
        self.put(&format!("for (int {part} = 0; {part} < {}; {part}++) {{", parts - 1));
        self.depth += 1;
        self.put(&format!("const index_t {var} = {at} + {part};"));
        self.braces(&format!("if ({var} < {end})"), &l.body)?;
        self.depth -= 1;
        self.put("}");
        Ok(())
    }

    /// The parts in turn.
    fn taking_turns(&mut self, head: &Head, l: &Loop, parts: usize, part: &str) -> Result<(), Refused> {
        let turn = self.names.fresh("turn");
        if let Some(before) = &head.before {
            self.put(before);
        }
        self.put(&format!("u32 {turn} = 0;"));
        self.put("#pragma unroll 1");
        self.put(&format!("{} {{", head.text));
        self.depth += 1;
        self.put(&format!("const u32 {part} = {turn}++ % {parts};"));
        self.block(&l.body)?;
        self.depth -= 1;
        self.put("}");
        Ok(())
    }

    /// Is the body a few assignments?
    fn is_small(&self, body: &[Stmt]) -> bool {
        let mut work = 0;
        let are_plain = body.iter().all(|stmt| {
            walk::for_each_expr_root(stmt, &mut |root| {
                walk::for_each_expr(&self.func.exprs, root, &mut |_, expr| match expr.kind {
                    ExprKind::Const(_) | ExprKind::Local(_) => {}
                    ExprKind::Math1 { .. } | ExprKind::Math2 { .. } => work += MOST_WRITTEN,
                    _ => work += 1,
                });
            });
            matches!(stmt, Stmt::Set { .. })
        });
        are_plain && work <= MOST_WRITTEN
    }
}

/// Number of iterations of a loop with that step, as C of 64 bits.
fn count_of(step: i64, lo: &Text, hi: &Text) -> String {
    let (sign, distance) = (if step > 0 { "<" } else { ">" }, step.unsigned_abs());
    let (low, limit) = (lo.clone().at(level::COMPARE + 1), hi.clone().at(level::COMPARE + 1));
    let (from, to) = if step > 0 { (&low, &limit) } else { (&limit, &low) };
    format!("{low} {sign} {limit} ? ((u64)({to}) - (u64)({from}) - 1) / {distance}ULL + 1 : 0")
}
