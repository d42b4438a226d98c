//! What `kjit doctor` says of GPUs (driver, devices, compiler, or every place that was looked at), and `kjit run --time` of
//! what ran on one.

use std::time::Duration;

use kjit::Engine;
use kjit::gpu::{Device, Gpu, GpuReport, GpuUnavailable, Libraries, Tried, find_nvrtc};
use serde_json::{Value as Json, json};

use super::cache::bytes;
use crate::exit::{Outcome, note};
use crate::{output, summary};

/// All of it as data.
pub(super) fn facts() -> Json {
    let libraries = Libraries::from_environment();
    let gpu = Gpu::open(&libraries);
    let driver = match &gpu {
        Ok(gpu) => {
            let (major, minor) = gpu.driver_version();
            json!({ "found": true, "cuda": format!("{major}.{minor}"), "file": gpu.driver_file() })
        }
        Err(why) => unavailable(why),
    };
    let devices: Vec<Json> = gpu.iter().flat_map(devices).collect();
    // Without a driver it still makes PTX.
    let nvrtc = match find_nvrtc(&libraries, gpu.as_ref().ok().map(Gpu::driver_version)) {
        Ok(nvrtc) => {
            let (major, minor) = nvrtc.version();
            json!({
                "found": true,
                "version": format!("{major}.{minor}"),
                "file": nvrtc.file(),
                "architectures": nvrtc.architectures(),
            })
        }
        Err(why) => unavailable(&why),
    };
    let works = gpu.is_ok() && devices.iter().any(|device| device["error"].is_null());
    json!({ "available": works, "driver": driver, "devices": devices, "nvrtc": nvrtc })
}

fn devices(gpu: &Gpu) -> Vec<Json> {
    let describe = |number: usize| match gpu.device(number) {
        Ok(device) => device_facts(&device),
        Err(error) => json!({ "number": number, "error": error.to_string() }),
    };
    (0..gpu.device_count()).map(describe).collect()
}

fn device_facts(device: &Device) -> Json {
    let info = device.info();
    json!({
        "number": device.number(),
        "name": info.name,
        "capability": format!("{}.{}", info.capability.0, info.capability.1),
        "memory_bytes": info.memory_bytes,
        "free_bytes": device.free_and_total_bytes().ok().map(|(free, _)| free),
        "multiprocessors": info.multiprocessors,
        "shared_bytes_per_block": info.max_shared_bytes,
        "l2_bytes": info.l2_bytes,
    })
}

fn unavailable(why: &GpuUnavailable) -> Json {
    let tried: Vec<Json> = why
        .tried()
        .iter()
        .map(|Tried { place, reason }| json!({ "place": place, "reason": reason }))
        .collect();
    json!({ "found": false, "why": why.to_string(), "tried": tried })
}

/// The same for people.
pub(super) fn show(facts: &Json) -> Outcome {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |name: &str, value: &str| output::line(&format!("{name:<12}{value}"));
    let driver = &facts["driver"];
    if driver["found"] == true {
        line("GPU driver", &format!("CUDA {} ({})", text(&driver["cuda"]), text(&driver["file"])))?;
    } else {
        missing("GPU driver", "not there", driver)?;
    }
    for device in facts["devices"].as_array().into_iter().flatten() {
        let name = format!("GPU {}", device["number"]);
        if !device["error"].is_null() {
            line(&name, &format!("does not work: {}", text(&device["error"])))?;
            continue;
        }
        let size = |key: &str| device[key].as_u64().map_or("?".to_owned(), bytes);
        line(
            &name,
            &format!(
                "{}, compute capability {}, {} ({} free), {} multiprocessors",
                text(&device["name"]),
                text(&device["capability"]),
                size("memory_bytes"),
                size("free_bytes"),
                device["multiprocessors"]
            ),
        )?;
    }
    let nvrtc = &facts["nvrtc"];
    if nvrtc["found"] == true {
        line("NVRTC", &format!("{} ({})", text(&nvrtc["version"]), text(&nvrtc["file"])))
    } else {
        missing("NVRTC", "not there", nvrtc)
    }
}

/// What is missing, with every place that was looked at.
fn missing(name: &str, word: &str, facts: &Json) -> Outcome {
    let tried = facts["tried"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    if tried.is_empty() {
        return output::line(&format!("{name:<12}{}", text(&facts["why"])));
    }
    output::line(&format!("{name:<12}{word}; looked at:"))?;
    for place in tried {
        output::line(&format!("{:<12}  {}: {}", "", text(&place["place"]), text(&place["reason"])))?;
    }
    Ok(())
}

/// What ran on the GPU, for `--time`: copies, kernels, and loops that stayed on the processor.
pub(super) fn show_report(report: &GpuReport, runs: usize) {
    let runs = if runs == 1 { String::new() } else { format!(" in {runs} runs") };
    let copied = |time: Duration, count: u64, way: &str| {
        note(&format!("{:>12}  {} copied to the {way}{runs}", summary::duration(time), bytes(count)));
    };
    copied(report.to_device_time, report.to_device_bytes, "GPU");
    copied(report.to_host_time, report.to_host_bytes, "host");
    let kernels = if report.launches == 1 { "kernel" } else { "kernels" };
    note(&format!(
        "{:>12}  {} {kernels} launched{runs}",
        summary::duration(report.kernel_time()),
        report.launches
    ));
    for kernel in &report.kernels {
        note(&format!("{:>12}    {} x {}", summary::duration(kernel.time), kernel.launches, kernel.name));
    }
    for (reason, count) in &report.on_processor {
        note(&format!("{:>12}  {count} x a loop on the processor: {reason}", ""));
    }
}

/// The same as data.
pub(super) fn report_json(engine: &Engine, report: &GpuReport) -> Json {
    let kernels = report.kernels.iter().map(|kernel| {
        json!({ "name": kernel.name, "launches": kernel.launches, "time_s": kernel.time.as_secs_f64() })
    });
    let on_processor =
        report.on_processor.iter().map(|(reason, count)| json!({ "reason": reason, "count": count }));
    json!({
        "device": engine.gpu().map(|device| device.name().to_owned()),
        "launches": report.launches,
        "to_device_bytes": report.to_device_bytes,
        "to_device_s": report.to_device_time.as_secs_f64(),
        "to_host_bytes": report.to_host_bytes,
        "to_host_s": report.to_host_time.as_secs_f64(),
        "kernels": kernels.collect::<Vec<_>>(),
        "on_processor": on_processor.collect::<Vec<_>>(),
    })
}
