//! Kernels and the world around them: many threads, the host's rayon pool, forked children, interruption, memory over time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use kjit::{Arg, CacheDir, Config, Engine, EngineKind, Error, In, InOut, Module, Origin, Value};
use rayon::prelude::*;

const SOURCE: &str = "\
def sum_of(n):
    s = 0.0
    for i in prange(n):
        s += 1.0 / (i + 1)
    return s

def fill(x, k):
    for i in prange(len(x)):
        x[i] = x[i] * 2 + k

def fails(n, at):
    s = 0
    for i in prange(n):
        if i >= at:
            raise ValueError(f\"iteration {i}\")
        s += i
    return s

def forever(n):
    s = 0.0
    while n > 0:
        s += math.sqrt(s + 1)
    return s

def long_loop(n):
    s = 0.0
    for i in prange(n):
        for j in range(1000):
            s += math.sqrt(i * j)
    return s

def temporaries(n):
    s = 0.0
    for i in range(n):
        t = np.ones(1000)
        s += t[i % 1000]
    return s
";

fn engine(threads: usize) -> Engine {
    Engine::new(Config::new().threads(threads).cache(CacheDir::Off)).expect("an engine")
}

fn module(engine: &Engine) -> Module {
    Module::from_source(engine, "test.k", SOURCE).expect("a module")
}

fn number(value: Result<Value, Error>) -> f64 {
    value.expect("it runs").as_f64().expect("a number")
}

fn harmonic(module: &Module, n: i64) -> f64 {
    number(module.kernel("sum_of").and_then(|kernel| kernel.call(&mut [n.into()])))
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let one = harmonic(&module(&engine(1)), 300_000);
    // H(n) = ln n + gamma + 1/2n - 1/12n^2 + ..., Euler's constant from the literature.
    let closed = 300_000_f64.ln() + 0.577_215_664_901_532_9 + 1.0 / 600_000.0;
    assert!((one - closed).abs() < 1e-11);
    for threads in [2, 3, 7, 16] {
        assert_eq!(
            harmonic(&module(&engine(threads)), 300_000).to_bits(),
            one.to_bits(),
            "{threads} threads"
        );
    }
}

#[test]
fn threads_that_want_the_same_kernel_compile_it_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = Config::new().threads(2).cache(CacheDir::At(directory.path().to_owned()));
    let engine = Engine::new(config).expect("an engine");
    let module = module(&engine);
    let barrier = Barrier::new(16);
    let codes: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let kernel = module.kernel("sum_of").expect("a kernel");
                    barrier.wait();
                    let prepared = kernel.prepare(&[Arg::from(1_i64)]).expect("it compiles");
                    assert_eq!(prepared.info().origin, Origin::Compiled);
                    prepared.code().expect("native code").as_ptr() as usize
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(codes.iter().all(|&code| code == codes[0]), "one piece of code");
}

#[test]
fn many_threads_call_one_kernel() {
    let engine = engine(3);
    let module = module(&engine);
    let expected = harmonic(&module, 50_000);
    let fill = module
        .kernel("fill")
        .expect("a kernel")
        .typed::<(InOut<'_, f64, 1>, f64), ()>()
        .expect("it compiles");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (module, fill) = (&module, &fill);
            scope.spawn(move || {
                for round in 0..10 {
                    assert_eq!(harmonic(module, 50_000).to_bits(), expected.to_bits());
                    let mut x = vec![f64::from(thread); 20_000];
                    fill.call(((&mut x).into(), f64::from(round))).expect("it runs");
                    let wanted = f64::from(thread) * 2.0 + f64::from(round);
                    assert!(x.iter().all(|&element| element == wanted));
                }
            });
        }
    });
    assert_eq!(engine.live_bytes(), 0);
}

#[test]
fn kernels_run_inside_the_hosts_rayon_tasks() {
    let engine = engine(2);
    let module = module(&engine);
    let expected = harmonic(&module, 50_000);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("a pool");
    pool.install(|| {
        (0..64)
            .into_par_iter()
            .for_each(|_| assert_eq!(harmonic(&module, 50_000).to_bits(), expected.to_bits()));
    });
    (0..16).into_par_iter().for_each(|_| assert_eq!(harmonic(&module, 50_000).to_bits(), expected.to_bits()));
}

#[test]
fn a_forked_child_runs_parallel_loops() {
    let engine = engine(3);
    let module = module(&engine);
    let expected = harmonic(&module, 100_000);
    // SAFETY: the child calls a kernel and `_exit`; the pool is made anew in it. Nothing else of this process is used.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        let same = harmonic(&module, 100_000).to_bits() == expected.to_bits();
        // SAFETY: ends the child without running the parent's clean-up.
        unsafe { libc::_exit(if same { 0 } else { 1 }) };
    }
    let end = Instant::now() + Duration::from_secs(60);
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if Instant::now() > end {
            // SAFETY: our own child.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "status {status}");
    assert_eq!(harmonic(&module, 100_000).to_bits(), expected.to_bits(), "the parent goes on");
}

