//! A tree back to Python source, in one canonical layout.
//!
//! In: a tree without errors. Out: a source whose tree is the same, spans apart; comments and the layout of the
//! original are not in the tree. Brackets stand where precedence needs them, and around every tuple.

use std::fmt::Write;

use super::ast::{
    Ast, BinaryOp, Block, BoolOp, ExprId, ExprKind, FStringPiece, Function, Import, Literal, Stmt, StmtKind,
    UnaryOp,
};
use super::print::{compare_word, unary_word};

/// The source of a whole file.
#[must_use]
pub fn unparse(ast: &Ast) -> String {
    let mut writer = Writer { ast, out: String::new(), depth: 0 };
    if let Some(doc) = &ast.doc {
        writer.doc(doc);
    }
    for import in &ast.imports {
        writer.import(import);
    }
    for constant in &ast.constants {
        let value = writer.expr(constant.value);
        writer.line(&format!("{} = {value}", constant.name.name));
    }
    for function in &ast.functions {
        writer.function(function);
    }
    writer.out
}

/// The source of one expression.
#[must_use]
pub fn unparse_expr(ast: &Ast, expr: ExprId) -> String {
    Writer { ast, out: String::new(), depth: 0 }.expr(expr)
}

/// How tightly an expression binds, loosest first; as in the parser.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    IfElse,
    Or,
    And,
    Not,
    Compare,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Product,
    Unary,
    Power,
    Postfix,
    Atom,
}

