//! Why there is no GPU to run on.

use std::fmt;

/// A place that was looked at, and what was wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// A path or the name of a library.
    pub place: String,
    /// Why it was not taken.
    pub reason: String,
}

/// Why kernels cannot run on a GPU here.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GpuUnavailable {
    /// The driver's library is not there.
    NoDriver {
        /// Every place that was looked at.
        tried: Vec<Tried>,
    },
    /// The driver is there and sees no device.
    NoDevice {
        /// What hides them, if something does: `CUDA_VISIBLE_DEVICES=""`.
        hint: Option<String>,
    },
    /// There are fewer devices than that.
    NoSuchDevice {
        /// The number asked for, from 0.
        wanted: usize,
        /// How many there are.
        count: usize,
    },
    /// The driver is older than kjit needs.
    DriverTooOld {
        /// Its version of CUDA: (11, 8).
        have: (u32, u32),
        /// The least that will do.
        need: (u32, u32),
    },
    /// The driver lacks functions that kjit calls.
    MissingSymbol {
        /// Their names.
        names: Vec<String>,
        /// The driver's library.
        library: String,
    },
    /// The driver did not start.
    DriverBroken {
        /// Function and error code in words.
        reason: String,
    },
    /// The compiler for GPU code is not there.
    NvrtcMissing {
        /// Every place that was looked at.
        tried: Vec<Tried>,
    },
    /// The compiler for GPU code is there and does not compile.
    NvrtcBroken {
        /// The library.
        library: String,
        /// What it says.
        log: String,
    },
    /// Kernels of this engine do not run on GPUs.
    NotForEngine,
}

/// A CUDA version as people write it.
pub(crate) fn version((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

impl Tried {
    /// A place, and the loader's words for it, which may begin with the place.
    pub(crate) fn new(place: impl Into<String>, reason: impl Into<String>) -> Tried {
        let (place, reason) = (place.into(), reason.into());
        let reason = reason.strip_prefix(&format!("{place}: ")).map(str::to_owned).unwrap_or(reason);
        Tried { place, reason }
    }
}

impl GpuUnavailable {
    /// Every place that was looked at, if something was not found.
    #[must_use]
    pub fn tried(&self) -> &[Tried] {
        match self {
            GpuUnavailable::NoDriver { tried } | GpuUnavailable::NvrtcMissing { tried } => tried,
            _ => &[],
        }
    }
}

impl fmt::Display for GpuUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |tried: &[Tried]| match tried {
            [] => "nowhere to look".to_owned(),
            tried => tried.iter().map(|tried| tried.place.as_str()).collect::<Vec<_>>().join(", "),
        };
        match self {
            GpuUnavailable::NoDriver { tried } => {
                write!(
                    f,
                    "no NVIDIA driver: libcuda was not found (tried {}); install it, or name it with KJIT_CUDA_DRIVER",
                    list(tried)
                )
            }
            GpuUnavailable::NoDevice { hint } => {
                f.write_str("the NVIDIA driver sees no device")?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
            }
            GpuUnavailable::NoSuchDevice { wanted, count } => {
                let devices = if *count == 1 { "device" } else { "devices" };
                write!(f, "there is no GPU {wanted}: the driver sees {count} {devices}")
            }
            GpuUnavailable::DriverTooOld { have, need } => write!(
                f,
                "the NVIDIA driver is for CUDA {}, kjit needs CUDA {} or newer",
                version(*have),
                version(*need)
            ),
            GpuUnavailable::MissingSymbol { names, library } => {
                write!(f, "the NVIDIA driver ({library}) lacks {}", names.join(", "))
            }
            GpuUnavailable::DriverBroken { reason } => {
                write!(f, "the NVIDIA driver does not start: {reason}")
            }
            GpuUnavailable::NvrtcMissing { tried } => write!(
                f,
                "no compiler for GPU code: libnvrtc was not found (tried {}); install it, for example with \
                 `pip install nvidia-cuda-nvrtc`, or name it with KJIT_NVRTC",
                list(tried)
            ),
            GpuUnavailable::NvrtcBroken { library, log } => {
                write!(f, "the compiler for GPU code ({library}) does not work: {}", log.trim())
            }
            GpuUnavailable::NotForEngine => f.write_str("the interpreter does not run on a GPU"),
        }
    }
}

impl std::error::Error for GpuUnavailable {}
