//! Calls of the functions that the language has for numbers. What shows the sign of a NaN is left out: it is not specified.

use super::{Gen, Ty};

/// A function: how it is written, with `{0}`, `{1}`, ... for its arguments, and their types.
type Form = (&'static str, &'static [Ty]);

const F: Ty = Ty::Float;
const I: Ty = Ty::Int;
const S: Ty = Ty::Single;
const B: Ty = Ty::Bool;
const U: Ty = Ty::Unsigned;
const C: Ty = Ty::Complex;

const FLOAT: &[Form] = &[
    ("np.minimum({0}, {1})", &[F, F]),
    ("np.maximum({0}, {1})", &[F, F]),
    ("np.fmin({0}, {1})", &[F, F]),
    ("np.fmax({0}, {1})", &[F, F]),
    ("np.clip({0}, {1}, {2})", &[F, F, F]),
    ("np.where({0}, {1}, {2})", &[B, F, F]),
    ("np.power({0}, {1})", &[F, F]),
    ("math.pow({0}, {1})", &[F, F]),
    ("np.divide({0}, {1})", &[F, F]),
    ("np.mod({0}, {1})", &[F, F]),
    ("np.floor_divide({0}, {1})", &[F, F]),
    ("np.logaddexp({0}, {1})", &[F, F]),
    ("math.remainder({0}, {1})", &[F, F]),
    ("np.heaviside({0}, {1})", &[F, F]),
    ("math.nextafter({0}, {1})", &[F, F]),
    ("np.arctan2({0}, {1})", &[F, F]),
    ("math.ldexp({0}, ({1}) & 7)", &[F, I]),
    ("min({0}, {1}, {2})", &[F, F, F]),
    ("np.square({0})", &[F]),
    ("np.tan({0})", &[F]),
    ("np.arcsin({0})", &[F]),
    ("np.arccos({0})", &[F]),
    ("np.arctan({0})", &[F]),
    ("np.sinh({0})", &[F]),
    ("np.cosh({0})", &[F]),
    ("np.arcsinh({0})", &[F]),
    ("np.arccosh({0})", &[F]),
    ("np.arctanh({0})", &[F]),
    ("np.log2({0})", &[F]),
    ("np.log10({0})", &[F]),
    ("math.erfc({0})", &[F]),
    ("math.gamma({0})", &[F]),
    ("math.lgamma({0})", &[F]),
    ("np.trunc({0})", &[F]),
    ("np.round({0})", &[F]),
    ("round({0}, 2)", &[F]),
    ("np.sign({0})", &[F]),
    ("np.degrees({0})", &[F]),
    ("np.reciprocal({0})", &[F]),
    ("np.real({0})", &[C]),
    ("np.angle({0})", &[C]),
    ("np.sqrt({0})", &[I]),
    ("np.sin({0})", &[I]),
    ("({0} / {1})", &[I, I]),
    ("({0} ** {1})", &[F, F]),
];

const INT: &[Form] = &[
    ("math.floor({0})", &[F]),
    ("math.ceil({0})", &[F]),
    ("math.trunc({0})", &[F]),
    ("round({0})", &[F]),
    ("i64(i32({0}))", &[I]),
    ("i64(u8({0}))", &[I]),
    ("i64(i16({0}))", &[I]),
    ("i64(u32({0}))", &[I]),
    ("i64(i8({0}))", &[F]),
    ("i64(u16({0}))", &[S]),
    ("i64({0})", &[U]),
    ("np.minimum({0}, {1})", &[I, I]),
    ("np.maximum({0}, {1})", &[I, I]),
    ("np.clip({0}, {1}, {2})", &[I, I, I]),
    ("np.where({0}, {1}, {2})", &[B, I, I]),
    ("np.bitwise_and({0}, {1})", &[I, I]),
    ("np.bitwise_xor({0}, {1})", &[I, I]),
    ("np.floor_divide({0}, {1})", &[I, I]),
    ("np.mod({0}, {1})", &[I, I]),
    ("math.gcd({0}, {1})", &[I, I]),
    ("math.isqrt(abs({0}) & 1048575)", &[I]),
    ("np.sign({0})", &[I]),
    ("divmod({0}, {1})[0]", &[I, I]),
    ("divmod({0}, {1})[1]", &[I, I]),
    ("({0} ** (({1}) & 7))", &[I, I]),
    ("({0} + {1})", &[I, B]),
];