struct Writer<'a> {
    ast: &'a Ast,
    out: String,
    depth: usize,
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out.push_str("    ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// The empty first line keeps the others as they are when indentation is removed.
    fn doc(&mut self, doc: &str) {
        let text = string(&format!("\n{doc}"), "\"", false);
        self.line(&text);
    }

    fn import(&mut self, import: &Import) {
        let Import { name, path, .. } = import;
        let text = match path.rsplit_once('.') {
            Some((module, member)) if member == name => format!("from {module} import {member}"),
            Some((module, member)) => format!("from {module} import {member} as {name}"),
            None if path == name => format!("import {path}"),
            None => format!("import {path} as {name}"),
        };
        self.line(&text);
    }

    fn function(&mut self, function: &Function) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        for &decorator in &function.decorators {
            let text = self.expr(decorator);
            self.line(&format!("@{text}"));
        }
        let mut params = Vec::new();
        let mut has_star = false;
        for param in &function.params {
            if param.is_keyword_only && !has_star {
                params.push("*".to_owned());
                has_star = true;
            }
            let mut text = param.name.name.to_string();
            if let Some(annotation) = param.annotation {
                let _ = write!(text, ": {}", self.expr(annotation));
            }
            if let Some(default) = param.default {
                let equals = if param.annotation.is_some() { " = " } else { "=" };
                let _ = write!(text, "{equals}{}", self.expr(default));
            }
            params.push(text);
        }
        let returns =
            function.returns.map(|returns| format!(" -> {}", self.expr(returns))).unwrap_or_default();
        self.line(&format!("def {}({}){returns}:", function.name.name, params.join(", ")));
        self.depth += 1;
        if let Some(doc) = &function.doc {
            self.doc(doc);
        }
        if !function.body.is_empty() || function.doc.is_none() {
            self.statements(&function.body);
        }
        self.depth -= 1;
    }

    fn block(&mut self, head: &str, block: &Block) {
        self.line(&format!("{head}:"));
        self.depth += 1;
        self.statements(block);
        self.depth -= 1;
    }

    fn statements(&mut self, block: &Block) {
        if block.is_empty() {
            self.line("pass");
        }
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        let text = match &stmt.kind {
            StmtKind::Expr(expr) => self.expr(*expr),
            StmtKind::Assign { targets, value } => {
                let mut text = String::new();
                for &target in targets {
                    let _ = write!(text, "{} = ", self.expr(target));
                }
                text + &self.expr(*value)
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                let value = value.map(|value| format!(" = {}", self.expr(value))).unwrap_or_default();
                format!("{}: {}{value}", self.expr(*target), self.expr(*annotation))
            }
            StmtKind::AugAssign { target, op, value } => {
                format!("{} {}= {}", self.expr(*target), op.symbol(), self.expr(*value))
            }
            StmtKind::If { .. } => return self.if_chain(stmt),
            StmtKind::While { cond, body, orelse } => {
                let head = format!("while {}", self.expr(*cond));
                self.block(&head, body);
                return self.else_block(orelse);
            }
            StmtKind::For { target, iter, body, orelse } => {
                let head = format!("for {} in {}", self.expr(*target), self.expr(*iter));
                self.block(&head, body);
                return self.else_block(orelse);
            }
            StmtKind::Return(value) => self.with_value("return", *value),
            StmtKind::Break => "break".to_owned(),
            StmtKind::Continue => "continue".to_owned(),
            StmtKind::Pass => "pass".to_owned(),
            StmtKind::Raise(value) => self.with_value("raise", *value),
            StmtKind::Assert { cond, message } => {
                let message = message.map(|message| format!(", {}", self.expr(message))).unwrap_or_default();
                format!("assert {}{message}", self.expr(*cond))
            }
            StmtKind::Del(targets) => {
                let targets: Vec<String> = targets.iter().map(|&target| self.expr(target)).collect();
                // `del ()` deletes nothing.
                format!("del {}", if targets.is_empty() { "()".to_owned() } else { targets.join(", ") })
            }
        };
        self.line(&text);
    }

    fn if_chain(&mut self, stmt: &Stmt) {
        let mut stmt = stmt;
        let mut keyword = "if";
        while let StmtKind::If { cond, body, orelse } = &stmt.kind {
            let head = format!("{keyword} {}", self.expr(*cond));
            self.block(&head, body);
            match orelse.as_slice() {
                [next] if matches!(next.kind, StmtKind::If { .. }) => stmt = next,
                _ => return self.else_block(orelse),
            }
            keyword = "elif";
        }
    }

    fn else_block(&mut self, orelse: &Block) {
        if !orelse.is_empty() {
            self.block("else", orelse);
        }
    }

    fn with_value(&self, word: &str, value: Option<ExprId>) -> String {
        match value {
            Some(value) => format!("{word} {}", self.expr(value)),
            None => word.to_owned(),
        }
    }

    // ---- Expressions -----------------------------------------------------------------------------------------

    fn expr(&self, expr: ExprId) -> String {
        let mut out = String::new();
        self.write_expr(expr, Level::IfElse, 0, &mut out);
        out
    }

    /// Writes an expression where one that binds less than `min` needs brackets, inside `nesting` f-strings.
    fn write_expr(&self, expr: ExprId, min: Level, nesting: usize, out: &mut String) {
        let level = self.level(expr);
        if level < min {
            out.push('(');
            self.write_bare(expr, nesting, out);
            out.push(')');
        } else {
            self.write_bare(expr, nesting, out);
        }
    }

    fn write_bare(&self, expr: ExprId, nesting: usize, out: &mut String) {
        let level = self.level(expr);
        match &self.ast.exprs[expr].kind {
            ExprKind::Name(name) => out.push_str(name),
            ExprKind::Literal(literal) => write_literal(literal, nesting, out),
            ExprKind::FString(pieces) => self.write_fstring(pieces, nesting, out),
            ExprKind::Binary { op, left, right } => {
                let (left_min, right_min) = match op {
                    BinaryOp::Pow => (Level::Postfix, Level::Unary),
                    _ => (level, tighter(level)),
                };
                self.write_expr(*left, left_min, nesting, out);
                let _ = write!(out, " {} ", op.symbol());
                self.write_expr(*right, right_min, nesting, out);
            }
            ExprKind::Unary { op, operand } => {
                out.push_str(unary_word(*op));
                if *op == UnaryOp::Not {
                    out.push(' ');
                }
                self.write_expr(*operand, level, nesting, out);
            }
            ExprKind::Bool { op, values } => {
                let word = match op {
                    BoolOp::And => " and ",
                    BoolOp::Or => " or ",
                };
                for (number, &value) in values.iter().enumerate() {
                    if number > 0 {
                        out.push_str(word);
                    }
                    self.write_expr(value, tighter(level), nesting, out);
                }
            }
            ExprKind::Compare { first, rest } => {
                self.write_expr(*first, tighter(level), nesting, out);
                for (op, operand) in rest {
                    let _ = write!(out, " {} ", compare_word(*op));
                    self.write_expr(*operand, tighter(level), nesting, out);
                }
            }
            ExprKind::IfElse { cond, body, orelse } => {
                self.write_expr(*body, Level::Or, nesting, out);
                out.push_str(" if ");
                self.write_expr(*cond, Level::Or, nesting, out);
                out.push_str(" else ");
                self.write_expr(*orelse, Level::IfElse, nesting, out);
            }
            ExprKind::Call { callee, args, keywords } => {
                self.write_expr(*callee, Level::Postfix, nesting, out);
                out.push('(');
                self.write_items(args, nesting, out);
                for (number, (name, value)) in keywords.iter().enumerate() {
                    let comma = if number > 0 || !args.is_empty() { ", " } else { "" };
                    let _ = write!(out, "{comma}{}=", name.name);
                    self.write_expr(*value, Level::IfElse, nesting, out);
                }
                out.push(')');
            }
            ExprKind::Attribute { base, name } => {
                let is_number = matches!(
                    self.ast.exprs[*base].kind,
                    ExprKind::Literal(Literal::Int(_) | Literal::Float(_) | Literal::Imaginary(_))
                );
                // `1.real` would be a malformed number.
                if is_number {
                    out.push('(');
                }
                self.write_expr(*base, Level::Postfix, nesting, out);
                if is_number {
                    out.push(')');
                }
                let _ = write!(out, ".{}", name.name);
            }
            ExprKind::Index { base, indices } => {
                self.write_expr(*base, Level::Postfix, nesting, out);
                out.push('[');
                self.write_items(indices, nesting, out);
                out.push(']');
            }
            ExprKind::Slice { start, stop, step } => {
                for (number, part) in [start, stop, step].into_iter().enumerate() {
                    if number == 1 || (number == 2 && part.is_some()) {
                        out.push(':');
                    }
                    if let Some(part) = part {
                        self.write_expr(*part, Level::IfElse, nesting, out);
                    }
                }
            }
            ExprKind::Tuple(items) => {
                out.push('(');
                self.write_items(items, nesting, out);
                out.push_str(if items.len() == 1 { ",)" } else { ")" });
            }
            ExprKind::List(items) => {
                out.push('[');
                self.write_items(items, nesting, out);
                out.push(']');
            }
            ExprKind::Error => out.push_str("..."),
        }
    }

    fn write_items(&self, items: &[ExprId], nesting: usize, out: &mut String) {
        for (number, &item) in items.iter().enumerate() {
            if number > 0 {
                out.push_str(", ");
            }
            self.write_expr(item, Level::IfElse, nesting, out);
        }
    }

    fn write_fstring(&self, pieces: &[FStringPiece], nesting: usize, out: &mut String) {
        let quotes = quotes(nesting);
        out.push('f');
        out.push_str(quotes);
        for piece in pieces {
            match piece {
                FStringPiece::Text(text) => write_escaped(text, true, out),
                FStringPiece::Value { value, conversion, spec } => {
                    out.push('{');
                    self.write_expr(*value, Level::IfElse, nesting + 1, out);
                    if let Some(conversion) = conversion {
                        let _ = write!(out, "!{conversion}");
                    }
                    if !spec.is_empty() {
                        out.push(':');
                        write_escaped(spec, false, out);
                    }
                    out.push('}');
                }
            }
        }
        out.push_str(quotes);
    }

    fn level(&self, expr: ExprId) -> Level {
        match &self.ast.exprs[expr].kind {
            ExprKind::IfElse { .. } => Level::IfElse,
            ExprKind::Bool { op: BoolOp::Or, .. } => Level::Or,
            ExprKind::Bool { op: BoolOp::And, .. } => Level::And,
            ExprKind::Unary { op: UnaryOp::Not, .. } => Level::Not,
            ExprKind::Compare { .. } => Level::Compare,
            ExprKind::Binary { op, .. } => match op {
                BinaryOp::BitOr => Level::BitOr,
                BinaryOp::BitXor => Level::BitXor,
                BinaryOp::BitAnd => Level::BitAnd,
                BinaryOp::Shl | BinaryOp::Shr => Level::Shift,
                BinaryOp::Add | BinaryOp::Sub => Level::Sum,
                BinaryOp::Mul | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::MatMul => {
                    Level::Product
                }
                BinaryOp::Pow => Level::Power,
            },
            ExprKind::Unary { op: UnaryOp::Neg | UnaryOp::Pos | UnaryOp::Invert, .. } => Level::Unary,
            ExprKind::Call { .. } | ExprKind::Attribute { .. } | ExprKind::Index { .. } => Level::Postfix,
            ExprKind::Name(_)
            | ExprKind::Literal(_)
            | ExprKind::FString(_)
            | ExprKind::Slice { .. }
            | ExprKind::Tuple(_)
            | ExprKind::List(_)
            | ExprKind::Error => Level::Atom,
        }
    }
}

