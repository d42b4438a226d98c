//! Arguments and results of dynamic calls.

use kjit_compiler::infer::ArgTy;
use kjit_compiler::ir::abi;
use kjit_compiler::types::{DType, Ty};
use num_complex::Complex;

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

    /// Writes its words as that type, returns how many; the conversion is one that inference allowed.
    #[inline]
    pub(crate) fn write_words(self, to: DType, words: &mut [u64]) -> Result<usize, Error> {
        if self.dtype() == to {
            return Ok(for_each_scalar!(self, x => x.to_words(words)));
        }
        self.write_converted(to, words)
    }

    #[inline(never)]
    fn write_converted(self, to: DType, words: &mut [u64]) -> Result<usize, Error> {
        Ok(match (self, to) {
            (x, DType::C64) => {
                let z = x.as_complex();
                Complex::new(z.re as f32, z.im as f32).to_words(words)
            }
            (x, DType::C128) => x.as_complex().to_words(words),
            (x, DType::F64) => x.as_f64().to_words(words),
            (x, DType::F32) => (x.as_f64() as f32).to_words(words),
            (x, to) => match x.as_i128() {
                Some(value) => int_words(value, to, words)
                    .ok_or_else(|| Error::Argument(format!("{value} does not fit in {to}")))?,
                None => return Err(Error::Argument(format!("{} cannot be passed as {to}", x.dtype()))),
            },
        })
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

fn int_words(value: i128, to: DType, words: &mut [u64]) -> Option<usize> {
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
            #[inline]
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

    /// Is this the type it has, as [`Arg::ty`] says? Makes none to find out.
    #[inline]
    pub(crate) fn has_type(&self, ty: &ArgTy) -> bool {
        match (self, ty) {
            (Arg::Omitted, ArgTy::Omitted) => true,
            (Arg::Omitted, ArgTy::Given(_)) | (_, ArgTy::Omitted) => false,
            (_, ArgTy::Given(ty)) => self.is_of(ty),
        }
    }

    /// The same within a tuple, where what is omitted is `None`.
    #[inline]
    fn is_of(&self, ty: &Ty) -> bool {
        match self {
            Arg::Scalar(scalar) => matches!(ty, Ty::Scalar(dtype) if *dtype == scalar.dtype()),
            Arg::In(array) => matches!(ty, Ty::Array(ty) if !ty.is_writable && array.is_of(ty)),
            Arg::InOut(array) => matches!(ty, Ty::Array(ty) if ty.is_writable && array.inner.is_of(ty)),
            Arg::Tuple(items) => matches!(ty, Ty::Tuple(types) if Arg::are_of(items, types)),
            Arg::None | Arg::Omitted => matches!(ty, Ty::None),
            Arg::Str(text) => matches!(ty, Ty::Str(known) if **text == **known),
        }
    }

    #[inline(never)]
    fn are_of(items: &[Arg<'_>], types: &[Ty]) -> bool {
        items.len() == types.len() && items.iter().zip(types).all(|(item, ty)| item.is_of(ty))
    }

    /// Writes the words of the calling convention, numbers converted to the parameter's type; returns how many.
    #[inline]
    pub(crate) fn write_words(&self, to: &Ty, words: &mut [u64]) -> Result<usize, Error> {
        match (self, to) {
            (Arg::Scalar(scalar), Ty::Scalar(dtype)) => scalar.write_words(*dtype, words),
            (Arg::In(array), Ty::Array(_)) => Ok(array.write_words(words)),
            (Arg::InOut(array), Ty::Array(_)) => Ok(array.inner.write_words(words)),
            (Arg::Tuple(items), Ty::Tuple(types)) if items.len() == types.len() => {
                Arg::write_items(items, types, words)
            }
            (Arg::None, Ty::None) | (Arg::Str(_), Ty::Str(_)) | (Arg::Omitted, _) => Ok(0),
            _ => Err(Error::Internal(format!("an argument does not fit the parameter's type {to}"))),
        }
    }

    #[inline(never)]
    fn write_items(items: &[Arg<'_>], types: &[Ty], words: &mut [u64]) -> Result<usize, Error> {
        items.iter().zip(types).try_fold(0, |used, (item, ty)| {
            item.write_words(ty, &mut words[used..]).map(|count| used + count)
        })
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
    #[inline]
    fn from(view: View<'a, T, N>) -> Self {
        Arg::In(view.into())
    }
}

impl<'a, T: Element, const N: usize> From<ViewMut<'a, T, N>> for Arg<'a> {
    #[inline]
    fn from(view: ViewMut<'a, T, N>) -> Self {
        Arg::InOut(view.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments of many types; each has exactly its own.
    #[test]
    fn an_argument_has_the_type_that_it_says() {
        let (numbers, mut more) = ([1.0; 6], [2.0; 6]);
        let single = [1.0_f32; 6];
        // SAFETY: all elements are those of `numbers`.
        let raw = |shape: &[usize], strides: &[isize]| unsafe {
            ArrayRef::from_raw(numbers.as_ptr().cast(), DType::F64, shape, strides)
        };
        let items = |last: Arg<'static>| Arg::Tuple(vec![Arg::from(1.0), last]);
        let args: Vec<Arg<'_>> = vec![
            1.0.into(),
            1.0_f32.into(),
            true.into(),
            Arg::None,
            Arg::Omitted,
            Arg::Str("a".into()),
            Arg::Str("b".into()),
            items(2.0.into()),
            items(2_i64.into()),
            items(Arg::Omitted),
            Arg::Tuple(Vec::new()),
            View::from(&numbers).into(),
            View::from(&single).into(),
            ViewMut::from(&mut more).into(),
            raw(&[3, 2], &[16, 8]).into(),
            raw(&[3, 2], &[8, 24]).into(),
            raw(&[2, 1], &[32, 8]).into(),
            raw(&[3], &[16]).into(),
            raw(&[1, 1, 1, 1, 6], &[8, 8, 8, 8, 8]).into(),
        ];
        let types: Vec<ArgTy> =
            args.iter().map(|arg| arg.ty().map_or(ArgTy::Omitted, ArgTy::Given)).collect();
        for (arg, of) in args.iter().zip(&types) {
            for ty in &types {
                assert_eq!(arg.has_type(ty), of == ty, "{arg:?} as {ty:?}");
            }
        }
    }

    #[test]
    fn views_become_arguments_with_the_same_words() {
        let numbers = [0_i16; 12];
        let Arg::In(array) = Arg::from(View::new(&numbers, [3, 4]).unwrap()) else { panic!("a view") };
        assert_eq!((array.shape(), array.strides()), (&[3, 4][..], &[8, 2][..]));
        let mut words = [7; 7];
        assert_eq!(array.write_words(&mut words), 6);
        assert_eq!(words, [numbers.as_ptr() as u64, 0, 3, 4, 8, 2, 7]);
        let Arg::In(array) = Arg::from(View::new(&numbers, [1, 1, 3, 1, 4]).unwrap()) else {
            panic!("a view")
        };
        assert_eq!((array.shape(), array.strides()), (&[1, 1, 3, 1, 4][..], &[24, 24, 8, 8, 2][..]));
    }
}
