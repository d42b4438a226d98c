//! Bodies so long that they are emitted only once run any number of iterations.
#![allow(missing_docs)]

mod emulator;

use emulator::{Machine, Memory, Region};
use kjit_strip::build::Builder;
use kjit_strip::ir::{Elem, Ty};
use kjit_strip::{Strip, Tier, emit, verify};

/// `y[i] = x[i] + 200 * 0.5`, one addition at a time.
fn many_additions() -> Strip {
    let mut b = Builder::new("many_additions");
    let (x, y) = (b.word(0), b.word(1));
    let (x, y) = (b.element_of_block(Elem::F64, x), b.element_of_block(Elem::F64, y));
    let half = b.f64(0.5);
    let mut sum = b.load(Ty::F64, Elem::F64, x);
    for _ in 0..200 {
        sum = b.add(sum, half);
    }
    b.store(Elem::F64, y, sum);
    b.finish()
}

#[test]
fn any_number_of_iterations() {
    let strip = many_additions();
    assert_eq!(verify(&strip), Ok(()));
    for tier in [Tier::Avx2, Tier::Avx512] {
        let code = emit(&strip, tier).unwrap();
        for n in [0u64, 1, 7, 8, 9, 255, 256, 257, 300, 511, 512, 520, 1000] {
            let (frame, x, y) = (0x1000, 0x10_0008, 0x20_0000);
            let mut memory = Memory::default();
            let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
            let doubles: Vec<u64> = (0..n).map(|i| (i as f64).to_bits()).collect();
            memory.add(Region { start: frame, bytes: words(&[x, y]), writable: true });
            memory.add(Region { start: x, bytes: words(&doubles), writable: false });
            memory.add(Region { start: y, bytes: vec![0xee; 8 * n as usize], writable: true });
            let mut machine = Machine::new(&code.bytes, memory);
            assert_eq!(machine.call([frame, n], 1 << 20), Ok(n), "{tier:?}");
            let expected: Vec<u64> = (0..n).map(|i| (i as f64 + 100.0).to_bits()).collect();
            assert_eq!(machine.memory.region(y).unwrap(), words(&expected), "{tier:?}, n {n}");
        }
    }
}
