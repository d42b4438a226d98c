//! Kernels at the lengths around warps and blocks, over arrays with gaps and backwards, on the stand-ins: the bits of the
//! interpreter, and nothing written between the elements.

use kjit::{
    Arg, ArrayRefMut, CacheDir, Config, DType, DeviceKind, Engine, EngineKind, Kernel, Module, Value,
};
use kjit_tests::gpu::cases::libraries;
use kjit_tests::gpu::trials;
use libtest_mimic::Arguments;

fn main() {
    let args = Arguments::from_args();
    let tests: &[(&str, fn())] = &[
        ("mapped loops", || sweep(MAPPED, &[DType::F64, DType::F64])),
        ("mapped loops over small numbers", || sweep(SMALL, &[DType::I16, DType::F32])),
        ("loops with a check in every access", || sweep(PICKED, &[DType::I64, DType::F64])),
        ("two loops as one", || sweep(TWO_LOOPS, &[DType::F64, DType::F64])),
        ("reductions", || sweep(REDUCED, &[DType::I64, DType::F64])),
        ("elements in the processor's order", || sweep(ORDERED, &[DType::F64, DType::F64])),
        ("elements that the data choose", || sweep(CHOSEN, &[DType::F64, DType::F64])),
        ("regrouped sums", || sweep(REGROUPED, &[DType::F64, DType::F64])),
        ("sums of rows", || sweep_along(ROWS, &[DType::F64, DType::F64], &STRIDES[..1])),
        ("sums of rows, regrouped", || sweep_along(ROWS_REGROUPED, &[DType::F64, DType::F64], &STRIDES[..1])),
        ("sums of columns", || sweep_along(COLUMNS, &[DType::F64, DType::F64], &STRIDES[..1])),
        ("numbers of rows", || sweep_along(FEW_ROWS, &[DType::F64, DType::F64], &STRIDES[..1])),
        ("maps in two dimensions", || sweep_along(BANDS, &[DType::F64, DType::F64], &STRIDES[..1])),
        ("rows that are copied", || sweep(COPIED, &[DType::F64, DType::F64])),
        ("explicit kernels", || sweep(EXPLICIT, &[DType::F32, DType::F32])),
        ("explicit kernels with shared memory", || sweep(SHARED, &[DType::F64, DType::F64])),
        ("explicit kernels with forall", || sweep(FORALL, &[DType::I64, DType::I64])),
    ];
    libtest_mimic::run(&args, trials(tests, libraries().err().as_deref())).exit();
}

const LENGTHS: [usize; 9] = [0, 1, 2, 31, 32, 33, 1023, 1024, 1025];
/// Distances of elements, in elements.
const STRIDES: [isize; 4] = [1, 2, 3, -1];

const MAPPED: &str = "
def f(x, y):
    for i in prange(len(x)):
        y[i] = 1.5 * x[i] + y[i]
";
const SMALL: &str = "
def f(x, y):
    for i in prange(len(x)):
        y[i] = y[i] / 3 + x[i] * x[i]
";
const PICKED: &str = "
def f(x, y):
    n = len(x)
    for i in prange(n):
        y[i] = x[x[i] % n] + 0.5
";
const TWO_LOOPS: &str = "
def f(x, y):
    m = 7
    table = np.zeros((len(x), m))
    for i in prange(len(x)):
        for j in prange(m):
            table[i, j] = x[i] * j
    for i in prange(len(x)):
        y[i] = table[i, 0]
        for j in range(m):
            y[i] -= table[i, j]
";
const REDUCED: &str = "
def f(x, y):
    n = len(x)
    total = 0
    low = 1e300
    high = -1e300
    bits = 0
    every = True
    for i in prange(n):
        total += x[i]
        low = min(low, y[i])
        high = max(high, y[i])
        bits ^= x[i]
        every = every and x[i] > -4
    return total, low, high, bits, every
";
const ORDERED: &str = "
def f(x, y):
    n = len(x)
    for i in prange(64):
        for j in range(n):
            y[j] += x[j] * (0.37 * i) - 0.1
    table = np.zeros((n, 3))
    for i in prange(n):
        for j in range(3):
            table[i, j] = x[i] / (j + 3)
    sums = np.full(3, 0.1)
    counts = np.zeros(5)
    for i in prange(n):
        counts[i % 5] += 0.7
        for j in range(3):
            sums[j] += table[i, j]
    return sums[0], sums[1], sums[2], counts[0], counts[4]
";
const CHOSEN: &str = "
def f(x, y):
    n = len(x)
    h = np.zeros(7)
    for i in prange(20 * n):
        k = i * 7919 % n
        h[k % 7] += x[k] * 0.3
        y[k] -= x[i % n] / 7
    return h[0], h[1], h[6]
