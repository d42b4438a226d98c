// What the stand-in remembers: devices, streams with work that has not been done yet, modules, and what happened.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../shim/grid.h"
#include "config.h"
#include "memory.h"

namespace standin {

using Status = int;

namespace code {
constexpr Status ok = 0, invalid_value = 1, out_of_memory = 2, not_initialized = 3, no_device = 100, invalid_device = 101,
                 invalid_image = 200, invalid_context = 201, no_binary = 209, unsupported_ptx = 222, invalid_handle = 400,
                 not_found = 500, not_ready = 600, illegal_address = 700, launch_out_of_resources = 701, launch_failed = 719,
                 not_permitted = 800, not_supported = 801;
} // namespace code

struct Stream {
    int device = 0;
    bool is_blocking = true;
    std::deque<std::function<void()>> work;
    std::uint64_t enqueued = 0, done = 0;
};

struct Event {
    Stream *stream = nullptr;
    std::uint64_t position = 0;
    bool is_recorded = false;
    bool has_time = true;
    double milliseconds = 0.0;
};

struct Function;
struct LoadedModule {
    void *library = nullptr;
    const kjit_shim::Module *module = nullptr;
    std::vector<std::unique_ptr<Function>> functions;
};
struct Function {
    LoadedModule *owner = nullptr;
    const kjit_shim::Kernel *kernel = nullptr;
    int max_dynamic_shared = 0;
};

struct Context {
    int device = 0;
    int retained = 0;
    Status sticky = 0;
};

struct Everything {
    std::recursive_mutex mutex;
    bool is_initialized = false;
    Memory memory;
    std::vector<Context> contexts;
    // One legacy default stream per device; the rest was made by hand.
    std::vector<std::unique_ptr<Stream>> default_streams;
    std::set<Stream *> streams;
    std::set<Event *> events;
    std::set<LoadedModule *> modules;
    std::set<Function *> functions;
    std::map<std::string, unsigned long long> counters;
    std::string last_fault;
    std::string messages;

    Everything();
    void count(const char *what, unsigned long long by = 1) { counters[what] += by; }
    void complain(const std::string &message);
};

Everything &all();

// The context that is current on this thread, or null.
Context *current();
void set_current(Context *context);

// The beginning of every function: an injected failure, a sticky error of the current context, or 0.
Status enter(const char *function, bool asks_context = true);

// Streams.
Stream *stream_of(void *handle);
void enqueue(Stream *stream, std::function<void()> work);
void drain(Stream *stream, std::uint64_t until = ~0ull);
void drain_all(int device);

// Modules.
Status load_module(const void *image, LoadedModule **module, std::string &log);
void unload_module(LoadedModule *module);

} // namespace standin

using standin::Status;
#define DRIVER extern "C" __attribute__((visibility("default"))) Status
#define ENTER(function)                                                                                                \
    std::lock_guard<std::recursive_mutex> lock(standin::all().mutex);                                                  \
    if (Status status_now = standin::enter(#function)) return status_now
