//! Complex numbers as pairs of reals, by the formulas of [`crate::numerics::complex`].
//!
//! Sums and products are written out; division, powers and functions of `c64` compute at `f64` and round each part once.

use super::context::{Context, Res};
use super::value::Value;
use crate::base::{Code, ErrorModel};
use crate::ir::{BinaryOp, CompareOp, ExprId, Operand, RuntimeFn, Stmt, Target, UnaryOp};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::syntax::ast::BinaryOp as AstOp;
use crate::types::DType;

impl Context<'_, '_> {
    /// `left op right` with a complex result.
    pub(super) fn complex_binary(&mut self, op: AstOp, left: Value, right: Value, ty: DType) -> Res<Value> {
        match op {
            AstOp::Add | AstOp::Sub => {
                let (a, b) = self.parts(left, ty)?;
                let (c, d) = self.parts(right, ty)?;
                let op = if op == AstOp::Add { BinaryOp::Add } else { BinaryOp::Sub };
                let re = self.binary(op, a, c);
                Ok(Value::Complex(re, self.binary(op, b, d)))
            }
            AstOp::Mul => {
                let (a, b) = self.parts(left, ty)?;
                let (c, d) = self.parts(right, ty)?;
                Ok(self.complex_product(a, b, c, d))
            }
            AstOp::Div => {
                let (a, b) = self.parts(left, DType::C128)?;
                let (c, d) = self.parts(right, DType::C128)?;
                let quotient = self.complex_quotient(a, b, c, d);
                self.with_dtype(quotient, ty)
            }
            AstOp::Pow => self.complex_power(left, right, ty),
            _ => Err(self.bug(format!("operator {} of complex numbers", op.symbol()))),
        }
    }

    fn complex_product(&mut self, a: ExprId, b: ExprId, c: ExprId, d: ExprId) -> Value {
        let [a, b, c, d] = [a, b, c, d].map(|part| self.pin(part));
        let [a2, b2, c2, d2] = [a, b, c, d].map(|part| self.dup(part));
        let ac = self.mul(a, c);
        let bd = self.mul(b, d);
        let ad = self.mul(a2, d2);
        let bc = self.mul(b2, c2);
        let re = self.sub(ac, bd);
        Value::Complex(re, self.add(ad, bc))
    }

    /// Smith's algorithm, with selects in place of branches: numerator and denominator are swapped so that the larger part
    /// of the divisor divides.
    fn complex_quotient(&mut self, a: ExprId, b: ExprId, c: ExprId, d: ExprId) -> Value {
        let [a, b, c, d] = [a, b, c, d].map(|part| self.pin(part));
        if self.instance.options.error_model == ErrorModel::Python {
            let (c2, d2) = (self.dup(c), self.dup(d));
            let (c2, d2) = (self.nonzero(c2), self.nonzero(d2));
            let cond = self.either(c2, d2);
            self.check(cond, Code::K702, "ZeroDivisionError", "complex division by zero");
        }
        let re = self.temp("q", DType::F64);
        let im = self.temp("q", DType::F64);
        let abs_c = self.dup(c);
        let abs_c = self.unary(UnaryOp::Abs, abs_c);
        let abs_d = self.dup(d);
        let abs_d = self.unary(UnaryOp::Abs, abs_d);
        let cond = self.compare(CompareOp::Ge, abs_c, abs_d);
        // One side: ratio = small / large; denominator = large + small * ratio.
        let (then, ()) = self.block_infallible(|cx| {
            let (ratio, denominator) = cx.smith_ratio(d, c);
            let (x, y) = (cx.scaled(b, ratio), cx.scaled(a, ratio));
            let (a, b) = (cx.dup(a), cx.dup(b));
            let (x, y) = (cx.add(a, x), cx.sub(b, y));
            cx.set_quotient(re, im, x, y, denominator);
            if cx.instance.options.error_model == ErrorModel::Numpy {
                cx.zero_divisor(a, b, c, re, im);
            }
        });
        let (orelse, ()) = self.block_infallible(|cx| {
            let (ratio, denominator) = cx.smith_ratio(c, d);
            let (x, y) = (cx.scaled(a, ratio), cx.scaled(b, ratio));
            let (a, b) = (cx.dup(a), cx.dup(b));
            let (x, y) = (cx.add(x, b), cx.sub(y, a));
            cx.set_quotient(re, im, x, y, denominator);
        });
        self.emit(Stmt::If { cond, then, orelse });
        let re = self.read(re);
        Value::Complex(re, self.read(im))
    }

    fn block_infallible(&mut self, build: impl FnOnce(&mut Self)) -> (Vec<Stmt>, ()) {
        let outer = std::mem::take(&mut self.out);
        build(self);
        (std::mem::replace(&mut self.out, outer), ())
    }

