//! kjit compiles small numeric kernels, written in a subset of Python, to machine code within about a millisecond.
//!
//! ```
//! use kjit::{Config, Engine, In, InOut, Module};
//!
//! let engine = Engine::new(Config::new())?;                             // cheap to clone, Send + Sync
//! let source = "
//! def saxpy(a, x, y):
//!     for i in range(len(x)):
//!         y[i] = a * x[i] + y[i]
//! ";
//! let module = Module::from_source(&engine, "saxpy.k", source)?;         // parsed, not yet compiled
//! let saxpy = module.kernel("saxpy")?.typed::<(f64, In<f64, 1>, InOut<f64, 1>), ()>()?;
//! let (x, mut y) = (vec![1.0, 2.0], vec![10.0, 20.0]);
//! saxpy.call((2.0, (&x).into(), (&mut y).into()))?;                      // no lookup, no lock, no allocation
//! assert_eq!(y, [12.0, 24.0]);
//! # Ok::<(), kjit::Error>(())
//! ```
//!
//! The library prints nothing, installs no signal handler and never exits. Handles are `Send + Sync + Clone`; a kernel
//! may be called from many threads at once and from inside the host's own rayon tasks. `unsafe` lives in islands: code
//! pages (`code`), the call into generated code and what it calls back (`exec`), the array door (`view`, `owned`), the driver's
//! functions (`gpu`).

mod cache;
mod code;
mod compile;
mod config;
mod element;
mod engine;
mod error;
mod exec;
pub mod gpu;
mod hooks;
mod interp;
mod jobs;
mod kernel;
mod module;
mod native;
mod owned;
mod target;
mod typed;
mod value;
mod view;

pub use cache::{CacheManager, CacheWarning, EntryInfo, default_dir as default_cache_dir};
pub use compile::{CompileInfo, Origin};
pub use config::{CacheDir, Config, DeviceKind, EngineKind};
pub use element::Element;
pub use engine::{Engine, InterruptHandle};
pub use error::{CompileError, DevicePlace, Error, TrapError};
pub use hooks::{ArrayFiles, PrintHook, Progress, ProgressHook, WarningHook};
pub use kernel::{Kernel, Prepared};
pub use kjit_compiler::base::{Code, Diagnostic, ErrorModel, FastMath, Options};
pub use kjit_compiler::infer::ArgTy;
pub use kjit_compiler::ir::artifact::Signature;
pub use kjit_compiler::ir::func::{Remark, RemarkKind};
pub use kjit_compiler::types::{ArrayTy, DType, Layout, Ty};
pub use module::Module;
pub use owned::{Array, DynArray};
pub use target::TargetCpu;
pub use typed::{KernelArg, KernelArgs, KernelReturn, TypedKernel};
pub use value::{Arg, Scalar, Value};
pub use view::{ArrayRef, ArrayRefMut, In, InOut, View, ViewMut};
