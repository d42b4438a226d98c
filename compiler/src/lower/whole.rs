//! `math`'s functions of whole numbers, and those that take a float apart.
//!
//! Where Python's integers would grow beyond 64 bits, there is an `OverflowError`.

use super::context::{Context, Res};
use super::value::Value;
use crate::base::Code;
use crate::ir::{BinaryOp, CompareOp, ExprId, UnaryOp};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

impl Context<'_, '_> {
    /// Fails if the integer is negative; gives it pinned.
    fn not_negative(&mut self, value: ExprId, text: &str) -> ExprId {
        let value = self.pin(value);
        let copy = self.dup(value);
        let zero = self.int(0);
        let cond = self.compare(CompareOp::Ge, copy, zero);
        self.check(cond, Code::K715, "ValueError", text);
        value
    }

    /// The largest `r` with `r * r <= n`: the rounded root of the float, corrected by one.
    pub(super) fn isqrt(&mut self, n: ExprId) -> ExprId {
        let n = self.not_negative(n, "isqrt() argument must be nonnegative");
        let copy = self.dup(n);
        let float = self.cast(copy, DType::F64);
        let root = self.math1(MathFn1::Sqrt, float);
        let root = self.cast(root, DType::U64);
        let root = self.hold(root);
        let n = self.cast(n, DType::U64);
        let n = self.pin(n);
        let one = self.number(1.0, DType::U64);
        let (a, b, limit) = (self.dup(root), self.dup(root), self.dup(n));
        let square = self.mul(a, b);
        let is_over = self.compare(CompareOp::Gt, square, limit);
        let (a, b) = (self.dup(root), self.dup(root));
        let below = self.sub(a, one);
        let root = self.select(is_over, below, b);
        let root = self.hold(root);
        let one = self.number(1.0, DType::U64);
        let copy = self.dup(root);
        let next = self.add(copy, one);
        let next = self.hold(next);
        let (a, b) = (self.dup(next), self.dup(next));
        let square = self.mul(a, b);
        let fits = self.compare(CompareOp::Le, square, n);
        let root = self.select(fits, next, root);
        self.cast(root, DType::I64)
    }

    /// The least common multiple of two numbers of one type.
    pub(super) fn lcm(&mut self, a: ExprId, b: ExprId) -> Res<ExprId> {
        let (a, b) = (self.pin(a), self.pin(b));
        let (a2, b2) = (self.dup(a), self.dup(b));
        let divisor = self.gcd(a2, b2)?;
        let (a, b) = (self.absolute(a), self.absolute(b));
        // Of two zeros the divisor is 0, and 0 // 0 is 0 in the IR.
        let part = self.binary(BinaryOp::FloorDiv, a, divisor);
        Ok(self.mul(part, b))
    }

    /// `n!`.
    pub(super) fn factorial(&mut self, n: ExprId) -> Res<ExprId> {
        let n = self.not_negative(n, "factorial() not defined for negative values");
        let copy = self.dup(n);
        let most = self.int(20);
        let cond = self.compare(CompareOp::Le, copy, most);
        self.check(
            cond,
            Code::K715,
            "OverflowError",
            "factorial() of more than 20 does not fit into 64 bits",
        );
        let product = self.temp("product", DType::I64);
        let one = self.int(1);
        self.set(product, one);
        let (lo, one) = (self.int(2), self.int(1));
        let hi = self.add(n, one);
        self.internal_loop(lo, hi, |cx, var| {
            let (old, factor) = (cx.read(product), cx.read(var));
            let value = cx.mul(old, factor);
            cx.set(product, value);
            Ok(())
        })?;
        Ok(self.read(product))
    }

    /// `math.comb(n, k)`, or `math.perm(n, k)`: the same product, divided at each step.
    pub(super) fn choices(&mut self, is_comb: bool, n: ExprId, k: ExprId) -> Res<ExprId> {
        let n = self.not_negative(n, "n must be a non-negative integer");
        let k = self.not_negative(k, "k must be a non-negative integer");
        let steps = if is_comb {
            // The smaller side has fewer factors.
            let (n2, k2, k3) = (self.dup(n), self.dup(k), self.dup(k));
            let other = self.sub(n2, k2);
            self.binary(BinaryOp::Min, k3, other)
        } else {
            self.dup(k)
        };
        let product = self.temp("product", DType::I64);
        let (n2, k2) = (self.dup(n), self.dup(k));
        let exists = self.compare(CompareOp::Le, k2, n2);
        let (one, zero) = (self.int(1), self.int(0));
        let start = self.select(exists, one, zero);
        self.set(product, start);
        let exists = self.nonzero_local(product);
        let zero = self.int(0);
        let steps = self.select(exists, steps, zero);
        let steps = self.pin(steps);
        let lo = self.int(0);
        let text =
            format!("{}() of these numbers does not fit into 64 bits", if is_comb { "comb" } else { "perm" });
        self.internal_loop(lo, steps, |cx, var| {
            let (n2, index) = (cx.dup(n), cx.read(var));
            let factor = cx.sub(n2, index);
            let factor = cx.hold(factor);
            let (largest, copy, old) = (cx.int(i64::MAX), cx.dup(factor), cx.read(product));
            let limit = cx.binary(BinaryOp::FloorDiv, largest, copy);
            let cond = cx.compare(CompareOp::Le, old, limit);
            cx.check(cond, Code::K715, "OverflowError", &text);
            let old = cx.read(product);
            let mut value = cx.mul(old, factor);
            if is_comb {
                let (index, one) = (cx.read(var), cx.int(1));
                let divisor = cx.add(index, one);
                value = cx.binary(BinaryOp::FloorDiv, value, divisor);
            }
            cx.set(product, value);
            Ok(())
        })?;
        Ok(self.read(product))
    }

