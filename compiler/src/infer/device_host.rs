//! The host's side of Numba's `cuda` module: device arrays, events, constant arrays, `forall`, and what there is not.

use super::calls::CallSite;
use super::constants;
use super::device::Role;
use super::function::{FnCtx, Val};
use super::{ArgSource, CallPlan, ConstValue, Ctx, LaunchGrid, Resolution, messages, suggest};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{ExprId, ExprKind, Name};
use crate::types::builtins::{self, Builtin};
use crate::types::device::DeviceFn;
use crate::types::ty::MAX_RANK;
use crate::types::{ArrayTy, DType, Ty, promote};

/// Constant memory of a kernel, in bytes (CUDA programming guide, compute capabilities).
const CONSTANT_BYTES: usize = 64 * 1024;

/// Methods of an event.
const EVENT_METHODS: [&str; 4] = ["record", "synchronize", "wait", "elapsed_time"];

/// Has an event a method of that name?
pub(super) fn is_event_method(name: &str) -> bool {
    EVENT_METHODS.contains(&name)
}

/// An array of constants: element type, extents, elements in C order.
struct Table {
    dtype: DType,
    shape: Vec<i64>,
    items: Vec<ConstValue>,
}

impl Table {
    /// The elements of a value with tuples in it; `false` if its rows are not equally long, or it has other things than finite numbers.
    fn add(&mut self, value: &ConstValue, axis: usize) -> bool {
        match value {
            ConstValue::Tuple(items) if axis < usize::from(MAX_RANK) => {
                let extent = items.len() as i64;
                match self.shape.get(axis) {
                    None if self.items.is_empty() => self.shape.push(extent),
                    Some(&known) if known == extent => {}
                    _ => return false,
                }
                items.iter().all(|item| self.add(item, axis + 1))
            }
            // C has no constants for the others.
            ConstValue::Float(number, _) if !number.is_finite() => false,
            ConstValue::Bool(_) | ConstValue::Int(..) | ConstValue::Float(..) => {
                self.items.push(value.clone());
                self.shape.len() == axis
            }
            ConstValue::None
            | ConstValue::Tuple(_)
            | ConstValue::Complex(..)
            | ConstValue::Str(_)
            | ConstValue::DType(_) => false,
        }
    }
}

impl Ctx<'_> {
    /// The constant array that an expression stands for: `np.array((1.0, 2.0))`, a tuple, or a name of the module for one.
    fn table(&mut self, expr: ExprId) -> Result<Table, Box<Diagnostic>> {
        let ast = self.ast;
        let span = ast.exprs[expr].span;
        let unknown = |text: String| {
            Box::new(
                Diagnostic::error(
                    Code::K606,
                    span,
                    "`cuda.const.array_like` needs elements that are known at compile time",
                )
                .primary(text)
                .help("write them at module level: `TABLE = np.array([1.0, 2.0, 4.0])`"),
            )
        };
        let mut made = expr;
        if let ExprKind::Name(name) = &ast.exprs[expr].kind {
            made = match ast.constants.iter().rev().find(|constant| constant.name.name == *name) {
                Some(constant) => constant.value,
                None => return Err(unknown(format!("`{name}` is known only when the kernel runs"))),
            };
        }
        let mut wanted = None;
        let mut elements = made;
        if let ExprKind::Call { callee, args, keywords } = &ast.exprs[made].kind {
            let builtin = self.path(*callee).and_then(|path| builtins::lookup(&path));
            let (Some(Builtin::Array | Builtin::AsArray), Some(&first)) = (builtin, args.first()) else {
                return Err(unknown(
                    "only `np.array(...)` of numbers is evaluated at compile time".to_owned(),
                ));
            };
            elements = first;
            let named = keywords.iter().find(|(name, _)| name.name == "dtype").map(|(_, value)| *value);
            if let Some(dtype) = args.get(1).copied().or(named) {
                let value = self.eval_constant(dtype).map_err(|error| unknown(error.text))?.value;
                wanted = match &value {
                    ConstValue::DType(dtype) => Some(*dtype),
                    ConstValue::Str(text) => builtins::dtype_string(text),
                    _ => None,
                };
                if wanted.is_none() {
                    return Err(unknown("the element type is not known".to_owned()));
                }
            }
        }
        let value = self.eval_constant(elements).map_err(|error| unknown(error.text))?.value;
        let mut table = Table { dtype: DType::F64, shape: Vec::new(), items: Vec::new() };
        if !table.add(&value, 0) || table.items.is_empty() || table.shape.is_empty() {
            return Err(unknown("this is no array of finite real numbers with equally long rows".to_owned()));
        }
        let own = table.items.iter().filter_map(|item| constants::ty(item).scalar());
        let own = own.reduce(|a, b| promote::scalars(a, false, b, false)).unwrap_or(DType::F64);
        table.dtype = wanted.unwrap_or(own);
        if table.dtype.is_complex() {
            return Err(unknown("elements are real numbers".to_owned()));
        }
        let bytes = table.items.len() * table.dtype.size_bytes();
        if bytes > CONSTANT_BYTES {
            return Err(Box::new(
                Diagnostic::error(Code::K606, span, format!("a constant array of {bytes} bytes"))
                    .primary(format!("a kernel has {CONSTANT_BYTES} bytes"))
                    .help("pass the array to the kernel as an argument"),
            ));
        }
        for item in &mut table.items {
            *item = constants::cast(item, table.dtype)
                .filter(|item| !matches!(item, ConstValue::Float(number, _) if !number.is_finite()))
                .ok_or_else(|| unknown("an element does not fit its type".to_owned()))?;
        }
        Ok(table)
    }
}

