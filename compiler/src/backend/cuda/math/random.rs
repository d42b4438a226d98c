//! `np.random` inside a parallel loop: the stream of an iteration, with the same numbers as on the processor.
//!
//! ```text
//! kj_random stream = kj_random_of(seed, loop_key, iteration, epoch, 0);
//! x = kj_random_f64(&stream);
//! ```
//!
//! After `numerics/random/{philox,streams,legacy,c_log}.rs`. Products are `__dmul_rn`: fused with a sum they would give other
//! numbers.

use super::print::array;
use crate::numerics::random::RECIPROCALS_AND_LOGS;

/// The type `kj_random` and its functions:
///
/// | function | in the language |
/// |---|---|
/// | `kj_random_of(seed, loop_key, iteration, epoch, lineage)` | the stream of an iteration |
/// | `kj_random_seed(stream, seed)` | `np.random.seed(seed)`: this iteration's stream starts anew |
/// | `kj_random_f64(stream)` | `np.random.random()` |
/// | `kj_random_uniform(stream, low, high)` | `np.random.uniform(low, high)` |
/// | `kj_random_standard_normal(stream)` | `np.random.standard_normal()` |
/// | `kj_random_normal(stream, mean, deviation)` | `np.random.normal(mean, deviation)` |
/// | `kj_random_standard_exponential(stream)` | `np.random.standard_exponential()` |
/// | `kj_random_randint(stream, low, high)` | `np.random.randint(low, high)` |
///
/// `stream` is a pointer; numbers are `u64`, `i64` and `f64`. A loop inside an iteration of another one has the lineage
/// `kj_random_lineage(loop_key, iteration, epoch, lineage)` of that one.
#[must_use]
pub fn random() -> String {
    let logs: Vec<f64> = RECIPROCALS_AND_LOGS.iter().flat_map(|&(inverse, log)| [inverse, log]).collect();
    array("kj_c_logs", &logs) + STREAMS
}

const STREAMS: &str = "// Philox 4x64-10: block number n of a stream is a function of key and counter.
struct kj_random {
    u64 key[2], counter[4], block[4];
    u32 position; // of the next word of the block
    u32 kept32; // the high half of a word whose low half was handed out
    bool has_kept32, has_kept;
    f64 kept; // the second number of a pair of normal ones
};

static __device__ kj_random kj_random_of(u64 seed, u64 loop_key, u64 iteration, u64 epoch, u64 lineage)
{
    kj_random stream;
    stream.key[0] = seed;
    stream.key[1] = loop_key;
    stream.counter[0] = 0;
    stream.counter[1] = iteration;
    stream.counter[2] = epoch;
    stream.counter[3] = lineage;
    stream.position = 4;
    stream.has_kept32 = stream.has_kept = false;
    return stream;
}

static __device__ __forceinline__ u64 kj_mix(u64 word)
{
    word += 0x9e3779b97f4a7c15ULL;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31);
}

static __device__ u64 kj_random_lineage(u64 loop_key, u64 iteration, u64 epoch, u64 lineage)
{
    return kj_mix(kj_mix(kj_mix(kj_mix(loop_key) ^ iteration) ^ epoch) ^ lineage);
}

static __device__ void kj_random_seed(kj_random* stream, i64 seed)
{
    *stream = kj_random_of((u64)seed, stream->key[1], stream->counter[1], stream->counter[2], stream->counter[3]);
}

static __device__ u64 kj_random_u64(kj_random* stream)
{
    if (stream->position >= 4) {
        for (u32 k = 0; k < 4 && ++stream->counter[k] == 0; k++) {}
        u64 a = stream->counter[0], b = stream->counter[1], c = stream->counter[2], d = stream->counter[3];
        u64 key0 = stream->key[0], key1 = stream->key[1];
        for (u32 round = 0; round < 10; round++) {
            const u64 high0 = __umul64hi(0xd2e7470ee14c6c93ULL, a), low0 = 0xd2e7470ee14c6c93ULL * a;
            const u64 high1 = __umul64hi(0xca5a826395121157ULL, c), low1 = 0xca5a826395121157ULL * c;
            a = high1 ^ b ^ key0;
            b = low1;
            c = high0 ^ d ^ key1;
            d = low0;
            key0 += 0x9e3779b97f4a7c15ULL;
            key1 += 0xbb67ae8584caa73bULL;
        }
        stream->block[0] = a;
        stream->block[1] = b;
        stream->block[2] = c;
        stream->block[3] = d;
        stream->position = 0;
    }
    // Not an index that varies: the block stays in registers.
    const u32 at = stream->position++;
    return at == 0 ? stream->block[0] : at == 1 ? stream->block[1] : at == 2 ? stream->block[2] : stream->block[3];
}

