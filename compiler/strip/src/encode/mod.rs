//! x86-64 instructions as bytes, from two tables of forms ([`forms`], [`gpr`]).
//!
//! Vector instructions are encoded with VEX where possible, with EVEX where a register above 15, a mask, a broadcast operand or 512
//! bits need it. Jumps go to labels and constants live in a pool after the code; both are patched in the end, so that the bytes
//! work wherever they lie.

pub(crate) mod asm;
pub(crate) mod forms;
pub(crate) mod gpr;
#[cfg(test)]
mod tests;

pub(crate) use asm::{Asm, Cond, Label, Mem, MemBase, Pool, Rm, Width};
pub(crate) use forms::{F, Shape};
pub(crate) use gpr::{G, GShape};
