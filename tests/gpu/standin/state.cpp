#include "state.h"

#include <cstdio>
#include <cstring>

namespace standin {

Everything::Everything() {
    const int devices = static_cast<int>(config().number("devices", 1));
    for (int device = 0; device < devices; device++) {
        contexts.push_back(Context{device, 0, 0});
        default_streams.push_back(std::make_unique<Stream>());
        default_streams.back()->device = device;
    }
}

void Everything::complain(const std::string &message) {
    messages += message + "\n";
    last_fault = message;
}

Everything &all() {
    // Never destroyed: other libraries may call until the very end of the process.
    static auto *everything = new Everything;
    return *everything;
}

static thread_local Context *current_context;

Context *current() { return current_context; }
void set_current(Context *context) { current_context = context; }

Status enter(const char *function, bool asks_context) {
    all().counters[std::string("calls of ") + function]++;
    for (Failure &failure : config().failures) {
        if (failure.function != function) continue;
        failure.calls++;
        if (failure.at != 0 && failure.calls != failure.at) continue;
        const bool is_sticky = failure.code >= 700 && failure.code < 800 && failure.code != 701;
        if (is_sticky && current()) current()->sticky = failure.code;
        return failure.code;
    }
    if (asks_context) {
        if (!all().is_initialized) return code::not_initialized;
        if (current()) return current()->sticky;
    }
    return code::ok;
}

Stream *stream_of(void *handle) {
    // 0, 1 and 2 are the default stream; the one per thread is not told apart.
    if (reinterpret_cast<std::uintptr_t>(handle) <= 2) {
        return current() ? all().default_streams[static_cast<std::size_t>(current()->device)].get() : nullptr;
    }
    auto *stream = static_cast<Stream *>(handle);
    return all().streams.count(stream) ? stream : nullptr;
}

void drain(Stream *stream, std::uint64_t until) {
    while (!stream->work.empty() && stream->done < until) {
        std::function<void()> work = std::move(stream->work.front());
        stream->work.pop_front();
        // After a sticky error nothing runs any more.
        if (all().contexts[static_cast<std::size_t>(stream->device)].sticky == 0) work();
        stream->done++;
    }
}

void drain_all(int device) {
    drain(all().default_streams[static_cast<std::size_t>(device)].get());
    for (Stream *stream : all().streams) {
        if (stream->device == device) drain(stream);
    }
}

void enqueue(Stream *stream, std::function<void()> work) {
    // The default stream and the blocking ones wait for each other.
    Stream *default_stream = all().default_streams[static_cast<std::size_t>(stream->device)].get();
    if (stream == default_stream) {
        for (Stream *other : all().streams) {
            if (other->device == stream->device && other->is_blocking) drain(other);
        }
    } else if (stream->is_blocking) {
        drain(default_stream);
    }
    stream->work.push_back(std::move(work));
    stream->enqueued++;
    static const bool is_deferred = config().number("deferred", 1) != 0;
    if (!is_deferred) drain(stream);
}

} // namespace standin

// For tests: how often, how many bytes, what is alive.
extern "C" __attribute__((visibility("default"))) unsigned long long kjit_standin_count(const char *what) {
    using namespace standin;
    std::lock_guard<std::recursive_mutex> lock(all().mutex);
    Everything &everything = all();
    const std::string name = what;
    if (name == "live allocations") return everything.memory.live_count(false);
    if (name == "live host allocations") return everything.memory.live_count(true);
    if (name == "live bytes") {
        std::size_t bytes = 0;
        for (const Context &context : everything.contexts) bytes += everything.memory.live_bytes(context.device);
        return bytes;
    }
    if (name == "high water bytes") return everything.memory.high_water_bytes;
    if (name == "allocations") return everything.memory.total_count;
    if (name == "live modules") return everything.modules.size();
    if (name == "live streams") return everything.streams.size();
    if (name == "live events") return everything.events.size();
    auto found = everything.counters.find(name);
    return found == everything.counters.end() ? 0 : found->second;
}

// Moves the complaints of kernels into a buffer; their length.
extern "C" __attribute__((visibility("default"))) unsigned long kjit_standin_messages(char *buffer, unsigned long bytes) {
    using namespace standin;
    std::lock_guard<std::recursive_mutex> lock(all().mutex);
    std::string &messages = all().messages;
    const unsigned long length = messages.size();
    if (buffer && bytes > 0) {
        const unsigned long copied = length < bytes - 1 ? length : bytes - 1;
        std::memcpy(buffer, messages.data(), copied);
        buffer[copied] = 0;
        messages.clear();
    }
    return length;
}
