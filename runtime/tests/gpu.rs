//! The host side of the GPU target on stand-ins for the driver and for NVRTC, which the tests build with the C compiler.
//! Without one, or off Linux, they say that they were skipped.
#![cfg(target_os = "linux")]

#[path = "gpu/standin.rs"]
mod standin;

use std::sync::Arc;

use kjit::gpu::{
    Arguments, CodeFor, DeviceArray, DeviceBuffer, Event, Gpu, GpuErrorKind, GpuUnavailable, Image,
    LaunchShape, Libraries, PinnedArray, Stream, find_nvrtc,
};
use standin::{StandIn, driver, driver_with, nvrtc};

/// An image that the stand-in takes: the smallest whole ELF header.
fn image() -> Vec<u8> {
    let mut image = vec![0_u8; 64];
    image[..5].copy_from_slice(b"\x7fELF\x02");
    image
}

fn open(driver: &StandIn) -> Result<Gpu, GpuUnavailable> {
    Gpu::open(&Libraries::default().driver(&driver.path))
}

#[test]
fn the_driver_tells_what_is_there() {
    let Some(driver) = driver() else { return };
    driver.set("devices", 2);
    let gpu = open(&driver).unwrap();
    assert_eq!(gpu.driver_version(), (13, 0));
    assert_eq!(gpu.device_count(), 2);
    let device = gpu.device(1).unwrap();
    assert_eq!(device.name(), "Stand-in");
    assert_eq!(device.info().capability, (9, 0));
    assert_eq!(device.info().architecture(), 90);
    assert_eq!(device.info().multiprocessors, 4);
    assert_eq!(device.info().max_shared_bytes, 232_448);
    assert_eq!(device.free_and_total_bytes().unwrap(), (1 << 40, 1 << 40));
    let error = gpu.device(2).unwrap_err();
    assert_eq!(error.to_string(), "no GPU to run on: there is no GPU 2: the driver sees 2 devices");
}

#[test]
fn a_driver_without_device_old_or_incomplete_is_a_reason() {
    let Some(none) = driver() else { return };
    none.set("init", 100);
    assert_eq!(open(&none).unwrap_err(), GpuUnavailable::NoDevice { hint: None });

    let old = driver().unwrap();
    old.set("version", 10_020);
    let error = open(&old).unwrap_err();
    assert_eq!(error, GpuUnavailable::DriverTooOld { have: (10, 2), need: (11, 0) });
    assert_eq!(error.to_string(), "the NVIDIA driver is for CUDA 10.2, kjit needs CUDA 11.0 or newer");

    let broken = driver().unwrap();
    broken.set("init", 803);
    let error = open(&broken).unwrap_err();
    assert_eq!(error.to_string(), "the NVIDIA driver does not start: cuInit: CUDA error 803");

    let stub = driver().unwrap();
    stub.set("init", 34);
    assert!(open(&stub).unwrap_err().tried()[0].reason.contains("stub"));

    let incomplete = driver_with(&["-DWITHOUT_LAUNCH"]).unwrap();
    let GpuUnavailable::MissingSymbol { names, library } = open(&incomplete).unwrap_err() else { panic!() };
    assert_eq!(names, ["cuLaunchKernel"]);
    assert_eq!(library, incomplete.path.display().to_string());

    let timeless = driver_with(&["-DWITHOUT_ELAPSED_TIME"]).unwrap();
    assert!(open(&timeless).unwrap_err().to_string().ends_with("lacks cuEventElapsedTime"));
}

