//! Compiled code on a device, and its kernels.

use std::ffi::{CString, c_int, c_void};
use std::sync::Arc;

use super::api::{Handle, JIT_ERROR_LOG, function_attribute};
use super::device::Device;
use super::error::GpuError;
use super::stream::Stream;

/// Bytes for what the driver has to say of PTX that it does not take.
const LOG_BYTES: usize = 8 << 10;

/// Code that a device has loaded: a cubin or PTX. Cheap to clone; unloaded with the last clone and the last kernel of it.
#[derive(Clone, Debug)]
pub struct Image {
    inner: Arc<ImageInner>,
}

#[derive(Debug)]
struct ImageInner {
    device: Device,
    handle: Handle,
}

// SAFETY: the driver's modules may be used from any thread.
unsafe impl Send for ImageInner {}
// SAFETY: as above.
unsafe impl Sync for ImageInner {}

impl Drop for ImageInner {
    fn drop(&mut self) {
        let device = &self.device.inner;
        if let Ok(_here) = device.enter() {
            // SAFETY: loaded by `cuModuleLoadDataEx`, unloaded once. Unloading waits for the device.
            unsafe { (device.api().module_unload)(self.handle) };
        }
    }
}

impl Image {
    /// Loads a cubin, or PTX that ends in a zero byte.
    ///
    /// # Errors
    /// [`super::GpuErrorKind::ImageRefused`] if it is not for this device or driver.
    pub fn load(device: &Device, code: &[u8]) -> Result<Image, GpuError> {
        // The driver is not told the length: PTX ends in a zero byte, a cubin says how long it is.
        let is_cubin = code.starts_with(b"\x7fELF");
        if (is_cubin && !is_whole_cubin(code)) || (!is_cubin && code.last() != Some(&0)) {
            return Err(GpuError {
                kind: super::GpuErrorKind::ImageRefused,
                status: 0,
                message: "the compiled code is neither a whole cubin nor PTX".to_owned(),
            });
        }
        let inner = &device.inner;
        let _here = inner.enter()?;
        let mut handle = std::ptr::null_mut();
        let mut log = vec![0_u8; LOG_BYTES];
        let mut options: [c_int; 2] = JIT_ERROR_LOG;
        // An option's value is the pointer itself or the number in its place.
        let mut values: [*mut c_void; 2] = [log.as_mut_ptr().cast(), LOG_BYTES as *mut c_void];
        // SAFETY: the code is whole (checked above); two options with their values, which outlive the call.
        let status = unsafe {
            (inner.api().module_load_data)(
                &raw mut handle,
                code.as_ptr().cast(),
                2,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        inner.check("cuModuleLoadData", status).map_err(|mut error| {
            let end = log.iter().position(|&byte| byte == 0).unwrap_or(0);
            let text = String::from_utf8_lossy(&log[..end]);
            if !text.trim().is_empty() {
                error.message = format!("{}: {}", error.message, text.trim());
            }
            error
        })?;
        Ok(Image { inner: Arc::new(ImageInner { device: device.clone(), handle }) })
    }

    /// A kernel of it.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn kernel(&self, name: &str) -> Result<GpuKernel, GpuError> {
        let device = &self.inner.device.inner;
        let _here = device.enter()?;
        let text = CString::new(name).map_err(|_| GpuError::usage("a zero byte in a kernel's name"))?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: a live module and a C string; the pointer is ours.
        let status =
            unsafe { (device.api().module_get_function)(&raw mut handle, self.inner.handle, text.as_ptr()) };
        device.check("cuModuleGetFunction", status).map_err(|mut error| {
            error.message = format!("kernel `{name}`: {}", error.message);
            error
        })?;
        let ask = |number: c_int| {
            let mut value: c_int = 0;
            // SAFETY: a live function; the pointer is ours.
            let status = unsafe { (device.api().func_get_attribute)(&raw mut value, number, handle) };
            if status == 0 { u32::try_from(value).unwrap_or(0) } else { 0 }
        };
        Ok(GpuKernel {
            image: self.clone(),
            handle,
            registers: ask(function_attribute::REGISTERS),
            local_bytes: ask(function_attribute::LOCAL_BYTES),
            shared_bytes: ask(function_attribute::SHARED_BYTES),
            max_threads: ask(function_attribute::MAX_THREADS),
        })
    }

    /// The device that it is on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.inner.device
    }
}

/// Is it an ELF file of 64 bits whose tables end within it?
fn is_whole_cubin(code: &[u8]) -> bool {
    let word =
        |at: usize| -> Option<u64> { Some(u64::from_le_bytes(code.get(at..at + 8)?.try_into().ok()?)) };
    let half = |at: usize| -> Option<u64> {
        Some(u64::from(u16::from_le_bytes(code.get(at..at + 2)?.try_into().ok()?)))
    };
    let end = |table: usize, size: usize| -> Option<u64> {
        half(size)?.checked_mul(half(size + 2)?)?.checked_add(word(table)?)
    };
    // Program headers: offset at 32, size and number at 54; sections: 40, 58.
    let within = |end: Option<u64>| end.is_some_and(|end| end <= code.len() as u64);
    code.starts_with(b"\x7fELF\x02") && within(end(32, 54)) && within(end(40, 58))
}

/// A kernel on a device: ready to be launched.
#[derive(Clone, Debug)]
pub struct GpuKernel {
    image: Image,
    handle: Handle,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of memory of its own that a thread has beside its registers.
    pub local_bytes: u32,
    /// Bytes of shared memory that are fixed in its code.
    pub shared_bytes: u32,
    /// Largest number of threads of a block.
    pub max_threads: u32,
}

