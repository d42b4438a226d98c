//! Strips before and after, as text.

use super::narrow;
use crate::testing::well_formed;
use crate::text::print_strip;
use crate::verify;

/// The body after narrowing, without its indentation.
fn body(text: &str) -> Vec<String> {
    let narrowed = narrow(&well_formed(text));
    let after = print_strip(&narrowed);
    assert_eq!(verify(&narrowed), Ok(()), "{after}");
    let lines = after.lines().map(str::trim).skip_while(|&line| line != "body {").skip(1);
    lines.take_while(|&line| line != "}").map(str::to_owned).collect()
}

#[test]
fn a_mean_of_bytes_needs_no_doubles() {
    let found = body(
        r#"strip "mean" words 2 {
  setup {
    v1: int = word 0
    v2: int = word 1
    v3: f64 = 9.0
    v4: i64 = 1125899906842624
    v5: i64 = 255
  }
  body {
    v6: int = first
    v7: int = v1 + v6
    v8: i64 = load u8 [v7]
    v9: i64 = load u8 [v7 + 1]
    v10: i64 = v8 + v9
    v11: i64 = abs(v10)
    v12: mask = v11 >= v4
    fault v12
    v13: f64 = small_to_float(v10)
    v14: f64 = v13 / v3
    v15: f64 = floor(v14)
    v16: i64 = whole_to_int(v15)
    v17: i64 = v16 & v5
    v18: int = v2 + v6
    store u8 [v18] = v17
  }
}
"#,
    );
    // 57 / 2^9 is just above 1 / 9, near enough for numbers up to 510.
    assert_eq!(
        found,
        [
            "v6: int = first",
            "v7: int = v1 + v6",
            "v8: i32 = load u8 [v7]",
            "v9: i32 = load u8 [v7 + 1]",
            "v10: i32 = v8 + v9",
            "v23: i32 = v10 * v22",
            "v16: i32 = v23 >>> 9",
            "v18: int = v2 + v6",
            "store u8 [v18] = v16",
        ]
    );
}

#[test]
fn sums_of_rounds_fit_if_the_rounds_are_counted() {
    let text = |rounds: &str| {
        format!(
            r#"strip "sum" words 3 {{
  setup {{
    v1: int = word 0
    v2: int = word 1
    v3: i64 = 0
    v4: int = 0
    v5: int = 1
    v6: int = {rounds}
  }}
  body {{
    v7: int = first
    v8: int = v1 + v7
    loop (v9: i64 = v3, v10: int = v4) {{
      v11: test = v10 < v6
      while v11
      v12: int = v8 + v10
      v13: i64 = load u8 [v12]
      v14: i64 = v9 + v13
      v15: i64 = max(v14, v13)
      v16: int = v10 + v5
      next (v15, v16)
    }} -> (v17, v18)
    v19: i64 = abs(v17)
    v20: int = v2 + v7
    store u16 [v20] = v19
  }}
}}
"#
        )
    };
    let straight = body(&text("3"));
    assert!(straight.iter().all(|line| !line.contains("loop") && !line.contains("i64")), "{straight:#?}");
    let counted = body(&text("20"));
    assert!(counted.contains(&"v14: i32 = v9 + v13".to_owned()), "{counted:#?}");
    assert!(counted.contains(&"v19: i32 = abs(v17)".to_owned()), "{counted:#?}");
    // Nobody knows how often: the parameter may be any number, as far as ranges tell. `max` and `abs` have to see it all.
    let unknown = body(&text("word 2"));
    assert!(unknown.contains(&"v15: i64 = max(v14, v13)".to_owned()), "{unknown:#?}");
    assert!(unknown.contains(&"v19: i64 = abs(v17)".to_owned()), "{unknown:#?}");
}

