//! The Cranelift back end: a program to an image of machine code.
//!
//! In: a verified program, at any stage of the passes. Out: an [`Artifact`] whose code needs no relocation: calls
//! between its functions are resolved here, everything else is reached through the table behind the context
//! ([`crate::ir::abi`]). The code never traps, never unwinds and reads no memory but arrays, context and its own
//! constants. Reads nothing of the machine it runs on: the processor is a value.
//!
//! `func` holds the state of one function and its frame, `exits` the ways out of it; `stmt`, `expr` and `operators` walk the
//! tree; `arrays`, `calls` and `parallel` are what their names say. What takes long is done in `jobs`, and `image` puts the
//! functions together.

mod arrays;
mod calls;
mod exits;
mod expr;
mod facts;
mod func;
mod held;
mod image;
mod ints;
mod isa;
mod jobs;
mod operators;
mod parallel;
mod partials;
mod stmt;
mod strip128;
mod strips;
#[cfg(test)]
mod tests;
mod truncation;

use std::fmt::Write;

use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use crate::base::target::Target;
use crate::base::{EntityRef, Span};
use crate::ir::artifact::Late;
use crate::ir::{Artifact, EntryPoint, FuncId, Program, Remark, Signature};
use crate::types::Ty;
use facts::Reach;
use func::{Emitter, Shape};
use image::{Image, Said, Unit};
use jobs::{Code, StripSource, Work};
pub use jobs::{InTurn, Job, Piece, Runner};
use rustc_hash::FxHashMap;

/// Of the code generator.
pub const CRANELIFT_VERSION: &str = cranelift_codegen::VERSION;

/// What may be chosen about the generated code apart from its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CodegenOptions {
    /// Keep the frame pointer, for profilers.
    pub frame_pointers: bool,
    /// Return the table of places in the source.
    pub lines: bool,
}

/// Memory that is used again from one compilation to the next. One per thread.
#[derive(Default)]
pub struct Scratch {
    context: Option<Box<cranelift_codegen::Context>>,
    builder: FunctionBuilderContext,
    /// Functions to write the next ones into. They go to a job and come back in their boxes.
    #[expect(
        clippy::vec_box,
        reason = "a `Function` is large, and the same allocation goes on to the next job"
    )]
    functions: Vec<Box<Function>>,
    strips: kjit_strip::Scratch,
    isa: Option<(Target, bool, OwnedTargetIsa)>,
}

/// Functions that are kept to write the next ones into.
const SPARE_FUNCTIONS: usize = 16;

/// For stretches of the image in order: byte offset, and the place in the source that the code comes from.
pub type LineTable = Vec<(u32, Span)>;

impl Scratch {
    /// Empty scratch memory; it grows with use.
    #[must_use]
    pub fn new() -> Scratch {
        Scratch::default()
    }

