//! The error codes: one row per code, with the title that `docs/errors/<code>.md` carries too.
//!
//! Families: K0xx syntax, K1xx names, K2xx Python that kjit does not have, K3xx types, K4xx arrays and shapes,
//! K5xx parallel loops, K6xx GPU, K7xx run time, K8xx cache and files, K9xx our own bugs.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($code:ident $title:literal)*) => {
        /// A code that names one kind of diagnostic, explained by `kjit explain`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum Code { $($code),* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// `K501` and so on.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code)),* }
            }

            /// The title of the code's page: what the situation is.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title),* }
            }
        }
    };
}

codes! {
    // Syntax.
    K001 "unexpected character"
    K002 "unterminated string or bracket"
    K003 "wrong indentation"
    K004 "unexpected token"
    K005 "number out of range or malformed"
    K006 "assignment to something that cannot be assigned"
    K007 "statement outside its place"
    K008 "nested too deeply"
    K009 "duplicate parameter or keyword"
    K010 "parameter order"
    K011 "source too large"
    // Names.
    K101 "unknown name"
    K102 "variable may be unassigned"
    K103 "unknown attribute, function or method"
    K104 "unknown function to run"
    K105 "name defined twice"
    K106 "module constant that cannot be evaluated"
    // Python that is not supported.
    K201 "statement that kernels do not have"
    K202 "expression that kernels do not have"
    K203 "unknown decorator or decorator option"
    K204 "import that kernels do not have"
    K205 "function of Python or NumPy that kernels do not have"
    K206 "array expression"
    K207 "unsupported argument of a known function"
    K208 "parameter form that kernels do not have"
    K209 "unknown exception type"
    // Types.
    K301 "operator on types that do not go together"
    K302 "variable with two types"
    K303 "argument of the wrong type"
    K304 "wrong number of arguments"
    K305 "unknown type annotation"
    K306 "argument does not match the annotation"
    K307 "return types differ"
    K308 "value where a condition is needed"
    K309 "recursion without a typed exit"
    K310 "not callable"
    K311 "cast that loses meaning"
    K312 "unpacking a different number of values"
    K313 "value has no such type at compile time"
    K314 "format specification does not fit"
    // Arrays.
    K401 "wrong number of indices"
    K402 "index is not an integer"
    K403 "element type of a store"
    K404 "array rank"
    K405 "array is read-only"
    K406 "shape is not a tuple of integers"
    K407 "array type that cannot be determined"
    // Parallel loops.
    K501 "value carried between parallel iterations"
    K502 "parallel iterations write the same element"
    K503 "parallel iteration reads what another writes"
    K504 "not provable: the parallel loop runs serially"
    K505 "exit from a parallel loop"
    K507 "wrong use of a reduction variable"
    K508 "prange that runs serially"
    // GPU.
    K601 "GPU function outside a kernel"
    K602 "kernel or device function called in the wrong place"
    K603 "launch configuration"
    K604 "kernel that returns a value"
    K605 "not possible in a GPU kernel"
    K606 "scratch array of a kernel"
    K607 "threads of a block do not meet"
    K608 "GPU kernel that runs in the simulator"
    K609 "event that was not recorded"
    // Run time.
    K701 "index out of range"
    K702 "division by zero"
    K703 "shapes do not match"
    K704 "out of memory"
    K705 "recursion too deep"
    K706 "assertion failed"
    K707 "exception raised"
    K708 "range step of zero"
    K709 "empty array has no such value"
    K710 "negative dimension"
    K711 "interrupted"
    K713 "uninitialised element read"
    K714 "integer overflow"
    K715 "value outside the domain"
    K716 "file cannot be loaded or saved"
    K717 "variable has no value because a loop did not run"
    // Cache and files.
    K801 "cache directory is not safe"
    K802 "cache cannot be written"
    // Ours.
    K901 "internal error"
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Code, ()> {
        Code::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(text)).ok_or(())
    }
}
