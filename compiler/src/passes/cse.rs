//! Computes an expensive expression once where it stands several times, and loads an element once.
//!
//! ```text
//! a = exp(x[i]) + 1.0            %cse: f64 = x[i]
//! b = exp(x[i]) - x[i]   ==>     %cse.2: f64 = exp(%cse)
//!                                a = %cse.2 + 1.0
//!                                b = %cse.2 - %cse
//! ```
//!
//! Expensive are loads, mathematical functions, divisions and powers; sums and products are left to the back end, which numbers
//! values anyway. A variable that holds the value is read instead of a new one; what was just stored is not loaded.
//! Conservative: within a block and what is nested in it, while `numbering` finds the value to be the same.

use rustc_hash::FxHashMap;

use super::PassReport;
use super::numbering::{Number, Numbers};
use crate::ir::{BinaryOp, Block, Check, ExprId, ExprKind, Func, LocalId, Program, Stmt};

/// Shares common expressions in every function.
pub fn cse(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        let numbers = Numbers::new(func);
        let mut body = std::mem::take(&mut func.body);
        let mut sharer = Sharer {
            numbers,
            known: FxHashMap::default(),
            holders: FxHashMap::default(),
            scope: Vec::new(),
            insertions: Vec::new(),
            registered: 0,
            count: 0,
        };
        sharer.block(func, &mut body);
        func.body = body;
        report.add(sharer.count);
    }
}

/// An expression that has been computed in a block that is still open.
#[derive(Clone, Copy)]
struct Known {
    expr: ExprId,
    /// Block depth and position of the statement it first stands in.
    level: usize,
    position: usize,
    /// Operands have lower numbers than what is computed from them.
    order: usize,
    temp: Option<LocalId>,
}

/// What goes before a statement.
struct Insertion {
    position: usize,
    order: usize,
    set: Stmt,
}

struct Sharer {
    numbers: Numbers,
    known: FxHashMap<Number, Known>,
    /// Variables that were set to a value, and may hold it still.
    holders: FxHashMap<Number, LocalId>,
    /// What became known in the open blocks, to be forgotten at their ends.
    scope: Vec<Number>,
    /// By depth of block.
    insertions: Vec<Vec<Insertion>>,
    registered: usize,
    count: usize,
}

impl Sharer {
    fn block(&mut self, func: &mut Func, block: &mut Block) {
        self.insertions.push(Vec::new());
        let level = self.insertions.len() - 1;
        let outer = self.scope.len();
        for (position, stmt) in block.iter_mut().enumerate() {
            self.stmt(func, stmt, level, position);
        }
        for number in self.scope.drain(outer..) {
            self.known.remove(&number);
        }
        let Some(mut insertions) = self.insertions.pop() else { return };
        if insertions.is_empty() {
            return;
        }
        insertions.sort_by_key(|insertion| (insertion.position, insertion.order));
        let mut result = Block::with_capacity(block.len() + insertions.len());
        let mut next = insertions.into_iter().peekable();
        for (position, stmt) in block.drain(..).enumerate() {
            while let Some(insertion) = next.next_if(|insertion| insertion.position == position) {
                result.push(insertion.set);
            }
            result.push(stmt);
        }
        *block = result;
    }

