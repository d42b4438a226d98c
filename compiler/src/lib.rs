//! The kjit compiler: kernel source and argument types in, machine code out; no I/O, no unsafe.

#![forbid(unsafe_code)]

pub mod numerics;
