//! Tells the runtime when code of the host is about to touch elements of arrays, so that arrays can stay on a device from one
//! parallel loop to the next.
//!
//! ```text
//! fork step_loop0(u, v) ...                 fork step_loop0(u, v) ...
//! for i in 0 .. n {                         runtime host_access(1, 10, 1, u)
//!   s = s + u[i]                    ==>     for i in 0 .. n {
//! }                                           s = s + u[i]
//!                                           }
//! ```
//!
//! Only for programs whose loops run on a device; before the optimising passes. Each statement that starts no parallel loop,
//! however deep, says at once what it touches, so loops that compute are left alone. Functions that start none say nothing:
//! their callers do, also of arrays that they give. What loops themselves touch, new arrays and the end of the call are the runtime's business.

use rustc_hash::FxHashMap;

use crate::base::{EntitySet, Span};
use crate::ir::abi::dtype_code;
use crate::ir::walk::{self, ArraySet};
use crate::ir::{
    ArrayId, ArrayValue, Block, Const, ExprKind, Func, FuncId, Operand, Program, RuntimeFn, Stmt, Target,
};
use crate::types::DType;

/// What is touched: elements are read, or written (and then perhaps not all, so both).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Access {
    Read = 1,
    Write = 3,
}

type Accesses = FxHashMap<ArrayId, Access>;

/// Inserts what the host has to say. False if that is not possible: a function runs both on the host between loops and inside
/// their iterations.
pub fn residency(program: &mut Program) -> bool {
    let launching = launching(program);
    let inside = inside(program);
    if launching.iter().any(|id| inside.contains(id)) {
        return false;
    }
    let mut hosts: Vec<FuncId> = launching.iter().collect();
    if !launching.contains(program.entry) {
        hosts.push(program.entry);
    }
    for id in hosts {
        let mut func = program.funcs[id].clone();
        let mut body = std::mem::take(&mut func.body);
        say(&mut func, &launching, &mut body);
        func.body = body;
        program.funcs[id] = func;
    }
    true
}

/// Functions that start parallel loops, themselves or by a call.
fn launching(program: &Program) -> EntitySet<FuncId> {
    let mut set = EntitySet::new();
    loop {
        let mut has_grown = false;
        for (id, func) in &program.funcs {
            if !set.contains(id) && func.body.iter().any(|stmt| launches(&set, stmt)) {
                has_grown |= set.insert(id);
            }
        }
        if !has_grown {
            return set;
        }
    }
}

/// Bodies of parallel loops and what they call.
fn inside(program: &Program) -> EntitySet<FuncId> {
    let mut open: Vec<FuncId> = Vec::new();
    for func in program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Parallel(call) = stmt {
                open.push(call.body);
            }
        });
    }
    let mut set = EntitySet::new();
    while let Some(id) = open.pop() {
        if set.insert(id) {
            walk::for_each_stmt(&program.funcs[id].body, &mut |stmt| match stmt {
                Stmt::Call { callee, .. } => open.push(*callee),
                Stmt::Parallel(call) => open.push(call.body),
                _ => {}
            });
        }
    }
    set
}

fn launches(launching: &EntitySet<FuncId>, stmt: &Stmt) -> bool {
    let mut found = false;
    walk::for_each_stmt(std::slice::from_ref(stmt), &mut |stmt| match stmt {
        Stmt::Parallel(_) | Stmt::Launch { .. } => found = true,
        Stmt::Call { callee, .. } => found |= launching.contains(*callee),
        _ => {}
    });
    found
}

/// Puts what is touched in front of the statements of a block.
fn say(func: &mut Func, launching: &EntitySet<FuncId>, block: &mut Block) {
    let mut said = Accesses::default();
    let mut result = Block::with_capacity(block.len());
    for mut stmt in block.drain(..) {
        let is_launching = launches(launching, &stmt);
        let wanted = if let Stmt::Call { .. } = &stmt
            && is_launching
        {
            // It speaks for itself.
            Accesses::default()
        } else if is_launching {
            own_accesses(func, &walk::head_of(&stmt))
        } else {
            let mut wanted = Accesses::default();
            walk::for_each_stmt(std::slice::from_ref(&stmt), &mut |inner| {
                for (array, access) in own_accesses(func, &walk::head_of(inner)) {
                    add(&mut wanted, array, access);
                }
            });
            through_views(std::slice::from_ref(&stmt), &wanted)
        };
        if let Stmt::While { head, body, .. } = &mut stmt
            && is_launching
        {
            say(func, launching, head);
            say(func, launching, body);
            // The condition is read after the head, each time.
            let mut wanted: Vec<_> = wanted.into_iter().collect();
            wanted.sort_by_key(|(array, _)| *array);
            for (array, access) in wanted {
                head.push(host_access(func, array, access));
            }
            said.clear();
            result.push(stmt);
            continue;
        }
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_by_key(|(array, _)| *array);
        for (array, access) in wanted {
            if said.get(&array).is_none_or(|known| *known < access) {
                result.push(host_access(func, array, access));
                said.insert(array, access);
            }
        }
        if is_launching {
            for inner in stmt.blocks_mut() {
                say(func, launching, inner);
            }
            said.clear();
        }
        // Another array from here on.
        for array in walk::assigned_arrays(std::slice::from_ref(&stmt)).iter() {
            said.remove(&array);
        }
        let made = if is_launching { Vec::new() } else { results_of(&stmt) };
        if !is_launching {
            for inner in stmt.blocks_mut() {
                say_made(func, inner);
            }
        }
        result.push(stmt);
        for array in made {
            result.push(host_access(func, array, Access::Write));
            said.insert(array, Access::Write);
        }
    }
    *block = result;
}

