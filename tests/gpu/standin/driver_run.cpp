// libcuda: streams, events, modules, launches.

#include <chrono>
#include <cstring>
#include <dlfcn.h>

#include "state.h"

using namespace standin;

// Streams and events.

DRIVER cuStreamCreate(void **handle, unsigned flags) {
    ENTER(cuStreamCreate);
    if (!current()) return code::invalid_context;
    auto *stream = new Stream;
    stream->device = current()->device;
    stream->is_blocking = (flags & 1) == 0;
    all().streams.insert(stream);
    *handle = stream;
    return code::ok;
}

DRIVER cuStreamDestroy_v2(void *handle) {
    ENTER(cuStreamDestroy_v2);
    auto *stream = static_cast<Stream *>(handle);
    if (!all().streams.count(stream)) return code::invalid_handle;
    drain(stream);
    for (Event *event : all().events) {
        if (event->stream == stream) event->stream = nullptr;
    }
    all().streams.erase(stream);
    delete stream;
    return code::ok;
}

DRIVER cuStreamSynchronize(void *handle) {
    ENTER(cuStreamSynchronize);
    Stream *stream = stream_of(handle);
    if (!stream) return code::invalid_handle;
    all().count("waits for a stream");
    drain(stream);
    return all().contexts[static_cast<std::size_t>(stream->device)].sticky;
}

// Each question lets one piece of work happen.
DRIVER cuStreamQuery(void *handle) {
    ENTER(cuStreamQuery);
    Stream *stream = stream_of(handle);
    if (!stream) return code::invalid_handle;
    if (stream->work.empty()) return code::ok;
    drain(stream, stream->done + 1);
    return code::not_ready;
}

static bool is_event(void *handle) { return all().events.count(static_cast<Event *>(handle)) != 0; }

static bool is_pending(const Event *event) { return event->stream && event->stream->done < event->position; }

DRIVER cuEventCreate(void **handle, unsigned flags) {
    ENTER(cuEventCreate);
    if (!current()) return code::invalid_context;
    auto *event = new Event;
    event->has_time = (flags & 2) == 0;
    all().events.insert(event);
    *handle = event;
    return code::ok;
}

DRIVER cuEventDestroy_v2(void *handle) {
    ENTER(cuEventDestroy_v2);
    if (!is_event(handle)) return code::invalid_handle;
    all().events.erase(static_cast<Event *>(handle));
    delete static_cast<Event *>(handle);
    return code::ok;
}

