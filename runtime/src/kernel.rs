//! A function of a module, compiled for the types it is called with.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use kjit_compiler::base::{Diagnostic, Options};
use kjit_compiler::infer::ArgTy;
use kjit_compiler::ir::abi;
use kjit_compiler::ir::artifact::Signature;
use kjit_compiler::ir::func::Remark;
use rustc_hash::{FxHashMap, FxHasher};

use crate::compile::{self, Body, CompileInfo, Specialised};
use crate::error::Error;
use crate::exec;
use crate::exec::words::Words;
use crate::interp;
use crate::module::Parsed;
use crate::typed::{KernelArgs, KernelReturn, TypedKernel};
use crate::value::{Arg, Value};

/// A function that is compiled once per signature. Cheap to clone, `Send + Sync`: call it from as many threads as you
/// like.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub(crate) inner: Arc<KernelInner>,
}

#[derive(Debug)]
pub(crate) struct KernelInner {
    pub(crate) parsed: Arc<Parsed>,
    pub(crate) name: String,
    pub(crate) options: Options,
    /// The first signatures that were compiled: most kernels have no more.
    first: [OnceLock<Arc<Specialised>>; FIRST],
    /// Compiled signatures: read without a lock, replaced as a whole when one is added.
    table: ArcSwap<Table>,
    /// Cells in which each signature is compiled once, however many threads want it.
    pending: Mutex<FxHashMap<Box<[ArgTy]>, Arc<Pending>>>,
}

/// So many signatures are found by comparing them with the arguments, without a hash.
const FIRST: usize = 8;

type Table = FxHashMap<u64, Vec<(Box<[ArgTy]>, Arc<Specialised>)>>;
type Pending = OnceLock<Result<Arc<Specialised>, Error>>;

fn fingerprint(types: &[ArgTy]) -> u64 {
    let mut hasher = FxHasher::default();
    types.hash(&mut hasher);
    hasher.finish()
}

impl KernelInner {
    pub(crate) fn new(parsed: Arc<Parsed>, name: &str, options: Options) -> KernelInner {
        KernelInner {
            parsed,
            name: name.to_owned(),
            options,
            first: Default::default(),
            table: ArcSwap::default(),
            pending: Mutex::default(),
        }
    }

    /// The kernel for arguments of these types, if it is one of the first.
    #[inline]
    fn known(&self, args: &[Arg<'_>]) -> Option<&Specialised> {
        for place in &self.first {
            let made = place.get()?;
            if made.takes(args) {
                return Some(made);
            }
        }
        None
    }

    /// The kernel for these types: found, loaded from the cache, or compiled.
    pub(crate) fn specialise(&self, types: &[ArgTy]) -> Result<Arc<Specialised>, Error> {
        let hash = fingerprint(types);
        let find = |table: &Table| {
            let candidates = table.get(&hash)?;
            candidates.iter().find(|(known, _)| **known == *types).map(|(_, found)| Arc::clone(found))
        };
        if let Some(found) = find(&self.table.load()) {
            return Ok(found);
        }
        let cell = {
            let mut pending = self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(pending.entry(types.into()).or_default())
        };
        let result = cell.get_or_init(|| {
            let made = Arc::new(compile::specialise(self, types)?);
            self.table.rcu(|table| {
                let mut table = Table::clone(table);
                let candidates = table.entry(hash).or_default();
                if !candidates.iter().any(|(known, _)| **known == *types) {
                    candidates.push((types.into(), Arc::clone(&made)));
                }
                table
            });
            // Those that find no place are in the table alone.
            let _ = self.first.iter().try_fold(Arc::clone(&made), |made, place| place.set(made).err());
            Ok(made)
        });
        result.clone()
    }
}

impl Kernel {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Names of its parameters and whether each has a default.
    #[must_use]
    pub fn params(&self) -> Vec<(String, bool)> {
        let function = self.inner.parsed.ast.function(&self.inner.name);
        function.map_or(Vec::new(), |f| {
            f.params.iter().map(|p| (p.name.name.to_string(), p.default.is_some())).collect()
        })
    }

