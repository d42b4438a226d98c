//! Kernels as typed Rust calls: one line per function of `kernels.json` and `vector.json`.

use std::hint::black_box;

use kjit::{Error, Kernel, KernelReturn, View, ViewMut};

use crate::arguments::{Argument, Arguments, ArrayArgument};

/// Calls a kernel that many times on its arguments; returns what the last call returned, 0 for nothing.
pub(crate) type Run = Box<dyn FnMut(u64) -> f64>;

type In1<T> = View<'static, T, 1>;
type In2<T> = View<'static, T, 2>;
type Out1<T> = ViewMut<'static, T, 1>;
type Out2<T> = ViewMut<'static, T, 2>;
type C128 = num_complex::Complex<f64>;

/// A Rust argument made from a stored one.
trait Stored {
    /// # Safety
    /// The arguments outlive the value, and nothing else uses what it writes.
    unsafe fn stored(argument: &Argument) -> Self;
}

fn scalar(argument: &Argument) -> [f64; 2] {
    match argument {
        Argument::Scalar(_, parts) => *parts,
        Argument::Array(_) => panic!("a number is expected"),
    }
}

fn array(argument: &Argument) -> &ArrayArgument {
    match argument {
        Argument::Array(array) => array,
        Argument::Scalar(..) => panic!("an array is expected"),
    }
}

fn shape<const N: usize>(array: &ArrayArgument) -> ([usize; N], [isize; N]) {
    let shape: [usize; N] = array.shape.as_slice().try_into().expect("rank as declared");
    let mut strides = [array.dtype.size_bytes() as isize; N];
    for axis in (1..N).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    (shape, strides)
}

macro_rules! stored_scalar {
    ($($ty:ty),*) => {$(
        impl Stored for $ty {
            unsafe fn stored(argument: &Argument) -> $ty {
                scalar(argument)[0] as $ty
            }
        }
    )*};
}

stored_scalar!(f32, f64, i64);

impl<T: kjit::Element, const N: usize> Stored for View<'static, T, N> {
    unsafe fn stored(argument: &Argument) -> Self {
        let array = array(argument);
        assert_eq!(array.dtype, T::DTYPE);
        let (shape, strides) = shape(array);
        // SAFETY: a C-contiguous array of that type, alive by the contract.
        unsafe { View::from_raw(array.data.cast(), shape, strides) }
    }
}

impl<T: kjit::Element, const N: usize> Stored for ViewMut<'static, T, N> {
    unsafe fn stored(argument: &Argument) -> Self {
        let array = array(argument);
        assert!(array.dtype == T::DTYPE && array.is_written);
        let (shape, strides) = shape(array);
        // SAFETY: as above, and unshared by the contract.
        unsafe { ViewMut::from_raw(array.data.cast(), shape, strides) }
    }
}

/// A result as a number.
trait Number: KernelReturn {
    fn number(self) -> f64;
}

impl Number for () {
    fn number(self) -> f64 {
        0.0
    }
}

impl Number for f64 {
    fn number(self) -> f64 {
        self
    }
}

impl Number for i64 {
    fn number(self) -> f64 {
        self as f64
    }
}

