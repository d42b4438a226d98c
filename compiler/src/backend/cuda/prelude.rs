//! What every emitted text begins with: types, the error record, and the operations of the language that C does not have.

/// The beginning of the text. Macros: `KJIT_WIDE` makes `index_t` 64 bits wide, `KJIT_MAY_ALIAS` takes `__restrict__` away.
pub(super) const PRELUDE: &str = r"// Numbers as kjit names them.
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;
struct c64 { f32 re, im; };
struct c128 { f64 re, im; };

// What is counted and indexed with. The host sees to it that it fits.
#ifdef KJIT_WIDE
typedef long long index_t;
#else
typedef int index_t;
#endif

// Arrays that share no memory with another one that is written; the host compares.
#ifdef KJIT_MAY_ALIAS
#define RESTRICT
#define ARE_APART false
#else
#define RESTRICT __restrict__
#define ARE_APART true
#endif
";

/// The error record, for kernels that can fail.
pub(super) const ERRORS: &str = r"
// The failure of the lowest iteration so far.
struct ErrorRecord {
    u32 lock;
    u32 code; // number of the trap, plus 1
    u64 iteration;
    u32 block, thread;
    u64 args[8];
};

// Notes a failure and returns; the thread goes on to its end without the access. Rare, so it takes its time.
static __device__ __noinline__ void fail(ErrorRecord* error, u64 iteration, u32 code, u64 a = 0, u64 b = 0, u64 c = 0,
                                         u64 d = 0, u64 e = 0, u64 f = 0, u64 g = 0, u64 h = 0)
{
    bool is_noted = false;
    while (!is_noted) {
        if (atomicCAS(&error->lock, 0u, 1u) == 0u) {
            volatile ErrorRecord* record = error;
            if (record->code == 0 || iteration < record->iteration) {
                record->iteration = iteration;
                record->block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
                record->thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
                const u64 args[8] = {a, b, c, d, e, f, g, h};
                for (int k = 0; k < 8; k++) record->args[k] = args[k];
                record->code = code;
            }
            __threadfence();
            atomicExch(&error->lock, 0u);
            is_noted = true;
        }
    }
}
";

/// A function of the language that C has not, with the word that shows whether a text needs it.
pub(super) struct Helper {
    /// What a use looks like.
    pub(super) needle: &'static str,
    /// The definition.
    pub(super) text: &'static str,
}

