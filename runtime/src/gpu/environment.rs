//! What the environment says about GPU libraries: read here and nowhere else in `gpu`.

use std::ffi::OsString;
use std::path::PathBuf;

/// Which libraries are used for the GPU. What is not named is looked for.
///
/// ```
/// use kjit::gpu::{Gpu, Libraries};
/// let libraries = Libraries::from_environment().driver("/nowhere/libcuda.so.1");
/// let error = Gpu::open(&libraries).unwrap_err();
/// assert!(error.to_string().starts_with("no NVIDIA driver"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Libraries {
    pub(crate) driver: Option<PathBuf>,
    pub(crate) nvrtc: Option<PathBuf>,
    /// Of a CUDA toolkit: `CUDA_PATH`, `CUDA_HOME`.
    pub(crate) toolkits: Vec<(&'static str, PathBuf)>,
    /// `VIRTUAL_ENV`.
    pub(crate) python: Option<PathBuf>,
    /// `CONDA_PREFIX`.
    pub(crate) conda: Option<PathBuf>,
    /// Folders of programs: where there is a `python3`, there may be packages with NVRTC.
    pub(crate) programs: Vec<PathBuf>,
    /// `CUDA_VISIBLE_DEVICES`.
    pub(crate) visible: Option<String>,
}

impl Libraries {
    /// What the environment says: `KJIT_CUDA_DRIVER`, `KJIT_NVRTC`, `CUDA_PATH`, `CUDA_HOME`, `VIRTUAL_ENV`,
    /// `CONDA_PREFIX`, `PATH`.
    #[must_use]
    pub fn from_environment() -> Libraries {
        let value =
            |name: &str| -> Option<OsString> { std::env::var_os(name).filter(|value| !value.is_empty()) };
        let path = |name: &str| value(name).map(PathBuf::from);
        Libraries {
            driver: path("KJIT_CUDA_DRIVER"),
            nvrtc: path("KJIT_NVRTC"),
            toolkits: ["CUDA_PATH", "CUDA_HOME"]
                .into_iter()
                .filter_map(|name| Some((name, path(name)?)))
                .collect(),
            python: path("VIRTUAL_ENV"),
            conda: path("CONDA_PREFIX"),
            programs: value("PATH").map_or_else(Vec::new, |paths| std::env::split_paths(&paths).collect()),
            visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }

    /// The driver's library, `libcuda.so.1`: this and no other.
    #[must_use]
    pub fn driver(mut self, path: impl Into<PathBuf>) -> Libraries {
        self.driver = Some(path.into());
        self
    }

    /// The compiler for GPU code, `libnvrtc.so.13`, or the folder it is in: this and no other.
    #[must_use]
    pub fn nvrtc(mut self, path: impl Into<PathBuf>) -> Libraries {
        self.nvrtc = Some(path.into());
        self
    }

    /// What hides all devices, if something does.
    pub(crate) fn hides_devices(&self) -> Option<String> {
        let visible = self.visible.as_ref()?;
        let hides = visible.is_empty() || visible.trim_start().starts_with("-1") || visible == "NoDevFiles";
        hides.then(|| format!("CUDA_VISIBLE_DEVICES is \"{visible}\""))
    }
}

/// `KJIT_DEVICE`, if it says something.
pub(crate) fn device() -> Option<String> {
    let name = std::env::var("KJIT_DEVICE").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
