//! Frames, statements, expressions.

use rustc_hash::FxHashSet;

use super::code::{Code as Steps, Op};
use super::fork::Fork;
use super::grid::{Here, Pause};
use super::memory::{Array, Memory};
use super::partials::Partials;
use super::{ArrayArg, Failure, Host, Limits, Outcome, Stop, Value, Warning, internal};
use crate::base::{Code, EntityRef, Span};
use crate::ir::abi::MAX_RECURSION;
use crate::ir::eval;
use crate::ir::expr::{ExprId, ExprKind, UnaryOp};
use crate::ir::func::{Func, FuncId, Ownership, Param, Program};
use crate::ir::parallel;
use crate::ir::stmt::{Check, Loop, Operand, Stmt, Target};
use crate::ir::trap::{OpenLine, TrapId, format_message};
use crate::numerics::random::KernelRandom;
use crate::types::DType;

/// What loop variables hold after their loop: nothing may depend on it.
const NO_VALUE: u64 = 0xdead_dead_dead_dead;
/// Steps between two questions to the host; a power of two.
const STEPS_PER_POLL: u64 = 4096;

/// A number or an array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    Scalar(u64),
    Array(Array),
}

pub(super) struct Machine<'p, 'h> {
    pub(super) program: &'p Program,
    pub(super) codes: &'p [Steps<'p>],
    pub(super) memory: Memory,
    pub(super) host: &'h mut dyn Host,
    pub(super) limits: &'h Limits,
    pub(super) random: KernelRandom,
    /// When each event was recorded.
    pub(super) events: Vec<Option<u64>>,
    warnings: Vec<Warning>,
    warned: FxHashSet<Warning>,
    steps: u64,
    depth: u64,
    open_line: OpenLine,
    /// The function that runs.
    pub(super) frame: Frame<'p>,
    /// Its callers, outermost first.
    pub(super) callers: Vec<Frame<'p>>,
    /// In a kernel: which of its threads runs.
    pub(super) here: Option<Here>,
}

pub(super) struct Frame<'p> {
    pub(super) func: &'p Func,
    ops: &'p [Op<'p>],
    at: usize,
    pub(super) locals: Vec<u64>,
    pub(super) arrays: Vec<Option<Array>>,
    /// Of each counted loop: the value of its variable, iterations that are left.
    loops: Vec<(i64, u128)>,
    /// Of each counted loop that is running and regroups.
    partials: Vec<Option<Box<Partials>>>,
    then: Then<'p>,
}

