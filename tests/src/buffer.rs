//! Arrays in memory, in the layouts that a host may have them in, and values that can be compared bit by bit.

use kjit::{Arg, ArrayRef, ArrayRefMut, DType, DynArray, Scalar, Value};

use crate::literal::{Literal, Number};
use crate::memory::{Memory, Placement, UNUSED};

/// How the elements of an argument lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// C-contiguous.
    C,
    /// The same, at one end of pages between two that cannot be touched, or at an odd place.
    Guarded,
    /// Fortran order.
    F,
    /// Every other element, all axes backwards.
    Reversed,
}

/// An array of the test's own.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    /// All of it.
    layout: Place,
}

/// Where the elements of an array are: from the first byte of its memory on, or an address.
#[derive(Clone, Debug)]
pub struct Place {
    at: usize,
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub shape: Vec<usize>,
    strides: Vec<isize>,
}

impl Place {
    /// Where the element with that number, in C order, starts.
    fn position(&self, mut index: usize) -> usize {
        let mut at = self.at as isize;
        for axis in (0..self.shape.len()).rev() {
            at += (index % self.shape[axis]) as isize * self.strides[axis];
            index /= self.shape[axis];
        }
        at as usize
    }

    /// Elements `start`, `start + step`, ... of the first axis; `None` if not all of them are there.
    #[must_use]
    pub fn part(&self, start: usize, step: isize, count: usize) -> Option<Place> {
        let last = start as isize + step * (count as isize - 1);
        let is_inside = |index: isize| usize::try_from(index).is_ok_and(|index| index < self.shape[0]);
        if count > 0 && !(is_inside(start as isize) && is_inside(last)) {
            return None;
        }
        let mut part = self.clone();
        if count > 0 {
            part.at = part.at.wrapping_add_signed(start as isize * self.strides[0]);
        }
        part.shape[0] = count;
        part.strides[0] *= step;
        Some(part)
    }

    /// An argument that the kernel may write to.
    ///
    /// # Safety
    /// `at` is the address of the first element, and the memory lives and is not used by anyone but kernels as long as the
    /// argument. Kernels bear arguments that overlap.
    #[must_use]
    pub unsafe fn arg<'a>(&self) -> Arg<'a> {
        // SAFETY: the caller's promise.
        Arg::InOut(unsafe {
            ArrayRefMut::from_raw(self.at as *mut u8, self.dtype, &self.shape, &self.strides)
        })
    }
}

/// Where an array of that kind goes: all placements take turns.
fn placement(form: Form, item: usize, elements: &[u8]) -> Placement {
    let mix =
        elements.iter().fold(elements.len(), |mix, &byte| mix.wrapping_mul(31).wrapping_add(byte.into()));
    let odd = Placement::Offset(mix % 64 / item.min(8) * item.min(8));
    match (form, mix / 64 % 5) {
        (Form::Guarded, 0..=1) => Placement::BeforeGuard,
        (Form::Guarded, 2) => Placement::AfterGuard,
        _ => odd,
    }
}

impl Buffer {
    /// An array of those elements, in C order, laid out in that form.
    #[must_use]
    pub fn new(dtype: DType, shape: &[usize], elements: &[u8], form: Form) -> Buffer {
        let item = dtype.size_bytes();
        let count: usize = shape.iter().product();
        let spread = if form == Form::Reversed { 2 } else { 1 };
        let mut strides = vec![0_isize; shape.len()];
        let mut stride = (item * spread) as isize;
        let axes: Vec<usize> =
            if form == Form::F { (0..shape.len()).collect() } else { (0..shape.len()).rev().collect() };
        for axis in axes {
            strides[axis] = stride;
            stride *= shape[axis].max(1) as isize;
        }
        // Bytes between the elements are set, so that a kernel that reads or writes there is noticed.
        let memory = Memory::new(count * item * spread, placement(form, item, elements));
        let mut at = memory.start();
        if form == Form::Reversed && count > 0 {
            for axis in 0..shape.len() {
                at += (shape[axis] - 1) * strides[axis] as usize;
                strides[axis] = -strides[axis];
            }
        }
        let layout = Place { at, dtype, shape: shape.to_vec(), strides };
        let mut buffer = Buffer { memory, layout };
        for (index, element) in elements.chunks(item).enumerate() {
            let at = buffer.layout.position(index);
            buffer.memory.bytes_mut()[at..at + item].copy_from_slice(element);
        }
        buffer
    }

