// CUDA C as C++17: with this header in front, the text that the compiler emits for NVRTC compiles unchanged with g++ or clang.
//
// Shared variables become statics in a section of their own, which the runtime fills with a pattern at the start of each
// block, so that a value from a block before, or one that nobody wrote, is not taken for a right one. Everything that waits
// for other threads goes to the runtime. `entry.h` goes behind the text. What is not here: textures, inline PTX, dynamic
// parallelism, half precision, cooperative groups.
#pragma once

#include "contract.h"

namespace kjit_shim {
extern "C" __attribute__((visibility("hidden"))) const Runtime *kjit_shim_runtime;
inline const Runtime &runtime() { return *kjit_shim_runtime; }
inline const State &state() { return *kjit_shim_runtime->state; }
} // namespace kjit_shim

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef unsigned int uint;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned long ulong;

#define __CUDACC_RTC__ 1
#define __CUDACC__ 1
#define __CUDA_ARCH__ 900
#define KJIT_ON_CPU 1

#define __global__ __attribute__((visibility("default")))
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
#define __shared__ static __attribute__((section("kjit_shared"), aligned(16), used))
#define __builtin_assume(condition) ((void)0)

using uint3 = kjit_shim::Triple;
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
#define threadIdx (kjit_shim::state().thread_index)
#define blockIdx (kjit_shim::state().block_index)
#define blockDim (kjit_shim::state().block_dim)
#define gridDim (kjit_shim::state().grid_dim)
constexpr int warpSize = 32;

// Vectors, aligned as on the device: a misplaced wide access is an error of the undefined-behaviour sanitiser.
#define KJIT_VECTOR(type, name, align2, align4)                                                                        \
    struct name##1 {                                                                                                   \
        type x;                                                                                                        \
    };                                                                                                                 \
    struct __attribute__((aligned(align2))) name##2 {                                                                  \
        type x, y;                                                                                                     \
    };                                                                                                                 \
    struct name##3 {                                                                                                   \
        type x, y, z;                                                                                                  \
    };                                                                                                                 \
    struct __attribute__((aligned(align4))) name##4 {                                                                  \
        type x, y, z, w;                                                                                               \
    };                                                                                                                 \
    inline name##2 make_##name##2(type x, type y) { return {x, y}; }                                                   \
    inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }                                        \
    inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
KJIT_VECTOR(signed char, char, 2, 4)
KJIT_VECTOR(unsigned char, uchar, 2, 4)
KJIT_VECTOR(short, short, 4, 8)
KJIT_VECTOR(unsigned short, ushort, 4, 8)
KJIT_VECTOR(int, int, 8, 16)
KJIT_VECTOR(long, long, 16, 16)
KJIT_VECTOR(long long, longlong, 16, 16)
KJIT_VECTOR(unsigned long long, ulonglong, 16, 16)
KJIT_VECTOR(float, float, 8, 16)
KJIT_VECTOR(double, double, 16, 16)
#undef KJIT_VECTOR
struct uint2 {
    unsigned x, y;
} __attribute__((aligned(8)));
struct uint4 {
    unsigned x, y, z, w;
} __attribute__((aligned(16)));
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace kjit_shim {

template <class T> unsigned long long to_word(T value) {
    static_assert(sizeof(T) <= 8, "a value of at most 8 bytes");
    unsigned long long word = 0;
    __builtin_memcpy(&word, &value, sizeof(T));
    return word;
}

template <class T> T from_word(unsigned long long word) {
    T value;
    __builtin_memcpy(&value, &word, sizeof(T));
    return value;
}

inline unsigned long long wait(Site site, Wait what, unsigned mask, unsigned long long value = 0, int argument = 0,
                               int width = 32) {
    return runtime().wait(site, what, mask, value, argument, width);
}

inline int barrier(Site site, Wait what, int predicate = 0) {
    return static_cast<int>(wait(site, what, ~0u, predicate != 0));
}

template <class T> T shuffle(Site site, Wait what, unsigned mask, T value, int argument, int width = 32) {
    return from_word<T>(wait(site, what, mask, to_word(value), argument, width));
}

inline unsigned vote(Site site, Wait what, unsigned mask, int predicate) {
    return static_cast<unsigned>(wait(site, what, mask, predicate != 0));
}

inline void sync_warp(Site site, unsigned mask = ~0u) { wait(site, Wait::SyncWarp, mask); }

template <class T> unsigned match_any(Site site, unsigned mask, T value) {
    return static_cast<unsigned>(wait(site, Wait::MatchAny, mask, to_word(value)));
}

template <class T> unsigned match_all(Site site, unsigned mask, T value, int *predicate) {
    unsigned found = static_cast<unsigned>(wait(site, Wait::MatchAll, mask, to_word(value)));
    *predicate = found != 0;
    return found;
}

template <class T> T reduce(Site site, Wait what, unsigned mask, T value) {
    static_assert(sizeof(T) == 4, "a 32-bit integer");
    if (static_cast<T>(-1) < static_cast<T>(0)) {
        what = what == Wait::ReduceMin ? Wait::ReduceMinSigned : what == Wait::ReduceMax ? Wait::ReduceMaxSigned : what;
    }
    return from_word<T>(wait(site, what, mask, to_word(value)));
}

} // namespace kjit_shim

