"""What the kernels of `kernels/*.k` should return, computed with NumPy array operations instead of their loops.

One function per kernel, named after it, with the parameters and defaults of the kernel's `main` and its results.
`CASES` lists the calls that are stored in `kernels.json`, `TOLERANCES` how closely each result has to agree.

Where a kernel only adds, subtracts, multiplies, divides, compares and takes square roots, the reference does so in the same
order per element, so that the results are equal to the bit ("exact"). Sums in another order and functions such as exp
differ by rounding ("rel": relative to the largest magnitude in the result).
"""

import math

import numpy as np

EXACT = {"kind": "exact"}
REL = {"kind": "rel", "rel": 1e-12}


def index(*shape):
    """Row and column numbers (or just numbers) as integer arrays of this shape."""
    return np.indices(shape) if len(shape) > 1 else np.arange(shape[0])


def saxpy(n=1_000_000, a=2.0):
    i = index(n)
    return np.float32(a) * (i % 1024).astype(np.float32) + ((i % 7) / 2).astype(np.float32)


def triad(n=1_000_000, s=3.0):
    i = index(n)
    return 0.1 * (i % 100) + s * (0.25 * (i % 13))


def dot(n=1_000_000):
    x = 1.0 / np.arange(1, n + 1)
    return math.fsum(x * x)


def matmul(n=200):
    i, j = index(n, n)
    a = 0.01 * ((i * 31 + j * 17) % 97) - 0.4
    b = 0.02 * ((i * 13 + j * 29) % 89) - 0.8
    c = np.zeros((n, n))
    for k in range(n):
        c += np.outer(a[:, k], b[k, :])
    assert np.allclose(c, a @ b, rtol=1e-13, atol=1e-12)
    return c, 0.0


def heat(n=200, steps=100, k=0.1):
    u = np.zeros((n, n))
    u[0] = 100.0
    for _ in range(steps):
        new = u.copy()
        new[1:-1, 1:-1] += k * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1])
        u = new
    return u


def jacobi(n=64, tol=1e-6, max_sweeps=20_000):
    h = 1.0 / (n - 1)
    x = np.sin(np.pi * np.arange(n) * h)
    f = 2.0 * np.pi**2 * np.outer(x, x)
    u = np.zeros((n, n))
    for sweep in range(1, max_sweeps + 1):
        new = u.copy()
        new[1:-1, 1:-1] = 0.25 * (
            u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + h * h * f[1:-1, 1:-1]
        )
        change = np.max(np.abs(new - u))
        u = new
        if change <= tol:
            break
    # Second order: the error of the discrete solution is below h^2, that of stopping early below tol / (1 - radius).
    assert np.max(np.abs(u - np.outer(x, x))) < h * h + tol * 2 / (h * np.pi) ** 2 or sweep == max_sweeps
    return u, sweep


def _escape(x, y, cx, cy, max_iter):
    """Steps of x + iy <- (x + iy)^2 + cx + i cy until the square of the magnitude is above 4."""
    steps = np.full(x.shape, float(max_iter))
    alive = np.ones(x.shape, dtype=bool)
    with np.errstate(all="ignore"):
        for step in range(max_iter):
            xx, yy, xy = x * x, y * y, x * y
            out = alive & (xx + yy > 4.0)
            steps[out] = step
            alive &= ~out
            if not alive.any():
                break
            x, y = xx - yy + cx, xy + xy + cy
    return steps


def mandelbrot(width=640, height=480, max_iter=200, x_min=-2.2, x_max=1.0, y_min=-1.2, y_max=1.2):
    i, j = index(height, width)
    cx = x_min + (j + 0.5) * ((x_max - x_min) / width)
    cy = y_max - (i + 0.5) * ((y_max - y_min) / height)
    zero = np.zeros((height, width))
    return _escape(zero, zero, cx, cy, max_iter)


def julia(width=640, height=480, c_re=-0.8, c_im=0.156, radius=1.2, max_iter=200):
    i, j = index(height, width)
    pixel = 2.0 * radius / min(width, height)
    x = (j + 0.5 - 0.5 * width) * pixel
    y = (0.5 * height - i - 0.5) * pixel
    return _escape(x, y, c_re, c_im, max_iter)


