//! Gives loops whose iterations are independent a strip, which does many of them at a time.
//!
//! ```text
//! for i in 0 .. dim(x, 0) {             for i in 0 .. dim(x, 0) {         the same loop, and with it:
//!   y[i] = a * x[i]           ==>         y[i] = a * x[i]                   guard  not overlaps(x, y)
//! }                                     }                                   frame  base(x), base(y), a
//!                                                                           strip  store [y + 8 first] = a * load [x + 8 first]
//! ```
//!
//! Of a nest the innermost loop that can: lanes then run along what is contiguous. An outer loop gets a strip if none inside does;
//! its inner loops then run in every lane at once (`vector`). So it does if the inner loops only step from row to row, and beside sums that are
//! regrouped where they are long, for where they are short. Comes late, so that the scalar loop that a strip is taken from is
//! the one that stays, with the checks that could not be moved out of it.
//!
//! Conservative: loops that only run if something is wrong (arrays overlap, an index will be out of range) stay as they are.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{PassReport, build, parallelize};
use crate::analysis::alias::Aliases;
use crate::analysis::liveness;
use crate::analysis::race::lockstep::{self, Lockstep};
use crate::analysis::reuse;
use crate::base::Span;
use crate::ir::parallel::REGROUPED_FROM;
use crate::ir::{
    ArrayId, BinaryOp, Block, CompareOp, Const, ExprId, ExprKind, Func, FuncId, LocalId, Loop, LoopId,
    LoopKind, Program, Remark, RemarkKind, Stmt, StripPlan, walk,
};
use crate::types::DType;
use crate::vector::{self, Arg, Built, Need, Obstacle, Request};

/// Looks for loops in every function.
pub fn vectorize(program: &mut Program, report: &mut PassReport) {
    let mut wanted: FxHashSet<(FuncId, LoopId)> = FxHashSet::default();
    for (id, func) in &program.funcs {
        candidates(func, &func.body, &mut |l| {
            wanted.insert((id, l.id));
        });
    }
    if wanted.is_empty() {
        return;
    }
    let (facts, live_after) = lockstep::lockstep(program, wanted);
    let ids: Vec<FuncId> = program.funcs.keys().collect();
    for id in ids {
        // Without, it has no loops to look at.
        let Some(live_after) = live_after.get(&id) else { continue };
        let func = &program.funcs[id];
        let mut search = Search {
            program,
            id,
            facts: &facts,
            aliases: Aliases::new(func),
            live_after: Rc::clone(live_after),
            found: Vec::new(),
            remarks: Vec::new(),
        };
        search.block(&func.body);
        let Search { found, remarks, .. } = search;
        report.add(found.len());
        program.remarks.extend(remarks);
        apply(&mut program.funcs[id], found, &facts, id);
    }
}

/// Calls `visit` on the loops that may get a strip.
fn candidates(func: &Func, block: &[Stmt], visit: &mut dyn FnMut(&Loop)) {
    for stmt in block {
        if let Stmt::Loop(l) = stmt
            && l.kind == LoopKind::Serial
            && l.strip.is_none()
        {
            visit(l);
        }
        for inner in likely_blocks(func, stmt) {
            candidates(func, inner, visit);
        }
    }
}

/// The blocks of a statement without those that hold a second copy of a loop, for the case that something is wrong.
fn likely_blocks<'a>(func: &Func, stmt: &'a Stmt) -> Vec<&'a [Stmt]> {
    if let Stmt::If { then, orelse, .. } = stmt
        && lockstep::is_second_copy(func, then, orelse)
    {
        return vec![then];
    }
    stmt.blocks().into_iter().map(Vec::as_slice).collect()
}

/// Of a loop inside of one that runs in vectors.
const IN_OUTER_LANES: &str = "runs in each lane of the loop";

