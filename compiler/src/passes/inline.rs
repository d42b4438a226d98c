//! Puts the bodies of small functions, and of functions called once, in place of their calls.
//!
//! ```text
//! func sq(x: f64) -> f64 { return x * x }
//! s = call sq(y[i])              ==>       %x: f64 = y[i]
//!                                          s = %x * %x
//! ```
//!
//! Conservative: not in recursion, only callees that return at their end and nowhere else, and only up to a size. Array
//! parameters become names for the arguments, because they are never rebound.

use rustc_hash::FxHashMap;

use super::PassReport;
use crate::ir::walk::{self, Renaming};
use crate::ir::{
    ArrayValue, Block, Func, FuncId, Operand, Ownership, Param, Program, Remark, RemarkKind, Stmt, Target,
};

/// Statements and expressions of a callee that is inlined at every call.
const SMALL: usize = 60;
/// Of one that is called once.
const CALLED_ONCE: usize = 2000;
/// A caller does not grow beyond this.
const MAX_CALLER: usize = 20_000;

/// Inlines calls, callees first.
pub fn inline(program: &mut Program, report: &mut PassReport) {
    let mut calls: FxHashMap<FuncId, usize> = FxHashMap::default();
    for func in program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
            Stmt::Call { callee, .. } => *calls.entry(*callee).or_default() += 1,
            // An outlined body must stay a function.
            Stmt::Parallel(call) => *calls.entry(call.body).or_default() += 1_000_000,
            _ => {}
        });
    }
    let order = callees_first(program);
    let mut sizes: FxHashMap<FuncId, usize> =
        order.iter().map(|&id| (id, size(&program.funcs[id]))).collect();
    let mut remarks = Vec::new();
    for id in order {
        let mut caller = program.funcs[id].clone();
        let mut caller_size = sizes[&id];
        let mut count = 0;
        walk::rewrite_blocks(&mut caller, &mut |caller, block| {
            let mut result = Block::with_capacity(block.len());
            for stmt in block.drain(..) {
                if let Stmt::Call { callee, args, results, span } = &stmt
                    && *callee != id
                {
                    let body = &program.funcs[*callee];
                    let size = sizes[callee];
                    let limit = if calls.get(callee) == Some(&1) { CALLED_ONCE } else { SMALL };
                    if size <= limit && caller_size + size <= MAX_CALLER && is_simple(body) {
                        inlined(caller, body, args, results, &mut result);
                        caller_size += size;
                        count += 1;
                        let text = format!("call of `{}` inlined", body.name);
                        remarks.push(Remark {
                            span: *span,
                            kind: RemarkKind::Inline,
                            is_done: true,
                            text,
                            at: None,
                        });
                        continue;
                    }
                }
                result.push(stmt);
            }
            *block = result;
        });
        if count > 0 {
            program.funcs[id] = caller;
            sizes.insert(id, caller_size);
            report.add(count);
        }
    }
    program.remarks.extend(remarks);
}

/// Expressions in use, and statements.
fn size(func: &Func) -> usize {
    let mut count = 0;
    walk::for_each_stmt(&func.body, &mut |_| count += 1);
    walk::for_each_expr_in(&func.exprs, &func.body, &mut |_, _| count += 1);
    count
}

/// Does it return at its end and nowhere else, and is it not recursive?
fn is_simple(func: &Func) -> bool {
    let mut returns = 0;
    let mut forks = false;
    walk::for_each_stmt(&func.body, &mut |stmt| {
        returns += usize::from(matches!(stmt, Stmt::Return { .. }));
        forks |= matches!(stmt, Stmt::Parallel(_));
    });
    let ends_well = match func.body.last() {
        Some(Stmt::Return { .. }) => returns == 1,
        _ => returns == 0,
    };
    // A variable that owns memory would be released at the callee's exit; with explicit releases only is there nothing to do.
    let owns = func.arrays.values().any(|array| array.ownership == Ownership::Owned);
    func.recursion.is_none() && ends_well && !forks && !owns
}

