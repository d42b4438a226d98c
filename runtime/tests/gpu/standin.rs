//! Stand-ins built with the C compiler: one file of its own, so one state of its own, for every test that asks.

#![allow(dead_code)] // Not every test file needs everything.

use std::ffi::{CString, c_char, c_long, c_void};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A library that was built for a test, opened. Stays until the process ends, as the runtime's handle does.
pub(crate) struct StandIn {
    pub(crate) path: PathBuf,
    handle: *mut c_void,
}

/// The stand-in driver; `None` (and a line that says so) without a C compiler.
pub(crate) fn driver() -> Option<StandIn> {
    driver_with(&[])
}

/// The same with more options for the C compiler.
pub(crate) fn driver_with(options: &[&str]) -> Option<StandIn> {
    build("driver.c", "libcuda.so.1", options)
}

/// The stand-in NVRTC of that major version.
pub(crate) fn nvrtc(major: u32) -> Option<StandIn> {
    build("nvrtc.c", &format!("libnvrtc.so.{major}"), &[&format!("-DMAJOR={major}")])
}

fn build(source: &str, library: &str, options: &[&str]) -> Option<StandIn> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    // A file per test that stays as long as the process: the loader knows libraries by their inode, which a new file could
    // inherit from one that was removed. The next run overwrites it.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // Unit tests are told no folder.
    let parent = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let kind = if option_env!("CARGO_TARGET_TMPDIR").is_some() { "tests" } else { "unit" };
    let folder = parent.join(format!("kjit-gpu-standin-{kind}-{number}"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(library);
    let _ = std::fs::remove_file(&path);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gpu/").to_owned() + source;
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .arg(&path)
        .arg(source)
        .args(options)
        .output();
    let Ok(output) = built else {
        // A line in the output of the test is all that can be said here.
        let _ = writeln!(std::io::stderr(), "skipped: there is no C compiler to build {library} with");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a library of ours without constructors.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
    assert!(!handle.is_null());
    Some(StandIn { path, handle })
}

impl StandIn {
    fn symbol(&self, name: &str) -> *mut c_void {
        let name = CString::new(name).unwrap();
        // SAFETY: an open library and a valid C string.
        let symbol = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        assert!(!symbol.is_null());
        symbol
    }

    pub(crate) fn set(&self, knob: &str, value: i64) {
        let knob = CString::new(knob).unwrap();
        // SAFETY: `void standin_set(const char*, long)` of driver.c.
        unsafe {
            let set: unsafe extern "C" fn(*const c_char, c_long) =
                std::mem::transmute(self.symbol("standin_set"));
            set(knob.as_ptr(), value);
        }
    }

    pub(crate) fn get(&self, knob: &str) -> i64 {
        let knob = CString::new(knob).unwrap();
        // SAFETY: `long standin_get(const char*)` of driver.c.
        unsafe {
            let get: unsafe extern "C" fn(*const c_char) -> c_long =
                std::mem::transmute(self.symbol("standin_get"));
            get(knob.as_ptr())
        }
    }

    /// Calls a function without arguments that gives a number or nothing.
    pub(crate) fn call(&self, function: &str) -> i64 {
        // SAFETY: such functions of nvrtc.c; a result that is not there is any number.
        unsafe {
            let call: unsafe extern "C" fn() -> c_long = std::mem::transmute(self.symbol(function));
            call()
        }
    }
}
