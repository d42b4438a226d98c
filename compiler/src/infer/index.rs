//! `x[...]`: elements, views and their layouts, items of tuples, stores.

use super::function::{FnCtx, Val};
use super::{ConstValue, Resolution, array_messages, messages};
use crate::base::{Code, Diagnostic};
use crate::syntax::ast::{ExprId, ExprKind, Literal};
use crate::types::ty::MAX_RANK;
use crate::types::{ArrayTy, DType, Layout, Ty};

/// What an index does to an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Axis {
    /// One position: the axis is gone.
    One,
    /// All of it.
    Full,
    /// A part of it, without gaps.
    Part,
    /// A part with steps.
    Steps,
}

/// The array with its axes in the opposite order.
pub(super) fn transposed(array: ArrayTy) -> ArrayTy {
    let layout = match (array.layout, array.rank) {
        (layout, 0 | 1) => layout,
        (Layout::C, _) => Layout::F,
        (Layout::F, _) => Layout::C,
        (Layout::Strided, _) => Layout::Strided,
    };
    ArrayTy { layout, ..array }
}

/// The layout of a view: contiguous only if no element lies between two of its own, in the same order.
fn view_layout(array: ArrayTy, axes: &[Axis], rank: u8) -> Layout {
    if rank == 0 {
        return Layout::C;
    }
    // In C order the elements of the last axes lie together: positions first, then one part, then whole axes.
    let is_block = |axes: &mut dyn Iterator<Item = &Axis>| {
        let mut is_inside = false;
        for axis in axes {
            match axis {
                Axis::One if !is_inside => {}
                Axis::Part if !is_inside => is_inside = true,
                Axis::Full => is_inside = true,
                Axis::One | Axis::Part | Axis::Steps => return false,
            }
        }
        true
    };
    let kept = axes.iter().filter(|axis| **axis != Axis::One).count();
    match array.layout {
        Layout::C if is_block(&mut axes.iter()) => Layout::C,
        Layout::F if is_block(&mut axes.iter().rev()) => {
            if kept <= 1 {
                Layout::C
            } else {
                Layout::F
            }
        }
        Layout::C | Layout::F | Layout::Strided => Layout::Strided,
    }
}

/// The type of all items, if they are numbers whose types go together.
fn common_scalar(items: &[Ty]) -> Option<Ty> {
    let (first, rest) = items.split_first()?;
    let mut all = first.clone();
    for item in rest {
        all = super::env::join_tys(&all, item)?;
    }
    matches!(all, Ty::Scalar(_)).then_some(all)
}

/// The positions that `start:stop:step` picks, step not 0.
pub(crate) fn tuple_slice([start, stop, step]: [Option<i64>; 3], count: usize) -> Vec<usize> {
    let (count, step) = (count as i64, step.unwrap_or(1));
    // As CPython's `PySlice_AdjustIndices`.
    let (low, high) = if step < 0 { (-1, count - 1) } else { (0, count) };
    let clamp = |part: i64| (if part < 0 { part.saturating_add(count) } else { part }).clamp(low, high);
    let (first, last) = if step < 0 { (high, low) } else { (low, high) };
    let (mut at, stop) = (start.map_or(first, clamp), stop.map_or(last, clamp));
    let mut picked = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        picked.push(at as usize);
        at = at.saturating_add(step);
    }
    picked
}

impl FnCtx<'_, '_> {
    /// The value of `base[indices]`.
    pub(super) fn index(&mut self, id: ExprId, base: ExprId, indices: &[ExprId]) -> Val {
        let value = self.expr(base);
        let Some(ty) = &value.ty else {
            self.index_values(indices);
            return Val::ERROR;
        };
        match ty {
            Ty::Array(array) => match self.index_array(id, base, *array, indices) {
                Some(ty) => self.done(id, Val::of(ty), Resolution::Plain),
                None => Val::ERROR,
            },
            Ty::Tuple(items) => {
                let items = items.clone();
                self.index_tuple(id, base, &items, value.konst.as_ref(), indices)
            }
            Ty::None | Ty::Scalar(_) | Ty::Str(_) | Ty::Rng | Ty::Event => {
                self.index_values(indices);
                let name = self.render(base);
                let span = self.span(base);
                self.report(
                    Diagnostic::error(Code::K404, span, format!("`{name}` has no elements"))
                        .primary(format!("this is `{ty}`"))
                        .help("only arrays and tuples can be indexed"),
                )
            }
        }
    }

