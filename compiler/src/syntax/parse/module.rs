//! The module level: docstring, imports, constants, functions.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Symbol};
use crate::syntax::ast::{Block, ExprId, ExprKind, Import, ModuleConstant, Name, Stmt, StmtKind};
use crate::syntax::token::Tok;

impl Parser<'_> {
    /// The whole file.
    pub(super) fn module(&mut self) {
        self.ast.doc = self.docstring();
        loop {
            let mark = self.mark();
            if self.refuse_keyword_as_name().is_err() {
                self.skip_statement();
            }
            match self.kind() {
                Tok::Eof => return,
                Tok::Newline | Tok::Dedent => {
                    self.bump();
                }
                Tok::Indent => self.unexpected_indent(),
                Tok::Def => {
                    let start = self.start();
                    self.function(Vec::new(), start);
                }
                Tok::At => self.decorated(),
                Tok::Import | Tok::From => self.import_line(),
                Tok::If if self.is_main_guard() => self.skip_main_guard(),
                _ => self.module_statement(),
            }
            self.end_item(mark);
        }
    }

    // ---- Functions and what is skipped -----------------------------------------------------------------------

    fn decorated(&mut self) {
        let start = self.start();
        let mut decorators = Vec::new();
        let mut is_wrong = false;
        while self.eat(Tok::At) {
            self.is_in_decorator = true;
            let decorator = self.expr();
            self.is_in_decorator = false;
            match decorator {
                Ok(decorator) if self.at(Tok::Newline) => decorators.push(decorator),
                Ok(_) => {
                    self.unexpected_after_statement();
                    is_wrong = true;
                }
                Err(super::Reported) => is_wrong = true,
            }
            self.skip_to_newline();
            self.eat(Tok::Newline);
        }
        match self.kind() {
            Tok::Def => self.function(decorators, start),
            Tok::Class | Tok::Async => self.module_statement(),
            _ if is_wrong => {}
            _ => {
                let diagnostic = self.unexpected("`def` after a decorator");
                self.report(diagnostic);
                self.skip_statement();
            }
        }
    }

    /// `if __name__ == "__main__":`, with or without brackets.
    fn is_main_guard(&self) -> bool {
        let at = if self.kind_after(1) == Tok::LParen { 2 } else { 1 };
        let is_name = self.tokens.get(self.pos + at).is_some_and(|token| self.text(*token) == "__name__");
        let colon = if at == 2 { [Tok::RParen, Tok::Colon] } else { [Tok::Colon, self.kind_after(at + 4)] };
        is_name
            && self.kind_after(at + 1) == Tok::EqEq
            && self.kind_after(at + 2) == Tok::Str
            && [self.kind_after(at + 3), self.kind_after(at + 4)] == colon
    }

    /// What Python would run as a script is not for kernels, and may be any Python.
    fn skip_main_guard(&mut self) {
        self.skip_statement();
        while matches!(self.kind(), Tok::Elif | Tok::Else) {
            self.skip_statement();
        }
    }

    // ---- Constants and other statements ----------------------------------------------------------------------

    fn module_statement(&mut self) {
        if let Some((what, help)) = self.refused_statement() {
            self.refuse_statement(what, help);
            self.skip_statement();
            while matches!(self.kind(), Tok::Except | Tok::Else | Tok::Finally) {
                self.skip_statement();
            }
            return;
        }
        if matches!(self.kind(), Tok::If | Tok::For | Tok::While) {
            self.refuse_module_level(self.peek().span);
            self.skip_statement();
            while matches!(self.kind(), Tok::Elif | Tok::Else) {
                self.skip_statement();
            }
            return;
        }
        let mut stmts = Block::new();
        let line = self.line;
        if self.simple_line(&mut stmts).is_err() {
            self.skip_statement();
        }
        // What is wrong with them belongs to their line, which is behind.
        let next_line = std::mem::replace(&mut self.line, line);
        for stmt in stmts {
            self.module_constant(stmt);
        }
        self.line = next_line;
    }

    fn refuse_module_level(&mut self, span: crate::base::Span) {
        self.report(
            Diagnostic::error(Code::K201, span, "statement at module level")
                .note("a file consists of imports, constants and functions")
                .help("move it into a function, such as `def main():`"),
        );
    }

    fn module_constant(&mut self, stmt: Stmt) {
        // Statements of the module level have no number of their own.
        match stmt.kind {
            StmtKind::Pass | StmtKind::AnnAssign { value: None, .. } => {}
            StmtKind::AnnAssign { target, value: Some(value), .. } => {
                if self.bind_constant(target, value).is_err() {
                    self.refuse_module_level(stmt.span);
                }
            }
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    if self.bind_constant(target, value).is_err() {
                        self.refuse_module_level(stmt.span);
                        return;
                    }
                }
            }
            _ => self.refuse_module_level(stmt.span),
        }
    }

    /// Binds a name, or the names of a tuple to the parts of one that is written out.
    fn bind_constant(&mut self, target: ExprId, value: ExprId) -> Result<(), ()> {
        let span = self.ast.exprs[target].span;
        let pairs: Vec<(ExprId, ExprId)> = match (&self.ast.exprs[target].kind, &self.ast.exprs[value].kind) {
            (ExprKind::Name(name), _) => {
                let name = Name { name: name.clone(), span };
                self.ast.constants.push(ModuleConstant { name, value });
                return Ok(());
            }
            (
                ExprKind::Tuple(names) | ExprKind::List(names),
                ExprKind::Tuple(values) | ExprKind::List(values),
            ) if names.len() == values.len() => names.iter().copied().zip(values.iter().copied()).collect(),
            _ => return Err(()),
        };
        pairs.into_iter().try_for_each(|(name, value)| self.bind_constant(name, value))
    }

    // ---- Imports ---------------------------------------------------------------------------------------------

    fn import_line(&mut self) {
        loop {
            let import = if self.at(Tok::Import) { self.import() } else { self.import_from() };
            if import.is_err() {
                break;
            }
            if !self.eat(Tok::Semicolon) || !matches!(self.kind(), Tok::Import | Tok::From) {
                break;
            }
        }
        let has_more =
            self.previous().kind == Tok::Semicolon && !matches!(self.kind(), Tok::Newline | Tok::Eof);
        if has_more {
            self.module_statement();
            return;
        }
        if !matches!(self.kind(), Tok::Newline | Tok::Eof) {
            self.unexpected_after_statement();
        }
        self.skip_to_newline();
        self.eat(Tok::Newline);
    }

    /// `import a.b as c, d`.
    fn import(&mut self) -> Parsed<()> {
        self.bump();
        loop {
            let start = self.start();
            let first = self.name("the name of a module")?;
            let path = self.dotted(&first)?;
            let (name, path) = if self.eat(Tok::As) {
                (self.name("a name after `as`")?.name, path)
            } else {
                // `import numpy.random` binds `numpy`.
                (first.name.clone(), first.name)
            };
            let span = self.span_from(start);
            self.ast.imports.push(Import { name, path, span });
            if !self.eat(Tok::Comma) {
                return Ok(());
            }
        }
    }

    /// `from a.b import c as d, (e)`.
    fn import_from(&mut self) -> Parsed<()> {
        let from = self.bump().span;
        if matches!(self.kind(), Tok::Dot | Tok::Ellipsis) {
            let span = from.to(self.peek().span);
            return Err(self.report(
                Diagnostic::error(Code::K204, span, "relative import")
                    .note("a kernel module is one file")
                    .help("copy the functions into this file"),
            ));
        }
        let first = self.name("the name of a module")?;
        let module = self.dotted(&first)?;
        if !self.eat(Tok::Import) {
            let diagnostic = self.unexpected("`import`");
            return Err(self.report(diagnostic));
        }
        if self.at(Tok::Star) {
            let span = self.bump().span;
            return Err(self.report(
                Diagnostic::error(Code::K204, span, format!("`from {module} import *`"))
                    .note("it would not say where a name comes from")
                    .help(format!(
                        "write `import {module}`, or name what is used: `from {module} import ...`"
                    )),
            ));
        }
        let open = self.at(Tok::LParen).then(|| self.bump().span);
        loop {
            let start = self.start();
            let member = self.name("a name to import")?;
            let name = if self.eat(Tok::As) { self.name("a name after `as`")? } else { member.clone() };
            let span = self.span_from(start);
            let path = Symbol::new(format!("{module}.{}", member.name));
            // `from __future__ import annotations` and its like change nothing here.
            if module != "__future__" {
                self.ast.imports.push(Import { name: name.name, path, span });
            }
            if !self.eat(Tok::Comma) || (open.is_some() && self.at(Tok::RParen)) {
                break;
            }
        }
        match open {
            Some(open) if !self.eat(Tok::RParen) => {
                let diagnostic = self.unexpected("`,` or `)`").label(open, "opened here");
                Err(self.report(diagnostic))
            }
            _ => Ok(()),
        }
    }

    fn dotted(&mut self, first: &Name) -> Parsed<Symbol> {
        if !self.at(Tok::Dot) {
            return Ok(first.name.clone());
        }
        let mut path = first.name.to_string();
        while self.eat(Tok::Dot) {
            path.push('.');
            path.push_str(&self.name("a name after `.`")?.name);
        }
        Ok(Symbol::new(path))
    }
}
