//! One kernel called from many threads at once; it is compiled once.
#![allow(elided_lifetimes_in_paths, clippy::print_stdout)]

use kjit::{Engine, Error, In, Module};

fn main() -> Result<(), Error> {
    let source = "
def norm(x):
    total = 0.0
    for i in prange(len(x)):
        total += x[i] * x[i]
    return total ** 0.5
";
    let module = Module::from_source(&Engine::default(), "norm.k", source)?;
    let norm = module.kernel("norm")?.typed::<(In<f64, 1>,), f64>()?;
    let x = vec![3.0; 400_000];
    let results: Vec<f64> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| norm.call(((&x).into(),)))).collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect::<Result<_, _>>()
    })?;
    // The order of the additions depends on the loop alone, so every thread gets the same bits.
    assert!(results.iter().all(|result| result.to_bits() == results[0].to_bits()));
    println!("{}", results[0]);
    Ok(())
}
