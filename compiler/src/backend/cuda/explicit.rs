//! Kernels that the user wrote (`@cuda.jit`), and what only threads can do.
//!
//! Their threads are those of the launch: nothing is mapped. The words of `env` are the numbers of the launch
//! ([`LAUNCH_WORDS`]), then the kernel's arguments.

use std::fmt::Write as _;

use super::expr::level;
use super::kernel::{self, Kernel};
use super::literal::literal;
use super::writer::{KernelRole, Module, Refused, Role, Used, Writer};
use crate::ir::abi::array_words;
use crate::ir::grid::{GridLaunch, GridParam, GridShape, HostExpr};
use crate::ir::stmt::LAUNCH_WORDS;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{ArrayId, Const, ExprKind, FuncId, LocalId, Operand, Param, Program, Stmt, Target};
use crate::types::device::{AtomicOp, DeviceFn, GridAxis, Scope, Shuffle, Vote};
use crate::types::{ArrayTy, DType};

/// Writes a kernel that the user wrote.
pub(super) fn explicit<'a>(
    module: &mut Module<'a>,
    program: &'a Program,
    id: FuncId,
) -> Result<Kernel, Refused> {
    let func = &program.funcs[id];
    let env = super::host::Env::of_arguments(func);
    let name = module.names.fresh(&func.name);
    let mut small = LocalSet::new();
    small.extend(env.scalars.keys().copied());
    let mut wanted: Option<Used> = None;
    for _ in 0..6 {
        let role = KernelRole { is_explicit: true, ..KernelRole::default() };
        let mut writer = Writer::new(program, func, module, Role::Kernel(role), &small, wanted.clone());
        writer.depth = 1;
        writer.iteration = "thread_number()".to_owned();
        writer.body_top();
        writer.block(&func.body)?;
        if wanted.as_ref() != Some(&writer.used) {
            wanted = Some(writer.used);
            continue;
        }
        let mut parameters = kernel::parameters(&mut writer, func.params.len(), &env);
        if writer.out.contains("shared_bytes") {
            parameters.add(GridParam::SharedBytes, "u32 shared_bytes".to_owned());
        }
        let (arrays, _) = kernel::captured_arrays(func, func.params.len(), &[], &env);
        // The whole grid can be counted with small numbers.
        for axis in 0..3 {
            let word = |k: u32| Box::new(HostExpr::Word(k));
            parameters.narrow.push(HostExpr::Mul(word(axis), word(3 + axis)));
        }
        let can_fail = writer.used.fails;
        let mut text = String::new();
        let mapping = "a kernel of the program, launched with its own blocks and threads".to_owned();
        kernel::head(&mut text, writer.module.lines, func.span, &func.name, &mapping);
        let _ = write!(
            text,
            "extern \"C\" __global__ void {name}(\n    {})\n{{\n{}}}\n",
            parameters.declared.join(",\n    "),
            writer.out
        );
        let launch = GridLaunch {
            kernel: name,
            span: func.span,
            mapping,
            params: parameters.params,
            shape: GridShape::Given,
            restrict: kernel::changed_pairs(&arrays),
            arrays,
            disjoint: Vec::new(),
            narrow: parameters.narrow,
            shared_bytes: Some(HostExpr::Word(6)),
            partial_bytes: 0,
            finish: None,
            ordered: None,
            outputs: Vec::new(),
            can_fail,
        };
        return Ok(Kernel { launch, text });
    }
    Err(Refused::new(func.span, "what it uses cannot be settled"))
}

/// Words of a launch: its numbers and the kernel's arguments.
pub(super) fn env_words(program: &Program, id: FuncId) -> u32 {
    let func = &program.funcs[id];
    let words: usize = func
        .params
        .iter()
        .map(|param| match param {
            Param::Scalar(_) => 1,
            Param::Array(array) => array_words(func.arrays[*array].ty.rank),
        })
        .sum();
    (LAUNCH_WORDS + words) as u32
}

fn letter(axis: GridAxis) -> char {
    match axis {
        GridAxis::X => 'x',
        GridAxis::Y => 'y',
        GridAxis::Z => 'z',
    }
}

