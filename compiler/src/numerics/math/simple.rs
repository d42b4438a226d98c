//! Functions that are one operation.

use crate::numerics::lanes::Lanes;

macro_rules! operations {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Lanes::", stringify!($name), "`].")]
        #[inline(always)]
        pub(super) fn $name<L: Lanes>(l: &L, x: L::F) -> L::F {
            l.$name(x)
        }
    )*};
}

operations! { sqrt floor ceil trunc round abs }

/// Radians to degrees.
#[inline(always)]
pub(super) fn degrees<L: Lanes>(l: &L, x: L::F) -> L::F {
    l.mul(x, l.f(180.0 / std::f64::consts::PI))
}

/// Degrees to radians.
#[inline(always)]
pub(super) fn radians<L: Lanes>(l: &L, x: L::F) -> L::F {
    l.mul(x, l.f(std::f64::consts::PI / 180.0))
}

/// The magnitude of `x` with the sign of `y`.
#[inline(always)]
pub(super) fn copysign<L: Lanes>(l: &L, x: L::F, y: L::F) -> L::F {
    l.with_sign(l.abs(x), y)
}
