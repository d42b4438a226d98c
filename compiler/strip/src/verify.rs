//! Checks the invariants S1 to S5 of [`ir`](crate::ir). Reads, never edits.

mod small;
#[cfg(test)]
mod tests;
mod types;

use crate::ir::{Carried, Combine, Inst, IntOp, Op, Region, Strip, Ty, Value};
use crate::walk::for_each_inst;
use cranelift_entity::SecondaryMap;

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Its number: `S1`.
    pub rule: &'static str,
    /// The strip's name.
    pub strip: String,
    /// What is wrong, with values as in dumps.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in `{}`: {}", self.rule, self.strip, self.text)
    }
}

/// Checks a strip.
///
/// # Errors
/// Every violation found, in the order of the text.
pub fn verify(strip: &Strip) -> Result<(), Vec<Violation>> {
    let mut checker = Checker {
        strip,
        violations: Vec::new(),
        scope: SecondaryMap::new(),
        defined: SecondaryMap::new(),
        shift_counts: SecondaryMap::new(),
        has_stored: false,
    };
    checker.all();
    if checker.violations.is_empty() { Ok(()) } else { Err(checker.violations) }
}

struct Checker<'a> {
    strip: &'a Strip,
    violations: Vec<Violation>,
    /// Values that may be used here.
    scope: SecondaryMap<Value, bool>,
    /// Values that have a definition.
    defined: SecondaryMap<Value, bool>,
    /// `Op::Int`s below 64.
    shift_counts: SecondaryMap<Value, bool>,
    has_stored: bool,
}

