//! Ctrl-C: a running kernel is asked to stop; if it does not within a moment, or if no kernel runs, the process ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kjit::{Engine, InterruptHandle};

use crate::exit::{Exit, note};

/// How long a kernel may take to notice.
const PATIENCE: Duration = Duration::from_millis(500);

static IS_RUNNING: AtomicBool = AtomicBool::new(false);
static HANDLE: std::sync::Mutex<Option<InterruptHandle>> = std::sync::Mutex::new(None);

/// Stops this engine's calls on Ctrl-C.
pub(crate) fn install(engine: &Engine) {
    let lock = || HANDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if lock().replace(engine.interrupt_handle()).is_some() {
        return;
    }
    // Without a handler Ctrl-C ends the process, which is good enough.
    let _ = ctrlc::set_handler(move || {
        if IS_RUNNING.load(Ordering::SeqCst) {
            if let Some(handle) = &*lock() {
                handle.interrupt();
            }
            // The main thread ends the process if the kernel stops; short loops do not look.
            std::thread::sleep(PATIENCE);
        }
        note("error: interrupted");
        leave();
    });
}

/// Ends the process from the thread of the handler.
#[expect(clippy::disallowed_methods, reason = "`main` does not come back: its kernel did not stop in time")]
fn leave() {
    std::process::exit(Exit::Interrupted as i32);
}

/// Runs a call that may be interrupted.
pub(crate) fn during<T>(call: impl FnOnce() -> T) -> T {
    IS_RUNNING.store(true, Ordering::SeqCst);
    let result = call();
    IS_RUNNING.store(false, Ordering::SeqCst);
    result
}
