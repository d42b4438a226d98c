//! Functions that kernels call: `__device__` functions, written once, before the kernels.

use super::declare::Declarations;
use super::names::Names;
use super::sizes::Sizes;
use super::writer::{DeviceFn, Jumps, Module, Piece, Refused, Role, Used, Writer};
use crate::base::Span;
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{ArrayValue, Func, FuncId, Operand, Param, Program, Ret, RuntimeFn, Stmt, Target};
use crate::types::Layout;

impl Writer<'_, '_> {
    /// Calls a function of the program; `stmt` is the call.
    #[allow(clippy::too_many_arguments, reason = "the parts of the statement")]
    pub(super) fn call(
        &mut self,
        stmt: &Stmt,
        callee: FuncId,
        args: &[Operand],
        results: &[Target],
        span: Span,
    ) -> Result<(), Refused> {
        let function =
            device_fn(self.module, self.program, callee).map_err(|refused| Refused { span, ..refused })?;
        let mut texts: Vec<String> = Vec::new();
        if function.can_fail {
            texts.extend(["error".to_owned(), self.iteration_word()]);
        }
        if function.draws {
            self.used.draws = true;
            texts.push("stream".to_owned());
        }
        for piece in &function.pieces {
            texts.push(match *piece {
                Piece::Scalar(k) => {
                    let Operand::Scalar(id) = args[k] else { return Err(mismatch(span)) };
                    self.expr(id)?.code
                }
                Piece::Pointer(k) => {
                    let Operand::Array(array) = args[k] else { return Err(mismatch(span)) };
                    self.pointer(array)
                }
                Piece::Dim(k, axis) => {
                    let Operand::Array(array) = args[k] else { return Err(mismatch(span)) };
                    self.dim(array, axis).code
                }
                Piece::Stride(k, axis) => {
                    let Operand::Array(array) = args[k] else { return Err(mismatch(span)) };
                    self.stride(array, axis).code
                }
            });
        }
        let mut targets = Vec::new();
        for result in results {
            let Target::Local(local) = *result else {
                return Err(Refused::new(span, "it calls a function that returns an array"));
            };
            targets.push(self.names.local(self.func, local));
        }
        let name = &function.name;
        if function.returns_value {
            let call = format!("{name}({})", texts.join(", "));
            let kind = match results.first() {
                Some(Target::Local(local)) => self.declared_here(*local),
                _ => String::new(),
            };
            let line = targets
                .first()
                .map_or_else(|| format!("{call};"), |target| format!("{kind}{target} = {call};"));
            self.put(&line);
            return Ok(());
        }
        for result in results {
            if let Target::Local(local) = *result
                && self.declarations.is_declared_before(stmt, local)
            {
                let (kind, name) = (self.local_type(local), self.names.local(self.func, local));
                self.put(&format!("{kind} {name};"));
            }
        }
        texts.extend(targets);
        let call = format!("{name}({})", texts.join(", "));
        if function.can_fail {
            self.used.fails = true;
            let leave = self.leave();
            self.put(&format!("if (!{call}) {leave}"));
        } else {
            self.put(&format!("{call};"));
        }
        Ok(())
    }
}

fn mismatch(span: Span) -> Refused {
    Refused::new(span, "a call does not fit its function")
}

/// The function in the text, written if it is not there yet.
fn device_fn<'a>(module: &mut Module<'a>, program: &'a Program, id: FuncId) -> Result<DeviceFn, Refused> {
    if let Some(known) = module.functions.get(&id) {
        return Ok(known.clone());
    }
    let func = &program.funcs[id];
    if module.open.contains(&id) || func.recursion.is_some() {
        // Sums of a whole array are pairwise, function by function.
        let way_out = if func.name.contains('.') { "; a loop that adds would run on the device" } else { "" };
        let text = format!("it calls `{}`, which calls itself{way_out}", func.name);
        return Err(Refused::new(func.span, text));
    }
    if func.rets.iter().any(|ret| matches!(ret, Ret::Array(_))) {
        return Err(Refused::new(func.span, format!("it calls `{}`, which returns an array", func.name)));
    }
    module.open.push(id);
    let result = write(module, program, id, func);
    module.open.pop();
    let (function, text) = result?;
    module.texts.push(text);
    module.functions.insert(id, function.clone());
    Ok(function)
}

