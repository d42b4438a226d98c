//! The arguments that `kernels.json` describes, in memory as NumPy allocates it, with NumPy's random numbers.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

use kjit::DType;
use kjit_compiler::numerics::random::{BitSource, Pcg64};

use crate::definitions::{ArgDefinition, Definition, ScalarValue, Sizes};

/// Bytes from which on NumPy asks for huge pages.
const HUGE_PAGES_BYTES: usize = 4 << 20;

const CACHE_LINE: usize = 64;

/// Bytes from the beginning of a cache line to an array: malloc aligns to 16, and so does NumPy. `peers/arguments.py` puts the peers' arrays
/// at the same place: otherwise chance decides who has vectors that do not cross lines.
const PAST_LINE: usize = 16;

/// One argument.
pub(crate) enum Argument {
    /// A number, or the real and imaginary part of one.
    Scalar(DType, [f64; 2]),
    /// An array, C-contiguous.
    Array(ArrayArgument),
}

/// An array with the content to go back to.
pub(crate) struct ArrayArgument {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub data: *mut u8,
    pub is_written: bool,
    layout: Layout,
    original: Vec<u8>,
}

/// All arguments of one function.
pub(crate) struct Arguments(pub Vec<Argument>);

impl ArrayArgument {
    fn new(dtype: DType, shape: Vec<usize>, is_written: bool, element: impl FnMut(usize) -> f64) -> Self {
        let count = shape.iter().product::<usize>();
        let bytes = (count * dtype.size_bytes()).max(16);
        let layout =
            Layout::from_size_align(PAST_LINE + bytes, CACHE_LINE).expect("the array fits in memory");
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the allocation is that much longer.
        let data = unsafe { start.add(PAST_LINE) };
        if bytes >= HUGE_PAGES_BYTES {
            let page = 4096;
            let start = (data as usize).next_multiple_of(page);
            // SAFETY: advice about pages that lie in the allocation.
            unsafe {
                libc::madvise(start as *mut _, data as usize + bytes - start, libc::MADV_HUGEPAGE);
            }
        }
        let mut array = ArrayArgument { dtype, shape, data, is_written, layout, original: Vec::new() };
        array.fill(count, element);
        if is_written {
            array.original = array.bytes().to_vec();
        }
        array
    }

    fn fill(&mut self, count: usize, mut element: impl FnMut(usize) -> f64) {
        for i in 0..count {
            let value = element(i);
            // SAFETY: the allocation holds `count` elements of that type.
            unsafe {
                match self.dtype {
                    DType::F64 => self.data.cast::<f64>().add(i).write(value),
                    DType::F32 => self.data.cast::<f32>().add(i).write(value as f32),
                    DType::I64 => self.data.cast::<i64>().add(i).write(value as i64),
                    DType::U8 | DType::Bool => self.data.add(i).write(value as u8),
                    other => panic!("no arrays of {other} in kernels.json"),
                }
            }
        }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let bytes = self.shape.iter().product::<usize>() * self.dtype.size_bytes();
        // SAFETY: the allocation is at least that long and initialised.
        unsafe { std::slice::from_raw_parts(self.data, bytes) }
    }

    /// Its elements as numbers.
    pub(crate) fn values(&self) -> Vec<f64> {
        let bytes = self.bytes();
        match self.dtype {
            DType::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            DType::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b).into()).collect(),
            DType::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
            _ => bytes.iter().map(|&b| b.into()).collect(),
        }
    }
}

impl Drop for ArrayArgument {
    fn drop(&mut self) {
        // SAFETY: allocated with that layout, that far in front.
        unsafe { dealloc(self.data.sub(PAST_LINE), self.layout) }
    }
}

impl Arguments {
    /// The arguments of a function at a size.
    pub(crate) fn new(definition: &Definition, sizes: &Sizes) -> Arguments {
        let make = |(position, arg): (usize, &ArgDefinition)| argument(arg, sizes, 100 + position as u64);
        Arguments(definition.args.iter().enumerate().map(make).collect())
    }

    /// Puts the first content back into what was written.
    pub(crate) fn restore(&self) {
        for argument in &self.0 {
            if let Argument::Array(array) = argument
                && array.is_written
            {
                // SAFETY: same length, and no kernel is running.
                unsafe {
                    std::ptr::copy_nonoverlapping(array.original.as_ptr(), array.data, array.original.len());
                }
            }
        }
    }

    /// What calls have written, as numbers.
    pub(crate) fn written(&self) -> Vec<Vec<f64>> {
        self.0
            .iter()
            .filter_map(|argument| match argument {
                Argument::Array(array) if array.is_written => Some(array.values()),
                Argument::Array(_) | Argument::Scalar(..) => None,
            })
            .collect()
    }
}

fn argument(arg: &ArgDefinition, sizes: &Sizes, seed: u64) -> Argument {
    let (dtype, _) = arg.element();
    match &arg.value {
        Some(ScalarValue::Real(formula)) => return Argument::Scalar(dtype, [formula.value(sizes), 0.0]),
        Some(ScalarValue::Complex(parts)) => return Argument::Scalar(dtype, *parts),
        None => {}
    }
    let shape: Vec<usize> =
        arg.shape.as_ref().expect("an array has a shape").iter().map(|f| f.extent(sizes)).collect();
    let columns = *shape.last().unwrap_or(&1);
    let place = move |at: usize| ((at / columns) as f64, (at % columns) as f64);
    let number = |formula: &Option<crate::definitions::Formula>, default: f64| {
        formula.as_ref().map_or(default, |f| f.value(sizes))
    };
    let (lo, hi) = (number(&arg.lo, 0.0), number(&arg.hi, 1.0));
    let (step, add) = (number(&arg.step, 1.0), arg.add.unwrap_or(0.0));
    let mut random = Pcg64::new(seed);
    let mut uniform = move || random.next_f64();
    let fill = arg.fill.as_deref().expect("an array has a fill");
    let element: Box<dyn FnMut(usize) -> f64> = match fill {
        "zeros" => Box::new(|_| 0.0),
        "uniform" => Box::new(move |_| lo + (hi - lo) * uniform()),
        "integers" => Box::new(move |_| lo + (uniform() * (hi - lo)).floor()),
        "steps" => Box::new(move |i| i as f64 * step),
        "diagonal" => Box::new(move |at| {
            let (i, j) = place(at);
            uniform() - 0.5 + if i == j { add } else { 0.0 }
        }),
        "spd" => Box::new(move |at| {
            let (i, j) = place(at);
            1.0 / (1.0 + (i - j).abs()) + if i == j { 1.0 } else { 0.0 }
        }),
        "graph" => Box::new(move |at| {
            let (i, j) = place(at);
            if i == j { 0.0 } else { 1.0 + (i * 31.0 + j * 17.0) % 97.0 }
        }),
        other => panic!("kernels.json: unknown fill {other}"),
    };
    Argument::Array(ArrayArgument::new(dtype, shape, arg.written, element))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::definitions;

    #[test]
    fn random_numbers_are_numpys() {
        let all = definitions();
        let triad = all.iter().find(|d| d.function == "triad").unwrap();
        let args = Arguments::new(triad, &triad.check);
        let Argument::Array(b) = &args.0[1] else { panic!() };
        // numpy.random.default_rng(101).random(2)
        let expected = [0.9435325056105539, 0.35942103334157316];
        assert_eq!(b.values()[..2], expected);
    }
}