def nbody(n=400, steps=10, dt=0.001, eps=0.05):
    i = index(n)
    r = np.stack([i * 37 % 101 / 101.0 - 0.5, i * 53 % 103 / 103.0 - 0.5, i * 71 % 107 / 107.0 - 0.5])
    v = np.stack([-0.5 * r[1], 0.5 * r[0], np.zeros(n)])
    m = 1.0 / n

    def acceleration():
        d = r[:, None, :] - r[:, :, None]
        return (m * d / ((d * d).sum(axis=0) + eps * eps) ** 1.5).sum(axis=2)

    def energy():
        d = r[:, None, :] - r[:, :, None]
        pairs = 1.0 / np.sqrt((d * d).sum(axis=0) + eps * eps)
        return 0.5 * m * (v * v).sum() - m * m * np.tril(pairs, -1).sum()

    before = energy()
    a = acceleration()
    for _ in range(steps):
        v += 0.5 * dt * a
        r += dt * v
        a = acceleration()
        v += 0.5 * dt * a
    return r[0], r[1], r[2], (energy() - before) / abs(before)


def black_scholes(n=200_000, rate=0.02, sigma=0.3):
    i = index(n)
    s, k, t = 80.0 + 0.1 * (i % 400), 75.0 + 0.5 * (i % 101), 0.25 + 0.01 * (i % 300)
    cdf = np.vectorize(lambda d: 0.5 * math.erfc(-d / math.sqrt(2)), otypes=[float])
    d1 = (np.log(s / k) + (rate + sigma**2 / 2) * t) / (sigma * np.sqrt(t))
    d2 = d1 - sigma * np.sqrt(t)
    call = s * cdf(d1) - k * np.exp(-rate * t) * cdf(d2)
    put = call - s + k * np.exp(-rate * t)  # put-call parity
    return call, put


def monte_carlo_pi(n=1_000_000, seed=7):
    x, y = np.random.RandomState(seed).random_sample((n, 2)).T
    return 4.0 * np.count_nonzero(x * x + y * y < 1.0) / n, math.pi


def histogram(n=500_000, bins=64, seed=11):
    x = np.random.default_rng(seed).normal(size=n)
    w = 1.0 / (1.0 + index(n) % 10)
    inside = (-4.0 <= x) & (x < 4.0)
    bin_of = ((x[inside] + 4.0) * (bins / 8.0)).astype(np.int64)
    counts = np.bincount(bin_of, minlength=bins)
    assert np.array_equal(counts, np.histogram(x[inside], bins=bins, range=(-4.0, 4.0))[0])
    return counts, np.bincount(bin_of, weights=w[inside], minlength=bins)


def prefix_sum(n=1_000_000):
    s = np.cumsum(index(n) * 7 % 11 - 4.0)
    return s, s


def floyd_warshall(n=150):
    # Bellman-Ford for all sources at once: another algorithm with the same answer, exact because lengths are whole numbers.
    i = index(n)
    weight = np.full((n, n), np.inf)
    weight[i, (i + 1) % n] = 1 + i % 7
    weight[i, (i * i + 3) % n] = 5 + i % 11
    weight[i, (i * 7 + 2) % n] = 9 + i % 5
    weight[i, i] = 0.0
    d = weight
    while True:
        new = np.stack([(d[:, :, None][s] + weight).min(axis=0) for s in range(n)])
        if np.array_equal(new, d):
            return d, d
        d = new


def lu(n=200):
    i, j = index(n, n)
    a = (i * i * 7 + j * 61 + i * j * 13) % 101 / 101.0 - 0.5 + 2.0 * np.eye(n)
    b = a.sum(axis=1)
    original = a.copy()
    pivots = np.zeros(n, dtype=np.int64)
    order = np.arange(n)
    for k in range(n):
        p = k + np.argmax(np.abs(a[k:, k]))
        pivots[k] = p
        a[[k, p]] = a[[p, k]]
        order[[k, p]] = order[[p, k]]
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    lower, upper = np.tril(a, -1) + np.eye(n), np.triu(a)
    assert np.allclose(lower @ upper, original[order], rtol=0, atol=1e-11)
    x = np.linalg.solve(original, b)
    assert np.allclose(x, 1.0, rtol=0, atol=1e-10)
    return a, pivots, x


def cholesky(n=200):
    i, j = index(n, n)
    return np.linalg.cholesky(1.0 / (1 + abs(i - j)) + np.eye(n))


