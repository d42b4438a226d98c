//! Makes the body of each parallel loop a function that runs a range of iterations.
//!
//! ```text
//! parallel i in lo .. hi reduce(s +) {        func f_loop0(x: f64[:], lo: i64, s: f64, first: i64, end: i64) -> f64 {
//!   s = s + x[i]                                for i in lo + first .. lo + end { s = s + x[i] }
//! }                                    ==>      return s
//!                                             }
//!                                             s = fork f_loop0(x, lo, s) trip max(hi - lo, 0) cost 0.9 combine(+)
//! ```
//!
//! A loop whose iterations may depend on each other if arrays overlap names the pairs: `disjoint(0 1)`. Other conditions
//! make the cost 0 if they are false: then, too, it is one chunk, which is all iterations in order.
//!
//! In: parallel loops as `parallelize` leaves them. Captures are what the body reads before it writes it; arrays are
//! borrowed from the caller for the loop. What the body binds for itself stays local to it.

use rustc_hash::FxHashMap;

use super::parallelize::{Conditional, condition};
use super::{PassReport, build};
use crate::analysis::cost::{self, Cost};
use crate::analysis::liveness;
use crate::analysis::race::Requirement;
use crate::base::PrimaryMap;
use crate::ir::walk::{self, Renaming};
use crate::ir::{
    ArrayId, BinaryOp, Block, Chunk, Combine, Const, ExprId, ExprKind, Func, FuncId, Limit, LocalId, Loop,
    LoopId, LoopKind, LoopOrigin, Operand, Ownership, ParallelCall, Param, Program, Ret, Stmt,
};
use crate::types::DType;

/// What is found out before anything is outlined.
#[derive(Default)]
struct Context {
    /// What one iteration of each parallel loop takes.
    costs: FxHashMap<(FuncId, LoopId), Cost>,
    /// Locals that hold an extent wherever they are read.
    extents: FxHashMap<(FuncId, LocalId), (ArrayId, u8)>,
}

/// Outlines every parallel loop. `conditional` are those that `parallelize` put under a condition.
pub fn outline(program: &mut Program, conditional: &Conditional, report: &mut PassReport) {
    let ids: Vec<FuncId> = program.funcs.keys().collect();
    // Before anything is outlined, so that parallel loops in callees are loops to look into.
    let mut context = Context::default();
    for &id in &ids {
        let func = &program.funcs[id];
        let count = context.costs.len();
        walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
            Stmt::Loop(l) if l.kind == LoopKind::Parallel => {
                context.costs.insert((id, l.id), cost::iteration(program, func, l));
            }
            _ => {}
        });
        if context.costs.len() > count {
            find_extents(func, &mut |local, array, axis| {
                context.extents.insert((id, local), (array, axis));
            });
        }
    }
    for id in ids {
        let mut body = std::mem::take(&mut program.funcs[id].body);
        let mut count = 0;
        outline_in(program, id, conditional, &context, &mut body, &mut count);
        program.funcs[id].body = body;
        report.add(count);
    }
}

fn outline_in(
    program: &mut Program,
    id: FuncId,
    conditional: &Conditional,
    context: &Context,
    block: &mut Block,
    count: &mut usize,
) {
    let mut position = 0;
    while position < block.len() {
        let loops = match &mut block[position] {
            Stmt::Loop(l) if l.kind == LoopKind::Parallel => Some(l.clone()),
            _ => None,
        };
        if let Some(l) = loops {
            let requirements = conditional.get(&(id, l.id)).map_or(&[][..], Vec::as_slice);
            let replacement = outlined(program, id, &l, requirements, context, *count);
            *count += 1;
            let added = replacement.len();
            block.splice(position..=position, replacement);
            position += added;
            continue;
        }
        for inner in block[position].blocks_mut() {
            outline_in(program, id, conditional, context, inner, count);
        }
        position += 1;
    }
}