struct Search<'a> {
    program: &'a Program,
    id: FuncId,
    facts: &'a FxHashMap<(FuncId, LoopId), Lockstep>,
    aliases: Aliases,
    live_after: Rc<liveness::LiveAfter>,
    found: Vec<(LoopId, Built)>,
    remarks: Vec<Remark>,
}

impl<'a> Search<'a> {
    /// Did a loop in the block get a strip?
    fn block(&mut self, block: &'a [Stmt]) -> bool {
        let func = &self.program.funcs[self.id];
        let mut has_found = false;
        for stmt in block {
            let mut inside = false;
            let (first, first_remark) = (self.found.len(), self.remarks.len());
            for inner in likely_blocks(func, stmt) {
                inside |= self.block(inner);
            }
            if let Stmt::Loop(l) = stmt
                && inside
                && l.kind == LoopKind::Serial
                && self.found[first..]
                    .iter()
                    .all(|(_, built)| is_across(built) || is_of_long_sums(built) || built.tally.in_order > 0)
                && let Ok(outer) = self.built(l)
            {
                // Strips of long sums stay, for where the sums are long.
                let (long, inner): (Vec<_>, Vec<_>) =
                    self.found.split_off(first).into_iter().partition(|(_, built)| is_of_long_sums(built));
                self.found.extend(long);
                let span = func.loops[l.id].span;
                let moved = inner.iter().map(|(id, _)| func.loops[*id].span).collect::<Vec<_>>();
                let is_taken_back = |r: &Remark| r.is_done && moved.contains(&r.span);
                let kept = self.remarks.split_off(first_remark);
                self.remarks.extend(kept.into_iter().filter(|remark| !is_taken_back(remark)));
                let text = Remark::RUNS_IN_VECTORS.to_owned();
                self.remarks.push(Remark { span, kind: RemarkKind::Vector, is_done: true, text, at: None });
                self.found.push((l.id, outer));
            }
            if let Stmt::Loop(l) = stmt
                && !inside
                && l.kind == LoopKind::Serial
            {
                inside = self.try_loop(l, first_remark);
            }
            if let Stmt::While { id, .. } = stmt
                && !inside
            {
                self.stays(*id, "how often it runs is not known before it runs", None);
            }
            has_found |= inside;
        }
        has_found
    }

    /// Gives the loop a strip if it can have one; `inner` is where the remarks on the loops inside begin.
    fn try_loop(&mut self, l: &'a Loop, inner: usize) -> bool {
        let func = &self.program.funcs[self.id];
        let span = func.loops[l.id].span;
        match self.built(l) {
            Ok(built) => {
                for remark in self.remarks[inner..].iter_mut().filter(|r| r.kind == RemarkKind::Vector) {
                    (remark.is_done, remark.at) = (true, Some(span));
                    remark.text = IN_OUTER_LANES.to_owned();
                }
                // Back ends say more (`backend/clif/strips.rs`).
                let text = Remark::RUNS_IN_VECTORS.to_owned();
                self.remarks.push(Remark { span, kind: RemarkKind::Vector, is_done: true, text, at: None });
                self.found.push((l.id, built));
                true
            }
            Err(obstacle) => {
                let at = (obstacle.span != Span::default()).then_some(obstacle.span);
                self.stays(l.id, &obstacle.text, at);
                false
            }
        }
    }

    fn stays(&mut self, id: LoopId, why: &str, at: Option<Span>) {
        let span = self.program.funcs[self.id].loops[id].span;
        let text = format!("not vectorised: {why}");
        self.remarks.push(Remark { span, kind: RemarkKind::Vector, is_done: false, text, at });
    }

