//! Types for one signature at a time: the syntax tree and the types of the arguments in, a table of types out.
//!
//! Flow-sensitive: a variable has the type of its last assignment; where paths join, the types are unified.
//! [`table`] is the contract with `lower`. [`infer()`] is the way in; `function.rs` types one function for one signature,
//! `env.rs` holds what is known of its variables at one point of the program.
//!
//! Never runs anything, never edits the tree, and never gives a table without types: it is errors or a full table.

mod annotations;
mod array_messages;
mod builtin_args;
mod builtin_calls;
mod calls;
mod constants;
mod decorators;
mod device;
mod device_host;
mod env;
mod exprs;
mod formats;
mod function;
mod index;
mod iterate;
mod messages;
mod more_calls;
mod names;
mod ops;
mod stmts;
pub mod suggest;
pub mod table;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use rustc_hash::{FxHashMap, FxHashSet};

pub use annotations::{annotated_signature, parse_annotation};
pub(crate) use index::tuple_slice;
pub use table::{
    ArgSource, CallPlan, ConstValue, ExprInfo, Inferred, Instance, InstanceId, LaunchGrid, LaunchPlan, Live,
    Resolution, StmtInfo,
};

use crate::base::{Code, Diagnostic, Options, PrimaryMap, Span, Symbol};
use crate::syntax::ast::{Ast, ExprId};
use crate::types::{ArrayTy, Ty};

/// The type of one argument of the entry function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ArgTy {
    /// A value of that type is passed.
    Given(Ty),
    /// Nothing is passed: the default is used, as a constant.
    Omitted,
}

/// What inference must ask the world about.
pub trait TypeHost {
    /// The type of the array in a `.npy` file, for `np.load` in `main`.
    fn npy_type(&self, path: &str) -> Option<ArrayTy>;
}

/// A host without files.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl TypeHost for NoHost {
    fn npy_type(&self, _path: &str) -> Option<ArrayTy> {
        None
    }
}

/// Functions that wait for each other's types, and expressions within each other, before it is an error (K008): inference
/// recurses over both.
const MAX_DEPTH: u32 = 560;

/// How much of it a function within a function takes, measured in stack.
const CALL_DEPTH: u32 = 9;

/// Types `function` for these arguments, and all that it calls. The second part of the result are warnings.
///
/// # Errors
/// Every error of the functions that were reached, sorted by place; none if what could not be typed is what the parser has reported.
pub fn infer(
    ast: &Ast,
    function: &str,
    args: &[ArgTy],
    options: &Options,
    host: &dyn TypeHost,
) -> Result<(Inferred, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut ctx = Ctx::new(ast, options, host);
    let twice = defined_twice(ast);
    if !twice.is_empty() {
        return Err(twice);
    }
    let Some(&index) = ctx.functions.get(function) else {
        return Err(vec![messages::unknown_entry(ast, function)]);
    };
    if let Some(diag) = ctx.kernel_as_entry(index) {
        return Err(vec![diag]);
    }
    let (params, const_params) = ctx.entry_params(index, args)?;
    let slot = ctx.instantiate(index, &params, &const_params, None);
    ctx.finish(slot)
}

/// Which functions run on a GPU only (`@cuda.jit`), so that they are typed where they are launched or called, and cannot be run
/// themselves: one entry per function of the tree.
#[must_use]
pub fn run_on_gpu(ast: &Ast) -> Vec<bool> {
    let options = Options::default();
    let ctx = Ctx::new(ast, &options, &NoHost);
    (0..ast.functions.len()).map(|index| ctx.role(index) != device::Role::Plain).collect()
}

/// K105 for every function whose name stands for something else already; Python beside kernels may do that.
fn defined_twice(ast: &Ast) -> Vec<Diagnostic> {
    let mut places: FxHashMap<&str, Span> =
        ast.constants.iter().map(|constant| (constant.name.name.as_str(), constant.name.span)).collect();
    let mut diags = Vec::new();
    for function in ast.functions.iter().filter(|function| !function.is_beside_kernels) {
        if let Some(first) = places.insert(&function.name.name, function.name.span) {
            diags.push(messages::defined_twice(&function.name, first));
        }
    }
    diags
}

/// What is shared by all functions of one run.
struct Ctx<'a> {
    ast: &'a Ast,
    options: &'a Options,
    host: &'a dyn TypeHost,
    functions: FxHashMap<Symbol, usize>,
    imports: FxHashMap<Symbol, Symbol>,
    /// Module constants, evaluated once in source order.
    constants: FxHashMap<Symbol, Result<Constant, Diagnostic>>,
    slots: Vec<Slot>,
    memo: FxHashMap<(usize, Vec<Ty>), usize>,
    /// What each function is to the GPU, once somebody has asked.
    roles: Vec<OnceCell<device::Role>>,
    depth: u32,
    /// A part that could not be parsed was reached: the parser has reported it.
    has_syntax_error: bool,
}