";
const REGROUPED: &str = "
@njit(fastmath={'reassoc'})
def f(x, y):
    n = len(x)
    for i in prange(n):
        s = 0.25
        for j in range(min(i, n)):
            s += x[j] * 0.3
        p = 1.5
        q = 0.125
        for j in range(i % 100):
            p *= 1.0 + x[j % n] * 0.001
            q -= 1.0 / (j + 3)
        for j in range(i % 90, 0, -2):
            s += 0.7 / j
        y[i] = s + p * q
";
const COPIED: &str = "
def f(x, y):
    n = len(x)
    table = np.zeros((4, n))
    for i in prange(4):
        table[i] = x
        table[i, n // 2:] = y[:n - n // 2]
    for i in prange(n):
        y[i] = table[0, i] - 2.0 * table[3, n - 1 - i]
";
/// Rows as long as `x`, begun at and beside 16 bytes; the number of rows is no multiple of those of a warp.
const ROWS: &str = "
def f(x, y):
    n = len(x)
    m = 19
    a = np.zeros((m, n))
    b = np.zeros((m, n), dtype=np.float32)
    c = np.zeros((m, n), dtype=np.uint8)
    for i in prange(m):
        for j in prange(n):
            a[i, j] = x[j] * (i + 1) / 7 - (i * j % 5)
            b[i, j] = x[n - 1 - j] / (i + 3)
            c[i, j] = (i * 31 + j * 7) % 251
    out = np.full((9, m), 0.25)
    for i in prange(m):
        s = 0.5
        for j in range(n):
            s += a[i, j]
        out[0, i] = s
    for i in prange(m):
        s = out[1, i] + 1.0
        for j in range(n):
            s += a[i, j] * x[j] - b[i, j]
        out[2, i] -= s
    for i in prange(m):
        best = -1e300
        where = -1
        count = 0
        for j in range(1, n - 1):
            if a[i, j] > best:
                best = a[i, j]
                where = j
            count += c[i, j]
        out[3, i] = best + where
        out[4, i] = count
    for i in prange(m):
        top = -1e300
        for j in range(n):
            top = max(top, a[i, j])
        s = 0.0
        for j in range(n):
            s += math.exp(a[i, j] - top)
        if s > 1.0:
            out[5, i] = top + math.log(s)
    for i in prange(2, m):
        s = 0.0
        for j in range(2, n - 1):
            s += a[i, j] - a[i, 2] + a[i - 1, j + 1] * a[i - 2, j - 2]
        out[6, i] = s
    for i in prange(m):
        row = a[i]
        s = 0.0
        for v in row:
            s += v * 0.75
        out[7, i] = s
    for i in prange(m):
        s = 0.0
        for j in range(n):
            s += a[i, j]
        if n > 0:
            out[8, i] = s / n
    total = 0.0
    for k in range(9):
        for i in range(m):
            total = total * 1.0625 + out[k, i]
        if k < n:
            y[k] = total
    return total, out[0, 0], out[2, 7], out[3, m - 1], out[4, 3], out[5, 8], out[6, 17], out[7, 5], out[8, 2]
";
const ROWS_REGROUPED: &str = "
@njit(fastmath={'reassoc'})
def f(x, y):
    n = len(x)
    m = 11
    a = np.zeros((m, n))
    for i in prange(m):
        for j in prange(n):
            a[i, j] = x[j] * (i + 1) / 7 - (i * j % 5)
    out = np.full((4, m), 0.25)
    for i in prange(m):
        s = 0.5
        for j in range(n):
            d = a[i, j] - x[j]
            s += d * d
        out[0, i] = s
    for i in prange(1, m):
        s = 0.5
        p = 1.5
        for j in range(1, n):
            s -= a[i, j] * 0.1
            p *= 1.0 + a[i, j - 1] * 1e-4
        out[1, i] = s
        out[2, i] *= p
    for i in prange(m):
        row = a[i]
        s = np.float32(0.5)
        for v in row:
            s += np.float32(v)
        out[3, i] = s
    total = 0.0
    for k in range(4):
        for i in range(m):
            total = total * 1.0625 + out[k, i]
        if k < n:
            y[k] = total
    return total, out[0, 0], out[1, 7], out[2, m - 1], out[3, 3]
";
const COLUMNS: &str = "
def f(x, y):
    n = len(x)
    m = 141
    a = np.zeros((m, n))
    b = np.zeros((m, n), dtype=np.float32)
    for i in prange(m):
        for j in prange(n):
            a[i, j] = x[j] * (i + 1) / 7 - (i * j % 5)
            b[i, j] = x[n - 1 - j] / (i + 3)
    out = np.full((3, n), 0.25)
    for j in prange(n):
        s = 0.5
        for i in range(m):
            s += a[i, j]
        out[0, j] = s
    for j in prange(n):
        s = 0.5
        for i in range(1, m):
            s += b[i, j] * b[i - 1, j]
        out[1, j] = s
    for j in prange(n):
        where = 0
        for i in range(m):
            if a[i, j] < a[where, j]:
                where = i
        out[2, j] = where
    total = 0.0
    for j in range(n):
        total = total * 0.9375 + out[0, j] - out[1, j] + out[2, j]
        y[j] = out[0, j] + out[1, j]
    return total
";
/// As many rows as `x` has elements.
const FEW_ROWS: &str = "
def f(x, y):
    n = len(x)
    m = 160
    a = np.zeros((n, m))
    for i in prange(n):
        for j in prange(m):
            a[i, j] = x[i] / (j + 1) - (i * j % 5)
    for i in prange(n):
        s = y[i]
        for j in range(m):
            s += a[i, j]
        y[i] = s
    for i in prange(n):
        s = 0.0
        for j in range(m):
            s += a[i, j]
        y[i] -= s / 3
    return y.sum()
";
const BANDS: &str = "
def f(x, y):
    n = len(x)
    m = 23
    a = np.zeros((m, n))
    b = np.zeros((n, 3))
    for i in prange(m):
        for j in prange(n):
            a[i, j] = x[j] * (i + 1) + y[j]
    c = np.zeros((m, n))
    for i in prange(1, m - 1):
        w = 0.125 * i
        for j in prange(1, n - 1):
            c[i, j] = 0.5 * a[i, j] + w * (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1])
    for i in prange(n):
        for j in prange(3):
            b[i, j] = x[i] + j
            if i % 3 == j:
                b[i, j] *= 0.5
    w = np.zeros((300, n), dtype=np.float32)
    v = np.zeros((300, n + 1))
    for i in prange(300):
        for j in prange(n):
            w[i, j] = 3 * i + j
            v[i, j] = i - 0.5 * j
    z = np.zeros((300, n), dtype=np.float32)
    q = np.zeros((300, n))
    for i in prange(300):
        for j in range(n):
            z[i, j] = w[i, j] * np.float32(0.25) + np.float32(7.0)
    for i in prange(300):
        for j in range(n):
            q[i, j] = v[i, j] * 0.75 - w[i, j]
    r = np.zeros((300, n))
    for i in prange(299):
        for j in range(n):
            r[i, j] = q[i, j] * q[i, j] + 2.0
    total = 0.0
    for j in range(n):
        for i in range(m):
            total = total * 0.9375 + c[i, j]
        total += b[j, 0] - b[j, 1] * b[j, 2]
        for i in range(0, 300, 7):
            total = total * 0.875 + z[i, j] - q[i, j] + r[i, j]
        y[j] = z[299, j] + q[298, j] + r[298, j] + r[299, j]
    return total
