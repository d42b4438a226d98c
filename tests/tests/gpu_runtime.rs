//! Whole kernels with `--device cuda`, on the stand-ins for the driver and NVRTC: the same bits and the same errors as on the
//! processor, and no byte moved that need not be.

use kjit::gpu::{GpuReport, Libraries};
use kjit::{
    Arg, ArrayRef, ArrayRefMut, CacheDir, Config, DeviceKind, Engine, Error, Kernel, Module, Value, View,
    ViewMut,
};
use kjit_tests::gpu::{Driver, Pair, standin, trials};
use libtest_mimic::Arguments;

fn main() {
    let args = Arguments::from_args();
    let tests: &[(&str, fn())] = &[
        ("elements of arrays", elements_of_arrays),
        ("sums and extremes", sums_and_extremes),
        ("arrays with gaps", arrays_with_gaps),
        ("several loops and code between them", several_loops_and_code_between_them),
        ("an index that is out of range", an_index_that_is_out_of_range),
        ("a warm start needs no compiler", a_warm_start_needs_no_compiler),
        ("faults of the driver are errors", faults_of_the_driver_are_errors),
        ("many threads call one kernel", many_threads_call_one_kernel),
        ("nothing is left on the device", nothing_is_left_on_the_device),
        ("the second device", the_second_device),
        ("what a block of the device cannot have", what_a_block_of_the_device_cannot_have),
        ("only what a kernel writes comes back", only_what_a_kernel_writes_comes_back),
        ("where a thread of a grid failed", where_a_thread_of_a_grid_failed),
        ("events tell the time of the device", events_tell_the_time_of_the_device),
    ];
    libtest_mimic::run(&args, trials(tests, standin().err().as_deref())).exit();
}

/// An engine on a pair of stand-ins. The pair stays as long as the engine.
struct Gpu {
    engine: Engine,
    _pair: Pair,
}

fn gpu_with(configuration: &str, cache: CacheDir) -> Gpu {
    let pair = standin().unwrap().pair(configuration).unwrap();
    let libraries = Libraries::default().driver(&pair.driver).nvrtc(&pair.nvrtc);
    let config = Config::new().device(DeviceKind::Cuda(0)).gpu_libraries(libraries).cache(cache);
    Gpu { engine: Engine::new(config).unwrap(), _pair: pair }
}

fn gpu() -> Gpu {
    gpu_with("", CacheDir::Off)
}

fn processor() -> Engine {
    Engine::new(Config::new().device(DeviceKind::Cpu).cache(CacheDir::Off)).unwrap()
}

fn kernel(engine: &Engine, text: &str) -> Kernel {
    let module = Module::from_source(engine, "a.k", text).unwrap_or_else(|error| panic!("{error}"));
    module.kernel("f").unwrap()
}

