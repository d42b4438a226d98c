//! From the typed syntax tree to the IR: the last stage that knows syntax.
//!
//! In: a tree and what inference said about it. Out: a [`Program`] with one [`Func`](crate::ir::Func) per instance,
//! and the [`Signature`] of the entry. Complex numbers, tuples and generators are taken apart here, operators get their
//! checks and conversions, and whole-array operations become loops. It emits straightforward code and leaves
//! improving it to the passes; it never reports a mistake of the user, all of which inference has found.
//!
//! One idea per file: `context` and `build` make statements and expressions, `value` says what a lowered expression is, `vars` keeps
//! variables and joins them, `scan` answers questions about the tree; the rest is named after what it lowers.

mod arith;
mod arrays;
mod assign;
mod build;
mod builtins;
mod calls;
mod compare;
mod complex;
mod context;
mod control;
mod convert;
mod device;
mod effects;
mod exprs;
mod index;
mod iterate;
mod loops;
mod numbers;
mod pairwise;
mod params;
mod random;
mod reduce;
mod scan;
mod sequences;
mod shapes;
mod slices;
mod statistics;
mod stmts;
mod text;
mod ufuncs;
mod value;
mod vars;
mod whole;

#[cfg(test)]
mod tests;

use crate::base::{Diagnostic, EntityRef, PrimaryMap, Span};
use crate::infer::{Inferred, Instance};
use crate::ir::{FuncId, Program, Signature};
use crate::syntax::ast::{Ast, ExprKind, Function, Stmt, StmtKind};
use crate::types::Ty;
use context::{Context, Shared, internal_error};

/// Lowers every instance, and describes the entry to the host.
///
/// # Errors
/// K901 if tree and table do not fit together, which is a mistake of ours.
pub fn lower(ast: &Ast, inferred: &Inferred, source: &str) -> Result<(Program, Signature), Box<Diagnostic>> {
    let program = Program {
        funcs: PrimaryMap::new(),
        entry: FuncId::new(inferred.entry.index()),
        traps: PrimaryMap::new(),
        messages: PrimaryMap::new(),
        paths: Vec::new(),
        remarks: Vec::new(),
    };
    let mut shared = Shared::new(ast, inferred, source, program);
    for instance in inferred.instances.values() {
        let func = Context::lower_instance(&mut shared, instance)?;
        shared.program.funcs.push(func);
    }
    // Functions that the lowering itself asked for stand after the instances, whose numbers are taken.
    let Shared { mut program, helpers, .. } = shared;
    for helper in helpers {
        program.funcs.push(helper);
    }
    let instance = &inferred.instances[inferred.entry];
    let function = ast
        .functions
        .get(instance.function)
        .ok_or_else(|| internal_error(Span::default(), "the entry is not in the tree"))?;
    let signature = signature(ast, function, instance, &program);
    Ok((program, signature))
}

fn signature(ast: &Ast, function: &Function, instance: &Instance, program: &Program) -> Signature {
    let written = effects::written_params(program);
    let flat_writes = &written[program.entry.index()];
    let mut params = Vec::new();
    let mut writes = Vec::new();
    let mut position = 0;
    for (name, ty) in &instance.params {
        if instance.const_params.contains_key(name) {
            continue;
        }
        let count = value::flat_len(ty);
        writes.push(flat_writes.iter().skip(position).take(count).any(|&is_written| is_written));
        position += count;
        params.push((name.clone(), ty.clone()));
    }
    Signature {
        name: function.name.name.clone(),
        params,
        ret: instance.ret.clone(),
        writes,
        ret_names: ret_names(ast, &function.body, &instance.ret),
    }
}

/// The names in a final `return name` or `return a, b`; one entry per value.
fn ret_names(ast: &Ast, body: &[Stmt], ret: &Ty) -> Vec<Option<crate::base::Symbol>> {
    let name_of = |expr| match &ast.exprs[expr].kind {
        ExprKind::Name(name) => Some(name.clone()),
        _ => None,
    };
    let count = match ret {
        Ty::None => 0,
        Ty::Tuple(items) => items.len(),
        Ty::Scalar(_) | Ty::Array(_) | Ty::Str(_) | Ty::Rng | Ty::Event => 1,
    };
    let Some(Stmt { kind: StmtKind::Return(Some(value)), .. }) = body.last() else {
        return vec![None; count];
    };
    let names: Vec<_> = match &ast.exprs[*value].kind {
        ExprKind::Tuple(items) => items.iter().map(|&item| name_of(item)).collect(),
        _ => vec![name_of(*value)],
    };
    if names.len() == count { names } else { vec![None; count] }
}