fn outlined(
    program: &mut Program,
    id: FuncId,
    l: &Loop,
    requirements: &[Requirement],
    context: &Context,
    number: usize,
) -> Block {
    let uses_random = cost::uses_random(program, &l.body);
    let source = &mut program.funcs[id];
    let info = source.loops[l.id].clone();
    let span = info.span;
    let (lo, hi) = (source.temp("lo", DType::I64, span), source.temp("hi", DType::I64, span));

    let mut outputs = Vec::new();
    for reduction in &l.reductions {
        let position = outputs.len() as u32;
        outputs.push((reduction.local, Combine::Reduce(reduction.op)));
        outputs.extend(reduction.companions.iter().map(|&companion| (companion, Combine::With(position))));
    }
    outputs.extend(l.last_values.iter().map(|&local| (local, Combine::Last)));

    let read_first = liveness::read_first(source, &l.body);
    let mut scalars: Vec<_> = read_first
        .locals
        .iter()
        .filter(|&local| local != l.var && outputs.iter().all(|&(output, _)| output != local))
        .collect();
    // A constant start needs no capture.
    let constant_lo = match source.exprs[l.lo].kind {
        ExprKind::Const(value) => Some(value.as_int()),
        _ => None,
    };
    let mut arrays: Vec<_> = read_first.arrays.iter().collect();
    for reduction in &l.array_reductions {
        if !arrays.contains(&reduction.array) {
            arrays.push(reduction.array);
        }
    }
    // An extent that a variable holds is read off the array, so that the body knows that it is one.
    let mut extents: Vec<(LocalId, ArrayId, u8)> = Vec::new();
    scalars.retain(|local| match context.extents.get(&(id, *local)) {
        Some(&(array, axis)) if arrays.contains(&array) => {
            extents.push((*local, array, axis));
            false
        }
        _ => true,
    });
    let limit = match constant_lo {
        Some(lo) if l.step == 1 => trip_limit(source, l, &scalars, &extents, &arrays)
            .and_then(|(limit, k)| Some((limit, k.checked_sub(lo)?))),
        _ => None,
    };
    if constant_lo.is_none() {
        scalars.push(lo);
    }

    let mut body = Func {
        name: format!("{}_loop{number}", source.name).into(),
        params: Vec::new(),
        rets: outputs.iter().map(|&(local, _)| Ret::Scalar(source.locals[local].dtype)).collect(),
        locals: PrimaryMap::new(),
        arrays: PrimaryMap::new(),
        exprs: PrimaryMap::new(),
        loops: PrimaryMap::new(),
        body: Vec::new(),
        fastmath: source.fastmath,
        recursion: None,
        chunk: None,
        is_cold: false,
        is_kernel: false,
        span,
    };
    let mut names = Renaming::default();
    for &array in &arrays {
        let inner = names.array(source, &mut body, array);
        body.arrays[inner].ownership = Ownership::Borrowed;
        body.params.push(Param::Array(inner));
    }
    for &local in scalars.iter().chain(outputs.iter().map(|(local, _)| local)) {
        let inner = names.local(source, &mut body, local);
        body.params.push(Param::Scalar(inner));
    }
    let (first, end) = (body.temp("first", DType::I64, span), body.temp("end", DType::I64, span));
    body.params.extend([Param::Scalar(first), Param::Scalar(end)]);
    let limit = limit.map(|(limit, offset)| {
        let limit = match limit {
            Limit::Local(local) => Limit::Local(names.local(source, &mut body, local)),
            Limit::Dim(array, axis) => Limit::Dim(names.array(source, &mut body, array), axis),
            Limit::Zero => Limit::Zero,
        };
        (limit, offset)
    });
    body.chunk = Some(Chunk { first, end, limit });
    for (local, array, axis) in extents {
        let (local, array) = (names.local(source, &mut body, local), names.array(source, &mut body, array));
        let value = body.expr(ExprKind::Dim { array, axis }, DType::I64, span);
        body.body.push(Stmt::Set { local, value });
    }

    let var = names.local(source, &mut body, l.var);
    let inner_lo = constant_lo.is_none().then(|| names.local(source, &mut body, lo));
    let mut bound = |limit| {
        let limit = body.read(limit, span);
        let base = match (inner_lo, constant_lo) {
            (Some(lo), _) => Some(body.read(lo, span)),
            (None, Some(0) | None) => None,
            (None, Some(lo)) => Some(body.int(lo, span)),
        };
        let offset = if l.step == 1 {
            limit
        } else {
            let step = body.int(l.step, span);
            build::int_binary(&mut body, BinaryOp::Mul, limit, step, span)
        };
        match base {
            Some(base) => build::int_binary(&mut body, BinaryOp::Add, base, offset, span),
            None => offset,
        }
    };
    let (from, to) = (bound(first), bound(end));
    let statements = walk::copy_block_into(source, &l.body, &mut body, &mut names);
    let inner_id = body.loops.push(crate::ir::LoopInfo {
        span,
        origin: LoopOrigin::For,
        is_slow_copy: false,
        is_fallback: false,
    });
    let returned = outputs
        .iter()
        .map(|&(local, _)| {
            let inner = names.local(source, &mut body, local);
            Operand::Scalar(body.read(inner, span))
        })
        .collect();
    body.body.extend([
        Stmt::Loop(Box::new(Loop::new(inner_id, LoopKind::Serial, var, [from, to], l.step, statements))),
        Stmt::Return { values: returned },
    ]);

    let trip = trip_count(source, l, lo, hi);
    let mut cost_ns =
        build::cost(source, context.costs.get(&(id, l.id)).unwrap_or(&Cost::default()), (lo, hi), span);
    let mut disjoint = Vec::new();
    let mut conditions = Vec::new();
    for requirement in requirements {
        let position = |array| arrays.iter().position(|&captured| captured == array);
        if let Requirement::Disjoint(a, b) = *requirement
            && let (Some(a), Some(b)) = (position(a), position(b))
        {
            disjoint.push((a, b));
        } else {
            conditions.push(condition(source, requirement, span));
        }
    }
    if let Some(cond) = build::all_of(source, &conditions, span) {
        let orelse = source.expr(ExprKind::Const(Const::f64(0.0)), DType::F64, span);
        cost_ns = source.expr(ExprKind::Select { cond, then: cost_ns, orelse }, DType::F64, span);
    }
    let mut captures: Vec<Operand> = arrays.iter().map(|&array| Operand::Array(array)).collect();
    captures.extend(scalars.iter().map(|&local| Operand::Scalar(source.read(local, span))));
    let array_reductions = l
        .array_reductions
        .iter()
        .filter_map(|r| arrays.iter().position(|&a| a == r.array).map(|position| (position, r.op)))
        .collect();
    let body = program.funcs.push(body);
    vec![
        Stmt::Set { local: lo, value: l.lo },
        Stmt::Set { local: hi, value: l.hi },
        Stmt::Parallel(Box::new(ParallelCall {
            id: l.id,
            body,
            captures,
            trip,
            outputs,
            array_reductions,
            cost_ns,
            disjoint,
            uses_random,
        })),
    ]
}

