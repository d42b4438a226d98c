//! What functions that GPU kernels call must not do: allocate, print, draw, fork, launch, call themselves.
//!
//! Inference reports what a kernel itself calls; a plain function is typed without knowing who calls it, so what it does is looked at
//! here, in the IR.

use crate::base::{Code, Diagnostic, Span};
use crate::ir::stmt::{ArrayValue, LoopKind, Stmt};
use crate::ir::{Func, FuncId, Program, walk};

/// K605 for everything that kernels reach and the GPU cannot do.
#[must_use]
pub fn check(program: &Program) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (id, kernel) in program.funcs.iter().filter(|(_, func)| func.is_kernel) {
        let mut seen = vec![id];
        let mut at = 0;
        while let Some(&id) = seen.get(at) {
            at += 1;
            look(program, id, kernel, &mut diagnostics, &mut seen);
        }
    }
    diagnostics
}

fn look(
    program: &Program,
    id: FuncId,
    kernel: &Func,
    diagnostics: &mut Vec<Diagnostic>,
    seen: &mut Vec<FuncId>,
) {
    let func = &program.funcs[id];
    let mut refuse = |span: Span, what: &str, help: &str| {
        let mut diag = Diagnostic::error(Code::K605, span, format!("a GPU kernel cannot {what}"))
            .primary("only the host can");
        if !func.is_kernel {
            diag = diag.label(kernel.span, format!("`{}` is called by this kernel", func.name));
        }
        diagnostics.push(diag.help(help.to_owned()));
    };
    if func.recursion.is_some() {
        refuse(
            func.span,
            "call a function that calls itself",
            "write it as a loop; threads have small stacks",
        );
    }
    walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
        Stmt::SetArray { value: ArrayValue::Alloc { trap, .. }, .. } => refuse(
            program.traps[*trap].span,
            "make arrays",
            "pass the array as an argument, or make it in the kernel with `cuda.local.array(shape, dtype)`",
        ),
        Stmt::Print { args, .. } => {
            let span = args.first().map_or(func.span, |&arg| func.exprs[arg].span);
            refuse(span, "print", "store what is to be shown into an array, and print that on the host");
        }
        Stmt::Runtime { function, trap, .. } => {
            let span = trap.map_or(func.span, |trap| program.traps[trap].span);
            let what = format!("call a service of the host (`{}`)", function.name());
            refuse(span, &what, "call it on the host, and pass what it gives to the kernel");
        }
        Stmt::Loop(l) if l.kind == LoopKind::Parallel => refuse(
            func.loops[l.id].span,
            "start a parallel loop",
            "write `range`: the threads of the grid are the parallel loop",
        ),
        Stmt::Launch { span, .. } => {
            refuse(*span, "launch a kernel", "launch it from a function of the host");
        }
        Stmt::Call { callee, .. } if !seen.contains(callee) => seen.push(*callee),
        _ => {}
    });
}
