//! See `tests/` of the compiler crate once the front end is there.
