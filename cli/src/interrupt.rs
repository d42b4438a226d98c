//! Ctrl-C: while a kernel runs, the first one asks it to stop; at any other time, and the second time, the process ends.

use std::sync::atomic::{AtomicBool, Ordering};

use kjit::{Engine, InterruptHandle};

use crate::exit::Exit;

static IS_RUNNING: AtomicBool = AtomicBool::new(false);
static IS_ASKED: AtomicBool = AtomicBool::new(false);
static HANDLE: std::sync::Mutex<Option<InterruptHandle>> = std::sync::Mutex::new(None);

/// Stops this engine's calls on Ctrl-C.
pub(crate) fn install(engine: &Engine) {
    let lock = || HANDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if lock().replace(engine.interrupt_handle()).is_some() {
        return;
    }
    // Without a handler Ctrl-C ends the process, which is good enough.
    let _ = ctrlc::set_handler(move || {
        if !IS_RUNNING.load(Ordering::SeqCst) || IS_ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
        if let Some(handle) = &*lock() {
            handle.interrupt();
        }
    });
}

/// Runs a call that may be interrupted.
pub(crate) fn during<T>(call: impl FnOnce() -> T) -> T {
    IS_RUNNING.store(true, Ordering::SeqCst);
    let result = call();
    IS_RUNNING.store(false, Ordering::SeqCst);
    result
}