    fn stmt(&mut self, func: &mut Func, stmt: &mut Stmt, level: usize, position: usize) {
        let at = Some((level, position));
        match stmt {
            Stmt::If { cond, then, orelse } => {
                self.root(func, *cond, at);
                let mark = self.numbers.mark();
                self.block(func, then);
                let changed = self.numbers.rewind(mark);
                self.block(func, orelse);
                if then.last().is_some_and(Stmt::is_jump) {
                    // What follows comes from the other branch.
                    return;
                }
                let changed_too = self.numbers.rewind(mark);
                self.numbers.forget(&changed);
                self.numbers.forget(&changed_too);
            }
            Stmt::While { .. } | Stmt::Loop(_) => {
                if let Stmt::Loop(l) = stmt {
                    self.root(func, l.lo, at);
                    self.root(func, l.hi, at);
                }
                self.numbers.enter_loop(func, stmt);
                let mark = self.numbers.mark();
                match stmt {
                    Stmt::While { head, cond, body, .. } => {
                        self.block(func, head);
                        // Nothing can be set between the head and the condition.
                        self.root(func, *cond, None);
                        self.block(func, body);
                    }
                    Stmt::Loop(l) => self.block(func, &mut l.body),
                    _ => {}
                }
                let changed = self.numbers.rewind(mark);
                self.numbers.forget(&changed);
            }
            Stmt::Check { check: Check::Cond(root) | Check::Index { index: root, .. }, .. } => {
                self.root(func, *root, at);
            }
            Stmt::Raise { .. } | Stmt::Print { .. } => {}
            _ => {
                let mut roots = smallvec::SmallVec::<[ExprId; 4]>::new();
                crate::ir::walk::for_each_expr_root(stmt, &mut |root| roots.push(root));
                for root in roots {
                    self.root(func, root, at);
                }
                match stmt {
                    Stmt::Set { local, value } => {
                        self.holders.insert(self.numbers.of(*value), *local);
                    }
                    Stmt::Store { value, .. } => self.register(*value, level, position),
                    _ => {}
                }
                self.numbers.step(func, stmt);
            }
        }
    }

    /// An expression that a statement owns. `at`: level and position of the statement, if something can be set before it.
    fn root(&mut self, func: &mut Func, id: ExprId, at: Option<(usize, usize)>) {
        self.numbers.visit(func, id);
        self.visit(func, id, at);
    }

    fn visit(&mut self, func: &mut Func, id: ExprId, at: Option<(usize, usize)>) {
        let is_expensive = is_expensive(func, id);
        if is_expensive && let Some(kind) = self.found(func, id) {
            func.exprs[id].kind = kind;
            self.count += 1;
            return;
        }
        let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
        func.exprs[id].kind.for_each_operand(|operand| operands.push(operand));
        for operand in operands {
            self.visit(func, operand, at);
        }
        if is_expensive && let Some((level, position)) = at {
            self.register(id, level, position);
        }
    }

    fn register(&mut self, expr: ExprId, level: usize, position: usize) {
        let number = self.numbers.of(expr);
        let order = self.registered;
        self.known.entry(number).or_insert_with(|| {
            self.scope.push(number);
            self.registered += 1;
            Known { expr, level, position, order, temp: None }
        });
    }

    /// What to read instead of the expression.
    fn found(&mut self, func: &mut Func, id: ExprId) -> Option<ExprKind> {
        let number = self.numbers.of(id);
        if let Some(&holder) = self.holders.get(&number)
            && self.numbers.local(holder) == number
        {
            return Some(ExprKind::Local(holder));
        }
        let known = *self.known.get(&number)?;
        if let Some(temp) = known.temp {
            return Some(ExprKind::Local(temp));
        }
        let expr = func.exprs[known.expr].clone();
        if matches!(expr.kind, ExprKind::Const(_)) {
            return Some(expr.kind);
        }
        let temp = func.temp("cse", expr.ty, expr.span);
        let moved = func.exprs.push(expr);
        func.exprs[known.expr].kind = ExprKind::Local(temp);
        let set = Stmt::Set { local: temp, value: moved };
        self.insertions[known.level].push(Insertion { position: known.position, order: known.order, set });
        self.numbers.declare(temp, number);
        self.known.insert(number, Known { expr: moved, temp: Some(temp), ..known });
        Some(ExprKind::Local(temp))
    }
}