impl Writer<'_, '_> {
    /// Declares shared and local arrays at the top of the function: they exist once, wherever they are asked for.
    pub(super) fn declare_scratch(&mut self) {
        let mut found: Vec<(DeviceFn, ArrayId, Vec<Const>)> = Vec::new();
        walk::for_each_stmt(&self.func.body, &mut |stmt| {
            if let Stmt::Device { function, args, results, .. } = stmt
                && function.makes_array()
                && let Some(Target::Array(array)) = results.first()
                && found.iter().all(|(_, known, _)| known != array)
            {
                let extents = args.iter().filter_map(|arg| match arg {
                    Operand::Scalar(id) => match self.func.exprs[*id].kind {
                        ExprKind::Const(value) => Some(value),
                        _ => None,
                    },
                    Operand::Array(_) => None,
                });
                found.push((*function, *array, extents.collect()));
            }
        });
        for (function, array, values) in found {
            let ArrayTy { dtype, rank, .. } = self.func.arrays[array].ty;
            let kind = dtype.name();
            let (extents, elements) = values.split_at(values.len().min(usize::from(rank)));
            let extents: Vec<u64> = extents.iter().map(|extent| extent.as_int() as u64).collect();
            let name = self.names.array(self.func, array);
            let is_dynamic = extents == [0];
            if is_dynamic {
                self.put(&format!("{kind}* const {name} = ({kind}*)dynamic_memory;"));
            } else if function == DeviceFn::ConstArray {
                let elements: Vec<String> =
                    elements.iter().map(|&value| literal(dtype.widened(), value).code).collect();
                self.put(&format!("static __constant__ const {kind} {name}[{}] = {{", elements.len()));
                for row in elements.chunks(8) {
                    self.put(&format!("    {},", row.join(", ")));
                }
                self.put("};");
            } else {
                let space = if function == DeviceFn::SharedArray { "__shared__ " } else { "" };
                self.put(&format!("{space}{kind} {name}[{}];", extents.iter().product::<u64>()));
            }
            for (axis, extent) in extents.iter().enumerate() {
                let axis = axis as u8;
                if self.wants_dim(array, axis) {
                    let dim = self.piece(array, 'd', axis);
                    let value = if is_dynamic {
                        format!("(index_t)(shared_bytes / (u32)sizeof({kind}))")
                    } else {
                        extent.to_string()
                    };
                    self.put(&format!("const index_t {dim} = {value};"));
                }
            }
        }
    }