    /// Its element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.layout.dtype
    }

    /// Its extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// The elements in C order.
    #[must_use]
    pub fn elements(&self) -> Vec<u8> {
        let item = self.dtype().size_bytes();
        let count: usize = self.shape().iter().product();
        let bytes = self.memory.bytes();
        (0..count).flat_map(|index| bytes[self.layout.position(index)..][..item].iter().copied()).collect()
    }

    /// Is the memory between the elements, and around them, as it was?
    #[must_use]
    pub fn gaps_are_intact(&self) -> bool {
        let item = self.dtype().size_bytes();
        let mut bytes = self.memory.bytes().to_vec();
        for index in 0..self.shape().iter().product() {
            let at = self.layout.position(index);
            bytes[at..at + item].fill(UNUSED);
        }
        bytes.iter().all(|&byte| byte == UNUSED)
    }

    /// Where it is in memory, for arguments that are all or part of it.
    pub fn place(&mut self) -> Place {
        let base = self.memory.bytes_mut().as_mut_ptr() as usize;
        Place { at: base + self.layout.at, ..self.layout.clone() }
    }

    /// An argument that the kernel may write to.
    pub fn arg(&mut self) -> Arg<'_> {
        // SAFETY: shape and strides were made for the memory, which is borrowed mutably for the argument's life.
        unsafe { self.place().arg() }
    }

    /// What it holds.
    #[must_use]
    pub fn bits(&self) -> Bits {
        Bits::Array(self.dtype(), self.shape().to_vec(), canonical(self.dtype(), self.elements()))
    }
}

/// A value as bits; every NaN is the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bits {
    /// `None`.
    None,
    /// One number.
    Scalar(DType, Vec<u8>),
    /// Type, shape, elements in C order.
    Array(DType, Vec<usize>, Vec<u8>),
    /// Several.
    Tuple(Vec<Bits>),
}

/// Replaces every NaN by one: sign and payload are not specified.
fn canonical(dtype: DType, mut bytes: Vec<u8>) -> Vec<u8> {
    match dtype {
        DType::F32 | DType::C64 => {
            for chunk in bytes.chunks_exact_mut(4) {
                if f32::from_le_bytes(chunk.try_into().unwrap_or_default()).is_nan() {
                    chunk.copy_from_slice(&f32::NAN.to_le_bytes());
                }
            }
        }
        DType::F64 | DType::C128 => {
            for chunk in bytes.chunks_exact_mut(8) {
                if f64::from_le_bytes(chunk.try_into().unwrap_or_default()).is_nan() {
                    chunk.copy_from_slice(&f64::NAN.to_le_bytes());
                }
            }
        }
        DType::Bool
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64 => {}
    }
    bytes
}

fn scalar_bytes(scalar: Scalar) -> Vec<u8> {
    match scalar {
        Scalar::Bool(x) => vec![u8::from(x)],
        Scalar::I8(x) => x.to_le_bytes().to_vec(),
        Scalar::I16(x) => x.to_le_bytes().to_vec(),
        Scalar::I32(x) => x.to_le_bytes().to_vec(),
        Scalar::I64(x) => x.to_le_bytes().to_vec(),
        Scalar::U8(x) => x.to_le_bytes().to_vec(),
        Scalar::U16(x) => x.to_le_bytes().to_vec(),
        Scalar::U32(x) => x.to_le_bytes().to_vec(),
        Scalar::U64(x) => x.to_le_bytes().to_vec(),
        Scalar::F32(x) => x.to_le_bytes().to_vec(),
        Scalar::F64(x) => x.to_le_bytes().to_vec(),
        Scalar::C64(z) => [z.re.to_le_bytes(), z.im.to_le_bytes()].concat(),
        Scalar::C128(z) => [z.re.to_le_bytes(), z.im.to_le_bytes()].concat(),
    }
}

fn ref_elements(array: &ArrayRef<'_>) -> Vec<u8> {
    macro_rules! elements {
        ($($dtype:ident $ty:ty),*) => {
            match array.dtype() {
                $(DType::$dtype => array.to_vec::<$ty>().unwrap_or_default().into_iter()
                    .flat_map(|x| scalar_bytes(Scalar::$dtype(x))).collect(),)*
            }
        };
    }
    elements!(Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64, F32 f32, F64 f64,
        C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>)
}

impl Bits {
    /// Of a result.
    #[must_use]
    pub fn of(value: &Value) -> Bits {
        match value {
            Value::None => Bits::None,
            Value::Scalar(scalar) => {
                Bits::Scalar(scalar.dtype(), canonical(scalar.dtype(), scalar_bytes(*scalar)))
            }
            Value::Array(array) => Bits::of_array(array),
            Value::Tuple(items) => Bits::Tuple(items.iter().map(Bits::of).collect()),
        }
    }

    fn of_array(array: &DynArray) -> Bits {
        let elements = canonical(array.dtype(), ref_elements(&array.view()));
        Bits::Array(array.dtype(), array.shape().to_vec(), elements)
    }

