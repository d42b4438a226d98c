//! What is known of variables while a strip is written, and the frame of the whole: [`build`].

use std::collections::BTreeMap;
use std::rc::Rc;

use kjit_strip::ir::{Carried, Combine, Compare, IntOp, Op, Strip, Ty, Value};
use rustc_hash::FxHashMap;

use super::Obstacle;
use super::expr::lane_ty;
use super::graph::Graph;
use super::linear::Linear;
use super::place::{ArrayRef, PendingStore};
use super::reduce;
use crate::analysis::alias::Aliases;
use crate::analysis::liveness::{self, LiveAfter};
use crate::analysis::race::Requirement;
use crate::analysis::race::lockstep::Lockstep;
use crate::base::Span;
use crate::ir::parallel::partials;
use crate::ir::{ArrayId, Func, LocalId, Loop, LoopId, Program, ReduceOp, StripOutput};
use crate::types::DType;

/// The loop and what is known of it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Called functions are followed.
    pub program: &'a Program,
    /// The function that the loop is in.
    pub func: &'a Func,
    /// The loop.
    pub l: &'a Loop,
    /// The proof that its iterations may run in lockstep.
    pub facts: &'a Lockstep,
    /// Of the function.
    pub aliases: &'a Aliases,
    /// Of the function.
    pub live_after: &'a Rc<LiveAfter>,
}

/// What a word of the frame holds; everything as it is in front of the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// A variable.
    Local(LocalId),
    /// The loop's first value.
    Lo,
    /// Address of the element with all indices 0.
    Base(ArrayId),
    /// An extent.
    Dim(ArrayId, u8),
    /// A distance in bytes.
    Stride(ArrayId, u8),
}

/// What the strip takes for granted, beyond what the proof required.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Neighbours along the axis are neighbours in memory.
    UnitStride(ArrayId, u8),
    /// The loop's bounds are below 2^50 in size.
    SmallRange,
    /// The loop inside has too few iterations to be [regrouped](crate::ir::parallel::regroups), the same number in every
    /// iteration of the outer one.
    Short(LoopId),
}

/// A strip and what it needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Built {
    /// The strip.
    pub strip: Strip,
    /// What fills which word.
    pub args: Vec<(u32, Arg)>,
    /// What must hold.
    pub needs: Vec<Need>,
    /// What it leaves.
    pub outputs: Vec<StripOutput>,
    /// First words of the partial results of the loop's regrouped reductions.
    pub partials: Vec<u32>,
    /// Instead of them, if nothing stops the strip: the words of their trees.
    pub totals: Vec<u32>,
    /// The array that is stored to first, from neighbour to neighbour.
    pub first_store: Option<ArrayId>,
    /// Are there variables whose last value only the loop knows?
    pub keeps_last: bool,
    /// May a `break` leave one of them as the iteration before wrote it?
    pub redoes_last: bool,
    /// What it is made of.
    pub tally: Tally,
}

/// Counts for the decision whether a strip pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Loads and stores of neighbouring elements.
    pub lines: u32,
    /// Those of neighbours from the last to the first.
    pub reversed: u32,
    /// Those of elements in equal distances.
    pub strided: u32,
    /// Those of elements anywhere.
    pub scattered: u32,
    /// Updates lane by lane.
    pub updates: u32,
    /// What those cost in lanes, in instructions per four of them.
    pub update_cost: u32,
    /// Operations that test their indices, beyond what the loop itself does for that.
    pub index_tests: u32,
    /// Sums and products that take the lanes in order.
    pub in_order: u32,
    /// Loops inside.
    pub loops: u32,
}

/// A value of the source, in whatever form it is known.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Val {
    /// An integer that is the same in every lane, or changes by a fixed step.
    Int(Linear),
    /// One number per lane; integers as `I64`, truth values as `Mask`.
    Lanes(Value),
    /// A truth value for all lanes.
    Test(Value),
}

/// What has a value: a variable, or the result of the function (by position).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    Local(LocalId),
    Ret(u32),
}

pub(super) type Env = BTreeMap<Key, Val>;

/// One function being followed: that of the loop, or one called from it.
#[derive(Clone)]
pub(super) struct Frame<'a> {
    pub func: &'a Func,
    pub live_after: Rc<LiveAfter>,
    pub env: Env,
    pub arrays: FxHashMap<ArrayId, ArrayRef>,
    /// Loops around the current statement, in this function.
    pub loops: u32,
}

/// Where the lanes of an exit go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExitKind {
    Continue,
    Break,
    Return,
}

