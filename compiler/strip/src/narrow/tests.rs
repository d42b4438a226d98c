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