fn inlined(caller: &mut Func, callee: &Func, args: &[Operand], results: &[Target], out: &mut Block) {
    let mut names = Renaming::default();
    for (param, arg) in callee.params.iter().zip(args) {
        match (*param, *arg) {
            (Param::Scalar(local), Operand::Scalar(value)) => {
                let inner = names.local(callee, caller, local);
                caller.locals[inner].is_user = false;
                out.push(Stmt::Set { local: inner, value });
            }
            (Param::Array(array), Operand::Array(value)) => {
                if caller.arrays[value].ty == callee.arrays[array].ty {
                    names.arrays.insert(array, value);
                } else {
                    let inner = names.array(callee, caller, array);
                    out.push(Stmt::SetArray { array: inner, value: ArrayValue::Same(value) });
                }
            }
            // The verifier refuses this.
            _ => {}
        }
    }
    let (last, rest) = match callee.body.split_last() {
        Some((last @ Stmt::Return { .. }, rest)) => (Some(last), rest),
        _ => (None, callee.body.as_slice()),
    };
    out.extend(walk::copy_block_into(callee, rest, caller, &mut names));
    let Some(Stmt::Return { values }) = last else { return };
    // All results are computed before the first is stored.
    let mut temps = Vec::new();
    for (value, result) in values.iter().zip(results) {
        match (*value, *result) {
            (Operand::Scalar(value), Target::Local(local)) => {
                let value = walk::copy_expr_into(callee, value, caller, &mut names);
                if results.len() == 1 {
                    out.push(Stmt::Set { local, value });
                } else {
                    let (dtype, span) = (caller.exprs[value].ty, caller.exprs[value].span);
                    let temp = caller.temp("ret", dtype, span);
                    out.push(Stmt::Set { local: temp, value });
                    temps.push((local, temp, span));
                }
            }
            (Operand::Array(array), Target::Array(target)) => {
                let array = names.array(callee, caller, array);
                out.push(Stmt::SetArray { array: target, value: ArrayValue::Same(array) });
            }
            _ => {}
        }
    }
    for (local, temp, span) in temps {
        let value = caller.read(temp, span);
        out.push(Stmt::Set { local, value });
    }
}

fn callees_first(program: &Program) -> Vec<FuncId> {
    fn visit(program: &Program, id: FuncId, seen: &mut Vec<FuncId>, order: &mut Vec<FuncId>) {
        if seen.contains(&id) {
            return;
        }
        seen.push(id);
        let mut callees = Vec::new();
        walk::for_each_stmt(&program.funcs[id].body, &mut |stmt| {
            if let Stmt::Call { callee, .. } = stmt {
                callees.push(*callee);
            }
        });
        for callee in callees {
            visit(program, callee, seen, order);
        }
        order.push(id);
    }
    let (mut seen, mut order) = (Vec::new(), Vec::new());
    for id in program.funcs.keys() {
        visit(program, id, &mut seen, &mut order);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    #[test]
    fn small_functions_disappear_into_their_callers() {
        let text = "func add(x: f64[:], i: i64, by: f64) -> f64 {\n  x[i] += by\n  return x[i]\n}\n\n\
                    entry func f(x: f64[:], y: f64[::1]) -> f64 {\n  s: f64 = call add(x, 3, 0.5)\n  s = call add(y, 1, s)\n  return s\n}\n";
        let mut program = parse_program(text).unwrap();
        inline(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let printed = print_program(&program);
        let expected = "entry func f(x: f64[:], y: f64[::1]) -> f64 {\n  %i: i64 = 3\n  %by: f64 = 0.5\n  x[%i] += %by\n  \
                        s: f64 = x[%i]\n  x.2: f64[:] borrowed = y\n";
        assert!(printed.contains(expected), "{printed}");
    }
}
