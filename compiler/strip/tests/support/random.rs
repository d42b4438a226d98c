//! Random strips with random arrays for them.
//!
//! A strip's result must not depend on how its iterations are cut into blocks (unless it pins its lanes), so what differs between
//! lane counts never reaches a result: numbers of lanes are only used as numbers of iterations, `any` only decides whether
//! masked work is skipped, carried values are only combined, and what a NaN looks like is hidden before its bits are taken.

mod carried;
mod memory;
mod ops;
pub mod small;
pub mod streams;

use super::rng::Rng;
use kjit_strip::build::Builder;
use kjit_strip::ir::{Binary, Combine, Compare, Convert, Elem, IntOp, Op, Strip, Ty, Value};

/// A strip and what it wants in its frame.
pub struct Case {
    pub strip: Strip,
    pub arrays: Vec<Array>,
    /// Words with any number: `(word, content)`.
    pub scalars: Vec<(u32, u64)>,
    /// Words that receive results.
    pub outputs: Vec<(u32, Ty)>,
}

/// An array that a strip uses.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    /// The word with its address.
    pub word: u32,
    pub elem: Elem,
    pub role: Role,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Role {
    /// Element `i` belongs to iteration `i`; that many more before and behind.
    Line { before: u32, behind: u32 },
    /// The same with a distance in bytes, in the word given; `backwards`: that of the element before, which the strip knows.
    Strided { step_word: u32, may_overlap: bool, backwards: bool },
    /// That many elements, a power of two, for any iteration.
    Table { len: u32 },
    /// Only as many elements as the word says, which is less than the iterations.
    Limited { limit_word: u32 },
    /// Zeros, but at the iteration where the strip is to stop.
    Flags,
}

/// The contents of a case's arrays for a number of iterations.
pub struct Instance {
    pub n: u64,
    /// For each array its bytes and where in them the address points.
    pub arrays: Vec<(Vec<u8>, u64)>,
    /// The frame, without the addresses.
    pub frame: Vec<u64>,
}

impl Case {
    /// Stores may go around the caches, if iterations may be done again: always, in long runs, or never.
    pub fn let_stream(&mut self, rng: &mut Rng) {
        if self.strip.repeatable && self.strip.streams.is_none() {
            let word = self.strip.words;
            self.strip.words += 1;
            self.strip.streams = Some(word);
            self.scalars.push((word, rng.pick(&[0, 0, 0, 40, 150, i64::MAX as u64])));
        }
    }

    /// Fills the arrays; the flags stop the strip at iteration `fault`.
    pub fn instance(&self, rng: &mut Rng, n: u64, fault: Option<u64>) -> Instance {
        let mut frame = vec![0xdead_0000_0000_dead; self.strip.words as usize];
        for &(word, content) in &self.scalars {
            frame[word as usize] = content;
        }
        let mut arrays = Vec::new();
        for array in &self.arrays {
            let size = u64::from(array.elem.bytes());
            let fill = |rng: &mut Rng, count: u64| -> Vec<u8> {
                (0..count)
                    .flat_map(|_| element(rng, array.elem).to_le_bytes().into_iter().take(size as usize))
                    .collect()
            };
            arrays.push(match array.role {
                Role::Line { before, behind } => {
                    let count = if n == 0 { 0 } else { n + u64::from(before + behind) };
                    (fill(rng, count), if n == 0 { 0 } else { u64::from(before) * size })
                }
                Role::Strided { step_word, may_overlap, backwards } => {
                    let step = rng.pick(&[size as i64, -(size as i64), 3, 5, 8, 16, 24, -40, 64, -8, 136]);
                    let step = if may_overlap && rng.one_in(6) { rng.pick(&[0, 1, -1, 2]) } else { step };
                    let step =
                        if !may_overlap && step.unsigned_abs() < size { 2 * size as i64 } else { step };
                    let step = if backwards { -(size as i64) } else { step };
                    frame[step_word as usize] = step as u64;
                    let count = if n == 0 { 0 } else { (n - 1) * step.unsigned_abs() + size };
                    // Elements may straddle the pattern; each gets a sensible value first.
                    let mut bytes = vec![0x5a; count as usize];
                    let origin = if step < 0 && n > 0 { (n - 1) * step.unsigned_abs() } else { 0 };
                    for iteration in 0..n {
                        let at = origin.wrapping_add_signed(step * iteration as i64) as usize;
                        let word = element(rng, array.elem).to_le_bytes();
                        bytes[at..at + size as usize].copy_from_slice(&word[..size as usize]);
                    }
                    (bytes, origin)
                }
                Role::Table { len } => (fill(rng, u64::from(len)), 0),
                Role::Limited { limit_word } => {
                    let limit = rng.below(n as usize + 1) as u64;
                    frame[limit_word as usize] = limit;
                    (fill(rng, limit), 0)
                }
                Role::Flags => {
                    let mut flags = vec![0; n as usize];
                    if let Some(fault) = fault.filter(|&fault| fault < n) {
                        flags[fault as usize] = 1;
                    }
                    (flags, 0)
                }
            });
        }
        Instance { n, arrays, frame }
    }
}

