//! Finding the driver: libcuda, its version, its functions, its devices.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;

use super::api::{Api, NEEDED_VERSION, Status, code};
use super::device::Device;
use super::environment::Libraries;
use super::error::GpuError;
use super::library::Library;
use super::nvrtc::{self, Nvrtc};
use super::unavailable::{GpuUnavailable, Tried};

/// Where the driver's library is if nobody says: what the system's loader knows, then where it lies under WSL and in
/// containers.
const DRIVER_PLACES: [&str; 4] =
    ["libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1"];

/// The driver of this machine and what belongs to it. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Gpu {
    pub(crate) inner: Arc<GpuInner>,
}

pub(crate) struct GpuInner {
    pub(crate) api: Api,
    libraries: Libraries,
    driver_file: PathBuf,
    driver_version: (u32, u32),
    /// One cell per device: its context is made when it is first used.
    devices: Vec<OnceLock<Result<Device, GpuError>>>,
    nvrtc: OnceLock<Result<Nvrtc, GpuUnavailable>>,
}

/// The driver's number for a version: 13020 is CUDA 13.2.
pub(crate) fn version_of(number: c_int) -> (u32, u32) {
    let number = u32::try_from(number).unwrap_or(0);
    (number / 1000, number % 1000 / 10)
}

impl Gpu {
    /// Finds and starts the driver. The answer for the same libraries is remembered, so this is cheap the second time.
    ///
    /// # Errors
    /// Why there is none, with every place that was looked at.
    pub fn open(libraries: &Libraries) -> Result<Gpu, GpuUnavailable> {
        static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(Known::default);
        if let Some(answer) = known.get(libraries) {
            return answer.clone();
        }
        let answer = find(libraries);
        known.insert(libraries.clone(), answer.clone());
        answer
    }

    /// As [`Gpu::open`], with the libraries that the environment names.
    ///
    /// # Errors
    /// As there.
    pub fn find() -> Result<Gpu, GpuUnavailable> {
        Gpu::open(&Libraries::from_environment())
    }

    /// The file of the driver's library.
    #[must_use]
    pub fn driver_file(&self) -> &Path {
        &self.inner.driver_file
    }

    /// The version of CUDA that the driver is for: (13, 0).
    #[must_use]
    pub fn driver_version(&self) -> (u32, u32) {
        self.inner.driver_version
    }

    /// How many devices there are; at least 1.
    #[must_use]
    pub fn device_count(&self) -> usize {
        self.inner.devices.len()
    }

    /// A device, with its primary context: the one that other libraries in the process use, too.
    ///
    /// # Errors
    /// [`crate::Error::GpuUnavailable`] if there is none of that number; [`crate::Error::Gpu`] if its context cannot be made.
    pub fn device(&self, number: usize) -> Result<Device, crate::Error> {
        let count = self.device_count();
        let cell =
            self.inner.devices.get(number).ok_or(GpuUnavailable::NoSuchDevice { wanted: number, count })?;
        let made = cell.get_or_init(|| Device::open(&self.inner, number));
        Ok(made.clone()?)
    }

    /// The compiler for GPU code; loaded when it is first asked for.
    ///
    /// # Errors
    /// Why there is none, with every place that was looked at.
    pub fn nvrtc(&self) -> Result<&Nvrtc, GpuUnavailable> {
        let found = self
            .inner
            .nvrtc
            .get_or_init(|| nvrtc::find(&self.inner.libraries, Some(self.inner.driver_version)));
        found.as_ref().map_err(Clone::clone)
    }

    /// Was the compiler for GPU code loaded?
    #[must_use]
    pub fn has_loaded_nvrtc(&self) -> bool {
        self.inner.nvrtc.get().is_some()
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("driver", &self.inner.driver_file).finish_non_exhaustive()
    }
}

type Known = FxHashMap<Libraries, Result<Gpu, GpuUnavailable>>;

