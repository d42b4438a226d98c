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

/// `c[0] + c[1] x + c[2] x^2 + ...`, all but the first coefficient as two or four of Horner's chains side by side: short enough,
/// and most coefficients are operands of a fused multiply-add, so that they take no instruction of their own. `c[0]` comes last,
/// since every sum with it is rounded.
#[inline(always)]
pub(super) fn poly<L: Lanes, const N: usize>(l: &L, x: L::F, c: [f64; N]) -> L::F {
    let upper = match N {
        0..=4 => {
            let [sum] = chains(l, x, &c, 0);
            return sum;
        }
        5..=14 => {
            let square = l.mul(x, x);
            let [even, odd] = chains(l, square, &c, 1);
            l.fma(x, odd, even)
        }
        _ => {
            let square = l.mul(x, x);
            let fourth = l.mul(square, square);
            let [zero, one, two, three] = chains(l, fourth, &c, 1);
            l.fma(square, l.fma(x, three, two), l.fma(x, one, zero))
        }
    };
    l.fma(x, upper, l.f(c[0]))
}

/// Every `K`th coefficient from `c[first]` on with the powers of `power`, from `c[first + 1]` on, and so on: `K` chains whose steps
/// take turns, so that neighbouring operations do not wait for each other.
#[inline(always)]
fn chains<L: Lanes, const K: usize>(l: &L, power: L::F, c: &[f64], first: usize) -> [L::F; K] {
    let rounds = (c.len() - first).div_ceil(K);
    let mut sums = [l.f(0.0); K];
    for round in (0..rounds).rev() {
        for (chain, sum) in sums.iter_mut().enumerate() {
            let at = first + chain + round * K;
            if at + K >= c.len() && at < c.len() {
                *sum = l.f(c[at]);
            } else if at < c.len() {
                *sum = l.fma(*sum, power, l.f(c[at]));
            }
        }
    }
    sums
}

/// A pair times a constant pair.
#[inline(always)]
pub(super) fn mul_const<L: Lanes>(l: &L, a: Pair<L>, b: (f64, f64)) -> Pair<L> {
    let (hi, lo) = two_prod(l, a.0, l.f(b.0));
    (hi, l.fma(a.0, l.f(b.1), l.fma(a.1, l.f(b.0), lo)))
}
