// What a module (CUDA C text compiled as C++ behind `cuda.h`) and the runtime that executes its threads say to each other.
//
// The module exports `kjit_shim_bind`, which takes the runtime's `Runtime` and gives back the module's `Module`. Threads of a
// block are fibers of one operating-system thread; `State` is what the fiber that runs now may read.
#pragma once

namespace kjit_shim {

struct Triple {
    unsigned x, y, z;
};

// A place in the text, for messages; `number` tells sites on one line apart.
struct Site {
    const char *file;
    int line;
    int number;
};

struct State {
    Triple thread_index, block_index, block_dim, grid_dim;
    int lane;
};

// What a thread waits for. The first four gather a block, the others the lanes of a warp.
enum class Wait : int {
    Barrier,
    BarrierCount,
    BarrierAnd,
    BarrierOr,
    SyncWarp,
    Shuffle,
    ShuffleUp,
    ShuffleDown,
    ShuffleXor,
    Ballot,
    Any,
    All,
    MatchAny,
    MatchAll,
    ReduceAdd,
    ReduceMinSigned,
    ReduceMaxSigned,
    ReduceMin,
    ReduceMax,
    ReduceAnd,
    ReduceOr,
    ReduceXor,
};

struct Runtime {
    State *state;
    // Parks the thread until all that take part have come. `value`: what it brings; `argument`, `width`: of a shuffle.
    unsigned long long (*wait)(Site, Wait, unsigned mask, unsigned long long value, int argument, int width);
    unsigned (*active_mask)();
    // Lets other threads go on: in atomic operations, since a thread may wait for another in a loop.
    void (*yield)();
    // Ends the launch with an error.
    void (*stop)(Site, const char *what);
    int (*print)(const char *format, ...);
};

struct Kernel {
    const char *name;
    void (*enter)(void **params);
    int param_count;
    const unsigned *param_sizes;
    Kernel *next;
};

struct Module {
    Kernel *kernels;
    unsigned char *shared_start, *shared_stop;
    unsigned char *dynamic_shared;
    unsigned long dynamic_shared_bytes;
};

} // namespace kjit_shim
