//! Arguments and results of dynamic calls.

use kjit_compiler::ir::abi;
use kjit_compiler::types::{DType, Ty};
use num_complex::Complex;
use smallvec::SmallVec;

use crate::element::Element;
use crate::engine::EngineInner;
use crate::error::Error;
use crate::owned::DynArray;
use crate::view::{ArrayRef, ArrayRefMut, View, ViewMut};

/// One number of any element type.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    C64(Complex<f32>),
    C128(Complex<f64>),
}

macro_rules! for_each_scalar {
    ($self:expr, $x:ident => $body:expr) => {
        match $self {
            Scalar::Bool($x) => $body,
            Scalar::I8($x) => $body,
            Scalar::I16($x) => $body,
            Scalar::I32($x) => $body,
            Scalar::I64($x) => $body,
            Scalar::U8($x) => $body,
            Scalar::U16($x) => $body,
            Scalar::U32($x) => $body,
            Scalar::U64($x) => $body,
            Scalar::F32($x) => $body,
            Scalar::F64($x) => $body,
            Scalar::C64($x) => $body,
            Scalar::C128($x) => $body,
        }
    };
}

impl Scalar {
    /// Its type.
    #[must_use]
    pub fn dtype(self) -> DType {
        fn of<T: Element>(_: T) -> DType {
            T::DTYPE
        }
        for_each_scalar!(self, x => of(x))
    }

    /// Reads a number from words of the calling convention.
    pub(crate) fn from_words(dtype: DType, words: &[u64]) -> Scalar {
        match dtype {
            DType::Bool => Scalar::Bool(Element::from_words(words)),
            DType::I8 => Scalar::I8(Element::from_words(words)),
            DType::I16 => Scalar::I16(Element::from_words(words)),
            DType::I32 => Scalar::I32(Element::from_words(words)),
            DType::I64 => Scalar::I64(Element::from_words(words)),
            DType::U8 => Scalar::U8(Element::from_words(words)),
            DType::U16 => Scalar::U16(Element::from_words(words)),
            DType::U32 => Scalar::U32(Element::from_words(words)),
            DType::U64 => Scalar::U64(Element::from_words(words)),
            DType::F32 => Scalar::F32(Element::from_words(words)),
            DType::F64 => Scalar::F64(Element::from_words(words)),
            DType::C64 => Scalar::C64(Element::from_words(words)),
            DType::C128 => Scalar::C128(Element::from_words(words)),
        }
    }

    /// Appends its words as that type; the conversion is one that inference allowed.
    pub(crate) fn push_words(self, to: DType, words: &mut SmallVec<[u64; 32]>) -> Result<(), Error> {
        let mut buffer = [0; 2];
        let used = match (self, to) {
            (x, to) if x.dtype() == to => for_each_scalar!(x, x => x.to_words(&mut buffer)),
            (x, DType::C64) => {
                let z = x.as_complex();
                Complex::new(z.re as f32, z.im as f32).to_words(&mut buffer)
            }
            (x, DType::C128) => x.as_complex().to_words(&mut buffer),
            (x, DType::F64) => x.as_f64().to_words(&mut buffer),
            (x, DType::F32) => (x.as_f64() as f32).to_words(&mut buffer),
            (x, to) => match x.as_i128() {
                Some(value) => int_words(value, to, &mut buffer)
                    .ok_or_else(|| Error::Argument(format!("{value} does not fit in {to}")))?,
                None => return Err(Error::Argument(format!("{} cannot be passed as {to}", x.dtype()))),
            },
        };
        words.extend_from_slice(&buffer[..used]);
        Ok(())
    }