    /// `Device`.
    pub(super) fn device(
        &mut self,
        function: DeviceFn,
        args: &[Operand],
        results: &[Target],
    ) -> Result<(), Refused> {
        if function.makes_array() {
            return Ok(());
        }
        if let DeviceFn::Atomic(op) = function {
            let text = self.atomic(op, args)?;
            self.assign(results, &text);
            return Ok(());
        }
        let mut values = Vec::new();
        for arg in args {
            let Operand::Scalar(id) = arg else {
                return Err(Refused::new(self.func.span, "a device function has an unexpected form"));
            };
            values.push((self.expr(*id)?, self.func.exprs[*id].ty));
        }
        let code = |k: usize| values.get(k).map_or_else(String::new, |(text, _)| text.code.clone());
        let cast = |k: usize, to: &str| {
            values
                .get(k)
                .map_or_else(String::new, |(text, _)| format!("({to}){}", text.clone().at(level::UNARY)))
        };
        let is_long = |k: usize| values.get(k).is_some_and(|(_, dtype)| dtype.size_bytes() == 8);
        let is_f32 = values.first().is_some_and(|(_, dtype)| *dtype == DType::F32);
        let text = match function {
            DeviceFn::ThreadIdx(axis) => format!("(index_t)threadIdx.{}", letter(axis)),
            DeviceFn::BlockIdx(axis) => format!("(index_t)blockIdx.{}", letter(axis)),
            DeviceFn::BlockDim(axis) => format!("(index_t)blockDim.{}", letter(axis)),
            DeviceFn::GridDim(axis) => format!("(index_t)gridDim.{}", letter(axis)),
            DeviceFn::Grid(axis) => format!("first_{}()", letter(axis)),
            DeviceFn::GridSize(axis) => format!("step_{}()", letter(axis)),
            DeviceFn::LaneId => "lane_number()".to_owned(),
            DeviceFn::ActiveMask => "(i64)__activemask()".to_owned(),
            DeviceFn::SyncThreads => "__syncthreads()".to_owned(),
            DeviceFn::SyncThreadsCount => format!("(i64)__syncthreads_count({})", code(0)),
            DeviceFn::SyncThreadsAnd => format!("(i64)(__syncthreads_and({}) != 0)", code(0)),
            DeviceFn::SyncThreadsOr => format!("(i64)(__syncthreads_or({}) != 0)", code(0)),
            DeviceFn::SyncWarp => format!("__syncwarp({})", cast(0, "u32")),
            DeviceFn::Fence(Scope::Block) => "__threadfence_block()".to_owned(),
            DeviceFn::Fence(Scope::Device) => "__threadfence()".to_owned(),
            DeviceFn::Fence(Scope::System) => "__threadfence_system()".to_owned(),
            DeviceFn::Shuffle(shuffle) => {
                let name = match shuffle {
                    Shuffle::Idx => "__shfl_sync",
                    Shuffle::Up => "__shfl_up_sync",
                    Shuffle::Down => "__shfl_down_sync",
                    Shuffle::Xor => "__shfl_xor_sync",
                };
                format!("{name}({}, {}, {})", cast(0, "u32"), code(1), cast(2, "i32"))
            }
            DeviceFn::Vote(Vote::All) => format!("__all_sync({}, {}) != 0", cast(0, "u32"), code(1)),
            DeviceFn::Vote(Vote::Any) => format!("__any_sync({}, {}) != 0", cast(0, "u32"), code(1)),
            DeviceFn::Vote(Vote::Eq) => format!("all_equal({}, {})", cast(0, "u32"), code(1)),
            DeviceFn::Vote(Vote::Ballot) => format!("(i64)__ballot_sync({}, {})", cast(0, "u32"), code(1)),
            DeviceFn::Popc if is_long(0) => format!("(i64)__popcll({})", cast(0, "u64")),
            DeviceFn::Popc => format!("(i64)__popc({})", cast(0, "u32")),
            DeviceFn::Brev if is_long(0) => {
                let kind = values.first().map_or("u64", |(_, dtype)| dtype.name());
                format!("({kind})__brevll({})", cast(0, "u64"))
            }
            DeviceFn::Brev => format!("__brev({})", cast(0, "u32")),
            DeviceFn::Clz if is_long(0) => format!("(i64)__clzll({})", cast(0, "i64")),
            DeviceFn::Clz => format!("(i64)__clz({})", cast(0, "i32")),
            DeviceFn::Ffs if is_long(0) => format!("(i64)__ffsll({})", cast(0, "i64")),
            DeviceFn::Ffs => format!("(i64)__ffs({})", cast(0, "i32")),
            DeviceFn::Fma => {
                let name = if is_f32 { "fmaf" } else { "fma" };
                format!("{name}({}, {}, {})", code(0), code(1), code(2))
            }
            DeviceFn::Rsqrt if is_f32 => format!("1.0f / sqrtf({})", code(0)),
            DeviceFn::Rsqrt => format!("1.0 / sqrt({})", code(0)),
            DeviceFn::Atomic(_) | DeviceFn::SharedArray | DeviceFn::LocalArray | DeviceFn::ConstArray => {
                return Ok(());
            }
        };
        self.assign(results, &text);
        Ok(())
    }

    /// `target = text;`, or the text alone where nobody reads the target.
    fn assign(&mut self, results: &[Target], text: &str) {
        let Some(Target::Local(local)) = results.first() else { return self.put(&format!("{text};")) };
        let is_read = self.wanted.as_ref().is_none_or(|used| used.locals.contains(local));
        let kind = self.declared_here(*local);
        if !is_read && !kind.is_empty() {
            return self.put(&format!("{text};"));
        }
        let name = self.names.local(self.func, *local);
        self.put(&format!("{kind}{name} = {text};"));
    }

