//! The values of expressions, and what array variables are bound to.

use smallvec::SmallVec;

use super::{ArraySym, RootAxis, RootKind, Values};
use crate::analysis::affine::{AtomOp, Poly};
use crate::ir::{ArrayId, ArrayValue, BinaryOp, ExprId, ExprKind, UnaryOp, ViewAxis};
use crate::types::DType;

impl Values<'_> {
    /// A new atom for a value of the type.
    pub fn unknown(&mut self, dtype: DType) -> Poly {
        let (lo, hi) = dtype_bounds(dtype);
        Poly::atom(self.atoms.value(lo, hi))
    }

    /// The value of an integer or `bool` expression (of `u64`: not looked into).
    pub fn eval(&mut self, id: ExprId) -> Poly {
        let expr = &self.func.exprs[id];
        let ty = expr.ty;
        if ty.is_float() || ty == DType::U64 {
            return self.unknown(ty);
        }
        match &expr.kind {
            ExprKind::Const(value) => Poly::int(value.as_int()),
            ExprKind::Local(local) => {
                if self.state.locals[*local].is_none() {
                    self.forget_local(*local);
                }
                self.state.locals[*local].as_deref().cloned().unwrap_or_default()
            }
            ExprKind::Dim { array, axis } => self.dim(*array, *axis),
            ExprKind::Unary { op: UnaryOp::Neg, arg } => {
                let arg = self.eval(*arg);
                arg.scale(-1).unwrap_or_else(|| self.unknown(ty))
            }
            ExprKind::Unary { op: UnaryOp::Abs, arg } => {
                let arg = self.eval(*arg);
                match arg.scale(-1) {
                    Some(negated) => self.atoms.op(AtomOp::Max, &arg, &negated),
                    None => self.unknown(ty),
                }
            }
            ExprKind::Binary { op, left, right } if ty == DType::I64 => self.eval_binary(*op, *left, *right),
            ExprKind::Cast { arg } => {
                let from = self.func.exprs[*arg].ty;
                if from.is_float() || from == DType::U64 {
                    return self.unknown(ty);
                }
                let value = self.eval(*arg);
                let fits = |bound: Option<i64>, is_low: bool| match bound {
                    None => ty != DType::Bool,
                    Some(bound) if is_low => value.plus(-bound).is_some_and(|p| self.atoms.is_nonneg(&p)),
                    Some(bound) => Poly::int(bound).sub(&value).is_some_and(|p| self.atoms.is_nonneg(&p)),
                };
                let (lo, hi) = dtype_bounds(ty);
                if ty == DType::I64 || (self.is_as_computed(&value) && fits(lo, true) && fits(hi, false)) {
                    value
                } else {
                    self.unknown(ty)
                }
            }
            ExprKind::Select { then, orelse, .. } => {
                let (then, orelse) = (self.eval(*then), self.eval(*orelse));
                self.join(&then, &orelse, ty)
            }
            ExprKind::Wrap { index, extent } => {
                let (index, extent) = (self.eval(*index), self.eval(*extent));
                if self.is_nonneg(&index) {
                    return index;
                }
                if let Some(below) = index.scale(-1).and_then(|p| p.plus(-1))
                    && self.is_nonneg(&below)
                    && let Some(sum) = index.add(&extent)
                {
                    return sum;
                }
                let atom = self.atoms.value(Some(0), None);
                self.wraps.insert(atom, index);
                Poly::atom(atom)
            }
            ExprKind::Load { .. }
            | ExprKind::Stride { .. }
            | ExprKind::Base { .. }
            | ExprKind::Overlaps { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Compare { .. }
            | ExprKind::Math1 { .. }
            | ExprKind::Math2 { .. }
            | ExprKind::Fma { .. }
            | ExprKind::Interrupted => self.unknown(ty),
        }
    }

    fn eval_binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId) -> Poly {
        let (left, right) = (self.eval(left), self.eval(right));
        let result = match op {
            BinaryOp::Add => left.add(&right),
            BinaryOp::Sub => left.sub(&right),
            BinaryOp::Mul => Some(self.atoms.op(AtomOp::Mul, &left, &right)),
            BinaryOp::FloorDiv => Some(self.atoms.op(AtomOp::FloorDiv, &left, &right)),
            BinaryOp::Mod => Some(self.atoms.op(AtomOp::Mod, &left, &right)),
            BinaryOp::Min => Some(self.atoms.op(AtomOp::Min, &left, &right)),
            BinaryOp::Max => Some(self.atoms.op(AtomOp::Max, &left, &right)),
            BinaryOp::Shl => match right.as_int() {
                Some(count @ 0..=40) => left.scale(1 << count),
                _ => None,
            },
            BinaryOp::Shr => match right.as_int() {
                Some(count @ 0..=62) => Some(self.atoms.op(AtomOp::FloorDiv, &left, &Poly::int(1 << count))),
                _ => None,
            },
            BinaryOp::And => {
                let mask = [&left, &right].into_iter().filter_map(Poly::as_int).find(|&m| m >= 0);
                mask.map(|mask| Poly::atom(self.atoms.value(Some(0), Some(mask))))
            }
            BinaryOp::Div | BinaryOp::MulHigh | BinaryOp::IntPow | BinaryOp::Or | BinaryOp::Xor => None,
        };
        result.unwrap_or_else(|| self.unknown(DType::I64))
    }

    /// The value of an index in a place, and the same before wrapping if it may wrap.
    pub fn eval_index(&mut self, id: ExprId) -> (Poly, Option<Poly>) {
        let value = self.eval(id);
        let wrapped = value.as_atom().and_then(|atom| self.wraps.get(&atom)).cloned();
        (value, wrapped)
    }

    /// The extent of an axis.
    pub fn dim(&mut self, array: ArrayId, axis: u8) -> Poly {
        let sym = self.array(array);
        sym.dims.get(axis as usize).cloned().unwrap_or_default()
    }

    pub(super) fn eval_array(&mut self, array: ArrayId, value: &ArrayValue) -> ArraySym {
        match value {
            ArrayValue::Same(base) => self.array(*base),
            ArrayValue::Alloc { shape, .. } => {
                let mut dims = SmallVec::new();
                for &extent in shape {
                    let extent = self.eval(extent);
                    // Checked to be at least 0 before.
                    if !self.is_nonneg(&extent) {
                        self.facts.push(extent.clone());
                    }
                    dims.push(extent);
                }
                self.array_of(array, RootKind::Alloc, dims)
            }
            ArrayValue::Part { base, .. } => self.array(*base),
            ArrayValue::Transpose { base, order } => {
                let base = self.array(*base);
                let dims = order.iter().filter_map(|&axis| base.dims.get(axis as usize).cloned()).collect();
                let axes = base.axes.map(|axes| {
                    axes.into_iter()
                        .map(|root_axis| match root_axis {
                            RootAxis::Fixed(index) => RootAxis::Fixed(index),
                            RootAxis::Strided { start, step, axis } => {
                                let axis = order.iter().position(|&o| o == axis).unwrap_or(0) as u8;
                                RootAxis::Strided { start, step, axis }
                            }
                        })
                        .collect()
                });
                ArraySym { dims, axes, ..base }
            }
            ArrayValue::Reshape { base, shape } => {
                let base = self.array(*base);
                let mut dims = SmallVec::new();
                for &extent in shape {
                    let extent = self.eval(extent);
                    // Checked before, too.
                    if !self.is_nonneg(&extent) {
                        self.facts.push(extent.clone());
                    }
                    dims.push(extent);
                }
                ArraySym { dims, axes: None, ..base }
            }
            ArrayValue::View { base, axes } => {
                let base = self.array(*base);
                self.view_of(base, axes)
            }
        }
    }

    fn view_of(&mut self, mut base: ArraySym, axes: &[ViewAxis]) -> ArraySym {
        enum Entry {
            Fixed(Poly),
            Slice { start: Poly, step: Poly, axis: u8 },
        }
        let mut entries: SmallVec<[Entry; 4]> = SmallVec::new();
        let mut dims: SmallVec<[Poly; 2]> = SmallVec::new();
        for axis in axes {
            let new_axis = dims.len() as u8;
            match axis {
                ViewAxis::Index(index) => {
                    let (index, before_wrap) = self.eval_index(*index);
                    base.assumed.extend(before_wrap.clone());
                    entries.push(Entry::Fixed(before_wrap.unwrap_or(index)));
                }
                ViewAxis::Slice { start, len, step } => {
                    let (start, len, step) = (self.eval(*start), self.eval(*len), self.eval(*step));
                    if !self.is_nonneg(&len) {
                        self.facts.push(len.clone());
                    }
                    dims.push(len);
                    entries.push(Entry::Slice { start, step, axis: new_axis });
                }
                ViewAxis::Whole => {
                    let dim = base.dims.get(entries.len()).cloned().unwrap_or_default();
                    dims.push(dim);
                    entries.push(Entry::Slice { start: Poly::int(0), step: Poly::int(1), axis: new_axis });
                }
                ViewAxis::New => dims.push(Poly::int(1)),
            }
        }
        let root_axes = base.axes.take().and_then(|axes| {
            let mut result: SmallVec<[RootAxis; 2]> = SmallVec::new();
            for root_axis in axes {
                result.push(match root_axis {
                    RootAxis::Fixed(index) => RootAxis::Fixed(index),
                    RootAxis::Strided { start, step, axis } => match entries.get(axis as usize)? {
                        Entry::Fixed(index) => RootAxis::Fixed(start.add(&step.mul(index)?)?),
                        Entry::Slice { start: inner, step: inner_step, axis } => RootAxis::Strided {
                            start: start.add(&step.mul(inner)?)?,
                            step: step.mul(inner_step)?,
                            axis: *axis,
                        },
                    },
                });
            }
            Some(result)
        });
        ArraySym { dims, axes: root_axes, root: base.root, assumed: base.assumed, via: base.via }
    }
}

/// The range of an integer type, where it is narrower than 64 bits.
pub(super) fn dtype_bounds(dtype: DType) -> (Option<i64>, Option<i64>) {
    match dtype {
        DType::Bool => (Some(0), Some(1)),
        DType::I8 => (Some(i64::from(i8::MIN)), Some(i64::from(i8::MAX))),
        DType::I16 => (Some(i64::from(i16::MIN)), Some(i64::from(i16::MAX))),
        DType::I32 => (Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX))),
        DType::U8 => (Some(0), Some(i64::from(u8::MAX))),
        DType::U16 => (Some(0), Some(i64::from(u16::MAX))),
        DType::U32 => (Some(0), Some(i64::from(u32::MAX))),
        DType::I64 | DType::U64 | DType::F32 | DType::F64 | DType::C64 | DType::C128 => (None, None),
    }
}
