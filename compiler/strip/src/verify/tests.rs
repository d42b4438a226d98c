//! Each rule broken once, in text.

use crate::testing::well_formed;
use crate::text::parse_strip;
use crate::verify;

const GOOD: &str = r#"strip "good" words 6 {
  setup {
    v0: int = word 0
    v1: int = 8
    v2: f64 = 0.0
    v3: int = 70
    v4: i64 = 1
  }
  carried {
    v5: f64 = v2 next v20 add word 2
  }
  body {
    v10: f64 = load f64 [v0]
    v11: mask = v10 < v2
    fault v11
    v12: int = v0 << v1
    v13: test = v12 < v1
    loop (v14: int = v12) {
      v15: test = v14 < v3
      v16: int = v14 + v1
      while v15
      v17: int = v16 + v1
      next (v17)
    } -> (v18)
    if v13 {
      v19: f64 = v10 * v10
      give (v19)
    } else {
      give (v2)
    } -> (v20: f64)
    store f64 [v0] = v20 if v11
  }
}
"#;

/// The violations after one replacement, one per line.
#[track_caller]
fn broken(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let strip = parse_strip(&GOOD.replacen(from, to, 1)).unwrap_or_else(|error| panic!("{error}"));
    let violations = verify(&strip).unwrap_err();
    violations
        .iter()
        .map(|violation| format!("{} {}", violation.rule, violation.text))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_original_is_good() {
    well_formed(GOOD);
}

#[test]
fn s1_definitions() {
    assert_eq!(broken("fault v11", "fault v21"), "S1 v21, mask of a fault, is not defined before");
    assert_eq!(broken("load f64 [v0]", "load f64 [v12]"), "S1 v12, operand of v10, is not defined before");
    assert_eq!(
        broken("v12: int = v0 << v1", "v12: int = v0 << v1\n v12: int = 3"),
        "S1 v12 is defined twice"
    );
    assert_eq!(broken("[v0] = v20", "[v0] = v19"), "S1 v19, stored value, is out of scope");
    assert_eq!(broken("[v0] = v20", "[v17] = v20"), "S1 v17, operand of a store of v20, is out of scope");
    assert_eq!(broken("give (v2)", "give (v19)"), "S1 v19, result of a branch, is out of scope");
    assert_eq!(broken("next v20", "next v19"), "S1 v19, next value of a carried value, is out of scope");
}

#[test]
fn s2_types() {
    assert_eq!(broken("fault v11", "fault v10"), "S2 v10, mask of a fault, is F64, not Mask");
    assert_eq!(broken("v10 * v10", "v10 * v4"), "S2 v19 = Binary(Mul, v10, v4): v4 is I64, not F64");
    assert_eq!(broken("v0 << v1", "v0 << v3"), "S2 v12: the count v3 is not a constant below 64");
    assert_eq!(broken("next (v17)", "next (v10)"), "S2 parameter and next value: v14 is Int, v10 is F64");
    assert_eq!(
        broken("load f64 [v0]", "load f32 [v0]"),
        "S2 v10 = Load { elem: F32, place: Line { address: v0, disp: 0, step: One }, mask: None }: it can't be F64"
    );
    assert_eq!(
        broken("store f64 [v0] = v20 if v11", "store f64 [v10] = v20"),
        "S2 store of v20: v10 is F64, not Int"
    );
    assert_eq!(broken("store f64", "store i64"), "S2 v20 is F64, stored as I64");
    assert_eq!(broken("words 6", "words 6 lanes 24"), "S2 24 lanes are not a power of two from 16 on");
    assert_eq!(broken("add word 2", "add word 6"), "S2 v5 goes to word 6 of 6");
    assert_eq!(broken("add word 2", "xor word 2"), "S2 v5 is F64, combined by Xor");
    assert_eq!(broken("add word 2", "argmin 0 word 2"), "S2 v5 has no companion number 0");
    assert_eq!(
        broken("add word 2", "companion word 2"),
        "S2 0 values have v5 as their companion\nS2 v5 is F64, combined by Companion"
    );
    assert_eq!(broken("word 0\n", "word 7\n"), "S2 v0 = Word(7): the frame has 6 words");
}

#[test]
fn s3_faults_before_stores() {
    assert_eq!(
        broken("if v13", "store f64 [v0] = v2\n fault v11\n if v13"),
        "S3 the fault of v11 comes after a store"
    );
    assert_eq!(
        broken("v17: int", "fault v11\n store f64 [v0] = v2\n v17: int"),
        "S3 the fault of v11 stands in a loop that stores"
    );
}

#[test]
fn s4_setup() {
    assert_eq!(broken("v3: int = 70", "v3: int = first"), "S4 v3: `first` in the setup");
    assert_eq!(broken("v3: int = 70", "v3: int = load i8 [v0]"), "S4 v3: a load in the setup");
    assert_eq!(
        broken("v3: int = 70", "v3: int = 70\n store f64 [v0] = v2"),
        "S4 a store in the setup\nS3 the fault of v11 comes after a store"
    );
}

#[test]
fn s5_small_lanes() {
    let text = |carried: &str, line: &str| {
        let text = format!(
            "strip \"small\" words 3 {{\n setup {{\n v0: int = word 0\n v1: i16 = 7\n }}\n{carried} body {{\n v3: i16 = load u8 [v0]\n{line}\n store u8 [v0] = v3\n }}\n}}\n"
        );
        let strip = parse_strip(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let found = verify(&strip).map_or_else(|found| found, |()| vec![]);
        found.iter().map(|v| format!("{} {}", v.rule, v.text)).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(text("", " v4: i16 = v3 * v1"), "");
    assert_eq!(text("", " v4: f64 = 1.0"), "S5 v4 is F64, with lanes of 2 bytes");
    assert_eq!(
        text("", " v4: i16 = load i16 [v0 step 0]").split(',').next(),
        Some("S5 an access to Line { address: v0")
    );
    assert_eq!(
        text(" carried {\n v2: i16 = v1 next v3 max word 1\n }\n", ""),
        "S5 carried values or pinned lanes, with lanes of 2 bytes"
    );
    assert_eq!(text("", " v4: i16 = v3 << v1"), "S2 v4 = Binary(Shl, v3, v1): it can't be I16");
    assert_eq!(text("", " v4: i16 = v3 << 16"), "S2 v4 = Shift(Shl, v3, 16): it can't be I16");
}

#[test]
fn updates_and_sums_in_order() {
    let update = "    update f64 [v0] add v20 if v11\n  }\n}\n";
    let good = GOOD.replacen("  }\n}\n", update, 1);
    well_formed(&good);
    let violations = |text: &str| -> String {
        let strip = parse_strip(text).unwrap_or_else(|error| panic!("{error}"));
        let found = verify(&strip).unwrap_err();
        found.iter().map(|v| format!("{} {}", v.rule, v.text)).collect::<Vec<_>>().join("\n")
    };
    let of = |from: &str, to: &str| violations(&good.replacen(from, to, 1));
    assert_eq!(
        of("update f64 [v0] add v20", "update f64 [v0] xor v20"),
        "S2 v20 is F64, in an update Xor of F64"
    );
    assert_eq!(
        of("update f64 [v0] add v20", "update i64 [v0] add v20"),
        "S2 v20 is F64, in an update Add of I64"
    );
    assert_eq!(
        of("update f64 [v0] add v20", "update bool [v0] or v11"),
        "S2 v11 is Mask, in an update Or of Bool"
    );
    assert_eq!(
        of("    fault v11\n", "    update i8 [v0] max v4\n    fault v11\n"),
        "S3 the fault of v11 comes after a store"
    );
    // What takes the lanes in order is no value of the body, and a float.
    let in_order = GOOD.replacen("next v20 add word", "next v20 add_in_order word", 1);
    well_formed(&in_order);
    let read = in_order.replacen("v10 * v10", "v10 * v5", 1);
    assert!(violations(&read).starts_with("S1 v5, operand of v19"), "{}", violations(&read));
    let whole = in_order.replacen("v5: f64 = v2 next v20", "v5: i64 = v4 next v4", 1);
    assert_eq!(violations(&whole), "S2 v5 is I64, combined by AddInOrder");
    let again = in_order.replacen("words 6", "words 6 repeatable", 1);
    assert!(violations(&again).starts_with("S2 lanes that are pinned, or sums"), "{}", violations(&again));
}
