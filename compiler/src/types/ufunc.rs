//! NumPy's functions that work element by element and are operators elsewhere: `np.add`, `np.less`, `np.where`.

/// Which function. Of a zero divisor they make NumPy's value, never an error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ufunc {
    /// `a + b`.
    Add,
    /// `a - b`.
    Subtract,
    /// `a * b`.
    Multiply,
    /// `a / b`.
    Divide,
    /// `a // b`; an integer divided by 0 gives 0.
    FloorDivide,
    /// `a % b`, sign of the divisor; an integer modulo 0 gives 0.
    Remainder,
    /// `-x`.
    Negative,
    /// `+x`.
    Positive,
    /// `~x`; of a truth value: `not x`.
    Invert,
    /// `a & b`.
    BitwiseAnd,
    /// `a | b`.
    BitwiseOr,
    /// `a ^ b`.
    BitwiseXor,
    /// `a << b`.
    LeftShift,
    /// `a >> b`.
    RightShift,
    /// Are both true?
    LogicalAnd,
    /// Is one true?
    LogicalOr,
    /// Is exactly one true?
    LogicalXor,
    /// `not x`.
    LogicalNot,
    /// `a == b`.
    Equal,
    /// `a != b`.
    NotEqual,
    /// `a < b`.
    Less,
    /// `a <= b`.
    LessEqual,
    /// `a > b`.
    Greater,
    /// `a >= b`.
    GreaterEqual,
    /// The larger one; the other one if one is NaN.
    Fmax,
    /// The smaller one; the other one if one is NaN.
    Fmin,
    /// `minimum(maximum(a, a_min), a_max)`; a bound may be `None`.
    Clip,
    /// `x if condition else y`, both evaluated.
    Where,
    /// `|a - b| <= atol + rtol * |b|`, or equal.
    IsClose,
    /// `|a - b| <= max(rel_tol * max(|a|, |b|), abs_tol)`, or equal: `math.isclose`.
    IsCloseMath,
    /// `1 / x`; of integers the whole part.
    Reciprocal,
    /// Is the sign bit set? True for -0.0.
    Signbit,
    /// 0 below zero, 1 above, the second argument at zero.
    Heaviside,
}

impl Ufunc {
    /// Names of the parameters, and how many must be given.
    #[must_use]
    pub fn params(self) -> (&'static [&'static str], usize) {
        match self {
            Ufunc::Negative
            | Ufunc::Positive
            | Ufunc::Invert
            | Ufunc::LogicalNot
            | Ufunc::Reciprocal
            | Ufunc::Signbit => (&["x"], 1),
            Ufunc::Add
            | Ufunc::Subtract
            | Ufunc::Multiply
            | Ufunc::Divide
            | Ufunc::FloorDivide
            | Ufunc::Remainder
            | Ufunc::BitwiseAnd
            | Ufunc::BitwiseOr
            | Ufunc::BitwiseXor
            | Ufunc::LeftShift
            | Ufunc::RightShift
            | Ufunc::LogicalAnd
            | Ufunc::LogicalOr
            | Ufunc::LogicalXor
            | Ufunc::Equal
            | Ufunc::NotEqual
            | Ufunc::Less
            | Ufunc::LessEqual
            | Ufunc::Greater
            | Ufunc::GreaterEqual
            | Ufunc::Fmax
            | Ufunc::Fmin
            | Ufunc::Heaviside => (&["x1", "x2"], 2),
            Ufunc::Clip => (&["a", "a_min", "a_max"], 3),
            Ufunc::Where => (&["condition", "x", "y"], 3),
            Ufunc::IsClose => (&["a", "b", "rtol", "atol"], 2),
            Ufunc::IsCloseMath => (&["a", "b", "rel_tol", "abs_tol"], 2),
        }
    }
}
