//! Builds the trees that CPython builds.
//!
//! `trees.txt` holds sources and their trees, which were printed from the syntax trees of CPython 3.11.

use super::super::{parse, print::print_ast};

#[test]
fn as_cpython() {
    let mut count = 0;
    for part in include_str!("trees.txt").split("--- source\n").skip(1) {
        let (source, tree) = part.split_once("--- tree\n").expect("a tree after the source");
        let (ast, diagnostics) = parse(source);
        assert!(diagnostics.is_empty(), "{source}\n{diagnostics:?}");
        assert_eq!(print_ast(&ast), tree, "{source}");
        count += 1;
    }
    assert!(count > 200);
}
