//! Folds constants and applies algebraic rules, each with the types it is valid for.
//!
//! ```text
//! x[wrap(-1, dim(x, 0))] = s * 1.0 + f64(2)   ==>   x[dim(x, 0) + -1] = s + 2.0
//! if true { a } else { b }                    ==>   a
//! ```
//!
//! Constants are folded by the same functions that the interpreter runs. Conservative: float rules are exact identities for
//! every value (signs of zero included); no rule moves or duplicates an expression.

use super::PassReport;
use crate::ir::walk::{self, Exprs};
use crate::ir::{
    BinaryOp, Block, Check, CompareOp, Const, Expr, ExprId, ExprKind, Func, Program, Stmt, UnaryOp, eval,
};
use crate::types::DType;

/// What a rule says.
enum To {
    /// This operand (or operand of an operand).
    Operand(ExprId),
    /// A constant of the expression's type.
    Const(u64),
    /// Another operation on existing operands.
    Kind(ExprKind),
    /// `operand + constant`, for integers.
    Plus(ExprId, i64),
}

struct Rule {
    name: &'static str,
    is_valid: fn(DType) -> bool,
    apply: fn(&Exprs, &Expr) -> Option<To>,
}

fn any(_: DType) -> bool {
    true
}

fn int(ty: DType) -> bool {
    matches!(ty, DType::I64 | DType::U64)
}

fn float(ty: DType) -> bool {
    ty.is_float()
}

fn boolean(ty: DType) -> bool {
    ty == DType::Bool
}

macro_rules! rules {
    ($($name:ident: $valid:ident | $exprs:ident, $expr:ident => $body:expr;)*) => {
        /// Tried in order; the first that applies is taken, until none does.
        const RULES: &[Rule] = &[$(Rule {
            name: stringify!($name),
            is_valid: $valid,
            apply: |$exprs, $expr| $body,
        }),*];
    };
}

rules! {
    fold:            any     | exprs, expr => fold(exprs, expr);
    constant_right:  int     | exprs, expr => commute(exprs, expr);
    sub_constant:    int     | exprs, expr => {
        let (x, c) = binary(expr, BinaryOp::Sub)?;
        Some(To::Plus(x, constant(exprs, c)?.wrapping_neg()))
    };
    add_zero:        int     | exprs, expr => with_right(exprs, expr, BinaryOp::Add, 0);
    add_add:         int     | exprs, expr => {
        let (sum, c) = binary(expr, BinaryOp::Add)?;
        let (x, d) = binary(&exprs[sum], BinaryOp::Add)?;
        Some(To::Plus(x, constant(exprs, c)?.wrapping_add(constant(exprs, d)?)))
    };
    sub_self:        int     | exprs, expr => same_operands(exprs, expr, BinaryOp::Sub).map(|_| To::Const(0));
    mul_one:         int     | exprs, expr => with_right(exprs, expr, BinaryOp::Mul, 1);
    mul_zero:        int     | exprs, expr => with_right(exprs, expr, BinaryOp::Mul, 0).map(|_| To::Const(0));
    floordiv_one:    int     | exprs, expr => with_right(exprs, expr, BinaryOp::FloorDiv, 1);
    mod_one:         int     | exprs, expr => with_right(exprs, expr, BinaryOp::Mod, 1).map(|_| To::Const(0));
    pow_one:         int     | exprs, expr => with_right(exprs, expr, BinaryOp::IntPow, 1);
    or_zero:         int     | exprs, expr => with_right(exprs, expr, BinaryOp::Or, 0);
    xor_zero:        int     | exprs, expr => with_right(exprs, expr, BinaryOp::Xor, 0);
    and_zero:        int     | exprs, expr => with_right(exprs, expr, BinaryOp::And, 0).map(|_| To::Const(0));
    shl_zero:        int     | exprs, expr => with_right(exprs, expr, BinaryOp::Shl, 0);
    shr_zero:        int     | exprs, expr => with_right(exprs, expr, BinaryOp::Shr, 0);
    min_self:        int     | exprs, expr => same_operands(exprs, expr, BinaryOp::Min).map(To::Operand);
    max_self:        int     | exprs, expr => same_operands(exprs, expr, BinaryOp::Max).map(To::Operand);
    // x + 0.0 is not x for -0.0; x + -0.0 and x - 0.0 are.
    fadd_minus_zero: float   | exprs, expr => float_right(exprs, expr, BinaryOp::Add, -0.0);
    fsub_zero:       float   | exprs, expr => float_right(exprs, expr, BinaryOp::Sub, 0.0);
    fmul_one:        float   | exprs, expr => float_right(exprs, expr, BinaryOp::Mul, 1.0)
                                 .or_else(|| float_left(exprs, expr, BinaryOp::Mul, 1.0));
    fdiv_one:        float   | exprs, expr => float_right(exprs, expr, BinaryOp::Div, 1.0);
    double_negation: any     | exprs, expr => {
        let (outer, arg) = unary(expr)?;
        let (inner, x) = unary(&exprs[arg])?;
        (outer == inner && outer != UnaryOp::Abs).then_some(To::Operand(x))
    };
    not_compare:     boolean | exprs, expr => {
        let (UnaryOp::Not, arg) = unary(expr)? else { return None };
        let ExprKind::Compare { op, left, right } = exprs[arg].kind else { return None };
        // Of floats only the equalities: a NaN makes all others false.
        let is_total = !exprs[left].ty.is_float() || matches!(op, CompareOp::Eq | CompareOp::Ne);
        is_total.then_some(To::Kind(ExprKind::Compare { op: negated(op), left, right }))
    };
    and_constant:    boolean | exprs, expr => truth(exprs, expr, BinaryOp::And);
    or_constant:     boolean | exprs, expr => truth(exprs, expr, BinaryOp::Or);
    compare_self:    boolean | exprs, expr => {
        let ExprKind::Compare { op, left, right } = expr.kind else { return None };
        (!exprs[left].ty.is_float() && walk::same_expr(exprs, left, right))
            .then_some(To::Const(u64::from(matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge))))
    };
    select_constant: any     | exprs, expr => {
        let ExprKind::Select { cond, then, orelse } = expr.kind else { return None };
        Some(To::Operand(if constant(exprs, cond)? != 0 { then } else { orelse }))
    };
    select_same:     any     | exprs, expr => {
        let ExprKind::Select { then, orelse, .. } = expr.kind else { return None };
        walk::same_expr(exprs, then, orelse).then_some(To::Operand(then))
    };
    cast_to_same:    any     | exprs, expr => {
        let ExprKind::Cast { arg } = expr.kind else { return None };
        (exprs[arg].ty == expr.ty).then_some(To::Operand(arg))
    };
    cast_there_and_back: any | exprs, expr => {
        let ExprKind::Cast { arg } = expr.kind else { return None };
        let ExprKind::Cast { arg: x } = exprs[arg].kind else { return None };
        (exprs[x].ty == expr.ty && keeps_value(expr.ty, exprs[arg].ty)).then_some(To::Operand(x))
    };
    wrap_known:      int     | exprs, expr => {
        let ExprKind::Wrap { index, extent } = expr.kind else { return None };
        match constant(exprs, index) {
            Some(c) if c < 0 => Some(To::Plus(extent, c)),
            Some(_) => Some(To::Operand(index)),
            None => is_nonneg(exprs, index).then_some(To::Operand(index)),
        }
    };
}

