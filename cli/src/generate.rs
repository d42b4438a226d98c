//! Arrays made from generators on the command line, with NumPy's numbers.
//!
//! `rand`, `randn` and `randint` draw from one `numpy.random.default_rng(seed)` in the order of the arguments.

use kjit::{DType, DynArray, Element, Scalar};
use kjit_compiler::numerics::random::{BitSource, Pcg64, generator};
use num_complex::Complex;

use crate::literal::{Generator, convert};

/// Makes the array.
///
/// # Errors
/// A sentence, if the numbers do not fit in the type or there is no memory.
pub(crate) fn generate(
    made: &Generator,
    dtype: Option<DType>,
    source: &mut Pcg64,
) -> Result<DynArray, String> {
    match made {
        Generator::Full { shape, value } => {
            let dtype = dtype.unwrap_or(value.dtype());
            let value = convert(*value, dtype)?;
            if is_zero(value) {
                return DynArray::zeros(dtype, shape).map_err(|error| too_large(shape, &error));
            }
            let count = count(shape)?;
            from_scalars(std::iter::repeat_n(value, count), dtype, shape)
        }
        Generator::Arange { start, stop, step, is_integer } => {
            let count = ((stop - start) / step).ceil().max(0.0);
            if count > 1e15 {
                return Err(format!("arange of {count} elements is too large"));
            }
            let dtype = dtype.unwrap_or(if *is_integer { DType::I64 } else { DType::F64 });
            if dtype == DType::F32 {
                let (start, delta) = (*start as f32, (start + step) as f32 - *start as f32);
                let values = (0..count as usize).map(|i| Scalar::F32(start + i as f32 * delta));
                return from_scalars(values, dtype, &[count as usize]);
            }
            // NumPy's step is the difference of its first two elements.
            let delta = if *is_integer { *step } else { (start + step) - start };
            let values = (0..count as usize).map(|i| Scalar::F64(start + i as f64 * delta));
            from_scalars(values, dtype, &[count as usize])
        }
        Generator::Linspace { start, stop, count } => {
            let step = if *count > 1 { (stop - start) / (*count - 1) as f64 } else { 0.0 };
            let last = count.saturating_sub(1);
            // NumPy sets the last element exactly.
            let values = (0..*count)
                .map(|i| Scalar::F64(if i == last && i > 0 { *stop } else { i as f64 * step + start }));
            from_scalars(values, dtype.unwrap_or(DType::F64), &[*count])
        }
        Generator::Random { shape } => {
            let count = count(shape)?;
            if dtype == Some(DType::F32) {
                // NumPy draws single precision from 24 bits of 32.
                let draw = || Scalar::F32((source.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0));
                return from_scalars(std::iter::repeat_with(draw).take(count), DType::F32, shape);
            }
            let draw = || Scalar::F64(source.next_f64());
            from_scalars(std::iter::repeat_with(draw).take(count), dtype.unwrap_or(DType::F64), shape)
        }
        Generator::Normal { shape } => {
            let count = count(shape)?;
            let draw = || Scalar::F64(generator::standard_normal(source));
            from_scalars(std::iter::repeat_with(draw).take(count), dtype.unwrap_or(DType::F64), shape)
        }
        Generator::Integers { low, high, shape } => {
            let count = count(shape)?;
            let draw = || Scalar::I64(generator::integers(source, *low, *high));
            from_scalars(std::iter::repeat_with(draw).take(count), dtype.unwrap_or(DType::I64), shape)
        }
    }
}

/// An array of converted numbers.
///
/// # Errors
/// If one does not fit.
pub(crate) fn from_scalars(
    values: impl Iterator<Item = Scalar>,
    dtype: DType,
    shape: &[usize],
) -> Result<DynArray, String> {
    macro_rules! collect {
        ($($dtype:ident $variant:ident $ty:ty,)*) => {
            match dtype {
                $(DType::$dtype => build::<$ty>(values, dtype, shape, |value| match value {
                    Scalar::$variant(x) => Some(x),
                    _ => None,
                }),)*
            }
        };
    }
    collect! {
        Bool Bool bool, I8 I8 i8, I16 I16 i16, I32 I32 i32, I64 I64 i64, U8 U8 u8, U16 U16 u16, U32 U32 u32,
        U64 U64 u64, F32 F32 f32, F64 F64 f64, C64 C64 Complex<f32>, C128 C128 Complex<f64>,
    }
}

fn build<T: Element>(
    values: impl Iterator<Item = Scalar>,
    dtype: DType,
    shape: &[usize],
    unwrap: impl Fn(Scalar) -> Option<T>,
) -> Result<DynArray, String> {
    let mut elements = Vec::new();
    elements.try_reserve_exact(count(shape)?).map_err(|error| too_large(shape, &error))?;
    for value in values {
        let value = if value.dtype() == dtype { value } else { convert(value, dtype)? };
        elements.extend(unwrap(value));
    }
    DynArray::from_slice(&elements, shape).map_err(|error| too_large(shape, &error))
}

