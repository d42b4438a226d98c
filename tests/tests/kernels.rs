//! Every kernel of `kernels/*.k` against NumPy: the calls and results stored in `tests/oracle/kernels.json`.
//!
//! The format of the file is described in `tests/oracle/run_kernels.py`, which writes it. Each call runs natively with
//! one, two and seven threads, and (with small arguments) in the interpreter; all of them must give the same bits, and
//! each parallel loop of the library must be proven: a warning is a failure.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use kjit::{Arg, CacheDir, Config, DType, DeviceKind, DynArray, Engine, EngineKind, Module, Scalar, Value};
use kjit_tests::gpu;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value as Json;

/// One result of a call, as plain data.
#[derive(Clone, PartialEq, Debug)]
enum Outcome {
    Int(i64),
    Float(f64),
    Array { dtype: DType, shape: Vec<usize>, bytes: Vec<u8>, values: Vec<f64> },
}

fn main() {
    let args = Arguments::from_args();
    let stored = std::fs::read_to_string(root().join("tests/oracle/kernels.json")).unwrap_or_default();
    let stored: Json = serde_json::from_str(&stored).unwrap_or_default();
    let mut trials = vec![Trial::test("every kernel has stored results", {
        let stored = stored.clone();
        move || every_kernel_is_stored(&stored)
    })];
    for (kernel, calls) in stored["kernels"].as_object().into_iter().flatten() {
        for call in calls.as_array().into_iter().flatten() {
            let (kernel, call) = (kernel.clone(), call.clone());
            let name = format!("{kernel}{}", label(&call));
            trials.push(Trial::test(name, move || check_call(&kernel, &call)));
        }
    }
    trials.extend(gpu::trials(
        &[("kernels with small arguments also run on a GPU", || {
            gpu::cases::libraries().expect("a GPU");
        })],
        gpu::cases::libraries().err().as_deref(),
    ));
    let conclusion = libtest_mimic::run(&args, trials);
    let _ = std::io::stdout().write_all(gpu::cases::summary().as_bytes());
    conclusion.exit();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn label(call: &Json) -> String {
    let args = call["args"].as_object().into_iter().flatten();
    args.map(|(name, value)| format!(" {name}={value}")).collect()
}

fn every_kernel_is_stored(stored: &Json) -> Result<(), Failed> {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("kernels"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "k") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if stored["kernels"][&name].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("tests/oracle/kernels.json has no results for {name}").into());
            }
            count += 1;
        }
    }
    if count == 0 { Err("no kernels found".into()) } else { Ok(()) }
}

fn check_call(kernel: &str, call: &Json) -> Result<(), Failed> {
    let native = run(kernel, call, EngineKind::Scalar, 1)?;
    compare(&native, call)?;
    for threads in [2, 7] {
        if run(kernel, call, EngineKind::Scalar, threads)? != native {
            return Err(format!("{threads} threads give other bits than one").into());
        }
    }
    let is_small = call["args"].as_object().is_some_and(|args| !args.is_empty());
    if is_small && run(kernel, call, EngineKind::Interp, 1)? != native {
        return Err("the interpreter gives other bits than native code".into());
    }
    if let (true, Ok(libraries)) = (is_small, gpu::cases::libraries()) {
        // Sums of floats are grouped differently there, so it is compared with NumPy, not with the processor.
        let config = Config::new().device(DeviceKind::Cuda(0)).gpu_libraries(libraries).threads(2);
        compare(&run_configured(kernel, call, config, "GPU")?, call)
            .map_err(|what| format!("GPU: {what:?}"))?;
    }
    Ok(())
}

/// Calls `main` with the arguments of a stored call.
fn run(kernel: &str, call: &Json, kind: EngineKind, threads: usize) -> Result<Vec<Outcome>, Failed> {
    let config = Config::new().engine(kind).threads(threads);
    run_configured(kernel, call, config, &format!("{kind:?}, {threads} threads"))
}

fn run_configured(kernel: &str, call: &Json, config: Config, name: &str) -> Result<Vec<Outcome>, Failed> {
    let context = |what: &str| format!("{name}: {what}");
    let engine = Engine::new(config.cache(CacheDir::Off)).map_err(|error| context(&error.to_string()))?;
    let module = Module::from_file(&engine, root().join(format!("kernels/{kernel}.k")))
        .map_err(|error| context(&error.to_string()))?;
    let main = module.kernel("main").map_err(|error| context(&error.to_string()))?;
    let mut args: Vec<Arg<'_>> = main.params().iter().map(|(name, _)| arg(&call["args"][name])).collect();
    let prepared = main.prepare(&args).map_err(|error| context(&error.to_string()))?;
    if let Some(warning) = module.warnings().iter().chain(prepared.warnings()).next() {
        let line = warning.primary.span.line_column(module.source()).0;
        return Err(context(&format!("line {line}: warning[{}]: {}", warning.code, warning.message)).into());
    }
    let value = prepared.call(&mut args).map_err(|error| context(&error.to_string()))?;
    if let Some(report) = engine.gpu_report() {
        gpu::cases::count(&report);
    }
    let values = match value {
        Value::Tuple(values) => values,
        value => vec![value],
    };
    values.into_iter().map(|value| outcome(value).map_err(|what| context(&what).into())).collect()
}

fn arg(value: &Json) -> Arg<'static> {
    match (value.as_i64(), value.as_f64()) {
        (Some(value), _) => value.into(),
        (None, Some(value)) => value.into(),
        (None, None) => Arg::Omitted,
    }
}