static double now_ms() {
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

DRIVER cuEventRecord(void *handle, void *stream_handle) {
    ENTER(cuEventRecord);
    Stream *stream = stream_of(stream_handle);
    if (!is_event(handle) || !stream) return code::invalid_handle;
    auto *event = static_cast<Event *>(handle);
    event->stream = stream;
    event->position = stream->enqueued + 1;
    event->is_recorded = true;
    enqueue(stream, [event] {
        if (is_event(event)) event->milliseconds = now_ms();
    });
    return code::ok;
}

DRIVER cuStreamWaitEvent(void *stream_handle, void *handle, unsigned) {
    ENTER(cuStreamWaitEvent);
    Stream *stream = stream_of(stream_handle);
    if (!is_event(handle) || !stream) return code::invalid_handle;
    auto *event = static_cast<Event *>(handle);
    Stream *other = event->stream;
    const std::uint64_t position = event->position;
    if (!other || other == stream) return code::ok;
    enqueue(stream, [other, position] {
        const bool is_default = other == all().default_streams[static_cast<std::size_t>(other->device)].get();
        if (is_default || all().streams.count(other)) drain(other, position);
    });
    return code::ok;
}

DRIVER cuEventSynchronize(void *handle) {
    ENTER(cuEventSynchronize);
    if (!is_event(handle)) return code::invalid_handle;
    auto *event = static_cast<Event *>(handle);
    if (is_pending(event)) drain(event->stream, event->position);
    return current() ? current()->sticky : code::ok;
}

DRIVER cuEventQuery(void *handle) {
    ENTER(cuEventQuery);
    if (!is_event(handle)) return code::invalid_handle;
    auto *event = static_cast<Event *>(handle);
    if (!is_pending(event)) return code::ok;
    drain(event->stream, event->stream->done + 1);
    return code::not_ready;
}

static Status elapsed(float *milliseconds, void *from, void *to) {
    if (!is_event(from) || !is_event(to)) return code::invalid_handle;
    auto *first = static_cast<Event *>(from), *last = static_cast<Event *>(to);
    if (!first->is_recorded || !last->is_recorded || !first->has_time || !last->has_time) return code::invalid_handle;
    if (is_pending(first) || is_pending(last)) return code::not_ready;
    *milliseconds = static_cast<float>(last->milliseconds - first->milliseconds);
    return code::ok;
}

DRIVER cuEventElapsedTime(float *milliseconds, void *from, void *to) {
    ENTER(cuEventElapsedTime);
    return elapsed(milliseconds, from, to);
}

DRIVER cuEventElapsedTime_v2(float *milliseconds, void *from, void *to) {
    ENTER(cuEventElapsedTime_v2);
    return elapsed(milliseconds, from, to);
}

// Modules.

DRIVER cuModuleLoadDataEx(void **handle, const void *image, unsigned count, int *options, void **values) {
    ENTER(cuModuleLoadDataEx);
    if (!current()) return code::invalid_context;
    std::string log;
    LoadedModule *module = nullptr;
    Status status = load_module(image, &module, log);
    char *buffer = nullptr;
    std::size_t bytes = 0;
    for (unsigned at = 0; at < count; at++) {
        if (options[at] == 5) buffer = static_cast<char *>(values[at]);
        if (options[at] == 6) bytes = reinterpret_cast<std::size_t>(values[at]);
    }
    if (buffer && bytes > 0) {
        std::strncpy(buffer, log.c_str(), bytes - 1);
        buffer[bytes - 1] = 0;
    }
    *handle = module;
    return status;
}

DRIVER cuModuleLoadData(void **handle, const void *image) {
    return cuModuleLoadDataEx(handle, image, 0, nullptr, nullptr);
}

DRIVER cuModuleUnload(void *handle) {
    ENTER(cuModuleUnload);
    auto *module = static_cast<LoadedModule *>(handle);
    if (!all().modules.count(module)) return code::invalid_handle;
    if (current()) drain_all(current()->device);
    unload_module(module);
    return code::ok;
}

DRIVER cuModuleGetFunction(void **handle, void *module_handle, const char *name) {
    ENTER(cuModuleGetFunction);
    auto *module = static_cast<LoadedModule *>(module_handle);
    if (!all().modules.count(module)) return code::invalid_handle;
    for (const kjit_shim::Kernel *kernel = module->module->kernels; kernel; kernel = kernel->next) {
        if (std::strcmp(kernel->name, name) != 0) continue;
        auto function = std::make_unique<Function>();
        function->owner = module;
        function->kernel = kernel;
        *handle = function.get();
        all().functions.insert(function.get());
        module->functions.push_back(std::move(function));
        return code::ok;
    }
    return code::not_found;
}

DRIVER cuModuleGetGlobal_v2(std::uint64_t *start, std::size_t *bytes, void *module_handle, const char *name) {
    ENTER(cuModuleGetGlobal_v2);
    auto *module = static_cast<LoadedModule *>(module_handle);
    if (!all().modules.count(module)) return code::invalid_handle;
    void *symbol = dlsym(module->library, name);
    if (start) *start = reinterpret_cast<std::uint64_t>(symbol);
    if (bytes) *bytes = 0;
    return symbol ? code::ok : code::not_found;
}

static int static_shared(const Function *function) {
    const kjit_shim::Module *module = function->owner->module;
    return module->shared_start ? static_cast<int>(module->shared_stop - module->shared_start) : 0;
}

DRIVER cuFuncGetAttribute(int *value, int attribute, void *handle) {
    ENTER(cuFuncGetAttribute);
    auto *function = static_cast<Function *>(handle);
    if (!all().functions.count(function)) return code::invalid_handle;
    switch (attribute) {
    case 0: *value = 1024; break;
    // Of the whole module: an upper bound.
    case 1: *value = static_shared(function); break;
    case 4: *value = 32; break;
    case 5: case 6: *value = static_cast<int>(config().number("arch", 90)); break;
    case 8: *value = function->max_dynamic_shared; break;
    default: *value = 0;
    }
    return code::ok;
}

DRIVER cuFuncSetAttribute(void *handle, int attribute, int value) {
    ENTER(cuFuncSetAttribute);
    auto *function = static_cast<Function *>(handle);
    if (!all().functions.count(function)) return code::invalid_handle;
    if (attribute == 8 && value > 232448) return code::invalid_value;
    if (attribute == 8) function->max_dynamic_shared = value;
    return code::ok;
}

DRIVER cuFuncGetParamInfo(void *handle, std::size_t index, std::size_t *offset, std::size_t *bytes) {
    ENTER(cuFuncGetParamInfo);
    auto *function = static_cast<Function *>(handle);
    if (!all().functions.count(function)) return code::invalid_handle;
    if (index >= static_cast<std::size_t>(function->kernel->param_count)) return code::invalid_value;
    if (offset) *offset = 8 * index;
    if (bytes) *bytes = function->kernel->param_sizes[index];
    return code::ok;
}

DRIVER cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *handle, int threads, std::size_t) {
    ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor);
    if (!all().functions.count(static_cast<Function *>(handle))) return code::invalid_handle;
    if (threads < 1 || threads > 1024) return code::invalid_value;
    *blocks = threads > 512 ? 1 : 2;
    return code::ok;
}

