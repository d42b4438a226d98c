//! Tokens and trees as text, for `kjit emit tokens` and `kjit emit ast`.
//!
//! The tree is printed as indented S-expressions: one statement a line, an expression in one piece.

use std::fmt::Write;

use super::ast::{
    Ast, Block, CompareOp, ExprId, ExprKind, FStringPiece, Function, Literal, Stmt, StmtKind, UnaryOp,
};
use super::lexer;
use super::token::Tok;

/// One token a line: line and column, kind, text. Layout is shown by indentation of the dump itself.
#[must_use]
pub fn print_tokens(source: &str) -> String {
    let mut out = String::new();
    let (mut line, mut line_start, mut scanned) = (1usize, 0usize, 0usize);
    let bytes = source.as_bytes();
    for token in lexer::lex(source).tokens {
        let start = token.span.start as usize;
        for (at, &byte) in bytes.iter().enumerate().take(start).skip(scanned) {
            if byte == b'\n' {
                (line, line_start) = (line + 1, at + 1);
            }
        }
        scanned = scanned.max(start);
        let column = source.get(line_start..start).map_or(0, |text| text.chars().count()) + 1;
        let _ = write!(out, "{line}:{column} {:?}", token.kind);
        if !matches!(token.kind, Tok::Newline | Tok::Indent | Tok::Dedent | Tok::Eof) {
            let _ = write!(out, " {}", escaped(token.span.text(source)));
        }
        out.push('\n');
    }
    out
}

/// The whole tree as indented S-expressions.
#[must_use]
pub fn print_ast(ast: &Ast) -> String {
    let mut printer = Printer { ast, out: String::new() };
    if let Some(doc) = &ast.doc {
        printer.line(0, &format!("(doc {})", escaped(doc)));
    }
    for import in &ast.imports {
        printer.line(0, &format!("(import {} {})", import.name, import.path));
    }
    for constant in &ast.constants {
        let value = printer.expr(constant.value);
        printer.line(0, &format!("(constant {} {value})", constant.name.name));
    }
    for function in &ast.functions {
        printer.function(function);
    }
    printer.out
}

/// One expression as an S-expression.
#[must_use]
pub fn print_expr(ast: &Ast, expr: ExprId) -> String {
    Printer { ast, out: String::new() }.expr(expr)
}

/// A string in double quotes, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