const SINGLE: &[Form] = &[
    ("np.minimum({0}, {1})", &[S, S]),
    ("np.fmax({0}, {1})", &[S, S]),
    ("np.clip({0}, {1}, {2})", &[S, S, S]),
    ("np.where({0}, {1}, {2})", &[B, S, S]),
    ("np.power({0}, {1})", &[S, S]),
    ("np.divide({0}, {1})", &[S, S]),
    ("np.mod({0}, {1})", &[S, S]),
    ("np.hypot({0}, {1})", &[S, S]),
    ("np.arctan2({0}, {1})", &[S, S]),
    ("np.cos({0})", &[S]),
    ("np.tan({0})", &[S]),
    ("np.log({0})", &[S]),
    ("np.log1p({0})", &[S]),
    ("np.expm1({0})", &[S]),
    ("np.exp2({0})", &[S]),
    ("np.cbrt({0})", &[S]),
    ("np.arcsin({0})", &[S]),
    ("np.rint({0})", &[S]),
    ("np.ceil({0})", &[S]),
    ("f32({0})", &[I]),
    ("f32({0})", &[U]),
    ("({0} % {1})", &[S, S]),
    ("({0} // {1})", &[S, S]),
];

const BOOL: &[Form] = &[
    ("np.isnan({0})", &[F]),
    ("math.isinf({0})", &[F]),
    ("np.isfinite({0})", &[S]),
    ("np.logical_and({0}, {1})", &[B, B]),
    ("np.logical_xor({0}, {1})", &[B, B]),
    ("np.logical_not({0})", &[B]),
    ("np.less({0}, {1})", &[F, F]),
    ("np.greater_equal({0}, {1})", &[I, I]),
    ("({0} < {1})", &[I, F]),
    ("({0} <= {1})", &[U, U]),
    ("({0} > {1})", &[S, S]),
    ("({0} == {1})", &[F, S]),
    ("bool({0})", &[F]),
];

const UNSIGNED: &[Form] = &[
    ("np.minimum({0}, {1})", &[U, U]),
    ("np.maximum({0}, {1})", &[U, U]),
    ("np.where({0}, {1}, {2})", &[B, U, U]),
    ("({0} // {1})", &[U, U]),
    ("({0} % {1})", &[U, U]),
    ("~({0})", &[U]),
    ("u64({0})", &[F]),
    ("u64(u32({0}))", &[U]),
];

const COMPLEX: &[Form] = &[
    ("np.conj({0})", &[C]),
    ("np.exp({0})", &[C]),
    ("np.sqrt({0})", &[C]),
    ("({0} ** 2)", &[C]),
    ("complex({0}, {1})", &[F, I]),
    ("({0} - {1})", &[F, C]),
    ("({0} / {1})", &[C, F]),
];

impl Gen {
    /// A call that gives that type.
    pub(super) fn function(&mut self, ty: Ty, depth: usize) -> String {
        let forms = match ty {
            Ty::Float => FLOAT,
            Ty::Int => INT,
            Ty::Single => SINGLE,
            Ty::Bool => BOOL,
            Ty::Unsigned => UNSIGNED,
            Ty::Complex => COMPLEX,
        };
        let (form, params) = forms[self.rng.below(forms.len())];
        let mut text = form.to_owned();
        for (number, param) in params.iter().enumerate() {
            text = text.replace(&format!("{{{number}}}"), &self.expr(*param, depth));
        }
        text
    }
}
