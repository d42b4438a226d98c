//! Lanes stored as smaller elements, whole blocks and rests.
#![allow(missing_docs)]

mod emulator;

use emulator::{Machine, Memory, Region};
use kjit_strip::build::Builder;
use kjit_strip::ir::{Compare, Elem, Ty};
use kjit_strip::{Strip, Tier, emit, verify};

/// `y[i] = x[i]`, from integers of the lane's size to smaller ones; `y[i] = x[i] < 0` for `Bool`.
fn shrink(lane: Ty, from: Elem, to: Elem) -> Strip {
    let mut b = Builder::new("shrink");
    let (x, y) = (b.word(0), b.word(1));
    let (x, y) = (b.element_of_block(from, x), b.element_of_block(to, y));
    let value = b.load(lane, from, x);
    let value = if to == Elem::Bool {
        let zero = if lane == Ty::I64 { b.i64(0) } else { b.i32(0) };
        b.compare(Compare::Lt, value, zero)
    } else {
        value
    };
    b.store(to, y, value);
    b.finish()
}

#[test]
fn elements_smaller_than_lanes() {
    for tier in [Tier::Avx2, Tier::Avx512] {
        for (lane, from) in [(Ty::I64, Elem::I64), (Ty::I32, Elem::I32)] {
            for to in [Elem::Bool, Elem::I8, Elem::U8, Elem::I16, Elem::U16, Elem::I32, Elem::U32] {
                let strip = shrink(lane, from, to);
                assert_eq!(verify(&strip), Ok(()));
                let code = emit(&strip, tier).unwrap();
                for n in [0u64, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 129, 200] {
                    let (frame, x, y) = (0x1000, 0x10_0000, 0x20_0001);
                    let number = |i: u64| (i as i64 - 50).wrapping_mul(0x0102_0304_0506_0709);
                    let bytes = from.bytes() as usize;
                    let input: Vec<u8> =
                        (0..n).flat_map(|i| number(i).to_le_bytes()[..bytes].to_vec()).collect();
                    let expected: Vec<u8> = input
                        .chunks(bytes)
                        .flat_map(|element| match to {
                            Elem::Bool => vec![element[bytes - 1] >> 7],
                            _ => element[..to.bytes() as usize].to_vec(),
                        })
                        .collect();
                    let mut memory = Memory::default();
                    let words = [x, y].iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
                    memory.add(Region { start: frame, bytes: words, writable: true });
                    memory.add(Region { start: x, bytes: input, writable: false });
                    memory.add(Region { start: y, bytes: vec![0xee; expected.len()], writable: true });
                    let mut machine = Machine::new(&code.bytes, memory);
                    assert_eq!(machine.call([frame, n], 1 << 20), Ok(n), "{tier:?} {from:?} {to:?}");
                    let found = machine.memory.region(y).unwrap();
                    assert_eq!(found, expected, "{tier:?}, {from:?} to {to:?}, n {n}");
                }
            }
        }
    }
}
