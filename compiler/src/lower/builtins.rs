//! Built-in functions, methods and attributes.

use super::context::{Context, Res};
use super::value::Value;
use crate::infer::ConstValue;
use crate::infer::table::{ArgSource, CallPlan};
use crate::ir::{ArrayId, ArrayValue, BinaryOp, ExprId, ExprKind, UnaryOp};
use crate::numerics::math::MathFn1;
use crate::syntax::ast::{BinaryOp as AstOp, ExprId as AstId};
use crate::types::builtins::Builtin;
use crate::types::{ArrayTy, DType, Ty};

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
            return self.print(expr, plan);
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
                Value::Real(self.rounded_to_int(function, &value, result)?)
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
                let value = self.with_dtype(value, result)?;
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
                    Value::Array(self.array_of_items(ty, items, dest)?)
                }
                number => self.with_dtype(number, result)?,
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
            Builtin::Ufunc(function) => self.ufunc(function, args, weak, result)?,
            Builtin::LogBase => {
                let (x, base) = (args.next(self)?, args.next(self)?);
                let (x, base) = (self.real(x, result)?, self.real(base, result)?);
                let (x, base) = (self.math1(MathFn1::Log, x), self.math1(MathFn1::Log, base));
                let base = self.check_divisor(base, "division by zero");
                Value::Real(self.binary(BinaryOp::Div, x, base))
            }
            Builtin::Isqrt => {
                let value = args.next(self)?;
                let value = self.real(value, DType::I64)?;
                Value::Real(self.isqrt(value))
            }
            Builtin::Factorial => {
                let value = args.next(self)?;
                let value = self.real(value, DType::I64)?;
                Value::Real(self.factorial(value)?)
            }
            Builtin::Lcm => {
                let (a, b) = (args.next(self)?, args.next(self)?);
                let at = result.widened();
                let (a, b) = (self.real(a, at)?, self.real(b, at)?);
                Value::Real(self.lcm(a, b)?)
            }
            Builtin::Comb | Builtin::Perm => {
                let (n, k) = (args.next(self)?, args.next(self)?);
                let (n, k) = (self.real(n, DType::I64)?, self.real(k, DType::I64)?);
                Value::Real(self.choices(builtin == Builtin::Comb, n, k)?)
            }
            Builtin::Frexp | Builtin::Modf => {
                let Ty::Tuple(items) = ty else { return Err(self.bug("parts of a float that are no tuple")) };
                let at = items.first().and_then(Ty::scalar).unwrap_or(DType::F64);
                let value = args.next(self)?;
                let value = self.real(value, at)?;
                if builtin == Builtin::Frexp { self.frexp(value) } else { self.modf(value) }
            }
            Builtin::Same => Value::Array(args.array(self)?),
            Builtin::Eye => {
                let (rows, columns) = (args.next(self)?, args.next_or_none());
                let ty = array_ty().unwrap_or(ArrayTy::new(result, 2));
                Value::Array(self.eye(ty, rows, columns, dest)?)
            }
            Builtin::Flatten => {
                let from = args.array(self)?;
                let ty = array_ty().unwrap_or(ArrayTy::new(result, 1));
                Value::Array(self.flattened(ty, from, dest)?)
            }
            Builtin::Reshape => {
                let base = args.array(self)?;
                let mut items: Vec<Value> = args.values.by_ref().flatten().collect();
                if let [Value::Tuple(_)] = items.as_slice()
                    && let Some(Value::Tuple(inner)) = items.pop()
                {
                    items = inner;
                }
                let ty = array_ty().ok_or_else(|| self.bug("a reshaped array that is none"))?;
                Value::Array(self.reshaped(ty, base, items, dest)?)
            }
            Builtin::Ravel => {
                let base = args.array(self)?;
                let ty = array_ty().ok_or_else(|| self.bug("a flat array that is none"))?;
                self.check_contiguous(base, "ravel");
                let size = self.size(base);
                Value::Array(self.bind_view(ty, ArrayValue::Reshape { base, shape: vec![size] }, dest))
            }
            Builtin::Var | Builtin::Std => {
                let array = args.array(self)?;
                let ddof = args.next(self)?;
                let value = self.variance(array, ddof, result)?;
                Value::Real(if builtin == Builtin::Std { self.math1(MathFn1::Sqrt, value) } else { value })
            }
            Builtin::CountNonzero => {
                let array = args.array(self)?;
                Value::Real(self.count_nonzero(array)?)
            }
            Builtin::Dot => {
                let (x, y) = (args.array(self)?, args.array(self)?);
                Value::Real(self.dot(x, y, result)?)
            }
            Builtin::Norm => {
                let array = args.array(self)?;
                Value::Real(self.norm(array, result)?)
            }
            Builtin::Cumsum | Builtin::Cumprod => {
                let from = args.array(self)?;
                let ty = array_ty().unwrap_or(ArrayTy::new(result, 1));
                Value::Array(self.running(builtin == Builtin::Cumsum, from, ty, dest)?)
            }
            Builtin::Device(function) => self.device(function, plan, args, ty)?,
            Builtin::CudaGrid | Builtin::CudaGridSize => self.grid(builtin == Builtin::CudaGrid, plan)?,
            Builtin::CudaEvent | Builtin::EventRecord | Builtin::EventElapsed => {
                let mut events = Vec::new();
                while let Some(event) = args.next_or_none() {
                    events.push(event);
                }
                self.event(builtin, events)?
            }
            Builtin::CopyTo => {
                let (from, to) = (args.array(self)?, args.array(self)?);
                self.assign_elements(to, Value::Array(from))?;
                Value::None
            }
            Builtin::Load | Builtin::Save => self.file(builtin, args.values.collect(), ty, dest)?,
            Builtin::Type(dtype) => {
                let value = args.next(self)?;
                self.with_dtype(value, dtype)?
            }
            Builtin::Range
            | Builtin::CopyFrom
            | Builtin::Prange
            | Builtin::Enumerate
            | Builtin::Zip
            | Builtin::Reversed
            | Builtin::Array
            | Builtin::AsArray
            | Builtin::AsContiguous
            | Builtin::Identity
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
pub(super) struct Args {
    pub(super) values: std::vec::IntoIter<Option<Value>>,
}

impl Args {
    pub(super) fn next(&mut self, cx: &Context<'_, '_>) -> Res<Value> {
        self.next_or_none().ok_or_else(|| cx.bug("a built-in without its argument"))
    }

    pub(super) fn next_or_none(&mut self) -> Option<Value> {
        self.values.next().flatten()
    }

    fn array(&mut self, cx: &Context<'_, '_>) -> Res<ArrayId> {
        match self.next(cx)? {
            Value::Array(array) => Ok(array),
            other => Err(cx.bug(format!("{other:?} where an array is needed"))),
        }
    }
}
