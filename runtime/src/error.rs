//! Everything that can go wrong, as one type.

use std::sync::Arc;

use kjit_compiler::base::{Code, Diagnostic, Span};

/// Why a source was not compiled, or a call did not succeed. What is large is in a box, since results of calls are moved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The source has errors.
    Compile(Box<CompileError>),
    /// The kernel ended with an error: an index out of range, a zero divisor, a `raise`. Arrays may be partly written.
    Trap(Box<TrapError>),
    /// An argument does not fit the kernel.
    Argument(String),
    /// There is no function of that name.
    UnknownKernel {
        /// The name asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The call was interrupted through an [`crate::InterruptHandle`].
    Interrupted,
    /// There is no memory for an array or for the runtime's own needs.
    OutOfMemory,
    /// The interpreter reached its step limit.
    StepLimit,
    /// A file could not be read or written.
    File {
        /// Its path.
        path: std::path::PathBuf,
        /// Why.
        message: String,
    },
    /// Something outside kjit refused: no threads, no executable memory.
    Environment(String),
    /// There is no GPU to run on.
    GpuUnavailable(Box<crate::gpu::GpuUnavailable>),
    /// Something on the GPU failed: no memory, a lost device.
    Gpu(crate::gpu::GpuError),
    /// A bug in kjit.
    Internal(String),
}

/// Diagnostics with the source they speak of.
#[derive(Clone, Debug)]
pub struct CompileError {
    /// Sorted by place; at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// The source text.
    pub source: Arc<str>,
    /// Its name for messages.
    pub file: Arc<str>,
}

/// A failed check or a raised exception.
#[derive(Clone, Debug)]
pub struct TrapError {
    /// K7xx.
    pub code: Code,
    /// Python's name of the exception: `IndexError`.
    pub exception: String,
    /// What happened: index, array, extent.
    pub message: String,
    /// Where in the source.
    pub span: Span,
    /// 1-based line.
    pub line: usize,
    /// 1-based column.
    pub column: usize,
    /// Where it was met, if on a GPU.
    pub place: Option<Box<DevicePlace>>,
    /// The source text.
    pub source: Arc<str>,
    /// Its name for messages.
    pub file: Arc<str>,
}

/// A thread of a kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DevicePlace {
    /// Number of the GPU.
    pub device: usize,
    /// Its block: x, y, z.
    pub block: [u32; 3],
    /// Its place in the block.
    pub thread: [u32; 3],
    /// How many of these the launch uses, at least 1.
    pub axes: usize,
}

impl DevicePlace {
    /// From numbers that count along x first, in a grid of that many blocks of that many threads.
    pub(crate) fn new(device: usize, numbers: [u32; 2], blocks: [u32; 3], threads: [u32; 3]) -> DevicePlace {
        let at = |number: u32, extents: [u32; 3]| {
            let [x, y, z] = extents.map(|extent| extent.max(1));
            if y == 1 && z == 1 { [number, 0, 0] } else { [number % x, number / x % y, number / x / y] }
        };
        let axes =
            (1..3).rev().find(|&axis| blocks[axis] > 1 || threads[axis] > 1).map_or(1, |axis| axis + 1);
        DevicePlace { device, block: at(numbers[0], blocks), thread: at(numbers[1], threads), axes }
    }
}

impl std::fmt::Display for DevicePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |place: &[u32; 3]| match &place[..self.axes.clamp(1, 3)] {
            [x] => x.to_string(),
            places => format!("({})", places.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
        };
        write!(f, "GPU {}, block {}, thread {}", self.device, show(&self.block), show(&self.thread))
    }
}

impl Error {
    /// The error as diagnostics with their source, if it is about a place in a source.
    #[must_use]
    pub fn diagnostics(&self) -> Option<(Vec<Diagnostic>, Arc<str>, Arc<str>)> {
        match self {
            Error::Compile(error) => {
                Some((error.diagnostics.clone(), Arc::clone(&error.source), Arc::clone(&error.file)))
            }
            Error::Trap(trap) => {
                let message = format!("{}: {}", trap.exception, trap.message);
                let mut diagnostic = Diagnostic::error(trap.code, trap.span, message).primary("raised here");
                if let Some(place) = &trap.place {
                    diagnostic = diagnostic.note(format!("met on {place}"));
                }
                Some((vec![diagnostic], Arc::clone(&trap.source), Arc::clone(&trap.file)))
            }
            Error::Argument(_)
            | Error::UnknownKernel { .. }
            | Error::Interrupted
            | Error::OutOfMemory
            | Error::StepLimit
            | Error::File { .. }
            | Error::Environment(_)
            | Error::GpuUnavailable(_)
            | Error::Gpu(_)
            | Error::Internal(_) => None,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Compile(error) => {
                let errors = error.diagnostics.iter().filter(|d| d.is_error());
                for (i, diagnostic) in errors.enumerate() {
                    let (line, column) = diagnostic.primary.span.line_column(&error.source);
                    let newline = if i > 0 { "\n" } else { "" };
                    let (file, code, message) = (&error.file, diagnostic.code, &diagnostic.message);
                    write!(f, "{newline}{file}:{line}:{column}: error[{code}]: {message}")?;
                }
                Ok(())
            }
            Error::Trap(trap) => {
                let TrapError { file, line, column, code, exception, message, .. } = &**trap;
                write!(f, "{file}:{line}:{column}: {exception}[{code}]: {message}")?;
                trap.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
            }
            Error::Argument(message) => f.write_str(message),
            Error::UnknownKernel { name, known } => {
                write!(f, "no function `{name}`; there are: {}", known.join(", "))
            }
            Error::Interrupted => f.write_str("interrupted"),
            Error::OutOfMemory => f.write_str("out of memory"),
            Error::StepLimit => f.write_str("the interpreter reached its step limit"),
            Error::File { path, message } => write!(f, "{}: {message}", path.display()),
            Error::Environment(message) => f.write_str(message),
            Error::GpuUnavailable(why) => write!(f, "no GPU to run on: {why}"),
            Error::Gpu(error) => write!(f, "{error}"),
            Error::Internal(message) => write!(f, "internal error in kjit (please report it): {message}"),
        }
    }
}

impl std::error::Error for Error {}
