// The scheduler: every thread runs until it waits or ends; then the groups that are complete go on.
//
// A thread that waits at a barrier needs all threads of its block there; one that waits in a warp operation needs the lanes
// of its mask. Where nobody can go on, the places where the threads wait are reported.

#include "grid.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <csignal>
#include <ucontext.h>

#include "collective.h"
#include "fiber.h"

extern "C" __attribute__((weak)) void __asan_poison_memory_region(void const volatile *, std::size_t);
extern "C" __attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *, std::size_t);

namespace kjit_shim {

namespace {

struct Thread {
    enum Status { New, Ready, Waiting, Done };
    Status status = New;
    unsigned number = 0;
    Triple index{};
    Fiber fiber;
    void *stack = nullptr;
    Request request{};
    unsigned long long answer = 0;
};

struct Block {
    const Launch *launch = nullptr;
    std::vector<Thread> threads;
    Thread *running = nullptr;
    Outcome outcome;
};

Stacks stacks;
State state;
Block *block = nullptr;
unsigned atomics_since_yield = 0;

std::string at(const Site &site) {
    const char *slash = std::strrchr(site.file, '/');
    return std::string(slash ? slash + 1 : site.file) + ":" + std::to_string(site.line);
}

std::string triple(const Triple &t) {
    return "(" + std::to_string(t.x) + ", " + std::to_string(t.y) + ", " + std::to_string(t.z) + ")";
}

void fail(Fault fault, std::string message) {
    if (block->outcome.fault == Fault::None) {
        block->outcome = {fault, std::string("kernel ") + block->launch->kernel->name + ", block " +
                                     triple(state.block_index) + ": " + std::move(message)};
    }
}

unsigned long long wait(Site site, Wait what, unsigned mask, unsigned long long value, int argument, int width) {
    Thread &self = *block->running;
    self.request = {site, what, mask, value, argument, width};
    self.status = Thread::Waiting;
    self.fiber.leave();
    return self.answer;
}

unsigned active_mask() { return 1u << state.lane; }

void yield() {
    if (++atomics_since_yield % 64 != 0) return;
    Thread &self = *block->running;
    self.status = Thread::Ready;
    self.fiber.leave();
}

void stop(Site site, const char *what) {
    fail(Fault::Assert, "thread " + triple(state.thread_index) + " stopped at " + at(site) + ": " + what);
    block->running->fiber.leave();
}

int print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = std::vprintf(format, arguments);
    va_end(arguments);
    return count;
}

const Runtime runtime_table = {&state, wait, active_mask, yield, stop, print};

void body(void *argument) {
    Thread &self = *static_cast<Thread *>(argument);
    block->launch->kernel->enter(block->launch->params);
    self.status = Thread::Done;
    self.fiber.leave();
}

void turn(Thread &thread) {
    if (thread.status == Thread::New) {
        thread.stack = stacks.take();
        thread.fiber.start(thread.stack, Stacks::bytes, body, &thread);
        thread.status = Thread::Ready;
    }
    state.thread_index = thread.index;
    state.lane = static_cast<int>(thread.number % 32);
    block->running = &thread;
    thread.fiber.resume();
    if (thread.status == Thread::Done) {
        stacks.give(thread.stack);
        thread.stack = nullptr;
    }
}

// "128 threads at k.cu:12 (barrier), 64 have ended".
std::string where_threads_are() {
    std::map<std::string, int> counts;
    for (const Thread &thread : block->threads) {
        if (thread.status == Thread::Waiting) {
            counts[" at " + at(thread.request.site) + " (" + name(thread.request.what) + ")"]++;
        } else {
            counts[thread.status == Thread::Done ? " have ended" : " can go on"]++;
        }
    }
    std::string text;
    for (const auto &[place, count] : counts) {
        text += (text.empty() ? "" : ", ") + std::to_string(count) + place;
    }
    return text;
}

// Lets the lanes of complete warp operations go on. False if a warp operation can never be complete.
bool release_warps(bool &released) {
    std::vector<Thread> &threads = block->threads;
    for (std::size_t base = 0; base < threads.size(); base += 32) {
        std::size_t count = std::min<std::size_t>(32, threads.size() - base);
        for (std::size_t lane = 0; lane < count; lane++) {
            Thread &first = threads[base + lane];
            if (first.status != Thread::Waiting || is_barrier(first.request.what)) continue;
            const Request request = first.request;
            if (!((request.mask >> lane) & 1u)) {
                fail(Fault::LaunchFailed, "lane " + std::to_string(lane) + " at " + at(request.site) + " (" +
                                              name(request.what) + ") is not in its own mask");
                return false;
            }
            Request requests[32];
            unsigned here = 0;
            bool is_complete = true;
            for (std::size_t other = 0; other < count; other++) {
                if (!((request.mask >> other) & 1u)) continue;
                const Thread &thread = threads[base + other];
                bool takes_part = thread.status == Thread::Waiting && thread.request.site.number == request.site.number &&
                                  thread.request.mask == request.mask;
                if (!takes_part) {
                    is_complete = false;
                    break;
                }
                requests[other] = thread.request;
                here |= 1u << other;
            }
            if (!is_complete) continue;
            for (std::size_t other = 0; other < count; other++) {
                if (!((here >> other) & 1u)) continue;
                threads[base + other].answer = answer(requests, here, static_cast<int>(other));
            }
            for (std::size_t other = 0; other < count; other++) {
                if ((here >> other) & 1u) threads[base + other].status = Thread::Ready;
            }
            released = true;
        }
    }
    return true;
}

// Lets all threads go on if every one is at the same barrier.
bool release_barrier() {
    const Request request = block->threads.front().request;
    unsigned count = 0;
    for (const Thread &thread : block->threads) {
        if (thread.status != Thread::Waiting || !is_barrier(thread.request.what) ||
            thread.request.site.number != request.site.number) {
            return false;
        }
        count += thread.request.value != 0;
    }
    for (Thread &thread : block->threads) {
        thread.answer = request.what == Wait::BarrierAnd  ? count == block->threads.size()
                        : request.what == Wait::BarrierOr ? count != 0
                                                          : count;
        thread.status = Thread::Ready;
    }
    return true;
}

void run_threads(const std::vector<unsigned> &order) {
    for (;;) {
        bool has_run = false, all_done = true;
        for (unsigned number : order) {
            Thread &thread = block->threads[number];
            if (thread.status == Thread::New || thread.status == Thread::Ready) {
                turn(thread);
                has_run = true;
                if (block->outcome.fault != Fault::None) return;
            }
            all_done = all_done && thread.status == Thread::Done;
        }
        if (all_done) return;
        bool released = false;
        if (!release_warps(released)) return;
        if (released || has_run) continue;
        if (!release_barrier()) {
            fail(Fault::LaunchFailed, "threads wait for each other: " + where_threads_are());
            return;
        }
    }
}

// 0..count in some order. The stride of the shuffled one is odd and shares no factor with the count.
std::vector<unsigned> permutation(unsigned count, Order order) {
    std::vector<unsigned> numbers(count);
    unsigned stride = 1;
    if (order == Order::Shuffled) {
        stride = 37;
        while (count % stride == 0 && stride < count) stride += 2;
        while (std::__gcd(stride, count) != 1) stride += 2;
    }
    for (unsigned at = 0; at < count; at++) {
        unsigned number = static_cast<unsigned>((static_cast<unsigned long long>(at) * stride + (stride > 1 ? 11 : 0)) % count);
        numbers[at] = order == Order::Descending ? count - 1 - at : number;
    }
    return numbers;
}

// Not `memset`: address sanitizer would find the gaps between variables.
void fill(unsigned char *from, unsigned char *to, unsigned char value) {
    for (volatile unsigned char *byte = from; byte < to; byte = byte + 1) *byte = value;
}

void poison_shared(const Launch &launch) {
    const Module &module = *launch.module;
    if (module.shared_start) fill(module.shared_start, module.shared_stop, 0xff);
    unsigned char *dynamic = module.dynamic_shared;
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(dynamic, module.dynamic_shared_bytes);
    // A little behind the end, too, so that what lies there does not look right.
    unsigned long used = std::min(module.dynamic_shared_bytes, launch.dynamic_shared_bytes + 1024ul);
    fill(dynamic, dynamic + used, 0xff);
    if (__asan_poison_memory_region) {
        unsigned long start = (launch.dynamic_shared_bytes + 7ul) & ~7ul;
        __asan_poison_memory_region(dynamic + start, module.dynamic_shared_bytes - start);
    }
}

// An invalid access in a kernel ends the launch, not the process. With address sanitizer its own report is better. The handler
// is installed once and asks the one before it about everything that is not a kernel's: there may be several copies of this
// library in a process, on several threads.
thread_local bool is_in_launch = false;
struct sigaction outer_segv, outer_bus;

void on_bad_access(int signal, siginfo_t *info, void *context) {
    if (is_in_launch) {
        char message[96];
        std::snprintf(message, sizeof(message), "invalid access to address %p", info->si_addr);
        fail(Fault::IllegalAddress, "thread " + triple(state.thread_index) + ": " + message);
        block->running->fiber.leave();
    }
    const struct sigaction &outer = signal == SIGBUS ? outer_bus : outer_segv;
    if (outer.sa_flags & SA_SIGINFO) {
        outer.sa_sigaction(signal, info, context);
    } else if (outer.sa_handler != SIG_DFL && outer.sa_handler != SIG_IGN) {
        outer.sa_handler(signal);
    } else {
        sigaction(signal, &outer, nullptr);
    }
}

class CatchBadAccess {
  public:
    CatchBadAccess() {
        if (__asan_poison_memory_region) return;
        [[maybe_unused]] static const bool is_installed = [] {
            struct sigaction action {};
            action.sa_sigaction = on_bad_access;
            action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
            sigaction(SIGSEGV, &action, &outer_segv);
            sigaction(SIGBUS, &action, &outer_bus);
            return true;
        }();
        own.ss_sp = memory;
        own.ss_size = sizeof(memory);
        own.ss_flags = 0;
        sigaltstack(&own, &outer_stack);
        is_in_launch = true;
    }
    ~CatchBadAccess() {
        if (!is_in_launch) return;
        is_in_launch = false;
        sigaltstack(&outer_stack, nullptr);
    }

