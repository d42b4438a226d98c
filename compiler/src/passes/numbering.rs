//! Numbers for values: two expressions with the same number have the same value, wherever they stand.
//!
//! ```text
//! a = x[i] + 1.0         x[i] is number 7
//! y[0] = a               (`y` may be `x`: its memory has a new number)
//! b = x[i]               x[i] is number 9
//! j = i
//! c = x[j]               number 9
//! ```
//!
//! A number is that of an operator with the numbers of its operands; of a variable, that of what it was last set to; of an element,
//! made from its place and from the state of the memory that the array may show. The caller walks the function in the order of the
//! text, tells what each statement changed, and where branches and loops begin and end. Reads only. Conservative: a store changes
//! all memory that the array may show; after a branch or a loop nothing is known of what it assigned.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::analysis::alias::Aliases;
use crate::base::SecondaryMap;
use crate::ir::walk;
use crate::ir::{ArrayId, ArrayValue, ExprId, ExprKind, Func, LocalId, Place, Stmt, Target};

/// The name of a value.
pub(super) type Number = u32;

/// An operator and the numbers of its operands.
type Key = SmallVec<[u32; 8]>;

/// What a statement may change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Slot {
    /// A scalar variable.
    Local(LocalId),
    /// Address and shape of an array variable.
    Binding(ArrayId),
    /// Elements; see [`Aliases::memories`].
    Memory(u32),
}

/// The values at one point of a function.
pub(super) struct Numbers {
    aliases: Aliases,
    numbers: FxHashMap<Key, Number>,
    last: Number,
    /// Of expressions, from when they were last visited.
    exprs: SecondaryMap<ExprId, Number>,
    locals: SecondaryMap<LocalId, Number>,
    bindings: SecondaryMap<ArrayId, Number>,
    memories: FxHashMap<u32, Number>,
    /// What was changed, and the number before: branches are taken back.
    log: Vec<(Slot, Number)>,
}

/// A point in the walk to come back to.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

/// What changed since a mark.
pub(super) struct Changes(Vec<Slot>);

impl Numbers {
    /// At the function's beginning.
    pub(super) fn new(func: &Func) -> Numbers {
        Numbers {
            aliases: Aliases::new(func),
            numbers: FxHashMap::default(),
            last: 0,
            exprs: SecondaryMap::new(),
            locals: SecondaryMap::new(),
            bindings: SecondaryMap::new(),
            memories: FxHashMap::default(),
            log: Vec::new(),
        }
    }

    /// The number of a variable's present value.
    pub(super) fn local(&mut self, local: LocalId) -> Number {
        if self.locals[local] == 0 {
            self.locals[local] = self.fresh();
        }
        self.locals[local]
    }

    /// The variable is new and holds that value from its only assignment on.
    pub(super) fn declare(&mut self, local: LocalId, number: Number) {
        self.locals[local] = number;
    }

    /// The number of an array variable's present address and shape.
    pub(super) fn binding(&self, array: ArrayId) -> Number {
        self.bindings[array]
    }

    /// The number that [`Numbers::visit`] gave an expression.
    pub(super) fn of(&self, expr: ExprId) -> Number {
        self.exprs[expr]
    }

    /// Numbers the expression and all in it, as of now.
    pub(super) fn visit(&mut self, func: &Func, id: ExprId) -> Number {
        let expr = &func.exprs[id];
        let mut operands = SmallVec::<[ExprId; 4]>::new();
        expr.kind.for_each_operand(|operand| operands.push(operand));
        let mut numbers = SmallVec::<[Number; 4]>::new();
        for &operand in &operands {
            numbers.push(self.visit(func, operand));
        }
        let ty = expr.ty as u32;
        let mut key: Key = match &expr.kind {
            ExprKind::Const(value) => Key::from_slice(&[0, ty, value.0 as u32, (value.0 >> 32) as u32]),
            ExprKind::Local(local) => {
                let number = self.local(*local);
                self.exprs[id] = number;
                return number;
            }
            ExprKind::Interrupted => {
                let number = self.fresh();
                self.exprs[id] = number;
                return number;
            }
            ExprKind::Load { array, place, lane } => self.element(*array, place, *lane),
            ExprKind::Dim { array, axis } => self.shape(1, *array, u32::from(*axis)),
            ExprKind::Stride { array, axis } => self.shape(2, *array, u32::from(*axis)),
            ExprKind::Base { array } => self.shape(3, *array, 0),
            ExprKind::Overlaps { a, b } => {
                let mut key = self.shape(4, *a, 0);
                key.extend_from_slice(&self.shape(4, *b, 0));
                key
            }
            ExprKind::Unary { op, .. } => Key::from_slice(&[5, ty, *op as u32]),
            ExprKind::Binary { op, .. } => Key::from_slice(&[6, ty, *op as u32]),
            ExprKind::Compare { op, .. } => Key::from_slice(&[7, ty, *op as u32]),
            ExprKind::Select { .. } => Key::from_slice(&[8, ty]),
            ExprKind::Cast { .. } => Key::from_slice(&[9, ty]),
            ExprKind::Wrap { .. } => Key::from_slice(&[10, ty]),
            ExprKind::Math1 { function, .. } => Key::from_slice(&[11, ty, *function as u32]),
            ExprKind::Math2 { function, .. } => Key::from_slice(&[12, ty, *function as u32]),
            ExprKind::Fma { .. } => Key::from_slice(&[13, ty]),
        };
        key.extend_from_slice(&numbers);
        let number = self.number(key);
        self.exprs[id] = number;
        number
    }

