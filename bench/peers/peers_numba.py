"""The kernels under Numba: the same source text, `kernels/*.k`, every function but `main` compiled with `@njit`.

    compiled = peers_numba.load("heat", parallel=True)     {"heat": dispatcher, ...}

`from kjit import ...` finds Numba's own types and `prange`. Numba compiles at the first call of a dispatcher, for the types
of its arguments; it does not look at annotations.
"""

import sys
import types
import warnings
from pathlib import Path

import numba

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "oracle"))
import kernel_files  # noqa: E402

# Helpers without a prange have nothing to run in parallel, and need not say so.
warnings.simplefilter("ignore", numba.NumbaPerformanceWarning)

SHIM = types.ModuleType("kjit")
SHIM.prange = numba.prange
for _name, _type in {
    "boolean": numba.boolean, "i8": numba.int8, "i16": numba.int16, "i32": numba.int32, "i64": numba.int64,
    "u8": numba.uint8, "u16": numba.uint16, "u32": numba.uint32, "u64": numba.uint64,
    "f32": numba.float32, "f64": numba.float64, "c64": numba.complex64, "c128": numba.complex128,
}.items():
    setattr(SHIM, _name, _type)


def load(kernel, **options):
    """The functions of `kernels/<kernel>.k`, or of a file of that path, as Numba dispatchers; `options` go to `numba.njit`."""
    namespace = kernel_files.load(kernel, SHIM)
    functions = {name: value for name, value in namespace.items() if isinstance(value, types.FunctionType) and name != "main"}
    # Back into the globals: functions that call each other find the compiled ones.
    namespace.update({name: numba.njit(**options)(function) for name, function in functions.items()})
    return {name: namespace[name] for name in functions}
