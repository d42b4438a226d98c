//! Values known at compile time: module constants, defaults, literals, and what is computed from them.

use super::{ConstValue, Constant, Ctx, EvalError};
use crate::base::{Code, Symbol};
use crate::syntax::ast::{BinaryOp, CompareOp, ExprId, ExprKind, Literal, UnaryOp};
use crate::types::builtins::{self, Builtin};
use crate::types::dtype::Kind;
use crate::types::{DType, Ty, promote};

/// The type of a constant as a value. Types used as values are strings that name them.
pub(super) fn ty(value: &ConstValue) -> Ty {
    match value {
        ConstValue::None => Ty::None,
        ConstValue::Bool(_) => Ty::BOOL,
        ConstValue::Int(_, dtype) | ConstValue::Float(_, dtype) | ConstValue::Complex(_, _, dtype) => {
            Ty::Scalar(*dtype)
        }
        ConstValue::Str(text) => Ty::Str(text.clone()),
        ConstValue::DType(dtype) => Ty::Str(Symbol::new_static(dtype.numpy_name())),
        ConstValue::Tuple(items) => Ty::Tuple(items.iter().map(ty).collect::<Vec<_>>().into()),
    }
}

/// The value as the annotated type, if it is a number and the annotation is one.
pub(super) fn convert(value: ConstValue, annotation: Option<&Ty>) -> ConstValue {
    match (annotation, ty(&value)) {
        (Some(Ty::Scalar(to)), Ty::Scalar(from)) if *to != from => cast(&value, *to).unwrap_or(value),
        _ => value,
    }
}

/// A literal; with whether it is weak.
pub(super) fn literal(literal: &Literal) -> Option<(ConstValue, bool)> {
    Some(match literal {
        Literal::None => (ConstValue::None, false),
        Literal::Bool(value) => (ConstValue::Bool(*value), false),
        Literal::Int(value) => match i64::try_from(*value) {
            Ok(value) => (ConstValue::Int(value, DType::I64), true),
            Err(_) => (ConstValue::Int(*value as i64, DType::U64), false),
        },
        Literal::Float(value) => (ConstValue::Float(*value, DType::F64), true),
        Literal::Imaginary(value) => (ConstValue::Complex(0.0, *value, DType::C128), true),
        Literal::Str(text) => (ConstValue::Str(text.clone()), false),
        Literal::Ellipsis => return None,
    })
}

/// A number converted to another type, as a cast in the program would.
pub(super) fn cast(value: &ConstValue, to: DType) -> Option<ConstValue> {
    let (re, im) = match value {
        ConstValue::Bool(value) => (f64::from(u8::from(*value)), 0.0),
        ConstValue::Int(bits, DType::U64) => (*bits as u64 as f64, 0.0),
        ConstValue::Int(bits, _) => (*bits as f64, 0.0),
        ConstValue::Float(value, _) => (*value, 0.0),
        ConstValue::Complex(re, im, _) => (*re, *im),
        ConstValue::None | ConstValue::Str(_) | ConstValue::DType(_) | ConstValue::Tuple(_) => return None,
    };
    let whole = match value {
        ConstValue::Bool(value) => i64::from(*value),
        ConstValue::Int(bits, _) => *bits,
        ConstValue::Float(value, _) if to == DType::U64 && *value >= 0.0 => *value as u64 as i64,
        _ => re as i64,
    };
    Some(match to {
        DType::Bool => ConstValue::Bool(re != 0.0 || im != 0.0),
        DType::I8 => ConstValue::Int(i64::from(whole as i8), to),
        DType::I16 => ConstValue::Int(i64::from(whole as i16), to),
        DType::I32 => ConstValue::Int(i64::from(whole as i32), to),
        DType::U8 => ConstValue::Int(i64::from(whole as u8), to),
        DType::U16 => ConstValue::Int(i64::from(whole as u16), to),
        DType::U32 => ConstValue::Int(i64::from(whole as u32), to),
        DType::I64 | DType::U64 => ConstValue::Int(whole, to),
        DType::F32 => ConstValue::Float(f64::from(re as f32), to),
        DType::F64 => ConstValue::Float(re, to),
        DType::C64 => ConstValue::Complex(f64::from(re as f32), f64::from(im as f32), to),
        DType::C128 => ConstValue::Complex(re, im, to),
    })
}

