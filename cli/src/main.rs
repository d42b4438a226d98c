//! The kjit command line: arguments in, results on standard output, everything else on standard error.

mod args;
mod bind;
mod commands;
mod embedded;
mod exit;
mod files;
mod generate;
mod image;
mod interrupt;
mod literal;
mod output;
mod source;
mod summary;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{ErrorFormat, Exit, Failure, Outcome};

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(with_run(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and versions go to standard output with code 0, mistakes to standard error with code 2.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            if error.use_stderr()
                && wants_json(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()))
            {
                let text = error.render().to_string();
                let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                exit::report(&Failure::usage(line), ErrorFormat::Json);
            } else {
                let _ = error.print();
            }
            return ExitCode::from(code as u8);
        }
    };
    let format = cli.error_format;
    std::panic::set_hook(Box::new(|panic| {
        let place =
            panic.location().map_or(String::new(), |place| format!(" at {}:{}", place.file(), place.line()));
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        exit::note(&format!("internal error in kjit{place} (please report it): {text}"));
    }));
    let work = std::panic::AssertUnwindSafe(|| run(cli.command, format));
    let exit = match std::panic::catch_unwind(work) {
        Ok(Ok(())) => Exit::Ok,
        Ok(Err(failure)) => {
            // What the kernel printed comes before what is said of its end.
            let _ = output::flush();
            exit::report(&failure, format)
        }
        Err(_) => Exit::Internal,
    };
    ExitCode::from(exit as u8)
}

fn run(command: Command, format: exit::ErrorFormat) -> Outcome {
    match command {
        Command::Run(args) => commands::run::run(&args, format),
        Command::Check(args) => commands::check::check(&args, format),
        Command::Emit(args) => commands::emit::emit(&args, format),
        Command::Annotate(args) => commands::annotate::annotate(&args, format),
        Command::Bench(args) => commands::bench::bench(&args, format),
        Command::Explain { code } => commands::explain::explain(code.as_deref()),
        Command::Cache { action } => commands::cache::cache(&action),
        Command::Doctor { json } => commands::doctor::doctor(json),
        Command::Examples { name, write } => commands::examples::examples(name.as_deref(), write.as_deref()),
        Command::Completions { shell } => commands::completions::completions(shell),
    }
}

/// Was `--error-format json` on a command line that is not understood otherwise?
fn wants_json(args: impl Iterator<Item = String>) -> bool {
    let args: Vec<String> = args.collect();
    args.iter().any(|arg| arg == "--error-format=json")
        || args.windows(2).any(|pair| pair[0] == "--error-format" && pair[1] == "json")
}

/// `kjit FILE ...` is `kjit run FILE ...`, options before the file or not.
fn with_run(mut args: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    for arg in args.iter().skip(1) {
        let text = arg.to_string_lossy();
        if Cli::has_command(&text) {
            break;
        }
        if text == "-" || text.ends_with(".k") || text.ends_with(".py") {
            args.insert(1, "run".into());
            break;
        }
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_run() {
        let place = |words: &[&str]| {
            let args = std::iter::once(&"kjit").chain(words).map(Into::into).collect();
            with_run(args).iter().position(|arg| arg == "run")
        };
        assert_eq!(place(&["a.k", "n=1"]), Some(1));
        assert_eq!(place(&["-"]), Some(1));
        assert_eq!(place(&["--error-format", "json", "a.py"]), Some(1));
        assert_eq!(place(&["check", "a.k"]), None);
        assert_eq!(place(&["--help"]), None);
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
