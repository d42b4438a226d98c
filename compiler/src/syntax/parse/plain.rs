//! Plain Python beside kernels.
//!
//! A file written for Numba holds more than kernels: a class, a function that plots, a script's statements. Python runs them, and they
//! may be any Python. So in a file in which a decorator says what is compiled (`@njit` and its relatives), all other definitions and
//! statements that kernels do not have are set aside. They are an error where a kernel uses them. Without such a decorator every
//! function is meant to be compiled, and what kernels do not have is an error where it stands.

use std::ops::Range;

use super::Parser;
use crate::base::{Code, Diagnostic};
use crate::syntax::ast::{ExprId, ExprKind, Function, Name, Plain};
use crate::syntax::lexer::LineError;
use crate::syntax::token::Tok;

/// Where a definition or statement of the module level begins: what there was before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pos: usize,
    errors: usize,
    functions: usize,
    constants: usize,
}

/// One in which something is wrong.
#[derive(Debug)]
pub(super) struct Faulty {
    errors: Vec<LineError>,
    functions: Range<usize>,
    constants: Range<usize>,
    name: Option<Name>,
}

/// Last parts of the decorators that compile a function, or make something of it that only Numba does.
const COMPILES: &[&str] = &[
    "njit",
    "jit",
    "kernel",
    "vectorize",
    "guvectorize",
    "stencil",
    "cfunc",
    "generated_jit",
    "unchecked_parallel",
];

impl Parser<'_> {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            pos: self.pos,
            errors: self.errors.len(),
            functions: self.ast.functions.len(),
            constants: self.ast.constants.len(),
        }
    }

    /// Keeps the errors since `mark` together, until it is known whether the file has kernels.
    pub(super) fn end_item(&mut self, mark: Mark) {
        if self.errors.len() == mark.errors {
            return;
        }
        let errors = self.errors.split_off(mark.errors);
        let name = self.defined_name(mark.pos);
        self.faulty.push(Faulty {
            errors,
            functions: mark.functions..self.ast.functions.len(),
            constants: mark.constants..self.ast.constants.len(),
            name,
        });
    }

    /// The name that the definition or assignment at `start` binds.
    fn defined_name(&self, start: usize) -> Option<Name> {
        let tokens = &self.tokens[start..self.pos.max(start)];
        let is_assigned = matches!(tokens, [first, next, ..] if first.kind == Tok::Name && matches!(next.kind, Tok::Assign | Tok::Colon));
        let token = if is_assigned {
            tokens[0]
        } else {
            let is_definition = |pair: &&[_]| matches!(pair, [a, b] if is_keyword(a) && is_name(b));
            tokens.windows(2).find(is_definition)?[1]
        };
        Some(Name { name: self.symbol(token), span: token.span })
    }

    /// At the end of the file: sets aside what is Python's, and reports the errors of the rest.
    pub(super) fn set_plain_aside(&mut self) {
        let faulty = std::mem::take(&mut self.faulty);
        let kernels: Vec<bool> = self.ast.functions.iter().map(|function| self.is_kernel(function)).collect();
        let has_kernels = kernels.contains(&true);
        for (function, &is_kernel) in self.ast.functions.iter_mut().zip(&kernels) {
            function.is_beside_kernels = has_kernels && !is_kernel;
        }
        let mut functions = vec![false; self.ast.functions.len()];
        let mut constants = vec![false; self.ast.constants.len()];
        for item in faulty {
            let is_plain = has_kernels && !kernels[item.functions.clone()].contains(&true);
            let (refused, wrong): (Vec<_>, Vec<_>) =
                item.errors.into_iter().partition(|error| is_plain && is_refusal(&error.diagnostic));
            self.errors.extend(wrong);
            let Some(first) = refused.into_iter().next() else { continue };
            functions[item.functions].fill(true);
            constants[item.constants.clone()].fill(true);
            let bound = self.ast.constants[item.constants].iter().map(|constant| constant.name.clone());
            let mut names: Vec<Name> = bound.chain(item.name).collect();
            names.dedup();
            let why = &first.diagnostic;
            self.ast.plain.extend(names.into_iter().map(|name| Plain { name, why: why.clone() }));
        }
        drop_marked(&mut self.ast.functions, &functions);
        drop_marked(&mut self.ast.constants, &constants);
    }

    /// Does a decorator compile it?
    fn is_kernel(&self, function: &Function) -> bool {
        function.decorators.iter().any(|&decorator| {
            let callee = match &self.ast.exprs[decorator].kind {
                ExprKind::Call { callee, .. } => *callee,
                _ => decorator,
            };
            let (root, last) = self.ends_of_path(callee);
            let is_from = |module: &str| {
                self.ast
                    .imports
                    .iter()
                    .any(|import| import.name == root && import.path.split('.').next() == Some(module))
            };
            COMPILES.contains(&last) || is_from("numba") || is_from("kjit")
        })
    }

    /// First and last name of `a.b.c`; empty for other expressions.
    fn ends_of_path(&self, path: ExprId) -> (&str, &str) {
        match &self.ast.exprs[path].kind {
            ExprKind::Name(name) => (name, name),
            ExprKind::Attribute { base, name } => (self.ends_of_path(*base).0, &name.name),
            _ => ("", ""),
        }
    }
}

fn is_keyword(token: &crate::syntax::token::Token) -> bool {
    matches!(token.kind, Tok::Class | Tok::Def)
}

fn is_name(token: &crate::syntax::token::Token) -> bool {
    token.kind == Tok::Name
}

/// Python, but not for kernels: K2xx, and integers of any size (what else K005 says, the lexer says).
pub(super) fn is_refusal(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == Code::K005 || diagnostic.code.name().starts_with("K2")
}

fn drop_marked<T>(items: &mut Vec<T>, marked: &[bool]) {
    let mut marks = marked.iter();
    items.retain(|_| marks.next() != Some(&true));
}
