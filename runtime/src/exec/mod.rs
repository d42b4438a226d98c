//! Running compiled kernels: the context that generated code sees, the functions it calls back, parallel loops.

pub(crate) mod caches;
pub(crate) mod call;
pub(crate) mod context;
pub(crate) mod events;
pub(crate) mod float_mode;
pub(crate) mod late;
pub(crate) mod memory;
pub(crate) mod parallel;
pub(crate) mod pool;
mod services;
pub(crate) mod stack;
pub(crate) mod strided;
pub(crate) mod table;
pub(crate) mod words;
