//! The operands of operations, in the order of the text.

use crate::ir::{Inst, Op, Place, Region, Step, Value};

impl Place {
    /// Calls `f` with every operand.
    pub fn for_each_operand(&self, mut f: impl FnMut(Value)) {
        let mut place = *self;
        place.for_each_operand_mut(|operand| f(*operand));
    }

    /// Calls `f` with every operand, which it may replace.
    pub fn for_each_operand_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Place::Line { address, disp: _, step } => {
                f(address);
                match step {
                    Step::One | Step::Zero => {}
                    Step::Bytes(bytes) => f(bytes),
                }
            }
            Place::Scattered { base, offset, disp: _ } => {
                f(base);
                f(offset);
            }
        }
    }
}

impl Op {
    /// Calls `f` with every operand.
    pub fn for_each_operand(&self, mut f: impl FnMut(Value)) {
        let mut op = self.clone();
        op.for_each_operand_mut(|operand| f(*operand));
    }

    /// Calls `f` with every operand, which it may replace.
    pub fn for_each_operand_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Op::Word(_)
            | Op::Int(_)
            | Op::First
            | Op::Const(_)
            | Op::WordLanes(_)
            | Op::LaneNumber
            | Op::Active => {}
            Op::Any(a)
            | Op::Broadcast(a)
            | Op::TestLanes(a)
            | Op::Unary(_, a)
            | Op::Shift(_, a, _)
            | Op::Convert(_, a)
            | Op::Lookup { table: _, index: a }
            | Op::IntLoad { elem: _, address: a, disp: _ } => f(a),
            Op::IntBinary(_, a, b) | Op::IntCompare(_, a, b) | Op::Binary(_, a, b) | Op::Compare(_, a, b) => {
                f(a);
                f(b);
            }
            Op::Fma(_, a, b, c) | Op::Select { mask: a, then: b, orelse: c } => {
                f(a);
                f(b);
                f(c);
            }
            Op::Load { elem: _, place, mask } => {
                place.for_each_operand_mut(&mut f);
                mask.iter_mut().for_each(f);
            }
        }
    }
}

/// Calls `f` with every instruction of the region and of the regions in it, in the order of the text; a loop or branch comes before its
/// contents.
pub fn for_each_inst<'a>(region: &'a Region, f: &mut impl FnMut(&'a Inst)) {
    for inst in region {
        f(inst);
        match inst {
            Inst::Let { .. } | Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => {}
            Inst::Loop(inner) => {
                for_each_inst(&inner.head, f);
                for_each_inst(&inner.body, f);
            }
            Inst::Branch(branch) => {
                for_each_inst(&branch.then, f);
                for_each_inst(&branch.orelse, f);
            }
        }
    }
}
