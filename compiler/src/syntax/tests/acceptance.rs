//! Accepts what CPython accepts, refuses what it refuses.
//!
//! `acceptance.txt` holds sources, each after a line `--- valid` or `--- invalid` as `compile` of CPython 3.11 judged.

use super::super::parse;

#[test]
fn as_cpython() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for part in include_str!("acceptance.txt").split("--- ").skip(1) {
        let (verdict, source) = part.split_once('\n').expect("a line with the verdict");
        let (_, diagnostics) = parse(source);
        // K2xx is Python that kernels do not have.
        let is_as_expected = match verdict {
            "valid" => diagnostics.iter().all(|diagnostic| diagnostic.code.name().starts_with("K2")),
            _ => !diagnostics.is_empty(),
        };
        if !is_as_expected {
            wrong.push(format!("{verdict}, but {diagnostics:?}:\n{source}"));
        }
        count += 1;
    }
    assert!(count > 400);
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
