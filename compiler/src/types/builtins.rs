//! The built-in functions, methods and attributes: one row per spelling.
//!
//! [`Builtin`] is what inference resolves a name to and what `lower` expands; [`lookup`] maps dotted paths (after
//! imports: `numpy.sqrt`, `math.sqrt`, `sqrt` of `builtins`) to it, [`method`] the names after a dot on a value.

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
            | Builtin::Angle => fixed(&["x"], 1),
            Builtin::Math2(_) | Builtin::Minimum | Builtin::Maximum => fixed(&["x1", "x2"], 2),
            Builtin::Divmod | Builtin::Gcd => fixed(&["a", "b"], 2),
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
            | Builtin::All => fixed(&["a"], 1),
            Builtin::Zeros | Builtin::Ones | Builtin::Empty => fixed(&["shape", "dtype"], 1),
            Builtin::Full => fixed(&["shape", "fill_value", "dtype"], 2),
            Builtin::ZerosLike | Builtin::OnesLike | Builtin::EmptyLike => fixed(&["prototype", "dtype"], 1),
            Builtin::FullLike => fixed(&["a", "fill_value", "dtype"], 2),
            Builtin::Arange => fixed(&["start", "stop", "step", "dtype"], 1),
            Builtin::Linspace => fixed(&["start", "stop", "num", "endpoint"], 2),
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
            Builtin::Load => fixed(&["file"], 1),
            Builtin::Save => fixed(&["file", "arr"], 2),
            Builtin::Type(_) => fixed(&["x"], 0),
        }
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

