//! The processor of this machine, as the compiler wants to know it, and lower levels of it.

use std::str::FromStr;

use cranelift_codegen::isa::TargetIsa;
use kjit_compiler::base::target::{Target, Tier};

/// For which processor code is made. A level below the machine's own is for tests, for comparing, and for results of one machine on
/// another; values do not depend on it.
///
/// ```
/// use kjit::{Config, Engine, TargetCpu};
/// # if cfg!(target_arch = "x86_64") {
/// let engine = Engine::new(Config::new().target_cpu("x86-64-v2".parse().unwrap()))?;
/// assert_eq!(engine.target().tier.name(), "128-bit");
/// # }
/// # Ok::<(), kjit::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TargetCpu {
    /// This machine's.
    #[default]
    Native,
    /// x86-64 with SSE 4.2: 128-bit vectors.
    X86V2,
    /// x86-64 with AVX2, FMA and BMI: 256-bit vectors.
    X86V3,
    /// x86-64 with AVX-512 F, BW, CD, DQ and VL: 512-bit vectors.
    X86V4,
}

/// Cranelift's names of what each level of the x86-64 psABI adds.
const V2: &[&str] = &["has_cmpxchg16b", "has_popcnt", "has_sse3", "has_ssse3", "has_sse41", "has_sse42"];
const V3: &[&str] = &["has_avx", "has_avx2", "has_bmi1", "has_bmi2", "has_fma", "has_lzcnt"];
const V4: &[&str] = &["has_avx512dq", "has_avx512f", "has_avx512vl"];

impl TargetCpu {
    /// Every choice.
    pub const ALL: [TargetCpu; 4] = [TargetCpu::Native, TargetCpu::X86V2, TargetCpu::X86V3, TargetCpu::X86V4];

    /// As on the command line and in `KJIT_TARGET_CPU`: `native`, `x86-64-v2`, ...
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TargetCpu::Native => "native",
            TargetCpu::X86V2 => "x86-64-v2",
            TargetCpu::X86V3 => "x86-64-v3",
            TargetCpu::X86V4 => "x86-64-v4",
        }
    }

    /// What code for it may use.
    ///
    /// # Errors
    /// A sentence, if Cranelift does not know the machine, or the level is of another architecture.
    pub(crate) fn target(self) -> Result<Target, String> {
        let native = host()?;
        let levels: &[&[&str]] = match self {
            TargetCpu::Native => return Ok(native),
            TargetCpu::X86V2 => &[V2],
            TargetCpu::X86V3 => &[V2, V3],
            TargetCpu::X86V4 => &[V2, V3, V4],
        };
        if !cfg!(target_arch = "x86_64") {
            return Err(format!("{} is no level of this machine's processor", self.name()));
        }
        let mut features: Vec<String> = levels.concat().into_iter().map(str::to_owned).collect();
        features.sort();
        let tier = Tier::of_features(&features);
        Ok(Target { triple: native.triple, features, tier })
    }
}

impl FromStr for TargetCpu {
    type Err = String;

    fn from_str(text: &str) -> Result<TargetCpu, String> {
        TargetCpu::ALL.into_iter().find(|cpu| cpu.name() == text).ok_or_else(|| {
            let names: Vec<&str> = TargetCpu::ALL.iter().map(|cpu| cpu.name()).collect();
            format!("`{text}` is no processor that kjit knows; there are {}", names.join(", "))
        })
    }
}

/// What code for this machine may use.
///
/// # Errors
/// A sentence, if Cranelift does not know the processor.
pub(crate) fn host() -> Result<Target, String> {
    static HOST: std::sync::OnceLock<Result<Target, String>> = std::sync::OnceLock::new();
    HOST.get_or_init(|| {
        let builder = cranelift_native::builder().map_err(str::to_owned)?;
        let triple = builder.triple().to_string();
        let flags = cranelift_codegen::settings::Flags::new(cranelift_codegen::settings::builder());
        let isa = builder.finish(flags).map_err(|error| error.to_string())?;
        let isa: &dyn TargetIsa = &*isa;
        let mut features: Vec<String> = isa
            .isa_flags()
            .iter()
            .filter(|value| value.as_bool() == Some(true))
            .map(|value| value.name.to_owned())
            .collect();
        features.sort();
        let tier = highest_tier(&features);
        Ok(Target { triple, features, tier })
    })
    .clone()
}

/// The highest tier whose instructions and registers the processor and the operating system offer.
fn highest_tier(features: &[String]) -> Tier {
    let tier = Tier::of_features(features);
    // Cranelift does not ask for AVX-512 BW.
    #[cfg(target_arch = "x86_64")]
    if tier == Tier::Avx512 && !std::arch::is_x86_feature_detected!("avx512bw") {
        return Tier::Avx2;
    }
    tier
}

/// May code for this target run here?
///
/// # Errors
/// What is missing.
pub(crate) fn check_runs_here(target: &Target) -> Result<(), String> {
    let host = host()?;
    let missing: Vec<&str> = target
        .features
        .iter()
        .filter(|feature| !host.features.contains(feature))
        .map(|feature| feature.trim_start_matches("has_"))
        .collect();
    if missing.is_empty() && target.tier <= host.tier {
        return Ok(());
    }
    let missing = if missing.is_empty() { target.tier.name().to_owned() } else { missing.join(", ") };
    Err(format!("code for that processor cannot run on this one, which has no {missing}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names_and_tiers() {
        for cpu in TargetCpu::ALL {
            assert_eq!(cpu.name().parse(), Ok(cpu));
        }
        assert!("pentium".parse::<TargetCpu>().unwrap_err().contains("x86-64-v3"));
        if cfg!(target_arch = "x86_64") {
            let tiers =
                [TargetCpu::X86V2, TargetCpu::X86V3, TargetCpu::X86V4].map(|cpu| cpu.target().unwrap().tier);
            assert_eq!(tiers, [Tier::V128, Tier::Avx2, Tier::Avx512]);
        }
    }

    #[test]
    fn what_the_machine_lacks_is_named() {
        let mut target = host().unwrap();
        assert_eq!(check_runs_here(&target), Ok(()));
        target.features.push("has_magic".into());
        assert!(check_runs_here(&target).unwrap_err().ends_with("no magic"));
    }
}
