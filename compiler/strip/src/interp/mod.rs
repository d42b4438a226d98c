//! What a strip means: runs it lane by lane over a memory of bytes. Slow, safe, and the oracle for every tier's machine code.
//!
//! In: a verified strip. Addresses are numbers that mean something to the [`Memory`] alone.

mod eval;
mod memory;
#[cfg(test)]
mod tests;

use crate::ir::{Binary, Carried, Combine, Elem, Inst, Op, Place, Region, Step, Strip, Ty, Value};
pub use memory::{Buffers, Memory};

/// How the iterations are cut into blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `N`, a power of two if the strip carries something, unless it pins another number.
    pub lanes: u32,
    /// Iterations of the first block, from 1 to `N`; `N` for strips that pin their lanes.
    pub head: Option<u32>,
    /// Rounds of loops before the run is given up.
    pub max_rounds: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { lanes: 16, head: None, max_rounds: 1 << 20 }
    }
}

/// Why a run has no result: a mistake in the strip or its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The bytes at this address are not the strip's.
    Outside {
        /// Of the first byte.
        address: u64,
        /// How many.
        bytes: u32,
        /// The number of the iteration.
        iteration: u64,
    },
    /// An index of a table is out of range.
    Lookup {
        /// The value of the lookup.
        value: Value,
        /// The index.
        index: i64,
    },
    /// A loop went on for too long.
    Rounds,
    /// The frame is shorter than the strip says, or the settings are not as they should be.
    Arguments,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Outside { address, bytes, iteration } => {
                write!(f, "iteration {iteration}: {bytes} bytes at {address:#x} are not the strip's")
            }
            Error::Lookup { value, index } => write!(f, "{value}: index {index} is outside of the table"),
            Error::Rounds => f.write_str("a loop does not end"),
            Error::Arguments => f.write_str("frame or settings do not suit the strip"),
        }
    }
}

impl std::error::Error for Error {}

/// Runs `n` iterations and returns how many are done: all, or those of the blocks before a fault. The frame holds the words and receives the
/// carried values.
///
/// # Errors
/// See [`Error`]; memory and frame are then as they were when it happened.
pub fn run(
    strip: &Strip,
    frame: &mut [u64],
    n: u64,
    settings: &Settings,
    memory: &mut dyn Memory,
) -> Result<u64, Error> {
    let lanes = strip.lanes.unwrap_or(settings.lanes) as usize;
    let head = settings.head.map_or(lanes, |head| head as usize);
    let head_suits = (1..=lanes).contains(&head) && (strip.lanes.is_none() || head == lanes);
    // Lanes that are combined are a tree.
    let lanes_suit = lanes.is_power_of_two() || lanes > 0 && strip.carried.is_empty();
    if !lanes_suit || !head_suits || frame.len() < strip.words as usize {
        return Err(Error::Arguments);
    }
    let mut machine = Machine {
        strip,
        frame,
        memory,
        lanes,
        first: 0,
        count: lanes,
        words: vec![0; strip.values.len() * lanes],
        rounds_left: settings.max_rounds,
    };
    let done = match machine.blocks(n, head as u64) {
        Ok(()) => n,
        Err(Stop::Fault) => machine.first,
        Err(Stop::Error(error)) => return Err(error),
    };
    for carried in &strip.carried {
        let word = carried.word as usize;
        if carried.combine == Combine::Each {
            let lanes = machine.all_lanes(carried.param);
            machine.frame[word..word + lanes.len()].copy_from_slice(&lanes);
        } else {
            machine.frame[word] = machine.combined(carried);
        }
    }
    Ok(done)
}

/// Why a block ends early.
enum Stop {
    Fault,
    Error(Error),
}

struct Machine<'a> {
    strip: &'a Strip,
    frame: &'a mut [u64],
    memory: &'a mut dyn Memory,
    lanes: usize,
    /// The block's first iteration.
    first: u64,
    /// How many lanes are active.
    count: usize,
    /// `lanes` words per value, as the bits of its type, zero-extended; values that are one for the block use the first.
    words: Vec<u64>,
    rounds_left: u64,
}

