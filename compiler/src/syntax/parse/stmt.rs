//! Simple statements, and the lines that they stand on.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{BinaryOp, Block, ExprId, ExprKind, Literal, StmtKind};
use crate::syntax::token::Tok;

impl Parser<'_> {
    /// Statements up to the `Dedent` that ends the block, or the end of the file; does not read the `Dedent`.
    pub(super) fn statements(&mut self, out: &mut Block) {
        let mut extra_indents = 0u32;
        loop {
            match self.kind() {
                Tok::Eof => return,
                Tok::Dedent if extra_indents == 0 => return,
                Tok::Dedent => {
                    extra_indents -= 1;
                    self.bump();
                }
                Tok::Indent => {
                    extra_indents += 1;
                    self.unexpected_indent();
                }
                Tok::Newline => {
                    self.bump();
                }
                _ => {
                    if self.statement(out).is_err() {
                        self.skip_to_newline();
                        let was_head = self.previous().kind == Tok::Colon;
                        self.eat(Tok::Newline);
                        // What follows indented belongs to the head that was not understood.
                        if was_head && self.at(Tok::Indent) {
                            extra_indents += 1;
                            self.bump();
                        }
                    }
                }
            }
        }
    }

    /// K003, and goes on inside.
    pub(super) fn unexpected_indent(&mut self) {
        let indent = self.bump().span;
        self.report(
            Diagnostic::error(Code::K003, indent, "this line is indented without a reason")
                .help("indent it like the line before"),
        );
    }

    fn statement(&mut self, out: &mut Block) -> Parsed<()> {
        self.refuse_keyword_as_name()?;
        if let Some((what, help)) = self.refused_statement() {
            self.refused(what, help);
            return Ok(());
        }
        match self.kind() {
            Tok::If => self.if_statement(out),
            Tok::While => self.while_statement(out),
            Tok::For => self.for_statement(out),
            Tok::Def | Tok::At => self.refuse_nested_function(),
            Tok::Elif | Tok::Else | Tok::Except | Tok::Finally => return self.branch_without_head(),
            _ => return self.simple_line(out),
        }
        Ok(())
    }

    /// `a = 1; b = 2` and the end of the line.
    pub(super) fn simple_line(&mut self, out: &mut Block) -> Parsed<()> {
        loop {
            self.simple_statement(out)?;
            if std::mem::take(&mut self.skips_line) {
                self.skip_to_newline();
            }
            if !self.eat(Tok::Semicolon) || matches!(self.kind(), Tok::Newline | Tok::Eof) {
                break;
            }
        }
        if !self.ends_statement() {
            self.unexpected_after_statement();
            return Err(super::Reported);
        }
        self.eat(Tok::Newline);
        Ok(())
    }

    fn simple_statement(&mut self, out: &mut Block) -> Parsed<()> {
        let start = self.start();
        let kind = match self.kind() {
            Tok::Pass => {
                self.bump();
                StmtKind::Pass
            }
            Tok::Break => self.loop_exit(StmtKind::Break)?,
            Tok::Continue => self.loop_exit(StmtKind::Continue)?,
            Tok::Return => self.return_statement()?,
            Tok::Raise => self.raise_statement()?,
            Tok::Assert => self.assert_statement()?,
            Tok::Del => self.del_statement()?,
            Tok::Import | Tok::From => return self.refuse_inner_import(),
            Tok::If | Tok::While | Tok::For | Tok::Def | Tok::Class | Tok::With | Tok::Try => {
                return self.block_inside_line();
            }
            Tok::Global | Tok::Nonlocal => {
                if let Some((what, help)) = self.refused_statement() {
                    self.refuse_statement(what, help);
                }
                return Err(super::Reported);
            }
            _ => self.expr_statement()?,
        };
        let span = self.span_from(start);
        let stmt = self.add_stmt(kind, span);
        out.push(stmt);
        Ok(())
    }

    fn loop_exit(&mut self, kind: StmtKind) -> Parsed<StmtKind> {
        let keyword = self.bump();
        if self.loops == 0 {
            let message = format!("`{}` outside a loop", self.text(keyword));
            return self.error(Code::K007, keyword.span, message);
        }
        Ok(kind)
    }

    fn return_statement(&mut self) -> Parsed<StmtKind> {
        let keyword = self.bump().span;
        if !self.is_in_function {
            return self.error(Code::K007, keyword, "`return` outside a function");
        }
        let value = if self.ends_statement() { None } else { Some(self.value()) };
        Ok(StmtKind::Return(value))
    }

    fn raise_statement(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let value = if self.ends_statement() { None } else { Some(self.expr()?) };
        if self.at(Tok::From) {
            let span = self.peek().span;
            return Err(self.report(
                Diagnostic::error(Code::K201, span, "kernels have no `raise ... from`")
                    .help("leave out `from` and what follows"),
            ));
        }
        Ok(StmtKind::Raise(value))
    }

    fn assert_statement(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let cond = self.expr()?;
        self.refuse_assign_in_condition()?;
        let message = if self.eat(Tok::Comma) { Some(self.expr()?) } else { None };
        Ok(StmtKind::Assert { cond, message })
    }

    fn del_statement(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let targets = self.expr_list()?;
        self.check_target(targets, "delete")?;
        let mut flat = Vec::new();
        self.flatten(targets, &mut flat);
        Ok(StmtKind::Del(flat))
    }

    /// The targets inside tuples and lists, left to right.
    fn flatten(&self, target: ExprId, out: &mut Vec<ExprId>) {
        match &self.ast.exprs[target].kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for &item in items {
                    self.flatten(item, out);
                }
            }
            _ => out.push(target),
        }
    }

    /// An expression on its own, or any kind of assignment.
    fn expr_statement(&mut self) -> Parsed<StmtKind> {
        let first = self.expr_list()?;
        match self.kind() {
            Tok::Assign => self.assignment(first),
            Tok::Colon if matches!(self.ast.exprs[first].kind, ExprKind::Name(_)) => self.annotated(first),
            Tok::Colon
                if self.can_be_target(first) && !matches!(self.kind_after(1), Tok::Newline | Tok::Eof) =>
            {
                let span = self.ast.exprs[first].span;
                self.refuse_statement_at(
                    span,
                    "annotations of anything but a variable",
                    "leave out the annotation",
                )
            }
            Tok::ColonAssign => self.refuse_walrus(),
            kind => match augmented_op(kind) {
                Some(op) => self.augmented(first, op),
                None => Ok(match &self.ast.exprs[first].kind {
                    ExprKind::Literal(Literal::Str(_) | Literal::Ellipsis) => StmtKind::Pass,
                    _ => StmtKind::Expr(first),
                }),
            },
        }
    }

    fn can_be_target(&self, expr: ExprId) -> bool {
        matches!(self.ast.exprs[expr].kind, ExprKind::Attribute { .. } | ExprKind::Index { .. })
    }

    fn assignment(&mut self, first: ExprId) -> Parsed<StmtKind> {
        let mut targets = vec![first];
        loop {
            let target = targets[targets.len() - 1];
            self.check_target(target, "assign to")?;
            self.bump();
            let value = self.value();
            if !self.at(Tok::Assign) || self.skips_line {
                return Ok(StmtKind::Assign { targets, value });
            }
            targets.push(value);
        }
    }

    fn annotated(&mut self, target: ExprId) -> Parsed<StmtKind> {
        self.refuse_lonely_colon(target)?;
        self.bump();
        let annotation = self.expr()?;
        let value = if self.eat(Tok::Assign) { Some(self.value()) } else { None };
        Ok(StmtKind::AnnAssign { target, annotation, value })
    }

    fn augmented(&mut self, target: ExprId, op: BinaryOp) -> Parsed<StmtKind> {
        let span = self.ast.exprs[target].span;
        if matches!(self.ast.exprs[target].kind, ExprKind::Tuple(_) | ExprKind::List(_)) {
            let message = format!("`{}=` changes one variable at a time", op.symbol());
            return self.error(Code::K006, span, message);
        }
        self.check_target(target, "assign to")?;
        self.bump();
        let value = self.value();
        Ok(StmtKind::AugAssign { target, op, value })
    }

    /// A value after which nothing else matters: where it is wrong, the statement stays.
    fn value(&mut self) -> ExprId {
        match self.expr_list() {
            Ok(value) => value,
            Err(super::Reported) => self.error_expr(),
        }
    }

    // ---- Refusals --------------------------------------------------------------------------------------------

    /// A statement that kernels do not have, with everything that belongs to it.
    fn refused(&mut self, what: &str, help: &str) {
        self.refuse_statement(what, help);
        let is_body_parsed = matches!(self.kind(), Tok::With | Tok::Try);
        self.skip_to_newline();
        self.eat(Tok::Newline);
        if !is_body_parsed {
            self.skip_block();
            return;
        }
        // Errors inside are worth seeing, and so are those of the branches of `try`.
        loop {
            self.block_inside(&mut Vec::new());
            if !matches!(self.kind(), Tok::Except | Tok::Else | Tok::Finally) {
                return;
            }
            self.skip_to_newline();
            self.eat(Tok::Newline);
        }
    }

    /// A function inside another one: its head is refused, its block left out.
    fn refuse_nested_function(&mut self) {
        let start = self.start();
        while self.at(Tok::At) {
            self.skip_to_newline();
            self.eat(Tok::Newline);
        }
        let mut span = self.peek().span;
        if self.eat(Tok::Def) && self.at(Tok::Name) {
            span = span.to(self.peek().span);
        }
        if span.start == span.end {
            span = Span::new(start, start + 1);
        }
        self.report(
            Diagnostic::error(Code::K201, span, "kernels have no functions inside functions")
                .help("move it to module level, and pass what it needs as arguments"),
        );
        self.skip_statement();
    }

    fn refuse_inner_import(&mut self) -> Parsed<()> {
        let span = self.peek().span;
        Err(self.report(
            Diagnostic::error(Code::K204, span, "import inside a function")
                .help("move it to the top of the file"),
        ))
    }

    fn block_inside_line(&mut self) -> Parsed<()> {
        let token = self.peek();
        let diagnostic =
            Diagnostic::error(Code::K004, token.span, format!("`{}` must begin a line", self.text(token)));
        Err(self.report(diagnostic.help("write it on a line of its own, indented")))
    }

    /// `else` and its like where no `if` or loop stands before.
    fn branch_without_head(&mut self) -> Parsed<()> {
        let token = self.peek();
        let (head, help) = match token.kind {
            Tok::Elif => ("`if`", "indent it like its `if`, which ends right before it"),
            Tok::Else => ("`if`, `for` or `while`", "indent it like its `if`, which ends right before it"),
            _ => ("`try`", "kernels have no `try`: test for the condition with `if`"),
        };
        let message = format!("`{}` without {head}", self.text(token));
        Err(self.report(Diagnostic::error(Code::K004, token.span, message).help(help)))
    }

    /// K004 for `if a = b`.
    pub(super) fn refuse_assign_in_condition(&mut self) -> Parsed<()> {
        let span = self.peek().span;
        match self.kind() {
            Tok::Assign => Err(self.report(
                Diagnostic::error(Code::K004, span, "`=` in a condition")
                    .primary("this assigns")
                    .help("compare with `==`"),
            )),
            Tok::ColonAssign => self.refuse_walrus(),
            _ => Ok(()),
        }
    }
}

fn augmented_op(kind: Tok) -> Option<BinaryOp> {
    Some(match kind {
        Tok::PlusAssign => BinaryOp::Add,
        Tok::MinusAssign => BinaryOp::Sub,
        Tok::StarAssign => BinaryOp::Mul,
        Tok::SlashAssign => BinaryOp::Div,
        Tok::SlashSlashAssign => BinaryOp::FloorDiv,
        Tok::PercentAssign => BinaryOp::Mod,
        Tok::StarStarAssign => BinaryOp::Pow,
        Tok::AtAssign => BinaryOp::MatMul,
        Tok::AmpAssign => BinaryOp::BitAnd,
        Tok::PipeAssign => BinaryOp::BitOr,
        Tok::CaretAssign => BinaryOp::BitXor,
        Tok::ShlAssign => BinaryOp::Shl,
        Tok::ShrAssign => BinaryOp::Shr,
        _ => return None,
    })
}