impl FnCtx<'_, '_> {
    /// Functions that make arrays are those of NumPy; what they say of streams and places changes nothing.
    pub(super) fn host_array(&mut self, site: CallSite<'_>, builtin: Builtin, ignored: &[&str]) -> Val {
        let keywords: Vec<(Name, ExprId)> = site
            .keywords
            .iter()
            .filter(|(name, _)| !ignored.contains(&name.name.as_str()))
            .cloned()
            .map(|(mut name, value)| {
                if name.name == "ary" {
                    name.name = if builtin == Builtin::Copy { "a".into() } else { "prototype".into() };
                }
                (name, value)
            })
            .collect();
        let taken = if builtin == Builtin::Empty { 2 } else { 1 };
        let args = &site.args[..site.args.len().min(taken)];
        self.builtin(CallSite { args, keywords: &keywords, ..site }, builtin)
    }

    /// `cuda.const.array_like(table)`; `None` after an error.
    pub(super) fn const_array(&mut self, site: CallSite<'_>) -> Option<Val> {
        let slots = self.match_args(site, &["ary"], 1, usize::MAX, None, Code::K207)?;
        let arg = slots[0]?;
        let is_variable =
            matches!(&self.ast.exprs[arg].kind, ExprKind::Name(name) if self.var_ids.contains_key(name));
        let table = if is_variable {
            let text = self.render(arg);
            Err(Box::new(
                Diagnostic::error(
                    Code::K606,
                    self.span(arg),
                    "`cuda.const.array_like` needs elements that are known at compile time",
                )
                .primary(format!("`{text}` is known only when the kernel runs"))
                .help("write them at module level: `TABLE = np.array([1.0, 2.0, 4.0])`"),
            ))
        } else {
            self.ctx.table(arg)
        };
        let table = match table {
            Ok(table) => table,
            Err(diag) => return Some(self.report(*diag)),
        };
        let ty = ArrayTy { is_writable: false, ..ArrayTy::new(table.dtype, table.shape.len() as u8) };
        let extents = table.shape.iter().map(|&extent| ConstValue::Int(extent, DType::I64));
        let args = extents.chain(table.items).map(ArgSource::Const).collect();
        let resolution = Resolution::Builtin(Builtin::Device(DeviceFn::ConstArray), CallPlan { args });
        Some(self.done(site.id, Val::of(Ty::Array(ty)), resolution))
    }

