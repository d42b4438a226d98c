//! Sums of two numbers, about 106 bits, and polynomials, over lanes (T. J. Dekker, Numer. Math. 18, 1971).

use crate::numerics::lanes::Lanes;

/// A number as the sum of a large and a small part.
pub(super) type Pair<L> = (<L as Lanes>::F, <L as Lanes>::F);

/// `a + b` exactly.
#[inline(always)]
pub(super) fn two_sum<L: Lanes>(l: &L, a: L::F, b: L::F) -> Pair<L> {
    let sum = l.add(a, b);
    let part = l.sub(sum, a);
    (sum, l.add(l.sub(a, l.sub(sum, part)), l.sub(b, part)))
}

/// `a + b` exactly, if `a` is 0, or not smaller in size, or a multiple of the last bit of `b`.
#[inline(always)]
pub(super) fn fast_two_sum<L: Lanes>(l: &L, a: L::F, b: L::F) -> Pair<L> {
    let sum = l.add(a, b);
    (sum, l.add(l.sub(a, sum), b))
}

/// `a * b` exactly.
#[inline(always)]
pub(super) fn two_prod<L: Lanes>(l: &L, a: L::F, b: L::F) -> Pair<L> {
    let product = l.mul(a, b);
    (product, l.fms(a, b, product))
}

/// `n / d` with one division; relative error about 2^-100.
#[inline(always)]
pub(super) fn quotient<L: Lanes>(l: &L, n: Pair<L>, d: Pair<L>) -> Pair<L> {
    let inverse = l.div(l.f(1.0), d.0);
    let q = l.mul(n.0, inverse);
    let rest = l.fnma(q, d.1, l.add(l.fnma(q, d.0, n.0), n.1));
    (q, l.mul(rest, inverse))
}

/// `c[0] + c[1] x + c[2] x^2 + ...` in Estrin's order: short chains, and three more products than Horner's at most.
#[inline(always)]
pub(super) fn poly<L: Lanes, const N: usize>(l: &L, x: L::F, c: [f64; N]) -> L::F {
    let mut sums = [l.f(0.0); N];
    let mut count = N.div_ceil(2);
    for pair in 0..count {
        sums[pair] = if 2 * pair + 1 < N {
            l.fma(x, l.f(c[2 * pair + 1]), l.f(c[2 * pair]))
        } else {
            l.f(c[2 * pair])
        };
    }
    let mut power = x;
    while count > 1 {
        power = l.mul(power, power);
        let half = count.div_ceil(2);
        for pair in 0..half {
            sums[pair] = if 2 * pair + 1 < count {
                l.fma(power, sums[2 * pair + 1], sums[2 * pair])
            } else {
                sums[2 * pair]
            };
        }
        count = half;
    }
    sums[0]
}
/// A pair times a constant pair.
#[inline(always)]
pub(super) fn mul_const<L: Lanes>(l: &L, a: Pair<L>, b: (f64, f64)) -> Pair<L> {
    let (hi, lo) = two_prod(l, a.0, l.f(b.0));
    (hi, l.fma(a.0, l.f(b.1), l.fma(a.1, l.f(b.0), lo)))
}
