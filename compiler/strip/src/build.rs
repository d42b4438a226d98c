//! Writes strips: typed methods, shared constants, loops and branches by closures or by begin and end.
//!
//! ```
//! use kjit_strip::build::Builder;
//! use kjit_strip::ir::{Elem, Ty};
//!
//! // y[i] = a * x[i]; words: x, y, a
//! let mut b = Builder::new("scale");
//! let (x, y, a) = (b.word(0), b.word(1), b.word_lanes(Ty::F64, 2));
//! let (x, y) = (b.element_of_block(Elem::F64, x), b.element_of_block(Elem::F64, y));
//! let loaded = b.load(Ty::F64, Elem::F64, x);
//! let scaled = b.mul(a, loaded);
//! b.store(Elem::F64, y, scaled);
//! let strip = b.finish();
//! assert_eq!(kjit_strip::verify(&strip), Ok(()));
//! ```
//!
//! A wrong type panics nowhere here: `verify` finds it.

use crate::ir::{
    Binary, Branch, Carried, Combine, Compare, Convert, Elem, FmaKind, Inst, IntOp, Loop, Op, Phi, Place,
    Region, Shift, Step, Strip, TableId, Ty, Unary, UpdateOp, Value,
};
use rustc_hash::FxHashMap;

/// A strip being written. Instructions go to the end of the current region: the body at first.
pub struct Builder {
    strip: Strip,
    /// The body, and the regions open in it.
    regions: Vec<Region>,
    /// Loops and branches whose end is missing.
    open: Vec<Open>,
    /// What every call for the same thing gives again; defined in the setup.
    shared: FxHashMap<Shared, Value>,
}

#[derive(PartialEq, Eq, Hash)]
enum Shared {
    Int(i64),
    Const(Ty, u64),
    Word(u32),
    WordLanes(Ty, u32),
}

enum Open {
    /// In the head.
    Head {
        params: Vec<Value>,
        inits: Vec<Value>,
    },
    /// In the body.
    Round {
        params: Vec<Value>,
        inits: Vec<Value>,
        head: Region,
        cond: Value,
    },
    Then {
        cond: Value,
    },
    Orelse {
        cond: Value,
        then: Region,
        then_results: Vec<Value>,
    },
}

