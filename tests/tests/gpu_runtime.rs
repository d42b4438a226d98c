//! Whole kernels with `--device cuda`, on the stand-ins for the driver and NVRTC: the same bits and the same errors as on the
//! processor, and no byte moved that need not be.

use kjit::gpu::{GpuReport, Libraries};
use kjit::{
    Arg, ArrayRef, ArrayRefMut, CacheDir, Config, DeviceKind, Engine, Error, Kernel, Module, Value, View,
    ViewMut,
};
use kjit_tests::gpu::{Pair, standin, trials};
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