/// What happens with the results.
pub(super) enum Then<'p> {
    /// They leave the machine.
    Leave,
    /// They go to the caller's variables.
    Bind(&'p [Target]),
    /// They are those of one chunk.
    Combine(Box<Fork<'p>>),
}

impl<'p, 'h> Machine<'p, 'h> {
    pub(super) fn new(
        program: &'p Program,
        codes: &'p [Steps<'p>],
        memory: Memory,
        host: &'h mut dyn Host,
        limits: &'h Limits,
    ) -> Machine<'p, 'h> {
        let frame = Frame::new(program, codes, program.entry, Then::Leave);
        Machine {
            program,
            codes,
            memory,
            host,
            limits,
            random: KernelRandom::new(limits.random_seed),
            events: Vec::new(),
            warnings: Vec::new(),
            warned: FxHashSet::default(),
            steps: 0,
            depth: 0,
            open_line: OpenLine::default(),
            frame,
            callers: Vec::new(),
            here: None,
        }
    }

    pub(super) fn into_outcome(mut self, result: Result<Vec<Word>, Stop>) -> Outcome {
        if let Some(line) = self.open_line.rest() {
            self.host.print(&line);
        }
        let value = |word: Word| match word {
            Word::Scalar(word) => Value::Scalar(word),
            Word::Array(array) => Value::Array(ArrayArg {
                buffer: array.buffer,
                offset: array.offset,
                shape: array.shape().to_vec(),
                strides: array.strides().to_vec(),
            }),
        };
        let result = result.map(|words| words.into_iter().map(value).collect()).map_err(|stop| *stop);
        Outcome { result, memory: self.memory, warnings: self.warnings, steps: self.steps }
    }

    pub(super) fn run_entry(&mut self, args: &[Word]) -> Result<Vec<Word>, Stop> {
        self.bind_params(args)?;
        let results = self.run()?;
        // What is alive now belongs to the results.
        let owned = results.iter().filter(|word| match word {
            Word::Scalar(_) => false,
            Word::Array(array) => self.memory.is_counted(array.buffer),
        });
        let (expected, found) = (owned.count() as u64, self.memory.references());
        if expected != found {
            return internal(format!("{found} references are left at the end, not {expected}"));
        }
        Ok(results)
    }

    // Calls.

    /// Starts a function; its caller goes on when it returns.
    pub(super) fn enter(&mut self, func: FuncId, args: &[Word], then: Then<'p>) -> Result<(), Stop> {
        let frame = Frame::new(self.program, self.codes, func, then);
        self.callers.push(std::mem::replace(&mut self.frame, frame));
        self.bind_params(args)
    }

    pub(super) fn bind_params(&mut self, args: &[Word]) -> Result<(), Stop> {
        let func = self.frame.func;
        for (param, arg) in func.params.iter().zip(args) {
            match (param, arg) {
                (Param::Scalar(local), Word::Scalar(word)) => self.frame.locals[local.index()] = *word,
                (Param::Array(array), Word::Array(value)) => self.set_array(*array, *value)?,
                (Param::Scalar(_), Word::Array(_)) | (Param::Array(_), Word::Scalar(_)) => {
                    return internal(format!("a wrong argument of `{}`", func.name));
                }
            }
        }
        if let Some(trap) = func.recursion {
            if self.depth == MAX_RECURSION {
                return Err(trap_without_args(trap, None));
            }
            self.depth += 1;
        }
        Ok(())
    }

    /// Ends the function; the machine's results if it was the entry.
    fn leave(&mut self, results: Vec<Word>) -> Result<Option<Vec<Word>>, Stop> {
        for result in &results {
            if let Word::Array(array) = result {
                self.memory.retain(array.buffer)?;
            }
        }
        let func = self.frame.func;
        for (id, info) in &func.arrays {
            if let (Ownership::Owned, Some(array)) = (info.ownership, self.frame.arrays[id.index()]) {
                self.memory.release(array.buffer)?;
            }
        }
        self.depth -= u64::from(func.recursion.is_some());
        let Some(caller) = self.callers.pop() else { return Ok(Some(results)) };
        let done = std::mem::replace(&mut self.frame, caller);
        match done.then {
            Then::Leave => return internal("the entry has a caller"),
            Then::Bind(targets) => self.bind_results(targets, &results)?,
            Then::Combine(fork) => self.chunk_done(fork, &results)?,
        }
        Ok(None)
    }

    pub(super) fn bind_results(&mut self, targets: &[Target], results: &[Word]) -> Result<(), Stop> {
        for (target, result) in targets.iter().zip(results) {
            match (target, result) {
                (Target::Local(local), Word::Scalar(word)) => self.frame.locals[local.index()] = *word,
                (Target::Array(array), Word::Array(value)) => {
                    let old = self.frame.arrays[array.index()];
                    self.set_array(*array, *value)?;
                    if let Some(old) = old {
                        self.memory.release(old.buffer)?;
                    }
                }
                (Target::Local(_), Word::Array(_)) | (Target::Array(_), Word::Scalar(_)) => {
                    return internal("a wrong result");
                }
            }
        }
        Ok(())
    }

    pub(super) fn operands(&mut self, operands: &[Operand]) -> Result<Vec<Word>, Stop> {
        operands
            .iter()
            .map(|operand| match operand {
                Operand::Scalar(value) => self.eval(*value).map(Word::Scalar),
                Operand::Array(array) => self.array(*array).copied().map(Word::Array),
            })
            .collect()
    }

    // Steps.

    fn run(&mut self) -> Result<Vec<Word>, Stop> {
        match self.go()? {
            Pause::Done(results) => Ok(results),
            Pause::Wait(_) => internal("a barrier outside a kernel"),
        }
    }

    /// Runs until the outermost frame is left, or a thread of a kernel waits for others.
    pub(super) fn go(&mut self) -> Result<Pause<'p>, Stop> {
        loop {
            let op = self.frame.ops[self.frame.at];
            self.frame.at += 1;
            if self.steps >= self.limits.steps {
                return Err(Box::new(Failure::StepLimit));
            }
            self.steps += 1;
            if self.steps.is_multiple_of(STEPS_PER_POLL) && self.host.interrupted() {
                return Err(Box::new(Failure::Interrupted));
            }
            match op {
                Op::Plain(stmt) => self.stmt(stmt)?,
                Op::Unless(cond, target) => {
                    if self.eval(cond)? == 0 {
                        self.frame.at = target;
                    }
                }
                Op::Jump(target) => self.frame.at = target,
                Op::LoopStart { l, slot, exit } => {
                    let (lo, hi) = (self.eval(l.lo)? as i64, self.eval(l.hi)? as i64);
                    let mut trip = trip_count(lo, hi, l.step);
                    let mut lo = lo;
                    let mut partials = None;
                    let is_regrouped =
                        l.may_regroup() && parallel::regroups(u64::try_from(trip).unwrap_or(u64::MAX));
                    self.frame.partials[slot] = None;
                    if let Some(plan) = &l.strip
                        && (is_regrouped || !l.may_regroup())
                    {
                        let done = self.strip(l, plan, trip)?;
                        trip -= u128::from(done.iterations);
                        lo = lo.wrapping_add((done.iterations as i64).wrapping_mul(l.step));
                        partials = done.partials;
                    }
                    if let (Some(partials), 0) = (&mut partials, trip) {
                        partials.finish(self.frame.func, l, &mut self.frame.locals);
                    }
                    self.frame.loops[slot] = (lo, trip);
                    self.frame.locals[l.var.index()] = lo as u64;
                    if trip == 0 {
                        self.frame.at = exit;
                    } else if is_regrouped {
                        let partials = match partials {
                            Some(partials) => partials,
                            None => Partials::start(self.frame.func, l, &mut self.frame.locals),
                        };
                        self.frame.partials[slot] = Some(Box::new(partials));
                    }
                }
                Op::LoopNext { l, slot, body } => self.next_iteration(l, slot, body)?,
                Op::LoopExit(l) => self.frame.locals[l.var.index()] = NO_VALUE,
                Op::Call(stmt) => {
                    let Stmt::Call { callee, args, results, span: _ } = stmt else {
                        return internal("a call that is none");
                    };
                    let args = self.operands(args)?;
                    self.enter(*callee, &args, Then::Bind(results))?;
                }
                Op::Device(stmt) => {
                    if let Some(wait) = self.device(stmt)? {
                        return Ok(Pause::Wait(wait));
                    }
                }
                Op::Launch(stmt) => {
                    let Stmt::Launch { kernel, args, span: _ } = stmt else {
                        return internal("a launch that is none");
                    };
                    self.launch(*kernel, args)?;
                }
                Op::Fork(call) => self.fork(call)?,
                Op::Return(values) => {
                    let results = self.operands(values)?;
                    if let Some(results) = self.leave(results)? {
                        return Ok(Pause::Done(results));
                    }
                }
            }
        }
    }

    fn next_iteration(&mut self, l: &Loop, slot: usize, body: usize) -> Result<(), Stop> {
        let (value, left) = &mut self.frame.loops[slot];
        if self.frame.locals[l.var.index()] != *value as u64 {
            return internal(format!("the variable of {} was changed by its body", l.id));
        }
        *left -= 1;
        if let Some(partials) = &mut self.frame.partials[slot] {
            partials.next(self.frame.func, l, &mut self.frame.locals, *left == 0);
        }
        if *left > 0 {
            *value = value.wrapping_add(l.step);
            self.frame.locals[l.var.index()] = *value as u64;
            self.frame.at = body;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &'p Stmt) -> Result<(), Stop> {
        match stmt {
            Stmt::Set { local, value } => self.frame.locals[local.index()] = self.eval(*value)?,
            Stmt::Store { array, place, lane, value } => {
                let (buffer, offset, part) = self.element(*array, place, *lane)?;
                let word = self.eval(*value)?;
                self.memory.write(buffer, offset, part, word)?;
            }
            Stmt::Accumulate { array, place, lane, op, value } => {
                let (buffer, offset, part) = self.element(*array, place, *lane)?;
                let word = self.eval(*value)?;
                self.accumulate(buffer, offset, part, *op, word, *value)?;
            }
            Stmt::SetArray { array, value } => self.bind_array(*array, value)?,
            Stmt::Release { array } => {
                if self.frame.func.arrays[*array].ownership == Ownership::Owned
                    && let Some(old) = self.frame.arrays[array.index()].take()
                {
                    self.memory.release(old.buffer)?;
                }
            }
            Stmt::Runtime { function, args, results, trap } => {
                let args = self.operands(args)?;
                let found = self.service(*function, &args, *trap)?;
                self.bind_results(results, &found)?;
            }
            Stmt::Check { check, trap, args } => {
                let holds = match check {
                    Check::Cond(cond) => self.eval(*cond)? != 0,
                    Check::Index { index, array, axis } => {
                        let extent = self.array(*array)?.shape[usize::from(*axis)];
                        let index = self.eval(*index)? as i64;
                        -extent <= index && index < extent
                    }
                };
                if !holds {
                    return self.trap(*trap, args);
                }
            }
            Stmt::Raise { trap, args } => return self.trap(*trap, args),
            Stmt::Print { message, args } => {
                let args = args.iter().map(|&arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
                let message = &self.program.messages[*message];
                if let Some(line) = self.open_line.add(format_message(message, &args), message.is_open) {
                    self.host.print(&line);
                }
            }
            Stmt::Fill { array, lanes } => {
                let lanes = lanes.iter().map(|&lane| self.eval(lane)).collect::<Result<Vec<_>, _>>()?;
                let (target, dtype) = (*self.array(*array)?, self.frame.func.arrays[*array].ty.dtype);
                self.fill(&target, dtype, &lanes)?;
            }
            Stmt::CopyElements { to, from } => self.copy_elements(*to, *from)?,
            Stmt::If { .. }
            | Stmt::While { .. }
            | Stmt::Loop(_)
            | Stmt::Parallel(_)
            | Stmt::Call { .. }
            | Stmt::Device { .. }
            | Stmt::Launch { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return { .. } => return internal("control flow that was not flattened"),
        }
        Ok(())
    }

    fn trap<T>(&mut self, trap: TrapId, args: &[ExprId]) -> Result<T, Stop> {
        let args = args.iter().map(|&arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
        Err(Box::new(Failure::Trap { trap, args, detail: None }))
    }

    pub(super) fn warn(&mut self, code: Code, expr: ExprId) {
        let warning = Warning { code, span: self.span(expr) };
        if self.warned.insert(warning) {
            self.warnings.push(warning);
        }
    }

    fn span(&self, expr: ExprId) -> Span {
        self.frame.func.exprs[expr].span
    }

    // Expressions.

    pub(super) fn eval(&mut self, id: ExprId) -> Result<u64, Stop> {
        let func = self.frame.func;
        let expr = &func.exprs[id];
        let ty = expr.ty;
        Ok(match &expr.kind {
            ExprKind::Const(value) => value.0,
            ExprKind::Local(local) => self.frame.locals[local.index()],
            ExprKind::Load { array, place, lane } => {
                let (buffer, offset, part) = self.element(*array, place, *lane)?;
                let (word, is_written) = self.memory.read(buffer, offset, part)?;
                if !is_written {
                    self.warn(Code::K713, id);
                }
                word
            }
            ExprKind::Dim { array, axis } => self.array(*array)?.shape[usize::from(*axis)] as u64,
            ExprKind::Stride { array, axis } => self.array(*array)?.strides[usize::from(*axis)] as u64,
            ExprKind::Base { array } => Memory::address(self.array(*array)?) as u64,
            ExprKind::Overlaps { a, b } => u64::from(self.overlap(*a, *b)?),
            ExprKind::Unary { op, arg } => {
                let value = self.eval(*arg)?;
                let may_overflow = matches!(op, UnaryOp::Neg | UnaryOp::Abs) && ty == DType::I64;
                if may_overflow && value == i64::MIN as u64 {
                    self.warn(Code::K714, id);
                }
                eval::unary(*op, ty, value)
            }
            ExprKind::Binary { op, left, right } => {
                let (a, b) = (self.eval(*left)?, self.eval(*right)?);
                if eval::overflows(*op, ty, a, b) {
                    self.warn(Code::K714, id);
                }
                eval::binary(*op, ty, a, b)
            }
            ExprKind::Compare { op, left, right } => {
                let operand_ty = func.exprs[*left].ty;
                let (a, b) = (self.eval(*left)?, self.eval(*right)?);
                u64::from(eval::compare(*op, operand_ty, a, b))
            }
            ExprKind::Select { cond, then, orelse } => {
                let (cond, a, b) = (self.eval(*cond)?, self.eval(*then)?, self.eval(*orelse)?);
                if cond != 0 { a } else { b }
            }
            ExprKind::Cast { arg } => {
                let from = func.exprs[*arg].ty;
                eval::cast(from, ty, self.eval(*arg)?)
            }
            ExprKind::Wrap { index, extent } => eval::wrap(self.eval(*index)?, self.eval(*extent)?),
            ExprKind::Math1 { function, arg } => eval::math1(*function, ty, self.eval(*arg)?),
            ExprKind::Math2 { function, left, right } => {
                let (a, b) = (self.eval(*left)?, self.eval(*right)?);
                eval::math2(*function, ty, a, b)
            }
            ExprKind::Fma { a, b, c } => {
                let (a, b, c) = (self.eval(*a)?, self.eval(*b)?, self.eval(*c)?);
                eval::fma(ty, a, b, c)
            }
            ExprKind::Interrupted => u64::from(self.host.interrupted()),
        })
    }
}

impl<'p> Frame<'p> {
    /// The arrays that it holds references to.
    pub(super) fn owned(&self) -> impl Iterator<Item = Array> + '_ {
        self.func.arrays.iter().filter_map(|(id, info)| {
            if info.ownership == Ownership::Owned { self.arrays[id.index()] } else { None }
        })
    }

    pub(super) fn new(program: &'p Program, codes: &'p [Steps<'p>], id: FuncId, then: Then<'p>) -> Frame<'p> {
        let func = &program.funcs[id];
        let code = &codes[id.index()];
        Frame {
            func,
            ops: &code.ops,
            at: 0,
            locals: vec![0; func.locals.len()],
            arrays: vec![None; func.arrays.len()],
            loops: vec![(0, 0); code.slots],
            partials: std::iter::repeat_with(|| None).take(code.slots).collect(),
            then,
        }
    }
}

pub(super) fn trap_without_args(trap: TrapId, detail: Option<String>) -> Stop {
    Box::new(Failure::Trap { trap, args: Vec::new(), detail })
}

/// How many values `lo, lo + step, ...` lie before `hi`.
fn trip_count(lo: i64, hi: i64, step: i64) -> u128 {
    let (distance, step) = if step > 0 {
        (i128::from(hi) - i128::from(lo), i128::from(step))
    } else {
        (i128::from(lo) - i128::from(hi), -i128::from(step))
    };
    if distance <= 0 { 0 } else { ((distance - 1) / step + 1) as u128 }
}
