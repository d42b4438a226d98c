//! Built-in functions, methods and attributes.

use super::context::{Context, Res};
use super::scan::const_int;
use super::value::Value;
use crate::infer::ConstValue;
use crate::infer::table::{ArgSource, CallPlan};
use crate::ir::{
    ArrayId, ArrayValue, BinaryOp, CompareOp, ExprId, ExprKind, Operand, RuntimeFn, Stmt, Target, UnaryOp,
};
use crate::numerics::math::MathFn1;
use crate::syntax::ast::{BinaryOp as AstOp, ExprId as AstId, ExprKind as AstKind};
use crate::types::builtins::Builtin;
use crate::types::{ArrayTy, DType, Ty, promote};

impl Context<'_, '_> {
    /// A call of a built-in function or method, or an attribute.
    pub(super) fn builtin(
        &mut self,
        expr: AstId,
        builtin: Builtin,
        plan: &CallPlan,
        ty: &Ty,
        dest: Option<ArrayId>,
    ) -> Res<Value> {
        if builtin == Builtin::Print {
            return self.print(plan);
        }
        let weak = self.weak_args(plan);
        let mut args = Args { values: self.plan_values(plan)?.into_iter() };
        let scalar = || ty.scalar();
        let result = match (scalar(), ty) {
            (Some(dtype), _) => dtype,
            (None, Ty::Array(array)) => array.dtype,
            (None, _) => DType::F64,
        };
        let array_ty = || match ty {
            Ty::Array(array) => Some(*array),
            _ => None,
        };
        let value = match builtin {
            Builtin::Math1(function) | Builtin::ComplexMath(function) if result.is_complex() => {
                let value = args.next(self)?;
                self.complex_math(function, value, result)?
            }
            Builtin::Math1(function) | Builtin::ComplexMath(function) => {
                let value = args.next(self)?;
                let value = self.real(value, result)?;
                Value::Real(self.math1(function, value))
            }
            Builtin::Degrees | Builtin::Radians => {
                let value = args.next(self)?;
                let value = self.real(value, result)?;
                let function = if builtin == Builtin::Degrees { MathFn1::Degrees } else { MathFn1::Radians };
                Value::Real(self.math1(function, value))
            }
            Builtin::Math2(function) => {
                let (a, b) = (args.next(self)?, args.next(self)?);
                let (a, b) = (self.real(a, result)?, self.real(b, result)?);
                Value::Real(self.math2(function, a, b))
            }
            Builtin::Abs => {
                let value = args.next(self)?;
                match value {
                    Value::Complex(..) => Value::Real(self.complex_abs(value, result)?),
                    value => {
                        let value = self.real(value, result.widened())?;
                        Value::Real(self.absolute(value))
                    }
                }
            }
            Builtin::Min | Builtin::Max => self.min_max(builtin == Builtin::Max, args, result)?,
            Builtin::Minimum | Builtin::Maximum => {
                let (a, b) = (args.next(self)?, args.next(self)?);
                let (a, b) = (self.real(a, result)?, self.real(b, result)?);
                Value::Real(self.nan_extreme(builtin == Builtin::Maximum, a, b))
            }
            Builtin::Round | Builtin::FloorInt | Builtin::CeilInt | Builtin::TruncInt => {
                let function = match builtin {
                    Builtin::Round => MathFn1::Rint,
                    Builtin::FloorInt => MathFn1::Floor,
                    Builtin::CeilInt => MathFn1::Ceil,
                    _ => MathFn1::Trunc,
                };
                let value = args.next(self)?;
                Value::Real(self.to_whole(function, value, result)?)
            }
            Builtin::RoundDigits => {
                let (value, digits) = (args.next(self)?, args.next_or_none());
                self.round_digits(expr, plan, value, digits, result)?
            }
            Builtin::Divmod => {
                let (a, b) = (args.next(self)?, args.next(self)?);
                self.divmod(a, b, weak)?
            }
            Builtin::Pow => {
                let (a, b) = (args.next(self)?, args.next(self)?);
                self.binary_values(AstOp::Pow, a, b, weak, ty)?
            }
            Builtin::IsNan | Builtin::IsInf | Builtin::IsFinite => {
                let value = args.next(self)?;
                Value::Real(self.classify(builtin, value)?)
            }
            Builtin::Gcd => {
                let (a, b) = (args.next(self)?, args.next(self)?);
                let at = result.widened();
                let (a, b) = (self.real(a, at)?, self.real(b, at)?);
                Value::Real(self.gcd(a, b)?)
            }
            Builtin::Sign => {
                let value = args.next(self)?;
                let value = self.real(value, result.widened())?;
                Value::Real(self.sign(value))
            }
            Builtin::Square => {
                let value = args.next(self)?;
                let value = self.to_dtype(value, result)?;
                let value = self.pin_value(value);
                let copy = self.dup_value(&value);
                self.binary_values(AstOp::Mul, value, copy, (false, false), ty)?
            }
            Builtin::Complex => {
                let (re, im) = (args.next(self)?, args.next_or_none());
                let re = self.real(re, result.part())?;
                let im = match im {
                    Some(im) => self.real(im, result.part())?,
                    None => self.number(0.0, result.part()),
                };
                Value::Complex(re, im)
            }
            Builtin::Real | Builtin::Imag => {
                let value = args.next(self)?;
                self.part(value, builtin == Builtin::Imag, ty, dest)?
            }
            Builtin::Conj => match args.next(self)? {
                Value::Complex(re, im) => Value::Complex(re, self.unary(UnaryOp::Neg, im)),
                other => other,
            },
            Builtin::Angle => {
                let value = args.next(self)?;
                Value::Real(self.angle(value, result)?)
            }
            Builtin::Len => match args.next(self)? {
                Value::Array(array) => Value::Real(self.dim(array, 0)),
                Value::Tuple(items) => Value::Real(self.int(items.len() as i64)),
                Value::Str(text) => Value::Real(self.int(text.chars().count() as i64)),
                other => return Err(self.bug(format!("the length of {other:?}"))),
            },
            Builtin::Shape => {
                let array = args.array(self)?;
                let shape = self.shape_of(array);
                Value::Tuple(shape.into_iter().map(Value::Real).collect())
            }
            Builtin::Strides => {
                let array = args.array(self)?;
                let rank = self.array_ty(array).rank;
                let stride =
                    |cx: &mut Self, axis| Value::Real(cx.expr(ExprKind::Stride { array, axis }, DType::I64));
                Value::Tuple((0..rank).map(|axis| stride(self, axis)).collect())
            }
            Builtin::Size => {
                let array = args.array(self)?;
                Value::Real(self.size(array))
            }
            Builtin::Itemsize => {
                let array = args.array(self)?;
                let bytes = self.array_ty(array).dtype.size_bytes();
                Value::Real(self.int(bytes as i64))
            }
            Builtin::Nbytes => {
                let array = args.array(self)?;
                let size = self.size(array);
                let bytes = self.int(self.array_ty(array).dtype.size_bytes() as i64);
                Value::Real(self.mul(size, bytes))
            }
            Builtin::Transpose => {
                let base = args.array(self)?;
                let from = self.array_ty(base);
                let order = (0..from.rank).rev().collect();
                let ty = array_ty().unwrap_or(from);
                Value::Array(self.bind_view(ty, ArrayValue::Transpose { base, order }, dest))
            }
            Builtin::Zeros | Builtin::Ones | Builtin::Empty | Builtin::Full => {
                let shape = args.next(self)?;
                let value = if builtin == Builtin::Full { args.next_or_none() } else { None };
                let shape = self.shape(shape)?;
                let ty = array_ty().unwrap_or(ArrayTy::new(result, shape.len() as u8));
                self.created(builtin, ty, shape, value, dest)?
            }
            Builtin::ZerosLike | Builtin::OnesLike | Builtin::EmptyLike | Builtin::FullLike => {
                let like = args.array(self)?;
                let value = if builtin == Builtin::FullLike { args.next_or_none() } else { None };
                let shape = self.shape_of(like);
                let ty = array_ty().unwrap_or(ArrayTy::new(result, shape.len() as u8));
                self.created(builtin, ty, shape, value, dest)?
            }
            Builtin::Arange => {
                let (start, stop, step) = (args.next_or_none(), args.next_or_none(), args.next_or_none());
                let (start, stop) = if stop.is_none() { (None, start) } else { (start, stop) };
                let start = start.unwrap_or_else(|| Value::Real(self.int(0)));
                let step = step.unwrap_or_else(|| Value::Real(self.int(1)));
                let stop = stop.ok_or_else(|| self.bug("`arange` without an end"))?;
                let ty = array_ty().unwrap_or(ArrayTy::new(result, 1));
                Value::Array(self.arange(ty, [start, stop, step], dest)?)
            }
            Builtin::Linspace => {
                let (start, stop) = (args.next(self)?, args.next(self)?);
                let num = args.next_or_none().unwrap_or_else(|| Value::Real(self.int(50)));
                let has_endpoint = match plan.args.get(3) {
                    Some(ArgSource::Const(ConstValue::Bool(value))) => *value,
                    Some(ArgSource::Expr(expr)) => self.known_truth(*expr).unwrap_or(true),
                    _ => true,
                };
                let ty = array_ty().unwrap_or(ArrayTy::new(result, 1));
                Value::Array(self.linspace(ty, start, stop, num, has_endpoint, dest)?)
            }
            Builtin::Copy | Builtin::Astype => match args.next(self)? {
                Value::Array(from) => {
                    let ty = array_ty().unwrap_or(self.array_ty(from));
                    Value::Array(self.copied(ty, from, dest)?)
                }
                Value::Tuple(items) => {
                    let ty = array_ty().unwrap_or(ArrayTy::new(result, 1));
                    Value::Array(self.from_items(ty, items, dest)?)
                }
                number => self.to_dtype(number, result)?,
            },
            Builtin::Fill => {
                let array = args.array(self)?;
                let value = args.next(self)?;
                self.fill(array, value)?;
                Value::None
            }
            Builtin::Item => match args.next(self)? {
                Value::Array(array) => self.only_element(array),
                other => other,
            },
            Builtin::Sum
            | Builtin::Prod
            | Builtin::AMin
            | Builtin::AMax
            | Builtin::Mean
            | Builtin::Argmin
            | Builtin::Argmax
            | Builtin::Any
            | Builtin::All => {
                let value = args.next(self)?;
                self.reduction(builtin, value, result)?
            }
            Builtin::RandomSeed
            | Builtin::Random
            | Builtin::RandomUniform
            | Builtin::RandomNormal
            | Builtin::RandomStandardNormal
            | Builtin::RandomInt
            | Builtin::DefaultRng
            | Builtin::GeneratorRandom
            | Builtin::GeneratorUniform
            | Builtin::GeneratorNormal
            | Builtin::GeneratorStandardNormal
            | Builtin::GeneratorIntegers => self.random(builtin, args.values.collect(), dest)?,
            Builtin::Load | Builtin::Save => self.file(builtin, args.values.collect(), ty, dest)?,
            Builtin::Type(dtype) => {
                let value = args.next(self)?;
                self.to_dtype(value, dtype)?
            }
            Builtin::Range
            | Builtin::Prange
            | Builtin::Enumerate
            | Builtin::Zip
            | Builtin::Reversed
            | Builtin::Print => return Err(self.bug("a built-in that has no value")),
        };
        match (&value, ty) {
            (Value::Real(_) | Value::Complex(..) | Value::Tuple(_), _) => self.convert(value, ty),
            _ => Ok(value),
        }
    }

