//! The built-in functions, methods and attributes: one row per spelling.
//!
//! [`Builtin`] is what inference resolves a name to and what `lower` expands; [`lookup`] maps dotted paths (after
//! imports: `numpy.sqrt`, `math.sqrt`, `sqrt` of `builtins`) to it, [`method`] the names after a dot on a value.

mod tables;

use tables::{ATTRIBUTES, BARE, CMATH, GENERATOR, LANGUAGE, MATH, METHODS, NUMPY, RANDOM, Row};

use super::device::DeviceFn;
use super::ufunc::Ufunc;
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

/// What a call, a method or an attribute means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Builtin {
    /// `math.f(x)`, `np.f(x)`: of a float; integers are converted to `f64`, `f32` stays (for complex see `lower`).
    Math1(MathFn1),
    /// `math.f(x, y)`, `np.f(x, y)`.
    Math2(MathFn2),
    /// `abs(x)`, `np.abs(x)`, `math.fabs(x)` is `Math1`.
    Abs,
    /// `min(a, b, ...)` of scalars: two or more arguments, or a tuple.
    Min,
    /// `max(a, b, ...)`.
    Max,
    /// `np.minimum(a, b)`: propagates NaN.
    Minimum,
    /// `np.maximum(a, b)`: propagates NaN.
    Maximum,
    /// `round(x)` to an integer, half to even.
    Round,
    /// `round(x, digits)`, `np.round(x, digits)`.
    RoundDigits,
    /// `math.floor(x)` to an integer.
    FloorInt,
    /// `math.ceil(x)` to an integer.
    CeilInt,
    /// `math.trunc(x)` to an integer.
    TruncInt,
    /// `divmod(a, b)`.
    Divmod,
    /// `pow(a, b)`: as `**`.
    Pow,
    /// `math.isnan(x)`.
    IsNan,
    /// `math.isinf(x)`.
    IsInf,
    /// `math.isfinite(x)`.
    IsFinite,
    /// `math.degrees(x)`.
    Degrees,
    /// `math.radians(x)`.
    Radians,
    /// `math.gcd(a, b)`.
    Gcd,
    /// `np.sign(x)`.
    Sign,
    /// `np.square(x)`.
    Square,
    /// `complex(re, im)`.
    Complex,
    /// `x.real`.
    Real,
    /// `x.imag`.
    Imag,
    /// `x.conjugate()`, `np.conj(x)`.
    Conj,
    /// `np.angle(z)`, `cmath.phase(z)`.
    Angle,
    /// `cmath.exp` and so on: of a complex number.
    ComplexMath(MathFn1),
    /// `len(x)`.
    Len,
    /// `range(...)`: only as what a `for` runs over. Plan: start, stop, step.
    Range,
    /// `prange(...)`: only as what a `for` runs over.
    Prange,
    /// `enumerate(x, start)`: only in `for`.
    Enumerate,
    /// `zip(a, b, ...)`: only in `for`.
    Zip,
    /// `reversed(range(...))` or of an array: only in `for`.
    Reversed,
    /// `print(...)`.
    Print,
    /// `x.shape`: a tuple of integers.
    Shape,
    /// `x.size`.
    Size,
    /// `x.T`, `np.transpose(x)`.
    Transpose,
    /// `x.strides`, in bytes.
    Strides,
    /// `x.itemsize`.
    Itemsize,
    /// `x.nbytes`.
    Nbytes,
    /// `np.zeros(shape, dtype)`. Plan: shape, dtype (always a constant).
    Zeros,
    /// `np.ones(shape, dtype)`.
    Ones,
    /// `np.empty(shape, dtype)`.
    Empty,
    /// `np.full(shape, value, dtype)`.
    Full,
    /// `np.zeros_like(x, dtype)`.
    ZerosLike,
    /// `np.ones_like(x, dtype)`.
    OnesLike,
    /// `np.empty_like(x, dtype)`.
    EmptyLike,
    /// `np.full_like(x, value, dtype)`.
    FullLike,
    /// `np.arange(start, stop, step, dtype)`.
    Arange,
    /// `np.linspace(start, stop, num)`; `endpoint` is a constant fourth.
    Linspace,
    /// `x.copy()`, `np.copy(x)`, `np.array(x)`, `np.ascontiguousarray(x)`.
    Copy,
    /// `x.fill(value)`.
    Fill,
    /// `x.astype(dtype)`.
    Astype,
    /// `x.item()` of an array with one element.
    Item,
    /// `x.sum()`, `np.sum(x)`, `sum(x)`: full reductions.
    Sum,
    /// `x.prod()`.
    Prod,
    /// `x.min()`, `np.min(x)`, `min(x)`.
    AMin,
    /// `x.max()`.
    AMax,
    /// `x.mean()`.
    Mean,
    /// `x.argmin()`: position in C order.
    Argmin,
    /// `x.argmax()`.
    Argmax,
    /// `x.any()`.
    Any,
    /// `x.all()`.
    All,
    /// `np.random.seed(s)`.
    RandomSeed,
    /// `np.random.random()`, `random_sample`, `rand()`.
    Random,
    /// `np.random.uniform(low, high)`.
    RandomUniform,
    /// `np.random.normal(mean, deviation)`.
    RandomNormal,
    /// `np.random.standard_normal()`, `randn()`.
    RandomStandardNormal,
    /// `np.random.randint(low, high)`.
    RandomInt,
    /// `np.random.default_rng(seed)`.
    DefaultRng,
    /// `rng.random()`.
    GeneratorRandom,
    /// `rng.uniform(low, high)`.
    GeneratorUniform,
    /// `rng.normal(mean, deviation)`.
    GeneratorNormal,
    /// `rng.standard_normal()`.
    GeneratorStandardNormal,
    /// `rng.integers(low, high)`.
    GeneratorIntegers,
    /// `np.load(path)`: only in `main`.
    Load,
    /// `np.save(path, x)`: only in `main`.
    Save,
    /// `np.add(a, b)` and its like: NumPy's function of numbers.
    Ufunc(Ufunc),
    /// `math.log(x, base)`: without base it is `Math1`.
    LogBase,
    /// `math.isqrt(n)`.
    Isqrt,
    /// `math.lcm(a, b)`, `np.lcm(a, b)`.
    Lcm,
    /// `math.factorial(n)`: fails where the result does not fit into 64 bits.
    Factorial,
    /// `math.comb(n, k)`.
    Comb,
    /// `math.perm(n, k)`.
    Perm,
    /// `math.frexp(x)`: mantissa and exponent.
    Frexp,
    /// `math.modf(x)`: fraction and whole part.
    Modf,
    /// `np.array(items, dtype)`: of an array a copy.
    Array,
    /// `np.asarray(x, dtype)`: the array itself if it has the type already.
    AsArray,
    /// `np.ascontiguousarray(x)`: the array itself if it is contiguous already.
    AsContiguous,
    /// An array as it is: what `AsArray` and `AsContiguous` become where nothing is to do.
    Same,
    /// `np.eye(n, m, dtype)`.
    Eye,
    /// `np.identity(n, dtype)`.
    Identity,
    /// `x.flatten()`: a copy with one axis.
    Flatten,
    /// `x.reshape(shape)`: the same elements with other extents, one of which may be -1.
    Reshape,
    /// `x.ravel()`: the same elements with one axis.
    Ravel,
    /// `x.var()`, `np.var(x, ddof=0)`.
    Var,
    /// `x.std()`.
    Std,
    /// `np.count_nonzero(x)`.
    CountNonzero,
    /// `np.dot(x, y)`, `np.vdot(x, y)`, `np.inner(x, y)` of two arrays of one axis.
    Dot,
    /// `np.linalg.norm(x)` of an array of one axis.
    Norm,
    /// `np.cumsum(x)` of an array of one axis.
    Cumsum,
    /// `np.cumprod(x)` of an array of one axis.
    Cumprod,
    /// What only a thread of a GPU kernel can do.
    Device(DeviceFn),
    /// `cuda.grid(n)`: position of the thread in the whole grid.
    CudaGrid,
    /// `cuda.gridsize(n)`: threads of the whole grid.
    CudaGridSize,
    /// `cuda.event()`.
    CudaEvent,
    /// `event.record()`.
    EventRecord,
    /// `start.elapsed_time(end)`, `cuda.event_elapsed_time(start, end)`.
    EventElapsed,
    /// `a.copy_to_host(b)`: all elements of `a` to `b`; without `b` it is `Copy`.
    CopyTo,
    /// `a.copy_to_device(b)`: all elements of `b` to `a`.
    CopyFrom,
    /// `isinstance`-free type name used as a value: `np.float64`, `f32`; called, it is a cast.
    Type(DType),
}