    /// Its head as it is written: `def step(u: f64[:, :], k: f64)`.
    #[must_use]
    pub fn head(&self) -> &str {
        let parsed = &self.inner.parsed;
        parsed
            .ast
            .function(&self.inner.name)
            .map_or("", |f| f.head_span.text(&parsed.source.text).trim_end_matches(':'))
    }

    /// The annotation of a parameter as it is written, if it has one.
    #[must_use]
    pub fn annotation(&self, param: &str) -> Option<&str> {
        let parsed = &self.inner.parsed;
        let params = &parsed.ast.function(&self.inner.name)?.params;
        let annotation = params.iter().find(|p| p.name.name == param)?.annotation?;
        Some(parsed.ast.exprs[annotation].span.text(&parsed.source.text))
    }

    /// Name of the file it comes from, as in messages.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.inner.parsed.source.name
    }

    /// Its documentation string.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.inner.parsed.ast.function(&self.inner.name)?.doc.as_deref()
    }

    /// Calls it with arguments of run-time types: compiles on the first call with new types.
    ///
    /// Trailing arguments may be left out if the parameters have defaults.
    ///
    /// # Errors
    /// Any of [`Error`]; after [`Error::Trap`] arrays may be partly written.
    ///
    /// ```
    /// use kjit::{Engine, Module, Value};
    /// let module = Module::from_source(&Engine::default(), "f.k", "def f(x, k=2):\n    return x * k\n")?;
    /// let value = module.kernel("f")?.call(&mut [21.0.into()])?;
    /// assert_eq!(value.as_f64(), Some(42.0));
    /// # Ok::<(), kjit::Error>(())
    /// ```
    pub fn call(&self, args: &mut [Arg<'_>]) -> Result<Value, Error> {
        if let Some(known) = self.inner.known(args) {
            return known.call(&self.inner.parsed, args);
        }
        let types: Vec<ArgTy> = args.iter().map(arg_ty).collect();
        let specialised = self.inner.specialise(&types)?;
        specialised.call(&self.inner.parsed, args)
    }

    /// Compiles (or finds) it for the types of these arguments without calling it.
    ///
    /// # Errors
    /// [`Error::Compile`].
    pub fn prepare(&self, args: &[Arg<'_>]) -> Result<Prepared, Error> {
        let types: Vec<ArgTy> = args.iter().map(arg_ty).collect();
        self.prepare_types(&types)
    }

    /// Compiles (or finds) it for these types without calling it.
    ///
    /// # Errors
    /// [`Error::Compile`].
    pub fn prepare_types(&self, types: &[ArgTy]) -> Result<Prepared, Error> {
        let specialised = self.inner.specialise(types)?;
        Ok(Prepared { kernel: self.clone(), specialised })
    }

    /// Compiles it for Rust types: calls then need no lookup, no lock and no allocation.
    ///
    /// # Errors
    /// [`Error::Compile`] if the function does not fit the argument types; [`Error::Argument`] if it returns another type.
    ///
    /// ```
    /// use kjit::{Engine, In, InOut, Module};
    /// let source = "def axpy(a, x, y):\n    for i in range(len(x)):\n        y[i] += a * x[i]\n";
    /// let module = Module::from_source(&Engine::default(), "axpy.k", source)?;
    /// let axpy = module.kernel("axpy")?.typed::<(f64, In<f64, 1>, InOut<f64, 1>), ()>()?;
    /// let (x, mut y) = ([1.0, 2.0], [10.0, 20.0]);
    /// axpy.call((2.0, (&x).into(), (&mut y).into()))?;
    /// assert_eq!(y, [12.0, 24.0]);
    /// # Ok::<(), kjit::Error>(())
    /// ```
    pub fn typed<A: KernelArgs, R: KernelReturn>(&self) -> Result<TypedKernel<A, R>, Error> {
        TypedKernel::new(self)
    }
}

fn arg_ty(arg: &Arg<'_>) -> ArgTy {
    arg.ty().map_or(ArgTy::Omitted, ArgTy::Given)
}

/// A kernel compiled for one signature.
#[derive(Clone, Debug)]
pub struct Prepared {
    kernel: Kernel,
    specialised: Arc<Specialised>,
}

impl Prepared {
    /// Calls it; the arguments must have the types it was prepared for.
    ///
    /// # Errors
    /// As [`Kernel::call`]; [`Error::Argument`] if the types differ.
    pub fn call(&self, args: &mut [Arg<'_>]) -> Result<Value, Error> {
        if !self.specialised.takes(args) {
            return Err(Error::Argument(
                "the arguments have other types than the kernel was prepared for".into(),
            ));
        }
        self.specialised.call(&self.kernel.inner.parsed, args)
    }

    /// Names, types, result.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        self.specialised.signature()
    }

    /// The argument types it was prepared for.
    #[must_use]
    pub fn arg_types(&self) -> &[ArgTy] {
        &self.specialised.types
    }

    /// How it was made and how long that took.
    #[must_use]
    pub fn info(&self) -> &CompileInfo {
        &self.specialised.info
    }

    /// Warnings of the compilation.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        self.specialised.warnings()
    }

    /// What the compiler did and did not do.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        self.specialised.remarks()
    }

    /// The machine code, if there is any, with its address.
    #[must_use]
    pub fn code(&self) -> Option<&[u8]> {
        match &self.specialised.body {
            Body::Native(native) => Some(&native.artifact.code),
            Body::Interp(_) => None,
        }
    }
}

