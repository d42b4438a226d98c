//! Small kernels in IR text through the Cranelift back end: results against closed forms.
#![allow(unreachable_pub)]

mod support;

use kjit_compiler::ir::text::parse_program;
use support::{Arg, Kernel, f64s, i64s};

fn kernel(text: &str) -> Kernel {
    Kernel::compile(parse_program(text).unwrap_or_else(|error| panic!("{error}")))
}

const HEAT: &str = r#"trap0 = K701 IndexError "index {i64}"

entry func heat(u: f64[:, ::1], out: f64[:, ::1], k: f64) {
  for i in 1 .. dim(u, 0) - 1 {
    for j in 1 .. dim(u, 1) - 1 {
      check index(i, u, 0) else trap0(i)
      check index(j, u, 1) else trap0(j)
      check index(i - 1, u, 0) else trap0(i - 1)
      check index(i + 1, u, 0) else trap0(i + 1)
      check index(j - 1, u, 1) else trap0(j - 1)
      check index(j + 1, u, 1) else trap0(j + 1)
      check index(i, out, 0) else trap0(i)
      check index(j, out, 1) else trap0(j)
      out[i, j] = u[i, j] + k * (u[wrap(i - 1, dim(u, 0)), j] + u[i + 1, j] + u[i, wrap(j - 1, dim(u, 1))] + u[i, j + 1] - 4.0 * u[i, j])
    }
  }
}
"#;

const HEAT_FREE: &str = r#"entry func heat(u: f64[:, ::1], out: f64[:, ::1], k: f64) {
  for i in 1 .. dim(u, 0) - 1 {
    for j in 1 .. dim(u, 1) - 1 {
      out[i, j] = u[i, j] + k * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j])
    }
  }
}
"#;

#[test]
fn heat_step() {
    for text in [HEAT, HEAT_FREE] {
        let kernel = kernel(text);
        let u: Vec<f64> = (0..20).map(|k| f64::from(k * k % 7)).collect();
        let out = vec![0.0; 20];
        let args = [f64s(&u, &[4, 5], &[40, 8]), f64s(&out, &[4, 5], &[40, 8]), Arg::F64(0.25)];
        assert_eq!(kernel.call(&args, 0).0, 0);
        for i in 1..3 {
            for j in 1..4 {
                let at = |i: usize, j: usize| u[5 * i + j];
                let sum = at(i - 1, j) + at(i + 1, j) + at(i, j - 1) + at(i, j + 1) - 4.0 * at(i, j);
                assert_eq!(out[5 * i + j], at(i, j) + 0.25 * sum, "{i} {j}");
            }
        }
    }
}

const SPMV: &str = r#"trap0 = K701 IndexError "index {i64}"

entry func spmv(row: i64[::1], col: i64[::1], val: f64[::1], x: f64[::1], y: f64[::1]) {
  for i in 0 .. dim(y, 0) {
    s: f64 = 0.0
    check index(i, row, 0) else trap0(i)
    check index(i + 1, row, 0) else trap0(i)
    for k in row[i] .. row[i + 1] {
      check index(k, val, 0) else trap0(k)
      check index(k, col, 0) else trap0(k)
      c: i64 = col[wrap(k, dim(col, 0))]
      check index(c, x, 0) else trap0(c)
      s = s + val[wrap(k, dim(val, 0))] * x[wrap(c, dim(x, 0))]
    }
    y[i] = s
  }
}
"#;

#[test]
fn sparse_matrix_vector() {
    let kernel = kernel(SPMV);
    let (row, col, val) = ([0, 2, 2, 3], [0, -1, 1], [1.0, 2.0, 3.0]);
    let (x, y) = ([10.0, 20.0, 30.0], [0.0; 3]);
    let args = |y: &[f64]| {
        [
            i64s(&row, &[4], &[8]),
            i64s(&col, &[3], &[8]),
            f64s(&val, &[3], &[8]),
            f64s(&x, &[3], &[8]),
            f64s(y, &[3], &[8]),
        ]
    };
    assert_eq!(kernel.call(&args(&y), 0).0, 0);
    assert_eq!(y, [70.0, 0.0, 60.0]);
}

const MANDELBROT: &str = r#"entry func mandel(cr: f64, ci: f64, limit: i64) -> i64 {
  zr: f64 = 0.0
  zi: f64 = 0.0
  n: i64 = 0
  while (n < limit) & (zr * zr + zi * zi < 4.0) {
    t: f64 = zr * zr - zi * zi + cr
    zi = 2.0 * zr * zi + ci
    zr = t
    n = n + 1
  }
  return n
}
"#;

#[test]
fn mandelbrot_counts() {
    let kernel = kernel(MANDELBROT);
    for (c, wanted) in
        [((0.0, 0.0), 100), ((2.0, 2.0), 1), ((-1.0, 0.0), 100), ((0.3, 0.5), 100), ((0.5, 0.0), 5)]
    {
        let (status, ret) = kernel.call(&[Arg::F64(c.0), Arg::F64(c.1), Arg::I64(100)], 1);
        assert_eq!((status, ret[0]), (0, wanted), "{c:?}");
    }
}

const MATMUL: &str = r#"entry func matmul(a: f64[:, ::1], b: f64[:, ::1], c: f64[:, ::1]) {
  for i in 0 .. dim(a, 0) {
    for k in 0 .. dim(a, 1) {
      f: f64 = a[i, k]
      for j in 0 .. dim(b, 1) {
        c[i, j] += f * b[k, j]
      }
    }
  }
}
"#;

#[test]
fn matrix_product() {
    let kernel = kernel(MATMUL);
    let (a, b, c) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0; 4]);
    let square = |x: &[f64]| f64s(x, &[2, 2], &[16, 8]);
    assert_eq!(kernel.call(&[square(&a), square(&b), square(&c)], 0).0, 0);
    assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
}