fn is_expensive(func: &Func, id: ExprId) -> bool {
    match &func.exprs[id].kind {
        ExprKind::Load { .. } | ExprKind::Math1 { .. } | ExprKind::Math2 { .. } => true,
        ExprKind::Binary { op, .. } => {
            matches!(op, BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::IntPow)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn shared(body: &str) -> String {
        let head = "entry func f(p: f64[:], q: f64[:], n: i64, x: f64, y: f64, b: bool) -> f64 {\n";
        let mut program = parse_program(&format!("{head}{body}}}\n")).unwrap_or_else(|e| panic!("{e}"));
        cse(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program)
            .strip_prefix(head)
            .and_then(|text| text.strip_suffix("}\n"))
            .unwrap()
            .to_owned()
    }

    fn stays(body: &str) {
        assert_eq!(shared(body), body);
    }

    #[test]
    fn functions_are_called_once() {
        let text =
            shared("  s: f64 = exp(x) + 1.0\n  if b {\n    s = s / exp(x)\n  }\n  return s * exp(x)\n");
        let expected = "  %cse: f64 = exp(x)\n  s: f64 = %cse + 1.0\n  if b {\n    s = s / %cse\n  }\n  return s * %cse\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn changed_variables_are_not_shared() {
        stays("  y = exp(x)\n  x = 2.0\n  return y + exp(x)\n");
        // What a branch computes is not there if the branch was not taken.
        stays("  if b {\n    y = exp(x)\n  }\n  return y + exp(x)\n");
        // A loop changes it for its own next iteration.
        stays("  y = exp(x)\n  for i in 0 .. n {\n    y = y + exp(x)\n    x = y\n  }\n  return y\n");
    }

    #[test]
    fn operands_come_before_what_is_computed_from_them() {
        let text = shared("  s: f64 = exp(x / y) + exp(x / y)\n  y = 1.0\n  return s\n");
        assert_eq!(text, "  %cse: f64 = exp(x / y)\n  s: f64 = %cse + %cse\n  y = 1.0\n  return s\n");
        let text = shared("  s: f64 = exp(x / y)\n  s = s * exp(x / y)\n  return s + x / y + exp(x / y)\n");
        let expected = "  %cse: f64 = x / y\n  %cse.2: f64 = exp(%cse)\n  s: f64 = %cse.2\n  s = s * s\n  return s + %cse + %cse.2\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_element_is_loaded_once() {
        let text =
            shared("  if x <= p[n] {\n    if p[n] < y {\n      q[n] = p[n]\n    }\n  }\n  return 0.0\n");
        let expected = "  %cse: f64 = p[n]\n  if x <= %cse {\n    if %cse < y {\n      q[n] = %cse\n    }\n  }\n  return 0.0\n";
        assert_eq!(text, expected);
        // The arrays may be the same memory, in either branch.
        stays("  x = p[n]\n  q[n] = 1.0\n  return x + p[n]\n");
        stays("  x = p[n]\n  if b {\n    q[n] = 1.0\n  }\n  return x + p[n]\n");
        stays("  x = p[n]\n  for i in 0 .. n {\n    x = x + p[n]\n    q[i] = x\n  }\n  return x\n");
        // A branch that leaves stores nothing on the way past it.
        let text = shared("  x = p[n]\n  if b {\n    q[n] = 1.0\n    return 0.0\n  }\n  return x + p[n]\n");
        assert!(text.ends_with("  return x + x\n"), "{text}");
    }

    #[test]
    fn a_variable_that_holds_the_value_is_read() {
        assert_eq!(shared("  x = p[n]\n  return x + p[n]\n"), "  x = p[n]\n  return x + x\n");
        let text = shared("  x = p[n]\n  y = x\n  x = 1.0\n  return x + p[n]\n");
        assert_eq!(text, "  x = p[n]\n  y = x\n  x = 1.0\n  return x + y\n");
        // Not where only one branch has set it.
        let text = shared("  s: f64 = p[n] + 1.0\n  if b {\n    x = p[n]\n  }\n  return s + x + p[n]\n");
        assert!(
            text.starts_with("  %cse: f64 = p[n]\n") && text.ends_with("return s + x + %cse\n"),
            "{text}"
        );
    }

    #[test]
    fn what_was_stored_is_not_loaded() {
        let text = shared("  p[n] = x + y\n  return p[n] + p[n - 1]\n");
        assert_eq!(text, "  %cse: f64 = x + y\n  p[n] = %cse\n  return %cse + p[n - 1]\n");
        assert_eq!(shared("  p[n] = 2.0\n  return p[n]\n"), "  p[n] = 2.0\n  return 2.0\n");
        stays("  p[n] = x\n  q[0] = y\n  return p[n]\n");
        stays("  p[n] += x\n  return p[n]\n");
    }

    #[test]
    fn what_a_loop_tests_may_be_known_before_it() {
        let text = shared("  x = p[0]\n  while p[0] > y {\n    y = y + 1.0\n  }\n  return x\n");
        assert!(text.contains("while x > y"), "{text}");
        stays("  x = p[0]\n  while p[0] > y {\n    p[0] += x\n  }\n  return x\n");
    }
}