/// Finds locals that are assigned once, at the top of the function, an extent of an array that is bound once and there. (A
/// variable is assigned before it is read, or the program was refused.)
fn find_extents(func: &Func, found: &mut dyn FnMut(LocalId, ArrayId, u8)) {
    let mut locals: FxHashMap<LocalId, u32> = FxHashMap::default();
    let mut arrays: FxHashMap<ArrayId, u32> = FxHashMap::default();
    walk::for_each_stmt(&func.body, &mut |stmt| {
        walk::for_each_local_written(stmt, &mut |local| *locals.entry(local).or_default() += 1);
        match stmt {
            Stmt::SetArray { array, .. } => *arrays.entry(*array).or_default() += 1,
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                for result in results {
                    if let crate::ir::Target::Array(array) = result {
                        *arrays.entry(*array).or_default() += 1;
                    }
                }
            }
            _ => {}
        }
    });
    let is_param = |param: Param| func.params.contains(&param);
    let is_fixed = |array: ArrayId| {
        is_param(Param::Array(array))
            || arrays.get(&array) == Some(&1)
                && func.body.iter().any(|stmt| matches!(stmt, Stmt::SetArray { array: a, .. } if *a == array))
    };
    for stmt in &func.body {
        if let Stmt::Set { local, value } = stmt
            && let ExprKind::Dim { array, axis } = func.exprs[*value].kind
            && locals.get(local) == Some(&1)
            && !is_param(Param::Scalar(*local))
            && is_fixed(array)
        {
            found(*local, array, axis);
        }
    }
}

