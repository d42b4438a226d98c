//! `kjit run kernels/saxpy.k` with the kernel linked in: what a process costs that compiles and loads nothing.
//!
//! With an argument: does nothing at all, for what a process costs.

use std::io::Write;

#[inline(never)]
fn saxpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

fn main() {
    if std::env::args_os().len() > 1 {
        return;
    }
    let n = 1_000_000_usize;
    let x: Vec<f32> = (0..n).map(|i| (i % 1024) as f32).collect();
    let mut y: Vec<f32> = (0..n).map(|i| (0.5 * (i % 7) as f64) as f32).collect();
    saxpy(2.0, &x, &mut y);
    let (mut min, mut max, mut sum) = (y[0], y[0], 0.0_f64);
    for &v in &y {
        min = min.min(v);
        max = max.max(v);
        sum += f64::from(v);
    }
    let mean = sum / n as f64;
    let _ = writeln!(std::io::stdout(), "y f32 ({n}) {min} {max} {mean} {:?}", &y[..4]);
}
