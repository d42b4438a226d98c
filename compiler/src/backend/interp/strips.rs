//! Strips of loops: the strip's interpreter on the machine's memory. An oracle for the vectoriser that needs no machine code.

use kjit_strip::interp::{self, Settings};

use super::machine::Machine;
use super::memory::Memory;
use super::partials::Partials;
use super::{Stop, internal};
use crate::base::EntityRef;
use crate::ir::eval;
use crate::ir::parallel;
use crate::ir::{Loop, ReduceOp, StripOutput, StripPlan};
use crate::types::DType;

impl Machine<'_, '_> {
    /// Does what the strip can do of `trip` iterations.
    pub(super) fn strip(&mut self, l: &Loop, plan: &StripPlan, trip: u128) -> Result<Done, Stop> {
        let nothing = Done { iterations: 0, partials: None };
        let lanes = self.limits.strip_lanes;
        let n = u64::try_from(trip).unwrap_or(0).saturating_sub(u64::from(plan.keeps_last));
        if lanes == 0 || n == 0 || self.eval(plan.guard)? == 0 {
            return Ok(nothing);
        }
        let mut frame = vec![0; plan.strip.words as usize];
        for &(word, arg) in &plan.args {
            frame[word as usize] = self.eval(arg)?;
        }
        // Some loops begin with a short block, as a tier may want to.
        let head = plan.strip.lanes.is_none().then(|| 1 + (trip % u128::from(lanes)) as u32);
        let lanes = plan.strip.lanes.unwrap_or(lanes);
        let settings = Settings { lanes, head, max_rounds: 1 << 32 };
        let done = match interp::run(&plan.strip, &mut frame, n, &settings, &mut self.memory) {
            Ok(done) => done,
            Err(error) => return internal(format!("strip of {}: {error}", l.id)),
        };
        let is_zero = |output: &StripOutput| match self.frame.func.locals[output.local].dtype {
            DType::F64 => f64::from_bits(frame[output.word as usize]) == 0.0,
            DType::F32 => f32::from_bits(frame[output.word as usize] as u32) == 0.0,
            _ => false,
        };
        if plan.outputs.iter().any(|output| output.zero_is_open && is_zero(output)) {
            return Ok(nothing);
        }
        for output in &plan.outputs {
            let dtype = self.frame.func.locals[output.local].dtype;
            let before = self.frame.locals[output.local.index()];
            let word = frame[output.word as usize];
            if output.replaces {
                self.frame.locals[output.local.index()] = word;
                continue;
            }
            let (combined, takes_word) = ReduceOp::combine(output.op, dtype, before, word);
            self.frame.locals[output.local.index()] =
                if dtype.is_float() { combined } else { eval::narrow(dtype, combined) };
            if let Some((companion, word)) = output.companion
                && takes_word
            {
                self.frame.locals[companion.index()] = frame[word as usize];
            }
        }
        for (reduction, &word) in l.reductions.iter().zip(&plan.totals) {
            let local = reduction.local;
            if done != n {
                return internal(format!("strip of {}: it stopped early", l.id));
            }
            let before = self.frame.locals[local.index()];
            let dtype = self.frame.func.locals[local].dtype;
            self.frame.locals[local.index()] = reduction.op.combine(dtype, before, frame[word as usize]).0;
        }
        let mut partials = None;
        if !plan.partials.is_empty() {
            let count = parallel::partials(l.reductions.len());
            let row = |&first: &u32| frame[first as usize..first as usize + count].to_vec();
            let values = plan.partials.iter().map(row).collect();
            partials = Some(Partials::resume(l, &mut self.frame.locals, values, done));
        }
        Ok(Done { iterations: done.saturating_sub(u64::from(plan.redoes_last)), partials })
    }
}

/// What a strip did.
pub(super) struct Done {
    pub(super) iterations: u64,
    /// What the loop goes on from.
    pub(super) partials: Option<Partials>,
}

impl interp::Memory for Memory {
    fn load(&mut self, address: u64, bytes: u32) -> Option<u64> {
        self.load_bytes(address, bytes)
    }

    fn store(&mut self, address: u64, bytes: u32, word: u64) -> Option<()> {
        self.store_bytes(address, bytes, word)
    }
}