/// The next level of those that have operands on both sides.
fn tighter(level: Level) -> Level {
    match level {
        Level::IfElse => Level::Or,
        Level::Or => Level::And,
        Level::And => Level::Not,
        Level::Not => Level::Compare,
        Level::Compare => Level::BitOr,
        Level::BitOr => Level::BitXor,
        Level::BitXor => Level::BitAnd,
        Level::BitAnd => Level::Shift,
        Level::Shift => Level::Sum,
        Level::Sum => Level::Product,
        Level::Product => Level::Unary,
        Level::Unary => Level::Power,
        Level::Power => Level::Postfix,
        Level::Postfix | Level::Atom => Level::Atom,
    }
}

/// Quotes that differ from those of the strings around.
fn quotes(nesting: usize) -> &'static str {
    ["\"", "'", "\"\"\"", "'''"][nesting % 4]
}

fn write_literal(literal: &Literal, nesting: usize, out: &mut String) {
    let _ = match literal {
        Literal::None => write!(out, "None"),
        Literal::Bool(true) => write!(out, "True"),
        Literal::Bool(false) => write!(out, "False"),
        Literal::Int(value) => write!(out, "{value}"),
        Literal::Float(value) => write!(out, "{}", float(*value)),
        Literal::Imaginary(value) => write!(out, "{}j", float(*value)),
        Literal::Str(text) => write!(out, "{}", string(text, quotes(nesting), false)),
        Literal::Ellipsis => write!(out, "..."),
    };
}

fn float(value: f64) -> String {
    // A literal too large for a float is infinite.
    if value.is_infinite() { "1e999".to_owned() } else { format!("{value:?}") }
}

fn string(text: &str, quotes: &str, doubles_braces: bool) -> String {
    let mut out = quotes.to_owned();
    write_escaped(text, doubles_braces, &mut out);
    out.push_str(quotes);
    out
}

/// Text such that no character in it ends a string, whatever its quotes.
fn write_escaped(text: &str, doubles_braces: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\x22"),
            '\'' => out.push_str("\\x27"),
            '{' if doubles_braces => out.push_str("{{"),
            '}' if doubles_braces => out.push_str("}}"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
}
