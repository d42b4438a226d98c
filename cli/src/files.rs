//! Array files: `.npy`, `.npz`, `.png`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read};
use std::path::Path;

use kjit::{ArrayFiles, ArrayRef, DType, DynArray, Element};
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzWriter, ReadNpyExt, ReadableElement, WritableElement, WriteNpyExt};
use num_complex::Complex;
use zip::ZipArchive;

use crate::image;

/// Calls a generic function with the Rust type of an element type.
macro_rules! with_element {
    ($dtype:expr, $function:ident $args:tt) => {
        match $dtype {
            DType::Bool => $function::<bool> $args,
            DType::I8 => $function::<i8> $args,
            DType::I16 => $function::<i16> $args,
            DType::I32 => $function::<i32> $args,
            DType::I64 => $function::<i64> $args,
            DType::U8 => $function::<u8> $args,
            DType::U16 => $function::<u16> $args,
            DType::U32 => $function::<u32> $args,
            DType::U64 => $function::<u64> $args,
            DType::F32 => $function::<f32> $args,
            DType::F64 => $function::<f64> $args,
            DType::C64 => $function::<Complex<f32>> $args,
            DType::C128 => $function::<Complex<f64>> $args,
        }
    };
}

/// Reads `file.npy`, or a member of `file.npz` (its only one, if none is named).
///
/// # Errors
/// A sentence with the path.
pub(crate) fn load(path: &str, member: Option<&str>) -> Result<DynArray, String> {
    let describe = |error: &dyn std::fmt::Display| format!("{path}: {error}");
    let file = File::open(path).map_err(|error| describe(&error))?;
    let is_archive =
        Path::new(path).extension().is_some_and(|extension| extension == "npz") || member.is_some();
    if !is_archive {
        // What is no plain file has no size to compare with.
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        return read_array(BufReader::new(file), size).map_err(|error| describe(&error));
    }
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| describe(&error))?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let name = match member {
        Some(member) => names.iter().find(|name| name.trim_end_matches(".npy") == member),
        None if names.len() == 1 => names.first(),
        None => None,
    };
    let Some(name) = name else {
        let known: Vec<&str> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
        return Err(describe(&format!("name one of its arrays: `@{path}#NAME` with {}", known.join(", "))));
    };
    let entry = archive.by_name(name).map_err(|error| describe(&error))?;
    let size = entry.size();
    read_array(BufReader::new(entry), Some(size)).map_err(|error| describe(&format!("`{name}`: {error}")))
}

/// Reads an array in NumPy's format; `size_bytes` is that of header and elements together.
fn read_array(mut reader: impl Read, size_bytes: Option<u64>) -> Result<DynArray, String> {
    let header = Header::read(&mut reader)?;
    let elements = header.shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent));
    let bytes = elements.and_then(|count| count.checked_mul(header.dtype.size_bytes())).ok_or(TOO_LARGE)?;
    if size_bytes.is_some_and(|size| (size as usize).saturating_sub(header.text.get_ref().len()) < bytes) {
        return Err(format!("it is cut off: {bytes} bytes of elements are announced and not there"));
    }
    // The reader below does not expect allocations to fail.
    if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
        return Err(TOO_LARGE.into());
    }
    let dtype = header.dtype;
    with_element!(dtype, read_npy(header.text.chain(reader)))
}

const TOO_LARGE: &str = "there is no memory for its elements";

fn read_npy<T: Element + ReadableElement>(reader: impl Read) -> Result<DynArray, String> {
    to_dyn(&ArrayD::<T>::read_npy(reader).map_err(|error| error.to_string())?)
}

fn to_dyn<T: Element>(array: &ArrayD<T>) -> Result<DynArray, String> {
    let shape = array.shape().to_vec();
    let standard = array.as_standard_layout();
    let elements = standard.as_slice().ok_or("the array is not contiguous")?;
    DynArray::from_slice(elements, &shape).map_err(|error| error.to_string())
}

/// What stands before the elements of a `.npy` file (format versions 1 to 3).
struct Header {
    dtype: DType,
    shape: Vec<usize>,
    /// All bytes of it.
    text: Cursor<Vec<u8>>,
}

impl Header {
    fn read(reader: &mut impl Read) -> Result<Header, String> {
        let mut text = vec![0; 10];
        reader.read_exact(&mut text).map_err(|_| "not a .npy file".to_owned())?;
        if &text[..6] != b"\x93NUMPY" {
            return Err("not a .npy file".into());
        }
        let mut length = usize::from(u16::from_le_bytes([text[8], text[9]]));
        if text[6] >= 2 {
            let mut more = [0; 2];
            reader.read_exact(&mut more).map_err(|error| error.to_string())?;
            text.extend(more);
            length |= usize::from(u16::from_le_bytes(more)) << 16;
        }
        if length > 1 << 20 {
            return Err("its header is too long to be one".into());
        }
        let start = text.len();
        text.resize(start + length, 0);
        reader.read_exact(&mut text[start..]).map_err(|_| "its header is cut off".to_owned())?;
        let (dtype, shape) = Header::parse(&String::from_utf8_lossy(&text[start..]))?;
        Ok(Header { dtype, shape, text: Cursor::new(text) })
    }