/// A module constant.
#[derive(Clone, Debug)]
struct Constant {
    value: ConstValue,
    is_weak: bool,
}

/// One function for one signature, while and after it is typed.
struct Slot {
    instance: Option<Instance>,
    diags: Vec<Diagnostic>,
    /// Calls of user functions in the last walk.
    calls: FxHashMap<ExprId, usize>,
    /// The result as far as it is known: final when `is_done`.
    ret: Option<Ty>,
    is_done: bool,
    /// Some expression has no type.
    is_incomplete: bool,
    /// Somebody asked for `ret` while the function was being typed.
    is_asked: bool,
}

impl<'a> Ctx<'a> {
    fn new(ast: &'a Ast, options: &'a Options, host: &'a dyn TypeHost) -> Ctx<'a> {
        let functions =
            ast.functions.iter().enumerate().map(|(index, f)| (f.name.name.clone(), index)).collect();
        let imports = ast.imports.iter().map(|i| (i.name.clone(), i.path.clone())).collect();
        let mut ctx = Ctx {
            ast,
            options,
            host,
            functions,
            imports,
            constants: FxHashMap::default(),
            slots: Vec::new(),
            memo: FxHashMap::default(),
            roles: vec![OnceCell::new(); ast.functions.len()],
            depth: 0,
            has_syntax_error: false,
        };
        for constant in &ast.constants {
            let value = ctx.eval_constant(constant.value);
            let value = value.map_err(|e| messages::constant(&constant.name, &e));
            ctx.constants.insert(constant.name.name.clone(), value);
        }
        ctx
    }

    /// Types a function for a signature, or finds it done already.
    fn instantiate(
        &mut self,
        function: usize,
        params: &[(Symbol, Ty)],
        const_params: &FxHashMap<Symbol, ConstValue>,
        call: Option<Span>,
    ) -> usize {
        let key = (function, params.iter().map(|p| p.1.clone()).collect::<Vec<_>>());
        // Only the entry call has constant parameters; another call with the same types is another instance.
        let is_shared = const_params.is_empty();
        if is_shared && let Some(&slot) = self.memo.get(&key) {
            return slot;
        }
        let slot = self.slots.len();
        self.slots.push(Slot {
            instance: None,
            diags: Vec::new(),
            calls: FxHashMap::default(),
            ret: None,
            is_done: false,
            is_asked: false,
            is_incomplete: false,
        });
        if is_shared {
            self.memo.insert(key, slot);
        }
        if self.depth > MAX_DEPTH - 30 {
            let name = &self.ast.functions[function].name;
            self.slots[slot].diags.push(messages::too_deep(call.unwrap_or(name.span), &name.name));
            self.slots[slot].is_done = true;
            return slot;
        }
        self.depth += CALL_DEPTH;
        // A recursive function is walked again until the type of its result is what its own calls assumed.
        for round in 0.. {
            let first_new = self.slots.len();
            let assumed = self.slots[slot].ret.clone();
            self.slots[slot].is_asked = false;
            let walked = function::walk(self, slot, function, params.to_vec(), const_params.clone());
            let is_stable = !self.slots[slot].is_asked || walked.ret == assumed;
            let entry = &mut self.slots[slot];
            entry.instance = Some(walked.instance);
            entry.diags = walked.diags;
            entry.calls = walked.calls;
            entry.ret = walked.ret;
            entry.is_incomplete = walked.is_incomplete;
            // More rounds would only repeat an error.
            if is_stable || round >= 8 || entry.diags.iter().any(Diagnostic::is_error) {
                let is_open = entry.ret.is_none() || !is_stable;
                if entry.is_asked && is_open && entry.diags.is_empty() {
                    let name = &self.ast.functions[function].name;
                    entry.diags.push(messages::untyped_recursion(name));
                }
                entry.is_done = true;
                break;
            }
            // Functions typed meanwhile may have used the wrong assumption.
            self.memo.retain(|_, other| *other < first_new);
        }
        self.depth -= CALL_DEPTH;
        slot
    }

    /// The table of everything that the entry reaches, or the errors.
    fn finish(mut self, entry: usize) -> Result<(Inferred, Vec<Diagnostic>), Vec<Diagnostic>> {
        let order = self.post_order(entry);
        let mut diags: Vec<Diagnostic> = Vec::new();
        for &slot in &order {
            diags.append(&mut self.slots[slot].diags);
        }
        messages::sort(&mut diags);
        if diags.iter().any(Diagnostic::is_error) || self.has_syntax_error {
            return Err(diags);
        }
        let ids: FxHashMap<usize, InstanceId> =
            order.iter().enumerate().map(|(at, &slot)| (slot, InstanceId::from_u32(at as u32))).collect();
        let recursive = self.recursive(&order);
        let mut instances = PrimaryMap::with_capacity(order.len());
        for &slot in &order {
            let is_incomplete = self.slots[slot].is_incomplete;
            let Some(mut instance) = self.slots[slot].instance.take().filter(|_| !is_incomplete) else {
                return Err(vec![messages::internal(
                    Span::default(),
                    "an expression has no type, and no error",
                )]);
            };
            for (expr, callee) in &self.slots[slot].calls {
                if let (Some(info), Some(&id)) = (instance.exprs.get_mut(expr), ids.get(callee))
                    && let Resolution::User(target, _) | Resolution::Launch(target, _) = &mut info.resolution
                {
                    *target = id;
                }
            }
            instance.is_recursive = recursive.contains(&slot);
            instances.push(instance);
        }
        Ok((Inferred { instances, entry: ids[&entry] }, diags))
    }

    /// What `entry` reaches, callees first.
    fn post_order(&self, entry: usize) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen = FxHashSet::default();
        let mut stack = vec![(entry, false)];
        while let Some((slot, is_left)) = stack.pop() {
            if is_left {
                order.push(slot);
            } else if seen.insert(slot) {
                stack.push((slot, true));
                let mut callees: Vec<_> = self.slots[slot].calls.iter().collect();
                callees.sort_unstable();
                stack.extend(callees.into_iter().rev().map(|(_, &callee)| (callee, false)));
            }
        }
        order
    }

