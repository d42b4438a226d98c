//! The one place that names every stage, in order.
//!
//! ```text
//! tree ── infer ── lower ── race ──► Front ── passes ── clif ──► Artifact
//!                                      └──────────────► interp
//! ```
//!
//! Pure: the caller measures time and asks about files through the hooks it passes.

use crate::analysis::{kernels as explicit, race};
use crate::backend::{clif, cuda};
use crate::base::target::Target;
use crate::base::{Diagnostic, Options, Span};
use crate::infer::{self, ArgTy, TypeHost};
use crate::ir::artifact::{Artifact, Signature};
use crate::ir::func::{FuncId, Program};
use crate::ir::grid::{GridLoop, GridProgram};
use crate::ir::stmt::Stmt;
use crate::ir::{verify, walk};
use crate::lower;
use crate::passes::{self, PassReport, contract, count, outline, parallelize, regroup, residency};
use crate::syntax::ast::Ast;

/// What is to be compiled.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The file.
    pub ast: &'a Ast,
    /// Its text.
    pub source: &'a str,
    /// Name of the entry function.
    pub function: &'a str,
    /// Types of its arguments.
    pub args: &'a [ArgTy],
    /// What functions start from; decorators come on top.
    pub options: &'a Options,
    /// Knows files.
    pub host: &'a dyn TypeHost,
}

/// Stages of the front end, reported as they end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Types.
    Infer,
    /// IR.
    Lower,
    /// Parallel loops checked.
    Race,
}

impl Stage {
    /// For timings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Infer => "infer",
            Stage::Lower => "lower",
            Stage::Race => "race",
        }
    }
}

/// A program that has passed every check of the language.
#[derive(Clone, Debug)]
pub struct Front {
    /// Its IR; parallel loops are proven or made serial.
    pub program: Program,
    /// The entry's types.
    pub signature: Signature,
    /// Warnings, sorted by place.
    pub warnings: Vec<Diagnostic>,
    /// Do the optimising passes run?
    pub optimize: bool,
}

impl Front {
    /// Where the program launches a GPU kernel that the user wrote, if it does.
    #[must_use]
    pub fn first_launch(&self) -> Option<Span> {
        // Most programs have no kernels; a kernel is there because it is launched.
        if !self.program.funcs.values().any(|func| func.is_kernel) {
            return None;
        }
        let mut found = None;
        for func in self.program.funcs.values() {
            walk::for_each_stmt(&func.body, &mut |stmt| {
                if let Stmt::Launch { span, .. } = stmt {
                    found = found.or(Some(*span));
                }
            });
        }
        found
    }
}

/// Types, IR, parallel safety.
///
/// # Errors
/// All errors of the program, sorted by place.
pub fn front(request: &Request<'_>, on_stage: &mut dyn FnMut(Stage)) -> Result<Front, Vec<Diagnostic>> {
    let Request { ast, source, function, args, options, host } = *request;
    let (inferred, mut warnings) = infer::infer(ast, function, args, options, host).map_err(sorted)?;
    on_stage(Stage::Infer);
    let (mut program, signature) = lower::lower(ast, &inferred, source).map_err(|error| vec![*error])?;
    on_stage(Stage::Lower);
    let refused = explicit::check(&program);
    if !refused.is_empty() {
        return Err(sorted(refused));
    }
    // Before the verifier, which takes it for granted that nothing leaves a parallel loop (K505).
    let report = race::check(&program);
    let (errors, race_warnings): (Vec<_>, Vec<_>) =
        report.diagnostics.iter().cloned().partition(Diagnostic::is_error);
    warnings.extend(race_warnings);
    if !errors.is_empty() {
        return Err(sorted(errors.into_iter().chain(warnings).collect()));
    }
    check(&program, "lower");
    let conditional = parallelize::parallelize(&mut program, &report);
    check(&program, "parallelize");
    // Before the optimising passes, so that every engine has the same loops with the same costs, and so the same chunks.
    outline::outline(&mut program, &conditional, &mut PassReport::default());
    check(&program, "outline");
    if options.count_operations {
        count::count(&mut program);
        check(&program, "count");
    }
    // These change how results are rounded, so they are for every engine, too.
    regroup::regroup(&mut program, &mut PassReport::default());
    check(&program, "regroup");
    contract::contract(&mut program, &mut PassReport::default());
    on_stage(Stage::Race);
    Ok(Front { program, signature, warnings: sorted(warnings), optimize: options.optimize })
}

