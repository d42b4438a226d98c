//! From CUDA C to an image on a device: through the cache, or through NVRTC.
//!
//! Two keys, as for the processor's code: one of what is asked for, known before any library is opened, leads to the compiler that
//! made the image (its file and version) and to the image. So a warm start opens no NVRTC, and a changed one is noticed.

use kjit_compiler::ir::grid::{GridProgram, GridVariant};
use serde::{Deserialize, Serialize};

use super::device::Device;
use super::error::{GpuError, GpuErrorKind};
use super::image::Image;
use super::nvrtc::{CodeFor, FileStamp, Nvrtc};
use crate::cache::{Cache, Key, image_key, image_link_key};
use crate::compile::Origin;
use crate::error::Error;

/// CUDA C with what must be said to its compiler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceSource<'a> {
    pub(crate) text: &'a str,
    pub(crate) options: &'a [String],
    pub(crate) variant: GridVariant,
    /// For messages.
    pub(crate) name: &'a str,
}

/// What a source leads to on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ImageLink {
    pub(crate) image: [u8; 32],
    nvrtc: Option<FileStamp>,
    /// The source file, for people.
    pub(crate) file: String,
}

/// An image on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredImage {
    pub(crate) image: Vec<u8>,
    /// Such as "sm_90, NVRTC 13.0".
    pub(crate) made: String,
    /// The source file, for people.
    pub(crate) file: String,
}

/// Options for NVRTC: those of the program, the language, the variant's macros.
fn options(source: &DeviceSource<'_>) -> Vec<String> {
    let mut options = vec!["--std=c++17".to_owned()];
    options.extend(source.options.iter().cloned());
    options.extend(source.variant.defines().iter().map(|name| format!("-D{name}=1")));
    options
}

/// Compiles for an architecture.
///
/// # Errors
/// The compiler's messages.
fn compile(nvrtc: &Nvrtc, source: &DeviceSource<'_>, code: CodeFor) -> Result<Vec<u8>, Error> {
    let options = options(source);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let compiled = nvrtc.compile(source.name, source.text, code, &options).map_err(|log| {
        let (major, minor) = nvrtc.version();
        Error::Internal(format!("NVRTC {major}.{minor} does not compile what kjit wrote:\n{log}"))
    })?;
    Ok(compiled.image)
}

/// Compiles the kernels of a program without a device, in the variant that is nearly always the one; `lines` puts the places of the
/// user's source into the code. Needs NVRTC and nothing else.
///
/// # Errors
/// The compiler's messages.
pub fn compile_grid(
    nvrtc: &Nvrtc,
    grid: &GridProgram,
    name: &str,
    code: CodeFor,
    lines: bool,
) -> Result<Vec<u8>, Error> {
    let mut more = grid.options.clone();
    if lines {
        more.push("-lineinfo".to_owned());
    }
    let source = DeviceSource { text: &grid.source, options: &more, variant: GridVariant::default(), name };
    compile(nvrtc, &source, code)
}

/// The image of a source on a device: from the cache if it is there. An image that the driver refuses is made anew once.
///
/// # Errors
/// If there is no compiler, or its code is refused.
pub(crate) fn load(
    device: &Device,
    cache: Option<&Cache>,
    source: &DeviceSource<'_>,
) -> Result<(Image, Origin), Error> {
    let architecture = device.info().architecture();
    let options = options(source);
    let link_key = image_link_key(source.text, &options, architecture);
    if let Some(cache) = cache
        && let Some(link) = cache.load::<ImageLink>(&link_key)
        && link.nvrtc.as_ref().is_none_or(FileStamp::is_unchanged)
        && let Some(stored) = cache.load::<StoredImage>(&Key(link.image))
    {
        match Image::load(device, &stored.image) {
            Ok(image) => return Ok((image, Origin::Cache)),
            Err(error) if error.kind == GpuErrorKind::ImageRefused => {
                tracing::warn!(%error, "compiled GPU code from the cache was refused; it is made anew");
                cache.remove(&Key(link.image));
                cache.remove(&link_key);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let gpu = device.gpu();
    let nvrtc = gpu.nvrtc()?;
    let code = nvrtc.code_for(architecture);
    let made = compile(nvrtc, source, code)?;
    let image = Image::load(device, &made).map_err(|error| explain(error, nvrtc, device))?;
    if let Some(cache) = cache {
        let (major, minor) = nvrtc.version();
        let key = image_key(source.text, &options, &format!("{code:?}"), (major, minor));
        let for_what = match code {
            CodeFor::Machine(architecture) => format!("sm_{architecture}"),
            CodeFor::Ptx(architecture) => format!("compute_{architecture}"),
        };
        let file = source.name.to_owned();
        let stored = StoredImage {
            image: made,
            made: format!("{for_what}, NVRTC {major}.{minor}"),
            file: file.clone(),
        };
        cache.store(&key, &stored);
        let nvrtc = FileStamp::of(nvrtc.file());
        cache.store(&link_key, &ImageLink { image: key.0, nvrtc, file });
        cache.prune();
    }
    Ok((image, Origin::Compiled))
}

/// Fresh code that is refused: whose versions do not go together?
fn explain(mut error: GpuError, nvrtc: &Nvrtc, device: &Device) -> GpuError {
    if error.kind == GpuErrorKind::ImageRefused {
        let ((major, minor), (have_major, have_minor)) = (nvrtc.version(), device.gpu().driver_version());
        error.message = format!(
            "GPU {} ({}, compute capability {}.{}) refuses code of NVRTC {major}.{minor}; the driver is for CUDA \
             {have_major}.{have_minor}: {}",
            device.number(),
            device.name(),
            device.info().capability.0,
            device.info().capability.1,
            error.message
        );
    }
    error
}
