#!/usr/bin/env python3
"""Runs the calls of the Markdown case files under CPython + NumPy, so that the values in them are Python's, not ours.

    python tests/oracle/eval_cases.py [FILE ...]            prints each call with what CPython gives; all of tests/cases by default
    python tests/oracle/eval_cases.py --check [FILE ...]    prints only what is wrong; exit code 1 if anything is
    python tests/oracle/eval_cases.py --fill FILE ...       writes CPython's value wherever the file says `== ?`

A test is a heading and the fenced blocks below it, up to the next heading. Blocks that matter here:

    ```py types="(f64[:], i64) -> f64"      source; several blocks are joined. `types`, optional, gives lists and numbers in
                                            the calls their types
    ```call                                 one line each:
    f([1, 2]:f64, n=3) == 6.5                 the value, to the bit (nan equals nan, 0.0 and -0.0 differ, 1 and 1.0 differ)
    f([1, 2]:f64, 3) ~= 6.5                   within 1e-12, relative: for sums in another order and functions such as exp
    f([1, 2]:f64, 7) traps K701 at line 4     CPython must raise the matching exception; the line is not compared
    x = [1, 2]:f64                            a name for an argument that is changed: then `f(x) == None` and
    x == [2, 4]:f64                             what it is afterwards
    f(1) == 2  # differs: integers wrap       not compared with CPython, for this reason
    ```output                               what the calls print, all together

Arrays are lists, nested for more axes, with the element type after a colon; without one whole numbers are i64, and f64 if
any has a point. A number may have a type too: `3:u8`.

Elements that a kernel loads are Python numbers here (f32 and c64: NumPy scalars), so that a zero divisor raises as it does
in kjit, and integers do not wrap at their array's width. Files that a block `file` names, and blocks with other names, are ignored.
"""

import argparse
import ast
import contextlib
import io
import math
import re
import sys
import types
from pathlib import Path

import numpy as np

import kernel_files
import kjit

CASES = kernel_files.ROOT / "tests" / "cases"

# What CPython raises where kjit traps; a code that is not listed needs any exception.
EXCEPTIONS = {
    "K701": IndexError,
    "K702": ZeroDivisionError,
    "K703": ValueError,
    "K704": (MemoryError, ValueError),
    "K705": RecursionError,
    "K706": AssertionError,
    "K708": ValueError,
    "K709": (ValueError, IndexError),
    "K710": ValueError,
    "K717": UnboundLocalError,
}


class Array(np.ndarray):
    """An array whose elements come out as Python numbers, except f32 and c64."""

    def __getitem__(self, index):
        item = super().__getitem__(index)
        if isinstance(item, np.generic) and item.dtype not in (np.float32, np.complex64):
            return item.item()
        return item

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array_wrap__(self, array, context=None, return_scalar=False):
        # A reduction of the whole array gives a number.
        return array[()] if return_scalar else super().__array_wrap__(array, context, return_scalar)


def as_array(values, element=None):
    made = np.array(values, dtype=kjit.TYPES[element].dtype if element else None)
    if made.size == 0 and not element:
        made = made.astype(np.float64)
    return made.view(Array)


def as_scalar(value, element):
    converted = kjit.TYPES[element](value)
    return converted if element in ("f32", "c64") else converted.item()


class NumpyForKernels(types.ModuleType):
    """NumPy, with functions that return `Array`."""

    def __getattr__(self, name):
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found

        def wrapped(*args, **kwargs):
            result = found(*args, **kwargs)
            return result.view(Array) if type(result) is np.ndarray else result

        return wrapped


def run_source(source, name):
    """The globals of a test's source."""
    real = sys.modules["numpy"]
    sys.modules["numpy"] = NumpyForKernels("numpy")
    try:
        namespace = {"np": sys.modules["numpy"], "math": math, "prange": range} | kjit.TYPES
        return kernel_files.execute(source, name, kjit, namespace)
    finally:
        sys.modules["numpy"] = real


def without_rank(value):
    """Reductions of `Array` give arrays of rank 0: their elements."""
    if isinstance(value, tuple):
        return tuple(map(without_rank, value))
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value[()] if value.dtype in (np.float32, np.complex64) else value.item()
    return value


# ---- the file format ----


class Test:
    """A heading with its blocks: (kind, attributes, first line number, lines)."""

    def __init__(self, title):
        self.title, self.blocks = title, []


