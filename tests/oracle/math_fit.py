"""Polynomial coefficients for compiler/src/numerics/math (needs mpmath).

Weighted minimax by Lawson's iteration on Chebyshev nodes; then the coefficients are rounded to f64 one at a time, from the
lowest power on, and the others fitted again to what is left. Prints every polynomial with its error (of the quantity that the
weight makes relative).

    python tests/oracle/math_fit.py [NAME ...]
"""

import sys

import mpmath as mp

mp.mp.prec = 400
HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.0005")
QUARTER_PI_2 = (mp.pi / 4 * mp.mpf("1.0001")) ** 2


def least_squares(xs, weights, values, powers):
    columns = [[x**p * w for x, w in zip(xs, weights)] for p in powers]
    target = [v * w for v, w in zip(values, weights)]
    n = len(powers)
    matrix, right = mp.matrix(n, n), mp.matrix(n, 1)
    for i in range(n):
        right[i] = mp.fdot(columns[i], target)
        for j in range(i, n):
            matrix[i, j] = matrix[j, i] = mp.fdot(columns[i], columns[j])
    return list(mp.lu_solve(matrix, right))


def fit(function, low, high, count, weight=lambda x: mp.mpf(1), pairs=0, rounds=25):
    """`count` coefficients, the first `pairs` as pairs, and the largest weighted error."""
    low, high, powers = mp.mpf(low), mp.mpf(high), list(range(count))
    nodes = 6 * count + 20
    xs = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * nodes)) for i in range(nodes)]
    values, weights, lawson = [function(x) for x in xs], [weight(x) for x in xs], [mp.mpf(1)] * nodes
    for _ in range(rounds):
        c = least_squares(xs, [w * mp.sqrt(u) for w, u in zip(weights, lawson)], values, powers)
        errors = [abs(mp.polyval(c[::-1], x) - v) * w for x, v, w in zip(xs, values, weights)]
        total = mp.fdot(lawson, errors)
        lawson = [u * e * nodes / total for u, e in zip(lawson, errors)]
    weights = [w * mp.sqrt(u + mp.mpf("1e-3")) for w, u in zip(weights, lawson)]
    result, exact, rest = [], [], values
    for p in powers:
        c = least_squares(xs, weights, rest, powers[p:])[0]
        parts = [float(c)]
        if p < pairs:
            parts.append(float(c - mp.mpf(parts[0])))
        result.append(tuple(parts) if p < pairs else parts[0])
        exact.append(sum(mp.mpf(part) for part in parts))
        rest = [r - exact[-1] * x**p for r, x in zip(rest, xs)]
    checks = [low + (high - low) * i / mp.mpf(997) for i in range(998)]
    return result, max(abs(mp.polyval(exact[::-1], x) - function(x)) * weight(x) for x in checks)


def near_zero(function, limit):
    """The function, or its limit where the formula has no digits."""
    return lambda x: limit if abs(x) < mp.mpf("1e-30") else function(mp.mpf(x))


def of_root(function, limit):
    """A function of the square root of its argument."""
    return near_zero(lambda z: function(mp.sqrt(z), z), limit)


third = mp.mpf(1) / 3
exp_tail = near_zero(lambda r: (mp.expm1(r) - r) / r**2, mp.mpf(1) / 2)
artanh_tail = of_root(lambda s, z: 2 * (mp.atanh(s) / s - 1) / z, 2 * third)
sin_tail = of_root(lambda r, z: (mp.sin(r) - r) / (r * z), -mp.mpf(1) / 6)
cos_tail = of_root(lambda r, z: (mp.cos(r) - 1 + z / 2) / z**2, mp.mpf(1) / 24)
two_over_root_pi = 2 / mp.sqrt(mp.pi)
erf_exponent = near_zero(lambda x: -mp.log(mp.erfc(x)) / x, two_over_root_pi)
# Of the exponent: what makes the error of erf relative.
erf_weight = near_zero(lambda x: mp.erfc(x) * x / mp.erf(x), 1 / two_over_root_pi)
# Of the tail: what makes the error of expm1 relative.
expm1_weight = near_zero(lambda r: r * r / abs(mp.expm1(r)), mp.mpf(0))
ROOT_2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.001")


def erfc_factor(center, high):
    """(x + 27/32) exp(x^2) erfc(x) in (x - center) / (x + center), and its ends."""

    def function(t):
        x = center * (1 + t) / (1 - t)
        return (x + mp.mpf("0.84375")) * mp.exp(x * x) * mp.erfc(x)

    high = mp.mpf(high)
    return function, (mp.mpf(-1), (high - center) / (high + center))


wide, wide_ends = erfc_factor(mp.mpf("3.5"), 28)
short, short_ends = erfc_factor(mp.mpf(3), "10.3")
by_z, by_z2 = (lambda z: z), (lambda z: z * z)

def stirling(w):
    """What is left of Stirling's formula, times x, in w = 1/x^2."""
    if w < mp.mpf("1e-12"):
        return mp.mpf(1) / 12 - w / 360 + w * w / 1260
    x = 1 / mp.sqrt(w)
    return x * (mp.loggamma(x) - ((x - mp.mpf("0.5")) * mp.log(x) - x + mp.log(2 * mp.pi) / 2))