    /// The value of the element before.
    fn atomic(&mut self, op: AtomicOp, args: &[Operand]) -> Result<String, Refused> {
        let refused = || Refused::new(self.func.span, "an atomic operation has an unexpected form");
        let Some(Operand::Array(array)) = args.first() else { return Err(refused()) };
        let ty = self.func.arrays[*array].ty;
        let rank = usize::from(ty.rank);
        let ids: Option<Vec<_>> = args[1..]
            .iter()
            .map(|arg| match arg {
                Operand::Scalar(id) => Some(*id),
                Operand::Array(_) => None,
            })
            .collect();
        let ids = ids.filter(|ids| ids.len() > rank).ok_or_else(refused)?;
        let place = crate::ir::Place::Index(ids[..rank].iter().copied().collect());
        let element = self.element(*array, &place, 0)?;
        let mut values = Vec::new();
        for &id in &ids[rank..] {
            values.push(self.expr(id)?);
        }
        let value = |k: usize, to: &str| format!("({to}){}", values[k].clone().at(level::UNARY));
        let dtype = ty.dtype;
        let back = dtype.widened().name();
        let bits = if dtype.size_bytes() == 4 { "u32" } else { "u64" };
        let kind = dtype.name();
        // Sums, bits and exchanges are the same for both signs.
        let whole =
            |name: &str, value: String| format!("({back})({kind}){name}(({bits}*)&{element}, {value})");
        if dtype.is_float() {
            // A template takes both of one type.
            let same = |k: usize| match self.func.exprs[ids[rank + k]].ty == dtype {
                true => values[k].code.clone(),
                false => value(k, kind),
            };
            let value0 = same(0);
            return Ok(match op {
                AtomicOp::Add => format!("atomicAdd(&{element}, {value0})"),
                AtomicOp::Sub => format!("atomicAdd(&{element}, -({value0}))"),
                AtomicOp::Min => format!("atomic_min(&{element}, {value0})"),
                AtomicOp::Max => format!("atomic_max(&{element}, {value0})"),
                AtomicOp::Exch => format!("atomic_exchange(&{element}, {value0})"),
                AtomicOp::Cas if values.len() == 2 => {
                    format!("atomic_replace(&{element}, {value0}, {})", same(1))
                }
                AtomicOp::Cas | AtomicOp::And | AtomicOp::Or | AtomicOp::Xor => return Err(refused()),
            });
        }
        // CUDA's names for signed numbers of 64 bits have `long long`, which is what `i64` is.
        let ordered = |name: &str| format!("({back}){name}(&{element}, {})", value(0, kind));
        Ok(match op {
            AtomicOp::Add => whole("atomicAdd", value(0, bits)),
            AtomicOp::Sub => whole("atomicAdd", format!("({bits})0 - {}", value(0, bits))),
            AtomicOp::Min => ordered("atomicMin"),
            AtomicOp::Max => ordered("atomicMax"),
            AtomicOp::And => whole("atomicAnd", value(0, bits)),
            AtomicOp::Or => whole("atomicOr", value(0, bits)),
            AtomicOp::Xor => whole("atomicXor", value(0, bits)),
            AtomicOp::Exch => whole("atomicExch", value(0, bits)),
            AtomicOp::Cas if values.len() == 2 => {
                format!(
                    "({back})({kind})atomicCAS(({bits}*)&{element}, {}, {})",
                    value(0, bits),
                    value(1, bits)
                )
            }
            AtomicOp::Cas => return Err(refused()),
        })
    }
}

/// The variable that a statement sets to a number of threads or blocks, and which.
pub(super) fn place_of_thread(stmt: &Stmt) -> Option<(LocalId, DeviceFn)> {
    let Stmt::Device { function, results, .. } = stmt else { return None };
    let Some(Target::Local(local)) = results.first() else { return None };
    match function {
        DeviceFn::ThreadIdx(_)
        | DeviceFn::BlockDim(_)
        | DeviceFn::LaneId
        | DeviceFn::BlockIdx(_)
        | DeviceFn::GridDim(_)
        | DeviceFn::Grid(_)
        | DeviceFn::GridSize(_) => Some((*local, *function)),
        _ => None,
    }
}

/// What such a number is called where the program has no name for it.
pub(super) fn name_of_place(function: DeviceFn) -> &'static str {
    use GridAxis::{X, Y, Z};
    match function {
        DeviceFn::ThreadIdx(X) => "thread_x",
        DeviceFn::ThreadIdx(Y) => "thread_y",
        DeviceFn::ThreadIdx(Z) => "thread_z",
        DeviceFn::BlockIdx(X) => "block_x",
        DeviceFn::BlockIdx(Y) => "block_y",
        DeviceFn::BlockIdx(Z) => "block_z",
        DeviceFn::BlockDim(X) => "threads_x",
        DeviceFn::BlockDim(Y) => "threads_y",
        DeviceFn::BlockDim(Z) => "threads_z",
        DeviceFn::GridDim(X) => "blocks_x",
        DeviceFn::GridDim(Y) => "blocks_y",
        DeviceFn::GridDim(Z) => "blocks_z",
        DeviceFn::LaneId => "lane",
        DeviceFn::Grid(_) => "at",
        DeviceFn::GridSize(_) => "step",
        _ => "value",
    }
}

/// How large such a number gets: where the host sees to it that the whole grid is small, and at all.
pub(super) fn most(function: DeviceFn) -> (u64, u64) {
    const SMALL: u64 = crate::ir::grid::NARROW_LIMIT - 1;
    match function {
        DeviceFn::LaneId => (1 << 5, 1 << 5),
        DeviceFn::ThreadIdx(_) | DeviceFn::BlockDim(_) => (1 << 10, 1 << 10),
        DeviceFn::BlockIdx(_) | DeviceFn::GridDim(_) => (SMALL, 1 << 31),
        // Up to 2^31 blocks of 2^10 threads.
        _ => (SMALL, 1 << 41),
    }
}