def read_tests(text):
    tests, test, block = [], Test(""), None
    for number, line in enumerate(text.splitlines(), 1):
        if block is None:
            fence = re.match(r"^(`{3,})\s*(\S*)\s*(.*)$", line)
            if fence:
                block = (fence[2], fence[3], number + 1, [], fence[1])
            elif re.match(r"^#{1,6} ", line):
                test = Test(line.lstrip("# "))
                tests.append(test)
        elif line.startswith(block[4]) and not line.strip("` "):
            test.blocks.append(block[:4])
            block = None
        else:
            block[3].append(line)
    return [test for test in tests if any(kind == "call" for kind, *_ in test.blocks)]


TYPE_NAMES = "|".join(kjit.TYPES)


def with_types(text):
    """`[1, 2]:f64` as `_array([1, 2], "f64")`, `3:u8` as `_scalar(3, "u8")`."""
    while found := re.search(rf"\]:({TYPE_NAMES})\b", text):
        depth, start = 0, found.start()
        while True:
            depth += {"]": 1, "[": -1}.get(text[start], 0)
            if depth == 0:
                break
            start -= 1
        text = f'{text[:start]}_array({text[start:found.start() + 1]}, "{found[1]}"){text[found.end():]}'
    return re.sub(rf"(?<![\w.\"])(-?(?:\d[\d.]*(?:[eE][+-]?\d+)?j?|nan|inf|True|False)):({TYPE_NAMES})\b", r'_scalar(\1, "\2")', text)


class OutermostLists(ast.NodeTransformer):
    """Lists without a type become arrays."""

    def visit_List(self, node):
        return ast.Call(ast.Name("_array", ast.Load()), [node], [])

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id == "_array":
            return node
        return self.generic_visit(node)


def split_types(attributes):
    """The element type, or array type, per parameter from `types="(f64[:], i64) -> f64"`."""
    found = re.search(r'types="\((.*?)\)', attributes)
    if not found:
        return []
    return [part.strip() for part in re.split(r",(?![^\[]*\])", found[1])]


def apply_types(node, parameter_types):
    """Gives untyped lists and numbers of a call the types of the parameters."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return
    for position, declared in enumerate(parameter_types[: len(node.args)]):
        element = declared.partition("[")[0].strip()
        if element not in kjit.TYPES:
            continue
        arg = node.args[position]
        if isinstance(arg, ast.List):
            node.args[position] = ast.Call(ast.Name("_array", ast.Load()), [arg, ast.Constant(element)], [])
        elif isinstance(arg, ast.Constant) and isinstance(arg.value, (int, float, complex)) and "[" not in declared:
            node.args[position] = ast.Call(ast.Name("_scalar", ast.Load()), [arg, ast.Constant(element)], [])


# ---- values ----


def show(value):
    """A value as case files write it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.ndarray):
        return f"{show_items(value.tolist())}:{type_name(value)}"
    if isinstance(value, (np.float32, np.complex64)):
        return f"{value.item()!r}:{type_name(value)}"
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(value)


def show_items(items):
    return f"[{', '.join(map(show_items, items))}]" if isinstance(items, list) else repr(items)


def type_name(value):
    return next(name for name, scalar in kjit.TYPES.items() if scalar.dtype == value.dtype)


def is_same(got, want, is_close):
    if isinstance(got, tuple) or isinstance(want, tuple):
        return (
            isinstance(got, tuple)
            and isinstance(want, tuple)
            and len(got) == len(want)
            and all(is_same(g, w, is_close) for g, w in zip(got, want))
        )
    if got is None or want is None:
        return got is want
    if isinstance(got, np.ndarray) != isinstance(want, np.ndarray):
        return False
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    if is_close:
        scale = max(np.max(np.abs(want), initial=0.0, where=np.isfinite(want)), 1e-300)
        return bool(np.allclose(got, want, rtol=0, atol=1e-12 * scale, equal_nan=True))
    if got.dtype.kind in "fc":
        part = lambda x: np.stack([x.real, x.imag])  # noqa: E731
        got, want = part(got), part(want)
        equal = (got == want) & (np.signbit(got) == np.signbit(want)) | np.isnan(got) & np.isnan(want)
        return bool(np.all(equal))
    return bool(np.array_equal(got, want))


# ---- running ----


