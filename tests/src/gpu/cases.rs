//! The GPU as an engine of the case files: which libraries, which sources, what may differ, what was done.
//!
//! A case runs on the GPU if its source has a parallel loop. Everything must agree with the interpreter to the bit, errors
//! included, except where the case says `gpu="close"` behind ```` ```py ````: floats that are added up or multiplied across
//! iterations are grouped differently on a GPU (the same way every time), so their last digits differ. `gpu="off"` leaves a
//! case out, and is counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use kjit::DType;
use kjit::gpu::{Gpu, GpuReport, Libraries};

use super::build::{Pair, standin};
use crate::buffer::Bits;
use crate::run::Outcome;

/// The GPU that all cases share: the stand-ins; with `KJIT_TEST_GPU=sanitize` (and address sanitizer preloaded) those with
/// kernels under sanitizers, with `KJIT_TEST_GPU=real` what the machine has.
///
/// # Errors
/// Why there is none.
pub fn libraries() -> Result<Libraries, String> {
    static SHARED: OnceLock<Result<Libraries, String>> = OnceLock::new();
    let find = || match std::env::var("KJIT_TEST_GPU").as_deref() {
        Ok("real") => {
            let libraries = Libraries::from_environment();
            Gpu::open(&libraries).map_err(|error| error.to_string())?;
            Ok(libraries)
        }
        Ok("sanitize") => {
            // The folder must stay as long as the process.
            static PAIR: OnceLock<Pair> = OnceLock::new();
            let pair = standin()?.pair("sanitize = 1\norders = ascending")?;
            Ok(PAIR.get_or_init(|| pair).libraries())
        }
        _ => Ok(standin()?.shared()?.libraries()),
    };
    SHARED.get_or_init(find).clone()
}

/// Has the source something that could run on a GPU?
#[must_use]
pub fn is_for_gpu(source: &str) -> bool {
    source.contains("prange") || source.contains("parallel=True") || source.contains("cuda.")
}

/// What a whole run did.
#[derive(Default)]
struct Totals {
    engines: u64,
    launches: u64,
    on_processor: BTreeMap<String, u64>,
    left_out: u64,
}

static TOTALS: Mutex<Option<Totals>> = Mutex::new(None);

fn with_totals<R>(act: impl FnOnce(&mut Totals) -> R) -> R {
    act(TOTALS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Adds what an engine did.
pub fn count(report: &GpuReport) {
    with_totals(|totals| {
        totals.engines += 1;
        totals.launches += report.launches;
        for (reason, times) in &report.on_processor {
            *totals.on_processor.entry(reason.clone()).or_default() += times;
        }
    });
}

/// Notes a case with `gpu="off"`.
pub fn leave_out() {
    with_totals(|totals| totals.left_out += 1);
}

/// What was done since the process started, as text; nothing if there was no GPU engine.
#[must_use]
pub fn summary() -> String {
    with_totals(|totals| {
        if totals.engines + totals.left_out == 0 {
            return String::new();
        }
        let mut lines = vec![format!(
            "GPU: {} kernels launched by {} engines; {} cases left out by gpu=\"off\"",
            totals.launches, totals.engines, totals.left_out
        )];
        lines.extend(
            totals
                .on_processor
                .iter()
                .map(|(why, count)| format!("  on the processor, {count} times: {why}")),
        );
        lines.join("\n") + "\n"
    })
}

/// Kernels launched since the process started.
#[must_use]
pub fn launches() -> u64 {
    with_totals(|totals| totals.launches)
}

/// The outcomes, with those replaced by the reference that differ from it by rounding only.
#[must_use]
pub fn forgive(reference: &[Option<Outcome>], found: Vec<Option<Outcome>>) -> Vec<Option<Outcome>> {
    let one = |(at, found): (usize, Option<Outcome>)| match (reference.get(at), &found) {
        (Some(Some(Outcome::Value(want))), Some(Outcome::Value(got))) if is_close(want, got) => {
            Some(Outcome::Value(want.clone()))
        }
        _ => found,
    };
    found.into_iter().enumerate().map(one).collect()
}

/// Same type and shape, and floats within 1e-12 (of `f32`: 1e-5) of the largest one.
fn is_close(want: &Bits, got: &Bits) -> bool {
    match (want, got) {
        (Bits::Scalar(a, x), Bits::Scalar(b, y)) => a == b && are_close(*a, x, y),
        (Bits::Array(a, shape, x), Bits::Array(b, other, y)) => {
            a == b && shape == other && are_close(*a, x, y)
        }
        (Bits::Tuple(x), Bits::Tuple(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| is_close(x, y))
        }
        _ => want == got,
    }
}

fn are_close(dtype: DType, want: &[u8], got: &[u8]) -> bool {
    let (floats, tolerance): (fn(&[u8]) -> Vec<f64>, f64) = match dtype {
        DType::F64 | DType::C128 => (
            |bytes| {
                bytes.chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().unwrap_or_default())).collect()
            },
            1e-12,
        ),
        DType::F32 | DType::C64 => (
            |bytes| {
                bytes
                    .chunks_exact(4)
                    .map(|x| f64::from(f32::from_le_bytes(x.try_into().unwrap_or_default())))
                    .collect()
            },
            1e-5,
        ),
        _ => return want == got,
    };
    let (want, got) = (floats(want), floats(got));
    let largest = want.iter().filter(|x| x.is_finite()).fold(0.0_f64, |largest, x| largest.max(x.abs()));
    want.len() == got.len()
        && want.iter().zip(&got).all(|(a, b)| {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * largest
        })
}
