"""Makes the arguments that `kernels.json` describes; `README.md` explains the fields."""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
DTYPES = {"f32": np.float32, "f64": np.float64, "i64": np.int64, "u8": np.uint8, "bool": np.bool_, "c128": np.complex128}


def definitions():
    """The lists in `kernels.json` and `vector.json`."""
    return [one for name in ("kernels", "vector") for one in json.loads((HERE / f"{name}.json").read_text())]


def evaluate(expression, sizes):
    """A number, or a formula such as "2 * n" over the names in `sizes`."""
    if not isinstance(expression, str):
        return expression
    return eval(expression, {"__builtins__": {}}, dict(sizes))


def fill(argument, shape, sizes, seed):
    kind = argument["fill"]
    i = np.indices(shape)
    uniform = np.random.default_rng(seed).random(shape)
    if kind == "zeros":
        return np.zeros(shape)
    if kind == "uniform":
        lo, hi = argument.get("lo", 0), argument.get("hi", 1)
        return lo + (hi - lo) * uniform
    if kind == "integers":
        lo, hi = evaluate(argument["lo"], sizes), evaluate(argument["hi"], sizes)
        return lo + np.floor(uniform * (hi - lo))
    if kind == "steps":
        return i[0] * evaluate(argument["step"], sizes)
    if kind == "diagonal":
        return uniform - 0.5 + argument["add"] * (i[0] == i[1])
    if kind == "spd":
        return 1.0 / (1 + abs(i[0] - i[1])) + (i[0] == i[1])
    if kind == "graph":
        return (1.0 + (i[0] * 31 + i[1] * 17) % 97) * (i[0] != i[1])
    raise ValueError(f"unknown fill {kind!r}")


def placed(values, dtype):
    """A C-contiguous array 16 bytes behind the beginning of a cache line, as those of the other side are (`src/arguments.rs`)."""
    size = values.size * np.dtype(dtype).itemsize
    memory = np.empty(size + 80, dtype=np.uint8)
    start = (16 - memory.ctypes.data) % 64
    array = memory[start : start + size].view(dtype).reshape(values.shape)
    array[...] = values
    return array


def make(definition, sizes):
    """The arguments in order. Argument number p (from 0) is drawn from default_rng(100 + p)."""
    made = []
    for position, argument in enumerate(definition["args"]):
        element = argument["type"].partition("[")[0]
        if "value" in argument:
            value = argument["value"]
            made.append(complex(*value) if element == "c128" else evaluate(value, sizes))
        else:
            shape = tuple(int(evaluate(extent, sizes)) for extent in argument["shape"])
            made.append(placed(fill(argument, shape, sizes, 100 + position), DTYPES[element]))
    return made
