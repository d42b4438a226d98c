//! Strips before and after, as text.

use super::narrow;
use crate::text::{parse_strip, print_strip};
use crate::verify;

/// The body after narrowing, without its indentation.
fn body(text: &str) -> Vec<String> {
    let strip = parse_strip(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(verify(&strip), Ok(()), "{text}");
    let narrowed = narrow(&strip);
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
