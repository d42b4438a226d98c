//! Loops on the stand-in driver: what goes there, what comes back, and what failed.

use kjit_compiler::ir::grid::{
    GridArray, GridFinish, GridLaunch, GridLoop, GridParam, GridProgram, GridShape, HostExpr, MappedShape,
};
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::types::{ArrayTy, DType};
use kjit_compiler::{backend::clif, base::Span, infer::TypeHost, ir::abi::dtype_code, syntax};

use super::loops::{GpuCall, LoopCall};
use super::{GpuErrorKind, Libraries};
use crate::config::{CacheDir, Config, DeviceKind};
use crate::engine::Engine;
use crate::error::Error;
use crate::exec::context::{CallShared, Context};
use crate::module::SourceText;
use crate::native::Native;

#[path = "../../tests/gpu/standin.rs"]
mod standin;
use standin::{StandIn, driver_with, nvrtc};

/// Words of the captures: an array `y` of rank 1 at 0, a number at 6.
const NUMBER: u32 = 4;

fn y(is_written: bool) -> GridArray {
    let code = dtype_code(DType::F64) | 1 << 8;
    GridArray { env_word: 0, code, is_read: true, is_written, accumulates: None }
}

fn launch(kernel: &str, params: Vec<GridParam>, arrays: Vec<GridArray>) -> GridLaunch {
    GridLaunch {
        kernel: kernel.to_owned(),
        span: Span { start: 0, end: 3 },
        mapping: String::new(),
        params,
        shape: GridShape::Mapped(MappedShape {
            x: HostExpr::Trip,
            y: None,
            threads: [32, 1],
            items: 1,
            max_blocks: [8, 1],
            tile: None,
        }),
        arrays,
        disjoint: Vec::new(),
        narrow: Vec::new(),
        restrict: Vec::new(),
        shared_bytes: None,
        partial_bytes: 0,
        finish: None,
        ordered: None,
        outputs: Vec::new(),
        can_fail: false,
    }
}

const SCALE: u32 = 0;
const SUM: u32 = 1;
const FAIL: u32 = 2;
const WILD: u32 = 3;
const HOST: u32 = 4;

/// One loop of each kind.
fn program(tells_host_access: bool) -> GridProgram {
    let index = || GridParam::Index(HostExpr::Trip);
    let stride = GridParam::Int(HostExpr::WordOver(3, 8));
    let number = GridParam::Scalar { env_word: NUMBER, dtype: DType::F64 };
    let scale = launch("k_scale", vec![index(), GridParam::Array(0), stride, number], vec![y(true)]);
    let mut sum = launch(
        "k_partial",
        vec![index(), GridParam::Array(0), GridParam::Partials, GridParam::Blocks],
        vec![y(false)],
    );
    sum.partial_bytes = 8;
    sum.outputs = vec![DType::F64];
    let initial = GridParam::Initial { output: 0, dtype: DType::F64 };
    sum.finish = Some(GridFinish {
        kernel: "k_finish".to_owned(),
        params: vec![GridParam::Partials, GridParam::Blocks, GridParam::Results, initial],
        threads: 32,
    });
    let mut fail = launch("k_fail", vec![GridParam::Error, index()], Vec::new());
    fail.can_fail = true;
    let wild = launch("k_wild", Vec::new(), vec![y(true)]);
    let mapped = |launch| GridLoop::Mapped(Box::new(launch));
    GridProgram {
        source: "// none\n".to_owned(),
        options: vec!["--fmad=false".to_owned()],
        tells_host_access,
        loops: vec![
            mapped(scale),
            mapped(sum),
            mapped(fail),
            mapped(wild),
            GridLoop::Host { reason: "it is not for devices".to_owned(), arrays: vec![y(true)] },
        ],
    }
}

struct NoFiles;

impl TypeHost for NoFiles {
    fn npy_type(&self, _: &str) -> Option<ArrayTy> {
        None
    }
}

/// An engine on stand-ins, and a kernel whose loops are the program's.
struct Setup {
    driver: StandIn,
    nvrtc: StandIn,
    engine: Engine,
    native: Native,
    source: SourceText,
}

fn setup_with(kind: DeviceKind, tells: bool, cache: CacheDir, driver: StandIn, nvrtc: StandIn) -> Setup {
    let libraries = Libraries::default().driver(&driver.path).nvrtc(&nvrtc.path);
    let config = Config::new().device(kind).gpu_libraries(libraries).cache(cache).threads(1);
    let engine = Engine::new(config).unwrap();
    let text = "def f(n):\n    return 1 // n\n";
    let (ast, _) = syntax::parse(text);
    let options = kjit_compiler::base::Options::default();
    let args = [crate::ArgTy::Given(crate::Ty::Scalar(DType::I64))];
    let request =
        Request { ast: &ast, source: text, function: "f", args: &args, options: &options, host: &NoFiles };
    let front = pipeline::front(&request, &mut |_| ()).unwrap();
    let mut artifact = pipeline::native(front, &engine.inner.target, &mut clif::Scratch::default()).unwrap();
    artifact.grid = Some(program(tells));
    let native = Native::load(artifact).unwrap();
    let source = SourceText { name: "a.k".into(), text: text.into() };
    Setup { driver, nvrtc, engine, native, source }
}

