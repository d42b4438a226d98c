//! Arrays that are stored to around the caches have the same elements, also after an error and from another thread.
#![cfg(target_arch = "x86_64")]

use kjit::{Arg, CacheDir, Config, Engine, In, InOut, Module};

const SOURCE: &str = "\
from kjit import f64, prange

def triad(a: f64[::1], b: f64[::1], c: f64[::1]):
    for i in prange(len(a)):
        a[i] = b[i] + 3.0 * c[i]

def quotient(a: f64[::1], b: f64[::1], c: f64[::1]):
    for i in range(len(a)):
        a[i] = b[i] / c[i]

def sweeps(a: f64[::1], b: f64[::1], c: f64[::1]):
    for t in range(3):
        for i in range(1, len(a) - 1):
            b[i] = 0.5 * (a[i - 1] + a[i + 1])
        for i in range(1, len(a) - 1):
            a[i] = b[i] - c[i]
";

/// Elements in front of which there are some others, so that arrays begin at any place of a line.
fn array(n: usize, offset: usize, seed: f64) -> Vec<f64> {
    (0..n + offset).map(|i| ((i * 37 % 101) as f64 + seed) / 8.0).collect()
}

/// The arrays afterwards and whether there was an error.
fn run(
    function: &str,
    n: usize,
    offsets: [usize; 3],
    zero_at: Option<usize>,
    engine: &Engine,
) -> (Vec<u64>, bool) {
    let module = Module::from_source(engine, "streams.k", SOURCE).expect("it parses");
    let kernel = module.kernel(function).expect("it is there");
    let mut arrays = [1.0, 2.0, 3.0].map(|seed| array(n, offsets[seed as usize - 1], seed));
    if let Some(at) = zero_at {
        arrays[2][offsets[2] + at] = 0.0;
    }
    let [a, b, c] = &mut arrays;
    let result = kernel.call(&mut [
        Arg::from(InOut::from(&mut a[offsets[0]..])),
        Arg::from(InOut::from(&mut b[offsets[1]..])),
        Arg::from(In::from(&c[offsets[2]..])),
    ]);
    (arrays.iter().flatten().map(|x| x.to_bits()).collect(), result.is_err())
}

#[test]
fn every_bit_is_the_same() {
    let engine = |threads: usize, bytes: u64| {
        let config = Config::new().threads(threads).stream_bytes(bytes).cache(CacheDir::Off);
        Engine::new(config).expect("an engine")
    };
    let through = engine(1, u64::MAX);
    let around = [engine(1, 0), engine(2, 0)];
    for (number, n) in [1023, 1024, 1025, 1111, 5000, 100_003].into_iter().enumerate() {
        let offsets = [number % 8, (number * 3 + 1) % 8, (number * 5) % 8];
        for function in ["triad", "quotient", "sweeps"] {
            for zero_at in [None, Some(n - 1), Some(n / 2), Some(1000)] {
                let zero_at = zero_at.filter(|_| function == "quotient");
                let expected = run(function, n, offsets, zero_at, &through);
                assert_eq!(expected.1, zero_at.is_some(), "{function}");
                for engine in &around {
                    let found = run(function, n, offsets, zero_at, engine);
                    assert!(found == expected, "{function}, {n} elements, zero at {zero_at:?}");
                }
            }
        }
    }
}
