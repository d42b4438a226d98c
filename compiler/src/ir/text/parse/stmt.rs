//! Statements and places.

use smallvec::SmallVec;

use super::{Parser, Result, base_name};
use crate::base::{EntityRef, Span};
use crate::ir::expr::{ExprId, Place};
use crate::ir::func::{ArrayId, FuncId, Local, LoopId, LoopInfo, LoopOrigin};
use crate::ir::parallel::{ArrayReduction, Combine, ParallelCall, ReduceOp, Reduction};
use crate::ir::runtime_fn::RuntimeFn;
use crate::ir::stmt::{ArrayValue, Block, Check, Loop, LoopKind, Stmt, Target, ViewAxis};
use crate::ir::text::lex::Token;
use crate::ir::text::names::Var;
use crate::ir::text::print::origin_word;
use crate::ir::trap::{MessageId, TrapId};
use crate::types::DType;
use crate::types::device::DeviceFn;

impl Parser {
    pub(super) fn block(&mut self) -> Result<Block> {
        self.expect("{")?;
        let mut block = Vec::new();
        loop {
            self.skip_newlines();
            if self.eat("}") {
                return Ok(block);
            }
            if let Some(stmt) = self.stmt()? {
                block.push(stmt);
            }
            self.newline()?;
        }
    }

    /// A statement, or `None` for a declaration.
    pub(super) fn stmt(&mut self) -> Result<Option<Stmt>> {
        let start = self.at;
        let word = self.name()?;
        Ok(Some(match word.as_str() {
            "var" => {
                let name = self.name()?;
                self.declare(&name)?;
                return Ok(None);
            }
            "release" => Stmt::Release { array: self.array()? },
            "if" => self.if_stmt()?,
            "while" => self.while_stmt()?,
            "for" => self.counted_loop(LoopKind::Serial, LoopOrigin::For)?,
            "parallel" => self.counted_loop(LoopKind::Parallel, LoopOrigin::Prange)?,
            "vector" => self.counted_loop(LoopKind::Vector, LoopOrigin::For)?,
            "grid" => self.counted_loop(LoopKind::Grid, LoopOrigin::Prange)?,
            "fork" => self.fork(&[])?,
            "call" => self.call(Vec::new())?,
            "runtime" => self.runtime(Vec::new())?,
            "device" => self.device(Vec::new())?,
            "launch" => self.launch()?,
            "check" => self.check()?,
            "raise" => {
                let trap = self.trap_name()?;
                Stmt::Raise { trap, args: self.message_args()? }
            }
            "print" => {
                let message = MessageId::new(self.numbered("message")?);
                Stmt::Print { message, args: self.message_args()? }
            }
            "fill" => {
                let array = self.array()?;
                self.expect("=")?;
                let mut lanes = vec![self.expr()?];
                if self.eat(",") {
                    lanes.push(self.expr()?);
                }
                Stmt::Fill { array, lanes }
            }
            "copy" => {
                let to = self.array()?;
                self.expect("=")?;
                Stmt::CopyElements { to, from: self.array()? }
            }
            "break" => Stmt::Break,
            "continue" => Stmt::Continue,
            "return" => {
                let mut values = Vec::new();
                if !matches!(self.peek(), Token::Newline | Token::Punct("}")) {
                    values.push(self.operand()?);
                    while self.eat(",") {
                        values.push(self.operand()?);
                    }
                }
                Stmt::Return { values }
            }
            _ if self.is_punct("[") || self.is_punct("@[") => {
                self.at = start;
                self.store()?
            }
            _ => {
                self.at = start;
                self.assignment()?
            }
        }))
    }

    pub(super) fn if_stmt(&mut self) -> Result<Stmt> {
        let cond = self.expr()?;
        let then = self.block()?;
        let mut orelse = Vec::new();
        if self.eat_word("else") {
            orelse = if self.eat_word("if") { vec![self.if_stmt()?] } else { self.block()? };
        }
        Ok(Stmt::If { cond, then, orelse })
    }

    pub(super) fn while_stmt(&mut self) -> Result<Stmt> {
        let id = self.new_loop(LoopOrigin::While);
        let mut head = Vec::new();
        if self.is_punct("{") {
            head = self.block()?;
            self.expect_word("test")?;
        }
        let cond = self.expr()?;
        self.origin(id)?;
        Ok(Stmt::While { id, head, cond, body: self.block()? })
    }

