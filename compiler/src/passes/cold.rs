//! Makes the slow copies of guarded loops functions of their own, whose code is made when they are first called: hardly ever.
//!
//! ```text
//! if dim(x, 0) >= n {                             if dim(x, 0) >= n {
//!   for i in 0 .. n { s = s + x[i] }                for i in 0 .. n { s = s + x[i] }
//! } else {                                        } else {
//!   for i in 0 .. n {                               s: f64 = call f_slow0(x, n, s)
//!     check index(i, x, 0) else trap0     ==>     }
//!     s = s + x[i]                                cold func f_slow0(x: f64[:], n: i64, s: f64) -> f64 {
//!   }                                               for i in 0 .. n { check index(i, x, 0) else trap0 ... }
//! }                                                 return s
//!                                                 }
//! ```
//!
//! Comes after `vectorize`, so that all that looks at loops has seen both copies where they stood. Arguments are what the copy reads
//! before it writes it, results what is read after it; its errors are those of the call. Copies that are the same become one function.
//!
//! Conservative: a copy that binds arrays for code after it, returns, calls functions or runs parallel loops stays where it is.

use super::PassReport;
use crate::analysis::liveness::{self, LiveAfter};
use crate::base::PrimaryMap;
use crate::ir::walk::{self, ArraySet, Renaming};
use crate::ir::{Block, Func, FuncId, Loop, Operand, Ownership, Param, Program, Ret, Stmt, Target};

/// Outlines the slow copies of every function.
pub fn cold(program: &mut Program, report: &mut PassReport) {
    let ids: Vec<FuncId> = program.funcs.keys().collect();
    for id in ids {
        let func = &mut program.funcs[id];
        if func.loops.values().all(|info| !info.is_fallback) {
            continue;
        }
        let live_after = liveness::after_loops(func);
        let mut body = std::mem::take(&mut func.body);
        let mut found = Found { id, live_after, count: 0 };
        found.block(program, &mut body);
        program.funcs[id].body = body;
        report.add(found.count);
    }
}

struct Found {
    id: FuncId,
    live_after: LiveAfter,
    /// Copies that are calls now.
    count: usize,
}

impl Found {
    fn block(&mut self, program: &mut Program, block: &mut Block) {
        for stmt in block {
            if let Stmt::If { then, orelse, .. } = stmt
                && let Some(l) = slow_copy(&program.funcs[self.id], orelse)
            {
                if let Some(call) = self.outlined(program, orelse, l) {
                    self.count += 1;
                    *orelse = vec![call];
                }
                self.block(program, then);
                continue;
            }
            for inner in stmt.blocks_mut() {
                self.block(program, inner);
            }
        }
    }

    /// The call that does what the block does.
    fn outlined(&self, program: &mut Program, block: &[Stmt], l: &Loop) -> Option<Stmt> {
        let source = &program.funcs[self.id];
        let after = self.live_after.get(&l.id)?;
        if walk::contains_exit(block) || !may_move(block) {
            return None;
        }
        let before = liveness::read_first(source, block);
        let bound = walk::assigned_arrays(block);
        if bound.iter().any(|array| before.arrays.contains(array) || after.arrays.contains(array)) {
            return None;
        }
        let assigned = walk::assigned_locals(block);
        let outputs: Vec<_> = assigned.iter().filter(|&local| after.locals.contains(local)).collect();
        // An output that is not written keeps its value.
        let written = liveness::always_written(block);
        let mut scalars = before.locals;
        scalars.extend(outputs.iter().copied().filter(|&local| !written.contains(local)));

        let span = source.loops[l.id].span;
        let mut func = Func {
            name: format!("{}_slow{}", source.name, self.count).into(),
            params: Vec::new(),
            rets: outputs.iter().map(|&local| Ret::Scalar(source.locals[local].dtype)).collect(),
            locals: PrimaryMap::new(),
            arrays: PrimaryMap::new(),
            exprs: PrimaryMap::new(),
            loops: PrimaryMap::new(),
            body: Vec::new(),
            fastmath: source.fastmath,
            recursion: None,
            chunk: None,
            is_cold: true,
            is_kernel: false,
            span,
        };
        let mut names = Renaming::default();
        for array in before.arrays.iter() {
            let inner = names.array(source, &mut func, array);
            func.arrays[inner].ownership = Ownership::Borrowed;
            func.params.push(Param::Array(inner));
        }
        for local in scalars.iter() {
            let inner = names.local(source, &mut func, local);
            func.params.push(Param::Scalar(inner));
        }
        func.body = walk::copy_block_into(source, block, &mut func, &mut names);
        if !outputs.is_empty() {
            let values = outputs
                .iter()
                .map(|&local| {
                    let inner = names.local(source, &mut func, local);
                    Operand::Scalar(func.read(inner, span))
                })
                .collect();
            func.body.push(Stmt::Return { values });
        }
        let callee = match program.funcs.iter().find(|(_, other)| are_same(other, &func)) {
            Some((known, _)) => known,
            None => program.funcs.push(func),
        };
        let source = &mut program.funcs[self.id];
        let mut args: Vec<Operand> = before.arrays.iter().map(Operand::Array).collect();
        args.extend(scalars.iter().map(|local| Operand::Scalar(source.read(local, span))));
        Some(Stmt::Call { callee, args, results: outputs.into_iter().map(Target::Local).collect(), span })
    }
}

/// The loop of a branch that is the slow copy of a loop.
fn slow_copy<'a>(func: &Func, orelse: &'a [Stmt]) -> Option<&'a Loop> {
    match orelse.last() {
        Some(Stmt::Loop(l)) if func.loops[l.id].is_fallback => Some(l),
        _ => None,
    }
}