fn find(libraries: &Libraries) -> Result<Gpu, GpuUnavailable> {
    let (library, place) = open_driver(libraries)?;
    let driver_file = library.file_of(c"cuInit").unwrap_or_else(|| place.clone());
    let named = || driver_file.display().to_string();
    // The version comes first: an old driver also lacks functions, and its age is what the user can do something about.
    let driver_version = ask_version(library).ok_or_else(|| GpuUnavailable::MissingSymbol {
        names: vec!["cuDriverGetVersion".to_owned()],
        library: named(),
    })?;
    if driver_version < NEEDED_VERSION {
        return Err(GpuUnavailable::DriverTooOld { have: driver_version, need: NEEDED_VERSION });
    }
    let api = Api::load(library).map_err(|missing| GpuUnavailable::MissingSymbol {
        names: missing.into_iter().map(str::to_owned).collect(),
        library: named(),
    })?;
    if api.event_elapsed_time.is_none() && api.event_elapsed_time_v2.is_none() {
        return Err(GpuUnavailable::MissingSymbol {
            names: vec!["cuEventElapsedTime".to_owned()],
            library: named(),
        });
    }
    // SAFETY: `cuInit` may be called at any time, any number of times; the flags must be 0.
    let status = unsafe { (api.init)(0) };
    check_start(&api, "cuInit", status, libraries, &place)?;
    let mut count: c_int = 0;
    // SAFETY: the driver is started; the pointer is ours.
    let status = unsafe { (api.device_get_count)(&raw mut count) };
    check_start(&api, "cuDeviceGetCount", status, libraries, &place)?;
    let count = usize::try_from(count).unwrap_or(0);
    if count == 0 {
        return Err(GpuUnavailable::NoDevice { hint: libraries.hides_devices() });
    }
    let inner = GpuInner {
        api,
        libraries: libraries.clone(),
        driver_file,
        driver_version,
        devices: std::iter::repeat_with(OnceLock::new).take(count).collect(),
        nvrtc: OnceLock::new(),
    };
    Ok(Gpu { inner: Arc::new(inner) })
}

/// Opens the driver's library: the one that is named, or the first of the usual ones.
fn open_driver(libraries: &Libraries) -> Result<(Library, PathBuf), GpuUnavailable> {
    let places: Vec<PathBuf> = match &libraries.driver {
        Some(path) => vec![path.clone()],
        None => DRIVER_PLACES.iter().map(PathBuf::from).collect(),
    };
    let mut tried = Vec::new();
    for place in places {
        let reason = match Library::open(&place) {
            Ok(library) if library.symbol(c"cuInit").is_some() => return Ok((library, place)),
            Ok(_) => "it has no cuInit".to_owned(),
            Err(reason) => reason,
        };
        tried.push(Tried::new(place.display().to_string(), reason));
    }
    Err(GpuUnavailable::NoDriver { tried })
}

fn ask_version(library: Library) -> Option<(u32, u32)> {
    let symbol = library.symbol(c"cuDriverGetVersion")?;
    // SAFETY: the driver's documentation gives the function this signature; it needs no `cuInit`.
    let function = unsafe {
        std::mem::transmute::<std::ptr::NonNull<std::ffi::c_void>, unsafe extern "C" fn(*mut c_int) -> Status>(
            symbol,
        )
    };
    let mut number: c_int = 0;
    // SAFETY: the pointer is ours.
    let status = unsafe { function(&raw mut number) };
    (status == 0).then(|| version_of(number))
}

/// What a failure of one of the first calls means.
fn check_start(
    api: &Api,
    call: &str,
    status: Status,
    libraries: &Libraries,
    place: &Path,
) -> Result<(), GpuUnavailable> {
    match status {
        0 => Ok(()),
        code::NO_DEVICE => Err(GpuUnavailable::NoDevice { hint: libraries.hides_devices() }),
        code::STUB_LIBRARY => Err(GpuUnavailable::NoDriver {
            tried: vec![Tried {
                place: place.display().to_string(),
                reason: "the stub of a CUDA toolkit, for linking only".to_owned(),
            }],
        }),
        status => Err(GpuUnavailable::DriverBroken { reason: GpuError::new(api, call, status).message }),
    }
}

impl GpuInner {
    /// Status 0, or what it means. For calls that belong to no device.
    pub(crate) fn check(&self, call: &str, status: Status) -> Result<(), GpuError> {
        if status == 0 { Ok(()) } else { Err(GpuError::new(&self.api, call, status)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_driver_writes_them() {
        assert_eq!(version_of(13000), (13, 0));
        assert_eq!(version_of(12080), (12, 8));
        assert_eq!(version_of(11040), (11, 4));
        assert_eq!(version_of(-1), (0, 0));
    }

    #[test]
    fn a_driver_that_is_not_there_is_named() {
        let libraries = Libraries::default().driver("/nowhere/libcuda.so.1");
        let error = Gpu::open(&libraries).unwrap_err();
        let [tried] = error.tried() else { panic!("{error:?}") };
        assert_eq!(tried.place, "/nowhere/libcuda.so.1");
        assert!(tried.reason.contains("No such file"), "{}", tried.reason);
        assert_eq!(
            error.to_string(),
            "no NVIDIA driver: libcuda was not found (tried /nowhere/libcuda.so.1); install it, or name it with \
             KJIT_CUDA_DRIVER"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_library_that_is_no_driver_is_named() {
        let error = Gpu::open(&Libraries::default().driver("libc.so.6")).unwrap_err();
        assert_eq!(error.tried()[0].reason, "it has no cuInit");
    }
}
