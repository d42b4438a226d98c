//! Cranelift's description of the processor, made from [`Target`]: reads nothing of the machine it runs on.

use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};

use super::CodegenOptions;
use crate::base::target::Target;

/// What the code generator asks of the processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    /// Rounding to whole numbers in one instruction.
    pub has_round: bool,
    /// Fused multiply-add in one instruction.
    pub has_fma: bool,
    /// Is a constant of a vector cheaper to load than a scalar one to build?
    pub has_cheap_vector_constants: bool,
    /// Is the saturating conversion to integers the machine's, once [`super::truncation`] has been there?
    pub has_own_truncation: bool,
    /// Convention of everything outside the image.
    pub outer: CallConv,
    /// Convention between functions of the image.
    pub inner: CallConv,
}

/// Builds the ISA. Takes about 70 us, so callers keep it.
pub(super) fn build_isa(target: &Target, options: CodegenOptions) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    let frame_pointers = if options.frame_pointers { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", "speed"),
        ("enable_verifier", verify),
        ("enable_alias_analysis", "true"),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
        ("preserve_frame_pointers", frame_pointers),
    ] {
        flags.set(name, value).map_err(|error| format!("setting {name}: {error}"))?;
    }
    let triple: target_lexicon::Triple =
        target.triple.parse().map_err(|error| format!("target `{}`: {error}", target.triple))?;
    let mut builder = isa::lookup(triple).map_err(|error| format!("target `{}`: {error}", target.triple))?;
    for feature in &target.features {
        builder.enable(feature).map_err(|error| format!("feature `{feature}`: {error}"))?;
    }
    builder.finish(Flags::new(flags)).map_err(|error| format!("target `{}`: {error}", target.triple))
}

/// Reads what matters here off an ISA.
pub(super) fn abilities(isa: &dyn TargetIsa, target: &Target) -> Abilities {
    let has = |name: &str| target.features.iter().any(|feature| feature == name);
    let is_x64 = matches!(isa.triple().architecture, target_lexicon::Architecture::X86_64);
    Abilities {
        has_round: !is_x64 || has("has_sse41"),
        has_fma: !is_x64 || has("has_fma"),
        has_cheap_vector_constants: is_x64,
        has_own_truncation: is_x64,
        outer: isa.default_call_conv(),
        inner: CallConv::Fast,
    }
}
