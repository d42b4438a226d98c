//! Text to IR, for tests and documents.
//!
//! Checks the grammar and that names exist; everything else is left to the verifier. Spans are empty.

mod expr;
mod stmt;

use rustc_hash::FxHashMap;

use super::lex::{Placed, Token, tokens};
use super::names::Var;
use crate::base::{EntityRef, FastMath, PrimaryMap, Span, Symbol};
use crate::ir::func::{ArrayVar, Func, FuncId, Local, Ownership, Param, Program, Ret};
use crate::ir::trap::{Message, Piece, Trap};
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
        if let (Token::Name(word), Token::Name(name)) = (&pair[0].token, &pair[1].token)
            && (word == "func" || word == "kernel")
            && functions.insert(name.clone(), FuncId::new(functions.len())).is_some()
        {
            return Err(ParseError { line: pair[0].line, text: format!("function `{name}` twice") });
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
        chunk: None,
        is_cold: false,
        is_kernel: false,
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

    // Programs and functions.

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
                "cold" => {
                    self.expect_word("func")?;
                    self.func()?;
                    if let Some(func) = self.program.funcs.values_mut().last() {
                        func.is_cold = true;
                    }
                }
                "kernel" => {
                    self.func()?;
                    if let Some(func) = self.program.funcs.values_mut().last() {
                        func.is_kernel = true;
                    }
                }
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
            let is_open = matches!(self.peek(), Token::Name(word) if word == "open");
            if is_open {
                self.name()?;
            }
            self.program.messages.push(Message { is_open, ..message });
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
        Ok(Message::line(pieces))
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
}

/// The name without `%` and number.
fn base_name(name: &str) -> &str {
    let name = name.strip_prefix('%').unwrap_or(name);
    match name.rsplit_once('.') {
        Some((base, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}
