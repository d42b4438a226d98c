//! What the operations of the language mean, as pure functions on numbers.
//!
//! The interpreter calls them, constant folding calls them, and the runtime hands them to native code
//! through `extern "C"` wrappers: one definition, so the same bits on every engine. Nothing here knows
//! types, spans or arrays, does I/O, or panics; a value outside the domain gives what the function's
//! comment says. `docs/numerics.md` is the same information for users.

pub mod cast;
pub mod complex;
pub mod float;
pub mod format;
pub mod int;
pub mod lanes;
pub mod math;
pub mod random;
pub mod reduce;
