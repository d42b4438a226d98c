use super::*;
use crate::ir::text::{parse_program, print_program};
use crate::ir::verify;

const TRAP: &str = "trap0 = K703 ZeroDivisionError \"division by zero\"\n\n";
const HEAD: &str =
    "entry func f(a: f64[:, ::1], b: f64[:, ::1], c: f64[:, ::1], r: f64[::1], i: i64, n: i64) {\n";

fn jammed(body: &str) -> (usize, String) {
    let mut program =
        parse_program(&format!("{TRAP}{HEAD}{body}}}\n")).unwrap_or_else(|error| panic!("{error}: {body}"));
    let mut report = PassReport::default();
    jam(&mut program, &mut report);
    assert_eq!(verify(&program), Ok(()), "{body}");
    let text = print_program(&program);
    let text = text.strip_prefix(TRAP).unwrap().strip_prefix(HEAD).unwrap().strip_suffix("}\n").unwrap();
    (report.changes, text.to_owned())
}

fn nest(outer: &str, before: &str, inner: &str, body: &str) -> String {
    format!("  for k in {outer} {{\n{before}    for j in {inner} {{\n{body}    }}\n  }}\n")
}

#[test]
fn sums_stay_in_a_variable() {
    let (count, text) = jammed(&nest(
        "0 .. dim(a, 1)",
        "    x: f64 = a[i, k]\n",
        "0 .. dim(b, 1)",
        "      c[i, j] += x * b[k, j]\n",
    ));
    assert_eq!(count, 1);
    let cond = "(dim(a, 1) >= 4) & not overlaps(a, c) & not overlaps(b, c)";
    let main = "    for k in 0 .. dim(a, 1) - (dim(a, 1) & 3) step 4 {\n      \
                x: f64 = a[i, k]\n      x.2: f64 = a[i, k + 1]\n      x.3: f64 = a[i, k + 2]\n      x.4: f64 = a[i, k + 3]\n      \
                for j in 0 .. dim(b, 1) {\n        %kept: f64 = c[i, j]\n        \
                %kept = %kept + x * b[k, j]\n        %kept = %kept + x.2 * b[k + 1, j]\n        \
                %kept = %kept + x.3 * b[k + 2, j]\n        %kept = %kept + x.4 * b[k + 3, j]\n        \
                c[i, j] = %kept\n      }\n    }\n";
    let rest = "  for k in %from .. dim(a, 1) {\n    x.4 = a[i, k]\n    for j in 0 .. dim(b, 1) {\n      \
                c[i, j] += x.4 * b[k, j]\n    }\n  }\n";
    let from = "    %from = dim(a, 1) - (dim(a, 1) & 3)\n";
    assert_eq!(text, format!("  %from: i64 = 0\n  if {cond} {{\n{main}{from}  }}\n{rest}"));
}

#[test]
fn rows_share_what_all_read() {
    let (count, text) = jammed(&nest(
        "i + 1 .. n",
        "    t: f64 = a[i, i]\n    check t != 0.0 else trap0\n    a[k, i] = a[k, i] / t\n",
        "i + 1 .. n",
        "      a[k, j] += -(a[k, i] * a[i, j])\n",
    ));
    assert_eq!(count, 1);
    assert!(text.starts_with("  %first: i64 = i + 1\n  %end: i64 = n\n  %from: i64 = %first\n"), "{text}");
    assert!(text.contains("if (%end - %first >= 4) & (%first < %end) {\n"), "{text}");
    assert_eq!(text.matches("%shared: f64 = a[i, j]").count(), 1, "{text}");
    assert_eq!(text.matches("* %shared").count(), 4, "{text}");
    // Once in each copy of the nest.
    assert_eq!(text.matches("check").count(), 2, "{text}");
    assert!(text.contains("for k in %from .. %end {\n"), "{text}");
}

#[test]
fn large_bodies_go_two_at_a_time() {
    let term = " + sqrt(x * b[k, j]) * sqrt(x + b[k, j]) - (x * 2.0 + b[k, j]) / (b[k, j] * 3.0 + x)";
    let body = format!("      c[i, j] = c[i, j]{}\n", term.repeat(2));
    let (count, text) = jammed(&nest("0 .. n", "    x: f64 = a[i, k]\n", "0 .. n", &body));
    assert_eq!(count, 1);
    assert!(text.contains("step 2"), "{text}");
    let body = format!("      c[i, j] = c[i, j]{}\n", term.repeat(9));
    assert_eq!(jammed(&nest("0 .. n", "    x: f64 = a[i, k]\n", "0 .. n", &body)).0, 0);
}

#[test]
fn other_nests_stay() {
    let sum = "      c[i, j] += b[k, j]\n";
    for (outer, before, inner, body) in [
        // The inner loop's length changes, or is read from what may change.
        ("0 .. n", "", "0 .. k", sum),
        ("0 .. n", "", "0 .. i64(b[0, 0])", sum),
        // One iteration reads what the one before has stored next to it.
        ("0 .. n", "", "1 .. n", "      c[i, j] += c[i, j - 1] * b[k, j]\n"),
        ("0 .. n", "", "1 .. n", "      c[k, j] = c[i, j] + 1.0\n"),
        ("1 .. n", "", "0 .. n", "      c[k, j] = c[k - 1, j] + r[j]\n"),
        // What an iteration starts with is part of what is summed up.
        ("0 .. n", "    x: f64 = c[i, k]\n", "0 .. n", "      c[i, j] += x * b[k, j]\n"),
        // Nothing that rows have in common.
        ("0 .. n", "", "0 .. n", "      c[k, j] = b[k, j] * 2.0\n"),
        // A column.
        ("0 .. n", "", "0 .. n", "      c[j, i] += b[j, k]\n"),
        // It may fail in some iterations, or after something is stored.
        ("0 .. n", "    check r[k] != 0.0 else trap0\n", "0 .. n", "      c[k, j] = b[k, j] * r[j]\n"),
        ("0 .. n", "    c[k, 0] = 1.0\n    check n != 7 else trap0\n", "1 .. n", "      c[k, j] = r[j]\n"),
        // A variable goes from iteration to iteration.
        ("0 .. n", "    s: f64 = 0.0\n", "0 .. n", "      s = s + r[j]\n      c[k, j] = s\n"),
        // Short ones, other steps.
        ("0 .. 3", "", "0 .. n", sum),
        ("0 .. n", "", "0 .. 8", sum),
        ("n .. 0 step -1", "", "0 .. n", sum),
    ] {
        let body = nest(outer, before, inner, body);
        assert_eq!(jammed(&body), (0, body.clone()));
    }
}

#[test]
fn what_comes_after_the_nest_reads_the_last_iteration() {
    let nest = nest("0 .. n", "    x = a[i, k]\n", "0 .. n", "      c[i, j] += x * b[k, j]\n");
    // It may be that there was none.
    assert_eq!(jammed(&format!("  x: f64 = 0.0\n{nest}  c[0, 0] = x\n")).0, 0);
}
