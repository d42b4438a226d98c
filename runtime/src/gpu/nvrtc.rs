//! The compiler for GPU code: NVRTC, loaded from wherever it is, and asked to compile before it is believed.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::environment::Libraries;
use super::library::{Library, function_table};
use super::places::{self, Place};
use super::unavailable::{GpuUnavailable, Tried, version};

/// `nvrtcProgram`.
type Program = *mut c_void;

function_table! {
    /// Functions of `libnvrtc`.
    Api -> c_int;
    needed {
        version = c"nvrtcVersion" (*mut c_int, *mut c_int);
        create_program = c"nvrtcCreateProgram" (
            *mut Program, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char
        );
        destroy_program = c"nvrtcDestroyProgram" (*mut Program);
        compile_program = c"nvrtcCompileProgram" (Program, c_int, *const *const c_char);
        get_log_size = c"nvrtcGetProgramLogSize" (Program, *mut usize);
        get_log = c"nvrtcGetProgramLog" (Program, *mut c_char);
        get_ptx_size = c"nvrtcGetPTXSize" (Program, *mut usize);
        get_ptx = c"nvrtcGetPTX" (Program, *mut c_char);
        get_cubin_size = c"nvrtcGetCUBINSize" (Program, *mut usize);
        get_cubin = c"nvrtcGetCUBIN" (Program, *mut c_char);
        get_arch_count = c"nvrtcGetNumSupportedArchs" (*mut c_int);
        get_archs = c"nvrtcGetSupportedArchs" (*mut c_int);
    }
    optional {}
}

/// `NVRTC_ERROR_COMPILATION`: the source is at fault.
const COMPILATION: c_int = 6;

/// A compiler for GPU code that has been seen to work.
#[derive(Debug)]
pub struct Nvrtc {
    api: Api,
    file: PathBuf,
    version: (u32, u32),
    /// Compute capabilities times ten, ascending: 90 is 9.0.
    architectures: Vec<u32>,
    /// Compilations in one process gain little from running side by side, and older versions do not like it.
    busy: Mutex<()>,
}

/// What is compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CodeFor {
    /// Machine code for exactly this compute capability times ten.
    Machine(u32),
    /// PTX for that compute capability times ten or newer: the driver finishes it.
    Ptx(u32),
}

impl CodeFor {
    /// The option that asks for it.
    fn option(self) -> String {
        match self {
            CodeFor::Machine(architecture) => format!("-arch=sm_{architecture}"),
            CodeFor::Ptx(architecture) => format!("-arch=compute_{architecture}"),
        }
    }
}

/// What a compilation made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// A cubin, or PTX as text that ends in a zero byte.
    pub image: Vec<u8>,
    /// Warnings.
    pub log: String,
}

/// How a library file looks without opening it: a changed file is another compiler.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct FileStamp {
    pub(crate) path: PathBuf,
    bytes: u64,
    modified: Duration,
}

impl FileStamp {
    pub(crate) fn of(path: &Path) -> Option<FileStamp> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(FileStamp { path: path.to_owned(), bytes: metadata.len(), modified })
    }

    /// Is the file as it was, or gone? (Code that it made stays good without it.)
    pub(crate) fn is_unchanged(&self) -> bool {
        !self.path.exists() || FileStamp::of(&self.path).as_ref() == Some(self)
    }
}

/// Finds NVRTC; with a driver, only versions whose code that driver takes.
///
/// # Errors
/// If there is none, or the only ones do not compile.
pub fn find(libraries: &Libraries, driver: Option<(u32, u32)>) -> Result<Nvrtc, GpuUnavailable> {
    let mut tried = Vec::new();
    let mut broken = None;
    for place in places::candidates(libraries) {
        match open(&place, driver) {
            Ok(nvrtc) => return Ok(nvrtc),
            Err(Refusal::Absent(reason)) => tried.push(Tried::new(place.to_string(), reason)),
            Err(Refusal::Broken { library, log }) => {
                tried.push(Tried::new(place.to_string(), "it does not compile"));
                broken.get_or_insert(GpuUnavailable::NvrtcBroken { library, log });
            }
        }
    }
    Err(broken.unwrap_or(GpuUnavailable::NvrtcMissing { tried }))
}

/// Why a place was not taken.
enum Refusal {
    Absent(String),
    Broken { library: String, log: String },
}

fn open(place: &Place, driver: Option<(u32, u32)>) -> Result<Nvrtc, Refusal> {
    let library = match place {
        Place::Loaded(name) => Library::loaded(name)
            .ok_or_else(|| Refusal::Absent("this process has not loaded it".to_owned()))?,
        Place::Name(name) => Library::open(name).map_err(Refusal::Absent)?,
        Place::File { library, builtins } => {
            // Without a path of its own in the file (13.0) the compiler finds its second library only if that is
            // loaded already; if this fails, the first compilation says so.
            if let Some(builtins) = builtins {
                let _ = Library::open(builtins);
            }
            Library::open(library).map_err(Refusal::Absent)?
        }
        Place::Nothing { reason, .. } => return Err(Refusal::Absent(reason.clone())),
    };
    let api = Api::load(library)
        .map_err(|missing| Refusal::Absent(format!("it lacks {} (older than 11.2?)", missing.join(", "))))?;
    let (mut major, mut minor): (c_int, c_int) = (0, 0);
    // SAFETY: the pointers are ours.
    let status = unsafe { (api.version)(&raw mut major, &raw mut minor) };
    if status != 0 {
        return Err(Refusal::Absent(format!("nvrtcVersion gives error {status}")));
    }
    let found = (u32::try_from(major).unwrap_or(0), u32::try_from(minor).unwrap_or(0));
    if let Some(driver) = driver
        && found.0 > driver.0
    {
        return Err(Refusal::Absent(format!(
            "its version {} makes code that the driver for CUDA {} does not take",
            version(found),
            version(driver)
        )));
    }
    let file = library.file_of(c"nvrtcVersion").unwrap_or_else(|| PathBuf::from(place.to_string()));
    let architectures = architectures(&api).unwrap_or_default();
    let nvrtc = Nvrtc { api, file, version: found, architectures, busy: Mutex::new(()) };
    nvrtc.check().map_err(|log| Refusal::Broken { library: nvrtc.file.display().to_string(), log })?;
    Ok(nvrtc)
}