struct Printer<'a> {
    ast: &'a Ast,
    out: String,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        for _ in 0..depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Puts the closing bracket behind what was printed last.
    fn close(&mut self) {
        self.out.pop();
        self.out.push_str(")\n");
    }

    fn function(&mut self, function: &Function) {
        self.line(0, &format!("(def {}", function.name.name));
        for &decorator in &function.decorators {
            let text = self.expr(decorator);
            self.line(1, &format!("(decorator {text})"));
        }
        for param in &function.params {
            let mut text = format!(
                "({} {}",
                if param.is_keyword_only { "keyword-only" } else { "param" },
                param.name.name
            );
            if let Some(annotation) = param.annotation {
                let _ = write!(text, " (type {})", self.expr(annotation));
            }
            if let Some(default) = param.default {
                let _ = write!(text, " (default {})", self.expr(default));
            }
            self.line(1, &format!("{text})"));
        }
        if let Some(returns) = function.returns {
            let text = self.expr(returns);
            self.line(1, &format!("(returns {text})"));
        }
        if let Some(doc) = &function.doc {
            self.line(1, &format!("(doc {})", escaped(doc)));
        }
        self.block(1, &function.body);
        self.close();
    }

    fn block(&mut self, depth: usize, block: &Block) {
        for stmt in block {
            self.stmt(depth, stmt);
        }
    }

    /// A block under a heading of its own, if it is not empty.
    fn branch(&mut self, depth: usize, heading: &str, block: &Block) {
        if !block.is_empty() {
            self.line(depth, &format!("({heading}"));
            self.block(depth + 1, block);
            self.close();
        }
    }

    fn stmt(&mut self, depth: usize, stmt: &Stmt) {
        let text = match &stmt.kind {
            StmtKind::Expr(expr) => self.expr(*expr),
            StmtKind::Assign { targets, value } => {
                let targets: Vec<String> = targets.iter().map(|&target| self.expr(target)).collect();
                format!("(= {} {})", targets.join(" "), self.expr(*value))
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                let value = value.map(|value| format!(" {}", self.expr(value))).unwrap_or_default();
                format!("(: {} {}{value})", self.expr(*target), self.expr(*annotation))
            }
            StmtKind::AugAssign { target, op, value } => {
                format!("({}= {} {})", op.symbol(), self.expr(*target), self.expr(*value))
            }
            StmtKind::If { cond, body, orelse } => {
                let head = format!("(if {}", self.expr(*cond));
                return self.compound(depth, &head, body, orelse);
            }
            StmtKind::While { cond, body, orelse } => {
                let head = format!("(while {}", self.expr(*cond));
                return self.compound(depth, &head, body, orelse);
            }
            StmtKind::For { target, iter, body, orelse } => {
                let head = format!("(for {} {}", self.expr(*target), self.expr(*iter));
                return self.compound(depth, &head, body, orelse);
            }
            StmtKind::Return(value) => self.optional("return", *value),
            StmtKind::Break => "(break)".to_owned(),
            StmtKind::Continue => "(continue)".to_owned(),
            StmtKind::Pass => "(pass)".to_owned(),
            StmtKind::Raise(value) => self.optional("raise", *value),
            StmtKind::Assert { cond, message } => {
                let message = message.map(|message| format!(" {}", self.expr(message))).unwrap_or_default();
                format!("(assert {}{message})", self.expr(*cond))
            }
            StmtKind::Del(targets) => {
                let targets: Vec<String> = targets.iter().map(|&target| self.expr(target)).collect();
                format!("(del {})", targets.join(" "))
            }
        };
        self.line(depth, &text);
    }

    fn compound(&mut self, depth: usize, head: &str, body: &Block, orelse: &Block) {
        self.line(depth, head);
        self.block(depth + 1, body);
        self.branch(depth + 1, "else", orelse);
        self.close();
    }

    fn optional(&self, word: &str, value: Option<ExprId>) -> String {
        match value {
            Some(value) => format!("({word} {})", self.expr(value)),
            None => format!("({word})"),
        }
    }

    fn expr(&self, expr: ExprId) -> String {
        let mut out = String::new();
        self.write_expr(expr, &mut out);
        out
    }

    fn write_expr(&self, expr: ExprId, out: &mut String) {
        match &self.ast.exprs[expr].kind {
            ExprKind::Name(name) => out.push_str(name),
            ExprKind::Literal(literal) => write_literal(literal, out),
            ExprKind::FString(pieces) => {
                out.push_str("(f");
                for piece in pieces {
                    out.push(' ');
                    match piece {
                        FStringPiece::Text(text) => out.push_str(&escaped(text)),
                        FStringPiece::Value { value, conversion, spec } => {
                            out.push('{');
                            self.write_expr(*value, out);
                            if let Some(conversion) = conversion {
                                let _ = write!(out, " !{conversion}");
                            }
                            if !spec.is_empty() {
                                let _ = write!(out, " :{}", escaped(spec));
                            }
                            out.push('}');
                        }
                    }
                }
                out.push(')');
            }
            ExprKind::Binary { op, left, right } => self.write_list(op.symbol(), &[*left, *right], out),
            ExprKind::Unary { op, operand } => self.write_list(unary_word(*op), &[*operand], out),
            ExprKind::Bool { op, values } => {
                let word = match op {
                    super::ast::BoolOp::And => "and",
                    super::ast::BoolOp::Or => "or",
                };
                self.write_list(word, values, out);
            }
            ExprKind::Compare { first, rest } => {
                out.push_str("(compare ");
                self.write_expr(*first, out);
                for (op, operand) in rest {
                    let _ = write!(out, " {} ", compare_word(*op));
                    self.write_expr(*operand, out);
                }
                out.push(')');
            }
            ExprKind::IfElse { cond, body, orelse } => {
                self.write_list("if-else", &[*cond, *body, *orelse], out);
            }
            ExprKind::Call { callee, args, keywords } => {
                out.push_str("(call ");
                self.write_expr(*callee, out);
                for &arg in args {
                    out.push(' ');
                    self.write_expr(arg, out);
                }
                for (name, value) in keywords {
                    let _ = write!(out, " {}=", name.name);
                    self.write_expr(*value, out);
                }
                out.push(')');
            }
            ExprKind::Attribute { base, name } => {
                out.push_str("(. ");
                self.write_expr(*base, out);
                let _ = write!(out, " {})", name.name);
            }
            ExprKind::Index { base, indices } => {
                out.push_str("(index ");
                self.write_expr(*base, out);
                for &index in indices {
                    out.push(' ');
                    self.write_expr(index, out);
                }
                out.push(')');
            }
            ExprKind::Slice { start, stop, step } => {
                out.push_str("(slice");
                for part in [start, stop, step] {
                    out.push(' ');
                    match part {
                        Some(part) => self.write_expr(*part, out),
                        None => out.push('_'),
                    }
                }
                out.push(')');
            }
            ExprKind::Tuple(items) => self.write_list("tuple", items, out),
            ExprKind::List(items) => self.write_list("list", items, out),
            ExprKind::Error => out.push_str("(error)"),
        }
    }

    fn write_list(&self, word: &str, items: &[ExprId], out: &mut String) {
        out.push('(');
        out.push_str(word);
        for &item in items {
            out.push(' ');
            self.write_expr(item, out);
        }
        out.push(')');
    }
}

fn write_literal(literal: &Literal, out: &mut String) {
    match literal {
        Literal::None => out.push_str("None"),
        Literal::Bool(true) => out.push_str("True"),
        Literal::Bool(false) => out.push_str("False"),
        Literal::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Literal::Float(value) => {
            let _ = write!(out, "{value:?}");
        }
        Literal::Imaginary(value) => {
            let _ = write!(out, "{value:?}j");
        }
        Literal::Str(text) => out.push_str(&escaped(text)),
        Literal::Ellipsis => out.push_str("..."),
    }
}

/// `-`, `+`, `~`, `not`.
pub(super) fn unary_word(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Neg => "-",
        UnaryOp::Pos => "+",
        UnaryOp::Invert => "~",
        UnaryOp::Not => "not",
    }
}

/// `==`, `not in` and so on.
pub(super) fn compare_word(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
        CompareOp::Is => "is",
        CompareOp::IsNot => "is not",
        CompareOp::In => "in",
        CompareOp::NotIn => "not in",
    }
}
