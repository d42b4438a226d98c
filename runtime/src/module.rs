//! A parsed source file and its functions.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use kjit_compiler::base::{Diagnostic, Options};
use kjit_compiler::syntax::{self, ast::Ast};
use rustc_hash::FxHashMap;

use crate::engine::Engine;
use crate::error::{CompileError, Error};
use crate::exec::float_mode::FloatMode;
use crate::kernel::{Kernel, KernelInner};

/// The text that spans speak of.
#[derive(Clone, Debug)]
pub(crate) struct SourceText {
    /// For messages.
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl SourceText {
    pub(crate) fn compile_error(&self, diagnostics: Vec<Diagnostic>) -> Error {
        let (source, file) = (self.text.clone(), self.name.clone());
        Error::Compile(Box::new(CompileError { diagnostics, source, file }))
    }
}

/// A source file: parsed, not yet compiled. Cheap to clone.
///
/// ```
/// use kjit::{Engine, Module};
/// let engine = Engine::default();
/// let module = Module::from_source(&engine, "square.k", "def square(x):\n    return x * x\n")?;
/// assert_eq!(module.function_names(), ["square"]);
/// # Ok::<(), kjit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Module {
    parsed: Arc<Parsed>,
    /// One cell per function, so that all handles of a kernel share its specialisations.
    kernels: Arc<FxHashMap<String, OnceLock<Arc<KernelInner>>>>,
}

/// What kernels need of their module.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) engine: Engine,
    pub(crate) source: SourceText,
    pub(crate) ast: Ast,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) parse_time: Duration,
}

impl Module {
    /// Parses a source text; `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Compile`] with all syntax errors.
    pub fn from_source(engine: &Engine, name: &str, text: &str) -> Result<Module, Error> {
        let start = Instant::now();
        let source = SourceText { name: name.into(), text: text.into() };
        // Numbers are read here.
        let _mode = FloatMode::enter();
        let (ast, diagnostics) = syntax::parse(text);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(source.compile_error(diagnostics));
        }
        let kernels = ast.functions.iter().map(|f| (f.name.name.to_string(), OnceLock::new())).collect();
        let parse_time = start.elapsed();
        let parsed = Parsed { engine: engine.clone(), source, ast, warnings: diagnostics, parse_time };
        Ok(Module { parsed: Arc::new(parsed), kernels: Arc::new(kernels) })
    }

    /// Reads and parses a file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is not UTF-8; [`Error::Compile`] with all syntax errors.
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::File { path: path.to_owned(), message: error.to_string() })?;
        Module::from_source(engine, &path.to_string_lossy(), &text)
    }

    /// The function of that name, to be compiled when types are known.
    ///
    /// # Errors
    /// [`Error::UnknownKernel`] with the names that there are; [`Error::Compile`] for a function beside kernels that is plain Python.
    pub fn kernel(&self, name: &str) -> Result<Kernel, Error> {
        self.kernel_with(name, None)
    }

    /// As [`Module::kernel`], with other options than the engine's; its specialisations are its own.
    ///
    /// # Errors
    /// As there.
    pub fn kernel_with_options(&self, name: &str, options: Options) -> Result<Kernel, Error> {
        self.kernel_with(name, Some(options))
    }

    fn kernel_with(&self, name: &str, options: Option<Options>) -> Result<Kernel, Error> {
        let Some(cell) = self.kernels.get(name) else {
            if let Some(plain) = self.parsed.ast.plain(name) {
                return Err(self.parsed.source.compile_error(vec![plain.why.clone()]));
            }
            return Err(Error::UnknownKernel { name: name.to_owned(), known: self.function_names() });
        };
        let make = |options| Arc::new(KernelInner::new(Arc::clone(&self.parsed), name, options));
        let inner = match options {
            Some(options) => make(options),
            None => Arc::clone(cell.get_or_init(|| make(self.parsed.engine.inner.config.options.clone()))),
        };
        Ok(Kernel { inner })
    }

    /// Names of the functions, in source order.
    #[must_use]
    pub fn function_names(&self) -> Vec<String> {
        self.parsed.ast.functions.iter().map(|f| f.name.name.to_string()).collect()
    }

    /// The syntax tree.
    #[must_use]
    pub fn ast(&self) -> &Ast {
        &self.parsed.ast
    }

    /// The source text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.parsed.source.text
    }

    /// Warnings of the parser.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.parsed.warnings
    }

    /// How long reading the text took.
    #[must_use]
    pub fn parse_time(&self) -> Duration {
        self.parsed.parse_time
    }
}
