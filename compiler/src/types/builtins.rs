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
