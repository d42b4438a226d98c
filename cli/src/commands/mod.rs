//! One file per command; what several of them need is here.

pub(crate) mod annotate;
pub(crate) mod bench;
mod bench_page;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod emit;
mod emit_gpu;
pub(crate) mod examples;
pub(crate) mod explain;
pub(crate) mod gpu;
pub(crate) mod run;

use kjit::{ArgTy, CompileError, Config, Diagnostic, Engine, Error, Kernel, Module};
use kjit_compiler::infer;

use crate::args::Target;
use crate::bind;
use crate::exit::{ErrorFormat, Exit, Failure, Outcome, show_diagnostics};
use crate::source;

/// A file with the function that was picked from it.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    pub(crate) kernel: Kernel,
    /// The command, for examples of what to write.
    pub(crate) verb: String,
}

/// Reads and parses a file and picks the function: `--fn`, else `main`, else the only one.
pub(crate) fn open(verb: &str, target: &Target, config: Config) -> Result<Session, Failure> {
    let (name, text) = source::read(&target.file)?;
    let engine = Engine::new(config)?;
    let module = Module::from_source(&engine, &name, &text)?;
    let kernel = pick(&module, &name, target.function.as_deref())?;
    Ok(Session { engine, module, kernel, verb: verb.to_owned() })
}

fn pick(module: &Module, file: &str, wanted: Option<&str>) -> Result<Kernel, Failure> {
    let names = module.function_names();
    let list = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let name = match wanted {
        // What is plain Python fails there, with the reason.
        Some(name) if names.iter().any(|known| known == name) || module.ast().plain(name).is_some() => name,
        Some(name) => {
            let hint =
                bind::nearest(name, &names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let known =
                if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", list()) };
            return Err(Failure::usage(format!("{file} has no function `{name}` ({known}){hint}")));
        }
        None if names.iter().any(|known| known == "main") => "main",
        None => match names.as_slice() {
            [only] => only,
            [] => return Err(Failure::usage(format!("{file} has no function to call"))),
            _ => {
                return Err(Failure::usage(format!(
                    "{file} has no `main`; say which function with `--fn`: {}",
                    list()
                )));
            }
        },
    };
    Ok(module.kernel(name)?)
}

impl Session {
    /// Diagnostics of this file as a failure.
    pub(crate) fn failure(&self, diagnostics: Vec<Diagnostic>) -> Failure {
        let (source, file) = (self.module.source().into(), self.kernel.file().into());
        Failure::from(Error::Compile(Box::new(CompileError { diagnostics, source, file })))
    }

    /// Shows the warnings of the file and of a compilation.
    ///
    /// # Errors
    /// If warnings are denied and there are any.
    pub(crate) fn show_warnings(&self, more: &[Diagnostic], target: &Target, format: ErrorFormat) -> Outcome {
        let mut warnings: Vec<Diagnostic> = self.module.warnings().to_vec();
        for warning in more {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        if warnings.is_empty() {
            return Ok(());
        }
        show_diagnostics(&warnings, self.module.source(), self.kernel.file(), format);
        if target.denies_warnings() {
            return Err(Failure::silent(Exit::Program));
        }
        Ok(())
    }

    /// Argument types from the values of the command line; for parameters without one, from the annotations.
    pub(crate) fn arg_types(&self, target: &Target) -> Result<Vec<ArgTy>, Failure> {
        if target.values.is_empty() && self.kernel.params().is_empty() {
            return Ok(Vec::new());
        }
        if target.values.is_empty()
            && let Ok(types) = infer::annotated_signature(self.module.ast(), self.kernel.name())
        {
            return Ok(types);
        }
        let mut bindings = bind::bind_for_types(self, &target.values, target.seed)?;
        let args = bind::args(&mut bindings.0)?;
        let types = args.iter().zip(bindings.1).map(|(arg, annotated)| {
            annotated.unwrap_or_else(|| arg.ty().map_or(ArgTy::Omitted, ArgTy::Given))
        });
        Ok(types.collect())
    }
}
