"""Arguments and correctly rounded results of the mathematical functions, for compiler/tests/math_points.txt
(needs gmpy2, which is MPFR).

    python tests/oracle/math_points.py > compiler/tests/math_points.txt

A line is the function, the bits of its arguments, the bits of the result rounded to f64, and what is missing to the true value
in thousandths of the last place. For each function: special points, random ones, and of 4000 random ones those whose result is
nearest to the middle between two numbers; every other of these arguments is an f32 number. Then where 10^8 arguments
(compiler/examples/math_points.rs) had the largest errors.
"""

import random
import math
import struct

import gmpy2
from gmpy2 import mpfr

gmpy2.get_context().precision = 300
gmpy2.get_context().emin, gmpy2.get_context().emax = -100000, 100000

# Intervals, and the exponents between which arguments are spread evenly.
DOMAINS = {
    "exp": ([(-746, 710), (-1, 1), (-745.2, -708)], (-60, 9.4)),
    "exp2": ([(-1075, 1024), (-1, 1), (-1075, -1020)], (-60, 10)),
    "expm1": ([(-40, 710), (-1, 1), (-0.5, 0.5)], (-60, 9.4)),
    "log": ([(0, 10), (0.5, 2), (0.99, 1.01)], (-1074, 1024)),
    "log2": ([(0, 10), (0.5, 2), (0.99, 1.01)], (-1074, 1024)),
    "log10": ([(0, 10), (0.5, 2), (0.99, 1.01)], (-1074, 1024)),
    "log1p": ([(-1, 10), (-0.5, 0.6), (-0.01, 0.01)], (-1022, 1024)),
    "sin": ([(-1, 1), (-4, 4), (-1e5, 1e5), (-1e12, 1e12)], (-1022, 1024)),
    "cos": ([(-1, 1), (-4, 4), (-1e5, 1e5), (-1e12, 1e12)], (-60, 1024)),
    "tan": ([(-1, 1), (-4, 4), (-1e5, 1e5), (-1e12, 1e12)], (-1022, 1024)),
    "asin": ([(-1, 1), (-0.6, 0.6), (0.98, 1)], (-100, 0)),
    "acos": ([(-1, 1), (-0.6, 0.6), (0.98, 1)], (-60, 0)),
    "atan": ([(-1, 1), (-4, 4), (-100, 100)], (-200, 200)),
    "sinh": ([(-710, 710), (-1, 1), (-40, 40)], (-100, 9.4)),
    "cosh": ([(-710, 710), (-1, 1), (-40, 40)], (-40, 9.4)),
    "tanh": ([(-1, 1), (-4, 4), (-22, 22)], (-200, 5)),
    "asinh": ([(-1, 1), (-4, 4), (-100, 100)], (-1022, 1023)),
    "acosh": ([(1, 2), (1, 100), (1, 1.01)], (0, 1023)),
    "atanh": ([(-1, 1), (-0.6, 0.6), (0.98, 1)], (-100, 0)),
    "cbrt": ([(-1, 1), (-8, 8)], (-1074, 1023)),
    "erf": ([(-1, 1), (-3, 3), (-6, 6)], (-1021, 2.5)),
    "erfc": ([(-1, 1), (-3, 3), (-6, 26.5), (0, 10)], (-50, 4.7)),
    "gamma": ([(0, 5), (-5, 5), (-30, 30), (0, 171)], (-1022, 7.4)),
    "lgamma": ([(0, 5), (-5, 5), (-30, 30), (0.9, 1.1), (1.9, 2.1)], (-1022, 1000)),
}
PAIRS = ["pow", "atan2", "hypot"]

