//! Sizes beyond what the passes may assume are refused at the door and in allocations, on every engine.

use kjit::{CacheDir, Code, Config, Engine, EngineKind, Error, Module};

#[test]
fn extents_beyond_the_limit_are_a_memory_error() {
    let source = "
def empty(n: i64, m: i64):
    x = np.zeros((n, m))
    return x.shape[0] + x.shape[1]
";
    for kind in [EngineKind::Scalar, EngineKind::Interp] {
        let engine = Engine::new(Config::new().engine(kind).cache(CacheDir::Off)).unwrap();
        let kernel = Module::from_source(&engine, "empty.k", source).unwrap().kernel("empty").unwrap();
        for (n, m) in
            [(1_i64 << 48, 0_i64), (0, 1 << 62), (1 << 32, 1 << 32), (1 << 20, 1 << 40), (1 << 60, 1 << 60)]
        {
            match kernel.call(&mut [n.into(), m.into()]) {
                Err(Error::Trap(trap)) => assert_eq!(trap.code, Code::K704, "{kind:?} {n} x {m}"),
                other => panic!("{kind:?} {n} x {m}: {other:?}"),
            }
        }
        assert_eq!(kernel.call(&mut [7_i64.into(), 0_i64.into()]).unwrap().as_f64(), Some(7.0));
        assert_eq!(engine.live_bytes(), 0);
    }
}
