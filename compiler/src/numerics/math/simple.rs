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

/// `fmod(x, y)`, and whether that holds: the quotient must be below 2^53, and `y` finite.
///
/// The rounded quotient is never below the true one's whole part, and at most 1 above it, so that the difference is exact.
#[inline(always)]
pub fn fmod_of_near<L: Lanes>(l: &L, x: L::F, y: L::F) -> (L::F, L::M) {
    let size = l.abs(y);
    let quotient = l.div(l.abs(x), size);
    let rest = l.fnma(l.trunc(quotient), size, l.abs(x));
    let rest = l.select(l.lt(rest, l.f(0.0)), l.add(rest, size), rest);
    let is_near = l.both(l.lt(quotient, l.f(9_007_199_254_740_992.0)), l.lt(size, l.f(f64::INFINITY)));
    (l.with_sign(rest, x), is_near)
}

#[cfg(test)]
mod tests {
    use super::fmod_of_near;
    use crate::numerics::lanes::{Scalar, probes};

    #[test]
    fn near_remainders_are_those_of_the_language() {
        let mut near = 0;
        for (x, y) in probes::arguments() {
            for scale in [1.0, 1e-3, 1e10, 3e-7] {
                // Also arguments of about the same size.
                for x in [x, y * scale, y * (scale + 0.1)] {
                    let (value, is_near) = fmod_of_near(&Scalar, x, y);
                    if is_near {
                        near += 1;
                        assert_eq!(value.to_bits(), (x % y).to_bits(), "fmod({x:e}, {y:e})");
                    }
                }
            }
        }
        assert!(near > 10_000, "{near}");
    }
}
