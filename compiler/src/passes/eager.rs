//! Computes cheap conditions whether they are needed or not, instead of branching around them.
//!
//! ```text
//! alive = around == 3                            alive = around == 3
//! if not alive {                                 %t = around == 2
//!   %c = around == 2                   ==>       %t.2 = cells[i, j] == 1
//!   if %c { %c = cells[i, j] == 1 }              %t.3 = %t & %t.2
//!   alive = %c                                   alive = alive | %t.3
//! }                                              out[i, j] = select(alive, 1, 0)
//! if alive { out[i, j] = 1 }
//! else { out[i, j] = 0 }
//!
//! if x[i] < 0.0 { found = true }                 found = found | (x[i] < 0.0)
//! ```
//!
//! What `and`, `or` and conditional expressions become, and stores of one of two numbers. Data decides such branches at random, and a
//! wrong guess costs more than the condition; and a flag that iterations set is a reduction then. Conservative: a few cheap
//! operations that set truth values; an element is loaded early only if its place is proven by indices of elements that were
//! accessed anyway, or by a loop over the axis; floats are not selected, since the machine
//! has no conditional move for them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::PassReport;
use super::numbering::{Number, Numbers};
use crate::ir::walk::{self, LocalSet};
use crate::ir::{
    ArrayId, BinaryOp, Block, Check, ExprId, ExprKind, Func, LocalId, Loop, Param, Place, Program, Stmt,
    UnaryOp,
};
use crate::types::DType;

/// Operations of a branch that is computed in any case, at most.
const MAX_NODES: usize = 16;
/// Assignments of such a branch, at most.
const MAX_SETS: usize = 8;

/// Straightens the branches of every function.
pub fn eager(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let mut has_branches = false;
        walk::for_each_stmt(&func.body, &mut |stmt| {
            has_branches |= matches!(stmt, Stmt::If { then, .. } if is_candidate(func, then));
        });
        if !has_branches {
            continue;
        }
        let mut straightener = Straightener {
            numbers: Numbers::new(func),
            valid: FxHashSet::default(),
            scope: Vec::new(),
            assigned: LocalSet::new(),
            assigned_scope: Vec::new(),
            temps: LocalSet::new(),
            count: 0,
        };
        for param in &func.params {
            if let Param::Scalar(local) = param {
                straightener.assigned.insert(*local);
            }
        }
        let mut body = std::mem::take(&mut func.body);
        straightener.block(func, &mut body);
        func.body = body;
        report.add(straightener.count);
    }
}

/// An index that is within an axis of an array as bound then.
type ValidIndex = (ArrayId, Number, usize, Number);

struct Straightener {
    numbers: Numbers,
    valid: FxHashSet<ValidIndex>,
    /// What was learnt in the open blocks, to be forgotten at their ends.
    scope: Vec<ValidIndex>,
    /// Variables that have a value here for sure, those of open blocks in `assigned_scope`, too.
    assigned: LocalSet,
    assigned_scope: Vec<LocalId>,
    /// Made here: set and read where they are, whatever the condition.
    temps: LocalSet,
    count: usize,
}

/// The ends of what is known outside a block.
#[derive(Clone, Copy)]
struct Outer {
    scope: usize,
    assigned: usize,
}

impl Straightener {
    fn block(&mut self, func: &mut Func, block: &mut Block) {
        let mut result = Block::with_capacity(block.len());
        for mut stmt in block.drain(..) {
            self.nested(func, &mut stmt);
            let first = result.len();
            self.straighten(func, stmt, &mut result);
            for stmt in &result[first..] {
                self.leave(func, stmt);
            }
        }
        *block = result;
    }

    /// The blocks inside a statement, before the statement itself.
    fn nested(&mut self, func: &mut Func, stmt: &mut Stmt) {
        match stmt {
            Stmt::If { cond, then, orelse } => {
                self.visit(func, *cond);
                let outer = self.open();
                for branch in [then, orelse] {
                    let mark = self.numbers.mark();
                    self.block(func, branch);
                    // What the statement changes is told when it is left.
                    let _ = self.numbers.rewind(mark);
                    self.close(outer);
                }
            }
            Stmt::While { .. } | Stmt::Loop(_) => {
                if let Stmt::Loop(l) = stmt {
                    self.visit(func, l.lo);
                    self.visit(func, l.hi);
                }
                let outer = self.open();
                let range = if let Stmt::Loop(l) = &*stmt { self.whole_axis(func, l) } else { None };
                self.numbers.enter_loop(func, stmt);
                let mark = self.numbers.mark();
                match stmt {
                    Stmt::While { head, cond, body, .. } => {
                        self.block(func, head);
                        self.visit(func, *cond);
                        self.block(func, body);
                    }
                    Stmt::Loop(l) => {
                        self.assign(l.var);
                        if let Some((array, binding, axis)) = range {
                            let var = self.numbers.local(l.var);
                            self.know((array, binding, axis, var));
                        }
                        self.block(func, &mut l.body);
                    }
                    _ => {}
                }
                let _ = self.numbers.rewind(mark);
                self.close(outer);
            }
            _ => {}
        }
    }