    /// Which of the first two arguments are literals.
    fn weak_args(&self, plan: &CallPlan) -> (bool, bool) {
        let is_weak = |at: usize| match plan.args.get(at) {
            Some(ArgSource::Expr(expr)) => self.instance.exprs.get(expr).is_some_and(|info| info.is_weak),
            _ => false,
        };
        (is_weak(0), is_weak(1))
    }

    fn created(
        &mut self,
        builtin: Builtin,
        ty: ArrayTy,
        shape: Vec<ExprId>,
        value: Option<Value>,
        dest: Option<ArrayId>,
    ) -> Res<Value> {
        let value = match builtin {
            Builtin::Zeros | Builtin::ZerosLike => {
                return Ok(Value::Array(self.alloc(ty, shape, true, dest)));
            }
            Builtin::Empty | Builtin::EmptyLike => {
                return Ok(Value::Array(self.alloc(ty, shape, false, dest)));
            }
            _ => value.unwrap_or_else(|| Value::Real(self.int(1))),
        };
        self.alloc_filled(ty, shape, value, dest).map(Value::Array)
    }

    /// `min(a, b, ...)`, `max(...)`: of the arguments or of the items of a tuple.
    fn min_max(&mut self, is_max: bool, args: Args, result: DType) -> Res<Value> {
        let mut items: Vec<Value> = args.values.flatten().collect();
        if items.len() == 1
            && let Some(Value::Tuple(inner)) = items.first_mut()
        {
            items = std::mem::take(inner);
        }
        let op = if is_max { BinaryOp::Max } else { BinaryOp::Min };
        let at = result.widened();
        let mut best = None;
        for item in items {
            let item = self.real(item, at)?;
            best = Some(match best {
                None => item,
                Some(best) => self.binary(op, best, item),
            });
        }
        match best {
            Some(best) => Ok(Value::Real(best)),
            None => Err(self.bug("an extreme of nothing")),
        }
    }

