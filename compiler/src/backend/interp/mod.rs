//! Runs IR without compiling it: the meaning of the language, with every check on.
//!
//! In: a program at any stage of the passes, arguments, a host. Out: results or a failure, the memory as the program left
//! it, warnings. Native code has to agree with it bit for bit, errors included. It is slow (some 20 ns per operation) and
//! safe: memory is checked at each access, so a check that was removed wrongly is an internal error.
//!
//! Beyond what native code does, it warns of signed overflow in 64-bit arithmetic (K714) and of elements that are read
//! before they are written (K713), once per place; it counts references, and reports leaks, releases too many, and use
//! after release as internal errors; it stops after a number of steps.
//!
//! Parallel loops run one chunk after the other, by the plan of [`crate::ir::parallel`], so that reductions give the bits
//! of any number of threads; before outlining they run in plain order. A failing chunk ends the loop: the chunks before it
//! have taken effect, its own stores too, its private arrays are dropped.
//!
//! The depth of calls is limited by [`MAX_RECURSION`](crate::ir::abi::MAX_RECURSION), not by the stack: an entry to a function that
//! can call itself counts one, and the one that would make more than that number fails with the function's trap. Only expressions
//! nest on the stack of the caller, as deep as they do in the source.

mod arrays;
mod code;
mod fork;
mod grid;
mod machine;
mod memory;
mod partials;
mod services;
mod strips;
#[cfg(test)]
mod tests;

pub use memory::{BufferId, Memory};

use crate::base::{Code, Span};
use crate::ir::func::{Param, Program};
use crate::ir::trap::TrapId;
use crate::ir::verify;
use crate::types::DType;
use machine::Machine;
use memory::Array;

/// An argument or a result: one per parameter or result of the entry's flattened list.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A number as a word of [`crate::ir::abi`].
    Scalar(u64),
    /// An array.
    Array(ArrayArg),
}

/// A window onto a buffer of the run's memory. Two arguments may share a buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArrayArg {
    /// Which.
    pub buffer: BufferId,
    /// Byte offset of the element with all indices 0.
    pub offset: i64,
    /// Extents in elements.
    pub shape: Vec<i64>,
    /// Distances of neighbours in bytes.
    pub strides: Vec<i64>,
}

/// What a program can ask of the world.
pub trait Host {
    /// A line was printed; without the end of the line.
    fn print(&mut self, line: &str);

    /// Reads a `.npy` file of that element type and rank.
    ///
    /// # Errors
    /// What is wrong with the file, for the user.
    fn load(&mut self, path: &str, dtype: DType, rank: u8) -> Result<HostArray, String>;

    /// Writes a `.npy` file.
    ///
    /// # Errors
    /// What went wrong, for the user.
    fn save(&mut self, path: &str, array: HostArray) -> Result<(), String>;

    /// The program has done that many floating-point operations more.
    fn count_operations(&mut self, operations: u64) {
        let _ = operations;
    }

    /// Should the run stop? Asked every few thousand steps.
    fn interrupted(&mut self) -> bool;

    /// Nanoseconds since some moment, for events. A host without a clock says 0.
    fn clock_ns(&mut self) -> u64 {
        0
    }
}

/// An array outside of the run's memory: elements in C order, little endian.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostArray {
    /// Element type.
    pub dtype: DType,
    /// Extents in elements.
    pub shape: Vec<i64>,
    /// `size_bytes` bytes per element.
    pub bytes: Vec<u8>,
}

/// A host that collects the printed lines, has no files and never interrupts.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    /// Printed so far.
    pub lines: Vec<String>,
}

impl Host for Collector {
    fn print(&mut self, line: &str) {
        self.lines.push(line.to_string());
    }

    fn load(&mut self, path: &str, _dtype: DType, _rank: u8) -> Result<HostArray, String> {
        Err(format!("no file `{path}`"))
    }

    fn save(&mut self, path: &str, _array: HostArray) -> Result<(), String> {
        Err(format!("cannot write `{path}`"))
    }

    fn interrupted(&mut self) -> bool {
        false
    }
}

/// Bounds and starting conditions of a run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Statements and iterations.
    pub steps: u64,
    /// Bytes alive in allocated arrays.
    pub memory_bytes: u64,
    /// Seed of `np.random` before the program sets one.
    pub random_seed: u64,
    /// Loops with strips run them in blocks of that many iterations, a power of two; not at all if it is 0.
    pub strip_lanes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: u64::MAX, memory_bytes: u64::MAX, random_seed: 0, strip_lanes: 0 }
    }
}

