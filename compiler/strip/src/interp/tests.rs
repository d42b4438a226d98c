//! Values worked out by hand, or from the IEEE 754 and two's complement definitions.

use super::{Buffers, Error, Settings, run};
use crate::testing::well_formed;

/// The bits that an operation gives for constant operands `a`, `b`, `c`, each written `type literal`.
#[track_caller]
fn bits(ty: &str, op: &str, operands: &[&str]) -> u64 {
    let mut op = format!(" {op} ");
    let mut setup = String::new();
    for (number, (operand, name)) in operands.iter().zip(["a", "b", "c"]).enumerate() {
        let (operand_ty, literal) = operand.split_once(' ').unwrap();
        setup += &format!("v{number}: {operand_ty} = {literal}\n");
        for (open, close) in
            [(' ', ' '), ('(', ')'), ('(', ','), (' ', ','), (' ', ')'), ('-', ' '), ('~', ' ')]
        {
            op = op.replace(&format!("{open}{name}{close}"), &format!("{open}v{number}{close}"));
        }
    }
    let elem = if ty == "mask" { "bool" } else { ty };
    let text = format!(
        "strip \"op\" words 1 {{\nsetup {{\nv8: int = word 0\n{setup}}}\nbody {{\nv9: {ty} = {op}\nstore {elem} [v8] = v9\n}}\n}}"
    );
    let strip = well_formed(&text);
    let mut memory = Buffers::new();
    memory.add(64, vec![0; 8]);
    let settings = Settings { lanes: 4, ..Settings::default() };
    assert_eq!(run(&strip, &mut [64], 1, &settings, &mut memory), Ok(1), "{text}");
    u64::from_le_bytes(memory.bytes(0).try_into().unwrap())
}

#[track_caller]
fn f64_is(op: &str, operands: &[&str], expected: f64) {
    let found = f64::from_bits(bits("f64", op, operands));
    assert!(
        found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
        "{op} of {operands:?}: {found:?}, not {expected:?}"
    );
}

#[track_caller]
fn i64_is(op: &str, operands: &[&str], expected: i64) {
    assert_eq!(bits("i64", op, operands) as i64, expected, "{op} of {operands:?}");
}

#[track_caller]
fn i32_is(op: &str, operands: &[&str], expected: i32) {
    assert_eq!(bits("i32", op, operands) as i32, expected, "{op} of {operands:?}");
}

#[track_caller]
fn mask_is(op: &str, operands: &[&str], expected: bool) {
    assert_eq!(bits("mask", op, operands), u64::from(expected), "{op} of {operands:?}");
}

#[test]
fn floats() {
    f64_is("a + b", &["f64 0.1", "f64 0.2"], 0.300_000_000_000_000_04);
    f64_is("a / b", &["f64 -1.0", "f64 0.0"], f64::NEG_INFINITY);
    f64_is("a - b", &["f64 inf", "f64 inf"], f64::NAN);
    // The second operand, if they are equal or one is no number.
    f64_is("min(a, b)", &["f64 0.0", "f64 -0.0"], -0.0);
    f64_is("max(a, b)", &["f64 -0.0", "f64 0.0"], 0.0);
    f64_is("min(a, b)", &["f64 nan", "f64 3.0"], 3.0);
    f64_is("min(a, b)", &["f64 3.0", "f64 nan"], f64::NAN);
    f64_is("max(a, b)", &["f64 2.0", "f64 -3.0"], 2.0);
    f64_is("-a", &["f64 0.0"], -0.0);
    f64_is("abs(a)", &["f64 -2.5"], 2.5);
    f64_is("sqrt(a)", &["f64 2.0"], std::f64::consts::SQRT_2);
    f64_is("round_even(a)", &["f64 2.5"], 2.0);
    f64_is("round_even(a)", &["f64 -0.5"], -0.0);
    f64_is("floor(a)", &["f64 -1.5"], -2.0);
    f64_is("ceil(a)", &["f64 -1.5"], -1.0);
    f64_is("trunc(a)", &["f64 -1.5"], -1.0);
    // (1 + e)(1 - e) = 1 - e^2 with e = 2^-27: the product alone rounds to 1 - 2^-54 -> tie to even 1.0 in two roundings.
    let (above, below) = ("f64 1.0000000074505806", "f64 0.9999999925494194");
    f64_is("mul_sub(a, b, c)", &[above, below, "f64 1.0"], -(2.0_f64.powi(-54)));
    f64_is("mul_add(a, b, c)", &["f64 3.0", "f64 4.0", "f64 5.0"], 17.0);
    f64_is("neg_mul_add(a, b, c)", &["f64 3.0", "f64 4.0", "f64 5.0"], -7.0);
    assert_eq!(f32::from_bits(bits("f32", "a * b", &["f32 0.1", "f32 0.1"]) as u32), 0.010_000_001);
    assert_eq!(f32::from_bits(bits("f32", "floor(a)", &["f32 -0.5"]) as u32), -1.0);
}