#define KJIT_SITE (kjit_shim::Site{__FILE__, __LINE__, __COUNTER__})
#define __syncthreads() ((void)kjit_shim::barrier(KJIT_SITE, kjit_shim::Wait::Barrier))
#define __syncthreads_count(p) kjit_shim::barrier(KJIT_SITE, kjit_shim::Wait::BarrierCount, p)
#define __syncthreads_and(p) kjit_shim::barrier(KJIT_SITE, kjit_shim::Wait::BarrierAnd, p)
#define __syncthreads_or(p) kjit_shim::barrier(KJIT_SITE, kjit_shim::Wait::BarrierOr, p)
#define __syncwarp(...) kjit_shim::sync_warp(KJIT_SITE __VA_OPT__(, ) __VA_ARGS__)
#define __shfl_sync(...) kjit_shim::shuffle(KJIT_SITE, kjit_shim::Wait::Shuffle, __VA_ARGS__)
#define __shfl_up_sync(...) kjit_shim::shuffle(KJIT_SITE, kjit_shim::Wait::ShuffleUp, __VA_ARGS__)
#define __shfl_down_sync(...) kjit_shim::shuffle(KJIT_SITE, kjit_shim::Wait::ShuffleDown, __VA_ARGS__)
#define __shfl_xor_sync(...) kjit_shim::shuffle(KJIT_SITE, kjit_shim::Wait::ShuffleXor, __VA_ARGS__)
#define __ballot_sync(mask, p) kjit_shim::vote(KJIT_SITE, kjit_shim::Wait::Ballot, mask, p)
#define __any_sync(mask, p) static_cast<int>(kjit_shim::vote(KJIT_SITE, kjit_shim::Wait::Any, mask, p))
#define __all_sync(mask, p) static_cast<int>(kjit_shim::vote(KJIT_SITE, kjit_shim::Wait::All, mask, p))
#define __match_any_sync(mask, value) kjit_shim::match_any(KJIT_SITE, mask, value)
#define __match_all_sync(mask, value, p) kjit_shim::match_all(KJIT_SITE, mask, value, p)
#define __reduce_add_sync(mask, value) kjit_shim::reduce(KJIT_SITE, kjit_shim::Wait::ReduceAdd, mask, value)
#define __reduce_min_sync(mask, value) kjit_shim::reduce(KJIT_SITE, kjit_shim::Wait::ReduceMin, mask, value)
#define __reduce_max_sync(mask, value) kjit_shim::reduce(KJIT_SITE, kjit_shim::Wait::ReduceMax, mask, value)
#define __reduce_and_sync(mask, value) kjit_shim::reduce(KJIT_SITE, kjit_shim::Wait::ReduceAnd, mask, value)
#define __reduce_or_sync(mask, value) kjit_shim::reduce(KJIT_SITE, kjit_shim::Wait::ReduceOr, mask, value)
#define __reduce_xor_sync(mask, value) kjit_shim::reduce(KJIT_SITE, kjit_shim::Wait::ReduceXor, mask, value)
#define __activemask() (kjit_shim::runtime().active_mask())
#define __trap() kjit_shim::runtime().stop(KJIT_SITE, "__trap")
#define assert(condition) ((condition) ? (void)0 : kjit_shim::runtime().stop(KJIT_SITE, "assert(" #condition ")"))
#define printf(...) kjit_shim::runtime().print(__VA_ARGS__)

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) { kjit_shim::runtime().yield(); }
inline long long clock64() { return 0; }

#include "cuda_atomic.h"
#include "cuda_math.h"
