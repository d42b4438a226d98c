"""Loads `.k` files into CPython, with the `kjit` shim of this directory in place of the compiler."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KERNELS = ROOT / "kernels"


def execute(source, name, shim=None):
    """The global names that `source` defines, run with `import kjit` finding `shim` (by default `kjit.py` beside this file)."""
    if shim is None:
        sys.path.insert(0, str(HERE))
        try:
            import kjit as shim
        finally:
            sys.path.remove(str(HERE))
    before = sys.modules.get("kjit")
    sys.modules["kjit"] = shim
    try:
        namespace = {"__name__": Path(name).stem}
        exec(compile(source, str(name), "exec"), namespace)
    finally:
        if before is None:
            sys.modules.pop("kjit", None)
        else:
            sys.modules["kjit"] = before
    return namespace


def load(kernel, shim=None):
    """The global names of `kernels/<kernel>.k`."""
    path = KERNELS / f"{kernel}.k"
    return execute(path.read_text(), path, shim)


def names():
    """The kernels of the library, sorted."""
    return sorted(path.stem for path in KERNELS.glob("*.k"))
