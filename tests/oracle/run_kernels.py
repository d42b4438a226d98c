#!/usr/bin/env python3
"""Checks `kernels/*.k` under CPython against `references.py`, and writes the references' results to `kernels.json`.

    python tests/oracle/run_kernels.py            check, and compare with the stored file; exit code 1 if anything differs
    python tests/oracle/run_kernels.py --write    check, and write the file
    python tests/oracle/run_kernels.py lu heat    check these kernels only

CPython runs the calls with arguments; the calls with defaults would take minutes there (`--all` runs them too), so for them
only the reference is computed. The Rust tests run every call of the file.

`kernels.json`, per kernel a list of calls of `main`:

    {"args": {"n": 7}, "results": [RESULT, ...]}         several results: `main` returns a tuple

A RESULT has "kind" ("int", "float" or "array"), "tolerance" and
    int, float    "value"
    array         "dtype", "shape", and either "values" (row-major order; small arrays)
                  or "sum", "abs_sum" (correctly rounded), "min", "max", "samples" ([flat index, value] pairs) and, where the
                  tolerance is exact, "hash": see `hash_bytes`, over the little-endian bytes in row-major order, as 16 hex digits
A tolerance is {"kind": "exact"}, {"kind": "rel", "rel": r}: |got - value| <= r * (largest magnitude in the result; for "sum":
"abs_sum"), {"kind": "abs", "abs": a}, or {"kind": "sigmas", ...}: |got - value| <= sigmas * sigma_times_sqrt_n / sqrt(n).
"""

import argparse
import json
import math
import platform
import sys
import time

import numpy as np

import kernel_files
import references

STORED = kernel_files.HERE / "kernels.json"
SMALL = 64
SAMPLES = 12


HASH_FACTOR = 0x100000001B3


def hash_bytes(data):
    """h = 0, then h = h * HASH_FACTOR + byte for every byte, modulo 2^64; here as a sum with powers of the factor."""
    data = np.frombuffer(data, dtype=np.uint8)
    powers = np.full(data.size, HASH_FACTOR, dtype=np.uint64)
    powers[:1] = 1
    with np.errstate(over="ignore"):
        powers = np.cumprod(powers)[::-1]
        return int((powers * data).sum(dtype=np.uint64))


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


def tolerance_of(kernel, index):
    tolerance = references.TOLERANCES.get(kernel, references.EXACT)
    return tolerance[index] if isinstance(tolerance, list) else tolerance


def describe(value, tolerance):
    """A result as it is stored."""
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        name = {"b": "bool"}.get(data.dtype.kind, f"{data.dtype.kind}{data.dtype.itemsize * 8}")
        described = {"kind": "array", "tolerance": tolerance, "dtype": name, "shape": list(data.shape)}
        flat = data.ravel()
        if flat.size <= SMALL:
            return described | {"values": flat.tolist()}
        # Spread over the array, away from multiples of its width.
        picked = sorted({((s * 2 + 1) * flat.size // (2 * SAMPLES) + s) % flat.size for s in range(SAMPLES)} | {0, flat.size - 1})
        total = math.fsum if data.dtype.kind == "f" else sum
        described |= {
            "sum": total(flat.tolist()),
            "abs_sum": total(np.abs(flat).tolist()),
            "min": flat.min().item(),
            "max": flat.max().item(),
            "samples": [[at, flat[at].item()] for at in picked],
        }
        if tolerance["kind"] == "exact":
            described["hash"] = f"{hash_bytes(data.tobytes()):016x}"
        return described
    if isinstance(value, (int, np.integer)):
        return {"kind": "int", "tolerance": tolerance, "value": int(value)}
    return {"kind": "float", "tolerance": tolerance, "value": float(value)}


def difference(got, want, tolerance, args):
    """None, or how `got` differs from `want`."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if got.dtype != want.dtype:
        return f"type {got.dtype}, not {want.dtype}"
    if tolerance["kind"] == "exact":
        wrong = np.flatnonzero(got.ravel() != want.ravel())
        if wrong.size:
            at = wrong[0]
            return f"{wrong.size} elements differ, first at {at}: {got.ravel()[at]!r}, not {want.ravel()[at]!r}"
        return None
    worst = np.max(np.abs(got - want))
    if tolerance["kind"] == "rel":
        allowed = tolerance["rel"] * np.max(np.abs(want))
    elif tolerance["kind"] == "abs":
        allowed = tolerance["abs"]
    else:
        allowed = tolerance["sigmas"] * tolerance["sigma_times_sqrt_n"] / math.sqrt(args.get("n", 1_000_000))
    return None if worst <= allowed else f"off by {worst}, allowed {allowed}"


def check_and_describe(kernel, run_defaults):
    """The stored form of this kernel's calls, and what was wrong."""
    main = kernel_files.load(kernel)["main"]
    reference = getattr(references, kernel)
    calls, problems = [], []
    for args in references.CASES[kernel]:
        want = as_tuple(reference(**args))
        call = f"{kernel}({', '.join(f'{name}={value}' for name, value in args.items())})"
        if args or run_defaults:
            began = time.perf_counter()
            with np.errstate(over="ignore", invalid="ignore"):
                got = as_tuple(main(**args))
            elapsed = time.perf_counter() - began
            if len(got) != len(want):
                problems.append(f"{call}: {len(got)} results, not {len(want)}")
            else:
                for at, (g, w) in enumerate(zip(got, want)):
                    wrong = difference(g, w, tolerance_of(kernel, at), args)
                    if wrong:
                        problems.append(f"{call}: result {at}: {wrong}")
            print(f"{call}: {elapsed:.2f} s in CPython", file=sys.stderr)
        results = [describe(value, tolerance_of(kernel, at)) for at, value in enumerate(want)]
        calls.append({"args": args, "results": results})
    return calls, problems


def dump(stored):
    """JSON with one line per result: short enough to read, and to compare with git."""
    lines = ["{", f'"made_with": {json.dumps(stored["made_with"])},', '"kernels": {']
    for number, (kernel, calls) in enumerate(stored["kernels"].items()):
        lines.append(f"{json.dumps(kernel)}: [")
        for at, call in enumerate(calls):
            results = ",\n   ".join(json.dumps(result, allow_nan=False) for result in call["results"])
            end = "," if at + 1 < len(calls) else ""
            lines.append(f' {{"args": {json.dumps(call["args"])}, "results": [\n   {results}]}}{end}')
        lines.append("]," if number + 1 < len(stored["kernels"]) else "]")
    return "\n".join(lines + ["}", "}"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", help="names; all by default")
    parser.add_argument("--write", action="store_true", help="write kernels.json")
    parser.add_argument("--all", action="store_true", help="run the calls with defaults in CPython too (slow)")
    options = parser.parse_args()

    chosen = options.kernels or kernel_files.names()
    stored = {"kernels": {}}
    if STORED.exists():
        stored = json.loads(STORED.read_text())
    kernels, problems = {}, []
    for kernel in chosen:
        kernels[kernel], wrong = check_and_describe(kernel, options.all)
        problems += wrong
        # Through JSON, so that tuples and lists compare equal.
        if not options.write and json.loads(json.dumps(kernels[kernel])) != stored["kernels"].get(kernel):
            problems.append(f"{kernel}: kernels.json holds something else (run with --write)")
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    if options.write:
        made_with = {"python": platform.python_version(), "numpy": np.__version__}
        merged = stored["kernels"] | kernels
        merged = {name: merged[name] for name in sorted(merged) if name in references.CASES}
        STORED.write_text(dump({"made_with": made_with, "kernels": merged}))


if __name__ == "__main__":
    main()
