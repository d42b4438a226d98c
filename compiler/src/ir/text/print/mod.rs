//! IR to text.
//!
//! Prints any program, also one that the verifier refuses: what does not exist prints with a question mark.

mod expr;

use std::fmt::Write as _;

use rustc_hash::FxHashMap;

use super::names::{self, Names, Var};
use crate::base::FastMath;
use crate::ir::expr::{ExprId, Place};
use crate::ir::func::{ArrayId, Func, FuncId, LocalId, LoopOrigin, Ownership, Param, Program, Ret};
use crate::ir::parallel::Combine;
use crate::ir::stmt::{ArrayValue, Block, Check, Loop, LoopKind, Operand, Stmt, Target, ViewAxis};
use crate::ir::trap::{Message, Piece};
use crate::types::ArrayTy;

/// The whole program.
#[must_use]
pub fn print_program(program: &Program) -> String {
    let mut out = String::new();
    for (id, trap) in &program.traps {
        let _ = writeln!(out, "{id} = {} {} {}", trap.code, trap.exception, quoted_message(&trap.message));
    }
    for (id, message) in &program.messages {
        let open = if message.is_open { " open" } else { "" };
        let _ = writeln!(out, "{id} = {}{open}", quoted_message(message));
    }
    for (number, path) in program.paths.iter().enumerate() {
        let _ = writeln!(out, "path{number} = {}", quoted(path));
    }
    let functions = names::function_names(program);
    for (id, func) in &program.funcs {
        if !out.is_empty() {
            out.push('\n');
        }
        if id == program.entry {
            out.push_str("entry ");
        }
        Printer::new(func, &functions).func(&functions[&id], &mut out);
    }
    out
}

/// One function; the functions it calls print by id.
#[must_use]
pub fn print_func(func: &Func) -> String {
    let mut out = String::new();
    Printer::new(func, &FxHashMap::default()).func(&func.name, &mut out);
    out
}

struct Printer<'a> {
    func: &'a Func,
    names: Names,
    functions: &'a FxHashMap<FuncId, String>,
    /// Variables that the text has declared so far.
    declared: rustc_hash::FxHashSet<Var>,
    depth: usize,
}

