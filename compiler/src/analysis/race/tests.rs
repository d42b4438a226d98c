//! What becomes of loops, as texts: one function per test, the verdict on its one parallel loop.

use super::{Requirement, check};
use crate::ir::text::parse_program;

/// `parallel`, `serial K504`, `K501`, with reductions and the number of requirements.
fn verdict(body: &str) -> String {
    let params =
        "a: f64[:, :], b: f64[:, :], x: f64[:], y: f64[:], h: i64[:], idx: i64[:], n: i64, m: i64, f: f64";
    let text = format!("trap0 = K701 IndexError \"bad\"\n\nentry func main({params}) {{\n{body}\n}}\n");
    verdict_of(&text)
}

fn verdict_of(text: &str) -> String {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}"));
    let report = check(&program);
    let decision = report.decisions.last().expect("one loop");
    let func = &program.funcs[decision.func];
    let mut words = Vec::new();
    words.push(if decision.is_parallel { "parallel".to_owned() } else { "serial".to_owned() });
    words.extend(report.diagnostics.iter().map(|d| d.code.name().to_owned()));
    if decision.is_parallel {
        for r in &decision.reductions {
            let with: Vec<_> = r.companions.iter().map(|&c| func.locals[c].name.to_string()).collect();
            let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(" ")) };
            words.push(format!("{} {}{with}", func.locals[r.local].name, r.op.symbol()));
        }
        words.extend(
            decision
                .array_reductions
                .iter()
                .map(|r| format!("{}[] {}", func.arrays[r.array].name, r.op.symbol())),
        );
        words.extend(decision.last_values.iter().map(|&l| format!("last {}", func.locals[l].name)));
        let pairs = decision.requirements.iter().filter(|r| matches!(r, Requirement::Disjoint(..))).count();
        if pairs > 0 {
            words.push(format!("{pairs} pairs"));
        }
        if decision.requirements.len() > pairs {
            words.push(format!("{} ranges", decision.requirements.len() - pairs));
        }
    }
    words.join(", ")
}

#[track_caller]
fn expect(body: &str, expected: &str) {
    assert_eq!(verdict(body), expected, "\n{body}");
}

#[test]
fn own_elements_are_apart() {
    expect("parallel i in 0 .. dim(x, 0) {\n x[i] = x[i] * 2.0\n}", "parallel");
    expect("parallel i in 0 .. dim(x, 0) {\n x[i] = y[i] * 2.0\n}", "parallel, 1 pairs");
    expect("parallel i in 0 .. n {\n x[2 * i] = 0.0\n x[2 * i + 1] = 1.0\n}", "parallel");
    expect("parallel i in 0 .. n {\n for j in 0 .. 2 {\n x[2 * i + j] = 0.0\n }\n}", "parallel");
    expect("parallel i in 0 .. n step 2 {\n x[i] = 0.0\n x[i + 1] = 1.0\n}", "parallel");
    expect("parallel i in n - 1 .. -1 step -1 {\n x[i] = x[i] + 1.0\n}", "parallel");
    expect("parallel i in 0 .. n {\n x[i] = x[i + n]\n}", "parallel");
    expect("parallel i in 0 .. n {\n for j in 0 .. m {\n x[i * m + j] = 0.0\n }\n}", "parallel");
    expect("parallel i in 0 .. n {\n a[i, 0] = a[i, 1]\n}", "parallel");
    expect("parallel i in 0 .. n {\n a[0, i] = a[1, i]\n}", "parallel");
}

#[test]
fn the_users_variable_is_followed() {
    let body = "parallel %k in 0 .. n {\n i: i64 = %k\n j: i64 = i + 1\n x[j] = x[j] * 2.0\n}";
    expect(body, "parallel");
}

#[test]
fn stencils_read_and_write_two_arrays() {
    let body = "parallel i in 1 .. dim(a, 0) - 1 {\n for j in 1 .. dim(a, 1) - 1 {\n b[i, j] = a[i - 1, j] + a[i + 1, j]\n }\n}";
    expect(body, "parallel, 1 pairs");
    let body = "parallel i in 1 .. dim(a, 0) - 1 {\n for j in 1 .. dim(a, 1) - 1 {\n a[i, j] = a[i - 1, j] + a[i + 1, j]\n }\n}";
    expect(body, "serial, K503");
}