/// Lanes that wait for the end of what they have left.
#[derive(Clone)]
pub(super) struct Exit {
    pub kind: ExitKind,
    pub mask: Value,
    pub env: Env,
}

/// The state while a strip is written.
#[derive(Clone)]
pub(super) struct Builder<'a> {
    pub request: Request<'a>,
    pub graph: Graph,
    pub frames: Vec<Frame<'a>>,
    /// Lanes that run the current statement; all of them if there is none.
    pub mask: Option<Value>,
    /// Does nothing reach the current statement?
    pub is_dead: bool,
    pub exits: Vec<Exit>,
    pub args: Vec<(u32, Arg)>,
    pub needs: Vec<Need>,
    pub pending: Vec<PendingStore>,
    /// Was anything stored for good? Then nothing may fault any more.
    pub has_stored: bool,
    /// Arrays that are updated element by element, and the part of the element.
    pub updated: Vec<(ArrayId, u8)>,
    /// Indices that are in the range of an array that is updated, for the lanes of a mask.
    pub settled: Vec<(Value, Option<Value>)>,
    /// Sums and products of floats that take the lanes in order, and what changes nothing in them.
    pub in_order: Vec<(LocalId, Value)>,
    /// Arrays that are read, and those that are stored to.
    pub roots_read: Vec<ArrayId>,
    pub roots_stored: Vec<ArrayId>,
    /// The array that is stored to first, from neighbour to neighbour.
    pub first_store: Option<ArrayId>,
    /// The loop's variable.
    pub var: Linear,
    pub tally: Tally,
    pub span: Span,
}

pub(super) type Result<T> = std::result::Result<T, Obstacle>;

/// Writes the strip.
///
/// # Errors
/// What stands in the way.
pub fn build(request: &Request<'_>) -> std::result::Result<Built, Obstacle> {
    let mut builder = Builder::new(*request);
    let carried = builder.carry()?;
    builder.block(&request.l.body)?;
    builder.end(carried)
}

/// A variable that goes from block to block.
struct CarriedLocal {
    local: LocalId,
    param: Value,
    init: Value,
    word: u32,
    combine: Combine,
    /// How it leaves, unless with another one.
    output: Option<StripOutput>,
}