/// Has the block no statement that belongs where it is?
fn may_move(block: &[Stmt]) -> bool {
    let (mut is_free, mut bound) = (true, ArraySet::new());
    walk::for_each_stmt(block, &mut |stmt| match stmt {
        Stmt::Call { .. } | Stmt::Parallel(_) | Stmt::Launch { .. } | Stmt::Device { .. } => is_free = false,
        Stmt::Loop(l) => is_free &= l.strip.is_none(),
        Stmt::SetArray { array, .. } => {
            bound.insert(*array);
        }
        // Of something that is bound outside.
        Stmt::Release { array } => is_free &= bound.contains(*array),
        _ => {}
    });
    is_free
}

/// Do two functions differ in their names at most?
fn are_same(a: &Func, b: &Func) -> bool {
    a.is_cold
        && a.exprs.len() == b.exprs.len()
        && a.params == b.params
        && a.rets == b.rets
        && a.body == b.body
        && a.exprs == b.exprs
        && a.locals == b.locals
        && a.arrays == b.arrays
        && a.loops == b.loops
        && a.fastmath == b.fastmath
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;
    use crate::passes::guard;

    fn made_cold(text: &str) -> String {
        let head = "trap0 = K701 IndexError \"bad\"\n\n";
        let mut program = parse_program(&format!("{head}{text}")).unwrap_or_else(|e| panic!("{e}"));
        guard::guard(&mut program, &mut PassReport::default());
        cold(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        let printed = print_program(&program);
        let again = parse_program(&printed).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(print_program(&again), printed);
        assert_eq!(verify(&again), Ok(()));
        printed.strip_prefix(head).unwrap().to_owned()
    }

    const SUM: &str = "  for i in 0 .. n {\n    check index(i, x, 0) else trap0\n    check index(n - i, x, 0) else trap0\n    \
                       s = s + x[i] * x[n - i]\n  }\n";

    #[test]
    fn what_it_reads_and_what_is_read_after_it_goes_along() {
        let text =
            format!("entry func f(x: f64[:], n: i64) -> f64 {{\n  s: f64 = 0.0\n{SUM}  return s\n}}\n");
        let made = made_cold(&text);
        assert!(made.contains("  } else {\n    s = call f_slow0(x, n, s)\n  }\n  return s\n}\n"), "{made}");
        let function =
            format!("cold func f_slow0(x: f64[:], n: i64, s: f64) -> f64 {{\n{SUM}  return s\n}}\n");
        assert!(made.ends_with(&function), "{made}");
    }

    #[test]
    fn what_is_not_read_after_it_stays_inside() {
        let text = format!("entry func f(x: f64[:], n: i64) {{\n  s: f64 = 0.0\n{SUM}  x[0] = 0.0\n}}\n");
        let made = made_cold(&text);
        assert!(made.contains("  } else {\n    call f_slow0(x, n, s)\n  }\n  x[0] = 0.0\n"), "{made}");
    }

    #[test]
    fn an_output_that_may_not_be_written_goes_in_as_well() {
        let body = "  for i in 0 .. n {\n    check index(i, x, 0) else trap0\n    check index(n - i, x, 0) else trap0\n    \
                    latest = x[i] * x[n - i] + x[i] / x[n - i]\n  }\n";
        let text = format!(
            "entry func f(x: f64[:], n: i64) -> f64 {{\n  latest: f64 = 0.5\n{body}  return latest\n}}\n"
        );
        let made = made_cold(&text);
        assert!(made.contains("    latest = call f_slow0(x, n, latest)\n"), "{made}");
    }

    #[test]
    fn copies_that_are_the_same_are_one_function() {
        let text = format!(
            "entry func f(x: f64[:], n: i64) -> f64 {{\n  s: f64 = 0.0\n{SUM}{}  return s\n}}\n",
            SUM.replace('i', "i.2").replace("i.2n", "in")
        );
        let made = made_cold(&text);
        assert_eq!(made.matches("call f_slow0(x, n, s)").count(), 2, "{made}");
        assert_eq!(made.matches("cold func").count(), 1, "{made}");
    }

    #[test]
    fn a_copy_that_returns_stays() {
        let body = SUM.replace("    s = s", "    if x[i] > x[n - i] {\n      return s\n    }\n    s = s");
        let text =
            format!("entry func f(x: f64[:], n: i64) -> f64 {{\n  s: f64 = 0.0\n{body}  return s\n}}\n");
        let made = made_cold(&text);
        assert!(!made.contains("cold") && made.matches("for i in").count() == 2, "{made}");
    }

    #[test]
    fn a_copy_that_binds_an_array_for_later_stays() {
        let body = SUM.replace("    s = s", "    row = view a[i, :]\n    s = s");
        let text = format!(
            "entry func f(x: f64[:], a: f64[:, :], n: i64) -> f64 {{\n  s: f64 = 0.0\n  row: f64[:] borrowed = view a[0, :]\n{body}  return s + row[0]\n}}\n"
        );
        let made = made_cold(&text);
        assert!(!made.contains("cold") && made.matches("for i in").count() == 2, "{made}");
    }

    #[test]
    fn branches_of_the_program_are_no_copies() {
        let body = "  if n > 3 {\n    for i in 0 .. n {\n      x[i] = 0.0\n    }\n  } else {\n    for i in 0 .. n {\n      x[i] = 1.0\n    }\n  }\n";
        assert!(!made_cold(&format!("entry func f(x: f64[:], n: i64) {{\n{body}}}\n")).contains("cold"));
    }
}
