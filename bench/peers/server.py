#!/usr/bin/env python3
"""Times the peers on request, so that a benchmark can take their samples in turn with its own.

Reads one JSON object per line from standard input and answers each with one line on standard output:

    {"op": "variants"}                                       -> {"variants": ["gcc", ...], "versions": {...}}
    {"op": "prepare", "id": 1, "variant": "numba", "function": "heat", "sizes": {"n": 200}}
                                                             -> {"id": 1, "compile_s": 0.71, "calls_per_sample": 40}
    {"op": "sample", "id": 1}                                -> {"id": 1, "ns": 24210.5}       time of one call
    {"op": "release", "id": 1}                               -> {"id": 1}

A request that fails is answered with {"error": "..."}. The variants are C compiled with `-O3 -march=native` ("gcc"), the same
without vector instructions ("gcc_novec"), with `-ffast-math` ("gcc_fast"), with OpenMP ("gcc_omp"); and Numba: "numba",
"numba_fast" (`fastmath=True`), "numba_parallel", "numba_parallel_fast". Only what is installed is listed.

A sample is at least 200 us long: as many calls as needed, made by a compiled loop (for kernels that need fresh arguments: one
call, whatever it takes). `compile_s` is the time of Numba's first call, at the smallest sizes; 0 for C.
"""

import ctypes
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import arguments
import check

C_VARIANTS = {
    "gcc": [],
    "gcc_novec": ["-fno-tree-vectorize", "-fno-tree-slp-vectorize"],
    "gcc_fast": ["-ffast-math", "-ffp-contract=fast"],
    "gcc_omp": ["-fopenmp"],
}
NUMBA_VARIANTS = {
    "numba": {},
    "numba_fast": {"fastmath": True},
    "numba_parallel": {"parallel": True},
    "numba_parallel_fast": {"parallel": True, "fastmath": True},
}
SAMPLE_NS = 200_000


class Prepared:
    """A function with its arguments; `run(count)` makes that many calls."""

    def __init__(self, definition, sizes):
        self.definition = definition
        self.args = arguments.make(definition, sizes)
        self.fresh = None
        if definition.get("fresh"):
            self.fresh = [(a, a.copy()) for a in self.args if isinstance(a, np.ndarray)]
        self.compile_s, self.calls = 0.0, 1

    def sample(self):
        """Nanoseconds of one call."""
        if self.fresh:
            for array, original in self.fresh:
                array[...] = original
        began = time.perf_counter_ns()
        self.run(self.calls)
        return (time.perf_counter_ns() - began) / self.calls

    def calibrate(self):
        """Finds how many calls make a sample long enough."""
        self.sample()
        while not self.fresh:
            one = self.sample()
            if one * self.calls >= SAMPLE_NS:
                break
            self.calls = max(self.calls + 1, min(self.calls * 10, int(SAMPLE_NS / max(one, 1.0)) + 1))


class PreparedC(Prepared):
    def __init__(self, definition, sizes, library):
        super().__init__(definition, sizes)
        self.slots = check.slots_for(definition, self.args)
        self.result = check.Slot(i=0)
        self.entry = getattr(library, f"call_{definition['function']}")
        self.repeat = library.repeat

    def run(self, count):
        self.repeat(self.entry, self.slots, ctypes.byref(self.result), ctypes.c_int64(count))


class PreparedNumba(Prepared):
    def __init__(self, definition, sizes, options):
        import numba
        import peers_numba

        super().__init__(definition, sizes)
        function = peers_numba.load(definition["file"], **options)[definition["function"]]
        small = arguments.make(definition, definition["check"])
        began = time.perf_counter()
        function(*small)
        self.compile_s = time.perf_counter() - began
        names = ", ".join(f"a{at}" for at in range(len(self.args)))
        # Every result counts: if only the last one left the loop, LLVM would inline calls that do nothing else and drop parts of the
        # others (a sum of 16000 numbers in 0.066 ns each, where the cache gives 0.1).
        gather = "+=" if definition.get("returns") in ("f64", "i64") else "="
        source = f"def drive(count, {names}):\n    result = function({names})\n    for _ in range(count - 1):\n"
        source += f"        result {gather} function({names})\n    return result\n"
        namespace = {"function": function}
        exec(source, namespace)
        self.drive = numba.njit(namespace["drive"])
        self.drive(1, *self.args)

    def run(self, count):
        self.drive(count, *self.args)


class Server:
    def __init__(self, folder):
        self.folder, self.libraries, self.prepared = folder, {}, {}
        self.definitions = {d["function"]: d for d in arguments.definitions()}

    def answer(self, request):
        return getattr(self, f"do_{request['op']}")(request)

    def do_variants(self, request):
        versions, variants = {"python": platform.python_version(), "numpy": np.__version__}, []
        if shutil.which("cc"):
            versions["cc"] = subprocess.run(["cc", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
            variants += C_VARIANTS
        try:
            import numba

            versions["numba"] = numba.__version__
            variants += NUMBA_VARIANTS
        except ImportError:
            pass
        return {"variants": variants, "versions": versions}

    def do_prepare(self, request):
        definition, variant = self.definitions[request["function"]], request["variant"]
        if variant in C_VARIANTS:
            if variant not in self.libraries:
                self.libraries[variant] = check.build(self.folder, variant, flags=C_VARIANTS[variant])
            prepared = PreparedC(definition, request["sizes"], self.libraries[variant])
        else:
            options = NUMBA_VARIANTS[variant]
            if options.get("parallel") and definition.get("numba_races"):
                raise ValueError("the result would be wrong: Numba lets these additions race")
            prepared = PreparedNumba(definition, request["sizes"], options)
        prepared.calibrate()
        self.prepared[request["id"]] = prepared
        return {"id": request["id"], "compile_s": prepared.compile_s, "calls_per_sample": prepared.calls}

    def do_sample(self, request):
        return {"id": request["id"], "ns": self.prepared[request["id"]].sample()}

    def do_release(self, request):
        del self.prepared[request["id"]]
        return {"id": request["id"]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        for line in sys.stdin:
            try:
                answer = server.answer(json.loads(line))
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