    fn nonzero_local(&mut self, local: crate::ir::LocalId) -> ExprId {
        let value = self.read(local);
        self.nonzero(value)
    }

    /// `(m, e)` with `x == m * 2 ** e` and `0.5 <= abs(m) < 1`; of zeros, infinities and NaN `(x, 0)`.
    pub(super) fn frexp(&mut self, x: ExprId) -> Value {
        let ty = self.ty(x);
        let x = self.pin(x);
        let copy = self.dup(x);
        // Every `f32` is a normal `f64`.
        let wide = self.cast(copy, DType::F64);
        let wide = self.pin(wide);
        let copy = self.dup(wide);
        let size = self.unary(UnaryOp::Abs, copy);
        let size = self.hold(size);
        let (a, b) = (self.dup(size), self.dup(size));
        let zero = self.number(0.0, DType::F64);
        let infinity = self.number(f64::INFINITY, DType::F64);
        let is_above = self.compare(CompareOp::Gt, a, zero);
        let is_finite = self.compare(CompareOp::Lt, b, infinity);
        let is_usual = self.both(is_above, is_finite);
        let is_usual = self.hold(is_usual);
        // Off by one at most, next to powers of two.
        let copy = self.dup(size);
        let log = self.math1(MathFn1::Log2, copy);
        let floor = self.math1(MathFn1::Floor, log);
        let usual = self.dup(is_usual);
        let none = self.number(0.0, DType::F64);
        let guess = self.select(usual, floor, none);
        let guess = self.hold(guess);
        let (a, b) = (self.dup(guess), self.dup(size));
        let down = self.unary(UnaryOp::Neg, a);
        // In two steps, so that the factor of a subnormal number is not too large.
        let half = self.number(0.5, DType::F64);
        let part = self.mul(down, half);
        let part = self.math1(MathFn1::Floor, part);
        let part = self.hold(part);
        let (a, c) = (self.dup(part), self.dup(guess));
        let scaled = self.math2(MathFn2::Ldexp, b, a);
        let rest = self.add(c, part);
        let rest = self.unary(UnaryOp::Neg, rest);
        let scaled = self.math2(MathFn2::Ldexp, scaled, rest);
        let scaled = self.hold(scaled);
        // Now about 1 .. 2: the mantissa is half of it.
        let (a, b) = (self.dup(scaled), self.dup(scaled));
        let (one, two) = (self.number(1.0, DType::F64), self.number(2.0, DType::F64));
        let is_low = self.compare(CompareOp::Lt, a, one);
        let is_high = self.compare(CompareOp::Ge, b, two);
        let (plus, minus, same) =
            (self.number(2.0, DType::F64), self.number(0.0, DType::F64), self.number(1.0, DType::F64));
        let shift = self.select(is_high, plus, same);
        let shift = self.select(is_low, minus, shift);
        let shift = self.hold(shift);
        let copy = self.dup(shift);
        let back = self.unary(UnaryOp::Neg, copy);
        let mantissa = self.math2(MathFn2::Ldexp, scaled, back);
        let mantissa = self.math2(MathFn2::Copysign, mantissa, wide);
        let mantissa = self.cast(mantissa, ty);
        let usual = self.dup(is_usual);
        let mantissa = self.select(usual, mantissa, x);
        let exponent = self.add(guess, shift);
        let exponent = self.cast(exponent, DType::I64);
        let zero = self.int(0);
        let exponent = self.select(is_usual, exponent, zero);
        Value::Tuple(vec![Value::Real(mantissa), Value::Real(exponent)])
    }

    /// `(fraction, whole part)`, both with the sign of `x`.
    pub(super) fn modf(&mut self, x: ExprId) -> Value {
        let ty = self.ty(x);
        let x = self.pin(x);
        let copy = self.dup(x);
        let whole = self.math1(MathFn1::Trunc, copy);
        let whole = self.hold(whole);
        let (a, b, c, d) = (self.dup(x), self.dup(whole), self.dup(x), self.dup(whole));
        let rest = self.sub(a, b);
        let size = self.unary(UnaryOp::Abs, c);
        let infinity = self.number(f64::INFINITY, ty);
        let is_infinite = self.compare(CompareOp::Eq, size, infinity);
        let zero = self.number(0.0, ty);
        let rest = self.select(is_infinite, zero, rest);
        let fraction = self.math2(MathFn2::Copysign, rest, x);
        Value::Tuple(vec![Value::Real(fraction), Value::Real(d)])
    }
}
