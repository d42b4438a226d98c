//! GPU kernels written out: what only their threads can do, and launches.

use super::builtins::Args;
use super::context::{Context, Res};
use super::value::Value;
use crate::base::{Code, EntityRef};
use crate::infer::table::{ArgSource, LaunchGrid, LaunchPlan};
use crate::infer::{CallPlan, ConstValue, InstanceId};
use crate::ir::{BinaryOp, Check, CompareOp, ExprId, FuncId, Operand, Ownership, RuntimeFn, Stmt, Target};
use crate::syntax::ast::ExprId as AstId;
use crate::types::builtins::Builtin;
use crate::types::device::{DeviceFn, GridAxis, Vote};
use crate::types::{DType, Ty};

/// Threads of a block, at most.
const MAX_THREADS: i64 = 1024;

/// Threads of a block where `forall` is not told.
const FORALL_THREADS: i64 = 256;

const AXES: [GridAxis; 3] = [GridAxis::X, GridAxis::Y, GridAxis::Z];

impl Context<'_, '_> {
    /// A function or an attribute of the `cuda` module.
    pub(super) fn device(
        &mut self,
        function: DeviceFn,
        plan: &CallPlan,
        mut args: Args,
        ty: &Ty,
    ) -> Res<Value> {
        let mut operands = Vec::new();
        let span = self.span;
        match function {
            DeviceFn::ThreadIdx(_)
            | DeviceFn::BlockIdx(_)
            | DeviceFn::BlockDim(_)
            | DeviceFn::GridDim(_)
            | DeviceFn::Grid(_)
            | DeviceFn::GridSize(_)
            | DeviceFn::LaneId
            | DeviceFn::ActiveMask
            | DeviceFn::SyncThreads
            | DeviceFn::Fence(_) => {}
            DeviceFn::SyncWarp => self.push(args.next(self)?, DType::I64, &mut operands)?,
            DeviceFn::SyncThreadsCount | DeviceFn::SyncThreadsAnd | DeviceFn::SyncThreadsOr => {
                let truth = args.next(self)?;
                operands.push(Operand::Scalar(self.truth(truth)?));
            }
            DeviceFn::Vote(vote) => {
                self.push(args.next(self)?, DType::I64, &mut operands)?;
                let value = args.next(self)?;
                if vote == Vote::Eq {
                    self.push(value, DType::I64, &mut operands)?;
                } else {
                    operands.push(Operand::Scalar(self.truth(value)?));
                }
            }
            DeviceFn::Shuffle(_) => {
                let Ty::Scalar(dtype) = ty else { return Err(self.bug("a shuffle of no number")) };
                self.push(args.next(self)?, DType::I64, &mut operands)?;
                self.push(args.next(self)?, dtype.widened(), &mut operands)?;
                self.push(args.next(self)?, DType::I64, &mut operands)?;
            }
            // What the highest bit is depends on the type.
            DeviceFn::Popc | DeviceFn::Brev | DeviceFn::Clz | DeviceFn::Ffs => {
                let value = args.next(self)?;
                let Value::Real(expr) = value else { return Err(self.bug("bits of no number")) };
                let dtype = self.ty(expr);
                let dtype = if dtype.size_bytes() == 8 { dtype } else { DType::U32 };
                self.push(value, dtype, &mut operands)?;
            }
            DeviceFn::Fma | DeviceFn::Rsqrt => {
                let Ty::Scalar(dtype) = ty else { return Err(self.bug("a float that is none")) };
                for _ in function.params() {
                    self.push(args.next(self)?, *dtype, &mut operands)?;
                }
            }
            DeviceFn::Atomic(_) => {
                let Value::Array(array) = args.next(self)? else {
                    return Err(self.bug("an element of nothing"));
                };
                let name = match plan.args.first() {
                    Some(ArgSource::Expr(expr)) => self.array_name(*expr),
                    _ => "the array".into(),
                };
                let indices = match args.next(self)? {
                    Value::Tuple(items) => items,
                    one => vec![one],
                };
                operands.push(Operand::Array(array));
                for (axis, index) in indices.into_iter().enumerate() {
                    let index = self.real(index, DType::I64)?;
                    let index = self.pin_index(index);
                    operands.push(Operand::Scalar(self.checked_index(index, array, axis as u8, &name)));
                }
                let dtype = self.array_ty(array).dtype.widened();
                while let Some(value) = args.next_or_none() {
                    self.push(value, dtype, &mut operands)?;
                }
            }
            DeviceFn::SharedArray | DeviceFn::LocalArray | DeviceFn::ConstArray => {
                let Ty::Array(array_ty) = ty else { return Err(self.bug("a scratch array that is none")) };
                for (at, arg) in plan.args.iter().enumerate() {
                    let ArgSource::Const(number) = arg else {
                        return Err(self.bug("a scratch array of unknown size"));
                    };
                    let is_extent = at < usize::from(array_ty.rank);
                    let number = self.constant(number)?;
                    let dtype = if is_extent { DType::I64 } else { array_ty.dtype.widened() };
                    self.push(number, dtype, &mut operands)?;
                }
                let name = match function {
                    DeviceFn::SharedArray => "shared",
                    DeviceFn::ConstArray => "table",
                    _ => "local",
                };
                let array = self.array_var(name, *array_ty, Ownership::Borrowed);
                self.emit(Stmt::Device {
                    function,
                    args: operands,
                    results: vec![Target::Array(array)],
                    span,
                });
                return Ok(Value::Array(array));
            }
        }
        let result = match ty {
            Ty::Scalar(dtype) => Some(match function {
                DeviceFn::Atomic(_) | DeviceFn::Shuffle(_) => dtype.widened(),
                _ => *dtype,
            }),
            _ => None,
        };
        let local = result.map(|dtype| self.temp("d", dtype));
        let results = local.map(Target::Local).into_iter().collect();
        let stmt = Stmt::Device { function, args: operands, results, span };
        if function.orders_memory() {
            self.emit_effect(stmt);
        } else {
            self.emit(stmt);
        }
        Ok(match local {
            Some(local) => Value::Real(self.read(local)),
            None => Value::None,
        })
    }