fn outcome(value: Value) -> Result<Outcome, String> {
    match value {
        Value::Scalar(Scalar::F32(value)) => Ok(Outcome::Float(value.into())),
        Value::Scalar(Scalar::F64(value)) => Ok(Outcome::Float(value)),
        Value::Scalar(Scalar::I64(value)) => Ok(Outcome::Int(value)),
        Value::Array(array) => {
            read(&array).ok_or_else(|| format!("an array of {} is not handled", array.dtype()))
        }
        other => Err(format!("an unexpected kind of result: {other:?}")),
    }
}

/// The elements in C order, as little-endian bytes and as numbers.
fn read(array: &DynArray) -> Option<Outcome> {
    let dtype = array.dtype();
    let (bytes, values): (Vec<u8>, Vec<f64>) = match dtype {
        DType::U8 => {
            let elements = array.to_vec::<u8>()?;
            (elements.clone(), elements.iter().map(|&x| f64::from(x)).collect())
        }
        DType::I64 => {
            let elements = array.to_vec::<i64>()?;
            (
                elements.iter().flat_map(|x| x.to_le_bytes()).collect(),
                elements.iter().map(|&x| x as f64).collect(),
            )
        }
        DType::F32 => {
            let elements = array.to_vec::<f32>()?;
            let values = elements.iter().map(|&x| f64::from(x)).collect();
            (elements.iter().flat_map(|x| x.to_le_bytes()).collect(), values)
        }
        DType::F64 => {
            let elements = array.to_vec::<f64>()?;
            (elements.iter().flat_map(|x| x.to_le_bytes()).collect(), elements)
        }
        _ => return None,
    };
    Some(Outcome::Array { dtype, shape: array.shape().to_vec(), bytes, values })
}

fn compare(got: &[Outcome], call: &Json) -> Result<(), Failed> {
    let want = call["results"].as_array().ok_or("no stored results")?;
    if got.len() != want.len() {
        return Err(format!("{} results instead of {}", got.len(), want.len()).into());
    }
    for (position, (got, want)) in got.iter().zip(want).enumerate() {
        compare_result(got, want, call).map_err(|what| format!("result {position}: {what}"))?;
    }
    Ok(())
}

/// How far a value may be off, given the largest magnitude of what it is compared with.
fn allowance(want: &Json, call: &Json, magnitude: f64) -> f64 {
    let tolerance = &want["tolerance"];
    let number = |name: &str| tolerance[name].as_f64().unwrap_or(0.0);
    match tolerance["kind"].as_str() {
        Some("rel") => number("rel") * magnitude,
        Some("abs") => number("abs"),
        Some("sigmas") => {
            let n = call["args"]["n"].as_f64().unwrap_or(1e6);
            number("sigmas") * number("sigma_times_sqrt_n") / n.sqrt()
        }
        _ => 0.0,
    }
}

fn check_close(what: &str, got: f64, want: f64, allowed: f64) -> Result<(), String> {
    // Not `>`, so that NaN fails.
    if (got - want).abs() <= allowed { Ok(()) } else { Err(format!("{what} is {got:?}, not {want:?}")) }
}

fn compare_result(got: &Outcome, want: &Json, call: &Json) -> Result<(), String> {
    match got {
        Outcome::Int(got) => {
            if want["kind"] == "int" && want["value"].as_i64() == Some(*got) {
                return Ok(());
            }
            Err(format!("{got}, not {}", want["value"]))
        }
        Outcome::Float(got) => {
            let value = want["value"].as_f64().filter(|_| want["kind"] == "float").ok_or("not a float")?;
            check_close("it", *got, value, allowance(want, call, value.abs()))
        }
        Outcome::Array { dtype, shape, bytes, values } => {
            if want["dtype"] != dtype.name() || want["shape"] != serde_json::json!(shape) {
                return Err(format!("{dtype}{shape:?}, not {}{}", want["dtype"], want["shape"]));
            }
            compare_array(values, bytes, want, call)
        }
    }
}

fn compare_array(values: &[f64], bytes: &[u8], want: &Json, call: &Json) -> Result<(), String> {
    if let Some(stored) = want["values"].as_array() {
        let stored: Vec<f64> = stored.iter().filter_map(Json::as_f64).collect();
        if stored.len() != values.len() {
            return Err(format!("{} elements, not {}", values.len(), stored.len()));
        }
        let largest = stored.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let allowed = allowance(want, call, largest);
        return (0..values.len())
            .try_for_each(|at| check_close(&format!("element {at}"), values[at], stored[at], allowed));
    }
    let number = |name: &str| want[name].as_f64().unwrap_or(f64::NAN);
    let allowed = allowance(want, call, number("min").abs().max(number("max").abs()));
    for sample in want["samples"].as_array().into_iter().flatten() {
        let at = sample[0].as_u64().ok_or("a sample without index")? as usize;
        let value = sample[1].as_f64().ok_or("a sample without value")?;
        check_close(&format!("element {at}"), values[at], value, allowed)?;
    }
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    check_close("the minimum", smallest, number("min"), allowed)?;
    check_close("the maximum", largest, number("max"), allowed)?;
    match want["hash"].as_str() {
        Some(stored) if format!("{:016x}", hash(bytes)) != stored => {
            Err("samples and extremes agree, but the hash of all elements does not".into())
        }
        Some(_) => Ok(()),
        None => {
            // The error of adding up in order is at most about (number of elements) * 2^-53 of the sum of magnitudes.
            let rounding = values.len() as f64 * f64::EPSILON * number("abs_sum");
            let allowed = allowance(want, call, number("abs_sum")) + rounding;
            check_close("the sum", values.iter().sum(), number("sum"), allowed)
        }
    }
}

/// `hash_bytes` of `run_kernels.py`.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0_u64, |h, &byte| h.wrapping_mul(0x0100_0000_01b3).wrapping_add(byte.into()))
}
