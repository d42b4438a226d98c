//! Narrows a strip: 64-bit lanes whose numbers fit in 32 bits become 32-bit lanes, twice as many per register.
//!
//! ```text
//! v1: i64 = load u8 [v0]                    v1: i32 = load u8 [v0]
//! v2: i64 = load u8 [v0 + 1]                v2: i32 = load u8 [v0 + 1]
//! v3: i64 = v1 + v2                         v3: i32 = v1 + v2
//! v4: f64 = small_to_float(v3)        ==>
//! v5: f64 = v4 / v9 (9.0)                   v8: i32 = v3 * v10 (57)
//! v6: f64 = floor(v5)
//! v7: i64 = whole_to_int(v6)                v7: i32 = v8 >>> 9
//! store u8 [v0] = v7                        store u8 [v0] = v7
//! ```
//!
//! In and out: verified strips that do the same, bit for bit. Phases: ranges of all values (`facts`), small loops as straight code
//! (`unroll`), what ranges make superfluous (`simplify`), lanes of 16 or 8 bits for the whole strip (`small`), else the choice of 32-bit ones
//! (`choose`) and the rewriting (here). Never changes what goes from block to block, nor the number of lanes.

mod choose;
mod divide;
mod facts;
mod simplify;
mod small;
#[cfg(test)]
mod tests;
mod unroll;

use cranelift_entity::{EntitySet, SecondaryMap};

use crate::Strip;
use crate::ir::{Binary, Convert, Inst, Op, Region, Shift, Ty, Value};
use choose::{Chosen, Division};
use facts::Fact;

/// Narrows, to lanes of 32 bits at least.
#[must_use]
pub fn narrow(strip: &Strip) -> Strip {
    with_facts(strip, |_, _| None)
}

/// Narrows, to lanes of 16 or 8 bits if all lanes can be such.
#[must_use]
pub fn narrow_most(strip: &Strip) -> Strip {
    with_facts(strip, small::small)
}

/// The values of a strip of 16-bit lanes that are bytes: from 0 to 255.
pub(crate) fn bytes(strip: &Strip) -> EntitySet<Value> {
    let mut all = EntitySet::new();
    if let Some((facts, _)) = facts::facts(strip) {
        all.extend(strip.values.keys().filter(|&v| matches!(facts[v], Some(Fact::Ints(0.., ..=255)))));
    }
    all
}

type Facts = SecondaryMap<Value, Option<Fact>>;

fn with_facts(strip: &Strip, smaller: impl FnOnce(&Strip, &Facts) -> Option<Strip>) -> Strip {
    let mut simple = strip.clone();
    let has_loop = strip.body.iter().any(|inst| matches!(inst, Inst::Loop(_)));
    if !has_loop && !strip.values.values().any(|&ty| ty == Ty::I64) {
        return simple;
    }
    let Some((mut facts, trips)) = facts::facts(strip) else { return simple };
    if unroll::unroll(&mut simple, &trips) {
        match facts::facts(&simple) {
            Some((again, _)) => facts = again,
            None => return simple,
        }
    }
    simplify::simplify(&mut simple, &facts);
    simplify::drop_dead(&mut simple);
    if let Some(small) = smaller(&simple, &facts) {
        return small;
    }
    let chosen = choose::choose(&simple, &facts);
    let mut rewrite = Rewrite {
        strip: Strip { setup: Region::new(), body: Region::new(), ..simple.clone() },
        old: &simple,
        chosen: &chosen,
        defs: SecondaryMap::new(),
        wide: SecondaryMap::new(),
        low: SecondaryMap::new(),
        same: SecondaryMap::new(),
    };
    rewrite.all();
    let mut strip = rewrite.strip;
    simplify::drop_dead(&mut strip);
    simplify::forget_undefined(&mut strip);
    strip
}

struct Rewrite<'a> {
    /// The new strip.
    strip: Strip,
    old: &'a Strip,
    chosen: &'a Chosen,
    defs: SecondaryMap<Value, Option<&'a Op>>,
    /// The 64-bit form of a narrow value.
    wide: SecondaryMap<Value, Option<Value>>,
    /// The low half of a wide value.
    low: SecondaryMap<Value, Option<Value>>,
    /// What a dropped value is.
    same: SecondaryMap<Value, Option<Value>>,
}