    /// `(small / large, large + small * ratio)`, both held.
    fn smith_ratio(&mut self, small: ExprId, large: ExprId) -> (ExprId, ExprId) {
        let (s, l) = (self.dup(small), self.dup(large));
        let ratio = self.binary(BinaryOp::Div, s, l);
        let ratio = self.hold(ratio);
        let (s, l, r) = (self.dup(small), self.dup(large), self.dup(ratio));
        let product = self.mul(s, r);
        let denominator = self.add(l, product);
        (ratio, self.hold(denominator))
    }

    fn scaled(&mut self, x: ExprId, ratio: ExprId) -> ExprId {
        let (x, ratio) = (self.dup(x), self.dup(ratio));
        self.mul(x, ratio)
    }

    fn set_quotient(
        &mut self,
        re: crate::ir::LocalId,
        im: crate::ir::LocalId,
        x: ExprId,
        y: ExprId,
        denominator: ExprId,
    ) {
        let copy = self.dup(denominator);
        let x = self.binary(BinaryOp::Div, x, denominator);
        self.set(re, x);
        let y = self.binary(BinaryOp::Div, y, copy);
        self.set(im, y);
    }

    /// Under NumPy's error model: `z / 0` is `(a / |0|, b / |0|)`.
    fn zero_divisor(
        &mut self,
        a: ExprId,
        b: ExprId,
        c: ExprId,
        re: crate::ir::LocalId,
        im: crate::ir::LocalId,
    ) {
        let divisor = self.dup(c);
        let zero = self.number(0.0, DType::F64);
        let cond = self.compare(CompareOp::Eq, divisor, zero);
        let (then, ()) = self.block_infallible(|cx| {
            for (part, to) in [(a, re), (b, im)] {
                let (part, divisor) = (cx.dup(part), cx.dup(c));
                let divisor = cx.unary(UnaryOp::Abs, divisor);
                let value = cx.binary(BinaryOp::Div, part, divisor);
                cx.set(to, value);
            }
        });
        self.emit(Stmt::If { cond, then, orelse: Vec::new() });
    }

    /// `z ** w`. The square is a product, as CPython computes it.
    pub(super) fn complex_power(&mut self, base: Value, exponent: Value, ty: DType) -> Res<Value> {
        let is_square = match &exponent {
            Value::Real(expr) => match (self.as_const(*expr), self.ty(*expr)) {
                (Some(bits), DType::I64 | DType::U64) => bits.0 == 2,
                (Some(bits), DType::F64) => bits.as_f64() == 2.0,
                _ => false,
            },
            _ => false,
        };
        let (a, b) = self.parts(base, DType::C128)?;
        if is_square {
            let (a, b) = (self.pin(a), self.pin(b));
            let (c, d) = (self.dup(a), self.dup(b));
            let square = self.complex_product(a, b, c, d);
            return self.with_dtype(square, ty);
        }
        let (c, d) = self.parts(exponent, DType::C128)?;
        let args = [a, b, c, d].map(Operand::Scalar).to_vec();
        let value = self.complex_service(RuntimeFn::ComplexPow, args);
        self.with_dtype(value, ty)
    }

    fn complex_service(&mut self, function: RuntimeFn, args: Vec<Operand>) -> Value {
        let (re, im) = (self.temp("z", DType::F64), self.temp("z", DType::F64));
        let results = vec![Target::Local(re), Target::Local(im)];
        // It touches no memory, so nothing pending needs to be ordered before it.
        self.emit(Stmt::Runtime { function, args, results, trap: None });
        let re = self.read(re);
        Value::Complex(re, self.read(im))
    }

    /// A function of a complex number.
    pub(super) fn complex_math(&mut self, function: MathFn1, value: Value, ty: DType) -> Res<Value> {
        let (re, im) = self.parts(value, DType::C128)?;
        let code = self.int(function as i64);
        let args = [code, re, im].map(Operand::Scalar).to_vec();
        let value = self.complex_service(RuntimeFn::ComplexMath, args);
        self.with_dtype(value, ty)
    }

    /// `abs(z)`.
    pub(super) fn complex_abs(&mut self, value: Value, ty: DType) -> Res<ExprId> {
        let (re, im) = self.parts(value, DType::C128)?;
        let abs = self.math2(MathFn2::Hypot, re, im);
        Ok(self.cast(abs, ty))
    }

    /// The angle of a number.
    pub(super) fn angle(&mut self, value: Value, ty: DType) -> Res<ExprId> {
        let (re, im) = self.parts(value, DType::C128)?;
        let angle = self.math2(MathFn2::Atan2, im, re);
        Ok(self.cast(angle, ty))
    }
}