impl Specialised {
    /// Was it made for arguments of these types?
    #[inline]
    fn takes(&self, args: &[Arg<'_>]) -> bool {
        args.len() == self.types.len() && (0..args.len()).all(|k| args[k].has_type(&self.types[k]))
    }

    /// Runs it on arguments of the types it was made for.
    fn call(&self, parsed: &Parsed, args: &mut [Arg<'_>]) -> Result<Value, Error> {
        let engine = &*parsed.engine.inner;
        let signature = self.signature();
        match &self.body {
            Body::Native(native) => {
                let (mut arg_room, mut ret_room) = (Words::new(), Words::new());
                let (mut more_args, mut more_ret) = (Vec::new(), Vec::new());
                let words = arg_room.zeroed_or(&mut more_args, native.arg_words);
                let ret = ret_room.zeroed_or(&mut more_ret, native.ret_words);
                let mut params = signature.params.iter();
                let mut used = 0;
                for arg in &*args {
                    if !matches!(arg, Arg::Omitted)
                        && let Some((_, ty)) = params.next()
                    {
                        used += arg.write_words(ty, &mut words[used..])?;
                    }
                }
                // SAFETY: the words were made from live views whose types are those of the signature; `&mut [Arg]` proves
                // that nothing else reaches what is written.
                unsafe {
                    exec::call::call(engine, native, words, ret, &parsed.source).map_err(|error| *error)?;
                    Value::from_words(&signature.ret, ret, engine)
                }
            }
            Body::Interp(program) => interp::call(program, signature, parsed, args),
        }
    }

    /// Words of the arguments.
    pub(crate) fn arg_words(&self) -> usize {
        self.signature().params.iter().map(|(_, ty)| abi::words(ty)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CacheDir, Config, Engine, Module, Scalar};

    #[test]
    fn more_signatures_than_are_compared_one_by_one() {
        let engine = Engine::new(Config::new().cache(CacheDir::Off)).unwrap();
        let module = Module::from_source(&engine, "a.k", "def f(a, b):\n    return a + b\n").unwrap();
        let kernel = module.kernel("f").unwrap();
        let one: [fn() -> Arg<'static>; 4] =
            [|| 1_i64.into(), || 1_u8.into(), || 1.0.into(), || 1_i32.into()];
        let combined = |first: bool| {
            for (i, a) in one.iter().enumerate() {
                for (j, b) in one.iter().enumerate() {
                    let value = kernel.call(&mut [a(), b()]).unwrap();
                    assert_eq!(value.as_f64(), Some(2.0));
                    let is_float = matches!(value, Value::Scalar(Scalar::F64(_)));
                    assert_eq!(is_float, i == 2 || j == 2, "{i} {j} {first}");
                }
            }
        };
        combined(true);
        assert!(kernel.inner.first.iter().all(|place| place.get().is_some()));
        assert_eq!(kernel.inner.table.load().values().flatten().count(), 16);
        combined(false);
        assert_eq!(kernel.inner.table.load().values().flatten().count(), 16, "nothing was compiled again");
        assert!(kernel.call(&mut [1.0.into()]).is_err(), "an argument is missing");
    }
}
