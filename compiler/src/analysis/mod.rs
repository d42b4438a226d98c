//! Facts about the IR: never edits, never prints. What the passes and the race check ask.

pub mod affine;
pub mod alias;
pub mod cost;
pub mod kernels;
pub mod liveness;
mod monomial;
pub mod race;
pub mod reuse;
pub mod values;
