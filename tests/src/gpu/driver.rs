//! The driver's interface as the tests of the stand-ins themselves use it: nothing of the runtime's GPU code in between.

// The macro below is used inside and outside of unsafe blocks.
#![allow(unused_unsafe)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::Path;

use super::build::Pair;

type Status = c_int;
type Handle = *mut c_void;

/// A status that is not 0, with the driver's words for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// `CUresult`.
    pub status: i32,
    /// The function and what it says.
    pub message: String,
}

/// A pair of stand-ins with a context on device 0.
#[derive(Debug)]
pub struct Driver {
    library: Handle,
    nvrtc: Handle,
}

/// A compiled and loaded text.
#[derive(Debug)]
pub struct Module<'a> {
    driver: &'a Driver,
    handle: Handle,
}

fn open(path: &Path) -> Handle {
    let name = CString::new(path.to_string_lossy().into_owned()).expect("a path without zeros");
    // SAFETY: a C string; the library is one of ours.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{} does not load", path.display());
    handle
}

/// A function of a library, by the type that the caller knows it to have.
macro_rules! function {
    ($library:expr, $name:literal, fn($($arg:ty),* $(,)?) $(-> $result:ty)?) => {{
        // SAFETY: the handle is open; the name is a C string.
        let symbol = unsafe { libc::dlsym($library, concat!($name, "\0").as_ptr().cast()) };
        assert!(!symbol.is_null(), concat!($name, " is missing"));
        // SAFETY: CUDA's documentation gives the function this signature.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) $(-> $result)?>(symbol) }
    }};
}

impl Driver {
    /// Loads the pair and makes the first device's context current on this thread.
    ///
    /// # Errors
    /// What the driver says.
    pub fn start(pair: &Pair) -> Result<Driver, Failure> {
        let driver = Driver { library: open(&pair.driver), nvrtc: open(&pair.nvrtc) };
        // SAFETY: the arguments are as documented, pointers are ours.
        unsafe {
            let status = function!(driver.library, "cuInit", fn(c_uint) -> Status)(0);
            driver.check("cuInit", status)?;
            let mut context: Handle = std::ptr::null_mut();
            let retain =
                function!(driver.library, "cuDevicePrimaryCtxRetain", fn(*mut Handle, c_int) -> Status);
            driver.check("cuDevicePrimaryCtxRetain", retain(&raw mut context, 0))?;
            let set = function!(driver.library, "cuCtxSetCurrent", fn(Handle) -> Status);
            driver.check("cuCtxSetCurrent", set(context))?;
        }
        Ok(driver)
    }

    fn check(&self, call: &str, status: Status) -> Result<(), Failure> {
        if status == 0 {
            return Ok(());
        }
        let mut text: *const c_char = std::ptr::null();
        let describe = function!(self.library, "cuGetErrorString", fn(Status, *mut *const c_char) -> Status);
        // SAFETY: any code may be asked for; the pointer is ours.
        unsafe { describe(status, &raw mut text) };
        let text = if text.is_null() {
            String::new()
        } else {
            // SAFETY: a C string of the driver.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        };
        Err(Failure { status, message: format!("{call}: {text}") })
    }

    /// Compiles a text for the stand-in's device and loads it.
    ///
    /// # Errors
    /// The compiler's messages, or what the driver says.
    pub fn load(&self, text: &str) -> Result<Module<'_>, Failure> {
        let image = self.compile(text)?;
        let mut handle: Handle = std::ptr::null_mut();
        let load = function!(self.library, "cuModuleLoadData", fn(*mut Handle, *const c_void) -> Status);
        // SAFETY: the image is one that the stand-in for NVRTC made.
        self.check("cuModuleLoadData", unsafe { load(&raw mut handle, image.as_ptr().cast()) })?;
        Ok(Module { driver: self, handle })
    }

    fn compile(&self, text: &str) -> Result<Vec<u8>, Failure> {
        let text = CString::new(text).expect("no zeros");
        let mut program: Handle = std::ptr::null_mut();
        let library = self.nvrtc;
        type Sizes = unsafe extern "C" fn(Handle, *mut usize) -> c_int;
        type Bytes = unsafe extern "C" fn(Handle, *mut u8) -> c_int;
        let read = |sizes: Sizes, bytes: Bytes, program: Handle| {
            let mut length = 0;
            // SAFETY: a live program; the buffer has the length that was asked for.
            unsafe {
                sizes(program, &raw mut length);
                let mut buffer = vec![0_u8; length];
                bytes(program, buffer.as_mut_ptr());
                buffer
            }
        };
        // SAFETY: NVRTC's documented use; no headers.
        unsafe {
            let create = function!(
                library,
                "nvrtcCreateProgram",
                fn(*mut Handle, *const c_char, *const c_char, c_int, *const c_void, *const c_void) -> c_int
            );
            let none = std::ptr::null();
            create(&raw mut program, text.as_ptr(), c"test.cu".as_ptr(), 0, none, none);
            let options = [c"-arch=sm_90".as_ptr(), c"--fmad=false".as_ptr()];
            let compile =
                function!(library, "nvrtcCompileProgram", fn(Handle, c_int, *const *const c_char) -> c_int);
            let status = compile(program, 2, options.as_ptr());
            let log = read(
                function!(library, "nvrtcGetProgramLogSize", fn(Handle, *mut usize) -> c_int),
                function!(library, "nvrtcGetProgramLog", fn(Handle, *mut u8) -> c_int),
                program,
            );
            let cubin = read(
                function!(library, "nvrtcGetCUBINSize", fn(Handle, *mut usize) -> c_int),
                function!(library, "nvrtcGetCUBIN", fn(Handle, *mut u8) -> c_int),
                program,
            );
            function!(library, "nvrtcDestroyProgram", fn(*mut Handle) -> c_int)(&raw mut program);
            if status != 0 {
                let message = String::from_utf8_lossy(&log).trim_end_matches('\0').to_owned();
                return Err(Failure { status, message });
            }
            Ok(cubin)
        }
    }