";
const EXPLICIT: &str = "
from numba import cuda

@cuda.jit
def saxpy(a, x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] += a * x[i]

@cuda.jit
def strided(a, x, y):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = y[i] * a - x[i]

def f(x, y):
    n = len(x)
    saxpy[(n + 127) // 128, 128](np.float32(1.5), x, y)
    strided[2, 96](np.float32(0.5), x, y)
";
const SHARED: &str = "
from numba import cuda, float64

@cuda.jit
def reverse_blocks(x, y):
    s = cuda.shared.array(64, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    last = min(cuda.blockDim.x, x.size - cuda.blockIdx.x * cuda.blockDim.x) - 1
    if i < x.size:
        s[t] = x[i]
    cuda.syncthreads()
    if i < x.size:
        y[i] += s[last - t]

@cuda.jit
def sums(x, out):
    s = cuda.shared.array(64, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    s[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    d = 32
    while d > 0:
        if t < d:
            s[t] += s[t + d]
        cuda.syncthreads()
        d //= 2
    if t == 0:
        out[cuda.blockIdx.x] = s[0]

def f(x, y):
    blocks = (len(x) + 63) // 64
    reverse_blocks[blocks, 64](x, y)
    out = np.zeros(blocks)
    sums[blocks, 64](x, out)
    return out.sum()
";
const FORALL: &str = "
from numba import cuda

TABLE = np.array([3, 1, 4, 1, 5, 9, 2, 6])

@cuda.jit
def mix(x, y, total):
    table = cuda.const.array_like(TABLE)
    i = cuda.grid(1)
    if i < x.size:
        y[i] += x[i] * table[i % 8]
        cuda.atomic.add(total, i % 3, x[i])

def f(x, y):
    total = np.zeros(3, dtype=np.int64)
    mix.forall(len(x), tpb=64)(x, y, total)
    mix.forall(len(x))(x, y, total)
    return total[0], total[1], total[2]
";

/// On the stand-ins, or with `KJIT_TEST_GPU=real` on the machine's GPU.
fn gpu() -> Engine {
    let libraries = libraries().unwrap();
    let config = Config::new().device(DeviceKind::Cuda(0)).gpu_libraries(libraries).cache(CacheDir::Off);
    Engine::new(config).unwrap()
}

fn interpreter() -> Engine {
    let config = Config::new().engine(EngineKind::Interp).device(DeviceKind::Cpu).cache(CacheDir::Off);
    Engine::new(config).unwrap()
}

/// Memory in which an array's elements lie so far from each other. What lies between them has a pattern.
struct Elements {
    dtype: DType,
    bytes: Vec<u64>,
    len: usize,
    stride: isize,
}

impl Elements {
    fn new(dtype: DType, len: usize, stride: isize, seed: usize) -> Elements {
        let size = dtype.size_bytes();
        let count = len * stride.unsigned_abs() + 2;
        let mut bytes = vec![0xa5a5_a5a5_a5a5_a5a5_u64; (count * size).div_ceil(8)];
        let first = bytes.as_mut_ptr().cast::<u8>();
        for k in 0..len {
            let number = ((k * 7919 + seed * 13 + 5) % 211) as i64 - 7;
            // SAFETY: every element lies within the memory, aligned to its size.
            unsafe {
                let at = first.add((1 + k * stride.unsigned_abs()) * size);
                match dtype {
                    DType::F64 => at.cast::<f64>().write(number as f64 / 8.0),
                    DType::F32 => at.cast::<f32>().write(number as f32 / 8.0),
                    DType::I64 => at.cast::<i64>().write(number),
                    DType::I16 => at.cast::<i16>().write(number as i16),
                    _ => unreachable!("not used here"),
                }
            }
        }
        Elements { dtype, bytes, len, stride }
    }

    fn arg(&mut self) -> Arg<'_> {
        let size = self.dtype.size_bytes();
        let step = self.stride.unsigned_abs();
        let first = if self.stride > 0 { 1 } else { 1 + self.len.saturating_sub(1) * step };
        // SAFETY: the elements lie within the memory, which the argument borrows.
        unsafe {
            let data = self.bytes.as_mut_ptr().cast::<u8>().add(first * size);
            Arg::from(ArrayRefMut::from_raw(data, self.dtype, &[self.len], &[self.stride * size as isize]))
        }
    }
}

fn call(
    kernel: &Kernel,
    dtypes: &[DType],
    len: usize,
    stride: isize,
) -> (Result<String, String>, Vec<Vec<u64>>) {
    let mut arrays: Vec<Elements> =
        dtypes.iter().enumerate().map(|(k, &dtype)| Elements::new(dtype, len, stride, k)).collect();
    let mut args: Vec<Arg<'_>> = arrays.iter_mut().map(Elements::arg).collect();
    let value = kernel.call(&mut args).map_err(|error| error.to_string());
    drop(args);
    (value.map(|value| text_of(&value)), arrays.into_iter().map(|array| array.bytes).collect())
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Tuple(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        other => format!("{other:?}"),
    }
}

/// The same bits everywhere in memory, whatever the length and the distance of elements.
fn sweep(source: &str, dtypes: &[DType]) {
    sweep_along(source, dtypes, &STRIDES);
}

fn sweep_along(source: &str, dtypes: &[DType], strides: &[isize]) {
    let (gpu, interpreter) = (gpu(), interpreter());
    let kernels = [&gpu, &interpreter].map(|engine| {
        Module::from_source(engine, "a.k", source).and_then(|module| module.kernel("f")).unwrap()
    });
    for &stride in strides {
        for len in LENGTHS {
            let [on_gpu, expected] = kernels.each_ref().map(|kernel| call(kernel, dtypes, len, stride));
            assert_eq!(on_gpu.0, expected.0, "{len} elements, every {stride}");
            assert!(on_gpu.1 == expected.1, "{len} elements, every {stride}: other elements");
            assert!(expected.0.is_ok() || len == 0, "{:?}", expected.0);
        }
    }
    let report = gpu.gpu_report().unwrap();
    assert!(report.launches as usize >= strides.len() * (LENGTHS.len() - 1), "{report:?}");
    assert!(report.on_processor.is_empty(), "{report:?}");
}
