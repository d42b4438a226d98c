// Atomic operations. Threads of the shim take turns, so plain ones are enough; each lets other threads go on now and then,
// since a thread may wait for another in a loop.
#pragma once

namespace kjit_shim {
template <class T, class F> T atomic(T *at, F change) {
    runtime().yield();
    T before = *reinterpret_cast<volatile T *>(at);
    *reinterpret_cast<volatile T *>(at) = change(before);
    return before;
}
template <class T> T wrapping_add(T a, T b) {
    if constexpr (static_cast<T>(0.5) == static_cast<T>(0)) {
        return static_cast<T>(static_cast<unsigned long long>(a) + static_cast<unsigned long long>(b));
    } else {
        return a + b;
    }
}
template <class T> struct Same {
    using Type = T;
};
} // namespace kjit_shim

// The types that the device has; a call with another one does not compile, there as here.
#define KJIT_ATOMIC(name, type, expression)                                                                            \
    inline type name(type *at, type value) {                                                                           \
        return kjit_shim::atomic(at, [=](type old) -> type { return expression; });                                    \
    }                                                                                                                  \
    inline type name##_block(type *at, type value) { return name(at, value); }                                         \
    inline type name##_system(type *at, type value) { return name(at, value); }
#define KJIT_ATOMIC_INTEGERS(name, expression)                                                                         \
    KJIT_ATOMIC(name, int, expression)                                                                                 \
    KJIT_ATOMIC(name, unsigned, expression)                                                                            \
    KJIT_ATOMIC(name, unsigned long long, expression)
KJIT_ATOMIC(atomicAdd, int, kjit_shim::wrapping_add(old, value))
KJIT_ATOMIC(atomicAdd, unsigned, old + value)
KJIT_ATOMIC(atomicAdd, unsigned long long, old + value)
KJIT_ATOMIC(atomicAdd, float, old + value)
KJIT_ATOMIC(atomicAdd, double, old + value)
KJIT_ATOMIC(atomicSub, int, static_cast<int>(static_cast<unsigned>(old) - static_cast<unsigned>(value)))
KJIT_ATOMIC(atomicSub, unsigned, old - value)
KJIT_ATOMIC_INTEGERS(atomicMin, old < value ? old : value)
KJIT_ATOMIC_INTEGERS(atomicMax, old > value ? old : value)
KJIT_ATOMIC(atomicMin, long long, old < value ? old : value)
KJIT_ATOMIC(atomicMax, long long, old > value ? old : value)
KJIT_ATOMIC_INTEGERS(atomicAnd, old & value)
KJIT_ATOMIC_INTEGERS(atomicOr, old | value)
KJIT_ATOMIC_INTEGERS(atomicXor, old ^ value)
KJIT_ATOMIC_INTEGERS(atomicExch, value)
KJIT_ATOMIC(atomicExch, float, value)
KJIT_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
KJIT_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
#undef KJIT_ATOMIC_INTEGERS
#undef KJIT_ATOMIC

#define KJIT_ATOMIC_CAS(type)                                                                                          \
    inline type atomicCAS(type *at, type expected, type value) {                                                       \
        return kjit_shim::atomic(at, [=](type old) -> type { return old == expected ? value : old; });                 \
    }                                                                                                                  \
    inline type atomicCAS_block(type *at, type expected, type value) { return atomicCAS(at, expected, value); }        \
    inline type atomicCAS_system(type *at, type expected, type value) { return atomicCAS(at, expected, value); }
KJIT_ATOMIC_CAS(int)
KJIT_ATOMIC_CAS(unsigned)
KJIT_ATOMIC_CAS(unsigned long long)
KJIT_ATOMIC_CAS(unsigned short)
#undef KJIT_ATOMIC_CAS
