/* A stand-in for the NVIDIA driver, for tests alone: enough of libcuda that the runtime's host side runs without a GPU.
   Device memory is host memory, filled with 0xCD; streams do everything at once; kernels are the C functions below.
   `standin_set` changes how it behaves, `standin_get` tells what it counted. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct { const char *name; long value; } knobs[] = {
    {"devices", 1},   {"version", 13000}, {"init", 0},          {"limit", 1L << 40}, {"sticky", 0},  {"refuse", 0},
    {"live_bytes", 0}, {"live_blocks", 0}, {"host_blocks", 0},  {"streams", 0},      {"events", 0}, {"modules", 0},
    {"allocations", 0}, {"launches", 0},   {"to_device", 0},    {"to_host", 0},      {"capability", 90}, {"loads", 0},
    {NULL, 0},
};

static long *knob(const char *name) {
    for (int k = 0; knobs[k].name; k++)
        if (!strcmp(knobs[k].name, name)) return &knobs[k].value;
    abort();
}

void standin_set(const char *name, long value) { *knob(name) = value; }
long standin_get(const char *name) { return *knob(name); }

static int current_context[8];
static __thread int *current;

#define STICKY if (*knob("sticky")) return (int)*knob("sticky")

int cuInit(unsigned flags) { return flags ? 1 : (int)*knob("init"); }
int cuDriverGetVersion(int *version) { return *version = (int)*knob("version"), 0; }
int cuGetErrorName(int code, const char **text) {
    *text = code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : code == 100 ? "CUDA_ERROR_NO_DEVICE"
          : code == 209 ? "CUDA_ERROR_NO_BINARY_FOR_GPU" : code == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : NULL;
    return *text ? 0 : 1;
}
int cuGetErrorString(int code, const char **text) {
    *text = code == 700 ? "an illegal memory access was encountered" : NULL;
    return *text ? 0 : 1;
}
int cuDeviceGetCount(int *count) { return *count = (int)*knob("devices"), 0; }
int cuDeviceGet(int *device, int number) { return *device = number, 0; }
int cuDeviceGetName(char *text, int size, int device) {
    strncpy(text, "Stand-in", (size_t)size);
    return device < *knob("devices") ? 0 : 101;
}
int cuDeviceGetAttribute(int *value, int which, int device) {
    (void)device;
    long capability = *knob("capability");
    switch (which) {
    case 1: *value = 1024; return 0;
    case 5: *value = 2147483647; return 0;
    case 8: *value = 49152; return 0;
    case 10: *value = 32; return 0;
    case 16: *value = 4; return 0;
    case 39: *value = 2048; return 0;
    case 75: *value = (int)(capability / 10); return 0;
    case 76: *value = (int)(capability % 10); return 0;
    case 97: *value = 232448; return 0;
    default: return 1;
    }
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; return *bytes = (size_t)*knob("limit"), 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = &current_context[device], 0; }
int cuCtxGetCurrent(void **context) { return *context = current, 0; }
int cuCtxSetCurrent(void *context) { return current = context, 0; }
int cuCtxSynchronize(void) { STICKY; return current ? 0 : 201; }
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    *total = (size_t)*knob("limit");
    *free_bytes = (size_t)(*knob("limit") - *knob("live_bytes"));
    return 0;
}
int cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
    STICKY;
    if (!current) return 201;
    if (*knob("live_bytes") + (long)bytes > *knob("limit")) return 2;
    char *raw = aligned_alloc(512, (bytes + 1023) / 512 * 512);
    memcpy(raw, &bytes, sizeof bytes);
    memset(raw + 512, 0xCD, bytes);
    *knob("live_bytes") += (long)bytes;
    *knob("live_blocks") += 1;
    *knob("allocations") += 1;
    return *pointer = (uint64_t)(raw + 512), 0;
}
int cuMemFree_v2(uint64_t pointer) {
    size_t bytes;
    memcpy(&bytes, (char *)pointer - 512, sizeof bytes);
    *knob("live_bytes") -= (long)bytes;
    *knob("live_blocks") -= 1;
    free((char *)pointer - 512);
    return 0;
}
int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    (void)flags;
    *knob("host_blocks") += 1;
    return *pointer = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096), 0;
}
int cuMemFreeHost(void *pointer) { *knob("host_blocks") -= 1; return free(pointer), 0; }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    STICKY;
    *knob("to_device") += (long)bytes;
    return stream ? (memcpy((void *)to, from, bytes), 0) : 400;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    STICKY;
    *knob("to_host") += (long)bytes;
    return stream ? (memcpy(to, (void *)from, bytes), 0) : 400;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
    STICKY;
    return stream ? (memcpy((void *)to, (void *)from, bytes), 0) : 400;
}
int cuMemcpyPeerAsync(uint64_t to, void *c, uint64_t from, void *d, size_t bytes, void *stream) {
    if (c == d) return 1;
    return cuMemcpyDtoDAsync_v2(to, from, bytes, stream);
}
int cuMemsetD8Async(uint64_t to, unsigned char byte, size_t bytes, void *stream) {
    STICKY;
    return stream ? (memset((void *)to, byte, bytes), 0) : 400;
}
int cuStreamCreate(void **stream, unsigned flags) {
    STICKY;
    *knob("streams") += 1;
    return *stream = malloc(1), flags == 1 ? 0 : 1;
}
int cuStreamDestroy_v2(void *stream) { *knob("streams") -= 1; return free(stream), 0; }
int cuStreamSynchronize(void *stream) { STICKY; return stream ? 0 : 400; }
int cuStreamQuery(void *stream) { STICKY; return stream ? 0 : 400; }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) { STICKY; return stream && event && !flags ? 0 : 400; }

static float clock_ms;
int cuEventCreate(void **event, unsigned flags) {
    (void)flags;
    *knob("events") += 1;
    return *event = calloc(1, sizeof(float)), 0;
}
int cuEventDestroy_v2(void *event) { *knob("events") -= 1; return free(event), 0; }
int cuEventRecord(void *event, void *stream) {
    STICKY;
    *(float *)event = clock_ms += 0.5f;
    return stream ? 0 : 400;
}
int cuEventSynchronize(void *event) { STICKY; return event ? 0 : 400; }
int cuEventQuery(void *event) { STICKY; return event ? 0 : 400; }
#ifndef WITHOUT_ELAPSED_TIME
int cuEventElapsedTime(float *ms, void *from, void *to) { return *ms = *(float *)to - *(float *)from, 0; }
#endif

int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
    STICKY;
    *knob("loads") += 1;
    if (*knob("refuse") > 0) {
        *knob("refuse") -= 1;
        if (count == 2 && options[0] == 5) strcpy(values[0], "made for something else");
        return 209;
    }
    *knob("modules") += 1;
    return *module = calloc(1, 8), image ? 0 : 1;
}
int cuModuleUnload(void *module) { *knob("modules") -= 1; return free(module), 0; }

typedef int (*kernel)(void **arguments, const unsigned *blocks, const unsigned *threads);
#define AT(type, k) (*(type *)arguments[k])

/* scale(double *y, double a, int n) */
static int scale(void **arguments, const unsigned *blocks, const unsigned *threads) {
    double *y = AT(double *, 0);
    for (unsigned i = 0; i < blocks[0] * threads[0]; i++)
        if ((int)i < AT(int, 2)) y[i] *= AT(double, 1);
    return 0;
}
/* wild(): an illegal address */
static int wild(void **arguments, const unsigned *blocks, const unsigned *threads) {
    (void)arguments, (void)blocks, (void)threads;
    return 700;
}
#ifdef MORE_KERNELS
#include MORE_KERNELS
#else
#define MORE
#endif