    /// Goes on behind a statement.
    fn leave(&mut self, func: &Func, stmt: &Stmt) {
        match stmt {
            // Whatever is in it may have happened.
            Stmt::If { .. } | Stmt::While { .. } | Stmt::Loop(_) => self.numbers.enter_loop(func, stmt),
            Stmt::Check { check, .. } => match check {
                Check::Cond(root) | Check::Index { index: root, .. } => self.visit(func, *root),
            },
            Stmt::Raise { .. } => {}
            _ => {
                walk::for_each_expr_root(stmt, &mut |root| self.visit(func, root));
                if let Stmt::Store { array, place, .. } | Stmt::Accumulate { array, place, .. } = stmt {
                    self.learn(*array, place);
                }
                walk::for_each_local_written(stmt, &mut |local| self.assign(local));
                self.numbers.step(func, stmt);
            }
        }
    }

    /// Numbers an expression that is computed here, and learns from the elements it loads.
    fn visit(&mut self, func: &Func, root: ExprId) {
        self.numbers.visit(func, root);
        walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
            if let ExprKind::Load { array, place, .. } = &expr.kind {
                self.learn(*array, place);
            }
        });
    }

    fn learn(&mut self, array: ArrayId, place: &Place) {
        let Place::Index(indices) = place else { return };
        for (axis, &index) in indices.iter().enumerate() {
            self.know((array, self.numbers.binding(array), axis, self.numbers.of(index)));
        }
    }

    fn know(&mut self, fact: ValidIndex) {
        if self.valid.insert(fact) {
            self.scope.push(fact);
        }
    }

    /// `for i in 0 .. dim(x, 0)`: the axis that has an element for each iteration, of the array as bound in front of the loop.
    fn whole_axis(&self, func: &Func, l: &Loop) -> Option<(ArrayId, Number, usize)> {
        let ExprKind::Dim { array, axis } = func.exprs[l.hi].kind else { return None };
        let is_within =
            l.step > 0 && matches!(func.exprs[l.lo].kind, ExprKind::Const(first) if first.as_int() >= 0);
        is_within.then(|| (array, self.numbers.binding(array), usize::from(axis)))
    }

    fn assign(&mut self, local: LocalId) {
        if self.assigned.insert(local) {
            self.assigned_scope.push(local);
        }
    }

    fn open(&self) -> Outer {
        Outer { scope: self.scope.len(), assigned: self.assigned_scope.len() }
    }

    fn close(&mut self, outer: Outer) {
        for fact in self.scope.drain(outer.scope..) {
            self.valid.remove(&fact);
        }
        for local in self.assigned_scope.drain(outer.assigned..) {
            self.assigned.remove(local);
        }
    }

    fn straighten(&mut self, func: &mut Func, stmt: Stmt, result: &mut Block) {
        if let Stmt::If { cond, then, orelse } = &stmt {
            if orelse.is_empty() && self.may_set_early(func, then) {
                self.count += 1;
                return self.set_early(func, *cond, then, result);
            }
            if let ([one], [other]) = (then.as_slice(), orelse.as_slice())
                && let Some(store) = self.one_store(func, *cond, one, other)
            {
                self.count += 1;
                result.push(store);
                return;
            }
        }
        result.push(stmt);
    }

    /// Is the branch a few cheap assignments to truth values?
    fn may_set_early(&mut self, func: &Func, then: &Block) -> bool {
        if then.is_empty() || then.len() > MAX_SETS {
            return false;
        }
        let mark = self.numbers.mark();
        let mut nodes = 0;
        let mut is_safe = true;
        for stmt in then {
            let Stmt::Set { local, value } = stmt else {
                is_safe = false;
                break;
            };
            // A variable of the user's that has no value yet may get one in another iteration.
            let declared = &func.locals[*local];
            is_safe &= declared.dtype == DType::Bool && (self.assigned.contains(*local) || !declared.is_user);
            self.numbers.visit(func, *value);
            is_safe = is_safe && self.is_cheap(func, *value, &mut nodes);
            self.numbers.step(func, stmt);
        }
        let _ = self.numbers.rewind(mark);
        is_safe
    }

    /// The assignments of a branch to new variables, then to their own where the condition holds. What has no value before
    /// the branch is not read after it.
    fn set_early(&mut self, func: &mut Func, cond: ExprId, then: &Block, result: &mut Block) {
        let span = func.exprs[cond].span;
        if let [Stmt::Set { local, value }] = then.as_slice()
            && let ExprKind::Const(constant) = func.exprs[*value].kind
            && self.assigned.contains(*local)
            && !self.temps.contains(*local)
        {
            let value = with_flag(func, *local, cond, constant.as_int() != 0);
            result.push(Stmt::Set { local: *local, value });
            return;
        }
        let mut temps: FxHashMap<LocalId, LocalId> = FxHashMap::default();
        let mut order: Vec<LocalId> = Vec::new();
        for stmt in then {
            let Stmt::Set { local, value } = *stmt else { continue };
            rename(func, value, &temps);
            if self.temps.contains(local) {
                result.push(Stmt::Set { local, value });
                continue;
            }
            let temp = func.temp("t", DType::Bool, span);
            result.push(Stmt::Set { local: temp, value });
            self.temps.insert(temp);
            if temps.insert(local, temp).is_none() && self.assigned.contains(local) {
                order.push(local);
            }
        }
        // Those that the condition reads come last; if there are several, it is kept.
        let mut cond = cond;
        order.sort_by_key(|&local| walk::reads_local(&func.exprs, cond, local));
        let readers = order.iter().filter(|&&local| walk::reads_local(&func.exprs, cond, local)).count();
        if readers > 1 {
            let kept = func.temp("t", DType::Bool, span);
            self.temps.insert(kept);
            result.push(Stmt::Set { local: kept, value: cond });
            cond = func.read(kept, span);
        }
        for local in order {
            let (new, old) = (func.read(temps[&local], span), func.read(local, span));
            let kind = match func.exprs[cond].kind {
                ExprKind::Local(read) if read == local => {
                    ExprKind::Binary { op: BinaryOp::And, left: old, right: new }
                }
                ExprKind::Unary { op: UnaryOp::Not, arg }
                    if func.exprs[arg].kind == ExprKind::Local(local) =>
                {
                    ExprKind::Binary { op: BinaryOp::Or, left: old, right: new }
                }
                _ => {
                    let cond = func.clone_expr(cond);
                    ExprKind::Select { cond, then: new, orelse: old }
                }
            };
            let value = func.expr(kind, DType::Bool, span);
            result.push(Stmt::Set { local, value });
        }
    }

    /// `if cond { x[i] = a } else { x[i] = b }` with cheap integers.
    fn one_store(&mut self, func: &mut Func, cond: ExprId, one: &Stmt, other: &Stmt) -> Option<Stmt> {
        let Stmt::Store { array, place: Place::Index(indices), lane, value } = one else { return None };
        let Stmt::Store { array: array2, place: Place::Index(indices2), lane: lane2, value: value2 } = other
        else {
            return None;
        };
        let same = |(a, b): (&ExprId, &ExprId)| walk::same_expr(&func.exprs, *a, *b);
        let is_one_place = array == array2 && lane == lane2 && indices.iter().zip(indices2).all(same);
        let ty = func.exprs[*value].ty;
        if !is_one_place || !(ty.is_int() || ty == DType::Bool) {
            return None;
        }
        let mut nodes = 0;
        for &value in [value, value2] {
            self.numbers.visit(func, value);
            if !self.is_cheap(func, value, &mut nodes) {
                return None;
            }
        }
        let span = func.exprs[*value].span;
        let select = ExprKind::Select { cond, then: *value, orelse: *value2 };
        let value = func.expr(select, ty, span);
        Some(Stmt::Store { array: *array, place: Place::Index(indices.clone()), lane: *lane, value })
    }

    /// Can the expression be computed here, for little? It has been numbered.
    fn is_cheap(&self, func: &Func, root: ExprId, nodes: &mut usize) -> bool {
        let is_dear = walk::any_expr(&func.exprs, root, &mut |expr| {
            *nodes += 1;
            match &expr.kind {
                ExprKind::Const(_)
                | ExprKind::Local(_)
                | ExprKind::Dim { .. }
                | ExprKind::Unary { .. }
                | ExprKind::Compare { .. }
                | ExprKind::Wrap { .. } => false,
                ExprKind::Cast { arg } => expr.ty.is_float() != func.exprs[*arg].ty.is_float(),
                ExprKind::Select { .. } => expr.ty.is_float(),
                ExprKind::Binary { op, .. } => !matches!(
                    op,
                    BinaryOp::Add
                        | BinaryOp::Sub
                        | BinaryOp::Mul
                        | BinaryOp::And
                        | BinaryOp::Or
                        | BinaryOp::Xor
                        | BinaryOp::Min
                        | BinaryOp::Max
                ),
                ExprKind::Load { array, place, .. } => !self.is_valid(*array, place),
                ExprKind::Stride { .. }
                | ExprKind::Base { .. }
                | ExprKind::Overlaps { .. }
                | ExprKind::Math1 { .. }
                | ExprKind::Math2 { .. }
                | ExprKind::Fma { .. }
                | ExprKind::Interrupted => true,
            }
        });
        !is_dear && *nodes <= MAX_NODES
    }

    fn is_valid(&self, array: ArrayId, place: &Place) -> bool {
        let Place::Index(indices) = place else { return false };
        let binding = self.numbers.binding(array);
        indices
            .iter()
            .enumerate()
            .all(|(axis, &index)| self.valid.contains(&(array, binding, axis, self.numbers.of(index))))
    }
}

