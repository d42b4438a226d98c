//! CUDA C for the kernels that parallel loops become.

pub mod math;