    /// `np.minimum`, `np.maximum`: the first argument if it is NaN or wins, else the second.
    fn nan_extreme(&mut self, is_max: bool, a: ExprId, b: ExprId) -> ExprId {
        if !self.ty(a).is_float() {
            return self.binary(if is_max { BinaryOp::Max } else { BinaryOp::Min }, a, b);
        }
        let (a, b) = (self.pin(a), self.pin(b));
        let (a1, b1, a2, a3) = (self.dup(a), self.dup(b), self.dup(a), self.dup(a));
        let wins = self.compare(if is_max { CompareOp::Ge } else { CompareOp::Le }, a1, b1);
        let is_nan = self.compare(CompareOp::Ne, a2, a3);
        let cond = self.either(wins, is_nan);
        self.select(cond, a, b)
    }

    /// A whole number by `round`, `floor`, `ceil` or `trunc`.
    fn to_whole(&mut self, function: MathFn1, value: Value, result: DType) -> Res<ExprId> {
        let Value::Real(expr) = value else { return Err(self.bug("rounding what is no number")) };
        if !self.ty(expr).is_float() {
            return Ok(self.cast(expr, result));
        }
        let whole = self.math1(function, expr);
        Ok(self.cast(whole, result))
    }

    /// `round(x, digits)` is exact; `np.round` scales, rounds and scales back.
    fn round_digits(
        &mut self,
        expr: AstId,
        plan: &CallPlan,
        value: Value,
        digits: Option<Value>,
        result: DType,
    ) -> Res<Value> {
        let Some(digits) = digits else {
            let value = self.real(value, result)?;
            return Ok(Value::Real(if result.is_float() { self.math1(MathFn1::Rint, value) } else { value }));
        };
        let known = match plan.args.get(1) {
            Some(ArgSource::Expr(digits)) => const_int(self.ast, self.instance, *digits),
            Some(ArgSource::Const(ConstValue::Int(digits, _))) => Some(*digits),
            _ => None,
        };
        let is_numpy = match &self.node(expr).kind {
            AstKind::Call { callee, .. } => !matches!(self.node(*callee).kind, AstKind::Name(_)),
            _ => false,
        };
        if !result.is_float() && known.is_some_and(|digits| digits >= 0) {
            return self.to_dtype(value, result);
        }
        if is_numpy
            && result.is_float()
            && let Some(digits) = known
            && digits.abs() <= 22
        {
            let value = self.real(value, result)?;
            let scale = 10f64.powi(digits.unsigned_abs() as i32);
            let (up, down) =
                if digits >= 0 { (BinaryOp::Mul, BinaryOp::Div) } else { (BinaryOp::Div, BinaryOp::Mul) };
            let factor = self.number(scale, result);
            let scaled = self.binary(up, value, factor);
            let whole = self.math1(MathFn1::Rint, scaled);
            let factor = self.number(scale, result);
            return Ok(Value::Real(self.binary(down, whole, factor)));
        }
        let value = self.real(value, DType::F64)?;
        let digits = self.real(digits, DType::I64)?;
        let to = self.temp("rounded", DType::F64);
        self.emit(Stmt::Runtime {
            function: RuntimeFn::RoundDigits,
            args: vec![Operand::Scalar(value), Operand::Scalar(digits)],
            results: vec![Target::Local(to)],
            trap: None,
        });
        let rounded = self.read(to);
        Ok(Value::Real(self.cast(rounded, result)))
    }

