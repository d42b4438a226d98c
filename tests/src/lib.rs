//! What the tests of kjit share: Markdown case files and the engines they run on, the generator of random programs, and
//! values that are compared bit by bit.
//!
//! ```text
//! case.rs      a Markdown file        -> tests: source, calls, expected values, dumps
//! literal.rs   `[1, 2]:f32`           -> values of the language
//! memory.rs    a size                -> room in which it is noticed if a kernel leaves its arrays
//! buffer.rs    values                 -> arrays in memory, in several layouts
//! setup.rs                            -> the ways to run a kernel: back end, threads, cache, layout
//! run.rs       a test, one way to run -> what every call gave
//! verdict.rs   a test, every way      -> what differs from what is expected, and from each other
//! differ.rs    a program            -> where the engines differ
//! generate/    a seed                 -> a well-typed program with its calls
//! ```
//!
//! Nothing here computes an expected value: those stand in the files and come from CPython and NumPy.

pub mod buffer;
pub mod case;
pub mod differ;
pub mod generate;
pub mod gpu;
pub mod literal;
pub mod memory;
pub mod run;
pub mod setup;
pub mod verdict;