    /// Element type and extents.
    fn parse(header: &str) -> Result<(DType, Vec<usize>), String> {
        let after = |key: &str| header.split(key).nth(1).map(|rest| rest.trim_start_matches([':', ' ']));
        let descr = after("'descr'")
            .and_then(|rest| rest.split('\'').nth(1))
            .ok_or("its header has no element type")?;
        let shape = after("'shape'").and_then(|rest| rest.split_once('(')?.1.split(')').next());
        let shape: Vec<usize> = shape
            .ok_or("its header has no shape")?
            .split(',')
            .map(str::trim)
            .filter(|extent| !extent.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| "its header has no shape".to_owned())?;
        let (order, name) = descr.split_at_checked(1).ok_or("its header has no element type")?;
        let dtype = match name {
            "b1" => Some(DType::Bool),
            "i1" => Some(DType::I8),
            "u1" => Some(DType::U8),
            // The number counts bytes, unlike in kjit's own names.
            name if order == "<" || order == "=" => match name {
                "i2" => Some(DType::I16),
                "i4" => Some(DType::I32),
                "i8" => Some(DType::I64),
                "u2" => Some(DType::U16),
                "u4" => Some(DType::U32),
                "u8" => Some(DType::U64),
                "f4" => Some(DType::F32),
                "f8" => Some(DType::F64),
                "c8" => Some(DType::C64),
                "c16" => Some(DType::C128),
                _ => None,
            },
            _ => None,
        };
        let dtype = dtype.ok_or_else(|| {
            format!("its element type `{descr}` is not one that kernels have; convert it with `x.astype(np.float64)`")
        })?;
        if shape.len() > 8 {
            return Err(format!("it has {} axes; kernels have up to 8", shape.len()));
        }
        Ok((dtype, shape))
    }
}

/// Writes one array to a `.npy` file or, through the colour map, to a `.png` image.
///
/// # Errors
/// A sentence with the path.
pub(crate) fn save(path: &str, array: &ArrayRef<'_>) -> Result<(), String> {
    let describe = |error: &dyn std::fmt::Display| format!("{path}: {error}");
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("png") => image::save(path, array).map_err(|error| describe(&error)),
        Some("npy") => {
            let file = File::create(path).map_err(|error| describe(&error))?;
            with_element!(array.dtype(), write_npy(BufWriter::new(file), array))
                .map_err(|error| describe(&error))
        }
        _ => Err(describe(&"results are written as .npy, .npz or .png")),
    }
}

