//! Types of NumPy's functions of numbers (`np.add`, `np.where`), of whole-number functions, of statistics, and of arrays made
//! from items.

use super::calls::CallSite;
use super::function::{FnCtx, Val};
use super::{ArgSource, CallPlan, ConstValue, Resolution, array_messages, messages};
use crate::base::{Code, Diagnostic};
use crate::numerics::math::MathFn1;
use crate::syntax::ast::{ExprId, ExprKind};
use crate::types::builtins::Builtin;
use crate::types::dtype::Kind;
use crate::types::ty::MAX_RANK;
use crate::types::ufunc::Ufunc;
use crate::types::{ArrayTy, DType, Layout, Ty, promote};

/// Why a call has no type: it was reported.
struct Reported;

impl FnCtx<'_, '_> {
    /// A built-in of this file, with its arguments typed.
    pub(super) fn more_builtins(
        &mut self,
        site: CallSite<'_>,
        builtin: Builtin,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Val {
        match self.typed(site, builtin, slots, vals) {
            Ok(val) => val,
            Err(Reported) => Val::ERROR,
        }
    }

    fn need(
        &mut self,
        site: CallSite<'_>,
        slots: &[Option<ExprId>],
        vals: &[Val],
        at: usize,
        most: Kind,
    ) -> Result<DType, Reported> {
        self.number(site, slots[at], &vals[at], most).ok_or(Reported)
    }

    fn typed(
        &mut self,
        site: CallSite<'_>,
        builtin: Builtin,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Result<Val, Reported> {
        let mut plan: Vec<ArgSource> =
            slots.iter().map(|slot| slot.map_or(ArgSource::Absent, ArgSource::Expr)).collect();
        let mut resolved = builtin;
        let int = |value| ArgSource::Const(ConstValue::Int(value, DType::I64));
        let ty = match builtin {
            Builtin::Ufunc(function) => {
                for (at, tolerance) in tolerances(function) {
                    match slots[at] {
                        Some(_) => {
                            self.need(site, slots, vals, at, Kind::Float)?;
                        }
                        None => plan[at] = ArgSource::Const(ConstValue::Float(tolerance, DType::F64)),
                    }
                }
                self.ufunc(site, function, slots, vals)?
            }
            Builtin::LogBase => {
                let dtype = self.need(site, slots, vals, 0, Kind::Complex)?;
                if slots[1].is_none() {
                    plan.truncate(1);
                    resolved = if dtype.is_complex() {
                        Builtin::ComplexMath(MathFn1::Log)
                    } else {
                        Builtin::Math1(MathFn1::Log)
                    };
                    Ty::Scalar(promote::float_of(dtype))
                } else {
                    let x = self.need(site, slots, vals, 0, Kind::Float)?;
                    let base = self.need(site, slots, vals, 1, Kind::Float)?;
                    let both = promote::scalars(x, vals[0].is_weak, base, vals[1].is_weak);
                    Ty::Scalar(promote::float_of(both))
                }
            }
            Builtin::Isqrt | Builtin::Factorial => {
                self.need(site, slots, vals, 0, Kind::Unsigned)?;
                Ty::I64
            }
            Builtin::Comb | Builtin::Perm => {
                self.need(site, slots, vals, 0, Kind::Unsigned)?;
                if slots[1].is_none() {
                    plan.truncate(1);
                    resolved = Builtin::Factorial;
                } else {
                    self.need(site, slots, vals, 1, Kind::Unsigned)?;
                }
                Ty::I64
            }
            Builtin::Lcm => {
                let x = self.need(site, slots, vals, 0, Kind::Unsigned)?;
                let y = self.need(site, slots, vals, 1, Kind::Unsigned)?;
                Ty::Scalar(promote::scalars(x, vals[0].is_weak, y, vals[1].is_weak))
            }
            Builtin::Frexp | Builtin::Modf => {
                let float = Ty::Scalar(promote::float_of(self.need(site, slots, vals, 0, Kind::Float)?));
                let second = if builtin == Builtin::Frexp { Ty::I64 } else { float.clone() };
                Ty::Tuple(vec![float, second].into())
            }
            Builtin::Array | Builtin::AsArray | Builtin::AsContiguous => {
                return self.array_of(site, builtin, slots, vals);
            }
            Builtin::Eye => {
                self.need(site, slots, vals, 0, Kind::Unsigned)?;
                if slots[1].is_some() && vals[1].ty != Some(Ty::None) {
                    self.need(site, slots, vals, 1, Kind::Unsigned)?;
                } else {
                    plan[1] = ArgSource::Absent;
                }
                let dtype = self.dtype_arg(site, slots[2], &vals[2], DType::F64).ok_or(Reported)?;
                plan.truncate(2);
                Ty::Array(ArrayTy::new(dtype, 2))
            }
            Builtin::Identity => {
                self.need(site, slots, vals, 0, Kind::Unsigned)?;
                let dtype = self.dtype_arg(site, slots[1], &vals[1], DType::F64).ok_or(Reported)?;
                plan.truncate(1);
                resolved = Builtin::Eye;
                Ty::Array(ArrayTy::new(dtype, 2))
            }
            Builtin::Flatten => {
                let array = self.real_array(site, slots, vals, 0, true)?;
                Ty::Array(ArrayTy::new(array.dtype, 1))
            }
            Builtin::Ravel => {
                let array = self.real_array(site, slots, vals, 0, true)?;
                if array.rank == 1 && array.layout == Layout::C {
                    resolved = Builtin::Same;
                    Ty::Array(array)
                } else {
                    Ty::Array(ArrayTy { rank: 1, layout: Layout::C, ..array })
                }
            }
            Builtin::Var | Builtin::Std => {
                let array = self.real_array(site, slots, vals, 0, false)?;
                if let Some(axis) = slots[1].filter(|_| vals[1].ty != Some(Ty::None)) {
                    let method = if builtin == Builtin::Var { "var" } else { "std" };
                    let text = slots[0].map_or("x".to_owned(), |array| self.render(array));
                    self.diags.push(
                        Diagnostic::error(Code::K207, self.span(axis), "`axis` is not supported yet")
                            .primary("reductions are of the whole array")
                            .help(format!("reduce parts in a loop: `out[j] = {text}[:, j].{method}()`")),
                    );
                    return Err(Reported);
                }
                if slots[2].is_some() {
                    self.need(site, slots, vals, 2, Kind::Float)?;
                } else {
                    plan[2] = int(0);
                }
                plan.remove(1);
                Ty::Scalar(promote::float_of(array.dtype))
            }
            Builtin::CountNonzero => {
                self.real_array(site, slots, vals, 0, true)?;
                Ty::I64
            }
            Builtin::Dot => {
                let a = self.real_array(site, slots, vals, 0, false)?;
                let b = self.real_array(site, slots, vals, 1, false)?;
                if a.rank != 1 || b.rank != 1 {
                    let (Some(left), Some(right)) = (slots[0], slots[1]) else { return Err(Reported) };
                    let diag = array_messages::matmul(self, self.span(site.id), left, right);
                    self.diags.push(diag);
                    return Err(Reported);
                }
                Ty::Scalar(promote::scalars(a.dtype, false, b.dtype, false))
            }
            Builtin::Norm => {
                let array = self.real_array(site, slots, vals, 0, false)?;
                self.one_axis(site, slots, array)?;
                Ty::Scalar(promote::float_of(array.dtype))
            }
            Builtin::Cumsum | Builtin::Cumprod => {
                let array = self.real_array(site, slots, vals, 0, false)?;
                self.one_axis(site, slots, array)?;
                Ty::Array(ArrayTy::new(total_dtype(array.dtype), 1))
            }
            _ => return Err(Reported),
        };
        Ok(self.done(site.id, Val::of(ty), Resolution::Builtin(resolved, CallPlan { args: plan })))
    }

    fn real_array(
        &mut self,
        site: CallSite<'_>,
        slots: &[Option<ExprId>],
        vals: &[Val],
        at: usize,
        is_complex_too: bool,
    ) -> Result<ArrayTy, Reported> {
        let array = self.array_arg(site, slots[at], &vals[at]).ok_or(Reported)?;
        if array.dtype.is_complex() && !is_complex_too {
            let span = self.arg_span(site, slots[at]);
            let diag = messages::arg_ty(span, site.name, "an array of real numbers", &Ty::Array(array));
            let text = slots[at].map(|arg| self.render(arg)).unwrap_or_default();
            self.diags.push(diag.help(format!("give its real parts: `{text}.real`")));
            return Err(Reported);
        }
        Ok(array)
    }

    /// `x.reshape(2, 3)`, `x.reshape((2, 3))`, `np.reshape(x, (2, 3))`.
    pub(super) fn reshape(&mut self, site: CallSite<'_>) -> Val {
        for (name, value) in site.keywords {
            if name.name != "shape" {
                let diag = Diagnostic::error(
                    Code::K207,
                    name.span,
                    format!("`{}` of `{}` is not supported", name.name, site.name),
                )
                .help("elements are taken and placed in C order; leave it out");
                self.diags.push(diag);
                self.expr(*value);
                return Val::ERROR;
            }
        }
        let all = site.receiver.iter().chain(site.args).copied();
        let all: Vec<ExprId> = all.chain(site.keywords.iter().map(|(_, value)| *value)).collect();
        let vals: Vec<Val> = all.iter().map(|&arg| self.expr(arg)).collect();
        if vals.iter().any(|val| val.ty.is_none()) {
            return Val::ERROR;
        }
        let ([array, extents @ ..], [array_val, extent_vals @ ..]) = (all.as_slice(), vals.as_slice()) else {
            return self.report(messages::arg_count(self.span(site.id), site.name, 2, 9, 0));
        };
        let Some(array_ty) = self.array_arg(site, Some(*array), array_val) else { return Val::ERROR };
        let rank = match (extents, extent_vals) {
            ([], _) => None,
            ([only], [val]) => match self.shape_arg(site, Some(*only), val) {
                Some(rank) => Some(rank),
                None => return Val::ERROR,
            },
            _ => {
                for (&extent, val) in extents.iter().zip(extent_vals) {
                    if self.number(site, Some(extent), val, Kind::Unsigned).is_none() {
                        return Val::ERROR;
                    }
                }
                (extents.len() <= usize::from(MAX_RANK)).then_some(extents.len() as u8)
            }
        };
        let Some(rank) = rank else {
            let (span, count) = (self.span(site.id), extents.len());
            return self.report(messages::arg_count(span, site.name, 1, usize::from(MAX_RANK), count));
        };
        let plan = CallPlan { args: all.iter().map(|&arg| ArgSource::Expr(arg)).collect() };
        let ty = Ty::Array(ArrayTy { rank, layout: Layout::C, ..array_ty });
        self.done(site.id, Val::of(ty), Resolution::Builtin(Builtin::Reshape, plan))
    }

    fn one_axis(
        &mut self,
        site: CallSite<'_>,
        slots: &[Option<ExprId>],
        array: ArrayTy,
    ) -> Result<(), Reported> {
        if array.rank == 1 {
            return Ok(());
        }
        let span = self.arg_span(site, slots[0]);
        let text = slots[0].map(|arg| self.render(arg)).unwrap_or_default();
        self.diags.push(
            Diagnostic::error(Code::K404, span, format!("`{}` is for arrays with 1 axis", site.name))
                .primary(format!("this is `{array}`"))
                .help(format!("give one row: `{text}[i]`, or all elements: `{text}.flatten()`")),
        );
        Err(Reported)
    }

    /// The type of one of NumPy's functions of numbers.
    fn ufunc(
        &mut self,
        site: CallSite<'_>,
        function: Ufunc,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Result<Ty, Reported> {
        let weak = |at: usize| vals.get(at).is_some_and(|val| val.is_weak);
        let two = |f: &mut Self, most: Kind| -> Result<(DType, DType), Reported> {
            Ok((f.need(site, slots, vals, 0, most)?, f.need(site, slots, vals, 1, most)?))
        };
        Ok(Ty::Scalar(match function {
            Ufunc::Add | Ufunc::Subtract | Ufunc::Multiply => {
                let (x, y) = two(self, Kind::Complex)?;
                promote::scalars(x, weak(0), y, weak(1))
            }
            Ufunc::Divide => {
                let (x, y) = two(self, Kind::Complex)?;
                promote::division(x, weak(0), y, weak(1))
            }
            Ufunc::FloorDivide | Ufunc::Remainder | Ufunc::Fmax | Ufunc::Fmin => {
                let (x, y) = two(self, Kind::Float)?;
                promote::scalars(x, weak(0), y, weak(1))
            }
            Ufunc::Heaviside => {
                let (x, y) = two(self, Kind::Float)?;
                promote::float_of(promote::scalars(x, weak(0), y, weak(1)))
            }
            Ufunc::BitwiseAnd | Ufunc::BitwiseOr | Ufunc::BitwiseXor => {
                let (x, y) = two(self, Kind::Unsigned)?;
                promote::bitwise(x, weak(0), y, weak(1))
            }
            Ufunc::LeftShift | Ufunc::RightShift => promote::shift(two(self, Kind::Unsigned)?.0),
            Ufunc::LogicalAnd | Ufunc::LogicalOr | Ufunc::LogicalXor | Ufunc::Equal | Ufunc::NotEqual => {
                two(self, Kind::Complex)?;
                DType::Bool
            }
            Ufunc::Less
            | Ufunc::LessEqual
            | Ufunc::Greater
            | Ufunc::GreaterEqual
            | Ufunc::IsClose
            | Ufunc::IsCloseMath => {
                two(self, Kind::Float)?;
                DType::Bool
            }
            Ufunc::Negative | Ufunc::Positive => self.need(site, slots, vals, 0, Kind::Complex)?.widened(),
            Ufunc::Invert => match self.need(site, slots, vals, 0, Kind::Unsigned)? {
                DType::Bool => DType::Bool,
                dtype => dtype.widened(),
            },
            Ufunc::LogicalNot => {
                self.need(site, slots, vals, 0, Kind::Complex)?;
                DType::Bool
            }
            Ufunc::Reciprocal => self.need(site, slots, vals, 0, Kind::Float)?.widened(),
            Ufunc::Signbit => {
                self.need(site, slots, vals, 0, Kind::Float)?;
                DType::Bool
            }
            Ufunc::Clip => {
                let mut dtype = self.need(site, slots, vals, 0, Kind::Float)?;
                let mut is_weak = weak(0);
                for at in 1..3 {
                    if vals[at].ty != Some(Ty::None) {
                        let bound = self.need(site, slots, vals, at, Kind::Float)?;
                        dtype = promote::scalars(dtype, is_weak, bound, weak(at));
                        is_weak &= weak(at);
                    }
                }
                dtype.widened()
            }
            Ufunc::Where => {
                self.need(site, slots, vals, 0, Kind::Complex)?;
                let x = self.need(site, slots, vals, 1, Kind::Complex)?;
                let y = self.need(site, slots, vals, 2, Kind::Complex)?;
                if x == DType::Bool && y == DType::Bool {
                    DType::Bool
                } else {
                    promote::scalars(x, weak(1), y, weak(2))
                }
            }
        }))
    }

    /// `[[a, b], [c, d]]` and the like as nested tuples.
    pub(super) fn nested_items(&mut self, id: ExprId) -> Val {
        let ast = self.ast;
        let (ExprKind::List(items) | ExprKind::Tuple(items)) = &ast.exprs[id].kind else {
            return self.expr(id);
        };
        let vals: Vec<Val> = items.iter().map(|&item| self.nested_items(item)).collect();
        let tys: Option<Vec<Ty>> = vals.into_iter().map(|val| val.ty).collect();
        let Some(tys) = tys else { return Val::ERROR };
        self.done(id, Val::of(Ty::Tuple(tys.into())), Resolution::Plain)
    }

    /// `np.array`, `np.asarray`, `np.ascontiguousarray`.
    fn array_of(
        &mut self,
        site: CallSite<'_>,
        builtin: Builtin,
        slots: &[Option<ExprId>],
        vals: &[Val],
    ) -> Result<Val, Reported> {
        let plan = vec![slots[0].map_or(ArgSource::Absent, ArgSource::Expr)];
        let text = slots[0].map(|arg| self.render(arg)).unwrap_or_default();
        let span = self.arg_span(site, slots[0]);
        match &vals[0].ty {
            Some(Ty::Array(array)) => {
                let dtype = self.dtype_arg(site, slots[1], &vals[1], array.dtype).ok_or(Reported)?;
                if dtype != array.dtype {
                    return Ok(self.builtin_result(site, Builtin::Astype, slots, vals));
                }
                let is_same = match builtin {
                    Builtin::AsArray => true,
                    Builtin::AsContiguous => array.layout == Layout::C,
                    _ => false,
                };
                let (ty, resolved) = if is_same {
                    (*array, Builtin::Same)
                } else {
                    (ArrayTy::new(dtype, array.rank), Builtin::Copy)
                };
                let resolution = Resolution::Builtin(resolved, CallPlan { args: plan });
                Ok(self.done(site.id, Val::of(Ty::Array(ty)), resolution))
            }
            Some(Ty::Tuple(items)) => {
                let items = items.clone();
                let (natural, rank) = match item_dtype(&items) {
                    Ok(found) => found,
                    Err(problem) => {
                        self.diags.push(
                            Diagnostic::error(
                                Code::K207,
                                span,
                                format!("`{}` needs numbers, or rows of numbers of one length", site.name),
                            )
                            .primary(problem)
                            .help("make the array first, then assign its parts: `a = np.empty((n, m))`, `a[0] = x`"),
                        );
                        return Err(Reported);
                    }
                };
                let dtype = self.dtype_arg(site, slots[1], &vals[1], natural).ok_or(Reported)?;
                if natural.is_complex() && !dtype.is_complex() {
                    self.diags.push(
                        Diagnostic::error(
                            Code::K311,
                            span,
                            format!("a complex number has no value as `{dtype}`"),
                        )
                        .help("take the real parts: `z.real`"),
                    );
                    return Err(Reported);
                }
                let ty = Ty::Array(ArrayTy::new(dtype, rank));
                Ok(self.done(
                    site.id,
                    Val::of(ty),
                    Resolution::Builtin(Builtin::Copy, CallPlan { args: plan }),
                ))
            }
            Some(ty) => {
                let mut diag = messages::arg_ty(span, site.name, "an array or a list of numbers", ty);
                if matches!(ty, Ty::Scalar(_)) {
                    diag =
                        diag.help(format!("for an array with one element write `{}([{text}])`", site.name));
                }
                self.diags.push(diag);
                Err(Reported)
            }
            None => Err(Reported),
        }
    }
}

/// Element type and number of axes of nested tuples of numbers, or what is wrong with them.
fn item_dtype(items: &[Ty]) -> Result<(DType, u8), String> {
    let mut dtype: Option<DType> = None;
    let mut row: Option<usize> = None;
    let mut add = |next: DType| {
        dtype = Some(match dtype {
            None => next,
            Some(before) if before == next => next,
            Some(before) => promote::scalars(before, false, next, false),
        });
    };
    for item in items {
        match item {
            Ty::Scalar(next) if row.is_none() => add(*next),
            Ty::Tuple(inner) => {
                if dtype_is_flat(items) {
                    return Err("numbers and rows are mixed".to_owned());
                }
                if row.is_some_and(|row| row != inner.len()) {
                    return Err(format!("one row has {} items, another {}", row.unwrap_or(0), inner.len()));
                }
                row = Some(inner.len());
                for part in inner.iter() {
                    match part {
                        Ty::Scalar(next) => add(*next),
                        other => return Err(format!("an item of a row is `{other}`")),
                    }
                }
            }
            Ty::Scalar(_) => return Err("numbers and rows are mixed".to_owned()),
            other => return Err(format!("an item is `{other}`")),
        }
    }
    Ok((dtype.unwrap_or(DType::F64), if row.is_some() { 2 } else { 1 }))
}

/// Is the first item a number?
fn dtype_is_flat(items: &[Ty]) -> bool {
    matches!(items.first(), Some(Ty::Scalar(_)))
}

/// Positions and values of the tolerances that may be left out.
fn tolerances(function: Ufunc) -> impl Iterator<Item = (usize, f64)> {
    let values = match function {
        Ufunc::IsClose => Some([1e-5, 1e-8]),
        Ufunc::IsCloseMath => Some([1e-9, 0.0]),
        _ => None,
    };
    values.into_iter().flat_map(|[relative, absolute]| [(2, relative), (3, absolute)])
}

/// The type in which elements of a type are summed.
pub(super) fn total_dtype(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 | DType::I16 | DType::I32 | DType::I64 => DType::I64,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => DType::U64,
        DType::F32 | DType::F64 | DType::C64 | DType::C128 => dtype,
    }
}

/// `np.finfo(t).name`, `np.iinfo(t).name`; with whether it is weak.
pub(super) fn limit(path: &str, dtype: DType, name: &str) -> Option<(ConstValue, bool)> {
    let float = |double: f64, single: f32| {
        let value = if dtype == DType::F32 { f64::from(single) } else { double };
        Some((ConstValue::Float(value, dtype), false))
    };
    let int = |value: i64, ty: DType| Some((ConstValue::Int(value, ty), ty == DType::I64));
    let bits = 8 * dtype.size_bytes() as i64;
    match (path, dtype.kind(), name) {
        ("numpy.finfo", Kind::Float, _) => match name {
            "eps" => float(f64::EPSILON, f32::EPSILON),
            "epsneg" => float(f64::EPSILON / 2.0, f32::EPSILON / 2.0),
            "max" => float(f64::MAX, f32::MAX),
            "min" => float(f64::MIN, f32::MIN),
            "tiny" | "smallest_normal" => float(f64::MIN_POSITIVE, f32::MIN_POSITIVE),
            "smallest_subnormal" => float(f64::from_bits(1), f32::from_bits(1)),
            "resolution" => float(1e-15, 1e-6),
            "bits" => int(bits, DType::I64),
            _ => None,
        },
        ("numpy.iinfo", Kind::Signed, "max") => int(i64::MAX >> (64 - bits), DType::I64),
        ("numpy.iinfo", Kind::Signed, "min") => int(i64::MIN >> (64 - bits), DType::I64),
        ("numpy.iinfo", Kind::Unsigned, "max") if bits == 64 => int(-1, DType::U64),
        ("numpy.iinfo", Kind::Unsigned, "max") => int((1 << bits) - 1, DType::I64),
        ("numpy.iinfo", Kind::Unsigned, "min") => int(0, DType::I64),
        ("numpy.iinfo", Kind::Signed | Kind::Unsigned, "bits") => int(bits, DType::I64),
        _ => None,
    }
}
