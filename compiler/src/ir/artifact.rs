//! What a back end returns and what the cache stores: everything the runtime needs to load and call a kernel.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::func::{Func, FuncId, Program, Remark};
use super::grid::GridProgram;
use super::parallel::{Combine, ReduceOp};
use super::text::{parse_program, print_program};
use super::trap::{Message, Trap};
use crate::base::{Diagnostic, PrimaryMap, Symbol};
use crate::types::{DType, Ty};

/// The types a kernel was compiled for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// The function's name.
    pub name: Symbol,
    /// Names and types of the parameters that the caller passes, in order. A parameter of type `None` or `Str` takes no words.
    pub params: Vec<(Symbol, Ty)>,
    /// Type of the result.
    pub ret: Ty,
    /// For each parameter: does the kernel store to its elements? (`false` for scalars.)
    pub writes: Vec<bool>,
    /// If the function ends in `return name` or `return a, b` with plain variables: their names, for `-o NAME=PATH`.
    pub ret_names: Vec<Option<Symbol>>,
}

/// Machine code, entry point, tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Artifact {
    /// The types.
    pub signature: Signature,
    /// Position-independent image without relocations.
    pub code: Vec<u8>,
    /// `extern "C" fn(ctx: *mut Context, args: *const u64, ret: *mut u64) -> i32` in the image.
    pub entry: EntryPoint,
    /// By number of the parallel loop.
    pub parallels: Vec<ParallelBody>,
    /// The kernels that parallel loops became, if it was compiled for a device too.
    pub grid: Option<GridProgram>,
    /// By number of the launch: kernels that the user wrote.
    pub launches: Vec<LaunchSite>,
    /// Functions that have no code yet.
    pub late: Late,
    /// By trap number.
    pub traps: Vec<Trap>,
    /// By message number.
    pub messages: Vec<Message>,
    /// By path number.
    pub paths: Vec<Symbol>,
    /// For the user.
    pub remarks: Vec<Remark>,
    /// Warnings of the compilation, repeated on cache hits.
    pub warnings: Vec<Diagnostic>,
    /// May the kernel call itself? Then it needs a deep stack.
    pub is_recursive: bool,
}

/// Functions whose code is made when they are first called ([`super::Func::is_cold`]), by number. Their traps, messages and paths are the
/// artifact's.
#[derive(Clone, Debug)]
pub struct Late {
    count: usize,
    form: LateForm,
}

#[derive(Clone, Debug)]
enum LateForm {
    /// As the compiler made them.
    Program(Arc<Program>),
    /// As the cache keeps them.
    Text(Arc<str>),
}

impl Late {
    /// These functions.
    pub fn new(funcs: impl Iterator<Item = Func>) -> Late {
        let mut program = Program {
            funcs: PrimaryMap::new(),
            entry: FuncId::from_u32(0),
            traps: PrimaryMap::new(),
            messages: PrimaryMap::new(),
            paths: Vec::new(),
            remarks: Vec::new(),
        };
        for func in funcs {
            program.funcs.push(func);
        }
        Late { count: program.funcs.len(), form: LateForm::Program(Arc::new(program)) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The functions: number `n` is the program's `n`th.
    ///
    /// # Errors
    /// If they came as a text that is none.
    pub fn program(&self) -> Result<Arc<Program>, String> {
        match &self.form {
            LateForm::Program(program) => Ok(Arc::clone(program)),
            LateForm::Text(text) => {
                let mut program = parse_program(text).map_err(|error| error.to_string())?;
                if program.funcs.len() != self.count {
                    return Err("late functions are missing".to_owned());
                }
                program.funcs.values_mut().for_each(|func| func.is_cold = true);
                Ok(Arc::new(program))
            }
        }
    }

    fn text(&self) -> Arc<str> {
        match &self.form {
            LateForm::Text(text) => Arc::clone(text),
            LateForm::Program(_) if self.count == 0 => "".into(),
            LateForm::Program(program) => {
                let mut program = Program::clone(program);
                // The first one would be entry and cold.
                program.funcs.values_mut().for_each(|func| func.is_cold = false);
                print_program(&program).into()
            }
        }
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Late) -> bool {
        self.count == other.count && self.text() == other.text()
    }
}

impl Serialize for Late {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.count, &*self.text()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Late {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Late, D::Error> {
        let (count, text) = <(usize, String)>::deserialize(deserializer)?;
        Ok(Late { count, form: LateForm::Text(text.into()) })
    }
}

/// A place in the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Byte offset.
    pub offset: u32,
}

/// Where the program launches a kernel that the user wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LaunchSite {
    /// The kernel's number among the functions of the program.
    pub func: u32,
    /// Words of the launch: its numbers, then the kernel's arguments.
    pub env_words: u32,
}

/// What the runtime needs to run one parallel loop (see [`super::ParallelCall`]).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ParallelBody {
    /// `extern "C" fn(ctx, env: *const u64, first: u64, end: u64, outputs: *mut u64) -> i32` in the image. `outputs` holds the
    /// initial values on entry and the results on success.
    pub entry: EntryPoint,
    /// The outlined body's number among the functions of the program.
    pub func: u32,
    /// Words of `env`.
    pub env_words: u32,
    /// Type and combination of each output.
    pub outputs: Vec<(DType, Combine)>,
    /// Arrays in `env` that are accumulated into.
    pub array_reductions: Vec<ArrayReductionSlot>,
    /// Arrays in `env` that must share no memory; if two do, the loop is one chunk.
    pub disjoint: Vec<(CapturedArray, CapturedArray)>,
    /// Does each iteration draw from a stream of its own?
    pub uses_random: bool,
    /// See [`super::ParallelCall::runs_in_lanes`].
    pub runs_in_lanes: bool,
}

/// An array among the captures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CapturedArray {
    /// First word of the array in `env`.
    pub env_word: u32,
    /// Element type and rank as in the calls of the table: `dtype_code | rank << 8`.
    pub code: u32,
}

/// An accumulated array among the captures.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ArrayReductionSlot {
    /// First word of the array in `env`.
    pub env_word: u32,
    /// Element type.
    pub dtype: DType,
    /// Number of axes.
    pub rank: u8,
    /// How.
    pub op: ReduceOp,
}