/// Writes several arrays to one `.npz` file.
///
/// # Errors
/// A sentence with the path.
pub(crate) fn save_archive(path: &str, arrays: &[(String, ArrayRef<'_>)]) -> Result<(), String> {
    let describe = |error: &dyn std::fmt::Display| format!("{path}: {error}");
    let file = File::create(path).map_err(|error| describe(&error))?;
    let mut archive = NpzWriter::new(BufWriter::new(file));
    for (name, array) in arrays {
        with_element!(array.dtype(), write_member(&mut archive, name, array))
            .map_err(|error| describe(&error))?;
    }
    archive.finish().map(|_| ()).map_err(|error| describe(&error))
}

fn write_member<T: Element + WritableElement>(
    archive: &mut NpzWriter<BufWriter<File>>,
    name: &str,
    array: &ArrayRef<'_>,
) -> Result<(), String> {
    archive.add_array(name, &to_ndarray::<T>(array)?).map_err(|error| error.to_string())
}

fn write_npy<T: Element + WritableElement>(
    writer: impl std::io::Write,
    array: &ArrayRef<'_>,
) -> Result<(), String> {
    to_ndarray::<T>(array)?.write_npy(writer).map_err(|error| error.to_string())
}

fn to_ndarray<T: Element>(array: &ArrayRef<'_>) -> Result<ArrayD<T>, String> {
    let elements = array.to_vec::<T>().ok_or("another element type")?;
    ArrayD::from_shape_vec(IxDyn(array.shape()), elements).map_err(|error| error.to_string())
}

/// `np.load` and `np.save` of kernels: `.npy` files.
#[derive(Debug)]
pub(crate) struct NpyFiles;

impl ArrayFiles for NpyFiles {
    fn inspect(&self, path: &str) -> Result<(DType, usize), String> {
        let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
        let header = Header::read(&mut BufReader::new(file)).map_err(|error| format!("{path}: {error}"))?;
        Ok((header.dtype, header.shape.len()))
    }

    fn load(&self, path: &str) -> Result<DynArray, String> {
        load(path, None)
    }

    fn save(&self, path: &str, array: &ArrayRef<'_>) -> Result<(), String> {
        save(path, array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_survive_a_round_trip() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let x = DynArray::from_slice(&[1.5_f32, -2.0, 3.25, 4.0, 5.0, 6.0], &[2, 3]).unwrap();
        save(&path("x.npy"), &x.view()).unwrap();
        let read = load(&path("x.npy"), None).unwrap();
        assert_eq!((read.dtype(), read.shape()), (DType::F32, [2_usize, 3].as_slice()));
        assert_eq!(read.to_vec::<f32>(), x.to_vec());
        assert_eq!(NpyFiles.inspect(&path("x.npy")), Ok((DType::F32, 2)));
        let k = DynArray::from_slice(&[1_i16, 2], &[2]).unwrap();
        save_archive(&path("d.npz"), &[("x".into(), x.view()), ("k".into(), k.view())]).unwrap();
        assert_eq!(load(&path("d.npz"), Some("k")).unwrap().to_vec::<i16>(), Some(vec![1, 2]));
        assert!(load(&path("d.npz"), None).unwrap_err().contains("name one of its arrays"));
        assert!(load(&path("d.npz"), Some("q")).unwrap_err().contains("k"));
    }

    #[test]
    fn every_element_type_survives() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.npy").to_string_lossy().into_owned();
        for dtype in DType::ALL {
            let x = DynArray::zeros(dtype, &[3, 2]).unwrap();
            save(&path, &x.view()).unwrap();
            let read = load(&path, None).unwrap();
            assert_eq!((read.dtype(), read.shape()), (dtype, [3_usize, 2].as_slice()));
            assert_eq!(NpyFiles.inspect(&path), Ok((dtype, 2)));
        }
    }

    #[test]
    fn damaged_files_are_refused_with_their_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.npy").to_string_lossy().into_owned();
        assert!(load(&path, None).unwrap_err().starts_with(&path));
        for bytes in
            [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x01\0\xff\xff{'descr'", b"PK\x03\x04 not npy at all"]
        {
            std::fs::write(&path, bytes).unwrap();
            assert!(load(&path, None).unwrap_err().starts_with(&path));
        }
        let mut object =
            b"\x93NUMPY\x01\0\x40\0{'descr': '|O', 'fortran_order': False, 'shape': (2,), }".to_vec();
        object.resize(80, b' ');
        std::fs::write(&path, object).unwrap();
        assert!(load(&path, None).unwrap_err().contains("`|O`"));
    }

    /// A header that announces more than there is must not be believed.
    #[test]
    fn announced_sizes_are_checked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.npy").to_string_lossy().into_owned();
        for shape in ["(1000000,)", "(9999999999, 9999999999, 9999999999)", "(4611686018427387904,)", "(3,)"]
        {
            let mut bytes = b"\x93NUMPY\x01\0\x80\0".to_vec();
            bytes.extend(format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}").bytes());
            bytes.resize(10 + 127, b' ');
            bytes.push(b'\n');
            bytes.extend([0; 16]);
            std::fs::write(&path, bytes).unwrap();
            let error = load(&path, None).unwrap_err();
            assert!(error.contains("cut off") || error.contains("memory"), "{error}");
        }
    }

    /// Files with a few bytes changed, or cut, are read or refused; nothing else.
    #[test]
    fn damage_never_panics() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let x = DynArray::from_slice(&[1.5, -2.0, 3.25, 4.0], &[2, 2]).unwrap();
        save(&path("x.npy"), &x.view()).unwrap();
        save_archive(&path("x.npz"), &[("x".into(), x.view())]).unwrap();
        let mut random = 1_u64;
        let mut next = move |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        for name in ["x.npy", "x.npz"] {
            let whole = std::fs::read(path(name)).unwrap();
            for _ in 0..500 {
                let mut bytes = whole.clone();
                for _ in 0..=next(3) {
                    let at = next(bytes.len());
                    bytes[at] = next(256) as u8;
                }
                bytes.truncate(bytes.len() - if next(4) == 0 { next(bytes.len()) } else { 0 });
                let damaged = path(&format!("damaged{}", &name[1..]));
                std::fs::write(&damaged, bytes).unwrap();
                if let Err(error) = load(&damaged, None) {
                    assert!(error.starts_with(&damaged), "{error}");
                }
            }
        }
    }
}