# `erfc` was wrong by 1.05 units in the last place at the second one.
WORST = {
    "exp": ["0x1.b9e3d9d019ac4p+8"],
    "exp2": ["-0x1.ff2ec442baa0fp+9"],
    "expm1": ["-0x1.28aac3ca83871p+5"],
    "log": ["0x1.461d1834e479dp+0", "0x1.48370cd3f95d1p+0"],
    "log2": ["0x1.7b77090a5af99p-1"],
    "log10": ["0x1.7ff35455d604bp-1"],
    "log1p": ["0x1.f34d3254bf134p-2"],
    "sin": ["-0x1.a5fe271ed2cf6p-1"],
    "cos": ["-0x1.8ec1f89ddd343p+39"],
    "tan": ["-0x1.f3c5336355f84p+1"],
    "asin": ["0x1.0bcd6f7bc57a1p-1"],
    "acos": ["0x1.18741c9c07151p-1"],
    "atan": ["-0x1.e7fd2630c85ccp-2"],
    "sinh": ["-0x1.6371e97c34bb4p-2"],
    "cosh": ["0x1.0b9ccaa23a4ap+6"],
    "tanh": ["-0x1.00d153cb8c3b9p-3"],
    "asinh": ["0x1.949bf59de8f9p-2"],
    "acosh": ["0x1.137942f095aap+0"],
    "atanh": ["0x1.f8b9a2b4541cp-2"],
    "cbrt": ["0x1.f0fe698041ap-7"],
    "erf": ["0x1.cc2a9793f3ccp-3", "0x1.c8c59da6d3e22p-3"],
    "erfc": ["0x1.13e240a7f86cap-1", "0x1.0fb1011a1e7f2p-1", "0x1.8db76328d3a24p+0"],
    "gamma": ["-0x1.637f1ba07c668p-57", "-0x1.55c93cd3e471ep+7", "-0x1.020189efcb03p+1", "0x1.b48dfe33b2c94p+0"],
    # Close to zeros whose distance from a whole number is less than the last place, too.
    "lgamma": ["-0x1.5b7d845a17d62p+1", "-0x1.5d991abf9d13cp+1", "-0x1.1ffff9f8f7b61p+3"]
    + [math.nextafter(-n, side).hex() for n in (15, 16, 17, 18) for side in (0, -100)],
    "pow": ["0x1.682658e134095p+0 -0x1.036b2a152d1e6p+11"],
    "atan2": ["0x1.ed1ffb42b1268p+1 0x1.fa487b42a8ddbp+2"],
    "hypot": ["0x0.a52c0ea544b69p-1022 0x0.00018d5d02bcdp-1022"],
}


def bits(x):
    return struct.pack(">d", x).hex()


def narrow(x):
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return x


def value(name, args):
    args = [mpfr(a) for a in args]
    if name == "pow":
        return args[0] ** args[1]
    if name == "lgamma":
        return gmpy2.lgamma(args[0])[0]
    return getattr(gmpy2, name)(*args)


def rounded(v):
    with gmpy2.context(gmpy2.ieee(64)):
        return float(+v) if not gmpy2.is_zero(v) else 0.0


def line(name, args):
    """The line, and how far the result is from the middle between two numbers."""
    v = value(name, args)
    if gmpy2.is_nan(v) or gmpy2.is_infinite(v) or gmpy2.is_zero(v):
        return None
    result = rounded(v)
    if result in (float("inf"), float("-inf")) or result == 0:
        return None
    exponent = max(gmpy2.get_exp(mpfr(result)) - 53, -1074)
    missing = float((v - mpfr(result)) * mpfr(2) ** -exponent)
    text = " ".join([name, *map(bits, args), bits(result), str(round(missing * 1000))])
    return text, 0.5 - abs(missing)


def sample(name, random):
    intervals, (low, high) = DOMAINS[name]
    choice = random.randrange(len(intervals) + 1)
    if choice < len(intervals):
        return random.uniform(*intervals[choice])
    x = float(mpfr(2) ** random.uniform(low, high))
    return x if name in ("log", "log2", "log10", "acosh") or random.random() < 0.5 else -x


def sample_pair(name, random):
    if name != "pow":
        x = random.uniform(-10, 10)
        return x, x * 2.0 ** random.uniform(-30, 30) * random.choice((1, -1))
    kind = random.randrange(4)
    if kind == 0:
        return random.uniform(0, 10), random.uniform(-10, 10)
    if kind == 1:
        return -float(random.randrange(1, 300)), float(random.randrange(-60, 60))
    x = 2.0 ** random.uniform(-900, 900) if kind == 2 else random.uniform(0.7, 1.6)
    return x, random.uniform(-700, 700) / float(gmpy2.log(mpfr(x)))


def points(name):
    source = random.Random(name)
    draw = sample_pair if name in PAIRS else sample
    lines = []
    for i in range(60 + 4000):
        args = draw(name, source)
        args = args if isinstance(args, tuple) else (args,)
        if i % 2:
            args = tuple(map(narrow, args))
        if found := line(name, args):
            lines.append(found)
    hard = sorted(lines[60:], key=lambda entry: entry[1])[:20]
    worst = [line(name, tuple(map(float.fromhex, words.split()))) for words in WORST[name]]
    return [text for text, _ in lines[:60] + hard + worst]


for name in [*DOMAINS, *PAIRS]:
    print("\n".join(points(name)))
