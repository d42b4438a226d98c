//! A kernel called with Rust types: checked once, then nothing but the call.
#![allow(elided_lifetimes_in_paths, clippy::print_stdout)]

use kjit::{Engine, Error, In, InOut, Module};

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    let source = "
def smooth(x, y, w):
    n = len(x)
    for i in prange(1, n - 1):
        y[i] = (1.0 - w) * x[i] + w * 0.5 * (x[i - 1] + x[i + 1])
";
    let module = Module::from_source(&engine, "smooth.k", source)?;
    let smooth = module.kernel("smooth")?.typed::<(In<f64, 1>, InOut<f64, 1>, f64), ()>()?;
    let x: Vec<f64> = (0..10).map(|i| f64::from(i * i)).collect();
    let mut y = x.clone();
    smooth.call(((&x).into(), (&mut y).into(), 0.5))?;
    // The second difference of i * i is 2, of which half of the half arrives.
    assert!((1..9).all(|i| y[i] == x[i] + 0.5));
    println!("{y:?}");
    Ok(())
}
