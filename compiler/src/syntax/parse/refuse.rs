//! What is not there: words for Python that kernels do not have, and for what no Python has.
//!
//! Every refusal names the nearest form that works.

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span};
use crate::syntax::ast::{ExprId, ExprKind};
use crate::syntax::token::Tok;

impl Parser<'_> {
    #[cold]
    fn refuse<T>(&mut self, code: Code, span: Span, what: &str, help: &str) -> Parsed<T> {
        Err(self.report(Diagnostic::error(code, span, format!("kernels have no {what}")).help(help)))
    }

    // ---- Expressions -----------------------------------------------------------------------------------------

    /// `lambda`, `yield`, `await` at the current token.
    #[cold]
    pub(super) fn refuse_prefix(&mut self) -> Parsed<ExprId> {
        let token = self.peek();
        let (what, help) = match token.kind {
            Tok::Lambda => ("`lambda`", "write a function with `def` at module level and call it by name"),
            Tok::Yield => ("generators", "store the values in an array and return it"),
            _ => ("`await`", "write a plain function; `prange` runs iterations at the same time"),
        };
        self.refuse(Code::K202, token.span, what, help)
    }

    /// `{...}`, a dictionary or a set.
    #[cold]
    pub(super) fn refuse_braces(&mut self) -> Parsed<ExprId> {
        let span = self.peek().span;
        if self.previous().kind == Tok::RParen {
            // `if (x) { ... }` on one line: the bracket before it was a condition.
            return self.error(Code::K004, span, "a block in curly braces");
        }
        self.refuse(
            Code::K202,
            span,
            "dictionaries and sets",
            "use an array, indexed by a number, or a tuple of values",
        )
    }

    /// `*x` among the elements of a tuple, list, index or assignment.
    pub(super) fn refuse_star(&mut self) -> Parsed<()> {
        if !matches!(self.kind(), Tok::Star | Tok::StarStar) {
            return Ok(());
        }
        let span = self.peek().span;
        self.refuse(Code::K202, span, "starred expressions", "write the elements one by one: `x[0], x[1]`")
    }

    #[cold]
    pub(super) fn refuse_call_star(&mut self) -> Parsed<ExprId> {
        let span = self.peek().span;
        self.refuse(
            Code::K202,
            span,
            "`*` and `**` in calls",
            "write the arguments one by one: `f(x[0], x[1])`",
        )
    }

    #[cold]
    pub(super) fn refuse_walrus<T>(&mut self) -> Parsed<T> {
        let span = self.peek().span;
        self.refuse(Code::K202, span, "assignment expressions", "assign with `=` on a line of its own before")
    }

    #[cold]
    pub(super) fn refuse_comprehension<T>(&mut self) -> Parsed<T> {
        let span = self.peek().span;
        self.refuse(
            Code::K202,
            span,
            "comprehensions",
            "write a `for` loop that fills an array: `out = np.empty(n)`, then `out[i] = ...`",
        )
    }

    // ---- Statements ------------------------------------------------------------------------------------------

    /// Words for a statement that kernels do not have, by its first token; `None` if they have it.
    pub(super) fn refused_statement(&self) -> Option<(&'static str, &'static str)> {
        Some(match self.kind() {
            Tok::Class => ("classes", "use functions, and pass arrays and scalars to them"),
            Tok::With if self.tokens.get(self.pos + 1).is_some_and(|next| self.text(*next) == "objmode") => {
                ("`objmode`", "do what needs Python outside the kernel, and pass the result as an argument")
            }
            Tok::With => ("`with`", "write the statements without it; arrays are freed by themselves"),
            Tok::Try => ("`try`", "test for the condition with `if` before the operation that would fail"),
            Tok::Async => ("`async`", "write a plain function; `prange` runs iterations at the same time"),
            Tok::Global => ("`global`", "pass the value as an argument and return the new one"),
            Tok::Nonlocal => ("`nonlocal`", "pass the value as an argument and return the new one"),
            Tok::Name if self.is_match_statement() => ("`match`", "write `if`, `elif` and `else`"),
            Tok::Name if self.is_type_statement() => ("`type` statements", "write the type where it is used"),
            _ => return None,
        })
    }

    /// `match x:` and an indented block: `match` is a name everywhere else.
    fn is_match_statement(&self) -> bool {
        let next = self.kind_after(1);
        let may_be = next.starts_expr() && !matches!(next, Tok::Plus | Tok::Minus) || next == Tok::Star;
        if !may_be || self.text(self.peek()) != "match" {
            return false;
        }
        let rest = &self.tokens[self.pos..];
        let Some(end) = rest.iter().position(|token| matches!(token.kind, Tok::Newline | Tok::Eof)) else {
            return false;
        };
        rest[end - 1].kind == Tok::Colon && rest.get(end + 1).is_some_and(|token| token.kind == Tok::Indent)
    }

    fn is_type_statement(&self) -> bool {
        self.kind_after(1) == Tok::Name
            && matches!(self.kind_after(2), Tok::Assign | Tok::LBracket)
            && self.text(self.peek()) == "type"
    }

    /// Refuses the statement that begins here; the caller decides what happens to its block.
    pub(super) fn refuse_statement(&mut self, what: &str, help: &str) {
        let span = self.peek().span;
        self.report(Diagnostic::error(Code::K201, span, format!("kernels have no {what}")).help(help));
    }

    pub(super) fn refuse_statement_at<T>(&mut self, span: Span, what: &str, help: &str) -> Parsed<T> {
        self.refuse(Code::K201, span, what, help)
    }

    /// `in = 1`: a statement that takes a keyword for a name.
    pub(super) fn refuse_keyword_as_name(&mut self) -> Parsed<()> {
        let token = self.peek();
        let is_constant = matches!(token.kind, Tok::True | Tok::False | Tok::None);
        if !token.kind.is_keyword() || is_constant || self.kind_after(1) != Tok::Assign {
            return Ok(());
        }
        let word = self.text(token);
        Err(self.report(
            Diagnostic::error(Code::K004, token.span, format!("`{word}` is a keyword and cannot be a name"))
                .help(format!("choose another name, such as `{word}_`")),
        ))
    }

    /// `*args`, `**kwargs`, `/` among parameters.
    #[cold]
    pub(super) fn refuse_param(&mut self) -> Parsed<()> {
        let star = self.bump();
        let mut span = star.span;
        if self.at(Tok::Name) {
            span = span.to(self.bump().span);
        }
        let (what, help) = match star.kind {
            Tok::Star => ("`*` parameters", "write each parameter, or pass an array or a tuple"),
            Tok::StarStar => ("`**` parameters", "write each parameter with its default"),
            _ => ("positional-only parameters", "leave out the `/`"),
        };
        self.refuse(Code::K208, span, what, help)
    }

    // ---- Targets ---------------------------------------------------------------------------------------------

    /// Can it be assigned to? `what` is `assign to` or `delete`.
    pub(super) fn check_target(&mut self, target: ExprId, what: &str) -> Parsed<()> {
        let expr = &self.ast.exprs[target];
        let span = expr.span;
        let problem = match &expr.kind {
            ExprKind::Name(_) | ExprKind::Index { .. } | ExprKind::Attribute { .. } | ExprKind::Error => {
                return Ok(());
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                for item in items.clone() {
                    self.check_target(item, what)?;
                }
                return Ok(());
            }
            ExprKind::Literal(_) => "a literal",
            ExprKind::FString(_) => "an f-string",
            ExprKind::Compare { .. } => "a comparison",
            ExprKind::Call { .. } => "the result of a call",
            ExprKind::IfElse { .. } => "a conditional expression",
            ExprKind::Slice { .. } => "a slice",
            ExprKind::Binary { .. } | ExprKind::Unary { .. } | ExprKind::Bool { .. } => {
                "the result of an operator"
            }
        };
        let is_call = matches!(expr.kind, ExprKind::Call { .. });
        let mut diagnostic = Diagnostic::error(Code::K006, span, format!("cannot {what} {problem}"));
        if is_call {
            diagnostic = diagnostic.help("elements are written with square brackets: `x[i] = value`");
        } else if what == "assign to" {
            diagnostic = diagnostic.help("the name stands on the left: `name = value`; compare with `==`");
        }
        Err(self.report(diagnostic))
    }
}