class Runner:
    """Runs the tests of one file and collects what to say about it."""

    def __init__(self, path):
        self.path, self.report, self.problems, self.filled = path, [], [], {}

    def problem(self, number, text):
        self.problems.append(f"{self.path}:{number}: {text}")

    def run(self):
        for test in read_tests(self.path.read_text()):
            self.run_test(test)

    def run_test(self, test):
        source = "\n".join(line for kind, _, _, lines in test.blocks if kind in ("py", "python") for line in lines)
        first = next((number for kind, _, number, _ in test.blocks if kind in ("py", "python")), 0)
        attributes = " ".join(text for kind, text, _, _ in test.blocks if kind in ("py", "python"))
        try:
            namespace = run_source(source, f"{self.path}:{test.title}")
        except Exception as error:
            self.problem(first, f"the source does not run in CPython: {type(error).__name__}: {error}")
            return
        namespace |= {"_array": as_array, "_scalar": as_scalar, "nan": math.nan, "inf": math.inf, "array": as_array}
        parameter_types = split_types(attributes)
        printed = io.StringIO()
        for kind, _, number, lines in test.blocks:
            if kind == "call":
                for offset, line in enumerate(lines):
                    with contextlib.redirect_stdout(printed):
                        self.run_line(number + offset, line, namespace, parameter_types)
        for kind, _, number, lines in test.blocks:
            if kind == "output" and printed.getvalue().rstrip("\n") != "\n".join(lines).rstrip("\n"):
                self.problem(number, f"CPython prints:\n{printed.getvalue().rstrip()}")

    def evaluate(self, text, namespace, parameter_types=()):
        tree = ast.parse(with_types(text.strip()), mode="eval")
        apply_types(tree.body, parameter_types)
        tree = ast.fix_missing_locations(OutermostLists().visit(tree))
        with np.errstate(all="ignore"):
            return eval(compile(tree, str(self.path), "eval"), namespace)

    def run_line(self, number, line, namespace, parameter_types):
        text, _, comment = line.partition("#")
        text, comment = text.strip(), comment.strip()
        if not text:
            return
        differs = comment.startswith("differs:")
        if trap := re.match(r"^(.*?)\s+traps\s+(K\d{3})\b.*$", text):
            self.run_trap(number, trap[1], trap[2], namespace, parameter_types, differs)
            return
        if binding := re.match(r"^(\w+)\s*=\s*([^=].*)$", text):
            namespace[binding[1]] = self.evaluate(binding[2], namespace)
            return
        call, operator, expected = split_comparison(text)
        if operator is None:
            expected = "?"
        try:
            got = without_rank(self.evaluate(call, namespace, parameter_types))
        except Exception as error:
            if not differs:
                self.problem(number, f"{call}: CPython raises {type(error).__name__}: {error}")
            return
        self.report.append(f"{call} == {show(got)}")
        if expected == "?":
            self.filled[number] = line.replace(text, f"{call} {operator or '=='} {show(got)}")
            self.problem(number, f"{call}: no value; CPython gives {show(got)}")
            return
        try:
            want = self.evaluate(expected, namespace)
        except Exception as error:
            self.problem(number, f"`{expected}` is not a value: {error}")
            return
        if not is_same(got, want, operator == "~=") and not differs:
            self.problem(number, f"{call}: CPython gives {show(got)}, not {show(want)}")

    def run_trap(self, number, call, code, namespace, parameter_types, differs):
        try:
            got = self.evaluate(call, namespace, parameter_types)
        except Exception as error:
            self.report.append(f"{call} traps {code}: {type(error).__name__}: {error}")
            if not differs and not isinstance(error, EXCEPTIONS.get(code, Exception)):
                self.problem(number, f"{call}: CPython raises {type(error).__name__}, which is not {code}")
            return
        if not differs:
            self.problem(number, f"{call}: traps {code} here, but CPython gives {show(got)}")


def split_comparison(text):
    """The call, `==` or `~=`, and the value; an operator inside brackets or quotes does not count."""
    depth, quote = 0, None
    for at, char in enumerate(text):
        if quote:
            quote = None if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and text[at : at + 2] in ("==", "~="):
            return text[:at].strip(), text[at : at + 2], text[at + 2 :].strip()
    return text, None, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="case files; all of tests/cases by default")
    parser.add_argument("--check", action="store_true", help="print only problems")
    parser.add_argument("--fill", action="store_true", help="write values where a file says `== ?`")
    options = parser.parse_args()

    failed = False
    for path in options.files or sorted(CASES.glob("**/*.md")):
        runner = Runner(path)
        runner.run()
        if options.fill and runner.filled:
            lines = path.read_text().splitlines(keepends=True)
            for number, line in runner.filled.items():
                lines[number - 1] = line + "\n"
            path.write_text("".join(lines))
            continue
        if not options.check:
            for line in runner.report:
                print(line)
        for problem in runner.problems:
            print(problem)
        failed |= bool(runner.problems)
    sys.exit(1 if failed and options.check else 0)


if __name__ == "__main__":
    main()