    fn isa(&mut self, target: &Target, options: CodegenOptions) -> Result<OwnedTargetIsa, String> {
        if let Some((known, frame_pointers, isa)) = &self.isa
            && known == target
            && *frame_pointers == options.frame_pointers
        {
            return Ok(isa.clone());
        }
        let isa = isa::build_isa(target, options)?;
        self.isa = Some((target.clone(), options.frame_pointers, isa.clone()));
        Ok(isa)
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Compiles a program.
///
/// # Errors
/// Text of an internal error: a program that the verifier should have refused, or a target that Cranelift does not know.
pub fn compile(
    program: &Program,
    signature: Signature,
    target: &Target,
    scratch: &mut Scratch,
) -> Result<Artifact, String> {
    compile_with(program, signature, target, scratch, CodegenOptions::default()).map(|(artifact, _)| artifact)
}

/// Compiles a program, with choices; the line table is empty unless asked for.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(
    program: &Program,
    signature: Signature,
    target: &Target,
    scratch: &mut Scratch,
    options: CodegenOptions,
) -> Result<(Artifact, LineTable), String> {
    compile_by(program, signature, target, scratch, options, &mut InTurn::default())
}

/// As [`compile_with`]; the code is made by `runner`.
///
/// # Errors
/// As [`compile`].
pub fn compile_by(
    program: &Program,
    signature: Signature,
    target: &Target,
    scratch: &mut Scratch,
    options: CodegenOptions,
    runner: &mut dyn Runner,
) -> Result<(Artifact, LineTable), String> {
    let reach = facts::reach(program);
    compile_reached(program, &reach, signature, target, scratch, options, runner)
}

/// Machine code for a late function of an artifact: the image, and where its entry is (`fn(ctx, words) -> status`).
///
/// # Errors
/// As [`compile`].
pub fn compile_late(
    program: &Program,
    id: FuncId,
    target: &Target,
    scratch: &mut Scratch,
) -> Result<(Vec<u8>, EntryPoint), String> {
    let reach = facts::reach_late(program, id);
    let signature = Signature {
        name: "".into(),
        params: Vec::new(),
        ret: Ty::None,
        writes: Vec::new(),
        ret_names: Vec::new(),
    };
    let (options, runner) = (CodegenOptions::default(), &mut InTurn::default());
    let (artifact, _) = compile_reached(program, &reach, signature, target, scratch, options, runner)?;
    Ok((artifact.code, artifact.entry))
}

fn compile_reached(
    program: &Program,
    reach: &Reach,
    signature: Signature,
    target: &Target,
    scratch: &mut Scratch,
    options: CodegenOptions,
    runner: &mut dyn Runner,
) -> Result<(Artifact, LineTable), String> {
    let isa = scratch.isa(target, options)?;
    let mut refused = FxHashMap::default();
    loop {
        let mut builder = std::mem::take(&mut scratch.builder);
        runner.expect(reach.order.len());
        let sink = &mut |written: Written<'_>| {
            let Written { id, func, is_entry, strips, more } = written;
            let mut own = scratch.functions.pop().unwrap_or_else(|| Box::new(Function::new()));
            std::mem::swap(&mut *own, func);
            let job = Job { isa: isa.clone(), work: Work::Function { id, func: own, is_entry } };
            runner.put(job, more || !strips.is_empty(), scratch);
            let count = strips.len();
            for (k, (number, source)) in strips.into_iter().enumerate() {
                let job = Job { isa: isa.clone(), work: Work::Strip(number, Box::new(source)) };
                runner.put(job, more || k + 1 < count, scratch);
            }
            Ok(())
        };
        // After an error the builder is in the middle of a function; a fresh one takes its place.
        let mut unit = build(program, target, &*isa, options, reach, refused, &mut builder, sink)?;
        scratch.builder = builder;
        let mut codes = Vec::new();
        for piece in runner.pieces(scratch) {
            match piece.0? {
                Code::Refused(number, reason) => {
                    unit.refused.insert(number, reason);
                }
                code => codes.push(code),
            }
        }
        if unit.said.iter().zip(0..).any(|(said, number)| said.is_done && unit.refused.contains_key(&number))
        {
            // Rare: these loops stay scalar, so the functions that they are in are other ones.
            refused = unit.refused;
            continue;
        }
        return assemble(program, signature, &*isa, options, unit, reach, codes, scratch);
    }
}

/// Puts the pieces together.
fn assemble(
    program: &Program,
    signature: Signature,
    isa: &dyn TargetIsa,
    options: CodegenOptions,
    mut unit: Unit,
    reach: &Reach,
    codes: Vec<Code>,
    scratch: &mut Scratch,
) -> Result<(Artifact, LineTable), String> {
    let mut image = Image::default();
    let mut entry = 0;
    let mut strips = Vec::new();
    for code in codes {
        match code {
            Code::Function { id, func, compiled, is_entry } => {
                let offset = image.push(id, &func, &compiled, isa, options.lines)?;
                if is_entry {
                    entry = offset;
                }
                if scratch.functions.len() < SPARE_FUNCTIONS {
                    scratch.functions.push(func);
                }
            }
            Code::Strip(number, bytes, said) => {
                unit.said[number as usize].text = said;
                strips.push((number, bytes));
            }
            Code::Refused(..) => {}
        }
    }
    for (number, bytes) in strips {
        image.push_strip(number, &bytes)?;
    }
    image.link()?;
    let mut parallels = Vec::with_capacity(unit.parallels.len());
    for (id, mut body) in unit.parallels {
        body.entry = EntryPoint { offset: image.start_of(id)? };
        parallels.push(body);
    }
    let remarks = told(&program.remarks, &unit.said);
    let spans = unit.lines.unwrap_or_default();
    let lines =
        image.lines.iter().filter_map(|&(at, number)| Some((at, *spans.get(number as usize)?))).collect();
    let artifact = Artifact {
        signature,
        code: image.code,
        entry: EntryPoint { offset: entry },
        parallels,
        launches: unit.launches,
        late: Late::new(unit.late.iter().map(|&id| program.funcs[id].clone())),
        grid: None,
        traps: program.traps.values().cloned().collect(),
        messages: program.messages.values().cloned().collect(),
        paths: program.paths.clone(),
        remarks,
        warnings: Vec::new(),
        is_recursive: reach.order.iter().any(|&id| program.funcs[id].recursion.is_some()),
    };
    Ok((artifact, lines))
}

