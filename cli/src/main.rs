//! The kjit command line.
fn main() {}