/// How arguments are written: names for keywords, in order; the first `required` must be given. The receiver of a method or
/// attribute is the first.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Names of the parameters.
    pub names: &'static [&'static str],
    /// How many must be given.
    pub required: usize,
    /// Any number of further positional arguments.
    pub is_variadic: bool,
}

const fn fixed(names: &'static [&'static str], required: usize) -> Signature {
    Signature { names, required, is_variadic: false }
}

impl Builtin {
    /// Names and number of its parameters; a [`CallPlan`](crate::infer::CallPlan) has one entry per name, in this order.
    #[must_use]
    pub fn signature(self) -> Signature {
        match self {
            Builtin::Math1(_)
            | Builtin::ComplexMath(_)
            | Builtin::Abs
            | Builtin::Round
            | Builtin::FloorInt
            | Builtin::CeilInt
            | Builtin::TruncInt
            | Builtin::IsNan
            | Builtin::IsInf
            | Builtin::IsFinite
            | Builtin::Degrees
            | Builtin::Radians
            | Builtin::Sign
            | Builtin::Square
            | Builtin::Real
            | Builtin::Imag
            | Builtin::Conj
            | Builtin::Angle
            | Builtin::Isqrt
            | Builtin::Factorial
            | Builtin::Frexp
            | Builtin::Modf => fixed(&["x"], 1),
            Builtin::Ufunc(function) => {
                let (names, required) = function.params();
                fixed(names, required)
            }
            Builtin::LogBase => fixed(&["x", "base"], 1),
            Builtin::Comb => fixed(&["n", "k"], 2),
            Builtin::Perm => fixed(&["n", "k"], 1),
            Builtin::Array | Builtin::AsArray | Builtin::AsContiguous => fixed(&["a", "dtype"], 1),
            Builtin::Eye => fixed(&["N", "M", "dtype"], 1),
            Builtin::Identity => fixed(&["n", "dtype"], 1),
            Builtin::Var | Builtin::Std => fixed(&["a", "axis", "ddof"], 1),
            Builtin::Math2(_) | Builtin::Minimum | Builtin::Maximum => fixed(&["x1", "x2"], 2),
            Builtin::Divmod | Builtin::Gcd | Builtin::Lcm | Builtin::Dot => fixed(&["a", "b"], 2),
            Builtin::Pow => fixed(&["base", "exp"], 2),
            Builtin::Min | Builtin::Max | Builtin::Zip | Builtin::Print => {
                Signature { names: &[], required: 0, is_variadic: true }
            }
            Builtin::RoundDigits => fixed(&["a", "decimals"], 1),
            Builtin::Complex => fixed(&["real", "imag"], 1),
            Builtin::Len | Builtin::Reversed => fixed(&["obj"], 1),
            Builtin::Range | Builtin::Prange => fixed(&["start", "stop", "step"], 1),
            Builtin::Enumerate => fixed(&["iterable", "start"], 1),
            Builtin::Shape
            | Builtin::Size
            | Builtin::Transpose
            | Builtin::Strides
            | Builtin::Itemsize
            | Builtin::Nbytes
            | Builtin::Copy
            | Builtin::Item
            | Builtin::Sum
            | Builtin::Prod
            | Builtin::AMin
            | Builtin::AMax
            | Builtin::Mean
            | Builtin::Argmin
            | Builtin::Argmax
            | Builtin::Any
            | Builtin::All
            | Builtin::Same
            | Builtin::Flatten
            | Builtin::Ravel
            | Builtin::CountNonzero
            | Builtin::Norm
            | Builtin::Cumsum
            | Builtin::Cumprod => fixed(&["a"], 1),
            Builtin::Zeros | Builtin::Ones | Builtin::Empty => fixed(&["shape", "dtype"], 1),
            Builtin::Full => fixed(&["shape", "fill_value", "dtype"], 2),
            Builtin::ZerosLike | Builtin::OnesLike | Builtin::EmptyLike => fixed(&["prototype", "dtype"], 1),
            Builtin::FullLike => fixed(&["a", "fill_value", "dtype"], 2),
            Builtin::Arange => fixed(&["start", "stop", "step", "dtype"], 1),
            Builtin::Linspace => fixed(&["start", "stop", "num", "endpoint"], 2),
            Builtin::Reshape => fixed(&["a", "shape"], 2),
            Builtin::Fill => fixed(&["a", "value"], 2),
            Builtin::Astype => fixed(&["a", "dtype"], 2),
            Builtin::RandomSeed => fixed(&["seed"], 1),
            Builtin::Random | Builtin::RandomStandardNormal => fixed(&[], 0),
            Builtin::RandomUniform => fixed(&["low", "high"], 0),
            Builtin::RandomNormal => fixed(&["loc", "scale"], 0),
            Builtin::RandomInt => fixed(&["low", "high"], 1),
            Builtin::DefaultRng => fixed(&["seed"], 1),
            Builtin::GeneratorRandom | Builtin::GeneratorStandardNormal => fixed(&["rng"], 1),
            Builtin::GeneratorUniform => fixed(&["rng", "low", "high"], 1),
            Builtin::GeneratorNormal => fixed(&["rng", "loc", "scale"], 1),
            Builtin::GeneratorIntegers => fixed(&["rng", "low", "high"], 2),
            Builtin::Device(function) => fixed(function.params(), function.params().len()),
            Builtin::CudaGrid | Builtin::CudaGridSize => fixed(&["ndim"], 1),
            Builtin::CudaEvent => fixed(&["timing"], 0),
            Builtin::EventRecord => fixed(&["event", "stream"], 1),
            Builtin::EventElapsed => fixed(&["start", "end"], 2),
            Builtin::CopyTo => fixed(&["a", "ary", "stream"], 1),
            Builtin::CopyFrom => fixed(&["a", "ary", "stream"], 2),
            Builtin::Load => fixed(&["file"], 1),
            Builtin::Save => fixed(&["file", "arr"], 2),
            Builtin::Type(_) => fixed(&["x"], 0),
        }
    }
}

