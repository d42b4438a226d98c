//! `Int`s and addresses.
//!
//! An `Int` is known as a sum of terms: `First`, values of the setup, and others, each times a constant. An address is then a memory
//! operand: what does not change is added up once in the entry, `First` is the index with its factor as scale, constants are the
//! displacement. So a loop over arrays has one counter and no multiplication.

use regalloc2::VReg;
use smallvec::{SmallVec, smallvec};

use super::Lower;
use super::reps::Rep;
use crate::emit::{Addr, Base, BlockId, Src};
use crate::encode::G;
use crate::ir::{Elem, Inst, IntOp, Op, Place, Region, Ty, Value};

/// A sum of values, each times a factor, in order of the values.
pub(super) type Sum = SmallVec<[(Value, i64); 3]>;

/// A value as a sum.
#[derive(Clone, Default, Debug)]
pub(super) struct Linear {
    /// Factor of the number of the first iteration.
    pub(super) first: i64,
    /// The other terms.
    pub(super) terms: Sum,
    /// What is added.
    pub(super) add: i64,
}

impl Linear {
    fn of(value: Value) -> Linear {
        Linear { first: 0, terms: smallvec![(value, 1)], add: 0 }
    }

    fn times(&self, factor: i64) -> Linear {
        Linear {
            first: self.first.wrapping_mul(factor),
            terms: self
                .terms
                .iter()
                .map(|&(v, f)| (v, f.wrapping_mul(factor)))
                .filter(|&(_, f)| f != 0)
                .collect(),
            add: self.add.wrapping_mul(factor),
        }
    }

    fn plus(&self, other: &Linear) -> Linear {
        let mut terms = self.terms.clone();
        for &(value, factor) in &other.terms {
            match terms.iter_mut().find(|(v, _)| *v == value) {
                Some((_, f)) => *f = f.wrapping_add(factor),
                None => terms.push((value, factor)),
            }
        }
        terms.retain(|&mut (_, f)| f != 0);
        terms.sort_by_key(|&(v, _)| v);
        Linear { first: self.first.wrapping_add(other.first), terms, add: self.add.wrapping_add(other.add) }
    }

    /// A constant?
    fn constant(&self) -> Option<i64> {
        (self.first == 0 && self.terms.is_empty()).then_some(self.add)
    }
}