    pub(super) fn new_loop(&mut self, origin: LoopOrigin) -> LoopId {
        self.func.loops.push(LoopInfo {
            span: Span::default(),
            origin,
            is_slow_copy: false,
            is_fallback: false,
        })
    }

    pub(super) fn origin(&mut self, id: LoopId) -> Result<()> {
        if self.eat_word("origin") {
            let word = self.name()?;
            let origins = [LoopOrigin::For, LoopOrigin::Prange, LoopOrigin::While, LoopOrigin::Internal];
            let origin = origins.into_iter().find(|&origin| origin_word(origin) == word);
            let Some(origin) = origin else { return self.fail(format!("unknown origin `{word}`")) };
            self.func.loops[id].origin = origin;
        }
        Ok(())
    }

    pub(super) fn counted_loop(&mut self, kind: LoopKind, usual: LoopOrigin) -> Result<Stmt> {
        let id = self.new_loop(usual);
        let name = self.name()?;
        let var = match self.vars.get(&name) {
            Some(Var::Local(local)) => *local,
            Some(Var::Array(_)) => return self.fail(format!("`{name}` is an array")),
            None => {
                let is_user = !name.starts_with('%');
                let info = Local {
                    name: base_name(&name).into(),
                    dtype: DType::I64,
                    span: Span::default(),
                    is_user,
                };
                let local = self.func.locals.push(info);
                self.vars.insert(name, Var::Local(local));
                local
            }
        };
        self.expect_word("in")?;
        let lo = self.expr()?;
        self.expect("..")?;
        let hi = self.expr()?;
        let step = if self.eat_word("step") { self.integer()? } else { 1 };
        let (mut reductions, mut array_reductions, mut last_values) = (Vec::new(), Vec::new(), Vec::new());
        if self.eat_word("reduce") {
            self.expect("(")?;
            reductions = self.list(")", |p| {
                let local = p.local()?;
                let op = p.reduce_op()?;
                let mut companions = Vec::new();
                if p.eat_word("with") {
                    while matches!(p.peek(), Token::Name(_)) {
                        companions.push(p.local()?);
                    }
                }
                Ok(Reduction { local, op, companions })
            })?;
        }
        if self.eat_word("accumulate") {
            self.expect("(")?;
            array_reductions = self.list(")", |p| {
                let array = p.array()?;
                Ok(ArrayReduction { array, op: p.reduce_op()? })
            })?;
        }
        if self.eat_word("last") {
            self.expect("(")?;
            last_values = self.list(")", Parser::local)?;
        }
        self.origin(id)?;
        let body = self.block()?;
        let l = Loop {
            id,
            kind,
            var,
            lo,
            hi,
            step,
            reductions,
            array_reductions,
            last_values,
            body,
            strip: None,
        };
        Ok(Stmt::Loop(Box::new(l)))
    }

    pub(super) fn reduce_op(&mut self) -> Result<ReduceOp> {
        let ops = [
            ReduceOp::Add,
            ReduceOp::Mul,
            ReduceOp::Min,
            ReduceOp::Max,
            ReduceOp::And,
            ReduceOp::Or,
            ReduceOp::Xor,
        ];
        let found = match self.next() {
            Token::Name(word) => word,
            Token::Punct(punct) => punct.to_string(),
            other => format!("{other:?}"),
        };
        match ops.into_iter().find(|op| op.symbol() == found) {
            Some(op) => Ok(op),
            None => self.fail(format!("unknown reduction `{found}`")),
        }
    }