#[test]
fn arrays_go_there_and_back_and_nothing_leaks() {
    let Some(driver) = driver() else { return };
    let gpu = open(&driver).unwrap();
    let device = gpu.device(0).unwrap();
    {
        let stream = Stream::new(&device).unwrap();
        let numbers: Vec<f64> = (0..1000).map(f64::from).collect();
        let array = DeviceArray::from_slice(&stream, &numbers, &[10, 100]).unwrap();
        assert_eq!(array.to_vec().unwrap(), numbers);
        assert_eq!((array.shape(), array.strides()), ([10, 100].as_slice(), [800, 8].as_slice()));
        assert_eq!(array.try_clone().unwrap().to_vec().unwrap(), numbers);
        let zeros = DeviceArray::<i32>::zeros(&stream, &[7]).unwrap();
        assert_eq!(zeros.to_vec().unwrap(), [0; 7]);
        assert!(DeviceArray::<i32>::zeros(&stream, &[0, 4]).unwrap().to_vec().unwrap().is_empty());
        assert!(DeviceArray::from_slice(&stream, &numbers, &[3]).is_err());
        // SAFETY: every second element of a live array.
        let every_second = unsafe { DeviceArray::<f64>::from_raw(&stream, array.pointer(), &[500], &[16]) };
        assert_eq!(every_second.to_vec().unwrap_err().kind, GpuErrorKind::Usage);

        let mut pinned = PinnedArray::<f32>::zeros(&device, 3).unwrap();
        pinned.copy_from_slice(&[1.0, 2.0, 3.0]);
        let from_pinned = DeviceArray::from_slice(&stream, &pinned, &[3]).unwrap();
        let mut back = [0.0; 3];
        from_pinned.copy_to_slice(&mut back).unwrap();
        assert_eq!(back, [1.0, 2.0, 3.0]);

        let (start, end) = (Event::new(&device).unwrap(), Event::new(&device).unwrap());
        start.record(&stream).unwrap();
        end.record(&stream).unwrap();
        end.synchronize().unwrap();
        assert_eq!(end.elapsed_ms(&start).unwrap(), 0.5);
        let other = Stream::new(&device).unwrap();
        other.wait_for(&end).unwrap();
        assert!(end.is_done().unwrap() && stream.is_done().unwrap());
        assert_eq!(driver.get("streams"), 2);
    }
    let held = device.memory();
    assert_eq!(held.allocated_bytes, 0);
    assert_eq!(held.reserved_bytes, driver.get("live_bytes") as u64);
    assert!(held.reserved_bytes > 0 && held.peak_bytes > 0);
    assert_eq!(device.empty_cache().unwrap(), held.reserved_bytes);
    for counted in ["live_bytes", "live_blocks", "host_blocks", "streams", "events"] {
        assert_eq!(driver.get(counted), 0, "{counted}");
    }
}

#[test]
fn the_pool_asks_the_driver_once() {
    let Some(driver) = driver() else { return };
    let device = open(&driver).unwrap().device(0).unwrap();
    let stream = Stream::new(&device).unwrap();
    for _ in 0..100 {
        let mut buffer = DeviceBuffer::new(&stream, 10_000).unwrap();
        buffer.write(9_990, &[1; 10]).unwrap();
        assert!(buffer.write(9_991, &[1; 10]).is_err());
    }
    assert_eq!(driver.get("allocations"), 1);
    assert_eq!(device.memory().requests, 100);
    // Another stream's memory waits until that stream is gone.
    let other = Stream::new(&device).unwrap();
    drop(DeviceBuffer::new(&other, 10_000).unwrap());
    assert_eq!(driver.get("allocations"), 2);
    drop(stream);
    let (_a, _b) = (DeviceBuffer::new(&other, 10_000).unwrap(), DeviceBuffer::new(&other, 10_000).unwrap());
    assert_eq!(driver.get("allocations"), 2);
}

#[test]
fn memory_that_waits_is_given_back_before_there_is_none() {
    let Some(driver) = driver() else { return };
    driver.set("limit", 10 << 20);
    let device = open(&driver).unwrap().device(0).unwrap();
    let stream = device.stream().unwrap();
    drop(DeviceBuffer::new(&stream, 6 << 20).unwrap());
    let large = DeviceBuffer::new(&stream, 9 << 20).unwrap();
    assert_eq!(driver.get("live_blocks"), 1);
    let error = DeviceBuffer::new(&stream, 6 << 20).unwrap_err();
    assert_eq!(error.kind, GpuErrorKind::OutOfMemory);
    assert_eq!(
        error.message,
        "GPU 0 is out of memory: 6291456 bytes were asked for, 10485760 are in use by kjit"
    );
    // Out of memory is no end: what is smaller still works.
    drop(large);
    DeviceBuffer::new(&stream, 6 << 20).unwrap();
    assert_eq!(device.lost(), None);
}

