//! S5: lanes of 8 or 16 bits are for themselves.

use super::Checker;
use crate::ir::{Inst, Op, Place, Step, Ty};
use crate::walk::for_each_inst;

impl Checker<'_> {
    /// Checks a strip that has such lanes.
    pub(super) fn small(&mut self) {
        let strip = self.strip;
        let bytes = strip.small_bytes();
        let mut bad = vec![];
        for (value, &ty) in &strip.values {
            if !matches!(ty, Ty::Int | Ty::Test | Ty::Mask) && ty.small_bytes() != bytes {
                bad.push(format!("{value} is {ty:?}"));
            }
        }
        if !strip.carried.is_empty() || strip.lanes.is_some() {
            bad.push("carried values or pinned lanes".to_owned());
        }
        let mut place_suits = |place: &Place, elem_bytes: u32, mask: Option<_>| {
            let is_line = matches!(place, Place::Line { step: Step::One, .. });
            if !is_line || mask.is_some() || elem_bytes > u32::from(bytes) {
                bad.push(format!("an access to {place:?}"));
            }
        };
        let mut has_control = false;
        for_each_inst(&strip.body, &mut |inst| match inst {
            Inst::Let { op: Op::Load { elem, place, mask }, .. } => place_suits(place, elem.bytes(), *mask),
            Inst::Store { elem, place, mask, .. } => place_suits(place, elem.bytes(), *mask),
            Inst::Let { op: Op::Lookup { .. }, .. }
            | Inst::Update { .. }
            | Inst::Loop(_)
            | Inst::Branch(_) => {
                has_control = true;
            }
            Inst::Let { .. } | Inst::Fault { .. } => {}
        });
        if has_control {
            bad.push("a loop, a branch, an update or a table".to_owned());
        }
        for text in bad {
            self.fail("S5", format!("{text}, with lanes of {bytes} bytes"));
        }
    }
}
