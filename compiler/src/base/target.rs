//! The machine that code is made for, as data that the runtime fills in.

use serde::{Deserialize, Serialize};

/// A processor: architecture and the instruction sets that code may use.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Target triple, such as `x86_64-unknown-linux-gnu`.
    pub triple: String,
    /// Cranelift's names of the instruction sets that are there (`has_sse41`, `has_fma`, ...), sorted.
    pub features: Vec<String>,
    /// Which vector code is made.
    pub tier: Tier,
}

/// Vector code of one kind; results do not depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Tier {
    /// None: every loop is scalar.
    Scalar,
    /// 128 bits, by Cranelift: every x86-64 and AArch64 processor.
    V128,
    /// 256 bits: AVX2, FMA and BMI2.
    Avx2,
    /// 512 bits: AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Tier {
    /// For messages: `scalar`, `128-bit`, `avx2`, `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tier::Scalar => "scalar",
            Tier::V128 => "128-bit",
            Tier::Avx2 => "avx2",
            Tier::Avx512 => "avx512",
        }
    }

    /// The highest that a processor with these features (Cranelift's names) has.
    #[must_use]
    pub fn of_features(features: &[String]) -> Tier {
        let has = |names: &[&str]| names.iter().all(|name| features.iter().any(|feature| feature == name));
        if !has(&["has_avx2", "has_fma", "has_bmi2"]) {
            Tier::V128
        } else if !has(&["has_avx512f", "has_avx512dq", "has_avx512vl"]) {
            Tier::Avx2
        } else {
            Tier::Avx512
        }
    }
}