impl Builder {
    /// An empty strip.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Builder {
        Builder {
            strip: Strip::new(name),
            regions: vec![Region::new()],
            open: Vec::new(),
            shared: FxHashMap::default(),
        }
    }

    /// The strip.
    ///
    /// # Panics
    /// If a loop or branch has no end.
    #[must_use]
    pub fn finish(mut self) -> Strip {
        assert!(self.open.is_empty(), "a loop or branch has no end");
        self.strip.body = self.regions.pop().unwrap_or_default();
        self.strip
    }

    /// The strip so far, without its body.
    #[must_use]
    pub fn strip(&self) -> &Strip {
        &self.strip
    }

    /// The type of a value.
    #[must_use]
    pub fn ty(&self, value: Value) -> Ty {
        self.strip.values[value]
    }

    /// Pins the number of lanes.
    pub fn pin_lanes(&mut self, lanes: u32) {
        self.strip.lanes = Some(lanes);
    }

    /// Says that iterations may be done again.
    pub fn make_repeatable(&mut self) {
        self.strip.repeatable = true;
    }

    /// Says that stores may go around the caches, from as many iterations on as the word says. The strip is repeatable.
    pub fn make_stream(&mut self, word: u32) {
        self.reserve_words(word + 1);
        self.strip.streams = Some(word);
    }

    /// Makes the frame at least that many words; `word`, `word_lanes` and `carry` do so themselves.
    pub fn reserve_words(&mut self, words: u32) {
        self.strip.words = self.strip.words.max(words);
    }

    /// A table for [`Builder::lookup`]; equal ones are one.
    pub fn table(&mut self, words: &[u64]) -> TableId {
        match self.strip.tables.iter().find(|(_, known)| *known == words) {
            Some((table, _)) => table,
            None => self.strip.tables.push(words.to_vec()),
        }
    }

    // Definitions.

    /// Any operation, here.
    pub fn define(&mut self, ty: Ty, op: Op) -> Value {
        let value = self.strip.values.push(ty);
        self.push(Inst::Let { value, op });
        value
    }

    /// Any operation, in the setup.
    pub fn define_in_setup(&mut self, ty: Ty, op: Op) -> Value {
        let value = self.strip.values.push(ty);
        self.strip.setup.push(Inst::Let { value, op });
        value
    }

    fn shared(&mut self, key: Shared, ty: Ty, op: Op) -> Value {
        if let Some(&value) = self.shared.get(&key) {
            return value;
        }
        let value = self.define_in_setup(ty, op);
        self.shared.insert(key, value);
        value
    }

    fn push(&mut self, inst: Inst) {
        if let Some(region) = self.regions.last_mut() {
            region.push(inst);
        }
    }

    // Constants and words, in the setup.

    /// A constant `Int`.
    pub fn int(&mut self, value: i64) -> Value {
        self.shared(Shared::Int(value), Ty::Int, Op::Int(value))
    }

    /// A constant in every lane, by its bits.
    pub fn bits(&mut self, ty: Ty, bits: u64) -> Value {
        self.shared(Shared::Const(ty, bits), ty, Op::Const(bits))
    }

    /// A constant in every lane.
    pub fn f64(&mut self, value: f64) -> Value {
        self.bits(Ty::F64, value.to_bits())
    }

    /// A constant in every lane.
    pub fn f32(&mut self, value: f32) -> Value {
        self.bits(Ty::F32, u64::from(value.to_bits()))
    }

    /// A constant in every lane.
    pub fn i64(&mut self, value: i64) -> Value {
        self.bits(Ty::I64, value as u64)
    }

    /// A constant in every lane.
    pub fn i32(&mut self, value: i32) -> Value {
        self.bits(Ty::I32, u64::from(value as u32))
    }

    /// A constant in every lane.
    pub fn mask(&mut self, value: bool) -> Value {
        self.bits(Ty::Mask, u64::from(value))
    }

    /// A word of the frame as an `Int`.
    pub fn word(&mut self, word: u32) -> Value {
        self.reserve_words(word + 1);
        self.shared(Shared::Word(word), Ty::Int, Op::Word(word))
    }

    /// A word of the frame in every lane.
    pub fn word_lanes(&mut self, ty: Ty, word: u32) -> Value {
        self.reserve_words(word + 1);
        self.shared(Shared::WordLanes(ty, word), ty, Op::WordLanes(word))
    }

    // One value for the block.

    /// Arithmetic of `Int`s.
    pub fn int_binary(&mut self, op: IntOp, a: Value, b: Value) -> Value {
        self.define(Ty::Int, Op::IntBinary(op, a, b))
    }

    /// `a + b` of `Int`s.
    pub fn int_add(&mut self, a: Value, b: Value) -> Value {
        self.int_binary(IntOp::Add, a, b)
    }

    /// `a * b` of `Int`s.
    pub fn int_mul(&mut self, a: Value, b: Value) -> Value {
        self.int_binary(IntOp::Mul, a, b)
    }

    /// Comparison of `Int`s.
    pub fn int_compare(&mut self, op: Compare, a: Value, b: Value) -> Value {
        self.define(Ty::Test, Op::IntCompare(op, a, b))
    }

    /// An integer element for the whole block.
    pub fn int_load(&mut self, elem: Elem, address: Value, disp: i32) -> Value {
        self.define(Ty::Int, Op::IntLoad { elem, address, disp })
    }

    /// The iteration number of lane 0.
    pub fn first(&mut self) -> Value {
        self.define(Ty::Int, Op::First)
    }

    /// Does the mask hold for an active lane?
    pub fn any(&mut self, mask: Value) -> Value {
        self.define(Ty::Test, Op::Any(mask))
    }

    // Places.

    /// Contiguous elements from an address on.
    #[must_use]
    pub fn line(address: Value, disp: i32) -> Place {
        Place::Line { address, disp, step: Step::One }
    }

    /// The block's elements of an array of neighbours that starts at `base`: `base + first * size`.
    pub fn element_of_block(&mut self, elem: Elem, base: Value) -> Place {
        let first = self.first();
        let shift = self.int(i64::from(elem.bytes().trailing_zeros()));
        let bytes = if elem.bytes() == 1 { first } else { self.int_binary(IntOp::Shl, first, shift) };
        Builder::line(self.int_add(base, bytes), 0)
    }

    /// The same with a distance of `step` bytes (`Int`).
    pub fn strided_of_block(&mut self, base: Value, step: Value) -> Place {
        let first = self.first();
        let bytes = self.int_mul(first, step);
        Place::Line { address: self.int_add(base, bytes), disp: 0, step: Step::Bytes(step) }
    }

    // One value per lane.

    /// An `Int` in every lane: `I64`.
    pub fn broadcast(&mut self, a: Value) -> Value {
        self.define(Ty::I64, Op::Broadcast(a))
    }

    /// A `Test` in every lane.
    pub fn test_lanes(&mut self, a: Value) -> Value {
        self.define(Ty::Mask, Op::TestLanes(a))
    }

    /// The number of each lane's iteration: `I64`.
    pub fn iteration(&mut self) -> Value {
        let first = self.first();
        let first = self.broadcast(first);
        let lane = self.define(Ty::I64, Op::LaneNumber);
        self.add(first, lane)
    }

    /// Which lanes are active.
    pub fn active(&mut self) -> Value {
        self.define(Ty::Mask, Op::Active)
    }

    /// Elements of the active lanes.
    pub fn load(&mut self, ty: Ty, elem: Elem, place: Place) -> Value {
        self.define(ty, Op::Load { elem, place, mask: None })
    }

    /// Elements of the active lanes that are in the mask.
    pub fn load_if(&mut self, ty: Ty, elem: Elem, place: Place, mask: Value) -> Value {
        self.define(ty, Op::Load { elem, place, mask: Some(mask) })
    }

    /// `table[index]`: `F64` or `I64`.
    pub fn lookup(&mut self, ty: Ty, table: TableId, index: Value) -> Value {
        self.define(ty, Op::Lookup { table, index })
    }

    /// An operation of one operand.
    pub fn unary(&mut self, op: Unary, a: Value) -> Value {
        self.define(self.ty(a), Op::Unary(op, a))
    }

    /// An operation of two operands.
    pub fn binary(&mut self, op: Binary, a: Value, b: Value) -> Value {
        self.define(self.ty(a), Op::Binary(op, a, b))
    }

    /// `a + b`.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Add, a, b)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Sub, a, b)
    }

    /// `a * b`.
    pub fn mul(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Mul, a, b)
    }

    /// `a / b`.
    pub fn div(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Div, a, b)
    }

    /// `a & b`.
    pub fn and(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::And, a, b)
    }

    /// `a | b`.
    pub fn or(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Or, a, b)
    }

    /// A mask or integer inverted.
    pub fn not(&mut self, a: Value) -> Value {
        self.unary(Unary::Not, a)
    }

    /// A shift by a constant.
    pub fn shift(&mut self, op: Shift, a: Value, count: u8) -> Value {
        self.define(self.ty(a), Op::Shift(op, a, count))
    }

    /// A fused multiply-add.
    pub fn fma(&mut self, kind: FmaKind, a: Value, b: Value, c: Value) -> Value {
        self.define(self.ty(a), Op::Fma(kind, a, b, c))
    }

    /// A comparison of lanes.
    pub fn compare(&mut self, op: Compare, a: Value, b: Value) -> Value {
        self.define(Ty::Mask, Op::Compare(op, a, b))
    }

    /// `then` where the mask holds, else `orelse`.
    pub fn select(&mut self, mask: Value, then: Value, orelse: Value) -> Value {
        self.define(self.ty(then), Op::Select { mask, then, orelse })
    }

    /// A conversion.
    pub fn convert(&mut self, convert: Convert, a: Value, to: Ty) -> Value {
        self.define(to, Op::Convert(convert, a))
    }

    // Effects.

    /// Stores the active lanes.
    pub fn store(&mut self, elem: Elem, place: Place, value: Value) {
        self.push(Inst::Store { elem, place, value, mask: None });
    }

    /// Stores the active lanes that are in the mask.
    pub fn store_if(&mut self, elem: Elem, place: Place, value: Value, mask: Value) {
        self.push(Inst::Store { elem, place, value, mask: Some(mask) });
    }

    /// Updates the elements of the active lanes, one after the other.
    pub fn update(&mut self, elem: Elem, place: Place, op: UpdateOp, value: Value, mask: Option<Value>) {
        self.push(Inst::Update { elem, place, op, value, mask });
    }

    /// Leaves the strip if the mask holds for an active lane.
    pub fn fault(&mut self, mask: Value) {
        self.push(Inst::Fault { mask });
    }

    // From block to block.

    /// A value carried from block to block; gives its value at the start of the block. Without [`Builder::set_next`] it stays what it is.
    pub fn carry(&mut self, init: Value, combine: Combine, word: u32) -> Value {
        self.reserve_words(word + 1);
        let param = self.strip.values.push(self.ty(init));
        self.strip.carried.push(Carried { param, init, next: param, combine, word });
        param
    }

    /// Says what a carried value is after the block.
    pub fn set_next(&mut self, param: Value, next: Value) {
        if let Some(carried) = self.strip.carried.iter_mut().find(|carried| carried.param == param) {
            carried.next = next;
        }
    }

    // Loops and branches.

    /// Opens a loop and gives its parameters; what follows is its head.
    pub fn begin_loop(&mut self, inits: &[Value]) -> Vec<Value> {
        let params: Vec<Value> =
            inits.iter().map(|&init| self.strip.values.push(self.strip.values[init])).collect();
        self.open.push(Open::Head { params: params.clone(), inits: inits.to_vec() });
        self.regions.push(Region::new());
        params
    }

    /// Ends the head: the loop goes on if `cond`; what follows is its body.
    ///
    /// # Panics
    /// Not in the head of a loop.
    pub fn begin_round(&mut self, cond: Value) {
        let (Some(Open::Head { params, inits }), Some(head)) = (self.open.pop(), self.regions.pop()) else {
            panic!("no loop begins here");
        };
        self.open.push(Open::Round { params, inits, head, cond });
        self.regions.push(Region::new());
    }

    /// Ends the loop and gives its results.
    ///
    /// # Panics
    /// Not in the body of a loop.
    pub fn end_loop(&mut self, nexts: &[Value]) -> Vec<Value> {
        let (Some(Open::Round { params, inits, head, cond }), Some(body)) =
            (self.open.pop(), self.regions.pop())
        else {
            panic!("no loop ends here");
        };
        assert_eq!(nexts.len(), params.len(), "values of a loop");
        let mut carried = Vec::new();
        for ((&param, &init), &next) in params.iter().zip(&inits).zip(nexts) {
            let result = self.strip.values.push(self.ty(param));
            carried.push(Phi { param, init, next, result });
        }
        let results = carried.iter().map(|phi| phi.result).collect();
        self.push(Inst::Loop(Box::new(Loop { carried, head, cond, body })));
        results
    }

    /// Opens a branch; what follows is its first region.
    pub fn begin_branch(&mut self, cond: Value) {
        self.open.push(Open::Then { cond });
        self.regions.push(Region::new());
    }

    /// Ends the first region; what follows is the second.
    ///
    /// # Panics
    /// Not in the first region of a branch.
    pub fn begin_orelse(&mut self, results: &[Value]) {
        let (Some(Open::Then { cond }), Some(then)) = (self.open.pop(), self.regions.pop()) else {
            panic!("no branch is open here");
        };
        self.open.push(Open::Orelse { cond, then, then_results: results.to_vec() });
        self.regions.push(Region::new());
    }

    /// Ends the branch and gives its results.
    ///
    /// # Panics
    /// Not in the second region of a branch.
    pub fn end_branch(&mut self, results: &[Value]) -> Vec<Value> {
        let (Some(Open::Orelse { cond, then, then_results }), Some(orelse)) =
            (self.open.pop(), self.regions.pop())
        else {
            panic!("no branch ends here");
        };
        assert_eq!(results.len(), then_results.len(), "values of a branch");
        let results: Vec<(Value, Value, Value)> = then_results
            .iter()
            .zip(results)
            .map(|(&then, &orelse)| (self.strip.values.push(self.strip.values[then]), then, orelse))
            .collect();
        let given = results.iter().map(|&(result, _, _)| result).collect();
        self.push(Inst::Branch(Box::new(Branch { cond, then, orelse, results })));
        given
    }

    /// A loop: `head` gives the condition from the parameters, `body` the next values.
    pub fn loop_while(
        &mut self,
        inits: &[Value],
        head: impl FnOnce(&mut Builder, &[Value]) -> Value,
        body: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let params = self.begin_loop(inits);
        let cond = head(self, &params);
        self.begin_round(cond);
        let nexts = body(self, &params);
        self.end_loop(&nexts)
    }

    /// A branch: both closures give as many values.
    pub fn branch(
        &mut self,
        cond: Value,
        then: impl FnOnce(&mut Builder) -> Vec<Value>,
        orelse: impl FnOnce(&mut Builder) -> Vec<Value>,
    ) -> Vec<Value> {
        self.begin_branch(cond);
        let results = then(self);
        self.begin_orelse(&results);
        let results = orelse(self);
        self.end_branch(&results)
    }
}
