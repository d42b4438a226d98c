//! The emulator does what the processor does, instruction by instruction, on random registers and memory.
//!
//! `emulator/instructions.txt` has one line per instruction: its bytes, as GNU as gives them, and its text.
#![allow(missing_docs, clippy::print_stderr)]
#![cfg(all(target_arch = "x86_64", unix))]

mod emulator;
mod support;

use emulator::{Machine, Memory, Region};
use support::host::{Code, report_crashes};
use support::rng::Rng;

const INSTRUCTIONS: &str = include_str!("emulator/instructions.txt");

/// Loads `ymm0` to `ymm3`, `rax` and `rcx` from the frame, and defines the flags.
const BEFORE: &str = "c5fc1007c5fc104f20c5fc105740c5fc105f60488b8700010000488b8f080100004885c0";
/// Stores them back; `vzeroupper; ret`.
const AFTER: &str = "c5fc1107c5fc114f20c5fc115740c5fc115f604889870001000048898f08010000c5f877c3";

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Four vectors, 128 bytes of memory, two words.
fn random_frame(rng: &mut Rng) -> Vec<u8> {
    let mut frame = Vec::new();
    for _ in 0..34 {
        let word = match rng.below(8) {
            0 => rng.word(),
            1 => (rng.below(9) as f64 - 4.0).to_bits(),
            2 => {
                rng.pick(&[0, 1, 0x7fff_ffff, 1 << 63, u64::MAX, f64::NAN.to_bits(), f64::INFINITY.to_bits()])
            }
            3 => {
                let single = |rng: &mut Rng| u64::from(((rng.below(800) as f32 - 400.0) / 8.0).to_bits());
                single(rng) << 32 | single(rng)
            }
            4 => rng.below(100) as u64,
            5 => (rng.below(70) << 32 | rng.below(70)) as u64,
            6 => (-(rng.below(1 << 20) as i64)) as u64,
            _ => ((rng.word() >> 11) as f64 / 2.0_f64.powi(45) - 100.0).to_bits(),
        };
        frame.extend(word.to_le_bytes());
    }
    frame
}

/// Equal, but for which NaN an operation gives.
fn agree(a: &[u8], b: &[u8]) -> bool {
    let is_nan = |bytes: &[u8]| match *bytes {
        [..] if bytes.len() == 8 => f64::from_le_bytes(bytes.try_into().unwrap()).is_nan(),
        _ => f32::from_le_bytes(bytes.try_into().unwrap()).is_nan(),
    };
    a.chunks(8).zip(b.chunks(8)).all(|(a, b)| {
        let halves_agree = a.chunks(4).zip(b.chunks(4)).all(|(a, b)| a == b || is_nan(a) && is_nan(b));
        halves_agree || is_nan(a) && is_nan(b)
    })
}

#[test]
fn instructions_do_what_the_processor_does() {
    if !(is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi2"))
    {
        eprintln!("skipped: this host has no AVX2, FMA and BMI2");
        return;
    }
    report_crashes();
    let mut rng = Rng::new(1);
    let mut failures = Vec::new();
    for line in INSTRUCTIONS.lines() {
        let (bytes, text) = line.split_once(' ').unwrap();
        let bytes: Vec<u8> = [BEFORE, bytes, AFTER].into_iter().flat_map(from_hex).collect();
        let code = Code::new(&bytes);
        for _ in 0..60 {
            let before = random_frame(&mut rng);
            let mut aligned = vec![0_u64; 48];
            let offset = aligned.as_ptr().align_offset(64);
            let words: Vec<u64> = before.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
            aligned[offset..offset + 34].copy_from_slice(&words);
            let address = aligned[offset..].as_mut_ptr() as u64;
            // SAFETY: The instructions touch only the frame.
            let returned = unsafe { code.call(address, 0) };
            let mut memory = Memory::default();
            memory.add(Region { start: address, bytes: before.clone(), writable: true });
            let mut machine = Machine::new(&bytes, memory);
            let outcome = machine.call([address, 0], 100);
            let real: Vec<u8> =
                aligned[offset..offset + 34].iter().flat_map(|word| word.to_le_bytes()).collect();
            let emulated = machine.memory.region(address).unwrap();
            if outcome != Ok(returned) || !agree(&real, emulated) {
                let words = |bytes: &[u8]| -> Vec<String> {
                    bytes
                        .as_chunks()
                        .0
                        .iter()
                        .map(|word| format!("{:016x}", u64::from_le_bytes(*word)))
                        .collect()
                };
                let (before, real, emulated) = (words(&before), words(&real), words(emulated));
                failures.push(format!("{text}: {outcome:x?}, really {returned:x}\nbefore {before:?}\nreal {real:?}\nemulated {emulated:?}"));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} instructions:\n{}", failures.len(), failures.join("\n"));
}
