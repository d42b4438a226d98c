#!/usr/bin/env python3
"""Checks that the versions of a kernel that the benchmarks compare do the same: C, CPython + NumPy and, where asked, Numba.

    python bench/peers/check.py [--numba] [--cc gcc] [FUNCTION ...]

CPython runs the kernel's source at its "check" size; the others must change the same arguments in the same way and return
the same. Exit code 1 if one does not.
"""

import argparse
import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import arguments

sys.path.insert(0, str(arguments.HERE.parents[1] / "tests" / "oracle"))
import kernel_files  # noqa: E402

FLAGS = ["-std=c11", "-O3", "-march=native", "-ffp-contract=off", "-fPIC"]
SOURCES = ["kernels.c", "vector.c"]


def build(folder, name, cc="cc", flags=()):
    """Compiles the C files into a shared library in `folder`, and loads it."""
    objects = []
    for source in SOURCES:
        objects.append(str(Path(folder) / f"{name}-{source}.o"))
        subprocess.run([cc, *FLAGS, *flags, "-c", str(arguments.HERE / source), "-o", objects[-1]], check=True)
    # Linked without the flags: -ffast-math would make loading the library change how the process treats subnormal numbers.
    shared = Path(folder) / f"{name}.so"
    subprocess.run([cc, "-shared", *objects, "-o", str(shared), *(f for f in flags if f == "-fopenmp"), "-lm"], check=True)
    return ctypes.CDLL(str(shared))


class Slot(ctypes.Union):
    _fields_ = [("i", ctypes.c_int64), ("f", ctypes.c_double), ("s", ctypes.c_float), ("p", ctypes.c_void_p)]


def slots_for(definition, args):
    """The block of arguments that the uniform entries of `kernels.c` take."""
    slots = []
    for argument, value in zip(definition["args"], args):
        kind = argument["type"]
        if isinstance(value, np.ndarray):
            slots += [Slot(p=value.ctypes.data)] + [Slot(i=extent) for extent in value.shape]
        elif kind == "c128":
            slots += [Slot(f=value.real), Slot(f=value.imag)]
        else:
            slots.append({"i64": lambda v: Slot(i=v), "f64": lambda v: Slot(f=v), "f32": lambda v: Slot(s=v)}[kind](value))
    return (Slot * len(slots))(*slots)


def call_c(library, definition, args):
    """Calls the uniform entry `call_NAME` of `kernels.c`."""
    result = Slot(i=0)
    getattr(library, f"call_{definition['function']}")(slots_for(definition, args), ctypes.byref(result))
    return {None: None, "i64": result.i, "f64": result.f}[definition["returns"]]


def difference(got, want, tolerance):
    """None, or how much `got` is off."""
    if want is None:
        return None
    got, want = np.asarray(got), np.asarray(want)
    if want.dtype.kind in "iub" or tolerance == "exact":
        return None if np.array_equal(got, want) else f"{np.count_nonzero(got != want)} elements differ"
    allowed = tolerance["abs"] if isinstance(tolerance, dict) else tolerance * np.max(np.abs(want))
    worst = np.max(np.abs(got - want))
    return None if worst <= allowed else f"off by {worst}, allowed {allowed}"


def compare(label, definition, run, expected_args, expected):
    """Prints and counts the differences between `run` and what CPython did."""
    args = arguments.make(definition, definition["check"])
    got = run(args)
    names = [argument["name"] for argument in definition["args"]] + ["the return value"]
    wrong = 0
    for name, g, w in zip(names, args + [got], expected_args + [expected]):
        problem = difference(g, w, definition["tolerance"])
        if problem:
            wrong += 1
            print(f"{definition['function']}: {label}: {name}: {problem}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("functions", nargs="*", help="names; all by default")
    parser.add_argument("--numba", action="store_true", help="Numba too, serial and parallel (compiles: about a minute)")
    parser.add_argument("--cc", default="cc", help="C compiler")
    options = parser.parse_args()

    wrong = checked = 0
    with tempfile.TemporaryDirectory() as folder:
        library = build(folder, "kernels", options.cc)
        for definition in arguments.definitions():
            function = definition["function"]
            if options.functions and function not in options.functions:
                continue
            checked += 1
            kernel = definition["file"]
            expected_args = arguments.make(definition, definition["check"])
            expected = kernel_files.load(kernel)[function](*expected_args)
            for argument, value, before in zip(
                definition["args"], expected_args, arguments.make(definition, definition["check"])
            ):
                changed = isinstance(value, np.ndarray) and not np.array_equal(value, before)
                if changed != argument.get("written", False):
                    wrong += 1
                    print(f"{function}: {argument['name']}: {'' if changed else 'not '}changed, against its description")
            wrong += compare("C", definition, lambda args: call_c(library, definition, args), expected_args, expected)
            if options.numba:
                import peers_numba

                # Numba adds to elements of an array without telling the threads apart: nothing to compare with there.
                for parallel in (False,) if definition.get("numba_races") else (False, True):
                    compiled = peers_numba.load(kernel, parallel=parallel)[function]
                    label = "Numba, parallel" if parallel else "Numba"
                    wrong += compare(label, definition, lambda args: compiled(*args), expected_args, expected)
    print(f"{checked} functions checked, {wrong} differences", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
