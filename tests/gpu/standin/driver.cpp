// libcuda: devices, contexts, memory, copies. `driver_run.cpp` has streams, modules and launches.

#include <cstdio>
#include <cstring>

#include "state.h"

using namespace standin;

// Starting.

DRIVER cuInit(unsigned flags) {
    std::lock_guard<std::recursive_mutex> lock(all().mutex);
    if (Status status = enter("cuInit", false)) return status;
    if (flags != 0) return code::invalid_value;
    if (all().contexts.empty()) return code::no_device;
    all().is_initialized = true;
    return code::ok;
}

DRIVER cuDriverGetVersion(int *version) {
    *version = static_cast<int>(config().number("driver-version", 13000));
    return code::ok;
}

// NVRTC asks for private tables; there are none.
DRIVER cuGetExportTable(const void **table, const void *) {
    *table = nullptr;
    return code::not_supported;
}

struct Meaning {
    Status status;
    const char *name, *text;
};
static const Meaning meanings[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {4, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
};

static const Meaning *meaning_of(Status status) {
    for (const Meaning &meaning : meanings) {
        if (meaning.status == status) return &meaning;
    }
    return nullptr;
}

DRIVER cuGetErrorName(Status status, const char **name) {
    const Meaning *meaning = meaning_of(status);
    *name = meaning ? meaning->name : nullptr;
    return meaning ? code::ok : code::invalid_value;
}

DRIVER cuGetErrorString(Status status, const char **text) {
    const Meaning *meaning = meaning_of(status);
    *text = meaning ? meaning->text : nullptr;
    // What a real driver does not know: which kernel, which thread, where.
    if (status >= 700 && !all().last_fault.empty()) *text = all().last_fault.c_str();
    return *text ? code::ok : code::invalid_value;
}

// Devices.

static bool is_device(int device) { return device >= 0 && device < static_cast<int>(all().contexts.size()); }

DRIVER cuDeviceGetCount(int *count) {
    ENTER(cuDeviceGetCount);
    *count = static_cast<int>(all().contexts.size());
    return code::ok;
}

DRIVER cuDeviceGet(int *device, int ordinal) {
    ENTER(cuDeviceGet);
    if (!is_device(ordinal)) return code::invalid_device;
    *device = ordinal;
    return code::ok;
}

DRIVER cuDeviceGetName(char *name, int length, int device) {
    ENTER(cuDeviceGetName);
    if (!is_device(device) || length <= 0) return code::invalid_device;
    std::snprintf(name, static_cast<std::size_t>(length), "stand-in %d", device);
    return code::ok;
}

DRIVER cuDeviceGetUuid_v2(unsigned char *uuid, int device) {
    ENTER(cuDeviceGetUuid_v2);
    if (!is_device(device)) return code::invalid_device;
    std::memset(uuid, 0, 16);
    uuid[15] = static_cast<unsigned char>(device);
    return code::ok;
}

static std::size_t capacity() { return static_cast<std::size_t>(config().number("memory", 1l << 28)); }

DRIVER cuDeviceTotalMem_v2(std::size_t *bytes, int device) {
    ENTER(cuDeviceTotalMem_v2);
    if (!is_device(device)) return code::invalid_device;
    *bytes = capacity();
    return code::ok;
}

DRIVER cuDeviceGetAttribute(int *value, int attribute, int device) {
    ENTER(cuDeviceGetAttribute);
    if (!is_device(device)) return code::invalid_device;
    const int arch = static_cast<int>(config().number("arch", 90));
    switch (attribute) {
    case 1: *value = 1024; break;                  // threads of a block
    case 2: case 3: *value = 1024; break;          // block x, y
    case 4: *value = 64; break;                    // block z
    case 5: *value = 2147483647; break;            // grid x
    case 6: case 7: *value = 65535; break;         // grid y, z
    case 8: *value = 49152; break;                 // shared memory of a block
    case 9: *value = 65536; break;                 // constant memory
    case 10: *value = 32; break;                   // warp
    case 12: *value = 65536; break;                // registers of a block
    case 13: *value = 1980000; break;              // clock, kHz
    case 16: *value = static_cast<int>(config().number("multiprocessors", 3)); break;
    case 17: *value = 0; break;                    // run time limit
    case 18: *value = 0; break;                    // integrated
    case 19: *value = 1; break;                    // can map host memory
    case 20: *value = 0; break;                    // compute mode
    case 31: *value = 1; break;                    // concurrent kernels
    case 36: *value = 2619000; break;              // memory clock, kHz
    case 37: *value = 5120; break;                 // bus width
    case 38: *value = 52428800; break;             // L2
    case 39: *value = 2048; break;                 // threads of a multiprocessor
    case 40: *value = 3; break;                    // copy engines
    case 41: *value = 1; break;                    // unified addressing
    case 75: *value = arch / 10; break;
    case 76: *value = arch % 10; break;
    case 81: *value = 233472; break;               // shared memory of a multiprocessor
    case 82: *value = 65536; break;                // registers of a multiprocessor
    case 83: case 89: *value = 0; break;           // managed memory
    case 95: *value = 1; break;                    // cooperative launch
    case 97: *value = 232448; break;               // shared memory of a block, when asked for
    case 106: *value = 32; break;                  // blocks of a multiprocessor
    case 115: *value = 1; break;                   // memory pools
    default: *value = 0;
    }
    return code::ok;
}

// Contexts.

DRIVER cuDevicePrimaryCtxRetain(void **context, int device) {
    ENTER(cuDevicePrimaryCtxRetain);
    if (!is_device(device)) return code::invalid_device;
    Context &primary = all().contexts[static_cast<std::size_t>(device)];
    primary.retained++;
    all().count("contexts retained");
    *context = &primary;
    return code::ok;
}

DRIVER cuDevicePrimaryCtxRelease_v2(int device) {
    std::lock_guard<std::recursive_mutex> lock(all().mutex);
    if (!is_device(device)) return code::invalid_device;
    Context &primary = all().contexts[static_cast<std::size_t>(device)];
    if (primary.retained == 0) return code::invalid_context;
    primary.retained--;
    all().count("contexts released");
    return code::ok;
}

static bool is_context(void *context) {
    for (Context &known : all().contexts) {
        if (&known == context) return true;
    }
    return false;
}

DRIVER cuCtxSetCurrent(void *context) {
    std::lock_guard<std::recursive_mutex> lock(all().mutex);
    if (Status status = enter("cuCtxSetCurrent", false)) return status;
    if (context && !is_context(context)) return code::invalid_context;
    set_current(static_cast<Context *>(context));
    return code::ok;
}

DRIVER cuCtxGetCurrent(void **context) {
    *context = current();
    return code::ok;
}

DRIVER cuCtxGetDevice(int *device) {
    if (!current()) return code::invalid_context;
    *device = current()->device;
    return code::ok;
}

DRIVER cuCtxSynchronize() {
    ENTER(cuCtxSynchronize);
    if (!current()) return code::invalid_context;
    drain_all(current()->device);
    return current()->sticky;
}

// Memory.

DRIVER cuMemGetInfo_v2(std::size_t *free_bytes, std::size_t *total) {
    ENTER(cuMemGetInfo_v2);
    if (!current()) return code::invalid_context;
    *total = capacity();
    *free_bytes = capacity() - all().memory.live_bytes(current()->device);
    return code::ok;
}

static Status allocate(std::uint64_t *start, std::size_t bytes) {
    if (!current()) return code::invalid_context;
    if (bytes == 0) return code::invalid_value;
    *start = all().memory.allocate(current()->device, bytes, capacity());
    return *start ? code::ok : code::out_of_memory;
}

DRIVER cuMemAlloc_v2(std::uint64_t *start, std::size_t bytes) {
    ENTER(cuMemAlloc_v2);
    return allocate(start, bytes);
}

DRIVER cuMemFree_v2(std::uint64_t start) {
    ENTER(cuMemFree_v2);
    if (start == 0) return code::ok;
    if (!current()) return code::invalid_context;
    drain_all(current()->device);
    return all().memory.release(start, false) ? code::ok : code::invalid_value;
}

DRIVER cuMemAllocAsync(std::uint64_t *start, std::size_t bytes, void *stream) {
    ENTER(cuMemAllocAsync);
    if (!stream_of(stream)) return code::invalid_handle;
    return allocate(start, bytes);
}

DRIVER cuMemFreeAsync(std::uint64_t start, void *handle) {
    ENTER(cuMemFreeAsync);
    Stream *stream = stream_of(handle);
    if (!stream) return code::invalid_handle;
    if (!all().memory.find(start, 0)) return code::invalid_value;
    enqueue(stream, [start] { all().memory.release(start, false); });
    return code::ok;
}

DRIVER cuMemHostAlloc(void **start, std::size_t bytes, unsigned) {
    ENTER(cuMemHostAlloc);
    *start = bytes == 0 ? nullptr : all().memory.allocate_host(bytes);
    return *start ? code::ok : code::out_of_memory;
}

DRIVER cuMemHostGetDevicePointer_v2(std::uint64_t *start, void *host, unsigned) {
    ENTER(cuMemHostGetDevicePointer_v2);
    *start = reinterpret_cast<std::uint64_t>(host);
    return all().memory.find(*start, 0) ? code::ok : code::invalid_value;
}

DRIVER cuMemFreeHost(void *start) {
    ENTER(cuMemFreeHost);
    if (current()) drain_all(current()->device);
    return all().memory.release(reinterpret_cast<std::uint64_t>(start), true) ? code::ok : code::invalid_value;
}

// Copies.

static unsigned char *host_view(std::uint64_t start) { return reinterpret_cast<unsigned char *>(start); }

static bool is_device_range(std::uint64_t start, std::size_t bytes) {
    const Allocation *allocation = all().memory.find(start, bytes);
    return allocation && !allocation->is_host;
}

// Memory that is not pinned is read, or written, before the function returns.
static bool is_pinned(const void *start, std::size_t bytes) {
    const Allocation *allocation = all().memory.find(reinterpret_cast<std::uint64_t>(start), bytes);
    return allocation && allocation->is_host;
}

static void copy(void *to, const void *from, std::size_t bytes) {
    Open open(all().memory);
    std::memcpy(to, from, bytes);
}

static Status copy_on(void *handle, const char *kind, void *to, const void *from, std::size_t bytes, bool waits) {
    Stream *stream = stream_of(handle);
    if (!stream) return current() ? code::invalid_handle : code::invalid_context;
    all().count(kind);
    all().count((std::string(kind) + " bytes").c_str(), bytes);
    enqueue(stream, [=] { copy(to, from, bytes); });
    if (waits) drain(stream);
    return waits ? current()->sticky : code::ok;
}

DRIVER cuMemcpyHtoDAsync_v2(std::uint64_t to, const void *from, std::size_t bytes, void *stream) {
    ENTER(cuMemcpyHtoDAsync_v2);
    if (bytes == 0) return code::ok;
    if (!is_device_range(to, bytes)) return code::invalid_value;
    return copy_on(stream, "copies to device", host_view(to), from, bytes, !is_pinned(from, bytes));
}

DRIVER cuMemcpyDtoHAsync_v2(void *to, std::uint64_t from, std::size_t bytes, void *stream) {
    ENTER(cuMemcpyDtoHAsync_v2);
    if (bytes == 0) return code::ok;
    if (!is_device_range(from, bytes)) return code::invalid_value;
    return copy_on(stream, "copies to host", to, host_view(from), bytes, !is_pinned(to, bytes));
}

DRIVER cuMemcpyDtoDAsync_v2(std::uint64_t to, std::uint64_t from, std::size_t bytes, void *stream) {
    ENTER(cuMemcpyDtoDAsync_v2);
    if (bytes == 0) return code::ok;
    if (!is_device_range(to, bytes) || !is_device_range(from, bytes)) return code::invalid_value;
    return copy_on(stream, "copies on device", host_view(to), host_view(from), bytes, false);
}

DRIVER cuMemcpyPeerAsync(std::uint64_t to, void *, std::uint64_t from, void *, std::size_t bytes, void *stream) {
    ENTER(cuMemcpyPeerAsync);
    if (bytes == 0) return code::ok;
    if (!is_device_range(to, bytes) || !is_device_range(from, bytes)) return code::invalid_value;
    return copy_on(stream, "copies between devices", host_view(to), host_view(from), bytes, false);
}

DRIVER cuMemcpyHtoD_v2(std::uint64_t to, const void *from, std::size_t bytes) {
    ENTER(cuMemcpyHtoD_v2);
    if (!is_device_range(to, bytes)) return code::invalid_value;
    return copy_on(nullptr, "copies to device", host_view(to), from, bytes, true);
}

DRIVER cuMemcpyDtoH_v2(void *to, std::uint64_t from, std::size_t bytes) {
    ENTER(cuMemcpyDtoH_v2);
    if (!is_device_range(from, bytes)) return code::invalid_value;
    return copy_on(nullptr, "copies to host", to, host_view(from), bytes, true);
}

DRIVER cuMemsetD8Async(std::uint64_t to, unsigned char value, std::size_t bytes, void *handle) {
    ENTER(cuMemsetD8Async);
    if (bytes == 0) return code::ok;
    if (!is_device_range(to, bytes)) return code::invalid_value;
    Stream *stream = stream_of(handle);
    if (!stream) return code::invalid_handle;
    all().count("fills");
    enqueue(stream, [=] {
        Open open(all().memory);
        std::memset(host_view(to), value, bytes);
    });
    return code::ok;
}