impl Builtin {
    /// Does it need the host: new memory, files, random numbers, lines of text?
    #[must_use]
    pub fn is_host_only(self) -> bool {
        matches!(
            self,
            Builtin::Zeros
                | Builtin::Ones
                | Builtin::Empty
                | Builtin::Full
                | Builtin::ZerosLike
                | Builtin::OnesLike
                | Builtin::EmptyLike
                | Builtin::FullLike
                | Builtin::Arange
                | Builtin::Linspace
                | Builtin::Copy
                | Builtin::CopyTo
                | Builtin::CopyFrom
                | Builtin::Astype
                | Builtin::Array
                | Builtin::Eye
                | Builtin::Identity
                | Builtin::Flatten
                | Builtin::Cumsum
                | Builtin::Cumprod
                | Builtin::Print
                | Builtin::Load
                | Builtin::Save
        ) || self.is_random()
    }

    /// Is it of `np.random`: of the call's own stream, or of a generator?
    #[must_use]
    pub fn is_random(self) -> bool {
        let is_of_generator = matches!(
            self,
            Builtin::DefaultRng
                | Builtin::GeneratorRandom
                | Builtin::GeneratorUniform
                | Builtin::GeneratorNormal
                | Builtin::GeneratorStandardNormal
                | Builtin::GeneratorIntegers
        );
        is_of_generator || self.uses_stream()
    }