    /// Types indices whose base has an error, for errors of their own.
    fn index_values(&mut self, indices: &[ExprId]) {
        for &index in indices {
            match &self.ast.exprs[index].kind {
                ExprKind::Slice { start, stop, step } => {
                    for part in [start, stop, step].into_iter().flatten() {
                        self.expr(*part);
                    }
                }
                ExprKind::Literal(Literal::Ellipsis) => {}
                _ => {
                    self.expr(index);
                }
            }
        }
    }

    fn index_tuple(
        &mut self,
        id: ExprId,
        base: ExprId,
        items: &[Ty],
        konst: Option<&ConstValue>,
        indices: &[ExprId],
    ) -> Val {
        let span = self.span(id);
        let [index] = indices else {
            self.index_values(indices);
            let name = self.render(base);
            return self.report(
                Diagnostic::error(
                    Code::K401,
                    span,
                    format!("{} indices for the tuple `{name}`", indices.len()),
                )
                .help("tuples have one index"),
            );
        };
        let index_span = self.span(*index);
        if let ExprKind::Slice { start, stop, step } = &self.ast.exprs[*index].kind {
            return self.slice_tuple(id, items, konst, [*start, *stop, *step]);
        }
        let at = self.expr(*index);
        let Some(at_ty) = &at.ty else { return Val::ERROR };
        match (&at.konst, at_ty) {
            (Some(ConstValue::Int(at, _)), _) => {
                let wrapped = if *at < 0 { *at + items.len() as i64 } else { *at };
                let Some(position) = usize::try_from(wrapped).ok().filter(|&at| at < items.len()) else {
                    let name = self.render(base);
                    return self.report(
                        Diagnostic::error(
                            Code::K701,
                            index_span,
                            format!(
                                "index {at} of a tuple with {} item{}",
                                items.len(),
                                if items.len() == 1 { "" } else { "s" }
                            ),
                        )
                        .primary("out of range")
                        .label(
                            self.span(base),
                            match items.len() {
                                0 => format!("`{name}` is empty"),
                                1 => format!("`{name}` has the index 0 only"),
                                count => format!("`{name}` has the indices 0 to {}", count - 1),
                            },
                        )
                        .help("the last item is `t[-1]`; the number of items is `len(t)`"),
                    );
                };
                let mut val = Val::of(items[position].clone());
                if let Some(ConstValue::Tuple(values)) = konst {
                    val.konst = values.get(position).cloned();
                }
                self.done(id, val, Resolution::Plain)
            }
            (_, Ty::Scalar(dtype)) if dtype.is_int() => match common_scalar(items) {
                Some(ty) => self.done(id, Val::of(ty), Resolution::Plain),
                None => {
                    let name = self.render(base);
                    let ty = Ty::Tuple(items.into());
                    let text = if items.is_empty() {
                        format!("`{name}` has no items")
                    } else if items.iter().any(|item| !matches!(item, Ty::Scalar(_))) {
                        format!("the items of `{name}` are not all numbers")
                    } else {
                        format!("the items of `{name}` have different types")
                    };
                    self.report(
                        Diagnostic::error(Code::K313, index_span, text)
                            .primary("has its value only at run time")
                            .label(self.span(base), format!("this is `{ty}`"))
                            .help("index it with a number such as `0`, or put numbers of one type into an array"),
                    )
                }
            },
            (_, ty) => {
                let ty = ty.clone();
                self.report(messages::index_ty(index_span, &self.render(*index), &ty))
            }
        }
    }

