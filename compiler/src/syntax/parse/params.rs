//! Parameters of a function.

use rustc_hash::FxHashMap;

use super::{Parsed, Parser};
use crate::base::{Code, Diagnostic, Span, Symbol};
use crate::syntax::ast::{Name, Param};
use crate::syntax::token::Tok;

/// The names seen so far in a list where each may stand once.
#[derive(Default)]
pub(super) struct Names {
    first_places: FxHashMap<Symbol, Span>,
}

impl Names {
    /// Adds a name; returns where it stood before, if it did.
    pub(super) fn insert(&mut self, name: &Name) -> Option<Span> {
        let before = self.first_places.get(&name.name).copied();
        if before.is_none() {
            self.first_places.insert(name.name.clone(), name.span);
        }
        before
    }
}

impl Parser<'_> {
    /// `(a, b: T = 1, *, c)`; adds to `params` what it understood before an error.
    pub(super) fn params(&mut self, params: &mut Vec<Param>) -> Parsed<()> {
        if !self.at(Tok::LParen) {
            let diagnostic = self.unexpected("`(` after the function's name");
            return Err(self.report(diagnostic.help("write `()` for a function without parameters")));
        }
        let open = self.bump().span;
        let mut names = Names::default();
        let mut is_keyword_only = false;
        while !self.at(Tok::RParen) {
            match self.kind() {
                Tok::Star if matches!(self.kind_after(1), Tok::Comma | Tok::RParen) => {
                    let star = self.bump();
                    let is_last = self.at(Tok::RParen) || self.kind_after(1) == Tok::RParen;
                    if is_keyword_only || is_last {
                        return self.error(
                            Code::K004,
                            star.span,
                            "`*` without a name after it in the parameters",
                        );
                    }
                    is_keyword_only = true;
                }
                Tok::Star | Tok::StarStar | Tok::Slash => self.refuse_param()?,
                _ => {
                    let param = self.param(is_keyword_only)?;
                    self.check_param(&param, params, &mut names);
                    params.push(param);
                }
            }
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        if self.eat(Tok::RParen) {
            return Ok(());
        }
        let diagnostic = self.unexpected("`,` or `)` in the parameters").label(open, "opened here");
        Err(self.report(diagnostic))
    }

    fn param(&mut self, is_keyword_only: bool) -> Parsed<Param> {
        let name = self.name("the name of a parameter")?;
        let annotation = if self.eat(Tok::Colon) { Some(self.expr()?) } else { None };
        let default = if self.eat(Tok::Assign) { Some(self.expr()?) } else { None };
        Ok(Param { name, annotation, default, is_keyword_only })
    }

    fn check_param(&mut self, param: &Param, before: &[Param], names: &mut Names) {
        let name = &param.name;
        if let Some(first) = names.insert(name) {
            self.report(
                Diagnostic::error(
                    Code::K009,
                    name.span,
                    format!("two parameters are called `{}`", name.name),
                )
                .label(first, "the first one"),
            );
        }
        let last_default = before.last().filter(|last| last.default.is_some() && !last.is_keyword_only);
        if let Some(last) = last_default
            && param.default.is_none()
            && !param.is_keyword_only
        {
            let message = format!("parameter `{}` without a default after one with a default", name.name);
            self.report(
                Diagnostic::error(Code::K010, name.span, message)
                    .label(last.name.span, "has a default")
                    .help(format!("give `{}` a default, or put it first", name.name)),
            );
        }
    }
}
