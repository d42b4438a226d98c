// The device's functions on numbers: bits, conversions, rounded operations, and the mathematical library (the C library's
// here, so the last places of the transcendental ones differ from a GPU's).
#pragma once

// Bits.

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= ((x >> bit) & 1u) << (31 - bit);
    return reversed;
}
inline unsigned long long __brevll(unsigned long long x) {
    return (static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32) | __brev(static_cast<unsigned>(x >> 32));
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    unsigned long long bytes = (static_cast<unsigned long long>(b) << 32) | a;
    unsigned result = 0;
    for (int place = 0; place < 4; place++) {
        unsigned choice = (selector >> (4 * place)) & 15u;
        unsigned byte = static_cast<unsigned>(bytes >> (8 * (choice & 7u))) & 255u;
        if (choice & 8u) byte = byte & 128u ? 255u : 0u;
        result |= byte << (8 * place);
    }
    return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
    by &= 31u;
    return by == 0 ? high : (high << by) | (low >> (32u - by));
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
    by &= 31u;
    return by == 0 ? low : (low >> by) | (high << (32u - by));
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline int __mulhi(int a, int b) { return static_cast<int>((static_cast<long long>(a) * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline long long __mul64hi(long long a, long long b) {
    return static_cast<long long>((static_cast<__int128>(a) * b) >> 64);
}

// The same bits as another type.

#define KJIT_SAME_BITS(name, from, to)                                                                                 \
    inline to name(from x) { return kjit_shim::from_word<to>(kjit_shim::to_word(x)); }
KJIT_SAME_BITS(__longlong_as_double, long long, double)
KJIT_SAME_BITS(__double_as_longlong, double, long long)
KJIT_SAME_BITS(__int_as_float, int, float)
KJIT_SAME_BITS(__float_as_int, float, int)
KJIT_SAME_BITS(__uint_as_float, unsigned, float)
KJIT_SAME_BITS(__float_as_uint, float, unsigned)
#undef KJIT_SAME_BITS
inline int __double2hiint(double x) { return static_cast<int>(kjit_shim::to_word(x) >> 32); }
inline int __double2loint(double x) { return static_cast<int>(kjit_shim::to_word(x) & 0xffffffffu); }
inline double __hiloint2double(int high, int low) {
    return kjit_shim::from_word<double>((static_cast<unsigned long long>(static_cast<unsigned>(high)) << 32) |
                                        static_cast<unsigned>(low));
}

// Loads and stores with a hint.

template <class T> T __ldg(const T *at) { return *at; }
template <class T> T __ldcg(const T *at) { return *at; }
template <class T> T __ldca(const T *at) { return *at; }
template <class T> T __ldcs(const T *at) { return *at; }
template <class T> void __stcs(T *at, T value) { *at = value; }
template <class T> void __stcg(T *at, T value) { *at = value; }
template <class T> void __stwt(T *at, T value) { *at = value; }

// One rounding, never fused with a neighbour.

#define KJIT_ROUNDED(d, f, op)                                                                                         \
    inline double d(double a, double b) { return a op b; }                                                             \
    inline float f(float a, float b) { return a op b; }
KJIT_ROUNDED(__dadd_rn, __fadd_rn, +)
KJIT_ROUNDED(__dsub_rn, __fsub_rn, -)
KJIT_ROUNDED(__dmul_rn, __fmul_rn, *)
KJIT_ROUNDED(__ddiv_rn, __fdiv_rn, /)
#undef KJIT_ROUNDED
inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
inline double __drcp_rn(double a) { return 1.0 / a; }
inline float __frcp_rn(float a) { return 1.0f / a; }

// Conversions: truncated or rounded, saturating; NaN is 0, and the smallest number (of 64 bits) where the source is `double`
// and the result has 64 bits.

namespace kjit_shim {
template <class T> T convert(double x, T of_nan, double above) {
    T smallest = static_cast<T>(-1) < static_cast<T>(0) ? static_cast<T>(static_cast<T>(1) << (sizeof(T) * 8 - 1)) : T(0);
    if (x != x) return of_nan;
    if (x >= above) return static_cast<T>(~smallest);
    if (x < static_cast<double>(smallest)) return smallest;
    return static_cast<T>(x);
}
constexpr double two_31 = 2147483648.0, two_32 = 4294967296.0, two_63 = 9223372036854775808.0, two_64 = 2.0 * two_63;
} // namespace kjit_shim
#define KJIT_CONVERT(name, from, to, of_nan, above)                                                                    \
    inline to name##_rz(from x) {                                                                                      \
        return kjit_shim::convert<to>(__builtin_trunc(static_cast<double>(x)), of_nan, kjit_shim::above);              \
    }                                                                                                                  \
    inline to name##_rn(from x) {                                                                                      \
        return kjit_shim::convert<to>(__builtin_nearbyint(static_cast<double>(x)), of_nan, kjit_shim::above);          \
    }                                                                                                                  \
    inline to name##_rd(from x) {                                                                                      \
        return kjit_shim::convert<to>(__builtin_floor(static_cast<double>(x)), of_nan, kjit_shim::above);              \
    }                                                                                                                  \
    inline to name##_ru(from x) {                                                                                      \
        return kjit_shim::convert<to>(__builtin_ceil(static_cast<double>(x)), of_nan, kjit_shim::above);               \
    }