#[test]
fn same_elements_are_errors() {
    expect("parallel i in 0 .. n {\n x[0] = y[i]\n}", "serial, K502");
    expect("parallel i in 0 .. n {\n x[i] = 1.0\n x[i + 1] = 2.0\n}", "serial, K502");
    expect("parallel i in 1 .. n {\n x[i] = x[i - 1] + 1.0\n}", "serial, K503");
    expect("parallel i in 0 .. n {\n for j in 0 .. m {\n x[j] = y[i]\n }\n}", "serial, K502");
}

#[test]
fn data_and_conditions_leave_doubt() {
    expect("parallel i in 0 .. n {\n x[idx[i]] = y[i]\n}", "serial, K504");
    expect("parallel i in 0 .. n {\n x[i % 4] = y[i]\n}", "serial, K504");
    expect("parallel i in 0 .. n {\n if y[i] > 0.0 {\n x[0] = 1.0\n }\n}", "serial, K504");
    expect("parallel i in 0 .. n {\n x[i] = x[i + m]\n}", "serial, K504");
}

#[test]
fn accumulations_are_reductions_only_if_they_must_be() {
    expect("parallel i in 0 .. n {\n x[i] += 1.0\n}", "parallel");
    expect("parallel i in 0 .. n {\n h[idx[i]] += 1\n}", "parallel, h[] +, 1 pairs");
    expect("parallel i in 0 .. n {\n x[i % 4] += y[i]\n}", "parallel, x[] +, 1 pairs");
    expect("parallel i in 0 .. n {\n x[0] += y[i]\n}", "parallel, x[] +, 1 pairs");
    expect("parallel i in 0 .. n {\n h[idx[i]] += 1\n h[0] max= 3\n}", "serial, K504");
    let body = "parallel i in 0 .. n {\n c: i64 = idx[i]\n for j in 0 .. m {\n a[c, j] += b[i, j]\n }\n}";
    expect(body, "parallel, a[] +, 2 pairs");
}

#[test]
fn scalars_are_private_reduced_or_carried() {
    let before = "s: f64 = 0.5\nat: i64 = 0\n";
    let run =
        |body: &str| verdict(&format!("{before}parallel i in 0 .. n {{\n{body}\n}}\nx[0] = s\nh[0] = at"));
    assert_eq!(run("t: f64 = y[i]\n s = s + t"), "parallel, s +");
    assert_eq!(run("s = s - y[i]\n s = y[i] + s"), "parallel, s +");
    assert_eq!(run("if y[i] > 0.0 {\n s = s * y[i]\n }"), "parallel, s *");
    assert_eq!(run("for j in 0 .. m {\n s = max(s, a[i, j])\n }"), "parallel, s max");
    assert_eq!(run("if y[i] < s {\n s = y[i]\n at = i\n }"), "parallel, s min with at");
    assert_eq!(run("if s < y[i] {\n s = y[i]\n }"), "parallel, s max");
    assert_eq!(run("s = select(y[i] > s, y[i], s)"), "parallel, s max");
    assert_eq!(run("s = y[i]"), "parallel, last s");
    assert_eq!(run("if y[i] > 0.0 {\n at = i\n }"), "serial, K504");
    assert_eq!(run("s = s * 0.5 + y[i]"), "serial, K501");
    assert_eq!(run("s = s + y[i]\n x[i] = s"), "serial, K507");
    assert_eq!(run("s = s + y[i]\n s = s * y[i]"), "serial, K501");
    assert_eq!(run("x[i] = s\n s = y[i]"), "serial, K501");
    // The last minimum wins: not what chunks in order would give.
    assert_eq!(run("if y[i] <= s {\n s = y[i]\n at = i\n }"), "serial, K501");
}