/// A result as text, the elements of arrays included.
fn text_of(value: &Value) -> String {
    match value {
        Value::Tuple(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        Value::Array(array) => format!("{:?}", array.to_vec::<f64>()),
        other => format!("{other:?}"),
    }
}

fn report(gpu: &Gpu) -> GpuReport {
    gpu.engine.gpu_report().unwrap()
}

/// Lengths around warps and blocks.
const LENGTHS: [usize; 9] = [0, 1, 31, 32, 33, 1023, 1024, 1025, 5000];

fn numbers(len: usize) -> Vec<f64> {
    (0..len).map(|k| ((k * 7919 + 13) % 1009) as f64 / 7.0 - 50.0).collect()
}

fn elements_of_arrays() {
    let text = "def f(a, x, y):\n    for i in prange(len(x)):\n        y[i] = a * x[i] + y[i]\n";
    let gpu = gpu();
    for len in LENGTHS {
        let x = numbers(len);
        let mut both = [numbers(len), numbers(len)];
        for (engine, y) in [&gpu.engine, &processor()].into_iter().zip(&mut both) {
            kernel(engine, text)
                .call(&mut [1.5.into(), Arg::from(View::from(&x)), Arg::from(ViewMut::from(y))])
                .unwrap();
        }
        let [on_gpu, on_processor] = both;
        assert_eq!(on_gpu, on_processor, "{len}");
    }
    assert_eq!(report(&gpu).launches, 8, "none for no elements");
    assert!(report(&gpu).on_processor.is_empty(), "{:?}", report(&gpu));
}

fn sums_and_extremes() {
    let text = "def f(x):\n    n = 0\n    low = 1e300\n    for i in prange(len(x)):\n        n += int(x[i])\n        low = min(low, x[i])\n    return n, low\n";
    let gpu = gpu();
    for len in LENGTHS {
        let x = numbers(len);
        let call =
            |engine: &Engine| text_of(&kernel(engine, text).call(&mut [Arg::from(View::from(&x))]).unwrap());
        assert_eq!(call(&gpu.engine), call(&processor()), "{len}");
    }
}

fn arrays_with_gaps() {
    let text = "def f(x, y):\n    for i in prange(len(x)):\n        y[i] = x[i] + 1.0\n";
    let gpu = gpu();
    let x = numbers(100);
    let mut y = vec![-1.0; 300];
    // SAFETY: every third element of arrays that live until after the call.
    let (every_x, every_y) = unsafe {
        (
            ArrayRef::from_raw(x.as_ptr().cast(), kjit::DType::F64, &[50], &[16]),
            ArrayRefMut::from_raw(y.as_mut_ptr().cast(), kjit::DType::F64, &[50], &[24]),
        )
    };
    kernel(&gpu.engine, text).call(&mut [Arg::from(every_x), Arg::from(every_y)]).unwrap();
    for (k, &value) in y.iter().enumerate() {
        let expected = if k % 3 == 0 && k < 150 { x[k / 3 * 2] + 1.0 } else { -1.0 };
        assert_eq!(value, expected, "{k}");
    }
}

/// Jacobi steps between two arrays that the kernel makes, a sum in between, a serial loop at the end.
const STEPS: &str = "
def f(n, steps):
    u = np.zeros(n)
    v = np.zeros(n)
    u[0] = 100.0
    v[0] = 100.0
    total = 0.0
    for t in range(steps):
        for i in prange(1, n - 1):
            v[i] = 0.5 * (u[i - 1] + u[i + 1])
        for i in prange(1, n - 1):
            u[i] = v[i]
        total += u[1]
    for i in range(n):
        total += u[i]
    return total, u
";

fn several_loops_and_code_between_them() {
    let gpu = gpu();
    let call = |engine: &Engine| {
        text_of(&kernel(engine, STEPS).call(&mut [2000_i64.into(), 10_i64.into()]).unwrap())
    };
    assert_eq!(call(&gpu.engine), call(&processor()));
    let report = report(&gpu);
    assert_eq!(report.launches, 20);
    // Made as zeros on the device; the host reads `u[1]` in each step, and everything at the end.
    assert!(report.to_device_bytes <= 2 * 16_000, "{report:?}");
    let device = gpu.engine.gpu().unwrap();
    assert_eq!(device.memory().allocated_bytes, 0, "all is given back when the call ends");
    assert!(device.empty_cache().unwrap() > 0);
    assert_eq!(device.memory().reserved_bytes, 0);
}

fn an_index_that_is_out_of_range() {
    let text = "def f(x, at, y):\n    for i in prange(len(at)):\n        y[i] = x[at[i]]\n    return y[0]\n";
    let x = numbers(10);
    let mut at: Vec<i64> = (0..700).map(|k| k % 10).collect();
    (at[300], at[650]) = (10, -11);
    let gpu = gpu();
    let call = |engine: &Engine| {
        let mut y = vec![0.0; 700];
        kernel(engine, text).call(&mut [
            Arg::from(View::from(&x)),
            Arg::from(View::from(&at)),
            Arg::from(ViewMut::from(&mut y)),
        ])
    };
    let (Err(Error::Trap(here)), Err(Error::Trap(there))) = (call(&processor()), call(&gpu.engine)) else {
        panic!()
    };
    assert_eq!((here.code, &here.message, here.span), (there.code, &there.message, there.span));
    assert_eq!(here.place, None);
    assert!(
        there.place.as_ref().is_some_and(|place| place.to_string().starts_with("GPU 0, block ")),
        "{there:?}"
    );
    // The device goes on working.
    at[300] = 9;
    at[650] = -10;
    let mut y = vec![0.0; 700];
    let value = kernel(&gpu.engine, text)
        .call(&mut [Arg::from(View::from(&x)), Arg::from(View::from(&at)), Arg::from(ViewMut::from(&mut y))])
        .unwrap();
    assert_eq!((value.as_f64(), y[300], y[650]), (Some(x[0]), x[9], x[0]));
}

fn a_warm_start_needs_no_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let gpu = gpu_with("", CacheDir::At(folder.path().to_owned()));
        let value = kernel(&gpu.engine, STEPS).call(&mut [100_i64.into(), 2_i64.into()]).unwrap();
        let opened = gpu.engine.gpu().unwrap().gpu().has_loaded_nvrtc();
        (text_of(&value), opened)
    };
    let (cold, warm) = (start(), start());
    assert_eq!((cold.1, warm.1), (true, false));
    assert_eq!(cold.0, warm.0);
}

