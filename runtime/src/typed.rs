//! Calls with Rust types: checked once, then nothing but the call.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use kjit_compiler::infer::ArgTy;
use kjit_compiler::types::{ArrayTy, Layout, Ty};

use crate::compile::{Body, Specialised};
use crate::element::Element;
use crate::engine::EngineInner;
use crate::error::Error;
use crate::exec;
use crate::exec::words::{MAX_WORDS, Words};
use crate::kernel::Kernel;
use crate::owned::{Array, DynArray};
use crate::value::{Arg, Value};
use crate::view::{View, ViewMut};

/// One argument type of a typed kernel: a number, a [`View`] or a [`ViewMut`].
pub trait KernelArg {
    /// Its type in the language, arrays with that layout.
    fn ty(layout: Layout) -> Ty;

    /// Words it takes.
    const WORDS: usize;

    /// Writes its words.
    fn write_words(&self, words: &mut [u64]);

    /// Is it, if an array, C-contiguous?
    fn is_contiguous(&self) -> bool;

    /// As an argument of a dynamic call.
    fn into_arg<'a>(self) -> Arg<'a>
    where
        Self: 'a;
}

macro_rules! scalar_arg {
    ($($ty:ty)*) => {$(
        impl KernelArg for $ty {
            fn ty(_: Layout) -> Ty {
                Ty::Scalar(<$ty>::DTYPE)
            }
            const WORDS: usize = <$ty>::DTYPE.lanes();
            #[inline]
            fn write_words(&self, words: &mut [u64]) {
                self.to_words(words);
            }
            #[inline]
            fn is_contiguous(&self) -> bool {
                true
            }
            fn into_arg<'a>(self) -> Arg<'a> {
                self.into()
            }
        }
    )*};
}

scalar_arg! { bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 num_complex::Complex<f32> num_complex::Complex<f64> }

fn array_ty<T: Element, const N: usize>(layout: Layout, is_writable: bool) -> Ty {
    let layout = if N == 0 { Layout::C } else { layout };
    Ty::Array(ArrayTy { dtype: T::DTYPE, rank: N as u8, layout, is_writable })
}

impl<T: Element, const N: usize> KernelArg for View<'_, T, N> {
    fn ty(layout: Layout) -> Ty {
        array_ty::<T, N>(layout, false)
    }
    const WORDS: usize = 2 + 2 * N;
    #[inline]
    fn write_words(&self, words: &mut [u64]) {
        View::write_words(self, words);
    }
    #[inline]
    fn is_contiguous(&self) -> bool {
        self.is_c_contiguous()
    }
    fn into_arg<'a>(self) -> Arg<'a>
    where
        Self: 'a,
    {
        self.into()
    }
}

impl<T: Element, const N: usize> KernelArg for ViewMut<'_, T, N> {
    fn ty(layout: Layout) -> Ty {
        array_ty::<T, N>(layout, true)
    }
    const WORDS: usize = 2 + 2 * N;
    #[inline]
    fn write_words(&self, words: &mut [u64]) {
        self.view.write_words(words);
    }
    #[inline]
    fn is_contiguous(&self) -> bool {
        self.view.is_c_contiguous()
    }
    fn into_arg<'a>(self) -> Arg<'a>
    where
        Self: 'a,
    {
        self.into()
    }
}

/// The arguments of a typed kernel: a tuple of up to 12 [`KernelArg`]s.
pub trait KernelArgs {
    /// Their types, arrays with that layout.
    fn types(layout: Layout) -> Vec<Ty>;

    /// Words they take.
    const WORDS: usize;

    /// Writes their words.
    fn write_words(&self, words: &mut [u64]);

    /// Are all arrays C-contiguous?
    fn is_contiguous(&self) -> bool;

    /// As arguments of a dynamic call.
    fn into_args<'a>(self) -> Vec<Arg<'a>>
    where
        Self: 'a;
}