/// `-x`, `+x`, `~x`, `not x`.
pub(super) fn unary(op: UnaryOp, value: &ConstValue) -> Option<ConstValue> {
    Some(match (op, value) {
        (UnaryOp::Not, _) => ConstValue::Bool(!value.truth()),
        (UnaryOp::Neg, ConstValue::Int(v, dtype)) if dtype.size_bytes() == 8 => {
            ConstValue::Int(v.wrapping_neg(), if *v == i64::MIN { DType::I64 } else { *dtype })
        }
        (UnaryOp::Neg, ConstValue::Float(v, dtype)) => ConstValue::Float(-v, *dtype),
        (UnaryOp::Neg, ConstValue::Complex(re, im, dtype)) => ConstValue::Complex(-re, -im, *dtype),
        (UnaryOp::Pos, ConstValue::Int(_, dtype)) if dtype.size_bytes() == 8 => value.clone(),
        (UnaryOp::Pos, ConstValue::Float(..) | ConstValue::Complex(..)) => value.clone(),
        (UnaryOp::Invert, ConstValue::Int(v, dtype)) if dtype.size_bytes() == 8 => {
            ConstValue::Int(!v, *dtype)
        }
        _ => return None,
    })
}

/// Arithmetic. `None` where it would fail, or where the folded value could differ from the run-time one.
pub(super) fn binary(
    op: BinaryOp,
    left: (&ConstValue, bool),
    right: (&ConstValue, bool),
) -> Option<ConstValue> {
    let (Ty::Scalar(a), Ty::Scalar(b)) = (ty(left.0), ty(right.0)) else { return None };
    let dtype = match op {
        BinaryOp::Div => promote::division(a, left.1, b, right.1),
        BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor => promote::bitwise(a, left.1, b, right.1),
        BinaryOp::Shl | BinaryOp::Shr => promote::shift(a),
        BinaryOp::Pow => promote::power(a, left.1, b, right.1, is_negative(right.0)),
        _ => promote::scalars(a, left.1, b, right.1),
    };
    let (x, y) = (cast(left.0, dtype)?, cast(right.0, dtype)?);
    match (x, y) {
        (ConstValue::Int(x, DType::I64), ConstValue::Int(y, DType::I64)) => {
            let value = match op {
                BinaryOp::Add => x.wrapping_add(y),
                BinaryOp::Sub => x.wrapping_sub(y),
                BinaryOp::Mul => x.wrapping_mul(y),
                BinaryOp::FloorDiv if y != 0 => {
                    let quotient = x.wrapping_div(y);
                    if x.wrapping_rem(y) != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient }
                }
                BinaryOp::Mod if y != 0 => {
                    let rest = x.wrapping_rem(y);
                    if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest }
                }
                BinaryOp::Pow => x.wrapping_pow(u32::try_from(y).ok()?),
                BinaryOp::BitAnd => x & y,
                BinaryOp::BitOr => x | y,
                BinaryOp::BitXor => x ^ y,
                BinaryOp::Shl if (0..64).contains(&y) => x << y,
                BinaryOp::Shr if (0..64).contains(&y) => x >> y,
                _ => return None,
            };
            Some(ConstValue::Int(value, dtype))
        }
        (ConstValue::Float(x, DType::F64), ConstValue::Float(y, DType::F64)) => {
            let value = match op {
                BinaryOp::Add => x + y,
                BinaryOp::Sub => x - y,
                BinaryOp::Mul => x * y,
                BinaryOp::Div if y != 0.0 => x / y,
                BinaryOp::Pow => crate::numerics::math::MathFn2::Pow.eval_f64(x, y),
                BinaryOp::FloorDiv if y != 0.0 => (x / y).floor(),
                _ => return None,
            };
            Some(ConstValue::Float(value, dtype))
        }
        (ConstValue::Complex(a, b, DType::C128), ConstValue::Complex(c, d, DType::C128)) => match op {
            BinaryOp::Add => Some(ConstValue::Complex(a + c, b + d, dtype)),
            BinaryOp::Sub => Some(ConstValue::Complex(a - c, b - d, dtype)),
            BinaryOp::Mul => Some(ConstValue::Complex(a * c - b * d, a * d + b * c, dtype)),
            _ => None,
        },
        (ConstValue::Bool(x), ConstValue::Bool(y)) => match op {
            BinaryOp::BitAnd => Some(ConstValue::Bool(x & y)),
            BinaryOp::BitOr => Some(ConstValue::Bool(x | y)),
            BinaryOp::BitXor => Some(ConstValue::Bool(x ^ y)),
            _ => None,
        },
        _ => None,
    }
}