impl Checker<'_> {
    fn fail(&mut self, rule: &'static str, text: impl Into<String>) {
        self.violations.push(Violation { rule, strip: self.strip.name.clone(), text: text.into() });
    }

    fn all(&mut self) {
        let strip = self.strip;
        if let Some(lanes) = strip.lanes
            && (lanes < 16 || !lanes.is_power_of_two())
        {
            self.fail("S2", format!("{lanes} lanes are not a power of two from 16 on"));
        }
        let minds = |combine: Combine| {
            combine.is_in_order()
                || matches!(combine, Combine::Add | Combine::Mul | Combine::Xor | Combine::Each)
        };
        if strip.repeatable && (strip.lanes.is_some() || strip.carried.iter().any(|c| minds(c.combine))) {
            self.fail("S2", "lanes that are pinned, or sums, in a strip that is repeatable");
        }
        if strip.streams.is_some_and(|word| word >= strip.words || !strip.repeatable) {
            self.fail(
                "S2",
                "stores around the caches in a strip that is not repeatable, or by a word that is none",
            );
        }
        for (table, words) in &strip.tables {
            if words.is_empty() {
                self.fail("S2", format!("{table} is empty"));
            }
        }
        if strip.small_bytes() > 0 {
            self.small();
        }
        self.setup();
        self.region(&strip.setup);
        for carried in &strip.carried {
            self.operand(carried.init, "initial value of a carried value");
        }
        let mut params = Vec::new();
        for carried in &strip.carried {
            self.define(carried.param, &mut params);
            // Nothing reads what takes the lanes in order.
            self.scope[carried.param] = !carried.combine.is_in_order();
        }
        let in_body = self.region(&strip.body);
        for (position, carried) in strip.carried.iter().enumerate() {
            self.operand(carried.next, "next value of a carried value");
            self.carried(position, carried);
        }
        self.leave(&in_body);
    }

    fn setup(&mut self) {
        let strip = self.strip;
        let mut bad = Vec::new();
        for_each_inst(&strip.setup, &mut |inst| match inst {
            Inst::Let { value, op } => match op {
                Op::First => bad.push(format!("{value}: `first` in the setup")),
                Op::Active => bad.push(format!("{value}: `active` in the setup")),
                Op::Any(_) => bad.push(format!("{value}: `any` in the setup")),
                Op::Load { .. } | Op::IntLoad { .. } => bad.push(format!("{value}: a load in the setup")),
                Op::Word(_)
                | Op::Int(_)
                | Op::IntBinary(..)
                | Op::IntCompare(..)
                | Op::Const(_)
                | Op::WordLanes(_)
                | Op::Broadcast(_)
                | Op::TestLanes(_)
                | Op::LaneNumber
                | Op::Lookup { .. }
                | Op::Unary(..)
                | Op::Binary(..)
                | Op::Shift(..)
                | Op::Fma(..)
                | Op::Compare(..)
                | Op::Select { .. }
                | Op::Convert(..) => {}
            },
            Inst::Store { .. } | Inst::Update { .. } => bad.push("a store in the setup".to_owned()),
            Inst::Fault { mask } => bad.push(format!("a fault of {mask} in the setup")),
            Inst::Loop(_) => bad.push("a loop in the setup".to_owned()),
            Inst::Branch(_) => bad.push("a branch in the setup".to_owned()),
        });
        for text in bad {
            self.fail("S4", text);
        }
    }

    /// Checks the instructions; what they define stays in scope until `leave`.
    fn region(&mut self, region: &Region) -> Vec<Value> {
        let mut here = Vec::new();
        for inst in region {
            self.inst(inst, &mut here);
        }
        here
    }

    fn leave(&mut self, values: &[Value]) {
        for &value in values {
            self.scope[value] = false;
        }
    }

    fn define(&mut self, value: Value, here: &mut Vec<Value>) {
        if !self.strip.values.is_valid(value) {
            return self.fail("S1", format!("{value} has no type"));
        }
        if self.defined[value] {
            self.fail("S1", format!("{value} is defined twice"));
        }
        self.defined[value] = true;
        self.scope[value] = true;
        here.push(value);
    }

    /// Is the value there? `role` says what for.
    fn operand(&mut self, value: Value, role: &str) {
        if !self.scope[value] {
            let why = if self.defined[value] { "out of scope" } else { "not defined before" };
            self.fail("S1", format!("{value}, {role}, is {why}"));
        }
    }

    /// The type of a value that may be missing; missing ones are reported by `operand`.
    fn ty(&self, value: Value) -> Option<Ty> {
        self.strip.values.get(value).copied()
    }

    fn expect(&mut self, value: Value, role: &str, ty: Ty) {
        self.operand(value, role);
        if let Some(found) = self.ty(value)
            && found != ty
        {
            self.fail("S2", format!("{value}, {role}, is {found:?}, not {ty:?}"));
        }
    }

    fn same(&mut self, a: Value, b: Value, role: &str) {
        if let (Some(left), Some(right)) = (self.ty(a), self.ty(b))
            && left != right
        {
            self.fail("S2", format!("{role}: {a} is {left:?}, {b} is {right:?}"));
        }
    }

    fn inst(&mut self, inst: &Inst, here: &mut Vec<Value>) {
        match inst {
            Inst::Let { value, op } => {
                op.for_each_operand(|operand| {
                    if !self.scope[operand] {
                        self.operand(operand, &format!("operand of {value}"));
                    }
                });
                if let Err(text) = types::check(self.strip, *value, op) {
                    self.fail("S2", text);
                }
                match *op {
                    Op::Int(count) => self.shift_counts[*value] = (0..64).contains(&count),
                    Op::IntBinary(IntOp::Shl | IntOp::Sar, _, count) if !self.shift_counts[count] => {
                        self.fail("S2", format!("{value}: the count {count} is not a constant below 64"));
                    }
                    _ => {}
                }
                self.define(*value, here);
            }
            Inst::Store { elem, place, value, mask } => {
                self.has_stored = true;
                let role = format!("operand of a store of {value}");
                place.for_each_operand(|operand| self.operand(operand, &role));
                self.operand(*value, "stored value");
                if let Some(mask) = mask {
                    self.expect(*mask, "mask of a store", Ty::Mask);
                }
                if let Err(text) = types::check_place(self.strip, place) {
                    self.fail("S2", format!("store of {value}: {text}"));
                }
                if let Some(ty) = self.ty(*value)
                    && !types::elem_suits(*elem, ty)
                {
                    self.fail("S2", format!("{value} is {ty:?}, stored as {elem:?}"));
                }
            }
            Inst::Update { elem, place, op, value, mask } => {
                self.has_stored = true;
                let role = format!("operand of an update by {value}");
                place.for_each_operand(|operand| self.operand(operand, &role));
                self.operand(*value, "value of an update");
                if let Some(mask) = mask {
                    self.expect(*mask, "mask of an update", Ty::Mask);
                }
                if let Err(text) = types::check_place(self.strip, place) {
                    self.fail("S2", format!("update by {value}: {text}"));
                }
                if let Some(ty) = self.ty(*value)
                    && !types::update_suits(*elem, *op, ty)
                {
                    self.fail("S2", format!("{value} is {ty:?}, in an update {op:?} of {elem:?}"));
                }
            }
            Inst::Fault { mask } => {
                self.expect(*mask, "mask of a fault", Ty::Mask);
                if self.has_stored {
                    self.fail("S3", format!("the fault of {mask} comes after a store"));
                }
            }
            Inst::Loop(inner) => {
                let had_stored = self.has_stored;
                let mut params = Vec::new();
                for phi in &inner.carried {
                    self.operand(phi.init, "initial value of a loop");
                    self.same(phi.param, phi.init, "parameter and initial value");
                    self.same(phi.param, phi.next, "parameter and next value");
                    self.same(phi.param, phi.result, "parameter and result");
                }
                for phi in &inner.carried {
                    self.define(phi.param, &mut params);
                }
                let in_head = self.region(&inner.head);
                self.expect(inner.cond, "condition of a loop", Ty::Test);
                let in_body = self.region(&inner.body);
                for phi in &inner.carried {
                    self.operand(phi.next, "next value of a loop");
                }
                self.leave(&in_body);
                self.leave(&in_head);
                self.leave(&params);
                for phi in &inner.carried {
                    self.define(phi.result, here);
                }
                if self.has_stored && !had_stored {
                    self.faults_in_storing_loop(inner);
                }
            }
            Inst::Branch(branch) => {
                self.expect(branch.cond, "condition of a branch", Ty::Test);
                let in_then = self.region(&branch.then);
                for &(_, then, _) in &branch.results {
                    self.operand(then, "result of a branch");
                }
                self.leave(&in_then);
                let in_orelse = self.region(&branch.orelse);
                for &(_, _, orelse) in &branch.results {
                    self.operand(orelse, "result of a branch");
                }
                self.leave(&in_orelse);
                for &(result, then, orelse) in &branch.results {
                    self.same(result, then, "result and value if true");
                    self.same(result, orelse, "result and value if false");
                    self.define(result, here);
                }
            }
        }
    }

    /// A fault before the store of its loop: in the next round it comes after it.
    fn faults_in_storing_loop(&mut self, inner: &crate::ir::Loop) {
        let mut faults = Vec::new();
        for region in [&inner.head, &inner.body] {
            for_each_inst(region, &mut |inst| {
                if let Inst::Fault { mask } = inst {
                    faults.push(*mask);
                }
            });
        }
        for mask in faults {
            self.fail("S3", format!("the fault of {mask} stands in a loop that stores"));
        }
    }

    fn carried(&mut self, position: usize, carried: &Carried) {
        let Carried { param, init, next, combine, word } = *carried;
        self.same(param, init, "parameter and initial value");
        self.same(param, next, "parameter and next value");
        if word >= self.strip.words {
            self.fail("S2", format!("{param} goes to word {word} of {}", self.strip.words));
        }
        let Some(ty) = self.ty(param) else { return };
        let suits = match combine {
            Combine::Add | Combine::Mul | Combine::Min | Combine::Max => types::is_number(ty),
            Combine::AddInOrder | Combine::MulInOrder => types::is_float(ty),
            Combine::And | Combine::Or | Combine::Xor => types::is_integer(ty) || ty == Ty::Mask,
            Combine::ArgMin { with } | Combine::ArgMax { with } => {
                let companion = self.strip.carried.get(with as usize);
                if !companion.is_some_and(|other| other.combine == Combine::Companion) {
                    self.fail("S2", format!("{param} has no companion number {with}"));
                }
                types::is_number(ty)
            }
            Combine::Companion => {
                let names = |other: &&Carried| match other.combine {
                    Combine::ArgMin { with } | Combine::ArgMax { with } => with as usize == position,
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
                };
                let users = self.strip.carried.iter().filter(names).count();
                if users != 1 {
                    self.fail("S2", format!("{users} values have {param} as their companion"));
                }
                ty == Ty::I64
            }
            Combine::Each => {
                let last = self.strip.lanes.map(|lanes| u64::from(word) + u64::from(lanes) - 1);
                if last.is_none_or(|last| last >= u64::from(self.strip.words)) {
                    self.fail("S2", format!("the lanes of {param} go to words that are not there"));
                }
                types::is_number(ty)
            }
        };
        if !suits {
            self.fail("S2", format!("{param} is {ty:?}, combined by {combine:?}"));
        }
    }
}