/// The loop's upper bound as something that its body can read, plus a constant.
fn trip_limit(
    func: &Func,
    l: &Loop,
    scalars: &[LocalId],
    extents: &[(LocalId, ArrayId, u8)],
    arrays: &[ArrayId],
) -> Option<(Limit, i64)> {
    let assigned = walk::assigned_locals(&l.body);
    let base = |id: ExprId| match func.exprs[id].kind {
        ExprKind::Const(value) => Some((Limit::Zero, value.as_int())),
        ExprKind::Dim { array, axis } if arrays.contains(&array) => Some((Limit::Dim(array, axis), 0)),
        ExprKind::Local(local) => match extents.iter().find(|(known, ..)| *known == local) {
            Some(&(_, array, axis)) => Some((Limit::Dim(array, axis), 0)),
            None => {
                (scalars.contains(&local) && !assigned.contains(local)).then_some((Limit::Local(local), 0))
            }
        },
        _ => None,
    };
    match func.exprs[l.hi].kind {
        ExprKind::Binary { op: op @ (BinaryOp::Add | BinaryOp::Sub), left, right } => {
            let (limit, _) = base(left).filter(|(limit, _)| matches!(limit, Limit::Dim(..)))?;
            let ExprKind::Const(value) = func.exprs[right].kind else { return None };
            // An extent is small, so the sum does not overflow.
            let offset = value.as_int();
            let is_small = offset.unsigned_abs() < 1 << 40;
            is_small.then_some((limit, if op == BinaryOp::Add { offset } else { -offset }))
        }
        _ => base(l.hi),
    }
}