/// The remarks, those on vectors with what the code has become.
fn told(remarks: &[Remark], said: &[Said]) -> Vec<Remark> {
    let mut remarks = remarks.to_vec();
    for remark in remarks.iter_mut().filter(|remark| remark.text == Remark::RUNS_IN_VECTORS) {
        if let Some(said) = said.iter().find(|said| said.span == remark.span) {
            remark.is_done = said.is_done;
            remark.text.clone_from(&said.text);
        }
    }
    remarks
}

/// A strip as 128-bit vector code, and its number of lanes; nothing if these vectors can't do it. For tests: a program's strips
/// are part of its image.
///
/// # Errors
/// As [`compile`].
pub fn compile_strip_128(
    strip: &kjit_strip::Strip,
    target: &Target,
) -> Result<Option<(Vec<u8>, u32)>, String> {
    let isa = isa::build_isa(target, CodegenOptions::default())?;
    let abilities = isa::abilities(&*isa, target);
    let Some(lanes) = strip128::lanes(strip, &abilities, &target.features) else { return Ok(None) };
    Ok(Some((strip128::compile(strip, lanes, &*isa)?, lanes)))
}

/// The Cranelift functions of a program as text, before Cranelift's own optimisations; an error as text too.
#[must_use]
pub fn print_clif(program: &Program, target: &Target) -> String {
    let mut text = String::new();
    let options = CodegenOptions::default();
    let mut builder = FunctionBuilderContext::new();
    let result = isa::build_isa(target, options).and_then(|isa| {
        let sink = &mut |written: Written<'_>| {
            let Written { id, func, is_entry, .. } = written;
            let name = id.map_or("entry", |id| program.funcs[id].name.as_str());
            let is_late = id.is_some_and(|id| program.funcs[id].is_cold);
            let role = if is_late {
                " (when it is called)"
            } else if is_entry {
                " (entry)"
            } else {
                ""
            };
            let _ = writeln!(text, "; {name}{role}\n{}", func.display());
            Ok(())
        };
        let reach = facts::reach(program);
        build(program, target, &*isa, options, &reach, FxHashMap::default(), &mut builder, sink)?;
        for (id, _) in program.funcs.iter().filter(|(_, func)| func.is_cold) {
            let reach = facts::reach_late(program, id);
            build(program, target, &*isa, options, &reach, FxHashMap::default(), &mut builder, sink)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        let _ = writeln!(text, "; error: {error}");
    }
    text
}

/// A function that is written down.
struct Written<'a> {
    /// What calls name it by.
    id: Option<FuncId>,
    func: &'a mut Function,
    /// The host enters there.
    is_entry: bool,
    /// Its strips with their numbers.
    strips: Vec<(u32, StripSource)>,
    /// Other functions follow.
    more: bool,
}

/// What becomes of a function that is written down.
type Sink<'a> = dyn FnMut(Written<'_>) -> Result<(), String> + 'a;

