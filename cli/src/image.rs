//! Two-dimensional arrays as PNG images.

use std::fs::File;
use std::io::BufWriter;

use kjit::{ArrayRef, DType};

/// Colours at equal distances from dark to bright, in the manner of perceptually ordered maps: dark blue, purple,
/// red, orange, pale yellow.
const STOPS: [[f64; 3]; 6] = [
    [0.0, 0.0, 16.0],
    [58.0, 15.0, 110.0],
    [140.0, 41.0, 105.0],
    [222.0, 73.0, 71.0],
    [252.0, 161.0, 50.0],
    [252.0, 254.0, 190.0],
];

/// Writes an array of rank 2 through the colour map, its smallest value dark and its largest bright (`u8` as grey levels as they
/// are), or one of shape rows x columns x 3 or 4 of `u8` as colours.
///
/// # Errors
/// A sentence.
pub(crate) fn save(path: &str, array: &ArrayRef<'_>) -> Result<(), String> {
    let (height, width, channels) = match *array.shape() {
        [height, width] => (height, width, 0),
        [height, width, channels @ (3 | 4)] if array.dtype() == DType::U8 => (height, width, channels),
        _ => {
            return Err(format!(
                "an image is a 2-d array, or rows x columns x 3 of u8; this one has shape {:?}",
                array.shape()
            ));
        }
    };
    if height == 0 || width == 0 {
        return Err("an image needs at least one pixel".into());
    }
    let (color, pixels) = match channels {
        3 => (png::ColorType::Rgb, array.to_vec::<u8>().unwrap_or_default()),
        4 => (png::ColorType::Rgba, array.to_vec::<u8>().unwrap_or_default()),
        _ if array.dtype() == DType::U8 => {
            (png::ColorType::Grayscale, array.to_vec::<u8>().unwrap_or_default())
        }
        _ => (png::ColorType::Rgb, colour(&to_f64(array)?)),
    };
    let file = File::create(path).map_err(|error| error.to_string())?;
    let dimension = |extent: usize| u32::try_from(extent).map_err(|_| "the image is too large".to_owned());
    let mut encoder = png::Encoder::new(BufWriter::new(file), dimension(width)?, dimension(height)?);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(&pixels).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())
}

/// The elements as doubles.
///
/// # Errors
/// For complex numbers.
pub(crate) fn to_f64(array: &ArrayRef<'_>) -> Result<Vec<f64>, String> {
    macro_rules! widen {
        ($ty:ty, |$x:ident| $wide:expr) => {
            array.to_vec::<$ty>().unwrap_or_default().into_iter().map(|$x| $wide).collect()
        };
    }
    Ok(match array.dtype() {
        DType::Bool => widen!(bool, |x| f64::from(u8::from(x))),
        DType::I8 => widen!(i8, |x| f64::from(x)),
        DType::I16 => widen!(i16, |x| f64::from(x)),
        DType::I32 => widen!(i32, |x| f64::from(x)),
        DType::I64 => widen!(i64, |x| x as f64),
        DType::U8 => widen!(u8, |x| f64::from(x)),
        DType::U16 => widen!(u16, |x| f64::from(x)),
        DType::U32 => widen!(u32, |x| f64::from(x)),
        DType::U64 => widen!(u64, |x| x as f64),
        DType::F32 => widen!(f32, |x| f64::from(x)),
        DType::F64 => array.to_vec::<f64>().unwrap_or_default(),
        DType::C64 | DType::C128 => return Err("complex numbers have no order: take `.real` or `abs`".into()),
    })
}

fn colour(values: &[f64]) -> Vec<u8> {
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let scale = if high > low { 1.0 / (high - low) } else { 0.0 };
    let mut pixels = Vec::with_capacity(3 * values.len());
    for &value in values {
        if value.is_nan() {
            pixels.extend([128, 128, 128]);
            continue;
        }
        let position = ((value - low) * scale).clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
        let below = (position as usize).min(STOPS.len() - 2);
        let t = position - below as f64;
        pixels.extend((0..3).map(|k| (STOPS[below][k] * (1.0 - t) + STOPS[below + 1][k] * t).round() as u8));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use kjit::DynArray;

    fn read(path: &std::path::Path) -> (u32, u32, Vec<u8>) {
        let decoder = png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn extremes_take_the_ends_of_the_map() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.png");
        let x = DynArray::from_slice(&[1.0, 2.0, f64::NAN, 3.0, 1.0, 3.0], &[2, 3]).unwrap();
        save(&path.to_string_lossy(), &x.view()).unwrap();
        let (width, height, pixels) = read(&path);
        assert_eq!((width, height), (3, 2));
        assert_eq!(pixels[..3], [0, 0, 16], "the smallest");
        assert_eq!(pixels[9..12], [252, 254, 190], "the largest");
        assert_eq!(pixels[6..9], [128, 128, 128], "not a number");
    }

    #[test]
    fn grey_levels_are_kept_and_wrong_shapes_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.png");
        let x = DynArray::from_slice(&[0_u8, 7, 200, 255], &[2, 2]).unwrap();
        save(&path.to_string_lossy(), &x.view()).unwrap();
        assert_eq!(read(&path), (2, 2, vec![0, 7, 200, 255]));
        let line = DynArray::from_slice(&[0.0, 1.0], &[2]).unwrap();
        assert!(save(&path.to_string_lossy(), &line.view()).unwrap_err().contains("2-d"));
        let empty = DynArray::zeros(DType::F64, &[0, 4]).unwrap();
        assert!(save(&path.to_string_lossy(), &empty.view()).unwrap_err().contains("one pixel"));
    }
}