    /// `(a // b, a % b)`.
    fn divmod(&mut self, a: Value, b: Value, weak: (bool, bool)) -> Res<Value> {
        let (Value::Real(a), Value::Real(b)) = (a, b) else {
            return Err(self.bug("`divmod` of what is no number"));
        };
        let at = promote::scalars(self.ty(a), weak.0, self.ty(b), weak.1);
        let (a, b) = (self.cast(a, at), self.cast(b, at));
        let text = if at.is_float() { "float divmod()" } else { "integer division or modulo by zero" };
        let (a, b) = (self.pin(a), self.pin(b));
        let b = self.check_divisor(b, text);
        let (a2, b2) = (self.dup(a), self.dup(b));
        let quotient = self.binary(BinaryOp::FloorDiv, a, b);
        Ok(Value::Tuple(vec![Value::Real(quotient), Value::Real(self.binary(BinaryOp::Mod, a2, b2))]))
    }

    /// `isnan`, `isinf`, `isfinite`; of a complex number: of either part, `isfinite` of both.
    fn classify(&mut self, builtin: Builtin, value: Value) -> Res<ExprId> {
        match value {
            Value::Complex(re, im) => {
                let re = self.classify(builtin, Value::Real(re))?;
                let im = self.classify(builtin, Value::Real(im))?;
                Ok(if builtin == Builtin::IsFinite { self.both(re, im) } else { self.either(re, im) })
            }
            Value::Real(expr) if !self.ty(expr).is_float() => Ok(self.boolean(builtin == Builtin::IsFinite)),
            Value::Real(expr) if builtin == Builtin::IsNan => {
                let expr = self.pin(expr);
                let copy = self.dup(expr);
                Ok(self.compare(CompareOp::Ne, expr, copy))
            }
            Value::Real(expr) => {
                let ty = self.ty(expr);
                let size = self.unary(UnaryOp::Abs, expr);
                let infinity = self.number(f64::INFINITY, ty);
                let op = if builtin == Builtin::IsInf { CompareOp::Eq } else { CompareOp::Lt };
                Ok(self.compare(op, size, infinity))
            }
            other => Err(self.bug(format!("{other:?} where a number is needed"))),
        }
    }

