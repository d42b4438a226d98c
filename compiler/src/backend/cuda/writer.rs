//! The state of writing one function: names, sizes, what was used, the text so far.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::bins::BlockCopy;
use super::declare::Declarations;
use super::math::{ComplexUse, MathUse};
use super::names::Names;
use super::ordered::OrderedRole;
use super::rows::{RowForm, RowText};
use super::sizes::Sizes;
use super::tiles::Tile;
use crate::base::Span;
use crate::ir::walk::ArraySet;
use crate::ir::{ArrayId, Combine, Func, FuncId, LocalId, Program};

/// Why a loop stays on the processor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refused {
    /// Where.
    pub(super) span: Span,
    /// Goes on from "runs on the processor: ".
    pub(super) reason: String,
}

impl Refused {
    pub(super) fn new(span: Span, reason: impl Into<String>) -> Refused {
        Refused { span, reason: reason.into() }
    }
}

/// How places in the source show in the text.
#[derive(Clone, Copy, Debug)]
pub enum Lines<'a> {
    /// `#line 21 "saxpy.k"`: tools name the user's lines.
    Directives {
        /// The source.
        source: &'a str,
        /// Its name.
        file: &'a str,
    },
    /// The source lines as comments: for reading.
    Comments {
        /// The source.
        source: &'a str,
    },
    /// Not at all.
    Hidden,
}

/// What the text is made of beyond kernels.
pub(super) struct Module<'a> {
    pub(super) lines: Lines<'a>,
    pub(super) math: BTreeSet<MathUse>,
    pub(super) complex: BTreeSet<ComplexUse>,
    /// Are random numbers drawn?
    pub(super) draws: bool,
    /// Functions that kernels call.
    pub(super) functions: FxHashMap<FuncId, DeviceFn>,
    /// Being written: who meets one of these again has found a recursion.
    pub(super) open: Vec<FuncId>,
    /// Their texts, callees first.
    pub(super) texts: Vec<String>,
    /// Names of functions and kernels.
    pub(super) names: Names,
}

/// A function that kernels call.
#[derive(Clone, Debug)]
pub(super) struct DeviceFn {
    pub(super) name: String,
    /// What it wants to be told, in order, after the error record, the iteration and the stream.
    pub(super) pieces: Vec<Piece>,
    pub(super) can_fail: bool,
    /// Does it draw random numbers?
    pub(super) draws: bool,
    /// Is its one result what it returns? Else results go through references, and it returns whether all went well.
    pub(super) returns_value: bool,
}

/// What a parameter of the IR becomes; positions count the IR's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    Scalar(usize),
    Pointer(usize),
    Dim(usize, u8),
    Stride(usize, u8),
}

/// What a function is in the text.
pub(super) enum Role {
    /// A kernel.
    Kernel(KernelRole),
    /// A function that kernels call: does it return its one result?
    Device { returns_value: bool },
}

/// What the writer must know to write the body of a parallel loop, or of a kernel that the user wrote.
#[derive(Default)]
pub(super) struct KernelRole {
    /// Did the user write it? Then there is no loop, and `return` ends a thread.
    pub(super) is_explicit: bool,
    /// Are two loops collapsed? Then which of them runs along x.
    pub(super) collapse: Option<Collapse>,
    /// Outputs, in order: variable and combination.
    pub(super) outputs: Vec<(LocalId, Combine)>,
    /// For groups with an extremum: the variable that holds the iteration at which it was found, by leader.
    pub(super) found_at: BTreeMap<usize, String>,
    /// Arrays that iterations accumulate into: by atomic operations.
    pub(super) atomics: ArraySet,
    /// Those of them that every block has a copy of in shared memory, if it fits.
    pub(super) copies: Vec<BlockCopy>,
    /// Are elements of arrays combined in the order of the processor?
    pub(super) ordered: Option<OrderedRole>,
    /// Are there partial results to be combined? Then no thread may leave early.
    pub(super) has_barriers: bool,
}

/// Two loops as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Collapse {
    /// Is it the inner loop that runs along x?
    pub(super) inner_is_x: bool,
}

/// What was mentioned.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Used {
    pub(super) pointers: BTreeSet<ArrayId>,
    pub(super) dims: BTreeSet<(ArrayId, u8)>,
    pub(super) strides: BTreeSet<(ArrayId, u8)>,
    pub(super) locals: BTreeSet<LocalId>,
    pub(super) fails: bool,
    pub(super) draws: bool,
    pub(super) writes_results: bool,
}

