//! Strips: loops whose iterations run in lockstep, one per lane, and their machine code.
//!
//! A [`Strip`] says what happens to a block of lanes, for any number of lanes ([`ir`]). It knows nothing of the language it came
//! from and nothing of registers. Pure: no I/O, no threads, no environment, no `unsafe`.
#![forbid(unsafe_code)]

pub mod build;
pub mod emit;
mod encode;
pub mod interp;
pub mod ir;
mod legal;
pub mod narrow;
#[cfg(test)]
mod testing;
pub mod text;
pub mod verify;
pub mod walk;

pub use build::Builder;
pub use emit::{Code, Scratch, Tier, Unsupported, emit, emit_with};
pub use ir::Strip;
pub use legal::may_stream;
pub use narrow::{narrow, narrow_most};
pub use verify::{Violation, verify};