    fn built(&self, l: &'a Loop) -> Result<Built, Obstacle> {
        let func = &self.program.funcs[self.id];
        let span = func.loops[l.id].span;
        let refuse = |text: &str| Obstacle { span, text: text.to_owned() };
        let facts = self.facts.get(&(self.id, l.id)).ok_or_else(|| refuse("it was not looked at"))?;
        if let Some(obstacle) = &facts.obstacle {
            return Err(obstacle.clone());
        }
        let request = Request {
            program: self.program,
            func,
            l,
            facts,
            aliases: &self.aliases,
            live_after: &self.live_after,
        };
        let built = vector::build(&request)?;
        if pays(&built) {
            return Ok(built);
        }
        let in_order = built.outputs.iter().find(|output| output.replaces);
        Err(match (in_order, facts.collisions.first()) {
            (Some(output), _) => vector::order_matters(&func.locals[output.local].name, span),
            (None, Some(shared)) => {
                let name = &func.arrays[shared.array].name;
                refuse(&format!(
                    "elements of `{name}` are combined one after the other, and finding them is little work"
                ))
            }
            (None, None) => refuse("the elements are apart, and little is done with them"),
        })
    }
}

/// Does the strip only read and write elements that are apart? Then those of an outer loop are as good, and that one is entered less
/// often.
fn is_across(built: &Built) -> bool {
    built.tally.lines + built.tally.reversed == 0 && built.tally.strided + built.tally.scattered > 0
}

/// Does the strip compute sums in partial results, if they are [long](crate::ir::parallel::regroups)? Short ones are better done
/// many at a time, by an outer loop.
fn is_of_long_sums(built: &Built) -> bool {
    !(built.partials.is_empty() && built.totals.is_empty())
}

/// Is the strip faster than the loop? In rough units of one instruction, with four lanes.
fn pays(built: &Built) -> bool {
    let lanes = 4;
    let mut ops = 0;
    // Divisions and roots, by the time that they keep the divider busy.
    let mut divided = 0;
    kjit_strip::walk::for_each_inst(&built.strip.body, &mut |inst| {
        if let kjit_strip::ir::Inst::Let { value, op } = inst {
            use kjit_strip::ir::{Binary, Op, Ty, Unary};
            let is_lanes = !matches!(built.strip.values[*value], Ty::Int | Ty::Test);
            ops += match op {
                Op::Load { .. } | Op::Const(_) => 0,
                // Two, so that contraction does not change the answer.
                Op::Fma(..) => 2,
                Op::Binary(Binary::Div, ..) | Op::Unary(Unary::Sqrt, _) => {
                    divided += u32::from(is_lanes);
                    1
                }
                _ => 1,
            } * u32::from(is_lanes);
        }
    });
    let tally = built.tally;
    let mut scalar = lanes * (ops + tally.lines + tally.reversed + tally.strided + tally.scattered);
    let mut vector =
        ops + 2 * tally.lines + 5 * tally.reversed / 2 + 10 * tally.strided + 24 * tally.scattered;
    if tally.updates > 0 || tally.in_order > 0 {
        scalar += lanes * (2 * tally.updates + 17 * divided);
        scalar -= lanes * tally.index_tests.min(ops);
        vector += tally.update_cost + 7 * tally.in_order + 35 * divided;
    }
    if tally.in_order > 0 {
        // One addition waits for the other, however much else there is to do: three cycles, in which twelve instructions start.
        let chain = 12 * lanes;
        scalar = scalar.max(chain);
        vector = vector.max(chain);
    }
    match tally.updates {
        0 => 3 * scalar > 4 * vector,
        // Not rough.
        _ => 8 * scalar > 9 * vector,
    }
}