#[test]
fn kernels_run_and_a_lost_device_says_what_was_launched() {
    let Some(driver) = driver() else { return };
    let device = open(&driver).unwrap().device(0).unwrap();
    let stream = device.stream().unwrap();
    let image = Image::load(&device, &image()).unwrap();
    let kernel = image.kernel("scale").unwrap();
    assert_eq!((kernel.registers, kernel.max_threads), (24, 1024));
    assert_eq!(kernel.resident_blocks(256, 0).unwrap(), 8);
    assert!(image.kernel("no_such").unwrap_err().message.starts_with("kernel `no_such`: "));
    let array = DeviceArray::from_slice(&stream, &[1.0, 2.0, 3.0], &[3]).unwrap();
    let mut arguments = Arguments::new();
    arguments.push(array.pointer());
    arguments.push(2.5_f64.to_bits());
    arguments.push(3);
    let shape = LaunchShape { grid: [1, 1, 1], block: [32, 1, 1], shared_bytes: 0 };
    // SAFETY: the arguments are those of `scale(double*, double, int)`, the array has 3 elements.
    unsafe { kernel.launch(&stream, shape, &mut arguments, &Arc::from("scale (a.k:3)")).unwrap() };
    assert_eq!(array.to_vec().unwrap(), [2.5, 5.0, 7.5]);
    let too_large = LaunchShape { block: [2048, 1, 1], ..shape };
    // SAFETY: as above; the driver refuses the size.
    let refused = unsafe { kernel.launch(&stream, too_large, &mut arguments, &Arc::from("scale")) };
    assert_eq!(refused.unwrap_err().kind, GpuErrorKind::Driver);
    assert_eq!(device.lost(), None);

    let wild = image.kernel("wild").unwrap();
    // SAFETY: it has no parameters.
    unsafe { wild.launch(&stream, shape, &mut Arguments::new(), &Arc::from("wild (a.k:9)")).unwrap() };
    let error = array.to_vec().unwrap_err();
    assert_eq!(error.kind, GpuErrorKind::DeviceLost);
    let expected = "GPU 0 (Stand-in) is lost to this process: cuMemcpyDtoHAsync: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal \
                    memory access was encountered); the last launches were, latest first, wild (a.k:9); scale; scale (a.k:3)";
    assert_eq!(error.message, expected);
    // The same words from now on, without another call.
    driver.set("sticky", 0);
    assert_eq!(DeviceBuffer::new(&stream, 8).unwrap_err().message, expected);
    assert_eq!(device.lost(), Some(expected));
}

#[test]
fn a_refused_image_says_why() {
    let Some(driver) = driver() else { return };
    driver.set("refuse", 1);
    let device = open(&driver).unwrap().device(0).unwrap();
    let error = Image::load(&device, &image()).unwrap_err();
    assert_eq!(error.kind, GpuErrorKind::ImageRefused);
    assert_eq!(error.message, "cuModuleLoadData: CUDA_ERROR_NO_BINARY_FOR_GPU: made for something else");
    // Code that is cut never reaches the driver.
    assert_eq!(Image::load(&device, &image()[..40]).unwrap_err().kind, GpuErrorKind::ImageRefused);
    assert_eq!(driver.get("loads"), 1);
    drop(Image::load(&device, &image()).unwrap());
    assert_eq!(driver.get("modules"), 0);
}

/// What is shared between threads may be: this compiles or not.
#[test]
fn handles_go_to_other_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Gpu>();
    shared::<kjit::gpu::Device>();
    shared::<Stream>();
    shared::<Event>();
    shared::<DeviceBuffer>();
    shared::<DeviceArray<f64>>();
    shared::<PinnedArray<f32>>();
    shared::<Image>();
    shared::<kjit::gpu::GpuKernel>();
    shared::<Arguments>();
    shared::<kjit::gpu::GpuReport>();
    shared::<kjit::gpu::Nvrtc>();
}

#[test]
fn somebody_elses_memory_and_stream_stay_theirs() {
    let Some(driver) = driver() else { return };
    let device = open(&driver).unwrap().device(0).unwrap();
    let theirs = Stream::new(&device).unwrap();
    let array = DeviceArray::from_slice(&theirs, &[1.0, 2.0, 3.0, 4.0], &[2, 2]).unwrap();
    {
        // SAFETY: the stream and the array live until the end of the test.
        let stream = unsafe { Stream::from_raw(&device, theirs.as_raw()) };
        // SAFETY: as above; the second row.
        let mut row = unsafe { DeviceArray::<f64>::from_raw(&stream, array.pointer() + 16, &[2], &[8]) };
        assert_eq!(row.to_vec().unwrap(), [3.0, 4.0]);
        row.copy_from_slice(&[5.0, 6.0]).unwrap();
        assert!(row.copy_from_slice(&[5.0]).is_err());
    }
    assert_eq!(array.to_vec().unwrap(), [1.0, 2.0, 5.0, 6.0]);
    assert_eq!((driver.get("streams"), driver.get("live_blocks")), (1, 1));
}