pub(super) struct Writer<'a, 'm> {
    pub(super) program: &'a Program,
    pub(super) func: &'a Func,
    pub(super) module: &'m mut Module<'a>,
    pub(super) names: Names,
    pub(super) pieces: FxHashMap<(ArrayId, char, u8), String>,
    pub(super) sizes: Sizes,
    pub(super) declarations: Declarations,
    pub(super) role: Role,
    /// Arrays that are written, themselves or through views.
    pub(super) written: ArraySet,
    /// What the last attempt has used: the rest is not declared.
    pub(super) wanted: Option<Used>,
    pub(super) used: Used,
    pub(super) out: String,
    pub(super) depth: usize,
    /// The source line shown last.
    pub(super) line: usize,
    /// The number of the iteration, as C, in a kernel's loop.
    pub(super) iteration: String,
    /// The number of the outer one of two collapsed loops.
    pub(super) outer: String,
    /// A variable that the call being written may declare.
    pub(super) fresh_result: Option<LocalId>,
    /// Loops of this function around the statement: of threads, then serial ones.
    pub(super) loops: Vec<LoopShape>,
    /// Is a label needed at the end of the iteration, or of all?
    pub(super) jumps: Jumps,
    /// The tiles of a kernel's loop.
    pub(super) tile: Option<Tile>,
    /// In the body of a tile: what the thread has of these arrays, and the variable that counts within it.
    pub(super) shares: FxHashMap<ArrayId, (String, String)>,
    /// Does a thread do several rows of two loops that are one?
    pub(super) has_bands: bool,
    /// How the rows of a kernel are done, and what is known while they are written.
    pub(super) row_form: Option<RowForm>,
    pub(super) row_text: Option<RowText>,
    /// Parameters by reference that hold results (device functions).
    pub(super) result_names: Vec<String>,
}

/// Labels that were jumped to.
#[derive(Clone, Default)]
pub(super) struct Jumps {
    /// The end of the iteration; labels belong to the whole kernel, which may have a body twice.
    pub(super) next: Option<String>,
    pub(super) done: bool,
}

/// A loop around a statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LoopShape {
    /// Its iterations are shared out among threads.
    Threads,
    /// One after the other.
    Serial,
}

impl Writer<'_, '_> {
    /// Is it a kernel that the user wrote?
    pub(super) fn is_explicit(&self) -> bool {
        matches!(&self.role, Role::Kernel(role) if role.is_explicit)
    }

    /// A line of code at the current depth.
    pub(super) fn put(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out.push_str("    ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Says which source line the next statement comes from, if it is another one.
    pub(super) fn at(&mut self, span: Span) {
        if span == Span::default() {
            return;
        }
        match self.module.lines {
            Lines::Directives { source, file } => {
                let (line, _) = span.line_column(source);
                if line != self.line {
                    self.line = line;
                    self.out.push_str(&line_directive(line, file));
                }
            }
            Lines::Comments { source } => {
                let (line, _) = span.line_column(source);
                if line != self.line {
                    self.line = line;
                    let text = source.lines().nth(line - 1).unwrap_or("").trim().to_owned();
                    self.put(&format!("// {line}: {}", comment(&text)));
                }
            }
            Lines::Hidden => {}
        }
    }

    pub(super) fn read_local(&mut self, local: LocalId) -> String {
        self.used.locals.insert(local);
        self.names.local(self.func, local)
    }

    /// The type that the variable is declared with.
    pub(super) fn local_type(&self, local: LocalId) -> &'static str {
        if self.sizes.is_index(local) { "index_t" } else { self.func.locals[local].dtype.name() }
    }

    pub(super) fn wants_dim(&self, array: ArrayId, axis: u8) -> bool {
        self.wanted.as_ref().is_none_or(|used| used.dims.contains(&(array, axis)))
    }

    pub(super) fn wants_stride(&self, array: ArrayId, axis: u8) -> bool {
        self.wanted.as_ref().is_none_or(|used| used.strides.contains(&(array, axis)))
    }

    pub(super) fn wants_pointer(&self, array: ArrayId) -> bool {
        self.wanted.as_ref().is_none_or(|used| used.pointers.contains(&array))
    }
}

/// What comes after the line belongs to that line of the file.
pub(super) fn line_directive(line: usize, file: &str) -> String {
    let file = file.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    format!("#line {line} \"{file}\"\n")
}

/// Text that does not end a comment line early.
pub(super) fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ").trim_end_matches('\\').to_owned()
}