    fn push(&mut self, value: Value, dtype: DType, to: &mut Vec<Operand>) -> Res<()> {
        let value = self.real(value, dtype)?;
        to.push(Operand::Scalar(value));
        Ok(())
    }

    /// A number that every thread has its own of.
    fn thread_number(&mut self, function: DeviceFn) -> ExprId {
        let local = self.temp("d", DType::I64);
        self.emit(Stmt::Device {
            function,
            args: Vec::new(),
            results: vec![Target::Local(local)],
            span: self.span,
        });
        self.read(local)
    }

    /// `cuda.grid(n)`, `cuda.gridsize(n)`.
    pub(super) fn grid(&mut self, is_position: bool, plan: &CallPlan) -> Res<Value> {
        let Some(ArgSource::Const(ConstValue::Int(axes @ 1..=3, _))) = plan.args.first() else {
            return Err(self.bug("a grid without axes"));
        };
        let mut items = Vec::new();
        for axis in AXES.into_iter().take(*axes as usize) {
            let function = if is_position { DeviceFn::Grid(axis) } else { DeviceFn::GridSize(axis) };
            items.push(Value::Real(self.thread_number(function)));
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Value::Tuple(items) })
    }

    /// `kernel[blocks, threads, stream, shared](...)`.
    pub(super) fn launch(&mut self, kernel: InstanceId, plan: &LaunchPlan) -> Res<Value> {
        let Some(instance) = self.shared.inferred.instances.get(kernel) else {
            return Err(self.bug("a launch of a kernel that is not there"));
        };
        let text =
            format!("`{}` was launched with blocks or threads that no device has", self.kernel_name(kernel));
        let trap = self.trap_text(Code::K603, "ValueError", &text);
        let mut words = self.grid_words(plan, trap)?;
        self.check_shape(&words, trap);
        let values = self.plan_values(&plan.call)?;
        for ((name, param_ty), value) in instance.params.iter().zip(values) {
            match value {
                Some(value) => {
                    let value = self.convert_arg(value, param_ty)?;
                    self.operands(value, &mut words);
                }
                None if super::value::flat_len(param_ty) == 0 => {}
                None => return Err(self.bug(format!("no value for parameter `{name}`"))),
            }
        }
        let span = self.span;
        self.emit_effect(Stmt::Launch { kernel: FuncId::new(kernel.index()), args: words, span });
        Ok(Value::None)
    }

    /// Blocks and threads, three of each, and bytes of shared memory.
    fn grid_words(&mut self, plan: &LaunchPlan, trap: crate::ir::TrapId) -> Res<Vec<Operand>> {
        let config: Vec<AstId> = match plan.grid {
            LaunchGrid::Given { blocks, threads } => {
                [blocks, threads].into_iter().chain(plan.shared).collect()
            }
            LaunchGrid::ForAll { tasks, threads } => {
                [tasks].into_iter().chain(threads).chain(plan.shared).collect()
            }
        };
        let mut values = self.values(&config)?.into_iter();
        let mut numbers: Vec<Vec<ExprId>> = Vec::new();
        for _ in 0..config.len() {
            let items = match values.next() {
                Some(Value::Tuple(items)) => items,
                one => one.into_iter().collect(),
            };
            let mut group = Vec::new();
            for item in items {
                let word = self.real(item, DType::I64)?;
                // Arguments may change what it is made of.
                group.push(self.pin(word));
            }
            numbers.push(group);
        }
        let shared = match plan.shared.and_then(|_| numbers.pop()) {
            Some(group) => group,
            None => vec![self.int(0)],
        };
        if let LaunchGrid::ForAll { threads, .. } = plan.grid {
            let threads = match threads.and_then(|_| numbers.pop()).as_deref() {
                // 0 leaves it to us, too.
                Some([threads]) => {
                    let (zero, auto) = (self.int(0), self.int(FORALL_THREADS));
                    let (copy, threads) = (self.dup(*threads), *threads);
                    let is_auto = self.compare(CompareOp::Eq, copy, zero);
                    let chosen = self.select(is_auto, auto, threads);
                    vec![self.pin(chosen)]
                }
                _ => vec![self.int(FORALL_THREADS)],
            };
            if let (Some([tasks]), [threads]) = (numbers.pop().as_deref(), &threads[..]) {
                let blocks = self.forall_blocks(*tasks, *threads, trap);
                numbers.push(vec![blocks]);
            }
            numbers.push(threads);
        }
        for group in &mut numbers {
            while group.len() < 3 {
                group.push(self.int(1));
            }
        }
        Ok(numbers.into_iter().flatten().chain(shared).map(Operand::Scalar).collect())
    }

    /// Blocks that give a thread to each task.
    fn forall_blocks(&mut self, tasks: ExprId, threads: ExprId, trap: crate::ir::TrapId) -> ExprId {
        for (number, least) in [(tasks, 0), (threads, 1)] {
            if self.as_const(number).is_some_and(|known| known.as_int() >= least) {
                continue;
            }
            let (number, bound) = (self.dup(number), self.int(least));
            let cond = self.compare(CompareOp::Ge, number, bound);
            self.emit(Stmt::Check { check: Check::Cond(cond), trap, args: Vec::new() });
        }
        let (one, copy) = (self.int(1), self.dup(threads));
        let most = self.sub(copy, one);
        let sum = self.add(tasks, most);
        let divisor = self.dup(threads);
        let blocks = self.binary(BinaryOp::FloorDiv, sum, divisor);
        self.pin(blocks)
    }

    /// `cuda.event()`, `event.record()`, `start.elapsed_time(end)`.
    pub(super) fn event(&mut self, builtin: Builtin, events: Vec<Value>) -> Res<Value> {
        let mut args = Vec::new();
        for event in events {
            self.push(event, DType::I64, &mut args)?;
        }
        let (function, result) = match builtin {
            Builtin::CudaEvent => (RuntimeFn::EventNew, Some(DType::I64)),
            Builtin::EventRecord => (RuntimeFn::EventRecord, None),
            _ => (RuntimeFn::EventElapsed, Some(DType::F64)),
        };
        let trap = (function == RuntimeFn::EventElapsed)
            .then(|| self.trap_text(Code::K609, "ValueError", "an event was not recorded"));
        let local = result.map(|dtype| self.temp("r", dtype));
        let results = local.map(Target::Local).into_iter().collect();
        self.emit_effect(Stmt::Runtime { function, args, results, trap });
        Ok(match local {
            Some(local) => Value::Real(self.read(local)),
            None => Value::None,
        })
    }

    /// Fails unless a device can have the grid: the limits of all compute capabilities (CUDA programming guide).
    fn check_shape(&mut self, words: &[Operand], trap: crate::ir::TrapId) {
        let numbers: Vec<ExprId> = words
            .iter()
            .filter_map(|word| match word {
                Operand::Scalar(word) => Some(*word),
                Operand::Array(_) => None,
            })
            .collect();
        let limits = [
            (0, (1 << 31) - 1),
            (0, 65_535),
            (0, 65_535),
            (1, MAX_THREADS),
            (1, MAX_THREADS),
            (1, 64),
            (0, i64::from(i32::MAX)),
        ];
        for (&number, (least, most)) in numbers.iter().zip(limits) {
            if let Some(known) = self.as_const(number)
                && (least..=most).contains(&known.as_int())
            {
                continue;
            }
            for (op, bound) in [(CompareOp::Ge, least), (CompareOp::Le, most)] {
                let (number, bound) = (self.dup(number), self.int(bound));
                let cond = self.compare(op, number, bound);
                self.emit(Stmt::Check { check: Check::Cond(cond), trap, args: Vec::new() });
            }
        }
        if let [_, _, _, x, y, z, _] = numbers[..] {
            let (x, y, z) = (self.dup(x), self.dup(y), self.dup(z));
            let plane = self.mul(x, y);
            let threads = self.mul(plane, z);
            if self.as_const(threads).is_none_or(|known| known.as_int() > MAX_THREADS) {
                let most = self.int(MAX_THREADS);
                let cond = self.compare(CompareOp::Le, threads, most);
                self.emit(Stmt::Check { check: Check::Cond(cond), trap, args: Vec::new() });
            }
        }
    }

    fn kernel_name(&self, kernel: InstanceId) -> String {
        let function = self.shared.inferred.instances[kernel].function;
        self.ast.functions.get(function).map_or_else(String::new, |f| f.name.name.to_string())
    }
}
