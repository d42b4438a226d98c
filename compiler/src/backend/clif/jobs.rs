//! The slow part of making code, in pieces that do not depend on each other: one [`Job`] for each function and each strip.
//!
//! Whoever compiles is a [`Runner`]: it gets jobs while later functions are still being written down, runs them, in turn
//! ([`InTurn`]) or at the same time, and hands the pieces back in the order of the jobs. Here there are no threads.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::print_errors::pretty_error;
use smol_str::SmolStr;

use super::{Scratch, strip128};
use crate::ir::FuncId;

/// Something that is to become machine code.
pub struct Job {
    pub(super) isa: OwnedTargetIsa,
    pub(super) work: Work,
}

/// What it is.
pub(super) enum Work {
    Function {
        /// What calls name it by, if anything calls it.
        id: Option<FuncId>,
        func: Box<Function>,
        /// The host enters there.
        is_entry: bool,
    },
    /// A strip with its number.
    Strip(u32, Box<StripSource>),
}

/// What the code of a strip is made from.
pub(super) enum StripSource {
    /// For `kjit_strip`.
    Wide {
        strip: kjit_strip::Strip,
        tier: kjit_strip::Tier,
        /// Name of the array whose stores would be aligned.
        first_store: Option<SmolStr>,
    },
    /// For Cranelift, with the number of lanes.
    Narrow(kjit_strip::Strip, u32),
}

/// What became of a job.
pub struct Piece(pub(super) Result<Code, String>);

/// Code that is not yet at its place.
pub(super) enum Code {
    Function {
        id: Option<FuncId>,
        func: Box<Function>,
        compiled: Box<CompiledCode>,
        is_entry: bool,
    },
    /// Of the strip of this number, with what is to be said of it.
    Strip(u32, Vec<u8>, String),
    /// The tier cannot do the strip of this number; why.
    Refused(u32, String),
}

/// Who runs jobs.
pub trait Runner {
    /// About that many jobs will come: threads that are to help may wake up.
    fn expect(&mut self, jobs: usize);

    /// One more job, and whether others will follow.
    fn put(&mut self, job: Job, more: bool, scratch: &mut Scratch);

    /// All jobs are there: their pieces, in their order.
    fn pieces(&mut self, scratch: &mut Scratch) -> Vec<Piece>;
}

/// Runs jobs one after the other, as they come.
#[derive(Debug, Default)]
pub struct InTurn(Vec<Piece>);

impl Runner for InTurn {
    fn expect(&mut self, _: usize) {}

    fn put(&mut self, job: Job, _: bool, scratch: &mut Scratch) {
        self.0.push(job.run(scratch));
    }

    fn pieces(&mut self, _: &mut Scratch) -> Vec<Piece> {
        std::mem::take(&mut self.0)
    }
}

impl Job {
    /// How long it will take, roughly: in instructions of Cranelift, of which each costs about 20,000 of the processor.
    #[must_use]
    pub fn cost(&self) -> usize {
        match &self.work {
            Work::Function { func, .. } => func.dfg.num_insts(),
            // There are several copies of a strip's body, and blocks around them.
            Work::Strip(_, source) => match &**source {
                StripSource::Wide { strip, .. } | StripSource::Narrow(strip, _) => {
                    let values = strip.values.len();
                    22 + values + values / 4
                }
            },
        }
    }

    /// Makes the code.
    #[must_use]
    pub fn run(self, scratch: &mut Scratch) -> Piece {
        Piece(match self.work {
            Work::Function { id, func, is_entry } => function(&self.isa, id, func, is_entry, scratch),
            Work::Strip(number, source) => match *source {
                StripSource::Wide { strip, tier, first_store } => {
                    let made = kjit_strip::emit_with(&strip, tier, &mut scratch.strips);
                    Ok(match made {
                        Ok(code) => {
                            let said = said(&code, first_store.as_deref());
                            Code::Strip(number, code.bytes, said)
                        }
                        Err(error) => Code::Refused(number, format!("not vectorised: {}", error.reason)),
                    })
                }
                StripSource::Narrow(strip, lanes) => {
                    strip128::compile(&strip, lanes, &*self.isa).map(|bytes| {
                        let said = format!("vectorised, {lanes} lanes in 128-bit vectors");
                        Code::Strip(number, bytes, said)
                    })
                }
            },
        })
    }
}

impl Piece {
    /// The job could not be run.
    #[must_use]
    pub fn failed(reason: &str) -> Piece {
        Piece(Err(reason.to_owned()))
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("cost", &self.cost()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece").field("is_ok", &self.0.is_ok()).finish_non_exhaustive()
    }
}

/// What the code of a strip is like.
fn said(code: &kjit_strip::Code, first_store: Option<&str>) -> String {
    let head = match first_store.filter(|_| code.remarks.head) {
        Some(array) => format!(", head aligned to `{array}`"),
        None => String::new(),
    };
    let kjit_strip::emit::Remarks { ty, per_register, .. } = code.remarks;
    let unroll = match code.lanes / per_register {
        0 | 1 => String::new(),
        unroll => format!(", unrolled {unroll}"),
    };
    format!("vectorised {} x {ty}{unroll}{head}", per_register.min(code.lanes))
}

fn function(
    isa: &OwnedTargetIsa,
    id: Option<FuncId>,
    mut func: Box<Function>,
    is_entry: bool,
    scratch: &mut Scratch,
) -> Result<Code, String> {
    // After an error a fresh context takes its place.
    let mut context = scratch.context.take().unwrap_or_else(|| Box::new(cranelift_codegen::Context::new()));
    context.clear();
    std::mem::swap(&mut context.func, &mut *func);
    context
        .compile(&**isa, &mut ControlPlane::default())
        .map_err(|error| pretty_error(error.func, error.inner))?;
    let compiled = context.take_compiled_code().ok_or("no code")?;
    std::mem::swap(&mut context.func, &mut *func);
    scratch.context = Some(context);
    Ok(Code::Function { id, func, compiled: Box::new(compiled), is_entry })
}
