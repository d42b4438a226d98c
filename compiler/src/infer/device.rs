//! GPU kernels written out: `@cuda.jit`, what only their threads can do, and `kernel[blocks, threads](...)`.
//!
//! Names and meanings are Numba's. Arrays that a host function sends to the device are ordinary arrays here: the runtime moves
//! elements when one side needs what the other has written.

use super::calls::CallSite;
use super::function::{FnCtx, Val};
use super::{ArgSource, CallPlan, ConstValue, Ctx, LaunchGrid, LaunchPlan, Resolution, messages};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{ExprId, ExprKind, Function, Literal};
use crate::types::builtins::Builtin;
use crate::types::device::{AtomicOp, DeviceFn};
use crate::types::dtype::Kind;
use crate::types::{ArrayTy, DType, Ty, promote};

/// What a function is to the GPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// `@njit` or nothing: runs on the host, and in kernels that call it.
    Plain,
    /// `@cuda.jit`: launched from the host.
    Kernel,
    /// `@cuda.jit(device=True)`: called by kernels.
    Device,
}

/// Static shared memory of a block that every device has, in bytes (CUDA programming guide, compute capabilities).
const SHARED_BYTES: u64 = 48 * 1024;

/// The part of a path after Numba's `cuda` module.
pub(super) fn cuda_path(path: &str) -> Option<&str> {
    path.strip_prefix("numba.").unwrap_or(path).strip_prefix("cuda.")
}

impl Ctx<'_> {
    /// What a function's decorators make of it.
    fn role_of(&self, function: &Function) -> Role {
        for &decorator in &function.decorators {
            let (callee, keywords) = match &self.ast.exprs[decorator].kind {
                ExprKind::Call { callee, keywords, .. } => (*callee, keywords.as_slice()),
                _ => (decorator, &[][..]),
            };
            if self.path(callee).is_some_and(|path| cuda_path(&path) == Some("jit")) {
                let is_device = keywords.iter().any(|(name, value)| {
                    name.name == "device"
                        && matches!(self.ast.exprs[*value].kind, ExprKind::Literal(Literal::Bool(true)))
                });
                return if is_device { Role::Device } else { Role::Kernel };
            }
        }
        Role::Plain
    }

    /// The same by position in the tree, found once.
    pub(super) fn role(&self, index: usize) -> Role {
        *self.roles[index].get_or_init(|| self.role_of(&self.ast.functions[index]))
    }

    /// K602 for a kernel that the host is to call like a function.
    pub(super) fn kernel_as_entry(&self, index: usize) -> Option<Diagnostic> {
        let name = &self.ast.functions[index].name;
        let what = match self.role(index) {
            Role::Plain => return None,
            Role::Kernel => "kernel",
            Role::Device => "device function",
        };
        Some(
            Diagnostic::error(
                Code::K602,
                name.span,
                format!("`{}` is a {what}, which the host cannot call", name.name),
            )
            .primary("runs on a GPU, once per thread")
            .help(format!(
                "write a function that launches it, and run that: `def main(...): {}[blocks, threads](...)`",
                name.name
            )),
        )
    }
}

impl FnCtx<'_, '_> {
    pub(super) fn outside(&self, span: Span, text: &str) -> Diagnostic {
        Diagnostic::error(Code::K601, span, format!("`{text}` outside a GPU kernel"))
            .primary("only threads of a kernel have this")
            .label(self.function.head_span, "this function runs on the host")
            .help(
                "decorate the function with `@cuda.jit`, or with `@cuda.jit(device=True)` if kernels call it",
            )
    }

    /// An attribute of the `cuda` module: `cuda.threadIdx.x`.
    pub(super) fn cuda_attribute(&mut self, id: ExprId, path: &str) -> Option<Val> {
        if path == "warpsize" {
            return Some(self.done_constant(id, ConstValue::Int(32, DType::I64)));
        }
        let function = DeviceFn::attribute(path)?;
        let span = self.span(id);
        if self.role == Role::Plain {
            let text = self.render(id);
            let diag = self.outside(span, &text);
            return Some(self.report(diag));
        }
        let resolution = Resolution::Builtin(Builtin::Device(function), CallPlan::default());
        Some(self.done(id, Val::of(Ty::I64), resolution))
    }