fn libraries() -> Option<(StandIn, StandIn)> {
    let kernels = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gpu/grid_kernels.h");
    let driver = driver_with(&[&format!("-DMORE_KERNELS=\"{kernels}\"")])?;
    Some((driver, nvrtc(13)?))
}

fn setup(kind: DeviceKind, tells: bool) -> Option<Setup> {
    let (driver, nvrtc) = libraries()?;
    Some(setup_with(kind, tells, CacheDir::Off, driver, nvrtc))
}

/// The captures for an array with that distance between elements, and a number.
fn env(array: &mut [f64], len: usize, stride: usize, number: f64) -> Vec<u64> {
    vec![array.as_mut_ptr() as u64, 0, len as u64, 8 * stride as u64, number.to_bits()]
}

impl Setup {
    /// What a call does, from its first loop to its end.
    fn call<T>(&self, work: impl FnOnce(&GpuCall, &mut Context) -> T) -> (T, i32, Option<Error>) {
        let shared = CallShared {
            engine: &self.engine.inner,
            native: &self.native,
            source: &self.source,
            gpu: Some(Box::default()),
            events: crate::exec::events::Events::default(),
        };
        let mut ctx = Context::new(&shared, 0);
        let gpu = shared.gpu.as_deref().unwrap();
        let result = work(gpu, &mut ctx);
        // SAFETY: the arrays of the tests live until after the call.
        let status = unsafe { gpu.finish(&mut ctx, self.engine.inner.gpu.as_ref().unwrap()) };
        (result, status, gpu.take_error())
    }
}

fn run(gpu: &GpuCall, ctx: &mut Context, number: u32, env: &[u64], outputs: &mut [u64]) -> Option<i32> {
    let trip = env[2];
    let call = LoopCall { number, env, trip, cost_ns: 1.0, shares_memory: false, is_launch: false };
    // SAFETY: `env` describes a live array of the test; the kernels are those of the program.
    unsafe { gpu.run(ctx, call, outputs) }
}

#[test]
fn without_word_from_the_host_everything_comes_back_at_once() {
    let Some(setup) = setup(DeviceKind::Cuda(0), false) else { return };
    let mut array: Vec<f64> = (0..100).map(f64::from).collect();
    let env = env(&mut array, 100, 1, 2.0);
    let (status, finished, error) = setup.call(|gpu, ctx| {
        let status = run(gpu, ctx, SCALE, &env, &mut []);
        assert_eq!(array[99], 198.0, "before the call ends");
        status
    });
    assert_eq!(status, Some(0));
    assert_eq!((finished, error.map(|error| error.to_string())), (0, None));
    let report = setup.engine.gpu_report().unwrap();
    assert_eq!((report.launches, report.to_device_bytes, report.to_host_bytes), (1, 800, 800));
    assert_eq!(report.kernels[0].name, "k_scale (a.k:1)");
    let device = setup.engine.gpu().unwrap();
    assert_eq!(device.memory().allocated_bytes, 0);
    device.empty_cache().unwrap();
    assert_eq!(setup.driver.get("live_blocks"), 0);
}

#[test]
fn arrays_stay_on_the_device_until_the_host_wants_them() {
    let Some(setup) = setup(DeviceKind::Cuda(0), true) else { return };
    let mut array = vec![1.0; 1000];
    let env = env(&mut array, 1000, 1, 2.0);
    let mut total = [0.5_f64.to_bits()];
    let (_, finished, error) = setup.call(|gpu, ctx| {
        for _ in 0..3 {
            assert_eq!(run(gpu, ctx, SCALE, &env, &mut []), Some(0));
        }
        assert_eq!(run(gpu, ctx, SUM, &env, &mut total), Some(0));
        assert_eq!(setup.driver.get("to_host"), 8, "the sum");
        // A loop on the processor reads and writes it.
        assert_eq!(run(gpu, ctx, HOST, &env, &mut []), None);
        assert_eq!(array[999], 8.0);
        array[0] = 10.0;
        assert_eq!(run(gpu, ctx, SCALE, &env, &mut []), Some(0));
    });
    assert_eq!((finished, error.map(|error| error.to_string())), (0, None));
    assert_eq!(f64::from_bits(total[0]), 8000.5);
    assert_eq!((array[0], array[1]), (20.0, 16.0));
    assert_eq!((setup.driver.get("to_device"), setup.driver.get("to_host")), (16_000, 16_008));
    assert_eq!(setup.engine.gpu_report().unwrap().on_processor, [("it is not for devices".to_owned(), 1)]);
}

