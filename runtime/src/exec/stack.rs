//! Where the stack of the current thread ends.

use std::cell::Cell;

/// Left below the limit for the runtime's own functions and signal handlers.
const RESERVE_BYTES: usize = 128 << 10;

thread_local! {
    static LIMIT: Cell<usize> = const { Cell::new(0) };
}

/// The lowest stack address that recursive kernels may reach on this thread.
pub(crate) fn limit() -> usize {
    LIMIT.with(|cached| {
        if cached.get() == 0 {
            cached.set(find());
        }
        cached.get()
    })
}

#[cfg(target_os = "linux")]
fn find() -> usize {
    // SAFETY: the attribute object is initialised by `pthread_getattr_np` before it is read, and destroyed once.
    unsafe {
        let mut attributes = std::mem::zeroed::<libc::pthread_attr_t>();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return fallback();
        }
        let (mut base, mut size) = (std::ptr::null_mut(), 0);
        let found = libc::pthread_attr_getstack(&raw const attributes, &raw mut base, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        if found == 0 { base as usize + RESERVE_BYTES } else { fallback() }
    }
}

#[cfg(not(target_os = "linux"))]
fn find() -> usize {
    fallback()
}

/// Half a mebibyte below here: every thread has that much.
fn fallback() -> usize {
    let here = 0_u8;
    (&raw const here as usize).saturating_sub(512 << 10)
}
