//! The kjit compiler: kernel source and argument types in, machine code and diagnostics out.
//!
//! Pure: no I/O, no threads, no clock, no environment, no `unsafe`. The layers, lowest first, are listed in
//! `docs/architecture.md`; `pipeline` is the one place that names every stage.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod backend;
pub mod base;
pub mod infer;
pub mod ir;
pub mod lower;
pub mod numerics;
pub mod passes;
pub mod pipeline;
pub mod syntax;
pub mod types;
pub mod vector;
