//! `kjit doctor`: what this machine offers and whether kjit works here.

use std::path::Path;
use std::time::Instant;

use kjit::{CacheDir, CacheManager, Config, DeviceKind, Engine, Module, default_cache_dir};
use kjit_compiler::backend::clif;
use serde_json::{Value as Json, json};

use super::cache::bytes;
use super::gpu::{facts as gpu_facts, show as show_gpu};
use crate::exit::{Failure, Outcome};
use crate::output;

pub(crate) fn doctor(is_json: bool) -> Outcome {
    // What runs where is not its business: a GPU that is missing is something to be told.
    let engine = Engine::new(Config::new().device(DeviceKind::Cpu))?;
    let native = try_native();
    let facts = facts(&engine, &native);
    if is_json {
        output::line(&serde_json::to_string_pretty(&facts).unwrap_or_default())?;
    } else {
        show(&facts)?;
    }
    output::flush()?;
    native.map(|_| ()).map_err(Failure::environment)
}

fn facts(engine: &Engine, native: &Result<f64, String>) -> Json {
    let target = engine.target();
    let cache = match default_cache_dir() {
        Some(path) => {
            let (entries, size) = CacheManager::at(&path).size();
            let warning =
                engine.cache_warning().map(|warning| format!("{}: {}", warning.code, warning.message));
            json!({ "dir": path, "entries": entries, "bytes": size, "warning": warning })
        }
        None => json!({ "dir": null, "entries": 0, "bytes": 0, "warning": "there is no home directory" }),
    };
    json!({
        "kjit": env!("CARGO_PKG_VERSION"),
        "cranelift": clif::CRANELIFT_VERSION,
        "target": target.triple,
        "cpu": {
            "model": model(),
            "level": level(),
            "vectors": target.tier.name(),
            "features": target.features.iter().map(|name| name.trim_start_matches("has_")).collect::<Vec<_>>(),
        },
        "threads": {
            "used": engine.threads(),
            "available": std::thread::available_parallelism().map_or(1, usize::from),
            "KJIT_NUM_THREADS": std::env::var("KJIT_NUM_THREADS").ok(),
            "NUMBA_NUM_THREADS": std::env::var("NUMBA_NUM_THREADS").ok(),
        },
        "limits": { "cpus": cgroup_cpus(), "memory_bytes": cgroup_memory() },
        "memory_bytes": memory(),
        "cache": cache,
        "gpu": gpu_facts(),
        "native_code": match native {
            Ok(seconds) => json!({ "works": true, "compile_s": seconds }),
            Err(message) => json!({ "works": false, "error": message }),
        },
    })
}

fn show(facts: &Json) -> Outcome {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let or = |value: &Json, word: &str| if value.is_null() { word.to_owned() } else { text(value) };
    let size = |value: &Json, word: &str| value.as_u64().map_or_else(|| word.to_owned(), bytes);
    let features: Vec<String> = facts["cpu"]["features"].as_array().into_iter().flatten().map(text).collect();
    let line = |name: &str, value: &str| output::line(&format!("{name:<12}{value}"));
    line("kjit", &format!("{} (Cranelift {})", text(&facts["kjit"]), text(&facts["cranelift"])))?;
    line("target", &text(&facts["target"]))?;
    line(
        "processor",
        &format!(
            "{}, {}, vector code: {}",
            or(&facts["cpu"]["model"], "unknown"),
            text(&facts["cpu"]["level"]),
            text(&facts["cpu"]["vectors"])
        ),
    )?;
    line("features", &features.join(" "))?;
    let threads = &facts["threads"];
    let forced = ["KJIT_NUM_THREADS", "NUMBA_NUM_THREADS"]
        .into_iter()
        .find(|name| !threads[*name].is_null())
        .map_or(String::new(), |name| format!(", {name}={}", text(&threads[name])));
    line("threads", &format!("{} of {} available{forced}", threads["used"], threads["available"]))?;
    let cpus = facts["limits"]["cpus"].as_f64().map_or("none".to_owned(), |cpus| format!("{cpus:.2} CPUs"));
    let limit = size(&facts["limits"]["memory_bytes"], "none");
    line("limits", &format!("cgroup CPU: {cpus}; cgroup memory: {limit}"))?;
    line("memory", &size(&facts["memory_bytes"], "unknown"))?;
    let cache = &facts["cache"];
    line("cache", &or(&cache["dir"], "none"))?;
    line("", &format!("{} entries, {}", cache["entries"], size(&cache["bytes"], "0 B")))?;
    if !cache["warning"].is_null() {
        line("", &format!("not used: {}", text(&cache["warning"])))?;
    }
    let native = &facts["native_code"];
    match native["compile_s"].as_f64() {
        Some(seconds) => {
            line("native code", &format!("works (a first small kernel in {:.2} ms)", seconds * 1e3))
        }
        None => line("native code", &format!("does not work: {}", text(&native["error"]))),
    }?;
    show_gpu(&facts["gpu"])
}

/// Compiles and calls a small kernel; the seconds until it was callable.
fn try_native() -> Result<f64, String> {
    let tried = || -> Result<f64, kjit::Error> {
        let engine = Engine::new(Config::new().device(DeviceKind::Cpu).cache(CacheDir::Off))?;
        let start = Instant::now();
        let module = Module::from_source(&engine, "doctor", "def f(x):\n    return 2.0 * x\n")?;
        let kernel = module.kernel("f")?;
        kernel.prepare(&[1.5.into()])?;
        let seconds = start.elapsed().as_secs_f64();
        match kernel.call(&mut [1.5.into()])?.as_f64() {
            Some(3.0) => Ok(seconds),
            other => Err(kjit::Error::Internal(format!("2.0 * 1.5 gave {other:?}"))),
        }
    };
    tried().map_err(|error| error.to_string())
}

fn model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The level of the x86-64 psABI that the processor reaches.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! has {
            ($($name:tt)*) => { true $(&& std::arch::is_x86_feature_detected!($name))* };
        }
        let is_v2 = has!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "cmpxchg16b");
        let is_v3 = is_v2 && has!("avx" "avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe");
        let is_v4 = is_v3 && has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
        if is_v4 {
            "x86-64-v4"
        } else if is_v3 {
            "x86-64-v3"
        } else if is_v2 {
            "x86-64-v2"
        } else {
            "x86-64-v1"
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH
    }
}

/// The smallest value of a file of that name, from the process's own group up to the root.
fn cgroup(file: &str, parse: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    Path::new(own)
        .ancestors()
        .filter_map(|group| {
            let group = group.strip_prefix("/").unwrap_or(group);
            parse(std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(group).join(file)).ok()?.trim())
        })
        .min_by(f64::total_cmp)
}

fn cgroup_cpus() -> Option<f64> {
    cgroup("cpu.max", |text| {
        let (quota, period) = text.split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    })
}

fn cgroup_memory() -> Option<u64> {
    cgroup("memory.max", |text| text.parse().ok()).map(|bytes| bytes as u64)
}

fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}
