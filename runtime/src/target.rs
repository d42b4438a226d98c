//! The processor of this machine, as the compiler wants to know it.

use cranelift_codegen::isa::TargetIsa;
use kjit_compiler::base::target::Target;

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
        Ok(Target { triple, features })
    })
    .clone()
}