impl Machine<'_> {
    fn get(&self, value: Value, lane: usize) -> u64 {
        self.words[value.as_u32() as usize * self.lanes + lane]
    }

    fn set(&mut self, value: Value, lane: usize, word: u64) {
        self.words[value.as_u32() as usize * self.lanes + lane] = word;
    }

    /// A value that is one for the block.
    fn int(&self, value: Value) -> u64 {
        self.get(value, 0)
    }

    fn copy(&mut self, from: Value, to: Value) {
        for lane in 0..self.lanes {
            self.set(to, lane, self.get(from, lane));
        }
    }

    fn blocks(&mut self, n: u64, head: u64) -> Result<(), Stop> {
        let strip = self.strip;
        self.region(&strip.setup)?;
        for carried in &strip.carried {
            self.copy(carried.init, carried.param);
        }
        let mut most = head;
        while self.first < n {
            if strip.repeatable && self.first > 0 && n >= self.lanes as u64 {
                // As code does it.
                self.first = self.first.min(n - self.lanes as u64);
            }
            self.count = most.min(n - self.first) as usize;
            self.region(&strip.body)?;
            let nexts: Vec<Vec<u64>> =
                strip.carried.iter().map(|carried| self.all_lanes(carried.next)).collect();
            for (carried, next) in strip.carried.iter().zip(nexts) {
                if carried.combine.is_in_order() {
                    let ty = strip.values[carried.param];
                    let op = if carried.combine == Combine::AddInOrder { Binary::Add } else { Binary::Mul };
                    let before = self.get(carried.param, 0);
                    let all = next[..self.count].iter();
                    let after = all.fold(before, |sum, &lane| eval::binary(op, ty, sum, lane));
                    self.set(carried.param, 0, after);
                    continue;
                }
                for (lane, word) in next.into_iter().enumerate().take(self.count) {
                    self.set(carried.param, lane, word);
                }
            }
            self.first += self.count as u64;
            most = self.lanes as u64;
        }
        Ok(())
    }

    fn all_lanes(&self, value: Value) -> Vec<u64> {
        (0..self.lanes).map(|lane| self.get(value, lane)).collect()
    }

    fn region(&mut self, region: &Region) -> Result<(), Stop> {
        for inst in region {
            match inst {
                Inst::Let { value, op } => self.define(*value, op)?,
                Inst::Store { elem, place, value, mask } => {
                    for lane in 0..self.count {
                        if self.is_in(*mask, lane) {
                            let address = self.address(place, *elem, lane);
                            let word = self.get(*value, lane);
                            let stored = self.memory.store(address, elem.bytes(), word);
                            self.inside(stored, address, *elem, lane)?;
                        }
                    }
                }
                Inst::Update { elem, place, op, value, mask } => {
                    let ty = self.strip.values[*value];
                    for lane in 0..self.count {
                        if self.is_in(*mask, lane) {
                            let address = self.address(place, *elem, lane);
                            let loaded = self.memory.load(address, elem.bytes());
                            let before = eval::extend(*elem, self.inside(loaded, address, *elem, lane)?, ty);
                            let by = self.get(*value, lane);
                            let (binary, is_left) = op.binary();
                            let (a, b) = if is_left { (by, before) } else { (before, by) };
                            let after = eval::binary(binary, ty, a, b);
                            let stored = self.memory.store(address, elem.bytes(), after);
                            self.inside(stored, address, *elem, lane)?;
                        }
                    }
                }
                Inst::Fault { mask } => {
                    if self.any(*mask) {
                        return Err(Stop::Fault);
                    }
                }
                Inst::Loop(inner) => {
                    for phi in &inner.carried {
                        self.copy(phi.init, phi.param);
                    }
                    loop {
                        self.region(&inner.head)?;
                        if self.int(inner.cond) == 0 {
                            break;
                        }
                        self.rounds_left =
                            self.rounds_left.checked_sub(1).ok_or(Stop::Error(Error::Rounds))?;
                        self.region(&inner.body)?;
                        let nexts: Vec<Vec<u64>> =
                            inner.carried.iter().map(|phi| self.all_lanes(phi.next)).collect();
                        for (phi, next) in inner.carried.iter().zip(nexts) {
                            for (lane, word) in next.into_iter().enumerate() {
                                self.set(phi.param, lane, word);
                            }
                        }
                    }
                    for phi in &inner.carried {
                        self.copy(phi.param, phi.result);
                    }
                }
                Inst::Branch(branch) => {
                    let is_taken = self.int(branch.cond) != 0;
                    self.region(if is_taken { &branch.then } else { &branch.orelse })?;
                    for &(result, then, orelse) in &branch.results {
                        self.copy(if is_taken { then } else { orelse }, result);
                    }
                }
            }
        }
        Ok(())
    }

    /// Does the mask hold for an active lane?
    fn any(&self, mask: Value) -> bool {
        (0..self.count).any(|lane| self.get(mask, lane) != 0)
    }

    fn is_in(&self, mask: Option<Value>, lane: usize) -> bool {
        lane < self.count && mask.is_none_or(|mask| self.get(mask, lane) != 0)
    }

    fn address(&self, place: &Place, elem: Elem, lane: usize) -> u64 {
        let lane_number = lane as u64;
        match *place {
            Place::Line { address, disp, step } => {
                let step = match step {
                    Step::One => u64::from(elem.bytes()),
                    Step::Zero => 0,
                    Step::Bytes(bytes) => self.int(bytes),
                };
                let first = self.int(address).wrapping_add_signed(i64::from(disp));
                first.wrapping_add(step.wrapping_mul(lane_number))
            }
            Place::Scattered { base, offset, disp } => {
                self.int(base).wrapping_add(self.get(offset, lane)).wrapping_add_signed(i64::from(disp))
            }
        }
    }

    fn inside<T>(&self, outcome: Option<T>, address: u64, elem: Elem, lane: usize) -> Result<T, Stop> {
        let iteration = self.first + lane as u64;
        outcome.ok_or(Stop::Error(Error::Outside { address, bytes: elem.bytes(), iteration }))
    }

    fn define(&mut self, value: Value, op: &Op) -> Result<(), Stop> {
        let ty = self.strip.values[value];
        match *op {
            Op::IntLoad { elem, address, disp } => {
                let address = self.int(address).wrapping_add_signed(i64::from(disp));
                let loaded = self.memory.load(address, elem.bytes());
                let word = self.inside(loaded, address, elem, 0)?;
                self.set(value, 0, eval::extend(elem, word, Ty::I64));
            }
            Op::Load { elem, ref place, mask } => {
                for lane in 0..self.lanes {
                    let word = if self.is_in(mask, lane) {
                        let address = self.address(place, elem, lane);
                        let loaded = self.memory.load(address, elem.bytes());
                        eval::extend(elem, self.inside(loaded, address, elem, lane)?, ty)
                    } else {
                        0
                    };
                    self.set(value, lane, word);
                }
            }
            Op::Lookup { table, index } => {
                for lane in 0..self.lanes {
                    let index = self.get(index, lane);
                    let word = self.strip.tables[table].get(usize::try_from(index).unwrap_or(usize::MAX));
                    let error = Stop::Error(Error::Lookup { value, index: index as i64 });
                    let word = *word.ok_or(error)?;
                    self.set(value, lane, word);
                }
            }
            Op::Any(mask) => self.set(value, 0, u64::from(self.any(mask))),
            Op::Word(_)
            | Op::Int(_)
            | Op::IntBinary(..)
            | Op::IntCompare(..)
            | Op::First
            | Op::Const(_)
            | Op::WordLanes(_)
            | Op::Broadcast(_)
            | Op::TestLanes(_)
            | Op::LaneNumber
            | Op::Active
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Shift(..)
            | Op::Fma(..)
            | Op::Compare(..)
            | Op::Select { .. }
            | Op::Convert(..) => {
                let lanes = if matches!(ty, Ty::Int | Ty::Test) { 1 } else { self.lanes };
                for lane in 0..lanes {
                    let word = self.pure(op, ty, lane);
                    self.set(value, lane, word);
                }
            }
        }
        Ok(())
    }

    /// One lane of an operation that reads neither memory nor other lanes.
    fn pure(&self, op: &Op, ty: Ty, lane: usize) -> u64 {
        let get = |value: Value| self.get(value, lane);
        match *op {
            Op::Word(word) => self.frame[word as usize],
            Op::WordLanes(word) => eval::low(ty, self.frame[word as usize]),
            Op::Int(value) => value as u64,
            Op::IntBinary(op, a, b) => eval::int_binary(op, self.int(a), self.int(b)),
            Op::IntCompare(op, a, b) => u64::from(eval::compare(op, Ty::I64, self.int(a), self.int(b))),
            Op::First => self.first,
            Op::Const(bits) => bits,
            Op::Broadcast(a) | Op::TestLanes(a) => eval::low(ty, self.int(a)),
            Op::LaneNumber => lane as u64,
            Op::Active => u64::from(lane < self.count),
            Op::Unary(op, a) => eval::unary(op, ty, get(a)),
            Op::Binary(op, a, b) => eval::binary(op, ty, get(a), get(b)),
            Op::Shift(op, a, count) => eval::shift(op, ty, get(a), count),
            Op::Fma(kind, a, b, c) => eval::fma(kind, ty, get(a), get(b), get(c)),
            Op::Compare(op, a, b) => u64::from(eval::compare(op, self.strip.values[a], get(a), get(b))),
            Op::Select { mask, then, orelse } => get(if get(mask) != 0 { then } else { orelse }),
            Op::Convert(convert, a) => eval::convert(convert, self.strip.values[a], ty, get(a)),
            Op::IntLoad { .. } | Op::Load { .. } | Op::Lookup { .. } | Op::Any(_) => 0, // Done by `define`.
        }
    }

    /// What a carried value's lanes become at the end.
    fn combined(&self, carried: &Carried) -> u64 {
        let chooser = match carried.combine {
            Combine::Companion => self.strip.carried.iter().find(|other| match other.combine {
                Combine::ArgMin { with } | Combine::ArgMax { with } => {
                    self.strip.carried.get(with as usize).is_some_and(|named| named.param == carried.param)
                }
                Combine::Add
                | Combine::Mul
                | Combine::Min
                | Combine::Max
                | Combine::And
                | Combine::Or
                | Combine::Xor
                | Combine::AddInOrder
                | Combine::MulInOrder
                | Combine::Companion
                | Combine::Each => false,
            }),
            Combine::ArgMin { .. } | Combine::ArgMax { .. } => Some(carried),
            Combine::Add
            | Combine::Mul
            | Combine::Min
            | Combine::Max
            | Combine::And
            | Combine::Or
            | Combine::Xor
            | Combine::AddInOrder
            | Combine::MulInOrder
            | Combine::Each => None,
        };
        let ty = self.strip.values[carried.param];
        let mut words = self.all_lanes(carried.param);
        if carried.combine.is_in_order() {
            return words[0];
        }
        let Some(chooser) = chooser else {
            while words.len() > 1 {
                let upper = words.split_off(words.len() / 2);
                for (a, b) in words.iter_mut().zip(upper) {
                    *a = eval::combine(carried.combine, ty, *a, b);
                }
            }
            return words[0];
        };
        // Both values of each lane go together.
        let companion = match chooser.combine {
            Combine::ArgMin { with } | Combine::ArgMax { with } => self.strip.carried[with as usize].param,
            _ => chooser.param,
        };
        let chooser_ty = self.strip.values[chooser.param];
        let mut pairs: Vec<(u64, u64)> =
            (0..self.lanes).map(|lane| (self.get(chooser.param, lane), self.get(companion, lane))).collect();
        while pairs.len() > 1 {
            let upper = pairs.split_off(pairs.len() / 2);
            for (a, b) in pairs.iter_mut().zip(upper) {
                *a = eval::better(chooser.combine, chooser_ty, *a, b);
            }
        }
        if carried.combine == Combine::Companion { pairs[0].1 } else { pairs[0].0 }
    }
}
