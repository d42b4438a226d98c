//! What a lowered expression is: real numbers as IR expressions, everything else made of them.

use crate::base::Symbol;
use crate::ir::{ArrayId, ExprId, LocalId};
use crate::types::{ArrayTy, DType, Ty};

/// The value of an expression of the source.
///
/// The [`ExprId`]s in it belong to nobody yet and may be used once (IR invariant F1); see
/// [`Context::pin`](super::context::Context::pin) for values that are needed more often.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `None`, and the result of a call that returns nothing.
    None,
    /// A string known at compile time.
    Str(Symbol),
    /// A real number.
    Real(ExprId),
    /// Real and imaginary part, of one type.
    Complex(ExprId, ExprId),
    /// An array variable.
    Array(ArrayId),
    /// The state of a generator.
    Rng(ArrayId),
    /// Items.
    Tuple(Vec<Value>),
}

/// Where a variable of the source lives, by the same rules.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// Nothing to keep: `None` and strings.
    Const(Ty),
    /// A real number.
    Real(LocalId),
    /// Real and imaginary part.
    Complex(LocalId, LocalId),
    /// An array.
    Array(ArrayId),
    /// The state of a generator.
    Rng(ArrayId),
    /// Items.
    Tuple(Vec<Slot>),
}

/// The array type of a generator's state.
pub(super) const RNG_TY: ArrayTy =
    ArrayTy { dtype: DType::U64, rank: 1, layout: crate::types::Layout::C, is_writable: true };

/// How many parameters of the IR a value of that type takes.
pub(super) fn flat_len(ty: &Ty) -> usize {
    match ty {
        Ty::None | Ty::Str(_) => 0,
        Ty::Scalar(dtype) => dtype.lanes(),
        Ty::Array(_) | Ty::Rng | Ty::Event => 1,
        Ty::Tuple(items) => items.iter().map(flat_len).sum(),
    }
}

impl Slot {
    /// Calls `visit` on every array variable in it.
    pub(super) fn for_each_array(&self, visit: &mut dyn FnMut(ArrayId)) {
        match self {
            Slot::Const(_) | Slot::Real(_) | Slot::Complex(..) => {}
            Slot::Array(array) | Slot::Rng(array) => visit(*array),
            Slot::Tuple(items) => items.iter().for_each(|item| item.for_each_array(visit)),
        }
    }

    /// Calls `visit` on every scalar variable in it.
    pub(super) fn for_each_local(&self, visit: &mut dyn FnMut(LocalId)) {
        match self {
            Slot::Const(_) | Slot::Array(_) | Slot::Rng(_) => {}
            Slot::Real(local) => visit(*local),
            Slot::Complex(re, im) => {
                visit(*re);
                visit(*im);
            }
            Slot::Tuple(items) => items.iter().for_each(|item| item.for_each_local(visit)),
        }
    }
}