/// The bits of a random element: often small, sometimes special.
fn element(rng: &mut Rng, elem: Elem) -> u64 {
    match elem {
        Elem::Bool => [0, 0, 1, 1, 1, 2, 0x80, 0xff][rng.below(8)],
        Elem::F64 => float(rng).to_bits(),
        Elem::F32 => u64::from((float(rng) as f32).to_bits()),
        Elem::I8 | Elem::U8 | Elem::I16 | Elem::U16 | Elem::I32 | Elem::U32 | Elem::I64 | Elem::U64 => {
            match rng.below(4) {
                0 => rng.word(),
                1 => rng.pick(&[
                    0,
                    1,
                    u64::MAX,
                    1 << 63,
                    i64::MAX as u64,
                    0x8000_0000,
                    0x7fff_ffff,
                    0xff,
                    0x80,
                ]),
                _ => (rng.below(41) as i64 - 20) as u64,
            }
        }
    }
}

fn float(rng: &mut Rng) -> f64 {
    match rng.below(12) {
        0 => rng.pick(&[
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MIN_POSITIVE,
            5e-324,
            -1e-310,
            f64::MAX,
            9.3e18,
            -9.3e18,
            1e-45,
            4_503_599_627_370_497.5,
        ]),
        1 => f64::from_bits(rng.word()),
        2 => rng.below(21) as f64 - 10.0,
        3 => (rng.below(41) as f64 - 20.0) / 2.0,
        _ => ((rng.word() >> 11) as f64 / (1_u64 << 53) as f64 - 0.4) * 8.0,
    }
}

/// A random strip.
pub fn case(rng: &mut Rng) -> Case {
    let styles: [&[Ty]; 6] = [
        &[Ty::F64, Ty::F64, Ty::F64, Ty::F64, Ty::Mask],
        &[Ty::F32, Ty::F32, Ty::F32, Ty::F32, Ty::Mask],
        &[Ty::F64, Ty::F64, Ty::I64, Ty::Mask],
        &[Ty::I64, Ty::I64, Ty::I32, Ty::Mask],
        &[Ty::F64, Ty::F32, Ty::I64, Ty::I32, Ty::Mask],
        &[Ty::F64, Ty::F32, Ty::I64, Ty::I32, Ty::Mask, Ty::Int, Ty::Test],
    ];
    let style = rng.pick(&styles);
    let pinned = rng.one_in(6);
    let small = rng.one_in(3);
    // Arrays are read or stored to, never both.
    let repeatable = !rng.one_in(3);
    // What is updated is not updated again.
    let updates = !repeatable || rng.one_in(4);
    let mut generator = Generator {
        rng,
        b: Builder::new("random"),
        words: 0,
        arrays: Vec::new(),
        scalars: Vec::new(),
        outputs: Vec::new(),
        pool: Vec::new(),
        style,
        pinned,
        small,
        mask: None,
        depth: 0,
        may_fault: true,
        may_store: false,
        updates,
    };
    generator.all();
    let Generator { b, arrays, scalars, outputs, words, .. } = generator;
    let mut strip = b.finish();
    strip.words = strip.words.max(words);
    let minds = |combine: Combine| {
        combine.is_in_order() || matches!(combine, Combine::Add | Combine::Mul | Combine::Xor | Combine::Each)
    };
    strip.repeatable =
        repeatable && !updates && strip.lanes.is_none() && !strip.carried.iter().any(|c| minds(c.combine));
    let mut case = Case { strip, arrays, scalars, outputs };
    if rng.one_in(2) {
        case.let_stream(rng);
    }
    case
}

