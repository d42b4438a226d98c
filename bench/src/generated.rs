//! A function of many lines, for the time that compiling takes: loops, branches, stencils, sums, calls of mathematics.

use std::fmt::Write;

use kjit::{ArgTy, ArrayTy, DType, Layout, Ty};

/// Its name in the results.
pub(crate) const NAME: &str = "generated, 500 lines";

/// Types to compile `big` for.
pub(crate) fn types() -> Vec<ArgTy> {
    let array = |rank| {
        ArgTy::Given(Ty::Array(ArrayTy { dtype: DType::F64, rank, layout: Layout::C, is_writable: true }))
    };
    vec![array(1), array(1), array(2), ArgTy::Given(Ty::Scalar(DType::I64))]
}

/// A function `big` with as many lines.
pub(crate) fn source(lines: usize) -> String {
    let mut text = String::from(
        "import math\n\n\ndef big(x: f64[:], y: f64[:], m: f64[:, :], n: i64) -> f64:\n    total = 0.0\n    last = 1.0\n",
    );
    let mut written = 3;
    let mut block = 0;
    while written + 1 < lines {
        let part = match block % 5 {
            0 => stencil(block),
            1 => branches(block),
            2 => matrix(block),
            3 => search(block),
            _ => scalars(block),
        };
        for line in part.lines().take(lines - written - 1) {
            text.push_str(line);
            text.push('\n');
            written += 1;
        }
        block += 1;
    }
    text.push_str("    return total\n");
    text
}

fn stencil(k: usize) -> String {
    format!(
        "    for i in range(1, n - 1):
        left = x[i - 1]
        right = x[i + 1]
        y[i] = 0.{c} * (left + right) - x[i]
        total += y[i] * y[i]
    last = total / (n + {k}.0)
",
        c = k % 8 + 1
    )
}

fn branches(k: usize) -> String {
    format!(
        "    for i in range(n):
        v = x[i] - last
        if v > {k}.5:
            y[i] = math.sqrt(v) * 2.0
        elif v < -{k}.5:
            y[i] = -v
        else:
            y[i] = v * v + {k}.25
        total += min(y[i], 10.0)
"
    )
}

fn matrix(k: usize) -> String {
    format!(
        "    for i in range(m.shape[0]):
        row = 0.0
        for j in range(m.shape[1]):
            m[i, j] = m[i, j] * 0.5 + {k}.0 * (i - j)
            row += m[i, j]
        total -= row
        y[i] = row
"
    )
}

fn search(k: usize) -> String {
    format!(
        "    best{k} = 0
    low{k} = 0
    while low{k} < n:
        if x[low{k}] > x[best{k}]:
            best{k} = low{k}
        low{k} += 1
    total += x[best{k}]
"
    )
}

fn scalars(k: usize) -> String {
    let mut text = String::new();
    for at in 0..4 {
        let _ = writeln!(text, "    a{k}_{at} = last * {at}.5 + total");
    }
    let _ = writeln!(text, "    last = math.exp(-abs(a{k}_0 - a{k}_1)) + a{k}_2 * a{k}_3");
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_has_as_many_lines_as_asked() {
        let text = super::source(500);
        let body = text.split_once("def ").unwrap().1;
        assert_eq!(body.lines().count(), 500);
    }
}
