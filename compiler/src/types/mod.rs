//! Types: of elements, of values, how they combine; and the table of built-in functions.

pub mod builtins;
pub mod device;
pub mod dtype;
pub mod promote;
pub mod ty;
pub mod ufunc;

pub use dtype::DType;
pub use ty::{ArrayTy, Layout, Ty};