/// Whatever is missing is named, all of it, before anything is called.
#[test]
fn functions_that_a_driver_lacks_are_named() {
    for (missing, expected) in [
        (&["cuMemAlloc_v2"][..], "lacks cuMemAlloc_v2"),
        (&["cuStreamCreate"], "lacks cuStreamCreate"),
        (&["cuModuleLoadDataEx", "cuEventRecord"], "lacks cuEventRecord, cuModuleLoadDataEx"),
        (&["cuDriverGetVersion"], "lacks cuDriverGetVersion"),
    ] {
        let renamed: Vec<String> = missing.iter().map(|name| format!("-D{name}=not_{name}")).collect();
        let renamed: Vec<&str> = renamed.iter().map(String::as_str).collect();
        let Some(driver) = driver_with(&renamed) else { return };
        let error = open(&driver).unwrap_err();
        assert!(matches!(error, GpuUnavailable::MissingSymbol { .. }), "{error:?}");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    // Without `cuInit` it is no driver at all.
    let Some(driver) = driver_with(&["-DcuInit=not_cuInit"]) else { return };
    assert_eq!(open(&driver).unwrap_err().tried()[0].reason, "it has no cuInit");
}

#[test]
fn devices_have_memory_of_their_own_and_threads_share_them() {
    let Some(driver) = driver() else { return };
    driver.set("devices", 2);
    let gpu = open(&driver).unwrap();
    let (a, b) = (gpu.device(0).unwrap(), gpu.device(1).unwrap());
    let there = DeviceArray::from_slice(&a.stream().unwrap(), &[1_i64, 2, 3], &[3]).unwrap();
    let here = std::thread::scope(|scope| {
        let copy = scope.spawn(|| there.copy_to_stream(&b.stream().unwrap()).unwrap());
        copy.join().unwrap()
    });
    assert_eq!(here.to_vec().unwrap(), [1, 2, 3]);
    assert_eq!(here.stream().device().number(), 1);
    assert!(b.memory().allocated_bytes > 0);
    drop(there);
    assert_eq!(a.memory().allocated_bytes, 0);
}

#[test]
fn nvrtc_is_found_checked_and_its_messages_are_passed_on() {
    let Some(library) = nvrtc(13) else { return };
    let libraries = Libraries::default().nvrtc(&library.path);
    let found = find_nvrtc(&libraries, Some((13, 0))).unwrap();
    assert_eq!(found.version(), (13, 0));
    assert_eq!(found.file(), library.path);
    assert_eq!(found.architectures(), [75, 80, 90]);
    assert_eq!(found.code_for(80), CodeFor::Machine(80));
    assert_eq!(found.code_for(120), CodeFor::Ptx(90));
    assert_eq!(found.code_for(70), CodeFor::Machine(70));
    let compiled = found.compile("kernel.k", "fine", CodeFor::Machine(90), &["--fmad=false"]).unwrap();
    assert!(compiled.image.starts_with(b"\x7fELF") && compiled.image.ends_with(b"fine"));
    let error = found.compile("kernel.k", "mistake", CodeFor::Machine(90), &[]).unwrap_err();
    assert_eq!(error, "kernel.k(3): error: identifier \"mistake\" is undefined");
    assert!(found.compile("kernel.k", "a\0b", CodeFor::Machine(90), &[]).is_err());

    // The machine code of a newer major version is of no use to an older driver.
    let GpuUnavailable::NvrtcMissing { tried } = find_nvrtc(&libraries, Some((12, 4))).unwrap_err() else {
        panic!()
    };
    assert_eq!(tried[0].reason, "its version 13.0 makes code that the driver for CUDA 12.4 does not take");
}

#[test]
fn nvrtc_without_its_second_half_is_broken() {
    let Some(library) = nvrtc(13) else { return };
    library.call("standin_break");
    let error = find_nvrtc(&Libraries::default().nvrtc(&library.path), None).unwrap_err();
    let GpuUnavailable::NvrtcBroken { log, .. } = &error else { panic!("{error:?}") };
    assert!(log.contains("failed to open libnvrtc-builtins.so.13.0"), "{log}");
    assert!(error.to_string().contains("does not work"), "{error}");
}

#[test]
fn nvrtc_that_is_nowhere_lists_the_places() {
    let error = find_nvrtc(&Libraries::default().nvrtc("/nowhere/libnvrtc.so.13"), None).unwrap_err();
    let [tried] = error.tried() else { panic!("{error:?}") };
    assert_eq!(tried.place, "/nowhere/libnvrtc.so.13");
    assert!(tried.reason.contains("No such file"), "{}", tried.reason);
}
