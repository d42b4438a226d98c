//! Where `fastmath` allows contraction, a product that is added becomes one operation with one rounding.
//!
//! ```text
//! a * b + c   ==>   fma(a, b, c)
//! a * b - c   ==>   fma(a, b, -c)
//! c - a * b   ==>   fma(-a, b, c)
//! ```
//!
//! Only in functions whose options say `contract`. It runs before the list of passes, so that every engine, the interpreter
//! included, rounds alike.

use super::PassReport;
use crate::ir::walk;
use crate::ir::{BinaryOp, ExprId, ExprKind, Func, Program, UnaryOp};

/// Contracts in every function that allows it.
pub fn contract(program: &mut Program, report: &mut PassReport) {
    for func in program.funcs.values_mut().filter(|func| func.fastmath.contract) {
        let mut roots: Vec<ExprId> = Vec::new();
        walk::for_each_stmt(&func.body, &mut |stmt| {
            walk::for_each_expr_root(stmt, &mut |root| roots.push(root));
        });
        for root in roots {
            report.add(contract_expr(func, root));
        }
    }
}

fn contract_expr(func: &mut Func, id: ExprId) -> usize {
    let mut operands = smallvec::SmallVec::<[ExprId; 4]>::new();
    func.exprs[id].kind.for_each_operand(|operand| operands.push(operand));
    let inner: usize = operands.into_iter().map(|operand| contract_expr(func, operand)).sum();
    let (ty, span) = (func.exprs[id].ty, func.exprs[id].span);
    let ExprKind::Binary { op: op @ (BinaryOp::Add | BinaryOp::Sub), left, right } = func.exprs[id].kind
    else {
        return inner;
    };
    if !ty.is_float() {
        return inner;
    }
    let product = |func: &Func, id: ExprId| match func.exprs[id].kind {
        ExprKind::Binary { op: BinaryOp::Mul, left, right } => Some((left, right)),
        _ => None,
    };
    let negated =
        |func: &mut Func, arg: ExprId| func.expr(ExprKind::Unary { op: UnaryOp::Neg, arg }, ty, span);
    let kind = match (product(func, left), product(func, right)) {
        (Some((a, b)), _) => {
            let c = if op == BinaryOp::Sub { negated(func, right) } else { right };
            ExprKind::Fma { a, b, c }
        }
        (None, Some((a, b))) => {
            let a = if op == BinaryOp::Sub { negated(func, a) } else { a };
            ExprKind::Fma { a, b, c: left }
        }
        (None, None) => return inner,
    };
    func.exprs[id].kind = kind;
    inner + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};

    #[test]
    fn products_that_are_added() {
        let text = |fast: &str, value: &str| {
            format!("entry func f(a: f64, b: f64, c: f64) -> f64{fast} {{\n  return {value}\n}}\n")
        };
        let fast = " fastmath(contract)";
        for (before, after) in [
            ("a * b + c", "fma(a, b, c)"),
            ("c - a * b", "fma(-a, b, c)"),
            ("a * b - c", "fma(a, b, -c)"),
            ("a * b + b * c", "fma(a, b, b * c)"),
        ] {
            let mut program = parse_program(&text(fast, before)).unwrap();
            contract(&mut program, &mut PassReport::default());
            assert_eq!(print_program(&program), text(fast, after));
            let mut strict = parse_program(&text("", before)).unwrap();
            contract(&mut strict, &mut PassReport::default());
            assert_eq!(print_program(&strict), text("", before));
        }
    }
}
