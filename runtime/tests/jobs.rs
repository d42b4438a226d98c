//! Machine code is made by several threads: the image must not show it.

use kjit::{ArgTy, ArrayTy, CacheDir, Config, DType, Engine, In, Layout, Module, Ty};

/// The image of a `main` of the kernel library, made with that many threads.
fn image(file: &str, threads: usize) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels/").to_owned() + file;
    let engine = Engine::new(Config::new().cache(CacheDir::Off).threads(threads)).unwrap();
    let kernel = Module::from_file(&engine, path).unwrap().kernel("main").unwrap();
    let types = vec![ArgTy::Omitted; kernel.params().len()];
    kernel.prepare_types(&types).unwrap().code().unwrap_or_default().to_vec()
}

#[test]
fn the_image_does_not_depend_on_the_number_of_threads() {
    for file in ["matmul.k", "nbody.k", "kmeans.k", "saxpy.k"] {
        let alone = image(file, 1);
        for threads in [2, 3, 8] {
            for _ in 0..4 {
                assert!(image(file, threads) == alone, "{file} with {threads} threads");
            }
        }
    }
}

#[test]
fn many_compilations_at_once() {
    let engine = Engine::new(Config::new().cache(CacheDir::Off).threads(4)).unwrap();
    let text = "def f(x, y):\n    s = 0.0\n    for i in range(len(x)):\n        y[i] = 2.0 * x[i]\n    \
                for i in prange(len(x)):\n        s += y[i]\n    return s\n";
    let array = ArrayTy { dtype: DType::F64, rank: 1, layout: Layout::C, is_writable: true };
    let types = [ArgTy::Given(Ty::Array(array)), ArgTy::Given(Ty::Array(array))];
    let image = || {
        let module = Module::from_source(&engine, "f.k", text).unwrap();
        let prepared = module.kernel("f").unwrap().prepare_types(&types).unwrap();
        prepared.code().unwrap_or_default().to_vec()
    };
    let first = image();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert!(image() == first);
                }
            });
        }
    });
}

#[test]
fn the_first_calls_of_a_slow_copy_may_come_at_once() {
    let engine = Engine::new(Config::new().cache(CacheDir::Off).threads(2)).unwrap();
    // Indices from -3 on: the loop without checks does not run.
    let text = "def total(x: f64[:], lo: i64, hi: i64) -> f64:\n    s = 0.0\n    for i in range(lo, hi):\n        s += x[i]\n    return s\n";
    for _ in 0..4 {
        let module = Module::from_source(&engine, "total.k", text).unwrap();
        let total = module.kernel("total").unwrap().typed::<(In<'_, f64, 1>, i64, i64), f64>().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let x = vec![1.0, 2.0, 4.0, 8.0, 16.0];
                    for _ in 0..3 {
                        // x[2] + x[3] + x[4] + x[0] + x[1]
                        assert_eq!(total.call(((&x).into(), -3, 2)).unwrap(), 31.0);
                        assert_eq!(total.call(((&x).into(), 1, 4)).unwrap(), 14.0);
                        let error = total.call(((&x).into(), -1, 6)).unwrap_err();
                        assert!(error.to_string().contains("index 5 is out of range"), "{error}");
                    }
                });
            }
        });
    }
}