#[test]
fn bytes_between_the_elements_are_left_alone() {
    let Some(setup) = setup(DeviceKind::Cuda(0), true) else { return };
    let mut array: Vec<f64> = (0..30).map(f64::from).collect();
    let env = env(&mut array, 10, 3, -1.0);
    let (_, finished, error) = setup.call(|gpu, ctx| {
        assert_eq!(run(gpu, ctx, SCALE, &env, &mut []), Some(0));
        // Somebody else writes between the elements meanwhile.
        array[1] = 1234.0;
    });
    assert_eq!((finished, error.map(|error| error.to_string())), (0, None));
    let expected: Vec<f64> = (0..30)
        .map(|k| match k {
            1 => 1234.0,
            k if k % 3 == 0 => -f64::from(k),
            k => f64::from(k),
        })
        .collect();
    assert_eq!(array, expected);
}

#[test]
fn overlapping_arrays_share_one_place() {
    let Some(setup) = setup(DeviceKind::Cuda(0), true) else { return };
    let mut array = vec![1.0; 20];
    let (low, high) = array.split_at_mut(5);
    let (first, second) = (env(low, 15, 1, 2.0), env(high, 15, 1, 3.0));
    let (_, finished, error) = setup.call(|gpu, ctx| {
        assert_eq!(run(gpu, ctx, SCALE, &first, &mut []), Some(0));
        assert_eq!(run(gpu, ctx, SCALE, &second, &mut []), Some(0));
        assert_eq!(run(gpu, ctx, SCALE, &first, &mut []), Some(0));
    });
    assert_eq!((finished, error.map(|error| error.to_string())), (0, None));
    let expected: Vec<f64> = (0..20)
        .map(|k| {
            if k < 5 {
                4.0
            } else if k < 15 {
                12.0
            } else {
                3.0
            }
        })
        .collect();
    assert_eq!(array, expected);
}

#[test]
fn what_a_kernel_reports_is_a_trap_with_its_place() {
    let place = Some("GPU 0, block 3, thread 231".to_owned());
    for tells in [false, true] {
        let Some(setup) = setup(DeviceKind::Cuda(0), tells) else { return };
        let env = vec![0, 0, 77, 8, 0];
        let ((status, args, found), finished, error) = setup.call(|gpu, ctx| {
            let status = run(gpu, ctx, FAIL, &env, &mut []);
            // Somebody waits.
            assert_eq!(gpu.settle(ctx, setup.engine.inner.gpu.as_ref().unwrap()), 1);
            (status, ctx.trap_args[0], ctx.rare().device_place.clone())
        });
        assert_eq!(status, Some(if tells { 0 } else { 1 }), "trap 0, at once if nothing is told later");
        assert_eq!((args, finished, error.is_none()), (77, 1, true));
        assert_eq!(found.map(|place| place.to_string()), place);
    }
}

#[test]
fn the_first_of_many_failures_counts() {
    let Some(setup) = setup(DeviceKind::Cuda(0), true) else { return };
    let mut array = vec![1.0; 10];
    let scale = env(&mut array, 10, 1, 2.0);
    let ((), finished, error) = setup.call(|gpu, ctx| {
        assert_eq!(run(gpu, ctx, SCALE, &scale, &mut []), Some(0));
        let results: Vec<Option<i32>> =
            (10..110).map(|trip| run(gpu, ctx, FAIL, &[0, 0, trip, 8, 0], &mut [])).collect();
        // After 64 the host looks; from then on nothing is started.
        assert_eq!(results.iter().position(|&status| status == Some(1)), Some(64));
        assert_eq!(ctx.trap_args[0], 10);
        let launched = setup.engine.gpu_report().unwrap().launches;
        // A loop on the processor does not start either.
        assert_eq!(run(gpu, ctx, HOST, &scale, &mut []), Some(1));
        assert_eq!(setup.engine.gpu_report().unwrap().launches, launched);
    });
    assert_eq!((finished, error.is_none(), array[0]), (1, true, 2.0));
}

