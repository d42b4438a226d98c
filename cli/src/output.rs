//! Standard output: results of commands and lines that kernels print, buffered unless a terminal reads along.

use std::io::{BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::exit::{Exit, Failure, Outcome};

struct Output {
    writer: BufWriter<Stdout>,
    is_terminal: bool,
}

/// Does the run write files, so that it goes on although nobody reads its output?
static HAS_OTHER_RESULTS: AtomicBool = AtomicBool::new(false);

fn output() -> MutexGuard<'static, Output> {
    static OUTPUT: OnceLock<Mutex<Output>> = OnceLock::new();
    let make = || {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        Mutex::new(Output { writer: BufWriter::with_capacity(1 << 14, stdout), is_terminal })
    };
    OUTPUT.get_or_init(make).lock().unwrap_or_else(PoisonError::into_inner)
}

/// The run has results besides its output.
pub(crate) fn keep_running_when_closed() {
    HAS_OTHER_RESULTS.store(true, Ordering::Relaxed);
}

/// Writes text as it is.
pub(crate) fn write(text: &str) -> Outcome {
    let mut output = output();
    output.writer.write_all(text.as_bytes())?;
    if output.is_terminal {
        output.writer.flush()?;
    }
    Ok(())
}

/// Writes a line.
pub(crate) fn line(text: &str) -> Outcome {
    write(&format!("{text}\n"))
}

/// A line that a kernel prints. May be called from any thread.
#[expect(clippy::disallowed_methods, reason = "a kernel whose reader has gone cannot be stopped otherwise")]
pub(crate) fn kernel_line(text: &str) {
    let mut output = output();
    let mut result = output.writer.write_all(text.as_bytes()).and_then(|()| output.writer.write_all(b"\n"));
    if output.is_terminal {
        result = result.and_then(|()| output.writer.flush());
    }
    if let Err(error) = result
        && error.kind() == ErrorKind::BrokenPipe
        && !HAS_OTHER_RESULTS.load(Ordering::Relaxed)
    {
        // Nobody reads, and there is nothing else to do.
        std::process::exit(Exit::Ok as i32);
    }
}

/// Hands everything on. What a closed pipe loses is nobody's loss.
pub(crate) fn flush() -> Result<(), Failure> {
    Ok(output().writer.flush()?)
}
