//! The statements of a function in a row with jumps, so that running them needs no stack of ours: recursion in a program
//! is a vector of frames, however deep.

use crate::ir::expr::ExprId;
use crate::ir::func::Func;
use crate::ir::parallel::ParallelCall;
use crate::ir::stmt::{Block, Loop, Operand, Stmt};

/// One step. Targets of jumps are positions in [`Code::ops`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Op<'p> {
    /// A statement without statements inside, that goes on to the next one.
    Plain(&'p Stmt),
    /// A call of a function.
    Call(&'p Stmt),
    /// A function of a GPU thread, which may have to wait.
    Device(&'p Stmt),
    /// A launch of a kernel.
    Launch(&'p Stmt),
    /// A parallel loop with an outlined body.
    Fork(&'p ParallelCall),
    /// Goes to the target if the condition is false.
    Unless(ExprId, usize),
    /// Goes to the target.
    Jump(usize),
    /// Evaluates the bounds; goes to the target if there is no iteration.
    LoopStart { l: &'p Loop, slot: usize, exit: usize },
    /// Goes to the target if there is one more iteration.
    LoopNext { l: &'p Loop, slot: usize, body: usize },
    /// Leaves the loop: its variable has no value from here on.
    LoopExit(&'p Loop),
    /// Ends the function.
    Return(&'p [Operand]),
}

/// A function's steps.
#[derive(Debug, Default)]
pub(super) struct Code<'p> {
    pub(super) ops: Vec<Op<'p>>,
    /// Number of counted loops.
    pub(super) slots: usize,
}

/// Jumps to be filled in when the loop's end is known.
#[derive(Default)]
struct Targets {
    breaks: Vec<usize>,
    continues: Vec<usize>,
}

pub(super) fn flatten(func: &Func) -> Code<'_> {
    let mut code = Code::default();
    code.block(&func.body, &mut Targets::default());
    code.ops.push(Op::Return(&[]));
    code
}

impl<'p> Code<'p> {
    fn block(&mut self, block: &'p Block, around: &mut Targets) {
        for stmt in block {
            self.stmt(stmt, around);
        }
    }

    fn stmt(&mut self, stmt: &'p Stmt, around: &mut Targets) {
        match stmt {
            Stmt::If { cond, then, orelse } => {
                let branch = self.push(Op::Unless(*cond, 0));
                self.block(then, around);
                if orelse.is_empty() {
                    self.ops[branch] = Op::Unless(*cond, self.ops.len());
                } else {
                    let skip = self.push(Op::Jump(0));
                    self.ops[branch] = Op::Unless(*cond, self.ops.len());
                    self.block(orelse, around);
                    self.ops[skip] = Op::Jump(self.ops.len());
                }
            }
            Stmt::While { head, cond, body, .. } => {
                let mut inside = Targets::default();
                let start = self.ops.len();
                self.block(head, &mut inside);
                let branch = self.push(Op::Unless(*cond, 0));
                self.block(body, &mut inside);
                self.push(Op::Jump(start));
                let end = self.ops.len();
                self.ops[branch] = Op::Unless(*cond, end);
                self.fill(&inside.continues, start);
                self.fill(&inside.breaks, end);
            }
            Stmt::Loop(l) => {
                let mut inside = Targets::default();
                let slot = self.slots;
                self.slots += 1;
                let start = self.push(Op::LoopStart { l, slot, exit: 0 });
                self.block(&l.body, &mut inside);
                let next = self.push(Op::LoopNext { l, slot, body: start + 1 });
                let exit = self.push(Op::LoopExit(l));
                self.ops[start] = Op::LoopStart { l, slot, exit };
                self.fill(&inside.continues, next);
                self.fill(&inside.breaks, exit);
            }
            Stmt::Break => around.breaks.push(self.push(Op::Jump(0))),
            Stmt::Continue => around.continues.push(self.push(Op::Jump(0))),
            Stmt::Return { values } => _ = self.push(Op::Return(values)),
            Stmt::Device { .. } => _ = self.push(Op::Device(stmt)),
            Stmt::Launch { .. } => _ = self.push(Op::Launch(stmt)),
            Stmt::Call { .. } => _ = self.push(Op::Call(stmt)),
            Stmt::Parallel(call) => _ = self.push(Op::Fork(call)),
            Stmt::Set { .. }
            | Stmt::Store { .. }
            | Stmt::Accumulate { .. }
            | Stmt::SetArray { .. }
            | Stmt::Release { .. }
            | Stmt::Runtime { .. }
            | Stmt::Check { .. }
            | Stmt::Raise { .. }
            | Stmt::Print { .. }
            | Stmt::Fill { .. }
            | Stmt::CopyElements { .. } => _ = self.push(Op::Plain(stmt)),
        }
    }

    fn push(&mut self, op: Op<'p>) -> usize {
        self.ops.push(op);
        self.ops.len() - 1
    }

    fn fill(&mut self, jumps: &[usize], target: usize) {
        for &jump in jumps {
            self.ops[jump] = Op::Jump(target);
        }
    }
}