/// Simplifies every expression and every branch on a constant.
pub fn simplify(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut() {
        report.add(simplify_func(func));
    }
}

/// The same for one function; returns the number of changes.
pub(super) fn simplify_func(func: &mut Func) -> usize {
    let mut count = 0;
    let mut body = std::mem::take(&mut func.body);
    walk::for_each_stmt_mut(&mut body, &mut |stmt| {
        walk::for_each_expr_root_mut(stmt, &mut |root| simplify_expr(func, *root, &mut count));
    });
    walk::for_each_block_mut(&mut body, &mut |block| count += simplify_block(func, block));
    func.body = body;
    count
}

fn simplify_expr(func: &mut Func, id: ExprId, count: &mut usize) {
    let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
    func.exprs[id].kind.for_each_operand(|operand| operands.push(operand));
    for operand in operands {
        simplify_expr(func, operand, count);
    }
    // Each rule makes the tree smaller or more canonical; the bound is for safety.
    for _ in 0..16 {
        let Some((_, to)) = RULES.iter().find_map(|rule| {
            let expr = &func.exprs[id];
            let to = if (rule.is_valid)(expr.ty) { (rule.apply)(&func.exprs, expr) } else { None };
            to.map(|to| (rule.name, to))
        }) else {
            return;
        };
        *count += 1;
        let kind = match to {
            To::Operand(operand) => func.exprs[operand].kind.clone(),
            To::Const(bits) => ExprKind::Const(Const(bits)),
            To::Kind(kind) => kind,
            To::Plus(operand, value) => {
                let (ty, span) = (func.exprs[id].ty, func.exprs[id].span);
                let value = func.expr(ExprKind::Const(Const::int(value)), ty, span);
                ExprKind::Binary { op: BinaryOp::Add, left: operand, right: value }
            }
        };
        func.exprs[id].kind = kind;
    }
}

