"""Writes the `.out` files: what CPython and NumPy print for every function without parameters."""

import contextlib
import inspect
import io
import math
import pathlib
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
sys.setrecursionlimit(5000)


def transcript(path):
    scope = {"np": np, "math": math, "prange": range, "f32": np.float32, "f64": np.float64}
    for name in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"):
        scope[name] = getattr(np, name.replace("i", "int").replace("u", "uint"))
    scope["c64"], scope["c128"] = np.complex64, np.complex128
    text = path.read_text().replace("from numba import njit", "njit = lambda f=None, **options: f or (lambda f: f)")
    exec(compile(text, str(path), "exec"), scope)
    out = []
    for name, value in list(scope.items()):
        if not inspect.isfunction(value) or value.__code__.co_argcount or value.__code__.co_filename != str(path):
            continue
        buffer = io.StringIO()
        out.append(f"== {name}\n")
        try:
            with contextlib.redirect_stdout(buffer):
                value()
            end = ""
        except Exception as error:
            end = f"!! {type(error).__name__}\n"
        out.append(buffer.getvalue() + end)
    return "".join(out)


for path in sorted(pathlib.Path(__file__).parent.glob("*.k")):
    path.with_suffix(".out").write_text(transcript(path))
