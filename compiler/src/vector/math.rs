//! Mathematical functions: the operations that `numerics` makes them of, as instructions of the strip.

use std::cell::RefCell;

use kjit_strip::ir::{Binary, Branch, Compare, Convert, FmaKind, Inst, Op, Shift, Ty, Unary, Value};

use super::value::Builder;
use crate::numerics::lanes::Lanes;
use crate::numerics::math::{
    MathFn1, MathFn2, fmod_of_near, one_narrow_on_lanes, one_on_lanes, two_narrow_on_lanes, two_on_lanes,
};

/// A function of one argument; nothing if it has no form for lanes. Narrow: of `f32` numbers in `f64` lanes, whose result
/// is to be rounded to `f32`.
pub(super) fn one(builder: &mut Builder<'_>, function: MathFn1, x: Value, is_narrow: bool) -> Option<Value> {
    let lanes = &Instructions(RefCell::new(builder));
    if is_narrow { one_narrow_on_lanes(lanes, function, x) } else { one_on_lanes(lanes, function, x) }
}

/// A function of two arguments.
pub(super) fn two(
    builder: &mut Builder<'_>,
    function: MathFn2,
    x: Value,
    y: Value,
    is_narrow: bool,
) -> Option<Value> {
    let lanes = &Instructions(RefCell::new(builder));
    if is_narrow { two_narrow_on_lanes(lanes, function, x, y) } else { two_on_lanes(lanes, function, x, y) }
}

/// `fmod` of doubles, and where it has to be left to the scalar code.
pub(super) fn fmod(builder: &mut Builder<'_>, x: Value, y: Value) -> (Value, Value) {
    let lanes = &Instructions(RefCell::new(builder));
    let (value, is_near) = fmod_of_near(lanes, x, y);
    (value, lanes.not(is_near))
}

struct Instructions<'b, 'a>(RefCell<&'b mut Builder<'a>>);

impl Instructions<'_, '_> {
    fn unary(&self, op: Unary, a: Value) -> Value {
        self.0.borrow_mut().graph.unary(op, a)
    }

    fn binary(&self, op: Binary, a: Value, b: Value) -> Value {
        self.0.borrow_mut().graph.binary(op, a, b)
    }

    fn compare(&self, op: Compare, a: Value, b: Value) -> Value {
        self.0.borrow_mut().graph.compare(op, a, b)
    }

    fn fused(&self, kind: FmaKind, a: Value, b: Value, c: Value) -> Value {
        self.0.borrow_mut().graph.define(Ty::F64, Op::Fma(kind, a, b, c))
    }
}

impl Lanes for Instructions<'_, '_> {
    type F = Value;
    type I = Value;
    type M = Value;

    fn f(&self, value: f64) -> Value {
        self.0.borrow_mut().graph.bits(Ty::F64, value.to_bits())
    }

    fn i(&self, value: i64) -> Value {
        self.0.borrow_mut().graph.i64(value)
    }