impl<'a> Rewrite<'a> {
    fn all(&mut self) {
        let old = self.old;
        for region in [&old.setup, &old.body] {
            crate::walk::for_each_inst(region, &mut |inst| {
                if let Inst::Let { value, op } = inst {
                    self.defs[*value] = Some(op);
                }
            });
        }
        for (value, &ty) in &old.values {
            if ty == Ty::I64 && self.chosen.narrow.contains(value) {
                self.strip.values[value] = Ty::I32;
            }
        }
        let mut setup = Region::new();
        self.region(&old.setup, &mut setup);
        let mut body = Region::new();
        for carried in &old.carried {
            self.after(carried.param, &mut body);
        }
        self.region(&old.body, &mut body);
        for carried in &old.carried {
            let (init, next) = (self.as_wide(carried.init), self.as_wide(carried.next));
            for new in &mut self.strip.carried {
                if new.param == carried.param {
                    (new.init, new.next) = (init, next);
                }
            }
        }
        // Constants that came up on the way are in the new setup already.
        self.strip.setup.append(&mut setup);
        self.strip.body = body;
    }

    fn is_narrow(&self, value: Value) -> bool {
        self.chosen.narrow.contains(value)
    }

    /// Defines the other form of a value; what nothing reads is dropped in the end.
    fn after(&mut self, value: Value, out: &mut Region) {
        if self.old.values[value] != Ty::I64 {
            return;
        }
        if self.is_narrow(value) {
            self.wide[value] = Some(self.strip.define(out, Ty::I64, Op::Convert(Convert::SignExtend, value)));
            return;
        }
        let op = match self.defs[value] {
            Some(Op::Convert(Convert::SignExtend | Convert::ZeroExtend, a)) => {
                self.low[value] = Some(self.resolved(*a));
                return;
            }
            Some(&Op::Const(bits)) => Op::Const(bits & u64::from(u32::MAX)),
            Some(op @ (Op::WordLanes(_) | Op::LaneNumber)) => op.clone(),
            Some(_) | None => Op::Convert(Convert::Truncate, value),
        };
        self.low[value] = Some(self.strip.define(out, Ty::I32, op));
    }

    fn resolved(&self, value: Value) -> Value {
        self.same[value].unwrap_or(value)
    }

    /// The value as a wide reader wants it: of its old type.
    fn as_wide(&self, value: Value) -> Value {
        self.wide[value].unwrap_or_else(|| self.resolved(value))
    }

    /// The low half of an `I64`.
    fn as_low(&self, value: Value) -> Value {
        if self.is_narrow(value) { value } else { self.low[value].unwrap_or(value) }
    }