macro_rules! tuple_args {
    ($($name:ident)*) => {
        impl<$($name: KernelArg),*> KernelArgs for ($($name,)*) {
            #[allow(unused_variables)]
            fn types(layout: Layout) -> Vec<Ty> {
                vec![$($name::ty(layout)),*]
            }
            const WORDS: usize = 0 $(+ $name::WORDS)*;
            #[inline]
            #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments)]
            fn write_words(&self, words: &mut [u64]) {
                let ($($name,)*) = self;
                let mut at = 0;
                $(
                    $name.write_words(&mut words[at..]);
                    at += $name::WORDS;
                )*
            }
            #[inline]
            #[allow(non_snake_case)]
            fn is_contiguous(&self) -> bool {
                let ($($name,)*) = self;
                true $(&& $name.is_contiguous())*
            }
            #[allow(non_snake_case)]
            fn into_args<'a>(self) -> Vec<Arg<'a>> where Self: 'a {
                let ($($name,)*) = self;
                vec![$($name.into_arg()),*]
            }
        }
    };
}

tuple_args! {}
tuple_args! { A }
tuple_args! { A B }
tuple_args! { A B C }
tuple_args! { A B C D }
tuple_args! { A B C D E }
tuple_args! { A B C D E F }
tuple_args! { A B C D E F G }
tuple_args! { A B C D E F G H }
tuple_args! { A B C D E F G H I }
tuple_args! { A B C D E F G H I J }
tuple_args! { A B C D E F G H I J K }
tuple_args! { A B C D E F G H I J K L }

/// The result of a typed kernel: `()`, a number, an [`Array`], or a tuple of up to 4 of them.
pub trait KernelReturn: Sized {
    /// Does a kernel that returns this type fit?
    fn accepts(ty: &Ty) -> bool;

    /// How it would be written in Rust, for messages.
    fn describe() -> String;

    /// Takes the result from words; `None` if it does not fit after all.
    #[doc(hidden)]
    fn from_value(value: Value) -> Option<Self>;

    /// Words of the result where it is one number, or nothing.
    #[doc(hidden)]
    const SCALAR_WORDS: Option<usize> = None;

    /// Reads the result without an allocation where it is one number.
    #[doc(hidden)]
    #[inline]
    fn from_scalar_words(_words: &[u64]) -> Option<Self> {
        None
    }
}

impl KernelReturn for () {
    fn accepts(ty: &Ty) -> bool {
        *ty == Ty::None
    }
    fn describe() -> String {
        "()".into()
    }
    fn from_value(_: Value) -> Option<()> {
        Some(())
    }
    const SCALAR_WORDS: Option<usize> = Some(0);
    #[inline]
    fn from_scalar_words(_: &[u64]) -> Option<()> {
        Some(())
    }
}

macro_rules! scalar_return {
    ($($ty:ty, $variant:ident;)*) => {$(
        impl KernelReturn for $ty {
            fn accepts(ty: &Ty) -> bool {
                *ty == Ty::Scalar(<$ty>::DTYPE)
            }
            fn describe() -> String {
                stringify!($ty).into()
            }
            fn from_value(value: Value) -> Option<$ty> {
                match value {
                    Value::Scalar(crate::value::Scalar::$variant(x)) => Some(x),
                    _ => None,
                }
            }
            const SCALAR_WORDS: Option<usize> = Some(<$ty>::DTYPE.lanes());
            #[inline]
            fn from_scalar_words(words: &[u64]) -> Option<$ty> {
                Some(<$ty>::from_words(words))
            }
        }
    )*};
}

scalar_return! {
    bool, Bool; i8, I8; i16, I16; i32, I32; i64, I64; u8, U8; u16, U16; u32, U32; u64, U64; f32, F32; f64, F64;
    num_complex::Complex<f32>, C64; num_complex::Complex<f64>, C128;
}