    fn add(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Add, a, b)
    }

    fn sub(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Sub, a, b)
    }

    fn mul(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Mul, a, b)
    }

    fn div(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Div, a, b)
    }

    fn sqrt(&self, a: Value) -> Value {
        self.unary(Unary::Sqrt, a)
    }

    fn fma(&self, a: Value, b: Value, c: Value) -> Value {
        self.fused(FmaKind::MulAdd, a, b, c)
    }

    fn fms(&self, a: Value, b: Value, c: Value) -> Value {
        self.fused(FmaKind::MulSub, a, b, c)
    }

    fn fnma(&self, a: Value, b: Value, c: Value) -> Value {
        self.fused(FmaKind::NegMulAdd, a, b, c)
    }

    fn min(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Min, a, b)
    }

    fn max(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Max, a, b)
    }

    fn round(&self, a: Value) -> Value {
        self.unary(Unary::RoundEven, a)
    }

    fn floor(&self, a: Value) -> Value {
        self.unary(Unary::Floor, a)
    }

    fn ceil(&self, a: Value) -> Value {
        self.unary(Unary::Ceil, a)
    }

    fn trunc(&self, a: Value) -> Value {
        self.unary(Unary::Trunc, a)
    }

    fn neg(&self, a: Value) -> Value {
        self.unary(Unary::Neg, a)
    }

    fn abs(&self, a: Value) -> Value {
        self.unary(Unary::Abs, a)
    }

    fn lt(&self, a: Value, b: Value) -> Value {
        self.compare(Compare::Lt, a, b)
    }

    fn le(&self, a: Value, b: Value) -> Value {
        self.compare(Compare::Le, a, b)
    }

    fn eq(&self, a: Value, b: Value) -> Value {
        self.compare(Compare::Eq, a, b)
    }

    fn both(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::And, a, b)
    }

    fn any_of(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Or, a, b)
    }

    fn not(&self, a: Value) -> Value {
        self.unary(Unary::Not, a)
    }

    fn select(&self, mask: Value, a: Value, b: Value) -> Value {
        self.0.borrow_mut().graph.select(mask, a, b)
    }

    fn bits(&self, a: Value) -> Value {
        self.0.borrow_mut().graph.convert(Convert::Bits, a, Ty::I64)
    }

    fn from_bits(&self, a: Value) -> Value {
        self.0.borrow_mut().graph.convert(Convert::Bits, a, Ty::F64)
    }

    fn iadd(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Add, a, b)
    }

    fn isub(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Sub, a, b)
    }

    fn and(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::And, a, b)
    }

    fn or(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Or, a, b)
    }

    fn xor(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Xor, a, b)
    }

    fn shl(&self, a: Value, by: u32) -> Value {
        self.0.borrow_mut().graph.shift(Shift::Shl, a, by as u8)
    }

    fn shr(&self, a: Value, by: u32) -> Value {
        self.0.borrow_mut().graph.shift(Shift::Shr, a, by as u8)
    }

    fn test_bit(&self, a: Value, bit: u32) -> Value {
        let top = self.shl(a, 63 - bit);
        self.compare(Compare::Lt, top, self.i(0))
    }

    fn lookup(&self, table: &'static [f64], index: Value) -> Value {
        let index = self.and(index, self.i(table.len() as i64 - 1));
        let words: Vec<u64> = table.iter().map(|x| x.to_bits()).collect();
        let graph = &mut self.0.borrow_mut().graph;
        let known = graph.strip.tables.iter().find(|(_, known)| **known == words).map(|(table, _)| table);
        let table = known.unwrap_or_else(|| graph.strip.tables.push(words));
        graph.define(Ty::F64, Op::Lookup { table, index })
    }

    fn rare<const N: usize>(
        &self,
        mask: Value,
        usual: [Value; N],
        slow: impl FnOnce() -> [Value; N],
    ) -> [Value; N] {
        let mut made_of = vec![mask];
        made_of.extend(usual);
        let cond = {
            let builder = &mut self.0.borrow_mut();
            // Lanes that are not here may hold anything.
            let here = builder.masked(mask);
            let cond = builder.graph.any(here);
            made_of.push(cond);
            if let Some(known) = builder.graph.known_branch(&made_of) {
                return std::array::from_fn(|at| known[at]);
            }
            builder.graph.open();
            cond
        };
        let slow = slow();
        let graph = &mut self.0.borrow_mut().graph;
        let chosen: Vec<Value> =
            slow.iter().zip(&usual).map(|(&slow, &usual)| graph.select(mask, slow, usual)).collect();
        let then = graph.close();
        let mut results = usual;
        let mut merged = Vec::new();
        for (result, &chosen) in results.iter_mut().zip(&chosen) {
            let ty = graph.ty(chosen);
            let value = graph.fresh(ty);
            merged.push((value, chosen, *result));
            *result = value;
        }
        graph.push(Inst::Branch(Box::new(Branch { cond, then, orelse: Vec::new(), results: merged })));
        graph.remember_branch(made_of, results.to_vec());
        results
    }
}
