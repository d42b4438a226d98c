"""`kjit run kernels/saxpy.k` as a Numba program with its disk cache: for the benchmark of process start.

The first run compiles and fills `__pycache__` (or NUMBA_CACHE_DIR); later ones load from there.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def saxpy(a, x, y):
    for i in range(x.shape[0]):
        y[i] = a * x[i] + y[i]


@njit(cache=True)
def main(n, a):
    x = np.empty(n, dtype=np.float32)
    y = np.empty(n, dtype=np.float32)
    for i in range(n):
        x[i] = i % 1024
        y[i] = 0.5 * (i % 7)
    saxpy(a, x, y)
    return y


if __name__ == "__main__":
    y = main(1_000_000, np.float32(2.0))
    print("y", y.dtype, y.shape, y.min(), y.max(), y.mean(), y[:4])