/// In order: what uses another comes after it.
pub(super) const HELPERS: &[Helper] = &[
    Helper {
        needle: "first_x(",
        text: r"// This thread's first iteration along an axis, and the distance to its next one.
static __device__ __forceinline__ index_t first_x() { return (index_t)blockIdx.x * (index_t)blockDim.x + (index_t)threadIdx.x; }
",
    },
    Helper {
        needle: "step_x(",
        text: r"static __device__ __forceinline__ index_t step_x() { return (index_t)gridDim.x * (index_t)blockDim.x; }
",
    },
    Helper {
        needle: "chunk_first(",
        text: r"// The first iteration of a chunk.
static __device__ __forceinline__ index_t chunk_first(index_t size, u32 rest, u32 chunk)
{
    return size * (index_t)chunk + (index_t)(rest * chunk / gridDim.y);
}
",
    },
    Helper {
        needle: "is_own(",
        text: r"// Does the element belong to this thread? The threads along x are a power of two.
static __device__ __forceinline__ bool is_own(index_t element) { return (element & (step_x() - 1)) == first_x(); }
",
    },
    Helper {
        needle: "first_y(",
        text: r"static __device__ __forceinline__ index_t first_y() { return (index_t)blockIdx.y * (index_t)blockDim.y + (index_t)threadIdx.y; }
",
    },
    Helper {
        needle: "step_y(",
        text: r"static __device__ __forceinline__ index_t step_y() { return (index_t)gridDim.y * (index_t)blockDim.y; }
",
    },
    Helper {
        needle: "first_z(",
        text: r"static __device__ __forceinline__ index_t first_z() { return (index_t)blockIdx.z * (index_t)blockDim.z + (index_t)threadIdx.z; }
",
    },
    Helper {
        needle: "step_z(",
        text: r"static __device__ __forceinline__ index_t step_z() { return (index_t)gridDim.z * (index_t)blockDim.z; }
",
    },
    Helper {
        needle: "lane_number(",
        text: r"static __device__ __forceinline__ index_t lane_number() { return (index_t)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31u); }
",
    },
    Helper {
        needle: "thread_number(",
        text: r"// The place of a thread in the grid: block by block, x first.
static __device__ __forceinline__ u64 thread_number()
{
    const u64 block = blockIdx.x + (u64)gridDim.x * (blockIdx.y + (u64)gridDim.y * blockIdx.z);
    const u64 thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    return block * (blockDim.x * blockDim.y * blockDim.z) + thread;
}
",
    },
    Helper {
        needle: "all_equal(",
        text: r"static __device__ __forceinline__ bool all_equal(u32 mask, i64 value)
{
    const i64 first = __shfl_sync(mask, value, __ffs((int)mask) - 1);
    return __all_sync(mask, value == first) != 0;
}
",
    },
    Helper {
        needle: "word(",
        text: r"// A number as a word of the calling convention.
template <class T> static __device__ __forceinline__ u64 word(T x)
{
    constexpr bool is_float = sizeof(T) >= 4 && (T)0.5 != (T)0;
    if constexpr (is_float && sizeof(T) == 8) return (u64)__double_as_longlong(x);
    else if constexpr (is_float) return (u64)(u32)__float_as_int(x);
    else return (u64)(i64)x;
}
",
    },
    Helper {
        needle: "order(",
        text: r"// The place of an iteration of two loops that run as one, in their order.
static __device__ __forceinline__ u64 order(index_t outer, index_t inner) { return (u64)outer << 32 | (u64)(u32)inner; }
",
    },
    Helper {
        needle: "dynamic_memory",
        text: r"// Memory of a block whose size the launch says.
extern __shared__ __align__(16) unsigned char dynamic_memory[];
",
    },
    Helper {
        needle: "shared_add(",
        text: r"// Adds to a number in shared memory, where the hardware adds 32 bits at once: the upper half where it changes.
static __device__ __forceinline__ void shared_add(u64* place, u64 value)
{
    u32* const halves = (u32*)place;
    const u32 low = (u32)value;
    const u32 carry = atomicAdd(&halves[0], low) > ~low;
    const u32 high = (u32)(value >> 32) + carry;
    if (high != 0) atomicAdd(&halves[1], high);
}
",
    },
    Helper {
        needle: "BitsOf<",
        text: r"// Floats as the bits that atomic operations exchange.
template <class T> struct BitsOf;
template <> struct BitsOf<f32> {
    typedef u32 Bits;
    static __device__ __forceinline__ Bits bits(f32 x) { return (u32)__float_as_int(x); }
    static __device__ __forceinline__ f32 number(Bits x) { return __int_as_float((int)x); }
};
template <> struct BitsOf<f64> {
    typedef u64 Bits;
    static __device__ __forceinline__ Bits bits(f64 x) { return (u64)__double_as_longlong(x); }
    static __device__ __forceinline__ f64 number(Bits x) { return __longlong_as_double((i64)x); }
};
",
    },
    Helper {
        needle: "atomic_extremum<",
        text: r"// Exchanged until nothing came between.
template <bool IS_MIN, class T> static __device__ __forceinline__ T atomic_extremum(T* place, T value)
{
    typedef typename BitsOf<T>::Bits Bits;
    Bits* const bits = (Bits*)place;
    Bits seen = *bits, old;
    do {
        old = seen;
        const T now = BitsOf<T>::number(old);
        const bool is_better = IS_MIN ? value < now : value > now;
        seen = atomicCAS(bits, old, BitsOf<T>::bits(is_better ? value : now));
    } while (seen != old);
    return BitsOf<T>::number(old);
}
",
    },
    Helper {
        needle: "atomic_min(",
        text: r"template <class T> static __device__ __forceinline__ T atomic_min(T* place, T value) { return atomic_extremum<true>(place, value); }
",
    },
    Helper {
        needle: "atomic_max(",
        text: r"template <class T> static __device__ __forceinline__ T atomic_max(T* place, T value) { return atomic_extremum<false>(place, value); }
",
    },
    Helper {
        needle: "atomic_exchange(",
        text: r"template <class T> static __device__ __forceinline__ T atomic_exchange(T* place, T value)
{
    return BitsOf<T>::number(atomicExch((typename BitsOf<T>::Bits*)place, BitsOf<T>::bits(value)));
}
",
    },
    Helper {
        needle: "atomic_replace(",
        text: r"template <class T> static __device__ __forceinline__ T atomic_replace(T* place, T expected, T value)
{
    return BitsOf<T>::number(atomicCAS((typename BitsOf<T>::Bits*)place, BitsOf<T>::bits(expected), BitsOf<T>::bits(value)));
}
",
    },
    Helper {
        needle: "share_index<",
        text: r"// The iteration of number k of this thread in a tile: M pieces of N neighbours, the pieces of the threads of a block side by side.
template <int M, int N> static __device__ __forceinline__ index_t share_index(index_t tile, int k)
{
    return ((tile * M + k / N) * (index_t)blockDim.x + (index_t)threadIdx.x) * N + k % N;
}
",
    },
    Helper {
        needle: "Share<",
        text: r"
// What a thread has of an array in a tile. A piece of up to 16 bytes is loaded and stored at once.
template <class T, int M, int N> struct Share {
    struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Piece { T at[N]; };
    Piece pieces[M];

    __device__ __forceinline__ T& operator[](int k) { return pieces[k / N].at[k % N]; }

    __device__ __forceinline__ void load(const T* x, index_t tile)
    {
#pragma unroll
        for (int m = 0; m < M; m++) pieces[m] = *(const Piece*)(x + share_index<M, N>(tile, m * N));
    }

    // Elements that lie elsewhere are loaded one by one.
    __device__ __forceinline__ void load(const T* x, index_t tile, index_t stride, bool are_together)
    {
        if (are_together) {
            load(x, tile);
            return;
        }
#pragma unroll
        for (int k = 0; k < M * N; k++) (*this)[k] = x[share_index<M, N>(tile, k) * stride];
    }

    __device__ __forceinline__ void store(T* x, index_t tile) const
    {
#pragma unroll
        for (int m = 0; m < M; m++) *(Piece*)(x + share_index<M, N>(tile, m * N)) = pieces[m];
    }
};
",
    },
    Helper {
        needle: "first_row<",
        text: r"// Rows, R of them for a warp: the first one of this warp, and the distance to its next one.
template <int R> static __device__ __forceinline__ index_t first_row()
{
    return ((index_t)blockIdx.x * (index_t)(blockDim.x / 32) + (index_t)(threadIdx.x / 32)) * R;
}
template <int R> static __device__ __forceinline__ index_t step_rows() { return (index_t)gridDim.x * (index_t)(blockDim.x / 32) * R; }
",
    },
    Helper {
        needle: "row_of<",
        text: r"// The row of this thread: every R-th thread has the same one, and those without a row of their own do the last one again.
template <int R> static __device__ __forceinline__ index_t row_of(index_t first, index_t end)
{
    const index_t row = first + (index_t)(threadIdx.x % R);
    return row < end ? row : end - 1;
}
// Is it the first thread that has the row?
template <int R> static __device__ __forceinline__ bool owns_row(index_t first, index_t end)
{
    const u32 lane = threadIdx.x % 32;
    return lane < R && first + (index_t)lane < end;
}
",
    },
    Helper {
        needle: "part_row_of<",
        text: r"// The same where neighbouring threads share a row.
template <int R> static __device__ __forceinline__ index_t part_row_of(index_t first, index_t end)
{
    const index_t row = first + (index_t)(threadIdx.x % 32 / (32 / R));
    return row < end ? row : end - 1;
}
template <int R> static __device__ __forceinline__ bool owns_part_row(index_t first, index_t end)
{
    const u32 lane = threadIdx.x % 32;
    return lane % (32 / R) == 0 && first + (index_t)(lane / (32 / R)) < end;
}
",
    },
    Helper {
        needle: "part_number<",
        text: r"// Which of N partial sums is this thread's.
template <int N> static __device__ __forceinline__ index_t part_number() { return (index_t)(threadIdx.x % N); }
",
    },
    Helper {
        needle: "add_lanes<",
        text: r"// The sum of the numbers of N neighbouring threads, for all of them: each with that N / 2 places on, then N / 4.
template <int N, class T> static __device__ __forceinline__ T add_lanes(T x)
{
#pragma unroll
    for (int n = N / 2; n > 0; n /= 2) x = x + __shfl_down_sync(0xffffffffu, x, n, N);
    return __shfl_sync(0xffffffffu, x, 0, N);
}
",
    },
    Helper {
        needle: "multiply_lanes<",
        text: r"// Their product likewise.
template <int N, class T> static __device__ __forceinline__ T multiply_lanes(T x)
{
#pragma unroll
    for (int n = N / 2; n > 0; n /= 2) x = x * __shfl_down_sync(0xffffffffu, x, n, N);
    return __shfl_sync(0xffffffffu, x, 0, N);
}
",
    },
    Helper {
        needle: "Rows<",
        text: r"
// R rows of an array on their way through a warp's shared memory, W elements of each at a time. Thread k % R knows where row k begins.
// Rows that begin at 16 bytes come in pieces of 16, asked for before the ones in front of them are used.
template <class T, int R, int W> struct Rows {
    static constexpr int N = 16 / sizeof(T), PIECES = W / N, OWN = R * PIECES / 32;
    struct alignas(16) Piece { T at[N]; };
    typedef Piece Memory[R][PIECES + 1]; // rows begin in different banks

    Memory& memory;
    const T* const x;
    const index_t begin, count;
    const bool are_aligned;
    const int lane;
    Piece ahead[OWN];

    __device__ __forceinline__ Rows(void* memory, const T* x, index_t begin, index_t count)
        : memory(*(Memory*)memory), x(x), begin(begin), count(count),
          are_aligned(__all_sync(0xffffffffu, (u64)(x + begin) % 16 == 0) != 0), lane((int)(threadIdx.x % 32))
    {
        fetch(0);
    }

    __device__ __forceinline__ bool are_whole(index_t from) const { return are_aligned && from + W <= count; }

    __device__ __forceinline__ void fetch(index_t from)
    {
        if (!are_whole(from)) return;
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            const int piece = k * 32 + lane;
            const index_t row = __shfl_sync(0xffffffffu, begin, piece / PIECES);
            ahead[k] = *(const Piece*)(x + (row + from + piece % PIECES * N));
        }
    }

    // The elements from there on: each thread finds those of its row.
    __device__ __forceinline__ void next(index_t from)
    {
        __syncwarp();
        if (are_whole(from)) {
#pragma unroll
            for (int k = 0; k < OWN; k++) {
                const int piece = k * 32 + lane;
                memory[piece / PIECES][piece % PIECES] = ahead[k];
            }
        } else {
#pragma unroll 8
            for (int k = lane; k < R * W; k += 32) {
                const index_t row = __shfl_sync(0xffffffffu, begin, k / W), column = k % W;
                if (from + column < count) memory[k / W][column / N].at[column % N] = x[row + from + column];
            }
        }
        __syncwarp();
        fetch(from + W);
    }

    __device__ __forceinline__ T operator[](index_t k) const { return memory[lane % R][k / N].at[k % N]; }
};
",
    },
    Helper {
        needle: "Steps<",
        text: r"
// The same of rows that lie side by side, whose elements are `stride` apart.
template <class T, int R, int W> struct Steps {
    static constexpr int OWN = R * W / 32;
    typedef T Memory[W][R];

    Memory& memory;
    const T* const x;
    const index_t begin, stride, count;
    const int lane;
    T ahead[OWN];

    __device__ __forceinline__ Steps(void* memory, const T* x, index_t begin, index_t stride, index_t count)
        : memory(*(Memory*)memory), x(x), begin(begin), stride(stride), count(count), lane((int)(threadIdx.x % 32))
    {
        fetch(0);
    }

    __device__ __forceinline__ void fetch(index_t from)
    {
        if (from + W > count) return;
        const T* const first = x + (begin + (from + lane / R) * stride);
#pragma unroll
        for (int k = 0; k < OWN; k++) ahead[k] = first[k * (32 / R) * stride];
    }

    __device__ __forceinline__ void next(index_t from)
    {
        __syncwarp();
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            const int step = k * (32 / R) + lane / R;
            if (from + W <= count) memory[step][lane % R] = ahead[k];
            else if (from + step < count) memory[step][lane % R] = x[begin + (from + step) * stride];
        }
        __syncwarp();
        fetch(from + W);
    }

    __device__ __forceinline__ T operator[](index_t k) const { return memory[k][lane % R]; }
};
",
    },
    Helper {
        needle: "wadd(",
        text: "static __device__ __forceinline__ i64 wadd(i64 a, i64 b) { return (i64)((u64)a + (u64)b); }\n",
    },
    Helper {
        needle: "wsub(",
        text: "static __device__ __forceinline__ i64 wsub(i64 a, i64 b) { return (i64)((u64)a - (u64)b); }\n",
    },
    Helper {
        needle: "wmul(",
        text: "static __device__ __forceinline__ i64 wmul(i64 a, i64 b) { return (i64)((u64)a * (u64)b); }\n",
    },
    Helper {
        needle: "wneg(",
        text: "static __device__ __forceinline__ i64 wneg(i64 a) { return (i64)(0 - (u64)a); }\n",
    },
    Helper {
        needle: "wabs(",
        text: "static __device__ __forceinline__ i64 wabs(i64 a) { return a < 0 ? (i64)(0 - (u64)a) : a; }\n",
    },
    Helper {
        needle: "shl(",
        text: "static __device__ __forceinline__ i64 shl(i64 a, i64 n) { return (u64)n < 64 ? (i64)((u64)a << n) : 0; }\n",
    },
    Helper {
        needle: "shr(",
        text: "static __device__ __forceinline__ i64 shr(i64 a, i64 n) { return a >> ((u64)n < 64 ? n : 63); }\n",
    },
    Helper {
        needle: "shr_u64(",
        text: "static __device__ __forceinline__ u64 shr_u64(u64 a, i64 n) { return (u64)n < 64 ? a >> n : 0; }\n",
    },
    Helper {
        needle: "floor_div",
        text: "// Python's quotient and remainder; a zero divisor gives 0.\n\
               template <class T> static __device__ __forceinline__ T floor_div(T a, T b)\n{\n    \
               if (b == 0) return 0;\n    if (b == -1) return (T)(0 - (u64)a);\n    const T q = a / b;\n    \
               return q - (q * b != a && (a < 0) != (b < 0));\n}\n",
    },
    Helper {
        needle: "floor_mod",
        text: "template <class T> static __device__ __forceinline__ T floor_mod(T a, T b)\n{\n    \
               if (b == 0 || b == -1) return 0;\n    const T r = a % b;\n    \
               return r != 0 && (r < 0) != (b < 0) ? r + b : r;\n}\n",
    },
    Helper {
        needle: "int_pow(",
        text: "static __device__ u64 uint_pow(u64 base, u64 exponent)\n{\n    u64 power = 1;\n    \
               for (; exponent != 0; exponent >>= 1) {\n        if (exponent & 1) power *= base;\n        base *= base;\n    }\n    \
               return power;\n}\n\
               static __device__ i64 int_pow(i64 base, i64 exponent)\n{\n    \
               if (exponent < 0) return base == 1 ? 1 : base == -1 ? 1 - 2 * (exponent & 1) : 0;\n    \
               return (i64)uint_pow((u64)base, (u64)exponent);\n}\n",
    },
    Helper {
        needle: "smaller",
        text: "// Python's min and max: the first, unless the second is better.\n\
               template <class T> static __device__ __forceinline__ T smaller(T a, T b) { return b < a ? b : a; }\n",
    },
    Helper {
        needle: "larger",
        text: "template <class T> static __device__ __forceinline__ T larger(T a, T b) { return b > a ? b : a; }\n",
    },
    Helper {
        needle: "wrap<",
        text: "// A negative index counts from the end.\n\
               template <class T> static __device__ __forceinline__ T wrap(T index, T extent) { return index < 0 ? index + extent : index; }\n",
    },
    Helper {
        needle: "to_i64(",
        text: "// Truncated; what does not fit is the smallest number.\n\
               static __device__ __forceinline__ i64 to_i64(f64 x)\n{\n    \
               return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (i64)x : (-9223372036854775807LL - 1);\n}\n",
    },
    Helper {
        needle: "to_u64(",
        text: "static __device__ __forceinline__ u64 to_u64(f64 x)\n{\n    \
               return x >= 9223372036854775808.0 ? (u64)to_i64(x - 9223372036854775808.0) ^ (1ULL << 63) : (u64)to_i64(x);\n}\n",
    },
    Helper {
        needle: "f64_bits(",
        text: "static __device__ __forceinline__ f64 f64_bits(u64 bits) { return __longlong_as_double((i64)bits); }\n",
    },
    Helper {
        needle: "f32_bits(",
        text: "static __device__ __forceinline__ f32 f32_bits(u32 bits) { return __int_as_float((i32)bits); }\n",
    },
    Helper {
        needle: "float_",
        text: "// Python's quotient and remainder of floats, by CPython's algorithm; `is_mod` asks for the remainder.\n\
               template <class T> static __device__ T float_divmod(T a, T b, bool is_mod, T rest)\n{\n    \
               if (b == 0) return is_mod ? rest : a / b;\n    \
               T quotient = (a - rest) / b;\n    \
               if (rest == 0) rest = (T)copysign((f64)0, (f64)b);\n    \
               else if ((b < 0) != (rest < 0)) { rest += b; quotient -= 1; }\n    \
               if (is_mod) return rest;\n    \
               if (quotient == 0) return (T)copysign((f64)0, (f64)(a / b));\n    \
               const T whole = (T)floor((f64)quotient);\n    \
               return quotient - whole > (T)0.5 ? whole + 1 : whole;\n}\n\
               static __device__ f64 float_floordiv(f64 a, f64 b) { return float_divmod(a, b, false, fmod(a, b)); }\n\
               static __device__ f32 float_floordiv(f32 a, f32 b) { return float_divmod(a, b, false, fmodf(a, b)); }\n\
               static __device__ f64 float_mod(f64 a, f64 b) { return float_divmod(a, b, true, fmod(a, b)); }\n\
               static __device__ f32 float_mod(f32 a, f32 b) { return float_divmod(a, b, true, fmodf(a, b)); }\n",
    },
    Helper {
        needle: "add_parts<",
        text: r"// Partial sums as one, in place 0: each with that N places on, then N / 2.
template <int N, class T> static __device__ __forceinline__ void add_parts(T* parts)
{
#pragma unroll
    for (int k = 0; k < N; k++) parts[k] = parts[k] + parts[k + N];
    if constexpr (N > 1) add_parts<N / 2>(parts);
}
",
    },
    Helper {
        needle: "multiply_parts<",
        text: r"// Partial products likewise.
template <int N, class T> static __device__ __forceinline__ void multiply_parts(T* parts)
{
#pragma unroll
    for (int k = 0; k < N; k++) parts[k] = parts[k] * parts[k + N];
    if constexpr (N > 1) multiply_parts<N / 2>(parts);
}
",
    },
    Helper {
        needle: "reduce_block(",
        text: "// The same number of the thread that many places further on in the warp.\n\
               template <class T> static __device__ __forceinline__ T down(T x, u32 n)\n{\n    \
               if constexpr (sizeof(T) < 4) return (T)__shfl_down_sync(0xffffffffu, (int)x, n);\n    \
               else return __shfl_down_sync(0xffffffffu, x, n);\n}\n\n\
               // Partial results of a block of whole warps as one, in fixed order: of use in thread 0.\n\
               template <class P> static __device__ P reduce_block(P partial)\n{\n    \
               __shared__ P of_warps[32];\n    \
               const u32 thread = threadIdx.x + blockDim.x * threadIdx.y;\n    \
               const u32 warps = blockDim.x * blockDim.y / 32;\n    \
               for (u32 n = 16; n > 0; n /= 2) partial.take(partial.from(n));\n    \
               if (thread % 32 == 0) of_warps[thread / 32] = partial;\n    \
               __syncthreads();\n    \
               if (thread == 0) {\n        \
               for (u32 warp = 1; warp < warps; warp++) partial.take(of_warps[warp]);\n    }\n    \
               return partial;\n}\n",
    },
];

