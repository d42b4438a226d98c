//! Types of the results of built-in functions, and what their arguments must be.

use super::calls::CallSite;
use super::function::{FnCtx, Val};
use super::{ArgSource, CallPlan, ConstValue, Resolution, messages};
use crate::base::{Code, Diagnostic};
use crate::numerics::math::MathFn1;
use crate::syntax::ast::{ExprId, ExprKind};
use crate::types::builtins::Builtin;
use crate::types::dtype::Kind;
use crate::types::{ArrayTy, DType, Layout, Ty, promote};

/// Functions of numbers that have a meaning for whole arrays, element by element.
pub(super) fn is_elementwise(builtin: Builtin) -> bool {
    matches!(
        builtin,
        Builtin::Math1(_)
            | Builtin::Math2(_)
            | Builtin::ComplexMath(_)
            | Builtin::Abs
            | Builtin::Minimum
            | Builtin::Maximum
            | Builtin::RoundDigits
            | Builtin::Pow
            | Builtin::IsNan
            | Builtin::IsInf
            | Builtin::IsFinite
            | Builtin::Degrees
            | Builtin::Radians
            | Builtin::Sign
            | Builtin::Square
            | Builtin::Conj
            | Builtin::Angle
            | Builtin::Ufunc(_)
            | Builtin::LogBase
            | Builtin::Isqrt
            | Builtin::Lcm
            | Builtin::Frexp
            | Builtin::Modf
    )
}

/// Has the function a complex version?
fn is_complex_math(function: MathFn1) -> bool {
    matches!(
        function,
        MathFn1::Sqrt
            | MathFn1::Exp
            | MathFn1::Log
            | MathFn1::Log10
            | MathFn1::Sin
            | MathFn1::Cos
            | MathFn1::Tan
            | MathFn1::Sinh
            | MathFn1::Cosh
            | MathFn1::Tanh
            | MathFn1::Asin
            | MathFn1::Acos
            | MathFn1::Atan
            | MathFn1::Asinh
            | MathFn1::Acosh
            | MathFn1::Atanh
    )
}

fn float(value: f64) -> ArgSource {
    ArgSource::Const(ConstValue::Float(value, DType::F64))
}

fn int(value: i64) -> ArgSource {
    ArgSource::Const(ConstValue::Int(value, DType::I64))
}

fn or(slot: Option<ExprId>, default: ArgSource) -> ArgSource {
    slot.map_or(default, ArgSource::Expr)
}

impl FnCtx<'_, '_> {
    /// A built-in whose arguments are matched to its parameters.
    pub(super) fn typed_builtin(
        &mut self,
        site: CallSite<'_>,
        builtin: Builtin,
        slots: &[Option<ExprId>],
    ) -> Val {
        let mut vals: Vec<Val> = Vec::with_capacity(slots.len());
        let mut is_error = false;
        for (at, slot) in slots.iter().enumerate() {
            let val = match slot {
                None => Val::ERROR,
                // The receiver of a method is typed already.
                Some(arg) if at == 0 && site.receiver == Some(*arg) => {
                    Val { ty: self.exprs.get(arg).map(|info| info.ty.clone()), ..Val::ERROR }
                }
                Some(arg) => match &self.ast.exprs[*arg].kind {
                    ExprKind::List(items) if at == 0 && takes_shape(builtin) => {
                        self.list_as_tuple(*arg, items)
                    }
                    ExprKind::List(_) | ExprKind::Tuple(_)
                        if at == 0
                            && matches!(
                                builtin,
                                Builtin::Array | Builtin::AsArray | Builtin::AsContiguous
                            ) =>
                    {
                        self.nested_items(*arg)
                    }
                    _ => self.expr(*arg),
                },
            };
            is_error |= slot.is_some() && val.ty.is_none();
            vals.push(val);
        }
        if is_error {
            return Val::ERROR;
        }
        if is_elementwise(builtin) && vals.iter().any(|val| matches!(&val.ty, Some(Ty::Array(_)))) {
            return self.array_operation(self.span(site.id));
        }
        self.builtin_result(site, builtin, slots, &vals)
    }

