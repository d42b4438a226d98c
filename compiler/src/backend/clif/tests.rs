//! What can be told from the code without running it: that everything compiles, relocates to nothing, and that inner
//! loops are as short as they should be. The tests that run code are the runtime's.

use super::*;
use crate::base::target::Tier;
use crate::ir::text::parse_program;
use crate::ir::verify;
use crate::types::Ty;

fn host_like() -> Target {
    let features = ["has_avx", "has_avx2", "has_fma", "has_sse3", "has_sse41", "has_sse42", "has_ssse3"];
    Target {
        triple: "x86_64-unknown-linux-gnu".into(),
        features: features.map(String::from).to_vec(),
        tier: Tier::Scalar,
    }
}

fn baseline() -> Target {
    Target { triple: "x86_64-unknown-linux-gnu".into(), features: Vec::new(), tier: Tier::Scalar }
}

fn compile_text(text: &str, target: &Target) -> Artifact {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(verify(&program), Ok(()));
    let signature = Signature {
        name: "f".into(),
        params: Vec::new(),
        ret: Ty::None,
        writes: Vec::new(),
        ret_names: Vec::new(),
    };
    compile(&program, signature, target, &mut Scratch::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// Every statement and every kind of expression.
const EVERYTHING: &str = include_str!("../../ir/text/everything.ir");

#[test]
fn every_construct_compiles_on_every_tier() {
    for target in [host_like(), baseline()] {
        let artifact = compile_text(EVERYTHING, &target);
        assert_eq!(artifact.parallels.len(), 1);
        assert_eq!(artifact.parallels[0].env_words, 4 + 1 + 4);
        assert_eq!(artifact.parallels[0].array_reductions[0].env_word, 5);
        assert!(artifact.is_recursive);
    }
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let program = parse_program(EVERYTHING).unwrap();
    let mut scratch = Scratch::new();
    let mut compile = || {
        let signature = compile_text(EVERYTHING, &host_like()).signature;
        compile(&program, signature, &host_like(), &mut scratch).unwrap().code
    };
    assert_eq!(compile(), compile());
}

#[test]
fn an_error_leaves_the_scratch_usable() {
    let mut scratch = Scratch::new();
    let good = parse_program("func f(n: i64) -> i64 {\n  return n\n}\n").unwrap();
    let bad = parse_program("func f(n: i64) -> i64 {\n  n = n + 1\n}\n").unwrap();
    let signature = compile_text(EVERYTHING, &host_like()).signature;
    assert!(compile(&bad, signature.clone(), &host_like(), &mut scratch).is_err());
    assert!(compile(&good, signature.clone(), &host_like(), &mut scratch).is_ok());
    let unknown = Target {
        triple: "x86_64-unknown-linux-gnu".into(),
        features: vec!["has_magic".into()],
        tier: Tier::Scalar,
    };
    assert!(compile(&good, signature.clone(), &unknown, &mut scratch).unwrap_err().contains("has_magic"));
    let unknown = Target { triple: "abacus".into(), features: Vec::new(), tier: Tier::Scalar };
    assert!(compile(&good, signature, &unknown, &mut scratch).is_err());
}

#[test]
fn lines_name_places() {
    let program = parse_program("func f(n: i64) -> i64 {\n  return n * n\n}\n").unwrap();
    let signature = compile_text(EVERYTHING, &host_like()).signature;
    let options = CodegenOptions { lines: true, frame_pointers: true };
    let (artifact, lines) =
        compile_with(&program, signature, &host_like(), &mut Scratch::new(), options).unwrap();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|&(at, _)| (at as usize) < artifact.code.len()));
}

#[test]
fn clif_text_names_functions() {
    let text = print_clif(&parse_program(EVERYTHING).unwrap(), &host_like());
    for part in ["; main (entry)\n", "; body\n", "; pair\n", "brif", "call_indirect"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("error"));
}
