//! Builds the stand-ins once per state of their sources, below `target/gpu-standin`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use kjit::gpu::Libraries;

/// The driver's library, and what it is made of below `tests/gpu`.
const DRIVER: (&str, &[&str]) = (
    "libcuda.so.1",
    &[
        "shim/fiber.cpp",
        "shim/grid.cpp",
        "standin/config.cpp",
        "standin/memory.cpp",
        "standin/state.cpp",
        "standin/module.cpp",
        "standin/driver.cpp",
        "standin/driver_run.cpp",
    ],
);
/// NVRTC, likewise.
const NVRTC: (&str, &[&str]) = ("libnvrtc.so.13", &["standin/config.cpp", "standin/nvrtc.cpp"]);

/// Where the stand-ins lie.
#[derive(Debug)]
pub struct Standin {
    folder: PathBuf,
    compiler: String,
}

/// A pair of stand-ins with a configuration of its own.
#[derive(Debug)]
pub struct Pair {
    /// `libcuda.so.1`.
    pub driver: PathBuf,
    /// `libnvrtc.so.13`.
    pub nvrtc: PathBuf,
    /// Removed with the pair; what is loaded stays loaded.
    _folder: Option<tempfile::TempDir>,
}

impl Pair {
    /// As an engine is told.
    #[must_use]
    pub fn libraries(&self) -> Libraries {
        Libraries::default().driver(&self.driver).nvrtc(&self.nvrtc)
    }
}

/// The stand-ins.
///
/// # Errors
/// Why there are none on this machine: the reason to skip a test.
pub fn standin() -> Result<&'static Standin, String> {
    static MADE: OnceLock<Result<Standin, String>> = OnceLock::new();
    MADE.get_or_init(make).as_ref().map_err(Clone::clone)
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu")
}

pub(super) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}

fn make() -> Result<Standin, String> {
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return Err("the stand-ins for the GPU are written for Linux on x86-64 and aarch64".to_owned());
    }
    let compiler =
        std::env::var("CXX").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "c++".to_owned());
    let version = Command::new(&compiler)
        .arg("--version")
        .output()
        .map_err(|error| format!("no C++ compiler: {compiler}: {error}"))?;
    let key = key_of(&version.stdout)?;
    let folder = target().join("gpu-standin").join(key);
    std::fs::create_dir_all(folder.join("objects")).map_err(|error| error.to_string())?;
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    let made = Standin { folder, compiler };
    made.build(DRIVER)?;
    made.build(NVRTC)?;
    Ok(made)
}

/// A name for this state of the sources and the compiler.
fn key_of(version: &[u8]) -> Result<String, String> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(version);
    for part in ["shim", "standin"] {
        let entries = std::fs::read_dir(sources().join(part)).map_err(|error| error.to_string())?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            add(file.to_string_lossy().as_bytes());
            add(&std::fs::read(&file).map_err(|error| error.to_string())?);
        }
    }
    Ok(format!("{hash:016x}"))
}

impl Standin {
    /// Compiles one library, unless it is there.
    fn build(&self, (name, parts): (&str, &[&str])) -> Result<(), String> {
        let library = self.folder.join(name);
        if library.exists() {
            return Ok(());
        }
        let shim = sources().join("shim").canonicalize().map_err(|error| error.to_string())?;
        // Several test programs may do this at the same time: each under its own name, and the last one stays.
        let own = self.folder.join(format!("{name}.{}", std::process::id()));
        let output = Command::new(&self.compiler)
            .args(["-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden"])
            .arg(format!("-DKJIT_SHIM_DIR=\"{}\"", shim.display()))
            .arg(format!("-Wl,-soname,{name}"))
            .arg("-o")
            .arg(&own)
            .args(parts.iter().map(|part| sources().join(part)))
            .args(["-ldl"])
            .output()
            .map_err(|error| format!("no C++ compiler: {}: {error}", self.compiler))?;
        if !output.status.success() {
            return Err(format!("{name} does not compile:\n{}", String::from_utf8_lossy(&output.stderr)));
        }
        std::fs::rename(&own, &library).map_err(|error| error.to_string())
    }

    /// A pair with this `standin.conf` (its keys are in `tests/gpu/standin/config.h`). Its state is its own.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn pair(&self, configuration: &str) -> Result<Pair, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let pair = self.pair_at(folder.path(), configuration)?;
        Ok(Pair { _folder: Some(folder), ..pair })
    }

    /// The same in a folder that exists and stays.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn pair_at(&self, folder: &Path, configuration: &str) -> Result<Pair, String> {
        let copy = |name: &str| -> Result<PathBuf, String> {
            let to = folder.join(name);
            std::fs::copy(self.folder.join(name), &to).map_err(|error| error.to_string())?;
            Ok(to)
        };
        let (driver, nvrtc) = (copy(DRIVER.0)?, copy(NVRTC.0)?);
        let mut file =
            std::fs::File::create(folder.join("standin.conf")).map_err(|error| error.to_string())?;
        let cache = self.folder.join("objects");
        write!(file, "cache = {}\n{configuration}\n", cache.display()).map_err(|error| error.to_string())?;
        Ok(Pair { driver, nvrtc, _folder: None })
    }

    /// A pair that all tests of a process may share, and that stays: made once.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn shared(&self) -> Result<Pair, String> {
        let folder = self.folder.join("shared");
        if !folder.exists() {
            // Whole or not at all: another process may do the same now, and libraries in use must not change.
            let own = self.folder.join(format!("shared.{}", std::process::id()));
            std::fs::create_dir_all(&own).map_err(|error| error.to_string())?;
            self.pair_at(&own, "")?;
            if std::fs::rename(&own, &folder).is_err() {
                std::fs::remove_dir_all(&own).map_err(|error| error.to_string())?;
            }
        }
        Ok(Pair { driver: folder.join(DRIVER.0), nvrtc: folder.join(NVRTC.0), _folder: None })
    }

    /// Every text that was compiled so far, with the time.
    #[must_use]
    pub fn texts(&self) -> Vec<(std::time::SystemTime, String)> {
        let entries = std::fs::read_dir(self.folder.join("objects")).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "cu"))
            .filter_map(|entry| {
                Some((entry.metadata().ok()?.modified().ok()?, std::fs::read_to_string(entry.path()).ok()?))
            })
            .collect()
    }

    /// Address sanitizer's library, to be loaded before everything else in a process that runs sanitised kernels.
    ///
    /// # Errors
    /// Why there is none.
    pub fn address_sanitizer(&self) -> Result<PathBuf, String> {
        let output = Command::new(&self.compiler)
            .arg("-print-file-name=libasan.so")
            .output()
            .map_err(|error| error.to_string())?;
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        // The name alone, if the compiler has none.
        if path.is_absolute() { Ok(path) } else { Err("no address sanitizer".to_owned()) }
    }
}
