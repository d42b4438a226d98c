"""The programs of `kjit-bench gpu` in Numba's `cuda` and in CuPy, timed by the device's own clock.

    python gpu_peers.py --elements 67108864 --rounds 50 NAME:SHARE ...

prints one JSON object: for each library a version or the reason why it was skipped, and microseconds of one round by name. Arrays
are on the device before and stay there; compiling and three rounds come before what is timed.
"""

import argparse
import json
import math
import os
import statistics

import numpy as np

try:
    # A global name, which Numba's simulator wants.
    from numba import cuda
except ImportError:
    cuda = None

BLOCK = 256


def numba_programs(n):
    """Name -> function that starts one round, and a check of its result."""
    from numba import float64, int64

    m = int(math.sqrt(n))
    blocks = (n + BLOCK - 1) // BLOCK
    square = ((m + 31) // 32, (m + 7) // 8)
    few = min(blocks, 1024)

    @cuda.jit(fastmath=False)
    def copy(x, y):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = x[i]

    @cuda.jit
    def saxpy(a, x, y):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = a * x[i] + y[i]

    @cuda.jit
    def triad(a, b, c):
        i = cuda.grid(1)
        if i < a.size:
            a[i] = b[i] + 3.0 * c[i]

    @cuda.jit
    def fused(a, b, c, d):
        i = cuda.grid(1)
        if i < a.size:
            a[i] = b[i] * c[i] + d[i] * (b[i] - 0.5) + c[i] * d[i]

    @cuda.jit
    def stencil(u, v):
        j, i = cuda.grid(2)
        if 0 < i < u.shape[0] - 1 and 0 < j < u.shape[1] - 1:
            v[i, j] = 0.5 * u[i, j] + 0.125 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])

    @cuda.jit(device=True)
    def fold(s, t, total):
        """Leaves the sum of the block's numbers in `s[0]`."""
        s[t] = total
        cuda.syncthreads()
        d = BLOCK // 2
        while d > 0:
            if t < d:
                s[t] += s[t + d]
            cuda.syncthreads()
            d //= 2

    @cuda.jit
    def sums(x, out):
        s = cuda.shared.array(BLOCK, float64)
        t = cuda.threadIdx.x
        total = 0.0
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            total += x[i]
        fold(s, t, total)
        if t == 0:
            out[cuda.blockIdx.x] = s[0]

    @cuda.jit
    def dots(x, y, out):
        s = cuda.shared.array(BLOCK, float64)
        t = cuda.threadIdx.x
        total = 0.0
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            total += x[i] * y[i]
        fold(s, t, total)
        if t == 0:
            out[cuda.blockIdx.x] = s[0]

    @cuda.jit
    def maxima(x, out):
        s = cuda.shared.array(BLOCK, float64)
        t = cuda.threadIdx.x
        most = 0.0
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            most = max(most, x[i])
        s[t] = most
        cuda.syncthreads()
        d = BLOCK // 2
        while d > 0:
            if t < d:
                s[t] = max(s[t], s[t + d])
            cuda.syncthreads()
            d //= 2
        if t == 0:
            out[cuda.blockIdx.x] = s[0]

    @cuda.jit
    def rows(x, y):
        s = cuda.shared.array(BLOCK, float64)
        t = cuda.threadIdx.x
        i = cuda.blockIdx.x
        total = 0.0
        for j in range(t, x.shape[1], cuda.blockDim.x):
            total += x[i, j]
        fold(s, t, total)
        if t == 0:
            y[i] = s[0]

    @cuda.jit
    def columns(x, y):
        j = cuda.grid(1)
        if j < x.shape[1]:
            total = 0.0
            for i in range(x.shape[0]):
                total += x[i, j]
            y[j] = total

    @cuda.jit
    def black_scholes(spot, strike, years, call, put):
        i = cuda.grid(1)
        if i < spot.size:
            root = 0.3 * math.sqrt(years[i])
            d1 = (math.log(spot[i] / strike[i]) + (0.02 + 0.045) * years[i]) / root
            d2 = d1 - root
            below1 = 0.5 * math.erfc(-d1 * 0.7071067811865476)
            below2 = 0.5 * math.erfc(-d2 * 0.7071067811865476)
            discount = strike[i] * math.exp(-0.02 * years[i])
            call[i] = spot[i] * below1 - discount * below2
            put[i] = discount * (1.0 - below2) - spot[i] * (1.0 - below1)

    @cuda.jit
    def mandelbrot(counts):
        j, i = cuda.grid(2)
        size = counts.shape[0]
        if i < size and j < size:
            x0 = 3.5 * j / size - 2.5
            y0 = 2.0 * i / size - 1.0
            x = 0.0
            y = 0.0
            k = 0
            while k < 200 and x * x + y * y < 4.0:
                t = x * x - y * y + x0
                y = 2.0 * x * y + y0
                x = t
                k += 1
            counts[i, j] = k

    @cuda.jit
    def nbody(x, y, z, ax, ay, az):
        i = cuda.grid(1)
        if i < x.size:
            sx = 0.0
            sy = 0.0
            sz = 0.0
            for j in range(x.size):
                dx = x[j] - x[i]
                dy = y[j] - y[i]
                dz = z[j] - z[i]
                r2 = dx * dx + dy * dy + dz * dz + 0.01
                w = 1.0 / (r2 * math.sqrt(r2))
                sx += w * dx
                sy += w * dy
                sz += w * dz
            ax[i] = sx
            ay[i] = sy
            az[i] = sz

    def full(value, shape=n, dtype=np.float64):
        return cuda.to_device(np.full(shape, value, dtype=dtype))

    def vectors(kernel, *values):
        arrays = [full(value) for value in values]
        return lambda: kernel[blocks, BLOCK](*arrays)

    def reduction(kernel, last, *values):
        arrays, parts, total = [full(value) for value in values], full(0.0, few), full(0.0, 1)

        def start():
            kernel[few, BLOCK](*arrays, parts)
            last[1, BLOCK](parts, total)

        return start

    def matrix(kernel, grid, block, *arrays):
        return lambda: kernel[grid, block](*arrays)

    def single():
        x, y = full(1.0, n, np.float32), full(0.0, n, np.float32)
        return lambda: saxpy[blocks, BLOCK](np.float32(2.0), x, y)

    points = [cuda.to_device((np.arange(n) * k % p) / p - 0.5) for k, p in ((37, 101), (53, 103), (71, 107))]
    return {
        "copy": lambda: vectors(copy, 1.0, 0.0),
        "saxpy f32": single,
        "triad": lambda: vectors(triad, 0.0, 1.0, 1.0),
        "fused expression": lambda: vectors(fused, 0.0, 1.0, 1.0, 1.0),
        "5-point stencil": lambda: matrix(stencil, square, (32, 8), full(1.0, (m, m)), full(0.0, (m, m))),
        "sum": lambda: reduction(sums, sums, 1.0),
        "dot": lambda: reduction(dots, sums, 1.0, 1.0),
        "max": lambda: reduction(maxima, maxima, 1.0),
        "row sums": lambda: matrix(rows, m, BLOCK, full(1.0, (m, m)), full(0.0, m)),
        "column sums": lambda: matrix(columns, (m + 63) // 64, 64, full(1.0, (m, m)), full(0.0, m)),
        "Black-Scholes": lambda: vectors(black_scholes, 100.0, 110.0, 1.5, 0.0, 0.0),
        "Mandelbrot": lambda: matrix(mandelbrot, square, (32, 8), full(0, (m, m), np.int64)),
        "nbody": lambda: matrix(nbody, blocks, BLOCK, *points, full(0.0), full(0.0), full(0.0)),
    }


def cupy_programs(cp, n):
    m = int(math.sqrt(n))

    def saxpy():
        x, y = cp.ones(n, cp.float32), cp.zeros(n, cp.float32)
        kernel = cp.ElementwiseKernel("float32 a, float32 x, float32 y", "float32 z", "z = a * x + y")
        return lambda: kernel(cp.float32(2.0), x, y, y)

    def fused():
        b, c, d, a = cp.ones(n), cp.ones(n), cp.ones(n), cp.empty(n)
        kernel = cp.ElementwiseKernel(
            "float64 b, float64 c, float64 d", "float64 a", "a = b * c + d * (b - 0.5) + c * d"
        )
        return lambda: kernel(b, c, d, a)

    def triad():
        b, c, a = cp.ones(n), cp.ones(n), cp.empty(n)
        kernel = cp.ElementwiseKernel("float64 b, float64 c", "float64 a", "a = b + 3.0 * c")
        return lambda: kernel(b, c, a)

    def copy():
        x, y = cp.ones(n), cp.empty(n)
        return lambda: cp.copyto(y, x)

    def reduce(function, *arrays):
        out = cp.empty(())
        return lambda: function(*arrays, out=out)

    def stencil():
        u, v = cp.ones((m, m)), cp.zeros((m, m))
        kernel = cp.ElementwiseKernel(
            "raw float64 u, int64 m", "float64 v",
            """long long r = i / m, c = i % m;
               if (r > 0 && r < m - 1 && c > 0 && c < m - 1)
                   v = 0.5 * u[i] + 0.125 * (u[i - m] + u[i + m] + u[i - 1] + u[i + 1]);""",
        )
        return lambda: kernel(u, m, v)

    def black_scholes():
        spot, strike, years = cp.full(n, 100.0), cp.full(n, 110.0), cp.full(n, 1.5)
        call, put = cp.empty(n), cp.empty(n)
        kernel = cp.ElementwiseKernel(
            "float64 spot, float64 strike, float64 years", "float64 call, float64 put",
            """double root = 0.3 * sqrt(years);
               double d1 = (log(spot / strike) + (0.02 + 0.045) * years) / root, d2 = d1 - root;
               double below1 = 0.5 * erfc(-d1 * 0.7071067811865476), below2 = 0.5 * erfc(-d2 * 0.7071067811865476);
               double discount = strike * exp(-0.02 * years);
               call = spot * below1 - discount * below2;
               put = discount * (1.0 - below2) - spot * (1.0 - below1);""",
            options=("--fmad=false",),
        )
        return lambda: kernel(spot, strike, years, call, put)

    def mandelbrot():
        counts = cp.zeros((m, m), cp.int64)
        kernel = cp.ElementwiseKernel(
            "int64 size", "int64 count",
            """double x0 = 3.5 * (double)(i % size) / size - 2.5, y0 = 2.0 * (double)(i / size) / size - 1.0;
               double x = 0.0, y = 0.0;
               long long k = 0;
               while (k < 200 && x * x + y * y < 4.0) {
                   double t = x * x - y * y + x0;
                   y = 2.0 * x * y + y0;
                   x = t;
                   k += 1;
               }
               count = k;""",
            options=("--fmad=false",),
        )
        return lambda: kernel(m, counts)

    def nbody():
        x, y, z = [(cp.arange(n) * k % p) / p - 0.5 for k, p in ((37, 101), (53, 103), (71, 107))]
        ax, ay, az = cp.empty(n), cp.empty(n), cp.empty(n)
        kernel = cp.ElementwiseKernel(
            "raw float64 x, raw float64 y, raw float64 z, int64 n", "float64 ax, float64 ay, float64 az",
            """double sx = 0.0, sy = 0.0, sz = 0.0, xi = x[i], yi = y[i], zi = z[i];
               for (long long j = 0; j < n; j++) {
                   double dx = x[j] - xi, dy = y[j] - yi, dz = z[j] - zi;
                   double r2 = dx * dx + dy * dy + dz * dz + 0.01, w = 1.0 / (r2 * sqrt(r2));
                   sx += w * dx;
                   sy += w * dy;
                   sz += w * dz;
               }
               ax = sx; ay = sy; az = sz;""",
            options=("--fmad=false",),
        )
        return lambda: kernel(x, y, z, n, ax, ay, az)

    ones = lambda *shape: cp.ones(shape)
    return {
        "copy": copy,
        "saxpy f32": saxpy,
        "triad": triad,
        "fused expression": fused,
        "5-point stencil": stencil,
        "sum": lambda: reduce(cp.sum, ones(n)),
        "dot": lambda: (lambda x, y: lambda: cp.dot(x, y))(ones(n), ones(n)),
        "max": lambda: reduce(cp.max, ones(n)),
        "row sums": lambda: (lambda x: lambda: cp.sum(x, axis=1))(ones(m, m)),
        "column sums": lambda: (lambda x: lambda: cp.sum(x, axis=0))(ones(m, m)),
        "Black-Scholes": black_scholes,
        "Mandelbrot": mandelbrot,
        "nbody": nbody,
    }


def measure(programs, wanted, elements, rounds, event, synchronize):
    times = {}
    for name, share in wanted:
        prepare = programs(max(int(elements * share), 1)).get(name)
        if prepare is None:
            continue
        start = prepare()
        for _ in range(min(3, rounds)):
            start()
        synchronize()
        samples = []
        for _ in range(rounds):
            before, after = event(), event()
            before.record()
            start()
            after.record()
            samples.append((before, after))
        synchronize()
        times[name] = 1000.0 * statistics.median(elapsed(*pair) for pair in samples)
    return times


def elapsed(before, after):
    if hasattr(before, "elapsed_time"):
        return before.elapsed_time(after)
    import cupy

    return cupy.cuda.get_elapsed_time(before, after)


def with_numba(wanted, elements, rounds):
    try:
        import numba
    except ImportError as error:
        return {"skipped": str(error)}
    if not os.environ.get("NUMBA_ENABLE_CUDASIM") and not cuda.is_available():
        return {"skipped": "Numba finds no GPU"}
    event = lambda: cuda.event()
    times = measure(numba_programs, wanted, elements, rounds, event, cuda.synchronize)
    return {"version": numba.__version__, "round_us": times}


def with_cupy(wanted, elements, rounds):
    try:
        import cupy as cp

        cp.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy has errors of its own for a missing driver.
        return {"skipped": str(error)}
    event, synchronize = lambda: cp.cuda.Event(), cp.cuda.runtime.deviceSynchronize
    times = measure(lambda n: cupy_programs(cp, n), wanted, elements, rounds, event, synchronize)
    return {"version": cp.__version__, "round_us": times}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--elements", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("programs", nargs="+", help="NAME:SHARE")
    options = parser.parse_args()
    wanted = [(name, float(share)) for name, share in (text.rsplit(":", 1) for text in options.programs)]
    result = {
        "numba": with_numba(wanted, options.elements, options.rounds),
        "cupy": with_cupy(wanted, options.elements, options.rounds),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
