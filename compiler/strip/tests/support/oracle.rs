//! Runs a case in the interpreter, and compares outcomes.

use super::random::{Case, Instance, Role};
use kjit_strip::interp::{Buffers, Error, Settings, run};
use kjit_strip::ir::{Elem, Ty};

/// What a run leaves behind.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub done: u64,
    /// Bytes of the arrays.
    pub arrays: Vec<Vec<u8>>,
    /// Words of the carried values, in the order of [`Case::outputs`].
    pub outputs: Vec<u64>,
}

/// Runs the first `n` iterations with the arrays at these addresses.
pub fn interpret(
    case: &Case,
    instance: &Instance,
    addresses: &[u64],
    n: u64,
    settings: &Settings,
) -> Result<Outcome, Error> {
    let mut memory = Buffers::new();
    for ((bytes, _), &address) in instance.arrays.iter().zip(addresses) {
        memory.add(address, bytes.clone());
    }
    let mut frame = frame(case, instance, addresses);
    let done = run(&case.strip, &mut frame, n, settings, &mut memory)?;
    let mut outcome = Outcome {
        done,
        arrays: (0..case.arrays.len()).map(|array| memory.bytes(array).to_vec()).collect(),
        outputs: case.outputs.iter().map(|&(word, _)| frame[word as usize]).collect(),
    };
    clean(case, instance, &mut outcome);
    Ok(outcome)
}

/// The frame with its addresses.
pub fn frame(case: &Case, instance: &Instance, addresses: &[u64]) -> Vec<u64> {
    let mut frame = instance.frame.clone();
    for ((array, (_, origin)), &address) in case.arrays.iter().zip(&instance.arrays).zip(addresses) {
        frame[array.word as usize] = address.wrapping_add(*origin);
    }
    frame
}

/// Addresses far from each other: multiples of the element's size after a multiple of 64, and now and then any.
pub fn far_addresses(case: &Case, instance: &Instance) -> Vec<u64> {
    let mut addresses = Vec::new();
    for (number, array) in (1..).zip(&case.arrays) {
        let mixed = (instance.n + number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let unit = if mixed.is_multiple_of(4) { 1 } else { u64::from(array.elem.bytes()) };
        addresses.push((number << 32) + mixed / 4 * unit % 64);
    }
    addresses
}

/// Makes all NaNs one.
pub fn clean(case: &Case, instance: &Instance, outcome: &mut Outcome) {
    for ((array, bytes), (_, origin)) in case.arrays.iter().zip(&mut outcome.arrays).zip(&instance.arrays) {
        let size = array.elem.bytes() as usize;
        let starts: Vec<usize> = match array.role {
            Role::Strided { step_word, .. } => {
                let step = instance.frame[step_word as usize] as i64;
                (0..instance.n).map(|i| origin.wrapping_add_signed(step * i as i64) as usize).collect()
            }
            Role::Line { .. } | Role::Table { .. } | Role::Limited { .. } | Role::Flags => {
                (0..bytes.len()).step_by(size).collect()
            }
        };
        for start in starts {
            let Some(element) = bytes.get_mut(start..start + size) else { continue };
            match array.elem {
                Elem::F64 if f64::from_le_bytes(element.try_into().unwrap()).is_nan() => {
                    element.copy_from_slice(&f64::NAN.to_le_bytes());
                }
                Elem::F32 if f32::from_le_bytes(element.try_into().unwrap()).is_nan() => {
                    element.copy_from_slice(&f32::NAN.to_le_bytes());
                }
                _ => {}
            }
        }
    }
    for (word, (_, ty)) in outcome.outputs.iter_mut().zip(&case.outputs) {
        match ty {
            Ty::F64 if f64::from_bits(*word).is_nan() => *word = f64::NAN.to_bits(),
            Ty::F32 if *word <= 0xffff_ffff && f32::from_bits(*word as u32).is_nan() => {
                *word = u64::from(f32::NAN.to_bits());
            }
            _ => {}
        }
    }
}