    /// A call of a function of the `cuda` module; `None` if there is none of that name.
    pub(super) fn cuda_call(&mut self, site: CallSite<'_>, path: &str) -> Option<Val> {
        let span = self.span(site.id);
        if let Some(function) = DeviceFn::function(path) {
            if self.role == Role::Plain {
                self.untyped_args(site);
                let diag = self.outside(span, site.name);
                return Some(self.report(diag));
            }
            let val = match function {
                DeviceFn::ConstArray => self.const_array(site),
                _ => self.device_call(site, function),
            };
            return Some(val.unwrap_or(Val::ERROR));
        }
        Some(match path {
            "grid" | "gridsize" => {
                if self.role == Role::Plain {
                    self.untyped_args(site);
                    let diag = self.outside(span, site.name);
                    return Some(self.report(diag));
                }
                self.grid(site, path == "grid").unwrap_or(Val::ERROR)
            }
            "to_device" | "as_cuda_array" => self.host_array(site, Builtin::Copy, &["stream", "copy", "to"]),
            "device_array" | "pinned_array" | "mapped_array" => {
                self.host_array(site, Builtin::Empty, &["strides", "order", "stream"])
            }
            "device_array_like" | "pinned_array_like" | "mapped_array_like" => {
                self.host_array(site, Builtin::EmptyLike, &["stream"])
            }
            "event" | "event_elapsed_time" => self.event_call(site, path),
            // The next statement that needs a result waits for it.
            "synchronize" | "stream" | "default_stream" | "per_thread_default_stream" | "select_device" => {
                self.untyped_args(site);
                if self.role != Role::Plain {
                    let diag = self.host_only(span, site.name);
                    return Some(self.report(diag));
                }
                self.done_constant(site.id, ConstValue::None)
            }
            _ => return None,
        })
    }

    /// K605: what kernels cannot do.
    pub(super) fn host_only(&self, span: Span, name: &str) -> Diagnostic {
        Diagnostic::error(Code::K605, span, format!("a GPU kernel cannot call `{name}`"))
            .primary("only the host can")
            .label(self.function.head_span, "this function runs on the GPU")
    }

    /// `cuda.grid(2)`, `cuda.gridsize(2)`.
    fn grid(&mut self, site: CallSite<'_>, is_position: bool) -> Option<Val> {
        let slots = self.match_args(site, &["ndim"], 1, usize::MAX, None, Code::K207)?;
        let arg = slots[0]?;
        let val = self.expr(arg);
        val.ty.as_ref()?;
        let Some(ConstValue::Int(axes @ 1..=3, _)) = val.konst else {
            let diag =
                Diagnostic::error(Code::K207, self.span(arg), format!("`{}` takes 1, 2 or 3", site.name))
                    .primary("number of axes")
                    .help(format!("write `i = {0}(1)` or `i, j = {0}(2)`", site.name));
            return Some(self.report(diag));
        };
        let builtin = if is_position { Builtin::CudaGrid } else { Builtin::CudaGridSize };
        let ty = if axes == 1 { Ty::I64 } else { Ty::Tuple(vec![Ty::I64; axes as usize].into()) };
        let plan = CallPlan { args: vec![ArgSource::Const(ConstValue::Int(axes, DType::I64))] };
        Some(self.done(site.id, Val::of(ty), Resolution::Builtin(builtin, plan)))
    }

