//! Engines that turn the IR into results: none imports another.

pub mod clif;
pub mod cuda;
pub mod interp;
