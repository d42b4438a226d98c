//! Array files: `.npy`, `.npz`, `.png`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

use kjit::{ArrayFiles, ArrayRef, DType, DynArray, Element};
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyExt, ReadableElement, WritableElement, WriteNpyExt};
use num_complex::Complex;

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
        let dtype = header_of(&mut BufReader::new(&file)).map_err(|error| describe(&error))?.0;
        let file = File::open(path).map_err(|error| describe(&error))?;
        return with_element!(dtype, read_npy(BufReader::new(file))).map_err(|error| describe(&error));
    }
    let mut archive = NpzReader::new(BufReader::new(file)).map_err(|error| describe(&error))?;
    let names = archive.names().map_err(|error| describe(&error))?;
    let name = match member {
        Some(member) => names.iter().find(|name| name.trim_end_matches(".npy") == member),
        None if names.len() == 1 => names.first(),
        None => None,
    };
    let Some(name) = name.cloned() else {
        let known: Vec<&str> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
        return Err(describe(&format!("name one of its arrays: `@{path}#NAME` with {}", known.join(", "))));
    };
    // The type stands in the member's header, which the reader does not show: try them in turn.
    for dtype in DType::ALL {
        if let Ok(array) = with_element!(dtype, read_member(&mut archive, &name)) {
            return Ok(array);
        }
    }
    Err(describe(&format!("the array `{name}` has an element type that kernels do not have")))
}

fn read_member<T: Element + ReadableElement>(
    archive: &mut NpzReader<BufReader<File>>,
    name: &str,
) -> Result<DynArray, String> {
    let array: ArrayD<T> = archive.by_name(name).map_err(|error| error.to_string())?;
    to_dyn(&array)
}

fn read_npy<T: Element + ReadableElement>(reader: impl Read) -> Result<DynArray, String> {
    to_dyn(&ArrayD::<T>::read_npy(reader).map_err(|error| error.to_string())?)
}

fn to_dyn<T: Element>(array: &ArrayD<T>) -> Result<DynArray, String> {
    let shape = array.shape().to_vec();
    let standard = array.as_standard_layout();
    let elements = standard.as_slice().ok_or("the array is not contiguous")?;
    DynArray::from_slice(elements, &shape).map_err(|error| error.to_string())
}

/// Element type and rank from the header of a `.npy` file (format versions 1 to 3).
fn header_of(reader: &mut impl Read) -> Result<(DType, usize), String> {
    let mut start = [0; 10];
    reader.read_exact(&mut start).map_err(|_| "not a .npy file".to_owned())?;
    if &start[..6] != b"\x93NUMPY" {
        return Err("not a .npy file".into());
    }
    let mut length = usize::from(u16::from_le_bytes([start[8], start[9]]));
    if start[6] >= 2 {
        let mut more = [0; 2];
        reader.read_exact(&mut more).map_err(|error| error.to_string())?;
        length |= usize::from(u16::from_le_bytes(more)) << 16;
    }
    if length > 1 << 20 {
        return Err("its header is too long to be one".into());
    }
    let mut header = vec![0; length];
    reader.read_exact(&mut header).map_err(|error| error.to_string())?;
    let header = String::from_utf8_lossy(&header);
    let after = |key: &str| header.split(key).nth(1).map(|rest| rest.trim_start_matches([':', ' ']));
    let descr =
        after("'descr'").and_then(|rest| rest.split('\'').nth(1)).ok_or("its header has no element type")?;
    let shape =
        after("'shape'").and_then(|rest| rest.split_once('(')?.1.split(')').next()).ok_or("no shape")?;
    let rank = shape.split(',').filter(|extent| !extent.trim().is_empty()).count();
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
        format!(
            "its element type `{descr}` is not one that kernels have; convert it with `x.astype(np.float64)`"
        )
    })?;
    Ok((dtype, rank))
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
        header_of(&mut BufReader::new(file)).map_err(|error| format!("{path}: {error}"))
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
}