/// A spelling and what it stands for. Every table is sorted by name (tested), for binary search.
type Row = (&'static str, Builtin);

/// Python's own names.
const BARE: &[Row] = &[
    ("abs", Builtin::Abs),
    ("all", Builtin::All),
    ("any", Builtin::Any),
    ("complex", Builtin::Complex),
    ("divmod", Builtin::Divmod),
    ("enumerate", Builtin::Enumerate),
    ("len", Builtin::Len),
    ("max", Builtin::Max),
    ("min", Builtin::Min),
    ("pow", Builtin::Pow),
    ("prange", Builtin::Prange),
    ("print", Builtin::Print),
    ("range", Builtin::Range),
    ("reversed", Builtin::Reversed),
    ("round", Builtin::Round),
    ("sum", Builtin::Sum),
    ("zip", Builtin::Zip),
];

/// Names of `kjit` and of `numba` that are no types.
const LANGUAGE: &[Row] = &[("prange", Builtin::Prange)];

/// `np.`
const NUMPY: &[Row] = &[
    ("abs", Builtin::Abs),
    ("absolute", Builtin::Abs),
    ("acos", Builtin::Math1(MathFn1::Acos)),
    ("acosh", Builtin::Math1(MathFn1::Acosh)),
    ("all", Builtin::All),
    ("amax", Builtin::AMax),
    ("amin", Builtin::AMin),
    ("angle", Builtin::Angle),
    ("any", Builtin::Any),
    ("arange", Builtin::Arange),
    ("arccos", Builtin::Math1(MathFn1::Acos)),
    ("arccosh", Builtin::Math1(MathFn1::Acosh)),
    ("arcsin", Builtin::Math1(MathFn1::Asin)),
    ("arcsinh", Builtin::Math1(MathFn1::Asinh)),
    ("arctan", Builtin::Math1(MathFn1::Atan)),
    ("arctan2", Builtin::Math2(MathFn2::Atan2)),
    ("arctanh", Builtin::Math1(MathFn1::Atanh)),
    ("argmax", Builtin::Argmax),
    ("argmin", Builtin::Argmin),
    ("around", Builtin::RoundDigits),
    ("array", Builtin::Copy),
    ("ascontiguousarray", Builtin::Copy),
    ("asin", Builtin::Math1(MathFn1::Asin)),
    ("asinh", Builtin::Math1(MathFn1::Asinh)),
    ("atan", Builtin::Math1(MathFn1::Atan)),
    ("atan2", Builtin::Math2(MathFn2::Atan2)),
    ("atanh", Builtin::Math1(MathFn1::Atanh)),
    ("cbrt", Builtin::Math1(MathFn1::Cbrt)),
    ("ceil", Builtin::Math1(MathFn1::Ceil)),
    ("conj", Builtin::Conj),
    ("conjugate", Builtin::Conj),
    ("copy", Builtin::Copy),
    ("copysign", Builtin::Math2(MathFn2::Copysign)),
    ("cos", Builtin::Math1(MathFn1::Cos)),
    ("cosh", Builtin::Math1(MathFn1::Cosh)),
    ("deg2rad", Builtin::Radians),
    ("degrees", Builtin::Degrees),
    ("divmod", Builtin::Divmod),
    ("empty", Builtin::Empty),
    ("empty_like", Builtin::EmptyLike),
    ("exp", Builtin::Math1(MathFn1::Exp)),
    ("exp2", Builtin::Math1(MathFn1::Exp2)),
    ("expm1", Builtin::Math1(MathFn1::Expm1)),
    ("fabs", Builtin::Math1(MathFn1::Fabs)),
    ("fix", Builtin::Math1(MathFn1::Trunc)),
    ("float_power", Builtin::Math2(MathFn2::Pow)),
    ("floor", Builtin::Math1(MathFn1::Floor)),
    ("fmod", Builtin::Math2(MathFn2::Fmod)),
    ("full", Builtin::Full),
    ("full_like", Builtin::FullLike),
    ("gcd", Builtin::Gcd),
    ("hypot", Builtin::Math2(MathFn2::Hypot)),
    ("imag", Builtin::Imag),
    ("isfinite", Builtin::IsFinite),
    ("isinf", Builtin::IsInf),
    ("isnan", Builtin::IsNan),
    ("ldexp", Builtin::Math2(MathFn2::Ldexp)),
    ("linspace", Builtin::Linspace),
    ("load", Builtin::Load),
    ("log", Builtin::Math1(MathFn1::Log)),
    ("log10", Builtin::Math1(MathFn1::Log10)),
    ("log1p", Builtin::Math1(MathFn1::Log1p)),
    ("log2", Builtin::Math1(MathFn1::Log2)),
    ("logaddexp", Builtin::Math2(MathFn2::Logaddexp)),
    ("logaddexp2", Builtin::Math2(MathFn2::Logaddexp2)),
    ("max", Builtin::AMax),
    ("maximum", Builtin::Maximum),
    ("mean", Builtin::Mean),
    ("min", Builtin::AMin),
    ("minimum", Builtin::Minimum),
    ("nextafter", Builtin::Math2(MathFn2::Nextafter)),
    ("ones", Builtin::Ones),
    ("ones_like", Builtin::OnesLike),
    ("pow", Builtin::Pow),
    ("power", Builtin::Pow),
    ("prod", Builtin::Prod),
    ("rad2deg", Builtin::Degrees),
    ("radians", Builtin::Radians),
    ("real", Builtin::Real),
    ("rint", Builtin::Math1(MathFn1::Rint)),
    ("round", Builtin::RoundDigits),
    ("round_", Builtin::RoundDigits),
    ("save", Builtin::Save),
    ("shape", Builtin::Shape),
    ("sign", Builtin::Sign),
    ("sin", Builtin::Math1(MathFn1::Sin)),
    ("sinh", Builtin::Math1(MathFn1::Sinh)),
    ("size", Builtin::Size),
    ("sqrt", Builtin::Math1(MathFn1::Sqrt)),
    ("square", Builtin::Square),
    ("sum", Builtin::Sum),
    ("tan", Builtin::Math1(MathFn1::Tan)),
    ("tanh", Builtin::Math1(MathFn1::Tanh)),
    ("transpose", Builtin::Transpose),
    ("trunc", Builtin::Math1(MathFn1::Trunc)),
    ("zeros", Builtin::Zeros),
    ("zeros_like", Builtin::ZerosLike),
];

/// `math.`: whole results of `floor`, `ceil`, `trunc` are integers.
const MATH: &[Row] = &[
    ("acos", Builtin::Math1(MathFn1::Acos)),
    ("acosh", Builtin::Math1(MathFn1::Acosh)),
    ("asin", Builtin::Math1(MathFn1::Asin)),
    ("asinh", Builtin::Math1(MathFn1::Asinh)),
    ("atan", Builtin::Math1(MathFn1::Atan)),
    ("atan2", Builtin::Math2(MathFn2::Atan2)),
    ("atanh", Builtin::Math1(MathFn1::Atanh)),
    ("cbrt", Builtin::Math1(MathFn1::Cbrt)),
    ("ceil", Builtin::CeilInt),
    ("copysign", Builtin::Math2(MathFn2::Copysign)),
    ("cos", Builtin::Math1(MathFn1::Cos)),
    ("cosh", Builtin::Math1(MathFn1::Cosh)),
    ("degrees", Builtin::Degrees),
    ("erf", Builtin::Math1(MathFn1::Erf)),
    ("erfc", Builtin::Math1(MathFn1::Erfc)),
    ("exp", Builtin::Math1(MathFn1::Exp)),
    ("exp2", Builtin::Math1(MathFn1::Exp2)),
    ("expm1", Builtin::Math1(MathFn1::Expm1)),
    ("fabs", Builtin::Math1(MathFn1::Fabs)),
    ("floor", Builtin::FloorInt),
    ("fmod", Builtin::Math2(MathFn2::Fmod)),
    ("gamma", Builtin::Math1(MathFn1::Gamma)),
    ("gcd", Builtin::Gcd),
    ("hypot", Builtin::Math2(MathFn2::Hypot)),
    ("isfinite", Builtin::IsFinite),
    ("isinf", Builtin::IsInf),
    ("isnan", Builtin::IsNan),
    ("ldexp", Builtin::Math2(MathFn2::Ldexp)),
    ("lgamma", Builtin::Math1(MathFn1::Lgamma)),
    ("log", Builtin::Math1(MathFn1::Log)),
    ("log10", Builtin::Math1(MathFn1::Log10)),
    ("log1p", Builtin::Math1(MathFn1::Log1p)),
    ("log2", Builtin::Math1(MathFn1::Log2)),
    ("nextafter", Builtin::Math2(MathFn2::Nextafter)),
    ("pow", Builtin::Math2(MathFn2::Pow)),
    ("radians", Builtin::Radians),
    ("remainder", Builtin::Math2(MathFn2::Remainder)),
    ("sin", Builtin::Math1(MathFn1::Sin)),
    ("sinh", Builtin::Math1(MathFn1::Sinh)),
    ("sqrt", Builtin::Math1(MathFn1::Sqrt)),
    ("tan", Builtin::Math1(MathFn1::Tan)),
    ("tanh", Builtin::Math1(MathFn1::Tanh)),
    ("trunc", Builtin::TruncInt),
];

/// `cmath.`: results are always complex.
const CMATH: &[Row] = &[
    ("acos", Builtin::ComplexMath(MathFn1::Acos)),
    ("acosh", Builtin::ComplexMath(MathFn1::Acosh)),
    ("asin", Builtin::ComplexMath(MathFn1::Asin)),
    ("asinh", Builtin::ComplexMath(MathFn1::Asinh)),
    ("atan", Builtin::ComplexMath(MathFn1::Atan)),
    ("atanh", Builtin::ComplexMath(MathFn1::Atanh)),
    ("cos", Builtin::ComplexMath(MathFn1::Cos)),
    ("cosh", Builtin::ComplexMath(MathFn1::Cosh)),
    ("exp", Builtin::ComplexMath(MathFn1::Exp)),
    ("isfinite", Builtin::IsFinite),
    ("isinf", Builtin::IsInf),
    ("isnan", Builtin::IsNan),
    ("log", Builtin::ComplexMath(MathFn1::Log)),
    ("log10", Builtin::ComplexMath(MathFn1::Log10)),
    ("phase", Builtin::Angle),
    ("sin", Builtin::ComplexMath(MathFn1::Sin)),
    ("sinh", Builtin::ComplexMath(MathFn1::Sinh)),
    ("sqrt", Builtin::ComplexMath(MathFn1::Sqrt)),
    ("tan", Builtin::ComplexMath(MathFn1::Tan)),
    ("tanh", Builtin::ComplexMath(MathFn1::Tanh)),
];

/// `np.random.`
const RANDOM: &[Row] = &[
    ("default_rng", Builtin::DefaultRng),
    ("normal", Builtin::RandomNormal),
    ("rand", Builtin::Random),
    ("randint", Builtin::RandomInt),
    ("randn", Builtin::RandomStandardNormal),
    ("random", Builtin::Random),
    ("random_sample", Builtin::Random),
    ("ranf", Builtin::Random),
    ("sample", Builtin::Random),
    ("seed", Builtin::RandomSeed),
    ("standard_normal", Builtin::RandomStandardNormal),
    ("uniform", Builtin::RandomUniform),
];

/// Methods of arrays and numbers.
const METHODS: &[Row] = &[
    ("all", Builtin::All),
    ("any", Builtin::Any),
    ("argmax", Builtin::Argmax),
    ("argmin", Builtin::Argmin),
    ("astype", Builtin::Astype),
    ("conj", Builtin::Conj),
    ("conjugate", Builtin::Conj),
    ("copy", Builtin::Copy),
    ("fill", Builtin::Fill),
    ("item", Builtin::Item),
    ("max", Builtin::AMax),
    ("mean", Builtin::Mean),
    ("min", Builtin::AMin),
    ("prod", Builtin::Prod),
    ("sum", Builtin::Sum),
    ("transpose", Builtin::Transpose),
];

/// Methods of `np.random.default_rng(seed)`.
const GENERATOR: &[Row] = &[
    ("integers", Builtin::GeneratorIntegers),
    ("normal", Builtin::GeneratorNormal),
    ("random", Builtin::GeneratorRandom),
    ("standard_normal", Builtin::GeneratorStandardNormal),
    ("uniform", Builtin::GeneratorUniform),
];

/// Attributes; `ndim` and `dtype` are constants and not here.
const ATTRIBUTES: &[Row] = &[
    ("T", Builtin::Transpose),
    ("imag", Builtin::Imag),
    ("itemsize", Builtin::Itemsize),
    ("nbytes", Builtin::Nbytes),
    ("real", Builtin::Real),
    ("shape", Builtin::Shape),
    ("size", Builtin::Size),
    ("strides", Builtin::Strides),
];

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
