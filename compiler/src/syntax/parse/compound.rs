//! Statements with blocks: `if`, `while`, `for`, `def`.
//!
//! A head that is wrong keeps its block, so that errors inside are seen and those outside make no others.

use super::{MAX_BLOCKS, Parsed, Parser};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{Block, ExprId, ExprKind, Function, Name, StmtKind};
use crate::syntax::token::Tok;

/// One `if` or `elif`.
struct Arm {
    cond: ExprId,
    body: Block,
    span: Span,
}

impl Parser<'_> {
    pub(super) fn if_statement(&mut self, out: &mut Block) {
        let blocks_before = self.blocks;
        let mut arms = vec![self.arm("if")];
        let mut orelse = Block::new();
        loop {
            if self.at(Tok::Elif) {
                self.elif(&mut arms);
            } else if self.at(Tok::Else) && self.kind_after(1) == Tok::If {
                let span = self.bump().span.to(self.peek().span);
                self.report(
                    Diagnostic::error(Code::K004, span, "`else if` is one word").help("write `elif`"),
                );
                self.elif(&mut arms);
            } else {
                break;
            }
        }
        if self.at(Tok::Else) {
            self.else_branch(&mut orelse);
        }
        self.blocks = blocks_before;
        for (number, arm) in arms.into_iter().enumerate().rev() {
            let kind = StmtKind::If { cond: arm.cond, body: arm.body, orelse };
            let stmt = self.add_stmt(kind, arm.span);
            if number == 0 {
                out.push(stmt);
                return;
            }
            orelse = vec![stmt];
        }
    }

    /// Every `elif` nests in the tree, so that too many of them are refused as blocks are.
    fn elif(&mut self, arms: &mut Vec<Arm>) {
        if self.blocks >= MAX_BLOCKS {
            let span = self.peek().span;
            self.report(
                Diagnostic::error(Code::K008, span, "too many `elif`")
                    .help("look the value up in an array, or split the chain into functions"),
            );
            self.skip_statement();
            return;
        }
        self.blocks += 1;
        let arm = self.arm("elif");
        arms.push(arm);
    }

    fn arm(&mut self, keyword: &str) -> Arm {
        let start = self.start();
        self.bump();
        let cond = self.condition();
        let span = self.span_from(start);
        let mut body = Block::new();
        self.suite(keyword, span, &mut body);
        Arm { cond, body, span }
    }

    /// The condition of `if` or `while`; an error leaves out the rest of the line.
    fn condition(&mut self) -> ExprId {
        let cond = self.expr().and_then(|cond| {
            self.refuse_assign_in_condition()?;
            Ok(cond)
        });
        match cond {
            Ok(cond) => cond,
            Err(super::Reported) => self.error_expr(),
        }
    }

    fn else_branch(&mut self, orelse: &mut Block) {
        let span = self.bump().span;
        self.suite("else", span, orelse);
    }

    pub(super) fn while_statement(&mut self, out: &mut Block) {
        let start = self.start();
        self.bump();
        let cond = self.condition();
        let span = self.span_from(start);
        let (body, orelse) = self.loop_blocks("while", span);
        let stmt = self.add_stmt(StmtKind::While { cond, body, orelse }, span);
        out.push(stmt);
    }

    pub(super) fn for_statement(&mut self, out: &mut Block) {
        let start = self.start();
        self.bump();
        let (target, iter) = match self.for_head() {
            Ok(head) => head,
            Err(super::Reported) => {
                let error = self.error_expr();
                (error, error)
            }
        };
        let span = self.span_from(start);
        let (body, orelse) = self.loop_blocks("for", span);
        let stmt = self.add_stmt(StmtKind::For { target, iter, body, orelse }, span);
        out.push(stmt);
    }

    fn for_head(&mut self) -> Parsed<(ExprId, ExprId)> {
        if self.at(Tok::LParen) && self.kind_after(1) == Tok::Name && self.kind_after(2) == Tok::Assign {
            let span = self.peek().span;
            let diagnostic =
                Diagnostic::error(Code::K004, span, "a loop with a start, a condition and a step");
            return Err(self.report(diagnostic.help("write `for i in range(start, stop, step):`")));
        }
        let target = self.target_list()?;
        if !self.at(Tok::In) {
            let mut diagnostic = self.unexpected("`in`");
            if matches!(self.kind(), Tok::Assign | Tok::Semicolon | Tok::Colon) {
                diagnostic = diagnostic.help("write `for i in range(n):`");
            }
            return Err(self.report(diagnostic));
        }
        self.check_loop_target(target)?;
        self.bump();
        Ok((target, self.expr_list()?))
    }

    /// A name, or a tuple of such.
    fn check_loop_target(&mut self, target: ExprId) -> Parsed<()> {
        let expr = &self.ast.exprs[target];
        match &expr.kind {
            ExprKind::Name(_) => Ok(()),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for item in items.clone() {
                    self.check_loop_target(item)?;
                }
                Ok(())
            }
            _ => {
                let span = expr.span;
                Err(self.report(
                    Diagnostic::error(Code::K006, span, "a loop assigns to a name, or to a tuple of names")
                        .help("loop over a name, and assign inside: `for i in ...:`, then `x[0] = i`"),
                ))
            }
        }
    }

    fn loop_blocks(&mut self, keyword: &str, head: Span) -> (Block, Block) {
        let (mut body, mut orelse) = (Block::new(), Block::new());
        self.loops += 1;
        self.suite(keyword, head, &mut body);
        self.loops -= 1;
        if self.at(Tok::Else) {
            self.else_branch(&mut orelse);
        }
        (body, orelse)
    }

    // ---- Functions -------------------------------------------------------------------------------------------

    /// `def` at module level; the decorators before it, if any, begin at `start`.
    pub(super) fn function(&mut self, decorators: Vec<ExprId>, start: usize) {
        let head_start = self.start();
        let keyword = self.bump().span;
        let name = self.name("the function's name");
        let is_named = name.is_ok();
        let name = name.unwrap_or(Name { name: "".into(), span: keyword });
        let mut params = Vec::new();
        let mut returns = None;
        let head = if is_named { self.params(&mut params) } else { Err(super::Reported) };
        let head = head.and_then(|()| {
            if self.eat(Tok::Arrow) {
                returns = Some(self.expr()?);
            }
            Ok(())
        });
        self.skips_line |= head.is_err();
        let head_span = self.span_from(head_start);
        let mut body = Block::new();
        self.is_in_function = true;
        let mut doc = None;
        self.suite_with_doc("def", head_span, &mut body, Some(&mut doc));
        self.is_in_function = false;
        let end = self.end_of_block(head_span);
        if is_named {
            let span = Span::new(start, end);
            self.ast.functions.push(Function {
                name,
                decorators,
                params,
                returns,
                body,
                doc,
                span,
                head_span,
                is_beside_kernels: false,
            });
        }
    }

    /// Where the last token before the current one ends that is not layout.
    fn end_of_block(&self, head: Span) -> usize {
        let is_text = |token: &&crate::syntax::token::Token| {
            !matches!(token.kind, Tok::Newline | Tok::Dedent | Tok::Indent | Tok::Eof)
        };
        self.tokens[..self.pos].iter().rev().find(is_text).map_or(head.end, |token| token.span.end) as usize
    }

    // ---- Blocks ----------------------------------------------------------------------------------------------

    /// `:` and the block, or the statements on the same line.
    fn suite(&mut self, keyword: &str, head: Span, out: &mut Block) {
        self.suite_with_doc(keyword, head, out, None);
    }

    fn suite_with_doc(
        &mut self,
        keyword: &str,
        head: Span,
        out: &mut Block,
        doc: Option<&mut Option<crate::base::Symbol>>,
    ) {
        let is_head_wrong = std::mem::take(&mut self.skips_line) || !self.colon(keyword);
        if is_head_wrong {
            self.skip_to_newline();
        }
        if !self.at(Tok::Newline) {
            if !matches!(self.kind(), Tok::Eof | Tok::Indent | Tok::Dedent) && self.simple_line(out).is_err()
            {
                self.skip_to_newline();
                self.eat(Tok::Newline);
                self.block_inside(&mut Vec::new());
            }
            return;
        }
        if self.kind_after(1) != Tok::Indent && !is_head_wrong {
            self.report(
                Diagnostic::error(Code::K003, head, format!("`{keyword}` needs an indented block"))
                    .help("indent the lines of the block by 4 spaces, or write `pass` for an empty one"),
            );
        }
        self.bump();
        if let Some(doc) = doc
            && self.at(Tok::Indent)
            && self.kind_after(1) == Tok::Str
        {
            // The `Indent` stays open over the docstring.
            self.bump();
            *doc = self.docstring();
            self.block_after_indent(out);
            return;
        }
        self.block_inside(out);
    }

    /// Reads `:`, or says what is there instead.
    fn colon(&mut self, keyword: &str) -> bool {
        if self.eat(Tok::Colon) {
            return true;
        }
        if self.at(Tok::Error) {
            return false;
        }
        let token = self.peek();
        let diagnostic = if token.kind == Tok::LBrace {
            Diagnostic::error(Code::K004, token.span, "a block in curly braces")
                .primary("write `:` here")
                .help("end the line with `:` and indent the lines of the block")
        } else if matches!(token.kind, Tok::Newline | Tok::Eof) {
            Diagnostic::error(
                Code::K004,
                self.previous().span.after(),
                format!("missing `:` after `{keyword}`"),
            )
            .primary("write `:` here")
        } else if token.kind == Tok::Name && self.text(token) == "then" {
            self.unexpected("`:`").help("write `:` instead of `then`")
        } else {
            self.unexpected("`:`")
        };
        self.report(diagnostic);
        false
    }

    /// The block that begins here, if there is an `Indent`.
    pub(super) fn block_inside(&mut self, out: &mut Block) {
        if self.at(Tok::Indent) {
            self.bump();
            self.block_after_indent(out);
        }
    }

    fn block_after_indent(&mut self, out: &mut Block) {
        if self.blocks >= MAX_BLOCKS || self.enter(3).is_err() {
            self.report(
                Diagnostic::error(Code::K008, self.peek().span, "blocks nested too deeply")
                    .help("move the inner part into a function"),
            );
            self.skip_open_block();
            return;
        }
        self.blocks += 1;
        self.statements(out);
        self.eat(Tok::Dedent);
        self.blocks -= 1;
        self.depth -= 3;
    }

    /// Leaves out the rest of a block whose `Indent` was read.
    fn skip_open_block(&mut self) {
        let mut open = 1u32;
        while open > 0 {
            match self.bump().kind {
                Tok::Indent => open += 1,
                Tok::Dedent => open -= 1,
                Tok::Eof => return,
                _ => {}
            }
        }
    }
}