#[test]
fn integers() {
    i64_is("a + b", &["i64 9223372036854775807", "i64 1"], i64::MIN);
    i64_is("a * b", &["i64 4294967296", "i64 4294967297"], 1 << 32);
    i64_is("min(a, b)", &["i64 -1", "i64 1"], -1);
    i64_is("a &~ b", &["i64 12", "i64 10"], 4);
    i64_is("abs(a)", &["i64 -9223372036854775808"], i64::MIN);
    i64_is("~a", &["i64 5"], -6);
    i64_is("-a", &["i64 5"], -5);
    i64_is("a << b", &["i64 1", "i64 63"], i64::MIN);
    i64_is("a << b", &["i64 1", "i64 64"], 0);
    i64_is("a >> b", &["i64 -8", "i64 1"], -4);
    i64_is("a >> b", &["i64 -8", "i64 99"], -1);
    i64_is("a >> b", &["i64 -8", "i64 -1"], -1);
    i64_is("a >>> b", &["i64 -8", "i64 60"], 15);
    i64_is("a >>> b", &["i64 -8", "i64 -1"], 0);
    i64_is("a >>> 60", &["i64 -8"], 15);
    i32_is("a + b", &["i32 2147483647", "i32 1"], i32::MIN);
    i32_is("a * b", &["i32 65537", "i32 65537"], 131_073);
    i32_is("a >>> b", &["i32 -8", "i32 28"], 15);
    i32_is("a >>> b", &["i32 -8", "i32 32"], 0);
    i32_is("a << b", &["i32 3", "i32 31"], i32::MIN);
    i32_is("a >> 31", &["i32 -8"], -1);
    i32_is("max(a, b)", &["i32 -1", "i32 1"], 1);
}

#[test]
fn masks_and_comparisons() {
    mask_is("a < b", &["f64 -0.0", "f64 0.0"], false);
    mask_is("a <= b", &["f64 -0.0", "f64 0.0"], true);
    mask_is("a != b", &["f64 nan", "f64 nan"], true);
    mask_is("a >= b", &["f64 nan", "f64 1.0"], false);
    mask_is("a < b", &["i32 -1", "i32 0"], true);
    mask_is("a > b", &["i64 -1", "i64 0"], false);
    mask_is("~a", &["mask true"], false);
    mask_is("a &~ b", &["mask true", "mask false"], true);
    mask_is("a ^ b", &["mask true", "mask true"], false);
    mask_is("select(a, b, c)", &["mask true", "mask false", "mask true"], false);
    f64_is("select(a, b, c)", &["mask false", "f64 1.0", "f64 2.0"], 2.0);
    i32_is("mask_to_int(a)", &["mask true"], 1);
}