    pub(super) fn fork(&mut self, targets: &[Target]) -> Result<Stmt> {
        let id = self.new_loop(LoopOrigin::Prange);
        let body = self.function()?;
        self.expect("(")?;
        let captures = self.list(")", Parser::operand)?;
        self.expect_word("trip")?;
        let trip = self.expr()?;
        self.expect_word("cost")?;
        let cost_ns = self.expr()?;
        let mut combines = Vec::new();
        if self.eat_word("combine") {
            self.expect("(")?;
            combines = self.list(")", |p| {
                if p.eat_word("last") {
                    Ok(Combine::Last)
                } else if p.eat_word("with") {
                    Ok(Combine::With(u32::from(p.small()?)))
                } else {
                    p.reduce_op().map(Combine::Reduce)
                }
            })?;
        }
        if combines.len() != targets.len() {
            return self.fail("one combination per output");
        }
        let mut outputs = Vec::new();
        for (&target, combine) in targets.iter().zip(combines) {
            match target {
                Target::Local(local) => outputs.push((local, combine)),
                Target::Array(_) => return self.fail("outputs are numbers"),
            }
        }
        let mut array_reductions = Vec::new();
        if self.eat_word("accumulate") {
            self.expect("(")?;
            array_reductions = self.list(")", |p| {
                let slot = p.small()?;
                Ok((usize::from(slot), p.reduce_op()?))
            })?;
        }
        let mut disjoint = Vec::new();
        if self.eat_word("disjoint") {
            self.expect("(")?;
            disjoint = self.list(")", |p| Ok((usize::from(p.small()?), usize::from(p.small()?))))?;
        }
        let uses_random = self.eat_word("random");
        self.origin(id)?;
        let call = ParallelCall {
            id,
            body,
            captures,
            trip,
            outputs,
            array_reductions,
            cost_ns,
            disjoint,
            uses_random,
        };
        Ok(Stmt::Parallel(Box::new(call)))
    }

    pub(super) fn function(&mut self) -> Result<FuncId> {
        let name = self.name()?;
        match self.functions.get(&name) {
            Some(&id) => Ok(id),
            None => self.fail(format!("unknown function `{name}`")),
        }
    }

    pub(super) fn call(&mut self, results: Vec<Target>) -> Result<Stmt> {
        let callee = self.function()?;
        self.expect("(")?;
        let args = self.list(")", Parser::operand)?;
        Ok(Stmt::Call { callee, args, results, span: Span::default() })
    }

    pub(super) fn runtime(&mut self, results: Vec<Target>) -> Result<Stmt> {
        let name = self.name()?;
        let Some(function) = RuntimeFn::ALL.iter().copied().find(|function| function.name() == name) else {
            return self.fail(format!("unknown service `{name}`"));
        };
        self.expect("(")?;
        let args = self.list(")", Parser::operand)?;
        let trap = if self.eat_word("else") { Some(self.trap_name()?) } else { None };
        Ok(Stmt::Runtime { function, args, results, trap })
    }

    pub(super) fn device(&mut self, results: Vec<Target>) -> Result<Stmt> {
        let name = self.name()?;
        let Some(function) = DeviceFn::all().find(|function| function.name().replace('.', "_") == name)
        else {
            return self.fail(format!("unknown device function `{name}`"));
        };
        self.expect("(")?;
        let args = self.list(")", Parser::operand)?;
        Ok(Stmt::Device { function, args, results, span: Span::default() })
    }

    pub(super) fn launch(&mut self) -> Result<Stmt> {
        let kernel = self.function()?;
        self.expect("(")?;
        let args = self.list(")", Parser::operand)?;
        Ok(Stmt::Launch { kernel, args, span: Span::default() })
    }

    pub(super) fn check(&mut self) -> Result<Stmt> {
        let check = if self.is_word("index") && self.tokens[self.at + 1].token == Token::Punct("(") {
            self.at += 2;
            let index = self.expr()?;
            self.expect(",")?;
            let array = self.array()?;
            self.expect(",")?;
            let axis = self.small()?;
            self.expect(")")?;
            Check::Index { index, array, axis }
        } else {
            Check::Cond(self.expr()?)
        };
        self.expect_word("else")?;
        let trap = self.trap_name()?;
        Ok(Stmt::Check { check, trap, args: self.message_args()? })
    }

    pub(super) fn message_args(&mut self) -> Result<Vec<ExprId>> {
        if self.eat("(") { self.list(")", Parser::expr) } else { Ok(Vec::new()) }
    }

    pub(super) fn trap_name(&mut self) -> Result<TrapId> {
        self.numbered("trap").map(TrapId::new)
    }

