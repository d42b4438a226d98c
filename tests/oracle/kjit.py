"""Lets CPython run `.k` files: what `from kjit import ...` finds when Python, not kjit, executes one.

A type name is a conversion (`f32(x)`), an annotation (`f64`, `f64[:, ::1]`) and a dtype (`np.zeros(n, dtype=f32)`).
`prange` is `range`: Python runs the iterations in order, which is one of the orders that kjit may choose.
"""

import sys
import numpy as np

prange = range


class _ArrayType:
    """An annotation such as `f64[:, :]`; Python only stores it."""

    def __init__(self, name, index):
        axes = index if isinstance(index, tuple) else (index,)
        if not all(isinstance(axis, slice) and axis.start is None and axis.stop is None and axis.step in (None, 1) for axis in axes):
            raise TypeError(f"{name}[...] takes ':' and '::1' only")
        self.name, self.axes = name, axes

    def __repr__(self):
        return f"{self.name}[{', '.join(':' if axis.step is None else '::1' for axis in self.axes)}]"


class _Scalar:
    """A scalar type of the kernel language."""

    def __init__(self, name, numpy_type):
        self.name, self._type, self.dtype = name, numpy_type, np.dtype(numpy_type)

    def __call__(self, value=0):
        # Conversions wrap and truncate, as compiled code does; NumPy's scalar constructors would raise.
        with np.errstate(all="ignore"):
            if self.dtype.kind in "iu" and isinstance(value, int):
                value &= (1 << 64) - 1
                value = np.uint64(value)
            return np.asarray(value).astype(self.dtype)[()]

    def __getitem__(self, index):
        return _ArrayType(self.name, index)

    def __repr__(self):
        return self.name


bool_ = boolean = _Scalar("bool", np.bool_)
i8 = int8 = _Scalar("i8", np.int8)
i16 = int16 = _Scalar("i16", np.int16)
i32 = int32 = _Scalar("i32", np.int32)
i64 = int64 = _Scalar("i64", np.int64)
u8 = uint8 = _Scalar("u8", np.uint8)
u16 = uint16 = _Scalar("u16", np.uint16)
u32 = uint32 = _Scalar("u32", np.uint32)
u64 = uint64 = _Scalar("u64", np.uint64)
f32 = float32 = _Scalar("f32", np.float32)
f64 = float64 = _Scalar("f64", np.float64)
c64 = complex64 = _Scalar("c64", np.complex64)
c128 = complex128 = _Scalar("c128", np.complex128)

# The names of the types, without the spellings above that are NumPy's.
TYPES = {t.name: t for t in (bool_, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, c64, c128)}


def jit(function=None, **options):
    """`@jit`, `@njit(parallel=True)`: the function itself."""
    return function if callable(function) else lambda f: f


njit = jit
unchecked_parallel = jit

# `numba.types.float64` is the same name.
types = sys.modules[__name__]