#[test]
fn conversions() {
    f64_is("widen(a)", &["f32 0.1"], 0.100_000_001_490_116_12);
    assert_eq!(f32::from_bits(bits("f32", "narrow(a)", &["f64 1e300"]) as u32), f32::INFINITY);
    f64_is("int_to_float(a)", &["i64 9007199254740993"], 9_007_199_254_740_992.0);
    // 2^60 + 2^36 + 1 is nearer to 2^60 + 2^37; rounded to a double first it would be a tie and go down to 2^60.
    let single = bits("f32", "int_to_float(a)", &["i64 1152921573326323713"]);
    assert_eq!(f64::from(f32::from_bits(single as u32)), 1_152_921_642_045_800_448.0);
    i64_is("float_to_int(a)", &["f64 -1.9"], -1);
    i64_is("float_to_int(a)", &["f64 9223372036854775808.0"], i64::MIN);
    i64_is("float_to_int(a)", &["f64 nan"], i64::MIN);
    i64_is("float_to_int(a)", &["f32 1e30"], i64::MIN);
    i64_is("whole_to_int(a)", &["f64 -12.0"], -12);
    i64_is("sign_extend(a)", &["i32 -1"], -1);
    i64_is("zero_extend(a)", &["i32 -1"], 0xffff_ffff);
    i32_is("truncate(a)", &["i64 4294967295"], -1);
    i64_is("bits(a)", &["f64 1.0"], 0x3ff0_0000_0000_0000);
    assert_eq!(bits("f32", "bits(a)", &["i32 1065353216"]), u64::from(1.0_f32.to_bits()));
}

/// Runs a text with `f64` buffers, whose addresses are the first words; gives what is done, the buffers, the frame.
#[track_caller]
fn call(
    text: &str,
    buffers: &[&[f64]],
    words: &[u64],
    n: u64,
    settings: Settings,
) -> (Result<u64, Error>, Vec<Vec<f64>>, Vec<u64>) {
    let strip = well_formed(text);
    let mut memory = Buffers::new();
    let mut frame: Vec<u64> = buffers
        .iter()
        .map(|items| memory.push(items.iter().flat_map(|item| item.to_le_bytes()).collect()))
        .collect();
    frame.extend(words);
    let done = run(&strip, &mut frame, n, &settings, &mut memory);
    let items = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|item| f64::from_le_bytes(*item)).collect();
    let after = (0..buffers.len()).map(|buffer| items(memory.bytes(buffer))).collect();
    (done, after, frame)
}

fn lanes(lanes: u32) -> Settings {
    Settings { lanes, ..Settings::default() }
}

const ROOTS: &str = r#"strip "y[i] = sqrt(x[i])" words 2 {
  setup {
    v0: int = word 0
    v1: int = word 1
    v2: int = 3
    v3: f64 = 0.0
  }
  body {
    v4: int = first
    v5: int = v4 << v2
    v6: int = v0 + v5
    v7: f64 = load f64 [v6]
    v8: mask = v7 < v3
    fault v8
    v9: f64 = sqrt(v7)
    v10: int = v1 + v5
    store f64 [v10] = v9
  }
}
"#;

#[test]
fn a_fault_stops_before_its_block() {
    let x = [1.0, 4.0, 9.0, 16.0, 25.0, -1.0, 49.0];
    let y = [7.0; 7];
    let run = |settings| {
        let (done, buffers, _) = call(ROOTS, &[&x, &y], &[], 7, settings);
        (done.unwrap(), buffers[1].clone())
    };
    assert_eq!(run(lanes(4)), (4, vec![1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0]));
    assert_eq!(run(lanes(2)), (4, vec![1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0]));
    assert_eq!(run(lanes(1)), (5, vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 7.0]));
    assert_eq!(run(lanes(8)), (0, vec![7.0; 7]));
    assert_eq!(run(Settings { head: Some(1), ..lanes(4) }), (5, vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 7.0]));
    // What is no iteration does not fault.
    let (done, buffers, _) = call(ROOTS, &[&x, &y], &[], 5, lanes(4));
    assert_eq!((done, buffers[1][4]), (Ok(5), 5.0));
}

#[test]
fn memory_outside_is_an_error_of_that_iteration() {
    let (done, _, _) = call(ROOTS, &[&[1.0, 4.0, 9.0], &[0.0; 3]], &[], 4, lanes(2));
    assert_eq!(done, Err(Error::Outside { address: 4096 + 24, bytes: 8, iteration: 3 }));
}