    pub(super) fn numbered(&mut self, prefix: &str) -> Result<usize> {
        let name = self.name()?;
        match name.strip_prefix(prefix).and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok(number),
            None => self.fail(format!("expected {prefix} and a number, found `{name}`")),
        }
    }

    pub(super) fn store(&mut self) -> Result<Stmt> {
        let array = self.array()?;
        let (place, lane) = self.place(array)?;
        if self.eat("=") {
            return Ok(Stmt::Store { array, place, lane, value: self.expr()? });
        }
        let op = match self.next() {
            Token::Punct("+=") => ReduceOp::Add,
            Token::Punct("*=") => ReduceOp::Mul,
            Token::Punct("&=") => ReduceOp::And,
            Token::Punct("|=") => ReduceOp::Or,
            Token::Punct("^=") => ReduceOp::Xor,
            Token::Name(word) if word == "min" && self.eat("=") => ReduceOp::Min,
            Token::Name(word) if word == "max" && self.eat("=") => ReduceOp::Max,
            other => return self.fail(format!("expected an assignment, found {other:?}")),
        };
        Ok(Stmt::Accumulate { array, place, lane, op, value: self.expr()? })
    }

    /// `[i, j]` or `@[address, 8]`, then `.re` or `.im`.
    pub(super) fn place(&mut self, array: ArrayId) -> Result<(Place, u8)> {
        let place = if self.eat("@[") {
            let address = self.expr()?;
            self.expect(",")?;
            let disp = self.integer()?;
            let Ok(disp_bytes) = disp.try_into() else { return self.fail(format!("{disp} is out of range")) };
            self.expect("]")?;
            Place::Address { address, disp_bytes }
        } else {
            self.expect("[")?;
            Place::Index(SmallVec::from_vec(self.list("]", Parser::expr)?))
        };
        let lane = if self.func.arrays[array].ty.dtype.is_complex() { self.lane()? } else { 0 };
        Ok((place, lane))
    }

    pub(super) fn lane(&mut self) -> Result<u8> {
        self.expect(".")?;
        match self.name()?.as_str() {
            "re" => Ok(0),
            "im" => Ok(1),
            other => self.fail(format!("expected `re` or `im`, found `{other}`")),
        }
    }

    pub(super) fn assignment(&mut self) -> Result<Stmt> {
        let mut targets = Vec::new();
        loop {
            let name = self.name()?;
            let var = if self.is_punct(":") { self.declare(&name)? } else { self.var(&name)? };
            targets.push(match var {
                Var::Local(local) => Target::Local(local),
                Var::Array(array) => Target::Array(array),
            });
            if !self.eat(",") {
                break;
            }
        }
        self.expect("=")?;
        if self.eat_word("call") {
            return self.call(targets);
        }
        if self.eat_word("runtime") {
            return self.runtime(targets);
        }
        if self.eat_word("device") {
            return self.device(targets);
        }
        if self.eat_word("fork") {
            return self.fork(&targets);
        }
        match targets.as_slice() {
            [Target::Local(local)] => Ok(Stmt::Set { local: *local, value: self.expr()? }),
            [Target::Array(array)] => Ok(Stmt::SetArray { array: *array, value: self.array_value()? }),
            _ => self.fail("only calls have several results"),
        }
    }

    pub(super) fn array_value(&mut self) -> Result<ArrayValue> {
        let start = self.at;
        Ok(match self.name()?.as_str() {
            "view" => {
                let base = self.array()?;
                self.expect("[")?;
                let axes = self.list("]", |p| {
                    if p.eat(":") {
                        Ok(ViewAxis::Whole)
                    } else if p.eat_word("new") {
                        Ok(ViewAxis::New)
                    } else if p.is_word("slice") && p.tokens[p.at + 1].token == Token::Punct("(") {
                        p.at += 2;
                        let parts = p.list(")", Parser::expr)?;
                        let [start, len, step] = parts[..] else { return p.fail("slice(start, len, step)") };
                        Ok(ViewAxis::Slice { start, len, step })
                    } else {
                        p.expr().map(ViewAxis::Index)
                    }
                })?;
                ArrayValue::View { base, axes }
            }
            "transpose" => {
                let base = self.array()?;
                self.expect("[")?;
                ArrayValue::Transpose { base, order: self.list("]", Parser::small)? }
            }
            "part" => {
                let base = self.array()?;
                ArrayValue::Part { base, lane: self.lane()? }
            }
            "reshape" => {
                let base = self.array()?;
                self.expect("[")?;
                ArrayValue::Reshape { base, shape: self.list("]", Parser::expr)? }
            }
            "alloc" => {
                self.expect("[")?;
                let shape = self.list("]", Parser::expr)?;
                let is_zeroed = self.eat_word("zeroed");
                self.expect_word("else")?;
                ArrayValue::Alloc { shape, is_zeroed, trap: self.trap_name()? }
            }
            _ => {
                self.at = start;
                ArrayValue::Same(self.array()?)
            }
        })
    }
}
