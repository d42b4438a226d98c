//! Parallel loops whose body was outlined: one chunk after the other, by the plan of [`crate::ir::parallel`].

use super::machine::{Machine, Then, Word};
use super::memory::Array;
use super::{Failure, Stop, internal};
use crate::base::EntityRef;
use crate::ir::Operand;
use crate::ir::func::{Param, Ret};
use crate::ir::parallel::{Combine, MAX_TRIPS, ParallelCall, ReduceOp, chunk_count, chunk_range};
use crate::numerics::random::KernelRandom;
use crate::types::{ArrayTy, DType, Layout};

/// A loop between two chunks.
pub(super) struct Fork<'p> {
    call: &'p ParallelCall,
    trip: u64,
    chunks: u64,
    /// The chunk that runs.
    chunk: u64,
    captures: Vec<Word>,
    /// The outputs before the loop.
    initial: Vec<u64>,
    /// The outputs of the chunks so far.
    totals: Vec<u64>,
    /// The running chunk's private arrays, one per accumulated capture; none for chunk 0.
    private: Vec<Array>,
    /// The random numbers of the code around the loop.
    random: KernelRandom,
}

impl<'p> Machine<'p, '_> {
    /// Starts the loop.
    pub(super) fn fork(&mut self, call: &'p ParallelCall) -> Result<(), Stop> {
        let captures = self.operands(&call.captures)?;
        let trip = self.eval(call.trip)?;
        if (trip as i64) < 0 {
            return internal(format!("{} has {} iterations", call.id, trip as i64));
        }
        if trip == 0 {
            return Ok(());
        }
        if trip >= MAX_TRIPS {
            return internal(format!("a parallel loop of {trip} iterations"));
        }
        let mut copied = None;
        for &(slot, _) in &call.array_reductions {
            let Word::Array(array) = &captures[slot] else {
                return internal("an accumulated capture that is no array");
            };
            let elements = array.shape().iter().fold(1_u64, |n, &dim| n.saturating_mul(dim as u64));
            copied = Some(elements.saturating_add(copied.unwrap_or(0)));
        }
        let initial: Vec<u64> =
            call.outputs.iter().map(|&(local, _)| self.frame.locals[local.index()]).collect();
        let cost_ns = f64::from_bits(self.eval(call.cost_ns)?);
        let mut chunks = chunk_count(trip, cost_ns, copied);
        for &(a, b) in &call.disjoint {
            let (Operand::Array(a), Operand::Array(b)) = (call.captures[a], call.captures[b]) else {
                return internal("a number that shares memory");
            };
            if self.overlap(a, b)? {
                chunks = 1;
            }
        }
        let fork = Box::new(Fork {
            call,
            trip,
            chunks,
            chunk: 0,
            captures,
            totals: initial.clone(),
            initial,
            private: Vec::new(),
            random: self.random.clone(),
        });
        self.start_chunk(fork)
    }

    fn start_chunk(&mut self, mut fork: Box<Fork<'p>>) -> Result<(), Stop> {
        let call = fork.call;
        let body = &self.program.funcs[call.body];
        let mut args = fork.captures.clone();
        if fork.chunk > 0 {
            for &(slot, op) in &call.array_reductions {
                let (Word::Array(shared), Param::Array(param)) = (fork.captures[slot], body.params[slot])
                else {
                    return internal("an accumulated capture that is no array");
                };
                let private = self.private_copy(&shared, body.arrays[param].ty, op)?;
                fork.private.push(private);
                args[slot] = Word::Array(private);
            }
        }
        for (position, &(_, combine)) in call.outputs.iter().enumerate() {
            args.push(Word::Scalar(match combine {
                _ if fork.chunk == 0 => fork.initial[position],
                Combine::Reduce(op) => op.identity(output_ty(body.rets[position])),
                Combine::Last | Combine::With(_) => fork.initial[position],
            }));
        }
        let range = chunk_range(fork.trip, fork.chunks, fork.chunk);
        args.extend([Word::Scalar(range.start), Word::Scalar(range.end)]);
        if call.uses_random {
            self.random = fork.random.for_chunk();
        }
        self.enter(call.body, &args, Then::Combine(fork))
    }

    /// An array of the same shape, filled with what changes nothing.
    fn private_copy(&mut self, shared: &Array, ty: ArrayTy, op: ReduceOp) -> Result<Array, Stop> {
        let mut shape = shared.shape().to_vec();
        let is_reversed = ty.layout == Layout::F;
        if is_reversed {
            shape.reverse();
        }
        let Some(mut private) = self.allocate(&shape, ty.dtype, true)? else {
            return Err(Box::new(Failure::OutOfMemory));
        };
        if is_reversed {
            let rank = shape.len();
            private.shape[..rank].reverse();
            private.strides[..rank].reverse();
        }
        let lanes = vec![op.identity(ty.dtype.part()); ty.dtype.lanes()];
        self.fill(&private, ty.dtype, &lanes)?;
        Ok(private)
    }

    /// Takes a chunk's results in and starts the next chunk, if there is one.
    pub(super) fn chunk_done(&mut self, mut fork: Box<Fork<'p>>, results: &[Word]) -> Result<(), Stop> {
        let call = fork.call;
        let body = &self.program.funcs[call.body];
        let mut is_replaced = vec![fork.chunk == 0; results.len()];
        let mut words = Vec::new();
        for (position, result) in results.iter().enumerate() {
            let Word::Scalar(word) = *result else { return internal("an output that is an array") };
            words.push(word);
            if let (Combine::Reduce(op), true) = (call.outputs[position].1, fork.chunk > 0) {
                let ty = output_ty(body.rets[position]);
                (fork.totals[position], is_replaced[position]) = op.combine(ty, fork.totals[position], word);
            } else if fork.chunk == 0 {
                fork.totals[position] = word;
            }
        }
        for (position, &(_, combine)) in call.outputs.iter().enumerate() {
            let takes = match combine {
                Combine::Reduce(_) => false,
                Combine::Last => true,
                Combine::With(leader) => is_replaced[leader as usize],
            };
            if takes {
                fork.totals[position] = words[position];
            }
        }
        for (private, &(slot, op)) in std::mem::take(&mut fork.private).iter().zip(&call.array_reductions) {
            let (Word::Array(shared), Param::Array(param)) = (fork.captures[slot], body.params[slot]) else {
                return internal("an accumulated capture that is no array");
            };
            self.combine_arrays(&shared, private, body.arrays[param].ty.dtype, op)?;
            self.memory.release(private.buffer)?;
        }
        fork.chunk += 1;
        if fork.chunk < fork.chunks {
            return self.start_chunk(fork);
        }
        for (&(local, _), &total) in call.outputs.iter().zip(&fork.totals) {
            self.frame.locals[local.index()] = total;
        }
        if call.uses_random {
            self.random = fork.random;
        }
        Ok(())
    }

    fn combine_arrays(
        &mut self,
        shared: &Array,
        private: &Array,
        dtype: DType,
        op: ReduceOp,
    ) -> Result<(), Stop> {
        let part = dtype.part();
        let mut partial = Vec::new();
        let memory = &mut self.memory;
        private.for_each_offset(|offset| {
            for lane in 0..dtype.lanes() {
                let at = offset + (lane * part.size_bytes()) as i64;
                partial.push(memory.read(private.buffer, at, part)?.0);
            }
            Ok::<(), Stop>(())
        })?;
        let mut partial = partial.into_iter();
        shared.for_each_offset(|offset| {
            for (lane, right) in (0..dtype.lanes()).zip(&mut partial) {
                let at = offset + (lane * part.size_bytes()) as i64;
                let (left, _) = memory.read(shared.buffer, at, part)?;
                memory.write(shared.buffer, at, part, op.combine(part, left, right).0)?;
            }
            Ok(())
        })
    }
}

fn output_ty(ret: Ret) -> DType {
    match ret {
        Ret::Scalar(dtype) => dtype,
        // The verifier has excluded it.
        Ret::Array(ty) => ty.dtype,
    }
}
