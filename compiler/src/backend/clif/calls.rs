//! Calls: functions of the image, services of the runtime, printing, filling, copying.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types as clif};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::Variable;

use super::func::Emitter;
use crate::ir::abi::{array_words, dtype_code, status, table};
use crate::ir::runtime_fn::ServiceTy;
use crate::ir::{
    ArrayId, ExprId, FuncId, LocalId, MessageId, Operand, Param, Ret, RuntimeFn, Target, TrapId, walk,
};

impl Emitter<'_> {
    /// Assigns a local.
    pub(super) fn set_local(&mut self, local: LocalId, value: Value) {
        let exprs = &self.func.exprs;
        self.wraps.retain(|wrap| !walk::reads_local(exprs, wrap.index, local));
        self.b.def_var(Variable::from_u32(local.as_u32()), value);
        // What follows in this block and the blocks inside it reads this value; elsewhere the variable tells.
        if self.facts.is_single(local) {
            self.values[local] = value.into();
            self.known.push(local);
        }
    }

    /// Words that operands take.
    pub(super) fn operand_words(&self, operands: &[Operand]) -> usize {
        operands
            .iter()
            .map(|operand| match operand {
                Operand::Scalar(_) => 1,
                Operand::Array(array) => array_words(self.func.arrays[*array].ty.rank),
            })
            .sum()
    }

    /// Stores operands as words.
    pub(super) fn store_operands(&mut self, operands: &[Operand], base: Value) {
        let mut offset = 0;
        for operand in operands {
            match *operand {
                Operand::Scalar(expr) => {
                    let value = self.expr(expr);
                    self.store_word(self.func.exprs[expr].ty, value, base, offset);
                    offset += 8;
                }
                Operand::Array(array) => {
                    self.store_array_words(array, base, offset);
                    offset += 8 * array_words(self.func.arrays[array].ty.rank) as i32;
                }
            }
        }
    }

    /// `Call`.
    pub(super) fn call(&mut self, callee: FuncId, args: &[Operand], results: &[Target]) {
        let program = self.program;
        let target = &program.funcs[callee];
        if self.unit.bodies.contains(callee) {
            return self.call_body(callee, args, results);
        }
        if target.is_cold {
            return self.call_late(callee, args, results);
        }
        let reference = self.callee(callee);
        let mut values = vec![self.ctx];
        for (arg, param) in args.iter().zip(&target.params) {
            match (*arg, *param) {
                (Operand::Array(array), Param::Array(param)) => {
                    self.internal_argument(array, target.arrays[param].ty, &mut values);
                }
                (Operand::Scalar(expr), _) => {
                    let value = self.expr(expr);
                    values.push(value);
                }
                // The verifier refuses it.
                (Operand::Array(array), Param::Scalar(_)) => {
                    let value = self.data(array);
                    values.push(value);
                }
            }
        }
        let in_register = matches!(target.rets.as_slice(), [Ret::Scalar(_)]);
        let words: usize = target
            .rets
            .iter()
            .map(|ret| match ret {
                Ret::Scalar(_) => 1,
                Ret::Array(ty) => array_words(ty.rank),
            })
            .sum();
        let area = (!in_register && words > 0).then(|| self.area(1, words));
        values.extend(area);
        let inst = self.b.ins().call(reference, &values);
        let status = self.b.inst_results(inst)[0];
        let register = self.b.inst_results(inst).get(1).copied();
        self.propagate(status);
        match (results, register, area) {
            ([Target::Local(local)], Some(value), _) => self.set_local(*local, value),
            (_, _, Some(area)) => self.load_results(results, area),
            _ => {}
        }
    }

    /// A call of a function that is the body of a parallel loop: captures and outputs go through words, as the runtime passes
    /// them.
    fn call_body(&mut self, callee: FuncId, args: &[Operand], results: &[Target]) {
        let reference = self.callee(callee);
        let captures = args.len().saturating_sub(results.len() + 2);
        let (captures, rest) = args.split_at(captures);
        let (initial, range) = rest.split_at(results.len().min(rest.len()));
        let words = self.operand_words(captures);
        let env = self.area(0, words);
        self.store_operands(captures, env);
        let outputs = self.area(1, results.len());
        self.store_operands(initial, outputs);
        let mut values = vec![self.ctx, env];
        for bound in range {
            if let Operand::Scalar(expr) = *bound {
                let value = self.expr(expr);
                values.push(value);
            }
        }
        values.push(outputs);
        let inst = self.b.ins().call(reference, &values);
        let status = self.b.inst_results(inst)[0];
        self.propagate(status);
        self.load_results(results, outputs);
    }

    /// A call of a function whose code is made when it is first called. Everything goes through one area, and the call keeps all
    /// registers, so that it asks nothing of the code around it.
    fn call_late(&mut self, callee: FuncId, args: &[Operand], results: &[Target]) {
        let late = &mut self.unit.late;
        let number = late.iter().position(|&known| known == callee).unwrap_or_else(|| {
            late.push(callee);
            late.len() - 1
        });
        let first = 1 + results.len();
        let mut end = first + args.len();
        let homeless: Vec<Operand> = args
            .iter()
            .filter(|arg| matches!(arg, Operand::Array(array) if self.homes[*array].is_none()))
            .copied()
            .collect();
        let words = end + self.operand_words(&homeless);
        let area = self.area(0, words);
        for (k, arg) in args.iter().enumerate() {
            let offset = 8 * (first + k) as i32;
            match *arg {
                Operand::Scalar(expr) => {
                    let value = self.expr(expr);
                    self.store_word(self.func.exprs[expr].ty, value, area, offset);
                }
                Operand::Array(array) => {
                    let address = match self.homes[array] {
                        Some((base, at)) => self.iadd_imm(base, i64::from(at)),
                        None => {
                            let at = 8 * end as i32;
                            end += array_words(self.func.arrays[array].ty.rank);
                            self.store_array_words(array, area, at);
                            self.iadd_imm(area, i64::from(at))
                        }
                    };
                    self.b.ins().store(self.words, address, area, offset);
                }
            }
        }
        let number = self.int(clif::I32, number as i64);
        self.call_table_as(CallConv::PreserveAll, table::LATE, "iiw", &[self.ctx, area, number]);
        let status = self.b.ins().load(clif::I32, self.words, area, 0);
        self.propagate(status);
        if let Some(block) = self.b.current_block() {
            self.b.set_cold_block(block);
        }
        if !results.is_empty() {
            let outputs = self.iadd_imm(area, 8);
            self.load_results(results, outputs);
        }
    }

    /// Takes results out of words.
    fn load_results(&mut self, results: &[Target], area: Value) {
        let mut offset = 0;
        for result in results {
            match *result {
                Target::Local(local) => {
                    let value = self.load_word(self.func.locals[local].dtype, self.words, area, offset);
                    self.set_local(local, value);
                    offset += 8;
                }
                Target::Array(array) => {
                    self.bind_result(array, area, offset);
                    offset += 8 * array_words(self.func.arrays[array].ty.rank) as i32;
                }
            }
        }
    }

    /// `Runtime`. A failure is the statement's trap if it has one.
    pub(super) fn runtime(
        &mut self,
        function: RuntimeFn,
        args: &[Operand],
        results: &[Target],
        trap: Option<TrapId>,
    ) {
        if let Some(signature) = function.direct_signature() {
            return self.runtime_direct(function, signature, args, results);
        }
        let (words, result_words) = (self.operand_words(args), self.result_words(function, results));
        let args_area = self.area(0, words);
        self.store_operands(args, args_area);
        let results_area = self.area(1, result_words);
        let status = self.call_table(table::service(function), "iii>w", &[self.ctx, args_area, results_area]);
        if let Some(status) = status {
            match trap {
                Some(trap) => self.service_failed(status, trap),
                None => self.propagate(status),
            }
        }
        self.load_results(results, results_area);
    }

    /// Goes on if the status is 0. What the service itself refuses is the trap; what it only passes on (a device that failed, no
    /// memory) stays what it is.
    fn service_failed(&mut self, status: Value, trap: TrapId) {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(status, cold, &[], next, &[]);
        self.b.set_cold_block(cold);
        self.b.switch_to_block(cold);
        self.b.seal_block(cold);
        let is_own = self.b.ins().icmp_imm_s(IntCC::Equal, status, i64::from(status::SERVICE));
        self.trap_if(is_own, trap, &[]);
        let fail = self.fail_block();
        self.b.ins().jump(fail, &[status.into()]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// A service that takes its operands in registers and cannot fail.
    fn runtime_direct(
        &mut self,
        function: RuntimeFn,
        signature: &'static str,
        args: &[Operand],
        results: &[Target],
    ) {
        let mut values = vec![self.ctx];
        for arg in args {
            values.push(match *arg {
                Operand::Scalar(expr) => self.expr(expr),
                Operand::Array(array) => self.data(array),
            });
        }
        let result = self.call_table(table::service(function), signature, &values);
        if let (Some(value), [Target::Local(local)]) = (result, results) {
            self.set_local(*local, value);
        }
    }

    fn result_words(&self, function: RuntimeFn, results: &[Target]) -> usize {
        let wanted: usize = results
            .iter()
            .map(|result| match result {
                Target::Local(_) => 1,
                Target::Array(array) => array_words(self.func.arrays[*array].ty.rank),
            })
            .sum();
        let written: usize = function
            .results()
            .iter()
            .map(|ty| match ty {
                ServiceTy::Scalar(_) => 1,
                ServiceTy::Generator => array_words(1),
                ServiceTy::Array => wanted,
            })
            .sum();
        wanted.max(written)
    }

    /// `Print`.
    pub(super) fn print(&mut self, message: MessageId, args: &[ExprId]) {
        let area = self.area(0, args.len());
        for (k, &arg) in args.iter().enumerate() {
            let value = self.expr(arg);
            self.store_word(self.func.exprs[arg].ty, value, area, 8 * k as i32);
        }
        let message = self.int(clif::I32, i64::from(message.as_u32()));
        self.call_table(table::PRINT, "iwi", &[self.ctx, message, area]);
    }

    /// Element type and rank as one number.
    fn array_code(&mut self, array: ArrayId) -> Value {
        let ty = self.func.arrays[array].ty;
        let code = dtype_code(ty.dtype) | u32::from(ty.rank) << 8;
        self.int(clif::I32, i64::from(code))
    }

    /// `Fill`.
    pub(super) fn fill(&mut self, array: ArrayId, lanes: &[ExprId]) {
        let ty = self.func.arrays[array].ty;
        let lanes_area = self.area(1, lanes.len());
        for (k, &lane) in lanes.iter().enumerate() {
            let value = self.expr(lane);
            self.store_word(ty.dtype.part(), value, lanes_area, 8 * k as i32);
        }
        let area = self.area(0, array_words(ty.rank));
        self.store_array_words(array, area, 0);
        let code = self.array_code(array);
        self.call_table(table::FILL, "iiwi", &[self.ctx, area, code, lanes_area]);
    }

    /// `CopyElements`.
    pub(super) fn copy_elements(&mut self, to: ArrayId, from: ArrayId) {
        let words = array_words(self.func.arrays[to].ty.rank);
        let to_area = self.area(0, words);
        self.store_array_words(to, to_area, 0);
        let from_area = self.area(1, words);
        self.store_array_words(from, from_area, 0);
        let code = self.array_code(to);
        if let Some(status) = self.call_table(table::COPY, "iiiw>w", &[self.ctx, to_area, from_area, code]) {
            self.propagate(status);
        }
    }
}