    pub(super) fn builtin_result(
        &mut self,
        site: CallSite<'_>,
        builtin: Builtin,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Val {
        let plain: Vec<ArgSource> =
            slots.iter().map(|slot| slot.map_or(ArgSource::Absent, ArgSource::Expr)).collect();
        let span = self.span(site.id);
        // A number with what is asked of it, or an error.
        macro_rules! number {
            ($at:expr, $most:expr) => {
                match self.number(site, slots[$at], &vals[$at], $most) {
                    Some(dtype) => dtype,
                    None => return Val::ERROR,
                }
            };
        }
        macro_rules! array {
            ($at:expr) => {
                match self.array_arg(site, slots[$at], &vals[$at]) {
                    Some(array) => array,
                    None => return Val::ERROR,
                }
            };
        }
        let (ty, resolved, plan): (Ty, Builtin, Vec<ArgSource>) = match builtin {
            Builtin::Math1(function) => {
                let dtype = number!(0, if is_complex_math(function) { Kind::Complex } else { Kind::Float });
                if dtype.is_complex() {
                    (Ty::Scalar(dtype), Builtin::ComplexMath(function), plain)
                } else {
                    (Ty::Scalar(promote::float_of(dtype)), builtin, plain)
                }
            }
            Builtin::ComplexMath(_) => {
                let dtype = number!(0, Kind::Complex);
                (Ty::Scalar(if dtype == DType::C64 { DType::C64 } else { DType::C128 }), builtin, plain)
            }
            Builtin::Math2(_) => {
                let (x, y) = (number!(0, Kind::Float), number!(1, Kind::Float));
                let both = promote::scalars(x, vals[0].is_weak, y, vals[1].is_weak);
                (Ty::Scalar(promote::float_of(both)), builtin, plain)
            }
            Builtin::Minimum | Builtin::Maximum => {
                let (x, y) = (number!(0, Kind::Float), number!(1, Kind::Float));
                (Ty::Scalar(promote::scalars(x, vals[0].is_weak, y, vals[1].is_weak)), builtin, plain)
            }
            Builtin::Gcd => {
                let (x, y) = (number!(0, Kind::Unsigned), number!(1, Kind::Unsigned));
                (Ty::Scalar(promote::scalars(x, vals[0].is_weak, y, vals[1].is_weak)), builtin, plain)
            }
            Builtin::Divmod => {
                let (x, y) = (number!(0, Kind::Float), number!(1, Kind::Float));
                let both = Ty::Scalar(promote::scalars(x, vals[0].is_weak, y, vals[1].is_weak));
                (Ty::Tuple(vec![both.clone(), both].into()), builtin, plain)
            }
            Builtin::Pow => {
                let (x, y) = (number!(0, Kind::Complex), number!(1, Kind::Complex));
                let is_negative = vals[1].konst.as_ref().is_some_and(super::constants::is_negative);
                (
                    Ty::Scalar(promote::power(x, vals[0].is_weak, y, vals[1].is_weak, is_negative)),
                    builtin,
                    plain,
                )
            }
            Builtin::Abs => (Ty::Scalar(number!(0, Kind::Complex).widened().part()), builtin, plain),
            Builtin::Sign => (Ty::Scalar(number!(0, Kind::Float).widened()), builtin, plain),
            Builtin::Square | Builtin::Conj => {
                (Ty::Scalar(number!(0, Kind::Complex).widened()), builtin, plain)
            }
            Builtin::Round | Builtin::FloorInt | Builtin::CeilInt | Builtin::TruncInt => {
                let dtype = number!(0, Kind::Float);
                (Ty::Scalar(if dtype == DType::U64 { DType::U64 } else { DType::I64 }), builtin, plain)
            }
            Builtin::RoundDigits => {
                let dtype = number!(0, Kind::Float).widened();
                match slots[1] {
                    None if dtype.is_float() => {
                        (Ty::Scalar(dtype), Builtin::Math1(MathFn1::Rint), plain[..1].to_vec())
                    }
                    None => {
                        let plan = CallPlan { args: plain[..1].to_vec() };
                        return self.done(site.id, Val::scalar(dtype), Resolution::Cast(dtype, plan));
                    }
                    Some(_) => {
                        number!(1, Kind::Unsigned);
                        (Ty::Scalar(dtype), builtin, plain)
                    }
                }
            }
            Builtin::IsNan | Builtin::IsInf | Builtin::IsFinite => {
                number!(0, Kind::Complex);
                (Ty::BOOL, builtin, plain)
            }
            Builtin::Degrees | Builtin::Radians => {
                (Ty::Scalar(promote::float_of(number!(0, Kind::Float))), builtin, plain)
            }
            Builtin::Complex => {
                number!(0, Kind::Float);
                if slots[1].is_some() {
                    number!(1, Kind::Float);
                }
                (Ty::Scalar(DType::C128), builtin, vec![plain[0].clone(), or(slots[1], float(0.0))])
            }
            Builtin::Real | Builtin::Imag => match &vals[0].ty {
                Some(Ty::Array(array)) if array.dtype.is_complex() => {
                    let array = ArrayTy { dtype: array.dtype.part(), layout: Layout::Strided, ..*array };
                    (Ty::Array(array), builtin, plain)
                }
                _ => (Ty::Scalar(number!(0, Kind::Complex).part()), builtin, plain),
            },
            Builtin::Angle => {
                (Ty::Scalar(promote::float_of(number!(0, Kind::Complex).part())), builtin, plain)
            }
            Builtin::Len => match &vals[0].ty {
                Some(Ty::Array(array)) if array.rank > 0 => (Ty::I64, builtin, plain),
                Some(Ty::Tuple(items)) => {
                    let length = ConstValue::Int(items.len() as i64, DType::I64);
                    if slots[0].is_some_and(|arg| self.is_pure(arg)) {
                        return self.done_constant(site.id, length);
                    }
                    (Ty::I64, builtin, plain)
                }
                Some(Ty::Str(text)) => {
                    let length = ConstValue::Int(text.chars().count() as i64, DType::I64);
                    return self.done_constant(site.id, length);
                }
                Some(ty) => {
                    let diag =
                        messages::arg_ty(self.arg_span(site, slots[0]), site.name, "an array or a tuple", ty);
                    return self.report(diag);
                }
                None => return Val::ERROR,
            },
            Builtin::Range | Builtin::Prange | Builtin::Enumerate | Builtin::Reversed => {
                return self.only_in_for(site);
            }
            Builtin::Min
            | Builtin::Max
            | Builtin::Zip
            | Builtin::Print
            | Builtin::Device(_)
            | Builtin::CudaGrid
            | Builtin::CudaGridSize
            | Builtin::CudaEvent
            | Builtin::EventRecord
            | Builtin::EventElapsed => return Val::ERROR,
            Builtin::Shape | Builtin::Strides => {
                let array = array!(0);
                (Ty::Tuple(vec![Ty::I64; usize::from(array.rank)].into()), builtin, plain)
            }
            Builtin::Size | Builtin::Itemsize | Builtin::Nbytes => {
                array!(0);
                (Ty::I64, builtin, plain)
            }
            Builtin::Transpose => (Ty::Array(super::index::transposed(array!(0))), builtin, plain),
            Builtin::Zeros | Builtin::Ones | Builtin::Empty => {
                let Some(rank) = self.shape_arg(site, slots[0], &vals[0]) else { return Val::ERROR };
                let Some(dtype) = self.dtype_arg(site, slots[1], &vals[1], DType::F64) else {
                    return Val::ERROR;
                };
                (
                    Ty::Array(ArrayTy::new(dtype, rank)),
                    builtin,
                    vec![plain[0].clone(), ArgSource::Const(ConstValue::DType(dtype))],
                )
            }
            Builtin::Full => {
                let Some(rank) = self.shape_arg(site, slots[0], &vals[0]) else { return Val::ERROR };
                let value = number!(1, Kind::Complex);
                let Some(dtype) = self.dtype_arg(site, slots[2], &vals[2], value) else { return Val::ERROR };
                let plan =
                    vec![plain[0].clone(), plain[1].clone(), ArgSource::Const(ConstValue::DType(dtype))];
                (Ty::Array(ArrayTy::new(dtype, rank)), builtin, plan)
            }
            Builtin::ZerosLike | Builtin::OnesLike | Builtin::EmptyLike => {
                let array = array!(0);
                let Some(dtype) = self.dtype_arg(site, slots[1], &vals[1], array.dtype) else {
                    return Val::ERROR;
                };
                let plan = vec![plain[0].clone(), ArgSource::Const(ConstValue::DType(dtype))];
                (Ty::Array(ArrayTy::new(dtype, array.rank)), builtin, plan)
            }
            Builtin::FullLike => {
                let array = array!(0);
                number!(1, Kind::Complex);
                let Some(dtype) = self.dtype_arg(site, slots[2], &vals[2], array.dtype) else {
                    return Val::ERROR;
                };
                let plan =
                    vec![plain[0].clone(), plain[1].clone(), ArgSource::Const(ConstValue::DType(dtype))];
                (Ty::Array(ArrayTy::new(dtype, array.rank)), builtin, plan)
            }
            Builtin::Arange => {
                let mut dtype: Option<DType> = None;
                for at in 0..3 {
                    if slots[at].is_some() {
                        let next = number!(at, Kind::Float);
                        dtype = Some(match dtype {
                            None => next.widened(),
                            Some(before) => promote::scalars(before, false, next, false),
                        });
                    }
                }
                let Some(dtype) = self.dtype_arg(site, slots[3], &vals[3], dtype.unwrap_or(DType::I64))
                else {
                    return Val::ERROR;
                };
                let (start, stop) = match slots[1] {
                    None => (int(0), plain[0].clone()),
                    Some(_) => (plain[0].clone(), plain[1].clone()),
                };
                let plan =
                    vec![start, stop, or(slots[2], int(1)), ArgSource::Const(ConstValue::DType(dtype))];
                (Ty::Array(ArrayTy::new(dtype, 1)), builtin, plan)
            }
            Builtin::Linspace => {
                number!(0, Kind::Float);
                number!(1, Kind::Float);
                if slots[2].is_some() {
                    number!(2, Kind::Unsigned);
                }
                let endpoint = match (slots[3], &vals[3].konst) {
                    (None, _) => true,
                    (Some(_), Some(ConstValue::Bool(value))) => *value,
                    (Some(arg), _) => {
                        let diag = messages::not_constant(
                            self.span(arg),
                            site.name,
                            "endpoint",
                            "`True` or `False`",
                        );
                        return self.report(diag);
                    }
                };
                let plan = vec![
                    plain[0].clone(),
                    plain[1].clone(),
                    or(slots[2], int(50)),
                    ArgSource::Const(ConstValue::Bool(endpoint)),
                ];
                (Ty::Array(ArrayTy::new(DType::F64, 1)), builtin, plan)
            }
            Builtin::Copy => {
                let array = array!(0);
                (Ty::Array(ArrayTy::new(array.dtype, array.rank)), builtin, plain)
            }
            Builtin::CopyTo => {
                let array = array!(0);
                if slots[1].is_none() {
                    let ty = Ty::Array(ArrayTy::new(array.dtype, array.rank));
                    (ty, Builtin::Copy, plain[..1].to_vec())
                } else {
                    let to = array!(1);
                    if to.rank != array.rank || to.dtype != array.dtype || !to.is_writable {
                        let wanted = format!("an array `{}` that may be written", Ty::Array(array));
                        let diag = messages::arg_ty(
                            self.arg_span(site, slots[1]),
                            site.name,
                            &wanted,
                            &Ty::Array(to),
                        );
                        return self.report(diag);
                    }
                    (Ty::None, builtin, plain[..2].to_vec())
                }
            }
            Builtin::CopyFrom => {
                let (to, from) = (array!(0), array!(1));
                if !to.is_writable {
                    let name = slots[0].map(|arg| self.render(arg)).unwrap_or_default();
                    return self.report(
                        Diagnostic::error(Code::K405, span, format!("`{name}` is read-only"))
                            .primary("written here")
                            .help(format!("work on a copy: `{name}_copy = {name}.copy()`")),
                    );
                }
                if to.rank != from.rank || to.dtype != from.dtype {
                    let wanted = format!("an array `{}`", Ty::Array(to));
                    let found = Ty::Array(from);
                    let diag = messages::arg_ty(self.arg_span(site, slots[1]), site.name, &wanted, &found);
                    return self.report(diag);
                }
                (Ty::None, Builtin::CopyTo, vec![plain[1].clone(), plain[0].clone()])
            }
            Builtin::Fill => {
                let array = array!(0);
                number!(1, if array.dtype.is_complex() { Kind::Complex } else { Kind::Float });
                if !array.is_writable {
                    let name = slots[0].map(|arg| self.render(arg)).unwrap_or_default();
                    return self.report(
                        Diagnostic::error(Code::K405, span, format!("`{name}` is read-only"))
                            .primary("filled here")
                            .help(format!("work on a copy: `{name}_copy = {name}.copy()`")),
                    );
                }
                (Ty::None, builtin, plain)
            }
            Builtin::Astype => {
                let Some(dtype) = self.dtype_arg(site, slots[1], &vals[1], DType::F64) else {
                    return Val::ERROR;
                };
                if let Some(Ty::Scalar(from)) = &vals[0].ty {
                    if from.is_complex() && !dtype.is_complex() {
                        return self.report(
                            Diagnostic::error(
                                Code::K311,
                                span,
                                format!("a complex number has no value as `{dtype}`"),
                            )
                            .help("take its real part first: `z.real`"),
                        );
                    }
                    let plan = CallPlan { args: plain[..1].to_vec() };
                    return self.done(site.id, Val::scalar(dtype), Resolution::Cast(dtype, plan));
                }
                let array = array!(0);
                if array.dtype.is_complex() && !dtype.is_complex() {
                    return self.report(
                        Diagnostic::error(
                            Code::K311,
                            span,
                            format!("complex elements have no value as `{dtype}`"),
                        )
                        .help("copy the real parts in a loop: `y[i] = x[i].real`"),
                    );
                }
                let plan = vec![plain[0].clone(), ArgSource::Const(ConstValue::DType(dtype))];
                (Ty::Array(ArrayTy::new(dtype, array.rank)), builtin, plan)
            }
            Builtin::Item => {
                if let Some(Ty::Scalar(dtype)) = &vals[0].ty {
                    let plan = CallPlan { args: plain };
                    return self.done(site.id, Val::scalar(*dtype), Resolution::Cast(*dtype, plan));
                }
                (Ty::Scalar(array!(0).dtype), builtin, plain)
            }
            Builtin::Sum
            | Builtin::Prod
            | Builtin::AMin
            | Builtin::AMax
            | Builtin::Mean
            | Builtin::Any
            | Builtin::All
                if matches!(vals[0].ty, Some(Ty::Tuple(_))) =>
            {
                let Some(dtype) = self.tuple_dtype(site, slots[0], &vals[0]) else { return Val::ERROR };
                let dtype = match builtin {
                    Builtin::Any | Builtin::All => DType::Bool,
                    Builtin::Mean => promote::float_of(dtype),
                    _ => dtype.widened(),
                };
                (Ty::Scalar(dtype), builtin, plain)
            }
            Builtin::Sum | Builtin::Prod => {
                (Ty::Scalar(super::more_calls::total_dtype(array!(0).dtype)), builtin, plain)
            }
            Builtin::AMin | Builtin::AMax | Builtin::Argmin | Builtin::Argmax => {
                let array = array!(0);
                if array.dtype.is_complex() {
                    return self.report(
                        Diagnostic::error(Code::K303, span, "complex numbers have no order")
                            .help("compare absolute values in a loop: `abs(z[i])`"),
                    );
                }
                let is_position = matches!(builtin, Builtin::Argmin | Builtin::Argmax);
                (Ty::Scalar(if is_position { DType::I64 } else { array.dtype }), builtin, plain)
            }
            Builtin::Mean => (Ty::Scalar(promote::float_of(array!(0).dtype)), builtin, plain),
            Builtin::Any | Builtin::All => {
                array!(0);
                (Ty::BOOL, builtin, plain)
            }
            Builtin::RandomSeed => {
                number!(0, Kind::Unsigned);
                (Ty::None, builtin, plain)
            }
            Builtin::Random | Builtin::RandomStandardNormal => (Ty::F64, builtin, plain),
            Builtin::RandomUniform | Builtin::RandomNormal => {
                for at in 0..2 {
                    if slots[at].is_some() {
                        number!(at, Kind::Float);
                    }
                }
                (Ty::F64, builtin, vec![or(slots[0], float(0.0)), or(slots[1], float(1.0))])
            }
            Builtin::RandomInt => {
                number!(0, Kind::Unsigned);
                let plan = match slots[1] {
                    None => vec![int(0), plain[0].clone()],
                    Some(_) => {
                        number!(1, Kind::Unsigned);
                        plain
                    }
                };
                (Ty::I64, builtin, plan)
            }
            Builtin::DefaultRng => {
                number!(0, Kind::Unsigned);
                (Ty::Rng, builtin, plain)
            }
            Builtin::GeneratorRandom | Builtin::GeneratorStandardNormal => (Ty::F64, builtin, plain),
            Builtin::GeneratorUniform | Builtin::GeneratorNormal => {
                for at in 1..3 {
                    if slots[at].is_some() {
                        number!(at, Kind::Float);
                    }
                }
                (Ty::F64, builtin, vec![plain[0].clone(), or(slots[1], float(0.0)), or(slots[2], float(1.0))])
            }
            Builtin::GeneratorIntegers => {
                number!(1, Kind::Unsigned);
                let plan = match slots[2] {
                    None => vec![plain[0].clone(), int(0), plain[1].clone()],
                    Some(_) => {
                        number!(2, Kind::Unsigned);
                        plain
                    }
                };
                (Ty::I64, builtin, plan)
            }
            Builtin::Load | Builtin::Save => return self.file_call(site, builtin, slots, vals),
            Builtin::Type(_) | Builtin::Same => return Val::ERROR,
            Builtin::Ufunc(_)
            | Builtin::LogBase
            | Builtin::Isqrt
            | Builtin::Lcm
            | Builtin::Factorial
            | Builtin::Comb
            | Builtin::Perm
            | Builtin::Frexp
            | Builtin::Modf
            | Builtin::Array
            | Builtin::AsArray
            | Builtin::AsContiguous
            | Builtin::Eye
            | Builtin::Identity
            | Builtin::Flatten
            | Builtin::Reshape
            | Builtin::Ravel
            | Builtin::Var
            | Builtin::Std
            | Builtin::CountNonzero
            | Builtin::Dot
            | Builtin::Norm
            | Builtin::Cumsum
            | Builtin::Cumprod => return self.more_builtins(site, builtin, slots, vals),
        };
        self.done(site.id, Val::of(ty), Resolution::Builtin(resolved, CallPlan { args: plan }))
    }
}

fn takes_shape(builtin: Builtin) -> bool {
    matches!(builtin, Builtin::Zeros | Builtin::Ones | Builtin::Empty | Builtin::Full)
}