impl<'a> Printer<'a> {
    fn new(func: &'a Func, functions: &'a FxHashMap<FuncId, String>) -> Printer<'a> {
        Printer { func, names: Names::of(func), functions, declared: Default::default(), depth: 0 }
    }

    fn func(mut self, name: &str, out: &mut String) {
        out.push_str(if self.func.is_cold { "cold " } else { "" });
        let _ = write!(out, "{} {name}(", if self.func.is_kernel { "kernel" } else { "func" });
        for (position, param) in self.func.params.iter().enumerate() {
            out.push_str(if position > 0 { ", " } else { "" });
            match *param {
                Param::Scalar(local) => self.declare(Var::Local(local), false, out),
                Param::Array(array) => self.declare(Var::Array(array), false, out),
            }
        }
        out.push(')');
        for (position, ret) in self.func.rets.iter().enumerate() {
            out.push_str(if position > 0 { ", " } else { " -> " });
            match ret {
                Ret::Scalar(dtype) => out.push_str(dtype.name()),
                Ret::Array(ty) => out.push_str(&array_ty(*ty)),
            }
        }
        print_fastmath(self.func.fastmath, out);
        if let Some(trap) = self.func.recursion {
            let _ = write!(out, " recursion {trap}");
        }
        out.push_str(" {\n");
        self.depth = 1;
        for var in std::mem::take(&mut self.names.declared_first) {
            out.push_str("  var ");
            self.declare(var, true, out);
            out.push('\n');
        }
        self.stmts(&self.func.body, out);
        out.push_str("}\n");
    }

    /// `name: type`, and marks it declared.
    fn declare(&mut self, var: Var, with_ownership: bool, out: &mut String) {
        self.declared.insert(var);
        out.push_str(&self.names.get(var));
        match var {
            Var::Local(local) => {
                if let Some(info) = self.func.locals.get(local) {
                    let _ = write!(out, ": {}", info.dtype);
                }
            }
            Var::Array(array) => {
                if let Some(info) = self.func.arrays.get(array) {
                    let _ = write!(out, ": {}", array_ty(info.ty));
                    match info.ownership {
                        Ownership::Owned => out.push_str(" owned"),
                        Ownership::Borrowed if with_ownership => out.push_str(" borrowed"),
                        Ownership::Borrowed => {}
                    }
                }
            }
        }
    }

    /// The name; with its type if this is where it is declared.
    fn target(&mut self, var: Var, out: &mut String) {
        if self.declared.contains(&var) {
            out.push_str(&self.names.get(var));
        } else {
            self.declare(var, true, out);
        }
    }

    fn targets(&mut self, results: &[Target], out: &mut String) {
        for (position, result) in results.iter().enumerate() {
            out.push_str(if position > 0 { ", " } else { "" });
            match *result {
                Target::Local(local) => self.target(Var::Local(local), out),
                Target::Array(array) => self.target(Var::Array(array), out),
            }
        }
        if !results.is_empty() {
            out.push_str(" = ");
        }
    }

    fn stmts(&mut self, block: &Block, out: &mut String) {
        for stmt in block {
            self.indent(out);
            self.stmt(stmt, out);
            out.push('\n');
        }
    }

    fn block(&mut self, block: &Block, out: &mut String) {
        out.push_str("{\n");
        self.depth += 1;
        self.stmts(block, out);
        self.depth -= 1;
        self.indent(out);
        out.push('}');
    }

    fn indent(&self, out: &mut String) {
        for _ in 0..self.depth {
            out.push_str("  ");
        }
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut String) {
        match stmt {
            Stmt::Set { local, value } => {
                self.target(Var::Local(*local), out);
                out.push_str(" = ");
                self.expr(*value, 0, out);
            }
            Stmt::Store { array, place, lane, value } => {
                self.place(*array, place, *lane, out);
                out.push_str(" = ");
                self.expr(*value, 0, out);
            }
            Stmt::Accumulate { array, place, lane, op, value } => {
                self.place(*array, place, *lane, out);
                let _ = write!(out, " {}= ", op.symbol());
                self.expr(*value, 0, out);
            }
            Stmt::SetArray { array, value } => {
                self.target(Var::Array(*array), out);
                out.push_str(" = ");
                self.array_value(value, out);
            }
            Stmt::Release { array } => {
                let _ = write!(out, "release {}", self.array(*array));
            }
            Stmt::If { cond, then, orelse } => {
                out.push_str("if ");
                self.expr(*cond, 0, out);
                out.push(' ');
                self.block(then, out);
                if !orelse.is_empty() {
                    out.push_str(" else ");
                    // `else { if ... }` with nothing else prints flat.
                    if let [inner @ Stmt::If { .. }] = orelse.as_slice() {
                        self.stmt(inner, out);
                    } else {
                        self.block(orelse, out);
                    }
                }
            }
            Stmt::While { id, head, cond, body } => {
                out.push_str("while ");
                if !head.is_empty() {
                    self.block(head, out);
                    out.push_str(" test ");
                }
                self.expr(*cond, 0, out);
                self.origin(*id, LoopOrigin::While, out);
                out.push(' ');
                self.block(body, out);
            }
            Stmt::Loop(l) => self.counted_loop(l, out),
            Stmt::Parallel(call) => {
                for (position, &(local, _)) in call.outputs.iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { "" });
                    out.push_str(&self.local(local));
                }
                out.push_str(if call.outputs.is_empty() { "" } else { " = " });
                let _ = write!(out, "fork {}", self.function(call.body));
                self.operands(&call.captures, out);
                out.push_str(" trip ");
                self.expr(call.trip, 0, out);
                out.push_str(" cost ");
                self.expr(call.cost_ns, 0, out);
                if !call.outputs.is_empty() {
                    let combines = call.outputs.iter().map(|&(_, combine)| match combine {
                        Combine::Reduce(op) => op.symbol().to_string(),
                        Combine::Last => "last".to_string(),
                        Combine::With(position) => format!("with {position}"),
                    });
                    let _ = write!(out, " combine({})", joined(combines));
                }
                if !call.array_reductions.is_empty() {
                    let slots =
                        call.array_reductions.iter().map(|(slot, op)| format!("{slot} {}", op.symbol()));
                    let _ = write!(out, " accumulate({})", joined(slots));
                }
                if !call.disjoint.is_empty() {
                    let pairs = call.disjoint.iter().map(|(a, b)| format!("{a} {b}"));
                    let _ = write!(out, " disjoint({})", joined(pairs));
                }
                if call.uses_random {
                    out.push_str(" random");
                }
                self.origin(call.id, LoopOrigin::Prange, out);
            }
            Stmt::Call { callee, args, results, span: _ } => {
                self.targets(results, out);
                let _ = write!(out, "call {}", self.function(*callee));
                self.operands(args, out);
            }
            Stmt::Runtime { function, args, results, trap } => {
                self.targets(results, out);
                let _ = write!(out, "runtime {}", function.name());
                self.operands(args, out);
                if let Some(trap) = trap {
                    let _ = write!(out, " else {trap}");
                }
            }
            Stmt::Device { function, args, results, span: _ } => {
                self.targets(results, out);
                let _ = write!(out, "device {}", function.name().replace('.', "_"));
                self.operands(args, out);
            }
            Stmt::Launch { kernel, args, span: _ } => {
                let _ = write!(out, "launch {}", self.function(*kernel));
                self.operands(args, out);
            }
            Stmt::Check { check, trap, args } => {
                out.push_str("check ");
                match check {
                    Check::Cond(cond) => self.expr(*cond, 0, out),
                    Check::Index { index, array, axis } => {
                        out.push_str("index(");
                        self.expr(*index, 0, out);
                        let _ = write!(out, ", {}, {axis})", self.array(*array));
                    }
                }
                let _ = write!(out, " else {trap}");
                self.message_args(args, out);
            }
            Stmt::Raise { trap, args } => {
                let _ = write!(out, "raise {trap}");
                self.message_args(args, out);
            }
            Stmt::Print { message, args } => {
                let _ = write!(out, "print {message}");
                self.message_args(args, out);
            }
            Stmt::Fill { array, lanes } => {
                let _ = write!(out, "fill {} = ", self.array(*array));
                self.exprs(lanes, out);
            }
            Stmt::CopyElements { to, from } => {
                let _ = write!(out, "copy {} = {}", self.array(*to), self.array(*from));
            }
            Stmt::Break => out.push_str("break"),
            Stmt::Continue => out.push_str("continue"),
            Stmt::Return { values } => {
                out.push_str("return");
                for (position, value) in values.iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { " " });
                    self.operand(*value, out);
                }
            }
        }
    }

    fn counted_loop(&mut self, l: &Loop, out: &mut String) {
        let (word, usual) = match l.kind {
            LoopKind::Serial => ("for", LoopOrigin::For),
            LoopKind::Parallel => ("parallel", LoopOrigin::Prange),
            LoopKind::Vector => ("vector", LoopOrigin::For),
            LoopKind::Grid => ("grid", LoopOrigin::Prange),
        };
        self.declared.insert(Var::Local(l.var));
        let _ = write!(out, "{word} {} in ", self.local(l.var));
        self.expr(l.lo, 0, out);
        out.push_str(" .. ");
        self.expr(l.hi, 0, out);
        if l.step != 1 {
            let _ = write!(out, " step {}", l.step);
        }
        if !l.reductions.is_empty() {
            let items = l.reductions.iter().map(|reduction| {
                let mut text = format!("{} {}", self.local(reduction.local), reduction.op.symbol());
                for (position, &companion) in reduction.companions.iter().enumerate() {
                    text.push_str(if position == 0 { " with " } else { " " });
                    text.push_str(&self.local(companion));
                }
                text
            });
            let _ = write!(out, " reduce({})", joined(items));
        }
        if !l.array_reductions.is_empty() {
            let items =
                l.array_reductions.iter().map(|r| format!("{} {}", self.array(r.array), r.op.symbol()));
            let _ = write!(out, " accumulate({})", joined(items));
        }
        if !l.last_values.is_empty() {
            let _ = write!(out, " last({})", joined(l.last_values.iter().map(|&local| self.local(local))));
        }
        self.origin(l.id, usual, out);
        out.push(' ');
        self.block(&l.body, out);
    }

    fn origin(&self, id: crate::ir::LoopId, usual: LoopOrigin, out: &mut String) {
        let Some(info) = self.func.loops.get(id) else {
            let _ = write!(out, " origin ?{id}");
            return;
        };
        if info.origin != usual {
            let _ = write!(out, " origin {}", origin_word(info.origin));
        }
    }

    fn array_value(&mut self, value: &ArrayValue, out: &mut String) {
        match value {
            ArrayValue::Same(base) => out.push_str(&self.array(*base)),
            ArrayValue::View { base, axes } => {
                let _ = write!(out, "view {}[", self.array(*base));
                for (position, axis) in axes.iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { "" });
                    match axis {
                        ViewAxis::Index(index) => self.expr(*index, 0, out),
                        ViewAxis::Slice { start, len, step } => {
                            out.push_str("slice(");
                            self.exprs(&[*start, *len, *step], out);
                            out.push(')');
                        }
                        ViewAxis::Whole => out.push(':'),
                        ViewAxis::New => out.push_str("new"),
                    }
                }
                out.push(']');
            }
            ArrayValue::Transpose { base, order } => {
                let _ = write!(
                    out,
                    "transpose {}[{}]",
                    self.array(*base),
                    joined(order.iter().map(u8::to_string))
                );
            }
            ArrayValue::Part { base, lane } => {
                let _ = write!(out, "part {}{}", self.array(*base), lane_word(*lane));
            }
            ArrayValue::Reshape { base, shape } => {
                let _ = write!(out, "reshape {}[", self.array(*base));
                self.exprs(shape, out);
                out.push(']');
            }
            ArrayValue::Alloc { shape, is_zeroed, trap } => {
                out.push_str("alloc[");
                self.exprs(shape, out);
                let _ = write!(out, "]{} else {trap}", if *is_zeroed { " zeroed" } else { "" });
            }
        }
    }

    fn operands(&self, operands: &[Operand], out: &mut String) {
        out.push('(');
        for (position, operand) in operands.iter().enumerate() {
            out.push_str(if position > 0 { ", " } else { "" });
            self.operand(*operand, out);
        }
        out.push(')');
    }

    fn operand(&self, operand: Operand, out: &mut String) {
        match operand {
            Operand::Scalar(value) => self.expr(value, 0, out),
            Operand::Array(array) => out.push_str(&self.array(array)),
        }
    }

    fn message_args(&self, args: &[ExprId], out: &mut String) {
        if !args.is_empty() {
            out.push('(');
            self.exprs(args, out);
            out.push(')');
        }
    }

    fn exprs(&self, exprs: &[ExprId], out: &mut String) {
        for (position, &expr) in exprs.iter().enumerate() {
            out.push_str(if position > 0 { ", " } else { "" });
            self.expr(expr, 0, out);
        }
    }

    fn place(&self, array: ArrayId, place: &Place, lane: u8, out: &mut String) {
        out.push_str(&self.array(array));
        match place {
            Place::Index(indices) => {
                out.push('[');
                self.exprs(indices, out);
            }
            Place::Address { address, disp_bytes } => {
                out.push_str("@[");
                self.expr(*address, 0, out);
                let _ = write!(out, ", {disp_bytes}");
            }
        }
        out.push(']');
        let is_complex = self.func.arrays.get(array).is_some_and(|info| info.ty.dtype.is_complex());
        if is_complex || lane != 0 {
            out.push_str(lane_word(lane));
        }
    }

    fn local(&self, local: LocalId) -> String {
        self.names.get(Var::Local(local))
    }

    fn array(&self, array: ArrayId) -> String {
        self.names.get(Var::Array(array))
    }

    fn function(&self, id: FuncId) -> String {
        self.functions.get(&id).cloned().unwrap_or_else(|| format!("?{id}"))
    }
}

