//! GPU code without a GPU: stand-ins for `libcuda` and `libnvrtc`, built from `tests/gpu/` with the C++ compiler.
//!
//! The stand-in for NVRTC compiles the text with the C++ compiler and a header that makes CUDA C of it; the one for the
//! driver runs the threads of its kernels as fibers. What runs is the text that the compiler emits, and all of the runtime;
//! what is not tested is a GPU. `docs/gpu-testing.md` tells more.

mod build;
pub mod cases;
mod driver;
mod nvrtc;

use libtest_mimic::Trial;

pub use build::{Pair, Standin, standin};
pub use driver::{Driver, Failure, Module};
pub use nvrtc::{Sass, Toolkit, toolkit};

/// The tests, or, if there is a reason why they cannot run here, the same number of ignored ones that show it.
#[must_use]
pub fn trials(tests: &[(&str, fn())], obstacle: Option<&str>) -> Vec<Trial> {
    let reason = obstacle.and_then(|text| text.lines().next()).unwrap_or_default().to_owned();
    let make = |&(name, test): &(&str, fn())| {
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        trial.with_kind(&reason).with_ignored_flag(!reason.is_empty())
    };
    tests.iter().map(make).collect()
}
