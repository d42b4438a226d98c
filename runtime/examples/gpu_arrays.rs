//! A GPU from Rust: arrays on the device, streams, events, pinned memory, a kernel of one's own, and the pool's figures.
//! Without a GPU it says why.
#![allow(clippy::print_stdout)]

use std::sync::Arc;

use kjit::gpu::{Arguments, CodeFor, DeviceArray, Event, Gpu, Image, LaunchShape, PinnedArray};
use kjit::{Config, DeviceKind, Engine, Error, Module};

const SCALE: &str = r#"
extern "C" __global__ void scale(double* x, double factor, int n)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) x[i] *= factor;
}
"#;

fn main() -> Result<(), Error> {
    let gpu = match Gpu::find() {
        Ok(gpu) => gpu,
        Err(why) => {
            println!("no GPU: {why}");
            return Ok(());
        }
    };
    for number in 0..gpu.device_count() {
        println!("GPU {number}: {}", gpu.device(number)?.name());
    }
    let device = gpu.device(0)?;

    // Two streams: what is on one of them waits for the other only where it is told to.
    let (copies, work) = (device.stream()?, kjit::gpu::Stream::new(&device)?);
    let mut host = PinnedArray::<f64>::zeros(&device, 10_000)?;
    for (i, x) in host.iter_mut().enumerate() {
        *x = i as f64;
    }
    let array = DeviceArray::from_slice(&copies, &host, &[100, 100])?;
    let ready = Event::new(&device)?;
    ready.record(&copies)?;
    work.wait_for(&ready)?;

    // A kernel in CUDA C, compiled for this device. A prepared block of arguments is written once and used for every launch.
    let nvrtc = gpu.nvrtc()?;
    let code: CodeFor = nvrtc.code_for(device.info().architecture());
    let compiled = nvrtc.compile("scale.cu", SCALE, code, &["--fmad=false"]).map_err(Error::Internal)?;
    let scale = Image::load(&device, &compiled.image)?.kernel("scale")?;
    let mut arguments = Arguments::new();
    arguments.push(array.pointer());
    arguments.push(0.5_f64.to_bits());
    arguments.push(array.len() as u64);
    let shape = LaunchShape { grid: [40, 1, 1], block: [256, 1, 1], shared_bytes: 0 };
    let (start, end) = (Event::new(&device)?, Event::new(&device)?);
    start.record(&work)?;
    for _ in 0..10 {
        // SAFETY: the arguments are those of `scale`, and the array has as many elements as the last one says.
        unsafe { scale.launch(&work, shape, &mut arguments, &Arc::from("scale"))? };
    }
    end.record(&work)?;
    end.synchronize()?;
    println!("10 launches: {:.3} ms on the device", end.elapsed_ms(&start)?);

    // The same memory as somebody else's array, on the stream where it was changed.
    // SAFETY: `array` lives longer, and nothing else uses it meanwhile.
    let row = unsafe { DeviceArray::<f64>::from_raw(&work, array.pointer() + 800, &[100], &[8]) };
    assert_eq!(row.to_vec()?[7], 107.0 / 1024.0);

    // Kernels in kjit's language use the same device and the same pool.
    let engine = Engine::new(Config::new().device(DeviceKind::Cuda(0)))?;
    let source = "
def total(n):
    s = 0
    for i in prange(n):
        s += i
    return s
";
    let value =
        Module::from_source(&engine, "total.k", source)?.kernel("total")?.call(&mut [1000_i64.into()])?;
    assert_eq!(value.as_f64(), Some(499_500.0));

    drop(array);
    let memory = device.memory();
    println!(
        "{} bytes in use, {} held, {} at most",
        memory.allocated_bytes, memory.reserved_bytes, memory.peak_bytes
    );
    println!("{} bytes given back", kjit::gpu::empty_cache()?);
    Ok(())
}