fn apply(
    func: &mut Func,
    found: Vec<(LoopId, Built)>,
    facts: &FxHashMap<(FuncId, LoopId), Lockstep>,
    id: FuncId,
) {
    if found.is_empty() {
        return;
    }
    // Arrays that may be stored around the caches.
    let streams: Vec<Option<ArrayId>> = found
        .iter()
        .map(|(id, built)| {
            let may = kjit_strip::may_stream(&built.strip) && reuse::is_stored_for_later(func, *id);
            built.first_store.filter(|_| may)
        })
        .collect();
    let mut body = std::mem::take(&mut func.body);
    let mut guards: FxHashMap<LoopId, Vec<ExprId>> = FxHashMap::default();
    for ((loop_id, mut built), streams) in found.into_iter().zip(streams) {
        let Some((block, position)) = walk::find_loop_mut(&mut body, loop_id) else { continue };
        let Stmt::Loop(l) = &mut block[position] else { continue };
        let Some(facts) = facts.get(&(id, loop_id)) else { continue };
        let span = func.loops[loop_id].span;
        let mut conditions: Vec<ExprId> =
            facts.requirements.iter().map(|r| parallelize::condition(func, r, span)).collect();
        for need in &built.needs {
            conditions.push(condition(func, l, *need, span));
        }
        guards.insert(loop_id, conditions);
        let guard = func.expr(ExprKind::Const(Const(1)), DType::Bool, span);
        let args = built.args.iter().map(|&(word, arg)| (word, argument(func, l, arg, span))).collect();
        if streams.is_some() {
            built.strip.streams = Some(built.strip.words);
            built.strip.words += 1;
        }
        l.strip = Some(Box::new(StripPlan {
            strip: built.strip,
            guard,
            args,
            outputs: built.outputs,
            partials: built.partials,
            totals: built.totals,
            first_store: built.first_store,
            streams,
            keeps_last: built.keeps_last,
            redoes_last: built.redoes_last,
        }));
    }
    hoist(func, &mut body, &mut guards);
    walk::for_each_stmt_mut(&mut body, &mut |stmt| {
        if let Stmt::Loop(l) = stmt
            && let Some(plan) = &mut l.strip
            && let Some(conditions) = guards.get(&l.id)
            && let Some(guard) = build::all_of(func, conditions, func.loops[l.id].span)
        {
            plan.guard = guard;
        }
    });
    func.body = body;
}

/// Computes conditions on arrays in front of the outermost loop in which they do not change: do two of them overlap, are
/// elements neighbours?
fn hoist(func: &mut Func, block: &mut Block, guards: &mut FxHashMap<LoopId, Vec<ExprId>>) {
    let mut result = Block::with_capacity(block.len());
    for mut stmt in block.drain(..) {
        if stmt.loop_id().is_some() {
            let (mut locals, mut arrays) = (walk::LocalSet::new(), walk::ArraySet::new());
            let mut inside: Vec<LoopId> = Vec::new();
            for inner in stmt.blocks() {
                locals.extend(walk::assigned_locals(inner).iter());
                arrays.extend(walk::assigned_arrays(inner).iter());
                inside.extend(walk::loops_innermost_first(inner));
            }
            let mut known: Vec<(ExprId, LocalId)> = Vec::new();
            for id in inside {
                let Some(conditions) = guards.get_mut(&id) else { continue };
                for condition in conditions {
                    if !is_of_arrays(func, *condition, &locals, &arrays) {
                        continue;
                    }
                    let span = func.exprs[*condition].span;
                    let same =
                        known.iter().find(|(other, _)| walk::same_expr(&func.exprs, *other, *condition));
                    let local = match same {
                        Some(&(_, local)) => local,
                        None => {
                            let local = func.temp("apart", DType::Bool, span);
                            result.push(Stmt::Set { local, value: *condition });
                            known.push((*condition, local));
                            local
                        }
                    };
                    *condition = func.read(local, span);
                }
            }
        }
        for inner in stmt.blocks_mut() {
            hoist(func, inner, guards);
        }
        result.push(stmt);
    }
    *block = result;
}