/// Branches, loops and checks whose condition is constant; code that is never reached.
fn simplify_block(func: &Func, block: &mut Block) -> usize {
    let holds = |cond: ExprId| constant(&func.exprs, cond).map(|value| value != 0);
    let mut count = 0;
    let mut result = Block::with_capacity(block.len());
    for stmt in block.drain(..) {
        if result.last().is_some_and(Stmt::is_jump) {
            count += 1;
            continue;
        }
        match stmt {
            Stmt::If { cond, then, orelse } => match holds(cond) {
                Some(holds) => {
                    count += 1;
                    result.extend(if holds { then } else { orelse });
                }
                None => result.push(Stmt::If { cond, then, orelse }),
            },
            Stmt::While { id, head, cond, body } => {
                if holds(cond) == Some(false) && !walk::contains_exit(&head) {
                    count += 1;
                    result.extend(head);
                } else {
                    result.push(Stmt::While { id, head, cond, body });
                }
            }
            Stmt::Loop(l) => {
                let is_empty = match (constant(&func.exprs, l.lo), constant(&func.exprs, l.hi)) {
                    (Some(lo), Some(hi)) => {
                        if l.step > 0 {
                            lo >= hi
                        } else {
                            lo <= hi
                        }
                    }
                    _ => false,
                };
                if is_empty { count += 1 } else { result.push(Stmt::Loop(l)) }
            }
            Stmt::Check { check: Check::Cond(cond), .. } if holds(cond) == Some(true) => count += 1,
            other => result.push(other),
        }
    }
    // A spliced branch may end in a jump in the middle.
    if let Some(end) = result.iter().position(Stmt::is_jump) {
        count += result.len() - end - 1;
        result.truncate(end + 1);
    }
    *block = result;
    count
}

/// The constant's bits as a signed integer.
fn constant(exprs: &Exprs, id: ExprId) -> Option<i64> {
    match exprs[id].kind {
        ExprKind::Const(value) => Some(value.as_int()),
        _ => None,
    }
}

fn bits(exprs: &Exprs, id: ExprId) -> Option<u64> {
    match exprs[id].kind {
        ExprKind::Const(Const(bits)) => Some(bits),
        _ => None,
    }
}

fn fold(exprs: &Exprs, expr: &Expr) -> Option<To> {
    let of = |id: ExprId| bits(exprs, id);
    Some(To::Const(match &expr.kind {
        ExprKind::Unary { op, arg } => eval::unary(*op, expr.ty, of(*arg)?),
        ExprKind::Binary { op, left, right } => eval::binary(*op, expr.ty, of(*left)?, of(*right)?),
        ExprKind::Compare { op, left, right } => {
            u64::from(eval::compare(*op, exprs[*left].ty, of(*left)?, of(*right)?))
        }
        ExprKind::Cast { arg } => eval::cast(exprs[*arg].ty, expr.ty, of(*arg)?),
        ExprKind::Math1 { function, arg } => eval::math1(*function, expr.ty, of(*arg)?),
        ExprKind::Math2 { function, left, right } => eval::math2(*function, expr.ty, of(*left)?, of(*right)?),
        ExprKind::Fma { a, b, c } => eval::fma(expr.ty, of(*a)?, of(*b)?, of(*c)?),
        ExprKind::Wrap { index, extent } => eval::wrap(of(*index)?, of(*extent)?),
        ExprKind::Const(_)
        | ExprKind::Local(_)
        | ExprKind::Load { .. }
        | ExprKind::Dim { .. }
        | ExprKind::Stride { .. }
        | ExprKind::Base { .. }
        | ExprKind::Overlaps { .. }
        | ExprKind::Select { .. }
        | ExprKind::Interrupted => return None,
    }))
}

fn binary(expr: &Expr, wanted: BinaryOp) -> Option<(ExprId, ExprId)> {
    match expr.kind {
        ExprKind::Binary { op, left, right } if op == wanted => Some((left, right)),
        _ => None,
    }
}

fn unary(expr: &Expr) -> Option<(UnaryOp, ExprId)> {
    match expr.kind {
        ExprKind::Unary { op, arg } => Some((op, arg)),
        _ => None,
    }
}

/// `c op x` as `x op c`.
fn commute(exprs: &Exprs, expr: &Expr) -> Option<To> {
    let ExprKind::Binary { op, left, right } = expr.kind else { return None };
    let is_commutative =
        matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor);
    (is_commutative && constant(exprs, left).is_some() && constant(exprs, right).is_none())
        .then_some(To::Kind(ExprKind::Binary { op, left: right, right: left }))
}

/// `x op value` for an integer constant: `x`.
fn with_right(exprs: &Exprs, expr: &Expr, op: BinaryOp, value: i64) -> Option<To> {
    let (x, c) = binary(expr, op)?;
    (constant(exprs, c)? == value).then_some(To::Operand(x))
}

fn same_operands(exprs: &Exprs, expr: &Expr, op: BinaryOp) -> Option<ExprId> {
    let (left, right) = binary(expr, op)?;
    walk::same_expr(exprs, left, right).then_some(left)
}