struct Generator<'a> {
    rng: &'a mut Rng,
    b: Builder,
    words: u32,
    arrays: Vec<Array>,
    scalars: Vec<(u32, u64)>,
    outputs: Vec<(u32, Ty)>,
    /// What may be used here; `Int`s and `Test`s in it do not depend on the block.
    pool: Vec<Value>,
    style: &'static [Ty],
    pinned: bool,
    /// Most 64-bit integers are small ones.
    small: bool,
    /// The lanes that are still in the loops around.
    mask: Option<Value>,
    depth: u32,
    may_fault: bool,
    may_store: bool,
    updates: bool,
}

impl Generator<'_> {
    fn all(&mut self) {
        if self.pinned {
            let lanes = self.rng.pick(&[16, 16, 32, 64]);
            self.b.pin_lanes(lanes);
        }
        for _ in 0..2 {
            self.inputs();
        }
        if self.rng.one_in(3) {
            self.setup_only();
        }
        let carried = self.carried_params();
        let size = self.rng.pick(&[2, 4, 8, 12, 20, 40]);
        self.work(size);
        let with_faults = self.rng.one_in(3);
        if with_faults {
            self.planted_fault();
        }
        self.may_fault = false;
        if self.rng.one_in(4) {
            self.narrow_store();
        }
        self.may_store = true;
        self.work(size / 2);
        let stores = 1 + self.rng.below(3);
        for _ in 0..stores {
            if self.updates && self.rng.one_in(2) {
                self.update();
            } else {
                self.store();
            }
        }
        self.carried_nexts(&carried);
    }

    fn new_word(&mut self) -> u32 {
        self.words += 1;
        self.words - 1
    }

    fn array(&mut self, elem: Elem, role: Role) -> Value {
        let word = self.new_word();
        self.arrays.push(Array { word, elem, role });
        self.b.word(word)
    }

    fn keep(&mut self, value: Value) -> Value {
        self.pool.push(value);
        value
    }

    fn lane_ty(&mut self) -> Ty {
        loop {
            let ty = self.rng.pick(self.style);
            if !matches!(ty, Ty::Int | Ty::Test) {
                return ty;
            }
        }
    }

    fn inputs(&mut self) {
        let ty = self.lane_ty();
        let value = self.load(ty);
        self.keep(value);
        let (word, content) = (self.new_word(), element(self.rng, Elem::F64));
        self.scalars.push((word, content));
        if ty != Ty::Mask {
            let value = self.b.word_lanes(ty, word);
            self.keep(value);
        }
        let (word, content) = (self.new_word(), element(self.rng, Elem::I64));
        self.scalars.push((word, content));
        let value = self.b.word(word);
        self.keep(value);
    }

    /// Computations outside of the blocks.
    fn setup_only(&mut self) {
        let (a, b) = (self.b.int(3), self.b.int(40));
        let sum = self.b.define_in_setup(Ty::Int, Op::IntBinary(IntOp::Mul, a, b));
        let test = self.b.define_in_setup(Ty::Test, Op::IntCompare(Compare::Lt, a, sum));
        let lanes = self.b.define_in_setup(Ty::I64, Op::Broadcast(sum));
        let mask = self.b.define_in_setup(Ty::Mask, Op::TestLanes(test));
        let one = self.b.i64(1);
        let product = self.b.define_in_setup(Ty::I64, Op::Binary(Binary::Sub, lanes, one));
        let chosen = self.b.define_in_setup(Ty::I64, Op::Select { mask, then: product, orelse: lanes });
        let float = self.b.define_in_setup(Ty::F64, Op::Convert(Convert::IntToFloat, chosen));
        self.pool.extend([sum, test, lanes, mask, chosen, float]);
    }

    fn work(&mut self, count: usize) {
        for _ in 0..count {
            match self.rng.below(24) {
                0 if self.depth < 2 => self.counted_loop(),
                1 if self.depth < 2 => self.masked_loop(),
                2 if self.depth < 2 => self.uniform_branch(),
                3 if self.depth < 2 => self.masked_branch(),
                _ => {
                    let ty = self.rng.pick(self.style);
                    let value = self.op(ty);
                    self.keep(value);
                }
            }
        }
    }

    /// Something of the type.
    fn any(&mut self, ty: Ty) -> Value {
        let fitting: Vec<Value> = self.pool.iter().copied().filter(|&value| self.b.ty(value) == ty).collect();
        if !fitting.is_empty() && !self.rng.one_in(8) {
            // Rather a late one.
            let back = self.rng.below(fitting.len()).min(self.rng.below(fitting.len()));
            return fitting[fitting.len() - 1 - back];
        }
        let bits = |rng: &mut Rng, elem| element(rng, elem);
        match ty {
            Ty::Int => {
                let value = self.rng.below(200) as i64 - 100;
                self.b.int(value)
            }
            Ty::Test => self.op(Ty::Test),
            Ty::F64 | Ty::I64 => {
                let bits = bits(self.rng, if ty == Ty::F64 { Elem::F64 } else { Elem::I64 });
                self.b.bits(ty, bits)
            }
            Ty::I16 | Ty::I8 => {
                let bits = bits(self.rng, Elem::U8);
                self.b.bits(ty, bits & 0xff)
            }
            Ty::F32 | Ty::I32 => {
                let bits = bits(self.rng, if ty == Ty::F32 { Elem::F32 } else { Elem::U32 });
                self.b.bits(ty, bits & 0xffff_ffff)
            }
            Ty::Mask => {
                if self.rng.one_in(3) {
                    let is_set = self.rng.one_in(2);
                    self.b.mask(is_set)
                } else {
                    self.op(Ty::Mask)
                }
            }
        }
    }

    fn planted_fault(&mut self) {
        let base = self.array(Elem::Bool, Role::Flags);
        let place = self.b.element_of_block(Elem::Bool, base);
        let mut mask = self.b.load(Ty::Mask, Elem::Bool, place);
        if let Some(live) = self.mask {
            mask = self.b.and(mask, live);
        }
        self.b.fault(mask);
    }

    /// What may be done in a region besides computing.
    fn effects(&mut self) {
        if self.may_fault && self.rng.one_in(5) {
            self.planted_fault();
        }
        if self.may_store && self.rng.one_in(4) {
            if self.updates && self.rng.one_in(3) {
                self.update();
            } else {
                self.store();
            }
        }
    }

    /// Computes something inside and forgets what was only known there.
    fn inside(&mut self, count: usize, known: &[Value]) {
        self.pool.extend(known);
        self.depth += 1;
        self.effects();
        self.work(count);
        self.depth -= 1;
    }

    /// `for k in 0 .. count`
    fn counted_loop(&mut self) {
        let (some, most) = (self.any(Ty::Int), self.b.int(3));
        let count = self.b.int_binary(IntOp::And, some, most);
        let zero = self.b.int(0);
        let mut inits = vec![zero];
        for _ in 0..self.rng.below(4) {
            let ty = self.lane_ty();
            inits.push(self.any(ty));
        }
        let mark = self.pool.len();
        let params = self.b.begin_loop(&inits);
        let cond = self.b.int_compare(Compare::Lt, params[0], count);
        self.b.begin_round(cond);
        let size = 1 + self.rng.below(6);
        self.inside(size, &params);
        let one = self.b.int(1);
        let mut nexts = vec![self.b.int_add(params[0], one)];
        for &param in &params[1..] {
            let ty = self.b.ty(param);
            nexts.push(self.any(ty));
        }
        // Constants and words are in the setup, everything else ends here.
        self.pool.truncate(mark);
        let results = self.b.end_loop(&nexts);
        self.pool.extend(results);
    }

    /// Each lane does as many rounds as it wants; the others wait.
    fn masked_loop(&mut self) {
        let (some, most) = (self.any(Ty::I64), self.b.i64(5));
        let limit = self.b.and(some, most);
        let (none, start) = (self.b.i64(0), self.b.int(0));
        let mut inits = vec![none, start];
        for _ in 0..1 + self.rng.below(3) {
            let ty = self.lane_ty();
            inits.push(self.any(ty));
        }
        let mark = self.pool.len();
        let params = self.b.begin_loop(&inits);
        let mut live = self.b.compare(Compare::Lt, params[0], limit);
        if let Some(outer) = self.mask {
            live = self.b.and(live, outer);
        }
        let cond = self.b.any(live);
        self.b.begin_round(cond);
        let outer = self.mask.replace(live);
        let size = 1 + self.rng.below(6);
        let known: Vec<Value> = params.iter().copied().filter(|&param| self.b.ty(param) != Ty::Int).collect();
        self.inside(size, &known);
        self.mask = outer;
        let (one, int_one) = (self.b.i64(1), self.b.int(1));
        let mut nexts = Vec::new();
        for &param in &params {
            let ty = self.b.ty(param);
            if ty == Ty::Int {
                nexts.push(self.b.int_add(param, int_one));
                continue;
            }
            let next = if param == params[0] { self.b.add(param, one) } else { self.any(ty) };
            nexts.push(self.b.select(live, next, param));
        }
        self.pool.truncate(mark);
        let results = self.b.end_loop(&nexts);
        for result in results {
            // The number of rounds depends on the other lanes.
            if self.b.ty(result) != Ty::Int {
                self.pool.push(result);
            }
        }
    }

    fn uniform_branch(&mut self) {
        let cond = self.any(Ty::Test);
        let tys: Vec<Ty> = (0..1 + self.rng.below(3)).map(|_| self.lane_ty()).collect();
        let mark = self.pool.len();
        self.b.begin_branch(cond);
        let size = 1 + self.rng.below(5);
        self.inside(size, &[]);
        let results: Vec<Value> = tys.iter().map(|&ty| self.any(ty)).collect();
        self.pool.truncate(mark);
        self.b.begin_orelse(&results);
        let size = self.rng.below(5);
        // A fault after a store of the other side would be one after a store, in the order of the text.
        self.inside(size, &[]);
        let results: Vec<Value> = tys.iter().map(|&ty| self.any(ty)).collect();
        self.pool.truncate(mark);
        let results = self.b.end_branch(&results);
        self.pool.extend(results);
    }

    /// Work that is skipped if no lane wants it.
    fn masked_branch(&mut self) {
        let mut mask = self.any(Ty::Mask);
        if let Some(outer) = self.mask {
            mask = self.b.and(mask, outer);
        }
        let cond = self.b.any(mask);
        let tys: Vec<Ty> = (0..1 + self.rng.below(2)).map(|_| self.lane_ty()).collect();
        let olds: Vec<Value> = tys.iter().map(|&ty| self.any(ty)).collect();
        let mark = self.pool.len();
        self.b.begin_branch(cond);
        let outer = self.mask.replace(mask);
        let size = 1 + self.rng.below(5);
        self.inside(size, &[]);
        self.mask = outer;
        let mut results = Vec::new();
        for (&ty, &old) in tys.iter().zip(&olds) {
            let new = self.any(ty);
            results.push(self.b.select(mask, new, old));
        }
        self.pool.truncate(mark);
        self.b.begin_orelse(&results);
        let results = self.b.end_branch(&olds);
        self.pool.extend(results);
    }
}

/// A strip that copies one array to another of each element type, adding a constant where that makes sense: for tests of places.
pub fn copies(elem: Elem, ty: Ty) -> Case {
    let mut b = Builder::new("copy");
    let (from, to) = (b.word(0), b.word(1));
    // Doubles to integers: lanes that do not become narrower.
    let is_cut = ty == Ty::F64 && elem != Elem::F64;
    let from_elem = if is_cut { Elem::F64 } else { elem };
    let place = b.element_of_block(from_elem, from);
    let value = b.load(ty, from_elem, place);
    let value = match ty {
        _ if is_cut => b.convert(Convert::FloatToInt, value, Ty::I64),
        Ty::Mask => b.not(value),
        Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Int | Ty::Test => b.add(value, value),
    };
    let place = b.element_of_block(elem, to);
    b.store(elem, place, value);
    let role = Role::Line { before: 0, behind: 0 };
    Case {
        strip: b.finish(),
        arrays: vec![Array { word: 0, elem: from_elem, role }, Array { word: 1, elem, role }],
        scalars: Vec::new(),
        outputs: Vec::new(),
    }
}