fn write<'a>(
    module: &mut Module<'a>,
    program: &'a Program,
    id: FuncId,
    func: &'a Func,
) -> Result<(DeviceFn, String), Refused> {
    let name = module.names.fresh(&func.name);
    let can_fail = can_fail(program, id, 0);
    let returns_value = !can_fail && func.rets.len() == 1;
    let mut wanted: Option<Used> = None;
    loop {
        let mut writer = Writer::new(
            program,
            func,
            module,
            Role::Device { returns_value },
            &LocalSet::new(),
            wanted.clone(),
        );
        writer.result_names =
            (0..func.rets.len()).map(|k| writer.names.fresh(&format!("result{k}"))).collect();
        writer.depth = 1;
        writer.body_top();
        writer.block(&func.body)?;
        if !returns_value && !matches!(func.body.last(), Some(Stmt::Return { .. } | Stmt::Raise { .. })) {
            writer.put("return true;");
        }
        if wanted.as_ref() != Some(&writer.used) {
            wanted = Some(writer.used);
            continue;
        }
        let used = writer.used.clone();
        let mut pieces = Vec::new();
        let mut params: Vec<String> = Vec::new();
        if can_fail {
            params.extend(["ErrorRecord* error".to_owned(), "u64 iteration".to_owned()]);
        }
        if used.draws {
            params.push("kj_random* stream".to_owned());
        }
        for (k, param) in func.params.iter().enumerate() {
            match *param {
                Param::Scalar(local) if used.locals.contains(&local) => {
                    pieces.push(Piece::Scalar(k));
                    params.push(format!("{} {}", func.locals[local].dtype, writer.names.local(func, local)));
                }
                Param::Scalar(_) => {}
                Param::Array(array) => {
                    let ty = func.arrays[array].ty;
                    if used.pointers.contains(&array) {
                        pieces.push(Piece::Pointer(k));
                        params.push(format!(
                            "{} {}",
                            writer.pointer_type(array),
                            writer.names.array(func, array)
                        ));
                    }
                    for axis in 0..ty.rank {
                        if used.dims.contains(&(array, axis)) {
                            pieces.push(Piece::Dim(k, axis));
                            params.push(format!("index_t {}", writer.piece(array, 'd', axis)));
                        }
                    }
                    for axis in 0..ty.rank {
                        if ty.layout == Layout::Strided && used.strides.contains(&(array, axis)) {
                            pieces.push(Piece::Stride(k, axis));
                            params.push(format!("index_t {}", writer.piece(array, 's', axis)));
                        }
                    }
                }
            }
        }
        let kind = match func.rets.as_slice() {
            [Ret::Scalar(dtype)] if returns_value => dtype.name(),
            rets => {
                for (ret, name) in rets.iter().zip(&writer.result_names) {
                    if let Ret::Scalar(dtype) = ret {
                        params.push(format!("{dtype}& {name}"));
                    }
                }
                "bool"
            }
        };
        let text = format!("static __device__ {kind} {name}({})\n{{\n{}}}\n", params.join(", "), writer.out);
        return Ok((DeviceFn { name, pieces, can_fail, draws: used.draws, returns_value }, text));
    }
}

/// Can the function, or one that it calls, fail?
pub(super) fn can_fail(program: &Program, id: FuncId, depth: u32) -> bool {
    let mut found = depth > 64;
    walk::for_each_stmt(&program.funcs[id].body, &mut |stmt| match stmt {
        Stmt::Check { .. } | Stmt::Raise { .. } => found = true,
        Stmt::Runtime { function: RuntimeFn::RandomInt, .. } => found = true,
        Stmt::Call { callee, .. } if !found => found = can_fail(program, *callee, depth + 1),
        _ => {}
    });
    found
}

impl<'a, 'm> Writer<'a, 'm> {
    /// A writer for a function. `small` are parameters that the host makes small, `wanted` is what an earlier attempt used.
    pub(super) fn new(
        program: &'a Program,
        func: &'a Func,
        module: &'m mut Module<'a>,
        role: Role,
        small: &LocalSet,
        wanted: Option<Used>,
    ) -> Writer<'a, 'm> {
        let mut params = LocalSet::new();
        for param in &func.params {
            if let Param::Scalar(local) = param {
                params.insert(*local);
            }
        }
        Writer {
            program,
            func,
            module,
            names: Names::new(),
            pieces: Default::default(),
            sizes: Sizes::new(func, small),
            declarations: Declarations::new(func, &func.body, &params),
            role,
            written: written(func),
            wanted,
            used: Used::default(),
            out: String::new(),
            depth: 0,
            line: 0,
            iteration: String::new(),
            outer: String::new(),
            fresh_result: None,
            loops: Vec::new(),
            jumps: Jumps::default(),
            tile: None,
            shares: Default::default(),
            has_bands: false,
            row_form: None,
            row_text: None,
            result_names: Vec::new(),
        }
    }

    /// Names of parameters first, so that they are as written, then what is declared at the top.
    pub(super) fn body_top(&mut self) {
        for param in &self.func.params {
            match *param {
                Param::Scalar(local) => {
                    self.names.local(self.func, local);
                }
                Param::Array(array) => {
                    self.names.array(self.func, array);
                }
            }
        }
        self.declare_scratch();
        for array in self.declarations.arrays_at_top.clone() {
            self.declare_array(array);
        }
    }
}

/// Arrays that are stored to, themselves or through views of them.
pub(super) fn written(func: &Func) -> ArraySet {
    let mut set = ArraySet::new();
    // What other threads write is written by a statement, too: barriers alone change nothing.
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::Device { function, args, .. } = stmt {
            let is_atomic = matches!(function, crate::types::device::DeviceFn::Atomic(_));
            set.extend(args.iter().filter(|_| is_atomic).filter_map(|arg| match arg {
                Operand::Array(array) => Some(*array),
                Operand::Scalar(_) => None,
            }));
        } else {
            set.extend(walk::stored_arrays(func, &[walk::head_of(stmt)]).iter());
        }
    });
    close_over_views(func, &mut set);
    set
}

/// Adds what the arrays are views of.
pub(super) fn close_over_views(func: &Func, set: &mut ArraySet) {
    loop {
        let mut has_grown = false;
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::SetArray { array, value } = stmt
                && set.contains(*array)
            {
                match value {
                    ArrayValue::Same(base)
                    | ArrayValue::View { base, .. }
                    | ArrayValue::Transpose { base, .. }
                    | ArrayValue::Part { base, .. }
                    | ArrayValue::Reshape { base, .. } => has_grown |= set.insert(*base),
                    ArrayValue::Alloc { .. } => {}
                }
            }
        });
        if !has_grown {
            return;
        }
    }
}