    /// Memory on the device with these bytes.
    ///
    /// # Errors
    /// What the driver says.
    pub fn upload(&self, bytes: &[u8]) -> Result<u64, Failure> {
        let mut address = 0_u64;
        let allocate = function!(self.library, "cuMemAlloc_v2", fn(*mut u64, usize) -> Status);
        let copy = function!(self.library, "cuMemcpyHtoD_v2", fn(u64, *const u8, usize) -> Status);
        // SAFETY: the pointers are ours, the lengths theirs.
        unsafe {
            self.check("cuMemAlloc_v2", allocate(&raw mut address, bytes.len()))?;
            self.check("cuMemcpyHtoD_v2", copy(address, bytes.as_ptr(), bytes.len()))?;
        }
        Ok(address)
    }

    /// What is there now.
    ///
    /// # Errors
    /// What the driver says.
    pub fn download(&self, address: u64, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0_u8; length];
        let copy = function!(self.library, "cuMemcpyDtoH_v2", fn(*mut u8, u64, usize) -> Status);
        // SAFETY: the buffer has that length.
        self.check("cuMemcpyDtoH_v2", unsafe { copy(bytes.as_mut_ptr(), address, length) })?;
        Ok(bytes)
    }

    /// Gives memory back.
    ///
    /// # Errors
    /// What the driver says.
    pub fn free(&self, address: u64) -> Result<(), Failure> {
        let free = function!(self.library, "cuMemFree_v2", fn(u64) -> Status);
        // SAFETY: any number may be asked for; a wrong one is refused.
        self.check("cuMemFree_v2", unsafe { free(address) })
    }

    /// Waits for all work.
    ///
    /// # Errors
    /// What went wrong since.
    pub fn synchronize(&self) -> Result<(), Failure> {
        let wait = function!(self.library, "cuCtxSynchronize", fn() -> Status);
        // SAFETY: no arguments.
        self.check("cuCtxSynchronize", unsafe { wait() })
    }

    /// A counter of the stand-in: "launches", "live bytes", "copies to host", ...
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        let what = CString::new(what).expect("no zeros");
        let count = function!(self.library, "kjit_standin_count", fn(*const c_char) -> u64);
        // SAFETY: a C string.
        unsafe { count(what.as_ptr()) }
    }
}

impl Module<'_> {
    /// Runs a kernel on a grid of blocks of threads and waits for it. Each argument is the bytes of its value.
    ///
    /// # Errors
    /// What the driver says.
    pub fn run(
        &self,
        kernel: &str,
        blocks: [u32; 3],
        threads: [u32; 3],
        args: &[&[u8]],
    ) -> Result<(), Failure> {
        self.run_with(kernel, blocks, threads, 0, args)
    }

    /// The same with dynamic shared memory.
    ///
    /// # Errors
    /// What the driver says.
    pub fn run_with(
        &self,
        kernel: &str,
        blocks: [u32; 3],
        threads: [u32; 3],
        shared_bytes: u32,
        args: &[&[u8]],
    ) -> Result<(), Failure> {
        let name = CString::new(kernel).expect("no zeros");
        let library = self.driver.library;
        let mut function: Handle = std::ptr::null_mut();
        let find =
            function!(library, "cuModuleGetFunction", fn(*mut Handle, Handle, *const c_char) -> Status);
        let launch = function!(
            library,
            "cuLaunchKernel",
            fn(
                Handle,
                c_uint,
                c_uint,
                c_uint,
                c_uint,
                c_uint,
                c_uint,
                c_uint,
                Handle,
                *mut *mut c_void,
                *mut *mut c_void,
            ) -> Status
        );
        let mut params: Vec<*mut c_void> = args.iter().map(|arg| arg.as_ptr().cast_mut().cast()).collect();
        let none = std::ptr::null_mut();
        // SAFETY: the module is loaded; the caller gives one value per parameter. They are copied by the call.
        unsafe {
            self.driver.check("cuModuleGetFunction", find(&raw mut function, self.handle, name.as_ptr()))?;
            let status = launch(
                function,
                blocks[0],
                blocks[1],
                blocks[2],
                threads[0],
                threads[1],
                threads[2],
                shared_bytes,
                none,
                params.as_mut_ptr(),
                none.cast(),
            );
            self.driver.check("cuLaunchKernel", status)?;
        }
        self.driver.synchronize()
    }
}

impl Drop for Module<'_> {
    fn drop(&mut self) {
        let unload = function!(self.driver.library, "cuModuleUnload", fn(Handle) -> Status);
        // SAFETY: loaded by `load`, unloaded once.
        unsafe { unload(self.handle) };
    }
}
