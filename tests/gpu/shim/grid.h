// Runs the blocks of a launch one after another, the threads of a block as fibers.
#pragma once

#include <string>

#include "contract.h"

namespace kjit_shim {

// In which order blocks, and the threads of a block, get their turn.
enum class Order { Ascending, Descending, Shuffled };

struct Launch {
    const Module *module;
    const Kernel *kernel;
    Triple grid, block;
    unsigned dynamic_shared_bytes;
    void **params;
};

// What the device would make of it: numbers of `CUresult`.
enum class Fault : int {
    None = 0,
    IllegalAddress = 700,
    Assert = 710,
    LaunchFailed = 719,
};

struct Outcome {
    Fault fault = Fault::None;
    std::string message;
};

// The runtime that modules are bound to.
const Runtime *the_runtime();

Outcome run(const Launch &launch, Order threads, Order blocks);

} // namespace kjit_shim