impl<'a> Builder<'a> {
    fn new(request: Request<'a>) -> Builder<'a> {
        let mut graph = Graph::new(format!("{}_{}", request.func.name, request.l.id));
        let first = graph.define(Ty::Int, Op::First);
        let root = Frame {
            func: request.func,
            live_after: request.live_after.clone(),
            env: Env::new(),
            arrays: FxHashMap::default(),
            loops: 0,
        };
        let mut builder = Builder {
            request,
            graph,
            frames: vec![root],
            mask: None,
            is_dead: false,
            exits: Vec::new(),
            args: Vec::new(),
            needs: Vec::new(),
            pending: Vec::new(),
            has_stored: false,
            updated: Vec::new(),
            settled: Vec::new(),
            in_order: Vec::new(),
            roots_read: Vec::new(),
            roots_stored: Vec::new(),
            first_store: None,
            var: Linear::default(),
            tally: Tally::default(),
            span: request.func.loops[request.l.id].span,
        };
        let l = request.l;
        let mut var = match request.func.exprs[l.lo].kind {
            crate::ir::ExprKind::Const(value) => Linear::constant(value.as_int()),
            _ => Linear::int(builder.word(Arg::Lo)),
        };
        var.add_term(first, l.step);
        var.lane = l.step;
        builder.var = var.clone();
        builder.set(l.var, Val::Int(var));
        builder
    }

    pub(super) fn refuse<T>(&self, text: impl Into<String>) -> Result<T> {
        Err(Obstacle { span: self.span, text: text.into() })
    }

    pub(super) fn frame(&mut self) -> &mut Frame<'a> {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    pub(super) fn func(&self) -> &'a Func {
        self.frames[self.frames.len() - 1].func
    }

    pub(super) fn is_root(&self) -> bool {
        self.frames.len() == 1
    }

    pub(super) fn set(&mut self, local: LocalId, value: Val) {
        self.frame().env.insert(Key::Local(local), value);
    }

    /// The word of the frame as an `Int`.
    pub(super) fn word(&mut self, arg: Arg) -> Value {
        let word = self.word_number(arg);
        self.graph.define(Ty::Int, Op::Word(word))
    }

    fn word_number(&mut self, arg: Arg) -> u32 {
        if let Some(&(word, _)) = self.args.iter().find(|(_, known)| *known == arg) {
            return word;
        }
        let word = self.graph.strip.words;
        self.graph.strip.words += 1;
        self.args.push((word, arg));
        word
    }

    pub(super) fn need(&mut self, need: Need) {
        if !self.needs.contains(&need) {
            self.needs.push(need);
        }
    }

    /// The value of a variable.
    pub(super) fn local(&mut self, local: LocalId) -> Result<Val> {
        if let Some(value) = self.frame().env.get(&Key::Local(local)) {
            return Ok(value.clone());
        }
        if !self.is_root() {
            return self.refuse("a variable of a called function may have no value");
        }
        // Not assigned so far in the loop: it has the value from before.
        let value = match self.func().locals[local].dtype {
            DType::F64 => Val::Lanes(self.word_lanes(local, Ty::F64)),
            DType::F32 => Val::Lanes(self.word_lanes(local, Ty::F32)),
            DType::Bool => {
                let word = self.word(Arg::Local(local));
                let zero = self.graph.int(0);
                Val::Test(self.graph.define(Ty::Test, Op::IntCompare(Compare::Ne, word, zero)))
            }
            dtype => {
                let word = self.word(Arg::Local(local));
                Val::Int(Linear::int(self.within(dtype, word)))
            }
        };
        Ok(value)
    }

    /// A word with a number of that type. Of 8 and 16 bits the strip says so itself, for the sake of narrow lanes.
    fn within(&mut self, dtype: DType, word: Value) -> Value {
        let (bits, is_signed) = match dtype {
            DType::U8 => (8, false),
            DType::U16 => (16, false),
            DType::I8 => (8, true),
            DType::I16 => (16, true),
            _ => return word,
        };
        if !is_signed {
            let most = self.graph.int((1 << bits) - 1);
            return self.graph.define(Ty::Int, Op::IntBinary(IntOp::And, word, most));
        }
        let count = self.graph.int(64 - bits);
        let left = self.graph.define(Ty::Int, Op::IntBinary(IntOp::Shl, word, count));
        self.graph.define(Ty::Int, Op::IntBinary(IntOp::Sar, left, count))
    }

    fn word_lanes(&mut self, local: LocalId, ty: Ty) -> Value {
        let word = self.word_number(Arg::Local(local));
        self.graph.define(ty, Op::WordLanes(word))
    }

    /// One value per lane.
    pub(super) fn lanes(&mut self, value: &Val) -> Value {
        match value {
            Val::Int(linear) => linear.lanes(&mut self.graph),
            Val::Lanes(value) => *value,
            Val::Test(test) => self.graph.define(Ty::Mask, Op::TestLanes(*test)),
        }
    }

    /// Lanes of the current mask in which the given mask holds too.
    pub(super) fn masked(&mut self, mask: Value) -> Value {
        match self.mask {
            Some(outer) => self.graph.binary(kjit_strip::ir::Binary::And, outer, mask),
            None => mask,
        }
    }

    /// Values carried from block to block for the loop's reductions.
    fn carry(&mut self) -> Result<Vec<CarriedLocal>> {
        let mut carried = Vec::new();
        let Request { func, l, facts, .. } = self.request;
        // Partial result k is lane k.
        for reduction in &l.reductions {
            let dtype = func.locals[reduction.local].dtype;
            let init = self.graph.bits(lane_ty(dtype), reduction.op.identity(dtype));
            let param = self.graph.fresh(lane_ty(dtype));
            self.set(reduction.local, Val::Lanes(param));
            let word = self.graph.strip.words;
            let partials = partials(l.reductions.len()) as u32;
            self.graph.strip.words += partials;
            self.graph.strip.lanes = Some(partials);
            carried.push(CarriedLocal {
                local: reduction.local,
                param,
                init,
                word,
                combine: Combine::Each,
                output: None,
            });
        }
        for reduction in &facts.reductions {
            let (local, op) = (reduction.local, reduction.op);
            if l.reductions.iter().any(|regrouped| regrouped.local == local) {
                continue;
            }
            let name = &func.locals[local].name;
            let dtype = func.locals[local].dtype;
            let mut output = StripOutput {
                local,
                word: self.graph.strip.words,
                op,
                replaces: false,
                zero_is_open: false,
                companion: None,
            };
            self.graph.strip.words += 1;
            let ty = match (dtype, op) {
                (DType::F64 | DType::F32, ReduceOp::Min | ReduceOp::Max) => {
                    let Some(found) = reduce::extremum(func, l, local, op) else {
                        return self.refuse(format!("`{name}` may become a NaN"));
                    };
                    output.zero_is_open = found.zero_is_open && reduction.companions.is_empty();
                    lane_ty(dtype)
                }
                (DType::F64 | DType::F32, ReduceOp::Add | ReduceOp::Mul) => {
                    output.replaces = true;
                    carried.push(self.carry_in_order(output, dtype));
                    continue;
                }
                (DType::I64, _) | (DType::U64, ReduceOp::Add | ReduceOp::Mul) => Ty::I64,
                (DType::U64, ReduceOp::And | ReduceOp::Or | ReduceOp::Xor) => Ty::I64,
                (DType::Bool, ReduceOp::And | ReduceOp::Or | ReduceOp::Xor) => Ty::Mask,
                (DType::U64, ReduceOp::Min | ReduceOp::Max) => {
                    return self.refuse(format!("`{name}` is an extreme of unsigned numbers of 64 bits"));
                }
                _ => return self.refuse(format!("`{name}` is combined at a narrow type")),
            };
            let init = self.graph.bits(ty, op.identity(dtype));
            let param = self.graph.fresh(ty);
            self.set(local, Val::Lanes(param));
            let position = carried.len() as u32;
            let mut combine = match op {
                ReduceOp::Add => Combine::Add,
                ReduceOp::Mul => Combine::Mul,
                ReduceOp::Min => Combine::Min,
                ReduceOp::Max => Combine::Max,
                ReduceOp::And => Combine::And,
                ReduceOp::Or => Combine::Or,
                ReduceOp::Xor => Combine::Xor,
            };
            let mut second = None;
            match reduction.companions.as_slice() {
                [] => {}
                [companion]
                    if func.locals[*companion].dtype == DType::I64
                        && reduce::is_position(func, l, local, *companion, op) =>
                {
                    let word = self.graph.strip.words;
                    self.graph.strip.words += 1;
                    output.companion = Some((*companion, word));
                    // Later than every iteration.
                    let init = self.graph.i64(i64::MAX);
                    let param = self.graph.fresh(Ty::I64);
                    self.set(*companion, Val::Lanes(param));
                    let with = position + 1;
                    combine =
                        if op == ReduceOp::Min { Combine::ArgMin { with } } else { Combine::ArgMax { with } };
                    second = Some(CarriedLocal {
                        local: *companion,
                        param,
                        init,
                        word,
                        combine: Combine::Companion,
                        output: None,
                    });
                }
                _ => return self.refuse(format!("`{name}` takes other variables along")),
            }
            let word = output.word;
            carried.push(CarriedLocal { local, param, init, word, combine, output: Some(output) });
            carried.extend(second);
        }
        Ok(carried)
    }

    /// A sum or product of floats. The variable stands for what this iteration adds: nothing so far.
    fn carry_in_order(&mut self, output: StripOutput, dtype: DType) -> CarriedLocal {
        let (local, word) = (output.local, output.word);
        let ty = lane_ty(dtype);
        let init = self.word_lanes(local, ty);
        let param = self.graph.fresh(ty);
        let neutral = match (output.op, ty) {
            (ReduceOp::Mul, Ty::F64) => 1.0_f64.to_bits(),
            (ReduceOp::Mul, _) => u64::from(1.0_f32.to_bits()),
            // A zero of the other sign would make 0.0 of -0.0.
            (_, Ty::F64) => (-0.0_f64).to_bits(),
            (_, _) => u64::from((-0.0_f32).to_bits()),
        };
        let neutral = self.graph.bits(ty, neutral);
        self.set(local, Val::Lanes(neutral));
        self.in_order.push((local, neutral));
        let combine = if output.op == ReduceOp::Mul { Combine::MulInOrder } else { Combine::AddInOrder };
        CarriedLocal { local, param, init, word, combine, output: Some(output) }
    }

    fn end(mut self, mut carried: Vec<CarriedLocal>) -> Result<Built> {
        self.flush_stores()?;
        // Lanes that have gone on to the next iteration, and those that have reached the end.
        let exits = std::mem::take(&mut self.exits);
        let regrouped = self.request.l.reductions.len();
        // The tree of the partial results is that of the lanes. Nothing may be left for the loop then.
        let keeps_last = !self.request.facts.last_values.is_empty();
        let is_whole = regrouped > 0 && !keeps_last && !self.graph.has_faults();
        if is_whole {
            for (item, reduction) in carried.iter_mut().zip(&self.request.l.reductions) {
                item.combine = if reduction.op == ReduceOp::Mul { Combine::Mul } else { Combine::Add };
            }
        }
        for item in &carried {
            let key = Key::Local(item.local);
            let mut next = match self.frame().env.get(&key).cloned() {
                Some(value) => self.lanes(&value),
                None => item.param,
            };
            for exit in &exits {
                if let Some(value) = exit.env.get(&key).cloned() {
                    let value = self.lanes(&value);
                    next = self.graph.select(exit.mask, value, next);
                }
            }
            let CarriedLocal { param, init, combine, word, .. } = *item;
            self.graph.strip.carried.push(Carried { param, init, next, combine, word });
        }
        if self.has_stored && carried.iter().any(|c| c.output.is_some_and(|output| output.zero_is_open)) {
            return self
                .refuse("the sign of a smallest or largest zero depends on the order, and the loop stores");
        }
        let span = self.span;
        let is_repeatable = self.is_repeatable();
        let left_before = self.request.facts.left_before;
        if let Some(local) = left_before.filter(|_| !is_repeatable) {
            let name = self.request.func.locals[local].name.clone();
            let text = format!(
                "a `break` leaves `{name}` as the iteration before wrote it, and that one cannot be done again for its sums"
            );
            return Err(Obstacle { span: self.request.func.loops[self.request.l.id].span, text });
        }
        let mut strip = self.graph.finish();
        strip.repeatable = is_repeatable;
        if let Err(violations) = kjit_strip::verify(&strip) {
            let text = violations.first().map_or_else(String::new, |v| v.text.clone());
            return Err(Obstacle { span, text: format!("errors and stores are mixed ({text})") });
        }
        Ok(Built {
            strip,
            args: self.args,
            needs: self.needs,
            partials: carried
                .iter()
                .filter(|item| item.combine == Combine::Each)
                .map(|item| item.word)
                .collect(),
            totals: if is_whole {
                carried[..regrouped].iter().map(|item| item.word).collect()
            } else {
                Vec::new()
            },
            outputs: carried.into_iter().filter_map(|item| item.output).collect(),
            first_store: self.first_store,
            keeps_last,
            redoes_last: left_before.is_some(),
            tally: self.tally,
        })
    }

    /// Does an iteration that is done again change nothing?
    fn is_repeatable(&self) -> bool {
        let minds = |combine: Combine| {
            combine.is_in_order()
                || matches!(combine, Combine::Add | Combine::Mul | Combine::Xor | Combine::Each)
        };
        let reads_stored = self
            .roots_stored
            .iter()
            .any(|&stored| self.roots_read.iter().any(|&read| self.may_alias(stored, read)));
        let strip = &self.graph.strip;
        !reads_stored && strip.lanes.is_none() && !strip.carried.iter().any(|c| minds(c.combine))
    }

    /// May the two arrays, known in front of the loop, share an element?
    pub(super) fn may_alias(&self, a: ArrayId, b: ArrayId) -> bool {
        if a == b {
            return true;
        }
        if !self.request.aliases.may_alias(a, b) {
            return false;
        }
        !self.request.facts.requirements.iter().any(|requirement| match requirement {
            Requirement::Disjoint(x, y) => (*x, *y) == (a, b) || (*x, *y) == (b, a),
            Requirement::AtLeastZero(_) => false,
        })
    }

    /// `select(mask, then, orelse)` of any two values of a variable.
    pub(super) fn choose(&mut self, mask: Value, then: &Val, orelse: &Val) -> Val {
        if then == orelse {
            return then.clone();
        }
        let (then, orelse) = (self.lanes(then), self.lanes(orelse));
        Val::Lanes(self.graph.select(mask, then, orelse))
    }

    /// What the environments have in common, by mask: `orelse` where the mask does not hold. What only one of them has is of interest
    /// to its lanes only: nothing else carries it from iteration to iteration.
    pub(super) fn merge(&mut self, mask: Value, then: &Env, orelse: &Env) -> Env {
        let mut merged = orelse.clone();
        for (key, value) in then {
            let value = match orelse.get(key) {
                Some(other) => self.choose(mask, value, other),
                None => value.clone(),
            };
            merged.insert(*key, value);
        }
        merged
    }

    /// `liveness` of a called function.
    pub(super) fn liveness_of(func: &Func) -> Rc<LiveAfter> {
        Rc::new(liveness::after_loops(func))
    }

    /// `a op b` of two `Int`s.
    pub(super) fn int_of(&mut self, op: IntOp, a: &Linear, b: &Linear) -> Linear {
        let (a, b) = (a.first(&mut self.graph), b.first(&mut self.graph));
        Linear::int(self.graph.int_binary(op, a, b))
    }
}