macro_rules! table {
    ($($name:ident ( $($ty:ty),* ) -> $ret:ty;)*) => {
        /// Compiles a function of the library for its Rust types.
        ///
        /// # Safety
        /// The arguments outlive what is returned, and nothing else uses them while it runs.
        ///
        /// # Errors
        /// If it does not compile.
        pub(crate) unsafe fn typed(name: &str, kernel: &Kernel, args: &Arguments) -> Result<Run, Error> {
            let args: *const Arguments = args;
            match name {
                $(stringify!($name) => {
                    let typed = kernel.typed::<($($ty,)*), $ret>()?;
                    Ok(Box::new(move |count| {
                        // SAFETY: the caller keeps them.
                        let args = unsafe { &*args };
                        let mut at = 0..;
                        // SAFETY: the caller keeps the arguments to this call.
                        let values = ($(unsafe { <$ty as Stored>::stored(&args.0[at.next().unwrap_or(0)]) },)*);
                        let mut result = 0.0;
                        for _ in 0..count {
                            // SAFETY: numbers and views, which own nothing; of those that write one is used at a time.
                            let values = unsafe { std::ptr::read(black_box(&values)) };
                            result = black_box(typed.call(values)).expect("the kernel runs").number();
                        }
                        result
                    }))
                })*
                other => Err(Error::Argument(format!("{other} is missing in bench/src/calls.rs"))),
            }
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

table! {
    saxpy(f32, In1<f32>, Out1<f32>) -> ();
    triad(Out1<f64>, In1<f64>, In1<f64>, f64) -> ();
    dot(In1<f64>, In1<f64>) -> f64;
    matmul_ijk(In2<f64>, In2<f64>, Out2<f64>) -> ();
    matmul_ikj(In2<f64>, In2<f64>, Out2<f64>) -> ();
    matmul_jki(In2<f64>, In2<f64>, Out2<f64>) -> ();
    matmul_blocked(In2<f64>, In2<f64>, Out2<f64>) -> ();
    heat(In2<f64>, Out2<f64>, f64) -> ();
    jacobi(In2<f64>, In2<f64>, Out2<f64>, f64) -> f64;
    mandelbrot(Out2<f64>, f64, f64, f64, f64, i64) -> ();
    julia(Out2<f64>, C128, f64, i64) -> ();
    nbody(In1<f64>, In1<f64>, In1<f64>, In1<f64>, Out1<f64>, Out1<f64>, Out1<f64>, f64) -> ();
    black_scholes(In1<f64>, In1<f64>, In1<f64>, f64, f64, Out1<f64>, Out1<f64>) -> ();
    pi_serial(i64) -> f64;
    monte_carlo_pi(i64) -> f64;
    histogram(In1<f64>, f64, f64, Out1<i64>) -> ();
    weighted_histogram(In1<f64>, In1<f64>, f64, f64, Out1<f64>) -> ();
    prefix_sum(In1<f64>, Out1<f64>) -> ();
    prefix_sum_blocked(In1<f64>, Out1<f64>) -> ();
    floyd_warshall(Out2<f64>) -> ();
    floyd_warshall_parallel(Out2<f64>) -> ();
    lu(Out2<f64>, Out1<i64>) -> ();
    cholesky(In2<f64>, Out2<f64>) -> ();
    spmv(In1<i64>, In1<i64>, In1<f64>, In1<f64>, Out1<f64>) -> ();
    game_of_life(In2<u8>, Out2<u8>) -> ();
    assign_labels(In2<f64>, In2<f64>, Out1<i64>) -> i64;
    kmeans(In2<f64>, Out2<f64>, Out1<i64>, i64) -> i64;
    pairwise_distance(In2<f64>, In2<f64>, Out2<f64>) -> ();
    convolve2d(In2<f64>, In2<f64>, Out2<f64>) -> ();
    levenshtein(In1<u8>, In1<u8>) -> i64;
    sieve(Out1<bool>) -> i64;
    fir_filter(In1<f64>, In1<f64>, Out1<f64>) -> ();
    rk4_lorenz(Out2<f64>, i64, f64, f64, f64, f64) -> ();
    option_binomial(In1<f64>, In1<f64>, In1<f64>, f64, f64, i64, Out1<f64>) -> ();
    axpy_f32(f32, In1<f32>, Out1<f32>) -> ();
    axpy_f64(f64, In1<f64>, Out1<f64>) -> ();
    stream_triad(Out1<f64>, In1<f64>, In1<f64>, f64) -> ();
    jacobi_row(In1<f64>, In1<f64>, In1<f64>, Out1<f64>) -> ();
    divide_roots(In1<f64>, In1<f64>, Out1<f64>) -> ();
    exp_array(In1<f64>, Out1<f64>) -> ();
    log_array(In1<f64>, Out1<f64>) -> ();
    sin_array(In1<f64>, Out1<f64>) -> ();
    cos_array(In1<f64>, Out1<f64>) -> ();
    tanh_array(In1<f64>, Out1<f64>) -> ();
    erf_array(In1<f64>, Out1<f64>) -> ();
    pow_array(In1<f64>, In1<f64>, Out1<f64>) -> ();
    sum_array(In1<f64>) -> f64;
    dot_array(In1<f64>, In1<f64>) -> f64;
    min_array(In1<f64>) -> f64;
    max_array(In1<f64>) -> f64;
    count_above(In1<f64>, f64) -> i64;
    blur_u8(In2<u8>, Out2<u8>) -> ();
    levenshtein_pairs(In2<u8>, In2<u8>, Out2<i64>, Out1<i64>) -> ();
}

impl Stored for C128 {
    unsafe fn stored(argument: &Argument) -> C128 {
        let [re, im] = scalar(argument);
        C128::new(re, im)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_function_has_its_types() {
        let missing: Vec<String> = crate::definitions::definitions()
            .into_iter()
            .chain(crate::definitions::vector_definitions())
            .map(|d| d.function)
            .filter(|name| !super::NAMES.contains(&name.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
