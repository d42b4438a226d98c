//! Statements: assignments, branches, loops, and what joins after them.

use super::env::{Assigned, Changes, VarId, VarTy, is_same_head};
use super::function::{FnCtx, Loop, Val};
use super::{ConstValue, Live, Resolution, StmtInfo, annotations, array_messages, formats, messages};
use crate::base::{Code, Diagnostic, Span, Symbol};
use crate::syntax::ast::{BinaryOp, Block, ExprId, ExprKind, FStringPiece, Literal, Stmt, StmtId, StmtKind};
use crate::types::Ty;

/// Rounds of a loop until its types are stable; each round widens at least one variable, so this is never reached.
const MAX_ROUNDS: u32 = 50;

impl<'a> FnCtx<'_, 'a> {
    /// Types statements until no path leads on.
    pub(super) fn block(&mut self, block: &'a Block) {
        self.ctx.depth += 1;
        for stmt in block {
            if self.is_dead {
                break;
            }
            self.stmt(stmt);
        }
        self.ctx.depth -= 1;
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        self.target_name = None;
        self.array_root = None;
        match &stmt.kind {
            StmtKind::Expr(expr) => {
                self.expr(*expr);
            }
            StmtKind::Assign { targets, value } => {
                if let [target] = targets.as_slice()
                    && let ExprKind::Name(name) = &self.ast.exprs[*target].kind
                {
                    self.target_name = Some(name.clone());
                }
                let value_id = *value;
                let value = self.expr(value_id);
                if let Some(Ty::None) = value.ty
                    && self.is_user_call(value_id)
                {
                    self.diags.push(messages::nothing_returned(self.span(value_id)));
                }
                for &target in targets {
                    self.assign(target, &value, Some(value_id));
                }
            }
            StmtKind::AnnAssign { target, value, .. } => {
                if let Some(value_id) = *value {
                    let value = self.expr(value_id);
                    self.assign(*target, &value, Some(value_id));
                }
            }
            StmtKind::AugAssign { target, op, value } => self.aug_assign(*target, *op, *value),
            StmtKind::If { cond, body, orelse } => self.if_stmt(stmt, *cond, body, orelse),
            StmtKind::While { cond, body, orelse } => self.while_stmt(stmt, *cond, body, orelse),
            StmtKind::For { target, iter, body, orelse } => self.for_stmt(stmt, *target, *iter, body, orelse),
            StmtKind::Return(value) => {
                let ty = match value {
                    None => Some(Ty::None),
                    Some(value) => self.expr(*value).ty,
                };
                let place = value.map_or(stmt.span, |value| self.span(value));
                self.add_return(ty, place);
                self.is_dead = true;
            }
            StmtKind::Break => {
                if let Some(frame) = self.loops.last_mut() {
                    frame.breaks.push(self.env.changes_since(frame.mark));
                }
                self.is_dead = true;
            }
            StmtKind::Continue => {
                if let Some(frame) = self.loops.last_mut() {
                    frame.continues.push(self.env.changes_since(frame.mark));
                }
                self.is_dead = true;
            }
            StmtKind::Pass => {}
            StmtKind::Raise(value) => {
                self.raise(stmt.span, *value);
                self.is_dead = true;
            }
            StmtKind::Assert { cond, message } => {
                self.cond(*cond);
                if let Some(message) = message {
                    self.message(*message);
                }
            }
            StmtKind::Del(targets) => {
                for &target in targets {
                    let span = self.span(target);
                    match &self.ast.exprs[target].kind {
                        ExprKind::Name(name) => {
                            if let Some(&var) = self.var_ids.get(name) {
                                self.read(target, var);
                                self.env.unassign(var, span);
                            }
                        }
                        ExprKind::Error => {}
                        _ => self.diags.push(
                            Diagnostic::error(Code::K201, span, "`del` of something that is not a variable")
                                .help("arrays are freed when they are last used; leave the statement out"),
                        ),
                    }
                }
            }
        }
    }

    /// A value for a variable, an element, or several of them.
    pub(super) fn assign(&mut self, target: ExprId, value: &Val, value_id: Option<ExprId>) {
        let span = self.span(target);
        match &self.ast.exprs[target].kind {
            ExprKind::Name(name) => {
                if let Some(&var) = self.var_ids.get(name) {
                    self.assign_var(target, var, value, value_id);
                }
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                let parts = self.unpack(span, items.len(), value, value_id);
                for (at, &item) in items.iter().enumerate() {
                    let part = parts.get(at).cloned().unwrap_or(Val::ERROR);
                    self.assign(item, &part, None);
                }
                if let Some(ty) = &value.ty {
                    self.done(target, Val::of(ty.clone()), Resolution::Plain);
                }
            }
            ExprKind::Index { .. } => self.store(target, value, value_id),
            ExprKind::Attribute { name, .. } => {
                self.diags.push(
                    Diagnostic::error(
                        Code::K103,
                        name.span,
                        format!("attribute `{}` cannot be assigned", name.name),
                    )
                    .help("shapes are fixed when an array is made; make a new one"),
                );
            }
            ExprKind::Error => {}
            _ => {
                self.diags.push(Diagnostic::error(Code::K006, span, "this cannot be assigned to"));
            }
        }
    }

    fn assign_var(&mut self, target: ExprId, var: VarId, value: &Val, value_id: Option<ExprId>) {
        let span = self.span(target);
        let Some(ty) = &value.ty else {
            self.env.assign(var, VarTy::Error, span);
            return;
        };
        let annotation = self.var_annotations.get(&var);
        let ty = match annotations::convert(ty, annotation) {
            Some(ty) => ty,
            None => {
                let place = value_id.map_or(span, |id| self.span(id));
                let name = self.var_name(var).clone();
                let annotation = annotation.cloned().unwrap_or(Ty::None);
                self.diags.push(messages::local_annotation(place, &name, ty, &annotation));
                annotation
            }
        };
        self.env.assign(var, VarTy::Known(ty.clone()), span);
        self.done(target, Val::of(ty), Resolution::Variable);
    }

    /// The parts of a value that is unpacked into `count` targets.
    fn unpack(&mut self, span: Span, count: usize, value: &Val, value_id: Option<ExprId>) -> Vec<Val> {
        let place = value_id.map_or(span, |id| self.span(id));
        match &value.ty {
            None => Vec::new(),
            Some(Ty::Tuple(items)) => {
                if items.len() != count {
                    self.diags.push(messages::unpack(span, count, place, items.len()));
                    return Vec::new();
                }
                items.iter().map(|ty| Val::of(ty.clone())).collect()
            }
            Some(ty @ Ty::Array(array)) => {
                self.diags.push(
                    Diagnostic::error(
                        Code::K312,
                        place,
                        format!("an array `{ty}` cannot be unpacked: its length is not known"),
                    )
                    .primary("an array")
                    .help(if array.rank == 1 {
                        "index it: `a = x[0]`, `b = x[1]`"
                    } else {
                        "take its rows one by one: `a = x[0]`, `b = x[1]`"
                    }),
                );
                Vec::new()
            }
            Some(ty) => {
                self.diags.push(
                    Diagnostic::error(
                        Code::K312,
                        place,
                        format!("a value of type `{ty}` cannot be unpacked"),
                    )
                    .primary(format!("this is `{ty}`"))
                    .label(span, format!("{count} names wait for values"))
                    .help("only tuples can be unpacked"),
                );
                Vec::new()
            }
        }
    }

    fn aug_assign(&mut self, target: ExprId, op: BinaryOp, value_id: ExprId) {
        let span = self.span(target);
        match &self.ast.exprs[target].kind {
            ExprKind::Name(name) => {
                let Some(&var) = self.var_ids.get(name) else { return };
                self.target_name = Some(name.clone());
                let old = self.read(target, var);
                let needs_flag = self.exprs.get(&target).is_some_and(|info| info.needs_flag);
                let right = self.expr(value_id);
                if let (Some(Ty::Array(array)), Some(_)) = (&old.ty, &right.ty) {
                    let diag = array_messages::array_update(
                        self,
                        span.to(self.span(value_id)),
                        name,
                        array.rank,
                        op,
                        value_id,
                    );
                    self.diags.push(diag);
                    return;
                }
                if let (Some(Ty::Scalar(number)), Some(Ty::Array(array))) = (&old.ty, &right.ty) {
                    let diag =
                        array_messages::array_into_number(self, (target, *number), op, (value_id, *array));
                    self.diags.push(diag);
                    return;
                }
                let result =
                    self.binary_types(span.to(self.span(value_id)), op, (target, &old), (value_id, &right));
                // A variable is not weak, even if both sides were.
                let result = Val { is_weak: false, konst: None, ..result };
                self.assign_var(target, var, &result, Some(value_id));
                if needs_flag && let Some(info) = self.exprs.get_mut(&target) {
                    info.needs_flag = true;
                }
            }
            ExprKind::Index { .. } => {
                let old = self.expr(target);
                let right = self.expr(value_id);
                if let (Some(Ty::Array(array)), Some(_)) = (&old.ty, &right.ty) {
                    let rank = array.rank;
                    let diag = array_messages::array_view_update(
                        self,
                        span.to(self.span(value_id)),
                        target,
                        rank,
                        op,
                        value_id,
                    );
                    self.diags.push(diag);
                    return;
                }
                let result =
                    self.binary_types(span.to(self.span(value_id)), op, (target, &old), (value_id, &right));
                self.check_store(target, &result, Some(value_id));
            }
            ExprKind::Error => {
                self.expr(value_id);
            }
            _ => {
                self.expr(value_id);
                self.diags.push(Diagnostic::error(Code::K006, span, "this cannot be assigned to"));
            }
        }
    }

    fn if_stmt(&mut self, stmt: &'a Stmt, cond: ExprId, body: &'a Block, orelse: &'a Block) {
        let known = self.cond(cond);
        match known {
            Some(true) => {
                self.stmts.insert(stmt.id, StmtInfo { live: Live::Then, ..StmtInfo::default() });
                self.block(body);
                return;
            }
            Some(false) => {
                self.stmts.insert(stmt.id, StmtInfo { live: Live::Else, ..StmtInfo::default() });
                self.block(orelse);
                return;
            }
            None => {}
        }
        let mark = self.env.mark();
        self.block(body);
        let then_end = self.end_of_path(mark);
        self.block(orelse);
        let else_end = self.end_of_path(mark);
        let joined = self.join_paths(&[then_end, else_end], Assigned::IfBranch);
        self.stmts.insert(stmt.id, StmtInfo { joined, ..StmtInfo::default() });
    }

    /// The end of a path that began at `mark`, if it has one; the state goes back to `mark`, alive.
    fn end_of_path(&mut self, mark: usize) -> Option<Changes> {
        let end = (!self.is_dead).then(|| self.env.changes_since(mark));
        self.env.roll_back(mark);
        self.is_dead = false;
        end
    }

    /// Goes on where the paths that have an end join. Gives the variables that differ, with their types.
    fn join_paths(&mut self, ends: &[Option<Changes>], missing: Assigned) -> Vec<(Symbol, Ty)> {
        let live: Vec<&Changes> = ends.iter().flatten().collect();
        if live.is_empty() {
            self.is_dead = true;
            return Vec::new();
        }
        let (changes, differing) = self.env.join(&live, missing);
        self.env.apply(changes);
        differing
            .into_iter()
            .filter_map(|var| {
                let ty = self.env.get(var).known()?;
                Some((self.var_name(var).clone(), ty.clone()))
            })
            .collect()
    }

    fn while_stmt(&mut self, stmt: &'a Stmt, cond: ExprId, body: &'a Block, orelse: &'a Block) {
        self.loop_stmt(stmt.id, body, orelse, |f| match f.cond(cond) {
            Some(true) => Live::Then,
            Some(false) => Live::Else,
            None => Live::Both,
        });
    }

    fn for_stmt(&mut self, stmt: &'a Stmt, target: ExprId, iter: ExprId, body: &'a Block, orelse: &'a Block) {
        let item = self.iterate(iter);
        let is_empty = matches!(&item, Some(super::iterate::Items::None));
        let item = match item {
            Some(super::iterate::Items::Some(item)) => item,
            Some(super::iterate::Items::None) | None => Val::ERROR,
        };
        self.loop_stmt(stmt.id, body, orelse, |f| {
            if is_empty {
                return Live::Else;
            }
            f.assign(target, &item, Some(iter));
            Live::Both
        });
    }

    /// Walks a loop until the types at its head are stable. `enter` types what comes before the body in each iteration.
    fn loop_stmt(
        &mut self,
        id: StmtId,
        body: &'a Block,
        orelse: &'a Block,
        mut enter: impl FnMut(&mut Self) -> Live,
    ) {
        let mark = self.env.mark();
        let flagged = self.stmts.remove(&id).map(|info| info.maybe_unassigned).unwrap_or_default();
        self.stmts.insert(id, StmtInfo { maybe_unassigned: flagged, ..StmtInfo::default() });
        let diag_mark = self.diags.len();
        let saved = (self.ret.clone(), self.is_ret_unknown, self.is_incomplete);
        for round in 0.. {
            let head_version = self.env.now();
            // What earlier walks found at the head, joined with what comes in now.
            if let Some(known) = self.heads.get(&id) {
                let known: Changes = known.clone();
                let entry = Changes::new();
                let (changes, _) = self.env.join(&[&entry, &known], Assigned::IfLoop(id));
                self.env.apply(changes);
            }
            self.loops.push(Loop {
                stmt: id,
                mark,
                head_version,
                reads: Default::default(),
                breaks: Vec::new(),
                continues: Vec::new(),
            });
            let used_mark = self.env.mark();
            let live = enter(self);
            if live != Live::Else {
                self.block(body);
            } else {
                self.is_dead = true;
            }
            let back = (!self.is_dead).then(|| self.env.changes_since(mark));
            self.is_dead = false;
            self.env.roll_back(used_mark);
            let Some(frame) = self.loops.pop() else { return };
            debug_assert_eq!(frame.stmt, id);
            // Compare the head that was used (now in `env`) with the one that the back edges give.
            let mut edges: Vec<&Changes> = frame.continues.iter().collect();
            edges.extend(back.as_ref());
            let used_heads: Changes = self.env.changes_since(mark);
            self.env.roll_back(mark);
            let entry = Changes::new();
            let mut paths = vec![&entry];
            paths.extend(edges.iter().copied());
            if !used_heads.is_empty() {
                paths.push(&used_heads);
            }
            let (new_head, _) = if edges.is_empty() {
                (used_heads.clone(), Vec::new())
            } else {
                self.env.join(&paths, Assigned::IfLoop(id))
            };
            let is_stable = new_head.iter().all(|(var, head)| {
                let used = match used_heads.binary_search_by_key(var, |(v, _)| *v) {
                    Ok(at) => &used_heads[at].1,
                    Err(_) => self.env.get(*var),
                };
                // After an error, once its cause is stable, nothing more is to be learned.
                matches!(head.ty, VarTy::Error)
                    || is_same_head(used, head)
                    || frame.reads.get(var).is_none_or(|&version| version > frame.head_version)
            });
            // Reads in this loop of values from before it are reads of the loop around it too.
            if let Some(outer) = self.loops.last_mut() {
                for (var, version) in &frame.reads {
                    let oldest = outer.reads.entry(*var).or_insert(*version);
                    *oldest = (*oldest).min(*version);
                }
            }
            if !is_stable && round < MAX_ROUNDS {
                let known =
                    new_head.into_iter().filter(|(_, head)| !matches!(head.ty, VarTy::Error)).collect();
                self.heads.insert(id, known);
                self.diags.truncate(diag_mark);
                (self.ret, self.is_ret_unknown, self.is_incomplete) = saved.clone();
                continue;
            }
            self.finish_loop(id, mark, live, new_head, &edges, &frame, orelse);
            return;
        }
    }

    /// After the last walk of the body: what is known at the head, and after the loop.
    fn finish_loop(
        &mut self,
        id: StmtId,
        mark: usize,
        live: Live,
        head: Changes,
        edges: &[&Changes],
        frame: &Loop,
        orelse: &'a Block,
    ) {
        let mut listed = Vec::new();
        for (var, value) in &head {
            let Some(ty) = value.known() else { continue };
            let is_entering = self.env.get(*var).assigned != Assigned::No;
            let is_flagged_read = frame.reads.get(var).is_some_and(|&version| version <= frame.head_version);
            let is_mixed = edges.iter().any(|edge| match edge.binary_search_by_key(var, |(v, _)| *v) {
                Ok(at) => edge[at].1.known() != Some(ty),
                Err(_) => false,
            });
            if is_entering || is_flagged_read || is_mixed {
                listed.push((self.var_name(*var).clone(), ty.clone()));
            }
        }
        let head_vars: Vec<VarId> = head.iter().map(|(var, _)| *var).collect();
        // The normal exit goes through the head, then `else`.
        let exit = if live == Live::Then {
            None
        } else {
            if live == Live::Both {
                self.env.apply(head);
            }
            self.block(orelse);
            self.end_of_path(mark)
        };
        self.is_dead = false;
        let mut ends = vec![exit];
        ends.extend(frame.breaks.iter().cloned().map(Some));
        let has_breaks = ends.len() > 1;
        let mut joined = self.join_paths(&ends, Assigned::IfLoop(id));
        if !has_breaks {
            // Only one path: still say which variables may be missing after it.
            for var in head_vars {
                if let (Assigned::IfLoop(stmt), Some(ty)) =
                    (self.env.get(var).assigned, self.env.get(var).known())
                    && stmt == id
                {
                    joined.push((self.var_name(var).clone(), ty.clone()));
                }
            }
        }
        let info = self.stmts.entry(id).or_default();
        info.live = live;
        info.head = listed;
        info.joined = joined;
    }

    fn raise(&mut self, span: Span, value: Option<ExprId>) {
        let Some(value) = value else {
            self.diags.push(
                Diagnostic::error(Code::K201, span, "`raise` without an exception")
                    .help("name one: `raise ValueError(\"...\")`"),
            );
            return;
        };
        let expr = &self.ast.exprs[value];
        let (name_id, args, keywords) = match &expr.kind {
            ExprKind::Call { callee, args, keywords } => (*callee, args.as_slice(), keywords.as_slice()),
            ExprKind::Name(_) => (value, &[][..], &[][..]),
            ExprKind::Error => return,
            _ => {
                self.diags.push(
                    Diagnostic::error(Code::K209, expr.span, "this is not an exception")
                        .help("write `raise ValueError(\"...\")`"),
                );
                return;
            }
        };
        let name_span = self.span(name_id);
        match &self.ast.exprs[name_id].kind {
            ExprKind::Name(name) if EXCEPTIONS.contains(&name.as_str()) => {}
            ExprKind::Error => {}
            ExprKind::Name(name) => {
                let diag =
                    Diagnostic::error(Code::K209, name_span, format!("unknown exception type `{name}`"));
                let near = super::suggest::nearest(name, EXCEPTIONS.iter().copied())
                    .filter(|near| near.get(..1).is_some_and(|first| name.starts_with(first)));
                self.diags.push(diag.help(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "use one of Python's own: `ValueError`, `RuntimeError`, `IndexError`".to_owned(),
                }));
            }
            _ => self.diags.push(
                Diagnostic::error(Code::K209, name_span, "this is not an exception type")
                    .help("write `raise ValueError(\"...\")`"),
            ),
        }
        for &arg in args {
            self.message(arg);
        }
        if let Some((name, _)) = keywords.first() {
            self.diags.push(
                Diagnostic::error(Code::K207, name.span, "exceptions take no keyword arguments")
                    .help("put the value into the message: `raise ValueError(f\"... {x}\")`"),
            );
        }
    }

    /// The message of an exception or assertion: text, an f-string, or a value.
    fn message(&mut self, id: ExprId) {
        self.printable(id);
    }

    /// The parts of an f-string: values that can be shown, and formats that fit.
    pub(super) fn fstring(&mut self, id: ExprId, pieces: &'a [FStringPiece]) -> Val {
        let mut text = Some(String::new());
        for piece in pieces {
            match piece {
                FStringPiece::Text(piece) => {
                    if let Some(text) = &mut text {
                        text.push_str(piece);
                    }
                }
                FStringPiece::Value { value, spec, conversion } => {
                    let value_id = *value;
                    let val = self.expr(value_id);
                    match (&val.ty, &mut text) {
                        (Some(Ty::Str(piece)), Some(text)) if spec.is_empty() && conversion.is_none() => {
                            text.push_str(piece);
                        }
                        _ => text = None,
                    }
                    // After `!r` it is the text that is formatted.
                    let shown = val.ty.map(|ty| match ty {
                        Ty::None | Ty::Scalar(_) if conversion.is_some() => Ty::Str(String::new().into()),
                        ty => ty,
                    });
                    if let Some(ty) = &shown
                        && let Some(diag) = formats::format_spec(self.span(value_id), ty, spec)
                    {
                        self.diags.push(diag);
                    }
                }
            }
        }
        // Without values it is a string; with values only a message, and no constant.
        let konst = text.as_deref().map(|text| ConstValue::Str(text.into()));
        let ty = Ty::Str(text.unwrap_or_default().into());
        self.done(id, Val { konst, ..Val::of(ty) }, Resolution::Plain)
    }

    fn is_user_call(&self, id: ExprId) -> bool {
        matches!(self.exprs.get(&id).map(|info| &info.resolution), Some(Resolution::User(..)))
    }

    /// Is it the literal `None`, without typing it?
    pub(super) fn is_none_literal(&self, id: ExprId) -> bool {
        matches!(self.ast.exprs[id].kind, ExprKind::Literal(Literal::None))
    }
}

/// Exceptions that kernels may raise.
pub(super) const EXCEPTIONS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BufferError",
    "EOFError",
    "Exception",
    "FloatingPointError",
    "IndexError",
    "KeyError",
    "LookupError",
    "MemoryError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "RuntimeError",
    "StopIteration",
    "TypeError",
    "ValueError",
    "ZeroDivisionError",
];