/// Why a run did not end with results.
#[derive(Clone, PartialEq, Debug)]
pub enum Failure {
    /// An error of the program: a check, a raise, an allocation, a service, the depth of recursion.
    Trap {
        /// Which.
        trap: TrapId,
        /// Values for its message.
        args: Vec<u64>,
        /// What a service says about its failure.
        detail: Option<String>,
    },
    /// Threads of a GPU kernel wait for each other in different places.
    Divergence(Divergence),
    /// The chunks' private arrays, or scratch arrays of a kernel, did not fit into memory.
    OutOfMemory,
    /// The host interrupted.
    Interrupted,
    /// The limit on steps was reached.
    StepLimit,
    /// A bug of the compiler: the program did what checks or ownership should have excluded.
    Internal(String),
}

/// Threads of a block wait for each other in different places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// Who waits where.
    pub text: String,
    /// The first place.
    pub span: Span,
    /// The other one.
    pub other: Option<Span>,
}

/// Something that the program did and that is probably not meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Warning {
    /// K713 or K714.
    pub code: Code,
    /// The expression.
    pub span: Span,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One value per result.
    pub result: Result<Vec<Value>, Failure>,
    /// The caller's buffers and what the program allocated. Result arrays are windows onto it.
    pub memory: Memory,
    /// In the order of their first occurrence.
    pub warnings: Vec<Warning>,
    /// How many were executed.
    pub steps: u64,
}

/// A breach of what the passes have to guarantee.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Internal(String);

type Stop = Box<Failure>;

impl From<Internal> for Stop {
    fn from(internal: Internal) -> Stop {
        Box::new(Failure::Internal(internal.0))
    }
}

fn internal<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Internal(text.into()).into())
}

/// Runs the entry of a program. `args` has one value per parameter; the arrays among them are windows onto `memory`.
///
/// ```
/// use kjit_compiler::backend::interp::{self, Collector, Limits, Memory, Value};
/// use kjit_compiler::ir::text::parse_program;
/// let program = parse_program("func twice(x: i64) -> i64 {\n  return 2 * x\n}\n")?;
/// let outcome = interp::run(&program, &[Value::Scalar(21)], Memory::default(), &mut Collector::default(), &Limits::default());
/// assert_eq!(outcome.result, Ok(vec![Value::Scalar(42)]));
/// # Ok::<(), kjit_compiler::ir::text::ParseError>(())
/// ```
pub fn run(
    program: &Program,
    args: &[Value],
    memory: Memory,
    host: &mut dyn Host,
    limits: &Limits,
) -> Outcome {
    if let Err(violations) = verify(program) {
        let text = violations.first().map(ToString::to_string).unwrap_or_default();
        let result = Err(Failure::Internal(format!("invalid IR: {text}")));
        return Outcome { result, memory, warnings: Vec::new(), steps: 0 };
    }
    let codes: Vec<_> = program.funcs.values().map(code::flatten).collect();
    let arrays = match check_args(program, args, &memory) {
        Ok(arrays) => arrays,
        Err(text) => {
            let result = Err(Failure::Internal(text));
            return Outcome { result, memory, warnings: Vec::new(), steps: 0 };
        }
    };
    let mut machine = Machine::new(program, &codes, memory, host, limits);
    let result = machine.run_entry(&arrays);
    machine.into_outcome(result)
}

/// The arguments in the interpreter's form, or what does not fit.
fn check_args(program: &Program, args: &[Value], memory: &Memory) -> Result<Vec<machine::Word>, String> {
    let func = &program.funcs[program.entry];
    if func.params.len() != args.len() {
        return Err(format!("{} arguments for {} parameters", args.len(), func.params.len()));
    }
    let mut words = Vec::new();
    for (position, (param, arg)) in func.params.iter().zip(args).enumerate() {
        words.push(match (param, arg) {
            (Param::Scalar(_), Value::Scalar(word)) => machine::Word::Scalar(*word),
            (Param::Array(array), Value::Array(arg)) => {
                let ty = func.arrays[*array].ty;
                let Some(found) = Array::new(arg.buffer, arg.offset, &arg.shape, &arg.strides) else {
                    return Err(format!("argument {position} has no valid shape"));
                };
                if !found.fits(ty) {
                    return Err(format!("argument {position} does not lie in memory as {ty}"));
                }
                if let Some((first, end)) = found.extent(ty.dtype.size_bytes())
                    && (first < 0 || end > memory.bytes(arg.buffer).len() as i64)
                {
                    return Err(format!("argument {position} reaches outside its buffer"));
                }
                machine::Word::Array(found)
            }
            (Param::Scalar(_), Value::Array(_)) | (Param::Array(_), Value::Scalar(_)) => {
                return Err(format!("argument {position} is of the wrong sort"));
            }
        });
    }
    Ok(words)
}