#[test]
fn low_halves_of_sums_and_products_are_enough_for_narrow_stores() {
    let text = |elem: &str| {
        format!(
            r#"strip "product" words 2 {{
  setup {{
    v1: int = word 0
    v2: int = word 1
  }}
  body {{
    v3: i64 = load i32 [v1]
    v4: i64 = load i32 [v1 + 4]
    v5: i64 = v3 * v4
    v6: i64 = v5 - v3
    store {elem} [v2] = v6
  }}
}}
"#
        )
    };
    assert_eq!(
        body(&text("i32"))[..4],
        ["v3: i32 = load i32 [v1]", "v4: i32 = load i32 [v1 + 4]", "v5: i32 = v3 * v4", "v6: i32 = v5 - v3"]
    );
    assert_eq!(body(&text("i64"))[2], "v5: i64 = v3 * v4");
}

#[test]
fn remainders_and_halves_of_16_bits() {
    let found = body(
        r#"strip "remainder" words 2 {
  setup {
    v1: int = word 0
    v2: int = word 1
    v3: f64 = 10.0
  }
  body {
    v4: i64 = load i16 [v1]
    v5: f64 = small_to_float(v4)
    v6: f64 = v5 / v3
    v7: f64 = floor(v6)
    v8: f64 = v7 * v3
    v9: f64 = v5 - v8
    v10: i64 = whole_to_int(v9)
    v11: i64 = v4 << 48
    v12: i64 = v11 >> 48
    v13: i64 = v10 + v12
    store i16 [v2] = v13
  }
}
"#,
    );
    assert!(found.iter().all(|line| !line.contains("f64") && !line.contains("i64")), "{found:#?}");
}

#[test]
fn what_is_read_in_64_bits_stays() {
    // One load, one address: nothing is saved.
    let found = body(
        r#"strip "gather" words 3 {
  setup {
    v1: int = word 0
    v2: int = word 1
    v3: int = word 2
  }
  body {
    v4: i64 = load i32 [v1]
    v5: i64 = v4 << 3
    v6: f64 = load f64 [v2 + v5]
    store f64 [v3] = v6
  }
}
"#,
    );
    assert_eq!(found[0], "v4: i64 = load i32 [v1]");
}

/// The body with lanes of 8 or 16 bits.
fn small_body(text: &str) -> Vec<String> {
    let narrowed = super::narrow_most(&well_formed(text));
    let after = print_strip(&narrowed);
    assert_eq!(verify(&narrowed), Ok(()), "{after}");
    let lines = after.lines().map(str::trim).skip_while(|&line| line != "body {").skip(1);
    lines.take_while(|&line| line != "}").map(str::to_owned).collect()
}

/// `out[i] = (x[i] OP y[i]) ...` over bytes, with the constants 8, 255, 9.0 and -5000.
fn of_bytes(lines: &str, result: &str) -> String {
    format!(
        r#"strip "bytes" words 4 repeatable {{
  setup {{
    v0: int = word 0
    v1: int = word 1
    v2: int = word 2
    v3: i64 = 255
    v4: f64 = 9.0
    v5: i64 = -5000
    v6: int = word 3
    v7: i64 = broadcast(v6)
  }}
  body {{
    v10: int = first
    v11: int = v0 + v10
    v12: i64 = load u8 [v11]
    v13: int = v1 + v10
    v14: i64 = load u8 [v13]
{lines}
    v60: int = v2 + v10
    store u8 [v60] = {result}
  }}
}}
"#
    )
}

#[test]
fn means_of_bytes_are_high_halves_of_products() {
    let text = of_bytes(
        "v20: i64 = v12 + v14\nv21: f64 = small_to_float(v20)\nv22: f64 = v21 / v4\nv23: f64 = floor(v22)\nv24: i64 = whole_to_int(v23)",
        "v24",
    );
    let found = small_body(&text);
    assert_eq!(
        found[1..5],
        [
            "v11: int = v0 + v10",
            "v12: i16 = load u8 [v11]",
            "v13: int = v1 + v10",
            "v14: i16 = load u8 [v13]"
        ]
    );
    assert!(found.iter().any(|line| line.starts_with("v24: i16 = mul_high(v20, ")), "{found:#?}");
    // Negative numbers are moved up before and down after.
    let text = of_bytes(
        "v20: i64 = v12 + v5\nv21: f64 = small_to_float(v20)\nv22: f64 = v21 / v4\nv23: f64 = floor(v22)\nv24: i64 = whole_to_int(v23)",
        "v24",
    );
    let found = small_body(&text);
    assert!(found.iter().any(|line| line.contains("v24: i16 = v") && line.contains(" - v")), "{found:#?}");
}