fn count(shape: &[usize]) -> Result<usize, String> {
    shape
        .iter()
        .try_fold(1_usize, |count, &extent| count.checked_mul(extent))
        .filter(|&count| count <= isize::MAX as usize / 16)
        .ok_or_else(|| too_large(shape, &"more elements than memory has addresses"))
}

fn too_large(shape: &[usize], error: &dyn std::fmt::Display) -> String {
    let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("an array of shape {} cannot be made: {error}", shape.join("x"))
}

fn is_zero(value: Scalar) -> bool {
    match value {
        // Zero bytes are +0.0 alone.
        Scalar::F64(x) => x.to_bits() == 0,
        Scalar::F32(x) => x.to_bits() == 0,
        Scalar::C64(_) | Scalar::C128(_) => false,
        other => other.as_f64() == 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::literal::{Spec, parse};

    fn array(text: &str, source: &mut Pcg64) -> DynArray {
        let Ok(Spec::Generate { generator, dtype }) = parse(text) else { panic!("{text}") };
        generate(&generator, dtype, source).unwrap()
    }

    /// Values printed by NumPy 2.4.6: `rng = np.random.default_rng(42)`, then the calls in this order.
    #[test]
    fn streams_are_numpys() {
        let source = &mut Pcg64::new(42);
        let x = array("rand:3", source).to_vec::<f64>().unwrap();
        assert_eq!(x, [0.773_956_048_555_963_3, 0.438_878_439_752_052_3, 0.858_597_919_911_382_5]);
        let x = array("randn:4", source).to_vec::<f64>().unwrap();
        let expected = [
            0.940_564_716_391_213_9,
            -1.951_035_188_653_836_4,
            -1.302_179_506_862_318,
            0.127_840_403_167_285_37,
        ];
        assert_eq!(x, expected);
        let x = array("randint:0:256:5", source).to_vec::<i64>().unwrap();
        assert_eq!(x, [183, 201, 131, 32, 214]);
        // `random(5, dtype=np.float32)`: halves of words, one of them left from the integers before.
        let x = array("rand:5:f32", source).to_vec::<f32>().unwrap();
        assert_eq!(x, [0.450_385_93, 0.500_351_9, 0.370_798, 0.182_549_6, 0.926_764_97]);
        let x = array("randint:-5:1000000000000:3", source).to_vec::<i64>().unwrap();
        assert_eq!(x, [643_865_120_078, 822_761_613_269, 443_414_198_824]);
        assert_eq!(
            array("rand:2", source).to_vec::<f64>().unwrap(),
            [0.227_238_721_784_776_9, 0.554_584_787_015_834_8]
        );
    }

    /// `np.arange(0, 2, 0.3)`, `np.linspace(0, 1, 4)`.
    #[test]
    fn ranges_follow_numpys_formulas() {
        let source = &mut Pcg64::new(0);
        let x = array("arange:0:2:0.3", source).to_vec::<f64>().unwrap();
        assert_eq!(x, [0.0, 0.3, 0.6, 0.899_999_999_999_999_9, 1.2, 1.5, 1.799_999_999_999_999_8]);
        let x = array("linspace:0:1:4", source).to_vec::<f64>().unwrap();
        assert_eq!(x, [0.0, 0.333_333_333_333_333_3, 0.666_666_666_666_666_6, 1.0]);
        let x = array("arange:1:2:0.1", source).to_vec::<f64>().unwrap();
        assert_eq!(x[7..], [1.700_000_000_000_000_6, 1.800_000_000_000_000_7, 1.900_000_000_000_000_8]);
        let x = array("arange:0.5:1.5:0.1:f32", source).to_vec::<f32>().unwrap();
        assert_eq!(
            x[7..],
            [1.200_000_166_893_005_4_f64, 1.300_000_190_734_863_3, 1.400_000_214_576_721_2].map(|x| x as f32)
        );
        assert_eq!(array("arange:5", source).to_vec::<i64>().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(array("arange:5:0:-2:i32", source).to_vec::<i32>().unwrap(), [5, 3, 1]);
        assert_eq!(array("ones:2x2:u8", source).to_vec::<u8>().unwrap(), [1; 4]);
    }

    #[test]
    fn what_cannot_be_made_is_said() {
        let made = |text: &str| {
            let Ok(Spec::Generate { generator, dtype }) = parse(text) else { panic!("{text}") };
            generate(&generator, dtype, &mut Pcg64::new(0)).map(|array| array.len())
        };
        for text in [
            "rand:1e15",
            "randn:1e15",
            "randint:0:9:1e15",
            "rand:1e15:f32",
            "linspace:0:1:1e15",
            "arange:1e15",
        ] {
            assert!(made(text).unwrap_err().contains("cannot be made"), "{text}");
        }
        assert!(made("zeros:1e15").unwrap_err().contains("cannot be made"));
        assert!(made("ones:9999999999x9999999999").unwrap_err().contains("cannot be made"));
        assert!(made("full:3:300:u8").unwrap_err().contains("does not fit"));
        assert_eq!(made("zeros:0x5"), Ok(0));
    }
}