fn faults_of_the_driver_are_errors() {
    for (fault, expected) in [
        ("fail = cuMemAlloc_v2:2@0", "out of memory"),
        ("fail = cuLaunchKernel:700@1", "is lost to this process"),
        ("fail = cuModuleLoadDataEx:209@0", "refuses code of NVRTC 13.0"),
        ("fail = cuMemcpyDtoHAsync_v2:719@1", "is lost to this process"),
    ] {
        let gpu = gpu_with(fault, CacheDir::Off);
        let error = kernel(&gpu.engine, STEPS).call(&mut [100_i64.into(), 2_i64.into()]).unwrap_err();
        assert!(error.to_string().contains(expected), "{fault}: {error}");
    }
}

fn many_threads_call_one_kernel() {
    let text = "def f(x):\n    n = 0\n    for i in prange(len(x)):\n        n += x[i]\n    return n\n";
    let gpu = gpu();
    let kernel = kernel(&gpu.engine, text);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let kernel = kernel.clone();
            scope.spawn(move || {
                let x = vec![thread; 1000];
                for _ in 0..5 {
                    let value: Value = kernel.call(&mut [Arg::from(View::from(&x))]).unwrap();
                    assert_eq!(value.as_f64(), Some(1000.0 * thread as f64));
                }
            });
        }
    });
    assert_eq!(gpu.engine.gpu().unwrap().memory().allocated_bytes, 0);
}

/// After calls that worked, that met a failing check, and that failed in the driver: no memory but the pool's, no event, one
/// stream (the device's), and the modules are gone with the engine.
fn nothing_is_left_on_the_device() {
    let gpu = gpu();
    let driver = Driver::start(&gpu._pair).unwrap();
    let text = "
def f(n, m):
    x = np.zeros(n)
    y = np.ones((n, 3))
    start = cuda.event()
    start.record()
    for i in prange(m):
        x[i] = y[i, 0] + y[i, 2]
    end = cuda.event()
    end.record()
    t = start.elapsed_time(end)
    s = 0.0
    for i in prange(n):
        s += x[i]
    return s
";
    let text = format!("from numba import cuda\n{text}");
    let kernel = kernel(&gpu.engine, &text);
    for (n, m) in [(10, 10), (1000, 1000), (1000, 1001), (5000, 1), (0, 0)] {
        let value = kernel.call(&mut [i64::into(n), i64::into(m)]);
        assert_eq!(value.is_ok(), m <= n, "{value:?}");
        assert_eq!(driver.count("live events"), 0, "{n}");
    }
    let device = gpu.engine.gpu().unwrap();
    assert_eq!(device.memory().allocated_bytes, 0);
    device.empty_cache().unwrap();
    assert_eq!((driver.count("live allocations"), driver.count("live bytes")), (0, 0));
    assert_eq!((driver.count("live host allocations"), driver.count("live streams")), (0, 1));
    assert!(driver.count("live modules") > 0);
    drop((kernel, gpu));
    assert_eq!(driver.count("live modules"), 0);
}

fn the_second_device() {
    let pair = standin().unwrap().pair("devices = 2").unwrap();
    let libraries = Libraries::default().driver(&pair.driver).nvrtc(&pair.nvrtc);
    let engine = |number| {
        let config = Config::new()
            .device(DeviceKind::Cuda(number))
            .gpu_libraries(libraries.clone())
            .cache(CacheDir::Off);
        Engine::new(config)
    };
    let second = engine(1).unwrap();
    let value = kernel(&second, STEPS).call(&mut [100_i64.into(), 2_i64.into()]).unwrap();
    let expected = kernel(&processor(), STEPS).call(&mut [100_i64.into(), 2_i64.into()]).unwrap();
    assert_eq!(text_of(&value), text_of(&expected));
    let device = second.gpu().unwrap();
    assert_eq!((device.number(), device.name()), (1, "stand-in 1"));
    assert!(device.memory().reserved_bytes > 0);
    assert_eq!(device.gpu().device(0).unwrap().memory().reserved_bytes, 0);
    let error = engine(2).unwrap_err().to_string();
    assert_eq!(error, "no GPU to run on: there is no GPU 2: the driver sees 2 devices");
}