  private:
    static inline char memory[64 * 1024];
    stack_t own{}, outer_stack{};
};

} // namespace

const Runtime *the_runtime() { return &runtime_table; }

Outcome run(const Launch &launch, Order threads, Order blocks) {
    const unsigned thread_count = launch.block.x * launch.block.y * launch.block.z;
    const unsigned long long block_count = 1ull * launch.grid.x * launch.grid.y * launch.grid.z;
    const std::vector<unsigned> order = permutation(thread_count, threads);
    CatchBadAccess guard;
    state.block_dim = launch.block;
    state.grid_dim = launch.grid;
    Block the_block;
    block = &the_block;
    the_block.launch = &launch;
    the_block.threads.resize(thread_count);
    const bool is_small = block_count <= 1u << 20;
    const std::vector<unsigned> block_order =
        is_small ? permutation(static_cast<unsigned>(block_count), blocks) : std::vector<unsigned>{};
    for (unsigned long long turn_of = 0; turn_of < block_count; turn_of++) {
        const unsigned long long number = is_small ? block_order[turn_of] : turn_of;
        state.block_index = {static_cast<unsigned>(number % launch.grid.x),
                             static_cast<unsigned>(number / launch.grid.x % launch.grid.y),
                             static_cast<unsigned>(number / launch.grid.x / launch.grid.y)};
        for (unsigned at = 0; at < thread_count; at++) {
            Thread &thread = the_block.threads[at];
            thread.status = Thread::New;
            thread.number = at;
            thread.index = {at % launch.block.x, at / launch.block.x % launch.block.y,
                            at / launch.block.x / launch.block.y};
        }
        poison_shared(launch);
        run_threads(order);
        if (the_block.outcome.fault != Fault::None) break;
    }
    for (Thread &thread : the_block.threads) {
        if (thread.stack) stacks.give(thread.stack);
    }
    if (__asan_unpoison_memory_region) {
        __asan_unpoison_memory_region(launch.module->dynamic_shared, launch.module->dynamic_shared_bytes);
    }
    block = nullptr;
    return the_block.outcome;
}

} // namespace kjit_shim