    /// Does it use the call's own stream of random numbers (in a `prange`: the iteration's)?
    #[must_use]
    pub fn uses_stream(self) -> bool {
        matches!(
            self,
            Builtin::RandomSeed
                | Builtin::Random
                | Builtin::RandomUniform
                | Builtin::RandomNormal
                | Builtin::RandomStandardNormal
                | Builtin::RandomInt
        )
    }
}

/// A number that has a name in a module.
#[must_use]
pub fn constant(path: &str) -> Option<f64> {
    let (module, name) = split(path);
    if !matches!(module, "math" | "numpy" | "cmath") {
        return None;
    }
    Some(match name {
        "pi" => std::f64::consts::PI,
        "e" => std::f64::consts::E,
        "tau" if module != "numpy" => std::f64::consts::TAU,
        "euler_gamma" if module == "numpy" => 0.577_215_664_901_532_9,
        "inf" | "infty" | "Inf" | "PINF" => f64::INFINITY,
        "NINF" if module == "numpy" => f64::NEG_INFINITY,
        "nan" | "NaN" | "NAN" => f64::NAN,
        _ => return None,
    })
}

/// What a dotted path with its module's own name first stands for: `numpy.sqrt`, `math.sqrt`, `abs`, `kjit.prange`.
///
/// ```
/// use kjit_compiler::types::{DType, builtins::{Builtin, lookup}};
/// assert_eq!(lookup("numpy.abs"), Some(Builtin::Abs));
/// assert_eq!(lookup("numba.prange"), Some(Builtin::Prange));
/// // Numba's `i8` has eight bytes, kjit's has eight bits.
/// assert_eq!(lookup("numba.i8"), Some(Builtin::Type(DType::I64)));
/// assert_eq!(lookup("kjit.i8"), Some(Builtin::Type(DType::I8)));
/// ```
#[must_use]
pub fn lookup(path: &str) -> Option<Builtin> {
    let (module, name) = split(path);
    let table = match module {
        "" | "builtins" => BARE,
        "kjit" | "numba" | "numba.types" | "numba.core.types" => {
            return find(LANGUAGE, name).or_else(|| type_name(module, name).map(Builtin::Type));
        }
        "numpy" => NUMPY,
        "math" => MATH,
        "cmath" => CMATH,
        "numpy.random" => RANDOM,
        "numpy.linalg" => {
            return (name == "norm").then_some(Builtin::Norm);
        }
        _ => return None,
    };
    find(table, name).or_else(|| type_name(module, name).map(Builtin::Type))
}