    /// A function that only threads have; `None` after an error.
    fn device_call(&mut self, site: CallSite<'_>, function: DeviceFn) -> Option<Val> {
        let names = function.params();
        let required = if function == DeviceFn::SyncWarp { 0 } else { names.len() };
        let slots = self.match_args(site, names, required, usize::MAX, None, Code::K207)?;
        let vals: Vec<Val> = slots.iter().map(|slot| slot.map_or(Val::ERROR, |arg| self.expr(arg))).collect();
        if slots.iter().zip(&vals).any(|(slot, val)| slot.is_some() && val.ty.is_none()) {
            return None;
        }
        let mut plan: Vec<ArgSource> =
            slots.iter().map(|slot| slot.map_or(ArgSource::Absent, ArgSource::Expr)).collect();
        let ty = match function {
            DeviceFn::SyncThreads | DeviceFn::Fence(_) => Ty::None,
            DeviceFn::SyncWarp => {
                if slots[0].is_some() {
                    self.number(site, slots[0], &vals[0], Kind::Unsigned)?;
                } else {
                    plan[0] = ArgSource::Const(ConstValue::Int(0xffff_ffff, DType::I64));
                }
                Ty::None
            }
            DeviceFn::SyncThreadsCount | DeviceFn::SyncThreadsAnd | DeviceFn::SyncThreadsOr => {
                self.number(site, slots[0], &vals[0], Kind::Unsigned)?;
                Ty::I64
            }
            DeviceFn::ActiveMask => Ty::I64,
            DeviceFn::Vote(vote) => {
                self.number(site, slots[0], &vals[0], Kind::Unsigned)?;
                self.number(site, slots[1], &vals[1], Kind::Unsigned)?;
                if vote == crate::types::device::Vote::Ballot { Ty::I64 } else { Ty::BOOL }
            }
            DeviceFn::Shuffle(_) => {
                self.number(site, slots[0], &vals[0], Kind::Unsigned)?;
                let dtype = self.number(site, slots[1], &vals[1], Kind::Float)?;
                self.number(site, slots[2], &vals[2], Kind::Unsigned)?;
                Ty::Scalar(dtype)
            }
            DeviceFn::Popc | DeviceFn::Clz | DeviceFn::Ffs => {
                self.number(site, slots[0], &vals[0], Kind::Unsigned)?;
                Ty::I64
            }
            DeviceFn::Brev => {
                let dtype = self.number(site, slots[0], &vals[0], Kind::Unsigned)?;
                Ty::Scalar(if dtype.size_bytes() == 8 { dtype } else { DType::U32 })
            }
            DeviceFn::Rsqrt => {
                Ty::Scalar(promote::float_of(self.number(site, slots[0], &vals[0], Kind::Float)?))
            }
            DeviceFn::Fma => {
                let mut dtype: Option<(DType, bool)> = None;
                for (slot, val) in slots.iter().zip(&vals) {
                    let next = self.number(site, *slot, val, Kind::Float)?;
                    dtype = Some(match dtype {
                        None => (next, val.is_weak),
                        Some((before, weak)) => {
                            (promote::scalars(before, weak, next, val.is_weak), weak && val.is_weak)
                        }
                    });
                }
                Ty::Scalar(promote::float_of(dtype?.0))
            }
            DeviceFn::Atomic(op) => Ty::Scalar(self.atomic(site, op, &slots, &vals)?),
            DeviceFn::SharedArray | DeviceFn::LocalArray => {
                let (array, shape) = self.scratch(site, function, &slots, &vals)?;
                plan = shape.into_iter().map(|n| ArgSource::Const(ConstValue::Int(n, DType::I64))).collect();
                Ty::Array(array)
            }
            // Attributes, which are not called, and what has its own way.
            DeviceFn::ConstArray
            | DeviceFn::ThreadIdx(_)
            | DeviceFn::BlockIdx(_)
            | DeviceFn::BlockDim(_)
            | DeviceFn::GridDim(_)
            | DeviceFn::Grid(_)
            | DeviceFn::GridSize(_)
            | DeviceFn::LaneId => return None,
        };
        let resolution = Resolution::Builtin(Builtin::Device(function), CallPlan { args: plan });
        Some(self.done(site.id, Val::of(ty), resolution))
    }

