//! The examples run: they check their own results.

use std::process::Command;

#[test]
fn every_example_runs() {
    // Cargo builds the examples before the tests, beside them.
    let directory = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let mut count = 0;
    for source in sources {
        let name = source.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let output = Command::new(directory.join(&name)).output().unwrap_or_else(|error| {
            panic!("{name}: {error}; `cargo test -p kjit` builds the examples, `--test` alone does not")
        });
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        count += 1;
    }
    assert!(count >= 4);
}