/// A comparison of two constants.
pub(super) fn compare(op: CompareOp, left: &ConstValue, right: &ConstValue) -> Option<bool> {
    use std::cmp::Ordering;
    let by_order = |order: Option<Ordering>| {
        Some(match op {
            CompareOp::Eq => order == Some(Ordering::Equal),
            CompareOp::Ne => order != Some(Ordering::Equal),
            CompareOp::Lt => order == Some(Ordering::Less),
            CompareOp::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            CompareOp::Gt => order == Some(Ordering::Greater),
            CompareOp::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            CompareOp::Is | CompareOp::IsNot | CompareOp::In | CompareOp::NotIn => return None,
        })
    };
    // A type is equal to a string that names it, as for NumPy's dtypes.
    if let (Ty::Str(a), Ty::Str(b)) = (ty(left), ty(right)) {
        let a = match left {
            ConstValue::Str(text) if matches!(right, ConstValue::DType(_)) => {
                builtins::dtype_string(text).map_or(a, |dtype| Symbol::new_static(dtype.numpy_name()))
            }
            _ => a,
        };
        let b = match right {
            ConstValue::Str(text) if matches!(left, ConstValue::DType(_)) => {
                builtins::dtype_string(text).map_or(b, |dtype| Symbol::new_static(dtype.numpy_name()))
            }
            _ => b,
        };
        return by_order(Some(a.cmp(&b)));
    }
    let (Ty::Scalar(a), Ty::Scalar(b)) = (ty(left), ty(right)) else { return None };
    match promote::scalars(a, false, b, false).kind() {
        Kind::Signed | Kind::Bool => match (cast(left, DType::I64)?, cast(right, DType::I64)?) {
            (ConstValue::Int(x, _), ConstValue::Int(y, _)) => by_order(Some(x.cmp(&y))),
            _ => None,
        },
        Kind::Unsigned => match (cast(left, DType::U64)?, cast(right, DType::U64)?) {
            (ConstValue::Int(x, _), ConstValue::Int(y, _)) => by_order(Some((x as u64).cmp(&(y as u64)))),
            _ => None,
        },
        Kind::Float => match (cast(left, DType::F64)?, cast(right, DType::F64)?) {
            (ConstValue::Float(x, _), ConstValue::Float(y, _)) => by_order(x.partial_cmp(&y)),
            _ => None,
        },
        Kind::Complex => None,
    }
}

/// Is it a number below zero?
pub(super) fn is_negative(value: &ConstValue) -> bool {
    match value {
        ConstValue::Int(v, dtype) => *v < 0 && *dtype != DType::U64,
        ConstValue::Float(v, _) => *v < 0.0,
        _ => false,
    }
}

