//! Exit codes, and errors on their way to standard error.

use std::io::{IsTerminal, Write};

use kjit::{Code, CompileError, Diagnostic, Error};
use kjit_compiler::base::render::{self, Style};

/// What the process tells its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Everything went well.
    Ok = 0,
    /// The kernel's source or the kernel itself is at fault.
    Program = 1,
    /// The command line is at fault.
    Usage = 2,
    /// Data is at fault: a file, a shape, a type of an argument.
    Data = 3,
    /// The machine is at fault: no memory, no threads, no GPU.
    Environment = 4,
    /// kjit is at fault.
    Internal = 101,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// A failure with its exit code, already in words.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One line, or rendered diagnostics.
    pub(crate) report: Report,
}

/// What is printed of a failure.
#[derive(Debug)]
pub(crate) enum Report {
    /// One clear line.
    Line(String),
    /// Diagnostics with their source.
    Diagnostics(Box<CompileError>),
    /// Nothing: it has been said already, or nobody listens.
    Silent,
}

pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn usage(line: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, report: Report::Line(line.into()) }
    }

    pub(crate) fn data(line: impl Into<String>) -> Failure {
        Failure { exit: Exit::Data, report: Report::Line(line.into()) }
    }

    pub(crate) fn environment(line: impl Into<String>) -> Failure {
        Failure { exit: Exit::Environment, report: Report::Line(line.into()) }
    }

    pub(crate) fn silent(exit: Exit) -> Failure {
        Failure { exit, report: Report::Silent }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        if let Some((diagnostics, source, file)) = error.diagnostics() {
            let exit = exit_of(&diagnostics);
            let report = Report::Diagnostics(Box::new(CompileError { diagnostics, source, file }));
            return Failure { exit, report };
        }
        let exit = match &error {
            Error::Compile(_) | Error::Trap(_) | Error::StepLimit => Exit::Program,
            Error::UnknownKernel { .. } => Exit::Usage,
            Error::Argument(_) | Error::File { .. } => Exit::Data,
            Error::Interrupted => Exit::Interrupted,
            Error::OutOfMemory | Error::Environment(_) | Error::GpuUnavailable(_) | Error::Gpu(_) => {
                Exit::Environment
            }
            _ => Exit::Internal,
        };
        Failure { exit, report: Report::Line(error.to_string()) }
    }
}

/// Whose fault errors of a program are.
fn exit_of(diagnostics: &[Diagnostic]) -> Exit {
    let has = |code| diagnostics.iter().any(|diagnostic| diagnostic.is_error() && diagnostic.code == code);
    let is_all_files =
        || diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).all(|d| d.code == Code::K716);
    if has(Code::K901) {
        Exit::Internal
    } else if is_all_files() {
        Exit::Data
    } else {
        Exit::Program
    }
}

impl From<std::io::Error> for Failure {
    /// Of writing to standard output: a closed pipe is no failure to speak of.
    fn from(error: std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::silent(Exit::Ok);
        }
        Failure::environment(format!("cannot write: {error}"))
    }
}

/// How diagnostics are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum ErrorFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Prints to standard error; a closed one is nobody's problem.
pub(crate) fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints diagnostics to standard error.
pub(crate) fn show_diagnostics(diagnostics: &[Diagnostic], source: &str, file: &str, format: ErrorFormat) {
    match format {
        ErrorFormat::Text => {
            let style = if uses_color() { Style::Color } else { Style::Plain };
            note(render::render(diagnostics, source, file, style).trim_end());
        }
        ErrorFormat::Json => {
            for diagnostic in render::to_json(diagnostics, source, file) {
                note(&serde_json::to_string(&diagnostic).unwrap_or_default());
            }
        }
    }
}

/// Says what went wrong and returns the code to exit with.
pub(crate) fn report(failure: &Failure, format: ErrorFormat) -> Exit {
    match (&failure.report, format) {
        (Report::Silent, _) => {}
        (Report::Diagnostics(error), format) => {
            show_diagnostics(&error.diagnostics, &error.source, &error.file, format);
        }
        (Report::Line(line), ErrorFormat::Text) => note(&format!("error: {line}")),
        (Report::Line(line), ErrorFormat::Json) => {
            note(&serde_json::json!({ "severity": "error", "message": line }).to_string());
        }
    }
    failure.exit
}

/// Is colour wanted on standard error?
fn uses_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
}
