//! Programs that `prange` makes wrong, from source: each is an error, or runs serially with a warning, or is right; and
//! the pages of the K5xx codes do what they say.

use kjit_compiler::analysis::race;
use kjit_compiler::base::Options;
use kjit_compiler::infer::{self, NoHost, annotated_signature};
use kjit_compiler::lower;
use kjit_compiler::syntax;

/// The codes of everything that is said about the first function, and the decisions on its loops.
fn said(source: &str) -> (Vec<String>, Vec<bool>) {
    let (ast, errors) = syntax::parse::parse(source);
    assert!(errors.is_empty(), "{errors:#?}");
    let function = ast.functions[0].name.name.clone();
    let args = annotated_signature(&ast, &function).unwrap();
    let (inferred, _) = infer::infer(&ast, &function, &args, &Options::default(), &NoHost).unwrap();
    let (program, _) = lower::lower(&ast, &inferred, source).unwrap();
    let report = race::check(&program);
    let codes = report.diagnostics.iter().map(|d| d.code.name().to_owned()).collect();
    (codes, report.decisions.iter().map(|d| d.is_parallel).collect())
}

#[track_caller]
fn expect(source: &str, expected: &str) {
    let (codes, parallel) = said(source);
    let word = if parallel.iter().all(|&p| p) { "parallel" } else { "serial" };
    let found = if codes.is_empty() { word.to_owned() } else { codes.join(" ") };
    assert_eq!(found, expected, "\n{source}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn pages_tell_the_truth() {
    for code in ["K501", "K502", "K503", "K504", "K505", "K507", "K508"] {
        let path = format!("{}/../docs/errors/{code}.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(path).unwrap();
        let blocks: Vec<&str> = page.split("```py\n").skip(1).filter_map(|b| b.split("```").next()).collect();
        expect(blocks[0], code);
        let (codes, _) = said(blocks[1]);
        assert!(codes.is_empty(), "{code}: {codes:?}");
    }
}

#[test]
fn classic_wrong_programs() {
    // A counter carried through the loop.
    expect(
        "def f(x: f64[:], y: f64[:]):\n    k = 0\n    for i in prange(len(x)):\n        y[k] = x[i]\n        k += 1\n",
        "K507",
    );
    expect(
        "def f(x: f64[:]) -> i64:\n    k = 0\n    for i in prange(len(x)):\n        if x[i] > 0:\n            k += 1\n    return k\n",
        "parallel",
    );
    // Accumulation into few elements: a reduction of the array.
    expect(
        "def f(x: f64[:], y: f64[:]):\n    for i in prange(len(x)):\n        y[i % 4] += x[i]\n",
        "parallel",
    );
    // A neighbour that another iteration writes.
    expect("def f(x: f64[:]):\n    for i in prange(1, len(x)):\n        x[i] = x[i - 1] + 1\n", "K503");
    // A reduction that starts from a value.
    expect(
        "def f(x: f64[:]) -> f64:\n    s = 100.0\n    for i in prange(len(x)):\n        s += x[i]\n    return s\n",
        "parallel",
    );
    // Two loops over one array.
    expect(
        "def f(x: f64[:]):\n    for i in prange(len(x)):\n        x[i] = 1.0\n    for i in prange(1, len(x)):\n        x[i] = x[i] + x[0]\n",
        "parallel",
    );
}

#[test]
fn forms_of_reductions() {
    let body = |line: &str| {
        format!(
            "def f(x: f64[:], n: i64) -> f64:\n    s = 1.0\n    k = 0\n    ok = True\n    for i in prange(len(x)):\n{line}\n    if ok:\n        s += k\n    return s\n"
        )
    };
    for line in [
        "        s -= x[i]",
        "        s = x[i] + s",
        "        s *= x[i]",
        "        s = min(s, x[i])",
        "        s = max(s, abs(x[i]))",
        "        if x[i] > s:\n            s = x[i]\n            k = i",
        "        if x[i] < s:\n            s = x[i]",
        "        k += i * i",
        "        k ^= i",
        "        ok = ok and x[i] > 0",
        "        ok &= x[i] > 0",
        "        if x[i] < 0:\n            ok = False",
        "        for j in range(n):\n            if j != i:\n                s += x[j]",
        "        t = x[i] * 2\n        s += t",
        "        k = max(k, i)",
    ] {
        expect(&body(line), "parallel");
    }
    expect(&body("        s = s * 0.5 + x[i]"), "K501");
    expect(&body("        if x[i] > 0:\n            k = i"), "K504");
}

#[test]
fn complex_sums_are_reductions() {
    let source = "def f(z: c128[:]) -> c128:\n    s = 0j\n    for i in prange(len(z)):\n        s += z[i]\n    return s\n";
    expect(source, "parallel");
}

#[test]
fn rows_and_scratch_arrays() {
    expect(
        "def f(a: f64[:, :]):\n    for i in prange(a.shape[0]):\n        row = a[i]\n        for j in range(len(row)):\n            row[j] = row[j] * 2\n",
        "parallel",
    );
    expect(
        "def f(a: f64[:, :], y: f64[:]):\n    for i in prange(a.shape[0]):\n        t = np.zeros(3)\n        t[0] = a[i, 0]\n        y[i] = t[0]\n",
        "parallel",
    );
    expect(
        "def f(a: f64[:, :], y: f64[:]):\n    t = np.zeros(3)\n    for i in prange(a.shape[0]):\n        t[0] = a[i, 0]\n        y[i] = t[0]\n",
        "K502",
    );
    expect("def f(a: f64[:, :]):\n    for i in prange(a.shape[0]):\n        a[i, :] = 0.0\n", "parallel");
    expect(
        "def f(a: f64[:, :]):\n    for i in prange(a.shape[0]):\n        for j in prange(a.shape[1]):\n            a[i, j] = 0.0\n",
        "parallel",
    );
}
