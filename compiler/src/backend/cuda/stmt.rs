//! Statements as C: structured IR as structured code.

use super::expr::level;
use super::writer::{LoopShape, Refused, Role, Writer};
use crate::base::Span;
use crate::ir::walk;
use crate::ir::{
    ArrayId, Block, Check, Combine, ExprId, Loop, LoopKind, Operand, Place, ReduceOp, Stmt, TrapId,
};
use crate::types::DType;

impl Writer<'_, '_> {
    pub(super) fn block(&mut self, block: &Block) -> Result<(), Refused> {
        self.statements(block)
    }

    pub(super) fn statements(&mut self, block: &[Stmt]) -> Result<(), Refused> {
        for stmt in block {
            self.stmt(stmt)?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<(), Refused> {
        let is_call = matches!(stmt, Stmt::Call { .. } | Stmt::Runtime { .. } | Stmt::Device { .. });
        self.fresh_result = None;
        for local in self.declarations.before(stmt).to_vec() {
            if is_call && self.declarations.is_result_of(stmt, local) {
                // Declared where the call is written.
                self.fresh_result = Some(local);
                continue;
            }
            let (kind, name) = (self.local_type(local), self.names.local(self.func, local));
            self.put(&format!("{kind} {name};"));
        }
        match stmt {
            Stmt::Set { local, value } => {
                self.at(self.span_of(*value));
                let text = self.expr(*value)?;
                let value = if self.sizes.is_index(*local) && !text.is_index {
                    format!("(index_t){}", text.at(level::UNARY))
                } else {
                    text.code
                };
                let kind = match self.declarations.at_set(stmt, *local) {
                    Some(true) => format!("const {} ", self.local_type(*local)),
                    Some(false) => format!("{} ", self.local_type(*local)),
                    None => String::new(),
                };
                self.used.locals.insert(*local);
                let name = self.names.local(self.func, *local);
                self.put(&format!("{kind}{name} = {value};"));
            }
            Stmt::Store { array, place, lane, value } => {
                self.at(self.span_of(*value));
                let is_open = self.open_guard(*array, place)?;
                let (target, value) = (self.element(*array, place, *lane)?, self.expr(*value)?.code);
                self.put(&format!("{target} = {value};"));
                self.close_guard(is_open);
            }
            Stmt::Accumulate { array, place, lane, op, value } => {
                self.at(self.span_of(*value));
                self.accumulate(*array, place, *lane, *op, *value)?;
            }
            Stmt::SetArray { array, .. } => {
                self.at(self.func.arrays[*array].span);
                let declares = self.declarations.is_declared_by(stmt);
                self.set_array(stmt, declares)?;
            }
            // Nothing is allocated, so nothing is counted.
            Stmt::Release { .. } => {}
            Stmt::If { cond, then, orelse } => self.branch(*cond, then, orelse)?,
            Stmt::While { head, cond, body, .. } => self.while_loop(head, *cond, body)?,
            Stmt::Loop(l) if l.kind == LoopKind::Grid => self.thread_loop(l)?,
            Stmt::Loop(l) => self.serial_loop(l)?,
            Stmt::Parallel(call) => {
                return Err(Refused::new(self.func.loops[call.id].span, "it starts another parallel loop"));
            }
            Stmt::Call { callee, args, results, span } => {
                self.at(*span);
                self.call(stmt, *callee, args, results, *span)?;
            }
            Stmt::Runtime { function, args, results, trap } => {
                self.service(stmt, *function, args, results, *trap)?;
            }
            Stmt::Device { function, args, results, span } => {
                self.at(*span);
                self.device(*function, args, results)?;
            }
            Stmt::Launch { span, .. } => return Err(Refused::new(*span, "it launches a kernel")),
            Stmt::Check { check, trap, args } => {
                let span = self.program.traps[*trap].span;
                self.at(span);
                let failed = self.failed(check)?;
                self.failure(Some(&failed), *trap, args)?;
            }
            Stmt::Raise { trap, args } => {
                self.at(self.program.traps[*trap].span);
                self.failure(None, *trap, args)?;
            }
            Stmt::Print { .. } => return Err(Refused::new(self.func.span, "it prints")),
            Stmt::Fill { array, lanes } => {
                self.at(self.func.arrays[*array].span);
                self.fill(*array, lanes)?;
            }
            Stmt::CopyElements { to, from } => {
                self.at(self.func.arrays[*to].span);
                self.copy_elements(*to, *from)?;
            }
            Stmt::Break => self.put("break;"),
            Stmt::Continue => {
                if self.loops.last() == Some(&LoopShape::Threads) && self.has_tail() {
                    let label = match self.jumps.next.take() {
                        Some(label) => label,
                        None => self.names.fresh("next"),
                    };
                    self.put(&format!("goto {label};"));
                    self.jumps.next = Some(label);
                } else {
                    self.put("continue;");
                }
            }
            Stmt::Return { values } => self.give_back(values)?,
        }
        Ok(())
    }

    pub(super) fn span_of(&self, id: ExprId) -> Span {
        self.func.exprs[id].span
    }

    /// Statements in braces, after the text that begins the line.
    pub(super) fn braces(&mut self, head: &str, block: &Block) -> Result<(), Refused> {
        self.put(&format!("{head} {{"));
        self.depth += 1;
        self.block(block)?;
        self.depth -= 1;
        self.put("}");
        Ok(())
    }

    fn branch(&mut self, cond: ExprId, then: &Block, orelse: &Block) -> Result<(), Refused> {
        self.at(self.span_of(cond));
        let text = self.expr(cond)?;
        if then.is_empty() && !orelse.is_empty() {
            return self.braces(&format!("if (!{})", text.at(level::UNARY)), orelse);
        }
        self.put(&format!("if ({}) {{", text.code));
        self.depth += 1;
        self.block(then)?;
        self.depth -= 1;
        if !orelse.is_empty() {
            self.put("} else {");
            self.depth += 1;
            self.block(orelse)?;
            self.depth -= 1;
        }
        self.put("}");
        Ok(())
    }

    /// A loop whose iterations are shared out among threads.
    fn thread_loop(&mut self, l: &Loop) -> Result<(), Refused> {
        let Role::Kernel(role) = &self.role else {
            return Err(Refused::new(self.func.span, "it starts another parallel loop"));
        };
        if role.ordered.is_some() {
            return self.chunk_loop(l);
        }
        let collapse = role.collapse;
        let is_outer = self.loops.is_empty();
        let has_inner = has_thread_loop(&l.body);
        let axis = match (collapse, is_outer) {
            (None, _) => 'x',
            (Some(collapse), true) => {
                if collapse.inner_is_x {
                    'y'
                } else {
                    'x'
                }
            }
            (Some(collapse), false) => {
                if collapse.inner_is_x {
                    'x'
                } else {
                    'y'
                }
            }
        };
        self.at(self.func.loops[l.id].span);
        if self.bands(l)? {
            return Ok(());
        }
        // Of two loops that could not be made one here, one thread does the whole inner one.
        let is_alone = collapse.is_some() && is_outer && !has_inner;
        if is_alone {
            let other = if axis == 'x' { 'y' } else { 'x' };
            self.put(&format!("if (first_{other}() == 0) {{"));
            self.depth += 1;
        }
        let var = self.names.local(self.func, l.var);
        let kind = self.local_type(l.var);
        let lo = self.expr(l.lo)?;
        let hi = self.expr(l.hi)?;
        let starts_at_zero = lo.code == "0";
        // The number of the iteration: the variable itself where it counts from 0 by 1.
        let is_plain = l.step == 1 && kind == "index_t";
        let iteration;
        let mut has_rows = false;
        if is_plain {
            let tiled = if is_outer && !has_inner { self.tiles(l)? } else { None };
            has_rows = is_outer && !has_inner && tiled.is_none() && {
                let end = hi.clone().at(level::COMPARE + 1);
                self.rows(l, &end)?
            };
            let from = if let Some(left) = tiled {
                format!("{} + first_{axis}()", left.code)
            } else if starts_at_zero {
                format!("first_{axis}()")
            } else {
                format!("{} + first_{axis}()", lo.code)
            };
            let end = hi.at(level::COMPARE + 1);
            self.put(&format!("for (index_t {var} = {from}; {var} < {end}; {var} += step_{axis}()) {{"));
            iteration = if starts_at_zero { var } else { format!("({var} - {})", lo.at(level::PRODUCT)) };
            self.depth += 1;
        } else {
            let trip = self.trip_of(l, is_outer)?;
            let counter = self.names.fresh("k");
            self.put(&format!(
                "for (index_t {counter} = first_{axis}(); {counter} < {trip}; {counter} += step_{axis}()) {{"
            ));
            self.depth += 1;
            let offset = match l.step {
                1 => counter.clone(),
                step if kind == "index_t" => format!("{counter} * {step}"),
                step => format!("(i64){counter} * {step}"),
            };
            let value = if starts_at_zero { offset } else { format!("{} + {offset}", lo.at(level::SUM)) };
            let value = value.replace("+ -", "- ");
            self.put(&format!("const {kind} {var} = {value};"));
            iteration = counter;
        }
        let outer_iteration = self.iteration.clone();
        let before = self.outer.clone();
        let bare =
            |text: &str| text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text).to_owned();
        self.iteration = match (is_outer, collapse) {
            (true, None) => iteration,
            (true, Some(_)) => {
                self.outer = bare(&iteration);
                format!("order({}, 0)", self.outer)
            }
            (false, _) => format!("order({}, {})", self.outer, bare(&iteration)),
        };
        self.loops.push(LoopShape::Threads);
        let is_innermost = !has_inner;
        if is_innermost {
            self.begin_iteration();
        }
        let jumps = self.jumps.next.take();
        let start = self.out.len();
        self.block(&l.body)?;
        if is_innermost {
            self.end_iteration(start);
        }
        self.jumps.next = jumps;
        self.loops.pop();
        self.iteration = outer_iteration;
        self.outer = before;
        self.depth -= 1;
        self.put("}");
        if is_alone || has_rows {
            self.depth -= 1;
            self.put("}");
        }
        Ok(())
    }

    /// Number of iterations of a loop of threads, as C.
    fn trip_of(&mut self, l: &Loop, is_outer: bool) -> Result<String, Refused> {
        if is_outer {
            return Ok("trip".to_owned());
        }
        let span = self.func.loops[l.id].span;
        if l.step != 1 {
            return Err(Refused::new(span, "the inner loop has a step"));
        }
        let (lo, hi) = (self.expr(l.lo)?, self.expr(l.hi)?);
        Ok(format!("({} - {})", hi.at(level::SUM), lo.at(level::SUM + 1)))
    }

    /// Is there something to do at the end of every iteration?
    fn has_tail(&self) -> bool {
        match &self.role {
            Role::Kernel(role) => {
                !role.found_at.is_empty() || role.outputs.iter().any(|(_, combine)| *combine == Combine::Last)
            }
            Role::Device { .. } => false,
        }
    }

    /// Notes what the end of the iteration compares with.
    pub(super) fn begin_iteration(&mut self) {
        let Role::Kernel(role) = &self.role else { return };
        let leaders: Vec<_> = role.found_at.keys().map(|&k| role.outputs[k].0).collect();
        for local in leaders {
            let (kind, name) = (self.local_type(local), self.names.local(self.func, local));
            self.put(&format!("const {kind} {name}_before = {name};"));
        }
    }

    /// What the end of an iteration has to say about results. The body's text begins at `start`.
    pub(super) fn end_iteration(&mut self, start: usize) {
        if let Some(label) = self.jumps.next.take() {
            // Braces, so that no jump enters the scope of a variable.
            let indent = "    ".repeat(self.depth);
            let body = self.out.split_off(start);
            self.out.push_str(&format!("{indent}{{\n{body}{indent}}}\n{indent}{label}:;\n"));
        }
        let Role::Kernel(role) = &self.role else { return };
        let mut lines = Vec::new();
        for (&leader, found) in &role.found_at {
            let (local, combine) = role.outputs[leader];
            let sign = if combine == Combine::Reduce(ReduceOp::Min) { "<" } else { ">" };
            lines.push((format!("{sign} "), local, found.clone()));
        }
        let last: Vec<(usize, _)> = role
            .outputs
            .iter()
            .enumerate()
            .filter(|(_, (_, combine))| *combine == Combine::Last)
            .map(|(k, (local, _))| (k, *local))
            .collect();
        for (sign, local, found) in lines {
            let name = self.names.local(self.func, local);
            let line = format!("if ({name} {sign}{name}_before) {found} = {};", self.iteration);
            self.put(&line);
        }
        if !last.is_empty() {
            self.used.writes_results = true;
            let iteration = self.iteration.clone();
            self.put(&format!("if ({iteration} == trip - 1) {{"));
            self.depth += 1;
            for (k, local) in last {
                let word = self.word_of(local);
                self.put(&format!("results[{k}] = {word};"));
            }
            self.depth -= 1;
            self.put("}");
        }
    }

    /// A variable as a word of the calling convention.
    pub(super) fn word_of(&mut self, local: crate::ir::LocalId) -> String {
        let name = self.read_local(local);
        let dtype = self.func.locals[local].dtype;
        super::reduce::as_word(dtype, &name)
    }

    /// The condition that a check fails, as C.
    fn failed(&mut self, check: &Check) -> Result<String, Refused> {
        match check {
            Check::Cond(cond) => Ok(format!("!{}", self.expr(*cond)?.at(level::UNARY))),
            Check::Index { index, array, axis } => {
                let is_natural = self.sizes.is_natural(self.func, *index);
                let (index, dim) = (self.expr(*index)?, self.dim(*array, *axis).code);
                if is_natural {
                    return Ok(format!("{} >= {dim}", index.at(level::COMPARE + 1)));
                }
                let index = index.at(level::COMPARE + 1);
                Ok(format!("{index} < -{dim} || {index} >= {dim}"))
            }
        }
    }

    /// Notes an error and leaves the iteration, if the condition holds.
    pub(super) fn failure(
        &mut self,
        condition: Option<&str>,
        trap: TrapId,
        args: &[ExprId],
    ) -> Result<(), Refused> {
        self.used.fails = true;
        let mut words = String::new();
        for &arg in args {
            let exact = self.exact(arg)?;
            // The overloads take the widest numbers only.
            let exact = match self.func.exprs[arg].ty {
                DType::I8 | DType::I16 | DType::I32 => format!("(i64)({exact})"),
                DType::U8 | DType::U16 | DType::U32 => format!("(u64)({exact})"),
                _ => exact,
            };
            words.push_str(&format!(", word({exact})"));
        }
        let exception = self.program.traps[trap].exception.clone();
        let number = trap.as_u32() + 1;
        let leave = self.leave();
        if let Some(condition) = condition {
            self.put(&format!("if ({condition}) {{ // {exception}"));
            self.depth += 1;
        }
        let only = self.reporter().map_or(String::new(), |thread| format!("if ({thread}) "));
        self.put(&format!("{only}fail(error, {}, {number}{words});", self.iteration_word()));
        self.put(leave);
        if condition.is_some() {
            self.depth -= 1;
            self.put("}");
        }
        Ok(())
    }

    /// Which thread says so, where several do the same iteration: the first one is always among them.
    fn reporter(&self) -> Option<String> {
        let Role::Kernel(role) = &self.role else { return None };
        if role.is_explicit {
            return None;
        }
        if let Some(is_own) = self.row_owner() {
            return Some(is_own);
        }
        let depth = self.loops.iter().filter(|shape| **shape == LoopShape::Threads).count();
        match (&role.ordered, role.collapse) {
            (Some(_), _) if depth > 1 => None,
            (Some(_), _) => Some("first_x() == 0".to_owned()),
            (None, Some(collapse)) if depth == 1 => {
                Some(format!("first_{}() == 0", if collapse.inner_is_x { 'x' } else { 'y' }))
            }
            _ => None,
        }
    }

    /// The iteration's number for the error record.
    pub(super) fn iteration_word(&self) -> String {
        match self.role {
            Role::Device { .. } => "iteration".to_owned(),
            Role::Kernel(_) if self.iteration.starts_with("order(") => self.iteration.clone(),
            // In front of the loop: every thread fails alike.
            Role::Kernel(_) if self.iteration.is_empty() => "0".to_owned(),
            Role::Kernel(_) => format!("(u64){}", self.iteration),
        }
    }

    /// The statement that ends the thread's work after a failure.
    pub(super) fn leave(&mut self) -> &'static str {
        match &self.role {
            Role::Device { .. } => "return false;",
            // The threads of a warp go on together.
            Role::Kernel(_) if self.row_owner().is_some() => "continue;",
            Role::Kernel(role) if role.has_barriers => {
                self.jumps.done = true;
                "goto done;"
            }
            Role::Kernel(_) => "return;",
        }
    }