/// Nothing but a few assignments to truth values, or one store?
fn is_candidate(func: &Func, then: &Block) -> bool {
    if let [Stmt::Store { .. }] = then.as_slice() {
        return true;
    }
    let is_set = |stmt: &Stmt| match stmt {
        Stmt::Set { local, .. } => func.locals[*local].dtype == DType::Bool,
        // What an inner branch becomes.
        Stmt::If { then, orelse, .. } => orelse.is_empty() && is_candidate(func, then),
        _ => false,
    };
    (1..=MAX_SETS).contains(&then.len()) && then.iter().all(is_set)
}

/// What `if cond: flag = True` makes of the flag, or of one that becomes `False`.
fn with_flag(func: &mut Func, flag: LocalId, cond: ExprId, becomes: bool) -> ExprId {
    let span = func.exprs[cond].span;
    let old = func.read(flag, span);
    let (op, right) = if becomes {
        (BinaryOp::Or, cond)
    } else {
        (BinaryOp::And, func.expr(ExprKind::Unary { op: UnaryOp::Not, arg: cond }, DType::Bool, span))
    };
    func.expr(ExprKind::Binary { op, left: old, right }, DType::Bool, span)
}

/// Reads the new variables instead.
fn rename(func: &mut Func, root: ExprId, temps: &FxHashMap<LocalId, LocalId>) {
    let mut reads = Vec::new();
    walk::for_each_expr(&func.exprs, root, &mut |id, expr| {
        if let ExprKind::Local(local) = expr.kind
            && let Some(&temp) = temps.get(&local)
        {
            reads.push((id, temp));
        }
    });
    for (id, temp) in reads {
        func.exprs[id].kind = ExprKind::Local(temp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn after(body: &str) -> String {
        let head = "entry func f(c: u8[:, :], o: u8[:, :], x: f64[:], n: i64, i: i64, j: i64, a: bool, b: bool) -> bool {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap_or_else(|e| panic!("{e}"));
        eager(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program)
            .strip_prefix(head)
            .and_then(|text| text.strip_suffix("}\n"))
            .unwrap()
            .to_owned()
    }

    #[test]
    fn and_and_or() {
        assert_eq!(
            after("  if a {\n    a = n < 9\n  }\n  return a\n"),
            "  %t: bool = n < 9\n  a = a & %t\n  return a\n"
        );
        assert_eq!(
            after("  if not a {\n    a = b\n  }\n  return a\n"),
            "  %t: bool = b\n  a = a | %t\n  return a\n"
        );
        assert_eq!(
            after("  if n > 3 {\n    a = b\n  }\n  return a\n"),
            "  %t: bool = b\n  a = select(n > 3, %t, a)\n  return a\n"
        );
    }

    #[test]
    fn a_condition_within_a_condition() {
        let text = after(
            "  k: i64 = i64(c[i, 0]) + i64(c[0, j])\n  if not a {\n    b = k == 2\n    if b {\n      b = i64(c[i, j]) == 1\n    }\n    a = b\n  }\n  return a\n",
        );
        assert!(!text.contains("if"), "{text}");
        assert!(text.ends_with("  b = select(not a, %t.3, b)\n  a = a | %t.4\n  return a\n"), "{text}");
        // What has no value before is not merged with it.
        let text = after(
            "  if not a {\n    %c: bool = n == 2\n    if %c {\n      %c = b\n    }\n    a = %c\n  }\n  return a\n",
        );
        assert_eq!(
            text,
            "  %t: bool = n == 2\n  %t.2: bool = b\n  %t.3: bool = %t & %t.2\n  %t.4: bool = %t.3\n  a = a | %t.4\n  return a\n"
        );
        // A variable of the user's without a value may keep one from an earlier iteration.
        let body = "  for k in 0 .. n {\n    if k > i {\n      d: bool = k == 3\n    }\n  }\n  return a\n";
        assert_eq!(after(body), body);
    }

    #[test]
    fn elements_whose_place_is_not_known_to_be_valid_are_not_loaded() {
        for body in [
            "  if a {\n    a = c[i, j] == 1_u8\n  }\n  return a\n",
            // The other axis; another array; after an assignment; in another branch.
            "  b = c[j, i] == 1_u8\n  if a {\n    a = c[i, j] == 1_u8\n  }\n  return a\n",
            "  b = o[i, j] == 1_u8\n  if a {\n    a = c[i, j] == 1_u8\n  }\n  return a\n",
            "  b = c[i, j] == 1_u8\n  j = n\n  if a {\n    a = c[i, j] == 1_u8\n  }\n  return a\n",
            "  if n > 0 {\n    n = i64(c[i, j])\n  }\n  if a {\n    a = c[i, j] == 1_u8\n  }\n  return a\n",
            // An index that the branch makes valid.
            "  if i < n {\n    a = x[i] > 0.0\n  }\n  return a\n",
            "  if a {\n    a = exp(x[0]) > 1.0\n  }\n  return a\n",
        ] {
            assert_eq!(after(body), body);
        }
        let text = after("  o[i, j] = 0_u8\n  if a {\n    a = o[i, j] == 1_u8\n  }\n  return a\n");
        assert!(!text.contains("if"), "{text}");
    }

    #[test]
    fn a_flag_is_combined() {
        assert_eq!(after("  if n > 3 {\n    a = true\n  }\n  return a\n"), "  a = a | (n > 3)\n  return a\n");
        assert_eq!(
            after("  if n > 3 {\n    a = false\n  }\n  return a\n"),
            "  a = a & not (n > 3)\n  return a\n"
        );
        // The loop's variable is a place in the array that it runs over, as long as that is the same array.
        let text = after(
            "  for k in 0 .. dim(x, 0) {\n    if not a {\n      a = x[k] < 0.0\n    }\n  }\n  return a\n",
        );
        assert!(text.contains("    %t: bool = x[k] < 0.0\n    a = a | %t\n"), "{text}");
        for body in [
            "  for k in 0 .. dim(c, 0) {\n    if not a {\n      a = x[k] < 0.0\n    }\n  }\n  return a\n",
            "  for k in 0 .. dim(x, 0) {\n    k.2: i64 = k + 1\n    if not a {\n      a = x[k.2] < 0.0\n    }\n  }\n  return a\n",
            "  y: f64[:] borrowed = x\n  for k in 0 .. dim(y, 0) {\n    if not a {\n      a = y[k] < 0.0\n    }\n    y = view x[slice(0, 1, 1)]\n  }\n  return a\n",
        ] {
            assert_eq!(after(body), body);
        }
    }

    #[test]
    fn one_of_two_numbers_is_stored() {
        let body = "  if a {\n    o[i, j] = 1_u8\n  } else {\n    o[i, j] = 0_u8\n  }\n  return a\n";
        assert_eq!(after(body), "  o[i, j] = select(a, 1_u8, 0_u8)\n  return a\n");
        for body in [
            "  if a {\n    o[i, j] = 1_u8\n  } else {\n    o[j, i] = 0_u8\n  }\n  return a\n",
            "  if a {\n    o[i, j] = 1_u8\n  }\n  return a\n",
            "  if a {\n    x[i] = 1.0\n  } else {\n    x[i] = 0.0\n  }\n  return a\n",
        ] {
            assert_eq!(after(body), body);
        }
    }
}