KJIT_CONVERT(__double2int, double, int, 0, two_31)
KJIT_CONVERT(__double2uint, double, unsigned, 0, two_32)
KJIT_CONVERT(__double2ll, double, long long, static_cast<long long>(1ull << 63), two_63)
KJIT_CONVERT(__double2ull, double, unsigned long long, 1ull << 63, two_64)
KJIT_CONVERT(__float2int, float, int, 0, two_31)
KJIT_CONVERT(__float2uint, float, unsigned, 0, two_32)
KJIT_CONVERT(__float2ll, float, long long, 0, two_63)
KJIT_CONVERT(__float2ull, float, unsigned long long, 0, two_64)
#undef KJIT_CONVERT
inline float __double2float_rn(double x) { return static_cast<float>(x); }
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned x) { return x; }
inline double __ll2double_rn(long long x) { return static_cast<double>(x); }
inline double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline float __ll2float_rn(long long x) { return static_cast<float>(x); }
inline float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }

// The library.

#define KJIT_MATH_1(name)                                                                                              \
    extern "C" double name(double);                                                                                    \
    inline float name(float x) { return __builtin_##name##f(x); }                                                      \
    inline float name##f(float x) { return __builtin_##name##f(x); }
#define KJIT_MATH_2(name)                                                                                              \
    extern "C" double name(double, double);                                                                            \
    inline float name(float x, float y) { return __builtin_##name##f(x, y); }                                          \
    inline float name##f(float x, float y) { return __builtin_##name##f(x, y); }
KJIT_MATH_1(exp) KJIT_MATH_1(exp2) KJIT_MATH_1(expm1) KJIT_MATH_1(log) KJIT_MATH_1(log2) KJIT_MATH_1(log10)
KJIT_MATH_1(log1p) KJIT_MATH_1(logb) KJIT_MATH_1(sin) KJIT_MATH_1(cos) KJIT_MATH_1(tan) KJIT_MATH_1(asin)
KJIT_MATH_1(acos) KJIT_MATH_1(atan) KJIT_MATH_1(sinh) KJIT_MATH_1(cosh) KJIT_MATH_1(tanh) KJIT_MATH_1(asinh)
KJIT_MATH_1(acosh) KJIT_MATH_1(atanh) KJIT_MATH_1(sqrt) KJIT_MATH_1(cbrt) KJIT_MATH_1(erf) KJIT_MATH_1(erfc)
KJIT_MATH_1(tgamma) KJIT_MATH_1(lgamma) KJIT_MATH_1(floor) KJIT_MATH_1(ceil) KJIT_MATH_1(trunc) KJIT_MATH_1(rint)
KJIT_MATH_1(round) KJIT_MATH_1(nearbyint) KJIT_MATH_1(fabs)
KJIT_MATH_2(pow) KJIT_MATH_2(atan2) KJIT_MATH_2(hypot) KJIT_MATH_2(copysign) KJIT_MATH_2(fmod) KJIT_MATH_2(nextafter)
KJIT_MATH_2(remainder) KJIT_MATH_2(fmin) KJIT_MATH_2(fmax) KJIT_MATH_2(fdim)
#undef KJIT_MATH_1
#undef KJIT_MATH_2
extern "C" double fma(double, double, double);
extern "C" double ldexp(double, int);
extern "C" double scalbn(double, int);
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float ldexpf(float x, int n) { return __builtin_ldexpf(x, n); }
inline float scalbnf(float x, int n) { return __builtin_scalbnf(x, n); }
inline double rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
inline float rsqrt(float x) { return static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(x))); }
inline float rsqrtf(float x) { return rsqrt(x); }
inline double exp10(double x) { return __builtin_pow(10.0, x); }
inline float exp10f(float x) { return __builtin_powf(10.0f, x); }
inline double rcbrt(double x) { return 1.0 / __builtin_cbrt(x); }
inline void sincos(double x, double *s, double *c) { *s = __builtin_sin(x), *c = __builtin_cos(x); }
inline void sincosf(float x, float *s, float *c) { *s = __builtin_sinf(x), *c = __builtin_cosf(x); }
inline float __expf(float x) { return __builtin_expf(x); }
inline float __exp10f(float x) { return __builtin_powf(10.0f, x); }
inline float __logf(float x) { return __builtin_logf(x); }
inline float __log2f(float x) { return __builtin_log2f(x); }
inline float __log10f(float x) { return __builtin_log10f(x); }
inline float __sinf(float x) { return __builtin_sinf(x); }
inline float __cosf(float x) { return __builtin_cosf(x); }
inline float __tanf(float x) { return __builtin_tanf(x); }
inline float __powf(float x, float y) { return __builtin_powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
template <class T> bool isnan(T x) { return x != x; }
template <class T> bool isinf(T x) { return __builtin_isinf(x); }
template <class T> bool isfinite(T x) { return __builtin_isfinite(x); }
template <class T> bool signbit(T x) { return __builtin_signbit(x); }
inline int abs(int x) { return x < 0 ? -x : x; }
inline long long abs(long long x) { return x < 0 ? -x : x; }
inline long long llabs(long long x) { return abs(x); }
inline double abs(double x) { return __builtin_fabs(x); }
inline float abs(float x) { return __builtin_fabsf(x); }

#define KJIT_MIN_MAX(type)                                                                                             \
    inline type min(type a, type b) { return b < a ? b : a; }                                                          \
    inline type max(type a, type b) { return a < b ? b : a; }
KJIT_MIN_MAX(int) KJIT_MIN_MAX(unsigned) KJIT_MIN_MAX(long) KJIT_MIN_MAX(unsigned long)
KJIT_MIN_MAX(long long) KJIT_MIN_MAX(unsigned long long)
#undef KJIT_MIN_MAX
// Of floats, the number beats the NaN.
inline double min(double a, double b) { return __builtin_fmin(a, b); }
inline double max(double a, double b) { return __builtin_fmax(a, b); }
inline float min(float a, float b) { return __builtin_fminf(a, b); }
inline float max(float a, float b) { return __builtin_fmaxf(a, b); }