    /// As an integer, if it is one.
    fn as_i128(self) -> Option<i128> {
        Some(match self {
            Scalar::Bool(x) => i128::from(x),
            Scalar::I8(x) => x.into(),
            Scalar::I16(x) => x.into(),
            Scalar::I32(x) => x.into(),
            Scalar::I64(x) => x.into(),
            Scalar::U8(x) => x.into(),
            Scalar::U16(x) => x.into(),
            Scalar::U32(x) => x.into(),
            Scalar::U64(x) => x.into(),
            Scalar::F32(_) | Scalar::F64(_) | Scalar::C64(_) | Scalar::C128(_) => return None,
        })
    }

    /// As a double; the real part of a complex number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Scalar::F32(x) => x.into(),
            Scalar::F64(x) => x,
            Scalar::C64(z) => z.re.into(),
            Scalar::C128(z) => z.re,
            _ => self.as_i128().unwrap_or(0) as f64,
        }
    }

    fn as_complex(self) -> Complex<f64> {
        match self {
            Scalar::C64(z) => Complex::new(z.re.into(), z.im.into()),
            Scalar::C128(z) => z,
            _ => Complex::new(self.as_f64(), 0.0),
        }
    }
}

fn int_words(value: i128, to: DType, words: &mut [u64; 2]) -> Option<usize> {
    Some(match to {
        DType::Bool => (value != 0).to_words(words),
        DType::I8 => i8::try_from(value).ok()?.to_words(words),
        DType::I16 => i16::try_from(value).ok()?.to_words(words),
        DType::I32 => i32::try_from(value).ok()?.to_words(words),
        DType::I64 => i64::try_from(value).ok()?.to_words(words),
        DType::U8 => u8::try_from(value).ok()?.to_words(words),
        DType::U16 => u16::try_from(value).ok()?.to_words(words),
        DType::U32 => u32::try_from(value).ok()?.to_words(words),
        DType::U64 => u64::try_from(value).ok()?.to_words(words),
        DType::F32 | DType::F64 | DType::C64 | DType::C128 => return None,
    })
}

macro_rules! scalar_from {
    ($($ty:ty, $variant:ident;)*) => {$(
        impl From<$ty> for Scalar {
            fn from(value: $ty) -> Scalar {
                Scalar::$variant(value)
            }
        }
        impl From<$ty> for Arg<'_> {
            fn from(value: $ty) -> Self {
                Arg::Scalar(Scalar::$variant(value))
            }
        }
    )*};
}

scalar_from! {
    bool, Bool; i8, I8; i16, I16; i32, I32; i64, I64; u8, U8; u16, U16; u32, U32; u64, U64; f32, F32; f64, F64;
    Complex<f32>, C64; Complex<f64>, C128;
}

/// An argument of a dynamic call.
#[derive(Debug)]
pub enum Arg<'a> {
    /// A number.
    Scalar(Scalar),
    /// An array that is read.
    In(ArrayRef<'a>),
    /// An array that is read and written.
    InOut(ArrayRefMut<'a>),
    /// A tuple.
    Tuple(Vec<Arg<'a>>),
    /// `None`.
    None,
    /// A string: part of the specialisation.
    Str(String),
    /// Not given: the parameter's default.
    Omitted,
}

impl<'a> Arg<'a> {
    /// The type to specialise for; `None` for an omitted argument.
    #[must_use]
    pub fn ty(&self) -> Option<Ty> {
        Some(match self {
            Arg::Scalar(scalar) => Ty::Scalar(scalar.dtype()),
            Arg::In(array) => Ty::Array(array.array_ty(false)),
            Arg::InOut(array) => Ty::Array(array.inner.array_ty(true)),
            Arg::Tuple(items) => Ty::Tuple(items.iter().map(|item| item.ty().unwrap_or(Ty::None)).collect()),
            Arg::None => Ty::None,
            Arg::Str(text) => Ty::Str(text.as_str().into()),
            Arg::Omitted => return None,
        })
    }

    /// Appends the words of the calling convention, numbers converted to the parameter's type.
    pub(crate) fn push_words(&self, to: &Ty, words: &mut SmallVec<[u64; 32]>) -> Result<(), Error> {
        match (self, to) {
            (Arg::Scalar(scalar), Ty::Scalar(dtype)) => scalar.push_words(*dtype, words),
            (Arg::In(array), Ty::Array(_)) => {
                array.push_words(words);
                Ok(())
            }
            (Arg::InOut(array), Ty::Array(_)) => {
                array.inner.push_words(words);
                Ok(())
            }
            (Arg::Tuple(items), Ty::Tuple(types)) if items.len() == types.len() => {
                items.iter().zip(types.iter()).try_for_each(|(item, ty)| item.push_words(ty, words))
            }
            (Arg::None, Ty::None) | (Arg::Str(_), Ty::Str(_)) | (Arg::Omitted, _) => Ok(()),
            _ => Err(Error::Internal(format!("an argument does not fit the parameter's type {to}"))),
        }
    }
}

impl<'a> From<ArrayRef<'a>> for Arg<'a> {
    fn from(array: ArrayRef<'a>) -> Self {
        Arg::In(array)
    }
}

impl<'a> From<ArrayRefMut<'a>> for Arg<'a> {
    fn from(array: ArrayRefMut<'a>) -> Self {
        Arg::InOut(array)
    }
}