/// Names that a variable must not have: keywords, what the prelude defines, what CUDA does.
pub(super) const TAKEN: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "constexpr",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "nullptr",
    "operator",
    "or",
    "private",
    "protected",
    "public",
    "register",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
    "i8",
    "i16",
    "i32",
    "i64",
    "u8",
    "u16",
    "u32",
    "u64",
    "f32",
    "f64",
    "c64",
    "c128",
    "index_t",
    "RESTRICT",
    "error",
    "trip",
    "iteration",
    "partials",
    "results",
    "partial",
    "blocks",
    "shared_bytes",
    "order",
    "tiles",
    "are_together",
    "share_index",
    "ARE_APART",
    "Rows",
    "Steps",
    "first_row",
    "step_rows",
    "row_of",
    "owns_row",
    "part_row_of",
    "owns_part_row",
    "part_number",
    "add_lanes",
    "multiply_lanes",
    "Share",
    "chunk_begin",
    "chunk_end",
    "chunk_size",
    "chunk_rest",
    "chunk_first",
    "is_own",
    "add_parts",
    "multiply_parts",
    "BitsOf",
    "shared_add",
    "atomic_extremum",
    "fail",
    "word",
    "wrap",
    "down",
    "smaller",
    "larger",
    "shl",
    "shr",
    "first_x",
    "first_y",
    "step_x",
    "step_y",
    "first_z",
    "step_z",
    "lane_number",
    "thread_number",
    "all_equal",
    "atomic_min",
    "atomic_max",
    "atomic_exchange",
    "atomic_replace",
    "shared_bytes",
    "dynamic_memory",
    "main",
    "printf",
    "assert",
    "min",
    "max",
    "abs",
    "exp",
    "log",
    "sin",
    "cos",
    "tan",
    "sqrt",
    "pow",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "fabs",
    "fma",
    "fmaf",
    "fmod",
    "sqrtf",
    "fabsf",
    "floorf",
    "ceilf",
    "truncf",
    "rintf",
    "fmodf",
    "y0",
    "y1",
    "j0",
    "j1",
    "yn",
    "jn",
    "gamma",
    "copysign",
    "threadIdx",
    "blockIdx",
    "blockDim",
    "gridDim",
    "warpSize",
    "next",
    "done",
    "linux",
    "unix",
    "seed",
    "epoch",
    "stream",
    "state",
    "I",
    "NULL",
    "EOF",
    "NAN",
    "INFINITY",
    "isnan",
    "isinf",
];