    /// Array, index, value of an atomic operation: the element type.
    fn atomic(
        &mut self,
        site: CallSite<'_>,
        op: AtomicOp,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Option<DType> {
        let array = self.array_arg(site, slots[0], &vals[0])?;
        let name = self.render(slots[0]?);
        let span = self.arg_span(site, slots[0]);
        if !array.is_writable {
            self.diags.push(
                Diagnostic::error(Code::K405, span, format!("`{name}` is read-only"))
                    .primary("changed here")
                    .help(format!("pass an array that may be written instead of `{name}`")),
            );
            return None;
        }
        let is_whole = array.dtype.is_int() && array.dtype.size_bytes() >= 4;
        let is_real = array.dtype.is_float();
        let fits = match op {
            AtomicOp::And | AtomicOp::Or | AtomicOp::Xor => is_whole,
            AtomicOp::Add
            | AtomicOp::Sub
            | AtomicOp::Min
            | AtomicOp::Max
            | AtomicOp::Exch
            | AtomicOp::Cas => is_whole || is_real,
        };
        if !fits {
            self.diags.push(
                Diagnostic::error(
                    Code::K303,
                    span,
                    format!("`{}` has no form for elements of `{}`", site.name, array.dtype),
                )
                .primary(format!("this is `{}`", Ty::Array(array)))
                .help(if is_real {
                    "bits are combined in integers: `i32`, `u32`, `i64`, `u64`"
                } else {
                    "GPUs have atomic operations on `i32`, `u32`, `i64`, `u64`, `f32` and `f64`"
                }),
            );
            return None;
        }
        let is_int = |ty: &Ty| matches!(ty, Ty::Scalar(dtype) if dtype.is_int());
        let count = match vals[1].ty.as_ref()? {
            ty if is_int(ty) => 1,
            Ty::Tuple(items) if items.iter().all(is_int) => items.len(),
            ty => {
                let diag = messages::arg_ty(self.arg_span(site, slots[1]), site.name, "an index", ty);
                self.diags.push(diag.help("give an integer, or a tuple with one per axis"));
                return None;
            }
        };
        if count != usize::from(array.rank) {
            let at = self.arg_span(site, slots[1]);
            let axes = if array.rank == 1 { "axis" } else { "axes" };
            self.diags.push(
                Diagnostic::error(
                    Code::K401,
                    at,
                    format!("`{name}` has {} {axes}, the index {count}", array.rank),
                )
                .primary("one position per axis names an element")
                .help("write the positions as a tuple: `(i, j)`"),
            );
            return None;
        }
        let most = if array.dtype.is_float() { Kind::Float } else { Kind::Unsigned };
        for at in 2..slots.len() {
            self.number(site, slots[at], &vals[at], most)?;
        }
        Some(array.dtype)
    }

    /// Type and extents of a shared or local array.
    fn scratch(
        &mut self,
        site: CallSite<'_>,
        function: DeviceFn,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Option<(ArrayTy, Vec<i64>)> {
        let rank = self.shape_arg(site, slots[0], &vals[0])?;
        let dtype = self.dtype_arg(site, slots[1], &vals[1], DType::F64)?;
        let extent = |value: &ConstValue| match value {
            ConstValue::Int(n, _) => Some(*n),
            _ => None,
        };
        let shape: Option<Vec<i64>> = match &vals[0].konst {
            Some(ConstValue::Tuple(items)) => items.iter().map(extent).collect(),
            Some(value) => extent(value).map(|n| vec![n]),
            None => None,
        };
        let span = self.arg_span(site, slots[0]);
        let Some(shape) = shape else {
            let text = slots[0].map(|arg| self.render(arg)).unwrap_or_default();
            self.diags.push(
                Diagnostic::error(
                    Code::K606,
                    span,
                    format!("`{}` needs a size that is known at compile time", site.name),
                )
                .primary(format!("`{text}` is known only when the kernel runs"))
                .help("write a number, or a constant of the module: `TILE = 16`"),
            );
            return None;
        };
        let is_dynamic = function == DeviceFn::SharedArray && shape == [0];
        if !is_dynamic && shape.iter().any(|&n| n < 1) {
            self.diags.push(
                Diagnostic::error(Code::K606, span, format!("`{}` needs sizes of at least 1", site.name)).help(
                    "only `cuda.shared.array(0, dtype)` may be empty: its size is the fourth number of the launch",
                ),
            );
            return None;
        }
        let bytes = shape.iter().try_fold(dtype.size_bytes() as u64, |bytes, &n| bytes.checked_mul(n as u64));
        if bytes.is_none_or(|bytes| bytes > SHARED_BYTES) && function == DeviceFn::SharedArray {
            let bytes = bytes.map_or_else(|| "more".to_owned(), |bytes| bytes.to_string());
            self.diags.push(
                Diagnostic::error(Code::K606, span, format!("a shared array of {bytes} bytes"))
                    .primary(format!("a block has {SHARED_BYTES} bytes"))
                    .help("take a smaller tile, or a dynamic array: `cuda.shared.array(0, dtype)`"),
            );
            return None;
        }
        Some((ArrayTy::new(dtype, rank), shape))
    }

    /// `kernel[blocks, threads](args)` and `kernel.forall(n)(args)`.
    pub(super) fn launch(&mut self, site: CallSite<'_>, callee: ExprId) -> Option<Val> {
        let ast = self.ast;
        let (base, indices) = match &ast.exprs[callee].kind {
            ExprKind::Index { base, indices } => (*base, Some(indices.as_slice())),
            ExprKind::Call { callee: inner, .. } => match &ast.exprs[*inner].kind {
                ExprKind::Attribute { base, name } if name.name == "forall" => (*base, None),
                _ => return None,
            },
            _ => return None,
        };
        let ExprKind::Name(name) = &ast.exprs[base].kind else { return None };
        if self.var_ids.contains_key(name) {
            return None;
        }
        let &index = self.ctx.functions.get(name)?;
        let function = &ast.functions[index];
        let span = self.span(callee);
        if self.ctx.role(index) != Role::Kernel {
            self.untyped_args(site);
            let diag = Diagnostic::error(Code::K602, span, format!("`{name}` is no kernel"))
                .primary("launched here")
                .label(function.head_span, "defined here")
                .help(format!("decorate it with `@cuda.jit`, or call it without brackets: `{name}(...)`"));
            return Some(self.report(diag));
        }
        if self.role != Role::Plain {
            self.untyped_args(site);
            let diag = self.host_only(span, name).help("launch it from a function of the host");
            return Some(self.report(diag));
        }
        let grid = match indices {
            Some(indices) => self.launch_grid(name, span, indices),
            None => self.forall(name, callee),
        };
        let Some((grid, shared)) = grid else {
            self.untyped_args(site);
            return Some(Val::ERROR);
        };
        let val = self.called(site, index);
        if val.ty.is_none() {
            return Some(Val::ERROR);
        }
        let Some(info) = self.exprs.get_mut(&site.id) else { return Some(Val::ERROR) };
        if let Resolution::User(id, plan) = &info.resolution {
            let plan = LaunchPlan { grid, shared, call: plan.clone() };
            info.resolution = Resolution::Launch(*id, Box::new(plan));
        }
        Some(val)
    }

    /// What stands between the brackets; `None` after an error.
    fn launch_grid(
        &mut self,
        name: &str,
        span: Span,
        indices: &[ExprId],
    ) -> Option<(LaunchGrid, Option<ExprId>)> {
        let ast = self.ast;
        let config = match indices {
            // `k[config](...)`, where `config` is a tuple written here.
            [one] => match &ast.exprs[*one].kind {
                ExprKind::Tuple(items) => items.as_slice(),
                _ => indices,
            },
            many => many,
        };
        let (2..=4) = config.len() else {
            self.diags.push(
                Diagnostic::error(
                    Code::K603,
                    span,
                    format!("a launch of `{name}` without blocks and threads"),
                )
                .primary("two to four values belong here")
                .help(format!(
                    "write `{name}[blocks, threads](...)`, for example `{name}[(n + 255) // 256, 256](...)`"
                )),
            );
            return None;
        };
        let mut is_error = false;
        for (at, what) in [(0, "blocks"), (1, "threads")] {
            is_error |= !self.is_launch_number(config[at], what, true);
        }
        if let Some(&stream) = config.get(2) {
            is_error |= self.expr(stream).ty.is_none();
        }
        if let Some(&shared) = config.get(3) {
            is_error |= !self.is_launch_number(shared, "bytes of shared memory", false);
        }
        let grid = LaunchGrid::Given { blocks: config[0], threads: config[1] };
        (!is_error).then_some((grid, config.get(3).copied()))
    }

    /// The value of a launch that has to be a whole number, or a tuple of them.
    pub(super) fn is_launch_number(&mut self, value: ExprId, what: &str, may_be_tuple: bool) -> bool {
        let val = self.expr(value);
        let is_int = |ty: &Ty| matches!(ty, Ty::Scalar(dtype) if dtype.is_int());
        let (wanted, help) = if may_be_tuple {
            ("an integer or a tuple of up to three", "write `n`, `(n, m)` or `(n, m, k)`")
        } else {
            ("an integer", "write a whole number")
        };
        match &val.ty {
            None => false,
            Some(ty) if is_int(ty) => true,
            Some(Ty::Tuple(items))
                if may_be_tuple && (1..=3).contains(&items.len()) && items.iter().all(is_int) =>
            {
                true
            }
            Some(ty) => {
                self.diags.push(
                    Diagnostic::error(
                        Code::K603,
                        self.ast.exprs[value].span,
                        format!("the number of {what} is {wanted}"),
                    )
                    .primary(format!("this is `{ty}`"))
                    .help(match ty {
                        Ty::Scalar(_) => "a whole quotient is written with `//`",
                        _ => help,
                    }),
                );
                false
            }
        }
    }

    /// May this function be called like one? Pushes the error if not.
    pub(super) fn may_call(&mut self, site: CallSite<'_>, index: usize) -> bool {
        let function = &self.ast.functions[index];
        let name = &function.name.name;
        let span = self.span(site.id);
        let diag = match self.ctx.role(index) {
            Role::Plain => return true,
            Role::Device if self.role != Role::Plain => return true,
            Role::Device => Diagnostic::error(Code::K602, span, format!("`{name}` is a device function"))
                .primary("called on the host")
                .label(function.head_span, "only kernels can call it")
                .help("leave the decorator out: plain functions can be called on the host and in kernels"),
            Role::Kernel => {
                let args: Vec<String> = site.args.iter().map(|&arg| self.render(arg)).collect();
                Diagnostic::error(Code::K602, span, format!("the kernel `{name}` is called like a function"))
                    .primary("blocks and threads are missing")
                    .label(function.head_span, "a kernel")
                    .help(format!("launch it: `{name}[blocks, threads]({})`", args.join(", ")))
            }
        };
        self.diags.push(diag);
        false
    }

    /// K604 for a kernel that returns something.
    pub(super) fn check_kernel_result(&mut self) {
        if self.role == Role::Kernel
            && let Some((ty, place)) = &self.ret
            && *ty != Ty::None
        {
            let diag = Diagnostic::error(
                Code::K604,
                *place,
                format!("the kernel `{}` returns a value", self.function.name.name),
            )
            .primary(format!("this is `{ty}`"))
            .help("store it into an array that the kernel is given: `out[i] = ...`");
            self.diags.push(diag);
        }
    }
}