impl<'a, T: Element, const N: usize> From<View<'a, T, N>> for Arg<'a> {
    fn from(view: View<'a, T, N>) -> Self {
        // SAFETY: a `View` is valid for `'a`.
        Arg::In(unsafe { ArrayRef::from_raw(view.data.cast(), T::DTYPE, &view.shape, &view.strides) })
    }
}

impl<'a, T: Element, const N: usize> From<ViewMut<'a, T, N>> for Arg<'a> {
    fn from(view: ViewMut<'a, T, N>) -> Self {
        let View { data, shape, strides, .. } = view.view;
        // SAFETY: a `ViewMut` is valid for `'a` and unshared.
        Arg::InOut(unsafe { ArrayRefMut::from_raw(data.cast_mut().cast(), T::DTYPE, &shape, &strides) })
    }
}

/// What a dynamic call returns.
#[derive(Debug)]
pub enum Value {
    /// Nothing.
    None,
    /// A number.
    Scalar(Scalar),
    /// An array.
    Array(DynArray),
    /// Several values.
    Tuple(Vec<Value>),
}

impl Value {
    /// Takes over a result.
    ///
    /// # Safety
    /// The words are a result of that type, arrays detached from their context.
    pub(crate) unsafe fn from_words(ty: &Ty, words: &[u64], engine: &EngineInner) -> Result<Value, Error> {
        Ok(match ty {
            Ty::None | Ty::Str(_) => Value::None,
            Ty::Scalar(dtype) => Value::Scalar(Scalar::from_words(*dtype, words)),
            Ty::Event => Value::Scalar(Scalar::from_words(DType::I64, words)),
            // SAFETY: passed on.
            Ty::Array(array) => Value::Array(unsafe {
                DynArray::from_words(&words[..abi::array_words(array.rank)], array.dtype, &engine.account)?
            }),
            // SAFETY: passed on.
            Ty::Rng => Value::Array(unsafe {
                DynArray::from_words(&words[..abi::array_words(1)], DType::U64, &engine.account)?
            }),
            Ty::Tuple(items) => {
                let mut values = Vec::with_capacity(items.len());
                let mut used = 0;
                for item in items.iter() {
                    // SAFETY: passed on.
                    values.push(unsafe { Value::from_words(item, &words[used..], engine)? });
                    used += abi::words(item);
                }
                Value::Tuple(values)
            }
        })
    }

    /// The number, if it is a real one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Scalar(scalar) => Some(scalar.as_f64()),
            Value::None | Value::Array(_) | Value::Tuple(_) => None,
        }
    }

    /// The array, if it is one.
    #[must_use]
    pub fn into_array(self) -> Option<DynArray> {
        match self {
            Value::Array(array) => Some(array),
            Value::None | Value::Scalar(_) | Value::Tuple(_) => None,
        }
    }
}
