//! The ways out of a function: return, failure of a callee, traps with what their messages need.

use cranelift_codegen::ir::{Block, InstBuilder, Value, types as clif};

use smallvec::SmallVec;

use super::func::{Emitter, Shape, TrapBlock, register_result};
use crate::ir::abi::context;
use crate::ir::{ArrayId, ExprId, Ownership, TrapId, walk};
use crate::types::DType;

impl Emitter<'_> {
    /// Where errors end: returns its parameter.
    pub(super) fn fail_block(&mut self) -> Block {
        if let Some(block) = self.fail_block {
            return block;
        }
        let block = self.b.create_block();
        self.b.append_block_param(block, clif::I32);
        self.b.set_cold_block(block);
        self.fail_block = Some(block);
        block
    }

    /// Returns the status if it is not 0; goes on in a new block.
    pub(super) fn propagate(&mut self, status: Value) {
        let (fail, next) = (self.fail_block(), self.b.create_block());
        self.b.ins().brif(status, fail, &[status.into()], next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    pub(super) fn fail_if(&mut self, cond: Value, status: i32) {
        let (fail, next) = (self.fail_block(), self.b.create_block());
        let status = self.b.ins().iconst(clif::I32, i64::from(status as u32));
        self.b.ins().brif(cond, fail, &[status.into()], next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// Where a failed check goes: name the block in a branch, then call [`Emitter::fill_trap`]. Errors without
    /// arguments share a block.
    pub(super) fn trap_block(&mut self, trap: TrapId, args: &[ExprId]) -> TrapBlock {
        if args.is_empty()
            && let Some((_, block)) = self.shared_traps.iter().find(|(shared, _)| *shared == trap)
        {
            return TrapBlock { block: *block, is_new: false };
        }
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        if args.is_empty() {
            self.shared_traps.push((trap, block));
        }
        TrapBlock { block, is_new: true }
    }

    /// The contents of a trap block, after the branch to it.
    pub(super) fn fill_trap(&mut self, target: TrapBlock, trap: TrapId, args: &[ExprId]) {
        if !target.is_new {
            return;
        }
        self.b.switch_to_block(target.block);
        if !args.is_empty() {
            self.b.seal_block(target.block);
        }
        self.emit_raise(trap, args);
    }

    /// The same for an index that was wrapped in vain. The message has the index as it was; it is computed anew, so that
    /// until here the index and the wrapped index may share a register.
    pub(super) fn fill_index_trap(
        &mut self,
        target: TrapBlock,
        trap: TrapId,
        args: &[ExprId],
        index: ExprId,
        from_end: Value,
        dim: Value,
    ) {
        if !target.is_new || args.is_empty() {
            self.fill_trap(target, trap, args);
            return;
        }
        self.b.switch_to_block(target.block);
        self.b.seal_block(target.block);
        // Cranelift would see that a difference is the index, and keep it.
        let before = self.b.ins().usub_overflow(from_end, dim).0;
        self.emit_raise_with(trap, args, Some((index, before)));
    }

    /// Ends the current block with this error.
    pub(super) fn emit_raise(&mut self, trap: TrapId, args: &[ExprId]) {
        self.emit_raise_with(trap, args, None);
    }

    /// An expression among the arguments may be known as a value.
    fn emit_raise_with(&mut self, trap: TrapId, args: &[ExprId], known: Option<(ExprId, Value)>) {
        for (k, &arg) in args.iter().take(crate::ir::trap::MAX_TRAP_ARGS).enumerate() {
            let dtype = self.func.exprs[arg].ty;
            let value = match known {
                Some((expr, value)) if walk::same_expr(&self.func.exprs, expr, arg) => value,
                _ => self.expr(arg),
            };
            self.store_word(dtype, value, self.ctx, context::TRAP_ARGS + 8 * k as i32);
        }
        let fail = self.fail_block();
        let status = self.b.ins().iconst(clif::I32, i64::from(trap.as_u32()) + 1);
        self.b.ins().jump(fail, &[status.into()]);
    }

    /// Ends the function with an error if the condition is true; goes on in a new block.
    pub(super) fn trap_if(&mut self, cond: Value, trap: TrapId, args: &[ExprId]) {
        let next = self.b.create_block();
        let target = self.trap_block(trap, args);
        self.b.ins().brif(cond, target.block, &[], next, &[]);
        self.fill_trap(target, trap, args);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// `return values`, with everything that a regular exit does.
    pub(super) fn emit_return(&mut self, values: &[crate::ir::Operand]) {
        use crate::ir::Operand;
        let func = self.func;
        let mut moved: SmallVec<[ArrayId; 4]> = SmallVec::new();
        let in_register = if self.shape == Shape::Internal { register_result(func) } else { None };
        let mut results: SmallVec<[(DType, Value); 8]> = SmallVec::new();
        for value in values {
            match *value {
                Operand::Scalar(expr) => {
                    let value = self.expr(expr);
                    results.push((func.exprs[expr].ty, value));
                }
                Operand::Array(array) => {
                    let owner = self.word(self.arrays[array.as_u32() as usize].owner);
                    if func.arrays[array].ownership == Ownership::Owned && !moved.contains(&array) {
                        moved.push(array);
                    } else {
                        self.retain(owner);
                    }
                    let words = self.array_words(array);
                    results.extend(words.into_iter().map(|word| (DType::I64, word)));
                }
            }
        }
        for array in moved {
            self.set_owner_zero(array);
        }
        let mut register = None;
        if in_register.is_some() {
            register = results.first().map(|(_, value)| *value);
        } else if let Some(area) = self.ret_area {
            for (k, (dtype, value)) in results.into_iter().enumerate() {
                self.store_word(dtype, value, area, 8 * k as i32);
            }
        }
        let owns = func.arrays.values().any(|array| array.ownership == Ownership::Owned);
        if owns && self.facts.returns > 1 {
            if let Some(value) = register {
                let ty = self.b.func.dfg.value_type(value);
                let var = *self.result.get_or_insert_with(|| self.b.declare_var(ty));
                self.b.def_var(var, value);
            }
            let exit = *self.exit_block.get_or_insert_with(|| self.b.create_block());
            self.b.ins().jump(exit, &[]);
            return;
        }
        if owns {
            self.release_owned();
        }
        self.leave_with(register);
    }

    pub(super) fn leave(&mut self) {
        let register = self.result.map(|var| self.b.use_var(var));
        self.leave_with(register);
    }

    fn leave_with(&mut self, register: Option<Value>) {
        if let Some(depth) = self.depth {
            self.b.ins().store(self.words, depth, self.ctx, context::DEPTH);
        }
        let ok = self.int(clif::I32, 0);
        match register {
            Some(value) => self.b.ins().return_(&[ok, value]),
            None => self.b.ins().return_(&[ok]),
        };
    }
}