/// Number of iterations of `lo .. hi step s`: `max(hi - lo + s - 1, 0) // s`, and mirrored for negative steps.
fn trip_count(func: &mut Func, l: &Loop, lo: crate::ir::LocalId, hi: crate::ir::LocalId) -> ExprId {
    let span = func.loops[l.id].span;
    let (lo, hi) = (func.read(lo, span), func.read(hi, span));
    let (from, to) = if l.step > 0 { (lo, hi) } else { (hi, lo) };
    let length = build::int_binary(func, BinaryOp::Sub, to, from, span);
    let step = l.step.unsigned_abs() as i64;
    let rounded = if step == 1 {
        length
    } else {
        let slack = func.int(step - 1, span);
        build::int_binary(func, BinaryOp::Add, length, slack, span)
    };
    // The difference may overflow: an empty range stays empty by comparing the bounds themselves.
    let zero = func.int(0, span);
    let steps = if step == 1 {
        rounded
    } else {
        let step = func.int(step, span);
        build::int_binary(func, BinaryOp::FloorDiv, rounded, step, span)
    };
    let (from, to) = (func.clone_expr(from), func.clone_expr(to));
    let is_some = build::compare(func, crate::ir::CompareOp::Lt, from, to, span);
    func.expr(ExprKind::Select { cond: is_some, then: steps, orelse: zero }, DType::I64, span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    #[test]
    fn reductions_become_outputs() {
        let text = "entry func f(x: f64[:], h: i64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  at: i64 = 0\n  \
                    parallel i in 1 .. n step 2 reduce(s max with at) accumulate(h +) {\n    \
                    if x[i] > s {\n      s = x[i]\n      at = i\n    }\n    h[at] += 1\n  }\n  return s\n}\n";
        let mut program = parse_program(text).unwrap();
        outline(&mut program, &Conditional::default(), &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let printed = print_program(&program);
        let expected = "entry func f(x: f64[:], h: i64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  at: i64 = 0\n  %lo: i64 = 1\n  %hi: i64 = n\n  \
             s, at = fork f_loop0(x, h) trip select(%lo < %hi, (%hi - %lo + 1) // 2, 0) cost";
        assert!(printed.starts_with(expected), "{printed}");
        let body = "func f_loop0(x: f64[:], h: i64[:], s: f64, at: i64, %first: i64, %end: i64) -> f64, i64 {\n  \
             for i in 1 + %first * 2 .. 1 + %end * 2 step 2 {\n    if x[i] > s {\n";
        assert!(printed.contains(body), "{printed}");
    }

    #[test]
    fn arrays_that_must_not_overlap_are_named() {
        let text = "entry func f(x: f64[:], y: f64[:], n: i64) -> f64 {\n  s: f64 = 1.0\n  \
                    parallel i in 0 .. n {\n    s = s + x[i]\n    y[i] = x[i]\n  }\n  return s\n}\n";
        let mut program = parse_program(text).unwrap();
        let report = crate::analysis::race::check(&program);
        let conditional = super::super::parallelize::parallelize(&mut program, &report);
        outline(&mut program, &conditional, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let printed = print_program(&program);
        assert!(printed.contains("s = fork f_loop0(x, y) trip"), "{printed}");
        assert!(printed.contains(" combine(+) disjoint(0 1)\n"), "{printed}");
        assert_eq!(printed.matches("for i in").count(), 1, "{printed}");
    }

    fn cost_of(params: &str, body: &str) -> String {
        let text = format!("entry func f({params}) {{\n  parallel i in 0 .. n {{\n{body}  }}\n}}\n");
        let mut program = parse_program(&text).unwrap_or_else(|e| panic!("{e}"));
        outline(&mut program, &Conditional::default(), &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let printed = print_program(&program);
        let (_, cost) = printed.split_once(" cost ").expect("a fork");
        cost.lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_cost_counts_the_iterations_of_inner_loops() {
        // A store is 0.2 ns, an iteration 0.4 more, starting a loop 1.
        let row = "    for j in 0 .. dim(a, 1) {\n      a[i, j] = 0.0\n    }\n";
        assert_eq!(cost_of("a: f64[:, :], n: i64", row), "1.0 + f64(max(dim(a, 1), 0)) * 0.6");
        let constant = "    for j in 0 .. 10 {\n      a[i, j] = 0.0\n    }\n";
        assert_eq!(cost_of("a: f64[:, :], n: i64", constant), "7.0");
        let triangle = "    for j in i .. n {\n      a[i, j] = 0.0\n    }\n";
        assert_eq!(
            cost_of("a: f64[:, :], n: i64", triangle),
            "1.0 + f64(max(n - %hi // 2, 0)) * 0.6",
            "the middle row stands for all"
        );
    }

    #[test]
    fn the_cost_follows_views_and_guesses_what_is_data() {
        let view =
            "    row: f64[:] = view a[i, :]\n    for j in 0 .. dim(row, 0) {\n      row[j] = 0.0\n    }\n";
        assert_eq!(cost_of("a: f64[:, :], n: i64", view), "3.0 + f64(max(dim(a, 1), 0)) * 0.6");
        // 16 iterations.
        let data = "    %b: i64 = p[i]\n    for j in 0 .. %b {\n      p[j] = 0\n    }\n";
        assert_eq!(cost_of("p: i64[:], n: i64", data), "10.8");
    }

    #[test]
    fn the_body_knows_its_iterations() {
        let text = "trap0 = K701 IndexError \"bad\"\n\nentry func f(a: f64[:], b: f64[:]) {\n  n: i64 = dim(a, 0)\n  \
                    parallel i in 1 .. n - 1 {\n    check index(i, a, 0) else trap0\n    check index(i - 1, a, 0) else trap0\n    \
                    check index(n - 1, a, 0) else trap0\n    a[i] = b[0]\n  }\n}\n";
        let mut program = parse_program(text).unwrap();
        outline(&mut program, &Conditional::default(), &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        super::super::guard::guard(&mut program, &mut PassReport::default());
        let printed = print_program(&program);
        let body = "func f_loop0(a: f64[:], b: f64[:], %first: i64, %end: i64) {\n  n: i64 = dim(a, 0)\n  for i in 1 + %first .. 1 + %end {\n    \
                    a[i] = b[0]\n  }\n";
        assert!(printed.contains(body), "{printed}");
        // An extent that is assigned twice may be another one.
        let text = text.replace("  parallel", "  n = n + 1\n  parallel");
        let mut program = parse_program(&text).unwrap();
        outline(&mut program, &Conditional::default(), &mut PassReport::default());
        super::super::guard::guard(&mut program, &mut PassReport::default());
        assert!(print_program(&program).contains("check index(i, a, 0)"));
    }
}