    /// Those that can come back to themselves: strongly connected components by Kosaraju's method.
    fn recursive(&self, order: &[usize]) -> FxHashSet<usize> {
        let mut callers: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        let mut result = FxHashSet::default();
        for &slot in order {
            for &callee in self.slots[slot].calls.values() {
                callers.entry(callee).or_default().push(slot);
                if callee == slot {
                    result.insert(slot);
                }
            }
        }
        let mut seen = FxHashSet::default();
        for &root in order.iter().rev() {
            let mut component = Vec::new();
            let mut stack = vec![root];
            while let Some(slot) = stack.pop() {
                if seen.insert(slot) {
                    component.push(slot);
                    stack.extend(callers.get(&slot).into_iter().flatten().copied());
                }
            }
            if component.len() > 1 {
                result.extend(component);
            }
        }
        result
    }

    /// Types of the entry's parameters, and the constants of those that were left out.
    fn entry_params(
        &mut self,
        index: usize,
        args: &[ArgTy],
    ) -> Result<(Vec<(Symbol, Ty)>, FxHashMap<Symbol, ConstValue>), Vec<Diagnostic>> {
        let function = &self.ast.functions[index];
        let mut diags = Vec::new();
        let mut params = Vec::new();
        let mut consts = FxHashMap::default();
        if args.len() > function.params.len() {
            diags.push(messages::too_many_entry_args(function, args.len()));
        }
        for (at, param) in function.params.iter().enumerate() {
            let annotation = self.param_annotation(param, &mut diags);
            let ty = match (args.get(at), param.default) {
                (Some(ArgTy::Given(ty)), _) => match annotations::convert(ty, annotation.as_ref()) {
                    Some(ty) => ty,
                    None => {
                        diags.push(messages::entry_annotation(self.ast, param, ty));
                        continue;
                    }
                },
                (Some(ArgTy::Omitted) | None, Some(default)) => match self.eval_constant(default) {
                    Ok(constant) => {
                        let value = constants::convert(constant.value, annotation.as_ref());
                        let ty = constants::ty(&value);
                        consts.insert(param.name.name.clone(), value);
                        ty
                    }
                    Err(e) => {
                        diags.push(messages::default_value(param, &e));
                        continue;
                    }
                },
                (Some(ArgTy::Omitted) | None, None) => {
                    diags.push(messages::missing_entry_arg(function, param));
                    continue;
                }
            };
            params.push((param.name.name.clone(), ty));
        }
        if diags.iter().any(Diagnostic::is_error) { Err(diags) } else { Ok((params, consts)) }
    }
}

/// An error that stops an evaluation: where and why.
#[derive(Clone, Debug)]
struct EvalError {
    code: Code,
    span: Span,
    text: String,
}