def spmv(m=300):
    i, j = index(m, m)
    x = np.pad((i * j).astype(float), 1)
    return (4.0 * x[1:-1, 1:-1] - x[:-2, 1:-1] - x[2:, 1:-1] - x[1:-1, :-2] - x[1:-1, 2:]).ravel()


def game_of_life(n=256, steps=100):
    i, j = index(n, n)
    cells = ((i * 7 + j * 13 + i * j) % 5 < 2).astype(np.uint8)
    for _ in range(steps):
        around = sum(np.roll(cells, (p, q), (0, 1)) for p in (-1, 0, 1) for q in (-1, 0, 1)) - cells
        cells = ((around == 3) | ((around == 2) & (cells == 1))).astype(np.uint8)
    return cells


def kmeans(n=20_000, k=8, d=2, seed=3, max_rounds=50):
    i, j = index(n, d)
    points = 10.0 * np.sin(2.0 * np.pi * (i % k) / k + j * 0.5 * np.pi)
    points = points + np.random.default_rng(seed).normal(size=(n, d))
    centres = points[:k].copy()
    labels = np.full(n, -1)
    for rounds in range(1, max_rounds + 1):
        new = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        if np.array_equal(new, labels):
            break
        labels = new
        for c in range(k):
            if np.any(labels == c):
                centres[c] = points[labels == c].mean(axis=0)
    return centres, labels, rounds


def pairwise_distance(n=500, d=3):
    i, k = index(n, d)
    x = (i * 37 + k * 59 + i * k) % 1009 / 1009.0
    return np.sqrt(sum((x[:, None, q] - x[None, :, q]) ** 2 for q in range(d)))


def convolve2d(height=240, width=320, size=5, sigma=1.5):
    i, j = index(height, width)
    image = (i // 8 + j // 8) % 2 + 0.002 * j
    x = np.arange(size) - 0.5 * (size - 1)
    w = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2.0 * sigma**2))
    w /= w.sum()
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))
    return np.einsum("ijpq,pq->ij", windows, w[::-1, ::-1])


def levenshtein(n=2000):
    state, letters = 12345, []
    for _ in range(n):
        state = (state * 1103515245 + 12345) % 2**31
        letters.append(65 + (state >> 16) % 4)
    a = np.array(letters)
    i = index(n)
    b = np.where(i % 13 == 0, 90, a)[i % 9 != 0]
    # Row by row; a running minimum takes care of insertions.
    step = np.arange(len(b) + 1)
    row = step.copy()
    for number, letter in enumerate(a, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + (b != letter))
        row = np.minimum.accumulate(np.concatenate([[number], best]) - step) + step
    return int(row[-1])


def sieve(limit=1_000_000):
    is_prime = np.ones(limit + 1, dtype=bool)
    is_prime[:2] = False
    for p in range(2, math.isqrt(limit) + 1):
        is_prime[p * p :: p] &= not is_prime[p]
    primes = np.flatnonzero(is_prime)
    return len(primes), int(primes[-1])


def fir_filter(n=100_000, taps=65, cutoff=0.1):
    i = index(n)
    x = abs(i % 200 - 100) * 0.02 - 1.0 + 0.5 * (1 - i % 2 * 2)
    h = 2.0 * cutoff * np.sinc(2.0 * cutoff * (np.arange(taps) - 0.5 * (taps - 1))) * np.hamming(taps)
    return np.convolve(x, h / h.sum(), mode="valid")


def rk4_lorenz(n=200, steps=1000, dt=0.01):
    s = np.stack([1.0 + 0.001 * index(n), np.ones(n), np.full(n, 20.0)])

    def slope(s):
        return np.stack([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]])

    for _ in range(steps):
        k1 = slope(s)
        k2 = slope(s + 0.5 * dt * k1)
        k3 = slope(s + 0.5 * dt * k2)
        k4 = slope(s + dt * k3)
        s = s + (k1 + 2.0 * k2 + 2.0 * k3 + k4) * (dt / 6.0)
    return s.T.copy()