#[test]
fn bytes_stay_bytes_where_eight_bits_do() {
    let found =
        small_body(&of_bytes("v20: i64 = v12 & v14\nv21: i64 = v20 ^ v3\nv22: i64 = max(v21, v12)", "v22"));
    assert!(found.contains(&"v22: i8 = max_unsigned(v21, v12)".to_owned()), "{found:#?}");
    // Sums of which only the low bits are stored do, too.
    let found = small_body(&of_bytes("v20: i64 = v12 + v14\nv21: i64 = v20 & v3", "v21"));
    assert!(found.contains(&"v20: i8 = v12 + v14".to_owned()), "{found:#?}");
    // As a number the sum takes nine bits.
    let found = small_body(&of_bytes("v20: i64 = v12 + v14\nv21: i64 = min(v20, v3)", "v21"));
    assert!(found.contains(&"v21: i16 = min(v20, v3)".to_owned()), "{found:#?}");
    let found = small_body(&of_bytes("v20: mask = v12 > v14\nv21: i64 = select(v20, v12, v14)", "v21"));
    assert!(found.iter().any(|line| line.ends_with("^ v61") || line.contains(": i8 = v12 ^ ")), "{found:#?}");
}

#[test]
fn limits_from_outside_are_brought_near() {
    let found = small_body(&of_bytes("v20: mask = v12 > v7\nv21: i64 = select(v20, v12, v14)", "v21"));
    assert!(found.contains(&"v21: i8 = select(v20, v12, v14)".to_owned()), "{found:#?}");
    // In 16 bits there is room beside the numbers of bytes.
    let found = small_body(&of_bytes(
        "v19: i64 = v12 + v14\nv20: mask = v12 > v7\nv21: i64 = select(v20, v19, v14)\nv22: i64 = min(v21, v3)",
        "v22",
    ));
    assert!(found.iter().any(|line| line.starts_with("v20: mask = v12 > ")), "{found:#?}");
    // Their sum with something may be anything.
    let found = small_body(&of_bytes("v20: i64 = v12 + v7\nv21: i64 = min(v20, v3)", "v21"));
    assert!(found.contains(&"v21: i64 = min(v20, v3)".to_owned()), "{found:#?}");
}

#[test]
fn numbers_that_just_fit_and_just_do_not() {
    // 255 * 255 = 65025 fits without a sign.
    let products =
        |more: &str| of_bytes(&format!("v20: i64 = v12 * v14\n{more}\nv29: i64 = v28 >> 8"), "v29");
    let found = small_body(&products("v28: i64 = v20 + v12"));
    assert!(found.contains(&"v29: i16 = v28 >>> 8".to_owned()), "{found:#?}");
    let found = small_body(&products("v21: i64 = v20 + v12\nv22: i64 = v21 + v12\nv28: i64 = v22 + v14"));
    assert!(found.contains(&"v29: i32 = v28 >> 8".to_owned()), "{found:#?}");
    // With a sign it does not.
    let found = small_body(&products("v28: i64 = v20 + v5"));
    assert!(found.contains(&"v29: i32 = v28 >> 8".to_owned()), "{found:#?}");
}

#[test]
fn what_takes_a_bit_more_in_between() {
    let found = small_body(&of_bytes("v20: i64 = v12 - v14\nv21: i64 = abs(v20)", "v21"));
    assert!(found.iter().any(|line| line.contains("i8 = max_unsigned(v12, v14)")), "{found:#?}");
    let found = small_body(&of_bytes("v20: i64 = v12 + v14\nv21: i64 = v20 >> 1", "v21"));
    assert!(found.iter().any(|line| line.contains("i8 = v12 ^ v14")), "{found:#?}");
    let up = of_bytes("v20: i64 = v12 + v14\nv21: i64 = v20 + v8\nv22: i64 = v21 >> 1", "v22")
        .replace("v6: int = word 3", "v6: int = word 3\n    v8: i64 = 1");
    assert!(small_body(&up).contains(&"v22: i8 = average(v12, v14)".to_owned()));
    // A limit for bytes that is none of theirs holds for all or for none.
    let text = of_bytes("v20: mask = v12 <= v7\nv21: i64 = select(v20, v12, v14)", "v21");
    let found = small_body(&text);
    assert!(found.contains(&"v21: i8 = select(v20, v12, v14)".to_owned()), "{found:#?}");
}

