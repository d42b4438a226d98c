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
    let (gpu, interpreter) = (gpu(), interpreter());
    let kernels = [&gpu, &interpreter].map(|engine| {
        Module::from_source(engine, "a.k", source).and_then(|module| module.kernel("f")).unwrap()
    });
    for stride in STRIDES {
        for len in LENGTHS {
            let [on_gpu, expected] = kernels.each_ref().map(|kernel| call(kernel, dtypes, len, stride));
            assert_eq!(on_gpu.0, expected.0, "{len} elements, every {stride}");
            assert!(on_gpu.1 == expected.1, "{len} elements, every {stride}: other elements");
            assert!(expected.0.is_ok() || len == 0, "{:?}", expected.0);
        }
    }
    let report = gpu.gpu_report().unwrap();
    assert!(report.launches as usize >= STRIDES.len() * (LENGTHS.len() - 1), "{report:?}");
    assert!(report.on_processor.is_empty(), "{report:?}");
}
