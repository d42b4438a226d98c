//! Shared libraries by name: `dlopen` and `dlsym`, with errors as values.
//!
//! Libraries opened here stay open until the process ends: the driver and NVRTC keep threads and exit handlers of their own.

use std::ffi::{CStr, CString, OsStr, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::ptr::NonNull;

/// An open library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Library(NonNull<c_void>);

// SAFETY: a handle of `dlopen` may be used by any thread; it is never closed.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Opens a library by path or by a name that the system's loader looks for.
    pub(crate) fn open(name: impl AsRef<OsStr>) -> Result<Library, String> {
        Library::open_with(name.as_ref(), libc::RTLD_NOW | libc::RTLD_LOCAL)
    }

    /// The library if this process has it already.
    pub(crate) fn loaded(name: impl AsRef<OsStr>) -> Option<Library> {
        Library::open_with(name.as_ref(), libc::RTLD_NOW | libc::RTLD_NOLOAD).ok()
    }

    fn open_with(name: &OsStr, flags: libc::c_int) -> Result<Library, String> {
        let name = CString::new(name.as_bytes()).map_err(|_| "the name holds a zero byte".to_owned())?;
        // SAFETY: a valid C string. Constructors of the library run; who names a library trusts it.
        let handle = unsafe { libc::dlopen(name.as_ptr(), flags) };
        NonNull::new(handle).map(Library).ok_or_else(last_error)
    }

    /// Address of a symbol.
    pub(crate) fn symbol(self, name: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: an open handle and a valid C string.
        NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), name.as_ptr()) })
    }

    /// The file that a symbol of this library comes from.
    pub(crate) fn file_of(self, symbol: &CStr) -> Option<PathBuf> {
        let address = self.symbol(symbol)?;
        // SAFETY: all zero is a valid `Dl_info`.
        let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
        // SAFETY: any address may be asked for; `info` is ours.
        let is_found = unsafe { libc::dladdr(address.as_ptr(), &raw mut info) } != 0;
        if !is_found || info.dli_fname.is_null() {
            return None;
        }
        // SAFETY: a C string of the loader, alive as long as the library, which is never closed.
        let name = unsafe { CStr::from_ptr(info.dli_fname) };
        Some(PathBuf::from(std::ffi::OsString::from_vec(name.to_bytes().to_vec())))
    }
}

/// What the loader says of its last failure on this thread.
fn last_error() -> String {
    // SAFETY: no preconditions; the text is copied before the loader is asked again.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "unknown reason".to_owned();
    }
    // SAFETY: a C string by `dlerror`'s contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A table of functions of a library: those that are needed, and those that a library may lack.
///
/// `load` names the needed ones that are missing.
macro_rules! function_table {
    (
        $(#[$doc:meta])* $table:ident -> $result:ty;
        needed { $($need:ident = $need_symbol:literal ($($need_arg:ty),*);)* }
        optional { $($opt:ident = $opt_symbol:literal ($($opt_arg:ty),*);)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) struct $table {
            $(pub(crate) $need: unsafe extern "C" fn($($need_arg),*) -> $result,)*
            $(pub(crate) $opt: Option<unsafe extern "C" fn($($opt_arg),*) -> $result>,)*
        }

        impl $table {
            /// Looks all functions up; on failure the names of the missing ones.
            pub(crate) fn load(library: $crate::gpu::library::Library) -> Result<$table, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(
                    let $need = library.symbol($need_symbol);
                    if $need.is_none() {
                        missing.push($need_symbol.to_str().unwrap_or_default());
                    }
                )*
                $(let $opt = library.symbol($opt_symbol);)*
                let ($(Some($need),)*) = ($($need,)*) else { return Err(missing) };
                Ok($table {
                    // SAFETY: the vendor's documentation gives the symbol this signature, and has kept it since the symbol
                    // exists: a change of meaning gets a new symbol (`_v2`).
                    $($need: unsafe {
                        std::mem::transmute::<
                            std::ptr::NonNull<std::ffi::c_void>,
                            unsafe extern "C" fn($($need_arg),*) -> $result,
                        >($need)
                    },)*
                    // SAFETY: as above.
                    $($opt: $opt.map(|symbol| unsafe {
                        std::mem::transmute::<
                            std::ptr::NonNull<std::ffi::c_void>,
                            unsafe extern "C" fn($($opt_arg),*) -> $result,
                        >(symbol)
                    }),)*
                })
            }
        }

        impl std::fmt::Debug for $table {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($table)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use function_table;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_an_error_with_its_name() {
        let error = Library::open("libkjit-no-such-thing.so.7").unwrap_err();
        assert!(error.contains("libkjit-no-such-thing.so.7"), "{error}");
        assert!(Library::loaded("libkjit-no-such-thing.so.7").is_none());
        assert!(Library::open("a\0b").is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn symbols_of_the_c_library_are_found() {
        let library = Library::open("libc.so.6").unwrap();
        assert!(library.symbol(c"strlen").is_some());
        assert!(library.symbol(c"kjit_no_such_symbol").is_none());
        let file = library.file_of(c"malloc").unwrap();
        assert!(file.exists() || file.to_string_lossy().contains("libc"), "{}", file.display());
    }
}