/// The type that a name in a module stands for.
fn type_name(module: &str, name: &str) -> Option<DType> {
    match (module, name) {
        ("math" | "cmath" | "numpy.random", _) => None,
        ("numba" | "numba.types" | "numba.core.types", "i8") => Some(DType::I64),
        ("numba" | "numba.types" | "numba.core.types", "u8") => Some(DType::U64),
        ("numpy", "i8" | "u8" | "f4" | "f8" | "i1" | "i2" | "i4" | "int" | "float" | "complex") => None,
        _ => DType::from_name(name),
    }
}

/// Reads a NumPy type code in a string, where the number counts bytes: `"f4"`, `"i8"`, `"<f8"`, `"float32"`.
#[must_use]
pub fn dtype_string(text: &str) -> Option<DType> {
    Some(match text.trim_start_matches(['<', '=']) {
        "i8" | "l" | "q" => DType::I64,
        "u8" => DType::U64,
        "i1" | "b" => DType::I8,
        "?" => DType::Bool,
        "d" => DType::F64,
        "f" => DType::F32,
        "D" => DType::C128,
        "F" => DType::C64,
        other => return DType::from_name(other),
    })
}

/// A method of a value: `x.sum` of an array, `rng.random` of a generator.
#[must_use]
pub fn method(name: &str) -> Option<Builtin> {
    find(METHODS, name)
}

/// A method of a generator.
#[must_use]
pub fn generator_method(name: &str) -> Option<Builtin> {
    find(GENERATOR, name)
}

/// An attribute of a value that is not called: `x.shape`.
#[must_use]
pub fn attribute(name: &str) -> Option<Builtin> {
    find(ATTRIBUTES, name)
}

/// The names that a module offers, for suggestions; `array` and `generator` name the methods.
pub fn names(module: &str) -> impl Iterator<Item = &'static str> + use<> {
    let tables: &'static [&'static [Row]] = match module {
        "" | "builtins" => &[BARE, LANGUAGE],
        "kjit" | "numba" => &[LANGUAGE],
        "numpy" => &[NUMPY],
        "math" => &[MATH],
        "cmath" => &[CMATH],
        "numpy.random" => &[RANDOM],
        "array" => &[METHODS, ATTRIBUTES],
        "generator" => &[GENERATOR],
        _ => &[],
    };
    let types: &'static [&'static str] = match module {
        "" | "builtins" => &["float", "int", "bool", "complex"],
        "kjit" | "numba" => &[
            "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "c64", "c128", "float64",
            "int64",
        ],
        "numpy" => &[
            "float32",
            "float64",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "bool_",
            "pi",
            "inf",
            "nan",
            "e",
            "newaxis",
        ],
        "math" => &["pi", "inf", "nan", "e", "tau"],
        "array" => &["ndim", "dtype"],
        _ => &[],
    };
    tables.iter().flat_map(|table| table.iter().map(|row| row.0)).chain(types.iter().copied())
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

fn find(table: &[Row], name: &str) -> Option<Builtin> {
    table.binary_search_by(|row| row.0.cmp(name)).ok().map(|at| table[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [BARE, LANGUAGE, NUMPY, MATH, CMATH, RANDOM, METHODS, GENERATOR, ATTRIBUTES] {
            assert!(table.windows(2).all(|rows| rows[0].0 < rows[1].0), "{:?}", table[0]);
        }
    }

    #[test]
    fn spellings() {
        assert_eq!(lookup("math.floor"), Some(Builtin::FloorInt));
        assert_eq!(lookup("numpy.floor"), Some(Builtin::Math1(MathFn1::Floor)));
        assert_eq!(lookup("numpy.random.rand"), Some(Builtin::Random));
        assert_eq!(lookup("numpy.float32"), Some(Builtin::Type(DType::F32)));
        assert_eq!(lookup("float"), Some(Builtin::Type(DType::F64)));
        assert_eq!(lookup("math.float"), None);
        assert_eq!(lookup("numpy.sqr"), None);
        assert_eq!(dtype_string("i8"), Some(DType::I64));
        assert_eq!(constant("numpy.inf"), Some(f64::INFINITY));
    }
}