static __device__ u32 kj_random_u32(kj_random* stream)
{
    if (stream->has_kept32) {
        stream->has_kept32 = false;
        return stream->kept32;
    }
    const u64 word = kj_random_u64(stream);
    stream->kept32 = (u32)(word >> 32);
    stream->has_kept32 = true;
    return (u32)word;
}

static __device__ f64 kj_random_f64(kj_random* stream)
{
    return __dmul_rn((f64)(kj_random_u64(stream) >> 11), 1.1102230246251565e-16);
}

static __device__ f64 kj_random_uniform(kj_random* stream, f64 low, f64 high)
{
    const f64 range = high - low;
    return low + __dmul_rn(range, kj_random_f64(stream));
}

// The logarithm that NumPy's old generators take.
static __device__ f64 kj_c_log(f64 x)
{
    if (x >= 0.9375 && x < 1.064697265625) {
        if (x == 1.0) return 0.0;
        const f64 r = x - 1.0;
        const f64 square = __dmul_rn(r, r), cube = __dmul_rn(r, square);
        const f64 first = __fma_rn(square, 0.19999999999320328, __fma_rn(r, -0.24999999999998432, 0.3333333333333352));
        const f64 second = __fma_rn(square, -0.12499997863982555, __fma_rn(r, 0.14285715076560868, -0.16666666669929706));
        const f64 third = __fma_rn(cube, -0.08328363062289341,
            __fma_rn(square, 0.09181994006195467, __fma_rn(r, -0.10000486757818193, 0.11110712032936046)));
        const f64 poly = __fma_rn(__fma_rn(third, cube, second), cube, first);
        const f64 shifted = __fma_rn(r, 134217728.0, r);
        const f64 upper = __fma_rn(-134217728.0, r, shifted);
        const f64 lower = r - upper;
        const f64 upper_square = __dmul_rn(upper, upper);
        const f64 high = __fma_rn(upper_square, -0.5, r);
        const f64 low = __fma_rn(upper_square, -0.5, r - high);
        return high + __fma_rn(poly, cube, __fma_rn(__dmul_rn(-0.5, lower), r + upper, low));
    }
    const u64 bits = (u64)__double_as_longlong(x);
    const u64 offset = bits - 0x3fe6000000000000ULL;
    const u32 row = 2 * (u32)((offset >> 45) & 127);
    const f64 k = (f64)((i64)offset >> 52);
    const f64 z = __longlong_as_double((i64)(bits - (offset & 0xfff0000000000000ULL)));
    const f64 r = __fma_rn(z, kj_c_logs[row], -1.0);
    const f64 w = __fma_rn(k, 0.6931471805598903, kj_c_logs[row + 1]);
    const f64 high = r + w;
    const f64 low = __fma_rn(k, 5.497923018708371e-14, (w - high) + r);
    const f64 square = __dmul_rn(r, r);
    const f64 poly = __fma_rn(__fma_rn(r, -0.16667054827627667, 0.20000304511814496), square,
        __fma_rn(r, -0.2499999999622955, 0.33333333331825593));
    return __fma_rn(__dmul_rn(r, square), poly, __fma_rn(square, -0.5000000000000001, low)) + high;
}

static __device__ f64 kj_random_standard_normal(kj_random* stream)
{
    if (stream->has_kept) {
        stream->has_kept = false;
        return stream->kept;
    }
    for (;;) {
        const f64 x = __dmul_rn(2.0, kj_random_f64(stream)) - 1.0;
        const f64 y = __dmul_rn(2.0, kj_random_f64(stream)) - 1.0;
        const f64 square = __dmul_rn(x, x) + __dmul_rn(y, y);
        if (square < 1.0 && square != 0.0) {
            const f64 factor = __dsqrt_rn(__ddiv_rn(__dmul_rn(-2.0, kj_c_log(square)), square));
            stream->kept = __dmul_rn(factor, x);
            stream->has_kept = true;
            return __dmul_rn(factor, y);
        }
    }
}

static __device__ f64 kj_random_normal(kj_random* stream, f64 mean, f64 deviation)
{
    return mean + __dmul_rn(deviation, kj_random_standard_normal(stream));
}

static __device__ f64 kj_random_standard_exponential(kj_random* stream)
{
    return -kj_c_log(1.0 - kj_random_f64(stream));
}

static __device__ i64 kj_random_randint(kj_random* stream, i64 low, i64 high)
{
    if (low >= high) return low;
    const u64 range = (u64)high - (u64)low - 1;
    if (range == 0) return low;
    const u64 mask = ~0ULL >> __clzll((i64)range);
    u64 offset;
    do {
        offset = (range <= 0xffffffffULL ? (u64)kj_random_u32(stream) : kj_random_u64(stream)) & mask;
    } while (offset > range);
    return (i64)((u64)low + offset);
}

";