static struct { const char *name; kernel function; } kernels[] = {{"scale", scale}, {"wild", wild}, MORE};

int cuModuleGetFunction(void **function, void *module, const char *name) {
    STICKY;
    for (size_t k = 0; module && k < sizeof kernels / sizeof *kernels; k++)
        if (!strcmp(kernels[k].name, name)) return *function = (void *)&kernels[k], 0;
    return 500;
}
int cuFuncGetAttribute(int *value, int which, void *function) {
    (void)function;
    *value = which == 4 ? 24 : which == 0 ? 1024 : 0;
    return 0;
}
int cuFuncSetAttribute(void *function, int which, int value) { (void)function; return which == 8 && value <= 232448 ? 0 : 1; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int threads, size_t shared) {
    (void)function, (void)shared;
    return *blocks = 2048 / threads, 0;
}
#ifndef WITHOUT_LAUNCH
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **arguments, void **extra) {
    STICKY;
    if (!current || !stream || extra || !gx || !gy || !gz || bx * by * bz > 1024 || shared > 232448) return 1;
    *knob("launches") += 1;
    unsigned blocks[3] = {gx, gy, gz}, threads[3] = {bx, by, bz};
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
        if (function == (void *)&kernels[k]) {
            int status = kernels[k].function(arguments, blocks, threads);
            /* As on a device: the launch is well, what comes next tells. */
            if (status) *knob("sticky") = status;
            return 0;
        }
    return 400;
}
#endif