#[test]
fn a_pinned_sum_is_a_tree_over_lanes() {
    // Lane k of 16 holds x[k] + x[k + 16] (the rest is 0); then k with k + 8, k + 4, k + 2, k + 1.
    let text = r#"strip "sum" words 3 lanes 16 {
  setup {
    v0: int = word 0
    v1: f64 = 0.0
    v2: int = 3
  }
  carried {
    v3: f64 = v1 next v8 add word 1
  }
  body {
    v4: int = first
    v5: int = v4 << v2
    v6: int = v0 + v5
    v7: f64 = load f64 [v6]
    v8: f64 = v3 + v7
  }
}
"#;
    let mut x = vec![0.0; 18];
    (x[0], x[1], x[8], x[9], x[16]) = (1e16, 1.0, -1e16, 1.0, 1.0);
    // Lane 0: 1e16 + 1 = 1e16 (to even); with lane 8: 0. Lane 1: 1 + 1 = 2. Sum 2; in order it would be 1 + 1 = 2, or 3 exactly.
    let (done, _, frame) = call(text, &[&x], &[0, 0], 17, lanes(4));
    assert_eq!((done, f64::from_bits(frame[1])), (Ok(17), 2.0));
    let head = Settings { head: Some(3), ..lanes(16) };
    assert_eq!(call(text, &[&x], &[0, 0], 17, head).0, Err(Error::Arguments));
}

#[test]
fn lanes_that_are_not_combined_leave_one_by_one() {
    let text = r#"
strip "each" words 17 lanes 16 {
  setup {
    v0: int = word 0
    v1: f64 = 0.5
    v2: int = 3
  }
  carried {
    v3: f64 = v1 next v8 each word 1
  }
  body {
    v4: int = first
    v5: int = v4 << v2
    v6: int = v0 + v5
    v7: f64 = load f64 [v6]
    v8: f64 = v3 + v7
  }
}
"#;
    let x: Vec<f64> = (0..18).map(f64::from).collect();
    let words = [0; 16];

    let (done, _, frame) = call(text, &[&x], &words, 18, lanes(16));
    assert_eq!(done, Ok(18));
    let sums: Vec<f64> = frame[1..].iter().map(|&word| f64::from_bits(word)).collect();
    // Lanes 0 and 1 have a second element, 16 and 17; all start from 0.5.
    let expected: Vec<f64> =
        (0..16).map(|k| f64::from(k) + 0.5 + if k < 2 { f64::from(k + 16) } else { 0.0 }).collect();
    assert_eq!(sums, expected);
}

#[test]
fn the_first_of_the_smallest_wins() {
    let text = r#"strip "argmin" words 3 {
  setup {
    v0: int = word 0
    v1: f64 = inf
    v2: int = 3
    v3: i64 = 9223372036854775807
  }
  carried {
    v4: f64 = v1 next v15 argmin 1 word 1
    v5: i64 = v3 next v16 companion word 2
  }
  body {
    v6: int = first
    v7: int = v6 << v2
    v8: int = v0 + v7
    v9: f64 = load f64 [v8]
    v10: i64 = broadcast(v6)
    v11: i64 = lane
    v12: i64 = v10 + v11
    v14: mask = v9 < v4
    v15: f64 = select(v14, v9, v4)
    v16: i64 = select(v14, v12, v5)
  }
}
"#;
    for (settings, n) in [(lanes(1), 6), (lanes(2), 6), (lanes(4), 6), (lanes(8), 6), (lanes(16), 6)] {
        let (_, _, frame) = call(text, &[&[3.0, 1.0, 2.0, 1.0, f64::NAN, 1.0]], &[0, 0], n, settings);
        assert_eq!((f64::from_bits(frame[1]), frame[2]), (1.0, 1), "{settings:?}");
    }
    let (_, _, frame) = call(text, &[&[]], &[0, 0], 0, lanes(4));
    assert_eq!((f64::from_bits(frame[1]), frame[2]), (f64::INFINITY, i64::MAX as u64));
}

