//! Text to IR, for tests and documents.
//!
//! Checks the grammar and that names exist; everything else is left to the verifier. Spans are empty.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::lex::{Placed, Token, tokens};
use super::names::Var;
use super::print::origin_word;
use crate::base::{EntityRef, FastMath, PrimaryMap, Span, Symbol};
use crate::ir::expr::{BinaryOp, CompareOp, Const, ExprId, ExprKind, Place, UnaryOp};
use crate::ir::func::{
    ArrayId, ArrayVar, Func, FuncId, Local, LocalId, LoopId, LoopInfo, LoopOrigin, Ownership, Param, Program,
    Ret,
};
use crate::ir::parallel::{ArrayReduction, Combine, ParallelCall, ReduceOp, Reduction};
use crate::ir::runtime_fn::RuntimeFn;
use crate::ir::stmt::{ArrayValue, Block, Check, Loop, LoopKind, Operand, Stmt, Target, ViewAxis};
use crate::ir::trap::{Message, MessageId, Piece, Trap, TrapId};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::{ArrayTy, DType, Layout};

/// Why a text is not a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// 1-based.
    pub line: usize,
    /// What was expected or is unknown.
    pub text: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for ParseError {}

/// Reads a program. Without an `entry`, the last function is it.
///
/// ```
/// let text = "func twice(x: i64) -> i64 {\n  return 2 * x\n}\n";
/// let program = kjit_compiler::ir::text::parse_program(text)?;
/// assert_eq!(kjit_compiler::ir::text::print_program(&program), format!("entry {text}"));
/// # Ok::<(), kjit_compiler::ir::text::ParseError>(())
/// ```
///
/// # Errors
/// The first place where the text departs from the grammar or names something that does not exist.
pub fn parse_program(text: &str) -> Result<Program, ParseError> {
    let tokens = tokens(text)?;
    let mut functions = FxHashMap::default();
    for pair in tokens.windows(2) {
        if let (Token::Name(word), Token::Name(name)) = (&pair[0].token, &pair[1].token) {
            if word == "func" && functions.insert(name.clone(), FuncId::new(functions.len())).is_some() {
                let text = format!("function `{name}` twice");
                return Err(ParseError { line: pair[0].line, text });
            }
        }
    }
    let program = Program {
        funcs: PrimaryMap::new(),
        entry: FuncId::new(functions.len().saturating_sub(1)),
        traps: PrimaryMap::new(),
        messages: PrimaryMap::new(),
        paths: Vec::new(),
        remarks: Vec::new(),
    };
    let mut parser =
        Parser { tokens, at: 0, functions, program, func: empty_func(), vars: FxHashMap::default() };
    parser.program()?;
    Ok(parser.program)
}

type Result<T, E = ParseError> = std::result::Result<T, E>;

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    functions: FxHashMap<String, FuncId>,
    program: Program,
    /// The function that is being read.
    func: Func,
    vars: FxHashMap<String, Var>,
}

fn empty_func() -> Func {
    Func {
        name: Symbol::default(),
        params: Vec::new(),
        rets: Vec::new(),
        locals: PrimaryMap::new(),
        arrays: PrimaryMap::new(),
        exprs: PrimaryMap::new(),
        loops: PrimaryMap::new(),
        body: Vec::new(),
        fastmath: FastMath::default(),
        recursion: None,
        span: Span::default(),
    }
}

/// Types after a name.
enum VarTy {
    Scalar(DType),
    Array(ArrayTy, Ownership),
}