near_two = near_zero(
    lambda t: ((mp.loggamma(2 + t) / t - (1 - mp.euler)) / t - (mp.zeta(2) - 1) / 2) / t, (1 - mp.zeta(3)) / 3
)
sin_rest = of_root(lambda r, z: ((mp.sin(r) / r - 1) / z + third / 2) / z, mp.mpf(1) / 120)
cos_rest = of_root(lambda r, z: (((mp.cos(r) - 1) / z + mp.mpf(1) / 2) / z - mp.mpf(1) / 24) / z, -mp.mpf(1) / 720)

POLYNOMIALS = {
    "exp::TAIL": lambda: fit(exp_tail, -HALF_LN2, HALF_LN2, 10, lambda r: r * r),
    # The code has every other coefficient with the other sign.
    "exp::TAIL_OF_NEGATIVE": lambda: fit(exp_tail, -HALF_LN2, HALF_LN2, 11, expm1_weight),
    # The first coefficient is exactly 1/2; the code writes it apart.
    "exp::TAIL_OF_EXPM1": lambda: fit(exp_tail, -0.4205, 0.4205, 12, abs),
    "log::SERIES": lambda: fit(artanh_tail, 0, 0.0401, 8, by_z),
    "log::SHORT_SERIES": lambda: fit(artanh_tail, 0, ROOT_2, 7, by_z),
    "log::SERIES_PAIR": lambda: fit(artanh_tail, 0, ROOT_2, 8, by_z, pairs=1),
    "trig::SIN": lambda: fit(sin_tail, 0, QUARTER_PI_2, 6, by_z),
    "trig::COS": lambda: fit(cos_tail, 0, QUARTER_PI_2, 6, by_z2),
    "hyperbolic::SINH": lambda: fit(of_root(lambda r, z: (mp.sinh(r) - r) / (r * z), third / 2), 0, HALF_LN2**2, 5, by_z),
    "hyperbolic::COSH": lambda: fit(of_root(lambda r, z: (mp.cosh(r) - 1) / z, mp.mpf(1) / 2), 0, HALF_LN2**2, 5, by_z),
    "arc::ATAN": lambda: fit(of_root(lambda q, z: (mp.atan(q) / q - 1) / z, -third), 0, 0.2501, 13, by_z),
    "arc::ASIN": lambda: fit(of_root(lambda q, z: (mp.asin(q) / q - 1) / z, third / 2), 0, 0.2501, 13, by_z),
    "roots::CBRT": lambda: fit(mp.cbrt, 0.75, 1.5, 5, lambda m: 1 / mp.cbrt(m)),
    "erf::EXPONENT": lambda: fit(erf_exponent, 0, 6, 25, erf_weight, pairs=1, rounds=6),
    "erf::FACTOR": lambda: fit(wide, *wide_ends, 24, lambda t: 1 / wide(t), pairs=1, rounds=10),
    "gamma::STIRLING": lambda: fit(stirling, 0, 1 / mp.mpf("7.5") ** 2, 8, mp.sqrt, rounds=15),
    "gamma::NEAR_TWO": lambda: fit(near_two, -0.5, 0.5, 19, lambda t: t * t / mp.mpf("0.42"), rounds=12),
    "gamma::SIN": lambda: fit(sin_rest, 0, QUARTER_PI_2, 6, by_z2, rounds=12),
    "gamma::COS": lambda: fit(cos_rest, 0, QUARTER_PI_2, 5, lambda z: z**3, rounds=12),
    "narrow::EXP": lambda: fit(exp_tail, -HALF_LN2, HALF_LN2, 6, lambda r: r * r),
    "narrow::EXPM1": lambda: fit(exp_tail, -HALF_LN2, HALF_LN2, 7, abs),
    "narrow::LOG": lambda: fit(artanh_tail, 0, 0.0401, 4, by_z),
    "narrow::LOG_FOR_POW": lambda: fit(artanh_tail, 0, 0.0401, 6, by_z),
    "narrow::SIN": lambda: fit(sin_tail, 0, QUARTER_PI_2, 4, by_z),
    "narrow::COS": lambda: fit(cos_tail, 0, QUARTER_PI_2, 4, by_z2),
    "narrow::EXPONENT": lambda: fit(erf_exponent, 0, 4, 12, erf_weight, rounds=8),
    "narrow::ERFC": lambda: fit(short, *short_ends, 13, lambda t: 1 / short(t), rounds=10),
}


def two_over_pi():
    """The rows of two_over_pi.rs: 2/pi modulo 2^(22 - 8 i), times 2^200, as four numbers."""
    mp.mp.prec = 1600
    for i in range(124):
        unit = mp.mpf(2) ** (22 - 8 * i)
        rest = (2 / mp.pi - mp.floor(2 / mp.pi / unit) * unit) * mp.mpf(2) ** 200
        parts = []
        for _ in range(4):
            parts.append(float(rest))
            rest -= mp.mpf(parts[-1])
        print(parts)


if __name__ == "__main__":
    names = sys.argv[1:]
    if names == ["two_over_pi"]:
        two_over_pi()
        sys.exit()
    for name, make in POLYNOMIALS.items():
        if not names or name in names:
            coefficients, error = make()
            print(f"{name}: error 2^{float(mp.log(error, 2)):.1f}")
            print("   ", ",\n    ".join(map(repr, coefficients)))