    fn region(&mut self, region: &'a Region, out: &mut Region) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => {
                    self.definition(*value, op, out);
                    self.after(*value, out);
                }
                Inst::Store { elem, place, value, mask } => {
                    let mut place = *place;
                    place.for_each_operand_mut(|value| *value = self.as_wide(*value));
                    let value = if self.is_low_store(*elem, *value) { *value } else { self.as_wide(*value) };
                    let mask = mask.map(|mask| self.resolved(mask));
                    out.push(Inst::Store { elem: *elem, place, value, mask });
                }
                Inst::Update { elem, place, op, value, mask } => {
                    let mut place = *place;
                    place.for_each_operand_mut(|value| *value = self.as_wide(*value));
                    let (value, mask) = (self.as_wide(*value), mask.map(|mask| self.resolved(mask)));
                    out.push(Inst::Update { elem: *elem, place, op: *op, value, mask });
                }
                Inst::Fault { mask } => out.push(Inst::Fault { mask: *mask }),
                Inst::Loop(inner) => {
                    let mut new = (**inner).clone();
                    let mut head = Region::new();
                    for phi in &mut new.carried {
                        phi.init = if self.is_phi_narrow(phi.param) {
                            self.as_low(phi.init)
                        } else {
                            self.as_wide(phi.init)
                        };
                        self.after(phi.param, &mut head);
                    }
                    self.region(&inner.head, &mut head);
                    let mut body = Region::new();
                    self.region(&inner.body, &mut body);
                    for phi in &mut new.carried {
                        phi.next = if self.is_phi_narrow(phi.param) {
                            self.as_low(phi.next)
                        } else {
                            self.as_wide(phi.next)
                        };
                    }
                    (new.head, new.body) = (head, body);
                    let results: Vec<Value> = new.carried.iter().map(|phi| phi.result).collect();
                    out.push(Inst::Loop(Box::new(new)));
                    results.into_iter().for_each(|result| self.after(result, out));
                }
                Inst::Branch(branch) => {
                    let mut new = (**branch).clone();
                    let (mut then_region, mut orelse_region) = (Region::new(), Region::new());
                    self.region(&branch.then, &mut then_region);
                    self.region(&branch.orelse, &mut orelse_region);
                    (new.then, new.orelse) = (then_region, orelse_region);
                    for (result, then, orelse) in &mut new.results {
                        for side in [then, orelse] {
                            *side = if self.is_phi_narrow(*result) {
                                self.as_low(*side)
                            } else {
                                self.as_wide(*side)
                            };
                        }
                    }
                    let results: Vec<Value> = new.results.iter().map(|&(result, ..)| result).collect();
                    out.push(Inst::Branch(Box::new(new)));
                    results.into_iter().for_each(|result| self.after(result, out));
                }
            }
        }
    }

    fn is_phi_narrow(&self, value: Value) -> bool {
        self.old.values[value] == Ty::I64 && self.is_narrow(value)
    }

    /// Can the narrow value be stored as it is?
    fn is_low_store(&self, elem: crate::ir::Elem, value: Value) -> bool {
        self.is_phi_narrow(value) && elem.bytes() <= 4
    }

    fn definition(&mut self, value: Value, op: &Op, out: &mut Region) {
        if self.is_narrow(value) {
            return self.narrow_definition(value, op, out);
        }
        match *op {
            Op::Convert(Convert::Truncate, a) if self.is_narrow(a) => self.same[value] = Some(a),
            Op::Convert(Convert::IntToFloat | Convert::SmallToFloat, a) if self.is_phi_narrow(a) => {
                out.push(Inst::Let { value, op: Op::Convert(Convert::IntToFloat, a) });
            }
            _ => {
                let mut op = op.clone();
                op.for_each_operand_mut(|operand| *operand = self.as_wide(*operand));
                out.push(Inst::Let { value, op });
            }
        }
    }

    fn narrow_definition(&mut self, value: Value, op: &Op, out: &mut Region) {
        if let Some(Division { x, divisor, way, remainder }) = self.chosen.divisions[value] {
            let x = self.as_low(x);
            if !remainder {
                return divide::emit(&mut self.strip, out, value, way, x, divisor);
            }
            let quotient = self.strip.values.push(Ty::I32);
            divide::emit(&mut self.strip, out, quotient, way, x, divisor);
            let by = divide::constant(&mut self.strip, Ty::I32, divisor as u32);
            let product = self.strip.define(out, Ty::I32, Op::Binary(Binary::Mul, quotient, by));
            out.push(Inst::Let { value, op: Op::Binary(Binary::Sub, x, product) });
            return;
        }
        let mut op = op.clone();
        match &mut op {
            Op::Load { place, mask, .. } => {
                place.for_each_operand_mut(|operand| *operand = self.as_wide(*operand));
                if let Some(mask) = mask {
                    *mask = self.resolved(*mask);
                }
            }
            Op::Shift(Shift::Sar, a, count) if self.chosen.logical.contains(value) => {
                op = Op::Shift(Shift::Shr, self.as_low(*a), *count);
            }
            Op::Shift(Shift::Sar, a, count) => {
                *a = self.as_low(*a);
                *count = (*count).min(31);
            }
            other => other.for_each_operand_mut(|operand| {
                *operand = if self.old.values[*operand] == Ty::I64 {
                    self.as_low(*operand)
                } else {
                    self.resolved(*operand)
                };
            }),
        }
        out.push(Inst::Let { value, op });
    }
}
