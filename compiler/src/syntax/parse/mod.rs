//! Tokens to tree: recursive descent over statements, precedence climbing over expressions.
//!
//! In: a source text. Out: a tree and the errors, at most one per logical line. Never fails: after an error the rest
//! of the line is left out and the block structure is kept. Depth is limited, so that neither this parser nor those
//! who walk its tree overflow a stack of 2 MiB; time and memory are linear in the source.

mod compound;
mod expr;
mod foreign;
mod fstring;
mod literal;
mod module;
mod params;
mod plain;
mod refuse;
mod stmt;

use super::ast::{Ast, Expr, ExprId, ExprKind, Stmt, StmtId, StmtKind};
use super::lexer::{self, LineError, MAX_ERRORS};
use super::token::{Tok, Token};
use crate::base::{Code, Diagnostic, Span, Symbol};

/// Sources longer than this are refused with K011.
pub const MAX_SOURCE_BYTES: usize = 16 << 20;
/// Limit of the parser's own recursion. An operand costs one, a bracket or a prefix two more, a block three.
const MAX_DEPTH: u32 = 600;
/// Blocks, and arms of `elif`, within each other.
const MAX_BLOCKS: u32 = 200;
/// Height of an expression's tree: also the number of terms in `a + b + c + ...`.
const MAX_HEIGHT: u16 = 300;

/// The tree of a source text, and its errors in source order.
///
/// Whatever the text, this returns: a tree that lacks, or marks with [`ExprKind::Error`], what was not understood.
/// Statements nest at most 200 deep and expressions 300, so that walking the tree recursively is safe.
#[must_use]
pub fn parse(source: &str) -> (Ast, Vec<Diagnostic>) {
    if source.len() > MAX_SOURCE_BYTES {
        let diagnostic = Diagnostic::error(Code::K011, Span::new(0, 0), "the source is larger than 16 MiB")
            .primary(format!("{} bytes", source.len()))
            .help("load data from a file instead of writing it into the source");
        return (Ast::default(), vec![diagnostic]);
    }
    let lexed = lexer::lex(source);
    let mut parser = Parser::new(source, lexed.tokens);
    parser.module();
    parser.set_plain_aside();
    let diagnostics = merge(lexed.errors, parser.errors);
    (parser.ast, diagnostics)
}

/// One error per logical line, the lexer's first, in source order.
fn merge(mut errors: Vec<LineError>, parser_errors: Vec<LineError>) -> Vec<Diagnostic> {
    errors.extend(parser_errors);
    errors.sort_by_key(|error| error.line); // Stable: the lexer's stay before the parser's.
    errors.dedup_by_key(|error| error.line);
    errors.truncate(MAX_ERRORS);
    errors.into_iter().map(|error| error.diagnostic).collect()
}

/// An error was reported; the rest of the line means nothing.
#[derive(Clone, Copy, Debug)]
struct Reported;

type Parsed<T> = Result<T, Reported>;