/// Is it a condition that is dear, and the same for the whole loop that assigns these?
fn is_of_arrays(func: &Func, root: ExprId, locals: &walk::LocalSet, arrays: &walk::ArraySet) -> bool {
    let (mut is_dear, mut is_fixed) = (false, true);
    walk::for_each_expr(&func.exprs, root, &mut |_, expr| match &expr.kind {
        ExprKind::Overlaps { a, b } => {
            is_dear = true;
            is_fixed &= !arrays.contains(*a) && !arrays.contains(*b);
        }
        ExprKind::Local(local) => is_fixed &= !locals.contains(*local),
        ExprKind::Dim { array, .. } | ExprKind::Stride { array, .. } | ExprKind::Base { array } => {
            is_fixed &= !arrays.contains(*array);
        }
        ExprKind::Load { .. } | ExprKind::Interrupted => is_fixed = false,
        _ => {}
    });
    is_dear && is_fixed
}

fn argument(func: &mut Func, l: &Loop, arg: Arg, span: Span) -> ExprId {
    match arg {
        Arg::Local(local) => func.read(local, span),
        Arg::Lo => func.clone_expr(l.lo),
        Arg::Base(array) => func.expr(ExprKind::Base { array }, DType::I64, span),
        Arg::Dim(array, axis) => func.expr(ExprKind::Dim { array, axis }, DType::I64, span),
        Arg::Stride(array, axis) => func.expr(ExprKind::Stride { array, axis }, DType::I64, span),
    }
}

fn condition(func: &mut Func, l: &Loop, need: Need, span: Span) -> ExprId {
    match need {
        Need::Short(id) => {
            let Some(Stmt::Loop(inner)) = walk::find_loop(&l.body, id) else {
                return func.expr(ExprKind::Const(Const(0)), DType::Bool, span);
            };
            let (lo, hi) = (func.clone_expr(inner.lo), func.clone_expr(inner.hi));
            let (from, to) = if inner.step > 0 { (lo, hi) } else { (hi, lo) };
            // Near the largest number this wraps around, and says no.
            let longest = REGROUPED_FROM as i64 - 1;
            let longest = func.int(longest, span);
            let limit = build::int_binary(func, BinaryOp::Add, from, longest, span);
            build::compare(func, CompareOp::Le, to, limit, span)
        }
        Need::UnitStride(array, axis) => {
            let stride = func.expr(ExprKind::Stride { array, axis }, DType::I64, span);
            let size = func.int(func.arrays[array].ty.dtype.size_bytes() as i64, span);
            build::compare(func, CompareOp::Eq, stride, size, span)
        }
        Need::SmallRange => {
            let (lo, hi) = (func.clone_expr(l.lo), func.clone_expr(l.hi));
            let (lo, hi) = (is_small(func, lo, span), is_small(func, hi, span));
            func.expr(ExprKind::Binary { op: BinaryOp::And, left: lo, right: hi }, DType::Bool, span)
        }
    }
}

