//! Embeds the error pages and the example kernels, so that `kjit explain` and `kjit examples` need no files.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by cargo"));
    let mut code = String::new();
    table(&mut code, "PAGES", &manifest.join("../docs/errors"), "md");
    table(&mut code, "EXAMPLES", &manifest.join("../kernels"), "k");
    std::fs::write(out.join("embedded.rs"), code).expect("the build directory is writable");
}

/// A constant slice of (file stem, text), sorted by stem.
fn table(code: &mut String, name: &str, directory: &Path, extension: &str) {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the directory is part of the repository")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    writeln!(code, "pub(crate) const {name}: &[(&str, &str)] = &[").expect("strings can be written");
    for file in files {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = file.canonicalize().expect("it was just listed");
        writeln!(code, "    ({stem:?}, include_str!({:?})),", path.display())
            .expect("strings can be written");
    }
    code.push_str("];\n");
}
