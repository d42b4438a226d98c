#!/usr/bin/env python3
"""Runs a `kjit` binary on the calls stored in `kernels.json` and compares what it returns.

    python tests/oracle/check_kjit.py [--kjit target/debug/kjit] [--small] [--extra=--engine=interp] [KERNEL ...]

Arrays come back as `.npy` files (`-o NAME=PATH`), numbers from `--json`. Prints one line per call; exit code 1 if any fails.
"""

import argparse
import ast
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import kernel_files
import run_kernels


def result_names(kernel):
    """What `-o` calls the results of `main`: the returned variable, `return`, or `return0` and so on."""
    tree = ast.parse((kernel_files.KERNELS / f"{kernel}.k").read_text())
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    value = next(node for node in main.body if isinstance(node, ast.Return)).value
    if isinstance(value, ast.Tuple):
        return [f"return{at}" for at in range(len(value.elts))]
    return [value.id if isinstance(value, ast.Name) else "return"]


def compare(got, stored, args):
    """None, or how `got` differs from a stored result."""
    tolerance = stored["tolerance"]
    if stored["kind"] != "array":
        return run_kernels.difference(type(stored["value"])(got), stored["value"], tolerance, args)
    kind = {"b": "bool"}.get(got.dtype.kind, f"{got.dtype.kind}{got.dtype.itemsize * 8}")
    if kind != stored["dtype"] or list(got.shape) != stored["shape"]:
        return f"{kind}{list(got.shape)}, not {stored['dtype']}{stored['shape']}"
    flat = got.ravel()
    if "values" in stored:
        return run_kernels.difference(flat, np.array(stored["values"], dtype=got.dtype), tolerance, args)
    where = [at for at, _ in stored["samples"]]
    largest = max(abs(stored["min"]), abs(stored["max"]))
    if tolerance["kind"] == "exact":
        values = np.array([value for _, value in stored["samples"]], dtype=got.dtype)
        problem = run_kernels.difference(flat[where], values, tolerance, args)
        found = f"{run_kernels.hash_bytes(np.ascontiguousarray(got).tobytes()):016x}"
        return problem or (None if found == stored["hash"] else "the samples agree, but the hash does not")
    for at, value in stored["samples"]:
        if not abs(flat[at] - value) <= tolerance["rel"] * largest:
            return f"element {at} is {flat[at]!r}, not {value!r}"
    total = math.fsum(flat.tolist())
    if not abs(total - stored["sum"]) <= tolerance["rel"] * stored["abs_sum"]:
        return f"the sum is {total!r}, not {stored['sum']!r}"
    return None


def scalars_in(report):
    """Name to value for the numbers in the `--json` output, whatever object lists them."""
    found = {}
    for result in report.get("results", []):
        if "value" in result:
            found[result["name"]] = result["value"]
    return found


def run_call(options, kernel, call):
    """The problems of one call, and its wall time."""
    names = result_names(kernel)
    with tempfile.TemporaryDirectory() as folder:
        command = [options.kjit, "run", str(kernel_files.KERNELS / f"{kernel}.k"), "--json", *options.extra]
        command += [f"{name}={value}" for name, value in call["args"].items()]
        for name, stored in zip(names, call["results"]):
            if stored["kind"] == "array":
                command += ["-o", f"{name}={folder}/{name}.npy"]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout)
        elapsed = time.perf_counter() - began
        if done.returncode != 0:
            return [f"exit code {done.returncode}\n{done.stderr.rstrip()[:2000]}"], elapsed
        report = json.loads(done.stdout)
        if isinstance(report, list):
            report = report[0]
        scalars = scalars_in(report)
        problems = []
        for name, stored in zip(names, call["results"]):
            if stored["kind"] == "array":
                got = np.load(Path(folder) / f"{name}.npy")
            elif name in scalars:
                got = scalars[name]
            else:
                problems.append(f"{name}: not in the --json output, which has {sorted(scalars)}")
                continue
            wrong = compare(got, stored, call["args"])
            if wrong:
                problems.append(f"{name}: {wrong}")
        if options.warnings and done.stderr.strip():
            problems.append(f"stderr: {done.stderr.strip()[:2000]}")
        return problems, elapsed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", help="names; all by default")
    parser.add_argument("--kjit", default=str(kernel_files.ROOT / "target" / "debug" / "kjit"), help="the binary")
    parser.add_argument("--small", action="store_true", help="leave out the calls with default sizes")
    parser.add_argument("--extra", action="append", default=[], help="another option for every run")
    parser.add_argument("--warnings", action="store_true", help="anything on stderr is a failure")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds per call")
    options = parser.parse_args()

    failed = 0
    stored = json.loads(run_kernels.STORED.read_text())["kernels"]
    for kernel in options.kernels or stored:
        for call in stored[kernel]:
            if options.small and not call["args"]:
                continue
            label = f"{kernel} {' '.join(f'{name}={value}' for name, value in call['args'].items())}".strip()
            try:
                problems, elapsed = run_call(options, kernel, call)
            except subprocess.TimeoutExpired:
                problems, elapsed = [f"no end after {options.timeout} s"], options.timeout
            failed += bool(problems)
            print(f"{'FAILED' if problems else 'ok'}  {label}  {elapsed * 1e3:.0f} ms")
            for problem in problems:
                print("    " + problem.replace("\n", "\n    "))
    print(f"{failed} calls failed", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
