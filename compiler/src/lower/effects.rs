//! Which array parameters a function stores to: itself, through views, or through the functions that it calls.

use crate::base::EntityRef;
use crate::ir::stmt::LAUNCH_WORDS;
use crate::ir::{ArrayId, ArrayValue, Func, Operand, Param, Program, RuntimeFn, Stmt, walk};
use crate::types::device::DeviceFn;

/// By function and position of the parameter; scalars are never written.
pub(super) fn written_params(program: &Program) -> Vec<Vec<bool>> {
    let mut written: Vec<Vec<bool>> =
        program.funcs.values().map(|func| vec![false; func.params.len()]).collect();
    // Recursion needs rounds; each one only adds.
    loop {
        let mut has_changed = false;
        for (id, func) in &program.funcs {
            let now = written_by(func, &written);
            if now != written[id.index()] {
                written[id.index()] = now;
                has_changed = true;
            }
        }
        if !has_changed {
            return written;
        }
    }
}

fn written_by(func: &Func, callees: &[Vec<bool>]) -> Vec<bool> {
    // Arrays that share memory, as sets of parameters.
    let count = func.params.len();
    let mut roots: Vec<Vec<bool>> = vec![vec![false; count]; func.arrays.len()];
    for (position, param) in func.params.iter().enumerate() {
        if let Param::Array(array) = param {
            roots[array.index()][position] = true;
        }
    }
    loop {
        let mut has_changed = false;
        walk::for_each_stmt(&func.body, &mut |stmt| {
            let mut link = |to: ArrayId, from: ArrayId| {
                let source = roots[from.index()].clone();
                for (mine, theirs) in roots[to.index()].iter_mut().zip(source) {
                    has_changed |= theirs && !*mine;
                    *mine |= theirs;
                }
            };
            match stmt {
                Stmt::SetArray { array, value } => match value {
                    ArrayValue::Same(base)
                    | ArrayValue::View { base, .. }
                    | ArrayValue::Transpose { base, .. }
                    | ArrayValue::Part { base, .. }
                    | ArrayValue::Reshape { base, .. } => link(*array, *base),
                    ArrayValue::Alloc { .. } => {}
                },
                // A callee may return any of the arrays it was given.
                Stmt::Call { args, results, .. } => {
                    for result in results {
                        let crate::ir::Target::Array(to) = result else { continue };
                        for arg in args {
                            if let Operand::Array(from) = arg {
                                link(*to, *from);
                            }
                        }
                    }
                }
                _ => {}
            }
        });
        if !has_changed {
            break;
        }
    }
    let mut written = vec![false; count];
    walk::for_each_stmt(&func.body, &mut |stmt| {
        let mut store = |array: ArrayId| {
            for (position, is_written) in written.iter_mut().enumerate() {
                *is_written |= roots[array.index()][position];
            }
        };
        match stmt {
            Stmt::Store { array, .. } | Stmt::Accumulate { array, .. } | Stmt::Fill { array, .. } => {
                store(*array);
            }
            Stmt::CopyElements { to, .. } => store(*to),
            Stmt::Device { function: DeviceFn::Atomic(_), args, .. } => {
                if let Some(Operand::Array(array)) = args.first() {
                    store(*array);
                }
            }
            Stmt::Launch { kernel: callee, args, .. } => {
                for (position, arg) in args.iter().skip(LAUNCH_WORDS).enumerate() {
                    if let Operand::Array(array) = arg
                        && callees[callee.index()].get(position).copied().unwrap_or(true)
                    {
                        store(*array);
                    }
                }
            }
            Stmt::Call { callee, args, .. } => {
                for (position, arg) in args.iter().enumerate() {
                    if let Operand::Array(array) = arg
                        && callees[callee.index()].get(position).copied().unwrap_or(true)
                    {
                        store(*array);
                    }
                }
            }
            Stmt::Runtime { function, args, .. } if *function != RuntimeFn::Save => {
                for arg in args {
                    if let Operand::Array(array) = arg {
                        store(*array);
                    }
                }
            }
            _ => {}
        }
    });
    written
}