#[test]
fn the_lowest_failing_iteration_wins() {
    for threads in [1, 2, 7] {
        let module = module(&engine(threads));
        let kernel = module.kernel("fails").expect("a kernel");
        for at in [0, 1, 777, 50_000, 199_999] {
            for _ in 0..3 {
                match kernel.call(&mut [200_000_i64.into(), i64::from(at).into()]) {
                    Err(Error::Trap(trap)) => {
                        assert_eq!(trap.message, format!("iteration {at}"), "{threads} threads");
                        assert_eq!(trap.line, 15);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

fn is_interrupted(kind: EngineKind, kernel: &str, n: i64) {
    let config = Config::new().engine(kind).threads(2).cache(CacheDir::Off);
    let engine = Engine::new(config).expect("an engine");
    let module = module(&engine);
    let kernel = module.kernel(kernel).expect("a kernel");
    kernel.prepare(&[Arg::from(n)]).expect("it compiles");
    let handle = engine.interrupt_handle();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(60));
        handle.interrupt();
    });
    let start = Instant::now();
    let result = kernel.call(&mut [n.into()]);
    thread.join().expect("no panic");
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(engine.live_bytes(), 0);
    // The next call is not interrupted.
    assert_eq!(harmonic(&module, 1), 1.0);
}

#[test]
fn loops_are_interrupted() {
    is_interrupted(EngineKind::Scalar, "forever", 1);
    is_interrupted(EngineKind::Scalar, "long_loop", 1 << 40);
    is_interrupted(EngineKind::Interp, "forever", 1);
}

#[test]
fn progress_is_reported() {
    let (most, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, counted) = (Arc::clone(&most), Arc::clone(&calls));
    let config = Config::new().threads(2).cache(CacheDir::Off).progress(move |progress| {
        assert!(progress.done <= progress.total);
        seen.fetch_max(progress.total as usize, Ordering::Relaxed);
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let engine = Engine::new(config).expect("an engine");
    harmonic(&module(&engine), 1_000_000);
    assert!(most.load(Ordering::Relaxed) > 1);
    assert_eq!(calls.load(Ordering::Relaxed), most.load(Ordering::Relaxed), "one report per chunk");
}

/// Resident memory of this process in bytes.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}

#[test]
fn temporaries_of_a_loop_take_constant_memory() {
    let engine = engine(1);
    let kernel = module(&engine).kernel("temporaries").expect("a kernel");
    assert_eq!(number(kernel.call(&mut [1000_i64.into()])), 1000.0);
    let before = resident_bytes();
    // 200,000 arrays of 8 kB would be 1.6 GB.
    assert_eq!(number(kernel.call(&mut [200_000_i64.into()])), 200_000.0);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    assert_eq!(engine.live_bytes(), 0);
}

/// Compiles, calls and drops kernels; `KJIT_CYCLES` for the long run by hand (200,000).
#[test]
fn compiling_and_dropping_takes_constant_memory() {
    let cycles: usize = std::env::var("KJIT_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(1500);
    let source = |k: usize| format!("def scale(x):\n    for i in range(len(x)):\n        x[i] *= {k}\n");
    let engine = engine(1);
    let cycle = |k: usize| {
        let module = Module::from_source(&engine, "test.k", &source(k)).expect("a module");
        let kernel = module
            .kernel("scale")
            .expect("a kernel")
            .typed::<(InOut<'_, f64, 1>,), ()>()
            .expect("it compiles");
        let mut x = [1.0, 2.0];
        kernel.call(((&mut x).into(),)).expect("it runs");
        assert_eq!(x, [k as f64, 2.0 * k as f64]);
    };
    (0..cycles / 3).for_each(cycle);
    let before = resident_bytes();
    (cycles / 3..cycles).for_each(cycle);
    let grown = resident_bytes().saturating_sub(before);
    // Other tests run beside this one.
    assert!(grown < 48 << 20, "{grown} bytes more after {cycles} cycles");
}

#[test]
fn handles_outlive_the_engine_and_the_module() {
    let kernel = {
        let source = "def dot(x, y):\n    s = 0.0\n    for i in prange(len(x)):\n        s += x[i] * y[i]\n    return s\n";
        let module = Module::from_source(&engine(2), "dot.k", source).expect("a module");
        module
            .kernel("dot")
            .expect("a kernel")
            .typed::<(In<'_, f64, 1>, In<'_, f64, 1>), f64>()
            .expect("it compiles")
    };
    let x = vec![0.5; 100_000];
    let copies: Vec<_> = (0..4).map(|_| kernel.clone()).collect();
    drop(kernel);
    for copy in copies {
        assert_eq!(copy.call(((&x).into(), (&x).into())).expect("it runs"), 25_000.0);
    }
}

#[test]
fn handles_are_send_and_sync() {
    fn check<T: Send + Sync + Clone>() {}
    check::<Engine>();
    check::<Module>();
    check::<kjit::Kernel>();
    check::<kjit::Prepared>();
    check::<kjit::TypedKernel<(f64,), f64>>();
    check::<kjit::InterruptHandle>();
}