impl Parser {
    // Tokens.

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].token
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn fail<T>(&self, text: impl Into<String>) -> Result<T> {
        let line = self.tokens[self.at.min(self.tokens.len() - 1)].line;
        Err(ParseError { line, text: text.into() })
    }

    fn is_punct(&self, punct: &str) -> bool {
        matches!(self.peek(), Token::Punct(found) if *found == punct)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if found == word)
    }

    fn eat(&mut self, punct: &str) -> bool {
        let is_there = self.is_punct(punct);
        self.at += usize::from(is_there);
        is_there
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_there = self.is_word(word);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, punct: &str) -> Result<()> {
        if self.eat(punct) {
            Ok(())
        } else {
            self.fail(format!("expected `{punct}`, found {:?}", self.peek()))
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) {
            Ok(())
        } else {
            self.fail(format!("expected `{word}`, found {:?}", self.peek()))
        }
    }

    fn name(&mut self) -> Result<String> {
        match self.peek().clone() {
            Token::Name(name) => {
                self.at += 1;
                Ok(name)
            }
            other => self.fail(format!("expected a name, found {other:?}")),
        }
    }

    fn text(&mut self) -> Result<String> {
        match self.peek().clone() {
            Token::Text(text) => {
                self.at += 1;
                Ok(text)
            }
            other => self.fail(format!("expected a text, found {other:?}")),
        }
    }

    fn integer(&mut self) -> Result<i64> {
        let is_negative = self.eat("-");
        let Token::Number(digits) = self.peek().clone() else { return self.fail("expected a number") };
        let text = if is_negative { format!("-{digits}") } else { digits };
        match text.parse() {
            Ok(value) => {
                self.at += 1;
                Ok(value)
            }
            Err(_) => self.fail(format!("`{text}` is not an integer")),
        }
    }

    fn small(&mut self) -> Result<u8> {
        let value = self.integer()?;
        value.try_into().or_else(|_| self.fail(format!("{value} is out of range")))
    }

    fn newline(&mut self) -> Result<()> {
        match self.peek() {
            Token::Newline => {
                self.at += 1;
                Ok(())
            }
            // The last statement of a block may stand on the line of the brace.
            Token::Punct("}") | Token::End => Ok(()),
            other => self.fail(format!("expected the end of the line, found {other:?}")),
        }
    }

    fn skip_newlines(&mut self) {
        while *self.peek() == Token::Newline {
            self.at += 1;
        }
    }

    /// `item, item` up to the closing bracket, which is consumed.
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Parser) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if self.eat(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(close) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    // Program and functions.

    fn program(&mut self) -> Result<()> {
        loop {
            self.skip_newlines();
            if *self.peek() == Token::End {
                break;
            }
            let word = self.name()?;
            match word.as_str() {
                "entry" => {
                    self.program.entry = FuncId::new(self.program.funcs.len());
                    self.expect_word("func")?;
                    self.func()?;
                }
                "func" => self.func()?,
                _ => self.table_line(&word)?,
            }
        }
        if self.program.funcs.is_empty() { self.fail("no function") } else { Ok(()) }
    }

    /// `trap0 = K701 IndexError "text"`, `message0 = "text"`, `path0 = "text"`.
    fn table_line(&mut self, name: &str) -> Result<()> {
        self.expect("=")?;
        let number = |prefix: &str| name.strip_prefix(prefix).and_then(|digits| digits.parse::<usize>().ok());
        if number("trap").is_some_and(|n| n == self.program.traps.len()) {
            let code = self.name()?;
            let Ok(code) = code.parse() else { return self.fail(format!("unknown code `{code}`")) };
            let exception = self.name()?.into();
            let message = self.message()?;
            self.program.traps.push(Trap { code, span: Span::default(), exception, message });
        } else if number("message").is_some_and(|n| n == self.program.messages.len()) {
            let message = self.message()?;
            self.program.messages.push(message);
        } else if number("path").is_some_and(|n| n == self.program.paths.len()) {
            let path = self.text()?;
            self.program.paths.push(path.into());
        } else {
            return self.fail(format!("`{name}` is not the next trap, message or path"));
        }
        self.newline()
    }

    fn message(&mut self) -> Result<Message> {
        let text = self.text()?;
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            let doubled = rest[c.len_utf8()..].starts_with(c);
            match c {
                '{' | '}' if doubled => {
                    literal.push(c);
                    rest = &rest[2..];
                }
                '{' => {
                    let Some(end) = rest.find('}') else { return self.fail("unclosed `{` in a message") };
                    let hole = &rest[1..end];
                    let (name, spec) = hole.split_once(':').unwrap_or((hole, ""));
                    let dtype = DType::ALL.into_iter().find(|dtype| dtype.name() == name);
                    let Some(dtype) = dtype else { return self.fail(format!("unknown type `{name}`")) };
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
                    }
                    pieces.push(Piece::Value { dtype, spec: spec.into() });
                    rest = &rest[end + 1..];
                }
                c => {
                    literal.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into()));
        }
        Ok(Message { pieces })
    }

    fn func(&mut self) -> Result<()> {
        self.func = empty_func();
        self.vars.clear();
        self.func.name = base_name(&self.name()?).into();
        self.expect("(")?;
        let params = self.list(")", |p| {
            let name = p.name()?;
            match p.declare(&name)? {
                Var::Local(local) => Ok(Param::Scalar(local)),
                Var::Array(array) => Ok(Param::Array(array)),
            }
        })?;
        self.func.params = params;
        if self.eat("->") {
            loop {
                let ret = match self.var_ty()? {
                    VarTy::Scalar(dtype) => Ret::Scalar(dtype),
                    VarTy::Array(ty, _) => Ret::Array(ty),
                };
                self.func.rets.push(ret);
                if !self.eat(",") {
                    break;
                }
            }
        }
        if self.eat_word("fastmath") {
            self.expect("(")?;
            let flags = self.list(")", Parser::name)?;
            for flag in flags {
                let fastmath = &mut self.func.fastmath;
                match flag.as_str() {
                    "reassoc" => fastmath.reassoc = true,
                    "contract" => fastmath.contract = true,
                    "arcp" => fastmath.arcp = true,
                    "nsz" => fastmath.nsz = true,
                    "nnan" => fastmath.nnan = true,
                    "ninf" => fastmath.ninf = true,
                    _ => return self.fail(format!("unknown flag `{flag}`")),
                }
            }
        }
        if self.eat_word("recursion") {
            self.func.recursion = Some(self.trap_name()?);
        }
        self.func.body = self.block()?;
        self.newline()?;
        let func = std::mem::replace(&mut self.func, empty_func());
        self.program.funcs.push(func);
        Ok(())
    }

    /// `: type` after a new name.
    fn declare(&mut self, name: &str) -> Result<Var> {
        self.expect(":")?;
        let base: Symbol = base_name(name).into();
        let var = match self.var_ty()? {
            VarTy::Scalar(dtype) => {
                let is_user = !name.starts_with('%');
                Var::Local(self.func.locals.push(Local { name: base, dtype, span: Span::default(), is_user }))
            }
            VarTy::Array(ty, ownership) => Var::Array(self.func.arrays.push(ArrayVar {
                name: base,
                ty,
                ownership,
                span: Span::default(),
            })),
        };
        if self.vars.insert(name.to_string(), var).is_some() {
            return self.fail(format!("`{name}` is declared twice"));
        }
        Ok(var)
    }

    /// `f64`, `f64[:, ::1] read owned`.
    fn var_ty(&mut self) -> Result<VarTy> {
        let name = self.name()?;
        let dtype = DType::ALL.into_iter().find(|dtype| dtype.name() == name);
        let Some(dtype) = dtype else { return self.fail(format!("unknown type `{name}`")) };
        if !self.eat("[") {
            return Ok(VarTy::Scalar(dtype));
        }
        let units = self.list("]", |p| {
            p.expect(":")?;
            let is_unit = p.eat(":");
            if is_unit && p.integer()? != 1 {
                return p.fail("expected `::1`");
            }
            Ok(is_unit)
        })?;
        let layout = match (units.first(), units.last()) {
            (None, _) | (_, None) | (_, Some(true)) => Layout::C,
            (Some(true), _) => Layout::F,
            _ => Layout::Strided,
        };
        let is_writable = !self.eat_word("read");
        let ownership = if self.eat_word("owned") {
            Ownership::Owned
        } else {
            self.eat_word("borrowed");
            Ownership::Borrowed
        };
        let rank = units.len() as u8;
        Ok(VarTy::Array(ArrayTy { dtype, rank, layout, is_writable }, ownership))
    }

    // Statements.

    fn block(&mut self) -> Result<Block> {
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
    fn stmt(&mut self) -> Result<Option<Stmt>> {
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

    fn if_stmt(&mut self) -> Result<Stmt> {
        let cond = self.expr()?;
        let then = self.block()?;
        let mut orelse = Vec::new();
        if self.eat_word("else") {
            orelse = if self.eat_word("if") { vec![self.if_stmt()?] } else { self.block()? };
        }
        Ok(Stmt::If { cond, then, orelse })
    }

    fn while_stmt(&mut self) -> Result<Stmt> {
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

    fn new_loop(&mut self, origin: LoopOrigin) -> LoopId {
        self.func.loops.push(LoopInfo { span: Span::default(), origin })
    }

    fn origin(&mut self, id: LoopId) -> Result<()> {
        if self.eat_word("origin") {
            let word = self.name()?;
            let origins = [LoopOrigin::For, LoopOrigin::Prange, LoopOrigin::While, LoopOrigin::Internal];
            let origin = origins.into_iter().find(|&origin| origin_word(origin) == word);
            let Some(origin) = origin else { return self.fail(format!("unknown origin `{word}`")) };
            self.func.loops[id].origin = origin;
        }
        Ok(())
    }

    fn counted_loop(&mut self, kind: LoopKind, usual: LoopOrigin) -> Result<Stmt> {
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
        let l = Loop { id, kind, var, lo, hi, step, reductions, array_reductions, last_values, body };
        Ok(Stmt::Loop(Box::new(l)))
    }

    fn reduce_op(&mut self) -> Result<ReduceOp> {
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

    fn fork(&mut self, targets: &[Target]) -> Result<Stmt> {
        let id = self.new_loop(LoopOrigin::Prange);
        let body = self.function()?;
        self.expect("(")?;
        let captures = self.list(")", Parser::operand)?;
        self.expect_word("trip")?;
        let trip = self.expr()?;
        self.expect_word("cost")?;
        let Token::Number(cost) = self.next() else { return self.fail("expected a cost") };
        let Ok(cost_ns) = cost.parse() else { return self.fail(format!("`{cost}` is not a cost")) };
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
        let uses_random = self.eat_word("random");
        self.origin(id)?;
        let call = ParallelCall { id, body, captures, trip, outputs, array_reductions, cost_ns, uses_random };
        Ok(Stmt::Parallel(Box::new(call)))
    }

    fn function(&mut self) -> Result<FuncId> {
        let name = self.name()?;
        match self.functions.get(&name) {
            Some(&id) => Ok(id),
            None => self.fail(format!("unknown function `{name}`")),
        }
    }

    fn call(&mut self, results: Vec<Target>) -> Result<Stmt> {
        let callee = self.function()?;
        self.expect("(")?;
        let args = self.list(")", Parser::operand)?;
        Ok(Stmt::Call { callee, args, results, span: Span::default() })
    }

    fn runtime(&mut self, results: Vec<Target>) -> Result<Stmt> {
        let name = self.name()?;
        let Some(function) = RuntimeFn::ALL.iter().copied().find(|function| function.name() == name) else {
            return self.fail(format!("unknown service `{name}`"));
        };
        self.expect("(")?;
        let args = self.list(")", Parser::operand)?;
        let trap = if self.eat_word("else") { Some(self.trap_name()?) } else { None };
        Ok(Stmt::Runtime { function, args, results, trap })
    }

    fn check(&mut self) -> Result<Stmt> {
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

    fn message_args(&mut self) -> Result<Vec<ExprId>> {
        if self.eat("(") { self.list(")", Parser::expr) } else { Ok(Vec::new()) }
    }

    fn trap_name(&mut self) -> Result<TrapId> {
        self.numbered("trap").map(TrapId::new)
    }

    fn numbered(&mut self, prefix: &str) -> Result<usize> {
        let name = self.name()?;
        match name.strip_prefix(prefix).and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok(number),
            None => self.fail(format!("expected {prefix} and a number, found `{name}`")),
        }
    }

    fn store(&mut self) -> Result<Stmt> {
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
    fn place(&mut self, array: ArrayId) -> Result<(Place, u8)> {
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

    fn lane(&mut self) -> Result<u8> {
        self.expect(".")?;
        match self.name()?.as_str() {
            "re" => Ok(0),
            "im" => Ok(1),
            other => self.fail(format!("expected `re` or `im`, found `{other}`")),
        }
    }

    fn assignment(&mut self) -> Result<Stmt> {
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
        if self.eat_word("fork") {
            return self.fork(&targets);
        }
        match targets.as_slice() {
            [Target::Local(local)] => Ok(Stmt::Set { local: *local, value: self.expr()? }),
            [Target::Array(array)] => Ok(Stmt::SetArray { array: *array, value: self.array_value()? }),
            _ => self.fail("only calls have several results"),
        }
    }

    fn array_value(&mut self) -> Result<ArrayValue> {
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

    // Variables and expressions.

    fn var(&mut self, name: &str) -> Result<Var> {
        match self.vars.get(name) {
            Some(&var) => Ok(var),
            None => self.fail(format!("unknown variable `{name}`")),
        }
    }

    fn local(&mut self) -> Result<LocalId> {
        let name = self.name()?;
        match self.var(&name)? {
            Var::Local(local) => Ok(local),
            Var::Array(_) => self.fail(format!("`{name}` is an array")),
        }
    }

    fn array(&mut self) -> Result<ArrayId> {
        let name = self.name()?;
        match self.var(&name)? {
            Var::Array(array) => Ok(array),
            Var::Local(_) => self.fail(format!("`{name}` is a number")),
        }
    }

    fn operand(&mut self) -> Result<Operand> {
        if let Token::Name(name) = self.peek() {
            let is_whole = !matches!(self.tokens[self.at + 1].token, Token::Punct("[" | "@[" | "("));
            if let (Some(&Var::Array(array)), true) = (self.vars.get(name), is_whole) {
                self.at += 1;
                return Ok(Operand::Array(array));
            }
        }
        self.expr().map(Operand::Scalar)
    }

    fn node(&mut self, kind: ExprKind, ty: DType) -> ExprId {
        self.func.expr(kind, ty, Span::default())
    }

    fn ty(&self, id: ExprId) -> DType {
        self.func.exprs[id].ty
    }

    fn expr(&mut self) -> Result<ExprId> {
        let left = self.infix(0)?;
        let ops = [
            ("==", CompareOp::Eq),
            ("!=", CompareOp::Ne),
            ("<", CompareOp::Lt),
            ("<=", CompareOp::Le),
            (">", CompareOp::Gt),
            (">=", CompareOp::Ge),
        ];
        for (symbol, op) in ops {
            if self.eat(symbol) {
                let right = self.infix(0)?;
                return Ok(self.node(ExprKind::Compare { op, left, right }, DType::Bool));
            }
        }
        Ok(left)
    }

    /// Infix operators, loosest level first; all group to the left.
    fn infix(&mut self, level: usize) -> Result<ExprId> {
        const LEVELS: &[&[(&str, BinaryOp)]] = &[
            &[("|", BinaryOp::Or)],
            &[("^", BinaryOp::Xor)],
            &[("&", BinaryOp::And)],
            &[("<<", BinaryOp::Shl), (">>", BinaryOp::Shr)],
            &[("+", BinaryOp::Add), ("-", BinaryOp::Sub)],
            &[("*", BinaryOp::Mul), ("/", BinaryOp::Div), ("//", BinaryOp::FloorDiv), ("%", BinaryOp::Mod)],
        ];
        let Some(ops) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.infix(level + 1)?;
        while let Some(&(_, op)) = ops.iter().find(|(symbol, _)| self.is_punct(symbol)) {
            self.at += 1;
            let right = self.infix(level + 1)?;
            let ty = self.ty(left);
            left = self.node(ExprKind::Binary { op, left, right }, ty);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<ExprId> {
        if self.is_punct("-") {
            self.at += 1;
            if self.tokens[self.at].is_adjacent {
                if let Some((value, ty)) = self.number(true)? {
                    return Ok(self.node(ExprKind::Const(value), ty));
                }
            }
            let arg = self.unary()?;
            let ty = self.ty(arg);
            return Ok(self.node(ExprKind::Unary { op: UnaryOp::Neg, arg }, ty));
        }
        if self.eat("~") {
            let arg = self.unary()?;
            let ty = self.ty(arg);
            return Ok(self.node(ExprKind::Unary { op: UnaryOp::Invert, arg }, ty));
        }
        if self.eat_word("not") {
            let arg = self.unary()?;
            return Ok(self.node(ExprKind::Unary { op: UnaryOp::Not, arg }, DType::Bool));
        }
        let left = self.atom()?;
        if self.eat("**") {
            let right = self.atom()?;
            let ty = self.ty(left);
            return Ok(self.node(ExprKind::Binary { op: BinaryOp::IntPow, left, right }, ty));
        }
        Ok(left)
    }

    /// A constant, if the next token is one.
    fn number(&mut self, is_negative: bool) -> Result<Option<(Const, DType)>> {
        let sign = if is_negative { "-" } else { "" };
        let found = match self.peek().clone() {
            Token::Number(text) => {
                let (digits, suffix) = text.rsplit_once('_').unwrap_or((&text, ""));
                let ty = match suffix {
                    "" if digits.contains(['.', 'e']) && !digits.starts_with("0x") => Some(DType::F64),
                    "" => Some(DType::I64),
                    name => DType::ALL.into_iter().find(|ty| ty.name() == name),
                };
                let value = |ty: DType| -> Option<u64> {
                    if let Some(hex) = digits.strip_prefix("0x") {
                        return u64::from_str_radix(hex, 16).ok();
                    }
                    let signed = format!("{sign}{digits}");
                    match ty {
                        DType::F64 => signed.parse::<f64>().ok().map(f64::to_bits),
                        DType::F32 => signed.parse::<f32>().ok().map(|x| u64::from(x.to_bits())),
                        DType::U64 => signed.parse::<u64>().ok(),
                        _ => signed.parse::<i64>().ok().map(|x| x as u64),
                    }
                };
                let parsed = ty.and_then(|ty| value(ty).map(|bits| (Const(bits), ty)));
                if parsed.is_none() {
                    return self.fail(format!("`{sign}{text}` is not a number"));
                }
                parsed
            }
            Token::Name(word) => {
                let sign = if is_negative { -1.0 } else { 1.0 };
                match word.as_str() {
                    "inf" => Some((Const::f64(sign * f64::INFINITY), DType::F64)),
                    "inf_f32" => Some((Const::f32(sign as f32 * f32::INFINITY), DType::F32)),
                    "nan" if !is_negative => Some((Const::f64(f64::NAN), DType::F64)),
                    "nan_f32" if !is_negative => Some((Const::f32(f32::NAN), DType::F32)),
                    "true" if !is_negative => Some((Const(1), DType::Bool)),
                    "false" if !is_negative => Some((Const(0), DType::Bool)),
                    _ => None,
                }
            }
            Token::Text(_) | Token::Punct(_) | Token::Newline | Token::End => None,
        };
        self.at += usize::from(found.is_some());
        Ok(found)
    }

    fn atom(&mut self) -> Result<ExprId> {
        if self.eat("(") {
            let inner = self.expr()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some((value, ty)) = self.number(false)? {
            return Ok(self.node(ExprKind::Const(value), ty));
        }
        let name = self.name()?;
        if self.eat("(") {
            return self.function_form(&name);
        }
        match self.var(&name)? {
            Var::Local(local) => {
                let ty = self.func.locals[local].dtype;
                Ok(self.node(ExprKind::Local(local), ty))
            }
            Var::Array(array) => {
                let (place, lane) = self.place(array)?;
                let ty = self.func.arrays[array].ty.dtype.part();
                Ok(self.node(ExprKind::Load { array, place, lane }, ty))
            }
        }
    }

    /// After `name(`.
    fn function_form(&mut self, name: &str) -> Result<ExprId> {
        match name {
            "dim" | "stride" => {
                let array = self.array()?;
                self.expect(",")?;
                let axis = self.small()?;
                self.expect(")")?;
                let is_dim = name == "dim";
                let kind =
                    if is_dim { ExprKind::Dim { array, axis } } else { ExprKind::Stride { array, axis } };
                return Ok(self.node(kind, DType::I64));
            }
            "base" => {
                let array = self.array()?;
                self.expect(")")?;
                return Ok(self.node(ExprKind::Base { array }, DType::I64));
            }
            "overlaps" => {
                let a = self.array()?;
                self.expect(",")?;
                let b = self.array()?;
                self.expect(")")?;
                return Ok(self.node(ExprKind::Overlaps { a, b }, DType::Bool));
            }
            _ => {}
        }
        let args = self.list(")", Parser::expr)?;
        let first_ty = args.first().map_or(DType::Bool, |&arg| self.ty(arg));
        let (kind, ty) = match (name, args.as_slice()) {
            ("interrupted", []) => (ExprKind::Interrupted, DType::Bool),
            ("abs", &[arg]) => (ExprKind::Unary { op: UnaryOp::Abs, arg }, first_ty),
            ("min", &[left, right]) => (ExprKind::Binary { op: BinaryOp::Min, left, right }, first_ty),
            ("max", &[left, right]) => (ExprKind::Binary { op: BinaryOp::Max, left, right }, first_ty),
            ("select", &[cond, then, orelse]) => (ExprKind::Select { cond, then, orelse }, self.ty(then)),
            ("wrap", &[index, extent]) => (ExprKind::Wrap { index, extent }, DType::I64),
            ("fma", &[a, b, c]) => (ExprKind::Fma { a, b, c }, first_ty),
            (_, &[arg]) => {
                match (MathFn1::from_name(name), DType::ALL.into_iter().find(|ty| ty.name() == name)) {
                    (Some(function), _) => (ExprKind::Math1 { function, arg }, first_ty),
                    (None, Some(ty)) => (ExprKind::Cast { arg }, ty),
                    (None, None) => return self.fail(format!("unknown function `{name}`")),
                }
            }
            (_, &[left, right]) => match MathFn2::from_name(name) {
                Some(function) => (ExprKind::Math2 { function, left, right }, first_ty),
                None => return self.fail(format!("unknown function `{name}`")),
            },
            _ => return self.fail(format!("unknown function `{name}`, or wrong number of arguments")),
        };
        Ok(self.node(kind, ty))
    }
}

/// The name without `%` and number.
fn base_name(name: &str) -> &str {
    let name = name.strip_prefix('%').unwrap_or(name);
    match name.rsplit_once('.') {
        Some((base, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}