struct Parser<'s> {
    source: &'s str,
    /// Ends with `Eof`.
    tokens: Vec<Token>,
    pos: usize,
    /// Number of `Newline` tokens behind.
    line: u32,
    errors: Vec<LineError>,
    /// Definitions and statements of the module level with errors, which are not among `errors`.
    faulty: Vec<plain::Faulty>,
    ast: Ast,
    /// Of the tree under each expression.
    heights: Vec<u16>,
    depth: u32,
    blocks: u32,
    is_in_function: bool,
    /// Braces are sets and dictionaries there: `fastmath={"contract"}`.
    is_in_decorator: bool,
    loops: u32,
    /// The statement was kept although a part of it is wrong: what follows on its line is left out.
    skips_line: bool,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str, tokens: Vec<Token>) -> Parser<'s> {
        Parser {
            source,
            tokens,
            pos: 0,
            line: 0,
            errors: Vec::new(),
            faulty: Vec::new(),
            ast: Ast::default(),
            heights: Vec::new(),
            depth: 0,
            blocks: 0,
            is_in_function: false,
            is_in_decorator: false,
            loops: 0,
            skips_line: false,
        }
    }

    // ---- Tokens ----------------------------------------------------------------------------------------------

    fn peek(&self) -> Token {
        self.tokens[self.pos]
    }

    fn kind(&self) -> Tok {
        self.tokens[self.pos].kind
    }

    fn kind_after(&self, distance: usize) -> Tok {
        self.tokens.get(self.pos + distance).map_or(Tok::Eof, |token| token.kind)
    }

    fn at(&self, kind: Tok) -> bool {
        self.kind() == kind
    }

    fn start(&self) -> usize {
        self.peek().span.start as usize
    }

    /// The token before the current one.
    fn previous(&self) -> Token {
        match self.pos.checked_sub(1) {
            Some(pos) => self.tokens[pos],
            None => Token { kind: Tok::Eof, span: Span::new(0, 0) },
        }
    }

    /// From an offset to the end of the last token read.
    fn span_from(&self, start: usize) -> Span {
        Span::new(start, (self.previous().span.end as usize).max(start))
    }

    fn bump(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Tok::Eof {
            self.pos += 1;
            self.line += u32::from(token.kind == Tok::Newline);
        }
        token
    }

    fn eat(&mut self, kind: Tok) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    fn text(&self, token: Token) -> &'s str {
        token.span.text(self.source)
    }

    fn symbol(&self, token: Token) -> Symbol {
        let text = self.text(token);
        // The micro sign is the same letter as the Greek one in Python's normal form, and both are on keyboards.
        if text.contains('\u{B5}') { text.replace('\u{B5}', "\u{3BC}").into() } else { Symbol::new(text) }
    }

    fn ends_statement(&self) -> bool {
        matches!(self.kind(), Tok::Newline | Tok::Semicolon | Tok::Eof)
    }

    // ---- Errors ----------------------------------------------------------------------------------------------

    #[cold]
    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        let is_first_of_line = self.errors.last().is_none_or(|last| last.line != self.line);
        if is_first_of_line && self.errors.len() < MAX_ERRORS {
            self.errors.push(LineError { line: self.line, diagnostic });
        }
        Reported
    }

    #[cold]
    fn error<T>(&mut self, code: Code, span: Span, message: impl Into<String>) -> Parsed<T> {
        Err(self.report(Diagnostic::error(code, span, message)))
    }

    /// Leaves out the rest of the logical line, without the `Newline`.
    fn skip_to_newline(&mut self) {
        while !matches!(self.kind(), Tok::Newline | Tok::Eof | Tok::Indent | Tok::Dedent) {
            self.bump();
        }
    }

    /// Leaves out a block, from its `Indent` to the matching `Dedent`, if one begins here.
    fn skip_block(&mut self) {
        if !self.at(Tok::Indent) {
            return;
        }
        let mut open = 0u32;
        loop {
            match self.bump().kind {
                Tok::Indent => open += 1,
                Tok::Dedent => open -= 1,
                Tok::Eof => return,
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    /// Leaves out the rest of the line and the block that belongs to it.
    fn skip_statement(&mut self) {
        self.skip_to_newline();
        self.eat(Tok::Newline);
        self.skip_block();
    }

    // ---- Depth -----------------------------------------------------------------------------------------------

    fn enter(&mut self, cost: u32) -> Parsed<()> {
        if self.depth + cost > MAX_DEPTH {
            return self.too_deep();
        }
        self.depth += cost;
        Ok(())
    }

    #[cold]
    fn too_deep<T>(&mut self) -> Parsed<T> {
        let span = self.peek().span;
        Err(self.report(
            Diagnostic::error(Code::K008, span, "nested too deeply")
                .help("name a part of it: assign it to a variable, or make it a function"),
        ))
    }

    // ---- Nodes -----------------------------------------------------------------------------------------------

    fn height(&self, expr: ExprId) -> u16 {
        self.heights[expr.as_u32() as usize]
    }

    /// Adds an expression above others, of which the highest is `below` high.
    fn add_expr(&mut self, kind: ExprKind, span: Span, below: u16) -> Parsed<ExprId> {
        if below >= MAX_HEIGHT {
            return Err(self.report(
                Diagnostic::error(Code::K008, span, "expression with too many operations in a row")
                    .note(format!("at most {MAX_HEIGHT} are evaluated one after the other in one expression"))
                    .help("compute a part of it in a variable first"),
            ));
        }
        self.heights.push(below + 1);
        Ok(self.ast.exprs.push(Expr { kind, span }))
    }

    fn add_leaf(&mut self, kind: ExprKind, span: Span) -> ExprId {
        self.heights.push(1);
        self.ast.exprs.push(Expr { kind, span })
    }

    fn highest(&self, exprs: &[ExprId]) -> u16 {
        exprs.iter().map(|&expr| self.height(expr)).max().unwrap_or(0)
    }

    /// What stands for an expression whose error was reported; the rest of the line is left out.
    fn error_expr(&mut self) -> ExprId {
        self.skips_line = true;
        let span = self.peek().span;
        self.add_leaf(ExprKind::Error, span)
    }

    fn add_stmt(&mut self, kind: StmtKind, span: Span) -> Stmt {
        let id = StmtId::from_u32(self.ast.stmt_count);
        self.ast.stmt_count += 1;
        Stmt { id, kind, span }
    }
}