def option_binomial(n=100, steps=200, rate=0.03, sigma=0.25):
    i = index(n)
    spot, strike, years = 90.0 + 0.2 * i, 95.0 + i % 11, 0.5 + 0.01 * (i % 50)
    dt = years / steps
    up = np.exp(sigma * np.sqrt(dt))
    p = (np.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    discount = np.exp(-rate * dt)

    def exercised(level):
        return strike[:, None] - spot[:, None] * up[:, None] ** (2.0 * np.arange(level + 1) - level)

    value = np.maximum(exercised(steps), 0.0)
    for level in range(steps - 1, -1, -1):
        held = discount[:, None] * (p[:, None] * value[:, 1:] + (1.0 - p[:, None]) * value[:, :-1])
        value = np.maximum(exercised(level), held)
    return value[:, 0]


# The calls of `main`: small ones (which CPython runs as well), and the defaults.
CASES = {
    "saxpy": [{"n": 7, "a": -1.5}, {"n": 3000}, {}],
    "triad": [{"n": 7, "s": -1.5}, {"n": 3000}, {}],
    "dot": [{"n": 5}, {"n": 3000}, {}],
    "matmul": [{"n": 1}, {"n": 5}, {"n": 37}, {}],
    "heat": [{"n": 5, "steps": 3}, {"n": 20, "steps": 10, "k": 0.2}, {}],
    "jacobi": [{"n": 5, "tol": 1e-3}, {"n": 17, "tol": 1e-4}, {"n": 17, "max_sweeps": 3}, {}],
    "mandelbrot": [{"width": 8, "height": 6, "max_iter": 50}, {"width": 33, "height": 20, "max_iter": 60}, {}],
    "julia": [{"width": 8, "height": 6, "max_iter": 50}, {"width": 20, "height": 31, "c_re": -0.4, "c_im": 0.6}, {}],
    "nbody": [{"n": 5, "steps": 2}, {"n": 40, "steps": 5}, {}],
    "black_scholes": [{"n": 6}, {"n": 2000, "rate": 0.05, "sigma": 0.2}, {}],
    "monte_carlo_pi": [{"n": 5000}, {"n": 20000, "seed": 123}, {}],
    "histogram": [{"n": 1000, "bins": 8}, {"n": 5000, "bins": 33, "seed": 4}, {}],
    "prefix_sum": [{"n": 10}, {"n": 4096}, {"n": 10000}, {}],
    "floyd_warshall": [{"n": 6}, {"n": 25}, {}],
    "lu": [{"n": 4}, {"n": 25}, {}],
    "cholesky": [{"n": 4}, {"n": 25}, {}],
    "spmv": [{"m": 3}, {"m": 20}, {}],
    "game_of_life": [{"n": 6, "steps": 3}, {"n": 24, "steps": 12}, {}],
    "kmeans": [{"n": 60, "k": 3}, {"n": 600, "k": 5, "d": 3, "seed": 8}, {}],
    "pairwise_distance": [{"n": 4, "d": 2}, {"n": 30, "d": 5}, {}],
    "convolve2d": [{"height": 7, "width": 9, "size": 3}, {"height": 20, "width": 24, "sigma": 0.8}, {}],
    "levenshtein": [{"n": 1}, {"n": 10}, {"n": 150}, {}],
    "sieve": [{"limit": 2}, {"limit": 30}, {"limit": 5000}, {}],
    "fir_filter": [{"n": 12, "taps": 5}, {"n": 600, "taps": 32, "cutoff": 0.2}, {}],
    "rk4_lorenz": [{"n": 3, "steps": 10}, {"n": 10, "steps": 100, "dt": 0.02}, {}],
    "option_binomial": [{"n": 3, "steps": 4}, {"n": 10, "steps": 40, "rate": 0.05}, {}],
}

# One per result; a single one holds for all results.
TOLERANCES = {
    "dot": REL,
    "jacobi": [REL, EXACT],
    "nbody": [REL, REL, REL, {"kind": "abs", "abs": 1e-12}],
    "black_scholes": REL,
    # The parallel streams are kjit's own: the estimate only has to be near pi, within six standard deviations.
    "monte_carlo_pi": [EXACT, {"kind": "sigmas", "sigma_times_sqrt_n": 1.6422, "sigmas": 6.0}],
    "histogram": [EXACT, REL],
    "lu": [EXACT, EXACT, {"kind": "rel", "rel": 1e-10}],
    "cholesky": REL,
    "kmeans": [REL, EXACT, EXACT],
    "convolve2d": REL,
    "fir_filter": REL,
    "option_binomial": REL,
}
