"""Sums and products in the order of `docs/numerics.md`, "Regrouped sums": the values in `tests/cases/fastmath/regrouped.md`.

In: nothing. Out: one line per call of those cases, to compare or to copy. Plain Python floats for `f64`, NumPy's scalars for
`f32`; where `fastmath` contracts, products are added exactly and rounded once (`fractions`).

    python tests/oracle/regrouped.py
"""

from fractions import Fraction

import numpy as np

SHORT = 16  # Loops of fewer iterations keep their order.


def regrouped(before, terms, count, identity, combine):
    """`before` combined with the terms, in the order of the language. `combine(s, term)` rounds as one step does."""
    if len(terms) < SHORT:
        total = before
        for term in terms:
            total = combine(total, term)
        return total
    partial = [identity] * count
    for k, term in enumerate(terms):
        partial[k % count] = combine(partial[k % count], term)
    while len(partial) > 1:
        half = len(partial) // 2
        partial = [plain(combine, partial[k], partial[k + half]) for k in range(half)]
    return plain(combine, before, partial[0])


def plain(combine, left, right):
    return left * right if combine is multiply else left + right


def add(s, term):
    return s + term


def multiply(s, term):
    return s * term


def add_product(s, term):
    """`s + a * b` in one rounding."""
    a, b = term
    return float(Fraction(s) + Fraction(a) * Fraction(b))


def subtract_product(s, term):
    a, b = term
    return float(Fraction(s) - Fraction(a) * Fraction(b))


def inverse_sum(n, count=32):
    return regrouped(0.25, [1.0 / (i + 1) for i in range(n)], count, -0.0, add)


def skipping(n):
    # Iterations that add nothing have their turn all the same.
    terms = [1.0 / (i + 1) if i % 2 == 0 else None for i in range(n)]
    return regrouped(0.25, terms, 32, -0.0, lambda s, t: s if t is None else s + t)


def stepping(n):
    return regrouped(0.25, [1.0 / (i + 1) for i in range(0, n, 3)], 32, -0.0, add)


def down(n):
    return regrouped(0.25, [1.0 / i for i in range(n, 0, -1)], 32, -0.0, add)


def product(n):
    return regrouped(2.0, [1.0 + 1.0 / ((i + 1) * (i + 1)) for i in range(n)], 16, 1.0, multiply)


def single(n):
    one = np.float32(1.0)
    return regrouped(np.float32(0.25), [one / np.float32(i + 1) for i in range(n)], 32, np.float32(-0.0), add)


def values(n):
    """What the arrays of the cases hold."""
    return [1.0 / (k + 3) for k in range(n)]


def dot(n):
    return regrouped(0.0, [(v, v) for v in values(n)], 32, -0.0, add_product)


def minus(n):
    return regrouped(1.0, [(v, v) for v in values(n)], 32, -0.0, subtract_product)


def rows(m, n):
    """Squared distances of the rows `1 / (i + j + 3)` of an m by n matrix from `0.25 j`, then their sum."""
    steps = [[1.0 / (i + j + 3) - 0.25 * j for j in range(n)] for i in range(m)]
    sums = [regrouped(0.0, [step * step for step in row], 32, -0.0, add) for row in steps]
    return regrouped(0.0, sums, 32, -0.0, add)


def main():
    lengths = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000]
    for name, function in [
        ("fast", inverse_sum), ("skipping", skipping), ("stepping", stepping), ("down", down), ("single", single),
        ("dot", dot), ("minus", minus),
    ]:
        for n in lengths:
            result = function(n)
            print(f"{name}({n}) == {float(result)!r}" + ("" if name != "single" else f"  # {result!r}"))
    for n in lengths:
        print(f"both({n}) == ({product(n)!r}, {inverse_sum(n, 16)!r})")
    for m in [5, 40, 3000]:
        for n in [0, 1, 2, 15, 16, 17, 100]:
            print(f"rows({m}, {n}) == {rows(m, n)!r}")


if __name__ == "__main__":
    main()