/// Sums of blocks in dynamic shared memory.
const SUMS: &str = "
from numba import cuda, float64

@cuda.jit
def sums(x, out, m):
    s = cuda.shared.array(0, float64)
    t = cuda.threadIdx.x
    for k in range(t, m, cuda.blockDim.x):
        s[k] = x[k % x.size]
    cuda.syncthreads()
    if t == 0:
        for k in range(m):
            out[cuda.blockIdx.x] += s[k]

def f(x, out, m):
    sums[out.size, 64, 0, 8 * m](x, out, m)
";

fn what_a_block_of_the_device_cannot_have() {
    let gpu = gpu();
    let kernel = kernel(&gpu.engine, SUMS);
    let call = |m: i64| {
        let (x, mut out) = (vec![0.5; 100], vec![0.0; 2]);
        let result =
            kernel.call(&mut [Arg::from(View::from(&x)), Arg::from(ViewMut::from(&mut out)), m.into()]);
        (result.map(drop).map_err(|error| error.to_string()), out)
    };
    assert_eq!(call(1000), (Ok(()), vec![500.0; 2]));
    // Beyond 48 KiB, which the driver must be told of.
    assert_eq!(call(10_000), (Ok(()), vec![5000.0; 2]));
    assert_eq!(call(1000), (Ok(()), vec![500.0; 2]));
    let (error, out) = call(100_000);
    let error = error.unwrap_err();
    assert!(
        error.contains("800000 bytes of dynamic shared memory were asked for; a block of GPU 0"),
        "{error}"
    );
    assert_eq!(out, [0.0; 2]);
    assert_eq!(call(1000), (Ok(()), vec![500.0; 2]), "the device goes on working");
}

fn only_what_a_kernel_writes_comes_back() {
    let gpu = gpu();
    let (x, mut out) = (vec![0.5; 10_000], vec![0.0; 2]);
    kernel(&gpu.engine, SUMS)
        .call(&mut [Arg::from(View::from(&x)), Arg::from(ViewMut::from(&mut out)), 1000_i64.into()])
        .unwrap();
    let report = report(&gpu);
    // The error record comes back, too.
    assert!(report.to_device_bytes >= 80_000 && report.to_host_bytes < 1000, "{report:?}");
}

fn where_a_thread_of_a_grid_failed() {
    let text = "
from numba import cuda

@cuda.jit
def k(x, at):
    i, j, l = cuda.grid(3)
    x[i, at[j * 2 + l]] = 1.0

def f(x, at):
    k[(3, 2, 1), (2, 2, 2)](x, at)
";
    let gpu = gpu();
    let mut x = vec![0.0; 60];
    let at: Vec<i64> = vec![0, 1, 2, 3, 4, 5, 10, 7];
    let view = ViewMut::<f64, 2>::new(&mut x, [6, 10]).unwrap();
    let error =
        kernel(&gpu.engine, text).call(&mut [Arg::from(view), Arg::from(View::from(&at))]).unwrap_err();
    let Error::Trap(trap) = error else { panic!("{error}") };
    assert_eq!(trap.message, "index 10 is out of range for axis 1 of `x` with size 10");
    // The lowest thread with j = 3 and l = 0, in the order of the grid: block (0, 1, 0), thread (0, 1, 0).
    assert_eq!(trap.place.unwrap().to_string(), "GPU 0, block (0, 1, 0), thread (0, 1, 0)");
}

fn events_tell_the_time_of_the_device() {
    let text = "
from numba import cuda

def f(n):
    x = np.zeros(n)
    start, end = cuda.event(), cuda.event()
    start.record()
    for i in prange(n):
        x[i] = i
    end.record()
    return start.elapsed_time(end)
";
    let gpu = gpu();
    let time = kernel(&gpu.engine, text).call(&mut [1000_i64.into()]).unwrap();
    assert!(time.as_f64().unwrap() >= 0.0);
    let broken = gpu_with("fail = cuEventElapsedTime_v2:700@0", CacheDir::Off);
    let error = kernel(&broken.engine, text).call(&mut [1000_i64.into()]).unwrap_err();
    assert!(error.to_string().contains("is lost to this process"), "{error}");
    // No device, no driver's clock.
    assert!(kernel(&processor(), text).call(&mut [1000_i64.into()]).unwrap().as_f64().unwrap() >= 0.0);
}
