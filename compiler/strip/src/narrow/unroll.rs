//! Small loops inside a block whose rounds are counted become straight code.
//!
//! ```text
//! loop (v1: i64 = v0, v2: int = 0) {
//!   v3: test = v2 < 2                      v8: i64 = load u8 [v9]
//!   while v3                               v10: i64 = v0 + v8
//!   v4: int = v9 + v2               ==>    v11: int = v9 + 1
//!   v5: i64 = load u8 [v4]                 v12: i64 = load u8 [v11]
//!   next (v1 + v5, v2 + 1)                 v13: i64 = v10 + v12
//! } -> (v6, v7)                            // v6 is v13
//! ```
//!
//! A strip without loops has shorter pieces of blocks for its rest, and addresses that are known before it starts.

use cranelift_entity::SecondaryMap;

use super::facts::Trips;
use crate::Strip;
use crate::ir::{Inst, Loop, Region, Value};

/// Rounds of a loop, and instructions of all of them, that are still few.
const MAX_ROUNDS: u32 = 8;
const MAX_INSTS: u32 = 64;

/// Unrolls; was there anything to unroll?
pub(super) fn unroll(strip: &mut Strip, trips: &Trips) -> bool {
    let mut unroll = Unroll { strip, trips, now: SecondaryMap::new(), unrolled: false };
    let old = std::mem::take(&mut unroll.strip.body);
    let mut body = Region::with_capacity(old.len());
    unroll.region(&old, false, &mut body);
    let Unroll { strip, now, unrolled, .. } = unroll;
    strip.body = body;
    for carried in &mut strip.carried {
        carried.next = now[carried.next].unwrap_or(carried.next);
    }
    unrolled
}

/// The rounds of a loop that is to be unrolled.
fn rounds(inner: &Loop, trips: &Trips) -> Option<u32> {
    let rounds = trips.get(&inner.cond).copied().flatten()?;
    // The head runs once more than the body.
    let is_plain = inner.head.iter().all(|inst| matches!(inst, Inst::Let { .. }));
    let size = size(&inner.head, trips) + size(&inner.body, trips);
    (is_plain && rounds <= MAX_ROUNDS && rounds * size <= MAX_INSTS).then_some(rounds)
}

/// Instructions after unrolling.
fn size(region: &Region, trips: &Trips) -> u32 {
    region
        .iter()
        .map(|inst| match inst {
            Inst::Let { .. } | Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => 1,
            Inst::Loop(inner) => {
                let once = size(&inner.head, trips).saturating_add(size(&inner.body, trips));
                once.saturating_mul(trips.get(&inner.cond).copied().flatten().unwrap_or(1)).saturating_add(2)
            }
            Inst::Branch(branch) => size(&branch.then, trips).saturating_add(size(&branch.orelse, trips)),
        })
        .fold(0, u32::saturating_add)
}

struct Unroll<'a> {
    strip: &'a mut Strip,
    trips: &'a Trips,
    /// What an old value is now, if not itself.
    now: SecondaryMap<Value, Option<Value>>,
    unrolled: bool,
}

impl Unroll<'_> {
    fn get(&self, value: Value) -> Value {
        self.now[value].unwrap_or(value)
    }

    /// A name for the definition of a value in this round.
    fn define(&mut self, value: Value, is_copy: bool) -> Value {
        if is_copy {
            let new = self.strip.values.push(self.strip.values[value]);
            self.now[value] = Some(new);
            return new;
        }
        value
    }

    /// Appends a region; of a copy all definitions are new values.
    fn region(&mut self, region: &Region, is_copy: bool, out: &mut Region) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => {
                    let mut op = op.clone();
                    op.for_each_operand_mut(|operand| *operand = self.get(*operand));
                    let value = self.define(*value, is_copy);
                    out.push(Inst::Let { value, op });
                }
                Inst::Store { elem, place, value, mask } => {
                    let mut place = *place;
                    place.for_each_operand_mut(|operand| *operand = self.get(*operand));
                    let (value, mask) = (self.get(*value), mask.map(|mask| self.get(mask)));
                    out.push(Inst::Store { elem: *elem, place, value, mask });
                }
                Inst::Update { elem, place, op, value, mask } => {
                    let mut place = *place;
                    place.for_each_operand_mut(|operand| *operand = self.get(*operand));
                    let (value, mask) = (self.get(*value), mask.map(|mask| self.get(mask)));
                    out.push(Inst::Update { elem: *elem, place, op: *op, value, mask });
                }
                Inst::Fault { mask } => out.push(Inst::Fault { mask: self.get(*mask) }),
                Inst::Loop(inner) => match rounds(inner, self.trips) {
                    Some(rounds) => self.straight(inner, rounds, out),
                    None => {
                        let mut new = (**inner).clone();
                        for phi in &mut new.carried {
                            phi.init = self.get(phi.init);
                        }
                        for phi in &mut new.carried {
                            phi.param = self.define(phi.param, is_copy);
                        }
                        (new.head, new.body) = (Region::new(), Region::new());
                        self.region(&inner.head, is_copy, &mut new.head);
                        new.cond = self.get(inner.cond);
                        self.region(&inner.body, is_copy, &mut new.body);
                        for phi in &mut new.carried {
                            phi.next = self.get(phi.next);
                            phi.result = self.define(phi.result, is_copy);
                        }
                        out.push(Inst::Loop(Box::new(new)));
                    }
                },
                Inst::Branch(branch) => {
                    let mut new = (**branch).clone();
                    new.cond = self.get(branch.cond);
                    (new.then, new.orelse) = (Region::new(), Region::new());
                    self.region(&branch.then, is_copy, &mut new.then);
                    self.region(&branch.orelse, is_copy, &mut new.orelse);
                    for (result, then, orelse) in &mut new.results {
                        (*then, *orelse) = (self.get(*then), self.get(*orelse));
                        *result = self.define(*result, is_copy);
                    }
                    out.push(Inst::Branch(Box::new(new)));
                }
            }
        }
    }

    fn straight(&mut self, inner: &Loop, rounds: u32, out: &mut Region) {
        self.unrolled = true;
        let mut params: Vec<Value> = inner.carried.iter().map(|phi| self.get(phi.init)).collect();
        for _ in 0..rounds {
            for (phi, &param) in inner.carried.iter().zip(&params) {
                self.now[phi.param] = Some(param);
            }
            self.region(&inner.head, true, out);
            self.region(&inner.body, true, out);
            params = inner.carried.iter().map(|phi| self.get(phi.next)).collect();
        }
        for (phi, &param) in inner.carried.iter().zip(&params) {
            self.now[phi.result] = Some(param);
        }
    }
}