/// Makes the Cranelift functions of all that is reachable, the entry first; strips that were `refused` are left out.
fn build(
    program: &Program,
    target: &Target,
    isa: &dyn TargetIsa,
    options: CodegenOptions,
    reach: &Reach,
    refused: FxHashMap<u32, String>,
    builder: &mut FunctionBuilderContext,
    sink: &mut Sink<'_>,
) -> Result<Unit, String> {
    let mut unit = Unit {
        abilities: isa::abilities(isa, target),
        frontend_config: isa.frontend_config(),
        parallels: Vec::new(),
        launches: Vec::new(),
        late: Vec::new(),
        vectors: strips::vectors(target),
        strips: Vec::new(),
        said: Vec::new(),
        refused,
        bodies: reach.is_body.clone(),
        lines: options.lines.then(Vec::new),
    };
    let mut clif = Function::new();
    // A recursive entry is called from inside as well, so the host gets a function of its own.
    let is_wrapped = reach.is_called.contains(program.entry);
    if is_wrapped {
        wrap_entry(program, &mut unit, &mut clif, builder)?;
        sink(Written { id: None, func: &mut clif, is_entry: true, strips: Vec::new(), more: true })?;
    }
    for (k, &id) in reach.order.iter().enumerate() {
        let func = &program.funcs[id];
        let shape = if id == program.entry && !is_wrapped && !func.is_cold {
            Shape::Entry
        } else if reach.is_body.contains(id) {
            Shape::Body
        } else if func.is_cold {
            Shape::Late
        } else {
            Shape::Internal
        };
        let facts = reach.facts[id.index()].as_ref().ok_or("a function without facts")?;
        clif.clear();
        clif.name = image::name_of(id);
        clif.signature = func::signature(&unit, func, shape);
        let b = FunctionBuilder::new(&mut clif, builder);
        let is_atomic = reach.in_parallel.contains(id);
        let mut emitter = Emitter::new(program, &mut unit, func, facts, shape, is_atomic, b);
        emitter.at(func.span);
        let falls_through = emitter.block(&func.body)?;
        emitter.finish(falls_through)?;
        let strips = std::mem::take(&mut unit.strips);
        let (is_entry, more) = (matches!(shape, Shape::Entry | Shape::Late), k + 1 < reach.order.len());
        sink(Written { id: Some(id), func: &mut clif, is_entry, strips, more })?;
    }
    Ok(unit)
}

/// The host's way into a function that other functions call too: words to arguments, results to words.
fn wrap_entry(
    program: &Program,
    unit: &mut Unit,
    clif: &mut Function,
    builder: &mut FunctionBuilderContext,
) -> Result<(), String> {
    let target = &program.funcs[program.entry];
    // A function of its own with the same parameters that only calls it.
    let mut func = crate::ir::Func {
        name: target.name.clone(),
        params: target.params.clone(),
        rets: target.rets.clone(),
        locals: target.locals.clone(),
        arrays: target.arrays.clone(),
        exprs: crate::base::PrimaryMap::new(),
        loops: crate::base::PrimaryMap::new(),
        body: Vec::new(),
        fastmath: target.fastmath,
        recursion: None,
        chunk: None,
        is_cold: false,
        is_kernel: false,
        span: target.span,
    };
    forward(&mut func, program.entry);
    let facts = facts::collect(program, &func, false);
    clif.clear();
    clif.signature = func::signature(unit, &func, Shape::Entry);
    let b = FunctionBuilder::new(clif, builder);
    let mut emitter = Emitter::new(program, unit, &func, &facts, Shape::Entry, false, b);
    let falls_through = emitter.block(&func.body)?;
    emitter.finish(falls_through)
}

/// Gives a function the body `return callee(parameters)`.
fn forward(func: &mut crate::ir::Func, callee: FuncId) {
    use crate::ir::{ArrayVar, Local, Operand, Ownership, Param, Ret, Stmt, Target as Into};
    let span = func.span;
    for array in func.arrays.values_mut() {
        array.ownership = Ownership::Borrowed;
    }
    let args = func
        .params
        .clone()
        .into_iter()
        .map(|param| match param {
            Param::Scalar(local) => Operand::Scalar(func.read(local, span)),
            Param::Array(array) => Operand::Array(array),
        })
        .collect();
    let (mut results, mut values) = (Vec::new(), Vec::new());
    for ret in func.rets.clone() {
        match ret {
            Ret::Scalar(dtype) => {
                let local = func.locals.push(Local { name: "result".into(), dtype, span, is_user: false });
                results.push(Into::Local(local));
                values.push(Operand::Scalar(func.read(local, span)));
            }
            Ret::Array(ty) => {
                let array = func.arrays.push(ArrayVar {
                    name: "result".into(),
                    ty,
                    ownership: Ownership::Owned,
                    span,
                });
                results.push(Into::Array(array));
                values.push(Operand::Array(array));
            }
        }
    }
    func.body = vec![Stmt::Call { callee, args, results, span }, Stmt::Return { values }];
}