fn architectures(api: &Api) -> Option<Vec<u32>> {
    let mut count: c_int = 0;
    // SAFETY: the pointer is ours.
    if unsafe { (api.get_arch_count)(&raw mut count) } != 0 {
        return None;
    }
    let mut list: Vec<c_int> = vec![0; usize::try_from(count).ok()?];
    // SAFETY: the list has as many places as the library said.
    if unsafe { (api.get_archs)(list.as_mut_ptr()) } != 0 {
        return None;
    }
    let mut list: Vec<u32> = list.into_iter().filter_map(|number| u32::try_from(number).ok()).collect();
    list.sort_unstable();
    Some(list)
}

impl Nvrtc {
    /// Its version: (13, 0).
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Compute capabilities that it makes code for, times ten, ascending: 90 is 9.0.
    #[must_use]
    pub fn architectures(&self) -> &[u32] {
        &self.architectures
    }

    /// What to make for a device: machine code for exactly that one; PTX where the device is newer than the compiler, for the
    /// newest that it knows.
    #[must_use]
    pub fn code_for(&self, architecture: u32) -> CodeFor {
        if self.architectures.is_empty() || self.architectures.contains(&architecture) {
            return CodeFor::Machine(architecture);
        }
        // A device runs PTX for any older one; of a device older than all, the compiler's message says what is wrong.
        let older = self.architectures.iter().rev().find(|&&known| known < architecture);
        older.map_or(CodeFor::Machine(architecture), |&known| CodeFor::Ptx(known))
    }

    /// Compiles something small: a library without its second half loads and gives its version all the same.
    fn check(&self) -> Result<(), String> {
        let architecture = self.architectures.first().copied().unwrap_or(75);
        let source = "extern \"C\" __global__ void check(float* x) { x[threadIdx.x] *= 2.0f; }\n";
        self.compile("check.cu", source, CodeFor::Ptx(architecture), &[]).map(|_| ())
    }

    /// Compiles CUDA C without includes. `name` is for messages; `#line` in the source changes it.
    ///
    /// # Errors
    /// The compiler's messages.
    pub fn compile(
        &self,
        name: &str,
        source: &str,
        code: CodeFor,
        options: &[&str],
    ) -> Result<Compiled, String> {
        let c_string = |text: &str| CString::new(text).map_err(|_| "a zero byte in the source".to_owned());
        let (name, source) = (c_string(name)?, c_string(source)?);
        let mut words = vec![c_string(&code.option())?];
        for option in options {
            words.push(c_string(option)?);
        }
        let words: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
        let _busy = self.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let program = OpenProgram::new(&self.api, &name, &source)?;
        // SAFETY: a live program and as many C strings as are counted.
        let status =
            unsafe { (self.api.compile_program)(program.handle, words.len() as c_int, words.as_ptr()) };
        let log = program.text(self.api.get_log_size, self.api.get_log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).trim_end_matches('\0').trim().to_owned();
        if status != 0 {
            let reason = if status == COMPILATION { String::new() } else { format!("NVRTC error {status}") };
            return Err([reason, log]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(": "));
        }
        let image = match code {
            CodeFor::Machine(_) => program.text(self.api.get_cubin_size, self.api.get_cubin),
            CodeFor::Ptx(_) => program.text(self.api.get_ptx_size, self.api.get_ptx),
        };
        let image = image.filter(|image| !image.is_empty()).ok_or("NVRTC made no code".to_owned())?;
        Ok(Compiled { image, log })
    }
}

/// A program handle, destroyed when dropped.
struct OpenProgram<'a> {
    api: &'a Api,
    handle: Program,
}

impl OpenProgram<'_> {
    fn new<'a>(api: &'a Api, name: &CStr, source: &CStr) -> Result<OpenProgram<'a>, String> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: C strings that live through the call (the library copies them), no headers.
        let status = unsafe {
            (api.create_program)(
                &raw mut handle,
                source.as_ptr(),
                name.as_ptr(),
                0,
                std::ptr::null(),
                std::ptr::null(),
            )
        };
        let made = NonNull::new(handle).filter(|_| status == 0);
        made.map(|handle| OpenProgram { api, handle: handle.as_ptr() })
            .ok_or_else(|| format!("nvrtcCreateProgram gives error {status}"))
    }

    /// Bytes that the library has to give: first asked for their number, then for themselves.
    fn text(
        &self,
        size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
        get: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    ) -> Option<Vec<u8>> {
        let mut bytes = 0_usize;
        // SAFETY: a live program; the pointer is ours.
        if unsafe { size(self.handle, &raw mut bytes) } != 0 || bytes > isize::MAX as usize {
            return None;
        }
        let mut text = vec![0_u8; bytes];
        // SAFETY: as many bytes as the library said.
        (unsafe { get(self.handle, text.as_mut_ptr().cast()) } == 0).then_some(text)
    }
}

impl Drop for OpenProgram<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `create_program`, destroyed once.
        unsafe { (self.api.destroy_program)(&raw mut self.handle) };
    }
}
