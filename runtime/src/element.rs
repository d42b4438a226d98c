//! The Rust types that are element types of the language.

use kjit_compiler::types::DType;
use num_complex::Complex;

mod sealed {
    pub trait Sealed {}
}

/// A number that kernels take, return and store in arrays: `bool`, the integers of 8 to 64 bits, `f32`, `f64`,
/// `Complex<f32>`, `Complex<f64>`. Sealed: the set is the language's.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The language's name of the type.
    const DTYPE: DType;

    /// Writes the value as words of the calling convention; returns how many (1, or 2 for complex numbers).
    fn to_words(self, words: &mut [u64]) -> usize;

    /// Reads a value back from words.
    fn from_words(words: &[u64]) -> Self;
}

macro_rules! element {
    ($($ty:ty, $dtype:ident, |$value:ident| $to:expr, |$word:ident| $from:expr;)*) => {$(
        impl sealed::Sealed for $ty {}
        impl Element for $ty {
            const DTYPE: DType = DType::$dtype;
            #[inline]
            fn to_words(self, words: &mut [u64]) -> usize {
                let $value = self;
                words[0] = $to;
                1
            }
            #[inline]
            fn from_words(words: &[u64]) -> Self {
                let $word = words[0];
                $from
            }
        }
    )*};
}

element! {
    bool, Bool, |x| u64::from(x), |w| w & 1 != 0;
    i8, I8, |x| i64::from(x) as u64, |w| w as i8;
    i16, I16, |x| i64::from(x) as u64, |w| w as i16;
    i32, I32, |x| i64::from(x) as u64, |w| w as i32;
    i64, I64, |x| x as u64, |w| w as i64;
    u8, U8, |x| u64::from(x), |w| w as u8;
    u16, U16, |x| u64::from(x), |w| w as u16;
    u32, U32, |x| u64::from(x), |w| w as u32;
    u64, U64, |x| x, |w| w;
    f32, F32, |x| u64::from(x.to_bits()), |w| f32::from_bits(w as u32);
    f64, F64, |x| x.to_bits(), |w| f64::from_bits(w);
}

macro_rules! complex_element {
    ($($part:ty, $dtype:ident;)*) => {$(
        impl sealed::Sealed for Complex<$part> {}
        impl Element for Complex<$part> {
            const DTYPE: DType = DType::$dtype;
            #[inline]
            fn to_words(self, words: &mut [u64]) -> usize {
                self.re.to_words(&mut words[..1]);
                self.im.to_words(&mut words[1..2]);
                2
            }
            #[inline]
            fn from_words(words: &[u64]) -> Self {
                Complex::new(<$part>::from_words(&words[..1]), <$part>::from_words(&words[1..2]))
            }
        }
    )*};
}

complex_element! {
    f32, C64;
    f64, C128;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        let mut words = [0_u64; 2];
        assert_eq!((-3_i8).to_words(&mut words), 1);
        assert_eq!(words[0], u64::MAX - 2, "sign-extended");
        assert_eq!(i8::from_words(&words), -3);
        assert_eq!(1.5_f32.to_words(&mut words), 1);
        assert_eq!(words[0], 0x3fc0_0000, "IEEE single 1.5 in the low half");
        let z = Complex::new(1.0_f64, -2.0);
        assert_eq!(z.to_words(&mut words), 2);
        assert_eq!(Complex::<f64>::from_words(&words), z);
    }
}