#[test]
fn loops_run_until_no_lane_goes_on() {
    // How often x[i] can be halved until it is at most 1.
    let text = r#"strip "halvings" words 2 {
  setup {
    v0: int = word 0
    v1: int = 3
    v2: f64 = 1.0
    v3: f64 = 0.5
    v4: f64 = 0.0
  }
  body {
    v5: int = first
    v6: int = v5 << v1
    v7: int = v0 + v6
    v8: f64 = load f64 [v7]
    loop (v9: f64 = v8, v10: f64 = v4) {
      v11: mask = v9 > v2
      v12: test = any(v11)
      while v12
      v13: f64 = v9 * v3
      v14: f64 = v10 + v2
      v15: f64 = select(v11, v13, v9)
      v16: f64 = select(v11, v14, v10)
      next (v15, v16)
    } -> (v17, v18)
    store f64 [v7] = v18
  }
}
"#;
    let x = [1.0, 2.0, 3.0, 1024.0, 0.0, f64::NAN, 5.0];
    for width in [1, 2, 4, 8] {
        let (done, buffers, _) = call(text, &[&x], &[0], 7, lanes(width));
        assert_eq!((done, &buffers[0]), (Ok(7), &vec![0.0, 1.0, 2.0, 10.0, 0.0, 0.0, 3.0]));
    }
    let endless = Settings { max_rounds: 100, ..lanes(4) };
    let (done, _, _) = call(text, &[&[f64::INFINITY]], &[0], 1, endless);
    assert_eq!(done, Err(Error::Rounds));
}

#[test]
fn places() {
    // Reversed, repeated, scattered with a mask; overlapping stores leave the highest lane's value.
    let text = r#"strip "places" words 4 {
  setup {
    v0: int = word 0
    v1: int = word 1
    v2: int = -8
    v3: i64 = 3
    v4: f64 = 2.0
  }
  body {
    v5: f64 = load f64 [v0 + 24 step v2]
    v6: f64 = load f64 [v0 + 8 step 0]
    v7: i64 = lane
    v8: i64 = v7 << 4
    v9: mask = v5 > v4
    v10: f64 = load f64 [v0 + v8 - 16] if v9
    v11: f64 = v5 + v10
    v12: f64 = v11 * v6
    v13: int = load i64 [v0]
    store f64 [v1] = v12
    store f64 [v1 + 32 step 0] = v5
  }
}
"#;
    // Lanes of x reversed: 4, 3, 2, 1; those above 2 load x[lane * 2 - 2]: lane 0 x[-2], lane 1 x[0].
    let text_without_first = text
        .replace(
            "v9: mask = v5 > v4",
            "v9: mask = v5 > v4\n v19: f64 = 4.0\n v20: mask = v5 < v19\n v21: mask = v9 & v20",
        )
        .replace("- 16] if v9", "- 16] if v21");
    let x = [1.0, 2.0, 3.0, 4.0];
    let (done, buffers, _) = call(&text_without_first, &[&x, &[0.0; 5]], &[0, 0], 4, lanes(4));
    assert_eq!((done, &buffers[1]), (Ok(4), &vec![8.0, 8.0, 4.0, 2.0, 1.0]));
    let (done, _, _) = call(text, &[&x, &[0.0; 5]], &[0, 0], 4, lanes(4));
    assert_eq!(done, Err(Error::Outside { address: 4096 - 16, bytes: 8, iteration: 0 }));
}

#[test]
fn branches_and_narrow_elements() {
    let text = r#"strip "narrow" words 2 {
  table0 = [0x64, 0xc8]
  setup {
    v0: int = word 0
    v1: i64 = 1
    v2: i64 = 300
  }
  body {
    v3: int = first
    v4: int = v0 + v3
    v5: i64 = load i8 [v4]
    v6: i64 = v5 & v1
    v7: i64 = table0[v6]
    v8: mask = v5 > v2
    v9: test = any(v8)
    if v9 {
      give (v5)
    } else {
      v10: i64 = v5 + v7
      give (v10)
    } -> (v11: i64)
    store u8 [v4] = v11
  }
}
"#;
    let strip = well_formed(text);
    let mut memory = Buffers::new();
    let x = memory.push(vec![0xff, 2, 100]);
    assert_eq!(run(&strip, &mut [x, 0], 3, &lanes(2), &mut memory), Ok(3));
    // -1 + 200 = 199, 2 + 100 = 102, 100 + 100 = 200
    assert_eq!(memory.bytes(0), [199, 102, 200]);
}
