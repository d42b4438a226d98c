//! Text to strip. Checks the form only: `verify` checks the meaning.

use super::lex::{Token, tokens};
use super::names::{
    BINARIES, COMBINES, COMPARES, CONVERTS, ELEMS, FMAS, INT_OPS, SHIFTS, TYPES, UNARIES, UPDATES, named,
};
use crate::ir::{
    Branch, Carried, Combine, Elem, Inst, Loop, Op, Phi, Place, Region, Step, Strip, TableId, Ty, Unary,
    Value,
};
use cranelift_entity::EntityRef;

/// Where and why a text is no strip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for ParseError {}

type Parsed<T> = Result<T, ParseError>;

/// Numbers of values are below this.
const MAX_VALUE: usize = 1 << 20;
/// Loops and branches inside one another.
const MAX_DEPTH: usize = 64;

/// Parses one strip.
///
/// # Errors
/// Where the text does not have the form that [`print_strip`](super::print_strip) gives.
pub fn parse_strip(text: &str) -> Parsed<Strip> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, strip: Strip::new(""), depth: 0 };
    parser.strip()?;
    Ok(parser.strip)
}

struct Parser<'a> {
    tokens: &'a [(Token<'a>, usize)],
    at: usize,
    strip: Strip,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn bump(&mut self) -> &'a Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// An error at the token before.
    fn fail<T>(&self, text: impl Into<String>) -> Parsed<T> {
        let at = self.at.saturating_sub(1).min(self.tokens.len() - 1);
        Err(ParseError { line: self.tokens[at].1, text: text.into() })
    }

    fn newlines(&mut self) {
        while *self.peek() == Token::Newline {
            self.at += 1;
        }
    }

    fn eat_punct(&mut self, punct: &'static str) -> bool {
        let is_next = *self.peek() == Token::Punct(punct);
        self.at += usize::from(is_next);
        is_next
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Word(found) if *found == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn punct(&mut self, punct: &'static str) -> Parsed<()> {
        match self.bump() {
            Token::Punct(found) if *found == punct => Ok(()),
            found => self.fail(format!("`{punct}` expected, found {found:?}")),
        }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        match self.bump() {
            Token::Word(found) if *found == word => Ok(()),
            found => self.fail(format!("`{word}` expected, found {found:?}")),
        }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Parsed<T> {
        match self.bump() {
            Token::Number(text) => match text.parse() {
                Ok(number) => Ok(number),
                Err(_) => self.fail(format!("{text} is no number that fits here")),
            },
            found => self.fail(format!("a number expected, found {found:?}")),
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.bump() {
            Token::Word(word) => match numbered(word, "v") {
                Some(number) if number < MAX_VALUE => Ok(Value::new(number)),
                _ => self.fail(format!("a value expected, found `{word}`")),
            },
            found => self.fail(format!("a value expected, found {found:?}")),
        }
    }

    fn ty(&mut self) -> Parsed<Ty> {
        match self.bump() {
            Token::Word(word) if let Some(ty) = named(TYPES, word) => Ok(ty),
            found => self.fail(format!("a type expected, found {found:?}")),
        }
    }

    fn elem(&mut self) -> Parsed<Elem> {
        match self.bump() {
            Token::Word(word) if let Some(elem) = named(ELEMS, word) => Ok(elem),
            found => self.fail(format!("a type of elements expected, found {found:?}")),
        }
    }

    /// `v3: f64`
    fn typed(&mut self) -> Parsed<(Value, Ty)> {
        let value = self.value()?;
        self.punct(":")?;
        let ty = self.ty()?;
        self.set_type(value, ty);
        Ok((value, ty))
    }

    fn set_type(&mut self, value: Value, ty: Ty) {
        while self.strip.values.len() <= value.index() {
            self.strip.values.push(Ty::Int);
        }
        self.strip.values[value] = ty;
    }

    fn strip(&mut self) -> Parsed<()> {
        self.newlines();
        self.word("strip")?;
        match self.bump() {
            Token::Text(name) => self.strip.name = (*name).to_owned(),
            found => return self.fail(format!("the name in quotes expected, found {found:?}")),
        }
        self.word("words")?;
        self.strip.words = self.number()?;
        if self.eat_word("lanes") {
            self.strip.lanes = Some(self.number()?);
        }
        self.strip.repeatable = self.eat_word("repeatable");
        if self.eat_word("streams") {
            self.word("word")?;
            self.strip.streams = Some(self.number()?);
        }
        self.punct("{")?;
        loop {
            self.newlines();
            match self.bump() {
                Token::Word("setup") => {
                    self.punct("{")?;
                    self.strip.setup = self.region()?;
                    self.punct("}")?;
                }
                Token::Word("carried") => self.carried()?,
                Token::Word("body") => {
                    self.punct("{")?;
                    self.strip.body = self.region()?;
                    self.punct("}")?;
                }
                Token::Word(word) if let Some(number) = numbered(word, "table") => {
                    if number != self.strip.tables.len() {
                        return self.fail("tables are numbered in order");
                    }
                    self.table()?;
                }
                Token::Punct("}") => break,
                found => {
                    return self
                        .fail(format!("`setup`, `carried`, `body` or a table expected, found {found:?}"));
                }
            }
        }
        self.newlines();
        match self.bump() {
            Token::End => Ok(()),
            found => self.fail(format!("the end expected, found {found:?}")),
        }
    }

    fn table(&mut self) -> Parsed<()> {
        self.punct("=")?;
        self.punct("[")?;
        let mut words = Vec::new();
        while !self.eat_punct("]") {
            if !words.is_empty() {
                self.punct(",")?;
            }
            words.push(self.bits()?);
        }
        self.strip.tables.push(words);
        Ok(())
    }

    fn bits(&mut self) -> Parsed<u64> {
        match self.bump() {
            Token::Number(text) if let Some(bits) = hexadecimal(text) => Ok(bits),
            found => self.fail(format!("a hexadecimal number expected, found {found:?}")),
        }
    }

    fn carried(&mut self) -> Parsed<()> {
        self.punct("{")?;
        loop {
            self.newlines();
            if self.eat_punct("}") {
                return Ok(());
            }
            let (param, _) = self.typed()?;
            self.punct("=")?;
            let init = self.value()?;
            self.word("next")?;
            let next = self.value()?;
            let combine = match self.bump() {
                Token::Word("argmin") => Combine::ArgMin { with: self.number()? },
                Token::Word("argmax") => Combine::ArgMax { with: self.number()? },
                Token::Word(word) if let Some(combine) = named(COMBINES, word) => combine,
                found => return self.fail(format!("a way to combine expected, found {found:?}")),
            };
            self.word("word")?;
            let word = self.number()?;
            self.strip.carried.push(Carried { param, init, next, combine, word });
        }
    }

    /// Instructions up to what is none.
    fn region(&mut self) -> Parsed<Region> {
        let mut region = Region::new();
        loop {
            self.newlines();
            match self.peek() {
                Token::Word("store") => {
                    self.bump();
                    let elem = self.elem()?;
                    let place = self.place()?;
                    self.punct("=")?;
                    let value = self.value()?;
                    let mask = self.mask()?;
                    region.push(Inst::Store { elem, place, value, mask });
                }
                Token::Word("update") => {
                    self.bump();
                    let elem = self.elem()?;
                    let place = self.place()?;
                    let op = match self.bump() {
                        Token::Word(word) if let Some(op) = named(UPDATES, word) => op,
                        found => return self.fail(format!("an update expected, found {found:?}")),
                    };
                    let value = self.value()?;
                    let mask = self.mask()?;
                    region.push(Inst::Update { elem, place, op, value, mask });
                }
                Token::Word("fault") => {
                    self.bump();
                    region.push(Inst::Fault { mask: self.value()? });
                }
                Token::Word("loop") => region.push(self.nested(Parser::inner_loop)?),
                Token::Word("if") => region.push(self.nested(Parser::branch)?),
                Token::Word(word) if numbered(word, "v").is_some() => {
                    let (value, ty) = self.typed()?;
                    self.punct("=")?;
                    let op = self.op(ty)?;
                    region.push(Inst::Let { value, op });
                }
                _ => return Ok(region),
            }
            if *self.peek() != Token::Newline {
                self.bump();
                return self.fail("one instruction per line");
            }
        }
    }

    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<Inst>) -> Parsed<Inst> {
        self.bump();
        if self.depth == MAX_DEPTH {
            return self.fail("too deep");
        }
        self.depth += 1;
        let inst = parse(self)?;
        self.depth -= 1;
        Ok(inst)
    }

    /// `(v1, v2)`
    fn values(&mut self) -> Parsed<Vec<Value>> {
        self.punct("(")?;
        let mut values = Vec::new();
        while !self.eat_punct(")") {
            if !values.is_empty() {
                self.punct(",")?;
            }
            values.push(self.value()?);
        }
        Ok(values)
    }

    fn inner_loop(&mut self) -> Parsed<Inst> {
        self.punct("(")?;
        let mut params = Vec::new();
        while !self.eat_punct(")") {
            if !params.is_empty() {
                self.punct(",")?;
            }
            let (param, ty) = self.typed()?;
            self.punct("=")?;
            params.push((param, ty, self.value()?));
        }
        self.punct("{")?;
        let head = self.region()?;
        self.word("while")?;
        let cond = self.value()?;
        let body = self.region()?;
        self.word("next")?;
        let nexts = self.values()?;
        self.newlines();
        self.punct("}")?;
        self.punct("->")?;
        let results = self.values()?;
        if nexts.len() != params.len() || results.len() != params.len() {
            return self.fail(format!("{} parameters need as many next values and results", params.len()));
        }
        let mut carried = Vec::new();
        for ((&(param, ty, init), &next), &result) in params.iter().zip(&nexts).zip(&results) {
            self.set_type(result, ty);
            carried.push(Phi { param, init, next, result });
        }
        Ok(Inst::Loop(Box::new(Loop { carried, head, cond, body })))
    }

    fn branch(&mut self) -> Parsed<Inst> {
        let cond = self.value()?;
        self.punct("{")?;
        let then = self.region()?;
        self.word("give")?;
        let then_results = self.values()?;
        self.newlines();
        self.punct("}")?;
        self.word("else")?;
        self.punct("{")?;
        let orelse = self.region()?;
        self.word("give")?;
        let orelse_results = self.values()?;
        self.newlines();
        self.punct("}")?;
        self.punct("->")?;
        self.punct("(")?;
        let mut results = Vec::new();
        while !self.eat_punct(")") {
            if !results.is_empty() {
                self.punct(",")?;
            }
            results.push(self.typed()?.0);
        }
        if then_results.len() != results.len() || orelse_results.len() != results.len() {
            return self.fail(format!("{} results need as many values on both sides", results.len()));
        }
        let results = results
            .iter()
            .zip(then_results.iter().zip(&orelse_results))
            .map(|(&result, (&then, &orelse))| (result, then, orelse))
            .collect();
        Ok(Inst::Branch(Box::new(Branch { cond, then, orelse, results })))
    }

    fn mask(&mut self) -> Parsed<Option<Value>> {
        if self.eat_word("if") { Ok(Some(self.value()?)) } else { Ok(None) }
    }

    fn disp(&mut self) -> Parsed<i32> {
        let is_negative = match self.peek() {
            Token::Punct("+") => false,
            Token::Punct("-") => true,
            _ => return Ok(0),
        };
        self.bump();
        let magnitude: i64 = self.number()?;
        match i32::try_from(if is_negative { -magnitude } else { magnitude }) {
            Ok(disp) => Ok(disp),
            Err(_) => self.fail("a displacement has 32 bits"),
        }
    }

    fn place(&mut self) -> Parsed<Place> {
        self.punct("[")?;
        let address = self.value()?;
        let is_scattered = *self.peek() == Token::Punct("+")
            && matches!(self.tokens.get(self.at + 1), Some((Token::Word(_), _)));
        let place = if is_scattered {
            self.bump();
            let offset = self.value()?;
            Place::Scattered { base: address, offset, disp: self.disp()? }
        } else {
            let disp = self.disp()?;
            let step = if !self.eat_word("step") {
                Step::One
            } else if matches!(self.peek(), Token::Number(_)) {
                if self.number::<u32>()? != 0 {
                    return self.fail("a step is 0 or a value");
                }
                Step::Zero
            } else {
                Step::Bytes(self.value()?)
            };
            Place::Line { address, disp, step }
        };
        self.punct("]")?;
        Ok(place)
    }

    /// What stands behind `v3: f64 =`.
    fn op(&mut self, ty: Ty) -> Parsed<Op> {
        match self.bump() {
            Token::Number(text) => self.literal(text, false, ty),
            Token::Punct("-") => match self.peek() {
                Token::Number(text) => {
                    self.bump();
                    self.literal(text, true, ty)
                }
                Token::Word("inf") => {
                    self.bump();
                    self.literal("inf", true, ty)
                }
                _ => Ok(Op::Unary(Unary::Neg, self.value()?)),
            },
            Token::Punct("~") => Ok(Op::Unary(Unary::Not, self.value()?)),
            Token::Word(word) => self.op_of_word(word, ty),
            found => self.fail(format!("an operation expected, found {found:?}")),
        }
    }

    fn literal(&mut self, text: &str, is_negative: bool, ty: Ty) -> Parsed<Op> {
        let sign = if is_negative { "-" } else { "" };
        let signed = format!("{sign}{text}");
        let raw = hexadecimal(text).filter(|_| !is_negative);
        let integer = |bits: i64| if ty == Ty::Int { Op::Int(bits) } else { Op::Const(bits as u64) };
        let op = match ty {
            Ty::Int | Ty::I64 => signed.parse::<i64>().ok().or(raw.map(|bits| bits as i64)).map(integer),
            Ty::I32 => signed
                .parse::<i32>()
                .ok()
                .map(|value| Op::Const(u64::from(value as u32)))
                .or(raw.map(Op::Const)),
            Ty::I16 => signed
                .parse::<i16>()
                .ok()
                .map(|value| Op::Const(u64::from(value as u16)))
                .or(raw.map(Op::Const)),
            Ty::I8 => signed
                .parse::<i8>()
                .ok()
                .map(|value| Op::Const(u64::from(value as u8)))
                .or(raw.map(Op::Const)),
            Ty::F64 => raw.or(signed.parse::<f64>().ok().map(f64::to_bits)).map(Op::Const),
            Ty::F32 => {
                raw.or(signed.parse::<f32>().ok().map(|value| u64::from(value.to_bits()))).map(Op::Const)
            }
            Ty::Mask | Ty::Test => raw.map(Op::Const),
        };
        op.map_or_else(|| self.fail(format!("{signed} is no constant of type {ty}")), Ok)
    }

    fn op_of_word(&mut self, word: &'a str, ty: Ty) -> Parsed<Op> {
        if numbered(word, "v").is_some() {
            self.at -= 1;
            return self.infix(ty);
        }
        if let Some(number) = numbered(word, "table") {
            self.punct("[")?;
            let index = self.value()?;
            self.punct("]")?;
            return Ok(Op::Lookup { table: TableId::new(number), index });
        }
        match word {
            "word" => {
                let word = self.number()?;
                Ok(if ty == Ty::Int { Op::Word(word) } else { Op::WordLanes(word) })
            }
            "first" => Ok(Op::First),
            "lane" => Ok(Op::LaneNumber),
            "active" => Ok(Op::Active),
            "true" => Ok(Op::Const(1)),
            "false" => Ok(Op::Const(0)),
            "nan" if ty == Ty::F32 => Ok(Op::Const(u64::from(f32::NAN.to_bits()))),
            "nan" => Ok(Op::Const(f64::NAN.to_bits())),
            "inf" => self.literal("inf", false, ty),
            "load" => self.load(ty),
            _ => self.call(word, ty),
        }
    }

    fn load(&mut self, ty: Ty) -> Parsed<Op> {
        let elem = self.elem()?;
        let place = self.place()?;
        if ty != Ty::Int {
            return Ok(Op::Load { elem, place, mask: self.mask()? });
        }
        match place {
            Place::Line { address, disp, step: Step::One } => Ok(Op::IntLoad { elem, address, disp }),
            Place::Line { .. } | Place::Scattered { .. } => self.fail("an int has one address"),
        }
    }

    fn infix(&mut self, ty: Ty) -> Parsed<Op> {
        let a = self.value()?;
        let Token::Punct(punct) = self.bump() else { return self.fail("an operator expected") };
        if let (Some(shift), Token::Number(_)) = (named(SHIFTS, punct), self.peek()) {
            return Ok(Op::Shift(shift, a, self.number()?));
        }
        let b = self.value()?;
        let op = match ty {
            Ty::Int => named(INT_OPS, punct).map(|op| Op::IntBinary(op, a, b)),
            Ty::Test if let Some(op) = named(COMPARES, punct) => Some(Op::IntCompare(op, a, b)),
            Ty::Mask if let Some(op) = named(COMPARES, punct) => Some(Op::Compare(op, a, b)),
            Ty::Test | Ty::Mask | Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => {
                named(BINARIES, punct).map(|op| Op::Binary(op, a, b))
            }
        };
        op.map_or_else(|| self.fail(format!("`{punct}` does not give {ty}")), Ok)
    }

    fn call(&mut self, word: &str, ty: Ty) -> Parsed<Op> {
        let operands = self.values()?;
        let op = match *operands.as_slice() {
            [a] => match word {
                "any" => Some(Op::Any(a)),
                "broadcast" if ty == Ty::Mask => Some(Op::TestLanes(a)),
                "broadcast" => Some(Op::Broadcast(a)),
                _ => named(UNARIES, word)
                    .map(|op| Op::Unary(op, a))
                    .or_else(|| named(CONVERTS, word).map(|convert| Op::Convert(convert, a))),
            },
            [a, b] if ty == Ty::Int => named(INT_OPS, word).map(|op| Op::IntBinary(op, a, b)),
            [a, b] => named(BINARIES, word).map(|op| Op::Binary(op, a, b)),
            [mask, then, orelse] if word == "select" => Some(Op::Select { mask, then, orelse }),
            [a, b, c] => named(FMAS, word).map(|kind| Op::Fma(kind, a, b, c)),
            _ => None,
        };
        op.map_or_else(|| self.fail(format!("there is no `{word}` of {} operands", operands.len())), Ok)
    }
}

/// The number behind the prefix.
fn numbered(word: &str, prefix: &str) -> Option<usize> {
    let digits = word.strip_prefix(prefix)?;
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}
