// Fibers: stacks of their own and a switch between them, x86-64 and aarch64. `swapcontext` would do, and makes a system call
// per switch: twenty times slower.
#pragma once

#include <cstddef>
#include <vector>

namespace kjit_shim {

class Fiber {
  public:
    // Runs `body(argument)` on a stack of its own at the first `resume`. The body must not return: it ends in `leave`.
    void start(void *stack, std::size_t bytes, void (*body)(void *), void *argument);
    // From outside: goes on where the fiber is.
    void resume();
    // From inside: back to who resumed it.
    void leave();

    void (*body)(void *) = nullptr;
    void *argument = nullptr;

  private:
    void *inside = nullptr;
    void *outside = nullptr;
};

// Stacks with a guard page below, kept for the next fiber.
class Stacks {
  public:
    static constexpr std::size_t bytes = 128 * 1024;
    Stacks() = default;
    Stacks(const Stacks &) = delete;
    Stacks &operator=(const Stacks &) = delete;
    ~Stacks();
    void *take();
    void give(void *stack) { unused.push_back(stack); }

  private:
    std::vector<void *> all, unused;
};

} // namespace kjit_shim
