//! What the integration tests share. Each test uses a part of it.
#![allow(dead_code, unreachable_pub)]

#[cfg(all(target_arch = "x86_64", unix))]
pub mod host;
pub mod oracle;
pub mod random;
pub mod rng;
pub mod shrink;