// SAFETY: the driver's functions may be used from any thread.
unsafe impl Send for GpuKernel {}
// SAFETY: as above.
unsafe impl Sync for GpuKernel {}

/// How many threads run a kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaunchShape {
    /// Blocks in each direction.
    pub grid: [u32; 3],
    /// Threads of a block in each direction.
    pub block: [u32; 3],
    /// Bytes of shared memory beside those that are fixed in the code.
    pub shared_bytes: u32,
}

impl GpuKernel {
    /// How many blocks of that many threads a multiprocessor runs at once.
    ///
    /// # Errors
    /// If the driver does not say.
    pub fn resident_blocks(&self, threads: u32, shared_bytes: u32) -> Result<u32, GpuError> {
        let device = &self.image.inner.device.inner;
        let _here = device.enter()?;
        let mut blocks: c_int = 0;
        // SAFETY: a live function; the pointer is ours.
        let status = unsafe {
            (device.api().occupancy)(&raw mut blocks, self.handle, threads as c_int, shared_bytes as usize)
        };
        device.check("cuOccupancyMaxActiveBlocksPerMultiprocessor", status)?;
        Ok(u32::try_from(blocks).unwrap_or(0))
    }

    /// Lets blocks have more shared memory beside the fixed one than the usual 48 KiB.
    ///
    /// # Errors
    /// If the device has not as much.
    pub fn allow_shared(&self, bytes: u32) -> Result<(), GpuError> {
        let device = &self.image.inner.device.inner;
        let _here = device.enter()?;
        // SAFETY: a live function.
        let status = unsafe {
            (device.api().func_set_attribute)(
                self.handle,
                function_attribute::MAX_DYNAMIC_SHARED,
                c_int::try_from(bytes).unwrap_or(c_int::MAX),
            )
        };
        device.check("cuFuncSetAttribute", status)
    }

    /// Starts it on a stream; returns before it has run. `what` is for the message if the device is lost.
    ///
    /// # Safety
    /// The block holds as many arguments as the kernel has parameters, each of its size; pointers among them are memory of the
    /// stream's device, large enough for what the kernel does, and stay until it has run.
    ///
    /// # Errors
    /// If the driver refuses: sizes beyond what the device has, or an earlier failure.
    pub unsafe fn launch(
        &self,
        stream: &Stream,
        shape: LaunchShape,
        arguments: &mut Arguments,
        what: &Arc<str>,
    ) -> Result<(), GpuError> {
        let device = &self.image.inner.device.inner;
        let _here = device.enter()?;
        device.note_launch(what);
        let ([gx, gy, gz], [bx, by, bz]) = (shape.grid, shape.block);
        // SAFETY: a live function and stream; the rest by the contract. The driver copies the arguments before it returns.
        let status = unsafe {
            (device.api().launch_kernel)(
                self.handle,
                gx,
                gy,
                gz,
                bx,
                by,
                bz,
                shape.shared_bytes,
                stream.handle(),
                arguments.pointers(),
                std::ptr::null_mut(),
            )
        };
        device.check("cuLaunchKernel", status)
    }
}

/// The arguments of a kernel, in a block that can be used again: words, and the addresses of the words as the driver wants
/// them. An argument smaller than a word is in its low bytes.
#[derive(Debug, Default)]
pub struct Arguments {
    words: Vec<u64>,
    addresses: Vec<usize>,
}

impl Arguments {
    /// No arguments yet.
    #[must_use]
    pub fn new() -> Arguments {
        Arguments::default()
    }

    /// Forgets all arguments and keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// Adds an argument of up to 8 bytes: its bits, low bytes first.
    pub fn push(&mut self, bits: u64) {
        self.words.push(bits);
    }

    /// Changes an argument.
    pub fn set(&mut self, position: usize, bits: u64) {
        if let Some(word) = self.words.get_mut(position) {
            *word = bits;
        }
    }

    fn pointers(&mut self) -> *mut *mut c_void {
        let first = self.words.as_ptr() as usize;
        // The words move only when they grow.
        if self.addresses.len() != self.words.len() || self.addresses.first() != Some(&first) {
            self.addresses.clear();
            self.addresses.extend((0..self.words.len()).map(|k| first + 8 * k));
        }
        self.addresses.as_mut_ptr().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_follow_the_words() {
        let mut arguments = Arguments::new();
        for k in 0..40 {
            arguments.push(k * 3);
            let pointers = arguments.pointers().cast::<*const u64>();
            for j in 0..=k {
                // SAFETY: there are as many addresses as words, each of a word that is alive.
                assert_eq!(unsafe { **pointers.add(j as usize) }, j * 3);
            }
        }
        arguments.set(7, 1);
        arguments.set(400, 1);
        // SAFETY: as above.
        assert_eq!(unsafe { **arguments.pointers().cast::<*const u64>().add(7) }, 1);
        arguments.clear();
        arguments.push(9);
        // SAFETY: as above.
        assert_eq!(unsafe { **arguments.pointers().cast::<*const u64>() }, 9);
    }

    #[test]
    fn a_cut_cubin_is_noticed() {
        let mut elf = vec![0_u8; 200];
        elf[..5].copy_from_slice(b"\x7fELF\x02");
        elf[40..48].copy_from_slice(&64_u64.to_le_bytes());
        elf[58..60].copy_from_slice(&64_u16.to_le_bytes());
        elf[60..62].copy_from_slice(&2_u16.to_le_bytes());
        assert!(is_whole_cubin(&elf));
        assert!(!is_whole_cubin(&elf[..191]));
        assert!(!is_whole_cubin(b"//\n.version 9.0\n"));
    }
}