    /// `cuda.event()`, `cuda.event_elapsed_time(start, end)`.
    pub(super) fn event_call(&mut self, site: CallSite<'_>, path: &str) -> Val {
        if self.role != Role::Plain {
            self.untyped_args(site);
            let diag = self.host_only(self.span(site.id), site.name).help("take times on the host");
            return self.report(diag);
        }
        if path == "event_elapsed_time" {
            return self.elapsed(site).unwrap_or(Val::ERROR);
        }
        self.untyped_args(site);
        let resolution = Resolution::Builtin(Builtin::CudaEvent, CallPlan::default());
        self.done(site.id, Val::of(Ty::Event), resolution)
    }

    /// A method of an event.
    pub(super) fn event_method(&mut self, site: CallSite<'_>, method: &Name) -> Val {
        if self.role != Role::Plain {
            self.untyped_args(site);
            let diag = self.host_only(self.span(site.id), site.name).help("take times on the host");
            return self.report(diag);
        }
        match method.name.as_str() {
            "elapsed_time" => self.elapsed(site).unwrap_or(Val::ERROR),
            "record" => {
                self.untyped_args(site);
                let args = site.receiver.map(ArgSource::Expr).into_iter().collect();
                let resolution = Resolution::Builtin(Builtin::EventRecord, CallPlan { args });
                self.done(site.id, Val::of(Ty::None), resolution)
            }
            // The time between two events waits for both.
            "synchronize" | "wait" => {
                self.untyped_args(site);
                self.done_constant(site.id, ConstValue::None)
            }
            _ => {
                self.untyped_args(site);
                let base = site.receiver.map(|base| self.render(base)).unwrap_or_default();
                let diag = messages::unknown_method(method, &base, &Ty::Event);
                self.report(diag)
            }
        }
    }

    fn elapsed(&mut self, site: CallSite<'_>) -> Option<Val> {
        let slots = self.match_args(site, &["start", "end"], 2, usize::MAX, None, Code::K207)?;
        for slot in slots.iter().copied().flatten() {
            let val = self.expr(slot);
            let ty = val.ty?;
            if ty != Ty::Event {
                let diag = messages::arg_ty(self.span(slot), site.name, "an event", &ty);
                return Some(self.report(diag.help("make one with `cuda.event()` and call its `record()`")));
            }
        }
        let args = slots.into_iter().flatten().map(ArgSource::Expr).collect();
        let resolution = Resolution::Builtin(Builtin::EventElapsed, CallPlan { args });
        Some(self.done(site.id, Val::of(Ty::F64), resolution))
    }

    /// `kernel.forall(ntasks, tpb, stream, sharedmem)`; `None` after an error.
    pub(super) fn forall(&mut self, name: &str, call: ExprId) -> Option<(LaunchGrid, Option<ExprId>)> {
        let ast = self.ast;
        let ExprKind::Call { args, keywords, .. } = &ast.exprs[call].kind else { return None };
        let text = format!("{name}.forall");
        let site = CallSite { id: call, name: &text, args, keywords, receiver: None, root: None };
        let names = ["ntasks", "tpb", "stream", "sharedmem"];
        let slots = self.match_args(site, &names, 1, usize::MAX, None, Code::K304)?;
        let mut is_fine = true;
        for (at, what) in [(0, "threads"), (1, "threads per block"), (3, "bytes of shared memory")] {
            if let Some(value) = slots[at] {
                is_fine &= self.is_launch_number(value, what, false);
            }
        }
        if let Some(stream) = slots[2] {
            is_fine &= self.expr(stream).ty.is_some();
        }
        is_fine.then_some((LaunchGrid::ForAll { tasks: slots[0]?, threads: slots[1] }, slots[3]))
    }
}