/// Runs the passes that native code wants, up to and including the one named `after`.
///
/// # Panics
/// In debug and test builds, if a pass breaks an invariant of the IR.
pub fn optimize(front: &mut Front, after: Option<&str>) -> PassReport {
    if !front.optimize {
        return PassReport::default();
    }
    let report = passes::run_passes(&mut front.program, after, cfg!(debug_assertions));
    if let Some((pass, violation)) = &report.violation {
        panic!("invalid IR after {pass}: {violation}");
    }
    report
}

/// Machine code.
///
/// # Errors
/// The text of an internal error.
pub fn native(front: Front, target: &Target, scratch: &mut clif::Scratch) -> Result<Artifact, String> {
    native_by(front, target, scratch, &mut clif::InTurn::default())
}

/// Machine code, made by `runner`.
///
/// # Errors
/// As [`native`].
pub fn native_by(
    front: Front,
    target: &Target,
    scratch: &mut clif::Scratch,
    runner: &mut dyn clif::Runner,
) -> Result<Artifact, String> {
    let options = clif::CodegenOptions::default();
    let (mut artifact, _) =
        clif::compile_by(&front.program, front.signature, target, scratch, options, runner)?;
    artifact.warnings = front.warnings;
    Ok(artifact)
}

/// Kernels for a GPU, from the program as [`front`] made it. Needs no GPU.
///
/// # Panics
/// In debug and test builds, if a pass breaks an invariant of the IR.
#[must_use]
pub fn kernels(front: &Front, lines: cuda::Lines<'_>) -> cuda::Kernels {
    let mut program = front.program.clone();
    cuda::gridify(&mut program);
    check(&program, "gridify");
    if front.optimize {
        let report = passes::run_grid_passes(&mut program, cfg!(debug_assertions));
        if let Some((pass, violation)) = &report.violation {
            panic!("invalid IR after {pass}: {violation}");
        }
    }
    cuda::emit(program, lines)
}

/// Makes the host's code say which arrays it is about to touch, so that they can stay on a device between loops: before
/// [`optimize`]. False if it cannot.
pub fn tell_host_access(front: &mut Front) -> bool {
    let tells = residency::residency(&mut front.program);
    check(&front.program, "residency");
    tells
}

/// Adds kernels to an artifact that was made from the same program. `tells_host_access` is what [`tell_host_access`] said.
pub fn attach(artifact: &mut Artifact, kernels: cuda::Kernels, tells_host_access: bool) {
    let cuda::Kernels { source, options, loops, kernels, remarks } = kernels;
    let launches = artifact.launches.iter().map(|launch| match kernels.get(&FuncId::from_u32(launch.func)) {
        Some((words, found)) if *words == launch.env_words => found.clone(),
        _ => GridLoop::Host { reason: "its arguments are not known".to_owned(), arrays: Vec::new() },
    });
    let loops = artifact
        .parallels
        .iter()
        .map(|body| match loops.get(&FuncId::from_u32(body.func)) {
            Some((words, found)) if *words == body.env_words => found.clone(),
            _ => GridLoop::Host { reason: "its captures are not known".to_owned(), arrays: Vec::new() },
        })
        .chain(launches)
        .collect();
    artifact.grid = Some(GridProgram { source, options, tells_host_access, loops });
    artifact.remarks.extend(remarks);
}

fn sorted(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|d| (d.primary.span, d.code));
    diagnostics.dedup();
    diagnostics
}

/// Verifies the IR in debug and test builds.
///
/// # Panics
/// If an invariant is violated: a bug of the stage named.
fn check(program: &Program, stage: &str) {
    if cfg!(debug_assertions)
        && let Err(violations) = verify(program)
    {
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        panic!("invalid IR after {stage}:\n{}", lines.join("\n"));
    }
}
