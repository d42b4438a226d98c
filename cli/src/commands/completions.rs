//! `kjit completions`: a script for a shell.

use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::Outcome;
use crate::output;

pub(crate) fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kjit", &mut script);
    output::write(&String::from_utf8_lossy(&script))?;
    output::flush()
}