#[test]
fn truth_values_are_reduced() {
    let run = |body: &str| {
        verdict(&format!("ok: bool = true\nparallel i in 0 .. n {{\n{body}\n}}\nif ok {{\n x[0] = 1.0\n}}"))
    };
    assert_eq!(run("ok = ok & (y[i] > 0.0)"), "parallel, ok &");
    assert_eq!(run("if y[i] > 0.0 {\n ok = false\n }"), "parallel, ok &");
    assert_eq!(run("if ok {\n ok = y[i] > 0.0\n }"), "parallel, ok &");
    assert_eq!(run("if not ok {\n t: bool = y[i] > 0.0\n ok = t\n }"), "parallel, ok |");
    assert_eq!(run("if ok {\n ok = ok & (y[i] > 0.0)\n x[i] = y[i]\n }"), "serial, K507");
    assert_eq!(run("if not ok {\n ok = y[i] > 0.0\n ok = not ok\n }"), "serial, K501");
}

#[test]
fn views_are_seen_through() {
    let view = "%r: f64[:] borrowed = view a[i, :]\n";
    expect(&format!("parallel i in 0 .. n {{\n{view} for j in 0 .. m {{\n %r[j] = 0.0\n }}\n}}"), "parallel");
    expect(&format!("parallel i in 0 .. n {{\n{view} fill %r = 0.0\n}}"), "parallel");
    expect("parallel i in 0 .. n {\n %r: f64[:] borrowed = view a[0, :]\n fill %r = 0.0\n}", "serial, K502");
    let halves =
        "%u: f64[:] borrowed = view x[slice(0, n, 2)]\n%v: f64[:] borrowed = view x[slice(1, n, 2)]\n";
    expect(&format!("{halves}parallel i in 0 .. n {{\n %u[i] = %v[0]\n}}"), "parallel");
}

#[test]
fn blocks_of_rows_are_apart() {
    let body = "parallel band in 0 .. (dim(a, 0) + 31) // 32 {\n first: i64 = band * 32\n last: i64 = min(first + 32, dim(a, 0))\n for i in first .. last {\n for j in 0 .. m {\n a[i, j] = 0.0\n }\n }\n}";
    expect(body, "parallel");
}

#[test]
fn negative_indices_become_requirements() {
    expect("parallel i in 0 .. n {\n x[wrap(i - 1, dim(x, 0))] = 1.0\n}", "serial, K504");
    expect("parallel i in 1 .. n {\n x[wrap(i - 1, dim(x, 0))] = 1.0\n}", "parallel");
    expect("parallel i in m .. n {\n x[wrap(i - 1, dim(x, 0))] = 1.0\n}", "parallel, 1 ranges");
}

#[test]
fn private_arrays_are_free() {
    let body = "parallel i in 0 .. n {\n t: f64[::1] owned = alloc[3] zeroed else trap0\n t[0] = y[i]\n x[i] = t[0]\n release t\n}";
    expect(body, "parallel, 1 pairs");
}

#[test]
fn exits_are_errors() {
    expect("parallel i in 0 .. n {\n if y[i] > 0.0 {\n break\n }\n x[i] = 1.0\n}", "serial, K505");
}

#[test]
fn calls_are_summed_up() {
    let text = |body: &str| {
        format!(
            "func row(a: f64[:, :], i: i64, f: f64) {{\n for j in 0 .. dim(a, 1) {{\n a[i, j] = a[i, j] + f\n }}\n}}\n\n\
             func one(r: f64[:], j: i64) {{\n r[j - 1] = 2.0\n}}\n\n\
             entry func main(a: f64[:, :], n: i64) {{\n parallel i in 1 .. n {{\n{body}\n }}\n}}\n"
        )
    };
    assert_eq!(verdict_of(&text("call row(a, i, 0.5)")), "parallel");
    assert_eq!(verdict_of(&text("call row(a, 0, 0.5)")), "serial, K503");
    assert_eq!(verdict_of(&text("call row(a, i % 2, 0.5)")), "serial, K504");
    assert_eq!(verdict_of(&text("%r: f64[:] borrowed = view a[:, 3]\n call one(%r, i)")), "parallel");
}