    /// Does it equal the value that a case file expects? With `is_close`, within 1e-12 of the largest element.
    #[must_use]
    pub fn matches(&self, expected: &Literal, is_close: bool) -> bool {
        match (self, expected) {
            (Bits::None, Literal::None) => true,
            (Bits::Tuple(items), Literal::Tuple(expected)) => {
                items.len() == expected.len()
                    && items.iter().zip(expected).all(|(a, b)| a.matches(b, is_close))
            }
            (Bits::Scalar(dtype, bytes), Literal::Number(number, wanted)) => {
                // Python has one integer type; a typed literal is exact about it.
                let is_type = match wanted {
                    Some(wanted) => dtype == wanted,
                    None => number.dtype() == *dtype || (number.dtype() == DType::I64 && is_integer(*dtype)),
                };
                is_type && same_elements(*dtype, bytes, &[*number], is_close)
            }
            (Bits::Array(dtype, shape, bytes), Literal::List(wanted, items, _)) => {
                let is_shape = shape == wanted
                    || (items.is_empty() && shape.contains(&0) && wanted.first() == shape.first());
                Some(*dtype) == expected.dtype() && is_shape && same_elements(*dtype, bytes, items, is_close)
            }
            _ => false,
        }
    }

    /// As case files write it.
    #[must_use]
    pub fn show(&self) -> String {
        match self {
            Bits::None => "None".into(),
            Bits::Scalar(dtype, bytes) => {
                let text = show_element(*dtype, bytes);
                if matches!(dtype, DType::Bool | DType::I64 | DType::F64 | DType::C128) {
                    text
                } else {
                    format!("{text}:{}", dtype.name())
                }
            }
            Bits::Array(dtype, shape, bytes) => {
                let items: Vec<String> =
                    bytes.chunks(dtype.size_bytes()).map(|item| show_element(*dtype, item)).collect();
                format!("{}:{}", show_nested(shape, &items), dtype.name())
            }
            Bits::Tuple(items) => {
                let comma = if items.len() == 1 { "," } else { "" };
                format!("({}{comma})", items.iter().map(Bits::show).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn is_integer(dtype: DType) -> bool {
    !matches!(dtype, DType::Bool | DType::F32 | DType::F64 | DType::C64 | DType::C128)
}

fn same_elements(dtype: DType, bytes: &[u8], expected: &[Number], is_close: bool) -> bool {
    let wanted: Vec<u8> = expected.iter().flat_map(|number| number.bytes(dtype)).collect();
    let wanted = canonical(dtype, wanted);
    if wanted == bytes {
        return true;
    }
    if !is_close || wanted.len() != bytes.len() {
        return false;
    }
    let (got, wanted) = (floats(dtype, bytes), floats(dtype, &wanted));
    let scale = wanted.iter().filter(|x| x.is_finite()).fold(1e-300_f64, |scale, x| scale.max(x.abs()));
    got.iter()
        .zip(&wanted)
        .all(|(a, b)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * scale)
}

fn floats(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        DType::F32 | DType::C64 => {
            bytes.chunks(4).map(|c| f64::from(f32::from_le_bytes(c.try_into().unwrap_or_default()))).collect()
        }
        DType::F64 | DType::C128 => {
            bytes.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap_or_default())).collect()
        }
        _ => Vec::new(),
    }
}

fn show_element(dtype: DType, bytes: &[u8]) -> String {
    let mut wide = [0_u8; 8];
    wide[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
    let word = u64::from_le_bytes(wide);
    let shift = 64 - 8 * dtype.size_bytes().min(8) as u32;
    match dtype {
        DType::Bool => if word != 0 { "True" } else { "False" }.into(),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => (((word << shift) as i64) >> shift).to_string(),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => word.to_string(),
        DType::F32 | DType::F64 => show_float(floats(dtype, bytes)[0]),
        DType::C64 | DType::C128 => {
            let parts = floats(dtype, bytes);
            let sign = if parts[1].is_sign_negative() && !parts[1].is_nan() { "" } else { "+" };
            format!("({}{sign}{}j)", show_float(parts[0]), show_float(parts[1]))
        }
    }
}

fn show_float(x: f64) -> String {
    if x.is_nan() { "nan".into() } else { format!("{x:?}") }
}

fn show_nested(shape: &[usize], items: &[String]) -> String {
    match shape {
        [] => items.join(""),
        [_] => format!("[{}]", items.join(", ")),
        [extent, rest @ ..] => {
            let step = items.len() / (*extent).max(1);
            let rows: Vec<String> =
                (0..*extent).map(|row| show_nested(rest, &items[row * step..(row + 1) * step])).collect();
            format!("[{}]", rows.join(", "))
        }
    }
}
