//! What the integration tests share. Each test uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod oracle;
pub mod random;
pub mod rng;