/// `-2^50 <= value < 2^50` as one unsigned comparison.
fn is_small(func: &mut Func, value: ExprId, span: Span) -> ExprId {
    if let ExprKind::Const(value) = func.exprs[value].kind {
        let holds = (-(1 << 50)..1 << 50).contains(&value.as_int());
        return func.expr(ExprKind::Const(Const(u64::from(holds))), DType::Bool, span);
    }
    let shift = func.int(1 << 50, span);
    let shifted = build::int_binary(func, BinaryOp::Add, value, shift, span);
    let unsigned = func.expr(ExprKind::Cast { arg: shifted }, DType::U64, span);
    let limit = func.expr(ExprKind::Const(Const(1 << 51)), DType::U64, span);
    build::compare(func, CompareOp::Lt, unsigned, limit, span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::parse_program;
    use crate::ir::verify;

    /// The remarks on the loops of a function, and the strips.
    fn vectorized(body: &str) -> (Vec<String>, String) {
        let head = "trap0 = K701 IndexError \"bad\"\n\nentry func f(x: f64[::1], y: f64[::1], a: f64[:, ::1], k: i64[::1], s: f64, n: i64) -> f64, i64 {\n  var t: f64\n  var c: i64\n  t = 0.0\n  c = 0\n";
        let text = format!("{head}{body}  return t, c\n}}\n");
        let mut program = parse_program(&text).unwrap_or_else(|error| panic!("{error}"));
        vectorize(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let remarks = program.remarks.iter().map(|remark| remark.text.clone()).collect();
        (remarks, vector::print_strips(&program))
    }

    #[test]
    fn branches_of_the_program_are_no_second_copies() {
        let body = "  if s > 0.0 {\n    for i in 0 .. n {\n      y[i] = x[i] + 1.0\n    }\n  } else {\n    for j in 0 .. n {\n      y[j] = x[j] + 2.0\n    }\n  }\n";
        assert_eq!(vectorized(body).0, ["runs in vectors"; 2]);
    }

    #[test]
    fn neighbouring_elements() {
        let (remarks, strips) = vectorized("  for i in 0 .. n {\n    y[i] = s * x[i] + y[i]\n  }\n");
        assert_eq!(remarks, ["runs in vectors"]);
        assert_eq!(strips.matches("load f64").count(), 2, "{strips}");
        assert_eq!(strips.matches("store f64").count(), 1, "{strips}");
    }

    #[test]
    fn conditions_become_masks_and_errors_faults() {
        let body = "  for i in 0 .. n {\n    if x[i] > 0.0 {\n      check k[i] != 0 else trap0\n      y[i] = x[i]\n    }\n  }\n";
        let (remarks, strips) = vectorized(body);
        assert_eq!(remarks, ["runs in vectors"]);
        assert!(strips.contains("fault") && strips.contains(" if v"), "{strips}");
    }

    #[test]
    fn an_outer_loop_if_the_inner_one_cannot() {
        let body = "  for j in 0 .. n {\n    t = 0.0\n    for i in 0 .. n {\n      t = t + a[i, j]\n    }\n    y[j] = t\n  }\n  t = 0.0\n";
        let (remarks, strips) = vectorized(body);
        assert_eq!(remarks, [IN_OUTER_LANES, "runs in vectors"]);
        assert_eq!(strips.matches("strip ").count(), 1, "{strips}");
        assert!(strips.contains("loop"), "{strips}");
    }

    #[test]
    fn short_sums_side_by_side_and_long_ones_in_partial_results() {
        let text = |bound: &str| {
            format!(
                "entry func f(a: f64[:, ::1] read, x: f64[::1] read, y: f64[::1], n: i64) -> i64 fastmath(reassoc) {{\n  var t: f64\n  var d: f64\n  for i in 0 .. dim(y, 0) {{\n    t = 0.0\n    for j in 0 .. {bound} reduce(t +) {{\n      d = a[i, j] - x[j]\n      t = t + abs(d * d)\n    }}\n    y[i] = t\n  }}\n  return n\n}}\n"
            )
        };
        let of = |bound: &str| {
            let mut program = parse_program(&text(bound)).unwrap_or_else(|error| panic!("{error}"));
            vectorize(&mut program, &mut PassReport::default());
            assert_eq!(verify(&program), Ok(()));
            let remarks: Vec<String> = program.remarks.iter().map(|remark| remark.text.clone()).collect();
            (remarks, vector::print_strips(&program).matches("strip ").count())
        };
        // The outer loop if there are few terms, which is known in front of it; else the inner ones.
        assert_eq!(of("dim(a, 1)"), (vec!["runs in vectors".to_owned(); 2], 2));
        assert_eq!(of("n - 1"), (vec!["runs in vectors".to_owned(); 2], 2));
        // Not the same number in every iteration; always long.
        assert_eq!(of("i"), (vec!["runs in vectors".to_owned()], 1));
        assert_eq!(of("40"), (vec!["runs in vectors".to_owned()], 1));
    }

    #[test]
    fn carried_values_stay() {
        let (remarks, strips) = vectorized("  for i in 1 .. n {\n    x[i] = x[i] + x[i - 1]\n  }\n");
        assert_eq!(
            remarks,
            ["not vectorised: an iteration reads the element of `x` that the one before it writes"]
        );
        assert_eq!(strips, "");
        // Read before it is written: lanes read first.
        let (remarks, _) = vectorized("  for i in 1 .. n - 1 {\n    x[i] = x[i] + x[i + 1]\n  }\n");
        assert_eq!(remarks, ["runs in vectors"]);
        // The read comes after the write: the element must still be the old one.
        let (remarks, _) = vectorized("  for i in 1 .. n - 1 {\n    x[i] = s\n    y[i] = x[i + 1]\n  }\n");
        assert!(remarks[0].starts_with("not vectorised"), "{remarks:?}");
    }

    #[test]
    fn reductions_of_whole_numbers() {
        let (remarks, strips) = vectorized("  for i in 0 .. n {\n    c = c + k[i]\n  }\n");
        assert_eq!(remarks, ["runs in vectors"]);
        assert!(strips.contains("carried") || strips.contains("carry"), "{strips}");
        let (remarks, _) = vectorized("  for i in 0 .. n {\n    t = t + x[i]\n  }\n");
        assert!(remarks[0].contains("order of the additions"), "{remarks:?}");
    }

    #[test]
    fn sums_in_order_where_the_terms_are_dear() {
        let sum = |term: &str| vectorized(&format!("  for i in 0 .. n {{\n    t = t + {term}\n  }}\n"));
        let (remarks, strips) = sum("1.0 / x[i]");
        assert_eq!(remarks, ["runs in vectors"]);
        assert!(strips.contains("add_in_order"), "{strips}");
        let (remarks, _) = sum("x[i] * y[i]");
        assert!(remarks[0].contains("order of the additions"), "{remarks:?}");
        // Only one of them in an iteration, and none in a loop inside.
        let twice = "  for i in 0 .. n {\n    t = t + 1.0 / x[i]\n    t = t + 1.0 / y[i]\n  }\n";
        assert!(vectorized(twice).0[0].contains("order of the additions"));
        let (remarks, strips) = vectorized(
            "  t = 1.0\n  for i in 0 .. n {\n    if x[i] > 0.0 {\n      t = t * (s / x[i])\n    }\n  }\n",
        );
        assert_eq!(remarks, ["runs in vectors"]);
        assert!(strips.contains("mul_in_order") && strips.contains("select"), "{strips}");
    }

    #[test]
    fn updates_where_the_index_is_computed() {
        let body = "  for i in 0 .. n {\n    c = i64((x[i] - s) / 8.0)\n    check index(c, y, 0) else trap0\n    y[wrap(c, dim(y, 0))] += 1.0\n  }\n  c = 0\n";
        let (remarks, strips) = vectorized(body);
        assert_eq!(remarks, ["runs in vectors"]);
        assert!(strips.contains("update f64") && strips.contains("whole_to_int"), "{strips}");
        // Negative indices leave: nothing is wrapped.
        assert_eq!(strips.matches("select").count(), 0, "{strips}");
        // Nothing to compute.
        let body = "  for i in 0 .. n {\n    check index(k[i], y, 0) else trap0\n    y[wrap(k[i], dim(y, 0))] += 1.0\n  }\n";
        assert_eq!(
            vectorized(body).0,
            [
                "not vectorised: elements of `y` are combined one after the other, and finding them is little work"
            ]
        );
        // Floats of one array twice.
        let body = "  for i in 0 .. n {\n    c = i64((x[i] - s) / 8.0)\n    check index(c, y, 0) else trap0\n    y[wrap(c, dim(y, 0))] += 1.0\n    y[wrap(c, dim(y, 0))] += 0.1\n  }\n  c = 0\n";
        assert_eq!(vectorized(body).0, ["not vectorised: iterations may combine the same element of `y`"]);
    }
}