fn is_float_const(exprs: &Exprs, id: ExprId, value: f64) -> bool {
    let ExprKind::Const(constant) = exprs[id].kind else { return false };
    match exprs[id].ty {
        DType::F64 => constant == Const::f64(value),
        DType::F32 => constant == Const::f32(value as f32),
        _ => false,
    }
}

fn float_right(exprs: &Exprs, expr: &Expr, op: BinaryOp, value: f64) -> Option<To> {
    let (x, c) = binary(expr, op)?;
    is_float_const(exprs, c, value).then_some(To::Operand(x))
}

fn float_left(exprs: &Exprs, expr: &Expr, op: BinaryOp, value: f64) -> Option<To> {
    let (c, x) = binary(expr, op)?;
    is_float_const(exprs, c, value).then_some(To::Operand(x))
}

/// `x and true`, `x or true` and so on.
fn truth(exprs: &Exprs, expr: &Expr, op: BinaryOp) -> Option<To> {
    let (left, right) = binary(expr, op)?;
    let (value, other) = match (constant(exprs, left), constant(exprs, right)) {
        (Some(value), None) => (value != 0, right),
        (None, Some(value)) => (value != 0, left),
        _ => return None,
    };
    let is_neutral = value == (op == BinaryOp::And);
    Some(if is_neutral { To::Operand(other) } else { To::Const(u64::from(value)) })
}

fn negated(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Eq => CompareOp::Ne,
        CompareOp::Ne => CompareOp::Eq,
        CompareOp::Lt => CompareOp::Ge,
        CompareOp::Le => CompareOp::Gt,
        CompareOp::Gt => CompareOp::Le,
        CompareOp::Ge => CompareOp::Lt,
    }
}

/// Does a cast to the wider type keep every value of the narrower?
fn keeps_value(narrow: DType, wide: DType) -> bool {
    match wide {
        DType::I64 => {
            narrow != DType::I64 && (narrow == DType::Bool || narrow.is_int()) && narrow != DType::U64
        }
        DType::F64 => narrow == DType::F32,
        _ => false,
    }
}

/// Never negative, whatever the variables hold?
fn is_nonneg(exprs: &Exprs, id: ExprId) -> bool {
    match exprs[id].kind {
        ExprKind::Dim { .. } => true,
        ExprKind::Const(value) => value.as_int() >= 0,
        ExprKind::Cast { arg } => {
            matches!(exprs[arg].ty, DType::Bool | DType::U8 | DType::U16 | DType::U32)
        }
        ExprKind::Binary { op: BinaryOp::And, left, right } => {
            is_nonneg(exprs, left) || is_nonneg(exprs, right)
        }
        ExprKind::Binary { op: BinaryOp::Min, left, right } => {
            is_nonneg(exprs, left) && is_nonneg(exprs, right)
        }
        ExprKind::Binary { op: BinaryOp::Max, left, right } => {
            is_nonneg(exprs, left) || is_nonneg(exprs, right)
        }
        // Python's modulo has the sign of the divisor.
        ExprKind::Binary { op: BinaryOp::Mod, right, .. } => is_nonneg(exprs, right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    #[track_caller]
    fn becomes(before: &str, after: &str) {
        let head = "entry func f(x: f64[:], s: f64, i: i64, b: bool) -> f64 {\n";
        let mut program = parse_program(&format!("{head}{before}}}\n")).unwrap();
        simplify(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        assert_eq!(print_program(&program), format!("{head}{after}}}\n"));
    }

    #[test]
    fn integers() {
        becomes("  i = (3 + i - 1) * 1 + (i - i)\n  return s\n", "  i = i + 2\n  return s\n");
        becomes("  i = 7 // 2 + -7 % 4\n  return s\n", "  i = 4\n  return s\n");
    }

    #[test]
    fn floats_keep_the_sign_of_zero() {
        becomes(
            "  s = s * 1.0 - 0.0\n  return s\n",
            "  return s\n".replace("  return", "  s = s\n  return").as_str(),
        );
        becomes("  s = s + 0.0\n  return s\n", "  s = s + 0.0\n  return s\n");
    }

    #[test]
    fn last_elements_need_no_wrap() {
        becomes("  return x[wrap(-1, dim(x, 0))]\n", "  return x[dim(x, 0) + -1]\n");
        becomes("  return x[wrap(i % dim(x, 0), dim(x, 0))]\n", "  return x[i % dim(x, 0)]\n");
    }

    #[test]
    fn branches_on_constants_go() {
        becomes(
            "  if true | b {\n    return s\n  } else {\n    s = 1.0\n  }\n  return s * 2.0\n",
            "  return s\n",
        );
        becomes("  for j in 3 .. 3 {\n    s = 1.0\n  }\n  return s\n", "  return s\n");
    }
}