#[test]
fn without_memory_the_call_fails_or_the_processor_takes_over() {
    for (kind, expected) in [(DeviceKind::Cuda(0), Some(-5)), (DeviceKind::Auto, None)] {
        let Some(setup) = setup(kind, true) else { return };
        setup.driver.set("limit", 1 << 20);
        let mut array = vec![1.0; 1 << 20];
        let env = env(&mut array, 1 << 20, 1, 2.0);
        let (_, finished, error) = setup.call(|gpu, ctx| {
            assert_eq!(run(gpu, ctx, SCALE, &env, &mut []), expected);
            match (kind, gpu.take_error()) {
                (DeviceKind::Auto, None) => {}
                (_, Some(Error::Gpu(error))) => assert_eq!(error.kind, GpuErrorKind::OutOfMemory),
                (_, other) => panic!("{other:?}"),
            }
        });
        assert_eq!((finished, error.map(|error| error.to_string())), (0, None));
        assert_eq!(array[0], 1.0);
        assert_eq!(setup.engine.gpu_note().is_some(), kind == DeviceKind::Auto);
    }
}

#[test]
fn an_optional_device_is_used_where_it_pays() {
    let Some(setup) = setup(DeviceKind::Auto, true) else { return };
    let mut array = vec![1.0; 10];
    let small = env(&mut array, 10, 1, 2.0);
    let (status, ..) = setup.call(|gpu, ctx| run(gpu, ctx, SCALE, &small, &mut []));
    assert_eq!((status, array[0]), (None, 1.0));
    let mut array = vec![1.0; 1 << 20];
    let large = env(&mut array, 1 << 20, 1, 2.0);
    let (status, ..) = setup.call(|gpu, ctx| run(gpu, ctx, SCALE, &large, &mut []));
    assert_eq!((status, array[0]), (Some(0), 2.0));
}

#[test]
fn a_lost_device_ends_the_call_and_all_after_it() {
    let Some(setup) = setup(DeviceKind::Cuda(0), true) else { return };
    let mut array = vec![1.0; 10];
    let env = env(&mut array, 10, 1, 2.0);
    let (_, finished, error) = setup.call(|gpu, ctx| {
        assert_eq!(run(gpu, ctx, WILD, &env, &mut []), Some(0), "nobody has waited yet");
    });
    let (-5, Some(Error::Gpu(error))) = (finished, error) else { panic!("{finished}") };
    assert_eq!(error.kind, GpuErrorKind::DeviceLost);
    assert!(error.message.contains("the last launch was k_wild (a.k:1)"), "{error}");
    let (status, _, error) = setup.call(|gpu, ctx| run(gpu, ctx, SCALE, &env, &mut []));
    assert_eq!((status, error.is_some()), (Some(-5), true));
}

#[test]
fn a_warm_start_opens_no_compiler_and_a_refused_image_is_made_anew_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = |refuse: i64| {
        let (driver, nvrtc) = libraries()?;
        driver.set("refuse", refuse);
        let cache = CacheDir::At(folder.path().to_owned());
        let setup = setup_with(DeviceKind::Cuda(0), true, cache, driver, nvrtc);
        let mut array = vec![1.0; 10];
        let env = env(&mut array, 10, 1, 2.0);
        let (status, finished, error) = setup.call(|gpu, ctx| run(gpu, ctx, SCALE, &env, &mut []));
        let _ = finished;
        let opened = setup.engine.gpu().unwrap().gpu().has_loaded_nvrtc();
        // One compilation shows that the compiler works.
        let made = if opened { setup.nvrtc.call("standin_compilations") - 1 } else { 0 };
        Some((status, error.map(|error| error.to_string()), opened, made))
    };
    let Some(cold) = start(0) else { return };
    assert_eq!(cold, (Some(0), None, true, 1));
    assert_eq!(start(0), Some((Some(0), None, false, 0)), "warm");
    assert_eq!(start(1), Some((Some(0), None, true, 1)), "refused: made anew");
    assert_eq!(start(0), Some((Some(0), None, false, 0)), "the new one is kept");
    let listed = crate::CacheManager::at(folder.path()).list();
    assert!(listed.iter().any(|entry| entry.description.as_deref() == Some("GPU code: sm_90, NVRTC 13.0")));
    let (status, ..) = start(2).unwrap();
    assert_eq!(status, Some(-5), "refused twice");
}

/// Of ours and the stand-in's; the stand-in's calls do next to nothing.
#[test]
#[ignore = "measures time: run it alone and optimised"]
fn a_launch_costs_less_than_a_microsecond_of_host_time() {
    let Some(setup) = setup(DeviceKind::Cuda(0), true) else { return };
    let mut array = vec![1.0; 1];
    let env = env(&mut array, 1, 1, 1.0);
    let rounds = 20_000;
    let (best, ..) = setup.call(|gpu, ctx| {
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let start = std::time::Instant::now();
            for _ in 0..rounds {
                assert_eq!(run(gpu, ctx, SCALE, &env, &mut []), Some(0));
            }
            best = best.min(start.elapsed().as_nanos() as f64 / f64::from(rounds));
        }
        best
    });
    assert!(best < 1000.0, "{best} ns");
    tracing::info!(best, "ns of host time for a launch");
}
