//! `kjit examples`: the kernel library that the program carries along.

use std::path::Path;

use crate::bind;
use crate::embedded::EXAMPLES;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(crate) fn examples(name: Option<&str>, write: Option<&Path>) -> Outcome {
    if let Some(directory) = write {
        return write_all(directory);
    }
    match name {
        Some(name) => show(name)?,
        None => list()?,
    }
    output::flush()
}

fn list() -> Outcome {
    let width = EXAMPLES.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in EXAMPLES {
        output::line(&format!("{name:width$}  {}", title(text)))?;
    }
    Ok(())
}

/// The first line of the docstring, without the name before the colon.
fn title(text: &str) -> &str {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.trim_start_matches(['"', '#', ' ']).trim_end_matches(['"', '.'])
}

fn show(name: &str) -> Outcome {
    let stem = name.strip_suffix(".k").unwrap_or(name);
    match EXAMPLES.iter().find(|(known, _)| *known == stem) {
        Some((_, text)) => output::write(text),
        None => {
            let names: Vec<String> = EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
            let hint =
                bind::nearest(stem, &names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            Err(Failure::usage(format!("there is no example `{name}`{hint} (`kjit examples` lists them)")))
        }
    }
}

/// Writes all of them, but over no file of the user's.
fn write_all(directory: &Path) -> Outcome {
    let failed = |path: &Path, error: &std::io::Error| Failure::data(format!("{}: {error}", path.display()));
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    for (name, text) in EXAMPLES {
        let path = directory.join(format!("{name}.k"));
        match std::fs::read_to_string(&path) {
            Ok(known) if known == *text => continue,
            Ok(_) => {
                return Err(Failure::data(format!("{} is there already, with another text", path.display())));
            }
            Err(_) => {}
        }
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    output::line(&format!("{} examples in {}", EXAMPLES.len(), directory.display()))?;
    output::flush()
}