impl<'a> Lower<'a> {
    /// Finds the sums of all `Int`s of a region and those in it, and where values are defined.
    pub(super) fn analyse_ints(&mut self, region: &'a Region, setup: bool) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => {
                    self.in_setup[*value] = setup;
                    self.defs[*value] = Some(op);
                    if let Op::Load { place: Place::Scattered { offset, .. }, .. } = op {
                        self.offset_uses[*offset] += 1;
                    }
                    if self.ty(*value) == Ty::Int {
                        self.linear[*value] = self.linear_of(*value, op, setup);
                    }
                }
                Inst::Loop(inner) => {
                    for phi in &inner.carried {
                        self.linear[phi.param] = Linear::of(phi.param);
                        self.linear[phi.result] = Linear::of(phi.result);
                    }
                    self.analyse_ints(&inner.head, setup);
                    self.analyse_ints(&inner.body, setup);
                }
                Inst::Branch(branch) => {
                    self.analyse_ints(&branch.then, setup);
                    self.analyse_ints(&branch.orelse, setup);
                    for &(result, _, _) in &branch.results {
                        self.linear[result] = Linear::of(result);
                    }
                }
                Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => {}
            }
        }
    }

    fn linear_of(&self, value: Value, op: &Op, setup: bool) -> Linear {
        let sum = match *op {
            Op::Int(number) => return Linear { add: number, ..Linear::default() },
            Op::First => return Linear { first: 1, ..Linear::default() },
            Op::IntBinary(op, a, b) => {
                let (a, b) = (&self.linear[a], &self.linear[b]);
                match (op, a.constant(), b.constant()) {
                    (IntOp::Add, _, _) => a.plus(b),
                    (IntOp::Sub, _, _) => a.plus(&b.times(-1)),
                    (IntOp::Mul, _, Some(factor)) => a.times(factor),
                    (IntOp::Mul, Some(factor), _) => b.times(factor),
                    (IntOp::Shl, _, Some(count)) => a.times(1i64.wrapping_shl(count as u32)),
                    _ => return Linear::of(value),
                }
            }
            _ => return Linear::of(value),
        };
        // In the setup a sum is computed once; only what differs by a constant shares a register.
        let simple = sum.constant().is_some() || (sum.terms.len() == 1 && sum.terms[0].1 == 1);
        if sum.terms.len() > 3 || (setup && !simple) { Linear::of(value) } else { sum }
    }

    /// Is it computed at its place (and not part of the sums that use it)?
    fn is_atom(&self, value: Value) -> bool {
        let linear = &self.linear[value];
        linear.first == 0 && linear.add == 0 && linear.terms.as_slice() == [(value, 1)]
    }

    /// The value of an `Int` that is known.
    pub(super) fn int_constant(&self, value: Value) -> Option<i64> {
        self.linear[value].constant()
    }

    /// Lowers the definition of an `Int`.
    pub(super) fn define_int(&mut self, value: Value, op: &Op) {
        if !self.is_atom(value) {
            return;
        }
        let reg = match *op {
            Op::Word(word) => {
                let frame = self.frame;
                self.func.g_rm(G::Mov, Src::Mem(Addr::reg(frame).plus(word as i32 * 8)))
            }
            Op::IntBinary(op, a, b) => self.int_binary(op, a, b),
            Op::IntLoad { elem, address, disp } => {
                let addr = self.address(address, disp);
                self.load_int(elem, addr)
            }
            _ => {
                self.fail("an operation that gives no integer");
                return;
            }
        };
        self.reps[value] = Rep::Int(reg);
        self.depth_of[value] = self.depth;
    }

    /// An element in a general register, extended.
    pub(super) fn load_int(&mut self, elem: Elem, addr: Addr) -> VReg {
        let g = match elem {
            Elem::Bool | Elem::U8 => G::Movzx8,
            Elem::I8 => G::Movsx8,
            Elem::U16 => G::Movzx16,
            Elem::I16 => G::Movsx16,
            Elem::U32 | Elem::F32 => G::Mov32,
            Elem::I32 => G::Movsxd,
            Elem::I64 | Elem::U64 | Elem::F64 => G::Mov,
        };
        self.func.g_rm(g, Src::Mem(addr))
    }

    fn int_binary(&mut self, op: IntOp, a: Value, b: Value) -> VReg {
        let small = self.linear[b].constant().and_then(|c| i32::try_from(c).ok());
        let x = self.int(a);
        match (op, small) {
            (IntOp::Shl, Some(count)) => return self.func.g_ri(G::ShlI, x, count & 63),
            (IntOp::Sar, Some(count)) => return self.func.g_ri(G::SarI, x, count & 63),
            (IntOp::And, Some(imm)) => return self.func.g_ri(G::AndI, x, imm),
            (IntOp::Mul, Some(imm)) => return self.func.g_ri(G::ImulI, x, imm),
            _ => {}
        }
        let y = self.int(b);
        match op {
            IntOp::Add => self.func.lea(Addr { index: Some((y, 0)), ..Addr::reg(x) }),
            IntOp::Sub => self.func.g_rr(G::Sub, x, y),
            IntOp::Mul => self.func.g_rr(G::Imul, x, y),
            IntOp::And => self.func.g_rr(G::And, x, y),
            IntOp::Or => self.func.g_rr(G::Or, x, y),
            IntOp::Xor => self.func.g_rr(G::Xor, x, y),
            IntOp::Min => {
                self.func.g_flags(G::Cmp, y, x);
                self.func.g_rr(G::CmovL, x, y)
            }
            IntOp::Max => {
                self.func.g_flags(G::Cmp, y, x);
                self.func.g_rr(G::CmovG, x, y)
            }
            IntOp::Shl | IntOp::Sar => {
                self.fail("a shift by what is no constant");
                x
            }
        }
    }

    /// `cmp a, b`.
    pub(super) fn compare_ints(&mut self, a: Value, b: Value) {
        let x = self.int(a);
        match self.linear[b].constant().and_then(|c| i32::try_from(c).ok()) {
            Some(imm) => self.func.cmp_imm(x, imm),
            None => {
                let y = self.int(b);
                self.func.g_flags(G::Cmp, x, y);
            }
        }
    }

    /// The constant that an `Int` is.
    pub(super) fn constant_int(&self, value: Value) -> Option<i64> {
        self.linear[value].constant()
    }

    /// An `Int` in a register.
    pub(super) fn int(&mut self, value: Value) -> VReg {
        if let Rep::Int(reg) = self.reps[value] {
            return reg;
        }
        let linear = self.linear[value].clone();
        if let Some(constant) = linear.constant() {
            return self.func.imm(constant);
        }
        let addr = self.sum_address(&linear);
        match addr {
            Addr { base: Base::Reg(reg), index: None, disp: 0, .. } => reg,
            _ => self.func.lea(addr),
        }
    }

    /// A memory operand.
    pub(super) fn address(&mut self, value: Value, disp: i32) -> Addr {
        let mut linear = self.linear[value].clone();
        linear.add = linear.add.wrapping_add(i64::from(disp));
        self.sum_address(&linear)
    }

    fn sum_address(&mut self, linear: &Linear) -> Addr {
        let offset = self.block.as_ref().map_or(0, |block| i64::from(block.offset));
        let add = linear.add.wrapping_add(linear.first.wrapping_mul(offset));
        // Leave room for the parts of a block.
        let (disp, rest) = match i32::try_from(add) {
            Ok(add) if add.unsigned_abs() < 1 << 30 => (add, 0),
            _ => (0, add),
        };
        let (fixed, mut local): (Sum, Sum) =
            linear.terms.iter().copied().partition(|&(v, _)| self.in_setup[v]);
        let mut base = self.hoisted_sum(fixed, rest);
        let mut index = None;
        let scale = |factor: i64| match factor {
            1 => Some(0),
            2 => Some(1),
            4 => Some(2),
            8 => Some(3),
            _ => None,
        };
        if linear.first != 0
            && let Some(block) = &self.block
        {
            let first = block.first;
            match scale(linear.first) {
                Some(scale) => index = Some((first, scale)),
                None => {
                    let product = self.times(first, linear.first);
                    index = Some((product, 0));
                }
            }
        }
        // Those without a factor first: one of them may be the base.
        local.sort_by_key(|&(v, factor)| (factor != 1, v));
        for (value, factor) in local {
            let reg = match self.reps[value] {
                Rep::Int(reg) => reg,
                _ => {
                    self.fail("an integer that is used before it is computed");
                    return Addr::pool(0);
                }
            };
            match (base, index, scale(factor)) {
                (None, _, Some(0)) => base = Some(reg),
                (_, None, Some(scale)) => index = Some((reg, scale)),
                (Some(b), Some(_), Some(scale)) => {
                    base = Some(self.func.lea(Addr { index: Some((reg, scale)), ..Addr::reg(b) }));
                }
                (b, i, scale) => {
                    let (term, shift) = match scale {
                        Some(scale) => (reg, scale),
                        None => (self.times(reg, factor), 0),
                    };
                    match (b, i) {
                        (None, _) => {
                            base = Some(match shift {
                                0 => term,
                                _ => self.func.g_ri(G::ShlI, term, i32::from(shift)),
                            });
                        }
                        (Some(_), None) => index = Some((term, shift)),
                        (Some(b), Some(_)) => {
                            base = Some(self.func.lea(Addr { index: Some((term, shift)), ..Addr::reg(b) }));
                        }
                    }
                }
            }
        }
        let base = match (base, index) {
            (Some(base), _) => base,
            (None, Some((reg, 0))) => {
                index = None;
                reg
            }
            (None, _) => self.hoisted_sum(Sum::new(), 0).unwrap_or_else(|| self.func.imm(0)),
        };
        Addr { base: Base::Reg(base), index, disp, broadcast: false }
    }

    fn times(&mut self, reg: VReg, factor: i64) -> VReg {
        match i32::try_from(factor) {
            Ok(factor) => self.func.g_ri(G::ImulI, reg, factor),
            Err(_) => {
                let factor = self.func.imm(factor);
                self.func.g_rr(G::Imul, reg, factor)
            }
        }
    }

    /// A sum of values of the setup, computed in the entry.
    fn hoisted_sum(&mut self, sum: Sum, add: i64) -> Option<VReg> {
        if sum.is_empty() && add == 0 {
            return None;
        }
        if let ([(value, 1)], 0) = (sum.as_slice(), add)
            && let Rep::Int(reg) = self.reps[*value]
        {
            return Some(reg);
        }
        let mut key = sum.clone();
        if add != 0 {
            // No value has this factor and number; the constant is told apart by its place at the end.
            key.push((Value::from_u32(u32::MAX - 1), add));
        }
        if let Some(&reg) = self.hoisted.get(&key) {
            return Some(reg);
        }
        let at = std::mem::replace(&mut self.func.at, BlockId(0));
        let mut total = None;
        for (value, factor) in sum {
            let reg = match self.reps[value] {
                Rep::Int(reg) => reg,
                _ => self.func.imm(0),
            };
            let term = if factor == 1 { reg } else { self.times(reg, factor) };
            total = Some(match total {
                None => term,
                Some(total) => self.func.lea(Addr { index: Some((term, 0)), ..Addr::reg(total) }),
            });
        }
        if add != 0 {
            let add = self.func.imm(add);
            total = Some(match total {
                None => add,
                Some(total) => self.func.lea(Addr { index: Some((add, 0)), ..Addr::reg(total) }),
            });
        }
        self.func.at = at;
        if let Some(total) = total {
            self.hoisted.insert(key, total);
        }
        total
    }
}