    /// `t[1:]`: the bounds must be known.
    fn slice_tuple(
        &mut self,
        id: ExprId,
        items: &[Ty],
        konst: Option<&ConstValue>,
        parts: [Option<ExprId>; 3],
    ) -> Val {
        let mut bounds = [None; 3];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            let Some(part) = part else { continue };
            let val = self.expr(part);
            match (&val.konst, &val.ty) {
                (Some(ConstValue::Int(value, _)), _) => *bound = Some(*value),
                (_, Some(Ty::None)) => {}
                (_, None) => return Val::ERROR,
                (_, Some(Ty::Scalar(dtype))) if dtype.is_int() => {
                    let diag = Diagnostic::error(
                        Code::K313,
                        self.span(part),
                        "the bounds of a tuple's slice must be known at compile time",
                    )
                    .primary("has its value only at run time");
                    return self
                        .report(diag.help("write numbers: `t[1:]`, or use an array instead of the tuple"));
                }
                (_, Some(ty)) => {
                    let diag = messages::index_ty(self.span(part), &self.render(part), ty);
                    return self.report(diag);
                }
            }
        }
        if bounds[2] == Some(0) {
            let span = self.span(id);
            return self.report(
                Diagnostic::error(Code::K313, span, "a slice with a step of zero")
                    .help("leave the step out, or write another one"),
            );
        }
        let picked = tuple_slice(bounds, items.len());
        let tys: Vec<Ty> = picked.iter().map(|&at| items[at].clone()).collect();
        let mut val = Val::of(Ty::Tuple(tys.into()));
        if let Some(ConstValue::Tuple(values)) = konst {
            val.konst = Some(ConstValue::Tuple(picked.iter().map(|&at| values[at].clone()).collect()));
        }
        self.done(id, val, Resolution::Plain)
    }

    /// The type of an element or view; `None` after an error.
    fn index_array(&mut self, id: ExprId, base: ExprId, array: ArrayTy, indices: &[ExprId]) -> Option<Ty> {
        let mut axes: Vec<Axis> = Vec::new();
        let mut new_axes = 0usize;
        let mut ellipsis: Option<usize> = None;
        let mut is_view = false;
        let mut is_error = false;
        // `a[()]` of rank 0 and `a[(i, j)]`.
        let flat: &[ExprId] = match indices {
            [only] => match &self.ast.exprs[*only].kind {
                ExprKind::Tuple(items) if items.is_empty() => &[],
                _ => indices,
            },
            _ => indices,
        };
        for &index in flat {
            let span = self.span(index);
            match &self.ast.exprs[index].kind {
                ExprKind::Slice { start, stop, step } => {
                    is_view = true;
                    for part in [start, stop, step].into_iter().flatten() {
                        if !self.slice_part(*part) {
                            is_error = true;
                        }
                    }
                    let has_steps = match step {
                        None => false,
                        Some(step) => {
                            let info = self.exprs.get(step).map(|info| info.ty.clone());
                            let is_one =
                                matches!(self.ast.exprs[*step].kind, ExprKind::Literal(Literal::Int(1)));
                            !(is_one || info == Some(Ty::None))
                        }
                    };
                    axes.push(if has_steps {
                        Axis::Steps
                    } else if start.is_none() && stop.is_none() {
                        Axis::Full
                    } else {
                        Axis::Part
                    });
                }
                ExprKind::Literal(Literal::Ellipsis) => {
                    is_view = true;
                    if ellipsis.is_some() {
                        self.diags.push(
                            Diagnostic::error(Code::K401, span, "a second `...` in an index")
                                .help("one `...` stands for all axes that are not written"),
                        );
                        is_error = true;
                    }
                    ellipsis = Some(axes.len());
                }
                _ => {
                    let (val, is_array_expr) = self.outside_array_root(index);
                    if is_array_expr {
                        let diag = array_messages::index_by_condition(self, id, base, index);
                        self.diags.push(diag);
                    }
                    match &val.ty {
                        None => is_error = true,
                        Some(Ty::None) => {
                            is_view = true;
                            new_axes += 1;
                        }
                        Some(Ty::Scalar(dtype)) if dtype.is_int() => axes.push(Axis::One),
                        Some(Ty::Array(by)) if by.dtype == DType::Bool || by.dtype.is_int() => {
                            let diag = array_messages::index_by_array(self, id, base, index, *by);
                            self.diags.push(diag);
                            is_error = true;
                        }
                        Some(ty) => {
                            let diag = messages::index_ty(span, &self.render(index), ty);
                            self.diags.push(diag);
                            is_error = true;
                        }
                    }
                }
            }
        }
        let rank = usize::from(array.rank);
        if axes.len() > rank {
            let name = self.render(base);
            let span = self.span(id);
            let (count, base_span) = (axes.len(), self.span(base));
            self.diags.push(messages::too_many_indices(span, &name, base_span, array, count));
            return None;
        }
        if is_error {
            return None;
        }
        let missing = rank - axes.len();
        is_view |= missing > 0;
        let at = ellipsis.unwrap_or(axes.len());
        axes.splice(at..at, std::iter::repeat_n(Axis::Full, missing));
        if !is_view {
            return Some(Ty::Scalar(array.dtype));
        }
        let kept = axes.iter().filter(|axis| **axis != Axis::One).count() + new_axes;
        if kept > usize::from(MAX_RANK) {
            let span = self.span(id);
            self.diags.push(Diagnostic::error(
                Code::K404,
                span,
                format!("an array of {kept} axes; at most {MAX_RANK} are possible"),
            ));
            return None;
        }
        let layout = view_layout(array, &axes, kept as u8);
        Some(Ty::Array(ArrayTy { rank: kept as u8, layout, ..array }))
    }

    /// A bound or step of a slice: an integer or `None`.
    fn slice_part(&mut self, part: ExprId) -> bool {
        let val = self.expr(part);
        match &val.ty {
            None => false,
            Some(Ty::None) => true,
            Some(Ty::Scalar(dtype)) if dtype.is_int() => true,
            Some(ty) => {
                let diag = messages::index_ty(self.span(part), &self.render(part), ty);
                self.diags.push(diag);
                false
            }
        }
    }

    /// `base[indices] = value`.
    pub(super) fn store(&mut self, target: ExprId, value: &Val, value_id: Option<ExprId>) {
        let place = self.expr(target);
        if place.ty.is_some() {
            self.check_store(target, value, value_id);
        }
    }

    /// Can the value go to the place? The target was typed before.
    pub(super) fn check_store(&mut self, target: ExprId, value: &Val, value_id: Option<ExprId>) {
        let ExprKind::Index { base, .. } = &self.ast.exprs[target].kind else { return };
        let base = *base;
        let span = self.span(target);
        let value_span = value_id.map_or(span, |id| self.span(id));
        match self.exprs.get(&base).map(|info| info.ty.clone()) {
            Some(Ty::Array(array)) if !array.is_writable => {
                let name = self.render(base);
                self.diags.push(
                    Diagnostic::error(Code::K405, span, format!("`{name}` is read-only"))
                        .primary("stored to here")
                        .help(format!("work on a copy: `{name}_copy = {name}.copy()`")),
                );
                return;
            }
            Some(Ty::Array(_)) => {}
            Some(Ty::Tuple(_)) => {
                let name = self.render(base);
                self.diags.push(
                    Diagnostic::error(
                        Code::K006,
                        span,
                        format!("items of the tuple `{name}` cannot be assigned"),
                    )
                    .help("make a new tuple, or use an array"),
                );
                return;
            }
            Some(_) | None => return,
        }
        let (Some(place), Some(ty)) = (self.exprs.get(&target).map(|info| info.ty.clone()), &value.ty) else {
            return;
        };
        match (&place, ty) {
            (Ty::Scalar(to), Ty::Scalar(from)) => self.check_element(*to, *from, span, value_span, target),
            (Ty::Array(to), Ty::Scalar(from)) => {
                self.check_element(to.dtype, *from, span, value_span, target);
            }
            (Ty::Array(to), Ty::Array(from)) => {
                if from.rank > to.rank {
                    let (a, b) = (self.render(target), axes_text(to.rank));
                    self.diags.push(
                        Diagnostic::error(
                            Code::K404,
                            value_span,
                            format!("an array with {} for a place with {b}", axes_text(from.rank)),
                        )
                        .primary(format!("this is `{from}`"))
                        .label(span, format!("`{a}` is `{to}`"))
                        .help("index it so that the axes are at most as many, or copy it in a loop"),
                    );
                    return;
                }
                self.check_element(to.dtype, from.dtype, span, value_span, target);
            }
            (place, ty) => {
                let text = self.render(target);
                self.diags.push(
                    Diagnostic::error(
                        Code::K403,
                        value_span,
                        format!("`{text}` holds `{}`, not `{ty}`", element_of(place)),
                    )
                    .primary(format!("this is `{ty}`"))
                    .label(span, "stored here")
                    .help(match (value_id, ty) {
                        (Some(id), Ty::Array(array)) => {
                            let names = ["0"; 8][..usize::from(array.rank.clamp(1, 8))].join(", ");
                            format!("store one element: `{}[{names}]`", self.render(id))
                        }
                        (_, Ty::Str(text)) if text.trim().parse::<f64>().is_ok() => {
                            format!("write the number without quotes: `{}`", text.trim())
                        }
                        _ => "arrays hold numbers; store one number".to_owned(),
                    }),
                );
            }
        }
    }

    fn check_element(
        &mut self,
        to: DType,
        from: DType,
        span: crate::base::Span,
        value_span: crate::base::Span,
        target: ExprId,
    ) {
        if from.is_complex() && !to.is_complex() {
            let text = self.render(target);
            self.diags.push(
                Diagnostic::error(
                    Code::K403,
                    value_span,
                    format!("a complex number for an element of type `{to}`"),
                )
                .primary(format!("this is `{from}`"))
                .label(span, format!("`{text}` holds `{to}`"))
                .help("store its real part: `z.real`, or make the array complex: `dtype=np.complex128`"),
            );
        }
    }
}

fn element_of(place: &Ty) -> String {
    match place {
        Ty::Array(array) => array.dtype.to_string(),
        other => other.to_string(),
    }
}

/// `1 axis`, `2 axes`.
pub(super) fn axes_text(rank: u8) -> String {
    if rank == 1 { "1 axis".to_owned() } else { format!("{rank} axes") }
}