// Launches.

struct Pending {
    Function *function;
    kjit_shim::Triple grid, block;
    unsigned shared_bytes;
    std::vector<std::vector<unsigned char>> values;
};

static kjit_shim::Outcome run_in(const Pending &pending, kjit_shim::Order threads, kjit_shim::Order blocks) {
    std::vector<void *> params;
    for (const auto &value : pending.values) params.push_back(const_cast<unsigned char *>(value.data()));
    kjit_shim::Launch launch = {pending.function->owner->module, pending.function->kernel, pending.grid,
                                pending.block, pending.shared_bytes, params.data()};
    return kjit_shim::run(launch, threads, blocks);
}

static void run_kernel(const Pending &pending, Context &context) {
    using kjit_shim::Order;
    static const std::string orders = config().text("orders", "all");
    Everything &everything = all();
    Open open(everything.memory);
    const bool is_descending = orders == "descending", is_shuffled = orders == "shuffled";
    const Order only = is_descending ? Order::Descending : is_shuffled ? Order::Shuffled : Order::Ascending;
    const bool has_all = orders == "all" && everything.memory.live_bytes(context.device) < (64u << 20);
    Snapshot before;
    if (has_all) before = everything.memory.snapshot();
    kjit_shim::Outcome outcome = run_in(pending, only, is_descending ? Order::Descending : Order::Ascending);
    if (has_all && outcome.fault == kjit_shim::Fault::None) {
        const Snapshot first = everything.memory.snapshot();
        const Order others[2][2] = {{Order::Descending, Order::Descending}, {Order::Shuffled, Order::Ascending}};
        for (const auto &order : others) {
            everything.memory.restore(before);
            outcome = run_in(pending, order[0], order[1]);
            if (outcome.fault != kjit_shim::Fault::None) break;
            const std::string difference = everything.memory.difference(first, everything.memory.snapshot());
            if (difference.empty()) continue;
            outcome.fault = kjit_shim::Fault::LaunchFailed;
            outcome.message = std::string("kernel ") + pending.function->kernel->name +
                              ": another order of threads gives another result in " + difference;
            break;
        }
    }
    const std::string damage = everything.memory.damage();
    if (outcome.fault == kjit_shim::Fault::None && !damage.empty()) {
        outcome.fault = kjit_shim::Fault::IllegalAddress;
        outcome.message = std::string("kernel ") + pending.function->kernel->name + ": " + damage;
    }
    if (outcome.fault != kjit_shim::Fault::None) {
        everything.complain(outcome.message);
        context.sticky = static_cast<Status>(outcome.fault);
    }
}

DRIVER cuLaunchKernel(void *handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                      unsigned block_z, unsigned shared_bytes, void *stream_handle, void **params, void **extra) {
    ENTER(cuLaunchKernel);
    auto *function = static_cast<Function *>(handle);
    Stream *stream = stream_of(stream_handle);
    if (!all().functions.count(function) || !stream) return code::invalid_handle;
    if (grid_x == 0 || grid_y == 0 || grid_z == 0 || grid_x > 2147483647u || grid_y > 65535 || grid_z > 65535) {
        return code::invalid_value;
    }
    if (block_x == 0 || block_y == 0 || block_z == 0 || block_x > 1024 || block_y > 1024 || block_z > 64 ||
        1ull * block_x * block_y * block_z > 1024) {
        return code::invalid_value;
    }
    const unsigned allowed = function->max_dynamic_shared > 0 ? static_cast<unsigned>(function->max_dynamic_shared) : 49152u;
    if (shared_bytes > allowed || extra) return code::invalid_value;
    const kjit_shim::Kernel *kernel = function->kernel;
    if (kernel->param_count > 0 && !params) return code::invalid_value;
    Pending pending = {function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, {}};
    for (int at = 0; at < kernel->param_count; at++) {
        auto *value = static_cast<const unsigned char *>(params[at]);
        pending.values.emplace_back(value, value + kernel->param_sizes[at]);
    }
    all().count("launches");
    all().count("threads", 1ull * grid_x * grid_y * grid_z * block_x * block_y * block_z);
    Context *context = &all().contexts[static_cast<std::size_t>(stream->device)];
    enqueue(stream, [pending = std::move(pending), context] { run_kernel(pending, *context); });
    return code::ok;
}
