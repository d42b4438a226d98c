//! The machine that code is made for, as data that the runtime fills in.

use serde::{Deserialize, Serialize};

/// A processor: architecture and the instruction sets that code may use.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Target triple, such as `x86_64-unknown-linux-gnu`.
    pub triple: String,
    /// Cranelift's names of the instruction sets that are there (`has_sse41`, `has_fma`, ...), sorted.
    pub features: Vec<String>,
}
