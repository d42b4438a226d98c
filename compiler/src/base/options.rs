//! What a user may choose about compiling; part of every cache key.

use serde::{Deserialize, Serialize};

/// Which freedoms with floating point numbers were asked for. None by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct FastMath {
    /// Sums and products may be regrouped.
    pub reassoc: bool,
    /// `a * b + c` may be one rounding.
    pub contract: bool,
    /// `x / c` may be `x * (1 / c)`.
    pub arcp: bool,
    /// The sign of zero does not matter.
    pub nsz: bool,
    /// No argument or result is a NaN. Only by name.
    pub nnan: bool,
    /// No argument or result is infinite. Only by name.
    pub ninf: bool,
}

impl FastMath {
    /// What `fastmath=True` means: everything that keeps NaN and infinity meaningful.
    pub const TRUE: FastMath =
        FastMath { reassoc: true, contract: true, arcp: true, nsz: true, nnan: false, ninf: false };
}

/// What a zero divisor does in scalar code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum ErrorModel {
    /// `ZeroDivisionError`.
    #[default]
    Python,
    /// Infinity or NaN for floats, 0 for integers.
    Numpy,
}

/// Options of one function: the engine's defaults, overridden by its decorator.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Freedoms with floating point.
    pub fastmath: FastMath,
    /// What a zero divisor does.
    pub error_model: ErrorModel,
    /// Are indices checked? On by default.
    pub boundscheck: bool,
    /// Is `prange` parallel? Off turns it into `range`.
    pub parallel: bool,
    /// Trust `prange` where independence cannot be proved (`@unchecked_parallel`).
    pub unchecked_parallel: bool,
    /// Do the optimising passes run? Off only for debugging and differential tests.
    pub optimize: bool,
    /// Do programs count their floating-point operations? Only the engine's own option counts. Off; for measurements.
    pub count_operations: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            fastmath: FastMath::default(),
            error_model: ErrorModel::Python,
            boundscheck: true,
            parallel: true,
            unchecked_parallel: false,
            optimize: true,
            count_operations: false,
        }
    }
}
