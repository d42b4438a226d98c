//! Runs the built program in a directory of its own, with a cache of its own.

#![allow(dead_code)] // Not every test file needs everything.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Panics with everything that was said unless the exit code is that one.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Panics unless standard error has that text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "no `{text}` in {self:#?}");
        self
    }
}

/// A directory in which commands are run.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file there.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Place {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    /// The command, to be run in the directory.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kjit"));
        command.args(args).current_dir(self.directory.path()).stdin(Stdio::null());
        command.env("KJIT_CACHE_DIR", self.path("cache")).env_remove("NUMBA_CACHE_DIR").env("NO_COLOR", "1");
        command.env_remove("KJIT_NUM_THREADS").env_remove("NUMBA_NUM_THREADS");
        command
    }

    /// Runs it to its end.
    pub(crate) fn kjit(&self, args: &[&str]) -> Ran {
        ran(&self.command(args).output().unwrap())
    }

    /// Runs it with that text on standard input.
    pub(crate) fn kjit_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ran(&child.wait_with_output().unwrap())
    }
}

pub(crate) fn ran(output: &Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A kernel of the library.
pub(crate) fn kernel(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels").join(name);
    path.to_string_lossy().into_owned()
}