    /// Euclid's algorithm, inline.
    fn gcd(&mut self, a: ExprId, b: ExprId) -> Res<ExprId> {
        let ty = self.ty(a);
        let (a, b) = (self.absolute(a), self.absolute(b));
        let (x, y) = (self.temp("x", ty), self.temp("y", ty));
        self.set(x, a);
        self.set(y, b);
        let id = self.loop_id(crate::ir::LoopOrigin::Internal);
        let rest = self.read(y);
        let cond = self.nonzero(rest);
        let (body, ()) = self.block(|cx| {
            let (a, b) = (cx.read(x), cx.read(y));
            let rest = cx.binary(BinaryOp::Mod, a, b);
            let rest = cx.hold(rest);
            let b = cx.read(y);
            cx.set(x, b);
            cx.set(y, rest);
            Ok(())
        })?;
        self.emit(Stmt::While { id, head: Vec::new(), cond, body });
        Ok(self.read(x))
    }

    /// `np.sign`: NaN stays.
    fn sign(&mut self, value: ExprId) -> ExprId {
        let ty = self.ty(value);
        let value = self.pin(value);
        let (a, b) = (self.dup(value), self.dup(value));
        let zero = self.number(0.0, ty);
        let is_positive = self.compare(CompareOp::Gt, a, zero);
        let one = self.number(1.0, ty);
        if ty == DType::U64 {
            let zero = self.number(0.0, ty);
            return self.select(is_positive, one, zero);
        }
        let zero = self.number(0.0, ty);
        let is_negative = self.compare(CompareOp::Lt, b, zero);
        let minus_one = self.number(-1.0, ty);
        // Neither: zero or NaN. The sign of a zero is lost.
        let rest = if ty.is_float() {
            let zero = self.number(0.0, ty);
            self.add(value, zero)
        } else {
            self.number(0.0, ty)
        };
        let rest = self.select(is_negative, minus_one, rest);
        self.select(is_positive, one, rest)
    }

    /// `x.real`, `x.imag`.
    fn part(&mut self, value: Value, is_imag: bool, ty: &Ty, dest: Option<ArrayId>) -> Res<Value> {
        Ok(match value {
            Value::Complex(re, im) => Value::Real(if is_imag { im } else { re }),
            Value::Real(expr) if is_imag => {
                let ty = self.ty(expr);
                Value::Real(self.number(0.0, ty))
            }
            Value::Real(expr) => Value::Real(expr),
            Value::Array(base) => {
                let from = self.array_ty(base);
                let Ty::Array(ty) = *ty else { return Err(self.bug("a part of an array that is none")) };
                if from.dtype.is_complex() {
                    let lane = u8::from(is_imag);
                    Value::Array(self.bind_view(ty, ArrayValue::Part { base, lane }, dest))
                } else {
                    Value::Array(base)
                }
            }
            other => return Err(self.bug(format!("a part of {other:?}"))),
        })
    }
}

/// The values of a plan, taken one by one.
struct Args {
    values: std::vec::IntoIter<Option<Value>>,
}

impl Args {
    fn next(&mut self, cx: &Context<'_, '_>) -> Res<Value> {
        self.next_or_none().ok_or_else(|| cx.bug("a built-in without its argument"))
    }

    fn next_or_none(&mut self) -> Option<Value> {
        self.values.next().flatten()
    }

    fn array(&mut self, cx: &Context<'_, '_>) -> Res<ArrayId> {
        match self.next(cx)? {
            Value::Array(array) => Ok(array),
            other => Err(cx.bug(format!("{other:?} where an array is needed"))),
        }
    }
}