fn lane_word(lane: u8) -> &'static str {
    if lane == 0 { ".re" } else { ".im" }
}

fn array_ty(ty: ArrayTy) -> String {
    format!("{ty}{}", if ty.is_writable { "" } else { " read" })
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// The words of [`LoopOrigin`].
pub(in crate::ir::text) fn origin_word(origin: LoopOrigin) -> &'static str {
    match origin {
        LoopOrigin::For => "for",
        LoopOrigin::Prange => "prange",
        LoopOrigin::UncheckedPrange => "unchecked",
        LoopOrigin::While => "while",
        LoopOrigin::Internal => "internal",
    }
}

fn print_fastmath(flags: FastMath, out: &mut String) {
    let set: Vec<&str> =
        fastmath_flags(flags).into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
    if !set.is_empty() {
        let _ = write!(out, " fastmath({})", set.join(", "));
    }
}

/// Names and values of the flags, in order.
fn fastmath_flags(flags: FastMath) -> [(&'static str, bool); 6] {
    let FastMath { reassoc, contract, arcp, nsz, nnan, ninf } = flags;
    [
        ("reassoc", reassoc),
        ("contract", contract),
        ("arcp", arcp),
        ("nsz", nsz),
        ("nnan", nnan),
        ("ninf", ninf),
    ]
}

/// A message in quotes: values in braces with their type and format specification.
fn quoted_message(message: &Message) -> String {
    let mut text = String::from("\"");
    for piece in &message.pieces {
        match piece {
            Piece::Text(part) => text.push_str(&escaped(part).replace('{', "{{").replace('}', "}}")),
            Piece::Value { dtype, spec } => {
                let colon = if spec.is_empty() { "" } else { ":" };
                let _ = write!(text, "{{{dtype}{colon}{}}}", escaped(spec));
            }
        }
    }
    text.push('"');
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out
}