/// Arrays that a function without launches gives: it has filled them, and has said nothing.
fn results_of(stmt: &Stmt) -> Vec<ArrayId> {
    let (Stmt::Call { results, .. } | Stmt::Runtime { results, .. }) = stmt else { return Vec::new() };
    let array = |target: &Target| match target {
        Target::Array(array) => Some(*array),
        Target::Local(_) => None,
    };
    results.iter().filter_map(array).collect()
}

/// The same for what is made within a statement that starts no loop, where the host may fill it before anything else is said.
fn say_made(func: &mut Func, block: &mut Block) {
    let mut result = Block::with_capacity(block.len());
    for mut stmt in block.drain(..) {
        for inner in stmt.blocks_mut() {
            say_made(func, inner);
        }
        let made = match &stmt {
            Stmt::SetArray { array, value: ArrayValue::Alloc { .. } } => vec![*array],
            stmt => results_of(stmt),
        };
        result.push(stmt);
        result.extend(made.into_iter().map(|array| host_access(func, array, Access::Write)));
    }
    *block = result;
}

fn add(accesses: &mut Accesses, array: ArrayId, access: Access) {
    let known = accesses.entry(array).or_insert(access);
    if *known < access {
        *known = access;
    }
}

/// What the statement itself touches, the blocks in it aside.
fn own_accesses(func: &Func, stmt: &Stmt) -> Accesses {
    let mut found = Accesses::default();
    walk::for_each_expr_in(&func.exprs, std::slice::from_ref(stmt), &mut |_, expr| {
        if let ExprKind::Load { array, .. } = expr.kind {
            add(&mut found, array, Access::Read);
        }
    });
    match stmt {
        Stmt::Store { array, .. } | Stmt::Accumulate { array, .. } | Stmt::Fill { array, .. } => {
            add(&mut found, *array, Access::Write);
        }
        Stmt::CopyElements { to, from } => {
            add(&mut found, *from, Access::Read);
            add(&mut found, *to, Access::Write);
        }
        Stmt::Call { args, .. } | Stmt::Runtime { args, .. } => {
            for arg in args {
                if let Operand::Array(array) = *arg {
                    let is_writable = func.arrays[array].ty.is_writable;
                    add(&mut found, array, if is_writable { Access::Write } else { Access::Read });
                }
            }
        }
        _ => {}
    }
    found
}

/// The accesses with arrays that are bound in the statements replaced by what they are views of. Memory that is allocated
/// there cannot be on a device yet.
fn through_views(stmts: &[Stmt], accesses: &Accesses) -> Accesses {
    let mut bases: FxHashMap<ArrayId, Vec<ArrayId>> = FxHashMap::default();
    walk::for_each_stmt(stmts, &mut |stmt| match stmt {
        Stmt::SetArray { array, value } => {
            let of = bases.entry(*array).or_default();
            match value {
                ArrayValue::Same(base)
                | ArrayValue::View { base, .. }
                | ArrayValue::Transpose { base, .. }
                | ArrayValue::Part { base, .. }
                | ArrayValue::Reshape { base, .. } => of.push(*base),
                ArrayValue::Alloc { .. } => {}
            }
        }
        // A result may be any of the arguments.
        Stmt::Call { args, results, .. } | Stmt::Runtime { args, results, .. } => {
            for result in results {
                if let Target::Array(array) = result {
                    let given = args.iter().filter_map(|arg| match arg {
                        Operand::Array(array) => Some(*array),
                        Operand::Scalar(_) => None,
                    });
                    bases.entry(*array).or_default().extend(given);
                }
            }
        }
        _ => {}
    });
    let bound = walk::assigned_arrays(stmts);
    let mut found = Accesses::default();
    for (&array, &access) in accesses {
        let (mut open, mut seen) = (vec![array], ArraySet::new());
        while let Some(array) = open.pop() {
            if seen.insert(array) {
                if !bound.contains(array) {
                    add(&mut found, array, access);
                }
                open.extend(bases.get(&array).into_iter().flatten());
            }
        }
    }
    found
}