/// Names of Numba's `cuda` module that there are not, and what to do instead; those that begin with one of these.
const INSTEAD: &[(&str, &str)] = &[
    ("Reduce", "write `total += x[i]` in a `prange` loop: that becomes a reduction on the GPU"),
    ("atomic.compare_and_swap", "write `cuda.atomic.cas(array, index, expected, value)`"),
    ("atomic.dec", "write `cuda.atomic.sub(array, index, 1)`, or a loop around `cuda.atomic.cas`"),
    ("atomic.inc", "write `cuda.atomic.add(array, index, 1)`, or a loop around `cuda.atomic.cas`"),
    ("atomic.nanm", "`cuda.atomic.min` and `cuda.atomic.max` leave NaN out as well"),
    ("cbrt", "write `np.cbrt(x)`"),
    (
        "cg.",
        "only threads of one block can wait for each other: launch a second kernel for what comes after the whole grid",
    ),
    ("close", "nothing needs to be closed"),
    ("cudadrv", "the driver is for the host program; `kjit doctor` shows what there is"),
    ("current_context", "memory belongs to kjit; from Rust, `kjit::gpu` has devices, memory and streams"),
    ("defer_cleanup", "memory is given back when its last use ends; leave it out"),
    ("detect", "`kjit doctor` shows the devices"),
    ("fp16", "there are `float32` and `float64`"),
    ("get_current_device", "the device is chosen by `--device cuda:1`; `kjit doctor` shows the devices"),
    ("gpus", "the device is chosen by `--device cuda:1`; `kjit doctor` shows the devices"),
    ("is_available", "the device is chosen by `--device`; `--device auto` falls back by itself"),
    ("list_devices", "the device is chosen by `--device cuda:1`; `kjit doctor` shows the devices"),
    ("mapped", "arrays of the host can be given to kernels as they are; leave it out"),
    ("nanosleep", "wait for other threads with `cuda.syncthreads()`"),
    ("open_ipc", "arrays of other processes cannot be used"),
    ("pinned", "arrays of the host can be given to kernels as they are; leave it out"),
    ("profil", "`kjit run --device cuda --time` shows bytes moved, kernels launched and the time in each"),
    ("random", "draw in a `prange` loop, which runs on the GPU too, or pass an array of numbers"),
    ("reduce", "write `total += x[i]` in a `prange` loop: that becomes a reduction on the GPU"),
    ("selp", "write `a if condition else b`"),
    ("shfl", "shuffles name their lanes: `cuda.shfl_sync(mask, value, lane)`"),
];

/// K205 for a name that Numba's `cuda` module has not, or that kjit has not.
pub(super) fn unknown(span: Span, path: &str) -> Diagnostic {
    if let Some((_, help)) = INSTEAD.iter().find(|(name, _)| path.starts_with(name)) {
        return Diagnostic::error(Code::K205, span, format!("there is no `cuda.{path}`"))
            .primary("not supported")
            .help(*help);
    }
    let diag = Diagnostic::error(Code::K205, span, format!("kernels have no `cuda.{path}`"))
        .primary("not supported");
    let host = [
        "grid",
        "gridsize",
        "to_device",
        "device_array",
        "device_array_like",
        "event",
        "event_elapsed_time",
        "synchronize",
        "stream",
        "jit",
    ];
    match suggest::nearest(path, DeviceFn::names().chain(host)) {
        Some(near) => diag.help(format!("did you mean `cuda.{near}`?")),
        None => diag.help("`kjit` has Numba's `grid`, `threadIdx`, `shared.array`, `local.array`, `syncthreads`, `atomic`, shuffles, votes and fences"),
    }
}

/// What to write in a kernel instead of a function that only the host has.
pub(super) fn instead(builtin: Builtin) -> &'static str {
    match builtin {
        Builtin::Print => "store what is to be shown into an array, and print that on the host",
        Builtin::Load | Builtin::Save => "load and save on the host, and pass arrays to the kernel",
        _ if builtin.is_random() => {
            "draw in a `prange` loop, which runs on the GPU too, or pass an array of numbers"
        }
        _ => {
            "threads have arrays of a constant size: `cuda.local.array(shape, dtype)`, `cuda.shared.array(shape, dtype)`"
        }
    }
}