    fn accumulate(
        &mut self,
        array: ArrayId,
        place: &Place,
        lane: u8,
        op: ReduceOp,
        value: ExprId,
    ) -> Result<(), Refused> {
        let is_atomic = matches!(&self.role, Role::Kernel(role) if role.atomics.contains(array));
        if is_atomic {
            return self.accumulate_shared(array, place, op, value);
        }
        self.accumulate_in_order(array, place, lane, op, value)
    }

    /// Combines into an element that is the thread's alone.
    pub(super) fn accumulate_here(
        &mut self,
        array: ArrayId,
        place: &Place,
        lane: u8,
        op: ReduceOp,
        value: ExprId,
    ) -> Result<(), Refused> {
        let part = self.func.arrays[array].ty.dtype.part();
        let target = self.element(array, place, lane)?;
        let text = self.expr(value)?;
        if part.is_float() || part == DType::U64 {
            let sign = match op {
                ReduceOp::Add => "+",
                ReduceOp::Mul => "*",
                ReduceOp::And => "&",
                ReduceOp::Or => "|",
                ReduceOp::Xor => "^",
                ReduceOp::Min | ReduceOp::Max => "",
            };
            if !sign.is_empty() {
                self.put(&format!("{target} {sign}= {};", text.code));
                return Ok(());
            }
        }
        let wide = part.widened().name();
        let cell = self.names.fresh("cell");
        let combined = match op {
            ReduceOp::Add => format!("wadd({cell}, {})", text.code),
            ReduceOp::Mul => format!("wmul({cell}, {})", text.code),
            ReduceOp::And => format!("{cell} & {}", text.at(level::UNARY)),
            ReduceOp::Or => format!("{cell} | {}", text.at(level::UNARY)),
            ReduceOp::Xor => format!("{cell} ^ {}", text.at(level::UNARY)),
            ReduceOp::Min => format!("smaller<{wide}>({cell}, {})", text.code),
            ReduceOp::Max => format!("larger<{wide}>({cell}, {})", text.code),
        };
        let narrowed = match part {
            DType::Bool => format!("({combined}) != 0"),
            part if part == part.widened() => combined,
            part => format!("({part})({combined})"),
        };
        self.put(&format!("{part}& {cell} = {target};"));
        self.put(&format!("{cell} = {narrowed};"));
        Ok(())
    }

    /// `return`: kernels leave their results elsewhere.
    fn give_back(&mut self, values: &[Operand]) -> Result<(), Refused> {
        let Role::Device { returns_value } = self.role else {
            if self.is_explicit() {
                self.put("return;");
            }
            return Ok(());
        };
        let mut texts = Vec::new();
        for value in values {
            match value {
                Operand::Scalar(id) => texts.push(self.expr(*id)?.code),
                Operand::Array(_) => return Err(Refused::new(self.func.span, "it returns an array")),
            }
        }
        if returns_value {
            let value = texts.pop().unwrap_or_default();
            self.put(&format!("return {value};"));
            return Ok(());
        }
        for (k, text) in texts.into_iter().enumerate() {
            let name = self.result_names[k].clone();
            self.put(&format!("{name} = {text};"));
        }
        self.put("return true;");
        Ok(())
    }
}

/// Is there a loop of threads in the statements?
pub(super) fn has_thread_loop(block: &[Stmt]) -> bool {
    let mut found = false;
    walk::for_each_stmt(block, &mut |stmt| {
        found |= matches!(stmt, Stmt::Loop(l) if l.kind == LoopKind::Grid);
    });
    found
}