    fn fresh(&mut self) -> Number {
        self.last += 1;
        self.last
    }

    fn number(&mut self, key: Key) -> Number {
        let last = &mut self.last;
        *self.numbers.entry(key).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    fn shape(&self, tag: u32, array: ArrayId, axis: u32) -> Key {
        Key::from_slice(&[tag, array.as_u32(), self.bindings[array], axis])
    }

    /// The beginning of an element's key; the numbers of the place's expressions follow.
    fn element(&self, array: ArrayId, place: &Place, lane: u8) -> Key {
        let (tag, disp) = match place {
            Place::Index(_) => (14, 0),
            Place::Address { disp_bytes, .. } => (15, *disp_bytes as u32),
        };
        let mut key = self.shape(tag, array, u32::from(lane));
        key.push(disp);
        // As many for every key of the array, so keys of different elements differ.
        for memory in self.aliases.memories(array) {
            key.push(self.memories.get(&memory).copied().unwrap_or(0));
        }
        key
    }

    // Changes.

    fn get(&self, slot: Slot) -> Number {
        match slot {
            Slot::Local(local) => self.locals[local],
            Slot::Binding(array) => self.bindings[array],
            Slot::Memory(memory) => self.memories.get(&memory).copied().unwrap_or(0),
        }
    }

    fn put(&mut self, slot: Slot, number: Number) {
        match slot {
            Slot::Local(local) => self.locals[local] = number,
            Slot::Binding(array) => self.bindings[array] = number,
            Slot::Memory(memory) => {
                self.memories.insert(memory, number);
            }
        }
    }

    fn set(&mut self, slot: Slot, number: Number) {
        self.log.push((slot, self.get(slot)));
        self.put(slot, number);
    }

    fn renew(&mut self, slot: Slot) {
        let number = self.fresh();
        self.set(slot, number);
    }

    fn renew_memory(&mut self, array: ArrayId) {
        for memory in self.aliases.memories(array) {
            self.renew(Slot::Memory(memory));
        }
    }

    /// What a statement without blocks changes. Its expressions have been visited.
    pub(super) fn step(&mut self, func: &Func, stmt: &Stmt) {
        match stmt {
            Stmt::Set { local, value } => {
                let number = self.exprs[*value];
                self.set(Slot::Local(*local), number);
                return;
            }
            Stmt::Store { array, place, lane, value } => {
                self.renew_memory(*array);
                // What is loaded from there is what was stored.
                let mut key = self.element(*array, place, *lane);
                place.for_each_operand(|operand| key.push(self.exprs[operand]));
                self.numbers.insert(key, self.exprs[*value]);
                return;
            }
            Stmt::SetArray { array, value } => {
                self.renew(Slot::Binding(*array));
                if matches!(value, ArrayValue::Alloc { .. }) {
                    self.renew_memory(*array);
                }
                return;
            }
            Stmt::Release { array } => {
                self.renew(Slot::Binding(*array));
                return;
            }
            _ => {}
        }
        for array in walk::stored_arrays(func, std::slice::from_ref(stmt)).iter() {
            self.renew_memory(array);
        }
        match stmt {
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                for result in results {
                    match result {
                        Target::Local(local) => self.renew(Slot::Local(*local)),
                        Target::Array(array) => {
                            self.renew(Slot::Binding(*array));
                            self.renew_memory(*array);
                        }
                    }
                }
            }
            Stmt::Parallel(call) => {
                for &(local, _) in &call.outputs {
                    self.renew(Slot::Local(local));
                }
            }
            _ => {}
        }
    }

    /// Nothing is known of what the statement, a loop, assigns: it is about to begin.
    pub(super) fn enter_loop(&mut self, func: &Func, stmt: &Stmt) {
        let stmt = std::slice::from_ref(stmt);
        for local in walk::assigned_locals(stmt).iter() {
            self.renew(Slot::Local(local));
        }
        for array in walk::assigned_arrays(stmt).iter() {
            self.renew(Slot::Binding(array));
            self.renew_memory(array);
        }
        for array in walk::stored_arrays(func, stmt).iter() {
            self.renew_memory(array);
        }
    }

    /// A branch or a loop's body is about to begin.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.log.len())
    }

    /// Goes back to the values at the mark.
    pub(super) fn rewind(&mut self, mark: Mark) -> Changes {
        let mut changed = Vec::with_capacity(self.log.len().saturating_sub(mark.0));
        while self.log.len() > mark.0
            && let Some((slot, before)) = self.log.pop()
        {
            self.put(slot, before);
            changed.push(slot);
        }
        changed.sort_unstable();
        changed.dedup();
        Changes(changed)
    }

    /// Nothing is known of these any more.
    pub(super) fn forget(&mut self, changes: &Changes) {
        for &slot in &changes.0 {
            self.renew(slot);
        }
    }
}