impl<T: Element, const N: usize> KernelReturn for Array<T, N> {
    fn accepts(ty: &Ty) -> bool {
        ty.array().is_some_and(|array| array.dtype == T::DTYPE && array.rank as usize == N)
    }
    fn describe() -> String {
        format!("Array<{}, {N}>", T::DTYPE)
    }
    fn from_value(value: Value) -> Option<Self> {
        Array::from_dyn(value.into_array()?)
    }
}

impl KernelReturn for DynArray {
    fn accepts(ty: &Ty) -> bool {
        ty.array().is_some()
    }
    fn describe() -> String {
        "DynArray".into()
    }
    fn from_value(value: Value) -> Option<Self> {
        value.into_array()
    }
}

macro_rules! tuple_return {
    ($($name:ident)*) => {
        impl<$($name: KernelReturn),*> KernelReturn for ($($name,)*) {
            fn accepts(ty: &Ty) -> bool {
                let Ty::Tuple(items) = ty else { return false };
                let checks: &[fn(&Ty) -> bool] = &[$($name::accepts),*];
                items.len() == checks.len() && items.iter().zip(checks).all(|(item, accepts)| accepts(item))
            }
            fn describe() -> String {
                let parts: Vec<String> = vec![$($name::describe()),*];
                format!("({},)", parts.join(", "))
            }
            #[allow(non_snake_case)]
            fn from_value(value: Value) -> Option<Self> {
                let Value::Tuple(items) = value else { return None };
                let mut items = items.into_iter();
                $(let $name = $name::from_value(items.next()?)?;)*
                Some(($($name,)*))
            }
        }
    };
}

tuple_return! { A }
tuple_return! { A B }
tuple_return! { A B C }
tuple_return! { A B C D }

/// A kernel compiled for Rust types. Calls need no lookup, no lock and no allocation; `Send + Sync + Clone`.
///
/// Arrays passed to it may have any strides: it holds one version for C-contiguous arrays and makes another one when it first
/// meets other strides.
pub struct TypedKernel<A, R> {
    kernel: Kernel,
    contiguous: Arc<Specialised>,
    strided: Arc<OnceLock<Result<Arc<Specialised>, Error>>>,
    types: PhantomData<(A, R)>,
}

// SAFETY: holds no `A` or `R`, only handles that are `Send + Sync`.
unsafe impl<A, R> Send for TypedKernel<A, R> {}
// SAFETY: as above.
unsafe impl<A, R> Sync for TypedKernel<A, R> {}

impl<A, R> Clone for TypedKernel<A, R> {
    fn clone(&self) -> Self {
        TypedKernel {
            kernel: self.kernel.clone(),
            contiguous: Arc::clone(&self.contiguous),
            strided: Arc::clone(&self.strided),
            types: PhantomData,
        }
    }
}

impl<A, R> std::fmt::Debug for TypedKernel<A, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedKernel").field("kernel", &self.kernel.inner.name).finish_non_exhaustive()
    }
}

impl<A: KernelArgs, R: KernelReturn> TypedKernel<A, R> {
    pub(crate) fn new(kernel: &Kernel) -> Result<TypedKernel<A, R>, Error> {
        const { assert!(A::WORDS <= MAX_WORDS, "too many arguments") };
        let contiguous = specialise::<A, R>(kernel, Layout::C)?;
        Ok(TypedKernel { kernel: kernel.clone(), contiguous, strided: Arc::default(), types: PhantomData })
    }