#[test]
fn arithmetic_of_small_integers_needs_their_low_halves() {
    // `y[i] = x[i] * 3 + y[i]` of `i32`: what brings the sum back into 32 bits is not stored.
    let found = body(
        r#"strip "sum" words 2 {
  setup {
    v1: int = word 0
    v2: int = word 1
    v3: i64 = 3
  }
  body {
    v4: int = first
    v5: int = v1 + v4
    v6: i64 = load i32 [v5]
    v7: i64 = v6 * v3
    v8: int = v2 + v4
    v9: i64 = load i32 [v8]
    v10: i64 = v7 + v9
    v11: i64 = v10 << 32
    v12: i64 = v11 >> 32
    store i32 [v8] = v12
  }
}
"#,
    );
    assert!(found.iter().all(|line| !line.contains("i64")), "{found:#?}");
    assert!(
        found.ends_with(&["v10: i32 = v7 + v9".to_owned(), "store i32 [v8] = v10".to_owned()]),
        "{found:#?}"
    );
}

#[test]
fn unsigned_numbers_are_shifted_without_their_sign() {
    let text = |elem: &str, count: u8| {
        body(&format!(
            r#"strip "hash" words 1 {{
  setup {{
    v1: int = word 0
    v2: i64 = 4294967295
  }}
  body {{
    v3: int = first
    v4: int = v1 + v3
    v5: i64 = load {elem} [v4]
    v6: i64 = v5 >> {count}
    v7: i64 = v5 ^ v6
    v8: i64 = v7 & v2
    store u32 [v4] = v8
  }}
}}
"#
        ))
    };
    assert!(text("u32", 13).contains(&"v6: i32 = v5 >>> 13".to_owned()), "{:#?}", text("u32", 13));
    assert!(text("i32", 13).contains(&"v6: i32 = v5 >> 13".to_owned()), "{:#?}", text("i32", 13));
    // All bits are gone, which no shift of 32 bits does.
    assert!(text("u32", 32).contains(&"v6: i64 = v5 >> 32".to_owned()), "{:#?}", text("u32", 32));
}

#[test]
fn what_a_loop_carries_for_nothing_is_dropped() {
    let found = body(
        r#"strip "rounds" words 2 {
  setup {
    v0: int = word 0
    v1: f64 = 0.5
    v2: f64 = 1.0
    v3: int = 0
    v4: int = 1
    v5: mask = false
    v6: i64 = 0
  }
  body {
    v7: int = first
    v8: int = v0 + v7
    v9: f64 = load f64 [v8]
    loop (v10: f64 = v9, v11: f64 = v9, v12: int = v3, v13: mask = v5, v14: i64 = v6) {
      v15: mask = v10 > v2
      v16: test = any(v15)
      while v16
      v17: f64 = v10 * v1
      v18: f64 = v11 + v17
      v19: int = v12 + v4
      v20: mask = v13 | v15
      v21: i64 = mask_to_int(v15)
      v22: i64 = v14 + v21
      next (v17, v18, v19, v20, v22)
    } -> (v23, v24, v25, v26, v27)
    store i64 [v8] = v27
  }
}
"#,
    );
    assert_eq!(
        found,
        [
            "v7: int = first",
            "v8: int = v0 + v7",
            "v9: f64 = load f64 [v8]",
            "loop (v10: f64 = v9, v14: i64 = v6) {",
            "v15: mask = v10 > v2",
            "v16: test = any(v15)",
            "while v16",
            "v17: f64 = v10 * v1",
            "v21: i64 = mask_to_int(v15)",
            "v22: i64 = v14 + v21",
            "next (v17, v22)",
            "} -> (v23, v27)",
            "store i64 [v8] = v27",
        ]
    );
}
