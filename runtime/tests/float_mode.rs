//! Results do not depend on the floating-point mode of the host's thread, and the thread keeps its mode.
#![cfg(target_arch = "x86_64")]

use std::arch::asm;

use kjit::{Arg, CacheDir, Config, Engine, EngineKind, In, Module, Value};

/// Flush to zero, subnormal operands are zero, round towards zero, all exceptions masked.
const ODD: u32 = 0x1F80 | 1 << 15 | 1 << 6 | 3 << 13;

fn mode() -> u32 {
    let mut bits = 0_u32;
    // SAFETY: stores the register.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut bits, options(nostack)) };
    bits & !0x3F
}

fn set_mode(bits: u32) {
    // SAFETY: a valid mode; each test ends its thread or goes back.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const bits, options(nostack)) };
}

const SOURCE: &str = "\
def halves(x):
    s = 0.0
    for i in prange(len(x)):
        s += x[i] / 2
    return s

def third(x):
    return 1.0 / x[0]

def folded(x):
    return x[0] * 0 + 1.0 / 11.0
";

/// In a thread of its own with the odd mode.
fn called(kind: EngineKind, threads: usize, function: &'static str, x: Vec<f64>) -> f64 {
    std::thread::spawn(move || {
        let engine =
            Engine::new(Config::new().threads(threads).engine(kind).cache(CacheDir::Off)).expect("an engine");
        set_mode(ODD);
        let module = Module::from_source(&engine, "mode.k", SOURCE).expect("it parses");
        let kernel = module.kernel(function).expect("it is there");
        let result = kernel.call(&mut [Arg::from(In::from(&x))]);
        let after = mode();
        set_mode(0x1F80);
        assert_eq!(after, ODD, "the thread has its own mode back");
        match result.expect("it runs") {
            Value::Scalar(scalar) => scalar.as_f64(),
            other => panic!("{other:?}"),
        }
    })
    .join()
    .expect("no panic")
}

#[test]
fn subnormal_numbers_are_kept() {
    for (kind, threads) in [(EngineKind::Auto, 1), (EngineKind::Auto, 2), (EngineKind::Interp, 1)] {
        // Half of the smallest normal number is subnormal, and exact; so are sums of few of them.
        let x = vec![f64::MIN_POSITIVE; 3];
        assert_eq!(
            called(kind, threads, "halves", x),
            1.5 * f64::MIN_POSITIVE,
            "{kind:?}, {threads} threads"
        );
    }
}

#[test]
fn quotients_are_rounded_to_nearest() {
    for kind in [EngineKind::Auto, EngineKind::Interp] {
        // 1/3 is nearer to the double below it, 1/11 to the one above, which rounding towards zero would miss.
        assert_eq!(called(kind, 1, "third", vec![3.0]).to_bits(), 0x3FD5_5555_5555_5555);
        assert_eq!(called(kind, 1, "third", vec![11.0]).to_bits(), 0x3FB7_45D1_745D_1746);
        // A quotient that the compiler computes.
        assert_eq!(called(kind, 1, "folded", vec![3.0]).to_bits(), 0x3FB7_45D1_745D_1746);
    }
}