    /// Runs the kernel.
    ///
    /// Element types and ranks were checked once by [`Kernel::typed`]. Shapes and strides (in bytes) are read from
    /// the views at every call.
    ///
    /// # Errors
    /// [`Error::Trap`] with the source span of a failed check: index, shape, division; outputs may then be partly
    /// written. [`Error::Interrupted`], [`Error::OutOfMemory`].
    ///
    /// # Example
    /// ```
    /// use kjit::{Engine, In, Module};
    /// let source = "def total(x):\n    s = 0.0\n    for v in x:\n        s += v\n    return s\n";
    /// let module = Module::from_source(&Engine::default(), "total.k", source)?;
    /// let total = module.kernel("total")?.typed::<(In<f64, 1>,), f64>()?;
    /// assert_eq!(total.call(((&[1.0, 2.0, 3.5]).into(),))?, 6.5);
    /// # Ok::<(), kjit::Error>(())
    /// ```
    #[inline]
    pub fn call(&self, args: A) -> Result<R, Error> {
        let specialised = if args.is_contiguous() { &self.contiguous } else { self.strided()? };
        let Body::Native(native) = &specialised.body else {
            return self.interpret(specialised, args);
        };
        let parsed = &*self.kernel.inner.parsed;
        let engine = &*parsed.engine.inner;
        let (mut arg_buffer, mut ret_buffer) = (Words::new(), Words::new());
        let words = arg_buffer.zeroed(A::WORDS);
        args.write_words(words);
        let ret = match R::SCALAR_WORDS {
            Some(count) => ret_buffer.zeroed(count),
            None => ret_buffer.zeroed(native.ret_words),
        };
        // SAFETY: `specialise` matched the types of `A` and `R` with the signature; views are valid and writable ones
        // overlap nothing, by `&` and `&mut`, while `args` is borrowed.
        if let Err(error) = unsafe { exec::call::call(engine, native, words, ret, &parsed.source) } {
            return Err(*error);
        }
        match R::from_scalar_words(ret) {
            Some(result) => Ok(result),
            // SAFETY: the words are this kernel's result.
            None => unsafe { result_of(&native.artifact.signature.ret, ret, engine) },
        }
    }

    /// The call by the interpreter.
    #[cold]
    #[inline(never)]
    fn interpret(&self, specialised: &Specialised, args: A) -> Result<R, Error> {
        let Body::Interp(program) = &specialised.body else {
            return Err(Error::Internal("machine code is not interpreted".into()));
        };
        let parsed = &self.kernel.inner.parsed;
        let value = crate::interp::call(program, specialised.signature(), parsed, &mut args.into_args())?;
        R::from_value(value).ok_or_else(|| Error::Internal("a result of another type".into()))
    }

    /// The version for arrays of any strides.
    #[cold]
    fn strided(&self) -> Result<&Arc<Specialised>, Error> {
        let made = self.strided.get_or_init(|| specialise::<A, R>(&self.kernel, Layout::Strided));
        made.as_ref().map_err(Error::clone)
    }
}

/// # Safety
/// The words are a result of that type, detached from its context.
unsafe fn result_of<R: KernelReturn>(ty: &Ty, words: &[u64], engine: &EngineInner) -> Result<R, Error> {
    // SAFETY: passed on.
    let value = unsafe { Value::from_words(ty, words, engine)? };
    R::from_value(value).ok_or_else(|| Error::Internal("a result of another type".into()))
}

/// Compiles for `A` and checks `R` and that scalars are passed as they are.
fn specialise<A: KernelArgs, R: KernelReturn>(
    kernel: &Kernel,
    layout: Layout,
) -> Result<Arc<Specialised>, Error> {
    let types = A::types(layout);
    let arg_types: Vec<ArgTy> = types.iter().cloned().map(ArgTy::Given).collect();
    let specialised = kernel.inner.specialise(&arg_types)?;
    let signature = specialised.signature();
    for ((name, expected), given) in signature.params.iter().zip(&types) {
        if expected != given {
            return Err(Error::Argument(format!(
                "`{}` takes `{name}` as {expected}, not as {given}: pass that type from Rust",
                kernel.inner.name
            )));
        }
    }
    if !R::accepts(&signature.ret) {
        return Err(Error::Argument(format!(
            "`{}` returns {}, which is not `{}`",
            kernel.inner.name,
            signature.ret,
            R::describe()
        )));
    }
    debug_assert_eq!(specialised.arg_words(), A::WORDS);
    Ok(specialised)
}
