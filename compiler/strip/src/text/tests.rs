//! Every form once; errors say where.

use super::{parse_strip, print_strip};
use crate::testing::well_formed;

const ALL: &str = r#"strip "all forms" words 9 lanes 32 {
  table0 = [0x3ff0000000000000, 0x0]
  setup {
    v0: int = word 0
    v1: f64 = word 1
    v2: int = 3
    v3: f64 = 1.5
    v4: f64 = -inf
    v5: f32 = nan
    v6: f64 = 0x7ff8000000000001
    v7: i32 = -7
    v8: i64 = -9223372036854775808
    v9: mask = true
    v10: f64 = 1e-300
    v11: f64 = -0.0
    v12: i64 = 9
    v13: f64 = inf
    v14: f32 = 0.1
  }
  carried {
    v20: f64 = v3 next v55 add word 2
    v21: f64 = v3 next v21 argmin 2 word 3
    v22: i64 = v12 next v22 companion word 4
    v23: mask = v9 next v23 or word 5
  }
  body {
    v30: int = first
    v31: int = v30 << v2
    v32: int = v0 + v31
    v33: int = min(v32, v30)
    v34: test = v33 <= v30
    v35: mask = broadcast(v34)
    v36: i64 = broadcast(v33)
    v37: int = load u16 [v32 - 2]
    v38: mask = active
    v39: i32 = lane
    v40: i64 = v36 & v12
    v41: f64 = table0[v40]
    v42: f64 = load f64 [v32 + 8] if v35
    v43: f32 = load f32 [v32 step 0]
    v44: i64 = load u8 [v32 - 4 step v2]
    v45: mask = load bool [v0 + v44 + 16]
    v46: i64 = v44 >>> 7
    v47: i64 = v44 >>> v46
    v48: i64 = v44 >> v46
    v49: i64 = v47 &~ v48
    v50: f64 = mul_sub(v41, v42, v3)
    v51: f64 = -v50
    v52: i64 = ~v49
    v53: f64 = sqrt(v51)
    v54: mask = v53 != v51
    v55: f64 = select(v54, v53, v20)
    v56: i64 = bits(v55)
    v57: f64 = max(v55, v53)
    v58: mask = v54 ^ v45
    fault v58
    v59: test = any(v58)
    loop (v60: f64 = v57, v61: int = v30) {
      v62: test = v61 < v33
      while v62
      v63: int = v61 + v2
      v64: f64 = v60 * v60
      next (v64, v63)
    } -> (v65, v66)
    if v59 {
      store f64 [v32] = v65
      give (v65)
    } else {
      give (v57)
    } -> (v67: f64)
    loop () {
      while v59
      next ()
    } -> ()
    store f64 [v0 + v44] = v67 if v54
    store bool [v32 step v2] = v58
  }
}
"#;

#[test]
fn every_form_is_read_and_written() {
    assert_eq!(print_strip(&well_formed(ALL)), ALL);
}

#[test]
fn errors_name_the_line() {
    let error = |from: &str, to: &str| {
        let text = ALL.replacen(from, to, 1);
        assert_ne!(text, ALL, "{from}");
        parse_strip(&text).map(|strip| print_strip(&strip)).unwrap_err().to_string()
    };
    assert_eq!(error("= first", "= last"), "line 27: `(` expected, found Newline");
    assert_eq!(error("v2: int = 3", "v2: int = 3.5"), "line 6: 3.5 is no constant of type int");
    assert_eq!(error("v60 * v60", "v60 ** v60"), "line 62: a value expected, found Punct(\"*\")");
    assert_eq!(error("v36 & v12", "v36 == v12"), "line 37: `==` does not give i64");
    assert_eq!(
        error("next (v64, v63)", "next (v64)"),
        "line 64: 2 parameters need as many next values and results"
    );
    assert_eq!(error("v0: int", "v99999999: int"), "line 4: a value expected, found `v99999999`");
    assert_eq!(error("table0 =", "table1 ="), "line 2: tables are numbered in order");
    assert_eq!(error("[v32 - 2]", "[v32 - 3000000000]"), "line 34: a displacement has 32 bits");
    assert_eq!(error("= active", "= active active"), "line 35: one instruction per line");
    assert_eq!(error("\"all forms\"", "\"all forms"), "line 1: a text without end");
}

#[test]
fn nothing_panics() {
    for end in 0..ALL.len() {
        let _ = parse_strip(&ALL[..end]);
        let _ = parse_strip(&ALL[end..]);
    }
    assert!(parse_strip("strip \"\" words 0 {\n body {\n").is_err());
    let deep = format!("strip \"\" words 0 {{ body {{\n{}", "if v0 {\n".repeat(100_000));
    assert_eq!(parse_strip(&deep).unwrap_err().text, "too deep");
}