impl Ctx<'_> {
    /// Evaluates an expression outside functions: a module constant or a default.
    pub(super) fn eval_constant(&mut self, id: ExprId) -> Result<Constant, EvalError> {
        self.depth += 1;
        let result = if self.depth > super::MAX_DEPTH {
            Err(EvalError {
                code: Code::K008,
                span: self.ast.exprs[id].span,
                text: "nested too deeply".to_owned(),
            })
        } else {
            self.eval(id)
        };
        self.depth -= 1;
        result
    }

    fn eval(&mut self, id: ExprId) -> Result<Constant, EvalError> {
        let ast = self.ast;
        let expr = &ast.exprs[id];
        let fail = |text: &str| EvalError { code: Code::K106, span: expr.span, text: text.to_owned() };
        let strong = |value| Ok(Constant { value, is_weak: false });
        match &expr.kind {
            ExprKind::Literal(lit) => match literal(lit) {
                Some((value, is_weak)) => Ok(Constant { value, is_weak }),
                None => Err(fail("`...` has no value")),
            },
            ExprKind::Name(_) | ExprKind::Attribute { .. } => {
                if let ExprKind::Name(name) = &expr.kind
                    && let Some(constant) = self.constants.get(name)
                {
                    return constant.clone().map_err(|_| fail("this constant has an error of its own"));
                }
                if let Some((value, is_weak)) = self.limit(id) {
                    return Ok(Constant { value, is_weak });
                }
                match self.path(id).and_then(|path| Ctx::path_constant(&path)) {
                    Some((value, is_weak)) => Ok(Constant { value, is_weak }),
                    None => Err(fail("not a constant that is known here")),
                }
            }
            ExprKind::Unary { op, operand } => {
                let operand = self.eval_constant(*operand)?;
                match unary(*op, &operand.value) {
                    Some(value) => Ok(Constant { value, is_weak: operand.is_weak }),
                    None => Err(fail("this operator does not apply here")),
                }
            }
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.eval_constant(*left)?, self.eval_constant(*right)?);
                match binary(*op, (&left.value, left.is_weak), (&right.value, right.is_weak)) {
                    Some(value) => Ok(Constant { value, is_weak: left.is_weak && right.is_weak }),
                    None => Err(fail("this cannot be computed at compile time")),
                }
            }
            ExprKind::Compare { first, rest } if rest.len() == 1 => {
                let (left, right) = (self.eval_constant(*first)?, self.eval_constant(rest[0].1)?);
                match compare(rest[0].0, &left.value, &right.value) {
                    Some(value) => strong(ConstValue::Bool(value)),
                    None => Err(fail("this cannot be compared at compile time")),
                }
            }
            ExprKind::IfElse { cond, body, orelse } => {
                let cond = self.eval_constant(*cond)?;
                let live = if cond.value.truth() { *body } else { *orelse };
                self.eval_constant(live)
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|&i| Ok(self.eval_constant(i)?.value)).collect();
                strong(ConstValue::Tuple(items?))
            }
            ExprKind::Index { base, indices } if indices.len() == 1 => {
                let (base, index) = (self.eval_constant(*base)?, self.eval_constant(indices[0])?);
                let (ConstValue::Tuple(items), ConstValue::Int(at, _)) = (&base.value, &index.value) else {
                    return Err(fail("only tuples can be indexed here"));
                };
                let at = if *at < 0 { *at + items.len() as i64 } else { *at };
                match usize::try_from(at).ok().and_then(|at| items.get(at)) {
                    Some(value) => strong(value.clone()),
                    None => Err(fail("the tuple has no such item")),
                }
            }
            ExprKind::Call { callee, args, keywords } if keywords.is_empty() => {
                self.eval_call(*callee, args, id)
            }
            _ => Err(fail("not a constant expression")),
        }
    }

    /// `np.finfo(np.float64).eps` and the like.
    pub(super) fn limit(&self, id: ExprId) -> Option<(ConstValue, bool)> {
        let ExprKind::Attribute { base, name } = &self.ast.exprs[id].kind else { return None };
        let ExprKind::Call { callee, args, keywords } = &self.ast.exprs[*base].kind else { return None };
        let path = self.path(*callee)?;
        let ([arg], []) = (args.as_slice(), keywords.as_slice()) else { return None };
        if !matches!(path.as_str(), "numpy.finfo" | "numpy.iinfo") {
            return None;
        }
        let dtype = match &self.ast.exprs[*arg].kind {
            ExprKind::Literal(Literal::Str(text)) => builtins::dtype_string(text)?,
            _ => match Ctx::path_constant(&self.path(*arg)?)?.0 {
                ConstValue::DType(dtype) => dtype,
                _ => return None,
            },
        };
        super::more_calls::limit(&path, dtype, &name.name)
    }

    fn eval_call(&mut self, callee: ExprId, args: &[ExprId], id: ExprId) -> Result<Constant, EvalError> {
        let span = self.ast.exprs[id].span;
        let fail = |text: &str| EvalError { code: Code::K106, span, text: text.to_owned() };
        let Some(builtin) = self.path(callee).and_then(|path| builtins::lookup(&path)) else {
            return Err(fail("this call cannot be evaluated at compile time"));
        };
        if matches!(
            builtin,
            Builtin::Array
                | Builtin::AsArray
                | Builtin::Zeros
                | Builtin::Ones
                | Builtin::Empty
                | Builtin::Full
                | Builtin::Arange
                | Builtin::Linspace
                | Builtin::Eye
                | Builtin::Identity
                | Builtin::Load
        ) {
            return Err(fail(super::messages::IS_ARRAY));
        }
        let values: Result<Vec<Constant>, _> = args.iter().map(|&arg| self.eval_constant(arg)).collect();
        let values = values?;
        let value = match (builtin, values.as_slice()) {
            (Builtin::Type(to), [value]) => match &value.value {
                ConstValue::Str(text) if to == DType::F64 => {
                    text.trim().parse().ok().map(|v| ConstValue::Float(v, DType::F64))
                }
                other => cast(other, to),
            },
            (Builtin::LogBase, [value]) => match cast(&value.value, DType::F64) {
                Some(ConstValue::Float(x, _)) => {
                    let log = crate::numerics::math::MathFn1::Log;
                    Some(ConstValue::Float(log.eval_f64(x), DType::F64))
                }
                _ => None,
            },
            (Builtin::Math1(f), [value]) => match cast(&value.value, DType::F64) {
                Some(ConstValue::Float(x, _)) => Some(ConstValue::Float(f.eval_f64(x), DType::F64)),
                _ => None,
            },
            (Builtin::Math2(f), [x, y]) => match (cast(&x.value, DType::F64), cast(&y.value, DType::F64)) {
                (Some(ConstValue::Float(x, _)), Some(ConstValue::Float(y, _))) => {
                    Some(ConstValue::Float(f.eval_f64(x, y), DType::F64))
                }
                _ => None,
            },
            (Builtin::Pow, [x, y]) => binary(BinaryOp::Pow, (&x.value, x.is_weak), (&y.value, y.is_weak)),
            (Builtin::Abs, [value]) => match &value.value {
                ConstValue::Int(v, DType::I64) => Some(ConstValue::Int(v.wrapping_abs(), DType::I64)),
                ConstValue::Float(v, dtype) => Some(ConstValue::Float(v.abs(), *dtype)),
                _ => None,
            },
            (Builtin::FloorInt | Builtin::CeilInt | Builtin::TruncInt, [value]) => {
                match cast(&value.value, DType::F64) {
                    Some(ConstValue::Float(x, _)) if x.abs() < 9.0e18 => {
                        let x = match builtin {
                            Builtin::FloorInt => x.floor(),
                            Builtin::CeilInt => x.ceil(),
                            _ => x.trunc(),
                        };
                        Some(ConstValue::Int(x as i64, DType::I64))
                    }
                    _ => None,
                }
            }
            (Builtin::Complex, [re, im]) => {
                match (cast(&re.value, DType::F64), cast(&im.value, DType::F64)) {
                    (Some(ConstValue::Float(re, _)), Some(ConstValue::Float(im, _))) => {
                        Some(ConstValue::Complex(re, im, DType::C128))
                    }
                    _ => None,
                }
            }
            (Builtin::Min | Builtin::Max, [first, rest @ ..]) => {
                let mut best = first.value.clone();
                for other in rest {
                    let op = if builtin == Builtin::Min { CompareOp::Lt } else { CompareOp::Gt };
                    if compare(op, &other.value, &best) == Some(true) {
                        best = other.value.clone();
                    }
                }
                Some(best)
            }
            (Builtin::Len, [value]) => match &value.value {
                ConstValue::Tuple(items) => Some(ConstValue::Int(items.len() as i64, DType::I64)),
                _ => None,
            },
            _ => None,
        };
        value
            .map(|value| Constant { value, is_weak: false })
            .ok_or_else(|| fail("this call cannot be evaluated at compile time"))
    }
}
