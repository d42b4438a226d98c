//! The function around the body, loops and branches in it, faults.

use cranelift_codegen::ir::{Block, InstBuilder, Type, Value, condcodes::IntCC, types as clif};
use kjit_strip::ir::{Binary, Branch, Carried, Combine, Inst, Loop, Region, Ty, Value as StripValue};

use super::{Lower, Parts, Rep, anywhere, int_vector, size_of, vector};

impl Lower<'_> {
    pub(super) fn function(&mut self, n: Value) {
        let strip = self.strip;
        let zero = self.b.ins().iconst(clif::I64, 0);
        let zeros = self.b.ins().stack_addr(clif::I64, self.zeros, 0);
        let blank = self.constant(clif::I64X2, 0, 8);
        self.b.ins().store(anywhere(), blank, zeros, 0);
        self.region(&strip.setup);
        let limit = self.b.ins().band_imm_s(n, -i64::from(self.lanes));

        let (head, body, exit) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let mut inits = vec![zero];
        for carried in &strip.carried {
            let init = self.flat(carried.init);
            if carried.combine.is_in_order() {
                inits.push(self.b.ins().extractlane(init[0], 0));
            } else {
                inits.extend(init);
            }
        }
        self.b.ins().jump(head, &Self::args(&inits));

        self.b.switch_to_block(head);
        self.first = self.b.append_block_param(head, clif::I64);
        for carried in &strip.carried {
            self.define_carried(head, carried);
        }
        self.carried = self.b.block_params(head)[1..].to_vec();
        let at_end = self.b.block_params(head).to_vec();
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, self.first, limit);
        self.b.ins().brif(more, body, &[], exit, &Self::args(&at_end));

        self.b.switch_to_block(body);
        self.exit = exit;
        self.region(&strip.body);
        let mut nexts = vec![self.b.ins().iadd_imm_s(self.first, i64::from(self.lanes))];
        for carried in &strip.carried {
            if carried.combine.is_in_order() {
                nexts.push(self.in_order(carried));
            } else {
                nexts.extend(self.flat(carried.next));
            }
        }
        self.b.ins().jump(head, &Self::args(&nexts));

        self.b.switch_to_block(exit);
        let done = self.b.append_block_param(exit, clif::I64);
        for carried in &strip.carried {
            self.define_carried(exit, carried);
        }
        self.outputs();
        self.b.ins().return_(&[done]);
    }

    /// The Cranelift values of a value; masks in the grain that goes from block to block.
    fn flat(&mut self, value: StripValue) -> Parts {
        match self.ty(value) {
            Ty::Int | Ty::Test => Parts::from_slice(&[self.one(value)]),
            Ty::Mask => self.mask(value, self.grain),
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => self.parts(value),
        }
    }

    /// Makes a carried value parameters of a block: lanes, or the one number that takes them in order.
    fn define_carried(&mut self, block: Block, carried: &Carried) {
        if carried.combine.is_in_order() {
            let number = self.b.append_block_param(block, vector(self.ty(carried.param)).lane_type());
            self.reps[carried.param] = Some(Rep::One(number));
        } else {
            self.define_params(block, carried.param);
        }
    }

    /// The number after the lanes of this block.
    fn in_order(&mut self, carried: &Carried) -> Value {
        let ty = self.ty(carried.next);
        let parts = self.parts(carried.next);
        let op = if carried.combine == Combine::AddInOrder { Binary::Add } else { Binary::Mul };
        let mut number = self.one(carried.param);
        for lane in self.scalars(&parts, size_of(ty)) {
            number = self.binary(op, ty, number, lane);
        }
        number
    }

    /// Makes a value parameters of a block.
    fn define_params(&mut self, block: Block, value: StripValue) {
        let ty = self.ty(value);
        let (of, count): (Type, usize) = match ty {
            Ty::Int => (clif::I64, 1),
            Ty::Test => (clif::I8, 1),
            Ty::Mask => (int_vector(self.grain), self.count(self.grain)),
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => (vector(ty), self.count(size_of(ty))),
        };
        let parts: Parts = (0..count).map(|_| self.b.append_block_param(block, of)).collect();
        self.reps[value] = Some(match ty {
            Ty::Int | Ty::Test => Rep::One(parts[0]),
            Ty::Mask => Rep::Mask(self.grain, parts),
            Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 => Rep::Lanes(parts),
        });
    }

    fn region(&mut self, region: &Region) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => {
                    let rep = self.op(*value, op);
                    self.reps[*value] = Some(rep);
                }
                Inst::Store { elem, place, value, mask } => self.store(*elem, place, *value, *mask),
                Inst::Update { elem, place, op, value, mask } => {
                    self.update(*elem, place, *op, *value, *mask);
                }
                Inst::Fault { mask } => {
                    let any = self.any(*mask);
                    let go_on = self.b.create_block();
                    let mut at_fault = vec![self.first];
                    at_fault.extend(&self.carried);
                    self.b.ins().brif(any, self.exit, &Self::args(&at_fault), go_on, &[]);
                    self.b.switch_to_block(go_on);
                }
                Inst::Loop(inner) => self.inner_loop(inner),
                Inst::Branch(branch) => self.branch(branch),
            }
        }
    }

    fn inner_loop(&mut self, inner: &Loop) {
        let (head, body, exit) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let mut inits = Parts::new();
        for phi in &inner.carried {
            inits.extend(self.flat(phi.init));
        }
        self.b.ins().jump(head, &Self::args(&inits));
        self.b.switch_to_block(head);
        for phi in &inner.carried {
            self.define_params(head, phi.param);
        }
        self.region(&inner.head);
        let cond = self.one(inner.cond);
        self.b.ins().brif(cond, body, &[], exit, &[]);
        self.b.switch_to_block(body);
        self.region(&inner.body);
        let mut nexts = Parts::new();
        for phi in &inner.carried {
            nexts.extend(self.flat(phi.next));
        }
        self.b.ins().jump(head, &Self::args(&nexts));
        self.b.switch_to_block(exit);
        for phi in &inner.carried {
            self.reps[phi.result] = self.reps[phi.param].clone();
        }
    }

    fn branch(&mut self, branch: &Branch) {
        let (then, orelse, join) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let cond = self.one(branch.cond);
        self.b.ins().brif(cond, then, &[], orelse, &[]);
        for (block, region, is_then) in [(then, &branch.then, true), (orelse, &branch.orelse, false)] {
            self.b.switch_to_block(block);
            self.region(region);
            let mut given = Parts::new();
            for &(_, then, orelse) in &branch.results {
                given.extend(self.flat(if is_then { then } else { orelse }));
            }
            self.b.ins().jump(join, &Self::args(&given));
        }
        self.b.switch_to_block(join);
        for &(result, _, _) in &branch.results {
            self.define_params(join, result);
        }
    }
}