fn host_access(func: &mut Func, array: ArrayId, access: Access) -> Stmt {
    let (ty, span) = (func.arrays[array].ty, Span::default());
    let mut number =
        |value: i64| Operand::Scalar(func.expr(ExprKind::Const(Const::int(value)), DType::I64, span));
    let (access, code) = (number(access as i64), number(i64::from(dtype_code(ty.dtype))));
    let rank = number(i64::from(ty.rank));
    let args = vec![access, code, rank, Operand::Array(array)];
    Stmt::Runtime { function: RuntimeFn::HostAccess, args, results: Vec::new(), trap: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    const BODY: &str =
        "func body(u: f64[:], first: i64, end: i64) {\n  for i in first .. end {\n    u[i] = 0.0\n  }\n}\n\n";

    fn told(body: &str) -> String {
        let head = "entry func f(u: f64[:], v: f64[:, :], n: i64) -> f64 {\n";
        let text = format!("{BODY}{head}{body}  return s\n}}\n");
        let mut program = parse_program(&text).unwrap_or_else(|e| panic!("{e}"));
        assert!(residency(&mut program));
        assert_eq!(verify(&program), Ok(()));
        print_program(&program).split_once(head).unwrap().1.replace("  return s\n}\n", "")
    }

    const FORK: &str = "fork body(u) trip n cost 9.0\n";

    #[test]
    fn a_loop_without_launches_says_what_it_touches_before_it() {
        let serial = "  for i in 0 .. n {\n    s = s + u[i]\n  }\n";
        let text = told(&format!("  s: f64 = 0.0\n  {FORK}{serial}{serial}"));
        let told = format!("  s: f64 = 0.0\n  {FORK}  runtime host_access(1, 10, 1, u)\n{serial}");
        assert!(text.starts_with(&told), "{text}");
        assert_eq!(text.matches("host_access").count(), 1, "{text}");
    }

    #[test]
    fn a_loop_with_launches_says_it_inside() {
        let text = told(&format!(
            "  s: f64 = 0.0\n  for t in 0 .. n {{\n    {FORK}    s = s + u[0]\n  }}\n  v[0, 0] = s\n"
        ));
        assert!(text.contains("    runtime host_access(1, 10, 1, u)\n    s = s + u[0]\n  }\n"), "{text}");
        assert!(text.contains("  runtime host_access(3, 10, 2, v)\n  v[0, 0] = s\n"), "{text}");
    }

    #[test]
    fn functions_with_loops_speak_for_themselves() {
        let step = format!("func sweep(u: f64[:], n: i64) {{\n  u[0] = 1.0\n  {FORK}}}\n\n");
        let text = format!("{BODY}{step}entry func f(u: f64[:], n: i64) {{\n  call sweep(u, n)\n}}\n");
        let mut program = parse_program(&text).unwrap();
        assert!(residency(&mut program));
        let printed = print_program(&program);
        assert!(printed.contains("{\n  runtime host_access(3, 10, 1, u)\n  u[0] = 1.0\n"), "{printed}");
        assert!(printed.contains("{\n  call sweep(u, n)\n"), "{printed}");
    }

    #[test]
    fn views_are_told_as_what_they_show() {
        let text = told(
            "  s: f64 = 0.0\n  for i in 0 .. n {\n    row: f64[:] borrowed = view v[i, :]\n    row[0] = 1.0\n  }\n",
        );
        assert!(text.contains("  runtime host_access(3, 10, 2, v)\n  for i"), "{text}");
    }

    #[test]
    fn what_a_function_or_a_branch_has_made_and_filled_is_told() {
        let make = "func make(n: i64) -> f64[::1] {\n  a: f64[::1] owned = alloc[n] else trap0\n  fill a = 1.0\n  return a\n}\n\n";
        let trap = "trap0 = K704 MemoryError \"out of memory\"\n\n";
        let text = format!(
            "{trap}{BODY}{make}entry func f(n: i64) {{\n  u: f64[::1] owned = call make(n)\n  {FORK}  \
             if n > 0 {{\n    v: f64[::1] owned = alloc[n] else trap0\n    fill v = 2.0\n  }}\n}}\n"
        );
        let mut program = parse_program(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert!(residency(&mut program));
        assert_eq!(verify(&program), Ok(()));
        let printed = print_program(&program);
        assert!(printed.contains("= call make(n)\n  runtime host_access(3, 10, 1, u)\n  fork"), "{printed}");
        assert!(printed.contains("trap0\n    runtime host_access(3, 10, 1, v)\n    fill v"), "{printed}");
    }

    #[test]
    fn conditions_of_loops_are_read_after_the_head() {
        let text = told(&format!("  s: f64 = 0.0\n  while u[0] > s {{\n    {FORK}  }}\n"));
        assert!(
            text.contains("  while {\n    runtime host_access(1, 10, 1, u)\n  } test u[0] > s {\n"),
            "{text}"
        );
    }
}
