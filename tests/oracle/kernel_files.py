"""Loads `.k` files into CPython, with the `kjit` shim of this directory in place of the compiler."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KERNELS = ROOT / "kernels"


def execute(source, name, shim=None, predefined=None):
    """The global names after running `source`, with `import kjit` and `import numba` finding `shim` (by default `kjit.py` beside this file)."""
    if shim is None:
        sys.path.insert(0, str(HERE))
        try:
            import kjit as shim
        finally:
            sys.path.remove(str(HERE))
    # Pasted Numba programs import `numba`; they are executed, not compiled, all the same.
    before = {module: sys.modules.get(module) for module in ("kjit", "numba")}
    sys.modules |= dict.fromkeys(before, shim)
    try:
        namespace = {"__name__": Path(name).stem} | (predefined or {})
        exec(compile(source, str(name), "exec"), namespace)
    finally:
        for module, value in before.items():
            if value is None:
                del sys.modules[module]
            else:
                sys.modules[module] = value
    return namespace


def load(kernel, shim=None):
    """The global names of `kernels/<kernel>.k`, or of a file given by its path from the root."""
    path = ROOT / kernel if kernel.endswith(".k") else KERNELS / f"{kernel}.k"
    return execute(path.read_text(), path, shim)


def names():
    """The kernels of the library, sorted."""
    return sorted(path.stem for path in KERNELS.glob("*.k"))
